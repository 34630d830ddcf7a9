/*
 * list.c: revocation lists (RFC 5280, 5): X509_CRL_sign(3).
 */
#include "casekit.h"

#include <openssl/pem.h>

static void
revoke(X509_CRL *crl, X509 *cert)
{
  X509_REVOKED *revoked = X509_REVOKED_new();
  ASN1_TIME *date = X509_time_adj_ex(NULL, -1, 0, &now);

  need(revoked != NULL && date != NULL &&
       X509_REVOKED_set_serialNumber(revoked, X509_get_serialNumber(cert)) &&
       X509_REVOKED_set_revocationDate(revoked, date) &&
       X509_CRL_add0_revoked(crl, revoked), "cannot revoke");
  ASN1_TIME_free(date);
}

static void
set_times(X509_CRL *crl, const struct list *l)
{
  int is_usual = l->from == 0 && l->to == 0;
  long from = is_usual ? -30 * DAY : l->from;
  long to = is_usual ? 30 * DAY : l->to;
  ASN1_TIME *last = X509_time_adj(NULL, from, &now);
  ASN1_TIME *next = X509_time_adj(NULL, to, &now);

  need(last != NULL && next != NULL && X509_CRL_set1_lastUpdate(crl, last) &&
       X509_CRL_set1_nextUpdate(crl, next), "cannot set a time");
  ASN1_TIME_free(last);
  ASN1_TIME_free(next);
}

/* Changes the last byte, which is one of the signature's. */
static X509_CRL *
broken(X509_CRL *crl)
{
  unsigned char *der = NULL;
  const unsigned char *at;
  int len = i2d_X509_CRL(crl, &der);
  X509_CRL *bad;

  need(len > 0, "cannot encode");
  der[len - 1] ^= 1;
  at = der;
  bad = d2i_X509_CRL(NULL, &at, len);
  need(bad != NULL, "cannot decode");
  OPENSSL_free(der);
  X509_CRL_free(crl);
  return bad;
}

void
add_list(struct made_case *c, const struct list *l, BIO *pem)
{
  struct made *signer = get_made(c, l->by);
  struct made *named = get_made(c, l->issuer != NULL ? l->issuer : l->by);
  X509_CRL *crl = X509_CRL_new();

  need(crl != NULL && X509_CRL_set_version(crl, 1) &&
       X509_CRL_set_issuer_name(crl, X509_get_subject_name(named->cert)),
       "cannot make a list");
  set_times(crl, l);
  if (l->revoked != NULL)
    revoke(crl, get_made(c, l->revoked)->cert);
  need(X509_CRL_sort(crl) && X509_CRL_sign(crl, signer->key, EVP_sha256()),
       "cannot sign a list");
  if (l->broken)
    crl = broken(crl);
  need(PEM_write_bio_X509_CRL(pem, crl), "cannot write a list");
  X509_CRL_free(crl);
}
