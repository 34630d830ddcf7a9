/*
 * support_tap.c: the filter of support_tap.h, by BIO_meth_new(3), and two
 * connections with one each.
 */
#include "support_tap.h"

#include <string.h>

#include <openssl/bio.h>

static int
tap_write(BIO *bio, const char *buf, int len)
{
  struct tap *tap = BIO_get_data(bio);
  int n, most = tap->room < (size_t)len ? (int)tap->room : len;

  BIO_clear_retry_flags(bio);
  if (most == 0) {
    BIO_set_retry_write(bio);
    return -1;
  }
  n = BIO_write(BIO_next(bio), buf, most);
  BIO_copy_next_retry(bio);
  if (n <= 0)
    return n;
  tap->writes++;
  tap->bytes += (size_t)n;
  tap->room -= (size_t)n;
  return n;
}

static int
tap_read(BIO *bio, char *buf, int len)
{
  struct tap *tap = BIO_get_data(bio);
  int n = BIO_read(BIO_next(bio), buf, len);

  BIO_clear_retry_flags(bio);
  if (n <= 0)
    BIO_copy_next_retry(bio);
  tap->reads++;
  return n;
}

static long
tap_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
  return cmd == BIO_CTRL_PUSH || cmd == BIO_CTRL_POP || BIO_next(bio) == NULL
    ? 0 : BIO_ctrl(BIO_next(bio), cmd, num, ptr);
}

static BIO_METHOD *
tap_method(void)
{
  static BIO_METHOD *method;

  if (method != NULL)
    return method;
  method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "tap");
  assert_non_null(method);
  BIO_meth_set_write(method, tap_write);
  BIO_meth_set_read(method, tap_read);
  BIO_meth_set_ctrl(method, tap_ctrl);
  return method;
}

sslc_bio *
tap_new(struct tap *tap, sslc_bio *bio)
{
  BIO *native = BIO_new(tap_method());
  sslc_bio *filter;

  assert_non_null(native);
  memset(tap, 0, sizeof *tap);
  tap->room = SIZE_MAX;
  BIO_set_data(native, tap);
  BIO_set_init(native, 1);
  filter = sslc_bio_wrap(native);
  assert_non_null(filter);
  assert_ok(sslc_bio_push(filter, bio), sslc_bio_error(filter));
  sslc_bio_free(bio);
  return filter;
}

/* ------------------------------------------------ two ends, each with a tap */

static void
end_init(struct end *end, sslc_ctx *ctx, sslc_bio *bio, int hold)
{
  assert_non_null(bio);
  end->fd = sslc_bio_fd(bio);
  end->conn = sslc_conn_new(ctx);
  assert_non_null(end->conn);
  bio = tap_new(&end->tap, bio);
  assert_ok(sslc_conn_set_bio(end->conn, bio, bio), sslc_conn_error(end->conn));
  sslc_bio_free(bio);
  assert_ok(sslc_conn_set_hold_flight(end->conn, hold),
            sslc_conn_error(end->conn));
}

void
link_init(struct link *link, sslc_ctx *client, sslc_ctx *server,
          sslc_bio *bios[2], int hold)
{
  end_init(&link->client, client, bios[0], hold);
  end_init(&link->server, server, bios[1], hold);
  assert_ok(sslc_conn_set_connect_state(link->client.conn), NULL);
  assert_ok(sslc_conn_set_server_name(link->client.conn, "localhost"), NULL);
  assert_ok(sslc_conn_set_accept_state(link->server.conn), NULL);
}

void
link_free(struct link *link)
{
  sslc_conn_free(link->client.conn);
  sslc_conn_free(link->server.conn);
}
