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
  char address[SSLCI_ADDR_TEXT];
  sslci_set_string(&e->host, conn->label ? conn->label : conn->server_name);
  if (conn->address) {
    sslci_set_string(&e->address, conn->address);
  } else if (!e->address) { /* else what is below has told it */
    sslci_bio_peer_address(sslci_conn_waits_for(conn), address);
    sslci_set_string(&e->address, *address ? address : NULL);
  }
}

sslc_status
sslci_conn_fail(sslc_conn *conn)
{
  say_where(conn, &conn->err);
  conn->err.ssl_error = conn->ssl_error;
  conn->fatal = sslci_error_finish(&conn->err);
  sslci_session_failed(conn);
  /* libssl may have found nothing to object to; this library has. */
  conn->fatal_return = conn->last_return > 0 ? -1 : conn->last_return;
  return sslci_conn_fatal(conn);
}

sslc_status
sslci_conn_fatal(sslc_conn *conn)
{
  conn->last_return = conn->fatal_return;
  conn->ssl_error = conn->err.ssl_error;
  return conn->last_status = conn->fatal;
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
  conn->last_return = -1;
  conn->ssl_error = SSL_ERROR_NONE;
  conn->last_status = sslci_error_finish(&conn->misuse);
  return conn->last_status;
}

sslc_status
sslci_conn_nomem(sslc_conn *conn, int phase)
{
  return sslci_conn_refuse(conn, SSLC_CODE_OUT_OF_MEMORY, phase, "%s",
                           sslc_code_sentence(SSLC_CODE_OUT_OF_MEMORY));
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

/* Notes the first bytes received, that a certificate was asked for or to
 * renegotiate, and the peer's close_notify. */
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
  if (type == SSL3_RT_HANDSHAKE && conn->connected)
    conn->buffers_made = true;
  if (type == SSL3_RT_HANDSHAKE && conn->connected &&
      (bytes[0] == SSL3_MT_HELLO_REQUEST ||
       bytes[0] == SSL3_MT_CLIENT_HELLO)) {
    conn->renegotiation_asked = true;
    conn->went_on = false;
  }
  if (type == SSL3_RT_ALERT && len > 1 && bytes[1] == SSL_AD_CLOSE_NOTIFY)
    conn->close_notify_came = true;
}

static bool
make_ssl(sslc_conn *conn)
{
  conn->ssl = SSL_new(conn->ctx->ssl_ctx);
  if (!conn->ssl || !SSL_set_app_data(conn->ssl, conn))
    return false;
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
    sslci_error_clear_queue();
    sslc_conn_free(conn);
    return NULL;
  }
  if (status != SSLC_OK) {
    sslci_error_copy(&conn->err, &ctx->err);
    conn->fatal = conn->last_status = status;
    conn->fatal_return = -1;
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

/*
 * Whether libssl can be given a BIO, or told to let go of it: where memory was
 * short at the very beginning, OpenSSL from 3.2 on has no record layer and goes
 * through a NULL then.
 */
static bool
takes_bios(const sslc_conn *conn)
{
  bool unlucky = conn->fatal != SSLC_OK &&
                 conn->err.code == SSLC_CODE_OUT_OF_MEMORY &&
                 SSL_get_state(conn->ssl) == TLS_ST_BEFORE;
  return !conn->half_made && !unlucky;
}

/* Where libssl cannot let go it does so when the connection is freed. */
static void
drop_bios(sslc_conn *conn)
{
  if (conn->ssl && conn->rbio && takes_bios(conn)) {
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
  sslci_session_closed(conn);
  drop_bios(conn);
  sslci_info_free(conn);
  sslci_hooks_free(conn);
  sslci_trace_free(conn);
  sslci_demand_free(conn);
  sslci_dane_free(conn);
  SSL_free(conn->ssl);
  sslci_share_free(conn);
  BIO_free(conn->hold);
  X509_free(conn->verify_cert);
  X509_free(conn->named_cert);
  sslci_session_free(conn);
  X509_STORE_free(conn->store);
  sslc_ctx_free(conn->ctx);
  sslci_error_clear(&conn->err);
  sslci_error_clear(&conn->misuse);
  OPENSSL_free(conn->server_name);
  sslci_peer_names_free(conn->peer_names);
  OPENSSL_free(conn->label);
  OPENSSL_free(conn->address);
  OPENSSL_free(conn);
  sslci_error_clear_queue();
}

/* ------------------------------------------------------------- settings */

sslc_status
sslci_conn_begin_setting(sslc_conn *conn)
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
  if (sslci_bio_is_over(rbio, conn) || sslci_bio_is_over(wbio, conn))
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_NONE,
                             "the BIO reads from or writes to this connection "
                             "itself");
  return SSLC_OK;
}

sslc_status
sslc_conn_set_bio(sslc_conn *conn, sslc_bio *rbio, sslc_bio *wbio)
{
  if (!conn)
    return SSLC_ERR_ARG;
  sslc_status status = check_bios(conn, rbio, wbio);
  if (status == SSLC_OK && !takes_bios(conn))
    status = sslci_conn_nomem(conn, SSLC_PHASE_NONE);
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

sslc_status
sslc_conn_set_level_triggered(sslc_conn *conn, int on)
{
  if (!conn)
    return SSLC_ERR_ARG;
  if (conn->rbio && conn->rbio->record)
    conn->rbio->record->level = on != 0;
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
  sslc_status status = sslci_conn_begin_setting(conn);
  if (status != SSLC_OK)
    return status;
  status = sslci_name_parse(&parsed, name, "server_name", &conn->misuse);
  if (status != SSLC_OK) {
    conn->misused = true;
    conn->last_status = status;
    return status;
  }
  if (!sslci_set_string(&conn->server_name, parsed.text))
    return sslci_conn_nomem(conn, SSLC_PHASE_NONE);
  conn->name_kind = parsed.kind;
  return SSLC_OK;
}

sslc_status
sslc_conn_add_peer_name(sslc_conn *conn, const char *name)
{
  sslc_status status = sslci_conn_begin_setting(conn);
  return status == SSLC_OK ? sslci_peer_name_add(conn, name) : status;
}

static sslc_status
set_text(sslc_conn *conn, char **where, const char *text)
{
  conn->misused = false;
  return sslci_set_string(where, text)
    ? SSLC_OK : sslci_conn_nomem(conn, SSLC_PHASE_NONE);
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

sslc_status
sslc_conn_set_session_scope(sslc_conn *conn, const char *scope)
{
  sslc_status status = sslci_conn_begin_setting(conn);
  return status == SSLC_OK ? set_text(conn, &conn->session_scope, scope)
                           : status;
}

static sslc_status
set_role(sslc_conn *conn, int role)
{
  sslc_status status = sslci_conn_begin_setting(conn);
  if (status != SSLC_OK)
    return status;
  bool again = conn->half_made && conn->rbio;
  conn->half_made = !compat_set_state(conn->ssl, role == 1);
  conn->role = conn->half_made ? -1 : role;
  if (conn->half_made)
    return sslci_conn_nomem(conn, SSLC_PHASE_NONE);
  if (again)
    install_bios(conn);
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
  sslc_status status = sslci_conn_begin_setting(conn);
  if (status == SSLC_OK)
    conn->hold_flight = on != 0;
  return status;
}

sslc_status
sslc_conn_set_session(sslc_conn *conn, sslc_session *session)
{
  sslc_status status = sslci_conn_begin_setting(conn);
  return status == SSLC_OK ? sslci_session_set(conn, session) : status;
}

/* ------------------------------------------------------------- handshake */

static sslc_status
hold(sslc_conn *conn)
{
  conn->hold = sslci_hold_bio(conn);
  if (!conn->hold)
    return sslci_conn_nomem(conn, SSLC_PHASE_NONE);
  install_bios(conn);
  return SSLC_OK;
}

void
sslci_conn_end_hold(sslc_conn *conn)
{
  BIO *held = conn->hold;
  conn->hold = NULL;
  install_bios(conn);
  BIO_free(held);
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
    status = sslci_identity_prepare(conn);
  if (status == SSLC_OK)
    sslci_hooks_prepare(conn);
  if (status == SSLC_OK && conn->hold_flight)
    status = hold(conn);
  conn->started = status == SSLC_OK;
  return status;
}

/* One try to send what is held, even on a BIO that blocks. */
static void
let_go(sslc_conn *conn)
{
  if (!conn->hold || !conn->wbio)
    return;
  sslci_bio_set_quiet(conn->wbio, true);
  sslci_hold_send(conn->hold);
  sslci_bio_set_quiet(conn->wbio, false);
  sslci_error_clear_queue();
}

static void
handshake_done(sslc_conn *conn)
{
  conn->connected = true;
  sslci_share_settle(conn);
  if (conn->hold)
    sslci_hold_of(conn->hold)->holding = false;
  sslci_session_done(conn);
  sslci_early_done(conn);
}

/* Done before: nothing is sent, and it is said again. */
static sslc_status
handshake_was_done(sslc_conn *conn)
{
  conn->last_return = 1;
  conn->ssl_error = SSL_ERROR_NONE;
  return conn->last_status = SSLC_OK;
}

/* To be refused leaves nothing in the thread's error queue. */
sslc_status
sslci_conn_start(sslc_conn *conn)
{
  if (conn->started)
    return SSLC_OK;
  sslc_status status = start(conn);
  sslci_error_clear_queue();
  return status;
}

/* A server of several names answers the ClientHello itself. */
static sslc_status
choose_context(sslc_conn *conn, sslc_status status)
{
  if (status != SSLC_WANT_CLIENT_HELLO_CB || conn->ctx->served_count == 0)
    return status;
  return conn->last_status = sslci_serve_answer(conn);
}

static sslc_status
step_handshake(sslc_conn *conn)
{
  bool asked = conn->hello_answer != SSLCI_NOT_ASKED;
  int ret = SSL_do_handshake(conn->ssl);
  sslc_status status = sslci_step_end(conn, SSLC_PHASE_HANDSHAKE, ret);
  if (asked || conn->hello_answer != SSLCI_ASKED)
    return status;
  status = choose_context(conn, status);
  if (status != SSLC_OK)
    return status;
  ret = SSL_do_handshake(conn->ssl);
  return sslci_step_end(conn, SSLC_PHASE_HANDSHAKE, ret);
}

sslc_status
sslc_conn_do_handshake(sslc_conn *conn)
{
  sslc_status status = sslci_step_begin(conn, SSLC_PHASE_HANDSHAKE);
  if (status == SSLC_OK)
    status = sslci_conn_start(conn);
  if (status != SSLC_OK)
    return status;
  if (conn->connected)
    return handshake_was_done(conn);
  status = sslci_early_begin(conn);
  if (status == SSLC_OK)
    status = choose_context(conn, sslci_hooks_begin(conn));
  if (status != SSLC_OK)
    return status;
  status = step_handshake(conn);
  if (status < 0)
    let_go(conn); /* of the alert that says why */
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
  if (conn->closed)
    return sslc_conn_do_handshake(conn);
  if (conn->role < 0)
    set_role(conn, role);
  if (conn->role != role)
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

/* For three records at once.  Before each libssl moves what is behind it to the
 * front of the buffer, so that to read more saves less than it costs. */
enum { READ_MUCH = 3 * (SSLCI_READ_UNIT + 512) };

/* Where data comes fast libssl is to read several records at a time.  It makes
 * its buffer anew whenever it was empty, so none that is idle is so large. */
static void
size_read_buffer(sslc_conn *conn)
{
  const struct sslci_record *r = conn->rbio ? conn->rbio->record : NULL;
  bool much = r && r->filled >= SSLCI_FILLED_OFTEN;
  if (much == conn->reads_much)
    return;
  SSL_set_default_read_buffer_len(conn->ssl, much ? READ_MUCH : 0);
  conn->reads_much = much;
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
  int ret = call(conn->ssl, buf, len, n);
  size_read_buffer(conn);
  return sslci_step_end(conn, SSLC_PHASE_READ, ret);
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

/* A record's bytes, and with all that is round them; so many go at once. */
enum { RECORD = 16 * 1024, RECORD_ROOM = RECORD + 1024, RECORDS_AT_ONCE = 4 };

/* Whether records are to be gathered: where it is a matter of system calls, and
 * nothing that was written before is on its way. */
static bool
writes_much(const sslc_conn *conn, size_t len)
{
  return len > RECORD && !conn->write_pending && !conn->hold && conn->wbio &&
         conn->wbio->kind == SSLC_BIO_SOCKET && !SSL_in_init(conn->ssl);
}

/* Makes the records; what libssl's function returned for the last one. */
static int
gather(sslc_conn *conn, const char *buf, size_t len)
{
  struct sslci_hold *h = sslci_hold_of(conn->hold);
  int ret = 1;
  size_t some;
  install_bios(conn);
  while (ret > 0 && conn->gathered < len && h->size - h->len >= RECORD_ROOM) {
    size_t left = len - conn->gathered;
    ret = SSL_write_ex(conn->ssl, buf + conn->gathered, left, &some);
    if (ret > 0)
      conn->gathered += some;
  }
  h->holding = false;
  return ret;
}

/* Records that were made are sent to the last, as one alone would be.  They may
 * have left with another step. */
static sslc_status
send_gathered(sslc_conn *conn, size_t *n)
{
  sslc_status status = conn->last_status = SSLC_OK;
  if (conn->hold)
    status = sslci_flush_end(conn, conn->hold, SSLC_PHASE_WRITE,
                             sslci_hold_send(conn->hold));
  if (status != SSLC_OK)
    return status;
  *n = conn->gathered;
  conn->gathered = 0;
  return status;
}

static sslc_status
write_now(sslc_conn *conn, const void *buf, size_t len, size_t *n)
{
  if (conn->gathered > 0)
    return send_gathered(conn, n);
  bool much = writes_much(conn, len);
  if (much) /* where memory is short it goes without */
    conn->hold = sslci_gather_bio(conn, (size_t)RECORDS_AT_ONCE * RECORD_ROOM);
  if (much && !conn->hold)
    sslci_error_clear_queue();
  if (!much || !conn->hold)
    return sslci_step_end(conn, SSLC_PHASE_WRITE,
                          SSL_write_ex(conn->ssl, buf, len, n));
  int ret = gather(conn, buf, len);
  if (conn->gathered > 0)
    return send_gathered(conn, n);
  return sslci_step_end(conn, SSLC_PHASE_WRITE, ret);
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
  status = write_now(conn, buf, len, n);
  conn->write_pending = status > 0 ? len : 0;
  return status;
}

sslc_status
sslc_conn_flush(sslc_conn *conn)
{
  sslc_status status = sslci_step_begin(conn, SSLC_PHASE_WRITE);
  if (status != SSLC_OK)
    return status;
  if (!conn->wbio)
    return conn->last_status = SSLC_OK;
  if (conn->hold)
    return sslci_flush_end(conn, conn->hold, SSLC_PHASE_WRITE,
                           sslci_hold_send(conn->hold));
  BIO *wbio = conn->wbio->bio;
  BIO_clear_retry_flags(wbio);
  return sslci_flush_end(conn, wbio, SSLC_PHASE_WRITE, (int)BIO_flush(wbio));
}

/* What libssl would refuse, or take for a request of the next write. */
static sslc_status
check_key_update(sslc_conn *conn)
{
  if (SSL_version(conn->ssl) < TLS1_3_VERSION)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_WRITE,
                             "%s has no key update: it came with TLSv1.3",
                             SSL_get_version(conn->ssl));
  if (SSL_get_shutdown(conn->ssl) & SSL_SENT_SHUTDOWN)
    return sslci_conn_refuse(conn, SSLC_CODE_CLOSED, SSLC_PHASE_WRITE,
                             "close_notify was sent: nothing can be written "
                             "after it");
  if (conn->write_pending)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, SSLC_PHASE_WRITE,
                             "the write before is not finished: it wants its "
                             "%zu bytes again", conn->write_pending);
  return SSLC_OK;
}

/* Goes on with what libssl is in the middle of, if that is anything. */
static sslc_status
go_on(sslc_conn *conn)
{
  return sslci_step_end(conn, SSLC_PHASE_WRITE, SSL_do_handshake(conn->ssl));
}

/* One that was begun is finished by whichever step comes next, and is not begun
 * anew where the call is repeated.  What peers ask for, libssl answers before
 * the next write. */
sslc_status
sslc_conn_key_update(sslc_conn *conn, int request)
{
  sslc_status status = begin_io(conn, SSLC_PHASE_WRITE);
  if (status == SSLC_OK)
    status = check_key_update(conn);
  if (status == SSLC_OK && !conn->key_update_pending)
    status = go_on(conn);
  if (status != SSLC_OK)
    return status;
  if (!conn->key_update_pending)
    SSL_key_update(conn->ssl, request ? SSL_KEY_UPDATE_REQUESTED
                                      : SSL_KEY_UPDATE_NOT_REQUESTED);
  status = go_on(conn);
  conn->key_update_pending = status > 0;
  return status;
}

size_t
sslc_conn_write_begun(const sslc_conn *conn)
{
  return conn ? conn->gathered : 0;
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

/* A KeyUpdate may have left in part, or a message of the peer come in part:
 * libssl refuses to shut down in the middle of either. */
static sslc_status
finish_message(sslc_conn *conn)
{
  if (!SSL_in_init(conn->ssl))
    return SSLC_OK;
  return sslci_step_end(conn, SSLC_PHASE_SHUTDOWN,
                        SSL_do_handshake(conn->ssl));
}

/* How far it has come is remembered here, as a read in between changes what
 * SSL_want(3) says.  libssl flushes once and does not look at what came of it,
 * so a filter may hold close_notify still. */
static sslc_status
send_close_notify(sslc_conn *conn)
{
  sslc_status status = finish_message(conn);
  BIO *wbio = SSL_get_wbio(conn->ssl); /* which that may have changed */
  if (status == SSLC_OK && conn->goodbye == SSLCI_UNSAID) {
    int ret = SSL_shutdown(conn->ssl);
    if (ret < 0)
      return sslci_step_end(conn, SSLC_PHASE_SHUTDOWN, ret);
    conn->goodbye = SSLCI_WRITTEN;
  }
  if (status != SSLC_OK)
    return status;
  BIO_clear_retry_flags(wbio);
  status = sslci_flush_end(conn, wbio, SSLC_PHASE_SHUTDOWN,
                           (int)BIO_flush(wbio));
  if (status != SSLC_OK)
    return status;
  conn->goodbye = SSLCI_SAID;
  /* SSL_get_error(3) has nothing to say of 0: it is no error. */
  conn->last_return = SSL_get_shutdown(conn->ssl) & SSL_RECEIVED_SHUTDOWN ? 1
                                                                          : 0;
  conn->ssl_error = SSL_ERROR_NONE;
  return conn->last_status = conn->last_return ? SSLC_OK : SSLC_WANT_READ;
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
  return conn->goodbye == SSLCI_SAID ? await_close_notify(conn)
                                     : send_close_notify(conn);
}

static bool
can_say_goodbye(const sslc_conn *conn)
{
  return conn->connected && conn->fatal == SSLC_OK && !conn->write_pending &&
         conn->wbio && conn->goodbye != SSLCI_SAID;
}

/* One try, even on a BIO that blocks. */
static void
say_goodbye(sslc_conn *conn)
{
  sslci_bio_set_quiet(conn->wbio, true);
  sslci_bio_begin(conn->wbio, !conn->nested);
  send_close_notify(conn);
  sslci_bio_set_quiet(conn->wbio, false);
}

void
sslc_conn_close(sslc_conn *conn)
{
  if (!conn || conn->closed)
    return;
  sslci_session_closed(conn);
  if (can_say_goodbye(conn))
    say_goodbye(conn);
  else if (conn->connected && conn->fatal == SSLC_OK)
    let_go(conn); /* of what is left of a flight */
  drop_bios(conn);
  conn->closed = true;
}

void
sslc_conn_release(sslc_conn *conn)
{
  if (conn && atomic_load(&conn->refs) == 1)
    sslc_conn_close(conn);
  sslc_conn_free(conn);
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

/* What is not connected yet may be either of the two. */
const sslc_bio *
sslci_conn_waits_for(const sslc_conn *conn)
{
  if (!conn)
    return NULL;
  switch (conn->last_status) {
  case SSLC_WANT_WRITE:
    return conn->wbio;
  case SSLC_WANT_CONNECT:
  case SSLC_WANT_ACCEPT:
    return SSL_want(conn->ssl) == SSL_WRITING ? conn->wbio : conn->rbio;
  default:
    return conn->rbio;
  }
}

int
sslc_conn_fd(const sslc_conn *conn)
{
  return sslc_bio_fd(sslci_conn_waits_for(conn));
}

int64_t
sslc_conn_timeout(const sslc_conn *conn)
{
  return sslc_bio_timeout(sslci_conn_waits_for(conn));
}
