/*
 * test_dial_set.c: the settings of a dial, and Unix sockets.
 */
#include "support_dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* --------------------------------------------------------- what is refused */

static sslc_status
set_number(sslc_dial *dial, const char *what, int64_t n)
{
  if (strcmp(what, "attempt_delay") == 0)
    return sslc_dial_set_attempt_delay(dial, n);
  if (strcmp(what, "resolution_delay") == 0)
    return sslc_dial_set_resolution_delay(dial, n);
  return sslc_dial_set_keepalive(dial, (int)n);
}

static const struct number {
  const char *what;
  int64_t value;
  int ok;
} numbers[] = {
  { "attempt_delay", 10, 1 },     { "attempt_delay", 9, 0 },
  { "attempt_delay", -1, 0 },     { "attempt_delay", INT64_MAX, 0 },
  { "attempt_delay", 60000, 1 },  { "resolution_delay", 0, 1 },
  { "resolution_delay", -1, 0 },  { "resolution_delay", INT64_MAX, 0 },
  { "keepalive", 0, 1 },          { "keepalive", 32767, 1 },
  { "keepalive", 32768, 0 },      { "keepalive", -1, 0 },
};

static void
test_numbers(void **state)
{
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(numbers); i++) {
    sslc_dial *dial = sslc_dial_new();
    sslc_status status = set_number(dial, numbers[i].what, numbers[i].value);

    assert_status(status, numbers[i].ok ? SSLC_OK : SSLC_ERR_ARG,
                  sslc_dial_error(dial));
    if (!numbers[i].ok)
      assert_code(sslc_dial_error(dial), SSLC_CODE_BAD_OPTION);
    sslc_dial_free(dial);
  }
}

static const struct text {
  const char *value;
  int ok;
} nameservers[] = {
  { NULL, 1 }, { "192.0.2.53", 1 }, { "192.0.2.53:5353", 1 },
  { "2001:db8::53", 1 }, { "[2001:db8::53]", 1 },
  { "[2001:db8::53]:5353", 1 }, { "127.0.0.1:5353,[::1]:53", 1 },
  { "", 0 }, { ",", 0 }, { "192.0.2.53,", 0 }, { "ns.example", 0 },
  { "192.0.2.53:", 0 }, { "192.0.2.53:0", 0 }, { "192.0.2.53:65536", 0 },
  { "192.0.2.53:5x", 0 }, { "192.0.2.53 192.0.2.54", 0 },
  { "[2001:db8::53", 0 }, { "[192.0.2.53]", 0 }, { "[::1]5353", 0 },
  { "192.0.2.53: 53", 0 }, { "192.0.2.53:+53", 0 },
}, locals[] = {
  { NULL, 1 }, { "127.0.0.2", 1 }, { "::1", 1 }, { "[::1]", 1 },
  { "", 0 }, { "localhost", 0 }, { "127.0.0.2:80", 0 },
  { "fe80::1%no-such-if", 0 },
};

static void
check_texts(const struct text *rows, size_t n,
            sslc_status (*set)(sslc_dial *, const char *))
{
  size_t i;

  for (i = 0; i < n; i++) {
    sslc_dial *dial = sslc_dial_new();

    assert_status(set(dial, rows[i].value),
                  rows[i].ok ? SSLC_OK : SSLC_ERR_ARG, sslc_dial_error(dial));
    if (!rows[i].ok)
      assert_code(sslc_dial_error(dial), SSLC_CODE_BAD_OPTION);
    sslc_dial_free(dial);
  }
}

static void
test_nameservers(void **state)
{
  (void)state;
  check_texts(nameservers, COUNT(nameservers), sslc_dial_set_nameservers);
}

static void
test_locals(void **state)
{
  (void)state;
  check_texts(locals, COUNT(locals), sslc_dial_set_bind);
}

static void
test_addresses(void **state)
{
  static const char *const bad[] = { "192.0.2.1", "not an address" };
  static const char *const none[] = { NULL };
  sslc_dial *dial = sslc_dial_new();

  (void)state;
  assert_int_equal(sslc_dial_set_addresses(dial, bad, 2), SSLC_ERR_ARG);
  assert_code(sslc_dial_error(dial), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_dial_error(dial)), "not an address");
  assert_int_equal(sslc_dial_set_addresses(dial, bad, 0), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_set_addresses(dial, NULL, 1), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_set_addresses(dial, none, 1), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_set_addresses(dial, bad, SIZE_MAX),
                   SSLC_ERR_NOMEM);
  assert_ok(sslc_dial_set_addresses(dial, bad, 1), sslc_dial_error(dial));
  assert_ok(sslc_dial_set_addresses(dial, bad, 1), sslc_dial_error(dial));
  assert_null(sslc_dial_error(dial));
  sslc_dial_free(dial);
}

static void
test_too_late(void **state)
{
  static const char *const addresses[] = { "127.0.0.1" };
  sslc_dial *dial = start("127.0.0.1", unused_port());

  (void)state;
  assert_int_equal(sslc_dial_set_nameservers(dial, "::1"), SSLC_ERR_STATE);
  assert_code(sslc_dial_error(dial), SSLC_CODE_MISUSE);
  assert_int_equal(sslc_dial_set_addresses(dial, addresses, 1),
                   SSLC_ERR_STATE);
  assert_int_equal(sslc_dial_set_bind(dial, NULL), SSLC_ERR_STATE);
  assert_int_equal(sslc_dial_set_attempt_delay(dial, 100), SSLC_ERR_STATE);
  assert_int_equal(sslc_dial_set_resolution_delay(dial, 100), SSLC_ERR_STATE);
  assert_int_equal(sslc_dial_set_tcp_nodelay(dial, 0), SSLC_ERR_STATE);
  assert_int_equal(sslc_dial_set_keepalive(dial, 0), SSLC_ERR_STATE);
  assert_int_equal(sslc_dial_set_fastopen(dial, 1), SSLC_ERR_STATE);
  assert_int_equal(sslc_dial_start_unix(dial, "/x"), SSLC_ERR_STATE);
  assert_status(drive(dial, NULL), SSLC_ERR_SYS, sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_CONNECTION_REFUSED);
  sslc_dial_free(dial);
}

static void
test_nothing(void **state)
{
  (void)state;
  assert_int_equal(sslc_dial_set_nameservers(NULL, NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_set_addresses(NULL, NULL, 0), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_set_bind(NULL, NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_set_attempt_delay(NULL, 250), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_set_resolution_delay(NULL, 50), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_set_tcp_nodelay(NULL, 1), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_set_keepalive(NULL, 0), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_set_fastopen(NULL, 1), SSLC_ERR_ARG);
}

/* ----------------------------------------------------------- what they do */

static int
option(int fd, int level, int name)
{
  int value = 0;
  socklen_t len = sizeof value;

  assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
  return value;
}

/* A dial with the socket that it reached; the listener is closed. */
static int
reach(sslc_dial *dial)
{
  int port = 0, listener = listen_on("127.0.0.1", &port), fd;

  assert_ok(sslc_dial_start(dial, "127.0.0.1", port), sslc_dial_error(dial));
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  fd = sslc_dial_take_fd(dial);
  sslc_dial_free(dial);
  close(listener);
  return fd;
}

static void
test_socket_options(void **state)
{
  sslc_dial *dial = sslc_dial_new();
  int fd;

  (void)state;
  fd = reach(sslc_dial_new());
  assert_true(option(fd, IPPROTO_TCP, TCP_NODELAY) != 0);
  assert_int_equal(option(fd, SOL_SOCKET, SO_KEEPALIVE), 0);
  close(fd);
  assert_ok(sslc_dial_set_tcp_nodelay(dial, 0), sslc_dial_error(dial));
  assert_ok(sslc_dial_set_keepalive(dial, 77), sslc_dial_error(dial));
  fd = reach(dial);
  assert_int_equal(option(fd, IPPROTO_TCP, TCP_NODELAY), 0);
  assert_true(option(fd, SOL_SOCKET, SO_KEEPALIVE) != 0);
#if defined(TCP_KEEPIDLE)
  assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
  assert_int_equal(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 77);
#endif
  close(fd);
}

/* The listener has it not: the connection is one as any other. */
static void
test_fastopen_without(void **state)
{
  sslc_dial *dial = sslc_dial_new();
  int fd;

  (void)state;
  assert_ok(sslc_dial_set_fastopen(dial, 1), sslc_dial_error(dial));
  fd = reach(dial);
#if defined(TCP_FASTOPEN_CONNECT)
  assert_int_equal(option(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT), 1);
#endif
  close(fd);
}

static void
test_bind(void **state)
{
  int port = 0, listener = listen_on("127.0.0.1", &port), fd;
  struct sockaddr_in from;
  socklen_t len = sizeof from;
  sslc_dial *dial = sslc_dial_new();

  (void)state;
  assert_ok(sslc_dial_set_bind(dial, "127.0.0.9"), sslc_dial_error(dial));
  assert_ok(sslc_dial_start(dial, "localhost", port), sslc_dial_error(dial));
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  fd = accept(listener, (struct sockaddr *)&from, &len);
  assert_true(fd >= 0);
  assert_int_equal(ntohl(from.sin_addr.s_addr), INADDR_LOOPBACK + 8);
  sslc_dial_free(dial);
  close(fd);
  close(listener);
}

/* An address that is not this machine's; one of the other family. */
static void
test_bind_fails(void **state)
{
  static const struct {
    const char *local, *host;
    int errnum, code;
  } rows[] = {
    { "192.0.2.7", "127.0.0.1", EADDRNOTAVAIL, SSLC_CODE_SYSTEM_ERROR },
    { "127.0.0.1", "::1", EAFNOSUPPORT, SSLC_CODE_SYSTEM_ERROR },
  };
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(rows); i++) {
    sslc_dial *dial = sslc_dial_new();

    assert_ok(sslc_dial_set_bind(dial, rows[i].local), sslc_dial_error(dial));
    assert_ok(sslc_dial_start(dial, rows[i].host, 443),
              sslc_dial_error(dial));
    assert_status(drive(dial, NULL), SSLC_ERR_SYS, sslc_dial_error(dial));
    assert_code(sslc_dial_error(dial), rows[i].code);
    assert_int_equal(sslc_error_errno(sslc_dial_error(dial)), rows[i].errnum);
    sslc_dial_free(dial);
  }
}

/* ------------------------------------------------------------ Unix sockets */

struct local {
  char dir[32], path[64];
  int listener;
};

static void
local_init(struct local *local, int backlog)
{
  struct sockaddr_un un;

  strcpy(local->dir, "/tmp/sslc-dial-XXXXXX");
  assert_non_null(mkdtemp(local->dir));
  snprintf(local->path, sizeof local->path, "%s/socket", local->dir);
  memset(&un, 0, sizeof un);
  un.sun_family = AF_UNIX;
  strcpy(un.sun_path, local->path);
  local->listener = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(local->listener, (struct sockaddr *)&un, sizeof un),
                   0);
  assert_int_equal(listen(local->listener, backlog), 0);
}

static void
local_free(struct local *local)
{
  close(local->listener);
  unlink(local->path);
  rmdir(local->dir);
}

static sslc_dial *
start_unix(const char *path)
{
  sslc_dial *dial = sslc_dial_new();

  assert_ok(sslc_dial_start_unix(dial, path), sslc_dial_error(dial));
  return dial;
}

static void
test_unix(void **state)
{
  struct local local;
  int before = open_fds(), fd;
  sslc_dial *dial;

  (void)state;
  local_init(&local, 8);
  dial = start_unix(local.path);
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  assert_string_equal(sslc_dial_address(dial), local.path);
  assert_int_equal(sslc_dial_phase(dial), SSLC_PHASE_CONNECT);
  fd = sslc_dial_take_fd(dial);
  assert_int_equal(option(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
  close(fd);
  sslc_dial_free(dial);
  local_free(&local);
  assert_int_equal(open_fds(), before);
}

/* The kernel does not tell when there is room, so it is tried again. */
static void
test_unix_full(void **state)
{
  struct local local;
  sslc_dial *dials[8];
  size_t n = 0, i;
  int fd;

  (void)state;
  local_init(&local, 0);
  do {
    assert_true(n < COUNT(dials));
    dials[n] = start_unix(local.path);
  } while (drive_until(dials[n++], NULL, sslc_deadline(30)) == SSLC_OK);
  assert_status(sslc_dial_step(dials[n - 1]), SSLC_WANT_CONNECT,
                sslc_dial_error(dials[n - 1]));
  assert_true(sslc_dial_timeout(dials[n - 1]) >= 0);
  fd = accept(local.listener, NULL, NULL);
  assert_true(fd >= 0);
  assert_ok(drive(dials[n - 1], NULL), sslc_dial_error(dials[n - 1]));
  for (i = 0; i < n; i++)
    sslc_dial_free(dials[i]);
  close(fd);
  local_free(&local);
}

static void
test_unix_missing(void **state)
{
  sslc_dial *dial = start_unix("/no/such/socket");

  (void)state;
  assert_status(drive(dial, NULL), SSLC_ERR_SYS, sslc_dial_error(dial));
  assert_int_equal(sslc_error_errno(sslc_dial_error(dial)), ENOENT);
  assert_has(sslc_error_text(sslc_dial_error(dial)), "/no/such/socket: ");
  sslc_dial_free(dial);
}

static void
test_unix_bad(void **state)
{
  static char path[200];
  static const char *const paths[] = { NULL, "", path };
  size_t i;

  (void)state;
  memset(path, 'x', sizeof path - 1);
  for (i = 0; i < COUNT(paths); i++) {
    sslc_dial *dial = sslc_dial_new();

    assert_status(sslc_dial_start_unix(dial, paths[i]), SSLC_ERR_ARG,
                  sslc_dial_error(dial));
    assert_code(sslc_dial_error(dial), SSLC_CODE_BAD_OPTION);
    sslc_dial_free(dial);
  }
}

int
main(void)
{
  add_test("numbers have their limits", test_numbers, NULL);
  add_test("nameservers are addresses", test_nameservers, NULL);
  add_test("a local address is an address", test_locals, NULL);
  add_test("given addresses are addresses", test_addresses, NULL);
  add_test("after the start every setting is misuse", test_too_late, NULL);
  add_test("settings of nothing are refused", test_nothing, NULL);
  add_test("TCP Fast Open is set, and does without the server's",
           test_fastopen_without, NULL);
  add_test("TCP_NODELAY and keepalive are as they were set",
           test_socket_options, NULL);
  add_test("it comes from the local address that was set", test_bind, NULL);
  add_test("a local address that cannot be is told", test_bind_fails, NULL);
  add_test("a Unix socket is reached", test_unix, NULL);
  add_test("a Unix socket whose queue is full is waited for", test_unix_full,
           NULL);
  add_test("a Unix socket that is not there is told", test_unix_missing, NULL);
  add_test("paths that cannot be are refused", test_unix_bad, NULL);
  return run_all("dial_set");
}
