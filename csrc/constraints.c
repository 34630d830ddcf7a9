/*
 * constraints.c: wildcards and excluded names: RFC 5280, section 4.2.1.10.
 *
 * X509_verify_cert(3) compares name constraints with a wildcard as it is
 * written.  So an authority that may not issue for "www.example.com" could have
 * "*.example.com", and its owner could be www.example.com (CVE-2025-61727, a
 * hole of another library that read the RFC in the same way).  Here a
 * certificate with a wildcard is refused where one of the names that it stands
 * for is excluded.
 */
#include "internal.h"

#include <string.h>

/* "*.example.com" stands for "www.example.com", not for "a.www.example.com";
 * names below ".www.example.com" have a label too many. */
static bool
stands_for(const ASN1_STRING *wildcard, const ASN1_STRING *name)
{
  const char *w = (const char *)ASN1_STRING_get0_data(wildcard);
  const char *n = (const char *)ASN1_STRING_get0_data(name);
  size_t w_len = (size_t)ASN1_STRING_length(wildcard);
  size_t n_len = (size_t)ASN1_STRING_length(name);
  if (w_len < 2 || memcmp(w, "*.", 2) != 0 || n_len < w_len)
    return false;
  size_t first = n_len - (w_len - 1); /* of the labels, where the wildcard is */
  return !memchr(n, '.', first) && sslci_same_text(n + first, w + 1, w_len - 1);
}

static bool
is_excluded(const ASN1_STRING *wildcard, const NAME_CONSTRAINTS *constraints)
{
  STACK_OF(GENERAL_SUBTREE) *excluded = constraints->excludedSubtrees;
  for (int i = 0; i < sk_GENERAL_SUBTREE_num(excluded); i++) {
    const GENERAL_NAME *base = sk_GENERAL_SUBTREE_value(excluded, i)->base;
    if (base->type == GEN_DNS && stands_for(wildcard, base->d.dNSName))
      return true;
  }
  return false;
}

static bool
any_is_excluded(const GENERAL_NAMES *names, const NAME_CONSTRAINTS *constraints)
{
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS && is_excluded(name->d.dNSName, constraints))
      return true;
  }
  return false;
}

/* What cannot be read was refused before: memory is short. */
static int
check_authority(X509 *leaf, X509 *authority)
{
  NAME_CONSTRAINTS *constraints =
    X509_get_ext_d2i(authority, NID_name_constraints, NULL, NULL);
  GENERAL_NAMES *names =
    X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);
  int result = X509_V_ERR_OUT_OF_MEM;
  if (constraints && names)
    result = any_is_excluded(names, constraints)
      ? X509_V_ERR_EXCLUDED_VIOLATION : X509_V_OK;
  NAME_CONSTRAINTS_free(constraints);
  GENERAL_NAMES_free(names);
  return result;
}

static bool
has(X509 *cert, int nid)
{
  return X509_get_ext_by_NID(cert, nid, -1) >= 0;
}

int
sslci_constraints_check(X509_STORE_CTX *store_ctx)
{
  STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store_ctx);
  X509 *leaf = X509_STORE_CTX_get0_cert(store_ctx);
  int result = X509_V_OK;
  if (!leaf || !has(leaf, NID_subject_alt_name))
    return X509_V_OK;
  for (int i = 1; result == X509_V_OK && i < sk_X509_num(chain); i++)
    if (has(sk_X509_value(chain, i), NID_name_constraints))
      result = check_authority(leaf, sk_X509_value(chain, i));
  return result;
}
