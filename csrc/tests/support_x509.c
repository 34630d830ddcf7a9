/*
 * support_x509.c: making certificates: X509_sign(3), X509V3_EXT_nconf (see
 * x509v3_config(5)), X509_CRL_sign(3).
 */
#include "support_x509.h"

#include <dirent.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DAY = 24 * 60 * 60 };

/* ------------------------------------------------------------------- keys */

static EVP_PKEY *
make_key(int bits)
{
  EVP_PKEY_CTX *ctx =
    EVP_PKEY_CTX_new_id(bits ? EVP_PKEY_RSA : EVP_PKEY_EC, NULL);
  EVP_PKEY *key = NULL;

  assert_true(EVP_PKEY_keygen_init(ctx) > 0);
  if (bits)
    assert_true(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits) > 0);
  else
    assert_true(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(
                  ctx, NID_X9_62_prime256v1) > 0);
  assert_true(EVP_PKEY_keygen(ctx, &key) > 0);
  EVP_PKEY_CTX_free(ctx);
  return key;
}

/* ------------------------------------------------------------- extensions */

static void
add_extension(struct made *made, const struct made *issuer, const char *text)
{
  char name[64];
  const char *equals = strchr(text, '=');
  X509V3_CTX ctx;
  X509_EXTENSION *ext;
  int at;

  assert_non_null(equals);
  snprintf(name, sizeof name, "%.*s", (int)(equals - text), text);
  X509V3_set_ctx_nodb(&ctx);
  X509V3_set_ctx(&ctx, issuer->x509, made->x509, NULL, NULL, 0);
  ext = X509V3_EXT_nconf(NULL, &ctx, name, (char *)equals + 1);
  assert_non_null(ext);
  at = X509_get_ext_by_OBJ(made->x509, X509_EXTENSION_get_object(ext), -1);
  if (at >= 0)
    X509_EXTENSION_free(X509_delete_ext(made->x509, at));
  assert_true(X509_add_ext(made->x509, ext, -1));
  X509_EXTENSION_free(ext);
}

static void
add_extensions(struct made *made, const struct recipe *recipe)
{
  const struct made *issuer = recipe->issuer ? recipe->issuer : made;
  size_t i;

  add_extension(made, issuer, recipe->authority
                ? "basicConstraints=critical,CA:TRUE"
                : "basicConstraints=critical,CA:FALSE");
  add_extension(made, issuer, recipe->authority
                ? "keyUsage=critical,keyCertSign,cRLSign"
                : "keyUsage=critical,digitalSignature");
  add_extension(made, issuer, "subjectKeyIdentifier=hash");
  if (recipe->issuer)
    add_extension(made, issuer, "authorityKeyIdentifier=keyid");
  for (i = 0; i < COUNT(recipe->extensions) && recipe->extensions[i]; i++)
    add_extension(made, issuer, recipe->extensions[i]);
  if (recipe->names)
    assert_true(X509_add1_ext_i2d(made->x509, NID_subject_alt_name,
                                  (void *)recipe->names, 0, 0) == 1);
}

void
san_add(GENERAL_NAMES **names, int type, const void *bytes, size_t len)
{
  GENERAL_NAME *name = GENERAL_NAME_new();
  ASN1_STRING *s =
    ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING
                                           : V_ASN1_IA5STRING);

  if (*names == NULL)
    *names = sk_GENERAL_NAME_new_null();
  assert_true(ASN1_STRING_set(s, bytes, (int)len));
  GENERAL_NAME_set0_value(name, type, s);
  assert_true(sk_GENERAL_NAME_push(*names, name) > 0);
}

/* ----------------------------------------------------------- certificates */

static void
set_subject(X509 *x509, const char *subject)
{
  X509_NAME *name = X509_NAME_new();

  if (subject)
    assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                           (const unsigned char *)subject, -1,
                                           -1, 0));
  assert_true(X509_set_subject_name(x509, name));
  X509_NAME_free(name);
}

void
x509_make(struct made *made, const struct recipe *recipe)
{
  static long serial = 1000;
  const struct made *issuer = recipe->issuer ? recipe->issuer : made;
  int to = recipe->from == 0 && recipe->to == 0 ? 365 : recipe->to;
  long skew = recipe->from == 0 ? -60L : 0;

  made->x509 = X509_new();
  made->key = make_key(recipe->bits);
  assert_true(X509_set_version(made->x509, 2));
  ASN1_INTEGER_set(X509_get_serialNumber(made->x509), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made->x509),
                  (long)recipe->from * DAY + skew);
  X509_gmtime_adj(X509_getm_notAfter(made->x509), (long)to * DAY);
  set_subject(made->x509, recipe->subject);
  assert_true(X509_set_issuer_name(made->x509,
                                   X509_get_subject_name(issuer->x509)));
  assert_true(X509_set_pubkey(made->x509, made->key));
  add_extensions(made, recipe);
  assert_true(X509_sign(made->x509, issuer->key, EVP_sha256()) > 0);
}

void
x509_free(struct made *made)
{
  X509_free(made->x509);
  EVP_PKEY_free(made->key);
  memset(made, 0, sizeof *made);
}

/* -------------------------------------------------------- in other shapes */

static char *
take_text(BIO *mem)
{
  char *data, *text;
  long len = BIO_get_mem_data(mem, &data);

  text = malloc((size_t)len + 1);
  assert_non_null(text);
  memcpy(text, data, (size_t)len);
  text[len] = '\0';
  BIO_free(mem);
  return text;
}

char *
x509_pem(const struct made *made)
{
  BIO *mem = BIO_new(BIO_s_mem());

  assert_true(PEM_write_bio_X509(mem, made->x509));
  return take_text(mem);
}

char *
x509_key_pem(const struct made *made)
{
  BIO *mem = BIO_new(BIO_s_mem());

  assert_true(PEM_write_bio_PKCS8PrivateKey(mem, made->key, NULL, NULL, 0,
                                            NULL, NULL));
  return take_text(mem);
}

sslc_cert *
x509_cert(const struct made *made)
{
  char *pem = x509_pem(made);
  sslc_cert *cert;

  assert_ok(sslc_cert_new_pem(pem, strlen(pem), &cert, NULL), NULL);
  free(pem);
  return cert;
}

static void
add_revoked(X509_CRL *crl, const struct made *made)
{
  X509_REVOKED *revoked = X509_REVOKED_new();
  ASN1_TIME *t = X509_gmtime_adj(NULL, -DAY);

  assert_true(X509_REVOKED_set_serialNumber(
    revoked, X509_get_serialNumber(made->x509)));
  assert_true(X509_REVOKED_set_revocationDate(revoked, t));
  assert_true(X509_CRL_add0_revoked(crl, revoked));
  ASN1_TIME_free(t);
}

char *
x509_crl_pem(const struct made *issuer, const struct made *revoked, int from,
             int to)
{
  X509_CRL *crl = X509_CRL_new();
  ASN1_TIME *begin = X509_gmtime_adj(NULL, (long)from * DAY - 60);
  ASN1_TIME *end = X509_gmtime_adj(NULL, (long)to * DAY);
  BIO *mem = BIO_new(BIO_s_mem());

  assert_true(X509_CRL_set_version(crl, 1));
  assert_true(X509_CRL_set_issuer_name(crl,
                                       X509_get_subject_name(issuer->x509)));
  assert_true(X509_CRL_set1_lastUpdate(crl, begin));
  assert_true(X509_CRL_set1_nextUpdate(crl, end));
  if (revoked)
    add_revoked(crl, revoked);
  assert_true(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
  assert_true(PEM_write_bio_X509_CRL(mem, crl));
  ASN1_TIME_free(begin);
  ASN1_TIME_free(end);
  X509_CRL_free(crl);
  return take_text(mem);
}

/* ------------------------------------------------------------ directories */

void
x509_write_hashed(const char *dir, const struct made *issuer,
                  const char *suffix, const char *text)
{
  char path[128], hidden[128];
  FILE *f;

  snprintf(path, sizeof path, "%s/%08lx.%s", dir,
           X509_NAME_hash(X509_get_subject_name(issuer->x509)), suffix);
  snprintf(hidden, sizeof hidden, "%s/new", dir);
  f = fopen(hidden, "w");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0);
  assert_int_equal(fclose(f), 0);
  assert_int_equal(rename(hidden, path), 0);
}

void
make_temp_dir(char path[64])
{
  const char *tmp = getenv("TMPDIR");

  snprintf(path, 64, "%.40s/sslc-XXXXXX", tmp ? tmp : "/tmp");
  assert_non_null(mkdtemp(path));
}

void
remove_temp_dir(const char *path)
{
  DIR *dir = opendir(path);
  struct dirent *e;
  char file[400];

  assert_non_null(dir);
  while ((e = readdir(dir)) != NULL) {
    snprintf(file, sizeof file, "%s/%s", path, e->d_name);
    unlink(file);
  }
  closedir(dir);
  assert_int_equal(rmdir(path), 0);
}

/* ---------------------------------------------------------------- contexts */

sslc_ctx *
ctx_with_identity(const struct made *leaf, const char *more_pem)
{
  sslc_ctx *ctx = sslc_ctx_new();
  char *pem = x509_pem(leaf), *key = x509_key_pem(leaf);
  size_t size = strlen(pem) + (more_pem ? strlen(more_pem) : 0) + 1;
  char *all = malloc(size);

  assert_non_null(all);
  snprintf(all, size, "%s%s", pem, more_pem ? more_pem : "");
  assert_ok(sslc_ctx_use_certificate_pem(ctx, all, strlen(all)),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_private_key_pem(ctx, key, strlen(key)),
            sslc_ctx_error(ctx));
  free(all);
  free(pem);
  free(key);
  return ctx;
}

sslc_ctx *
ctx_trusting(const struct made *root)
{
  sslc_ctx *ctx = sslc_ctx_new();
  char *pem = x509_pem(root);

  assert_ok(sslc_ctx_load_verify_pem(ctx, pem, strlen(pem)),
            sslc_ctx_error(ctx));
  free(pem);
  return ctx;
}
