/*
 * test_renegotiation.c: a peer that wants to renegotiate with TLS 1.2 is
 * refused: RFC 5246, 7.2.2 and 7.4.1.1.
 */
#include "support_forge.h"

#include <string.h>

static const unsigned char hello_request[] = { SSL3_MT_HELLO_REQUEST, 0, 0, 0 };

static void
init(struct peers *p, int sockets, int lenient)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(ctx, SSLC_TLS1_2), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_lenient_eof(ctx, lenient), sslc_ctx_error(ctx));
  if (sockets)
    peers_init_sockets(p, ctx, make_server_ctx("good"), "localhost");
  else
    peers_init(p, ctx, make_server_ctx("good"), "localhost");
  assert_ok(shake(p), sslc_conn_error(p->client));
}

/* The side's libssl begins to renegotiate, which ours never does. */
static void
ask(sslc_conn *conn)
{
  SSL_clear_options(conn->ssl, SSL_OP_NO_RENEGOTIATION);
  assert_int_equal(SSL_renegotiate(conn->ssl), 1);
  SSL_do_handshake(conn->ssl);
}

static void
check_refused(sslc_conn *conn, const char *how)
{
  int again;

  for (again = 0; again < 2; again++) {
    const sslc_error *error;

    expect_read(conn, SSLC_ERR_PROTO);
    error = sslc_conn_error(conn);
    assert_code(error, SSLC_CODE_RENEGOTIATION_REFUSED);
    assert_phase(error, SSLC_PHASE_READ);
    assert_has(sslc_error_message(error), "asked to renegotiate");
    assert_has(sslc_error_message(error), how);
    assert_has(sslc_error_hint(error), "TLS 1.3");
  }
}

/* -------------------------------------------------------- libssl on the side
 * that asks, which cannot do without */

static void
test_server_asks(void **state)
{
  struct peers p;

  (void)state;
  init(&p, 0, 0);
  ask(p.server);
  expect_read(p.client, SSLC_WANT_READ);
  expect_read(p.server, SSLC_ERR_PROTO); /* it got the warning */
  assert_has(sslc_error_message(sslc_conn_error(p.server)),
             "no renegotiation");
  check_refused(p.client, "the server sent the alert handshake_failure");
  assert_int_equal(sslc_error_alert(sslc_conn_error(p.client)), 40);
  peers_free(&p);
}

static void
test_client_asks(void **state)
{
  struct peers p;

  (void)state;
  init(&p, 0, 0);
  ask(p.client);
  expect_read(p.server, SSLC_WANT_READ);
  expect_read(p.client, SSLC_ERR_PROTO);
  assert_has(sslc_error_message(sslc_conn_error(p.client)),
             "no renegotiation");
  check_refused(p.server, "the client sent the alert handshake_failure");
  peers_free(&p);
}

/* What was on its way is not lost, and does not hide why it ended. */
static void
test_data_behind_question(void **state)
{
  struct peers p;
  char buf[8];
  size_t n;

  (void)state;
  init(&p, 0, 0);
  send_through(p.client, p.server, "before", 6);
  ask(p.server);
  /* The server may go on with data until the answer comes. */
  assert_int_equal(SSL_write(p.server->ssl, "data", 4), 4);
  send_through(p.client, p.server, "ours", 4);
  assert_ok(sslc_conn_read(p.client, buf, sizeof buf, &n),
            sslc_conn_error(p.client));
  assert_int_equal(n, 4);
  assert_memory_equal(buf, "data", 4);
  expect_read(p.server, SSLC_ERR_PROTO);
  check_refused(p.client, "handshake_failure");
  peers_free(&p);
}

static void
test_reset(void **state)
{
  struct peers p;

  (void)state;
  init(&p, 1, 0);
  ask(p.server);
  expect_read(p.client, SSLC_WANT_READ);
  /* Our warning is unread: the socket then resets. */
  sslc_conn_free(p.server);
  p.server = NULL;
  check_refused(p.client, "Connection reset by peer");
  assert_true(sslc_error_errno(sslc_conn_error(p.client)) > 0);
  peers_free(&p);
}

/* ---------------------------------------------------- a side that is forged */

static void
init_forge(struct forge *f, int lenient)
{
  forge_init(f, SSLC_TLS1_2, 0, lenient);
  drop(f->w.to_client);
  forge_record(f, SSL3_RT_HANDSHAKE, hello_request, sizeof hello_request);
  forge_expect_nothing(f);
}

static void
end(struct forge *f)
{
  assert_ok(sslc_bio_shutdown_wr(f->half), sslc_bio_error(f->half));
}

/* A warning goes out, one for each question, and nothing else. */
static void
test_goes_on(void **state)
{
  unsigned char record[64];
  struct forge f;
  size_t n;
  int i;

  (void)state;
  init_forge(&f, 0);
  for (i = 0; i < 20; i++) {
    assert_ok(sslc_bio_read(f.half, record, sizeof record, &n), NULL);
    assert_int_equal(n, 5 + 8 + 2 + 16);
    assert_int_equal(record[0], SSL3_RT_ALERT);
    forge_record(&f, SSL3_RT_HANDSHAKE, hello_request, sizeof hello_request);
    forge_text(&f, "still");
    forge_expect(&f, "still");
    forge_expect_nothing(&f);
  }
  assert_ok(sslc_conn_write(f.victim, "ours", 4, &n),
            sslc_conn_error(f.victim));
  forge_free(&f);
}

static void
test_alert(void **state)
{
  struct forge f;

  (void)state;
  init_forge(&f, 0);
  forge_alert(&f, 2, 49);
  check_refused(f.victim, "access_denied");
  assert_int_equal(sslc_error_alert(sslc_conn_error(f.victim)), 49);
  forge_free(&f);
}

/* lenient_eof is for an end behind all of the data. */
static void
test_end(void **state)
{
  const int *lenient = *state;
  struct forge f;

  init_forge(&f, *lenient);
  end(&f);
  check_refused(f.victim, "without close_notify");
  forge_free(&f);
}

static void
test_close_notify(void **state)
{
  struct forge f;

  (void)state;
  init_forge(&f, 0);
  forge_alert(&f, 1, 0);
  expect_read(f.victim, SSLC_CLOSED);
  assert_null(sslc_conn_error(f.victim));
  forge_free(&f);
}

/* A peer that went on after that ended for some other reason. */
static void
test_end_later(void **state)
{
  const int *lenient = *state;
  struct forge f;

  init_forge(&f, *lenient);
  forge_text(&f, "more");
  forge_expect(&f, "more");
  end(&f);
  expect_read(f.victim, *lenient ? SSLC_CLOSED : SSLC_ERR_EOF);
  if (!*lenient)
    assert_code(sslc_conn_error(f.victim), SSLC_CODE_TRUNCATED);
  forge_free(&f);
}

static void
test_alert_later(void **state)
{
  const int *alert = *state;
  struct forge f;

  init_forge(&f, 0);
  forge_text(&f, "more");
  forge_expect(&f, "more");
  forge_alert(&f, 2, *alert);
  if (*alert == SSL_AD_INTERNAL_ERROR) {
    expect_read(f.victim, SSLC_ERR_ALERT);
    assert_code(sslc_conn_error(f.victim), SSLC_CODE_ALERT);
  } else {
    check_refused(f.victim, "alert");
  }
  forge_free(&f);
}

/* A broken record is one, whatever was asked before. */
static void
test_broken_later(void **state)
{
  struct forge f;

  (void)state;
  init_forge(&f, 0);
  forge_record(&f, 99, "?", 1);
  expect_read(f.victim, SSLC_ERR_PROTO);
  assert_code(sslc_conn_error(f.victim), SSLC_CODE_PROTOCOL_ERROR);
  forge_free(&f);
}

/* Questions without end, and nobody who reads the answers: no more is sent
 * than there is room for. */
static void
test_flood(void **state)
{
  struct forge f;
  size_t n;
  int i, round;

  (void)state;
  init_forge(&f, 0);
  for (round = 0; round < 4; round++) {
    for (i = 0; i < 400; i++)
      forge_record(&f, SSL3_RT_HANDSHAKE, hello_request,
                   sizeof hello_request);
    forge_expect_nothing(&f);
  }
  assert_status(sslc_conn_write(f.victim, "ours", 4, &n), SSLC_WANT_WRITE,
                sslc_conn_error(f.victim));
  drop(f.half);
  assert_ok(sslc_conn_write(f.victim, "ours", 4, &n),
            sslc_conn_error(f.victim));
  forge_free(&f);
}

int
main(void)
{
  static const int no = 0, yes = 1, failure = SSL_AD_HANDSHAKE_FAILURE,
                   none = SSL_AD_NO_RENEGOTIATION,
                   internal = SSL_AD_INTERNAL_ERROR;

  add_test("a server that asks is refused", test_server_asks, NULL);
  add_test("a client that asks is refused", test_client_asks, NULL);
  add_test("data behind the question comes through",
           test_data_behind_question, NULL);
  add_test("a reset after the refusal is told as that", test_reset, NULL);
  add_test("an alert after the refusal is told as that", test_alert, NULL);
  add_test("an end after the refusal is told as that", test_end, &no);
  add_test("... with lenient_eof too", test_end, &yes);
  add_test("close_notify after the refusal is a clean end",
           test_close_notify, NULL);
  add_test("a peer that goes on is gone on with", test_goes_on, NULL);
  add_test("an end after more data is one by itself", test_end_later, &no);
  add_test("... with lenient_eof too", test_end_later, &yes);
  add_test("handshake_failure after more data is about it",
           test_alert_later, &failure);
  add_test("... and no_renegotiation", test_alert_later, &none);
  add_test("... but not another alert", test_alert_later, &internal);
  add_test("a broken record after the refusal is protocol_error",
           test_broken_later, NULL);
  add_test("questions without end do no harm", test_flood, NULL);
  return run_all("renegotiation");
}
