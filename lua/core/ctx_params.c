/*
 * ctx_params.c: what a handshake may agree on, how records are cut, and the key
 * log: methods of contexts.  SSL_CTX_set_cipher_list(3),
 * SSL_CTX_set1_groups_list(3), SSL_CTX_set_keylog_callback(3).
 */
#include "lcore.h"

static int set_text(lua_State *L,
                    sslc_status (*set)(sslc_ctx *ctx, const char *text))
{
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  const char *text = lcore_checkcstring(L, 2);
  return lcore_result(L, o, set(o->handle, text));
}

static int set_size(lua_State *L,
                    sslc_status (*set)(sslc_ctx *ctx, size_t size))
{
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  size_t size = (size_t)lcore_checkint(L, 2, 0, INT_MAX);
  return lcore_result(L, o, set(o->handle, size));
}

static int ctx_set_ciphers(lua_State *L)
{
  return set_text(L, sslc_ctx_set_ciphers);
}

static int ctx_set_insecure_ciphers(lua_State *L)
{
  return set_text(L, sslc_ctx_set_insecure_ciphers);
}

static int ctx_set_ciphersuites(lua_State *L)
{
  return set_text(L, sslc_ctx_set_ciphersuites);
}

static int ctx_set_groups(lua_State *L)
{
  return set_text(L, sslc_ctx_set_groups);
}

static int ctx_set_sigalgs(lua_State *L)
{
  return set_text(L, sslc_ctx_set_sigalgs);
}

static int ctx_set_block_padding(lua_State *L)
{
  return set_size(L, sslc_ctx_set_block_padding);
}

static int ctx_set_max_send_fragment(lua_State *L)
{
  return set_size(L, sslc_ctx_set_max_send_fragment);
}

static int ctx_set_max_fragment_length(lua_State *L)
{
  return set_size(L, sslc_ctx_set_max_fragment_length);
}

static int ctx_set_keylog_file(lua_State *L)
{
  return set_text(L, sslc_ctx_set_keylog_file);
}

static int ctx_set_keylog_env(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_ctx);
  return lcore_result(L, o, sslc_ctx_set_keylog_env(o->handle));
}

const luaL_Reg lcore_ctx_params[] = {
  {"set_ciphers", ctx_set_ciphers},
  {"set_insecure_ciphers", ctx_set_insecure_ciphers},
  {"set_ciphersuites", ctx_set_ciphersuites},
  {"set_groups", ctx_set_groups},
  {"set_sigalgs", ctx_set_sigalgs},
  {"set_block_padding", ctx_set_block_padding},
  {"set_max_send_fragment", ctx_set_max_send_fragment},
  {"set_max_fragment_length", ctx_set_max_fragment_length},
  {"set_keylog_file", ctx_set_keylog_file},
  {"set_keylog_env", ctx_set_keylog_env},
  {NULL, NULL}};
