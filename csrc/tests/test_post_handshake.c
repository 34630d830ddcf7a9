/*
 * test_post_handshake.c: what a peer may send after the handshake besides data
 * (KeyUpdate, tickets, warnings, empty records), and what it may not: RFC 8446,
 * 4.6, 5 and 6; RFC 5246, 6 and 7.2.  Renegotiation: test_renegotiation.c.
 */
#include "support_forge.h"

#include <string.h>

static void
connect_13(struct wire *w)
{
  wire_init(w, make_client_ctx(), make_server_ctx("good"), "localhost");
  assert_ok(wire_shake(w, 1000), sslc_conn_error(w->client));
}

static void
move_all(struct wire *w)
{
  while (wire_move(w, 1000))
    ;
}

static void
put(sslc_conn *conn, const char *text)
{
  size_t n;

  assert_ok(sslc_conn_write(conn, text, strlen(text), &n),
            sslc_conn_error(conn));
  assert_int_equal(n, strlen(text));
}

static void
check_text(sslc_conn *conn, const char *text)
{
  char buf[64];
  size_t n;

  assert_ok(sslc_conn_read(conn, buf, sizeof buf, &n), sslc_conn_error(conn));
  assert_int_equal(n, strlen(text));
  assert_memory_equal(buf, text, n);
}

static void
check_read(sslc_conn *conn, sslc_status want)
{
  char byte;
  size_t n;

  assert_status(sslc_conn_read(conn, &byte, 1, &n), want,
                sslc_conn_error(conn));
}

/* -------------------------------------------------------------- KeyUpdate */

/* *state: whether an answer is asked for. */
static void
test_key_update(void **state)
{
  const int *request = *state;
  struct wire w;

  connect_13(&w);
  put(w.server, "one");
  assert_ok(sslc_conn_key_update(w.server, *request),
            sslc_conn_error(w.server));
  put(w.server, "two");
  move_all(&w);
  check_text(w.client, "one");
  check_text(w.client, "two");
  put(w.client, "three");
  move_all(&w);
  check_text(w.server, "three");
  wire_free(&w);
}

static void
test_many_key_updates(void **state)
{
  const int *request = *state;
  struct wire w;
  int i;

  connect_13(&w);
  for (i = 0; i < 500; i++) {
    assert_ok(sslc_conn_key_update(w.server, *request),
              sslc_conn_error(w.server));
    if (i % 7 == 0)
      put(w.server, "tick");
    move_all(&w);
    if (i % 7 == 0)
      check_text(w.client, "tick");
    check_read(w.client, SSLC_WANT_READ);
    move_all(&w);
    check_read(w.server, SSLC_WANT_READ);
  }
  put(w.client, "still");
  move_all(&w);
  check_text(w.server, "still");
  wire_free(&w);
}

static void
test_flood(void **state)
{
  struct forge f;
  int i;

  (void)state;
  forge_init(&f, SSLC_TLS1_3, 0, 0);
  for (i = 0; i < 500; i++)
    forge_key_update(&f, 0);
  forge_text(&f, "after");
  forge_expect(&f, "after");
  forge_free(&f);
}

/* Records of ours, until there is no room for another one. */
static void
fill(struct wire *w)
{
  const size_t size = 17 * 1024, record = 5 + 5 + 17;

  while (sslc_bio_wpending(sslc_conn_wbio(w->client)) + record <= size)
    put(w->client, "xxxxx");
}

/* What the server has sent comes to the client, nothing goes the other way. */
static void
move_to_client(struct wire *w)
{
  char buf[1024];
  size_t n;

  while (sslc_bio_read(w->to_server, buf, sizeof buf, &n) == SSLC_OK)
    inject(w->to_client, buf, n);
}

/* What the client has sent comes to the server, which reads it; how that
 * ends. */
static sslc_status
read_all(struct wire *w)
{
  char buf[1024];
  sslc_status status;
  size_t n;

  do {
    status = sslc_conn_read(w->server, buf, sizeof buf, &n);
  } while (status == SSLC_OK ||
           (status == SSLC_WANT_READ && wire_move(w, 1000)));
  return status;
}

/* The answer leaves with the next write, so that reading goes on until it has
 * begun to. */
static void
test_answer_on_full_wire(void **state)
{
  struct wire w;
  size_t n;

  (void)state;
  connect_13(&w);
  fill(&w);
  assert_ok(sslc_conn_key_update(w.server, 1), sslc_conn_error(w.server));
  put(w.server, "data");
  move_to_client(&w);
  check_text(w.client, "data");
  assert_status(sslc_conn_write(w.client, "more", 4, &n), SSLC_WANT_WRITE,
                sslc_conn_error(w.client));
  check_read(w.client, SSLC_WANT_WRITE);
  assert_status(read_all(&w), SSLC_WANT_READ, sslc_conn_error(w.server));
  check_read(w.client, SSLC_WANT_READ);
  put(w.client, "more");
  move_all(&w);
  check_text(w.server, "more");
  wire_free(&w);
}

/* close_notify comes behind what has begun to be sent, and does not break
 * it. */
static void
test_shutdown_behind_update(void **state)
{
  struct wire w;

  (void)state;
  connect_13(&w);
  fill(&w);
  assert_status(sslc_conn_key_update(w.client, 0), SSLC_WANT_WRITE,
                sslc_conn_error(w.client));
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_WRITE,
                sslc_conn_error(w.client));
  assert_int_equal(sslc_conn_get_shutdown(w.client), 0);
  assert_status(read_all(&w), SSLC_WANT_READ, sslc_conn_error(w.server));
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  assert_int_equal(sslc_conn_last_return(w.client), 0);
  assert_status(read_all(&w), SSLC_CLOSED, sslc_conn_error(w.server));
  wire_free(&w);
}

/* The same of a message that has come in part only. */
static void
test_shutdown_inside_message(void **state)
{
  /* NewSessionTicket: lifetime, age_add, nonce, ticket, extensions. */
  static const unsigned char ticket[] = { 4, 0, 0, 14, 0, 0, 0, 9, 1, 2, 3, 4,
                                          0, 0, 1, 7, 0, 0 };
  struct forge f;
  char byte;
  size_t n;

  (void)state;
  forge_init(&f, SSLC_TLS1_3, 0, 0);
  forge_record(&f, SSL3_RT_HANDSHAKE, ticket, 10);
  forge_expect_nothing(&f);
  assert_status(sslc_conn_shutdown(f.victim), SSLC_WANT_READ,
                sslc_conn_error(f.victim));
  assert_int_equal(sslc_conn_last_return(f.victim), -1);
  assert_int_equal(sslc_conn_get_shutdown(f.victim), 0);
  forge_record(&f, SSL3_RT_HANDSHAKE, ticket + 10, sizeof ticket - 10);
  assert_status(sslc_conn_shutdown(f.victim), SSLC_WANT_READ,
                sslc_conn_error(f.victim));
  assert_int_equal(sslc_conn_last_return(f.victim), 0);
  move_all(&f.w);
  assert_status(sslc_conn_read(f.w.server, &byte, 1, &n), SSLC_CLOSED,
                sslc_conn_error(f.w.server));
  forge_free(&f);
}

/* The peer asks while a record of ours is half sent. */
static void
test_update_inside_write(void **state)
{
  const int *request = *state;
  static const char bytes[16384];
  struct wire w;
  size_t n;

  connect_13(&w);
  while (sslc_conn_write(w.client, bytes, sizeof bytes, &n) == SSLC_OK)
    ;
  assert_status(sslc_conn_last_status(w.client), SSLC_WANT_WRITE,
                sslc_conn_error(w.client));
  assert_ok(sslc_conn_key_update(w.server, *request),
            sslc_conn_error(w.server));
  put(w.server, "data");
  move_to_client(&w);
  check_text(w.client, "data");
  drop(w.to_client);
  assert_ok(sslc_conn_write(w.client, bytes, sizeof bytes, &n),
            sslc_conn_error(w.client));
  wire_free(&w);
}

static void
test_update_after_close_notify(void **state)
{
  const int *request = *state;
  struct wire w;

  connect_13(&w);
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  assert_ok(sslc_conn_key_update(w.server, *request),
            sslc_conn_error(w.server));
  put(w.server, "data");
  move_all(&w);
  check_text(w.client, "data");
  assert_status(sslc_conn_shutdown(w.server), SSLC_WANT_READ,
                sslc_conn_error(w.server));
  move_all(&w);
  check_read(w.server, SSLC_CLOSED);
  assert_ok(sslc_conn_shutdown(w.client), sslc_conn_error(w.client));
  wire_free(&w);
}

/* ---------------------------------------------------------------- tickets */

static void
send_ticket(sslc_conn *server)
{
  assert_int_equal(SSL_new_session_ticket(server->ssl), 1);
  assert_int_equal(SSL_do_handshake(server->ssl), 1);
}

static void
test_tickets(void **state)
{
  struct wire w;
  int i;

  (void)state;
  connect_13(&w);
  move_all(&w);
  check_read(w.client, SSLC_WANT_READ);
  for (i = 0; i < 20; i++) {
    send_ticket(w.server);
    move_all(&w);
    check_read(w.client, SSLC_WANT_READ);
  }
  send_ticket(w.server);
  put(w.server, "one");
  send_ticket(w.server);
  send_ticket(w.server);
  put(w.server, "two");
  move_all(&w);
  check_text(w.client, "one");
  check_text(w.client, "two");
  check_read(w.client, SSLC_WANT_READ);
  wire_free(&w);
}

/* A shutdown that waits for the peer's end meets them too. */
static void
test_ticket_after_close_notify(void **state)
{
  struct wire w;

  (void)state;
  connect_13(&w);
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  send_ticket(w.server);
  move_all(&w);
  assert_status(sslc_conn_shutdown(w.client), SSLC_WANT_READ,
                sslc_conn_error(w.client));
  sslc_conn_shutdown(w.server);
  move_all(&w);
  assert_ok(sslc_conn_shutdown(w.client), sslc_conn_error(w.client));
  wire_free(&w);
}

/* ------------------------------------------ things between, and how many */

/* What comes `count` times in a row. */
static const struct between {
  const char *test;
  int version;
  int type;
  size_t len;
  unsigned char bytes[8];
  int count;
  const char *error; /* part of the message; NULL: the connection goes on */
} betweens[] = {
  { "one empty record is passed over", SSLC_TLS1_3, 23, 0, { 0 }, 1, NULL },
  { "... with TLS 1.2", SSLC_TLS1_2, 23, 0, { 0 }, 1, NULL },
  { "thirty empty records are passed over", SSLC_TLS1_3, 23, 0, { 0 }, 30,
    NULL },
  { "... with TLS 1.2", SSLC_TLS1_2, 23, 0, { 0 }, 30, NULL },
  { "empty records without end are an error", SSLC_TLS1_3, 23, 0, { 0 }, 200,
    "record too small" },
  { "... with TLS 1.2", SSLC_TLS1_2, 23, 0, { 0 }, 200, "record too small" },
  { "user_canceled is passed over", SSLC_TLS1_3, 21, 2, { 1, 90 }, 1, NULL },
  { "... with TLS 1.2", SSLC_TLS1_2, 21, 2, { 1, 90 }, 1, NULL },
  { "a warning that is unknown is passed over in TLS 1.2", SSLC_TLS1_2, 21, 2,
    { 1, 200 }, 1, NULL },
  { "unrecognized_name as a warning is passed over in TLS 1.2", SSLC_TLS1_2,
    21, 2, { 1, 112 }, 4, NULL },
  { "warnings without end are an error", SSLC_TLS1_3, 21, 2, { 1, 90 }, 200,
    "too many warn alerts" },
  { "... with TLS 1.2", SSLC_TLS1_2, 21, 2, { 1, 90 }, 200,
    "too many warn alerts" },
  { "no_renegotiation that nobody asked for is an error in TLS 1.2",
    SSLC_TLS1_2, 21, 2, { 1, 100 }, 1, "no renegotiation" },
  { "an alert of an unknown level is an error", SSLC_TLS1_2, 21, 2,
    { 3, 90 }, 1, "alert" },
  { "an alert of one byte is an error", SSLC_TLS1_3, 21, 1, { 1 }, 1,
    "alert" },
  { "... with TLS 1.2", SSLC_TLS1_2, 21, 1, { 1 }, 1, "alert" },
  { "a request for a certificate that was not offered is an error",
    SSLC_TLS1_3, 22, 8, { 13, 0, 0, 3, 0, 0, 0, 0 }, 1, "unexpected" },
  { "a HelloRequest is an error in TLS 1.3", SSLC_TLS1_3, 22, 4,
    { 0, 0, 0, 0 }, 1, "unexpected message" },
  { "a KeyUpdate of an unknown kind is an error", SSLC_TLS1_3, 22, 5,
    { 24, 0, 0, 1, 7 }, 1, "bad key update" },
  { "a KeyUpdate is an error in TLS 1.2", SSLC_TLS1_2, 22, 5,
    { 24, 0, 0, 1, 0 }, 1, "unexpected message" },
  { "a Finished out of place is an error", SSLC_TLS1_3, 22, 4,
    { 20, 0, 0, 0 }, 1, "unexpected message" },
  { "... with TLS 1.2", SSLC_TLS1_2, 22, 4, { 20, 0, 0, 0 }, 1,
    "unexpected message" },
  { "an empty handshake record is an error in TLS 1.3", SSLC_TLS1_3, 22, 0,
    { 0 }, 200, "" },
  { "a sealed ChangeCipherSpec is an error", SSLC_TLS1_3, 20, 1, { 1 }, 1,
    "" },
  { "... with TLS 1.2", SSLC_TLS1_2, 20, 1, { 1 }, 1, "ccs received early" },
  { "a record of an unknown type is an error", SSLC_TLS1_3, 99, 4,
    { 1, 2, 3, 4 }, 1, "" },
  { "... with TLS 1.2", SSLC_TLS1_2, 99, 4, { 1, 2, 3, 4 }, 1, "" },
};

static void
test_between(void **state)
{
  const struct between *b = *state;
  struct forge f;
  int i;

  forge_init(&f, b->version, 0, 0);
  forge_text(&f, "before");
  for (i = 0; i < b->count; i++)
    forge_record(&f, b->type, b->bytes, b->len);
  forge_text(&f, "after");
  forge_expect(&f, "before");
  if (b->error != NULL) {
    forge_expect_error(&f, SSLC_CODE_PROTOCOL_ERROR, b->error);
  } else {
    forge_expect(&f, "after");
    forge_expect_nothing(&f);
  }
  forge_free(&f);
}

/* -------------------------------------------------------- bytes of no record */

static const struct junk {
  const char *test;
  int version;
  size_t len;
  unsigned char bytes[16];
  const char *error;
} junks[] = {
  { "a plaintext record is an error", SSLC_TLS1_3, 9,
    { 23, 3, 3, 0, 4, 'd', 'a', 't', 'a' }, "" },
  { "... with TLS 1.2", SSLC_TLS1_2, 9,
    { 23, 3, 3, 0, 4, 'd', 'a', 't', 'a' }, "" },
  { "a plaintext alert is an error", SSLC_TLS1_3, 7, { 21, 3, 3, 0, 2, 1, 0 },
    "" },
  { "... with TLS 1.2", SSLC_TLS1_2, 7, { 21, 3, 3, 0, 2, 1, 0 }, "" },
  { "a plaintext ChangeCipherSpec is an error", SSLC_TLS1_3, 6,
    { 20, 3, 3, 0, 1, 1 }, "" },
  { "... with TLS 1.2", SSLC_TLS1_2, 6, { 20, 3, 3, 0, 1, 1 }, "" },
  { "a record of a type that is none is an error", SSLC_TLS1_3, 9,
    { 99, 3, 3, 0, 4, 1, 2, 3, 4 }, "" },
  { "... with TLS 1.2", SSLC_TLS1_2, 9, { 99, 3, 3, 0, 4, 1, 2, 3, 4 }, "" },
  { "a record of another version is an error", SSLC_TLS1_3, 9,
    { 23, 2, 9, 0, 4, 1, 2, 3, 4 }, "wrong" },
  { "... with TLS 1.2", SSLC_TLS1_2, 9, { 23, 2, 9, 0, 4, 1, 2, 3, 4 },
    "wrong" },
  { "a header that says too much is an error", SSLC_TLS1_3, 5,
    { 23, 3, 3, 0xff, 0xff }, "too long" },
  { "... with TLS 1.2", SSLC_TLS1_2, 5, { 23, 3, 3, 0xff, 0xff },
    "too long" },
  { "text that is no TLS is an error", SSLC_TLS1_3, 14, "HTTP/1.1 400 \n",
    "wrong" },
};

static int
is_about_protocol(int code)
{
  return code == SSLC_CODE_PROTOCOL_ERROR ||
         code == SSLC_CODE_PROTOCOL_VERSION;
}

static void
test_junk(void **state)
{
  const struct junk *j = *state;
  struct forge f;
  char buf[64];
  size_t n;

  forge_init(&f, j->version, 0, 0);
  forge_text(&f, "before");
  inject(f.half, j->bytes, j->len);
  forge_expect(&f, "before");
  assert_status(sslc_conn_read(f.victim, buf, sizeof buf, &n), SSLC_ERR_PROTO,
                sslc_conn_error(f.victim));
  assert_true(is_about_protocol(sslc_error_code(sslc_conn_error(f.victim))));
  assert_has(sslc_error_message(sslc_conn_error(f.victim)), j->error);
  /* The peer is told, and nothing of what was forged was given. */
  while (wire_move(&f.w, 1000))
    ;
  assert_status(sslc_conn_read(f.w.server, buf, sizeof buf, &n),
                SSLC_ERR_ALERT, sslc_conn_error(f.w.server));
  forge_free(&f);
}

/* More plaintext than a record may carry. */
static void
test_too_large(void **state)
{
  static const char bytes[16384 + 1];
  const int *version = *state;
  struct forge f;

  forge_init(&f, *version, 0, 0);
  forge_record(&f, SSL3_RT_APPLICATION_DATA, bytes, sizeof bytes);
  forge_expect_error(&f, SSLC_CODE_PROTOCOL_ERROR, "too long");
  forge_free(&f);
}

int
main(void)
{
  static const int no = 0, yes = 1, old = SSLC_TLS1_2, new = SSLC_TLS1_3;
  size_t i;

  add_test("a KeyUpdate between data is passed over", test_key_update, &no);
  add_test("... and answered", test_key_update, &yes);
  add_test("hundreds of KeyUpdates are passed over", test_many_key_updates,
           &no);
  add_test("... and answered", test_many_key_updates, &yes);
  add_test("hundreds of KeyUpdates in a row are passed over", test_flood,
           NULL);
  add_test("reading goes on where the wire is full for the answer",
           test_answer_on_full_wire, NULL);
  add_test("close_notify comes behind a KeyUpdate that waits",
           test_shutdown_behind_update, NULL);
  add_test("close_notify comes behind a message that has come in part",
           test_shutdown_inside_message, NULL);
  add_test("a KeyUpdate inside of our write is passed over",
           test_update_inside_write, &no);
  add_test("... and answered", test_update_inside_write, &yes);
  add_test("a KeyUpdate after our close_notify is passed over",
           test_update_after_close_notify, &no);
  add_test("... also where an answer is asked for",
           test_update_after_close_notify, &yes);
  add_test("tickets are passed over, alone and between data", test_tickets,
           NULL);
  add_test("... and after our close_notify", test_ticket_after_close_notify,
           NULL);
  for (i = 0; i < COUNT(betweens); i++)
    add_test(betweens[i].test, test_between, &betweens[i]);
  for (i = 0; i < COUNT(junks); i++)
    add_test(junks[i].test, test_junk, &junks[i]);
  add_test("a record that is too large is an error", test_too_large, &new);
  add_test("... with TLS 1.2", test_too_large, &old);
  return run_all("post_handshake");
}
