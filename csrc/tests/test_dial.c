/*
 * test_dial.c: from host and port to a connected socket: connect(2), Happy
 * Eyeballs (RFC 8305).  On loopback only, without nameservers.
 */
#include "support_dial.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const hosts[] = { "127.0.0.1", "localhost", "LOCALHOST",
                                     "localhost.",
                                     "a.b.localhost" };

static void
test_connect(void **state)
{
  const char *host = *state;
  struct server *server = server_start(serve_silence, NULL);
  sslc_dial *dial = start(host, server_port(server));
  char address[64];

  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  snprintf(address, sizeof address, "127.0.0.1:%d", server_port(server));
  assert_string_equal(sslc_dial_address(dial), address);
  assert_ok(sslc_dial_step(dial), sslc_dial_error(dial));
  assert_null(sslc_dial_error(dial));
  sslc_dial_free(dial);
  server_stop(server);
}

static void
test_wait(void **state)
{
  struct server *server = server_start(serve_silence, NULL);
  sslc_dial *dial = start("127.0.0.1", server_port(server));

  (void)state;
  assert_ok(sslc_dial_wait(dial, sslc_deadline(PATIENCE)),
            sslc_dial_error(dial));
  sslc_dial_free(dial);
  server_stop(server);
}

static int
option(int fd, int level, int name)
{
  int value = 0;
  socklen_t len = sizeof value;

  assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
  return value;
}

static void
test_take(void **state)
{
  struct server *server = server_start(serve_silence, NULL);
  sslc_dial *dial = start("127.0.0.1", server_port(server));
  int fd;

  (void)state;
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  fd = sslc_dial_take_fd(dial);
  assert_true(fd >= 0);
  assert_int_equal(sslc_dial_take_fd(dial), -1);
  sslc_dial_free(dial);
  assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
  assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  assert_true(option(fd, IPPROTO_TCP, TCP_NODELAY) != 0);
  assert_int_equal(option(fd, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
  close(fd);
  server_stop(server);
}

/* What was not taken is closed. */
static void
test_not_taken(void **state)
{
  int port = 0, listener = listen_on("127.0.0.1", &port);
  int before = open_fds();
  sslc_dial *dial = start("127.0.0.1", port);

  (void)state;
  assert_int_equal(sslc_dial_take_fd(dial), -1);
  assert_ok(drive(dial, NULL), sslc_dial_error(dial));
  assert_int_equal(open_fds(), before + 2); /* the poller, the socket */
  sslc_dial_free(dial);
  assert_int_equal(open_fds(), before);
  close(listener);
}

static void
test_ipv6(void **state)
{
  struct sockaddr_in6 address;
  socklen_t len = sizeof address;
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  static const char *const spellings[] = { "::1", "[::1]", "0:0::0:1" };
  char want[64];
  size_t i;

  (void)state;
  memset(&address, 0, sizeof address);
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0) {
    if (fd >= 0)
      close(fd);
    skip(); /* this machine has no IPv6 */
  }
  assert_int_equal(listen(fd, 8), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  snprintf(want, sizeof want, "[::1]:%d", ntohs(address.sin6_port));
  for (i = 0; i < COUNT(spellings); i++) {
    sslc_dial *dial = start(spellings[i], ntohs(address.sin6_port));

    assert_ok(drive(dial, NULL), sslc_dial_error(dial));
    assert_string_equal(sslc_dial_address(dial), want);
    sslc_dial_free(dial);
  }
  close(fd);
}

/* --------------------------------------------------------------- failures */

static void
test_refused(void **state)
{
  const char *host = *state;
  int port = unused_port(), again;
  sslc_dial *dial = start(host, port);
  char part[64];

  for (again = 0; again < 2; again++) {
    assert_status(drive(dial, NULL), SSLC_ERR_SYS, sslc_dial_error(dial));
    assert_code(sslc_dial_error(dial), SSLC_CODE_CONNECTION_REFUSED);
    assert_phase(sslc_dial_error(dial), SSLC_PHASE_CONNECT);
    assert_int_equal(sslc_error_errno(sslc_dial_error(dial)), ECONNREFUSED);
  }
  snprintf(part, sizeof part, "127.0.0.1:%d", port);
  assert_has(sslc_error_message(sslc_dial_error(dial)), part);
  assert_has(sslc_error_text(sslc_dial_error(dial)), strerror(ECONNREFUSED));
  snprintf(part, sizeof part, ":%d", port);
  assert_has(sslc_error_host(sslc_dial_error(dial)), part);
  assert_int_equal(sslc_dial_take_fd(dial), -1);
  sslc_dial_free(dial);
}

static void
test_timeout(void **state)
{
  struct full full;
  sslc_dial *dial;
  char part[64];

  (void)state;
  assert_true(full_init(&full, "127.0.0.1", 0));
  dial = start("127.0.0.1", full.port);
  assert_status(sslc_dial_wait(dial, sslc_deadline(30)), SSLC_ERR_TIMEOUT,
                sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_TIMEOUT);
  assert_phase(sslc_dial_error(dial), SSLC_PHASE_CONNECT);
  snprintf(part, sizeof part, "127.0.0.1:%d", full.port);
  assert_has(sslc_error_text(sslc_dial_error(dial)), part);
  /* It is not final. */
  assert_status(sslc_dial_step(dial), SSLC_WANT_CONNECT,
                sslc_dial_error(dial));
  assert_null(sslc_dial_error(dial));
  sslc_dial_free(dial);
  full_free(&full);
}

/* RFC 6761, 6.4: nobody is asked. */
static void
test_unknown_name(void **state)
{
  sslc_dial *dial = sslc_dial_new();

  (void)state;
  assert_status(sslc_dial_start(dial, "no-such-host.invalid", 443),
                SSLC_ERR_DNS, sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_DNS_FAILED);
  assert_phase(sslc_dial_error(dial), SSLC_PHASE_DNS);
  assert_string_equal(sslc_error_message(sslc_dial_error(dial)),
                      "\"no-such-host.invalid\" does not exist");
  assert_string_equal(sslc_error_host(sslc_dial_error(dial)),
                      "no-such-host.invalid:443");
  assert_status(sslc_dial_step(dial), SSLC_ERR_DNS, sslc_dial_error(dial));
  sslc_dial_free(dial);
}

/* What was misused later does not hide why it failed. */
static void
test_failed_for_good(void **state)
{
  sslc_dial *dial = sslc_dial_new();

  (void)state;
  assert_status(sslc_dial_start(dial, "x.invalid", 443), SSLC_ERR_DNS,
                sslc_dial_error(dial));
  assert_status(sslc_dial_start(dial, "127.0.0.1", 443), SSLC_ERR_STATE,
                sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_MISUSE);
  assert_status(sslc_dial_step(dial), SSLC_ERR_DNS, sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_DNS_FAILED);
  assert_int_equal(sslc_dial_phase(dial), SSLC_PHASE_DNS);
  sslc_dial_free(dial);
}

static const struct bad {
  const char *host;
  int port;
  const char *says;
} bads[] = {
  { NULL, 443, "host" }, { "", 443, "host" }, { "*.example", 443, "host" },
  { "127.1", 443, "host" }, { "a b", 443, "host" },
  { "localhost:443", 443, "host" }, { "https://localhost", 443, "host" },
  { "localhost", 0, "port" }, { "localhost", -1, "port" },
  { "localhost", 65536, "port" }, { "127.0.0.1", 1 << 20, "port" },
  { "fe80::1%no-such-if", 443, "network interface" },
};

static void
test_bad_arguments(void **state)
{
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(bads); i++) {
    sslc_dial *dial = sslc_dial_new();

    assert_status(sslc_dial_start(dial, bads[i].host, bads[i].port),
                  SSLC_ERR_ARG, sslc_dial_error(dial));
    assert_code(sslc_dial_error(dial), SSLC_CODE_BAD_OPTION);
    assert_has(sslc_error_message(sslc_dial_error(dial)), bads[i].says);
    sslc_dial_free(dial);
  }
}

static void
test_order(void **state)
{
  sslc_dial *dial = sslc_dial_new();

  (void)state;
  assert_status(sslc_dial_step(dial), SSLC_ERR_STATE, sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_MISUSE);
  assert_int_equal(sslc_dial_fd(dial), -1);
  assert_int_equal(sslc_dial_events(dial), 0);
  assert_true(sslc_dial_timeout(dial) == -1);
  assert_int_equal(sslc_dial_phase(dial), SSLC_PHASE_DNS);
  assert_string_equal(sslc_dial_address(dial), "");
  assert_ok(sslc_dial_start(dial, "127.0.0.1", unused_port()),
            sslc_dial_error(dial));
  assert_status(sslc_dial_start(dial, "127.0.0.1", 443), SSLC_ERR_STATE,
                sslc_dial_error(dial));
  assert_code(sslc_dial_error(dial), SSLC_CODE_MISUSE);
  /* The first one goes on. */
  assert_status(drive(dial, NULL), SSLC_ERR_SYS, sslc_dial_error(dial));
  sslc_dial_free(dial);
}

static void
test_nothing(void **state)
{
  (void)state;
  sslc_dial_free(NULL);
  assert_int_equal(sslc_dial_start(NULL, "localhost", 1), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_step(NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_wait(NULL, 0), SSLC_ERR_ARG);
  assert_int_equal(sslc_dial_fd(NULL), -1);
  assert_int_equal(sslc_dial_take_fd(NULL), -1);
  assert_int_equal(sslc_dial_events(NULL), 0);
  assert_int_equal(sslc_dial_phase(NULL), SSLC_PHASE_NONE);
  assert_true(sslc_dial_timeout(NULL) == -1);
  assert_string_equal(sslc_dial_address(NULL), "");
  assert_int_equal(sslc_dial_start_unix(NULL, "/x"), SSLC_ERR_ARG);
  assert_null(sslc_dial_error(NULL));
}

int
main(void)
{
  static char texts[COUNT(hosts)][64];
  size_t i;

  for (i = 0; i < COUNT(hosts); i++) {
    snprintf(texts[i], sizeof texts[i], "%s is reached", hosts[i]);
    add_test(texts[i], test_connect, hosts[i]);
  }
  add_test("::1 is reached in each spelling", test_ipv6, NULL);
  add_test("waiting does the same", test_wait, NULL);
  add_test("the socket is nonblocking and the caller's", test_take, NULL);
  add_test("a socket that is not taken is closed", test_not_taken, NULL);
  add_test("a refused address is told", test_refused, hosts[0]);
  add_test("a refused name is told with its addresses", test_refused,
           hosts[1]);
  add_test("a host that does not answer is a timeout, and not final",
           test_timeout, NULL);
  add_test("a name that does not resolve is dns_failed", test_unknown_name,
           NULL);
  add_test("a failure is final, whatever is misused later",
           test_failed_for_good, NULL);
  add_test("bad hosts and ports are refused", test_bad_arguments, NULL);
  add_test("calls out of order are misuse", test_order, NULL);
  add_test("calls of nothing are refused", test_nothing, NULL);
  return run_all("dial");
}
