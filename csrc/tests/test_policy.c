/*
 * test_policy.c: what contexts demand of chains, and how one might try to get
 * past it: in handshakes and without a connection, which must agree.
 * X509_VERIFY_PARAM_set_flags(3), RFC 5280.
 */
#include "support_x509.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* root <- first <- second <- leaf; stranger is a root of its own. */
static struct made root, first, second, leaf, stranger, revoked;
static struct made server_only, client_only, both_uses, no_use;
static char *first_pem, *second_pem, *both_pem;

/* --------------------------------------------------------------- verdicts */

/* How a context is set up for a test. */
typedef void setting(sslc_ctx *ctx);

static sslc_ctx *
ctx_with(const struct made *trusted, setting *set)
{
  sslc_ctx *ctx = ctx_trusting(trusted);

  if (set)
    set(ctx);
  return ctx;
}

static void
check_verdict(sslc_status status, const sslc_error *error, int code)
{
  assert_status(status, sslc_code_status(code), error);
  if (code != SSLC_CODE_NONE)
    assert_code(error, code);
}

/* In a handshake as the server of `ctx`'s client. */
static void
shake_for(sslc_ctx *ctx, const struct made *own, const char *more, int code)
{
  sslc_ctx *server = ctx_with_identity(own, more);
  struct peers p;
  sslc_status status;

  peers_init(&p, sslc_ctx_up_ref(ctx), server, "localhost");
  status = shake(&p);
  check_verdict(status, sslc_conn_error(p.client), code);
  assert_int_equal(sslc_conn_is_verified(p.client), code == SSLC_CODE_NONE);
  peers_free(&p);
}

static void
verify_for(sslc_ctx *ctx, const struct made *own, const struct made *a,
           const struct made *b, int code)
{
  sslc_cert *certs[3] = { x509_cert(own), a ? x509_cert(a) : NULL,
                          b ? x509_cert(b) : NULL };
  size_t n = (a != NULL) + (size_t)(b != NULL), i;
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  sslc_error *error = NULL;
  sslc_status status;

  options.name = "localhost";
  status = sslc_ctx_verify_chain(ctx, certs[0],
                                 (const sslc_cert *const *)certs + 1, n,
                                 &options, &error);
  check_verdict(status, error, code);
  sslc_error_free(error);
  for (i = 0; i < COUNT(certs); i++)
    sslc_cert_free(certs[i]);
}

/* Both ways, with what the server sends: nothing more, first, second, or both
 * of them. */
enum { NONE = 0, FIRST = 1, SECOND = 2, BOTH = 3 };

static void
expect(const struct made *trusted, setting *set, const struct made *own,
       int sent, int code)
{
  const char *const pems[] = { NULL, first_pem, second_pem, both_pem };
  sslc_ctx *ctx = ctx_with(trusted, set);

  shake_for(ctx, own, pems[sent], code);
  if (sent == FIRST)
    verify_for(ctx, own, &first, NULL, code);
  else
    verify_for(ctx, own, (sent & SECOND) ? &second : NULL,
               (sent & FIRST) ? &first : NULL, code);
  sslc_ctx_free(ctx);
}

/* ------------------------------------------------------------------ depth */

static void
depth_0(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_verify_depth(ctx, 0), sslc_ctx_error(ctx));
}

static void
depth_1(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_verify_depth(ctx, 1), sslc_ctx_error(ctx));
}

static void
depth_2(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_verify_depth(ctx, 2), sslc_ctx_error(ctx));
}

static void
test_depth(void **state)
{
  (void)state;
  expect(&root, NULL, &leaf, BOTH, SSLC_CODE_NONE);
  expect(&root, depth_2, &leaf, BOTH, SSLC_CODE_NONE);
  expect(&root, depth_1, &leaf, BOTH, SSLC_CODE_VERIFICATION_FAILED);
  expect(&root, depth_0, &leaf, BOTH, SSLC_CODE_VERIFICATION_FAILED);
  expect(&root, depth_0, &server_only, NONE, SSLC_CODE_NONE);
}

/* ------------------------------------------------------------ intermediates */

static void
untrusted_both(sslc_ctx *ctx)
{
  sslc_cert *cert = x509_cert(&first);

  assert_ok(sslc_ctx_load_untrusted_pem(ctx, second_pem, strlen(second_pem)),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_add_untrusted(ctx, cert), sslc_ctx_error(ctx));
  sslc_cert_free(cert);
}

static void
untrusted_second(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_load_untrusted_pem(ctx, second_pem, strlen(second_pem)),
            sslc_ctx_error(ctx));
}

static void
untrusted_leaf_partial(sslc_ctx *ctx)
{
  sslc_cert *cert = x509_cert(&leaf);

  untrusted_both(ctx);
  assert_ok(sslc_ctx_add_untrusted(ctx, cert), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_partial_chain(ctx, 1), sslc_ctx_error(ctx));
  sslc_cert_free(cert);
}

static void
untrusted_root_partial(sslc_ctx *ctx)
{
  sslc_cert *cert = x509_cert(&root);

  untrusted_leaf_partial(ctx);
  assert_ok(sslc_ctx_add_untrusted(ctx, cert), sslc_ctx_error(ctx));
  sslc_cert_free(cert);
}

static void
test_intermediates(void **state)
{
  (void)state;
  expect(&root, NULL, &leaf, NONE, SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(&root, untrusted_both, &leaf, NONE, SSLC_CODE_NONE);
  expect(&root, untrusted_second, &leaf, NONE, SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(&root, untrusted_second, &leaf, FIRST, SSLC_CODE_NONE);
  expect(&root, untrusted_both, &leaf, BOTH, SSLC_CODE_NONE);
}

/* Whatever is given to build with, only the trust ends a chain. */
static void
test_intermediates_are_no_trust(void **state)
{
  (void)state;
  expect(&stranger, untrusted_both, &leaf, NONE, SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(&stranger, untrusted_leaf_partial, &leaf, BOTH,
         SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(&stranger, untrusted_root_partial, &leaf, BOTH,
         SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(&stranger, untrusted_root_partial, &leaf, NONE,
         SSLC_CODE_UNKNOWN_AUTHORITY);
}

/* ---------------------------------------------------------- partial chains */

static void
partial(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_partial_chain(ctx, 1), sslc_ctx_error(ctx));
}

static void
test_partial_chain(void **state)
{
  (void)state;
  expect(&second, NULL, &leaf, NONE, SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(&second, partial, &leaf, NONE, SSLC_CODE_NONE);
  expect(&first, partial, &leaf, NONE, SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(&first, partial, &leaf, SECOND, SSLC_CODE_NONE);
  expect(&leaf, partial, &leaf, NONE, SSLC_CODE_NONE);
  expect(&leaf, NULL, &leaf, NONE, SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(&stranger, partial, &leaf, BOTH, SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(&second, partial, &server_only, SECOND, SSLC_CODE_UNKNOWN_AUTHORITY);
}

/* ------------------------------------------------------------------- time */

static int64_t chosen_time;

static void
at_time(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_verify_time(ctx, chosen_time), sslc_ctx_error(ctx));
}

static void
at_time_with_list(sslc_ctx *ctx)
{
  char *crl = x509_crl_pem(&root, &revoked, 0, 30);

  at_time(ctx);
  assert_ok(sslc_ctx_load_crl_pem(ctx, crl, strlen(crl)), sslc_ctx_error(ctx));
  free(crl);
}

static void
test_time(void **state)
{
  const int64_t day = 24 * 60 * 60, now = (int64_t)time(NULL);

  (void)state;
  chosen_time = now + 30 * day;
  expect(&root, at_time, &leaf, BOTH, SSLC_CODE_NONE);
  chosen_time = now + 400 * day;
  expect(&root, at_time, &leaf, BOTH, SSLC_CODE_CERTIFICATE_EXPIRED);
  chosen_time = now - day;
  expect(&root, at_time, &leaf, BOTH, SSLC_CODE_CERTIFICATE_NOT_YET_VALID);
  chosen_time = now + day;
  expect(&root, at_time_with_list, &server_only, NONE, SSLC_CODE_NONE);
  expect(&root, at_time_with_list, &revoked, NONE,
         SSLC_CODE_CERTIFICATE_REVOKED);
  chosen_time = now + 60 * day; /* after the list, before the certificate */
  expect(&root, at_time_with_list, &server_only, NONE,
         SSLC_CODE_REVOCATION_UNKNOWN);
  chosen_time = 0;
  expect(&root, at_time, &leaf, BOTH, SSLC_CODE_NONE);
}

/* ---------------------------------------------------------------- purpose */

static void
also_client(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_purpose(ctx, SSLC_PURPOSE_CLIENT), NULL);
}

static void
also_server(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_purpose(ctx, SSLC_PURPOSE_SERVER), NULL);
}

static void
instead_client(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_insecure_purpose(ctx, SSLC_PURPOSE_CLIENT), NULL);
}

static void
instead_any(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_insecure_purpose(ctx, SSLC_PURPOSE_ANY), NULL);
}

static void
instead_any_but_server(sslc_ctx *ctx)
{
  instead_any(ctx);
  also_server(ctx);
}

static const struct use {
  setting *set;
  int server, client, both, none; /* whether each is let in */
} uses[] = {
  { NULL, 1, 0, 1, 0 },           { also_server, 1, 0, 1, 0 },
  { also_client, 0, 0, 1, 0 },    { instead_client, 0, 1, 1, 0 },
  { instead_any, 1, 1, 1, 1 },    { instead_any_but_server, 1, 0, 1, 0 },
};

static int
unless(int good)
{
  return good ? SSLC_CODE_NONE : SSLC_CODE_UNSUITABLE_CERTIFICATE;
}

static void
test_purpose(void **state)
{
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(uses); i++) {
    expect(&root, uses[i].set, &server_only, NONE, unless(uses[i].server));
    expect(&root, uses[i].set, &client_only, NONE, unless(uses[i].client));
    expect(&root, uses[i].set, &both_uses, NONE, unless(uses[i].both));
    expect(&root, uses[i].set, &no_use, NONE, unless(uses[i].none));
  }
}

/* ---------------------------------------------------------- security level */

static void
level_3(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_security_level(ctx, 3), sslc_ctx_error(ctx));
}

static void
level_4(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_security_level(ctx, 4), sslc_ctx_error(ctx));
}

/* P-256 is of 128 bits, which is level 3.  The handshake itself would fail too
 * at level 4, so only the chain is looked at. */
static void
test_level(void **state)
{
  sslc_ctx *ctx = ctx_with(&root, level_4);

  (void)state;
  expect(&root, level_3, &leaf, BOTH, SSLC_CODE_NONE);
  verify_for(ctx, &leaf, &second, &first, SSLC_CODE_WEAK_CERTIFICATE);
  sslc_ctx_free(ctx);
}

/* RSA of 1024 bits is of 80, which is level 1. */
static void
test_weak_key(void **state)
{
  const struct recipe recipe = {
    .subject = "weak", .issuer = &root, .bits = 1024,
    .extensions = { "subjectAltName=DNS:localhost" }
  };
  struct made weak;
  sslc_ctx *ctx;

  (void)state;
  x509_make(&weak, &recipe);
  ctx = ctx_trusting(&root);
  verify_for(ctx, &weak, NULL, NULL, SSLC_CODE_WEAK_CERTIFICATE);
  sslc_ctx_free(ctx);
  ctx = ctx_trusting(&root);
  assert_status(sslc_ctx_set_security_level(ctx, 1), SSLC_ERR_CONFIG, NULL);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)),
             "insecure_security_level");
  verify_for(ctx, &weak, NULL, NULL, SSLC_CODE_BAD_OPTION);
  sslc_ctx_free(ctx);
  ctx = ctx_trusting(&root);
  assert_ok(sslc_ctx_set_insecure_security_level(ctx, 1), NULL);
  verify_for(ctx, &weak, NULL, NULL, SSLC_CODE_NONE);
  sslc_ctx_free(ctx);
  x509_free(&weak);
}

/* What was asked for by its number is not lowered by something else. */
static void
test_level_stays(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);

  (void)state;
  level_4(ctx);
  assert_ok(sslc_ctx_set_insecure_min_version(ctx, SSLC_TLS1), NULL);
  verify_for(ctx, &leaf, &second, &first, SSLC_CODE_WEAK_CERTIFICATE);
  sslc_ctx_free(ctx);
  ctx = ctx_trusting(&root);
  level_4(ctx);
  assert_status(sslc_ctx_set_insecure_security_level(ctx, 0), SSLC_ERR_CONFIG,
                NULL);
  sslc_ctx_free(ctx);
}

/* -------------------------------------------------------- revocation lists */

static char crl_dir[64];

static void
from_dir(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_load_crl_dir(ctx, crl_dir), sslc_ctx_error(ctx));
}

static void
put_list(const struct made *issuer, const char *suffix,
         const struct made *listed, int from, int to)
{
  char *crl = x509_crl_pem(issuer, listed, from, to);

  x509_write_hashed(crl_dir, issuer, suffix, crl);
  free(crl);
}

static void
test_crl_dir(void **state)
{
  sslc_ctx *ctx;

  (void)state;
  make_temp_dir(crl_dir);
  expect(&root, from_dir, &server_only, NONE, SSLC_CODE_REVOCATION_UNKNOWN);
  put_list(&root, "r0", &revoked, 0, 30);
  expect(&root, from_dir, &server_only, NONE, SSLC_CODE_NONE);
  expect(&root, from_dir, &revoked, NONE, SSLC_CODE_CERTIFICATE_REVOKED);
  expect(&root, from_dir, &leaf, BOTH, SSLC_CODE_REVOCATION_UNKNOWN);
  put_list(&root, "r0", NULL, -60, -30);
  expect(&root, from_dir, &server_only, NONE, SSLC_CODE_REVOCATION_UNKNOWN);
  x509_write_hashed(crl_dir, &root, "r0", "no list\n");
  expect(&root, from_dir, &server_only, NONE, SSLC_CODE_REVOCATION_UNKNOWN);
  /* A context that goes on sees what comes and goes. */
  ctx = ctx_with(&root, from_dir);
  shake_for(ctx, &revoked, NULL, SSLC_CODE_REVOCATION_UNKNOWN);
  put_list(&root, "r0", NULL, 0, 30);
  shake_for(ctx, &revoked, NULL, SSLC_CODE_NONE);
  put_list(&root, "r0", &revoked, 0, 30);
  shake_for(ctx, &revoked, NULL, SSLC_CODE_CERTIFICATE_REVOKED);
  shake_for(ctx, &server_only, NULL, SSLC_CODE_NONE);
  sslc_ctx_free(ctx);
  remove_temp_dir(crl_dir);
}

/* A stranger's list of the same issuer's name says nothing. */
static void
test_crl_of_stranger(void **state)
{
  const struct recipe recipe = { .subject = "policy root", .authority = 1 };
  struct made other;

  (void)state;
  x509_make(&other, &recipe);
  make_temp_dir(crl_dir);
  put_list(&other, "r0", NULL, 0, 30);
  expect(&root, from_dir, &revoked, NONE, SSLC_CODE_REVOCATION_UNKNOWN);
  expect(&root, from_dir, &server_only, NONE, SSLC_CODE_REVOCATION_UNKNOWN);
  remove_temp_dir(crl_dir);
  x509_free(&other);
}

/* What OpenSSL's lookup would take for trust. */
static void
test_crl_dir_is_no_trust(void **state)
{
  char *pem = x509_pem(&root);

  (void)state;
  make_temp_dir(crl_dir);
  x509_write_hashed(crl_dir, &root, "0", pem);
  put_list(&root, "r0", NULL, 0, 30);
  expect(&stranger, from_dir, &server_only, NONE, SSLC_CODE_UNKNOWN_AUTHORITY);
  remove_temp_dir(crl_dir);
  free(pem);
}

static void
of_chain(sslc_ctx *ctx)
{
  from_dir(ctx);
  assert_ok(sslc_ctx_set_crl_check(ctx, SSLC_CRL_CHECK_CHAIN), NULL);
}

static void
of_leaf(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_crl_check(ctx, SSLC_CRL_CHECK_LEAF), NULL);
  from_dir(ctx);
}

static void
test_crl_chain(void **state)
{
  (void)state;
  make_temp_dir(crl_dir);
  put_list(&second, "r0", NULL, 0, 30);
  expect(&root, of_leaf, &leaf, BOTH, SSLC_CODE_NONE);
  expect(&root, of_chain, &leaf, BOTH, SSLC_CODE_REVOCATION_UNKNOWN);
  put_list(&first, "r0", NULL, 0, 30);
  put_list(&root, "r0", NULL, 0, 30);
  expect(&root, of_chain, &leaf, BOTH, SSLC_CODE_NONE);
  put_list(&first, "r0", &second, 0, 30);
  expect(&root, of_chain, &leaf, BOTH, SSLC_CODE_CERTIFICATE_REVOKED);
  expect(&root, of_leaf, &leaf, BOTH, SSLC_CODE_NONE);
  remove_temp_dir(crl_dir);
}

static void *
verify_often(void *ctx)
{
  sslc_cert *cert = x509_cert(&revoked);
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  size_t i, let_in = 0;

  options.name = "localhost";
  for (i = 0; i < 50; i++)
    let_in += sslc_ctx_verify_chain(ctx, cert, NULL, 0, &options, NULL) !=
              SSLC_ERR_VERIFY;
  sslc_cert_free(cert);
  return let_in ? ctx : NULL;
}

static void
test_crl_threads(void **state)
{
  pthread_t threads[4];
  sslc_ctx *ctx;
  void *failed;
  size_t i;

  (void)state;
  make_temp_dir(crl_dir);
  put_list(&root, "r0", &revoked, 0, 30);
  ctx = ctx_with(&root, from_dir);
  for (i = 0; i < COUNT(threads); i++)
    assert_int_equal(pthread_create(&threads[i], NULL, verify_often, ctx), 0);
  for (i = 0; i < 20; i++)
    put_list(&root, "r0", &revoked, 0, 30 + (int)i);
  for (i = 0; i < COUNT(threads); i++) {
    pthread_join(threads[i], &failed);
    assert_null(failed);
  }
  sslc_ctx_free(ctx);
  remove_temp_dir(crl_dir);
}

/* -------------------------------------------------------- a server's side */

/* A client of `own` at a server that requires one. */
static void
serve_for(setting *set, const struct made *own, int code)
{
  sslc_ctx *server = ctx_with_identity(&both_uses, NULL);
  sslc_ctx *client = ctx_with_identity(own, NULL);
  char *pem = x509_pem(&root);
  struct peers p;

  assert_ok(sslc_ctx_load_verify_pem(server, pem, strlen(pem)), NULL);
  assert_ok(sslc_ctx_load_verify_pem(client, pem, strlen(pem)), NULL);
  assert_ok(sslc_ctx_set_verify_client(server, SSLC_VERIFY_CLIENT_REQUIRED),
            NULL);
  if (set)
    set(server);
  peers_init(&p, client, server, "localhost");
  shake(&p);
  check_verdict(p.server_status, sslc_conn_error(p.server), code);
  peers_free(&p);
  free(pem);
}

static void
instead_server(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_insecure_purpose(ctx, SSLC_PURPOSE_SERVER), NULL);
}

static void
test_server(void **state)
{
  (void)state;
  serve_for(NULL, &client_only, SSLC_CODE_NONE);
  serve_for(NULL, &server_only, SSLC_CODE_UNSUITABLE_CERTIFICATE);
  serve_for(instead_server, &server_only, SSLC_CODE_NONE);
  serve_for(instead_server, &client_only, SSLC_CODE_UNSUITABLE_CERTIFICATE);
  serve_for(also_server, &client_only, SSLC_CODE_UNSUITABLE_CERTIFICATE);
  serve_for(also_server, &both_uses, SSLC_CODE_NONE);
  chosen_time = (int64_t)time(NULL) + INT64_C(400) * 24 * 60 * 60;
  serve_for(at_time, &client_only, SSLC_CODE_CERTIFICATE_EXPIRED);
}

/* A context that the ClientHello chooses brings its own demands along, and
 * leaves those of the other behind. */
static void
test_chosen(void **state)
{
  sslc_ctx *server = ctx_with_identity(&both_uses, NULL);
  sslc_ctx *strict = ctx_with_identity(&both_uses, NULL);
  sslc_ctx *client = ctx_with_identity(&client_only, NULL);
  char *pem = x509_pem(&root);
  struct peers p;

  (void)state;
  sslc_ctx_load_verify_pem(client, pem, strlen(pem));
  sslc_ctx_load_verify_pem(server, pem, strlen(pem));
  sslc_ctx_load_verify_pem(strict, pem, strlen(pem));
  instead_any(server);
  assert_ok(sslc_ctx_set_client_hello(server, 1), NULL);
  also_server(strict);
  sslc_ctx_set_verify_client(server, SSLC_VERIFY_CLIENT_REQUIRED);
  sslc_ctx_set_verify_client(strict, SSLC_VERIFY_CLIENT_REQUIRED);
  peers_init(&p, client, server, "localhost");
  shake(&p);
  assert_int_equal(p.server_status, SSLC_WANT_CLIENT_HELLO_CB);
  assert_ok(sslc_conn_answer_client_hello(p.server, strict),
            sslc_conn_error(p.server));
  shake(&p);
  check_verdict(p.server_status, sslc_conn_error(p.server),
                SSLC_CODE_UNSUITABLE_CERTIFICATE);
  peers_free(&p);
  sslc_ctx_free(strict);
  free(pem);
}

/* --------------------------------------------------------------- settings */

static sslc_status
set_time(sslc_ctx *ctx, int t)
{
  return sslc_ctx_set_verify_time(ctx, t);
}

static const struct bad {
  sslc_status (*set)(sslc_ctx *ctx, int value);
  int value;
  const char *says;
} bads[] = {
  { sslc_ctx_set_verify_depth, -1, "verify_depth" },
  { sslc_ctx_set_verify_depth, 101, "verify_depth" },
  { set_time, -1, "verify_time" },
  { sslc_ctx_set_purpose, 0, "purpose" },
  { sslc_ctx_set_purpose, SSLC_PURPOSE_ANY, "insecure_purpose" },
  { sslc_ctx_set_purpose, 4, "purpose" },
  { sslc_ctx_set_insecure_purpose, 0, "insecure_purpose" },
  { sslc_ctx_set_insecure_purpose, 4, "insecure_purpose" },
  { sslc_ctx_set_partial_chain, 2, "partial_chain" },
  { sslc_ctx_set_security_level, -1, "security_level" },
  { sslc_ctx_set_security_level, 6, "security_level" },
  { sslc_ctx_set_security_level, 0, "insecure_security_level" },
  { sslc_ctx_set_insecure_security_level, -1, "insecure_security_level" },
  { sslc_ctx_set_insecure_security_level, 6, "insecure_security_level" },
  { sslc_ctx_set_crl_check, 0, "crl_check" },
  { sslc_ctx_set_crl_check, 3, "crl_check" },
};

/* Nobody is let in by a context with a bad setting, and none is changed once it
 * is in use. */
static void
test_bad_settings(void **state)
{
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(bads); i++) {
    sslc_ctx *ctx = ctx_trusting(&root);

    assert_status(bads[i].set(ctx, bads[i].value), SSLC_ERR_CONFIG,
                  sslc_ctx_error(ctx));
    assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
    assert_has(sslc_error_message(sslc_ctx_error(ctx)), bads[i].says);
    verify_for(ctx, &server_only, NULL, NULL, SSLC_CODE_BAD_OPTION);
    sslc_ctx_free(ctx);
    ctx = ctx_trusting(&root);
    verify_for(ctx, &server_only, NULL, NULL, SSLC_CODE_NONE);
    assert_int_equal(bads[i].set(ctx, 1), SSLC_ERR_STATE);
    assert_int_equal(bads[i].set(NULL, 1), SSLC_ERR_ARG);
    sslc_ctx_free(ctx);
  }
}

static void
expect_bad_file(sslc_status status, sslc_ctx *ctx)
{
  assert_status(status, SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_FILE);
  sslc_ctx_free(ctx);
}

static void
test_bad_files(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  expect_bad_file(sslc_ctx_load_crl_dir(ctx, "/nonexistent"), ctx);
  ctx = sslc_ctx_new();
  expect_bad_file(sslc_ctx_load_untrusted_file(ctx, "/nonexistent"), ctx);
  ctx = sslc_ctx_new();
  expect_bad_file(sslc_ctx_load_untrusted_pem(ctx, "text", 4), ctx);
  ctx = sslc_ctx_new();
  expect_bad_file(sslc_ctx_load_untrusted_pem(ctx, both_pem, 200), ctx);
  ctx = sslc_ctx_new();
  assert_status(sslc_ctx_load_crl_dir(ctx, ""), SSLC_ERR_CONFIG, NULL);
  sslc_ctx_free(ctx);
  ctx = sslc_ctx_new();
  assert_status(sslc_ctx_load_crl_dir(ctx, NULL), SSLC_ERR_CONFIG, NULL);
  sslc_ctx_free(ctx);
  ctx = sslc_ctx_new();
  assert_status(sslc_ctx_add_untrusted(ctx, NULL), SSLC_ERR_CONFIG, NULL);
  sslc_ctx_free(ctx);
}

static void
test_nothing_to_check_by(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);

  (void)state;
  assert_ok(sslc_ctx_set_crl_check(ctx, SSLC_CRL_CHECK_CHAIN), NULL);
  assert_status(sslc_ctx_check(ctx), SSLC_ERR_CONFIG, NULL);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "crl_check");
  verify_for(ctx, &server_only, NULL, NULL, SSLC_CODE_BAD_OPTION);
  sslc_ctx_free(ctx);
}

/* ------------------------------------------------------------------- main */

static void
make_leaf(struct made *made, const char *subject, const struct made *issuer,
          const char *use)
{
  struct recipe recipe = { .subject = subject, .issuer = issuer };

  recipe.extensions[0] = "subjectAltName=DNS:localhost";
  recipe.extensions[1] = use;
  x509_make(made, &recipe);
}

static void
make_all(void)
{
  struct recipe authority = { .subject = "policy root", .authority = 1 };

  authority.to = 3650;
  x509_make(&root, &authority);
  authority.subject = "policy stranger";
  x509_make(&stranger, &authority);
  authority.subject = "policy first";
  authority.issuer = &root;
  x509_make(&first, &authority);
  authority.subject = "policy second";
  authority.issuer = &first;
  x509_make(&second, &authority);
  make_leaf(&leaf, "leaf", &second, "extendedKeyUsage=serverAuth");
  make_leaf(&revoked, "revoked", &root, "extendedKeyUsage=serverAuth");
  make_leaf(&server_only, "server", &root, "extendedKeyUsage=serverAuth");
  make_leaf(&client_only, "client", &root, "extendedKeyUsage=clientAuth");
  make_leaf(&both_uses, "both", &root,
            "extendedKeyUsage=serverAuth,clientAuth");
  make_leaf(&no_use, "none", &root, "extendedKeyUsage=codeSigning");
  first_pem = x509_pem(&first);
  second_pem = x509_pem(&second);
  both_pem = malloc(strlen(first_pem) + strlen(second_pem) + 1);
  strcpy(both_pem, second_pem);
  strcat(both_pem, first_pem);
}

static void
free_all(void)
{
  struct made *const all[] = { &root, &first, &second, &leaf, &stranger,
                               &revoked, &server_only, &client_only,
                               &both_uses, &no_use };
  size_t i;

  for (i = 0; i < COUNT(all); i++)
    x509_free(all[i]);
  free(first_pem);
  free(second_pem);
  free(both_pem);
}

int
main(void)
{
  int ret;

  make_all();
  add_test("depth counts intermediates", test_depth, NULL);
  add_test("intermediates of ours complete a chain", test_intermediates, NULL);
  add_test("... and are not trusted", test_intermediates_are_no_trust, NULL);
  add_test("a partial chain ends in what is trusted", test_partial_chain, NULL);
  add_test("certificates and lists are judged by the time", test_time, NULL);
  add_test("purposes add up, but for the insecure one", test_purpose, NULL);
  add_test("the security level holds for the chain", test_level, NULL);
  add_test("a weak key needs a level that says insecure", test_weak_key, NULL);
  add_test("a level that was set stays", test_level_stays, NULL);
  add_test("a directory of lists is looked into anew", test_crl_dir, NULL);
  add_test("a stranger's list does not count", test_crl_of_stranger, NULL);
  add_test("certificates among the lists are not trusted",
           test_crl_dir_is_no_trust, NULL);
  add_test("the lists of all the chain are looked at", test_crl_chain, NULL);
  add_test("threads share the lists", test_crl_threads, NULL);
  add_test("a server demands the same of clients", test_server, NULL);
  add_test("a chosen context brings its demands along", test_chosen, NULL);
  add_test("settings out of range leave nothing usable", test_bad_settings,
           NULL);
  add_test("files that are none are refused", test_bad_files, NULL);
  add_test("a check without a list is refused", test_nothing_to_check_by, NULL);
  ret = run_all("policy");
  free_all();
  return ret;
}
