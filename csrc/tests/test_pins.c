/*
 * test_pins.c: pinned keys: what is a pin, whose key counts, and that nothing
 * leads round them.  RFC 7469, section 2.4.
 */
#include "support_pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

/* Root, intermediate, server; and an authority that the server sends along and
 * that has nothing to do with it. */
static struct pair root, middle, server, stranger;

static void
make_pki(void)
{
  root = pair_authority("pins root", NULL);
  middle = pair_authority("pins middle", &root);
  server = pair_server("pins server", &middle, NULL);
  stranger = pair_authority("pins stranger", NULL);
}

static void
free_pki(void)
{
  pair_free(&root);
  pair_free(&middle);
  pair_free(&server);
  pair_free(&stranger);
}

/* ------------------------------------------------------------ what is a pin */

static const struct bad {
  const char *test;
  const char *pin;
} bads[] = {
  { "nothing is no pin", "" },
  { "a word is no pin", "sha256" },
  { "base64 without its name is no pin",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
  { "a pin that is a digit short is refused",
    "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==" },
  { "a pin without padding is refused",
    "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
  { "a pin with bits that do not count is refused",
    "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=" },
  { "a pin with a blank is refused",
    "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA =" },
  { "base64 for URLs is refused",
    "sha256/__________________________________________8=" },
  { "another digest is refused",
    "sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
  { "too many hexadecimal digits are refused", ZEROS "00" },
  { "other letters are refused", "g" ZEROS },
};

static void
test_bad_pin(void **state)
{
  const struct bad *bad = *state;
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn;

  assert_status(sslc_ctx_add_pin(ctx, bad->pin), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), "pins");
  /* Nobody who did not look gets a weaker connection. */
  conn = sslc_conn_new(ctx);
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  sslc_conn_free(conn);
  sslc_ctx_free(ctx);
}

static void
test_misuse(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  assert_int_equal(sslc_ctx_add_pin(NULL, ZEROS), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_set_pin_scope(NULL, 0), SSLC_ERR_ARG);
  assert_null(sslc_cert_spki_sha256(NULL));
  sslc_conn_free(sslc_conn_new(ctx));
  assert_status(sslc_ctx_add_pin(ctx, ZEROS), SSLC_ERR_STATE,
                sslc_ctx_error(ctx));
  assert_status(sslc_ctx_set_pin_scope(ctx, SSLC_PIN_LEAF), SSLC_ERR_STATE,
                sslc_ctx_error(ctx));
  sslc_ctx_free(ctx);
}

/* A context of which one setter is wrong. */
static void
check_broken(sslc_ctx *ctx, sslc_status status, const char *says)
{
  assert_status(status, SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), says);
  sslc_ctx_free(ctx);
}

static void
test_bad_settings(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  check_broken(ctx, sslc_ctx_add_pin(ctx, NULL), "no pin");
  ctx = sslc_ctx_new();
  check_broken(ctx, sslc_ctx_set_pin_scope(ctx, 2), "pin_scope");
  ctx = sslc_ctx_new();
  assert_ok(sslc_ctx_set_pin_scope(ctx, SSLC_PIN_LEAF), NULL);
  check_broken(ctx, sslc_ctx_check(ctx), "no pins");
  ctx = sslc_ctx_new();
  assert_ok(sslc_ctx_add_pin(ctx, ZEROS), NULL);
  check_broken(ctx, sslc_ctx_add_pin(
                 ctx, "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
               "twice");
}

/* ------------------------------------------------------------ whose key */

enum who { NOBODY, SERVER, MIDDLE, ROOT, STRANGER, OTHER_AND_SERVER };
enum trust { TRUSTED, UNTRUSTED, NO_VERIFY, WRONG_NAME };

static const struct row {
  const char *test;
  enum who pinned;
  int scope;
  enum trust trust;
  int code; /* SSLC_CODE_NONE: let in */
} rows[] = {
  { "the server's own key is enough", SERVER, SSLC_PIN_CHAIN, TRUSTED, 0 },
  { "an intermediate's key is enough", MIDDLE, SSLC_PIN_CHAIN, TRUSTED, 0 },
  { "the root's key is enough", ROOT, SSLC_PIN_CHAIN, TRUSTED, 0 },
  { "one of several is enough", OTHER_AND_SERVER, SSLC_PIN_CHAIN, TRUSTED,
    0 },
  { "another key is refused", NOBODY, SSLC_PIN_CHAIN, TRUSTED,
    SSLC_CODE_PIN_MISMATCH },
  { "a key that is merely sent along is refused", STRANGER, SSLC_PIN_CHAIN,
    TRUSTED, SSLC_CODE_PIN_MISMATCH },
  { "the leaf's own key is enough for the leaf", SERVER, SSLC_PIN_LEAF,
    TRUSTED, 0 },
  { "an intermediate's key is refused for the leaf", MIDDLE, SSLC_PIN_LEAF,
    TRUSTED, SSLC_CODE_PIN_MISMATCH },
  { "the root's key is refused for the leaf", ROOT, SSLC_PIN_LEAF, TRUSTED,
    SSLC_CODE_PIN_MISMATCH },
  { "a pin does not make up for the chain", SERVER, SSLC_PIN_CHAIN, UNTRUSTED,
    SSLC_CODE_UNKNOWN_AUTHORITY },
  { "a pin does not make up for the name", SERVER, SSLC_PIN_CHAIN, WRONG_NAME,
    SSLC_CODE_HOSTNAME_MISMATCH },
  { "without verification the server's own key holds", SERVER, SSLC_PIN_CHAIN,
    NO_VERIFY, 0 },
  { "without verification another key is refused", NOBODY, SSLC_PIN_CHAIN,
    NO_VERIFY, SSLC_CODE_PIN_MISMATCH },
  { "without verification no authority's key counts", MIDDLE, SSLC_PIN_CHAIN,
    NO_VERIFY, SSLC_CODE_PIN_MISMATCH },
  { "without verification the root's key does not count", ROOT,
    SSLC_PIN_CHAIN, NO_VERIFY, SSLC_CODE_PIN_MISMATCH },
};

static void
pin(sslc_ctx *ctx, const struct pair *pair)
{
  char *text = pair_hex_pin(pair);

  assert_ok(sslc_ctx_add_pin(ctx, text), sslc_ctx_error(ctx));
  free(text);
}

static void
add_pins(sslc_ctx *ctx, enum who who)
{
  static const struct pair *const pairs[] = {
    [SERVER] = &server, [MIDDLE] = &middle, [ROOT] = &root,
    [STRANGER] = &stranger, [OTHER_AND_SERVER] = &server
  };

  if (who == NOBODY || who == OTHER_AND_SERVER)
    assert_ok(sslc_ctx_add_pin(ctx, ZEROS), sslc_ctx_error(ctx));
  if (who != NOBODY)
    pin(ctx, pairs[who]);
}

static sslc_ctx *
make_client(const struct row *row, int version, int hook)
{
  sslc_ctx *ctx =
    pair_client_ctx(row->trust == UNTRUSTED ? &stranger : &root);

  add_pins(ctx, row->pinned);
  assert_ok(sslc_ctx_set_pin_scope(ctx, row->scope), NULL);
  assert_ok(sslc_ctx_set_insecure_no_verify(ctx, row->trust == NO_VERIFY),
            NULL);
  assert_ok(sslc_ctx_set_max_version(ctx, version), NULL);
  assert_ok(sslc_ctx_set_retry_verify(ctx, hook), NULL);
  return ctx;
}

/* Shows its chain and, in the same breath, the stranger. */
static sslc_ctx *
make_server(void)
{
  sslc_ctx *ctx = pair_server_ctx(&server, &middle);
  BIO *pem = BIO_new(BIO_s_mem());
  char *text;
  long len;

  PEM_write_bio_X509(pem, server.cert);
  PEM_write_bio_X509(pem, middle.cert);
  PEM_write_bio_X509(pem, stranger.cert);
  len = BIO_get_mem_data(pem, &text);
  assert_ok(sslc_ctx_use_certificate_pem(ctx, text, (size_t)len),
            sslc_ctx_error(ctx));
  BIO_free(pem);
  return ctx;
}

/* Shakes hands, and says yes to whatever is asked. */
static sslc_status
shake_and_accept(struct peers *p)
{
  sslc_status status = shake(p);

  while (status == SSLC_WANT_RETRY_VERIFY) {
    assert_ok(sslc_conn_answer_verify(p->client, 1, NULL),
              sslc_conn_error(p->client));
    status = shake(p);
  }
  return status;
}

static void
check_outcome(struct peers *p, const struct row *row, sslc_status status)
{
  const sslc_error *err = sslc_conn_error(p->client);

  assert_int_equal(sslc_conn_is_connected(p->client), row->code == 0);
  if (row->code == 0) {
    assert_status(status, SSLC_OK, err);
    assert_int_equal(sslc_conn_is_verified(p->client),
                     row->trust != NO_VERIFY);
    send_through(p->client, p->server, "x", 1);
    return;
  }
  assert_status(status, SSLC_ERR_VERIFY, err);
  assert_code(err, row->code);
  assert_phase(err, SSLC_PHASE_HANDSHAKE);
  assert_int_equal(sslc_conn_is_verified(p->client), 0);
  assert_int_equal(p->server_status, SSLC_ERR_ALERT);
  if (row->code == SSLC_CODE_PIN_MISMATCH)
    assert_string_equal(sslc_cert_subject(sslc_error_cert(err)),
                        "CN=pins server");
}

static void
run_row(const struct row *row, int version, int hook)
{
  struct peers p;

  peers_init(&p, make_client(row, version, hook), make_server(),
             row->trust == WRONG_NAME ? "other.example" : "localhost");
  check_outcome(&p, row, shake_and_accept(&p));
  peers_free(&p);
}

static void
test_row(void **state)
{
  run_row(*state, SSLC_TLS1_3, 0);
  run_row(*state, SSLC_TLS1_2, 0);
}

/* A hook that accepts everything accepts no other key.  For it the chain is
 * looked at even without verification, so the authorities' keys count there. */
static void
test_hook(void **state)
{
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(rows); i++)
    if (rows[i].trust != NO_VERIFY || rows[i].pinned == NOBODY)
      run_row(&rows[i], SSLC_TLS1_3, 1);
}

/* ------------------------------------------------------------ what is told */

/* What the error tells can be pinned as it stands. */
static void
test_message(void **state)
{
  const struct row row = { NULL, NOBODY, SSLC_PIN_CHAIN, TRUSTED, 0 };
  struct peers p;
  char text[128];
  const char *message, *at;
  sslc_ctx *ctx;

  (void)state;
  peers_init(&p, make_client(&row, SSLC_TLS1_3, 0), make_server(),
             "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  message = sslc_error_message(sslc_conn_error(p.client));
  assert_has(message, "CN=pins server");
  assert_has(message, "CN=pins middle");
  assert_has(message, "CN=pins root");
  assert_null(strstr(message, "stranger"));
  at = strstr(message, "sha256/");
  assert_non_null(at);
  snprintf(text, sizeof text, "%.*s", (int)strcspn(at, " "), at);
  peers_free(&p);
  ctx = sslc_ctx_new();
  assert_ok(sslc_ctx_add_pin(ctx, text), sslc_ctx_error(ctx));
  pin(ctx, &middle);
  check_broken(ctx, sslc_ctx_add_pin(ctx, text), "twice");
}

static void
test_spki(void **state)
{
  const struct row row = { NULL, SERVER, SSLC_PIN_CHAIN, TRUSTED, 0 };
  struct peers p;
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  peers_init(&p, make_client(&row, SSLC_TLS1_3, 0), make_server(),
             "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  /* The same pin in the other notation. */
  pin(ctx, &server);
  check_broken(ctx, sslc_ctx_add_pin(
                 ctx, sslc_cert_spki_sha256(sslc_conn_peer_cert(p.client, 0))),
               "twice");
  peers_free(&p);
}

/* ---------------------------------------------------------------- resumed */

/* One more connection of the two contexts, that offers the session. */
static void
resume(sslc_ctx *client, sslc_ctx *serving, sslc_session *session)
{
  struct peers p;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(serving),
             "localhost");
  assert_ok(sslc_conn_set_session(p.client, session),
            sslc_conn_error(p.client));
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_session_reused(p.client), 1);
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  peers_free(&p);
}

/* The chain is not shown again: the session stands for it, in the context with
 * these pins alone. */
static void
check_resumed(int version, enum who who)
{
  const struct row row = { NULL, who, SSLC_PIN_CHAIN, TRUSTED, 0 };
  const struct row other = { NULL, NOBODY, SSLC_PIN_CHAIN, TRUSTED, 0 };
  sslc_ctx *client = make_client(&row, version, 0), *serving = make_server();
  sslc_ctx *stricter = make_client(&other, version, 0);
  sslc_session *session;
  sslc_conn *conn;
  struct peers p;

  peers_init(&p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(serving),
             "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  send_text(p.server, "x");
  expect_text(p.client, "x");
  session = sslc_conn_get1_session(p.client);
  assert_non_null(session);
  peers_free(&p);
  resume(client, serving, session);
  conn = sslc_conn_new(stricter);
  assert_status(sslc_conn_set_session(conn, session), SSLC_ERR_ARG,
                sslc_conn_error(conn));
  sslc_conn_free(conn);
  sslc_session_free(session);
  sslc_ctx_free(client);
  sslc_ctx_free(serving);
  sslc_ctx_free(stricter);
}

static void
test_resumed(void **state)
{
  (void)state;
  check_resumed(SSLC_TLS1_3, MIDDLE);
  check_resumed(SSLC_TLS1_2, MIDDLE);
  check_resumed(SSLC_TLS1_3, SERVER);
}

/* --------------------------------------------------------------- servers */

/* A server that pins its client's key. */
static sslc_ctx *
pinning_server(int mode, const struct pair *pinned)
{
  sslc_ctx *ctx = make_server_ctx("good");
  char *text = pair_hex_pin(pinned);

  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")), NULL);
  assert_ok(sslc_ctx_set_verify_client(ctx, mode), NULL);
  assert_ok(sslc_ctx_add_pin(ctx, text), NULL);
  free(text);
  return ctx;
}

static sslc_ctx *
client_with_cert(void)
{
  sslc_ctx *ctx = make_server_ctx("client");

  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")), NULL);
  return ctx;
}

static void
test_server(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, client_with_cert(),
             pinning_server(SSLC_VERIFY_CLIENT_REQUIRED, &server),
             "localhost");
  shake(&p);
  assert_status(p.server_status, SSLC_ERR_VERIFY, sslc_conn_error(p.server));
  assert_code(sslc_conn_error(p.server), SSLC_CODE_PIN_MISMATCH);
  assert_has(sslc_error_message(sslc_conn_error(p.server)), "CN=client");
  peers_free(&p);
  peers_init(&p, make_client_ctx(),
             pinning_server(SSLC_VERIFY_CLIENT_OPTIONAL, &server),
             "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_ok(p.server_status, sslc_conn_error(p.server));
  peers_free(&p);
}

static void
test_server_without_clients(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(),
             pinning_server(SSLC_VERIFY_CLIENT_NONE, &server), "localhost");
  shake(&p);
  assert_code(sslc_conn_error(p.server), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(p.server)), "verify_client");
  peers_free(&p);
}

int
main(void)
{
  size_t i;
  int failed;

  make_pki();
  for (i = 0; i < COUNT(bads); i++)
    add_test(bads[i].test, test_bad_pin, &bads[i]);
  add_test("pins are set before the first connection", test_misuse, NULL);
  add_test("settings that cannot hold are refused", test_bad_settings, NULL);
  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_row, &rows[i]);
  add_test("a hook that accepts all accepts no other key", test_hook, NULL);
  add_test("the error tells which pins there are", test_message, NULL);
  add_test("a certificate tells its pin", test_spki, NULL);
  add_test("what is resumed was looked at", test_resumed, NULL);
  add_test("a server pins its clients", test_server, NULL);
  add_test("a server that verifies nobody has no use of pins",
           test_server_without_clients, NULL);
  failed = run_all("pins");
  free_pki();
  return failed;
}
