/*
 * ocsp.c: the stapled OCSP response, a proof of its authority that the server's
 * certificate was not revoked: RFC 6066, section 8, RFC 6960, RFC 7633;
 * SSL_CTX_set_tlsext_status_cb(3), OCSP_resp_find_status(3).
 *
 * A response counts that the issuer in the verified chain has signed, or whom
 * that issuer has authorised: nobody else who is trusted for anything.  A
 * staple that is there and not good is refused as if one had been demanded:
 * who could not show a good one should show none, and an attacker shows none.
 */
#include "internal.h"

#include <limits.h>
#include <string.h>
#include <time.h>

/* Seconds that clocks may differ by, and that a response without an end is
 * good for. */
enum { SKEW = 5 * 60, ENDLESS = 24 * 60 * 60 };

/* -------------------------------------------------------------- settings */

sslc_status
sslc_ctx_set_ocsp(sslc_ctx *ctx, int mode)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (mode < SSLC_OCSP_OFF || mode > SSLC_OCSP_REQUIRED)
    return sslci_ctx_bad_option(ctx, "ocsp: %d is no mode of it", mode);
  ctx->ocsp = mode;
  return SSLC_OK;
}

static bool
is_response(const struct sslci_data *d)
{
  const unsigned char *p = d->bytes;
  OCSP_RESPONSE *response = d->len <= LONG_MAX
    ? d2i_OCSP_RESPONSE(NULL, &p, (long)d->len) : NULL;
  bool whole = response && p == (const unsigned char *)d->bytes + d->len;
  OCSP_RESPONSE_free(response);
  return whole;
}

static sslc_status
use_response(sslc_ctx *ctx, const struct sslci_data *d)
{
  if (d->len == 0 || !is_response(d))
    return sslci_ctx_bad_file(ctx, 0, "%s \"%s\" is no OCSP response in DER",
                              d->setting, d->name);
  unsigned char *copy = OPENSSL_memdup(d->bytes, d->len);
  if (!copy)
    return sslci_ctx_nomem(ctx);
  OPENSSL_free(ctx->ocsp_response);
  ctx->ocsp_response = copy;
  ctx->ocsp_response_len = d->len;
  return SSLC_OK;
}

sslc_status
sslc_ctx_use_ocsp_response_file(sslc_ctx *ctx, const char *path)
{
  return sslci_use_file(ctx, "ocsp_response", path, use_response);
}

sslc_status
sslc_ctx_use_ocsp_response_der(sslc_ctx *ctx, const void *der, size_t len)
{
  return sslci_use_memory(ctx, "ocsp_response", der, len, use_response);
}

sslc_status
sslci_ocsp_check(sslc_ctx *ctx)
{
  if (ctx->ocsp == SSLC_OCSP_REQUIRED && ctx->no_verify)
    return sslci_ctx_bad_option(ctx, "ocsp is \"required\", which cannot be "
                                "held with insecure_no_verify");
  if (ctx->ocsp_response && !ctx->cert)
    return sslci_ctx_bad_option(ctx, "ocsp_response is set without cert, the "
                                "certificate it is about");
  return SSLC_OK;
}

void
sslci_ocsp_free(sslc_ctx *ctx)
{
  OPENSSL_free(ctx->ocsp_response);
}

/* --------------------------------------------------------------- verdicts */

static const char staple_hint[] =
  "the server must staple an OCSP response that is in force";

/* A staple that is there, and is not good: `why`, and `more` behind it. */
static bool
bad_staple(sslc_conn *conn, const char *why, const char *more)
{
  conn->demand_hint = staple_hint;
  return sslci_demand_fail(
    conn, SSLC_CODE_REVOCATION_UNKNOWN, X509_V_ERR_OCSP_VERIFY_FAILED,
    sslci_asprintf("the OCSP response that the server stapled is not "
                   "accepted: %s%s%s", why, more ? ": " : "",
                   more ? more : ""));
}

/* A certificate that says it is always to be shown with a staple, RFC 7633.  An
 * extension that cannot be read is taken to say so. */
static bool
must_staple(const X509 *leaf)
{
  int at = -1;
  TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, &at, NULL);
  bool found = !features && at != -1;
  for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++)
    if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) ==
        TLSEXT_TYPE_status_request)
      found = true;
  sk_ASN1_INTEGER_pop_free(features, ASN1_INTEGER_free);
  return found;
}

/* There is none, or nobody known whom it would have to be of. */
static bool
no_staple(sslc_conn *conn, const X509 *leaf, const char *what)
{
  bool asked = conn->ctx->ocsp == SSLC_OCSP_REQUIRED;
  if (!asked && !must_staple(leaf))
    return true;
  return sslci_demand_fail(
    conn, SSLC_CODE_STAPLE_MISSING, X509_V_ERR_OCSP_VERIFY_NEEDED,
    sslci_asprintf("%s, which %s", what,
                   asked ? "this side requires (ocsp)"
                         : "its certificate promises (must-staple)"));
}

static bool
revoked(sslc_conn *conn, int reason, const ASN1_GENERALIZEDTIME *at)
{
  char when[32];
  int64_t t = 0;
  bool known = at && sslci_time_number(at, &t);
  return sslci_demand_fail(
    conn, SSLC_CODE_CERTIFICATE_REVOKED, X509_V_ERR_CERT_REVOKED,
    sslci_asprintf("the server's certificate was revoked by its authority on "
                   "%s%s%s, says the OCSP response that the server stapled",
                   known ? sslci_time_text(t, when) : "an unknown day",
                   reason >= 0 ? ", reason " : "",
                   reason >= 0 ? OCSP_crl_reason_str(reason) : ""));
}

/* --------------------------------------------------------------- checking */

/* A response in its parts, and whom it is to be about. */
struct staple {
  X509 *leaf;
  X509 *issuer;
  OCSP_BASICRESP *basic;
};

/* A digest that the security level does not allow for certificates. */
static bool
is_weakly_signed(const sslc_conn *conn, const OCSP_BASICRESP *basic)
{
  const ASN1_OBJECT *algorithm = NULL;
  int digest = NID_undef;
  X509_ALGOR_get0(&algorithm, NULL, NULL, OCSP_resp_get0_tbs_sigalg(basic));
  OBJ_find_sigid_algs(OBJ_obj2nid(algorithm), &digest, NULL);
  return SSL_get_security_level(conn->ssl) > 0 &&
         (digest == NID_md5 || digest == NID_sha1);
}

/* Believes the issuer alone. */
static X509_STORE *
store_of(const sslc_conn *conn, X509 *issuer)
{
  X509_STORE *store = X509_STORE_new();
  if (!store)
    return NULL;
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_get0_param(store),
                                   SSL_get_security_level(conn->ssl));
  if (X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) &&
      X509_STORE_add_cert(store, issuer))
    return store;
  X509_STORE_free(store);
  return NULL;
}

/* By the issuer, or by one whom it made a certificate for that purpose (RFC
 * 6960, section 4.2.2.2), which comes in the response. */
static bool
is_signed(const sslc_conn *conn, const struct staple *s)
{
  X509_STORE *store = store_of(conn, s->issuer);
  STACK_OF(X509) *known = sk_X509_new_null();
  bool ok = store && known && sk_X509_push(known, s->issuer) > 0 &&
            OCSP_basic_verify(s->basic, known, store, OCSP_NOEXPLICIT) > 0;
  sk_X509_free(known);
  X509_STORE_free(store);
  return ok;
}

/* Whether it is about the leaf, by whichever digest it is written in. */
static bool
is_about(const struct staple *s, OCSP_SINGLERESP *single)
{
  OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single);
  ASN1_OBJECT *algorithm = NULL;
  OCSP_id_get0_info(NULL, &algorithm, NULL, NULL, id);
  const EVP_MD *md = EVP_get_digestbyobj(algorithm);
  OCSP_CERTID *own = md ? OCSP_cert_to_id(md, s->leaf, s->issuer) : NULL;
  bool same = own && OCSP_id_cmp(own, id) == 0;
  OCSP_CERTID_free(own);
  return same;
}

static OCSP_SINGLERESP *
find_single(const struct staple *s)
{
  for (int i = 0; i < OCSP_resp_count(s->basic); i++)
    if (is_about(s, OCSP_resp_get0(s->basic, i)))
      return OCSP_resp_get0(s->basic, i);
  return NULL;
}

/* Until when a good one is good, in seconds since 1970. */
static int64_t
end_of(const ASN1_GENERALIZEDTIME *from, const ASN1_GENERALIZEDTIME *to)
{
  int64_t t = 0;
  if (!sslci_time_number(to ? to : from, &t))
    return 1; /* memory is short: long ago */
  return to ? t : t + ENDLESS;
}

/* The times of a revocation do not matter: what is revoked stays so. */
static bool
judge(sslc_conn *conn, OCSP_SINGLERESP *single)
{
  int reason = -1;
  ASN1_GENERALIZEDTIME *revoked_at = NULL, *from = NULL, *to = NULL;
  int status =
    OCSP_single_get0_status(single, &reason, &revoked_at, &from, &to);
  if (status == V_OCSP_CERTSTATUS_REVOKED)
    return revoked(conn, reason, revoked_at);
  if (!OCSP_check_validity(from, to, SKEW, to ? -1 : ENDLESS))
    return bad_staple(conn, "it is not in force",
                      ERR_reason_error_string(ERR_peek_last_error()));
  if (status != V_OCSP_CERTSTATUS_GOOD)
    return bad_staple(conn, "the responder does not know the certificate",
                      NULL);
  conn->ocsp_good = true;
  conn->good_until = end_of(from, to);
  return true;
}

static bool
check_basic(sslc_conn *conn, const struct staple *s)
{
  OCSP_SINGLERESP *single = find_single(s);
  if (!single)
    return bad_staple(conn, "it is about another certificate", NULL);
  if (is_weakly_signed(conn, s->basic))
    return bad_staple(conn, "its signature is too weak", NULL);
  if (!is_signed(conn, s))
    return bad_staple(conn, "the certificate's authority did not sign it",
                      ERR_reason_error_string(ERR_peek_last_error()));
  return judge(conn, single);
}

static bool
check_response(sslc_conn *conn, struct staple *s, OCSP_RESPONSE *response)
{
  int status = OCSP_response_status(response);
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    return bad_staple(conn, "the responder gave none",
                      OCSP_response_status_str(status));
  s->basic = OCSP_response_get1_basic(response);
  bool ok = s->basic ? check_basic(conn, s)
                     : bad_staple(conn, "it is malformed", NULL);
  OCSP_BASICRESP_free(s->basic);
  return ok;
}

static bool
check_staple(sslc_conn *conn, struct staple *s, const unsigned char *der,
             long len)
{
  const unsigned char *p = der;
  OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, len);
  bool ok = response && p == der + len
    ? check_response(conn, s, response)
    : bad_staple(conn, "it is malformed", NULL);
  OCSP_RESPONSE_free(response);
  return ok;
}

/* --------------------------------------------------------- for the client */

static bool
is_wanted(const sslc_conn *conn)
{
  return conn->role == 0 && conn->ctx->ocsp != SSLC_OCSP_OFF &&
         !conn->ctx->no_verify;
}

sslc_status
sslci_ocsp_prepare(sslc_conn *conn)
{
  if (is_wanted(conn) &&
      !SSL_set_tlsext_status_type(conn->ssl, TLSEXT_STATUSTYPE_ocsp))
    return sslci_conn_nomem(conn, SSLC_PHASE_HANDSHAKE);
  return SSLC_OK;
}

/* What the server sent; its length, 0 where that is nothing. */
static long
get_staple(const sslc_conn *conn, const unsigned char **der)
{
  unsigned char *p = NULL;
  long len = SSL_get_tlsext_status_ocsp_resp(conn->ssl, &p);
  *der = p;
  return p && len > 0 ? len : 0;
}

/* A chain of one has nobody who could have signed a staple: the certificate is
 * trusted itself. */
static bool
look(sslc_conn *conn)
{
  STACK_OF(X509) *chain = SSL_get0_verified_chain(conn->ssl);
  X509 *own = sk_X509_num(chain) > 0 ? sk_X509_value(chain, 0) : NULL;
  struct staple s = { own, NULL, NULL };
  const unsigned char *der = NULL;
  long len = get_staple(conn, &der);
  if (!own)
    return sslci_demand_fail(conn, SSLC_CODE_STAPLE_MISSING,
                             X509_V_ERR_OCSP_VERIFY_NEEDED, NULL);
  if (len == 0)
    return no_staple(conn, own, "the server stapled no OCSP response");
  if (sk_X509_num(chain) < 2)
    return no_staple(conn, own, "the certificate is trusted itself, so that "
                                "there is no authority to sign a staple");
  s.issuer = sk_X509_value(chain, 1);
  return check_staple(conn, &s, der, len);
}

/* Looks once.  What went wrong stays in the error queue, what did not does
 * not. */
static bool
look_once(sslc_conn *conn)
{
  if (conn->ocsp_looked)
    return conn->demand_code == SSLC_CODE_NONE;
  conn->ocsp_looked = true;
  ERR_set_mark();
  bool ok = look(conn);
  if (ok)
    ERR_pop_to_mark();
  else
    ERR_clear_last_mark();
  return ok;
}

/* No certificate is shown again, and no staple: what held for the session
 * holds until the staple it began with is too old. */
bool
sslci_ocsp_done(sslc_conn *conn)
{
  return !is_wanted(conn) || SSL_session_reused(conn->ssl) || look_once(conn);
}

/* --------------------------------------------------------- for the server */

/* Whether the response is about what is shown: a hook may have chosen another
 * certificate. */
static bool
is_shown(SSL *ssl, const sslc_ctx *ctx)
{
  X509 *own = SSL_get_certificate(ssl);
  return ctx->ocsp_response && own && ctx->cert &&
         X509_cmp(own, ctx->cert) == 0;
}

static int
give(SSL *ssl, const sslc_ctx *ctx)
{
  if (!is_shown(ssl, ctx))
    return SSL_TLSEXT_ERR_NOACK;
  unsigned char *copy =
    OPENSSL_memdup(ctx->ocsp_response, ctx->ocsp_response_len);
  if (!copy)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)ctx->ocsp_response_len);
  return SSL_TLSEXT_ERR_OK;
}

/* One function for both sides, and another meaning of what it returns. */
static int
on_status(SSL *ssl, void *unused)
{
  sslc_conn *conn = SSL_get_app_data(ssl);
  (void)unused;
  if (SSL_is_server(ssl))
    return give(ssl, conn->ctx);
  return sslci_ocsp_done(conn);
}

bool
sslci_ocsp_install(SSL_CTX *ssl_ctx)
{
  return SSL_CTX_set_tlsext_status_cb(ssl_ctx, on_status);
}

/* ---------------------------------------------------------------- asking */

const char *
sslc_conn_ocsp_status(const sslc_conn *conn)
{
  if (!conn || !conn->connected)
    return NULL;
  return conn->ocsp_good ? "good" : "none";
}

const unsigned char *
sslc_conn_ocsp_response(const sslc_conn *conn, size_t *len)
{
  const unsigned char *der = NULL;
  long n = conn && conn->connected && conn->role == 0 ? get_staple(conn, &der)
                                                      : 0;
  if (len)
    *len = (size_t)n;
  return n > 0 ? der : NULL;
}
