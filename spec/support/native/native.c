/*
 * native.c: the module support.native: BIOs of OpenSSL's own as lightuserdata,
 * as another module in C would bring them along.  For bio_spec.lua.
 */
#include <lua.h>

#include <lauxlib.h>
#include <openssl/bio.h>
#include <openssl/evp.h>

static BIO *check(lua_State *L, int arg)
{
  luaL_checktype(L, arg, LUA_TLIGHTUSERDATA);
  return lua_touserdata(L, arg);
}

static int push(lua_State *L, BIO *bio)
{
  if (bio == NULL)
    return luaL_error(L, "out of memory");
  lua_pushlightuserdata(L, bio);
  return 1;
}

/* mem(s): holds s, and ends after it. */
static int native_mem(lua_State *L)
{
  size_t len;
  const char *s = luaL_checklstring(L, 1, &len);
  BIO *bio = BIO_new(BIO_s_mem());
  if (bio != NULL) {
    BIO_set_mem_eof_return(bio, 0);
    BIO_write(bio, s, (int)len);
  }
  return push(L, bio);
}

/* base64(): a filter. */
static int native_base64(lua_State *L)
{
  BIO *bio = BIO_new(BIO_f_base64());
  if (bio != NULL)
    BIO_set_flags(bio, BIO_FLAGS_BASE64_NO_NL);
  return push(L, bio);
}

/* push(a, b): a -> b, with the reference to b. */
static int native_push(lua_State *L)
{
  BIO_push(check(L, 1), check(L, 2));
  lua_settop(L, 1);
  return 1;
}

/* read(bio, max) */
static int native_read(lua_State *L)
{
  char buf[1024];
  int max = (int)luaL_checknumber(L, 2);
  int n = BIO_read(check(L, 1), buf, max < 1024 ? max : 1024);
  if (n <= 0)
    return 0;
  lua_pushlstring(L, buf, (size_t)n);
  return 1;
}

/* up_ref(bio): the same, with a reference more. */
static int native_up_ref(lua_State *L)
{
  BIO_up_ref(check(L, 1));
  lua_settop(L, 1);
  return 1;
}

static int native_free(lua_State *L)
{
  BIO_free_all(check(L, 1));
  return 0;
}

static const luaL_Reg functions[] = {
  {"mem", native_mem},   {"base64", native_base64}, {"push", native_push},
  {"read", native_read}, {"up_ref", native_up_ref}, {"free", native_free},
  {NULL, NULL}};

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
int luaopen_support_native(lua_State *L);

int luaopen_support_native(lua_State *L)
{
  lua_newtable(L);
  for (const luaL_Reg *f = functions; f->name != NULL; f++) {
    lua_pushcfunction(L, f->func);
    lua_setfield(L, -2, f->name);
  }
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  return 1;
}
