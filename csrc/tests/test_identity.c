/*
 * test_identity.c: our own certificate and key, SSL_CTX_use_certificate(3):
 * that they belong together, and that an encrypted key opens with its password
 * and nobody is asked.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

static sslc_ctx *
with_cert(const char *file)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_ok(sslc_ctx_use_certificate_file(ctx, cert_path(file)),
            sslc_ctx_error(ctx));
  return ctx;
}

/* The context serves as the certificate's owner. */
static void
check_serves(sslc_ctx *ctx, const char *subject)
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
  peers_free(&p);
}

/* The last setter failed for this reason. */
static void
check_refused(sslc_ctx *ctx, int code, const char *says)
{
  assert_code(sslc_ctx_error(ctx), code);
  assert_phase(sslc_ctx_error(ctx), SSLC_PHASE_CONFIG);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), says);
  assert_status(sslc_ctx_check(ctx), SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  sslc_ctx_free(ctx);
}

static void
test_files(void **state)
{
  sslc_ctx *ctx = with_cert("good.pem");

  (void)state;
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("good.key")),
            sslc_ctx_error(ctx));
  check_serves(ctx, "CN=good");
}

static void
test_key_first(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("good.key")),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_certificate_file(ctx, cert_path("good.pem")),
            sslc_ctx_error(ctx));
  check_serves(ctx, "CN=good");
}

static void
use_pem(sslc_ctx *ctx, const char *file,
        sslc_status (*use)(sslc_ctx *ctx, const void *pem, size_t len))
{
  size_t len;
  char *pem = read_file(cert_path(file), &len);

  assert_ok(use(ctx, pem, len), sslc_ctx_error(ctx));
  /* It was copied. */
  memset(pem, 'x', len);
  free(pem);
}

static void
test_memory(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  use_pem(ctx, "good.pem", sslc_ctx_use_certificate_pem);
  use_pem(ctx, "good.key", sslc_ctx_use_private_key_pem);
  check_serves(ctx, "CN=good");
}

/* Both in one file, as some programs keep them. */
static void
test_one_file(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  size_t cert_len, key_len;
  char *cert = read_file(cert_path("good.pem"), &cert_len);
  char *key = read_file(cert_path("good.key"), &key_len);
  char *both = malloc(cert_len + key_len);

  (void)state;
  assert_non_null(both);
  memcpy(both, key, key_len);
  memcpy(both + key_len, cert, cert_len);
  assert_ok(sslc_ctx_use_certificate_pem(ctx, both, cert_len + key_len),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_private_key_pem(ctx, both, cert_len + key_len),
            sslc_ctx_error(ctx));
  free(cert);
  free(key);
  free(both);
  check_serves(ctx, "CN=good");
}

static void
test_mismatch(void **state)
{
  sslc_ctx *ctx = with_cert("good.pem");

  (void)state;
  assert_status(sslc_ctx_use_private_key_file(ctx, cert_path("mismatch.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "good.pem");
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "mismatch.key");
  check_refused(ctx, SSLC_CODE_BAD_FILE, "does not belong");

  ctx = sslc_ctx_new();
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("mismatch.key")),
            sslc_ctx_error(ctx));
  assert_status(sslc_ctx_use_certificate_file(ctx, cert_path("good.pem")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, SSLC_CODE_BAD_FILE, "does not belong");
}

static void
test_mismatched_kind(void **state)
{
  sslc_ctx *ctx = with_cert("good.pem");

  (void)state;
  assert_status(sslc_ctx_use_private_key_file(ctx, cert_path("rsa.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, SSLC_CODE_BAD_FILE, "does not belong");
}

static void
test_alone(void **state)
{
  sslc_ctx *ctx = with_cert("good.pem");

  (void)state;
  assert_status(sslc_ctx_check(ctx), SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, SSLC_CODE_BAD_OPTION, "key");
  ctx = sslc_ctx_new();
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("good.key")),
            sslc_ctx_error(ctx));
  assert_status(sslc_ctx_check(ctx), SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, SSLC_CODE_BAD_OPTION, "cert");
}

/* What check complains of can be made up for. */
static void
test_made_up_for(void **state)
{
  sslc_ctx *ctx = with_cert("good.pem");

  (void)state;
  assert_status(sslc_ctx_check(ctx), SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("good.key")),
            sslc_ctx_error(ctx));
  check_serves(ctx, "CN=good");
}

static void
test_too_weak(void **state)
{
  sslc_ctx *ctx = with_cert("weak.pem");

  (void)state;
  assert_status(sslc_ctx_use_private_key_file(ctx, cert_path("weak.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, SSLC_CODE_BAD_FILE, "key too small");
}

/* ---------------------------------------------------------- the password */

static void
test_password(void **state)
{
  sslc_ctx *ctx = with_cert("client.pem");

  (void)state;
  assert_ok(sslc_ctx_set_key_password(ctx, "secret"), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("client-enc.key")),
            sslc_ctx_error(ctx));
  check_serves(ctx, "CN=client");
}

static const struct wrong {
  const char *test;
  const char *password;
  const char *says;
} wrongs[] = {
  { "a wrong password is told", "Secret", "password" },
  { "an empty password is told", "", "password" },
  { "a missing password is told, and nobody is asked", NULL, "password" },
};

static void
test_wrong_password(void **state)
{
  const struct wrong *wrong = *state;
  sslc_ctx *ctx = with_cert("client.pem");

  assert_ok(sslc_ctx_set_key_password(ctx, wrong->password),
            sslc_ctx_error(ctx));
  assert_status(sslc_ctx_use_private_key_file(ctx,
                                              cert_path("client-enc.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "encrypted");
  check_refused(ctx, SSLC_CODE_BAD_FILE, wrong->says);
}

/* It is for the key set next, and that one alone. */
static void
test_password_is_used_up(void **state)
{
  sslc_ctx *ctx = with_cert("client.pem");

  (void)state;
  assert_ok(sslc_ctx_set_key_password(ctx, "secret"), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("client.key")),
            sslc_ctx_error(ctx));
  assert_status(sslc_ctx_use_private_key_file(ctx,
                                              cert_path("client-enc.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, SSLC_CODE_BAD_FILE, "encrypted");
}

static void
test_password_forgotten(void **state)
{
  sslc_ctx *ctx = with_cert("client.pem");

  (void)state;
  assert_ok(sslc_ctx_set_key_password(ctx, "secret"), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_key_password(ctx, NULL), sslc_ctx_error(ctx));
  assert_status(sslc_ctx_use_private_key_file(ctx,
                                              cert_path("client-enc.key")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_refused(ctx, SSLC_CODE_BAD_FILE, "encrypted");
}

static void
test_long_password(void **state)
{
  static char password[1025];
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  memset(password, 'p', sizeof password - 1);
  assert_status(sslc_ctx_set_key_password(ctx, password), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  check_refused(ctx, SSLC_CODE_BAD_OPTION, "1023");
  ctx = sslc_ctx_new();
  password[1023] = '\0';
  assert_ok(sslc_ctx_set_key_password(ctx, password), sslc_ctx_error(ctx));
  sslc_ctx_free(ctx);
}

/* No part of a password gets into what is told. */
static void
test_password_is_not_told(void **state)
{
  sslc_ctx *ctx = with_cert("client.pem");
  const sslc_error *err;
  size_t i;

  (void)state;
  sslc_ctx_set_key_password(ctx, "hunter2");
  sslc_ctx_use_private_key_file(ctx, cert_path("client-enc.key"));
  err = sslc_ctx_error(ctx);
  assert_null(strstr(sslc_error_text(err), "hunter2"));
  for (i = 0; i < sslc_error_queue_count(err); i++)
    assert_null(strstr(sslc_error_queue(err, i), "hunter2"));
  sslc_ctx_free(ctx);
}

int
main(void)
{
  size_t i;

  add_test("certificate and key from files", test_files, NULL);
  add_test("the key may come first", test_key_first, NULL);
  add_test("certificate and key from memory", test_memory, NULL);
  add_test("certificate and key from one text", test_one_file, NULL);
  add_test("a key of another certificate is refused", test_mismatch, NULL);
  add_test("a key of another kind is refused", test_mismatched_kind, NULL);
  add_test("a lone certificate or key is refused", test_alone, NULL);
  add_test("what is missing can be set after a check", test_made_up_for,
           NULL);
  add_test("a certificate that is too weak is refused", test_too_weak, NULL);
  add_test("an encrypted key opens with its password", test_password, NULL);
  for (i = 0; i < COUNT(wrongs); i++)
    add_test(wrongs[i].test, test_wrong_password, &wrongs[i]);
  add_test("a password is for one key", test_password_is_used_up, NULL);
  add_test("a password can be forgotten", test_password_forgotten, NULL);
  add_test("a password has at most 1023 bytes", test_long_password, NULL);
  add_test("a password is not told", test_password_is_not_told, NULL);
  return run_all("identity");
}
