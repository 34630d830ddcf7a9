/*
 * test_bio_conn.c: a connection below a connection, TLS in TLS, by the BIO of
 * sslc_bio_new_conn: BIO_f_ssl(3).
 */
#include "support_bio.h"
#include "support_dial.h"
#include "support_layers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>

/* --------------------------------------------------- layers upon each other */

static const struct row {
  const char *test;
  size_t layers;
  int sockets;
} rows[] = {
  { "TLS in TLS over a pair", 2, 0 },
  { "TLS in TLS over sockets", 2, 1 },
  { "TLS in TLS in TLS over a pair", 3, 0 },
  { "TLS in TLS in TLS over sockets", 3, 1 },
};

/* Each layer has verified its own certificate. */
static void
check_certificates(struct layers *l)
{
  static const char *const subjects[] = { "CN=direct", "CN=good", "CN=rsa" };
  size_t i;

  for (i = 0; i < l->count; i++) {
    const sslc_conn *conn = l->at[i].client;

    assert_int_equal(sslc_conn_is_connected(conn), 1);
    assert_int_equal(sslc_conn_is_verified(conn), 1);
    assert_string_equal(sslc_cert_subject(sslc_conn_peer_cert(conn, 0)),
                        subjects[i]);
  }
}

/* Both exchange close_notify, from the highest layer on. */
static void
shut_down_all(struct layers *l)
{
  char buf[4];
  size_t n;

  for (; l->count > 0; l->count--) {
    struct peers *p = layers_top(l);

    assert_status(sslc_conn_shutdown(p->client), SSLC_WANT_READ,
                  sslc_conn_error(p->client));
    assert_status(sslc_conn_read(p->server, buf, sizeof buf, &n), SSLC_CLOSED,
                  sslc_conn_error(p->server));
    assert_ok(sslc_conn_shutdown(p->server), sslc_conn_error(p->server));
    assert_ok(sslc_conn_shutdown(p->client), sslc_conn_error(p->client));
    if (l->count > 1) {
      sslc_bio_set_close(sslc_conn_rbio(p->client), SSLC_NOCLOSE);
      sslc_bio_set_close(sslc_conn_rbio(p->server), SSLC_NOCLOSE);
    }
    peers_free(p);
  }
}

static void
test_layers(void **state)
{
  const struct row *row = *state;
  struct layers l;
  struct peers *top;

  layers_make(&l, row->layers, row->sockets);
  top = layers_top(&l);
  layers_shake(&l);
  check_certificates(&l);
  send_through(top->client, top->server, "hello", 5);
  send_through(top->server, top->client, "olleh", 5);
  peers_talk(top, 100000);
  assert_int_equal(sslc_conn_fd(top->client),
                   sslc_bio_fd(sslc_conn_rbio(l.at[0].client)));
  assert_int_equal(sslc_conn_fd(top->client) >= 0, row->sockets);
  shut_down_all(&l);
}

/* The handshakes below may have been done before, each by itself. */
static void
test_from_below(void **state)
{
  struct layers l;

  (void)state;
  layers_init(&l, make_client_ctx(), make_server_ctx("direct"), 0);
  layers_shake(&l);
  send_through(l.at[0].client, l.at[0].server, "STARTTLS", 8);
  layers_add(&l, make_client_ctx(), make_server_ctx("good"), SSLC_CLOSE);
  layers_shake(&l);
  check_certificates(&l);
  send_through(l.at[1].client, l.at[1].server, "hello", 5);
  layers_free(&l);
}

/* The flight that is held below leaves with the first bytes from above. */
static void
test_held_below(void **state)
{
  struct layers l;

  (void)state;
  layers_init(&l, make_client_ctx(), make_server_ctx("direct"), 0);
  assert_ok(sslc_conn_set_hold_flight(l.at[0].client, 1), NULL);
  layers_add(&l, make_client_ctx(), make_server_ctx("good"), SSLC_CLOSE);
  layers_shake(&l);
  send_through(l.at[1].client, l.at[1].server, "hello", 5);
  layers_free(&l);
}

/* ------------------------------------------------------------- in pieces */

struct pieces {
  size_t most, layers;
};

static void
test_pieces(void **state)
{
  const struct pieces *pieces = *state;
  struct wire w;
  struct layers l;
  struct peers *top;
  char buf[16];
  size_t n;

  wire_init(&w, make_client_ctx(), make_server_ctx("direct"), "localhost");
  l.at[0].client = w.client;
  l.at[0].server = w.server;
  l.count = 1;
  while (l.count < pieces->layers)
    layers_add(&l, make_client_ctx(), make_server_ctx("good"), SSLC_CLOSE);
  top = layers_top(&l);
  do {
    top->client_status = sslc_conn_do_handshake(top->client);
    top->server_status = sslc_conn_do_handshake(top->server);
  } while (wire_move(&w, pieces->most) && top->client_status >= 0 &&
           top->server_status >= 0);
  assert_ok(top->client_status, sslc_conn_error(top->client));
  assert_ok(top->server_status, sslc_conn_error(top->server));
  assert_ok(sslc_conn_write(top->client, "hello", 5, &n),
            sslc_conn_error(top->client));
  while (sslc_conn_read(top->server, buf, sizeof buf, &n) == SSLC_WANT_READ)
    assert_true(wire_move(&w, pieces->most));
  assert_int_equal(n, 5);
  assert_memory_equal(buf, "hello", 5);
  for (; l.count > 1; l.count--)
    peers_free(layers_top(&l));
  wire_free(&w);
}

/* A pair that holds a few bytes: what is below wants to write, and so does
 * what is above, until somebody reads.  The server's tickets must find room
 * while the client writes: two who only write wait for each other for ever. */
static void
test_writes_starved(void **state)
{
  sslc_bio *one, *two;
  struct layers l;
  struct peers *p;
  static char bytes[20000], got[20000];
  size_t n, sent = 0, received = 0;
  sslc_status status;
  int starved = 0;

  (void)state;
  assert_int_equal(sslc_bio_new_pair(&one, 100, &two, 1000), SSLC_OK);
  l.at[0].client = layer_conn(make_client_ctx(), one, "localhost");
  l.at[0].server = layer_conn(make_server_ctx("direct"), two, NULL);
  l.count = 1;
  layers_add(&l, make_client_ctx(), make_server_ctx("good"), SSLC_CLOSE);
  p = layers_top(&l);
  do {
    p->client_status = sslc_conn_connect(p->client);
    p->server_status = sslc_conn_accept(p->server);
    if (p->server_status == SSLC_WANT_WRITE) {
      assert_int_equal(sslc_conn_ssl_error(p->server), SSL_ERROR_WANT_WRITE);
      starved++;
    }
  } while (is_want(p->client_status) || is_want(p->server_status));
  assert_ok(p->client_status, sslc_conn_error(p->client));
  assert_ok(p->server_status, sslc_conn_error(p->server));
  assert_true(starved > 0);
  memset(bytes, 'x', sizeof bytes);
  while (received < sizeof got) {
    status = sent < sizeof bytes
      ? sslc_conn_write(p->client, bytes + sent, sizeof bytes - sent, &n)
      : SSLC_WANT_WRITE;
    assert_true(status == SSLC_OK || status == SSLC_WANT_WRITE);
    sent += status == SSLC_OK ? n : 0;
    if (sslc_conn_read(p->server, got + received, sizeof got - received,
                       &n) == SSLC_OK)
      received += n;
  }
  assert_memory_equal(got, bytes, sizeof got);
  layers_free(&l);
}

/* ------------------------------------------------------------ with waiting */

/* Accepts TLS in TLS and sends back what it gets. */
static void
serve_echo_twice(int fd, void *ctx)
{
  sslc_conn *below = sslc_conn_new(ctx), *conn = sslc_conn_new(ctx);
  sslc_bio *socket = sslc_bio_new_socket(fd, SSLC_NOCLOSE);
  sslc_bio *bio = sslc_bio_new_conn(below, SSLC_CLOSE);
  char buf[4096];
  size_t n;

  if (sslc_conn_set_bio(below, socket, socket) == SSLC_OK &&
      sslc_conn_set_accept_state(below) == SSLC_OK &&
      sslc_conn_set_bio(conn, bio, bio) == SSLC_OK &&
      sslc_conn_set_accept_state(conn) == SSLC_OK &&
      sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE)) == SSLC_OK)
    while (sslc_conn_read_wait(conn, buf, sizeof buf, &n,
                               sslc_deadline(PATIENCE)) == SSLC_OK &&
           sslc_conn_write_wait(conn, buf, n, &n, sslc_deadline(PATIENCE)) ==
             SSLC_OK)
      ;
  sslc_conn_close(conn);
  sslc_conn_free(conn);
  sslc_conn_free(below);
  sslc_bio_free(bio);
  sslc_bio_free(socket);
}

/* A client in TLS in TLS over a BIO that connects; `below` is the lower one,
 * which the higher one keeps. */
static sslc_conn *
client_of(const char *host, int port, int nonblocking, sslc_conn **below)
{
  sslc_bio *bio = sslc_bio_new_connect(host, port);
  sslc_conn *conn;

  assert_ok(sslc_bio_set_nbio(bio, nonblocking), sslc_bio_error(bio));
  *below = layer_conn(make_client_ctx(), bio, "localhost");
  conn = layer_conn(make_client_ctx(), sslc_bio_new_conn(*below, SSLC_CLOSE),
                    "localhost");
  sslc_conn_free(*below);
  return conn;
}

static void
echo_much(sslc_conn *conn)
{
  enum { MUCH = 200000, PIECE = 20000 };
  static char bytes[PIECE], got[PIECE];
  size_t n, received, sum;

  memset(bytes, 'x', sizeof bytes);
  for (sum = 0; sum < MUCH; sum += PIECE) {
    assert_ok(sslc_conn_write_wait(conn, bytes, PIECE, &n,
                                   sslc_deadline(PATIENCE)),
              sslc_conn_error(conn));
    for (received = 0; received < PIECE; received += n)
      assert_ok(sslc_conn_read_wait(conn, got + received, PIECE - received, &n,
                                    sslc_deadline(PATIENCE)),
                sslc_conn_error(conn));
    assert_memory_equal(got, bytes, PIECE);
  }
}

static void
test_waits(void **state)
{
  const int *nonblocking = *state;
  sslc_ctx *ctx = make_server_ctx("good");
  struct server *server = server_start(serve_echo_twice, ctx);
  sslc_conn *below, *conn = client_of("localhost", server_port(server),
                                      *nonblocking, &below);

  if (*nonblocking) {
    /* What is wanted below is wanted here. */
    assert_status(sslc_conn_connect(conn), SSLC_WANT_CONNECT,
                  sslc_conn_error(conn));
    assert_int_equal(sslc_conn_ssl_error(conn), SSL_ERROR_WANT_CONNECT);
    assert_int_equal(sslc_conn_last_status(below), SSLC_WANT_CONNECT);
    assert_int_equal(sslc_conn_fd(conn), sslc_conn_fd(below));
    assert_true(sslc_conn_timeout(conn) >= 0);
  }
  assert_ok(sslc_conn_do_handshake_wait(conn, sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  assert_int_equal(sslc_conn_timeout(conn), -1);
  echo_much(conn);
  assert_ok(sslc_bio_set_tcp_nodelay(sslc_conn_wbio(conn), 0),
            sslc_bio_error(sslc_conn_wbio(conn)));
  assert_string_equal(sslc_bio_address(sslc_conn_rbio(conn)),
                      sslc_bio_address(sslc_conn_rbio(below)));
  assert_has(sslc_bio_address(sslc_conn_rbio(conn)), "127.0.0.1:");
  assert_ok(sslc_conn_shutdown_wait(conn, sslc_deadline(PATIENCE)),
            sslc_conn_error(conn));
  sslc_conn_free(conn);
  server_stop(server);
  sslc_ctx_free(ctx);
}

static void
test_deadline(void **state)
{
  struct full full;
  sslc_conn *conn, *below;

  (void)state;
  assert_true(full_init(&full, "127.0.0.1", 0));
  conn = client_of("127.0.0.1", full.port, 1, &below);
  assert_status(sslc_conn_do_handshake_wait(conn, sslc_deadline(10)),
                SSLC_ERR_TIMEOUT, sslc_conn_error(conn));
  assert_phase(sslc_conn_error(conn), SSLC_PHASE_CONNECT);
  assert_has(sslc_error_address(sslc_conn_error(conn)), "127.0.0.1:");
  sslc_conn_free(conn);
  full_free(&full);
}

/* Reads little at once from a half of a pair, `arg`. */
enum { LITTLE = 50, READS = 16 };

static sslc_status
read_little(void *arg, void *buf, size_t len, size_t *n)
{
  return sslc_bio_read(arg, buf, len < LITTLE ? len : LITTLE, n);
}

static sslc_status
write_on(void *arg, const void *buf, size_t len, size_t *n)
{
  return sslc_bio_write(arg, buf, len, n);
}

static void
free_half(void *arg)
{
  sslc_bio_free(arg);
}

static sslc_bio *
little_reader(sslc_bio *half)
{
  sslc_bio_functions functions = { sizeof functions, read_little, write_on,
                                   NULL, NULL, free_half, NULL };

  return sslc_bio_new_functions(&functions, half);
}

/* A peer that has the layer above busy without end (here with new keys) holds
 * a step no longer than one over the transport alone: a few reads of that, and
 * not as many for each record of each layer. */
static void
test_bound(void **state)
{
  const struct row *row = *state;
  struct layers l;
  struct peers *top;
  sslc_bio *one, *two;
  char buf[8];
  size_t n, before;
  int i;
  sslc_status status;

  assert_int_equal(sslc_bio_new_pair(&one, 0, &two, 64000), SSLC_OK);
  l.at[0].client = layer_conn(make_client_ctx(), little_reader(one),
                              "localhost");
  l.at[0].server = layer_conn(make_server_ctx("direct"),
                              sslc_bio_up_ref(two), NULL);
  for (l.count = 1; l.count < row->layers;)
    layers_add(&l, make_client_ctx(), make_server_ctx("good"), SSLC_CLOSE);
  top = layers_top(&l);
  do {
    top->client_status = sslc_conn_connect(top->client);
    top->server_status = sslc_conn_accept(top->server);
  } while (is_want(top->client_status) || is_want(top->server_status));
  for (i = 0; i < 100; i++)
    assert_ok(sslc_conn_key_update(top->server, 0),
              sslc_conn_error(top->server));
  assert_ok(sslc_conn_write(top->server, "x", 1, &n),
            sslc_conn_error(top->server));
  do {
    before = sslc_bio_wpending(two);
    status = sslc_conn_read(top->client, buf, sizeof buf, &n);
    assert_true(before - sslc_bio_wpending(two) <= LITTLE * READS);
    i += status == SSLC_WANT_READ;
  } while (status == SSLC_WANT_READ);
  assert_ok(status, sslc_conn_error(top->client));
  assert_true(i > 100); /* it took more than one step */
  sslc_bio_free(two);
  layers_free(&l);
}

/* ---------------------------------------------------------- the BIO itself */

static void
test_bio(void **state)
{
  struct layers l;
  sslc_bio *client, *server;
  char buf[8];
  size_t n;

  (void)state;
  layers_init(&l, make_client_ctx(), make_server_ctx("direct"), 0);
  client = sslc_bio_new_conn(l.at[0].client, SSLC_NOCLOSE);
  server = sslc_bio_new_conn(l.at[0].server, SSLC_NOCLOSE);
  assert_int_equal(sslc_bio_kind(client), SSLC_BIO_CONN);
  assert_string_equal(sslc_bio_kind_name(SSLC_BIO_CONN), "connection");
  assert_int_equal(put(client, "x", 1, SSLC_WANT_READ), 0);
  while (sslc_bio_do_handshake(client) == SSLC_WANT_READ)
    sslc_bio_do_handshake(server);
  assert_ok(sslc_bio_do_handshake(client), sslc_bio_error(client));
  assert_ok(sslc_bio_do_handshake(server), sslc_bio_error(server));
  put_text(client, "hello");
  assert_ok(sslc_bio_flush(client), sslc_bio_error(client));
  assert_int_equal(get(server, buf, 2, SSLC_OK), 2);
  assert_int_equal(sslc_bio_pending(server), 3);
  get_text(server, "llo");
  assert_int_equal(get(server, buf, 2, SSLC_WANT_READ), 0);
  assert_int_equal(sslc_bio_should_retry(server), SSLC_WANT_READ);
  assert_int_equal(sslc_bio_fd(server), -1);
  /* No more is written by one of the two. */
  assert_ok(sslc_bio_shutdown_wr(client), sslc_bio_error(client));
  assert_ok(sslc_bio_shutdown_wr(client), sslc_bio_error(client));
  assert_int_equal(put(client, "x", 1, SSLC_CLOSED), 0);
  assert_int_equal(sslc_bio_eof(server), 0);
  assert_int_equal(get(server, buf, 2, SSLC_CLOSED), 0);
  assert_int_equal(sslc_bio_eof(server), 1);
  put_text(server, "back");
  get_text(client, "back");
  assert_status(sslc_bio_gets(client, buf, sizeof buf, &n), SSLC_ERR_ARG,
                NULL);
  assert_has(sslc_error_message(sslc_bio_error(client)), "buffer before");
  assert_status(sslc_bio_set_nbio(client, 0), SSLC_ERR_ARG, NULL);
  assert_status(sslc_bio_set_tcp_nodelay(client, 0), SSLC_ERR_ARG, NULL);
  assert_null(sslc_bio_new_conn(NULL, SSLC_CLOSE));
  sslc_bio_free(client);
  sslc_bio_free(server);
  layers_free(&l);
}

/* Lines out of TLS, by a buffer before the connection. */
static void
test_buffer_before(void **state)
{
  struct peers p;
  sslc_bio *buffer = sslc_bio_new_buffer(0), *bio;
  size_t n;

  (void)state;
  peers_connect(&p);
  bio = sslc_bio_new_conn(p.client, SSLC_CLOSE);
  assert_ok(sslc_bio_push(buffer, bio), sslc_bio_error(buffer));
  sslc_bio_free(bio);
  assert_ok(sslc_conn_write(p.server, "one\ntwo\n", 8, &n), NULL);
  get_line(buffer, 16, "one\n", SSLC_OK);
  get_line(buffer, 16, "two\n", SSLC_OK);
  get_line(buffer, 16, "", SSLC_WANT_READ);
  sslc_bio_free(buffer);
  peers_free(&p);
}

/* With SSLC_CLOSE close_notify is sent with the last reference to the BIO,
 * without, the connection goes on. */
static void
test_close_flag(void **state)
{
  const int *flag = *state;
  struct peers p;
  sslc_bio *bio;
  char buf[4];
  size_t n;

  peers_connect(&p);
  bio = sslc_bio_new_conn(p.client, !*flag);
  assert_int_equal(sslc_bio_get_close(bio), !*flag);
  assert_ok(sslc_bio_set_close(bio, *flag), sslc_bio_error(bio));
  assert_int_equal(sslc_bio_get_close(bio), *flag);
  sslc_bio_up_ref(bio);
  sslc_bio_free(bio);
  send_through(p.client, p.server, "hello", 5);
  sslc_bio_free(bio);
  if (*flag == SSLC_CLOSE)
    assert_status(sslc_conn_read(p.server, buf, sizeof buf, &n), SSLC_CLOSED,
                  sslc_conn_error(p.server));
  else
    send_through(p.client, p.server, "hello", 5);
  peers_free(&p);
}

/* The higher layer ends and the one below it goes on. */
static void
test_goes_on_below(void **state)
{
  struct layers l;
  struct peers *p;
  char buf[4];
  size_t n;

  (void)state;
  layers_init(&l, make_client_ctx(), make_server_ctx("direct"), 0);
  layers_add(&l, make_client_ctx(), make_server_ctx("good"), SSLC_NOCLOSE);
  layers_shake(&l);
  p = layers_top(&l);
  sslc_conn_close(p->client);
  assert_status(sslc_conn_read(p->server, buf, sizeof buf, &n), SSLC_CLOSED,
                sslc_conn_error(p->server));
  sslc_conn_close(p->server);
  assert_status(sslc_conn_read(l.at[0].client, buf, sizeof buf, &n), SSLC_OK,
                sslc_conn_error(l.at[0].client));
  assert_true(n > 0); /* the close_notify above, which nobody read there */
  send_through(l.at[0].client, l.at[0].server, "plain again", 11);
  layers_free(&l);
}

/* ------------------------------------------------------- the order of frees */

/* Each of: bio, lower, higher; in the order of the row. */
static void
test_frees(void **state)
{
  const char *order = *state;
  struct layers l;
  struct peers *below = &l.at[0], *above = &l.at[1];
  sslc_bio *bio;

  layers_make(&l, 2, 0);
  layers_shake(&l);
  bio = sslc_bio_up_ref(sslc_conn_rbio(above->client));
  for (; *order != '\0'; order++) {
    if (*order == 'b')
      sslc_bio_free(bio);
    else if (*order == 'l')
      sslc_conn_free(below->client);
    else
      sslc_conn_free(above->client);
    /* Whatever is gone, nothing is lost before all is. */
    if (*order != 'h' && order[1] != '\0' && strchr(order, 'h') != NULL)
      send_through(above->client, above->server, "hello", 5);
  }
  sslc_conn_free(above->server);
  sslc_conn_free(below->server);
}

int
main(void)
{
  static const int yes = 1, no = 0;
  static const struct pieces bytewise = { 1, 2 }, random = { 700, 2 },
                             bytewise3 = { 1, 3 };
  static const char *const orders[] = { "blh", "bhl", "lbh",
                                        "lhb", "hbl", "hlb" };
  size_t i;

  for (i = 0; i < COUNT(rows); i++)
    add_test(rows[i].test, test_layers, &rows[i]);
  add_test("the handshake below may be done already", test_from_below, NULL);
  add_test("a flight is held below", test_held_below, NULL);
  add_test("byte by byte below", test_pieces, &bytewise);
  add_test("byte by byte below three layers", test_pieces, &bytewise3);
  add_test("in pieces below", test_pieces, &random);
  add_test("with its writes starved below", test_writes_starved, NULL);
  add_test("over a BIO that connects, with waiting", test_waits, &yes);
  add_test("over a BIO that connects and blocks", test_waits, &no);
  add_test("the deadline tells how far it had come below", test_deadline,
           NULL);
  add_test("a step is bounded over two layers", test_bound, &rows[0]);
  add_test("a step is bounded over three layers", test_bound, &rows[2]);
  add_test("the BIO itself reads, writes, ends", test_bio, NULL);
  add_test("a buffer before it reads lines", test_buffer_before, NULL);
  add_test("SSLC_CLOSE closes the connection below", test_close_flag, &yes);
  add_test("SSLC_NOCLOSE lets it go on", test_close_flag, &no);
  add_test("the layer below goes on in plain", test_goes_on_below, NULL);
  for (i = 0; i < COUNT(orders); i++)
    add_test(orders[i], test_frees, orders[i]);
  return run_all("bio_conn");
}
