/*
 * support_pki.c: X509_sign(3), OCSP_basic_sign(3) for the tests.
 */
#include "support_pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/ec.h>
#include <openssl/sha.h>

enum { HOUR = 3600, DAY = 24 * HOUR };

/* ----------------------------------------------------------- certificates */

static EVP_PKEY *
make_key(void)
{
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
  EVP_PKEY *key = NULL;

  assert_true(EVP_PKEY_keygen_init(ctx) > 0);
  assert_true(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(
                ctx, NID_X9_62_prime256v1) > 0);
  assert_true(EVP_PKEY_keygen(ctx, &key) > 0);
  EVP_PKEY_CTX_free(ctx);
  return key;
}

static void
add_extension(X509 *cert, X509 *issuer, const char *text)
{
  X509V3_CTX ctx;
  X509_EXTENSION *ext;
  char name[64];
  size_t len = strcspn(text, "=");

  assert_true(len < sizeof name && text[len] == '=');
  memcpy(name, text, len);
  name[len] = '\0';
  X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
  ext = X509V3_EXT_nconf(NULL, &ctx, name, text + len + 1);
  assert_non_null(ext);
  assert_true(X509_add_ext(cert, ext, -1));
  X509_EXTENSION_free(ext);
}

static void
set_name(X509 *cert, const char *text)
{
  X509_NAME *name = X509_NAME_new();

  assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                         (const unsigned char *)text, -1, -1,
                                         0));
  assert_true(X509_set_subject_name(cert, name));
  X509_NAME_free(name);
}

struct pair
pair_make(const char *name, const struct pair *issuer,
          const char *const *extensions)
{
  static long serial = 1000;
  struct pair made = { X509_new(), make_key() };
  const struct pair *by = issuer != NULL ? issuer : &made;

  assert_true(X509_set_version(made.cert, 2));
  ASN1_INTEGER_set(X509_get_serialNumber(made.cert), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made.cert), -HOUR);
  X509_gmtime_adj(X509_getm_notAfter(made.cert), DAY);
  set_name(made.cert, name);
  assert_true(X509_set_issuer_name(made.cert,
                                   X509_get_subject_name(by->cert)));
  assert_true(X509_set_pubkey(made.cert, made.key));
  for (; extensions != NULL && *extensions != NULL; extensions++)
    add_extension(made.cert, by->cert, *extensions);
  assert_true(X509_sign(made.cert, by->key, EVP_sha256()) > 0);
  return made;
}

void
pair_free(struct pair *pair)
{
  X509_free(pair->cert);
  EVP_PKEY_free(pair->key);
}

struct pair
pair_authority(const char *name, const struct pair *issuer)
{
  static const char *const extensions[] = {
    "basicConstraints=critical,CA:TRUE",
    "keyUsage=critical,keyCertSign,cRLSign", NULL
  };

  return pair_make(name, issuer, extensions);
}

struct pair
pair_server(const char *name, const struct pair *issuer,
            const char *const *more)
{
  const char *extensions[8] = {
    "basicConstraints=critical,CA:FALSE", "subjectAltName=DNS:localhost",
    "extendedKeyUsage=serverAuth", NULL
  };
  size_t n = 3;

  while (more != NULL && *more != NULL)
    extensions[n++] = *more++;
  return pair_make(name, issuer, extensions);
}

/* --------------------------------------------------------------- contexts */

sslc_ctx *
pair_server_ctx(const struct pair *pair, const struct pair *next)
{
  sslc_ctx *ctx = sslc_ctx_new();
  BIO *certs = BIO_new(BIO_s_mem()), *key = BIO_new(BIO_s_mem());
  char *pem;
  long len;

  assert_true(PEM_write_bio_X509(certs, pair->cert));
  if (next != NULL)
    assert_true(PEM_write_bio_X509(certs, next->cert));
  len = BIO_get_mem_data(certs, &pem);
  assert_ok(sslc_ctx_use_certificate_pem(ctx, pem, (size_t)len),
            sslc_ctx_error(ctx));
  assert_true(PEM_write_bio_PrivateKey(key, pair->key, NULL, NULL, 0, NULL,
                                       NULL));
  len = BIO_get_mem_data(key, &pem);
  assert_ok(sslc_ctx_use_private_key_pem(ctx, pem, (size_t)len),
            sslc_ctx_error(ctx));
  BIO_free(certs);
  BIO_free(key);
  return ctx;
}

sslc_ctx *
pair_client_ctx(const struct pair *root)
{
  sslc_ctx *ctx = sslc_ctx_new();
  BIO *certs = BIO_new(BIO_s_mem());
  char *pem;
  long len;

  assert_true(PEM_write_bio_X509(certs, root->cert));
  len = BIO_get_mem_data(certs, &pem);
  assert_ok(sslc_ctx_load_verify_pem(ctx, pem, (size_t)len),
            sslc_ctx_error(ctx));
  BIO_free(certs);
  return ctx;
}

char *
pair_hex_pin(const struct pair *pair)
{
  unsigned char digest[SHA256_DIGEST_LENGTH], *der = NULL;
  int len = i2d_PUBKEY(pair->key, &der);
  char *text = malloc(2 * sizeof digest + 1);
  size_t i;

  assert_true(len > 0);
  SHA256(der, (size_t)len, digest);
  for (i = 0; i < sizeof digest; i++)
    snprintf(text + 2 * i, 3, "%02X", digest[i]);
  OPENSSL_free(der);
  return text;
}

/* ---------------------------------------------------------- OCSP responses */

static void
add_status(OCSP_BASICRESP *basic, const struct ocsp *ocsp)
{
  const EVP_MD *md = ocsp->digest != NULL ? EVP_get_digestbyname(ocsp->digest)
                                          : EVP_sha1();
  OCSP_CERTID *id =
    OCSP_cert_to_id(md, ocsp->leaf->cert, ocsp->issuer->cert);
  ASN1_TIME *from = X509_gmtime_adj(NULL, ocsp->from);
  ASN1_TIME *to = ocsp->to != 0 ? X509_gmtime_adj(NULL, ocsp->to) : NULL;
  int gone = ocsp->status == V_OCSP_CERTSTATUS_REVOKED;

  assert_non_null(OCSP_basic_add1_status(
    basic, id, ocsp->status, OCSP_REVOKED_STATUS_KEYCOMPROMISE,
    gone ? from : NULL, from, to));
  OCSP_CERTID_free(id);
  ASN1_TIME_free(from);
  ASN1_TIME_free(to);
}

unsigned char *
ocsp_make(const struct ocsp *ocsp, size_t *len)
{
  OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
  OCSP_RESPONSE *response;
  const EVP_MD *md = ocsp->digest != NULL ? EVP_get_digestbyname(ocsp->digest)
                                          : EVP_sha256();
  unsigned char *der = NULL;
  int n;

  add_status(basic, ocsp);
  assert_true(OCSP_basic_sign(basic, ocsp->signer->cert, ocsp->signer->key, md,
                              NULL, ocsp->embed ? 0 : OCSP_NOCERTS));
  response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  n = i2d_OCSP_RESPONSE(response, &der);
  assert_true(n > 0);
  *len = (size_t)n;
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  return der;
}
