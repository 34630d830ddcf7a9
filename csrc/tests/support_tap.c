/*
 * support_tap.c: the filter of support_tap.h, by BIO_meth_new(3).
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
