/*
 * resumed.c: CPU of full and resumed connects of the core, in one run, as
 * resumed.lua does it.
 *
 *   resumed HOST PORT CA_FILE
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sslconnect.h>

enum { ROUNDS = 15, CONNECTS = 20 };

static const char *host;
static int port;

static void
die(const char *what)
{
  fprintf(stderr, "resumed: %s\n", what);
  exit(EXIT_FAILURE);
}

static void
visit(sslc_ctx *ctx, int resumed)
{
  static const char request[] = "GET / HTTP/1.0\r\n\r\n";
  char buf[4096];
  size_t n;
  sslc_conn *conn;
  int64_t soon = sslc_deadline(10000);

  if (sslc_open_wait(ctx, host, port, NULL, &conn, NULL) != SSLC_OK)
    die("no connection");
  if (resumed >= 0 && sslc_conn_session_reused(conn) != resumed)
    die("a connect of the other kind");
  if (sslc_conn_write_wait(conn, request, sizeof request - 1, &n, soon) !=
      SSLC_OK)
    die("no request");
  while (sslc_conn_read_wait(conn, buf, sizeof buf, &n, soon) == SSLC_OK)
    ;
  sslc_conn_close(conn);
  sslc_conn_free(conn);
}

static double
visits(sslc_ctx *ctx, int resumed)
{
  clock_t before = clock();
  int i;

  for (i = 0; i < CONNECTS; i++)
    visit(ctx, resumed);
  return (double)(clock() - before) / CLOCKS_PER_SEC / CONNECTS * 1e6;
}

static int
compare(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double
median(double *list)
{
  qsort(list, ROUNDS, sizeof *list, compare);
  return list[ROUNDS / 2];
}

int
main(int argc, char *argv[])
{
  double full[ROUNDS], resumed[ROUNDS], a, b;
  sslc_ctx *without = sslc_ctx_new(), *with = sslc_ctx_new();
  int i;

  if (argc != 4 || without == NULL || with == NULL)
    die("HOST PORT CA_FILE");
  host = argv[1];
  port = atoi(argv[2]);
  sslc_ctx_load_verify_file(without, argv[3]);
  sslc_ctx_load_verify_file(with, argv[3]);
  sslc_ctx_set_session_cache(without, 0, 0);
  visit(with, 0);
  visits(without, 0);
  for (i = 0; i < ROUNDS; i++) {
    full[i] = visits(without, 0);
    resumed[i] = visits(with, 1);
  }
  a = median(full);
  b = median(resumed);
  printf("C:   full %.0f µs, resumed %.0f µs, %.1f to 1\n", a, b, a / b);
  sslc_ctx_free(without);
  sslc_ctx_free(with);
  return 0;
}
