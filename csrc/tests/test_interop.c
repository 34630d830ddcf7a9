/*
 * test_interop.c: this library's clients against openssl-s_server(1), and its
 * servers against openssl-s_client(1).
 */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------- against openssl s_server */

static const struct server_row {
  const char *test;
  const char *leaf;
  const char *options[4];
  int code; /* SSLC_CODE_NONE: it connects */
  const char *version;
} server_rows[] = {
  { "s_server with ECDSA and TLS 1.3", "good", { "-tls1_3" }, SSLC_CODE_NONE,
    "TLSv1.3" },
  { "s_server with ECDSA and TLS 1.2", "good", { "-tls1_2" }, SSLC_CODE_NONE,
    "TLSv1.2" },
  { "s_server with RSA and TLS 1.3", "rsa", { "-tls1_3" }, SSLC_CODE_NONE,
    "TLSv1.3" },
  { "s_server with RSA and TLS 1.2", "rsa", { "-tls1_2" }, SSLC_CODE_NONE,
    "TLSv1.2" },
  { "s_server with Ed25519 and TLS 1.3", "ed25519", { "-tls1_3" },
    SSLC_CODE_NONE, "TLSv1.3" },
  { "s_server with Ed25519 and TLS 1.2", "ed25519", { "-tls1_2" },
    SSLC_CODE_NONE, "TLSv1.2" },
  { "s_server that asks for a cookie first", "good", { "-stateless" },
    SSLC_CODE_NONE, "TLSv1.3" },
  { "s_server that wants another group than ours", "good",
    { "-groups", "P-521" }, SSLC_CODE_NONE, "TLSv1.3" },
  { "s_server with an expired certificate", "expired", { NULL },
    SSLC_CODE_CERTIFICATE_EXPIRED, NULL },
  { "s_server with an unknown authority", "unknown", { NULL },
    SSLC_CODE_UNKNOWN_AUTHORITY, NULL },
  { "s_server with the wrong name", "wronghost", { "-tls1_2" },
    SSLC_CODE_HOSTNAME_MISMATCH, NULL },
  { "s_server without a cipher of ours", "rsa",
    { "-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0" },
    SSLC_CODE_NO_SHARED_PARAMETERS, NULL },
};

static int
start_server(struct child *child, const struct server_row *row)
{
  const char *options[16];
  static char chain[1024], cert[1024], key[1024];
  size_t n = 0, i;

  snprintf(cert, sizeof cert, "%s/%s.pem", getenv("SSLC_TEST_CERTS"),
           row->leaf);
  snprintf(key, sizeof key, "%s/%s.key", getenv("SSLC_TEST_CERTS"),
           row->leaf);
  snprintf(chain, sizeof chain, "%s", cert);
  options[n++] = "-cert";
  options[n++] = cert;
  options[n++] = "-key";
  options[n++] = key;
  options[n++] = "-cert_chain";
  options[n++] = chain;
  options[n++] = "-rev";
  for (i = 0; i < COUNT(row->options) && row->options[i] != NULL; i++)
    options[n++] = row->options[i];
  options[n] = NULL;
  return s_server_start(child, options);
}

/* With -rev it sends back each line reversed. */
static void
check_reversed(sslc_conn *conn)
{
  int64_t deadline = sslc_deadline(PATIENCE);
  char got[16];
  size_t n, len = 0;

  assert_ok(sslc_conn_write_wait(conn, "hello\n", 6, &n, deadline),
            sslc_conn_error(conn));
  while (len < 6) {
    assert_ok(sslc_conn_read_wait(conn, got + len, sizeof got - len, &n,
                                  deadline), sslc_conn_error(conn));
    len += n;
  }
  assert_int_equal(len, 6);
  assert_memory_equal(got, "olleh\n", 6);
}

static void
test_s_server(void **state)
{
  const struct server_row *row = *state;
  sslc_ctx *ctx = make_client_ctx();
  struct child child;
  int port = start_server(&child, row);
  sslc_conn *conn;
  sslc_error *error;
  sslc_status status =
    sslc_open_wait(ctx, "localhost", port, NULL, &conn, &error);

  if (row->code == SSLC_CODE_NONE) {
    assert_ok(status, error);
    assert_string_equal(sslc_conn_version(conn), row->version);
    assert_int_equal(sslc_conn_is_verified(conn), 1);
    check_reversed(conn);
  } else {
    assert_null(conn);
    assert_code(error, row->code);
  }
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  sslc_error_free(error);
  sslc_ctx_free(ctx);
  child_stop(&child);
}

/* ------------------------------------------------- against openssl s_client */

static const struct client_row {
  const char *test;
  const char *leaf;
  const char *option; /* NULL: none */
  const char *says;   /* in what s_client prints */
} client_rows[] = {
  { "s_client with TLS 1.3", "good", "-tls1_3", "TLSv1.3" },
  { "s_client with TLS 1.2", "good", "-tls1_2", "TLSv1.2" },
  { "s_client with TLS 1.3 and RSA", "rsa", "-tls1_3", "TLSv1.3" },
  { "s_client with TLS 1.2 and RSA", "rsa", "-tls1_2", "TLSv1.2" },
  { "s_client with Ed25519", "ed25519", NULL, "TLSv1.3" },
};

static void
start_client(struct child *child, const struct client_row *row, int port)
{
  const char *argv[32];
  char target[32];
  static char ca[1024];
  size_t n = 0;

  snprintf(target, sizeof target, "127.0.0.1:%d", port);
  snprintf(ca, sizeof ca, "%s", cert_path("ca.pem"));
  argv[n++] = "openssl";
  argv[n++] = "s_client";
  argv[n++] = "-connect";
  argv[n++] = target;
  argv[n++] = "-CAfile";
  argv[n++] = ca;
  argv[n++] = "-verify_return_error";
  argv[n++] = "-verify_hostname";
  argv[n++] = "localhost";
  argv[n++] = "-servername";
  argv[n++] = "localhost";
  if (row->option != NULL)
    argv[n++] = row->option;
  argv[n] = NULL;
  child_start(child, argv);
}

static void
test_s_client(void **state)
{
  const struct client_row *row = *state;
  sslc_ctx *server_ctx = make_server_ctx(row->leaf);
  struct server *server = server_start(serve_echo, server_ctx);
  struct child child;
  char text[65536];

  start_client(&child, row, server_port(server));
  assert_int_equal(write(child.in, "hello there\n", 12), 12);
  assert_true(child_read_until(&child, row->says, text, sizeof text));
  assert_true(child_read_until(&child, "Verify return code: 0 (ok)", text,
                               sizeof text));
  assert_true(child_read_until(&child, "hello there", text, sizeof text));
  child_stop(&child);
  server_stop(server);
  sslc_ctx_free(server_ctx);
}

int
main(void)
{
  size_t i;

  /* A child that ended must show in a failed test, not in a signal. */
  signal(SIGPIPE, SIG_IGN);
  for (i = 0; i < COUNT(server_rows); i++)
    add_test(server_rows[i].test, test_s_server, &server_rows[i]);
  for (i = 0; i < COUNT(client_rows); i++)
    add_test(client_rows[i].test, test_s_client, &client_rows[i]);
  return run_all("interop");
}
