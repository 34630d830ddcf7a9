/*
 * bio.c: BIOs, the userdata over sslc_bio.  bio(7), BIO_s_socket(3),
 * BIO_s_bio(3).
 */
#include "lcore.h"

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_bio);
}

/* --------------------------------------------------------- constructors */

/* bio_socket(fd[, close]) */
int lcore_core_bio_socket(lua_State *L)
{
  int fd = lcore_checkfd(L, 1);
  int close = !lua_isnoneornil(L, 2) && lcore_checkboolean(L, 2);
  lcore_object *o = lcore_new(L, &lcore_bio);
  int flag = close ? SSLC_CLOSE : SSLC_NOCLOSE;
  return lcore_fill(L, o, sslc_bio_new_socket(fd, flag));
}

static size_t opt_size(lua_State *L, int arg)
{
  if (lua_isnoneornil(L, arg))
    return 0;
  return (size_t)lcore_checkint(L, arg, 0, INT_MAX);
}

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

/* ---------------------------------------------------- reading, writing */

static sslc_status reader(void *handle, void *buf, size_t len, size_t *n)
{
  return sslc_bio_read(handle, buf, len, n);
}

static int bio_read(lua_State *L)
{
  return lcore_read(L, &lcore_bio, reader, 1);
}

/* To write nothing is done at once, as with a connection. */
static sslc_status writer(void *handle, const void *buf, size_t len, size_t *n)
{
  if (handle != NULL && len == 0)
    return SSLC_OK;
  return sslc_bio_write(handle, buf, len, n);
}

static int bio_write(lua_State *L)
{
  return lcore_write(L, &lcore_bio, writer);
}

static int bio_shutdown_wr(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_result(L, o, sslc_bio_shutdown_wr(o->handle));
}

/* ------------------------------------------------------------- getters */

static int bio_pending(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_pushcount(L, o, sslc_bio_pending(o->handle));
}

static int bio_wpending(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_pushcount(L, o, sslc_bio_wpending(o->handle));
}

static int bio_eof(lua_State *L)
{
  return lcore_pushboolean(L, sslc_bio_eof(check(L)->handle));
}

static int bio_fd(lua_State *L)
{
  return lcore_pushfd(L, sslc_bio_fd(check(L)->handle));
}

static int bio_error(lua_State *L)
{
  return lcore_lasterror(L, &lcore_bio);
}

/* ------------------------------------------------------------- setters */

static int set_boolean(lua_State *L, sslc_status (*set)(sslc_bio *bio, int on))
{
  lcore_object *o = check(L);
  int on = lcore_checkboolean(L, 2);
  return lcore_result(L, o, set(o->handle, on));
}

static int bio_set_nbio(lua_State *L)
{
  return set_boolean(L, sslc_bio_set_nbio);
}

static int bio_set_tcp_nodelay(lua_State *L)
{
  return set_boolean(L, sslc_bio_set_tcp_nodelay);
}

/* ------------------------------------------------------------- the BIO */

static int bio_close(lua_State *L)
{
  return lcore_close(L, &lcore_bio);
}

/* Two userdata are equal when they hold references to one BIO. */
static int bio_eq(lua_State *L)
{
  lcore_object *a = lcore_test(L, 1, &lcore_bio);
  lcore_object *b = lcore_test(L, 2, &lcore_bio);
  return lcore_pushboolean(L, a != NULL && b != NULL && a->handle != NULL &&
                                a->handle == b->handle);
}

static int bio_tostring(lua_State *L)
{
  lcore_object *o = check(L);
  sslc_bio *bio = o->handle;
  int fd = sslc_bio_fd(bio);
  if (bio == NULL)
    lua_pushliteral(L, "sslconnect.bio: (closed)");
  else if (fd >= 0)
    lua_pushfstring(L, "sslconnect.bio: socket fd %d", fd);
  else
    lua_pushfstring(L, "sslconnect.bio: pair, %d to read, %d to be read",
                    (int)sslc_bio_pending(bio), (int)sslc_bio_wpending(bio));
  return 1;
}

static void bio_release(void *handle)
{
  sslc_bio_free(handle);
}

static const sslc_error *bio_last_error(const void *handle)
{
  return sslc_bio_error(handle);
}

static const luaL_Reg methods[] = {{"read", bio_read},
                                   {"write", bio_write},
                                   {"pending", bio_pending},
                                   {"wpending", bio_wpending},
                                   {"eof", bio_eof},
                                   {"fd", bio_fd},
                                   {"set_nbio", bio_set_nbio},
                                   {"set_tcp_nodelay", bio_set_tcp_nodelay},
                                   {"shutdown_wr", bio_shutdown_wr},
                                   {"error", bio_error},
                                   {"close", bio_close},
                                   {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__gc", bio_close},
                                       {"__close", bio_close},
                                       {"__eq", bio_eq},
                                       {"__tostring", bio_tostring},
                                       {NULL, NULL}};

const lcore_kind lcore_bio = {"sslconnect.bio", "BIO",   bio_release,
                              bio_last_error,   methods, metamethods};
