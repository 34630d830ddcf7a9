/*
 * test_session.c: sessions that are taken from a connection and offered by
 * another: what resumes, and what is never offered.
 */
#include "support.h"

#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------ connections */

struct world {
  sslc_ctx *client, *server;
};

static void
world_init(struct world *w, int version)
{
  w->client = make_client_ctx();
  w->server = make_server_ctx("good");
  assert_ok(sslc_ctx_set_max_version(w->client, version),
            sslc_ctx_error(w->client));
}

static void
world_free(struct world *w)
{
  sslc_ctx_free(w->client);
  sslc_ctx_free(w->server);
}

static void
begin(struct peers *p, const struct world *w, sslc_session *session)
{
  peers_init(p, sslc_ctx_up_ref(w->client), sslc_ctx_up_ref(w->server),
             "localhost");
  if (session != NULL)
    assert_ok(sslc_conn_set_session(p->client, session),
              sslc_conn_error(p->client));
}

static void
finish(struct peers *p)
{
  assert_ok(shake(p), sslc_conn_error(p->client));
  assert_status(p->server_status, SSLC_OK, sslc_conn_error(p->server));
}

/* The session of a connection that data went over. */
static sslc_session *
make_session(const struct world *w)
{
  struct peers p;
  sslc_session *session;

  begin(&p, w, NULL);
  finish(&p);
  send_through(p.server, p.client, "hello", 5);
  session = sslc_conn_get1_session(p.client);
  assert_non_null(session);
  sslc_conn_close(p.client);
  peers_free(&p);
  return session;
}

/* ---------------------------------------------------------------- resuming */

/* A connection that is resumed is in nothing less than the one before. */
static void
check_same(const sslc_conn *full, const sslc_conn *resumed)
{
  assert_int_equal(sslc_conn_session_reused(full), 0);
  assert_int_equal(sslc_conn_session_reused(resumed), 1);
  assert_int_equal(sslc_conn_is_verified(full), 1);
  assert_int_equal(sslc_conn_is_verified(resumed), 1);
  assert_string_equal(sslc_conn_version(full), sslc_conn_version(resumed));
  assert_string_equal(sslc_conn_server_name(resumed), "localhost");
  assert_true(sslc_conn_peer_cert_count(resumed) > 0);
  assert_string_equal(sslc_cert_fingerprint(sslc_conn_peer_cert(full, 0)),
                      sslc_cert_fingerprint(sslc_conn_peer_cert(resumed, 0)));
}

static void
test_resumes(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers full, p;
  sslc_session *session;
  int i;

  world_init(&w, *version);
  begin(&full, &w, NULL);
  finish(&full);
  send_through(full.server, full.client, "hello", 5);
  session = sslc_conn_get1_session(full.client);
  assert_non_null(session);
  /* More than once, and however the connection before has ended. */
  for (i = 0; i < 3; i++) {
    begin(&p, &w, session);
    finish(&p);
    check_same(full.client, p.client);
    send_through(p.client, p.server, "hello", 5);
    peers_free(&p);
  }
  peers_free(&full);
  sslc_session_free(session);
  world_free(&w);
}

static void
test_tells(void **state)
{
  const int *version = *state;
  struct world w;
  sslc_session *session;

  world_init(&w, *version);
  session = make_session(&w);
  assert_string_equal(sslc_session_server_name(session), "localhost");
  assert_string_equal(sslc_session_version(session),
                      *version == SSLC_TLS1_3 ? "TLSv1.3" : "TLSv1.2");
  assert_true(sslc_session_lifetime(session) > 0);
  assert_true(sslc_session_lifetime(session) <= 7 * 24 * 3600);
  assert_true(sslc_session_time(session) > 1500000000);
  assert_ptr_equal(sslc_session_up_ref(session), session);
  sslc_session_free(session);
  assert_string_equal(sslc_session_server_name(session), "localhost");
  sslc_session_free(session);
  world_free(&w);
}

/* A session that its connection was freed with, without a close_notify, is one
 * that libssl takes for bad.  Ours is a copy. */
static void
test_outlives(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;
  sslc_session *session;

  world_init(&w, *version);
  begin(&p, &w, NULL);
  finish(&p);
  send_through(p.server, p.client, "hello", 5);
  session = sslc_conn_get1_session(p.client);
  peers_free(&p);
  begin(&p, &w, session);
  sslc_session_free(session);
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 1);
  peers_free(&p);
  world_free(&w);
}

/* ------------------------------------------------------- when there is one */

static void
check_none(const sslc_conn *conn)
{
  sslc_session *session = sslc_conn_get1_session(conn);

  assert_null(session);
  sslc_session_free(session);
}

/* TLS 1.2 sends its ticket inside of the handshake, TLS 1.3 after it. */
static void
test_when(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;
  sslc_session *session;
  char buf[4];
  size_t n;

  world_init(&w, *version);
  begin(&p, &w, NULL);
  check_none(p.client);
  finish(&p);
  session = sslc_conn_get1_session(p.client);
  assert_int_equal(session != NULL, *version == SSLC_TLS1_2);
  sslc_session_free(session);
  /* The ticket is there for whoever reads. */
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  session = sslc_conn_get1_session(p.client);
  assert_non_null(session);
  sslc_session_free(session);
  check_none(p.server);
  sslc_conn_close(p.client);
  session = sslc_conn_get1_session(p.client);
  assert_non_null(session);
  sslc_session_free(session);
  peers_free(&p);
  world_free(&w);
}

/* A ticket of TLS 1.3 is for one use: before the new one there is none. */
static void
test_renewed(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;
  sslc_session *first, *second;

  world_init(&w, *version);
  first = make_session(&w);
  begin(&p, &w, first);
  finish(&p);
  second = sslc_conn_get1_session(p.client);
  assert_int_equal(second != NULL, *version == SSLC_TLS1_2);
  sslc_session_free(second);
  send_through(p.server, p.client, "hello", 5);
  second = sslc_conn_get1_session(p.client);
  assert_non_null(second);
  peers_free(&p);
  begin(&p, &w, second);
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 1);
  peers_free(&p);
  sslc_session_free(first);
  sslc_session_free(second);
  world_free(&w);
}

static void
test_failed(void **state)
{
  struct world w;
  struct peers p;
  char buf[4];
  size_t n;

  (void)state;
  world_init(&w, SSLC_TLS1_2);
  begin(&p, &w, NULL);
  finish(&p);
  sslc_conn_free(p.server);
  p.server = NULL;
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n), SSLC_ERR_EOF,
                sslc_conn_error(p.client));
  check_none(p.client);
  peers_free(&p);
  world_free(&w);
}

/* The accept side here keeps no sessions: one by its id is s_server's. */
static void
test_by_id(void **state)
{
  const char *const no_tickets[] = {
    "-no_ticket", "-tls1_2", "-cert", cert_path("good.pem"), "-key",
    cert_path("good.key"), "-cert_chain", cert_path("intermediate.pem"), NULL
  };
  struct child child;
  sslc_ctx *ctx = make_client_ctx();
  int port = s_server_start(&child, no_tickets);
  sslc_session *session = NULL;
  int i;

  (void)state;
  for (i = 0; i < 2; i++) {
    sslc_conn *conn = sslc_conn_new(ctx);
    sslc_bio *bio = sslc_bio_new_socket(connect_to(port), SSLC_CLOSE);

    assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
    sslc_bio_free(bio);
    assert_ok(sslc_conn_set_connect_state(conn), NULL);
    assert_ok(sslc_conn_set_server_name(conn, "localhost"), NULL);
    assert_ok(sslc_conn_set_session(conn, session), sslc_conn_error(conn));
    assert_ok(sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE)),
              sslc_conn_error(conn));
    assert_int_equal(sslc_conn_session_reused(conn), i);
    sslc_session_free(session);
    session = sslc_conn_get1_session(conn);
    assert_non_null(session);
    sslc_conn_close(conn);
    sslc_conn_free(conn);
  }
  sslc_session_free(session);
  sslc_ctx_free(ctx);
  child_stop(&child);
}

/* A server that does not know the session: a full handshake. */
static void
test_unknown_to_server(void **state)
{
  const int *version = *state;
  struct world w, other;
  struct peers p;
  sslc_session *session;

  world_init(&w, *version);
  world_init(&other, *version);
  session = make_session(&w);
  peers_init(&p, sslc_ctx_up_ref(w.client), sslc_ctx_up_ref(other.server),
             "localhost");
  assert_ok(sslc_conn_set_session(p.client, session),
            sslc_conn_error(p.client));
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 0);
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  peers_free(&p);
  sslc_session_free(session);
  world_free(&w);
  world_free(&other);
}

/* A full handshake is verified as ever, whatever was offered. */
static void
test_impostor(void **state)
{
  const int *version = *state;
  struct world w;
  sslc_ctx *impostor = make_server_ctx("unknown");
  struct peers p;
  sslc_session *session;

  world_init(&w, *version);
  session = make_session(&w);
  peers_init(&p, sslc_ctx_up_ref(w.client), impostor, "localhost");
  assert_ok(sslc_conn_set_session(p.client, session),
            sslc_conn_error(p.client));
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_connected(p.client), 0);
  check_none(p.client);
  peers_free(&p);
  sslc_session_free(session);
  world_free(&w);
}

/* ----------------------------------------------------- what is not offered */

static void
check_refused(sslc_conn *conn, sslc_status status, const char *why)
{
  assert_status(status, SSLC_ERR_ARG, sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(conn)), why);
}

/* Whatever a context asks for, only its own sessions will do. */
static void
test_other_context(void **state)
{
  const int *insecure = *state; /* the session's */
  struct world w, other;
  struct peers p;
  sslc_session *session;

  world_init(&w, SSLC_TLS1_3);
  world_init(&other, SSLC_TLS1_3);
  assert_ok(sslc_ctx_set_insecure_no_verify(other.client, *insecure),
            sslc_ctx_error(other.client));
  session = make_session(&other);
  begin(&p, &w, NULL);
  check_refused(p.client, sslc_conn_set_session(p.client, session),
                "another context");
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 0);
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  peers_free(&p);
  sslc_session_free(session);
  world_free(&w);
  world_free(&other);
}

/* Resumed without having been verified: it stays unverified. */
static void
test_insecure(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;
  sslc_session *session;

  world_init(&w, *version);
  assert_ok(sslc_ctx_set_insecure_no_verify(w.client, 1),
            sslc_ctx_error(w.client));
  session = make_session(&w);
  begin(&p, &w, session);
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 1);
  assert_int_equal(sslc_conn_is_verified(p.client), 0);
  peers_free(&p);
  sslc_session_free(session);
  world_free(&w);
}

static void
test_other_name(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;
  sslc_session *session;

  world_init(&w, *version);
  session = make_session(&w);
  /* The name is there. */
  peers_init(&p, sslc_ctx_up_ref(w.client), sslc_ctx_up_ref(w.server),
             "127.0.0.1");
  check_refused(p.client, sslc_conn_set_session(p.client, session),
                "\"localhost\"");
  peers_free(&p);
  /* It comes after; the handshake does not begin, and can be put right. */
  begin(&p, &w, session);
  assert_ok(sslc_conn_set_server_name(p.client, "127.0.0.1"), NULL);
  check_refused(p.client, sslc_conn_do_handshake(p.client), "\"127.0.0.1\"");
  assert_ok(sslc_conn_set_session(p.client, NULL), sslc_conn_error(p.client));
  assert_int_equal(shake(&p), SSLC_OK);
  assert_int_equal(sslc_conn_session_reused(p.client), 0);
  peers_free(&p);
  /* The same name, in other letters. */
  peers_init(&p, sslc_ctx_up_ref(w.client), sslc_ctx_up_ref(w.server), NULL);
  assert_ok(sslc_conn_set_session(p.client, session),
            sslc_conn_error(p.client));
  assert_ok(sslc_conn_set_server_name(p.client, "LocalHost."), NULL);
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 1);
  peers_free(&p);
  sslc_session_free(session);
  world_free(&w);
}

/* Without a name, where names are not checked: neither way into the other. */
static void
test_no_name(void **state)
{
  struct world w;
  struct peers p;
  sslc_session *session;

  (void)state;
  world_init(&w, SSLC_TLS1_3);
  assert_ok(sslc_ctx_set_insecure_no_name_check(w.client, 1),
            sslc_ctx_error(w.client));
  session = make_session(&w);
  peers_init(&p, sslc_ctx_up_ref(w.client), sslc_ctx_up_ref(w.server), NULL);
  assert_ok(sslc_conn_set_session(p.client, session),
            sslc_conn_error(p.client));
  check_refused(p.client, sslc_conn_do_handshake(p.client), "\"localhost\"");
  peers_free(&p);
  sslc_session_free(session);
  world_free(&w);
}

static void
test_misuse(void **state)
{
  struct world w;
  struct peers p;
  sslc_session *session;

  (void)state;
  world_init(&w, SSLC_TLS1_3);
  session = make_session(&w);
  begin(&p, &w, NULL);
  check_refused(p.server, sslc_conn_set_session(p.server, session),
                "for the client");
  sslc_conn_do_handshake(p.client);
  assert_status(sslc_conn_set_session(p.client, session), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_MISUSE);
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 0);
  peers_free(&p);
  assert_int_equal(sslc_conn_set_session(NULL, session), SSLC_ERR_ARG);
  sslc_session_free(session);
  sslc_session_free(NULL);
  assert_null(sslc_session_up_ref(NULL));
  assert_null(sslc_conn_get1_session(NULL));
  assert_null(sslc_session_server_name(NULL));
  assert_null(sslc_session_version(NULL));
  assert_int_equal(sslc_session_lifetime(NULL), 0);
  assert_int_equal(sslc_session_time(NULL), 0);
  world_free(&w);
}

/* A client that a server verifies is as verified when it comes again. */
static void
test_client_certificate(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;
  sslc_session *session;

  world_init(&w, *version);
  assert_ok(sslc_ctx_load_verify_file(w.server, cert_path("ca.pem")), NULL);
  assert_ok(sslc_ctx_set_verify_client(w.server, SSLC_VERIFY_CLIENT_REQUIRED),
            NULL);
  assert_ok(sslc_ctx_use_certificate_file(w.client, cert_path("client.pem")),
            sslc_ctx_error(w.client));
  assert_ok(sslc_ctx_use_private_key_file(w.client, cert_path("client.key")),
            sslc_ctx_error(w.client));
  session = make_session(&w);
  begin(&p, &w, session);
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.server), 1);
  assert_int_equal(sslc_conn_is_verified(p.server), 1);
  assert_true(sslc_conn_peer_cert_count(p.server) > 0);
  check_none(p.server); /* a server has nothing to resume */
  peers_free(&p);
  sslc_session_free(session);
  world_free(&w);
}

int
main(void)
{
  static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };
  static const int no = 0, yes = 1;
  static const struct {
    const char *test;
    CMUnitTestFunction function;
  } both[] = {
    { "a resumed connection is as verified as a full one", test_resumes },
    { "a session tells of itself", test_tells },
    { "it outlives a connection that was not shut down", test_outlives },
    { "there is one once the ticket has come", test_when },
    { "a resumed connection has one of its own", test_renewed },
    { "a server that does not know it shakes hands in full",
      test_unknown_to_server },
    { "a server that is to be refused is, whatever is offered", test_impostor },
    { "of a context that does not verify it is not verified", test_insecure },
    { "of another name it is not offered", test_other_name },
    { "a client's certificate counts when it comes again",
      test_client_certificate },
  };
  size_t i, v;

  for (i = 0; i < COUNT(both); i++)
    for (v = 0; v < COUNT(versions); v++)
      add_test(both[i].test, both[i].function, &versions[v]);
  add_test("a connection that failed has none", test_failed, NULL);
  add_test("TLS 1.2 resumes by the session's id", test_by_id, NULL);
  add_test("of another context it is not offered", test_other_context, &no);
  add_test("of a context that does not verify it is not offered by one that "
           "does", test_other_context, &yes);
  add_test("with a name it is not offered without one", test_no_name, NULL);
  add_test("what is no use of it is an error", test_misuse, NULL);
  return run_all("session");
}
