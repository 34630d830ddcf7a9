/*
 * verify.c: what is demanded of the peer's certificate, and what was wrong
 * with it: SSL_set_verify(3), X509_verify_cert(3), RFC 9525.
 */
#include "internal.h"

#include <string.h>

enum { NAMES_SHOWN = 10 };

/* ------------------------------------------------------------- demanding */

static void
note_fault(sslc_conn *conn, int result, int depth, X509 *cert)
{
  if (cert)
    X509_up_ref(cert);
  X509_free(conn->verify_cert);
  conn->verify_result = result;
  conn->verify_depth = depth;
  conn->verify_cert = cert;
}

/* Only watches: the verdict is libssl's. */
static int
note_verdict(int ok, X509_STORE_CTX *store_ctx)
{
  SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx,
                                        SSL_get_ex_data_X509_STORE_CTX_idx());
  sslc_conn *conn = ssl ? SSL_get_app_data(ssl) : NULL;
  if (ok || !conn)
    return ok;
  note_fault(conn, X509_STORE_CTX_get_error(store_ctx),
             X509_STORE_CTX_get_error_depth(store_ctx),
             X509_STORE_CTX_get_current_cert(store_ctx));
  return ok;
}

/* A client's session that was verified under other trust does not resume with
 * us: its certificate would not be looked at again. */
static bool
bind_sessions(sslc_conn *conn, const sslc_ctx *ctx)
{
  static const char own[] = "sslconnect";
  unsigned char id[sizeof own - 1 + 2 * sizeof(uint64_t)];
  const uint64_t scope[2] = { ctx == conn->ctx ? 0 : ctx->number,
                              conn->trust_generation };
  if (conn->role != 1)
    return true;
  memcpy(id, own, sizeof own - 1);
  memcpy(id + sizeof own - 1, scope, sizeof scope);
  return SSL_set_session_id_context(conn->ssl, id, sizeof id);
}

/* With a hook that overrules the verdict, nobody may be trusted at all: the
 * store of the SSL_CTX is empty. */
static sslc_status
set_trust(sslc_conn *conn, sslc_ctx *ctx, int mode)
{
  conn->trust_generation = sslci_trust_generation(ctx);
  X509_STORE *store = sslci_trust_store(ctx, &conn->err);
  X509_STORE_free(conn->store);
  conn->store = store;
  if (!store && !ctx->no_verify)
    return sslci_conn_fail(conn);
  if (store && !SSL_set1_verify_cert_store(conn->ssl, store)) {
    sslci_error_nomem(&conn->err, SSLC_PHASE_HANDSHAKE);
    return sslci_conn_fail(conn);
  }
  if (!store)
    sslci_error_clear(&conn->err);
  if (!bind_sessions(conn, ctx) || !sslci_policy_apply(conn, ctx)) {
    sslci_error_nomem(&conn->err, SSLC_PHASE_HANDSHAKE);
    return sslci_conn_fail(conn);
  }
  SSL_set_verify(conn->ssl, mode, note_verdict);
  return SSLC_OK;
}

static bool
checks_name(const sslc_conn *conn)
{
  return sslci_peer_names_wanted(conn) && !conn->ctx->no_name_check &&
         sslci_ctx_verifies(conn->ctx);
}

/* Names that were given are looked at, or nothing is done. */
static sslc_status
check_peer_names(sslc_conn *conn, const sslc_ctx *ctx)
{
  const char *why = NULL;
  if (ctx->no_verify)
    why = "insecure_no_verify is set";
  else if (ctx->no_name_check)
    why = "insecure_no_name_check is set";
  if (!conn->peer_names || !why)
    return SSLC_OK;
  return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                           "the peer_names cannot be checked: %s", why);
}

static sslc_status
prepare_client(sslc_conn *conn)
{
  const sslc_ctx *ctx = conn->ctx;
  sslc_status status = check_peer_names(conn, ctx);
  if (status != SSLC_OK)
    return status;
  if (!sslci_peer_names_wanted(conn) && !ctx->no_verify && !ctx->no_name_check)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                             "server_name is missing: without it the "
                             "certificate of the server cannot be checked");
  bool ok = true;
  if (conn->server_name && conn->name_kind == SSLCI_NAME_DNS)
    ok = SSL_set_tlsext_host_name(conn->ssl, conn->server_name);
  if (ok && checks_name(conn))
    ok = sslci_peer_names_set(conn);
  if (!ok) {
    sslci_error_nomem(&conn->err, SSLC_PHASE_HANDSHAKE);
    return sslci_conn_fail(conn);
  }
  if (!sslci_ctx_verifies(ctx)) /* nothing but pins, if there are any */
    SSL_set_verify(conn->ssl, ctx->pin_count ? SSL_VERIFY_PEER
                                             : SSL_VERIFY_NONE, NULL);
  else if ((status = set_trust(conn, conn->ctx, SSL_VERIFY_PEER)) != SSLC_OK)
    return status;
  return sslci_ocsp_prepare(conn);
}

/* The certificate of a client, which has a name only where one was given. */
static sslc_status
demand_client(sslc_conn *conn, sslc_ctx *ctx, int mode)
{
  if (conn->peer_names && !sslci_peer_names_set(conn)) {
    sslci_error_nomem(&conn->err, SSLC_PHASE_HANDSHAKE);
    return sslci_conn_fail(conn);
  }
  return set_trust(conn, ctx, mode);
}

static sslc_status
check_client_names(sslc_conn *conn, const sslc_ctx *ctx)
{
  sslc_status status = check_peer_names(conn, ctx);
  if (status != SSLC_OK || !conn->peer_names ||
      ctx->verify_client == SSLC_VERIFY_CLIENT_REQUIRED)
    return status;
  return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                           "the peer_names cannot be checked: verify_client "
                           "does not require a certificate");
}

sslc_status
sslci_verify_serve(sslc_conn *conn, sslc_ctx *ctx)
{
  int mode = SSL_VERIFY_PEER;
  sslc_status status = sslci_pins_prepare(conn, ctx);
  if (status == SSLC_OK)
    status = sslci_psk_serve(conn, ctx);
  if (status == SSLC_OK)
    status = check_client_names(conn, ctx);
  if (status != SSLC_OK)
    return status;
  SSL_set_verify(conn->ssl, SSL_VERIFY_NONE, NULL);
  if (!sslci_ctx_verifies(ctx) || ctx->verify_client == SSLC_VERIFY_CLIENT_NONE)
    return SSLC_OK;
  if (ctx->verify_client == SSLC_VERIFY_CLIENT_REQUIRED)
    mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  return demand_client(conn, ctx, mode);
}

static sslc_status
prepare_server(sslc_conn *conn)
{
  const sslc_ctx *ctx = conn->ctx;
  if (!sslci_has_identity(ctx) && !ctx->x509_lookup && !ctx->client_hello &&
      ctx->served_count == 0 && ctx->psk_count == 0)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                             "a server needs a certificate and key: the "
                             "context has none");
  return sslci_verify_serve(conn, conn->ctx);
}

sslc_status
sslci_verify_prepare(sslc_conn *conn)
{
  if (conn->role == 0 && conn->ctx->psk_count > 0)
    return sslci_psk_connect(conn);
  sslc_status status = sslci_dane_prepare(conn);
  if (status != SSLC_OK)
    return status;
  return conn->role == 1 ? prepare_server(conn) : prepare_client(conn);
}

/* A client's certificate is looked at as one that was asked for. */
sslc_status
sslci_verify_prepare_chain(sslc_conn *conn)
{
  if (conn->role == 0)
    return prepare_client(conn);
  sslc_status status = check_peer_names(conn, conn->ctx);
  return status == SSLC_OK && sslci_ctx_verifies(conn->ctx)
    ? demand_client(conn, conn->ctx, SSL_VERIFY_PEER) : status;
}

char *
sslci_verify_demands(const sslc_conn *conn)
{
  char *names = sslci_peer_names_demand(conn);
  if (conn->tlsa_count == 0 || !names)
    return names;
  char *tlsa = sslci_dane_demands(conn);
  char *both = tlsa ? sslci_asprintf("%s\n%s", names, tlsa) : NULL;
  OPENSSL_free(names);
  OPENSSL_free(tlsa);
  return both;
}

/* --------------------------------------------------------------- judging */

static void
blame(sslc_conn *conn, X509_STORE_CTX *store_ctx, int result, int depth)
{
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store_ctx);
  X509_STORE_CTX_set_error(store_ctx, result);
  X509_STORE_CTX_set_error_depth(store_ctx, depth);
  note_fault(conn, result, depth,
             depth > 0 ? sk_X509_value(chain, depth)
                       : X509_STORE_CTX_get0_cert(store_ctx));
}

int
sslci_verify_blame(sslc_conn *conn, X509_STORE_CTX *store_ctx, int result)
{
  blame(conn, store_ctx, result, 0);
  return result;
}

/* The verdict must hold for the name too, which libssl can lose: it is looked
 * at here where libssl does not tell that it found one.  For which certificate
 * that was is kept until the handshake is done. */
static bool
is_for_names(sslc_conn *conn, X509_STORE_CTX *store_ctx)
{
  X509 *cert = X509_STORE_CTX_get0_cert(store_ctx);
  if (!sslci_peer_names_found(conn, store_ctx) &&
      !sslci_peer_names_match(conn, cert))
    return false;
  X509_up_ref(cert);
  X509_free(conn->named_cert);
  conn->named_cert = cert;
  return true;
}

/* What OpenSSL 1.1.1 lets pass. */
static int
check_curves(sslc_conn *conn, X509_STORE_CTX *store_ctx)
{
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store_ctx);
  for (int i = 0; i < sk_X509_num(chain); i++) {
    if (compat_has_explicit_curve(sk_X509_value(chain, i))) {
      blame(conn, store_ctx, X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, i);
      return X509_V_ERR_EC_KEY_EXPLICIT_PARAMS;
    }
  }
  return X509_V_OK;
}

/* The one place where a chain is judged. */
int
sslci_verify_chain(sslc_conn *conn, X509_STORE_CTX *store_ctx)
{
  note_fault(conn, X509_V_OK, 0, NULL);
  sslci_signatures_watch(conn, store_ctx);
  bool ok = sslci_policy_verify(conn->ctx, store_ctx) > 0;
  int result = X509_STORE_CTX_get_error(store_ctx);
  if (!ok && result == X509_V_OK)
    result = X509_V_ERR_UNSPECIFIED;
  int unsuited = result == X509_V_OK
    ? sslci_policy_unsuited(conn->ctx, store_ctx) : -1;
  if (unsuited >= 0) {
    result = X509_V_ERR_INVALID_PURPOSE;
    blame(conn, store_ctx, result, unsuited);
  }
  if (result == X509_V_OK)
    result = check_curves(conn, store_ctx);
  if (result == X509_V_OK && checks_name(conn) &&
      !is_for_names(conn, store_ctx))
    result = sslci_peer_names_mismatch(conn);
  if (result == X509_V_OK)
    result = sslci_constraints_check(store_ctx);
  if (result != X509_V_OK && conn->verify_result == X509_V_OK)
    sslci_verify_blame(conn, store_ctx, result);
  if ((result == X509_V_OK || conn->ctx->no_verify) &&
      !sslci_pins_verify(conn, store_ctx, result == X509_V_OK))
    return X509_V_ERR_CERT_REJECTED;
  return result;
}

/* Instead of X509_verify_cert(3) alone, in every handshake. */
int
sslci_verify_callback(X509_STORE_CTX *store_ctx, void *unused)
{
  SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx,
                                        SSL_get_ex_data_X509_STORE_CTX_idx());
  sslc_conn *conn = SSL_get_app_data(ssl);
  (void)unused;
  if (sslci_psk_is_all(conn) && !sslci_psk_refuse(conn)) {
    sslci_verify_blame(conn, store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
  if (!sslci_ctx_verifies(conn->ctx)) /* nothing but the key */
    return sslci_pins_verify(conn, store_ctx, false);
  if (conn->role == 0)
    sslci_share_chain(conn, store_ctx);
  int result = sslci_verify_chain(conn, store_ctx);
  return sslci_hooks_verdict(conn, store_ctx, result);
}

/* ------------------------------------------------------------ afterwards */

/* Whether a peer without a certificate is turned away. */
static bool
must_verify(const sslc_conn *conn)
{
  const sslc_ctx *ctx = conn->ctx;
  return !ctx->no_verify &&
         (conn->role == 0 || ctx->verify_client == SSLC_VERIFY_CLIENT_REQUIRED);
}

/* Who has a key and nothing else to go by takes nothing in its place. */
static sslc_status
fail_without_psk(sslc_conn *conn)
{
  sslci_psk_refuse(conn);
  sslci_error_begin(&conn->err, SSLC_CODE_VERIFICATION_FAILED,
                    SSLC_PHASE_HANDSHAKE, NULL);
  sslci_demand_explain(conn);
  return sslci_conn_fail(conn);
}

/* The very certificate that was verified in this handshake was found to be for
 * the name then, and neither can have changed; any other is looked at. */
static bool
holds_for_names(sslc_conn *conn, X509 *cert)
{
  bool seen = cert == conn->named_cert && !SSL_session_reused(conn->ssl);
  X509_free(conn->named_cert);
  conn->named_cert = NULL;
  return seen || sslci_peer_names_match(conn, cert);
}

/* libssl verified already.  This is the second lock: a handshake without a
 * certificate (anonymous ciphers), a verdict that nobody acted upon, or a name
 * that libssl did not look at: it loses the name, and says nothing, where an
 * allocation fails as it makes its X509_STORE_CTX. */
sslc_status
sslci_verify_done(sslc_conn *conn)
{
  conn->verified = sslci_psk_done(conn);
  if (conn->verified)
    return SSLC_OK;
  if (sslci_psk_is_all(conn))
    return fail_without_psk(conn);
  bool named = checks_name(conn);
  bool checked = SSL_get_verify_mode(conn->ssl) & SSL_VERIFY_PEER;
  X509 *cert = compat_get1_peer_certificate(conn->ssl);
  bool shown = cert != NULL;
  bool good = checked && shown &&
              SSL_get_verify_result(conn->ssl) == X509_V_OK &&
              (!named || holds_for_names(conn, cert));
  X509_free(cert);
  conn->verified = good && (conn->role == 1 || named);
  if (good || conn->ctx->no_verify ||
      (!must_verify(conn) && !(checked && shown)))
    return sslci_demand_done(conn);
  sslci_error_begin(&conn->err,
                    shown ? SSLC_CODE_VERIFICATION_FAILED
                          : SSLC_CODE_CERTIFICATE_MISSING,
                    SSLC_PHASE_HANDSHAKE, NULL);
  return sslci_conn_fail(conn);
}

/* -------------------------------------------------------- what was wrong */

static int
verify_code(int result)
{
  switch (result) {
  case X509_V_ERR_CERT_HAS_EXPIRED:
    return SSLC_CODE_CERTIFICATE_EXPIRED;
  case X509_V_ERR_CERT_NOT_YET_VALID:
    return SSLC_CODE_CERTIFICATE_NOT_YET_VALID;
  case X509_V_ERR_HOSTNAME_MISMATCH:
  case X509_V_ERR_EMAIL_MISMATCH:
  case X509_V_ERR_IP_ADDRESS_MISMATCH:
    return SSLC_CODE_HOSTNAME_MISMATCH;
  case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    return SSLC_CODE_SELF_SIGNED;
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
  case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
  case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
  case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
  case X509_V_ERR_CERT_UNTRUSTED:
    return SSLC_CODE_UNKNOWN_AUTHORITY;
  case X509_V_ERR_CERT_REVOKED:
    return SSLC_CODE_CERTIFICATE_REVOKED;
  case X509_V_ERR_UNABLE_TO_GET_CRL:
  case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
  case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
  case X509_V_ERR_CRL_SIGNATURE_FAILURE:
  case X509_V_ERR_CRL_NOT_YET_VALID:
  case X509_V_ERR_CRL_HAS_EXPIRED:
  case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
  case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
  case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
  case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
  case X509_V_ERR_DIFFERENT_CRL_SCOPE:
  case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
    return SSLC_CODE_REVOCATION_UNKNOWN;
  case X509_V_ERR_EE_KEY_TOO_SMALL:
  case X509_V_ERR_CA_KEY_TOO_SMALL:
  case X509_V_ERR_CA_MD_TOO_WEAK:
    return SSLC_CODE_WEAK_CERTIFICATE;
  case X509_V_ERR_INVALID_CA:
  case X509_V_ERR_INVALID_NON_CA:
  case X509_V_ERR_PATH_LENGTH_EXCEEDED:
  case X509_V_ERR_INVALID_PURPOSE:
  case X509_V_ERR_CERT_REJECTED:
  case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
  case X509_V_ERR_KEYUSAGE_NO_DIGITAL_SIGNATURE:
  case X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION:
  case X509_V_ERR_INVALID_EXTENSION:
  case X509_V_ERR_INVALID_POLICY_EXTENSION:
  case X509_V_ERR_NO_EXPLICIT_POLICY:
  case X509_V_ERR_PERMITTED_VIOLATION:
  case X509_V_ERR_EXCLUDED_VIOLATION:
  case X509_V_ERR_SUBTREE_MINMAX:
  case X509_V_ERR_UNSUPPORTED_CONSTRAINT_TYPE:
  case X509_V_ERR_UNSUPPORTED_CONSTRAINT_SYNTAX:
  case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
  case X509_V_ERR_PROXY_CERTIFICATES_NOT_ALLOWED:
  case X509_V_ERR_EC_KEY_EXPLICIT_PARAMS:
    return SSLC_CODE_UNSUITABLE_CERTIFICATE;
  case X509_V_ERR_CERT_SIGNATURE_FAILURE:
  case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
  case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
  case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
  case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
  case X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH:
  case X509_V_ERR_SIGNATURE_ALGORITHM_INCONSISTENCY:
    return SSLC_CODE_INVALID_CERTIFICATE;
  case X509_V_ERR_DANE_NO_MATCH:
    return SSLC_CODE_DANE_MISMATCH;
  case X509_V_ERR_OUT_OF_MEM:
    return SSLC_CODE_OUT_OF_MEMORY;
  default:
    return SSLC_CODE_VERIFICATION_FAILED;
  }
}

static void
describe_names(struct sslci_text *t, const sslc_cert *cert)
{
  size_t n = sslc_cert_name_count(cert);
  if (n == 0)
    sslci_text_add(t, "it names no host (a common name does not count)");
  for (size_t i = 0; i < n && i < NAMES_SHOWN; i++) {
    const char *name = sslc_cert_name(cert, i);
    const char *bare = strncmp(name, "DNS:", 4) == 0 ? name + 4 : name;
    sslci_text_add(t, "%s%s", i ? ", " : "it is for ", bare);
  }
  if (n > NAMES_SHOWN)
    sslci_text_add(t, " and %zu more", n - NAMES_SHOWN);
}

/* "the server's certificate (CN=x)", "the certificate of the authority CN=y
 * in the chain". */
static void
describe_cert(struct sslci_text *t, const sslc_conn *conn,
              const sslc_cert *cert)
{
  const char *subject = cert && *sslc_cert_subject(cert)
    ? sslc_cert_subject(cert) : "no subject";
  if (conn->verify_depth > 0)
    sslci_text_add(t, "the authority's certificate (%s) in the %s's chain",
                   subject, sslci_conn_peer(conn));
  else
    sslci_text_add(t, "the %s's certificate (%s)", sslci_conn_peer(conn),
                   subject);
}

static void
describe_fault(struct sslci_text *t, const sslc_conn *conn, int code,
               const sslc_cert *cert)
{
  char when[32];
  const char *issuer = cert ? sslc_cert_issuer(cert) : "";
  switch (code) {
  case SSLC_CODE_CERTIFICATE_EXPIRED:
    sslci_text_add(t, " expired on %s",
                   sslci_time_text(sslc_cert_not_after(cert), when));
    break;
  case SSLC_CODE_CERTIFICATE_NOT_YET_VALID:
    sslci_text_add(t, " is not valid before %s",
                   sslci_time_text(sslc_cert_not_before(cert), when));
    break;
  case SSLC_CODE_HOSTNAME_MISMATCH:
    sslci_text_add(t, " is not for ");
    sslci_peer_names_describe(conn, t);
    sslci_text_add(t, ": ");
    describe_names(t, cert);
    break;
  case SSLC_CODE_SELF_SIGNED:
    sslci_text_add(t, " is self-signed and not trusted");
    break;
  case SSLC_CODE_UNKNOWN_AUTHORITY:
    sslci_text_add(t, " was issued by an authority that is not trusted (%s)",
                   issuer);
    break;
  case SSLC_CODE_CERTIFICATE_REVOKED:
    sslci_text_add(t, " was revoked by its authority (%s)", issuer);
    break;
  case SSLC_CODE_DANE_MISMATCH:
    sslci_text_add(t, " is not what its %zu TLSA record%s say%s",
                   conn->tlsa_count, conn->tlsa_count == 1 ? "" : "s",
                   conn->tlsa_count == 1 ? "s" : "");
    break;
  default:
    sslci_text_add(t, " is not accepted: %s",
                   X509_verify_cert_error_string(conn->verify_result));
  }
}

void
sslci_verify_error(sslc_conn *conn)
{
  sslc_error *e = &conn->err;
  struct sslci_text t = { NULL, 0 };
  int code = verify_code(conn->verify_result);
  e->verify_result = conn->verify_result;
  e->verify_depth = conn->verify_depth;
  e->cert = conn->verify_cert ? sslci_cert_new(conn->verify_cert) : NULL;
  describe_cert(&t, conn, e->cert);
  describe_fault(&t, conn, code, e->cert);
  OPENSSL_free(e->message);
  e->message = t.text;
  e->code = code;
}
