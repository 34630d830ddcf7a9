/*
 * bio_new.c: the constructors of BIOs.  Those of a caller's functions are for
 * C alone: OpenSSL's callbacks never enter Lua, where a pair does the same.
 */
#include "lcore.h"

#include <errno.h>
#include <string.h>

/* ------------------------------------------------------------- arguments */

static size_t opt_size(lua_State *L, int arg)
{
  if (lua_isnoneornil(L, arg))
    return 0;
  return (size_t)lcore_checkint(L, arg, 0, INT_MAX);
}

/* Whether what the BIO stands on is closed with it; false unless told. */
static int opt_close(lua_State *L, int arg)
{
  if (lua_isnoneornil(L, arg))
    return SSLC_NOCLOSE;
  return lcore_checkboolean(L, arg) ? SSLC_CLOSE : SSLC_NOCLOSE;
}

/* --------------------------------------------------------------- sockets */

/* bio_socket(fd[, close]) */
int lcore_core_bio_socket(lua_State *L)
{
  int fd = lcore_checkfd(L, 1);
  int close_flag = opt_close(L, 2);
  lcore_object *o = lcore_new(L, &lcore_bio);
  return lcore_fill(L, o, sslc_bio_new_socket(fd, close_flag));
}

/* bio_connect(host, port) */
int lcore_core_bio_connect(lua_State *L)
{
  const char *host = lcore_checkcstring(L, 1);
  int port = lcore_checkint(L, 2, INT_MIN, INT_MAX);
  lcore_object *o = lcore_new(L, &lcore_bio);
  return lcore_fill(L, o, sslc_bio_new_connect(host, port));
}

/* bio_accept(address|nil, port) */
int lcore_core_bio_accept(lua_State *L)
{
  const char *address = lua_isnil(L, 1) ? NULL : lcore_checkcstring(L, 1);
  int port = lcore_checkint(L, 2, INT_MIN, INT_MAX);
  lcore_object *o = lcore_new(L, &lcore_bio);
  return lcore_fill(L, o, sslc_bio_new_accept(address, port));
}

/* ---------------------------------------------------------------- memory */

/* bio_pair([size1[, size2]]) */
int lcore_core_bio_pair(lua_State *L)
{
  size_t size1 = opt_size(L, 1);
  size_t size2 = opt_size(L, 2);
  lcore_object *o1 = lcore_new(L, &lcore_bio);
  lcore_object *o2 = lcore_new(L, &lcore_bio);
  sslc_bio *bio1 = NULL;
  sslc_bio *bio2 = NULL;
  sslc_status status = sslc_bio_new_pair(&bio1, size1, &bio2, size2);
  if (status != SSLC_OK)
    return lcore_madefailure(L, status, SSLC_PHASE_NONE, 0);
  o1->handle = bio1;
  o2->handle = bio2;
  return 2;
}

/* bio_mem() */
int lcore_core_bio_mem(lua_State *L)
{
  lcore_object *o = lcore_new(L, &lcore_bio);
  return lcore_fill(L, o, sslc_bio_new_mem());
}

/* bio_mem_buf(data) */
int lcore_core_bio_mem_buf(lua_State *L)
{
  size_t len;
  const char *data = luaL_checklstring(L, 1, &len);
  lcore_object *o = lcore_new(L, &lcore_bio);
  return lcore_fill(L, o, sslc_bio_new_mem_buf(data, len));
}

/* ---------------------------------------------------------------- others */

/* bio_buffer([size]) */
int lcore_core_bio_buffer(lua_State *L)
{
  size_t size = opt_size(L, 1);
  lcore_object *o = lcore_new(L, &lcore_bio);
  return lcore_fill(L, o, sslc_bio_new_buffer(size));
}

/* bio_null() */
int lcore_core_bio_null(lua_State *L)
{
  lcore_object *o = lcore_new(L, &lcore_bio);
  return lcore_fill(L, o, sslc_bio_new_null());
}

/* What fopen(3) said of the path. */
static int file_failure(lua_State *L, const char *path, const char *mode,
                        int errnum)
{
  if (errnum == ENOMEM)
    return lcore_madefailure(L, SSLC_ERR_NOMEM, SSLC_PHASE_NONE, 0);
  lua_pushnil(L);
  const char *message = lua_pushfstring(L, "\"%s\" (mode \"%s\"): %s", path,
                                        mode, strerror(errnum));
  lcore_pushmade(L, SSLC_CODE_BAD_FILE, SSLC_PHASE_CONFIG, message, errnum);
  lua_pushvalue(L, 1);
  lua_setfield(L, -2, "path");
  lua_remove(L, -2); /* [nil, err] */
  return 2;
}

/* bio_file(path, mode) */
int lcore_core_bio_file(lua_State *L)
{
  const char *path = lcore_checkcstring(L, 1);
  const char *mode = lcore_checkcstring(L, 2);
  lcore_object *o = lcore_new(L, &lcore_bio);
  o->handle = sslc_bio_new_file(path, mode);
  return o->handle != NULL ? 1 : file_failure(L, path, mode, errno);
}

/* bio_conn(conn[, close]) */
int lcore_core_bio_conn(lua_State *L)
{
  lcore_object *conn = lcore_check(L, 1, &lcore_conn);
  int close_flag = opt_close(L, 2);
  lcore_object *o = lcore_new(L, &lcore_bio);
  if (conn->handle == NULL)
    return lcore_failure(L, conn, SSLC_ERR_STATE);
  return lcore_fill(L, o, sslc_bio_new_conn(conn->handle, close_flag));
}

/* bio_wrap(lightuserdata) */
int lcore_core_bio_wrap(lua_State *L)
{
  luaL_argcheck(L, lua_islightuserdata(L, 1), 1,
                "light userdata (a BIO *) expected");
  void *native = lua_touserdata(L, 1);
  luaL_argcheck(L, native != NULL, 1, "BIO * expected, got NULL");
  lcore_object *o = lcore_new(L, &lcore_bio);
  return lcore_fill(L, o, sslc_bio_wrap(native));
}
