/*
 * test_hooks_server.c: the hooks that choose: SSL_CTX_set_client_hello_cb(3)
 * and SSL_CTX_set_cert_cb(3), and what a choice must not let slip by.
 */
#include "support.h"

#include "internal.h"

#include <string.h>

static sslc_ctx *
trusting(sslc_ctx *ctx, const char *file, int mode)
{
  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path(file)),
            sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_set_verify_client(ctx, mode), sslc_ctx_error(ctx));
  return ctx;
}

static sslc_ctx *
choosing(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_client_hello(ctx, 1), sslc_ctx_error(ctx));
  return ctx;
}

static sslc_ctx *
looking_up(sslc_ctx *ctx)
{
  assert_ok(sslc_ctx_set_x509_lookup(ctx, 1), sslc_ctx_error(ctx));
  return ctx;
}

static sslc_ctx *
client_with(const char *leaf, int version)
{
  sslc_ctx *ctx = leaf != NULL ? make_server_ctx(leaf) : sslc_ctx_new();

  assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")), NULL);
  assert_ok(sslc_ctx_set_max_version(ctx, version), NULL);
  return ctx;
}

static const char *
subject(const sslc_conn *conn)
{
  return sslc_cert_subject(sslc_conn_peer_cert(conn, 0));
}

/* Answers and frees the context. */
static void
choose(struct peers *p, sslc_ctx *ctx)
{
  shake(p);
  assert_status(p->server_status, SSLC_WANT_CLIENT_HELLO_CB,
                sslc_conn_error(p->server));
  assert_ok(sslc_conn_answer_client_hello(p->server, ctx),
            sslc_conn_error(p->server));
  sslc_ctx_free(ctx);
  shake(p);
}

static void
assert_both(struct peers *p)
{
  assert_ok(p->client_status, sslc_conn_error(p->client));
  assert_status(p->server_status, SSLC_OK, sslc_conn_error(p->server));
  send_through(p->client, p->server, "hello", 5);
  send_through(p->server, p->client, "hello", 5);
}

/* ------------------------------------------------------------- ClientHello */

static void
test_own(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), choosing(make_server_ctx("good")),
             "localhost");
  assert_status(sslc_conn_answer_client_hello(p.server, NULL), SSLC_ERR_STATE,
                NULL);
  shake(&p);
  assert_status(p.server_status, SSLC_WANT_CLIENT_HELLO_CB, NULL);
  assert_string_equal(sslc_conn_server_name(p.server), "localhost");
  assert_int_equal(sslc_conn_is_connected(p.server), 0);
  choose(&p, NULL);
  assert_both(&p);
  assert_status(sslc_conn_answer_client_hello(p.server, NULL), SSLC_ERR_STATE,
                NULL);
  assert_string_equal(sslc_conn_server_name(p.server), "localhost");
  peers_free(&p);
}

static void
test_other(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), choosing(make_server_ctx("wronghost")),
             "localhost");
  choose(&p, make_server_ctx("rsa"));
  assert_both(&p);
  assert_string_equal(subject(p.client), "CN=rsa");
  peers_free(&p);
  /* A server that has nothing of its own, and a client that names nobody. */
  peers_init(&p, make_client_ctx(), choosing(sslc_ctx_new()), "127.0.0.1");
  shake(&p);
  assert_null(sslc_conn_server_name(p.server));
  choose(&p, make_server_ctx("good"));
  assert_both(&p);
  peers_free(&p);
}

/* No certificate of the first context is left for those who prefer it. */
static void
test_no_mixture(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), choosing(make_server_ctx("rsa")),
             "localhost");
  assert_true(SSL_set1_sigalgs_list(p.client->ssl,
                                    "RSA-PSS+SHA256:RSA+SHA256"));
  choose(&p, make_server_ctx("ed25519"));
  assert_code(sslc_conn_error(p.server), SSLC_CODE_NO_SHARED_PARAMETERS);
  peers_free(&p);
}

static void
test_bad_answers(void **state)
{
  sslc_ctx *none = sslc_ctx_new(), *broken = sslc_ctx_new();
  sslc_ctx *good = make_server_ctx("good");
  struct peers p;

  (void)state;
  assert_int_not_equal(sslc_ctx_load_verify_file(broken, "/nowhere"), SSLC_OK);
  peers_init(&p, make_client_ctx(), choosing(sslc_ctx_new()), "localhost");
  shake(&p);
  assert_status(sslc_conn_answer_client_hello(p.server, NULL),
                SSLC_ERR_CONFIG, NULL);
  assert_code(sslc_conn_error(p.server), SSLC_CODE_BAD_OPTION);
  assert_status(sslc_conn_answer_client_hello(p.server, none),
                SSLC_ERR_CONFIG, NULL);
  assert_status(sslc_conn_answer_client_hello(p.server, broken),
                SSLC_ERR_CONFIG, NULL);
  assert_code(sslc_conn_error(p.server), SSLC_CODE_BAD_FILE);
  assert_status(sslc_conn_answer_verify(p.server, 1, NULL), SSLC_ERR_STATE,
                NULL);
  assert_status(sslc_conn_answer_x509_lookup(p.server, good), SSLC_ERR_STATE,
                NULL);
  choose(&p, good);
  assert_both(&p);
  peers_free(&p);
  sslc_ctx_free(none);
  sslc_ctx_free(broken);
}

static void
test_abort(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), choosing(make_server_ctx("good")),
             "localhost");
  shake(&p);
  assert_ok(sslc_conn_answer_abort(p.server, "who is that"), NULL);
  assert_status(sslc_conn_answer_client_hello(p.server, NULL), SSLC_ERR_STATE,
                NULL);
  shake(&p);
  assert_code(sslc_conn_error(p.server), SSLC_CODE_CANCELED);
  assert_has(sslc_error_message(sslc_conn_error(p.server)), "who is that");
  assert_int_equal(sslc_error_alert(sslc_conn_error(p.client)), 112);
  peers_free(&p);
}

/* What the chosen context demands of clients, whatever the first one does. */
static const struct demand {
  const char *test;
  const char *client; /* NULL: shows nothing */
  int own_mode;
  int mode;
  const char *trust;
  int code; /* NONE: let in */
  int verified;
} demands[] = {
  { "the chosen context demands a certificate", NULL, SSLC_VERIFY_CLIENT_NONE,
    SSLC_VERIFY_CLIENT_REQUIRED, "ca.pem", SSLC_CODE_CERTIFICATE_MISSING, 0 },
  { "... also where the first one made it optional", NULL,
    SSLC_VERIFY_CLIENT_OPTIONAL, SSLC_VERIFY_CLIENT_REQUIRED, "ca.pem",
    SSLC_CODE_CERTIFICATE_MISSING, 0 },
  { "... and gets it", "client", SSLC_VERIFY_CLIENT_NONE,
    SSLC_VERIFY_CLIENT_REQUIRED, "ca.pem", SSLC_CODE_NONE, 1 },
  { "... by its own trust", "client", SSLC_VERIFY_CLIENT_REQUIRED,
    SSLC_VERIFY_CLIENT_REQUIRED, "otherca.pem", SSLC_CODE_UNKNOWN_AUTHORITY,
    0 },
  { "... which is not the first one's", "client-unknown",
    SSLC_VERIFY_CLIENT_NONE, SSLC_VERIFY_CLIENT_OPTIONAL, "ca.pem",
    SSLC_CODE_UNKNOWN_AUTHORITY, 0 },
  { "the chosen context demands nothing", NULL, SSLC_VERIFY_CLIENT_REQUIRED,
    SSLC_VERIFY_CLIENT_NONE, "ca.pem", SSLC_CODE_NONE, 0 },
};

static void
test_demand(void **state)
{
  const struct demand *row = *state;
  static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };
  struct peers p;
  size_t i;

  for (i = 0; i < COUNT(versions); i++) {
    peers_init(&p, client_with(row->client, versions[i]),
               choosing(trusting(make_server_ctx("rsa"), "ca.pem",
                                 row->own_mode)),
               "localhost");
    choose(&p, trusting(make_server_ctx("good"), row->trust, row->mode));
    if (row->code == SSLC_CODE_NONE)
      assert_both(&p);
    else
      assert_code(sslc_conn_error(p.server), row->code);
    assert_int_equal(sslc_conn_is_verified(p.server), row->verified);
    peers_free(&p);
  }
}

static sslc_ctx *
speaking(sslc_ctx *ctx, const char *name)
{
  if (name != NULL)
    assert_ok(sslc_ctx_set_alpn(ctx, &name, 1), NULL);
  return ctx;
}

static void
test_alpn(void **state)
{
  static const char *const both[] = { "h2", "http/1.1" };
  static const char *const rows[][2] = {
    { "h2", "http/1.1" }, { NULL, "http/1.1" }, { "h2", NULL },
  };
  struct peers p;
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(rows); i++) {
    sslc_ctx *client = make_client_ctx();

    assert_ok(sslc_ctx_set_alpn(client, both, 2), NULL);
    peers_init(&p, client,
               choosing(speaking(make_server_ctx("good"), rows[i][0])),
               "localhost");
    choose(&p, speaking(make_server_ctx("good"), rows[i][1]));
    assert_both(&p);
    if (rows[i][1] == NULL)
      assert_null(sslc_conn_alpn(p.client));
    else
      assert_string_equal(sslc_conn_alpn(p.client), rows[i][1]);
    peers_free(&p);
  }
}

static void
test_versions(void **state)
{
  sslc_ctx *strict = make_server_ctx("good");
  struct peers p;

  (void)state;
  assert_ok(sslc_ctx_set_min_version(strict, SSLC_TLS1_3), NULL);
  peers_init(&p, client_with(NULL, SSLC_TLS1_2),
             choosing(make_lax_server_ctx("good")), "localhost");
  assert_int_equal(SSL_get_security_level(p.server->ssl), 0);
  choose(&p, strict);
  assert_int_not_equal(SSL_get_security_level(p.server->ssl), 0);
  assert_code(sslc_conn_error(p.server), SSLC_CODE_PROTOCOL_VERSION);
  peers_free(&p);
}

static void
test_hooks_of_the_chosen(void **state)
{
  sslc_ctx *chosen = looking_up(trusting(sslc_ctx_new(), "ca.pem",
                                         SSLC_VERIFY_CLIENT_REQUIRED));
  sslc_ctx *identity = make_server_ctx("good");
  struct peers p;

  (void)state;
  assert_ok(sslc_ctx_set_retry_verify(chosen, 1), NULL);
  peers_init(&p, client_with("client", 0), choosing(make_server_ctx("rsa")),
             "localhost");
  choose(&p, chosen);
  assert_status(p.server_status, SSLC_WANT_X509_LOOKUP, NULL);
  assert_ok(sslc_conn_answer_x509_lookup(p.server, identity), NULL);
  shake(&p);
  assert_status(p.server_status, SSLC_WANT_RETRY_VERIFY, NULL);
  assert_int_equal(sslc_conn_chain_count(p.server), 2);
  assert_ok(sslc_conn_answer_verify(p.server, 1, NULL), NULL);
  shake(&p);
  assert_both(&p);
  assert_string_equal(subject(p.client), "CN=good");
  assert_int_equal(sslc_conn_is_verified(p.server), 1);
  sslc_ctx_free(identity);
  peers_free(&p);
}

/* A context that leaves it all to its hook, chosen by one that has none. */
static void
test_overruled(void **state)
{
  sslc_ctx *chosen = trusting(make_server_ctx("good"), "ca.pem",
                              SSLC_VERIFY_CLIENT_REQUIRED);
  struct peers p;

  (void)state;
  assert_ok(sslc_ctx_set_retry_verify(chosen, 1), NULL);
  assert_ok(sslc_ctx_set_insecure_no_verify(chosen, 1), NULL);
  peers_init(&p, client_with("client-expired", 0),
             choosing(make_server_ctx("rsa")), "localhost");
  choose(&p, chosen);
  assert_status(p.server_status, SSLC_WANT_RETRY_VERIFY,
                sslc_conn_error(p.server));
  assert_int_equal(sslc_conn_verify_result(p.server), 10);
  assert_ok(sslc_conn_answer_verify(p.server, 1, NULL), NULL);
  shake(&p);
  assert_both(&p);
  assert_int_equal(sslc_conn_is_verified(p.server), 0);
  peers_free(&p);
}

/* ---------------------------------------------------------------- tickets */

/* One connection to the server, the chosen context answered; the session. */
static SSL_SESSION *
visit(struct peers *p, sslc_ctx *client, sslc_ctx *server, sslc_ctx *chosen,
      SSL_SESSION *session)
{
  peers_init(p, sslc_ctx_up_ref(client), sslc_ctx_up_ref(server), "localhost");
  if (session != NULL)
    assert_true(SSL_set_session(p->client->ssl, session));
  choose(p, sslc_ctx_up_ref(chosen));
  if (p->server_status != SSLC_OK)
    return NULL;
  assert_both(p);
  return SSL_get1_session(p->client->ssl);
}

static void
end_visit(struct peers *p)
{
  sslc_conn_close(p->client);
  peers_free(p);
}

/* Whom one context trusts, another does not by a ticket. */
static void
test_tickets(void **state)
{
  const int *version = *state;
  sslc_ctx *client = client_with("client", *version);
  sslc_ctx *server = choosing(make_server_ctx("rsa"));
  sslc_ctx *open = trusting(make_server_ctx("good"), "ca.pem",
                            SSLC_VERIFY_CLIENT_REQUIRED);
  sslc_ctx *closed = trusting(make_server_ctx("good"), "otherca.pem",
                              SSLC_VERIFY_CLIENT_REQUIRED);
  SSL_SESSION *session, *second;
  struct peers p;

  session = visit(&p, client, server, open, NULL);
  end_visit(&p);
  second = visit(&p, client, server, open, session);
  assert_int_equal(sslc_conn_session_reused(p.server), 1);
  end_visit(&p);
  assert_null(visit(&p, client, server, closed, second));
  assert_int_equal(SSL_session_reused(p.server->ssl), 0);
  assert_code(sslc_conn_error(p.server), SSLC_CODE_UNKNOWN_AUTHORITY);
  end_visit(&p);
  SSL_SESSION_free(session);
  SSL_SESSION_free(second);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
  sslc_ctx_free(open);
  sslc_ctx_free(closed);
}

/* -------------------------------------------------- what the client sends */

/* Takes what the client has sent and puts it before the server, its server
 * name changed: `at` is counted from the name's first byte. */
static void
forge(struct wire *w, int at, unsigned char byte)
{
  unsigned char bytes[8192];
  size_t n, i;

  assert_status(sslc_conn_do_handshake(w->client), SSLC_WANT_READ, NULL);
  assert_ok(sslc_bio_read(w->to_client, bytes, sizeof bytes, &n), NULL);
  for (i = 16; i + 9 <= n && memcmp(bytes + i, "localhost", 9) != 0;)
    i++;
  assert_true(i + 9 <= n);
  bytes[(int)i + at] = byte;
  inject(w->to_server, bytes, n);
}

static void
test_forged(void **state)
{
  static const struct {
    int at;
    unsigned char byte;
  } rows[] = {
    { -5, 1 }, { -4, 11 }, { -4, 13 }, { -3, 1 }, { -2, 1 },
    { -1, 8 }, { -1, 10 }, { -1, 0 }, { 3, 0 },
  };
  struct wire w;
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(rows); i++) {
    wire_init(&w, make_client_ctx(), choosing(make_server_ctx("good")),
              "localhost");
    forge(&w, rows[i].at, rows[i].byte);
    assert_status(sslc_conn_do_handshake(w.server), SSLC_ERR_PROTO,
                  sslc_conn_error(w.server));
    assert_has(sslc_error_message(sslc_conn_error(w.server)), "server_name");
    assert_null(sslc_conn_server_name(w.server));
    wire_free(&w);
  }
}

/* The name that was chosen for stays the name: RFC 8446, section 4.1.2. */
static void
test_second_hello(void **state)
{
  struct wire w;
  int same;

  (void)state;
  for (same = 0; same < 2; same++) {
    wire_init(&w, make_client_ctx(), choosing(make_server_ctx("good")),
              "localhost");
    /* The client sends no key share for it, so the server has to ask. */
    assert_true(SSL_set1_groups_list(w.client->ssl, "X25519:P-384"));
    assert_true(SSL_set1_groups_list(w.server->ssl, "P-384"));
    forge(&w, 0, 'l');
    assert_status(sslc_conn_do_handshake(w.server), SSLC_WANT_CLIENT_HELLO_CB,
                  NULL);
    assert_ok(sslc_conn_answer_client_hello(w.server, NULL), NULL);
    assert_status(sslc_conn_do_handshake(w.server), SSLC_WANT_READ, NULL);
    if (same) {
      assert_ok(wire_shake(&w, 4096), sslc_conn_error(w.client));
    } else {
      char bytes[4096];
      size_t n;

      assert_ok(sslc_bio_read(w.to_server, bytes, sizeof bytes, &n), NULL);
      inject(w.to_client, bytes, n);
      forge(&w, 0, 'h');
      assert_status(sslc_conn_do_handshake(w.server), SSLC_ERR_PROTO,
                    sslc_conn_error(w.server));
      assert_has(sslc_error_message(sslc_conn_error(w.server)),
                 "another server");
    }
    assert_string_equal(sslc_conn_server_name(w.server), "localhost");
    wire_free(&w);
  }
}

/* -------------------------------------------------------- our certificate */

/* A client that was asked for its certificate by a server that demands one. */
static void
ask(struct peers *p, sslc_ctx *client)
{
  X509 *ca;
  FILE *file = fopen(cert_path("ca.pem"), "r");

  peers_init(p, looking_up(client),
             trusting(make_server_ctx("good"), "ca.pem",
                      SSLC_VERIFY_CLIENT_REQUIRED),
             "localhost");
  assert_non_null(file);
  ca = PEM_read_X509(file, NULL, NULL, NULL);
  assert_true(SSL_add_client_CA(p->server->ssl, ca));
  X509_free(ca);
  fclose(file);
  assert_int_equal(sslc_conn_ca_name_count(p->client), 0);
  assert_status(shake(p), SSLC_WANT_X509_LOOKUP, sslc_conn_error(p->client));
}

static const int both_versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };

static void
test_lookup(void **state)
{
  const int *version = *state;
  sslc_ctx *identity = make_server_ctx("client");
  struct peers p;

  ask(&p, client_with(NULL, *version));
  assert_int_equal(sslc_conn_is_connected(p.client), 0);
  assert_int_equal(sslc_conn_ca_name_count(p.client), 1);
  assert_has(sslc_conn_ca_name(p.client, 0), "CN=");
  assert_null(sslc_conn_ca_name(p.client, 1));
  assert_ok(sslc_conn_answer_x509_lookup(p.client, identity), NULL);
  sslc_ctx_free(identity);
  shake(&p);
  assert_both(&p);
  assert_string_equal(subject(p.server), "CN=client");
  assert_int_equal(sslc_conn_is_verified(p.server), 1);
  assert_status(sslc_conn_answer_x509_lookup(p.client, NULL), SSLC_ERR_STATE,
                NULL);
  peers_free(&p);
}

/* The context's own certificate goes where another is chosen, or none. */
static void
test_lookup_instead(void **state)
{
  const int *version = *state;
  sslc_ctx *identity = make_server_ctx("client");
  struct peers p;

  ask(&p, client_with("rsa", *version));
  assert_ok(sslc_conn_answer_x509_lookup(p.client, identity), NULL);
  sslc_ctx_free(identity);
  shake(&p);
  assert_both(&p);
  assert_string_equal(subject(p.server), "CN=client");
  peers_free(&p);
  ask(&p, client_with("client", *version));
  assert_ok(sslc_conn_answer_x509_lookup(p.client, NULL), NULL);
  shake(&p);
  assert_code(sslc_conn_error(p.server), SSLC_CODE_CERTIFICATE_MISSING);
  if (*version == SSLC_TLS1_2) /* with TLS 1.3 the first read tells */
    assert_code(sslc_conn_error(p.client),
                SSLC_CODE_CLIENT_CERTIFICATE_REQUIRED);
  peers_free(&p);
}

static void
test_lookup_failures(void **state)
{
  sslc_ctx *none = sslc_ctx_new(), *lone = sslc_ctx_new();
  struct peers p;

  (void)state;
  assert_ok(sslc_ctx_use_certificate_file(lone, cert_path("client.pem")),
            NULL);
  ask(&p, client_with(NULL, 0));
  assert_status(sslc_conn_answer_x509_lookup(p.client, none), SSLC_ERR_CONFIG,
                NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_BAD_OPTION);
  assert_status(sslc_conn_answer_x509_lookup(p.client, lone), SSLC_ERR_CONFIG,
                NULL);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "without its key");
  assert_status(sslc_conn_answer_verify(p.client, 1, NULL), SSLC_ERR_STATE,
                NULL);
  assert_status(shake(&p), SSLC_WANT_X509_LOOKUP, NULL);
  assert_ok(sslc_conn_answer_abort(p.client, NULL), NULL);
  assert_status(shake(&p), SSLC_ERR_CANCELED, NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CANCELED);
  peers_free(&p);
  sslc_ctx_free(none);
  sslc_ctx_free(lone);
}

static void
test_lookup_server(void **state)
{
  sslc_ctx *identity = make_server_ctx("good");
  struct peers p;
  int answer;

  (void)state;
  for (answer = 0; answer < 2; answer++) {
    peers_init(&p, make_client_ctx(), looking_up(sslc_ctx_new()), "localhost");
    shake(&p);
    assert_status(p.server_status, SSLC_WANT_X509_LOOKUP, NULL);
    assert_string_equal(sslc_conn_server_name(p.server), "localhost");
    assert_ok(sslc_conn_answer_x509_lookup(p.server,
                                           answer ? identity : NULL), NULL);
    shake(&p);
    if (answer)
      assert_both(&p);
    else
      assert_code(sslc_conn_error(p.server), SSLC_CODE_NO_SHARED_PARAMETERS);
    peers_free(&p);
  }
  sslc_ctx_free(identity);
}

static void
test_not_asked(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, looking_up(client_with(NULL, 0)), make_server_ctx("good"),
             "localhost");
  shake(&p);
  assert_both(&p);
  peers_free(&p);
}

int
main(void)
{
  size_t i;

  add_test("the first context goes on", test_own, NULL);
  add_test("another context's certificate is shown", test_other, NULL);
  add_test("... and none of the first one's", test_no_mixture, NULL);
  add_test("a context that cannot serve is no answer", test_bad_answers, NULL);
  add_test("a client is turned away", test_abort, NULL);
  for (i = 0; i < COUNT(demands); i++)
    add_test(demands[i].test, test_demand, &demands[i]);
  add_test("the chosen context's ALPN holds", test_alpn, NULL);
  add_test("the chosen context's versions hold", test_versions, NULL);
  add_test("the chosen context's hooks are asked", test_hooks_of_the_chosen,
           NULL);
  add_test("... and may overrule the verdict", test_overruled, NULL);
  add_test("a ticket is good in its context alone (TLS 1.2)", test_tickets,
           &both_versions[0]);
  add_test("a ticket is good in its context alone (TLS 1.3)", test_tickets,
           &both_versions[1]);
  add_test("a server name that is malformed ends it", test_forged, NULL);
  add_test("the second ClientHello names the same server", test_second_hello,
           NULL);
  for (i = 0; i < COUNT(both_versions); i++) {
    add_test("a client's certificate is chosen", test_lookup,
             &both_versions[i]);
    add_test("... instead of the context's", test_lookup_instead,
             &both_versions[i]);
  }
  add_test("an answer that cannot be used leaves the question",
           test_lookup_failures, NULL);
  add_test("a server's certificate is chosen", test_lookup_server, NULL);
  add_test("a client that shows nothing is not asked", test_not_asked, NULL);
  return run_all("hooks_server");
}
