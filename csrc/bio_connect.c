/*
 * bio_connect.c: a BIO that connects by itself, BIO_s_connect(3), but by a
 * dial: every address is raced, and nothing blocks, the resolver included.
 * Once connected it is what bio_socket.c makes of a socket.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct connector {
  struct sslci_socket socket; /* first; its fd is -1 until connected */
  sslc_dial *dial;            /* NULL: connected */
  bool started;
  char *host;
  int port;
  int nodelay; /* what was asked for before there was a socket; -1: nothing */
  char address[SSLCI_ADDR_TEXT]; /* the dial's, when that is gone */
};

static struct connector *
state(BIO *bio)
{
  return BIO_get_data(bio);
}

/* -------------------------------------------------------------- connecting */

/* One step, or all of them.  A host or port that is no such thing is refused
 * each time anew; all other failures are the dial's for good. */
static sslc_status
dial(struct connector *c)
{
  bool block = !c->socket.nbio && !c->socket.record.quiet;
  if (!c->started) {
    sslc_status status = sslc_dial_start(c->dial, c->host, c->port);
    c->started = status != SSLC_ERR_ARG;
    if (status != SSLC_OK)
      return status;
  }
  return block ? sslc_dial_wait(c->dial, SSLC_FOREVER)
               : sslc_dial_step(c->dial);
}

static void
become_socket(BIO *bio)
{
  struct connector *c = state(bio);
  int fd = sslc_dial_take_fd(c->dial);
  memcpy(c->address, sslc_dial_address(c->dial), sizeof c->address);
  sslc_dial_free(c->dial);
  c->dial = NULL;
  sslci_socket_init(&c->socket, fd, c->socket.close);
  if (c->nodelay >= 0)
    sslci_socket_ctrl(bio, SSLCI_CTRL_NODELAY, c->nodelay, NULL);
}

/* 1: connected; -1: not yet, or not at all. */
static int
step(BIO *bio)
{
  struct connector *c = state(bio);
  BIO_clear_retry_flags(bio);
  if (!c->dial)
    return 1;
  sslc_status status = dial(c);
  if (status == SSLC_WANT_CONNECT)
    sslci_set_retry(bio, &c->socket.record, status);
  else if (status != SSLC_OK)
    c->socket.record.error = sslc_dial_error(c->dial);
  else
    become_socket(bio);
  return status == SSLC_OK ? 1 : -1;
}

/* ------------------------------------------------------------- the method */

static int
connector_write(BIO *bio, const char *buf, int len)
{
  int ret = step(bio);
  return ret > 0 ? sslci_socket_write(bio, buf, len) : ret;
}

static int
connector_read(BIO *bio, char *buf, int len)
{
  int ret = step(bio);
  return ret > 0 ? sslci_socket_read(bio, buf, len) : ret;
}

static int
connector_puts(BIO *bio, const char *str)
{
  return connector_write(bio, str, (int)strlen(str));
}

static long
dial_fd(const struct connector *c, int *where)
{
  int fd = sslc_dial_fd(c->dial);
  if (where)
    *where = fd;
  return fd;
}

/* Before the first step there is nothing to wait for but that step. */
static long
dial_timeout(const struct connector *c, int64_t *where)
{
  *where = c->started ? sslc_dial_timeout(c->dial) : 0;
  return 1;
}

static long
dial_wait(struct connector *c, struct sslci_dial_wait *wait)
{
  if (!c->started)
    return 0;
  sslc_status status = sslc_dial_wait(c->dial, wait->deadline);
  /* The dial itself may have ended in a timeout: that the next step tells. */
  if (status == SSLC_ERR_TIMEOUT && c->dial->state == SSLCI_DIAL_RUNNING)
    wait->error = sslc_dial_error(c->dial);
  return 1;
}

/* What there is no socket for yet. */
static long
dial_ctrl(struct connector *c, int cmd, long num, void *ptr)
{
  switch (cmd) {
  case BIO_C_GET_FD:
    return dial_fd(c, ptr);
  case BIO_C_SHUTDOWN_WR:
    c->socket.record.sys_errno = ENOTCONN;
    return -1;
  case SSLCI_CTRL_NODELAY:
    c->nodelay = num != 0;
    return 1;
  case SSLCI_CTRL_TIMEOUT:
    return dial_timeout(c, ptr);
  case SSLCI_CTRL_DIAL_WAIT:
    return dial_wait(c, ptr);
  default:
    return 0;
  }
}

static long
tell_address(const struct connector *c, char *where)
{
  const char *address = c->dial ? sslc_dial_address(c->dial) : c->address;
  memcpy(where, address, SSLCI_ADDR_TEXT);
  return 1;
}

static long
connector_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
  struct connector *c = state(bio);
  switch (cmd) {
  case BIO_C_DO_STATE_MACHINE:
    return step(bio);
  case SSLCI_CTRL_ADDRESS:
    return tell_address(c, ptr);
  case BIO_C_GET_FD:
  case BIO_C_SHUTDOWN_WR:
  case SSLCI_CTRL_NODELAY:
  case SSLCI_CTRL_TIMEOUT:
  case SSLCI_CTRL_DIAL_WAIT:
    if (c->dial)
      return dial_ctrl(c, cmd, num, ptr);
    break;
  default:
    break;
  }
  return sslci_socket_ctrl(bio, cmd, num, ptr);
}

static void
connector_free(struct connector *c)
{
  if (!c)
    return;
  if (c->socket.fd >= 0 && c->socket.close)
    close(c->socket.fd);
  sslc_dial_free(c->dial);
  OPENSSL_free(c->host);
  OPENSSL_free(c);
}

static int
connector_destroy(BIO *bio)
{
  if (!bio)
    return 1;
  connector_free(state(bio));
  BIO_set_data(bio, NULL);
  return 1;
}

static BIO_METHOD *
connector_method(void)
{
  static _Atomic(BIO_METHOD *) made;
  static const struct sslci_method calls = {
    connector_write, connector_read, connector_puts, NULL,
    connector_ctrl, connector_destroy
  };
  return sslci_bio_method(&made, "sslconnect connect",
                          BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, &calls);
}

/* ------------------------------------------------------------------ making */

static struct connector *
connector_new(const char *host, int port)
{
  struct connector *c = sslci_new(struct connector);
  if (!c)
    return NULL;
  c->socket.fd = -1;
  c->socket.close = true;
  c->socket.nbio = true;
  c->port = port;
  c->nodelay = -1;
  c->dial = sslc_dial_new();
  if (c->dial && sslci_set_string(&c->host, host))
    return c;
  connector_free(c);
  return NULL;
}

sslc_bio *
sslc_bio_new_connect(const char *host, int port)
{
  struct connector *c = connector_new(host, port);
  BIO *bio = c ? sslci_bio_make(connector_method(), c) : NULL;
  if (!bio)
    connector_free(c);
  return sslci_bio_wrap(bio, SSLC_BIO_CONNECT, true);
}
