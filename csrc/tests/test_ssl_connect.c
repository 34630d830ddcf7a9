/*
 * test_ssl_connect.c: SSL_connect(3), a test a sentence, in its order.  Which
 * sentence each is tells docs/ssl_connect.md.  Those on BIOs that block, and
 * on Nagle's algorithm, are in test_ssl_connect_blocking.c.
 */
#include "support_handshake.h"

#include <poll.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/* ------------------------------------------------------------ description */

static void
test_begins(void **state)
{
  unsigned char hello[4096];
  struct wire w;
  size_t n;

  (void)state;
  wire_init(&w, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_status(sslc_conn_connect(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  assert_ok(sslc_bio_read(w.to_client, hello, sizeof hello, &n),
            sslc_bio_error(w.to_client));
  assert_int_equal(hello[0], 22); /* a record of the handshake */
  assert_int_equal(hello[5], 1);  /* a ClientHello */
  wire_free(&w);
}

/* A client that lacks something, and gets it. */
static void
check_refused(sslc_conn *conn, sslc_status status, int code, const char *says)
{
  int again;

  for (again = 0; again < 2; again++) {
    assert_status(sslc_conn_connect(conn), status, sslc_conn_error(conn));
    assert_last(conn, status, -1, GET_ERROR_NONE);
    assert_code(sslc_conn_error(conn), code);
    assert_phase(sslc_conn_error(conn), SSLC_PHASE_HANDSHAKE);
    assert_has(sslc_error_message(sslc_conn_error(conn)), says);
  }
}

static sslc_conn *
new_client(void)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  sslc_ctx_free(ctx);
  return conn;
}

static void
test_no_bio(void **state)
{
  sslc_conn *conn = new_client();
  sslc_bio *mine, *other;

  (void)state;
  assert_ok(sslc_conn_set_server_name(conn, "localhost"),
            sslc_conn_error(conn));
  check_refused(conn, SSLC_ERR_STATE, SSLC_CODE_MISUSE, "set_bio");
  assert_int_equal(sslc_bio_new_pair(&mine, 0, &other, 0), SSLC_OK);
  assert_ok(sslc_conn_set_bio(conn, mine, mine), sslc_conn_error(conn));
  assert_status(sslc_conn_connect(conn), SSLC_WANT_READ,
                sslc_conn_error(conn));
  sslc_bio_free(mine);
  sslc_bio_free(other);
  sslc_conn_free(conn);
}

static void
test_no_name(void **state)
{
  struct wire w;

  (void)state;
  wire_init(&w, make_client_ctx(), make_server_ctx("good"), NULL);
  check_refused(w.client, SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION, "server_name");
  assert_int_equal(drop(w.to_client), 0);
  assert_ok(sslc_conn_set_server_name(w.client, "localhost"),
            sslc_conn_error(w.client));
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  wire_free(&w);
}

static void
test_closed(void **state)
{
  struct wire w;

  (void)state;
  wire_init(&w, make_client_ctx(), make_server_ctx("good"), "localhost");
  sslc_conn_close(w.client);
  check_refused(w.client, SSLC_ERR_STATE, SSLC_CODE_CLOSED, "closed");
  assert_status(sslc_conn_accept(w.client), SSLC_ERR_STATE,
                sslc_conn_error(w.client));
  assert_code(sslc_conn_error(w.client), SSLC_CODE_CLOSED);
  assert_int_equal(drop(w.to_client), 0);
  wire_free(&w);
}

/* ----------------------------------------------------- it must not block */

static void
test_nonblocking(void **state)
{
  int fds[2];
  sslc_conn *client;

  (void)state;
  make_tcp(fds);
  client = client_on(make_client_ctx(), fds[0], 1);
  assert_status(sslc_conn_connect(client), SSLC_WANT_READ,
                sslc_conn_error(client));
  assert_last(client, SSLC_WANT_READ, -1, GET_ERROR_WANT_READ);
  assert_null(sslc_conn_error(client));
  assert_int_equal(sslc_conn_fd(client), fds[0]);
  sslc_conn_free(client);
  close(fds[1]);
}

/* Ways to wait until a descriptor is ready for what a step wanted. */
typedef void wait_function(int fd, sslc_status want);

static void
wait_poll(int fd, sslc_status want)
{
  struct pollfd one = { fd, want == SSLC_WANT_WRITE ? POLLOUT : POLLIN, 0 };

  assert_true(poll(&one, 1, PATIENCE) > 0);
}

static void
wait_select(int fd, sslc_status want)
{
  struct timeval patience = { PATIENCE / 1000, 0 };
  fd_set set;

  assert_true(fd < FD_SETSIZE);
  FD_ZERO(&set);
  FD_SET(fd, &set);
  assert_true(select(fd + 1, want == SSLC_WANT_READ ? &set : NULL,
                     want == SSLC_WANT_WRITE ? &set : NULL, NULL,
                     &patience) > 0);
}

static int
events_of(sslc_status want)
{
  return want == SSLC_WANT_WRITE ? SSLC_WRITABLE : SSLC_READABLE;
}

static void
wait_fd(int fd, sslc_status want)
{
  int ready;

  assert_ok(sslc_fd_wait(fd, events_of(want), sslc_deadline(PATIENCE), &ready),
            NULL);
}

/* epoll(7), where there is one. */
static void
wait_poller(int fd, sslc_status want)
{
  sslc_poller *poller = sslc_poller_new();
  size_t n = 0;

  assert_non_null(poller);
  assert_ok(sslc_poller_set(poller, fd, events_of(want)), NULL);
  assert_ok(sslc_poller_wait(poller, sslc_deadline(PATIENCE), &n), NULL);
  assert_int_equal(n, 1);
  sslc_poller_free(poller);
}

static const struct waiting {
  const char *test;
  wait_function *wait;
} waitings[] = {
  { "after poll the call is only to be repeated", wait_poll },
  { "after select the call is only to be repeated", wait_select },
  { "after sslc_fd_wait the call is only to be repeated", wait_fd },
  { "after epoll the call is only to be repeated", wait_poller },
};

/* Both wants in one handshake, the first being known: nobody has read what
 * fills the buffer. */
static void
test_waiting(void **state)
{
  const struct waiting *row = *state;
  struct trickle server;
  sslc_conn *client;
  sslc_status status;
  size_t filled;
  int fds[2], reads = 0;

  make_tcp(fds);
  client = client_on(kind_client(&tls13), fds[0], 1);
  trickle_init(&server, &tls13, fds[1]);
  filled = fill(fds[0]);
  assert_status(sslc_conn_connect(client), SSLC_WANT_WRITE,
                sslc_conn_error(client));
  assert_last(client, SSLC_WANT_WRITE, -1, GET_ERROR_WANT_WRITE);
  drain(fds[1], filled);
  for (status = SSLC_WANT_WRITE; is_want(status);
       status = sslc_conn_connect(client)) {
    /* Nobody answers before it has wanted to read. */
    if (status == SSLC_WANT_READ && reads++ == 0)
      trickle_start(&server);
    row->wait(sslc_conn_fd(client), status);
  }
  assert_ok(status, sslc_conn_error(client));
  assert_true(reads > 0);
  sslc_conn_free(client);
  trickle_end(&server);
}

static void
test_too_early(void **state)
{
  sslc_conn *client, *server;
  size_t filled, hello;
  int fds[2], again;

  (void)state;
  make_tcp(fds);
  client = client_on(make_client_ctx(), fds[0], 1);
  server = server_on(make_server_ctx("good"), fds[1], 1);
  filled = fill(fds[0]);
  for (again = 0; again < 5; again++)
    assert_status(sslc_conn_connect(client), SSLC_WANT_WRITE,
                  sslc_conn_error(client));
  drain(fds[1], filled);
  wait_poll(fds[0], SSLC_WANT_WRITE);
  assert_status(sslc_conn_connect(client), SSLC_WANT_READ,
                sslc_conn_error(client));
  wait_poll(fds[1], SSLC_WANT_READ);
  hello = arrived(fds[1]);
  for (again = 0; again < 5; again++)
    assert_status(sslc_conn_connect(client), SSLC_WANT_READ,
                  sslc_conn_error(client));
  assert_int_equal(arrived(fds[1]), hello);
  assert_true(is_want(sslc_conn_accept(server)));
  wait_poll(fds[0], SSLC_WANT_READ);
  assert_ok(sslc_conn_connect(client), sslc_conn_error(client));
  sslc_conn_free(client);
  sslc_conn_free(server);
}

/* ------------------------------------------------------------- BIO pairs */

static void
test_pair_stands_still(void **state)
{
  struct wire w;
  int again;

  (void)state;
  wire_init_kind(&w, &tls13, 64);
  for (again = 0; again < 3; again++)
    assert_status(sslc_conn_connect(w.client), SSLC_WANT_WRITE,
                  sslc_conn_error(w.client));
  while (sslc_conn_connect(w.client) == SSLC_WANT_WRITE)
    assert_int_equal(drop(w.to_client) > 0, 1);
  for (again = 0; again < 3; again++)
    assert_status(sslc_conn_connect(w.client), SSLC_WANT_READ,
                  sslc_conn_error(w.client));
  wire_free(&w);
}

static const struct moving {
  const char *test;
  const struct kind *kind;
  size_t size;  /* of the pairs; 0: as they are */
  size_t most;  /* bytes in one move */
  int starved;  /* steps for each move of what can be read */
} movings[] = {
  { "over a pair byte for byte, TLS 1.3", &tls13_cert, 0, 1, 1 },
  { "over a pair byte for byte, TLS 1.2", &tls12_cert, 0, 1, 1 },
  { "over a pair in random pieces, TLS 1.3", &tls13_cert, 0, 50, 1 },
  { "over a pair in random pieces, TLS 1.2", &tls12_cert, 0, 50, 1 },
  { "over a pair with reads starved, TLS 1.3", &tls13_cert, 0, 20, 9 },
  { "over a pair with reads starved, TLS 1.2", &tls12_cert, 0, 20, 9 },
  { "over a pair with writes starved, TLS 1.3", &tls13_cert, 1, 1, 1 },
  { "over a pair with writes starved, TLS 1.2", &tls12_cert, 1, 1, 1 },
};

/* Steps both until each is done; something has to move now and then.  Two
 * steps at the end that find nothing to move are no harm. */
static void
shake_with(struct wire *w, const struct moving *row)
{
  sslc_status client, server;
  char byte;
  size_t n;
  int idle = 0, turn = 0;

  do {
    client = sslc_conn_do_handshake(w->client);
    server = sslc_conn_do_handshake(w->server);
    /* What comes after the client's part (tickets) has to be read. */
    if (client == SSLC_OK)
      assert_true(is_want(sslc_conn_read(w->client, &byte, 1, &n)));
    if (++turn % row->starved == 0)
      idle = wire_move(w, row->most) ? 0 : idle + 1;
  } while ((is_want(client) || is_want(server)) && idle < 3);
  assert_ok(client, sslc_conn_error(w->client));
  assert_ok(server, sslc_conn_error(w->server));
}

static void
test_moving(void **state)
{
  const struct moving *row = *state;
  unsigned seed;

  for (seed = 1; seed <= 4; seed++) {
    struct wire w;

    wire_init_kind(&w, row->kind, row->size);
    w.seed = seed * 7919;
    print_message("seed %u\n", w.seed);
    shake_with(&w, row);
    check_kind(w.client, w.server, row->kind);
    wire_free(&w);
  }
}

/* ---------------------------------------------------------- return values */

/* No libssl from 1.1.1 on returns the page's 0 here: see the document. */
static void
test_controlled(void **state)
{
  static const unsigned char close_notify[] = { 21, 3, 3, 0, 2, 1, 0 };
  const struct kind *kind = *state;
  struct wire w;

  wire_init_kind(&w, kind, 0);
  assert_status(sslc_conn_connect(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  inject(w.to_client, close_notify, sizeof close_notify);
  assert_status(sslc_conn_connect(w.client), SSLC_ERR_EOF,
                sslc_conn_error(w.client));
  assert_last(w.client, SSLC_ERR_EOF, -1, GET_ERROR_ZERO_RETURN);
  assert_code(sslc_conn_error(w.client), SSLC_CODE_HANDSHAKE_EOF);
  assert_has(sslc_error_message(sslc_conn_error(w.client)), "close_notify");
  assert_int_equal(sslc_error_ssl_error(sslc_conn_error(w.client)),
                   GET_ERROR_ZERO_RETURN);
  assert_int_equal(sslc_conn_get_shutdown(w.client), SSLC_RECEIVED_SHUTDOWN);
  wire_free(&w);
}

static void
test_success(void **state)
{
  const struct kind *kind = *state;
  struct wire w;

  wire_init_kind(&w, kind, 0);
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  assert_last(w.client, SSLC_OK, 1, GET_ERROR_NONE);
  assert_null(sslc_conn_error(w.client));
  assert_ok(sslc_conn_accept(w.server), sslc_conn_error(w.server));
  check_kind(w.client, w.server, kind);
  assert_non_null(strstr(sslc_conn_cipher(w.client), "TLS_"));
  assert_string_equal(sslc_conn_server_name(w.client), "localhost");
  assert_true(sslc_conn_peer_cert_count(w.client) > 0);
  wire_free(&w);
}

/* At the level of the protocol. */
static void
test_fatal_protocol(void **state)
{
  static const unsigned char alert[] = { 21, 3, 3, 0, 2, 2, 40 };
  struct wire w;

  (void)state;
  wire_init_kind(&w, &tls13, 0);
  assert_status(sslc_conn_connect(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  inject(w.to_client, alert, sizeof alert);
  assert_status(sslc_conn_connect(w.client), SSLC_ERR_PROTO,
                sslc_conn_error(w.client));
  assert_last(w.client, SSLC_ERR_PROTO, -1, GET_ERROR_SSL);
  assert_int_equal(sslc_error_alert(sslc_conn_error(w.client)), 40);
  wire_free(&w);
}

/* Of the connection: the errno is the socket's. */
static void
test_fatal_connection(void **state)
{
  sslc_conn *client;
  int fds[2];

  (void)state;
  make_tcp(fds);
  client = client_on(make_client_ctx(), fds[0], 1);
  assert_status(sslc_conn_connect(client), SSLC_WANT_READ,
                sslc_conn_error(client));
  end_socket(fds[1], END_RESET);
  close(fds[1]);
  wait_poll(fds[0], SSLC_WANT_READ);
  assert_status(sslc_conn_connect(client), SSLC_ERR_SYS,
                sslc_conn_error(client));
  assert_last(client, SSLC_ERR_SYS, -1, GET_ERROR_SYSCALL);
  assert_code(sslc_conn_error(client), SSLC_CODE_CONNECTION_RESET);
  assert_int_not_equal(sslc_error_errno(sslc_conn_error(client)), 0);
  sslc_conn_free(client);
}

static void
add_nonblocking(void)
{
  size_t i;

  add_test("connect on a nonblocking BIO returns -1 and wants to read",
           test_nonblocking, NULL);
  for (i = 0; i < COUNT(waitings); i++)
    add_test(waitings[i].test, test_waiting, &waitings[i]);
  add_test("to repeat the call too early does no harm", test_too_early, NULL);
  add_test("over a pair nothing goes on until data is moved",
           test_pair_stands_still, NULL);
  for (i = 0; i < COUNT(movings); i++)
    add_test(movings[i].test, test_moving, &movings[i]);
}

int
main(void)
{
  add_test("connect begins the handshake", test_begins, NULL);
  add_test("connect without a BIO says that it is missing", test_no_bio, NULL);
  add_test("connect without a name to verify says so", test_no_name, NULL);
  add_test("connect on a closed connection says so", test_closed, NULL);
  add_nonblocking();
  add_test("controlled shutdown in the handshake, TLS 1.3", test_controlled,
           &tls13);
  add_test("controlled shutdown in the handshake, TLS 1.2", test_controlled,
           &tls12);
  add_test("1: the handshake is done, TLS 1.3", test_success, &tls13_cert);
  add_test("1: the handshake is done, TLS 1.2", test_success, &tls12_cert);
  add_test("below 0: a fatal error of the protocol", test_fatal_protocol,
           NULL);
  add_test("below 0: a failure of the connection", test_fatal_connection,
           NULL);
  return run_all("ssl_connect");
}
