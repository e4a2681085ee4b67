/* Facts about running out of memory in tls.c: every allocation of OpenSSL's too fails in its turn
 * while certificates are read. */
#include "test.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls.h"

static void *ssl_malloc(size_t size, const char *file, int line) {
    (void)file, (void)line;
    return e2b_malloc(size);
}

static void *ssl_realloc(void *ptr, size_t size, const char *file, int line) {
    (void)file, (void)line;
    if (size > 0) return e2b_realloc(ptr, size);
    e2b_free(ptr);
    return NULL;
}

static void ssl_free(void *ptr, const char *file, int line) {
    (void)file, (void)line;
    e2b_free(ptr);
}

/* Before OpenSSL has allocated anything; afterwards it refuses. */
__attribute__((constructor)) static void use_our_heap(void) {
    if (CRYPTO_set_mem_functions(ssl_malloc, ssl_realloc, ssl_free) != 1) abort();
}

static char pem[4096];
static SSL_CTX *context;

/* Two certificates that sign themselves. */
static void make_pem(void) {
    BIO *out = BIO_new(BIO_s_mem());
    for (int i = 0; i < 2; i++) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *certificate = X509_new();
        CHECK(key != NULL && certificate != NULL && out != NULL);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), i + 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        X509_NAME *subject = X509_get_subject_name(certificate);
        const unsigned char *name = (const unsigned char *)(i == 0 ? "one" : "two");
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0);
        X509_set_issuer_name(certificate, subject);
        CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
        CHECK(PEM_write_bio_X509(out, certificate) == 1);
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
    int len = BIO_read(out, pem, sizeof pem - 1);
    CHECK(len > 0);
    pem[len] = '\0';
    BIO_free(out);
}

static int installed(void) {
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(context)));
}

/* True: all of it was had. A store that lacks a certificate for want of memory would refuse a far
 * end for ever, so it must not be kept. */
static bool install(void) {
    e2b_trust_t *trust = NULL;
    int code = e2b_trust_create(pem, strlen(pem), &trust);
    if (code == E2B_OK) code = e2b_trust_install(trust, context);
    CHECK(code == E2B_OK || code == E2B_ERR_OUT_OF_MEMORY);
    if (code == E2B_OK) CHECK_INT(installed(), 2);
    if (trust != NULL && code != E2B_OK) { /* the next connection tries again */
        e2b_alloc_fail_after(-1);
        CHECK_INT(e2b_trust_install(trust, context), E2B_OK);
        CHECK_INT(installed(), 2);
    }
    e2b_trust_release(trust);
    ERR_clear_error();
    return code == E2B_OK;
}

TEST(
    "certificates that were read without memory for all of them are not kept as if they were all") {
    make_pem();
    context = SSL_CTX_new(TLS_client_method());
    CHECK(context != NULL);
    CHECK(install()); /* what OpenSSL allocates once in a process is had */
    CHECK(test_out_of_memory(install) > 50);
    SSL_CTX_free(context);
}

TEST("nor when one allocation alone has failed") {
    make_pem();
    context = SSL_CTX_new(TLS_client_method());
    CHECK(context != NULL);
    bool came = true;
    for (long n = 0; came; n++) {
        e2b_alloc_fail_once(n);
        install();
        came = !e2b_alloc_fail_waits();
        e2b_alloc_fail_after(-1);
        CHECK(n < 10000);
    }
    SSL_CTX_free(context);
}

/* 20 ms for Node's roots, which the loop thread must not spend, nor each connection. */
TEST("a store is parsed at its first connection, not before, and all later ones share it") {
    make_pem();
    SSL_CTX *contexts[2] = {SSL_CTX_new(TLS_client_method()), SSL_CTX_new(TLS_client_method())};
    CHECK(contexts[0] != NULL && contexts[1] != NULL);
    e2b_trust_t *trust = NULL;
    e2b_alloc_fail_after(2); /* the trust, and a copy of the text */
    CHECK_INT(e2b_trust_create(pem, strlen(pem), &trust), E2B_OK);
    CHECK_INT(e2b_trust_install(trust, contexts[0]), E2B_ERR_OUT_OF_MEMORY);
    e2b_alloc_fail_after(-1);
    CHECK_INT(e2b_trust_install(trust, contexts[0]), E2B_OK);
    X509_STORE *store = SSL_CTX_get_cert_store(contexts[0]);
    e2b_alloc_fail_after(0); /* parses nothing, copies nothing */
    for (int i = 0; i < 2; i++) {
        CHECK_INT(e2b_trust_install(trust, contexts[i]), E2B_OK);
        CHECK(SSL_CTX_get_cert_store(contexts[i]) == store);
    }
    e2b_alloc_fail_after(-1);
    e2b_trust_release(trust);
    for (int i = 0; i < 2; i++) SSL_CTX_free(contexts[i]);
    ERR_clear_error();
}

TEST_MAIN
