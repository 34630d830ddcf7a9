/*
 * test_handshake.c: how a handshake goes on, in whatever pieces it comes, what
 * it agrees on, and how it ends early.  SSL_do_handshake(3), RFC 8446.
 */
#include "support.h"

#include <string.h>

static sslc_ctx *
client_ctx_of(int min, int max)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_min_version(ctx, min), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_version(ctx, max), sslc_ctx_error(ctx));
  return ctx;
}

static sslc_ctx *
server_ctx_of(int min, int max)
{
  sslc_ctx *ctx = make_server_ctx("good");

  assert_ok(sslc_ctx_set_min_version(ctx, min), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_version(ctx, max), sslc_ctx_error(ctx));
  return ctx;
}

/* ----------------------------------------------------------------- pieces */

static const struct pieces {
  const char *test;
  int max_version;
  size_t most;
} pieces[] = {
  { "TLS 1.3 one byte at a time", SSLC_TLS1_3, 1 },
  { "TLS 1.2 one byte at a time", SSLC_TLS1_2, 1 },
  { "TLS 1.3 in small random pieces", SSLC_TLS1_3, 7 },
  { "TLS 1.2 in small random pieces", SSLC_TLS1_2, 7 },
  { "TLS 1.3 in large random pieces", SSLC_TLS1_3, 700 },
  { "TLS 1.2 in large random pieces", SSLC_TLS1_2, 700 },
};

static void
test_pieces(void **state)
{
  const struct pieces *row = *state;
  struct wire w;
  char buf[16];
  size_t n;

  wire_init(&w, client_ctx_of(0, row->max_version), make_server_ctx("good"),
            "localhost");
  assert_ok(wire_shake(&w, row->most), sslc_conn_error(w.client));
  assert_int_equal(sslc_conn_is_connected(w.server), 1);
  assert_ok(sslc_conn_write(w.server, "hello", 5, &n),
            sslc_conn_error(w.server));
  while (sslc_conn_read(w.client, buf, sizeof buf, &n) == SSLC_WANT_READ)
    assert_true(wire_move(&w, row->most));
  assert_int_equal(n, 5);
  wire_free(&w);
}

/* Halves that hold one byte: each side waits to write as well. */
static void
test_narrow(void **state)
{
  struct peers p;
  sslc_bio *bio1, *bio2;
  char buf[16];
  size_t n;
  int rounds = 1000;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_int_equal(sslc_bio_new_pair(&bio1, 1, &bio2, 1), SSLC_OK);
  assert_ok(sslc_conn_set_bio(p.client, bio1, bio1),
            sslc_conn_error(p.client));
  assert_ok(sslc_conn_set_bio(p.server, bio2, bio2),
            sslc_conn_error(p.server));
  sslc_bio_free(bio1);
  sslc_bio_free(bio2);
  do {
    shake(&p);
    /* The server is not done before its tickets are on their way. */
    if (p.client_status == SSLC_OK)
      assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n),
                    SSLC_WANT_READ, sslc_conn_error(p.client));
    assert_true(--rounds > 0);
  } while (is_want(p.client_status) || is_want(p.server_status));
  assert_ok(p.client_status, sslc_conn_error(p.client));
  assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
  peers_free(&p);
}

static void
test_want_write(void **state)
{
  sslc_bio *bio1, *bio2;
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_int_equal(sslc_bio_new_pair(&bio1, 1, &bio2, 1), SSLC_OK);
  assert_ok(sslc_conn_set_bio(p.client, bio1, bio1),
            sslc_conn_error(p.client));
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_WRITE,
                sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_last_status(p.client), SSLC_WANT_WRITE);
  assert_int_equal(sslc_conn_last_return(p.client), -1);
  assert_int_equal(sslc_conn_ssl_error(p.client), 3);
  sslc_bio_free(bio1);
  sslc_bio_free(bio2);
  peers_free(&p);
}

static void
test_want_read(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_status(sslc_conn_accept(p.server), SSLC_WANT_READ,
                sslc_conn_error(p.server));
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_null(sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_last_status(p.client), SSLC_WANT_READ);
  assert_int_equal(sslc_conn_last_return(p.client), -1);
  assert_int_equal(sslc_conn_ssl_error(p.client), 2);
  assert_int_equal(sslc_conn_is_connected(p.client), 0);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_last_return(p.client), 1);
  assert_int_equal(sslc_conn_ssl_error(p.client), 0);
  assert_ok(sslc_conn_connect(p.client), sslc_conn_error(p.client));
  assert_ok(sslc_conn_do_handshake(p.client), sslc_conn_error(p.client));
  peers_free(&p);
}

/* --------------------------------------------------------------- versions */

static const struct versions {
  const char *test;
  int client_min, client_max, server_min, server_max;
  const char *agreed; /* NULL: none */
} versions[] = {
  { "the newest version is agreed on", 0, 0, 0, 0, "TLSv1.3" },
  { "a client of TLS 1.2 gets it", 0, SSLC_TLS1_2, 0, 0, "TLSv1.2" },
  { "a server of TLS 1.2 gets it", 0, 0, 0, SSLC_TLS1_2, "TLSv1.2" },
  { "two of TLS 1.3 only get it", SSLC_TLS1_3, SSLC_TLS1_3, SSLC_TLS1_3,
    SSLC_TLS1_3, "TLSv1.3" },
  { "a server that is too old is refused", SSLC_TLS1_3, 0, 0, SSLC_TLS1_2,
    NULL },
  { "a client that is too old is refused", 0, SSLC_TLS1_2, SSLC_TLS1_3, 0,
    NULL },
};

static void
test_versions(void **state)
{
  const struct versions *v = *state;
  struct peers p;

  peers_init(&p, client_ctx_of(v->client_min, v->client_max),
             server_ctx_of(v->server_min, v->server_max), "localhost");
  shake(&p);
  if (v->agreed != NULL) {
    assert_ok(p.client_status, sslc_conn_error(p.client));
    assert_string_equal(sslc_conn_version(p.client), v->agreed);
    assert_string_equal(sslc_conn_version(p.server), v->agreed);
  } else {
    assert_code(sslc_conn_error(p.client), SSLC_CODE_PROTOCOL_VERSION);
    assert_code(sslc_conn_error(p.server), SSLC_CODE_PROTOCOL_VERSION);
    assert_phase(sslc_conn_error(p.client), SSLC_PHASE_HANDSHAKE);
    assert_null(sslc_conn_version(p.client));
  }
  peers_free(&p);
}

/* ------------------------------------------------------------------- ALPN */

static const struct alpn {
  const char *test;
  const char *client[3], *server[3];
  const char *agreed; /* NULL: none */
  int fails;
} alpns[] = {
  { "the one protocol in common is agreed on", { "h2", "http/1.1" },
    { "http/1.1" }, "http/1.1", 0 },
  { "the server's preference counts", { "h2", "http/1.1" },
    { "http/1.1", "h2" }, "http/1.1", 0 },
  { "no protocol in common ends the handshake", { "h2" }, { "http/1.1" }, NULL,
    1 },
  { "a part of a name is not the name", { "http/1.1" }, { "http/1" }, NULL,
    1 },
  { "a server without protocols ignores the client's", { "h2" }, { NULL },
    NULL, 0 },
  { "a client without protocols gets none", { NULL }, { "h2" }, NULL, 0 },
};

static void
set_alpn(sslc_ctx *ctx, const char *const *names)
{
  size_t n = 0;

  while (names[n] != NULL)
    n++;
  assert_ok(sslc_ctx_set_alpn(ctx, names, n), sslc_ctx_error(ctx));
}

static void
check_no_alpn(struct peers *p)
{
  const sslc_error *err = sslc_conn_error(p->client);

  assert_code(err, SSLC_CODE_NO_SHARED_PARAMETERS);
  assert_int_equal(sslc_error_alert(err), 120);
  assert_string_equal(sslc_error_alert_name(err), "no_application_protocol");
  assert_code(sslc_conn_error(p->server), SSLC_CODE_NO_SHARED_PARAMETERS);
}

static void
test_alpn(void **state)
{
  const struct alpn *row = *state;
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");
  struct peers p;

  set_alpn(client, row->client);
  set_alpn(server, row->server);
  peers_init(&p, client, server, "localhost");
  shake(&p);
  if (row->fails) {
    check_no_alpn(&p);
  } else if (row->agreed != NULL) {
    assert_string_equal(sslc_conn_alpn(p.client), row->agreed);
    assert_string_equal(sslc_conn_alpn(p.server), row->agreed);
  } else {
    assert_ok(p.client_status, sslc_conn_error(p.client));
    assert_null(sslc_conn_alpn(p.client));
    assert_null(sslc_conn_alpn(p.server));
  }
  peers_free(&p);
}

/* -------------------------------------------------------------- early ends */

/* It is told apart whether the stream ended or close_notify came. */
static void
check_handshake_eof(sslc_conn *conn, int close_notify)
{
  int again;

  for (again = 0; again < 2; again++) {
    assert_status(sslc_conn_do_handshake(conn), SSLC_ERR_EOF,
                  sslc_conn_error(conn));
    assert_code(sslc_conn_error(conn), SSLC_CODE_HANDSHAKE_EOF);
    assert_phase(sslc_conn_error(conn), SSLC_PHASE_HANDSHAKE);
  }
  assert_int_equal(strstr(sslc_error_message(sslc_conn_error(conn)),
                          "close_notify") != NULL, close_notify);
  assert_int_equal(sslc_conn_is_connected(conn), 0);
  assert_int_equal(sslc_conn_is_verified(conn), 0);
}

static sslc_ctx *
lenient_client_ctx(int lenient)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_lenient_eof(ctx, lenient), sslc_ctx_error(ctx));
  return ctx;
}

static void
test_eof_first(void **state)
{
  const int *lenient = *state;
  struct wire w;

  wire_init(&w, lenient_client_ctx(*lenient), make_server_ctx("good"),
            "localhost");
  assert_ok(sslc_bio_shutdown_wr(w.to_client), sslc_bio_error(w.to_client));
  assert_ok(sslc_bio_shutdown_wr(w.to_server), sslc_bio_error(w.to_server));
  check_handshake_eof(w.client, 0);
  check_handshake_eof(w.server, 0);
  wire_free(&w);
}

/* The server's first flight up to `cut`, then the end. */
static void
cut_answer(struct wire *w, size_t cut)
{
  char buf[8192];
  size_t n;

  assert_status(sslc_conn_connect(w->client), SSLC_WANT_READ,
                sslc_conn_error(w->client));
  assert_ok(sslc_bio_read(w->to_client, buf, sizeof buf, &n),
            sslc_bio_error(w->to_client));
  inject(w->to_server, buf, n);
  sslc_conn_accept(w->server);
  assert_ok(sslc_bio_read(w->to_server, buf, cut, &n),
            sslc_bio_error(w->to_server));
  assert_int_equal(n, cut);
  inject(w->to_client, buf, n);
  assert_ok(sslc_bio_shutdown_wr(w->to_client), sslc_bio_error(w->to_client));
}

static void
test_eof_anywhere(void **state)
{
  const int *lenient = *state;
  struct wire w;
  size_t cut;

  for (cut = 1; cut < 300; cut += 13) {
    wire_init(&w, lenient_client_ctx(*lenient), make_server_ctx("good"),
              "localhost");
    cut_answer(&w, cut);
    check_handshake_eof(w.client, 0);
    wire_free(&w);
  }
}

/* In the clear, so that of a server only TLS 1.2 takes it. */
static void
test_close_notify(void **state)
{
  const int *lenient = *state;
  static const unsigned char close_notify[] = { 0x15, 3, 3, 0, 2, 1, 0 };
  sslc_ctx *server = server_ctx_of(0, SSLC_TLS1_2);
  struct wire w;

  assert_ok(sslc_ctx_set_lenient_eof(server, *lenient),
            sslc_ctx_error(server));
  wire_init(&w, lenient_client_ctx(*lenient), server, "localhost");
  assert_status(sslc_conn_connect(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  while (wire_move(&w, 1000))
    ;
  assert_status(sslc_conn_accept(w.server), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  inject(w.to_client, close_notify, sizeof close_notify);
  inject(w.to_server, close_notify, sizeof close_notify);
  check_handshake_eof(w.client, 1);
  check_handshake_eof(w.server, 1);
  wire_free(&w);
}

/* ---------------------------------------------------------- the server name */

static void
test_no_name(void **state)
{
  struct wire w;

  (void)state;
  wire_init(&w, make_client_ctx(), make_server_ctx("good"), NULL);
  assert_status(sslc_conn_connect(w.client), SSLC_ERR_ARG,
                sslc_conn_error(w.client));
  assert_code(sslc_conn_error(w.client), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(w.client)), "server_name");
  assert_int_equal(drop(w.to_client), 0);
  assert_status(sslc_conn_do_handshake(w.client), SSLC_ERR_ARG,
                sslc_conn_error(w.client));
  assert_int_equal(drop(w.to_client), 0);
  assert_ok(sslc_conn_set_server_name(w.client, "localhost"),
            sslc_conn_error(w.client));
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  assert_int_equal(sslc_conn_is_verified(w.client), 1);
  wire_free(&w);
}

/* The name is not looked at, but the chain is. */
static void
test_no_name_no_check(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  struct peers p;

  (void)state;
  assert_ok(sslc_ctx_set_insecure_no_name_check(ctx, 1), sslc_ctx_error(ctx));
  peers_init(&p, ctx, make_server_ctx("good"), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_null(sslc_conn_server_name(p.server));
  peers_free(&p);
}

int
main(void)
{
  static const int yes = 1, no = 0;
  size_t i;

  for (i = 0; i < COUNT(pieces); i++)
    add_test(pieces[i].test, test_pieces, &pieces[i]);
  add_test("a handshake gets through a wire of one byte", test_narrow, NULL);
  add_test("a full wire is want_write", test_want_write, NULL);
  add_test("an empty wire is want_read, and done stays done", test_want_read,
           NULL);
  for (i = 0; i < COUNT(versions); i++)
    add_test(versions[i].test, test_versions, &versions[i]);
  for (i = 0; i < COUNT(alpns); i++)
    add_test(alpns[i].test, test_alpn, &alpns[i]);
  add_test("an end before the first byte is handshake_eof", test_eof_first,
           &no);
  add_test("... with lenient_eof too", test_eof_first, &yes);
  add_test("an end anywhere in the flight is handshake_eof",
           test_eof_anywhere, &no);
  add_test("... with lenient_eof too", test_eof_anywhere, &yes);
  add_test("close_notify inside of a handshake is handshake_eof",
           test_close_notify, &no);
  add_test("... with lenient_eof too", test_close_notify, &yes);
  add_test("no handshake begins without a name to verify", test_no_name, NULL);
  add_test("without the check a name is not needed", test_no_name_no_check,
           NULL);
  return run_all("handshake");
}
