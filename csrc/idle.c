/*
 * idle.c: what a connection does not need while nothing happens on it.
 *
 * SSL_MODE_RELEASE_BUFFERS has libssl free its buffers when they are empty; but
 * up to 3.1 each message that comes after the handshake (a ticket, a KeyUpdate)
 * has it make both anew, and the one for writing, which is more than 16 KB,
 * stays until the next write: SSL_free_buffers(3).
 *
 * The filter that held the last flight goes with the flight: from then on it
 * would only be in the way.
 */
#include "internal.h"

#include <string.h>

/* Nothing has come in part or was read in part, nothing was written in part.
 * libssl looks at the half of this only, before 3.0.14: CVE-2024-4741. */
static bool
buffers_are_empty(const sslc_conn *conn)
{
  return !conn->write_pending && !SSL_has_pending(conn->ssl) &&
         strcmp(SSL_rstate_string(conn->ssl), "RH") == 0;
}

static void
free_buffers(sslc_conn *conn)
{
  if (buffers_are_empty(conn) && SSL_free_buffers(conn->ssl))
    conn->buffers_made = false;
}

/* Whether the last flight has left and libssl is at rest: it puts a buffer of
 * its own before the BIO while it sends messages. */
static bool
has_let_go(const sslc_conn *conn)
{
  const struct sslci_hold *h = sslci_hold_of(conn->hold);
  return !h->holding && h->len == 0 && conn->last_status == SSLC_OK &&
         !SSL_in_init(conn->ssl);
}

void
sslci_idle(sslc_conn *conn)
{
  if (conn->fatal != SSLC_OK || !conn->connected)
    return;
  if (conn->buffers_made)
    free_buffers(conn);
  if (conn->hold && conn->rbio && has_let_go(conn))
    sslci_conn_end_hold(conn);
}
