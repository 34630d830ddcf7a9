/*
 * chain.c: a chain that is verified without a connection.
 *
 * A connection that never shakes hands is set up for it as any other, and what
 * libssl does with the certificates it was shown is done here: so there is one
 * judge, verify.c, one set of settings, and one source of errors.
 */
#include "internal.h"

#include <limits.h>

/* A member of the options, where the caller's structure reaches so far. */
#define HAS(options, member)                                                   \
  ((options) && (options)->size >= offsetof(sslc_verify_options, member) +     \
                                     sizeof((options)->member))

/* -------------------------------------------------------------- judging */

/* libssl gives the peer's own certificate among the others too. */
static STACK_OF(X509) *
make_stack(const sslc_cert *leaf, const sslc_cert *const *others, size_t n)
{
  STACK_OF(X509) *stack = sk_X509_new_null();
  bool ok = stack && sk_X509_push(stack, leaf->x509) > 0;
  for (size_t i = 0; ok && i < n; i++)
    ok = sk_X509_push(stack, others[i]->x509) > 0;
  if (ok)
    return stack;
  sk_X509_free(stack);
  return NULL;
}

/* As ssl_verify_cert_chain of libssl: the purpose by the peer's role, then
 * whatever was set on the connection. */
static bool
set_up(const sslc_conn *conn, X509_STORE_CTX *store_ctx, X509 *leaf,
       STACK_OF(X509) *stack)
{
  SSL *ssl = conn->ssl;
  if (!X509_STORE_CTX_init(store_ctx, conn->store, leaf, stack) ||
      !X509_STORE_CTX_set_ex_data(store_ctx,
                                  SSL_get_ex_data_X509_STORE_CTX_idx(), ssl) ||
      !X509_STORE_CTX_set_default(store_ctx, conn->role == 1 ? "ssl_client"
                                                             : "ssl_server"))
    return false;
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store_ctx);
  X509_VERIFY_PARAM_set_auth_level(param, SSL_get_security_level(ssl));
  X509_STORE_CTX_set_verify_cb(store_ctx, SSL_get_verify_callback(ssl));
  return X509_VERIFY_PARAM_set1(param, SSL_get0_param(ssl));
}

static bool
memory_was_short(void)
{
  return sslci_is_out_of_memory(ERR_peek_error()) ||
         sslci_is_out_of_memory(ERR_peek_last_error());
}

static sslc_status
fail(sslc_conn *conn)
{
  bool nomem = memory_was_short();
  sslci_error_begin(&conn->err, SSLC_CODE_VERIFICATION_FAILED, SSLC_PHASE_NONE,
                    NULL);
  if (!sslci_demand_explain(conn))
    sslci_verify_error(conn);
  if (nomem)
    sslci_error_nomem(&conn->err, SSLC_PHASE_NONE);
  return sslci_conn_fail(conn);
}

static sslc_status
judge(sslc_conn *conn, X509 *leaf, STACK_OF(X509) *stack)
{
  X509_STORE_CTX *store_ctx = X509_STORE_CTX_new();
  if (!store_ctx || !set_up(conn, store_ctx, leaf, stack)) {
    X509_STORE_CTX_free(store_ctx);
    return sslci_conn_nomem(conn, SSLC_PHASE_NONE);
  }
  bool good = sslci_verify_chain(conn, store_ctx) == X509_V_OK ||
              (conn->ctx->no_verify && conn->demand_code == SSLC_CODE_NONE);
  X509_STORE_CTX_free(store_ctx);
  return good ? SSLC_OK : fail(conn);
}

/* ------------------------------------------------------------- the options */

static sslc_status
bad_option(sslc_conn *conn, const char *option)
{
  return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "%s: it is out of range", option);
}

static sslc_status
set_purpose(sslc_conn *conn, int purpose)
{
  if (purpose < 0 || purpose > SSLC_PURPOSE_CLIENT)
    return bad_option(conn, "purpose");
  return purpose == SSLC_PURPOSE_CLIENT ? sslc_conn_set_accept_state(conn)
                                        : sslc_conn_set_connect_state(conn);
}

/* One host is a server name, as it is in most handshakes. */
static sslc_status
set_names(sslc_conn *conn, const char *name, const char *const *names, size_t n)
{
  if (n > 0 && !names)
    return bad_option(conn, "names");
  if (n == 0 && (!name || !sslci_peer_name_has_kind(name)))
    return name ? sslc_conn_set_server_name(conn, name) : SSLC_OK;
  sslc_status status = name ? sslc_conn_add_peer_name(conn, name) : SSLC_OK;
  for (size_t i = 0; status == SSLC_OK && i < n; i++)
    status = sslc_conn_add_peer_name(conn, names[i]);
  return status;
}

static sslc_status
set_time(sslc_conn *conn, int64_t t)
{
  if (t < 0)
    return bad_option(conn, "time");
  if (t > 0)
    X509_VERIFY_PARAM_set_time(SSL_get0_param(conn->ssl), (time_t)t);
  return SSLC_OK;
}

static sslc_status
prepare(sslc_conn *conn, const sslc_verify_options *options)
{
  const char *name = HAS(options, name) ? options->name : NULL;
  sslc_status status =
    set_purpose(conn, HAS(options, purpose) ? options->purpose : 0);
  if (status == SSLC_OK)
    status = set_names(conn, name, HAS(options, names) ? options->names : NULL,
                       HAS(options, name_count) ? options->name_count : 0);
  if (status == SSLC_OK)
    status = sslci_verify_prepare_chain(conn);
  return status == SSLC_OK
    ? set_time(conn, HAS(options, time) ? options->time : 0) : status;
}

/* ---------------------------------------------------------------- the call */

static sslc_status
verify(sslc_conn *conn, const sslc_cert *leaf, const sslc_cert *const *others,
       size_t n, const sslc_verify_options *options)
{
  sslc_status status = sslc_conn_last_status(conn);
  if (status == SSLC_OK)
    status = prepare(conn, options);
  if (status != SSLC_OK || (conn->ctx->no_verify && !conn->ctx->pin_count))
    return status;
  STACK_OF(X509) *stack = make_stack(leaf, others, n);
  if (!stack)
    return sslci_conn_nomem(conn, SSLC_PHASE_NONE);
  status = judge(conn, leaf->x509, stack);
  sk_X509_free(stack);
  return status;
}

static bool
are_there(const sslc_cert *const *certs, size_t n)
{
  if (n > 0 && !certs)
    return false;
  for (size_t i = 0; i < n; i++)
    if (!certs[i])
      return false;
  return true;
}

sslc_status
sslc_ctx_verify_chain(sslc_ctx *ctx, const sslc_cert *leaf,
                      const sslc_cert *const *intermediates, size_t n,
                      const sslc_verify_options *options, sslc_error **error)
{
  if (error)
    *error = NULL;
  if (!ctx || !leaf || n >= INT_MAX || !are_there(intermediates, n))
    return SSLC_ERR_ARG;
  ERR_clear_error();
  sslc_conn *conn = sslc_conn_new(ctx);
  if (!conn)
    return SSLC_ERR_NOMEM;
  sslc_status status = verify(conn, leaf, intermediates, n, options);
  if (status != SSLC_OK && error)
    *error = sslc_error_dup(sslc_conn_error(conn));
  sslc_conn_free(conn);
  return status;
}
