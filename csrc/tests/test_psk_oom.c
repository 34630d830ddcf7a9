/*
 * test_psk_oom.c: memory that runs out where a key is to be proven: the N-th
 * allocation of either side fails, for N from 1 until none does (see
 * test_oom.c).  Nobody is let in without the key.
 */
#include "support.h"
#include "support_memory.h"

#include <stdlib.h>
#include <string.h>

#define KEY "0123456789abcdef"
#define OTHER "0123456789abcdeF"

static const struct row {
  const char *test;
  int version;
  const char *server_key; /* NULL: a certificate alone */
  int servers; /* whose memory it is */
  int let_in;  /* where there is memory */
} rows[] = {
  { "the key", SSLC_TLS1_3, KEY, 0, 1 },
  { "the key in TLS 1.2", SSLC_TLS1_2, KEY, 0, 1 },
  { "the key, for the server", SSLC_TLS1_3, KEY, 1, 1 },
  { "the key in TLS 1.2, for the server", SSLC_TLS1_2, KEY, 1, 1 },
  { "another key", SSLC_TLS1_3, OTHER, 0, 0 },
  { "another key in TLS 1.2", SSLC_TLS1_2, OTHER, 0, 0 },
  { "another key, for the server", SSLC_TLS1_3, OTHER, 1, 0 },
  { "another key in TLS 1.2, for the server", SSLC_TLS1_2, OTHER, 1, 0 },
  { "a certificate", SSLC_TLS1_3, NULL, 0, 0 },
  { "a certificate in TLS 1.2", SSLC_TLS1_2, NULL, 0, 0 },
};

static sslc_ctx *
make_client(const struct row *row)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(ctx, row->version), NULL);
  assert_ok(sslc_ctx_add_psk(ctx, "i", KEY, 16), NULL);
  return ctx;
}

static sslc_ctx *
make_server(const struct row *row)
{
  sslc_ctx *ctx = row->server_key ? sslc_ctx_new() : make_server_ctx("good");

  if (row->server_key)
    assert_ok(sslc_ctx_add_psk(ctx, "i", row->server_key, 16), NULL);
  return ctx;
}

static sslc_status
step(sslc_conn *conn, int unlucky)
{
  sslc_status status;

  memory_pause(!unlucky);
  status = sslc_conn_do_handshake(conn);
  memory_pause(1);
  return status;
}

static void
check_side(const struct row *row, sslc_conn *conn, sslc_status status, long n)
{
  if (status == SSLC_OK && !row->let_in)
    fail_msg("allocation %ld: let in", n);
  if (status == SSLC_OK && sslc_conn_psk_identity(conn) == NULL)
    fail_msg("allocation %ld: connected without the key", n);
  if (status < 0 && sslc_conn_error(conn) == NULL)
    fail_msg("allocation %ld: failed for no reason", n);
}

static int
fail_once(const struct row *row, sslc_ctx *client, sslc_ctx *serving, long n)
{
  struct peers p;
  sslc_status ours, theirs;
  int failed, rounds = 0;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(serving), NULL);
  memory_fail_at(n);
  memory_pause(1);
  do {
    ours = step(p.client, !row->servers);
    theirs = step(p.server, row->servers);
  } while ((is_want(ours) || is_want(theirs)) && ++rounds < 20);
  failed = n > 0 && memory_count() >= n;
  memory_fail_at(0);
  check_side(row, p.client, ours, n);
  /* A server with a certificate alone lets anybody in. */
  if (row->server_key != NULL)
    check_side(row, p.server, theirs, n);
  if (!failed)
    assert_int_equal(ours == SSLC_OK, row->let_in);
  peers_free(&p);
  return failed;
}

static void
test_row(void **state)
{
  const struct row *row = *state;
  sslc_ctx *client = make_client(row), *serving = make_server(row);
  long n = 1;

  fail_once(row, client, serving, 0); /* what is made once */
  while (fail_once(row, client, serving, n))
    n += memory_step(7);
  assert_true(n > 50);
  sslc_ctx_free(client);
  sslc_ctx_free(serving);
}

/* A context whose key got lost makes no connection. */
static void
test_settings(void **state)
{
  long n;
  int failed;

  (void)state;
  for (n = 1, failed = 1; failed; n++) {
    sslc_ctx *ctx = sslc_ctx_new();
    sslc_conn *conn;
    sslc_status status;

    memory_fail_at(n);
    status = sslc_ctx_add_psk(ctx, "i", KEY, 16);
    failed = memory_count() >= n;
    memory_fail_at(0);
    conn = sslc_conn_new(ctx);
    assert_int_equal(sslc_conn_error(conn) != NULL, status != SSLC_OK);
    if (!failed)
      assert_ok(status, sslc_ctx_error(ctx));
    sslc_conn_free(conn);
    sslc_ctx_free(ctx);
  }
  assert_true(n > 3);
}

int
main(void)
{
  size_t i;

  memory_install();
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_row, &rows[i]);
  add_test("a key that gets lost", test_settings, NULL);
  return run_all("psk_oom");
}
