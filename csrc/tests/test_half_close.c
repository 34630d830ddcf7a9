/*
 * test_half_close.c: what holds while one direction has ended and the other
 * has not, and what close does then: SSL_shutdown(3), SSL_get_shutdown(3).
 */
#include "support_forge.h"

#include <errno.h>
#include <string.h>

enum { BOTH = SSLC_SENT_SHUTDOWN | SSLC_RECEIVED_SHUTDOWN };

static void
connect_wire(struct wire *w, int version)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  wire_init(w, ctx, make_server_ctx("good"), "localhost");
  assert_ok(wire_shake(w, 1000), sslc_conn_error(w->client));
}

static void
check_shutdown(sslc_conn *conn, sslc_status want, int last_return)
{
  assert_status(sslc_conn_shutdown(conn), want, sslc_conn_error(conn));
  assert_int_equal(sslc_conn_last_return(conn), last_return);
}

/* Writes of the client, until one has to wait: in `*sum` what was taken. */
static void
fill(struct wire *w, const char *bytes, size_t len, size_t *sum)
{
  size_t n;

  while (sslc_conn_write(w->client, bytes, len, &n) == SSLC_OK)
    *sum += n;
  assert_status(sslc_conn_last_status(w->client), SSLC_WANT_WRITE,
                sslc_conn_error(w->client));
}

/* Records, until there is no room for close_notify. */
static void
fill_up(sslc_conn *conn)
{
  size_t before, record;

  do {
    before = sslc_bio_wpending(sslc_conn_wbio(conn));
    send_text(conn, "x");
    record = sslc_bio_wpending(sslc_conn_wbio(conn)) - before;
  } while (17 * 1024 - before - record >= record);
}

/* ------------------------------------------------- while ours is not sent */

/* Reading in between does not make close_notify forgotten. */
static void
test_read_between(void **state)
{
  const int *version = *state;
  struct wire w;
  size_t sum = 0;

  connect_wire(&w, *version);
  fill_up(w.client);
  check_shutdown(w.client, SSLC_WANT_WRITE, -1);
  expect_read(w.client, SSLC_WANT_READ);
  check_shutdown(w.client, SSLC_WANT_WRITE, -1);
  expect_read(w.client, SSLC_WANT_READ);
  assert_status(wire_read_all(&w, &sum), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  check_shutdown(w.client, SSLC_WANT_READ, 0);
  assert_status(wire_read_all(&w, &sum), SSLC_CLOSED,
                sslc_conn_error(w.server));
  wire_free(&w);
}

/* close tries once more what shutdown could not send. */
static void
test_close_finishes(void **state)
{
  const int *version = *state;
  struct wire w;
  size_t sum = 0;

  connect_wire(&w, *version);
  fill_up(w.client);
  check_shutdown(w.client, SSLC_WANT_WRITE, -1);
  assert_status(wire_read_all(&w, &sum), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  sslc_conn_close(w.client);
  assert_status(wire_read_all(&w, &sum), SSLC_CLOSED,
                sslc_conn_error(w.server));
  wire_free(&w);
}

/* A filter that holds close_notify has not sent it. */
static void
test_filter(void **state)
{
  const int *version = *state;
  struct wire w;
  sslc_bio *near, *filter = sslc_bio_new_buffer(0);
  char bytes[64 + 1];
  size_t n;

  connect_wire(&w, *version);
  wire_move_all(&w);
  expect_read(w.client, SSLC_WANT_READ);
  expect_read(w.server, SSLC_WANT_READ);
  sslc_bio_free(w.to_client);
  assert_int_equal(sslc_bio_new_pair(&near, 8, &w.to_client, 0), SSLC_OK);
  assert_ok(sslc_bio_push(filter, near), sslc_bio_error(filter));
  assert_ok(sslc_conn_set_bio(w.client, filter, filter),
            sslc_conn_error(w.client));
  check_shutdown(w.client, SSLC_WANT_WRITE, -1);
  check_shutdown(w.client, SSLC_WANT_WRITE, -1);
  while (sslc_conn_shutdown(w.client) == SSLC_WANT_WRITE) {
    assert_ok(sslc_bio_read(w.to_client, bytes, 8, &n), NULL);
    inject(w.to_server, bytes, n);
  }
  assert_status(sslc_conn_last_status(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  assert_int_equal(sslc_conn_last_return(w.client), 0);
  wire_move_all(&w);
  expect_read(w.server, SSLC_CLOSED);
  sslc_bio_free(near);
  sslc_bio_free(filter);
  wire_free(&w);
}

/* -------------------------------------------------------- the peer's comes */

static void
test_inside_write(void **state)
{
  const int *version = *state;
  static const char bytes[16384];
  struct wire w;
  size_t sent = 0, got = 0, n;

  connect_wire(&w, *version);
  fill(&w, bytes, sizeof bytes, &sent);
  check_shutdown(w.server, SSLC_WANT_READ, 0);
  while (sslc_bio_pending(w.to_server) > 0) {
    char buf[512];

    assert_ok(sslc_bio_read(w.to_server, buf, sizeof buf, &n), NULL);
    inject(w.to_client, buf, n);
  }
  expect_read(w.client, SSLC_CLOSED);
  assert_status(sslc_conn_write(w.client, bytes, sizeof bytes, &n),
                SSLC_WANT_WRITE, sslc_conn_error(w.client));
  assert_status(wire_read_all(&w, &got), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  assert_ok(sslc_conn_write(w.client, bytes, sizeof bytes, &n),
            sslc_conn_error(w.client));
  assert_status(wire_read_all(&w, &got), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  assert_int_equal(got, sent + n);
  check_shutdown(w.client, SSLC_OK, 1);
  assert_status(wire_read_all(&w, &got), SSLC_CLOSED,
                sslc_conn_error(w.server));
  wire_free(&w);
}

/* A write to a peer that has ended and gone fails: it is no clean end. */
static void
test_write_to_gone(void **state)
{
  const int *version = *state;
  struct peers p;
  size_t n = 7;

  peers_connect_sockets(&p, *version);
  expect_read(p.client, SSLC_WANT_READ);
  check_shutdown(p.server, SSLC_WANT_READ, 0);
  sslc_conn_free(p.server);
  p.server = NULL;
  expect_read(p.client, SSLC_CLOSED);
  assert_status(sslc_conn_write(p.client, "x", 1, &n), SSLC_ERR_SYS,
                sslc_conn_error(p.client));
  assert_int_equal(n, 0);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CONNECTION_RESET);
  assert_int_equal(sslc_error_errno(sslc_conn_error(p.client)), EPIPE);
  expect_read(p.client, SSLC_ERR_SYS);
  peers_free(&p);
}

static void
test_shutdown_to_gone(void **state)
{
  const int *version = *state;
  struct peers p;

  peers_connect_sockets(&p, *version);
  expect_read(p.client, SSLC_WANT_READ);
  check_shutdown(p.server, SSLC_WANT_READ, 0);
  sslc_conn_free(p.server);
  p.server = NULL;
  expect_read(p.client, SSLC_CLOSED);
  assert_status(sslc_conn_shutdown(p.client), SSLC_ERR_SYS,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CONNECTION_RESET);
  assert_phase(sslc_conn_error(p.client), SSLC_PHASE_SHUTDOWN);
  peers_free(&p);
}

/* Nothing comes after it. */
static void
test_data_behind(void **state)
{
  const int *version = *state;
  struct forge f;

  forge_init(&f, *version, 0, 0);
  forge_text(&f, "last");
  forge_alert(&f, 1, 0);
  forge_text(&f, "later");
  forge_expect(&f, "last");
  expect_read(f.victim, SSLC_CLOSED);
  expect_read(f.victim, SSLC_CLOSED);
  send_text(f.victim, "ours");
  check_shutdown(f.victim, SSLC_OK, 1);
  forge_free(&f);
}

/* Memory that is empty is not the end of a stream that close_notify ended. */
static void
test_memory(void **state)
{
  const int *version = *state;
  struct wire w;
  BIO *memory = BIO_new(BIO_s_mem());
  sslc_bio *bio = sslc_bio_wrap(memory);
  char buf[64];
  size_t n;

  connect_wire(&w, *version);
  wire_move_all(&w);
  expect_read(w.client, SSLC_WANT_READ);
  assert_non_null(bio);
  assert_ok(sslc_conn_set_bio(w.client, bio, sslc_conn_wbio(w.client)),
            sslc_conn_error(w.client));
  sslc_bio_free(bio);
  expect_read(w.client, SSLC_WANT_READ);
  check_shutdown(w.server, SSLC_WANT_READ, 0);
  assert_ok(sslc_bio_read(w.to_server, buf, sizeof buf, &n), NULL);
  assert_int_equal(BIO_write(memory, buf, (int)n), (int)n);
  expect_read(w.client, SSLC_CLOSED);
  wire_free(&w);
}

/* --------------------------------------------------------- the two bits, and
 * what close sends after each */

static const struct after {
  const char *test;
  int bits;
  int sends; /* close_notify, in close */
} afters[] = {
  { "close sends close_notify where nothing was sent", 0, 1 },
  { "close sends nothing after close_notify", SSLC_SENT_SHUTDOWN, 0 },
  { "close answers the peer's close_notify", SSLC_RECEIVED_SHUTDOWN, 1 },
  { "close sends nothing after both", BOTH, 0 },
};

static void
check_close_after(const struct after *after, int version)
{
  struct wire w;

  connect_wire(&w, version);
  if (after->bits & SSLC_RECEIVED_SHUTDOWN)
    sslc_conn_shutdown(w.server);
  wire_move_all(&w);
  expect_read(w.client, after->bits & SSLC_RECEIVED_SHUTDOWN ? SSLC_CLOSED
                                                            : SSLC_WANT_READ);
  if (after->bits & SSLC_SENT_SHUTDOWN)
    sslc_conn_shutdown(w.client);
  assert_int_equal(sslc_conn_get_shutdown(w.client), after->bits);
  drop(w.to_client);
  sslc_conn_close(w.client);
  assert_int_equal(drop(w.to_client) > 0, after->sends);
  wire_free(&w);
}

static void
test_close_after(void **state)
{
  check_close_after(*state, SSLC_TLS1_3);
  check_close_after(*state, SSLC_TLS1_2);
}

/* SSL_shutdown(3) must not be called after a fatal error. */
static void
test_after_failure(void **state)
{
  const int *version = *state;
  struct forge f;

  forge_init(&f, *version, 0, 0);
  forge_record(&f, 99, "?", 1);
  expect_read(f.victim, SSLC_ERR_PROTO);
  assert_true(drop(f.half) > 0); /* the alert that says so */
  assert_status(sslc_conn_shutdown(f.victim), SSLC_ERR_PROTO,
                sslc_conn_error(f.victim));
  assert_code(sslc_conn_error(f.victim), SSLC_CODE_PROTOCOL_ERROR);
  assert_int_equal(sslc_conn_shutdown_wait(f.victim, SSLC_FOREVER),
                   SSLC_ERR_PROTO);
  sslc_conn_close(f.victim);
  assert_int_equal(drop(f.half), 0);
  forge_free(&f);
}

/* ------------------------------------------------------ an end below TLS */

static void
test_end_below(void **state)
{
  const int *version = *state;
  struct wire w;
  sslc_bio *bio;
  size_t n;

  connect_wire(&w, *version);
  wire_move_all(&w);
  bio = sslc_conn_wbio(w.client);
  assert_ok(sslc_bio_shutdown_wr(bio), sslc_bio_error(bio));
  assert_ok(sslc_bio_shutdown_wr(w.to_server), NULL);
  expect_read(w.server, SSLC_ERR_EOF);
  assert_code(sslc_conn_error(w.server), SSLC_CODE_TRUNCATED);
  assert_status(sslc_conn_write(w.client, "x", 1, &n), SSLC_ERR_SYS,
                sslc_conn_error(w.client));
  assert_code(sslc_conn_error(w.client), SSLC_CODE_CONNECTION_RESET);
  wire_free(&w);
}

/* Behind close_notify it takes nothing away. */
static void
test_end_below_after(void **state)
{
  const int *version = *state;
  struct peers p;
  sslc_bio *bio;

  peers_connect_sockets(&p, *version);
  check_shutdown(p.client, SSLC_WANT_READ, 0);
  bio = sslc_conn_wbio(p.client);
  assert_ok(sslc_bio_shutdown_wr(bio), sslc_bio_error(bio));
  expect_read(p.server, SSLC_CLOSED);
  send_text(p.server, "still");
  expect_text(p.client, "still");
  check_shutdown(p.server, SSLC_OK, 1);
  check_shutdown(p.client, SSLC_OK, 1);
  peers_free(&p);
}

/* ------------------------------------------------------------ with a wait */

static void
check_wait(sslc_conn *conn, int64_t milliseconds, sslc_status want)
{
  sslc_status status =
    sslc_conn_shutdown_wait(conn, sslc_deadline(milliseconds));

  assert_status(status, want, sslc_conn_error(conn));
}

static void
test_quiet_peer(void **state)
{
  const int *version = *state;
  struct peers p;

  peers_connect_sockets(&p, *version);
  check_wait(p.client, 20, SSLC_ERR_TIMEOUT);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_TIMEOUT);
  assert_phase(sslc_conn_error(p.client), SSLC_PHASE_SHUTDOWN);
  assert_int_equal(sslc_conn_get_shutdown(p.client), SSLC_SENT_SHUTDOWN);
  check_wait(p.client, 20, SSLC_ERR_TIMEOUT);
  expect_read(p.server, SSLC_CLOSED);
  check_shutdown(p.server, SSLC_OK, 1);
  check_wait(p.client, PATIENCE, SSLC_OK);
  assert_int_equal(sslc_conn_last_return(p.client), 1);
  check_wait(p.client, PATIENCE, SSLC_OK);
  peers_free(&p);
}

/* Data in front of it is dropped, also where ours was sent before. */
static void
test_wait_drops(void **state)
{
  const int *version = *state;
  struct peers p;

  peers_connect_sockets(&p, *version);
  check_shutdown(p.client, SSLC_WANT_READ, 0);
  send_text(p.server, "one");
  send_text(p.server, "two");
  sslc_conn_shutdown(p.server);
  check_wait(p.client, PATIENCE, SSLC_OK);
  assert_int_equal(sslc_conn_get_shutdown(p.client), BOTH);
  peers_free(&p);
}

static const struct test {
  const char *name;
  CMUnitTestFunction function;
} tests[] = {
  { "a read between two tries to send close_notify loses nothing",
    test_read_between },
  { "close sends what shutdown could not", test_close_finishes },
  { "close_notify in a filter is not sent yet", test_filter },
  { "close_notify inside of our write ends the reads only",
    test_inside_write },
  { "a write after close_notify to a peer that is gone is connection_reset",
    test_write_to_gone },
  { "... and so is a shutdown", test_shutdown_to_gone },
  { "what comes behind close_notify is never given", test_data_behind },
  { "close_notify out of memory that is then empty is a clean end",
    test_memory },
  { "after a failure nothing is sent any more", test_after_failure },
  { "an end below TLS is truncated", test_end_below },
  { "... but not behind close_notify", test_end_below_after },
  { "a peer without close_notify is waited for until the deadline",
    test_quiet_peer },
  { "the wait drops what comes before close_notify", test_wait_drops },
};

int
main(void)
{
  static const int old = SSLC_TLS1_2, new = SSLC_TLS1_3;
  size_t i;

  for (i = 0; i < COUNT(tests); i++) {
    add_test(tests[i].name, tests[i].function, &new);
    add_test("... with TLS 1.2", tests[i].function, &old);
  }
  for (i = 0; i < COUNT(afters); i++)
    add_test(afters[i].test, test_close_after, &afters[i]);
  return run_all("half_close");
}
