/*
 * identity_choose.c: several identities, and which of them is shown:
 * SSL_CTX_set_cert_cb(3), SSL_check_chain(3).
 *
 * A client that was asked for a certificate shows the first that the server
 * has use for: that it names an authority of, and whose key it takes signatures
 * of.  Where it names authorities and none fits it shows none, and does not
 * tell it who it is.  A server has one for each kind of key, and libssl takes
 * the one that client and cipher go with.
 */
#include "internal.h"

/* --------------------------------------------------------------- settings */

static sslc_status
check_identity(sslc_ctx *ctx, sslc_ctx *identity)
{
  if (!identity || identity == ctx)
    return sslci_ctx_bad_option(ctx, "identities: another context is needed");
  if (sslci_ctx_freeze(identity) != SSLC_OK)
    return sslci_ctx_bad_option(ctx, "identities: number %zu has a bad "
                                "setting: %s", ctx->identity_count + 1,
                                sslc_error_message(&identity->err));
  if (!identity->cert)
    return sslci_ctx_bad_option(ctx, "identities: number %zu has no "
                                "certificate and key", ctx->identity_count + 1);
  return SSLC_OK;
}

sslc_status
sslc_ctx_add_identity(sslc_ctx *ctx, sslc_ctx *identity)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status == SSLC_OK)
    status = check_identity(ctx, identity);
  if (status != SSLC_OK)
    return status;
  size_t n = ctx->identity_count;
  sslc_ctx **more = OPENSSL_realloc(ctx->identities, (n + 1) * sizeof *more);
  if (!more)
    return sslci_ctx_nomem(ctx);
  more[n] = sslc_ctx_up_ref(identity);
  ctx->identities = more;
  ctx->identity_count = n + 1;
  return SSLC_OK;
}

void
sslci_identities_free(sslc_ctx *ctx)
{
  for (size_t i = 0; i < ctx->identity_count; i++)
    sslc_ctx_free(ctx->identities[i]);
  OPENSSL_free(ctx->identities);
}

bool
sslci_has_identity(const sslc_ctx *ctx)
{
  return ctx->cert || ctx->identity_count > 0;
}

/* The i-th: the context's own comes first.  NULL beyond. */
static const sslc_ctx *
identity_at(const sslc_ctx *ctx, size_t i)
{
  if (ctx->cert && i == 0)
    return ctx;
  i -= ctx->cert ? 1 : 0;
  return i < ctx->identity_count ? ctx->identities[i] : NULL;
}

/* ---------------------------------------------------------------- showing */

static sslc_status
cannot_use(sslc_conn *conn, const sslc_ctx *identity)
{
  unsigned long code = ERR_peek_last_error();
  sslc_status status = sslci_conn_refuse(
    conn,
    sslci_is_out_of_memory(code) ? SSLC_CODE_OUT_OF_MEMORY
                                 : SSLC_CODE_BAD_OPTION,
    SSLC_PHASE_CONFIG, "the certificate (%s) and its key cannot be used: %s",
    identity->cert_source,
    code ? ERR_reason_error_string(code) : "no reason given");
  ERR_clear_error();
  return status;
}

/* Where there is one of its kind of key already, that one stays. */
static sslc_status
use(sslc_conn *conn, const sslc_ctx *identity)
{
  ERR_clear_error();
  if (SSL_use_cert_and_key(conn->ssl, identity->cert, identity->key,
                           identity->chain, 0))
    return SSLC_OK;
  unsigned long code = ERR_peek_last_error();
  if (ERR_GET_LIB(code) != ERR_LIB_SSL ||
      ERR_GET_REASON(code) != SSL_R_NOT_REPLACING_CERTIFICATE)
    return cannot_use(conn, identity);
  ERR_clear_error();
  return SSLC_OK;
}

sslc_status
sslci_identity_show(sslc_conn *conn, const sslc_ctx *ctx)
{
  sslc_status status = SSLC_OK;
  const sslc_ctx *identity;
  SSL_certs_clear(conn->ssl);
  for (size_t i = 0; ctx && status == SSLC_OK &&
                     (identity = identity_at(ctx, i)) != NULL; i++)
    status = use(conn, identity);
  return status;
}

/* ----------------------------------------------------------------- asking */

sslc_status
sslci_identity_name_authorities(sslc_ctx *ctx)
{
  if (ctx->verify_client == SSLC_VERIFY_CLIENT_NONE)
    return SSLC_OK;
  STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();
  if (!names || !sslci_trust_names(ctx, names)) {
    sk_X509_NAME_pop_free(names, X509_NAME_free);
    return sslci_ctx_nomem(ctx);
  }
  SSL_CTX_set_client_CA_list(ctx->ssl_ctx, names);
  return SSLC_OK;
}

/* An empty list is one as well, and not that of the connection's SSL_CTX. */
bool
sslci_identity_ask_as(SSL *ssl, const sslc_ctx *ctx)
{
  const STACK_OF(X509_NAME) *from = SSL_CTX_get_client_CA_list(ctx->ssl_ctx);
  STACK_OF(X509_NAME) *names = from ? SSL_dup_CA_list(from)
                                    : sk_X509_NAME_new_null();
  if (names)
    SSL_set_client_CA_list(ssl, names);
  return names != NULL;
}

/* --------------------------------------------------------------- choosing */

/* Whether the server takes signatures of its key, and names its authority or
 * none at all. */
static bool
fits(SSL *ssl, const sslc_ctx *identity)
{
  int flags = SSL_check_chain(ssl, identity->cert, identity->key,
                              identity->chain);
  int kind = SSL_version(ssl) >= TLS1_3_VERSION ? CERT_PKEY_EE_SIGNATURE
                                                : CERT_PKEY_CERT_TYPE;
  int wanted = CERT_PKEY_SIGN | CERT_PKEY_ISSUER_NAME | kind;
  ERR_clear_error();
  return (flags & wanted) == wanted;
}

/* For a client that is asked.  What cannot be used ends the handshake. */
static int
choose(SSL *ssl, void *arg)
{
  sslc_conn *conn = arg;
  const sslc_ctx *identity;
  size_t i = 0;
  while ((identity = identity_at(conn->ctx, i)) != NULL && !fits(ssl, identity))
    i++;
  SSL_certs_clear(ssl);
  return !identity || use(conn, identity) == SSLC_OK;
}

/* With one alone libssl's own way will do: it shows it. */
sslc_status
sslci_identity_prepare(sslc_conn *conn)
{
  const sslc_ctx *ctx = conn->ctx;
  if (ctx->identity_count == 0 && !ctx->identity_changed)
    return SSLC_OK;
  if (conn->role == 0 && ctx->identity_count > 0) {
    SSL_set_cert_cb(conn->ssl, choose, conn);
    return SSLC_OK;
  }
  return sslci_identity_show(conn, ctx);
}
