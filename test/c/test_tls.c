/* Facts about tls.c: what text makes which store. Connections over TLS are tested through the
 * addon, against a far end with certificates of its own. */
#include "drive.h"

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls.h"

/* A certificate that signs itself. Given: free(). */
static char *make_certificate(const char *name) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    BIO *out = BIO_new(BIO_s_mem());
    CHECK(key != NULL && certificate != NULL && out != NULL);
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    CHECK(X509_sign(certificate, key, EVP_sha256()) > 0);
    CHECK(PEM_write_bio_X509(out, certificate) == 1);
    char *data;
    long len = BIO_get_mem_data(out, &data);
    char *text = calloc(1, (size_t)len + 1);
    CHECK(text != NULL);
    memcpy(text, data, (size_t)len);
    BIO_free(out);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return text;
}

/* How many certificates a connection would trust. */
static int trusted(const char *pem, size_t len) {
    e2b_trust_t *trust = NULL;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    char *exact = test_exact(pem, len);
    CHECK_INT(e2b_trust_create(exact, len, &trust), E2B_OK);
    free(exact);
    for (int i = 0; i < 2; i++) CHECK_INT(e2b_trust_install(trust, context), E2B_OK);
    e2b_trust_retain(trust);
    e2b_trust_release(trust);
    e2b_trust_release(trust); /* the context keeps the store */
    int count = sk_X509_OBJECT_num(X509_STORE_get0_objects(SSL_CTX_get_cert_store(context)));
    SSL_CTX_free(context);
    return count;
}

TEST("every certificate of the text is trusted, whatever stands around it") {
    char *one = make_certificate("one"), *two = make_certificate("two");
    char text[8192];
    CHECK_INT(trusted(one, strlen(one)), 1);
    int len = snprintf(text, sizeof text, "# first\n%s\n\ntext\n%s", one, two);
    CHECK_INT(trusted(text, (size_t)len), 2);
    len = snprintf(text, sizeof text, "%s%s", one, one);
    CHECK_INT(trusted(text, (size_t)len), 1);
    len = snprintf(text, sizeof text,
                   "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n%s", two);
    CHECK_INT(trusted(text, (size_t)len), 1);
    free(one);
    free(two);
}

TEST("a text without certificates trusts nobody") {
    CHECK_INT(trusted("", 0), 0);
    CHECK_INT(trusted("no certificate", 14), 0);
    CHECK_INT(trusted("-----BEGIN CERTIFICATE-----\n", 28), 0);
    CHECK_INT(trusted("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 59), 0);
}

TEST("a NUL in the text is read over, not past") {
    char *one = make_certificate("one");
    size_t len = strlen(one);
    char text[8192];
    memset(text, 0, 200);
    memcpy(text + 200, one, len);
    CHECK(trusted(text, 200 + len) <= 1);
    memcpy(text, one, len);
    memset(text + len, 0, 4000);
    CHECK_INT(trusted(text, len + 4000), 1);
    free(one);
}

TEST_MAIN
