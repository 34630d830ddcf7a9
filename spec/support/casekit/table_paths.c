/*
 * table_paths.c: is there a way from the certificate to one that is trusted,
 * and may each on the way do what it does?  RFC 5280 4.2.1.3, 4.2.1.9, 6.1.
 */
#include "casekit.h"

#include <openssl/x509_vfy.h>

#define UNKNOWN .code = "unknown_authority"
#define UNSUITABLE .code = "unsuitable_certificate"
#define NO_ADDRESS "authorityKeyIdentifier="
#define RULE .rule = "RFC 5280 6.1"
#define CA_RULE .rule = "RFC 5280 4.2.1.9"
#define USE_RULE .rule = "RFC 5280 4.2.1.12"

/* An extension of one certificate. */
#define WITH(ID, TEXT) .recipes = { { .id = ID, .extensions = { TEXT } } }

static const struct row rows[] = {
  /* ---------------------------------------------------------- the chain */
  { .name = "path", .what = "a root, an intermediate, a leaf", RULE },
  { .name = "path-direct", .what = "by the root itself", RULE,
    .recipes = { { .id = "leaf", .by = "root" } }, .sent = "leaf" },
  { .name = "path-long", .what = "four intermediates", RULE,
    .recipes = { { .id = "b" }, { .id = "c", .by = "b" },
                 { .id = "d", .by = "c" }, { .id = "leaf", .by = "d" } },
    .sent = "leaf d c b int" },
  { .name = "path-order", .what = "intermediates in another order",
    .rule = "RFC 8446 4.4.2",
    .recipes = { { .id = "b" }, { .id = "c", .by = "b" },
                 { .id = "leaf", .by = "c" } }, .sent = "leaf int b c" },
  { .name = "path-with-root", .what = "the trusted root is sent along",
    .rule = "RFC 8446 4.4.2", .sent = "leaf int root" },
  { .name = "path-extra",
    .what = "certificates that have nothing to do with it",
    .rule = "RFC 8446 4.4.2",
    .recipes = { { .id = "other", .by = "other", .flags = AUTHORITY },
                 { .id = "junk", .by = "other" } },
    .sent = "leaf junk int other" },
  { .name = "path-twice", .what = "each is sent twice",
    .rule = "RFC 8446 4.4.2", .sent = "leaf leaf int int" },
  { .name = "path-two-roots", .what = "one of two roots that are trusted", RULE,
    .recipes = { { .id = "other", .by = "other" } }, .trust = "other root" },
  { .name = "path-trusted-int", .what = "the intermediate is in the trust, not "
    "sent", RULE, .sent = "leaf", .trust = "root int" },
  { .name = "path-no-int", .what = "the intermediate is missing", RULE,
    .sent = "leaf", UNKNOWN },
  { .name = "path-gap", .what = "an intermediate is missing in between", RULE,
    .recipes = { { .id = "b" }, { .id = "leaf", .by = "b" } },
    .sent = "leaf b", UNKNOWN },
  { .name = "path-unknown", .what = "a root that is not trusted", RULE,
    .recipes = { { .id = "other", .by = "other" } }, .trust = "other",
    UNKNOWN },
  { .name = "path-unknown-sent", .what = "a root that is not trusted is sent "
    "along", RULE, .recipes = { { .id = "other", .by = "other" } },
    .sent = "leaf int root", .trust = "other", UNKNOWN,
    .result = X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN },
  { .name = "path-unknown-direct", .what = "by an unknown root, which is sent",
    RULE, .recipes = { { .id = "other", .by = "other" },
                       { .id = "leaf", .by = "other" } },
    .sent = "leaf other", UNKNOWN },
  { .name = "path-swapped", .what = "the authority's certificate stands first",
    .rule = "RFC 8446 4.4.2", .sent = "int leaf", .served = FORGED,
    UNSUITABLE },
  { .name = "path-loop", .what = "two authorities vouch for each other", RULE,
    .recipes = { { .id = "a", .by = "b" }, { .id = "b", .by = "a" },
                 { .id = "leaf", .by = "a" } }, .sent = "leaf a b", UNKNOWN },
  { .name = "path-int-trusted-only", .what = "the intermediate alone is "
    "trusted, its root is not", RULE, .trust = "int", UNKNOWN },
  { .name = "path-leaf-trusted-only", .what = "the leaf alone is trusted, and "
    "does not vouch for itself", RULE, .trust = "leaf", UNKNOWN },

  /* ------------------------------------------------------ self-signed */
  { .name = "self", .what = "signed by itself", RULE,
    .recipes = { { .id = "leaf", .by = "leaf" } }, .sent = "leaf",
    .code = "self_signed",
    .result = X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT },
  { .name = "self-trusted", .what = "signed by itself, and trusted", RULE,
    .recipes = { { .id = "leaf", .by = "leaf" } }, .sent = "leaf",
    .trust = "leaf" },
  { .name = "self-trusted-name", .what = "the same for another name",
    .rule = "RFC 9525 6", .recipes = { { .id = "leaf", .by = "leaf",
      .names = "DNS:other.example" } }, .sent = "leaf", .trust = "leaf",
    .code = "hostname_mismatch", .result = X509_V_ERR_HOSTNAME_MISMATCH },
  { .name = "self-trusted-expired", .what = "the same, expired",
    .rule = "RFC 5280 4.1.2.5", .recipes = { { .id = "leaf", .by = "leaf",
      .from = -9 * DAY, .to = -DAY } }, .sent = "leaf", .trust = "leaf",
    .code = "certificate_expired", .result = X509_V_ERR_CERT_HAS_EXPIRED },
  { .name = "self-trusted-client", .what = "the same, for clients only",
    USE_RULE, .recipes = { { .id = "leaf", .by = "leaf",
      .extensions = { "extendedKeyUsage=clientAuth" } } }, .sent = "leaf",
    .trust = "leaf", UNSUITABLE, .result = X509_V_ERR_INVALID_PURPOSE },
  { .name = "self-copied",
    .what = "a copy of what is trusted, with another key",
    RULE, .recipes = {
      { .id = "good", .by = "good", .subject = "leaf", .flags = END_ENTITY },
      { .id = "leaf", .by = "leaf" } }, .sent = "leaf", .trust = "good",
    .code = "self_signed" },

  /* -------------------------------------------------- names of issuers */
  { .name = "issuer-key",
    .what = "a trusted root of the same name with another "
    "key", RULE, .recipes = { { .id = "fake", .by = "fake",
      .subject = "root" } }, .trust = "fake", UNKNOWN },
  { .name = "issuer-key-silent", .what = "the same, and no key identifiers",
    RULE, .recipes = {
      { .id = "fake", .by = "fake", .subject = "root",
        .extensions = { NO_ADDRESS, "subjectKeyIdentifier=" } },
      { .id = "int", .extensions = { NO_ADDRESS } } }, .trust = "fake",
    .code = "invalid_certificate",
    .result = X509_V_ERR_CERT_SIGNATURE_FAILURE },
  { .name = "issuer-forged", .what = "an intermediate with the name of a good "
    "one, by nobody", RULE, .recipes = {
      { .id = "evilroot", .by = "evilroot", .subject = "root" },
      { .id = "evil", .by = "evilroot", .subject = "int" },
      { .id = "leaf", .by = "evil" } }, .sent = "leaf evil", UNKNOWN },
  { .name = "issuer-forged-silent", .what = "the same without key identifiers",
    RULE, .recipes = {
      { .id = "evilroot", .by = "evilroot", .subject = "root",
        .extensions = { NO_ADDRESS, "subjectKeyIdentifier=" } },
      { .id = "evil", .by = "evilroot", .subject = "int",
        .extensions = { NO_ADDRESS, "subjectKeyIdentifier=" } },
      { .id = "leaf", .by = "evil", .extensions = { NO_ADDRESS } } },
    .sent = "leaf evil", .code = "invalid_certificate",
    .result = X509_V_ERR_CERT_SIGNATURE_FAILURE },
  { .name = "issuer-forged-both", .what = "the good one beside it", RULE,
    .recipes = {
      { .id = "evilroot", .by = "evilroot", .subject = "root" },
      { .id = "evil", .by = "evilroot", .subject = "int" },
      { .id = "leaf", .by = "evil" } }, .sent = "leaf int evil root",
    UNKNOWN },
  { .name = "issuer-copied-key", .what = "key identifiers of a good authority, "
    "and the key of another", RULE, .recipes = {
      { .id = "evil", .by = "evil", .subject = "int", .extensions = {
        NO_ADDRESS, "subjectKeyIdentifier=00:01:02:03" } },
      { .id = "good", .by = "root", .subject = "int", .extensions = {
        "subjectKeyIdentifier=00:01:02:03" } },
      { .id = "leaf", .by = "evil" } }, .sent = "leaf good",
    .code = "invalid_certificate",
    .result = X509_V_ERR_CERT_SIGNATURE_FAILURE },
  { .name = "issuer-name", .what = "names an issuer that nobody has", RULE,
    .recipes = { { .id = "leaf", .issuer = "somebody else" } }, UNKNOWN },
  { .name = "issuer-case", .what = "names its issuer in capitals",
    .rule = "RFC 5280 7.1", .recipes = { { .id = "leaf", .issuer = "INT" } } },
  { .name = "issuer-identifier", .what = "names another key of its issuer",
    .rule = "RFC 5280 4.2.1.1", WITH("leaf",
      "authorityKeyIdentifier=DER:30:06:80:04:de:ad:be:ef"), UNKNOWN },
  { .name = "issuer-no-identifier", .what = "key identifiers are missing",
    .rule = "RFC 5280 4.2.1.1", .recipes = {
      { .id = "int", .extensions = { "subjectKeyIdentifier=", NO_ADDRESS } },
      { .id = "leaf", .extensions = { NO_ADDRESS } } } },
  { .name = "issuer-self-issued", .what = "an authority's new key, by the old "
    "one", .rule = "RFC 5280 3.2", .recipes = {
      { .id = "new", .by = "int", .subject = "int" },
      { .id = "leaf", .by = "new" } }, .sent = "leaf new int" },
  { .name = "issuer-root-key", .what = "a root's new key beside the old one",
    .rule = "RFC 5280 3.2", .recipes = {
      { .id = "new", .by = "new", .subject = "root" } }, .trust = "new root" },

  /* ------------------------------------------------------ cross-signed */
  { .name = "cross-root", .what = "the root is cross-signed by an expired one, "
    "and trusted itself", RULE, .recipes = {
      { .id = "old", .by = "old", .from = -9 * DAY, .to = -DAY },
      { .id = "cross", .by = "old", .subject = "root", .key_of = "root",
        .from = -9 * DAY, .to = -DAY } },
    .sent = "leaf int cross", .trust = "old root" },
  { .name = "cross-unknown",
    .what = "the root is cross-signed by an unknown one, "
    "and trusted itself", RULE, .recipes = {
      { .id = "old", .by = "old" },
      { .id = "cross", .by = "old", .subject = "root", .key_of = "root" } },
    .sent = "leaf int cross" },
  { .name = "cross-other", .what = "only who cross-signed the root is trusted",
    RULE, .recipes = {
      { .id = "old", .by = "old" },
      { .id = "cross", .by = "old", .subject = "root", .key_of = "root" } },
    .sent = "leaf int cross", .trust = "old" },
  { .name = "cross-expired",
    .what = "only who cross-signed the root is trusted, "
    "and that signature has expired", RULE, .recipes = {
      { .id = "old", .by = "old" },
      { .id = "cross", .by = "old", .subject = "root", .key_of = "root",
        .from = -9 * DAY, .to = -DAY } },
    .sent = "leaf int cross", .trust = "old", .code = "certificate_expired",
    .result = X509_V_ERR_CERT_HAS_EXPIRED },
  { .name = "cross-int-expired",
    .what = "two certificates of the intermediate, "
    "the first one expired", RULE, .recipes = {
      { .id = "past", .by = "root", .subject = "int", .key_of = "int",
        .from = -9 * DAY, .to = -DAY } }, .sent = "leaf past int" },
  { .name = "cross-int-unconstrained", .what = "a certificate of the "
    "intermediate without authority", CA_RULE, .recipes = {
      { .id = "weak", .by = "root", .subject = "int", .key_of = "int",
        .flags = END_ENTITY } }, .sent = "leaf weak", UNSUITABLE },

  /* ------------------------------------------- who may be an authority */
  { .name = "ca-false", .what = "an issuer that is no authority", CA_RULE,
    WITH("int", "basicConstraints=critical,CA:FALSE"), UNSUITABLE },
  { .name = "ca-empty", .what = "an issuer that does not say that it is one",
    CA_RULE, WITH("int", "basicConstraints=critical,DER:30:00"), UNSUITABLE },
  { .name = "ca-leaf", .what = "issued by another server's certificate",
    .rule = "CVE-2002-0862", .recipes = {
      { .id = "rogue", .names = "DNS:rogue.example", .flags = END_ENTITY },
      { .id = "leaf", .by = "rogue" } }, .sent = "leaf rogue int",
    UNSUITABLE },
  { .name = "ca-none", .what = "an issuer without any extensions", CA_RULE,
    .recipes = { { .id = "int", .flags = PLAIN } }, UNSUITABLE },
  { .name = "ca-usage-only", .what = "an issuer that may sign certificates, "
    "without basicConstraints", CA_RULE, WITH("int", "basicConstraints="),
    UNSUITABLE },
  { .name = "ca-netscape", .what = "an issuer by its Netscape type alone",
    CA_RULE, .recipes = { { .id = "int", .flags = PLAIN,
      .extensions = { "nsCertType=sslCA" } } }, UNSUITABLE },
  { .name = "ca-v1", .what = "an intermediate of version 1", CA_RULE,
    .recipes = { { .id = "int", .flags = PLAIN,
      .patches = { { VERSION, "" }, { EXTENSIONS, "" } } } }, UNSUITABLE },
  { .name = "ca-v1-root", .what = "a trusted root of version 1", CA_RULE,
    .recipes = { { .id = "root", .flags = PLAIN,
      .patches = { { VERSION, "" } } } } },
  { .name = "ca-root-false", .what = "a trusted root that is no authority",
    CA_RULE, WITH("root", "basicConstraints=critical,CA:FALSE"), UNSUITABLE },
  { .name = "ca-usage", .what = "an authority that may not sign certificates",
    .rule = "RFC 5280 4.2.1.3", WITH("int", "keyUsage=critical,cRLSign"),
    UNSUITABLE },
  { .name = "ca-usage-server", .what = "an authority with a server's usage",
    .rule = "RFC 5280 4.2.1.3",
    WITH("int", "keyUsage=critical,digitalSignature"), UNSUITABLE },
  { .name = "ca-usage-none", .what = "an authority without a usage",
    .rule = "RFC 5280 4.2.1.3", WITH("int", "keyUsage=") },
  { .name = "ca-root-usage", .what = "a trusted root that may not sign "
    "certificates", .rule = "RFC 5280 4.2.1.3",
    WITH("root", "keyUsage=critical,cRLSign"), UNSUITABLE },
  { .name = "ca-not-critical", .what = "an authority, not critically so",
    CA_RULE, WITH("int", "basicConstraints=CA:TRUE") },

  /* -------------------------------------------------------- path length */
  { .name = "length-zero", .what = "none below it, and none is", CA_RULE,
    WITH("int", "basicConstraints=critical,CA:TRUE,pathlen:0") },
  { .name = "length-zero-one", .what = "none below it, and one is", CA_RULE,
    .recipes = {
      { .id = "int",
        .extensions = { "basicConstraints=critical,CA:TRUE,pathlen:0" } },
      { .id = "sub" }, { .id = "leaf", .by = "sub" } },
    .sent = "leaf sub int", UNSUITABLE,
    .result = X509_V_ERR_PATH_LENGTH_EXCEEDED },
  { .name = "length-one", .what = "one below the root, and one is", CA_RULE,
    WITH("root", "basicConstraints=critical,CA:TRUE,pathlen:1") },
  { .name = "length-root", .what = "none below the root, and one is", CA_RULE,
    WITH("root", "basicConstraints=critical,CA:TRUE,pathlen:0"), UNSUITABLE,
    .result = X509_V_ERR_PATH_LENGTH_EXCEEDED },
  { .name = "length-self-issued", .what = "self-issued ones do not count",
    CA_RULE, .recipes = {
      { .id = "int",
        .extensions = { "basicConstraints=critical,CA:TRUE,pathlen:0" } },
      { .id = "new", .by = "int", .subject = "int" },
      { .id = "leaf", .by = "new" } }, .sent = "leaf new int" },
  { .name = "length-widened", .what = "the lower authority allows itself more",
    CA_RULE, .recipes = {
      { .id = "int",
        .extensions = { "basicConstraints=critical,CA:TRUE,pathlen:0" } },
      { .id = "sub",
        .extensions = { "basicConstraints=critical,CA:TRUE,pathlen:9" } },
      { .id = "leaf", .by = "sub" } }, .sent = "leaf sub int", UNSUITABLE,
    .result = X509_V_ERR_PATH_LENGTH_EXCEEDED },
  { .name = "length-negative", .what = "a length below zero", CA_RULE,
    WITH("int", "basicConstraints=critical,DER:30:06:01:01:ff:02:01:ff"),
    UNKNOWN },

  /* ------------------------------------------------------------ purpose */
  { .name = "use-both", .what = "for servers and clients", USE_RULE,
    WITH("leaf", "extendedKeyUsage=serverAuth,clientAuth") },
  { .name = "use-none", .what = "for nothing in particular", USE_RULE,
    WITH("leaf", "extendedKeyUsage=") },
  { .name = "use-client", .what = "for clients only", USE_RULE,
    WITH("leaf", "extendedKeyUsage=clientAuth"), UNSUITABLE,
    .result = X509_V_ERR_INVALID_PURPOSE },
  { .name = "use-code", .what = "for signing programs", USE_RULE,
    WITH("leaf", "extendedKeyUsage=codeSigning"), UNSUITABLE,
    .result = X509_V_ERR_INVALID_PURPOSE },
  { .name = "use-any", .what = "for anything, which says nothing of servers",
    USE_RULE, WITH("leaf", "extendedKeyUsage=anyExtendedKeyUsage"),
    UNSUITABLE, .result = X509_V_ERR_INVALID_PURPOSE },
  { .name = "use-int-server", .what = "an intermediate for servers", USE_RULE,
    WITH("int", "extendedKeyUsage=serverAuth") },
  { .name = "use-int-client", .what = "an intermediate for clients", USE_RULE,
    WITH("int", "extendedKeyUsage=clientAuth"), UNSUITABLE,
    .result = X509_V_ERR_INVALID_PURPOSE },
  { .name = "use-int-email", .what = "an intermediate for e-mail", USE_RULE,
    WITH("int", "extendedKeyUsage=emailProtection"), UNSUITABLE,
    .result = X509_V_ERR_INVALID_PURPOSE },
  { .name = "use-root-client", .what = "a trusted root for clients", USE_RULE,
    WITH("root", "extendedKeyUsage=clientAuth"), UNSUITABLE,
    .result = X509_V_ERR_INVALID_PURPOSE },
  { .name = "use-key-usage", .what = "a key for encrypting data only",
    .rule = "RFC 5280 4.2.1.3",
    WITH("leaf", "keyUsage=critical,dataEncipherment"), .served = FORGED,
    UNSUITABLE,
    .result = X509_V_ERR_INVALID_PURPOSE },
  { .name = "use-no-key-usage", .what = "a key without a usage",
    .rule = "RFC 5280 4.2.1.3", WITH("leaf", "keyUsage=") },
  { .name = "use-authority", .what = "an authority as a server, which nothing "
    "forbids", CA_RULE, .recipes = { { .id = "leaf", .extensions = {
      "basicConstraints=critical,CA:TRUE",
      "keyUsage=critical,digitalSignature,keyCertSign" } } } },
};

GROUP(paths);
