/*
 * dial.c: from host and port to a socket, the userdata over sslc_dial.
 */
#include "lcore.h"

#include <stdio.h>

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_dial);
}

int lcore_core_dial(lua_State *L)
{
  lcore_object *o = lcore_new(L, &lcore_dial);
  return lcore_fill(L, o, sslc_dial_new());
}

/* ------------------------------------------------------------- settings */

static const char *opt_cstring(lua_State *L, int arg)
{
  return lua_isnoneornil(L, arg) ? NULL : lcore_checkcstring(L, arg);
}

/* set_nameservers("address:port,..."|nil) */
static int dial_set_nameservers(lua_State *L)
{
  lcore_object *o = check(L);
  const char *list = opt_cstring(L, 2);
  return lcore_result(L, o, sslc_dial_set_nameservers(o->handle, list));
}

/* set_addresses(list) */
static int dial_set_addresses(lua_State *L)
{
  lcore_object *o = check(L);
  const char *names[LCORE_NAMES_MAX];
  size_t n = lcore_checknames(L, 2, names);
  return lcore_result(L, o, sslc_dial_set_addresses(o->handle, names, n));
}

/* set_bind(address|nil) */
static int dial_set_bind(lua_State *L)
{
  lcore_object *o = check(L);
  const char *address = opt_cstring(L, 2);
  return lcore_result(L, o, sslc_dial_set_bind(o->handle, address));
}

/* Seconds as milliseconds, rounded; what is out of all bounds stays so. */
static int64_t check_delay(lua_State *L, int arg)
{
  lua_Number seconds = luaL_checknumber(L, arg);
  if (seconds != seconds)
    luaL_argerror(L, arg, "number of seconds expected, got NaN");
  if (seconds < 0)
    return -1;
  if (seconds > (lua_Number)1e9)
    return INT64_MAX;
  return (int64_t)(seconds * 1000 + (lua_Number)0.5);
}

/* set_attempt_delay(seconds) */
static int dial_set_attempt_delay(lua_State *L)
{
  lcore_object *o = check(L);
  int64_t ms = check_delay(L, 2);
  return lcore_result(L, o, sslc_dial_set_attempt_delay(o->handle, ms));
}

/* set_resolution_delay(seconds) */
static int dial_set_resolution_delay(lua_State *L)
{
  lcore_object *o = check(L);
  int64_t ms = check_delay(L, 2);
  return lcore_result(L, o, sslc_dial_set_resolution_delay(o->handle, ms));
}

/* set_tcp_nodelay(boolean) */
static int dial_set_tcp_nodelay(lua_State *L)
{
  lcore_object *o = check(L);
  int on = lcore_checkboolean(L, 2);
  return lcore_result(L, o, sslc_dial_set_tcp_nodelay(o->handle, on));
}

/* set_keepalive(seconds) */
static int dial_set_keepalive(lua_State *L)
{
  lcore_object *o = check(L);
  int seconds = lcore_checkint(L, 2, INT_MIN, INT_MAX);
  return lcore_result(L, o, sslc_dial_set_keepalive(o->handle, seconds));
}

/* set_fastopen(boolean) */
static int dial_set_fastopen(lua_State *L)
{
  lcore_object *o = check(L);
  int on = lcore_checkboolean(L, 2);
  return lcore_result(L, o, sslc_dial_set_fastopen(o->handle, on));
}

/* ---------------------------------------------------------------- steps */

/* start(host, port) */
static int dial_start(lua_State *L)
{
  lcore_object *o = check(L);
  const char *host = lcore_checkcstring(L, 2);
  int port = lcore_checkint(L, 3, INT_MIN, INT_MAX);
  return lcore_result(L, o, sslc_dial_start(o->handle, host, port));
}

/* start_unix(path) */
static int dial_start_unix(lua_State *L)
{
  lcore_object *o = check(L);
  const char *path = lcore_checkcstring(L, 2);
  return lcore_result(L, o, sslc_dial_start_unix(o->handle, path));
}

static int dial_step(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_result(L, o, sslc_dial_step(o->handle));
}

/* wait(seconds|nil) */
static int dial_wait(lua_State *L)
{
  lcore_object *o = check(L);
  int64_t deadline = lcore_optdeadline(L, 2);
  return lcore_result(L, o, sslc_dial_wait(o->handle, deadline));
}

/* wait_once(seconds|nil) */
static int dial_wait_once(lua_State *L)
{
  lcore_object *o = check(L);
  int64_t deadline = lcore_optdeadline(L, 2);
  return lcore_result(L, o, sslc_dial_wait_once(o->handle, deadline));
}

/* ------------------------------------------------------ what to wait for */

static int dial_fd(lua_State *L)
{
  return lcore_pushfd(L, sslc_dial_fd(check(L)->handle));
}

static int dial_events(lua_State *L)
{
  return lcore_pushevents(L, sslc_dial_events(check(L)->handle));
}

/* sole_fd(): the descriptor and its events, or nil */
static int dial_sole_fd(lua_State *L)
{
  int events, fd = sslc_dial_sole_fd(check(L)->handle, &events);
  return lcore_pushfd(L, fd) + (fd >= 0 ? lcore_pushevents(L, events) : 0);
}

static int dial_timeout(lua_State *L)
{
  const sslc_dial *dial = check(L)->handle;
  return lcore_pushseconds(L, dial != NULL ? sslc_dial_timeout(dial) : -1);
}

/* -------------------------------------------------------------- getters */

static int dial_phase(lua_State *L)
{
  const sslc_dial *dial = check(L)->handle;
  int phase = dial != NULL ? sslc_dial_phase(dial) : SSLC_PHASE_NONE;
  return lcore_pushstring(L, sslc_phase_name(phase));
}

static int dial_take_fd(lua_State *L)
{
  return lcore_pushfd(L, sslc_dial_take_fd(check(L)->handle));
}

static int dial_address(lua_State *L)
{
  return lcore_pushcopy(L, sslc_dial_address(check(L)->handle));
}

static int dial_error(lua_State *L)
{
  return lcore_lasterror(L, &lcore_dial);
}

/* ------------------------------------------------------------- the dial */

static int dial_close(lua_State *L)
{
  return lcore_close(L, &lcore_dial);
}

static int dial_tostring(lua_State *L)
{
  const sslc_dial *dial = check(L)->handle;
  const sslc_error *err = sslc_dial_error(dial);
  const char *address = sslc_dial_address(dial);
  char text[256];
  if (dial == NULL)
    snprintf(text, sizeof text, "(closed)");
  else if (err != NULL)
    snprintf(text, sizeof text, "(failed: %s)", sslc_error_code_name(err));
  else if (address != NULL && *address != '\0')
    snprintf(text, sizeof text, "%s (%s)", address,
             sslc_phase_name(sslc_dial_phase(dial)));
  else
    snprintf(text, sizeof text, "(new)");
  lua_pushfstring(L, "sslconnect.dial: %s", text);
  return 1;
}

static void dial_release(void *handle)
{
  sslc_dial_free(handle);
}

static const sslc_error *dial_last_error(const void *handle)
{
  return sslc_dial_error(handle);
}

static const luaL_Reg methods[] = {
  {"set_nameservers", dial_set_nameservers},
  {"set_addresses", dial_set_addresses},
  {"set_bind", dial_set_bind},
  {"set_attempt_delay", dial_set_attempt_delay},
  {"set_resolution_delay", dial_set_resolution_delay},
  {"set_tcp_nodelay", dial_set_tcp_nodelay},
  {"set_keepalive", dial_set_keepalive},
  {"set_fastopen", dial_set_fastopen},
  {"start", dial_start},
  {"start_unix", dial_start_unix},
  {"step", dial_step},
  {"wait", dial_wait},
  {"wait_once", dial_wait_once},
  {"fd", dial_fd},
  {"sole_fd", dial_sole_fd},
  {"events", dial_events},
  {"timeout", dial_timeout},
  {"phase", dial_phase},
  {"take_fd", dial_take_fd},
  {"address", dial_address},
  {"error", dial_error},
  {"close", dial_close},
  {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__gc", dial_close},
                                       {"__close", dial_close},
                                       {"__tostring", dial_tostring},
                                       {NULL, NULL}};

const lcore_kind lcore_dial = {"sslconnect.dial", "dial",  dial_release,
                               dial_last_error,   methods, metamethods};
