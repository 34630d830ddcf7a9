/*
 * test_chain_api.c: a chain that is verified without a connection comes to what
 * a handshake comes to in which it is shown: the same verdict, and all that the
 * error says.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 8 };

/* --------------------------------------------------------------- chains */

struct chain {
  sslc_cert *certs[MOST]; /* the leaf first */
  size_t n;
};

/* What the server of certkit's NAME sends. */
static void
chain_read(struct chain *chain, const char *name)
{
  char file[64];
  size_t len;
  char *pem, *p;

  snprintf(file, sizeof file, "%s.pem", name);
  pem = read_file(cert_path(file), &len);
  chain->n = 0;
  for (p = pem; (p = strstr(p, "-----BEGIN")) != NULL; p++) {
    assert_true(chain->n < MOST);
    assert_ok(sslc_cert_new_pem(p, strlen(p), &chain->certs[chain->n++], NULL),
              NULL);
  }
  free(pem);
}

static void
chain_free(struct chain *chain)
{
  size_t i;

  for (i = 0; i < chain->n; i++)
    sslc_cert_free(chain->certs[i]);
}

/* Its verdict; `*error` is to be freed. */
static sslc_status
verify(sslc_ctx *ctx, const struct chain *chain,
       const sslc_verify_options *options, sslc_error **error)
{
  return sslc_ctx_verify_chain(ctx, chain->certs[0],
                               (const sslc_cert *const *)chain->certs + 1,
                               chain->n - 1, options, error);
}

static sslc_status
verify_name(sslc_ctx *ctx, const struct chain *chain, const char *name,
            sslc_error **error)
{
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;

  options.name = name;
  return verify(ctx, chain, &options, error);
}

/* ------------------------------------------------------- as in a handshake */

static const struct shown {
  const char *leaf, *name;
} shown[] = {
  { "good", "localhost" },       { "good", "a.wild.example" },
  { "good", "wild.example" },    { "good", "127.0.0.1" },
  { "good", "::1" },             { "direct", "localhost" },
  { "rsa", "localhost" },        { "ed25519", "localhost" },
  { "iponly", "127.0.0.1" },     { "iponly", "127.0.0.2" },
  { "iponly", "localhost" },     { "expired", "localhost" },
  { "notyet", "localhost" },     { "expiredca", "localhost" },
  { "wronghost", "localhost" },  { "cnonly", "localhost" },
  { "wildcard", "test.example" },{ "nul", "localhost" },
  { "ipindns", "127.0.0.1" },    { "unknown", "localhost" },
  { "unknown-root", "localhost" },{ "selfsigned", "localhost" },
  { "noint", "localhost" },      { "notca", "localhost" },
  { "nosign", "localhost" },     { "pathlen", "localhost" },
  { "nameconstraint", "localhost" },{ "clientonly", "localhost" },
  { "critical", "localhost" },   { "badsig", "localhost" },
  { "weak", "localhost" },       { "sha1", "localhost" },
  { "md5", "localhost" },        { "revoked", "localhost" },
};

/* Both errors say the same, but where it happened. */
static void
check_same(const sslc_error *a, const sslc_error *b)
{
  const sslc_cert *x = sslc_error_cert(a), *y = sslc_error_cert(b);

  assert_non_null(a);
  assert_non_null(b);
  assert_string_equal(sslc_error_code_name(a), sslc_error_code_name(b));
  assert_string_equal(sslc_error_message(a), sslc_error_message(b));
  assert_string_equal(sslc_error_hint(a), sslc_error_hint(b));
  assert_string_equal(sslc_error_host(a), sslc_error_host(b));
  assert_int_equal(sslc_error_verify_result(a), sslc_error_verify_result(b));
  assert_int_equal(sslc_error_verify_depth(a), sslc_error_verify_depth(b));
  assert_int_equal(x == NULL, y == NULL);
  if (x != NULL)
    assert_string_equal(sslc_cert_fingerprint(x), sslc_cert_fingerprint(y));
  assert_phase(b, SSLC_PHASE_NONE);
  assert_int_equal(sslc_error_ssl_error(b), 0);
}

/* The context is the test's; `name` NULL: the server's own. */
static void
compare(sslc_ctx *ctx, const struct shown *s)
{
  struct peers p;
  struct chain chain;
  sslc_error *error = NULL;
  sslc_status want, got;

  peers_init(&p, sslc_ctx_up_ref(ctx), make_lax_server_ctx(s->leaf), s->name);
  want = shake(&p);
  chain_read(&chain, s->leaf);
  got = verify_name(ctx, &chain, s->name, &error);
  assert_int_equal(got, want);
  if (want == SSLC_OK)
    assert_null(error);
  else
    check_same(sslc_conn_error(p.client), error);
  sslc_error_free(error);
  chain_free(&chain);
  peers_free(&p);
}

static int
is_made(const struct shown *s)
{
  char file[64];

  snprintf(file, sizeof file, "%s.pem", s->leaf);
  return cert_exists(file);
}

static void
test_same(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(shown); i++)
    if (is_made(&shown[i]))
      compare(ctx, &shown[i]);
  sslc_ctx_free(ctx);
}

static void
test_same_with_list(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  size_t i;

  (void)state;
  assert_ok(sslc_ctx_load_crl_file(ctx, cert_path("crl.pem")), NULL);
  for (i = 0; i < COUNT(shown); i++)
    if (is_made(&shown[i]))
      compare(ctx, &shown[i]);
  sslc_ctx_free(ctx);
}

static void
test_same_lax(void **state)
{
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(shown); i++) {
    sslc_ctx *ctx = make_client_ctx();

    sslc_ctx_set_insecure_no_name_check(ctx, 1);
    if (is_made(&shown[i]))
      compare(ctx, &shown[i]);
    sslc_ctx_free(ctx);
  }
}

/* ---------------------------------------------------------------- verdicts */

static void
expect(sslc_ctx *ctx, const char *leaf, const sslc_verify_options *options,
       int code)
{
  struct chain chain;
  sslc_error *error = NULL;
  sslc_status status;

  chain_read(&chain, leaf);
  status = verify(ctx, &chain, options, &error);
  assert_status(status, sslc_code_status(code), error);
  if (code != SSLC_CODE_NONE)
    assert_code(error, code);
  sslc_error_free(error);
  chain_free(&chain);
}

static void
test_time(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  struct chain chain;

  (void)state;
  options.name = "localhost";
  expect(ctx, "expired", &options, SSLC_CODE_CERTIFICATE_EXPIRED);
  chain_read(&chain, "expired");
  options.time = sslc_cert_not_after(chain.certs[0]) - 1;
  expect(ctx, "expired", &options, SSLC_CODE_NONE);
  expect(ctx, "good", &options, SSLC_CODE_CERTIFICATE_NOT_YET_VALID);
  options.time++;
  expect(ctx, "expired", &options, SSLC_CODE_CERTIFICATE_EXPIRED);
  options.time = sslc_cert_not_before(chain.certs[0]);
  expect(ctx, "expired", &options, SSLC_CODE_NONE);
  options.time--;
  expect(ctx, "expired", &options, SSLC_CODE_CERTIFICATE_NOT_YET_VALID);
  options.time = 0;
  expect(ctx, "expired", &options, SSLC_CODE_CERTIFICATE_EXPIRED);
  chain_free(&chain);
  sslc_ctx_free(ctx);
}

static void
test_purpose(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;

  (void)state;
  options.purpose = SSLC_PURPOSE_CLIENT;
  expect(ctx, "client", &options, SSLC_CODE_NONE);
  expect(ctx, "client-unknown", &options, SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(ctx, "client-expired", &options, SSLC_CODE_CERTIFICATE_EXPIRED);
  expect(ctx, "good", &options, SSLC_CODE_UNSUITABLE_CERTIFICATE);
  options.purpose = SSLC_PURPOSE_SERVER;
  options.name = "localhost";
  expect(ctx, "clientonly", &options, SSLC_CODE_UNSUITABLE_CERTIFICATE);
  expect(ctx, "good", &options, SSLC_CODE_NONE);
  sslc_ctx_free(ctx);
}

static void
test_client_error(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  struct chain chain;
  sslc_error *error = NULL;

  (void)state;
  options.purpose = SSLC_PURPOSE_CLIENT;
  chain_read(&chain, "client-expired");
  assert_status(verify(ctx, &chain, &options, &error), SSLC_ERR_VERIFY, error);
  assert_has(sslc_error_message(error), "the client's certificate");
  sslc_error_free(error);
  chain_free(&chain);
  sslc_ctx_free(ctx);
}

/* What is sent along does not become trusted by that. */
static void
test_sent_root(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  struct chain chain;
  sslc_error *error = NULL;

  (void)state;
  chain_read(&chain, "unknown-root");
  assert_int_equal(chain.n, 2);
  assert_status(verify_name(ctx, &chain, "localhost", &error), SSLC_ERR_VERIFY,
                error);
  assert_code(error, SSLC_CODE_UNKNOWN_AUTHORITY);
  sslc_error_free(error);
  chain_free(&chain);
  sslc_ctx_free(ctx);
}

static void
test_no_verify(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;

  (void)state;
  sslc_ctx_set_insecure_no_verify(ctx, 1);
  expect(ctx, "selfsigned", &options, SSLC_CODE_NONE);
  sslc_ctx_free(ctx);
}

static void
test_no_name_check(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;

  (void)state;
  sslc_ctx_set_insecure_no_name_check(ctx, 1);
  expect(ctx, "wronghost", &options, SSLC_CODE_NONE);
  expect(ctx, "selfsigned", &options, SSLC_CODE_SELF_SIGNED);
  sslc_ctx_free(ctx);
}

/* Nobody is asked, and nothing is let in for that. */
static void
test_hooks(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;

  (void)state;
  assert_ok(sslc_ctx_set_retry_verify(ctx, 1), NULL);
  options.name = "localhost";
  expect(ctx, "good", &options, SSLC_CODE_NONE);
  expect(ctx, "selfsigned", &options, SSLC_CODE_SELF_SIGNED);
  sslc_ctx_free(ctx);
}

/* ------------------------------------------------------------------ misuse */

static void
test_name_missing(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  struct chain chain;
  sslc_error *error = NULL;

  (void)state;
  chain_read(&chain, "good");
  assert_status(verify_name(ctx, &chain, NULL, &error), SSLC_ERR_ARG, error);
  assert_code(error, SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(error), "server_name");
  sslc_error_free(error);
  assert_status(verify(ctx, &chain, NULL, NULL), SSLC_ERR_ARG, NULL);
  chain_free(&chain);
  sslc_ctx_free(ctx);
}

static void
check_option(sslc_ctx *ctx, const sslc_verify_options *options,
             const char *part)
{
  struct chain chain;
  sslc_error *error = NULL;

  chain_read(&chain, "good");
  assert_status(verify(ctx, &chain, options, &error), SSLC_ERR_ARG, error);
  assert_has(sslc_error_message(error), part);
  sslc_error_free(error);
  chain_free(&chain);
}

static void
test_bad_options(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;

  (void)state;
  options.name = "local host";
  check_option(ctx, &options, "local host");
  options.name = "localhost";
  options.purpose = 77;
  check_option(ctx, &options, "purpose");
  options.purpose = -1;
  check_option(ctx, &options, "purpose");
  options.purpose = 0;
  options.time = -1;
  check_option(ctx, &options, "time");
  sslc_ctx_free(ctx);
}

/* A program of before a member was there. */
static void
test_short_options(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;

  (void)state;
  options.size = offsetof(sslc_verify_options, time);
  options.name = "localhost";
  options.time = 1;
  options.purpose = SSLC_PURPOSE_CLIENT;
  expect(ctx, "good", &options, SSLC_CODE_NONE);
  options.size = 0;
  check_option(ctx, &options, "server_name");
  sslc_ctx_free(ctx);
}

static void
test_nulls(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  struct chain chain;
  const sslc_cert *const none[] = { NULL };
  sslc_error *error = (sslc_error *)"unset";

  (void)state;
  chain_read(&chain, "good");
  assert_int_equal(
    sslc_ctx_verify_chain(NULL, chain.certs[0], NULL, 0, NULL, &error),
    SSLC_ERR_ARG);
  assert_null(error);
  assert_int_equal(sslc_ctx_verify_chain(ctx, NULL, NULL, 0, NULL, NULL),
                   SSLC_ERR_ARG);
  assert_int_equal(
    sslc_ctx_verify_chain(ctx, chain.certs[0], NULL, 1, NULL, NULL),
    SSLC_ERR_ARG);
  assert_int_equal(
    sslc_ctx_verify_chain(ctx, chain.certs[0], none, 1, NULL, NULL),
    SSLC_ERR_ARG);
  chain_free(&chain);
  sslc_ctx_free(ctx);
}

static void
test_broken_ctx(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  struct chain chain;
  sslc_error *error = NULL;

  (void)state;
  sslc_ctx_load_verify_file(ctx, "/nonexistent");
  options.name = "localhost";
  chain_read(&chain, "good");
  assert_status(verify(ctx, &chain, &options, &error), SSLC_ERR_CONFIG, error);
  assert_code(error, SSLC_CODE_BAD_FILE);
  sslc_error_free(error);
  chain_free(&chain);
  sslc_ctx_free(ctx);
}

/* It is a use of the context. */
static void
test_freezes(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  struct chain chain;

  (void)state;
  chain_read(&chain, "good");
  assert_ok(verify_name(ctx, &chain, "localhost", NULL), NULL);
  assert_int_equal(sslc_ctx_set_insecure_no_verify(ctx, 1), SSLC_ERR_STATE);
  assert_int_equal(verify_name(ctx, &chain, "other.example", NULL),
                   SSLC_ERR_VERIFY);
  chain_free(&chain);
  sslc_ctx_free(ctx);
}

/* -------------------------------------------------- certificates from bytes */

static void
test_cert_new(void **state)
{
  size_t len, der_len;
  char *pem = read_file(cert_path("good.pem"), &len);
  const unsigned char *der;
  sslc_cert *a = NULL, *b = NULL;

  (void)state;
  assert_ok(sslc_cert_new_pem(pem, len, &a, NULL), NULL);
  assert_string_equal(sslc_cert_subject(a), "CN=good");
  der = sslc_cert_der(a, &der_len);
  assert_ok(sslc_cert_new_der(der, der_len, &b, NULL), NULL);
  assert_string_equal(sslc_cert_fingerprint(a), sslc_cert_fingerprint(b));
  sslc_cert_free(a);
  sslc_cert_free(b);
  free(pem);
}

static void
expect_no_cert(sslc_status (*new)(const void *, size_t, sslc_cert **,
                                  sslc_error **),
               const void *bytes, size_t len)
{
  sslc_cert *cert = (sslc_cert *)"unset";
  sslc_error *error = NULL;

  assert_int_equal(new(bytes, len, &cert, &error), SSLC_ERR_CONFIG);
  assert_null(cert);
  assert_code(error, SSLC_CODE_BAD_FILE);
  sslc_error_free(error);
}

static void
test_cert_new_fails(void **state)
{
  size_t len, der_len;
  char *pem = read_file(cert_path("good.pem"), &len);
  const unsigned char *der;
  unsigned char longer[4096];
  sslc_cert *a;

  (void)state;
  expect_no_cert(sslc_cert_new_pem, "", 0);
  expect_no_cert(sslc_cert_new_pem, "garbage", 7);
  expect_no_cert(sslc_cert_new_pem, pem, 100);
  expect_no_cert(sslc_cert_new_der, pem, len);
  assert_ok(sslc_cert_new_pem(pem, len, &a, NULL), NULL);
  der = sslc_cert_der(a, &der_len);
  memcpy(longer, der, der_len);
  longer[der_len] = 0;
  sslc_cert_free(a);
  expect_no_cert(sslc_cert_new_der, longer, der_len + 1);
  expect_no_cert(sslc_cert_new_der, longer, der_len - 1);
  expect_no_cert(sslc_cert_new_der, longer, 0);
  assert_int_equal(sslc_cert_new_pem(NULL, 0, &a, NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_cert_new_der(longer, 1, NULL, NULL), SSLC_ERR_ARG);
  free(pem);
}

int
main(void)
{
  add_test("a chain comes to what its handshake comes to", test_same, NULL);
  add_test("... with revocation lists", test_same_with_list, NULL);
  add_test("... without a name check", test_same_lax, NULL);
  add_test("the time is the one that is given", test_time, NULL);
  add_test("the purpose is the one that is given", test_purpose, NULL);
  add_test("a client's certificate is called that", test_client_error, NULL);
  add_test("a root that is sent along is not trusted", test_sent_root, NULL);
  add_test("insecure_no_verify lets all in", test_no_verify, NULL);
  add_test("insecure_no_name_check checks the rest", test_no_name_check, NULL);
  add_test("hooks are not asked", test_hooks, NULL);
  add_test("a server without a name is refused", test_name_missing, NULL);
  add_test("options out of range are refused", test_bad_options, NULL);
  add_test("options of an older program are taken", test_short_options, NULL);
  add_test("missing parameters are refused", test_nulls, NULL);
  add_test("a context with a bad setting is refused", test_broken_ctx, NULL);
  add_test("to verify ends the time of settings", test_freezes, NULL);
  add_test("certificates are made of PEM and DER", test_cert_new, NULL);
  add_test("what is no certificate is refused", test_cert_new_fails, NULL);
  return run_all("chain_api");
}
