/*
 * test_dane.c: TLSA records: whom each usage lets in, and whom not.  RFC 6698,
 * RFC 7671.
 */
#include "support_pki.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

enum { PKIX_TA, PKIX_EE, DANE_TA, DANE_EE };
enum { CERT, SPKI };
enum { FULL, SHA2_256, SHA2_512 };

static struct pair root, middle, server, expired, stranger, self;

static void
make_pki(void)
{
  root = pair_authority("dane root", NULL);
  middle = pair_authority("dane middle", &root);
  server = pair_server("dane server", &middle, NULL);
  expired = pair_server("dane expired", &middle, NULL);
  X509_gmtime_adj(X509_getm_notAfter(expired.cert), -60);
  X509_sign(expired.cert, middle.key, EVP_sha256());
  stranger = pair_authority("dane stranger", NULL);
  self = pair_server("dane self", NULL, NULL);
}

static void
free_pki(void)
{
  struct pair *const all[] = { &root, &middle, &server, &expired, &stranger,
                               &self };
  size_t i;

  for (i = 0; i < COUNT(all); i++)
    pair_free(all[i]);
}

/* ----------------------------------------------------------------- records */

/* Adds a record about the pair; what the library said. */
static sslc_status
add(sslc_conn *conn, int usage, int selector, int mtype,
    const struct pair *pair)
{
  unsigned char *der = NULL, digest[SHA512_DIGEST_LENGTH];
  int n = selector == CERT ? i2d_X509(pair->cert, &der)
                           : i2d_PUBKEY(pair->key, &der);
  sslc_status status;

  assert_true(n > 0);
  if (mtype == SHA2_256)
    SHA256(der, (size_t)n, digest);
  if (mtype == SHA2_512)
    SHA512(der, (size_t)n, digest);
  status = sslc_conn_add_tlsa(
    conn, usage, selector, mtype, mtype == FULL ? der : digest,
    mtype == FULL ? (size_t)n : mtype == SHA2_256 ? sizeof digest / 2
                                                  : sizeof digest);
  OPENSSL_free(der);
  return status;
}

static const struct row {
  const char *test;
  int usage, selector, mtype;
  const struct pair *about;
  const struct pair *shown; /* by middle, or by itself */
  const struct pair *trust;
  const char *name;         /* NULL: localhost */
  int code;                 /* SSLC_CODE_NONE: let in */
  int depth;
} rows[] = {
  /* DANE-EE */
  { "the server's key is let in", DANE_EE, SPKI, SHA2_256, &server, &server,
    &root, NULL, 0, 0 },
  { "the server's key is enough without an authority", DANE_EE, SPKI,
    SHA2_256, &server, &server, &stranger, NULL, 0, 0 },
  { "the server's certificate is let in", DANE_EE, CERT, SHA2_256, &server,
    &server, &stranger, NULL, 0, 0 },
  { "a digest of SHA-512 is let in", DANE_EE, SPKI, SHA2_512, &server, &server,
    &stranger, NULL, 0, 0 },
  { "the whole certificate is let in", DANE_EE, CERT, FULL, &server, &server,
    &stranger, NULL, 0, 0 },
  { "the whole key is let in", DANE_EE, SPKI, FULL, &server, &server,
    &stranger, NULL, 0, 0 },
  { "a certificate by itself is let in", DANE_EE, SPKI, SHA2_256, &self, &self,
    &stranger, NULL, 0, 0 },
  { "an expired certificate is let in by its key", DANE_EE, SPKI, SHA2_256,
    &expired, &expired, &stranger, NULL, 0, 0 },
  { "another key is refused, though its authority is trusted", DANE_EE, SPKI,
    SHA2_256, &stranger, &server, &root, NULL, SSLC_CODE_DANE_MISMATCH, -1 },
  { "an authority's key is no server's", DANE_EE, SPKI, SHA2_256, &middle,
    &server, &root, NULL, SSLC_CODE_DANE_MISMATCH, -1 },
  { "the server's key is refused for another name", DANE_EE, SPKI, SHA2_256,
    &server, &server, &stranger, "other.example",
    SSLC_CODE_HOSTNAME_MISMATCH, -1 },
  /* DANE-TA */
  { "an authority that is named stands for the trust", DANE_TA, CERT,
    SHA2_256, &middle, &server, &stranger, NULL, 0, 1 },
  { "an authority's key stands for the trust", DANE_TA, SPKI, SHA2_256,
    &middle, &server, &stranger, NULL, 0, 1 },
  { "an authority that is given whole need not be sent", DANE_TA, CERT, FULL,
    &root, &server, &stranger, NULL, 0, 2 },
  { "an authority that issued nothing is refused", DANE_TA, CERT, SHA2_256,
    &stranger, &server, &root, NULL, SSLC_CODE_DANE_MISMATCH, -1 },
  { "an authority that issued nothing is refused, given whole", DANE_TA, CERT,
    FULL, &stranger, &server, &root, NULL, SSLC_CODE_DANE_MISMATCH, -1 },
  { "the name is checked below an authority", DANE_TA, CERT, SHA2_256, &middle,
    &server, &stranger, "other.example", SSLC_CODE_HOSTNAME_MISMATCH, -1 },
  { "an expired certificate is refused below an authority", DANE_TA, CERT,
    SHA2_256, &middle, &expired, &stranger, NULL,
    SSLC_CODE_CERTIFICATE_EXPIRED, -1 },
  /* PKIX-EE */
  { "the server's key counts beside the trust", PKIX_EE, SPKI, SHA2_256,
    &server, &server, &root, NULL, 0, 0 },
  { "the server's key does not make up for the trust", PKIX_EE, SPKI,
    SHA2_256, &server, &server, &stranger, NULL, SSLC_CODE_UNKNOWN_AUTHORITY,
    -1 },
  { "trust does not make up for the server's key", PKIX_EE, SPKI, SHA2_256,
    &middle, &server, &root, NULL, SSLC_CODE_DANE_MISMATCH, -1 },
  { "an expired certificate is refused beside the trust", PKIX_EE, SPKI,
    SHA2_256, &expired, &expired, &root, NULL, SSLC_CODE_CERTIFICATE_EXPIRED,
    -1 },
  /* PKIX-TA */
  { "an authority counts beside the trust", PKIX_TA, CERT, SHA2_256, &middle,
    &server, &root, NULL, 0, 1 },
  { "the root counts beside the trust", PKIX_TA, CERT, SHA2_256, &root,
    &server, &root, NULL, 0, 2 },
  { "an authority does not make up for the trust", PKIX_TA, CERT, SHA2_256,
    &middle, &server, &stranger, NULL, SSLC_CODE_UNKNOWN_AUTHORITY, -1 },
  { "trust does not make up for the authority", PKIX_TA, CERT, SHA2_256,
    &stranger, &server, &root, NULL, SSLC_CODE_DANE_MISMATCH, -1 },
  { "the server's own certificate is no authority", PKIX_TA, CERT, SHA2_256,
    &server, &server, &root, NULL, SSLC_CODE_DANE_MISMATCH, -1 },
};

/* ---------------------------------------------------------------- the rows */

static void
begin(struct peers *p, const struct row *row, int version, int hook)
{
  sslc_ctx *client = pair_client_ctx(row->trust);
  const struct pair *next = row->shown == &self ? NULL : &middle;

  assert_ok(sslc_ctx_set_max_version(client, version), NULL);
  assert_ok(sslc_ctx_set_retry_verify(client, hook), NULL);
  peers_init(p, client, pair_server_ctx(row->shown, next),
             row->name != NULL ? row->name : "localhost");
  assert_ok(add(p->client, row->usage, row->selector, row->mtype, row->about),
            sslc_conn_error(p->client));
}

static sslc_status
shake_and_accept(struct peers *p)
{
  sslc_status status = shake(p);

  while (status == SSLC_WANT_RETRY_VERIFY) {
    assert_ok(sslc_conn_answer_verify(p->client, 1, NULL), NULL);
    status = shake(p);
  }
  return status;
}

static void
run_row(const struct row *row, int version, int hook)
{
  struct peers p;
  sslc_status status;
  const sslc_error *err;

  begin(&p, row, version, hook);
  status = shake_and_accept(&p);
  err = sslc_conn_error(p.client);
  assert_status(status, row->code ? SSLC_ERR_VERIFY : SSLC_OK, err);
  assert_int_equal(sslc_conn_is_verified(p.client), row->code == 0);
  assert_int_equal(sslc_conn_dane_depth(p.client), row->depth);
  if (row->code == 0) {
    send_through(p.client, p.server, "x", 1);
  } else {
    assert_code(err, row->code);
    assert_int_not_equal(sslc_error_verify_result(err), 0);
    assert_int_equal(p.server_status, SSLC_ERR_ALERT);
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

/* Several: each by itself is enough. */
static void
test_sets(void **state)
{
  struct peers p;

  (void)state;
  begin(&p, &rows[8], SSLC_TLS1_3, 0); /* another key */
  assert_ok(add(p.client, DANE_EE, SPKI, SHA2_256, &server), NULL);
  assert_ok(add(p.client, DANE_EE, SPKI, SHA2_256, &server), NULL);
  assert_int_equal(p.client->tlsa_count, 2);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  peers_free(&p);
  begin(&p, &rows[8], SSLC_TLS1_3, 0);
  assert_ok(add(p.client, PKIX_TA, CERT, SHA2_256, &stranger), NULL);
  assert_status(shake(&p), SSLC_ERR_VERIFY, NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_DANE_MISMATCH);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "2 TLSA records");
  peers_free(&p);
}

/* Pins and staples are demanded beside a record. */
static void
test_beside(void **state)
{
  struct peers p;
  sslc_ctx *client = pair_client_ctx(&root);
  char *pin = pair_hex_pin(&stranger);

  (void)state;
  assert_ok(sslc_ctx_add_pin(client, pin), NULL);
  free(pin);
  peers_init(&p, client, pair_server_ctx(&server, &middle), "localhost");
  assert_ok(add(p.client, DANE_EE, SPKI, SHA2_256, &server), NULL);
  assert_status(shake(&p), SSLC_ERR_VERIFY, NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_PIN_MISMATCH);
  peers_free(&p);
  client = pair_client_ctx(&root);
  assert_ok(sslc_ctx_set_ocsp(client, SSLC_OCSP_REQUIRED), NULL);
  peers_init(&p, client, pair_server_ctx(&server, &middle), "localhost");
  assert_ok(add(p.client, DANE_EE, SPKI, SHA2_256, &server), NULL);
  assert_status(shake(&p), SSLC_ERR_VERIFY, NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_STAPLE_MISSING);
  peers_free(&p);
}

static void
test_no_name_check(void **state)
{
  struct peers p;
  sslc_ctx *client = pair_client_ctx(&stranger);

  (void)state;
  assert_ok(sslc_ctx_set_insecure_no_name_check(client, 1), NULL);
  peers_init(&p, client, pair_server_ctx(&server, &middle), "other.example");
  assert_ok(add(p.client, DANE_EE, SPKI, SHA2_256, &server), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 0);
  peers_free(&p);
}

/* -------------------------------------------------------------- bad records */

static const struct bad {
  const char *test;
  int usage, selector, mtype;
  size_t len;
  const char *says;
} bads[] = {
  { "a usage below 0 is refused", -1, 0, 1, 32, "usage" },
  { "a usage beyond 3 is refused", 4, 0, 1, 32, "usage" },
  { "a selector beyond 1 is refused", 3, 2, 1, 32, "selector" },
  { "a matching type beyond 2 is refused", 3, 1, 3, 32, "matching type" },
  { "a short digest is refused", 3, 1, 1, 31, "32 bytes" },
  { "a long digest is refused", 3, 1, 1, 33, "32 bytes" },
  { "a short digest of SHA-512 is refused", 3, 1, 2, 32, "64 bytes" },
  { "a record of nothing is refused", 3, 1, 0, 0, "missing" },
};

static void
test_bad(void **state)
{
  static const unsigned char data[64];
  const struct bad *bad = *state;
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_status(sslc_conn_add_tlsa(conn, bad->usage, bad->selector, bad->mtype,
                                   data, bad->len), SSLC_ERR_ARG,
                sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(conn)), bad->says);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

static void
test_malformed(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, pair_client_ctx(&root), pair_server_ctx(&server, &middle),
             "localhost");
  assert_ok(sslc_conn_add_tlsa(p.client, DANE_EE, CERT, FULL, "no DER", 6),
            NULL);
  assert_status(shake(&p), SSLC_ERR_CONFIG, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_BAD_OPTION);
  assert_status(sslc_conn_connect(p.client), SSLC_ERR_CONFIG, NULL);
  peers_free(&p);
}

/* A handshake that is refused before it begins. */
static void
check_misplaced(sslc_ctx *client, const char *name, const char *says)
{
  struct peers p;

  peers_init(&p, client, pair_server_ctx(&server, &middle), name);
  assert_ok(add(p.client, DANE_EE, SPKI, SHA2_256, &server), NULL);
  assert_status(sslc_conn_connect(p.client), SSLC_ERR_ARG,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), says);
  peers_free(&p);
}

static void
test_misplaced(void **state)
{
  sslc_ctx *ctx = pair_client_ctx(&root);
  struct peers p;

  (void)state;
  check_misplaced(pair_client_ctx(&root), "127.0.0.1", "of a name");
  assert_ok(sslc_ctx_set_insecure_no_verify(ctx, 1), NULL);
  check_misplaced(ctx, "localhost", "insecure_no_verify");
  peers_init(&p, pair_client_ctx(&root), pair_server_ctx(&server, &middle),
             "localhost");
  assert_ok(add(p.server, DANE_EE, SPKI, SHA2_256, &server), NULL);
  assert_status(sslc_conn_accept(p.server), SSLC_ERR_ARG,
                sslc_conn_error(p.server));
  assert_has(sslc_error_message(sslc_conn_error(p.server)), "accept");
  peers_free(&p);
}

static void
test_misuse(void **state)
{
  struct peers p;
  size_t i;

  (void)state;
  assert_int_equal(sslc_conn_add_tlsa(NULL, 3, 1, 1, "", 32), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_dane_depth(NULL), -1);
  begin(&p, &rows[0], SSLC_TLS1_3, 0);
  assert_status(sslc_conn_add_tlsa(p.client, 3, 1, 1, NULL, 32), SSLC_ERR_ARG,
                NULL);
  for (i = 0; i < 63; i++) {
    unsigned char data[32] = { (unsigned char)i };

    assert_ok(sslc_conn_add_tlsa(p.client, 3, 1, 1, data, sizeof data), NULL);
  }
  assert_status(add(p.client, 3, 1, 1, &stranger), SSLC_ERR_ARG, NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_status(add(p.client, 3, 1, 1, &stranger), SSLC_ERR_STATE, NULL);
  sslc_conn_close(p.client);
  assert_status(add(p.client, 3, 1, 1, &stranger), SSLC_ERR_STATE, NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CLOSED);
  peers_free(&p);
}

/* ---------------------------------------------------------------- sessions */

/* Offers the session under records, and says what became of that. */
static sslc_status
offer(sslc_ctx *client, sslc_ctx *serving, sslc_session *session,
      const struct pair *about, int *reused)
{
  struct peers p;
  sslc_status status;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(serving),
             "localhost");
  if (about != NULL)
    assert_ok(add(p.client, DANE_EE, SPKI, SHA2_256, about), NULL);
  assert_ok(sslc_conn_set_session(p.client, session), NULL);
  status = shake(&p);
  *reused = sslc_conn_session_reused(p.client);
  peers_free(&p);
  return status;
}

/* A session resumes under the records it began with, and under no others. */
static void
check_sessions(int version)
{
  sslc_ctx *client = pair_client_ctx(&root);
  sslc_ctx *serving = pair_server_ctx(&server, &middle);
  sslc_session *session;
  struct peers p;
  int reused;

  assert_ok(sslc_ctx_set_max_version(client, version), NULL);
  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(serving),
             "localhost");
  assert_ok(add(p.client, DANE_EE, SPKI, SHA2_256, &server), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  send_text(p.server, "x");
  expect_text(p.client, "x");
  session = sslc_conn_get1_session(p.client);
  assert_non_null(session);
  peers_free(&p);
  assert_int_equal(offer(client, serving, session, &server, &reused), SSLC_OK);
  assert_int_equal(reused, 1);
  assert_int_equal(offer(client, serving, session, &stranger, &reused),
                   SSLC_ERR_ARG);
  assert_int_equal(offer(client, serving, session, NULL, &reused),
                   SSLC_ERR_ARG);
  sslc_session_free(session);
  sslc_ctx_free(client);
  sslc_ctx_free(serving);
}

static void
test_sessions(void **state)
{
  (void)state;
  check_sessions(SSLC_TLS1_3);
  check_sessions(SSLC_TLS1_2);
}

int
main(void)
{
  size_t i;
  int failed;

  make_pki();
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_row, &rows[i]);
  add_test("one of several records is enough", test_sets, NULL);
  add_test("pins and staples are demanded beside records", test_beside, NULL);
  add_test("where no name is checked, records check none", test_no_name_check,
           NULL);
  for (i = 0; i < COUNT(bads); i++)
    add_test(bads[i].test, test_bad, &bads[i]);
  add_test("a whole certificate that is none is refused", test_malformed,
           NULL);
  add_test("records where they make no sense are refused", test_misplaced,
           NULL);
  add_test("records come before the handshake", test_misuse, NULL);
  add_test("a session is of the records it began with", test_sessions, NULL);
  failed = run_all("dane");
  free_pki();
  return failed;
}
