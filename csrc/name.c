/*
 * name.c: what a user calls a host, made into what SNI (RFC 6066), the
 * certificate (RFC 9525) and the resolver take.
 *
 * Strict on purpose: X509_VERIFY_PARAM_set1_host(3) reads ".example.com" as
 * "any name below" and getaddrinfo(3) reads "127.1" as an address, so anything
 * that is neither a plain name nor a plain address is refused.
 */
#include "internal.h"

#include <arpa/inet.h>
#include <string.h>

enum { NAME_MAX_LEN = 253, LABEL_MAX_LEN = 63 };

/* What is wrong with the name; NULL: nothing. */
typedef const char *problem;

static bool
is_letter(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool
is_digit(char c)
{
  return c >= '0' && c <= '9';
}

static bool
is_ascii(const char *s)
{
  for (; *s; s++)
    if ((unsigned char)*s >= 0x80)
      return false;
  return true;
}

/* "1", "0x7f": what inet_aton(3) would take for a part of an address. */
static bool
is_number(const char *label)
{
  if (label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
    return label[2 + strspn(label + 2, "0123456789abcdefABCDEF")] == '\0';
  return label[strspn(label, "0123456789")] == '\0';
}

static problem
check_label(const char *label, size_t len)
{
  if (len == 0)
    return "it has an empty label";
  if (len > LABEL_MAX_LEN)
    return "it has a label of more than 63 bytes";
  for (size_t i = 0; i < len; i++) {
    char c = label[i];
    if (c == '*')
      return "it has a wildcard; a name to connect to must be a whole one";
    if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_')
      return "it has a character other than letters, digits, '-' and '_'";
  }
  return NULL;
}

static problem
check_dns(const char *name)
{
  if (strlen(name) > NAME_MAX_LEN)
    return "it is longer than 253 bytes";
  for (;;) {
    size_t len = strcspn(name, ".");
    problem bad = check_label(name, len);
    if (bad)
      return bad;
    if (name[len] == '\0')
      break;
    name += len + 1;
  }
  return is_number(name)
    ? "it looks like an IPv4 address, which must have four decimal parts"
    : NULL;
}

static char
lower(char c)
{
  if (c >= 'A' && c <= 'Z')
    c = (char)(c - 'A' + 'a');
  return c;
}

bool
sslci_same_text(const char *a, const char *b, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if (lower(a[i]) != lower(b[i]))
      return false;
  return true;
}

static void
lower_case(char *s)
{
  for (; *s; s++)
    *s = lower(*s);
}

static problem
parse_dns(struct sslci_name *name, const char *host)
{
  problem bad = NULL;
  name->kind = SSLCI_NAME_DNS;
  if (is_ascii(host)) {
    size_t size = strlen(host) + 1;
    if (size > sizeof name->text)
      return "it is longer than 253 bytes";
    memcpy(name->text, host, size);
  } else if (!sslci_idn_to_ascii(host, name->text, sizeof name->text, &bad)) {
    return bad;
  }
  size_t len = strlen(name->text);
  if (len > 1 && name->text[len - 1] == '.')
    name->text[len - 1] = '\0';
  lower_case(name->text);
  return check_dns(name->text);
}

/* Takes brackets and zone off: "[fe80::1%eth0]". */
static problem
split_ipv6(const char *host, char *text, size_t size, char *zone,
           size_t zone_size)
{
  size_t len = strlen(host);
  if (host[0] == '[') {
    if (host[len - 1] != ']')
      return "its bracket is not closed";
    host++;
    len -= 2;
  }
  const char *percent = memchr(host, '%', len);
  size_t addr_len = percent ? (size_t)(percent - host) : len;
  size_t zone_len = percent ? len - addr_len - 1 : 0;
  if (addr_len >= size || zone_len >= zone_size)
    return "it is no IPv6 address";
  if (percent && zone_len == 0)
    return "the zone of its IPv6 address is empty";
  memcpy(text, host, addr_len);
  text[addr_len] = '\0';
  if (percent)
    memcpy(zone, percent + 1, zone_len);
  zone[zone_len] = '\0';
  return NULL;
}

static problem
parse_ipv6(struct sslci_name *name, const char *host)
{
  char text[INET6_ADDRSTRLEN];
  struct in6_addr addr;
  problem bad = split_ipv6(host, text, sizeof text, name->zone,
                           sizeof name->zone);
  if (bad)
    return bad;
  if (inet_pton(AF_INET6, text, &addr) != 1)
    return "it is no IPv6 address";
  name->kind = SSLCI_NAME_IPV6;
  inet_ntop(AF_INET6, &addr, name->text, sizeof name->text);
  return NULL;
}

static problem
parse(struct sslci_name *name, const char *host)
{
  struct in_addr addr;
  if (host[0] == '\0')
    return "it is empty";
  if (host[0] == '[' || strchr(host, ':'))
    return parse_ipv6(name, host);
  if (inet_pton(AF_INET, host, &addr) == 1) {
    name->kind = SSLCI_NAME_IPV4;
    inet_ntop(AF_INET, &addr, name->text, sizeof name->text);
    return NULL;
  }
  return parse_dns(name, host);
}

sslc_status
sslci_name_parse(struct sslci_name *name, const char *host, const char *what,
                 sslc_error *e)
{
  memset(name, 0, sizeof *name);
  problem bad = host ? parse(name, host) : "it is missing";
  if (!bad)
    return SSLC_OK;
  return sslci_error_set(e, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                         "%s \"%.260s\" cannot be used: %s", what,
                         host ? host : "", bad);
}
