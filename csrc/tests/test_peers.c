/*
 * test_peers.c: peers that speak something else, send alerts, or break off.
 * The bytes are put before a connection that has begun its handshake.
 */
#include "support.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void
begin(struct wire *w, int version)
{
  sslc_ctx *ctx = make_client_ctx();

  assert_ok(sslc_ctx_set_max_version(ctx, version), sslc_ctx_error(ctx));
  wire_init(w, ctx, make_server_ctx("good"), "localhost");
  assert_status(sslc_conn_connect(w->client), SSLC_WANT_READ,
                sslc_conn_error(w->client));
}

/* ---------------------------------------------------------------- not TLS */

static const struct greeting {
  const char *test;
  const char *bytes;
  const char *looks_like; /* part of the message */
} greetings[] = {
  { "an HTTP answer is recognised",
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "HTTP" },
  { "a bare HTML page is recognised", "<html><head></head></html>", "HTTP" },
  { "an SSH server is recognised", "SSH-2.0-OpenSSH_9.2p1\r\n", "SSH" },
  { "an SMTP server is recognised", "220 mail.example ESMTP\r\n", "SMTP" },
  { "an SMTP greeting of many lines is recognised",
    "220-mail.example ESMTP\r\n220 ready\r\n", "SMTP" },
  { "an FTP server is recognised", "220 (vsFTPd 3.0.3)\r\n", "FTP" },
  { "an IMAP server is recognised", "* OK IMAP4rev1 ready\r\n", "IMAP" },
  { "a POP3 server is recognised", "+OK POP3 ready\r\n", "POP3" },
  { "an unknown text is not TLS", "hello there\r\n", "hello" },
  { "unknown bytes are not TLS", "\x01\x02\x03\x04\x05\x06\x07\x08", "" },
};

static void
check_not_tls(sslc_conn *conn, const char *looks_like)
{
  int again;

  for (again = 0; again < 2; again++) {
    assert_status(sslc_conn_do_handshake(conn), SSLC_ERR_PROTO,
                  sslc_conn_error(conn));
    assert_code(sslc_conn_error(conn), SSLC_CODE_NOT_TLS);
    assert_phase(sslc_conn_error(conn), SSLC_PHASE_HANDSHAKE);
    assert_has(sslc_error_message(sslc_conn_error(conn)), looks_like);
  }
  assert_int_equal(sslc_conn_is_connected(conn), 0);
}

static void
test_not_tls(void **state)
{
  const struct greeting *g = *state;
  struct wire w;

  begin(&w, 0);
  inject(w.to_client, g->bytes, strlen(g->bytes));
  check_not_tls(w.client, g->looks_like);
  wire_free(&w);
}

static void
test_not_tls_bytewise(void **state)
{
  const struct greeting *g = *state;
  struct wire w;
  size_t i;

  begin(&w, 0);
  for (i = 0; g->bytes[i] != '\0'; i++) {
    inject(w.to_client, g->bytes + i, 1);
    if (sslc_conn_connect(w.client) != SSLC_WANT_READ)
      break;
  }
  check_not_tls(w.client, g->looks_like);
  wire_free(&w);
}

/* The server may have ended before its greeting is looked at. */
static void
test_not_tls_ended(void **state)
{
  const struct greeting *g = *state;
  struct wire w;

  begin(&w, 0);
  inject(w.to_client, g->bytes, strlen(g->bytes));
  assert_ok(sslc_bio_shutdown_wr(w.to_client), sslc_bio_error(w.to_client));
  check_not_tls(w.client, g->looks_like);
  wire_free(&w);
}

static void
test_http_request(void **state)
{
  static const char request[] = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
  struct wire w;

  (void)state;
  begin(&w, 0);
  inject(w.to_server, request, sizeof request - 1);
  check_not_tls(w.server, "HTTP");
  wire_free(&w);
}

/* ----------------------------------------------------------------- alerts */

static const struct alert {
  const char *test;
  unsigned char number;
  const char *name;
  int code;
} alerts[] = {
  { "access_denied is told by its name", 49, "access_denied",
    SSLC_CODE_ALERT },
  { "unrecognized_name is told by its name", 112, "unrecognized_name",
    SSLC_CODE_ALERT },
  { "internal_error is told by its name", 80, "internal_error",
    SSLC_CODE_ALERT },
  { "an alert without a name is told by its number", 200, "",
    SSLC_CODE_ALERT },
  { "protocol_version is protocol_version", 70, "protocol_version",
    SSLC_CODE_PROTOCOL_VERSION },
  { "handshake_failure is no_shared_parameters", 40, "handshake_failure",
    SSLC_CODE_NO_SHARED_PARAMETERS },
  { "insufficient_security is no_shared_parameters", 71,
    "insufficient_security", SSLC_CODE_NO_SHARED_PARAMETERS },
  { "no_application_protocol is no_shared_parameters", 120,
    "no_application_protocol", SSLC_CODE_NO_SHARED_PARAMETERS },
};

static void
test_alert(void **state)
{
  const struct alert *alert = *state;
  const unsigned char record[] = { 0x15, 3, 3, 0, 2, 2, alert->number };
  const sslc_error *err;
  struct wire w;
  int again;

  begin(&w, 0);
  inject(w.to_client, record, sizeof record);
  for (again = 0; again < 2; again++) {
    sslc_status status = sslc_conn_connect(w.client);

    err = sslc_conn_error(w.client);
    assert_status(status, sslc_code_status(alert->code), err);
    assert_code(err, alert->code);
    assert_phase(err, SSLC_PHASE_HANDSHAKE);
    assert_int_equal(sslc_error_alert(err), alert->number);
    assert_string_equal(sslc_error_alert_name(err), alert->name);
    assert_has(sslc_error_message(err), alert->name);
  }
  if (alert->code == SSLC_CODE_ALERT && alert->name[0] == '\0')
    assert_has(sslc_error_message(err), "200");
  wire_free(&w);
}

/* The alert is the reason, not the end that comes with it. */
static void
test_alert_before_end(void **state)
{
  static const unsigned char record[] = { 0x15, 3, 3, 0, 2, 2, 49 };
  struct peers p;
  char buf[8192];
  int fds[2];
  sslc_bio *bio;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  make_sockets(fds);
  bio = sslc_bio_new_socket(fds[0], SSLC_CLOSE);
  assert_ok(sslc_conn_set_bio(p.client, bio, bio), sslc_conn_error(p.client));
  sslc_bio_free(bio);
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_true(read(fds[1], buf, sizeof buf) > 0);
  assert_int_equal(write(fds[1], record, sizeof record), sizeof record);
  close(fds[1]);
  assert_status(sslc_conn_connect(p.client), SSLC_ERR_ALERT,
                sslc_conn_error(p.client));
  assert_string_equal(sslc_error_alert_name(sslc_conn_error(p.client)),
                      "access_denied");
  peers_free(&p);
}

/* -------------------------------------------------------- the wire breaks */

static void
test_reset_in_handshake(void **state)
{
  struct peers p;
  int fds[2], again;
  sslc_bio *bio;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  make_sockets(fds);
  bio = sslc_bio_new_socket(fds[0], SSLC_CLOSE);
  assert_ok(sslc_conn_set_bio(p.client, bio, bio), sslc_conn_error(p.client));
  sslc_bio_free(bio);
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  /* The ClientHello is unread: a Unix socket then resets. */
  close(fds[1]);
  for (again = 0; again < 2; again++) {
    const sslc_error *err;

    assert_status(sslc_conn_connect(p.client), SSLC_ERR_SYS,
                  sslc_conn_error(p.client));
    err = sslc_conn_error(p.client);
    assert_code(err, SSLC_CODE_CONNECTION_RESET);
    assert_phase(err, SSLC_PHASE_HANDSHAKE);
    assert_int_equal(sslc_error_errno(err), ECONNRESET);
    assert_int_equal(sslc_error_ssl_error(err), 5);
  }
  peers_free(&p);
}

static void
test_reset_in_read(void **state)
{
  struct peers p;
  char buf[16];
  size_t n;
  int again;

  (void)state;
  peers_init_sockets(&p, make_client_ctx(), make_server_ctx("good"),
                     "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_ok(sslc_conn_write(p.client, "unread", 6, &n),
            sslc_conn_error(p.client));
  sslc_conn_free(p.server);
  p.server = NULL;
  for (again = 0; again < 2; again++) {
    assert_status(sslc_conn_read(p.client, buf, sizeof buf, &n), SSLC_ERR_SYS,
                  sslc_conn_error(p.client));
    assert_code(sslc_conn_error(p.client), SSLC_CODE_CONNECTION_RESET);
    assert_phase(sslc_conn_error(p.client), SSLC_PHASE_READ);
    assert_int_equal(sslc_error_errno(sslc_conn_error(p.client)), ECONNRESET);
  }
  /* What ended the reads ended the writes. */
  assert_status(sslc_conn_write(p.client, "x", 1, &n), SSLC_ERR_SYS,
                sslc_conn_error(p.client));
  assert_phase(sslc_conn_error(p.client), SSLC_PHASE_READ);
  peers_free(&p);
}

/* SIGPIPE is at its default here: it would end the test. */
static void
test_broken_pipe_in_write(void **state)
{
  struct peers p;
  size_t n = 7;

  (void)state;
  peers_init_sockets(&p, make_client_ctx(), make_server_ctx("good"),
                     "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  sslc_conn_free(p.server);
  p.server = NULL;
  assert_status(sslc_conn_write(p.client, "x", 1, &n), SSLC_ERR_SYS,
                sslc_conn_error(p.client));
  assert_int_equal(n, 0);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CONNECTION_RESET);
  assert_phase(sslc_conn_error(p.client), SSLC_PHASE_WRITE);
  assert_int_equal(sslc_error_errno(sslc_conn_error(p.client)), EPIPE);
  peers_free(&p);
}

/* ------------------------------------------------------- broken protocol */

/* A record that was changed on its way. */
static void
test_forged_record(void **state)
{
  struct wire w;
  char buf[256];
  size_t n;
  int again;

  (void)state;
  begin(&w, 0);
  assert_ok(wire_shake(&w, 1000), sslc_conn_error(w.client));
  assert_ok(sslc_conn_write(w.server, "hello", 5, &n),
            sslc_conn_error(w.server));
  while (sslc_bio_pending(w.to_server) > sizeof buf)
    assert_true(wire_move(&w, 1));
  assert_ok(sslc_bio_read(w.to_server, buf, sizeof buf, &n),
            sslc_bio_error(w.to_server));
  buf[n - 1] ^= 1;
  inject(w.to_client, buf, n);
  for (again = 0; again < 2; again++) {
    size_t got = 7;

    assert_status(sslc_conn_read(w.client, buf, sizeof buf, &got),
                  SSLC_ERR_PROTO, sslc_conn_error(w.client));
    assert_int_equal(got, 0);
    assert_code(sslc_conn_error(w.client), SSLC_CODE_PROTOCOL_ERROR);
    assert_phase(sslc_conn_error(w.client), SSLC_PHASE_READ);
  }
  /* The peer is told. */
  while (wire_move(&w, 1000))
    ;
  assert_status(sslc_conn_read(w.server, buf, sizeof buf, &n), SSLC_ERR_ALERT,
                sslc_conn_error(w.server));
  assert_string_equal(sslc_error_alert_name(sslc_conn_error(w.server)),
                      "bad_record_mac");
  wire_free(&w);
}

/* A record of TLS, but not one that may come here. */
static void
test_wrong_record(void **state)
{
  static const unsigned char record[] = { 0x17, 3, 3, 0, 4, 'd', 'a', 't',
                                          'a' };
  struct wire w;

  (void)state;
  begin(&w, 0);
  inject(w.to_client, record, sizeof record);
  assert_status(sslc_conn_connect(w.client), SSLC_ERR_PROTO,
                sslc_conn_error(w.client));
  assert_code(sslc_conn_error(w.client), SSLC_CODE_PROTOCOL_ERROR);
  wire_free(&w);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(greetings); i++) {
    add_test(greetings[i].test, test_not_tls, &greetings[i]);
    add_test("... byte by byte", test_not_tls_bytewise, &greetings[i]);
    add_test("... and its end", test_not_tls_ended, &greetings[i]);
  }
  add_test("an HTTP request to a server is recognised", test_http_request,
           NULL);
  for (i = 0; i < COUNT(alerts); i++)
    add_test(alerts[i].test, test_alert, &alerts[i]);
  add_test("an alert counts more than the end behind it",
           test_alert_before_end, NULL);
  add_test("a reset in the handshake is connection_reset",
           test_reset_in_handshake, NULL);
  add_test("a reset in a read is connection_reset", test_reset_in_read, NULL);
  add_test("a write to nobody is connection_reset, without a signal",
           test_broken_pipe_in_write, NULL);
  add_test("a record changed on its way is protocol_error",
           test_forged_record, NULL);
  add_test("a record out of place is protocol_error", test_wrong_record, NULL);
  return run_all("peers");
}
