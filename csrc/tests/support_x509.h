/*
 * support_x509.h: certificates and revocation lists that a test makes itself,
 * where certkit has none of the kind: X509_sign(3).
 */
#ifndef SSLC_TESTS_SUPPORT_X509_H
#define SSLC_TESTS_SUPPORT_X509_H

#include "support.h"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

struct made {
  X509 *x509;
  EVP_PKEY *key;
};

/* How one is made; what is 0 or NULL is left at its default. */
struct recipe {
  const char *subject;        /* the common name */
  const struct made *issuer;  /* NULL: itself */
  int authority;              /* 1: the extensions of an authority */
  const char *extensions[4];  /* more, "name=value" as in x509v3_config(5) */
  const GENERAL_NAMES *names; /* the subject's alternative names */
  int from, to;               /* days from now; both 0: a year */
  int bits;                   /* of an RSA key; 0: P-256 */
};

void x509_make(struct made *made, const struct recipe *recipe);
void x509_free(struct made *made);

/* The same for who uses the public header; to be freed. */
sslc_cert *x509_cert(const struct made *made);

/* In PEM; to be freed. */
char *x509_pem(const struct made *made);
char *x509_key_pem(const struct made *made);

/* The list of an authority, with one revoked (NULL: none), in force between
 * these days from now; in PEM, to be freed. */
char *x509_crl_pem(const struct made *issuer, const struct made *revoked,
                   int from, int to);

/* Writes the text to a file of the directory, under the hash of the issuer's
 * name: "5ad8a5d6.r0" for the suffix "r0". */
void x509_write_hashed(const char *dir, const struct made *issuer,
                       const char *suffix, const char *text);

/* A directory that is empty and new; and takes it away. */
void make_temp_dir(char path[64]);
void remove_temp_dir(const char *path);

/* One name more of a kind, GEN_DNS and the like, as these bytes. */
void san_add(GENERAL_NAMES **names, int type, const void *bytes, size_t len);

/* Server and client contexts of what was made. */
sslc_ctx *ctx_with_identity(const struct made *leaf, const char *more_pem);
sslc_ctx *ctx_trusting(const struct made *root);

#endif
