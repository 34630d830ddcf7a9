/*
 * table_signatures.c: are the signatures right, and are keys and digests
 * strong enough?  RFC 5280 4.1.1; the level of SSL_CTX_set_security_level(3)
 * is 2, as Debian and newer OpenSSLs have it.
 */
#include "casekit.h"

#include <openssl/x509_vfy.h>

#define INVALID .code = "invalid_certificate"
#define WEAK .code = "weak_certificate"
#define RULE .rule = "RFC 5280 4.1.1.3"
#define LEVEL .rule = "NIST SP 800-57 5.6.1"
#define KEY(ID, KIND) .recipes = { { .id = ID, .key = KIND } }
#define DIGEST(ID, NAME) .recipes = { { .id = ID, .digest = NAME } }

static const struct row rows[] = {
  { .name = "sign-leaf", .what = "a wrong signature of the leaf", RULE,
    .recipes = { { .id = "leaf", .flags = BAD_SIGNATURE } }, INVALID },
  { .name = "sign-int", .what = "a wrong signature of the intermediate", RULE,
    .recipes = { { .id = "int", .flags = BAD_SIGNATURE } }, INVALID },
  { .name = "sign-root", .what = "a wrong signature of the root, which is "
    "trusted without it", .rule = "RFC 5280 6.1.1",
    .recipes = { { .id = "root", .flags = BAD_SIGNATURE } } },
  { .name = "sign-rsa", .what = "a wrong signature by an RSA key", RULE,
    .recipes = { { .id = "int", .key = RSA2048 },
                 { .id = "leaf", .flags = BAD_SIGNATURE } }, INVALID },
  { .name = "sign-ed25519", .what = "a wrong signature by an Ed25519 key", RULE,
    .recipes = { { .id = "int", .key = ED25519 },
                 { .id = "leaf", .flags = BAD_SIGNATURE } },
    .code = "invalid_certificate" },
  { .name = "sign-outer", .what = "another algorithm outside than inside",
    .rule = "RFC 5280 4.1.1.2", .recipes = { { .id = "leaf",
      .algorithm = "30 0a 06 08 2a 86 48 ce 3d 04 03 03" } }, INVALID },
  { .name = "sign-inner", .what = "another algorithm inside than outside",
    .rule = "RFC 5280 4.1.2.3", .recipes = { { .id = "leaf",
      .patches = { { ALGORITHM, "30 0a 06 08 2a 86 48 ce 3d 04 03 03" } } } },
    INVALID },
  { .name = "sign-claimed", .what = "made with another digest than it says",
    RULE, .recipes = { { .id = "leaf",
      .algorithm = "30 0a 06 08 2a 86 48 ce 3d 04 03 03",
      .patches = { { ALGORITHM, "30 0a 06 08 2a 86 48 ce 3d 04 03 03" } } } },
    INVALID },
  { .name = "sign-unknown", .what = "an algorithm that nobody knows", RULE,
    .recipes = { { .id = "leaf", .algorithm = "30 05 06 03 2a 03 04",
      .patches = { { ALGORITHM, "30 05 06 03 2a 03 04" } } } },
    .code = "unknown_authority" },
  { .name = "sign-other-kind", .what = "says RSA where the issuer's key is EC",
    RULE, .recipes = { { .id = "leaf",
      .algorithm = "30 0d 06 09 2a 86 48 86 f7 0d 01 01 0b 05 00",
      .patches = { { ALGORITHM,
        "30 0d 06 09 2a 86 48 86 f7 0d 01 01 0b 05 00" } } } },
    .code = "unknown_authority" },
  { .name = "sign-stranger", .what = "by another key than the issuer's", RULE,
    .recipes = { { .id = "evil", .by = "evil", .subject = "int",
                   .extensions = { "subjectKeyIdentifier=" } },
                 { .id = "leaf", .by = "evil" } }, INVALID },

  { .name = "digest-sha384", .what = "SHA-384", LEVEL,
    DIGEST("leaf", "SHA384") },
  { .name = "digest-sha512", .what = "SHA-512", LEVEL,
    DIGEST("leaf", "SHA512") },
  { .name = "digest-sha1", .what = "SHA-1", .rule = "RFC 6194",
    DIGEST("leaf", "SHA1"), WEAK, .result = X509_V_ERR_CA_MD_TOO_WEAK },
  { .name = "digest-sha1-int", .what = "SHA-1 in the intermediate",
    .rule = "RFC 6194", DIGEST("int", "SHA1"), WEAK,
    .result = X509_V_ERR_CA_MD_TOO_WEAK },
  { .name = "digest-sha1-root", .what = "SHA-1 in the root, which is trusted "
    "without it", .rule = "RFC 6194", DIGEST("root", "SHA1") },
  { .name = "digest-md5", .what = "MD5", .rule = "RFC 6151",
    .recipes = { { .id = "int", .key = RSA2048 },
                 { .id = "leaf", .digest = "MD5" } }, WEAK,
    .result = X509_V_ERR_CA_MD_TOO_WEAK },
  { .name = "digest-md5-int", .what = "MD5 in the intermediate",
    .rule = "RFC 6151",
    .recipes = { { .id = "root", .key = RSA2048 },
                 { .id = "int", .digest = "MD5" } }, WEAK,
    .result = X509_V_ERR_CA_MD_TOO_WEAK },

  { .name = "key-rsa-2048", .what = "RSA with 2048 bits", LEVEL,
    KEY("leaf", RSA2048) },
  { .name = "key-rsa-pss", .what = "RSA for PSS alone", .rule = "RFC 4055",
    KEY("leaf", RSA_PSS) },
  { .name = "key-rsa-pss-int", .what = "an intermediate with RSA for PSS alone",
    .rule = "RFC 4055", KEY("int", RSA_PSS) },
  { .name = "key-rsa-512", .what = "RSA with 512 bits", LEVEL,
    KEY("leaf", RSA512), .served = FORGED, WEAK,
    .result = X509_V_ERR_EE_KEY_TOO_SMALL },
  { .name = "key-rsa-1024", .what = "RSA with 1024 bits", LEVEL,
    KEY("leaf", RSA1024), WEAK, .result = X509_V_ERR_EE_KEY_TOO_SMALL },
  { .name = "key-rsa-1024-int", .what = "an intermediate with RSA of 1024 bits",
    LEVEL, KEY("int", RSA1024), WEAK, .result = X509_V_ERR_CA_KEY_TOO_SMALL },
  { .name = "key-rsa-1024-root", .what = "a trusted root with RSA of 1024 bits",
    LEVEL, KEY("root", RSA1024), WEAK,
    .result = X509_V_ERR_CA_KEY_TOO_SMALL },
  { .name = "key-p384", .what = "the curve P-384", LEVEL, KEY("leaf", P384) },
  { .name = "key-p224-int", .what = "an intermediate on P-224", LEVEL,
    KEY("int", P224) },
  { .name = "key-p192", .what = "the curve P-192", LEVEL, KEY("leaf", P192),
    .served = FORGED, WEAK, .result = X509_V_ERR_EE_KEY_TOO_SMALL },
  { .name = "key-p192-int", .what = "an intermediate on P-192", LEVEL,
    KEY("int", P192), WEAK, .result = X509_V_ERR_CA_KEY_TOO_SMALL },
  { .name = "key-ed25519", .what = "Ed25519", .rule = "RFC 8410",
    KEY("leaf", ED25519) },
  { .name = "key-ed25519-int", .what = "an intermediate with Ed25519",
    .rule = "RFC 8410", KEY("int", ED25519) },
  { .name = "key-ed448", .what = "Ed448", .rule = "RFC 8410",
    KEY("leaf", ED448) },
  { .name = "key-explicit", .what = "a curve by its parameters",
    .rule = "RFC 5480 2.1.1", KEY("leaf", EXPLICIT), .served = FORGED,
    .code = "unsuitable_certificate" },
  { .name = "key-explicit-int", .what = "an intermediate's curve by its "
    "parameters", .rule = "CVE-2020-0601", KEY("int", EXPLICIT),
    .code = "unsuitable_certificate" },
  { .name = "key-unknown", .what = "a key of a kind that nobody knows",
    .rule = "RFC 5280 4.1.2.7", .recipes = { { .id = "leaf",
      .patches = { { PUBLIC_KEY, "30 0b 30 05 06 03 2a 03 04 03 02 00 01" } }
    } }, .served = FORGED, WEAK },
  { .name = "key-malformed", .what = "a point that is not on the curve",
    .rule = "RFC 5480 2.2", .recipes = { { .id = "leaf",
      .patches = { { PUBLIC_KEY, "30 19 30 13 06 07 2a 86 48 ce 3d 02 01"
        "06 08 2a 86 48 ce 3d 03 01 07 03 02 00 04" } } } }, .served = FORGED,
    WEAK },
};

GROUP(signatures);
