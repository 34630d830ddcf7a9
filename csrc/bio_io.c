/*
 * bio_io.c: the steps of BIOs: BIO_read(3), BIO_should_retry(3),
 * BIO_do_handshake(3), BIO_ctrl(3).
 */
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

static sslc_status
begin_io(sslc_bio *bio, const void *buf, size_t len, size_t *n, int phase)
{
  if (!bio || !n)
    return SSLC_ERR_ARG;
  *n = 0;
  sslc_status status = sslci_bio_step_begin(bio);
  if (status != SSLC_OK || (buf && len))
    return status;
  return sslci_bio_bad_argument(bio, phase, "the buffer has no bytes");
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
  return sslci_bio_step_end(bio, phase, ret, what);
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
  if (ret != 0 || bio->kind != SSLC_BIO_NATIVE || sslci_bio_retrying(bio))
    return ret;
  ret = BIO_read(bio->bio, buf, 1);
  buf[ret > 0 ? ret : 0] = '\0';
  return ret;
}

sslc_status
sslc_bio_gets(sslc_bio *bio, char *buf, size_t size, size_t *n)
{
  sslc_status status = begin_io(bio, buf, size, n, SSLC_PHASE_READ);
  if (!buf || size == 0)
    return status;
  *buf = '\0';
  if (status != SSLC_OK)
    return status;
  if (size < 2)
    return sslci_bio_bad_argument(bio, SSLC_PHASE_READ,
                                  "the buffer has no room");
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
  sslc_status status = sslci_bio_step_begin(bio);
  if (status != SSLC_OK)
    return status;
  return sslci_bio_step_end(bio, SSLC_PHASE_WRITE, BIO_flush(bio->bio),
                            "be flushed");
}

sslc_status
sslc_bio_do_handshake(sslc_bio *bio)
{
  sslc_status status = sslci_bio_step_begin(bio);
  if (status != SSLC_OK)
    return status;
  long ret = BIO_do_handshake(bio->bio);
  /* What knows of no handshake is ready. */
  if (ret == 0 && !sslci_bio_retrying(bio) && !sslci_bio_errno(bio)) {
    int kind;
    if (!sslci_bio_below(bio, &kind) && ERR_peek_error() == 0)
      ret = 1;
  }
  return sslci_bio_step_end(bio, SSLC_PHASE_CONNECT, ret, "shake hands");
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
  sslc_status status = sslci_bio_step_begin(bio);
  if (status != SSLC_OK)
    return status;
  long ret = can_reset(bio) ? BIO_reset(bio->bio) : -2;
  /* fseek's 0 is a file's way to say that it went well. */
  if (ret == 0)
    ret = sslci_bio_is_file(bio) ? 1 : -2;
  return sslci_bio_step_end(bio, SSLC_PHASE_NONE, ret, "be reset");
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
  sslc_status status = sslci_bio_step_begin(bio);
  if (status != SSLC_OK)
    return status;
  if (!can_peek(bio))
    return sslci_bio_cannot(bio, SSLC_PHASE_READ, "be peeked at");
  long ret = BIO_ctrl(bio->bio, BIO_C_NREAD0, 0, &bytes);
  *n = ret > 0 ? (size_t)ret : 0;
  *data = ret > 0 ? bytes : NULL;
  return sslci_bio_step_end(bio, SSLC_PHASE_READ, ret, "be peeked at");
}

sslc_status
sslc_bio_consume(sslc_bio *bio, size_t n)
{
  char *bytes = NULL;
  sslc_status status = sslci_bio_step_begin(bio);
  if (status != SSLC_OK)
    return status;
  if (!can_peek(bio))
    return sslci_bio_cannot(bio, SSLC_PHASE_READ, "be peeked at");
  if (n == 0)
    return SSLC_OK;
  long there = BIO_ctrl(bio->bio, BIO_C_NREAD0, 0, &bytes);
  BIO_clear_retry_flags(bio->bio);
  if (there < 0 || n > (size_t)there)
    return sslci_bio_bad_argument(bio, SSLC_PHASE_READ,
                                  "more bytes are to be consumed than peek "
                                  "gives");
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
    status = sslci_bio_step_begin(bio);
  if (status != SSLC_OK)
    return status;
  sslc_bio *last = sslci_bio_last(bio);
  long ret = BIO_shutdown_wr(last->bio);
  if (ret == 0 && !sslci_bio_retrying(bio))
    ret = -2;
  status = sslci_bio_step_end(bio, SSLC_PHASE_SHUTDOWN, ret,
                              "be shut down for writing");
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
  sslc_status status = sslci_bio_step_begin(bio);
  if (status != SSLC_OK)
    return status;
  if (!has_socket(sslci_bio_last(bio)) ||
      BIO_set_nbio(sslci_bio_last(bio)->bio, nonblocking != 0) <= 0)
    return sslci_bio_bad_argument(bio, SSLC_PHASE_NONE,
                                  "only a socket's BIO can block");
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
  sslc_status status = sslci_bio_step_begin(bio);
  if (status != SSLC_OK)
    return status;
  long ret = sslci_bio_ctrl(bio, SSLCI_CTRL_NODELAY, on != 0, NULL);
  if (ret == 0)
    ret = native_set_nodelay(bio, on != 0);
  if (ret == 0)
    return sslci_bio_bad_argument(bio, SSLC_PHASE_NONE,
                                  "only a socket's BIO has TCP_NODELAY");
  return ret > 0 ? SSLC_OK
                 : sslci_bio_system_failure(bio, SSLC_PHASE_NONE, (int)-ret);
}

sslc_status
sslc_bio_set_close(sslc_bio *bio, int close_flag)
{
  sslc_status status = sslci_bio_step_begin(bio);
  if (status != SSLC_OK)
    return status;
  if (sslc_bio_get_close(bio) < 0)
    return sslci_bio_bad_argument(bio, SSLC_PHASE_NONE,
                                  "there is nothing that the BIO could close");
  if (close_flag != SSLC_CLOSE && close_flag != SSLC_NOCLOSE)
    return sslci_bio_bad_argument(bio, SSLC_PHASE_NONE,
                                  "the flag is SSLC_CLOSE or SSLC_NOCLOSE");
  sslci_bio_ctrl(bio, BIO_CTRL_SET_CLOSE, close_flag == SSLC_CLOSE, NULL);
  return SSLC_OK;
}
