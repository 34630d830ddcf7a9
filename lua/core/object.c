/*
 * object.c: what all userdata of the binding have in common: made closed and
 * filled after, checked, closed at any time, read and written.
 */
#include "lcore.h"

#include <string.h>

/* ---------------------------------------------------------- metatables */

/* As luaL_setfuncs, which 5.1 does not have. */
void lcore_setfuncs(lua_State *L, const luaL_Reg *list)
{
  for (; list->name != NULL; list++) {
    lua_pushcfunction(L, list->func);
    lua_setfield(L, -2, list->name);
  }
}

void lcore_register(lua_State *L, const lcore_kind *kind)
{
  luaL_newmetatable(L, kind->name); /* [meta] */
  lcore_setfuncs(L, kind->metamethods);
  lua_newtable(L); /* [meta, methods] */
  lcore_setfuncs(L, kind->methods);
  lua_setfield(L, -2, "__index"); /* [meta] */
  lua_pushstring(L, kind->name);
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
}

void lcore_extend(lua_State *L, const lcore_kind *kind,
                  const luaL_Reg *methods)
{
  luaL_getmetatable(L, kind->name); /* [meta] */
  lua_getfield(L, -1, "__index");   /* [meta, methods] */
  lcore_setfuncs(L, methods);
  lua_pop(L, 2);
}

/* ------------------------------------------------------ making, checking */

lcore_object *lcore_new(lua_State *L, const lcore_kind *kind)
{
  lcore_object *o = lcompat_newuserdata(L, sizeof *o);
  o->kind = kind;
  o->handle = NULL;
  o->lost = 0;
  memset(&o->kept, 0, sizeof o->kept);
  luaL_getmetatable(L, kind->name);
  lua_setmetatable(L, -2);
  return o;
}

int lcore_fill(lua_State *L, lcore_object *o, void *handle)
{
  o->handle = handle;
  if (handle != NULL)
    return 1;
  return lcore_madefailure(L, SSLC_ERR_NOMEM, SSLC_PHASE_NONE, 0);
}

lcore_object *lcore_test(lua_State *L, int arg, const lcore_kind *kind)
{
  lcore_object *o = lua_touserdata(L, arg);
  if (o == NULL || !lua_getmetatable(L, arg)) /* [meta] */
    return NULL;
  luaL_getmetatable(L, kind->name); /* [meta, wanted] */
  int same = lua_rawequal(L, -1, -2);
  lua_pop(L, 2);
  return same && o->kind == kind ? o : NULL;
}

/* The name alone does not say that the userdata is ours: a second copy of the
 * module, of another version, has metatables of the same names. */
lcore_object *lcore_check(lua_State *L, int arg, const lcore_kind *kind)
{
  lcore_object *o = luaL_checkudata(L, arg, kind->name);
  if (o->kind != kind)
    luaL_argerror(L, arg, "made by another copy of sslconnect.core");
  return o;
}

/* -------------------------------------------------------------- closing */

int lcore_close(lua_State *L, const lcore_kind *kind)
{
  lcore_object *o = lcore_check(L, 1, kind);
  void *handle = o->handle;
  o->handle = NULL;
  lcore_drop_kept(o);
  if (handle != NULL)
    kind->release(handle);
  return lcore_pushboolean(L, 1);
}

int lcore_equal(lua_State *L, const lcore_kind *kind)
{
  const lcore_object *a = lcore_test(L, 1, kind);
  const lcore_object *b = lcore_test(L, 2, kind);
  return lcore_pushboolean(L, a != NULL && b != NULL && a->handle != NULL &&
                                a->handle == b->handle);
}

/* -------------------------------------------------------------- results */

int lcore_failure(lua_State *L, lcore_object *o, sslc_status status)
{
  lua_pushnil(L);
  lcore_pusherror(L, o); /* [nil, err] */
  if (!lua_isnil(L, -1))
    return 2;
  lua_pop(L, 2);
  return lcore_madefailure(L, status, SSLC_PHASE_NONE, 0);
}

int lcore_result(lua_State *L, lcore_object *o, sslc_status status)
{
  if (status == SSLC_OK)
    return lcore_pushboolean(L, 1);
  if (status < 0)
    return lcore_failure(L, o, status);
  if (status == SSLC_CLOSED) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_pushstring(L, sslc_status_name(status));
  return 2;
}

int lcore_lasterror(lua_State *L, const lcore_kind *kind)
{
  lcore_object *o = lcore_check(L, 1, kind);
  if (o->handle == NULL)
    lua_pushnil(L);
  else
    lcore_pusherror(L, o);
  return 1;
}

/* ------------------------------------------------------ reading, writing */

/* After a read that Lua had no memory for the stream has a hole. */
static int lost_failure(lua_State *L)
{
  lua_pushnil(L);
  lcore_pushmade(L, SSLC_CODE_OUT_OF_MEMORY, SSLC_PHASE_READ,
                 "bytes that had arrived were lost when memory was short", 0);
  return 2;
}

int lcore_lost(lua_State *L, lcore_object *o)
{
  if (o->handle == NULL)
    return lcore_failure(L, o, SSLC_ERR_STATE);
  return lost_failure(L);
}

int lcore_read(lua_State *L, const lcore_kind *kind, lcore_reader reader,
               int consumes)
{
  lcore_object *o = lcore_check(L, 1, kind);
  size_t max = (size_t)lcore_checkint(L, 2, 1, INT_MAX);
  char buf[LCORE_CHUNK + 1];
  size_t n = 0;
  if (o->handle != NULL && o->lost)
    return lost_failure(L);
  if (max > LCORE_CHUNK)
    max = LCORE_CHUNK;
  sslc_status status = reader(o->handle, buf, max, &n);
  if (status != SSLC_OK)
    return lcore_result(L, o, status);
  o->lost = consumes; /* stays so where the next line throws */
  lua_pushlstring(L, buf, n);
  o->lost = 0;
  return 1;
}

/* What is closed for writing only: `nil` alone would read as "no error". */
static int write_closed(lua_State *L)
{
  lua_pushnil(L);
  lcore_pushmade(L, SSLC_CODE_CLOSED, SSLC_PHASE_WRITE, "closed for writing",
                 0);
  return 2;
}

int lcore_write(lua_State *L, const lcore_kind *kind, lcore_writer writer)
{
  lcore_object *o = lcore_check(L, 1, kind);
  size_t len;
  const char *s = lcore_checkpart(L, 2, &len);
  size_t n = 0;
  sslc_status status = writer(o->handle, s, len, &n);
  if (status == SSLC_OK)
    return lcore_pushint64(L, (int64_t)n);
  if (status == SSLC_CLOSED)
    return write_closed(L);
  return lcore_result(L, o, status);
}
