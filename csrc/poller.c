/*
 * poller.c: a set of descriptors to wait for: epoll(7) on Linux, kqueue(2) on
 * the BSDs and macOS, poll(2) elsewhere.  Level-triggered, so that a spurious
 * return does no harm.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* One of these can be set from outside, to try it where it is not usual. */
#if !defined(SSLC_POLLER_EPOLL) && !defined(SSLC_POLLER_KQUEUE) && \
  !defined(SSLC_POLLER_POLL)
#if defined(__linux__)
#define SSLC_POLLER_EPOLL 1
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(__NetBSD__) || \
  defined(__OpenBSD__) || defined(__DragonFly__)
#define SSLC_POLLER_KQUEUE 1
#else
#define SSLC_POLLER_POLL 1
#endif
#endif

#if defined(SSLC_POLLER_EPOLL)
#include <sys/epoll.h>
#elif defined(SSLC_POLLER_KQUEUE)
#include <sys/event.h>
#include <fcntl.h>
#else
#include <poll.h>
#include <sys/stat.h>
#endif

enum { EVENTS_ALL = SSLC_READABLE | SSLC_WRITABLE };

#if !defined(SSLC_POLLER_POLL)

enum { BATCH = 256 }; /* told of by one wait */

static sslc_status
control_status(int err)
{
  switch (err) {
  case EBADF:
  case EPERM: /* a plain file */
  case EINVAL:
    return SSLC_ERR_ARG;
  case ENOMEM:
  case ENOSPC:
    return SSLC_ERR_NOMEM;
  default:
    return SSLC_ERR_SYS;
  }
}

#endif

#if defined(SSLC_POLLER_EPOLL)

struct sslc_poller {
  int epfd;
  unsigned char *known; /* by descriptor: whether it may be in; a guess */
  size_t known_size;
  size_t ready;
  struct epoll_event events[BATCH];
};

sslc_poller *
sslc_poller_new(void)
{
  sslc_poller *p = sslci_new(sslc_poller);
  if (!p)
    return NULL;
  p->epfd = epoll_create1(EPOLL_CLOEXEC);
  if (p->epfd >= 0)
    return p;
  OPENSSL_free(p);
  return NULL;
}

int
sslc_poller_fd(const sslc_poller *poller)
{
  return poller ? poller->epfd : -1;
}

void
sslc_poller_free(sslc_poller *poller)
{
  if (poller) {
    close(poller->epfd);
    OPENSSL_free(poller->known);
  }
  OPENSSL_free(poller);
}

/* Whether the descriptor was put in last and not taken out.  A new socket may
 * have its number since then, and memory may have been short. */
static bool
is_known(const sslc_poller *poller, int fd)
{
  return (size_t)fd < poller->known_size && poller->known[fd];
}

static void
set_known(sslc_poller *poller, int fd, bool in)
{
  size_t at = (size_t)fd, size = 2 * at + 64;
  if (at >= poller->known_size) {
    unsigned char *known = in ? OPENSSL_realloc(poller->known, size) : NULL;
    if (!known)
      return;
    memset(known + poller->known_size, 0, size - poller->known_size);
    poller->known = known;
    poller->known_size = size;
  }
  poller->known[at] = in;
}

/* Changes what is in and puts in what is not, the likelier first. */
static bool
put_in(sslc_poller *poller, int fd, struct epoll_event *ev)
{
  bool known = is_known(poller, fd);
  int first = known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  int second = known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (epoll_ctl(poller->epfd, first, fd, ev) == 0)
    return true;
  return errno == (known ? ENOENT : EEXIST) &&
         epoll_ctl(poller->epfd, second, fd, ev) == 0;
}

sslc_status
sslc_poller_set(sslc_poller *poller, int fd, int events)
{
  struct epoll_event ev;
  if (!poller || fd < 0 || (events & ~EVENTS_ALL))
    return SSLC_ERR_ARG;
  memset(&ev, 0, sizeof ev);
  ev.data.fd = fd;
  if (events & SSLC_READABLE)
    ev.events |= EPOLLIN;
  if (events & SSLC_WRITABLE)
    ev.events |= EPOLLOUT;
  if (events == 0) {
    /* Taking out what is not in, or was closed, is done already. */
    epoll_ctl(poller->epfd, EPOLL_CTL_DEL, fd, &ev);
    set_known(poller, fd, false);
    return SSLC_OK;
  }
  if (!put_in(poller, fd, &ev))
    return control_status(errno);
  set_known(poller, fd, true);
  return SSLC_OK;
}

sslc_status
sslc_poller_wait(sslc_poller *poller, int64_t deadline, size_t *n)
{
  if (!poller || !n)
    return SSLC_ERR_ARG;
  int count = epoll_wait(poller->epfd, poller->events, BATCH,
                         sslci_poll_timeout(deadline));
  poller->ready = count > 0 ? (size_t)count : 0;
  *n = poller->ready;
  return count < 0 && errno != EINTR ? SSLC_ERR_SYS : SSLC_OK;
}

int
sslc_poller_ready(const sslc_poller *poller, size_t i, int *events)
{
  if (!poller || !events || i >= poller->ready)
    return -1;
  uint32_t got = poller->events[i].events;
  *events = (got & EPOLLIN ? SSLC_READABLE : 0) |
            (got & EPOLLOUT ? SSLC_WRITABLE : 0);
  if (got & (EPOLLERR | EPOLLHUP))
    *events = EVENTS_ALL;
  return poller->events[i].data.fd;
}

#elif defined(SSLC_POLLER_KQUEUE)

/* kqueue tells of reading and of writing apart: what is ready is put together
 * by descriptor. */
struct ready {
  int fd;
  int events;
};

struct sslc_poller {
  int kq;
  size_t count;
  struct ready ready[BATCH];
};

sslc_poller *
sslc_poller_new(void)
{
  sslc_poller *p = sslci_new(sslc_poller);
  if (!p)
    return NULL;
  p->kq = kqueue();
  if (p->kq >= 0) {
    fcntl(p->kq, F_SETFD, FD_CLOEXEC);
    return p;
  }
  OPENSSL_free(p);
  return NULL;
}

int
sslc_poller_fd(const sslc_poller *poller)
{
  return poller ? poller->kq : -1;
}

void
sslc_poller_free(sslc_poller *poller)
{
  if (poller)
    close(poller->kq);
  OPENSSL_free(poller);
}

/* Puts one filter in or takes it out; 0 or an errno.  Taking out what is not
 * in, or was closed, is done already. */
static int
change(sslc_poller *poller, int fd, short filter, bool on)
{
  struct kevent ev;
  EV_SET(&ev, fd, filter, on ? EV_ADD : EV_DELETE, 0, 0, 0);
  return kevent(poller->kq, &ev, 1, NULL, 0, NULL) == 0 || !on ? 0 : errno;
}

sslc_status
sslc_poller_set(sslc_poller *poller, int fd, int events)
{
  if (!poller || fd < 0 || (events & ~EVENTS_ALL))
    return SSLC_ERR_ARG;
  int err = change(poller, fd, EVFILT_READ, events & SSLC_READABLE);
  int also = change(poller, fd, EVFILT_WRITE, events & SSLC_WRITABLE);
  err = err ? err : also;
  return err ? control_status(err) : SSLC_OK;
}

static void
add_ready(sslc_poller *poller, const struct kevent *ev)
{
  int fd = (int)ev->ident;
  int events = ev->filter == EVFILT_READ ? SSLC_READABLE : SSLC_WRITABLE;
  size_t i = 0;
  while (i < poller->count && poller->ready[i].fd != fd)
    i++;
  if (i == poller->count)
    poller->ready[poller->count++] = (struct ready){ fd, 0 };
  poller->ready[i].events |= events;
}

sslc_status
sslc_poller_wait(sslc_poller *poller, int64_t deadline, size_t *n)
{
  struct kevent events[BATCH];
  struct timespec ts = { 0, 0 };
  if (!poller || !n)
    return SSLC_ERR_ARG;
  int ms = sslci_poll_timeout(deadline);
  ts.tv_sec = ms / 1000;
  ts.tv_nsec = ms % 1000 * 1000000L;
  int count =
    kevent(poller->kq, NULL, 0, events, BATCH, ms < 0 ? NULL : &ts);
  poller->count = 0;
  for (int i = 0; i < count; i++)
    add_ready(poller, &events[i]);
  *n = poller->count;
  return count < 0 && errno != EINTR ? SSLC_ERR_SYS : SSLC_OK;
}

int
sslc_poller_ready(const sslc_poller *poller, size_t i, int *events)
{
  if (!poller || !events || i >= poller->count)
    return -1;
  *events = poller->ready[i].events;
  return poller->ready[i].fd;
}

#else

struct sslc_poller {
  struct pollfd *fds;
  size_t count;
  size_t size;
};

sslc_poller *
sslc_poller_new(void)
{
  return sslci_new(sslc_poller);
}

/* There is nothing that could stand for the set. */
int
sslc_poller_fd(const sslc_poller *poller)
{
  (void)poller;
  return -1;
}

void
sslc_poller_free(sslc_poller *poller)
{
  if (poller)
    OPENSSL_free(poller->fds);
  OPENSSL_free(poller);
}

static struct pollfd *
find_fd(sslc_poller *poller, int fd)
{
  for (size_t i = 0; i < poller->count; i++)
    if (poller->fds[i].fd == fd)
      return &poller->fds[i];
  return NULL;
}

/* As epoll has it: nothing closed, no plain file. */
static bool
can_wait(int fd)
{
  struct stat st;
  return fstat(fd, &st) == 0 && !S_ISREG(st.st_mode);
}

static struct pollfd *
add_fd(sslc_poller *poller, int fd)
{
  if (poller->count == poller->size) {
    size_t size = poller->size ? 2 * poller->size : 16;
    struct pollfd *fds = OPENSSL_realloc(poller->fds, size * sizeof *fds);
    if (!fds)
      return NULL;
    poller->fds = fds;
    poller->size = size;
  }
  struct pollfd *p = &poller->fds[poller->count++];
  p->fd = fd;
  p->revents = 0;
  return p;
}

sslc_status
sslc_poller_set(sslc_poller *poller, int fd, int events)
{
  if (!poller || fd < 0 || (events & ~EVENTS_ALL))
    return SSLC_ERR_ARG;
  struct pollfd *p = find_fd(poller, fd);
  if (events == 0) {
    if (p)
      *p = poller->fds[--poller->count];
    return SSLC_OK;
  }
  if (!can_wait(fd))
    return SSLC_ERR_ARG;
  if (!p)
    p = add_fd(poller, fd);
  if (!p)
    return SSLC_ERR_NOMEM;
  p->events = (short)((events & SSLC_READABLE ? POLLIN : 0) |
                      (events & SSLC_WRITABLE ? POLLOUT : 0));
  return SSLC_OK;
}

/* Those that are ready, moved to the front. */
static size_t
gather(sslc_poller *poller)
{
  size_t n = 0;
  for (size_t i = 0; i < poller->count; i++) {
    if (poller->fds[i].revents == 0)
      continue;
    struct pollfd p = poller->fds[n];
    poller->fds[n++] = poller->fds[i];
    poller->fds[i] = p;
  }
  return n;
}

sslc_status
sslc_poller_wait(sslc_poller *poller, int64_t deadline, size_t *n)
{
  if (!poller || !n)
    return SSLC_ERR_ARG;
  *n = 0;
  int count = poll(poller->fds, (nfds_t)poller->count,
                   sslci_poll_timeout(deadline));
  if (count > 0)
    *n = gather(poller);
  return count < 0 && errno != EINTR ? SSLC_ERR_SYS : SSLC_OK;
}

int
sslc_poller_ready(const sslc_poller *poller, size_t i, int *events)
{
  if (!poller || !events || i >= poller->count || !poller->fds[i].revents)
    return -1;
  short got = poller->fds[i].revents;
  *events = (got & POLLIN ? SSLC_READABLE : 0) |
            (got & POLLOUT ? SSLC_WRITABLE : 0);
  if (got & (POLLERR | POLLHUP | POLLNVAL))
    *events = EVENTS_ALL;
  return poller->fds[i].fd;
}

#endif
