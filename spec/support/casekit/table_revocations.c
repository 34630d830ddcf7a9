/*
 * table_revocations.c: was the certificate revoked?  RFC 5280 5, 6.3.
 */
#include "casekit.h"

#include <openssl/x509_vfy.h>

#define REVOKED .code = "certificate_revoked", \
  .result = X509_V_ERR_CERT_REVOKED
#define UNSURE .code = "revocation_unknown"
#define RULE .rule = "RFC 5280 6.3"

static const struct row rows[] = {
  { .name = "crl-none", .what = "no list is loaded, so none is asked for", RULE,
  },
  { .name = "crl-good", .what = "not on its issuer's list", RULE,
    .lists = { { .by = "int" } } },
  { .name = "crl-other", .what = "another one is on it", RULE,
    .recipes = { { .id = "other", .flags = END_ENTITY } },
    .lists = { { .by = "int", .revoked = "other" } } },
  { .name = "crl-revoked", .what = "on its issuer's list", RULE,
    .lists = { { .by = "int", .revoked = "leaf" } }, REVOKED },
  { .name = "crl-both", .what = "on its issuer's list, beside the root's", RULE,
    .lists = { { .by = "root" }, { .by = "int", .revoked = "leaf" } },
    REVOKED },
  { .name = "crl-revoked-name", .what = "revoked, and for another name", RULE,
    .recipes = { { .id = "leaf", .names = "DNS:other.example" } },
    .lists = { { .by = "int", .revoked = "leaf" } },
    .code = "hostname_mismatch" },
  { .name = "crl-missing", .what = "a list of another authority only", RULE,
    .lists = { { .by = "root" } }, UNSURE,
    .result = X509_V_ERR_UNABLE_TO_GET_CRL },
  { .name = "crl-expired", .what = "a list that is too old", RULE,
    .lists = { { .by = "int", .from = -9 * DAY, .to = -DAY } }, UNSURE,
    .result = X509_V_ERR_CRL_HAS_EXPIRED },
  { .name = "crl-not-yet", .what = "a list from the future", RULE,
    .lists = { { .by = "int", .from = DAY, .to = 9 * DAY } }, UNSURE,
    .result = X509_V_ERR_CRL_NOT_YET_VALID },
  { .name = "crl-signature", .what = "a list with a wrong signature", RULE,
    .lists = { { .by = "int", .broken = 1 } }, UNSURE,
    .result = X509_V_ERR_CRL_SIGNATURE_FAILURE },
  { .name = "crl-stranger", .what = "a list in its issuer's name by another",
    RULE, .recipes = { { .id = "evil", .by = "evil", .flags = AUTHORITY } },
    .lists = { { .by = "evil", .issuer = "int" } }, UNSURE,
    .result = X509_V_ERR_CRL_SIGNATURE_FAILURE },
  { .name = "crl-sibling", .what = "a list in its issuer's name by another "
    "authority that is trusted", RULE, .recipes = { { .id = "other",
      .by = "root" } }, .lists = { { .by = "other", .issuer = "int" } },
    UNSURE, .result = X509_V_ERR_CRL_SIGNATURE_FAILURE },
  { .name = "crl-usage", .what = "a list by an authority that may sign none",
    .rule = "RFC 5280 4.2.1.3", .recipes = { { .id = "int", .extensions = {
      "keyUsage=critical,keyCertSign" } } }, .lists = { { .by = "int" } },
    UNSURE, .result = X509_V_ERR_KEYUSAGE_NO_CRL_SIGN },
  { .name = "crl-int", .what = "the intermediate is on the root's list, of "
    "which only the leaf's are asked", RULE,
    .lists = { { .by = "root", .revoked = "int" }, { .by = "int" } } },
};

GROUP(revocations);
