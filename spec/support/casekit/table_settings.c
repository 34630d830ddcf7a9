/*
 * table_settings.c: what a context demands beside: depth, time, lists for the
 * whole chain, a level; and what it lets pass that is refused otherwise.
 */
#include "casekit.h"

#include <openssl/x509_vfy.h>

#define UNKNOWN .code = "unknown_authority"
#define WEAK .code = "weak_certificate"
#define REVOKED .code = "certificate_revoked", \
  .result = X509_V_ERR_CERT_REVOKED
#define EXPIRED .code = "certificate_expired", \
  .result = X509_V_ERR_CERT_HAS_EXPIRED
#define NOT_YET .code = "certificate_not_yet_valid", \
  .result = X509_V_ERR_CERT_NOT_YET_VALID
#define TOO_LONG .code = "verification_failed"
#define DEPTH .rule = "X509_VERIFY_PARAM_set_depth(3)"
#define PARTIAL .rule = "X509_V_FLAG_PARTIAL_CHAIN"
#define EXTRA .rule = "X509_STORE_CTX_init(3)"
#define LISTS .rule = "X509_V_FLAG_CRL_CHECK_ALL"
#define TIME .rule = "X509_VERIFY_PARAM_set_time(3)"
#define LEVEL .rule = "SSL_CTX_set_security_level(3)"

static const struct row rows[] = {
  { .name = "set-depth", .what = "one intermediate is allowed, and is there",
    DEPTH, .set = "verify_depth=1" },
  { .name = "set-depth-zero", .what = "no intermediate is allowed, and one is "
    "there", DEPTH, .set = "verify_depth=0", TOO_LONG },
  { .name = "set-depth-two", .what = "one intermediate is allowed, and two are "
    "there", DEPTH, .recipes = { { .id = "sub" },
      { .id = "leaf", .by = "sub" } }, .sent = "leaf sub int",
    .set = "verify_depth=1", TOO_LONG },

  { .name = "set-partial-int", .what = "a trusted intermediate ends the chain",
    PARTIAL, .trust = "int", .set = "partial_chain=true" },
  { .name = "set-partial-leaf", .what = "a trusted leaf is a chain by itself",
    PARTIAL, .sent = "leaf", .trust = "leaf", .set = "partial_chain=true" },
  { .name = "set-partial-name", .what = "the same for another name", PARTIAL,
    .recipes = { { .id = "leaf", .names = "DNS:other.example" } },
    .sent = "leaf", .trust = "leaf", .set = "partial_chain=true",
    .code = "hostname_mismatch", .result = X509_V_ERR_HOSTNAME_MISMATCH },
  { .name = "set-partial-expired", .what = "the same, expired", PARTIAL,
    .recipes = { { .id = "leaf", .from = -9 * DAY, .to = -DAY } },
    .sent = "leaf", .trust = "leaf", .set = "partial_chain=true", EXPIRED },
  { .name = "set-partial-unknown", .what = "an intermediate that is sent, and "
    "not trusted", PARTIAL, .recipes = { { .id = "other", .by = "other" } },
    .trust = "other", .set = "partial_chain=true", UNKNOWN },
  { .name = "set-partial-copy", .what = "an intermediate with the name and "
    "another key than the trusted one", PARTIAL, .recipes = {
      { .id = "evil", .by = "evil", .subject = "int" },
      { .id = "leaf", .by = "evil" } }, .sent = "leaf evil", .trust = "int",
    .set = "partial_chain=true", UNKNOWN },

  { .name = "set-extra", .what = "the missing intermediate is given beside",
    EXTRA, .sent = "leaf", .extra = "int" },
  { .name = "set-extra-unknown",
    .what = "given beside, its root is not trusted",
    EXTRA, .recipes = { { .id = "other", .by = "other" } }, .sent = "leaf",
    .trust = "other", .extra = "int", UNKNOWN },
  { .name = "set-extra-root", .what = "the root is given beside, and is not "
    "trusted for that", EXTRA,
    .recipes = { { .id = "other", .by = "other" } }, .trust = "other",
    .extra = "root", UNKNOWN },
  { .name = "set-extra-partial", .what = "the same where any trusted one ends "
    "the chain", EXTRA, .recipes = { { .id = "other", .by = "other" } },
    .trust = "other", .extra = "int root", .set = "partial_chain=true",
    UNKNOWN },
  { .name = "set-extra-self",
    .what = "a self-signed leaf is given beside", EXTRA,
    .recipes = { { .id = "leaf", .by = "leaf" } }, .sent = "leaf",
    .extra = "leaf", .code = "self_signed" },

  { .name = "set-lists", .what = "a list for each of the chain", LISTS,
    .lists = { { .by = "root" }, { .by = "int" } },
    .set = "crl_check=chain" },
  { .name = "set-lists-int", .what = "the intermediate is on its issuer's list",
    LISTS, .lists = { { .by = "root", .revoked = "int" }, { .by = "int" } },
    .set = "crl_check=chain", REVOKED },
  { .name = "set-lists-leaf", .what = "the leaf is on its issuer's list", LISTS,
    .lists = { { .by = "root" }, { .by = "int", .revoked = "leaf" } },
    .set = "crl_check=chain", REVOKED },
  { .name = "set-lists-missing", .what = "the root's list is missing", LISTS,
    .lists = { { .by = "int" } }, .set = "crl_check=chain",
    .code = "revocation_unknown", .result = X509_V_ERR_UNABLE_TO_GET_CRL },
  { .name = "set-lists-expired", .what = "the root's list is too old", LISTS,
    .lists = { { .by = "root", .from = -9 * DAY, .to = -DAY },
               { .by = "int" } }, .set = "crl_check=chain",
    .code = "revocation_unknown", .result = X509_V_ERR_CRL_HAS_EXPIRED },

  { .name = "set-time-past", .what = "expired since, judged by its own time",
    TIME, .recipes = { { .id = "leaf", .from = -9 * DAY, .to = -DAY } },
    .time = -5 * DAY },
  { .name = "set-time-future", .what = "in force now, judged by a time when it "
    "is not", TIME, .time = 31 * DAY, EXPIRED },
  { .name = "set-time-before", .what = "the same before its beginning", TIME,
    .time = -31 * DAY, NOT_YET },
  { .name = "set-time-first", .what = "the first second", TIME,
    .recipes = { { .id = "leaf", .from = 100, .to = 200 } }, .time = 100 },
  { .name = "set-time-too-early", .what = "the second before the first", TIME,
    .recipes = { { .id = "leaf", .from = 100, .to = 200 } }, .time = 99,
    NOT_YET },
  { .name = "set-time-late", .what = "the second before the last", TIME,
    .recipes = { { .id = "leaf", .from = 100, .to = 200 } }, .time = 199 },
  { .name = "set-time-too-late", .what = "the second behind the last", TIME,
    .recipes = { { .id = "leaf", .from = 100, .to = 200 } }, .time = 201,
    EXPIRED },
  { .name = "set-time-list",
    .what = "a list that is too old by that time", TIME,
    .recipes = { { .id = "root", .from = -DAY, .to = 90 * DAY },
                 { .id = "int", .from = -DAY, .to = 90 * DAY },
                 { .id = "leaf", .from = -DAY, .to = 90 * DAY } },
    .lists = { { .by = "int" } }, .time = 60 * DAY,
    .code = "revocation_unknown", .result = X509_V_ERR_CRL_HAS_EXPIRED },

  { .name = "set-level", .what = "128 bits of strength, P-256 has them", LEVEL,
    .set = "security_level=3" },
  { .name = "set-level-rsa", .what = "128 bits of strength, RSA with 2048 bits "
    "has 112", LEVEL, .recipes = { { .id = "leaf", .key = RSA2048 } },
    .set = "security_level=3", WEAK, .result = X509_V_ERR_EE_KEY_TOO_SMALL },
  { .name = "set-level-int", .what = "the same of the intermediate", LEVEL,
    .recipes = { { .id = "int", .key = RSA2048 } },
    .set = "security_level=3", WEAK, .result = X509_V_ERR_CA_KEY_TOO_SMALL },
};

GROUP(settings);
