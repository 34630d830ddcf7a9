/*
 * test_client_cert.c: certificates of clients: SSL_CTX_set_verify(3).  TLS 1.3
 * tells a client that it was refused only at its first read (RFC 8446,
 * section 4.4.2.4).
 */
#include "support.h"

static const struct row {
  const char *test;
  const char *client; /* its certificate; NULL: none */
  int mode;
  int server_code;    /* how the server ends; SSLC_CODE_NONE: it does not */
  int client_code;
  int verified;       /* what the server says of the client */
} rows[] = {
  { "a client that is not asked shows nothing", "client",
    SSLC_VERIFY_CLIENT_NONE, SSLC_CODE_NONE, SSLC_CODE_NONE, 0 },
  { "a required certificate lets the client in", "client",
    SSLC_VERIFY_CLIENT_REQUIRED, SSLC_CODE_NONE, SSLC_CODE_NONE, 1 },
  { "an optional certificate lets the client in", "client",
    SSLC_VERIFY_CLIENT_OPTIONAL, SSLC_CODE_NONE, SSLC_CODE_NONE, 1 },
  { "no certificate where it is optional lets the client in", NULL,
    SSLC_VERIFY_CLIENT_OPTIONAL, SSLC_CODE_NONE, SSLC_CODE_NONE, 0 },
  { "no certificate where it is required is told to the client", NULL,
    SSLC_VERIFY_CLIENT_REQUIRED, SSLC_CODE_CERTIFICATE_MISSING,
    SSLC_CODE_CLIENT_CERTIFICATE_REQUIRED, 0 },
  { "a client of an unknown authority is refused", "client-unknown",
    SSLC_VERIFY_CLIENT_REQUIRED, SSLC_CODE_UNKNOWN_AUTHORITY, SSLC_CODE_ALERT,
    0 },
  { "... where it is optional as well", "client-unknown",
    SSLC_VERIFY_CLIENT_OPTIONAL, SSLC_CODE_UNKNOWN_AUTHORITY, SSLC_CODE_ALERT,
    0 },
  { "a server's certificate is refused of a client", "good",
    SSLC_VERIFY_CLIENT_REQUIRED, SSLC_CODE_UNSUITABLE_CERTIFICATE,
    SSLC_CODE_ALERT, 0 },
  { "an expired client is refused", "client-expired",
    SSLC_VERIFY_CLIENT_REQUIRED, SSLC_CODE_CERTIFICATE_EXPIRED,
    SSLC_CODE_ALERT, 0 },
};

static sslc_ctx *
client_ctx_of(const char *leaf, int version)
{
  sslc_ctx *ctx = leaf != NULL ? make_server_ctx(leaf) : sslc_ctx_new();

  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  return ctx;
}

static sslc_ctx *
asking_server_ctx(int mode)
{
  sslc_ctx *ctx = make_server_ctx("good");

  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_verify_client(ctx, mode), sslc_ctx_error(ctx));
  return ctx;
}

/* The handshake, and the read that shows what TLS 1.3 has put off. */
static sslc_status
shake_and_read(struct peers *p)
{
  char buf[16];
  size_t n;
  sslc_status status = shake(p);

  return status == SSLC_OK ? sslc_conn_read(p->client, buf, sizeof buf, &n)
                           : status;
}

static void
check_let_in(struct peers *p, const struct row *row)
{
  int shown = row->client != NULL && row->mode != SSLC_VERIFY_CLIENT_NONE;

  assert_status(p->server_status, SSLC_OK, sslc_conn_error(p->server));
  assert_int_equal(sslc_conn_is_verified(p->server), row->verified);
  if (shown)
    assert_string_equal(
      sslc_cert_subject(sslc_conn_peer_cert(p->server, 0)), "CN=client");
  else
    assert_int_equal(sslc_conn_peer_cert_count(p->server), 0);
  send_through(p->client, p->server, "hello", 5);
}

static void
check_refused(struct peers *p, const struct row *row, int version)
{
  const sslc_error *err = sslc_conn_error(p->client);

  assert_status(p->server_status, sslc_code_status(row->server_code),
                sslc_conn_error(p->server));
  assert_code(sslc_conn_error(p->server), row->server_code);
  assert_int_equal(sslc_conn_is_verified(p->server), 0);
  assert_int_equal(sslc_conn_is_connected(p->server), 0);
  assert_code(err, row->client_code);
  assert_true(sslc_error_alert(err) > 0);
  assert_phase(err, version == SSLC_TLS1_3 ? SSLC_PHASE_READ
                                           : SSLC_PHASE_HANDSHAKE);
}

static void
check_row(const struct row *row, int version)
{
  struct peers p;
  sslc_status status;

  peers_init(&p, client_ctx_of(row->client, version),
             asking_server_ctx(row->mode), "localhost");
  status = shake_and_read(&p);
  if (row->server_code == SSLC_CODE_NONE) {
    assert_status(status, SSLC_WANT_READ, sslc_conn_error(p.client));
    check_let_in(&p, row);
  } else {
    assert_status(status, SSLC_ERR_ALERT, sslc_conn_error(p.client));
    check_refused(&p, row, version);
  }
  peers_free(&p);
}

static void
test_row(void **state)
{
  check_row(*state, SSLC_TLS1_3);
}

static void
test_row_old(void **state)
{
  check_row(*state, SSLC_TLS1_2);
}

/* A client that writes before it reads must not be told of a broken pipe
 * only. */
static void
test_write_first(void **state)
{
  struct peers p;
  sslc_status status;
  size_t n;

  (void)state;
  peers_init_sockets(&p, client_ctx_of(NULL, SSLC_TLS1_3),
                     asking_server_ctx(SSLC_VERIFY_CLIENT_REQUIRED),
                     "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(p.server_status, SSLC_ERR_VERIFY);
  sslc_conn_free(p.server);
  p.server = NULL;
  status = sslc_conn_write(p.client, "hello", 5, &n);
  assert_status(status, SSLC_ERR_ALERT, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client),
              SSLC_CODE_CLIENT_CERTIFICATE_REQUIRED);
  assert_has(sslc_error_hint(sslc_conn_error(p.client)), "cert");
  peers_free(&p);
}

static void
test_bad_mode(void **state)
{
  sslc_ctx *ctx = make_server_ctx("good");

  (void)state;
  assert_status(sslc_ctx_set_verify_client(ctx, 3), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "verify_client");
  sslc_ctx_free(ctx);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(rows); i++) {
    add_test(rows[i].test, test_row, &rows[i]);
    add_test("... with TLS 1.2", test_row_old, &rows[i]);
  }
  add_test("a refusal is told to a client that writes first too",
           test_write_first, NULL);
  add_test("an unknown mode is refused", test_bad_mode, NULL);
  return run_all("client_cert");
}
