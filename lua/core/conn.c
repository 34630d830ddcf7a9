/*
 * conn.c: connections, the userdata over sslc_conn.  ssl(7), SSL_connect(3),
 * SSL_read(3), SSL_shutdown(3).
 *
 * The connection keeps nothing alive in Lua: the C core counts references to
 * context and BIOs itself.
 */
#include "lcore.h"

#include <stdio.h>
#include <string.h>

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_conn);
}

/* conn(ctx) */
int lcore_core_conn(lua_State *L)
{
  lcore_object *ctx = lcore_check(L, 1, &lcore_ctx);
  lcore_object *o = lcore_new(L, &lcore_conn);
  if (ctx->handle == NULL)
    return lcore_failure(L, ctx, SSLC_ERR_STATE);
  return lcore_fill(L, o, sslc_conn_new(ctx->handle));
}

/* ------------------------------------------------------------- settings */

/* set_bio(rbio[, wbio]) */
static int conn_set_bio(lua_State *L)
{
  lcore_object *o = check(L);
  lcore_object *r = lcore_check(L, 2, &lcore_bio);
  lcore_object *w = lua_isnoneornil(L, 3) ? r : lcore_check(L, 3, &lcore_bio);
  if (o->handle == NULL)
    return lcore_failure(L, o, SSLC_ERR_STATE);
  if (r->handle == NULL || w->handle == NULL)
    return lcore_failure(L, r->handle == NULL ? r : w, SSLC_ERR_STATE);
  return lcore_result(L, o, sslc_conn_set_bio(o->handle, r->handle, w->handle));
}

/* A userdata of its own reference to one of the BIOs. */
static int push_bio(lua_State *L, sslc_bio *(*get)(const sslc_conn *conn))
{
  lcore_object *o = check(L);
  lcore_object *bio = lcore_new(L, &lcore_bio);
  sslc_bio *handle = get(o->handle);
  if (handle != NULL)
    bio->handle = sslc_bio_up_ref(handle);
  else
    lua_pushnil(L);
  return 1;
}

static int conn_rbio(lua_State *L)
{
  return push_bio(L, sslc_conn_rbio);
}

static int conn_wbio(lua_State *L)
{
  return push_bio(L, sslc_conn_wbio);
}

static int set_string(lua_State *L,
                      sslc_status (*set)(sslc_conn *conn, const char *s))
{
  lcore_object *o = check(L);
  const char *s = lcore_checkcstring(L, 2);
  return lcore_result(L, o, set(o->handle, s));
}

static int conn_set_server_name(lua_State *L)
{
  return set_string(L, sslc_conn_set_server_name);
}

static int conn_set_peer_label(lua_State *L)
{
  return set_string(L, sslc_conn_set_peer_label);
}

static int conn_set_peer_address(lua_State *L)
{
  return set_string(L, sslc_conn_set_peer_address);
}

/* set_hold_flight(boolean) */
static int conn_set_hold_flight(lua_State *L)
{
  lcore_object *o = check(L);
  int on = lcore_checkboolean(L, 2);
  return lcore_result(L, o, sslc_conn_set_hold_flight(o->handle, on));
}

/* set_session(session | nil) */
static int conn_set_session(lua_State *L)
{
  lcore_object *o = check(L);
  lcore_object *s = lua_isnoneornil(L, 2)
    ? NULL : lcore_check(L, 2, &lcore_session);
  if (s != NULL && s->handle == NULL)
    return lcore_failure(L, s, SSLC_ERR_STATE);
  sslc_session *session = s != NULL ? s->handle : NULL;
  return lcore_result(L, o, sslc_conn_set_session(o->handle, session));
}

/* A userdata of its own reference, or nil. */
static int conn_session(lua_State *L)
{
  lcore_object *o = check(L);
  lcore_object *s = lcore_new(L, &lcore_session);
  s->handle = sslc_conn_get1_session(o->handle);
  if (s->handle == NULL)
    lua_pushnil(L);
  return 1;
}

/* ---------------------------------------------------------------- steps */

static int step(lua_State *L, sslc_status (*function)(sslc_conn *conn))
{
  lcore_object *o = check(L);
  return lcore_result(L, o, function(o->handle));
}

static int conn_set_connect_state(lua_State *L)
{
  return step(L, sslc_conn_set_connect_state);
}

static int conn_set_accept_state(lua_State *L)
{
  return step(L, sslc_conn_set_accept_state);
}

/* do_handshake([level]): with true as where sslc_conn_set_level_triggered is
 * set, for this step. */
static int conn_do_handshake(lua_State *L)
{
  lcore_object *o = check(L);
  int level = lua_toboolean(L, 2);
  if (o->handle == NULL || !level)
    return step(L, sslc_conn_do_handshake);
  sslc_conn_set_level_triggered(o->handle, 1);
  sslc_status status = sslc_conn_do_handshake(o->handle);
  sslc_conn_set_level_triggered(o->handle, 0);
  return lcore_result(L, o, status);
}

static int conn_connect(lua_State *L)
{
  return step(L, sslc_conn_connect);
}

static int conn_accept(lua_State *L)
{
  return step(L, sslc_conn_accept);
}

static int conn_shutdown(lua_State *L)
{
  return step(L, sslc_conn_shutdown);
}

static int conn_flush(lua_State *L)
{
  return step(L, sslc_conn_flush);
}

/* key_update([request]) */
static int conn_key_update(lua_State *L)
{
  lcore_object *o = check(L);
  int request = lua_isnoneornil(L, 2) ? 0 : lcore_checkboolean(L, 2);
  return lcore_result(L, o, sslc_conn_key_update(o->handle, request));
}

static sslc_status reader(void *handle, void *buf, size_t len, size_t *n)
{
  return sslc_conn_read(handle, buf, len, n);
}

static int conn_read(lua_State *L)
{
  return lcore_read(L, &lcore_conn, reader, 1);
}

static sslc_status peeker(void *handle, void *buf, size_t len, size_t *n)
{
  return sslc_conn_peek(handle, buf, len, n);
}

static int conn_peek(lua_State *L)
{
  return lcore_read(L, &lcore_conn, peeker, 0);
}

static sslc_status writer(void *handle, const void *buf, size_t len, size_t *n)
{
  return sslc_conn_write(handle, buf, len, n);
}

static int conn_write(lua_State *L)
{
  return lcore_write(L, &lcore_conn, writer);
}

/* ---------------------------------------------- where the connection is */

static int conn_get_shutdown(lua_State *L)
{
  lcore_object *o = check(L);
  if (o->handle == NULL) {
    lua_pushnil(L);
    return 1;
  }
  lua_createtable(L, 0, 2);
  int seen = sslc_conn_get_shutdown(o->handle);
  lua_pushboolean(L, seen & SSLC_SENT_SHUTDOWN);
  lua_setfield(L, -2, "sent");
  lua_pushboolean(L, seen & SSLC_RECEIVED_SHUTDOWN);
  lua_setfield(L, -2, "received");
  return 1;
}

static int conn_pending(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_pushcount(L, o, sslc_conn_pending(o->handle));
}

static int conn_write_begun(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_pushcount(L, o, sslc_conn_write_begun(o->handle));
}

static int conn_has_pending(lua_State *L)
{
  return lcore_pushboolean(L, sslc_conn_has_pending(check(L)->handle));
}

static int conn_last_status(lua_State *L)
{
  sslc_conn *conn = check(L)->handle;
  const char *name = sslc_status_name(sslc_conn_last_status(conn));
  return lcore_pushstring(L, conn != NULL ? name : NULL);
}

/* A number of the last step. */
static int push_int(lua_State *L, int (*get)(const sslc_conn *conn))
{
  sslc_conn *conn = check(L)->handle;
  if (conn != NULL)
    lua_pushinteger(L, get(conn));
  else
    lua_pushnil(L);
  return 1;
}

static int conn_last_return(lua_State *L)
{
  return push_int(L, sslc_conn_last_return);
}

static int conn_ssl_error(lua_State *L)
{
  return push_int(L, sslc_conn_ssl_error);
}

static int conn_error(lua_State *L)
{
  return lcore_lasterror(L, &lcore_conn);
}

static int conn_is_connected(lua_State *L)
{
  return lcore_pushboolean(L, sslc_conn_is_connected(check(L)->handle));
}

static int conn_is_server(lua_State *L)
{
  sslc_conn *conn = check(L)->handle;
  int is = conn != NULL ? sslc_conn_is_server(conn) : -1;
  if (is < 0)
    lua_pushnil(L);
  else
    lua_pushboolean(L, is);
  return 1;
}

static int conn_state_string(lua_State *L)
{
  sslc_conn *conn = check(L)->handle;
  return lcore_pushcopy(L, conn ? sslc_conn_state_string(conn) : NULL);
}

static int conn_fd(lua_State *L)
{
  return lcore_pushfd(L, sslc_conn_fd(check(L)->handle));
}

/* Seconds; nil for as long as it takes. */
static int conn_timeout(lua_State *L)
{
  const sslc_conn *conn = check(L)->handle;
  int64_t ns = conn != NULL ? sslc_conn_timeout(conn) : -1;
  if (ns < 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)ns / (lua_Number)1e9);
  return 1;
}

/* -------------------------------------------------- what was negotiated */

static int conn_version(lua_State *L)
{
  return lcore_pushcopy(L, sslc_conn_version(check(L)->handle));
}

static int conn_cipher(lua_State *L)
{
  return lcore_pushcopy(L, sslc_conn_cipher(check(L)->handle));
}

static int conn_group(lua_State *L)
{
  return lcore_pushcopy(L, sslc_conn_group(check(L)->handle));
}

static int conn_alpn(lua_State *L)
{
  return lcore_pushcopy(L, sslc_conn_alpn(check(L)->handle));
}

static int conn_server_name(lua_State *L)
{
  return lcore_pushcopy(L, sslc_conn_server_name(check(L)->handle));
}

static int conn_session_reused(lua_State *L)
{
  sslc_conn *conn = check(L)->handle;
  return lcore_pushboolean(L, sslc_conn_session_reused(conn) == 1);
}

static int conn_peer_cert_count(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_pushcount(L, o, sslc_conn_peer_cert_count(o->handle));
}

/* peer_cert(i): the peer's own is 1. */
static int conn_peer_cert(lua_State *L)
{
  lcore_object *o = check(L);
  int i = lcore_checkint(L, 2, INT_MIN, INT_MAX);
  lcore_object *c = lcore_new(L, &lcore_cert);
  const sslc_cert *cert = NULL;
  if (i >= 1)
    cert = sslc_conn_peer_cert(o->handle, (size_t)i - 1);
  if (cert != NULL)
    c->handle = sslc_cert_up_ref(cert);
  else
    lua_pushnil(L);
  return 1;
}

static int conn_is_verified(lua_State *L)
{
  return lcore_pushboolean(L, sslc_conn_is_verified(check(L)->handle) == 1);
}

/* ------------------------------------------------------- the connection */

/* For all who have a reference. */
static int conn_close(lua_State *L)
{
  sslc_conn_close(check(L)->handle);
  return lcore_close(L, &lcore_conn);
}

/* Lets go of this reference alone: another userdata, or a BIO over it, may
 * have one. */
static int conn_gc(lua_State *L)
{
  return lcore_close(L, &lcore_conn);
}

static int conn_eq(lua_State *L)
{
  return lcore_equal(L, &lcore_conn);
}

static void add_word(char *text, size_t size, const char *word)
{
  size_t len = strlen(text);
  if (word != NULL)
    snprintf(text + len, size - len, " %s", word);
}

/* Whether the last step failed for good, and not just did not fit. */
static int has_failed(const sslc_conn *conn)
{
  sslc_status status = sslc_conn_last_status(conn);
  return status < 0 && status != SSLC_ERR_ARG && status != SSLC_ERR_STATE &&
         status != SSLC_ERR_TIMEOUT;
}

/* "(connected", "(handshaking: ...", ... */
static void add_state(char *text, size_t size, const sslc_conn *conn)
{
  size_t len = strlen(text);
  const char *state = "connected";
  const char *what = NULL;
  if (has_failed(conn)) {
    state = "failed: ";
    what = sslc_error_code_name(sslc_conn_error(conn));
  } else if (sslc_conn_get_shutdown(conn) & SSLC_SENT_SHUTDOWN) {
    state = "shut down";
  } else if (sslc_conn_get_shutdown(conn) & SSLC_RECEIVED_SHUTDOWN) {
    state = "shut down by the peer";
  } else if (!sslc_conn_is_connected(conn)) {
    state = "handshaking: ";
    what = sslc_conn_state_string(conn);
  }
  snprintf(text + len, size - len, " (%s%s", state, what ? what : "");
}

/* What the last step wants, and the end of what add_state began. */
static void add_want(char *text, size_t size, const sslc_conn *conn)
{
  size_t len = strlen(text);
  sslc_status want = sslc_conn_last_status(conn);
  if (want > SSLC_OK && want != SSLC_CLOSED)
    snprintf(text + len, size - len, ", %s)", sslc_status_name(want));
  else
    snprintf(text + len, size - len, ")");
}

static int conn_tostring(lua_State *L)
{
  const sslc_conn *conn = check(L)->handle;
  char text[1024] = "sslconnect.conn:";
  if (conn == NULL) {
    lua_pushliteral(L, "sslconnect.conn: (closed)");
    return 1;
  }
  int server = sslc_conn_is_server(conn);
  if (server >= 0)
    add_word(text, sizeof text, server ? "server" : "client");
  add_word(text, sizeof text, sslc_conn_server_name(conn));
  add_word(text, sizeof text, sslc_conn_version(conn));
  add_word(text, sizeof text, sslc_conn_cipher(conn));
  add_state(text, sizeof text, conn);
  add_want(text, sizeof text, conn);
  lua_pushstring(L, text);
  return 1;
}

static void conn_release(void *handle)
{
  sslc_conn_release(handle);
}

static const sslc_error *conn_last_error(const void *handle)
{
  return sslc_conn_error(handle);
}

static const luaL_Reg methods[] = {
  {"set_bio", conn_set_bio},
  {"rbio", conn_rbio},
  {"wbio", conn_wbio},
  {"set_server_name", conn_set_server_name},
  {"set_peer_label", conn_set_peer_label},
  {"set_peer_address", conn_set_peer_address},
  {"set_connect_state", conn_set_connect_state},
  {"set_accept_state", conn_set_accept_state},
  {"set_hold_flight", conn_set_hold_flight},
  {"set_session", conn_set_session},
  {"session", conn_session},
  {"do_handshake", conn_do_handshake},
  {"connect", conn_connect},
  {"accept", conn_accept},
  {"read", conn_read},
  {"peek", conn_peek},
  {"write", conn_write},
  {"flush", conn_flush},
  {"key_update", conn_key_update},
  {"shutdown", conn_shutdown},
  {"get_shutdown", conn_get_shutdown},
  {"pending", conn_pending},
  {"has_pending", conn_has_pending},
  {"write_begun", conn_write_begun},
  {"last_status", conn_last_status},
  {"last_return", conn_last_return},
  {"ssl_error", conn_ssl_error},
  {"error", conn_error},
  {"is_connected", conn_is_connected},
  {"is_server", conn_is_server},
  {"state_string", conn_state_string},
  {"fd", conn_fd},
  {"timeout", conn_timeout},
  {"version", conn_version},
  {"cipher", conn_cipher},
  {"group", conn_group},
  {"alpn", conn_alpn},
  {"session_reused", conn_session_reused},
  {"server_name", conn_server_name},
  {"peer_cert_count", conn_peer_cert_count},
  {"peer_cert", conn_peer_cert},
  {"is_verified", conn_is_verified},
  {"set_trace", lcore_conn_set_trace},
  {"trace", lcore_conn_trace},
  {"close", conn_close},
  {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__gc", conn_gc},
                                       {"__close", conn_close},
                                       {"__eq", conn_eq},
                                       {"__tostring", conn_tostring},
                                       {NULL, NULL}};

const lcore_kind lcore_conn = {"sslconnect.conn", "connection", conn_release,
                               conn_last_error,   methods,      metamethods};
