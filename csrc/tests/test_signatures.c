/*
 * test_signatures.c: chains whose signatures are known: what is looked at all
 * the same, and how one might try to be let in by what was known of another.
 * RFC 5280; X509_STORE_CTX_set_verify(3).
 */
#include "internal.h"

#include "support_x509.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DAY = 24 * 60 * 60 };

/* root <- middle <- leaf; other is of the middle's name, with another key;
 * stranger is a root of its own. */
static struct made root, middle, other, leaf, second, stranger;
static char *middle_pem;

/* --------------------------------------------------------------- verdicts */

static uint64_t
used(const sslc_ctx *ctx)
{
  return atomic_load(&ctx->signatures->used);
}

/* What the context says of a leaf below an intermediate, in DER. */
struct shown {
  unsigned char *leaf, *middle;
  int leaf_len, middle_len;
};

static void
show(struct shown *s, const struct made *own, const struct made *issuer)
{
  memset(s, 0, sizeof *s);
  s->leaf_len = i2d_X509(own->x509, &s->leaf);
  s->middle_len = i2d_X509(issuer->x509, &s->middle);
  assert_true(s->leaf_len > 0 && s->middle_len > 0);
}

static void
hide(struct shown *s)
{
  OPENSSL_free(s->leaf);
  OPENSSL_free(s->middle);
}

static sslc_status
judge(sslc_ctx *ctx, const struct shown *s, const sslc_verify_options *options,
      sslc_error **error)
{
  sslc_cert *own = NULL, *next = NULL;
  sslc_status status;

  assert_ok(sslc_cert_new_der(s->leaf, (size_t)s->leaf_len, &own, NULL), NULL);
  assert_ok(sslc_cert_new_der(s->middle, (size_t)s->middle_len, &next, NULL),
            NULL);
  status = sslc_ctx_verify_chain(ctx, own, (const sslc_cert *const *)&next, 1,
                                 options, error);
  sslc_cert_free(own);
  sslc_cert_free(next);
  return status;
}

static void
expect_at(sslc_ctx *ctx, const struct shown *s, const char *name, int64_t t,
          int code)
{
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  sslc_error *error = NULL;
  sslc_status status;

  options.name = name;
  options.time = t;
  status = judge(ctx, s, &options, &error);
  assert_status(status, sslc_code_status(code), error);
  if (code != SSLC_CODE_NONE)
    assert_code(error, code);
  sslc_error_free(error);
}

static void
expect(sslc_ctx *ctx, const struct shown *s, int code)
{
  expect_at(ctx, s, "localhost", 0, code);
}

/* Has the context know root <- middle <- leaf. */
static void
learn(sslc_ctx *ctx, struct shown *s)
{
  uint64_t before;

  show(s, &leaf, &middle);
  expect(ctx, s, SSLC_CODE_NONE);
  before = used(ctx);
  expect(ctx, s, SSLC_CODE_NONE);
  assert_int_equal(used(ctx), before + 1);
}

/* ------------------------------------------------------------- handshakes */

static void
shake_once(sslc_ctx *ctx, uint64_t want)
{
  struct peers p;

  peers_init(&p, sslc_ctx_up_ref(ctx), ctx_with_identity(&leaf, middle_pem),
             "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  assert_int_equal(sk_X509_num(SSL_get0_verified_chain(p.client->ssl)), 3);
  assert_int_equal(used(ctx), want);
  peers_free(&p);
}

static void
test_handshakes(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);

  (void)state;
  shake_once(ctx, 0);
  shake_once(ctx, 1);
  shake_once(ctx, 2);
  sslc_ctx_free(ctx);
}

static void
test_off(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);

  (void)state;
  assert_ok(sslc_ctx_set_signature_cache(ctx, 0), sslc_ctx_error(ctx));
  shake_once(ctx, 0);
  shake_once(ctx, 0);
  assert_null(ctx->signatures->chains);
  assert_status(sslc_ctx_set_signature_cache(ctx, 1), SSLC_ERR_STATE, NULL);
  sslc_ctx_free(ctx);
  ctx = sslc_ctx_new();
  assert_status(sslc_ctx_set_signature_cache(ctx, 2), SSLC_ERR_CONFIG, NULL);
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  sslc_ctx_free(ctx);
  assert_status(sslc_ctx_set_signature_cache(NULL, 1), SSLC_ERR_ARG, NULL);
}

/* The hook is shown the chain, and after its answer libssl verifies again. */
static void
test_hook(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  struct peers p;
  int i;

  (void)state;
  assert_ok(sslc_ctx_set_retry_verify(ctx, 1), sslc_ctx_error(ctx));
  for (i = 0; i < 2; i++) {
    peers_init(&p, sslc_ctx_up_ref(ctx), ctx_with_identity(&leaf, middle_pem),
               "localhost");
    assert_int_equal(shake(&p), SSLC_WANT_RETRY_VERIFY);
    assert_int_equal(sk_X509_num(p.client->hook_chain), 3);
    assert_ok(sslc_conn_answer_verify(p.client, i == 0, NULL), NULL);
    assert_status(shake(&p), i == 0 ? SSLC_OK : SSLC_ERR_VERIFY, NULL);
    peers_free(&p);
  }
  assert_true(used(ctx) > 0);
  sslc_ctx_free(ctx);
}

/* Records that the chain has nothing to do with. */
static void
test_tlsa(void **state)
{
  static const unsigned char digest[32];
  sslc_ctx *ctx = ctx_trusting(&root);
  struct peers p;

  (void)state;
  shake_once(ctx, 0);
  peers_init(&p, sslc_ctx_up_ref(ctx), ctx_with_identity(&leaf, middle_pem),
             "localhost");
  assert_ok(sslc_conn_add_tlsa(p.client, 1, 1, 1, digest, sizeof digest),
            sslc_conn_error(p.client));
  assert_status(shake(&p), SSLC_ERR_VERIFY, NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_DANE_MISMATCH);
  peers_free(&p);
  sslc_ctx_free(ctx);
}

/* ---------------------------------------------------------------- forgeries */

/* Each byte of the known leaf another, and each of the intermediate: whatever
 * can still be read as a certificate is refused, again and again. */
static void
forge_each(sslc_ctx *ctx, const struct shown *known, unsigned char *bytes,
           int len)
{
  int i, step = under_valgrind() ? 17 : 1;

  for (i = 0; i < len; i += step) {
    sslc_cert *cert = NULL;
    sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
    unsigned char was = bytes[i];
    int n;

    options.name = "localhost";
    bytes[i] ^= 1;
    if (sslc_cert_new_der(bytes, (size_t)len, &cert, NULL) == SSLC_OK) {
      sslc_cert_free(cert);
      for (n = 0; n < 2; n++)
        assert_true(judge(ctx, known, &options, NULL) < 0);
    }
    bytes[i] = was;
  }
}

static void
test_forged(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  struct shown s;
  uint64_t before;

  (void)state;
  learn(ctx, &s);
  before = used(ctx);
  forge_each(ctx, &s, s.leaf, s.leaf_len);
  forge_each(ctx, &s, s.middle, s.middle_len);
  assert_int_equal(used(ctx), before);
  expect(ctx, &s, SSLC_CODE_NONE);
  hide(&s);
  sslc_ctx_free(ctx);
}

/* What is wrong first does not get better by being seen often. */
static void
test_bad_first(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  struct shown s;
  int i;

  (void)state;
  show(&s, &leaf, &middle);
  s.leaf[s.leaf_len - 1] ^= 1;
  for (i = 0; i < 4; i++)
    expect(ctx, &s, SSLC_CODE_INVALID_CERTIFICATE);
  assert_int_equal(used(ctx), 0);
  assert_null(ctx->signatures->chains);
  hide(&s);
  sslc_ctx_free(ctx);
}

/* An intermediate of the same name, of another key; and another leaf. */
static void
test_other_parts(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  struct shown s, t;
  uint64_t before;

  (void)state;
  learn(ctx, &s);
  before = used(ctx);
  show(&t, &leaf, &other);
  expect(ctx, &t, SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(ctx, &t, SSLC_CODE_UNKNOWN_AUTHORITY);
  hide(&t);
  show(&t, &second, &middle);
  expect(ctx, &t, SSLC_CODE_NONE);
  assert_int_equal(used(ctx), before);
  expect(ctx, &t, SSLC_CODE_NONE);
  assert_int_equal(used(ctx), before + 1);
  hide(&t);
  hide(&s);
  sslc_ctx_free(ctx);
}

/* --------------------------------------------- what is looked at each time */

static void
test_names(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  struct shown s;

  (void)state;
  learn(ctx, &s);
  expect_at(ctx, &s, "example.com", 0, SSLC_CODE_HOSTNAME_MISMATCH);
  expect_at(ctx, &s, "127.0.0.1", 0, SSLC_CODE_HOSTNAME_MISMATCH);
  expect_at(ctx, &s, "URI:https://localhost", 0, SSLC_CODE_HOSTNAME_MISMATCH);
  hide(&s);
  sslc_ctx_free(ctx);
}

/* To the second, and as OpenSSL itself has it. */
static void
test_times(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root), *plain = ctx_trusting(&root);
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  int64_t from, to;
  struct shown s;
  int i;

  (void)state;
  assert_ok(sslc_ctx_set_signature_cache(plain, 0), NULL);
  learn(ctx, &s);
  expect_at(ctx, &s, "localhost", 1, SSLC_CODE_CERTIFICATE_NOT_YET_VALID);
  expect_at(ctx, &s, "localhost", (int64_t)time(NULL) + (int64_t)400 * DAY,
            SSLC_CODE_CERTIFICATE_EXPIRED);
  options.name = "localhost";
  assert_true(sslci_time_number(X509_get0_notBefore(leaf.x509), &from));
  assert_true(sslci_time_number(X509_get0_notAfter(leaf.x509), &to));
  for (i = -2; i <= 2; i++) {
    options.time = from + i;
    assert_int_equal(judge(ctx, &s, &options, NULL),
                     judge(plain, &s, &options, NULL));
    options.time = to + i;
    assert_int_equal(judge(ctx, &s, &options, NULL),
                     judge(plain, &s, &options, NULL));
  }
  hide(&s);
  sslc_ctx_free(ctx);
  sslc_ctx_free(plain);
}

/* The same chain for a purpose that it is not for. */
static void
test_purpose(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  sslc_error *error = NULL;
  struct shown s;

  (void)state;
  learn(ctx, &s);
  options.purpose = SSLC_PURPOSE_CLIENT;
  assert_status(judge(ctx, &s, &options, &error), SSLC_ERR_VERIFY, error);
  assert_code(error, SSLC_CODE_UNSUITABLE_CERTIFICATE);
  sslc_error_free(error);
  hide(&s);
  sslc_ctx_free(ctx);
}

static void
test_other_contexts(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root), *same = ctx_trusting(&root);
  sslc_ctx *not = ctx_trusting(&stranger);
  struct shown s;

  (void)state;
  learn(ctx, &s);
  expect(not, &s, SSLC_CODE_UNKNOWN_AUTHORITY);
  expect(same, &s, SSLC_CODE_NONE);
  assert_int_equal(used(same), 0);
  hide(&s);
  sslc_ctx_free(ctx);
  sslc_ctx_free(same);
  sslc_ctx_free(not);
}

static void
write_trust(const char *path, const struct made *made)
{
  char *pem = x509_pem(made), hidden[96];
  FILE *f;

  snprintf(hidden, sizeof hidden, "%s.new", path);
  f = fopen(hidden, "w");
  assert_non_null(f);
  assert_true(fputs(pem, f) >= 0);
  assert_int_equal(fclose(f), 0);
  assert_int_equal(rename(hidden, path), 0);
  free(pem);
}

/* Whom nobody trusts any more is not let in for having been known. */
static void
test_trust_taken_away(void **state)
{
  char dir[64], path[80];
  sslc_ctx *ctx = sslc_ctx_new();
  struct shown s;
  int64_t before = sslci_trust_interval;

  (void)state;
  make_temp_dir(dir);
  snprintf(path, sizeof path, "%s/ca.pem", dir);
  write_trust(path, &root);
  sslci_trust_interval = 0;
  assert_ok(sslc_ctx_load_verify_file(ctx, path), sslc_ctx_error(ctx));
  learn(ctx, &s);
  write_trust(path, &stranger);
  expect(ctx, &s, SSLC_CODE_UNKNOWN_AUTHORITY);
  write_trust(path, &root);
  expect(ctx, &s, SSLC_CODE_NONE);
  sslci_trust_interval = before;
  hide(&s);
  sslc_ctx_free(ctx);
  remove_temp_dir(dir);
}

static void
write_lists(const char *dir, const struct made *revoked)
{
  char *crl = x509_crl_pem(&middle, revoked, 0, 30);

  x509_write_hashed(dir, &middle, "r0", crl);
  free(crl);
}

static void
test_revoked(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  char dir[64];
  struct shown s;

  (void)state;
  make_temp_dir(dir);
  write_lists(dir, NULL);
  assert_ok(sslc_ctx_load_crl_dir(ctx, dir), sslc_ctx_error(ctx));
  learn(ctx, &s);
  write_lists(dir, &leaf);
  expect(ctx, &s, SSLC_CODE_CERTIFICATE_REVOKED);
  hide(&s);
  sslc_ctx_free(ctx);
  remove_temp_dir(dir);
}

/* ------------------------------------------------------------------ bounds */

static void
test_lifetime(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  int64_t before = sslci_signatures_lifetime;
  struct shown s;

  (void)state;
  show(&s, &leaf, &middle);
  sslci_signatures_lifetime = 0;
  expect(ctx, &s, SSLC_CODE_NONE);
  expect(ctx, &s, SSLC_CODE_NONE);
  assert_int_equal(used(ctx), 0);
  sslci_signatures_lifetime = before;
  expect(ctx, &s, SSLC_CODE_NONE);
  expect(ctx, &s, SSLC_CODE_NONE);
  assert_int_equal(used(ctx), 1);
  hide(&s);
  sslc_ctx_free(ctx);
}

/* One after the other of the same set; the oldest goes. */
static void
test_number(void **state)
{
  struct sslci_signatures *s = sslci_signatures_new();
  unsigned char digest[SSLCI_DIGEST] = { 7 };
  int i;

  (void)state;
  for (i = 0; i <= SSLCI_SIGNED_WAYS; i++) {
    digest[1] = (unsigned char)i;
    assert_false(sslci_signatures_known(s, digest));
    sslci_signatures_remember(s, digest);
    sslci_signatures_remember(s, digest);
    assert_true(sslci_signatures_known(s, digest));
  }
  digest[1] = 0;
  assert_false(sslci_signatures_known(s, digest));
  for (i = 1; i <= SSLCI_SIGNED_WAYS; i++) {
    digest[1] = (unsigned char)i;
    assert_true(sslci_signatures_known(s, digest));
  }
  sslci_signatures_free(s);
}

/* ----------------------------------------------------------------- threads */

enum { THREADS = 4, ROUNDS = 50 };

struct worker {
  pthread_t thread;
  sslc_ctx *ctx;
  struct shown good, bad;
  int wrong;
};

/* As judge, without asserting. */
static sslc_status
judge_quietly(sslc_ctx *ctx, const struct shown *s)
{
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  sslc_cert *own = NULL, *next = NULL;
  sslc_status status = SSLC_ERR_NOMEM;

  options.name = "localhost";
  if (sslc_cert_new_der(s->leaf, (size_t)s->leaf_len, &own, NULL) == SSLC_OK &&
      sslc_cert_new_der(s->middle, (size_t)s->middle_len, &next, NULL) ==
        SSLC_OK)
    status = sslc_ctx_verify_chain(ctx, own, (const sslc_cert *const *)&next,
                                   1, &options, NULL);
  sslc_cert_free(own);
  sslc_cert_free(next);
  return status;
}

static void *
work(void *arg)
{
  struct worker *w = arg;
  int i;

  for (i = 0; i < ROUNDS; i++) {
    w->wrong += judge_quietly(w->ctx, &w->good) != SSLC_OK;
    w->wrong += judge_quietly(w->ctx, &w->bad) != SSLC_ERR_VERIFY;
  }
  return NULL;
}

static void
test_threads(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  struct worker workers[THREADS];
  int i;

  (void)state;
  for (i = 0; i < THREADS; i++) {
    struct worker *w = &workers[i];

    show(&w->good, i % 2 ? &leaf : &second, &middle);
    show(&w->bad, i % 2 ? &leaf : &second, &middle);
    w->bad.leaf[w->bad.leaf_len - 1] ^= 1;
    w->ctx = ctx;
    w->wrong = 0;
    assert_int_equal(pthread_create(&w->thread, NULL, work, w), 0);
  }
  for (i = 0; i < THREADS; i++) {
    assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
    assert_int_equal(workers[i].wrong, 0);
    hide(&workers[i].good);
    hide(&workers[i].bad);
  }
  assert_true(used(ctx) >= (uint64_t)THREADS * (ROUNDS - 2));
  sslc_ctx_free(ctx);
}

static void
make_all(void)
{
  const struct recipe top = { .subject = "signatures CA", .authority = 1 };
  const struct recipe odd = { .subject = "another CA", .authority = 1 };
  const struct recipe below = { .subject = "signatures middle", .issuer = &root,
                                .authority = 1 };
  const struct recipe own = { .subject = "signatures server",
                              .issuer = &middle,
                              .extensions = { "subjectAltName=DNS:localhost",
                                              "extendedKeyUsage=serverAuth" } };

  x509_make(&root, &top);
  x509_make(&stranger, &odd);
  x509_make(&middle, &below);
  x509_make(&other, &below);
  x509_make(&leaf, &own);
  x509_make(&second, &own);
  middle_pem = x509_pem(&middle);
}

int
main(void)
{
  struct made *const all[] = { &root, &stranger, &middle, &other, &leaf,
                               &second };
  size_t i;
  int ret;

  make_all();
  add_test("a chain that is known is let in as before", test_handshakes, NULL);
  add_test("... or nothing is remembered", test_off, NULL);
  add_test("a hook is shown a known chain too", test_hook, NULL);
  add_test("TLSA records hold for a known chain", test_tlsa, NULL);
  add_test("no byte of a known chain can be another", test_forged, NULL);
  add_test("a bad signature is never remembered", test_bad_first, NULL);
  add_test("a part of a known chain is not known", test_other_parts, NULL);
  add_test("a known chain is for its names alone", test_names, NULL);
  add_test("... in force when it is", test_times, NULL);
  add_test("... and for its purpose", test_purpose, NULL);
  add_test("contexts know nothing of each other", test_other_contexts, NULL);
  add_test("a known chain ends where the trust does", test_trust_taken_away,
           NULL);
  add_test("a known chain can be revoked", test_revoked, NULL);
  add_test("what is known is forgotten after its time", test_lifetime, NULL);
  add_test("... and where there are too many", test_number, NULL);
  add_test("threads share what is known", test_threads, NULL);
  ret = run_all("signatures");
  for (i = 0; i < COUNT(all); i++)
    x509_free(all[i]);
  free(middle_pem);
  return ret;
}
