/*
 * trace.c: what went by on a connection, SSL_set_msg_callback(3), as tables.
 */
#include "lcore.h"

static const char *content_name(int content_type)
{
  switch (content_type) {
  case SSLC_TRACE_CHANGE_CIPHER_SPEC:
    return "change_cipher_spec";
  case SSLC_TRACE_ALERT:
    return "alert";
  case SSLC_TRACE_HANDSHAKE:
    return "handshake";
  default:
    return "application_data";
  }
}

/* [-0, +1] */
static void push_entry(lua_State *L, const sslc_trace_entry *entry)
{
  int is_alert = entry->content_type == SSLC_TRACE_ALERT;
  lua_createtable(L, 0, 6);
  lua_pushboolean(L, entry->sent);
  lua_setfield(L, -2, "sent");
  lua_pushstring(L, content_name(entry->content_type));
  lua_setfield(L, -2, "content_type");
  lua_pushstring(L, entry->name);
  lua_setfield(L, -2, "name");
  lcore_pushint64(L, (int64_t)entry->length);
  lua_setfield(L, -2, "length");
  if (is_alert || entry->content_type == SSLC_TRACE_HANDSHAKE) {
    lua_pushinteger(L, entry->type);
    lua_setfield(L, -2, "type");
  }
  if (is_alert) {
    lua_pushinteger(L, entry->level);
    lua_setfield(L, -2, "level");
  }
}

/* set_trace(on) */
int lcore_conn_set_trace(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  int on = lcore_checkboolean(L, 2);
  return lcore_result(L, o, sslc_conn_set_trace(o->handle, on));
}

/* trace(): the connection is looked at anew for each entry, because making the
 * one before may have run a finalizer that closed it. */
int lcore_conn_trace(lua_State *L)
{
  lcore_object *o = lcore_check(L, 1, &lcore_conn);
  sslc_trace_entry entry;
  int n = 0;
  if (o->handle == NULL) {
    lua_pushnil(L);
    return 1;
  }
  lua_newtable(L); /* [entries] */
  entry.size = sizeof entry;
  while (sslc_conn_trace_next(o->handle, &entry)) {
    push_entry(L, &entry);
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}
