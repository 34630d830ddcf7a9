/*
 * identity_pkcs12.c: certificate, chain and key from one file of PKCS #12
 * (RFC 7292): PKCS12_parse(3).
 */
#include "internal.h"

/* What a file holds. */
struct contents {
  EVP_PKEY *key;
  X509 *leaf;
  STACK_OF(X509) *others;
};

static void
free_contents(struct contents *c)
{
  EVP_PKEY_free(c->key);
  X509_free(c->leaf);
  sk_X509_pop_free(c->others, X509_free);
}

/* ------------------------------------------------------------------ chain */

static X509 *
issuer_among(STACK_OF(X509) *others, X509 *of)
{
  for (int i = 0; i < sk_X509_num(others); i++)
    if (X509_check_issued(sk_X509_value(others, i), of) == X509_V_OK)
      return sk_X509_value(others, i);
  return NULL;
}

/* From the leaf upwards, in whatever order the file has them; the root, which
 * who trusts it has, is left out, as is what does not belong to it.  NULL:
 * memory is short. */
static STACK_OF(X509) *
sort_chain(const struct contents *c)
{
  STACK_OF(X509) *chain = sk_X509_new_null();
  X509 *at = issuer_among(c->others, c->leaf);
  /* No longer than there are others: two may have issued each other. */
  while (chain && at && X509_check_issued(at, at) != X509_V_OK &&
         sk_X509_num(chain) < sk_X509_num(c->others)) {
    if (!sk_X509_push(chain, at)) {
      sk_X509_pop_free(chain, X509_free);
      return NULL;
    }
    X509_up_ref(at);
    at = issuer_among(c->others, at);
  }
  return chain;
}

/* ---------------------------------------------------------------- opening */

/* Algorithms of old that OpenSSL 3 has in its legacy provider only. */
static bool
is_unsupported(void)
{
  bool found = false;
  unsigned long code;
  while ((code = ERR_get_error()) != 0)
    found = found || compat_is_unsupported(code);
  return found;
}

static sslc_status
wrong_password(sslc_ctx *ctx, const struct sslci_data *d,
               const struct sslci_password *p)
{
  if (sslci_is_out_of_memory(ERR_peek_last_error()))
    return sslci_ctx_nomem(ctx);
  if (!p->known)
    return sslci_ctx_bad_file(ctx, 0, "pkcs12 \"%s\" is encrypted; set its "
                              "password first (key_password)", d->name);
  return sslci_ctx_bad_file(ctx, 0, "pkcs12 \"%s\" is encrypted and the "
                            "password does not open it", d->name);
}

static sslc_status
cannot_open(sslc_ctx *ctx, const struct sslci_data *d)
{
  if (sslci_is_out_of_memory(ERR_peek_last_error()))
    return sslci_ctx_nomem(ctx);
  if (is_unsupported())
    return sslci_ctx_bad_file(ctx, 0, "pkcs12 \"%s\" is encrypted by an old "
                              "algorithm (RC2, for one) that this OpenSSL has "
                              "only in its legacy provider; write the file "
                              "anew, or load that provider in openssl.cnf",
                              d->name);
  return sslci_ctx_bad_file(ctx, 0, "pkcs12 \"%s\" cannot be read", d->name);
}

/* The password is asked for only where it is needed.  One that keeps no MAC
 * tells a wrong one by what cannot be read; OpenSSL before 3.2 does not open
 * those at all. */
static sslc_status
open_pkcs12(sslc_ctx *ctx, const struct sslci_data *d, PKCS12 *p12,
            struct sslci_password *p, struct contents *c)
{
  const char *text = NULL;
  if (!sslci_pkcs12_is_open(p12)) {
    bool found = sslci_password_find(p);
    ERR_clear_error();
    if (!found || (PKCS12_mac_present(p12) &&
                   !PKCS12_verify_mac(p12, p->text, (int)p->len)))
      return wrong_password(ctx, d, p);
    text = p->text;
  }
  ERR_clear_error();
  return PKCS12_parse(p12, text, &c->key, &c->leaf, &c->others)
    ? SSLC_OK : cannot_open(ctx, d);
}

/* ------------------------------------------------------------------ using */

static sslc_status
use_contents(sslc_ctx *ctx, const struct sslci_data *d,
             const struct contents *c)
{
  if (!c->key)
    return sslci_ctx_bad_file(ctx, 0, "pkcs12 \"%s\" has no private key",
                              d->name);
  if (!c->leaf)
    return sslci_ctx_bad_file(ctx, 0, "pkcs12 \"%s\" has no certificate that "
                              "its key belongs to", d->name);
  STACK_OF(X509) *chain = sort_chain(c);
  if (!chain)
    return sslci_ctx_nomem(ctx);
  sslc_status status =
    sslci_identity_use(ctx, c->leaf, c->key, chain, d->name);
  sk_X509_pop_free(chain, X509_free);
  return status;
}

static sslc_status
use_pkcs12(sslc_ctx *ctx, const struct sslci_data *d)
{
  struct contents c = { NULL, NULL, NULL };
  struct sslci_password password;
  sslci_password_begin(&password, ctx);
  PKCS12 *p12 = sslci_read_pkcs12(d);
  sslc_status status = p12
    ? open_pkcs12(ctx, d, p12, &password, &c)
    : sslci_ctx_bad_file(ctx, 0, "pkcs12 \"%s\" is not PKCS #12", d->name);
  if (status == SSLC_OK)
    status = use_contents(ctx, d, &c);
  PKCS12_free(p12);
  free_contents(&c);
  sslci_password_end(&password);
  sslci_password_forget(ctx);
  ERR_clear_error();
  return status;
}

sslc_status
sslc_ctx_use_pkcs12_file(sslc_ctx *ctx, const char *path)
{
  return sslci_use_file(ctx, "pkcs12", path, use_pkcs12);
}

sslc_status
sslc_ctx_use_pkcs12_mem(sslc_ctx *ctx, const void *data, size_t len)
{
  return sslci_use_memory(ctx, "pkcs12", data, len, use_pkcs12);
}
