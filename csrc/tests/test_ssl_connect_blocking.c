/*
 * test_ssl_connect_blocking.c: what SSL_connect(3) says of BIOs that block,
 * and of Nagle's algorithm.  The servers are slow, so that there is something
 * to wait for: each byte of theirs comes alone.
 */
#include "support_handshake.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* ----------------------------------------------------------- -- blocking */

/* A client that blocks, and the server that keeps it waiting. */
struct blocking {
  sslc_conn *client;
  struct trickle server;
};

static void
blocking_init(struct blocking *b, const struct kind *kind)
{
  int fds[2];

  make_tcp(fds);
  b->client = client_on(kind_client(kind), fds[0], 0);
  trickle_init(&b->server, kind, fds[1]);
}

static void
blocking_free(struct blocking *b)
{
  sslc_conn_free(b->client);
  trickle_end(&b->server);
}

static void
test_blocking(void **state)
{
  const struct kind *kind = *state;
  struct blocking b;

  blocking_init(&b, kind);
  trickle_start(&b.server);
  assert_ok(sslc_conn_connect(b.client), sslc_conn_error(b.client));
  assert_last(b.client, SSLC_OK, 1, GET_ERROR_NONE);
  assert_int_equal(sslc_conn_is_verified(b.client), 1);
  blocking_free(&b);
}

static void
test_blocking_interrupted(void **state)
{
  const struct kind *kind = *state;
  pthread_t self = pthread_self();
  struct blocking b;

  catch_signals();
  atomic_store(&signals, 0);
  blocking_init(&b, kind);
  b.server.interrupted = &self;
  trickle_start(&b.server);
  assert_ok(sslc_conn_connect(b.client), sslc_conn_error(b.client));
  assert_last(b.client, SSLC_OK, 1, GET_ERROR_NONE);
  assert_true(atomic_load(&signals) > 500);
  blocking_free(&b);
}

static void
test_blocking_full(void **state)
{
  const struct kind *kind = *state;
  struct blocking b;
  pthread_t self = pthread_self();

  catch_signals();
  blocking_init(&b, kind);
  b.server.skip = fill(sslc_conn_fd(b.client));
  b.server.interrupted = &self;
  trickle_start(&b.server);
  assert_ok(sslc_conn_connect(b.client), sslc_conn_error(b.client));
  blocking_free(&b);
}

static const struct broken {
  const char *test;
  enum ending ending;
  size_t budget; /* bytes of the server before that */
  sslc_status status;
  int code;
  int ssl_error;
} brokens[] = {
  { "connect on a blocking BIO fails when the stream ends at once", END_EOF, 0,
    SSLC_ERR_EOF, SSLC_CODE_HANDSHAKE_EOF, 0 },
  { "connect on a blocking BIO fails when the stream ends", END_EOF, 300,
    SSLC_ERR_EOF, SSLC_CODE_HANDSHAKE_EOF, 0 },
  { "connect on a blocking BIO fails when there is a reset", END_RESET, 300,
    SSLC_ERR_SYS, SSLC_CODE_CONNECTION_RESET, GET_ERROR_SYSCALL },
  { "connect on a blocking BIO fails when garbage comes", END_GARBAGE, 300,
    SSLC_ERR_PROTO, SSLC_CODE_PROTOCOL_ERROR, GET_ERROR_SSL },
  { "connect on a blocking BIO fails when it is not TLS", END_GARBAGE, 0,
    SSLC_ERR_PROTO, SSLC_CODE_NOT_TLS, GET_ERROR_SSL },
};

static void
test_blocking_broken(void **state)
{
  const struct broken *row = *state;
  struct blocking b;

  blocking_init(&b, &tls13);
  b.server.budget = row->budget;
  b.server.ending = row->ending;
  trickle_start(&b.server);
  assert_status(sslc_conn_connect(b.client), row->status,
                sslc_conn_error(b.client));
  assert_code(sslc_conn_error(b.client), row->code);
  assert_true(sslc_conn_last_return(b.client) < 0);
  /* What an end of the stream is called depends on libssl's version. */
  if (row->ssl_error != 0)
    assert_last(b.client, row->status, -1, row->ssl_error);
  blocking_free(&b);
}

/* ------------------------------------------------------------------ Nagle */

static int
nodelay(int fd)
{
  int value = -1;
  socklen_t len = sizeof value;

  assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &len), 0);
  return value != 0;
}

static const struct nagle {
  const char *test;
  int during, after; /* what TCP_NODELAY is set to; -1: not set */
} nagles[] = {
  { "Nagle's algorithm is as the system has it", -1, -1 },
  { "TCP_NODELAY can be switched on", 1, -1 },
  { "TCP_NODELAY can be on in the handshake and off after it", 1, 0 },
};

static void
test_nagle(void **state)
{
  const struct nagle *row = *state;
  sslc_bio *bio;
  struct blocking b;
  int fd;

  blocking_init(&b, &tls13);
  bio = sslc_conn_rbio(b.client);
  fd = sslc_bio_fd(bio);
  if (row->during >= 0)
    assert_ok(sslc_bio_set_tcp_nodelay(bio, row->during), sslc_bio_error(bio));
  assert_int_equal(nodelay(fd), row->during == 1);
  trickle_start(&b.server);
  assert_ok(sslc_conn_connect(b.client), sslc_conn_error(b.client));
  assert_int_equal(nodelay(fd), row->during == 1);
  if (row->after >= 0)
    assert_ok(sslc_bio_set_tcp_nodelay(bio, row->after), sslc_bio_error(bio));
  assert_int_equal(nodelay(fd), (row->after >= 0 ? row->after
                                                 : row->during) == 1);
  blocking_free(&b);
}

int
main(void)
{
  size_t i;

  add_test("connect on a blocking BIO returns once it is done, TLS 1.3",
           test_blocking, &tls13);
  add_test("connect on a blocking BIO returns once it is done, TLS 1.2",
           test_blocking, &tls12_cert);
  add_test("connect on a blocking BIO outlasts signals, TLS 1.3",
           test_blocking_interrupted, &tls13);
  add_test("connect on a blocking BIO outlasts signals, TLS 1.2",
           test_blocking_interrupted, &tls12_cert);
  add_test("connect on a blocking BIO waits while the send buffer is full",
           test_blocking_full, &tls13);
  for (i = 0; i < COUNT(brokens); i++)
    add_test(brokens[i].test, test_blocking_broken, &brokens[i]);
  for (i = 0; i < COUNT(nagles); i++)
    add_test(nagles[i].test, test_nagle, &nagles[i]);
  return run_all("ssl_connect_blocking");
}
