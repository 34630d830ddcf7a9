/*
 * test_hold_count.c: what it is good for that the last flight is held: send
 * calls and segments counted, over TCP, with the flight held and without.
 */
#include "support_tap.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(__linux__)
#include <linux/tcp.h> /* tcpi_data_segs_out, which libc's does not have */
#else
#include <netinet/tcp.h>
#endif

enum { TCP = 6 };

/* ------------------------------------------------- two ends of a stream */

/* One that only hands its descriptor over. */
static void
serve_descriptor(int fd, void *where)
{
  int copy = dup(fd);

  if (write(*(int *)where, &copy, sizeof copy) != sizeof copy)
    close(copy);
}

static void
make_tcp(int fds[2])
{
  int handed[2], on = 1;
  struct server *server;

  assert_int_equal(pipe(handed), 0);
  server = server_start(serve_descriptor, &handed[1]);
  fds[0] = connect_to(server_port(server));
  assert_int_equal(read(handed[0], &fds[1], sizeof fds[1]), sizeof fds[1]);
  server_stop(server);
  close(handed[0]);
  close(handed[1]);
  assert_int_equal(setsockopt(fds[0], TCP, TCP_NODELAY, &on, sizeof on), 0);
  assert_int_equal(setsockopt(fds[1], TCP, TCP_NODELAY, &on, sizeof on), 0);
}

static void
link_init_tcp(struct link *link, sslc_ctx *client, sslc_ctx *server, int hold)
{
  sslc_bio *bios[2];
  int fds[2];

  make_tcp(fds);
  bios[0] = sslc_bio_new_socket(fds[0], SSLC_CLOSE);
  bios[1] = sslc_bio_new_socket(fds[1], SSLC_CLOSE);
  link_init(link, client, server, bios, hold);
}

/* The next of a script: h: handshake, w: write, r: read. */
static sslc_status
do_next(struct end *end)
{
  char buf[16];
  size_t n;

  switch (*end->script) {
  case 'h':
    return sslc_conn_do_handshake(end->conn);
  case 'w':
    return sslc_conn_write(end->conn, "hello", 5, &n);
  default:
    return sslc_conn_read(end->conn, buf, sizeof buf, &n);
  }
}

/* Goes on for as long as it can. */
static void
play(struct end *end)
{
  sslc_status status = SSLC_OK;

  while (*end->script != '\0' && status == SSLC_OK) {
    status = do_next(end);
    if (status < 0)
      fail_msg("%s", sslc_error_text(sslc_conn_error(end->conn)));
    if (status == SSLC_OK)
      end->script++;
  }
}

/* Each side does what its script says; where both wait and nothing comes, they
 * wait for each other. */
static void
link_play(struct link *link, const char *client, const char *server)
{
  link->client.script = client;
  link->server.script = server;
  for (;;) {
    struct pollfd fds[2] = { { link->client.fd, 0, 0 },
                             { link->server.fd, 0, 0 } };

    play(&link->client);
    play(&link->server);
    fds[0].events = *link->client.script != '\0' ? POLLIN : 0;
    fds[1].events = *link->server.script != '\0' ? POLLIN : 0;
    if (fds[0].events == 0 && fds[1].events == 0)
      return;
    if (poll(fds, 2, PATIENCE) <= 0)
      fail_msg("both sides wait: \"%s\" and \"%s\" are left",
               link->client.script, link->server.script);
  }
}

/* ---------------------------------------------------- what it is good for */

static const struct count {
  const char *test;
  int version;
  int resumed;
  const char *client, *server; /* the scripts */
  unsigned at_once[2];         /* send calls of client and server */
  unsigned held[2];
} counts[] = {
  { "TLS 1.3 full, the client writes first", SSLC_TLS1_3, 0, "hwr", "hrw",
    { 3, 4 }, { 2, 2 } },
  { "TLS 1.3 resumed, the client writes first", SSLC_TLS1_3, 1, "hwr", "hrw",
    { 3, 3 }, { 2, 2 } },
  { "TLS 1.2 full, the client writes first", SSLC_TLS1_2, 0, "hwr", "hrw",
    { 3, 3 }, { 3, 3 } },
  { "TLS 1.2 resumed, the client writes first", SSLC_TLS1_2, 1, "hwr", "hrw",
    { 3, 2 }, { 2, 2 } },
  { "TLS 1.3 full, the server speaks first", SSLC_TLS1_3, 0, "hrw", "hwr",
    { 3, 4 }, { 3, 2 } },
  { "TLS 1.3 resumed, the server speaks first", SSLC_TLS1_3, 1, "hrw", "hwr",
    { 3, 3 }, { 3, 2 } },
  { "TLS 1.2 full, the server speaks first", SSLC_TLS1_2, 0, "hrw", "hwr",
    { 3, 3 }, { 3, 2 } },
  { "TLS 1.2 resumed, the server speaks first", SSLC_TLS1_2, 1, "hrw", "hwr",
    { 3, 2 }, { 3, 2 } },
};

/*
 * How many segments with data the kernel has sent, without those that it sent
 * again because an answer was late; 0 where it does not say.
 */
static unsigned
data_segments(int fd)
{
#if defined(__linux__)
  struct tcp_info info;
  socklen_t len = sizeof info;

  memset(&info, 0, sizeof info);
  if (getsockopt(fd, TCP, TCP_INFO, &info, &len) == 0)
    return info.tcpi_data_segs_out - info.tcpi_total_retrans;
#endif
  (void)fd;
  return 0;
}

static void
measure(const struct count *row, sslc_ctx *client, sslc_ctx *server,
        sslc_session *session, int hold)
{
  const unsigned *want = hold ? row->held : row->at_once;
  unsigned segments[2];
  struct link link;

  link_init_tcp(&link, client, server, hold);
  if (session != NULL)
    assert_ok(sslc_conn_set_session(link.client.conn, session),
              sslc_conn_error(link.client.conn));
  link_play(&link, row->client, row->server);
  segments[0] = data_segments(link.client.fd);
  segments[1] = data_segments(link.server.fd);
  print_message("%-41s %-8s client %u sends %u segments, server %u sends %u "
                "segments\n", row->test, hold ? "held" : "at once",
                link.client.tap.writes, segments[0], link.server.tap.writes,
                segments[1]);
  assert_int_equal(sslc_conn_session_reused(link.client.conn), row->resumed);
  assert_int_equal(link.client.tap.writes, want[0]);
  /* Versions of libssl differ in how they cut what a server sends. */
  if (hold)
    assert_int_equal(link.server.tap.writes, want[1]);
  else
    assert_true(link.server.tap.writes >= want[1]);
  /* A segment a send call: small enough for one, and never put together. */
  if (segments[0] != 0)
    assert_int_equal(segments[0], link.client.tap.writes);
  if (segments[1] != 0)
    assert_int_equal(segments[1], link.server.tap.writes);
  link_free(&link);
}

static sslc_session *
session_of(sslc_ctx *client, sslc_ctx *server)
{
  struct link link;
  sslc_session *session;

  link_init_tcp(&link, client, server, 0);
  link_play(&link, "hwr", "hrw");
  session = sslc_conn_get1_session(link.client.conn);
  assert_non_null(session);
  link_free(&link);
  return session;
}

static void
test_count(void **state)
{
  const struct count *row = *state;
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");
  int hold;

  assert_ok(sslc_ctx_set_max_version(client, row->version),
            sslc_ctx_error(client));
  for (hold = 0; hold <= 1; hold++) {
    sslc_session *session = row->resumed ? session_of(client, server) : NULL;

    measure(row, client, server, session, hold);
    sslc_session_free(session);
  }
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

/* ----------------------------------------------------------- TLS in TLS */

/* How often the transport is written to, for a connection within another. */
static unsigned
count_nested(sslc_ctx *client, sslc_ctx *server, int hold, const char *script,
             const char *other)
{
  struct link below, link;
  sslc_bio *bios[2];
  unsigned writes;

  link_init_tcp(&below, client, server, hold);
  bios[0] = sslc_bio_new_conn(below.client.conn, SSLC_CLOSE);
  bios[1] = sslc_bio_new_conn(below.server.conn, SSLC_CLOSE);
  link_init(&link, client, server, bios, hold);
  link_play(&link, script, other);
  writes = below.client.tap.writes;
  link_free(&link);
  link_free(&below);
  return writes;
}

/* The flight below leaves with the first one above. */
static void
test_nested(void **state)
{
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");

  (void)state;
  assert_int_equal(count_nested(client, server, 0, "hwr", "hrw"), 5);
  assert_int_equal(count_nested(client, server, 1, "hwr", "hrw"), 3);
  assert_int_equal(count_nested(client, server, 1, "hrw", "hwr"), 4);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

static void
end_connect(struct end *end, sslc_bio *bio)
{
  bio = tap_new(&end->tap, bio);
  assert_ok(sslc_conn_set_bio(end->conn, bio, bio), sslc_conn_error(end->conn));
  sslc_bio_free(bio);
  assert_ok(sslc_conn_set_connect_state(end->conn), NULL);
  assert_ok(sslc_conn_set_server_name(end->conn, "localhost"), NULL);
  assert_ok(sslc_conn_set_hold_flight(end->conn, 1), NULL);
}

/* A BIO that connects by itself. */
static void
test_connecting(void **state)
{
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");
  struct server *at = server_start(serve_echo, server);
  struct end end;
  sslc_status status;
  char buf[8];
  size_t n;

  (void)state;
  end.conn = sslc_conn_new(client);
  end_connect(&end, sslc_bio_new_connect("127.0.0.1", server_port(at)));
  assert_int_equal(sslc_conn_do_handshake(end.conn), SSLC_WANT_CONNECT);
  status = sslc_conn_do_handshake_wait(end.conn, sslc_deadline(PATIENCE));
  assert_ok(status, sslc_conn_error(end.conn));
  assert_ok(sslc_conn_write(end.conn, "hello", 5, &n),
            sslc_conn_error(end.conn));
  assert_int_equal(end.tap.writes, 2);
  assert_ok(sslc_conn_read_wait(end.conn, buf, sizeof buf, &n,
                                sslc_deadline(PATIENCE)),
            sslc_conn_error(end.conn));
  assert_int_equal(n, 5);
  sslc_conn_close(end.conn);
  sslc_conn_free(end.conn);
  server_stop(at);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(counts); i++)
    add_test(counts[i].test, test_count, &counts[i]);
  add_test("TLS in TLS, both held", test_nested, NULL);
  add_test("on a BIO that connects", test_connecting, NULL);
  return run_all("hold_count");
}
