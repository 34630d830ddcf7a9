/*
 * test_demand_oom.c: memory that runs out while pins, staples and TLSA records
 * are looked at: the N-th allocation of the client fails, for N from 1 until
 * none does (see test_oom.c).  Nobody is let in whom a demand refuses.
 */
#include "support_memory.h"
#include "support_pki.h"

#include <stdlib.h>
#include <string.h>

enum { HOUR = 3600, DAY = 24 * HOUR };

static struct pair root, middle, server, promising, stranger;

static void
make_pki(void)
{
  static const char *const feature[] = { "tlsfeature=status_request", NULL };

  root = pair_authority("oom root", NULL);
  middle = pair_authority("oom middle", &root);
  server = pair_server("oom server", &middle, NULL);
  promising = pair_server("oom promising", &middle, feature);
  stranger = pair_authority("oom stranger", NULL);
}

static void
free_pki(void)
{
  pair_free(&root);
  pair_free(&middle);
  pair_free(&server);
  pair_free(&promising);
  pair_free(&stranger);
}

/* ------------------------------------------------------------------- rows */

enum staple { NONE, GOOD, REVOKED, OF_STRANGER };

static const struct row {
  const char *test;
  const struct pair *leaf, *pinned, *recorded; /* NULL: none */
  enum staple staple;
  int ocsp;
  int no_verify;
  int let_in; /* where there is memory */
} rows[] = {
  { "a pinned key", &server, &middle, NULL, NONE, SSLC_OCSP_IF_STAPLED, 0, 1 },
  { "another pinned key", &server, &stranger, NULL, NONE,
    SSLC_OCSP_IF_STAPLED, 0, 0 },
  { "another pinned key and nothing else", &server, &stranger, NULL, NONE,
    SSLC_OCSP_IF_STAPLED, 1, 0 },
  { "a good staple", &server, NULL, NULL, GOOD, SSLC_OCSP_REQUIRED, 0, 1 },
  { "a staple that says revoked", &server, NULL, NULL, REVOKED,
    SSLC_OCSP_IF_STAPLED, 0, 0 },
  { "a staple of a stranger", &server, NULL, NULL, OF_STRANGER,
    SSLC_OCSP_IF_STAPLED, 0, 0 },
  { "a staple that is missing", &server, NULL, NULL, NONE, SSLC_OCSP_REQUIRED,
    0, 0 },
  { "a staple that was promised", &promising, NULL, NULL, NONE,
    SSLC_OCSP_IF_STAPLED, 0, 0 },
  { "a TLSA record", &server, NULL, &server, NONE, SSLC_OCSP_IF_STAPLED, 0,
    1 },
  { "another TLSA record", &server, NULL, &stranger, NONE,
    SSLC_OCSP_IF_STAPLED, 0, 0 },
};

static sslc_ctx *
make_server(const struct row *row)
{
  struct ocsp says = { &server, &middle, &middle, 0, V_OCSP_CERTSTATUS_GOOD,
                       -HOUR, DAY, NULL };
  sslc_ctx *ctx = pair_server_ctx(row->leaf, &middle);
  unsigned char *der;
  size_t len;

  if (row->staple == NONE)
    return ctx;
  if (row->staple == REVOKED)
    says.status = V_OCSP_CERTSTATUS_REVOKED;
  if (row->staple == OF_STRANGER)
    says.signer = &stranger;
  der = ocsp_make(&says, &len);
  assert_ok(sslc_ctx_use_ocsp_response_der(ctx, der, len), NULL);
  OPENSSL_free(der);
  return ctx;
}

static sslc_ctx *
make_client(const struct row *row)
{
  sslc_ctx *ctx = pair_client_ctx(&root);
  char *pin;

  assert_ok(sslc_ctx_set_ocsp(ctx, row->ocsp), NULL);
  assert_ok(sslc_ctx_set_insecure_no_verify(ctx, row->no_verify), NULL);
  if (row->pinned != NULL) {
    pin = pair_hex_pin(row->pinned);
    assert_ok(sslc_ctx_add_pin(ctx, pin), NULL);
    free(pin);
  }
  return ctx;
}

/* Bytes of a record 3 1 0, the whole key. */
static unsigned char *
key_of(const struct pair *pair, size_t *len)
{
  unsigned char *der = NULL;
  int n = i2d_PUBKEY(pair->key, &der);

  assert_true(n > 0);
  *len = (size_t)n;
  return der;
}

/* ---------------------------------------------------------------- one try */

/* As a program that looks at results: a demand that could not be set ends
 * it. */
static sslc_status
unlucky(sslc_conn *conn, const unsigned char *key, size_t len, int begun)
{
  sslc_status status = SSLC_OK;

  memory_pause(0);
  if (!begun && key != NULL)
    status = sslc_conn_add_tlsa(conn, 3, 1, 0, key, len);
  if (status == SSLC_OK)
    status = sslc_conn_do_handshake(conn);
  memory_pause(1);
  return status;
}

static int
fail_once(const struct row *row, sslc_ctx *client, sslc_ctx *serving, long n)
{
  struct peers p;
  size_t len = 0;
  unsigned char *key = row->recorded ? key_of(row->recorded, &len) : NULL;
  sslc_status status;
  int failed, begun = 0;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(serving),
             "localhost");
  memory_fail_at(n);
  do {
    status = unlucky(p.client, key, len, begun++);
    sslc_conn_do_handshake(p.server);
  } while (is_want(status) && begun < 100);
  failed = n > 0 && memory_count() >= n;
  memory_fail_at(0);
  if (status == SSLC_OK && !row->let_in)
    fail_msg("allocation %ld: the server was let in", n);
  if (status == SSLC_OK && !sslc_conn_is_verified(p.client))
    fail_msg("allocation %ld: connected without verifying", n);
  if (status < 0 && sslc_conn_error(p.client) == NULL)
    fail_msg("allocation %ld: failed for no reason", n);
  if (!failed)
    assert_status(status, row->let_in ? SSLC_OK : SSLC_ERR_VERIFY,
                  sslc_conn_error(p.client));
  peers_free(&p);
  OPENSSL_free(key);
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
    n += memory_step(43);
  assert_true(n > 50);
  sslc_ctx_free(client);
  sslc_ctx_free(serving);
}

/* --------------------------------------------------------------- settings */

/* A context whose pin got lost makes no connection. */
static void
test_settings(void **state)
{
  long n;
  int failed;

  (void)state;
  for (n = 1, failed = 1; failed; n++) {
    sslc_ctx *ctx = sslc_ctx_new();
    char *pin = pair_hex_pin(&server);
    sslc_conn *conn;

    memory_fail_at(n);
    sslc_ctx_add_pin(ctx, pin);
    failed = memory_count() >= n;
    memory_fail_at(0);
    conn = sslc_conn_new(ctx);
    assert_int_equal(sslc_conn_error(conn) != NULL, failed);
    sslc_conn_free(conn);
    sslc_ctx_free(ctx);
    free(pin);
  }
}

int
main(void)
{
  size_t i;
  int failed;

  memory_install();
  make_pki();
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_row, &rows[i]);
  add_test("a pin that gets lost", test_settings, NULL);
  failed = run_all("demand_oom");
  free_pki();
  return failed;
}
