/*
 * lcore.h: what the files of sslconnect.core share.  The binding stands on
 * sslconnect.h, Lua's headers and libc, and on nothing else.
 *
 * Rules for every function of the binding:
 *
 *  - A userdata is made closed first and filled second, so that an error
 *    thrown by Lua when memory is short leaks nothing.
 *  - Any call that may allocate in Lua may run a finalizer, and a finalizer
 *    may call any method, `close` too.  So arguments are checked and memory is
 *    had first, the handle is looked at last, and no pointer that belongs to
 *    an object is kept over a call that may allocate.
 *  - Argument faults throw.  Run-time outcomes return: `true` or a value;
 *    `false` and the name of the status; `nil` at the end of the stream; `nil`
 *    and an error.
 *  - No lua_State is stored, nothing of Lua is called back, nothing yields.
 */
#ifndef LCORE_H
#define LCORE_H

#include "lcompat.h"
#include "sslconnect.h"

#include <limits.h>

/* How many strings a list may have at most. */
#define LCORE_NAMES_MAX 256

/* What one read may give at most: a TLS record and some. */
#define LCORE_CHUNK ((size_t)17 * 1024)

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#define LCORE_EXPORT __attribute__((visibility("default")))
#else
#define LCORE_EXPORT
#endif

/* -------------------------------------------------------------- objects */

/* One kind of userdata. */
typedef struct lcore_kind {
  const char *name; /* of the metatable: "sslconnect.conn" */
  const char *noun; /* in messages: "connection" */
  void (*release)(void *handle);
  const sslc_error *(*error)(const void *handle); /* NULL: keeps none */
  const luaL_Reg *methods;
  const luaL_Reg *metamethods;
} lcore_kind;

/* Bytes that a connection has read and nobody has taken yet. */
typedef struct lcore_kept {
  char *bytes; /* malloc(3) */
  size_t room;
  size_t begin;   /* of what is kept, and its end */
  size_t end;
  size_t scanned; /* so many have no newline */
} lcore_kept;

/* What every userdata of the binding is. */
typedef struct lcore_object {
  const lcore_kind *kind;
  void *handle; /* the object of the C core; NULL: closed */
  int lost;     /* bytes that were read did not get through to Lua */
  lcore_kept kept; /* a connection's */
} lcore_object;

extern const lcore_kind lcore_ctx;
extern const lcore_kind lcore_bio;
extern const lcore_kind lcore_conn;
extern const lcore_kind lcore_dial;
extern const lcore_kind lcore_poller;
extern const lcore_kind lcore_cert;
extern const lcore_kind lcore_session;

/* Makes the metatable of a kind. */
void lcore_register(lua_State *L, const lcore_kind *kind); /* [-0, +0] */

/* Adds methods that have a file of their own. */
extern const luaL_Reg lcore_ctx_hooks[];
extern const luaL_Reg lcore_ctx_verify[];
extern const luaL_Reg lcore_ctx_policy[];
extern const luaL_Reg lcore_conn_policy[];
extern const luaL_Reg lcore_ctx_trust[];
extern const luaL_Reg lcore_ctx_identity[];
extern const luaL_Reg lcore_conn_hooks[];
extern const luaL_Reg lcore_ctx_params[];
extern const luaL_Reg lcore_conn_export[];
extern const luaL_Reg lcore_conn_stream[];
extern const luaL_Reg lcore_ctx_checks[];
extern const luaL_Reg lcore_conn_checks[];
extern const luaL_Reg lcore_cert_checks[];
extern const luaL_Reg lcore_dial_checks[];
extern const luaL_Reg lcore_ctx_sessions[];
extern const luaL_Reg lcore_conn_sessions[];
void lcore_extend(lua_State *L, const lcore_kind *kind,
                  const luaL_Reg *methods); /* [-0, +0] */

/* Puts the functions of a list into the table on top. */
void lcore_setfuncs(lua_State *L, const luaL_Reg *list); /* [-0, +0] */

/* A new object, closed. */
lcore_object *lcore_new(lua_State *L, const lcore_kind *kind); /* [-0, +1] */

/* The object at `arg`; throws where it is of another kind. */
lcore_object *lcore_check(lua_State *L, int arg, const lcore_kind *kind);

/* The same, with NULL instead of an error. */
lcore_object *lcore_test(lua_State *L, int arg, const lcore_kind *kind);

/* The method `close` and the metamethods __gc and __close: [-0, +1] true. */
int lcore_close(lua_State *L, const lcore_kind *kind);

/* The metamethod __eq: whether two userdata have references to one object. */
int lcore_equal(lua_State *L, const lcore_kind *kind);

/* The results of a constructor: the object on top, just made, filled with the
 * handle; `nil, err` for NULL, when memory was short.  To be returned. */
int lcore_fill(lua_State *L, lcore_object *o, void *handle);

/* The results of a step or setter, from its status.  To be returned. */
int lcore_result(lua_State *L, lcore_object *o, sslc_status status);

/* `nil, err`, the error being the object's last.  To be returned. */
int lcore_failure(lua_State *L, lcore_object *o, sslc_status status);

/* The method `error`: the object's last error or nil. */
int lcore_lasterror(lua_State *L, const lcore_kind *kind);

typedef sslc_status (*lcore_reader)(void *handle, void *buf, size_t len,
                                    size_t *n);
typedef sslc_status (*lcore_writer)(void *handle, const void *buf, size_t len,
                                    size_t *n);

/* The methods `read(max)` (consuming what it gives) and `peek(max)`.  The
 * reader finds room for one byte more than it is to read, such as a NUL. */
int lcore_read(lua_State *L, const lcore_kind *kind, lcore_reader reader,
               int consumes);

/* `nil, err` of a reader that is closed, or has lost bytes.  To be returned. */
int lcore_lost(lua_State *L, lcore_object *o);

/* Drops what a connection has kept, with its memory. */
void lcore_drop_kept(lcore_object *o);

/* The method `write(s[, i[, j]])`. */
int lcore_write(lua_State *L, const lcore_kind *kind, lcore_writer writer);

/* -------------------------------------------------- arguments and values */

/* Throws unless a number within the limits that is an integer. */
int lcore_checkint(lua_State *L, int arg, int min, int max);

/* Throws unless a number that can be a descriptor. */
int lcore_checkfd(lua_State *L, int arg);

/* Throws unless a whole number of seconds, from 0 on. */
int64_t lcore_checktime(lua_State *L, int arg);

/* Throws unless true or false: what safety hangs on is never guessed. */
int lcore_checkboolean(lua_State *L, int arg);

/* Throws unless a string without zero bytes. */
const char *lcore_checkcstring(lua_State *L, int arg);

/* The strings of the list at `arg`; they stay on the stack, so that they
 * outlive whatever becomes of the list: [-0, +n]. */
size_t lcore_checknames(lua_State *L, int arg,
                        const char *names[LCORE_NAMES_MAX]);

/* The part of the string at `arg` that string.sub would give for the two
 * arguments behind it. */
const char *lcore_checkpart(lua_State *L, int arg, size_t *len);

/* "r", "w", "rw" as SSLC_READABLE and SSLC_WRITABLE; 0 where there is none
 * and `optional`. */
int lcore_checkevents(lua_State *L, int arg, int optional);

/* The deadline that many seconds from now; without a number, for ever. */
int64_t lcore_optdeadline(lua_State *L, int arg);

/* Each pushes one value and returns 1. */
int lcore_pushevents(lua_State *L, int events); /* nil for 0 */
int lcore_pushboolean(lua_State *L, int value);
int lcore_pushint64(lua_State *L, int64_t value);
int lcore_pushfd(lua_State *L, int fd);          /* nil for -1 */
int lcore_pushseconds(lua_State *L, int64_t ns); /* nil for -1 */
int lcore_pushcount(lua_State *L, const lcore_object *o, size_t count);
int lcore_pushstring(lua_State *L, const char *s); /* nil for NULL, "" */

/* The same for a short string that belongs to an object which a finalizer
 * could close: copied before Lua is called. */
int lcore_pushcopy(lua_State *L, const char *s);

/* --------------------------------------------------------------- errors */

/* Makes the metatables of errors. */
void lcore_registererrors(lua_State *L); /* [-0, +0] */

/* Pushes the metatable of errors. */
void lcore_pusherrormeta(lua_State *L); /* [-0, +1] */

/* core.codes. */
void lcore_pushcodes(lua_State *L); /* [-0, +1] */

/* Pushes the object's last error, nil where it has none.  On a closed one
 * that is `closed`. */
void lcore_pusherror(lua_State *L, lcore_object *o); /* [-0, +1] */

/* Pushes an error that the binding itself has to report.  A NULL message is
 * the sentence of the code. */
void lcore_pushmade(lua_State *L, int code, int phase, const char *message,
                    int errnum); /* [-0, +1] */

/* For an error that a function gives away: an object to hold it, made before
 * the call, and `nil, err` of it after.  To be returned. */
lcore_object *lcore_newerror(lua_State *L); /* [-0, +1] */
int lcore_heldfailure(lua_State *L, lcore_object *error, sslc_status status);

/* `nil, err` for a failure without an object that kept the reason.  To be
 * returned. */
int lcore_madefailure(lua_State *L, sslc_status status, int phase, int errnum);

/* ------------------------------------- methods that have a file their own */

int lcore_bio_tostring(lua_State *L);
int lcore_conn_set_trace(lua_State *L);
int lcore_conn_trace(lua_State *L);

/* ----------------------------------------------- functions of the module */

int lcore_core_error(lua_State *L);
int lcore_core_ctx(lua_State *L);
int lcore_core_cert(lua_State *L);
int lcore_core_is_cert(lua_State *L);
int lcore_core_key_file_is_encrypted(lua_State *L);
int lcore_core_key_mem_is_encrypted(lua_State *L);
int lcore_core_key_uri_is_encrypted(lua_State *L);
int lcore_core_secret_digest(lua_State *L);
int lcore_core_bio_socket(lua_State *L);
int lcore_core_bio_connect(lua_State *L);
int lcore_core_bio_accept(lua_State *L);
int lcore_core_bio_pair(lua_State *L);
int lcore_core_bio_mem(lua_State *L);
int lcore_core_bio_mem_buf(lua_State *L);
int lcore_core_bio_buffer(lua_State *L);
int lcore_core_bio_null(lua_State *L);
int lcore_core_bio_file(lua_State *L);
int lcore_core_bio_conn(lua_State *L);
int lcore_core_bio_wrap(lua_State *L);
int lcore_core_conn(lua_State *L);
int lcore_core_dial(lua_State *L);
int lcore_core_poller(lua_State *L);
int lcore_core_wait(lua_State *L);
int lcore_core_now(lua_State *L);
int lcore_core_close_fd(lua_State *L);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif
