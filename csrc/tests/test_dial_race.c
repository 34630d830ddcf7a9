/*
 * test_dial_race.c: dials with several addresses, for real: Happy Eyeballs
 * (RFC 8305) on loopback, and ends at every moment.
 */
#include "support_dial.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static void
assert_address(const sslc_dial *dial, const char *ip, int port)
{
  char text[64];

  snprintf(text, sizeof text, "%s:%d", ip, port);
  assert_string_equal(sslc_dial_address(dial), text);
}

/* A port that is free on both loopbacks, and a listener on ::1. */
static int
listen_six(int *port)
{
  int fd = listen_on("::1", port);

  if (fd < 0)
    skip(); /* this machine has no IPv6 */
  return fd;
}

/* ------------------------------------------------------------ who wins */

static void
test_both(void **state)
{
  int port = 0, six = listen_six(&port), four = listen_on("127.0.0.1", &port);
  int before = open_fds();
  sslc_dial *dial = start("localhost", port);

  (void)state;
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  assert_address(dial, "[::1]", port);
  assert_int_equal(open_fds(), before + 2);
  sslc_dial_free(dial);
  assert_int_equal(open_fds(), before);
  close(six);
  close(four);
}

static void
test_refused_first(void **state)
{
  int port = 0, four = listen_on("127.0.0.1", &port);
  sslc_dial *dial = start("localhost", port);
  int64_t begin = sslc_now();

  (void)state;
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  assert_address(dial, "127.0.0.1", port);
  assert_true(sslc_now() - begin < 200 * MS);
  sslc_dial_free(dial);
  close(four);
}

/* IPv6 that goes nowhere costs the attempt delay, and no more. */
static void
test_broken_six(void **state)
{
  struct full full;
  int port = 0, four, before;
  sslc_dial *dial;
  int64_t begin;

  (void)state;
  if (!full_init(&full, "::1", 0))
    skip();
  port = full.port;
  four = listen_on("127.0.0.1", &port);
  before = open_fds();
  begin = sslc_now();
  dial = start("localhost", port);
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  assert_address(dial, "127.0.0.1", port);
  assert_true(sslc_now() - begin >= 250 * MS);
  assert_true(sslc_now() - begin < 2000 * MS);
  /* The loser is closed already. */
  assert_int_equal(open_fds(), before + 2);
  sslc_dial_free(dial);
  close(four);
  full_free(&full);
}

enum { MANY = 20 };

/* Those that are refused cost nothing: 20 delays would be five seconds. */
static void
test_last_of_many(void **state)
{
  static char texts[MANY][24];
  const char *addresses[MANY];
  int port = 0, i, listener, before;
  int64_t begin = sslc_now();
  sslc_dial *dial;

  (void)state;
  for (i = 0; i < MANY; i++) {
    snprintf(texts[i], sizeof texts[i], "127.0.0.%d", i + 2);
    addresses[i] = texts[i];
  }
  listener = listen_on(texts[MANY - 1], &port);
  assert_true(listener >= 0);
  before = open_fds();
  dial = start_given(addresses, MANY, port, 0);
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  assert_address(dial, texts[MANY - 1], port);
  assert_true(sslc_now() - begin < 2500 * MS);
  assert_int_equal(open_fds(), before + 2);
  sslc_dial_free(dial);
  close(listener);
}

static void
test_black_hole(void **state)
{
  static const char *const addresses[] = { "127.0.0.2", "127.0.0.3" };
  struct full full;
  int listener;
  int64_t begin;
  sslc_dial *dial;

  (void)state;
  assert_true(full_init(&full, "127.0.0.2", 0));
  listener = listen_on("127.0.0.3", &full.port);
  begin = sslc_now();
  dial = start_given(addresses, 2, full.port, 100);
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  assert_address(dial, "127.0.0.3", full.port);
  assert_true(sslc_now() - begin >= 100 * MS);
  sslc_dial_free(dial);
  close(listener);
  full_free(&full);
}

/* Given addresses are not sorted, but the families take turns. */
static void
test_given_order(void **state)
{
  static const char *const addresses[] = { "127.0.0.2", "127.0.0.3", "::1" };
  int port = 0, six = listen_six(&port);
  sslc_dial *dial = start_given(addresses, 3, port, 0);
  char *second, *first;

  (void)state;
  close(six);
  assert_status(drive(dial, NULL), SSLC_ERR_SYS, sslc_dial_error(dial));
  first = strstr(sslc_error_message(sslc_dial_error(dial)), "127.0.0.2:");
  second = strstr(sslc_error_message(sslc_dial_error(dial)), "[::1]:");
  assert_non_null(first);
  assert_non_null(second);
  assert_true(first < second);
  assert_true(second < strstr(second, "127.0.0.3:"));
  sslc_dial_free(dial);
}

/* ------------------------------------------------------------- who loses */

static void
test_all_refused(void **state)
{
  static const char *const addresses[] = { "127.0.0.2", "127.0.0.3" };
  int port = unused_port(), before = open_fds();
  sslc_dial *dial = start_given(addresses, 2, port, 0);
  char want[256];

  (void)state;
  assert_status(drive(dial, NULL), SSLC_ERR_SYS, sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_CONNECTION_REFUSED);
  assert_int_equal(sslc_dial_phase(dial), SSLC_PHASE_CONNECT);
  snprintf(want, sizeof want, "127.0.0.2:%d: %s, 127.0.0.3:%d: %s", port,
           strerror(ECONNREFUSED), port, strerror(ECONNREFUSED));
  assert_string_equal(sslc_error_message(sslc_dial_error(dial)), want);
  snprintf(want, sizeof want, "name.example:%d", port);
  assert_string_equal(sslc_error_host(sslc_dial_error(dial)), want);
  assert_int_equal(open_fds(), before + 1);
  sslc_dial_free(dial);
  assert_int_equal(open_fds(), before);
}

/* The one that answered tells more than the one there is no way to. */
static void
test_most_telling(void **state)
{
  static const char *const addresses[] = { "::1", "127.0.0.2" };
  int port = unused_port();
  sslc_dial *dial = sslc_dial_new();

  (void)state;
  assert_ok(sslc_dial_set_bind(dial, "127.0.0.1"), sslc_dial_error(dial));
  assert_ok(sslc_dial_set_addresses(dial, addresses, 2),
            sslc_dial_error(dial));
  assert_ok(sslc_dial_start(dial, "x.example", port), sslc_dial_error(dial));
  assert_status(drive(dial, NULL), SSLC_ERR_SYS, sslc_dial_error(dial));
  assert_int_equal(sslc_error_errno(sslc_dial_error(dial)), ECONNREFUSED);
  assert_has(sslc_error_message(sslc_dial_error(dial)),
             strerror(EAFNOSUPPORT));
  assert_has(sslc_error_address(sslc_dial_error(dial)), "127.0.0.2:");
  sslc_dial_free(dial);
}

/* Never more sockets than addresses. */
static void
test_sockets(void **state)
{
  static const char *const addresses[] = { "127.0.0.2", "127.0.0.3" };
  struct full first, second;
  int before;
  sslc_dial *dial;

  (void)state;
  assert_true(full_init(&first, "127.0.0.2", 0));
  assert_true(full_init(&second, "127.0.0.3", first.port));
  before = open_fds();
  dial = start_given(addresses, 2, first.port, 10);
  assert_int_equal(drive_until(dial, NULL, sslc_deadline(5)),
                   SSLC_WANT_CONNECT);
  assert_true(open_fds() <= before + 3);
  assert_int_equal(drive_until(dial, NULL, sslc_deadline(100)),
                   SSLC_WANT_CONNECT);
  assert_int_equal(open_fds(), before + 3);
  assert_true(sslc_dial_timeout(dial) == -1);
  /* How far it had come is in the timeout's message. */
  assert_status(sslc_dial_wait(dial, 0), SSLC_ERR_TIMEOUT,
                sslc_dial_error(dial));
  assert_phase(sslc_dial_error(dial), SSLC_PHASE_CONNECT);
  assert_has(sslc_error_message(sslc_dial_error(dial)), "127.0.0.2:");
  assert_has(sslc_error_message(sslc_dial_error(dial)), "no answer yet");
  assert_status(sslc_dial_step(dial), SSLC_WANT_CONNECT,
                sslc_dial_error(dial));
  sslc_dial_free(dial);
  assert_int_equal(open_fds(), before);
  full_free(&first);
  full_free(&second);
}

/* --------------------------------------------------------- loops and ends */

static void
test_spurious(void **state)
{
  struct full full;
  sslc_dial *dial;
  int i;

  (void)state;
  assert_true(full_init(&full, "127.0.0.1", 0));
  dial = start("127.0.0.1", full.port);
  for (i = 0; i < 1000; i++)
    assert_status(sslc_dial_step(dial), SSLC_WANT_CONNECT,
                  sslc_dial_error(dial));
  sslc_dial_free(dial);
  full_free(&full);
}

/* A loop that waits before its first step is told to step at once. */
static void
test_wait_first(void **state)
{
  int port = 0, listener = listen_on("127.0.0.1", &port);
  sslc_dial *dial = start("127.0.0.1", port);

  (void)state;
  assert_true(sslc_dial_timeout(dial) == 0);
  assert_int_equal(sslc_dial_phase(dial), SSLC_PHASE_CONNECT);
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  sslc_dial_free(dial);
  close(listener);
}

enum { DIALS = 10 };

/* One turn of a loop: waits for all that are not done, then steps them.  How
 * many are left. */
static int
turn(sslc_dial *dials[DIALS], bool done[DIALS], int64_t patience)
{
  struct pollfd fds[DIALS];
  int64_t timeout = patience - sslc_now();
  int i, left = 0;

  assert_true(timeout > 0);
  for (i = 0; i < DIALS; i++) {
    int64_t own = done[i] ? -1 : sslc_dial_timeout(dials[i]);

    fds[i].fd = done[i] ? -1 : sslc_dial_fd(dials[i]);
    fds[i].events = POLLIN;
    timeout = own >= 0 && own < timeout ? own : timeout;
  }
  assert_true(poll(fds, DIALS, (int)((timeout + MS - 1) / MS)) >= 0);
  for (i = 0; i < DIALS; i++) {
    done[i] = sslc_dial_step(dials[i]) != SSLC_WANT_CONNECT;
    left += !done[i];
  }
  return left;
}

/* Every second one goes first to where nobody answers. */
static void
test_parallel(void **state)
{
  static const char *const addresses[] = { "127.0.0.2", "127.0.0.3" };
  sslc_dial *dials[DIALS];
  bool done[DIALS] = { false };
  struct full full;
  int listener, before;
  size_t i;
  int64_t patience = sslc_deadline(PATIENCE);

  (void)state;
  assert_true(full_init(&full, "127.0.0.2", 0));
  listener = listen_on("127.0.0.3", &full.port);
  before = open_fds();
  for (i = 0; i < DIALS; i++)
    dials[i] = start_given(addresses + i % 2, 2 - i % 2, full.port, 50);
  while (turn(dials, done, patience) > 0)
    continue;
  for (i = 0; i < DIALS; i++) {
    assert_ok(sslc_dial_step(dials[i]), sslc_dial_error(dials[i]));
    assert_address(dials[i], "127.0.0.3", full.port);
    sslc_dial_free(dials[i]);
  }
  assert_int_equal(open_fds(), before);
  close(listener);
  full_free(&full);
}

/* Freed right after it was made, after the start, after the first step, while
 * two are under way, connected, failed: nothing stays open. */
static void
test_cancel(void **state)
{
  static const char *const addresses[] = { "127.0.0.2", "127.0.0.3" };
  struct full first, second;
  int port = 0, listener, before;
  sslc_dial *dial;

  (void)state;
  assert_true(full_init(&first, "127.0.0.2", 0));
  assert_true(full_init(&second, "127.0.0.3", first.port));
  listener = listen_on("127.0.0.1", &port);
  before = open_fds();
  sslc_dial_free(sslc_dial_new());
  sslc_dial_free(start("127.0.0.1", port));
  dial = start_given(addresses, 2, first.port, 10);
  sslc_dial_step(dial);
  sslc_dial_free(dial);
  assert_int_equal(open_fds(), before);
  dial = start_given(addresses, 2, first.port, 10);
  assert_int_equal(drive_until(dial, NULL, sslc_deadline(50)),
                   SSLC_WANT_CONNECT);
  assert_int_equal(open_fds(), before + 3);
  sslc_dial_free(dial);
  assert_int_equal(open_fds(), before);
  dial = start("127.0.0.1", port);
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  sslc_dial_free(dial);
  assert_int_equal(open_fds(), before);
  close(listener);
  full_free(&first);
  full_free(&second);
}

int
main(void)
{
  add_test("both families listen: IPv6 is reached", test_both, NULL);
  add_test("IPv6 that is refused: IPv4 at once", test_refused_first, NULL);
  add_test("IPv6 that does not answer: IPv4 after the attempt delay",
           test_broken_six, NULL);
  add_test("20 addresses of which the last works", test_last_of_many, NULL);
  add_test("the next address after the attempt delay", test_black_hole, NULL);
  add_test("given addresses keep their order, families take turns",
           test_given_order, NULL);
  add_test("where all fail each is listed", test_all_refused, NULL);
  add_test("the error is the most telling one", test_most_telling, NULL);
  add_test("never more sockets than addresses", test_sockets, NULL);
  add_test("steps that are not due do no harm", test_spurious, NULL);
  add_test("a step that is due is told by a timeout of 0", test_wait_first,
           NULL);
  add_test("ten dials in one loop", test_parallel, NULL);
  add_test("freed at any moment, nothing stays open", test_cancel, NULL);
  return run_all("dial_race");
}
