/*
 * test_ssl_overview.c: what ssl(7), bio(7) and SSL_CTX_new(3) say that holds
 * for a handshake, a test a sentence, in their order; and handshakes in many
 * threads.  Which sentence each is tells docs/ssl_connect.md.
 */
#include "support_handshake.h"

#include <string.h>

/* ---------------------------------------------------------------- ssl(7) */

/* Several at once, each at another point. */
static void
test_one_context(void **state)
{
  enum { MANY = 5 };
  sslc_ctx *client = kind_client(&tls13), *server = kind_server(&tls13);
  struct wire wires[MANY];
  size_t i;

  (void)state;
  for (i = 0; i < MANY; i++) {
    wire_init(&wires[i], sslc_ctx_up_ref(client), sslc_ctx_up_ref(server),
              "localhost");
    if (i % 2 == 0)
      sslc_conn_connect(wires[i].client);
  }
  sslc_ctx_free(client);
  sslc_ctx_free(server);
  for (i = MANY; i-- > 0;)
    assert_ok(wire_shake(&wires[i], 100), sslc_conn_error(wires[i].client));
  for (i = 0; i < MANY; i++) {
    check_kind(wires[i].client, wires[i].server, &tls13);
    wire_free(&wires[i]);
  }
}

/* The life of a connection in the page's order. */
static void
test_life(void **state)
{
  struct peers p;
  char byte;
  size_t n;

  (void)state;
  peers_connect(&p);
  send_through(p.client, p.server, "to the server", 13);
  send_through(p.server, p.client, "to the client", 13);
  assert_status(sslc_conn_shutdown(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_status(sslc_conn_read(p.server, &byte, 1, &n), SSLC_CLOSED,
                sslc_conn_error(p.server));
  assert_ok(sslc_conn_shutdown(p.server), sslc_conn_error(p.server));
  assert_ok(sslc_conn_shutdown(p.client), sslc_conn_error(p.client));
  peers_free(&p);
}

/* ---------------------------------------------------------------- bio(7) */

/* One pair for each direction: what is read comes from one BIO, what is
 * written goes to another. */
static void
test_two_bios(void **state)
{
  struct peers p;
  sslc_bio *up1, *up2, *down1, *down2;

  (void)state;
  peers_init(&p, kind_client(&tls13), kind_server(&tls13), "localhost");
  assert_int_equal(sslc_bio_new_pair(&up1, 0, &up2, 0), SSLC_OK);
  assert_int_equal(sslc_bio_new_pair(&down1, 0, &down2, 0), SSLC_OK);
  assert_ok(sslc_conn_set_bio(p.client, down2, up1),
            sslc_conn_error(p.client));
  assert_ok(sslc_conn_set_bio(p.server, up2, down1),
            sslc_conn_error(p.server));
  assert_ok(shake(&p), sslc_conn_error(p.client));
  check_kind(p.client, p.server, &tls13);
  assert_int_equal(sslc_bio_pending(up1), 0);
  assert_int_equal(sslc_bio_pending(down1), 0);
  sslc_bio_free(up1);
  sslc_bio_free(up2);
  sslc_bio_free(down1);
  sslc_bio_free(down2);
  peers_free(&p);
}

/* The caller's reference may go at any time, also in the middle. */
static void
test_bio_freed(void **state)
{
  struct wire w;
  sslc_bio *mine;

  (void)state;
  wire_init_kind(&w, &tls13, 0);
  mine = sslc_bio_up_ref(sslc_conn_rbio(w.client));
  assert_status(sslc_conn_connect(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  sslc_bio_free(mine);
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  wire_free(&w);
}

/* -------------------------------------------------------- SSL_CTX_new(3) */

static void
test_verifies(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("unknown"), "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_UNKNOWN_AUTHORITY);
  peers_free(&p);
}

static void
test_purpose(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("clientonly"),
             "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_UNSUITABLE_CERTIFICATE);
  peers_free(&p);
}

/* One context for both sides: TLS_method(3). */
static void
test_generic(void **state)
{
  sslc_ctx *ctx = make_server_ctx("good");
  struct peers p;

  (void)state;
  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")),
            sslc_ctx_error(ctx));
  peers_init(&p, sslc_ctx_up_ref(ctx), ctx, "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  peers_free(&p);
}

static const struct versions {
  const char *test;
  int min, max; /* the client's */
  const char *agreed;
} versions[] = {
  { "the highest version that both have is agreed on", 0, 0, "TLSv1.3" },
  { "the versions can be limited from above", 0, SSLC_TLS1_2, "TLSv1.2" },
  { "the versions can be limited from below", SSLC_TLS1_3, 0, "TLSv1.3" },
};

static void
test_versions(void **state)
{
  const struct versions *row = *state;
  sslc_ctx *ctx = make_client_ctx();
  struct peers p;

  assert_ok(sslc_ctx_set_min_version(ctx, row->min), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_version(ctx, row->max), sslc_ctx_error(ctx));
  peers_init(&p, ctx, make_server_ctx("good"), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(sslc_conn_version(p.client), row->agreed);
  peers_free(&p);
}

/* --------------------------------------------------------------- threads */

enum { THREADS = 4, HANDSHAKES = 25 };

struct worker {
  pthread_t thread;
  sslc_ctx *client, *server; /* shared by all */
  int done;
};

/* A thread must not assert, so each step is only looked at. */
static int
shake_quietly(sslc_conn *client, sslc_conn *server)
{
  sslc_status c, s;

  do {
    c = sslc_conn_connect(client);
    s = sslc_conn_accept(server);
  } while ((is_want(c) || is_want(s)) && c >= 0 && s >= 0);
  return c == SSLC_OK && s == SSLC_OK && sslc_conn_is_verified(client);
}

static int
one_handshake(const struct worker *w)
{
  sslc_conn *client = sslc_conn_new(w->client);
  sslc_conn *server = sslc_conn_new(w->server);
  sslc_bio *near, *far;
  int done = 0;

  if (sslc_bio_new_pair(&near, 0, &far, 0) == SSLC_OK)
    done = sslc_conn_set_bio(client, near, near) == SSLC_OK &&
           sslc_conn_set_bio(server, far, far) == SSLC_OK &&
           sslc_conn_set_server_name(client, "localhost") == SSLC_OK &&
           shake_quietly(client, server);
  sslc_bio_free(near);
  sslc_bio_free(far);
  sslc_conn_free(client);
  sslc_conn_free(server);
  return done;
}

static void *
work(void *arg)
{
  struct worker *w = arg;
  int i;

  for (i = 0; i < HANDSHAKES; i++)
    w->done += one_handshake(w);
  return NULL;
}

static void
test_threads(void **state)
{
  const struct kind *kind = *state;
  sslc_ctx *client = kind_client(kind), *server = kind_server(kind);
  struct worker workers[THREADS];
  size_t i;

  for (i = 0; i < THREADS; i++) {
    workers[i].client = client;
    workers[i].server = server;
    workers[i].done = 0;
    assert_int_equal(pthread_create(&workers[i].thread, NULL, work,
                                    &workers[i]), 0);
  }
  for (i = 0; i < THREADS; i++) {
    pthread_join(workers[i].thread, NULL);
    assert_int_equal(workers[i].done, HANDSHAKES);
  }
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

/* One step, in a thread of its own. */
static void *
step(void *conn)
{
  sslc_conn_do_handshake(conn);
  return NULL;
}

static sslc_status
step_elsewhere(sslc_conn *conn)
{
  pthread_t thread;

  assert_int_equal(pthread_create(&thread, NULL, step, conn), 0);
  pthread_join(thread, NULL);
  return sslc_conn_last_status(conn);
}

/* SSL_get_error(3) wants the thread of the call; so it is asked in there, and
 * the connection may go from thread to thread between two steps. */
static void
test_from_thread_to_thread(void **state)
{
  struct wire w;
  sslc_status client, server;

  (void)state;
  wire_init_kind(&w, &tls13_cert, 0);
  do {
    leave_errors();
    client = step_elsewhere(w.client);
    server = step_elsewhere(w.server);
  } while (wire_move(&w, 200) || is_want(client) || is_want(server));
  count_errors();
  assert_ok(client, sslc_conn_error(w.client));
  check_kind(w.client, w.server, &tls13_cert);
  wire_free(&w);
}

int
main(void)
{
  size_t i;

  add_test("one context makes many connections", test_one_context, NULL);
  add_test("after the handshake data is read, written and shut down",
           test_life, NULL);
  add_test("a connection reads from one BIO and writes to another",
           test_two_bios, NULL);
  add_test("a BIO may be let go of in the middle", test_bio_freed, NULL);
  add_test("a server is verified unless that is switched off", test_verifies,
           NULL);
  add_test("a certificate is for the purpose it is used for", test_purpose,
           NULL);
  add_test("one context serves both kinds of connection", test_generic, NULL);
  for (i = 0; i < COUNT(versions); i++)
    add_test(versions[i].test, test_versions, &versions[i]);
  add_test("many threads shake hands from one context, TLS 1.3", test_threads,
           &tls13_cert);
  add_test("many threads shake hands from one context, TLS 1.2", test_threads,
           &tls12_cert);
  add_test("a handshake goes on in another thread", test_from_thread_to_thread,
           NULL);
  return run_all("ssl_overview");
}
