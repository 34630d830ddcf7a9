/*
 * secret.c: to tell whether two secrets are the same without keeping either:
 * HMAC(3).
 */
#include "internal.h"

#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <string.h>

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;
static unsigned char own_key[SSLC_SECRET_DIGEST];
static bool has_key;

static void
make_key(void)
{
  has_key = RAND_priv_bytes(own_key, sizeof own_key) > 0;
}

/* A digest without a key could be looked for among those of all passwords that
 * people choose. */
sslc_status
sslc_secret_digest(const void *data, size_t len,
                   unsigned char digest[SSLC_SECRET_DIGEST])
{
  static const unsigned char none[1];
  if ((!data && len > 0) || !digest)
    return SSLC_ERR_ARG;
  memset(digest, 0, SSLC_SECRET_DIGEST);
  ERR_clear_error();
  bool ok = CRYPTO_THREAD_run_once(&once, make_key) && has_key &&
            HMAC(EVP_sha256(), own_key, sizeof own_key, len ? data : none, len,
                 digest, NULL);
  ERR_clear_error();
  return ok ? SSLC_OK : SSLC_ERR_NOMEM;
}
