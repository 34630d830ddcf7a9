/*
 * hooks.c: what a handshake is suspended for, and the answers: methods of
 * contexts and connections.  SSL_set_retry_verify(3), SSL_CTX_set_cert_cb(3),
 * SSL_CTX_set_client_hello_cb(3).
 *
 * Nothing is called back: the step says what is wanted, whoever drives it
 * answers, in its own time, and steps again.
 */
#include "lcore.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------- contexts */

static int set(lua_State *L, sslc_status (*function)(sslc_ctx *ctx, int on))
{
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  int on = lcore_checkboolean(L, 2);
  return lcore_result(L, o, function(o->handle, on));
}

static int ctx_set_retry_verify(lua_State *L)
{
  return set(L, sslc_ctx_set_retry_verify);
}

static int ctx_set_x509_lookup(lua_State *L)
{
  return set(L, sslc_ctx_set_x509_lookup);
}

static int ctx_set_client_hello(lua_State *L)
{
  return set(L, sslc_ctx_set_client_hello);
}

/* ------------------------------------------------------ what is asked */

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_conn);
}

static int conn_verify_result(lua_State *L)
{
  int result = sslc_conn_verify_result(check(L)->handle);
  if (result < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, result);
  return 1;
}

static int conn_chain_count(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_pushcount(L, o, sslc_conn_chain_count(o->handle));
}

/* chain(i): the peer's own is 1. */
static int conn_chain(lua_State *L)
{
  lcore_object *o = check(L);
  int i = lcore_checkint(L, 2, INT_MIN, INT_MAX);
  lcore_object *c = lcore_new(L, &lcore_cert);
  const sslc_cert *cert = NULL;
  if (i >= 1)
    cert = sslc_conn_chain(o->handle, (size_t)i - 1);
  if (cert != NULL)
    c->handle = sslc_cert_up_ref(cert);
  else
    lua_pushnil(L);
  return 1;
}

static int conn_ca_name_count(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_pushcount(L, o, sslc_conn_ca_name_count(o->handle));
}

/* ca_name(i): the first is 1.  A name has no bound, and to make room for its
 * copy may run a finalizer that closes the connection: so it is asked for once
 * more. */
static int conn_ca_name(lua_State *L)
{
  lcore_object *o = check(L);
  size_t i = (size_t)lcore_checkint(L, 2, 0, INT_MAX) - 1;
  const char *name = sslc_conn_ca_name(o->handle, i);
  size_t size = name != NULL ? strlen(name) + 1 : 1;
  char *copy = lcompat_newuserdata(L, size);
  name = sslc_conn_ca_name(o->handle, i);
  snprintf(copy, size, "%s", name != NULL ? name : "");
  return lcore_pushstring(L, copy);
}

/* -------------------------------------------------------------- answers */

/* The text at `arg`, NULL for none. */
static const char *opt_reason(lua_State *L, int arg)
{
  return lua_isnoneornil(L, arg) ? NULL : lcore_checkcstring(L, arg);
}

/* answer_verify(accept[, reason]): true or false, and nothing else. */
static int conn_answer_verify(lua_State *L)
{
  lcore_object *o = check(L);
  int accept = lcore_checkboolean(L, 2);
  const char *reason = opt_reason(L, 3);
  return lcore_result(L, o,
                      sslc_conn_answer_verify(o->handle, accept, reason));
}

/* The context at 2, NULL for nil, handed to a function.  What is missing is
 * not nil: that would be another answer. */
static int answer_ctx(lua_State *L,
                      sslc_status (*answer)(sslc_conn *conn, sslc_ctx *ctx))
{
  lcore_object *o = check(L);
  luaL_checkany(L, 2);
  lcore_object *ctx = lua_isnil(L, 2) ? NULL : lcore_check(L, 2, &lcore_ctx);
  if (ctx != NULL && ctx->handle == NULL)
    return lcore_failure(L, ctx, SSLC_ERR_STATE);
  return lcore_result(L, o,
                      answer(o->handle, ctx != NULL ? ctx->handle : NULL));
}

static int conn_answer_x509_lookup(lua_State *L)
{
  return answer_ctx(L, sslc_conn_answer_x509_lookup);
}

static int conn_answer_client_hello(lua_State *L)
{
  return answer_ctx(L, sslc_conn_answer_client_hello);
}

static int conn_answer_abort(lua_State *L)
{
  lcore_object *o = check(L);
  const char *reason = opt_reason(L, 2);
  return lcore_result(L, o, sslc_conn_answer_abort(o->handle, reason));
}

/* is_of(ctx): a closed one has no connections. */
static int conn_is_of(lua_State *L)
{
  lcore_object *o = check(L);
  lcore_object *ctx = lcore_check(L, 2, &lcore_ctx);
  return lcore_pushboolean(L, ctx->handle != NULL &&
                                sslc_conn_ctx(o->handle) == ctx->handle);
}

/* ---------------------------------------------------------------- lists */

const luaL_Reg lcore_ctx_hooks[] = {
  {"set_retry_verify", ctx_set_retry_verify},
  {"set_x509_lookup", ctx_set_x509_lookup},
  {"set_client_hello", ctx_set_client_hello},
  {NULL, NULL}};

const luaL_Reg lcore_conn_hooks[] = {
  {"verify_result", conn_verify_result},
  {"chain_count", conn_chain_count},
  {"chain", conn_chain},
  {"ca_name_count", conn_ca_name_count},
  {"ca_name", conn_ca_name},
  {"answer_verify", conn_answer_verify},
  {"answer_x509_lookup", conn_answer_x509_lookup},
  {"answer_client_hello", conn_answer_client_hello},
  {"answer_abort", conn_answer_abort},
  {"is_of", conn_is_of},
  {NULL, NULL}};
