/*
 * trust_pem.c: takes the certificates of PEM text apart, RFC 7468: where each
 * is, and its bytes.
 *
 * It knows the strict form that tools write, and no other.  Whatever looks
 * different is for PEM_read_bio(3), which knows all there is.
 */
#include "internal.h"

#include <string.h>

static const char begin[] = "-----BEGIN ";
static const char end[] = "-----END ";
static const char dashes[] = "-----";

/* ---------------------------------------------------------------- base64 */

enum { NO_DIGIT = 0x80 };

/* RFC 4648, table 1; NO_DIGIT for what is none. */
static const unsigned char *
digits(void)
{
  enum { X = NO_DIGIT };
  static const unsigned char table[256] = {
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  62, X,  X,  X,  63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, X,  X,  X,  X,  X,  X,
    X,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, X,  X,  X,  X,  X,
    X,  26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,
    X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X,  X
  };
  return table;
}

/* Three bytes of the four digits in front; false where they are not four. */
static bool
decode_four(const unsigned char *in, unsigned char *out)
{
  const unsigned char *t = digits();
  unsigned a = t[in[0]], b = t[in[1]], c = t[in[2]], d = t[in[3]];
  out[0] = (unsigned char)(a << 2 | b >> 4);
  out[1] = (unsigned char)(b << 4 | c >> 2);
  out[2] = (unsigned char)(c << 6 | d);
  return ((a | b | c | d) & NO_DIGIT) == 0;
}

/* The last four digits, of which one or two are '='; how many bytes they are,
 * 0 where they are not such. */
static size_t
decode_last(const unsigned char *in, unsigned char *out)
{
  const unsigned char *t = digits();
  unsigned a = t[in[0]], b = t[in[1]], c = in[2] == '=' ? 0 : t[in[2]];
  if (in[3] != '=' || ((a | b | c) & NO_DIGIT))
    return 0;
  bool two = in[2] == '=';
  if (two ? b & 0x0f : c & 0x03) /* bits that nobody reads are 0 */
    return 0;
  out[0] = (unsigned char)(a << 2 | b >> 4);
  if (!two)
    out[1] = (unsigned char)(b << 4 | c >> 2);
  return two ? 1 : 2;
}

static void
skip_newlines(struct sslci_span *in)
{
  while (in->len > 0 && (*in->p == '\n' || *in->p == '\r')) {
    in->p++;
    in->len--;
  }
}

/* Decodes up to the first '-'; false where that is not to be understood.  `out`
 * has room for three bytes in the place of any four. */
static bool
decode(struct sslci_span *in, unsigned char *out, size_t *len)
{
  unsigned char *at = out;
  for (;;) {
    skip_newlines(in);
    if (in->len < 4)
      return false;
    if (*in->p == '-')
      break;
    bool full = decode_four(in->p, at);
    size_t n = full ? 3 : decode_last(in->p, at);
    in->p += 4;
    in->len -= 4;
    at += n;
    if (full)
      continue;
    skip_newlines(in);
    if (n == 0 || in->len == 0 || *in->p != '-')
      return false;
    break;
  }
  *len = (size_t)(at - out);
  return true;
}

/* --------------------------------------------------------------- framing */

static bool
take_text(struct sslci_span *in, const char *text, size_t len)
{
  if (in->len < len || memcmp(in->p, text, len) != 0)
    return false;
  in->p += len;
  in->len -= len;
  return true;
}

static bool
take_string(struct sslci_span *in, const char *text)
{
  return take_text(in, text, strlen(text));
}

static bool
take_line_end(struct sslci_span *in)
{
  if (in->len == 0 || take_text(in, "\n", 1))
    return true;
  return take_text(in, "\r\n", 2);
}

/* Goes from the beginning of a line to behind the next "-----BEGIN "; 1, 0
 * where there is none, -1 where that is not at the beginning of a line. */
static int
find_begin(struct sslci_span *in)
{
  const unsigned char *p = memmem(in->p, in->len, begin, sizeof begin - 1);
  if (!p)
    return 0;
  bool good = p == in->p || p[-1] == '\n';
  size_t skipped = (size_t)(p - in->p) + sizeof begin - 1;
  in->p += skipped;
  in->len -= skipped;
  return good ? 1 : -1;
}

/* The rest of a line that begins or ends a block: "CERTIFICATE-----". */
static bool
take_label(struct sslci_span *in, struct sslci_span *label)
{
  const unsigned char *p = memchr(in->p, '-', in->len);
  if (!p)
    return false;
  *label = (struct sslci_span){ in->p, (size_t)(p - in->p) };
  in->p = p;
  in->len -= label->len;
  return take_string(in, dashes) && take_line_end(in);
}

static bool
take_end(struct sslci_span *in, struct sslci_span label)
{
  return take_string(in, end) &&
         take_text(in, (const char *)label.p, label.len) &&
         take_string(in, dashes) && take_line_end(in);
}

/* A block of something else: not looked into. */
static bool
skip_block(struct sslci_span *in, struct sslci_span label)
{
  const unsigned char *p = memmem(in->p, in->len, end, sizeof end - 1);
  if (!p)
    return false;
  in->len -= (size_t)(p - in->p);
  in->p = p;
  return p[-1] == '\n' && take_end(in, label);
}

static bool
is_label(struct sslci_span label, const char *text)
{
  return label.len == strlen(text) && memcmp(label.p, text, label.len) == 0;
}

int
sslci_pem_next(struct sslci_pem *pem, unsigned char *out, size_t *len)
{
  struct sslci_span label;
  for (;;) {
    int found = find_begin(&pem->rest);
    if (found <= 0)
      return found;
    if (!take_label(&pem->rest, &label))
      return -1;
    pem->aux = is_label(label, "TRUSTED CERTIFICATE");
    if (pem->aux || is_label(label, "CERTIFICATE") ||
        is_label(label, "X509 CERTIFICATE"))
      return decode(&pem->rest, out, len) && take_end(&pem->rest, label) ? 1
                                                                         : -1;
    if (!skip_block(&pem->rest, label))
      return -1;
  }
}
