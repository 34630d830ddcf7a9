/*
 * test_psk.c: keys that both sides have from elsewhere: who is let in by one,
 * and that nothing is let in in its place.  RFC 4279, RFC 8446.
 */
#include "internal.h"

#include "support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY "0123456789abcdef0123456789abcdef"
#define OTHER "0123456789abcdef0123456789abcdeF"
#define LONG64 KEY KEY
#define ID127                                                        \
  "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii" \
  "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"

static void
set_version(sslc_ctx *ctx, int version)
{
  if (version == 0)
    return;
  assert_ok(sslc_ctx_set_min_version(ctx, version), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
}

static void
add_psk(sslc_ctx *ctx, const char *identity, const char *key)
{
  assert_ok(sslc_ctx_add_psk(ctx, identity, key, strlen(key)),
            sslc_ctx_error(ctx));
}

/* -------------------------------------------------------------- settings */

static const struct bad {
  const char *test;
  const char *identity, *key;
  size_t len;
} bads[] = {
  { "an empty identity is refused", "", KEY, 32 },
  { "a missing identity is refused", NULL, KEY, 32 },
  { "an identity of 128 bytes is refused", ID127 "i", KEY, 32 },
  { "a missing key is refused", "i", NULL, 32 },
  { "an empty key is refused", "i", KEY, 0 },
  { "a key of 15 bytes is refused", "i", KEY, 15 },
  { "a key of 65 bytes is refused", "i", LONG64 "0", 65 },
  { "an identity that is there already is refused", "there", KEY, 32 },
};

static void
test_bad(void **state)
{
  const struct bad *bad = *state;
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn;

  add_psk(ctx, "there", KEY);
  assert_status(sslc_ctx_add_psk(ctx, bad->identity, bad->key, bad->len),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "psk");
  conn = sslc_conn_new(ctx);
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

static void
test_misuse(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn;

  (void)state;
  assert_int_equal(sslc_ctx_add_psk(NULL, "i", KEY, 32), SSLC_ERR_ARG);
  assert_null(sslc_conn_psk_identity(NULL));
  add_psk(ctx, "i", KEY);
  conn = sslc_conn_new(ctx);
  assert_null(sslc_conn_psk_identity(conn));
  assert_status(sslc_ctx_add_psk(ctx, "j", KEY, 32), SSLC_ERR_STATE,
                sslc_ctx_error(ctx));
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

static sslc_status set_no_verify(sslc_ctx *ctx)
{
  return sslc_ctx_set_insecure_no_verify(ctx, 1);
}

static sslc_status set_hook(sslc_ctx *ctx)
{
  return sslc_ctx_set_retry_verify(ctx, 1);
}

static sslc_status set_pin(sslc_ctx *ctx)
{
  return sslc_ctx_add_pin(ctx, KEY KEY);
}

static sslc_status set_ocsp(sslc_ctx *ctx)
{
  return sslc_ctx_set_ocsp(ctx, SSLC_OCSP_REQUIRED);
}

static sslc_status set_client(sslc_ctx *ctx)
{
  return sslc_ctx_set_verify_client(ctx, SSLC_VERIFY_CLIENT_REQUIRED);
}

static sslc_status set_hello(sslc_ctx *ctx)
{
  return sslc_ctx_set_client_hello(ctx, 1);
}

static sslc_status set_early(sslc_ctx *ctx)
{
  return sslc_ctx_set_max_early_data(ctx, 100);
}

static sslc_status set_names(sslc_ctx *ctx)
{
  sslc_ctx *other = make_server_ctx("good");
  sslc_status status = sslc_ctx_add_server_name(ctx, "a.example", other);

  sslc_ctx_free(other);
  return status;
}

static const struct excluded {
  const char *test;
  sslc_status (*set)(sslc_ctx *ctx);
  const char *says;
} excludeds[] = {
  { "no verification at all", set_no_verify, "insecure_no_verify" },
  { "a verification hook", set_hook, "verify_hook" },
  { "pins", set_pin, "pins" },
  { "OCSP that is required", set_ocsp, "ocsp" },
  { "clients that have to show a certificate", set_client, "verify_client" },
  { "a client_hello hook", set_hello, "client_hello_hook" },
  { "early data", set_early, "max_early_data" },
  { "several names", set_names, "server_names" },
};

static void
test_excluded(void **state)
{
  const struct excluded *row = *state;
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn;

  add_psk(ctx, "i", KEY);
  assert_ok(row->set(ctx), sslc_ctx_error(ctx));
  assert_status(sslc_ctx_check(ctx), SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), row->says);
  conn = sslc_conn_new(ctx);
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

static void
test_not_by_name(void **state)
{
  sslc_ctx *ctx = make_server_ctx("good"), *other = make_server_ctx("good");

  (void)state;
  add_psk(other, "i", KEY);
  assert_status(sslc_ctx_add_server_name(ctx, "a.example", other),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "psk");
  sslc_ctx_free(ctx);
  sslc_ctx_free(other);
}

/* ------------------------------------------------------------ who gets in */

static const struct row {
  const char *test;
  int version;          /* of the client; 0: as it comes */
  const char *id, *key; /* the client's; NULL: it has none */
  const char *server_key, *server_id; /* NULL: it has none */
  const char *leaf;     /* the server's certificate; NULL: none */
  int in;
} rows[] = {
  { "the same key", 0, "i", KEY, KEY, "i", NULL, 1 },
  { "the same key in TLS 1.3", SSLC_TLS1_3, "i", KEY, KEY, "i", NULL, 1 },
  { "the same key in TLS 1.2", SSLC_TLS1_2, "i", KEY, KEY, "i", NULL, 1 },
  { "the same key beside a certificate", SSLC_TLS1_3, "i", KEY, KEY, "i",
    "good", 1 },
  { "the same key beside a certificate in TLS 1.2", SSLC_TLS1_2, "i", KEY,
    KEY, "i", "good", 1 },
  { "the same key beside a bad certificate", 0, "i", KEY, KEY, "i", "expired",
    1 },
  { "the longest in TLS 1.3", SSLC_TLS1_3, ID127, LONG64, LONG64, ID127, NULL,
    1 },
  { "the longest in TLS 1.2", SSLC_TLS1_2, ID127, LONG64, LONG64, ID127, NULL,
    1 },
  { "another key in TLS 1.3", SSLC_TLS1_3, "i", KEY, OTHER, "i", NULL, 0 },
  { "another key in TLS 1.2", SSLC_TLS1_2, "i", KEY, OTHER, "i", NULL, 0 },
  { "another key beside a certificate", 0, "i", KEY, OTHER, "i", "good", 0 },
  { "another key beside a certificate in TLS 1.2", SSLC_TLS1_2, "i", KEY,
    OTHER, "i", "good", 0 },
  { "a key that begins like it", SSLC_TLS1_3, "i", KEY, LONG64, "i", NULL, 0 },
  { "an unknown identity in TLS 1.3", SSLC_TLS1_3, "j", KEY, KEY, "i", NULL,
    0 },
  { "an unknown identity in TLS 1.2", SSLC_TLS1_2, "j", KEY, KEY, "i", NULL,
    0 },
  { "an unknown identity and a good certificate", SSLC_TLS1_3, "j", KEY, KEY,
    "i", "good", 0 },
  { "a server with a good certificate alone", SSLC_TLS1_3, "i", KEY, NULL,
    NULL, "good", 0 },
  { "a server with a good certificate alone in TLS 1.2", SSLC_TLS1_2, "i", KEY,
    NULL, NULL, "good", 0 },
  { "a server with a bad certificate alone", SSLC_TLS1_3, "i", KEY, NULL, NULL,
    "expired", 0 },
  { "a client without a key", 0, NULL, NULL, KEY, "i", NULL, 0 },
  { "a client without a key in TLS 1.2", SSLC_TLS1_2, NULL, NULL, KEY, "i",
    NULL, 0 },
};

static sslc_ctx *
row_client(const struct row *row)
{
  sslc_ctx *ctx = make_client_ctx();

  set_version(ctx, row->version);
  if (row->id != NULL)
    add_psk(ctx, row->id, row->key);
  return ctx;
}

static sslc_ctx *
row_server(const struct row *row)
{
  sslc_ctx *ctx = row->leaf ? make_server_ctx(row->leaf) : sslc_ctx_new();

  if (row->server_id == NULL)
    return ctx;
  add_psk(ctx, "somebody", OTHER);
  add_psk(ctx, row->server_id, row->server_key);
  add_psk(ctx, "somebody else", OTHER);
  return ctx;
}

/* All that a connection by a key says of itself, and does not leave behind. */
static void
check_in(sslc_conn *conn, const char *identity)
{
  assert_string_equal(sslc_conn_psk_identity(conn), identity);
  assert_int_equal(sslc_conn_is_verified(conn), 1);
  assert_int_equal(sslc_conn_session_reused(conn), 0);
  assert_int_equal(sslc_conn_peer_cert_count(conn), 0);
  assert_null(sslc_conn_get1_session(conn));
  assert_null(sslc_conn_take_session(conn));
}

static void
check_out(sslc_conn *conn)
{
  assert_null(sslc_conn_psk_identity(conn));
  assert_int_equal(sslc_conn_is_connected(conn), 0);
  assert_int_equal(sslc_conn_is_verified(conn), 0);
}

static void
check_row(struct peers *p, const struct row *row)
{
  if (!row->in) {
    assert_int_not_equal(p->client_status, SSLC_OK);
    assert_int_not_equal(p->server_status, SSLC_OK);
    check_out(p->client);
    check_out(p->server);
    return;
  }
  assert_ok(p->client_status, sslc_conn_error(p->client));
  assert_ok(p->server_status, sslc_conn_error(p->server));
  send_text(p->client, "hello");
  expect_text(p->server, "hello");
  send_text(p->server, "back");
  expect_text(p->client, "back");
  check_in(p->client, row->id);
  check_in(p->server, row->id);
}

static void
test_row(void **state)
{
  const struct row *row = *state;
  struct peers p;

  peers_init(&p, row_client(row), row_server(row), "localhost");
  assert_ok(sslc_conn_set_session_scope(p.client, "somewhere"), NULL);
  shake(&p);
  check_row(&p, row);
  peers_free(&p);
  /* And without a name to look for. */
  if (row->id == NULL)
    return;
  peers_init(&p, row_client(row), row_server(row), NULL);
  shake(&p);
  check_row(&p, row);
  peers_free(&p);
}

/* A certificate does not count, and the error says why. */
static void
test_says_why(void **state)
{
  struct peers p;
  sslc_ctx *ctx = make_client_ctx();

  (void)state;
  add_psk(ctx, "the pump", KEY);
  peers_init(&p, ctx, make_server_ctx("good"), "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_VERIFICATION_FAILED);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "the pump");
  peers_free(&p);
}

/* Who has no key is served by the certificate, and nothing is resumed. */
static void
test_certificate_besides(void **state)
{
  const int *version = *state;
  sslc_ctx *server = make_server_ctx("good"), *client = make_client_ctx();
  sslc_session *session;
  struct peers p;

  set_version(client, *version);
  add_psk(server, "i", KEY);
  peers_init(&p, client, server, "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  send_text(p.server, "hello");
  expect_text(p.client, "hello");
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  assert_int_equal(sslc_conn_is_verified(p.server), 0);
  assert_null(sslc_conn_psk_identity(p.client));
  assert_null(sslc_conn_psk_identity(p.server));
  session = sslc_conn_get1_session(p.client);
  assert_null(session);
  peers_free(&p);
}

/* The next connection of a context is in full, by the key, again. */
static void
test_nothing_kept(void **state)
{
  const int *version = *state;
  sslc_ctx *server = sslc_ctx_new(), *client = make_client_ctx();
  struct peers p;
  int i;

  set_version(client, *version);
  add_psk(server, "i", KEY);
  add_psk(client, "i", KEY);
  for (i = 0; i < 2; i++) {
    peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server), NULL);
    assert_ok(sslc_conn_set_session_scope(p.client, "somewhere"), NULL);
    assert_ok(shake(&p), sslc_conn_error(p.client));
    send_text(p.server, "hello");
    expect_text(p.client, "hello");
    assert_int_equal(p.client->ticket_count, 0);
    assert_int_equal(p.client->session_offered, 0);
    peers_free(&p);
  }
  assert_int_equal(client->sessions->count, 0);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
}

/* ------------------------------------------------------- what is demanded */

static void
check_refused(struct peers *p, const char *says)
{
  assert_status(sslc_conn_do_handshake(p->client), SSLC_ERR_ARG,
                sslc_conn_error(p->client));
  assert_code(sslc_conn_error(p->client), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(p->client)), says);
  check_out(p->client);
  peers_free(p);
}

static void
init_client(struct peers *p, sslc_ctx *ctx)
{
  add_psk(ctx, "i", KEY);
  peers_init(p, ctx, make_server_ctx("good"), "localhost");
}

static void
test_demands(void **state)
{
  struct peers p;
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  init_client(&p, sslc_ctx_new());
  assert_ok(sslc_conn_add_tlsa(p.client, 3, 1, 1, KEY, 32), NULL);
  check_refused(&p, "TLSA");
  init_client(&p, sslc_ctx_new());
  assert_ok(sslc_conn_add_peer_name(p.client, "localhost"), NULL);
  check_refused(&p, "peer_names");
  add_psk(ctx, "j", KEY);
  init_client(&p, ctx);
  check_refused(&p, "one psk");
}

static void
test_no_cipher(void **state)
{
  struct peers p;
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  assert_ok(sslc_ctx_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384"), NULL);
  set_version(ctx, SSLC_TLS1_3);
  init_client(&p, ctx);
  check_refused(&p, "SHA-256");
}

/* ------------------------------------------------------------ getting past */

/* A client that libssl lets in, whatever it was told: what is left is the look
 * at the end.  Each breaks the client's SSL in a way of its own. */
static void break_nothing(SSL *client, SSL *server)
{
  (void)server;
  SSL_set_verify(client, SSL_VERIFY_NONE, NULL);
}

static unsigned int
any_key(SSL *ssl, const char *hint, char *identity, unsigned int size,
        unsigned char *key, unsigned int key_size)
{
  (void)ssl;
  (void)hint;
  (void)key_size;
  snprintf(identity, size, "i");
  memcpy(key, KEY, 32);
  return 32;
}

static unsigned int
find_any_key(SSL *ssl, const char *identity, unsigned char *key,
             unsigned int size)
{
  (void)ssl;
  (void)identity;
  (void)size;
  memcpy(key, KEY, 32);
  return 32;
}

static void use_anonymous(SSL *client, SSL *server)
{
  SSL *both[2];
  size_t i;

  both[0] = client;
  both[1] = server;
  for (i = 0; i < 2; i++) {
    SSL_set_security_level(both[i], 0);
    SSL_set_max_proto_version(both[i], TLS1_2_VERSION);
    assert_int_equal(SSL_set_cipher_list(both[i], "aNULL:@SECLEVEL=0"), 1);
  }
  SSL_set_dh_auto(server, 1);
}

/* A key of somebody else's callback, without forward secrecy. */
static void use_plain(SSL *client, SSL *server)
{
  SSL_set_max_proto_version(client, TLS1_2_VERSION);
  SSL_set_psk_client_callback(client, any_key);
  SSL_set_psk_server_callback(server, find_any_key);
  assert_int_equal(SSL_set_cipher_list(client, "kPSK"), 1);
  assert_int_equal(SSL_set_cipher_list(server, "kPSK"), 1);
}

/* The same where it is a cipher that would do. */
static void use_strange(SSL *client, SSL *server)
{
  use_plain(client, server);
  assert_int_equal(SSL_set_cipher_list(client, "kECDHEPSK"), 1);
  assert_int_equal(SSL_set_cipher_list(server, "kECDHEPSK"), 1);
}

/* TLS 1.3 by the callbacks of TLS 1.2. */
static void use_strange_13(SSL *client, SSL *server)
{
  SSL_set_min_proto_version(client, TLS1_3_VERSION);
  SSL_set_psk_client_callback(client, any_key);
  SSL_set_psk_server_callback(server, find_any_key);
}

static const struct past {
  const char *test;
  int version;
  void (*make)(SSL *client, SSL *server);
} pasts[] = {
  { "a certificate that nobody looks at", SSLC_TLS1_3, break_nothing },
  { "a certificate that nobody looks at in TLS 1.2", SSLC_TLS1_2,
    break_nothing },
  { "an anonymous cipher", 0, use_anonymous },
  { "a key without forward secrecy", 0, use_plain },
  { "a key that was not ours to offer", 0, use_strange },
  { "a key that was not ours to offer in TLS 1.3", 0, use_strange_13 },
};

static void
test_past(void **state)
{
  const struct past *past = *state;
  sslc_ctx *ctx = make_client_ctx();
  struct peers p;

  add_psk(ctx, "i", KEY);
  set_version(ctx, past->version);
  peers_init(&p, ctx, make_server_ctx("good"), "localhost");
  p.client->started = true; /* so that nothing is set up */
  past->make(p.client->ssl, p.server->ssl);
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_true(SSL_is_init_finished(p.client->ssl));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_VERIFICATION_FAILED);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "psk");
  check_out(p.client);
  peers_free(&p);
}

/* A server with keys alone lets nobody in without one, whatever libssl did. */
static void
test_past_server(void **state)
{
  sslc_ctx *client = sslc_ctx_new(), *server = sslc_ctx_new();
  struct peers p;

  (void)state;
  add_psk(client, "i", KEY);
  add_psk(server, "i", KEY);
  peers_init(&p, client, server, NULL);
  p.client->started = p.server->started = true;
  use_anonymous(p.client->ssl, p.server->ssl);
  shake(&p);
  assert_true(SSL_is_init_finished(p.server->ssl));
  assert_int_equal(p.server_status, SSLC_ERR_VERIFY);
  assert_has(sslc_error_message(sslc_conn_error(p.server)), "psk");
  check_out(p.client);
  check_out(p.server);
  peers_free(&p);
}

/* No hook leads to a key either. */
static void
test_not_chosen(void **state)
{
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");
  sslc_ctx *keyed = make_server_ctx("good");
  struct peers p;

  (void)state;
  add_psk(client, "i", KEY);
  add_psk(keyed, "i", KEY);
  assert_ok(sslc_ctx_set_client_hello(server, 1), sslc_ctx_error(server));
  peers_init(&p, client, server, "localhost");
  shake(&p);
  assert_int_equal(p.server_status, SSLC_WANT_CLIENT_HELLO_CB);
  assert_status(sslc_conn_answer_client_hello(p.server, keyed), SSLC_ERR_ARG,
                sslc_conn_error(p.server));
  assert_has(sslc_error_message(sslc_conn_error(p.server)), "psk");
  check_out(p.server);
  sslc_ctx_free(keyed);
  peers_free(&p);
}

/* A session that resumes is no key: the server took it for another context's
 * client. */
static void
test_past_session(void **state)
{
  const int *version = *state;
  sslc_ctx *server = make_server_ctx("good"), *ctx = make_client_ctx();
  sslc_ctx *keyed = make_client_ctx();
  sslc_session *session;
  struct peers p;

  set_version(ctx, *version);
  peers_init(&p, ctx, sslc_ctx_up_ref(server), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  send_text(p.server, "hello");
  expect_text(p.client, "hello");
  session = sslc_conn_get1_session(p.client);
  assert_non_null(session);
  peers_free(&p);
  add_psk(keyed, "i", KEY);
  set_version(keyed, *version);
  peers_init(&p, keyed, server, "localhost");
  assert_status(sslc_conn_set_session(p.client, session), SSLC_ERR_ARG,
                sslc_conn_error(p.client));
  p.client->started = true;
  SSL_set_tlsext_host_name(p.client->ssl, "localhost");
  assert_int_equal(SSL_set_session(p.client->ssl, session->session), 1);
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_true(SSL_session_reused(p.client->ssl));
  check_out(p.client);
  sslc_session_free(session);
  peers_free(&p);
}

/* --------------------------------------------------- the openssl program */

#define HEX16 "30313233343536373839616263646566"
#define KEY_HEX HEX16 HEX16
#define OTHER_HEX HEX16 "30313233343536373839616263646546"

static const struct interop {
  const char *test, *reverse;
  const char *version, *key;
  int in;
  const char *groups; /* NULL: as it comes */
} interops[] = {
  { "s_server with the key in TLS 1.3", "s_client with the key in TLS 1.3",
    "-tls1_3", KEY_HEX, 1, NULL },
  { "s_server with the key and another group", "s_client with another group",
    "-tls1_3", KEY_HEX, 1, "P-521" },
  { "s_server with the key in TLS 1.2", "s_client with the key in TLS 1.2",
    "-tls1_2", KEY_HEX, 1, NULL },
  { "s_server with another key in TLS 1.3",
    "s_client with another key in TLS 1.3", "-tls1_3", OTHER_HEX, 0, NULL },
  { "s_server with another key in TLS 1.2",
    "s_client with another key in TLS 1.2", "-tls1_2", OTHER_HEX, 0, NULL },
};

static void
test_s_server(void **state)
{
  const struct interop *row = *state;
  const char *options[] = { row->version, "-psk", row->key, "-psk_identity",
                            "i", "-nocert", "-rev",
                            row->groups ? "-groups" : NULL, row->groups, NULL };
  sslc_ctx *ctx = sslc_ctx_new();
  struct child child;
  int port = s_server_start(&child, options);
  sslc_conn *conn;
  sslc_error *error;
  sslc_status status;

  add_psk(ctx, "i", KEY);
  status = sslc_open_wait(ctx, "localhost", port, NULL, &conn, &error);
  if (row->in) {
    assert_ok(status, error);
    assert_string_equal(sslc_conn_psk_identity(conn), "i");
  } else {
    assert_int_not_equal(status, SSLC_OK);
    assert_null(conn);
  }
  sslc_conn_free(conn);
  sslc_error_free(error);
  sslc_ctx_free(ctx);
  child_stop(&child);
}

static void
test_s_client(void **state)
{
  const struct interop *row = *state;
  sslc_ctx *ctx = sslc_ctx_new();
  struct server *server;
  struct child child;
  char port[32], text[8192];
  const char *argv[] = { "openssl", "s_client", "-connect", port, row->version,
                         "-psk", row->key, "-psk_identity", "i", "-quiet",
                         row->groups ? "-groups" : NULL,
                         row->groups ? "P-521:P-256" : NULL, NULL };

  add_psk(ctx, "i", KEY);
  server = server_start(serve_echo, ctx);
  snprintf(port, sizeof port, "127.0.0.1:%d", server_port(server));
  child_start(&child, argv);
  if (row->in)
    assert_int_equal(write(child.in, "hello\n", 6), 6);
  assert_int_equal(child_read_until(&child, "hello\n", text, sizeof text),
                   row->in);
  child_stop(&child);
  server_stop(server);
  sslc_ctx_free(ctx);
}

int
main(void)
{
  static const int versions[] = { SSLC_TLS1_3, SSLC_TLS1_2 };
  size_t i;

  for (i = 0; i < COUNT(bads); i++)
    add_test(bads[i].test, test_bad, &bads[i]);
  add_test("keys are set in time, and of something", test_misuse, NULL);
  for (i = 0; i < COUNT(excludeds); i++)
    add_test(excludeds[i].test, test_excluded, &excludeds[i]);
  add_test("no name leads to a key", test_not_by_name, NULL);
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_row, &rows[i]);
  add_test("the error says what was missing", test_says_why, NULL);
  for (i = 0; i < COUNT(versions); i++) {
    add_test("who has no key is served by the certificate",
             test_certificate_besides, &versions[i]);
    add_test("nothing is kept", test_nothing_kept, &versions[i]);
    add_test("a session does not count as a key", test_past_session,
             &versions[i]);
  }
  add_test("what a certificate is demanded for is refused", test_demands, NULL);
  add_test("a cipher that goes with no key is told", test_no_cipher, NULL);
  for (i = 0; i < COUNT(pasts); i++)
    add_test(pasts[i].test, test_past, &pasts[i]);
  add_test("a server with keys alone takes nothing else", test_past_server,
           NULL);
  add_test("no ClientHello leads to a key", test_not_chosen, NULL);
  for (i = 0; i < COUNT(interops); i++) {
    add_test(interops[i].test, test_s_server, &interops[i]);
    add_test(interops[i].reverse, test_s_client, &interops[i]);
  }
  return run_all("psk");
}
