/*
 * session.c: what a resumption needs: SSL_SESSION_dup(3), SSL_set_session(3),
 * SSL_get1_session(3).
 *
 * A resumed connection is not shown a certificate, so a session stands for the
 * verification it comes from: it belongs to one context and one server name,
 * and is offered by no other.
 *
 * Sessions are copied, into ours and from it: libssl writes into those of its
 * connections (one that was not shut down makes its session useless), and ours
 * is shared by any number of connections and threads.
 */
#include "internal.h"

#include <string.h>

/* RFC 8446, section 4.6.1: no ticket counts for longer. */
enum { LONGEST_LIFETIME = 7 * 24 * 60 * 60 };

/* -------------------------------------------------------------- references */

sslc_session *
sslc_session_up_ref(sslc_session *session)
{
  if (session)
    atomic_fetch_add(&session->refs, 1);
  return session;
}

void
sslc_session_free(sslc_session *session)
{
  if (!session || atomic_fetch_sub(&session->refs, 1) > 1)
    return;
  SSL_SESSION_free(session->session);
  sslc_ctx_free(session->ctx);
  OPENSSL_free(session->server_name);
  OPENSSL_free(session->demands);
  OPENSSL_free(session);
  ERR_clear_error();
}

/* ------------------------------------------------------------------ taking */

static bool
is_tls13(const SSL_SESSION *session)
{
  return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

/* Whether it is the one that this connection was resumed from: tickets of TLS
 * 1.3 are for one use (RFC 8446, appendix C.4), and a new one has not come. */
static bool
is_used_up(const sslc_conn *conn, const SSL_SESSION *session)
{
  const unsigned char *old = NULL, *new = NULL;
  size_t old_len = 0, new_len = 0;
  if (!conn->session || !is_tls13(session))
    return false;
  SSL_SESSION_get0_ticket(conn->session->session, &old, &old_len);
  SSL_SESSION_get0_ticket(session, &new, &new_len);
  return old_len == new_len && old_len > 0 && memcmp(old, new, old_len) == 0;
}

/* A lifetime of 0 asks for the ticket to be thrown away, in TLS 1.3. */
static bool
is_of_use(const sslc_conn *conn, const SSL_SESSION *session)
{
  return session && SSL_SESSION_is_resumable(session) &&
         !(is_tls13(session) &&
           SSL_SESSION_get_ticket_lifetime_hint(session) == 0) &&
         !is_used_up(conn, session);
}

/* Whoever resumes counts as verified, so it must have been. */
static bool
may_stand_for(const sslc_conn *conn)
{
  const sslc_ctx *ctx = conn->ctx;
  return conn->role == 0 && conn->connected && conn->fatal == SSLC_OK &&
         (conn->verified || ctx->no_verify || ctx->no_name_check);
}

static sslc_session *
copy(const sslc_conn *conn, const SSL_SESSION *session)
{
  const char *name = conn->server_name;
  sslc_session *s = sslci_new(sslc_session);
  if (!s)
    return NULL;
  atomic_init(&s->refs, 1);
  s->ctx = sslc_ctx_up_ref(conn->ctx);
  s->session = SSL_SESSION_dup((SSL_SESSION *)session);
  s->demands = sslci_verify_demands(conn);
  if (s->session && s->demands &&
      sslci_set_string(&s->server_name, name ? name : ""))
    return s;
  sslc_session_free(s);
  return NULL;
}

sslc_session *
sslc_conn_get1_session(const sslc_conn *conn)
{
  if (!conn || !may_stand_for(conn))
    return NULL;
  const SSL_SESSION *session = SSL_get0_session(conn->ssl);
  sslc_session *s = is_of_use(conn, session) ? copy(conn, session) : NULL;
  ERR_clear_error();
  return s;
}

/* ------------------------------------------------------------------ asking */

const char *
sslc_session_server_name(const sslc_session *session)
{
  return session ? session->server_name : NULL;
}

const char *
sslc_session_version(const sslc_session *session)
{
  switch (session ? SSL_SESSION_get_protocol_version(session->session) : 0) {
  case TLS1_VERSION:
    return "TLSv1";
  case TLS1_1_VERSION:
    return "TLSv1.1";
  case TLS1_2_VERSION:
    return "TLSv1.2";
  case TLS1_3_VERSION:
    return "TLSv1.3";
  default:
    return NULL;
  }
}

/* What the server said of its ticket; where it said nothing, libssl's. */
int64_t
sslc_session_lifetime(const sslc_session *session)
{
  if (!session)
    return 0;
  int64_t hint =
    (int64_t)SSL_SESSION_get_ticket_lifetime_hint(session->session);
  if (is_tls13(session->session) && hint > LONGEST_LIFETIME)
    return LONGEST_LIFETIME;
  return hint > 0 ? hint : (int64_t)SSL_SESSION_get_timeout(session->session);
}

int64_t
sslc_session_time(const sslc_session *session)
{
  return session ? compat_session_time(session->session) : 0;
}

/* ---------------------------------------------------------------- offering */

static sslc_status
bad_session(sslc_conn *conn, const char *why)
{
  return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "the session cannot be offered: %s", why);
}

static sslc_status
wrong_name(sslc_conn *conn, const sslc_session *session)
{
  const char *name = conn->server_name;
  return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "the session cannot be offered: it is of \"%s\", "
                           "and this connection is for \"%s\"",
                           session->server_name, name ? name : "");
}

static sslc_status
check_demands(sslc_conn *conn, const sslc_session *session)
{
  char *demands = sslci_verify_demands(conn);
  if (!demands)
    return sslci_conn_nomem(conn, SSLC_PHASE_NONE);
  bool same = strcmp(demands, session->demands) == 0;
  OPENSSL_free(demands);
  return same ? SSLC_OK
              : bad_session(conn, "another verification was demanded of it");
}

/* SSLC_OK, or a refusal.  Until the handshake begins, `yet`, what is missing
 * may still come. */
static sslc_status
check(sslc_conn *conn, const sslc_session *session, bool yet)
{
  const char *name = conn->server_name;
  if (conn->role == 1)
    return bad_session(conn, "that is for the client to do, and this "
                             "connection was set to accept");
  if (session->ctx != conn->ctx)
    return bad_session(conn, "it is of another context");
  if ((name || !yet) && strcmp(name ? name : "", session->server_name) != 0)
    return wrong_name(conn, session);
  return yet ? SSLC_OK : check_demands(conn, session);
}

sslc_status
sslci_session_set(sslc_conn *conn, sslc_session *session)
{
  sslc_status status = session ? check(conn, session, true) : SSLC_OK;
  if (status != SSLC_OK)
    return status;
  sslc_session_up_ref(session);
  sslc_session_free(conn->session);
  conn->session = session;
  return SSLC_OK;
}

sslc_status
sslci_session_prepare(sslc_conn *conn)
{
  sslc_session *session = conn->session;
  sslc_status status = session ? check(conn, session, false) : SSLC_OK;
  if (!session || status != SSLC_OK)
    return status;
  SSL_SESSION *own = SSL_SESSION_dup(session->session);
  bool set = own && SSL_set_session(conn->ssl, own);
  SSL_SESSION_free(own);
  ERR_clear_error();
  return set ? SSLC_OK : sslci_conn_nomem(conn, SSLC_PHASE_HANDSHAKE);
}
