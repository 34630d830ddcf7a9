/*
 * test_dial_sockets.c: what a dial is waited for by: its only socket, one
 * descriptor for all of them that is made when it is asked for, or itself.
 */
#include "support_dial.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

/* An attempt that takes time whatever the machine. */
enum { LONG = 5000 };

static const char *const two[] = { "127.0.0.2", "127.0.0.3" };

/* A dial that is on its way to where nobody answers. */
static sslc_dial *
start_at(struct full *full)
{
  sslc_dial *dial;

  assert_true(full_init(full, "127.0.0.1", 0));
  dial = start("127.0.0.1", full->port);
  assert_int_equal(sslc_dial_step(dial), SSLC_WANT_CONNECT);
  return dial;
}

/* Who waits by itself, or for the only socket, has no further descriptor. */
static void
test_spare(void **state)
{
  int port = 0, listener = listen_on("127.0.0.1", &port);
  int before = open_fds();
  sslc_dial *dial = start("127.0.0.1", port);

  (void)state;
  assert_ok(sslc_dial_wait(dial, sslc_deadline(PATIENCE)),
            sslc_dial_error(dial));
  assert_int_equal(open_fds(), before + 1);
  sslc_dial_free(dial);
  assert_int_equal(open_fds(), before);
  close(listener);
}

/* Steps, and waits for the only socket alone. */
static sslc_status
drive_sole(sslc_dial *dial)
{
  sslc_status status;

  while ((status = sslc_dial_step(dial)) == SSLC_WANT_CONNECT) {
    int events = 0, fd = sslc_dial_sole_fd(dial, &events);
    struct pollfd p = { fd, POLLOUT, 0 };

    assert_true(fd >= 0);
    assert_int_equal(events, SSLC_WRITABLE);
    assert_int_equal(poll(&p, 1, PATIENCE), 1);
  }
  return status;
}

static void
test_sole(void **state)
{
  int port = 0, listener = listen_on("127.0.0.1", &port);
  int before = open_fds(), events = SSLC_READABLE;
  sslc_dial *dial = start("127.0.0.1", port);

  (void)state;
  assert_ok(drive_sole(dial), sslc_dial_error(dial));
  assert_int_equal(sslc_dial_sole_fd(dial, &events), -1);
  assert_int_equal(events, 0);
  assert_int_equal(open_fds(), before + 1);
  sslc_dial_free(dial);
  close(listener);
}

/* The refusal comes when connect(2) has long returned. */
static void
test_refused_late(void **state)
{
  struct full full;
  sslc_dial *dial = start_at(&full);

  (void)state;
  full_free(&full);
  assert_status(drive_sole(dial), SSLC_ERR_SYS, sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_CONNECTION_REFUSED);
  assert_int_equal(sslc_error_errno(sslc_dial_error(dial)), ECONNREFUSED);
  assert_int_equal(sslc_dial_take_fd(dial), -1);
  assert_int_equal(sslc_dial_sole_fd(dial, NULL), -1);
  sslc_dial_free(dial);
}

static void
test_no_sole(void **state)
{
  int events = SSLC_READABLE;
  sslc_dial *dial = sslc_dial_new();

  (void)state;
  assert_int_equal(sslc_dial_sole_fd(NULL, &events), -1);
  assert_int_equal(events, 0);
  assert_int_equal(sslc_dial_sole_fd(dial, NULL), -1);
  sslc_dial_free(dial);
}

/* Two are under way: there is no only one, and who begins to ask for the
 * descriptor of all now is told of the second. */
static void
test_made_late(void **state)
{
  struct full full;
  int listener, events = SSLC_READABLE;
  sslc_dial *dial;

  (void)state;
  assert_true(full_init(&full, "127.0.0.2", 0));
  listener = listen_on("127.0.0.3", &full.port);
  assert_true(listener >= 0);
  dial = start_given(two, 2, full.port, 10);
  assert_int_equal(sslc_dial_step(dial), SSLC_WANT_CONNECT);
  assert_true(sslc_dial_sole_fd(dial, &events) >= 0);
  assert_int_equal(events, SSLC_WRITABLE);
  while (sslc_dial_sole_fd(dial, NULL) >= 0)
    if (sslc_dial_step(dial) == SSLC_OK)
      break; /* it was connected at once */
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  assert_has(sslc_dial_address(dial), "127.0.0.3:");
  sslc_dial_free(dial);
  close(listener);
  full_free(&full);
}

/* ---------------------------------------------------------- waiting once */

static volatile sig_atomic_t rung;

static void
on_alarm(int number)
{
  (void)number;
  rung = rung + 1;
}

static void
test_signal(void **state)
{
  static const struct itimerval soon = { { 0, 20000 }, { 0, 20000 } }, never;
  struct sigaction action, before;
  struct full full;
  sslc_dial *dial;

  (void)state;
  dial = start_at(&full);
  memset(&action, 0, sizeof action);
  action.sa_handler = on_alarm;
  assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
  rung = 0;
  setitimer(ITIMER_REAL, &soon, NULL);
  while (rung == 0) /* it may ring before the wait has begun */
    assert_int_equal(sslc_dial_wait_once(dial, SSLC_FOREVER),
                     SSLC_WANT_CONNECT);
  setitimer(ITIMER_REAL, &never, NULL);
  assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
  sslc_dial_free(dial);
  full_free(&full);
}

static void
test_wait_once(void **state)
{
  int port = 0, listener = listen_on("127.0.0.1", &port);
  sslc_dial *dial = sslc_dial_new();
  sslc_status status;

  (void)state;
  assert_int_equal(sslc_dial_wait_once(NULL, 0), SSLC_ERR_ARG);
  assert_status(sslc_dial_wait_once(dial, 0), SSLC_ERR_STATE,
                sslc_dial_error(dial));
  assert_ok(sslc_dial_start(dial, "127.0.0.1", port), sslc_dial_error(dial));
  do {
    status = sslc_dial_wait_once(dial, sslc_deadline(PATIENCE));
  } while (status == SSLC_WANT_CONNECT);
  assert_ok(status, sslc_dial_error(dial));
  assert_ok(sslc_dial_wait_once(dial, SSLC_FOREVER), sslc_dial_error(dial));
  sslc_dial_free(dial);
  close(listener);
}

/* The deadline is no failure here; nor is the delay until the next sets out. */
static void
test_wait_once_is_over(void **state)
{
  struct full full;
  int listener;
  sslc_dial *dial;
  sslc_status status = SSLC_WANT_CONNECT;

  (void)state;
  assert_true(full_init(&full, "127.0.0.2", 0));
  listener = listen_on("127.0.0.3", &full.port);
  dial = start_given(two, 2, full.port, LONG);
  assert_int_equal(sslc_dial_step(dial), SSLC_WANT_CONNECT);
  assert_int_equal(sslc_dial_wait_once(dial, sslc_deadline(10)),
                   SSLC_WANT_CONNECT);
  assert_null(sslc_dial_error(dial));
  sslc_dial_free(dial);
  dial = start_given(two, 2, full.port, 10);
  while (status == SSLC_WANT_CONNECT)
    status = sslc_dial_wait_once(dial, SSLC_FOREVER);
  assert_ok(status, sslc_dial_error(dial));
  assert_has(sslc_dial_address(dial), "127.0.0.3:");
  sslc_dial_free(dial);
  close(listener);
  full_free(&full);
}

/* ------------------------------------------------------ none can be made */

static void
test_no_descriptor_left(void **state)
{
  struct full full;
  struct rlimit before, none;
  sslc_dial *dial;
  int fd;

  (void)state;
  if (under_valgrind())
    skip();
  dial = start_at(&full);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  none = before;
  none.rlim_cur = 3;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  fd = sslc_dial_fd(dial);
  setrlimit(RLIMIT_NOFILE, &before);
  assert_int_equal(fd, -1);
  assert_int_equal(sslc_dial_events(dial), 0);
  assert_status(sslc_dial_wait_once(dial, SSLC_FOREVER), SSLC_ERR_SYS,
                sslc_dial_error(dial));
  assert_int_equal(sslc_error_errno(sslc_dial_error(dial)), EMFILE);
  assert_status(sslc_dial_step(dial), SSLC_ERR_SYS, sslc_dial_error(dial));
  sslc_dial_free(dial);
  full_free(&full);
}

int
main(void)
{
  add_test("who waits by itself needs no further descriptor", test_spare,
           NULL);
  add_test("the only socket is enough to wait for", test_sole, NULL);
  add_test("a refusal that comes late is one", test_refused_late, NULL);
  add_test("there is no only socket before the start", test_no_sole, NULL);
  add_test("one descriptor for all, asked for in the middle", test_made_late,
           NULL);
  add_test("a signal ends a wait", test_signal, NULL);
  add_test("waiting once, again and again, connects", test_wait_once, NULL);
  add_test("a wait once ends at the deadline and the delay",
           test_wait_once_is_over, NULL);
  add_test("no descriptor left for the one of all", test_no_descriptor_left,
           NULL);
  return run_all("dial_sockets");
}
