/*
 * bio.c: BIOs, the userdata over sslc_bio.  bio(7), BIO_read(3), BIO_push(3),
 * BIO_ctrl(3).
 *
 * Each userdata has a reference of its own, so those of one chain may be
 * closed or collected in any order, and while a connection uses it.
 */
#include "lcore.h"

#include <string.h>

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_bio);
}

/* ---------------------------------------------------------------- chains */

/* push(other) */
static int bio_push(lua_State *L)
{
  lcore_object *o = check(L);
  lcore_object *other = lcore_check(L, 2, &lcore_bio);
  if (o->handle == NULL || other->handle == NULL)
    return lcore_failure(L, o->handle == NULL ? o : other, SSLC_ERR_STATE);
  return lcore_result(L, o, sslc_bio_push(o->handle, other->handle));
}

static int bio_pop(lua_State *L)
{
  lcore_object *o = check(L);
  return lcore_result(L, o, sslc_bio_pop(o->handle));
}

/* Fills the userdata on top with a reference of its own; nil for none. */
static int push_bio(lua_State *L, lcore_object *to, sslc_bio *bio)
{
  if (bio != NULL)
    to->handle = sslc_bio_up_ref(bio);
  else
    lua_pushnil(L);
  return 1;
}

static int bio_next(lua_State *L)
{
  lcore_object *o = check(L);
  lcore_object *next = lcore_new(L, &lcore_bio);
  return push_bio(L, next, sslc_bio_next(o->handle));
}

static int check_kind(lua_State *L, int arg)
{
  const char *name = luaL_checkstring(L, arg);
  for (int kind = 1; sslc_bio_kind_name(kind) != NULL; kind++)
    if (strcmp(sslc_bio_kind_name(kind), name) == 0)
      return kind;
  return luaL_argerror(
    L, arg, lua_pushfstring(L, "there is no kind of BIO called '%s'", name));
}

/* find(kind) */
static int bio_find(lua_State *L)
{
  lcore_object *o = check(L);
  int kind = check_kind(L, 2);
  lcore_object *found = lcore_new(L, &lcore_bio);
  return push_bio(L, found, sslc_bio_find(o->handle, kind));
}

static int bio_owner(lua_State *L)
{
  lcore_object *o = check(L);
  lcore_object *owner = lcore_new(L, &lcore_conn);
  sslc_conn *conn = sslc_bio_owner(o->handle);
  if (conn != NULL)
    owner->handle = sslc_conn_up_ref(conn);
  else
    lua_pushnil(L);
  return 1;
}

/* ----------------------------------------------------- reading, writing */

static sslc_status reader(void *handle, void *buf, size_t len, size_t *n)
{
  return sslc_bio_read(handle, buf, len, n);
}

static int bio_read(lua_State *L)
{
  return lcore_read(L, &lcore_bio, reader, 1);
}

/* Lets the argument of read be left out: as much as one call gives. */
static void opt_max(lua_State *L)
{
  if (!lua_isnoneornil(L, 2))
    return;
  lua_settop(L, 1);
  lua_pushinteger(L, (lua_Integer)LCORE_CHUNK);
}

/* There is a byte more than `len` in the buffer: see lcore_read. */
static sslc_status line_reader(void *handle, void *buf, size_t len, size_t *n)
{
  return sslc_bio_gets(handle, buf, len + 1, n);
}

/* gets([max]) */
static int bio_gets(lua_State *L)
{
  opt_max(L);
  return lcore_read(L, &lcore_bio, line_reader, 1);
}

/* Lua's strings are copies; and the bytes themselves would not outlive a
 * finalizer that runs while one is made. */
static sslc_status peeker(void *handle, void *buf, size_t len, size_t *n)
{
  const void *data;
  size_t there = 0;
  sslc_status status = sslc_bio_peek(handle, &data, &there);
  if (status != SSLC_OK)
    return status;
  *n = there < len ? there : len;
  memcpy(buf, data, *n);
  return SSLC_OK;
}

/* peek([max]) */
static int bio_peek(lua_State *L)
{
  opt_max(L);
  return lcore_read(L, &lcore_bio, peeker, 0);
}

/* consume(n) */
static int bio_consume(lua_State *L)
{
  lcore_object *o = check(L);
  size_t n = (size_t)lcore_checkint(L, 2, 0, INT_MAX);
  return lcore_result(L, o, sslc_bio_consume(o->handle, n));
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

static sslc_status line_writer(void *handle, const void *text, size_t len,
                               size_t *n)
{
  if (handle != NULL && len == 0)
    return SSLC_OK;
  return sslc_bio_puts(handle, text, n);
}

/* puts(s) */
static int bio_puts(lua_State *L)
{
  check(L);
  lcore_checkcstring(L, 2);
  lua_settop(L, 2);
  return lcore_write(L, &lcore_bio, line_writer);
}

/* ----------------------------------------------------------- other steps */

static int step(lua_State *L, sslc_status (*function)(sslc_bio *bio))
{
  lcore_object *o = check(L);
  return lcore_result(L, o, function(o->handle));
}

static int bio_do_handshake(lua_State *L)
{
  return step(L, sslc_bio_do_handshake);
}

static int bio_flush(lua_State *L)
{
  return step(L, sslc_bio_flush);
}

static int bio_reset(lua_State *L)
{
  return step(L, sslc_bio_reset);
}

static int bio_shutdown_wr(lua_State *L)
{
  return step(L, sslc_bio_shutdown_wr);
}

/* ---------------------------------------------------------------- asking */

static int bio_kind(lua_State *L)
{
  int kind = sslc_bio_kind(check(L)->handle);
  return lcore_pushstring(L, sslc_bio_kind_name(kind));
}

static int bio_should_retry(lua_State *L)
{
  sslc_status want = sslc_bio_should_retry(check(L)->handle);
  return lcore_pushstring(L, want > 0 ? sslc_status_name(want) : NULL);
}

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

static int bio_timeout(lua_State *L)
{
  return lcore_pushseconds(L, sslc_bio_timeout(check(L)->handle));
}

static int bio_address(lua_State *L)
{
  return lcore_pushcopy(L, sslc_bio_address(check(L)->handle));
}

/* The BIO * of OpenSSL, borrowed. */
static int bio_native(lua_State *L)
{
  void *native = sslc_bio_native(check(L)->handle);
  if (native != NULL)
    lua_pushlightuserdata(L, native);
  else
    lua_pushnil(L);
  return 1;
}

static int bio_error(lua_State *L)
{
  return lcore_lasterror(L, &lcore_bio);
}

/* -------------------------------------------------------------- settings */

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

static sslc_status set_close(sslc_bio *bio, int on)
{
  return sslc_bio_set_close(bio, on ? SSLC_CLOSE : SSLC_NOCLOSE);
}

static int bio_set_close(lua_State *L)
{
  return set_boolean(L, set_close);
}

static int bio_get_close(lua_State *L)
{
  int flag = sslc_bio_get_close(check(L)->handle);
  if (flag < 0)
    lua_pushnil(L);
  else
    lua_pushboolean(L, flag == SSLC_CLOSE);
  return 1;
}

/* set_mem_eof_return(value) */
static int bio_set_mem_eof_return(lua_State *L)
{
  lcore_object *o = check(L);
  int value = lcore_checkint(L, 2, INT_MIN, INT_MAX);
  return lcore_result(L, o, sslc_bio_set_mem_eof_return(o->handle, value));
}

/* --------------------------------------------------------------- the BIO */

static int bio_close(lua_State *L)
{
  return lcore_close(L, &lcore_bio);
}

static int bio_eq(lua_State *L)
{
  return lcore_equal(L, &lcore_bio);
}

static void bio_release(void *handle)
{
  sslc_bio_free(handle);
}

static const sslc_error *bio_last_error(const void *handle)
{
  return sslc_bio_error(handle);
}

static const luaL_Reg methods[] = {
  {"kind", bio_kind},
  {"push", bio_push},
  {"pop", bio_pop},
  {"next", bio_next},
  {"find", bio_find},
  {"owner", bio_owner},
  {"set_nbio", bio_set_nbio},
  {"set_tcp_nodelay", bio_set_tcp_nodelay},
  {"set_close", bio_set_close},
  {"get_close", bio_get_close},
  {"set_mem_eof_return", bio_set_mem_eof_return},
  {"do_handshake", bio_do_handshake},
  {"read", bio_read},
  {"write", bio_write},
  {"puts", bio_puts},
  {"gets", bio_gets},
  {"flush", bio_flush},
  {"reset", bio_reset},
  {"peek", bio_peek},
  {"consume", bio_consume},
  {"shutdown_wr", bio_shutdown_wr},
  {"should_retry", bio_should_retry},
  {"fd", bio_fd},
  {"timeout", bio_timeout},
  {"address", bio_address},
  {"pending", bio_pending},
  {"wpending", bio_wpending},
  {"eof", bio_eof},
  {"native", bio_native},
  {"error", bio_error},
  {"close", bio_close},
  {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__gc", bio_close},
                                       {"__close", bio_close},
                                       {"__eq", bio_eq},
                                       {"__tostring", lcore_bio_tostring},
                                       {NULL, NULL}};

const lcore_kind lcore_bio = {"sslconnect.bio", "BIO",   bio_release,
                              bio_last_error,   methods, metamethods};
