/*
 * policy.c: what a context demands of chains beside trust and name: the
 * settings of X509_VERIFY_PARAM_set_flags(3), and intermediates to build with.
 *
 * They are set on each connection anew, by the context that it then has: a
 * server's ClientHello may choose another one.
 */
#include "internal.h"

#include <string.h>

/* OpenSSL's own limit, which no chain has to reach. */
enum { DEPTH_MAX = 100, LEVEL_MAX = 5 };

/* What X509_VERIFY_PARAM flags are ours to set. */
enum {
  FLAGS = X509_V_FLAG_USE_CHECK_TIME | X509_V_FLAG_CRL_CHECK |
          X509_V_FLAG_CRL_CHECK_ALL | X509_V_FLAG_PARTIAL_CHAIN
};

/* ------------------------------------------------------------- settings */

void
sslci_policy_init(sslc_ctx *ctx)
{
  ctx->policy.depth = -1;
  ctx->policy.level = -1;
  ctx->policy.least_level = SSL_CTX_get_security_level(ctx->ssl_ctx);
}

void
sslci_policy_free(sslc_ctx *ctx)
{
  sslci_crl_free(ctx);
  sk_X509_pop_free(ctx->policy.untrusted, X509_free);
}

sslc_status
sslc_ctx_set_verify_depth(sslc_ctx *ctx, int depth)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (depth < 0 || depth > DEPTH_MAX)
    return sslci_ctx_bad_option(ctx, "verify_depth: %d is not within 0 and %d",
                                depth, DEPTH_MAX);
  ctx->policy.depth = depth;
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_verify_time(sslc_ctx *ctx, int64_t t)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (t < 0)
    return sslci_ctx_bad_option(ctx, "verify_time: it is below 0");
  ctx->policy.time = t;
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_purpose(sslc_ctx *ctx, int purpose)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (purpose == SSLC_PURPOSE_ANY)
    return sslci_ctx_bad_option(ctx, "purpose: any is not safe; "
                                "insecure_purpose allows it");
  if (purpose != SSLC_PURPOSE_SERVER && purpose != SSLC_PURPOSE_CLIENT)
    return sslci_ctx_bad_option(ctx, "purpose: %d is none", purpose);
  ctx->policy.purpose = purpose;
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_insecure_purpose(sslc_ctx *ctx, int purpose)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (purpose < SSLC_PURPOSE_SERVER || purpose > SSLC_PURPOSE_ANY)
    return sslci_ctx_bad_option(ctx, "insecure_purpose: %d is none", purpose);
  ctx->policy.insecure_purpose = purpose;
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_partial_chain(sslc_ctx *ctx, int on)
{
  sslc_status status = sslci_ctx_settable(ctx);
  return status == SSLC_OK
    ? sslci_ctx_switch(ctx, &ctx->policy.partial_chain, "partial_chain", on)
    : status;
}

sslc_status
sslc_ctx_set_crl_check(sslc_ctx *ctx, int what)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (what != SSLC_CRL_CHECK_LEAF && what != SSLC_CRL_CHECK_CHAIN)
    return sslci_ctx_bad_option(ctx, "crl_check: %d is neither the leaf nor "
                                "the chain", what);
  ctx->policy.crl_check = what;
  return SSLC_OK;
}

/* ------------------------------------------------------- security levels */

static sslc_status
set_level(sslc_ctx *ctx, const char *setting, int level, bool insecure)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  int least = insecure ? 0 : ctx->policy.least_level;
  if (level < 0 || level > LEVEL_MAX)
    return sslci_ctx_bad_option(ctx, "%s: %d is not within 0 and %d", setting,
                                level, LEVEL_MAX);
  if (level < least)
    return sslci_ctx_bad_option(ctx, "%s: %d is below %d, which is the least "
                                "here; insecure_security_level allows it",
                                setting, level, least);
  if (ctx->policy.level >= 0 && ctx->policy.level != level)
    return sslci_ctx_bad_option(ctx, "%s: the level was set to %d before",
                                setting, ctx->policy.level);
  SSL_CTX_set_security_level(ctx->ssl_ctx, level);
  ctx->policy.level = level;
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_security_level(sslc_ctx *ctx, int level)
{
  return set_level(ctx, "security_level", level, false);
}

sslc_status
sslc_ctx_set_insecure_security_level(sslc_ctx *ctx, int level)
{
  return set_level(ctx, "insecure_security_level", level, true);
}

/* What somebody asked for by its number stays. */
void
sslci_policy_allow_old_versions(sslc_ctx *ctx)
{
  if (ctx->policy.level < 0)
    SSL_CTX_set_security_level(ctx->ssl_ctx, 0);
}

/* --------------------------------------------------------- intermediates */

static bool
add_untrusted(sslc_ctx *ctx, X509 *x509)
{
  if (!ctx->policy.untrusted)
    ctx->policy.untrusted = sk_X509_new_null();
  if (!ctx->policy.untrusted || !sk_X509_push(ctx->policy.untrusted, x509))
    return false;
  X509_up_ref(x509);
  return true;
}

sslc_status
sslc_ctx_add_untrusted(sslc_ctx *ctx, const sslc_cert *cert)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (!cert)
    return sslci_ctx_bad_option(ctx, "intermediates: the certificate is "
                                "missing");
  sslci_ctx_note_setting(ctx, "intermediates", cert->der, cert->der_len);
  return add_untrusted(ctx, cert->x509) ? SSLC_OK : sslci_ctx_nomem(ctx);
}

/* How many were added; -1 where memory is short. */
static int
add_all(sslc_ctx *ctx, BIO *mem)
{
  for (int n = 0;; n++) {
    X509 *x509 = PEM_read_bio_X509(mem, NULL, NULL, NULL);
    if (!x509)
      return n;
    bool added = add_untrusted(ctx, x509);
    X509_free(x509);
    if (!added)
      return -1;
  }
}

static sslc_status
load_untrusted(sslc_ctx *ctx, const struct sslci_data *d)
{
  BIO *mem = BIO_new_mem_buf(d->bytes, (int)d->len);
  int n = mem ? add_all(ctx, mem) : -1;
  BIO_free(mem);
  if (n < 0)
    return sslci_ctx_nomem(ctx);
  if (!sslci_is_end_of_pem())
    return sslci_ctx_bad_file(ctx, 0, "%s \"%s\" has a malformed certificate",
                              d->setting, d->name);
  if (n == 0)
    return sslci_ctx_bad_file(ctx, 0, "%s \"%s\" has no certificate in PEM",
                              d->setting, d->name);
  ERR_clear_error();
  return SSLC_OK;
}

sslc_status
sslc_ctx_load_untrusted_file(sslc_ctx *ctx, const char *path)
{
  return sslci_use_file(ctx, "intermediates", path, load_untrusted);
}

sslc_status
sslc_ctx_load_untrusted_pem(sslc_ctx *ctx, const void *pem, size_t len)
{
  return sslci_use_memory(ctx, "intermediates", pem, len, load_untrusted);
}

/* ------------------------------------------------------------- checking */

sslc_status
sslci_policy_check(sslc_ctx *ctx)
{
  if (ctx->policy.crl_check && !ctx->trust.checks_crls)
    return sslci_ctx_bad_option(ctx, "crl_check: there is no revocation list "
                                "to check by");
  return SSLC_OK;
}

/* -------------------------------------------------------------- applying */

static unsigned long
flags_of(const sslc_ctx *ctx)
{
  const struct sslci_policy *policy = &ctx->policy;
  unsigned long flags = 0;
  if (policy->partial_chain)
    flags |= X509_V_FLAG_PARTIAL_CHAIN;
  if (ctx->trust.checks_crls)
    flags |= X509_V_FLAG_CRL_CHECK;
  if (ctx->trust.checks_crls && policy->crl_check == SSLC_CRL_CHECK_CHAIN)
    flags |= X509_V_FLAG_CRL_CHECK_ALL;
  return flags;
}

/* Trust can be limited to a purpose as well ("TRUSTED CERTIFICATE"); where any
 * will do, that of the role still holds. */
static bool
set_purpose(X509_VERIFY_PARAM *param, int role, int purpose)
{
  int role_purpose = role == 1 ? SSLC_PURPOSE_CLIENT : SSLC_PURPOSE_SERVER;
  int trusted = purpose == SSLC_PURPOSE_SERVER || purpose == SSLC_PURPOSE_CLIENT
    ? purpose : role_purpose;
  int wanted = purpose ? purpose : role_purpose;
  static const int purposes[] = { 0, X509_PURPOSE_SSL_SERVER,
                                  X509_PURPOSE_SSL_CLIENT, X509_PURPOSE_ANY };
  return X509_VERIFY_PARAM_set_purpose(param, purposes[wanted]) &&
         X509_VERIFY_PARAM_set_trust(param, trusted == SSLC_PURPOSE_CLIENT
                                              ? X509_TRUST_SSL_CLIENT
                                              : X509_TRUST_SSL_SERVER);
}

bool
sslci_policy_apply(const sslc_conn *conn, const sslc_ctx *ctx)
{
  const struct sslci_policy *policy = &ctx->policy;
  X509_VERIFY_PARAM *param = SSL_get0_param(conn->ssl);
  X509_VERIFY_PARAM_clear_flags(param, FLAGS);
  X509_VERIFY_PARAM_set_depth(param, policy->depth);
  if (policy->time)
    X509_VERIFY_PARAM_set_time(param, (time_t)policy->time);
  return X509_VERIFY_PARAM_set_flags(param, flags_of(ctx)) &&
         set_purpose(param, conn->role, policy->insecure_purpose);
}

int64_t
sslci_policy_time(const sslc_conn *conn)
{
  X509_VERIFY_PARAM *param = SSL_get0_param(conn->ssl);
  unsigned long flags = X509_VERIFY_PARAM_get_flags(param);
  return flags & X509_V_FLAG_USE_CHECK_TIME
    ? (int64_t)X509_VERIFY_PARAM_get_time(param) : (int64_t)time(NULL);
}

/* --------------------------------------------------------------- judging */

/* What the peer sent comes first.  They are but candidates to build with: who
 * is trusted is looked for in the store alone. */
static STACK_OF(X509) *
merge(STACK_OF(X509) *sent, STACK_OF(X509) *more)
{
  STACK_OF(X509) *all = sent ? sk_X509_dup(sent) : sk_X509_new_null();
  bool ok = all != NULL;
  for (int i = 0; ok && i < sk_X509_num(more); i++)
    ok = sk_X509_push(all, sk_X509_value(more, i)) > 0;
  if (ok)
    return all;
  sk_X509_free(all);
  return NULL;
}

int
sslci_policy_verify(const sslc_ctx *ctx, X509_STORE_CTX *store_ctx)
{
  if (!ctx->policy.untrusted)
    return X509_verify_cert(store_ctx);
  STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store_ctx);
  STACK_OF(X509) *all = merge(sent, ctx->policy.untrusted);
  if (!all) {
    X509_STORE_CTX_set_error(store_ctx, X509_V_ERR_OUT_OF_MEM);
    return -1;
  }
  X509_STORE_CTX_set0_untrusted(store_ctx, all);
  int ret = X509_verify_cert(store_ctx);
  X509_STORE_CTX_set0_untrusted(store_ctx, sent);
  sk_X509_free(all);
  return ret;
}

/* The role's purpose was libssl's to look at; this is one more. */
int
sslci_policy_unsuited(const sslc_ctx *ctx, X509_STORE_CTX *store_ctx)
{
  int purpose = ctx->policy.purpose == SSLC_PURPOSE_CLIENT
    ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER;
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store_ctx);
  int n = ctx->policy.purpose ? sk_X509_num(chain) : 0;
  for (int i = 0; i < n; i++)
    if (X509_check_purpose(sk_X509_value(chain, i), purpose, i > 0) < 1)
      return i;
  return -1;
}
