/*
 * conn_export.c: secrets that a connection gives to the application, what it
 * agreed on about records, and the encrypted ClientHello: methods of
 * connections.  SSL_export_keying_material(3), RFC 9266, RFC 5929.
 */
#include "lcore.h"

/* A secret as a string; its bytes are had before anything is exported. */
enum { EXPORT_MAX = 8160 }; /* RFC 8446: 255 times a digest of 32 bytes */

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_conn);
}

/* export_keying_material(label, length[, context]): no context is another than
 * an empty one. */
static int conn_export_keying_material(lua_State *L)
{
  lcore_object *o = check(L);
  const char *label = lcore_checkcstring(L, 2);
  size_t len = (size_t)lcore_checkint(L, 3, 1, EXPORT_MAX);
  size_t context_len = 0;
  const char *context = NULL;
  if (!lua_isnoneornil(L, 4))
    context = luaL_checklstring(L, 4, &context_len);
  char out[EXPORT_MAX];
  sslc_status status = sslc_conn_export_keying_material(
    o->handle, out, len, label, context, context_len);
  if (status != SSLC_OK)
    return lcore_failure(L, o, status);
  lua_pushlstring(L, out, len);
  return 1;
}

static int conn_channel_binding(lua_State *L)
{
  lcore_object *o = check(L);
  const char *kind = lcore_checkcstring(L, 2);
  char out[SSLC_CHANNEL_BINDING_MAX];
  size_t n;
  sslc_status status =
    sslc_conn_channel_binding(o->handle, kind, out, sizeof out, &n);
  if (status != SSLC_OK)
    return lcore_failure(L, o, status);
  lua_pushlstring(L, out, n);
  return 1;
}

static int conn_max_fragment_length(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_pushcount(L, o, sslc_conn_max_fragment_length(o->handle));
}

static int conn_set_ech_config_list(lua_State *L)
{
  lcore_object *o = check(L);
  size_t len;
  const char *list = luaL_checklstring(L, 2, &len);
  return lcore_result(L, o,
                      sslc_conn_set_ech_config_list(o->handle, list, len));
}

const luaL_Reg lcore_conn_export[] = {
  {"export_keying_material", conn_export_keying_material},
  {"channel_binding", conn_channel_binding},
  {"max_fragment_length", conn_max_fragment_length},
  {"set_ech_config_list", conn_set_ech_config_list},
  {NULL, NULL}};
