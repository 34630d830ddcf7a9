/*
 * args.c: from Lua's values to C's and back.  What cannot be meant throws
 * through luaL_argerror and says what was expected.
 */
#include "lcore.h"

#include <string.h>

/* Every integer up to here is a lua_Number of its own. */
#define EXACT ((lua_Number)9007199254740992.0)

/* -------------------------------------------------------------- numbers */

int lcore_checkint(lua_State *L, int arg, int min, int max)
{
  lua_Number n = luaL_checknumber(L, arg);
  if (!(n >= (lua_Number)min && n <= (lua_Number)max))
    luaL_argerror(
      L, arg, lua_pushfstring(L, "number from %d to %d expected", min, max));
  else if ((lua_Number)(int)n != n)
    luaL_argerror(L, arg, "number has no integer representation");
  return (int)n;
}

int lcore_checkfd(lua_State *L, int arg)
{
  lua_Number n = luaL_checknumber(L, arg);
  if (!(n >= 0 && n <= (lua_Number)INT_MAX) || (lua_Number)(int)n != n)
    luaL_argerror(L, arg, "file descriptor (an integer from 0 on) expected");
  return (int)n;
}

int64_t lcore_checktime(lua_State *L, int arg)
{
  lua_Number n = luaL_checknumber(L, arg);
  if (!(n >= 0 && n <= EXACT) || (lua_Number)(int64_t)n != n)
    luaL_argerror(L, arg, "whole number of seconds since 1970 expected");
  return (int64_t)n;
}

/* A position in a string of `len` bytes, from its end when negative. */
static lua_Number position(lua_State *L, int arg, lua_Number otherwise,
                           size_t len)
{
  lua_Number n = luaL_optnumber(L, arg, otherwise);
  if (n != n)
    luaL_argerror(L, arg, "number has no integer representation");
  if (n > EXACT)
    n = EXACT;
  if (n < -EXACT)
    n = -EXACT;
  if ((lua_Number)(int64_t)n != n)
    luaL_argerror(L, arg, "number has no integer representation");
  return n < 0 ? n + (lua_Number)len + 1 : n;
}

int64_t lcore_optdeadline(lua_State *L, int arg)
{
  if (lua_isnoneornil(L, arg))
    return SSLC_FOREVER;
  lua_Number seconds = luaL_checknumber(L, arg);
  if (seconds != seconds)
    luaL_argerror(L, arg, "number of seconds expected, got NaN");
  if (!(seconds > 0))
    return sslc_now();
  if (seconds > (lua_Number)4e9) /* a century: the sum must not overflow */
    return SSLC_FOREVER;
  return sslc_now() + (int64_t)(seconds * (lua_Number)1e9);
}

/* -------------------------------------------------------- other arguments */

int lcore_checkboolean(lua_State *L, int arg)
{
  luaL_checktype(L, arg, LUA_TBOOLEAN);
  return lua_toboolean(L, arg);
}

const char *lcore_checkcstring(lua_State *L, int arg)
{
  size_t len;
  const char *s = luaL_checklstring(L, arg, &len);
  luaL_argcheck(L, strlen(s) == len, arg, "string without zero bytes expected");
  return s;
}

/* Throws about an element of a list. */
static void element_error(lua_State *L, int arg, int i, const char *what)
{
  luaL_argerror(L, arg, lua_pushfstring(L, "[%d]: %s", i, what));
}

size_t lcore_checknames(lua_State *L, int arg,
                        const char *names[LCORE_NAMES_MAX])
{
  luaL_checktype(L, arg, LUA_TTABLE);
  size_t n = lcompat_rawlen(L, arg);
  if (n > LCORE_NAMES_MAX)
    luaL_argerror(L, arg, "at most 256 names expected");
  luaL_checkstack(L, (int)n + 4, "too many names");
  for (int i = 1; i <= (int)n; i++) {
    lua_rawgeti(L, arg, i);
    if (lua_type(L, -1) != LUA_TSTRING)
      element_error(L, arg, i, "string expected");
    names[i - 1] = lua_tostring(L, -1);
    if (strlen(names[i - 1]) != lcompat_rawlen(L, -1))
      element_error(L, arg, i, "string without zero bytes expected");
  }
  return n;
}

const char *lcore_checkpart(lua_State *L, int arg, size_t *len)
{
  const char *s = luaL_checklstring(L, arg, len);
  lua_Number first = position(L, arg + 1, 1, *len);
  lua_Number last = position(L, arg + 2, -1, *len);
  if (first < 1)
    first = 1;
  if (last > (lua_Number)*len)
    last = (lua_Number)*len;
  if (first > last) {
    *len = 0;
    return s;
  }
  *len = (size_t)(last - first) + 1;
  return s + (size_t)first - 1;
}

int lcore_checkevents(lua_State *L, int arg, int optional)
{
  static const char *const names[] = {"r", "w", "rw", NULL};
  static const int events[] = {SSLC_READABLE, SSLC_WRITABLE,
                               SSLC_READABLE | SSLC_WRITABLE};
  if (optional && lua_isnoneornil(L, arg))
    return 0;
  const char *s = luaL_checkstring(L, arg);
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], s) == 0)
      return events[i];
  return luaL_argerror(L, arg, "\"r\", \"w\" or \"rw\" expected");
}

/* --------------------------------------------------------------- values */

int lcore_pushevents(lua_State *L, int events)
{
  if (events == 0)
    lua_pushnil(L);
  else if (events == SSLC_READABLE)
    lua_pushliteral(L, "r");
  else if (events == SSLC_WRITABLE)
    lua_pushliteral(L, "w");
  else
    lua_pushliteral(L, "rw");
  return 1;
}

int lcore_pushboolean(lua_State *L, int value)
{
  lua_pushboolean(L, value);
  return 1;
}

int lcore_pushint64(lua_State *L, int64_t value)
{
  /* A lua_Integer of 32 bits ends in 2038. */
  if (sizeof(lua_Integer) >= sizeof value)
    lua_pushinteger(L, (lua_Integer)value);
  else
    lua_pushnumber(L, (lua_Number)value);
  return 1;
}

int lcore_pushfd(lua_State *L, int fd)
{
  if (fd < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, fd);
  return 1;
}

int lcore_pushseconds(lua_State *L, int64_t ns)
{
  if (ns < 0)
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)ns / (lua_Number)1e9);
  return 1;
}

int lcore_pushcount(lua_State *L, const lcore_object *o, size_t count)
{
  if (o->handle != NULL)
    return lcore_pushint64(L, (int64_t)count);
  lua_pushnil(L);
  return 1;
}

int lcore_pushstring(lua_State *L, const char *s)
{
  if (s == NULL || *s == '\0')
    lua_pushnil(L);
  else
    lua_pushstring(L, s);
  return 1;
}

int lcore_pushcopy(lua_State *L, const char *s)
{
  char copy[512]; /* host names and ALPN end at 255 */
  size_t len = s != NULL ? strlen(s) : 0;
  if (len >= sizeof copy)
    len = sizeof copy - 1;
  if (len > 0)
    memcpy(copy, s, len);
  copy[len] = '\0';
  return lcore_pushstring(L, copy);
}
