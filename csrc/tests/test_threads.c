/*
 * test_threads.c: many threads make connections from one context, and hold
 * and let go of it as they like.
 */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 8, CONNECTS = 12 };

static atomic_int unlocked; /* all threads begin at once */

struct worker {
  pthread_t thread;
  sslc_ctx *ctx; /* a reference of its own */
  int good, bad; /* ports */
  int done;      /* connects that came to what they should */
  char *failure; /* the first that did not */
};

static void
note_failure(struct worker *w, const char *what, const sslc_error *error)
{
  const char *text = error != NULL ? sslc_error_text(error) : "no error";
  size_t size = strlen(what) + strlen(text) + 3;

  if (w->failure != NULL)
    return;
  w->failure = malloc(size);
  if (w->failure == NULL)
    abort();
  strcpy(w->failure, what);
  strcat(w->failure, ": ");
  strcat(w->failure, text);
}

static int
echoes(sslc_conn *conn)
{
  int64_t deadline = sslc_deadline(PATIENCE);
  char buf[8];
  size_t n;

  return sslc_conn_write_wait(conn, "hello", 5, &n, deadline) == SSLC_OK &&
         sslc_conn_read_wait(conn, buf, sizeof buf, &n, deadline) ==
           SSLC_OK && n == 5 && memcmp(buf, "hello", 5) == 0;
}

static void
connect_good(struct worker *w)
{
  sslc_conn *conn;
  sslc_error *error;

  if (sslc_open_wait(w->ctx, "127.0.0.1", w->good, NULL, &conn, &error) !=
      SSLC_OK)
    note_failure(w, "a good server was refused", error);
  else if (!sslc_conn_is_verified(conn) || !echoes(conn))
    note_failure(w, "no echo", sslc_conn_error(conn));
  else
    w->done++;
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  sslc_error_free(error);
}

static void
connect_bad(struct worker *w)
{
  sslc_conn *conn;
  sslc_error *error;

  if (sslc_open_wait(w->ctx, "127.0.0.1", w->bad, NULL, &conn, &error) !=
        SSLC_ERR_VERIFY ||
      sslc_error_code(error) != SSLC_CODE_UNKNOWN_AUTHORITY)
    note_failure(w, "a bad server was not refused for what it is", error);
  else
    w->done++;
  sslc_conn_free(conn);
  sslc_error_free(error);
}

static void *
work(void *arg)
{
  struct worker *w = arg;
  int i;

  while (!atomic_load(&unlocked))
    ;
  for (i = 0; i < CONNECTS; i++) {
    sslc_ctx_up_ref(w->ctx);
    connect_good(w);
    connect_bad(w);
    sslc_ctx_free(w->ctx);
  }
  sslc_ctx_free(w->ctx);
  return NULL;
}

/* Frees the context before the threads are done with it. */
static void
run_workers(sslc_ctx *ctx, int good, int bad)
{
  struct worker workers[THREADS];
  size_t i;

  memset(workers, 0, sizeof workers);
  atomic_store(&unlocked, 0);
  for (i = 0; i < THREADS; i++) {
    workers[i].ctx = sslc_ctx_up_ref(ctx);
    workers[i].good = good;
    workers[i].bad = bad;
    assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
                                    &workers[i]), 0);
  }
  sslc_ctx_free(ctx);
  atomic_store(&unlocked, 1);
  for (i = 0; i < THREADS; i++)
    pthread_join(workers[i].thread, NULL);
  for (i = 0; i < THREADS; i++) {
    if (workers[i].failure != NULL)
      fail_msg("%s", workers[i].failure);
    assert_int_equal(workers[i].done, 2 * CONNECTS);
  }
}

static void
test_shared(sslc_ctx *ctx, const char *good_leaf, const char *bad_leaf)
{
  sslc_ctx *good_ctx = make_server_ctx(good_leaf);
  sslc_ctx *bad_ctx = make_server_ctx(bad_leaf);
  struct server *good = server_start(serve_echo, good_ctx);
  struct server *bad = server_start(serve_echo, bad_ctx);

  run_workers(ctx, server_port(good), server_port(bad));
  server_stop(good);
  server_stop(bad);
  sslc_ctx_free(good_ctx);
  sslc_ctx_free(bad_ctx);
}

static void
test_named_trust(void **state)
{
  (void)state;
  test_shared(make_client_ctx(), "good", "unknown");
}

/* The first of the threads loads it, for all. */
static void
test_system_trust(void **state)
{
  (void)state;
  test_shared(sslc_ctx_new(), "unknown", "good");
}

int
main(void)
{
  if (setenv("SSL_CERT_FILE", cert_path("otherca.pem"), 1) != 0 ||
      setenv("SSL_CERT_DIR", cert_path("no-such-directory"), 1) != 0)
    return EXIT_FAILURE;
  add_test("threads share a context with its own trust", test_named_trust,
           NULL);
  add_test("threads share a context with the system's trust",
           test_system_trust, NULL);
  return run_all("threads");
}
