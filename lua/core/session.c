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

static const luaL_Reg methods[] = {{"server_name", session_server_name},
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

const luaL_Reg lcore_ctx_sessions[] = {
  {"set_session_cache", ctx_set_session_cache},
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

const luaL_Reg lcore_conn_sessions[] = {
  {"set_session_scope", conn_set_session_scope},
  {"take_session", conn_take_session},
  {NULL, NULL}};
