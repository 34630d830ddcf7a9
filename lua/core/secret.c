/*
 * secret.c: digests of secrets, to compare them by: a function of the module.
 */
#include "lcore.h"

/* secret_digest(text): bytes; nil where memory is short. */
int lcore_core_secret_digest(lua_State *L)
{
  size_t len;
  const char *text = luaL_checklstring(L, 1, &len);
  unsigned char digest[SSLC_SECRET_DIGEST];
  if (sslc_secret_digest(text, len, digest) == SSLC_OK)
    lua_pushlstring(L, (const char *)digest, sizeof digest);
  else
    lua_pushnil(L);
  return 1;
}
