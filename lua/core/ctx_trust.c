/*
 * ctx_trust.c: whom a context believes: methods of contexts.
 * SSL_CTX_load_verify_locations(3).
 */
#include "lcore.h"

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_ctx);
}

static int set_string(lua_State *L,
                      sslc_status (*set)(sslc_ctx *ctx, const char *value))
{
  lcore_object *o = check(L);
  const char *value = lcore_checkcstring(L, 2);
  return lcore_result(L, o, set(o->handle, value));
}

static int set_bytes(lua_State *L,
                     sslc_status (*set)(sslc_ctx *ctx, const void *bytes,
                                        size_t len))
{
  lcore_object *o = check(L);
  size_t len;
  const char *bytes = luaL_checklstring(L, 2, &len);
  return lcore_result(L, o, set(o->handle, bytes, len));
}

static int ctx_load_verify_system(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_result(L, o, sslc_ctx_load_verify_system(o->handle));
}

static int ctx_load_verify_file(lua_State *L)
{
  return set_string(L, sslc_ctx_load_verify_file);
}

static int ctx_load_verify_dir(lua_State *L)
{
  return set_string(L, sslc_ctx_load_verify_dir);
}

static int ctx_load_verify_store(lua_State *L)
{
  return set_string(L, sslc_ctx_load_verify_store);
}

static int ctx_load_verify_pem(lua_State *L)
{
  return set_bytes(L, sslc_ctx_load_verify_pem);
}

static int ctx_load_verify_der(lua_State *L)
{
  return set_bytes(L, sslc_ctx_load_verify_der);
}

static int ctx_load_verify_cert(lua_State *L)
{
  lcore_object *o = check(L);
  lcore_object *cert = lcore_check(L, 2, &lcore_cert);
  return lcore_result(L, o, sslc_ctx_load_verify_cert(o->handle, cert->handle));
}

/* is_cert(value): whether it is a certificate of this module. */
int lcore_core_is_cert(lua_State *L)
{
  luaL_checkany(L, 1);
  return lcore_pushboolean(L, lcore_test(L, 1, &lcore_cert) != NULL);
}

const luaL_Reg lcore_ctx_trust[] = {
  {"load_verify_system", ctx_load_verify_system},
  {"load_verify_file", ctx_load_verify_file},
  {"load_verify_dir", ctx_load_verify_dir},
  {"load_verify_store", ctx_load_verify_store},
  {"load_verify_pem", ctx_load_verify_pem},
  {"load_verify_der", ctx_load_verify_der},
  {"load_verify_cert", ctx_load_verify_cert},
  {NULL, NULL}};
