/*
 * table_constraints.c: an authority for some names only: RFC 5280 4.2.1.10.
 */
#include "casekit.h"

#include <openssl/x509_vfy.h>

/* What "int" is constrained to, and the names of the leaf. */
#define CONSTRAINED(TEXT, NAMES) .recipes = { \
  { .id = "int", .extensions = { "nameConstraints=" TEXT } }, \
  { .id = "leaf", .names = NAMES } }
#define HOST "DNS:host.example"
#define NOT_PERMITTED .code = "unsuitable_certificate", \
  .result = X509_V_ERR_PERMITTED_VIOLATION
#define EXCLUDED .code = "unsuitable_certificate", \
  .result = X509_V_ERR_EXCLUDED_VIOLATION
#define RULE .rule = "RFC 5280 4.2.1.10"

static const struct row rows[] = {
  { .name = "nc-permitted", .what = "permitted for the name", RULE,
    CONSTRAINED("critical,permitted;DNS:host.example", HOST) },
  { .name = "nc-permitted-above", .what = "permitted for all below its parent",
    RULE, CONSTRAINED("critical,permitted;DNS:example", HOST) },
  { .name = "nc-permitted-case", .what = "permitted in capitals", RULE,
    CONSTRAINED("critical,permitted;DNS:HOST.EXAMPLE", HOST) },
  { .name = "nc-permitted-dot", .what = "permitted for all below, with a dot",
    RULE, CONSTRAINED("critical,permitted;DNS:.example", HOST) },
  { .name = "nc-permitted-two", .what = "permitted for another and this", RULE,
    CONSTRAINED("critical,permitted;DNS:other.example,"
                "permitted;DNS:host.example", HOST) },
  { .name = "nc-other", .what = "permitted for another name", RULE,
    CONSTRAINED("critical,permitted;DNS:other.example", HOST), NOT_PERMITTED },
  { .name = "nc-other-plain",
    .what = "permitted for another name, not critical",
    RULE, CONSTRAINED("permitted;DNS:other.example", HOST), NOT_PERMITTED },
  { .name = "nc-below", .what = "permitted for a name below", RULE,
    CONSTRAINED("critical,permitted;DNS:www.host.example", HOST),
    NOT_PERMITTED },
  { .name = "nc-below-dot", .what = "permitted for all below, not for itself",
    RULE, CONSTRAINED("critical,permitted;DNS:.host.example", HOST),
    NOT_PERMITTED },
  { .name = "nc-label", .what = "permitted for the end of a label", RULE,
    CONSTRAINED("critical,permitted;DNS:ost.example", HOST), NOT_PERMITTED },
  { .name = "nc-one-of-two", .what = "another of its names is not permitted",
    RULE, CONSTRAINED("critical,permitted;DNS:host.example",
                      HOST ",DNS:evil.test"), NOT_PERMITTED },
  { .name = "nc-excluded", .what = "excluded by name", RULE,
    CONSTRAINED("critical,excluded;DNS:host.example", HOST), EXCLUDED },
  { .name = "nc-excluded-above", .what = "excluded with its parent", RULE,
    CONSTRAINED("critical,excluded;DNS:example", HOST), EXCLUDED },
  { .name = "nc-excluded-case", .what = "excluded in capitals", RULE,
    CONSTRAINED("critical,excluded;DNS:HOST.EXAMPLE", HOST), EXCLUDED },
  { .name = "nc-excluded-permitted", .what = "excluded, though permitted", RULE,
    CONSTRAINED("critical,permitted;DNS:example,excluded;DNS:host.example",
                HOST), EXCLUDED },
  { .name = "nc-excluded-other", .what = "another one is excluded", RULE,
    CONSTRAINED("critical,excluded;DNS:other.example", HOST) },
  { .name = "nc-other-kind", .what = "e-mail addresses alone are constrained",
    RULE, CONSTRAINED("critical,permitted;email:other.example", HOST) },
  { .name = "nc-wild", .what = "a wildcard below what is permitted", RULE,
    CONSTRAINED("critical,permitted;DNS:host.example", "DNS:*.host.example"),
    .host = "www.host.example" },
  { .name = "nc-wild-other", .what = "a wildcard outside of what is permitted",
    RULE, CONSTRAINED("critical,permitted;DNS:other.example",
                      "DNS:*.host.example"), .host = "www.host.example",
    NOT_PERMITTED },
  { .name = "nc-wild-excluded", .what = "a wildcard below what is excluded",
    RULE, CONSTRAINED("critical,excluded;DNS:host.example",
                      "DNS:*.host.example"), .host = "www.host.example",
    EXCLUDED },
  { .name = "nc-wild-over", .what = "a wildcard that covers an excluded name, "
    "which is asked for", .rule = "CVE-2025-61727",
    CONSTRAINED("critical,excluded;DNS:www.host.example",
                "DNS:*.host.example"), .host = "www.host.example", EXCLUDED },
  { .name = "nc-wild-over-other", .what = "a wildcard that covers an excluded "
    "name, and another one is asked for", .rule = "CVE-2025-61727",
    CONSTRAINED("critical,excluded;DNS:WWW.host.example",
                "DNS:mail.host.example,DNS:*.host.EXAMPLE"),
    .host = "mail.host.example", EXCLUDED },
  { .name = "nc-wild-over-root", .what = "the same by the root",
    .rule = "CVE-2025-61727", .recipes = {
      { .id = "root", .extensions = {
        "nameConstraints=critical,excluded;DNS:www.host.example" } },
      { .id = "leaf", .names = "DNS:*.host.example" } },
    .host = "www.host.example", EXCLUDED },
  { .name = "nc-wild-beside", .what = "a wildcard, and a name below what it "
    "stands for is excluded", RULE,
    CONSTRAINED("critical,excluded;DNS:a.www.host.example",
                "DNS:*.host.example"), .host = "www.host.example" },
  { .name = "nc-wild-beside-dot", .what = "a wildcard, and all names below one "
    "that it stands for are excluded", RULE,
    CONSTRAINED("critical,excluded;DNS:.www.host.example",
                "DNS:*.host.example"), .host = "www.host.example" },
  { .name = "nc-wild-wider", .what = "a wildcard wider than what is permitted, "
    "asked for what is not", RULE,
    CONSTRAINED("critical,permitted;DNS:www.host.example",
                "DNS:*.host.example"), .host = "mail.host.example",
    NOT_PERMITTED },

  { .name = "nc-ip4", .what = "an IPv4 address in the permitted network", RULE,
    CONSTRAINED("critical,permitted;IP:192.0.2.0/255.255.255.0",
                "IP:192.0.2.1"), .host = "192.0.2.1" },
  { .name = "nc-ip4-outside", .what = "an IPv4 address outside of it", RULE,
    CONSTRAINED("critical,permitted;IP:192.0.2.0/255.255.255.0",
                "IP:198.51.100.1"), .host = "198.51.100.1", NOT_PERMITTED },
  { .name = "nc-ip4-excluded", .what = "an IPv4 address in an excluded network",
    RULE, CONSTRAINED("critical,excluded;IP:192.0.2.0/255.255.255.0",
                      "IP:192.0.2.1"), .host = "192.0.2.1", EXCLUDED },
  { .name = "nc-ip4-all-excluded", .what = "all of IPv4 is excluded", RULE,
    CONSTRAINED("critical,excluded;IP:0.0.0.0/0.0.0.0", "IP:192.0.2.1"),
    .host = "192.0.2.1", EXCLUDED },
  { .name = "nc-ip6", .what = "an IPv6 address in the permitted network", RULE,
    CONSTRAINED("critical,permitted;IP:2001:db8::/ffff:ffff::",
                "IP:2001:db8::1"), .host = "2001:db8::1" },
  { .name = "nc-ip6-outside", .what = "an IPv6 address outside of it", RULE,
    CONSTRAINED("critical,permitted;IP:2001:db8::/ffff:ffff::",
                "IP:2001:db9::1"), .host = "2001:db9::1", NOT_PERMITTED },
  { .name = "nc-ip-family", .what = "an IPv6 address where IPv4 is permitted",
    RULE, CONSTRAINED("critical,permitted;IP:192.0.2.0/255.255.255.0",
                      "IP:2001:db8::1"), .host = "2001:db8::1",
    .code = "unsuitable_certificate" },
  { .name = "nc-ip-malformed", .what = "a network of seven octets", RULE,
    CONSTRAINED("critical,DER:30:0d:a0:0b:30:09:87:07:c0:00:02:00:ff:ff:ff",
                "IP:192.0.2.1"), .host = "192.0.2.1",
    .code = "unsuitable_certificate" },

  { .name = "nc-uri", .what = "a URI outside of what is permitted", RULE,
    CONSTRAINED("critical,permitted;URI:.host.example",
                HOST ",URI:https://evil.test/"), NOT_PERMITTED },
  { .name = "nc-email",
    .what = "an e-mail address outside of what is permitted",
    RULE, CONSTRAINED("critical,permitted;email:host.example",
                      HOST ",email:a@evil.test"), NOT_PERMITTED },
  { .name = "nc-directory", .what = "the subject is excluded", RULE,
    CONSTRAINED("critical,DER:30:17:a1:15:30:13:a4:11:30:0f:31:0d:30:0b:06:"
                "03:55:04:03:0c:04:6c:65:61:66", HOST), EXCLUDED },
  { .name = "nc-minimum", .what = "a subtree that begins further down", RULE,
    CONSTRAINED("critical,DER:30:15:a0:13:30:11:82:0c:68:6f:73:74:2e:65:78:"
                "61:6d:70:6c:65:80:01:01", HOST),
    .code = "unsuitable_certificate", .result = X509_V_ERR_SUBTREE_MINMAX },
  { .name = "nc-malformed", .what = "constraints that cannot be read", RULE,
    CONSTRAINED("critical,DER:30:03:a0:05:00", HOST),
    .code = "unknown_authority" },

  { .name = "nc-root", .what = "the root itself is constrained", RULE,
    .recipes = { { .id = "root", .extensions = {
      "nameConstraints=critical,permitted;DNS:other.example" } } },
    NOT_PERMITTED },
  { .name = "nc-nested", .what = "permitted by one authority, not by the next",
    RULE, .recipes = {
      { .id = "int",
        .extensions = { "nameConstraints=critical,permitted;DNS:example" } },
      { .id = "sub", .extensions = {
        "nameConstraints=critical,permitted;DNS:other.example" } },
      { .id = "leaf", .by = "sub" } },
    .sent = "leaf sub int", NOT_PERMITTED },
  { .name = "nc-widened", .what = "permitted by the lower authority alone",
    RULE, .recipes = {
      { .id = "int", .extensions = {
        "nameConstraints=critical,permitted;DNS:other.example" } },
      { .id = "sub",
        .extensions = { "nameConstraints=critical,permitted;DNS:example" } },
      { .id = "leaf", .by = "sub" } },
    .sent = "leaf sub int", NOT_PERMITTED },
};

GROUP(constraints);
