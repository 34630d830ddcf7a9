/*
 * bio.c: BIOs, bio(7): references, chains, and what can be asked of each.
 */
#include "internal.h"

/* ------------------------------------------------------------- references */

sslc_bio *
sslci_bio_wrap(BIO *bio, int kind, bool record)
{
  sslc_bio *b = bio ? sslci_new(sslc_bio) : NULL;
  sslci_error_clear_queue();
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
    sslci_error_clear_queue();
    bio = next;
  }
}

/* ---------------------------------------------------------------- methods */

/* Without a number of its own (BIO_get_new_index(3)): there are 127 for the
 * process, one that was taken is never given back, and where memory was short
 * for the first there will be none.  BIO_find_type(3) takes one without for no
 * other. */
static BIO_METHOD *
make_method(const char *name, int type, const struct sslci_method *calls)
{
  BIO_METHOD *m = BIO_meth_new(type, name);
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
  BIO *bio = method ? BIO_new(method) : NULL;
  if (!bio) {
    sslci_error_clear_queue();
    return NULL;
  }
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
  if (accept)
    BIO_ctrl(accept->bio, SSLCI_CTRL_ADDRESS, 0, b->address);
  else
    sslci_bio_peer_address(bio, b->address);
  return b->address;
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
