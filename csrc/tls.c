/*
 * tls.c: the shared certificate store. Parsed lazily by the pool thread that first needs it; the
 * lock covers two engines (worker threads) that share one trust. It must never fall back to an
 * unverified connection: a store that cannot be made fails the connection.
 */
#include "tls.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "alloc.h"

#define NO_FOLDER "/dev/null/e2b-trust-"

struct e2b_trust {
    atomic_int references;
    pthread_mutex_t lock;
    char *pem; /* freed once parsed */
    size_t pem_len;
    X509_STORE *store;
    char name[48];
};

/* process-global: names must differ in all engines of the process, for as long as it lives. */
static atomic_ullong trusts_made;

int e2b_trust_create(const char *pem, size_t len, e2b_trust_t **out) {
    *out = NULL;
    e2b_trust_t *trust = e2b_calloc(1, sizeof *trust);
    if (!trust) return E2B_ERR_OUT_OF_MEMORY;
    trust->pem = e2b_malloc(len); /* not as a string: a NUL in it must not end the copy */
    if (trust->pem && len > 0) memcpy(trust->pem, pem, len);
    if (!trust->pem || pthread_mutex_init(&trust->lock, NULL) != 0) {
        e2b_free(trust->pem);
        e2b_free(trust);
        return E2B_ERR_OUT_OF_MEMORY;
    }
    trust->pem_len = len;
    snprintf(trust->name, sizeof trust->name, NO_FOLDER "%llu", atomic_fetch_add(&trusts_made, 1));
    atomic_init(&trust->references, 1);
    *out = trust;
    return E2B_OK;
}

const char *e2b_trust_name(const e2b_trust_t *trust) {
    return trust ? trust->name : NO_FOLDER "none";
}

void e2b_trust_retain(e2b_trust_t *trust) {
    if (trust) atomic_fetch_add(&trust->references, 1);
}

void e2b_trust_release(e2b_trust_t *trust) {
    if (!trust || atomic_fetch_sub(&trust->references, 1) != 1) return;
    pthread_mutex_destroy(&trust->lock);
    X509_STORE_free(trust->store);
    e2b_free(trust->pem);
    e2b_free(trust);
}

/* Whether what has just failed in OpenSSL failed for want of memory; then it may also have failed
 * to say so. */
static bool was_shortage(void) {
    bool shortage = ERR_peek_error() == 0;
    for (unsigned long why; (why = ERR_get_error()) != 0;)
        if (ERR_GET_REASON(why) == ERR_R_MALLOC_FAILURE) shortage = true;
    return shortage;
}

/* Adds every certificate of the text. One that cannot be read is skipped, as Node does with
 * NODE_EXTRA_CA_CERTS, but none for want of memory: the store is kept. False: out of memory. */
static bool add_all(X509_STORE *store, BIO *bio) {
    for (;;) {
        size_t before = BIO_ctrl_pending(bio);
        ERR_clear_error();
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (certificate) {
            bool added = X509_STORE_add_cert(store, certificate) == 1; /* a duplicate is no error */
            X509_free(certificate);
            if (!added) return false;
            continue;
        }
        if (ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE) return true;
        if (was_shortage() || BIO_ctrl_pending(bio) == before) return false;
    }
}

/* A text without any certificate gives an empty store, which then trusts nobody: that is right. */
static X509_STORE *parse(const char *pem, size_t len) {
    if (len > INT_MAX) return NULL;
    X509_STORE *store = X509_STORE_new();
    BIO *bio = BIO_new_mem_buf(pem, (int)len);
    bool whole = store && bio && add_all(store, bio);
    ERR_clear_error();
    BIO_free(bio);
    if (whole) return store;
    X509_STORE_free(store);
    return NULL;
}

int e2b_trust_install(e2b_trust_t *trust, void *ssl_ctx) {
    pthread_mutex_lock(&trust->lock);
    if (!trust->store) {
        trust->store = parse(trust->pem, trust->pem_len);
        if (trust->store) {
            e2b_free(trust->pem);
            trust->pem = NULL;
        }
    }
    X509_STORE *store = trust->store;
    pthread_mutex_unlock(&trust->lock);
    if (!store) return E2B_ERR_OUT_OF_MEMORY;
    SSL_CTX_set1_cert_store(ssl_ctx, store);
    return E2B_OK;
}

int e2b_tls_verdict(long result) {
    switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return E2B_ERR_CERTIFICATE_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return E2B_ERR_CERTIFICATE_NOT_YET_VALID;
    /* The name is compared by libcurl itself, when all else is well and before it notes that. */
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED:
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return E2B_ERR_CERTIFICATE_NAME;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return E2B_ERR_CERTIFICATE_SELF_SIGNED;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN: /* a whole chain up to an authority of its own */
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return E2B_ERR_CERTIFICATE_UNKNOWN_ISSUER;
    default:
        return E2B_ERR_CERTIFICATE_REFUSED;
    }
}

bool e2b_tls_is_http2(void *ssl) {
    const unsigned char *protocol = NULL;
    unsigned len = 0;
    if (ssl) SSL_get0_alpn_selected(ssl, &protocol, &len);
    return len == 2 && memcmp(protocol, "h2", 2) == 0;
}
