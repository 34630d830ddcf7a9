/*
 * test_name.c: whom sslc_conn_set_server_name takes for a server, and what it
 * makes of the name.  RFC 6066, RFC 9525, RFC 5891.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>

#define LABEL63 \
  "a23456789b123456789c123456789d123456789e123456789f123456789g123"
/* 3 * 64 + 61 = 253 */
#define NAME253 LABEL63 "." LABEL63 "." LABEL63 "." \
  "a23456789b123456789c123456789d123456789e123456789f123456789g1"

static const struct name {
  const char *given;
  const char *taken; /* NULL: it is refused */
  const char *why;   /* part of the message of a refusal */
} names[] = {
  /* names */
  { "example.com", "example.com", NULL },
  { "EXAMPLE.Com", "example.com", NULL },
  { "example.com.", "example.com", NULL },
  { "localhost", "localhost", NULL },
  { "a-b.c--d.example", "a-b.c--d.example", NULL },
  { "_service._tcp.example", "_service._tcp.example", NULL },
  { "1.example", "1.example", NULL },
  { "0x7f.example", "0x7f.example", NULL },
  { "1.2.3.4.example", "1.2.3.4.example", NULL },
  { LABEL63 ".example", LABEL63 ".example", NULL },
  { NAME253, NAME253, NULL },
  { NAME253 ".", NAME253, NULL },
  /* addresses */
  { "192.0.2.1", "192.0.2.1", NULL },
  { "2001:db8::1", "2001:db8::1", NULL },
  { "2001:DB8:0:0::1", "2001:db8::1", NULL },
  { "[2001:db8::1]", "2001:db8::1", NULL },
  { "fe80::1%eth0", "fe80::1", NULL },
  { "[fe80::1%eth0]", "fe80::1", NULL },
  { "::1", "::1", NULL },
  { "::ffff:192.0.2.1", "::ffff:192.0.2.1", NULL },
  /* A-labels and U-labels */
  { "xn--bcher-kva.example", "xn--bcher-kva.example", NULL },
  { "XN--BCHER-KVA.example.", "xn--bcher-kva.example", NULL },
  { "b\xc3\xbc" "cher.example", "xn--bcher-kva.example", NULL },
  { "B\xc3\x9c" "CHER.example", "xn--bcher-kva.example", NULL },
  { "bu\xcc\x88" "cher.example", "xn--bcher-kva.example", NULL },
  { "b\xc3\xbc" "cher.example.", "xn--bcher-kva.example", NULL },
  { "stra\xc3\x9f" "e.example", "xn--strae-oqa.example", NULL },
  /* refused */
  { NULL, NULL, "missing" },
  { "", NULL, "empty" },
  { ".", NULL, "empty label" },
  { "..", NULL, "empty label" },
  { "example.com..", NULL, "empty label" },
  { ".example.com", NULL, "empty label" },
  { "example..com", NULL, "empty label" },
  { "*.example.com", NULL, "wildcard" },
  { "*", NULL, "wildcard" },
  { "exam*ple.com", NULL, "wildcard" },
  { "example .com", NULL, "character" },
  { " example.com", NULL, "character" },
  { "example.com ", NULL, "character" },
  { "example.com\n", NULL, "character" },
  { "example.com/path", NULL, "character" },
  { "user@example.com", NULL, "character" },
  { "https://example.com", NULL, "" },
  { "example.com:443", NULL, "" },
  { "exa\x01mple.com", NULL, "character" },
  { "exa\x7fmple.com", NULL, "character" },
  { "127.1", NULL, "IPv4" },
  { "127.0.0.1.", NULL, "IPv4" },
  { "0x7f.1", NULL, "IPv4" },
  { "0x7f000001", NULL, "IPv4" },
  { "127.0.0.0x1", NULL, "IPv4" },
  { "2130706433", NULL, "IPv4" },
  { "1.2.3.4.5", NULL, "IPv4" },
  { "1.2.3.256", NULL, "IPv4" },
  { "01.02.03.04", NULL, "IPv4" },
  { "example.1", NULL, "IPv4" },
  { "example.0x1", NULL, "IPv4" },
  { LABEL63 "4.example", NULL, "63" },
  { "a." NAME253, NULL, "253" },
  { NAME253 "a", NULL, "253" },
  { "[2001:db8::1", NULL, "bracket" },
  { "2001:db8::1]", NULL, "IPv6" },
  { "[]", NULL, "IPv6" },
  { "[192.0.2.1]", NULL, "IPv6" },
  { "[example.com]", NULL, "IPv6" },
  { "[", NULL, "" },
  { "2001:db8::1::2", NULL, "IPv6" },
  { "fe80::1%", NULL, "zone" },
  { ":", NULL, "IPv6" },
  { "\xff\xfe.example", NULL, "" },            /* no UTF-8 */
  { "b\xc3", NULL, "" },                       /* UTF-8 cut short */
  { "ex\xef\xbc\x8f" "ample.com", NULL, "" },  /* a fullwidth slash */
  { "*.b\xc3\xbc" "cher.example", NULL, "" },
};

static sslc_conn *
new_conn(void)
{
  sslc_ctx *ctx = sslc_ctx_new();
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  sslc_ctx_free(ctx);
  return conn;
}

static void
test_taken(void **state)
{
  const struct name *name = *state;
  sslc_conn *conn = new_conn();

  assert_ok(sslc_conn_set_server_name(conn, name->given),
            sslc_conn_error(conn));
  assert_null(sslc_conn_error(conn));
  assert_string_equal(sslc_conn_server_name(conn), name->taken);
  sslc_conn_free(conn);
}

static void
test_refused(void **state)
{
  const struct name *name = *state;
  sslc_conn *conn = new_conn();

  assert_status(sslc_conn_set_server_name(conn, name->given), SSLC_ERR_ARG,
                sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  assert_int_equal(sslc_error_status(sslc_conn_error(conn)), SSLC_ERR_ARG);
  assert_has(sslc_error_message(sslc_conn_error(conn)), name->why);
  assert_null(sslc_conn_server_name(conn));
  sslc_conn_free(conn);
}

static void
test_refusal_is_not_final(void **state)
{
  sslc_conn *conn = new_conn();

  (void)state;
  assert_ok(sslc_conn_set_server_name(conn, "a.example"),
            sslc_conn_error(conn));
  assert_status(sslc_conn_set_server_name(conn, "*"), SSLC_ERR_ARG,
                sslc_conn_error(conn));
  assert_string_equal(sslc_conn_server_name(conn), "a.example");
  assert_ok(sslc_conn_set_server_name(conn, "b.example"),
            sslc_conn_error(conn));
  assert_null(sslc_conn_error(conn));
  assert_string_equal(sslc_conn_server_name(conn), "b.example");
  sslc_conn_free(conn);
}

static void
test_begun(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_status(sslc_conn_set_server_name(p.client, "test.example"),
                SSLC_ERR_STATE, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_MISUSE);
  assert_string_equal(sslc_conn_server_name(p.client), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  peers_free(&p);
}

static const struct sni {
  const char *test, *given, *leaf;
  const char *sent; /* what the server sees; NULL: none */
} snis[] = {
  { "a name is sent in SNI", "localhost", "good", "localhost" },
  { "a name is sent in lower case and without its dot", "Test.Example.",
    "good", "test.example" },
  { "an IPv4 address is verified and not sent", "127.0.0.1", "good", NULL },
  { "an IPv6 address in brackets is verified and not sent", "[::1]", "good",
    NULL },
  { "an address in another spelling is verified", "0:0:0:0:0:0:0:1", "good",
    NULL },
  { "a name in Unicode is sent and verified as A-labels",
    "b\xc3\xbc" "cher.example", "idn", "xn--bcher-kva.example" },
  { "a name in A-labels is sent and verified", "xn--bcher-kva.example", "idn",
    "xn--bcher-kva.example" },
  { "a wildcard covers one label", "any.wild.example", "good",
    "any.wild.example" },
};

static void
test_sni(void **state)
{
  const struct sni *sni = *state;
  struct peers p;

  peers_init(&p, make_client_ctx(), make_server_ctx(sni->leaf), sni->given);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_int_equal(sslc_conn_is_verified(p.client), 1);
  if (sni->sent != NULL)
    assert_string_equal(sslc_conn_server_name(p.server), sni->sent);
  else
    assert_null(sslc_conn_server_name(p.server));
  peers_free(&p);
}

static const char *const uncovered[] = { "wild.example", "a.b.wild.example",
                                         "127.0.0.2", "::2", "example",
                                         "localhost.example" };

static void
test_uncovered(void **state)
{
  const char *name = *state;
  struct peers p;

  peers_init(&p, make_client_ctx(), make_server_ctx("good"), name);
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_HOSTNAME_MISMATCH);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), name);
  peers_free(&p);
}

/* What a terminal might not like is shown as a question mark. */
static void
make_printable(char *s)
{
  for (; *s != '\0'; s++)
    if (*s < ' ' || *s > '~')
      *s = '?';
}

/* A test for each name, called after it. */
static void
add_names(void)
{
  static char texts[COUNT(names)][320];
  size_t i;

  for (i = 0; i < COUNT(names); i++) {
    snprintf(texts[i], sizeof texts[i], "the name \"%.270s\" is %s",
             names[i].given != NULL ? names[i].given : "(none)",
             names[i].taken != NULL ? "taken" : "refused");
    make_printable(texts[i]);
    add_test(texts[i], names[i].taken != NULL ? test_taken : test_refused,
             &names[i]);
  }
}

int
main(void)
{
  static char texts[COUNT(uncovered)][64];
  size_t i;

  add_names();
  add_test("a refused name leaves the one before", test_refusal_is_not_final,
           NULL);
  add_test("the name cannot change once the handshake has begun", test_begun,
           NULL);
  for (i = 0; i < COUNT(snis); i++)
    add_test(snis[i].test, test_sni, &snis[i]);
  for (i = 0; i < COUNT(uncovered); i++) {
    snprintf(texts[i], sizeof texts[i], "%s is not covered by the certificate",
             uncovered[i]);
    add_test(texts[i], test_uncovered, uncovered[i]);
  }
  return run_all("name");
}
