/*
 * core.c: the module sslconnect.core, sslconnect.h one to one.  It never
 * yields, and blocks only where sslconnect.h says so; it throws only for
 * arguments that cannot be meant.
 */
#define _GNU_SOURCE 1 /* dladdr */

#include "lcore.h"

#include <dlfcn.h>

static int core_openssl_version(lua_State *L)
{
  lua_pushstring(L, sslc_openssl_version());
  return 1;
}

static int core_openssl_build_version(lua_State *L)
{
  lua_pushstring(L, sslc_openssl_build_version());
  return 1;
}

/*
 * Keeps the code in memory for as long as the process lives.  lua_close
 * unloads modules, but OpenSSL may still hold pointers into this one: methods
 * of BIOs, callbacks, handlers that run when a thread or the process ends.
 */
static void stay_loaded(void)
{
#if defined(RTLD_NODELETE) && defined(RTLD_NOLOAD)
  static const char here = 0;
  Dl_info info;
  if (dladdr(&here, &info) != 0 && info.dli_fname != NULL)
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
#endif
}

static void push_fields(
  lua_State *L) /* fields of the module on top: [-0, +0] */
{
  lua_pushstring(L, sslc_version());
  lua_setfield(L, -2, "version");
  lcore_pushcodes(L);
  lua_setfield(L, -2, "codes");
  lcore_pusherrormeta(L);
  lua_setfield(L, -2, "error_mt");
}

static const luaL_Reg functions[] = {
  {"openssl_version", core_openssl_version},
  {"openssl_build_version", core_openssl_build_version},
  {"error", lcore_core_error},
  {"ctx", lcore_core_ctx},
  {"cert", lcore_core_cert},
  {"is_cert", lcore_core_is_cert},
  {"key_file_is_encrypted", lcore_core_key_file_is_encrypted},
  {"key_mem_is_encrypted", lcore_core_key_mem_is_encrypted},
  {"key_uri_is_encrypted", lcore_core_key_uri_is_encrypted},
  {"secret_digest", lcore_core_secret_digest},
  {"bio_socket", lcore_core_bio_socket},
  {"bio_connect", lcore_core_bio_connect},
  {"bio_accept", lcore_core_bio_accept},
  {"bio_pair", lcore_core_bio_pair},
  {"bio_mem", lcore_core_bio_mem},
  {"bio_mem_buf", lcore_core_bio_mem_buf},
  {"bio_buffer", lcore_core_bio_buffer},
  {"bio_null", lcore_core_bio_null},
  {"bio_file", lcore_core_bio_file},
  {"bio_conn", lcore_core_bio_conn},
  {"bio_wrap", lcore_core_bio_wrap},
  {"conn", lcore_core_conn},
  {"dial", lcore_core_dial},
  {"poller", lcore_core_poller},
  {"wait", lcore_core_wait},
  {"now", lcore_core_now},
  {"close_fd", lcore_core_close_fd},
  {NULL, NULL}};

LCORE_EXPORT int luaopen_sslconnect_core(lua_State *L);

LCORE_EXPORT int luaopen_sslconnect_core(lua_State *L)
{
  stay_loaded();
  lcore_registererrors(L);
  lcore_register(L, &lcore_cert);
  lcore_register(L, &lcore_session);
  lcore_register(L, &lcore_ctx);
  lcore_register(L, &lcore_bio);
  lcore_register(L, &lcore_conn);
  lcore_extend(L, &lcore_ctx, lcore_ctx_hooks);
  lcore_extend(L, &lcore_ctx, lcore_ctx_verify);
  lcore_extend(L, &lcore_ctx, lcore_ctx_trust);
  lcore_extend(L, &lcore_ctx, lcore_ctx_identity);
  lcore_extend(L, &lcore_ctx, lcore_ctx_policy);
  lcore_extend(L, &lcore_conn, lcore_conn_hooks);
  lcore_extend(L, &lcore_conn, lcore_conn_policy);
  lcore_extend(L, &lcore_conn, lcore_conn_stream);
  lcore_extend(L, &lcore_ctx, lcore_ctx_params);
  lcore_extend(L, &lcore_conn, lcore_conn_export);
  lcore_extend(L, &lcore_ctx, lcore_ctx_checks);
  lcore_extend(L, &lcore_conn, lcore_conn_checks);
  lcore_extend(L, &lcore_cert, lcore_cert_checks);
  lcore_extend(L, &lcore_ctx, lcore_ctx_sessions);
  lcore_extend(L, &lcore_conn, lcore_conn_sessions);
  lcore_register(L, &lcore_dial);
  lcore_extend(L, &lcore_dial, lcore_dial_checks);
  lcore_register(L, &lcore_poller);
  lua_newtable(L);
  lcore_setfuncs(L, functions);
  push_fields(L);
  return 1;
}
