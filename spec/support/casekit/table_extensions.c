/*
 * table_extensions.c: certificates that are odd, malformed, or no certificates
 * at all.  RFC 5280 4.1, 4.2; X.690.
 */
#include "casekit.h"

#include <openssl/x509_vfy.h>

#define RULE .rule = "RFC 5280 4.2"
#define UNSUITABLE .code = "unsuitable_certificate"
#define MALFORMED .code = "unknown_authority", .served = NOT_1_2
#define UNREADABLE .served = FORGED, .code = "protocol_error"
#define UNHANDLED UNSUITABLE, .result = X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION
#define WITH(ID, TEXT) .recipes = { { .id = ID, .extensions = { TEXT } } }
#define PATCHED(FIELD, HEX) .recipes = { { .id = "leaf", \
  .patches = { { FIELD, HEX } } } }

/* Nothing that can be read as a certificate. */
#define NO_CERTIFICATE(HEX) .recipes = { { .id = "leaf", .raw = HEX } }, \
  UNREADABLE

static const struct row rows[] = {
  { .name = "ext-unknown", .what = "an unknown extension", RULE,
    WITH("leaf", "1.3.6.1.4.1.99999.1=DER:05:00") },
  { .name = "ext-unknown-int", .what = "an unknown extension of the "
    "intermediate", RULE, WITH("int", "1.3.6.1.4.1.99999.1=DER:05:00") },
  { .name = "ext-critical", .what = "an unknown critical extension", RULE,
    WITH("leaf", "1.3.6.1.4.1.99999.1=critical,DER:05:00"), UNHANDLED },
  { .name = "ext-critical-int", .what = "the same of the intermediate", RULE,
    WITH("int", "1.3.6.1.4.1.99999.1=critical,DER:05:00"), UNHANDLED },
  { .name = "ext-critical-root", .what = "the same of the root", RULE,
    WITH("root", "1.3.6.1.4.1.99999.1=critical,DER:05:00"), UNHANDLED },
  { .name = "ext-none", .what = "no extensions: no name", RULE,
    .recipes = { { .id = "leaf", .flags = PLAIN } },
    .code = "hostname_mismatch" },
  { .name = "ext-twice", .what = "basicConstraints twice, the first says yes",
    RULE, .recipes = { { .id = "int", .extensions = {
      "basicConstraints=critical,CA:TRUE",
      "basicConstraints=critical,CA:FALSE" } } }, MALFORMED },
  { .name = "ext-twice-other", .what = "basicConstraints twice, the first says "
    "no", RULE, .recipes = { { .id = "int", .extensions = {
      "basicConstraints=critical,CA:FALSE",
      "basicConstraints=critical,CA:TRUE" } } }, MALFORMED },
  { .name = "ext-twice-names", .what = "two lists of names", RULE,
    WITH("leaf", "subjectAltName=DNS:other.example"), MALFORMED },
  { .name = "ext-twice-use", .what = "two purposes, each with an extension",
    RULE, .recipes = { { .id = "leaf", .extensions = {
      "extendedKeyUsage=clientAuth", "extendedKeyUsage=serverAuth" } } },
    MALFORMED },
  { .name = "ext-bad-names", .what = "names that cannot be read", RULE,
    .recipes = { { .id = "leaf", .names = "",
      .extensions = { "subjectAltName=DER:30:0e:82:0d:68:6f:73:74" } } },
    MALFORMED },
  { .name = "ext-bad-constraints",
    .what = "basicConstraints that cannot be read",
    RULE, WITH("int", "basicConstraints=critical,DER:30:03:01:02:ff"),
    MALFORMED },
  { .name = "ext-bad-leaf-constraints", .what = "the same of the leaf", RULE,
    WITH("leaf", "basicConstraints=critical,DER:30:03:01:02:ff"), MALFORMED },
  { .name = "ext-bad-usage", .what = "a usage that cannot be read", RULE,
    WITH("leaf", "keyUsage=critical,DER:03:05:01:06"), MALFORMED },
  { .name = "ext-bad-int-usage", .what = "the same of the intermediate", RULE,
    WITH("int", "keyUsage=critical,DER:03:05:01:06"), MALFORMED },
  { .name = "ext-bad-purpose", .what = "a purpose that cannot be read", RULE,
    WITH("leaf", "extendedKeyUsage=DER:30:05:06:09:2b"), MALFORMED },
  { .name = "ext-bad-identifier",
    .what = "a key identifier that cannot be read",
    RULE, WITH("leaf", "authorityKeyIdentifier=DER:30:09:80:02:01"),
    MALFORMED },
  { .name = "ext-policy", .what = "a policy", .rule = "RFC 5280 4.2.1.4",
    WITH("leaf",
      "certificatePolicies=DER:30:0a:30:08:06:06:67:81:0c:01:02:01") },

  { .name = "serial-zero", .what = "the serial number 0, which is odd, and "
    "harmless", .rule = "RFC 5280 4.1.2.2", PATCHED(SERIAL, "02 01 00") },
  { .name = "serial-negative", .what = "a serial number below 0, the same",
    .rule = "RFC 5280 4.1.2.2", PATCHED(SERIAL, "02 01 ff") },
  { .name = "serial-long", .what = "a serial number of 20 octets",
    .rule = "RFC 5280 4.1.2.2", PATCHED(SERIAL,
      "02 14 7f 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14") },
  { .name = "serial-too-long", .what = "a serial number of 21 octets, odd",
    .rule = "RFC 5280 4.1.2.2", PATCHED(SERIAL,
      "02 15 7f 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 10 11 12 13 14 15")
  },
  { .name = "serial-padded", .what = "a serial number that is not DER",
    .rule = "X.690 8.3.2", PATCHED(SERIAL, "02 03 00 00 01"), UNREADABLE },
  { .name = "serial-empty", .what = "a serial number of no octets",
    .rule = "X.690 8.3.1", PATCHED(SERIAL, "02 00"), UNREADABLE },
  { .name = "version-1", .what = "version 1 with extensions, odd",
    .rule = "RFC 5280 4.1.2.1", PATCHED(VERSION, "") },
  { .name = "version-4", .what = "version 4, which there is not",
    .rule = "RFC 5280 4.1.2.1", PATCHED(VERSION, "a0 03 02 01 03") },
  { .name = "field-issuer", .what = "an issuer without a name",
    .rule = "RFC 5280 4.1.2.4", PATCHED(ISSUER, "30 00"),
    .code = "unknown_authority" },
  { .name = "field-subject", .what = "a subject that cannot be read",
    .rule = "RFC 5280 4.1.2.6", PATCHED(SUBJECT, "30 03 31 05 00"),
    UNREADABLE },
  { .name = "field-time", .what = "a number where a time belongs",
    .rule = "RFC 5280 4.1.2.5",
    PATCHED(VALIDITY, "30 12 02 01 01 17 0d '490101000000Z'"), UNREADABLE },
  { .name = "field-extensions", .what = "extensions that cannot be read",
    .rule = "RFC 5280 4.1.2.9", PATCHED(EXTENSIONS, "a3 04 30 02 30 05"),
    UNREADABLE },

  { .name = "der-empty", .what = "a certificate of no octets",
    .rule = "RFC 5246 7.4.2", NO_CERTIFICATE("") },
  { .name = "der-text", .what = "text in place of a certificate",
    .rule = "X.690", NO_CERTIFICATE("'certificate'") },
  { .name = "der-sequence", .what = "an empty sequence", .rule = "X.690",
    NO_CERTIFICATE("30 00") },
  { .name = "der-length", .what = "a length beyond the end", .rule = "X.690",
    NO_CERTIFICATE("30 84 7f ff ff ff 00") },
  { .name = "der-cut", .what = "a certificate that is cut off",
    .rule = "X.690", .recipes = { { .id = "leaf", .flags = CUT } },
    UNREADABLE },
  { .name = "der-behind", .what = "octets behind the certificate",
    .rule = "RFC 5246 7.4.2", .recipes = { { .id = "leaf",
      .flags = LONGER } }, UNREADABLE },
  { .name = "der-int-cut", .what = "an intermediate that is cut off",
    .rule = "X.690", .recipes = { { .id = "int", .flags = CUT } },
    UNREADABLE },
};

GROUP(extensions);
