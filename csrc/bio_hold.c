/*
 * bio_hold.c: holds the last flight of a handshake, until it can leave in one
 * piece with what is written first: sslc_conn_set_hold_flight.
 *
 * A filter, bio(7), that libssl reads and writes in the place of the BIOs of a
 * connection.  While the handshake goes on it gathers what is written, and
 * sends it before it reads: libssl has written a flight then, and waits for
 * the other side's.  So what is left when the handshake is done is the last
 * flight, if it was this side's.
 *
 * Nothing is ever taken for sent that is not: of what a caller writes along
 * with the flight, that part is taken which has gone.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

/* From here on a flight is sent on, as it comes. */
enum { MOST_HELD = 16 * 1024 };

struct sslci_hold *
sslci_hold_of(BIO *bio)
{
  return BIO_get_data(bio);
}

/* ------------------------------------------------------------ what is held */

static void
clear(struct sslci_hold *h)
{
  OPENSSL_free(h->bytes);
  h->bytes = NULL;
  h->len = h->size = 0;
}

/* False where memory is short; then nothing has changed. */
static bool
append(struct sslci_hold *h, const char *buf, size_t len)
{
  if (h->size - h->len < len) {
    unsigned char *bytes = OPENSSL_realloc(h->bytes, h->len + len);
    if (!bytes)
      return false;
    h->bytes = bytes;
    h->size = h->len + len;
  }
  memcpy(h->bytes + h->len, buf, len);
  h->len += len;
  return true;
}

/* --------------------------------------------------------- the BIOs behind */

/* What a BIO behind said, with its wish to be called again. */
static int
passed_on(BIO *bio, BIO *behind, int ret)
{
  BIO_clear_retry_flags(bio);
  if (ret <= 0) {
    BIO_set_flags(bio, BIO_get_retry_flags(behind));
    BIO_set_retry_reason(bio, BIO_get_retry_reason(behind));
  }
  return ret;
}

static int
write_behind(BIO *bio, const void *buf, size_t len)
{
  const sslc_bio *w = sslci_hold_of(bio)->conn->wbio;
  if (!w)
    return -1;
  BIO_clear_retry_flags(w->bio);
  return passed_on(bio, w->bio, BIO_write(w->bio, buf, (int)len));
}

static int
read_behind(BIO *bio, char *buf, int len)
{
  const sslc_bio *r = sslci_hold_of(bio)->conn->rbio;
  if (!r)
    return -1;
  BIO_clear_retry_flags(r->bio);
  return passed_on(bio, r->bio, BIO_read(r->bio, buf, len));
}

/* Has the BIO to read from not block; false where it may do that. */
static bool
quieten(const sslc_bio *r)
{
  switch (sslci_bio_last(r)->kind) {
  case SSLC_BIO_PAIR:
  case SSLC_BIO_MEM:
  case SSLC_BIO_NULL:
  case SSLC_BIO_FUNCTIONS:
    return true;
  default:
    return sslci_bio_ctrl(r, SSLCI_CTRL_QUIET, 1, NULL) > 0;
  }
}

/* ---------------------------------------------------------------- sending */

/* Sends what is held: 1 when all has gone, else what the BIO behind said. */
static int
send_held(BIO *bio)
{
  struct sslci_hold *h = sslci_hold_of(bio);
  size_t sent = 0;
  int n = 1;
  while (sent < h->len &&
         (n = write_behind(bio, h->bytes + sent, h->len - sent)) > 0)
    sent += (size_t)n;
  if (sent == h->len) {
    clear(h);
    return 1;
  }
  memmove(h->bytes, h->bytes + sent, h->len - sent);
  h->len -= sent;
  return n;
}

/* Sends what is held and the caller's bytes in one piece; how many of the
 * caller's have gone, or what the BIO behind said. */
static int
send_with(BIO *bio, const char *buf, size_t len)
{
  struct sslci_hold *h = sslci_hold_of(bio);
  bool joined = h->len > 0 && append(h, buf, len);
  int ret = send_held(bio);
  if (!joined) /* nothing was held, or memory was short */
    return ret > 0 ? write_behind(bio, buf, len) : ret;
  size_t unsent = h->len < len ? h->len : len;
  h->len -= unsent;
  if (h->len == 0)
    clear(h);
  if (unsent == len)
    return ret;
  BIO_clear_retry_flags(bio);
  return (int)(len - unsent);
}

/* ------------------------------------------------------------- the method */

static int
hold_write(BIO *bio, const char *buf, int len)
{
  struct sslci_hold *h = sslci_hold_of(bio);
  size_t size = (size_t)len;
  BIO_clear_retry_flags(bio);
  size_t most = h->gathers ? h->size : MOST_HELD;
  if (h->holding && h->len + size <= most && append(h, buf, size))
    return len;
  return send_with(bio, buf, size);
}

/* A read that does not block.  Unless it says that there is nothing now, its
 * result is in `*ret`. */
static bool
read_what_is_there(BIO *bio, char *buf, int len, int *ret)
{
  sslc_bio *r = sslci_hold_of(bio)->conn->rbio;
  if (!r || !quieten(r))
    return false;
  *ret = read_behind(bio, buf, len);
  sslci_bio_set_quiet(r, false);
  return *ret > 0 || !BIO_should_retry(bio);
}

/* Has the records say what the failure to send was, and no later one. */
static void
tell_again(const sslc_conn *conn, int sys_errno)
{
  const sslc_bio *b, *last = NULL;
  for (b = conn->rbio; b; b = b->next)
    if (b->record)
      b->record->sys_errno = 0;
  for (b = conn->wbio; b; b = b->next)
    if (b->record)
      last = b;
  if (last)
    last->record->sys_errno = sys_errno;
}

/* Why a peer is gone that nothing can be sent to may stand in what it sent
 * before.  Where it does not, the failure to send is what is told. */
static int
read_after_failure(BIO *bio, char *buf, int len, int failure)
{
  const sslc_conn *conn = sslci_hold_of(bio)->conn;
  int ret, err = errno, sys_errno = sslci_bio_errno(conn->wbio);
  if (read_what_is_there(bio, buf, len, &ret) && ret >= 0)
    return ret;
  tell_again(conn, sys_errno);
  BIO_clear_retry_flags(bio);
  errno = err;
  return failure;
}

/* Before it waits for the peer the peer gets what it may be waiting for. */
static int
send_and_read(BIO *bio, char *buf, int len)
{
  int ret = send_held(bio);
  if (ret > 0)
    return read_behind(bio, buf, len);
  return BIO_should_retry(bio) ? ret : read_after_failure(bio, buf, len, ret);
}

static int
hold_read(BIO *bio, char *buf, int len)
{
  const struct sslci_hold *h = sslci_hold_of(bio);
  int ret;
  BIO_clear_retry_flags(bio);
  if (h->len == 0 || h->gathers)
    return read_behind(bio, buf, len);
  if (!h->holding && read_what_is_there(bio, buf, len, &ret))
    return ret;
  return send_and_read(bio, buf, len);
}

static int
hold_puts(BIO *bio, const char *str)
{
  return hold_write(bio, str, (int)strlen(str));
}

/* While the flight is being gathered libssl is told that it has gone. */
static long
hold_flush(BIO *bio)
{
  const struct sslci_hold *h = sslci_hold_of(bio);
  const sslc_bio *w = h->conn->wbio;
  BIO_clear_retry_flags(bio);
  if (h->holding || !w)
    return 1;
  int ret = send_held(bio);
  return ret > 0 ? passed_on(bio, w->bio, (int)BIO_flush(w->bio)) : ret;
}

static long
ask(const sslc_bio *behind, int cmd, long num, void *ptr)
{
  return behind ? BIO_ctrl(behind->bio, cmd, num, ptr) : 0;
}

/* The rest is answered with 0: libssl may set nothing up behind what is held,
 * as it would for the kernel's TLS. */
static long
hold_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
  const struct sslci_hold *h = sslci_hold_of(bio);
  switch (cmd) {
  case BIO_CTRL_FLUSH:
    return hold_flush(bio);
  case BIO_CTRL_WPENDING:
    return (long)h->len + ask(h->conn->wbio, cmd, num, ptr);
  case BIO_CTRL_EOF:
  case BIO_CTRL_PENDING:
  case BIO_C_GET_FD:
    return ask(h->conn->rbio, cmd, num, ptr);
  case BIO_CTRL_DUP:
    return 1;
  default:
    return 0;
  }
}

static int
hold_destroy(BIO *bio)
{
  struct sslci_hold *h = bio ? sslci_hold_of(bio) : NULL;
  if (h)
    clear(h);
  OPENSSL_free(h);
  if (bio)
    BIO_set_data(bio, NULL);
  return 1;
}

static BIO_METHOD *
hold_method(void)
{
  static _Atomic(BIO_METHOD *) made;
  static const struct sslci_method calls = {
    hold_write, hold_read, hold_puts, NULL, hold_ctrl, hold_destroy
  };
  return sslci_bio_method(&made, "sslconnect held flight", BIO_TYPE_FILTER,
                          &calls);
}

/* ------------------------------------------------------- for the connection */

BIO *
sslci_hold_bio(sslc_conn *conn)
{
  struct sslci_hold *h = sslci_new(struct sslci_hold);
  if (!h)
    return NULL;
  BIO *bio = sslci_bio_make(hold_method(), h);
  if (!bio) {
    OPENSSL_free(h);
    return NULL;
  }
  h->conn = conn;
  h->holding = true;
  return bio;
}

BIO *
sslci_gather_bio(sslc_conn *conn, size_t room)
{
  BIO *bio = sslci_hold_bio(conn);
  struct sslci_hold *h = bio ? sslci_hold_of(bio) : NULL;
  if (!h)
    return NULL;
  h->gathers = true;
  h->bytes = OPENSSL_malloc(room);
  h->size = h->bytes ? room : 0;
  if (h->bytes)
    return bio;
  BIO_free(bio);
  return NULL;
}

int
sslci_hold_send(BIO *bio)
{
  struct sslci_hold *h = sslci_hold_of(bio);
  bool holding = h->holding;
  h->holding = false;
  int ret = (int)BIO_flush(bio);
  h->holding = holding;
  return ret;
}
