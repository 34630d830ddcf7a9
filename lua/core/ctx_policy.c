/*
 * ctx_policy.c: what contexts demand of chains, and connections of names:
 * methods of both.  X509_VERIFY_PARAM_set_flags(3).
 */
#include "lcore.h"

#include <string.h>

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_ctx);
}

/* ---------------------------------------------------------------- values */

static int set_int(lua_State *L, sslc_status (*set)(sslc_ctx *ctx, int value))
{
  lcore_object *o = check(L);
  int value = lcore_checkint(L, 2, INT_MIN, INT_MAX);
  return lcore_result(L, o, set(o->handle, value));
}

/* The value that stands for the name at 2. */
static int check_name(lua_State *L, const char *const names[])
{
  const char *s = luaL_checkstring(L, 2);
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], s) == 0)
      return i + 1;
  return luaL_argerror(L, 2, lua_pushfstring(L, "unknown name \"%s\"", s));
}

static int set_name(lua_State *L, const char *const names[],
                    sslc_status (*set)(sslc_ctx *ctx, int value))
{
  lcore_object *o = check(L);
  int value = check_name(L, names);
  return lcore_result(L, o, set(o->handle, value));
}

static int ctx_set_verify_depth(lua_State *L)
{
  return set_int(L, sslc_ctx_set_verify_depth);
}

static int ctx_set_verify_time(lua_State *L)
{
  lcore_object *o = check(L);
  int64_t t = lcore_checktime(L, 2);
  return lcore_result(L, o, sslc_ctx_set_verify_time(o->handle, t));
}

static int ctx_set_security_level(lua_State *L)
{
  return set_int(L, sslc_ctx_set_security_level);
}

static int ctx_set_insecure_security_level(lua_State *L)
{
  return set_int(L, sslc_ctx_set_insecure_security_level);
}

/* In the order of their numbers: SSLC_PURPOSE_SERVER is 1. */
static const char *const purposes[] = {"server", "client", "any", NULL};

static int ctx_set_purpose(lua_State *L)
{
  return set_name(L, purposes, sslc_ctx_set_purpose);
}

static int ctx_set_insecure_purpose(lua_State *L)
{
  return set_name(L, purposes, sslc_ctx_set_insecure_purpose);
}

static int ctx_set_partial_chain(lua_State *L)
{
  lcore_object *o = check(L);
  int on = lcore_checkboolean(L, 2);
  return lcore_result(L, o, sslc_ctx_set_partial_chain(o->handle, on));
}

static int ctx_set_signature_cache(lua_State *L)
{
  lcore_object *o = check(L);
  int on = lcore_checkboolean(L, 2);
  return lcore_result(L, o, sslc_ctx_set_signature_cache(o->handle, on));
}

/* ----------------------------------------------------------------- lists */

static int ctx_load_crl_dir(lua_State *L)
{
  lcore_object *o = check(L);
  const char *path = lcore_checkcstring(L, 2);
  return lcore_result(L, o, sslc_ctx_load_crl_dir(o->handle, path));
}

static int ctx_set_crl_check(lua_State *L)
{
  static const char *const names[] = {"leaf", "chain", NULL};
  return set_name(L, names, sslc_ctx_set_crl_check);
}

/* --------------------------------------------------------- intermediates */

static int ctx_load_untrusted_file(lua_State *L)
{
  lcore_object *o = check(L);
  const char *path = lcore_checkcstring(L, 2);
  return lcore_result(L, o, sslc_ctx_load_untrusted_file(o->handle, path));
}

static int ctx_load_untrusted_pem(lua_State *L)
{
  lcore_object *o = check(L);
  size_t len;
  const char *pem = luaL_checklstring(L, 2, &len);
  return lcore_result(L, o, sslc_ctx_load_untrusted_pem(o->handle, pem, len));
}

static int ctx_add_untrusted(lua_State *L)
{
  lcore_object *o = check(L);
  const lcore_object *cert = lcore_check(L, 2, &lcore_cert);
  return lcore_result(L, o, sslc_ctx_add_untrusted(o->handle, cert->handle));
}

/* ----------------------------------------------------------- connections */

static int conn_add_peer_name(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  const char *name = lcore_checkcstring(L, 2);
  return lcore_result(L, o, sslc_conn_add_peer_name(o->handle, name));
}

/* ---------------------------------------------------------------- lists */

const luaL_Reg lcore_ctx_policy[] = {
  {"set_verify_depth", ctx_set_verify_depth},
  {"set_verify_time", ctx_set_verify_time},
  {"set_security_level", ctx_set_security_level},
  {"set_insecure_security_level", ctx_set_insecure_security_level},
  {"set_purpose", ctx_set_purpose},
  {"set_insecure_purpose", ctx_set_insecure_purpose},
  {"set_partial_chain", ctx_set_partial_chain},
  {"set_signature_cache", ctx_set_signature_cache},
  {"load_crl_dir", ctx_load_crl_dir},
  {"set_crl_check", ctx_set_crl_check},
  {"load_untrusted_file", ctx_load_untrusted_file},
  {"load_untrusted_pem", ctx_load_untrusted_pem},
  {"add_untrusted", ctx_add_untrusted},
  {NULL, NULL}};

const luaL_Reg lcore_conn_policy[] = {{"add_peer_name", conn_add_peer_name},
                                      {NULL, NULL}};
