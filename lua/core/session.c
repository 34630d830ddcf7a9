/*
 * session.c: sessions, the userdata over sslc_session.  Immutable and without
 * a `close`, but __gc can be called by anybody.  And what contexts and
 * connections have to do with them.
 */
#include "lcore.h"

#include <stdio.h>

static const sslc_session *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_session)->handle;
}

static int session_server_name(lua_State *L)
{
  return lcore_pushcopy(L, sslc_session_server_name(check(L)));
}

static int session_version(lua_State *L)
{
  return lcore_pushstring(L, sslc_session_version(check(L)));
}

static int push_seconds(lua_State *L,
                        int64_t (*get)(const sslc_session *session))
{
  const sslc_session *session = check(L);
  if (session != NULL)
    return lcore_pushint64(L, get(session));
  lua_pushnil(L);
  return 1;
}

static int session_time(lua_State *L)
{
  return push_seconds(L, sslc_session_time);
}

static int session_lifetime(lua_State *L)
{
  return push_seconds(L, sslc_session_lifetime);
}

static int session_tostring(lua_State *L)
{
  const sslc_session *session = check(L);
  const char *name = sslc_session_server_name(session);
  const char *version = sslc_session_version(session);
  char text[320] = "sslconnect.session: (closed)";
  if (session != NULL)
    snprintf(text, sizeof text, "sslconnect.session: %s (%s)",
             *name != '\0' ? name : "no name",
             version != NULL ? version : "of an unknown version");
  lua_pushstring(L, text);
  return 1;
}

static int session_gc(lua_State *L)
{
  return lcore_close(L, &lcore_session);
}

static void session_release(void *handle)
{
  sslc_session_free(handle);
}

static int session_max_early_data(lua_State *L)
{
  return lcore_pushint64(L, sslc_session_max_early_data(check(L)));
}

static const luaL_Reg methods[] = {{"server_name", session_server_name},
                                   {"max_early_data", session_max_early_data},
                                   {"version", session_version},
                                   {"time", session_time},
                                   {"lifetime", session_lifetime},
                                   {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__gc", session_gc},
                                       {"__tostring", session_tostring},
                                       {NULL, NULL}};

const lcore_kind lcore_session = {
  "sslconnect.session", "session", session_release, NULL, methods, metamethods};

/* ------------------------------------------------------------- contexts */

/* set_session_cache(size, seconds): 0 sessions turn it off, 0 seconds are the
 * default. */
static int ctx_set_session_cache(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  int size = lcore_checkint(L, 2, 0, INT_MAX);
  int lifetime = lcore_checkint(L, 3, 0, INT_MAX);
  return lcore_result(
    L, o, sslc_ctx_set_session_cache(o->handle, (size_t)size, lifetime));
}

static void set_count(lua_State *L, const char *name, uint64_t count)
{
  lcore_pushint64(L, (int64_t)count);
  lua_setfield(L, -2, name);
}

static void push_statistics(lua_State *L, const sslc_ctx_statistics *s)
{
  lua_createtable(L, 0, 13);
  set_count(L, "connects", s->connects);
  set_count(L, "offered", s->offered);
  set_count(L, "resumed", s->resumed);
  set_count(L, "refused", s->refused);
  set_count(L, "failed", s->failed);
  set_count(L, "misses", s->misses);
  set_count(L, "stored", s->stored);
  set_count(L, "expired", s->expired);
  set_count(L, "evicted", s->evicted);
  set_count(L, "dropped", s->dropped);
  set_count(L, "kept", s->kept);
  set_count(L, "early_data_accepted", s->early_data_accepted);
  set_count(L, "early_data_rejected", s->early_data_rejected);
}

/* stats(): a table of counters; nil where the context is closed. */
static int ctx_stats(lua_State *L)
{
  const lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  sslc_ctx_statistics s = {.size = sizeof s};
  if (sslc_ctx_stats(o->handle, &s))
    push_statistics(L, &s);
  else
    lua_pushnil(L);
  return 1;
}

static int ctx_set_session_secret(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  size_t len;
  const char *secret = luaL_checklstring(L, 2, &len);
  return lcore_result(L, o,
                      sslc_ctx_set_session_secret(o->handle, secret, len));
}

static int ctx_set_session_domain(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  const char *domain = lua_isnoneornil(L, 2) ? NULL : lcore_checkcstring(L, 2);
  return lcore_result(L, o, sslc_ctx_set_session_domain(o->handle, domain));
}

static int ctx_set_max_early_data(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  int size = lcore_checkint(L, 2, 0, INT_MAX);
  return lcore_result(L, o,
                      sslc_ctx_set_max_early_data(o->handle, (uint32_t)size));
}

/* `nil, err` for an error that is ours to free: copied before Lua is called. */
static int failed(lua_State *L, lcore_object *o, sslc_status status,
                  sslc_error *error)
{
  char message[200];
  int code = sslc_error_code(error);
  if (error == NULL)
    return lcore_failure(L, o, status);
  snprintf(message, sizeof message, "%s", sslc_error_message(error));
  sslc_error_free(error);
  lua_pushnil(L);
  lcore_pushmade(L, code, SSLC_PHASE_CONFIG, message, 0);
  return 2;
}

static void *session_at(lua_State *L, int arg)
{
  void *session = lcore_check(L, arg, &lcore_session)->handle;
  if (session == NULL)
    luaL_argerror(L, arg, "the session is closed");
  return session;
}

/* export_session(session): the bytes, by way of a buffer that is Lua's. */
static int ctx_export_session(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  size_t len = 0;
  sslc_error *error = NULL;
  sslc_status status = sslc_ctx_export_session(o->handle, session_at(L, 2),
                                               NULL, 0, &len, &error);
  if (status != SSLC_OK)
    return failed(L, o, status, error);
  void *buf = lcompat_newuserdata(L, len);
  status = sslc_ctx_export_session(o->handle, session_at(L, 2), buf, len, &len,
                                   &error);
  if (status != SSLC_OK)
    return failed(L, o, status, error);
  lua_pushlstring(L, buf, len);
  return 1;
}

static int ctx_import_session(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  size_t len;
  const char *bytes = luaL_checklstring(L, 2, &len);
  lcore_object *s = lcore_new(L, &lcore_session);
  sslc_session *session = NULL;
  sslc_error *error = NULL;
  sslc_status status =
    sslc_ctx_import_session(o->handle, bytes, len, &session, &error);
  s->handle = session;
  return status == SSLC_OK ? 1 : failed(L, o, status, error);
}

const luaL_Reg lcore_ctx_sessions[] = {
  {"set_session_cache", ctx_set_session_cache},
  {"set_session_secret", ctx_set_session_secret},
  {"set_session_domain", ctx_set_session_domain},
  {"set_max_early_data", ctx_set_max_early_data},
  {"export_session", ctx_export_session},
  {"import_session", ctx_import_session},
  {"stats", ctx_stats},
  {NULL, NULL}};

/* ---------------------------------------------------------- connections */

/* set_session_scope(string | nil) */
static int conn_set_session_scope(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  const char *scope = lua_isnoneornil(L, 2) ? NULL : lcore_checkcstring(L, 2);
  return lcore_result(L, o, sslc_conn_set_session_scope(o->handle, scope));
}

/* A userdata of the next session that came, or nil. */
static int conn_take_session(lua_State *L)
{
  const lcore_object *o = lcore_check(L, 1, &lcore_conn);
  lcore_object *s = lcore_new(L, &lcore_session);
  s->handle = sslc_conn_take_session(o->handle);
  if (s->handle == NULL)
    lua_pushnil(L);
  return 1;
}

/* The key of a store, or nil. */
static int conn_session_key(lua_State *L)
{
  const lcore_object *o = lcore_check(L, 1, &lcore_conn);
  return lcore_pushcopy(L, sslc_conn_session_key(o->handle));
}

/* write_early_data(s): how many bytes have gone, all or 0. */
static int conn_write_early_data(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  size_t len, n = 0;
  const char *s = luaL_checklstring(L, 2, &len);
  sslc_status status = sslc_conn_write_early_data(o->handle, s, len, &n);
  if (status != SSLC_OK)
    return lcore_result(L, o, status);
  return lcore_pushint64(L, (int64_t)n);
}

static int conn_early_data(lua_State *L)
{
  static const char *const names[] = {"not_sent", "rejected", "accepted"};
  const lcore_object *o = lcore_check(L, 1, &lcore_conn);
  lua_pushstring(L, names[sslc_conn_early_data(o->handle)]);
  return 1;
}

/* read_early_data(max): bytes, "" where there is no more. */
static int conn_read_early_data(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  char buf[4096];
  int max = lcore_checkint(L, 2, 1, (int)sizeof buf);
  size_t n = 0;
  sslc_status status =
    sslc_conn_read_early_data(o->handle, buf, (size_t)max, &n);
  if (status != SSLC_OK)
    return lcore_result(L, o, status);
  lua_pushlstring(L, buf, n);
  return 1;
}

const luaL_Reg lcore_conn_sessions[] = {
  {"set_session_scope", conn_set_session_scope},
  {"take_session", conn_take_session},
  {"session_key", conn_session_key},
  {"write_early_data", conn_write_early_data},
  {"read_early_data", conn_read_early_data},
  {"early_data", conn_early_data},
  {NULL, NULL}};
