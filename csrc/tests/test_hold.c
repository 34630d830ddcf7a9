/*
 * test_hold.c: the last flight of the handshake leaves in one piece with what
 * is written first, and nobody waits for a flight that is held:
 * sslc_conn_set_hold_flight.
 */
#include "support_tap.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* ------------------------------------------- when it leaves, and when not */

static void
check(const sslc_conn *conn, sslc_status got, sslc_status want)
{
  assert_status(got, want, sslc_conn_error(conn));
}

static void
check_read(sslc_conn *conn, sslc_status want)
{
  char buf[16];
  size_t n;

  check(conn, sslc_conn_read(conn, buf, sizeof buf, &n), want);
}

/* Two ends joined by a BIO pair. */
static void
link_init_pair(struct link *link, sslc_ctx *client, sslc_ctx *server)
{
  sslc_bio *bios[2];

  assert_int_equal(sslc_bio_new_pair(&bios[0], 0, &bios[1], 0), SSLC_OK);
  link_init(link, client, server, bios, 1);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

/* A client that is done, its flight held, and a server that waits for it. */
static void
link_init_held(struct link *link)
{
  sslc_conn *client, *server;

  link_init_pair(link, make_client_ctx(), make_server_ctx("good"));
  client = link->client.conn;
  server = link->server.conn;
  check(client, sslc_conn_do_handshake(client), SSLC_WANT_READ);
  check(server, sslc_conn_do_handshake(server), SSLC_WANT_READ);
  check(client, sslc_conn_do_handshake(client), SSLC_OK);
  check(server, sslc_conn_do_handshake(server), SSLC_WANT_READ);
  assert_int_equal(link->client.tap.writes, 1);
}

/* What a program may do with a client whose flight is held. */
static sslc_status
do_write(sslc_conn *conn)
{
  size_t n;

  return sslc_conn_write(conn, "hello", 5, &n);
}

static sslc_status
do_read(sslc_conn *conn)
{
  char buf[16];
  size_t n;

  return sslc_conn_read(conn, buf, sizeof buf, &n);
}

static sslc_status
do_peek(sslc_conn *conn)
{
  char buf[16];
  size_t n;

  return sslc_conn_peek(conn, buf, sizeof buf, &n);
}

static sslc_status
do_key_update(sslc_conn *conn)
{
  return sslc_conn_key_update(conn, 0);
}

static sslc_status
do_close(sslc_conn *conn)
{
  sslc_conn_close(conn);
  return SSLC_OK;
}

static const struct release {
  const char *test;
  sslc_status (*act)(sslc_conn *conn);
  sslc_status status;
  sslc_status server; /* of its next read */
} releases[] = {
  { "it leaves with what is written", do_write, SSLC_OK, SSLC_OK },
  { "it leaves where a read has nothing", do_read, SSLC_WANT_READ,
    SSLC_WANT_READ },
  { "it leaves where a peek has nothing", do_peek, SSLC_WANT_READ,
    SSLC_WANT_READ },
  { "it leaves in a flush", sslc_conn_flush, SSLC_OK, SSLC_WANT_READ },
  { "it leaves with a key update", do_key_update, SSLC_OK, SSLC_WANT_READ },
  { "it leaves with close_notify in a shutdown", sslc_conn_shutdown,
    SSLC_WANT_READ, SSLC_CLOSED },
  { "it leaves with close_notify in a close", do_close, SSLC_OK, SSLC_CLOSED },
};

/* In one send call, whatever it leaves with. */
static void
test_release(void **state)
{
  const struct release *row = *state;
  struct link link;

  link_init_held(&link);
  check(link.client.conn, row->act(link.client.conn), row->status);
  assert_int_equal(link.client.tap.writes, 2);
  check(link.server.conn, sslc_conn_do_handshake(link.server.conn), SSLC_OK);
  check_read(link.server.conn, row->server);
  link_free(&link);
}

/* The same where there is no room: the step is to be repeated, and comes to
 * what it would have come to. */
static void
test_release_without_room(void **state)
{
  const struct release *row = *state;
  struct link link;

  link_init_held(&link);
  link.client.tap.room = 0;
  if (row->act == do_close) {
    sslc_conn_close(link.client.conn);
    assert_int_equal(link.client.tap.writes, 1);
    link_free(&link);
    return;
  }
  check(link.client.conn, row->act(link.client.conn), SSLC_WANT_WRITE);
  link.client.tap.room = 10;
  check(link.client.conn, row->act(link.client.conn), SSLC_WANT_WRITE);
  assert_int_equal(link.client.tap.room, 0);
  check(link.server.conn, sslc_conn_do_handshake(link.server.conn),
        SSLC_WANT_READ);
  link.client.tap.room = SIZE_MAX;
  check(link.client.conn, row->act(link.client.conn), row->status);
  check(link.server.conn, sslc_conn_do_handshake(link.server.conn), SSLC_OK);
  check_read(link.server.conn, row->server);
  link_free(&link);
}

/* Room for one byte more each time: whatever the cut, nothing is lost and
 * nothing is sent twice. */
static void
test_every_cut(void **state)
{
  size_t n, cut;
  int done = 0;

  (void)state;
  for (cut = 1; !done; cut++) {
    struct link link;
    int rounds = 0;
    sslc_status status;

    link_init_held(&link);
    link.client.tap.room = cut;
    do {
      status = sslc_conn_write(link.client.conn, "hello", 5, &n);
      assert_true(status == SSLC_OK || status == SSLC_WANT_WRITE);
      done = rounds++ == 0 && status == SSLC_OK;
      link.client.tap.room += 7;
    } while (status != SSLC_OK);
    assert_int_equal(n, 5);
    check(link.server.conn, sslc_conn_do_handshake(link.server.conn), SSLC_OK);
    expect_text(link.server.conn, "hello");
    send_through(link.server.conn, link.client.conn, "and back", 8);
    link_free(&link);
  }
  assert_true(cut > 80);
}

/* A write that is not finished leaves no place for close_notify, but what it
 * was to follow still goes. */
static void
test_close_in_a_write(void **state)
{
  struct link link;

  (void)state;
  link_init_held(&link);
  link.client.tap.room = 10;
  check(link.client.conn, do_write(link.client.conn), SSLC_WANT_WRITE);
  link.client.tap.room = SIZE_MAX;
  sslc_conn_close(link.client.conn);
  check(link.server.conn, sslc_conn_do_handshake(link.server.conn), SSLC_OK);
  check_read(link.server.conn, SSLC_ERR_EOF);
  assert_code(sslc_conn_error(link.server.conn), SSLC_CODE_TRUNCATED);
  link_free(&link);
}

static void
test_free_sends_nothing(void **state)
{
  struct link link;

  (void)state;
  link_init_held(&link);
  sslc_conn_free(link.client.conn);
  link.client.conn = NULL;
  assert_int_equal(link.client.tap.writes, 1);
  check(link.server.conn, sslc_conn_do_handshake(link.server.conn),
        SSLC_ERR_EOF);
  assert_code(sslc_conn_error(link.server.conn), SSLC_CODE_HANDSHAKE_EOF);
  link_free(&link);
}

/* The server is gone: what is held is of no use to anybody. */
static void
test_end_is_read(void **state)
{
  struct link link;

  (void)state;
  link_init_held(&link);
  sslc_conn_free(link.server.conn);
  link.server.conn = NULL;
  check_read(link.client.conn, SSLC_ERR_EOF);
  assert_code(sslc_conn_error(link.client.conn), SSLC_CODE_TRUNCATED);
  assert_int_equal(link.client.tap.writes, 1);
  link_free(&link);
}

/* From now on nothing can be written. */
static void
break_pipe(sslc_conn *conn)
{
  assert_int_equal(sslc_bio_shutdown_wr(sslc_conn_wbio(conn)), SSLC_OK);
}

/* Why the server is gone stands in what it sent before it went: an alert. */
static const unsigned char refusal[] = { 0x15, 3, 3, 0, 2, 2, 40 };

static void
test_alert_before_broken_pipe(void **state)
{
  struct link link;
  sslc_bio *bios[2];
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");

  (void)state;
  assert_int_equal(sslc_bio_new_pair(&bios[0], 0, &bios[1], 0), SSLC_OK);
  sslc_bio_up_ref(bios[1]);
  link_init(&link, client, server, bios, 1);
  inject(bios[1], refusal, sizeof refusal);
  break_pipe(link.client.conn);
  check(link.client.conn, sslc_conn_do_handshake(link.client.conn),
        SSLC_ERR_PROTO);
  assert_code(sslc_conn_error(link.client.conn),
              SSLC_CODE_NO_SHARED_PARAMETERS);
  assert_int_equal(sslc_error_alert(sslc_conn_error(link.client.conn)), 40);
  link_free(&link);
  sslc_bio_free(bios[1]);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

/* Where it said nothing, that nothing can be sent is what went wrong. */
static void
test_broken_pipe(void **state)
{
  const struct release *row = *state;
  struct link link;
  const sslc_error *err;

  link_init_held(&link);
  break_pipe(link.client.conn);
  if (row->act == do_close) {
    sslc_conn_close(link.client.conn);
    link_free(&link);
    return;
  }
  check(link.client.conn, row->act(link.client.conn), SSLC_ERR_SYS);
  err = sslc_conn_error(link.client.conn);
  assert_code(err, SSLC_CODE_CONNECTION_RESET);
  assert_int_equal(sslc_error_errno(err), EPIPE);
  link_free(&link);
}

/* A socket that is not connected fails to be read as well, in another way; what
 * is told is what the handshake was at. */
static void
test_not_connected(void **state)
{
  const int *hold = *state;
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);
  sslc_bio *bio = sslc_bio_new_socket(socket(AF_INET, SOCK_STREAM, 0),
                                      SSLC_CLOSE);

  assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
  assert_ok(sslc_conn_set_server_name(conn, "localhost"), NULL);
  assert_ok(sslc_conn_set_hold_flight(conn, *hold), NULL);
  check(conn, sslc_conn_connect(conn), SSLC_ERR_SYS);
  assert_code(sslc_conn_error(conn), SSLC_CODE_CONNECTION_RESET);
  assert_int_equal(sslc_error_errno(sslc_conn_error(conn)), EPIPE);
  sslc_conn_free(conn);
  sslc_bio_free(bio);
  sslc_ctx_free(ctx);
}

/* A handshake that fails: the server is told why, by an alert that nothing is
 * read after. */
static void
test_alert_leaves(void **state)
{
  struct link link;

  (void)state;
  link_init_pair(&link, make_client_ctx(), make_server_ctx("unknown"));
  check(link.client.conn, sslc_conn_do_handshake(link.client.conn),
        SSLC_WANT_READ);
  check(link.server.conn, sslc_conn_do_handshake(link.server.conn),
        SSLC_WANT_READ);
  check(link.client.conn, sslc_conn_do_handshake(link.client.conn),
        SSLC_ERR_VERIFY);
  check(link.server.conn, sslc_conn_do_handshake(link.server.conn),
        SSLC_ERR_ALERT);
  assert_string_equal(
    sslc_error_alert_name(sslc_conn_error(link.server.conn)), "unknown_ca");
  link_free(&link);
}

/* What is held goes to the BIO that is there when it leaves. */
static void
test_other_bio(void **state)
{
  struct link link;
  sslc_bio *bios[2];

  (void)state;
  link_init_held(&link);
  assert_int_equal(sslc_bio_new_pair(&bios[0], 0, &bios[1], 0), SSLC_OK);
  assert_ok(sslc_conn_set_bio(link.client.conn, bios[0], bios[0]), NULL);
  assert_ok(sslc_conn_set_bio(link.server.conn, bios[1], bios[1]), NULL);
  sslc_bio_free(bios[0]);
  sslc_bio_free(bios[1]);
  check(link.client.conn, do_write(link.client.conn), SSLC_OK);
  check(link.server.conn, sslc_conn_do_handshake(link.server.conn), SSLC_OK);
  expect_text(link.server.conn, "hello");
  link_free(&link);
}

static void
test_set_too_late(void **state)
{
  struct peers p;

  (void)state;
  assert_int_equal(sslc_conn_set_hold_flight(NULL, 1), SSLC_ERR_ARG);
  peers_connect(&p);
  check(p.client, sslc_conn_set_hold_flight(p.client, 1), SSLC_ERR_STATE);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_MISUSE);
  check(p.client, sslc_conn_flush(p.client), SSLC_OK);
  sslc_conn_close(p.client);
  check(p.client, sslc_conn_flush(p.client), SSLC_ERR_STATE);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CLOSED);
  assert_int_equal(sslc_conn_flush(NULL), SSLC_ERR_ARG);
  peers_free(&p);
}

/* Bytes that wait in a filter of the caller's go on as well. */
static void
test_flush_goes_through(void **state)
{
  const int *hold = *state;
  struct link link;
  sslc_bio *bios[2], *buffer = sslc_bio_new_buffer(0);

  assert_non_null(buffer);
  assert_int_equal(sslc_bio_new_pair(&bios[0], 0, &bios[1], 0), SSLC_OK);
  assert_ok(sslc_bio_push(buffer, bios[0]), sslc_bio_error(buffer));
  sslc_bio_free(bios[0]);
  bios[0] = buffer;
  link_init_pair(&link, make_client_ctx(), make_server_ctx("good"));
  assert_ok(sslc_conn_set_hold_flight(link.client.conn, *hold), NULL);
  assert_ok(sslc_conn_set_bio(link.client.conn, bios[0], bios[0]), NULL);
  assert_ok(sslc_conn_set_bio(link.server.conn, bios[1], bios[1]), NULL);
  check(link.client.conn, sslc_conn_do_handshake(link.client.conn),
        SSLC_WANT_READ);
  check(link.client.conn, sslc_conn_flush(link.client.conn), SSLC_OK);
  check(link.server.conn, sslc_conn_do_handshake(link.server.conn),
        SSLC_WANT_READ);
  check(link.client.conn, sslc_conn_do_handshake(link.client.conn), SSLC_OK);
  check(link.client.conn, do_write(link.client.conn), SSLC_OK);
  check(link.client.conn, sslc_conn_flush(link.client.conn), SSLC_OK);
  check(link.server.conn, sslc_conn_do_handshake(link.server.conn), SSLC_OK);
  expect_text(link.server.conn, "hello");
  sslc_bio_free(bios[0]);
  sslc_bio_free(bios[1]);
  link_free(&link);
}

int
main(void)
{
  static const int off = 0, on = 1;
  size_t i;

  for (i = 0; i < COUNT(releases); i++)
    add_test(releases[i].test, test_release, &releases[i]);
  for (i = 0; i < COUNT(releases); i++)
    add_test("without room the step is repeated, and a close gives up",
             test_release_without_room, &releases[i]);
  for (i = 0; i < COUNT(releases); i++)
    add_test("a peer that is gone is the step's failure", test_broken_pipe,
             &releases[i]);
  add_test("wherever a send is cut nothing is lost or sent twice",
           test_every_cut, NULL);
  add_test("a close in a write sends the flight", test_close_in_a_write, NULL);
  add_test("a free sends nothing", test_free_sends_nothing, NULL);
  add_test("it is not sent where the stream has ended", test_end_is_read,
           NULL);
  add_test("the alert that explains a broken pipe is found",
           test_alert_before_broken_pipe, NULL);
  add_test("a failure to send is told", test_not_connected, &off);
  add_test("a failure to send is told, with a flight held",
           test_not_connected, &on);
  add_test("the alert of a handshake that fails leaves", test_alert_leaves,
           NULL);
  add_test("it goes to a BIO that was set after", test_other_bio, NULL);
  add_test("it is set before the handshake; a flush needs none",
           test_set_too_late, NULL);
  add_test("a flush goes through the caller's filters", test_flush_goes_through,
           &off);
  add_test("a flush goes through the caller's filters, with a flight held",
           test_flush_goes_through, &on);
  return run_all("hold");
}
