/*
 * open.c: name, TCP and TLS in one call that waits.  Written with public
 * functions only, so it is an example of them as well.
 */
#include "sslconnect.h"

#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

enum { DEFAULT_TIMEOUT_MS = 30 * 1000 };

static sslc_status
keep_error(sslc_status status, const sslc_error *from, sslc_error **to)
{
  if (to)
    *to = sslc_error_dup(from);
  return status;
}

/* The connected socket in `*fd`; the connection is told its address. */
static sslc_status
dial(sslc_conn *conn, const char *host, int port, int64_t deadline, int *fd,
     sslc_error **error)
{
  sslc_dial *d = sslc_dial_new();
  if (!d)
    return SSLC_ERR_NOMEM;
  sslc_status status = sslc_dial_start(d, host, port);
  if (status == SSLC_OK)
    status = sslc_dial_wait(d, deadline);
  if (status == SSLC_OK)
    status = sslc_conn_set_peer_address(conn, sslc_dial_address(d));
  if (status == SSLC_OK)
    *fd = sslc_dial_take_fd(d);
  else
    keep_error(status, sslc_dial_error(d), error);
  sslc_dial_free(d);
  return status;
}

/* The connection takes the descriptor over, in any case. */
static sslc_status
give_socket(sslc_conn *conn, int fd)
{
  sslc_bio *bio = sslc_bio_new_socket(fd, SSLC_CLOSE);
  if (!bio) {
    close(fd);
    return SSLC_ERR_NOMEM;
  }
  sslc_status status = sslc_conn_set_bio(conn, bio, bio);
  sslc_bio_free(bio);
  return status;
}

static sslc_status
shake_hands(sslc_conn *conn, const char *host, int port, const char *name,
            int hold_flight, int64_t deadline)
{
  char label[300];
  snprintf(label, sizeof label, "%s:%d", host, port);
  sslc_status status = sslc_conn_set_peer_label(conn, label);
  if (status == SSLC_OK)
    status = sslc_conn_set_session_scope(conn, label);
  if (status == SSLC_OK)
    status = sslc_conn_set_server_name(conn, name);
  if (status == SSLC_OK)
    status = sslc_conn_set_connect_state(conn);
  if (status == SSLC_OK)
    status = sslc_conn_set_hold_flight(conn, hold_flight);
  if (status == SSLC_OK)
    status = sslc_conn_do_handshake_wait(conn, deadline);
  return status;
}

static sslc_status
open_from(sslc_ctx *ctx, const char *host, int port, const char *name,
          int hold_flight, int64_t deadline, sslc_conn **conn,
          sslc_error **error)
{
  int fd = -1;
  sslc_conn *c = sslc_conn_new(ctx);
  if (!c)
    return SSLC_ERR_NOMEM;
  /* A context that cannot be used fails before anything goes out. */
  sslc_status status = sslc_conn_last_status(c);
  if (status == SSLC_OK)
    status = dial(c, host, port, deadline, &fd, error);
  else
    keep_error(status, sslc_conn_error(c), error);
  if (status != SSLC_OK) {
    sslc_conn_free(c);
    return status;
  }
  status = give_socket(c, fd);
  if (status == SSLC_OK)
    status = shake_hands(c, host, port, name, hold_flight, deadline);
  if (status != SSLC_OK) {
    keep_error(status, sslc_conn_error(c), error);
    sslc_conn_free(c);
    return status;
  }
  *conn = c;
  return SSLC_OK;
}

/* A member of the options, where the caller's structure reaches so far. */
#define HAS(options, member)                                                   \
  ((options) && (options)->size >= offsetof(sslc_open_options, member) +       \
                                     sizeof((options)->member))

sslc_status
sslc_open_wait(sslc_ctx *ctx, const char *host, int port,
               const sslc_open_options *options, sslc_conn **conn,
               sslc_error **error)
{
  if (error)
    *error = NULL;
  if (!conn)
    return SSLC_ERR_ARG;
  *conn = NULL;
  const char *name =
    HAS(options, server_name) && options->server_name ? options->server_name
                                                      : host;
  int64_t deadline = HAS(options, deadline) ? options->deadline : 0;
  int hold_flight = HAS(options, hold_flight) ? options->hold_flight : 0;
  if (deadline == 0)
    deadline = sslc_deadline(DEFAULT_TIMEOUT_MS);
  sslc_ctx *own = ctx ? sslc_ctx_up_ref(ctx) : sslc_ctx_new();
  if (!own)
    return SSLC_ERR_NOMEM;
  sslc_status status =
    open_from(own, host, port, name, hold_flight, deadline, conn, error);
  sslc_ctx_free(own);
  return status;
}
