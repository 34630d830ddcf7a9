/*
 * ours: the same on sslconnect.h, with nothing set that is not the default but
 * the held flight; see work.h for how it is called.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sslconnect.h>

#include "work.h"

struct link {
  sslc_conn *conn;
  int fd;
  int is_done;
};

static sslc_ctx *ctx;
static sslc_session *session; /* the newest ticket */
static sslc_session **sessions; /* one for each connection to come */
static size_t session_count;
static struct link stream;    /* of the workloads that use one connection */
static sslc_poller *poller;
static struct link **links_by_fd;
static size_t links_size;

static void
need(int ok, const char *what)
{
  if (!ok)
    work_die(what);
}

static void
need_conn(sslc_status status, const struct link *link)
{
  if (status == SSLC_OK)
    return;
  work_die(sslc_error_text(sslc_conn_error(link->conn)));
}

/* --------------------------------------------------------------- contexts */

static void
make_ctx(struct work *work)
{
  ctx = sslc_ctx_new();
  need(ctx != NULL, "the context");
  if (strcmp(work->ca, "system") != 0 &&
      sslc_ctx_load_verify_file(ctx, work->ca) != SSLC_OK)
    work_die(sslc_error_text(sslc_ctx_error(ctx)));
}

/* ------------------------------------------------------- one after another */

static void
make_link(const struct work *work, struct link *link, int port, int nonblocking)
{
  sslc_bio *bio;

  link->fd = work_connect(work, port, nonblocking);
  link->is_done = 0;
  link->conn = sslc_conn_new(ctx);
  bio = sslc_bio_new_socket(link->fd, SSLC_CLOSE);
  need(link->conn != NULL && bio != NULL, "the connection");
  sslc_bio_set_nbio(bio, nonblocking);
  need_conn(sslc_conn_set_bio(link->conn, bio, bio), link);
  need_conn(sslc_conn_set_server_name(link->conn, work->host), link);
  need_conn(sslc_conn_set_connect_state(link->conn), link);
  sslc_bio_free(bio);
}

static void
open_link(const struct work *work, struct link *link)
{
  make_link(work, link, work->port, 0);
  need_conn(sslc_conn_set_hold_flight(link->conn, 1), link);
  if (session != NULL)
    need_conn(sslc_conn_set_session(link->conn, session), link);
  need_conn(sslc_conn_do_handshake(link->conn), link);
}

static void
end_link(struct link *link)
{
  sslc_conn_close(link->conn);
  sslc_conn_free(link->conn);
}

static void
read_block(struct link *link, char *block, size_t len)
{
  size_t n, done = 0;

  for (; done < len; done += n)
    need_conn(sslc_conn_read(link->conn, block + done, len - done, &n), link);
}

static void
write_block(struct link *link, const char *block, size_t len)
{
  size_t n, done = 0;

  for (; done < len; done += n)
    need_conn(sslc_conn_write(link->conn, block + done, len - done, &n), link);
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
begin_checked(struct work *work)
{
  make_ctx(work);
  need(sslc_ctx_set_signature_cache(ctx, 0) == SSLC_OK, "the switch");
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
exchange_and_keep_session(struct work *work, struct link *link)
{
  exchange(link, work->block, REQUEST_SIZE);
  sslc_session_free(session);
  session = sslc_conn_get1_session(link->conn);
  need(session != NULL, "there is no ticket");
  end_link(link);
}

static void
begin_resumed(struct work *work)
{
  struct link link;

  make_ctx(work);
  open_link(work, &link);
  exchange_and_keep_session(work, &link);
}

static void
resumed(struct work *work)
{
  struct link link;

  open_link(work, &link);
  need(sslc_conn_session_reused(link.conn), "it was not resumed");
  exchange_and_keep_session(work, &link);
}

/* A ticket for each connection: those that are new would come only behind the
 * answer to early data. */
static void
begin_early(struct work *work)
{
  size_t n = work->count + work->count / 8 + 1;
  struct link link;

  make_ctx(work);
  sessions = calloc(n, sizeof(*sessions));
  need(sessions != NULL, "calloc");
  while (session_count < n) {
    open_link(work, &link);
    exchange(&link, work->block, REQUEST_SIZE);
    sessions[session_count] = sslc_conn_get1_session(link.conn);
    need(sessions[session_count++] != NULL, "there is no ticket");
    end_link(&link);
  }
}

static void
write_early(struct link *link, const char *block, size_t len)
{
  size_t n;

  need(session_count > 0, "there is no ticket left");
  need_conn(sslc_conn_set_session(link->conn, sessions[--session_count]), link);
  sslc_session_free(sessions[session_count]);
  need_conn(sslc_conn_write_early_data(link->conn, block, len, &n), link);
  need(n == len, "early data cannot be sent");
}

/* The request goes with the ClientHello. */
static void
early(struct work *work)
{
  struct link link;

  make_link(work, &link, work->port, 0);
  need_conn(sslc_conn_set_hold_flight(link.conn, 1), &link);
  write_early(&link, work->block, REQUEST_SIZE);
  need_conn(sslc_conn_do_handshake(link.conn), &link);
  need(sslc_conn_early_data(link.conn) == SSLC_EARLY_DATA_ACCEPTED,
       "early data was not taken");
  read_block(&link, work->block, REQUEST_SIZE);
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
memory(struct work *work)
{
  struct link link;

  open_link(work, &link);
  if (work->param > 0)
    exchange(&link, work->block, REQUEST_SIZE);
  else
    need_conn(sslc_conn_flush(link.conn), &link);
}

/* ------------------------------------------------------------ many at once */

static void
remember(struct link *link)
{
  size_t fd = (size_t)link->fd, size = links_size;

  if (fd >= size) {
    links_size = fd * 2 + 64;
    links_by_fd = realloc(links_by_fd, links_size * sizeof(*links_by_fd));
    need(links_by_fd != NULL, "realloc");
  }
  links_by_fd[fd] = link;
}

static void
watch(struct link *link, int events)
{
  need(sslc_poller_set(poller, link->fd, events) == SSLC_OK, "poller_set");
}

static void
start_link(struct work *work, struct link *link, int port)
{
  make_link(work, link, port, 1);
  remember(link);
  watch(link, SSLC_WRITABLE);
}

/* 1 when this step brought the handshake to its end. */
static int
step_link(struct link *link)
{
  sslc_status status = sslc_conn_do_handshake(link->conn);

  if (status == SSLC_WANT_READ || status == SSLC_WANT_WRITE) {
    watch(link, status == SSLC_WANT_READ ? SSLC_READABLE : SSLC_WRITABLE);
    return 0;
  }
  need_conn(status, link);
  watch(link, 0);
  return link->is_done = 1;
}

/* Runs the loop until so many handshakes have been done in it. */
static void
run_until(size_t wanted)
{
  size_t i, n;
  int events;

  while (wanted > 0) {
    need(sslc_poller_wait(poller, SSLC_FOREVER, &n) == SSLC_OK, "poller_wait");
    for (i = 0; i < n; i++)
      if (step_link(links_by_fd[sslc_poller_ready(poller, i, &events)]))
        wanted--;
  }
}

static void
begin_many(struct work *work)
{
  make_ctx(work);
  poller = sslc_poller_new();
  need(poller != NULL, "the poller");
}

static struct link *
start_links(struct work *work, int port)
{
  struct link *links = calloc(work->param, sizeof *links);
  size_t i;

  need(links != NULL, "calloc");
  for (i = 0; i < work->param; i++)
    start_link(work, &links[i], port);
  return links;
}

static void
inflight(struct work *work)
{
  struct link *links = start_links(work, work->port);
  size_t i;

  run_until(work->param);
  for (i = 0; i < work->param; i++)
    end_link(&links[i]);
  free(links);
}

static void
begin_stalled(struct work *work)
{
  begin_many(work);
  start_links(work, work->stall_port);
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
  { "checked", begin_checked, full, 0 },
  { "first", make_ctx, first, 0 },
  { "fastopen", make_ctx, first, 0 },
  { "resumed", begin_resumed, resumed, 0 },
  { "early", begin_early, early, 0 },
  { "inflight", begin_many, inflight, 1 },
  { "stalled", begin_stalled, stalled, 0 },
  { "download", begin_stream, download, 0 },
  { "upload", begin_stream, upload, 0 },
  { "echo", begin_stream, echo, 0 },
  { "cold", NULL, cold, 0 },
  { "memory", make_ctx, memory, 0 },
  { NULL, NULL, NULL, 0 },
};

int
main(int argc, char **argv)
{
  return work_main(argc, argv, table);
}
