/*
 * get.c: one verified connection in C, waiting wherever there is to wait.
 *
 *   get HOST [PORT [CA_FILE]]
 *
 * Without CA_FILE the system's trust counts.
 */
#include <sslconnect.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
fail(const sslc_error *error)
{
  fprintf(stderr, "%s\n", sslc_error_text(error));
  return EXIT_FAILURE;
}

static int
get(sslc_conn *conn, const char *host)
{
  char buf[4096];
  size_t n;
  int64_t deadline = sslc_deadline(10 * 1000);
  int len = snprintf(buf, sizeof buf, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n",
                     host);
  sslc_status status =
    sslc_conn_write_wait(conn, buf, (size_t)len, &n, deadline);
  while (status == SSLC_OK) {
    status = sslc_conn_read_wait(conn, buf, sizeof buf, &n, deadline);
    fwrite(buf, 1, n, stdout);
  }
  /* close_notify is a clean end; anything else is not the whole answer. */
  return status == SSLC_CLOSED ? EXIT_SUCCESS : fail(sslc_conn_error(conn));
}

int
main(int argc, char **argv)
{
  sslc_conn *conn;
  sslc_error *error;
  int result;
  if (argc < 2) {
    fprintf(stderr, "usage: get HOST [PORT [CA_FILE]]\n");
    return EXIT_FAILURE;
  }
  sslc_ctx *ctx = sslc_ctx_new();
  if (argc > 3 && sslc_ctx_load_verify_file(ctx, argv[3]) != SSLC_OK)
    return fail(sslc_ctx_error(ctx));
  int port = argc > 2 ? atoi(argv[2]) : 443;
  if (sslc_open_wait(ctx, argv[1], port, NULL, &conn, &error) == SSLC_OK) {
    fprintf(stderr, "%s, %s\n", sslc_conn_version(conn),
            sslc_conn_cipher(conn));
    result = get(conn, argv[1]);
    sslc_conn_close(conn);
    sslc_conn_free(conn);
  } else {
    result = fail(error);
    sslc_error_free(error);
  }
  sslc_ctx_free(ctx);
  return result;
}
