/*
 * test_misuse.c: calls that come too early, too late, twice, or with nothing
 * in their hands.  Each says so, and nothing that was there is lost.
 */
#include "support.h"

#include <string.h>

static sslc_conn *
new_conn(void)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  sslc_ctx_free(ctx);
  return conn;
}

/* The refusal is misuse, in this phase. */
static void
check_misuse(sslc_conn *conn, sslc_status status, int phase)
{
  assert_status(status, SSLC_ERR_STATE, sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_MISUSE);
  assert_phase(sslc_conn_error(conn), phase);
  assert_int_equal(sslc_conn_last_status(conn), SSLC_ERR_STATE);
}

/* ---------------------------------------------------------------- nothing */

static void
test_null_steps(void **state)
{
  char buf[4];
  size_t n = 7;

  (void)state;
  assert_null(sslc_conn_new(NULL));
  sslc_conn_free(NULL);
  sslc_conn_close(NULL);
  assert_int_equal(sslc_conn_set_bio(NULL, NULL, NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_set_server_name(NULL, "a.example"),
                   SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_set_peer_label(NULL, "a"), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_set_connect_state(NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_set_accept_state(NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_do_handshake(NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_connect(NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_accept(NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_read(NULL, buf, 1, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_peek(NULL, buf, 1, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_write(NULL, buf, 1, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_shutdown(NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_do_handshake_wait(NULL, 0), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_read_wait(NULL, buf, 1, &n, 0), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_write_wait(NULL, buf, 1, &n, 0), SSLC_ERR_ARG);
  assert_int_equal(sslc_conn_shutdown_wait(NULL, 0), SSLC_ERR_ARG);
}

static void
test_null_getters(void **state)
{
  (void)state;
  assert_null(sslc_conn_rbio(NULL));
  assert_null(sslc_conn_wbio(NULL));
  assert_null(sslc_conn_error(NULL));
  assert_null(sslc_conn_version(NULL));
  assert_null(sslc_conn_cipher(NULL));
  assert_null(sslc_conn_group(NULL));
  assert_null(sslc_conn_alpn(NULL));
  assert_null(sslc_conn_server_name(NULL));
  assert_null(sslc_conn_state_string(NULL));
  assert_null(sslc_conn_peer_cert(NULL, 0));
  assert_int_equal(sslc_conn_peer_cert_count(NULL), 0);
  assert_int_equal(sslc_conn_get_shutdown(NULL), 0);
  assert_int_equal(sslc_conn_pending(NULL), 0);
  assert_int_equal(sslc_conn_has_pending(NULL), 0);
  assert_int_equal(sslc_conn_is_connected(NULL), 0);
  assert_int_equal(sslc_conn_is_verified(NULL), 0);
  assert_int_equal(sslc_conn_session_reused(NULL), 0);
  assert_int_equal(sslc_conn_is_server(NULL), -1);
  assert_int_equal(sslc_conn_fd(NULL), -1);
}

static void
test_null_cert(void **state)
{
  size_t len = 7;

  (void)state;
  assert_null(sslc_cert_up_ref(NULL));
  sslc_cert_free(NULL);
  assert_null(sslc_cert_subject(NULL));
  assert_null(sslc_cert_issuer(NULL));
  assert_null(sslc_cert_serial(NULL));
  assert_int_equal(sslc_cert_name_count(NULL), 0);
  assert_null(sslc_cert_name(NULL, 0));
  assert_int_equal(sslc_cert_not_before(NULL), 0);
  assert_int_equal(sslc_cert_not_after(NULL), 0);
  assert_null(sslc_cert_fingerprint(NULL));
  assert_null(sslc_cert_der(NULL, &len));
  assert_int_equal(len, 0);
  assert_null(sslc_cert_pem(NULL));
}

/* -------------------------------------------------------------- too early */

static void
test_nothing_set(void **state)
{
  sslc_conn *conn = new_conn();

  (void)state;
  check_misuse(conn, sslc_conn_do_handshake(conn), SSLC_PHASE_HANDSHAKE);
  assert_int_equal(sslc_conn_is_server(conn), -1);
  assert_ok(sslc_conn_set_connect_state(conn), sslc_conn_error(conn));
  assert_int_equal(sslc_conn_is_server(conn), 0);
  check_misuse(conn, sslc_conn_do_handshake(conn), SSLC_PHASE_HANDSHAKE);
  check_misuse(conn, sslc_conn_connect(conn), SSLC_PHASE_HANDSHAKE);
  assert_has(sslc_error_message(sslc_conn_error(conn)), "BIO");
  sslc_conn_free(conn);
}

static void
test_one_bio(void **state)
{
  sslc_conn *conn = new_conn();
  sslc_bio *a, *b;

  (void)state;
  assert_int_equal(sslc_bio_new_pair(&a, 0, &b, 0), SSLC_OK);
  assert_status(sslc_conn_set_bio(conn, a, NULL), SSLC_ERR_ARG,
                sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), SSLC_CODE_BAD_OPTION);
  assert_status(sslc_conn_set_bio(conn, NULL, a), SSLC_ERR_ARG,
                sslc_conn_error(conn));
  assert_null(sslc_conn_rbio(conn));
  assert_ok(sslc_conn_set_bio(conn, a, b), sslc_conn_error(conn));
  assert_ptr_equal(sslc_conn_rbio(conn), a);
  assert_ptr_equal(sslc_conn_wbio(conn), b);
  assert_ok(sslc_conn_set_bio(conn, b, b), sslc_conn_error(conn));
  assert_ptr_equal(sslc_conn_rbio(conn), b);
  sslc_bio_free(a);
  sslc_bio_free(b);
  sslc_conn_free(conn);
}

static void
check_no_io(sslc_conn *conn)
{
  char buf[4];
  size_t n = 7;

  check_misuse(conn, sslc_conn_read(conn, buf, 1, &n), SSLC_PHASE_READ);
  assert_int_equal(n, 0);
  check_misuse(conn, sslc_conn_peek(conn, buf, 1, &n), SSLC_PHASE_READ);
  n = 7;
  check_misuse(conn, sslc_conn_write(conn, buf, 1, &n), SSLC_PHASE_WRITE);
  assert_int_equal(n, 0);
  check_misuse(conn, sslc_conn_shutdown(conn), SSLC_PHASE_SHUTDOWN);
}

/* At each point of a handshake nothing but the handshake goes on, and that
 * does. */
static void
test_io_before_handshake(void **state)
{
  struct peers p;
  sslc_conn *unset = new_conn();

  (void)state;
  check_no_io(unset);
  sslc_conn_free(unset);
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  check_no_io(p.client);
  check_no_io(p.server);
  while (is_want(sslc_conn_connect(p.client))) {
    check_no_io(p.client);
    check_no_io(p.server);
    sslc_conn_accept(p.server);
  }
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_null(sslc_conn_error(p.client));
  send_through(p.client, p.server, "hello", 5);
  peers_free(&p);
}

/* --------------------------------------------------------------- too late */

static void
check_settings_over(sslc_conn *conn)
{
  check_misuse(conn, sslc_conn_set_connect_state(conn), SSLC_PHASE_NONE);
  check_misuse(conn, sslc_conn_set_accept_state(conn), SSLC_PHASE_NONE);
  check_misuse(conn, sslc_conn_set_server_name(conn, "x.example"),
               SSLC_PHASE_NONE);
  check_misuse(conn, sslc_conn_set_hold_flight(conn, 1), SSLC_PHASE_NONE);
}

static void
test_settings_over(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  sslc_conn_connect(p.client);
  sslc_conn_accept(p.server);
  check_settings_over(p.client);
  check_settings_over(p.server);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  check_settings_over(p.client);
  check_settings_over(p.server);
  send_through(p.client, p.server, "hello", 5);
  peers_free(&p);
}

static void
test_wrong_role(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  check_misuse(p.client, sslc_conn_accept(p.client), SSLC_PHASE_HANDSHAKE);
  check_misuse(p.server, sslc_conn_connect(p.server), SSLC_PHASE_HANDSHAKE);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  check_misuse(p.client, sslc_conn_accept(p.client), SSLC_PHASE_HANDSHAKE);
  assert_int_equal(sslc_conn_is_server(p.client), 0);
  assert_int_equal(sslc_conn_is_server(p.server), 1);
  peers_free(&p);
}

static void
test_role_changes_before(void **state)
{
  sslc_conn *conn = new_conn();

  (void)state;
  assert_ok(sslc_conn_set_accept_state(conn), sslc_conn_error(conn));
  assert_int_equal(sslc_conn_is_server(conn), 1);
  assert_ok(sslc_conn_set_connect_state(conn), sslc_conn_error(conn));
  assert_int_equal(sslc_conn_is_server(conn), 0);
  sslc_conn_free(conn);
}

static void
test_server_without_certificate(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_client_ctx(), "localhost");
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_status(sslc_conn_accept(p.server), SSLC_ERR_ARG,
                sslc_conn_error(p.server));
  assert_code(sslc_conn_error(p.server), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_conn_error(p.server)), "certificate");
  peers_free(&p);
}

/* A write that waits wants all of its bytes again, no fewer. */
static void
test_other_write(void **state)
{
  static const char bytes[16384];
  struct peers p;
  sslc_status status;
  size_t n;

  (void)state;
  peers_connect(&p);
  do {
    status = sslc_conn_write(p.client, bytes, sizeof bytes, &n);
  } while (status == SSLC_OK);
  assert_status(status, SSLC_WANT_WRITE, sslc_conn_error(p.client));
  check_misuse(p.client, sslc_conn_write(p.client, bytes, 10, &n),
               SSLC_PHASE_WRITE);
  assert_int_equal(n, 0);
  drop(sslc_conn_rbio(p.server));
  assert_ok(sslc_conn_write(p.client, bytes, sizeof bytes, &n),
            sslc_conn_error(p.client));
  peers_free(&p);
}

/* ----------------------------------------------------------------- sticky */

/* After a failure each step gives it again, and libssl is not asked. */
static void
test_sticky(void **state)
{
  struct peers p;
  char text[1024], buf[4];
  size_t n, i;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("expired"), "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  assert_true(strlen(sslc_error_text(sslc_conn_error(p.client))) <
              sizeof text);
  strcpy(text, sslc_error_text(sslc_conn_error(p.client)));
  for (i = 0; i < 6; i++) {
    const sslc_status again[] = {
      sslc_conn_do_handshake(p.client), sslc_conn_connect(p.client),
      sslc_conn_read(p.client, buf, 1, &n),
      sslc_conn_peek(p.client, buf, 1, &n),
      sslc_conn_write(p.client, buf, 1, &n), sslc_conn_shutdown(p.client),
    };

    assert_int_equal(again[i], SSLC_ERR_VERIFY);
    assert_string_equal(sslc_error_text(sslc_conn_error(p.client)), text);
    assert_int_equal(sslc_conn_last_status(p.client), SSLC_ERR_VERIFY);
  }
  peers_free(&p);
}

/* A refusal in between hides the failure only until the next step. */
static void
test_sticky_through_misuse(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("expired"), "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  check_misuse(p.client, sslc_conn_accept(p.client), SSLC_PHASE_HANDSHAKE);
  assert_status(sslc_conn_connect(p.client), SSLC_ERR_VERIFY,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CERTIFICATE_EXPIRED);
  peers_free(&p);
}

static void
test_close_after_failure(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("expired"), "localhost");
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  sslc_conn_close(p.client);
  assert_status(sslc_conn_connect(p.client), SSLC_ERR_STATE,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CLOSED);
  peers_free(&p);
}

int
main(void)
{
  add_test("steps of nothing are refused", test_null_steps, NULL);
  add_test("nothing is known of nothing", test_null_getters, NULL);
  add_test("nothing is known of no certificate", test_null_cert, NULL);
  add_test("a handshake needs a role and a BIO", test_nothing_set, NULL);
  add_test("a connection takes two BIOs or none", test_one_bio, NULL);
  add_test("nothing but the handshake goes on before it is done",
           test_io_before_handshake, NULL);
  add_test("settings are over once the handshake has begun",
           test_settings_over, NULL);
  add_test("a client does not accept and a server does not connect",
           test_wrong_role, NULL);
  add_test("the role may change before", test_role_changes_before, NULL);
  add_test("a server needs a certificate", test_server_without_certificate,
           NULL);
  add_test("an unfinished write wants its bytes again", test_other_write,
           NULL);
  add_test("a failure is the answer to each later step", test_sticky, NULL);
  add_test("a refusal does not replace a failure",
           test_sticky_through_misuse, NULL);
  add_test("after close a failure is over too", test_close_after_failure,
           NULL);
  return run_all("misuse");
}
