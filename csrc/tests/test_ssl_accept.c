/*
 * test_ssl_accept.c: the neighbours of SSL_connect(3), a test a sentence, in
 * their order: SSL_accept(3), SSL_do_handshake(3), SSL_set_connect_state(3),
 * SSL_get_error(3).  Which sentence each is tells docs/ssl_connect.md.
 */
#include "support_handshake.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

/* The handshake is refused; the connection is as it was. */
static void
check_refusal(sslc_conn *conn, sslc_status got, const char *says)
{
  assert_status(got, SSLC_ERR_STATE, sslc_conn_error(conn));
  assert_last(conn, SSLC_ERR_STATE, -1, GET_ERROR_NONE);
  assert_code(sslc_conn_error(conn), SSLC_CODE_MISUSE);
  assert_has(sslc_error_message(sslc_conn_error(conn)), says);
}

static sslc_conn *
new_conn(sslc_ctx *ctx)
{
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  sslc_ctx_free(ctx);
  return conn;
}

/* ---------------------------------------------------------- SSL_accept(3) */

static void
test_accept_waits(void **state)
{
  struct wire w;
  int again;

  (void)state;
  wire_init(&w, make_client_ctx(), make_server_ctx("good"), "localhost");
  for (again = 0; again < 3; again++) {
    assert_status(sslc_conn_accept(w.server), SSLC_WANT_READ,
                  sslc_conn_error(w.server));
    assert_last(w.server, SSLC_WANT_READ, -1, GET_ERROR_WANT_READ);
    assert_int_equal(sslc_bio_pending(w.to_server), 0);
  }
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  wire_free(&w);
}

static void
test_accept_no_bio(void **state)
{
  sslc_conn *conn = new_conn(make_server_ctx("good"));

  (void)state;
  check_refusal(conn, sslc_conn_accept(conn), "set_bio");
  sslc_conn_free(conn);
}

/* The client in a thread; its handshake's status. */
struct other_side {
  pthread_t thread;
  sslc_conn *conn;
  sslc_status status;
};

static void *
run_other_side(void *arg)
{
  struct other_side *other = arg;

  other->status = sslc_conn_do_handshake_wait(other->conn,
                                              sslc_deadline(PATIENCE));
  return NULL;
}

static void
start_client(struct other_side *other, const struct kind *kind, int fd)
{
  other->conn = client_on(kind_client(kind), fd, 1);
  assert_ok(sslc_conn_set_connect_state(other->conn),
            sslc_conn_error(other->conn));
  assert_int_equal(pthread_create(&other->thread, NULL, run_other_side, other),
                   0);
}

static void
test_accept_blocking(void **state)
{
  const struct kind *kind = *state;
  struct other_side client;
  sslc_conn *server;
  int fds[2];

  make_tcp(fds);
  server = server_on(kind_server(kind), fds[1], 0);
  start_client(&client, kind, fds[0]);
  assert_ok(sslc_conn_accept(server), sslc_conn_error(server));
  assert_last(server, SSLC_OK, 1, GET_ERROR_NONE);
  pthread_join(client.thread, NULL);
  assert_ok(client.status, sslc_conn_error(client.conn));
  check_kind(client.conn, server, kind);
  sslc_conn_free(client.conn);
  sslc_conn_free(server);
}

static void
test_accept_blocking_end(void **state)
{
  sslc_conn *server;
  int fds[2];

  (void)state;
  make_tcp(fds);
  server = server_on(make_server_ctx("good"), fds[1], 0);
  close(fds[0]);
  assert_status(sslc_conn_accept(server), SSLC_ERR_EOF,
                sslc_conn_error(server));
  assert_code(sslc_conn_error(server), SSLC_CODE_HANDSHAKE_EOF);
  sslc_conn_free(server);
}

/* Both wants in one handshake: nobody reads what fills the buffer. */
static void
test_accept_wants(void **state)
{
  const struct kind *kind = *state;
  struct pollfd readable;
  sslc_conn *client, *server;
  size_t filled;
  int fds[2], again;

  make_tcp(fds);
  client = client_on(kind_client(kind), fds[0], 1);
  server = server_on(kind_server(kind), fds[1], 1);
  assert_status(sslc_conn_accept(server), SSLC_WANT_READ,
                sslc_conn_error(server));
  assert_last(server, SSLC_WANT_READ, -1, GET_ERROR_WANT_READ);
  assert_status(sslc_conn_connect(client), SSLC_WANT_READ,
                sslc_conn_error(client));
  filled = fill(fds[1]);
  readable.fd = fds[1];
  readable.events = POLLIN;
  assert_true(poll(&readable, 1, PATIENCE) > 0);
  for (again = 0; again < 3; again++)
    assert_status(sslc_conn_accept(server), SSLC_WANT_WRITE,
                  sslc_conn_error(server));
  assert_last(server, SSLC_WANT_WRITE, -1, GET_ERROR_WANT_WRITE);
  drain(fds[0], filled);
  while (is_want(sslc_conn_accept(server)))
    assert_true(sslc_conn_connect(client) >= 0);
  assert_ok(sslc_conn_accept(server), sslc_conn_error(server));
  assert_ok(sslc_conn_connect(client), sslc_conn_error(client));
  sslc_conn_free(client);
  sslc_conn_free(server);
}

static void
test_accept_controlled(void **state)
{
  static const unsigned char close_notify[] = { 21, 3, 3, 0, 2, 1, 0 };
  struct wire w;

  (void)state;
  wire_init_kind(&w, &tls12, 0);
  assert_status(sslc_conn_connect(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  while (wire_move(&w, 1000))
    ;
  assert_status(sslc_conn_accept(w.server), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  inject(w.to_server, close_notify, sizeof close_notify);
  assert_status(sslc_conn_accept(w.server), SSLC_ERR_EOF,
                sslc_conn_error(w.server));
  assert_last(w.server, SSLC_ERR_EOF, -1, GET_ERROR_ZERO_RETURN);
  assert_has(sslc_error_message(sslc_conn_error(w.server)), "close_notify");
  wire_free(&w);
}

static void
test_accept_fatal(void **state)
{
  struct wire w;

  (void)state;
  wire_init(&w, make_client_ctx(), make_server_ctx("good"), "localhost");
  inject(w.to_server, "GET / HTTP/1.0\r\n\r\n", 18);
  assert_status(sslc_conn_accept(w.server), SSLC_ERR_PROTO,
                sslc_conn_error(w.server));
  assert_last(w.server, SSLC_ERR_PROTO, -1, GET_ERROR_SSL);
  assert_code(sslc_conn_error(w.server), SSLC_CODE_NOT_TLS);
  wire_free(&w);
}

/* ---------------------------------------------------- SSL_do_handshake(3) */

/* wire_shake calls nothing else. */
static void
test_do_handshake(void **state)
{
  const struct kind *kind = *state;
  struct wire w;

  wire_init_kind(&w, kind, 0);
  assert_int_equal(sslc_conn_is_server(w.client), 0);
  assert_int_equal(sslc_conn_is_server(w.server), 1);
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  check_kind(w.client, w.server, kind);
  wire_free(&w);
}

static void
test_no_state(void **state)
{
  sslc_conn *conn = new_conn(make_client_ctx());
  sslc_bio *mine, *other;

  (void)state;
  assert_int_equal(sslc_bio_new_pair(&mine, 0, &other, 0), SSLC_OK);
  assert_ok(sslc_conn_set_bio(conn, mine, mine), sslc_conn_error(conn));
  check_refusal(conn, sslc_conn_do_handshake(conn), "set_connect_state");
  assert_int_equal(sslc_bio_pending(other), 0);
  sslc_bio_free(mine);
  sslc_bio_free(other);
  sslc_conn_free(conn);
}

/* The bytes that a side has sent and nobody has taken. */
static void
check_done_again(sslc_conn *conn, sslc_status (*again)(sslc_conn *conn))
{
  size_t sent = sslc_bio_wpending(sslc_conn_wbio(conn));

  assert_ok(again(conn), sslc_conn_error(conn));
  assert_last(conn, SSLC_OK, 1, GET_ERROR_NONE);
  assert_null(sslc_conn_error(conn));
  assert_int_equal(sslc_bio_wpending(sslc_conn_wbio(conn)), sent);
}

/* Also where the step before was another, and came to something else. */
static void
test_done_again(void **state)
{
  struct peers p;
  char byte;
  size_t n;

  (void)state;
  peers_connect(&p);
  assert_status(sslc_conn_read(p.client, &byte, 1, &n), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  check_done_again(p.client, sslc_conn_connect);
  check_done_again(p.client, sslc_conn_do_handshake);
  assert_status(sslc_conn_read(p.server, &byte, 1, &n), SSLC_WANT_READ,
                sslc_conn_error(p.server));
  check_done_again(p.server, sslc_conn_accept);
  check_done_again(p.server, sslc_conn_do_handshake);
  send_through(p.client, p.server, "hello", 5);
  peers_free(&p);
}

static void
test_done_after_shutdown(void **state)
{
  struct peers p;
  char byte;
  size_t n;

  (void)state;
  peers_connect(&p);
  assert_status(sslc_conn_shutdown(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  check_done_again(p.client, sslc_conn_connect);
  assert_status(sslc_conn_read(p.server, &byte, 1, &n), SSLC_CLOSED,
                sslc_conn_error(p.server));
  check_done_again(p.server, sslc_conn_do_handshake);
  assert_ok(sslc_conn_shutdown(p.server), sslc_conn_error(p.server));
  assert_ok(sslc_conn_shutdown(p.client), sslc_conn_error(p.client));
  check_done_again(p.client, sslc_conn_do_handshake);
  peers_free(&p);
}

static void
check_failed_again(sslc_conn *conn, sslc_status got, const char *text)
{
  assert_status(got, SSLC_ERR_VERIFY, sslc_conn_error(conn));
  assert_last(conn, SSLC_ERR_VERIFY, -1, GET_ERROR_SSL);
  assert_string_equal(sslc_error_text(sslc_conn_error(conn)), text);
}

/* Nothing more is sent, and a refusal in between changes nothing. */
static void
test_failed_again(void **state)
{
  struct wire w;
  sslc_error *first;
  size_t sent;

  (void)state;
  wire_init(&w, make_client_ctx(), make_server_ctx("expired"), "localhost");
  assert_status(wire_shake(&w, 1000), SSLC_ERR_VERIFY,
                sslc_conn_error(w.client));
  first = sslc_error_dup(sslc_conn_error(w.client));
  drop(w.to_client);
  sent = sslc_bio_pending(w.to_client);
  check_failed_again(w.client, sslc_conn_connect(w.client),
                     sslc_error_text(first));
  check_refusal(w.client, sslc_conn_accept(w.client), "connect");
  check_failed_again(w.client, sslc_conn_do_handshake(w.client),
                     sslc_error_text(first));
  assert_int_equal(sslc_bio_pending(w.to_client), sent);
  sslc_error_free(first);
  wire_free(&w);
}

/* A setting that is bad fails the handshake before libssl hears of it. */
static void
test_bad_context(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn;

  (void)state;
  assert_status(sslc_ctx_load_verify_file(ctx, cert_path("no-such-file")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  conn = new_conn(ctx);
  assert_status(sslc_conn_connect(conn), SSLC_ERR_CONFIG,
                sslc_conn_error(conn));
  assert_last(conn, SSLC_ERR_CONFIG, -1, GET_ERROR_NONE);
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_FILE);
  sslc_conn_free(conn);
}

/* ----------------------------------------------- SSL_set_connect_state(3) */

/* Twice the same, or the other one first: the last counts, fully. */
static void
test_state_before(void **state)
{
  struct wire w;

  (void)state;
  wire_init_kind(&w, &tls13, 0);
  assert_ok(sslc_conn_set_connect_state(w.client), sslc_conn_error(w.client));
  assert_ok(sslc_conn_set_accept_state(w.client), sslc_conn_error(w.client));
  assert_int_equal(sslc_conn_is_server(w.client), 1);
  assert_ok(sslc_conn_set_connect_state(w.client), sslc_conn_error(w.client));
  assert_ok(sslc_conn_set_connect_state(w.server), sslc_conn_error(w.server));
  assert_ok(sslc_conn_set_accept_state(w.server), sslc_conn_error(w.server));
  assert_ok(sslc_conn_set_accept_state(w.server), sslc_conn_error(w.server));
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  check_kind(w.client, w.server, &tls13);
  wire_free(&w);
}

static void
check_states_over(sslc_conn *conn)
{
  check_refusal(conn, sslc_conn_set_connect_state(conn), "has begun");
  check_refusal(conn, sslc_conn_set_accept_state(conn), "has begun");
}

static void
test_state_in_the_middle(void **state)
{
  struct wire w;

  (void)state;
  wire_init_kind(&w, &tls13, 0);
  while (is_want(sslc_conn_connect(w.client))) {
    check_states_over(w.client);
    if (is_want(sslc_conn_accept(w.server)))
      check_states_over(w.server);
    assert_true(wire_move(&w, 100));
  }
  assert_ok(sslc_conn_connect(w.client), sslc_conn_error(w.client));
  check_states_over(w.client);
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  check_kind(w.client, w.server, &tls13);
  wire_free(&w);
}

static void
test_other_call(void **state)
{
  struct wire w;

  (void)state;
  wire_init_kind(&w, &tls13, 0);
  check_refusal(w.client, sslc_conn_accept(w.client), "set to connect");
  check_refusal(w.server, sslc_conn_connect(w.server), "set to accept");
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  check_refusal(w.client, sslc_conn_accept(w.client), "set to connect");
  check_refusal(w.server, sslc_conn_connect(w.server), "set to accept");
  check_kind(w.client, w.server, &tls13);
  wire_free(&w);
}

static void
test_state_set_by_call(void **state)
{
  sslc_conn *client = new_conn(make_client_ctx());
  sslc_conn *server = new_conn(make_server_ctx("good"));

  (void)state;
  assert_int_equal(sslc_conn_is_server(client), -1);
  check_refusal(client, sslc_conn_connect(client), "set_bio");
  assert_int_equal(sslc_conn_is_server(client), 0);
  check_refusal(server, sslc_conn_accept(server), "set_bio");
  assert_int_equal(sslc_conn_is_server(server), 1);
  sslc_conn_free(client);
  sslc_conn_free(server);
}

static void
test_io_is_no_handshake(void **state)
{
  struct wire w;
  char buf[4];
  size_t n;

  (void)state;
  wire_init_kind(&w, &tls13, 0);
  check_refusal(w.client, sslc_conn_write(w.client, "x", 1, &n),
                "the handshake is not done");
  check_refusal(w.client, sslc_conn_read(w.client, buf, 1, &n),
                "the handshake is not done");
  assert_int_equal(sslc_bio_pending(w.to_client), 0);
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  wire_free(&w);
}

/* ------------------------------------------------------- SSL_get_error(3) */

/* A step in a thread that is in disorder leaves it in order. */
static sslc_status
step_in_disorder(sslc_conn *conn)
{
  sslc_status status;

  leave_errors();
  status = sslc_conn_do_handshake(conn);
  assert_int_equal(count_errors(), 0);
  return status;
}

static void
test_queue(void **state)
{
  const struct kind *kind = *state;
  struct wire w;
  sslc_status client, server;

  wire_init_kind(&w, kind, 0);
  do {
    client = step_in_disorder(w.client);
    server = step_in_disorder(w.server);
    assert_true(client >= 0 && server >= 0);
  } while (wire_move(&w, 40) || is_want(client) || is_want(server));
  assert_last(w.client, SSLC_OK, 1, GET_ERROR_NONE);
  check_kind(w.client, w.server, kind);
  wire_free(&w);
}

/* What failed is told, and nothing of what was there before. */
static void
test_queue_of_failure(void **state)
{
  struct wire w;
  const sslc_error *error;

  (void)state;
  wire_init_kind(&w, &tls13, 0);
  assert_status(step_in_disorder(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  assert_ok(sslc_bio_shutdown_wr(w.to_client), sslc_bio_error(w.to_client));
  assert_status(step_in_disorder(w.client), SSLC_ERR_EOF,
                sslc_conn_error(w.client));
  error = sslc_conn_error(w.client);
  assert_code(error, SSLC_CODE_HANDSHAKE_EOF);
  assert_int_equal(sslc_error_errno(error), 0);
  assert_true(sslc_error_queue_count(error) <= 1);
  wire_free(&w);
}

static void
test_queue_of_refusal(void **state)
{
  sslc_conn *conn = new_conn(make_client_ctx());

  (void)state;
  check_refusal(conn, sslc_conn_do_handshake(conn), "set_connect_state");
  assert_int_equal(count_errors(), 0);
  check_refusal(conn, sslc_conn_connect(conn), "set_bio");
  assert_int_equal(count_errors(), 0);
  sslc_conn_free(conn);
}

static void
add_accept(void)
{
  add_test("accept waits for a client to begin", test_accept_waits, NULL);
  add_test("accept without a BIO says that it is missing", test_accept_no_bio,
           NULL);
  add_test("accept on a blocking BIO returns once it is done, TLS 1.3",
           test_accept_blocking, &tls13_cert);
  add_test("accept on a blocking BIO returns once it is done, TLS 1.2",
           test_accept_blocking, &tls12_cert);
  add_test("accept on a blocking BIO returns when the client ends",
           test_accept_blocking_end, NULL);
  add_test("accept on a nonblocking BIO wants both, TLS 1.3",
           test_accept_wants, &tls13);
  add_test("accept on a nonblocking BIO wants both, TLS 1.2",
           test_accept_wants, &tls12);
  add_test("controlled shutdown in the handshake, of a server",
           test_accept_controlled, NULL);
  add_test("below 0: a client that breaks the protocol", test_accept_fatal,
           NULL);
}

static void
add_do_handshake(void)
{
  add_test("do_handshake connects and accepts, TLS 1.3", test_do_handshake,
           &tls13_cert);
  add_test("do_handshake connects and accepts, TLS 1.2", test_do_handshake,
           &tls12_cert);
  add_test("do_handshake with no state set says so", test_no_state, NULL);
  add_test("a handshake that is done is done again at once", test_done_again,
           NULL);
  add_test("a handshake that is done is done after shutdown too",
           test_done_after_shutdown, NULL);
  add_test("a handshake that failed fails again and sends nothing",
           test_failed_again, NULL);
  add_test("a bad setting of the context fails the handshake",
           test_bad_context, NULL);
}

int
main(void)
{
  add_accept();
  add_do_handshake();
  add_test("the state that is set last counts", test_state_before, NULL);
  add_test("the state is refused in the middle and after",
           test_state_in_the_middle, NULL);
  add_test("connect and accept on the other kind of connection say so",
           test_other_call, NULL);
  add_test("connect and accept set the state", test_state_set_by_call, NULL);
  add_test("to read and to write begins no handshake", test_io_is_no_handshake,
           NULL);
  add_test("errors left in the thread change nothing, TLS 1.3", test_queue,
           &tls13_cert);
  add_test("errors left in the thread change nothing, TLS 1.2", test_queue,
           &tls12_cert);
  add_test("errors left in the thread are none of a failure's",
           test_queue_of_failure, NULL);
  add_test("a refusal leaves no error in the thread", test_queue_of_refusal,
           NULL);
  return run_all("ssl_accept");
}
