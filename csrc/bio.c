/*
 * bio.c: what every BIO can do, bio(7).
 */
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

/* ------------------------------------------------------------- references */

sslc_bio *
sslci_bio_wrap(BIO *bio, enum sslci_bio_kind kind)
{
  sslc_bio *b = sslci_new(sslc_bio);
  if (!b) {
    BIO_free(bio);
    return NULL;
  }
  atomic_init(&b->refs, 1);
  b->kind = kind;
  b->bio = bio;
  return b;
}

sslc_bio *
sslc_bio_up_ref(sslc_bio *bio)
{
  if (bio)
    atomic_fetch_add(&bio->refs, 1);
  return bio;
}

void
sslc_bio_free(sslc_bio *bio)
{
  if (!bio || atomic_fetch_sub(&bio->refs, 1) > 1)
    return;
  BIO_free(bio->bio);
  sslci_error_clear(&bio->err);
  OPENSSL_free(bio);
}

static BIO_METHOD *
make_method(const char *name, int type, const struct sslci_method *calls)
{
  BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | type, name);
  if (m && BIO_meth_set_write(m, calls->write) &&
      BIO_meth_set_read(m, calls->read) && BIO_meth_set_puts(m, calls->puts) &&
      BIO_meth_set_ctrl(m, calls->ctrl) &&
      BIO_meth_set_destroy(m, calls->destroy))
    return m;
  BIO_meth_free(m);
  return NULL;
}

/* Made once for the process, by whoever comes first; where memory was short,
 * by the next one. */
BIO_METHOD *
sslci_bio_method(_Atomic(BIO_METHOD *) *made, const char *name, int type,
                 const struct sslci_method *calls)
{
  BIO_METHOD *method = atomic_load(made), *none = NULL;
  if (method)
    return method;
  method = make_method(name, type, calls);
  if (!method || atomic_compare_exchange_strong(made, &none, method))
    return method;
  BIO_meth_free(method); /* another thread was faster */
  return none;
}

/* -------------------------------------------------------------- the record */

const struct sslci_record *
sslci_bio_record(const sslc_bio *bio)
{
  return BIO_get_data(bio->bio);
}

void
sslci_bio_begin(sslc_bio *bio)
{
  struct sslci_record *record = BIO_get_data(bio->bio);
  struct sslci_socket *s = sslci_socket_of(bio);
  record->sys_errno = 0;
  if (s)
    sslci_socket_begin(s);
}

/* ----------------------------------------------------------------- errors */

const sslc_error *
sslc_bio_error(const sslc_bio *bio)
{
  return bio ? sslci_error_or_null(&bio->err) : NULL;
}

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

/* ------------------------------------------------------- reading, writing */

static int
clamp(size_t len)
{
  return len > INT_MAX ? INT_MAX : (int)len;
}

static sslc_status
begin_io(sslc_bio *bio, const void *buf, size_t len, size_t *n, int phase)
{
  if (!bio || !n)
    return SSLC_ERR_ARG;
  *n = 0;
  sslci_error_clear(&bio->err);
  sslci_bio_begin(bio);
  ERR_clear_error();
  return buf && len ? SSLC_OK
                    : bad_argument(bio, phase, "the buffer has no bytes");
}

sslc_status
sslc_bio_read(sslc_bio *bio, void *buf, size_t len, size_t *n)
{
  sslc_status status = begin_io(bio, buf, len, n, SSLC_PHASE_READ);
  if (status != SSLC_OK)
    return status;
  int r = BIO_read(bio->bio, buf, clamp(len));
  if (r > 0) {
    *n = (size_t)r;
    return SSLC_OK;
  }
  if (BIO_should_retry(bio->bio))
    return SSLC_WANT_READ;
  int err = sslci_bio_record(bio)->sys_errno;
  return err ? system_failure(bio, SSLC_PHASE_READ, err) : SSLC_CLOSED;
}

sslc_status
sslc_bio_write(sslc_bio *bio, const void *buf, size_t len, size_t *n)
{
  sslc_status status = begin_io(bio, buf, len, n, SSLC_PHASE_WRITE);
  if (status != SSLC_OK)
    return status;
  if (bio->write_closed)
    return SSLC_CLOSED;
  int r = BIO_write(bio->bio, buf, clamp(len));
  if (r > 0) {
    *n = (size_t)r;
    return SSLC_OK;
  }
  if (BIO_should_retry(bio->bio))
    return SSLC_WANT_WRITE;
  return system_failure(bio, SSLC_PHASE_WRITE,
                        sslci_bio_record(bio)->sys_errno);
}

sslc_status
sslc_bio_shutdown_wr(sslc_bio *bio)
{
  if (!bio)
    return SSLC_ERR_ARG;
  sslci_error_clear(&bio->err);
  struct sslci_socket *s = sslci_socket_of(bio);
  if (s && shutdown(s->fd, SHUT_WR) != 0)
    return system_failure(bio, SSLC_PHASE_SHUTDOWN, errno);
  if (!s)
    BIO_shutdown_wr(bio->bio);
  bio->write_closed = true;
  return SSLC_OK;
}

/* ---------------------------------------------------------------- settings */

sslc_status
sslc_bio_set_nbio(sslc_bio *bio, int nonblocking)
{
  if (!bio)
    return SSLC_ERR_ARG;
  sslci_error_clear(&bio->err);
  struct sslci_socket *s = sslci_socket_of(bio);
  if (!s)
    return bad_argument(bio, SSLC_PHASE_NONE, "only a socket's BIO can block");
  s->nbio = nonblocking != 0;
  return SSLC_OK;
}

sslc_status
sslc_bio_set_tcp_nodelay(sslc_bio *bio, int on)
{
  if (!bio)
    return SSLC_ERR_ARG;
  sslci_error_clear(&bio->err);
  struct sslci_socket *s = sslci_socket_of(bio);
  int value = on != 0;
  if (!s)
    return bad_argument(bio, SSLC_PHASE_NONE,
                        "only a socket's BIO has TCP_NODELAY");
  if (setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) != 0)
    return system_failure(bio, SSLC_PHASE_NONE, errno);
  return SSLC_OK;
}

/* ------------------------------------------------------------------ asking */

int
sslc_bio_fd(const sslc_bio *bio)
{
  struct sslci_socket *s = sslci_socket_of(bio);
  return s ? s->fd : -1;
}

size_t
sslc_bio_pending(const sslc_bio *bio)
{
  return bio ? BIO_ctrl_pending(bio->bio) : 0;
}

size_t
sslc_bio_wpending(const sslc_bio *bio)
{
  return bio ? BIO_ctrl_wpending(bio->bio) : 0;
}

int
sslc_bio_eof(const sslc_bio *bio)
{
  return bio ? BIO_eof(bio->bio) != 0 : 0;
}
