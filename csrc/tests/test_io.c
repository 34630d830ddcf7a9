/*
 * test_io.c: what goes through a connection once it is there: SSL_read_ex(3),
 * SSL_peek_ex, SSL_write_ex(3), SSL_pending(3).
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* The versions that most tests are made for. */
static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };

static void
connect_peers(struct peers *p, int version)
{
  peers_init(p, make_client_ctx_of(version), make_server_ctx("good"),
             "localhost");
  assert_ok(shake(p), sslc_conn_error(p->client));
}

static void
test_both_ways(void **state)
{
  const int *version = *state;
  struct peers p;
  char *bytes = make_bytes(60000);

  connect_peers(&p, *version);
  send_through(p.client, p.server, "hello", 5);
  send_through(p.server, p.client, "back", 4);
  send_through(p.client, p.server, bytes, 60000);
  send_through(p.server, p.client, bytes, 60000);
  free(bytes);
  peers_free(&p);
}

static void
test_nothing_there(void **state)
{
  const int *version = *state;
  struct peers p;
  char buf[16];
  size_t n = 7;

  connect_peers(&p, *version);
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_int_equal(n, 0);
  assert_null(sslc_conn_error(p.client));
  n = 7;
  assert_status(sslc_conn_peek(p.client, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_int_equal(n, 0);
  assert_int_equal(sslc_conn_pending(p.client), 0);
  peers_free(&p);
}

static void
test_pending(void **state)
{
  const int *version = *state;
  struct peers p;
  char buf[16];
  size_t n;

  connect_peers(&p, *version);
  assert_ok(sslc_conn_write(p.server, "0123456789", 10, &n),
            sslc_conn_error(p.server));
  assert_int_equal(n, 10);
  assert_int_equal(sslc_conn_pending(p.client), 0);
  assert_ok(sslc_conn_read(p.client, buf, 4, &n), sslc_conn_error(p.client));
  assert_int_equal(n, 4);
  assert_int_equal(sslc_conn_pending(p.client), 6);
  assert_int_equal(sslc_conn_has_pending(p.client), 1);
  assert_ok(sslc_conn_read(p.client, buf, sizeof buf, &n),
            sslc_conn_error(p.client));
  assert_int_equal(n, 6);
  assert_memory_equal(buf, "456789", 6);
  assert_int_equal(sslc_conn_pending(p.client), 0);
  assert_status(sslc_conn_read(p.client, buf, 1, &n), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_has_pending(p.client), 0);
  peers_free(&p);
}

/* Two records that came in one piece: the second is in the library, and the
 * socket does not tell. */
static void
test_has_pending(void **state)
{
  const int *version = *state;
  struct peers p;
  char buf[16];
  size_t n;

  peers_connect_sockets(&p, *version);
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_ok(sslc_conn_write(p.server, "one", 3, &n),
            sslc_conn_error(p.server));
  assert_ok(sslc_conn_write(p.server, "two", 3, &n),
            sslc_conn_error(p.server));
  assert_ok(sslc_conn_read(p.client, buf, sizeof buf, &n),
            sslc_conn_error(p.client));
  assert_int_equal(n, 3);
  if (sslc_conn_has_pending(p.client) == 0) {
    int revents;

    assert_int_equal(sslc_fd_wait(sslc_conn_fd(p.client), SSLC_READABLE,
                                  sslc_deadline(0), &revents), SSLC_OK);
  }
  assert_ok(sslc_conn_read(p.client, buf, sizeof buf, &n),
            sslc_conn_error(p.client));
  assert_memory_equal(buf, "two", 3);
  peers_free(&p);
}

static void
test_peek(void **state)
{
  const int *version = *state;
  struct peers p;
  char buf[16];
  size_t n;
  int again;

  connect_peers(&p, *version);
  assert_ok(sslc_conn_write(p.server, "hello", 5, &n),
            sslc_conn_error(p.server));
  for (again = 0; again < 2; again++) {
    memset(buf, 0, sizeof buf);
    assert_ok(sslc_conn_peek(p.client, buf, sizeof buf, &n),
              sslc_conn_error(p.client));
    assert_int_equal(n, 5);
    assert_memory_equal(buf, "hello", 5);
  }
  assert_ok(sslc_conn_read(p.client, buf, sizeof buf, &n),
            sslc_conn_error(p.client));
  assert_int_equal(n, 5);
  peers_free(&p);
}

static void
test_no_bytes(void **state)
{
  const int *version = *state;
  struct peers p;
  char buf[16];
  size_t n = 7;

  connect_peers(&p, *version);
  assert_ok(sslc_conn_write(p.client, buf, 0, &n), sslc_conn_error(p.client));
  assert_int_equal(n, 0);
  assert_status(sslc_conn_read(p.server, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_conn_error(p.server));
  n = 7;
  assert_status(sslc_conn_read(p.client, buf, 0, &n), SSLC_ERR_ARG,
                sslc_conn_error(p.client));
  assert_int_equal(n, 0);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_BAD_OPTION);
  n = 7;
  assert_status(sslc_conn_peek(p.client, buf, 0, &n), SSLC_ERR_ARG,
                sslc_conn_error(p.client));
  assert_int_equal(n, 0);
  send_through(p.server, p.client, "usable", 6);
  peers_free(&p);
}

/* ------------------------------------------------------ writes that wait */

/* The bytes from `done` on, at a new address each time. */
static sslc_status
write_moved(sslc_conn *conn, const char *bytes, size_t len, size_t *done)
{
  char *moved = malloc(len - *done);
  sslc_status status;
  size_t n;

  assert_non_null(moved);
  memcpy(moved, bytes + *done, len - *done);
  status = sslc_conn_write(conn, moved, len - *done, &n);
  assert_true(status == SSLC_OK || n == 0);
  memset(moved, 'x', len - *done);
  free(moved);
  *done += n;
  return status;
}

static sslc_status
read_more(sslc_conn *conn, char *bytes, size_t len, size_t *done)
{
  size_t n;
  sslc_status status = sslc_conn_read(conn, bytes + *done, len - *done, &n);

  *done += n;
  return status;
}

/* A stream that is larger than any buffer on the way, in both directions at
 * once; how often a writer had to wait. */
static int
exchange(struct peers *p, const char *bytes, size_t len)
{
  char *there = malloc(len), *back = malloc(len);
  size_t sent[2] = { 0, 0 }, got[2] = { 0, 0 };
  int waits = 0;

  assert_non_null(there);
  assert_non_null(back);
  while (got[0] < len || got[1] < len) {
    if (sent[0] < len)
      waits += write_moved(p->client, bytes, len, &sent[0]) ==
               SSLC_WANT_WRITE;
    if (sent[1] < len)
      waits += write_moved(p->server, bytes, len, &sent[1]) ==
               SSLC_WANT_WRITE;
    if (got[0] < len)
      assert_true(read_more(p->server, there, len, &got[0]) >= 0);
    if (got[1] < len)
      assert_true(read_more(p->client, back, len, &got[1]) >= 0);
  }
  assert_memory_equal(there, bytes, len);
  assert_memory_equal(back, bytes, len);
  free(there);
  free(back);
  return waits;
}

static void
test_duplex_sockets(void **state)
{
  const int *version = *state;
  const size_t len = 400000;
  char *bytes = make_bytes(len);
  struct peers p;
  int size = 1;

  peers_connect_sockets(&p, *version);
  /* The kernel rounds it up to the least it has. */
  setsockopt(sslc_conn_fd(p.client), SOL_SOCKET, SO_SNDBUF, &size,
             sizeof size);
  setsockopt(sslc_conn_fd(p.server), SOL_SOCKET, SO_SNDBUF, &size,
             sizeof size);
  assert_true(exchange(&p, bytes, len) > 0);
  free(bytes);
  peers_free(&p);
}

static void
test_duplex_pair(void **state)
{
  const int *version = *state;
  const size_t len = 200000;
  char *bytes = make_bytes(len);
  struct peers p;
  sslc_bio *bio1, *bio2;

  peers_init(&p, make_client_ctx_of(*version), make_server_ctx("good"),
             "localhost");
  assert_int_equal(sslc_bio_new_pair(&bio1, 1000, &bio2, 700), SSLC_OK);
  assert_ok(sslc_conn_set_bio(p.client, bio1, bio1),
            sslc_conn_error(p.client));
  assert_ok(sslc_conn_set_bio(p.server, bio2, bio2),
            sslc_conn_error(p.server));
  sslc_bio_free(bio1);
  sslc_bio_free(bio2);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_true(exchange(&p, bytes, len) > 0);
  free(bytes);
  peers_free(&p);
}

static void
test_partial(void **state)
{
  const int *version = *state;
  const size_t len = 100000;
  char *bytes = make_bytes(len), buf[20000];
  struct peers p;
  size_t n, got;

  connect_peers(&p, *version);
  assert_ok(sslc_conn_write(p.client, bytes, len, &n),
            sslc_conn_error(p.client));
  /* A record, as much as the pair holds, and no more. */
  assert_true(n > 0 && n < len);
  assert_ok(sslc_conn_read(p.server, buf, sizeof buf, &got),
            sslc_conn_error(p.server));
  assert_int_equal(got, n);
  assert_memory_equal(buf, bytes, n);
  free(bytes);
  peers_free(&p);
}

static const struct test {
  const char *name;
  CMUnitTestFunction function;
} tests[] = {
  { "bytes go both ways", test_both_ways },
  { "a read of nothing is want_read", test_nothing_there },
  { "what a read left is pending", test_pending },
  { "a second record is pending or still in the socket", test_has_pending },
  { "peek takes nothing", test_peek },
  { "no bytes are written and none can be asked for", test_no_bytes },
  { "a write takes as much as there is room for", test_partial },
  { "full duplex over sockets with small buffers, from moved memory",
    test_duplex_sockets },
  { "full duplex over a narrow pair, from moved memory", test_duplex_pair },
};

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(tests); i++) {
    add_test(tests[i].name, tests[i].function, &versions[1]);
    add_test("... with TLS 1.2", tests[i].function, &versions[0]);
  }
  return run_all("io");
}
