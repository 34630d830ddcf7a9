/*
 * test_early_data.c: data in the first flight: sent where it may be, taken,
 * rejected, and never twice.
 */
#include "internal.h"

#include "support.h"

#include <string.h>

static const char request[] = "GET / HTTP/1.0\r\n\r\n";
enum { SIZE = sizeof request - 1 };

struct world {
  sslc_ctx *client, *server;
};

static void
world_init(struct world *w, uint32_t max)
{
  w->client = make_client_ctx();
  w->server = make_server_ctx("good");
  assert_ok(sslc_ctx_set_max_early_data(w->server, max),
            sslc_ctx_error(w->server));
}

static void
world_free(struct world *w)
{
  sslc_ctx_free(w->client);
  sslc_ctx_free(w->server);
}

static void
begin(struct peers *p, const struct world *w, int hold)
{
  peers_init(p, sslc_ctx_up_ref(w->client), sslc_ctx_up_ref(w->server),
             "localhost");
  assert_ok(sslc_conn_set_session_scope(p->client, "here:443"), NULL);
  assert_ok(sslc_conn_set_hold_flight(p->client, hold), NULL);
}

/* A first connection, whose tickets the context keeps. */
static void
visit(const struct world *w)
{
  struct peers p;

  begin(&p, w, 0);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  send_through(p.server, p.client, "hello", 5);
  /* The server forgets the session of a connection that was not shut down. */
  sslc_conn_close(p.client);
  sslc_conn_close(p.server);
  peers_free(&p);
}

static size_t
write_early(struct peers *p)
{
  size_t n = 1;

  assert_ok(sslc_conn_write_early_data(p->client, request, SIZE, &n),
            sslc_conn_error(p->client));
  return n;
}

/* What the server reads of it, to its end; how much that is. */
static size_t
read_early(struct peers *p, char *buf, size_t size)
{
  size_t n, sum = 0;
  sslc_status status;
  int rounds = 100;

  p->client_status = SSLC_WANT_READ;
  do {
    status = sslc_conn_read_early_data(p->server, buf + sum, size - sum, &n);
    sum += n;
    if (status == SSLC_WANT_READ)
      p->client_status = sslc_conn_do_handshake(p->client);
    if (p->client_status == SSLC_OK)
      sslc_conn_flush(p->client); /* of what is held */
  } while ((status == SSLC_WANT_READ || n > 0) && --rounds > 0);
  assert_status(status, SSLC_OK, sslc_conn_error(p->server));
  return sum;
}

/* --------------------------------------------------------------- accepted */

static void
test_accepted(void **state)
{
  const int *hold = *state;
  struct world w;
  struct peers p;
  char buf[64];
  sslc_ctx_statistics s = { .size = sizeof s };

  world_init(&w, 1024);
  visit(&w);
  begin(&p, &w, *hold);
  assert_int_equal(write_early(&p), SIZE);
  assert_int_equal(sslc_conn_early_data(p.client), SSLC_EARLY_DATA_NOT_SENT);
  assert_int_equal(sslc_conn_do_handshake(p.client), SSLC_WANT_READ);
  assert_int_equal(read_early(&p, buf, sizeof buf), SIZE);
  assert_memory_equal(buf, request, SIZE);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_ok(sslc_conn_flush(p.client), sslc_conn_error(p.client));
  assert_ok(sslc_conn_do_handshake(p.server), sslc_conn_error(p.server));
  assert_int_equal(sslc_conn_session_reused(p.client), 1);
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  assert_int_equal(sslc_conn_early_data(p.client), SSLC_EARLY_DATA_ACCEPTED);
  assert_int_equal(sslc_conn_early_data(p.server), SSLC_EARLY_DATA_ACCEPTED);
  send_through(p.client, p.server, "more", 4);
  send_through(p.server, p.client, "answer", 6);
  assert_int_equal(sslc_ctx_stats(w.client, &s), 1);
  assert_int_equal(s.early_data_accepted, 1);
  assert_int_equal(s.early_data_rejected, 0);
  peers_free(&p);
  world_free(&w);
}

/* --------------------------------------------------------------- rejected */

/* The server that does not read it skips it; one that does not know the session
 * shakes hands in full.  The data is then written as any other. */
static void
test_rejected(void **state)
{
  const int *knows = *state;
  struct world w, other;
  struct peers p;
  sslc_ctx_statistics s = { .size = sizeof s };

  world_init(&w, 1024);
  world_init(&other, 1024);
  visit(&w);
  begin(&p, &w, 0);
  if (!*knows) {
    sslc_conn_free(p.server);
    sslc_bio *mine, *theirs;
    assert_int_equal(sslc_bio_new_pair(&mine, 0, &theirs, 0), SSLC_OK);
    p.server = sslc_conn_new(other.server);
    assert_ok(sslc_conn_set_accept_state(p.server), NULL);
    assert_ok(sslc_conn_set_bio(p.server, theirs, theirs), NULL);
    assert_ok(sslc_conn_set_bio(p.client, mine, mine), NULL);
    sslc_bio_free(mine);
    sslc_bio_free(theirs);
  }
  assert_int_equal(write_early(&p), SIZE);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
  assert_int_equal(sslc_conn_session_reused(p.client), *knows);
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  assert_int_equal(sslc_conn_early_data(p.client), SSLC_EARLY_DATA_REJECTED);
  send_text(p.client, request);
  expect_text(p.server, request); /* and nothing before it */
  assert_int_equal(sslc_ctx_stats(w.client, &s), 1);
  assert_int_equal(s.early_data_rejected, 1);
  peers_free(&p);
  world_free(&w);
  world_free(&other);
}

/* ---------------------------------------------------------------- not sent */

static void
check_not_sent(struct world *w)
{
  struct peers p;

  begin(&p, w, 0);
  assert_int_equal(write_early(&p), 0);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_early_data(p.client), SSLC_EARLY_DATA_NOT_SENT);
  send_text(p.client, request);
  expect_text(p.server, request);
  send_through(p.server, p.client, "hello", 5);
  peers_free(&p);
}

/* No session; a server that takes none, or less; TLS 1.2. */
static void
test_not_sent(void **state)
{
  static const uint32_t sizes[] = { 1024, 0, SIZE - 1 };
  struct world w;
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(sizes); i++) {
    world_init(&w, sizes[i]);
    check_not_sent(&w);
    if (i > 0)
      check_not_sent(&w);
    world_free(&w);
  }
  world_init(&w, 1024);
  assert_ok(sslc_ctx_set_max_version(w.client, SSLC_TLS1_2), NULL);
  check_not_sent(&w);
  check_not_sent(&w);
  world_free(&w);
}

/* ----------------------------------------------------------------- replays */

/* The whole first flight once more, to a second connection of the server: it
 * is not taken again. */
static void
test_replayed(void **state)
{
  struct world w;
  struct peers p;
  sslc_bio *mine, *theirs, *again, *half;
  sslc_conn *second;
  char flight[4096], buf[64];
  size_t len, n;
  sslc_status status;

  (void)state;
  world_init(&w, 1024);
  visit(&w);
  begin(&p, &w, 0);
  assert_int_equal(sslc_bio_new_pair(&mine, 0, &theirs, 0), SSLC_OK);
  assert_ok(sslc_conn_set_bio(p.client, mine, mine), NULL);
  assert_int_equal(write_early(&p), SIZE);
  assert_ok(sslc_bio_read(theirs, flight, sizeof flight, &len), NULL);
  assert_true(len > SIZE && len < sizeof flight);
  assert_int_equal(sslc_bio_new_pair(&again, 0, &half, 0), SSLC_OK);
  second = sslc_conn_new(w.server);
  assert_ok(sslc_conn_set_accept_state(second), NULL);
  assert_ok(sslc_conn_set_bio(second, again, again), NULL);
  assert_ok(sslc_bio_write(half, flight, len, &n), NULL);
  assert_ok(sslc_conn_read_early_data(second, buf, sizeof buf, &n),
            sslc_conn_error(second));
  assert_int_equal(n, SIZE); /* the first time */
  sslc_conn_free(second);
  sslc_bio_free(again);
  sslc_bio_free(half);
  sslc_conn_free(p.server);
  assert_int_equal(sslc_bio_new_pair(&again, 0, &half, 0), SSLC_OK);
  p.server = sslc_conn_new(w.server);
  assert_ok(sslc_conn_set_accept_state(p.server), NULL);
  assert_ok(sslc_conn_set_bio(p.server, again, again), NULL);
  assert_ok(sslc_bio_write(half, flight, len, &n), NULL);
  status = sslc_conn_read_early_data(p.server, buf, sizeof buf, &n);
  assert_int_equal(n, 0);
  assert_true(status == SSLC_OK || status == SSLC_WANT_READ);
  sslc_bio_free(again);
  sslc_bio_free(half);
  sslc_bio_free(mine);
  sslc_bio_free(theirs);
  peers_free(&p);
  world_free(&w);
}

/* ------------------------------------------------------------ small BIOs */

/* The flight does not fit: the call is repeated, with the same bytes. */
static void
test_repeated(void **state)
{
  struct world w;
  struct peers p;
  sslc_bio *mine, *theirs;
  size_t n, rounds = 0;
  sslc_status status;

  (void)state;
  world_init(&w, 1024);
  visit(&w);
  begin(&p, &w, 0);
  assert_int_equal(sslc_bio_new_pair(&mine, 64, &theirs, 64), SSLC_OK);
  assert_ok(sslc_conn_set_bio(p.client, mine, mine), NULL);
  while ((status = sslc_conn_write_early_data(p.client, request, SIZE, &n)) ==
         SSLC_WANT_WRITE) {
    if (rounds++ == 0) {
      assert_status(sslc_conn_do_handshake(p.client), SSLC_ERR_STATE, NULL);
      assert_code(sslc_conn_error(p.client), SSLC_CODE_MISUSE);
      assert_status(sslc_conn_write_early_data(p.client, request, 1, &n),
                    SSLC_ERR_STATE, NULL);
    }
    drop(theirs);
  }
  assert_status(status, SSLC_OK, sslc_conn_error(p.client));
  assert_int_equal(n, SIZE);
  assert_true(rounds > 2);
  sslc_bio_free(mine);
  sslc_bio_free(theirs);
  peers_free(&p);
  world_free(&w);
}

/* ------------------------------------------------------------------ misuse */

static void
check_misuse(sslc_conn *conn, sslc_status status)
{
  assert_status(status, SSLC_ERR_STATE, sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_MISUSE);
}

static void
test_misuse(void **state)
{
  struct world w;
  struct peers p;
  char buf[8];
  size_t n = 7;

  (void)state;
  world_init(&w, 1024);
  visit(&w);
  begin(&p, &w, 0);
  check_misuse(p.server, sslc_conn_write_early_data(p.server, "x", 1, &n));
  check_misuse(p.client, sslc_conn_read_early_data(p.client, buf, 8, &n));
  assert_int_equal(n, 0);
  assert_status(sslc_conn_write_early_data(p.client, "", 0, &n), SSLC_ERR_ARG,
                NULL);
  assert_status(sslc_conn_write_early_data(p.client, NULL, 1, &n),
                SSLC_ERR_ARG, NULL);
  assert_status(sslc_conn_read_early_data(p.server, buf, 0, &n), SSLC_ERR_ARG,
                NULL);
  assert_int_equal(write_early(&p), SIZE);
  check_misuse(p.client, sslc_conn_write_early_data(p.client, "x", 1, &n));
  assert_ok(shake(&p), sslc_conn_error(p.client));
  check_misuse(p.client, sslc_conn_write_early_data(p.client, "x", 1, &n));
  check_misuse(p.server, sslc_conn_read_early_data(p.server, buf, 8, &n));
  sslc_conn_close(p.client);
  assert_status(sslc_conn_write_early_data(p.client, "x", 1, &n),
                SSLC_ERR_STATE, NULL);
  peers_free(&p);
  assert_int_equal(sslc_conn_write_early_data(NULL, "x", 1, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_read_early_data(NULL, buf, 1, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_set_max_early_data(NULL, 1), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_early_data(NULL), 0);
  assert_int_equal(sslc_session_max_early_data(NULL), 0);
  world_free(&w);
}

int
main(void)
{
  static const int no = 0, yes = 1;

  add_test("it comes with the first flight", test_accepted, &no);
  add_test("it comes with the first flight, held", test_accepted, &yes);
  add_test("a server does not take it", test_rejected, &yes);
  add_test("a server does not know the session", test_rejected, &no);
  add_test("it is not sent where it may not be", test_not_sent, NULL);
  add_test("sent again by somebody it is not taken", test_replayed, NULL);
  add_test("a flight that does not fit is gone on with", test_repeated, NULL);
  add_test("what is no use of it is an error", test_misuse, NULL);
  return run_all("early_data");
}
