/*
 * test_identity_forms.c: the forms a certificate and its key come in: DER,
 * PKCS #12 (RFC 7292), URIs, and where the password of an encrypted one comes
 * from.
 */
#include "ossl_compat.h"
#include "support.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- making */

static EVP_PKEY *
load_key(const char *file)
{
  BIO *bio = BIO_new_file(cert_path(file), "rb");
  EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);

  assert_non_null(key);
  BIO_free(bio);
  return key;
}

/* All that the file has. */
static STACK_OF(X509) *
load_certs(const char *file)
{
  STACK_OF(X509) *all = sk_X509_new_null();
  BIO *bio = BIO_new_file(cert_path(file), "rb");
  X509 *x509;

  assert_non_null(bio);
  while ((x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
    assert_true(sk_X509_push(all, x509));
  ERR_clear_error();
  BIO_free(bio);
  return all;
}

/* What was written into memory; to be freed. */
static unsigned char *
take(BIO *mem, size_t *len)
{
  char *bytes;
  *len = (size_t)BIO_get_mem_data(mem, &bytes);
  unsigned char *copy = malloc(*len);

  assert_non_null(copy);
  memcpy(copy, bytes, *len);
  BIO_free(mem);
  return copy;
}

static unsigned char *
der_cert(const char *file, size_t *len)
{
  STACK_OF(X509) *all = load_certs(file);
  BIO *mem = BIO_new(BIO_s_mem());

  assert_true(i2d_X509_bio(mem, sk_X509_value(all, 0)));
  sk_X509_pop_free(all, X509_free);
  return take(mem, len);
}

enum key_form { TRADITIONAL, PKCS8, ENCRYPTED };

static unsigned char *
der_key(const char *file, enum key_form form, size_t *len)
{
  EVP_PKEY *key = load_key(file);
  BIO *mem = BIO_new(BIO_s_mem());
  int ok;

  if (form == TRADITIONAL)
    ok = i2d_PrivateKey_bio(mem, key);
  else if (form == PKCS8)
    ok = i2d_PKCS8PrivateKey_bio(mem, key, NULL, NULL, 0, NULL, NULL);
  else
    ok = i2d_PKCS8PrivateKey_bio(mem, key, EVP_aes_256_cbc(), "secret", 6,
                                 NULL, NULL);
  assert_true(ok);
  EVP_PKEY_free(key);
  return take(mem, len);
}

static void
write_temp(char *path, const unsigned char *bytes, size_t len)
{
  int fd = mkstemp(path);
  FILE *f = fdopen(fd, "wb");

  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, len, f), len);
  assert_int_equal(fclose(f), 0);
}

/* ------------------------------------------------------------------ judging */

/* The context serves as the certificate's owner, who sends so many. */
static void
check_serves(sslc_ctx *ctx, const char *subject, size_t sent)
{
  sslc_ctx *client = make_client_ctx();
  struct peers p;

  assert_ok(sslc_ctx_check(ctx), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_insecure_no_verify(client, 1),
            sslc_ctx_error(client));
  peers_init(&p, client, ctx, "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(sslc_cert_subject(sslc_conn_peer_cert(p.client, 0)),
                      subject);
  assert_int_equal(sslc_conn_peer_cert_count(p.client), sent);
  peers_free(&p);
}

/* The last setter failed for this reason, and no connection comes of it. */
static void
check_refused(sslc_ctx *ctx, const char *says)
{
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_FILE);
  assert_phase(sslc_ctx_error(ctx), SSLC_PHASE_CONFIG);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), says);
  assert_status(sslc_ctx_check(ctx), SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_int_equal(ERR_peek_error(), 0);
  sslc_ctx_free(ctx);
}

/* ---------------------------------------------------------------------- DER */

static const struct der {
  const char *test;
  const char *name;
  enum key_form form;
  const char *subject;
} ders[] = {
  { "a key in DER, of its own format", "good", TRADITIONAL, "CN=good" },
  { "a key in DER, PKCS #8", "good", PKCS8, "CN=good" },
  { "an RSA key in DER", "rsa", TRADITIONAL, "CN=rsa" },
  { "an Ed25519 key in DER", "ed25519", PKCS8, "CN=ed25519" },
  { "an encrypted key in DER", "good", ENCRYPTED, "CN=good" },
};

static void
test_der(void **state)
{
  const struct der *row = *state;
  sslc_ctx *ctx = sslc_ctx_new();
  char file[32];
  size_t cert_len, key_len;

  snprintf(file, sizeof file, "%s.pem", row->name);
  unsigned char *cert = der_cert(file, &cert_len);
  snprintf(file, sizeof file, "%s.key", row->name);
  unsigned char *key = der_key(file, row->form, &key_len);
  assert_int_equal(sslc_key_mem_is_encrypted(key, key_len),
                   row->form == ENCRYPTED);
  assert_ok(sslc_ctx_use_certificate_pem(ctx, cert, cert_len),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_key_password(ctx, row->form == ENCRYPTED ? "secret"
                                                                  : NULL),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_private_key_pem(ctx, key, key_len),
            sslc_ctx_error(ctx));
  free(cert);
  free(key);
  check_serves(ctx, row->subject, 1);
}

static void
test_der_files(void **state)
{
  char cert_file[] = "/tmp/sslc-der-XXXXXX";
  char key_file[] = "/tmp/sslc-der-XXXXXX";
  sslc_ctx *ctx = sslc_ctx_new();
  size_t len;

  (void)state;
  unsigned char *bytes = der_cert("good.pem", &len);
  write_temp(cert_file, bytes, len);
  free(bytes);
  bytes = der_key("good.key", PKCS8, &len);
  write_temp(key_file, bytes, len);
  free(bytes);
  assert_ok(sslc_ctx_use_certificate_file(ctx, cert_file),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_private_key_file(ctx, key_file),
            sslc_ctx_error(ctx));
  assert_int_equal(sslc_ctx_files_changed(ctx), 0);
  remove(cert_file);
  assert_int_equal(sslc_ctx_files_changed(ctx), 1);
  remove(key_file);
  check_serves(ctx, "CN=good", 1);
}

/* Neither cut short, nor with something behind it, nor broken. */
static void
test_bad_der(void **state)
{
  size_t len, i;

  (void)state;
  unsigned char *cert = der_cert("good.pem", &len);
  unsigned char *longer = calloc(1, len + 1);
  assert_non_null(longer);
  memcpy(longer, cert, len);
  for (i = 2; i < len; i += 40) {
    sslc_ctx *ctx = sslc_ctx_new();
    assert_status(sslc_ctx_use_certificate_pem(ctx, cert, i),
                  SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
    check_refused(ctx, "cert");
  }
  sslc_ctx *ctx = sslc_ctx_new();
  assert_status(sslc_ctx_use_certificate_pem(ctx, longer, len + 1),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, "malformed");
  free(cert);
  free(longer);
  cert = der_key("good.key", ENCRYPTED, &len);
  for (i = 2; i < len; i += 40) {
    ctx = sslc_ctx_new();
    sslc_ctx_set_key_password(ctx, "secret");
    assert_status(sslc_ctx_use_private_key_pem(ctx, cert, i),
                  SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
    check_refused(ctx, "key");
  }
  free(cert);
}

static void
test_der_password(void **state)
{
  size_t len;

  (void)state;
  unsigned char *key = der_key("good.key", ENCRYPTED, &len);
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_ctx_set_key_password(ctx, "wrong");
  assert_status(sslc_ctx_use_private_key_pem(ctx, key, len), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  check_refused(ctx, "the password does not open it");
  ctx = sslc_ctx_new();
  assert_status(sslc_ctx_use_private_key_pem(ctx, key, len), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  check_refused(ctx, "set its password first");
  free(key);
}

/* Each is told by what it is of. */
static void
test_mismatch_names(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  size_t len;

  (void)state;
  unsigned char *cert = der_cert("client.pem", &len);
  assert_ok(sslc_ctx_use_certificate_pem(ctx, cert, len), sslc_ctx_error(ctx));
  assert_status(sslc_ctx_use_private_key_file(ctx, cert_path("good.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "good.key");
  check_refused(ctx, "does not belong to the certificate (in memory, "
                     "CN=client)");
  free(cert);
}

/* ----------------------------------------------------------------- password */

struct asked {
  const char *password;
  int times;
};

static int
answer(void *arg, char *buf, size_t size)
{
  struct asked *asked = arg;

  asked->times++;
  if (!asked->password)
    return -1;
  assert_true(strlen(asked->password) <= size);
  memcpy(buf, asked->password, strlen(asked->password));
  return (int)strlen(asked->password);
}

static int
answer_too_much(void *arg, char *buf, size_t size)
{
  (void)arg;
  memset(buf, 'x', size);
  return (int)size + 1;
}

static sslc_ctx *
asking(struct asked *asked)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_ok(sslc_ctx_use_certificate_file(ctx, cert_path("client.pem")),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_key_password_function(ctx, answer, asked),
            sslc_ctx_error(ctx));
  return ctx;
}

static void
test_function(void **state)
{
  struct asked asked = { "secret", 0 };
  sslc_ctx *ctx = asking(&asked);

  (void)state;
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("client-enc.key")),
            sslc_ctx_error(ctx));
  assert_int_equal(asked.times, 1);
  check_serves(ctx, "CN=client", 1);
  assert_int_equal(asked.times, 1);
}

static void
test_function_is_not_needed(void **state)
{
  struct asked asked = { "secret", 0 };
  sslc_ctx *ctx = asking(&asked);

  (void)state;
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("client.key")),
            sslc_ctx_error(ctx));
  assert_int_equal(asked.times, 0);
  /* A password that is set comes before it. */
  assert_ok(sslc_ctx_set_key_password(ctx, "secret"), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("client-enc.key")),
            sslc_ctx_error(ctx));
  assert_int_equal(asked.times, 0);
  check_serves(ctx, "CN=client", 1);
}

static void
test_function_fails(void **state)
{
  struct asked wrong = { "guess", 0 }, none = { NULL, 0 };
  sslc_ctx *ctx = asking(&wrong);

  (void)state;
  assert_status(sslc_ctx_use_private_key_file(ctx,
                                              cert_path("client-enc.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_int_equal(wrong.times, 1);
  check_refused(ctx, "the password does not open it");
  ctx = asking(&none);
  assert_status(sslc_ctx_use_private_key_file(ctx,
                                              cert_path("client-enc.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_int_equal(none.times, 1);
  check_refused(ctx, "set its password first");
  ctx = sslc_ctx_new();
  sslc_ctx_set_key_password_function(ctx, answer_too_much, NULL);
  assert_status(sslc_ctx_use_private_key_file(ctx,
                                              cert_path("client-enc.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, "set its password first");
}

static void
test_is_encrypted(void **state)
{
  char uri[4096];

  (void)state;
  assert_int_equal(sslc_key_file_is_encrypted(cert_path("client-enc.key")), 1);
  assert_int_equal(sslc_key_file_is_encrypted(cert_path("client.key")), 0);
  assert_int_equal(sslc_key_file_is_encrypted(cert_path("client.p12")), 1);
  assert_int_equal(sslc_key_file_is_encrypted(cert_path("garbage.pem")), 0);
  assert_int_equal(sslc_key_file_is_encrypted("/nonexistent"), 0);
  assert_int_equal(sslc_key_file_is_encrypted(""), 0);
  assert_int_equal(sslc_key_file_is_encrypted(NULL), 0);
  assert_int_equal(sslc_key_mem_is_encrypted(NULL, 10), 0);
  assert_int_equal(sslc_key_mem_is_encrypted("", 0), 0);
  snprintf(uri, sizeof uri, "file:%s", cert_path("client-enc.key"));
  assert_int_equal(sslc_key_uri_is_encrypted(uri), 1);
  snprintf(uri, sizeof uri, "file:%s", cert_path("client.key"));
  assert_int_equal(sslc_key_uri_is_encrypted(uri), 0);
  assert_int_equal(sslc_key_uri_is_encrypted("nothing"), 0);
  assert_int_equal(sslc_key_uri_is_encrypted(NULL), 0);
  assert_int_equal(ERR_peek_error(), 0);
}

/* ----------------------------------------------------------------- PKCS #12 */

enum { WITH_CERT = 1, WITH_KEY = 2, WITH_CHAIN = 4, NO_MAC = 8, LEGACY = 16 };

/* good, with the authorities above it in the wrong order, and one that has
 * nothing to do with it. */
static STACK_OF(X509) *
jumble(void)
{
  STACK_OF(X509) *all = sk_X509_new_null();
  static const char *const files[] = { "otherca.pem", "ca.pem",
                                       "intermediate.pem" };
  size_t i;

  for (i = 0; i < COUNT(files); i++) {
    STACK_OF(X509) *one = load_certs(files[i]);
    assert_true(sk_X509_push(all, sk_X509_shift(one)));
    sk_X509_pop_free(one, X509_free);
  }
  return all;
}

static unsigned char *
make_p12(unsigned what, const char *password, size_t *len)
{
  EVP_PKEY *key = what & WITH_KEY ? load_key("good.key") : NULL;
  STACK_OF(X509) *certs = load_certs("good.pem");
  STACK_OF(X509) *chain = what & WITH_CHAIN ? jumble() : NULL;
  int nid = what & LEGACY ? NID_pbe_WithSHA1And40BitRC2_CBC : NID_aes_256_cbc;
  BIO *mem = BIO_new(BIO_s_mem());
  PKCS12 *p12 = PKCS12_create(password, "good", key,
                              what & WITH_CERT ? sk_X509_value(certs, 0)
                                               : NULL,
                              chain, password ? nid : -1, password ? nid : -1,
                              16, what & NO_MAC ? -1 : 16, 0);

  assert_non_null(p12);
  assert_true(i2d_PKCS12_bio(mem, p12));
  PKCS12_free(p12);
  EVP_PKEY_free(key);
  sk_X509_pop_free(certs, X509_free);
  sk_X509_pop_free(chain, X509_free);
  return take(mem, len);
}

static const struct p12 {
  const char *test;
  unsigned what;
  const char *password, *given;
  const char *says; /* NULL: it works */
} p12s[] = {
  { "PKCS #12 opens, and its chain is put in order",
    WITH_CERT | WITH_KEY | WITH_CHAIN, "secret", "secret", NULL },
  { "PKCS #12 without a chain", WITH_CERT | WITH_KEY, "secret", "secret",
    NULL },
  { "PKCS #12 without a password", WITH_CERT | WITH_KEY, NULL, NULL, NULL },
  { "PKCS #12 with an empty password", WITH_CERT | WITH_KEY, "", NULL, NULL },
  { "PKCS #12 without a password, for which one was set",
    WITH_CERT | WITH_KEY, NULL, "secret", NULL },
  { "PKCS #12 without a MAC", WITH_CERT | WITH_KEY | NO_MAC, NULL, NULL,
    NULL },
  { "PKCS #12 with a wrong password", WITH_CERT | WITH_KEY, "secret", "guess",
    "the password does not open it" },
  { "PKCS #12 with a wrong password and without a MAC",
    WITH_CERT | WITH_KEY | NO_MAC, "secret", "guess", "pkcs12" },
  { "PKCS #12 whose password is missing", WITH_CERT | WITH_KEY, "secret",
    NULL, "set its password first" },
  { "PKCS #12 without a key", WITH_CERT, "secret", "secret",
    "no private key" },
  { "PKCS #12 without a certificate", WITH_KEY, "secret", "secret",
    "no certificate" },
  { "PKCS #12 with certificates of others only", WITH_KEY | WITH_CHAIN,
    "secret", "secret", "no certificate" },
};

static void
test_p12(void **state)
{
  const struct p12 *row = *state;
  sslc_ctx *ctx = sslc_ctx_new();
  size_t len;
  unsigned char *bytes = make_p12(row->what, row->password, &len);

  assert_int_equal(sslc_key_mem_is_encrypted(bytes, len),
                   row->password && *row->password);
  assert_ok(sslc_ctx_set_key_password(ctx, row->given), sslc_ctx_error(ctx));
  sslc_status status = sslc_ctx_use_pkcs12_mem(ctx, bytes, len);
  free(bytes);
  if (row->says) {
    assert_int_equal(status, SSLC_ERR_CONFIG);
    check_refused(ctx, row->says);
    return;
  }
  assert_int_equal(ERR_peek_error(), 0);
  assert_ok(status, sslc_ctx_error(ctx));
  check_serves(ctx, "CN=good", row->what & WITH_CHAIN ? 2 : 1);
}

/* A client that trusts the root alone gets there by the chain. */
static void
test_p12_is_verified(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  struct peers p;
  size_t len;
  unsigned char *bytes = make_p12(WITH_CERT | WITH_KEY | WITH_CHAIN, "secret",
                                  &len);

  (void)state;
  sslc_ctx_set_key_password(ctx, "secret");
  assert_ok(sslc_ctx_use_pkcs12_mem(ctx, bytes, len), sslc_ctx_error(ctx));
  free(bytes);
  peers_init(&p, make_client_ctx(), ctx, "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  peers_free(&p);
}

/* In the place of what was there, of another kind of key too. */
static void
test_p12_replaces(void **state)
{
  struct asked asked = { "secret", 0 };
  sslc_ctx *ctx = make_server_ctx("rsa");

  (void)state;
  sslc_ctx_set_key_password_function(ctx, answer, &asked);
  assert_ok(sslc_ctx_use_pkcs12_file(ctx, cert_path("client.p12")),
            sslc_ctx_error(ctx));
  assert_int_equal(asked.times, 1);
  check_serves(ctx, "CN=client", 1);
}

/* RC2 is in the legacy provider from OpenSSL 3 on; before, it just opens. */
static void
test_p12_legacy(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  size_t len;
  compat_provider *legacy = compat_provider_load("legacy");
  compat_provider *normal = compat_provider_load("default");

  (void)state;
  if (!legacy || !normal) {
    compat_provider_unload(legacy);
    compat_provider_unload(normal);
    sslc_ctx_free(ctx);
    skip();
  }
  unsigned char *bytes = make_p12(WITH_CERT | WITH_KEY | LEGACY, "secret",
                                  &len);
  compat_provider_unload(legacy);
  sslc_ctx_set_key_password(ctx, "secret");
  assert_status(sslc_ctx_use_pkcs12_mem(ctx, bytes, len), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  check_refused(ctx, "legacy provider");
  free(bytes);
  bytes = make_p12(WITH_CERT | WITH_KEY, "secret", &len);
  compat_provider_unload(normal);
  free(bytes);
}

static void
test_p12_of_no_sense(void **state)
{
  static const char *const files[] = { "good.pem", "good.key", "empty.pem",
                                       "garbage.pem" };
  size_t i, len;

  (void)state;
  for (i = 0; i < COUNT(files); i++) {
    sslc_ctx *ctx = sslc_ctx_new();
    assert_status(sslc_ctx_use_pkcs12_file(ctx, cert_path(files[i])),
                  SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
    check_refused(ctx, "is not PKCS #12");
  }
  unsigned char *bytes = make_p12(WITH_CERT | WITH_KEY, "secret", &len);
  for (i = 0; i < len; i += 100) {
    sslc_ctx *ctx = sslc_ctx_new();
    sslc_ctx_set_key_password(ctx, "secret");
    assert_status(sslc_ctx_use_pkcs12_mem(ctx, bytes, i), SSLC_ERR_CONFIG,
                  sslc_ctx_error(ctx));
    sslc_ctx_free(ctx);
  }
  free(bytes);
}

/* In the place of a certificate or key it says where it belongs. */
static void
test_p12_elsewhere(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  assert_status(sslc_ctx_use_certificate_file(ctx, cert_path("client.p12")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, "is PKCS #12");
  ctx = sslc_ctx_new();
  assert_status(sslc_ctx_use_private_key_file(ctx, cert_path("client.p12")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, "is PKCS #12");
}

/* --------------------------------------------------------------------- URIs */

static const char *
file_uri(const char *prefix, const char *file)
{
  static char uris[2][4096];
  static unsigned turn;
  char *uri = uris[turn++ % 2];

  snprintf(uri, sizeof uris[0], "%s%s", prefix, cert_path(file));
  return uri;
}

static void
test_uri(void **state)
{
  const char *prefix = *state;
  sslc_ctx *ctx = sslc_ctx_new();

  assert_ok(sslc_ctx_use_certificate_uri(ctx, file_uri(prefix, "good.pem")),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_private_key_uri(ctx, file_uri(prefix, "good.key")),
            sslc_ctx_error(ctx));
  assert_int_equal(sslc_ctx_files_changed(ctx), 0);
  check_serves(ctx, "CN=good", 2);
}

static void
test_uri_password(void **state)
{
  struct asked asked = { "secret", 0 };
  sslc_ctx *ctx = asking(&asked);
  const char *uri = file_uri("file:", "client-enc.key");

  (void)state;
  assert_ok(sslc_ctx_use_private_key_uri(ctx, uri), sslc_ctx_error(ctx));
  assert_int_equal(asked.times, 1);
  check_serves(ctx, "CN=client", 1);
  ctx = sslc_ctx_new();
  assert_status(sslc_ctx_use_private_key_uri(ctx, uri), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  check_refused(ctx, "set its password first");
  ctx = sslc_ctx_new();
  sslc_ctx_set_key_password(ctx, "guess");
  assert_status(sslc_ctx_use_private_key_uri(ctx, uri), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  check_refused(ctx, "the password does not open it");
}

static void
test_uri_mismatch(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  const char *uri = file_uri("file:", "mismatch.key");

  (void)state;
  assert_ok(sslc_ctx_use_certificate_file(ctx, cert_path("good.pem")),
            sslc_ctx_error(ctx));
  assert_status(sslc_ctx_use_private_key_uri(ctx, uri), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), uri);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "CN=good");
  check_refused(ctx, "does not belong");
}

static const struct bad_uri {
  const char *test, *uri, *says;
  int code;
} bad_uris[] = {
  { "a URI without a scheme", "good.pem", "is no URI", SSLC_CODE_BAD_OPTION },
  { "an empty URI", "", "is no URI", SSLC_CODE_BAD_OPTION },
  { "a missing URI", NULL, "is no URI", SSLC_CODE_BAD_OPTION },
  { "a URI of a scheme that nothing knows", "pkcs11:object=x",
    "nothing for this scheme", SSLC_CODE_BAD_FILE },
  { "a URI of a file that is not there", "file:/nonexistent",
    "cannot be loaded", SSLC_CODE_BAD_FILE },
};

static void
test_bad_uri(void **state)
{
  const struct bad_uri *row = *state;
  sslc_ctx *ctx = sslc_ctx_new();

  assert_status(sslc_ctx_use_certificate_uri(ctx, row->uri), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), row->code);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), row->says);
  sslc_ctx_free(ctx);
  ctx = sslc_ctx_new();
  assert_status(sslc_ctx_use_private_key_uri(ctx, row->uri), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), row->code);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), row->says);
  sslc_ctx_free(ctx);
}

static void
test_uri_of_nothing(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  assert_status(sslc_ctx_use_private_key_uri(ctx,
                                             file_uri("file:", "good.pem")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, "key");
  ctx = sslc_ctx_new();
  assert_status(sslc_ctx_use_certificate_uri(ctx,
                                             file_uri("file:", "good.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, "cert");
}

/* ------------------------------------------------------------------- misuse */

static void
test_misuse(void **state)
{
  sslc_ctx *ctx = make_server_ctx("good");
  sslc_conn *conn = sslc_conn_new(ctx);

  (void)state;
  assert_int_equal(sslc_ctx_use_pkcs12_file(NULL, "x"), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_use_private_key_uri(NULL, "x:"), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_set_key_password_function(NULL, answer, NULL),
                   SSLC_ERR_ARG);
  assert_status(sslc_ctx_use_pkcs12_file(ctx, cert_path("client.p12")),
                SSLC_ERR_STATE, sslc_ctx_error(ctx));
  assert_status(sslc_ctx_use_certificate_uri(ctx, "file:/x"), SSLC_ERR_STATE,
                sslc_ctx_error(ctx));
  assert_status(sslc_ctx_set_key_password_function(ctx, answer, NULL),
                SSLC_ERR_STATE, sslc_ctx_error(ctx));
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
  ctx = sslc_ctx_new();
  assert_status(sslc_ctx_use_pkcs12_mem(ctx, NULL, 0), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  sslc_ctx_free(ctx);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(ders); i++)
    add_test(ders[i].test, test_der, &ders[i]);
  add_test("files in DER", test_der_files, NULL);
  add_test("DER that is malformed", test_bad_der, NULL);
  add_test("an encrypted key in DER needs its password", test_der_password,
           NULL);
  add_test("a mismatch names both", test_mismatch_names, NULL);
  add_test("a function gives the password", test_function, NULL);
  add_test("a function is called only where it is needed",
           test_function_is_not_needed, NULL);
  add_test("a function that gives none, or a wrong one", test_function_fails,
           NULL);
  add_test("whether a key is encrypted", test_is_encrypted, NULL);
  for (i = 0; i < COUNT(p12s); i++)
    add_test(p12s[i].test, test_p12, &p12s[i]);
  add_test("PKCS #12 is verified by its chain", test_p12_is_verified, NULL);
  add_test("PKCS #12 takes the place of what was there", test_p12_replaces,
           NULL);
  add_test("PKCS #12 of an old algorithm says so", test_p12_legacy, NULL);
  add_test("what is not PKCS #12 is refused", test_p12_of_no_sense, NULL);
  add_test("PKCS #12 in another's place says so", test_p12_elsewhere, NULL);
  add_test("a file by URI", test_uri, "file:");
  add_test("a file by URI with an authority", test_uri, "file://");
  add_test("an encrypted key by URI", test_uri_password, NULL);
  add_test("a key by URI that does not belong", test_uri_mismatch, NULL);
  for (i = 0; i < COUNT(bad_uris); i++)
    add_test(bad_uris[i].test, test_bad_uri, &bad_uris[i]);
  add_test("a URI of something else", test_uri_of_nothing, NULL);
  add_test("misuse", test_misuse, NULL);
  return run_all("identity_forms");
}
