/*
 * verify.c: a chain that is verified without a connection, and certificates
 * from bytes: sslc_ctx_verify_chain, sslc_cert_new_pem.
 */
#include "lcore.h"

#include <string.h>

/* ----------------------------------------------------------- certificates */

static int is_pem(const char *bytes, size_t len)
{
  static const char begin[] = "-----BEGIN";
  const size_t n = sizeof begin - 1;
  for (size_t i = 0; i + n <= len; i++)
    if (memcmp(bytes + i, begin, n) == 0)
      return 1;
  return 0;
}

/* cert(bytes): of PEM, where that is found in it, or DER. */
int lcore_core_cert(lua_State *L)
{
  size_t len;
  const char *bytes = luaL_checklstring(L, 1, &len);
  lcore_object *error = lcore_newerror(L);
  lcore_object *o = lcore_new(L, &lcore_cert);
  sslc_cert *cert = NULL;
  sslc_error *err = NULL;
  sslc_status status = is_pem(bytes, len)
                         ? sslc_cert_new_pem(bytes, len, &cert, &err)
                         : sslc_cert_new_der(bytes, len, &cert, &err);
  o->handle = cert;
  error->handle = err;
  return status == SSLC_OK ? 1 : lcore_heldfailure(L, error, status);
}

/* ------------------------------------------------------------- arguments */

static int check_purpose(lua_State *L, int arg)
{
  static const char *const names[] = {"server", "client", NULL};
  static const int purposes[] = {SSLC_PURPOSE_SERVER, SSLC_PURPOSE_CLIENT};
  if (lua_isnoneornil(L, arg))
    return 0;
  const char *s = luaL_checkstring(L, arg);
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], s) == 0)
      return purposes[i];
  return luaL_argerror(L, arg, "\"server\" or \"client\" expected");
}

/* Pushes the certificates of the list at `arg`, so that they outlive it. */
static size_t check_certs(lua_State *L, int arg) /* [-0, +n] */
{
  if (lua_isnoneornil(L, arg))
    return 0;
  luaL_checktype(L, arg, LUA_TTABLE);
  size_t n = lcompat_rawlen(L, arg);
  if (n > LCORE_NAMES_MAX)
    luaL_argerror(L, arg, "at most 256 certificates expected");
  luaL_checkstack(L, (int)n + 8, "too many certificates");
  for (int i = 1; i <= (int)n; i++) {
    lua_rawgeti(L, arg, i);
    if (lcore_test(L, -1, &lcore_cert) == NULL)
      luaL_argerror(L, arg, "list of certificates expected");
  }
  return n;
}

/* The handles of the `n` certificates from stack index `first` on; 0 where one
 * is closed.  Allocates nothing in Lua. */
static int get_certs(lua_State *L, int first, size_t n, const sslc_cert **certs)
{
  for (size_t i = 0; i < n; i++) {
    const lcore_object *o = lua_touserdata(L, first + (int)i);
    certs[i] = o->handle;
    if (certs[i] == NULL)
      return 0;
  }
  return 1;
}

/* ---------------------------------------------------------------- the call */

static int closed(lua_State *L)
{
  lua_pushnil(L);
  lcore_pushmade(L, SSLC_CODE_CLOSED, SSLC_PHASE_NONE,
                 "a certificate of the chain is closed", 0);
  return 2;
}

/* The name at `arg`, or the names of a list, which then stay on the stack. */
static void check_names(lua_State *L, int arg, sslc_verify_options *options,
                        const char *names[LCORE_NAMES_MAX]) /* [-0, +n] */
{
  if (lua_istable(L, arg)) {
    options->name_count = lcore_checknames(L, arg, names);
    options->names = names;
  } else if (!lua_isnoneornil(L, arg)) {
    options->name = lcore_checkcstring(L, arg);
  }
}

/* verify_chain(leaf[, intermediates[, name[, time[, purpose]]]]) */
static int ctx_verify_chain(lua_State *L)
{
  const sslc_cert *certs[LCORE_NAMES_MAX];
  const char *names[LCORE_NAMES_MAX];
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  lcore_object *leaf = lcore_check(L, 2, &lcore_cert);
  options.time = lua_isnoneornil(L, 5) ? 0 : lcore_checktime(L, 5);
  options.purpose = check_purpose(L, 6);
  lua_settop(L, 6);
  lcore_object *error = lcore_newerror(L); /* 7 */
  size_t n = check_certs(L, 3);            /* from 8 on */
  check_names(L, 4, &options, names);
  sslc_error *err = NULL;
  if (o->handle == NULL)
    return lcore_failure(L, o, SSLC_ERR_STATE);
  if (leaf->handle == NULL || !get_certs(L, 8, n, certs))
    return closed(L);
  sslc_status status = sslc_ctx_verify_chain(o->handle, leaf->handle, certs, n,
                                             &options, &err);
  error->handle = err;
  if (status != SSLC_OK)
    return lcore_heldfailure(L, error, status);
  return lcore_pushboolean(L, 1);
}

const luaL_Reg lcore_ctx_verify[] = {{"verify_chain", ctx_verify_chain},
                                     {NULL, NULL}};
