/*
 * signatures.c: chains whose signatures were found good, for the next handshake
 * with the same server: X509_STORE_CTX_set_verify(3).
 *
 * X509_verify_cert(3) builds a chain each time anew, from the trust that is in
 * force, and looks at all of it: purposes, constraints, names, strength,
 * revocation, policies.  At one point it calls a function that checks
 * signatures and times, and that is where this file stands: whether one
 * certificate was signed with the key of the next is a matter of their bytes,
 * and has the same answer for ever.  Of a chain that is known byte for byte
 * only the times are looked at again; and whatever is not plainly good here is
 * OpenSSL's own function's to judge.
 */
#include "internal.h"

#include <string.h>

int64_t sslci_signatures_lifetime = (int64_t)60 * 60 * 1000000000;

/* --------------------------------------------------------------- making */

struct sslci_signatures *
sslci_signatures_new(void)
{
  struct sslci_signatures *s = sslci_new(struct sslci_signatures);
  if (!s)
    return NULL;
  s->lock = CRYPTO_THREAD_lock_new();
  if (s->lock)
    return s;
  OPENSSL_free(s);
  return NULL;
}

void
sslci_signatures_free(struct sslci_signatures *s)
{
  if (!s)
    return;
  CRYPTO_THREAD_lock_free(s->lock);
  OPENSSL_free(s->chains);
  OPENSSL_free(s);
}

sslc_status
sslc_ctx_set_signature_cache(sslc_ctx *ctx, int on)
{
  bool value = true;
  sslc_status status = sslci_ctx_settable(ctx);
  if (status == SSLC_OK)
    status = sslci_ctx_switch(ctx, &value, "signature_cache", on);
  if (status == SSLC_OK)
    ctx->signatures->off = !value;
  return status;
}

/* -------------------------------------------------------------- the table */

/* Where a chain is, if it is there: a digest is spread evenly, and nobody can
 * choose one whose chain is good. */
static struct sslci_signed *
set_of(struct sslci_signatures *s, const unsigned char digest[SSLCI_DIGEST])
{
  size_t set = digest[0] % SSLCI_SIGNED_SETS;
  return s->chains + set * SSLCI_SIGNED_WAYS;
}

static bool
find(struct sslci_signatures *s, const unsigned char digest[SSLCI_DIGEST])
{
  struct sslci_signed *set = s->chains ? set_of(s, digest) : NULL;
  for (size_t i = 0; set && i < SSLCI_SIGNED_WAYS; i++)
    if (memcmp(set[i].digest, digest, SSLCI_DIGEST) == 0)
      return sslc_now() < set[i].until;
  return false;
}

bool
sslci_signatures_known(struct sslci_signatures *s,
                       const unsigned char digest[SSLCI_DIGEST])
{
  if (s->off || !CRYPTO_THREAD_read_lock(s->lock))
    return false;
  bool known = find(s, digest);
  CRYPTO_THREAD_unlock(s->lock);
  return known;
}

/* Its own place, or else that of the one that ends first. */
static struct sslci_signed *
place_for(struct sslci_signatures *s, const unsigned char digest[SSLCI_DIGEST])
{
  struct sslci_signed *set = set_of(s, digest), *first = set;
  for (size_t i = 0; i < SSLCI_SIGNED_WAYS; i++) {
    if (memcmp(set[i].digest, digest, SSLCI_DIGEST) == 0)
      return &set[i];
    if (set[i].until < first->until)
      first = &set[i];
  }
  return first;
}

/* Without memory for it nothing is remembered, and nothing else is wrong. */
void
sslci_signatures_remember(struct sslci_signatures *s,
                          const unsigned char digest[SSLCI_DIGEST])
{
  if (s->off || !CRYPTO_THREAD_write_lock(s->lock))
    return;
  if (!s->chains)
    s->chains = OPENSSL_zalloc((size_t)SSLCI_SIGNED_SETS * SSLCI_SIGNED_WAYS *
                               sizeof(struct sslci_signed));
  if (s->chains) {
    struct sslci_signed *place = place_for(s, digest);
    memcpy(place->digest, digest, SSLCI_DIGEST);
    place->until = sslc_now() + sslci_signatures_lifetime;
  }
  CRYPTO_THREAD_unlock(s->lock);
}

/* -------------------------------------------------------------- a chain */

static bool
add_cert(EVP_MD_CTX *md, X509 *x509)
{
  unsigned char *der = NULL;
  int len = i2d_X509(x509, &der);
  bool ok = len > 0 && EVP_DigestUpdate(md, der, (size_t)len);
  OPENSSL_free(der);
  return ok;
}

/* All that the signatures are checked by: the flags, and each certificate,
 * whose DER tells where it ends. */
static bool
add_chain(EVP_MD_CTX *md, X509_STORE_CTX *store_ctx)
{
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store_ctx);
  uint64_t flags =
    X509_VERIFY_PARAM_get_flags(X509_STORE_CTX_get0_param(store_ctx));
  bool ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
            EVP_DigestUpdate(md, &flags, sizeof flags);
  for (int i = 0; ok && i < sk_X509_num(chain); i++)
    ok = add_cert(md, sk_X509_value(chain, i));
  return ok;
}

/* A certificate that is trusted itself has no signature to be checked. */
static bool
digest_chain(X509_STORE_CTX *store_ctx, unsigned char digest[SSLCI_DIGEST])
{
  if (sk_X509_num(X509_STORE_CTX_get0_chain(store_ctx)) < 2)
    return false;
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  bool ok = md && add_chain(md, store_ctx) &&
            EVP_DigestFinal_ex(md, digest, NULL);
  EVP_MD_CTX_free(md);
  return ok;
}

static time_t
time_of(X509_STORE_CTX *store_ctx)
{
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store_ctx);
  return X509_VERIFY_PARAM_get_flags(param) & X509_V_FLAG_USE_CHECK_TIME
    ? X509_VERIFY_PARAM_get_time(param) : time(NULL);
}

/* Whatever else ASN1_TIME_cmp_time_t(3) says is not plainly so. */
static bool
is_in_force(const X509 *x509, time_t now)
{
  int from = ASN1_TIME_cmp_time_t(X509_get0_notBefore(x509), now);
  int to = ASN1_TIME_cmp_time_t(X509_get0_notAfter(x509), now);
  return (from == 0 || from == -1) && to == 1;
}

static bool
all_in_force(X509_STORE_CTX *store_ctx)
{
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store_ctx);
  time_t now = time_of(store_ctx);
  for (int i = 0; i < sk_X509_num(chain); i++)
    if (!is_in_force(sk_X509_value(chain, i), now))
      return false;
  return true;
}

/* -------------------------------------------------------------- verifying */

/* As OpenSSL's function leaves it. */
static int
pass(X509_STORE_CTX *store_ctx)
{
  X509_STORE_CTX_set_error_depth(store_ctx, 0);
  X509_STORE_CTX_set_current_cert(store_ctx,
                                  X509_STORE_CTX_get0_cert(store_ctx));
  return 1;
}

/* What fails here, for want of memory, is not the verification's error. */
static bool
digest_quietly(X509_STORE_CTX *store_ctx, unsigned char digest[SSLCI_DIGEST])
{
  ERR_set_mark();
  bool ok = digest_chain(store_ctx, digest);
  ERR_pop_to_mark();
  return ok;
}

/* In the place of OpenSSL's function, which judges all that is not known, and
 * all that is bad: a verdict of "bad" is never remembered. */
static int
check(X509_STORE_CTX *store_ctx)
{
  const SSL *ssl = X509_STORE_CTX_get_ex_data(
    store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
  const sslc_conn *conn = SSL_get_app_data(ssl);
  struct sslci_signatures *s = conn->ctx->signatures;
  unsigned char digest[SSLCI_DIGEST];
  bool ok = digest_quietly(store_ctx, digest);
  if (ok && sslci_signatures_known(s, digest) && all_in_force(store_ctx)) {
    atomic_fetch_add(&s->used, 1);
    return pass(store_ctx);
  }
  int ret = conn->check_signatures(store_ctx);
  if (ok && ret == 1 && X509_STORE_CTX_get_error(store_ctx) == X509_V_OK)
    sslci_signatures_remember(s, digest);
  return ret;
}

void
sslci_signatures_watch(sslc_conn *conn, X509_STORE_CTX *store_ctx)
{
  conn->check_signatures = X509_STORE_CTX_get_verify(store_ctx);
  if (conn->check_signatures && !conn->ctx->signatures->off)
    X509_STORE_CTX_set_verify(store_ctx, check);
}
