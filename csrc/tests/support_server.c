/*
 * support_server.c: servers on loopback, each connection in a thread of its
 * own.
 */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One connection. */
struct served {
  struct served *next;
  struct server *server;
  pthread_t thread;
  int fd;
};

struct server {
  serve_function *serve;
  void *arg;
  pthread_t thread;
  int listener;
  int port;
  int stop[2];           /* a pipe: closed at one end to stop the thread */
  struct served *served; /* the accepting thread's until it is joined */
};

static void
fail_with_errno(const char *what)
{
  fail_msg("%s: %s", what, strerror(errno));
}

/* ---------------------------------------------------------------- sockets */

static struct sockaddr_in
loopback(int port)
{
  struct sockaddr_in address;

  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons((uint16_t)port);
  return address;
}

/* A socket on an ephemeral port, which goes to `*port`. */
static int
bind_loopback(int *port)
{
  struct sockaddr_in address = loopback(0);
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &len) != 0)
    fail_with_errno("bind");
  *port = ntohs(address.sin_port);
  return fd;
}

int
connect_to(int port)
{
  struct sockaddr_in address = loopback(port);
  int fd = socket(AF_INET, SOCK_STREAM, 0);

  if (fd < 0 ||
      connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
    fail_with_errno("connect");
  return fd;
}

int
unused_port(void)
{
  int port;
  int fd = bind_loopback(&port);

  close(fd);
  return port;
}

/* ---------------------------------------------------------------- threads */

static void *
serve_one(void *arg)
{
  struct served *served = arg;

  served->server->serve(served->fd, served->server->arg);
  close(served->fd);
  return NULL;
}

static void
take_one(struct server *server)
{
  struct served *served = calloc(1, sizeof *served);

  if (served == NULL)
    abort();
  served->fd = accept(server->listener, NULL, NULL);
  served->server = server;
  if (served->fd < 0 ||
      pthread_create(&served->thread, NULL, serve_one, served) != 0) {
    free(served);
    return;
  }
  served->next = server->served;
  server->served = served;
}

static void *
accept_all(void *arg)
{
  struct server *server = arg;
  struct pollfd fds[2] = { { server->listener, POLLIN, 0 },
                           { server->stop[0], POLLIN, 0 } };

  for (;;) {
    if (poll(fds, 2, -1) < 0)
      continue;
    if (fds[1].revents != 0)
      return NULL;
    if (fds[0].revents != 0)
      take_one(server);
  }
}

struct server *
server_start(serve_function *serve, void *arg)
{
  struct server *server = calloc(1, sizeof *server);

  assert_non_null(server);
  server->serve = serve;
  server->arg = arg;
  server->listener = bind_loopback(&server->port);
  if (listen(server->listener, 64) != 0 || pipe(server->stop) != 0)
    fail_with_errno("listen");
  assert_int_equal(pthread_create(&server->thread, NULL, accept_all, server),
                   0);
  return server;
}

int
server_port(const struct server *server)
{
  return server->port;
}

void
server_stop(struct server *server)
{
  struct served *served;

  close(server->stop[1]);
  pthread_join(server->thread, NULL);
  while ((served = server->served) != NULL) {
    server->served = served->next;
    pthread_join(served->thread, NULL);
    free(served);
  }
  close(server->stop[0]);
  close(server->listener);
  free(server);
}

/* ----------------------------------------------------- ways of behaviour */

static void
echo(sslc_conn *conn)
{
  char buf[4096];
  size_t n;

  while (sslc_conn_read_wait(conn, buf, sizeof buf, &n,
                             sslc_deadline(PATIENCE)) == SSLC_OK)
    if (sslc_conn_write_wait(conn, buf, n, &n, sslc_deadline(PATIENCE)) !=
        SSLC_OK)
      return;
}

void
serve_echo(int fd, void *ctx)
{
  sslc_conn *conn = sslc_conn_new(ctx);
  sslc_bio *bio = sslc_bio_new_socket(fd, SSLC_NOCLOSE);

  if (conn != NULL && sslc_conn_set_bio(conn, bio, bio) == SSLC_OK &&
      sslc_conn_set_accept_state(conn) == SSLC_OK &&
      sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE)) == SSLC_OK)
    echo(conn);
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  sslc_bio_free(bio);
}

/* 1 where bytes came, 0 at the end or where nothing happens. */
static int
receive(int fd)
{
  struct pollfd one = { fd, POLLIN, 0 };
  char buf[4096];

  return poll(&one, 1, PATIENCE) > 0 && recv(fd, buf, sizeof buf, 0) > 0;
}

void
serve_silence(int fd, void *unused)
{
  (void)unused;
  while (receive(fd))
    ;
}

void
serve_text(int fd, void *text)
{
  if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
    return;
  shutdown(fd, SHUT_WR);
  /* Closed with bytes unread, the socket would end with a reset. */
  serve_silence(fd, NULL);
}

void
serve_reset(int fd, void *unused)
{
  struct linger none = { 1, 0 };

  (void)unused;
  receive(fd);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

void
serve_end(int fd, void *unused)
{
  (void)unused;
  receive(fd);
  shutdown(fd, SHUT_WR);
  serve_silence(fd, NULL);
}
