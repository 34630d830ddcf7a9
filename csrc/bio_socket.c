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
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* recv(2) calls in one step; each takes 16 KiB at the most. */
enum { READS_PER_STEP = 16 };

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

static bool
would_block(int err)
{
  return err == EAGAIN || err == EWOULDBLOCK;
}

/* For a BIO that was made blocking. */
static void
wait_for(int fd, short events)
{
  struct pollfd p = { fd, events, 0 };
  poll(&p, 1, -1);
}

static int
socket_write(BIO *bio, const char *buf, int len)
{
  struct sslci_socket *s = state(bio);
  BIO_clear_retry_flags(bio);
  for (;;) {
    ssize_t n = send(s->fd, buf, (size_t)len, SEND_FLAGS);
    if (n >= 0)
      return (int)n;
    if (would_block(errno)) {
      if (s->nbio) {
        BIO_set_retry_write(bio);
        return -1;
      }
      wait_for(s->fd, POLLOUT);
    } else if (errno != EINTR) {
      s->record.sys_errno = errno;
      return -1;
    }
  }
}

static int
socket_read(BIO *bio, char *buf, int len)
{
  struct sslci_socket *s = state(bio);
  BIO_clear_retry_flags(bio);
  if (s->record.eof)
    return 0;
  if (s->nbio && s->reads_left-- <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  for (;;) {
    ssize_t n = recv(s->fd, buf, (size_t)len, MSG_DONTWAIT);
    if (n >= 0) {
      s->record.eof = n == 0;
      return (int)n;
    }
    if (would_block(errno)) {
      if (s->nbio) {
        BIO_set_retry_read(bio);
        return -1;
      }
      wait_for(s->fd, POLLIN);
    } else if (errno != EINTR) {
      s->record.sys_errno = errno;
      return -1;
    }
  }
}

static int
socket_puts(BIO *bio, const char *str)
{
  return socket_write(bio, str, (int)strlen(str));
}

static long
socket_get_fd(struct sslci_socket *s, int *where)
{
  if (where)
    *where = s->fd;
  return s->fd;
}

static long
socket_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
  struct sslci_socket *s = state(bio);
  switch (cmd) {
  case BIO_C_GET_FD:
    return socket_get_fd(s, ptr);
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
    socket_write, socket_read, socket_puts, socket_ctrl, socket_destroy
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

BIO *
sslci_socket_bio(int fd, bool close_it)
{
  BIO_METHOD *method = socket_method();
  struct sslci_socket *s = method ? sslci_new(struct sslci_socket) : NULL;
  BIO *bio = s ? BIO_new(method) : NULL;
  if (!bio) {
    OPENSSL_free(s);
    return NULL;
  }
  s->fd = fd;
  s->close = close_it;
  s->nbio = true;
  s->reads_left = READS_PER_STEP;
  suppress_sigpipe(fd);
  BIO_set_data(bio, s);
  BIO_set_init(bio, 1);
  return bio;
}

struct sslci_socket *
sslci_socket_of(const sslc_bio *bio)
{
  return bio && bio->kind == SSLCI_BIO_SOCKET ? state(bio->bio) : NULL;
}

void
sslci_socket_begin(struct sslci_socket *s)
{
  s->reads_left = READS_PER_STEP;
}

sslc_bio *
sslc_bio_new_socket(int fd, int close_flag)
{
  BIO *bio = fd >= 0 ? sslci_socket_bio(fd, false) : NULL;
  sslc_bio *b = bio ? sslci_bio_wrap(bio, SSLCI_BIO_SOCKET) : NULL;
  /* From here on nothing fails: only now is the descriptor ours. */
  if (b)
    state(bio)->close = close_flag == SSLC_CLOSE;
  ERR_clear_error();
  return b;
}
