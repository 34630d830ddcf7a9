/*
 * test_hold_wait.c: a held flight and calls that wait by themselves: a BIO that
 * was made blocking, and the functions named _wait.
 */
#include "support.h"

#include <string.h>

static void
check(const sslc_conn *conn, sslc_status got, sslc_status want)
{
  assert_status(got, want, sslc_conn_error(conn));
}

/* Speaks first, then echoes. */
static void
serve_banner(int fd, void *ctx)
{
  sslc_conn *conn = sslc_conn_new(ctx);
  sslc_bio *bio = sslc_bio_new_socket(fd, SSLC_NOCLOSE);
  char buf[16];
  size_t n;

  if (conn != NULL && sslc_conn_set_bio(conn, bio, bio) == SSLC_OK &&
      sslc_conn_set_accept_state(conn) == SSLC_OK &&
      sslc_conn_set_hold_flight(conn, 1) == SSLC_OK &&
      sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE)) == SSLC_OK &&
      sslc_conn_write_wait(conn, "ready", 5, &n, sslc_deadline(PATIENCE)) ==
        SSLC_OK &&
      sslc_conn_read_wait(conn, buf, sizeof buf, &n, sslc_deadline(PATIENCE)) ==
        SSLC_OK)
    sslc_conn_write_wait(conn, buf, n, &n, sslc_deadline(PATIENCE));
  sslc_conn_shutdown_wait(conn, sslc_deadline(PATIENCE));
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  sslc_bio_free(bio);
}

/* A BIO that was made blocking: each call returns when it is done. */
static void
test_blocking(void **state)
{
  const int *version = *state;
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");
  struct server *at = server_start(serve_banner, server);
  sslc_bio *bio = sslc_bio_new_socket(connect_to(server_port(at)), SSLC_CLOSE);
  sslc_conn *conn;
  size_t n;

  assert_ok(sslc_ctx_set_max_version(client, *version), NULL);
  conn = sslc_conn_new(client);
  assert_ok(sslc_bio_set_nbio(bio, 0), sslc_bio_error(bio));
  assert_ok(sslc_conn_set_bio(conn, bio, bio), NULL);
  assert_ok(sslc_conn_set_server_name(conn, "localhost"), NULL);
  assert_ok(sslc_conn_set_hold_flight(conn, 1), NULL);
  check(conn, sslc_conn_connect(conn), SSLC_OK);
  expect_text(conn, "ready");
  check(conn, sslc_conn_write(conn, "hello", 5, &n), SSLC_OK);
  expect_text(conn, "hello");
  check(conn, sslc_conn_shutdown(conn), SSLC_WANT_READ);
  check(conn, sslc_conn_shutdown(conn), SSLC_OK);
  sslc_conn_free(conn);
  sslc_bio_free(bio);
  server_stop(at);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

static void
test_open(void **state)
{
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");
  struct server *at = server_start(serve_banner, server);
  sslc_open_options options = SSLC_OPEN_OPTIONS_INIT;
  sslc_conn *conn;
  sslc_error *err;
  char buf[16];
  size_t n;

  (void)state;
  assert_int_equal(options.hold_flight, 0);
  options.hold_flight = 1;
  options.server_name = "localhost";
  assert_ok(sslc_open_wait(client, "127.0.0.1", server_port(at), &options,
                           &conn, &err), err);
  check(conn, sslc_conn_read_wait(conn, buf, sizeof buf, &n,
                                  sslc_deadline(PATIENCE)), SSLC_OK);
  check(conn, sslc_conn_write_wait(conn, "hello", 5, &n,
                                   sslc_deadline(PATIENCE)), SSLC_OK);
  check(conn, sslc_conn_shutdown_wait(conn, sslc_deadline(PATIENCE)), SSLC_OK);
  sslc_conn_free(conn);
  server_stop(at);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

int
main(void)
{
  static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };
  size_t i;

  for (i = 0; i < COUNT(versions); i++)
    add_test("a blocking BIO does not wait for a flight that is held",
             test_blocking, &versions[i]);
  add_test("sslc_open_wait holds it where that is asked for", test_open, NULL);
  return run_all("hold_wait");
}
