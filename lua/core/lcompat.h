/*
 * lcompat.h: Lua 5.1 to 5.5 and LuaJIT as one API.  The only file of the
 * binding with conditionals on Lua's version.
 *
 * The binding keeps to what lua.h and lauxlib.h of Lua 5.1 have; what is here
 * is the rest: what was renamed since, and what is worth having where it
 * exists.  See "Incompatibilities with the Previous Version" in each manual.
 */
#ifndef LCOMPAT_H
#define LCOMPAT_H

#include <lua.h>

#include <lauxlib.h>

#if LUA_VERSION_NUM < 502
#define lcompat_rawlen(L, i) lua_objlen(L, i)
#else
#define lcompat_rawlen(L, i) ((size_t)lua_rawlen(L, i))
#endif

/* Userdata without user values: 5.4 and later would otherwise make one. */
#if LUA_VERSION_NUM < 504
#define lcompat_newuserdata(L, size) lua_newuserdata(L, size)
#else
#define lcompat_newuserdata(L, size) lua_newuserdatauv(L, size, 0)
#endif

/* Whether lua_pushlstring may run finalizers before it has copied the bytes. */
#define LCOMPAT_COLLECTS_FIRST (LUA_VERSION_NUM < 504)

#endif
