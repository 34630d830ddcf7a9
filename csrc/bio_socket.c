/*
 * bio_socket.c: a BIO on a stream socket, BIO_s_socket(3) but for four things.
 *
 * It leaves the descriptor's O_NONBLOCK alone (MSG_DONTWAIT makes each call
 * nonblocking), raises no SIGPIPE, keeps the real errno and the end of the
 * stream, and bounds what one step may read: libssl goes on reading inside of
 * SSL_read(3) for as long as a peer sends tickets or KeyUpdates, and with a
 * bound no peer can hold a caller past its deadline.
 */
#include "internal.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#if defined(MSG_NOSIGNAL)
enum { SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL };
#else
enum { SEND_FLAGS = MSG_DONTWAIT };
#endif

/* ------------------------------------------------------------- the method */

static struct sslci_socket *
state(BIO *bio)
{
  return BIO_get_data(bio);
}

/* The last of these says that a SYN has left which was to take the data along,
 * TCP_FASTOPEN_CONNECT, but did not. */
static bool
would_block(int err)
{
  return err == EAGAIN || err == EWOULDBLOCK || err == EINPROGRESS;
}

void
sslci_socket_wait(int fd, short events)
{
  struct pollfd p = { fd, events, 0 };
  poll(&p, 1, -1);
}

/* After a call that failed: whether to try once more. */
static bool
again(BIO *bio, struct sslci_socket *s, sslc_status want)
{
  int err = errno;
  if (err == EINTR)
    return true;
  if (!would_block(err)) {
    s->record.sys_errno = err;
    return false;
  }
  if (s->nbio || s->record.quiet) {
    sslci_set_retry(bio, &s->record, want);
    return false;
  }
  sslci_socket_wait(s->fd, want == SSLC_WANT_READ ? POLLIN : POLLOUT);
  return true;
}

int
sslci_socket_write(BIO *bio, const char *buf, int len)
{
  struct sslci_socket *s = state(bio);
  ssize_t n;
  BIO_clear_retry_flags(bio);
  do {
    n = send(s->fd, buf, (size_t)len, SEND_FLAGS);
  } while (n < 0 && again(bio, s, SSLC_WANT_WRITE));
  s->asked = s->asked || n > 0;
  return (int)n;
}

/* Whether there was more than was asked for, again and again; and a large read
 * counts as several. */
static void
note_read(struct sslci_record *r, ssize_t n, int len)
{
  if (n <= 0)
    return;
  if (n == len && n >= SSLCI_READ_UNIT / 2)
    r->filled += r->filled < SSLCI_FILLED_OFTEN;
  else if (n < len && n < SSLCI_READ_UNIT / 8)
    r->filled = 0;
  if (r->reads_left > 0)
    r->reads_left -= (int)(n - 1) / (SSLCI_READ_UNIT + 1024);
  if (r->reads_left < 0)
    r->reads_left = 0;
}

/* What has just been written to has no answer yet, and to look for it would be
 * in vain: a BIO that blocks waits first, and where others are known to wait
 * for a state they are to do so.  False: not now. */
static bool
may_look(BIO *bio, struct sslci_socket *s)
{
  bool asked = s->asked;
  s->asked = false;
  if (!asked)
    return true;
  if (!s->nbio && !s->record.quiet) {
    sslci_socket_wait(s->fd, POLLIN);
    return true;
  }
  if (s->record.level)
    sslci_set_retry(bio, &s->record, SSLC_WANT_READ);
  return !s->record.level;
}

int
sslci_socket_read(BIO *bio, char *buf, int len)
{
  struct sslci_socket *s = state(bio);
  ssize_t n;
  BIO_clear_retry_flags(bio);
  if (s->record.eof)
    return 0;
  if (s->nbio && !sslci_record_may_read(&s->record, bio))
    return -1;
  if (!may_look(bio, s))
    return -1;
  do {
    n = recv(s->fd, buf, (size_t)len, MSG_DONTWAIT);
  } while (n < 0 && again(bio, s, SSLC_WANT_READ));
  if (n == 0)
    s->record.eof = true;
  note_read(&s->record, n, len);
  return (int)n;
}

static int
socket_puts(BIO *bio, const char *str)
{
  return sslci_socket_write(bio, str, (int)strlen(str));
}

static long
get_fd(const struct sslci_socket *s, int *where)
{
  if (where)
    *where = s->fd;
  return s->fd;
}

static long
set_nodelay(const struct sslci_socket *s, long num)
{
  int value = num != 0;
  return setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value) == 0
    ? 1 : -errno;
}

static long
shut_down(struct sslci_socket *s)
{
  if (shutdown(s->fd, SHUT_WR) == 0)
    return 1;
  s->record.sys_errno = errno;
  return -1;
}

long
sslci_socket_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
  struct sslci_socket *s = state(bio);
  switch (cmd) {
  case BIO_C_GET_FD:
    return get_fd(s, ptr);
  case BIO_C_SET_NBIO:
    s->nbio = num != 0;
    return 1;
  case BIO_CTRL_GET_CLOSE:
    return s->close;
  case BIO_CTRL_SET_CLOSE:
    s->close = num != 0;
    return 1;
  case BIO_CTRL_EOF:
    return s->record.eof;
  case BIO_C_SHUTDOWN_WR:
    return shut_down(s);
  case SSLCI_CTRL_QUIET:
    s->record.quiet = num != 0;
    return 1;
  case SSLCI_CTRL_NODELAY:
    return set_nodelay(s, num);
  case SSLCI_CTRL_ADDRESS:
    sslci_peer_address(s->fd, ptr, SSLCI_ADDR_TEXT);
    return 1;
  case BIO_CTRL_FLUSH:
  case BIO_CTRL_DUP:
    return 1;
  default:
    return 0;
  }
}

static int
socket_destroy(BIO *bio)
{
  struct sslci_socket *s = bio ? state(bio) : NULL;
  if (s && s->close)
    close(s->fd);
  OPENSSL_free(s);
  if (bio)
    BIO_set_data(bio, NULL);
  return 1;
}

static BIO_METHOD *
socket_method(void)
{
  static _Atomic(BIO_METHOD *) made;
  static const struct sslci_method calls = {
    sslci_socket_write, sslci_socket_read, socket_puts, NULL,
    sslci_socket_ctrl, socket_destroy
  };
  return sslci_bio_method(&made, "sslconnect socket",
                          BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, &calls);
}

/* ------------------------------------------------------------------ making */

static void
suppress_sigpipe(int fd)
{
#if !defined(MSG_NOSIGNAL) && defined(SO_NOSIGPIPE)
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#else
  (void)fd;
#endif
}

void
sslci_socket_init(struct sslci_socket *s, int fd, bool close_it)
{
  s->fd = fd;
  s->close = close_it;
  s->record.reads_left = SSLCI_READS_PER_STEP;
  suppress_sigpipe(fd);
}

sslc_bio *
sslc_bio_new_socket(int fd, int close_flag)
{
  struct sslci_socket *s = fd >= 0 ? sslci_new(struct sslci_socket) : NULL;
  if (!s)
    return NULL;
  BIO *bio = sslci_bio_make(socket_method(), s);
  if (!bio) {
    OPENSSL_free(s);
    return NULL;
  }
  sslci_socket_init(s, fd, false);
  s->nbio = true;
  sslc_bio *b = sslci_bio_wrap(bio, SSLC_BIO_SOCKET, true);
  /* From here on nothing fails: only now is the descriptor ours. */
  if (b)
    s->close = close_flag == SSLC_CLOSE;
  return b;
}
