/*
 * bio_io.c: the steps of BIOs: BIO_read(3), BIO_should_retry(3),
 * BIO_do_handshake(3), BIO_ctrl(3).
 */
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>

/* --------------------------------------------------------- what came of it */

static sslc_status
system_failure(sslc_bio *bio, int phase, int err)
{
  sslci_error_begin(&bio->err, sslci_errno_code(err), phase, "%s",
                    strerror(err));
  bio->err.sys_errno = err;
  return sslci_error_finish(&bio->err);
}

static sslc_status
bad_argument(sslc_bio *bio, int phase, const char *why)
{
  return sslci_error_set(&bio->err, SSLC_CODE_BAD_OPTION, phase, "%s", why);
}

static sslc_status
cannot(sslc_bio *bio, int phase, const char *what)
{
  return sslci_error_set(&bio->err, SSLC_CODE_BAD_OPTION, phase,
                         "a BIO of the kind %s cannot %s",
                         sslc_bio_kind_name(sslci_bio_last(bio)->kind), what);
}

void
sslci_explain_below(sslc_error *e, const sslc_error *below, int kind)
{
  const char *message = sslc_error_message(below);
  if (kind == SSLC_BIO_CONN)
    sslci_error_explain(e, below->code, "the connection below: %s", message);
  else
    sslci_error_explain(e, below->code, "%s", message);
  sslci_set_string(&e->hint, below->hint);
  e->phase = kind == SSLC_BIO_CONNECT ? below->phase : e->phase;
  e->sys_errno = below->sys_errno;
  e->verify_result = below->verify_result;
  e->verify_depth = below->verify_depth;
  e->alert = below->alert;
  sslc_cert_free(e->cert);
  e->cert = sslc_cert_up_ref(below->cert);
  sslci_set_string(&e->address, below->address);
}

static sslc_status
below_failure(sslc_bio *bio, int phase, const sslc_error *below, int kind)
{
  sslci_error_begin(&bio->err, SSLC_CODE_INTERNAL, phase, NULL);
  sslci_explain_below(&bio->err, below, kind);
  sslci_set_string(&bio->err.host, below->host);
  return sslci_error_finish(&bio->err);
}

/* A pair of OpenSSL's that was shut down has no errno: it is that of ours. */
int
sslci_native_errno(unsigned long code)
{
  if (ERR_GET_LIB(code) == ERR_LIB_SYS)
    return ERR_GET_REASON(code);
  return ERR_GET_LIB(code) == ERR_LIB_BIO &&
         ERR_GET_REASON(code) == BIO_R_BROKEN_PIPE ? EPIPE : 0;
}

/* What a reason that is not the system's is: BIO_f_ssl(3) gives those of
 * libssl. */
static int
native_code(unsigned long code)
{
  if (sslci_is_out_of_memory(code))
    return SSLC_CODE_OUT_OF_MEMORY;
  if (ERR_GET_LIB(code) != ERR_LIB_SSL)
    return SSLC_CODE_SYSTEM_ERROR;
  return ERR_GET_REASON(code) == COMPAT_R_UNEXPECTED_EOF
    ? SSLC_CODE_TRUNCATED : SSLC_CODE_PROTOCOL_ERROR;
}

/* What OpenSSL's own BIOs say: an errno in the queue, or left in errno, or a
 * reason that is not the system's. */
static sslc_status
native_failure(sslc_bio *bio, int phase, int err)
{
  unsigned long code = ERR_peek_error();
  if (code && !sslci_native_errno(code)) {
    const char *text = ERR_reason_error_string(code);
    sslci_error_begin(&bio->err, native_code(code), phase, "%s",
                      text ? text : "OpenSSL gave no reason");
    sslci_error_take_queue(&bio->err);
    return sslci_error_finish(&bio->err);
  }
  if (code)
    err = sslci_native_errno(code);
  return err ? system_failure(bio, phase, err)
             : sslci_error_set(&bio->err, SSLC_CODE_SYSTEM_ERROR, phase,
                               "the BIO gave no reason");
}

static sslc_status
failure(sslc_bio *bio, int phase, int left_errno)
{
  int kind = 0;
  const sslc_error *below = sslci_bio_below(bio, &kind);
  int err = sslci_bio_errno(bio);
  if (below)
    return below_failure(bio, phase, below, kind);
  if (err)
    return system_failure(bio, phase, err);
  return native_failure(bio, phase, left_errno);
}

static BIO *
native_last(const sslc_bio *bio)
{
  BIO *native = bio->bio;
  while (BIO_next(native))
    native = BIO_next(native);
  return native;
}

/* Whether a TLS BIO of OpenSSL's has got close_notify: its 0 may be a mere end
 * as well.  True where there is none. */
static bool
tls_is_closed(const sslc_bio *bio)
{
  BIO *tls = BIO_find_type(bio->bio, BIO_TYPE_SSL);
  SSL *ssl = NULL;
  if (!tls || BIO_get_ssl(tls, &ssl) <= 0 || !ssl)
    return true;
  return (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

static bool
is_file(const sslc_bio *bio)
{
  return BIO_method_type(native_last(bio)) == BIO_TYPE_FILE;
}

/* Whether nothing came because there is no more.  A read of 0 says so, but for
 * files and for TLS, where that may also have failed. */
static bool
is_end(const sslc_bio *bio, long ret)
{
  int kind;
  if (sslci_bio_below(bio, &kind) || sslci_bio_errno(bio) || ERR_peek_error())
    return false;
  if (sslci_bio_saw_eof(bio))
    return true;
  return ret == 0 && (!is_file(bio) || BIO_eof(native_last(bio)) > 0) &&
         tls_is_closed(bio);
}

/* The first of the chain that wants to be called again: not every filter passes
 * that on from a flush. */
static BIO *
retrying(const sslc_bio *bio)
{
  BIO *native = bio->bio;
  while (native && !BIO_should_retry(native))
    native = BIO_next(native);
  return native;
}

sslc_status
sslci_bio_wanted(const sslc_bio *bio)
{
  BIO *native = retrying(bio);
  sslc_status want = sslci_bio_want(bio);
  if (!native || want != SSLC_OK)
    return native ? want : SSLC_OK;
  if (BIO_should_read(native))
    return SSLC_WANT_READ;
  if (BIO_should_write(native))
    return SSLC_WANT_WRITE;
  switch (BIO_get_retry_reason(native)) {
  case BIO_RR_ACCEPT:
    return SSLC_WANT_ACCEPT;
  case BIO_RR_SSL_X509_LOOKUP:
    return SSLC_WANT_X509_LOOKUP;
  default:
    return SSLC_WANT_CONNECT;
  }
}

/* -2 of a BIO: it has no such method. */
static sslc_status
end(sslc_bio *bio, int phase, long ret, const char *what)
{
  int left_errno = errno;
  sslc_status status = SSLC_OK;
  if (ret > 0)
    status = SSLC_OK;
  else if (ret == -2)
    status = cannot(bio, phase, what);
  else if (retrying(bio))
    status = bio->retry = sslci_bio_wanted(bio);
  else if (phase == SSLC_PHASE_READ && is_end(bio, ret))
    status = SSLC_CLOSED;
  else
    status = failure(bio, phase, left_errno);
  ERR_clear_error();
  return status;
}

static sslc_status
begin(sslc_bio *bio)
{
  if (!bio)
    return SSLC_ERR_ARG;
  sslci_error_clear(&bio->err);
  bio->retry = SSLC_OK;
  sslci_bio_begin(bio, true);
  for (BIO *b = bio->bio; b; b = BIO_next(b))
    BIO_clear_retry_flags(b);
  ERR_clear_error();
  errno = 0;
  if (!sslci_bio_is_complete(bio))
    return sslci_error_set(&bio->err, SSLC_CODE_MISUSE, SSLC_PHASE_NONE,
                           "the chain ends in a buffer: push what it is to "
                           "read from and write to");
  return SSLC_OK;
}

static sslc_status
begin_io(sslc_bio *bio, const void *buf, size_t len, size_t *n, int phase)
{
  if (!bio || !n)
    return SSLC_ERR_ARG;
  *n = 0;
  sslc_status status = begin(bio);
  if (status != SSLC_OK || (buf && len))
    return status;
  return bad_argument(bio, phase, "the buffer has no bytes");
}

/* ------------------------------------------------------- reading, writing */

static int
clamp(size_t len)
{
  return len > INT_MAX ? INT_MAX : (int)len;
}

static sslc_status
end_io(sslc_bio *bio, int phase, int ret, size_t *n, const char *what)
{
  *n = ret > 0 ? (size_t)ret : 0;
  return end(bio, phase, ret, what);
}

sslc_status
sslc_bio_read(sslc_bio *bio, void *buf, size_t len, size_t *n)
{
  sslc_status status = begin_io(bio, buf, len, n, SSLC_PHASE_READ);
  if (status != SSLC_OK)
    return status;
  return end_io(bio, SSLC_PHASE_READ, BIO_read(bio->bio, buf, clamp(len)), n,
                "be read");
}

sslc_status
sslc_bio_write(sslc_bio *bio, const void *buf, size_t len, size_t *n)
{
  sslc_status status = begin_io(bio, buf, len, n, SSLC_PHASE_WRITE);
  if (status != SSLC_OK)
    return status;
  if (sslci_bio_last(bio)->write_closed)
    return SSLC_CLOSED;
  return end_io(bio, SSLC_PHASE_WRITE, BIO_write(bio->bio, buf, clamp(len)), n,
                "be written");
}

/* As a write: BIO_puts(3) is one for all kinds of BIOs but those that count
 * lines, of which there is none here. */
sslc_status
sslc_bio_puts(sslc_bio *bio, const char *text, size_t *n)
{
  return sslc_bio_write(bio, text, text ? strlen(text) : 0, n);
}

/* BIO_gets(3) of a file, which has fgets(3) count a line's bytes up to the
 * first NUL in it; and that drops the rest. */
static int
file_gets(BIO *bio, char *buf, int size)
{
  int n = 0;
  while (n < size - 1) {
    int ret = BIO_read(bio, buf + n, 1);
    if (ret <= 0 && n == 0)
      return ret;
    if (ret <= 0 || buf[n++] == '\n')
      break;
  }
  buf[n] = '\0';
  return n;
}

/* A line of 0 bytes: BIO_s_mem(3) says so too where a read would have more to
 * say, that it is to come again. */
static int
native_gets(sslc_bio *bio, char *buf, int size)
{
  int ret = BIO_gets(bio->bio, buf, size);
  if (ret != 0 || bio->kind != SSLC_BIO_NATIVE || retrying(bio))
    return ret;
  ret = BIO_read(bio->bio, buf, 1);
  buf[ret > 0 ? ret : 0] = '\0';
  return ret;
}

sslc_status
sslc_bio_gets(sslc_bio *bio, char *buf, size_t size, size_t *n)
{
  if (buf && size > 0)
    *buf = '\0';
  sslc_status status = begin_io(bio, buf, size, n, SSLC_PHASE_READ);
  if (status != SSLC_OK)
    return status;
  if (size < 2)
    return bad_argument(bio, SSLC_PHASE_READ, "the buffer has no room");
  int ret = BIO_method_type(bio->bio) == BIO_TYPE_FILE
    ? file_gets(bio->bio, buf, clamp(size))
    : native_gets(bio, buf, clamp(size));
  if (ret <= 0)
    *buf = '\0';
  return end_io(bio, SSLC_PHASE_READ, ret, n,
                "be read by lines: put a buffer before it");
}

sslc_status
sslc_bio_flush(sslc_bio *bio)
{
  sslc_status status = begin(bio);
  if (status != SSLC_OK)
    return status;
  return end(bio, SSLC_PHASE_WRITE, BIO_flush(bio->bio), "be flushed");
}

sslc_status
sslc_bio_do_handshake(sslc_bio *bio)
{
  sslc_status status = begin(bio);
  if (status != SSLC_OK)
    return status;
  long ret = BIO_do_handshake(bio->bio);
  /* What knows of no handshake is ready. */
  if (ret == 0 && !retrying(bio) && !sslci_bio_errno(bio)) {
    int kind;
    if (!sslci_bio_below(bio, &kind) && ERR_peek_error() == 0)
      ret = 1;
  }
  return end(bio, SSLC_PHASE_CONNECT, ret, "shake hands");
}

/* Asked before, because a filter throws away what it holds and goes on to the
 * next only then. */
static bool
can_reset(const sslc_bio *bio)
{
  switch (sslci_bio_last(bio)->kind) {
  case SSLC_BIO_MEM:
  case SSLC_BIO_NULL:
  case SSLC_BIO_FILE:
  case SSLC_BIO_NATIVE:
    return true;
  default:
    return false;
  }
}

sslc_status
sslc_bio_reset(sslc_bio *bio)
{
  sslc_status status = begin(bio);
  if (status != SSLC_OK)
    return status;
  long ret = can_reset(bio) ? BIO_reset(bio->bio) : -2;
  /* fseek's 0 is a file's way to say that it went well. */
  if (ret == 0)
    ret = is_file(bio) ? 1 : -2;
  return end(bio, SSLC_PHASE_NONE, ret, "be reset");
}

/* ---------------------------------------------------- without copying */

static bool
can_peek(const sslc_bio *bio)
{
  return bio->kind == SSLC_BIO_PAIR || bio->kind == SSLC_BIO_MEM;
}

sslc_status
sslc_bio_peek(sslc_bio *bio, const void **data, size_t *n)
{
  char *bytes = NULL;
  if (!bio || !data || !n)
    return SSLC_ERR_ARG;
  *data = NULL;
  *n = 0;
  sslc_status status = begin(bio);
  if (status != SSLC_OK)
    return status;
  if (!can_peek(bio))
    return cannot(bio, SSLC_PHASE_READ, "be peeked at");
  long ret = BIO_ctrl(bio->bio, BIO_C_NREAD0, 0, &bytes);
  *n = ret > 0 ? (size_t)ret : 0;
  *data = ret > 0 ? bytes : NULL;
  return end(bio, SSLC_PHASE_READ, ret, "be peeked at");
}

sslc_status
sslc_bio_consume(sslc_bio *bio, size_t n)
{
  char *bytes = NULL;
  sslc_status status = begin(bio);
  if (status != SSLC_OK)
    return status;
  if (!can_peek(bio))
    return cannot(bio, SSLC_PHASE_READ, "be peeked at");
  if (n == 0)
    return SSLC_OK;
  long there = BIO_ctrl(bio->bio, BIO_C_NREAD0, 0, &bytes);
  BIO_clear_retry_flags(bio->bio);
  if (there < 0 || n > (size_t)there)
    return bad_argument(bio, SSLC_PHASE_READ,
                        "more bytes are to be consumed than peek gives");
  BIO_ctrl(bio->bio, BIO_C_NREAD, (long)n, &bytes);
  return SSLC_OK;
}

/* ---------------------------------------------------------------- settings */

/* What filters hold goes first. */
sslc_status
sslc_bio_shutdown_wr(sslc_bio *bio)
{
  sslc_status status = bio && bio->next ? sslc_bio_flush(bio) : SSLC_OK;
  if (status == SSLC_OK)
    status = begin(bio);
  if (status != SSLC_OK)
    return status;
  sslc_bio *last = sslci_bio_last(bio);
  long ret = BIO_shutdown_wr(last->bio);
  if (ret == 0 && !retrying(bio))
    ret = -2;
  status = end(bio, SSLC_PHASE_SHUTDOWN, ret, "be shut down for writing");
  last->write_closed = last->write_closed || status == SSLC_OK;
  return status;
}

/* Those that have, or will have, a socket. */
static bool
has_socket(const sslc_bio *bio)
{
  return bio->kind == SSLC_BIO_SOCKET || bio->kind == SSLC_BIO_CONNECT ||
         bio->kind == SSLC_BIO_ACCEPT || bio->kind == SSLC_BIO_NATIVE;
}

sslc_status
sslc_bio_set_nbio(sslc_bio *bio, int nonblocking)
{
  sslc_status status = begin(bio);
  if (status != SSLC_OK)
    return status;
  if (!has_socket(sslci_bio_last(bio)) ||
      BIO_set_nbio(sslci_bio_last(bio)->bio, nonblocking != 0) <= 0)
    return bad_argument(bio, SSLC_PHASE_NONE, "only a socket's BIO can block");
  return SSLC_OK;
}

/* As SSLCI_CTRL_NODELAY answers, for a socket that is not in a BIO of ours. */
static long
native_set_nodelay(sslc_bio *bio, int on)
{
  int fd = sslc_bio_fd(bio);
  if (sslci_bio_last(bio)->kind != SSLC_BIO_NATIVE || fd < 0)
    return 0;
  if (BIO_set_tcp_ndelay(fd, on))
    return 1;
  return errno == ENOTSOCK ? 0 : -errno;
}

sslc_status
sslc_bio_set_tcp_nodelay(sslc_bio *bio, int on)
{
  sslc_status status = begin(bio);
  if (status != SSLC_OK)
    return status;
  long ret = BIO_ctrl(sslci_bio_last(bio)->bio, SSLCI_CTRL_NODELAY, on != 0,
                      NULL);
  if (ret == 0)
    ret = native_set_nodelay(bio, on != 0);
  if (ret == 0)
    return bad_argument(bio, SSLC_PHASE_NONE,
                        "only a socket's BIO has TCP_NODELAY");
  return ret > 0 ? SSLC_OK : system_failure(bio, SSLC_PHASE_NONE, (int)-ret);
}

sslc_status
sslc_bio_set_close(sslc_bio *bio, int close_flag)
{
  sslc_status status = begin(bio);
  if (status != SSLC_OK)
    return status;
  if (sslc_bio_get_close(bio) < 0)
    return bad_argument(bio, SSLC_PHASE_NONE,
                        "there is nothing that the BIO could close");
  if (close_flag != SSLC_CLOSE && close_flag != SSLC_NOCLOSE)
    return bad_argument(bio, SSLC_PHASE_NONE,
                        "the flag is SSLC_CLOSE or SSLC_NOCLOSE");
  BIO_ctrl(sslci_bio_last(bio)->bio, BIO_CTRL_SET_CLOSE,
           close_flag == SSLC_CLOSE, NULL);
  return SSLC_OK;
}
