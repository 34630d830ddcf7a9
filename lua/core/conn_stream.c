/*
 * conn_stream.c: what streams are made of: reads that keep what came until it
 * is enough, and writes of all there is.  Where nothing has to be waited for,
 * each is one call from Lua.
 *
 * What came is kept here before anything else happens to it, so that an error
 * in between (a timeout, a Ctrl-C) loses nothing.
 */
#include "lcore.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Asked of libssl at once where it is not known to be more: a record. */
#define RECORD ((size_t)16 * 1024)

/* Had at once for a read of many bytes. */
#define ROOM_MOST ((size_t)1024 * 1024)

/* After so many steps, or bytes written, Lua is to have a look at its clock
 * and its hooks. */
enum { STEPS_MOST = 64 };
#define WRITE_MOST ((size_t)1024 * 1024)

static lcore_object *check(lua_State *L)
{
  return lcore_check(L, 1, &lcore_conn);
}

/* ---------------------------------------------------------- what is kept */

static size_t size_of(const lcore_kept *k)
{
  return k->end - k->begin;
}

/* One buffer that nobody uses is kept at hand in the process: malloc(3) would
 * give a large one back to the kernel after each read, which costs more than
 * the read.  Its size is in its first bytes.  Freed when the module goes. */
#define SPARE_MOST ((size_t)256 * 1024)

static _Atomic(char *) spare;

#if defined(__GNUC__)
__attribute__((destructor))
#endif
static void drop_spare(void)
{
  free(atomic_exchange(&spare, NULL));
}

static void give_spare(char *bytes, size_t room)
{
  if (bytes != NULL && room >= sizeof room && room <= SPARE_MOST) {
    memcpy(bytes, &room, sizeof room);
    bytes = atomic_exchange(&spare, bytes);
  }
  free(bytes);
}

/* It, where it has so much room; NULL. */
static char *take_spare(size_t *room)
{
  size_t size = 0;
  char *bytes = atomic_exchange(&spare, NULL);
  if (bytes != NULL)
    memcpy(&size, bytes, sizeof size);
  if (size < *room) {
    free(bytes);
    return NULL;
  }
  *room = size;
  return bytes;
}

void lcore_drop_kept(lcore_object *o)
{
  give_spare(o->kept.bytes, o->kept.room);
  o->kept = (lcore_kept){NULL, 0, 0, 0, 0};
}

/* Room for so many bytes behind what is kept; 0 where memory is short. */
static int make_room(lcore_kept *k, size_t room)
{
  size_t size = size_of(k);
  if (k->room - k->end >= room)
    return 1;
  if (k->begin > 0)
    memmove(k->bytes, k->bytes + k->begin, size);
  k->begin = 0;
  k->end = size;
  if (k->room - size >= room)
    return 1;
  size_t more = room > size ? room : size;
  if (more > SIZE_MAX - size)
    return 0;
  more += size;
  char *bytes = k->bytes == NULL ? take_spare(&more) : NULL;
  if (bytes == NULL)
    bytes = realloc(k->bytes, more);
  if (bytes == NULL)
    return 0;
  k->bytes = bytes;
  k->room = more;
  return 1;
}

static int keep(lcore_kept *k, const char *bytes, size_t len)
{
  if (len == 0)
    return 1;
  if (!make_room(k, len))
    return 0;
  memcpy(k->bytes + k->end, bytes, len);
  k->end += len;
  return 1;
}

/* An idle connection is to hold no more memory than it has to. */
static void consume(lcore_object *o, size_t len)
{
  lcore_kept *k = &o->kept;
  k->begin += len;
  k->scanned = 0;
  if (k->begin == k->end)
    lcore_drop_kept(o);
}

/* ------------------------------------------------------- what is asked for */

typedef struct {
  char format; /* 'l', 'L', 'a'; 'n': `count` bytes; 's': `count` at most */
  size_t count;
} wish;

/* The length of the first line with its newline; 0: none is complete.  What
 * was looked at is not looked at again. */
static size_t line_length(lcore_kept *k)
{
  const char *from = k->bytes + k->begin;
  size_t size = size_of(k);
  const char *at = size == k->scanned
    ? NULL : memchr(from + k->scanned, '\n', size - k->scanned);
  if (at != NULL)
    return (size_t)(at - from) + 1;
  k->scanned = size;
  return 0;
}

/* Whether what is kept will do; `*len` is how much of it the wish takes. */
static int is_enough(lcore_kept *k, const wish *w, size_t *len)
{
  size_t size = size_of(k);
  *len = w->count < size ? w->count : size;
  switch (w->format) {
  case 'n':
    return size > 0 && size >= w->count;
  case 's':
    return size > 0;
  case 'a':
    return 0;
  default:
    *len = size > 0 ? line_length(k) : 0;
    return *len > 0;
  }
}

/* The same when no more comes. */
static int is_rest(const lcore_kept *k, const wish *w, size_t *len)
{
  size_t size = size_of(k);
  *len = w->format == 'n' && w->count < size ? w->count : size;
  return size > 0 || w->format == 'a';
}

/* How many of those bytes are shown: "l" has no newline. */
static size_t shown(const wish *w, const char *bytes, size_t len)
{
  return w->format == 'l' && len > 0 && bytes[len - 1] == '\n' ? len - 1 : len;
}

/* What is a count for Lua's io library, and no more than a number can tell. */
static int is_count(lua_Number n)
{
  return n >= 0 && n < (lua_Number)9007199254740992.0 &&
         n == (lua_Number)(int64_t)n && (uint64_t)n <= SIZE_MAX / 2;
}

/* The format at `arg`, as io.read takes it; 0: it is none. */
static int get_wish(lua_State *L, int arg, wish *w)
{
  const char *s;
  w->format = '\0';
  w->count = 0;
  switch (lua_type(L, arg)) {
  case LUA_TNONE:
  case LUA_TNIL:
    w->format = 'l';
    return 1;
  case LUA_TNUMBER:
    w->format = 'n';
    if (!is_count(lua_tonumber(L, arg)))
      return 0;
    w->count = (size_t)lua_tonumber(L, arg);
    return 1;
  case LUA_TSTRING:
    s = lua_tostring(L, arg);
    s += *s == '*';
    w->format = *s;
    return (*s == 'l' || *s == 'L' || *s == 'a') &&
           lcompat_rawlen(L, arg) == strlen(lua_tostring(L, arg)) &&
           s[1] == '\0';
  default:
    return 0;
  }
}

static void check_wish(lua_State *L, int arg, wish *w)
{
  if (!get_wish(L, arg, w))
    luaL_argerror(L, arg, "\"l\", \"L\", \"a\" or a number of bytes expected");
}

/* ------------------------------------------------------------------ taking */

/* Pushes the first bytes kept piece by piece: the place for each is had before
 * it is looked where the bytes are.  0 where they are gone. */
static int push_pieces(lua_State *L, const lcore_kept *k, size_t len)
{
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t done = 0, part; done < len; done += part) {
    char *room = luaL_prepbuffer(&b);
    part = len - done < LUAL_BUFFERSIZE ? len - done : LUAL_BUFFERSIZE;
    if (size_of(k) < len)
      return 0;
    memcpy(room, k->bytes + k->begin + done, part);
    luaL_addsize(&b, part);
  }
  luaL_pushresult(&b);
  return 1;
}

/* The same, in one piece where that is safe: where Lua may collect before it
 * copies, a finalizer could take them away. */
static int push(lua_State *L, const lcore_kept *k, size_t len)
{
  if (LCOMPAT_COLLECTS_FIRST)
    return push_pieces(L, k, len);
  lua_pushlstring(L, len > 0 ? k->bytes + k->begin : "", len);
  return 1;
}

/* The string of the first bytes kept, which go only when Lua has them. */
static int take(lua_State *L, lcore_object *o, const wish *w, size_t len)
{
  const lcore_kept *k = &o->kept;
  if (!push(L, k, len > 0 ? shown(w, k->bytes + k->begin, len) : 0))
    return lcore_failure(L, o, SSLC_ERR_STATE);
  if (size_of(k) >= len)
    consume(o, len);
  return 1;
}

/* ----------------------------------------------------------------- reading */

/* How much room a read for the wish is to have. */
static size_t room_for(const lcore_kept *k, const wish *w)
{
  size_t missing = w->format == 'n' && w->count > size_of(k)
    ? w->count - size_of(k) : 0;
  if (missing < RECORD)
    return RECORD;
  return missing < ROOM_MOST ? missing : ROOM_MOST;
}

/* One step, whose bytes are kept. */
static sslc_status fill(lcore_object *o, const wish *w)
{
  size_t n = 0, room = room_for(&o->kept, w);
  if (!make_room(&o->kept, room))
    return SSLC_ERR_NOMEM;
  sslc_status status =
    sslc_conn_read(o->handle, o->kept.bytes + o->kept.end, room, &n);
  o->kept.end += n;
  if (size_of(&o->kept) == 0)
    lcore_drop_kept(o);
  return status;
}

/* Fills until there is enough or nothing more to be had now.  SSLC_OK: there
 * is more than before. */
static sslc_status fill_up(lcore_object *o, const wish *w)
{
  sslc_status status = SSLC_OK;
  size_t len, before = size_of(&o->kept);
  for (int i = 0; i < STEPS_MOST && status == SSLC_OK; i++) {
    status = fill(o, w);
    if (status == SSLC_OK && is_enough(&o->kept, w, &len))
      break;
  }
  return status > SSLC_OK && status != SSLC_CLOSED &&
         size_of(&o->kept) > before ? SSLC_OK : status;
}

/* fill([format]): true, where more is kept than before. */
static int conn_fill(lua_State *L)
{
  lcore_object *o = check(L);
  wish w;
  check_wish(L, 2, &w);
  if (o->handle == NULL || o->lost)
    return lcore_lost(L, o);
  return lcore_result(L, o, fill_up(o, &w));
}

/* take([format[, no_more]]): false where that is not there. */
static int conn_take(lua_State *L)
{
  lcore_object *o = check(L);
  size_t len;
  wish w;
  check_wish(L, 2, &w);
  if (o->handle == NULL)
    return lcore_failure(L, o, SSLC_ERR_STATE);
  if (lua_toboolean(L, 3) ? is_rest(&o->kept, &w, &len)
                          : is_enough(&o->kept, &w, &len))
    return take(L, o, &w, len);
  return lcore_pushboolean(L, 0);
}

/* take_some(max): false where nothing is kept. */
static int conn_take_some(lua_State *L)
{
  lcore_object *o = check(L);
  wish w = {'s', 0};
  size_t len;
  luaL_checknumber(L, 2);
  if (!is_count(lua_tonumber(L, 2)) || lua_tonumber(L, 2) < 1)
    luaL_argerror(L, 2, "number of bytes expected, 1 or more");
  w.count = (size_t)lua_tonumber(L, 2);
  if (o->handle == NULL)
    return lcore_failure(L, o, SSLC_ERR_STATE);
  if (is_enough(&o->kept, &w, &len))
    return take(L, o, &w, len);
  return lcore_pushboolean(L, 0);
}

static int conn_kept(lua_State *L)
{
  const lcore_object *o = check(L);
  return lcore_pushcount(L, o, size_of(&o->kept));
}

/* ------------------------------------------------------- reading, in one go */

/* Waits in poll(2) for what the read wants.  SSLC_OK: try.  A signal is Lua's,
 * whose hook is to run. */
static sslc_status wait_here(const sslc_conn *conn, int64_t deadline)
{
  int ready = 0, fd = sslc_conn_fd(conn);
  if (fd < 0)
    return SSLC_WANT_READ;
  sslc_status status = sslc_fd_wait(fd, SSLC_READABLE, deadline, &ready);
  if (status == SSLC_ERR_TIMEOUT || (status == SSLC_OK && !ready))
    return SSLC_WANT_READ;
  return SSLC_OK; /* what is wrong with it, the read will tell */
}

/* A point of core.now(), as of sslc_now(). */
static int64_t deadline_at(lua_State *L, int arg)
{
  lua_Number seconds = lua_tonumber(L, arg);
  return seconds < (lua_Number)9e9 ? (int64_t)(seconds * (lua_Number)1e9)
                                   : SSLC_FOREVER;
}

/* A read that is to be waited for level-triggered, or not. */
typedef struct {
  wish wish;
  int level;
  sslc_status status;
} reading;

/* The first read of a wish that nothing is kept for goes to the stack: mostly
 * it is all that is wanted.  The others stay kept. */
static int read_fresh(lua_State *L, lcore_object *o, reading *r)
{
  char buf[RECORD];
  lcore_kept fresh = {buf, sizeof buf, 0, 0, 0};
  const wish *w = &r->wish;
  size_t len, all = 0;
  sslc_conn_set_level_triggered(o->handle, r->level);
  r->status = sslc_conn_read(o->handle, buf, sizeof buf, &all);
  sslc_conn_set_level_triggered(o->handle, 0);
  if (r->status != SSLC_OK)
    return 0;
  fresh.end = all;
  int enough = is_enough(&fresh, w, &len);
  size_t used = enough ? len : 0;
  o->lost = 1; /* stays so where memory is short */
  if (!keep(&o->kept, buf + used, all - used))
    return lcore_result(L, o, SSLC_ERR_NOMEM);
  if (enough)
    lua_pushlstring(L, buf, shown(w, buf, len));
  o->lost = 0;
  return enough ? 1 : lcore_pushboolean(L, 1);
}

/* How a read ends that the end of the stream has cut short. */
static int take_rest(lua_State *L, lcore_object *o, const wish *w)
{
  size_t len;
  if (is_rest(&o->kept, w, &len))
    return take(L, o, w, len);
  lua_pushnil(L);
  return 1;
}

/* Tries once.  The results; 0: the status tells, SSLC_OK that there is more
 * than before and not enough. */
static int attempt(lua_State *L, lcore_object *o, reading *r)
{
  const wish *w = &r->wish;
  size_t len;
  if (size_of(&o->kept) == 0 && w->format != 'a' && w->count <= RECORD)
    return read_fresh(L, o, r);
  sslc_conn_set_level_triggered(o->handle, r->level);
  r->status = fill_up(o, w);
  sslc_conn_set_level_triggered(o->handle, 0);
  if (r->status == SSLC_OK && is_enough(&o->kept, w, &len))
    return take(L, o, w, len);
  return 0;
}

/*
 * receive(format[, deadline or true]): the data; true where it is to be called
 * again; false and what the read wants; nil at the end; nil and an error.  With
 * a deadline it may wait itself, in poll(2), and gives false when that is over
 * or a signal came; with true who waits is level-triggered.  false, "format"
 * where the format is none.
 */
static int conn_receive(lua_State *L)
{
  lcore_object *o = check(L);
  int waits = lua_type(L, 3) == LUA_TNUMBER;
  int64_t deadline = waits ? deadline_at(L, 3) : 0;
  size_t len;
  reading r = {{0, 0}, waits || lua_toboolean(L, 3), SSLC_OK};
  if (!get_wish(L, 2, &r.wish)) {
    lua_pushboolean(L, 0);
    lua_pushliteral(L, "format");
    return 2;
  }
  if (o->handle == NULL || o->lost)
    return lcore_lost(L, o);
  if (is_enough(&o->kept, &r.wish, &len))
    return take(L, o, &r.wish, len);
  int results = attempt(L, o, &r);
  if (waits && results == 0 && r.status == SSLC_WANT_READ) {
    r.level = 0;
    r.status = wait_here(o->handle, deadline);
    if (r.status == SSLC_OK)
      results = attempt(L, o, &r);
  }
  if (results > 0)
    return results;
  if (r.status == SSLC_CLOSED)
    return take_rest(L, o, &r.wish);
  return lcore_result(L, o, r.status);
}

/* ----------------------------------------------------------------- writing */

/*
 * transmit(...): true when the only argument, a string, is written; false
 * where it is none, and nothing was done; else how many bytes were taken
 * before the write has to be looked at, which repeats what was not.
 */
static int conn_transmit(lua_State *L)
{
  lcore_object *o = check(L);
  size_t len, n, done = 0;
  if (o->handle == NULL)
    return lcore_failure(L, o, SSLC_ERR_STATE);
  if (lua_gettop(L) != 2 || lua_type(L, 2) != LUA_TSTRING)
    return lcore_pushboolean(L, 0);
  const char *s = lua_tolstring(L, 2, &len);
  while (done < len && done < WRITE_MOST) {
    if (sslc_conn_write(o->handle, s + done, len - done, &n) != SSLC_OK)
      break;
    done += n;
  }
  if (done == len)
    return lcore_pushboolean(L, 1);
  return lcore_pushint64(L, (int64_t)done);
}

const luaL_Reg lcore_conn_stream[] = {{"receive", conn_receive},
                                      {"fill", conn_fill},
                                      {"take", conn_take},
                                      {"take_some", conn_take_some},
                                      {"kept", conn_kept},
                                      {"transmit", conn_transmit},
                                      {NULL, NULL}};
