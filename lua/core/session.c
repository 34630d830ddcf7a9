/*
 * session.c: sessions, the userdata over sslc_session.  Immutable and without
 * a `close`, but __gc can be called by anybody.
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
