/*
 * test_addr.c: addresses: their texts, and which comes first (RFC 6724).
 */
#include "support.h"

#include "internal.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct sslci_addr
address(const char *text)
{
  struct sslci_addr a;
  struct sslci_name name;
  sslc_error err;

  memset(&err, 0, sizeof err);
  assert_int_equal(sslci_name_parse(&name, text, "address", &err), SSLC_OK);
  assert_null(sslci_addr_from_name(&a, &name, 443));
  return a;
}

/* --------------------------------------------------------------- the order */

/* Two destinations, the source for each (NULL: there is none; a "-" in front:
 * it is deprecated); the first of them goes first. */
static const struct pair {
  const char *name;
  const char *first, *first_from;
  const char *second, *second_from;
} pairs[] = {
  /* Section 10.2, the examples of the RFC itself */
  { "RFC 6724 10.2: prefer matching scope (IPv6)", "2001:db8:1::1",
    "2001:db8:1::2", "198.51.100.121", "169.254.13.78" },
  { "RFC 6724 10.2: prefer matching scope (IPv4)", "198.51.100.121",
    "198.51.100.117", "2001:db8:1::1", "fe80::1" },
  { "RFC 6724 10.2: prefer higher precedence", "2001:db8:1::1",
    "2001:db8:1::2", "10.1.2.3", "10.1.2.4" },
  { "RFC 6724 10.2: prefer smaller scope", "fe80::1", "fe80::2",
    "2001:db8:1::1", "2001:db8:1::2" },
  { "RFC 6724 10.2: prefer matching label (6to4)", "2002:c633:6401::1",
    "2002:c633:6401::2", "2001:db8:1::1", "2002:c633:6401::2" },
  { "RFC 6724 10.2: prefer higher precedence to 6to4", "2001:db8:1::1",
    "2001:db8:1::2", "2002:c633:6401::1", "2002:c633:6401::2" },
  /* Section 6, rule by rule */
  { "rule 1: what has no source goes last", "192.0.2.1", "192.0.2.9",
    "2001:db8::1", NULL },
  { "rule 3: a deprecated source goes last", "2001:db8:2::1", "2001:db8:2::9",
    "2001:db8:1::1", "-2001:db8:1::9" },
  { "rule 3 comes before rule 6", "192.0.2.1", "192.0.2.9", "2001:db8:1::1",
    "-2001:db8:1::9" },
  { "rule 5: unique local to global loses to IPv4", "192.0.2.1", "192.0.2.9",
    "2001:db8::1", "fd00::9" },
  { "rule 6: loopback over IPv4's", "::1", "::1", "127.0.0.1", "127.0.0.1" },
  { "rule 6: IPv4 over unique local", "192.0.2.1", "192.0.2.9", "fd00::1",
    "fd00::9" },
  { "rule 6: IPv4 over Teredo", "192.0.2.1", "192.0.2.9", "2001::1",
    "2001::9" },
  { "rule 6: native over 6to4", "2001:db8::1", "2001:db8::9", "2002::1",
    "2002::9" },
  { "rule 6: Teredo over unique local", "2001::1", "2001::9", "fd00::1",
    "fd00::9" },
  { "rule 6: unique local over site-local", "fd00::1", "fd00::9", "fec0::1",
    "fec0::9" },
  { "rule 8: link-local before global", "fe80::1", "fe80::9", "2001:db8::1",
    "2001:db8::9" },
  { "rule 9: the longest prefix in common", "2001:db8:1::1", "2001:db8:1::9",
    "2001:db8:8::1", "2001:db8:1::9" },
};

static struct sslci_addr
ranked(const char *to, const char *from)
{
  struct sslci_addr a = address(to), source;
  bool deprecated = from != NULL && from[0] == '-';

  if (from == NULL) {
    sslci_addr_rank(&a, NULL, false);
    return a;
  }
  source = address(from + deprecated);
  sslci_addr_rank(&a, &source, deprecated);
  return a;
}

static void
test_pair(void **state)
{
  const struct pair *pair = *state;
  struct sslci_addr first = ranked(pair->first, pair->first_from);
  struct sslci_addr second = ranked(pair->second, pair->second_from);

  assert_true(sslci_addr_compare(&first, &second) < 0);
  assert_true(sslci_addr_compare(&second, &first) > 0);
}

/* Rule 10: nothing speaks for either. */
static const struct equals {
  const char *name, *a, *a_from, *b, *b_from;
} equals[] = {
  { "rule 10: two IPv4 addresses, however near", "192.0.2.1", "192.0.2.9",
    "198.51.100.1", "192.0.2.9" },
  { "rule 10: prefixes longer than 64 bits are alike", "2001:db8::1",
    "2001:db8::1:9", "2001:db8::1:1", "2001:db8::1:9" },
  { "rule 10: two without a source", "192.0.2.1", NULL, "198.51.100.1",
    NULL },
};

static void
test_equal(void **state)
{
  const struct equals *row = *state;
  struct sslci_addr a = ranked(row->a, row->a_from);
  struct sslci_addr b = ranked(row->b, row->b_from);

  assert_int_equal(sslci_addr_compare(&a, &b), 0);
}

static void
test_given(void **state)
{
  struct sslci_addr a = address("192.0.2.1"), b = address("2001:db8::1");

  (void)state;
  assert_int_equal(sslci_addr_compare(&a, &b), 0);
  sslci_addr_rank(&b, &b, false);
  assert_int_equal(sslci_addr_compare(&a, &b), 0);
}

static void
test_here(void **state)
{
  struct sslci_addr to = address("127.0.0.2"), from, away;
  struct sslci_addr bound = address("127.0.0.3");

  (void)state;
  assert_true(sslci_addr_source(&to, &from));
  assert_int_equal(from.u.in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  assert_false(sslci_addr_is_deprecated(&from));
  sslci_addr_rank_here(&to, NULL);
  assert_true(to.rank.usable);
  sslci_addr_rank_here(&to, &bound);
  assert_true(to.rank.usable);
  /* Nothing goes from an IPv4 address to an IPv6 one. */
  away = address("::1");
  sslci_addr_rank_here(&away, &bound);
  assert_false(away.rank.usable);
}

/* --------------------------------------------------------------- the texts */

static const struct text {
  const char *name, *in, *out;
} texts[] = {
  { "IPv4", "192.0.2.1", "192.0.2.1:443" },
  { "IPv6 is shortened", "2001:0db8:0:0::1", "[2001:db8::1]:443" },
  { "brackets", "[::1]", "[::1]:443" },
  { "a zone by its number", "fe80::1%4242", "[fe80::1%4242]:443" },
};

static void
test_text(void **state)
{
  const struct text *row = *state;
  struct sslci_addr a = address(row->in);
  char text[SSLCI_ADDR_TEXT];

  sslci_addr_text(&a, text, sizeof text);
  assert_string_equal(text, row->out);
}

static void
test_zone(void **state)
{
  char in[64], out[64], text[SSLCI_ADDR_TEXT], zone[IF_NAMESIZE];
  struct sslci_addr a;

  (void)state;
  if (if_indextoname(1, zone) == NULL)
    skip();
  snprintf(in, sizeof in, "fe80::1%%%s", zone);
  snprintf(out, sizeof out, "[fe80::1%%%s]:443", zone);
  a = address(in);
  assert_int_equal(a.u.in6.sin6_scope_id, 1);
  sslci_addr_text(&a, text, sizeof text);
  assert_string_equal(text, out);
  a = address("fe80::1%1");
  sslci_addr_text(&a, text, sizeof text);
  assert_string_equal(text, out);
}

static void
test_bad_zone(void **state)
{
  static const char *const zones[] = { "no-such-if", "0", "12x",
                                       "99999999999" };
  struct sslci_name name;
  struct sslci_addr a;
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(zones); i++) {
    memset(&name, 0, sizeof name);
    name.kind = SSLCI_NAME_IPV6;
    strcpy(name.text, "fe80::1");
    strcpy(name.zone, zones[i]);
    assert_non_null(sslci_addr_from_name(&a, &name, 443));
  }
}

static void
test_path(void **state)
{
  struct sslci_addr a;
  char text[SSLCI_ADDR_TEXT], path[256];

  (void)state;
  assert_non_null(sslci_addr_from_path(&a, NULL));
  assert_non_null(sslci_addr_from_path(&a, ""));
  memset(path, 'x', sizeof path);
  path[sizeof a.u.un.sun_path] = '\0';
  assert_non_null(sslci_addr_from_path(&a, path));
  path[sizeof a.u.un.sun_path - 1] = '\0';
  assert_null(sslci_addr_from_path(&a, path));
  sslci_addr_text(&a, text, sizeof text);
  assert_string_equal(text, path);
}

static void
test_sockaddr(void **state)
{
  struct sslci_addr from = address("fe80::1%7"), a, path;
  char text[SSLCI_ADDR_TEXT];

  (void)state;
  assert_true(sslci_addr_from_sockaddr(&a, &from.u.sa, from.len, 8443));
  sslci_addr_set_port(&from, 8443);
  assert_int_equal(a.len, from.len);
  assert_memory_equal(&a.u, &from.u, a.len);
  assert_false(sslci_addr_from_sockaddr(&a, &from.u.sa, 4, 8443));
  assert_null(sslci_addr_from_path(&path, "/x"));
  assert_false(sslci_addr_from_sockaddr(&a, &path.u.sa, path.len, 1));
  sslci_addr_text(&a, text, sizeof text);
  assert_string_equal(text, "");
}

static void
test_peer(void **state)
{
  char text[SSLCI_ADDR_TEXT];
  int fds[2];

  (void)state;
  make_sockets(fds);
  sslci_peer_address(fds[0], text, sizeof text);
  assert_string_equal(text, "");
  sslci_peer_address(-1, text, sizeof text);
  assert_string_equal(text, "");
  close(fds[0]);
  close(fds[1]);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(pairs); i++)
    add_test(pairs[i].name, test_pair, &pairs[i]);
  for (i = 0; i < COUNT(equals); i++)
    add_test(equals[i].name, test_equal, &equals[i]);
  add_test("given addresses stay in their order", test_given, NULL);
  add_test("the kernel tells the source", test_here, NULL);
  for (i = 0; i < COUNT(texts); i++)
    add_test(texts[i].name, test_text, &texts[i]);
  add_test("a zone by its interface's name", test_zone, NULL);
  add_test("a zone that is none is refused", test_bad_zone, NULL);
  add_test("the path of a Unix socket", test_path, NULL);
  add_test("an address from the resolver", test_sockaddr, NULL);
  add_test("a peer without a name has no text", test_peer, NULL);
  return run_all("addr");
}
