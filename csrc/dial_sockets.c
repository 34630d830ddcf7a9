/*
 * dial_sockets.c: the sockets that a dial waits for.  They are few, so poll(2)
 * looks at them; only where somebody asks for one descriptor that stands for
 * all of them is a poller made, which then has the same in it.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

enum { EVENTS_ALL = SSLC_READABLE | SSLC_WRITABLE };

static struct pollfd *
find(const struct sslci_sockets *s, int fd)
{
  for (size_t i = 0; i < s->count; i++)
    if (s->fds[i].fd == fd)
      return &s->fds[i];
  return NULL;
}

static struct pollfd *
add(struct sslci_sockets *s, int fd)
{
  if (s->count == s->size) {
    size_t size = s->size ? 2 * s->size : 4;
    struct pollfd *fds = OPENSSL_realloc(s->fds, size * sizeof *fds);
    if (!fds)
      return NULL;
    s->fds = fds;
    s->size = size;
  }
  struct pollfd *p = &s->fds[s->count++];
  p->fd = fd;
  p->revents = 0;
  return p;
}

sslc_status
sslci_sockets_set(struct sslci_sockets *s, int fd, int events)
{
  struct pollfd *p = find(s, fd);
  if (s->poller) {
    sslc_status status = sslc_poller_set(s->poller, fd, events);
    if (status != SSLC_OK)
      return status;
  }
  if (events == 0) {
    if (p)
      *p = s->fds[--s->count];
    return SSLC_OK;
  }
  if (!p)
    p = add(s, fd);
  if (!p) {
    errno = ENOMEM;
    return SSLC_ERR_NOMEM;
  }
  p->events = (short)((events & SSLC_READABLE ? POLLIN : 0) |
                      (events & SSLC_WRITABLE ? POLLOUT : 0));
  return SSLC_OK;
}

static int
events_of(short told)
{
  if (told & (POLLERR | POLLHUP | POLLNVAL))
    return EVENTS_ALL;
  return (told & POLLIN ? SSLC_READABLE : 0) |
         (told & POLLOUT ? SSLC_WRITABLE : 0);
}

sslc_status
sslci_sockets_wait(struct sslci_sockets *s, int64_t deadline)
{
  int count = poll(s->fds, (nfds_t)s->count, sslci_poll_timeout(deadline));
  for (size_t i = 0; count <= 0 && i < s->count; i++)
    s->fds[i].revents = 0;
  s->asked = true;
  return count < 0 && errno != EINTR ? SSLC_ERR_SYS : SSLC_OK;
}

sslc_status
sslci_sockets_look(struct sslci_sockets *s)
{
  return s->asked || s->count == 0 ? SSLC_OK : sslci_sockets_wait(s, 0);
}

int
sslci_sockets_next(struct sslci_sockets *s, int *events)
{
  for (size_t i = 0; i < s->count; i++) {
    if (s->fds[i].revents == 0)
      continue;
    *events = events_of(s->fds[i].revents);
    s->fds[i].revents = 0;
    return s->fds[i].fd;
  }
  s->asked = false;
  return -1;
}

int
sslci_sockets_sole(const struct sslci_sockets *s, int *events)
{
  if (s->count != 1)
    return -1;
  *events = events_of(s->fds[0].events);
  return s->fds[0].fd;
}

int
sslci_sockets_fd(struct sslci_sockets *s)
{
  if (s->poller || s->unwaitable)
    return sslc_poller_fd(s->poller);
  errno = ENOMEM;
  s->poller = sslc_poller_new();
  bool whole = s->poller != NULL;
  for (size_t i = 0; whole && i < s->count; i++)
    whole = sslc_poller_set(s->poller, s->fds[i].fd,
                            events_of(s->fds[i].events)) == SSLC_OK;
  if (!whole) {
    s->unwaitable = errno;
    sslc_poller_free(s->poller);
    s->poller = NULL;
  }
  return sslc_poller_fd(s->poller);
}

void
sslci_sockets_free(struct sslci_sockets *s)
{
  sslc_poller_free(s->poller);
  OPENSSL_free(s->fds);
  memset(s, 0, sizeof *s);
}
