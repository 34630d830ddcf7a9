/*
 * test_bio_change.c: filters that come and go under a connection, and other
 * BIOs in the middle of a handshake, a flight and a record: SSL_set_bio(3).
 */
#include "support_bio.h"

#include <string.h>

/* ------------------------------------------------------------ under TLS */

/* Bytes of the one connection in the one stream, whatever filters come and go
 * before it: nothing is lost or sent twice. */
static void
detour(sslc_conn *conn)
{
  sslc_bio *null = sslc_bio_new_null();

  assert_ok(sslc_conn_set_bio(conn, null, null), sslc_conn_error(conn));
  sslc_bio_free(null);
}

static void
use(sslc_conn *conn, sslc_bio *bio)
{
  assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
  assert_ptr_equal(sslc_conn_rbio(conn), bio);
  assert_ptr_equal(sslc_conn_wbio(conn), bio);
  assert_ptr_equal(sslc_bio_owner(bio), conn);
}

static void
test_filter_under_tls(void **state)
{
  struct peers p;
  sslc_bio *half, *buffer = make_filter();
  char buf[8];
  size_t n;

  (void)state;
  peers_connect(&p);
  half = sslc_bio_up_ref(sslc_conn_rbio(p.client));
  refused(sslc_bio_push(buffer, half), buffer, "connection");
  detour(p.client);
  assert_null(sslc_bio_owner(half));
  push(buffer, half);
  use(p.client, buffer);
  peers_talk(&p, 20000);
  refused(sslc_bio_pop(buffer), buffer, "connection");
  assert_status(sslc_conn_set_bio(p.client, half, half), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_ok(sslc_conn_write(p.client, "held", 4, &n),
            sslc_conn_error(p.client));
  assert_int_equal(sslc_bio_pending(sslc_conn_rbio(p.server)), 0);
  assert_ok(sslc_conn_flush(p.client), sslc_conn_error(p.client));
  assert_true(sslc_bio_pending(sslc_conn_rbio(p.server)) > 0);
  detour(p.client);
  pop(buffer);
  use(p.client, half);
  assert_ok(sslc_conn_read(p.server, buf, sizeof buf, &n),
            sslc_conn_error(p.server));
  assert_int_equal(n, 4);
  peers_talk(&p, 20000);
  sslc_bio_free(buffer);
  sslc_bio_free(half);
  peers_free(&p);
}

/* The end of the stream behind a close_notify, both read ahead at once. */
static void
test_end_read_ahead(void **state)
{
  struct peers p;
  sslc_bio *half, *buffer = make_filter();
  char buf[8];
  size_t n;

  (void)state;
  peers_connect(&p);
  half = sslc_bio_up_ref(sslc_conn_rbio(p.client));
  detour(p.client);
  push(buffer, half);
  use(p.client, buffer);
  assert_ok(sslc_conn_write(p.server, "last", 4, &n),
            sslc_conn_error(p.server));
  sslc_conn_close(p.server);
  assert_ok(sslc_conn_read(p.client, buf, sizeof buf, &n),
            sslc_conn_error(p.client));
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n), SSLC_CLOSED,
                sslc_conn_error(p.client));
  sslc_bio_free(buffer);
  sslc_bio_free(half);
  peers_free(&p);
}

/* A chain below each side from the start, in pieces through a small pair. */
static void
test_handshake_through_filters(void **state)
{
  const size_t *links = *state;
  struct peers p;
  sslc_bio *ends[2], *buffer;
  char buf[1];
  size_t i, j, n, size = 100;

  assert_int_equal(sslc_bio_new_pair(&ends[0], size, &ends[1], size),
                   SSLC_OK);
  for (i = 0; i < 2; i++)
    for (j = 0; j < *links; j++) {
      buffer = make_filter();
      push(buffer, ends[i]);
      sslc_bio_free(ends[i]);
      ends[i] = buffer;
    }
  peers_init_bios(&p, ends[0], ends[0], ends[1], ends[1]);
  /* The server is done when somebody has read its tickets. */
  while (is_want(shake(&p)) || is_want(p.server_status))
    if (p.client_status == SSLC_OK)
      assert_status(sslc_conn_peek(p.client, buf, 1, &n), SSLC_WANT_READ,
                    sslc_conn_error(p.client));
  assert_status(p.client_status, SSLC_OK, sslc_conn_error(p.client));
  assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
  peers_talk(&p, 20000);
  peers_free(&p);
}

/* Two pairs, one for each direction. */
static void
test_two_bios(void **state)
{
  struct peers p;
  sslc_bio *r, *w, *other_r, *other_w;
  char buf[8];
  size_t n;

  (void)state;
  r = make_pair(&other_w);
  w = make_pair(&other_r);
  peers_init_bios(&p, r, w, other_r, other_w);
  assert_ptr_equal(sslc_conn_rbio(p.client), r);
  assert_ptr_equal(sslc_conn_wbio(p.client), w);
  assert_ptr_equal(sslc_bio_owner(r), p.client);
  assert_ptr_equal(sslc_bio_owner(w), p.client);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  peers_talk(&p, 20000);
  sslc_bio_up_ref(w);
  assert_ok(sslc_conn_set_bio(p.client, r, r), sslc_conn_error(p.client));
  assert_null(sslc_bio_owner(w));
  assert_ok(sslc_conn_set_bio(p.client, r, w), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_write(p.client, "x", 1, &n), SSLC_OK);
  assert_ok(sslc_conn_read(p.server, buf, sizeof buf, &n),
            sslc_conn_error(p.server));
  sslc_conn_close(p.client);
  assert_null(sslc_bio_owner(w));
  sslc_bio_free(w);
  peers_free(&p);
}

/* ------------------------------------- another BIO while something is under
 * way: libssl has a buffer of its own before the write BIO in a handshake */

static void
test_change_in_handshake(void **state)
{
  const size_t *rounds = *state;
  struct peers p;
  sslc_bio *half, *buffer;
  size_t i;

  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  half = sslc_bio_up_ref(sslc_conn_rbio(p.client));
  for (i = 0; i < *rounds; i++) {
    sslc_conn_do_handshake(p.client);
    sslc_conn_do_handshake(p.server);
  }
  buffer = make_filter();
  detour(p.client);
  push(buffer, half);
  use(p.client, buffer);
  sslc_conn_do_handshake(p.client);
  assert_ok(sslc_conn_flush(p.client), sslc_conn_error(p.client));
  detour(p.client);
  if (sslc_bio_pop(buffer) == SSLC_OK)
    use(p.client, half);
  else
    use(p.client, buffer); /* it had read ahead */
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
  peers_talk(&p, 20000);
  sslc_bio_free(buffer);
  sslc_bio_free(half);
  peers_free(&p);
}

/* A flight that a small pair took in part goes on in another BIO. */
static void
test_change_in_flight(void **state)
{
  struct peers p;
  sslc_bio *small, *other, *half, *far;
  char buf[256];
  size_t n;

  (void)state;
  assert_int_equal(sslc_bio_new_pair(&small, 50, &other, 0), SSLC_OK);
  half = make_pair(&far);
  sslc_bio_up_ref(far);
  peers_init_bios(&p, small, small, far, far);
  assert_status(sslc_conn_do_handshake(p.client), SSLC_WANT_WRITE,
                sslc_conn_error(p.client));
  assert_int_equal(sslc_bio_read(other, buf, sizeof buf, &n), SSLC_OK);
  assert_int_equal(n, 50);
  inject(half, buf, n); /* the same stream */
  use(p.client, half);
  sslc_bio_free(half);
  sslc_bio_free(other);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
  sslc_bio_free(far);
  peers_talk(&p, 100);
  peers_free(&p);
}

/* A record that was sent in part. */
static void
test_change_in_record(void **state)
{
  static char data[5000];
  struct peers p;
  sslc_bio *small, *other, *half;
  char buf[256];
  size_t n, sent;

  (void)state;
  peers_connect(&p);
  half = sslc_bio_up_ref(sslc_conn_wbio(p.client));
  assert_int_equal(sslc_bio_new_pair(&small, 50, &other, 0), SSLC_OK);
  use(p.client, small);
  assert_status(sslc_conn_write(p.client, data, sizeof data, &sent),
                SSLC_WANT_WRITE, sslc_conn_error(p.client));
  assert_int_equal(sslc_bio_read(other, buf, sizeof buf, &n), SSLC_OK);
  inject(half, buf, n);
  use(p.client, half);
  assert_ok(sslc_conn_write(p.client, data, sizeof data, &sent),
            sslc_conn_error(p.client));
  assert_int_equal(sent, sizeof data);
  for (sent = 0; sent < sizeof data; sent += n)
    assert_ok(sslc_conn_read(p.server, buf, sizeof buf, &n),
              sslc_conn_error(p.server));
  peers_talk(&p, 1000);
  sslc_bio_free(small);
  sslc_bio_free(other);
  sslc_bio_free(half);
  peers_free(&p);
}

/* The connection goes in the middle, with libssl's buffer before the chain. */
static void
test_free_in_handshake(void **state)
{
  const int *chained = *state;
  struct peers p;
  sslc_bio *half, *head;

  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  half = sslc_bio_up_ref(sslc_conn_rbio(p.client));
  head = half;
  if (*chained) {
    head = make_filter();
    detour(p.client);
    push(head, half);
    use(p.client, head);
  }
  assert_status(sslc_conn_do_handshake(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  sslc_conn_free(p.client);
  p.client = NULL;
  assert_null(sslc_bio_owner(head));
  if (*chained) {
    pop(head);
    sslc_bio_free(head);
  }
  head = make_filter();
  push(head, half);
  pop(head);
  sslc_bio_free(head);
  put_text(half, "x");
  sslc_bio_free(half);
  peers_free(&p);
}

/* A filter alone: no end of the stream is made up. */
static void
test_filter_alone(void **state)
{
  sslc_bio *buffer = make_filter(), *other, *half;
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);
  char buf[8];
  size_t n;

  (void)state;
  refused(sslc_bio_read(buffer, buf, sizeof buf, &n), buffer, "buffer");
  refused(sslc_bio_write(buffer, buf, sizeof buf, &n), buffer, "buffer");
  refused(sslc_bio_gets(buffer, buf, sizeof buf, &n), buffer, "buffer");
  refused(sslc_bio_flush(buffer), buffer, "buffer");
  assert_ok(sslc_conn_set_bio(conn, buffer, buffer), sslc_conn_error(conn));
  sslc_conn_set_server_name(conn, "localhost");
  assert_status(sslc_conn_connect(conn), SSLC_ERR_STATE,
                sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_MISUSE);
  half = make_pair(&other);
  push(buffer, half); /* behind the connection's, and now it goes on */
  assert_status(sslc_conn_connect(conn), SSLC_WANT_READ,
                sslc_conn_error(conn));
  assert_true(sslc_bio_pending(other) > 0);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
  sslc_bio_free(buffer);
  sslc_bio_free(half);
  sslc_bio_free(other);
}

int
main(void)
{
  static const size_t numbers[] = { 0, 1, 2, 3, 4, 5 };
  static const int yes = 1, no = 0;
  size_t i;

  add_test("a buffer comes and goes under a connection",
           test_filter_under_tls, NULL);
  add_test("close_notify and the end, both read ahead", test_end_read_ahead,
           NULL);
  for (i = 0; i < 4; i++)
    add_test("a handshake through filters", test_handshake_through_filters,
             &numbers[i]);
  add_test("one BIO to read, another to write", test_two_bios, NULL);
  for (i = 0; i < COUNT(numbers); i++)
    add_test("another BIO in the middle of a handshake",
             test_change_in_handshake, &numbers[i]);
  add_test("another BIO in the middle of a flight", test_change_in_flight,
           NULL);
  add_test("another BIO in the middle of a record", test_change_in_record,
           NULL);
  add_test("freed in the middle of a handshake", test_free_in_handshake, &no);
  add_test("freed in the middle of a handshake, chained",
           test_free_in_handshake, &yes);
  add_test("a filter alone is no BIO", test_filter_alone, NULL);
  return run_all("bio_change");
}
