/*
 * ctx.c: contexts, the userdata over sslc_ctx.  SSL_CTX_new(3).
 */
#include "lcore.h"

#include <string.h>

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_ctx);
}

int lcore_core_ctx(lua_State *L)
{
  lcore_object *o = lcore_new(L, &lcore_ctx);
  return lcore_fill(L, o, sslc_ctx_new());
}

/* ------------------------------------------------- the kinds of setters */

static int set_path(lua_State *L,
                    sslc_status (*set)(sslc_ctx *ctx, const char *path))
{
  lcore_object *o = check(L);
  const char *path = lcore_checkcstring(L, 2);
  return lcore_result(L, o, set(o->handle, path));
}

static int set_pem(lua_State *L,
                   sslc_status (*set)(sslc_ctx *ctx, const void *pem,
                                      size_t len))
{
  lcore_object *o = check(L);
  size_t len;
  const char *pem = luaL_checklstring(L, 2, &len);
  return lcore_result(L, o, set(o->handle, pem, len));
}

static int set_boolean(lua_State *L, sslc_status (*set)(sslc_ctx *ctx, int on))
{
  lcore_object *o = check(L);
  int on = lcore_checkboolean(L, 2);
  return lcore_result(L, o, set(o->handle, on));
}

/* Names of versions; which of them a setting takes is the C core's to say. */
static int check_version(lua_State *L, int arg)
{
  static const char *const names[] = {"1.0", "1.1", "1.2", "1.3", NULL};
  static const int versions[] = {SSLC_TLS1, SSLC_TLS1_1, SSLC_TLS1_2,
                                 SSLC_TLS1_3};
  const char *s = luaL_checkstring(L, arg);
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], s) == 0)
      return versions[i];
  s = lua_pushfstring(L, "version \"1.2\" or \"1.3\" expected, got \"%s\"", s);
  return luaL_argerror(L, arg, s);
}

static int set_version(lua_State *L,
                       sslc_status (*set)(sslc_ctx *ctx, int version))
{
  lcore_object *o = check(L);
  int version = lua_isnoneornil(L, 2) ? 0 : check_version(L, 2);
  return lcore_result(L, o, set(o->handle, version));
}

/* ------------------------------------------------------ revocation lists */

static int ctx_load_crl_file(lua_State *L)
{
  return set_path(L, sslc_ctx_load_crl_file);
}

static int ctx_load_crl_pem(lua_State *L)
{
  return set_pem(L, sslc_ctx_load_crl_pem);
}

/* ------------------------------------------------------------- identity */

static int ctx_use_certificate_file(lua_State *L)
{
  return set_path(L, sslc_ctx_use_certificate_file);
}

static int ctx_use_certificate_pem(lua_State *L)
{
  return set_pem(L, sslc_ctx_use_certificate_pem);
}

static int ctx_use_private_key_file(lua_State *L)
{
  return set_path(L, sslc_ctx_use_private_key_file);
}

static int ctx_use_private_key_pem(lua_State *L)
{
  return set_pem(L, sslc_ctx_use_private_key_pem);
}

static int ctx_set_key_password(lua_State *L)
{
  lcore_object *o = check(L);
  const char *password = NULL;
  if (!lua_isnoneornil(L, 2))
    password = lcore_checkcstring(L, 2);
  return lcore_result(L, o, sslc_ctx_set_key_password(o->handle, password));
}

/* ------------------------------------------------------ versions, ALPN */

static int ctx_set_min_version(lua_State *L)
{
  return set_version(L, sslc_ctx_set_min_version);
}

static int ctx_set_max_version(lua_State *L)
{
  return set_version(L, sslc_ctx_set_max_version);
}

static int ctx_set_alpn(lua_State *L)
{
  lcore_object *o = check(L);
  const char *names[LCORE_NAMES_MAX];
  size_t n = lcore_checknames(L, 2, names);
  return lcore_result(L, o, sslc_ctx_set_alpn(o->handle, names, n));
}

/* ------------------------------------------------------------- throw-away */

/* use_throwaway_certificate(name): its authority's certificate. */
static int ctx_use_throwaway_certificate(lua_State *L)
{
  lcore_object *o = check(L);
  const char *name = lcore_checkcstring(L, 2);
  lcore_object *cert = lcore_new(L, &lcore_cert);
  sslc_cert *authority = NULL;
  sslc_status status =
    sslc_ctx_use_throwaway_certificate(o->handle, name, &authority);
  if (status != SSLC_OK)
    return lcore_failure(L, o, status);
  cert->handle = authority;
  return 1;
}

/* -------------------------------------------------------------- switches */

static int ctx_set_verify_client(lua_State *L)
{
  static const char *const names[] = {"none", "optional", "required", NULL};
  static const int modes[] = {SSLC_VERIFY_CLIENT_NONE,
                              SSLC_VERIFY_CLIENT_OPTIONAL,
                              SSLC_VERIFY_CLIENT_REQUIRED};
  lcore_object *o = check(L);
  const char *s = luaL_checkstring(L, 2);
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], s) == 0)
      return lcore_result(L, o,
                          sslc_ctx_set_verify_client(o->handle, modes[i]));
  return luaL_argerror(L, 2, "\"none\", \"optional\" or \"required\" expected");
}

static int ctx_set_lenient_eof(lua_State *L)
{
  return set_boolean(L, sslc_ctx_set_lenient_eof);
}

static int ctx_set_insecure_no_verify(lua_State *L)
{
  return set_boolean(L, sslc_ctx_set_insecure_no_verify);
}

static int ctx_set_insecure_no_name_check(lua_State *L)
{
  return set_boolean(L, sslc_ctx_set_insecure_no_name_check);
}

static int ctx_set_insecure_min_version(lua_State *L)
{
  lcore_object *o = check(L);
  int version = check_version(L, 2);
  return lcore_result(L, o,
                      sslc_ctx_set_insecure_min_version(o->handle, version));
}

/* ---------------------------------------------------------- the context */

static int ctx_check(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_result(L, o, sslc_ctx_check(o->handle));
}

static int ctx_files_changed(lua_State *L)
{
  return lcore_pushboolean(L, sslc_ctx_files_changed(check(L)->handle));
}

static int ctx_error(lua_State *L)
{
  return lcore_lasterror(L, &lcore_ctx);
}

static int ctx_close(lua_State *L)
{
  return lcore_close(L, &lcore_ctx);
}

static int ctx_tostring(lua_State *L)
{
  lcore_object *o = check(L);
  const sslc_error *err = sslc_ctx_error(o->handle);
  if (o->handle == NULL)
    lua_pushliteral(L, "sslconnect.ctx: (closed)");
  else if (sslc_error_status(err) == SSLC_ERR_CONFIG)
    lua_pushfstring(L, "sslconnect.ctx: %p (failed: %s)", (void *)o,
                    sslc_error_code_name(err));
  else
    lua_pushfstring(L, "sslconnect.ctx: %p", (void *)o);
  return 1;
}

static void ctx_release(void *handle)
{
  sslc_ctx_free(handle);
}

static const sslc_error *ctx_last_error(const void *handle)
{
  return sslc_ctx_error(handle);
}

static const luaL_Reg methods[] = {
  {"load_crl_file", ctx_load_crl_file},
  {"load_crl_pem", ctx_load_crl_pem},
  {"use_certificate_file", ctx_use_certificate_file},
  {"use_certificate_pem", ctx_use_certificate_pem},
  {"use_private_key_file", ctx_use_private_key_file},
  {"use_private_key_pem", ctx_use_private_key_pem},
  {"use_throwaway_certificate", ctx_use_throwaway_certificate},
  {"set_key_password", ctx_set_key_password},
  {"set_min_version", ctx_set_min_version},
  {"set_max_version", ctx_set_max_version},
  {"set_alpn", ctx_set_alpn},
  {"set_verify_client", ctx_set_verify_client},
  {"set_lenient_eof", ctx_set_lenient_eof},
  {"set_insecure_no_verify", ctx_set_insecure_no_verify},
  {"set_insecure_no_name_check", ctx_set_insecure_no_name_check},
  {"set_insecure_min_version", ctx_set_insecure_min_version},
  {"check", ctx_check},
  {"files_changed", ctx_files_changed},
  {"error", ctx_error},
  {"close", ctx_close},
  {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__gc", ctx_close},
                                       {"__close", ctx_close},
                                       {"__tostring", ctx_tostring},
                                       {NULL, NULL}};

const lcore_kind lcore_ctx = {"sslconnect.ctx", "context", ctx_release,
                              ctx_last_error,   methods,   metamethods};
