/*
 * test_bio_socket.c: the BIO on a stream socket, as BIO_s_socket(3) but for
 * what the header says: no SIGPIPE, no change of O_NONBLOCK, the real errno.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A BIO on one end of a pair of sockets; the other end is a plain one. */
struct end {
  sslc_bio *bio;
  int fd, peer;
};

static void
end_init(struct end *e)
{
  int fds[2];

  make_sockets(fds);
  e->fd = fds[0];
  e->peer = fds[1];
  e->bio = sslc_bio_new_socket(e->fd, SSLC_CLOSE);
  assert_non_null(e->bio);
}

static void
end_free(struct end *e)
{
  sslc_bio_free(e->bio);
  if (e->peer >= 0)
    close(e->peer);
}

static void
close_peer(struct end *e)
{
  close(e->peer);
  e->peer = -1;
}

static int
is_open(int fd)
{
  return fcntl(fd, F_GETFD) >= 0;
}

/* ---------------------------------------------------------------- reading */

static void
test_read(void **state)
{
  struct end e;
  char buf[16];
  size_t n = 7;

  (void)state;
  end_init(&e);
  assert_status(sslc_bio_read(e.bio, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_bio_error(e.bio));
  assert_int_equal(n, 0);
  assert_int_equal(sslc_bio_eof(e.bio), 0);
  assert_int_equal(write(e.peer, "hello", 5), 5);
  assert_ok(sslc_bio_read(e.bio, buf, 2, &n), sslc_bio_error(e.bio));
  assert_int_equal(n, 2);
  assert_memory_equal(buf, "he", 2);
  assert_ok(sslc_bio_read(e.bio, buf, sizeof buf, &n), sslc_bio_error(e.bio));
  assert_int_equal(n, 3);
  assert_memory_equal(buf, "llo", 3);
  assert_null(sslc_bio_error(e.bio));
  end_free(&e);
}

static void
test_end(void **state)
{
  struct end e;
  char buf[16];
  size_t n;

  (void)state;
  end_init(&e);
  assert_int_equal(write(e.peer, "bye", 3), 3);
  close_peer(&e);
  assert_ok(sslc_bio_read(e.bio, buf, sizeof buf, &n), sslc_bio_error(e.bio));
  assert_int_equal(n, 3);
  assert_int_equal(sslc_bio_eof(e.bio), 0);
  assert_status(sslc_bio_read(e.bio, buf, sizeof buf, &n), SSLC_CLOSED,
                sslc_bio_error(e.bio));
  assert_int_equal(n, 0);
  assert_int_equal(sslc_bio_eof(e.bio), 1);
  assert_null(sslc_bio_error(e.bio));
  assert_status(sslc_bio_read(e.bio, buf, sizeof buf, &n), SSLC_CLOSED,
                sslc_bio_error(e.bio));
  end_free(&e);
}

/* A Unix socket that is closed with bytes unread resets the other end. */
static void
test_reset(void **state)
{
  struct end e;
  char buf[16];
  size_t n;

  (void)state;
  end_init(&e);
  assert_ok(sslc_bio_write(e.bio, "unread", 6, &n), sslc_bio_error(e.bio));
  close_peer(&e);
  assert_status(sslc_bio_read(e.bio, buf, sizeof buf, &n), SSLC_ERR_SYS,
                sslc_bio_error(e.bio));
  assert_code(sslc_bio_error(e.bio), SSLC_CODE_CONNECTION_RESET);
  assert_phase(sslc_bio_error(e.bio), SSLC_PHASE_READ);
  assert_int_equal(sslc_error_errno(sslc_bio_error(e.bio)), ECONNRESET);
  assert_int_equal(sslc_bio_eof(e.bio), 0);
  end_free(&e);
}

/* ---------------------------------------------------------------- writing */

static void
test_write(void **state)
{
  struct end e;
  char buf[16];
  size_t n = 0;

  (void)state;
  end_init(&e);
  assert_ok(sslc_bio_write(e.bio, "hello", 5, &n), sslc_bio_error(e.bio));
  assert_int_equal(n, 5);
  assert_int_equal(read(e.peer, buf, sizeof buf), 5);
  assert_memory_equal(buf, "hello", 5);
  assert_int_equal(sslc_bio_wpending(e.bio), 0);
  assert_int_equal(sslc_bio_pending(e.bio), 0);
  end_free(&e);
}

static void
test_full(void **state)
{
  static const char bytes[65536];
  struct end e;
  size_t n;
  sslc_status status;

  (void)state;
  end_init(&e);
  do {
    status = sslc_bio_write(e.bio, bytes, sizeof bytes, &n);
  } while (status == SSLC_OK);
  assert_status(status, SSLC_WANT_WRITE, sslc_bio_error(e.bio));
  assert_int_equal(n, 0);
  assert_null(sslc_bio_error(e.bio));
  end_free(&e);
}

/* SIGPIPE is at its default here: it would end the test. */
static void
test_broken_pipe(void **state)
{
  struct end e;
  size_t n = 7;

  (void)state;
  end_init(&e);
  close_peer(&e);
  assert_status(sslc_bio_write(e.bio, "x", 1, &n), SSLC_ERR_SYS,
                sslc_bio_error(e.bio));
  assert_int_equal(n, 0);
  assert_int_equal(sslc_error_errno(sslc_bio_error(e.bio)), EPIPE);
  assert_code(sslc_bio_error(e.bio), SSLC_CODE_CONNECTION_RESET);
  assert_phase(sslc_bio_error(e.bio), SSLC_PHASE_WRITE);
  end_free(&e);
}

static void
test_shutdown_wr(void **state)
{
  struct end e;
  char buf[16];
  size_t n;

  (void)state;
  end_init(&e);
  assert_ok(sslc_bio_write(e.bio, "bye", 3, &n), sslc_bio_error(e.bio));
  assert_ok(sslc_bio_shutdown_wr(e.bio), sslc_bio_error(e.bio));
  assert_int_equal(read(e.peer, buf, sizeof buf), 3);
  assert_int_equal(read(e.peer, buf, sizeof buf), 0);
  n = 7;
  assert_status(sslc_bio_write(e.bio, "x", 1, &n), SSLC_CLOSED,
                sslc_bio_error(e.bio));
  assert_int_equal(n, 0);
  assert_int_equal(write(e.peer, "back", 4), 4);
  assert_ok(sslc_bio_read(e.bio, buf, sizeof buf, &n), sslc_bio_error(e.bio));
  assert_int_equal(n, 4);
  end_free(&e);
}

static void
test_error_is_of_the_last_call(void **state)
{
  struct end e;
  char buf[16];
  size_t n;

  (void)state;
  end_init(&e);
  assert_int_equal(write(e.peer, "last", 4), 4);
  close_peer(&e);
  assert_status(sslc_bio_write(e.bio, "x", 1, &n), SSLC_ERR_SYS,
                sslc_bio_error(e.bio));
  assert_non_null(sslc_bio_error(e.bio));
  assert_ok(sslc_bio_read(e.bio, buf, sizeof buf, &n), sslc_bio_error(e.bio));
  assert_null(sslc_bio_error(e.bio));
  end_free(&e);
}

/* --------------------------------------------------------- the descriptor */

static void
test_owned(void **state)
{
  struct end e;

  (void)state;
  end_init(&e);
  assert_int_equal(sslc_bio_fd(e.bio), e.fd);
  assert_ptr_equal(sslc_bio_up_ref(e.bio), e.bio);
  sslc_bio_free(e.bio);
  assert_true(is_open(e.fd));
  sslc_bio_free(e.bio);
  assert_false(is_open(e.fd));
  close(e.peer);
}

static void
test_borrowed(void **state)
{
  int fds[2];
  sslc_bio *bio;
  char buf[4];

  (void)state;
  make_sockets(fds);
  bio = sslc_bio_new_socket(fds[0], SSLC_NOCLOSE);
  assert_non_null(bio);
  sslc_bio_free(bio);
  assert_int_equal(write(fds[1], "x", 1), 1);
  assert_int_equal(read(fds[0], buf, sizeof buf), 1);
  close(fds[0]);
  close(fds[1]);
}

static void
test_connection_keeps_it(void **state)
{
  struct end e;
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);

  (void)state;
  end_init(&e);
  assert_ok(sslc_conn_set_bio(conn, e.bio, e.bio), sslc_conn_error(conn));
  assert_ptr_equal(sslc_conn_rbio(conn), e.bio);
  assert_ptr_equal(sslc_conn_wbio(conn), e.bio);
  assert_int_equal(sslc_conn_fd(conn), e.fd);
  sslc_bio_free(e.bio);
  assert_true(is_open(e.fd));
  sslc_conn_free(conn);
  assert_false(is_open(e.fd));
  close(e.peer);
  sslc_ctx_free(ctx);
}

static void
test_no_descriptor(void **state)
{
  int pipes[2];
  sslc_bio *bio;
  char buf[4];
  size_t n;

  (void)state;
  assert_null(sslc_bio_new_socket(-1, SSLC_CLOSE));
  assert_int_equal(pipe(pipes), 0);
  bio = sslc_bio_new_socket(pipes[0], SSLC_CLOSE);
  assert_non_null(bio);
  assert_status(sslc_bio_read(bio, buf, sizeof buf, &n), SSLC_ERR_SYS,
                sslc_bio_error(bio));
  assert_code(sslc_bio_error(bio), SSLC_CODE_SYSTEM_ERROR);
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), ENOTSOCK);
  sslc_bio_free(bio);
  close(pipes[1]);
}

static void
test_flags_are_left_alone(void **state)
{
  struct end e;
  char buf[4];
  size_t n;
  int flags;

  (void)state;
  end_init(&e);
  flags = fcntl(e.fd, F_GETFL);
  assert_ok(sslc_bio_set_nbio(e.bio, 0), sslc_bio_error(e.bio));
  assert_int_equal(fcntl(e.fd, F_GETFL), flags);
  assert_ok(sslc_bio_set_nbio(e.bio, 1), sslc_bio_error(e.bio));
  assert_status(sslc_bio_read(e.bio, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_bio_error(e.bio));
  assert_int_equal(fcntl(e.fd, F_GETFL), flags);
  end_free(&e);
}

static void
test_nodelay(void **state)
{
  struct server *server = server_start(serve_silence, NULL);
  int fd = connect_to(server_port(server));
  sslc_bio *bio = sslc_bio_new_socket(fd, SSLC_CLOSE);
  int on, want;
  socklen_t len = sizeof on;

  (void)state;
  for (want = 1; want >= 0; want--) {
    assert_ok(sslc_bio_set_tcp_nodelay(bio, want), sslc_bio_error(bio));
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len), 0);
    assert_int_equal(on != 0, want);
  }
  sslc_bio_free(bio);
  server_stop(server);
}

static void
test_nodelay_of_others(void **state)
{
  struct end e;

  (void)state;
  end_init(&e);
  assert_status(sslc_bio_set_tcp_nodelay(e.bio, 1), SSLC_ERR_SYS,
                sslc_bio_error(e.bio));
  assert_int_not_equal(sslc_error_errno(sslc_bio_error(e.bio)), 0);
  end_free(&e);
}

/* --------------------------------------------------------------- blocking */

struct blocked {
  sslc_bio *bio;
  sslc_status status;
  char got;
};

static void *
read_one(void *arg)
{
  struct blocked *b = arg;
  size_t n;

  b->status = sslc_bio_read(b->bio, &b->got, 1, &n);
  return NULL;
}

static void
ignore(int number)
{
  (void)number;
}

/* Signals that end a system call come before the byte does. */
static void
read_through_signals(struct end *e, struct blocked *b)
{
  struct sigaction action, before;
  pthread_t thread;
  int i;

  memset(&action, 0, sizeof action);
  action.sa_handler = ignore;
  assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
  assert_int_equal(pthread_create(&thread, NULL, read_one, b), 0);
  for (i = 0; i < 200; i++) {
    pthread_kill(thread, SIGUSR1);
    sched_yield();
  }
  assert_int_equal(write(e->peer, "x", 1), 1);
  pthread_join(thread, NULL);
  sigaction(SIGUSR1, &before, NULL);
}

static void
test_blocking(void **state)
{
  const int *flags = *state;
  struct end e;
  struct blocked b;

  end_init(&e);
  assert_int_equal(fcntl(e.fd, F_SETFL, *flags), 0);
  b.bio = e.bio;
  assert_ok(sslc_bio_set_nbio(e.bio, 0), sslc_bio_error(e.bio));
  read_through_signals(&e, &b);
  assert_int_equal(b.status, SSLC_OK);
  assert_int_equal(b.got, 'x');
  end_free(&e);
}

/* ----------------------------------------------------------------- misuse */

static void
test_bad_arguments(void **state)
{
  struct end e;
  char buf[4];
  size_t n = 7;

  (void)state;
  end_init(&e);
  assert_status(sslc_bio_read(NULL, buf, 1, &n), SSLC_ERR_ARG, NULL);
  assert_status(sslc_bio_write(NULL, buf, 1, &n), SSLC_ERR_ARG, NULL);
  assert_status(sslc_bio_read(e.bio, buf, 0, &n), SSLC_ERR_ARG, NULL);
  assert_int_equal(n, 0);
  assert_status(sslc_bio_read(e.bio, NULL, 1, &n), SSLC_ERR_ARG, NULL);
  assert_status(sslc_bio_write(e.bio, buf, 0, &n), SSLC_ERR_ARG, NULL);
  assert_code(sslc_bio_error(e.bio), SSLC_CODE_BAD_OPTION);
  assert_status(sslc_bio_set_nbio(NULL, 1), SSLC_ERR_ARG, NULL);
  assert_status(sslc_bio_set_tcp_nodelay(NULL, 1), SSLC_ERR_ARG, NULL);
  assert_status(sslc_bio_shutdown_wr(NULL), SSLC_ERR_ARG, NULL);
  assert_int_equal(sslc_bio_fd(NULL), -1);
  assert_int_equal(sslc_bio_pending(NULL), 0);
  assert_int_equal(sslc_bio_wpending(NULL), 0);
  assert_int_equal(sslc_bio_eof(NULL), 0);
  assert_null(sslc_bio_error(NULL));
  assert_null(sslc_bio_up_ref(NULL));
  sslc_bio_free(NULL);
  end_free(&e);
}

int
main(void)
{
  static const int plain = 0, nonblocking = O_NONBLOCK;

  add_test("a read gives what is there, then want_read", test_read, NULL);
  add_test("a read after the end gives closed", test_end, NULL);
  add_test("a reset is recorded with its errno", test_reset, NULL);
  add_test("a write arrives", test_write, NULL);
  add_test("a write into a full socket gives want_write", test_full, NULL);
  add_test("a write to nobody gives EPIPE and no signal", test_broken_pipe,
           NULL);
  add_test("shutdown_wr ends one direction only", test_shutdown_wr, NULL);
  add_test("the error is that of the last call",
           test_error_is_of_the_last_call, NULL);
  add_test("an owned descriptor is closed with the last reference", test_owned,
           NULL);
  add_test("a borrowed descriptor stays open", test_borrowed, NULL);
  add_test("a connection holds a reference", test_connection_keeps_it, NULL);
  add_test("what is no socket is an error", test_no_descriptor, NULL);
  add_test("O_NONBLOCK is left alone", test_flags_are_left_alone, NULL);
  add_test("TCP_NODELAY goes on and off", test_nodelay, NULL);
  add_test("TCP_NODELAY of a Unix socket is an error", test_nodelay_of_others,
           NULL);
  add_test("a blocking read waits through signals", test_blocking, &plain);
  add_test("a blocking read waits on a nonblocking descriptor too",
           test_blocking, &nonblocking);
  add_test("bad arguments are refused", test_bad_arguments, NULL);
  return run_all("bio_socket");
}
