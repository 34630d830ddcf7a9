/*
 * test_wait.c: the steps that wait, and what becomes of them when the deadline
 * passes: poll(2).
 */
#include "support.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
connect_to_server(sslc_conn **conn, struct server *server, int nonblocking)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_bio *bio = sslc_bio_new_socket(connect_to(server_port(server)),
                                      SSLC_CLOSE);

  *conn = sslc_conn_new(ctx);
  assert_ok(sslc_bio_set_nbio(bio, nonblocking), sslc_bio_error(bio));
  assert_ok(sslc_conn_set_bio(*conn, bio, bio), sslc_conn_error(*conn));
  assert_ok(sslc_conn_set_server_name(*conn, "localhost"),
            sslc_conn_error(*conn));
  assert_ok(sslc_conn_set_connect_state(*conn), sslc_conn_error(*conn));
  assert_ok(sslc_conn_do_handshake_wait(*conn, sslc_deadline(PATIENCE)),
            sslc_conn_error(*conn));
  sslc_bio_free(bio);
  sslc_ctx_free(ctx);
}

static void
echo_all(sslc_conn *conn, const char *bytes, size_t len)
{
  char buf[8192];
  size_t sent, n, got = 0;

  assert_ok(sslc_conn_write_wait(conn, bytes, len, &sent,
                                 sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  assert_int_equal(sent, len);
  while (got < len) {
    assert_ok(sslc_conn_read_wait(conn, buf, sizeof buf, &n,
                                  sslc_deadline(PATIENCE)),
              sslc_conn_error(conn));
    assert_memory_equal(buf, bytes + got, n);
    got += n;
  }
  assert_int_equal(got, len);
}

static void
test_wait(void **state)
{
  const int *nonblocking = *state;
  sslc_ctx *server_ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, server_ctx);
  char *bytes = make_bytes(50000);
  sslc_conn *conn;

  connect_to_server(&conn, server, *nonblocking);
  echo_all(conn, "x", 1);
  echo_all(conn, bytes, 50000);
  assert_ok(sslc_conn_shutdown_wait(conn, sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  assert_int_equal(sslc_conn_get_shutdown(conn),
                   SSLC_SENT_SHUTDOWN | SSLC_RECEIVED_SHUTDOWN);
  sslc_conn_free(conn);
  server_stop(server);
  sslc_ctx_free(server_ctx);
  free(bytes);
}

static void
test_wait_timeout(void **state)
{
  sslc_ctx *server_ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, server_ctx);
  sslc_conn *conn;
  char buf[16];
  size_t n = 7;

  (void)state;
  connect_to_server(&conn, server, 1);
  assert_status(sslc_conn_read_wait(conn, buf, sizeof buf, &n,
                                    sslc_deadline(20)), SSLC_ERR_TIMEOUT,
                sslc_conn_error(conn));
  assert_int_equal(n, 0);
  assert_code(sslc_conn_error(conn), SSLC_CODE_TIMEOUT);
  assert_phase(sslc_conn_error(conn), SSLC_PHASE_READ);
  /* It is not final. */
  echo_all(conn, "still here", 10);
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  server_stop(server);
  sslc_ctx_free(server_ctx);
}

/* More than any buffer on the way holds. */
enum { MUCH = 64 * 1024 * 1024 };

static sslc_conn *
accept_on(int fd, sslc_ctx *ctx)
{
  sslc_conn *conn = sslc_conn_new(ctx);
  sslc_bio *bio = sslc_bio_new_socket(fd, SSLC_NOCLOSE);

  if (sslc_conn_set_bio(conn, bio, bio) == SSLC_OK &&
      sslc_conn_set_accept_state(conn) == SSLC_OK)
    sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE));
  sslc_bio_free(bio);
  return conn;
}

/* Shakes hands, and reads what comes for as long as it comes. */
static void
serve_reading(int fd, void *ctx)
{
  static char buf[65536];
  sslc_conn *conn = accept_on(fd, ctx);
  size_t n;

  while (sslc_conn_read_wait(conn, buf, sizeof buf, &n,
                             sslc_deadline(PATIENCE)) == SSLC_OK)
    ;
  sslc_conn_free(conn);
}

/* Closed at its writing end, it lets serve_stalled go. */
static int release[2];

/* Shakes hands, and reads nothing until it is let go. */
static void
serve_stalled(int fd, void *ctx)
{
  struct pollfd end = { release[0], POLLIN, 0 };
  sslc_conn *conn = accept_on(fd, ctx);

  poll(&end, 1, PATIENCE);
  sslc_conn_free(conn);
}

static struct server *
start_stalled(sslc_ctx *ctx)
{
  assert_int_equal(pipe(release), 0);
  return server_start(serve_stalled, ctx);
}

static void
stop_stalled(struct server *server)
{
  close(release[1]);
  server_stop(server);
  close(release[0]);
}

/* The write ends at its deadline, with a part of the bytes gone. */
static void
check_late_write(struct server *server)
{
  char *bytes = calloc(1, MUCH);
  sslc_conn *conn;
  size_t n = 0;

  assert_non_null(bytes);
  connect_to_server(&conn, server, 1);
  assert_status(sslc_conn_write_wait(conn, bytes, MUCH, &n,
                                     sslc_deadline(10)), SSLC_ERR_TIMEOUT,
                sslc_conn_error(conn));
  assert_true(n > 0 && n < MUCH);
  assert_code(sslc_conn_error(conn), SSLC_CODE_TIMEOUT);
  assert_phase(sslc_conn_error(conn), SSLC_PHASE_WRITE);
  sslc_conn_free(conn);
  free(bytes);
}

static void
test_write_timeout(void **state)
{
  sslc_ctx *ctx = make_server_ctx("good");
  struct server *server = start_stalled(ctx);

  (void)state;
  check_late_write(server);
  stop_stalled(server);
  sslc_ctx_free(ctx);
}

/* A peer that always takes more must not outrun the deadline. */
static void
test_write_outrun(void **state)
{
  sslc_ctx *ctx = make_server_ctx("good");
  struct server *server = server_start(serve_reading, ctx);

  (void)state;
  check_late_write(server);
  server_stop(server);
  sslc_ctx_free(ctx);
}

static void
test_shutdown_timeout(void **state)
{
  sslc_ctx *server_ctx = make_server_ctx("good");
  struct server *server = start_stalled(server_ctx);
  sslc_conn *conn;

  (void)state;
  connect_to_server(&conn, server, 1);
  assert_status(sslc_conn_shutdown_wait(conn, sslc_deadline(20)),
                SSLC_ERR_TIMEOUT, sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_TIMEOUT);
  assert_phase(sslc_conn_error(conn), SSLC_PHASE_SHUTDOWN);
  assert_int_equal(sslc_conn_get_shutdown(conn), SSLC_SENT_SHUTDOWN);
  sslc_conn_free(conn);
  stop_stalled(server);
  sslc_ctx_free(server_ctx);
}

/* What the peer sent before its close_notify is read away. */
static void
test_shutdown_drains(void **state)
{
  sslc_ctx *server_ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, server_ctx);
  char *bytes = make_bytes(50000);
  sslc_conn *conn;
  size_t n;

  (void)state;
  connect_to_server(&conn, server, 1);
  assert_ok(sslc_conn_write_wait(conn, bytes, 50000, &n,
                                 sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  assert_ok(sslc_conn_shutdown_wait(conn, sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  assert_int_equal(sslc_conn_get_shutdown(conn),
                   SSLC_SENT_SHUTDOWN | SSLC_RECEIVED_SHUTDOWN);
  sslc_conn_free(conn);
  server_stop(server);
  sslc_ctx_free(server_ctx);
  free(bytes);
}

/* It goes on where it stopped. */
static void
test_handshake_timeout(void **state)
{
  struct peers p;

  (void)state;
  peers_init_sockets(&p, make_client_ctx(), make_server_ctx("good"),
                     "localhost");
  assert_status(sslc_conn_do_handshake_wait(p.client, sslc_deadline(10)),
                SSLC_ERR_TIMEOUT, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_TIMEOUT);
  assert_phase(sslc_conn_error(p.client), SSLC_PHASE_HANDSHAKE);
  assert_has(sslc_error_text(sslc_conn_error(p.client)), "handshake");
  assert_status(sslc_conn_do_handshake_wait(p.client, sslc_deadline(0)),
                SSLC_ERR_TIMEOUT, sslc_conn_error(p.client));
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_null(sslc_conn_error(p.client));
  send_through(p.client, p.server, "hello", 5);
  peers_free(&p);
}

static void
test_wait_without_descriptor(void **state)
{
  struct peers p;
  char buf[16];
  size_t n;

  (void)state;
  peers_connect(&p);
  assert_ok(sslc_conn_write_wait(p.server, "x", 1, &n, SSLC_FOREVER),
            sslc_conn_error(p.server));
  assert_ok(sslc_conn_read_wait(p.client, buf, sizeof buf, &n, SSLC_FOREVER),
            sslc_conn_error(p.client));
  assert_status(sslc_conn_read_wait(p.client, buf, sizeof buf, &n,
                                    SSLC_FOREVER), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_MISUSE);
  send_through(p.server, p.client, "usable", 6);
  peers_free(&p);
}

/* ------------------------------------------------------- level-triggered */

/* What is written comes back, and is there to be read. */
static void
send_and_wait(sslc_conn *conn, const char *text)
{
  struct pollfd p = { sslc_conn_fd(conn), POLLIN, 0 };

  send_text(conn, text);
  assert_int_equal(poll(&p, 1, PATIENCE), 1);
}

/* A step that comes right after a write does not look for the answer; the next
 * one does. */
static void
test_level_triggered(void **state)
{
  sslc_ctx *server_ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, server_ctx);
  sslc_conn *conn;
  int set;

  (void)state;
  assert_int_equal(sslc_conn_set_level_triggered(NULL, 1), SSLC_ERR_ARG);
  connect_to_server(&conn, server, 1);
  echo_all(conn, "with it come tickets", 20);
  send_and_wait(conn, "not set");
  expect_text(conn, "not set");
  assert_int_equal(sslc_conn_set_level_triggered(conn, 1), SSLC_OK);
  for (set = 0; set < 2; set++) {
    send_and_wait(conn, "set");
    expect_read(conn, SSLC_WANT_READ);
    expect_text(conn, "set");
    expect_read(conn, SSLC_WANT_READ);
    /* It stays as it was. */
    assert_ok(sslc_conn_do_handshake_wait(conn, SSLC_FOREVER),
              sslc_conn_error(conn));
  }
  assert_int_equal(sslc_conn_set_level_triggered(conn, 0), SSLC_OK);
  send_and_wait(conn, "not set again");
  expect_text(conn, "not set again");
  sslc_conn_free(conn);
  server_stop(server);
  sslc_ctx_free(server_ctx);
}

/* Nothing was left set by a handshake that waited; a BIO that is none of a
 * socket, or is missing, is left alone. */
static void
test_level_of_others(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);
  struct peers p;

  (void)state;
  assert_int_equal(sslc_conn_set_level_triggered(conn, 1), SSLC_OK);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_int_equal(sslc_conn_set_level_triggered(p.client, 1), SSLC_OK);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  send_text(p.client, "there");
  expect_text(p.server, "there");
  send_text(p.server, "back");
  send_text(p.client, "again");
  expect_text(p.client, "back");
  peers_free(&p);
}

int
main(void)
{
  static const int yes = 1, no = 0;

  add_test("reads and writes on a nonblocking socket", test_wait, &yes);
  add_test("reads and writes on a blocking socket", test_wait, &no);
  add_test("a handshake that takes too long is a timeout, and not final",
           test_handshake_timeout, NULL);
  add_test("a read that takes too long is a timeout, and not final",
           test_wait_timeout, NULL);
  add_test("a write that takes too long is a timeout", test_write_timeout,
           NULL);
  add_test("a peer that keeps reading does not outrun the deadline",
           test_write_outrun, NULL);
  add_test("a shutdown that is not answered is a timeout",
           test_shutdown_timeout, NULL);
  add_test("a shutdown reads away what comes before the end",
           test_shutdown_drains, NULL);
  add_test("level-triggered, no step looks in vain for an answer",
           test_level_triggered, NULL);
  add_test("level-triggered means nothing without a socket",
           test_level_of_others, NULL);
  add_test("a wait without a descriptor is misuse",
           test_wait_without_descriptor, NULL);
  return run_all("wait");
}
