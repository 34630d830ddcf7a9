/*
 * identity_store.c: certificate and key by URI, ossl_store(7): from a file, or
 * from where a provider (or before 3.0, an engine's loader) keeps it.
 *
 * A key that a token keeps never leaves it: what is had here stands for it.
 */
#include "internal.h"

#include <string.h>

/* ---------------------------------------------------------------- opening */

/* "file:", "pkcs11:": RFC 3986, section 3.1.  Without one OSSL_STORE takes it
 * for a path. */
static bool
has_scheme(const char *uri)
{
  size_t n = uri ? strspn(uri, "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.") : 0;
  return n > 0 && uri[n] == ':';
}

/* The file that it names is noted as others are. */
static sslc_status
note(sslc_ctx *ctx, const char *uri)
{
  if (strncmp(uri, "file:", 5) != 0)
    return SSLC_OK;
  const char *path = uri + 5;
  if (strncmp(path, "//localhost/", 12) == 0)
    path += 11;
  else if (strncmp(path, "///", 3) == 0)
    path += 2;
  return sslci_ctx_note_file(ctx, path);
}

static sslc_status
begin(sslc_ctx *ctx, const char *setting, const char *uri)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (!has_scheme(uri))
    return sslci_ctx_bad_option(ctx, "%s: \"%s\" is no URI; it begins with a "
                                "scheme, such as file: or pkcs11:", setting,
                                uri ? uri : "");
  return note(ctx, uri);
}

/* What a URI has, `expected` of it: found(arg, info) until that says no.  False
 * where it cannot be opened or read, with the reason in the queue.  To have
 * come to the end can count as an error of the store, but one without a
 * reason. */
static bool
load(const char *uri, int expected, struct sslci_password *p,
     bool (*found)(void *arg, const OSSL_STORE_INFO *info), void *arg)
{
  ERR_clear_error();
  UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(sslci_password_give, 0);
  OSSL_STORE_CTX *store = ui ? OSSL_STORE_open(uri, ui, p, NULL, NULL) : NULL;
  bool ok = store && OSSL_STORE_expect(store, expected), more = ok;
  while (more && !OSSL_STORE_eof(store)) {
    OSSL_STORE_INFO *info = OSSL_STORE_load(store);
    if (info)
      more = found(arg, info);
    else
      more = ok = !OSSL_STORE_error(store) || ERR_peek_error() == 0;
    OSSL_STORE_INFO_free(info);
  }
  OSSL_STORE_close(store);
  UI_destroy_method(ui);
  return ok;
}

/* Of the reasons the last is the one that counts. */
static sslc_status
cannot_load(sslc_ctx *ctx, const char *setting, const char *uri)
{
  unsigned long code = ERR_peek_last_error();
  const char *reason = code ? ERR_reason_error_string(code) : NULL;
  if (sslci_is_out_of_memory(code))
    return sslci_ctx_nomem(ctx);
  if (compat_is_unsupported(code) ||
      (ERR_GET_LIB(code) == ERR_LIB_OSSL_STORE &&
       ERR_GET_REASON(code) == OSSL_STORE_R_UNREGISTERED_SCHEME))
    return sslci_ctx_bad_file(ctx, 0, "%s \"%s\": this OpenSSL has nothing "
                              "for this scheme; load its provider in "
                              "openssl.cnf", setting, uri);
  return sslci_ctx_bad_file(ctx, 0, "%s \"%s\" cannot be loaded: %s", setting,
                            uri, reason ? reason : "no reason given");
}

/* -------------------------------------------------------------------- key */

static bool
found_key(void *arg, const OSSL_STORE_INFO *info)
{
  EVP_PKEY **key = arg;
  *key = OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY
    ? OSSL_STORE_INFO_get1_PKEY(info) : NULL;
  return *key == NULL;
}

static sslc_status
no_key(sslc_ctx *ctx, const char *uri, bool opened,
       const struct sslci_password *p)
{
  if (p->needed || sslci_is_out_of_memory(ERR_peek_last_error()))
    return sslci_key_problem(ctx, uri, p);
  return opened ? sslci_ctx_bad_file(ctx, 0, "key \"%s\" has no private key",
                                     uri)
                : cannot_load(ctx, "key", uri);
}

sslc_status
sslc_ctx_use_private_key_uri(sslc_ctx *ctx, const char *uri)
{
  EVP_PKEY *key = NULL;
  sslc_status status = begin(ctx, "key", uri);
  if (status != SSLC_OK)
    return status;
  struct sslci_password password;
  sslci_password_begin(&password, ctx);
  bool opened = load(uri, OSSL_STORE_INFO_PKEY, &password, found_key, &key);
  status = key ? sslci_identity_use_key(ctx, key, uri)
               : no_key(ctx, uri, opened, &password);
  sslci_password_end(&password);
  sslci_password_forget(ctx);
  return status;
}

int
sslc_key_uri_is_encrypted(const char *uri)
{
  EVP_PKEY *key = NULL;
  struct sslci_password none;
  sslci_password_begin(&none, NULL);
  if (has_scheme(uri))
    load(uri, OSSL_STORE_INFO_PKEY, &none, found_key, &key);
  EVP_PKEY_free(key);
  ERR_clear_error();
  return none.needed;
}

/* ------------------------------------------------------------ certificate */

/* The first is ours. */
struct certs {
  STACK_OF(X509) *all;
  bool lost; /* one, for want of memory */
};

static bool
found_cert(void *arg, const OSSL_STORE_INFO *info)
{
  struct certs *certs = arg;
  if (OSSL_STORE_INFO_get_type(info) != OSSL_STORE_INFO_CERT)
    return true;
  X509 *x509 = OSSL_STORE_INFO_get1_CERT(info);
  if (x509 && sk_X509_push(certs->all, x509))
    return true;
  X509_free(x509);
  certs->lost = true;
  return false;
}

static sslc_status
use_certs(sslc_ctx *ctx, const char *uri, const struct certs *certs)
{
  if (certs->lost)
    return sslci_ctx_nomem(ctx);
  X509 *leaf = sk_X509_shift(certs->all);
  if (!leaf)
    return sslci_ctx_bad_file(ctx, 0, "cert \"%s\" has no certificate", uri);
  sslc_status status = sslci_identity_use_cert(ctx, leaf, certs->all, uri);
  X509_free(leaf);
  return status;
}

sslc_status
sslc_ctx_use_certificate_uri(sslc_ctx *ctx, const char *uri)
{
  sslc_status status = begin(ctx, "cert", uri);
  if (status != SSLC_OK)
    return status;
  struct sslci_password none;
  struct certs certs = { sk_X509_new_null(), false };
  sslci_password_begin(&none, NULL);
  if (!certs.all)
    status = sslci_ctx_nomem(ctx);
  else if (!load(uri, OSSL_STORE_INFO_CERT, &none, found_cert, &certs))
    status = cannot_load(ctx, "cert", uri);
  else
    status = use_certs(ctx, uri, &certs);
  sk_X509_pop_free(certs.all, X509_free);
  ERR_clear_error();
  return status;
}
