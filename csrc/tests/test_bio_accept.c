/*
 * test_bio_accept.c: the BIO that listens and accepts, BIO_s_accept(3), by
 * itself and below a connection that accepts, SSL_accept(3).
 */
#include "support_dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

static sslc_bio *
new_accept(const char *address, int port)
{
  sslc_bio *bio = sslc_bio_new_accept(address, port);

  assert_non_null(bio);
  assert_int_equal(sslc_bio_kind(bio), SSLC_BIO_ACCEPT);
  return bio;
}

static int
port_of(const sslc_bio *bio)
{
  const char *colon = strrchr(sslc_bio_address(bio), ':');

  assert_non_null(colon);
  return atoi(colon + 1);
}

/* One that listens on a port of 127.0.0.1. */
static sslc_bio *
listening(void)
{
  sslc_bio *bio = new_accept("127.0.0.1", 0);

  assert_ok(sslc_bio_do_handshake(bio), sslc_bio_error(bio));
  return bio;
}

static void
wait_readable(const sslc_bio *bio)
{
  int ready;

  assert_ok(sslc_fd_wait(sslc_bio_fd(bio), SSLC_READABLE,
                         sslc_deadline(PATIENCE), &ready), NULL);
}

/* The one accepted next, with a reference that is the caller's. */
static sslc_bio *
accept_next(sslc_bio *bio)
{
  sslc_bio *next;

  wait_readable(bio);
  assert_ok(sslc_bio_do_handshake(bio), sslc_bio_error(bio));
  next = sslc_bio_up_ref(sslc_bio_next(bio));
  assert_non_null(next);
  assert_ok(sslc_bio_pop(next), sslc_bio_error(next));
  assert_null(sslc_bio_next(bio));
  return next;
}

/* -------------------------------------------------------------- listening */

static const struct place {
  const char *test, *address, *listens, *ip;
} places[] = {
  { "it listens on an IPv4 address", "127.0.0.1", "127.0.0.1:", "127.0.0.1" },
  { "it listens on an IPv6 address", "::1", "[::1]:", "::1" },
  { "it listens on an IPv6 address in brackets", "[::1]", "[::1]:", "::1" },
  { "it listens on any address, for IPv4", NULL, ":", "127.0.0.1" },
  { "it listens on any address, for IPv6", NULL, "[::]:", "::1" },
  { "it listens on any IPv4 address", "0.0.0.0", "0.0.0.0:", "127.0.0.1" },
  { "it listens on any IPv6 address", "::", "[::]:", "::1" },
};

static int
has_ipv6(void)
{
  int port = 0, fd = listen_on("::1", &port);

  if (fd >= 0)
    close(fd);
  return fd >= 0;
}

static void
test_place(void **state)
{
  const struct place *place = *state;
  sslc_bio *bio, *client, *accepted;
  char buf[8];
  size_t n;

  if (strchr(place->ip, ':') != NULL && !has_ipv6())
    skip();
  bio = new_accept(place->address, 0);
  assert_string_equal(sslc_bio_address(bio), "");
  assert_int_equal(sslc_bio_fd(bio), -1);
  assert_ok(sslc_bio_do_handshake(bio), sslc_bio_error(bio));
  assert_has(sslc_bio_address(bio), place->listens);
  assert_true(port_of(bio) > 0);
  assert_true(fcntl(sslc_bio_fd(bio), F_GETFD) & FD_CLOEXEC);
  client = sslc_bio_new_connect(place->ip, port_of(bio));
  assert_ok(sslc_bio_set_nbio(client, 0), sslc_bio_error(client));
  assert_ok(sslc_bio_write(client, "ping", 4, &n), sslc_bio_error(client));
  accepted = accept_next(bio);
  assert_ok(sslc_bio_set_nbio(accepted, 0), sslc_bio_error(accepted));
  assert_ok(sslc_bio_read(accepted, buf, sizeof buf, &n),
            sslc_bio_error(accepted));
  assert_int_equal(n, 4);
  sslc_bio_free(accepted);
  sslc_bio_free(client);
  sslc_bio_free(bio);
}

/* Any address takes a port from all, one address from itself alone. */
static void
test_families_apart(void **state)
{
  sslc_bio *v4 = new_accept("0.0.0.0", 0), *v6;

  (void)state;
  if (!has_ipv6())
    skip();
  assert_ok(sslc_bio_do_handshake(v4), sslc_bio_error(v4));
  v6 = new_accept("::", port_of(v4));
  assert_ok(sslc_bio_do_handshake(v6), sslc_bio_error(v6));
  sslc_bio_free(v6);
  sslc_bio_free(v4);
}

/* What still waits in the network for its end does not keep the port. */
static void
test_reuse(void **state)
{
  sslc_bio *bio = listening(), *accepted;
  int port = port_of(bio), fd = connect_to(port);
  char byte;

  (void)state;
  accepted = accept_next(bio);
  sslc_bio_free(accepted); /* closes first, so that it is what waits */
  assert_int_equal(read(fd, &byte, 1), 0);
  close(fd);
  sslc_bio_free(bio);
  bio = new_accept("127.0.0.1", port);
  assert_ok(sslc_bio_do_handshake(bio), sslc_bio_error(bio));
  sslc_bio_free(bio);
}

static const struct failure {
  const char *test, *address;
  int port; /* -1: one that is taken */
  sslc_status status;
  int code;
  const char *message;
} failures[] = {
  { "a port that is taken is told", "127.0.0.1", -1, SSLC_ERR_SYS,
    SSLC_CODE_SYSTEM_ERROR, "to listen on 127.0.0.1:" },
  { "an address of another machine is told", "192.0.2.1", 0, SSLC_ERR_SYS,
    SSLC_CODE_SYSTEM_ERROR, "to listen on 192.0.2.1:0: " },
  { "a name is no address", "localhost", 0, SSLC_ERR_ARG,
    SSLC_CODE_BAD_OPTION, "address \"localhost\" cannot be listened on" },
  { "an empty address is told", "", 0, SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION,
    "address \"\" cannot be used: it is empty" },
  { "an IPv4 address of five parts is told", "1.2.3.4.5", 0, SSLC_ERR_ARG,
    SSLC_CODE_BAD_OPTION, "address \"1.2.3.4.5\" cannot be used" },
  { "a zone that is not here is told", "fe80::1%nowhere", 0, SSLC_ERR_ARG,
    SSLC_CODE_BAD_OPTION, "cannot be listened on: there is no network" },
  { "a port beyond the last is told", "127.0.0.1", 65536, SSLC_ERR_ARG,
    SSLC_CODE_BAD_OPTION, "port 65536 is not between 0 and 65535" },
  { "a negative port is told", NULL, -2, SSLC_ERR_ARG, SSLC_CODE_BAD_OPTION,
    "port -2 is not between 0 and 65535" },
};

static void
test_failure(void **state)
{
  const struct failure *f = *state;
  int port = 0, taken = listen_on("127.0.0.1", &port), i;
  sslc_bio *bio = new_accept(f->address, f->port == -1 ? port : f->port);

  for (i = 0; i < 2; i++) {
    assert_status(sslc_bio_do_handshake(bio), f->status, sslc_bio_error(bio));
    assert_code(sslc_bio_error(bio), f->code);
    assert_has(sslc_error_message(sslc_bio_error(bio)), f->message);
    assert_int_equal(sslc_error_errno(sslc_bio_error(bio)) != 0,
                     f->status == SSLC_ERR_SYS);
  }
  close(taken);
  /* It is not final: the port has become free. */
  if (f->port == -1)
    assert_ok(sslc_bio_do_handshake(bio), sslc_bio_error(bio));
  sslc_bio_free(bio);
}

/* -------------------------------------------------------------- accepting */

static void
test_accept(void **state)
{
  sslc_bio *bio = listening(), *next;
  char buf[8], address[32];
  size_t n;
  int fd, listener = sslc_bio_fd(bio), port;
  struct sockaddr_in own;
  socklen_t len = sizeof own;

  (void)state;
  snprintf(address, sizeof address, "%s", sslc_bio_address(bio));
  assert_status(sslc_bio_do_handshake(bio), SSLC_WANT_ACCEPT,
                sslc_bio_error(bio));
  assert_int_equal(sslc_bio_should_retry(bio), SSLC_WANT_ACCEPT);
  assert_int_equal(sslc_bio_fd(bio), listener);
  assert_null(sslc_bio_next(bio));
  fd = connect_to(port_of(bio));
  wait_readable(bio);
  assert_ok(sslc_bio_do_handshake(bio), sslc_bio_error(bio));
  next = sslc_bio_next(bio);
  assert_int_equal(sslc_bio_kind(next), SSLC_BIO_SOCKET);
  assert_ptr_equal(BIO_next((BIO *)sslc_bio_native(bio)),
                   sslc_bio_native(next));
  assert_true(fcntl(sslc_bio_fd(next), F_GETFD) & FD_CLOEXEC);
  /* Of the chain: the descriptor is the accepted one's, the address not. */
  assert_int_equal(sslc_bio_fd(bio), sslc_bio_fd(next));
  assert_string_equal(sslc_bio_address(bio), address);
  getsockname(fd, (struct sockaddr *)&own, &len);
  port = ntohs(own.sin_port);
  snprintf(address, sizeof address, "127.0.0.1:%d", port);
  assert_string_equal(sslc_bio_address(next), address);
  /* Read and write go on to it. */
  assert_status(sslc_bio_read(bio, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_bio_error(bio));
  assert_int_equal(sslc_bio_should_retry(bio), SSLC_WANT_READ);
  assert_int_equal(send(fd, "ping", 4, 0), 4);
  wait_readable(bio);
  assert_ok(sslc_bio_read(bio, buf, sizeof buf, &n), sslc_bio_error(bio));
  assert_int_equal(n, 4);
  assert_ok(sslc_bio_write(bio, "pong", 4, &n), sslc_bio_error(bio));
  assert_int_equal(recv(fd, buf, sizeof buf, 0), 4);
  assert_ok(sslc_bio_shutdown_wr(bio), sslc_bio_error(bio));
  assert_int_equal(recv(fd, buf, sizeof buf, 0), 0);
  close(fd);
  wait_readable(bio);
  assert_status(sslc_bio_read(bio, buf, sizeof buf, &n), SSLC_CLOSED,
                sslc_bio_error(bio));
  assert_int_equal(sslc_bio_eof(bio), 1);
  sslc_bio_free(bio);
}

/* To read or to write does all that is to be done before. */
static void
test_steps(void **state)
{
  const int *writes = *state;
  int port = unused_port(), fd, i;
  sslc_bio *bio = new_accept("127.0.0.1", port);
  char buf[8];
  size_t n;

  for (i = 0; i < 2; i++) {
    assert_status(*writes ? sslc_bio_write(bio, "ping", 4, &n)
                          : sslc_bio_read(bio, buf, sizeof buf, &n),
                  SSLC_WANT_ACCEPT, sslc_bio_error(bio));
    assert_int_equal(n, 0);
    assert_int_equal(sslc_bio_pending(bio), 0);
    assert_int_equal(sslc_bio_eof(bio), 0);
    assert_ok(sslc_bio_flush(bio), sslc_bio_error(bio));
  }
  fd = connect_to(port);
  assert_int_equal(send(fd, "pong", 4, 0), 4);
  wait_readable(bio);
  if (*writes) {
    assert_ok(sslc_bio_write(bio, "ping", 4, &n), sslc_bio_error(bio));
    assert_int_equal(recv(fd, buf, sizeof buf, 0), 4);
  } else {
    assert_ok(sslc_bio_set_nbio(bio, 0), sslc_bio_error(bio));
    assert_ok(sslc_bio_read(bio, buf, sizeof buf, &n), sslc_bio_error(bio));
    assert_memory_equal(buf, "pong", 4);
  }
  close(fd);
  sslc_bio_free(bio);
}

static void
test_one_at_a_time(void **state)
{
  sslc_bio *bio = listening(), *first;
  int fds[2] = { connect_to(port_of(bio)), connect_to(port_of(bio)) };

  (void)state;
  wait_readable(bio);
  assert_ok(sslc_bio_do_handshake(bio), sslc_bio_error(bio));
  first = sslc_bio_next(bio);
  assert_status(sslc_bio_do_handshake(bio), SSLC_ERR_STATE,
                sslc_bio_error(bio));
  assert_code(sslc_bio_error(bio), SSLC_CODE_MISUSE);
  assert_has(sslc_error_message(sslc_bio_error(bio)), "pop it");
  assert_ptr_equal(sslc_bio_next(bio), first);
  /* Popped without a reference of one's own, it is gone. */
  assert_ok(sslc_bio_pop(first), NULL);
  first = accept_next(bio);
  sslc_bio_free(first);
  close(fds[0]);
  close(fds[1]);
  sslc_bio_free(bio);
}

static void
test_many(void **state)
{
  enum { MANY = 20 };
  sslc_bio *bio = listening(), *accepted[MANY];
  int fds[MANY], i, port = port_of(bio), before = open_fds();
  char byte;
  size_t n;

  (void)state;
  for (i = 0; i < MANY; i++) {
    fds[i] = connect_to(port);
    accepted[i] = accept_next(bio);
  }
  for (i = 0; i < MANY; i++) {
    assert_ok(sslc_bio_write(accepted[i], "x", 1, &n),
              sslc_bio_error(accepted[i]));
    assert_int_equal(recv(fds[i], &byte, 1, 0), 1);
  }
  assert_int_equal(port_of(bio), port);
  for (i = 0; i < MANY; i++) {
    close(fds[i]);
    sslc_bio_free(accepted[i]);
  }
  assert_int_equal(open_fds(), before);
  sslc_bio_free(bio);
}

/* Whoever is freed first. */
static void
test_order_of_frees(void **state)
{
  const int *listener_first = *state;
  int before = open_fds();
  sslc_bio *bio = listening(), *next;
  int fd = connect_to(port_of(bio));
  char byte;
  size_t n;

  wait_readable(bio);
  assert_ok(sslc_bio_do_handshake(bio), sslc_bio_error(bio));
  next = sslc_bio_up_ref(sslc_bio_next(bio));
  if (*listener_first) {
    sslc_bio_free(bio);
    assert_ok(sslc_bio_write(next, "x", 1, &n), sslc_bio_error(next));
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    sslc_bio_free(next);
  } else {
    sslc_bio_free(next);
    assert_ok(sslc_bio_write(bio, "x", 1, &n), sslc_bio_error(bio));
    sslc_bio_free(bio);
  }
  close(fd);
  assert_int_equal(open_fds(), before);
}

/* The BIO of OpenSSL may outlive ours; then there is no place for whom it
 * would accept. */
static void
test_native_outlives(void **state)
{
  sslc_bio *bio = listening();
  BIO *native = sslc_bio_native(bio);
  int fd = connect_to(port_of(bio));
  char byte;

  (void)state;
  wait_readable(bio);
  BIO_up_ref(native);
  sslc_bio_free(bio);
  assert_int_equal(BIO_read(native, &byte, 1), -1);
  assert_false(BIO_should_retry(native));
  BIO_free(native);
  close(fd);
}

static void
test_nodelay(void **state)
{
  sslc_bio *bio = listening(), *accepted;
  int fd, on = 0;
  socklen_t len = sizeof on;

  (void)state;
  assert_ok(sslc_bio_set_tcp_nodelay(bio, 1), sslc_bio_error(bio));
  fd = connect_to(port_of(bio));
  accepted = accept_next(bio);
  assert_int_equal(getsockopt(sslc_bio_fd(accepted), IPPROTO_TCP, TCP_NODELAY,
                              &on, &len), 0);
  assert_true(on);
  sslc_bio_free(accepted);
  close(fd);
  sslc_bio_free(bio);
}

/* The accepted descriptor is as any other: nobody's flag was handed on. */
static void
test_flags(void **state)
{
  sslc_bio *bio = listening(), *accepted;
  int fd = connect_to(port_of(bio));

  (void)state;
  accepted = accept_next(bio);
  assert_int_equal(fcntl(sslc_bio_fd(accepted), F_GETFL) & O_NONBLOCK, 0);
  sslc_bio_free(accepted);
  close(fd);
  sslc_bio_free(bio);
}

/* Too many open files: an error, and when there is room it goes on.  Valgrind
 * accepts the one that waits, and then closes it for want of room. */
static void
test_no_descriptor_left(void **state)
{
  sslc_bio *bio, *accepted;
  struct rlimit before, none;
  int fd;

  (void)state;
  if (under_valgrind())
    skip();
  bio = listening();
  fd = connect_to(port_of(bio));
  wait_readable(bio);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  none = before;
  none.rlim_cur = 3;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  sslc_status status = sslc_bio_do_handshake(bio);
  setrlimit(RLIMIT_NOFILE, &before);
  assert_status(status, SSLC_ERR_SYS, sslc_bio_error(bio));
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), EMFILE);
  assert_has(sslc_error_message(sslc_bio_error(bio)), "to accept on 127.0.");
  assert_int_equal(sslc_bio_should_retry(bio), SSLC_OK);
  accepted = accept_next(bio);
  sslc_bio_free(accepted);
  close(fd);
  sslc_bio_free(bio);
}

static void
test_not_connected(void **state)
{
  sslc_bio *bio = listening();

  (void)state;
  assert_status(sslc_bio_shutdown_wr(bio), SSLC_ERR_SYS, sslc_bio_error(bio));
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), ENOTCONN);
  assert_status(sslc_bio_set_close(bio, SSLC_NOCLOSE), SSLC_ERR_ARG,
                sslc_bio_error(bio));
  sslc_bio_free(bio);
}

/* --------------------------------------------------------------- blocking */

struct blocked {
  sslc_bio *bio;
  sslc_status status;
};

static void *
accept_blocking(void *arg)
{
  struct blocked *b = arg;

  b->status = sslc_bio_do_handshake(b->bio);
  return NULL;
}

static void
ignore(int number)
{
  (void)number;
}

/* Signals that end a system call come before the client does. */
static void
test_blocking(void **state)
{
  sslc_bio *bio = listening();
  struct blocked b = { bio, SSLC_WANT_ACCEPT };
  struct sigaction action, before;
  pthread_t thread;
  int i, fd;

  (void)state;
  memset(&action, 0, sizeof action);
  action.sa_handler = ignore;
  assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
  assert_ok(sslc_bio_set_nbio(bio, 0), sslc_bio_error(bio));
  assert_int_equal(pthread_create(&thread, NULL, accept_blocking, &b), 0);
  for (i = 0; i < 200; i++) {
    pthread_kill(thread, SIGUSR1);
    sched_yield();
  }
  fd = connect_to(port_of(bio));
  pthread_join(thread, NULL);
  sigaction(SIGUSR1, &before, NULL);
  assert_status(b.status, SSLC_OK, sslc_bio_error(bio));
  assert_non_null(sslc_bio_next(bio));
  close(fd);
  sslc_bio_free(bio);
}

/* ------------------------------------------------------ below a connection */

static sslc_conn *
conn_over(sslc_ctx *ctx, sslc_bio *bio)
{
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
  sslc_bio_free(bio);
  sslc_ctx_free(ctx);
  return conn;
}

static sslc_conn *
client_over(sslc_bio *bio)
{
  sslc_conn *conn = conn_over(make_client_ctx(), bio);

  assert_ok(sslc_conn_set_server_name(conn, "localhost"),
            sslc_conn_error(conn));
  return conn;
}

static void
shake_over_tcp(struct peers *p)
{
  int64_t deadline = sslc_deadline(PATIENCE);

  do {
    p->client_status = sslc_conn_connect(p->client);
    p->server_status = sslc_conn_accept(p->server);
  } while ((is_want(p->client_status) || is_want(p->server_status)) &&
           sslc_now() < deadline);
  assert_ok(p->client_status, sslc_conn_error(p->client));
  assert_ok(p->server_status, sslc_conn_error(p->server));
}

/* As send_through, but over TCP, where it takes its time. */
static void
carry(sslc_conn *from, sslc_conn *to, const char *bytes, size_t len)
{
  char buf[16];
  size_t n, got = 0;

  assert_ok(sslc_conn_write_wait(from, bytes, len, &n,
                                 sslc_deadline(PATIENCE)),
            sslc_conn_error(from));
  while (got < len) {
    assert_ok(sslc_conn_read_wait(to, buf + got, sizeof buf - got, &n,
                                  sslc_deadline(PATIENCE)),
              sslc_conn_error(to));
    got += n;
  }
  assert_memory_equal(buf, bytes, len);
}

/* SSL_get_error(3), on SSL_ERROR_WANT_ACCEPT; then both sides in one thread,
 * one step each at a time. */
static void
test_want_accept(void **state)
{
  sslc_bio *bio = listening();
  struct peers p;
  int listener = sslc_bio_fd(bio), i;

  (void)state;
  p.client = client_over(sslc_bio_new_connect("localhost", port_of(bio)));
  p.server = conn_over(make_server_ctx("good"), sslc_bio_up_ref(bio));
  for (i = 0; i < 2; i++) {
    assert_status(sslc_conn_accept(p.server), SSLC_WANT_ACCEPT,
                  sslc_conn_error(p.server));
    assert_int_equal(sslc_conn_last_return(p.server), -1);
    assert_int_equal(sslc_conn_ssl_error(p.server), SSL_ERROR_WANT_ACCEPT);
    assert_int_equal(sslc_conn_fd(p.server), listener);
  }
  assert_int_equal(sslc_conn_connect(p.client), SSLC_WANT_CONNECT);
  shake_over_tcp(&p);
  assert_int_not_equal(sslc_conn_fd(p.server), listener);
  carry(p.client, p.server, "hello", 5);
  carry(p.server, p.client, "olleh", 5);
  sslc_bio_free(bio);
  peers_free(&p);
}

struct server_thread {
  sslc_conn *conn;
  int blocking;
  sslc_status status;
};

static void *
serve_one(void *arg)
{
  struct server_thread *t = arg;
  char buf[16];
  size_t n;

  t->status = t->blocking
    ? sslc_conn_accept(t->conn)
    : sslc_conn_do_handshake_wait(t->conn, sslc_deadline(PATIENCE));
  if (t->status == SSLC_OK)
    t->status = sslc_conn_read_wait(t->conn, buf, sizeof buf, &n,
                                    sslc_deadline(PATIENCE));
  if (t->status == SSLC_OK)
    t->status = sslc_conn_write_wait(t->conn, buf, n, &n,
                                     sslc_deadline(PATIENCE));
  return NULL;
}

/* Each in its thread: blocking, or waiting for what the step wants. */
static void
test_threads(void **state)
{
  const int *blocking = *state;
  sslc_bio *bio = listening();
  struct server_thread t = { NULL, *blocking, SSLC_OK };
  sslc_bio *connect = sslc_bio_new_connect("localhost", port_of(bio));
  sslc_conn *client;
  pthread_t thread;
  char buf[16];
  size_t n;

  assert_ok(sslc_bio_set_nbio(bio, !*blocking), sslc_bio_error(bio));
  assert_ok(sslc_bio_set_nbio(connect, !*blocking), sslc_bio_error(connect));
  client = client_over(connect);
  t.conn = conn_over(make_server_ctx("good"), bio);
  assert_ok(sslc_conn_set_accept_state(t.conn), sslc_conn_error(t.conn));
  assert_ok(sslc_conn_set_connect_state(client), sslc_conn_error(client));
  assert_int_equal(pthread_create(&thread, NULL, serve_one, &t), 0);
  assert_ok(*blocking ? sslc_conn_connect(client)
                      : sslc_conn_do_handshake_wait(client,
                                                    sslc_deadline(PATIENCE)),
            sslc_conn_error(client));
  assert_ok(sslc_conn_write_wait(client, "hello", 5, &n,
                                 sslc_deadline(PATIENCE)),
            sslc_conn_error(client));
  assert_ok(sslc_conn_read_wait(client, buf, sizeof buf, &n,
                                sslc_deadline(PATIENCE)),
            sslc_conn_error(client));
  assert_int_equal(n, 5);
  pthread_join(thread, NULL);
  assert_status(t.status, SSLC_OK, sslc_conn_error(t.conn));
  sslc_conn_free(client);
  sslc_conn_free(t.conn);
}

/* One BIO that accepts, one connection after the other. */
static void
test_server(void **state)
{
  sslc_bio *bio = listening();
  struct peers p;
  int i;

  (void)state;
  for (i = 0; i < 3; i++) {
    sslc_bio *connect = sslc_bio_new_connect("127.0.0.1", port_of(bio));

    p.client = client_over(connect);
    assert_int_equal(sslc_conn_connect(p.client), SSLC_WANT_CONNECT);
    p.server = conn_over(make_server_ctx("good"), accept_next(bio));
    assert_ok(sslc_conn_set_accept_state(p.server), NULL);
    shake_over_tcp(&p);
    carry(p.client, p.server, "hello", 5);
    peers_free(&p);
  }
  sslc_bio_free(bio);
}

/* Nobody comes: the deadline holds, and is not final. */
static void
test_deadline(void **state)
{
  sslc_bio *bio = listening();
  sslc_conn *conn = conn_over(make_server_ctx("good"), bio);
  int i;

  (void)state;
  assert_ok(sslc_conn_set_accept_state(conn), sslc_conn_error(conn));
  for (i = 0; i < 2; i++) {
    assert_status(sslc_conn_do_handshake_wait(conn, sslc_deadline(10 * i)),
                  SSLC_ERR_TIMEOUT, sslc_conn_error(conn));
    assert_code(sslc_conn_error(conn), SSLC_CODE_TIMEOUT);
    assert_has(sslc_error_message(sslc_conn_error(conn)), "the client");
  }
  assert_status(sslc_conn_accept(conn), SSLC_WANT_ACCEPT,
                sslc_conn_error(conn));
  sslc_conn_free(conn);
}

static void
test_failure_below_connection(void **state)
{
  sslc_conn *conn = conn_over(make_server_ctx("good"),
                              new_accept("localhost", 0));

  (void)state;
  assert_status(sslc_conn_accept(conn), SSLC_ERR_CONFIG,
                sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(conn)), "\"localhost\"");
  sslc_conn_free(conn);
}

int
main(void)
{
  static const int yes = 1, no = 0;
  size_t i;

  for (i = 0; i < COUNT(places); i++)
    add_test(places[i].test, test_place, &places[i]);
  add_test("an IPv6 address leaves the port to IPv4", test_families_apart,
           NULL);
  add_test("a port is listened on again at once", test_reuse, NULL);
  for (i = 0; i < COUNT(failures); i++)
    add_test(failures[i].test, test_failure, &failures[i]);
  add_test("do_handshake listens, then accepts", test_accept, NULL);
  add_test("a read listens and accepts", test_steps, &no);
  add_test("a write listens and accepts", test_steps, &yes);
  add_test("the next is not accepted before this one is popped",
           test_one_at_a_time, NULL);
  add_test("many are accepted one after the other", test_many, NULL);
  add_test("freed before the accepted one", test_order_of_frees, &yes);
  add_test("freed after the accepted one", test_order_of_frees, &no);
  add_test("the native BIO may outlive it", test_native_outlives, NULL);
  add_test("TCP_NODELAY is for those accepted", test_nodelay, NULL);
  add_test("an accepted descriptor has no flags of the listener's",
           test_flags, NULL);
  add_test("no descriptor left is an error that passes",
           test_no_descriptor_left, NULL);
  add_test("a listener is not connected", test_not_connected, NULL);
  add_test("made blocking, it waits through signals", test_blocking, NULL);
  add_test("SSL_accept gives want_accept; both in one thread",
           test_want_accept, NULL);
  add_test("SSL_accept and SSL_connect that wait, in threads", test_threads,
           &no);
  add_test("SSL_accept and SSL_connect that block, in threads", test_threads,
           &yes);
  add_test("each one popped is given to a connection", test_server, NULL);
  add_test("a deadline holds while nobody comes", test_deadline, NULL);
  add_test("what is wrong with the address is told by SSL_accept",
           test_failure_below_connection, NULL);
  return run_all("bio_accept");
}
