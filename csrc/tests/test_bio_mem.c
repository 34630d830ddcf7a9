/*
 * test_bio_mem.c: memory as a BIO, BIO_s_mem(3).
 */
#include "support_bio.h"
#include "support_memory.h"

#include <stdlib.h>
#include <string.h>

static sslc_bio *
new_mem(void)
{
  sslc_bio *bio = sslc_bio_new_mem();

  assert_non_null(bio);
  assert_int_equal(sslc_bio_kind(bio), SSLC_BIO_MEM);
  return bio;
}

static sslc_bio *
new_buf(const char *text)
{
  sslc_bio *bio = sslc_bio_new_mem_buf(text, strlen(text));

  assert_non_null(bio);
  assert_int_equal(sslc_bio_kind(bio), SSLC_BIO_MEM);
  return bio;
}

static void
test_write_and_read(void **state)
{
  sslc_bio *bio = new_mem();
  char buf[8];

  (void)state;
  assert_int_equal(sslc_bio_pending(bio), 0);
  put_text(bio, "hello ");
  put_text(bio, "world");
  assert_int_equal(sslc_bio_pending(bio), 11);
  assert_int_equal(sslc_bio_wpending(bio), 0);
  assert_int_equal(get(bio, buf, 4, SSLC_OK), 4);
  assert_memory_equal(buf, "hell", 4);
  get_text(bio, "o world");
  assert_int_equal(sslc_bio_pending(bio), 0);
  sslc_bio_free(bio);
}

/* Pieces of all sizes, with a queue that swells and shrinks, so that each way
 * to make room is gone. */
static void
test_order(void **state)
{
  sslc_bio *bio = new_mem();
  unsigned char out[4096], in[4096], next_in = 0, next_out = 0;
  unsigned seed = 7;
  size_t i, j, n, size, held = 0;

  (void)state;
  for (i = 0; i < 20000; i++) {
    int fill = i / 500 % 2 == 0;

    seed = seed * 1103515245u + 12345u;
    size = (seed >> 16) % (fill ? 1000 : 100) + 1;
    for (j = 0; j < size; j++)
      out[j] = next_out++;
    assert_int_equal(put(bio, out, size, SSLC_OK), size);
    held += size;
    seed = seed * 1103515245u + 12345u;
    size = (seed >> 16) % (fill ? 100 : 1500) + 1;
    n = get(bio, in, size, SSLC_OK);
    assert_int_equal(n, size < held ? size : held);
    for (j = 0; j < n; j++)
      assert_int_equal(in[j], next_in++);
    held -= n;
    assert_int_equal(sslc_bio_pending(bio), held);
    if (held == 0)
      get(bio, in, 1, SSLC_WANT_READ);
  }
  sslc_bio_free(bio);
}

/* What an empty one says, and that it is said of the moment: bytes that come
 * later are read, and then it holds again. */
struct eof_row {
  int buf; /* made of text */
  int set; /* the eof return; 1: not set */
  sslc_status want;
};

static const struct eof_row eof_rows[] = {
  { 0, 1, SSLC_WANT_READ }, { 0, 0, SSLC_CLOSED }, { 0, -1, SSLC_WANT_READ },
  { 1, 1, SSLC_CLOSED },    { 1, 0, SSLC_CLOSED }, { 1, -1, SSLC_WANT_READ },
};

static void
check_empty(sslc_bio *bio, sslc_status want)
{
  const void *data = "";
  char buf[8];
  size_t n = 12345;

  assert_int_equal(sslc_bio_eof(bio), want == SSLC_CLOSED);
  assert_int_equal(get(bio, buf, sizeof buf, want), 0);
  assert_int_equal(sslc_bio_should_retry(bio),
                   is_want(want) ? want : SSLC_OK);
  assert_status(sslc_bio_peek(bio, &data, &n), want, sslc_bio_error(bio));
  assert_null(data);
  assert_int_equal(n, 0);
  assert_int_equal(sslc_bio_should_retry(bio),
                   is_want(want) ? want : SSLC_OK);
  get_line(bio, sizeof buf, "", want);
  assert_null(sslc_bio_error(bio));
  assert_int_equal(sslc_bio_eof(bio), want == SSLC_CLOSED);
}

static void
test_eof_return(void **state)
{
  const struct eof_row *row = *state;
  sslc_bio *bio = row->buf ? new_buf("ab") : new_mem();

  if (row->set != 1)
    assert_ok(sslc_bio_set_mem_eof_return(bio, row->set),
              sslc_bio_error(bio));
  if (!row->buf)
    put_text(bio, "ab");
  assert_int_equal(sslc_bio_eof(bio), 0);
  get_text(bio, "ab");
  check_empty(bio, row->want);
  if (row->buf)
    assert_ok(sslc_bio_reset(bio), sslc_bio_error(bio));
  else
    put_text(bio, "ab");
  assert_int_equal(sslc_bio_eof(bio), 0);
  get_text(bio, "ab");
  check_empty(bio, row->want);
  assert_ok(sslc_bio_set_mem_eof_return(bio, -1), sslc_bio_error(bio));
  check_empty(bio, SSLC_WANT_READ);
  assert_ok(sslc_bio_set_mem_eof_return(bio, 0), sslc_bio_error(bio));
  check_empty(bio, SSLC_CLOSED);
  sslc_bio_free(bio);
}

static void
test_eof_return_refusals(void **state)
{
  static const int values[] = { 1, -2, 100 };
  sslc_bio *bio = new_mem(), *other, *half = make_pair(&other);
  sslc_bio *filter = sslc_bio_new_buffer(0);
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(values); i++) {
    assert_status(sslc_bio_set_mem_eof_return(bio, values[i]), SSLC_ERR_ARG,
                  sslc_bio_error(bio));
    assert_code(sslc_bio_error(bio), SSLC_CODE_BAD_OPTION);
    assert_has(sslc_error_message(sslc_bio_error(bio)), "0 or -1");
  }
  check_empty(bio, SSLC_WANT_READ);
  assert_status(sslc_bio_set_mem_eof_return(half, 0), SSLC_ERR_ARG,
                sslc_bio_error(half));
  assert_code(sslc_bio_error(half), SSLC_CODE_BAD_OPTION);
  assert_status(sslc_bio_set_mem_eof_return(NULL, 0), SSLC_ERR_ARG, NULL);
  /* Through a filter, as all that is not its own business. */
  assert_ok(sslc_bio_push(filter, bio), sslc_bio_error(filter));
  assert_ok(sslc_bio_set_mem_eof_return(filter, 0), sslc_bio_error(filter));
  assert_int_equal(sslc_bio_eof(filter), 1);
  sslc_bio_free(filter);
  sslc_bio_free(bio);
  sslc_bio_free(half);
  sslc_bio_free(other);
}

/* Copied: what the caller does to its bytes afterwards is nothing to it. */
static void
test_read_only(void **state)
{
  char text[] = "one\ntwo\n";
  sslc_bio *bio = new_buf(text);
  int i;

  (void)state;
  memset(text, 'x', sizeof text - 1);
  for (i = 0; i < 3; i++) {
    assert_int_equal(sslc_bio_pending(bio), 8);
    get_line(bio, 100, "one\n", SSLC_OK);
    get_text(bio, "two\n");
    assert_ok(sslc_bio_reset(bio), sslc_bio_error(bio));
  }
  assert_int_equal(put(bio, "x", 1, SSLC_ERR_ARG), 0);
  assert_code(sslc_bio_error(bio), SSLC_CODE_BAD_OPTION);
  assert_phase(sslc_bio_error(bio), SSLC_PHASE_WRITE);
  assert_has(sslc_error_message(sslc_bio_error(bio)), "read-only");
  get_text(bio, "one\ntwo\n");
  assert_null(sslc_bio_error(bio));
  sslc_bio_free(bio);
}

static void
test_missing_and_empty(void **state)
{
  sslc_bio *bio = sslc_bio_new_mem_buf("", 0);
  char buf[4];

  (void)state;
  assert_null(sslc_bio_new_mem_buf(NULL, 0));
  assert_null(sslc_bio_new_mem_buf(NULL, 5));
  assert_null(sslc_bio_new_mem_buf("x", SIZE_MAX));
  assert_non_null(bio);
  get(bio, buf, sizeof buf, SSLC_CLOSED);
  assert_int_equal(sslc_bio_eof(bio), 1);
  sslc_bio_free(bio);
}

static void
test_reset_empties(void **state)
{
  sslc_bio *bio = new_mem();
  char buf[4];

  (void)state;
  put_text(bio, "gone");
  assert_ok(sslc_bio_reset(bio), sslc_bio_error(bio));
  assert_int_equal(sslc_bio_pending(bio), 0);
  get(bio, buf, sizeof buf, SSLC_WANT_READ);
  put_text(bio, "new");
  get_text(bio, "new");
  sslc_bio_free(bio);
}

static void
test_gets(void **state)
{
  sslc_bio *bio = new_mem();
  char buf[8];
  size_t n;

  (void)state;
  put_text(bio, "first\n\nlong line\nno end");
  get_line(bio, 100, "first\n", SSLC_OK);
  get_line(bio, 100, "\n", SSLC_OK);
  get_line(bio, 6, "long ", SSLC_OK);
  get_line(bio, 6, "line\n", SSLC_OK);
  get_line(bio, 2, "n", SSLC_OK);
  get_line(bio, 100, "o end", SSLC_OK);
  get_line(bio, 100, "", SSLC_WANT_READ);
  assert_int_equal(put(bio, "a\0b\nc", 5, SSLC_OK), 5);
  assert_ok(sslc_bio_gets(bio, buf, sizeof buf, &n), sslc_bio_error(bio));
  assert_int_equal(n, 4);
  assert_memory_equal(buf, "a\0b\n", 5);
  assert_status(sslc_bio_gets(bio, buf, 1, &n), SSLC_ERR_ARG,
                sslc_bio_error(bio));
  assert_int_equal(sslc_bio_pending(bio), 1);
  sslc_bio_free(bio);
}

/* The bytes are where they were: nothing was copied. */
static void
test_peek(void **state)
{
  sslc_bio *bio = new_mem();
  const void *data, *rest;
  size_t n;

  (void)state;
  put_text(bio, "abcdefgh");
  assert_ok(sslc_bio_peek(bio, &data, &n), sslc_bio_error(bio));
  assert_int_equal(n, 8);
  assert_memory_equal(data, "abcdefgh", 8);
  assert_ok(sslc_bio_consume(bio, 3), sslc_bio_error(bio));
  assert_ok(sslc_bio_peek(bio, &rest, &n), sslc_bio_error(bio));
  assert_int_equal(n, 5);
  assert_ptr_equal(rest, (const char *)data + 3);
  assert_int_equal(sslc_bio_pending(bio), 5);
  assert_ok(sslc_bio_consume(bio, 0), sslc_bio_error(bio));
  assert_status(sslc_bio_consume(bio, 6), SSLC_ERR_ARG, sslc_bio_error(bio));
  assert_code(sslc_bio_error(bio), SSLC_CODE_BAD_OPTION);
  assert_int_equal(sslc_bio_pending(bio), 5);
  assert_ok(sslc_bio_consume(bio, 5), sslc_bio_error(bio));
  assert_status(sslc_bio_consume(bio, 1), SSLC_ERR_ARG, sslc_bio_error(bio));
  assert_status(sslc_bio_peek(bio, &data, &n), SSLC_WANT_READ,
                sslc_bio_error(bio));
  sslc_bio_free(bio);
}

/* What was large is given back once it is empty: what is read last may not be
 * the only thing that frees it, so each way to empty it is tried. */
static void
test_gives_memory_back(void **state)
{
  const int *way = *state;
  sslc_bio *bio = new_mem();
  const size_t size = 1 << 20;
  char *bytes = calloc(1, size);
  long before, after;

  assert_non_null(bytes);
  put(bio, "x", 1, SSLC_OK);
  get(bio, bytes, 1, SSLC_OK);
  memory_fail_at(0);
  put(bio, "x", 1, SSLC_OK); /* in the little one that was kept */
  before = memory_count();
  get(bio, bytes, 1, SSLC_OK);
  assert_int_equal(before, 0);
  assert_int_equal(put(bio, bytes, size, SSLC_OK), size);
  if (*way == 0)
    assert_int_equal(get(bio, bytes, size, SSLC_OK), size);
  else if (*way == 1)
    assert_ok(sslc_bio_consume(bio, size), sslc_bio_error(bio));
  else
    assert_ok(sslc_bio_reset(bio), sslc_bio_error(bio));
  memory_fail_at(0);
  put(bio, "x", 1, SSLC_OK); /* in a new one */
  after = memory_count();
  assert_int_equal(after, 1);
  free(bytes);
  sslc_bio_free(bio);
}

/* Allocations and moves do not grow with the number of writes. */
static void
test_amortised(void **state)
{
  sslc_bio *bio = new_mem();
  size_t i;

  (void)state;
  memory_fail_at(0);
  for (i = 0; i < 100000; i++)
    put(bio, "0123456789", 10, SSLC_OK);
  assert_true(memory_count() < 20);
  assert_int_equal(sslc_bio_pending(bio), 1000000);
  sslc_bio_free(bio);
}

/* A write for which there is no memory changes nothing, and can be repeated. */
static void
test_short_memory(void **state)
{
  sslc_bio *bio = new_mem();
  char big[4096] = { 0 };

  (void)state;
  put_text(bio, "kept");
  memory_fail_at(1);
  assert_int_equal(put(bio, big, sizeof big, SSLC_ERR_NOMEM), 0);
  memory_fail_at(0);
  assert_code(sslc_bio_error(bio), SSLC_CODE_OUT_OF_MEMORY);
  assert_phase(sslc_bio_error(bio), SSLC_PHASE_WRITE);
  get_text(bio, "kept");
  assert_int_equal(put(bio, big, sizeof big, SSLC_OK), sizeof big);
  sslc_bio_free(bio);
}

/* --------------------------------------------------------- under TLS */

/* `back` is what the client reads. */
static void
init_over_memory(struct peers *p, sslc_bio **back)
{
  *back = new_mem();
  peers_init_bios(p, sslc_bio_up_ref(*back), new_mem(), new_mem(), new_mem());
}

/* A BIO has one owner, so what one side writes is carried to where the other
 * reads, without a copy in between. */
static void
carry(sslc_bio *from, sslc_bio *to)
{
  const void *data;
  size_t n, sent;

  while (sslc_bio_peek(from, &data, &n) == SSLC_OK) {
    assert_ok(sslc_bio_write(to, data, n, &sent), sslc_bio_error(to));
    assert_ok(sslc_bio_consume(from, sent), sslc_bio_error(from));
  }
}

static void
carry_both(struct peers *p)
{
  carry(sslc_conn_wbio(p->client), sslc_conn_rbio(p->server));
  carry(sslc_conn_wbio(p->server), sslc_conn_rbio(p->client));
}

static void
shake_in_memory(struct peers *p)
{
  sslc_status c, s;
  int rounds = 100;

  do {
    c = sslc_conn_do_handshake(p->client);
    s = sslc_conn_do_handshake(p->server);
    carry_both(p);
  } while ((is_want(c) || is_want(s)) && --rounds > 0);
  assert_status(c, SSLC_OK, sslc_conn_error(p->client));
  assert_status(s, SSLC_OK, sslc_conn_error(p->server));
}

static void
test_tls(void **state)
{
  struct peers p;
  sslc_bio *back;
  char buf[16];
  size_t n;

  (void)state;
  init_over_memory(&p, &back);
  sslc_bio_free(back);
  shake_in_memory(&p);
  assert_ok(sslc_conn_write(p.client, "hello", 5, &n),
            sslc_conn_error(p.client));
  carry_both(&p);
  assert_ok(sslc_conn_read(p.server, buf, sizeof buf, &n),
            sslc_conn_error(p.server));
  assert_int_equal(n, 5);
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n),
                SSLC_WANT_READ, sslc_conn_error(p.client));
  peers_free(&p);
}

/* How an end of the stream comes out: with close_notify in front it is clean,
 * although the memory is empty then too. */
struct end_row {
  int goodbye, eof_return;
  sslc_status want;
  int code;
};

static const struct end_row end_rows[] = {
  { 1, -1, SSLC_CLOSED, 0 },
  { 1, 0, SSLC_CLOSED, 0 },
  { 0, 0, SSLC_ERR_EOF, SSLC_CODE_TRUNCATED },
  { 0, -1, SSLC_WANT_READ, 0 },
};

static void
test_tls_end(void **state)
{
  const struct end_row *row = *state;
  struct peers p;
  sslc_bio *back;
  char buf[16];
  size_t n;

  init_over_memory(&p, &back);
  shake_in_memory(&p);
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n),
                SSLC_WANT_READ, sslc_conn_error(p.client));
  assert_ok(sslc_conn_write(p.server, "last", 4, &n),
            sslc_conn_error(p.server));
  if (row->goodbye)
    sslc_conn_shutdown(p.server);
  carry_both(&p);
  assert_ok(sslc_bio_set_mem_eof_return(back, row->eof_return),
            sslc_bio_error(back));
  assert_ok(sslc_conn_read(p.client, buf, sizeof buf, &n),
            sslc_conn_error(p.client));
  assert_int_equal(n, 4);
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n), row->want,
                sslc_conn_error(p.client));
  if (row->code)
    assert_code(sslc_conn_error(p.client), row->code);
  sslc_bio_free(back);
  peers_free(&p);
}

/* The end was met and told; then there was more: it holds no longer. */
static void
test_end_is_not_sticky(void **state)
{
  struct peers p;
  sslc_bio *back;
  char buf[16];
  size_t n;

  (void)state;
  init_over_memory(&p, &back);
  shake_in_memory(&p);
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n),
                SSLC_WANT_READ, sslc_conn_error(p.client));
  assert_ok(sslc_bio_set_mem_eof_return(back, 0), sslc_bio_error(back));
  get(back, buf, 1, SSLC_CLOSED);
  assert_status(sslc_conn_shutdown(p.server), SSLC_WANT_READ,
                sslc_conn_error(p.server));
  carry_both(&p);
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n), SSLC_CLOSED,
                sslc_conn_error(p.client));
  sslc_bio_free(back);
  peers_free(&p);
}

/* A connection that is to write to what cannot be written says so. */
static void
test_tls_on_read_only(void **state)
{
  struct peers p;
  sslc_bio *other, *half = make_pair(&other);

  (void)state;
  peers_init_bios(&p, half, new_buf("x"), other, new_mem());
  assert_status(sslc_conn_do_handshake(p.client), SSLC_ERR_CONFIG,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "read-only");
  peers_free(&p);
}

int
main(void)
{
  static const int ways[] = { 0, 1, 2 };
  size_t i;

  memory_install();
  add_test("what is written can be read", test_write_and_read, NULL);
  add_test("bytes keep their order", test_order, NULL);
  for (i = 0; i < COUNT(eof_rows); i++)
    add_test("an empty one says what was set", test_eof_return, &eof_rows[i]);
  add_test("other eof returns and other BIOs are refused",
           test_eof_return_refusals, NULL);
  add_test("mem_buf is a copy, read-only, and can be read anew",
           test_read_only, NULL);
  add_test("mem_buf of nothing", test_missing_and_empty, NULL);
  add_test("reset empties", test_reset_empties, NULL);
  add_test("gets gives lines", test_gets, NULL);
  add_test("peek and consume copy nothing", test_peek, NULL);
  for (i = 0; i < COUNT(ways); i++)
    add_test("memory is given back", test_gives_memory_back, &ways[i]);
  add_test("small writes cost few allocations", test_amortised, NULL);
  add_test("short memory changes nothing", test_short_memory, NULL);
  add_test("TLS over memory", test_tls, NULL);
  for (i = 0; i < COUNT(end_rows); i++)
    add_test("the end of TLS over memory", test_tls_end, &end_rows[i]);
  add_test("an end that was met holds no longer when there is more",
           test_end_is_not_sticky, NULL);
  add_test("a connection cannot write to read-only memory",
           test_tls_on_read_only, NULL);
  return run_all("bio_mem");
}
