/*
 * test_bio_chain.c: chains of BIOs, BIO_push(3), BIO_find_type(3), and who
 * holds references to whom.  That nothing is freed twice or never, the leak
 * checkers tell.
 */
#include "support_bio.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/evp.h>

/* The chain of sslc_bio and that of OpenSSL's are these. */
static void
check_chain(sslc_bio *const *bios, size_t n)
{
  size_t i;

  for (i = 0; i < n; i++) {
    sslc_bio *next = i + 1 < n ? bios[i + 1] : NULL;

    assert_ptr_equal(sslc_bio_next(bios[i]), next);
    assert_ptr_equal(BIO_next((BIO *)sslc_bio_native(bios[i])),
                     sslc_bio_native(next));
  }
}

/* ------------------------------------------------------------- the shape */

static void
test_push_and_next(void **state)
{
  sslc_bio *other, *bios[4] = { make_filter(), make_filter(), make_filter(),
                                make_pair(&other) };
  size_t i;

  (void)state;
  push(bios[2], bios[3]);
  push(bios[0], bios[1]);
  push(bios[0], bios[2]); /* behind the last, with what is behind it */
  check_chain(bios, 4);
  assert_null(sslc_bio_next(NULL));
  assert_ptr_equal(sslc_bio_find(bios[0], SSLC_BIO_BUFFER), bios[0]);
  assert_ptr_equal(sslc_bio_find(bios[1], SSLC_BIO_BUFFER), bios[1]);
  assert_ptr_equal(sslc_bio_find(bios[0], SSLC_BIO_PAIR), bios[3]);
  assert_ptr_equal(sslc_bio_find(bios[3], SSLC_BIO_PAIR), bios[3]);
  assert_null(sslc_bio_find(bios[3], SSLC_BIO_BUFFER));
  assert_null(sslc_bio_find(bios[0], SSLC_BIO_SOCKET));
  assert_null(sslc_bio_find(bios[0], 0));
  assert_null(sslc_bio_find(NULL, SSLC_BIO_PAIR));
  put_text(bios[0], "through all");
  assert_ok(sslc_bio_flush(bios[0]), sslc_bio_error(bios[0]));
  get_text(other, "through all");
  for (i = 0; i < 4; i++)
    sslc_bio_free(bios[i]);
  sslc_bio_free(other);
}

/* One of four is popped; the gap closes, and each goes on alone. */
static void
test_pop(void **state)
{
  const size_t *which = *state;
  sslc_bio *other, *rest[4], *bios[4] = { make_filter(), make_filter(),
                                          make_filter(), make_pair(&other) };
  size_t i, n = 0;

  for (i = 3; i > 0; i--)
    push(bios[i - 1], bios[i]);
  pop(bios[*which]);
  assert_null(BIO_next((BIO *)sslc_bio_native(bios[*which])));
  for (i = 0; i < 4; i++)
    if (i != *which)
      rest[n++] = bios[i];
  check_chain(rest, 3);
  pop(bios[*which]); /* alone: nothing to do */
  if (*which == 3)
    push(rest[0], bios[3]);
  put_text(rest[0], "still");
  assert_ok(sslc_bio_flush(rest[0]), sslc_bio_error(rest[0]));
  get_text(other, "still");
  if (*which < 3)
    push(bios[*which], rest[0]); /* and in again, in front */
  for (i = 0; i < 4; i++)
    sslc_bio_free(bios[i]);
  sslc_bio_free(other);
}

/* Without a reference of the caller's, the chain's was the last one. */
static void
test_pop_frees(void **state)
{
  sslc_bio *other, *buffer = make_filter(), *half = make_pair(&other);
  char buf[4];

  (void)state;
  push(buffer, half);
  sslc_bio_free(half);
  assert_int_equal(sslc_bio_pop(half), SSLC_OK);
  get(other, buf, sizeof buf, SSLC_CLOSED);
  sslc_bio_free(other);
  half = make_pair(&other);
  push(buffer, half);
  sslc_bio_free(half);
  pop(buffer); /* its reference to the rest goes */
  get(other, buf, sizeof buf, SSLC_CLOSED);
  sslc_bio_free(other);
  sslc_bio_free(buffer);
}

/* Every order of freeing three that are chained and the connection that uses
 * them: as digits, 3 being the connection. */
static void
test_free_order(void **state)
{
  const char *order = *state;
  sslc_bio *other, *bios[3] = { make_filter(), make_filter(),
                                make_pair(&other) };
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);
  char buf[8];

  sslc_ctx_free(ctx);
  push(bios[0], bios[1]);
  push(bios[1], bios[2]);
  assert_ok(sslc_conn_set_bio(conn, bios[0], bios[0]), sslc_conn_error(conn));
  for (; *order; order++) {
    get(other, buf, sizeof buf, SSLC_WANT_READ);
    if (*order == '3')
      sslc_conn_free(conn);
    else
      sslc_bio_free(bios[*order - '0']);
  }
  get(other, buf, sizeof buf, SSLC_CLOSED);
  sslc_bio_free(other);
}

/* Those in the middle are held by the chain; what is behind one that is freed
 * stays with whoever has a reference to it. */
static void
test_rest_survives(void **state)
{
  sslc_bio *other, *bios[3] = { make_filter(), make_filter(),
                                make_pair(&other) };

  (void)state;
  push(bios[0], bios[1]);
  push(bios[1], bios[2]);
  sslc_bio_free(bios[1]);
  put_text(bios[0], "by way of it");
  assert_ok(sslc_bio_flush(bios[0]), sslc_bio_error(bios[0]));
  get_text(other, "by way of it");
  sslc_bio_free(bios[0]);
  assert_null(sslc_bio_next(bios[2]));
  put_text(bios[2], "alone");
  get_text(other, "alone");
  bios[0] = make_filter();
  push(bios[0], bios[2]); /* it is in no chain any more */
  sslc_bio_free(bios[0]);
  sslc_bio_free(bios[2]);
  sslc_bio_free(other);
}

/* ------------------------------------------------------------- refusals */

static void
test_push_refusals(void **state)
{
  sslc_bio *other, *half = make_pair(&other), *buffer = make_filter();
  sslc_bio *second = make_filter(), *null = sslc_bio_new_null();
  sslc_conn *conn;
  sslc_ctx *ctx = make_client_ctx();

  (void)state;
  assert_status(sslc_bio_push(NULL, half), SSLC_ERR_ARG, NULL);
  assert_status(sslc_bio_push(NULL, NULL), SSLC_ERR_ARG, NULL);
  assert_status(sslc_bio_push(buffer, NULL), SSLC_ERR_ARG,
                sslc_bio_error(buffer));
  assert_code(sslc_bio_error(buffer), SSLC_CODE_BAD_OPTION);
  refused(sslc_bio_push(half, other), half, "filter");
  refused(sslc_bio_push(half, buffer), half, "filter");
  refused(sslc_bio_push(buffer, buffer), buffer, "chain already");
  push(buffer, half);
  refused(sslc_bio_push(buffer, other), buffer, "filter");
  refused(sslc_bio_push(buffer, half), buffer, "chain already");
  refused(sslc_bio_push(half, buffer), half, "chain already");
  refused(sslc_bio_push(buffer, buffer), buffer, "chain already");
  refused(sslc_bio_push(second, half), second, "chain already");
  conn = sslc_conn_new(ctx);
  assert_ok(sslc_conn_set_bio(conn, null, null), sslc_conn_error(conn));
  refused(sslc_bio_push(second, null), second, "connection");
  sslc_conn_free(conn);
  push(second, null);
  sslc_ctx_free(ctx);
  sslc_bio_free(buffer);
  sslc_bio_free(half);
  sslc_bio_free(second);
  sslc_bio_free(null);
  sslc_bio_free(other);
}

/* A native filter that was wrapped twice is one for OpenSSL, whatever stands
 * for it here: it cannot be put behind itself. */
static void
test_push_onto_itself(void **state)
{
  BIO *native = BIO_new(BIO_f_base64());
  sslc_bio *one, *two, *buffer = make_filter();

  (void)state;
  BIO_up_ref(native);
  one = sslc_bio_wrap(native);
  two = sslc_bio_wrap(native);
  refused(sslc_bio_push(one, two), one, "chain already");
  push(buffer, one);
  refused(sslc_bio_push(buffer, two), buffer, "chain already");
  refused(sslc_bio_push(two, buffer), two, "chain already");
  sslc_bio_free(buffer);
  sslc_bio_free(one);
  sslc_bio_free(two);
}

/* What a buffer holds is counted without what is behind it, also where that is
 * as much. */
static void
test_pop_refuses_to_lose(void **state)
{
  sslc_bio *other, *half = make_pair(&other), *buffer = make_filter();
  char buf[4];

  (void)state;
  assert_status(sslc_bio_pop(NULL), SSLC_ERR_ARG, NULL);
  push(buffer, half);
  put_text(buffer, "held");
  assert_int_equal(sslc_bio_wpending(buffer), 4);
  refused(sslc_bio_pop(buffer), buffer, "holds bytes");
  put_text(half, "gone"); /* past it */
  assert_int_equal(sslc_bio_wpending(buffer), 8);
  refused(sslc_bio_pop(buffer), buffer, "holds bytes");
  get_text(other, "gone");
  assert_ok(sslc_bio_flush(buffer), sslc_bio_error(buffer));
  get_text(other, "held");
  put_text(other, "ahead");
  assert_int_equal(get(buffer, buf, 1, SSLC_OK), 1);
  put_text(other, "here");
  assert_int_equal(sslc_bio_pending(buffer), 8);
  assert_int_equal(sslc_bio_pending(half), 4);
  refused(sslc_bio_pop(buffer), buffer, "holds bytes");
  pop(half); /* which holds its own */
  refused(sslc_bio_pop(buffer), buffer, "holds bytes");
  push(buffer, half);
  get_text(buffer, "headhere");
  pop(buffer);
  sslc_bio_free(buffer);
  sslc_bio_free(half);
  sslc_bio_free(other);
}

/* A chain that was wrapped is one link, and comes out as it went in. */
static void
test_wrapped_chain(void **state)
{
  BIO *a = BIO_new(BIO_f_buffer()), *b = BIO_new(BIO_f_buffer());
  BIO *c = BIO_new(BIO_s_mem());
  sslc_bio *wrapped, *first = make_filter(), *second = make_filter();

  (void)state;
  BIO_push(a, b);
  BIO_push(b, c);
  wrapped = sslc_bio_wrap(a);
  assert_int_equal(sslc_bio_kind(wrapped), SSLC_BIO_NATIVE);
  assert_ptr_equal(sslc_bio_native(wrapped), a);
  assert_null(sslc_bio_next(wrapped));
  refused(sslc_bio_push(wrapped, second), wrapped, "filter");
  push(first, second);
  push(first, wrapped);
  put_text(first, "down");
  assert_ok(sslc_bio_flush(first), sslc_bio_error(first));
  assert_int_equal(BIO_pending(c), 4);
  get_text(first, "down");
  pop(wrapped);
  assert_ptr_equal(BIO_next(a), b);
  assert_ptr_equal(BIO_next(b), c);
  assert_null(BIO_next(c));
  assert_null(BIO_next((BIO *)sslc_bio_native(second)));
  push(second, wrapped);
  pop(second);
  assert_ptr_equal(BIO_next(a), b); /* the last one stays whole */
  sslc_bio_free(first);
  sslc_bio_free(second);
  sslc_bio_free(wrapped);
}

int
main(void)
{
  static const size_t numbers[] = { 0, 1, 2, 3 };
  static char orders[24][5];
  size_t i, a, b, c, n = 0;

  add_test("push, next and find", test_push_and_next, NULL);
  for (i = 0; i < 4; i++)
    add_test("any of a chain can be popped", test_pop, &numbers[i]);
  add_test("pop lets go of the chain's reference", test_pop_frees, NULL);
  for (a = 0; a < 4; a++)
    for (b = 0; b < 4; b++)
      for (c = 0; c < 4; c++) {
        if (a == b || b == c || a == c)
          continue;
        orders[n][0] = (char)('0' + a);
        orders[n][1] = (char)('0' + b);
        orders[n][2] = (char)('0' + c);
        orders[n][3] = (char)('0' + 6 - a - b - c);
        add_test("freed in any order", test_free_order, orders[n++]);
      }
  add_test("what is behind a freed one stays", test_rest_survives, NULL);
  add_test("push refuses", test_push_refusals, NULL);
  add_test("push refuses what is the same to OpenSSL", test_push_onto_itself,
           NULL);
  add_test("pop loses no bytes", test_pop_refuses_to_lose, NULL);
  add_test("a wrapped chain is one link", test_wrapped_chain, NULL);
  return run_all("bio_chain");
}
