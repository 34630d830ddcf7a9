/*
 * bio.c: BIOs, bio(7): references, chains, and what can be asked of each.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

/* ------------------------------------------------------------- references */

sslc_bio *
sslci_bio_wrap(BIO *bio, int kind, bool record)
{
  sslc_bio *b = bio ? sslci_new(sslc_bio) : NULL;
  ERR_clear_error();
  if (!b) {
    BIO_free_all(bio);
    return NULL;
  }
  atomic_init(&b->refs, 1);
  b->kind = kind;
  b->bio = bio;
  b->record = record ? BIO_get_data(bio) : NULL;
  return b;
}

sslc_bio *
sslc_bio_up_ref(sslc_bio *bio)
{
  if (bio)
    atomic_fetch_add(&bio->refs, 1);
  return bio;
}

/* What is behind stays with whoever else has a reference to it. */
static void
unlink_next(sslc_bio *bio)
{
  if (bio->next) {
    BIO_pop(bio->bio);
    bio->next->prev = NULL;
  }
  bio->next = NULL;
}

void
sslc_bio_free(sslc_bio *bio)
{
  while (bio && atomic_fetch_sub(&bio->refs, 1) == 1) {
    sslc_bio *next = bio->next;
    unlink_next(bio);
    if (bio->kind == SSLC_BIO_ACCEPT) /* others may hold the native one */
      BIO_ctrl(bio->bio, SSLCI_CTRL_SELF, 0, NULL);
    BIO_free_all(bio->bio);
    sslci_error_clear(&bio->err);
    OPENSSL_free(bio);
    ERR_clear_error();
    bio = next;
  }
}

/* ---------------------------------------------------------------- methods */

/* One number for all of our methods: there are 127 for the process, and one
 * that was taken is never given back. */
static int
method_index(void)
{
  static atomic_int made;
  int none = 0, index = atomic_load(&made);
  if (index != 0)
    return index;
  index = BIO_get_new_index();
  if (index <= 0 || atomic_compare_exchange_strong(&made, &none, index))
    return index;
  return none; /* another thread was faster */
}

static BIO_METHOD *
make_method(const char *name, int type, const struct sslci_method *calls)
{
  int index = method_index();
  BIO_METHOD *m = index > 0 ? BIO_meth_new(index | type, name) : NULL;
  if (m && BIO_meth_set_write(m, calls->write) &&
      BIO_meth_set_read(m, calls->read) && BIO_meth_set_puts(m, calls->puts) &&
      BIO_meth_set_gets(m, calls->gets) && BIO_meth_set_ctrl(m, calls->ctrl) &&
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

BIO *
sslci_bio_make(BIO_METHOD *method, void *data)
{
  BIO *bio = method && data ? BIO_new(method) : NULL;
  if (!bio)
    return NULL;
  BIO_set_data(bio, data);
  BIO_set_init(bio, 1);
  return bio;
}

bool
sslci_record_may_read(struct sslci_record *record, BIO *bio)
{
  if (record->reads_left-- > 0)
    return true;
  /* That ends the step, also of those who use the native BIO by itself. */
  record->reads_left = SSLCI_READS_PER_STEP;
  sslci_set_retry(bio, record, SSLC_WANT_READ);
  return false;
}

void
sslci_set_retry(BIO *bio, struct sslci_record *record, sslc_status want)
{
  record->want = want;
  switch (want) {
  case SSLC_WANT_READ:
    BIO_set_retry_read(bio);
    break;
  case SSLC_WANT_WRITE:
    BIO_set_retry_write(bio);
    break;
  default:
    BIO_set_retry_special(bio);
    BIO_set_retry_reason(bio, want == SSLC_WANT_CONNECT  ? BIO_RR_CONNECT
                              : want == SSLC_WANT_ACCEPT ? BIO_RR_ACCEPT
                                                         : 0);
  }
}

/* ------------------------------------------------------------- the records */

void
sslci_bio_begin(sslc_bio *bio, bool bound)
{
  for (; bio; bio = bio->next) {
    if (!bio->record)
      continue;
    bio->record->sys_errno = 0;
    bio->record->want = SSLC_OK;
    bio->record->error = NULL;
    if (bound)
      bio->record->reads_left = SSLCI_READS_PER_STEP;
  }
}

bool
sslci_bio_saw_eof(const sslc_bio *bio)
{
  for (; bio; bio = bio->next)
    if (bio->record && bio->record->eof)
      return true;
  return false;
}

int
sslci_bio_errno(const sslc_bio *bio)
{
  for (; bio; bio = bio->next)
    if (bio->record && bio->record->sys_errno)
      return bio->record->sys_errno;
  return 0;
}

const sslc_error *
sslci_bio_below(const sslc_bio *bio, int *kind)
{
  for (; bio; bio = bio->next) {
    *kind = bio->kind;
    if (bio->record && bio->record->error)
      return bio->record->error;
  }
  return NULL;
}

sslc_status
sslci_bio_want(const sslc_bio *bio)
{
  for (; bio; bio = bio->next)
    if (bio->record && bio->record->want != SSLC_OK)
      return bio->record->want;
  return SSLC_OK;
}

sslc_bio *
sslci_bio_last(const sslc_bio *bio)
{
  while (bio->next)
    bio = bio->next;
  return (sslc_bio *)bio;
}

static const sslc_bio *
first_of(const sslc_bio *bio)
{
  while (bio->prev)
    bio = bio->prev;
  return bio;
}

bool
sslci_bio_has_record(const sslc_bio *bio)
{
  return sslci_bio_last(bio)->record != NULL;
}

long
sslci_bio_ctrl(const sslc_bio *bio, int cmd, long num, void *ptr)
{
  return bio ? BIO_ctrl(sslci_bio_last(bio)->bio, cmd, num, ptr) : 0;
}

void
sslci_bio_set_quiet(sslc_bio *bio, bool quiet)
{
  sslci_bio_ctrl(bio, SSLCI_CTRL_QUIET, quiet, NULL);
}

/* A native BIO tells of no more than its descriptor. */
void
sslci_bio_peer_address(const sslc_bio *bio, char buf[SSLCI_ADDR_TEXT])
{
  *buf = '\0';
  if (sslci_bio_ctrl(bio, SSLCI_CTRL_ADDRESS, 0, buf) <= 0)
    sslci_peer_address(sslc_bio_fd(bio), buf, SSLCI_ADDR_TEXT);
}

/* ----------------------------------------------------------------- owners */

bool
sslci_bio_is_free_for(const sslc_bio *bio, const sslc_conn *conn)
{
  return !bio->prev && (!bio->owner || bio->owner == conn);
}

void
sslci_bio_acquire(sslc_bio *bio, sslc_conn *conn)
{
  sslc_bio_up_ref(bio);
  bio->owner = conn;
  bio->uses++;
}

void
sslci_bio_release(sslc_bio *bio)
{
  if (!bio)
    return;
  if (--bio->uses == 0)
    bio->owner = NULL;
  sslc_bio_free(bio);
}

sslc_conn *
sslc_bio_owner(const sslc_bio *bio)
{
  return bio ? bio->owner : NULL;
}

/* ----------------------------------------------------------------- chains */

static sslc_status
refuse(sslc_bio *bio, const char *why)
{
  return sslci_error_set(&bio->err, SSLC_CODE_MISUSE, SSLC_PHASE_NONE, "%s",
                         why);
}

/* A chain that was wrapped counts as one, and as complete. */
static bool
ends_in_filter(const sslc_bio *bio)
{
  BIO *native = sslci_bio_last(bio)->bio;
  return !BIO_next(native) && (BIO_method_type(native) & BIO_TYPE_FILTER) != 0;
}

/* Filters of a caller's know best themselves: BIO_f_ssl(3) needs nothing behind
 * it. */
bool
sslci_bio_is_complete(const sslc_bio *bio)
{
  return sslci_bio_last(bio)->kind != SSLC_BIO_BUFFER || !ends_in_filter(bio);
}

/* Two that end in the same are one chain for OpenSSL, whatever sslc_bio stand
 * for its parts: a native one may have been wrapped twice. */
static bool
are_joined(const sslc_bio *a, const sslc_bio *b)
{
  BIO *x = a->bio, *y = b->bio;
  while (BIO_next(x))
    x = BIO_next(x);
  while (BIO_next(y))
    y = BIO_next(y);
  return x == y;
}

sslc_status
sslc_bio_push(sslc_bio *bio, sslc_bio *append)
{
  if (!bio)
    return SSLC_ERR_ARG;
  sslci_error_clear(&bio->err);
  if (!append)
    return sslci_error_set(&bio->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "push needs a BIO to append");
  sslc_bio *last = sslci_bio_last(bio);
  if (append->prev || are_joined(bio, append))
    return refuse(bio, "the BIO to append stands in a chain already");
  if (append->owner)
    return refuse(bio, "a connection uses the BIO to append");
  if (sslci_bio_is_over(append, first_of(bio)->owner))
    return refuse(bio, "the connection that uses the chain stands below the "
                       "BIO to append");
  if (!ends_in_filter(bio))
    return refuse(bio, "only behind a filter can another BIO stand, and the "
                       "last of the chain is none");
  BIO_push(last->bio, append->bio);
  last->next = sslc_bio_up_ref(append);
  append->prev = last;
  return SSLC_OK;
}

static size_t
count(BIO *bio, int cmd)
{
  long n = BIO_ctrl(bio, cmd, 0, NULL);
  return n > 0 ? (size_t)n : 0;
}

/* BIO_f_buffer(3) tells of its own bytes or, where it has none, of the next
 * one's: so there must be no next one while it is asked. */
static size_t
count_own(BIO *bio, int cmd)
{
  BIO *next = BIO_next(bio);
  if (BIO_method_type(bio) != BIO_TYPE_BUFFER)
    return 0;
  BIO_set_next(bio, NULL);
  size_t n = count(bio, cmd);
  BIO_set_next(bio, next);
  return n;
}

size_t
sslci_bio_held(const sslc_bio *bio)
{
  return count_own(bio->bio, BIO_CTRL_PENDING);
}

size_t
sslci_bio_wheld(const sslc_bio *bio)
{
  return count_own(bio->bio, BIO_CTRL_WPENDING);
}

/* Of buffers what each holds, and then what the first that is none tells. */
static size_t
count_all(const sslc_bio *bio, int cmd)
{
  size_t sum = 0;
  BIO *native = bio->bio;
  for (; native && BIO_method_type(native) == BIO_TYPE_BUFFER;
       native = BIO_next(native))
    sum += count_own(native, cmd);
  return native ? sum + count(native, cmd) : sum;
}

/* Takes it out of OpenSSL's chain, one that was wrapped with all of its own. */
static void
detach(const sslc_bio *bio)
{
  BIO *rest = BIO_pop(bio->bio);
  while (rest && bio->kind == SSLC_BIO_NATIVE && !bio->next) {
    BIO *after = BIO_pop(rest);
    BIO_push(bio->bio, rest);
    rest = after;
  }
}

sslc_status
sslc_bio_pop(sslc_bio *bio)
{
  if (!bio)
    return SSLC_ERR_ARG;
  sslci_error_clear(&bio->err);
  sslc_bio *prev = bio->prev, *next = bio->next;
  if (bio->owner && next)
    return refuse(bio, "a connection uses it: give that another BIO first");
  if (sslci_bio_held(bio) > 0 || sslci_bio_wheld(bio) > 0)
    return refuse(bio, "it holds bytes: flush or read them first");
  if (!prev && !next)
    return SSLC_OK;
  detach(bio);
  bio->prev = bio->next = NULL;
  if (next)
    next->prev = prev;
  if (prev) {
    prev->next = next; /* with our reference to it */
    sslc_bio_free(bio);
  } else {
    sslc_bio_free(next);
  }
  return SSLC_OK;
}

sslc_bio *
sslc_bio_next(const sslc_bio *bio)
{
  return bio ? bio->next : NULL;
}

sslc_bio *
sslc_bio_find(sslc_bio *bio, int kind)
{
  while (bio && bio->kind != kind)
    bio = bio->next;
  return bio;
}

/* ------------------------------------------------------------------ asking */

static const char *const kind_names[] = {
  [SSLC_BIO_SOCKET] = "socket",       [SSLC_BIO_CONNECT] = "connect",
  [SSLC_BIO_ACCEPT] = "accept",       [SSLC_BIO_PAIR] = "pair",
  [SSLC_BIO_MEM] = "memory",          [SSLC_BIO_BUFFER] = "buffer",
  [SSLC_BIO_NULL] = "null",           [SSLC_BIO_FILE] = "file",
  [SSLC_BIO_FUNCTIONS] = "functions", [SSLC_BIO_CONN] = "connection",
  [SSLC_BIO_NATIVE] = "native",
};

int
sslc_bio_kind(const sslc_bio *bio)
{
  return bio ? bio->kind : 0;
}

const char *
sslc_bio_kind_name(int kind)
{
  int count = sizeof kind_names / sizeof kind_names[0];
  return kind >= 0 && kind < count ? kind_names[kind] : NULL;
}

const sslc_error *
sslc_bio_error(const sslc_bio *bio)
{
  return bio ? sslci_error_or_null(&bio->err) : NULL;
}

sslc_status
sslc_bio_should_retry(const sslc_bio *bio)
{
  return bio ? bio->retry : SSLC_OK;
}

int
sslc_bio_fd(const sslc_bio *bio)
{
  int fd = -1;
  if (bio)
    BIO_get_fd(bio->bio, &fd);
  return fd;
}

int64_t
sslc_bio_timeout(const sslc_bio *bio)
{
  int64_t timeout = -1;
  sslci_bio_ctrl(bio, SSLCI_CTRL_TIMEOUT, 0, &timeout);
  return timeout;
}

/* One that accepts listens on its own, whoever stands behind it. */
const char *
sslc_bio_address(const sslc_bio *bio)
{
  sslc_bio *b = (sslc_bio *)bio; /* where it is written down */
  sslc_bio *accept = sslc_bio_find(b, SSLC_BIO_ACCEPT);
  if (!bio)
    return "";
  *b->address = '\0';
  const sslc_bio *at = accept ? accept : sslci_bio_last(bio);
  if (BIO_ctrl(at->bio, SSLCI_CTRL_ADDRESS, 0, b->address) <= 0 &&
      sslc_bio_fd(bio) >= 0)
    sslci_peer_address(sslc_bio_fd(bio), b->address, sizeof b->address);
  return b->address;
}

size_t
sslc_bio_pending(const sslc_bio *bio)
{
  return bio ? count_all(bio, BIO_CTRL_PENDING) : 0;
}

size_t
sslc_bio_wpending(const sslc_bio *bio)
{
  return bio ? count_all(bio, BIO_CTRL_WPENDING) : 0;
}

/* What buffers have read ahead comes before the end, which older ones do not
 * know. */
int
sslc_bio_eof(const sslc_bio *bio)
{
  BIO *native = bio ? bio->bio : NULL;
  for (; native && BIO_method_type(native) == BIO_TYPE_BUFFER;
       native = BIO_next(native))
    if (count_own(native, BIO_CTRL_PENDING) > 0)
      return 0;
  return native ? BIO_eof(native) > 0 : 0;
}

int
sslc_bio_get_close(const sslc_bio *bio)
{
  switch (bio ? sslci_bio_last(bio)->kind : 0) {
  case SSLC_BIO_SOCKET:
  case SSLC_BIO_CONNECT:
  case SSLC_BIO_FILE:
  case SSLC_BIO_CONN:
  case SSLC_BIO_NATIVE:
    return BIO_get_close(sslci_bio_last(bio)->bio) ? SSLC_CLOSE : SSLC_NOCLOSE;
  default:
    return -1;
  }
}

void *
sslc_bio_native(const sslc_bio *bio)
{
  return bio ? bio->bio : NULL;
}
