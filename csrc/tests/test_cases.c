/*
 * test_cases.c: every case of casekit's through real handshakes, with TLS 1.3
 * and with TLS 1.2, and as a chain without a connection: the verdict and the
 * code must be what the case says in all of them, and who was refused must have
 * got nothing.  docs/cases.md lists the cases.
 */
#include "support_cases.h"

#include <stdlib.h>

#define MAX_CERTS 16

static struct test_case *cases;
static size_t count;

/* ---------------------------------------------------------------- verdicts */

static void
check_result(const struct test_case *c, const sslc_error *error)
{
  int result = (int)strtol(case_text(c, CASE_RESULT), NULL, 10);

  if (result != 0)
    assert_int_equal(sslc_error_verify_result(error), result);
}

/* The connection is of no use, now and later. */
static void
check_refused(const struct test_case *c, sslc_conn *conn)
{
  int code = case_code(c);
  sslc_status status;
  char buf[8];
  size_t n = 7;

  assert_int_equal(sslc_error_code(sslc_conn_error(conn)), code);
  check_result(c, sslc_conn_error(conn));
  status = sslc_error_status(sslc_conn_error(conn));
  assert_int_equal(sslc_conn_is_connected(conn), 0);
  assert_int_equal(sslc_conn_is_verified(conn), 0);
  assert_null(sslc_conn_get1_session(conn));
  assert_status(sslc_conn_read(conn, buf, sizeof buf, &n), status,
                sslc_conn_error(conn));
  assert_int_equal(n, 0);
  assert_status(sslc_conn_write(conn, "x", 1, &n), status,
                sslc_conn_error(conn));
  assert_int_equal(n, 0);
  assert_status(sslc_conn_do_handshake(conn), status, sslc_conn_error(conn));
  assert_int_equal(sslc_error_code(sslc_conn_error(conn)), code);
}

static void
check_accepted(sslc_conn *conn, sslc_conn *other)
{
  assert_null(sslc_conn_error(conn));
  assert_int_equal(sslc_conn_is_connected(conn), 1);
  assert_int_equal(sslc_conn_is_verified(conn), 1);
  send_through(other, conn, "hello", 5);
  send_through(conn, other, "there", 5);
}

/* -------------------------------------------------------------- handshakes */

/* The name is refused before anything is sent. */
static void
check_no_name(const struct test_case *c, sslc_ctx *judge)
{
  sslc_conn *conn = sslc_conn_new(judge);

  assert_non_null(conn);
  assert_status(sslc_conn_set_server_name(conn, case_text(c, CASE_HOST)),
                SSLC_ERR_ARG, sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  sslc_conn_free(conn);
}

/* A server that is nothing but bytes. */
static void
check_flight(const struct test_case *c, sslc_ctx *judge)
{
  sslc_conn *conn = sslc_conn_new(judge);
  sslc_bio *near, *far;

  assert_non_null(conn);
  assert_int_equal(sslc_bio_new_pair(&near, 0, &far, 0), SSLC_OK);
  assert_ok(sslc_conn_set_bio(conn, near, near), sslc_conn_error(conn));
  assert_ok(sslc_conn_set_server_name(conn, case_text(c, CASE_HOST)),
            sslc_conn_error(conn));
  assert_status(sslc_conn_connect(conn), SSLC_WANT_READ,
                sslc_conn_error(conn));
  inject(far, case_text(c, CASE_FLIGHT), c->fields[CASE_FLIGHT].len);
  assert_true(sslc_conn_connect(conn) < 0);
  check_refused(c, conn);
  sslc_bio_free(near);
  sslc_bio_free(far);
  sslc_conn_free(conn);
}

static void
check_peers(const struct test_case *c, sslc_ctx *judge, sslc_ctx *shower)
{
  struct peers p;
  int is_client = case_is_client(c);
  sslc_conn *judging, *showing;

  sslc_ctx_up_ref(judge);
  if (is_client)
    peers_init(&p, shower, judge, "localhost");
  else
    peers_init(&p, judge, shower, case_text(c, CASE_HOST));
  shake(&p);
  judging = is_client ? p.server : p.client;
  showing = is_client ? p.client : p.server;
  if (case_code(c) == SSLC_CODE_NONE) {
    assert_ok(sslc_conn_do_handshake(judging), sslc_conn_error(judging));
    check_accepted(judging, showing);
  } else {
    check_refused(c, judging);
  }
  peers_free(&p);
}

/* The same with TLS 1.2. */
static void
check_old_peers(const struct test_case *c, sslc_ctx *judge)
{
  sslc_ctx *shower = case_shower_ctx(c);

  assert_ok(sslc_ctx_set_max_version(shower, SSLC_TLS1_2),
            sslc_ctx_error(shower));
  check_peers(c, judge, shower);
}

/* The second time on the same context, with TLS 1.2. */
static void
test_handshakes(void **state)
{
  const struct test_case *c = *state;
  sslc_ctx *judge = case_judge_ctx(c);

  if (case_code(c) == SSLC_CODE_BAD_OPTION) {
    check_no_name(c, judge);
    sslc_ctx_free(judge);
    return;
  }
  if (case_is_served(c))
    check_peers(c, judge, case_shower_ctx(c));
  if (case_has(c, CASE_FLIGHT))
    check_flight(c, judge);
  else
    check_old_peers(c, judge);
  sslc_ctx_free(judge);
}

/* -------------------------------------------------- without a connection */

static void
check_chain(const struct test_case *c, sslc_ctx *judge, sslc_cert **certs,
            size_t n)
{
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  const sslc_cert *rest[MAX_CERTS];
  int code = case_code(c);
  sslc_error *error;
  sslc_status status;
  size_t i;

  for (i = 1; i < n; i++)
    rest[i - 1] = certs[i];
  options.name = case_is_client(c) ? NULL : case_text(c, CASE_HOST);
  options.purpose =
    case_is_client(c) ? SSLC_PURPOSE_CLIENT : SSLC_PURPOSE_SERVER;
  status = sslc_ctx_verify_chain(judge, certs[0], rest, n - 1, &options,
                                 &error);
  assert_int_equal(sslc_error_code(error), code);
  assert_int_equal(status, sslc_error_status(error));
  assert_int_equal(status == SSLC_OK, code == SSLC_CODE_NONE);
  if (error != NULL)
    check_result(c, error);
  sslc_error_free(error);
}

/* What cannot be read does not even become a chain. */
static void
test_chain(void **state)
{
  const struct test_case *c = *state;
  sslc_ctx *judge = case_judge_ctx(c);
  sslc_cert *certs[MAX_CERTS];
  size_t n = case_certs(c, certs, MAX_CERTS), i;

  assert_int_equal(n == 0, case_code(c) == SSLC_CODE_PROTOCOL_ERROR);
  if (n > 0)
    check_chain(c, judge, certs, n);
  for (i = 0; i < n; i++)
    sslc_cert_free(certs[i]);
  sslc_ctx_free(judge);
}

/* -------------------------------------------------------------- the table */

/* There are enough of them, and most are refused. */
static void
test_count(void **state)
{
  size_t refused = 0, i;

  (void)state;
  for (i = 0; i < count; i++)
    refused += case_code(&cases[i]) != SSLC_CODE_NONE;
  assert_true(count >= 120);
  assert_true(refused >= 100);
  assert_true(count - refused >= 20);
}

/* valgrind looks at memory, which some of them show as well as all. */
int
main(void)
{
  size_t step = under_valgrind() ? 5 : 1;
  size_t i;

  count = read_cases(&cases);
  add_test("there are enough cases", test_count, NULL);
  for (i = 0; i < count; i += step) {
    add_test(case_text(&cases[i], CASE_NAME), test_handshakes, &cases[i]);
    add_test("... without a connection", test_chain, &cases[i]);
  }
  return run_all("cases");
}
