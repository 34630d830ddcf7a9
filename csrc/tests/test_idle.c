/*
 * test_idle.c: what a connection keeps while nothing happens on it, and that
 * what is given back was needed by nobody: SSL_free_buffers(3).
 */
#include "support_handshake.h"
#include "support_memory.h"

#include <string.h>

/* A record's buffer is more than that; what tickets and an exchange leave
 * beside it is less. */
enum { LITTLE = 6 * 1024, RECORD = 16 * 1024 };

static void
connect_kind(struct wire *w, const struct kind *kind, int hold)
{
  wire_init_kind(w, kind, 0);
  assert_ok(sslc_conn_set_hold_flight(w->client, hold),
            sslc_conn_error(w->client));
  assert_ok(wire_shake(w, 1000), sslc_conn_error(w->client));
  assert_ok(sslc_conn_flush(w->client), sslc_conn_error(w->client));
  wire_move_all(w);
  assert_ok(sslc_conn_do_handshake(w->server), sslc_conn_error(w->server));
  wire_move_all(w);
}

static void
exchange(struct wire *w)
{
  send_text(w->client, "question");
  wire_move_all(w);
  expect_text(w->server, "question");
  send_text(w->server, "answer");
  wire_move_all(w);
  expect_text(w->client, "answer");
}

/* ------------------------------------------------------------- what is kept */

struct row {
  const char *name;
  const struct kind *kind;
  int hold;
};

static void
test_after_an_exchange(void **state)
{
  const struct row *row = *state;
  struct wire w;
  size_t before;

  connect_kind(&w, row->kind, row->hold);
  before = memory_in_use();
  exchange(&w);
  assert_in_range(memory_in_use(), 0, before + LITTLE);
  wire_free(&w);
}

/* Tickets alone, which are read while nothing else comes. */
static void
test_after_tickets(void **state)
{
  const struct row *row = *state;
  struct wire w;
  size_t before;

  connect_kind(&w, row->kind, row->hold);
  before = memory_in_use();
  expect_read(w.client, SSLC_WANT_READ);
  assert_in_range(memory_in_use(), 0, before + LITTLE);
  wire_free(&w);
}

static void
test_after_key_updates(void **state)
{
  const int *request = *state;
  struct wire w;
  size_t before;

  connect_kind(&w, &tls13, 0);
  exchange(&w);
  before = memory_in_use();
  assert_ok(sslc_conn_key_update(w.server, *request),
            sslc_conn_error(w.server));
  wire_move_all(&w);
  expect_read(w.client, SSLC_WANT_READ);
  exchange(&w);
  assert_in_range(memory_in_use(), 0, before + LITTLE);
  wire_free(&w);
}

/* -------------------------------------------------------- what is not lost */

/* Moves `most` bytes at a time to the client, which reads after each. */
static void
read_in_pieces(struct wire *w, size_t most, const char *want)
{
  char got[4096], piece[64];
  size_t n, taken = 0, len = strlen(want);

  while (taken < len) {
    if (sslc_bio_read(w->to_server, piece, most, &n) == SSLC_OK)
      inject(w->to_client, piece, n);
    if (sslc_conn_read(w->client, got + taken, 3, &n) == SSLC_OK)
      taken += n;
    assert_null(sslc_conn_error(w->client));
  }
  got[taken] = '\0';
  assert_string_equal(got, want);
}

/* The buffers go when a message after the handshake has come, and a record may
 * have come in part by then, or have been read in part. */
static void
test_pieces(void **state)
{
  const size_t *most = *state;
  struct wire w;
  int i;

  connect_kind(&w, &tls13, 0);
  for (i = 0; i < 4; i++) {
    send_text(w.server, "before ");
    assert_ok(sslc_conn_key_update(w.server, 0), sslc_conn_error(w.server));
    send_text(w.server, "and after");
    read_in_pieces(&w, *most, "before and after");
  }
  send_text(w.client, "still");
  wire_move_all(&w);
  expect_text(w.server, "still");
  wire_free(&w);
}

static void
peek_text(sslc_conn *conn, const char *text)
{
  char buf[64];
  size_t n;

  assert_ok(sslc_conn_peek(conn, buf, sizeof buf, &n), sslc_conn_error(conn));
  assert_int_equal(n, strlen(text));
  assert_memory_equal(buf, text, n);
}

static void
test_peeked(void **state)
{
  struct wire w;

  (void)state;
  connect_kind(&w, &tls13, 0);
  assert_ok(sslc_conn_key_update(w.server, 0), sslc_conn_error(w.server));
  send_text(w.server, "peeked");
  wire_move_all(&w);
  peek_text(w.client, "peeked");
  peek_text(w.client, "peeked");
  expect_text(w.client, "peeked");
  wire_free(&w);
}

/* What is written in part is in libssl's buffer. */
static void
test_write_in_part(void **state)
{
  static const char data[4 * RECORD];
  char piece[64];
  sslc_status status;
  struct wire w;
  size_t n, sum = 0, done = 0;

  (void)state;
  connect_kind(&w, &tls13, 0);
  while (sslc_conn_write(w.client, data, sizeof data, &n) == SSLC_OK)
    done += n;
  assert_int_equal(sslc_conn_last_status(w.client), SSLC_WANT_WRITE);
  assert_ok(sslc_conn_key_update(w.server, 0), sslc_conn_error(w.server));
  send_text(w.server, "read meanwhile");
  while (sslc_bio_read(w.to_server, piece, sizeof piece, &n) == SSLC_OK)
    inject(w.to_client, piece, n);
  expect_text(w.client, "read meanwhile");
  do {
    wire_read_all(&w, &sum);
    status = sslc_conn_write(w.client, data, sizeof data, &n);
    done += n;
  } while (status == SSLC_WANT_WRITE);
  assert_ok(status, sslc_conn_error(w.client));
  wire_read_all(&w, &sum);
  assert_int_equal(sum, done);
  wire_free(&w);
}

int
main(void)
{
  static const struct row rows[] = {
    { "TLS 1.3", &tls13, 0 },
    { "TLS 1.3, its flight held", &tls13, 1 },
    { "TLS 1.2", &tls12, 0 },
    { "TLS 1.2, its flight held", &tls12, 1 },
  };
  static const int requests[] = { 0, 1 };
  static const size_t pieces[] = { 1, 2, 5, 6, 27, 64 };
  size_t i;

  memory_install();
  for (i = 0; i < COUNT(rows); i++) {
    add_test("an idle connection keeps little after an exchange",
             test_after_an_exchange, &rows[i]);
    add_test("an idle connection keeps little of its tickets",
             test_after_tickets, &rows[i]);
  }
  for (i = 0; i < COUNT(requests); i++)
    add_test("an idle connection keeps little after a KeyUpdate",
             test_after_key_updates, &requests[i]);
  for (i = 0; i < COUNT(pieces); i++)
    add_test("what comes in pieces is not lost with the buffers", test_pieces,
             &pieces[i]);
  add_test("what was peeked at is not lost with the buffers", test_peeked,
           NULL);
  add_test("what was written in part is not lost with the buffers",
           test_write_in_part, NULL);
  return run_all("idle");
}
