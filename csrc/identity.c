/*
 * identity.c: our own certificate and private key: SSL_CTX_use_certificate(3).
 */
#include "internal.h"

#include <string.h>

enum { PASSWORD_MAX = 1023 };

static BIO *
data_bio(const struct sslci_data *d)
{
  return BIO_new_mem_buf(d->bytes, (int)d->len);
}

/* Both are there: they must belong together, and be good enough for libssl. */
static sslc_status
install(sslc_ctx *ctx)
{
  if (!ctx->cert || !ctx->key)
    return SSLC_OK;
  if (!X509_check_private_key(ctx->cert, ctx->key))
    return sslci_ctx_bad_file(ctx, 0, "the private key (%s) does not belong "
                              "to the certificate (%s)", ctx->key_source,
                              ctx->cert_source);
  if (!SSL_CTX_use_cert_and_key(ctx->ssl_ctx, ctx->cert, ctx->key, ctx->chain,
                                1))
    return sslci_ctx_bad_file(ctx, 0, "the certificate (%s) and its key cannot "
                              "be used: %s", ctx->cert_source,
                              ERR_reason_error_string(ERR_peek_last_error()));
  return SSLC_OK;
}

/* ---------------------------------------------------------- certificate */

/* The first certificate in `mem`, and those behind it; false: malformed. */
static bool
read_chain(BIO *mem, X509 **leaf, STACK_OF(X509) *chain)
{
  X509 *x509;
  *leaf = PEM_read_bio_X509_AUX(mem, NULL, NULL, NULL);
  while (*leaf && (x509 = PEM_read_bio_X509(mem, NULL, NULL, NULL)) != NULL) {
    if (!sk_X509_push(chain, x509)) {
      X509_free(x509);
      return false;
    }
  }
  unsigned long code = ERR_peek_last_error();
  return ERR_GET_LIB(code) == ERR_LIB_PEM &&
         ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}

static void
set_certificate(sslc_ctx *ctx, X509 *leaf, STACK_OF(X509) *chain)
{
  X509_free(ctx->cert);
  sk_X509_pop_free(ctx->chain, X509_free);
  ctx->cert = leaf;
  ctx->chain = chain;
}

static sslc_status
read_certificate(sslc_ctx *ctx, const struct sslci_data *d, X509 **leaf,
                 STACK_OF(X509) *chain)
{
  BIO *mem = data_bio(d);
  if (!mem || !chain || !sslci_set_string(&ctx->cert_source, d->name)) {
    BIO_free(mem);
    return sslci_ctx_nomem(ctx);
  }
  bool ok = read_chain(mem, leaf, chain);
  BIO_free(mem);
  if (!ok)
    return sslci_ctx_bad_file(ctx, 0, "cert \"%s\" has a malformed "
                              "certificate", d->name);
  if (!*leaf)
    return sslci_ctx_bad_file(ctx, 0, "cert \"%s\" has no certificate in PEM",
                              d->name);
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

struct password {
  const char *text;
  bool asked; /* the key is encrypted */
};

/* Instead of OpenSSL's, which prompts on the terminal. */
static int
give_password(char *buf, int size, int writing, void *arg)
{
  struct password *p = arg;
  (void)writing;
  p->asked = true;
  if (!p->text)
    return -1;
  size_t len = strlen(p->text);
  if (len > (size_t)size)
    return -1;
  memcpy(buf, p->text, len);
  return (int)len;
}

static void
forget_password(sslc_ctx *ctx)
{
  if (ctx->password)
    OPENSSL_clear_free(ctx->password, strlen(ctx->password));
  ctx->password = NULL;
}

static sslc_status
key_problem(sslc_ctx *ctx, const struct sslci_data *d, struct password *p)
{
  if (p->asked && !p->text)
    return sslci_ctx_bad_file(ctx, 0, "key \"%s\" is encrypted; set its "
                              "password first (key_password)", d->name);
  if (p->asked)
    return sslci_ctx_bad_file(ctx, 0, "key \"%s\" is encrypted and the "
                              "password does not open it", d->name);
  unsigned long code = ERR_peek_last_error();
  if (ERR_GET_LIB(code) == ERR_LIB_PEM &&
      ERR_GET_REASON(code) == PEM_R_NO_START_LINE)
    return sslci_ctx_bad_file(ctx, 0, "key \"%s\" has no private key in PEM",
                              d->name);
  return sslci_ctx_bad_file(ctx, 0, "key \"%s\" has a malformed private key",
                            d->name);
}

static sslc_status
use_private_key(sslc_ctx *ctx, const struct sslci_data *d)
{
  struct password password = { ctx->password, false };
  sslc_status status = SSLC_OK;
  EVP_PKEY *key = NULL;
  BIO *mem = data_bio(d);
  if (!mem || !sslci_set_string(&ctx->key_source, d->name))
    status = sslci_ctx_nomem(ctx);
  else if (!(key = PEM_read_bio_PrivateKey(mem, NULL, give_password,
                                           &password)))
    status = key_problem(ctx, d, &password);
  BIO_free(mem);
  forget_password(ctx);
  if (status != SSLC_OK)
    return status;
  EVP_PKEY_free(ctx->key);
  ctx->key = key;
  ERR_clear_error();
  return install(ctx);
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
  if (password && strlen(password) > PASSWORD_MAX)
    return sslci_ctx_bad_option(ctx, "key_password is longer than 1023 bytes");
  forget_password(ctx);
  return sslci_set_string(&ctx->password, password) ? SSLC_OK
                                                    : sslci_ctx_nomem(ctx);
}

/* -------------------------------------------------------- for the context */

sslc_status
sslci_identity_use(sslc_ctx *ctx, X509 *leaf, EVP_PKEY *key, const char *source)
{
  if (!sslci_set_string(&ctx->cert_source, source) ||
      !sslci_set_string(&ctx->key_source, source))
    return sslci_ctx_nomem(ctx);
  X509_up_ref(leaf);
  set_certificate(ctx, leaf, NULL);
  EVP_PKEY_up_ref(key);
  EVP_PKEY_free(ctx->key);
  ctx->key = key;
  return install(ctx);
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
  forget_password(ctx);
  X509_free(ctx->cert);
  sk_X509_pop_free(ctx->chain, X509_free);
  EVP_PKEY_free(ctx->key);
  OPENSSL_free(ctx->cert_source);
  OPENSSL_free(ctx->key_source);
}
