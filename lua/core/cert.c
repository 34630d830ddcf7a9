/*
 * cert.c: certificates, the userdata over sslc_cert.  Immutable and without a
 * `close`, but __gc can be called by anybody.
 */
#include "lcore.h"

#include <string.h>
#include <time.h>

/* The certificate at 1, by a reference of its own that goes onto the stack:
 * its strings stay for as long as the method runs. */
static const sslc_cert *check(lua_State *L) /* [-0, +1] */
{
  lcore_object *o = lcore_check(L, 1, &lcore_cert);
  lcore_object *own = lcore_new(L, &lcore_cert);
  if (o->handle != NULL)
    own->handle = sslc_cert_up_ref(o->handle);
  return own->handle;
}

static int cert_subject(lua_State *L)
{
  return lcore_pushstring(L, sslc_cert_subject(check(L)));
}

static int cert_issuer(lua_State *L)
{
  return lcore_pushstring(L, sslc_cert_issuer(check(L)));
}

static int cert_serial(lua_State *L)
{
  return lcore_pushstring(L, sslc_cert_serial(check(L)));
}

static int cert_fingerprint(lua_State *L)
{
  return lcore_pushstring(L, sslc_cert_fingerprint(check(L)));
}

static int cert_pem(lua_State *L)
{
  return lcore_pushstring(L, sslc_cert_pem(check(L)));
}

static int cert_der(lua_State *L)
{
  size_t len = 0;
  const unsigned char *der = sslc_cert_der(check(L), &len);
  if (der == NULL)
    lua_pushnil(L);
  else
    lua_pushlstring(L, (const char *)der, len);
  return 1;
}

/* Holds a reference of its own: a finalizer that runs meanwhile may close the
 * one that was asked. */
static int cert_names(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_cert);
  lcore_object *held = lcore_new(L, &lcore_cert); /* [held] */
  held->handle = sslc_cert_up_ref(o->handle);
  int n = (int)sslc_cert_name_count(held->handle);
  lua_createtable(L, n, 0); /* [held, names] */
  for (int i = 0; i < n; i++) {
    lua_pushstring(L, sslc_cert_name(held->handle, (size_t)i));
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

static int push_time(lua_State *L, int64_t (*get)(const sslc_cert *cert))
{
  const sslc_cert *cert = check(L);
  if (cert != NULL)
    return lcore_pushint64(L, get(cert));
  lua_pushnil(L);
  return 1;
}

static int cert_not_before(lua_State *L)
{
  return push_time(L, sslc_cert_not_before);
}

static int cert_not_after(lua_State *L)
{
  return push_time(L, sslc_cert_not_after);
}

/* From 5.3 on __eq is asked about any other userdata too. */
static int cert_eq(lua_State *L)
{
  lcore_object *a = lcore_test(L, 1, &lcore_cert);
  lcore_object *b = lcore_test(L, 2, &lcore_cert);
  size_t alen = 0, blen = 0;
  const unsigned char *ader = NULL, *bder = NULL;
  if (a != NULL && a->handle != NULL)
    ader = sslc_cert_der(a->handle, &alen);
  if (b != NULL && b->handle != NULL)
    bder = sslc_cert_der(b->handle, &blen);
  int same = ader != NULL && bder != NULL && alen == blen &&
             memcmp(ader, bder, alen) == 0;
  return lcore_pushboolean(L, same);
}

/* Each adds to the text on the stack: [-1, +1]. */
static void add_names(lua_State *L, const sslc_cert *cert)
{
  const size_t most = 4;
  size_t n = sslc_cert_name_count(cert);
  for (size_t i = 0; i < n && i < most; i++) {
    lua_pushstring(L, i == 0 ? " for " : ", ");
    lua_pushstring(L, sslc_cert_name(cert, i));
    lua_concat(L, 3);
  }
  if (n > most) {
    lua_pushfstring(L, " and %d more", (int)(n - most));
    lua_concat(L, 2);
  }
}

/* Rounded, in days or hours. */
static void add_time(lua_State *L, int64_t seconds, const char *format)
{
  const int64_t hour = 3600, day = 24 * hour;
  const char *unit = seconds < 2 * day ? "hour" : "day";
  int64_t length = seconds < 2 * day ? hour : day;
  int n = (int)((seconds + length / 2) / length);
  const char *text = lua_pushfstring(L, "%d %s%s", n, unit, n == 1 ? "" : "s");
  lua_pushfstring(L, format, text);
  lua_remove(L, -2);
  lua_concat(L, 2);
}

static void add_validity(lua_State *L, const sslc_cert *cert)
{
  int64_t now = (int64_t)time(NULL);
  int64_t begin = sslc_cert_not_before(cert);
  int64_t end = sslc_cert_not_after(cert);
  if (now < begin)
    add_time(L, begin - now, ", not in force for %s");
  else if (now > end)
    add_time(L, now - end, ", expired %s ago");
  else
    add_time(L, end - now, ", in force for %s");
}

static int cert_tostring(lua_State *L)
{
  const sslc_cert *cert = check(L);
  const char *subject = sslc_cert_subject(cert);
  const char *issuer = sslc_cert_issuer(cert);
  if (cert == NULL) {
    lua_pushliteral(L, "certificate: (closed)");
    return 1;
  }
  lua_pushfstring(L, "certificate: %s", *subject ? subject : "without a name");
  add_names(L, cert);
  lua_pushfstring(L, ", issued by %s", issuer);
  lua_concat(L, 2);
  add_validity(L, cert);
  return 1;
}

static int cert_gc(lua_State *L)
{
  return lcore_close(L, &lcore_cert);
}

static void cert_release(void *handle)
{
  sslc_cert_free(handle);
}

static const luaL_Reg methods[] = {{"subject", cert_subject},
                                   {"issuer", cert_issuer},
                                   {"serial", cert_serial},
                                   {"names", cert_names},
                                   {"not_before", cert_not_before},
                                   {"not_after", cert_not_after},
                                   {"fingerprint", cert_fingerprint},
                                   {"der", cert_der},
                                   {"pem", cert_pem},
                                   {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__gc", cert_gc},
                                       {"__eq", cert_eq},
                                       {"__tostring", cert_tostring},
                                       {NULL, NULL}};

const lcore_kind lcore_cert = {
  "sslconnect.cert", "certificate", cert_release, NULL, methods, metamethods};
