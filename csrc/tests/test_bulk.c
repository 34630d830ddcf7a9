/*
 * test_bulk.c: much data at once: that it comes whole when libssl reads, and
 * the BIO sends, several records at a time; and what is left when it is over.
 */
#include "internal.h"

#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { TOTAL = 4 * 1024 * 1024 };

static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };

/* Writes as much as goes; how far it has come. */
static size_t
write_some(sslc_conn *conn, const char *bytes, size_t len)
{
  size_t n, done = 0;

  while (done < len &&
         sslc_conn_write(conn, bytes + done, len - done, &n) == SSLC_OK)
    done += n;
  return done;
}

/* Reads all that there is, by so many bytes at once. */
static size_t
read_some(sslc_conn *conn, char *bytes, size_t room, size_t by)
{
  size_t n, done = 0;

  while (done < room &&
         sslc_conn_read(conn, bytes + done, by < room - done ? by : room - done,
                        &n) == SSLC_OK)
    done += n;
  return done;
}

/* All of the bytes; whether the reader had a large buffer meanwhile. */
static bool
carry(sslc_conn *from, sslc_conn *to, const char *bytes, size_t by)
{
  char *got = malloc(TOTAL);
  size_t sent = 0, come = 0;
  bool much = false;

  assert_non_null(got);
  while (come < TOTAL) {
    sent += write_some(from, bytes + sent, TOTAL - sent);
    come += read_some(to, got + come, TOTAL - come, by);
    much = much || to->reads_much;
  }
  assert_memory_equal(got, bytes, TOTAL);
  free(got);
  return much;
}

static void
test_large_reads(void **state)
{
  static const size_t sizes[] = { 100, 5000, 16384, 100000 };
  const int *version = *state;
  char *bytes = make_bytes(TOTAL);
  struct peers p;
  size_t i;

  for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    peers_connect_sockets(&p, *version);
    carry(p.server, p.client, bytes, sizes[i]);
    carry(p.client, p.server, bytes, sizes[i]);
    assert_true(carry(p.server, p.client, bytes, sizes[i]));
    send_through(p.server, p.client, "x", 1);
    send_through(p.server, p.client, "y", 1);
    assert_false(p.client->reads_much);
    peers_free(&p);
  }
  free(bytes);
}

static void
test_small_reads(void **state)
{
  const int *version = *state;
  struct peers p;
  int i;

  peers_connect_sockets(&p, *version);
  for (i = 0; i < 100; i++) {
    send_through(p.server, p.client, "not much", 8);
    send_through(p.client, p.server, "not much", 8);
    assert_false(p.client->reads_much);
    assert_false(p.server->reads_much);
  }
  peers_free(&p);
}

/* A write of much that the peer does not read: how far it has come. */
static size_t
write_until_full(struct peers *p, const char *bytes)
{
  size_t n, done = write_some(p->client, bytes, TOTAL);

  assert_in_range(done, 1, TOTAL - 1);
  assert_int_equal(sslc_conn_last_status(p->client), SSLC_WANT_WRITE);
  assert_in_range(sslc_conn_write_begun(p->client), 1, TOTAL - done);
  assert_int_equal(sslc_conn_write(p->client, bytes + done, TOTAL - done, &n),
                   SSLC_WANT_WRITE);
  assert_int_equal(n, 0);
  return done;
}

static void
test_unfinished(void **state)
{
  const int *version = *state;
  char *bytes = make_bytes(TOTAL), *got = malloc(TOTAL), c;
  size_t n, sent, come;
  struct peers p;

  assert_non_null(got);
  peers_connect_sockets(&p, *version);
  sent = write_until_full(&p, bytes);
  /* Reading goes on meanwhile, nothing else can be written. */
  assert_int_equal(sslc_conn_read(p.client, &c, 1, &n), SSLC_WANT_READ);
  send_through(p.server, p.client, "still here", 10);
  assert_int_equal(sslc_conn_write(p.client, bytes, 1, &n), SSLC_ERR_STATE);
  assert_int_equal(sslc_conn_shutdown(p.client), SSLC_ERR_STATE);
  come = 0;
  while (come < TOTAL) {
    come += read_some(p.server, got + come, TOTAL - come, 50000);
    sent += write_some(p.client, bytes + sent, TOTAL - sent);
  }
  assert_memory_equal(got, bytes, TOTAL);
  assert_int_equal(sslc_conn_write_begun(p.client), 0);
  send_through(p.client, p.server, "x", 1);
  peers_free(&p);
  free(got);
  free(bytes);
}

/* No more arrives than may have, and not less than was taken. */
static void
test_given_up(void **state)
{
  const int *version = *state;
  char *bytes = make_bytes(TOTAL), *got = malloc(TOTAL);
  size_t sent, begun, come;
  struct peers p;

  assert_non_null(got);
  peers_connect_sockets(&p, *version);
  send_through(p.server, p.client, "x", 1); /* behind the tickets */
  sent = write_until_full(&p, bytes);
  begun = sslc_conn_write_begun(p.client);
  sslc_conn_close(p.client);
  come = read_some(p.server, got, TOTAL, 50000);
  assert_int_equal(sslc_conn_last_status(p.server), SSLC_ERR_EOF);
  assert_in_range(come, sent, sent + begun);
  assert_memory_equal(got, bytes, come);
  peers_free(&p);
  free(got);
  free(bytes);
}

/* A flush sends what is left of it as well; the write then has little to do. */
static void
test_flushed(void **state)
{
  const int *version = *state;
  char *bytes = make_bytes(TOTAL), *got = malloc(TOTAL);
  size_t n, sent, begun, come = 0;
  struct peers p;

  assert_non_null(got);
  peers_connect_sockets(&p, *version);
  sent = write_until_full(&p, bytes);
  begun = sslc_conn_write_begun(p.client);
  while (sslc_conn_flush(p.client) == SSLC_WANT_WRITE)
    come += read_some(p.server, got + come, TOTAL - come, 50000);
  assert_ok(sslc_conn_write(p.client, bytes + sent, TOTAL - sent, &n),
            sslc_conn_error(p.client));
  assert_int_equal(n, begun);
  come += read_some(p.server, got + come, TOTAL - come, 50000);
  assert_int_equal(come, sent + n);
  assert_memory_equal(got, bytes, come);
  peers_free(&p);
  free(got);
  free(bytes);
}

static const struct {
  const char *name;
  CMUnitTestFunction function;
} tests[] = {
  { "much is read in large pieces, and comes whole", test_large_reads },
  { "little is not", test_small_reads },
  { "several records are sent at once, and all of them", test_unfinished },
  { "what a write has begun with may arrive", test_given_up },
  { "a flush sends what a write has begun with", test_flushed },
};

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(tests); i++) {
    add_test(tests[i].name, tests[i].function, &versions[1]);
    add_test("... with TLS 1.2", tests[i].function, &versions[0]);
  }
  return run_all("bulk");
}
