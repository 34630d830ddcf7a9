/*
 * poller.c: a set of descriptors to wait for, the userdata over sslc_poller.
 */
#include "lcore.h"

#include <errno.h>

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_poller);
}

int lcore_core_poller(lua_State *L)
{
  lcore_object *o = lcore_new(L, &lcore_poller);
  return lcore_fill(L, o, sslc_poller_new());
}

/* A poller keeps no error: it is made here, of status and errno. */
static int failure(lua_State *L, lcore_object *o, sslc_status status,
                   int errnum)
{
  if (o->handle == NULL)
    return lcore_failure(L, o, status);
  return lcore_madefailure(L, status, SSLC_PHASE_NONE,
                           status == SSLC_ERR_SYS ? errnum : 0);
}

/* set(fd, events|nil) */
static int poller_set(lua_State *L)
{
  lcore_object *o = check(L);
  int fd = lcore_checkfd(L, 2);
  int events = lcore_checkevents(L, 3, 1);
  sslc_status status = sslc_poller_set(o->handle, fd, events);
  if (status != SSLC_OK)
    return failure(L, o, status, errno);
  return lcore_pushboolean(L, 1);
}

/* wait(seconds|nil[, table]): what is ready, in the table or in a new one.  To
 * store may run a finalizer that closes the poller, so the handle is looked at
 * anew for each. */
static int poller_wait(lua_State *L)
{
  lcore_object *o = check(L);
  int64_t deadline = lcore_optdeadline(L, 2);
  size_t n = 0;
  if (!lua_isnoneornil(L, 3))
    luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  sslc_status status = sslc_poller_wait(o->handle, deadline, &n);
  if (status != SSLC_OK)
    return failure(L, o, status, errno);
  if (lua_isnil(L, 3))
    lua_newtable(L);
  for (size_t i = 0; i < n && o->handle != NULL; i++) {
    int events = 0;
    int fd = sslc_poller_ready(o->handle, i, &events);
    if (fd < 0)
      continue;
    lcore_pushevents(L, events);
    lua_rawseti(L, -2, fd);
  }
  return 1;
}

static int poller_fd(lua_State *L)
{
  return lcore_pushfd(L, sslc_poller_fd(check(L)->handle));
}

static int poller_close(lua_State *L)
{
  return lcore_close(L, &lcore_poller);
}

static int poller_tostring(lua_State *L)
{
  lcore_object *o = check(L);
  if (o->handle == NULL)
    lua_pushliteral(L, "sslconnect.poller: (closed)");
  else
    lua_pushfstring(L, "sslconnect.poller: %p", (void *)o);
  return 1;
}

static void poller_release(void *handle)
{
  sslc_poller_free(handle);
}

static const luaL_Reg methods[] = {{"set", poller_set},
                                   {"wait", poller_wait},
                                   {"fd", poller_fd},
                                   {"close", poller_close},
                                   {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__gc", poller_close},
                                       {"__close", poller_close},
                                       {"__tostring", poller_tostring},
                                       {NULL, NULL}};

const lcore_kind lcore_poller = {
  "sslconnect.poller", "poller", poller_release, NULL, methods, metamethods};
