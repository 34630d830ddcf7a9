/*
 * table_clients.c: may a client come in that shows this to a server that
 * requires a certificate?  RFC 5280 4.2.1.12; SSL_CTX_set_verify(3).
 */
#include "casekit.h"

#include <openssl/x509_vfy.h>

#define RULE .rule = "RFC 5280 4.2.1.12", .client = 1
#define LEAF(...) .recipes = { { .id = "leaf", .flags = CLIENT, __VA_ARGS__ } }
#define UNSUITABLE .code = "unsuitable_certificate", \
  .result = X509_V_ERR_INVALID_PURPOSE

static const struct row rows[] = {
  { .name = "client", .what = "a client's certificate", RULE, LEAF(.from = 0) },
  { .name = "client-both", .what = "for servers and clients", RULE,
    LEAF(.extensions = { "extendedKeyUsage=serverAuth,clientAuth" }) },
  { .name = "client-none", .what = "for nothing in particular", RULE,
    LEAF(.extensions = { "extendedKeyUsage=" }) },
  { .name = "client-server", .what = "for servers only", RULE,
    LEAF(.extensions = { "extendedKeyUsage=serverAuth" }), UNSUITABLE },
  { .name = "client-any", .what = "for anything, which says nothing of clients",
    RULE, LEAF(.extensions = { "extendedKeyUsage=anyExtendedKeyUsage" }),
    UNSUITABLE },
  { .name = "client-int-server", .what = "by an intermediate for servers only",
    RULE, .recipes = { { .id = "leaf", .flags = CLIENT },
      { .id = "int", .extensions = { "extendedKeyUsage=serverAuth" } } },
    UNSUITABLE },
  { .name = "client-expired", .what = "expired", RULE,
    LEAF(.from = -9 * DAY, .to = -DAY), .code = "certificate_expired",
    .result = X509_V_ERR_CERT_HAS_EXPIRED },
  { .name = "client-not-yet", .what = "not yet in force", RULE,
    LEAF(.from = DAY, .to = 9 * DAY), .code = "certificate_not_yet_valid",
    .result = X509_V_ERR_CERT_NOT_YET_VALID },
  { .name = "client-unknown", .what = "by an unknown authority", RULE,
    .recipes = { { .id = "leaf", .flags = CLIENT },
                 { .id = "other", .by = "other" } }, .trust = "other",
    .code = "unknown_authority" },
  { .name = "client-self", .what = "signed by itself", RULE,
    LEAF(.by = "leaf"), .sent = "leaf", .code = "self_signed",
    .result = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT },
  { .name = "client-signature", .what = "a wrong signature", RULE,
    .recipes = { { .id = "leaf", .flags = CLIENT | BAD_SIGNATURE } },
    .code = "invalid_certificate",
    .result = X509_V_ERR_CERT_SIGNATURE_FAILURE },
  { .name = "client-leaf", .what = "issued by another client's certificate",
    RULE, .recipes = { { .id = "rogue", .flags = END_ENTITY | CLIENT },
                       { .id = "leaf", .by = "rogue", .flags = CLIENT } },
    .sent = "leaf rogue int", .code = "unsuitable_certificate" },
  { .name = "client-proxy", .what = "a proxy of another client's",
    .rule = "RFC 3820", .client = 1, .recipes = {
      { .id = "owner", .flags = END_ENTITY | CLIENT },
      { .id = "leaf", .by = "owner", .flags = CLIENT, .extensions = {
        "proxyCertInfo=critical,DER:30:0c:30:0a:06:08:2b:06:01:05:05:07:15:"
        "00", "basicConstraints=" } } },
    .sent = "leaf owner int", .code = "unsuitable_certificate" },
  { .name = "client-weak", .what = "RSA with 1024 bits", RULE,
    LEAF(.key = RSA1024), .code = "weak_certificate",
    .result = X509_V_ERR_EE_KEY_TOO_SMALL },
  { .name = "client-revoked", .what = "on its issuer's list", RULE,
    LEAF(.from = 0), .lists = { { .by = "int", .revoked = "leaf" } },
    .code = "certificate_revoked", .result = X509_V_ERR_CERT_REVOKED },
};

GROUP(clients);
