/*
 * test_shutdown.c: how a connection ends: SSL_shutdown(3), close_notify, and
 * the ends that come without it.  RFC 8446, section 6.1.
 */
#include "support.h"

#include <string.h>

static sslc_ctx *
client_ctx_of(int version, int lenient)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_lenient_eof(ctx, lenient), sslc_ctx_error(ctx));
  return ctx;
}

static void
connect_peers(struct peers *p, int version)
{
  peers_init(p, client_ctx_of(version, 0), make_server_ctx("good"),
             "localhost");
  assert_ok(shake(p), sslc_conn_error(p->client));
}

static void
connect_wire(struct wire *w, int version, int lenient)
{
  wire_init(w, client_ctx_of(version, lenient), make_server_ctx("good"),
            "localhost");
  assert_ok(wire_shake(w, 1000), sslc_conn_error(w->client));
}

/* The read finds the end that is told of, now and each time after. */
static void
check_end(sslc_conn *conn, sslc_status want)
{
  char buf[16];
  size_t n;
  int again;

  for (again = 0; again < 3; again++) {
    n = 7;
    assert_status(sslc_conn_read(conn, buf, sizeof buf, &n), want,
                  sslc_conn_error(conn));
    assert_int_equal(n, 0);
  }
}

/* ----------------------------------------------------------- close_notify */

static void
test_both_sides(void **state)
{
  const int *version = *state;
  struct peers p;

  connect_peers(&p, *version);
  assert_int_equal(sslc_conn_get_shutdown(p.client), 0);
  assert_status(sslc_conn_shutdown(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_last_return(p.client), 0);
  assert_int_equal(sslc_conn_get_shutdown(p.client), SSLC_SENT_SHUTDOWN);
  check_end(p.server, SSLC_CLOSED);
  assert_null(sslc_conn_error(p.server));
  assert_int_equal(sslc_conn_get_shutdown(p.server), SSLC_RECEIVED_SHUTDOWN);
  assert_ok(sslc_conn_shutdown(p.server), sslc_conn_error(p.server));
  assert_int_equal(sslc_conn_last_return(p.server), 1);
  assert_ok(sslc_conn_shutdown(p.client), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_last_return(p.client), 1);
  assert_int_equal(sslc_conn_get_shutdown(p.client),
                   SSLC_SENT_SHUTDOWN | SSLC_RECEIVED_SHUTDOWN);
  check_end(p.client, SSLC_CLOSED);
  peers_free(&p);
}

static void
test_not_answered(void **state)
{
  const int *version = *state;
  struct peers p;

  connect_peers(&p, *version);
  assert_status(sslc_conn_shutdown(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_status(sslc_conn_shutdown(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_null(sslc_conn_error(p.client));
  peers_free(&p);
}

static void
test_read_on(void **state)
{
  const int *version = *state;
  struct peers p;
  char buf[16];
  size_t n;

  connect_peers(&p, *version);
  send_text(p.server, "one");
  assert_status(sslc_conn_shutdown(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  send_text(p.server, "two");
  expect_text(p.client, "one");
  expect_text(p.client, "two");
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  sslc_conn_shutdown(p.server);
  check_end(p.client, SSLC_CLOSED);
  peers_free(&p);
}

static void
test_no_write_after(void **state)
{
  const int *version = *state;
  struct peers p;
  size_t n = 7;

  connect_peers(&p, *version);
  sslc_conn_shutdown(p.client);
  assert_status(sslc_conn_write(p.client, "x", 1, &n), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_int_equal(n, 0);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CLOSED);
  assert_phase(sslc_conn_error(p.client), SSLC_PHASE_WRITE);
  /* Not final: the other direction is open. */
  send_text(p.server, "still");
  expect_text(p.client, "still");
  peers_free(&p);
}

/* The peer has ended its direction; ours goes on. */
static void
test_write_after_peer(void **state)
{
  const int *version = *state;
  struct peers p;

  connect_peers(&p, *version);
  sslc_conn_shutdown(p.server);
  check_end(p.client, SSLC_CLOSED);
  send_text(p.client, "still");
  expect_text(p.server, "still");
  peers_free(&p);
}

static void
test_inside_handshake(void **state)
{
  struct wire w;

  (void)state;
  wire_init(&w, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_status(sslc_conn_shutdown(w.client), SSLC_ERR_STATE,
                sslc_conn_error(w.client));
  sslc_conn_connect(w.client);
  assert_status(sslc_conn_shutdown(w.client), SSLC_ERR_STATE,
                sslc_conn_error(w.client));
  assert_code(sslc_conn_error(w.client), SSLC_CODE_MISUSE);
  assert_phase(sslc_conn_error(w.client), SSLC_PHASE_SHUTDOWN);
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  wire_free(&w);
}

/* One byte a record, until there is no room for another. */
static void
fill_with_records(sslc_conn *conn)
{
  const size_t size = 17 * 1024;
  size_t before, record = 0;

  do {
    before = sslc_bio_wpending(sslc_conn_wbio(conn));
    send_text(conn, "x");
    record = sslc_bio_wpending(sslc_conn_wbio(conn)) - before;
  } while (size - before - record >= record);
}

/* close_notify waits like any other write. */
static void
test_full_wire(void **state)
{
  const int *version = *state;
  struct wire w;

  connect_wire(&w, *version, 0);
  fill_with_records(w.client);
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_WRITE,
                sslc_conn_error(w.client));
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_WRITE,
                sslc_conn_error(w.client));
  assert_status(wire_read_all(&w, NULL), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  assert_status(wire_read_all(&w, NULL), SSLC_CLOSED,
                sslc_conn_error(w.server));
  wire_free(&w);
}

/* close_notify in the middle of a record would break it. */
static void
test_unfinished_write(void **state)
{
  const int *version = *state;
  static const char bytes[16384];
  struct wire w;
  sslc_status status;
  size_t n;

  connect_wire(&w, *version, 0);
  do {
    status = sslc_conn_write(w.client, bytes, sizeof bytes, &n);
  } while (status == SSLC_OK);
  assert_status(status, SSLC_WANT_WRITE, sslc_conn_error(w.client));
  assert_status(sslc_conn_shutdown(w.client), SSLC_ERR_STATE,
                sslc_conn_error(w.client));
  assert_code(sslc_conn_error(w.client), SSLC_CODE_MISUSE);
  drop(w.to_client);
  assert_ok(sslc_conn_write(w.client, bytes, sizeof bytes, &n),
            sslc_conn_error(w.client));
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  wire_free(&w);
}

/* What the peer sent before its close_notify is not lost. */
static void
test_data_in_the_way(void **state)
{
  const int *version = *state;
  struct peers p;

  connect_peers(&p, *version);
  assert_status(sslc_conn_shutdown(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  send_text(p.server, "unread");
  sslc_conn_shutdown(p.server);
  assert_status(sslc_conn_shutdown(p.client), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_MISUSE);
  expect_text(p.client, "unread");
  assert_ok(sslc_conn_shutdown(p.client), sslc_conn_error(p.client));
  peers_free(&p);
}

/* ------------------------------------------------------------- truncation */

static void
test_truncated(void **state)
{
  const int *version = *state;
  struct wire w;

  connect_wire(&w, *version, 0);
  send_text(w.server, "last");
  while (wire_move(&w, 1000))
    ;
  assert_ok(sslc_bio_shutdown_wr(w.to_client), sslc_bio_error(w.to_client));
  expect_text(w.client, "last");
  check_end(w.client, SSLC_ERR_EOF);
  assert_code(sslc_conn_error(w.client), SSLC_CODE_TRUNCATED);
  assert_phase(sslc_conn_error(w.client), SSLC_PHASE_READ);
  assert_has(sslc_error_message(sslc_conn_error(w.client)), "close_notify");
  wire_free(&w);
}

static void
test_lenient(void **state)
{
  const int *version = *state;
  struct wire w;

  connect_wire(&w, *version, 1);
  send_text(w.server, "last");
  while (wire_move(&w, 1000))
    ;
  assert_ok(sslc_bio_shutdown_wr(w.to_client), sslc_bio_error(w.to_client));
  expect_text(w.client, "last");
  check_end(w.client, SSLC_CLOSED);
  assert_null(sslc_conn_error(w.client));
  wire_free(&w);
}

/* The end in the middle of a record is never a clean one, as no protocol can
 * have framed what did not decrypt. */
static void
check_torn_record(int version, int lenient)
{
  struct wire w;
  char buf[64];
  size_t n;

  connect_wire(&w, version, lenient);
  send_text(w.server, "a record of some length");
  assert_ok(sslc_bio_read(w.to_server, buf, sizeof buf, &n),
            sslc_bio_error(w.to_server));
  inject(w.to_client, buf, n > 20 ? 20 : n - 1);
  assert_ok(sslc_bio_shutdown_wr(w.to_client), sslc_bio_error(w.to_client));
  check_end(w.client, SSLC_ERR_EOF);
  assert_code(sslc_conn_error(w.client), SSLC_CODE_TRUNCATED);
  wire_free(&w);
}

static void
test_torn_record(void **state)
{
  const int *version = *state;

  check_torn_record(*version, 0);
  check_torn_record(*version, 1);
}

static void
test_truncated_shutdown(void **state)
{
  const int *version = *state;
  struct wire w;

  connect_wire(&w, *version, 0);
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  assert_ok(sslc_bio_shutdown_wr(w.to_client), sslc_bio_error(w.to_client));
  assert_status(sslc_conn_shutdown(w.client), SSLC_ERR_EOF,
                sslc_conn_error(w.client));
  assert_code(sslc_conn_error(w.client), SSLC_CODE_TRUNCATED);
  assert_phase(sslc_conn_error(w.client), SSLC_PHASE_SHUTDOWN);
  check_end(w.client, SSLC_ERR_EOF);
  wire_free(&w);
}

static const struct test {
  const char *name;
  CMUnitTestFunction function;
} tests[] = {
  { "close_notify is sent and answered", test_both_sides },
  { "close_notify that is not answered is want_read", test_not_answered },
  { "after close_notify is sent, reading goes on", test_read_on },
  { "after close_notify is sent, nothing can be written",
    test_no_write_after },
  { "after close_notify was received, writing goes on",
    test_write_after_peer },
  { "close_notify waits for a full wire", test_full_wire },
  { "close_notify inside of a write is misuse", test_unfinished_write },
  { "data in front of the peer's close_notify is to be read",
    test_data_in_the_way },
  { "an end without close_notify is truncated, after the data",
    test_truncated },
  { "with lenient_eof it is a clean end", test_lenient },
  { "an end inside of a record is truncated, with lenient_eof too",
    test_torn_record },
  { "an end instead of the peer's close_notify is truncated",
    test_truncated_shutdown },
};

int
main(void)
{
  static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };
  size_t i;

  for (i = 0; i < COUNT(tests); i++) {
    add_test(tests[i].name, tests[i].function, &versions[1]);
    add_test("... with TLS 1.2", tests[i].function, &versions[0]);
  }
  add_test("shutdown inside of a handshake is misuse", test_inside_handshake,
           NULL);
  return run_all("shutdown");
}
