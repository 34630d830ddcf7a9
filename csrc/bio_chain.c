/*
 * bio_chain.c: chains of BIOs, BIO_push(3), BIO_find_type(3), and the bytes
 * that are in them.  A chain of sslc_bio is one of OpenSSL's, and each link has
 * a reference to the next.
 */
#include "internal.h"

/* --------------------------------------------------------------- the links */

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

/* --------------------------------------------------------------- the bytes */

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

/* ----------------------------------------------------------- push and pop */

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
