/*
 * test_sni.c: a server of several names: the server name of the ClientHello
 * chooses the context.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

static void
add_name(sslc_ctx *ctx, const char *name, const char *leaf)
{
  sslc_ctx *other = make_server_ctx(leaf);

  assert_ok(sslc_ctx_add_server_name(ctx, name, other), sslc_ctx_error(ctx));
  sslc_ctx_free(other);
}

/* Its own is good; or it has none. */
static sslc_ctx *
make_server(int own, int strict)
{
  sslc_ctx *ctx = own ? make_server_ctx("good") : sslc_ctx_new();

  add_name(ctx, "a.example", "direct");
  add_name(ctx, "*.B.example", "wronghost");
  add_name(ctx, "x.b.example", "rsa");
  assert_ok(sslc_ctx_set_strict_sni(ctx, strict), sslc_ctx_error(ctx));
  return ctx;
}

static sslc_ctx *
make_client(int version)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_insecure_no_verify(ctx, 1), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  return ctx;
}

static const struct row {
  const char *test;
  int own, strict;
  const char *name;    /* NULL: none is sent */
  const char *subject; /* NULL: refused */
} rows[] = {
  { "the name itself", 1, 0, "a.example", "CN=direct" },
  { "the name in capitals", 1, 0, "A.EXAMPLE", "CN=direct" },
  { "a wildcard", 1, 0, "y.b.example", "CN=wronghost" },
  { "the name before the wildcard", 1, 0, "x.b.example", "CN=rsa" },
  { "a wildcard is not for two labels", 1, 0, "z.y.b.example", "CN=good" },
  { "a wildcard is not for none", 1, 0, "b.example", "CN=good" },
  { "a name that has another behind it", 1, 0, "a.example.net", "CN=good" },
  { "a name that has another in front", 1, 0, "xa.example", "CN=good" },
  { "another name", 1, 0, "other.example", "CN=good" },
  { "no name", 1, 0, NULL, "CN=good" },
  { "a name with strict_sni", 1, 1, "a.example", "CN=direct" },
  { "another name with strict_sni", 1, 1, "other.example", NULL },
  { "no name with strict_sni", 1, 1, NULL, NULL },
  { "a name without a certificate of its own", 0, 0, "a.example",
    "CN=direct" },
  { "another name without one", 0, 0, "other.example", NULL },
  { "no name without one", 0, 0, NULL, NULL },
};

static void
check_refused(const struct peers *p, const struct row *row)
{
  assert_status(p->server_status, SSLC_ERR_CANCELED,
                sslc_conn_error(p->server));
  assert_has(sslc_error_message(sslc_conn_error(p->server)),
             row->name ? "nobody serves" : "names no server");
  assert_true(p->client_status < 0);
  assert_int_equal(sslc_error_alert(sslc_conn_error(p->client)),
                   row->name ? 112 : 40);
}

static void
test_name(void **state)
{
  static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };
  const struct row *row = *state;
  size_t i;

  for (i = 0; i < COUNT(versions); i++) {
    struct peers p;
    peers_init(&p, make_client(versions[i]),
               make_server(row->own, row->strict), row->name);
    shake(&p);
    if (row->subject) {
      assert_status(p.client_status, SSLC_OK, sslc_conn_error(p.client));
      assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
      assert_string_equal(
        sslc_cert_subject(sslc_conn_peer_cert(p.client, 0)), row->subject);
    } else {
      check_refused(&p, row);
    }
    peers_free(&p);
  }
}

/* What the chosen context demands of clients is demanded. */
static void
test_demands(void **state)
{
  struct peers p;
  sslc_ctx *server = make_server_ctx("good"), *other = make_server_ctx("good");

  (void)state;
  sslc_ctx_load_verify_file(other, cert_path("ca.pem"));
  sslc_ctx_set_verify_client(other, SSLC_VERIFY_CLIENT_REQUIRED);
  assert_ok(sslc_ctx_add_server_name(server, "a.example", other),
            sslc_ctx_error(server));
  sslc_ctx_free(other);
  peers_init(&p, make_client(SSLC_TLS1_2), server, "a.example");
  assert_ptr_equal(sslc_conn_ctx(p.server), server);
  shake(&p);
  assert_ptr_equal(sslc_conn_ctx(p.server), other);
  assert_status(p.server_status, SSLC_ERR_VERIFY, sslc_conn_error(p.server));
  assert_code(sslc_conn_error(p.server), SSLC_CODE_CERTIFICATE_MISSING);
  peers_free(&p);
}

/* What is not among the names is the hook's to answer. */
static void
test_hook(void **state)
{
  struct peers p;
  sslc_ctx *server = make_server(1, 1);

  (void)state;
  assert_ok(sslc_ctx_set_client_hello(server, 1), sslc_ctx_error(server));
  peers_init(&p, make_client(SSLC_TLS1_3), sslc_ctx_up_ref(server),
             "other.example");
  shake(&p);
  assert_int_equal(p.server_status, SSLC_WANT_CLIENT_HELLO_CB);
  assert_ptr_equal(sslc_conn_ctx(p.server), server);
  assert_ok(sslc_conn_answer_client_hello(p.server, NULL), NULL);
  shake(&p);
  assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
  peers_free(&p);
  peers_init(&p, make_client(SSLC_TLS1_3), server, "a.example");
  shake(&p);
  assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
  peers_free(&p);
}

static void
check_bad(const char *name, sslc_ctx *other, const char *says)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_status(sslc_ctx_add_server_name(ctx, name, other), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), says);
  sslc_ctx_free(other);
  sslc_ctx_free(ctx);
}

static void
test_misuse(void **state)
{
  static const char *const names[] = { "", "*", "*.", "a..b", "*.*.a", "a*.b",
                                       "192.0.2.1", "::1", "a b" };
  sslc_ctx *ctx = make_server(1, 0), *other = make_server_ctx("good");
  size_t i;

  (void)state;
  assert_int_equal(sslc_ctx_add_server_name(NULL, "a", other), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_set_strict_sni(NULL, 1), SSLC_ERR_ARG);
  assert_null(sslc_conn_ctx(NULL));
  for (i = 0; i < COUNT(names); i++)
    check_bad(names[i], make_server_ctx("good"), "server_name");
  check_bad(NULL, make_server_ctx("good"), "server_name");
  check_bad("a.example", NULL, "needs another context");
  check_bad("a.example", sslc_ctx_new(), "no certificate and key");
  assert_status(sslc_ctx_add_server_name(ctx, "A.example", other),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "twice");
  sslc_ctx_free(ctx);
  assert_int_equal(sslc_ctx_set_strict_sni(other, 1), SSLC_ERR_STATE);
  sslc_ctx_free(other);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_name, &rows[i]);
  add_test("the chosen context's demands hold", test_demands, NULL);
  add_test("the hook answers for other names", test_hook, NULL);
  add_test("what is no name is refused", test_misuse, NULL);
  return run_all("sni");
}
