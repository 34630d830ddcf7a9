/*
 * trust_name.c: finds the subject of a certificate in DER without parsing the
 * rest of it, and makes a key of a name to look it up by.  X.690, RFC 5280.
 *
 * OpenSSL compares names in a canonical form: without regard to case, spaces
 * at the ends and the type of a string.  Names that are equal to it have equal
 * keys here: a key is made only of what cannot make a difference to it.  That
 * names with equal keys are equal is for X509_NAME_cmp(3) to say.
 */
#include "internal.h"

#include <string.h>

enum {
  TAG_INTEGER = 0x02,
  TAG_OBJECT = 0x06,
  TAG_UNIVERSAL_STRING = 0x1c,
  TAG_BMP_STRING = 0x1e,
  TAG_SEQUENCE = 0x30,
  TAG_SET = 0x31,
  TAG_VERSION = 0xa0
};

/* ------------------------------------------------------------------- DER */

/* The length at the front, as DER writes it; false where it is none. */
static bool
take_length(struct sslci_span *in, size_t *len)
{
  if (in->len == 0)
    return false;
  size_t n = *in->p++;
  in->len--;
  *len = n;
  if (n < 0x80)
    return true;
  n -= 0x80;
  if (n == 0 || n > 4 || n > in->len || *in->p == 0)
    return false;
  *len = 0;
  for (in->len -= n; n > 0; n--)
    *len = *len << 8 | *in->p++;
  return *len >= 0x80;
}

/* Takes a value off the front, whatever its tag is. */
static bool
take_any(struct sslci_span *in, int *tag, struct sslci_span *value)
{
  if (in->len == 0 || (*in->p & 0x1f) == 0x1f)
    return false;
  *tag = *in->p++;
  in->len--;
  if (!take_length(in, &value->len) || value->len > in->len)
    return false;
  value->p = in->p;
  in->p += value->len;
  in->len -= value->len;
  return true;
}

static bool
take(struct sslci_span *in, int want, struct sslci_span *value)
{
  int tag;
  return in->len > 0 && *in->p == want && take_any(in, &tag, value);
}

bool
sslci_der_subject(struct sslci_span *der, struct sslci_span *subject)
{
  struct sslci_span cert, tbs, skipped;
  if (!take(der, TAG_SEQUENCE, &cert) || !take(&cert, TAG_SEQUENCE, &tbs))
    return false;
  take(&tbs, TAG_VERSION, &skipped);
  return take(&tbs, TAG_INTEGER, &skipped) &&   /* the serial number */
         take(&tbs, TAG_SEQUENCE, &skipped) &&  /* the algorithm */
         take(&tbs, TAG_SEQUENCE, &skipped) &&  /* the issuer */
         take(&tbs, TAG_SEQUENCE, &skipped) &&  /* the validity */
         take(&tbs, TAG_SEQUENCE, subject) &&
         take(&tbs, TAG_SEQUENCE, &skipped) &&  /* the key */
         take(&cert, TAG_SEQUENCE, &skipped) && /* the algorithm again */
         cert.len > 0;                          /* the signature */
}

/* ------------------------------------------------------------------ keys */

/* FNV-1a, of a byte more. */
static uint32_t
mix(uint32_t hash, unsigned char byte)
{
  return (hash ^ byte) * 16777619U;
}

static uint32_t
mix_object(uint32_t hash, struct sslci_span object)
{
  for (size_t i = 0; i < object.len; i++)
    hash = mix(hash, object.p[i]);
  return hash;
}

static bool
is_space(unsigned char c)
{
  return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The letters of ASCII in small, without spaces: other characters have several
 * encodings, and nothing hangs on them. */
static uint32_t
mix_text(uint32_t hash, struct sslci_span text, size_t width)
{
  for (size_t i = 0; i + width <= text.len; i += width) {
    unsigned char high = 0, c = text.p[i + width - 1];
    for (size_t j = 0; j + 1 < width; j++)
      high |= text.p[i + j];
    if (high == 0 && c < 0x80 && !is_space(c))
      hash = mix(hash, c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  }
  return hash;
}

static size_t
width_of(int tag)
{
  return tag == TAG_BMP_STRING ? 2 : tag == TAG_UNIVERSAL_STRING ? 4 : 1;
}

/* One attribute; they are summed up, as a set of them has no order. */
static bool
add_attribute(struct sslci_span *set, uint32_t *key)
{
  int tag;
  struct sslci_span attribute, object, text;
  if (!take(set, TAG_SEQUENCE, &attribute) ||
      !take(&attribute, TAG_OBJECT, &object) ||
      !take_any(&attribute, &tag, &text) || attribute.len > 0)
    return false;
  *key += mix_text(mix_object(2166136261U, object), text, width_of(tag));
  return true;
}

bool
sslci_name_key(struct sslci_span name, uint32_t *key)
{
  struct sslci_span set;
  *key = 0;
  while (name.len > 0) {
    if (!take(&name, TAG_SET, &set))
      return false;
    while (set.len > 0)
      if (!add_attribute(&set, key))
        return false;
  }
  return true;
}

bool
sslci_x509_name_key(const X509_NAME *name, uint32_t *key)
{
  const unsigned char *der;
  size_t len;
  struct sslci_span all, value;
  if (!compat_name_der(name, &der, &len))
    return false;
  all = (struct sslci_span){ der, len };
  return take(&all, TAG_SEQUENCE, &value) && sslci_name_key(value, key);
}
