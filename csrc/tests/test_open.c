/*
 * test_open.c: sslc_open_wait against servers in other threads: what it comes
 * to when all is well, and what each thing that can go wrong is called.
 */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an open came to. */
struct opened {
  sslc_status status;
  sslc_conn *conn;
  sslc_error *error;
};

static void
open_it(struct opened *o, sslc_ctx *ctx, const char *host, int port,
        const char *server_name, int64_t milliseconds)
{
  sslc_open_options options = SSLC_OPEN_OPTIONS_INIT;

  options.server_name = server_name;
  options.deadline = sslc_deadline(milliseconds);
  o->status = sslc_open_wait(ctx, host, port, &options, &o->conn, &o->error);
  sslc_ctx_free(ctx);
}

static void
opened_free(struct opened *o)
{
  sslc_conn_close(o->conn);
  sslc_conn_free(o->conn);
  sslc_error_free(o->error);
}

/* The failure is whole: no connection, and an error that says where. */
static void
check_failed(const struct opened *o, int code, int phase, const char *host,
             int port)
{
  char text[64];

  assert_null(o->conn);
  assert_code(o->error, code);
  assert_phase(o->error, phase);
  assert_int_equal(o->status, sslc_error_status(o->error));
  snprintf(text, sizeof text, "%s:%d", host, port);
  assert_string_equal(sslc_error_host(o->error), text);
  assert_has(sslc_error_text(o->error), text);
  assert_has(sslc_error_text(o->error), sslc_code_name(code));
  snprintf(text, sizeof text, "127.0.0.1:%d", port);
  assert_string_equal(sslc_error_address(o->error), text);
}

/* ------------------------------------------------------------- certificates */

static const struct row {
  const char *test, *leaf, *host, *server_name;
  int code;
  const char *says;
} rows[] = {
  { "a good server by its name", "good", "localhost", NULL, SSLC_CODE_NONE,
    NULL },
  { "a good server by its address", "good", "127.0.0.1", NULL, SSLC_CODE_NONE,
    NULL },
  { "a good server by another name", "good", "127.0.0.1", "test.example",
    SSLC_CODE_NONE, NULL },
  { "an expired certificate", "expired", "localhost", NULL,
    SSLC_CODE_CERTIFICATE_EXPIRED, "expired on" },
  { "a certificate that is not yet valid", "notyet", "localhost", NULL,
    SSLC_CODE_CERTIFICATE_NOT_YET_VALID, "not valid before" },
  { "the wrong host", "wronghost", "localhost", NULL,
    SSLC_CODE_HOSTNAME_MISMATCH,
    "is not for \"localhost\": it is for wrong.example, other.example" },
  { "the wrong name for a good server", "good", "localhost", "no.example",
    SSLC_CODE_HOSTNAME_MISMATCH, "is not for \"no.example\"" },
  { "an unknown authority", "unknown", "localhost", NULL,
    SSLC_CODE_UNKNOWN_AUTHORITY, "sslconnect other CA" },
  { "a self-signed certificate", "selfsigned", "localhost", NULL,
    SSLC_CODE_SELF_SIGNED, "self-signed" },
  { "a missing intermediate", "noint", "localhost", NULL,
    SSLC_CODE_UNKNOWN_AUTHORITY, "sslconnect test intermediate" },
  { "a certificate for clients", "clientonly", "localhost", NULL,
    SSLC_CODE_UNSUITABLE_CERTIFICATE, "purpose" },
  { "a broken signature", "badsig", "localhost", NULL,
    SSLC_CODE_INVALID_CERTIFICATE, "signature" },
  { "a short key", "weak", "localhost", NULL, SSLC_CODE_WEAK_CERTIFICATE,
    "too weak" },
};

static void
check_echo(sslc_conn *conn)
{
  char buf[16];
  size_t n;

  assert_int_equal(sslc_conn_is_verified(conn), 1);
  assert_ok(sslc_conn_write_wait(conn, "hello", 5, &n,
                                 sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  assert_ok(sslc_conn_read_wait(conn, buf, sizeof buf, &n,
                                sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  assert_int_equal(n, 5);
  assert_memory_equal(buf, "hello", 5);
}

static void
test_row(void **state)
{
  const struct row *row = *state;
  sslc_ctx *server_ctx = make_lax_server_ctx(row->leaf);
  struct server *server = server_start(serve_echo, server_ctx);
  int port = server_port(server);
  struct opened o;

  open_it(&o, make_client_ctx(), row->host, port, row->server_name, PATIENCE);
  if (row->code == SSLC_CODE_NONE) {
    assert_ok(o.status, o.error);
    assert_null(o.error);
    check_echo(o.conn);
  } else {
    check_failed(&o, row->code, SSLC_PHASE_HANDSHAKE, row->host, port);
    assert_has(sslc_error_message(o.error), row->says);
    assert_non_null(sslc_error_cert(o.error));
  }
  opened_free(&o);
  server_stop(server);
  sslc_ctx_free(server_ctx);
}

/* The system's trust, which main has pointed elsewhere. */
static void
test_defaults(void **state)
{
  sslc_ctx *server_ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, server_ctx);
  struct opened o;

  (void)state;
  o.status = sslc_open_wait(NULL, "localhost", server_port(server), NULL,
                            &o.conn, &o.error);
  check_failed(&o, SSLC_CODE_UNKNOWN_AUTHORITY, SSLC_PHASE_HANDSHAKE,
               "localhost", server_port(server));
  opened_free(&o);
  server_stop(server);
  sslc_ctx_free(server_ctx);

  server_ctx = make_server_ctx("unknown");
  server = server_start(serve_echo, server_ctx);
  o.status = sslc_open_wait(NULL, "localhost", server_port(server), NULL,
                            &o.conn, NULL);
  assert_ok(o.status, NULL);
  check_echo(o.conn);
  o.error = NULL;
  opened_free(&o);
  server_stop(server);
  sslc_ctx_free(server_ctx);
}

/* ---------------------------------------------------------- other servers */

static char http[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
static char ssh[] = "SSH-2.0-OpenSSH_9.2\r\n";
static char smtp[] = "220 mail.example ESMTP\r\n";

static const struct other {
  const char *test;
  serve_function *serve;
  void *arg;
  int code;
  int err;
  const char *says;
} others[] = {
  { "an HTTP server", serve_text, http, SSLC_CODE_NOT_TLS, 0, "HTTP" },
  { "an SSH server", serve_text, ssh, SSLC_CODE_NOT_TLS, 0, "SSH" },
  { "an SMTP server", serve_text, smtp, SSLC_CODE_NOT_TLS, 0, "SMTP" },
  { "a server that resets", serve_reset, NULL, SSLC_CODE_CONNECTION_RESET,
    ECONNRESET, "" },
  { "a server that ends", serve_end, NULL, SSLC_CODE_HANDSHAKE_EOF, 0,
    "closed the connection" },
};

static void
test_other(void **state)
{
  const struct other *other = *state;
  struct server *server = server_start(other->serve, other->arg);
  struct opened o;

  open_it(&o, make_client_ctx(), "localhost", server_port(server), NULL,
          PATIENCE);
  check_failed(&o, other->code, SSLC_PHASE_HANDSHAKE, "localhost",
               server_port(server));
  assert_has(sslc_error_message(o.error), other->says);
  assert_int_equal(sslc_error_errno(o.error), other->err);
  opened_free(&o);
  server_stop(server);
}

static void
test_stall(void **state)
{
  struct server *server = server_start(serve_silence, NULL);
  int64_t before = sslc_now();
  struct opened o;

  (void)state;
  open_it(&o, make_client_ctx(), "localhost", server_port(server), NULL, 100);
  check_failed(&o, SSLC_CODE_TIMEOUT, SSLC_PHASE_HANDSHAKE, "localhost",
               server_port(server));
  assert_int_equal(o.status, SSLC_ERR_TIMEOUT);
  assert_has(sslc_error_message(o.error), "deadline");
  assert_true(sslc_now() - before >= 100 * (int64_t)1000000);
  assert_true(sslc_now() - before < PATIENCE * (int64_t)1000000);
  opened_free(&o);
  server_stop(server);
}

static void
test_refused(void **state)
{
  int port = unused_port();
  struct opened o;

  (void)state;
  open_it(&o, make_client_ctx(), "127.0.0.1", port, NULL, PATIENCE);
  check_failed(&o, SSLC_CODE_CONNECTION_REFUSED, SSLC_PHASE_CONNECT,
               "127.0.0.1", port);
  assert_int_equal(sslc_error_errno(o.error), ECONNREFUSED);
  opened_free(&o);
}

/* --------------------------------------------------------------- arguments */

static const struct bad {
  const char *host;
  int port;
  const char *server_name;
  const char *says;
} bads[] = {
  { NULL, 443, NULL, "host" },
  { "", 443, NULL, "host" },
  { "*", 443, NULL, "host" },
  { "localhost", 0, NULL, "port" },
  { "localhost", 65536, NULL, "port" },
};

static void
test_bad_arguments(void **state)
{
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(bads); i++) {
    struct opened o;

    open_it(&o, make_client_ctx(), bads[i].host, bads[i].port,
            bads[i].server_name, PATIENCE);
    assert_status(o.status, SSLC_ERR_ARG, o.error);
    assert_null(o.conn);
    assert_code(o.error, SSLC_CODE_BAD_OPTION);
    assert_has(sslc_error_message(o.error), bads[i].says);
    opened_free(&o);
  }
  assert_int_equal(sslc_open_wait(NULL, "localhost", 443, NULL, NULL, NULL),
                   SSLC_ERR_ARG);
}

static void
test_bad_server_name(void **state)
{
  static const char *const names[] = { "", "*.example", "a b" };
  struct server *server = server_start(serve_silence, NULL);
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(names); i++) {
    struct opened o;

    open_it(&o, make_client_ctx(), "localhost", server_port(server), names[i],
            PATIENCE);
    assert_status(o.status, SSLC_ERR_ARG, o.error);
    assert_null(o.conn);
    assert_code(o.error, SSLC_CODE_BAD_OPTION);
    assert_has(sslc_error_message(o.error), "server_name");
    opened_free(&o);
  }
  server_stop(server);
}

static void
test_bad_context(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  struct opened o;

  (void)state;
  sslc_ctx_load_verify_file(ctx, cert_path("no-such-file.pem"));
  open_it(&o, ctx, "localhost", unused_port(), NULL, PATIENCE);
  assert_status(o.status, SSLC_ERR_CONFIG, o.error);
  assert_null(o.conn);
  assert_code(o.error, SSLC_CODE_BAD_FILE);
  assert_has(sslc_error_message(o.error), "no-such-file.pem");
  opened_free(&o);
}

/* A caller that was compiled against a header without the later members. */
static void
test_small_options(void **state)
{
  sslc_ctx *server_ctx = make_server_ctx("wronghost");
  struct server *server = server_start(serve_echo, server_ctx);
  sslc_ctx *ctx = make_client_ctx();
  sslc_open_options options = SSLC_OPEN_OPTIONS_INIT;
  struct opened o;

  (void)state;
  options.size = offsetof(sslc_open_options, deadline);
  options.server_name = "wrong.example";
  options.deadline = 1; /* passed long ago, if it were looked at */
  o.status = sslc_open_wait(ctx, "localhost", server_port(server), &options,
                            &o.conn, &o.error);
  assert_ok(o.status, o.error);
  check_echo(o.conn);
  opened_free(&o);
  sslc_ctx_free(ctx);
  server_stop(server);
  sslc_ctx_free(server_ctx);
}

int
main(void)
{
  size_t i;

  if (setenv("SSL_CERT_FILE", cert_path("otherca.pem"), 1) != 0 ||
      setenv("SSL_CERT_DIR", cert_path("no-such-directory"), 1) != 0)
    return EXIT_FAILURE;
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_row, &rows[i]);
  add_test("without a context the system's trust counts", test_defaults,
           NULL);
  for (i = 0; i < COUNT(others); i++)
    add_test(others[i].test, test_other, &others[i]);
  add_test("a server that stalls is a timeout in the handshake", test_stall,
           NULL);
  add_test("a port that nobody listens on", test_refused, NULL);
  add_test("bad hosts and ports are refused", test_bad_arguments, NULL);
  add_test("bad server names are refused", test_bad_server_name, NULL);
  add_test("a bad context fails before anything is sent", test_bad_context,
           NULL);
  add_test("options of an earlier size are understood", test_small_options,
           NULL);
  return run_all("open");
}
