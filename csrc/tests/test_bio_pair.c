/*
 * test_bio_pair.c: two BIOs joined, BIO_s_bio(3).
 */
#include "support_bio.h"

#include <string.h>

struct pair {
  sslc_bio *a, *b;
};

static void
pair_init(struct pair *p, size_t size1, size_t size2)
{
  assert_int_equal(sslc_bio_new_pair(&p->a, size1, &p->b, size2), SSLC_OK);
  assert_non_null(p->a);
  assert_non_null(p->b);
}

static void
pair_free(struct pair *p)
{
  sslc_bio_free(p->a);
  sslc_bio_free(p->b);
}

static void
test_both_ways(void **state)
{
  struct pair p;
  char buf[16];

  (void)state;
  pair_init(&p, 0, 0);
  assert_int_equal(put(p.a, "hello", 5, SSLC_OK), 5);
  assert_int_equal(put(p.b, "back", 4, SSLC_OK), 4);
  assert_int_equal(get(p.b, buf, sizeof buf, SSLC_OK), 5);
  assert_memory_equal(buf, "hello", 5);
  assert_int_equal(get(p.a, buf, sizeof buf, SSLC_OK), 4);
  assert_memory_equal(buf, "back", 4);
  assert_int_equal(get(p.a, buf, sizeof buf, SSLC_WANT_READ), 0);
  assert_int_equal(get(p.b, buf, sizeof buf, SSLC_WANT_READ), 0);
  assert_null(sslc_bio_error(p.b));
  pair_free(&p);
}

static void
test_sizes(void **state)
{
  struct pair p;
  char buf[16];

  (void)state;
  pair_init(&p, 10, 3);
  assert_int_equal(put(p.a, "0123456789abc", 13, SSLC_OK), 10);
  assert_int_equal(put(p.a, "abc", 3, SSLC_WANT_WRITE), 0);
  assert_int_equal(sslc_bio_wpending(p.a), 10);
  assert_int_equal(sslc_bio_pending(p.a), 0);
  assert_int_equal(sslc_bio_pending(p.b), 10);
  assert_int_equal(sslc_bio_wpending(p.b), 0);
  assert_int_equal(get(p.b, buf, 4, SSLC_OK), 4);
  assert_int_equal(put(p.a, "abcdef", 6, SSLC_OK), 4);
  assert_int_equal(get(p.b, buf, sizeof buf, SSLC_OK), 10);
  assert_memory_equal(buf, "456789abcd", 10);
  assert_int_equal(put(p.b, "wxyz", 4, SSLC_OK), 3);
  pair_free(&p);
}

static void
test_default_size(void **state)
{
  static const char bytes[32 * 1024];
  struct pair p;

  (void)state;
  pair_init(&p, 0, 0);
  assert_int_equal(put(p.a, bytes, sizeof bytes, SSLC_OK), 17 * 1024);
  assert_int_equal(put(p.b, bytes, sizeof bytes, SSLC_OK), 17 * 1024);
  pair_free(&p);
}

/* Pieces of all sizes through a ring of an odd one, so that it wraps at each
 * place. */
static void
test_order(void **state)
{
  struct pair p;
  unsigned char out[64], in[64], next_in = 0, next_out = 0;
  size_t i, j, sent, got;

  (void)state;
  pair_init(&p, 37, 1);
  for (i = 0; i < 5000; i++) {
    for (j = 0; j < sizeof out; j++)
      out[j] = (unsigned char)(next_out + j);
    if (sslc_bio_write(p.a, out, i % 41 + 1, &sent) == SSLC_OK)
      next_out = (unsigned char)(next_out + sent);
    if (sslc_bio_read(p.b, in, i % 29 + 1, &got) != SSLC_OK)
      continue;
    for (j = 0; j < got; j++)
      assert_int_equal(in[j], next_in++);
  }
  pair_free(&p);
}

static void
test_shutdown_wr(void **state)
{
  struct pair p;
  char buf[16];

  (void)state;
  pair_init(&p, 0, 0);
  put(p.a, "bye", 3, SSLC_OK);
  assert_ok(sslc_bio_shutdown_wr(p.a), sslc_bio_error(p.a));
  assert_int_equal(sslc_bio_eof(p.b), 0);
  assert_int_equal(get(p.b, buf, sizeof buf, SSLC_OK), 3);
  assert_int_equal(sslc_bio_eof(p.b), 1);
  assert_int_equal(get(p.b, buf, sizeof buf, SSLC_CLOSED), 0);
  assert_int_equal(put(p.a, "x", 1, SSLC_CLOSED), 0);
  put(p.b, "still", 5, SSLC_OK);
  assert_int_equal(get(p.a, buf, sizeof buf, SSLC_OK), 5);
  assert_int_equal(sslc_bio_eof(p.a), 0);
  pair_free(&p);
}

/* Which half goes first makes no difference to the other. */
static void
test_freed_half(void **state)
{
  const int *first = *state;
  struct pair p;
  sslc_bio *gone, *left;
  char buf[16];

  pair_init(&p, 0, 0);
  gone = *first ? p.a : p.b;
  left = *first ? p.b : p.a;
  put(gone, "last", 4, SSLC_OK);
  put(left, "unread", 6, SSLC_OK);
  sslc_bio_free(gone);
  assert_int_equal(get(left, buf, sizeof buf, SSLC_OK), 4);
  assert_memory_equal(buf, "last", 4);
  assert_int_equal(get(left, buf, sizeof buf, SSLC_CLOSED), 0);
  assert_int_equal(sslc_bio_eof(left), 1);
  assert_int_equal(put(left, "x", 1, SSLC_ERR_SYS), 0);
  assert_phase(sslc_bio_error(left), SSLC_PHASE_WRITE);
  sslc_bio_free(left);
}

static void
test_references(void **state)
{
  struct pair p;
  char buf[16];

  (void)state;
  pair_init(&p, 0, 0);
  assert_ptr_equal(sslc_bio_up_ref(p.a), p.a);
  sslc_bio_free(p.a);
  put(p.a, "here", 4, SSLC_OK);
  assert_int_equal(get(p.b, buf, sizeof buf, SSLC_OK), 4);
  pair_free(&p);
}

static void
test_no_socket(void **state)
{
  struct pair p;

  (void)state;
  pair_init(&p, 0, 0);
  assert_int_equal(sslc_bio_fd(p.a), -1);
  assert_status(sslc_bio_set_nbio(p.a, 0), SSLC_ERR_ARG, sslc_bio_error(p.a));
  assert_code(sslc_bio_error(p.a), SSLC_CODE_BAD_OPTION);
  assert_status(sslc_bio_set_tcp_nodelay(p.a, 1), SSLC_ERR_ARG,
                sslc_bio_error(p.a));
  assert_code(sslc_bio_error(p.a), SSLC_CODE_BAD_OPTION);
  pair_free(&p);
}

static void
test_bad_arguments(void **state)
{
  struct pair p;
  char buf[4];

  (void)state;
  assert_status(sslc_bio_new_pair(NULL, 0, &p.b, 0), SSLC_ERR_ARG, NULL);
  assert_status(sslc_bio_new_pair(&p.a, 0, NULL, 0), SSLC_ERR_ARG, NULL);
  pair_init(&p, 0, 0);
  assert_int_equal(get(p.a, buf, 0, SSLC_ERR_ARG), 0);
  assert_int_equal(put(p.a, buf, 0, SSLC_ERR_ARG), 0);
  pair_free(&p);
}

/* Each start and length of what wraps at the ring's edge: two pieces, in
 * place. */
static void
test_peek_over_the_edge(void **state)
{
  static const char bytes[] = "abcdefgh";
  struct pair p;
  char buf[16];
  const void *data;
  size_t at, first, n;

  (void)state;
  for (at = 1; at < 8; at++) {
    pair_init(&p, 8, 8);
    put(p.a, "........", 8, SSLC_OK);
    get(p.b, buf, at, SSLC_OK);
    put(p.a, bytes, at, SSLC_OK); /* behind what is left, round the edge */
    first = 8 - at;
    assert_ok(sslc_bio_peek(p.b, &data, &n), sslc_bio_error(p.b));
    assert_int_equal(n, first);
    assert_memory_equal(data, "........", first);
    assert_status(sslc_bio_consume(p.b, first + 1), SSLC_ERR_ARG,
                  sslc_bio_error(p.b));
    assert_ok(sslc_bio_consume(p.b, first), sslc_bio_error(p.b));
    assert_int_equal(sslc_bio_pending(p.b), at);
    assert_ok(sslc_bio_peek(p.b, &data, &n), sslc_bio_error(p.b));
    assert_int_equal(n, at);
    assert_memory_equal(data, bytes, at);
    assert_ok(sslc_bio_consume(p.b, n), sslc_bio_error(p.b));
    assert_status(sslc_bio_peek(p.b, &data, &n), SSLC_WANT_READ,
                  sslc_bio_error(p.b));
    /* Emptied, it has all of its room in one piece. */
    put(p.a, bytes, 8, SSLC_OK);
    assert_ok(sslc_bio_peek(p.b, &data, &n), sslc_bio_error(p.b));
    assert_int_equal(n, 8);
    pair_free(&p);
  }
}

/* What was seen stays where it is while the other half writes on. */
static void
test_peek_lasts(void **state)
{
  struct pair p;
  const void *data;
  size_t n;

  (void)state;
  pair_init(&p, 8, 8);
  put_text(p.a, "abc");
  assert_ok(sslc_bio_peek(p.b, &data, &n), sslc_bio_error(p.b));
  put_text(p.a, "defgh");
  assert_memory_equal(data, "abc", 3);
  assert_ok(sslc_bio_consume(p.b, n), sslc_bio_error(p.b));
  get_text(p.b, "defgh");
  pair_free(&p);
}

static void
test_peek_at_the_end(void **state)
{
  struct pair p;
  const void *data = "";
  size_t n = 1;

  (void)state;
  pair_init(&p, 0, 0);
  sslc_bio_free(p.a);
  assert_status(sslc_bio_peek(p.b, &data, &n), SSLC_CLOSED,
                sslc_bio_error(p.b));
  assert_null(data);
  assert_int_equal(n, 0);
  assert_status(sslc_bio_consume(p.b, 1), SSLC_ERR_ARG, sslc_bio_error(p.b));
  sslc_bio_free(p.b);
}

static void
test_gets(void **state)
{
  struct pair p;

  (void)state;
  pair_init(&p, 8, 8);
  put_text(p.a, "ab\ncdef");
  get_line(p.b, 100, "ab\n", SSLC_OK);
  put_text(p.a, "g\nh"); /* round the edge */
  get_line(p.b, 4, "cde", SSLC_OK);
  get_line(p.b, 100, "fg\n", SSLC_OK);
  get_line(p.b, 100, "h", SSLC_OK);
  get_line(p.b, 100, "", SSLC_WANT_READ);
  assert_int_equal(sslc_bio_should_retry(p.b), SSLC_WANT_READ);
  assert_ok(sslc_bio_shutdown_wr(p.a), sslc_bio_error(p.a));
  get_line(p.b, 100, "", SSLC_CLOSED);
  pair_free(&p);
}

static void
test_puts(void **state)
{
  struct pair p;
  size_t n;

  (void)state;
  pair_init(&p, 4, 0);
  assert_ok(sslc_bio_puts(p.a, "abcdef", &n), sslc_bio_error(p.a));
  assert_int_equal(n, 4);
  assert_status(sslc_bio_puts(p.a, "ef", &n), SSLC_WANT_WRITE,
                sslc_bio_error(p.a));
  assert_int_equal(n, 0);
  get_text(p.b, "abcd");
  assert_status(sslc_bio_puts(p.a, "", &n), SSLC_ERR_ARG,
                sslc_bio_error(p.a));
  assert_status(sslc_bio_puts(p.a, NULL, &n), SSLC_ERR_ARG,
                sslc_bio_error(p.a));
  assert_status(sslc_bio_puts(p.a, "x", NULL), SSLC_ERR_ARG, NULL);
  pair_free(&p);
}

/* It tells of the last step, and of nothing before. */
static void
test_should_retry(void **state)
{
  struct pair p;
  char buf[4];

  (void)state;
  pair_init(&p, 2, 2);
  assert_int_equal(sslc_bio_should_retry(p.a), SSLC_OK);
  get(p.a, buf, 1, SSLC_WANT_READ);
  assert_int_equal(sslc_bio_should_retry(p.a), SSLC_WANT_READ);
  put(p.a, "xy", 2, SSLC_OK);
  assert_int_equal(sslc_bio_should_retry(p.a), SSLC_OK);
  put(p.a, "z", 1, SSLC_WANT_WRITE);
  assert_int_equal(sslc_bio_should_retry(p.a), SSLC_WANT_WRITE);
  assert_ok(sslc_bio_flush(p.a), sslc_bio_error(p.a));
  assert_int_equal(sslc_bio_should_retry(p.a), SSLC_OK);
  sslc_bio_free(p.b);
  put(p.a, "z", 1, SSLC_ERR_SYS);
  assert_int_equal(sslc_bio_should_retry(p.a), SSLC_OK);
  assert_code(sslc_bio_error(p.a), SSLC_CODE_CONNECTION_RESET);
  sslc_bio_free(p.a);
}

static void
test_kind(void **state)
{
  struct pair p;

  (void)state;
  pair_init(&p, 0, 0);
  assert_int_equal(sslc_bio_kind(p.a), SSLC_BIO_PAIR);
  assert_int_equal(sslc_bio_kind(p.b), SSLC_BIO_PAIR);
  assert_string_equal(sslc_bio_kind_name(SSLC_BIO_PAIR), "pair");
  pair_free(&p);
}

int
main(void)
{
  static const int yes = 1, no = 0;

  add_test("bytes go both ways", test_both_ways, NULL);
  add_test("each half holds as much as it was made for", test_sizes, NULL);
  add_test("the default holds 17 KiB", test_default_size, NULL);
  add_test("bytes keep their order", test_order, NULL);
  add_test("shutdown_wr ends one direction once it is emptied",
           test_shutdown_wr, NULL);
  add_test("the first half may go first", test_freed_half, &yes);
  add_test("the second half may go first", test_freed_half, &no);
  add_test("references are counted", test_references, NULL);
  add_test("a pair has no descriptor and does not block", test_no_socket,
           NULL);
  add_test("bad arguments are refused", test_bad_arguments, NULL);
  add_test("peek gives both pieces of what goes over the edge",
           test_peek_over_the_edge, NULL);
  add_test("what was peeked at stays while the other half writes",
           test_peek_lasts, NULL);
  add_test("peek tells the end", test_peek_at_the_end, NULL);
  add_test("gets gives lines, also over the edge", test_gets, NULL);
  add_test("puts takes what there is room for", test_puts, NULL);
  add_test("should_retry tells of the last step", test_should_retry, NULL);
  add_test("a half is of the kind pair", test_kind, NULL);
  return run_all("bio_pair");
}
