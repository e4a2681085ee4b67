/*
 * sign.c: the address of a file that whoever has it may read or write without any key. Sends
 * nothing, but for the look-up of the sandbox's credentials when they are not known: the signature
 * is made with its token. Constructor on the loop thread, the rest on the pool thread. The token
 * must not leave this file.
 */
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"
#include "base64.h"
#include "files.h"
#include "operation.h"
#include "url.h"

#define MAX_PATH 4096 /* as Linux */
#define MAX_TEXT 8192
#define DIGEST_BYTES 32 /* SHA-256 */

typedef struct sign_op {
    e2b_op_t op;
    char *path, *user;
    bool write;
    int64_t expires_at; /* Unix seconds; 0: never */
} sign_op_t;

/* "v1_" and the base64, without padding, of SHA-256 of path:operation:user:token[:expiration]. */
static int sign(const sign_op_t *self, const char *token, e2b_buf_t *out) {
    unsigned char digest[DIGEST_BYTES];
    unsigned int digest_len = 0;
    e2b_buf_t text;
    e2b_buf_init_secret(&text, MAX_TEXT);
    int code = e2b_buf_printf(&text, "%s:%s:%s:%s", self->path, self->write ? "write" : "read",
                              self->user ? self->user : "", token);
    if (code == E2B_OK && self->expires_at > 0) {
        code = e2b_buf_printf(&text, ":%" PRId64, self->expires_at);
    }
    if (code == E2B_OK &&
        EVP_Digest(text.data, text.len, digest, &digest_len, EVP_sha256(), NULL) != 1) {
        code = E2B_ERR_OUT_OF_MEMORY;
    }
    if (code == E2B_OK) code = e2b_buf_puts(out, "v1_");
    if (code == E2B_OK) code = e2b_base64_encode(out, digest, digest_len);
    while (code == E2B_OK && out->data[out->len - 1] == '=') out->data[--out->len] = '\0';
    e2b_buf_destroy(&text);
    return code;
}

/* The query in the order of the official client's. */
static int build_url(const sign_op_t *self, e2b_buf_t *url) {
    const e2b_access_t *access = self->op.credentials;
    bool first = true;
    e2b_buf_t signature;
    e2b_buf_init(&signature, 64);
    int code = e2b_config_own_url(self->op.config, self->op.sandbox_id, E2B_DAEMON_PORT,
                                  access->domain, url);
    if (code == E2B_OK) code = e2b_buf_puts(url, "/files");
    if (code == E2B_OK && self->user) code = e2b_url_query(url, "username", self->user, &first);
    if (code == E2B_OK) code = e2b_url_query(url, "path", self->path, &first);
    if (code == E2B_OK && access->token[0]) {
        code = sign(self, access->token, &signature);
        if (code == E2B_OK) code = e2b_url_query(url, "signature", signature.data, &first);
        if (code == E2B_OK && self->expires_at > 0) {
            char text[24];
            snprintf(text, sizeof text, "%" PRId64, self->expires_at);
            code = e2b_url_query(url, "signature_expiration", text, &first);
        }
    }
    e2b_buf_destroy(&signature);
    return code;
}

static void advance(e2b_op_t *op) {
    if (!e2b_op_need_access(op)) return;
    if (build_url((sign_op_t *)op, &op->body) == E2B_OK)
        e2b_op_finish(op);
    else
        e2b_op_fail_memory(op);
}

static void destroy(e2b_op_t *op) {
    e2b_free(((sign_op_t *)op)->path);
    e2b_free(((sign_op_t *)op)->user);
}

static const e2b_op_class_t sign_class = {"signing a file's address", advance, NULL, destroy, NULL};

int e2b_op_sign_file(const e2b_call_t *call, const char *sandbox_id, const char *path,
                     const char *user, bool write, int64_t expires_at, e2b_op_t **out,
                     e2b_err_t *err) {
    *out = NULL;
    if (e2b_files_check(path, user, err) != E2B_OK) return err->code;
    if (strlen(path) > MAX_PATH) return e2b_op_refuse(E2B_ERR_INVALID_ARGUMENT, "path", err);
    if (expires_at < 0) {
        return e2b_err_set(err, E2B_ERR_INVALID_ARGUMENT, "the expiry must not be negative");
    }
    if (e2b_op_check_id(sandbox_id, err) != E2B_OK) return err->code;
    sign_op_t *self = (sign_op_t *)e2b_op_new(sizeof *self, &sign_class, call, sandbox_id, err);
    if (!self) return err->code;
    self->write = write;
    self->expires_at = expires_at;
    self->path = e2b_strdup(path);
    self->user = e2b_strdup(user);
    if (!self->path || (user && !self->user)) {
        e2b_op_free(&self->op);
        return e2b_err_set(err, E2B_ERR_OUT_OF_MEMORY, "out of memory");
    }
    *out = &self->op;
    return E2B_OK;
}
