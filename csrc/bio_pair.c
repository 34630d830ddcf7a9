/*
 * bio_pair.c: two BIOs joined, as BIO_s_bio(3): how TLS runs without a socket.
 * One half is given to a connection, the bytes are moved at the other.
 *
 * Unlike with BIO_s_bio, what was written stays readable when the half it was
 * written to is freed: a close_notify on its way is not lost with its sender.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

/* Room for a record of TLS 1.2 at its largest, as BIO_s_bio has. */
enum { DEFAULT_SIZE = 17 * 1024 };

/* One direction: a ring of bytes, shared by its two ends. */
struct ring {
  int ends; /* 2, 1, then freed */
  bool no_more_written;
  bool no_more_read;
  size_t size;
  size_t start;
  size_t len;
  char *bytes;
};

struct half {
  struct sslci_record record; /* first */
  struct ring *in;
  struct ring *out;
};

/* ------------------------------------------------------------------ rings */

static struct ring *
ring_new(size_t size)
{
  struct ring *r = sslci_new(struct ring);
  if (!r)
    return NULL;
  r->ends = 1;
  r->size = size ? size : DEFAULT_SIZE;
  r->bytes = OPENSSL_malloc(r->size);
  if (r->bytes)
    return r;
  OPENSSL_free(r);
  return NULL;
}

static void
ring_free(struct ring *r)
{
  if (!r || --r->ends > 0)
    return;
  OPENSSL_free(r->bytes);
  OPENSSL_free(r);
}

static size_t
smaller(size_t a, size_t b)
{
  return a < b ? a : b;
}

static size_t
ring_put(struct ring *r, const char *buf, size_t len)
{
  size_t n = smaller(len, r->size - r->len);
  size_t at = (r->start + r->len) % r->size;
  size_t first = smaller(n, r->size - at);
  memcpy(r->bytes + at, buf, first);
  memcpy(r->bytes, buf + first, n - first);
  r->len += n;
  return n;
}

/* An empty ring begins anew, so that more of it comes in one piece. */
static void
ring_skip(struct ring *r, size_t n)
{
  r->len -= n;
  r->start = r->len > 0 ? (r->start + n) % r->size : 0;
}

static size_t
ring_take(struct ring *r, char *buf, size_t len)
{
  size_t n = smaller(len, r->len);
  size_t first = smaller(n, r->size - r->start);
  memcpy(buf, r->bytes + r->start, first);
  memcpy(buf + first, r->bytes, n - first);
  ring_skip(r, n);
  return n;
}

/* ------------------------------------------------------------- the method */

static struct half *
half_of(BIO *bio)
{
  return BIO_get_data(bio);
}

static int
pair_write(BIO *bio, const char *buf, int len)
{
  struct half *h = half_of(bio);
  BIO_clear_retry_flags(bio);
  if (h->out->no_more_read || h->out->no_more_written) {
    h->record.sys_errno = EPIPE;
    return -1;
  }
  if (len <= 0)
    return 0;
  size_t n = ring_put(h->out, buf, (size_t)len);
  if (n == 0)
    sslci_set_retry(bio, &h->record, SSLC_WANT_WRITE);
  return n > 0 ? (int)n : -1;
}

static int
pair_read(BIO *bio, char *buf, int len)
{
  struct half *h = half_of(bio);
  BIO_clear_retry_flags(bio);
  size_t n = ring_take(h->in, buf, (size_t)len);
  if (n > 0)
    return (int)n;
  if (h->in->no_more_written) {
    h->record.eof = true;
    return 0;
  }
  sslci_set_retry(bio, &h->record, SSLC_WANT_READ);
  return -1;
}

/* What can be had in one piece, as BIO_nread0(3). */
static long
pair_nread0(BIO *bio, char **bytes)
{
  const struct half *h = half_of(bio);
  const struct ring *r = h->in;
  BIO_clear_retry_flags(bio);
  char none;
  if (r->len == 0)
    return pair_read(bio, &none, 0);
  *bytes = r->bytes + r->start;
  return (long)smaller(r->len, r->size - r->start);
}

static long
pair_nread(BIO *bio, long num)
{
  ring_skip(half_of(bio)->in, (size_t)num);
  return num;
}

/* A line, or what there is of one. */
static int
pair_gets(BIO *bio, char *buf, int size)
{
  const struct ring *r = half_of(bio)->in;
  int n = 0;
  if (size <= 0)
    return 0;
  while (n < size - 1 && (size_t)n < r->len)
    if (r->bytes[(r->start + (size_t)n++) % r->size] == '\n')
      break;
  int got = pair_read(bio, buf, n);
  buf[got > 0 ? got : 0] = '\0';
  return got;
}

static int
pair_puts(BIO *bio, const char *str)
{
  return pair_write(bio, str, (int)strlen(str));
}

static long
pair_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
  struct half *h = half_of(bio);
  switch (cmd) {
  case BIO_C_NREAD0:
    return pair_nread0(bio, ptr);
  case BIO_C_NREAD:
    return pair_nread(bio, num);
  case BIO_CTRL_PENDING:
    return (long)h->in->len;
  case BIO_CTRL_WPENDING:
    return (long)h->out->len;
  case BIO_CTRL_EOF:
    return h->in->len == 0 && h->in->no_more_written;
  case BIO_C_SHUTDOWN_WR:
    h->out->no_more_written = true;
    return 1;
  case BIO_CTRL_FLUSH:
  case BIO_CTRL_DUP:
    return 1;
  default:
    return 0;
  }
}

static void
half_free(struct half *h)
{
  if (h->out)
    h->out->no_more_written = true;
  if (h->in)
    h->in->no_more_read = true;
  ring_free(h->out);
  ring_free(h->in);
  OPENSSL_free(h);
}

static int
pair_destroy(BIO *bio)
{
  struct half *h = bio ? half_of(bio) : NULL;
  if (h)
    half_free(h);
  if (bio)
    BIO_set_data(bio, NULL);
  return 1;
}

static BIO_METHOD *
pair_method(void)
{
  static _Atomic(BIO_METHOD *) made;
  static const struct sslci_method calls = {
    pair_write, pair_read, pair_puts, pair_gets, pair_ctrl, pair_destroy
  };
  return sslci_bio_method(&made, "sslconnect pair", BIO_TYPE_SOURCE_SINK,
                          &calls);
}

/* ----------------------------------------------------------------- making */

/* A half that shares the two rings; they are the caller's where it fails. */
static sslc_bio *
new_half(struct ring *in, struct ring *out)
{
  struct half *h = in && out ? sslci_new(struct half) : NULL;
  if (!h)
    return NULL;
  BIO *bio = sslci_bio_make(pair_method(), h);
  if (!bio) {
    OPENSSL_free(h);
    return NULL;
  }
  h->in = in;
  h->out = out;
  in->ends++;
  out->ends++;
  return sslci_bio_wrap(bio, SSLC_BIO_PAIR, true);
}

sslc_status
sslc_bio_new_pair(sslc_bio **bio1, size_t size1, sslc_bio **bio2, size_t size2)
{
  if (!bio1 || !bio2)
    return SSLC_ERR_ARG;
  *bio1 = *bio2 = NULL;
  struct ring *one = ring_new(size1);
  struct ring *two = ring_new(size2);
  *bio1 = new_half(two, one);
  *bio2 = new_half(one, two);
  ring_free(one);
  ring_free(two);
  if (*bio1 && *bio2)
    return SSLC_OK;
  sslc_bio_free(*bio1);
  sslc_bio_free(*bio2);
  *bio1 = *bio2 = NULL;
  return SSLC_ERR_NOMEM;
}
