/*
 * dial_set.c: the settings of a dial, all of them before it starts.
 */
#include "internal.h"

#include <limits.h>
#include <string.h>

enum { NS_PER_MS = 1000000 };

/* The least delay that RFC 8305, section 8, allows. */
enum { LEAST_ATTEMPT_DELAY = 10 };

/* What Linux takes (tcp(7)), the least of the systems'. */
enum { MOST_KEEPALIVE = 32767 };

static sslc_status
settable(sslc_dial *dial)
{
  if (!dial)
    return SSLC_ERR_ARG;
  if (dial->state != SSLCI_DIAL_NEW)
    return sslci_dial_refuse(dial, SSLC_CODE_MISUSE,
                             "the dial was started before it was set up");
  dial->misused = false;
  sslci_error_clear(&dial->err);
  return SSLC_OK;
}

/* A setting that is a string, copied; NULL: as it was at first. */
static sslc_status
set_string(sslc_dial *dial, char **where, const char *s)
{
  if (sslci_set_string(where, s))
    return SSLC_OK;
  return sslci_error_nomem(&dial->err, SSLC_PHASE_NONE);
}

sslc_status
sslc_dial_set_nameservers(sslc_dial *dial, const char *nameservers)
{
  sslc_status status = settable(dial);
  if (status == SSLC_OK && nameservers)
    status = sslci_nameservers_check(nameservers, &dial->err);
  if (status == SSLC_OK)
    status = set_string(dial, &dial->nameservers, nameservers);
  return status;
}

/* ---------------------------------------------------------------- addresses */

static sslc_status
parse_address(sslc_dial *dial, struct sslci_addr *a, const char *text,
              const char *what)
{
  struct sslci_name name;
  sslc_status status = sslci_name_parse(&name, text, what, &dial->err);
  if (status != SSLC_OK)
    return status;
  const char *bad = sslci_addr_from_name(a, &name, 0);
  if (!bad)
    return SSLC_OK;
  return sslci_error_set(&dial->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                         "%s \"%.260s\" cannot be used: %s", what, text, bad);
}

static sslc_status
parse_addresses(sslc_dial *dial, struct sslci_addr *to,
                const char *const *addresses, size_t n)
{
  sslc_status status = SSLC_OK;
  for (size_t i = 0; i < n && status == SSLC_OK; i++)
    status = parse_address(dial, &to[i], addresses[i], "address");
  return status;
}

sslc_status
sslc_dial_set_addresses(sslc_dial *dial, const char *const *addresses,
                        size_t n)
{
  sslc_status status = settable(dial);
  if (status != SSLC_OK)
    return status;
  if (!addresses || n == 0)
    return sslci_error_set(&dial->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "there is no address in the list");
  struct sslci_addr *given = NULL;
  if (n <= SIZE_MAX / sizeof *given)
    given = OPENSSL_malloc(n * sizeof *given);
  if (!given)
    return sslci_error_nomem(&dial->err, SSLC_PHASE_NONE);
  status = parse_addresses(dial, given, addresses, n);
  if (status != SSLC_OK) {
    OPENSSL_free(given);
    return status;
  }
  OPENSSL_free(dial->given);
  dial->given = given;
  dial->given_count = n;
  return SSLC_OK;
}

sslc_status
sslc_dial_set_bind(sslc_dial *dial, const char *address)
{
  struct sslci_addr bound;
  sslc_status status = settable(dial);
  if (status != SSLC_OK)
    return status;
  memset(&bound, 0, sizeof bound);
  if (address)
    status = parse_address(dial, &bound, address, "local address");
  if (status == SSLC_OK)
    dial->bound = bound;
  return status;
}

/* ------------------------------------------------------------------ numbers */

static sslc_status
set_delay(sslc_dial *dial, int64_t *where, int64_t ms, int64_t least,
          const char *what)
{
  sslc_status status = settable(dial);
  if (status != SSLC_OK)
    return status;
  if (ms < least || ms > INT_MAX)
    return sslci_error_set(&dial->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "a delay of %lld milliseconds %s cannot be used: "
                           "the least is %lld", (long long)ms, what,
                           (long long)least);
  *where = ms * NS_PER_MS;
  return SSLC_OK;
}

sslc_status
sslc_dial_set_attempt_delay(sslc_dial *dial, int64_t milliseconds)
{
  return set_delay(dial, dial ? &dial->attempt_delay : NULL, milliseconds,
                   LEAST_ATTEMPT_DELAY, "between attempts");
}

sslc_status
sslc_dial_set_resolution_delay(sslc_dial *dial, int64_t milliseconds)
{
  return set_delay(dial, dial ? &dial->resolution_delay : NULL, milliseconds,
                   0, "for IPv6 addresses");
}

sslc_status
sslc_dial_set_tcp_nodelay(sslc_dial *dial, int on)
{
  sslc_status status = settable(dial);
  if (status == SSLC_OK)
    dial->tcp_nodelay = on != 0;
  return status;
}

sslc_status
sslc_dial_set_keepalive(sslc_dial *dial, int seconds)
{
  sslc_status status = settable(dial);
  if (status != SSLC_OK)
    return status;
  if (seconds < 0 || seconds > MOST_KEEPALIVE)
    return sslci_error_set(&dial->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "a keepalive of %d seconds cannot be used: 0 is "
                           "off, %d the most", seconds, MOST_KEEPALIVE);
  dial->keepalive = seconds;
  return SSLC_OK;
}

sslc_status
sslc_dial_set_fastopen(sslc_dial *dial, int on)
{
  sslc_status status = settable(dial);
  if (status == SSLC_OK)
    dial->fastopen = on != 0;
  return status;
}

sslc_status
sslc_dial_set_tlsa(sslc_dial *dial, int mode)
{
  sslc_status status = settable(dial);
  if (status != SSLC_OK)
    return status;
  if (mode < SSLC_TLSA_OFF || mode > SSLC_TLSA_REQUIRED)
    return sslci_error_set(&dial->err, SSLC_CODE_BAD_OPTION, SSLC_PHASE_NONE,
                           "%d is no mode of asking for TLSA records", mode);
  dial->tlsa_mode = mode;
  return SSLC_OK;
}
