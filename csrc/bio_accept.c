/*
 * bio_accept.c: a BIO that listens and accepts, BIO_s_accept(3).  The BIO of
 * the connection that was accepted stands behind it, until it is popped, and
 * is what is read and written.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

struct acceptor {
  struct sslci_record record; /* first */
  sslc_bio *self;             /* NULL once that is freed */
  char *host;                 /* NULL: any address */
  int port;
  int fd; /* that listens; -1: not yet */
  bool nbio;
  int nodelay; /* for those accepted; -1: as they come */
  char address[SSLCI_ADDR_TEXT];
  sslc_error err; /* of this step */
};

static struct acceptor *
state(BIO *bio)
{
  return BIO_get_data(bio);
}

/* Notes that a step failed; it is not final. */
static int
fail(struct acceptor *a)
{
  sslci_error_finish(&a->err);
  a->record.error = &a->err;
  return -1;
}

static int
fail_system(struct acceptor *a, const char *what, const char *where)
{
  int err = errno;
  sslci_error_begin(&a->err, sslci_errno_code(err), SSLC_PHASE_CONNECT,
                    "%s %s: %s", what, where, strerror(err));
  a->err.sys_errno = err;
  return fail(a);
}

static int
refuse(struct acceptor *a, int code, const char *why)
{
  sslci_error_begin(&a->err, code, SSLC_PHASE_CONNECT, "%s", why);
  return fail(a);
}

/* --------------------------------------------------------------- listening */

/* An IPv6 socket takes IPv4 as well only where it stands for any address. */
static bool
bind_and_listen(int fd, const struct sslci_addr *at, bool v6only)
{
  int on = 1, only = v6only;
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
    return false;
  if (at->u.sa.sa_family == AF_INET6 &&
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only) != 0)
    return false;
  return bind(fd, &at->u.sa, at->len) == 0 && listen(fd, SOMAXCONN) == 0;
}

/* The descriptor; -1 with errno set. */
static int
listen_at(const struct sslci_addr *at, bool v6only)
{
  int fd = sslci_stream_socket(at->u.sa.sa_family);
  if (fd < 0 || bind_and_listen(fd, at, v6only))
    return fd;
  int err = errno;
  close(fd);
  errno = err;
  return -1;
}

static void
note_address(struct acceptor *a)
{
  struct sslci_addr at;
  memset(&at, 0, sizeof at);
  at.len = sizeof at.u;
  if (getsockname(a->fd, &at.u.sa, &at.len) == 0)
    sslci_addr_text(&at, a->address, sizeof a->address);
}

static int
listening(struct acceptor *a, int fd, const struct sslci_addr *at)
{
  char where[SSLCI_ADDR_TEXT];
  a->fd = fd;
  if (fd >= 0) {
    note_address(a);
    return 1;
  }
  int err = errno;
  sslci_addr_text(at, where, sizeof where);
  errno = err;
  return fail_system(a, "to listen on", where);
}

/* IPv6, which takes IPv4 as well; where there is none of it, IPv4. */
static int
listen_on_any(struct acceptor *a)
{
  struct sslci_addr at;
  struct sslci_name name = { SSLCI_NAME_IPV6, "::", "" };
  sslci_addr_from_name(&at, &name, a->port);
  int fd = listen_at(&at, false);
  if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL ||
                 errno == EINVAL || errno == ENOPROTOOPT)) {
    name = (struct sslci_name){ SSLCI_NAME_IPV4, "0.0.0.0", "" };
    sslci_addr_from_name(&at, &name, a->port);
    fd = listen_at(&at, false);
  }
  return listening(a, fd, &at);
}

static int
bad_address(struct acceptor *a, const char *why)
{
  sslci_error_begin(&a->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                    "address \"%.260s\" cannot be listened on: %s", a->host,
                    why);
  return fail(a);
}

static int
listen_on_literal(struct acceptor *a)
{
  struct sslci_name name;
  struct sslci_addr at;
  if (sslci_name_parse(&name, a->host, "address", &a->err) != SSLC_OK)
    return fail(a);
  if (name.kind == SSLCI_NAME_DNS)
    return bad_address(a, "it is a name, where an IPv4 or IPv6 address is "
                          "expected");
  const char *bad = sslci_addr_from_name(&at, &name, a->port);
  if (bad)
    return bad_address(a, bad);
  return listening(a, listen_at(&at, true), &at);
}

static int
start_listening(struct acceptor *a)
{
  if (a->port < 0 || a->port > 65535) {
    sslci_error_begin(&a->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                      "port %d is not between 0 and 65535", a->port);
    return fail(a);
  }
  return a->host ? listen_on_literal(a) : listen_on_any(a);
}

/* --------------------------------------------------------------- accepting */

static int
accept_socket(int listener)
{
#if defined(SOCK_CLOEXEC)
  return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
#else
  int fd = accept(listener, NULL, NULL);
  if (fd >= 0) {
    /* Some systems hand the listener's flag on. */
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  return fd;
#endif
}

/* What became of one that was in the queue and went, accept(2): the next one
 * is what is asked for. */
static bool
is_of_the_lost(int err)
{
  switch (err) {
  case ECONNABORTED:
  case EPROTO:
  case ENETDOWN:
  case ENETUNREACH:
  case EHOSTDOWN:
  case EHOSTUNREACH:
    return true;
  default:
    return false;
  }
}

/* After a call that failed: whether to try once more. */
static bool
again(BIO *bio, struct acceptor *a)
{
  int err = errno;
  if (err == EINTR || is_of_the_lost(err))
    return true;
  if (err != EAGAIN && err != EWOULDBLOCK) {
    fail_system(a, "to accept on", a->address);
    return false;
  }
  if (a->nbio || a->record.quiet) {
    sslci_set_retry(bio, &a->record, SSLC_WANT_ACCEPT);
    return false;
  }
  sslci_socket_wait(a->fd, POLLIN);
  return true;
}

/* Behind this one, in both kinds of chains; the reference goes there. */
static void
put_behind(sslc_bio *self, sslc_bio *accepted)
{
  BIO_push(self->bio, accepted->bio);
  accepted->prev = self;
  self->next = accepted;
}

static int
take(struct acceptor *a, int fd)
{
  sslc_bio *b = sslc_bio_new_socket(fd, SSLC_CLOSE);
  if (!b) {
    close(fd);
    sslci_error_nomem(&a->err, SSLC_PHASE_CONNECT);
    return fail(a);
  }
  BIO_set_nbio(b->bio, a->nbio);
  if (a->nodelay >= 0)
    BIO_ctrl(b->bio, SSLCI_CTRL_NODELAY, a->nodelay, NULL);
  put_behind(a->self, b);
  return 1;
}

static int
accept_one(BIO *bio)
{
  struct acceptor *a = state(bio);
  int fd;
  if (!a->self)
    return refuse(a, SSLC_CODE_CLOSED, "the BIO that accepts was freed");
  do {
    fd = accept_socket(a->fd);
  } while (fd < 0 && again(bio, a));
  return fd >= 0 ? take(a, fd) : -1;
}

/* A step of sslc_bio_do_handshake. */
static int
step(BIO *bio)
{
  struct acceptor *a = state(bio);
  BIO_clear_retry_flags(bio);
  if (BIO_next(bio))
    return refuse(a, SSLC_CODE_MISUSE, "the one accepted before still stands "
                                       "behind: pop it first");
  return a->fd < 0 ? start_listening(a) : accept_one(bio);
}

/* What is to be read and written; NULL: nobody is there. */
static BIO *
accepted(BIO *bio)
{
  int ret = 1;
  BIO_clear_retry_flags(bio);
  while (ret > 0 && !BIO_next(bio))
    ret = step(bio);
  return ret > 0 ? BIO_next(bio) : NULL;
}

/* ------------------------------------------------------------- the method */

static int
acceptor_write(BIO *bio, const char *buf, int len)
{
  BIO *next = accepted(bio);
  if (!next)
    return -1;
  int ret = BIO_write(next, buf, len);
  BIO_copy_next_retry(bio);
  return ret;
}

static int
acceptor_read(BIO *bio, char *buf, int len)
{
  BIO *next = accepted(bio);
  if (!next)
    return -1;
  int ret = BIO_read(next, buf, len);
  BIO_copy_next_retry(bio);
  return ret;
}

static int
acceptor_puts(BIO *bio, const char *str)
{
  return acceptor_write(bio, str, (int)strlen(str));
}

static long
get_fd(const struct acceptor *a, int *where)
{
  if (where)
    *where = a->fd;
  return a->fd;
}

/* While nobody is behind. */
static long
listener_ctrl(struct acceptor *a, int cmd, long num, void *ptr)
{
  switch (cmd) {
  case BIO_C_GET_FD:
    return get_fd(a, ptr);
  case BIO_C_SET_NBIO:
    a->nbio = num != 0;
    return 1;
  case BIO_C_SHUTDOWN_WR:
    a->record.sys_errno = ENOTCONN;
    return -1;
  case SSLCI_CTRL_QUIET:
    a->record.quiet = num != 0;
    return 1;
  case SSLCI_CTRL_NODELAY:
    a->nodelay = num != 0;
    return 1;
  case BIO_CTRL_FLUSH:
    return 1;
  default:
    return 0;
  }
}

static long
pass_on(BIO *bio, BIO *next, int cmd, long num, void *ptr)
{
  BIO_clear_retry_flags(bio);
  long ret = BIO_ctrl(next, cmd, num, ptr);
  BIO_copy_next_retry(bio);
  return ret;
}

static long
acceptor_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
  struct acceptor *a = state(bio);
  BIO *next = BIO_next(bio);
  switch (cmd) {
  case BIO_C_DO_STATE_MACHINE:
    return step(bio);
  case SSLCI_CTRL_ADDRESS:
    memcpy(ptr, a->address, sizeof a->address);
    return 1;
  case SSLCI_CTRL_SELF:
    a->self = ptr;
    return 1;
  case BIO_CTRL_PUSH:
  case BIO_CTRL_POP:
  case BIO_CTRL_DUP:
    return 0;
  default:
    return next ? pass_on(bio, next, cmd, num, ptr)
                : listener_ctrl(a, cmd, num, ptr);
  }
}

static void
acceptor_free(struct acceptor *a)
{
  if (!a)
    return;
  if (a->fd >= 0)
    close(a->fd);
  sslci_error_clear(&a->err);
  OPENSSL_free(a->host);
  OPENSSL_free(a);
}

static int
acceptor_destroy(BIO *bio)
{
  if (!bio)
    return 1;
  acceptor_free(state(bio));
  BIO_set_data(bio, NULL);
  return 1;
}

static BIO_METHOD *
acceptor_method(void)
{
  static _Atomic(BIO_METHOD *) made;
  static const struct sslci_method calls = {
    acceptor_write, acceptor_read, acceptor_puts, NULL,
    acceptor_ctrl, acceptor_destroy
  };
  return sslci_bio_method(&made, "sslconnect accept",
                          BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, &calls);
}

/* ------------------------------------------------------------------ making */

static struct acceptor *
acceptor_new(const char *address, int port)
{
  struct acceptor *a = sslci_new(struct acceptor);
  if (!a)
    return NULL;
  a->fd = -1;
  a->port = port;
  a->nbio = true;
  a->nodelay = -1;
  sslci_error_clear(&a->err);
  if (sslci_set_string(&a->host, address))
    return a;
  acceptor_free(a);
  return NULL;
}

sslc_bio *
sslc_bio_new_accept(const char *address, int port)
{
  struct acceptor *a = acceptor_new(address, port);
  BIO *bio = a ? sslci_bio_make(acceptor_method(), a) : NULL;
  if (!bio)
    acceptor_free(a);
  sslc_bio *b = sslci_bio_wrap(bio, SSLC_BIO_ACCEPT, true);
  if (b)
    a->self = b;
  return b;
}
