/*
 * session_export.c: sessions as bytes, so that other processes and machines
 * resume them: i2d_SSL_SESSION(3), d2i_SSL_SESSION(3).
 *
 *   "SSLC", the format's number, 0
 *       SHA-256 of the rest, the rest
 *   "SSLC", the format's number, 1
 *       nonce, the rest sealed by AES-256-GCM, tag
 *
 * The rest: the fingerprint of the context, when the peer was verified and
 * until when that holds (64 bits each), and with its length (32 bits) each: the
 * server name, the demands, the session as libssl writes it.
 *
 * The fingerprint is of all settings that a verification depends on.  A session
 * stands for a verification, so it is let in where the same would have been
 * verified, and nowhere else.
 */
#include "internal.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

enum {
  FORMAT = 1,
  PLAIN = 0,
  SEALED = 1,
  HEADER = 6,
  NONCE = 12,
  TAG = 16,
  DIGEST = SSLCI_DIGEST,
  LARGEST = 256 * 1024
};

static const unsigned char magic[] = { 'S', 'S', 'L', 'C' };

/* -------------------------------------------------------- the fingerprint */

/* Digests that are made a piece at a time; `ok` is false once that failed. */
struct digest {
  EVP_MD_CTX *md;
  bool ok;
};

static void
digest_begin(struct digest *d)
{
  d->md = EVP_MD_CTX_new();
  d->ok = d->md && EVP_DigestInit_ex(d->md, EVP_sha256(), NULL);
}

static void
digest_add(struct digest *d, const char *name, const void *bytes, size_t len)
{
  char text[80];
  int n = snprintf(text, sizeof text, "%s:%zu:", name, len);
  d->ok = d->ok && n > 0 && (size_t)n < sizeof text &&
          EVP_DigestUpdate(d->md, text, (size_t)n) &&
          (len == 0 || EVP_DigestUpdate(d->md, bytes, len));
}

static void
digest_text(struct digest *d, const char *name, const char *text)
{
  digest_add(d, name, text, text ? strlen(text) : 0);
}

static void
digest_number(struct digest *d, const char *name, uint64_t number)
{
  char text[24];
  snprintf(text, sizeof text, "%llu", (unsigned long long)number);
  digest_text(d, name, text);
}

static bool
digest_end(struct digest *d, unsigned char out[DIGEST])
{
  d->ok = d->ok && EVP_DigestFinal_ex(d->md, out, NULL);
  EVP_MD_CTX_free(d->md);
  return d->ok;
}

void
sslci_ctx_note_setting(sslc_ctx *ctx, const char *name, const void *bytes,
                       size_t len)
{
  struct digest d;
  digest_begin(&d);
  digest_add(&d, "before", ctx->settings_digest, DIGEST);
  digest_add(&d, name, bytes, len);
  if (!digest_end(&d, ctx->settings_digest))
    ctx->settings_lost = true;
}

/* Where the system's trust is; what is in there is the machine's business. */
static void
digest_trust(struct digest *d, const sslc_ctx *ctx)
{
  if (ctx->trust.named && !ctx->trust.system)
    return;
  digest_text(d, "system trust", "");
  digest_text(d, "file", sslci_safe_getenv(X509_get_default_cert_file_env()));
  digest_text(d, "dir", sslci_safe_getenv(X509_get_default_cert_dir_env()));
}

static void
digest_param(struct digest *d, X509_VERIFY_PARAM *param)
{
  digest_number(d, "flags", X509_VERIFY_PARAM_get_flags(param));
  digest_number(d, "depth", (uint64_t)X509_VERIFY_PARAM_get_depth(param));
  digest_number(d, "auth_level",
                (uint64_t)X509_VERIFY_PARAM_get_auth_level(param));
}

static void
digest_policy(struct digest *d, const sslc_ctx *ctx)
{
  const struct sslci_policy *p = &ctx->policy;
  digest_number(d, "verify_depth", (uint64_t)p->depth);
  digest_number(d, "verify_time", (uint64_t)p->time);
  digest_number(d, "purpose", (uint64_t)p->purpose);
  digest_number(d, "insecure_purpose", (uint64_t)p->insecure_purpose);
  digest_number(d, "partial_chain", p->partial_chain);
  digest_number(d, "crl_check", (uint64_t)p->crl_check);
}

static void
digest_protocol(struct digest *d, const sslc_ctx *ctx)
{
  SSL_CTX *c = ctx->ssl_ctx;
  STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(c);
  digest_number(d, "min", (uint64_t)SSL_CTX_get_min_proto_version(c));
  digest_number(d, "max", (uint64_t)SSL_CTX_get_max_proto_version(c));
  digest_number(d, "level", (uint64_t)SSL_CTX_get_security_level(c));
  digest_add(d, "alpn", ctx->alpn, ctx->alpn_len);
  digest_text(d, "groups", ctx->groups);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++)
    digest_text(d, "cipher",
                SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)));
}

static void
digest_demands(struct digest *d, const sslc_ctx *ctx)
{
  unsigned char own[EVP_MAX_MD_SIZE];
  unsigned int len = 0;
  digest_number(d, "no_verify", ctx->no_verify);
  digest_number(d, "no_name_check", ctx->no_name_check);
  digest_number(d, "retry_verify", ctx->retry_verify);
  for (size_t i = 0; i < ctx->pin_count; i++)
    digest_add(d, "pin", ctx->pins[i], sizeof ctx->pins[i]);
  digest_number(d, "pin_scope", (uint64_t)ctx->pin_scope);
  digest_number(d, "ocsp", (uint64_t)ctx->ocsp);
  if (ctx->cert)
    d->ok = d->ok && X509_digest(ctx->cert, EVP_sha256(), own, &len);
  digest_add(d, "cert", own, len);
}

/* Files that were read anew are not what the fingerprint is of. */
static bool
trust_has_changed(sslc_ctx *ctx)
{
  return ctx->trust.sources && sslci_ctx_verifies(ctx) &&
         sslci_trust_generation(ctx) != ctx->frozen_generation;
}

/* False where memory is, or was, short. */
static bool
fingerprint(const sslc_ctx *ctx, unsigned char out[DIGEST])
{
  struct digest d;
  digest_begin(&d);
  digest_text(&d, "sslconnect", SSLC_VERSION);
  digest_add(&d, "settings", ctx->settings_digest, DIGEST);
  digest_add(&d, "domain", ctx->session_domain, DIGEST);
  digest_add(&d, "secret", ctx->session_secret,
             ctx->has_session_secret ? sizeof ctx->session_secret : 0);
  digest_trust(&d, ctx);
  digest_param(&d, SSL_CTX_get0_param(ctx->ssl_ctx));
  digest_number(&d, "crls", ctx->trust.checks_crls);
  digest_policy(&d, ctx);
  digest_protocol(&d, ctx);
  digest_demands(&d, ctx);
  return digest_end(&d, out) && !ctx->settings_lost;
}

/* -------------------------------------------------------------- settings */

sslc_status
sslc_ctx_set_session_domain(sslc_ctx *ctx, const char *domain)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  memset(ctx->session_domain, 0, DIGEST);
  if (domain && !EVP_Digest(domain, strlen(domain), ctx->session_domain, NULL,
                            EVP_sha256(), NULL))
    return sslci_ctx_nomem(ctx);
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_session_secret(sslc_ctx *ctx, const void *secret, size_t len)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (!secret || len != sizeof ctx->session_secret)
    return sslci_ctx_bad_option(ctx, "session_secret has %zu bytes; it is a "
                                "key of %zu", secret ? len : 0,
                                sizeof ctx->session_secret);
  memcpy(ctx->session_secret, secret, len);
  ctx->has_session_secret = true;
  return SSLC_OK;
}

/* --------------------------------------------------------------- failing */

/* What is wrong becomes the caller's error; nothing is written to the context,
 * which threads may share. */
static sslc_status
refuse(sslc_error **error, const char *why)
{
  sslc_error e = { 0 };
  sslc_status status =
    sslci_error_set(&e, SSLC_CODE_BAD_OPTION, SSLC_PHASE_CONFIG, "%s", why);
  if (error)
    *error = sslc_error_dup(&e);
  sslci_error_clear(&e);
  ERR_clear_error();
  return status;
}

static sslc_status
nomem(sslc_error **error)
{
  sslc_error e = { 0 };
  sslc_status status = sslci_error_nomem(&e, SSLC_PHASE_CONFIG);
  if (error)
    *error = sslc_error_dup(&e);
  sslci_error_clear(&e);
  ERR_clear_error();
  return status;
}

/* No setting can come after: the fingerprint is of all. */
static sslc_status
begin(sslc_ctx *ctx, sslc_error **error)
{
  if (error)
    *error = NULL;
  if (!ctx)
    return SSLC_ERR_ARG;
  sslc_status status = sslci_ctx_freeze(ctx);
  if (status != SSLC_OK && error)
    *error = sslc_error_dup(&ctx->err);
  if (status == SSLC_OK && trust_has_changed(ctx))
    return refuse(error, "the trust of the context has changed since it was "
                         "made, so that its sessions are no longer shared");
  return status;
}

/* --------------------------------------------------------------- writing */

static unsigned char *
put_number(unsigned char *p, uint64_t number, size_t size)
{
  for (size_t i = 0; i < size; i++)
    p[i] = (unsigned char)(number >> 8 * (size - 1 - i));
  return p + size;
}

static unsigned char *
put_bytes(unsigned char *p, const void *bytes, size_t len)
{
  p = put_number(p, len, 4);
  memcpy(p, bytes, len);
  return p + len;
}

static size_t
rest_size(const sslc_session *session, size_t der)
{
  return DIGEST + 8 + 8 + 4 + strlen(session->server_name) + 4 +
         strlen(session->demands) + 4 + der;
}

/* The rest, its length in `*len`; NULL where memory is short. */
static unsigned char *
write_rest(const sslc_ctx *ctx, const sslc_session *session, size_t *len)
{
  int der = i2d_SSL_SESSION(session->session, NULL);
  if (der <= 0)
    return NULL;
  *len = rest_size(session, (size_t)der);
  unsigned char *rest = OPENSSL_malloc(*len);
  if (!rest || !fingerprint(ctx, rest)) {
    OPENSSL_free(rest);
    return NULL;
  }
  unsigned char *p = rest + DIGEST;
  p = put_number(p, (uint64_t)session->verified_at, 8);
  p = put_number(p, (uint64_t)session->good_until, 8);
  p = put_bytes(p, session->server_name, strlen(session->server_name));
  p = put_bytes(p, session->demands, strlen(session->demands));
  p = put_number(p, (uint64_t)der, 4);
  i2d_SSL_SESSION(session->session, &p);
  return rest;
}

/* AES-256-GCM, the header being authenticated as well; `out` is nonce, bytes,
 * tag. */
static bool
seal(const unsigned char *key, const unsigned char *header,
     const unsigned char *in, size_t len, unsigned char *out)
{
  EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
  int n = 0;
  bool ok =
    c && RAND_bytes(out, NONCE) > 0 &&
    EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, out) &&
    EVP_EncryptUpdate(c, NULL, &n, header, HEADER) &&
    EVP_EncryptUpdate(c, out + NONCE, &n, in, (int)len) &&
    EVP_EncryptFinal_ex(c, out + NONCE + n, &n) &&
    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, out + NONCE + len);
  EVP_CIPHER_CTX_free(c);
  return ok;
}

static bool
check_sum(const unsigned char *in, size_t len, unsigned char out[DIGEST])
{
  return EVP_Digest(in, len, out, NULL, EVP_sha256(), NULL);
}

static bool
write_all(const sslc_ctx *ctx, const unsigned char *rest, size_t len,
          unsigned char *out)
{
  memcpy(out, magic, sizeof magic);
  out[4] = FORMAT;
  out[5] = ctx->has_session_secret ? SEALED : PLAIN;
  if (ctx->has_session_secret)
    return seal(ctx->session_secret, out, rest, len, out + HEADER);
  memcpy(out + HEADER + DIGEST, rest, len);
  return check_sum(rest, len, out + HEADER);
}

sslc_status
sslc_ctx_export_session(sslc_ctx *ctx, const sslc_session *session, void *buf,
                        size_t size, size_t *len, sslc_error **error)
{
  sslc_status status = begin(ctx, error);
  if (status != SSLC_OK)
    return status;
  if (!session || !len)
    return SSLC_ERR_ARG;
  if (session->ctx_number != ctx->number)
    return refuse(error, "the session cannot be exported: it is of another "
                         "context");
  size_t rest_len = 0;
  unsigned char *rest = write_rest(ctx, session, &rest_len);
  if (!rest)
    return nomem(error);
  *len = HEADER + rest_len +
         (size_t)(ctx->has_session_secret ? NONCE + TAG : DIGEST);
  if (buf && size < *len)
    status = refuse(error, "the buffer is too short for the session");
  else if (buf && !write_all(ctx, rest, rest_len, buf))
    status = nomem(error);
  OPENSSL_clear_free(rest, rest_len);
  return status;
}

/* --------------------------------------------------------------- reading */

struct reader {
  const unsigned char *p;
  size_t left;
  bool ok;
};

/* The next bytes; NULL where there are not so many. */
static const unsigned char *
get_bytes(struct reader *r, size_t len)
{
  const unsigned char *p = r->p;
  r->ok = r->ok && r->left >= len;
  if (!r->ok)
    return NULL;
  r->p += len;
  r->left -= len;
  return p;
}

static uint64_t
get_number(struct reader *r, size_t size)
{
  const unsigned char *p = get_bytes(r, size);
  uint64_t number = 0;
  for (size_t i = 0; p && i < size; i++)
    number = number << 8 | p[i];
  return number;
}

/* A copy that ends in NUL, and has none in it; NULL where that cannot be. */
static char *
get_text(struct reader *r)
{
  size_t len = (size_t)get_number(r, 4);
  const unsigned char *p = get_bytes(r, len);
  if (!p || memchr(p, '\0', len))
    return NULL;
  return OPENSSL_strndup((const char *)p, len);
}

static SSL_SESSION *
get_ssl_session(struct reader *r)
{
  size_t len = (size_t)get_number(r, 4);
  const unsigned char *p = get_bytes(r, len);
  const unsigned char *end = p ? p + len : NULL;
  SSL_SESSION *session = p ? d2i_SSL_SESSION(NULL, &p, (long)len) : NULL;
  if (session && (p != end || r->left > 0)) {
    SSL_SESSION_free(session);
    return NULL;
  }
  return session;
}

static bool
unseal(const unsigned char *key, const unsigned char *header,
       const unsigned char *in, size_t len, unsigned char *out)
{
  EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
  int n = 0;
  bool ok =
    c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, in) &&
    EVP_DecryptUpdate(c, NULL, &n, header, HEADER) &&
    EVP_DecryptUpdate(c, out, &n, in + NONCE, (int)len) &&
    EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG,
                        (void *)(in + NONCE + len)) &&
    EVP_DecryptFinal_ex(c, out + n, &n) > 0;
  EVP_CIPHER_CTX_free(c);
  return ok;
}

/* What is wrong with the outside of it; NULL: nothing, and its rest is in
 * `*rest`, to be freed. */
static const char *
open_envelope(const sslc_ctx *ctx, const unsigned char *in, size_t len,
              unsigned char **rest, size_t *rest_len)
{
  unsigned char sum[DIGEST];
  bool sealed = ctx->has_session_secret;
  size_t around = HEADER + (size_t)(sealed ? NONCE + TAG : DIGEST);
  if (len <= around || len > LARGEST || memcmp(in, magic, sizeof magic) != 0)
    return "these bytes are no session";
  if (in[4] != FORMAT || in[5] > SEALED)
    return "the session is in a format that this version does not know";
  if ((in[5] == SEALED) != sealed)
    return sealed ? "the session is not sealed, and session_secret is set"
                  : "the session is sealed, and session_secret is not set";
  *rest_len = len - around;
  *rest = OPENSSL_malloc(*rest_len);
  if (!*rest)
    return sslc_code_sentence(SSLC_CODE_OUT_OF_MEMORY);
  in += HEADER;
  if (sealed)
    return unseal(ctx->session_secret, in - HEADER, in, *rest_len, *rest)
      ? NULL : "the session was sealed with another session_secret, or changed";
  memcpy(*rest, in + DIGEST, *rest_len);
  return check_sum(*rest, *rest_len, sum) && memcmp(sum, in, DIGEST) == 0
    ? NULL : "the session was changed or cut";
}

/* NULL where it is malformed, or memory is short. */
static sslc_session *
read_rest(sslc_ctx *ctx, struct reader *r)
{
  sslc_session *s = sslci_new(sslc_session);
  if (!s)
    return NULL;
  atomic_init(&s->refs, 1);
  s->ctx_number = ctx->number;
  s->generation = sslci_ctx_verifies(ctx) ? sslci_trust_generation(ctx) : 0;
  s->verified_at = (int64_t)get_number(r, 8);
  s->good_until = (int64_t)get_number(r, 8);
  s->server_name = get_text(r);
  s->demands = get_text(r);
  s->session = s->server_name && s->demands ? get_ssl_session(r) : NULL;
  int64_t now = (int64_t)time(NULL);
  if (s->verified_at > now) /* by another machine's clock */
    s->verified_at = now;
  if (s->session && s->verified_at >= 0 && s->good_until >= 0)
    return s;
  sslc_session_free(s);
  return NULL;
}

static sslc_status
import_rest(sslc_ctx *ctx, const unsigned char *rest, size_t len,
       sslc_session **session, sslc_error **error)
{
  unsigned char own[DIGEST];
  struct reader r = { rest, len, true };
  const unsigned char *theirs = get_bytes(&r, DIGEST);
  if (!fingerprint(ctx, own))
    return nomem(error);
  if (!theirs || CRYPTO_memcmp(own, theirs, DIGEST) != 0)
    return refuse(error, "the session is of a context with other settings");
  *session = read_rest(ctx, &r);
  return *session ? SSLC_OK : refuse(error, "the session is malformed");
}

sslc_status
sslc_ctx_import_session(sslc_ctx *ctx, const void *bytes, size_t len,
                        sslc_session **session, sslc_error **error)
{
  unsigned char *rest = NULL;
  size_t rest_len = 0;
  if (session)
    *session = NULL;
  sslc_status status = begin(ctx, error);
  if (status != SSLC_OK)
    return status;
  if (!session || !bytes)
    return SSLC_ERR_ARG;
  const char *why = open_envelope(ctx, bytes, len, &rest, &rest_len);
  status = why ? refuse(error, why)
               : import_rest(ctx, rest, rest_len, session, error);
  OPENSSL_clear_free(rest, rest_len);
  ERR_clear_error();
  return status;
}

/* --------------------------------------------------------------- its name */

static bool
digest_conn(const sslc_conn *conn, unsigned char out[DIGEST])
{
  unsigned char own[DIGEST];
  char *key = sslci_session_make_key(conn);
  struct digest d;
  bool ok = key && fingerprint(conn->ctx, own);
  digest_begin(&d);
  digest_add(&d, "settings", own, ok ? DIGEST : 0);
  digest_text(&d, "key", key);
  OPENSSL_free(key);
  return digest_end(&d, out) && ok;
}

const char *
sslc_conn_session_key(sslc_conn *conn)
{
  unsigned char out[DIGEST];
  if (!conn || !conn->session_scope || trust_has_changed(conn->ctx))
    return NULL;
  bool ok = digest_conn(conn, out);
  for (size_t i = 0; ok && i < DIGEST; i++)
    snprintf(conn->session_name + 2 * i, 3, "%02x", out[i]);
  ERR_clear_error();
  return ok ? conn->session_name : NULL;
}
