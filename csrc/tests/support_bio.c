/*
 * support_bio.c: what the tests of BIOs share.
 */
#include "support_bio.h"

#include <stdlib.h>
#include <string.h>

size_t
put(sslc_bio *bio, const void *data, size_t len, sslc_status want)
{
  size_t n = 12345;

  assert_status(sslc_bio_write(bio, data, len, &n), want,
                sslc_bio_error(bio));
  return n;
}

size_t
get(sslc_bio *bio, void *buf, size_t len, sslc_status want)
{
  size_t n = 12345;

  assert_status(sslc_bio_read(bio, buf, len, &n), want, sslc_bio_error(bio));
  return n;
}

void
put_text(sslc_bio *bio, const char *text)
{
  assert_int_equal(put(bio, text, strlen(text), SSLC_OK), strlen(text));
}

void
get_text(sslc_bio *bio, const char *text)
{
  char buf[256];
  size_t n = get(bio, buf, sizeof buf - 1, SSLC_OK);

  buf[n] = '\0';
  assert_string_equal(buf, text);
}

void
get_line(sslc_bio *bio, size_t size, const char *text, sslc_status want)
{
  char buf[256];
  size_t n = 12345;

  assert_true(size <= sizeof buf);
  memset(buf, 'x', sizeof buf);
  assert_status(sslc_bio_gets(bio, buf, size, &n), want, sslc_bio_error(bio));
  assert_int_equal(n, strlen(text));
  assert_string_equal(buf, text);
}

sslc_bio *
make_pair(sslc_bio **other)
{
  sslc_bio *bio;

  assert_int_equal(sslc_bio_new_pair(&bio, 0, other, 0), SSLC_OK);
  return bio;
}

sslc_bio *
make_filter(void)
{
  sslc_bio *bio = sslc_bio_new_buffer(0);

  assert_non_null(bio);
  return bio;
}

void
push(sslc_bio *bio, sslc_bio *append)
{
  assert_ok(sslc_bio_push(bio, append), sslc_bio_error(bio));
}

void
pop(sslc_bio *bio)
{
  assert_ok(sslc_bio_pop(bio), sslc_bio_error(bio));
  assert_null(sslc_bio_next(bio));
}

void
refused(sslc_status status, const sslc_bio *bio, const char *says)
{
  assert_status(status, SSLC_ERR_STATE, sslc_bio_error(bio));
  assert_code(sslc_bio_error(bio), SSLC_CODE_MISUSE);
  assert_has(sslc_error_message(sslc_bio_error(bio)), says);
}

static sslc_conn *
make_side(sslc_ctx *ctx, sslc_bio *r, sslc_bio *w)
{
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  assert_non_null(r);
  assert_non_null(w);
  assert_ok(sslc_conn_set_bio(conn, r, w), sslc_conn_error(conn));
  if (r != w)
    sslc_bio_free(w);
  sslc_bio_free(r);
  sslc_ctx_free(ctx);
  return conn;
}

void
peers_init_bios(struct peers *p, sslc_bio *client_r, sslc_bio *client_w,
                sslc_bio *server_r, sslc_bio *server_w)
{
  p->client = make_side(make_client_ctx(), client_r, client_w);
  p->server = make_side(make_server_ctx("good"), server_r, server_w);
  assert_ok(sslc_conn_set_connect_state(p->client),
            sslc_conn_error(p->client));
  assert_ok(sslc_conn_set_server_name(p->client, "localhost"),
            sslc_conn_error(p->client));
  assert_ok(sslc_conn_set_accept_state(p->server),
            sslc_conn_error(p->server));
}

/* One piece, written and flushed as often as it takes. */
static void
talk(sslc_conn *from, sslc_conn *to, const unsigned char *data, size_t len)
{
  unsigned char buf[2048];
  size_t sent, got, i, left = 0;
  sslc_status status;

  while (len > 0 || left > 0) {
    if (len > 0) {
      status = sslc_conn_write(from, data + left, len, &sent);
      if (status != SSLC_WANT_WRITE)
        assert_status(status, SSLC_OK, sslc_conn_error(from));
      left += sent;
      len -= sent;
    }
    status = sslc_conn_flush(from);
    if (status != SSLC_WANT_WRITE)
      assert_status(status, SSLC_OK, sslc_conn_error(from));
    status = sslc_conn_read(to, buf, sizeof buf, &got);
    if (!is_want(status))
      assert_status(status, SSLC_OK, sslc_conn_error(to));
    for (i = 0; i < got; i++)
      assert_int_equal(buf[i], data[i]);
    data += got;
    left -= got;
  }
}

void
peers_talk(struct peers *p, size_t len)
{
  unsigned char *data = malloc(len);
  size_t i;

  assert_non_null(data);
  for (i = 0; i < len; i++)
    data[i] = (unsigned char)(i * 7 + i / 251);
  talk(p->client, p->server, data, len);
  talk(p->server, p->client, data, len);
  free(data);
}
