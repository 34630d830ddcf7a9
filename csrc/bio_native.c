/*
 * bio_native.c: OpenSSL's own BIOs: BIO_f_buffer(3), BIO_s_null(3),
 * BIO_s_file(3), and whatever a caller brings along.
 */
#include "internal.h"

#include <errno.h>
#include <limits.h>

sslc_bio *
sslc_bio_new_buffer(size_t size)
{
  BIO *bio = size <= INT_MAX ? BIO_new(BIO_f_buffer()) : NULL;
  if (bio && size > 0 && BIO_set_buffer_size(bio, (long)size) <= 0) {
    BIO_free(bio);
    bio = NULL;
  }
  return sslci_bio_wrap(bio, SSLC_BIO_BUFFER, false);
}

sslc_bio *
sslc_bio_new_null(void)
{
  return sslci_bio_wrap(BIO_new(BIO_s_null()), SSLC_BIO_NULL, false);
}

sslc_bio *
sslc_bio_new_file(const char *path, const char *mode)
{
  if (!path || !mode) {
    errno = EINVAL;
    return NULL;
  }
  errno = 0;
  BIO *bio = BIO_new_file(path, mode);
  int err = errno ? errno : ENOMEM;
  sslc_bio *b = sslci_bio_wrap(bio, SSLC_BIO_FILE, false);
  if (!b)
    errno = bio ? ENOMEM : err;
  return b;
}

/* The reference is taken over only where this works. */
sslc_bio *
sslc_bio_wrap(void *native)
{
  BIO *bio = native;
  if (!bio || !BIO_up_ref(bio))
    return NULL;
  sslc_bio *b = sslci_bio_wrap(bio, SSLC_BIO_NATIVE, false);
  if (b)
    BIO_free(bio); /* one of the two */
  return b;
}
