/*
 * test_trust_index.c: certificates that are found by subject without being
 * parsed: it must find what OpenSSL finds, take what OpenSSL takes, and stay
 * within its bytes whatever these are.
 */
#include "internal.h"

#include "support.h"
#include "support_pki.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- names */

struct value {
  int type;
  const char *bytes;
  int len;
};

static const struct value names[] = {
  { V_ASN1_UTF8STRING, "Some Authority", 14 },
  { V_ASN1_PRINTABLESTRING, "some authority", 14 },
  { V_ASN1_IA5STRING, "  SOME \t AUTHORITY ", 19 },
  { V_ASN1_T61STRING, "Some Authority", 14 },
  { V_ASN1_UTF8STRING, "Some  Authority", 15 },
  { V_ASN1_BMPSTRING, "\0S\0o\0m\0e\0 \0A\0u\0t\0h\0o\0r\0i\0t\0y", 28 },
  { V_ASN1_UNIVERSALSTRING, "\0\0\0C\0\0\0A", 8 },
  { V_ASN1_UTF8STRING, "ca", 2 },
  { V_ASN1_UTF8STRING, "C A", 3 },
  { V_ASN1_UTF8STRING, "Soci\xc3\xa9t\xc3\xa9", 9 },
  { V_ASN1_T61STRING, "SOCI\xe9T\xe9", 7 },
  { V_ASN1_BMPSTRING, "\0S\0o\0c\0i\0\xe9\0t\0\xe9", 14 },
  { V_ASN1_UTF8STRING, "Soci\xc3\x89t\xc3\x89", 9 },
  { V_ASN1_BMPSTRING, "\x4e\x2d\x65\x87", 4 },
  { V_ASN1_UTF8STRING, "\xe4\xb8\xad\xe6\x96\x87", 6 },
  { V_ASN1_UTF8STRING, "", 0 },
  { V_ASN1_UTF8STRING, " ", 1 }
};

/* An organisation of the value and a common name, in one set or two. */
static X509_NAME *
make_name(const struct value *value, int set)
{
  X509_NAME *name = X509_NAME_new();

  assert_non_null(name);
  assert_true(X509_NAME_add_entry_by_NID(name, NID_organizationName,
                                         value->type,
                                         (const unsigned char *)value->bytes,
                                         value->len, -1, 0));
  assert_true(X509_NAME_add_entry_by_NID(name, NID_commonName,
                                         V_ASN1_UTF8STRING,
                                         (const unsigned char *)"X", 1, -1,
                                         set));
  return name;
}

static uint32_t
key_of(const X509_NAME *name)
{
  uint32_t key;

  assert_true(sslci_x509_name_key(name, &key));
  return key;
}

/* Counts, so that the test is known to have compared equal ones. */
static void
test_equal_names(void **state)
{
  size_t equal = 0;

  (void)state;
  for (size_t i = 0; i < 2 * COUNT(names); i++)
    for (size_t j = 0; j < i; j++) {
      X509_NAME *a = make_name(&names[i / 2], -(int)(i % 2));
      X509_NAME *b = make_name(&names[j / 2], -(int)(j % 2));
      if (X509_NAME_cmp(a, b) == 0) {
        assert_int_equal(key_of(a), key_of(b));
        equal++;
      }
      X509_NAME_free(a);
      X509_NAME_free(b);
    }
  assert_true(equal >= 36); /* 15 of six names, and 3 of others, twice */
}

static void
test_other_names(void **state)
{
  X509_NAME *a = make_name(&names[0], 0), *b = make_name(&names[7], 0);

  (void)state;
  assert_true(key_of(a) != key_of(b));
  X509_NAME_free(a);
  X509_NAME_free(b);
}

/* ------------------------------------------------------------- what is read */

static struct sslci_data
data(const void *bytes, size_t len)
{
  struct sslci_data d = { "test", "test", bytes, len, NULL, { 0 } };

  return d;
}

/* What OpenSSL says of PEM: how many certificates, -1: malformed. */
static int
openssl_count(const struct sslci_data *d)
{
  BIO *mem = BIO_new_mem_buf(d->bytes, (int)d->len);
  X509 *x509;
  int n = 0;

  assert_non_null(mem);
  ERR_clear_error();
  while ((x509 = PEM_read_bio_X509_AUX(mem, NULL, NULL, NULL)) != NULL) {
    X509_free(x509);
    n++;
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
    n = -1;
  ERR_clear_error();
  BIO_free(mem);
  return n;
}

/* Reads it, and asks for every subject there is, so that all is parsed. */
static int
bundle_count(const struct sslci_data *d)
{
  struct sslci_bundle *b = sslci_bundle_new();
  X509_STORE *store = X509_STORE_new();
  X509_NAME *name = make_name(&names[0], 0);
  X509 *first = NULL;

  assert_non_null(b);
  assert_non_null(store);
  enum sslci_loaded loaded = sslci_bundle_read(b, d);
  int n = loaded == SSLCI_LOADED_BAD ? -1 : (int)sslci_bundle_count(b);
  assert_int_equal(sslci_bundle_find(b, name, store, &first), 0);
  X509_NAME_free(name);
  X509_STORE_free(store);
  sslci_bundle_free(b);
  ERR_clear_error();
  return n;
}

/* Whether it is found, and is the one. */
static int
is_found(struct sslci_bundle *b, X509 *x509)
{
  X509_STORE *store = X509_STORE_new();
  X509 *first = NULL;
  size_t n;

  assert_non_null(store);
  n = sslci_bundle_find(b, X509_get_subject_name(x509), store, &first);
  int same = n > 0 && X509_cmp(first, x509) == 0;
  X509_STORE_free(store);
  return same || n > 1;
}

/* Each certificate of the file is found by its subject. */
static void
check_all_found(const char *path)
{
  size_t n = 0;
  struct sslci_data d;
  X509 *x509;

  assert_int_equal(sslci_read_file(&d, path), 0);
  struct sslci_bundle *b = sslci_bundle_new();
  BIO *mem = BIO_new_mem_buf(d.bytes, (int)d.len);
  assert_int_equal(sslci_bundle_read(b, &d), SSLCI_LOADED_SOME);
  while ((x509 = PEM_read_bio_X509_AUX(mem, NULL, NULL, NULL)) != NULL) {
    assert_true(is_found(b, x509));
    X509_free(x509);
    n++;
  }
  assert_int_equal(sslci_bundle_count(b), n);
  BIO_free(mem);
  ERR_clear_error();
  sslci_bundle_free(b);
  sslci_data_free(&d);
}

static void
test_found(void **state)
{
  const char *system = "/etc/ssl/certs/ca-certificates.crt";

  (void)state;
  check_all_found(cert_path("ca.pem"));
  if (access(system, R_OK) == 0)
    check_all_found(system);
}

/* ------------------------------------------------------------ forms of PEM */

static char *
text_of(const char *file)
{
  size_t len;

  return read_file(cert_path(file), &len);
}

/* The text with `from` replaced by `to` everywhere; to be freed. */
static char *
replaced(const char *text, const char *from, const char *to)
{
  char *out = calloc(strlen(text) + 1, 1 + strlen(to));
  const char *at;

  assert_non_null(out);
  while ((at = strstr(text, from)) != NULL) {
    strncat(out, text, (size_t)(at - text));
    strcat(out, to);
    text = at + strlen(from);
  }
  strcat(out, text);
  return out;
}

struct form {
  const char *name;
  const char *from, *to;
  int count; /* -1: it is malformed */
};

static const struct form forms[] = {
  { "as it is", "x-x", "", 1 },
  { "with CRLF", "\n", "\r\n", 1 },
  { "with text before", "-----BEGIN", "# a comment\n\n-----BEGIN", 1 },
  { "with spaces at the ends of lines", "\n", "  \n", 1 },
  { "under its old name", "CERTIFICATE", "X509 CERTIFICATE", 1 },
  { "trusted, without what for", "CERTIFICATE", "TRUSTED CERTIFICATE", 1 },
  { "with headers", "CERTIFICATE-----\nMI",
    "CERTIFICATE-----\nA: b\n\nMI", -1 },
  { "of something else", "CERTIFICATE", "THING", 0 },
  { "with another end", "-----END CERT", "-----END CART", -1 },
  { "without an end", "-----END", "-----ENDE", -1 },
  { "with a strange digit", "MII", "M!I", -1 },
  { "cut short", "==", "", -1 },
  { "of something that is none", "MII", "AAI", -1 },
  { "empty", "-----BEGIN CERTIFICATE-----",
    "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"
    "-----BEGIN CERTIFICATE-----", -1 }
};

/* The verdict is OpenSSL's too. */
static void
test_form(void **state)
{
  const struct form *form = *state;
  char *text = text_of("ca.pem");
  char *changed = replaced(text, form->from, form->to);
  struct sslci_data d = data(changed, strlen(changed));

  if (strcmp(text, changed) != 0 || strcmp(form->from, "x-x") == 0) {
    assert_int_equal(openssl_count(&d), form->count);
    assert_int_equal(bundle_count(&d), form->count);
  }
  free(changed);
  free(text);
}

/* A key among them is passed over. */
static void
test_others(void **state)
{
  char *parts[] = { text_of("ca.pem"), text_of("good.key"),
                    text_of("otherca.pem") };
  char *all = calloc(1, strlen(parts[0]) + strlen(parts[1]) +
                          strlen(parts[2]) + 1);

  (void)state;
  assert_non_null(all);
  for (size_t i = 0; i < COUNT(parts); i++) {
    strcat(all, parts[i]);
    free(parts[i]);
  }
  struct sslci_data d = data(all, strlen(all));
  assert_int_equal(bundle_count(&d), 2);
  free(all);
}

/* ------------------------------------------------------------- any bytes */

/* What OpenSSL takes is taken; whatever is not, is read within its bounds: each
 * try has memory of just its size. */
static void
try_bytes(const void *bytes, size_t len)
{
  void *exact = malloc(len ? len : 1);

  assert_non_null(exact);
  memcpy(exact, bytes, len);
  struct sslci_data d = data(exact, len);
  int n = openssl_count(&d), got = bundle_count(&d);
  if (n > 0)
    assert_int_equal(got, n);
  free(exact);
}

static void
test_cut(void **state)
{
  char *text = text_of("ca.pem");
  size_t len = strlen(text);

  (void)state;
  for (size_t i = 0; i <= len; i += under_valgrind() ? 37 : 1)
    try_bytes(text, i);
  free(text);
}

static void
test_changed_bytes(void **state)
{
  char *text = text_of("ca.pem");
  size_t len = strlen(text);
  unsigned seed = 1;

  (void)state;
  for (int i = under_valgrind() ? 50 : 3000; i > 0; i--) {
    seed = seed * 1103515245 + 12345;
    size_t at = (seed >> 8) % len;
    char was = text[at];
    text[at] = (char)(seed >> 20);
    try_bytes(text, len);
    text[at] = was;
  }
  free(text);
}

/* DER with bytes changed and cut, wrapped into PEM that is proper: the walk
 * over it is what is tried. */
static void
try_der(const unsigned char *der, size_t len)
{
  unsigned char *exact = malloc(len ? len : 1);
  struct sslci_span span = { exact, len }, subject;
  uint32_t key;

  assert_non_null(exact);
  memcpy(exact, der, len);
  if (sslci_der_subject(&span, &subject)) {
    assert_true(subject.p >= exact && subject.p + subject.len <= exact + len);
    sslci_name_key(subject, &key);
  }
  free(exact);
}

static void
test_changed_der(void **state)
{
  struct pair ca = pair_authority("Walked", NULL);
  unsigned char *der = NULL;
  int len = i2d_X509(ca.cert, &der);

  (void)state;
  assert_true(len > 0);
  for (int i = 0; i <= len; i++)
    try_der(der, (size_t)i);
  for (int i = 0; i < len; i++)
    for (int bit = 0; bit < 8; bit++) {
      der[i] ^= (unsigned char)(1 << bit);
      try_der(der, (size_t)len);
      der[i] ^= (unsigned char)(1 << bit);
    }
  OPENSSL_free(der);
  pair_free(&ca);
}

int
main(void)
{
  add_test("names that are equal to OpenSSL have equal keys", test_equal_names,
           NULL);
  add_test("other names have other keys", test_other_names, NULL);
  add_test("each certificate of a bundle is found", test_found, NULL);
  for (size_t i = 0; i < COUNT(forms); i++)
    add_test(forms[i].name, test_form, &forms[i]);
  add_test("what is no certificate is passed over", test_others, NULL);
  add_test("text cut anywhere", test_cut, NULL);
  add_test("text with bytes changed", test_changed_bytes, NULL);
  add_test("DER cut and changed anywhere", test_changed_der, NULL);
  return run_all("trust_index");
}
