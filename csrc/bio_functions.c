/*
 * bio_functions.c: a BIO of the caller's functions, BIO_meth_new(3).
 *
 * Nothing that they return is believed: what does not fit what they were asked
 * for is the error `internal`, which says what it was.
 */
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

struct functions {
  struct sslci_record record; /* first */
  sslc_bio_functions calls;
  void *arg;
  sslc_error err; /* what record.error points to */
};

/* ---------------------------------------------------------- their results */

static struct functions *
state(BIO *bio)
{
  return BIO_get_data(bio);
}

/* The error was set. */
static int
failed(struct functions *f)
{
  f->record.error = &f->err;
  return -1;
}

static int
missing(struct functions *f, int phase, const char *name)
{
  sslci_error_set(&f->err, SSLC_CODE_BAD_OPTION, phase,
                  "the BIO was made without the function %s", name);
  return failed(f);
}

static int
no_errno(struct functions *f, int phase, const char *name)
{
  sslci_error_set(&f->err, SSLC_CODE_INTERNAL, phase,
                  "the BIO's function %s failed without setting errno", name);
  return failed(f);
}

static int
bad_status(struct functions *f, int phase, const char *name,
           sslc_status status)
{
  sslci_error_set(&f->err, SSLC_CODE_INTERNAL, phase,
                  "the BIO's function %s gave the status %d (%s), which it "
                  "may not", name, status, sslc_status_name(status));
  return failed(f);
}

static int
bad_count(struct functions *f, int phase, const char *name, size_t n, int len)
{
  sslci_error_set(&f->err, SSLC_CODE_INTERNAL, phase,
                  "the BIO's function %s gave %zu bytes where 1 to %d could "
                  "be", name, n, len);
  return failed(f);
}

/* Of one that was not SSLC_OK; `err` is the errno that it left. */
static int
not_done(BIO *bio, int phase, const char *name, sslc_status status, int err)
{
  struct functions *f = state(bio);
  switch (status) {
  case SSLC_WANT_READ:
  case SSLC_WANT_WRITE:
    sslci_set_retry(bio, &f->record, status);
    return -1;
  case SSLC_ERR_SYS:
    if (err == 0)
      return no_errno(f, phase, name);
    f->record.sys_errno = err;
    return -1;
  default:
    return bad_status(f, phase, name, status);
  }
}

/* ------------------------------------------------------------- the method */

/* What they leave in OpenSSL's error queue must not be taken for a failure of
 * libssl, in the middle of which they are called. */
static int
functions_write(BIO *bio, const char *buf, int len)
{
  struct functions *f = state(bio);
  size_t n = 0;
  BIO_clear_retry_flags(bio);
  if (!f->calls.write)
    return missing(f, SSLC_PHASE_WRITE, "write");
  if (len <= 0)
    return 0;
  ERR_set_mark();
  errno = 0;
  sslc_status status = f->calls.write(f->arg, buf, (size_t)len, &n);
  int err = errno;
  ERR_pop_to_mark();
  if (status != SSLC_OK)
    return not_done(bio, SSLC_PHASE_WRITE, "write", status, err);
  if (n == 0 || n > (size_t)len)
    return bad_count(f, SSLC_PHASE_WRITE, "write", n, len);
  return (int)n;
}

static int
functions_read(BIO *bio, char *buf, int len)
{
  struct functions *f = state(bio);
  size_t n = 0;
  BIO_clear_retry_flags(bio);
  if (!f->calls.read)
    return missing(f, SSLC_PHASE_READ, "read");
  if (len <= 0 || f->record.eof)
    return 0;
  if (!sslci_record_may_read(&f->record, bio))
    return -1;
  ERR_set_mark();
  errno = 0;
  sslc_status status = f->calls.read(f->arg, buf, (size_t)len, &n);
  int err = errno;
  ERR_pop_to_mark();
  f->record.eof = status == SSLC_CLOSED;
  if (f->record.eof)
    return 0;
  if (status != SSLC_OK)
    return not_done(bio, SSLC_PHASE_READ, "read", status, err);
  if (n == 0 || n > (size_t)len)
    return bad_count(f, SSLC_PHASE_READ, "read", n, len);
  return (int)n;
}

static int
functions_puts(BIO *bio, const char *str)
{
  return functions_write(bio, str, (int)strlen(str));
}

static long
functions_flush(BIO *bio)
{
  struct functions *f = state(bio);
  BIO_clear_retry_flags(bio);
  if (!f->calls.flush)
    return 1;
  ERR_set_mark();
  errno = 0;
  sslc_status status = f->calls.flush(f->arg);
  int err = errno;
  ERR_pop_to_mark();
  if (status == SSLC_OK)
    return 1;
  if (status == SSLC_WANT_READ)
    return bad_status(f, SSLC_PHASE_WRITE, "flush", status);
  return not_done(bio, SSLC_PHASE_WRITE, "flush", status, err);
}

static long
functions_pending(const struct functions *f)
{
  size_t n = f->calls.pending ? f->calls.pending(f->arg) : 0;
  return n > LONG_MAX ? LONG_MAX : (long)n;
}

static long
functions_fd(const struct functions *f, int *where)
{
  int fd = f->calls.fd ? f->calls.fd(f->arg) : -1;
  if (where)
    *where = fd < 0 ? -1 : fd;
  return fd < 0 ? -1 : fd;
}

static long
functions_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
  struct functions *f = state(bio);
  (void)num;
  switch (cmd) {
  case BIO_CTRL_FLUSH:
    return functions_flush(bio);
  case BIO_CTRL_PENDING:
    return functions_pending(f);
  case BIO_CTRL_EOF:
    return f->record.eof;
  case BIO_C_GET_FD:
    return functions_fd(f, ptr);
  case BIO_CTRL_DUP:
    return 1;
  default:
    return 0;
  }
}

static int
functions_destroy(BIO *bio)
{
  struct functions *f = bio ? state(bio) : NULL;
  if (!f)
    return 1;
  BIO_set_data(bio, NULL);
  if (f->calls.close)
    f->calls.close(f->arg);
  sslci_error_clear(&f->err);
  OPENSSL_free(f);
  return 1;
}

static BIO_METHOD *
functions_method(void)
{
  static _Atomic(BIO_METHOD *) made;
  static const struct sslci_method calls = {
    functions_write, functions_read, functions_puts, NULL,
    functions_ctrl, functions_destroy
  };
  return sslci_bio_method(&made, "sslconnect functions", BIO_TYPE_SOURCE_SINK,
                          &calls);
}

/* ----------------------------------------------------------------- making */

/* How large the structure was in each version of the library, the first one
 * first.  Members that a version did not have are NULL. */
static const size_t sizes[] = { sizeof(sslc_bio_functions) };

static bool
is_known_size(size_t size)
{
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    if (sizes[i] == size)
      return true;
  return false;
}

sslc_bio *
sslc_bio_new_functions(const sslc_bio_functions *functions, void *arg)
{
  sslc_bio_functions calls = { 0 };
  if (!functions || !is_known_size(functions->size))
    return NULL;
  memcpy(&calls, functions, functions->size);
  struct functions *f = sslci_new(struct functions);
  BIO *bio = f ? sslci_bio_make(functions_method(), f) : NULL;
  if (!bio) {
    OPENSSL_free(f);
    if (calls.close)
      calls.close(arg);
    return NULL;
  }
  f->calls = calls;
  f->arg = arg;
  f->record.reads_left = SSLCI_READS_PER_STEP;
  return sslci_bio_wrap(bio, SSLC_BIO_FUNCTIONS, true);
}
