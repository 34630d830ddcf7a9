/*
 * test_identity_choice.c: which of several identities is shown: a client's by
 * the authorities that the server names and the signatures that it takes, a
 * server's by the kind of key.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>

static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };

/* A context with these identities, by certkit's names: `own` (NULL: none) as
 * its own, the others added. */
static sslc_ctx *
with_identities(const char *own, const char *const *others)
{
  sslc_ctx *ctx = own ? make_lax_server_ctx(own) : sslc_ctx_new();

  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")),
            sslc_ctx_error(ctx));
  for (; *others; others++) {
    sslc_ctx *identity = make_server_ctx(*others);
    assert_ok(sslc_ctx_add_identity(ctx, identity), sslc_ctx_error(ctx));
    sslc_ctx_free(identity);
  }
  return ctx;
}

/* A server that trusts, and so names, this authority; with NULL it names none,
 * as nobody is verified but by the hook. */
static sslc_ctx *
asking_server(const char *trusts, int version)
{
  sslc_ctx *ctx = make_server_ctx("good");

  if (trusts)
    assert_ok(sslc_ctx_load_verify_file(ctx, cert_path(trusts)),
              sslc_ctx_error(ctx));
  else
    assert_ok(sslc_ctx_set_insecure_no_verify(ctx, 1), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_retry_verify(ctx, !trusts), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_verify_client(ctx, SSLC_VERIFY_CLIENT_OPTIONAL),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  return ctx;
}

/* Steps both, the server accepting whoever comes. */
static void
meet(struct peers *p)
{
  int rounds;

  for (rounds = 0; rounds < 100; rounds++) {
    p->client_status = sslc_conn_do_handshake(p->client);
    p->server_status = sslc_conn_do_handshake(p->server);
    if (p->server_status == SSLC_WANT_RETRY_VERIFY)
      assert_ok(sslc_conn_answer_verify(p->server, 1, NULL), NULL);
    else if (!is_want(p->client_status) && !is_want(p->server_status))
      break;
  }
}

static void
check_shown(sslc_conn *server, const char *subject)
{
  const sslc_cert *cert = sslc_conn_peer_cert(server, 0);

  if (!subject) {
    assert_null(cert);
    return;
  }
  assert_non_null(cert);
  assert_string_equal(sslc_cert_subject(cert), subject);
}

/* ------------------------------------------------------------- the client's */

static const struct choice {
  const char *test;
  const char *own;
  const char *others[4];
  const char *trusts; /* the server's authority */
  const char *shown;
} choices[] = {
  { "the one whose authority the server names", "client-unknown",
    { "client", NULL }, "ca.pem", "CN=client" },
  { "the other where it names the other", "client-unknown",
    { "client", NULL }, "otherca.pem", "CN=client-unknown" },
  { "without one of its own", NULL, { "client-unknown", "client", NULL },
    "ca.pem", "CN=client" },
  { "the first that fits", NULL, { "client-unknown", "client", "direct",
    NULL }, "ca.pem", "CN=client" },
  { "one that its chain leads to the authority of", "client-unknown",
    { "client-int", NULL }, "ca.pem", "CN=client-int" },
  { "its own before those that were added", "client", { "direct", NULL },
    "ca.pem", "CN=client" },
  { "none where none fits", "client", { "direct", NULL }, "otherca.pem",
    NULL },
  { "the first where no authority is named", "client-unknown",
    { "client", NULL }, NULL, "CN=client-unknown" },
};

static void
test_choice(void **state)
{
  const struct choice *row = *state;
  size_t i;

  for (i = 0; i < COUNT(versions); i++) {
    struct peers p;
    peers_init(&p, with_identities(row->own, row->others),
               asking_server(row->trusts, versions[i]), "localhost");
    meet(&p);
    assert_status(p.client_status, SSLC_OK, sslc_conn_error(p.client));
    assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
    check_shown(p.server, row->shown);
    peers_free(&p);
  }
}

/* Alone it is shown, whatever is named; that the server then refuses it is the
 * server's to say. */
static void
test_alone(void **state)
{
  struct peers p;
  sslc_ctx *client = make_server_ctx("client-unknown");

  (void)state;
  sslc_ctx_load_verify_file(client, cert_path("ca.pem"));
  peers_init(&p, client, asking_server("ca.pem", SSLC_TLS1_2), "localhost");
  shake(&p);
  assert_status(p.server_status, SSLC_ERR_VERIFY, sslc_conn_error(p.server));
  peers_free(&p);
}

/* Nobody asks: nothing is shown. */
static void
test_not_asked(void **state)
{
  static const char *const others[] = { "client", NULL };
  struct peers p;

  (void)state;
  peers_init(&p, with_identities(NULL, others), make_server_ctx("good"),
             "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  check_shown(p.server, NULL);
  peers_free(&p);
}

/* A server that demands one is not satisfied by what does not fit. */
static void
test_required(void **state)
{
  static const char *const others[] = { "client-unknown", NULL };
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(versions); i++) {
    struct peers p;
    sslc_ctx *server = asking_server("ca.pem", versions[i]);
    sslc_ctx_set_verify_client(server, SSLC_VERIFY_CLIENT_REQUIRED);
    peers_init(&p, with_identities(NULL, others), server, "localhost");
    shake(&p);
    assert_status(p.server_status, SSLC_ERR_VERIFY, sslc_conn_error(p.server));
    assert_code(sslc_conn_error(p.server), SSLC_CODE_CERTIFICATE_MISSING);
    peers_free(&p);
  }
}

/* The hook's answer comes before the choice, and may itself be several. */
static void
test_hook(void **state)
{
  static const char *const others[] = { "client-unknown", NULL };
  struct peers p;
  sslc_ctx *client = with_identities("client-unknown", others);
  sslc_ctx *answer = make_server_ctx("client");
  int rounds;

  (void)state;
  assert_ok(sslc_ctx_set_x509_lookup(client, 1), sslc_ctx_error(client));
  peers_init(&p, client, asking_server("ca.pem", SSLC_TLS1_3), "localhost");
  for (rounds = 0; rounds < 10; rounds++)
    if (shake(&p) == SSLC_WANT_X509_LOOKUP)
      assert_ok(sslc_conn_answer_x509_lookup(p.client, answer),
                sslc_conn_error(p.client));
  assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
  check_shown(p.server, "CN=client");
  peers_free(&p);
  sslc_ctx_free(answer);
}

/* ------------------------------------------------------------- the server's */

/* A client, the openssl program, that takes signatures of one kind alone; what
 * it says of the peer's. */
static const struct serving {
  const char *test;
  const char *own, *other;
  const char *sigalgs;
  const char *subject;
} servings[] = {
  { "RSA for those who know RSA only", "good", "rsa",
    "RSA-PSS+SHA256:RSA+SHA256", "CN = rsa" },
  { "ECDSA for those who know ECDSA only", "rsa", "good", "ECDSA+SHA256",
    "CN = good" },
  { "the first of its kind", "good", "direct", "ECDSA+SHA256", "CN = good" },
};

static void
test_serving(void **state)
{
  const struct serving *row = *state;
  const char *others[] = { row->other, NULL };
  const char *host_versions[] = { "-tls1_2", "-tls1_3" };
  size_t i;

  for (i = 0; i < COUNT(host_versions); i++) {
    sslc_ctx *ctx = with_identities(row->own, others);
    struct server *server = server_start(serve_echo, ctx);
    char port[32], text[16384];
    struct child child;
    snprintf(port, sizeof port, "127.0.0.1:%d", server_port(server));
    const char *const argv[] = { "openssl", "s_client", "-connect",
      port, "-sigalgs", row->sigalgs, host_versions[i], NULL };
    child_start(&child, argv);
    assert_true(child_read_until(&child, "Server certificate", text,
                                 sizeof text));
    assert_has(text, row->subject);
    child_stop(&child);
    server_stop(server);
    sslc_ctx_free(ctx);
  }
}

/* It serves with what was added alone, too. */
static void
test_serving_without_own(void **state)
{
  static const char *const others[] = { "good", NULL };
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), with_identities(NULL, others),
             "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  peers_free(&p);
}

/* ------------------------------------------------------------------- misuse */

static void
check_bad(sslc_ctx *ctx, sslc_ctx *identity, const char *says)
{
  assert_status(sslc_ctx_add_identity(ctx, identity), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), says);
  sslc_ctx_free(identity);
  sslc_ctx_free(ctx);
}

static void
test_misuse(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new(), *broken = sslc_ctx_new();

  (void)state;
  assert_int_equal(sslc_ctx_add_identity(NULL, ctx), SSLC_ERR_ARG);
  check_bad(ctx, NULL, "another context is needed");
  ctx = sslc_ctx_new();
  check_bad(ctx, sslc_ctx_up_ref(ctx), "another context is needed");
  check_bad(sslc_ctx_new(), sslc_ctx_new(), "no certificate and key");
  sslc_ctx_use_certificate_file(broken, "/nonexistent");
  check_bad(sslc_ctx_new(), broken, "/nonexistent");
  broken = sslc_ctx_new();
  sslc_ctx_use_certificate_file(broken, cert_path("good.pem"));
  check_bad(sslc_ctx_new(), broken, "without its key");
}

/* What was added is in use: it changes no more. */
static void
test_frozen(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new(), *identity = make_server_ctx("client");

  (void)state;
  assert_ok(sslc_ctx_add_identity(ctx, identity), sslc_ctx_error(ctx));
  assert_int_equal(sslc_ctx_set_max_version(identity, SSLC_TLS1_2),
                   SSLC_ERR_STATE);
  assert_int_equal(sslc_ctx_add_identity(identity, ctx), SSLC_ERR_STATE);
  sslc_ctx_free(identity);
  sslc_conn_free(sslc_conn_new(ctx));
  identity = make_server_ctx("client");
  assert_int_equal(sslc_ctx_add_identity(ctx, identity), SSLC_ERR_STATE);
  sslc_ctx_free(identity);
  sslc_ctx_free(ctx);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(choices); i++)
    add_test(choices[i].test, test_choice, &choices[i]);
  add_test("one alone is shown in any case", test_alone, NULL);
  add_test("none is shown where nobody asks", test_not_asked, NULL);
  add_test("none that fits is none for who demands one", test_required, NULL);
  add_test("the hook comes first", test_hook, NULL);
  for (i = 0; i < COUNT(servings); i++)
    add_test(servings[i].test, test_serving, &servings[i]);
  add_test("a server with what was added alone", test_serving_without_own,
           NULL);
  add_test("what is no identity is refused", test_misuse, NULL);
  add_test("an identity is frozen", test_frozen, NULL);
  return run_all("identity_choice");
}
