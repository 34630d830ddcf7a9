/*
 * session.c: what a resumption needs: SSL_SESSION_dup(3), SSL_set_session(3),
 * SSL_get1_session(3), SSL_CTX_sess_set_new_cb(3).
 *
 * A resumed connection is not shown a certificate, so a session stands for the
 * verification it comes from: it belongs to one context and one server name,
 * and is offered by no other.  It holds for as long as the certificates that
 * were verified, however often it is resumed and renewed in between.
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
  OPENSSL_free(session->server_name);
  OPENSSL_free(session->demands);
  OPENSSL_free(session);
  sslci_error_clear_queue();
}

/* ------------------------------------------------------------------ taking */

static bool
is_tls13(const SSL_SESSION *session)
{
  return SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION;
}

static bool
same_bytes(const unsigned char *a, size_t a_len, const unsigned char *b,
           size_t b_len)
{
  return a_len == b_len && a_len > 0 && memcmp(a, b, a_len) == 0;
}

/* By its ticket, or else its id. */
static bool
is_same(const SSL_SESSION *a, const SSL_SESSION *b)
{
  const unsigned char *old = NULL, *new = NULL;
  size_t old_len = 0, new_len = 0;
  unsigned int a_len = 0, b_len = 0;
  SSL_SESSION_get0_ticket(a, &old, &old_len);
  SSL_SESSION_get0_ticket(b, &new, &new_len);
  if (old_len > 0 || new_len > 0)
    return same_bytes(old, old_len, new, new_len);
  old = SSL_SESSION_get_id(a, &a_len);
  new = SSL_SESSION_get_id(b, &b_len);
  return same_bytes(old, a_len, new, b_len);
}

/* Whether it is the one that this connection was resumed from, and no new one
 * has come. */
static bool
is_old(const sslc_conn *conn, const SSL_SESSION *session)
{
  return conn->session && is_same(conn->session->session, session);
}

/* A lifetime of 0 asks for the ticket to be thrown away, in TLS 1.3.  There
 * tickets are for one use as well (RFC 8446, appendix C.4). */
static bool
is_of_use(const sslc_conn *conn, const SSL_SESSION *session)
{
  if (!session || !SSL_SESSION_is_resumable(session))
    return false;
  return !is_tls13(session) ||
         (SSL_SESSION_get_ticket_lifetime_hint(session) > 0 &&
          !is_old(conn, session));
}

/* Whoever resumes counts as verified, so it must have been. */
static bool
may_stand_for(const sslc_conn *conn)
{
  const sslc_ctx *ctx = conn->ctx;
  return conn->role == 0 && conn->connected && conn->fatal == SSLC_OK &&
         ctx->psk_count == 0 &&
         (conn->verified || ctx->no_verify || ctx->no_name_check);
}

static int64_t
earlier(int64_t a, int64_t b)
{
  return a < b ? a : b;
}

/* When the first certificate of the chain that was verified expires; -1 where
 * memory is short. */
static int64_t
chain_expires(const sslc_conn *conn)
{
  int64_t until = INT64_MAX, t;
  STACK_OF(X509) *chain = SSL_get0_verified_chain(conn->ssl);
  for (int i = 0; i < sk_X509_num(chain); i++) {
    if (!sslci_time_number(X509_get0_notAfter(sk_X509_value(chain, i)), &t))
      return -1;
    until = earlier(until, t);
  }
  return until;
}

/* What was verified, and until when that holds: of a resumed connection, what
 * its session says.  False where memory is short. */
static bool
note_verification(const sslc_conn *conn, sslc_session *s)
{
  const sslc_session *from = conn->session;
  if (from && SSL_session_reused(conn->ssl)) {
    s->verified_at = from->verified_at;
    s->good_until = from->good_until;
    s->generation = from->generation;
  } else {
    s->verified_at = (int64_t)time(NULL);
    s->good_until = conn->ctx->no_verify ? INT64_MAX : chain_expires(conn);
    s->generation = conn->trust_generation;
  }
  if (conn->good_until > 0)
    s->good_until = earlier(s->good_until, conn->good_until);
  return s->good_until >= 0;
}

static sslc_session *
copy(const sslc_conn *conn, const SSL_SESSION *session)
{
  const char *name = conn->server_name;
  sslc_session *s = sslci_new(sslc_session);
  if (!s)
    return NULL;
  atomic_init(&s->refs, 1);
  s->ctx_number = conn->ctx->number;
  s->session = SSL_SESSION_dup((SSL_SESSION *)session);
  s->demands = sslci_verify_demands(conn);
  if (s->session && s->demands && note_verification(conn, s) &&
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
  sslci_error_clear_queue();
  return s;
}

/* ------------------------------------------------------- those that come */

/* A certificate that a hook chose may be another next time, or none, and a
 * resumed connection would not ask. */
static bool
is_wanted(const sslc_conn *conn)
{
  return conn->role == 0 && conn->session_key && conn->ctx->psk_count == 0 &&
         conn->lookup_answer == SSLCI_NOT_ASKED;
}

/* Forgets the oldest of them: to the cache it makes no difference. */
static void
forget_first(sslc_conn *conn)
{
  sslc_session_free(conn->tickets[0]);
  conn->ticket_count--;
  memmove(conn->tickets, conn->tickets + 1,
          conn->ticket_count * sizeof conn->tickets[0]);
  if (conn->tickets_kept > 0)
    conn->tickets_kept--;
  if (conn->tickets_taken > 0)
    conn->tickets_taken--;
}

static void
note_ticket(sslc_conn *conn, const SSL_SESSION *session)
{
  sslc_session *s =
    is_wanted(conn) && is_of_use(conn, session) ? copy(conn, session) : NULL;
  if (!s)
    return;
  if (conn->ticket_count == SSLCI_TICKETS)
    forget_first(conn);
  conn->tickets[conn->ticket_count++] = s;
}

/* TLS 1.3: called in the middle of a read.  0: the reference stays libssl's. */
static int
ticket_came(SSL *ssl, SSL_SESSION *session)
{
  sslc_conn *conn = SSL_get_app_data(ssl);
  if (conn && is_tls13(session))
    note_ticket(conn, session);
  return 0;
}

void
sslci_session_watch(SSL_CTX *ssl_ctx)
{
  SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_CLIENT |
                                            SSL_SESS_CACHE_NO_INTERNAL |
                                            SSL_SESS_CACHE_NO_AUTO_CLEAR);
  SSL_CTX_sess_set_new_cb(ssl_ctx, ticket_came);
}

void
sslci_session_settle(sslc_conn *conn)
{
  if (conn->tickets_kept == conn->ticket_count || !may_stand_for(conn))
    return;
  for (size_t i = conn->tickets_kept; i < conn->ticket_count; i++)
    sslci_cache_put(conn->ctx->sessions, conn->session_key, conn->tickets[i]);
  conn->tickets_kept = conn->ticket_count;
}

/* libssl calls nobody for a ticket that is renewed in TLS 1.2, so there the
 * session is asked for at the end of each handshake. */
void
sslci_session_done(sslc_conn *conn)
{
  const SSL_SESSION *session = SSL_get0_session(conn->ssl);
  struct sslci_cache *cache = conn->ctx->sessions;
  bool reused = SSL_session_reused(conn->ssl);
  if (conn->role != 0)
    return;
  sslci_count(&cache->stats.connects);
  if (conn->session_offered)
    sslci_count(reused ? &cache->stats.resumed : &cache->stats.refused);
  if (conn->session_offered && !reused)
    sslci_cache_remove(cache, conn->session_key, conn->session);
  if (session && !is_tls13(session) && !is_old(conn, session))
    note_ticket(conn, session);
  sslci_session_settle(conn);
  sslci_error_clear_queue();
}

/* All that there is of a server goes with a handshake that was to be resumed
 * and is not done, whoever gave up: so the next one is in full. */
void
sslci_session_closed(sslc_conn *conn)
{
  struct sslci_cache *cache = conn->ctx->sessions;
  if (!conn->session_offered || conn->connected)
    return;
  conn->session_offered = false;
  sslci_count(&cache->stats.failed);
  sslci_cache_remove_all(cache, conn->session_key);
}

/* RFC 8446, section 6: what comes from a connection that failed is discarded.
 * A mere end of the stream is none of that (RFC 5246, section 7.2.1), nor is a
 * close_notify of ours that found nobody there any more. */
void
sslci_session_failed(sslc_conn *conn)
{
  struct sslci_cache *cache = conn->ctx->sessions;
  sslci_session_closed(conn);
  if (conn->fatal == SSLC_ERR_EOF || conn->close_notify_came)
    return;
  for (size_t i = 0; i < conn->ticket_count; i++)
    sslci_cache_remove(cache, conn->session_key, conn->tickets[i]);
  while (conn->ticket_count > 0)
    forget_first(conn);
}

sslc_session *
sslc_conn_take_session(sslc_conn *conn)
{
  if (!conn || !may_stand_for(conn) ||
      conn->tickets_taken == conn->ticket_count)
    return NULL;
  return sslc_session_up_ref(conn->tickets[conn->tickets_taken++]);
}

void
sslci_session_free(sslc_conn *conn)
{
  while (conn->ticket_count > 0)
    forget_first(conn);
  sslc_session_free(conn->session);
  OPENSSL_free(conn->session_key);
  OPENSSL_free(conn->session_scope);
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
  if (session->ctx_number != conn->ctx->number)
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
  conn->session_cached = false;
  return SSLC_OK;
}

/* A session that has no use any more is left out, and the handshake is in
 * full. */
static bool
is_current(const sslc_conn *conn, const sslc_session *session)
{
  int64_t lifetime = conn->ctx->sessions->lifetime;
  return session->generation == conn->trust_generation &&
         sslci_session_expires(session, lifetime) > (int64_t)time(NULL);
}

int64_t
sslci_session_expires(const sslc_session *session, int64_t lifetime)
{
  int64_t until = earlier(session->good_until, session->verified_at + lifetime);
  return earlier(until, sslc_session_time(session) +
                          sslc_session_lifetime(session));
}

/* Each part with its length, so that no two ways to split it are the same. */
char *
sslci_session_make_key(const sslc_conn *conn)
{
  const char *scope = conn->session_scope;
  char *demands = sslci_verify_demands(conn);
  char *key = demands ? sslci_asprintf("%zu:%s%zu:%s", strlen(scope), scope,
                                       strlen(demands), demands)
                      : NULL;
  OPENSSL_free(demands);
  return key;
}

/* Without memory for it there is no resumption, and nothing else is wrong. */
static void
take_from_cache(sslc_conn *conn)
{
  if (!conn->session_scope || conn->role != 0)
    return;
  OPENSSL_free(conn->session_key);
  conn->session_key = sslci_session_make_key(conn);
  if (!conn->session_key || conn->session)
    return;
  conn->session = sslci_cache_take(conn->ctx->sessions, conn->session_key,
                                   conn->trust_generation);
  conn->session_cached = conn->session != NULL;
}

/* Where the handshake did not begin after all, and is tried again. */
static void
drop_cached(sslc_conn *conn)
{
  if (!conn->session_cached)
    return;
  sslc_session_free(conn->session);
  conn->session = NULL;
  conn->session_cached = false;
}

static sslc_status
offer(sslc_conn *conn, const sslc_session *session)
{
  SSL_SESSION *own = SSL_SESSION_dup(session->session);
  bool set = own && SSL_set_session(conn->ssl, own);
  SSL_SESSION_free(own);
  sslci_error_clear_queue();
  if (!set)
    return sslci_conn_nomem(conn, SSLC_PHASE_HANDSHAKE);
  conn->session_offered = true;
  sslci_count(&conn->ctx->sessions->stats.offered);
  return SSLC_OK;
}

sslc_status
sslci_session_prepare(sslc_conn *conn)
{
  drop_cached(conn);
  take_from_cache(conn);
  sslc_session *session = conn->session;
  sslc_status status = session ? check(conn, session, false) : SSLC_OK;
  if (!session || status != SSLC_OK)
    return status;
  return is_current(conn, session) ? offer(conn, session) : SSLC_OK;
}
