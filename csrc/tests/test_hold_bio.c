/*
 * test_hold_bio.c: the BIO that holds a flight, by itself: what it takes is
 * sent or held, in order, and never more than it may.
 */
#include "support_tap.h"

#include "internal.h"

#include <string.h>

enum { MOST = 16 * 1024 }; /* held */

struct bench {
  sslc_ctx *ctx;
  sslc_conn *conn;
  sslc_bio *far; /* the other half */
  struct tap tap;
  BIO *bio;
  struct sslci_hold *hold;
};

static void
bench_init(struct bench *b)
{
  sslc_bio *near;

  b->ctx = make_client_ctx();
  b->conn = sslc_conn_new(b->ctx);
  assert_int_equal(sslc_bio_new_pair(&near, 64 * 1024, &b->far, 0), SSLC_OK);
  near = tap_new(&b->tap, near);
  assert_ok(sslc_conn_set_bio(b->conn, near, near), sslc_conn_error(b->conn));
  sslc_bio_free(near);
  b->bio = sslci_hold_bio(b->conn);
  assert_non_null(b->bio);
  b->hold = sslci_hold_of(b->bio);
  assert_true(b->hold->holding);
}

static void
bench_free(struct bench *b)
{
  BIO_free(b->bio);
  sslc_conn_free(b->conn);
  sslc_bio_free(b->far);
  sslc_ctx_free(b->ctx);
}

static void
check_arrived(struct bench *b, const char *want)
{
  char buf[256];
  size_t n;

  if (*want == '\0') {
    assert_int_equal(sslc_bio_pending(b->far), 0);
    return;
  }
  assert_ok(sslc_bio_read(b->far, buf, sizeof buf, &n), sslc_bio_error(b->far));
  assert_int_equal(n, strlen(want));
  assert_memory_equal(buf, want, n);
}

/* ---------------------------------------------------------------- writing */

static void
test_gathers(void **state)
{
  struct bench b;

  (void)state;
  bench_init(&b);
  assert_int_equal(BIO_write(b.bio, "one ", 4), 4);
  assert_int_equal(BIO_flush(b.bio), 1);
  assert_int_equal(BIO_puts(b.bio, "two "), 4);
  assert_int_equal(BIO_wpending(b.bio), 8);
  check_arrived(&b, "");
  b.hold->holding = false;
  check_arrived(&b, "");
  assert_int_equal(BIO_write(b.bio, "three", 5), 5);
  assert_int_equal(b.tap.writes, 1);
  assert_null(b.hold->bytes);
  check_arrived(&b, "one two three");
  assert_int_equal(BIO_write(b.bio, "four", 4), 4);
  check_arrived(&b, "four");
  bench_free(&b);
}

/* What is taken of a write that is sent in part: of "held" and "record". */
static const struct part {
  const char *test;
  size_t room;
  int taken;
  const char *arrived;
  int held;
} parts[] = {
  { "no room", 0, -1, "", 4 },
  { "room for a part of what is held", 3, -1, "hel", 1 },
  { "room for what is held", 4, -1, "held", 0 },
  { "room for a part of the record", 6, 2, "heldre", 0 },
  { "room for all but a byte", 9, 5, "heldrecor", 0 },
  { "room for all", 10, 6, "heldrecord", 0 },
};

static void
test_part(void **state)
{
  const struct part *row = *state;
  struct bench b;

  bench_init(&b);
  assert_int_equal(BIO_write(b.bio, "held", 4), 4);
  b.hold->holding = false;
  b.tap.room = row->room;
  assert_int_equal(BIO_write(b.bio, "record", 6), row->taken);
  assert_int_equal(BIO_should_write(b.bio) != 0, row->taken < 0);
  assert_int_equal(b.hold->len, row->held);
  assert_int_equal(b.hold->bytes != NULL, row->held > 0);
  check_arrived(&b, row->arrived);
  b.tap.room = SIZE_MAX;
  assert_int_equal(BIO_flush(b.bio), 1);
  assert_int_equal(b.hold->len, 0);
  bench_free(&b);
}

static void
test_bounded(void **state)
{
  struct bench b;
  char piece[1000];
  size_t sent = 0;

  (void)state;
  bench_init(&b);
  memset(piece, 'x', sizeof piece);
  while (sent < (size_t)2 * MOST) {
    assert_int_equal(BIO_write(b.bio, piece, sizeof piece), sizeof piece);
    sent += sizeof piece;
    assert_true(b.hold->len <= MOST);
    assert_int_equal(b.tap.bytes + b.hold->len, sent);
  }
  assert_int_equal(b.tap.writes, 1);
  bench_free(&b);
}

/* ---------------------------------------------------------------- reading */

static void
test_reads_first(void **state)
{
  struct bench b;
  char buf[16];

  (void)state;
  bench_init(&b);
  assert_int_equal(BIO_write(b.bio, "held", 4), 4);
  b.hold->holding = false;
  inject(b.far, "data", 4);
  assert_int_equal(BIO_pending(b.bio), 4);
  assert_int_equal(BIO_read(b.bio, buf, sizeof buf), 4);
  assert_memory_equal(buf, "data", 4);
  check_arrived(&b, "");
  assert_int_equal(BIO_read(b.bio, buf, sizeof buf), -1);
  assert_true(BIO_should_read(b.bio));
  check_arrived(&b, "held");
  bench_free(&b);
}

/* libssl has flushed, and waits. */
static void
test_sends_first(void **state)
{
  struct bench b;
  char buf[16];

  (void)state;
  bench_init(&b);
  assert_int_equal(BIO_write(b.bio, "held", 4), 4);
  inject(b.far, "data", 4);
  b.tap.room = 1;
  assert_int_equal(BIO_read(b.bio, buf, sizeof buf), -1);
  assert_true(BIO_should_write(b.bio));
  b.tap.room = SIZE_MAX;
  assert_int_equal(BIO_read(b.bio, buf, sizeof buf), 4);
  check_arrived(&b, "held");
  assert_int_equal(BIO_read(b.bio, buf, sizeof buf), -1);
  assert_true(BIO_should_read(b.bio));
  bench_free(&b);
}

/* Nothing can be sent any more; what had come is still read. */
static void
test_read_after_broken_pipe(void **state)
{
  const int *holding = *state;
  struct bench b;
  char buf[16];

  bench_init(&b);
  assert_int_equal(BIO_write(b.bio, "held", 4), 4);
  b.hold->holding = *holding;
  inject(b.far, "data", 4);
  assert_int_equal(sslc_bio_shutdown_wr(sslc_conn_wbio(b.conn)), SSLC_OK);
  assert_int_equal(BIO_read(b.bio, buf, sizeof buf), 4);
  assert_int_equal(BIO_read(b.bio, buf, sizeof buf), -1);
  assert_false(BIO_should_retry(b.bio));
  assert_int_equal(b.hold->len, 4);
  sslc_bio_free(b.far);
  b.far = NULL;
  assert_int_equal(BIO_read(b.bio, buf, sizeof buf), 0);
  assert_true(BIO_eof(b.bio));
  bench_free(&b);
}

/* A BIO that might block is not read before what is held has gone. */
static void
test_might_block(void **state)
{
  struct bench b;
  char buf[16];
  BIO *mem = BIO_new(BIO_s_mem());
  sslc_bio *native = sslc_bio_wrap(mem);

  (void)state;
  bench_init(&b);
  assert_non_null(native);
  assert_int_equal(BIO_write(mem, "data", 4), 4);
  assert_ok(sslc_conn_set_bio(b.conn, native, sslc_conn_wbio(b.conn)), NULL);
  sslc_bio_free(native);
  assert_int_equal(BIO_write(b.bio, "held", 4), 4);
  b.hold->holding = false;
  assert_int_equal(BIO_read(b.bio, buf, sizeof buf), 4);
  check_arrived(&b, "held");
  bench_free(&b);
}

/* --------------------------------------------------------------- at random */

static unsigned
draw(unsigned *seed, unsigned below)
{
  *seed = *seed * 1103515245u + 12345u;
  return (*seed >> 16) % below;
}

/* A call of the BIO; how many bytes it took. */
static size_t
act(struct bench *b, unsigned *seed, const char *next)
{
  char buf[64];
  int n;

  switch (draw(seed, 8)) {
  case 0:
    n = (int)BIO_flush(b->bio);
    assert_true(n != 1 || b->hold->holding || b->hold->len == 0);
    return 0;
  case 1:
    n = BIO_read(b->bio, buf, sizeof buf);
    assert_true(n < 0 && BIO_should_retry(b->bio));
    assert_int_equal(BIO_should_write(b->bio) != 0, b->hold->len > 0);
    return 0;
  case 2:
    b->hold->holding = draw(seed, 2);
    return 0;
  case 3:
    b->tap.room = draw(seed, 3) ? draw(seed, 3000) : SIZE_MAX;
    return 0;
  default:
    n = BIO_write(b->bio, next, (int)draw(seed, 2000) + 1);
    assert_true(n > 0 || BIO_should_write(b->bio));
    return n > 0 ? (size_t)n : 0;
  }
}

/* All that was taken has arrived or is held, in order. */
static void
check_stream(struct bench *b, const char *stream, size_t taken, size_t *arrived)
{
  static char buf[64 * 1024];
  size_t n;

  while (sslc_bio_read(b->far, buf, sizeof buf, &n) == SSLC_OK) {
    assert_memory_equal(buf, stream + *arrived, n);
    *arrived += n;
  }
  assert_int_equal(*arrived + b->hold->len, taken);
  assert_true(b->hold->len <= MOST);
  if (b->hold->len > 0)
    assert_memory_equal(b->hold->bytes, stream + *arrived, b->hold->len);
}

static void
test_random(void **state)
{
  static char stream[1 << 20];
  const unsigned *first = *state;
  unsigned seed = *first;
  size_t i, taken = 0, arrived = 0;
  struct bench b;

  for (i = 0; i < sizeof stream; i++)
    stream[i] = (char)draw(&seed, 256);
  bench_init(&b);
  while (taken < sizeof stream - 2000) {
    taken += act(&b, &seed, stream + taken);
    check_stream(&b, stream, taken, &arrived);
  }
  bench_free(&b);
}

int
main(void)
{
  static const int no = 0, yes = 1;
  static const unsigned seeds[] = { 1, 2, 3, 4 };
  size_t i;

  add_test("gathers a flight, and sends it with the next write", test_gathers,
           NULL);
  for (i = 0; i < COUNT(parts); i++)
    add_test(parts[i].test, test_part, &parts[i]);
  add_test("holds 16 KiB at the most", test_bounded, NULL);
  add_test("reads what is there before it sends", test_reads_first, NULL);
  add_test("sends before it reads, in a handshake", test_sends_first, NULL);
  add_test("reads after a broken pipe", test_read_after_broken_pipe, &no);
  add_test("reads after a broken pipe, in a handshake",
           test_read_after_broken_pipe, &yes);
  add_test("sends before it reads what might block", test_might_block, NULL);
  for (i = 0; i < COUNT(seeds); i++)
    add_test("loses nothing and sends nothing twice", test_random, &seeds[i]);
  return run_all("hold_bio");
}
