/*
 * test_close.c: sslc_conn_close and sslc_conn_free: what they send, what they
 * leave, and that they never wait.
 */
#include "support.h"

static void
connect_peers(struct peers *p, int version)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  peers_init_sockets(p, ctx, make_server_ctx("good"), "localhost");
  assert_ok(shake(p), sslc_conn_error(p->client));
}

static void
check_read(sslc_conn *conn, sslc_status want)
{
  char buf[16];
  size_t n;

  assert_status(sslc_conn_read(conn, buf, sizeof buf, &n), want,
                sslc_conn_error(conn));
  assert_int_equal(n, 0);
}

static void
test_close(void **state)
{
  const int *version = *state;
  struct peers p;
  char buf[4];
  size_t n;

  connect_peers(&p, *version);
  sslc_conn_close(p.client);
  sslc_conn_close(p.client);
  check_read(p.server, SSLC_CLOSED);
  check_read(p.client, SSLC_ERR_STATE);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CLOSED);
  assert_status(sslc_conn_write(p.client, "x", 1, &n), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_status(sslc_conn_peek(p.client, buf, 1, &n), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_status(sslc_conn_do_handshake(p.client), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_status(sslc_conn_shutdown(p.client), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CLOSED);
  assert_int_equal(sslc_conn_fd(p.client), -1);
  assert_null(sslc_conn_rbio(p.client));
  assert_non_null(sslc_conn_version(p.client));
  assert_string_equal(sslc_conn_server_name(p.client), "localhost");
  assert_true(sslc_conn_peer_cert_count(p.client) > 0);
  peers_free(&p);
}

static void
test_free_sends_nothing(void **state)
{
  const int *version = *state;
  sslc_ctx *ctx = make_client_ctx();
  struct peers p;

  assert_ok(sslc_ctx_set_max_version(ctx, *version), sslc_ctx_error(ctx));
  peers_init(&p, ctx, make_server_ctx("good"), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  sslc_conn_free(p.client);
  p.client = NULL;
  check_read(p.server, SSLC_ERR_EOF);
  assert_code(sslc_conn_error(p.server), SSLC_CODE_TRUNCATED);
  peers_free(&p);
}

/* One reference of two goes in silence, the last one says goodbye. */
static void
test_release(void **state)
{
  const int *version = *state;
  struct peers p;
  char buf[4];
  size_t n;

  connect_peers(&p, *version);
  sslc_conn_release(sslc_conn_up_ref(p.client));
  assert_status(sslc_conn_read(p.server, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_conn_error(p.server));
  assert_ok(sslc_conn_write(p.client, "x", 1, &n), sslc_conn_error(p.client));
  assert_ok(sslc_conn_read(p.server, buf, sizeof buf, &n),
            sslc_conn_error(p.server));
  sslc_conn_release(p.client);
  p.client = NULL;
  check_read(p.server, SSLC_CLOSED);
  sslc_conn_release(NULL);
  peers_free(&p);
}

/* In the middle of a handshake nothing may be sent in its place. */
static void
test_close_inside_handshake(void **state)
{
  struct wire w;

  (void)state;
  wire_init(&w, make_client_ctx(), make_server_ctx("good"), "localhost");
  sslc_conn_connect(w.client);
  drop(w.to_client);
  sslc_conn_close(w.client);
  assert_int_equal(drop(w.to_client), 0);
  assert_status(sslc_conn_connect(w.client), SSLC_ERR_STATE,
                sslc_conn_error(w.client));
  assert_code(sslc_conn_error(w.client), SSLC_CODE_CLOSED);
  wire_free(&w);
}

static void
test_close_unused(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);

  (void)state;
  sslc_conn_close(conn);
  assert_status(sslc_conn_connect(conn), SSLC_ERR_STATE,
                sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_CLOSED);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

/* A peer that reads nothing cannot keep us. */
static void
test_close_never_blocks(void **state)
{
  const int *version = *state;
  static const char bytes[16384];
  struct peers p;
  sslc_status status;
  size_t n;

  connect_peers(&p, *version);
  do {
    status = sslc_conn_write(p.client, bytes, sizeof bytes, &n);
  } while (status == SSLC_OK);
  assert_status(status, SSLC_WANT_WRITE, sslc_conn_error(p.client));
  assert_ok(sslc_bio_set_nbio(sslc_conn_wbio(p.client), 0), NULL);
  sslc_conn_close(p.client);
  assert_int_equal(sslc_conn_fd(p.client), -1);
  peers_free(&p);
}

int
main(void)
{
  static const int old = SSLC_TLS1_2, new = SSLC_TLS1_3;

  add_test("close sends close_notify and ends every step", test_close, &new);
  add_test("... with TLS 1.2", test_close, &old);
  add_test("free sends nothing", test_free_sends_nothing, &new);
  add_test("... with TLS 1.2", test_free_sends_nothing, &old);
  add_test("release closes with the last reference", test_release, &new);
  add_test("... with TLS 1.2", test_release, &old);
  add_test("close does not wait, on a blocking BIO either",
           test_close_never_blocks, &new);
  add_test("... with TLS 1.2", test_close_never_blocks, &old);
  add_test("close inside of a handshake sends nothing",
           test_close_inside_handshake, NULL);
  add_test("close of an unused connection ends it", test_close_unused, NULL);
  return run_all("close");
}
