/*
 * error.c: errors as Lua tables.  All have one metatable, so that what made
 * them shows; fields that have nothing to say are absent.
 */
#include "lcore.h"

#include <string.h>

#define ERROR_META "sslconnect.error"

/* --------------------------------------------------------------- fields */

/* Each sets a field of the table on top: [-0, +0]. */
static void set_string(lua_State *L, const char *key, const char *value)
{
  if (value == NULL || *value == '\0')
    return;
  lua_pushstring(L, value);
  lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, int value, int absent)
{
  if (value == absent)
    return;
  lua_pushinteger(L, value);
  lua_setfield(L, -2, key);
}

static void set_errno(lua_State *L, int errnum)
{
  set_number(L, "errno", errnum, 0);
  if (errnum != 0)
    set_string(L, "strerror", strerror(errnum));
}

static void set_certificate(lua_State *L, const sslc_error *err)
{
  const sslc_cert *cert = sslc_error_cert(err);
  if (cert == NULL)
    return;
  lcore_object *o = lcore_new(L, &lcore_cert);
  o->handle = sslc_cert_up_ref(cert);
  lua_setfield(L, -2, "certificate");
}

static void set_queue(lua_State *L, const sslc_error *err)
{
  int n = (int)sslc_error_queue_count(err);
  if (n == 0)
    return;
  lua_createtable(L, n, 0);
  for (int i = 0; i < n; i++) {
    lua_pushstring(L, sslc_error_queue(err, (size_t)i));
    lua_rawseti(L, -2, i + 1);
  }
  lua_setfield(L, -2, "queue");
}

/* A string field of the table at `t`, "" where it is none.  The table keeps
 * the string: nobody else has seen it yet. */
static const char *get_string(lua_State *L, int t, const char *key)
{
  lua_getfield(L, t, key);
  const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  lua_pop(L, 1);
  return s;
}

static void set_metatable(lua_State *L)
{
  luaL_getmetatable(L, ERROR_META);
  lua_setmetatable(L, -2);
}

/* ------------------------------------------------ errors of the C core */

static void push_error(lua_State *L, const sslc_error *err) /* [-0, +1] */
{
  lua_createtable(L, 0, 12);
  set_string(L, "code", sslc_error_code_name(err));
  set_string(L, "class", sslc_status_name(sslc_error_status(err)));
  set_string(L, "phase", sslc_phase_name(sslc_error_phase(err)));
  set_string(L, "message", sslc_error_message(err));
  set_string(L, "hint", sslc_error_hint(err));
  set_string(L, "text", sslc_error_text(err));
  set_errno(L, sslc_error_errno(err));
  set_number(L, "ssl_error", sslc_error_ssl_error(err), 0);
  set_number(L, "verify_result", sslc_error_verify_result(err), 0);
  set_number(L, "depth", sslc_error_verify_depth(err), -1);
  set_number(L, "alert", sslc_error_alert(err), -1);
  set_string(L, "alert_name", sslc_error_alert_name(err));
  set_string(L, "host", sslc_error_host(err));
  set_string(L, "address", sslc_error_address(err));
  set_certificate(L, err);
  set_queue(L, err);
  set_metatable(L);
}

static void copy_release(void *handle)
{
  sslc_error_free(handle);
}

static const luaL_Reg no_functions[] = {{NULL, NULL}};

static int copy_gc(lua_State *L);

static const luaL_Reg copy_metamethods[] = {{"__gc", copy_gc}, {NULL, NULL}};

/* Holds the copy of an error while a table is made of it: the error itself
 * lasts only to the next call on its object. */
static const lcore_kind copy_kind = {
  "sslconnect.core.error", "error", copy_release, NULL, no_functions,
  copy_metamethods};

static int copy_gc(lua_State *L)
{
  return lcore_close(L, &copy_kind);
}

static void push_closed(lua_State *L, const lcore_object *o) /* [-0, +1] */
{
  const char *m = lua_pushfstring(L, "the %s is closed", o->kind->noun);
  lcore_pushmade(L, SSLC_CODE_CLOSED, SSLC_PHASE_NONE, m, 0);
  lua_remove(L, -2);
}

void lcore_pusherror(lua_State *L, lcore_object *o)
{
  lcore_object *copy = lcore_new(L, &copy_kind); /* [copy] */
  const sslc_error *err = NULL;
  if (o->handle != NULL && o->kind->error != NULL)
    err = o->kind->error(o->handle);
  copy->handle = sslc_error_dup(err);
  if (o->handle == NULL)
    push_closed(L, o);
  else if (err == NULL)
    lua_pushnil(L);
  else if (copy->handle == NULL)
    lcore_pushmade(L, SSLC_CODE_OUT_OF_MEMORY, SSLC_PHASE_NONE, NULL, 0);
  else
    push_error(L, copy->handle); /* [copy, err] */
  sslc_error_free(copy->handle);
  copy->handle = NULL;
  lua_remove(L, -2); /* [err] */
}

lcore_object *lcore_newerror(lua_State *L)
{
  return lcore_new(L, &copy_kind);
}

int lcore_heldfailure(lua_State *L, lcore_object *error, sslc_status status)
{
  if (error->handle == NULL)
    return lcore_madefailure(L, status, SSLC_PHASE_NONE, 0);
  lua_pushnil(L);
  push_error(L, error->handle);
  return 2;
}

/* ---------------------------------------------------- errors made here */

/* Sets the phase, and the fields that follow from it and the code. */
static void set_class(lua_State *L, int code, const char *phase)
{
  sslc_status status = sslc_code_status(code);
  set_string(L, "phase", phase);
  /* As in the C core: what is wrong with a parameter is an ARG. */
  if (code == SSLC_CODE_BAD_OPTION &&
      strcmp(get_string(L, lua_gettop(L), "phase"), "config") != 0)
    status = SSLC_ERR_ARG;
  set_string(L, "code", sslc_code_name(code));
  set_string(L, "class", sslc_status_name(status));
}

static void add_part(luaL_Buffer *b, const char *before, const char *s,
                     const char *after)
{
  if (*s == '\0')
    return;
  luaL_addstring(b, before);
  luaL_addstring(b, s);
  luaL_addstring(b, after);
}

/* Sets "text" as sslc_error_text words it:
 * HOST (ADDRESS): PHASE: MESSAGE; HINT [CODE] */
static void set_text(lua_State *L)
{
  int t = lua_gettop(L);
  const char *host = get_string(L, t, "host");
  const char *address = get_string(L, t, "address");
  const char *phase = get_string(L, t, "phase");
  const char *message = get_string(L, t, "message");
  const char *hint = get_string(L, t, "hint");
  const char *code = get_string(L, t, "code");
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  if (*host != '\0' && *address != '\0' && strcmp(host, address) != 0) {
    add_part(&b, "", host, " (");
    add_part(&b, "", address, "): ");
  } else {
    add_part(&b, "", *host != '\0' ? host : address, ": ");
  }
  add_part(&b, "", phase, ": ");
  luaL_addstring(&b, message);
  add_part(&b, "; ", hint, "");
  add_part(&b, " [", code, "]");
  luaL_pushresult(&b); /* [err, text] */
  lua_setfield(L, t, "text");
}

void lcore_pushmade(lua_State *L, int code, int phase, const char *message,
                    int errnum)
{
  if (message == NULL)
    message = errnum != 0 ? strerror(errnum) : sslc_code_sentence(code);
  lua_pushstring(L, message); /* [message] */
  lua_createtable(L, 0, 8);   /* [message, err] */
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "message");
  lua_remove(L, -2); /* [err] */
  set_class(L, code, sslc_phase_name(phase));
  set_string(L, "hint", sslc_code_hint(code));
  set_errno(L, errnum);
  set_text(L);
  set_metatable(L);
}

static int code_of_status(sslc_status status)
{
  switch (status) {
  case SSLC_ERR_ARG:
  case SSLC_ERR_STATE:
    return SSLC_CODE_MISUSE;
  case SSLC_ERR_NOMEM:
    return SSLC_CODE_OUT_OF_MEMORY;
  case SSLC_ERR_SYS:
    return SSLC_CODE_SYSTEM_ERROR;
  default:
    return SSLC_CODE_INTERNAL;
  }
}

int lcore_madefailure(lua_State *L, sslc_status status, int phase, int errnum)
{
  lua_pushnil(L);
  lcore_pushmade(L, code_of_status(status), phase, NULL, errnum);
  return 2;
}

/* ----------------------------------------------------------- core.error */

static int check_code(lua_State *L, int arg)
{
  const char *name = luaL_checkstring(L, arg);
  int code = sslc_code_from_name(name);
  if (code <= SSLC_CODE_NONE)
    luaL_argerror(L, arg, lua_pushfstring(L, "unknown code '%s'", name));
  return code;
}

/* Copies the table at `from` into the one on top. */
static void copy_fields(lua_State *L, int from)
{
  lua_pushnil(L);
  while (lua_next(L, from) != 0) { /* [err, key, value] */
    lua_pushvalue(L, -2);
    lua_insert(L, -2); /* [err, key, key, value] */
    lua_rawset(L, -4); /* [err, key] */
  }
}

/* The hint of the code where none was given; none for "". */
static void set_hint(lua_State *L, int code)
{
  lua_getfield(L, -1, "hint");
  int given = !lua_isnil(L, -1);
  int empty =
    given && lua_type(L, -1) == LUA_TSTRING && lcompat_rawlen(L, -1) == 0;
  lua_pop(L, 1);
  if (!given)
    set_string(L, "hint", sslc_code_hint(code));
  if (empty) {
    lua_pushnil(L);
    lua_setfield(L, -2, "hint");
  }
}

/* error(code, phase, message[, fields]) */
int lcore_core_error(lua_State *L)
{
  int code = check_code(L, 1);
  const char *phase = luaL_optstring(L, 2, "");
  const char *message = luaL_optstring(L, 3, "");
  if (!lua_isnoneornil(L, 4))
    luaL_checktype(L, 4, LUA_TTABLE);
  lua_settop(L, 4);
  lua_createtable(L, 0, 8);
  if (!lua_isnil(L, 4))
    copy_fields(L, 4);
  set_class(L, code, phase);
  set_string(L, "message", *message ? message : sslc_code_sentence(code));
  set_hint(L, code);
  set_text(L);
  set_metatable(L);
  return 1;
}

/* ----------------------------------------------------------- core.codes */

void lcore_pushcodes(lua_State *L)
{
  lua_newtable(L);
  for (int code = SSLC_CODE_NONE + 1; code < sslc_code_count(); code++) {
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, code);
    lua_setfield(L, -2, "code");
    set_string(L, "class", sslc_status_name(sslc_code_status(code)));
    set_string(L, "sentence", sslc_code_sentence(code));
    set_string(L, "hint", sslc_code_hint(code));
    lua_setfield(L, -2, sslc_code_name(code));
  }
}

/* ------------------------------------------------------------ metatable */

static int error_tostring(lua_State *L)
{
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushliteral(L, "text");
  lua_rawget(L, 1);
  if (lua_type(L, -1) != LUA_TSTRING)
    lua_pushliteral(L, ERROR_META);
  return 1;
}

void lcore_pusherrormeta(lua_State *L)
{
  luaL_getmetatable(L, ERROR_META);
}

void lcore_registererrors(lua_State *L)
{
  luaL_newmetatable(L, ERROR_META);
  lua_pushcfunction(L, error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pushliteral(L, ERROR_META);
  lua_setfield(L, -2, "__name");
  lua_pop(L, 1);
  lcore_register(L, &copy_kind);
}
