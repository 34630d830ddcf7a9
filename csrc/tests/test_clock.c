/*
 * test_clock.c: deadlines on the monotonic clock, and waiting for one
 * descriptor: clock_gettime(2), poll(2).
 */
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static void
test_now(void **state)
{
  int64_t first = sslc_now(), next;
  int i;

  (void)state;
  for (i = 0; i < 1000; i++) {
    next = sslc_now();
    assert_true(next >= first);
    first = next;
  }
}

static void
test_deadline(void **state)
{
  int64_t before = sslc_now();
  int64_t deadline = sslc_deadline(1500);
  int64_t after = sslc_now();

  (void)state;
  assert_true(deadline >= before + 1500000000);
  assert_true(deadline <= after + 1500000000);
  assert_true(sslc_deadline(0) <= sslc_now());
  assert_int_equal(sslc_deadline(-1), SSLC_FOREVER);
  assert_int_equal(sslc_deadline(INT64_MIN), SSLC_FOREVER);
  assert_int_equal(sslc_deadline(INT64_MAX), SSLC_FOREVER);
  assert_int_equal(sslc_deadline(INT64_MAX / 1000), SSLC_FOREVER);
}

static void
close_both(int fds[2])
{
  close(fds[0]);
  close(fds[1]);
}

static void
test_ready(void **state)
{
  int fds[2], revents = 77;

  (void)state;
  make_sockets(fds);
  assert_int_equal(sslc_fd_wait(fds[0], SSLC_WRITABLE, sslc_deadline(0),
                                &revents), SSLC_OK);
  assert_int_equal(revents, SSLC_WRITABLE);
  assert_int_equal(sslc_fd_wait(fds[0], SSLC_READABLE | SSLC_WRITABLE,
                                SSLC_FOREVER, &revents), SSLC_OK);
  assert_int_equal(revents, SSLC_WRITABLE);
  assert_int_equal(write(fds[1], "x", 1), 1);
  assert_int_equal(sslc_fd_wait(fds[0], SSLC_READABLE, SSLC_FOREVER,
                                &revents), SSLC_OK);
  assert_int_equal(revents, SSLC_READABLE);
  assert_int_equal(sslc_fd_wait(fds[0], SSLC_READABLE | SSLC_WRITABLE,
                                SSLC_FOREVER, &revents), SSLC_OK);
  assert_int_equal(revents, SSLC_READABLE | SSLC_WRITABLE);
  close_both(fds);
}

static void
test_timeout(void **state)
{
  int fds[2], revents = 77;
  int64_t deadline;

  (void)state;
  make_sockets(fds);
  assert_int_equal(sslc_fd_wait(fds[0], SSLC_READABLE, sslc_deadline(0),
                                &revents), SSLC_ERR_TIMEOUT);
  assert_int_equal(revents, 0);
  deadline = sslc_deadline(15);
  assert_int_equal(sslc_fd_wait(fds[0], SSLC_READABLE, deadline, &revents),
                   SSLC_ERR_TIMEOUT);
  assert_true(sslc_now() >= deadline);
  close_both(fds);
}

/* A hang-up is all that was asked for, so that the next step finds out. */
static void
test_hang_up(void **state)
{
  int fds[2], revents;

  (void)state;
  make_sockets(fds);
  close(fds[1]);
  assert_int_equal(sslc_fd_wait(fds[0], SSLC_READABLE, SSLC_FOREVER,
                                &revents), SSLC_OK);
  assert_int_equal(revents, SSLC_READABLE);
  assert_int_equal(sslc_fd_wait(fds[0], SSLC_WRITABLE, SSLC_FOREVER,
                                &revents), SSLC_OK);
  assert_int_equal(revents, SSLC_WRITABLE);
  close(fds[0]);
}

static void
test_bad_arguments(void **state)
{
  int fds[2], revents;

  (void)state;
  make_sockets(fds);
  assert_int_equal(sslc_fd_wait(-1, SSLC_READABLE, 0, &revents),
                   SSLC_ERR_ARG);
  assert_int_equal(sslc_fd_wait(fds[0], 0, 0, &revents), SSLC_ERR_ARG);
  assert_int_equal(sslc_fd_wait(fds[0], 4, 0, &revents), SSLC_ERR_ARG);
  assert_int_equal(sslc_fd_wait(fds[0], SSLC_READABLE, 0, NULL),
                   SSLC_ERR_ARG);
  close_both(fds);
  assert_int_equal(sslc_fd_wait(fds[0], SSLC_READABLE, SSLC_FOREVER,
                                &revents), SSLC_ERR_SYS);
}

struct waiter {
  int fd;
  sslc_status status;
  int revents;
  atomic_int done;
};

static void *
wait_once(void *arg)
{
  struct waiter *w = arg;

  w->status = sslc_fd_wait(w->fd, SSLC_READABLE, sslc_deadline(PATIENCE),
                           &w->revents);
  atomic_store(&w->done, 1);
  return NULL;
}

static void
ignore(int number)
{
  (void)number;
}

/* So that an interpreter can look at what the signal was for. */
static void
test_signal(void **state)
{
  struct sigaction action, before;
  struct waiter w;
  pthread_t thread;
  int fds[2];

  (void)state;
  make_sockets(fds);
  memset(&w, 0, sizeof w);
  w.fd = fds[0];
  memset(&action, 0, sizeof action);
  action.sa_handler = ignore;
  assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
  assert_int_equal(pthread_create(&thread, NULL, wait_once, &w), 0);
  while (!atomic_load(&w.done)) {
    pthread_kill(thread, SIGUSR1);
    sched_yield();
  }
  pthread_join(thread, NULL);
  sigaction(SIGUSR1, &before, NULL);
  assert_int_equal(w.status, SSLC_OK);
  assert_int_equal(w.revents, 0);
  close_both(fds);
}

int
main(void)
{
  add_test("the clock does not go back", test_now, NULL);
  add_test("a deadline is so many milliseconds away", test_deadline, NULL);
  add_test("a ready descriptor is told at once", test_ready, NULL);
  add_test("a deadline that passes is a timeout, and not before",
           test_timeout, NULL);
  add_test("a hang-up counts as ready", test_hang_up, NULL);
  add_test("a signal ends the wait without an event", test_signal, NULL);
  add_test("bad arguments are refused", test_bad_arguments, NULL);
  return run_all("clock");
}
