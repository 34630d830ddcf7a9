/*
 * peer_name.c: whom a certificate must be for, and whether it is: the reference
 * identifiers of RFC 9525, section 6.
 *
 * Hosts are matched by X509_check_host(3): a wildcard is a whole first label
 * and stands for one, and common names do not count.  E-mail addresses and URIs
 * count among the subject's alternative names only.
 */
#include "internal.h"

#include <string.h>

enum {
  HOST_FLAGS = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
  URI_MAX_LEN = 2048
};

/* What is wrong with a name; NULL: nothing. */
typedef const char *problem;

/* -------------------------------------------------------------- matching */

/* "sip:", "sips:" (RFC 5922) and what is followed by "//": the length up to the
 * host; 0 where a URI has none that can be compared by itself. */
static size_t
host_offset(const char *uri, size_t len)
{
  const char *colon = memchr(uri, ':', len);
  size_t scheme = colon ? (size_t)(colon - uri) + 1 : 0;
  if (scheme == 0)
    return 0;
  if (len >= scheme + 2 && memcmp(colon, "://", 3) == 0)
    return scheme + 2;
  bool sip = (scheme == 4 && sslci_same_text(uri, "sip:", 4)) ||
             (scheme == 5 && sslci_same_text(uri, "sips:", 5));
  return sip ? scheme : 0;
}

/* RFC 9525, section 6.3: the scheme and the host are the same, whatever comes
 * behind; without wildcards.  Where there is an '@', what looks like the host
 * may be a user: "https://example.com:x@evil.example". */
static bool
has_scheme_and_host(const char *uri, size_t len, const char *wanted)
{
  size_t n = strlen(wanted);
  return len >= n && !memchr(uri, '@', len) &&
         host_offset(uri, len) == host_offset(wanted, n) &&
         sslci_same_text(uri, wanted, n) &&
         (len == n || (uri[n] && strchr("/?#:;", uri[n])));
}

static bool
uri_matches(const struct sslci_peer_name *name, const GENERAL_NAME *general)
{
  if (general->type != GEN_URI)
    return false;
  const ASN1_STRING *s = general->d.uniformResourceIdentifier;
  const char *uri = (const char *)ASN1_STRING_get0_data(s);
  size_t len = (size_t)ASN1_STRING_length(s);
  if (!name->whole)
    return has_scheme_and_host(uri, len, name->text);
  return len == strlen(name->text) && memcmp(uri, name->text, len) == 0;
}

static bool
any_uri_matches(const struct sslci_peer_name *name, X509 *cert)
{
  GENERAL_NAMES *names =
    X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  bool found = false;
  for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++)
    found = uri_matches(name, sk_GENERAL_NAME_value(names, i));
  GENERAL_NAMES_free(names);
  return found;
}

/* Exactly 1 is a match; below 0, memory was short. */
static bool
matches(const struct sslci_peer_name *name, X509 *cert)
{
  switch (name->kind) {
  case SSLCI_NAME_DNS:
    return X509_check_host(cert, name->text, 0, HOST_FLAGS, NULL) == 1;
  case SSLCI_NAME_EMAIL:
    return X509_check_email(cert, name->text, 0, HOST_FLAGS) == 1;
  case SSLCI_NAME_URI:
    return any_uri_matches(name, cert);
  default:
    return X509_check_ip_asc(cert, name->text, 0) == 1;
  }
}

/* --------------------------------------------------------------- parsing */

static bool
is_printable(const char *s)
{
  for (; *s; s++)
    if (*s <= 0x20 || *s >= 0x7f)
      return false;
  return true;
}

/* The host at the end of the text is put there as it is compared; no text is
 * left where memory is short. */
static problem
take_host(struct sslci_peer_name *name, const char *host)
{
  struct sslci_name parsed;
  sslc_error e = { 0 };
  int before = (int)(host - name->text);
  bool ok = sslci_name_parse(&parsed, host, "host", &e) == SSLC_OK;
  sslci_error_clear(&e);
  if (!ok || parsed.kind != SSLCI_NAME_DNS)
    return "it has no host name where one must be";
  char *text = sslci_asprintf("%.*s%s", before, name->text, parsed.text);
  OPENSSL_free(name->text);
  name->text = text;
  return NULL;
}

static problem
parse_email(struct sslci_peer_name *name)
{
  const char *at = strrchr(name->text, '@');
  if (!at || at == name->text)
    return "it is no e-mail address";
  if (!is_printable(name->text))
    return "it has a character other than printable ASCII";
  return take_host(name, at + 1);
}

static bool
has_scheme(const char *uri)
{
  static const char letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  static const char others[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.";
  size_t n = strspn(uri, others);
  return strspn(uri, letters) > 0 && uri[n] == ':' && uri[n + 1] != '\0';
}

/* Anything behind the host is a demand too, so such a one is compared whole. */
static problem
parse_uri(struct sslci_peer_name *name)
{
  size_t len = strlen(name->text);
  if (len > URI_MAX_LEN)
    return "it is longer than 2048 bytes";
  if (!is_printable(name->text))
    return "it has a character other than printable ASCII";
  if (!has_scheme(name->text))
    return "it has no scheme, or nothing behind it";
  const char *host = name->text + host_offset(name->text, len);
  name->whole = host == name->text || strpbrk(host, "/?#:;@[") != NULL;
  return name->whole ? NULL : take_host(name, host);
}

static problem
parse_host(struct sslci_peer_name *name, bool address)
{
  struct sslci_name parsed;
  sslc_error e = { 0 };
  bool ok = sslci_name_parse(&parsed, name->text, "name", &e) == SSLC_OK;
  sslci_error_clear(&e);
  if (!ok || address != (parsed.kind != SSLCI_NAME_DNS))
    return address ? "it is no address" : "it is no host name";
  name->kind = parsed.kind;
  OPENSSL_free(name->text);
  name->text = OPENSSL_strdup(parsed.text);
  return NULL;
}

/* As sslc_cert_name writes them. */
static const struct form {
  const char *prefix;
  enum sslci_name_kind kind;
} forms[] = {
  { "DNS:", SSLCI_NAME_DNS },
  { "IP:", SSLCI_NAME_IPV4 },
  { "email:", SSLCI_NAME_EMAIL },
  { "URI:", SSLCI_NAME_URI },
};

static const struct form *
find_form(const char *text)
{
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
    if (strncmp(text, forms[i].prefix, strlen(forms[i].prefix)) == 0)
      return &forms[i];
  return NULL;
}

bool
sslci_peer_name_has_kind(const char *text)
{
  return find_form(text) != NULL;
}

static problem
parse(struct sslci_peer_name *name)
{
  switch (name->kind) {
  case SSLCI_NAME_EMAIL:
    return parse_email(name);
  case SSLCI_NAME_URI:
    return parse_uri(name);
  default:
    return parse_host(name, name->kind != SSLCI_NAME_DNS);
  }
}

/* ---------------------------------------------------------------- the list */

static void
free_name(struct sslci_peer_name *name)
{
  if (name)
    OPENSSL_free(name->text);
  OPENSSL_free(name);
}

void
sslci_peer_names_free(struct sslci_peer_name *name)
{
  while (name) {
    struct sslci_peer_name *next = name->next;
    free_name(name);
    name = next;
  }
}

static sslc_status
refuse(sslc_conn *conn, const char *text, problem bad)
{
  return sslci_conn_refuse(conn, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "peer_name \"%.260s\" cannot be used: %s", text,
                           bad);
}

/* A plain host or address, which may be any that a server name may be. */
static sslc_status
parse_plain(sslc_conn *conn, struct sslci_peer_name *name, const char *text)
{
  struct sslci_name parsed;
  sslc_status status =
    sslci_name_parse(&parsed, text, "peer_name", &conn->misuse);
  if (status != SSLC_OK) {
    conn->misused = true;
    return conn->last_status = status;
  }
  name->kind = parsed.kind;
  name->text = OPENSSL_strdup(parsed.text);
  return SSLC_OK;
}

static sslc_status
parse_kind(sslc_conn *conn, struct sslci_peer_name *name,
           const struct form *form, const char *text)
{
  name->kind = form->kind;
  name->text = OPENSSL_strdup(text + strlen(form->prefix));
  problem bad = name->text ? parse(name) : NULL;
  return bad ? refuse(conn, text, bad) : SSLC_OK;
}

static void
append(sslc_conn *conn, struct sslci_peer_name *name)
{
  struct sslci_peer_name **end = &conn->peer_names;
  while (*end)
    end = &(*end)->next;
  *end = name;
}

sslc_status
sslci_peer_name_add(sslc_conn *conn, const char *text)
{
  const struct form *form = text ? find_form(text) : NULL;
  struct sslci_peer_name *name = sslci_new(struct sslci_peer_name);
  if (!name)
    return sslci_conn_nomem(conn, SSLC_PHASE_NONE);
  sslc_status status = form ? parse_kind(conn, name, form, text)
                            : parse_plain(conn, name, text);
  if (status == SSLC_OK && !name->text)
    status = sslci_conn_nomem(conn, SSLC_PHASE_NONE);
  if (status == SSLC_OK)
    append(conn, name);
  else
    free_name(name);
  return status;
}

/* ------------------------------------------------------- what is demanded */

bool
sslci_peer_names_wanted(const sslc_conn *conn)
{
  return conn->peer_names || (conn->role == 0 && conn->server_name);
}

/* The server name, where no others were given, as one of the list. */
static struct sslci_peer_name
own_name(const sslc_conn *conn)
{
  struct sslci_peer_name name = { NULL, conn->name_kind, conn->server_name,
                                  false };
  return name;
}

bool
sslci_peer_names_match(const sslc_conn *conn, X509 *cert)
{
  if (!conn->peer_names) {
    struct sslci_peer_name own = own_name(conn);
    return matches(&own, cert);
  }
  for (const struct sslci_peer_name *n = conn->peer_names; n; n = n->next)
    if (matches(n, cert))
      return true;
  return false;
}

int
sslci_peer_names_mismatch(const sslc_conn *conn)
{
  switch (conn->peer_names ? conn->peer_names->kind : conn->name_kind) {
  case SSLCI_NAME_IPV4:
  case SSLCI_NAME_IPV6:
    return X509_V_ERR_IP_ADDRESS_MISMATCH;
  case SSLCI_NAME_EMAIL:
    return X509_V_ERR_EMAIL_MISMATCH;
  default:
    return X509_V_ERR_HOSTNAME_MISMATCH;
  }
}

static bool
are_hosts(const struct sslci_peer_name *name)
{
  while (name && name->kind == SSLCI_NAME_DNS)
    name = name->next;
  return !name;
}

static bool
set_hosts(X509_VERIFY_PARAM *param, const struct sslci_peer_name *name)
{
  X509_VERIFY_PARAM_set_hostflags(param, HOST_FLAGS);
  bool ok = X509_VERIFY_PARAM_set1_host(param, name->text, 0);
  for (name = name->next; ok && name; name = name->next)
    ok = X509_VERIFY_PARAM_add1_host(param, name->text, 0);
  return ok;
}

/* libssl looks at names as well, where it can: it has a list of hosts, one
 * address and one e-mail address, and demands one of each kind that is set. */
bool
sslci_peer_names_set(const sslc_conn *conn)
{
  X509_VERIFY_PARAM *param = SSL_get0_param(conn->ssl);
  struct sslci_peer_name own = own_name(conn);
  const struct sslci_peer_name *name =
    conn->peer_names ? conn->peer_names : &own;
  if (are_hosts(name))
    return set_hosts(param, name);
  if (name->next || name->kind == SSLCI_NAME_URI)
    return true;
  if (name->kind == SSLCI_NAME_EMAIL)
    return X509_VERIFY_PARAM_set1_email(param, name->text, 0);
  return X509_VERIFY_PARAM_set1_ip_asc(param, name->text);
}

/* The name that X509_VERIFY_PARAM_get0_peername(3) gives is set by the search
 * alone, and only where it has found one of the hosts that it was told. */
bool
sslci_peer_names_found(const sslc_conn *conn, X509_STORE_CTX *store_ctx)
{
  X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store_ctx);
  struct sslci_peer_name own = own_name(conn);
  return are_hosts(conn->peer_names ? conn->peer_names : &own) &&
         X509_VERIFY_PARAM_get_hostflags(param) == HOST_FLAGS &&
         X509_VERIFY_PARAM_get0_peername(param) != NULL;
}

/* -------------------------------------------------------------- describing */

static const char *
prefix_of(const struct sslci_peer_name *name)
{
  if (name->kind == SSLCI_NAME_EMAIL)
    return "email:";
  return name->kind == SSLCI_NAME_URI ? "URI:" : "";
}

void
sslci_peer_names_describe(const sslc_conn *conn, struct sslci_text *t)
{
  const struct sslci_peer_name own = own_name(conn);
  const struct sslci_peer_name *first =
    conn->peer_names ? conn->peer_names : &own;
  const char *before = first->next ? "any of " : "";
  for (const struct sslci_peer_name *n = first; n; n = n->next) {
    sslci_text_add(t, "%s\"%s%s\"", before, prefix_of(n), n->text);
    before = ", ";
  }
}

/* No name has a line's end in it. */
char *
sslci_peer_names_demand(const sslc_conn *conn)
{
  const char *server_name = conn->server_name ? conn->server_name : "";
  char *text = OPENSSL_strdup(server_name);
  for (const struct sslci_peer_name *n = conn->peer_names; text && n;
       n = n->next) {
    char *more = sslci_asprintf("%s\n%s%s", text, prefix_of(n), n->text);
    OPENSSL_free(text);
    text = more;
  }
  return text;
}
