/*
 * hooks.c: what a handshake is suspended for, and the answers:
 * SSL_set_retry_verify(3), SSL_CTX_set_cert_cb(3),
 * SSL_CTX_set_client_hello_cb(3).
 *
 * OpenSSL's callbacks only note that something is asked, and say what the
 * answer was when they are called again.  While a question stands no step
 * enters libssl, and whatever is not exactly an acceptance ends the handshake.
 */
#include "internal.h"

#include <string.h>

/* ----------------------------------------------------------- verification */

static bool
note_chain(sslc_conn *conn, X509_STORE_CTX *store_ctx)
{
  STACK_OF(X509) *chain = X509_STORE_CTX_get1_chain(store_ctx);
  if (!chain && X509_STORE_CTX_get0_chain(store_ctx))
    return false;
  sk_X509_pop_free(conn->hook_chain, X509_free);
  conn->hook_chain = chain;
  return true;
}

/* A client is asked here, where libssl can wait for it.  Others are asked when
 * libssl is done: see sslci_hooks_end. */
static int
ask_verify(sslc_conn *conn, X509_STORE_CTX *store_ctx, int result)
{
  if (!note_chain(conn, store_ctx)) {
    sslci_verify_blame(conn, store_ctx, X509_V_ERR_OUT_OF_MEM);
    return 0;
  }
  conn->hook_result = result;
  if (conn->role == 0 && compat_set_retry_verify(conn->ssl))
    conn->verify_answer = SSLCI_ASKED;
  return 1;
}

/* libssl verifies again after the answer, and what it comes to then counts as
 * well: good, or as bad as what was accepted. */
int
sslci_hooks_verdict(sslc_conn *conn, X509_STORE_CTX *store_ctx, int result)
{
  bool good = result == X509_V_OK;
  if (!conn->ctx->retry_verify)
    return good;
  if (conn->demand_code != SSLC_CODE_NONE)
    return 0;
  if (!good && (!conn->ctx->no_verify || result == X509_V_ERR_OUT_OF_MEM))
    return 0;
  switch (conn->verify_answer) {
  case SSLCI_NOT_ASKED:
    return ask_verify(conn, store_ctx, result);
  case SSLCI_ACCEPTED:
    return good || result == conn->hook_result;
  default:
    sslci_verify_blame(conn, store_ctx, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
  }
}

/* -------------------------------------------------------- our certificate */

static int
lookup(SSL *ssl, void *arg)
{
  sslc_conn *conn = arg;
  (void)ssl;
  if (conn->lookup_answer == SSLCI_NOT_ASKED)
    conn->lookup_answer = SSLCI_ASKED;
  if (conn->lookup_answer == SSLCI_ASKED)
    return -1;
  return conn->lookup_answer == SSLCI_ACCEPTED;
}

/* --------------------------------------------------------- the ClientHello */

/* RFC 6066, section 3: a list of one name, of the kind host_name.  NULL, or
 * what is wrong with it. */
static const char *
parse_server_name(const unsigned char *p, size_t len, char *name, size_t size)
{
  enum { LIST = 2, KIND = 1, LENGTH = 2, BEFORE = LIST + KIND + LENGTH };
  if (len <= BEFORE || (size_t)(p[0] << 8 | p[1]) != len - LIST ||
      (size_t)(p[3] << 8 | p[4]) != len - BEFORE)
    return "its server_name is malformed";
  if (p[LIST] != TLSEXT_NAMETYPE_host_name)
    return "its server_name is no host name";
  p += BEFORE;
  len -= BEFORE;
  if (len >= size || memchr(p, '\0', len))
    return "its server_name is no host name";
  memcpy(name, p, len);
  name[len] = '\0';
  return NULL;
}

static const char *
get_server_name(SSL *ssl, char *name, size_t size)
{
  const unsigned char *p;
  size_t len;
  *name = '\0';
  if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &len))
    return NULL;
  return parse_server_name(p, len, name, size);
}

/* Called for the second ClientHello too, which has to ask for the same. */
static int
check_again(sslc_conn *conn, int *alert)
{
  char name[sizeof conn->hello_name];
  conn->hello_fault = get_server_name(conn->ssl, name, sizeof name);
  if (!conn->hello_fault && strcmp(name, conn->hello_name) != 0)
    conn->hello_fault = "the second names another server than the first";
  *alert = SSL_AD_ILLEGAL_PARAMETER;
  return conn->hello_fault ? SSL_CLIENT_HELLO_ERROR : SSL_CLIENT_HELLO_SUCCESS;
}

static int
client_hello(SSL *ssl, int *alert, void *unused)
{
  sslc_conn *conn = SSL_get_app_data(ssl);
  (void)unused;
  if (conn->hello_answer == SSLCI_NOT_ASKED) {
    conn->hello_fault =
      get_server_name(ssl, conn->hello_name, sizeof conn->hello_name);
    *alert = SSL_AD_DECODE_ERROR;
    if (conn->hello_fault)
      return SSL_CLIENT_HELLO_ERROR;
    conn->hello_answer = SSLCI_ASKED;
  }
  if (conn->hello_answer == SSLCI_ASKED)
    return SSL_CLIENT_HELLO_RETRY;
  if (conn->hello_answer == SSLCI_ACCEPTED)
    return check_again(conn, alert);
  *alert = *conn->hello_name ? SSL_AD_UNRECOGNIZED_NAME
                             : SSL_AD_HANDSHAKE_FAILURE;
  return SSL_CLIENT_HELLO_ERROR;
}

/* A session is resumed only in the context that it was begun in, though all
 * contexts of a server that is chosen for share the keys of its tickets: what
 * one of them let in without a certificate is not let in by another. */
static bool
set_session_id(sslc_conn *conn, const sslc_ctx *ctx)
{
  static const char own[] = "sslconnect";
  unsigned char id[sizeof own - 1 + sizeof ctx->number];
  unsigned len = sizeof own - 1;
  memcpy(id, own, len);
  if (ctx != conn->ctx) {
    memcpy(id + len, &ctx->number, sizeof ctx->number);
    len = sizeof id;
  }
  return SSL_set_session_id_context(conn->ssl, id, len);
}

/* SSL_set_SSL_CTX(3) carries the certificate over and little else, so what a
 * context is made of is set one by one. */
static sslc_status
serve_as(sslc_conn *conn, sslc_ctx *ctx)
{
  SSL *ssl = conn->ssl;
  SSL_CTX *from = ctx->ssl_ctx;
  if (!set_session_id(conn, ctx) || !sslci_identity_ask_as(ssl, ctx) ||
      !SSL_set_min_proto_version(
        ssl, (int)SSL_CTX_get_min_proto_version(from)) ||
      !SSL_set_max_proto_version(
        ssl, (int)SSL_CTX_get_max_proto_version(from)) ||
      !sslci_params_serve(conn, ctx))
    return sslci_conn_refuse(conn, SSLC_CODE_INTERNAL, SSLC_PHASE_HANDSHAKE,
                             "the settings of the context cannot be used");
  SSL_set_security_level(ssl, SSL_CTX_get_security_level(from));
  SSL_clear_options(ssl, COMPAT_OP_IGNORE_EOF);
  if (ctx->lenient_eof)
    SSL_set_options(ssl, COMPAT_OP_IGNORE_EOF);
  SSL_set_cert_cb(ssl, ctx->x509_lookup ? lookup : NULL, conn);
  sslc_status status = sslci_identity_show(conn, ctx);
  return status == SSLC_OK ? sslci_verify_serve(conn, ctx) : status;
}

/* ------------------------------------------------------------- settings */

void
sslci_hooks_watch_hello(sslc_ctx *ctx)
{
  bool asks = ctx->client_hello || ctx->served_count > 0;
  SSL_CTX_set_client_hello_cb(ctx->ssl_ctx, asks ? client_hello : NULL, NULL);
}

static sslc_status
set_hook(sslc_ctx *ctx, bool *where, const char *setting, int on)
{
  sslc_status status = sslci_ctx_switch(ctx, where, setting, on);
  sslci_hooks_watch_hello(ctx);
  return status;
}

sslc_status
sslc_ctx_set_retry_verify(sslc_ctx *ctx, int on)
{
  sslc_status status = sslci_ctx_settable(ctx);
  return status == SSLC_OK
    ? set_hook(ctx, &ctx->retry_verify, "retry_verify", on) : status;
}

sslc_status
sslc_ctx_set_x509_lookup(sslc_ctx *ctx, int on)
{
  sslc_status status = sslci_ctx_settable(ctx);
  return status == SSLC_OK
    ? set_hook(ctx, &ctx->x509_lookup, "x509_lookup", on) : status;
}

sslc_status
sslc_ctx_set_client_hello(sslc_ctx *ctx, int on)
{
  sslc_status status = sslci_ctx_settable(ctx);
  return status == SSLC_OK
    ? set_hook(ctx, &ctx->client_hello, "client_hello", on) : status;
}

/* ---------------------------------------------------------------- failing */

static X509 *
refused_x509(const sslc_conn *conn)
{
  if (sk_X509_num(conn->hook_chain) <= 0)
    return sslci_peer_x509(conn);
  X509_up_ref(sk_X509_value(conn->hook_chain, 0));
  return sk_X509_value(conn->hook_chain, 0);
}

static void
explain_refusal(sslc_conn *conn)
{
  sslc_error *e = &conn->err;
  X509 *x509 = refused_x509(conn);
  const char *reason = conn->answer_reason;
  e->cert = x509 ? sslci_cert_new(x509) : NULL;
  X509_free(x509);
  e->verify_result = X509_V_ERR_APPLICATION_VERIFICATION;
  e->verify_depth = 0;
  sslci_error_explain(e, SSLC_CODE_VERIFICATION_FAILED,
                      "the verification hook refused the %s's certificate "
                      "(%s)%s%s", sslci_conn_peer(conn),
                      e->cert ? sslc_cert_subject(e->cert) : "none was shown",
                      reason ? ": " : "", reason ? reason : "");
}

static bool
is_aborted(const sslc_conn *conn)
{
  return conn->verify_answer == SSLCI_ABORTED ||
         conn->lookup_answer == SSLCI_ABORTED ||
         conn->hello_answer == SSLCI_ABORTED;
}

bool
sslci_hooks_explain(sslc_conn *conn)
{
  const char *reason = conn->answer_reason;
  if (is_aborted(conn))
    sslci_error_explain(&conn->err, SSLC_CODE_CANCELED,
                        "the handshake was ended by %s%s%s",
                        conn->ctx->served_count > 0 ? "this server" : "a hook",
                        reason ? ": " : "", reason ? reason : "");
  else if (conn->verify_answer == SSLCI_REFUSED)
    explain_refusal(conn);
  else if (conn->hello_fault)
    sslci_error_explain(&conn->err, SSLC_CODE_PROTOCOL_ERROR,
                        "the ClientHello is not accepted: %s",
                        conn->hello_fault);
  else
    return false;
  return true;
}

/* For what libssl cannot be told any more, so that the peer gets no alert. */
static sslc_status
fail(sslc_conn *conn)
{
  sslci_error_begin(&conn->err, SSLC_CODE_INTERNAL, SSLC_PHASE_HANDSHAKE, NULL);
  sslci_hooks_explain(conn);
  return sslci_conn_fail(conn);
}

/* ---------------------------------------------------------- round a step */

void
sslci_hooks_prepare(sslc_conn *conn)
{
  if (conn->ctx->x509_lookup)
    SSL_set_cert_cb(conn->ssl, lookup, conn);
}

sslc_status
sslci_hooks_begin(sslc_conn *conn)
{
  if (conn->hello_answer == SSLCI_ASKED)
    return conn->last_status = SSLC_WANT_CLIENT_HELLO_CB;
  if (conn->lookup_answer == SSLCI_ASKED)
    return conn->last_status = SSLC_WANT_X509_LOOKUP;
  if (conn->verify_answer == SSLCI_ASKED)
    return conn->last_status = SSLC_WANT_RETRY_VERIFY;
  if (SSL_is_init_finished(conn->ssl) &&
      (is_aborted(conn) || conn->verify_answer == SSLCI_REFUSED))
    return fail(conn);
  return SSLC_OK;
}

/* A resumed handshake, a server's, and a client's without SSL_set_retry_verify:
 * libssl is done, but nobody is let in that the hook was not asked about. */
sslc_status
sslci_hooks_end(sslc_conn *conn, sslc_status status)
{
  if (status != SSLC_OK || !conn->ctx->retry_verify)
    return status;
  bool shown = sslci_has_peer_cert(conn);
  if (conn->verify_answer == SSLCI_ACCEPTED || (conn->role == 1 && !shown))
    return status;
  if (conn->verify_answer != SSLCI_NOT_ASKED)
    return fail(conn);
  if (conn->hook_result < 0 && shown)
    conn->hook_result = (int)SSL_get_verify_result(conn->ssl);
  conn->verify_answer = SSLCI_ASKED;
  return conn->last_status = SSLC_WANT_RETRY_VERIFY;
}

/* --------------------------------------------------------------- answers */

static sslc_status
begin_answer(sslc_conn *conn, bool asked)
{
  conn->misused = false;
  if (conn->closed)
    return sslci_conn_refuse(conn, SSLC_CODE_CLOSED, SSLC_PHASE_HANDSHAKE,
                             "the connection is closed");
  if (!asked || conn->fatal != SSLC_OK)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_HANDSHAKE,
                             "the handshake does not ask this, or it was "
                             "answered already");
  return SSLC_OK;
}

/* Errors are of one line. */
static bool
set_reason(sslc_conn *conn, const char *reason)
{
  if (!sslci_set_string(&conn->answer_reason, reason)) {
    sslci_conn_nomem(conn, SSLC_PHASE_HANDSHAKE);
    return false;
  }
  for (char *p = conn->answer_reason; p && *p; p++)
    if ((unsigned char)*p < 0x20 || *p == 0x7f)
      *p = ' ';
  return true;
}

/* What is wrong with another context becomes the connection's error. */
static sslc_status
check_ctx(sslc_conn *conn, sslc_ctx *ctx)
{
  sslc_status status = sslci_ctx_freeze(ctx);
  if (status != SSLC_OK) {
    sslci_error_copy(&conn->misuse, &ctx->err);
    conn->misused = true;
    conn->last_status = status;
  }
  return status;
}

sslc_status
sslc_conn_answer_verify(sslc_conn *conn, int accept, const char *reason)
{
  if (!conn)
    return SSLC_ERR_ARG;
  sslc_status status =
    begin_answer(conn, conn->verify_answer == SSLCI_ASKED);
  if (status != SSLC_OK)
    return status;
  if (accept != 0 && accept != 1)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                             "accept: %d is neither 0 nor 1", accept);
  if (!set_reason(conn, accept ? NULL : reason))
    return SSLC_ERR_NOMEM;
  conn->verify_answer = accept ? SSLCI_ACCEPTED : SSLCI_REFUSED;
  return SSLC_OK;
}

sslc_status
sslc_conn_answer_x509_lookup(sslc_conn *conn, sslc_ctx *identity)
{
  if (!conn)
    return SSLC_ERR_ARG;
  sslc_status status =
    begin_answer(conn, conn->lookup_answer == SSLCI_ASKED);
  if (status == SSLC_OK && identity)
    status = check_ctx(conn, identity);
  if (status == SSLC_OK && identity && !sslci_has_identity(identity))
    status = sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_CONFIG,
                               "the context has no certificate and key");
  if (status == SSLC_OK)
    status = sslci_identity_show(conn, identity);
  if (status == SSLC_OK)
    conn->lookup_answer = SSLCI_ACCEPTED;
  return status;
}

sslc_status
sslc_conn_answer_client_hello(sslc_conn *conn, sslc_ctx *ctx)
{
  if (!conn)
    return SSLC_ERR_ARG;
  sslc_ctx *chosen = ctx ? ctx : conn->ctx;
  sslc_status status = begin_answer(conn, conn->hello_answer == SSLCI_ASKED);
  if (status == SSLC_OK)
    status = check_ctx(conn, chosen);
  if (status == SSLC_OK && !sslci_has_identity(chosen) &&
      !chosen->x509_lookup)
    status = sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_CONFIG,
                               "a server needs a certificate and key: the "
                               "context has none");
  if (status == SSLC_OK)
    status = serve_as(conn, chosen);
  if (status != SSLC_OK)
    return status;
  sslc_ctx *old = conn->ctx;
  conn->ctx = sslc_ctx_up_ref(chosen);
  sslc_ctx_free(old);
  conn->hello_answer = SSLCI_ACCEPTED;
  return SSLC_OK;
}

const sslc_ctx *
sslc_conn_ctx(const sslc_conn *conn)
{
  return conn ? conn->ctx : NULL;
}

static enum sslci_answer *
question(sslc_conn *conn)
{
  if (conn->hello_answer == SSLCI_ASKED)
    return &conn->hello_answer;
  if (conn->lookup_answer == SSLCI_ASKED)
    return &conn->lookup_answer;
  return conn->verify_answer == SSLCI_ASKED ? &conn->verify_answer : NULL;
}

sslc_status
sslc_conn_answer_abort(sslc_conn *conn, const char *reason)
{
  if (!conn)
    return SSLC_ERR_ARG;
  enum sslci_answer *asked = question(conn);
  sslc_status status = begin_answer(conn, asked != NULL);
  if (status != SSLC_OK)
    return status;
  if (!set_reason(conn, reason))
    return SSLC_ERR_NOMEM;
  *asked = SSLCI_ABORTED;
  return SSLC_OK;
}

void
sslci_hooks_free(sslc_conn *conn)
{
  sk_X509_pop_free(conn->hook_chain, X509_free);
  OPENSSL_free(conn->answer_reason);
}
