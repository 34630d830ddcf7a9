/*
 * cert.c: a certificate as users see it: X509_get_subject_name(3) and its
 * neighbours, made into strings once and immutable from then on.
 */
#include "internal.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* -------------------------------------------------------------- strings */

/* The contents of a memory BIO as a string, where all was `printed` to it;
 * frees the BIO. */
static char *
bio_string(BIO *mem, bool printed)
{
  char *data = NULL;
  long len = printed ? BIO_get_mem_data(mem, &data) : 0;
  char *s = printed ? OPENSSL_malloc((size_t)len + 1) : NULL;
  if (s) {
    if (len > 0)
      memcpy(s, data, (size_t)len);
    s[len] = '\0';
  }
  BIO_free(mem);
  return s;
}

char *
sslci_name_string(const X509_NAME *name)
{
  BIO *mem = BIO_new(BIO_s_mem());
  /* RFC 2253, but UTF-8 left as it is; control characters stay escaped. */
  unsigned long flags = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
  return bio_string(mem, mem && X509_NAME_print_ex(mem, name, 0, flags) >= 0);
}

static char *
pem_string(X509 *x509)
{
  BIO *mem = BIO_new(BIO_s_mem());
  return bio_string(mem, mem && PEM_write_bio_X509(mem, x509));
}

static char *
hex_string(const unsigned char *bytes, size_t n)
{
  char *s = OPENSSL_malloc(2 * n + 1);
  for (size_t i = 0; s && i < n; i++)
    snprintf(s + 2 * i, 3, "%02x", bytes[i]);
  if (s)
    s[2 * n] = '\0';
  return s;
}

/* "DNS:..." with what is not printable ASCII written as \xHH: such a name
 * must not look like another (CVE-2009-2408), in a log least of all. */
static char *
ia5_string(const char *kind, const ASN1_STRING *str)
{
  const unsigned char *p = ASN1_STRING_get0_data(str);
  size_t n = (size_t)ASN1_STRING_length(str);
  size_t size = strlen(kind) + 4 * n + 2;
  char *s = OPENSSL_malloc(size);
  if (!s)
    return NULL;
  size_t at = (size_t)snprintf(s, size, "%s:", kind);
  for (size_t i = 0; i < n; i++) {
    if (p[i] > 0x20 && p[i] < 0x7f && p[i] != '\\')
      s[at++] = (char)p[i];
    else
      at += (size_t)snprintf(s + at, size - at, "\\x%02x", p[i]);
  }
  s[at] = '\0';
  return s;
}

static char *
ip_string(const ASN1_OCTET_STRING *ip)
{
  const unsigned char *p = ASN1_STRING_get0_data(ip);
  int len = ASN1_STRING_length(ip);
  char text[INET6_ADDRSTRLEN];
  if ((len != 4 && len != 16) ||
      !inet_ntop(len == 4 ? AF_INET : AF_INET6, p, text, sizeof text))
    return OPENSSL_strdup("IP:malformed");
  return sslci_asprintf("IP:%s", text);
}

static bool
is_shown(const GENERAL_NAME *name)
{
  return name->type == GEN_DNS || name->type == GEN_EMAIL ||
         name->type == GEN_URI || name->type == GEN_IPADD;
}

/* Of a kind that is shown; NULL when memory is short. */
static char *
general_name_string(const GENERAL_NAME *name)
{
  switch (name->type) {
  case GEN_DNS:
    return ia5_string("DNS", name->d.dNSName);
  case GEN_EMAIL:
    return ia5_string("email", name->d.rfc822Name);
  case GEN_URI:
    return ia5_string("URI", name->d.uniformResourceIdentifier);
  case GEN_IPADD:
    return ip_string(name->d.iPAddress);
  default:
    return NULL;
  }
}

/* A time that is malformed is the verifier's to judge: it stands as 0. */
bool
sslci_time_number(const ASN1_TIME *t, int64_t *number)
{
  int days = 0, seconds = 0;
  ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
  if (!epoch)
    return false;
  if (ASN1_TIME_check(t) && !ASN1_TIME_diff(&days, &seconds, epoch, t)) {
    ASN1_TIME_free(epoch);
    return false;
  }
  ASN1_TIME_free(epoch);
  *number = (int64_t)days * 86400 + seconds;
  return true;
}

const char *
sslci_time_text(int64_t t, char *buf)
{
  time_t seconds = (time_t)t;
  struct tm tm;
  if (!gmtime_r(&seconds, &tm) ||
      strftime(buf, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0)
    return "an unknown time";
  return buf;
}

/* --------------------------------------------------------------- making */

static bool
add_names(sslc_cert *cert, const GENERAL_NAMES *names)
{
  int n = sk_GENERAL_NAME_num(names);
  cert->names = n > 0 ? OPENSSL_zalloc((size_t)n * sizeof(char *)) : NULL;
  for (int i = 0; i < n; i++) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
    char *s = cert->names && is_shown(name) ? general_name_string(name) : NULL;
    if (s)
      cert->names[cert->name_count++] = s;
    else if (!cert->names || is_shown(name))
      return false;
  }
  return true;
}

/* An extension that is malformed is the verifier's to judge: no names. */
static bool
fill_names(sslc_cert *cert)
{
  int critical = 0;
  GENERAL_NAMES *names =
    X509_get_ext_d2i(cert->x509, NID_subject_alt_name, &critical, NULL);
  bool ok = names ? add_names(cert, names)
                  : !sslci_is_out_of_memory(ERR_peek_error());
  GENERAL_NAMES_free(names);
  return ok;
}

static char *
serial_string(X509 *x509)
{
  const ASN1_INTEGER *serial = X509_get0_serialNumber(x509);
  return hex_string(ASN1_STRING_get0_data(serial),
                    (size_t)ASN1_STRING_length(serial));
}

static bool
fill_bytes(sslc_cert *cert)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int n = 0;
  int len = i2d_X509(cert->x509, &cert->der);
  if (len < 0 || !X509_digest(cert->x509, EVP_sha256(), digest, &n))
    return false;
  cert->der_len = (size_t)len;
  char *hex = hex_string(digest, n);
  if (hex)
    memcpy(cert->fingerprint, hex, sizeof cert->fingerprint);
  OPENSSL_free(hex);
  return hex != NULL;
}

static bool
fill_spki(sslc_cert *cert)
{
  unsigned char digest[SSLCI_PIN];
  if (!sslci_spki_sha256(cert->x509, digest))
    return false;
  sslci_pin_text(digest, cert->spki_sha256);
  return true;
}

static bool
fill(sslc_cert *cert)
{
  X509 *x509 = cert->x509;
  cert->subject = sslci_name_string(X509_get_subject_name(x509));
  cert->issuer = sslci_name_string(X509_get_issuer_name(x509));
  cert->serial = serial_string(x509);
  cert->pem = pem_string(x509);
  return cert->subject && cert->issuer && cert->serial && cert->pem &&
         sslci_time_number(X509_get0_notBefore(x509), &cert->not_before) &&
         sslci_time_number(X509_get0_notAfter(x509), &cert->not_after) &&
         fill_names(cert) && fill_bytes(cert) && fill_spki(cert);
}

sslc_cert *
sslci_cert_new(X509 *x509)
{
  sslc_cert *cert = sslci_new(sslc_cert);
  if (!cert)
    return NULL;
  X509_up_ref(x509);
  cert->x509 = x509;
  atomic_init(&cert->refs, 1);
  if (!fill(cert)) {
    sslc_cert_free(cert);
    cert = NULL;
  }
  ERR_clear_error();
  return cert;
}

/* ---------------------------------------------------- from PEM and DER */

/* `x509` is NULL where there is none; what OpenSSL says of it is queued. */
static sslc_status
make(X509 *x509, const char *form, sslc_cert **cert, sslc_error **error)
{
  sslc_error e = { 0 };
  sslc_status status = SSLC_OK;
  bool nomem = !x509 && sslci_is_out_of_memory(ERR_peek_last_error());
  if (x509)
    *cert = sslci_cert_new(x509);
  X509_free(x509);
  if (*cert)
    return SSLC_OK;
  sslci_error_begin(&e, SSLC_CODE_BAD_FILE, SSLC_PHASE_CONFIG,
                    "it is no certificate in %s", form);
  sslci_error_take_queue(&e);
  status = x509 || nomem ? sslci_error_nomem(&e, SSLC_PHASE_CONFIG)
                         : sslci_error_finish(&e);
  return sslci_error_give(&e, status, error);
}

sslc_status
sslc_cert_new_pem(const void *pem, size_t len, sslc_cert **cert,
                  sslc_error **error)
{
  if (error)
    *error = NULL;
  if (cert)
    *cert = NULL;
  if (!pem || !cert || len > INT_MAX)
    return SSLC_ERR_ARG;
  ERR_clear_error();
  BIO *mem = BIO_new_mem_buf(pem, (int)len);
  if (!mem)
    return SSLC_ERR_NOMEM;
  X509 *x509 = PEM_read_bio_X509_AUX(mem, NULL, NULL, NULL);
  BIO_free(mem);
  return make(x509, "PEM", cert, error);
}

/* Nothing may stand behind it: what would that be? */
static X509 *
parse_der(const unsigned char *der, size_t len)
{
  const unsigned char *p = der;
  X509 *x509 = d2i_X509(NULL, &p, (long)len);
  if (x509 && p == der + len)
    return x509;
  X509_free(x509);
  return NULL;
}

sslc_status
sslc_cert_new_der(const void *der, size_t len, sslc_cert **cert,
                  sslc_error **error)
{
  if (error)
    *error = NULL;
  if (cert)
    *cert = NULL;
  if (!der || !cert || len > INT_MAX)
    return SSLC_ERR_ARG;
  ERR_clear_error();
  return make(parse_der(der, len), "DER", cert, error);
}

/* ----------------------------------------------------------- references */

sslc_cert *
sslc_cert_up_ref(const sslc_cert *cert)
{
  sslc_cert *c = (sslc_cert *)cert; /* the count is not what is immutable */
  if (c)
    atomic_fetch_add(&c->refs, 1);
  return c;
}

void
sslc_cert_free(sslc_cert *cert)
{
  if (!cert || atomic_fetch_sub(&cert->refs, 1) > 1)
    return;
  for (size_t i = 0; i < cert->name_count; i++)
    OPENSSL_free(cert->names[i]);
  OPENSSL_free(cert->names);
  OPENSSL_free(cert->subject);
  OPENSSL_free(cert->issuer);
  OPENSSL_free(cert->serial);
  OPENSSL_free(cert->der);
  OPENSSL_free(cert->pem);
  X509_free(cert->x509);
  OPENSSL_free(cert);
}

/* --------------------------------------------------------------- asking */

const char *
sslc_cert_subject(const sslc_cert *cert)
{
  return cert ? cert->subject : NULL;
}

const char *
sslc_cert_issuer(const sslc_cert *cert)
{
  return cert ? cert->issuer : NULL;
}

const char *
sslc_cert_serial(const sslc_cert *cert)
{
  return cert ? cert->serial : NULL;
}

size_t
sslc_cert_name_count(const sslc_cert *cert)
{
  return cert ? cert->name_count : 0;
}

const char *
sslc_cert_name(const sslc_cert *cert, size_t i)
{
  return cert && i < cert->name_count ? cert->names[i] : NULL;
}

int64_t
sslc_cert_not_before(const sslc_cert *cert)
{
  return cert ? cert->not_before : 0;
}

int64_t
sslc_cert_not_after(const sslc_cert *cert)
{
  return cert ? cert->not_after : 0;
}

const char *
sslc_cert_fingerprint(const sslc_cert *cert)
{
  return cert ? cert->fingerprint : NULL;
}

const char *
sslc_cert_spki_sha256(const sslc_cert *cert)
{
  return cert ? cert->spki_sha256 : NULL;
}

const unsigned char *
sslc_cert_der(const sslc_cert *cert, size_t *len)
{
  if (len)
    *len = cert ? cert->der_len : 0;
  return cert ? cert->der : NULL;
}

const char *
sslc_cert_pem(const sslc_cert *cert)
{
  return cert ? cert->pem : NULL;
}
