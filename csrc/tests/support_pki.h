/*
 * support_pki.h: authorities, certificates and OCSP responses that a test makes
 * itself: RFC 5280, RFC 6960.  All keys are P-256.
 */
#ifndef SSLC_TESTS_SUPPORT_PKI_H
#define SSLC_TESTS_SUPPORT_PKI_H

#include "internal.h"

#include "support.h"

/* A certificate and its key. */
struct pair {
  X509 *cert;
  EVP_PKEY *key;
};

/* By `issuer` (NULL: by itself), from an hour ago for a day.  `extensions` are
 * "name=value" as in x509v3_config(5), ended by NULL. */
struct pair pair_make(const char *name, const struct pair *issuer,
                      const char *const *extensions);
void pair_free(struct pair *pair);

/* An authority, and a server for localhost; `more` as `extensions`, or NULL. */
struct pair pair_authority(const char *name, const struct pair *issuer);
struct pair pair_server(const char *name, const struct pair *issuer,
                        const char *const *more);

/* A server's context that shows the pair and sends along `next` (NULL: none);
 * a client's that trusts the root. */
sslc_ctx *pair_server_ctx(const struct pair *pair, const struct pair *next);
sslc_ctx *pair_client_ctx(const struct pair *root);

/* SHA-256 of the SubjectPublicKeyInfo in hexadecimal digits, made here by
 * other means than the library's: to be freed with free. */
char *pair_hex_pin(const struct pair *pair);

/* ---------------------------------------------------------- OCSP responses */

/* What a response says.  Times are in seconds from now. */
struct ocsp {
  const struct pair *leaf, *issuer; /* whom it is about */
  const struct pair *signer;
  int embed;   /* the signer's certificate goes along */
  int status;  /* V_OCSP_CERTSTATUS_* */
  int from;
  int to;      /* 0: there is no nextUpdate */
  const char *digest; /* of the CertID and of the signature; NULL: SHA-1 and
                         SHA-256 */
};

/* In DER; to be freed with OPENSSL_free. */
unsigned char *ocsp_make(const struct ocsp *ocsp, size_t *len);

#endif
