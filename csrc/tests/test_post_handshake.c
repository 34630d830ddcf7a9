/*
 * test_post_handshake.c: what TLS 1.3 sends after the handshake besides data:
 * KeyUpdate and tickets, RFC 8446, 4.6.  Renegotiation: test_renegotiation.c.
 * Records and alerts: test_records.c.
 */
#include "support_forge.h"

#include <string.h>

static void
connect_13(struct wire *w)
{
  wire_init(w, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_ok(wire_shake(w, 1000), sslc_conn_error(w->client));
}

/* -------------------------------------------------------------- KeyUpdate */

/* *state: whether an answer is asked for. */
static void
test_key_update(void **state)
{
  const int *request = *state;
  struct wire w;

  connect_13(&w);
  send_text(w.server, "one");
  assert_ok(sslc_conn_key_update(w.server, *request),
            sslc_conn_error(w.server));
  send_text(w.server, "two");
  wire_move_all(&w);
  expect_text(w.client, "one");
  expect_text(w.client, "two");
  send_text(w.client, "three");
  wire_move_all(&w);
  expect_text(w.server, "three");
  wire_free(&w);
}

static void
test_many_key_updates(void **state)
{
  const int *request = *state;
  struct wire w;
  int i;

  connect_13(&w);
  for (i = 0; i < 500; i++) {
    assert_ok(sslc_conn_key_update(w.server, *request),
              sslc_conn_error(w.server));
    if (i % 7 == 0)
      send_text(w.server, "tick");
    wire_move_all(&w);
    if (i % 7 == 0)
      expect_text(w.client, "tick");
    expect_read(w.client, SSLC_WANT_READ);
    wire_move_all(&w);
    expect_read(w.server, SSLC_WANT_READ);
  }
  send_text(w.client, "still");
  wire_move_all(&w);
  expect_text(w.server, "still");
  wire_free(&w);
}

static void
test_flood(void **state)
{
  struct forge f;
  int i;

  (void)state;
  forge_init(&f, SSLC_TLS1_3, 0, 0);
  for (i = 0; i < 500; i++)
    forge_key_update(&f, 0);
  forge_text(&f, "after");
  forge_expect(&f, "after");
  forge_free(&f);
}

/* Records of ours, until there is no room for another one. */
static void
fill(struct wire *w)
{
  const size_t size = 17 * 1024, record = 5 + 5 + 17;

  while (sslc_bio_wpending(sslc_conn_wbio(w->client)) + record <= size)
    send_text(w->client, "xxxxx");
}

/* What the server has sent comes to the client, nothing goes the other way. */
static void
move_to_client(struct wire *w)
{
  char buf[1024];
  size_t n;

  while (sslc_bio_read(w->to_server, buf, sizeof buf, &n) == SSLC_OK)
    inject(w->to_client, buf, n);
}

/* The answer leaves with the next write, so that reading goes on until it has
 * begun to. */
static void
test_answer_on_full_wire(void **state)
{
  struct wire w;
  size_t n;

  (void)state;
  connect_13(&w);
  fill(&w);
  assert_ok(sslc_conn_key_update(w.server, 1), sslc_conn_error(w.server));
  send_text(w.server, "data");
  move_to_client(&w);
  expect_text(w.client, "data");
  assert_status(sslc_conn_write(w.client, "more", 4, &n), SSLC_WANT_WRITE,
                sslc_conn_error(w.client));
  expect_read(w.client, SSLC_WANT_WRITE);
  assert_status(wire_read_all(&w, NULL), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  expect_read(w.client, SSLC_WANT_READ);
  send_text(w.client, "more");
  wire_move_all(&w);
  expect_text(w.server, "more");
  wire_free(&w);
}

/* close_notify comes behind what has begun to be sent, and does not break
 * it. */
static void
test_shutdown_behind_update(void **state)
{
  struct wire w;

  (void)state;
  connect_13(&w);
  fill(&w);
  assert_status(sslc_conn_key_update(w.client, 0), SSLC_WANT_WRITE,
                sslc_conn_error(w.client));
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_WRITE,
                sslc_conn_error(w.client));
  assert_int_equal(sslc_conn_get_shutdown(w.client), 0);
  assert_status(wire_read_all(&w, NULL), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  assert_int_equal(sslc_conn_last_return(w.client), 0);
  assert_status(wire_read_all(&w, NULL), SSLC_CLOSED,
                sslc_conn_error(w.server));
  wire_free(&w);
}

/* The same of a message that has come in part only. */
static void
test_shutdown_inside_message(void **state)
{
  /* NewSessionTicket: lifetime, age_add, nonce, ticket, extensions. */
  static const unsigned char ticket[] = { 4, 0, 0, 14, 0, 0, 0, 9, 1, 2, 3, 4,
                                          0, 0, 1, 7, 0, 0 };
  struct forge f;
  char byte;
  size_t n;

  (void)state;
  forge_init(&f, SSLC_TLS1_3, 0, 0);
  forge_record(&f, SSL3_RT_HANDSHAKE, ticket, 10);
  forge_expect_nothing(&f);
  assert_status(sslc_conn_shutdown(f.victim), SSLC_WANT_READ,
                sslc_conn_error(f.victim));
  assert_int_equal(sslc_conn_last_return(f.victim), -1);
  assert_int_equal(sslc_conn_get_shutdown(f.victim), 0);
  forge_record(&f, SSL3_RT_HANDSHAKE, ticket + 10, sizeof ticket - 10);
  assert_status(sslc_conn_shutdown(f.victim), SSLC_WANT_READ,
                sslc_conn_error(f.victim));
  assert_int_equal(sslc_conn_last_return(f.victim), 0);
  wire_move_all(&f.w);
  assert_status(sslc_conn_read(f.w.server, &byte, 1, &n), SSLC_CLOSED,
                sslc_conn_error(f.w.server));
  forge_free(&f);
}

/* The peer asks while a record of ours is half sent. */
static void
test_update_inside_write(void **state)
{
  const int *request = *state;
  static const char bytes[16384];
  struct wire w;
  size_t n;

  connect_13(&w);
  while (sslc_conn_write(w.client, bytes, sizeof bytes, &n) == SSLC_OK)
    ;
  assert_status(sslc_conn_last_status(w.client), SSLC_WANT_WRITE,
                sslc_conn_error(w.client));
  assert_ok(sslc_conn_key_update(w.server, *request),
            sslc_conn_error(w.server));
  send_text(w.server, "data");
  move_to_client(&w);
  expect_text(w.client, "data");
  drop(w.to_client);
  assert_ok(sslc_conn_write(w.client, bytes, sizeof bytes, &n),
            sslc_conn_error(w.client));
  wire_free(&w);
}

static void
test_update_after_close_notify(void **state)
{
  const int *request = *state;
  struct wire w;

  connect_13(&w);
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  assert_ok(sslc_conn_key_update(w.server, *request),
            sslc_conn_error(w.server));
  send_text(w.server, "data");
  wire_move_all(&w);
  expect_text(w.client, "data");
  assert_status(sslc_conn_shutdown(w.server), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  wire_move_all(&w);
  expect_read(w.server, SSLC_CLOSED);
  assert_ok(sslc_conn_shutdown(w.client), sslc_conn_error(w.client));
  wire_free(&w);
}

/* ---------------------------------------------------------------- tickets */

static void
send_ticket(sslc_conn *server)
{
  if (!compat_new_session_ticket(server->ssl))
    skip();
  assert_int_equal(SSL_do_handshake(server->ssl), 1);
}

static void
test_tickets(void **state)
{
  struct wire w;
  int i;

  (void)state;
  connect_13(&w);
  wire_move_all(&w);
  expect_read(w.client, SSLC_WANT_READ);
  for (i = 0; i < 20; i++) {
    send_ticket(w.server);
    wire_move_all(&w);
    expect_read(w.client, SSLC_WANT_READ);
  }
  send_ticket(w.server);
  send_text(w.server, "one");
  send_ticket(w.server);
  send_ticket(w.server);
  send_text(w.server, "two");
  wire_move_all(&w);
  expect_text(w.client, "one");
  expect_text(w.client, "two");
  expect_read(w.client, SSLC_WANT_READ);
  wire_free(&w);
}

/* A shutdown that waits for the peer's end meets them too. */
static void
test_ticket_after_close_notify(void **state)
{
  struct wire w;

  (void)state;
  connect_13(&w);
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  send_ticket(w.server);
  wire_move_all(&w);
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  sslc_conn_shutdown(w.server);
  wire_move_all(&w);
  assert_ok(sslc_conn_shutdown(w.client), sslc_conn_error(w.client));
  wire_free(&w);
}

int
main(void)
{
  static const int no = 0, yes = 1;

  add_test("a KeyUpdate between data is passed over", test_key_update, &no);
  add_test("... and answered", test_key_update, &yes);
  add_test("hundreds of KeyUpdates are passed over", test_many_key_updates,
           &no);
  add_test("... and answered", test_many_key_updates, &yes);
  add_test("hundreds of KeyUpdates in a row are passed over", test_flood,
           NULL);
  add_test("reading goes on where the wire is full for the answer",
           test_answer_on_full_wire, NULL);
  add_test("close_notify comes behind a KeyUpdate that waits",
           test_shutdown_behind_update, NULL);
  add_test("close_notify comes behind a message that has come in part",
           test_shutdown_inside_message, NULL);
  add_test("a KeyUpdate inside of our write is passed over",
           test_update_inside_write, &no);
  add_test("... and answered", test_update_inside_write, &yes);
  add_test("a KeyUpdate after our close_notify is passed over",
           test_update_after_close_notify, &no);
  add_test("... also where an answer is asked for",
           test_update_after_close_notify, &yes);
  add_test("tickets are passed over, alone and between data", test_tickets,
           NULL);
  add_test("... and after our close_notify", test_ticket_after_close_notify,
           NULL);
  return run_all("post_handshake");
}
