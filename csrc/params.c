/*
 * params.c: what a handshake may agree on, where the user insists:
 * SSL_CTX_set_cipher_list(3), SSL_CTX_set_ciphersuites(3),
 * SSL_CTX_set1_groups_list(3), SSL_CTX_set1_sigalgs_list(3); and how the
 * records are cut: SSL_CTX_set_block_padding(3), SSL_CTX_set_max_send_fragment,
 * RFC 6066, section 4.
 *
 * libssl leaves out of a list what it does not know and says nothing.  Here
 * every name is tried by itself first, in an SSL_CTX that is thrown away, so
 * that a typing error never makes another list than was meant.
 */
#include "internal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* ---------------------------------------------------------------- elements */

enum { ELEMENT_MAX = 128 };

/* Tells of one name of a list whether libssl has it. */
typedef int try_name(SSL_CTX *scratch, const char *name);

/* What one kind of list is made of. */
struct grammar {
  const char *setting;
  const char *separators;
  const char *what; /* "cipher of TLS 1.2" */
  try_name *try;
  const char *(*refuse)(const sslc_ctx *ctx, const char *element);
};

/* Takes the next element off the list; false at its end.  One that is too long
 * comes in part, which is no name either. */
static bool
next_element(const char **list, const char *separators,
             char element[ELEMENT_MAX])
{
  *list += strspn(*list, separators);
  size_t len = strcspn(*list, separators);
  size_t kept = len < ELEMENT_MAX ? len : ELEMENT_MAX - 1;
  memcpy(element, *list, kept);
  element[kept] = '\0';
  *list += len;
  return len > 0;
}

/* libssl does not take a name, or a list: for want of memory, or it is bad. */
static bool
is_short_of_memory(void)
{
  return sslci_is_out_of_memory(ERR_peek_last_error());
}

static sslc_status
check_element(sslc_ctx *ctx, SSL_CTX *scratch, const struct grammar *g,
              const char *element)
{
  const char *why = g->refuse ? g->refuse(ctx, element) : NULL;
  if (why && *why)
    return sslci_ctx_bad_option(ctx, "%s: \"%s\" %s", g->setting, element, why);
  if (why || g->try(scratch, element) > 0)
    return SSLC_OK;
  return is_short_of_memory()
    ? sslci_ctx_nomem(ctx)
    : sslci_ctx_bad_option(ctx, "%s: \"%s\" is no %s that this OpenSSL has",
                           g->setting, element, g->what);
}

static sslc_status
check_elements(sslc_ctx *ctx, SSL_CTX *scratch, const struct grammar *g,
               const char *list)
{
  char element[ELEMENT_MAX];
  size_t n = 0;
  for (; next_element(&list, g->separators, element); n++) {
    sslc_status status = check_element(ctx, scratch, g, element);
    if (status != SSLC_OK)
      return status;
  }
  return n ? SSLC_OK
           : sslci_ctx_bad_option(ctx, "%s: the list is empty", g->setting);
}

/* What each of the lists begins with: SSLC_OK where all its names are. */
static sslc_status
check_list(sslc_ctx *ctx, const struct grammar *g, const char *list)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (!list)
    return sslci_ctx_bad_option(ctx, "%s: the list is missing", g->setting);
  SSL_CTX *scratch = SSL_CTX_new(TLS_method());
  if (!scratch)
    return sslci_ctx_nomem(ctx);
  SSL_CTX_set_security_level(scratch, 0);
  status = check_elements(ctx, scratch, g, list);
  SSL_CTX_free(scratch);
  if (status == SSLC_OK)
    ERR_clear_error(); /* of names that were ciphers once */
  return status;
}

/* It does not take a list whose names it knows. */
static sslc_status
bad_list(sslc_ctx *ctx, const char *setting)
{
  return is_short_of_memory()
    ? sslci_ctx_nomem(ctx)
    : sslci_ctx_bad_option(ctx, "%s: OpenSSL does not take the list", setting);
}

/* ----------------------------------------------------------------- ciphers */

/* Names that were ciphers once: to keep them out is no error. */
static bool
was_cipher(const char *name)
{
  static const char *const names[] = {
    "3DES", "ADH", "AECDH", "DES", "DSS", "EXP", "EXPORT", "EXPORT40",
    "EXPORT56", "FZA", "GOST89MAC", "GOST94", "IDEA", "KRB5", "LOW", "MD5",
    "MEDIUM", "RC2", "RC4", "SEED", "SRP", "SSLv2", "aDH", "aDSS", "aECDH",
    "aGOST", "aGOST01", "kDH", "kDHd", "kDHr", "kECDH", "kECDHe", "kECDHr",
    "kEDH", "kGOST", "kSRP", "aSRP", "PSK", "kPSK", "aPSK", "CAMELLIA",
    "ARIA", "AESCCM", "AESCCM8", "CHACHA20", "kRSAPSK", "kDHEPSK", "kECDHEPSK",
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(names[i], name) == 0)
      return true;
  return false;
}

static int
try_cipher(SSL_CTX *scratch, const char *name)
{
  const char *bare = name + (*name != '\0' && strchr("!-+", *name) != NULL);
  return SSL_CTX_set_cipher_list(scratch, bare) ||
         (bare > name && was_cipher(bare));
}

/* A security level may be raised, not lowered. */
static const char *
refuse_level(const sslc_ctx *ctx, const char *digits)
{
  if (!isdigit((unsigned char)digits[0]) || digits[0] > '5' || digits[1])
    return "is no level from 0 to 5";
  return digits[0] - '0' >= SSL_CTX_get_security_level(ctx->ssl_ctx)
    ? "" : "is lower than the level in force; insecure_ciphers allows it";
}

/* NULL: it is a name, to be looked up.  "": it is good as it is. */
static const char *
refuse_cipher(const sslc_ctx *ctx, const char *element)
{
  static const char level[] = "@SECLEVEL=";
  if (strcmp(element, "@STRENGTH") == 0)
    return "";
  if (strncmp(element, level, sizeof level - 1) == 0)
    return refuse_level(ctx, element + sizeof level - 1);
  return NULL;
}

static const char *
allow_any_level(const sslc_ctx *ctx, const char *element)
{
  (void)ctx;
  return *element == '@' ? "" : NULL;
}

static const char *
cipher_fault(const SSL_CIPHER *cipher)
{
  int bits = 0;
  SSL_CIPHER_get_bits(cipher, &bits);
  if (SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null)
    return "authenticates nobody";
  if (SSL_CIPHER_get_cipher_nid(cipher) == NID_undef)
    return "encrypts nothing";
  return bits < 112 ? "can be broken" : NULL;
}

/* What came of the list, whatever it was made of. */
static sslc_status
check_ciphers(sslc_ctx *ctx, const char *setting)
{
  const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx->ssl_ctx);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
    const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
    const char *fault = cipher_fault(cipher);
    if (fault)
      return sslci_ctx_bad_option(ctx, "%s: %s is among them, which %s; "
                                  "insecure_ciphers allows it", setting,
                                  SSL_CIPHER_get_name(cipher), fault);
  }
  return SSLC_OK;
}

static sslc_status
use_ciphers(sslc_ctx *ctx, const struct grammar *g, const char *list)
{
  sslc_status status = check_list(ctx, g, list);
  if (status == SSLC_OK && !SSL_CTX_set_cipher_list(ctx->ssl_ctx, list))
    status = bad_list(ctx, g->setting);
  return status;
}

/* As SSL_CTX_set_cipher_list(3) separates them. */
static const char cipher_separators[] = ":, ;";

sslc_status
sslc_ctx_set_ciphers(sslc_ctx *ctx, const char *list)
{
  static const struct grammar g = { "ciphers", cipher_separators,
                                    "cipher of TLS 1.2", try_cipher,
                                    refuse_cipher };
  sslc_status status = use_ciphers(ctx, &g, list);
  return status == SSLC_OK ? check_ciphers(ctx, g.setting) : status;
}

sslc_status
sslc_ctx_set_insecure_ciphers(sslc_ctx *ctx, const char *list)
{
  static const struct grammar g = { "insecure_ciphers", cipher_separators,
                                    "cipher of TLS 1.2", try_cipher,
                                    allow_any_level };
  return use_ciphers(ctx, &g, list);
}

static int
try_ciphersuite(SSL_CTX *scratch, const char *name)
{
  return SSL_CTX_set_ciphersuites(scratch, name);
}

sslc_status
sslc_ctx_set_ciphersuites(sslc_ctx *ctx, const char *list)
{
  static const struct grammar g = { "ciphersuites", ":",
                                    "cipher suite of TLS 1.3", try_ciphersuite,
                                    NULL };
  sslc_status status = check_list(ctx, &g, list);
  if (status == SSLC_OK && !SSL_CTX_set_ciphersuites(ctx->ssl_ctx, list))
    status = bad_list(ctx, g.setting);
  return status == SSLC_OK ? check_ciphers(ctx, g.setting) : status;
}

/* ------------------------------------------------------------------ groups */

/* The hybrids of classical and post-quantum key exchanges that libssl offers
 * by itself, from 3.5 on. */
static const char *const hybrids[] = { "X25519MLKEM768" };

enum { HYBRIDS = sizeof hybrids / sizeof hybrids[0] };

/* Of the libssl that runs: it may be newer than the headers. */
static bool
has_hybrids(void)
{
  return OpenSSL_version_num() >= 0x30500000UL;
}

/* The index of the hybrid, -1 where it is none. */
static int
find_hybrid(const char *name)
{
  for (int i = 0; i < HYBRIDS; i++)
    if (strcasecmp(hybrids[i], name) == 0)
      return i;
  return -1;
}

static int
try_group(SSL_CTX *scratch, const char *name)
{
  return SSL_CTX_set1_groups_list(scratch, name) > 0;
}

/* Names alone: what 3.5 gives other signs in a list is not to come in by
 * accident. */
static const char *
refuse_group(const sslc_ctx *ctx, const char *element)
{
  static const char signs[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  (void)ctx;
  if (*element == '!')
    return find_hybrid(element + 1) >= 0
      ? "" : "is no hybrid that is on by itself, so it cannot be kept out";
  if (*element == '-' || element[strspn(element, signs)] != '\0')
    return "is no name of a group";
  return NULL;
}

/* Notes which hybrids the list names itself, to be there or not. */
static void
find_named(const char *list, bool named[HYBRIDS])
{
  char element[ELEMENT_MAX];
  while (next_element(&list, ":", element)) {
    int which = find_hybrid(element + (*element == '!'));
    if (which >= 0)
      named[which] = true;
  }
}

/* Puts the hybrids before the list, each with a key share, and keeps out what
 * is to be kept out: "?*X25519MLKEM768:*P-256:P-384". */
static void
compose_groups(struct sslci_text *t, const char *list)
{
  bool named[HYBRIDS] = { false };
  char element[ELEMENT_MAX];
  const char *mark = "";
  find_named(list, named);
  for (int i = 0; has_hybrids() && i < HYBRIDS; i++)
    if (!named[i]) {
      sslci_text_add(t, "%s?*%s", t->len ? ":" : "", hybrids[i]);
      mark = "*";
    }
  while (next_element(&list, ":", element))
    if (*element != '!') {
      sslci_text_add(t, "%s%s%s", t->len ? ":" : "", mark, element);
      mark = "";
    }
}

sslc_status
sslc_ctx_set_groups(sslc_ctx *ctx, const char *list)
{
  static const struct grammar g = { "groups", ":", "group", try_group,
                                    refuse_group };
  struct sslci_text t = { NULL, 0 };
  sslc_status status = check_list(ctx, &g, list);
  if (status != SSLC_OK)
    return status;
  sslci_text_add(&t, "%s", "");
  compose_groups(&t, list);
  if (!t.text)
    return sslci_ctx_nomem(ctx);
  if (t.len == 0)
    status = sslci_ctx_bad_option(ctx, "groups: no group is left");
  else if (!SSL_CTX_set1_groups_list(ctx->ssl_ctx, t.text))
    status = bad_list(ctx, "groups");
  OPENSSL_free(ctx->groups);
  ctx->groups = t.text;
  return status;
}

/* --------------------------------------------------- signature algorithms */

static int
try_sigalg(SSL_CTX *scratch, const char *name)
{
  return SSL_CTX_set1_sigalgs_list(scratch, name) > 0;
}

/* Whether `part` is in the name, in whatever case. */
static bool
has_part(const char *name, const char *part)
{
  for (size_t len = strlen(part); *name; name++)
    if (strncasecmp(name, part, len) == 0)
      return true;
  return false;
}

static const char *
refuse_sigalg(const sslc_ctx *ctx, const char *element)
{
  if (SSL_CTX_get_security_level(ctx->ssl_ctx) > 0 &&
      (has_part(element, "SHA1") || has_part(element, "MD5")))
    return "can be forged";
  return *element == '?' ? "is no name of an algorithm" : NULL;
}

sslc_status
sslc_ctx_set_sigalgs(sslc_ctx *ctx, const char *list)
{
  static const struct grammar g = { "sigalgs", ":", "signature algorithm",
                                    try_sigalg, refuse_sigalg };
  sslc_status status = check_list(ctx, &g, list);
  if (status == SSLC_OK && !SSL_CTX_set1_sigalgs_list(ctx->ssl_ctx, list))
    status = bad_list(ctx, g.setting);
  return status;
}

/* ----------------------------------------------------------------- records */

sslc_status
sslc_ctx_set_block_padding(sslc_ctx *ctx, size_t size)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (!SSL_CTX_set_block_padding(ctx->ssl_ctx, size))
    return sslci_ctx_bad_option(ctx, "block_padding: %zu is not from 0 to %d",
                                size, SSL3_RT_MAX_PLAIN_LENGTH);
  ctx->block_padding = size;
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_max_send_fragment(sslc_ctx *ctx, size_t size)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (size > SSL3_RT_MAX_PLAIN_LENGTH ||
      SSL_CTX_set_max_send_fragment(ctx->ssl_ctx, (long)size) <= 0)
    return sslci_ctx_bad_option(ctx, "max_send_fragment: %zu is not from 512 "
                                "to %d", size, SSL3_RT_MAX_PLAIN_LENGTH);
  ctx->max_send_fragment = size;
  return SSLC_OK;
}

/* RFC 6066: a code from 1 on for 512, 1024, 2048 and 4096; 0 for none of
 * them. */
static uint8_t
fragment_code(size_t size)
{
  for (uint8_t code = TLSEXT_max_fragment_length_512;
       code <= TLSEXT_max_fragment_length_4096; code++)
    if (size == (size_t)256 << code)
      return code;
  return TLSEXT_max_fragment_length_DISABLED;
}

sslc_status
sslc_ctx_set_max_fragment_length(sslc_ctx *ctx, size_t size)
{
  sslc_status status = sslci_ctx_settable(ctx);
  uint8_t code = fragment_code(size);
  if (status != SSLC_OK)
    return status;
  if (size != 0 && code == TLSEXT_max_fragment_length_DISABLED)
    return sslci_ctx_bad_option(ctx, "max_fragment_length: %zu is none of 0, "
                                "512, 1024, 2048 and 4096", size);
  if (!SSL_CTX_set_tlsext_max_fragment_length(ctx->ssl_ctx, code))
    return sslci_ctx_bad_option(ctx, "max_fragment_length: OpenSSL does not "
                                "take %zu", size);
  return SSLC_OK;
}

size_t
sslc_conn_max_fragment_length(const sslc_conn *conn)
{
  const SSL_SESSION *session =
    conn && conn->connected ? SSL_get0_session(conn->ssl) : NULL;
  uint8_t code = session ? SSL_SESSION_get_max_fragment_length(session) : 0;
  return code >= TLSEXT_max_fragment_length_512 &&
         code <= TLSEXT_max_fragment_length_4096 ? (size_t)256 << code : 0;
}

/* --------------------------------------------------- of a chosen context */

bool
sslci_params_serve(sslc_conn *conn, const sslc_ctx *ctx)
{
  size_t fragment = ctx->max_send_fragment ? ctx->max_send_fragment
                                           : SSL3_RT_MAX_PLAIN_LENGTH;
  return SSL_set_block_padding(conn->ssl, ctx->block_padding) &&
         SSL_set_max_send_fragment(conn->ssl, (long)fragment) > 0 &&
         (!ctx->groups || SSL_set1_groups_list(conn->ssl, ctx->groups) > 0);
}
