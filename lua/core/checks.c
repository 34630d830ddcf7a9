/*
 * checks.c: what is demanded of the peer beside its chain and name: methods of
 * contexts, connections and certificates.
 */
#include "lcore.h"

#include <string.h>

static lcore_object *check_ctx(lua_State *L)
{
  return lcore_check(L, 1, &lcore_ctx);
}

/* The number that stands for the name at `arg`; both lists end with NULL. */
static int check_name(lua_State *L, int arg, const char *const *names,
                      const int *numbers, const char *expected)
{
  const char *s = luaL_checkstring(L, arg);
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], s) == 0)
      return numbers[i];
  return luaL_argerror(L, arg, expected);
}

/* ---------------------------------------------------------------- pins */

static int ctx_add_pin(lua_State *L)
{
  lcore_object *o = check_ctx(L);
  const char *pin = lcore_checkcstring(L, 2);
  return lcore_result(L, o, sslc_ctx_add_pin(o->handle, pin));
}

static int ctx_set_pin_scope(lua_State *L)
{
  static const char *const names[] = {"chain", "leaf", NULL};
  static const int scopes[] = {SSLC_PIN_CHAIN, SSLC_PIN_LEAF};
  lcore_object *o = check_ctx(L);
  int scope =
    check_name(L, 2, names, scopes, "\"chain\" or \"leaf\" expected");
  return lcore_result(L, o, sslc_ctx_set_pin_scope(o->handle, scope));
}

/* ----------------------------------------------------------------- PSK */

static int ctx_add_psk(lua_State *L)
{
  lcore_object *o = check_ctx(L);
  const char *identity = lcore_checkcstring(L, 2);
  size_t len;
  const char *key = luaL_checklstring(L, 3, &len);
  return lcore_result(L, o, sslc_ctx_add_psk(o->handle, identity, key, len));
}

static int conn_psk_identity(lua_State *L)
{
  const lcore_object *o = lcore_check(L, 1, &lcore_conn);
  return lcore_pushcopy(L, sslc_conn_psk_identity(o->handle));
}

/* ---------------------------------------------------------------- OCSP */

static int ctx_set_ocsp(lua_State *L)
{
  static const char *const names[] = {"off", "if_stapled", "required", NULL};
  static const int modes[] = {SSLC_OCSP_OFF, SSLC_OCSP_IF_STAPLED,
                              SSLC_OCSP_REQUIRED};
  lcore_object *o = check_ctx(L);
  int mode = check_name(L, 2, names, modes,
                        "\"off\", \"if_stapled\" or \"required\" expected");
  return lcore_result(L, o, sslc_ctx_set_ocsp(o->handle, mode));
}

static int ctx_use_ocsp_response_file(lua_State *L)
{
  lcore_object *o = check_ctx(L);
  const char *path = lcore_checkcstring(L, 2);
  return lcore_result(L, o, sslc_ctx_use_ocsp_response_file(o->handle, path));
}

static int ctx_use_ocsp_response_der(lua_State *L)
{
  lcore_object *o = check_ctx(L);
  size_t len;
  const char *der = luaL_checklstring(L, 2, &len);
  return lcore_result(L, o,
                      sslc_ctx_use_ocsp_response_der(o->handle, der, len));
}

static int conn_ocsp_status(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  return lcore_pushstring(L, sslc_conn_ocsp_status(o->handle));
}

/* A response has no bound, and to make room for its copy may run a finalizer
 * that closes the connection: so it is asked for once more. */
static int conn_ocsp_response(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  size_t size = 0, len = 0;
  if (sslc_conn_ocsp_response(o->handle, &size) == NULL)
    return 0;
  char *copy = lcompat_newuserdata(L, size);
  const unsigned char *der = sslc_conn_ocsp_response(o->handle, &len);
  if (der == NULL || len != size)
    return 0;
  memcpy(copy, der, size);
  lua_pushlstring(L, copy, size);
  return 1;
}

/* ---------------------------------------------------------------- DANE */

/* add_tlsa(usage, selector, matching_type, data) */
static int conn_add_tlsa(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  int usage = lcore_checkint(L, 2, INT_MIN, INT_MAX);
  int selector = lcore_checkint(L, 3, INT_MIN, INT_MAX);
  int mtype = lcore_checkint(L, 4, INT_MIN, INT_MAX);
  size_t len;
  const char *data = luaL_checklstring(L, 5, &len);
  return lcore_result(
    L, o, sslc_conn_add_tlsa(o->handle, usage, selector, mtype, data, len));
}

/* use_tlsa(dial) */
static int conn_use_tlsa(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  lcore_object *dial = lcore_check(L, 2, &lcore_dial);
  if (dial->handle == NULL)
    return lcore_failure(L, dial, SSLC_ERR_STATE);
  return lcore_result(L, o, sslc_conn_use_tlsa(o->handle, dial->handle));
}

static int dial_set_tlsa(lua_State *L)
{
  static const char *const names[] = {"off", "lookup", "required", NULL};
  static const int modes[] = {SSLC_TLSA_OFF, SSLC_TLSA_LOOKUP,
                              SSLC_TLSA_REQUIRED};
  lcore_object *o = lcore_check(L, 1, &lcore_dial);
  int mode = check_name(L, 2, names, modes,
                        "\"off\", \"lookup\" or \"required\" expected");
  return lcore_result(L, o, sslc_dial_set_tlsa(o->handle, mode));
}

static int conn_dane_depth(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  int depth = sslc_conn_dane_depth(o->handle);
  if (depth < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, depth);
  return 1;
}

/* --------------------------------------------------------- certificates */

static int cert_spki_sha256(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_cert);
  return lcore_pushcopy(L, sslc_cert_spki_sha256(o->handle));
}

/* ---------------------------------------------------------------- lists */

const luaL_Reg lcore_ctx_checks[] = {
  {"add_psk", ctx_add_psk},
  {"add_pin", ctx_add_pin},
  {"set_pin_scope", ctx_set_pin_scope},
  {"set_ocsp", ctx_set_ocsp},
  {"use_ocsp_response_file", ctx_use_ocsp_response_file},
  {"use_ocsp_response_der", ctx_use_ocsp_response_der},
  {NULL, NULL}};

const luaL_Reg lcore_conn_checks[] = {
  {"psk_identity", conn_psk_identity},
  {"ocsp_status", conn_ocsp_status},
  {"ocsp_response", conn_ocsp_response},
  {"add_tlsa", conn_add_tlsa},
  {"use_tlsa", conn_use_tlsa},
  {"dane_depth", conn_dane_depth},
  {NULL, NULL}};

const luaL_Reg lcore_dial_checks[] = {{"set_tlsa", dial_set_tlsa},
                                      {NULL, NULL}};

const luaL_Reg lcore_cert_checks[] = {{"spki_sha256", cert_spki_sha256},
                                      {NULL, NULL}};
