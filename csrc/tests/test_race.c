/*
 * test_race.c: Happy Eyeballs (RFC 8305), sections 3 to 5, against a scripted
 * clock and scripted sockets.
 *
 * An address is a letter: capitals are IPv6, small ones IPv4.  What an attempt
 * comes to is its fate: "a+30" connects after 30 milliseconds, "a-30" fails
 * after them, "a" alone never answers.
 */
#include "support.h"

#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MS INT64_C(1000000)

/* ------------------------------------------------------------- the script */

static const struct row {
  const char *name;
  const char *six;  /* the answer's addresses; "": none; NULL: not asked for */
  int six_at;       /* milliseconds; -1: it never comes */
  const char *four;
  int four_at;
  const char *fates;
  const char *log;  /* what happens, each with its time */
} rows[] = {
  /* Section 3 */
  { "IPv6 that comes first sets out at once", "A", 10, "a", 30, "A+20",
    "10:try A, 30:won A" },
  { "IPv4 that comes first waits for the resolution delay", "A", -1, "a", 10,
    "a+20", "60:try a, 80:won a" },
  { "IPv6 that comes within the delay goes first", "A", 40, "a", 10, "A+20",
    "40:try A, 60:won A" },
  { "that there is no IPv6 ends the delay", "", 25, "a", 10, "a+20",
    "25:try a, 45:won a" },
  { "no IPv6 first, IPv4 waits for nothing", "", 5, "a", 10, "a+20",
    "10:try a, 30:won a" },
  { "no IPv4 does not keep IPv6", "A", 30, "", 10, "A+20",
    "30:try A, 50:won A" },
  { "IPv4 alone, where IPv6 is not asked for, waits for nothing", NULL, 0,
    "a", 10, "a+20", "10:try a, 30:won a" },
  { "IPv6 that comes late joins those not tried yet", "A", 100, "ab", 10,
    "A+20", "60:try a, 310:try A, 330:won A" },
  { "IPv4 that comes late takes its turn at once where IPv6 has failed", "A",
    10, "a", 100, "A-20 a+5", "10:try A, 30:failed A, 100:try a, 105:won a" },
  { "all have failed, the other answer is still waited for", "A", 900, "a",
    10, "a-20 A+5", "60:try a, 80:failed a, 900:try A, 905:won A" },
  { "both answers at one time: IPv6 first", "A", 10, "a", 10, "A+20",
    "10:try A, 30:won A" },
  { "no answer at all waits", "A", -1, "a", -1, "", "waits" },
  { "no address at all is lost with the second answer", "", 10, "", 20, "",
    "20:lost" },
  { "one answer of none, and the other never, waits", "", 10, "a", -1, "",
    "waits" },
  /* Section 4 */
  { "the families take turns, IPv6 first", "ABC", 10, "ab", 10, "",
    "10:try A, 260:try a, 510:try B, 760:try b, 1010:try C, waits" },
  { "one family's rest follows in its order", "A", 10, "abc", 10, "",
    "10:try A, 260:try a, 510:try b, 760:try c, waits" },
  { "a late family's addresses take turns with the rest", "AB", 300, "abc",
    10, "", "60:try a, 310:try A, 560:try b, 810:try B, 1060:try c, waits" },
  { "an address that comes twice is tried once", "AA", 10, "", 10, "A-5",
    "10:try A, 15:failed A, 15:lost" },
  /* Section 5 */
  { "the second sets out after the attempt delay, the first stays", "A", 10,
    "a", 10, "A+300 a+100", "10:try A, 260:try a, 310:won A" },
  { "the second wins where it is first to connect", "A", 10, "a", 10,
    "A+900 a+100", "10:try A, 260:try a, 360:won a" },
  { "the next sets out at once when one fails", "A", 10, "ab", 10,
    "A-20 a-30 b+5",
    "10:try A, 30:failed A, 30:try a, 60:failed a, 60:try b, 65:won b" },
  { "a failure beside one under way lets the next set out", "AB", 10, "ab",
    10, "a-40 B+5",
    "10:try A, 260:try a, 300:failed a, 300:try B, 305:won B" },
  { "the delay counts anew from each that sets out", "AB", 10, "ab", 10,
    "A-100", "10:try A, 110:failed A, 110:try a, 360:try B, 610:try b, waits" },
  { "all fail: lost with the last of them", "A", 10, "a", 10, "A-400 a-50",
    "10:try A, 260:try a, 310:failed a, 410:failed A, 410:lost" },
  { "all fail at once", "AB", 10, "ab", 10, "A-0 B-0 a-0 b-0",
    "10:try A, 10:failed A, 10:try a, 10:failed a, 10:try B, 10:failed B, "
    "10:try b, 10:failed b, 10:lost" },
  { "the last address has all the time there is", "A", 10, "", 10, "A+5000",
    "10:try A, 5010:won A" },
};

/* ----------------------------------------------------- the scripted world */

struct world {
  const struct row *row;
  struct sslci_race race;
  int64_t now; /* in nanoseconds */
  int64_t ends[64]; /* of each attempt; SSLC_FOREVER: never */
  bool connects[64];
  char log[512];
};

static void
note(struct world *w, const char *what, char letter)
{
  size_t len = strlen(w->log);

  snprintf(w->log + len, sizeof w->log - len, "%s%d:%s%s%.1s",
           len > 0 ? ", " : "", (int)(w->now / MS), what,
           letter != '\0' ? " " : "", &letter);
}

static struct sslci_addr
address(char letter)
{
  struct sslci_addr a, source;
  struct sslci_name name;

  memset(&name, 0, sizeof name);
  name.kind = letter < 'a' ? SSLCI_NAME_IPV6 : SSLCI_NAME_IPV4;
  snprintf(name.text, sizeof name.text,
           letter < 'a' ? "2001:db8::%d" : "192.0.2.%d", letter);
  assert_null(sslci_addr_from_name(&a, &name, 443));
  source = a;
  sslci_addr_rank(&a, &source, false);
  a.rank.prefix = 0; /* the order of the answer is what is tested */
  return a;
}

/* The last byte was printed as a number: decimal digits read as hexadecimal
 * in IPv6. */
static char
name_of(const struct sslci_addr *a)
{
  unsigned char hex = a->u.in6.sin6_addr.s6_addr[15];

  if (a->u.sa.sa_family == AF_INET6)
    return (char)((hex >> 4) * 10 + (hex & 15));
  return (char)(ntohl(a->u.in.sin_addr.s_addr) & 0xff);
}

static void
answer(struct world *w, unsigned family, const char *letters)
{
  struct sslci_addr addrs[16];
  size_t n = strlen(letters), i;

  for (i = 0; i < n; i++)
    addrs[i] = address(letters[i]);
  assert_true(sslci_race_answer(&w->race, family, addrs, n, w->now));
}

/* Sets out: when it ends, and how. */
static void
set_out(struct world *w, size_t which)
{
  char letter = name_of(&w->race.attempts[which].addr);
  const char *fate = strchr(w->row->fates, letter);
  int after = 0;

  note(w, "try", letter);
  w->ends[which] = SSLC_FOREVER;
  if (fate == NULL)
    return;
  assert_int_equal(sscanf(fate + 2, "%d", &after), 1);
  w->connects[which] = fate[1] == '+';
  w->ends[which] = w->now + after * MS;
}

static void
end_attempts(struct world *w)
{
  size_t i;

  for (i = 0; i < w->race.tried && !w->race.won; i++) {
    struct sslci_attempt *a = &w->race.attempts[i];

    if (a->state != SSLCI_ATTEMPT_TRYING || w->ends[i] > w->now)
      continue;
    if (w->connects[i]) {
      sslci_race_connected(&w->race, i);
    } else {
      note(w, "failed", name_of(&a->addr));
      sslci_race_failed(&w->race, i, ECONNREFUSED, w->now);
    }
  }
}

/* Asks for moves until there is none; true once it is over. */
static bool
move(struct world *w)
{
  size_t which;

  for (;;) {
    switch (sslci_race_next(&w->race, w->now, &which)) {
    case SSLCI_RACE_TRY:
      set_out(w, which);
      end_attempts(w);
      break;
    case SSLCI_RACE_WON:
      note(w, "won", name_of(&w->race.attempts[which].addr));
      return true;
    case SSLCI_RACE_LOST:
      note(w, "lost", '\0');
      return true;
    default:
      return false;
    }
  }
}

static void
earliest(int64_t *at, int64_t other, int64_t now)
{
  if (other > now && other < *at)
    *at = other;
}

/* The next moment at which something can happen; SSLC_FOREVER: none. */
static int64_t
next_moment(const struct world *w)
{
  const struct row *row = w->row;
  int64_t at = SSLC_FOREVER, due = sslci_race_due(&w->race, w->now);
  size_t i;

  assert_true(due > w->now); /* or it would be called in a circle */
  earliest(&at, due, w->now);
  if (row->six != NULL && row->six_at >= 0)
    earliest(&at, row->six_at * MS, w->now);
  if (row->four != NULL && row->four_at >= 0)
    earliest(&at, row->four_at * MS, w->now);
  for (i = 0; i < w->race.tried; i++)
    if (w->race.attempts[i].state == SSLCI_ATTEMPT_TRYING)
      earliest(&at, w->ends[i], w->now);
  return at;
}

static void
test_row(void **state)
{
  const struct row *row = *state;
  struct world w;
  bool over = false;

  memset(&w, 0, sizeof w);
  w.row = row;
  sslci_race_init(&w.race, 50 * MS, 250 * MS);
  sslci_race_await(&w.race, (row->six != NULL ? SSLCI_IPV6 : 0) |
                              (row->four != NULL ? SSLCI_IPV4 : 0));
  while (!over) {
    int64_t at = next_moment(&w);

    if (at == SSLC_FOREVER) {
      strcat(w.log, w.log[0] != '\0' ? ", waits" : "waits");
      break;
    }
    w.now = at;
    if (row->six != NULL && row->six_at * MS == at)
      answer(&w, SSLCI_IPV6, row->six);
    if (row->four != NULL && row->four_at * MS == at)
      answer(&w, SSLCI_IPV4, row->four);
    end_attempts(&w);
    over = move(&w);
  }
  assert_string_equal(w.log, row->log);
  assert_true(w.race.tried <= w.race.count);
  sslci_race_free(&w.race);
}

/* -------------------------------------------------------------- the rest */

/* Addresses that were there from the start keep their order, and no clock is
 * needed for the first. */
static void
test_given(void **state)
{
  struct sslci_race race;
  struct sslci_addr addrs[3];
  size_t which, i;

  (void)state;
  sslci_race_init(&race, 50 * MS, 250 * MS);
  for (i = 0; i < 3; i++) {
    addrs[i] = address("bAa"[i]);
    addrs[i].rank.ranked = false;
  }
  assert_true(sslci_race_add(&race, addrs, 3));
  assert_int_equal(sslci_race_due(&race, 7), 7);
  assert_true(sslci_race_is_running(&race, 7));
  for (i = 0; i < 3; i++) {
    assert_int_equal(sslci_race_next(&race, 7, &which), SSLCI_RACE_TRY);
    assert_int_equal(which, i);
    assert_int_equal(name_of(&race.attempts[which].addr), "bAa"[i]);
    sslci_race_failed(&race, which, EIO, 7);
  }
  assert_int_equal(sslci_race_next(&race, 7, &which), SSLCI_RACE_LOST);
  sslci_race_free(&race);
}

/* What the phase is made of. */
static void
test_running(void **state)
{
  struct sslci_race race;
  struct sslci_addr a = address('a');
  size_t which;

  (void)state;
  sslci_race_init(&race, 50 * MS, 250 * MS);
  sslci_race_await(&race, SSLCI_IPV4 | SSLCI_IPV6);
  assert_false(sslci_race_is_running(&race, 0));
  assert_int_equal(sslci_race_due(&race, 0), SSLC_FOREVER);
  assert_true(sslci_race_answer(&race, SSLCI_IPV4, &a, 1, 10 * MS));
  assert_false(sslci_race_is_running(&race, 10 * MS));
  assert_int_equal(sslci_race_due(&race, 10 * MS), 60 * MS);
  assert_true(sslci_race_is_running(&race, 60 * MS));
  assert_int_equal(sslci_race_next(&race, 60 * MS, &which), SSLCI_RACE_TRY);
  assert_true(sslci_race_is_running(&race, 61 * MS));
  assert_int_equal(sslci_race_due(&race, 61 * MS), SSLC_FOREVER);
  sslci_race_failed(&race, which, EIO, 70 * MS);
  assert_false(sslci_race_is_running(&race, 70 * MS));
  assert_int_equal(sslci_race_next(&race, 70 * MS, &which), SSLCI_RACE_WAIT);
  assert_true(sslci_race_answer(&race, SSLCI_IPV6, NULL, 0, 80 * MS));
  assert_int_equal(sslci_race_due(&race, 80 * MS), 80 * MS);
  assert_int_equal(sslci_race_next(&race, 80 * MS, &which), SSLCI_RACE_LOST);
  sslci_race_free(&race);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].name, test_row, &rows[i]);
  add_test("given addresses are tried in their order", test_given, NULL);
  add_test("it is known when addresses are being tried", test_running, NULL);
  return run_all("race");
}
