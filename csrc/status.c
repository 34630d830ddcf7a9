/*
 * status.c: the one mapping of libssl's results, SSL_get_error(3).
 *
 * Every step is: clear the error queue, call, ask SSL_get_error at once, map
 * here.  What the BIO saw itself (a real errno, the end of the stream) is
 * asked before libssl, because libssl's versions differ in what they pass on.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------- a step */

sslc_status
sslci_step_begin(sslc_conn *conn, int phase)
{
  if (!conn)
    return SSLC_ERR_ARG;
  conn->misused = false;
  if (conn->closed)
    return sslci_conn_refuse(conn, SSLC_CODE_CLOSED, phase,
                             "the connection is closed");
  if (conn->fatal != SSLC_OK)
    return sslci_conn_fatal(conn);
  if (conn->rbio && !(sslci_bio_is_complete(conn->rbio) &&
                      sslci_bio_is_complete(conn->wbio)))
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, phase,
                             "the connection's BIO is a buffer with nothing "
                             "behind it");
  sslci_bio_begin(conn->rbio, !conn->nested);
  sslci_bio_begin(conn->wbio, !conn->nested);
  sslci_error_clear_queue();
  errno = 0;
  return SSLC_OK;
}

int
sslci_errno_code(int err)
{
  switch (err) {
  case ECONNREFUSED:
    return SSLC_CODE_CONNECTION_REFUSED;
  case ECONNRESET:
  case ECONNABORTED:
  case EPIPE:
    return SSLC_CODE_CONNECTION_RESET;
  case EHOSTUNREACH:
  case ENETUNREACH:
  case EHOSTDOWN:
  case ENETDOWN:
    return SSLC_CODE_UNREACHABLE;
  case ETIMEDOUT:
    return SSLC_CODE_TIMEOUT;
  case ENOMEM:
  case ENOBUFS:
    return SSLC_CODE_OUT_OF_MEMORY;
  default:
    return SSLC_CODE_SYSTEM_ERROR;
  }
}

/* ------------------------------------------------- what libssl's queue says */

/* The first reason of libssl's own in the queue; 0: none. */
static int
ssl_reason(const sslc_error *e)
{
  for (size_t i = 0; i < e->queue_count; i++)
    if (ERR_GET_LIB(e->queue->codes[i]) == ERR_LIB_SSL)
      return ERR_GET_REASON(e->queue->codes[i]);
  return 0;
}

bool
sslci_is_out_of_memory(unsigned long code)
{
  return ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE;
}

static bool
is_out_of_memory(const sslc_error *e)
{
  for (size_t i = 0; i < e->queue_count; i++)
    if (sslci_is_out_of_memory(e->queue->codes[i]))
      return true;
  return false;
}

static int
reason_code(int reason)
{
  switch (reason) {
  case SSL_R_UNSUPPORTED_PROTOCOL:
  case SSL_R_WRONG_SSL_VERSION:
  case SSL_R_VERSION_TOO_LOW:
  case SSL_R_VERSION_TOO_HIGH:
  case SSL_R_NO_PROTOCOLS_AVAILABLE:
  case SSL_R_INAPPROPRIATE_FALLBACK:
    return SSLC_CODE_PROTOCOL_VERSION;
  case SSL_R_NO_SHARED_CIPHER:
  case SSL_R_NO_CIPHERS_AVAILABLE:
  case SSL_R_NO_SUITABLE_KEY_SHARE:
  case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
  case SSL_R_NO_APPLICATION_PROTOCOL:
  case SSL_R_DH_KEY_TOO_SMALL:
  case SSL_R_WRONG_SIGNATURE_TYPE:
    return SSLC_CODE_NO_SHARED_PARAMETERS;
  case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    return SSLC_CODE_CERTIFICATE_MISSING;
  case SSL_R_EE_KEY_TOO_SMALL:
  case SSL_R_CA_KEY_TOO_SMALL:
  case SSL_R_CA_MD_TOO_WEAK:
    return SSLC_CODE_WEAK_CERTIFICATE;
  case ERR_R_INTERNAL_ERROR:
    return SSLC_CODE_INTERNAL;
  default:
    return SSLC_CODE_PROTOCOL_ERROR;
  }
}

static void
explain_reason(sslc_conn *conn, int reason)
{
  const char *text = ERR_reason_error_string(ERR_PACK(ERR_LIB_SSL, 0, reason));
  int code = reason_code(reason);
  sslci_error_explain(&conn->err, code, "%s (%s)", sslc_code_sentence(code),
                      text ? text : "no reason given");
}

/* --------------------------------------------------------------- alerts */

static bool
lacks_certificate(const sslc_conn *conn)
{
  return conn->role == 0 && conn->cert_requested &&
         !SSL_get_certificate(conn->ssl);
}

/* Alerts about what is negotiated mean that in the handshake only. */
static int
alert_code(const sslc_conn *conn, int alert)
{
  if (alert == SSL_AD_CERTIFICATE_REQUIRED)
    return SSLC_CODE_CLIENT_CERTIFICATE_REQUIRED;
  if ((alert == SSL_AD_HANDSHAKE_FAILURE || alert == SSL_AD_BAD_CERTIFICATE) &&
      lacks_certificate(conn))
    return SSLC_CODE_CLIENT_CERTIFICATE_REQUIRED;
  if (conn->connected)
    return SSLC_CODE_ALERT;
  switch (alert) {
  case SSL_AD_PROTOCOL_VERSION:
    return SSLC_CODE_PROTOCOL_VERSION;
  case SSL_AD_HANDSHAKE_FAILURE:
  case SSL_AD_INSUFFICIENT_SECURITY:
  case SSL_AD_NO_APPLICATION_PROTOCOL:
    return SSLC_CODE_NO_SHARED_PARAMETERS;
  default:
    return SSLC_CODE_ALERT;
  }
}

/* The alert that a reason of libssl's stands for; -1: none.  Reasons that all
 * of OpenSSL shares (ERR_R_INTERNAL_ERROR) are larger numbers. */
static int
reason_alert(int reason)
{
  int alert = reason - SSL_AD_REASON_OFFSET;
  return alert >= 0 && alert <= UINT8_MAX ? alert : -1;
}

static void
explain_close_notify(sslc_conn *conn)
{
  sslci_error_explain(&conn->err, SSLC_CODE_HANDSHAKE_EOF,
                      "the %s sent close_notify in the middle of the handshake",
                      sslci_conn_peer(conn));
}

static void
explain_alert(sslc_conn *conn, int alert)
{
  sslc_error *e = &conn->err;
  int code = alert_code(conn, alert);
  const char *name = sslci_alert_name(alert);
  const char *who = sslci_conn_peer(conn);
  e->alert = alert;
  if (alert == SSL_AD_CLOSE_NOTIFY && !conn->connected)
    explain_close_notify(conn);
  else if (code == SSLC_CODE_ALERT)
    sslci_error_explain(e, code, "the %s sent the alert %s (%d)", who,
                        *name ? name : "of an unknown kind", alert);
  else
    sslci_error_explain(e, code, "%s (alert %s from the %s)",
                        sslc_code_sentence(code), name, who);
}

/* ------------------------------------------------ what the peer speaks */

struct greeting {
  const char *bytes; /* of the first five */
  const char *what;
};

static const struct greeting greetings[] = {
  { "HTTP/", "an HTTP answer" },   { "<html", "an HTTP answer" },
  { "<HTML", "an HTTP answer" },   { "<!DOC", "an HTTP answer" },
  { "GET ", "an HTTP request" },   { "POST ", "an HTTP request" },
  { "HEAD ", "an HTTP request" },  { "PUT ", "an HTTP request" },
  { "OPTIO", "an HTTP request" },  { "CONNE", "an HTTP proxy request" },
  { "SSH-", "an SSH server's" },   { "220 ", "an SMTP or FTP server's" },
  { "220-", "an SMTP or FTP server's" }, { "* OK", "an IMAP server's" },
  { "* PRE", "an IMAP server's" }, { "* BYE", "an IMAP server's" },
  { "+OK", "a POP3 server's" },    { "-ERR ", "a POP3 or Redis server's" },
  { "<?xml", "an XMPP server's" }, { "<stre", "an XMPP server's" },
  { "RFB ", "a VNC server's" },
};

static const char *
recognise(const unsigned char *header)
{
  for (size_t i = 0; i < sizeof greetings / sizeof greetings[0]; i++)
    if (memcmp(header, greetings[i].bytes, strlen(greetings[i].bytes)) == 0)
      return greetings[i].what;
  return NULL;
}

/* Whether the first record's header is one of TLS: its type and version. */
static bool
looks_like_tls(const sslc_conn *conn)
{
  const unsigned char *h = conn->header;
  return conn->header_len < SSLCI_HEADER ||
         (h[0] >= SSL3_RT_CHANGE_CIPHER_SPEC && h[0] <= 24 &&
          h[1] == SSL3_VERSION_MAJOR);
}

static void
explain_not_tls(sslc_conn *conn)
{
  const unsigned char *h = conn->header;
  char shown[4 * SSLCI_HEADER + 1];
  size_t at = 0;
  const char *what = recognise(h);
  for (size_t i = 0; i < SSLCI_HEADER; i++) {
    bool plain = h[i] >= 0x20 && h[i] < 0x7f && h[i] != '"' && h[i] != '\\';
    int n = snprintf(shown + at, sizeof shown - at, plain ? "%c" : "\\x%02x",
                     h[i]);
    at += (size_t)n;
  }
  sslci_error_explain(&conn->err, SSLC_CODE_NOT_TLS,
                      "the %s does not speak TLS: its first bytes, \"%s\", "
                      "look like %s%s", sslci_conn_peer(conn), shown,
                      what ? what : "no protocol that is known here",
                      what && strchr(what, '\'') ? " greeting" : "");
}

/* -------------------------------------------------------------- failures */

static int
bio_errno(const sslc_conn *conn)
{
  int err = sslci_bio_errno(conn->rbio);
  if (!err)
    err = sslci_bio_errno(conn->wbio);
  return err ? err : conn->left_errno;
}

static bool
saw_eof(const sslc_conn *conn)
{
  return conn->rbio && (sslci_bio_saw_eof(conn->rbio) || conn->left_eof);
}

/* What is below one of the BIOs failed; true, where it has said why.  One that
 * cannot do what it is there for is a setting that cannot be used. */
static bool
explain_below(sslc_conn *conn)
{
  int kind = 0;
  const sslc_error *below = sslci_bio_below(conn->rbio, &kind);
  if (!below)
    below = sslci_bio_below(conn->wbio, &kind);
  if (below)
    sslci_explain_below(&conn->err, below, kind);
  if (below && below->code == SSLC_CODE_BAD_OPTION)
    conn->err.phase = SSLC_PHASE_CONFIG;
  return below != NULL;
}

/* Whether libssl says, other than by a reason in its queue, that a BIO without
 * a record met the end.  The BIO itself cannot be asked: memory of OpenSSL's
 * says so whenever it is empty. */
static bool
libssl_saw_eof(const sslc_conn *conn, int err)
{
  if (conn->ssl_error == SSL_ERROR_ZERO_RETURN)
    return !conn->close_notify_came; /* a mere end, where that is lenient */
  return conn->ssl_error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0 &&
         err == 0 && !SSL_want_write(conn->ssl);
}

/* What OpenSSL's own BIOs leave behind, which keep no record: an errno; where
 * they met the end, none (SSL_get_error(3), on SSL_ERROR_SYSCALL). */
static void
note_left(sslc_conn *conn, int err)
{
  bool r = conn->rbio && !sslci_bio_has_record(conn->rbio);
  bool w = conn->wbio && !sslci_bio_has_record(conn->wbio);
  bool counts = (r || w) && ERR_peek_error() == 0 &&
                (conn->ssl_error == SSL_ERROR_SYSCALL ||
                 conn->ssl_error == SSL_ERROR_ZERO_RETURN);
  conn->left_errno = counts ? err : 0;
  conn->left_eof = r && libssl_saw_eof(conn, err);
}

static void
explain_errno(sslc_conn *conn, int err)
{
  int code = sslci_errno_code(err);
  sslci_error_explain(&conn->err, code, "%s", strerror(err));
  conn->err.sys_errno = err;
}

static void
explain_eof(sslc_conn *conn)
{
  int code = conn->connected ? SSLC_CODE_TRUNCATED : SSLC_CODE_HANDSHAKE_EOF;
  const char *who = sslci_conn_peer(conn);
  if (conn->connected)
    sslci_error_explain(&conn->err, code, "the %s ended the stream without "
                        "close_notify, so data may be missing", who);
  else
    sslci_error_explain(&conn->err, code, "the %s closed the connection in "
                        "the middle of the handshake", who);
}

/* What OpenSSL's own BIOs put into the queue. */
static void
explain_native(sslc_conn *conn)
{
  sslc_error *e = &conn->err;
  unsigned long code = e->queue_count > 0 ? e->queue->codes[0] : 0;
  const char *text = code ? ERR_reason_error_string(code) : NULL;
  if (sslci_native_errno(code))
    explain_errno(conn, sslci_native_errno(code));
  else if (conn->ssl_error == SSL_ERROR_SYSCALL ||
           ERR_GET_LIB(code) == ERR_LIB_BIO)
    sslci_error_explain(e, SSLC_CODE_SYSTEM_ERROR, "the BIO failed: %s",
                        text ? text : "it gave no reason");
}

/* libssl's reason comes first where it has one: to send the alert for it may
 * fail as well, and that errno is only a consequence. */
static void
explain(sslc_conn *conn)
{
  sslc_error *e = &conn->err;
  int reason = ssl_reason(e);
  int alert = reason_alert(reason);
  int err = bio_errno(conn);
  bool eof = saw_eof(conn);

  if (is_out_of_memory(e))
    sslci_error_explain(e, SSLC_CODE_OUT_OF_MEMORY, "%s",
                        sslc_code_sentence(SSLC_CODE_OUT_OF_MEMORY));
  else if (sslci_hooks_explain(conn) || sslci_demand_explain(conn))
    return;
  else if (conn->verify_result != X509_V_OK &&
           reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
    sslci_verify_error(conn);
  else if (alert >= 0)
    explain_alert(conn, alert);
  else if (reason == COMPAT_R_UNEXPECTED_EOF)
    explain_eof(conn);
  else if (!conn->connected && !looks_like_tls(conn))
    explain_not_tls(conn);
  else if (reason)
    explain_reason(conn, reason);
  else if (explain_below(conn))
    return;
  else if (err)
    explain_errno(conn, err);
  else if (eof)
    explain_eof(conn);
  else
    explain_native(conn);
}

/* Whether the peer ended what it was refused to renegotiate: it sent nothing
 * after that, or (data may have been on its way) an alert that is about it. */
static bool
gave_up(const sslc_conn *conn)
{
  const sslc_error *e = &conn->err;
  if (!conn->renegotiation_asked)
    return false;
  if (conn->went_on)
    return e->alert == SSL_AD_HANDSHAKE_FAILURE ||
           e->alert == SSL_AD_NO_RENEGOTIATION;
  return e->alert >= 0 || e->code == SSLC_CODE_TRUNCATED ||
         e->code == SSLC_CODE_CONNECTION_RESET;
}

/* How it ended stays in the message. */
static void
explain_renegotiation(sslc_conn *conn)
{
  sslc_error *e = &conn->err;
  sslci_error_explain(e, SSLC_CODE_RENEGOTIATION_REFUSED,
                      "the %s asked to renegotiate, which was refused; then: "
                      "%s", sslci_conn_peer(conn), sslc_error_message(e));
  sslci_set_string(&e->hint, NULL);
}

/* A write fails when the peer is gone; why it went may still stand in what it
 * sent before (an alert for a missing client certificate, above all). */
static void
look_for_alert(sslc_conn *conn, int phase)
{
  char byte;
  int err = bio_errno(conn);
  if (phase != SSLC_PHASE_WRITE || (err != EPIPE && err != ECONNRESET))
    return;
  sslci_error_clear_queue();
  int ret = SSL_peek(conn->ssl, &byte, 1);
  int alert = reason_alert(ERR_GET_REASON(ERR_peek_error()));
  if (ret <= 0 && alert >= 0) {
    conn->ssl_error = SSL_ERROR_SSL;
    return;
  }
  sslci_error_clear_queue();
}

/* Between two records. */
static bool
is_lenient_end(const sslc_conn *conn)
{
  return conn->ctx->lenient_eof && !SSL_has_pending(conn->ssl);
}

static sslc_status
let_pass(sslc_conn *conn)
{
  sslci_error_clear(&conn->err);
  conn->ended = true;
  return SSLC_CLOSED;
}

static sslc_status
failure(sslc_conn *conn, int phase)
{
  look_for_alert(conn, phase);
  sslci_error_begin(&conn->err, SSLC_CODE_INTERNAL, phase, NULL);
  sslci_error_take_queue(&conn->err);
  explain(conn);
  if (gave_up(conn))
    explain_renegotiation(conn);
  if (conn->err.code == SSLC_CODE_TRUNCATED && is_lenient_end(conn))
    return let_pass(conn);
  return sslci_conn_fail(conn);
}

/* close_notify: a clean end, but not of a handshake.  A lenient context makes
 * libssl say the same of a mere end of the stream.  What reads ahead may have
 * met that behind a close_notify which libssl has come to only now. */
static sslc_status
closed(sslc_conn *conn, int phase)
{
  bool came = conn->close_notify_came;
  if (conn->connected && came)
    return SSLC_CLOSED;
  sslci_error_begin(&conn->err, SSLC_CODE_HANDSHAKE_EOF, phase, NULL);
  if (came)
    explain_close_notify(conn);
  else
    explain_eof(conn);
  if (gave_up(conn))
    explain_renegotiation(conn);
  else if (conn->connected && is_lenient_end(conn))
    return let_pass(conn);
  return sslci_conn_fail(conn);
}

/* Nothing can be at its end but what was read: libssl says the same when it
 * could not send after the peer's close_notify. */
static bool
is_end(const sslc_conn *conn, int phase)
{
  return conn->ssl_error == SSL_ERROR_ZERO_RETURN &&
         phase != SSLC_PHASE_WRITE &&
         (phase != SSLC_PHASE_SHUTDOWN || conn->last_return == 0);
}

/* ------------------------------------------------------------ the mapping */

/* SSL_get_error(3) has words for two of the special reasons of BIOs only; and
 * where a flush is to be repeated in a handshake, 3.0 asks its own buffer for
 * the reason, which was not told. */
static sslc_status
special_want(const sslc_conn *conn)
{
  bool write = SSL_want_write(conn->ssl);
  const sslc_bio *bio = write ? conn->wbio : conn->rbio;
  int kind;
  if (!bio || !(write || SSL_want_read(conn->ssl)) || ERR_peek_error() ||
      sslci_bio_errno(bio) || sslci_bio_below(bio, &kind))
    return SSLC_OK;
  return sslci_bio_wanted(bio);
}

static sslc_status
map(sslc_conn *conn, int phase)
{
  sslc_status special = conn->ssl_error == SSL_ERROR_SYSCALL
    ? special_want(conn) : SSLC_OK;
  if (special != SSLC_OK)
    return special;
  switch (conn->ssl_error) {
  case SSL_ERROR_NONE:
    return SSLC_OK;
  case SSL_ERROR_WANT_READ:
    return SSLC_WANT_READ;
  case SSL_ERROR_WANT_WRITE:
    return SSLC_WANT_WRITE;
  case SSL_ERROR_WANT_CONNECT:
    return SSLC_WANT_CONNECT;
  case SSL_ERROR_WANT_ACCEPT:
    return SSLC_WANT_ACCEPT;
  case SSL_ERROR_WANT_X509_LOOKUP:
    return SSLC_WANT_X509_LOOKUP;
  /* From here on the numbers differ between OpenSSL and its forks. */
#ifdef SSL_ERROR_WANT_ASYNC
  case SSL_ERROR_WANT_ASYNC:
    return SSLC_WANT_ASYNC;
#endif
#ifdef SSL_ERROR_WANT_ASYNC_JOB
  case SSL_ERROR_WANT_ASYNC_JOB:
    return SSLC_WANT_ASYNC_JOB;
#endif
#ifdef SSL_ERROR_WANT_CLIENT_HELLO_CB
  case SSL_ERROR_WANT_CLIENT_HELLO_CB:
    return SSLC_WANT_CLIENT_HELLO_CB;
#endif
#ifdef SSL_ERROR_WANT_RETRY_VERIFY
  case SSL_ERROR_WANT_RETRY_VERIFY:
    return SSLC_WANT_RETRY_VERIFY;
#endif
  default:
    return is_end(conn, phase) ? closed(conn, phase) : failure(conn, phase);
  }
}

sslc_status
sslci_step_end(sslc_conn *conn, int phase, int ret)
{
  int left_errno = errno;
  conn->last_return = ret;
  conn->ssl_error = SSL_get_error(conn->ssl, ret);
  note_left(conn, left_errno);
  conn->last_status = map(conn, phase);
  if (phase == SSLC_PHASE_READ && conn->last_status == SSLC_OK)
    conn->went_on = true;
  sslci_session_settle(conn);
  sslci_idle(conn);
  sslci_error_clear_queue();
  return conn->last_status;
}

/* What SSL_get_error(3) would say of a flush. */
static int
flush_error(BIO *bio, int ret, sslc_status want)
{
  if (ret > 0)
    return SSL_ERROR_NONE;
  switch (want) {
  case SSLC_OK:
    return BIO_should_retry(bio) ? SSL_ERROR_WANT_WRITE : SSL_ERROR_SYSCALL;
  case SSLC_WANT_READ:
    return SSL_ERROR_WANT_READ;
  case SSLC_WANT_CONNECT:
    return SSL_ERROR_WANT_CONNECT;
  case SSLC_WANT_ACCEPT:
    return SSL_ERROR_WANT_ACCEPT;
  case SSLC_WANT_WRITE:
    return SSL_ERROR_WANT_WRITE;
  default:
    return SSL_ERROR_SYSCALL;
  }
}

sslc_status
sslci_flush_end(sslc_conn *conn, BIO *bio, int phase, int ret)
{
  int left_errno = errno;
  conn->last_return = ret;
  sslc_status want = ret <= 0 ? sslci_bio_wanted(conn->wbio) : SSLC_OK;
  conn->ssl_error = flush_error(bio, ret, want);
  note_left(conn, left_errno);
  conn->last_status = want != SSLC_OK && conn->ssl_error == SSL_ERROR_SYSCALL
    ? want : map(conn, phase);
  sslci_idle(conn);
  sslci_error_clear_queue();
  return conn->last_status;
}
