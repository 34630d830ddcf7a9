/*
 * support_handshake.c: kinds of handshakes, sockets that are full, servers
 * that are slow or break off, threads that are in disorder.
 */
#include "support_handshake.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/sockios.h> /* SIOCOUTQ and SIOCOUTQNSD */
#endif

#include <openssl/err.h>
#include <openssl/ssl.h>

void
check_last(const sslc_conn *conn, sslc_status status, int ret, int ssl_error,
           const char *file, int line)
{
  if (sslc_conn_last_status(conn) == status &&
      sslc_conn_last_return(conn) == ret &&
      sslc_conn_ssl_error(conn) == ssl_error)
    return;
  print_error("the step gave %s, return %d, SSL_get_error %d, where %s, %d, "
              "%d was expected\n",
              sslc_status_name(sslc_conn_last_status(conn)),
              sslc_conn_last_return(conn), sslc_conn_ssl_error(conn),
              sslc_status_name(status), ret, ssl_error);
  _fail(file, line);
}

/* ------------------------------------------------------------------ kinds */

const struct kind tls13 = { SSLC_TLS1_3, 0 };
const struct kind tls12 = { SSLC_TLS1_2, 0 };
const struct kind tls13_cert = { SSLC_TLS1_3, 1 };
const struct kind tls12_cert = { SSLC_TLS1_2, 1 };

static void
set_version(sslc_ctx *ctx, int version)
{
  assert_ok(sslc_ctx_set_min_version(ctx, version), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
}

static void
trust_ca(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")),
            sslc_ctx_error(ctx));
}

sslc_ctx *
kind_client(const struct kind *kind)
{
  sslc_ctx *ctx = kind->client_cert ? make_server_ctx("client")
                                    : sslc_ctx_new();

  assert_non_null(ctx);
  trust_ca(ctx);
  set_version(ctx, kind->version);
  return ctx;
}

sslc_ctx *
kind_server(const struct kind *kind)
{
  sslc_ctx *ctx = make_server_ctx("good");

  set_version(ctx, kind->version);
  if (!kind->client_cert)
    return ctx;
  trust_ca(ctx);
  assert_ok(sslc_ctx_set_verify_client(ctx, SSLC_VERIFY_CLIENT_REQUIRED),
            sslc_ctx_error(ctx));
  return ctx;
}

/* Gives the connection one half; the other. */
static sslc_bio *
join(sslc_conn *conn, size_t size)
{
  sslc_bio *mine, *other;

  assert_int_equal(sslc_bio_new_pair(&mine, size, &other, size), SSLC_OK);
  assert_ok(sslc_conn_set_bio(conn, mine, mine), sslc_conn_error(conn));
  sslc_bio_free(mine);
  return other;
}

void
wire_init_kind(struct wire *w, const struct kind *kind, size_t size)
{
  wire_init(w, kind_client(kind), kind_server(kind), "localhost");
  sslc_bio_free(w->to_client);
  sslc_bio_free(w->to_server);
  w->to_client = join(w->client, size);
  w->to_server = join(w->server, size);
}

void
check_kind(const sslc_conn *client, const sslc_conn *server,
           const struct kind *kind)
{
  const char *version = kind->version == SSLC_TLS1_3 ? "TLSv1.3" : "TLSv1.2";

  assert_int_equal(sslc_conn_is_connected(client), 1);
  assert_int_equal(sslc_conn_is_verified(client), 1);
  assert_string_equal(sslc_conn_version(client), version);
  assert_int_equal(sslc_conn_is_connected(server), 1);
  assert_int_equal(sslc_conn_is_verified(server), kind->client_cert);
  assert_string_equal(sslc_conn_version(server), version);
  assert_string_equal(sslc_conn_cipher(server), sslc_conn_cipher(client));
}

/* ---------------------------------------------------------------- sockets */

void
make_tcp(int fds[2])
{
  struct sockaddr_in address;
  socklen_t len = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);

  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  assert_int_equal(bind(listener, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(listener, 1), 0);
  assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &len),
                   0);
  fds[0] = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(connect(fds[0], (struct sockaddr *)&address, len), 0);
  fds[1] = accept(listener, NULL, NULL);
  assert_true(fds[1] >= 0);
  close(listener);
}

static sslc_conn *
conn_on(sslc_ctx *ctx, int fd, int nonblocking)
{
  sslc_conn *conn = sslc_conn_new(ctx);
  sslc_bio *bio = sslc_bio_new_socket(fd, SSLC_CLOSE);

  assert_non_null(conn);
  assert_ok(sslc_bio_set_nbio(bio, nonblocking), sslc_bio_error(bio));
  assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
  sslc_bio_free(bio);
  sslc_ctx_free(ctx);
  return conn;
}

sslc_conn *
client_on(sslc_ctx *ctx, int fd, int nonblocking)
{
  sslc_conn *conn = conn_on(ctx, fd, nonblocking);

  assert_ok(sslc_conn_set_server_name(conn, "localhost"),
            sslc_conn_error(conn));
  return conn;
}

sslc_conn *
server_on(sslc_ctx *ctx, int fd, int nonblocking)
{
  return conn_on(ctx, fd, nonblocking);
}

/* Whether bytes are on their way: once they have come there is room again. */
static int
in_flight(int fd)
{
#if defined(SIOCOUTQ) && defined(SIOCOUTQNSD)
  int queued = 0, unsent = 0;

  if (ioctl(fd, SIOCOUTQ, &queued) == 0 && ioctl(fd, SIOCOUTQNSD, &unsent) == 0)
    return queued > unsent;
#endif
  (void)fd;
  return 0;
}

/* Sends pieces until there is no room for one; how many bytes. */
static size_t
send_pieces(int fd, size_t len)
{
  static const char zeros[512];
  ssize_t n;
  size_t sum = 0;

  while ((n = send(fd, zeros, len, MSG_DONTWAIT)) > 0)
    sum += (size_t)n;
  return sum;
}

size_t
fill(int fd)
{
  const int small = 1;
  size_t sum, more;

  assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof small),
                   0);
  sum = send_pieces(fd, 512);
  assert_true(sum > 0);
  do {
    while (in_flight(fd))
      poll(NULL, 0, 1);
    more = send_pieces(fd, 1);
    sum += more;
  } while (more > 0);
  return sum;
}

void
drain(int fd, size_t n)
{
  char buf[1024];

  while (n > 0) {
    ssize_t got = recv(fd, buf, n < sizeof buf ? n : sizeof buf, 0);

    if (got <= 0)
      return;
    n -= (size_t)got;
  }
}

size_t
arrived(int fd)
{
  char buf[16384];
  ssize_t n = recv(fd, buf, sizeof buf, MSG_PEEK | MSG_DONTWAIT);

  return n > 0 ? (size_t)n : 0;
}

void
make_garbage(unsigned char *bytes, size_t len, unsigned seed)
{
  size_t i;

  for (i = 0; i < len; i++) {
    seed = seed * 1103515245u + 12345u;
    bytes[i] = (unsigned char)(seed >> 16);
  }
}

void
end_socket(int fd, enum ending ending)
{
  const struct linger none = { 1, 0 };
  unsigned char garbage[4096];

  if (ending == END_GARBAGE) {
    make_garbage(garbage, sizeof garbage, 1);
    if (send(fd, garbage, sizeof garbage, MSG_NOSIGNAL) < 0)
      return;
  }
  if (ending == END_RESET)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  else
    shutdown(fd, SHUT_WR);
}

/* ------------------------------------------------------------- slow peers */

atomic_uint signals;

static void
count_signal(int number)
{
  (void)number;
  atomic_fetch_add(&signals, 1);
}

void
catch_signals(void)
{
  struct sigaction action;

  memset(&action, 0, sizeof action);
  action.sa_handler = count_signal; /* no SA_RESTART */
  assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
}

/* One signal, and its handler has begun. */
static void
interrupt(pthread_t thread)
{
  unsigned before = atomic_load(&signals);

  if (pthread_kill(thread, SIGUSR1) != 0)
    return;
  while (atomic_load(&signals) == before)
    ;
}

/* Moves what the client has sent; 0 at its end. */
static int
take_in(struct trickle *t)
{
  struct pollfd one = { t->fd, POLLIN, 0 };
  char buf[4096];
  size_t n;

  if (poll(&one, 1, PATIENCE) <= 0)
    return 0;
  ssize_t got = recv(t->fd, buf, sizeof buf, 0);
  return got > 0 && sslc_bio_write(t->wire, buf, (size_t)got, &n) == SSLC_OK;
}

/* Sends what there is, one byte at a time; 0 when no more is to be sent. */
static int
let_out(struct trickle *t)
{
  char byte;
  size_t n;

  while (t->sent < t->budget &&
         sslc_bio_read(t->wire, &byte, 1, &n) == SSLC_OK) {
    if (t->interrupted != NULL)
      interrupt(*t->interrupted);
    if (send(t->fd, &byte, 1, MSG_NOSIGNAL) != 1)
      return 0;
    t->sent++;
  }
  return t->sent < t->budget;
}

static void *
run_trickle(void *arg)
{
  struct trickle *t = arg;

  drain(t->fd, t->skip);
  for (;;) {
    sslc_status status = sslc_conn_accept(t->conn);

    if (!let_out(t) || !is_want(status) || !take_in(t))
      break;
  }
  end_socket(t->fd, t->ending);
  if (t->ending != END_RESET)
    while (take_in(t)) /* a close with bytes unread would be a reset */
      ;
  close(t->fd);
  return NULL;
}

void
trickle_init(struct trickle *t, const struct kind *kind, int fd)
{
  sslc_ctx *ctx = kind_server(kind);

  memset(t, 0, sizeof *t);
  t->fd = fd;
  t->budget = SIZE_MAX;
  t->conn = sslc_conn_new(ctx);
  assert_non_null(t->conn);
  t->wire = join(t->conn, 0);
  sslc_ctx_free(ctx);
}

void
trickle_start(struct trickle *t)
{
  assert_int_equal(pthread_create(&t->thread, NULL, run_trickle, t), 0);
}

void
trickle_end(struct trickle *t)
{
  pthread_join(t->thread, NULL);
  sslc_conn_free(t->conn);
  sslc_bio_free(t->wire);
}

/* --------------------------------------------------------------- disorder */

void
leave_errors(void)
{
  assert_null(BIO_new_file("", "r"));
  assert_null(SSL_CTX_new(NULL));
  assert_int_not_equal(ERR_peek_error(), 0);
  errno = ECONNRESET;
}

unsigned
count_errors(void)
{
  unsigned n = 0;

  while (ERR_get_error() != 0)
    n++;
  return n;
}
