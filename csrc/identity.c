/*
 * identity.c: our own certificate and private key: SSL_CTX_use_certificate(3).
 */
#include "internal.h"

#include <string.h>

/* Named as they were given, and by what the certificate is for. */
static sslc_status
mismatch(sslc_ctx *ctx)
{
  char *subject = sslci_name_string(X509_get_subject_name(ctx->cert));
  ERR_clear_error();
  sslc_status status = sslci_ctx_bad_file(
    ctx, 0, "the private key (%s) does not belong to the certificate (%s%s%s)",
    ctx->key_source, ctx->cert_source, subject && *subject ? ", " : "",
    subject ? subject : "");
  OPENSSL_free(subject);
  return status;
}

/* Both are there: they must belong together, and be good enough for libssl. */
static sslc_status
install(sslc_ctx *ctx)
{
  if (!ctx->cert || !ctx->key)
    return SSLC_OK;
  if (!X509_check_private_key(ctx->cert, ctx->key))
    return mismatch(ctx);
  if (!SSL_CTX_use_cert_and_key(ctx->ssl_ctx, ctx->cert, ctx->key, ctx->chain,
                                1))
    return sslci_ctx_bad_file(ctx, 0, "the certificate (%s) and its key cannot "
                              "be used: %s", ctx->cert_source,
                              ERR_reason_error_string(ERR_peek_last_error()));
  /* One of another kind of key has not made room for it. */
  ctx->identity_changed = ctx->installed;
  ctx->installed = true;
  return SSLC_OK;
}

/* ---------------------------------------------------------- certificate */

static void
set_certificate(sslc_ctx *ctx, X509 *leaf, STACK_OF(X509) *chain)
{
  X509_free(ctx->cert);
  sk_X509_pop_free(ctx->chain, X509_free);
  ctx->cert = leaf;
  ctx->chain = chain;
}

static sslc_status
no_certificate(sslc_ctx *ctx, const struct sslci_data *d)
{
  if (sslci_is_pkcs12(d))
    return sslci_ctx_bad_file(ctx, 0, "cert \"%s\" is PKCS #12; that is for "
                              "pkcs12", d->name);
  return sslci_ctx_bad_file(ctx, 0, "cert \"%s\" has no certificate in PEM or "
                            "DER", d->name);
}

static sslc_status
read_certificate(sslc_ctx *ctx, const struct sslci_data *d, X509 **leaf,
                 STACK_OF(X509) *chain)
{
  if (!chain || !sslci_set_string(&ctx->cert_source, d->name))
    return sslci_ctx_nomem(ctx);
  bool ok = sslci_read_chain(d, leaf, chain);
  if (!ok && sslci_is_out_of_memory(ERR_peek_last_error()))
    return sslci_ctx_nomem(ctx);
  if (!*leaf && (ok || sslci_is_pkcs12(d)))
    return no_certificate(ctx, d);
  if (!ok)
    return sslci_ctx_bad_file(ctx, 0, "cert \"%s\" has a malformed "
                              "certificate", d->name);
  return SSLC_OK;
}

static sslc_status
use_certificate(sslc_ctx *ctx, const struct sslci_data *d)
{
  X509 *leaf = NULL;
  STACK_OF(X509) *chain = sk_X509_new_null();
  sslc_status status = read_certificate(ctx, d, &leaf, chain);
  if (status != SSLC_OK) {
    X509_free(leaf);
    sk_X509_pop_free(chain, X509_free);
    return status;
  }
  set_certificate(ctx, leaf, chain);
  ERR_clear_error();
  return install(ctx);
}

sslc_status
sslc_ctx_use_certificate_file(sslc_ctx *ctx, const char *path)
{
  return sslci_use_file(ctx, "cert", path, use_certificate);
}

sslc_status
sslc_ctx_use_certificate_pem(sslc_ctx *ctx, const void *pem, size_t len)
{
  return sslci_use_memory(ctx, "cert", pem, len, use_certificate);
}

/* ------------------------------------------------------------------ key */

void
sslci_password_forget(sslc_ctx *ctx)
{
  if (ctx->password)
    OPENSSL_clear_free(ctx->password, strlen(ctx->password));
  ctx->password = NULL;
}

sslc_status
sslci_key_problem(sslc_ctx *ctx, const char *name,
                  const struct sslci_password *p)
{
  unsigned long code = ERR_peek_last_error();
  if (sslci_is_out_of_memory(code))
    return sslci_ctx_nomem(ctx);
  if (p->needed && !p->known)
    return sslci_ctx_bad_file(ctx, 0, "key \"%s\" is encrypted; set its "
                              "password first (key_password)", name);
  if (p->needed)
    return sslci_ctx_bad_file(ctx, 0, "key \"%s\" is encrypted and the "
                              "password does not open it", name);
  if (sslci_is_end_of_pem())
    return sslci_ctx_bad_file(ctx, 0, "key \"%s\" has no private key in PEM "
                              "or DER", name);
  return sslci_ctx_bad_file(ctx, 0, "key \"%s\" has a malformed private key",
                            name);
}

static sslc_status
key_problem(sslc_ctx *ctx, const struct sslci_data *d,
            const struct sslci_password *p)
{
  if (!p->needed && sslci_is_pkcs12(d))
    return sslci_ctx_bad_file(ctx, 0, "key \"%s\" is PKCS #12; that is for "
                              "pkcs12", d->name);
  return sslci_key_problem(ctx, d->name, p);
}

sslc_status
sslci_identity_use_key(sslc_ctx *ctx, EVP_PKEY *key, const char *source)
{
  if (!sslci_set_string(&ctx->key_source, source)) {
    EVP_PKEY_free(key);
    return sslci_ctx_nomem(ctx);
  }
  EVP_PKEY_free(ctx->key);
  ctx->key = key;
  ERR_clear_error();
  return install(ctx);
}

static sslc_status
use_private_key(sslc_ctx *ctx, const struct sslci_data *d)
{
  struct sslci_password password;
  sslci_password_begin(&password, ctx);
  EVP_PKEY *key = sslci_read_key(d, &password);
  sslc_status status = key ? sslci_identity_use_key(ctx, key, d->name)
                           : key_problem(ctx, d, &password);
  sslci_password_end(&password);
  sslci_password_forget(ctx);
  return status;
}

sslc_status
sslc_ctx_use_private_key_file(sslc_ctx *ctx, const char *path)
{
  return sslci_use_file(ctx, "key", path, use_private_key);
}

sslc_status
sslc_ctx_use_private_key_pem(sslc_ctx *ctx, const void *pem, size_t len)
{
  return sslci_use_memory(ctx, "key", pem, len, use_private_key);
}

sslc_status
sslc_ctx_set_key_password(sslc_ctx *ctx, const char *password)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (password && strlen(password) > SSLCI_PASSWORD_MAX)
    return sslci_ctx_bad_option(ctx, "key_password is longer than 1023 bytes");
  sslci_password_forget(ctx);
  return sslci_set_string(&ctx->password, password) ? SSLC_OK
                                                    : sslci_ctx_nomem(ctx);
}

sslc_status
sslc_ctx_set_key_password_function(sslc_ctx *ctx,
                                   int (*get)(void *arg, char *buf,
                                              size_t size), void *arg)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  ctx->get_password = get;
  ctx->get_password_arg = arg;
  return SSLC_OK;
}

/* -------------------------------------------------------- for the context */

sslc_status
sslci_identity_use_cert(sslc_ctx *ctx, X509 *leaf, STACK_OF(X509) *chain,
                        const char *source)
{
  STACK_OF(X509) *own = chain ? X509_chain_up_ref(chain) : NULL;
  if ((chain && !own) || !sslci_set_string(&ctx->cert_source, source)) {
    sk_X509_pop_free(own, X509_free);
    return sslci_ctx_nomem(ctx);
  }
  X509_up_ref(leaf);
  set_certificate(ctx, leaf, own);
  ERR_clear_error();
  return install(ctx);
}

sslc_status
sslci_identity_use(sslc_ctx *ctx, X509 *leaf, EVP_PKEY *key,
                   STACK_OF(X509) *chain, const char *source)
{
  EVP_PKEY_free(ctx->key);
  ctx->key = NULL;
  sslc_status status = sslci_identity_use_cert(ctx, leaf, chain, source);
  if (status != SSLC_OK)
    return status;
  EVP_PKEY_up_ref(key);
  return sslci_identity_use_key(ctx, key, source);
}

sslc_status
sslci_identity_check(sslc_ctx *ctx)
{
  if (ctx->cert && !ctx->key)
    return sslci_ctx_bad_option(ctx, "cert (%s) is set without its key",
                                ctx->cert_source);
  if (ctx->key && !ctx->cert)
    return sslci_ctx_bad_option(ctx, "key (%s) is set without its cert",
                                ctx->key_source);
  return SSLC_OK;
}

void
sslci_identity_free(sslc_ctx *ctx)
{
  sslci_password_forget(ctx);
  sslci_identities_free(ctx);
  X509_free(ctx->cert);
  sk_X509_pop_free(ctx->chain, X509_free);
  EVP_PKEY_free(ctx->key);
  OPENSSL_free(ctx->cert_source);
  OPENSSL_free(ctx->key_source);
}
