/*
 * test_throwaway.c: certificates made at run time: good for their name, by the
 * rules of RFC 5280, and for nobody who was not told to trust them.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

/* A context with a certificate for the name; *authority is to be freed. */
static sslc_ctx *
throwaway(const char *name, sslc_cert **authority)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_non_null(ctx);
  assert_ok(sslc_ctx_use_throwaway_certificate(ctx, name, authority),
            sslc_ctx_error(ctx));
  assert_non_null(*authority);
  return ctx;
}

static void
trust(sslc_ctx *ctx, const sslc_cert *cert)
{
  const char *pem = sslc_cert_pem(cert);

  assert_ok(sslc_ctx_load_verify_pem(ctx, pem, strlen(pem)),
            sslc_ctx_error(ctx));
}

/* A client that trusts the server's authority, before the handshake. */
static void
init(struct peers *p, const char *made_for, const char *server_name)
{
  sslc_cert *authority;
  sslc_ctx *server = throwaway(made_for, &authority);
  sslc_ctx *client = sslc_ctx_new();

  trust(client, authority);
  sslc_cert_free(authority);
  peers_init(p, client, server, server_name);
}

/* ------------------------------------------------------------- its name */

static const struct row {
  const char *test, *made_for, *server_name, *name;
} rows[] = {
  { "it is good for a name", "localhost", "localhost", "DNS:localhost" },
  { "it is good for a name in other letters", "One.Example.", "one.EXAMPLE",
    "DNS:one.example" },
  { "it is good for an IPv4 address", "127.0.0.1", "127.0.0.1",
    "IP:127.0.0.1" },
  { "it is good for an IPv6 address", "[::1]", "::1", "IP:::1" },
};

static void
test_name(void **state)
{
  const struct row *row = *state;
  const sslc_cert *cert;
  struct peers p;

  init(&p, row->made_for, row->server_name);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  assert_int_equal(sslc_conn_peer_cert_count(p.client), 1);
  cert = sslc_conn_peer_cert(p.client, 0);
  assert_int_equal(sslc_cert_name_count(cert), 1);
  assert_string_equal(sslc_cert_name(cert, 0), row->name);
  assert_string_equal(sslc_cert_subject(cert), "CN=throw-away certificate");
  assert_string_equal(sslc_cert_issuer(cert), "CN=throw-away authority");
  peers_free(&p);
}

static void
test_longest(void **state)
{
  char name[254];
  struct peers p;
  size_t i;

  (void)state;
  memset(name, 'a', sizeof name);
  for (i = 63; i < 253; i += 64)
    name[i] = '.';
  name[253] = '\0';
  init(&p, name, name);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  peers_free(&p);
}

static void
test_other_name(void **state)
{
  static const char *const others[] = { "other.example", "127.0.0.1",
                                        "a.localhost" };
  struct peers p;
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(others); i++) {
    init(&p, "localhost", others[i]);
    assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
    assert_code(sslc_conn_error(p.client), SSLC_CODE_HOSTNAME_MISMATCH);
    peers_free(&p);
  }
}

static const char *const bad_names[] = {
  NULL, "", "*.example", "a..example", "a,DNS:b", "a b", "127.1",
};

static void
test_bad_names(void **state)
{
  sslc_cert *authority;
  sslc_ctx *ctx;
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(bad_names); i++) {
    ctx = sslc_ctx_new();
    authority = (sslc_cert *)ctx; /* to be taken away */
    assert_status(sslc_ctx_use_throwaway_certificate(ctx, bad_names[i],
                                                     &authority),
                  SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
    assert_null(authority);
    assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
    assert_phase(sslc_ctx_error(ctx), SSLC_PHASE_CONFIG);
    assert_has(sslc_error_message(sslc_ctx_error(ctx)), "name \"");
    assert_status(sslc_ctx_check(ctx), SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
    sslc_ctx_free(ctx);
  }
}

/* ------------------------------------------------------------ who trusts it */

static void
refused(sslc_ctx *client, sslc_ctx *server)
{
  struct peers p;

  peers_init(&p, client, server, "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_UNKNOWN_AUTHORITY);
  peers_free(&p);
}

static void
test_nobody_else(void **state)
{
  sslc_cert *authority;
  sslc_ctx *server = throwaway("localhost", &authority);

  (void)state;
  sslc_cert_free(authority);
  refused(sslc_ctx_new(), sslc_ctx_up_ref(server)); /* the system's trust */
  refused(make_client_ctx(), sslc_ctx_up_ref(server));
  refused(throwaway("localhost", &authority), server); /* one of its own */
  sslc_cert_free(authority);
}

static void
test_other_authority(void **state)
{
  sslc_cert *one, *two;
  sslc_ctx *first = throwaway("localhost", &one);
  sslc_ctx *second = throwaway("localhost", &two);
  sslc_ctx *client = sslc_ctx_new();

  (void)state;
  assert_string_not_equal(sslc_cert_serial(one), sslc_cert_serial(two));
  assert_string_not_equal(sslc_cert_fingerprint(one),
                          sslc_cert_fingerprint(two));
  trust(client, one);
  refused(client, second);
  sslc_ctx_free(first);
  sslc_cert_free(one);
  sslc_cert_free(two);
}

static void
test_client(void **state)
{
  sslc_cert *server_authority, *client_authority;
  sslc_ctx *server = throwaway("localhost", &server_authority);
  sslc_ctx *client = throwaway("client.example", &client_authority);
  struct peers p;

  (void)state;
  trust(client, server_authority);
  trust(server, client_authority);
  assert_ok(sslc_ctx_set_verify_client(server, SSLC_VERIFY_CLIENT_REQUIRED),
            sslc_ctx_error(server));
  sslc_cert_free(server_authority);
  sslc_cert_free(client_authority);
  peers_init(&p, client, server, "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
  assert_int_equal(sslc_conn_is_verified(p.server), 1);
  peers_free(&p);
}

/* ----------------------------------------------------------------- RFC 5280 */

static X509 *
x509_of(const sslc_cert *cert)
{
  size_t len;
  const unsigned char *der = sslc_cert_der(cert, &len);
  X509 *x509 = d2i_X509(NULL, &der, (long)len);

  assert_non_null(x509);
  return x509;
}

static void
verify_strictly(X509 *leaf, X509 *authority, const char *purpose)
{
  X509_STORE *store = X509_STORE_new();
  X509_STORE_CTX *ctx = X509_STORE_CTX_new();

  assert_int_equal(X509_STORE_add_cert(store, authority), 1);
  assert_int_equal(X509_STORE_CTX_init(ctx, store, leaf, NULL), 1);
  assert_int_equal(X509_STORE_CTX_set_default(ctx, purpose), 1);
  X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT |
                                X509_V_FLAG_CHECK_SS_SIGNATURE);
  if (X509_verify_cert(ctx) != 1)
    fail_msg("%s: %s", purpose, X509_verify_cert_error_string(
                                  X509_STORE_CTX_get_error(ctx)));
  X509_STORE_CTX_free(ctx);
  X509_STORE_free(store);
}

static void
test_strict(void **state)
{
  sslc_cert *cert;
  sslc_ctx *server = throwaway("localhost", &cert);
  sslc_ctx *client = sslc_ctx_new();
  X509 *leaf, *authority = x509_of(cert);
  struct peers p;

  (void)state;
  trust(client, cert);
  sslc_cert_free(cert);
  peers_init(&p, client, server, "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  leaf = x509_of(sslc_conn_peer_cert(p.client, 0));
  verify_strictly(leaf, authority, "ssl_server");
  verify_strictly(leaf, authority, "ssl_client");
  assert_int_equal(X509_get_version(leaf), 2);
  assert_int_equal(X509_check_ca(authority), 1);
  assert_int_equal(X509_get_pathlen(authority), 0);
  assert_int_equal(X509_get_key_usage(authority), KU_KEY_CERT_SIGN);
  assert_int_equal(X509_check_ca(leaf), 0);
  assert_int_equal(X509_get_extension_flags(leaf) & EXFLAG_CA, 0);
  assert_int_equal(X509_get_key_usage(leaf), KU_DIGITAL_SIGNATURE);
  X509_free(leaf);
  X509_free(authority);
  peers_free(&p);
}

static void
test_validity(void **state)
{
  const int64_t hour = 3600, day = 24 * hour;
  int64_t before = time(NULL), after;
  sslc_cert *cert;
  sslc_ctx *ctx = throwaway("localhost", &cert);

  (void)state;
  after = time(NULL);
  assert_true(sslc_cert_not_before(cert) >= before - hour);
  assert_true(sslc_cert_not_before(cert) <= after - hour);
  assert_true(sslc_cert_not_after(cert) >= before + day);
  assert_true(sslc_cert_not_after(cert) <= after + day);
  sslc_cert_free(cert);
  sslc_ctx_free(ctx);
}

/* --------------------------------------------------------------- the setter */

static void
test_replaces(void **state)
{
  sslc_ctx *server = make_server_ctx("good");
  sslc_ctx *client = sslc_ctx_new();
  sslc_cert *authority;
  struct peers p;

  (void)state;
  assert_ok(sslc_ctx_use_throwaway_certificate(server, "localhost", NULL),
            sslc_ctx_error(server));
  assert_ok(sslc_ctx_use_throwaway_certificate(server, "localhost",
                                               &authority),
            sslc_ctx_error(server));
  trust(client, authority);
  sslc_cert_free(authority);
  peers_init(&p, client, server, "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_peer_cert_count(p.client), 1);
  peers_free(&p);
}

static void
test_too_late(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);
  sslc_cert *authority = (sslc_cert *)ctx;

  (void)state;
  assert_status(sslc_ctx_use_throwaway_certificate(ctx, "localhost",
                                                   &authority),
                SSLC_ERR_STATE, sslc_ctx_error(ctx));
  assert_null(authority);
  assert_status(sslc_ctx_use_throwaway_certificate(NULL, "localhost",
                                                   &authority),
                SSLC_ERR_ARG, NULL);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_name, &rows[i]);
  add_test("it is good for the longest name", test_longest, NULL);
  add_test("it is good for no other name", test_other_name, NULL);
  add_test("what is no name gets none", test_bad_names, NULL);
  add_test("who was not told does not trust it", test_nobody_else, NULL);
  add_test("each has an authority of its own", test_other_authority, NULL);
  add_test("it is good for a client too", test_client, NULL);
  add_test("it is by RFC 5280, strictly", test_strict, NULL);
  add_test("it is good for a day", test_validity, NULL);
  add_test("it stands in the place of another", test_replaces, NULL);
  add_test("it is for contexts that are not in use", test_too_late, NULL);
  return run_all("throwaway");
}
