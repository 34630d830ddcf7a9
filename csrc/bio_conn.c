/*
 * bio_conn.c: a BIO whose bytes are the plaintext of a connection, for TLS in
 * TLS: BIO_f_ssl(3), but a source and sink, because the connection has BIOs of
 * its own.
 *
 * A step of the connection below runs inside of one of libssl's calls on the
 * connection above.  So it leaves OpenSSL's error queue and errno as they were
 * (libssl sends the alert for a failure with the failure in the queue), and
 * reads no more from the transport than one step may: only there does a
 * descriptor tell whether more is to come, the plaintext that a connection
 * below holds would be waited for in vain.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

struct below {
  struct sslci_record record; /* first */
  sslc_conn *conn;            /* with a reference */
  bool close;
  bool shut_down; /* close_notify was sent for sslc_bio_shutdown_wr */
};

static struct below *
state(BIO *bio)
{
  return BIO_get_data(bio);
}

/* ------------------------------------- what is of the connection above */

struct kept {
  int sys_errno;
  size_t count;
  unsigned long codes[SSLCI_QUEUE_MAX];
  char *texts[SSLCI_QUEUE_MAX];
};

static void
keep(struct kept *k)
{
  const char *text = NULL;
  int flags = 0;
  unsigned long code;
  k->sys_errno = errno;
  k->count = 0;
  while (k->count < SSLCI_QUEUE_MAX &&
         (code = compat_err_get(&text, &flags)) != 0) {
    bool has_text = text && (flags & ERR_TXT_STRING);
    k->codes[k->count] = code;
    k->texts[k->count++] = has_text ? OPENSSL_strdup(text) : NULL;
  }
}

static void
put_back(struct kept *k)
{
  ERR_clear_error();
  for (size_t i = 0; i < k->count; i++) {
    compat_err_put(k->codes[i], k->texts[i]);
    OPENSSL_free(k->texts[i]);
  }
  errno = k->sys_errno;
}

/* Whether it is the first of this step of the one above is told by the bound,
 * which that step has set: then the bounds below are set anew as well. */
static void
enter(struct below *b, struct kept *k)
{
  keep(k);
  b->conn->nested = b->record.reads_left < SSLCI_READS_PER_STEP;
  b->record.reads_left = 0;
}

static void
leave(struct below *b, struct kept *k)
{
  b->conn->nested = false;
  put_back(k);
}

/* ------------------------------------------------------------------- steps */

static int
outcome(BIO *bio, sslc_status status, size_t n)
{
  struct below *b = state(bio);
  if (status == SSLC_OK)
    return (int)n;
  if (status == SSLC_CLOSED) {
    b->record.eof = true;
    return 0;
  }
  if (status > 0)
    sslci_set_retry(bio, &b->record, status);
  else
    b->record.error = sslc_conn_error(b->conn);
  return -1;
}

static sslc_status
shake_hands(sslc_conn *conn)
{
  return conn->connected ? SSLC_OK : sslc_conn_do_handshake(conn);
}

static int
below_write(BIO *bio, const char *buf, int len)
{
  struct below *b = state(bio);
  struct kept k;
  size_t n = 0;
  BIO_clear_retry_flags(bio);
  enter(b, &k);
  sslc_status status = shake_hands(b->conn);
  if (status == SSLC_OK)
    status = sslc_conn_write(b->conn, buf, (size_t)len, &n);
  leave(b, &k);
  if (status != SSLC_CLOSED)
    return outcome(bio, status, n);
  b->record.sys_errno = EPIPE; /* the end is one to who reads */
  return -1;
}

static int
below_read(BIO *bio, char *buf, int len)
{
  struct below *b = state(bio);
  struct kept k;
  size_t n = 0;
  BIO_clear_retry_flags(bio);
  if (b->record.eof)
    return 0;
  enter(b, &k);
  sslc_status status = shake_hands(b->conn);
  if (status == SSLC_OK)
    status = sslc_conn_read(b->conn, buf, (size_t)len, &n);
  leave(b, &k);
  return outcome(bio, status, n);
}

static int
below_puts(BIO *bio, const char *str)
{
  return below_write(bio, str, (int)strlen(str));
}

typedef sslc_status simple_step(sslc_conn *conn);

static long
run(BIO *bio, simple_step *step)
{
  struct below *b = state(bio);
  struct kept k;
  BIO_clear_retry_flags(bio);
  enter(b, &k);
  sslc_status status = step(b->conn);
  leave(b, &k);
  return outcome(bio, status, 1);
}

/* close_notify is sent; that the peer's has not come is no matter here. */
static sslc_status
shut_down(sslc_conn *conn)
{
  sslc_status status = sslc_conn_shutdown(conn);
  return status == SSLC_WANT_READ ? SSLC_OK : status;
}

static long
below_shutdown_wr(BIO *bio)
{
  struct below *b = state(bio);
  long ret = b->shut_down ? 1 : run(bio, shut_down);
  b->shut_down = ret > 0;
  return ret;
}

/* ------------------------------------------------------------- the method */

static long
get_fd(const sslc_conn *conn, int *where)
{
  int fd = sslc_conn_fd(conn);
  if (where)
    *where = fd;
  return fd;
}

static long
get_timeout(const sslc_conn *conn, int64_t *where)
{
  *where = sslc_conn_timeout(conn);
  return 1;
}

static long
get_address(const sslc_conn *conn, char *where)
{
  sslci_bio_peer_address(sslci_conn_waits_for(conn), where);
  return 1;
}

static long
wpending(const sslc_conn *conn)
{
  return (long)sslc_bio_wpending(conn->wbio);
}

static long
set_quiet(sslc_conn *conn, bool quiet)
{
  sslci_bio_set_quiet(conn->rbio, quiet);
  sslci_bio_set_quiet(conn->wbio, quiet);
  return 1;
}

/* What is the transport's. */
static long
transport_ctrl(sslc_conn *conn, int cmd, long num, void *ptr)
{
  switch (cmd) {
  case BIO_C_GET_FD:
    return get_fd(conn, ptr);
  case SSLCI_CTRL_QUIET:
    return set_quiet(conn, num != 0);
  case SSLCI_CTRL_TIMEOUT:
    return get_timeout(conn, ptr);
  case SSLCI_CTRL_ADDRESS:
    return get_address(conn, ptr);
  case SSLCI_CTRL_NODELAY:
    return sslci_bio_ctrl(conn->wbio, cmd, num, ptr);
  case SSLCI_CTRL_DIAL_WAIT:
    return sslci_bio_ctrl(sslci_conn_waits_for(conn), cmd, num, ptr);
  default:
    return 0;
  }
}

static long
below_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
  struct below *b = state(bio);
  switch (cmd) {
  case BIO_C_DO_STATE_MACHINE:
    return run(bio, shake_hands);
  case BIO_CTRL_FLUSH:
    return run(bio, sslc_conn_flush);
  case BIO_C_SHUTDOWN_WR:
    return below_shutdown_wr(bio);
  case BIO_CTRL_PENDING:
    return (long)sslc_conn_pending(b->conn);
  case BIO_CTRL_WPENDING:
    return wpending(b->conn);
  case BIO_CTRL_EOF:
    return b->record.eof;
  case BIO_CTRL_GET_CLOSE:
    return b->close;
  case BIO_CTRL_SET_CLOSE:
    b->close = num != 0;
    return 1;
  default:
    return transport_ctrl(b->conn, cmd, num, ptr);
  }
}

static int
below_destroy(BIO *bio)
{
  struct below *b = bio ? state(bio) : NULL;
  struct kept k;
  if (!b)
    return 1;
  keep(&k);
  if (b->close)
    sslc_conn_close(b->conn);
  sslc_conn_free(b->conn);
  put_back(&k);
  OPENSSL_free(b);
  BIO_set_data(bio, NULL);
  return 1;
}

static BIO_METHOD *
below_method(void)
{
  static _Atomic(BIO_METHOD *) made;
  static const struct sslci_method calls = {
    below_write, below_read, below_puts, NULL, below_ctrl, below_destroy
  };
  return sslci_bio_method(&made, "sslconnect connection",
                          BIO_TYPE_SOURCE_SINK, &calls);
}

/* ------------------------------------------------------------------ making */

sslc_bio *
sslc_bio_new_conn(sslc_conn *conn, int close_flag)
{
  struct below *b = conn ? sslci_new(struct below) : NULL;
  if (!b)
    return NULL;
  BIO *bio = sslci_bio_make(below_method(), b);
  if (!bio) {
    OPENSSL_free(b);
    return NULL;
  }
  b->conn = sslc_conn_up_ref(conn);
  b->record.reads_left = SSLCI_READS_PER_STEP;
  sslc_bio *made = sslci_bio_wrap(bio, SSLC_BIO_CONN, true);
  /* From here on nothing fails: only now may it close the connection. */
  if (made)
    b->close = close_flag == SSLC_CLOSE;
  return made;
}

bool
sslci_bio_is_over(const sslc_bio *bio, const sslc_conn *conn)
{
  const sslc_bio *end = sslc_bio_find((sslc_bio *)bio, SSLC_BIO_CONN);
  const sslc_conn *below = end && conn ? state(end->bio)->conn : NULL;
  if (!below || below == conn)
    return below != NULL;
  return sslci_bio_is_over(below->rbio, conn) ||
         (below->wbio != below->rbio && sslci_bio_is_over(below->wbio, conn));
}
