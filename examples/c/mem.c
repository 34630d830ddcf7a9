/*
 * mem.c: TLS over memory.  The connection sees no socket: what it wants to send
 * is taken out of one memory BIO, what has come is put into another, and how
 * the bytes travel is the program's own business.
 *
 *   mem HOST PORT CA_FILE
 */
#include <sslconnect.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct client {
  sslc_ctx *ctx;
  sslc_conn *conn;
  sslc_bio *in;  /* what the connection reads */
  sslc_bio *out; /* what it has written */
  int fd;
  int64_t deadline;
};

static int
set_up(struct client *c, const char *host, const char *ca_file)
{
  c->ctx = sslc_ctx_new();
  sslc_ctx_load_verify_file(c->ctx, ca_file);
  c->conn = sslc_conn_new(c->ctx);
  c->in = sslc_bio_new_mem();
  c->out = sslc_bio_new_mem();
  return sslc_conn_set_bio(c->conn, c->in, c->out) == SSLC_OK &&
         sslc_conn_set_server_name(c->conn, host) == SSLC_OK &&
         sslc_conn_set_connect_state(c->conn) == SSLC_OK;
}

/* For this program the bytes travel by TCP. */
static int
set_out(struct client *c, const char *host, int port)
{
  sslc_dial *dial = sslc_dial_new();
  if (sslc_dial_start(dial, host, port) == SSLC_OK &&
      sslc_dial_wait(dial, c->deadline) == SSLC_OK)
    c->fd = sslc_dial_take_fd(dial);
  else
    fprintf(stderr, "%s\n", sslc_error_text(sslc_dial_error(dial)));
  sslc_dial_free(dial);
  return c->fd >= 0;
}

/* Sends what the connection has written, from where it is. */
static int
send_out(struct client *c)
{
  const void *data;
  size_t n;
  int ready;
  while (sslc_bio_peek(c->out, &data, &n) == SSLC_OK) {
    if (sslc_fd_wait(c->fd, SSLC_WRITABLE, c->deadline, &ready) != SSLC_OK)
      return 0;
    ssize_t sent = send(c->fd, data, n, MSG_NOSIGNAL);
    if (sent > 0)
      sslc_bio_consume(c->out, (size_t)sent);
    else if (errno != EAGAIN && errno != EINTR)
      return 0;
  }
  return 1;
}

/* Hands on what has come; at its end, that nothing more will. */
static int
take_in(struct client *c)
{
  char buf[4096];
  size_t n;
  int ready;
  if (sslc_fd_wait(c->fd, SSLC_READABLE, c->deadline, &ready) != SSLC_OK)
    return 0;
  ssize_t got = recv(c->fd, buf, sizeof buf, 0);
  if (got > 0)
    return sslc_bio_write(c->in, buf, (size_t)got, &n) == SSLC_OK;
  if (got == 0)
    return sslc_bio_set_mem_eof_return(c->in, 0) == SSLC_OK;
  return errno == EAGAIN || errno == EINTR;
}

/* After each step; true where it is to be repeated. */
static int
pump(struct client *c, sslc_status status)
{
  return send_out(c) && status == SSLC_WANT_READ && take_in(c);
}

static sslc_status
talk(struct client *c)
{
  static const char request[] = "GET / HTTP/1.0\r\n\r\n";
  char buf[4096];
  size_t n;
  sslc_status status;
  do {
    status = sslc_conn_do_handshake(c->conn);
  } while (pump(c, status));
  if (status == SSLC_OK)
    status = sslc_conn_write(c->conn, request, strlen(request), &n);
  pump(c, status);
  while (status == SSLC_OK) {
    do {
      status = sslc_conn_read(c->conn, buf, sizeof buf, &n);
    } while (pump(c, status));
    fwrite(buf, 1, n, stdout);
  }
  return status;
}

static void
tear_down(struct client *c)
{
  sslc_conn_close(c->conn); /* close_notify goes into the memory */
  if (c->fd >= 0) {
    send_out(c);
    close(c->fd);
  }
  sslc_conn_free(c->conn);
  sslc_bio_free(c->in);
  sslc_bio_free(c->out);
  sslc_ctx_free(c->ctx);
}

int
main(int argc, char **argv)
{
  struct client c = { .fd = -1, .deadline = sslc_deadline(10 * 1000) };
  sslc_status status = SSLC_ERR_STATE;
  if (argc != 4) {
    fprintf(stderr, "usage: mem HOST PORT CA_FILE\n");
    return EXIT_FAILURE;
  }
  if (set_up(&c, argv[1], argv[3]) && set_out(&c, argv[1], atoi(argv[2])))
    status = talk(&c);
  if (sslc_conn_error(c.conn))
    fprintf(stderr, "%s\n", sslc_error_text(sslc_conn_error(c.conn)));
  tear_down(&c);
  return status == SSLC_CLOSED ? EXIT_SUCCESS : EXIT_FAILURE;
}
