/*
 * race.c: which address to try when: Happy Eyeballs, RFC 8305, sections 3 to
 * 5, as a machine without clock and sockets.  Its user tells it what happened
 * and when, asks what to do next, and does it.
 */
#include "internal.h"

#include <string.h>

void
sslci_race_init(struct sslci_race *race, int64_t resolution_delay,
                int64_t attempt_delay)
{
  memset(race, 0, sizeof *race);
  race->resolution_delay = resolution_delay;
  race->attempt_delay = attempt_delay;
  race->hold_until = SSLC_FOREVER;
  race->next_at = SSLC_FOREVER;
}

void
sslci_race_free(struct sslci_race *race)
{
  OPENSSL_free(race->attempts);
  race->attempts = NULL;
  race->count = race->tried = race->size = 0;
}

/* ---------------------------------------------------------------- answers */

static bool
reserve(struct sslci_race *race, size_t more)
{
  size_t size = race->count + more;
  if (size <= race->size)
    return true;
  struct sslci_attempt *a =
    OPENSSL_realloc(race->attempts, size * sizeof *race->attempts);
  if (!a)
    return false;
  race->attempts = a;
  race->size = size;
  return true;
}

static bool
is_known(const struct sslci_race *race, const struct sslci_addr *addr)
{
  for (size_t i = 0; i < race->count; i++) {
    const struct sslci_addr *known = &race->attempts[i].addr;
    if (known->len == addr->len && memcmp(&known->u, &addr->u, addr->len) == 0)
      return true;
  }
  return false;
}

/* Among those not tried yet, behind all that are not worse (section 4). */
static void
insert(struct sslci_race *race, const struct sslci_addr *addr)
{
  size_t at = race->count;
  if (is_known(race, addr))
    return;
  while (at > race->tried &&
         sslci_addr_compare(addr, &race->attempts[at - 1].addr) < 0)
    at--;
  struct sslci_attempt *a = &race->attempts[at];
  memmove(a + 1, a, (race->count - at) * sizeof *a);
  race->count++;
  memset(a, 0, sizeof *a);
  a->addr = *addr;
  a->fd = -1;
  a->state = SSLCI_ATTEMPT_WAITING;
}

bool
sslci_race_add(struct sslci_race *race, const struct sslci_addr *addrs,
               size_t n)
{
  if (!reserve(race, n))
    return false;
  for (size_t i = 0; i < n; i++)
    insert(race, &addrs[i]);
  return true;
}

void
sslci_race_await(struct sslci_race *race, unsigned families)
{
  race->awaited |= families;
}

/* Section 3: IPv4 that came first waits a little for IPv6; nothing else waits
 * for anything. */
bool
sslci_race_answer(struct sslci_race *race, unsigned family,
                  const struct sslci_addr *addrs, size_t n, int64_t now)
{
  if (!sslci_race_add(race, addrs, n))
    return false;
  race->awaited &= ~family;
  if (!(race->awaited & SSLCI_IPV6))
    race->hold_until = SSLC_FOREVER;
  else if (n > 0 && race->tried == 0)
    race->hold_until = now + race->resolution_delay;
  return true;
}

/* ---------------------------------------------------------- what to do next */

static bool
holding(const struct sslci_race *race, int64_t now)
{
  return race->hold_until != SSLC_FOREVER && now < race->hold_until;
}

/* Section 4: the families take turns, beginning with that of the best. */
static size_t
choose(const struct sslci_race *race)
{
  size_t first = race->tried;
  if (first == 0)
    return first;
  int last = race->attempts[first - 1].addr.u.sa.sa_family;
  for (size_t i = first; i < race->count; i++)
    if (race->attempts[i].addr.u.sa.sa_family != last)
      return i;
  return first;
}

/* Those that were tried stand in front, in the order of their turns. */
static size_t
set_out(struct sslci_race *race, int64_t now)
{
  size_t from = choose(race), to = race->tried;
  struct sslci_attempt chosen = race->attempts[from];
  memmove(&race->attempts[to + 1], &race->attempts[to],
          (from - to) * sizeof chosen);
  chosen.state = SSLCI_ATTEMPT_TRYING;
  race->attempts[to] = chosen;
  race->tried++;
  race->trying++;
  race->hold_until = SSLC_FOREVER;
  race->next_at = now + race->attempt_delay;
  return to;
}

/* Section 5: the next sets out when the delay is over, or at once where none
 * is under way or one has just failed. */
static bool
may_set_out(const struct sslci_race *race, int64_t now)
{
  if (race->tried == race->count)
    return false;
  if (race->tried == 0)
    return !holding(race, now);
  return race->trying == 0 || now >= race->next_at;
}

enum sslci_race_move
sslci_race_next(struct sslci_race *race, int64_t now, size_t *which)
{
  *which = race->winner;
  if (race->won)
    return SSLCI_RACE_WON;
  if (may_set_out(race, now)) {
    *which = set_out(race, now);
    return SSLCI_RACE_TRY;
  }
  bool more = race->tried < race->count || race->awaited;
  return more || race->trying > 0 ? SSLCI_RACE_WAIT : SSLCI_RACE_LOST;
}

void
sslci_race_connected(struct sslci_race *race, size_t which)
{
  race->attempts[which].state = SSLCI_ATTEMPT_WON;
  race->trying--;
  race->won = true;
  race->winner = which;
}

void
sslci_race_failed(struct sslci_race *race, size_t which, int err, int64_t now)
{
  race->attempts[which].state = SSLCI_ATTEMPT_FAILED;
  race->attempts[which].err = err;
  race->trying--;
  race->next_at = now;
}

int64_t
sslci_race_due(const struct sslci_race *race, int64_t now)
{
  if (race->won || (race->trying == 0 && race->tried == race->count &&
                    !race->awaited))
    return now; /* there is a result */
  if (race->tried == race->count)
    return SSLC_FOREVER;
  if (may_set_out(race, now))
    return now;
  return race->tried == 0 ? race->hold_until : race->next_at;
}

bool
sslci_race_is_running(const struct sslci_race *race, int64_t now)
{
  return race->won || race->trying > 0 || may_set_out(race, now);
}
