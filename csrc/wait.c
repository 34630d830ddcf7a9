/*
 * wait.c: the steps of a connection, repeated until they are done or a
 * deadline passes.  For programs that have nothing else to do.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

static sslc_status
timed_out(sslc_conn *conn, int phase)
{
  return sslci_conn_refuse(conn, SSLC_CODE_TIMEOUT, phase,
                           "the deadline passed while waiting for the %s",
                           sslci_conn_peer(conn));
}

/* Waits for what the last step wanted: SSLC_OK, also after a signal. */
static sslc_status
wait_for(sslc_conn *conn, sslc_status want, int64_t deadline, int phase)
{
  bool write = want == SSLC_WANT_WRITE;
  int fd = sslc_bio_fd(write ? conn->wbio : conn->rbio);
  int ready = 0;
  if (fd < 0 || (!write && want != SSLC_WANT_READ))
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, phase,
                             "the step wants what cannot be waited for (%s)",
                             sslc_status_name(want));
  sslc_status status = sslc_fd_wait(fd, write ? SSLC_WRITABLE : SSLC_READABLE,
                                    deadline, &ready);
  if (status == SSLC_ERR_TIMEOUT)
    return timed_out(conn, phase);
  if (status != SSLC_OK)
    return sslci_conn_refuse(conn, SSLC_CODE_SYSTEM_ERROR, phase, "poll: %s",
                             strerror(errno));
  return SSLC_OK;
}

static bool
is_question(sslc_status want)
{
  return want == SSLC_WANT_X509_LOOKUP || want == SSLC_WANT_CLIENT_HELLO_CB ||
         want == SSLC_WANT_RETRY_VERIFY;
}

/* What to do after a step: true, where it is to be repeated. */
static bool
go_on(sslc_conn *conn, sslc_status *status, int64_t deadline, int phase)
{
  if (*status <= SSLC_OK || *status == SSLC_CLOSED)
    return false;
  if (is_question(*status))
    *status = sslci_conn_refuse(conn, SSLC_CODE_MISUSE, phase,
                                "a hook is to be answered (%s), which cannot "
                                "be waited for: answer it, and go on",
                                sslc_status_name(*status));
  /* A peer that always has something to say must not outrun the deadline. */
  else if (deadline != SSLC_FOREVER && sslc_now() >= deadline)
    *status = timed_out(conn, phase);
  else
    *status = wait_for(conn, *status, deadline, phase);
  return *status == SSLC_OK;
}

sslc_status
sslc_conn_do_handshake_wait(sslc_conn *conn, int64_t deadline)
{
  sslc_status status;
  do {
    status = sslc_conn_do_handshake(conn);
  } while (go_on(conn, &status, deadline, SSLC_PHASE_HANDSHAKE));
  return status;
}

sslc_status
sslc_conn_read_wait(sslc_conn *conn, void *buf, size_t len, size_t *n,
                    int64_t deadline)
{
  sslc_status status;
  do {
    status = sslc_conn_read(conn, buf, len, n);
  } while (go_on(conn, &status, deadline, SSLC_PHASE_READ));
  return status;
}

sslc_status
sslc_conn_write_wait(sslc_conn *conn, const void *buf, size_t len, size_t *n,
                     int64_t deadline)
{
  const char *bytes = buf;
  size_t done = 0;
  sslc_status status;
  if (!conn || !n)
    return SSLC_ERR_ARG;
  do {
    size_t some = 0;
    status = sslc_conn_write(conn, bytes ? bytes + done : NULL, len - done,
                             &some);
    done += some;
    /* A peer that reads on and on must not outrun the deadline either. */
    if (status == SSLC_OK && done < len && sslc_now() >= deadline)
      status = timed_out(conn, SSLC_PHASE_WRITE);
  } while ((status == SSLC_OK && done < len) ||
           go_on(conn, &status, deadline, SSLC_PHASE_WRITE));
  *n = done;
  return status;
}

/* Reads away what the peer sends before its close_notify. */
static sslc_status
drain(sslc_conn *conn, int64_t deadline)
{
  char scratch[4096];
  size_t n;
  sslc_status status;
  do {
    status = sslc_conn_read(conn, scratch, sizeof scratch, &n);
  } while (status == SSLC_OK && sslc_now() < deadline);
  return status == SSLC_OK ? timed_out(conn, SSLC_PHASE_SHUTDOWN) : status;
}

sslc_status
sslc_conn_shutdown_wait(sslc_conn *conn, int64_t deadline)
{
  sslc_status status;
  do {
    status = sslc_conn_shutdown(conn);
  } while (status == SSLC_WANT_WRITE &&
           go_on(conn, &status, deadline, SSLC_PHASE_SHUTDOWN));
  if (status != SSLC_WANT_READ)
    return status;
  do {
    status = drain(conn, deadline);
  } while (go_on(conn, &status, deadline, SSLC_PHASE_SHUTDOWN));
  return status == SSLC_CLOSED ? SSLC_OK : status;
}
