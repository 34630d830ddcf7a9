/*
 * bio_status.c: what came of a step on a BIO, BIO_should_retry(3).
 *
 * What ours saw themselves is asked first; of OpenSSL's own there is what they
 * left in errno and in the error queue.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

sslc_status
sslci_bio_system_failure(sslc_bio *bio, int phase, int err)
{
  sslci_error_begin(&bio->err, sslci_errno_code(err), phase, "%s",
                    strerror(err));
  bio->err.sys_errno = err;
  return sslci_error_finish(&bio->err);
}

sslc_status
sslci_bio_bad_argument(sslc_bio *bio, int phase, const char *why)
{
  return sslci_error_set(&bio->err, SSLC_CODE_BAD_OPTION, phase, "%s", why);
}

sslc_status
sslci_bio_cannot(sslc_bio *bio, int phase, const char *what)
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
  return err ? sslci_bio_system_failure(bio, phase, err)
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
    return sslci_bio_system_failure(bio, phase, err);
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

bool
sslci_bio_is_file(const sslc_bio *bio)
{
  return BIO_method_type(native_last(bio)) == BIO_TYPE_FILE;
}

/* Whether nothing came because there is no more: a read of 0 says so. */
static bool
is_end(const sslc_bio *bio, long ret)
{
  int kind;
  if (sslci_bio_below(bio, &kind) || sslci_bio_errno(bio) || ERR_peek_error())
    return false;
  if (sslci_bio_saw_eof(bio))
    return true;
  return ret == 0 && tls_is_closed(bio);
}

/* The first of the chain that wants to be called again: not every filter passes
 * that on from a flush. */
BIO *
sslci_bio_retrying(const sslc_bio *bio)
{
  BIO *native = bio->bio;
  while (native && !BIO_should_retry(native))
    native = BIO_next(native);
  return native;
}

sslc_status
sslci_bio_wanted(const sslc_bio *bio)
{
  BIO *native = sslci_bio_retrying(bio);
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
sslc_status
sslci_bio_step_end(sslc_bio *bio, int phase, long ret, const char *what)
{
  int left_errno = errno;
  sslc_status status = SSLC_OK;
  if (ret > 0)
    status = SSLC_OK;
  else if (ret == -2)
    status = sslci_bio_cannot(bio, phase, what);
  else if (sslci_bio_retrying(bio))
    status = bio->retry = sslci_bio_wanted(bio);
  else if (phase == SSLC_PHASE_READ && is_end(bio, ret))
    status = SSLC_CLOSED;
  else
    status = failure(bio, phase, left_errno);
  sslci_error_clear_queue();
  return status;
}

sslc_status
sslci_bio_step_begin(sslc_bio *bio)
{
  if (!bio)
    return SSLC_ERR_ARG;
  sslci_error_clear(&bio->err);
  bio->retry = SSLC_OK;
  sslci_bio_begin(bio, true);
  for (BIO *b = bio->bio; b; b = BIO_next(b))
    BIO_clear_retry_flags(b);
  sslci_error_clear_queue();
  errno = 0;
  if (!sslci_bio_is_complete(bio))
    return sslci_error_set(&bio->err, SSLC_CODE_MISUSE, SSLC_PHASE_NONE,
                           "the chain ends in a buffer: push what it is to "
                           "read from and write to");
  return SSLC_OK;
}
