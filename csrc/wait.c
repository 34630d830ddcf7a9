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

/* The events of a descriptor that a step waits for; 0: it waits for something
 * else.  A dial's descriptor is readable when the dial has something to do,
 * the socket that a BIO_s_connect(3) connects is writable when it has. */
static int
events_of(sslc_status want)
{
  switch (want) {
  case SSLC_WANT_READ:
  case SSLC_WANT_ACCEPT:
    return SSLC_READABLE;
  case SSLC_WANT_WRITE:
    return SSLC_WRITABLE;
  case SSLC_WANT_CONNECT:
    return SSLC_READABLE | SSLC_WRITABLE;
  default:
    return 0;
  }
}

/* The deadline, or before it the time when a BIO wants to be called again. */
static int64_t
wake_at(const sslc_conn *conn, int64_t deadline)
{
  int64_t timeout = sslc_conn_timeout(conn), now = sslc_now();
  bool sooner = timeout >= 0 && now < deadline && timeout < deadline - now;
  return sooner ? now + timeout : deadline;
}

static sslc_status
wait_for_fd(sslc_conn *conn, sslc_status want, int64_t deadline, int phase)
{
  int events = events_of(want), fd = sslc_conn_fd(conn), ready = 0;
  if (fd < 0 || events == 0)
    return sslci_conn_refuse(conn, SSLC_CODE_MISUSE, phase,
                             "the step wants what cannot be waited for (%s)",
                             sslc_status_name(want));
  int64_t until = wake_at(conn, deadline);
  sslc_status status = sslc_fd_wait(fd, events, until, &ready);
  if (status == SSLC_ERR_TIMEOUT)
    return until < deadline ? SSLC_OK : timed_out(conn, phase);
  if (status != SSLC_OK)
    return sslci_conn_refuse(conn, SSLC_CODE_SYSTEM_ERROR, phase, "poll: %s",
                             strerror(errno));
  return SSLC_OK;
}

/* True where somebody dials, who waits better than anybody could for the
 * descriptor, and can say how far that had come when the deadline passed. */
static bool
wait_for_dial(sslc_conn *conn, int64_t deadline, sslc_status *status)
{
  struct sslci_dial_wait wait = { deadline, NULL };
  if (sslci_bio_ctrl(sslci_conn_waits_for(conn), SSLCI_CTRL_DIAL_WAIT, 0,
                     &wait) <= 0)
    return false;
  *status = SSLC_OK;
  if (wait.error)
    *status = sslci_conn_refuse(conn, SSLC_CODE_TIMEOUT,
                                sslc_error_phase(wait.error), "%s",
                                sslc_error_message(wait.error));
  return true;
}

/* Waits for what the last step wanted: SSLC_OK, also after a signal. */
static sslc_status
wait_for(sslc_conn *conn, sslc_status want, int64_t deadline, int phase)
{
  sslc_status status;
  if (want == SSLC_WANT_CONNECT && wait_for_dial(conn, deadline, &status))
    return status;
  /* A peer that always has something to say must not outrun the deadline. */
  if (deadline != SSLC_FOREVER && sslc_now() >= deadline)
    return timed_out(conn, phase);
  /* The step was stopped by its bound on reading; no descriptor knows of bytes
   * that a BIO has already. */
  if (want == SSLC_WANT_READ && sslc_bio_pending(conn->rbio) > 0)
    return SSLC_OK;
  return wait_for_fd(conn, want, deadline, phase);
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
  else
    *status = wait_for(conn, *status, deadline, phase);
  return *status == SSLC_OK;
}

/* It is waited for in poll(2) here, whatever its user waits in elsewhere. */
sslc_status
sslc_conn_do_handshake_wait(sslc_conn *conn, int64_t deadline)
{
  if (!conn)
    return SSLC_ERR_ARG;
  const struct sslci_record *r = conn->rbio ? conn->rbio->record : NULL;
  bool before = r && r->level;
  sslc_status status;
  sslc_conn_set_level_triggered(conn, 1);
  do {
    status = sslc_conn_do_handshake(conn);
  } while (go_on(conn, &status, deadline, SSLC_PHASE_HANDSHAKE));
  sslc_conn_set_level_triggered(conn, before);
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

/* Ours has left already: only the peer's is to be waited for, and that data of
 * the peer is in the way is no error here. */
static bool
has_said_goodbye(const sslc_conn *conn)
{
  return conn && conn->goodbye == SSLCI_SAID && !conn->closed &&
         conn->fatal == SSLC_OK;
}

sslc_status
sslc_conn_shutdown_wait(sslc_conn *conn, int64_t deadline)
{
  sslc_status status = SSLC_WANT_READ;
  while (!has_said_goodbye(conn)) {
    status = sslc_conn_shutdown(conn);
    if (!has_said_goodbye(conn) &&
        !go_on(conn, &status, deadline, SSLC_PHASE_SHUTDOWN))
      return status;
  }
  if (status == SSLC_OK)
    return status;
  do {
    status = drain(conn, deadline);
  } while (go_on(conn, &status, deadline, SSLC_PHASE_SHUTDOWN));
  return status == SSLC_CLOSED ? sslc_conn_shutdown(conn) : status;
}
