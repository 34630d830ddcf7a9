/*
 * server: whom the contenders connect to: libssl and epoll(7), one thread.
 *
 *   server CERT.pem KEY.pem ADDRESS MODE[-OPTION...][=PORT]...
 *
 * CERT.pem holds the certificate and the chain to send.  Each MODE listens on a
 * port of its own; a line "MODE-OPTION... PORT" is printed for each, then
 * "ready".  It serves until the reader of its output goes away.
 *
 *   handshake  shakes hands and waits for the end
 *   echo       sends back what it gets
 *   source     sends for as long as somebody reads
 *   sink       reads all and never answers
 *   stall      accepts and never says anything
 *
 *   128, 256   TLS_AES_128_GCM_SHA256 or TLS_AES_256_GCM_SHA384, no other
 *   noticket   gives no tickets; without it, two
 *   early      takes early data, and sends it back at once
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

enum { BLOCK = 16384, BACKLOG = 16384, EVENTS = 256 };

enum mode { HANDSHAKE, ECHO, SOURCE, SINK, STALL };

static const char *const mode_names[] = { "handshake", "echo", "source",
                                          "sink", "stall" };

/* A listener, or somebody who came to one. */
struct peer {
  enum mode mode;
  int fd;
  SSL_CTX *ctx; /* a listener's */
  SSL *ssl;     /* a client's; NULL where it is to stall */
  int is_early; /* early data may come */
  size_t held;  /* bytes to be sent back */
  char *buffer;
};

static int epoll_fd;
static char block[BLOCK]; /* what a source sends, and a sink reads */

static void
die(const char *what)
{
  perror(what);
  ERR_print_errors_fp(stderr);
  exit(EXIT_FAILURE);
}

static void *
allocate(size_t size)
{
  void *memory = calloc(1, size);

  if (memory == NULL)
    die("calloc");
  return memory;
}

/* --------------------------------------------------------------- contexts */

static int
has_option(const char *name, const char *option)
{
  const char *at = strstr(name, option);
  size_t len = strlen(option);

  return at != NULL && at[-1] == '-' && (at[len] == '-' || at[len] == '\0');
}

static SSL_CTX *
make_ctx(const char *name, const char *cert, const char *key)
{
  SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
  int ok = ctx != NULL &&
           SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
           SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
           SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1;

  if (has_option(name, "128"))
    ok = ok && SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
  if (has_option(name, "256"))
    ok = ok && SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384");
  if (has_option(name, "noticket"))
    ok = ok && SSL_CTX_set_num_tickets(ctx, 0);
  if (has_option(name, "early"))
    ok = ok && SSL_CTX_set_max_early_data(ctx, BLOCK);
  if (!ok)
    die(name);
  SSL_CTX_set_quiet_shutdown(ctx, 1);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS);
  return ctx;
}

/* -------------------------------------------------------------- listeners */

static enum mode
find_mode(const char *name)
{
  size_t i, len = strcspn(name, "-");

  for (i = 0; i <= STALL; i++)
    if (strlen(mode_names[i]) == len && memcmp(name, mode_names[i], len) == 0)
      return (enum mode)i;
  fprintf(stderr, "server: there is no mode %s\n", name);
  exit(EXIT_FAILURE);
}

static void
watch(struct peer *peer, unsigned events)
{
  struct epoll_event event = { 0 };

  event.events = events;
  event.data.ptr = peer;
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, peer->fd, &event) != 0)
    die("epoll_ctl");
}

static int
listen_at(const char *address, int port)
{
  struct sockaddr_in at = { 0 };
  int on = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  at.sin_family = AF_INET;
  at.sin_port = htons((unsigned short)port);
  if (fd < 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1 ||
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, (struct sockaddr *)&at, sizeof at) != 0 ||
      listen(fd, BACKLOG) != 0)
    die(address);
  return fd;
}

static int
port_of(int fd)
{
  struct sockaddr_in at = { 0 };
  socklen_t len = sizeof at;

  if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
    die("getsockname");
  return ntohs(at.sin_port);
}

/* `name` is "MODE-OPTION...=PORT"; the port is cut off. */
static void
add_listener(char *name, const char *cert, const char *key, const char *address)
{
  struct peer *peer = allocate(sizeof *peer);
  char *equals = strchr(name, '=');

  if (equals != NULL)
    *equals = '\0';
  peer->mode = find_mode(name);
  peer->fd = listen_at(address, equals != NULL ? atoi(equals + 1) : 0);
  peer->ctx = make_ctx(name, cert, key);
  watch(peer, EPOLLIN);
  printf("%s %d\n", name, port_of(peer->fd));
}

/* ---------------------------------------------------------------- clients */

/* libssl forgets the session of a connection that was not shut down. */
static void
end_peer(struct peer *peer)
{
  if (peer->ssl != NULL)
    SSL_set_shutdown(peer->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  SSL_free(peer->ssl);
  close(peer->fd);
  free(peer->buffer);
  free(peer);
}

/* What a call of libssl came to: 1 go on, 0 wait, -1 it has ended. */
static int
outcome(const struct peer *peer, int status)
{
  int why;

  if (status == 1)
    return 1;
  why = SSL_get_error(peer->ssl, status);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static int
send_held(struct peer *peer)
{
  size_t n;
  int result = 1;

  while (peer->held > 0) {
    ERR_clear_error();
    result = outcome(peer, SSL_write_ex(peer->ssl, peer->buffer, peer->held,
                                        &n));
    if (result != 1)
      break;
    peer->held -= n;
    memmove(peer->buffer, peer->buffer + n, peer->held);
  }
  return result;
}

static int
serve_echo(struct peer *peer)
{
  int result = send_held(peer);

  if (peer->buffer == NULL)
    peer->buffer = allocate(BLOCK);
  while (result == 1) {
    result = outcome(peer, SSL_read_ex(peer->ssl, peer->buffer, BLOCK,
                                       &peer->held));
    if (result == 1)
      result = send_held(peer);
    else
      peer->held = 0;
  }
  return result;
}

static int
serve_source(struct peer *peer)
{
  size_t n;
  int result;

  do {
    ERR_clear_error();
    result = outcome(peer, SSL_write_ex(peer->ssl, block, BLOCK, &n));
  } while (result == 1);
  return result;
}

static int
serve_sink(struct peer *peer)
{
  size_t n;
  int result;

  do {
    ERR_clear_error();
    result = outcome(peer, SSL_read_ex(peer->ssl, block, BLOCK, &n));
  } while (result == 1);
  return result;
}

static int
serve_stall(struct peer *peer)
{
  ssize_t n;

  do
    n = recv(peer->fd, block, BLOCK, 0);
  while (n > 0);
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

/* Until the client has no more of it; each piece goes back as it comes. */
static int
echo_early(struct peer *peer)
{
  size_t n, sent;
  int status;

  do {
    status = SSL_read_early_data(peer->ssl, block, BLOCK, &n);
    if (status == SSL_READ_EARLY_DATA_SUCCESS &&
        SSL_write_early_data(peer->ssl, block, n, &sent) != 1)
      return -1;
  } while (status == SSL_READ_EARLY_DATA_SUCCESS);
  peer->is_early = status != SSL_READ_EARLY_DATA_FINISH;
  return peer->is_early ? outcome(peer, 0) : 1;
}

static int
serve(struct peer *peer)
{
  static int (*const how[])(struct peer *) = { serve_sink, serve_echo,
                                               serve_source, serve_sink,
                                               serve_stall };
  int result = 1;

  ERR_clear_error();
  if (peer->is_early)
    result = echo_early(peer);
  if (result == 1 && peer->ssl != NULL)
    result = outcome(peer, SSL_do_handshake(peer->ssl));
  return result == 1 ? how[peer->mode](peer) : result;
}

static void
accept_all(const struct peer *listener)
{
  struct peer *peer;
  int fd, on = 1;

  while ((fd = accept4(listener->fd, NULL, NULL,
                       SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    peer = allocate(sizeof *peer);
    peer->mode = listener->mode;
    peer->fd = fd;
    if (peer->mode != STALL) {
      peer->ssl = SSL_new(listener->ctx);
      if (peer->ssl == NULL || !SSL_set_fd(peer->ssl, fd))
        die("a connection");
      SSL_set_accept_state(peer->ssl);
      peer->is_early = SSL_get_max_early_data(peer->ssl) > 0;
    }
    watch(peer, EPOLLIN | EPOLLOUT | EPOLLET);
  }
}

/* ------------------------------------------------------------------- main */

/* The output is watched for its reader's end; what is no pipe has none. */
static void
watch_output(void)
{
  struct epoll_event event = { 0 };

  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDOUT_FILENO, &event);
}

static void
serve_all(void)
{
  struct epoll_event events[EVENTS];
  struct peer *peer;
  int i, n;

  for (;;) {
    n = epoll_wait(epoll_fd, events, EVENTS, -1);
    if (n < 0 && errno != EINTR)
      die("epoll_wait");
    for (i = 0; i < n; i++) {
      peer = events[i].data.ptr;
      if (peer == NULL)
        return;
      if (peer->ctx != NULL)
        accept_all(peer);
      else if (serve(peer) < 0)
        end_peer(peer);
    }
  }
}

static void
raise_limit(void)
{
  struct rlimit limit;

  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int
main(int argc, char **argv)
{
  int i;

  if (argc < 5) {
    fputs("usage: server CERT.pem KEY.pem ADDRESS MODE[-OPTION...][=PORT]...\n",
          stderr);
    return EXIT_FAILURE;
  }
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0)
    die("epoll_create1");
  for (i = 4; i < argc; i++)
    add_listener(argv[i], argv[1], argv[2], argv[3]);
  puts("ready");
  fflush(stdout);
  watch_output();
  serve_all();
  return EXIT_SUCCESS;
}
