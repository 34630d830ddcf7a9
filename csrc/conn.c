/*
 * conn.c: the connection, ssl(7): SSL_connect(3), SSL_accept(3),
 * SSL_do_handshake(3), SSL_read_ex(3), SSL_write_ex(3), SSL_shutdown(3).
 */
#include "internal.h"

#include <string.h>

/* --------------------------------------------------------------- errors */

const char *
sslci_conn_peer(const sslc_conn *conn)
{
  return conn->role == 1 ? "client" : "server";
}

/* The host and address of the error; it can do without them. */
static void
say_where(const sslc_conn *conn, sslc_error *e)
{
  char address[80] = "";
  if (!conn->address)
    sslci_peer_address(sslc_conn_fd(conn), address, sizeof address);
  sslci_set_string(&e->host, conn->label ? conn->label : conn->server_name);
  sslci_set_string(&e->address, conn->address ? conn->address
                                              : *address ? address : NULL);
}

sslc_status
sslci_conn_fail(sslc_conn *conn)
{
  say_where(conn, &conn->err);
  conn->err.ssl_error = conn->ssl_error;
  conn->fatal = sslci_error_finish(&conn->err);
  conn->last_status = conn->fatal;
  return conn->fatal;
}

sslc_status
sslci_conn_refuse(sslc_conn *conn, int code, int phase, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  char *message = sslci_vasprintf(fmt, ap);
  va_end(ap);
  sslci_error_begin(&conn->misuse, code, phase, NULL);
  conn->misuse.message = message;
  say_where(conn, &conn->misuse);
  conn->misused = true;
  conn->last_status = sslci_error_finish(&conn->misuse);
  return conn->last_status;
}

const sslc_error *
sslc_conn_error(const sslc_conn *conn)
{
  if (!conn)
    return NULL;
  if (conn->misused)
    return &conn->misuse;
  return conn->fatal != SSLC_OK ? &conn->err : NULL;
}

/* --------------------------------------------------------------- making */

/* Notes the first bytes received, and that a certificate was asked for. */
static void
watch(int write_p, int version, int type, const void *buf, size_t len, SSL *ssl,
      void *arg)
{
  sslc_conn *conn = arg;
  const unsigned char *bytes = buf;
  (void)version;
  (void)ssl;
  if (len > 0)
    sslci_trace_note(conn, write_p, type, bytes, len);
  if (write_p || len == 0)
    return;
  if (type == SSL3_RT_HEADER && conn->header_len == 0 && len >= SSLCI_HEADER) {
    memcpy(conn->header, bytes, SSLCI_HEADER);
    conn->header_len = SSLCI_HEADER;
  }
  if (type == SSL3_RT_HANDSHAKE && bytes[0] == SSL3_MT_CERTIFICATE_REQUEST)
    conn->cert_requested = true;
  if (type == SSL3_RT_HANDSHAKE && conn->connected &&
      (bytes[0] == SSL3_MT_HELLO_REQUEST || bytes[0] == SSL3_MT_CLIENT_HELLO))
    conn->renegotiation_asked = true;
}

static bool
make_ssl(sslc_conn *conn)
{
  conn->ssl = SSL_new(conn->ctx->ssl_ctx);
  if (!conn->ssl)
    return false;
  SSL_set_app_data(conn->ssl, conn);
  SSL_set_msg_callback(conn->ssl, watch);
  SSL_set_msg_callback_arg(conn->ssl, conn);
  return true;
}

sslc_conn *
sslc_conn_new(sslc_ctx *ctx)
{
  sslc_conn *conn = ctx ? sslci_new(sslc_conn) : NULL;
  if (!conn)
    return NULL;
  atomic_init(&conn->refs, 1);
  conn->ctx = sslc_ctx_up_ref(ctx);
  conn->role = -1;
  conn->hook_result = -1;
  sslci_error_clear(&conn->err);
  sslci_error_clear(&conn->misuse);
  sslc_status status = sslci_ctx_freeze(ctx);
  if (!make_ssl(conn)) {
    ERR_clear_error();
    sslc_conn_free(conn);
    return NULL;
  }
  if (status != SSLC_OK) {
    sslci_error_copy(&conn->err, &ctx->err);
    conn->fatal = conn->last_status = status;
  }
  return conn;
}

sslc_conn *
sslc_conn_up_ref(sslc_conn *conn)
{
  if (conn)
    atomic_fetch_add(&conn->refs, 1);
  return conn;
}

static void
drop_bios(sslc_conn *conn)
{
  if (conn->ssl) {
    SSL_set0_rbio(conn->ssl, NULL);
    SSL_set0_wbio(conn->ssl, NULL);
  }
  sslci_bio_release(conn->rbio);
  sslci_bio_release(conn->wbio);
  conn->rbio = conn->wbio = NULL;
}

void
sslc_conn_free(sslc_conn *conn)
{
  if (!conn || atomic_fetch_sub(&conn->refs, 1) > 1)
    return;
  drop_bios(conn);
  sslci_info_free(conn);
  sslci_hooks_free(conn);
  sslci_trace_free(conn);
  SSL_free(conn->ssl);
  BIO_free(conn->hold);
  X509_free(conn->verify_cert);
  sslc_session_free(conn->session);
  sslc_ctx_free(conn->ctx);
  sslci_error_clear(&conn->err);
  sslci_error_clear(&conn->misuse);
  OPENSSL_free(conn->server_name);
  OPENSSL_free(conn->label);
  OPENSSL_free(conn->address);
  OPENSSL_free(conn);
  ERR_clear_error();
}

/* ------------------------------------------------------------- settings */

static sslc_status
begin_setting(sslc_conn *conn)
{
  if (!conn)
    return SSLC_ERR_ARG;
  conn->misused = false;
  if (conn->closed)
    return sslci_conn_refuse(conn, SSLC_CODE_CLOSED, SSLC_PHASE_NONE,
                             "the connection is closed");
  if (conn->started)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_NONE,
                             "the handshake has begun: this is to be set "
                             "before");
  return SSLC_OK;
}

static sslc_status
out_of_memory(sslc_conn *conn)
{
  return sslci_conn_refuse(conn, SSLC_CODE_OUT_OF_MEMORY, SSLC_PHASE_NONE,
                           "%s", sslc_code_sentence(SSLC_CODE_OUT_OF_MEMORY));
}

/* The BIOs that libssl is to use: ours, or the one that holds before them. */
static void
install_bios(sslc_conn *conn)
{
  BIO *r = conn->hold ? conn->hold : conn->rbio->bio;
  BIO *w = conn->hold ? conn->hold : conn->wbio->bio;
  BIO_up_ref(r);
  SSL_set0_rbio(conn->ssl, r);
  BIO_up_ref(w);
  SSL_set0_wbio(conn->ssl, w);
}

static sslc_status
check_bios(sslc_conn *conn, const sslc_bio *rbio, const sslc_bio *wbio)
{
  conn->misused = false;
  if (conn->closed)
    return sslci_conn_refuse(conn, SSLC_CODE_CLOSED, SSLC_PHASE_NONE,
                             "the connection is closed");
  if (!rbio || !wbio)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                             "set_bio needs a BIO to read from and one to "
                             "write to");
  if (!sslci_bio_is_free_for(rbio, conn) || !sslci_bio_is_free_for(wbio, conn))
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_NONE,
                             "the BIO is another connection's, or stands "
                             "behind another BIO");
  return SSLC_OK;
}

sslc_status
sslc_conn_set_bio(sslc_conn *conn, sslc_bio *rbio, sslc_bio *wbio)
{
  if (!conn)
    return SSLC_ERR_ARG;
  sslc_status status = check_bios(conn, rbio, wbio);
  if (status != SSLC_OK)
    return status;
  sslci_bio_acquire(rbio, conn);
  sslci_bio_acquire(wbio, conn);
  drop_bios(conn);
  conn->rbio = rbio;
  conn->wbio = wbio;
  install_bios(conn);
  return SSLC_OK;
}

sslc_bio *
sslc_conn_rbio(const sslc_conn *conn)
{
  return conn ? conn->rbio : NULL;
}

sslc_bio *
sslc_conn_wbio(const sslc_conn *conn)
{
  return conn ? conn->wbio : NULL;
}

sslc_status
sslc_conn_set_server_name(sslc_conn *conn, const char *name)
{
  struct sslci_name parsed;
  sslc_status status = begin_setting(conn);
  if (status != SSLC_OK)
    return status;
  status = sslci_name_parse(&parsed, name, "server_name", &conn->misuse);
  if (status != SSLC_OK) {
    conn->misused = true;
    conn->last_status = status;
    return status;
  }
  if (!sslci_set_string(&conn->server_name, parsed.text))
    return out_of_memory(conn);
  conn->name_kind = parsed.kind;
  return SSLC_OK;
}

static sslc_status
set_text(sslc_conn *conn, char **where, const char *text)
{
  conn->misused = false;
  return sslci_set_string(where, text) ? SSLC_OK : out_of_memory(conn);
}

sslc_status
sslc_conn_set_peer_label(sslc_conn *conn, const char *label)
{
  return conn ? set_text(conn, &conn->label, label) : SSLC_ERR_ARG;
}

sslc_status
sslc_conn_set_peer_address(sslc_conn *conn, const char *address)
{
  return conn ? set_text(conn, &conn->address, address) : SSLC_ERR_ARG;
}

static sslc_status
set_role(sslc_conn *conn, int role)
{
  sslc_status status = begin_setting(conn);
  if (status != SSLC_OK)
    return status;
  conn->role = role;
  if (role == 1)
    SSL_set_accept_state(conn->ssl);
  else
    SSL_set_connect_state(conn->ssl);
  return SSLC_OK;
}

sslc_status
sslc_conn_set_connect_state(sslc_conn *conn)
{
  return set_role(conn, 0);
}

sslc_status
sslc_conn_set_accept_state(sslc_conn *conn)
{
  return set_role(conn, 1);
}

sslc_status
sslc_conn_set_hold_flight(sslc_conn *conn, int on)
{
  sslc_status status = begin_setting(conn);
  if (status == SSLC_OK)
    conn->hold_flight = on != 0;
  return status;
}

/* ------------------------------------------------------------- handshake */

static sslc_status
hold(sslc_conn *conn)
{
  conn->hold = sslci_hold_bio(conn);
  if (!conn->hold)
    return out_of_memory(conn);
  install_bios(conn);
  return SSLC_OK;
}

static sslc_status
start(sslc_conn *conn)
{
  if (conn->role < 0)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_HANDSHAKE,
                             "it is not set whether to connect or to accept: "
                             "call set_connect_state or set_accept_state");
  if (!conn->rbio)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_HANDSHAKE,
                             "the connection has no BIO: call set_bio first");
  sslc_status status = sslci_verify_prepare(conn);
  if (status == SSLC_OK)
    status = sslci_session_prepare(conn);
  if (status == SSLC_OK)
    sslci_hooks_prepare(conn);
  if (status == SSLC_OK && conn->hold_flight)
    status = hold(conn);
  conn->started = status == SSLC_OK;
  return status;
}

static void
handshake_done(sslc_conn *conn)
{
  conn->connected = true;
  if (conn->hold)
    sslci_hold_of(conn->hold)->holding = false;
}

sslc_status
sslc_conn_do_handshake(sslc_conn *conn)
{
  sslc_status status = sslci_step_begin(conn, SSLC_PHASE_HANDSHAKE);
  if (status == SSLC_OK && !conn->started)
    status = start(conn);
  if (status != SSLC_OK)
    return status;
  if (conn->connected)
    return conn->last_status = SSLC_OK;
  status = sslci_hooks_begin(conn);
  if (status != SSLC_OK)
    return status;
  int ret = SSL_do_handshake(conn->ssl);
  status = sslci_step_end(conn, SSLC_PHASE_HANDSHAKE, ret);
  if (status == SSLC_OK)
    status = sslci_verify_done(conn);
  status = sslci_hooks_end(conn, status);
  if (status == SSLC_OK)
    handshake_done(conn);
  return status;
}

static sslc_status
handshake_as(sslc_conn *conn, int role)
{
  if (!conn)
    return SSLC_ERR_ARG;
  conn->misused = false;
  if (conn->role < 0 && !conn->closed)
    set_role(conn, role);
  if (conn->role >= 0 && conn->role != role)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_HANDSHAKE,
                             "%s on a connection that was set to %s",
                             role ? "accept" : "connect",
                             role ? "connect" : "accept");
  return sslc_conn_do_handshake(conn);
}

sslc_status
sslc_conn_connect(sslc_conn *conn)
{
  return handshake_as(conn, 0);
}

sslc_status
sslc_conn_accept(sslc_conn *conn)
{
  return handshake_as(conn, 1);
}

/* ------------------------------------------------------- reading, writing */

static sslc_status
begin_io(sslc_conn *conn, int phase)
{
  sslc_status status = sslci_step_begin(conn, phase);
  if (status == SSLC_OK && !conn->connected)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, phase,
                             "the handshake is not done");
  return status;
}

typedef int read_call(SSL *ssl, void *buf, size_t len, size_t *n);

static sslc_status
read_with(sslc_conn *conn, read_call *call, void *buf, size_t len, size_t *n)
{
  if (!conn || !n)
    return SSLC_ERR_ARG;
  *n = 0;
  sslc_status status = begin_io(conn, SSLC_PHASE_READ);
  if (status != SSLC_OK)
    return status;
  if (!buf || len == 0)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_READ,
                             "the buffer has no room");
  if (conn->ended)
    return conn->last_status = SSLC_CLOSED;
  return sslci_step_end(conn, SSLC_PHASE_READ, call(conn->ssl, buf, len, n));
}

sslc_status
sslc_conn_read(sslc_conn *conn, void *buf, size_t len, size_t *n)
{
  return read_with(conn, SSL_read_ex, buf, len, n);
}

sslc_status
sslc_conn_peek(sslc_conn *conn, void *buf, size_t len, size_t *n)
{
  return read_with(conn, SSL_peek_ex, buf, len, n);
}

/* What libssl would punish with a broken connection. */
static sslc_status
check_write(sslc_conn *conn, const void *buf, size_t len)
{
  if (SSL_get_shutdown(conn->ssl) & SSL_SENT_SHUTDOWN)
    return sslci_conn_refuse(conn, SSLC_CODE_CLOSED, SSLC_PHASE_WRITE,
                             "close_notify was sent: nothing can be written "
                             "after it");
  if (!buf && len > 0)
    return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_WRITE,
                             "the buffer is missing");
  if (len < conn->write_pending)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_WRITE,
                             "the write before is not finished: it wants its "
                             "%zu bytes again", conn->write_pending);
  return SSLC_OK;
}

sslc_status
sslc_conn_write(sslc_conn *conn, const void *buf, size_t len, size_t *n)
{
  if (!conn || !n)
    return SSLC_ERR_ARG;
  *n = 0;
  sslc_status status = begin_io(conn, SSLC_PHASE_WRITE);
  if (status == SSLC_OK)
    status = check_write(conn, buf, len);
  if (status != SSLC_OK)
    return status;
  if (len == 0)
    return conn->last_status = SSLC_OK;
  status = sslci_step_end(conn, SSLC_PHASE_WRITE,
                          SSL_write_ex(conn->ssl, buf, len, n));
  conn->write_pending = status > 0 ? len : 0;
  return status;
}

sslc_status
sslc_conn_flush(sslc_conn *conn)
{
  sslc_status status = sslci_step_begin(conn, SSLC_PHASE_WRITE);
  if (status != SSLC_OK)
    return status;
  BIO *wbio = SSL_get_wbio(conn->ssl);
  if (!wbio)
    return conn->last_status = SSLC_OK;
  return sslci_flush_end(conn, wbio, (int)BIO_flush(wbio));
}

sslc_status
sslc_conn_key_update(sslc_conn *conn, int request)
{
  sslc_status status = begin_io(conn, SSLC_PHASE_WRITE);
  if (status != SSLC_OK)
    return status;
  if (conn->write_pending)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_WRITE,
                             "the write before is not finished");
  if (SSL_version(conn->ssl) < TLS1_3_VERSION)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_WRITE,
                             "%s has no key update",
                             SSL_get_version(conn->ssl));
  if (SSL_get_shutdown(conn->ssl) & SSL_SENT_SHUTDOWN)
    return sslci_conn_refuse(conn, SSLC_CODE_CLOSED, SSLC_PHASE_WRITE,
                             "close_notify was sent: nothing can be written "
                             "after it");
  if (SSL_get_key_update_type(conn->ssl) == SSL_KEY_UPDATE_NONE &&
      !SSL_in_init(conn->ssl))
    SSL_key_update(conn->ssl, request ? SSL_KEY_UPDATE_REQUESTED
                                      : SSL_KEY_UPDATE_NOT_REQUESTED);
  return sslci_step_end(conn, SSLC_PHASE_WRITE, SSL_do_handshake(conn->ssl));
}

size_t
sslc_conn_pending(const sslc_conn *conn)
{
  return conn ? (size_t)SSL_pending(conn->ssl) : 0;
}

int
sslc_conn_has_pending(const sslc_conn *conn)
{
  return conn ? SSL_has_pending(conn->ssl) : 0;
}

/* --------------------------------------------------------------- the end */

/* Ours is sent: the peer's comes where data could come. */
static sslc_status
await_close_notify(sslc_conn *conn)
{
  char byte;
  if (conn->ended)
    return conn->last_status = SSLC_OK;
  int ret = SSL_peek(conn->ssl, &byte, 1);
  if (ret > 0)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_SHUTDOWN,
                             "data of the peer waits to be read: read to the "
                             "end first");
  sslc_status status = sslci_step_end(conn, SSLC_PHASE_SHUTDOWN, ret);
  if (status != SSLC_CLOSED)
    return status;
  if (conn->ended)
    return conn->last_status = SSLC_OK;
  return sslci_step_end(conn, SSLC_PHASE_SHUTDOWN, SSL_shutdown(conn->ssl));
}

sslc_status
sslc_conn_shutdown(sslc_conn *conn)
{
  sslc_status status = begin_io(conn, SSLC_PHASE_SHUTDOWN);
  if (status != SSLC_OK)
    return status;
  if (conn->write_pending)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_SHUTDOWN,
                             "the write before is not finished");
  if (SSL_get_shutdown(conn->ssl) == SSL_SENT_SHUTDOWN &&
      SSL_want(conn->ssl) != SSL_WRITING)
    return await_close_notify(conn);
  int ret = SSL_shutdown(conn->ssl);
  if (ret != 0)
    return sslci_step_end(conn, SSLC_PHASE_SHUTDOWN, ret);
  /* SSL_get_error(3) has nothing to say of 0: it is no error. */
  conn->last_return = 0;
  conn->ssl_error = SSL_ERROR_NONE;
  return conn->last_status = SSLC_WANT_READ;
}

static bool
can_say_goodbye(const sslc_conn *conn)
{
  return conn->connected && conn->fatal == SSLC_OK && !conn->write_pending &&
         conn->wbio && !(SSL_get_shutdown(conn->ssl) & SSL_SENT_SHUTDOWN);
}

/* One try, even on a BIO that blocks. */
static void
say_goodbye(sslc_conn *conn)
{
  sslci_bio_set_quiet(conn->wbio, true);
  sslci_bio_begin(conn->wbio);
  ERR_clear_error();
  SSL_shutdown(conn->ssl);
  sslci_bio_set_quiet(conn->wbio, false);
  ERR_clear_error();
}

void
sslc_conn_close(sslc_conn *conn)
{
  if (!conn || conn->closed)
    return;
  if (can_say_goodbye(conn))
    say_goodbye(conn);
  drop_bios(conn);
  conn->closed = true;
}

/* --------------------------------------------------------------- asking */

int
sslc_conn_get_shutdown(const sslc_conn *conn)
{
  int ssl = conn ? SSL_get_shutdown(conn->ssl) : 0;
  return (ssl & SSL_SENT_SHUTDOWN ? SSLC_SENT_SHUTDOWN : 0) |
         (ssl & SSL_RECEIVED_SHUTDOWN ? SSLC_RECEIVED_SHUTDOWN : 0);
}

sslc_status
sslc_conn_last_status(const sslc_conn *conn)
{
  return conn ? conn->last_status : SSLC_ERR_ARG;
}

int
sslc_conn_last_return(const sslc_conn *conn)
{
  return conn ? conn->last_return : 0;
}

int
sslc_conn_ssl_error(const sslc_conn *conn)
{
  return conn ? conn->ssl_error : 0;
}

int
sslc_conn_is_connected(const sslc_conn *conn)
{
  return conn ? conn->connected : 0;
}

int
sslc_conn_is_server(const sslc_conn *conn)
{
  return conn ? conn->role : -1;
}

const char *
sslc_conn_state_string(const sslc_conn *conn)
{
  return conn ? SSL_state_string_long(conn->ssl) : NULL;
}

static const sslc_bio *
waits_for(const sslc_conn *conn)
{
  if (!conn)
    return NULL;
  return conn->last_status == SSLC_WANT_WRITE ? conn->wbio : conn->rbio;
}

int
sslc_conn_fd(const sslc_conn *conn)
{
  return sslc_bio_fd(waits_for(conn));
}

int64_t
sslc_conn_timeout(const sslc_conn *conn)
{
  return sslc_bio_timeout(waits_for(conn));
}
