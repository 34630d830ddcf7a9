/*
 * test_peer_name.c: which names of a certificate are which names that are asked
 * for: RFC 9525, section 6; RFC 5922 for SIP.  What is to be refused stands
 * beside what is to be taken.
 */
#include "internal.h"

#include "support_x509.h"

#include <stdlib.h>
#include <string.h>

static struct made root;

/* ------------------------------------------------------------------ names */

/* The names in a certificate, a blank after each; "\0" bytes are written \0. */
struct row {
  const char *in, *wanted;
  int taken;
};

static const struct kind {
  const char *prefix;
  int type;
} kinds[] = {
  { "DNS:", GEN_DNS }, { "email:", GEN_EMAIL }, { "URI:", GEN_URI },
  { "IP4:", GEN_IPADD },
};

static void
add_name(GENERAL_NAMES **names, const char *text, size_t len)
{
  char bytes[600];
  size_t i, n = 0, at;

  for (i = 0; strncmp(text, kinds[i].prefix, strlen(kinds[i].prefix)) != 0;)
    assert_true(++i < COUNT(kinds));
  for (at = strlen(kinds[i].prefix); at < len; at++) {
    if (text[at] == '\\') {
      bytes[n++] = '\0';
      at++;
    } else {
      bytes[n++] = text[at];
    }
  }
  if (kinds[i].type == GEN_IPADD)
    san_add(names, GEN_IPADD, "\xc0\x00\x02\x01", 4);
  else
    san_add(names, kinds[i].type, bytes, n);
}

static GENERAL_NAMES *
parse_names(const char *text)
{
  GENERAL_NAMES *names = NULL;

  while (*text != '\0') {
    size_t len = strcspn(text, " ");

    add_name(&names, text, len);
    text += len + (text[len] == ' ');
  }
  return names;
}

static void
make_leaf(struct made *leaf, const char *in)
{
  GENERAL_NAMES *names = parse_names(in);
  struct recipe recipe = { .subject = "www.example.com", .issuer = &root,
                           .names = names };

  x509_make(leaf, &recipe);
  GENERAL_NAMES_free(names);
}

/* ------------------------------------------------------------------ tables */

#define L63 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct row hosts[] = {
  { "DNS:www.example.com", "www.example.com", 1 },
  { "DNS:WWW.Example.COM", "www.example.com", 1 },
  { "DNS:www.example.com", "WWW.EXAMPLE.COM", 1 },
  { "DNS:www.example.com", "www.example.com.", 1 },
  { "DNS:www.example.com.", "www.example.com", 0 },
  { "DNS:.www.example.com", "www.example.com", 0 },
  { "DNS:example.com", "www.example.com", 0 },
  { "DNS:.example.com", "www.example.com", 0 },
  { "DNS:www.example.com", "example.com", 0 },
  { "DNS:www.example.com", "www.example.co", 0 },
  { "DNS:a.example DNS:b.example DNS:www.example.com", "www.example.com", 1 },
  { "DNS:a.example DNS:b.example", "www.example.com", 0 },
  { "DNS:www.example.com\\0", "www.example.com", 0 },
  { "DNS:www.example.com\\0.evil.example", "www.example.com", 0 },
  { "DNS:\\0www.example.com", "www.example.com", 0 },
  { "DNS:*.example.com\\0.evil.example", "www.example.com", 0 },
  { "DNS:*.example.com", "www.example.com", 1 },
  { "DNS:*.EXAMPLE.com", "www.example.com", 1 },
  { "DNS:*.example.com", "a.b.example.com", 0 },
  { "DNS:*.example.com", "example.com", 0 },
  { "DNS:*.*.example.com", "a.b.example.com", 0 },
  { "DNS:a.*.example.com", "a.b.example.com", 0 },
  { "DNS:www.*.com", "www.example.com", 0 },
  { "DNS:w*.example.com", "www.example.com", 0 },
  { "DNS:*w.example.com", "www.example.com", 0 },
  { "DNS:w*w.example.com", "www.example.com", 0 },
  { "DNS:**.example.com", "www.example.com", 0 },
  { "DNS:*", "www.example.com", 0 },
  { "DNS:*", "localhost", 0 },
  { "DNS:*.", "localhost", 0 },
  { "DNS:*.com", "example.com", 0 },
  { "DNS:*.com.", "example.com", 0 },
  { "DNS:*.localhost", "a.localhost", 0 },
  { "DNS:*..com", "example.com", 0 },
  { "DNS:*.example.com", "xn--bcher-kva.example.com", 1 },
  { "DNS:xn--*.example.com", "xn--bcher-kva.example.com", 0 },
  { "DNS:xn--bcher-kva.*.com", "xn--bcher-kva.example.com", 0 },
  { "DNS:xn--bcher-kva.example.com", "xn--bcher-kva.example.com", 1 },
  { "DNS:*.example.com", L63 ".example.com", 1 },
  { "DNS:" L63 ".example.com", L63 ".example.com", 1 },
  { "DNS:*.example.com", "*.example.com", -1 },
  { "email:ann@www.example.com", "www.example.com", 0 },
  { "email:www.example.com", "www.example.com", 0 },
  { "URI:https://www.example.com/", "www.example.com", 0 },
  { "URI:www.example.com", "www.example.com", 0 },
  { "", "www.example.com", 0 }, /* its common name */
  { "IP4:", "www.example.com", 0 },
  { "DNS:www.example.com", "DNS:www.example.com", 1 },
  { "DNS:other.example", "DNS:www.example.com", 0 },
};

static const struct row addresses[] = {
  { "IP4:", "192.0.2.1", 1 },
  { "IP4:", "IP:192.0.2.1", 1 },
  { "IP4:", "192.0.2.2", 0 },
  { "DNS:192.0.2.1", "192.0.2.1", 0 },
  { "DNS:*.0.2.1", "192.0.2.1", 0 },
  { "URI:https://192.0.2.1", "192.0.2.1", 0 },
  { "email:192.0.2.1", "192.0.2.1", 0 },
  { "IP4:", "::ffff:192.0.2.1", 0 },
  { "IP4:", "DNS:192.0.2.1", -1 },
  { "IP4:", "IP:www.example.com", -1 },
};

static const struct row emails[] = {
  { "email:ann@example.com", "email:ann@example.com", 1 },
  { "email:ann@EXAMPLE.com", "email:ann@example.COM", 1 },
  { "email:Ann@example.com", "email:ann@example.com", 0 },
  { "email:ann@example.com", "email:bob@example.com", 0 },
  { "email:ann@example.com", "email:ann@www.example.com", 0 },
  { "email:ann@example.com\\0", "email:ann@example.com", 0 },
  { "email:example.com", "email:ann@example.com", 0 },
  { "email:@example.com", "email:ann@example.com", 0 },
  { "email:*@example.com", "email:ann@example.com", 0 },
  { "email:ann@*.example.com", "email:ann@www.example.com", 0 },
  { "DNS:example.com", "email:ann@example.com", 0 },
  { "URI:mailto:ann@example.com", "email:ann@example.com", 0 },
  { "email:ann@example.com", "email:", -1 },
  { "email:ann@example.com", "email:ann", -1 },
  { "email:ann@example.com", "email:@example.com", -1 },
  { "email:ann@example.com", "email:ann@", -1 },
  { "email:ann@example.com", "email:an n@example.com", -1 },
  { "email:ann@example.com", "email:ann@192.0.2.1", -1 },
  { "email:ann@example.com", "email:ann@*.com", -1 },
};

static const struct row uris[] = {
  { "URI:sip:example.com", "URI:sip:example.com", 1 },
  { "URI:SIP:Example.com", "URI:sip:example.COM", 1 },
  { "URI:sip:example.com;transport=tcp", "URI:sip:example.com", 1 },
  { "URI:sip:example.com:5061", "URI:sip:example.com", 1 },
  { "URI:sips:example.com", "URI:sip:example.com", 0 },
  { "URI:sip:example.com", "URI:sips:example.com", 0 },
  { "URI:sip:ann@example.com", "URI:sip:example.com", 0 },
  { "URI:sip:example.com:x@evil.example", "URI:sip:example.com", 0 },
  { "URI:sip:example.com;x@evil.example", "URI:sip:example.com", 0 },
  { "URI:sip:example.com.evil.example", "URI:sip:example.com", 0 },
  { "URI:sip:example.com\\0", "URI:sip:example.com", 0 },
  { "URI:sip:example.comx", "URI:sip:example.com", 0 },
  { "URI:sip:*.example.com", "URI:sip:www.example.com", 0 },
  { "URI:sip:*", "URI:sip:example.com", 0 },
  { "URI:sip://example.com", "URI:sip:example.com", 0 },
  { "URI:https://example.com", "URI:https://example.com", 1 },
  { "URI:https://example.com/path?query", "URI:https://example.com", 1 },
  { "URI:https://example.com:8443/", "URI:https://example.com", 1 },
  { "URI:http://example.com", "URI:https://example.com", 0 },
  { "URI:https://example.com:x@evil.example/", "URI:https://example.com", 0 },
  { "URI:https://evil.example/https://example.com", "URI:https://example.com",
    0 },
  { "URI:https:/example.com", "URI:https://example.com", 0 },
  { "URI:https://example.co", "URI:https://example.com", 0 },
  { "URI:spiffe://example.com/web", "URI:spiffe://example.com/web", 1 },
  { "URI:spiffe://example.com/db", "URI:spiffe://example.com/web", 0 },
  { "URI:spiffe://example.com/web/", "URI:spiffe://example.com/web", 0 },
  { "URI:spiffe://example.com/web\\0", "URI:spiffe://example.com/web", 0 },
  { "URI:spiffe://example.com/we", "URI:spiffe://example.com/web", 0 },
  { "URI:spiffe://example.com/WEB", "URI:spiffe://example.com/web", 0 },
  { "URI:spiffe://example.com", "URI:spiffe://example.com/web", 0 },
  { "URI:urn:uuid:1234", "URI:urn:uuid:1234", 1 },
  { "URI:urn:uuid:12345", "URI:urn:uuid:1234", 0 },
  { "URI:urn:uuid:1234", "URI:urn:uuid", 0 },
  { "DNS:example.com", "URI:https://example.com", 0 },
  { "email:example.com", "URI:sip:example.com", 0 },
  { "URI:sip:example.com", "URI:", -1 },
  { "URI:sip:example.com", "URI:example.com", -1 },
  { "URI:sip:example.com", "URI:sip:", -1 },
  { "URI:sip:example.com", "URI:://example.com", -1 },
  { "URI:sip:example.com", "URI:sip:exa mple.com", -1 },
  { "URI:sip:example.com", "URI:sip:*.example.com", -1 },
  { "URI:sip:example.com", "URI:sip:b\xc3\xbc", -1 },
  { "URI:https://192.0.2.1", "URI:https://192.0.2.1", -1 },
};

static const struct table {
  const char *test;
  const struct row *rows;
  size_t n;
} tables[] = {
  { "hosts", hosts, COUNT(hosts) },
  { "addresses", addresses, COUNT(addresses) },
  { "e-mail addresses", emails, COUNT(emails) },
  { "URIs", uris, COUNT(uris) },
};

/* --------------------------------------------------- without a connection */

static sslc_status
verify(const struct made *leaf, const char *const *names, size_t n,
       sslc_error **error)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  sslc_cert *cert = x509_cert(leaf);
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  sslc_status status;

  options.names = names;
  options.name_count = n;
  status = sslc_ctx_verify_chain(ctx, cert, NULL, 0, &options, error);
  sslc_cert_free(cert);
  sslc_ctx_free(ctx);
  return status;
}

static void
check_row(const struct row *row)
{
  struct made leaf;
  sslc_error *error = NULL;
  sslc_status status, want = SSLC_OK;

  make_leaf(&leaf, row->in);
  status = verify(&leaf, &row->wanted, 1, &error);
  if (row->taken == 0)
    want = SSLC_ERR_VERIFY;
  if (row->taken < 0)
    want = SSLC_ERR_ARG;
  if (status != want)
    print_message("\"%s\" for \"%s\":\n", row->in, row->wanted);
  assert_status(status, want, error);
  if (row->taken == 0) /* the name at the message's end may end in a dot */
    assert_int_equal(sslc_error_code(error), SSLC_CODE_HOSTNAME_MISMATCH);
  if (row->taken < 0)
    assert_code(error, SSLC_CODE_BAD_OPTION);
  sslc_error_free(error);
  x509_free(&leaf);
}

static void
test_table(void **state)
{
  const struct table *table = *state;
  size_t i;

  for (i = 0; i < table->n; i++)
    check_row(&table->rows[i]);
}

/* ----------------------------------------------------------- several names */

#define EMAIL "email:ann@example.com"

static const struct several {
  const char *in;
  const char *names[4];
  int taken;
} severals[] = {
  { "DNS:b.example", { "a.example", "b.example" }, 1 },
  { "DNS:a.example", { "a.example", "b.example" }, 1 },
  { "DNS:c.example", { "a.example", "b.example" }, 0 },
  { "DNS:b.example", { "192.0.2.1", "b.example" }, 1 },
  { "IP4:", { "b.example", "192.0.2.1" }, 1 },
  { "IP4:", { "192.0.2.2", "192.0.2.1" }, 1 },
  { "IP4:", { "192.0.2.2", "192.0.2.3" }, 0 },
  { "URI:sip:b.example", { "b.example", "URI:sip:b.example" }, 1 },
  { "DNS:b.example", { "URI:sip:b.example", EMAIL }, 0 },
  { EMAIL, { "URI:sip:b.example", EMAIL, "b.example" }, 1 },
  { "DNS:x.example", { "URI:sip:x.example", EMAIL, "b.example" }, 0 },
};

static void
test_several(void **state)
{
  size_t i, n;

  (void)state;
  for (i = 0; i < COUNT(severals); i++) {
    const struct several *s = &severals[i];
    struct made leaf;
    sslc_error *error = NULL;

    for (n = 0; s->names[n] != NULL; n++)
      ;
    make_leaf(&leaf, s->in);
    assert_status(verify(&leaf, s->names, n, &error),
                  s->taken ? SSLC_OK : SSLC_ERR_VERIFY, error);
    if (!s->taken) {
      assert_code(error, SSLC_CODE_HOSTNAME_MISMATCH);
      assert_has(sslc_error_message(error), "is not for any of \"");
      assert_has(sslc_error_message(error), s->names[n - 1]);
    }
    sslc_error_free(error);
    x509_free(&leaf);
  }
}

/* ------------------------------------------------------------- handshakes */

/* Both sides trust the root; `client` has the names to look for, or (1) the
 * server. */
static sslc_status
connect_with(struct peers *p, const char *in, const char *server_name,
             const char *const *names, size_t n)
{
  struct made leaf;
  size_t i;

  make_leaf(&leaf, in);
  peers_init(p, ctx_trusting(&root), ctx_with_identity(&leaf, NULL),
             server_name);
  for (i = 0; i < n; i++)
    assert_ok(sslc_conn_add_peer_name(p->client, names[i]),
              sslc_conn_error(p->client));
  x509_free(&leaf);
  return shake(p);
}

static void
test_in_handshake(void **state)
{
  static const char *const names[] = { "c.example", "URI:sip:b.example" };
  struct peers p;

  (void)state;
  assert_ok(connect_with(&p, "URI:sip:b.example", "a.example", names, 2),
            sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  assert_string_equal(sslc_conn_server_name(p.server), "a.example");
  peers_free(&p);
  assert_status(connect_with(&p, "DNS:b.example", "a.example", names, 2),
                SSLC_ERR_VERIFY, NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_HOSTNAME_MISMATCH);
  assert_has(sslc_error_message(sslc_conn_error(p.client)),
             "is not for any of \"c.example\", \"URI:sip:b.example\": it is "
             "for b.example");
  assert_int_equal(p.server_status, SSLC_ERR_ALERT);
  peers_free(&p);
}

/* What is only sent is not what the certificate may be for. */
static void
test_in_place_of_server_name(void **state)
{
  static const char *const names[] = { "b.example" };
  struct peers p;

  (void)state;
  assert_status(connect_with(&p, "DNS:a.example", "a.example", names, 1),
                SSLC_ERR_VERIFY, NULL);
  assert_has(sslc_error_message(sslc_conn_error(p.client)),
             "is not for \"b.example\"");
  peers_free(&p);
  assert_ok(connect_with(&p, "DNS:b.example", NULL, names, 1),
            sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  assert_null(sslc_conn_server_name(p.server));
  peers_free(&p);
}

/* A server that wants its clients by name. */
static sslc_status
serve_with(struct peers *p, const char *in, int mode, const char *name)
{
  struct made leaf, own;
  sslc_ctx *server;

  make_leaf(&own, "DNS:localhost");
  make_leaf(&leaf, in);
  server = ctx_with_identity(&own, NULL);
  assert_ok(sslc_ctx_set_verify_client(server, mode), NULL);
  {
    char *pem = x509_pem(&root);

    assert_ok(sslc_ctx_load_verify_pem(server, pem, strlen(pem)), NULL);
    free(pem);
  }
  {
    sslc_ctx *client = ctx_with_identity(&leaf, NULL);
    char *pem = x509_pem(&root);

    assert_ok(sslc_ctx_load_verify_pem(client, pem, strlen(pem)), NULL);
    free(pem);
    peers_init(p, client, server, "localhost");
  }
  assert_ok(sslc_conn_add_peer_name(p->server, name),
            sslc_conn_error(p->server));
  x509_free(&leaf);
  x509_free(&own);
  shake(p);
  return p->server_status;
}

static void
test_of_clients(void **state)
{
  static const char wanted[] = "URI:spiffe://example.com/web";
  struct peers p;

  (void)state;
  assert_ok(serve_with(&p, wanted, SSLC_VERIFY_CLIENT_REQUIRED, wanted),
            sslc_conn_error(p.server));
  assert_int_equal(sslc_conn_is_verified(p.server), 1);
  peers_free(&p);
  assert_status(serve_with(&p, "URI:spiffe://example.com/db",
                           SSLC_VERIFY_CLIENT_REQUIRED, wanted),
                SSLC_ERR_VERIFY, NULL);
  assert_code(sslc_conn_error(p.server), SSLC_CODE_HOSTNAME_MISMATCH);
  assert_has(sslc_error_message(sslc_conn_error(p.server)),
             "the client's certificate");
  peers_free(&p);
}

/* A client that shows nothing would go unnoticed. */
static void
test_of_optional_clients(void **state)
{
  struct peers p;

  (void)state;
  assert_status(serve_with(&p, "DNS:a.example", SSLC_VERIFY_CLIENT_OPTIONAL,
                           "a.example"), SSLC_ERR_ARG, NULL);
  assert_code(sslc_conn_error(p.server), SSLC_CODE_BAD_OPTION);
  peers_free(&p);
  assert_status(serve_with(&p, "DNS:a.example", SSLC_VERIFY_CLIENT_NONE,
                           "a.example"), SSLC_ERR_ARG, NULL);
  peers_free(&p);
}

static void
test_not_looked_at(void **state)
{
  sslc_status (*const switches[])(sslc_ctx *, int) = {
    sslc_ctx_set_insecure_no_verify, sslc_ctx_set_insecure_no_name_check
  };
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(switches); i++) {
    sslc_ctx *ctx = make_client_ctx();
    struct peers p;

    assert_ok(switches[i](ctx, 1), NULL);
    peers_init(&p, ctx, make_server_ctx("good"), "localhost");
    assert_ok(sslc_conn_add_peer_name(p.client, "localhost"), NULL);
    assert_status(shake(&p), SSLC_ERR_ARG, sslc_conn_error(p.client));
    assert_code(sslc_conn_error(p.client), SSLC_CODE_BAD_OPTION);
    peers_free(&p);
  }
}

/* ---------------------------------------------------------------- sessions */

/* Whether a session of a connection with these names may be offered by one with
 * those. */
static sslc_status
offer(const char *of, const char *to)
{
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");
  struct peers p;
  sslc_session *session;
  sslc_status status;

  sslc_ctx_set_max_version(client, SSLC_TLS1_2);
  sslc_ctx_up_ref(client);
  sslc_ctx_up_ref(server);
  peers_init(&p, client, server, "localhost");
  if (of)
    assert_ok(sslc_conn_add_peer_name(p.client, of), NULL);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  session = sslc_conn_get1_session(p.client);
  assert_non_null(session);
  peers_free(&p);
  peers_init(&p, client, server, "localhost");
  if (to)
    assert_ok(sslc_conn_add_peer_name(p.client, to), NULL);
  assert_ok(sslc_conn_set_session(p.client, session), NULL);
  status = shake(&p);
  if (status == SSLC_OK)
    assert_int_equal(sslc_conn_session_reused(p.client), 1);
  sslc_session_free(session);
  peers_free(&p);
  return status;
}

static void
test_sessions(void **state)
{
  (void)state;
  assert_int_equal(offer(NULL, NULL), SSLC_OK);
  assert_int_equal(offer("localhost", "localhost"), SSLC_OK);
  assert_int_equal(offer("localhost", "other.example"), SSLC_ERR_ARG);
  assert_int_equal(offer("test.example", "localhost"), SSLC_ERR_ARG);
  assert_int_equal(offer(NULL, "other.example"), SSLC_ERR_ARG);
  assert_int_equal(offer("test.example", NULL), SSLC_ERR_ARG);
}

/* ------------------------------------------------------------------ misuse */

static void
test_misuse(void **state)
{
  struct peers p;
  char longest[3000];

  (void)state;
  assert_int_equal(sslc_conn_add_peer_name(NULL, "a"), SSLC_ERR_ARG);
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_status(sslc_conn_add_peer_name(p.client, NULL), SSLC_ERR_ARG, NULL);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_BAD_OPTION);
  assert_status(sslc_conn_add_peer_name(p.client, ""), SSLC_ERR_ARG, NULL);
  memset(longest, 'a', sizeof longest - 1);
  memcpy(longest, "URI:x:", 6);
  longest[sizeof longest - 1] = '\0';
  assert_status(sslc_conn_add_peer_name(p.client, longest), SSLC_ERR_ARG,
                NULL);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "2048");
  /* What was refused is not in the list. */
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_status(sslc_conn_add_peer_name(p.client, "a"), SSLC_ERR_STATE, NULL);
  sslc_conn_close(p.client);
  assert_status(sslc_conn_add_peer_name(p.client, "a"), SSLC_ERR_STATE, NULL);
  peers_free(&p);
}

/* ---------------------------------------------------- what libssl may lose */

/* A handshake of which something is done to what libssl demands, when it has
 * begun and no certificate has come. */
static sslc_status
shake_after(const char *in, void (*spoil)(X509_VERIFY_PARAM *param))
{
  struct peers p;
  struct made leaf;
  sslc_status status;

  make_leaf(&leaf, in);
  peers_init(&p, ctx_trusting(&root), ctx_with_identity(&leaf, NULL),
             "www.example.com");
  assert_int_equal(sslc_conn_do_handshake(p.client), SSLC_WANT_READ);
  spoil(SSL_get0_param(p.client->ssl));
  status = shake(&p);
  if (status != SSLC_OK)
    assert_code(sslc_conn_error(p.client), SSLC_CODE_HOSTNAME_MISMATCH);
  assert_int_equal(sslc_conn_is_verified(p.client), status == SSLC_OK);
  assert_null(p.client->named_cert);
  peers_free(&p);
  x509_free(&leaf);
  return status;
}

static void
spoil_nothing(X509_VERIFY_PARAM *param)
{
  (void)param;
}

/* As when an allocation fails in X509_STORE_CTX_init(3). */
static void
lose_host(X509_VERIFY_PARAM *param)
{
  assert_int_equal(X509_VERIFY_PARAM_set1_host(param, NULL, 0), 1);
}

/* The wildcards of parts of a label. */
static void
lose_flags(X509_VERIFY_PARAM *param)
{
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
}

static void
test_lost(void **state)
{
  static const char right[] = "DNS:a.example DNS:www.example.com";
  static const char wrong[] = "DNS:a.example DNS:b.example";
  static const char lax[] = "DNS:w*.example.com";

  (void)state;
  assert_int_equal(shake_after(right, spoil_nothing), SSLC_OK);
  assert_int_equal(shake_after(right, lose_host), SSLC_OK);
  assert_int_equal(shake_after(right, lose_flags), SSLC_OK);
  assert_int_equal(shake_after(wrong, spoil_nothing), SSLC_ERR_VERIFY);
  assert_int_equal(shake_after(wrong, lose_host), SSLC_ERR_VERIFY);
  assert_int_equal(shake_after(lax, spoil_nothing), SSLC_ERR_VERIFY);
  assert_int_equal(shake_after(lax, lose_flags), SSLC_ERR_VERIFY);
}

/* The second lock trusts the verification for its own certificate alone. */
static void
test_other_certificate(void **state)
{
  struct peers p;
  struct made other;

  (void)state;
  make_leaf(&other, "DNS:b.example");
  assert_ok(connect_with(&p, "DNS:a.example", "a.example", NULL, 0),
            sslc_conn_error(p.client));
  assert_int_equal(sslci_verify_done(p.client), SSLC_OK);
  strcpy(p.client->server_name, "b.example");
  assert_int_equal(sslci_verify_done(p.client), SSLC_ERR_VERIFY);
  peers_free(&p);
  assert_ok(connect_with(&p, "DNS:a.example", "a.example", NULL, 0),
            sslc_conn_error(p.client));
  strcpy(p.client->server_name, "b.example");
  X509_up_ref(other.x509);
  p.client->named_cert = other.x509;
  assert_int_equal(sslci_verify_done(p.client), SSLC_ERR_VERIFY);
  assert_int_equal(sslc_conn_is_verified(p.client), 0);
  peers_free(&p);
  x509_free(&other);
}

int
main(void)
{
  const struct recipe authority = { .subject = "names CA", .authority = 1 };
  size_t i;
  int ret;

  x509_make(&root, &authority);
  for (i = 0; i < COUNT(tables); i++)
    add_test(tables[i].test, test_table, &tables[i]);
  add_test("any of several names will do", test_several, NULL);
  add_test("names are looked at in the handshake", test_in_handshake, NULL);
  add_test("the server name does not count beside names",
           test_in_place_of_server_name, NULL);
  add_test("a server looks for names of its clients", test_of_clients, NULL);
  add_test("... but not of those that need not show any",
           test_of_optional_clients, NULL);
  add_test("names that would not be looked at are refused", test_not_looked_at,
           NULL);
  add_test("a session is for the names it was verified for", test_sessions,
           NULL);
  add_test("a name that libssl has lost is looked at", test_lost, NULL);
  add_test("... and for each certificate but the verified one",
           test_other_certificate, NULL);
  add_test("misuse is refused", test_misuse, NULL);
  ret = run_all("peer_name");
  x509_free(&root);
  return ret;
}
