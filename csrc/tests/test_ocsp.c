/*
 * test_ocsp.c: stapled OCSP responses: which are good, which are refused, and
 * when one has to come.  RFC 6960, RFC 7633; no response here comes from the
 * library that checks it.
 */
#include "support_pki.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { HOUR = 3600, DAY = 24 * HOUR };

/* The issuer of the servers is `middle`.  The responders: by middle with the
 * purpose, by middle without, by root with it, by nobody. */
static struct pair root, middle, server, promising, other;
static struct pair delegate, purposeless, uncle, stranger;

static void
make_pki(void)
{
  static const char *const feature[] = { "tlsfeature=status_request", NULL };
  static const char *const responder[] = {
    "basicConstraints=critical,CA:FALSE", "extendedKeyUsage=OCSPSigning", NULL
  };
  static const char *const plain[] = { "basicConstraints=critical,CA:FALSE",
                                       NULL };

  root = pair_authority("ocsp root", NULL);
  middle = pair_authority("ocsp middle", &root);
  server = pair_server("ocsp server", &middle, NULL);
  promising = pair_server("ocsp promising", &middle, feature);
  other = pair_server("ocsp other", &middle, NULL);
  delegate = pair_make("ocsp delegate", &middle, responder);
  purposeless = pair_make("ocsp purposeless", &middle, plain);
  uncle = pair_make("ocsp uncle", &root, responder);
  stranger = pair_authority("ocsp middle", NULL); /* of the same name */
}

static void
free_pki(void)
{
  struct pair *const all[] = { &root, &middle, &server, &promising, &other,
                               &delegate, &purposeless, &uncle, &stranger };
  size_t i;

  for (i = 0; i < COUNT(all); i++)
    pair_free(all[i]);
}

/* ------------------------------------------------------------------- rows */

enum staple { NONE, GOOD, MALFORMED, TRAILING, TRY_LATER };

static const struct row {
  const char *test;
  enum staple staple; /* what `says` is made into */
  struct ocsp says;   /* NULLs: server, middle, middle; 0: an hour ago */
  const struct pair *leaf; /* NULL: server */
  int mode;
  int code; /* SSLC_CODE_NONE: let in */
  const char *has; /* a part of the message; or the status */
} rows[] = {
  { "no staple is let in", NONE, { 0 }, NULL, SSLC_OCSP_IF_STAPLED, 0,
    "none" },
  { "no staple is refused where it is required", NONE, { 0 }, NULL,
    SSLC_OCSP_REQUIRED, SSLC_CODE_STAPLE_MISSING, "requires" },
  { "a good staple is let in", GOOD, { .to = DAY }, NULL,
    SSLC_OCSP_IF_STAPLED, 0, "good" },
  { "a good staple is let in where it is required", GOOD, { .to = DAY }, NULL,
    SSLC_OCSP_REQUIRED, 0, "good" },
  { "a staple of a delegate is let in", GOOD,
    { .signer = &delegate, .embed = 1, .to = DAY }, NULL, SSLC_OCSP_REQUIRED,
    0, "good" },
  { "a staple with a CertID of SHA-256 is let in", GOOD,
    { .digest = "SHA256", .to = DAY }, NULL, SSLC_OCSP_REQUIRED, 0, "good" },
  { "a staple without an end is let in for a day", GOOD, { .to = 0 }, NULL,
    SSLC_OCSP_REQUIRED, 0, "good" },
  { "a staple a little early is let in", GOOD, { .from = 60, .to = DAY }, NULL,
    SSLC_OCSP_REQUIRED, 0, "good" },
  { "a revoked certificate is refused", GOOD,
    { .status = V_OCSP_CERTSTATUS_REVOKED, .to = DAY }, NULL,
    SSLC_OCSP_IF_STAPLED, SSLC_CODE_CERTIFICATE_REVOKED, "keyCompromise" },
  { "a revocation that is old is still one", GOOD,
    { .status = V_OCSP_CERTSTATUS_REVOKED, .from = -DAY, .to = -HOUR }, NULL,
    SSLC_OCSP_IF_STAPLED, SSLC_CODE_CERTIFICATE_REVOKED, "UTC" },
  { "an unknown certificate is refused", GOOD,
    { .status = V_OCSP_CERTSTATUS_UNKNOWN, .to = DAY }, NULL,
    SSLC_OCSP_IF_STAPLED, SSLC_CODE_REVOCATION_UNKNOWN, "does not know" },
  { "a staple that is too old is refused", GOOD,
    { .from = -DAY, .to = -HOUR }, NULL, SSLC_OCSP_IF_STAPLED,
    SSLC_CODE_REVOCATION_UNKNOWN, "not in force" },
  { "a staple without an end that is days old is refused", GOOD,
    { .from = -2 * DAY, .to = 0 }, NULL, SSLC_OCSP_IF_STAPLED,
    SSLC_CODE_REVOCATION_UNKNOWN, "not in force" },
  { "a staple of tomorrow is refused", GOOD, { .from = HOUR, .to = DAY }, NULL,
    SSLC_OCSP_IF_STAPLED, SSLC_CODE_REVOCATION_UNKNOWN, "not in force" },
  { "a staple of another certificate is refused", GOOD,
    { .leaf = &other, .to = DAY }, NULL, SSLC_OCSP_IF_STAPLED,
    SSLC_CODE_REVOCATION_UNKNOWN, "another certificate" },
  { "a staple of a stranger is refused", GOOD,
    { .signer = &stranger, .embed = 1, .to = DAY }, NULL,
    SSLC_OCSP_IF_STAPLED, SSLC_CODE_REVOCATION_UNKNOWN, "did not sign" },
  { "a staple of a stranger of the issuer's name is refused", GOOD,
    { .signer = &stranger, .to = DAY }, NULL, SSLC_OCSP_IF_STAPLED,
    SSLC_CODE_REVOCATION_UNKNOWN, "did not sign" },
  { "a staple of the issuer's without the purpose is refused", GOOD,
    { .signer = &purposeless, .embed = 1, .to = DAY }, NULL,
    SSLC_OCSP_IF_STAPLED, SSLC_CODE_REVOCATION_UNKNOWN, "did not sign" },
  { "a staple that the server signed itself is refused", GOOD,
    { .signer = &server, .embed = 1, .to = DAY }, NULL, SSLC_OCSP_IF_STAPLED,
    SSLC_CODE_REVOCATION_UNKNOWN, "did not sign" },
  { "a staple of the issuer's issuer is refused", GOOD,
    { .signer = &root, .embed = 1, .to = DAY }, NULL, SSLC_OCSP_IF_STAPLED,
    SSLC_CODE_REVOCATION_UNKNOWN, "did not sign" },
  { "a staple of another authority's delegate is refused", GOOD,
    { .signer = &uncle, .embed = 1, .to = DAY }, NULL, SSLC_OCSP_IF_STAPLED,
    SSLC_CODE_REVOCATION_UNKNOWN, "did not sign" },
  { "a staple signed over SHA-1 is refused", GOOD,
    { .digest = "SHA1", .to = DAY }, NULL, SSLC_OCSP_IF_STAPLED,
    SSLC_CODE_REVOCATION_UNKNOWN, "too weak" },
  { "a revocation of a stranger is not believed", GOOD,
    { .signer = &stranger, .embed = 1, .to = DAY,
      .status = V_OCSP_CERTSTATUS_REVOKED }, NULL, SSLC_OCSP_IF_STAPLED,
    SSLC_CODE_REVOCATION_UNKNOWN, "did not sign" },
  { "bytes behind a staple are refused", TRAILING, { .to = DAY }, NULL,
    SSLC_OCSP_IF_STAPLED, SSLC_CODE_REVOCATION_UNKNOWN, "malformed" },
  { "a staple that is none is refused", MALFORMED, { .to = DAY }, NULL,
    SSLC_OCSP_IF_STAPLED, SSLC_CODE_REVOCATION_UNKNOWN, "malformed" },
  { "a responder that gave none is refused", TRY_LATER, { .to = DAY }, NULL,
    SSLC_OCSP_IF_STAPLED, SSLC_CODE_REVOCATION_UNKNOWN, "trylater" },
  { "a certificate that promises a staple has to have one", NONE, { 0 },
    &promising, SSLC_OCSP_IF_STAPLED, SSLC_CODE_STAPLE_MISSING,
    "must-staple" },
  { "a certificate that promises a staple is let in with one", GOOD,
    { .leaf = &promising, .to = DAY }, &promising, SSLC_OCSP_IF_STAPLED, 0,
    "good" },
  { "a promised staple that is old is refused", GOOD,
    { .leaf = &promising, .from = -DAY, .to = -HOUR }, &promising,
    SSLC_OCSP_IF_STAPLED, SSLC_CODE_REVOCATION_UNKNOWN, "not in force" },
  { "where nobody asks, nothing is demanded", NONE, { 0 }, &promising,
    SSLC_OCSP_OFF, 0, "none" },
  { "where nobody asks, nothing is sent", GOOD,
    { .status = V_OCSP_CERTSTATUS_REVOKED, .to = DAY }, NULL, SSLC_OCSP_OFF, 0,
    "none" },
};

/* --------------------------------------------------------------- contexts */

static unsigned char *
make_staple(const struct row *row, size_t *len)
{
  struct ocsp says = row->says;
  unsigned char *der;

  if (row->staple == TRY_LATER) {
    static const unsigned char later[] = { 0x30, 3, 0x0a, 1, 3 };
    *len = sizeof later;
    return OPENSSL_memdup(later, sizeof later);
  }
  if (says.leaf == NULL)
    says.leaf = &server;
  if (says.issuer == NULL)
    says.issuer = &middle;
  if (says.signer == NULL)
    says.signer = &middle;
  if (says.from == 0)
    says.from = -HOUR;
  der = ocsp_make(&says, len);
  if (row->staple == MALFORMED)
    der[1]--;
  if (row->staple == TRAILING) {
    der = OPENSSL_realloc(der, *len + 1);
    der[(*len)++] = 0;
  }
  return der;
}

/* What a server cannot be made to staple is put there behind its back. */
static sslc_ctx *
make_server(const struct row *row)
{
  const struct pair *leaf = row->leaf != NULL ? row->leaf : &server;
  sslc_ctx *ctx = pair_server_ctx(leaf, &middle);
  unsigned char *der;
  size_t len;

  if (row->staple == NONE)
    return ctx;
  der = make_staple(row, &len);
  if (row->staple == GOOD || row->staple == TRY_LATER) {
    assert_ok(sslc_ctx_use_ocsp_response_der(ctx, der, len),
              sslc_ctx_error(ctx));
    OPENSSL_free(der);
  } else {
    ctx->ocsp_response = der;
    ctx->ocsp_response_len = len;
  }
  return ctx;
}

static sslc_ctx *
make_client(int mode, int version)
{
  sslc_ctx *ctx = pair_client_ctx(&root);

  assert_ok(sslc_ctx_set_ocsp(ctx, mode), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  return ctx;
}

/* ---------------------------------------------------------------- the rows */

static void
check_let_in(struct peers *p, const struct row *row)
{
  const unsigned char *der;
  size_t len = 7;
  int good = strcmp(row->has, "good") == 0;

  assert_int_equal(sslc_conn_is_verified(p->client), 1);
  assert_string_equal(sslc_conn_ocsp_status(p->client), row->has);
  der = sslc_conn_ocsp_response(p->client, &len);
  assert_int_equal(der != NULL, good);
  assert_int_equal(len > 0, good);
  assert_int_equal(p->client->good_until > (int64_t)time(NULL), good);
  send_through(p->client, p->server, "x", 1);
}

static void
check_refused(struct peers *p, const struct row *row)
{
  const sslc_error *err = sslc_conn_error(p->client);

  assert_code(err, row->code);
  assert_phase(err, SSLC_PHASE_HANDSHAKE);
  assert_has(sslc_error_message(err), row->has);
  assert_int_not_equal(sslc_error_verify_result(err), 0);
  assert_has(sslc_cert_subject(sslc_error_cert(err)), "CN=ocsp");
  assert_null(strstr(sslc_error_hint(err), "revocation list"));
  assert_null(sslc_conn_ocsp_status(p->client));
  assert_null(sslc_conn_ocsp_response(p->client, NULL));
  assert_int_equal(sslc_conn_is_verified(p->client), 0);
  /* The server is told, with bad_certificate_status_response. */
  assert_int_equal(p->server_status, SSLC_ERR_ALERT);
  assert_int_equal(sslc_error_alert(sslc_conn_error(p->server)), 113);
}

static void
run_row(const struct row *row, int version, int hook)
{
  struct peers p;
  sslc_ctx *client = make_client(row->mode, version);
  sslc_status status;

  assert_ok(sslc_ctx_set_retry_verify(client, hook), NULL);
  peers_init(&p, client, make_server(row), "localhost");
  status = shake(&p);
  while (status == SSLC_WANT_RETRY_VERIFY) {
    assert_ok(sslc_conn_answer_verify(p.client, 1, NULL), NULL);
    status = shake(&p);
  }
  if (row->code == 0) {
    assert_ok(status, sslc_conn_error(p.client));
    check_let_in(&p, row);
  } else {
    assert_status(status, SSLC_ERR_VERIFY, sslc_conn_error(p.client));
    check_refused(&p, row);
  }
  peers_free(&p);
}

static void
test_row(void **state)
{
  run_row(*state, SSLC_TLS1_3, 0);
  run_row(*state, SSLC_TLS1_2, 0);
  run_row(*state, SSLC_TLS1_3, 1);
}

/* Whatever byte of a good staple is changed, it is refused or says the same:
 * never is anything worse let in. */
static void
test_mutations(void **state)
{
  const struct row row = { .staple = GOOD, .says = { .to = DAY } };
  size_t len, i, step;
  unsigned char *der = make_staple(&row, &len);
  unsigned let_in = 0, refused = 0;

  (void)state;
  step = under_valgrind() ? 29 : 11;
  for (i = 0; i < len; i += step) {
    struct peers p;
    sslc_ctx *serving = pair_server_ctx(&server, &middle);

    serving->ocsp_response = OPENSSL_memdup(der, len);
    serving->ocsp_response_len = len;
    serving->ocsp_response[i] ^= 0x41;
    peers_init(&p, make_client(SSLC_OCSP_REQUIRED, SSLC_TLS1_3), serving,
               "localhost");
    if (shake(&p) == SSLC_OK)
      let_in++;
    else if (sslc_error_code(sslc_conn_error(p.client)) ==
             SSLC_CODE_REVOCATION_UNKNOWN)
      refused++;
    else
      fail_msg("byte %zu: %s", i,
               sslc_error_text(sslc_conn_error(p.client)));
    peers_free(&p);
  }
  assert_int_equal(let_in, 0);
  assert_true(refused > 5);
  OPENSSL_free(der);
}

/* ------------------------------------------------------ what is no staple */

/* A server that is trusted itself has no issuer who could sign. */
static void
test_trusted_itself(void **state)
{
  struct pair self = pair_server("ocsp self", NULL, NULL);
  struct peers p;
  sslc_ctx *ctx = pair_client_ctx(&self);

  (void)state;
  peers_init(&p, ctx, pair_server_ctx(&self, NULL), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  peers_free(&p);
  ctx = pair_client_ctx(&self);
  assert_ok(sslc_ctx_set_ocsp(ctx, SSLC_OCSP_REQUIRED), NULL);
  peers_init(&p, ctx, pair_server_ctx(&self, NULL), "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_STAPLE_MISSING);
  peers_free(&p);
  pair_free(&self);
}

/* Nothing is asked for where nothing is verified. */
static void
test_no_verify(void **state)
{
  const struct row row = { .staple = GOOD, .says = {
    .status = V_OCSP_CERTSTATUS_REVOKED, .to = DAY } };
  sslc_ctx *ctx = make_client(SSLC_OCSP_IF_STAPLED, SSLC_TLS1_3);
  struct peers p;

  (void)state;
  assert_ok(sslc_ctx_set_insecure_no_verify(ctx, 1), NULL);
  peers_init(&p, ctx, make_server(&row), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(sslc_conn_ocsp_status(p.client), "none");
  peers_free(&p);
}

/* -------------------------------------------------------------- resumption */

static sslc_session *
take_session(struct peers *p)
{
  sslc_session *session;

  send_text(p->server, "x");
  expect_text(p->client, "x");
  session = sslc_conn_get1_session(p->client);
  assert_non_null(session);
  return session;
}

static void
check_resumed(int version)
{
  const struct row row = { .staple = GOOD, .says = { .to = DAY } };
  sslc_ctx *client = make_client(SSLC_OCSP_REQUIRED, version);
  sslc_ctx *serving = make_server(&row);
  sslc_session *session;
  struct peers p;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(serving),
             "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  session = take_session(&p);
  peers_free(&p);
  peers_init(&p, client, serving, "localhost");
  assert_ok(sslc_conn_set_session(p.client, session),
            sslc_conn_error(p.client));
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_session_reused(p.client), 1);
  assert_string_equal(sslc_conn_ocsp_status(p.client), "none");
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  peers_free(&p);
  sslc_session_free(session);
}

static void
test_resumed(void **state)
{
  (void)state;
  check_resumed(SSLC_TLS1_3);
  check_resumed(SSLC_TLS1_2);
}

/* ---------------------------------------------------------------- settings */

static void
check_broken(sslc_ctx *ctx, sslc_status status, int code, const char *says)
{
  assert_status(status, SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), code);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), says);
  sslc_ctx_free(ctx);
}

static void
test_bad_settings(void **state)
{
  const struct row row = { .staple = GOOD, .says = { .to = DAY } };
  sslc_ctx *ctx = sslc_ctx_new();
  unsigned char *der;
  size_t len;

  (void)state;
  check_broken(ctx, sslc_ctx_set_ocsp(ctx, 3), SSLC_CODE_BAD_OPTION, "ocsp");
  ctx = sslc_ctx_new();
  check_broken(ctx, sslc_ctx_set_ocsp(ctx, -1), SSLC_CODE_BAD_OPTION, "ocsp");
  ctx = sslc_ctx_new();
  assert_ok(sslc_ctx_set_ocsp(ctx, SSLC_OCSP_REQUIRED), NULL);
  assert_ok(sslc_ctx_set_insecure_no_verify(ctx, 1), NULL);
  check_broken(ctx, sslc_ctx_check(ctx), SSLC_CODE_BAD_OPTION,
               "insecure_no_verify");
  ctx = sslc_ctx_new();
  check_broken(ctx, sslc_ctx_use_ocsp_response_file(ctx, "/nowhere"),
               SSLC_CODE_BAD_FILE, "/nowhere");
  ctx = sslc_ctx_new();
  check_broken(ctx, sslc_ctx_use_ocsp_response_file(ctx, cert_path("ca.pem")),
               SSLC_CODE_BAD_FILE, "no OCSP response");
  ctx = sslc_ctx_new();
  check_broken(ctx, sslc_ctx_use_ocsp_response_der(ctx, "", 0),
               SSLC_CODE_BAD_FILE, "no OCSP response");
  ctx = sslc_ctx_new();
  check_broken(ctx, sslc_ctx_use_ocsp_response_der(ctx, NULL, 3),
               SSLC_CODE_BAD_OPTION, "missing");
  ctx = sslc_ctx_new();
  der = make_staple(&row, &len);
  assert_ok(sslc_ctx_use_ocsp_response_der(ctx, der, len), NULL);
  check_broken(ctx, sslc_ctx_check(ctx), SSLC_CODE_BAD_OPTION, "cert");
  ctx = sslc_ctx_new();
  der[len - 1] ^= 1; /* in the signature: for clients to find */
  assert_ok(sslc_ctx_use_ocsp_response_der(ctx, der, len), NULL);
  check_broken(ctx, sslc_ctx_use_ocsp_response_der(ctx, der, len - 1),
               SSLC_CODE_BAD_FILE, "no OCSP response");
  OPENSSL_free(der);
}

static void
test_misuse(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn = sslc_conn_new(ctx);
  size_t len = 7;

  (void)state;
  assert_int_equal(sslc_ctx_set_ocsp(NULL, 0), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_use_ocsp_response_file(NULL, "x"), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_use_ocsp_response_der(NULL, "x", 1),
                   SSLC_ERR_ARG);
  assert_null(sslc_conn_ocsp_status(NULL));
  assert_null(sslc_conn_ocsp_response(NULL, &len));
  assert_int_equal(len, 0);
  assert_null(sslc_conn_ocsp_status(conn));
  assert_null(sslc_conn_ocsp_response(conn, NULL));
  assert_status(sslc_ctx_set_ocsp(ctx, SSLC_OCSP_OFF), SSLC_ERR_STATE, NULL);
  assert_status(sslc_ctx_use_ocsp_response_der(ctx, "x", 1), SSLC_ERR_STATE,
                NULL);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

/* A staple is about one certificate: one that a hook chose is shown without. */
static void
test_chosen_certificate(void **state)
{
  const struct row row = { .staple = GOOD, .says = { .to = DAY } };
  sslc_ctx *serving = make_server(&row), *chosen;
  struct peers p;

  (void)state;
  chosen = pair_server_ctx(&other, &middle);
  assert_ok(sslc_ctx_set_x509_lookup(serving, 1), NULL);
  peers_init(&p, make_client(SSLC_OCSP_IF_STAPLED, SSLC_TLS1_3), serving,
             "localhost");
  shake(&p);
  assert_int_equal(p.server_status, SSLC_WANT_X509_LOOKUP);
  assert_ok(sslc_conn_answer_x509_lookup(p.server, chosen), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(sslc_conn_ocsp_status(p.client), "none");
  peers_free(&p);
  sslc_ctx_free(chosen);
}

/* The staple of the context that is chosen by the ClientHello. */
static void
test_chosen_context(void **state)
{
  const struct row row = { .staple = GOOD, .says = { .to = DAY } };
  sslc_ctx *first = pair_server_ctx(&other, &middle);
  sslc_ctx *chosen = make_server(&row);
  struct peers p;

  (void)state;
  assert_ok(sslc_ctx_set_client_hello(first, 1), NULL);
  peers_init(&p, make_client(SSLC_OCSP_REQUIRED, SSLC_TLS1_3), first,
             "localhost");
  shake(&p);
  assert_int_equal(p.server_status, SSLC_WANT_CLIENT_HELLO_CB);
  assert_ok(sslc_conn_answer_client_hello(p.server, chosen), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(sslc_conn_ocsp_status(p.client), "good");
  peers_free(&p);
  sslc_ctx_free(chosen);
}

int
main(void)
{
  size_t i;
  int failed;

  make_pki();
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_row, &rows[i]);
  add_test("a staple that was changed is refused", test_mutations, NULL);
  add_test("who is trusted itself needs no staple", test_trusted_itself, NULL);
  add_test("where nothing is verified, nothing is asked", test_no_verify,
           NULL);
  add_test("what is resumed was looked at", test_resumed, NULL);
  add_test("settings that cannot be used are refused", test_bad_settings,
           NULL);
  add_test("settings come before the first connection", test_misuse, NULL);
  add_test("a certificate that a hook chose has no staple of another",
           test_chosen_certificate, NULL);
  add_test("a context that was chosen has its own staple", test_chosen_context,
           NULL);
  failed = run_all("ocsp");
  free_pki();
  return failed;
}
