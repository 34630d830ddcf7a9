/*
 * bio_mem.c: memory as a BIO, BIO_s_mem(3).
 *
 * Unlike BIO_s_mem it gives what it holds without copying (sslc_bio_peek), a
 * read-only one owns its bytes, and one that held much gives the memory back
 * when it is empty.
 */
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* Where a buffer begins, and up to where an empty one is kept. */
enum { LEAST_SIZE = 256, KEPT_SIZE = 32 * 1024 };

struct mem {
  struct sslci_record record; /* first; its eof: a read has met the end */
  bool read_only;
  int eof_return; /* what an empty one says: 0, the end; -1, come again */
  char *bytes;
  size_t start; /* of what is to be read */
  size_t end;   /* and behind it */
  size_t size;
};

/* --------------------------------------------------------------- the bytes */

static size_t
held(const struct mem *m)
{
  return m->end - m->start;
}

static void
empty(struct mem *m)
{
  m->start = m->end = 0;
  if (m->size <= KEPT_SIZE)
    return;
  OPENSSL_free(m->bytes);
  m->bytes = NULL;
  m->size = 0;
}

/* Takes `n` bytes that were read away; a read-only one has to keep them. */
static void
skip(struct mem *m, size_t n)
{
  m->start += n;
  if (m->start == m->end && !m->read_only)
    empty(m);
}

/* To new memory, twice as large, so that each byte is moved a few times at the
 * most, however small the pieces are that come. */
static bool
grow(struct mem *m, size_t len)
{
  size_t have = held(m), size = m->size ? m->size : LEAST_SIZE;
  if (len > LONG_MAX - have) /* more than BIO_ctrl(3) can count */
    return false;
  while (size < have + len)
    size = size > LONG_MAX / 2 ? LONG_MAX : size * 2;
  char *bytes = OPENSSL_malloc(size);
  if (!bytes)
    return false;
  if (have > 0)
    memcpy(bytes, m->bytes + m->start, have);
  OPENSSL_free(m->bytes);
  m->bytes = bytes;
  m->size = size;
  m->start = 0;
  m->end = have;
  return true;
}

/* Room for `len` bytes at the end.  What is left moves to the front only where
 * as much has been read as has to be moved. */
static bool
make_room(struct mem *m, size_t len)
{
  size_t have = held(m);
  if (m->size - m->end >= len)
    return true;
  if (m->start < have || m->size - have < len)
    return grow(m, len);
  memcpy(m->bytes, m->bytes + m->start, have);
  m->start = 0;
  m->end = have;
  return true;
}

/* ------------------------------------------------------------- the method */

static struct mem *
state(BIO *bio)
{
  return BIO_get_data(bio);
}

static const sslc_error is_read_only = {
  .code = SSLC_CODE_BAD_OPTION,
  .message = "the memory BIO is read-only: it cannot be written",
  .verify_depth = -1,
  .alert = -1,
};

static int
mem_write(BIO *bio, const char *buf, int len)
{
  struct mem *m = state(bio);
  BIO_clear_retry_flags(bio);
  if (m->read_only) {
    m->record.error = &is_read_only;
    return -1;
  }
  if (len <= 0)
    return 0;
  if (!make_room(m, (size_t)len)) {
    m->record.sys_errno = ENOMEM;
    return -1;
  }
  memcpy(m->bytes + m->end, buf, (size_t)len);
  m->end += (size_t)len;
  m->record.eof = false;
  return len;
}

/* What an empty one says. */
static int
nothing(BIO *bio, struct mem *m)
{
  BIO_clear_retry_flags(bio);
  m->record.eof = m->eof_return == 0;
  if (m->record.eof)
    return 0;
  sslci_set_retry(bio, &m->record, SSLC_WANT_READ);
  return -1;
}

static int
mem_read(BIO *bio, char *buf, int len)
{
  struct mem *m = state(bio);
  BIO_clear_retry_flags(bio);
  if (held(m) == 0)
    return nothing(bio, m);
  if (len <= 0)
    return 0;
  size_t n = held(m) < (size_t)len ? held(m) : (size_t)len;
  memcpy(buf, m->bytes + m->start, n);
  skip(m, n);
  return (int)n;
}

/* A line, or what there is of one. */
static int
mem_gets(BIO *bio, char *buf, int size)
{
  const struct mem *m = state(bio);
  const char *line = m->bytes ? m->bytes + m->start : "";
  if (size <= 1)
    return 0;
  size_t most = (size_t)size - 1 < held(m) ? (size_t)size - 1 : held(m);
  const char *newline = memchr(line, '\n', most);
  int got = mem_read(bio, buf, newline ? (int)(newline - line) + 1 : (int)most);
  buf[got > 0 ? got : 0] = '\0';
  return got;
}

static int
mem_puts(BIO *bio, const char *str)
{
  return mem_write(bio, str, (int)strlen(str));
}

static long
mem_nread0(BIO *bio, char **bytes)
{
  struct mem *m = state(bio);
  if (held(m) == 0)
    return nothing(bio, m);
  *bytes = m->bytes + m->start;
  return (long)held(m);
}

static long
mem_nread(struct mem *m, long num)
{
  skip(m, (size_t)num);
  return num;
}

static long
mem_reset(struct mem *m)
{
  if (m->read_only)
    m->start = 0;
  else
    empty(m);
  m->record.eof = false;
  return 1;
}

static long
set_eof_return(struct mem *m, long value)
{
  m->eof_return = (int)value;
  m->record.eof = false;
  return 1;
}

/* BIO_get_mem_data(3). */
static long
mem_data(const struct mem *m, char **bytes)
{
  if (bytes)
    *bytes = m->bytes ? m->bytes + m->start : NULL;
  return (long)held(m);
}

static long
mem_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
  struct mem *m = state(bio);
  switch (cmd) {
  case BIO_C_NREAD0:
    return mem_nread0(bio, ptr);
  case BIO_C_NREAD:
    return mem_nread(m, num);
  case BIO_CTRL_INFO:
    return mem_data(m, ptr);
  case BIO_CTRL_PENDING:
    return (long)held(m);
  case BIO_CTRL_EOF:
    return held(m) == 0 && m->eof_return == 0;
  case BIO_CTRL_RESET:
    return mem_reset(m);
  case BIO_C_SET_BUF_MEM_EOF_RETURN:
    return set_eof_return(m, num);
  case BIO_CTRL_FLUSH:
  case BIO_CTRL_DUP:
    return 1;
  default:
    return 0;
  }
}

static void
mem_free(struct mem *m)
{
  if (!m)
    return;
  OPENSSL_free(m->bytes);
  OPENSSL_free(m);
}

static int
mem_destroy(BIO *bio)
{
  if (!bio)
    return 1;
  mem_free(state(bio));
  BIO_set_data(bio, NULL);
  return 1;
}

static BIO_METHOD *
mem_method(void)
{
  static _Atomic(BIO_METHOD *) made;
  static const struct sslci_method calls = {
    mem_write, mem_read, mem_puts, mem_gets, mem_ctrl, mem_destroy
  };
  return sslci_bio_method(&made, "sslconnect memory", BIO_TYPE_SOURCE_SINK,
                          &calls);
}

/* ----------------------------------------------------------------- making */

/* Of `m`, which is freed where that fails. */
static sslc_bio *
new_of(struct mem *m)
{
  BIO *bio = sslci_bio_make(mem_method(), m);
  if (!bio)
    mem_free(m);
  return sslci_bio_wrap(bio, SSLC_BIO_MEM, true);
}

sslc_bio *
sslc_bio_new_mem(void)
{
  struct mem *m = sslci_new(struct mem);
  if (!m)
    return NULL;
  m->eof_return = -1;
  return new_of(m);
}

sslc_bio *
sslc_bio_new_mem_buf(const void *data, size_t len)
{
  struct mem *m = data ? sslci_new(struct mem) : NULL;
  if (!m)
    return NULL;
  if (len > 0 && !grow(m, len)) {
    mem_free(m);
    return NULL;
  }
  if (len > 0)
    memcpy(m->bytes, data, len);
  m->end = len;
  m->read_only = true;
  return new_of(m);
}

sslc_status
sslc_bio_set_mem_eof_return(sslc_bio *bio, int value)
{
  if (!bio)
    return SSLC_ERR_ARG;
  const char *why = NULL;
  const sslc_bio *last = sslci_bio_last(bio);
  sslci_error_clear(&bio->err);
  if (last->kind != SSLC_BIO_MEM)
    why = "only a memory BIO has an eof return";
  else if (value != 0 && value != -1)
    why = "the eof return of a memory BIO is 0 or -1";
  if (why)
    return sslci_error_set(&bio->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "%s", why);
  BIO_set_mem_eof_return(last->bio, value);
  return SSLC_OK;
}
