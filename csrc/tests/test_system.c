/*
 * test_system.c: the system's trust.  It is read once for a process, so this
 * one points SSL_CERT_FILE and SSL_CERT_DIR elsewhere before it begins:
 * SSL_CTX_set_default_verify_paths(3).
 */
#include "support.h"

#include <stdlib.h>

/* A client of the system's trust, and what else is named. */
static sslc_ctx *
system_ctx(const char *also)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_non_null(ctx);
  if (also != NULL) {
    assert_ok(sslc_ctx_load_verify_system(ctx), sslc_ctx_error(ctx));
    assert_ok(sslc_ctx_load_verify_file(ctx, cert_path(also)),
              sslc_ctx_error(ctx));
  }
  return ctx;
}

static void
check_server(sslc_ctx *client, const char *leaf, int code)
{
  struct peers p;

  peers_init(&p, client, make_server_ctx(leaf), "localhost");
  shake(&p);
  if (code == SSLC_CODE_NONE)
    assert_ok(p.client_status, sslc_conn_error(p.client));
  else
    assert_code(sslc_conn_error(p.client), code);
  peers_free(&p);
}

static void
test_default(void **state)
{
  (void)state;
  check_server(system_ctx(NULL), "unknown", SSLC_CODE_NONE);
  check_server(system_ctx(NULL), "good", SSLC_CODE_UNKNOWN_AUTHORITY);
}

static void
test_replaced(void **state)
{
  (void)state;
  check_server(make_client_ctx(), "unknown", SSLC_CODE_UNKNOWN_AUTHORITY);
  check_server(make_client_ctx(), "good", SSLC_CODE_NONE);
}

static void
test_both(void **state)
{
  (void)state;
  check_server(system_ctx("ca.pem"), "unknown", SSLC_CODE_NONE);
  check_server(system_ctx("ca.pem"), "good", SSLC_CODE_NONE);
  check_server(system_ctx("ca.pem"), "selfsigned", SSLC_CODE_SELF_SIGNED);
}

/* What one context adds must not get into the store that all share. */
static void
test_not_added_to_all(void **state)
{
  (void)state;
  check_server(system_ctx("ca.pem"), "good", SSLC_CODE_NONE);
  check_server(system_ctx(NULL), "good", SSLC_CODE_UNKNOWN_AUTHORITY);
}

static sslc_ctx *
system_ctx_with_crl(const char *also)
{
  sslc_ctx *ctx = system_ctx(also);

  assert_ok(sslc_ctx_load_crl_file(ctx, cert_path("crl.pem")),
            sslc_ctx_error(ctx));
  return ctx;
}

static void
test_crl(void **state)
{
  (void)state;
  check_server(system_ctx_with_crl(NULL), "unknown",
               SSLC_CODE_REVOCATION_UNKNOWN);
  check_server(system_ctx_with_crl(NULL), "good",
               SSLC_CODE_UNKNOWN_AUTHORITY);
  check_server(system_ctx_with_crl("ca.pem"), "revoked",
               SSLC_CODE_CERTIFICATE_REVOKED);
  check_server(system_ctx_with_crl("ca.pem"), "direct", SSLC_CODE_NONE);
}

/* Nor may its demand for lists. */
static void
test_crl_not_for_all(void **state)
{
  (void)state;
  check_server(system_ctx_with_crl(NULL), "unknown",
               SSLC_CODE_REVOCATION_UNKNOWN);
  check_server(system_ctx(NULL), "unknown", SSLC_CODE_NONE);
}

int
main(void)
{
  if (setenv("SSL_CERT_FILE", cert_path("otherca.pem"), 1) != 0 ||
      setenv("SSL_CERT_DIR", cert_path("no-such-directory"), 1) != 0)
    return EXIT_FAILURE;
  add_test("with nothing named, the system's trust counts", test_default,
           NULL);
  add_test("what is named replaces the system's trust", test_replaced, NULL);
  add_test("the system's trust can be named with others", test_both, NULL);
  add_test("one context's trust is not another's", test_not_added_to_all,
           NULL);
  add_test("revocation lists go with the system's trust", test_crl, NULL);
  add_test("one context's lists are not another's", test_crl_not_for_all,
           NULL);
  return run_all("system");
}
