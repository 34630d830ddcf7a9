/*
 * test_trace.c: the messages that a trace tells of, for both sides and both
 * versions, against what the RFCs say is sent.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FATAL 2
#define WARNING 1

static sslc_trace_entry
empty_entry(void)
{
  sslc_trace_entry entry;

  memset(&entry, 0, sizeof entry);
  entry.size = sizeof entry;
  return entry;
}

static void
trace(sslc_conn *conn)
{
  assert_ok(sslc_conn_set_trace(conn, 1), sslc_conn_error(conn));
}

/* What was noted since the last call: "> ClientHello, < ServerHello"; valid
 * until the next one. */
static const char *
noted(sslc_conn *conn)
{
  static char text[4096];
  sslc_trace_entry entry = empty_entry();
  size_t len = 0;

  text[0] = '\0';
  while (sslc_conn_trace_next(conn, &entry) == 1) {
    assert_int_equal(entry.size, sizeof entry);
    len += (size_t)snprintf(text + len, sizeof text - len, "%s%s %s",
                            len > 0 ? ", " : "", entry.sent ? ">" : "<",
                            entry.name);
    assert_true(len < sizeof text);
  }
  return text;
}

static int
count(sslc_conn *conn)
{
  sslc_trace_entry entry = empty_entry();
  int n = 0;

  while (sslc_conn_trace_next(conn, &entry) == 1)
    n++;
  return n;
}

/* ---------------------------------------------------------- the handshake */

static const struct row {
  const char *test;
  int version;
  int client_cert;
  const char *client, *server;
} rows[] = {
  { "a handshake of TLS 1.3 is told, message by message", SSLC_TLS1_3, 0,
    "> ClientHello, < ServerHello, < ChangeCipherSpec, "
    "< EncryptedExtensions, < Certificate, < CertificateVerify, < Finished, "
    "> ChangeCipherSpec, > Finished",
    "< ClientHello, > ServerHello, > ChangeCipherSpec, "
    "> EncryptedExtensions, > Certificate, > CertificateVerify, > Finished, "
    "< ChangeCipherSpec, < Finished, "
    "> NewSessionTicket, > NewSessionTicket" },
  { "a handshake of TLS 1.3 with a client's certificate is told", SSLC_TLS1_3,
    1,
    "> ClientHello, < ServerHello, < ChangeCipherSpec, "
    "< EncryptedExtensions, < CertificateRequest, < Certificate, "
    "< CertificateVerify, < Finished, "
    "> ChangeCipherSpec, > Certificate, > CertificateVerify, > Finished",
    "< ClientHello, > ServerHello, > ChangeCipherSpec, "
    "> EncryptedExtensions, > CertificateRequest, > Certificate, "
    "> CertificateVerify, > Finished, "
    "< ChangeCipherSpec, < Certificate, < CertificateVerify, < Finished, "
    "> NewSessionTicket, > NewSessionTicket" },
  { "a handshake of TLS 1.2 is told, message by message", SSLC_TLS1_2, 0,
    "> ClientHello, < ServerHello, < Certificate, < ServerKeyExchange, "
    "< ServerHelloDone, > ClientKeyExchange, > ChangeCipherSpec, > Finished, "
    "< NewSessionTicket, < ChangeCipherSpec, < Finished",
    "< ClientHello, > ServerHello, > Certificate, > ServerKeyExchange, "
    "> ServerHelloDone, < ClientKeyExchange, < ChangeCipherSpec, < Finished, "
    "> NewSessionTicket, > ChangeCipherSpec, > Finished" },
  { "a handshake of TLS 1.2 with a client's certificate is told", SSLC_TLS1_2,
    1,
    "> ClientHello, < ServerHello, < Certificate, < ServerKeyExchange, "
    "< CertificateRequest, < ServerHelloDone, > Certificate, "
    "> ClientKeyExchange, > CertificateVerify, > ChangeCipherSpec, "
    "> Finished, < NewSessionTicket, < ChangeCipherSpec, < Finished",
    "< ClientHello, > ServerHello, > Certificate, > ServerKeyExchange, "
    "> CertificateRequest, > ServerHelloDone, < Certificate, "
    "< ClientKeyExchange, < CertificateVerify, < ChangeCipherSpec, "
    "< Finished, > NewSessionTicket, > ChangeCipherSpec, > Finished" },
};

static void
use_client_cert(sslc_ctx *client, sslc_ctx *server)
{
  assert_ok(sslc_ctx_use_certificate_file(client, cert_path("client.pem")),
            sslc_ctx_error(client));
  assert_ok(sslc_ctx_use_private_key_file(client, cert_path("client.key")),
            sslc_ctx_error(client));
  assert_ok(sslc_ctx_load_verify_file(server, cert_path("ca.pem")),
            sslc_ctx_error(server));
  assert_ok(sslc_ctx_set_verify_client(server, SSLC_VERIFY_CLIENT_REQUIRED),
            sslc_ctx_error(server));
}

static void
peers_of(struct peers *p, int version, int client_cert)
{
  sslc_ctx *client = make_client_ctx();
  sslc_ctx *server = make_server_ctx("good");

  assert_ok(sslc_ctx_set_max_version(client, version), sslc_ctx_error(client));
  if (client_cert)
    use_client_cert(client, server);
  peers_init(p, client, server, "localhost");
  trace(p->client);
  trace(p->server);
}

static void
test_handshake(void **state)
{
  const struct row *row = *state;
  struct peers p;

  peers_of(&p, row->version, row->client_cert);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_string_equal(noted(p.client), row->client);
  assert_string_equal(noted(p.server), row->server);
  assert_string_equal(noted(p.client), "");
  peers_free(&p);
}

static void
test_steps(void **state)
{
  struct peers p;

  (void)state;
  peers_of(&p, SSLC_TLS1_3, 0);
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ, NULL);
  assert_string_equal(noted(p.client), "> ClientHello");
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ, NULL);
  assert_string_equal(noted(p.client), "");
  peers_free(&p);
}

/* The one side's messages are the other's, byte for byte. */
static void
test_lengths(void **state)
{
  sslc_trace_entry sent = empty_entry(), received = empty_entry();
  struct peers p;
  int n;

  (void)state;
  peers_of(&p, SSLC_TLS1_3, 0);
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ, NULL);
  assert_int_equal(sslc_conn_trace_next(p.client, &sent), 1);
  /* The record's header is not the message's. */
  assert_int_equal(sent.length,
                   sslc_bio_wpending(sslc_conn_wbio(p.client)) - 5);
  assert_int_equal(sent.content_type, SSLC_TRACE_HANDSHAKE);
  assert_int_equal(sent.type, 1);
  assert_int_equal(sent.level, 0);
  assert_status(sslc_conn_accept(p.server), SSLC_WANT_READ, NULL);
  assert_int_equal(sslc_conn_trace_next(p.server, &received), 1);
  assert_int_equal(received.length, sent.length);
  assert_ok(sslc_conn_connect(p.client), sslc_conn_error(p.client));
  for (n = 0; sslc_conn_trace_next(p.client, &received) == 1 &&
              !received.sent; n++) {
    assert_int_equal(sslc_conn_trace_next(p.server, &sent), 1);
    assert_int_equal(sent.length, received.length);
    assert_int_equal(sent.type, received.type);
    assert_int_equal(sent.content_type, received.content_type);
  }
  assert_int_equal(n, 6);
  peers_free(&p);
}

static void
test_retry(void **state)
{
  const char *const options[] = {
    "-tls1_3", "-groups", "P-384", "-cert", cert_path("direct.pem"), "-key",
    cert_path("direct.key"), NULL
  };
  struct child child;
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);
  sslc_bio *bio;

  (void)state;
  bio = sslc_bio_new_socket(connect_to(s_server_start(&child, options)),
                            SSLC_CLOSE);
  assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
  assert_ok(sslc_conn_set_server_name(conn, "localhost"),
            sslc_conn_error(conn));
  assert_ok(sslc_conn_set_connect_state(conn), sslc_conn_error(conn));
  trace(conn);
  assert_ok(sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  assert_has(noted(conn), "> ClientHello, < HelloRetryRequest, "
             "> ChangeCipherSpec, > ClientHello, < ChangeCipherSpec, "
             "< ServerHello, < EncryptedExtensions");
  sslc_conn_free(conn);
  sslc_bio_free(bio);
  sslc_ctx_free(ctx);
  child_stop(&child);
}

/* -------------------------------------------------------- after it is done */

static void
connected(struct peers *p, int version)
{
  char buf[16];
  size_t n;

  peers_of(p, version, 0);
  assert_ok(shake(p), sslc_conn_error(p->client));
  noted(p->client);
  noted(p->server);
  if (version < SSLC_TLS1_3)
    return;
  assert_status(sslc_conn_read(p->client, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_conn_error(p->client));
  assert_string_equal(noted(p->client),
                      "< NewSessionTicket, < NewSessionTicket");
}

static const int versions[] = { SSLC_TLS1_2, SSLC_TLS1_3 };

static void
check_data(sslc_conn *conn, int is_sent, size_t length)
{
  sslc_trace_entry entry = empty_entry();

  assert_int_equal(sslc_conn_trace_next(conn, &entry), 1);
  assert_int_equal(entry.sent, is_sent);
  assert_int_equal(entry.content_type, SSLC_TRACE_APPLICATION_DATA);
  assert_string_equal(entry.name, "ApplicationData");
  assert_int_equal(entry.length, length);
  assert_int_equal(entry.type, 0);
  assert_int_equal(entry.level, 0);
  assert_string_equal(noted(conn), "");
}

static void
test_data(void **state)
{
  const int *version = *state;
  struct peers p;
  size_t n, on_wire;
  char buf[16];

  connected(&p, *version);
  assert_ok(sslc_conn_write(p.client, "hello", 5, &n),
            sslc_conn_error(p.client));
  on_wire = sslc_bio_wpending(sslc_conn_wbio(p.client));
  assert_ok(sslc_conn_read(p.server, buf, sizeof buf, &n),
            sslc_conn_error(p.server));
  check_data(p.client, 1, on_wire - 5);
  check_data(p.server, 0, on_wire - 5);
  peers_free(&p);
}

static void
test_records(void **state)
{
  struct peers p;
  static char data[16384];
  size_t n;

  (void)state;
  connected(&p, SSLC_TLS1_3);
  memset(data, 'x', sizeof data);
  send_through(p.client, p.server, data, sizeof data);
  n = (size_t)count(p.client);
  assert_int_equal(n, sizeof data / 4096);
  assert_int_equal(count(p.server), n);
  peers_free(&p);
}

static void
check_alert(sslc_conn *conn, int is_sent, int level, int type,
            const char *name)
{
  sslc_trace_entry entry = empty_entry();

  assert_int_equal(sslc_conn_trace_next(conn, &entry), 1);
  assert_int_equal(entry.sent, is_sent);
  assert_int_equal(entry.content_type, SSLC_TRACE_ALERT);
  assert_int_equal(entry.level, level);
  assert_int_equal(entry.type, type);
  assert_int_equal(entry.length, 2);
  assert_string_equal(entry.name, name);
  assert_string_equal(noted(conn), "");
}

static void
test_close_notify(void **state)
{
  const int *version = *state;
  struct peers p;
  char buf[16];
  size_t n;

  connected(&p, *version);
  assert_status(sslc_conn_shutdown(p.client), SSLC_WANT_READ, NULL);
  check_alert(p.client, 1, WARNING, 0, "close_notify");
  assert_status(sslc_conn_read(p.server, buf, sizeof buf, &n), SSLC_CLOSED,
                sslc_conn_error(p.server));
  check_alert(p.server, 0, WARNING, 0, "close_notify");
  peers_free(&p);
}

/* The last message that went by is the alert. */
static void
skip_to_alert(sslc_conn *conn, int is_sent, const char *name)
{
  sslc_trace_entry entry = empty_entry(), last = empty_entry();

  while (sslc_conn_trace_next(conn, &entry) == 1)
    last = entry;
  assert_int_equal(last.content_type, SSLC_TRACE_ALERT);
  assert_int_equal(last.sent, is_sent);
  assert_int_equal(last.level, FATAL);
  assert_string_equal(last.name, name);
}

static void
test_fatal(void **state)
{
  struct peers p;

  (void)state;
  peers_init(&p, make_client_ctx(), make_server_ctx("wronghost"), "localhost");
  trace(p.client);
  trace(p.server);
  assert_status(shake(&p), SSLC_ERR_VERIFY, sslc_conn_error(p.client));
  skip_to_alert(p.client, 1, "bad_certificate");
  skip_to_alert(p.server, 0, "bad_certificate");
  peers_free(&p);
}

static void
test_key_update(void **state)
{
  struct peers p;
  char buf[16];
  size_t n;

  (void)state;
  connected(&p, SSLC_TLS1_3);
  assert_ok(sslc_conn_key_update(p.client, 1), sslc_conn_error(p.client));
  assert_string_equal(noted(p.client), "> KeyUpdate");
  assert_status(sslc_conn_read(p.server, buf, sizeof buf, &n), SSLC_WANT_READ,
                sslc_conn_error(p.server));
  assert_ok(sslc_conn_write(p.server, "x", 1, &n), sslc_conn_error(p.server));
  assert_string_equal(noted(p.server),
                      "< KeyUpdate, > KeyUpdate, > ApplicationData");
  peers_free(&p);
}

/* ------------------------------------------------------ what is kept of it */

enum { KEPT = 256, EXTRA = 44 };

static void
test_newest(void **state)
{
  struct peers p;
  char byte = 'x', got[512];
  char data[KEPT + EXTRA];
  sslc_trace_entry entry = empty_entry();
  size_t i, n, overhead;

  (void)state;
  connected(&p, SSLC_TLS1_3);
  send_through(p.client, p.server, &byte, 1);
  assert_int_equal(sslc_conn_trace_next(p.client, &entry), 1);
  overhead = entry.length - 1;
  memset(data, 'x', sizeof data);
  for (i = 1; i <= sizeof data; i++) { /* a record of each length */
    assert_ok(sslc_conn_write(p.client, data, i, &n),
              sslc_conn_error(p.client));
    assert_ok(sslc_conn_read(p.server, got, sizeof got, &n),
              sslc_conn_error(p.server));
  }
  for (i = EXTRA + 1; sslc_conn_trace_next(p.client, &entry) == 1; i++)
    assert_int_equal(entry.length, overhead + i);
  assert_int_equal(i, KEPT + EXTRA + 1);
  assert_int_equal(count(p.server), KEPT);
  peers_free(&p);
}

static void
test_off(void **state)
{
  struct peers p;

  (void)state;
  peers_connect(&p); /* it is off at first */
  assert_string_equal(noted(p.client), "");
  trace(p.client);
  send_through(p.client, p.server, "x", 1);
  trace(p.client); /* changes nothing */
  assert_string_equal(noted(p.client), "> ApplicationData");
  send_through(p.client, p.server, "x", 1);
  assert_ok(sslc_conn_set_trace(p.client, 0), sslc_conn_error(p.client));
  assert_string_equal(noted(p.client), "");
  send_through(p.client, p.server, "x", 1);
  trace(p.client);
  assert_string_equal(noted(p.client), "");
  peers_free(&p);
}

static void
test_closed(void **state)
{
  struct peers p;

  (void)state;
  connected(&p, SSLC_TLS1_3);
  sslc_conn_close(p.client);
  assert_string_equal(noted(p.client), "> close_notify");
  assert_ok(sslc_conn_set_trace(p.client, 0), sslc_conn_error(p.client));
  trace(p.client);
  peers_free(&p);
}

static void
test_misuse(void **state)
{
  sslc_trace_entry entry = empty_entry();
  struct peers p;

  (void)state;
  peers_of(&p, SSLC_TLS1_3, 0);
  sslc_conn_connect(p.client);
  assert_status(sslc_conn_set_trace(NULL, 1), SSLC_ERR_ARG, NULL);
  assert_int_equal(sslc_conn_trace_next(NULL, &entry), 0);
  assert_int_equal(sslc_conn_trace_next(p.client, NULL), 0);
  entry.size = sizeof entry - 1;
  assert_int_equal(sslc_conn_trace_next(p.client, &entry), 0);
  entry.size = sizeof entry + 64; /* of a later version */
  assert_int_equal(sslc_conn_trace_next(p.client, &entry), 1);
  assert_int_equal(entry.size, sizeof entry + 64);
  assert_string_equal(entry.name, "ClientHello");
  peers_free(&p);
}

int
main(void)
{
  size_t i;

  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_handshake, &rows[i]);
  add_test("each step's messages are told after it", test_steps, NULL);
  add_test("a message is as long for one side as for the other", test_lengths,
           NULL);
  add_test("a HelloRetryRequest is told from a ServerHello", test_retry, NULL);
  add_test("data of TLS 1.2 is told with its record's length", test_data,
           &versions[0]);
  add_test("data of TLS 1.3 is told with its record's length", test_data,
           &versions[1]);
  add_test("each record of data is told", test_records, NULL);
  add_test("close_notify of TLS 1.2 is a warning", test_close_notify,
           &versions[0]);
  add_test("close_notify of TLS 1.3 is a warning", test_close_notify,
           &versions[1]);
  add_test("a fatal alert is told to both sides", test_fatal, NULL);
  add_test("a KeyUpdate is told", test_key_update, NULL);
  add_test("of many messages the newest 256 are kept", test_newest, NULL);
  add_test("nothing is noted while it is off", test_off, NULL);
  add_test("a closed connection still tells", test_closed, NULL);
  add_test("what cannot be meant gives nothing", test_misuse, NULL);
  return run_all("trace");
}
