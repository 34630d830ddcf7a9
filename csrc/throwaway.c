/*
 * throwaway.c: a certificate that is good for a day and for trying things out:
 * for tests, and for a person at a prompt.  RFC 5280; X509_sign(3),
 * X509V3_EXT_nconf(3).
 *
 * An authority is made that signs this one certificate, and its key is thrown
 * away before anybody could use it for another.  Nobody trusts it who was not
 * given its certificate.
 */
#include "internal.h"

#include <stdio.h>

enum {
  BEFORE = 60 * 60,    /* seconds: for clocks that are being set */
  AFTER = 24 * 60 * 60,
  SERIAL_BITS = 127    /* 20 bytes at the most, positive */
};

/* Of one certificate: "name=value", as in x509v3_config(5). */
struct extension {
  const char *name;
  const char *value;
};

static const struct extension authority_extensions[] = {
  { "basicConstraints", "critical,CA:TRUE,pathlen:0" },
  { "keyUsage", "critical,keyCertSign" },
  { "subjectKeyIdentifier", "hash" },
  { NULL, NULL }
};

static const struct extension leaf_extensions[] = {
  { "basicConstraints", "critical,CA:FALSE" },
  { "keyUsage", "critical,digitalSignature" },
  { "extendedKeyUsage", "serverAuth,clientAuth" },
  { "subjectKeyIdentifier", "hash" },
  { "authorityKeyIdentifier", "keyid:always" },
  { NULL, NULL }
};

/* --------------------------------------------------------------- making */

static EVP_PKEY *
make_key(void)
{
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, NULL);
  EVP_PKEY *key = NULL;
  if (ctx && EVP_PKEY_keygen_init(ctx) > 0 &&
      EVP_PKEY_CTX_set_ec_paramgen_curve_nid(ctx, NID_X9_62_prime256v1) > 0 &&
      EVP_PKEY_keygen(ctx, &key) <= 0)
    key = NULL;
  EVP_PKEY_CTX_free(ctx);
  return key;
}

static bool
set_serial(X509 *x509)
{
  BIGNUM *n = BN_new();
  bool ok = n && BN_rand(n, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
            BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x509));
  BN_free(n);
  return ok;
}

static bool
set_validity(X509 *x509)
{
  return X509_gmtime_adj(X509_getm_notBefore(x509), -(long)BEFORE) &&
         X509_gmtime_adj(X509_getm_notAfter(x509), AFTER);
}

static bool
set_names(X509 *x509, X509 *issuer, const char *common_name)
{
  X509_NAME *subject = X509_NAME_new();
  bool ok = subject &&
            X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                       (const unsigned char *)common_name, -1,
                                       -1, 0) &&
            X509_set_subject_name(x509, subject);
  X509_NAME_free(subject);
  return ok && X509_set_issuer_name(x509, X509_get_subject_name(issuer));
}

static bool
add_extension(X509 *x509, X509 *issuer, const struct extension *e)
{
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
  X509_EXTENSION *ext = X509V3_EXT_nconf(NULL, &ctx, e->name, e->value);
  bool ok = ext && X509_add_ext(x509, ext, -1);
  X509_EXTENSION_free(ext);
  return ok;
}

static bool
add_extensions(X509 *x509, X509 *issuer, const struct extension *e)
{
  for (; e->name; e++)
    if (!add_extension(x509, issuer, e))
      return false;
  return true;
}

/* All but the signature; `issuer` may be the certificate itself. */
static bool
fill(X509 *x509, X509 *issuer, EVP_PKEY *key, const char *common_name,
     const struct extension *extensions)
{
  return X509_set_version(x509, 2) && /* v3 */
         set_serial(x509) && set_validity(x509) && X509_set_pubkey(x509, key) &&
         set_names(x509, issuer, common_name) &&
         add_extensions(x509, issuer, extensions);
}

static X509 *
make_authority(EVP_PKEY *key)
{
  X509 *x509 = X509_new();
  if (x509 && fill(x509, x509, key, "throw-away authority",
                   authority_extensions) &&
      X509_sign(x509, key, EVP_sha256()))
    return x509;
  X509_free(x509);
  return NULL;
}

static X509 *
make_leaf(EVP_PKEY *key, X509 *authority, EVP_PKEY *authority_key,
          const struct sslci_name *name)
{
  char value[sizeof name->text + sizeof "DNS:"];
  const struct extension names = { "subjectAltName", value };
  X509 *x509 = X509_new();
  /* No character of a name that was parsed means anything there. */
  snprintf(value, sizeof value, "%s:%s",
           name->kind == SSLCI_NAME_DNS ? "DNS" : "IP", name->text);
  if (x509 && fill(x509, authority, key, "throw-away certificate",
                   leaf_extensions) &&
      add_extension(x509, authority, &names) &&
      X509_sign(x509, authority_key, EVP_sha256()))
    return x509;
  X509_free(x509);
  return NULL;
}

/* What was made; each NULL where it could not be. */
struct made {
  sslc_cert *authority;
  X509 *leaf;
  EVP_PKEY *key;
};

static bool
make(struct made *made, const struct sslci_name *name)
{
  EVP_PKEY *authority_key = make_key();
  X509 *authority = authority_key ? make_authority(authority_key) : NULL;
  made->key = authority ? make_key() : NULL;
  made->leaf = made->key ? make_leaf(made->key, authority, authority_key, name)
                         : NULL;
  made->authority = made->leaf ? sslci_cert_new(authority) : NULL;
  X509_free(authority);
  EVP_PKEY_free(authority_key);
  return made->authority != NULL;
}

/* ---------------------------------------------------------- the context's */

static sslc_status
bad_name(sslc_ctx *ctx, sslc_error *e)
{
  sslc_status status =
    sslci_ctx_bad_option(ctx, "%s", sslc_error_message(e));
  sslci_error_clear(e);
  return status;
}

/* Libcrypto does not do it without a reason, but for want of memory. */
static sslc_status
failed(sslc_ctx *ctx)
{
  sslc_error *e = &ctx->err;
  sslci_error_begin(e, SSLC_CODE_INTERNAL, SSLC_PHASE_CONFIG,
                    "a throw-away certificate could not be made");
  sslci_error_take_queue(e);
  bool short_of_memory = e->queue_count == 0;
  for (size_t i = 0; i < e->queue_count; i++)
    short_of_memory |= sslci_is_out_of_memory(e->queue->codes[i]);
  if (short_of_memory)
    return sslci_ctx_nomem(ctx);
  return sslci_ctx_broken(ctx, sslci_error_finish(e));
}

sslc_status
sslc_ctx_use_throwaway_certificate(sslc_ctx *ctx, const char *name,
                                   sslc_cert **authority)
{
  struct sslci_name parsed;
  struct made made = { NULL, NULL, NULL };
  sslc_error e = { 0 };
  if (authority)
    *authority = NULL;
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (sslci_name_parse(&parsed, name, "name", &e) != SSLC_OK)
    return bad_name(ctx, &e);
  if (!make(&made, &parsed))
    status = failed(ctx);
  else
    status = sslci_identity_use(ctx, made.leaf, made.key, NULL, "throw-away");
  if (status == SSLC_OK && authority)
    *authority = sslc_cert_up_ref(made.authority);
  sslc_cert_free(made.authority);
  X509_free(made.leaf);
  EVP_PKEY_free(made.key);
  return status;
}
