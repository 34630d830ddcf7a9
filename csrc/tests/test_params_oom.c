/*
 * test_params_oom.c: memory that runs out while parameters are set, or secrets
 * exported: the N-th allocation fails, for N from 1 until none does (see
 * test_oom.c).  What was not set makes no connection, and no secret is half of
 * one.
 */
#include "support.h"
#include "support_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static sslc_status
set_ciphers(sslc_ctx *ctx)
{
  return sslc_ctx_set_ciphers(ctx, "ECDHE-ECDSA-CHACHA20-POLY1305:!aNULL");
}

static sslc_status
set_ciphersuites(sslc_ctx *ctx)
{
  return sslc_ctx_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
}

static sslc_status
set_groups(sslc_ctx *ctx)
{
  return sslc_ctx_set_groups(ctx, "P-384:P-256:!X25519MLKEM768");
}

static sslc_status
set_sigalgs(sslc_ctx *ctx)
{
  return sslc_ctx_set_sigalgs(ctx, "ECDSA+SHA256:rsa_pss_rsae_sha256");
}

static char log_path[] = "/tmp/sslc_oom.XXXXXX";

static sslc_status
set_keylog(sslc_ctx *ctx)
{
  return sslc_ctx_set_keylog_file(ctx, log_path);
}

static const struct row {
  const char *test;
  sslc_status (*set)(sslc_ctx *ctx);
  int version;
  const char *cipher, *group; /* what then is agreed on; NULL: any */
} rows[] = {
  { "ciphers", set_ciphers, SSLC_TLS1_2,
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", NULL },
  { "ciphersuites", set_ciphersuites, SSLC_TLS1_3, "TLS_AES_128_GCM_SHA256",
    NULL },
  { "groups", set_groups, SSLC_TLS1_3, NULL, "secp384r1" },
  { "sigalgs", set_sigalgs, SSLC_TLS1_3, NULL, NULL },
  { "key log", set_keylog, SSLC_TLS1_3, NULL, NULL },
};

static void
check_set(const struct row *row, sslc_ctx *ctx)
{
  struct peers p;

  peers_init(&p, sslc_ctx_up_ref(ctx), make_server_ctx("good"), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  if (row->cipher != NULL)
    assert_string_equal(sslc_conn_cipher(p.client), row->cipher);
  if (row->group != NULL)
    assert_string_equal(sslc_conn_group(p.client), row->group);
  peers_free(&p);
}

static void
check_not_set(sslc_ctx *ctx)
{
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(sslc_ctx_error(ctx));
  assert_non_null(conn);
  assert_true(sslc_conn_connect(conn) < 0);
  sslc_conn_free(conn);
}

static int
set_once(const struct row *row, long n)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_status status;
  int failed;

  assert_ok(sslc_ctx_set_max_version(ctx, row->version), NULL);
  memory_fail_at(n);
  status = row->set(ctx);
  failed = memory_count() >= n;
  memory_fail_at(0);
  if (!failed)
    assert_ok(status, sslc_ctx_error(ctx));
  if (status == SSLC_OK)
    check_set(row, ctx);
  else
    check_not_set(ctx);
  sslc_ctx_free(ctx);
  return failed;
}

static void
test_setting(void **state)
{
  long n = 1;

  while (set_once(*state, n))
    n += memory_step(n < 50 ? 1 : 13);
}

/* ----------------------------------------------------------------- secrets */

typedef sslc_status give(sslc_conn *conn, unsigned char *out, size_t *n);

static sslc_status
give_material(sslc_conn *conn, unsigned char *out, size_t *n)
{
  *n = 32;
  return sslc_conn_export_keying_material(conn, out, *n, "EXPORTER-x", "y", 1);
}

static sslc_status
give_exporter(sslc_conn *conn, unsigned char *out, size_t *n)
{
  return sslc_conn_channel_binding(conn, "tls-exporter", out,
                                   SSLC_CHANNEL_BINDING_MAX, n);
}

static sslc_status
give_end_point(sslc_conn *conn, unsigned char *out, size_t *n)
{
  return sslc_conn_channel_binding(conn, "tls-server-end-point", out,
                                   SSLC_CHANNEL_BINDING_MAX, n);
}

static give *const givers[] = { give_material, give_exporter, give_end_point };

static void
test_secrets(void **state)
{
  static const unsigned char zeros[SSLC_CHANNEL_BINDING_MAX];
  unsigned char want[SSLC_CHANNEL_BINDING_MAX];
  unsigned char got[SSLC_CHANNEL_BINDING_MAX];
  size_t i, n, len;
  struct peers p;
  long at;
  int failed;

  (void)state;
  peers_connect(&p);
  for (i = 0; i < COUNT(givers); i++) {
    assert_ok(givers[i](p.client, want, &len), sslc_conn_error(p.client));
    for (at = 1, failed = 1; failed; at++) {
      memset(got, 0, sizeof got);
      memory_fail_at(at);
      sslc_status status = givers[i](p.client, got, &n);
      failed = memory_count() >= at;
      memory_fail_at(0);
      if (status == SSLC_OK)
        assert_memory_equal(got, want, len);
      else
        assert_memory_equal(got, zeros, sizeof zeros);
      assert_true(failed || status == SSLC_OK);
    }
  }
  peers_free(&p);
}

int
main(void)
{
  size_t i;
  int fd, failed;

  memory_install();
  fd = mkstemp(log_path);
  if (fd < 0)
    return 1;
  close(fd);
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_setting, &rows[i]);
  add_test("secrets", test_secrets, NULL);
  failed = run_all("params_oom");
  unlink(log_path);
  return failed;
}
