/*
 * test_info.c: what a connection and its certificates tell of themselves.
 */
#include "ossl_compat.h"
#include "support.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void
test_before(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_null(sslc_conn_version(p.client));
  assert_null(sslc_conn_cipher(p.client));
  assert_null(sslc_conn_group(p.client));
  assert_null(sslc_conn_alpn(p.client));
  assert_int_equal(sslc_conn_session_reused(p.client), 0);
  assert_int_equal(sslc_conn_peer_cert_count(p.client), 0);
  assert_null(sslc_conn_peer_cert(p.client, 0));
  assert_int_equal(sslc_conn_is_connected(p.client), 0);
  assert_int_equal(sslc_conn_is_verified(p.client), 0);
  assert_string_equal(sslc_conn_server_name(p.client), "localhost");
  assert_null(sslc_conn_server_name(p.server));
  assert_non_null(sslc_conn_state_string(p.client));
  assert_int_equal(sslc_conn_fd(p.client), -1);
  peers_free(&p);
}

static const struct row {
  const char *test;
  int max_version;
  const char *version, *cipher_prefix;
} rows[] = {
  { "what TLS 1.3 negotiated is told", SSLC_TLS1_3, "TLSv1.3", "TLS_" },
  { "what TLS 1.2 negotiated is told", SSLC_TLS1_2, "TLSv1.2",
    "TLS_ECDHE_ECDSA_WITH_" },
};

/* A server of 1.1.1 does not, in TLS 1.2. */
static int
knows_group(const sslc_conn *conn)
{
  return OpenSSL_version_num() >= 0x30000000L || !sslc_conn_is_server(conn) ||
         strcmp(sslc_conn_version(conn), "TLSv1.3") == 0;
}

static void
check_side(sslc_conn *conn, const struct row *row)
{
  const char *cipher = sslc_conn_cipher(conn);

  assert_int_equal(sslc_conn_is_connected(conn), 1);
  assert_string_equal(sslc_conn_version(conn), row->version);
  assert_non_null(cipher);
  assert_memory_equal(cipher, row->cipher_prefix, strlen(row->cipher_prefix));
  if (knows_group(conn)) {
    assert_non_null(sslc_conn_group(conn));
    assert_true(strlen(sslc_conn_group(conn)) > 0);
  }
  assert_string_equal(sslc_conn_server_name(conn), "localhost");
  assert_int_equal(sslc_conn_session_reused(conn), 0);
}

static void
test_negotiated(void **state)
{
  const struct row *row = *state;
  sslc_ctx *ctx = make_client_ctx();
  struct peers p;

  assert_ok(sslc_ctx_set_max_version(ctx, row->max_version),
            sslc_ctx_error(ctx));
  peers_init(&p, ctx, make_server_ctx("good"), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  check_side(p.client, row);
  check_side(p.server, row);
  assert_string_equal(sslc_conn_cipher(p.client), sslc_conn_cipher(p.server));
  if (knows_group(p.server))
    assert_string_equal(sslc_conn_group(p.client), sslc_conn_group(p.server));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  assert_int_equal(sslc_conn_is_verified(p.server), 0);
  assert_int_equal(sslc_conn_peer_cert_count(p.server), 0);
  peers_free(&p);
}

static void
test_descriptor(void **state)
{
  struct peers p;

  (void)state;
  peers_init_sockets(&p, make_client_ctx(), make_server_ctx("good"),
                     "localhost");
  assert_true(sslc_conn_fd(p.client) >= 0);
  assert_int_equal(sslc_conn_fd(p.client),
                   sslc_bio_fd(sslc_conn_rbio(p.client)));
  peers_free(&p);
}

/* ----------------------------------------------------------- certificates */

static void
test_chain(void **state)
{
  struct peers p;
  const sslc_cert *leaf, *issuer;

  (void)state;
  peers_connect(&p);
  assert_int_equal(sslc_conn_peer_cert_count(p.client), 2);
  leaf = sslc_conn_peer_cert(p.client, 0);
  issuer = sslc_conn_peer_cert(p.client, 1);
  assert_null(sslc_conn_peer_cert(p.client, 2));
  assert_ptr_equal(sslc_conn_peer_cert(p.client, 0), leaf);
  assert_string_equal(sslc_cert_subject(leaf), "CN=good");
  assert_string_equal(sslc_cert_issuer(leaf),
                      "CN=sslconnect test intermediate");
  assert_string_equal(sslc_cert_subject(issuer),
                      "CN=sslconnect test intermediate");
  assert_string_equal(sslc_cert_issuer(issuer), "CN=sslconnect test CA");
  assert_int_equal(sslc_cert_name_count(issuer), 0);
  peers_free(&p);
}

static void
test_names(void **state)
{
  static const char *const names[] = { "DNS:localhost", "DNS:test.example",
                                       "IP:127.0.0.1", "IP:::1",
                                       "DNS:*.wild.example" };
  struct peers p;
  const sslc_cert *leaf;
  size_t i;

  (void)state;
  peers_connect(&p);
  leaf = sslc_conn_peer_cert(p.client, 0);
  assert_int_equal(sslc_cert_name_count(leaf), COUNT(names));
  for (i = 0; i < COUNT(names); i++)
    assert_string_equal(sslc_cert_name(leaf, i), names[i]);
  assert_null(sslc_cert_name(leaf, i));
  peers_free(&p);
}

static void
test_zero_byte_in_name(void **state)
{
  struct peers p;
  const sslc_cert *cert;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("nul"), "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  cert = sslc_error_cert(sslc_conn_error(p.client));
  assert_int_equal(sslc_cert_name_count(cert), 1);
  assert_string_equal(sslc_cert_name(cert, 0),
                      "DNS:localhost\\x00.evil.example");
  peers_free(&p);
}

/* certkit makes it from a day ago until a year from now. */
static void
test_dates(void **state)
{
  const int64_t day = 86400;
  int64_t now = time(NULL);
  struct peers p;
  const sslc_cert *leaf;

  (void)state;
  peers_connect(&p);
  leaf = sslc_conn_peer_cert(p.client, 0);
  assert_true(sslc_cert_not_before(leaf) <= now - day);
  assert_true(sslc_cert_not_before(leaf) > now - 3 * day);
  assert_int_equal(sslc_cert_not_after(leaf) - sslc_cert_not_before(leaf),
                   366 * day);
  peers_free(&p);
}

static void
check_hex(const char *s)
{
  for (; *s != '\0'; s++)
    assert_true(isdigit((unsigned char)*s) || (*s >= 'a' && *s <= 'f'));
}

static void
test_numbers(void **state)
{
  struct peers p;
  const sslc_cert *leaf, *issuer;

  (void)state;
  peers_connect(&p);
  leaf = sslc_conn_peer_cert(p.client, 0);
  issuer = sslc_conn_peer_cert(p.client, 1);
  assert_int_equal(strlen(sslc_cert_fingerprint(leaf)), 64);
  check_hex(sslc_cert_fingerprint(leaf));
  check_hex(sslc_cert_serial(leaf));
  assert_string_not_equal(sslc_cert_fingerprint(leaf),
                          sslc_cert_fingerprint(issuer));
  assert_string_not_equal(sslc_cert_serial(leaf), sslc_cert_serial(issuer));
  peers_free(&p);
}

/* What the server sent is what certkit wrote. */
static void
test_pem_and_der(void **state)
{
  struct peers p;
  const sslc_cert *leaf;
  const unsigned char *der;
  size_t len, der_len = 0;
  char *file = read_file(cert_path("good.pem"), &len);

  (void)state;
  peers_connect(&p);
  leaf = sslc_conn_peer_cert(p.client, 0);
  assert_memory_equal(file, sslc_cert_pem(leaf), strlen(sslc_cert_pem(leaf)));
  der = sslc_cert_der(leaf, &der_len);
  assert_non_null(der);
  /* A SEQUENCE with two bytes of length. */
  assert_int_equal(der[0], 0x30);
  assert_int_equal(der[1], 0x82);
  assert_int_equal((size_t)der[2] * 256 + der[3] + 4, der_len);
  free(file);
  peers_free(&p);
}

static void
test_reference(void **state)
{
  struct peers p;
  sslc_cert *kept;

  (void)state;
  peers_connect(&p);
  kept = sslc_cert_up_ref(sslc_conn_peer_cert(p.client, 0));
  assert_ptr_equal(kept, sslc_conn_peer_cert(p.client, 0));
  peers_free(&p);
  assert_string_equal(sslc_cert_subject(kept), "CN=good");
  assert_string_equal(sslc_cert_name(kept, 0), "DNS:localhost");
  sslc_cert_free(kept);
}

static void
test_versions(void **state)
{
  (void)state;
  assert_string_equal(sslc_version(), SSLC_VERSION);
  assert_int_equal(sslc_version_number(), SSLC_VERSION_NUMBER);
  assert_has(sslc_openssl_version(), "OpenSSL ");
  assert_has(sslc_openssl_build_version(), "OpenSSL ");
}

int
main(void)
{
  size_t i;

  add_test("before the handshake nothing is told", test_before, NULL);
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_negotiated, &rows[i]);
  add_test("the descriptor is the BIO's", test_descriptor, NULL);
  add_test("the chain is told as it was sent", test_chain, NULL);
  add_test("the names of a certificate are told with their kind", test_names,
           NULL);
  add_test("a zero byte in a name is shown", test_zero_byte_in_name, NULL);
  add_test("the dates of a certificate are told", test_dates, NULL);
  add_test("serial number and fingerprint are hexadecimal", test_numbers,
           NULL);
  add_test("PEM and DER are those of the certificate", test_pem_and_der,
           NULL);
  add_test("a certificate outlives its connection", test_reference, NULL);
  add_test("versions are told", test_versions, NULL);
  return run_all("info");
}
