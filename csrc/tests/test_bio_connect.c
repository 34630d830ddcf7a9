/*
 * test_bio_connect.c: the BIO that connects by itself, BIO_s_connect(3), by
 * itself and below a connection.
 */
#include "support_dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

static sslc_bio *
new_connect(const char *host, int port)
{
  sslc_bio *bio = sslc_bio_new_connect(host, port);

  assert_non_null(bio);
  assert_int_equal(sslc_bio_kind(bio), SSLC_BIO_CONNECT);
  return bio;
}

/* Waits as a loop does: for the descriptor, readable, at most for the timeout
 * (rounded up to milliseconds by sslc_fd_wait). */
static void
wait_for(const sslc_bio *bio)
{
  int64_t timeout = sslc_bio_timeout(bio);
  int ready;

  assert_true(sslc_bio_fd(bio) >= 0);
  sslc_fd_wait(sslc_bio_fd(bio), SSLC_READABLE,
               timeout < 0 ? SSLC_FOREVER : sslc_now() + timeout, &ready);
}

/* Steps until it is connected, or has failed. */
static sslc_status
connect_bio(sslc_bio *bio)
{
  sslc_status status;

  while ((status = sslc_bio_do_handshake(bio)) == SSLC_WANT_CONNECT) {
    assert_int_equal(sslc_bio_should_retry(bio), SSLC_WANT_CONNECT);
    wait_for(bio);
  }
  return status;
}

static void
read_all(sslc_bio *bio, char *buf, size_t len)
{
  size_t n, got = 0;
  sslc_status status;

  while (got < len) {
    status = sslc_bio_read(bio, buf + got, len - got, &n);
    if (status == SSLC_WANT_READ)
      wait_for(bio);
    else
      assert_ok(status, sslc_bio_error(bio));
    got += n;
  }
}

/* ----------------------------------------------------------- by itself */

static const struct place {
  const char *test, *host, *ip;
} places[] = {
  { "an IPv4 address is connected to", "127.0.0.1", "127.0.0.1" },
  { "an IPv6 address is connected to", "::1", "::1" },
  { "an IPv6 address in brackets is connected to", "[::1]", "::1" },
  { "localhost is connected to over IPv4", "localhost", "127.0.0.1" },
};

static void
serve_on(int listener, sslc_bio *bio)
{
  char buf[8];
  int fd = accept(listener, NULL, NULL);
  size_t n;

  assert_true(fd >= 0);
  assert_ok(sslc_bio_write(bio, "ping", 4, &n), sslc_bio_error(bio));
  assert_int_equal(recv(fd, buf, sizeof buf, 0), 4);
  assert_int_equal(send(fd, "pong", 4, 0), 4);
  read_all(bio, buf, 4);
  assert_memory_equal(buf, "pong", 4);
  close(fd);
  wait_for(bio);
  assert_status(sslc_bio_read(bio, buf, sizeof buf, &n), SSLC_CLOSED,
                sslc_bio_error(bio));
  assert_int_equal(sslc_bio_eof(bio), 1);
}

static void
test_place(void **state)
{
  const struct place *place = *state;
  int port = 0, listener = listen_on(place->ip, &port), before;
  char address[64];
  sslc_bio *bio;

  if (listener < 0)
    skip();
  snprintf(address, sizeof address,
           strchr(place->ip, ':') != NULL ? "[%s]:%d" : "%s:%d", place->ip,
           port);
  before = open_fds();
  bio = new_connect(place->host, port);
  assert_string_equal(sslc_bio_address(bio), "");
  assert_int_equal(sslc_bio_fd(bio), -1);
  assert_int_equal(sslc_bio_timeout(bio), 0);
  assert_int_equal(open_fds(), before);
  assert_ok(connect_bio(bio), sslc_bio_error(bio));
  assert_string_equal(sslc_bio_address(bio), address);
  assert_int_equal(sslc_bio_timeout(bio), -1);
  /* The dial has gone: one descriptor, which is the socket. */
  assert_int_equal(open_fds(), before + 1);
  assert_true(fcntl(sslc_bio_fd(bio), F_GETFD) & FD_CLOEXEC);
  assert_ok(sslc_bio_do_handshake(bio), sslc_bio_error(bio));
  serve_on(listener, bio);
  sslc_bio_free(bio);
  assert_int_equal(open_fds(), before);
  close(listener);
}

/* Read and write connect as well. */
static void
test_steps(void **state)
{
  const int *writes = *state;
  int port = 0, listener = listen_on("127.0.0.1", &port), waits = 0;
  sslc_bio *bio = new_connect("127.0.0.1", port);
  char buf[4];
  size_t n;
  sslc_status status;

  for (;;) {
    status = *writes ? sslc_bio_write(bio, "ping", 4, &n)
                     : sslc_bio_read(bio, buf, sizeof buf, &n);
    if (status != SSLC_WANT_CONNECT)
      break;
    assert_int_equal(n, 0);
    waits++;
    wait_for(bio);
  }
  assert_true(waits > 0);
  assert_status(status, *writes ? SSLC_OK : SSLC_WANT_READ,
                sslc_bio_error(bio));
  sslc_bio_free(bio);
  close(listener);
}

static void
test_blocking(void **state)
{
  int port = 0, listener = listen_on("127.0.0.1", &port), fd;
  sslc_bio *bio = new_connect("localhost", port);
  char buf[8];
  size_t n;

  (void)state;
  assert_ok(sslc_bio_set_nbio(bio, 0), sslc_bio_error(bio));
  assert_ok(sslc_bio_write(bio, "ping", 4, &n), sslc_bio_error(bio));
  assert_int_equal(n, 4);
  fd = accept(listener, NULL, NULL);
  assert_int_equal(recv(fd, buf, sizeof buf, 0), 4);
  close(fd);
  assert_status(sslc_bio_read(bio, buf, sizeof buf, &n), SSLC_CLOSED,
                sslc_bio_error(bio));
  sslc_bio_free(bio);
  close(listener);
}

static void
test_nodelay(void **state)
{
  const int *want = *state;
  int port = 0, listener = listen_on("127.0.0.1", &port), on = -1;
  socklen_t len = sizeof on;
  sslc_bio *bio = new_connect("127.0.0.1", port);

  assert_ok(sslc_bio_set_tcp_nodelay(bio, !*want), sslc_bio_error(bio));
  assert_status(sslc_bio_do_handshake(bio), SSLC_WANT_CONNECT,
                sslc_bio_error(bio));
  assert_ok(sslc_bio_set_tcp_nodelay(bio, *want), sslc_bio_error(bio));
  assert_ok(connect_bio(bio), sslc_bio_error(bio));
  assert_int_equal(
    getsockopt(sslc_bio_fd(bio), IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
  assert_int_equal(on != 0, *want);
  assert_ok(sslc_bio_set_tcp_nodelay(bio, !*want), sslc_bio_error(bio));
  assert_int_equal(
    getsockopt(sslc_bio_fd(bio), IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
  assert_int_equal(on != 0, !*want);
  sslc_bio_free(bio);
  close(listener);
}

static void
test_close_flag(void **state)
{
  int port = 0, listener = listen_on("127.0.0.1", &port), fd;
  sslc_bio *bio = new_connect("127.0.0.1", port);

  (void)state;
  assert_int_equal(sslc_bio_get_close(bio), SSLC_CLOSE);
  assert_ok(sslc_bio_set_close(bio, SSLC_NOCLOSE), sslc_bio_error(bio));
  assert_ok(connect_bio(bio), sslc_bio_error(bio));
  assert_int_equal(sslc_bio_get_close(bio), SSLC_NOCLOSE);
  fd = sslc_bio_fd(bio);
  sslc_bio_free(bio);
  assert_true(fcntl(fd, F_GETFD) >= 0);
  close(fd);
  close(listener);
}

static void
test_freed_while_dialling(void **state)
{
  struct full full;
  sslc_bio *bio;
  int before;

  (void)state;
  assert_true(full_init(&full, "127.0.0.1", 0));
  before = open_fds();
  bio = new_connect("127.0.0.1", full.port);
  assert_status(sslc_bio_do_handshake(bio), SSLC_WANT_CONNECT,
                sslc_bio_error(bio));
  assert_true(open_fds() > before);
  sslc_bio_free(bio);
  assert_int_equal(open_fds(), before);
  full_free(&full);
}

static void
test_not_shut_down_before(void **state)
{
  sslc_bio *bio = new_connect("127.0.0.1", 1);

  (void)state;
  assert_status(sslc_bio_shutdown_wr(bio), SSLC_ERR_SYS, sslc_bio_error(bio));
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), ENOTCONN);
  assert_ok(sslc_bio_flush(bio), sslc_bio_error(bio));
  sslc_bio_free(bio);
}

/* ---------------------------------------------------------------- failures */

static const struct failure {
  const char *test, *host;
  int port; /* -1: one that refuses */
  sslc_status status;
  int code, phase;
  const char *message;
} failures[] = {
  { "a refused port is told", "127.0.0.1", -1, SSLC_ERR_SYS,
    SSLC_CODE_CONNECTION_REFUSED, SSLC_PHASE_CONNECT, "127.0.0.1:" },
  { "a name that does not exist is told", "x.invalid", 443, SSLC_ERR_DNS,
    SSLC_CODE_DNS_FAILED, SSLC_PHASE_DNS, "\"x.invalid\" does not exist" },
  { "a host that is none is told", "a..b", 443, SSLC_ERR_ARG,
    SSLC_CODE_BAD_OPTION, -1, "host \"a..b\" cannot be used: it has an empty" },
  { "a missing host is told", NULL, 443, SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION,
    -1, "host \"\" cannot be used: it is missing" },
  { "a port beyond the last is told", "localhost", 65536, SSLC_ERR_ARG,
    SSLC_CODE_BAD_OPTION, -1, "port 65536 is not between 1 and 65535" },
  { "port 0 is told", "localhost", 0, SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION, -1,
    "port 0 is not between 1 and 65535" },
};

static int
port_of(const struct failure *f)
{
  return f->port == -1 ? unused_port() : f->port;
}

static void
check_failure(const struct failure *f, const sslc_error *err)
{
  assert_code(err, f->code);
  assert_has(sslc_error_message(err), f->message);
  if (f->phase >= 0)
    assert_phase(err, f->phase);
  if (f->code == SSLC_CODE_CONNECTION_REFUSED) {
    assert_int_equal(sslc_error_errno(err), ECONNREFUSED);
    assert_has(sslc_error_address(err), "127.0.0.1:");
  }
}

static void
test_failure(void **state)
{
  const struct failure *f = *state;
  sslc_bio *bio = new_connect(f->host, port_of(f));
  char buf[4];
  size_t n = 7;

  assert_status(connect_bio(bio), f->status, sslc_bio_error(bio));
  check_failure(f, sslc_bio_error(bio));
  /* It stays, whatever is called. */
  assert_status(sslc_bio_read(bio, buf, 1, &n), f->status,
                sslc_bio_error(bio));
  check_failure(f, sslc_bio_error(bio));
  assert_int_equal(n, 0);
  assert_status(sslc_bio_write(bio, "x", 1, &n), f->status,
                sslc_bio_error(bio));
  assert_status(sslc_bio_do_handshake(bio), f->status, sslc_bio_error(bio));
  check_failure(f, sslc_bio_error(bio));
  assert_int_equal(sslc_bio_should_retry(bio), SSLC_OK);
  sslc_bio_free(bio);
}

static sslc_conn *
conn_over(sslc_bio *bio, const char *server_name)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
  assert_ok(sslc_conn_set_server_name(conn, server_name),
            sslc_conn_error(conn));
  assert_ok(sslc_conn_set_connect_state(conn), sslc_conn_error(conn));
  sslc_bio_free(bio);
  sslc_ctx_free(ctx);
  return conn;
}

/* What a BIO was asked for in vain is a setting of the connection's. */
static void
test_failure_below_connection(void **state)
{
  const struct failure *f = *state;
  sslc_status want = f->status == SSLC_ERR_ARG ? SSLC_ERR_CONFIG : f->status;
  sslc_conn *conn = conn_over(new_connect(f->host, port_of(f)), "localhost");
  int i;

  for (i = 0; i < 2; i++) {
    assert_status(sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE)),
                  want, sslc_conn_error(conn));
    check_failure(f, sslc_conn_error(conn));
    assert_int_equal(sslc_conn_last_return(conn), -1);
    assert_int_equal(sslc_conn_ssl_error(conn), SSL_ERROR_SYSCALL);
    assert_string_equal(sslc_error_host(sslc_conn_error(conn)), "localhost");
  }
  sslc_conn_free(conn);
}

/* ------------------------------------------------------ below a connection */

static void
echo(sslc_conn *conn)
{
  char buf[16];
  size_t n, got = 0;

  assert_ok(sslc_conn_write_wait(conn, "hello", 5, &n,
                                 sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  while (got < 5) {
    assert_ok(sslc_conn_read_wait(conn, buf + got, sizeof buf - got, &n,
                                  sslc_deadline(PATIENCE)),
              sslc_conn_error(conn));
    got += n;
  }
  assert_memory_equal(buf, "hello", 5);
}

/* SSL_get_error(3), on SSL_ERROR_WANT_CONNECT: "the operation did not
 * complete [...] the same function should be called again". */
static void
test_want_connect(void **state)
{
  sslc_ctx *ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, ctx);
  sslc_bio *bio = new_connect("localhost", server_port(server));
  sslc_conn *conn = conn_over(sslc_bio_up_ref(bio), "localhost");

  (void)state;
  assert_int_equal(sslc_conn_fd(conn), -1);
  assert_status(sslc_conn_connect(conn), SSLC_WANT_CONNECT,
                sslc_conn_error(conn));
  assert_int_equal(sslc_conn_last_return(conn), -1);
  assert_int_equal(sslc_conn_ssl_error(conn), SSL_ERROR_WANT_CONNECT);
  assert_true(sslc_conn_fd(conn) >= 0);
  assert_int_equal(sslc_conn_fd(conn), sslc_bio_fd(bio));
  assert_ok(sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  assert_int_equal(sslc_conn_fd(conn), sslc_bio_fd(bio));
  assert_int_equal(sslc_conn_timeout(conn), -1);
  echo(conn);
  assert_ok(sslc_conn_shutdown_wait(conn, sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  sslc_conn_free(conn);
  sslc_bio_free(bio);
  server_stop(server);
  sslc_ctx_free(ctx);
}

/* The whole of it by hand: what is waited for is asked after each step. */
static void
test_by_hand(void **state)
{
  sslc_ctx *ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, ctx);
  sslc_conn *conn = conn_over(new_connect("127.0.0.1", server_port(server)),
                              "127.0.0.1");
  sslc_status status;

  (void)state;
  while ((status = sslc_conn_do_handshake(conn)) != SSLC_OK) {
    int64_t timeout = sslc_conn_timeout(conn);
    int ready, write = status == SSLC_WANT_WRITE;

    assert_true(is_want(status));
    sslc_fd_wait(sslc_conn_fd(conn), write ? SSLC_WRITABLE : SSLC_READABLE,
                 timeout < 0 ? SSLC_FOREVER : sslc_now() + timeout, &ready);
  }
  echo(conn);
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  server_stop(server);
  sslc_ctx_free(ctx);
}

static void
test_blocking_handshake(void **state)
{
  sslc_ctx *ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, ctx);
  sslc_bio *bio = new_connect("localhost", server_port(server));
  sslc_conn *conn;

  (void)state;
  assert_ok(sslc_bio_set_nbio(bio, 0), sslc_bio_error(bio));
  conn = conn_over(bio, "localhost");
  assert_ok(sslc_conn_connect(conn), sslc_conn_error(conn));
  assert_int_equal(sslc_conn_last_return(conn), 1);
  echo(conn);
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  server_stop(server);
  sslc_ctx_free(ctx);
}

/* One connects to read, the other to write; each is waited for when it is
 * the one that is not connected. */
static void
test_two_bios(void **state)
{
  struct full full;
  sslc_ctx *ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, ctx);
  sslc_bio *rbio = new_connect("127.0.0.1", server_port(server)), *wbio;
  sslc_conn *conn;

  (void)state;
  assert_true(full_init(&full, "127.0.0.1", 0));
  wbio = new_connect("127.0.0.1", full.port);
  conn = conn_over(sslc_bio_up_ref(rbio), "localhost");
  assert_ok(connect_bio(rbio), sslc_bio_error(rbio));
  assert_ok(sslc_conn_set_bio(conn, rbio, wbio), sslc_conn_error(conn));
  assert_status(sslc_conn_connect(conn), SSLC_WANT_CONNECT,
                sslc_conn_error(conn));
  assert_int_equal(sslc_conn_fd(conn), sslc_bio_fd(wbio));
  assert_int_not_equal(sslc_conn_fd(conn), sslc_bio_fd(rbio));
  sslc_bio_free(wbio);
  sslc_bio_free(rbio);
  sslc_conn_free(conn);
  full_free(&full);
  server_stop(server);
  sslc_ctx_free(ctx);
}

/* The deadline is over all of it, and what it stopped is told; it is not
 * final. */
static void
test_deadline(void **state)
{
  const int *left = *state; /* milliseconds */
  struct full full;
  sslc_conn *conn;
  int i;

  assert_true(full_init(&full, "127.0.0.1", 0));
  conn = conn_over(new_connect("127.0.0.1", full.port), "localhost");
  for (i = 0; i < 2; i++) {
    assert_status(sslc_conn_do_handshake_wait(conn, sslc_deadline(*left)),
                  SSLC_ERR_TIMEOUT, sslc_conn_error(conn));
    assert_code(sslc_conn_error(conn), SSLC_CODE_TIMEOUT);
    assert_phase(sslc_conn_error(conn), SSLC_PHASE_CONNECT);
    assert_has(sslc_error_message(sslc_conn_error(conn)), "connecting");
    assert_has(sslc_error_address(sslc_conn_error(conn)), "127.0.0.1:");
  }
  assert_status(sslc_conn_do_handshake(conn), SSLC_WANT_CONNECT,
                sslc_conn_error(conn));
  sslc_conn_free(conn);
  full_free(&full);
}

/* An address that answers nobody, and the next one, behind a name: the BIO's
 * timeout is what makes the second attempt set out. */
static void
test_race(void **state)
{
  struct full full;
  int port, listener;
  sslc_bio *bio;

  (void)state;
  if (!full_init(&full, "::1", 0))
    skip();
  port = full.port;
  listener = listen_on("127.0.0.1", &port);
  assert_true(listener >= 0);
  bio = new_connect("localhost", port);
  assert_status(sslc_bio_do_handshake(bio), SSLC_WANT_CONNECT,
                sslc_bio_error(bio));
  assert_true(sslc_bio_timeout(bio) > 0);
  assert_ok(connect_bio(bio), sslc_bio_error(bio));
  assert_has(sslc_bio_address(bio), "127.0.0.1:");
  sslc_bio_free(bio);
  close(listener);
  full_free(&full);
}

/* The peer's address is told also when the socket does not know it any more. */
static void
test_address_after_reset(void **state)
{
  struct server *server = server_start(serve_reset, NULL);
  sslc_conn *conn = conn_over(new_connect("127.0.0.1", server_port(server)),
                              "localhost");
  char address[32];

  (void)state;
  snprintf(address, sizeof address, "127.0.0.1:%d", server_port(server));
  assert_status(sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE)),
                SSLC_ERR_SYS, sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_CONNECTION_RESET);
  assert_phase(sslc_conn_error(conn), SSLC_PHASE_HANDSHAKE);
  assert_string_equal(sslc_error_address(sslc_conn_error(conn)), address);
  sslc_conn_free(conn);
  server_stop(server);
}

/* A BIO of OpenSSL's that connects is waited for as well: what it has is the
 * socket, which becomes writable. */
static void
test_native(void **state)
{
  sslc_ctx *ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, ctx);
  BIO *native = BIO_new_connect("127.0.0.1");
  char port[8];
  sslc_conn *conn;

  (void)state;
  snprintf(port, sizeof port, "%d", server_port(server));
  BIO_set_conn_port(native, port);
  BIO_set_nbio(native, 1);
  conn = conn_over(sslc_bio_wrap(native), "localhost");
  assert_ok(sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  echo(conn);
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  server_stop(server);
  sslc_ctx_free(ctx);
}

/* OpenSSL's calls on the native BIO begin no step, and still are not stopped
 * for ever by the bound on the reads of one. */
static void
test_native_reads(void **state)
{
  int port = 0, listener = listen_on("127.0.0.1", &port), fd, i, got = 0;
  sslc_bio *bio = new_connect("127.0.0.1", port);
  char byte;

  (void)state;
  assert_ok(connect_bio(bio), sslc_bio_error(bio));
  fd = accept(listener, NULL, NULL);
  assert_int_equal(send(fd, "01234567890123456789012345678901234567890", 40,
                        0), 40);
  wait_for(bio);
  for (i = 0; i < 60 && got < 40; i++) {
    if (BIO_read(sslc_bio_native(bio), &byte, 1) == 1)
      got++;
    else
      assert_true(BIO_should_read((BIO *)sslc_bio_native(bio)));
  }
  assert_int_equal(got, 40);
  close(fd);
  sslc_bio_free(bio);
  close(listener);
}

int
main(void)
{
  static const int yes = 1, no = 0, soon = 10, now = 0;
  size_t i;

  for (i = 0; i < COUNT(places); i++)
    add_test(places[i].test, test_place, &places[i]);
  add_test("a read connects first", test_steps, &no);
  add_test("a write connects first", test_steps, &yes);
  add_test("made blocking, it waits inside", test_blocking, NULL);
  add_test("TCP_NODELAY on before and while connecting", test_nodelay, &yes);
  add_test("TCP_NODELAY off before and while connecting", test_nodelay, &no);
  add_test("the close flag can be set before there is a descriptor",
           test_close_flag, NULL);
  add_test("freed while it dials, it leaves nothing open",
           test_freed_while_dialling, NULL);
  add_test("what is not connected cannot be shut down",
           test_not_shut_down_before, NULL);
  for (i = 0; i < COUNT(failures); i++) {
    add_test(failures[i].test, test_failure, &failures[i]);
    add_test(failures[i].test, test_failure_below_connection, &failures[i]);
  }
  add_test("SSL_connect gives want_connect, then connects",
           test_want_connect, NULL);
  add_test("a handshake by hand waits for what it is told", test_by_hand,
           NULL);
  add_test("SSL_connect over a blocking BIO does all in one call",
           test_blocking_handshake, NULL);
  add_test("of two BIOs the one that connects is waited for", test_two_bios,
           NULL);
  add_test("the deadline tells how far it had come", test_deadline, &soon);
  add_test("a deadline that has passed tells it too", test_deadline, &now);
  add_test("the second address sets out in time", test_race, NULL);
  add_test("the address is known after a reset", test_address_after_reset,
           NULL);
  add_test("OpenSSL's own connect BIO is waited for", test_native, NULL);
  add_test("the native BIO can be read without end", test_native_reads, NULL);
  return run_all("bio_connect");
}
