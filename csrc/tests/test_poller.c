/*
 * test_poller.c: a set of descriptors to wait for: epoll(7), poll(2).
 */
#include "support.h"

#include <fcntl.h>
#include <unistd.h>

enum { PAIRS = 300 }; /* more than a call reports at once */

static size_t
wait_for(sslc_poller *poller, int64_t deadline)
{
  size_t n = 77;

  assert_int_equal(sslc_poller_wait(poller, deadline, &n), SSLC_OK);
  return n;
}

/* What is told of the descriptor; 0: nothing. */
static int
events_of(sslc_poller *poller, size_t n, int fd)
{
  size_t i;
  int events;

  for (i = 0; i < n; i++)
    if (sslc_poller_ready(poller, i, &events) == fd)
      return events;
  return 0;
}

static void
close_both(int fds[2])
{
  close(fds[0]);
  close(fds[1]);
}

static void
test_events(void **state)
{
  sslc_poller *poller = sslc_poller_new();
  int fds[2];
  size_t n;

  (void)state;
  assert_non_null(poller);
  make_sockets(fds);
  assert_int_equal(sslc_poller_set(poller, fds[0], SSLC_READABLE), SSLC_OK);
  assert_int_equal(wait_for(poller, sslc_deadline(0)), 0);
  assert_int_equal(write(fds[1], "x", 1), 1);
  n = wait_for(poller, sslc_deadline(PATIENCE));
  assert_int_equal(n, 1);
  assert_int_equal(events_of(poller, n, fds[0]), SSLC_READABLE);
  /* It stays ready until it is read. */
  assert_int_equal(wait_for(poller, sslc_deadline(0)), 1);
  assert_int_equal(sslc_poller_set(poller, fds[0],
                                   SSLC_READABLE | SSLC_WRITABLE), SSLC_OK);
  n = wait_for(poller, SSLC_FOREVER);
  assert_int_equal(events_of(poller, n, fds[0]),
                   SSLC_READABLE | SSLC_WRITABLE);
  assert_int_equal(sslc_poller_set(poller, fds[0], SSLC_WRITABLE), SSLC_OK);
  n = wait_for(poller, SSLC_FOREVER);
  assert_int_equal(events_of(poller, n, fds[0]), SSLC_WRITABLE);
  sslc_poller_free(poller);
  close_both(fds);
}

static void
test_taken_out(void **state)
{
  sslc_poller *poller = sslc_poller_new();
  int fds[2];

  (void)state;
  make_sockets(fds);
  assert_int_equal(sslc_poller_set(poller, fds[0], SSLC_WRITABLE), SSLC_OK);
  assert_int_equal(wait_for(poller, sslc_deadline(0)), 1);
  assert_int_equal(sslc_poller_set(poller, fds[0], 0), SSLC_OK);
  assert_int_equal(wait_for(poller, sslc_deadline(0)), 0);
  assert_int_equal(sslc_poller_set(poller, fds[0], 0), SSLC_OK);
  assert_int_equal(sslc_poller_set(poller, fds[0], SSLC_WRITABLE), SSLC_OK);
  assert_int_equal(wait_for(poller, sslc_deadline(0)), 1);
  sslc_poller_free(poller);
  close_both(fds);
}

/* Closing takes out what nobody has told the set of. */
static void
test_number_again(void **state)
{
  sslc_poller *poller = sslc_poller_new();
  int fds[2], i, fd = -1;

  (void)state;
  for (i = 0; i < 3; i++) {
    make_sockets(fds);
    assert_true(fd < 0 || fd == fds[0]);
    fd = fds[0];
    assert_int_equal(sslc_poller_set(poller, fd, SSLC_READABLE), SSLC_OK);
    assert_int_equal(wait_for(poller, sslc_deadline(0)), 0);
    assert_int_equal(sslc_poller_set(poller, fd, SSLC_WRITABLE), SSLC_OK);
    assert_int_equal(wait_for(poller, sslc_deadline(0)), 1);
    close_both(fds);
  }
  sslc_poller_free(poller);
}

static void
test_hang_up(void **state)
{
  sslc_poller *poller = sslc_poller_new();
  int fds[2], events;

  (void)state;
  make_sockets(fds);
  assert_int_equal(sslc_poller_set(poller, fds[0], SSLC_READABLE), SSLC_OK);
  close(fds[1]);
  assert_int_equal(wait_for(poller, sslc_deadline(PATIENCE)), 1);
  assert_int_equal(sslc_poller_ready(poller, 0, &events), fds[0]);
  assert_true((events & SSLC_READABLE) != 0);
  sslc_poller_free(poller);
  close(fds[0]);
}

static void
test_timeout(void **state)
{
  sslc_poller *poller = sslc_poller_new();
  int64_t deadline = sslc_deadline(15);

  (void)state;
  assert_int_equal(wait_for(poller, deadline), 0);
  assert_true(sslc_now() >= deadline);
  sslc_poller_free(poller);
}

static void
test_many(void **state)
{
  static int fds[PAIRS][2];
  static int seen[PAIRS];
  sslc_poller *poller = sslc_poller_new();
  size_t i, j, n, left = PAIRS;

  (void)state;
  for (i = 0; i < PAIRS; i++) {
    make_sockets(fds[i]);
    assert_int_equal(sslc_poller_set(poller, fds[i][0], SSLC_READABLE),
                     SSLC_OK);
    assert_int_equal(write(fds[i][1], "x", 1), 1);
  }
  /* Each that is told of is taken out, so that all get their turn. */
  while (left > 0) {
    n = wait_for(poller, sslc_deadline(PATIENCE));
    assert_true(n > 0 && n <= left);
    for (i = 0; i < PAIRS; i++)
      if (!seen[i] && events_of(poller, n, fds[i][0]) == SSLC_READABLE) {
        seen[i] = 1;
        left--;
      }
    for (j = 0; j < PAIRS; j++)
      if (seen[j])
        sslc_poller_set(poller, fds[j][0], 0);
  }
  assert_int_equal(wait_for(poller, sslc_deadline(0)), 0);
  sslc_poller_free(poller);
  for (i = 0; i < PAIRS; i++)
    close_both(fds[i]);
}

static void
test_bad_arguments(void **state)
{
  sslc_poller *poller = sslc_poller_new();
  size_t n = 0;
  int events, fds[2];

  (void)state;
  make_sockets(fds);
  assert_int_equal(sslc_poller_set(NULL, fds[0], SSLC_READABLE),
                   SSLC_ERR_ARG);
  assert_int_equal(sslc_poller_set(poller, -1, SSLC_READABLE), SSLC_ERR_ARG);
  assert_int_equal(sslc_poller_set(poller, fds[0], 4), SSLC_ERR_ARG);
  assert_int_equal(sslc_poller_wait(NULL, 0, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_poller_ready(NULL, 0, &events), -1);
  assert_int_equal(sslc_poller_ready(poller, 0, &events), -1);
  assert_int_equal(sslc_poller_set(poller, fds[0], SSLC_WRITABLE), SSLC_OK);
  assert_int_equal(wait_for(poller, SSLC_FOREVER), 1);
  assert_int_equal(sslc_poller_ready(poller, 1, &events), -1);
  sslc_poller_free(poller);
  sslc_poller_free(NULL);
  close_both(fds);
}

/* A plain file is always ready: a set that took it would never wait. */
static void
test_plain_file(void **state)
{
  sslc_poller *poller = sslc_poller_new();
  int fd = open(cert_path("ca.pem"), O_RDONLY);

  (void)state;
  assert_true(fd >= 0);
  assert_int_equal(sslc_poller_set(poller, fd, SSLC_READABLE), SSLC_ERR_ARG);
  close(fd);
  assert_int_equal(sslc_poller_set(poller, fd, SSLC_READABLE), SSLC_ERR_ARG);
  sslc_poller_free(poller);
}

/* The set as a descriptor of another loop. */
static void
test_descriptor(void **state)
{
  sslc_poller *poller = sslc_poller_new();
  int fds[2], fd = sslc_poller_fd(poller), events;

  (void)state;
  assert_int_equal(sslc_poller_fd(NULL), -1);
  if (fd < 0)
    skip(); /* this system has only poll(2) */
  make_sockets(fds);
  assert_int_equal(sslc_poller_set(poller, fds[0], SSLC_READABLE), SSLC_OK);
  assert_int_equal(sslc_fd_wait(fd, SSLC_READABLE, sslc_deadline(0), &events),
                   SSLC_ERR_TIMEOUT);
  assert_int_equal(write(fds[1], "x", 1), 1);
  assert_int_equal(sslc_fd_wait(fd, SSLC_READABLE, sslc_deadline(PATIENCE),
                                &events), SSLC_OK);
  assert_int_equal(events, SSLC_READABLE);
  assert_int_equal(sslc_poller_set(poller, fds[0], 0), SSLC_OK);
  assert_int_equal(sslc_fd_wait(fd, SSLC_READABLE, sslc_deadline(0), &events),
                   SSLC_ERR_TIMEOUT);
  assert_int_equal(sslc_poller_fd(poller), fd);
  sslc_poller_free(poller);
  close_both(fds);
}

int
main(void)
{
  add_test("what was asked for is told", test_events, NULL);
  add_test("what was taken out is not", test_taken_out, NULL);
  add_test("a descriptor is closed, and its number another's",
           test_number_again, NULL);
  add_test("a hang-up is told", test_hang_up, NULL);
  add_test("a deadline ends the wait, and not before", test_timeout, NULL);
  add_test("all of many get their turn", test_many, NULL);
  add_test("bad arguments are refused", test_bad_arguments, NULL);
  add_test("a plain or closed file cannot be waited for", test_plain_file,
           NULL);
  add_test("the set is a descriptor itself", test_descriptor, NULL);
  return run_all("poller");
}
