/*
 * identity_read.c: certificates and private keys in PEM and DER, from a file or
 * memory, and the passwords of encrypted ones: PEM_read_bio_PrivateKey(3),
 * d2i_PKCS8PrivateKey_bio(3).
 */
#include "internal.h"

#include <string.h>

static BIO *
data_bio(const struct sslci_data *d)
{
  return BIO_new_mem_buf(d->bytes, (int)d->len);
}

static bool
is_pem(const struct sslci_data *d)
{
  static const char begin[] = "-----BEGIN";
  return memmem(d->bytes, d->len, begin, sizeof begin - 1) != NULL;
}

/* Everything in DER that is read here is a SEQUENCE. */
static bool
is_der(const struct sslci_data *d)
{
  return d->len > 1 && *(const unsigned char *)d->bytes == 0x30;
}

/* ------------------------------------------------------------- passwords */

void
sslci_password_begin(struct sslci_password *p, const sslc_ctx *ctx)
{
  memset(p, 0, sizeof *p);
  if (!ctx)
    return;
  p->known = ctx->password != NULL;
  if (p->known)
    p->len = OPENSSL_strlcpy(p->text, ctx->password, sizeof p->text);
  p->get = ctx->get_password;
  p->arg = ctx->get_password_arg;
}

void
sslci_password_end(struct sslci_password *p)
{
  OPENSSL_cleanse(p, sizeof *p);
}

bool
sslci_password_find(struct sslci_password *p)
{
  p->needed = true;
  if (p->known || !p->get)
    return p->known;
  int n = p->get(p->arg, p->text, sizeof p->text - 1);
  p->get = NULL; /* once */
  if (n < 0 || (size_t)n > sizeof p->text - 1)
    return false;
  p->text[n] = '\0';
  p->len = (size_t)n;
  return p->known = true;
}

/* Instead of OpenSSL's, which prompts on the terminal. */
int
sslci_password_give(char *buf, int size, int writing, void *arg)
{
  struct sslci_password *p = arg;
  (void)writing;
  if (!sslci_password_find(p) || size < 0 || p->len > (size_t)size)
    return -1;
  memcpy(buf, p->text, p->len);
  return (int)p->len;
}

/* ------------------------------------------------------------------ keys */

/* PKCS #8 with an algorithm in front of it, where a plain key has a number. */
static bool
is_encrypted_der(const struct sslci_data *d)
{
  const unsigned char *at = d->bytes;
  X509_SIG *sig = d2i_X509_SIG(NULL, &at, (long)d->len);
  bool encrypted = sig != NULL;
  X509_SIG_free(sig);
  ERR_clear_error();
  return encrypted;
}

EVP_PKEY *
sslci_read_key(const struct sslci_data *d, struct sslci_password *p)
{
  BIO *mem = data_bio(d);
  if (!mem)
    return NULL;
  EVP_PKEY *key;
  if (is_pem(d) || !is_der(d))
    key = PEM_read_bio_PrivateKey(mem, NULL, sslci_password_give, p);
  else if (is_encrypted_der(d))
    key = d2i_PKCS8PrivateKey_bio(mem, NULL, sslci_password_give, p);
  else
    key = d2i_PrivateKey_bio(mem, NULL);
  BIO_free(mem);
  return key;
}

/* ---------------------------------------------------------- certificates */

/* The first certificate in `mem`, and those behind it; false: malformed. */
static bool
read_pem(BIO *mem, X509 **leaf, STACK_OF(X509) *chain)
{
  X509 *x509;
  *leaf = PEM_read_bio_X509_AUX(mem, NULL, NULL, NULL);
  while (*leaf && (x509 = PEM_read_bio_X509(mem, NULL, NULL, NULL)) != NULL) {
    if (!sk_X509_push(chain, x509)) {
      X509_free(x509);
      return false;
    }
  }
  return sslci_is_end_of_pem();
}

/* One and nothing behind it. */
static bool
read_der(const struct sslci_data *d, X509 **leaf)
{
  const unsigned char *at = d->bytes;
  *leaf = d2i_X509(NULL, &at, (long)d->len);
  return *leaf && at == (const unsigned char *)d->bytes + d->len;
}

bool
sslci_read_chain(const struct sslci_data *d, X509 **leaf,
                 STACK_OF(X509) *chain)
{
  *leaf = NULL;
  if (!is_pem(d) && is_der(d))
    return read_der(d, leaf);
  BIO *mem = data_bio(d);
  bool ok = mem && read_pem(mem, leaf, chain);
  BIO_free(mem);
  return ok;
}

/* --------------------------------------------------------------- PKCS #12 */

PKCS12 *
sslci_read_pkcs12(const struct sslci_data *d)
{
  const unsigned char *at = d->bytes;
  return is_der(d) ? d2i_PKCS12(NULL, &at, (long)d->len) : NULL;
}

bool
sslci_is_pkcs12(const struct sslci_data *d)
{
  ERR_set_mark();
  PKCS12 *p12 = sslci_read_pkcs12(d);
  bool is = p12 != NULL;
  PKCS12_free(p12);
  ERR_pop_to_mark();
  return is;
}

/* Without a password there are two ways to write that; and one that is not
 * signed shows only when it is opened. */
bool
sslci_pkcs12_is_open(PKCS12 *p12)
{
  if (PKCS12_mac_present(p12))
    return PKCS12_verify_mac(p12, NULL, 0) || PKCS12_verify_mac(p12, "", 0);
  EVP_PKEY *key = NULL;
  X509 *cert = NULL;
  bool open = PKCS12_parse(p12, NULL, &key, &cert, NULL);
  EVP_PKEY_free(key);
  X509_free(cert);
  return open;
}

/* --------------------------------------------------------------- asking */

static int
is_encrypted(const struct sslci_data *d)
{
  struct sslci_password none;
  PKCS12 *p12 = sslci_read_pkcs12(d);
  sslci_password_begin(&none, NULL);
  if (p12)
    none.needed = !sslci_pkcs12_is_open(p12);
  else
    EVP_PKEY_free(sslci_read_key(d, &none));
  PKCS12_free(p12);
  ERR_clear_error();
  return none.needed;
}

int
sslc_key_mem_is_encrypted(const void *data, size_t len)
{
  struct sslci_data d = { .name = "in memory", .bytes = data, .len = len };
  return data && len <= INT_MAX ? is_encrypted(&d) : 0;
}

int
sslc_key_file_is_encrypted(const char *path)
{
  struct sslci_data d = { 0 };
  int encrypted = path && *path && sslci_read_file(&d, path) == 0
    ? is_encrypted(&d) : 0;
  sslci_data_free(&d);
  return encrypted;
}
