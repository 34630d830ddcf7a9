/*
 * ctx_identity.c: what a context shows of itself, beside the certificate and
 * key of ctx.c: PKCS #12, URIs, several identities; methods of contexts and
 * functions of the module.
 *
 * There is no function for passwords here: nothing of Lua is called back.
 * Whether a password is needed can be asked first (key_*_is_encrypted).
 */
#include "lcore.h"

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_ctx);
}

static int set_string(lua_State *L,
                      sslc_status (*set)(sslc_ctx *ctx, const char *s))
{
  lcore_object *o = check(L);
  const char *s = lcore_checkcstring(L, 2);
  return lcore_result(L, o, set(o->handle, s));
}

static int ctx_use_pkcs12_file(lua_State *L)
{
  return set_string(L, sslc_ctx_use_pkcs12_file);
}

static int ctx_use_pkcs12_mem(lua_State *L)
{
  lcore_object *o = check(L);
  size_t len;
  const char *data = luaL_checklstring(L, 2, &len);
  return lcore_result(L, o, sslc_ctx_use_pkcs12_mem(o->handle, data, len));
}

static int ctx_use_certificate_uri(lua_State *L)
{
  return set_string(L, sslc_ctx_use_certificate_uri);
}

static int ctx_use_private_key_uri(lua_State *L)
{
  return set_string(L, sslc_ctx_use_private_key_uri);
}

static int ctx_add_identity(lua_State *L)
{
  lcore_object *o = check(L);
  lcore_object *identity = lcore_check(L, 2, &lcore_ctx);
  if (identity->handle == NULL)
    return lcore_failure(L, identity, SSLC_ERR_STATE);
  return lcore_result(L, o, sslc_ctx_add_identity(o->handle, identity->handle));
}

static int ctx_add_server_name(lua_State *L)
{
  lcore_object *o = check(L);
  const char *name = lcore_checkcstring(L, 2);
  lcore_object *other = lcore_check(L, 3, &lcore_ctx);
  if (other->handle == NULL)
    return lcore_failure(L, other, SSLC_ERR_STATE);
  return lcore_result(L, o,
                      sslc_ctx_add_server_name(o->handle, name, other->handle));
}

static int ctx_set_strict_sni(lua_State *L)
{
  lcore_object *o = check(L);
  int on = lcore_checkboolean(L, 2);
  return lcore_result(L, o, sslc_ctx_set_strict_sni(o->handle, on));
}

const luaL_Reg lcore_ctx_identity[] = {
  {"use_pkcs12_file", ctx_use_pkcs12_file},
  {"use_pkcs12_mem", ctx_use_pkcs12_mem},
  {"use_certificate_uri", ctx_use_certificate_uri},
  {"use_private_key_uri", ctx_use_private_key_uri},
  {"add_identity", ctx_add_identity},
  {"add_server_name", ctx_add_server_name},
  {"set_strict_sni", ctx_set_strict_sni},
  {NULL, NULL}};

/* ----------------------------------------------------- asking beforehand */

int lcore_core_key_file_is_encrypted(lua_State *L)
{
  const char *path = lcore_checkcstring(L, 1);
  return lcore_pushboolean(L, sslc_key_file_is_encrypted(path));
}

int lcore_core_key_mem_is_encrypted(lua_State *L)
{
  size_t len;
  const char *data = luaL_checklstring(L, 1, &len);
  return lcore_pushboolean(L, sslc_key_mem_is_encrypted(data, len));
}

int lcore_core_key_uri_is_encrypted(lua_State *L)
{
  return lcore_pushboolean(L,
                           sslc_key_uri_is_encrypted(lcore_checkcstring(L, 1)));
}
