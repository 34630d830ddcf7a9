/*
 * test_verify.c: which servers are let in and which are not, by real
 * handshakes: over a BIO pair, and over a blocking socket with the server in
 * another thread.  RFC 5280, RFC 9525; X509_verify_cert(3) for the reasons.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { LAX = 1, OPTIONAL = 2 };

/* Servers that are to be refused, each for one reason. */
static const struct bad {
  const char *test;
  const char *leaf;
  const char *name;
  int code;
  int depth;
  const char *says[3]; /* parts of the message */
  int flags;
} bads[] = {
  { "an expired certificate is refused", "expired", "localhost",
    SSLC_CODE_CERTIFICATE_EXPIRED, 0, { "CN=expired", "expired", "UTC" }, 0 },
  { "a certificate that is not yet valid is refused", "notyet", "localhost",
    SSLC_CODE_CERTIFICATE_NOT_YET_VALID, 0,
    { "CN=notyet", "not valid before", "UTC" }, 0 },
  { "an expired intermediate is refused", "expiredca", "localhost",
    SSLC_CODE_CERTIFICATE_EXPIRED, 1, { "expired intermediate" }, 0 },
  { "a certificate for other names is refused", "wronghost", "localhost",
    SSLC_CODE_HOSTNAME_MISMATCH, 0,
    { "localhost", "wrong.example", "other.example" }, 0 },
  { "a certificate for names is refused for an address", "wronghost",
    "127.0.0.1", SSLC_CODE_HOSTNAME_MISMATCH, 0,
    { "127.0.0.1", "wrong.example" }, 0 },
  { "a certificate for an address is refused for a name", "iponly",
    "localhost", SSLC_CODE_HOSTNAME_MISMATCH, 0,
    { "localhost", "127.0.0.1" }, 0 },
  { "a certificate for another address is refused", "iponly", "127.0.0.2",
    SSLC_CODE_HOSTNAME_MISMATCH, 0, { "127.0.0.2", "127.0.0.1" }, 0 },
  { "a name in the subject alone is refused", "cnonly", "localhost",
    SSLC_CODE_HOSTNAME_MISMATCH, 0, { "localhost" }, 0 },
  { "a wildcard for a top level is refused", "wildcard", "test.example",
    SSLC_CODE_HOSTNAME_MISMATCH, 0, { "test.example", "*.example" }, 0 },
  { "a name with a zero byte is refused", "nul", "localhost",
    SSLC_CODE_HOSTNAME_MISMATCH, 0, { "localhost", "\\x00.evil.example" }, 0 },
  { "an address written as a DNS name is refused", "ipindns", "127.0.0.1",
    SSLC_CODE_HOSTNAME_MISMATCH, 0, { "127.0.0.1" }, 0 },
  { "an A-label other than ours is refused", "idn",
    "xn--bcher-kva.test.example", SSLC_CODE_HOSTNAME_MISMATCH, 0,
    { "xn--bcher-kva.example" }, 0 },
  { "an unknown authority is refused", "unknown", "localhost",
    SSLC_CODE_UNKNOWN_AUTHORITY, 0, { "sslconnect other CA" }, 0 },
  { "an unknown authority that is sent along is refused", "unknown-root",
    "localhost", SSLC_CODE_UNKNOWN_AUTHORITY, 1, { "sslconnect other CA" },
    0 },
  { "a missing intermediate is refused", "noint", "localhost",
    SSLC_CODE_UNKNOWN_AUTHORITY, 0, { "sslconnect test intermediate" }, 0 },
  { "a self-signed certificate is refused", "selfsigned", "localhost",
    SSLC_CODE_SELF_SIGNED, 0, { "CN=selfsigned" }, 0 },
  { "an issuer that is no authority is refused", "notca", "localhost",
    SSLC_CODE_UNSUITABLE_CERTIFICATE, 1, { "sslconnect no CA" }, 0 },
  { "an issuer that may not sign certificates is refused", "nosign",
    "localhost", SSLC_CODE_UNSUITABLE_CERTIFICATE, 1,
    { "signs no certificates" }, 0 },
  { "a chain that is longer than allowed is refused", "pathlen", "localhost",
    SSLC_CODE_UNSUITABLE_CERTIFICATE, 2, { "path length" }, 0 },
  { "a name outside of the authority's is refused", "nameconstraint",
    "localhost", SSLC_CODE_UNSUITABLE_CERTIFICATE, 0, { "nameconstraint" },
    0 },
  { "a certificate for clients is refused", "clientonly", "localhost",
    SSLC_CODE_UNSUITABLE_CERTIFICATE, 0, { "purpose" }, 0 },
  { "an unknown critical extension is refused", "critical", "localhost",
    SSLC_CODE_UNSUITABLE_CERTIFICATE, 0, { "critical extension" }, 0 },
  { "a wrong signature is refused", "badsig", "localhost",
    SSLC_CODE_INVALID_CERTIFICATE, 0, { "signature" }, 0 },
  { "a short key is refused", "weak", "localhost",
    SSLC_CODE_WEAK_CERTIFICATE, 0, { "CN=weak", "too weak" }, LAX },
  { "a signature over SHA-1 is refused", "sha1", "localhost",
    SSLC_CODE_WEAK_CERTIFICATE, 0, { "CN=sha1", "too weak" }, LAX | OPTIONAL },
  { "a signature over MD5 is refused", "md5", "localhost",
    SSLC_CODE_WEAK_CERTIFICATE, 0, { "CN=md5", "too weak" }, LAX | OPTIONAL },
};

static const struct good {
  const char *test;
  const char *leaf;
  const char *name;
} goods[] = {
  { "a chain with an intermediate is let in", "good", "localhost" },
  { "a certificate of the root itself is let in", "direct", "localhost" },
  { "an RSA certificate is let in", "rsa", "localhost" },
  { "an Ed25519 certificate is let in", "ed25519", "localhost" },
  { "a certificate for the address is let in", "iponly", "127.0.0.1" },
  { "an unlisted certificate is let in without lists", "revoked",
    "localhost" },
};

static sslc_ctx *
server_ctx_of(const struct bad *bad)
{
  return (bad->flags & LAX) != 0 ? make_lax_server_ctx(bad->leaf)
                                 : make_server_ctx(bad->leaf);
}

/* ---------------------------------------------------------------- refused */

/* The failure is what the table says, and the connection is of no use. */
static void
check_refused(sslc_conn *conn, const struct bad *bad)
{
  const sslc_error *err = sslc_conn_error(conn);
  char buf[16];
  size_t n = 7, i;

  assert_code(err, bad->code);
  assert_phase(err, SSLC_PHASE_HANDSHAKE);
  assert_int_not_equal(sslc_error_verify_result(err), 0);
  assert_int_equal(sslc_error_verify_depth(err), bad->depth);
  assert_non_null(sslc_error_cert(err));
  for (i = 0; i < COUNT(bad->says) && bad->says[i] != NULL; i++)
    assert_has(sslc_error_message(err), bad->says[i]);
  assert_int_equal(sslc_conn_is_connected(conn), 0);
  assert_int_equal(sslc_conn_is_verified(conn), 0);
  assert_null(sslc_conn_version(conn));
  assert_status(sslc_conn_read(conn, buf, sizeof buf, &n), SSLC_ERR_VERIFY,
                sslc_conn_error(conn));
  assert_int_equal(n, 0);
  n = 7;
  assert_status(sslc_conn_write(conn, "x", 1, &n), SSLC_ERR_VERIFY,
                sslc_conn_error(conn));
  assert_int_equal(n, 0);
  assert_status(sslc_conn_connect(conn), SSLC_ERR_VERIFY,
                sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), bad->code);
}

static void
test_refused(void **state)
{
  const struct bad *bad = *state;
  struct peers p;

  peers_init(&p, make_client_ctx(), server_ctx_of(bad), bad->name);
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  check_refused(p.client, bad);
  assert_int_equal(p.server_status, SSLC_ERR_ALERT);
  peers_free(&p);
}

/* A client on a blocking socket. */
static sslc_conn *
blocking_client(int port, const char *name)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_bio *bio = sslc_bio_new_socket(connect_to(port), SSLC_CLOSE);
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  assert_ok(sslc_bio_set_nbio(bio, 0), sslc_bio_error(bio));
  assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
  assert_ok(sslc_conn_set_server_name(conn, name), sslc_conn_error(conn));
  sslc_bio_free(bio);
  sslc_ctx_free(ctx);
  return conn;
}

static void
test_refused_blocking(void **state)
{
  const struct bad *bad = *state;
  sslc_ctx *server_ctx = server_ctx_of(bad);
  struct server *server = server_start(serve_echo, server_ctx);
  sslc_conn *conn = blocking_client(server_port(server), bad->name);

  assert_status(sslc_conn_connect(conn), SSLC_ERR_VERIFY,
                sslc_conn_error(conn));
  check_refused(conn, bad);
  sslc_conn_free(conn);
  server_stop(server);
  sslc_ctx_free(server_ctx);
}

static void
test_old_version(void **state)
{
  const struct bad *bad = *state;
  sslc_ctx *client = make_client_ctx();
  struct peers p;

  assert_ok(sslc_ctx_set_max_version(client, SSLC_TLS1_2),
            sslc_ctx_error(client));
  peers_init(&p, client, server_ctx_of(bad), bad->name);
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  check_refused(p.client, bad);
  peers_free(&p);
}

/* ----------------------------------------------------------------- let in */

static void
test_let_in(void **state)
{
  const struct good *good = *state;
  struct peers p;

  peers_init(&p, make_client_ctx(), make_server_ctx(good->leaf), good->name);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_null(sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  send_through(p.client, p.server, "hello", 5);
  peers_free(&p);
}

static void
test_let_in_blocking(void **state)
{
  sslc_ctx *server_ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo, server_ctx);
  sslc_conn *conn = blocking_client(server_port(server), "localhost");
  char buf[16];
  size_t n;

  (void)state;
  assert_ok(sslc_conn_connect(conn), sslc_conn_error(conn));
  assert_ok(sslc_conn_write(conn, "hello", 5, &n), sslc_conn_error(conn));
  assert_int_equal(n, 5);
  assert_ok(sslc_conn_read(conn, buf, sizeof buf, &n), sslc_conn_error(conn));
  assert_int_equal(n, 5);
  assert_memory_equal(buf, "hello", 5);
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  server_stop(server);
  sslc_ctx_free(server_ctx);
}

/* --------------------------------------------------------------- switches */

static void
test_no_verify(void **state)
{
  const struct bad *bad = *state;
  sslc_ctx *client = make_client_ctx();
  struct peers p;

  assert_ok(sslc_ctx_set_insecure_no_verify(client, 1),
            sslc_ctx_error(client));
  peers_init(&p, client, server_ctx_of(bad), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 0);
  peers_free(&p);
}

static void
test_no_name_check(void **state)
{
  const struct bad *bad = *state;
  sslc_ctx *client = make_client_ctx();
  struct peers p;
  int other_name = bad->code == SSLC_CODE_HOSTNAME_MISMATCH;

  assert_ok(sslc_ctx_set_insecure_no_name_check(client, 1),
            sslc_ctx_error(client));
  peers_init(&p, client, server_ctx_of(bad), bad->name);
  assert_status(shake(&p), other_name ? SSLC_OK : SSLC_ERR_VERIFY,
                sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 0);
  peers_free(&p);
}

static void
test_switched_back(void **state)
{
  sslc_ctx *client = make_client_ctx();
  struct peers p;

  (void)state;
  sslc_ctx_set_insecure_no_verify(client, 1);
  sslc_ctx_set_insecure_no_name_check(client, 1);
  sslc_ctx_set_insecure_no_verify(client, 0);
  sslc_ctx_set_insecure_no_name_check(client, 0);
  peers_init(&p, client, make_server_ctx("wronghost"), "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  peers_free(&p);
}

/* ------------------------------------------------------ revocation lists */

static const struct revocation {
  const char *test, *leaf, *list;
  int code;
} revocations[] = {
  { "a listed certificate is refused", "revoked", "crl.pem",
    SSLC_CODE_CERTIFICATE_REVOKED },
  { "a certificate that is not on the list is let in", "direct", "crl.pem",
    SSLC_CODE_NONE },
  { "a certificate that no list covers is refused", "good", "crl.pem",
    SSLC_CODE_REVOCATION_UNKNOWN },
  { "a list that is too old does not count", "direct", "crl_expired.pem",
    SSLC_CODE_REVOCATION_UNKNOWN },
};

static void
check_revocation(const struct revocation *r, sslc_ctx *client)
{
  struct peers p;

  peers_init(&p, client, make_server_ctx(r->leaf), "localhost");
  if (r->code == SSLC_CODE_NONE) {
    assert_ok(shake(&p), sslc_conn_error(p.client));
  } else {
    assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
    assert_code(sslc_conn_error(p.client), r->code);
  }
  peers_free(&p);
}

static void
test_revocation(void **state)
{
  const struct revocation *r = *state;
  sslc_ctx *from_file = make_client_ctx();
  sslc_ctx *from_memory = make_client_ctx();
  size_t len;
  char *pem = read_file(cert_path(r->list), &len);

  assert_ok(sslc_ctx_load_crl_file(from_file, cert_path(r->list)),
            sslc_ctx_error(from_file));
  check_revocation(r, from_file);
  assert_ok(sslc_ctx_load_crl_pem(from_memory, pem, len),
            sslc_ctx_error(from_memory));
  memset(pem, 'x', len);
  check_revocation(r, from_memory);
  free(pem);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(bads); i++) {
    const struct bad *bad = &bads[i];
    char file[64];

    strcpy(file, bad->leaf);
    strcat(file, ".pem");
    if ((bad->flags & OPTIONAL) != 0 && !cert_exists(file))
      continue;
    add_test(bad->test, test_refused, bad);
    add_test("... with TLS 1.2", test_old_version, bad);
    add_test("... over a blocking socket", test_refused_blocking, bad);
    add_test("... but not with insecure_no_verify", test_no_verify, bad);
    add_test("... with insecure_no_name_check but for its name",
             test_no_name_check, bad);
  }
  for (i = 0; i < COUNT(goods); i++)
    add_test(goods[i].test, test_let_in, &goods[i]);
  add_test("a server is let in over a blocking socket", test_let_in_blocking,
           NULL);
  add_test("switches that are off again have no effect", test_switched_back,
           NULL);
  for (i = 0; i < COUNT(revocations); i++)
    add_test(revocations[i].test, test_revocation, &revocations[i]);
  return run_all("verify");
}
