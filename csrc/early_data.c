/*
 * early_data.c: data that goes out with the first flight of a resumed
 * handshake: SSL_write_early_data(3), SSL_read_early_data(3); RFC 8446, section
 * 2.3.
 *
 * Whoever has recorded it can send it again, and the server may take it for
 * new.  So it is never sent but by a call of its own, by which the caller says
 * that it may come twice; and what the server did not take is not sent again
 * here, as the caller has it still.
 */
#include "internal.h"

#include <string.h>

/* --------------------------------------------------------------- settings */

/* Each session is then in the server's memory and taken out by its use, which
 * is what keeps a client's early data from being taken twice. */
sslc_status
sslc_ctx_set_max_early_data(sslc_ctx *ctx, uint32_t size)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (!SSL_CTX_set_max_early_data(ctx->ssl_ctx, size) ||
      !SSL_CTX_set_recv_max_early_data(ctx->ssl_ctx, size))
    return sslci_ctx_bad_option(ctx, "max_early_data: %lu cannot be set",
                                (unsigned long)size);
  if (size > 0)
    SSL_CTX_set_session_cache_mode(ctx->ssl_ctx, SSL_SESS_CACHE_BOTH);
  else
    sslci_session_watch(ctx->ssl_ctx);
  return SSLC_OK;
}

uint32_t
sslc_session_max_early_data(const sslc_session *session)
{
  return session ? SSL_SESSION_get_max_early_data(session->session) : 0;
}

/* ---------------------------------------------------------------- writing */

static sslc_status
misuse(sslc_conn *conn, const char *why)
{
  return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_HANDSHAKE, "%s",
                           why);
}

static sslc_status
check_write(sslc_conn *conn, const void *buf, size_t len)
{
  bool goes_on = conn->early == SSLCI_EARLY_BEGUN;
  if (conn->role == 1)
    return misuse(conn, "early data is the client's to send, and this "
                        "connection was set to accept");
  if (conn->started && !goes_on)
    return misuse(conn, "the handshake has begun: early data is sent before, "
                        "and once");
  if (goes_on && len != conn->early_len)
    return misuse(conn, "the early data is not sent yet: it is wanted again, "
                        "all of it");
  if (!buf || len == 0)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                             "the early data is missing");
  return SSLC_OK;
}

/* All of it, or nothing: half a request is no use to anybody. */
static bool
is_allowed(const sslc_conn *conn, size_t len)
{
  return conn->session_offered &&
         sslc_session_max_early_data(conn->session) >= len;
}

sslc_status
sslc_conn_write_early_data(sslc_conn *conn, const void *buf, size_t len,
                           size_t *n)
{
  if (!conn || !n)
    return SSLC_ERR_ARG;
  *n = 0;
  sslc_status status = sslci_step_begin(conn, SSLC_PHASE_HANDSHAKE);
  if (status == SSLC_OK)
    status = check_write(conn, buf, len);
  if (status == SSLC_OK)
    status = sslci_conn_start(conn);
  if (status != SSLC_OK)
    return status;
  if (!is_allowed(conn, len))
    return conn->last_status = SSLC_OK;
  conn->early_len = len;
  status = sslci_step_end(conn, SSLC_PHASE_HANDSHAKE,
                          SSL_write_early_data(conn->ssl, buf, len, n));
  conn->early = status > 0 ? SSLCI_EARLY_BEGUN : SSLCI_EARLY_SENT;
  return status;
}

sslc_status
sslci_early_begin(sslc_conn *conn)
{
  return conn->early == SSLCI_EARLY_BEGUN
    ? misuse(conn, "the early data is not sent yet: it is wanted again")
    : SSLC_OK;
}

void
sslci_early_done(sslc_conn *conn)
{
  struct sslci_stats *stats = &conn->ctx->sessions->stats;
  if (conn->role == 0 && conn->early == SSLCI_EARLY_SENT)
    sslci_count(sslc_conn_early_data(conn) == SSLC_EARLY_DATA_ACCEPTED
                  ? &stats->early_accepted : &stats->early_rejected);
}

int
sslc_conn_early_data(const sslc_conn *conn)
{
  if (!conn || !conn->connected)
    return SSLC_EARLY_DATA_NOT_SENT;
  switch (SSL_get_early_data_status(conn->ssl)) {
  case SSL_EARLY_DATA_ACCEPTED:
    return SSLC_EARLY_DATA_ACCEPTED;
  case SSL_EARLY_DATA_REJECTED:
    return SSLC_EARLY_DATA_REJECTED;
  default:
    return SSLC_EARLY_DATA_NOT_SENT;
  }
}

/* ---------------------------------------------------------------- reading */

static sslc_status
check_read(sslc_conn *conn, const void *buf, size_t len)
{
  if (conn->role == 0)
    return misuse(conn, "early data is the server's to read, and this "
                        "connection was set to connect");
  if (conn->started && conn->early == SSLCI_EARLY_NONE)
    return misuse(conn, "the handshake has begun: early data is read before");
  if (!buf || len == 0)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_HANDSHAKE,
                             "the buffer has no room");
  return SSLC_OK;
}

/* What SSL_get_error(3) is to be asked about: 2 is an end, and no error. */
static sslc_status
read_once(sslc_conn *conn, void *buf, size_t len, size_t *n)
{
  int ret = SSL_read_early_data(conn->ssl, buf, len, n);
  bool over = ret == SSL_READ_EARLY_DATA_FINISH;
  if (ret != SSL_READ_EARLY_DATA_SUCCESS)
    *n = 0;
  if (over)
    conn->early = SSLCI_EARLY_SENT;
  return sslci_step_end(conn, SSLC_PHASE_HANDSHAKE, over ? 1 : ret);
}

sslc_status
sslc_conn_read_early_data(sslc_conn *conn, void *buf, size_t len, size_t *n)
{
  if (!conn || !n)
    return SSLC_ERR_ARG;
  *n = 0;
  sslc_status status = sslci_step_begin(conn, SSLC_PHASE_HANDSHAKE);
  if (status == SSLC_OK)
    status = check_read(conn, buf, len);
  if (status == SSLC_OK)
    status = sslci_conn_start(conn);
  if (status == SSLC_OK)
    status = sslci_hooks_begin(conn);
  if (status != SSLC_OK)
    return status;
  if (conn->early == SSLCI_EARLY_SENT)
    return conn->last_status = SSLC_OK;
  conn->early = SSLCI_EARLY_READING;
  return read_once(conn, buf, len, n);
}
