/*
 * test_session_cache.c: connections that resume by themselves, what is kept
 * for them, and what is not.
 */
#include "internal.h"

#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------ connections */

struct world {
  sslc_ctx *client, *server;
};

static void
world_init(struct world *w, int version)
{
  w->client = make_client_ctx();
  w->server = make_server_ctx("good");
  assert_ok(sslc_ctx_set_max_version(w->client, version),
            sslc_ctx_error(w->client));
}

static void
world_free(struct world *w)
{
  sslc_ctx_free(w->client);
  sslc_ctx_free(w->server);
}

static void
begin_with(struct peers *p, sslc_ctx *client, sslc_ctx *server,
           const char *scope, const char *name)
{
  peers_init(p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server), name);
  assert_ok(sslc_conn_set_session_scope(p->client, scope),
            sslc_conn_error(p->client));
}

static void
begin(struct peers *p, const struct world *w)
{
  begin_with(p, w->client, w->server, "here:443", "localhost");
}

static void
finish(struct peers *p)
{
  assert_ok(shake(p), sslc_conn_error(p->client));
  assert_status(p->server_status, SSLC_OK, sslc_conn_error(p->server));
  send_through(p->server, p->client, "hello", 5);
}

/* Connects, reads, closes; whether it was resumed. */
static int
visit_with(sslc_ctx *client, sslc_ctx *server, const char *scope,
           const char *name)
{
  struct peers p;
  int reused;

  begin_with(&p, client, server, scope, name);
  finish(&p);
  reused = sslc_conn_session_reused(p.client);
  assert_int_equal(sslc_conn_session_reused(p.server), reused);
  assert_int_equal(sslc_conn_is_verified(p.client), !client->no_verify);
  peers_free(&p);
  return reused;
}

static int
visit(const struct world *w)
{
  return visit_with(w->client, w->server, "here:443", "localhost");
}

static sslc_ctx_statistics
stats(const sslc_ctx *ctx)
{
  sslc_ctx_statistics s = { .size = sizeof s };

  assert_int_equal(sslc_ctx_stats(ctx, &s), 1);
  return s;
}

/* ---------------------------------------------------------------- resuming */

static void
test_resumes(void **state)
{
  const int *version = *state;
  struct world w;
  sslc_ctx_statistics s;
  int i;

  world_init(&w, *version);
  assert_int_equal(visit(&w), 0);
  for (i = 0; i < 6; i++)
    assert_int_equal(visit(&w), 1);
  s = stats(w.client);
  assert_int_equal(s.connects, 7);
  assert_int_equal(s.offered, 6);
  assert_int_equal(s.resumed, 6);
  assert_int_equal(s.misses, 1);
  assert_int_equal(s.refused + s.failed + s.expired + s.dropped, 0);
  assert_true(s.kept >= 1 && s.kept <= 4);
  assert_int_equal(stats(w.server).connects, 0);
  world_free(&w);
}

/* It is not the close that makes a session good, and not the lack of one that
 * makes it bad. */
static void
test_truncated(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;

  world_init(&w, *version);
  begin(&p, &w);
  finish(&p);
  sslc_conn_free(p.server);
  p.server = NULL;
  expect_read(p.client, SSLC_ERR_EOF);
  peers_free(&p);
  assert_int_equal(visit(&w), 1);
  world_free(&w);
}

/* Two at the same time never show the same ticket; a third has none. */
static void
test_used_once(void **state)
{
  struct world w;
  struct peers p[3];
  const unsigned char *tickets[2];
  size_t lengths[2];
  int i;

  (void)state;
  world_init(&w, SSLC_TLS1_3);
  visit(&w); /* this server gives two */
  assert_int_equal(stats(w.client).kept, 2);
  for (i = 0; i < 3; i++) {
    begin(&p[i], &w);
    sslc_conn_do_handshake(p[i].client);
  }
  for (i = 0; i < 2; i++)
    SSL_SESSION_get0_ticket(p[i].client->session->session, &tickets[i],
                            &lengths[i]);
  assert_true(lengths[0] != lengths[1] ||
              memcmp(tickets[0], tickets[1], lengths[0]) != 0);
  assert_null(p[2].client->session);
  for (i = 0; i < 3; i++) {
    finish(&p[i]);
    assert_int_equal(sslc_conn_session_reused(p[i].client), i < 2);
    peers_free(&p[i]);
  }
  assert_int_equal(stats(w.client).misses, 2);
  world_free(&w);
}

/* In TLS 1.2 the same goes for any number, and the newest counts. */
static void
test_used_often(void **state)
{
  struct world w;
  struct peers p[3];
  int i;

  (void)state;
  world_init(&w, SSLC_TLS1_2);
  visit(&w);
  for (i = 0; i < 3; i++)
    begin(&p[i], &w);
  for (i = 0; i < 3; i++) {
    finish(&p[i]);
    assert_int_equal(sslc_conn_session_reused(p[i].client), 1);
    peers_free(&p[i]);
  }
  assert_int_equal(stats(w.client).kept, 1);
  world_free(&w);
}

static void
test_newest_first(void **state)
{
  struct world w;
  struct peers p;
  sslc_session *last = NULL, *next;

  (void)state;
  world_init(&w, SSLC_TLS1_3);
  visit(&w);
  begin(&p, &w);
  finish(&p);
  while ((next = sslc_conn_take_session(p.client)) != NULL) {
    sslc_session_free(last);
    last = next;
  }
  assert_non_null(last);
  peers_free(&p);
  begin(&p, &w);
  sslc_conn_do_handshake(p.client);
  assert_ptr_equal(p.client->session, last);
  peers_free(&p);
  sslc_session_free(last);
  world_free(&w);
}

/* ---------------------------------------------------- only for the same */

static void
test_apart(void **state)
{
  struct world w;
  sslc_ctx *other = make_client_ctx();

  (void)state;
  world_init(&w, SSLC_TLS1_2);
  assert_int_equal(visit(&w), 0);
  assert_int_equal(
    visit_with(w.client, w.server, "there:443", "localhost"), 0);
  assert_int_equal(
    visit_with(w.client, w.server, "here:443", "127.0.0.1"), 0);
  assert_int_equal(visit_with(other, w.server, "here:443", "localhost"), 0);
  /* Without a place nothing is offered or left. */
  assert_int_equal(visit_with(w.client, w.server, NULL, "localhost"), 0);
  assert_int_equal(visit_with(w.client, w.server, NULL, "localhost"), 0);
  assert_int_equal(visit(&w), 1);
  sslc_ctx_free(other);
  world_free(&w);
}

/* Neither way between a context that does not verify and one that does, and
 * unverified stays unverified. */
static void
test_insecure(void **state)
{
  const int *version = *state;
  struct world w, lax;

  world_init(&w, *version);
  world_init(&lax, *version);
  assert_ok(sslc_ctx_set_insecure_no_verify(lax.client, 1), NULL);
  visit(&lax);
  assert_int_equal(visit_with(lax.client, lax.server, "here:443", "localhost"),
                   1);
  assert_int_equal(visit_with(w.client, lax.server, "here:443", "localhost"),
                   0);
  world_free(&w);
  world_free(&lax);
}

/* A server that is not to be trusted leaves nothing behind. */
static void
test_unverified(void **state)
{
  const int *version = *state;
  struct world w;
  sslc_ctx *impostor = make_server_ctx("unknown");
  struct peers p;

  world_init(&w, *version);
  begin_with(&p, w.client, impostor, "here:443", "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_null(sslc_conn_take_session(p.client));
  peers_free(&p);
  assert_int_equal(stats(w.client).stored, 0);
  assert_int_equal(visit(&w), 0);
  sslc_ctx_free(impostor);
  world_free(&w);
}

/* Verified anew, whatever was offered: an impostor in the server's place gets
 * a full handshake, and what was kept is gone. */
static void
test_impostor(void **state)
{
  const int *version = *state;
  struct world w;
  sslc_ctx *impostor = make_server_ctx("unknown");
  struct peers p;

  world_init(&w, *version);
  visit(&w);
  begin_with(&p, w.client, impostor, "here:443", "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_UNKNOWN_AUTHORITY);
  peers_free(&p);
  assert_int_equal(stats(w.client).failed, 1);
  assert_int_equal(stats(w.client).kept, 0);
  assert_int_equal(visit(&w), 0);
  assert_int_equal(visit(&w), 1);
  sslc_ctx_free(impostor);
  world_free(&w);
}

/* -------------------------------------------------------- when it ends */

static void
test_refused(void **state)
{
  const int *version = *state;
  struct world w;
  sslc_ctx *renewed = make_server_ctx("good"); /* with other keys for tickets */

  world_init(&w, *version);
  visit(&w);
  assert_int_equal(visit_with(w.client, renewed, "here:443", "localhost"), 0);
  assert_int_equal(stats(w.client).refused, 1);
  assert_int_equal(visit_with(w.client, renewed, "here:443", "localhost"), 1);
  sslc_ctx_free(renewed);
  world_free(&w);
}

/* A fatal alert after the handshake: all that came on the connection goes. */
static void
test_fatal(void **state)
{
  static const char record[5 + 64] = "\x17\x03\x03\x00\x40";
  const int *version = *state;
  struct world w;
  struct peers p;
  size_t n;

  world_init(&w, *version);
  begin(&p, &w);
  finish(&p);
  assert_true(stats(w.client).kept > 0);
  assert_ok(sslc_bio_write(sslc_conn_wbio(p.server), record, sizeof record, &n),
            NULL);
  expect_read(p.client, SSLC_ERR_PROTO);
  assert_int_equal(stats(w.client).kept, 0);
  assert_true(stats(w.client).dropped > 0);
  assert_null(sslc_conn_take_session(p.client));
  peers_free(&p);
  assert_int_equal(visit(&w), 0);
  world_free(&w);
}

/* A handshake that breaks off with a session offered: the next is in full,
 * however many tickets there were. */
static void
test_no_lock_out(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;

  world_init(&w, *version);
  visit(&w);
  begin(&p, &w);
  sslc_conn_do_handshake(p.client);
  sslc_conn_free(p.server);
  p.server = NULL;
  assert_status(sslc_conn_do_handshake(p.client), SSLC_ERR_EOF, NULL);
  peers_free(&p);
  assert_int_equal(stats(w.client).failed, 1);
  assert_int_equal(visit(&w), 0);
  /* The same where this side gives up. */
  begin(&p, &w);
  sslc_conn_do_handshake(p.client);
  sslc_conn_close(p.client);
  peers_free(&p);
  assert_int_equal(stats(w.client).failed, 2);
  assert_int_equal(visit(&w), 0);
  assert_int_equal(visit(&w), 1);
  world_free(&w);
}

/* TLS 1.3: the client is done when the server refuses its lack of a
 * certificate. */
static void
test_client_refused(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;

  world_init(&w, *version);
  assert_ok(sslc_ctx_load_verify_file(w.server, cert_path("ca.pem")), NULL);
  assert_ok(sslc_ctx_set_verify_client(w.server, SSLC_VERIFY_CLIENT_REQUIRED),
            NULL);
  begin(&p, &w);
  shake(&p);
  if (p.client_status == SSLC_OK)
    expect_read(p.client, SSLC_ERR_ALERT);
  assert_code(sslc_conn_error(p.client),
              SSLC_CODE_CLIENT_CERTIFICATE_REQUIRED);
  peers_free(&p);
  assert_int_equal(stats(w.client).kept, 0);
  world_free(&w);
}

/* What a hook chose may be chosen otherwise the next time. */
static void
test_chosen_certificate(void **state)
{
  const int *version = *state;
  sslc_ctx *identity = make_server_ctx("client");
  struct world w;
  struct peers p;
  int i;

  world_init(&w, *version);
  assert_ok(sslc_ctx_set_x509_lookup(w.client, 1), NULL);
  assert_int_equal(visit(&w), 0);
  assert_int_equal(visit(&w), 1); /* nobody asked for a certificate */
  sslc_ctx *asking = make_server_ctx("good");
  assert_ok(sslc_ctx_load_verify_file(asking, cert_path("ca.pem")), NULL);
  assert_ok(sslc_ctx_set_verify_client(asking, SSLC_VERIFY_CLIENT_REQUIRED),
            NULL);
  for (i = 0; i < 2; i++) {
    begin_with(&p, w.client, asking, "asking:443", "localhost");
    assert_status(shake(&p), SSLC_WANT_X509_LOOKUP, NULL);
    assert_ok(sslc_conn_answer_x509_lookup(p.client, identity), NULL);
    finish(&p);
    assert_int_equal(sslc_conn_session_reused(p.client), 0);
    peers_free(&p);
  }
  sslc_ctx_free(asking);
  sslc_ctx_free(identity);
  world_free(&w);
}

/* ------------------------------------------------------------------- age */

/* The one that is kept, where there is room for one. */
static sslc_session *
newest(const struct world *w)
{
  assert_int_equal(w->client->sessions->count, 1);
  return w->client->sessions->newest->session;
}

/* Each of what ends a session's time, set on the one that is kept. */
static void
test_expires(void **state)
{
  const int *version = *state;
  struct world w;
  int64_t now = (int64_t)time(NULL);

  world_init(&w, *version);
  assert_ok(sslc_ctx_set_session_cache(w.client, 1, 60), NULL);
  visit(&w);
  newest(&w)->verified_at = now - 61;
  assert_int_equal(visit(&w), 0);
  newest(&w)->good_until = now - 1; /* a certificate has expired */
  assert_int_equal(visit(&w), 0);
  newest(&w)->generation--;
  assert_int_equal(visit(&w), 0);
  compat_session_set_time(newest(&w)->session, now - 8 * 24 * 3600);
  assert_int_equal(visit(&w), 0);
  assert_int_equal(stats(w.client).expired, 4);
  assert_int_equal(visit(&w), 1);
  world_free(&w);
}

/* A renewed session stands for the verification that the first one was. */
static void
test_inherits(void **state)
{
  const int *version = *state;
  struct world w;
  int64_t then = (int64_t)time(NULL) - 30, until = then + 1000;
  sslc_session *first;

  world_init(&w, *version);
  assert_ok(sslc_ctx_set_session_cache(w.client, 1, 60), NULL);
  visit(&w);
  first = newest(&w);
  assert_true(first->good_until > until);
  first->verified_at = then;
  first->good_until = until;
  assert_int_equal(visit(&w), 1);
  assert_int_equal(newest(&w)->verified_at, then);
  assert_int_equal(newest(&w)->good_until, until);
  assert_true(*version == SSLC_TLS1_2 || newest(&w) != first);
  world_free(&w);
}

/* An explicit one that is too old is left out, and nothing is wrong. */
static void
test_explicit(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;
  sslc_session *session;
  int reused;

  world_init(&w, *version);
  begin_with(&p, w.client, w.server, NULL, "localhost");
  finish(&p);
  session = sslc_conn_get1_session(p.client);
  peers_free(&p);
  for (reused = 1; reused >= 0; reused--) {
    begin_with(&p, w.client, w.server, NULL, "localhost");
    assert_ok(sslc_conn_set_session(p.client, session), NULL);
    finish(&p);
    assert_int_equal(sslc_conn_session_reused(p.client), reused);
    peers_free(&p);
    session->good_until = (int64_t)time(NULL) - 1;
  }
  sslc_session_free(session);
  world_free(&w);
}

/* ---------------------------------------------------------------- bounds */

static void
test_bounds(void **state)
{
  struct world w;
  char scope[32];
  int i;

  (void)state;
  world_init(&w, SSLC_TLS1_3);
  assert_ok(sslc_ctx_set_session_cache(w.client, 5, 0), NULL);
  for (i = 0; i < 4; i++) {
    snprintf(scope, sizeof scope, "host:%d", i);
    visit_with(w.client, w.server, scope, "localhost");
  }
  assert_int_equal(stats(w.client).kept, 5);
  assert_int_equal(stats(w.client).evicted, 3);
  assert_int_equal(visit_with(w.client, w.server, "host:0", "localhost"), 0);
  assert_int_equal(visit_with(w.client, w.server, "host:3", "localhost"), 1);
  world_free(&w);
}

static void
test_one_place(void **state)
{
  struct world w;
  struct peers p[3];
  size_t i;

  (void)state;
  world_init(&w, SSLC_TLS1_3);
  for (i = 0; i < COUNT(p); i++) {
    begin(&p[i], &w);
    assert_ok(shake(&p[i]), sslc_conn_error(p[i].client));
  }
  for (i = 0; i < COUNT(p); i++)
    send_through(p[i].server, p[i].client, "hello", 5);
  assert_int_equal(stats(w.client).stored, 6);
  assert_int_equal(stats(w.client).kept, 4);
  for (i = 0; i < COUNT(p); i++)
    peers_free(&p[i]);
  world_free(&w);
}

static void
test_off(void **state)
{
  const int *version = *state;
  struct world w;
  struct peers p;
  sslc_session *session;

  world_init(&w, *version);
  assert_ok(sslc_ctx_set_session_cache(w.client, 0, 0), NULL);
  visit(&w);
  begin(&p, &w);
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 0);
  /* What came is there for who keeps it. */
  session = sslc_conn_take_session(p.client);
  assert_non_null(session);
  sslc_session_free(session);
  peers_free(&p);
  assert_int_equal(stats(w.client).stored, 0);
  world_free(&w);
}

static void
test_take(void **state)
{
  struct world w;
  struct peers p;
  sslc_session *session;
  size_t i;

  (void)state;
  world_init(&w, SSLC_TLS1_3);
  begin(&p, &w);
  assert_null(sslc_conn_take_session(p.client));
  finish(&p);
  assert_null(sslc_conn_take_session(p.server));
  for (i = 0; i < 2; i++) {
    session = sslc_conn_take_session(p.client);
    assert_non_null(session);
    sslc_session_free(session);
  }
  assert_null(sslc_conn_take_session(p.client));
  assert_null(sslc_conn_take_session(NULL));
  peers_free(&p);
  world_free(&w);
}

/* ---------------------------------------------------------------- misuse */

static void
test_misuse(void **state)
{
  struct world w;
  struct peers p;
  sslc_ctx_statistics s = { .size = 8 };

  (void)state;
  world_init(&w, SSLC_TLS1_3);
  assert_int_equal(sslc_ctx_stats(w.client, &s), 0);
  assert_int_equal(sslc_ctx_stats(w.client, NULL), 0);
  s.size = sizeof s;
  assert_int_equal(sslc_ctx_stats(NULL, &s), 0);
  begin(&p, &w);
  sslc_conn_do_handshake(p.client);
  assert_status(sslc_conn_set_session_scope(p.client, "x"), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_status(sslc_ctx_set_session_cache(w.client, 1, 1), SSLC_ERR_STATE,
                sslc_ctx_error(w.client));
  peers_free(&p);
  assert_int_equal(sslc_conn_set_session_scope(NULL, "x"), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_set_session_cache(NULL, 1, 1), SSLC_ERR_ARG);
  world_free(&w);
}

static void
check_bad(size_t size, int64_t lifetime)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_status(sslc_ctx_set_session_cache(ctx, size, lifetime),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "session_cache");
  sslc_ctx_free(ctx);
}

static void
test_bad_settings(void **state)
{
  (void)state;
  check_bad(1000001, 0);
  check_bad(SIZE_MAX, 0);
  check_bad(1, -1);
  check_bad(1, 7 * 24 * 3600 + 1);
}

/* The handshake is refused for want of a name, which then comes. */
static void
test_begun_twice(void **state)
{
  struct world w;
  struct peers p;

  (void)state;
  world_init(&w, SSLC_TLS1_3);
  visit(&w);
  begin_with(&p, w.client, w.server, "here:443", NULL);
  assert_status(sslc_conn_do_handshake(p.client), SSLC_ERR_ARG,
                sslc_conn_error(p.client));
  assert_ok(sslc_conn_set_server_name(p.client, "localhost"), NULL);
  finish(&p);
  assert_int_equal(sslc_conn_session_reused(p.client), 1);
  peers_free(&p);
  world_free(&w);
}

/* ---------------------------------------------------------------- threads */

enum { THREADS = 4, VISITS = 8 };

static void *
visit_often(void *arg)
{
  size_t i;

  for (i = 0; i < VISITS; i++)
    visit(arg);
  return NULL;
}

static void
test_threads(void **state)
{
  struct world w;
  pthread_t threads[THREADS];
  sslc_ctx_statistics s;
  size_t i;

  (void)state;
  world_init(&w, SSLC_TLS1_3);
  assert_ok(sslc_ctx_set_session_cache(w.client, 3, 0), NULL);
  for (i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, visit_often, &w), 0);
  for (i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  s = stats(w.client);
  assert_int_equal(s.connects, THREADS * VISITS);
  assert_int_equal(s.offered, s.resumed);
  assert_int_equal(s.offered + s.misses, THREADS * VISITS);
  assert_true(s.kept <= 3);
  world_free(&w);
}

int
main(void)
{
  static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };
  static const struct {
    const char *test;
    CMUnitTestFunction function;
  } both[] = {
    { "the second connection resumes", test_resumes },
    { "an end without close_notify leaves the session", test_truncated },
    { "what was not verified resumes only as that", test_insecure },
    { "a server that is not trusted leaves none", test_unverified },
    { "an impostor is verified in full", test_impostor },
    { "a server that does not know it shakes hands in full", test_refused },
    { "a connection that fails takes its sessions with it", test_fatal },
    { "a handshake that fails with it makes the next a full one",
      test_no_lock_out },
    { "a client that was refused keeps none", test_client_refused },
    { "with a certificate that a hook chose none is kept",
      test_chosen_certificate },
    { "a session has its time", test_expires },
    { "a renewed one is as old as its verification", test_inherits },
    { "one that was given and is too old is left out", test_explicit },
    { "it can be off", test_off },
  };
  size_t i, v;

  for (i = 0; i < COUNT(both); i++)
    for (v = 0; v < COUNT(versions); v++)
      add_test(both[i].test, both[i].function, &versions[v]);
  add_test("a ticket of TLS 1.3 is used once", test_used_once, NULL);
  add_test("a session of TLS 1.2 is used by many", test_used_often, NULL);
  add_test("the newest goes first", test_newest_first, NULL);
  add_test("places, names and contexts are kept apart", test_apart, NULL);
  add_test("the cache is bounded", test_bounds, NULL);
  add_test("each place has its few", test_one_place, NULL);
  add_test("sessions that came are taken one by one", test_take, NULL);
  add_test("what is no use of it is an error", test_misuse, NULL);
  add_test("settings that make no sense are refused", test_bad_settings, NULL);
  add_test("a handshake that is begun twice", test_begun_twice, NULL);
  add_test("threads share it", test_threads, NULL);
  return run_all("session_cache");
}
