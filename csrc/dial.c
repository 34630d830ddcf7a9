/*
 * dial.c: from host and port to a connected TCP socket, connect(2) without
 * blocking, one address after the other.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct sslc_dial {
  sslc_error err;
  bool started;
  bool failed; /* for good: err tells why */
  bool connected;
  int phase;
  int fd; /* of the attempt under way, or connected */
  char *host;
  struct sslci_addrs addrs;
  struct addrinfo *next; /* to be tried */
  char address[80];      /* of the attempt */
  int last_errno;
  struct sslci_text tried; /* every address and why it failed */
};

/* --------------------------------------------------------------- making */

sslc_dial *
sslc_dial_new(void)
{
  sslc_dial *dial = sslci_new(sslc_dial);
  if (dial) {
    dial->fd = -1;
    dial->phase = SSLC_PHASE_DNS;
    sslci_error_clear(&dial->err);
  }
  return dial;
}

static void
close_fd(sslc_dial *dial)
{
  if (dial->fd >= 0)
    close(dial->fd);
  dial->fd = -1;
}

void
sslc_dial_free(sslc_dial *dial)
{
  if (!dial)
    return;
  close_fd(dial);
  sslci_addrs_free(&dial->addrs);
  sslci_error_clear(&dial->err);
  OPENSSL_free(dial->tried.text);
  OPENSSL_free(dial->host);
  OPENSSL_free(dial);
}

const sslc_error *
sslc_dial_error(const sslc_dial *dial)
{
  return dial ? sslci_error_or_null(&dial->err) : NULL;
}

/* Says whom the error is about. */
static sslc_status
finish_error(sslc_dial *dial)
{
  sslci_set_string(&dial->err.host, dial->host);
  return sslci_error_finish(&dial->err);
}

static sslc_status
refuse(sslc_dial *dial, int code, const char *why)
{
  sslci_error_begin(&dial->err, code, SSLC_PHASE_NONE, "%s", why);
  return finish_error(dial);
}

/* -------------------------------------------------------------- starting */

static sslc_status
resolve(sslc_dial *dial, const struct sslci_name *name, int port)
{
  sslc_status status = sslci_resolve(&dial->addrs, name, port, &dial->err);
  if (status != SSLC_OK) {
    dial->failed = true;
    return finish_error(dial);
  }
  dial->next = dial->addrs.list;
  dial->phase = SSLC_PHASE_CONNECT;
  return SSLC_OK;
}

sslc_status
sslc_dial_start(sslc_dial *dial, const char *host, int port)
{
  struct sslci_name name;
  if (!dial)
    return SSLC_ERR_ARG;
  if (dial->started)
    return refuse(dial, SSLC_CODE_MISUSE, "the dial was started before");
  sslc_status status = sslci_name_parse(&name, host, "host", &dial->err);
  if (status != SSLC_OK)
    return status;
  if (port < 1 || port > 65535)
    return sslci_error_set(&dial->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "port %d is not between 1 and 65535", port);
  bool v6 = name.kind == SSLCI_NAME_IPV6;
  dial->host = sslci_asprintf(v6 ? "[%s]:%d" : "%s:%d", name.text, port);
  if (!dial->host)
    return sslci_error_nomem(&dial->err, SSLC_PHASE_DNS);
  dial->started = true;
  sslci_error_clear(&dial->err);
  return resolve(dial, &name, port);
}

/* --------------------------------------------------------------- attempts */

static int
nonblocking_socket(int family)
{
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
  return socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
  int fd = socket(family, SOCK_STREAM, 0);
  if (fd >= 0) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return fd;
#endif
}

static void
note_failure(sslc_dial *dial, int err)
{
  close_fd(dial);
  dial->last_errno = err;
  sslci_text_add(&dial->tried, "%s%s: %s", dial->tried.len ? ", " : "",
                 dial->address, strerror(err));
}

/* Connected: what a TLS connection wants of its socket. */
static sslc_status
succeed(sslc_dial *dial)
{
  int on = 1;
  setsockopt(dial->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  dial->connected = true;
  sslci_addrs_free(&dial->addrs);
  dial->next = NULL;
  return SSLC_OK;
}

/* Sets out for the next address. */
static sslc_status
attempt(sslc_dial *dial)
{
  const struct addrinfo *ai = dial->next;
  dial->next = ai->ai_next;
  sslci_address_text(ai->ai_addr, dial->address, sizeof dial->address);
  dial->fd = nonblocking_socket(ai->ai_family);
  if (dial->fd >= 0 && connect(dial->fd, ai->ai_addr, ai->ai_addrlen) == 0)
    return succeed(dial);
  if (dial->fd >= 0 && (errno == EINPROGRESS || errno == EINTR))
    return SSLC_WANT_CONNECT;
  note_failure(dial, errno);
  return SSLC_ERR_SYS;
}

/* The attempt under way: done, failed, or not yet either. */
static sslc_status
look(sslc_dial *dial)
{
  int err = 0, ready = 0;
  socklen_t len = sizeof err;
  if (sslc_fd_wait(dial->fd, SSLC_WRITABLE, 0, &ready) != SSLC_OK || !ready)
    return SSLC_WANT_CONNECT;
  if (getsockopt(dial->fd, SOL_SOCKET, SO_ERROR, &err, &len) != 0)
    err = errno;
  if (err == 0)
    return succeed(dial);
  note_failure(dial, err);
  return SSLC_ERR_SYS;
}

static sslc_status
give_up(sslc_dial *dial)
{
  int err = dial->last_errno;
  sslci_error_begin(&dial->err, sslci_errno_code(err), SSLC_PHASE_CONNECT,
                    "%s", dial->tried.text ? dial->tried.text : strerror(err));
  dial->err.sys_errno = err;
  sslci_set_string(&dial->err.address, dial->address);
  dial->failed = true;
  return finish_error(dial);
}

sslc_status
sslc_dial_step(sslc_dial *dial)
{
  if (!dial)
    return SSLC_ERR_ARG;
  if (dial->failed)
    return sslc_error_status(&dial->err);
  if (!dial->started)
    return refuse(dial, SSLC_CODE_MISUSE, "the dial was not started");
  sslci_error_clear(&dial->err);
  if (dial->connected)
    return SSLC_OK;
  sslc_status status = dial->fd >= 0 ? look(dial) : SSLC_ERR_SYS;
  while (status < 0 && dial->next)
    status = attempt(dial);
  return status < 0 ? give_up(dial) : status;
}

sslc_status
sslc_dial_wait(sslc_dial *dial, int64_t deadline)
{
  for (;;) {
    int ready = 0;
    sslc_status status = sslc_dial_step(dial);
    if (status != SSLC_WANT_CONNECT)
      return status;
    status = sslc_fd_wait(dial->fd, sslc_dial_events(dial), deadline, &ready);
    if (status == SSLC_ERR_TIMEOUT) {
      sslci_error_begin(&dial->err, SSLC_CODE_TIMEOUT, SSLC_PHASE_CONNECT,
                        "the deadline passed while connecting");
      sslci_set_string(&dial->err.address, dial->address);
      return finish_error(dial);
    }
  }
}

/* ---------------------------------------------------------------- asking */

int
sslc_dial_fd(const sslc_dial *dial)
{
  return dial ? dial->fd : -1;
}

int
sslc_dial_events(const sslc_dial *dial)
{
  return dial && dial->fd >= 0 && !dial->connected ? SSLC_WRITABLE : 0;
}

int64_t
sslc_dial_timeout(const sslc_dial *dial)
{
  (void)dial;
  return -1;
}

int
sslc_dial_phase(const sslc_dial *dial)
{
  return dial ? dial->phase : SSLC_PHASE_NONE;
}

int
sslc_dial_take_fd(sslc_dial *dial)
{
  if (!dial || !dial->connected)
    return -1;
  int fd = dial->fd;
  dial->fd = -1;
  return fd;
}

const char *
sslc_dial_address(const sslc_dial *dial)
{
  return dial ? dial->address : "";
}
