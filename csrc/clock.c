/*
 * clock.c: the monotonic clock, deadlines on it, and waiting for one
 * descriptor with poll(2).
 */
#include "internal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

enum { NS_PER_MS = 1000000 };

int64_t
sslc_now(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 * NS_PER_MS + ts.tv_nsec;
}

int64_t
sslc_deadline(int64_t milliseconds)
{
  int64_t now = sslc_now();
  if (milliseconds < 0 || milliseconds > (INT64_MAX - now) / NS_PER_MS)
    return SSLC_FOREVER;
  return now + milliseconds * NS_PER_MS;
}

int
sslci_poll_timeout(int64_t deadline)
{
  if (deadline == SSLC_FOREVER)
    return -1;
  int64_t left = deadline - sslc_now();
  if (left <= 0)
    return 0;
  /* Rounded up: to wake before the deadline would be to spin until it. */
  int64_t ms = (left + NS_PER_MS - 1) / NS_PER_MS;
  return ms > INT_MAX ? INT_MAX : (int)ms;
}

static int
from_revents(short revents, int wanted)
{
  int events = 0;
  if (revents & POLLIN)
    events |= SSLC_READABLE;
  if (revents & POLLOUT)
    events |= SSLC_WRITABLE;
  if (revents & (POLLERR | POLLHUP))
    events = wanted;
  return events;
}

sslc_status
sslc_fd_wait(int fd, int events, int64_t deadline, int *revents)
{
  if (!revents || fd < 0 || events == 0 ||
      (events & ~(SSLC_READABLE | SSLC_WRITABLE)))
    return SSLC_ERR_ARG;
  struct pollfd p = { fd, 0, 0 };
  if (events & SSLC_READABLE)
    p.events |= POLLIN;
  if (events & SSLC_WRITABLE)
    p.events |= POLLOUT;
  *revents = 0;
  int n = poll(&p, 1, sslci_poll_timeout(deadline));
  if (n < 0)
    return errno == EINTR ? SSLC_OK : SSLC_ERR_SYS;
  if (n == 0)
    return sslc_now() < deadline ? SSLC_OK : SSLC_ERR_TIMEOUT;
  if (p.revents & POLLNVAL) {
    errno = EBADF;
    return SSLC_ERR_SYS;
  }
  *revents = from_revents(p.revents, events);
  return SSLC_OK;
}
