/*
 * test_hooks_oom.c: memory that runs out while a handshake is suspended and
 * answered: the N-th allocation of one side fails, for N from 1 until none does
 * (see test_oom.c).  Nobody is let in whom the hook refused, or was not asked
 * about, or whom the chosen context would not have let in.
 */
#include "support.h"
#include "support_memory.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------- rows */

enum hook { VERIFY, LOOKUP, HELLO };

static const struct row {
  const char *test;
  enum hook hook;
  int server;         /* whose handshake runs out of memory, and is answered */
  const char *leaf;   /* the server's */
  const char *client; /* the client's; NULL: none */
  int no_verify;
  int accept;
  int let_in; /* where there is memory */
  long usual_step;
} rows[] = {
  { "a good server that is accepted", VERIFY, 0, "good", NULL, 0, 1, 1, 5 },
  { "a good server that is refused", VERIFY, 0, "good", NULL, 0, 0, 0, 5 },
  { "a server of another name", VERIFY, 0, "wronghost", NULL, 0, 1, 0, 1 },
  { "an expired server that is shown and refused", VERIFY, 0, "expired", NULL,
    1, 0, 0, 5 },
  { "a client that is refused", VERIFY, 1, "good", "client", 0, 0, 0, 7 },
  { "a client that is accepted", VERIFY, 1, "good", "client", 0, 1, 1, 7 },
  { "a certificate that is chosen", LOOKUP, 0, "good", NULL, 0, 1, 1, 7 },
  { "a context that demands what the client lacks", HELLO, 1, "good", NULL, 0,
    1, 0, 5 },
};

struct world {
  sslc_ctx *client, *server, *chosen;
};

static sslc_ctx *
trusting(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")), NULL);
  return ctx;
}

static sslc_ctx *
with_hook(sslc_ctx *ctx, const struct row *row)
{
  if (row->hook == VERIFY)
    assert_ok(sslc_ctx_set_retry_verify(ctx, 1), NULL);
  if (row->hook == LOOKUP)
    assert_ok(sslc_ctx_set_x509_lookup(ctx, 1), NULL);
  if (row->hook == HELLO)
    assert_ok(sslc_ctx_set_client_hello(ctx, 1), NULL);
  assert_ok(sslc_ctx_set_insecure_no_verify(ctx, row->no_verify), NULL);
  return ctx;
}

static void
make_world(struct world *w, const struct row *row)
{
  sslc_ctx *client = row->client ? make_server_ctx(row->client)
                                 : sslc_ctx_new();
  int demands = row->client != NULL || row->hook == LOOKUP;

  w->client = trusting(client);
  w->server = trusting(make_lax_server_ctx(row->leaf));
  assert_ok(sslc_ctx_set_verify_client(
              w->server, demands ? SSLC_VERIFY_CLIENT_REQUIRED
                                 : SSLC_VERIFY_CLIENT_NONE), NULL);
  with_hook(row->server ? w->server : w->client, row);
  w->chosen = trusting(make_server_ctx(row->hook == LOOKUP ? "client"
                                                           : "good"));
  assert_ok(sslc_ctx_set_verify_client(w->chosen, SSLC_VERIFY_CLIENT_REQUIRED),
            NULL);
}

/* As a program that looks at no result. */
static void
answer(sslc_conn *conn, sslc_status asked, const struct row *row,
       sslc_ctx *chosen)
{
  if (asked == SSLC_WANT_RETRY_VERIFY) {
    sslc_conn_chain(conn, 0);
    sslc_conn_peer_cert(conn, 0);
    sslc_conn_answer_verify(conn, row->accept, "no");
  }
  if (asked == SSLC_WANT_X509_LOOKUP) {
    sslc_conn_ca_name(conn, 0);
    sslc_conn_answer_x509_lookup(conn, chosen);
  }
  if (asked == SSLC_WANT_CLIENT_HELLO_CB)
    sslc_conn_answer_client_hello(conn, chosen);
}

static sslc_status
unlucky_step(sslc_conn *conn, const struct row *row, sslc_ctx *chosen)
{
  memory_pause(0);
  sslc_status status = sslc_conn_do_handshake(conn);
  answer(conn, status, row, chosen);
  memory_pause(1);
  return status;
}

/* The n-th allocation fails: 1 where there were as many. */
static int
fail_once(const struct row *row, const struct world *w, long n)
{
  struct peers p;
  sslc_conn *unlucky, *other;
  sslc_status status;
  int failed, rounds = 100;

  peers_init(&p, sslc_ctx_up_ref(w->client), sslc_ctx_up_ref(w->server),
             "localhost");
  unlucky = row->server ? p.server : p.client;
  other = row->server ? p.client : p.server;
  memory_fail_at(n);
  do {
    status = unlucky_step(unlucky, row, w->chosen);
    if (status == SSLC_WANT_RETRY_VERIFY && row->accept && !row->let_in)
      fail_msg("allocation %ld: asked about what is bad", n);
    sslc_conn_do_handshake(other);
  } while (is_want(status) && --rounds > 0);
  failed = n > 0 && memory_count() >= n;
  memory_fail_at(0);
  if (status == SSLC_OK && !row->let_in)
    fail_msg("allocation %ld: the peer was let in", n);
  if (status == SSLC_OK && row->hook == VERIFY &&
      !sslc_conn_is_verified(unlucky))
    fail_msg("allocation %ld: connected without verifying", n);
  if (status < 0 && sslc_conn_error(unlucky) == NULL)
    fail_msg("allocation %ld: failed for no reason", n);
  if (!failed && row->let_in)
    assert_status(status, SSLC_OK, sslc_conn_error(unlucky));
  if (!failed && !row->let_in)
    assert_int_equal(sslc_error_status(sslc_conn_error(unlucky)),
                     SSLC_ERR_VERIFY);
  peers_free(&p);
  return failed;
}

static void
test_row(void **state)
{
  const struct row *row = *state;
  struct world w;
  long n = 1;

  make_world(&w, row);
  fail_once(row, &w, 0); /* what is made once */
  while (fail_once(row, &w, n))
    n += memory_step(row->usual_step);
  assert_true(n > 50);
  sslc_ctx_free(w.client);
  sslc_ctx_free(w.server);
  sslc_ctx_free(w.chosen);
}

int
main(void)
{
  size_t i;

  memory_install();
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_row, &rows[i]);
  return run_all("hooks_oom");
}
