/*
 * baseline: plain C on libssl, as a good C programmer would write it: one
 * SSL_CTX for all, chain and host verified, epoll(7) for many at a time.  What
 * all others are measured by; see work.h for how it is called.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "work.h"

struct link {
  SSL *ssl;
  int is_done;
};

static SSL_CTX *ctx;
static SSL_SESSION *session; /* the newest ticket */
static struct link stream;   /* of the workloads that use one connection */
static int epoll_fd = -1;

static void
die(const char *what)
{
  ERR_print_errors_fp(stderr);
  work_die(what);
}

/* --------------------------------------------------------------- contexts */

static int
keep_session(SSL *ssl, SSL_SESSION *newest)
{
  (void)ssl;
  SSL_SESSION_free(session);
  session = newest;
  return 1; /* the reference is ours */
}

static int
load_trust(const struct work *work)
{
  if (strcmp(work->ca, "system") == 0)
    return SSL_CTX_set_default_verify_paths(ctx);
  return SSL_CTX_load_verify_locations(ctx, work->ca, NULL);
}

static void
make_ctx(struct work *work)
{
  ctx = SSL_CTX_new(TLS_client_method());
  if (ctx == NULL || !SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) ||
      !load_trust(work))
    die("the context");
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
                          SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

/* ------------------------------------------------------- one after another */

static SSL *
make_ssl(const struct work *work, int fd)
{
  SSL *ssl = SSL_new(ctx);

  if (ssl == NULL || !SSL_set_fd(ssl, fd) ||
      !SSL_set_tlsext_host_name(ssl, work->host) ||
      !SSL_set1_host(ssl, work->host))
    die("the connection");
  SSL_set_connect_state(ssl);
  return ssl;
}

static void
end_link(struct link *link)
{
  int fd = SSL_get_fd(link->ssl);

  if (link->is_done)
    SSL_shutdown(link->ssl);
  SSL_free(link->ssl);
  link->ssl = NULL;
  close(fd);
}

static void
open_link(const struct work *work, struct link *link)
{
  link->ssl = make_ssl(work, work_connect(work, work->port, 0));
  if (session != NULL && !SSL_set_session(link->ssl, session))
    die("the session");
  if (SSL_do_handshake(link->ssl) != 1)
    die("the handshake");
  link->is_done = 1;
}

static void
read_block(struct link *link, char *block, size_t len)
{
  size_t n, done = 0;

  for (; done < len; done += n)
    if (!SSL_read_ex(link->ssl, block + done, len - done, &n))
      die("read");
}

static void
write_block(struct link *link, const char *block, size_t len)
{
  size_t n, done = 0;

  for (; done < len; done += n)
    if (!SSL_write_ex(link->ssl, block + done, len - done, &n))
      die("write");
}

static void
exchange(struct link *link, char *block, size_t len)
{
  write_block(link, block, len);
  read_block(link, block, len);
}

static void
full(struct work *work)
{
  struct link link;

  open_link(work, &link);
  end_link(&link);
}

static void
first(struct work *work)
{
  struct link link;

  open_link(work, &link);
  exchange(&link, work->block, REQUEST_SIZE);
  end_link(&link);
}

static void
begin_resumed(struct work *work)
{
  make_ctx(work);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                        SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ctx, keep_session);
  first(work);
}

static void
resumed(struct work *work)
{
  struct link link;

  open_link(work, &link);
  if (!SSL_session_reused(link.ssl))
    die("it was not resumed");
  exchange(&link, work->block, REQUEST_SIZE);
  end_link(&link);
}

static void
cold(struct work *work)
{
  make_ctx(work);
  full(work);
}

/* --------------------------------------------------------- one connection */

static void
begin_stream(struct work *work)
{
  make_ctx(work);
  open_link(work, &stream);
}

static void
echo(struct work *work)
{
  exchange(&stream, work->block, ECHO_SIZE);
}

static void
download(struct work *work)
{
  read_block(&stream, work->block, work->param);
}

static void
upload(struct work *work)
{
  write_block(&stream, work->block, work->param);
}

/* What is held stays until the process ends. */
static void
begin_memory(struct work *work)
{
  make_ctx(work);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
}

static void
memory(struct work *work)
{
  struct link link;

  open_link(work, &link);
  if (work->param > 0)
    exchange(&link, work->block, REQUEST_SIZE);
}

/* ------------------------------------------------------------ many at once */

static void
start_link(struct work *work, struct link *link, int port)
{
  struct epoll_event event = { 0 };
  int fd = work_connect(work, port, 1);

  link->ssl = make_ssl(work, fd);
  link->is_done = 0;
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.ptr = link;
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
    die("epoll_ctl");
}

/* 1 when this step brought the handshake to its end. */
static int
step_link(struct link *link)
{
  int status, why;

  if (link->is_done)
    return 0;
  ERR_clear_error();
  status = SSL_do_handshake(link->ssl);
  if (status == 1)
    return link->is_done = 1;
  why = SSL_get_error(link->ssl, status);
  if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
    die("a handshake");
  return 0;
}

/* Runs the loop until so many handshakes have been done in it. */
static void
run_until(size_t wanted)
{
  struct epoll_event events[256];
  int i, n;

  while (wanted > 0) {
    n = epoll_wait(epoll_fd, events, 256, -1);
    if (n < 0 && errno != EINTR)
      die("epoll_wait");
    for (i = 0; i < n; i++)
      if (step_link(events[i].data.ptr))
        wanted--;
  }
}

static void
begin_many(struct work *work)
{
  make_ctx(work);
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0)
    die("epoll_create1");
}

static void
inflight(struct work *work)
{
  struct link *links = calloc(work->param, sizeof *links);
  size_t i;

  if (links == NULL)
    die("calloc");
  for (i = 0; i < work->param; i++)
    start_link(work, &links[i], work->port);
  run_until(work->param);
  for (i = 0; i < work->param; i++)
    end_link(&links[i]);
  free(links);
}

static void
begin_stalled(struct work *work)
{
  struct link *links = calloc(work->param, sizeof *links);
  size_t i;

  begin_many(work);
  if (links == NULL)
    die("calloc");
  for (i = 0; i < work->param; i++)
    start_link(work, &links[i], work->stall_port);
}

static void
stalled(struct work *work)
{
  struct link link;

  start_link(work, &link, work->port);
  run_until(1);
  end_link(&link);
}

static const struct workload table[] = {
  { "full", make_ctx, full, 0 },
  { "checked", make_ctx, full, 0 },
  { "first", make_ctx, first, 0 },
  { "fastopen", make_ctx, first, 0 },
  { "resumed", begin_resumed, resumed, 0 },
  { "inflight", begin_many, inflight, 1 },
  { "stalled", begin_stalled, stalled, 0 },
  { "download", begin_stream, download, 0 },
  { "upload", begin_stream, upload, 0 },
  { "echo", begin_stream, echo, 0 },
  { "cold", NULL, cold, 0 },
  { "memory", begin_memory, memory, 0 },
  { NULL, NULL, NULL, 0 },
};

int
main(int argc, char **argv)
{
  return work_main(argc, argv, table);
}
