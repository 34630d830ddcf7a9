/*
 * test_get_error.c: each value of SSL_get_error(3), provoked in libssl, with
 * the status that stands for it; then the step is repeated to its end.  The
 * rows are those of the table in docs/errors.md.
 */
#include "internal.h"

#include "support.h"

#include <openssl/async.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One row of the table. */
struct row {
  const char *name;
  int ssl_error;
  const char *status_name;
  sslc_status status;
  void (*scenario)(const struct row *row);
};

/* The step has just come to what the row says. */
static void
check_row(const struct row *row, sslc_conn *conn, sslc_status status)
{
  const sslc_error *error = sslc_conn_error(conn);

  assert_status(status, row->status, error);
  assert_int_equal(sslc_conn_last_status(conn), row->status);
  assert_int_equal(sslc_conn_ssl_error(conn), row->ssl_error);
  if (row->status >= 0) {
    assert_null(error);
    return;
  }
  assert_non_null(error);
  assert_int_equal(sslc_error_ssl_error(error), row->ssl_error);
}

static void
init(struct peers *p)
{
  peers_init(p, make_client_ctx(), make_server_ctx("good"), "localhost");
}

/* For both ways; it goes to the connection. */
static void
use_bio(sslc_conn *conn, sslc_bio *bio)
{
  assert_non_null(bio);
  assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
  sslc_bio_free(bio);
}

/* Both get to their end. */
static void
finish(struct peers *p)
{
  assert_ok(shake(p), sslc_conn_error(p->client));
  assert_status(p->server_status, SSLC_OK, sslc_conn_error(p->server));
  peers_free(p);
}

/* The first step of the server that has something to do. */
static sslc_status
serve(struct peers *p)
{
  assert_status(sslc_conn_connect(p->client), SSLC_WANT_READ,
                sslc_conn_error(p->client));
  return sslc_conn_accept(p->server);
}

/* ------------------------------------------------------- what every BIO has */

static void
scenario_none(const struct row *row)
{
  struct peers p;

  peers_connect(&p);
  check_row(row, p.client, sslc_conn_do_handshake(p.client));
  assert_int_equal(sslc_conn_last_return(p.client), 1);
  peers_free(&p);
}

static void
scenario_ssl(const struct row *row)
{
  struct wire w;

  wire_init(&w, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_status(sslc_conn_connect(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  inject(w.to_client, "this is no TLS", 14);
  check_row(row, w.client, sslc_conn_connect(w.client));
  check_row(row, w.client, sslc_conn_connect(w.client));
  wire_free(&w);
}

static void
scenario_want_read(const struct row *row)
{
  struct peers p;

  init(&p);
  check_row(row, p.client, sslc_conn_connect(p.client));
  assert_int_equal(sslc_conn_last_return(p.client), -1);
  check_row(row, p.client, sslc_conn_connect(p.client));
  finish(&p);
}

static void
scenario_want_write(const struct row *row)
{
  struct wire w;
  sslc_bio *bio;

  wire_init(&w, make_client_ctx(), make_server_ctx("good"), "localhost");
  sslc_bio_free(w.to_client);
  assert_int_equal(sslc_bio_new_pair(&bio, 64, &w.to_client, 0), SSLC_OK);
  assert_ok(sslc_conn_set_bio(w.client, bio, bio), sslc_conn_error(w.client));
  sslc_bio_free(bio);
  check_row(row, w.client, sslc_conn_connect(w.client));
  check_row(row, w.client, sslc_conn_connect(w.client));
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  wire_free(&w);
}

static void
scenario_syscall(const struct row *row)
{
  struct peers p;
  int fds[2];

  init(&p);
  make_sockets(fds);
  use_bio(p.client, sslc_bio_new_socket(fds[0], SSLC_CLOSE));
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  close(fds[1]);
  check_row(row, p.client, sslc_conn_connect(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CONNECTION_RESET);
  check_row(row, p.client, sslc_conn_connect(p.client));
  peers_free(&p);
}

static void
scenario_zero_return(const struct row *row)
{
  struct peers p;
  char byte;
  size_t n;

  peers_connect(&p);
  assert_status(sslc_conn_shutdown(p.server), SSLC_WANT_READ,
                sslc_conn_error(p.server));
  check_row(row, p.client, sslc_conn_read(p.client, &byte, 1, &n));
  check_row(row, p.client, sslc_conn_read(p.client, &byte, 1, &n));
  send_through(p.client, p.server, "still", 5);
  peers_free(&p);
}

/* ----------------------------------------------- connecting and accepting */

/* libcrypto's own. */
static sslc_bio *
native_connect(int port)
{
  char address[32];
  BIO *bio;

  snprintf(address, sizeof address, "127.0.0.1:%d", port);
  bio = BIO_new_connect(address);
  assert_non_null(bio);
  BIO_set_nbio(bio, 1);
  return sslc_bio_wrap(bio);
}

static void
connect_over(const struct row *row, sslc_bio *bio)
{
  struct peers p;

  init(&p);
  use_bio(p.client, bio);
  check_row(row, p.client, sslc_conn_connect(p.client));
  assert_ok(sslc_conn_do_handshake_wait(p.client, sslc_deadline(PATIENCE)),
            sslc_conn_error(p.client));
  sslc_conn_close(p.client);
  peers_free(&p);
}

static void
scenario_want_connect(const struct row *row)
{
  sslc_ctx *ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, ctx);
  int port = server_port(server);

  connect_over(row, sslc_bio_new_connect("127.0.0.1", port));
  connect_over(row, native_connect(port));
  server_stop(server);
  sslc_ctx_free(ctx);
}

static sslc_bio *
native_accept(int *port)
{
  BIO *bio = BIO_new_accept("127.0.0.1:0");

  assert_non_null(bio);
  BIO_set_nbio_accept(bio, 1);
  BIO_set_nbio(bio, 1);
  assert_int_equal(BIO_do_accept(bio), 1);
  *port = atoi(BIO_get_accept_port(bio));
  return sslc_bio_wrap(bio);
}

static sslc_bio *
own_accept(int *port)
{
  sslc_bio *bio = sslc_bio_new_accept("127.0.0.1", 0);

  assert_ok(sslc_bio_do_handshake(bio), sslc_bio_error(bio));
  *port = atoi(strrchr(sslc_bio_address(bio), ':') + 1);
  return bio;
}

static void
accept_over(const struct row *row, sslc_bio *bio, int port)
{
  struct peers p;

  init(&p);
  use_bio(p.server, bio);
  check_row(row, p.server, sslc_conn_accept(p.server));
  check_row(row, p.server, sslc_conn_accept(p.server));
  use_bio(p.client, sslc_bio_new_socket(connect_to(port), SSLC_CLOSE));
  finish(&p);
}

static void
scenario_want_accept(const struct row *row)
{
  sslc_bio *bio;
  int port;

  bio = own_accept(&port);
  accept_over(row, bio, port);
  bio = native_accept(&port);
  accept_over(row, bio, port);
}

/* ------------------------------------------------- callbacks that must wait */

/* How often the callback was called; its first answer is to come again. */
static int
later_cert(SSL *ssl, void *calls)
{
  (void)ssl;
  return ++*(int *)calls == 1 ? -1 : 1;
}

static void
scenario_want_x509_lookup(const struct row *row)
{
  struct peers p;
  int calls = 0;

  init(&p);
  SSL_set_cert_cb(p.server->ssl, later_cert, &calls);
  check_row(row, p.server, serve(&p));
  finish(&p);
  assert_int_equal(calls, 2);
}

static int
later_hello(SSL *ssl, int *alert, void *calls)
{
  (void)ssl;
  (void)alert;
  return ++*(int *)calls == 1 ? SSL_CLIENT_HELLO_RETRY
                              : SSL_CLIENT_HELLO_SUCCESS;
}

static void
scenario_want_client_hello_cb(const struct row *row)
{
  struct peers p;
  int calls = 0;

  init(&p);
  SSL_CTX_set_client_hello_cb(p.server->ctx->ssl_ctx, later_hello, &calls);
  check_row(row, p.server, serve(&p));
  finish(&p);
  assert_int_equal(calls, 2);
}

#ifdef SSL_ERROR_WANT_RETRY_VERIFY
/* That it is to be called again counts only where it returns success. */
static int
later_verify(X509_STORE_CTX *store, void *calls)
{
  int index = SSL_get_ex_data_X509_STORE_CTX_idx();

  if (++*(int *)calls > 1)
    return X509_verify_cert(store);
  return SSL_set_retry_verify(X509_STORE_CTX_get_ex_data(store, index));
}

static void
scenario_want_retry_verify(const struct row *row)
{
  struct peers p;
  int calls = 0;

  init(&p);
  SSL_CTX_set_cert_verify_callback(p.client->ctx->ssl_ctx, later_verify,
                                   &calls);
  assert_status(serve(&p), SSLC_WANT_READ, sslc_conn_error(p.server));
  check_row(row, p.client, sslc_conn_connect(p.client));
  finish(&p);
  assert_int_equal(calls, 2);
}
#endif

/* ------------------------------------------------------------------- jobs */

/* As an engine does that has hardware at work. */
static int
pause_once(SSL *ssl, void *calls)
{
  (void)ssl;
  return ++*(int *)calls == 1 ? ASYNC_pause_job() : 1;
}

static void
init_async(struct peers *p, int *calls)
{
  init(p);
  SSL_set_mode(p->server->ssl, SSL_MODE_ASYNC);
  SSL_set_cert_cb(p->server->ssl, pause_once, calls);
}

static void
scenario_want_async(const struct row *row)
{
  struct peers p;
  int calls = 0;

  assert_int_equal(ASYNC_init_thread(1, 1), 1);
  init_async(&p, &calls);
  check_row(row, p.server, serve(&p));
  finish(&p);
  assert_int_equal(calls, 1);
  ASYNC_cleanup_thread();
}

static void
scenario_want_async_job(const struct row *row)
{
  struct peers first, second;
  int calls = 0, second_calls = 0;

  assert_int_equal(ASYNC_init_thread(1, 1), 1);
  init_async(&first, &calls);
  init_async(&second, &second_calls);
  assert_status(serve(&first), SSLC_WANT_ASYNC, sslc_conn_error(first.server));
  check_row(row, second.server, serve(&second));
  check_row(row, second.server, sslc_conn_accept(second.server));
  finish(&first);
  finish(&second);
  ASYNC_cleanup_thread();
}

/* -------------------------------------------------------------- the table */

#define ROW(name, status, scenario) \
  { #name, name, #status, status, scenario }

static const struct row rows[] = {
  ROW(SSL_ERROR_NONE, SSLC_OK, scenario_none),
  ROW(SSL_ERROR_SSL, SSLC_ERR_PROTO, scenario_ssl),
  ROW(SSL_ERROR_WANT_READ, SSLC_WANT_READ, scenario_want_read),
  ROW(SSL_ERROR_WANT_WRITE, SSLC_WANT_WRITE, scenario_want_write),
  ROW(SSL_ERROR_WANT_X509_LOOKUP, SSLC_WANT_X509_LOOKUP,
      scenario_want_x509_lookup),
  ROW(SSL_ERROR_SYSCALL, SSLC_ERR_SYS, scenario_syscall),
  ROW(SSL_ERROR_ZERO_RETURN, SSLC_CLOSED, scenario_zero_return),
  ROW(SSL_ERROR_WANT_CONNECT, SSLC_WANT_CONNECT, scenario_want_connect),
  ROW(SSL_ERROR_WANT_ACCEPT, SSLC_WANT_ACCEPT, scenario_want_accept),
  ROW(SSL_ERROR_WANT_ASYNC, SSLC_WANT_ASYNC, scenario_want_async),
  ROW(SSL_ERROR_WANT_ASYNC_JOB, SSLC_WANT_ASYNC_JOB, scenario_want_async_job),
  ROW(SSL_ERROR_WANT_CLIENT_HELLO_CB, SSLC_WANT_CLIENT_HELLO_CB,
      scenario_want_client_hello_cb),
#ifdef SSL_ERROR_WANT_RETRY_VERIFY
  ROW(SSL_ERROR_WANT_RETRY_VERIFY, SSLC_WANT_RETRY_VERIFY,
      scenario_want_retry_verify),
#else
  { "SSL_ERROR_WANT_RETRY_VERIFY", -1, "SSLC_WANT_RETRY_VERIFY",
    SSLC_WANT_RETRY_VERIFY, NULL }, /* not before 3.0 */
#endif
};

static void
test_row(void **state)
{
  const struct row *row = *state;

  if (row->scenario == NULL)
    skip();
  row->scenario(row);
}

/* The document has these rows, in this order, and no others. */
static void
test_document(void **state)
{
  FILE *file = fopen(SSLC_TEST_DOCS "/errors.md", "r");
  char line[1024], name[64], status[64];
  size_t n = 0;

  (void)state;
  assert_non_null(file);
  while (fgets(line, sizeof line, file) != NULL) {
    if (sscanf(line, "| `%63[A-Z0-9_]` | `%63[A-Z0-9_]` |", name, status) != 2)
      continue;
    assert_true(n < COUNT(rows));
    assert_string_equal(name, rows[n].name);
    assert_string_equal(status, rows[n].status_name);
    n++;
  }
  fclose(file);
  assert_int_equal(n, COUNT(rows));
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].name, test_row, &rows[i]);
  add_test("docs/errors.md has these rows", test_document, NULL);
  return run_all("get_error");
}
