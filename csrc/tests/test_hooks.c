/*
 * test_hooks.c: the verification hook, SSL_set_retry_verify(3), and who tries
 * to get past it.  Compiled a second time with SSLC_WITHOUT_RETRY_VERIFY, where
 * a client is asked as a server is: when libssl is done.
 */
#include "support.h"

#include "internal.h"

#include <stdio.h>
#include <string.h>

enum { LATE = !COMPAT_CAN_RETRY_VERIFY };

static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };

static sslc_ctx *
hooked(sslc_ctx *ctx, int version)
{
  assert_ok(sslc_ctx_set_retry_verify(ctx, 1), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  return ctx;
}

static sslc_ctx *
trusting_all(int version)
{
  sslc_ctx *ctx = hooked(make_client_ctx(), version);
  assert_ok(sslc_ctx_set_insecure_no_verify(ctx, 1), sslc_ctx_error(ctx));
  return ctx;
}

/* A client that is asked about the leaf. */
static void
ask_client(struct peers *p, sslc_ctx *ctx, const char *leaf)
{
  peers_init(p, ctx, make_lax_server_ctx(leaf), "localhost");
  assert_status(shake(p), SSLC_WANT_RETRY_VERIFY, sslc_conn_error(p->client));
}

/* Nothing gets through while it is asked, and the question stays. */
static void
assert_shut(sslc_conn *conn)
{
  char buf[8];
  size_t n;

  assert_int_equal(sslc_conn_is_connected(conn), 0);
  assert_int_equal(sslc_conn_is_verified(conn), 0);
  assert_null(sslc_conn_version(conn));
  assert_status(sslc_conn_read(conn, buf, sizeof buf, &n), SSLC_ERR_STATE,
                NULL);
  assert_status(sslc_conn_peek(conn, buf, sizeof buf, &n), SSLC_ERR_STATE,
                NULL);
  assert_status(sslc_conn_write(conn, "x", 1, &n), SSLC_ERR_STATE, NULL);
  assert_status(sslc_conn_key_update(conn, 0), SSLC_ERR_STATE, NULL);
  assert_status(sslc_conn_shutdown(conn), SSLC_ERR_STATE, NULL);
  assert_status(sslc_conn_do_handshake(conn), SSLC_WANT_RETRY_VERIFY, NULL);
  assert_null(sslc_conn_error(conn));
}

static void
assert_refused(sslc_conn *conn, const char *subject)
{
  const sslc_error *err;

  assert_status(sslc_conn_do_handshake(conn), SSLC_ERR_VERIFY,
                sslc_conn_error(conn));
  err = sslc_conn_error(conn);
  assert_code(err, SSLC_CODE_VERIFICATION_FAILED);
  assert_phase(err, SSLC_PHASE_HANDSHAKE);
  assert_has(sslc_error_message(err), "refused");
  assert_int_equal(sslc_error_verify_result(err), 50);
  assert_string_equal(sslc_cert_subject(sslc_error_cert(err)), subject);
  assert_status(sslc_conn_do_handshake(conn), SSLC_ERR_VERIFY, err);
  assert_int_equal(sslc_conn_is_connected(conn), 0);
}

static void
test_accepts(void **state)
{
  const int *version = *state;
  struct peers p;
  size_t n;

  ask_client(&p, hooked(make_client_ctx(), *version), "good");
  assert_shut(p.client);
  assert_int_equal(sslc_conn_verify_result(p.client), 0);
  assert_int_equal(sslc_conn_peer_cert_count(p.client), 2);
  n = sslc_conn_chain_count(p.client);
  assert_int_equal(n, 3);
  assert_string_equal(sslc_cert_subject(sslc_conn_chain(p.client, 0)),
                      "CN=good");
  assert_string_equal(sslc_cert_subject(sslc_conn_chain(p.client, 2)),
                      sslc_cert_issuer(sslc_conn_chain(p.client, 2)));
  assert_null(sslc_conn_chain(p.client, 3));
  assert_ok(sslc_conn_answer_verify(p.client, 1, "not looked at"), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  send_through(p.client, p.server, "hello", 5);
  assert_int_equal(sslc_conn_chain_count(p.client), 3);
  peers_free(&p);
}

static void
test_refuses(void **state)
{
  const int *version = *state;
  struct peers p;

  ask_client(&p, hooked(make_client_ctx(), *version), "good");
  assert_ok(sslc_conn_answer_verify(p.client, 0, "not\nours"), NULL);
  assert_refused(p.client, "CN=good");
  assert_has(sslc_error_message(sslc_conn_error(p.client)), ": not ours");
  shake(&p);
  if (!LATE) {
    assert_code(sslc_conn_error(p.server), SSLC_CODE_NO_SHARED_PARAMETERS);
    assert_int_equal(sslc_error_alert(sslc_conn_error(p.server)), 40);
  }
  peers_free(&p);
}

static void
test_aborts(void **state)
{
  const int *version = *state;
  struct peers p;

  ask_client(&p, hooked(make_client_ctx(), *version), "good");
  assert_ok(sslc_conn_answer_abort(p.client, "enough"), NULL);
  assert_status(shake(&p), SSLC_ERR_CANCELED, NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CANCELED);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "enough");
  assert_status(sslc_conn_answer_verify(p.client, 1, NULL), SSLC_ERR_STATE,
                NULL);
  assert_status(shake(&p), SSLC_ERR_CANCELED, NULL);
  peers_free(&p);
}

/* ------------------------------------------------------------- bad servers */

static const struct bad {
  const char *test, *leaf;
  int code, result;
} bads[] = {
  { "an expired server", "expired", SSLC_CODE_CERTIFICATE_EXPIRED, 10 },
  { "a server of another name", "wronghost", SSLC_CODE_HOSTNAME_MISMATCH, 62 },
  { "a server of an unknown authority", "unknown", SSLC_CODE_UNKNOWN_AUTHORITY,
    20 },
  { "a self-signed server", "selfsigned", SSLC_CODE_SELF_SIGNED, 18 },
  { "a client's certificate", "clientonly", SSLC_CODE_UNSUITABLE_CERTIFICATE,
    26 },
};

/* What was found bad is not asked about, and no answer saves it. */
static void
test_bad(void **state)
{
  const struct bad *bad = *state;
  struct peers p;
  size_t i;
  int rounds;

  for (i = 0; i < COUNT(versions); i++) {
    peers_init(&p, hooked(make_client_ctx(), versions[i]),
               make_lax_server_ctx(bad->leaf), "localhost");
    for (rounds = 0; rounds < 20; rounds++) {
      assert_int_not_equal(sslc_conn_do_handshake(p.client),
                           SSLC_WANT_RETRY_VERIFY);
      assert_status(sslc_conn_answer_verify(p.client, 1, NULL),
                    SSLC_ERR_STATE, NULL);
      sslc_conn_do_handshake(p.server);
    }
    assert_status(sslc_conn_do_handshake(p.client), SSLC_ERR_VERIFY, NULL);
    assert_code(sslc_conn_error(p.client), bad->code);
    assert_int_equal(sslc_conn_verify_result(p.client), bad->result);
    peers_free(&p);
  }
}

/* With insecure_no_verify the answer is all there is. */
static void
test_bad_shown(void **state)
{
  const struct bad *bad = *state;
  struct peers p;
  size_t i;

  for (i = 0; i < 2 * COUNT(versions); i++) {
    ask_client(&p, trusting_all(versions[i / 2]), bad->leaf);
    assert_shut(p.client);
    assert_int_equal(sslc_conn_verify_result(p.client), bad->result);
    assert_true(sslc_conn_chain_count(p.client) >= 1);
    assert_ok(sslc_conn_answer_verify(p.client, i % 2, NULL), NULL);
    if (i % 2 == 0) {
      assert_status(shake(&p), SSLC_ERR_VERIFY, NULL);
      assert_code(sslc_conn_error(p.client), SSLC_CODE_VERIFICATION_FAILED);
    } else {
      assert_ok(shake(&p), sslc_conn_error(p.client));
      assert_int_equal(sslc_conn_is_verified(p.client), 0);
      assert_int_equal(sslc_conn_verify_result(p.client), bad->result);
      send_through(p.client, p.server, "hello", 5);
    }
    peers_free(&p);
  }
}

static void
test_good_shown(void **state)
{
  struct peers p;

  (void)state;
  ask_client(&p, trusting_all(0), "good");
  assert_int_equal(sslc_conn_verify_result(p.client), 0);
  assert_ok(sslc_conn_answer_verify(p.client, 1, NULL), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  peers_free(&p);

  /* Without a name only the chain is known to be good. */
  peers_init(&p, trusting_all(0), make_server_ctx("good"), NULL);
  assert_status(shake(&p), SSLC_WANT_RETRY_VERIFY, NULL);
  assert_ok(sslc_conn_answer_verify(p.client, 1, NULL), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 0);
  peers_free(&p);
}

/* A server that shows nothing at all is asked about too. */
static void
test_anonymous(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, trusting_all(SSLC_TLS1_2), make_server_ctx("good"),
             "localhost");
  assert_true(SSL_set_cipher_list(p.client->ssl, "aNULL:@SECLEVEL=0"));
  assert_true(SSL_set_cipher_list(p.server->ssl, "aNULL:@SECLEVEL=0"));
  assert_status(shake(&p), SSLC_WANT_RETRY_VERIFY, sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_verify_result(p.client), -1);
  assert_int_equal(sslc_conn_chain_count(p.client), 0);
  assert_ok(sslc_conn_answer_verify(p.client, 0, NULL), NULL);
  assert_status(shake(&p), SSLC_ERR_VERIFY, NULL);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "none was shown");
  peers_free(&p);
}

/* ------------------------------------------------------- after the answer */

/* Has the context revoke what it found good. */
static void
revoke(sslc_conn *conn)
{
  X509_STORE_set_flags(conn->ctx->trust.store, X509_V_FLAG_CRL_CHECK);
}

/* What was accepted is verified anew, and has to be as good again. */
static void
test_changed(void **state)
{
  struct peers p;
  int lax;

  (void)state;
  if (LATE)
    skip();
  for (lax = 0; lax < 2; lax++) {
    ask_client(&p, lax ? trusting_all(0) : hooked(make_client_ctx(), 0),
               "good");
    assert_int_equal(sslc_conn_verify_result(p.client), 0);
    assert_ok(sslc_conn_answer_verify(p.client, 1, NULL), NULL);
    revoke(p.client);
    assert_status(shake(&p), SSLC_ERR_VERIFY, NULL);
    assert_code(sslc_conn_error(p.client), SSLC_CODE_REVOCATION_UNKNOWN);
    peers_free(&p);
  }
}

/* libssl loses the name where memory is short as it begins to verify: then the
 * hook must not take the rest for a good verdict. */
static void
test_lost_name(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, hooked(make_client_ctx(), 0), make_server_ctx("wronghost"),
             "localhost");
  assert_status(sslc_conn_do_handshake(p.client), SSLC_WANT_READ, NULL);
  assert_true(X509_VERIFY_PARAM_set1_host(SSL_get0_param(p.client->ssl), NULL,
                                          0));
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_HOSTNAME_MISMATCH);
  peers_free(&p);
}

/* ----------------------------------------------------------------- misuse */

static void
test_misuse(void **state)
{
  struct peers p, other;
  sslc_conn *conn;

  (void)state;
  peers_init(&p, hooked(make_client_ctx(), 0), make_server_ctx("good"),
             "localhost");
  conn = p.client;
  assert_status(sslc_conn_answer_verify(conn, 1, NULL), SSLC_ERR_STATE, NULL);
  assert_code(sslc_conn_error(conn), SSLC_CODE_MISUSE);
  assert_int_equal(sslc_conn_verify_result(conn), -1);
  assert_int_equal(sslc_conn_chain_count(conn), 0);
  assert_status(shake(&p), SSLC_WANT_RETRY_VERIFY, NULL);
  /* Answers of others, and to others. */
  assert_status(sslc_conn_answer_verify(p.server, 1, NULL), SSLC_ERR_STATE,
                NULL);
  assert_status(sslc_conn_answer_x509_lookup(conn, NULL), SSLC_ERR_STATE,
                NULL);
  assert_status(sslc_conn_answer_client_hello(conn, NULL), SSLC_ERR_STATE,
                NULL);
  assert_status(sslc_conn_answer_verify(NULL, 1, NULL), SSLC_ERR_ARG, NULL);
  assert_status(sslc_conn_answer_verify(conn, 2, NULL), SSLC_ERR_ARG, NULL);
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  assert_status(sslc_conn_answer_verify(conn, -1, NULL), SSLC_ERR_ARG, NULL);
  ask_client(&other, hooked(make_client_ctx(), 0), "good");
  assert_ok(sslc_conn_answer_verify(other.client, 1, NULL), NULL);
  assert_shut(conn);
  peers_free(&other);
  /* Refused is refused. */
  assert_ok(sslc_conn_answer_verify(conn, 0, NULL), NULL);
  assert_status(sslc_conn_answer_verify(conn, 1, NULL), SSLC_ERR_STATE, NULL);
  assert_refused(conn, "CN=good");
  assert_status(sslc_conn_answer_verify(conn, 1, NULL), SSLC_ERR_STATE, NULL);
  assert_refused(conn, "CN=good");
  peers_free(&p);
}

static void
test_closed(void **state)
{
  struct peers p;

  (void)state;
  ask_client(&p, hooked(make_client_ctx(), 0), "good");
  sslc_conn_close(p.client);
  assert_status(sslc_conn_answer_verify(p.client, 1, NULL), SSLC_ERR_STATE,
                NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CLOSED);
  assert_status(sslc_conn_do_handshake(p.client), SSLC_ERR_STATE, NULL);
  assert_int_equal(sslc_conn_is_connected(p.client), 0);
  assert_int_equal(sslc_conn_chain_count(p.client), 3);
  peers_free(&p);
  ask_client(&p, hooked(make_client_ctx(), 0), "good");
  peers_free(&p);
}

/* BIOs that change while it is asked answer nothing. */
static void
test_set_bio(void **state)
{
  struct peers p;
  sslc_bio *bio;

  (void)state;
  ask_client(&p, hooked(make_client_ctx(), 0), "good");
  bio = sslc_bio_up_ref(sslc_conn_rbio(p.client));
  assert_ok(sslc_conn_set_bio(p.client, bio, bio), NULL);
  assert_shut(p.client);
  assert_status(sslc_conn_set_accept_state(p.client), SSLC_ERR_STATE, NULL);
  assert_shut(p.client);
  assert_ok(sslc_conn_answer_verify(p.client, 1, NULL), NULL);
  assert_ok(sslc_conn_set_bio(p.client, bio, bio), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  sslc_bio_free(bio);
  peers_free(&p);
}

/* A wait cannot answer. */
static void
test_wait(void **state)
{
  struct peers p;
  int64_t soon = sslc_deadline(PATIENCE);

  (void)state;
  peers_init_sockets(&p, hooked(make_client_ctx(), 0), make_server_ctx("good"),
                     "localhost");
  assert_status(shake(&p), SSLC_WANT_RETRY_VERIFY, NULL);
  assert_status(sslc_conn_do_handshake_wait(p.client, soon), SSLC_ERR_STATE,
                NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_MISUSE);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "answer it");
  assert_status(sslc_conn_do_handshake_wait(p.client, 0), SSLC_ERR_STATE,
                NULL);
  assert_shut(p.client);
  assert_ok(sslc_conn_answer_verify(p.client, 1, NULL), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  peers_free(&p);
}

/* --------------------------------------------------------------- sessions */

static SSL_SESSION *
session_of(struct peers *p)
{
  send_through(p->server, p->client, "ticket", 6);
  return SSL_get1_session(p->client->ssl);
}

/* No session gets past the hook. */
static void
test_resumed(void **state)
{
  const int *version = *state;
  sslc_ctx *client = hooked(make_client_ctx(), *version);
  sslc_ctx *server = make_server_ctx("good");
  SSL_SESSION *session, *offered;
  struct peers p;
  int accept;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server),
             "localhost");
  assert_status(shake(&p), SSLC_WANT_RETRY_VERIFY, NULL);
  assert_ok(sslc_conn_answer_verify(p.client, 1, NULL), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  session = session_of(&p);
  sslc_conn_close(p.client); /* otherwise libssl marks it as bad */
  peers_free(&p);
  for (accept = 1; accept >= 0; accept--) {
    peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server),
               "localhost");
    offered = SSL_SESSION_dup(session); /* libssl marks it as used up */
    assert_true(SSL_set_session(p.client->ssl, offered));
    SSL_SESSION_free(offered);
    assert_status(shake(&p), SSLC_WANT_RETRY_VERIFY, NULL);
    assert_true(SSL_session_reused(p.client->ssl));
    assert_shut(p.client);
    assert_int_equal(sslc_conn_verify_result(p.client), 0);
    assert_string_equal(sslc_cert_subject(sslc_conn_chain(p.client, 0)),
                        "CN=good");
    assert_ok(sslc_conn_answer_verify(p.client, accept, NULL), NULL);
    if (accept)
      assert_ok(shake(&p), sslc_conn_error(p.client));
    else
      assert_refused(p.client, "CN=good");
    sslc_conn_close(p.client);
    peers_free(&p);
  }
  SSL_SESSION_free(session);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

/* Of a resumed handshake the client's flight is the last one: a server that is
 * refused does not get it. */
static void
test_held(void **state)
{
  sslc_ctx *client = hooked(make_client_ctx(), SSLC_TLS1_2);
  sslc_ctx *server = make_server_ctx("good");
  SSL_SESSION *session;
  struct peers p;
  int accept;

  (void)state;
  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server),
             "localhost");
  shake(&p);
  assert_ok(sslc_conn_answer_verify(p.client, 1, NULL), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  session = session_of(&p);
  sslc_conn_close(p.client);
  peers_free(&p);
  for (accept = 1; accept >= 0; accept--) {
    peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server),
               "localhost");
    assert_true(SSL_set_session(p.client->ssl, session));
    assert_ok(sslc_conn_set_hold_flight(p.client, 1), NULL);
    assert_status(shake(&p), SSLC_WANT_RETRY_VERIFY, NULL);
    assert_shut(p.client);
    assert_status(p.server_status, SSLC_WANT_READ, NULL);
    assert_ok(sslc_conn_answer_verify(p.client, accept, NULL), NULL);
    sslc_conn_do_handshake(p.client);
    if (accept)
      assert_ok(sslc_conn_flush(p.client), sslc_conn_error(p.client));
    sslc_conn_close(p.client);
    assert_int_equal(sslc_conn_do_handshake(p.server) == SSLC_OK, accept);
    peers_free(&p);
  }
  SSL_SESSION_free(session);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

/* ---------------------------------------------------------------- servers */

static const struct client {
  const char *test, *leaf; /* NULL: shows nothing */
  int mode;
  int no_verify;
  int code;     /* NONE: it is asked about, or let in */
  int asked;
  int verified; /* once it was accepted */
} clients[] = {
  { "a client is asked about", "client", SSLC_VERIFY_CLIENT_REQUIRED, 0,
    SSLC_CODE_NONE, 1, 1 },
  { "... where its certificate is optional too", "client",
    SSLC_VERIFY_CLIENT_OPTIONAL, 0, SSLC_CODE_NONE, 1, 1 },
  { "a client that shows nothing is not", NULL, SSLC_VERIFY_CLIENT_OPTIONAL, 0,
    SSLC_CODE_NONE, 0, 0 },
  { "... and not let in where it must", NULL, SSLC_VERIFY_CLIENT_REQUIRED, 0,
    SSLC_CODE_CERTIFICATE_MISSING, 0, 0 },
  { "... also where nothing is verified", NULL, SSLC_VERIFY_CLIENT_REQUIRED, 1,
    SSLC_CODE_CERTIFICATE_MISSING, 0, 0 },
  { "an expired client is not asked about", "client-expired",
    SSLC_VERIFY_CLIENT_OPTIONAL, 0, SSLC_CODE_CERTIFICATE_EXPIRED, 0, 0 },
  { "... but where nothing is verified", "client-expired",
    SSLC_VERIFY_CLIENT_OPTIONAL, 1, SSLC_CODE_NONE, 1, 0 },
  { "a client of an unknown authority is not asked about", "client-unknown",
    SSLC_VERIFY_CLIENT_REQUIRED, 0, SSLC_CODE_UNKNOWN_AUTHORITY, 0, 0 },
};

static void
init_client(struct peers *p, const struct client *row, int version)
{
  sslc_ctx *server = hooked(make_server_ctx("good"), version);
  sslc_ctx *client = row->leaf ? make_server_ctx(row->leaf) : sslc_ctx_new();

  assert_ok(sslc_ctx_load_verify_file(client, cert_path("ca.pem")), NULL);
  assert_ok(sslc_ctx_load_verify_file(server, cert_path("ca.pem")), NULL);
  assert_ok(sslc_ctx_set_verify_client(server, row->mode), NULL);
  assert_ok(sslc_ctx_set_insecure_no_verify(server, row->no_verify), NULL);
  peers_init(p, client, server, "localhost");
}

static void
answer_client(struct peers *p, const struct client *row, int accept)
{
  assert_status(p->server_status, SSLC_WANT_RETRY_VERIFY,
                sslc_conn_error(p->server));
  assert_shut(p->server);
  assert_true(sslc_conn_chain_count(p->server) >= 1);
  assert_true(sslc_conn_peer_cert_count(p->server) >= 1);
  assert_ok(sslc_conn_answer_verify(p->server, accept, "no"), NULL);
  shake(p);
  if (!accept) {
    assert_refused(p->server, sslc_cert_subject(sslc_conn_chain(p->server, 0)));
    return;
  }
  assert_status(p->server_status, SSLC_OK, sslc_conn_error(p->server));
  assert_int_equal(sslc_conn_is_verified(p->server), row->verified);
  send_through(p->client, p->server, "hello", 5);
}

static void
test_client(void **state)
{
  const struct client *row = *state;
  struct peers p;
  size_t i;

  for (i = 0; i < 2 * COUNT(versions); i++) {
    init_client(&p, row, versions[i / 2]);
    shake(&p);
    if (row->code != SSLC_CODE_NONE)
      assert_code(sslc_conn_error(p.server), row->code);
    else if (row->asked)
      answer_client(&p, row, i % 2);
    else
      assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
    peers_free(&p);
  }
}

/* ----------------------------------------------------------------- running */

static void
test_setting(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  assert_ok(sslc_ctx_set_retry_verify(ctx, 1), NULL);
  assert_ok(sslc_ctx_set_retry_verify(ctx, 0), NULL);
  assert_status(sslc_ctx_set_retry_verify(ctx, 2), SSLC_ERR_CONFIG, NULL);
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  sslc_ctx_free(ctx);
  assert_status(sslc_ctx_set_retry_verify(NULL, 1), SSLC_ERR_ARG, NULL);
  assert_int_equal(sslc_conn_verify_result(NULL), -1);
  assert_int_equal(sslc_conn_chain_count(NULL), 0);
}

/* Without the hook the same is told of the handshake. */
static void
test_without(void **state)
{
  struct peers p;

  (void)state;
  peers_connect(&p);
  assert_int_equal(sslc_conn_verify_result(p.client), 0);
  assert_int_equal(sslc_conn_chain_count(p.client), 3);
  assert_int_equal(sslc_conn_verify_result(p.server), -1);
  assert_int_equal(sslc_conn_chain_count(p.server), 0);
  peers_free(&p);
}

int
main(void)
{
  static const char *const names[] = { "TLS 1.2", "TLS 1.3" };
  static const struct {
    const char *name;
    CMUnitTestFunction function;
  } twice[] = {
    { "an accepted server is let in", test_accepts },
    { "a refused server is not", test_refuses },
    { "an aborted handshake is canceled", test_aborts },
    { "no session gets past the hook", test_resumed },
  };
  static char texts[COUNT(twice) * 2][80];
  size_t i;

  for (i = 0; i < COUNT(texts); i++) {
    snprintf(texts[i], sizeof texts[i], "%s (%s)", twice[i / 2].name,
             names[i % 2]);
    add_test(texts[i], twice[i / 2].function, &versions[i % 2]);
  }
  for (i = 0; i < COUNT(bads); i++) {
    add_test(bads[i].test, test_bad, &bads[i]);
    add_test(bads[i].test, test_bad_shown, &bads[i]);
  }
  for (i = 0; i < COUNT(clients); i++)
    add_test(clients[i].test, test_client, &clients[i]);
  add_test("what is good is verified, even where it need not be",
           test_good_shown, NULL);
  add_test("a server without a certificate is asked about", test_anonymous,
           NULL);
  add_test("a name that libssl lost is looked at", test_lost_name, NULL);
  add_test("what was accepted is verified anew", test_changed, NULL);
  add_test("answers that were not asked for change nothing", test_misuse, NULL);
  add_test("a connection is closed and freed while it is asked", test_closed,
           NULL);
  add_test("BIOs change while it is asked", test_set_bio, NULL);
  add_test("a wait cannot answer", test_wait, NULL);
  add_test("a refused server does not get a held flight", test_held, NULL);
  add_test("the setting is 0 or 1", test_setting, NULL);
  add_test("verdict and chain are told without the hook", test_without, NULL);
  return run_all(LATE ? "hooks_late" : "hooks");
}
