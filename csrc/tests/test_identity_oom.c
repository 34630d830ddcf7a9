/*
 * test_identity_oom.c: memory that runs out while a context is told who it is:
 * the N-th allocation fails, for N from 1 until none does (see test_oom.c).
 * What was not set serves nobody, and what was is whole.
 *
 * URIs are not among it: short of memory OpenSSL 3.0 itself frees a loader of
 * OSSL_STORE_open(3) twice, and reads what it did not get in
 * OSSL_DECODER_from_bio(3).
 */
#include "support.h"
#include "support_memory.h"

#include <limits.h>
#include <string.h>

/* A context that may be added to others, made while memory is there. */
static sslc_ctx *spare;

static sslc_status
use_pkcs12(sslc_ctx *ctx)
{
  sslc_status status = sslc_ctx_set_key_password(ctx, "secret");

  return status == SSLC_OK
    ? sslc_ctx_use_pkcs12_file(ctx, cert_path("client.p12")) : status;
}

static sslc_status
use_encrypted_key(sslc_ctx *ctx)
{
  sslc_status status =
    sslc_ctx_use_certificate_file(ctx, cert_path("client.pem"));

  if (status == SSLC_OK)
    status = sslc_ctx_set_key_password(ctx, "secret");
  return status == SSLC_OK
    ? sslc_ctx_use_private_key_file(ctx, cert_path("client-enc.key")) : status;
}

static sslc_status
add_identity(sslc_ctx *ctx)
{
  return sslc_ctx_add_identity(ctx, spare);
}

static sslc_status
add_server_name(sslc_ctx *ctx)
{
  sslc_status status = sslc_ctx_add_server_name(ctx, "localhost", spare);

  return status == SSLC_OK ? sslc_ctx_set_strict_sni(ctx, 1) : status;
}

static const struct row {
  const char *test;
  sslc_status (*set)(sslc_ctx *ctx);
  const char *subject; /* of the certificate that is shown then */
} rows[] = {
  { "PKCS #12", use_pkcs12, "CN=client" },
  { "a key that is encrypted", use_encrypted_key, "CN=client" },
  { "an identity", add_identity, "CN=direct" },
  { "a server name", add_server_name, "CN=direct" },
};

static void
check_serves(const struct row *row, sslc_ctx *ctx)
{
  struct peers p;
  sslc_ctx *client = make_client_ctx();

  assert_ok(sslc_ctx_set_insecure_no_verify(client, 1), NULL);
  peers_init(&p, client, sslc_ctx_up_ref(ctx), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(sslc_cert_subject(sslc_conn_peer_cert(p.client, 0)),
                      row->subject);
  peers_free(&p);
}

/* Short of memory, or what that looks like from where the reason is lost; in
 * any case the context is of no use from then on. */
static void
check_serves_nobody(sslc_ctx *ctx)
{
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(sslc_ctx_error(ctx));
  assert_true(sslc_ctx_check(ctx) < 0);
  assert_non_null(conn);
  assert_true(sslc_conn_accept(conn) < 0);
  sslc_conn_free(conn);
}

static int
set_once(const struct row *row, long n)
{
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_status status;
  int failed;

  assert_non_null(ctx);
  spare = make_server_ctx("direct");
  memory_fail_at(n);
  status = row->set(ctx);
  failed = memory_count() >= n;
  memory_fail_at(0);
  if (!failed)
    assert_ok(status, sslc_ctx_error(ctx));
  if (status == SSLC_OK)
    check_serves(row, ctx);
  else
    check_serves_nobody(ctx);
  sslc_ctx_free(spare);
  sslc_ctx_free(ctx);
  return failed;
}

/* Once with all the memory there is: what libcrypto keeps for the process is
 * then there.  Where it fails to make that it stays without it: OpenSSL 3.0
 * does not find an algorithm again that it had no memory for. */
static void
test_setting(void **state)
{
  long n = 1;

  assert_false(set_once(*state, LONG_MAX));
  while (set_once(*state, n))
    n += memory_step(n < 50 ? 1 : 251);
}

/* -------------------------------------------------------- a secret's digest */

static void
test_digest(void **state)
{
  static const unsigned char zeros[SSLC_SECRET_DIGEST];
  unsigned char want[SSLC_SECRET_DIGEST], got[SSLC_SECRET_DIGEST];
  sslc_status status;
  long n;
  int failed;

  (void)state;
  assert_int_equal(sslc_secret_digest(NULL, 1, got), SSLC_ERR_ARG);
  assert_int_equal(sslc_secret_digest("x", 1, NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_secret_digest(NULL, 0, got), SSLC_OK);
  assert_int_equal(sslc_secret_digest("x", 1, want), SSLC_OK);
  assert_memory_not_equal(want, got, sizeof want);
  for (n = 1, failed = 1; failed; n++) {
    memory_fail_at(n);
    status = sslc_secret_digest("x", 1, got);
    failed = memory_count() >= n;
    memory_fail_at(0);
    assert_memory_equal(got, status == SSLC_OK ? want : zeros, sizeof got);
    assert_true(failed || status == SSLC_OK);
  }
}

int
main(void)
{
  size_t i;

  memory_install();
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_setting, &rows[i]);
  add_test("a digest", test_digest, NULL);
  return run_all("identity_oom");
}
