/*
 * test_key_update.c: new keys in the middle of a connection:
 * sslc_conn_key_update, SSL_key_update(3), RFC 8446, section 4.6.3.
 */
#include "support_tap.h"

#include <string.h>

static void
check(const sslc_conn *conn, sslc_status got, sslc_status want)
{
  assert_status(got, want, sslc_conn_error(conn));
}

/* Both are connected, and nothing of the handshake is on its way any more. */
static void
connect_link(struct link *link)
{
  struct peers p;
  sslc_ctx *client = make_client_ctx(), *server = make_server_ctx("good");
  sslc_bio *bios[2];

  assert_int_equal(sslc_bio_new_pair(&bios[0], 0, &bios[1], 0), SSLC_OK);
  link_init(link, client, server, bios, 0);
  sslc_ctx_free(client);
  sslc_ctx_free(server);
  p.client = link->client.conn;
  p.server = link->server.conn;
  assert_ok(shake(&p), sslc_conn_error(p.client));
  send_through(p.client, p.server, "hello", 5);
  send_through(p.server, p.client, "hello", 5);
}

/* Bytes of a KeyUpdate's record, and of one of data: header, tag and type. */
enum { KEY_UPDATE = 27, DATA = 22 };

/* Nothing is to be read but what libssl reads for itself. */
static void
check_idle(sslc_conn *conn)
{
  char buf[16];
  size_t n;

  check(conn, sslc_conn_read(conn, buf, sizeof buf, &n), SSLC_WANT_READ);
}

static void
check_both_ways(struct link *link)
{
  send_through(link->client.conn, link->server.conn, "there", 5);
  send_through(link->server.conn, link->client.conn, "and back", 8);
}

/* ------------------------------------------------------------- what it does */

static const struct row {
  const char *test;
  int by_server, request;
} rows[] = {
  { "a client's new keys", 0, 0 },
  { "new keys for both, asked for by the client", 0, 1 },
  { "a server's new keys", 1, 0 },
  { "new keys for both, asked for by the server", 1, 1 },
};

/* The one that renews its keys is `from`. */
static void
sides(struct link *link, const struct row *row, struct end **from,
      struct end **to)
{
  *from = row->by_server ? &link->server : &link->client;
  *to = row->by_server ? &link->client : &link->server;
}

/* Writes a few bytes; how many more than those of their record. */
static size_t
bytes_before(struct end *from, struct end *to)
{
  size_t before = from->tap.bytes;

  send_through(from->conn, to->conn, "there", 5);
  return from->tap.bytes - before - DATA - 5;
}

/* It is read where nothing else is, and answered, if that was asked for, with
 * what is written next. */
static void
test_update(void **state)
{
  const struct row *row = *state;
  struct link link;
  struct end *from, *to;
  size_t before;

  connect_link(&link);
  sides(&link, row, &from, &to);
  before = from->tap.bytes;
  check(from->conn, sslc_conn_key_update(from->conn, row->request), SSLC_OK);
  assert_int_equal(sslc_conn_last_return(from->conn), 1);
  assert_int_equal(from->tap.bytes - before, KEY_UPDATE);
  check_idle(to->conn);
  assert_int_equal(bytes_before(to, from), row->request ? KEY_UPDATE : 0);
  assert_int_equal(bytes_before(from, to), 0);
  assert_int_equal(bytes_before(to, from), 0);
  link_free(&link);
}

/* Data is on its way in both directions, under the old keys. */
static void
test_while_data_flows(void **state)
{
  const struct row *row = *state;
  struct link link;
  struct end *from, *to;
  char buf[16];
  size_t n;
  int i;

  connect_link(&link);
  sides(&link, row, &from, &to);
  for (i = 0; i < 5; i++) {
    check(from->conn, sslc_conn_write(from->conn, "before", 6, &n), SSLC_OK);
    check(to->conn, sslc_conn_write(to->conn, "meanwhile", 9, &n), SSLC_OK);
    check(from->conn, sslc_conn_key_update(from->conn, row->request), SSLC_OK);
    check(from->conn, sslc_conn_write(from->conn, "after", 5, &n), SSLC_OK);
    check(to->conn, sslc_conn_read(to->conn, buf, sizeof buf, &n), SSLC_OK);
    assert_int_equal(n, 6);
    check(to->conn, sslc_conn_read(to->conn, buf, sizeof buf, &n), SSLC_OK);
    assert_int_equal(n, 5);
    assert_memory_equal(buf, "after", 5);
    check(from->conn, sslc_conn_read(from->conn, buf, sizeof buf, &n), SSLC_OK);
    assert_int_equal(n, 9);
    check_both_ways(&link);
  }
  link_free(&link);
}

/* No room for a part of it, each time another: it is repeated, and is one. */
static void
test_want_write(void **state)
{
  const struct row *row = *state;
  struct link link;
  struct end *from, *to;
  size_t cut, before;

  for (cut = 0; cut < KEY_UPDATE; cut++) {
    connect_link(&link);
    sides(&link, row, &from, &to);
    before = from->tap.bytes;
    from->tap.room = cut;
    check(from->conn, sslc_conn_key_update(from->conn, row->request),
          SSLC_WANT_WRITE);
    check(from->conn, sslc_conn_key_update(from->conn, row->request),
          SSLC_WANT_WRITE);
    from->tap.room = SIZE_MAX;
    check(from->conn, sslc_conn_key_update(from->conn, row->request), SSLC_OK);
    assert_int_equal(from->tap.bytes - before, KEY_UPDATE);
    check_idle(to->conn);
    check_both_ways(&link);
    link_free(&link);
  }
}

/* Another step comes first, and sends it; the repetition has nothing to do. */
static void
test_finished_by_another_step(void **state)
{
  const struct row *row = *state;
  struct link link;
  struct end *from, *to;
  char buf[16];
  size_t n, before;

  connect_link(&link);
  sides(&link, row, &from, &to);
  from->tap.room = 3;
  before = from->tap.bytes;
  check(from->conn, sslc_conn_key_update(from->conn, row->request),
        SSLC_WANT_WRITE);
  check(from->conn, sslc_conn_write(from->conn, "data", 4, &n),
        SSLC_WANT_WRITE);
  from->tap.room = SIZE_MAX;
  check(from->conn, sslc_conn_write(from->conn, "data", 4, &n), SSLC_OK);
  check(from->conn, sslc_conn_key_update(from->conn, row->request), SSLC_OK);
  assert_int_equal(from->tap.bytes - before, KEY_UPDATE + DATA + 4);
  check(to->conn, sslc_conn_read(to->conn, buf, sizeof buf, &n), SSLC_OK);
  assert_int_equal(n, 4);
  check_both_ways(&link);
  link_free(&link);
}

/* Where the peer has asked already, one of ours is the answer too. */
static void
test_when_asked(void **state)
{
  const struct row *row = *state;
  struct link link;
  struct end *from, *to;
  size_t before;

  connect_link(&link);
  sides(&link, row, &from, &to);
  check(from->conn, sslc_conn_key_update(from->conn, 1), SSLC_OK);
  check_idle(to->conn);
  before = to->tap.bytes;
  check(to->conn, sslc_conn_key_update(to->conn, row->request), SSLC_OK);
  assert_int_equal(to->tap.bytes - before, KEY_UPDATE);
  assert_int_equal(bytes_before(to, from), 0);
  assert_int_equal(bytes_before(from, to), row->request ? KEY_UPDATE : 0);
  check_both_ways(&link);
  link_free(&link);
}

/* The peer asks for new keys while a record of ours is sent in part. */
static void
test_asked_in_a_write(void **state)
{
  const struct row *row = *state;
  struct link link;
  struct end *from, *to;
  char buf[16];
  size_t n;
  sslc_status status;

  connect_link(&link);
  sides(&link, row, &from, &to);
  to->tap.room = 9;
  check(to->conn, sslc_conn_write(to->conn, "unfinished", 10, &n),
        SSLC_WANT_WRITE);
  check(from->conn, sslc_conn_key_update(from->conn, 1), SSLC_OK);
  status = sslc_conn_read(to->conn, buf, sizeof buf, &n);
  assert_true(status == SSLC_WANT_WRITE || status == SSLC_WANT_READ);
  to->tap.room = SIZE_MAX;
  check(to->conn, sslc_conn_write(to->conn, "unfinished", 10, &n), SSLC_OK);
  check(from->conn, sslc_conn_read(from->conn, buf, sizeof buf, &n), SSLC_OK);
  assert_int_equal(n, 10);
  check_idle(to->conn);
  check_both_ways(&link);
  link_free(&link);
}

/* Many in a row, each asking for one of ours. */
static void
test_many(void **state)
{
  const struct row *row = *state;
  struct link link;
  struct end *from, *to;
  char buf[16];
  size_t n;
  int i;

  connect_link(&link);
  sides(&link, row, &from, &to);
  for (i = 0; i < 200; i++)
    check(from->conn, sslc_conn_key_update(from->conn, row->request), SSLC_OK);
  check(from->conn, sslc_conn_write(from->conn, "after", 5, &n), SSLC_OK);
  check(to->conn, sslc_conn_read(to->conn, buf, sizeof buf, &n), SSLC_OK);
  assert_int_equal(n, 5);
  check_idle(from->conn);
  check_both_ways(&link);
  link_free(&link);
}

/* --------------------------------------------------------- what it refuses */

static void
test_old_version(void **state)
{
  struct peers p;
  sslc_ctx *client = make_client_ctx();

  (void)state;
  assert_ok(sslc_ctx_set_max_version(client, SSLC_TLS1_2), NULL);
  peers_init(&p, client, make_server_ctx("good"), "localhost");
  assert_ok(shake(&p), sslc_conn_error(p.client));
  check(p.client, sslc_conn_key_update(p.client, 1), SSLC_ERR_STATE);
  assert_code(sslc_conn_error(p.client), SSLC_CODE_MISUSE);
  assert_has(sslc_error_message(sslc_conn_error(p.client)), "TLSv1.2");
  send_through(p.client, p.server, "hello", 5);
  peers_free(&p);
}

static void
check_refused(sslc_conn *conn, int code)
{
  check(conn, sslc_conn_key_update(conn, 0), SSLC_ERR_STATE);
  assert_code(sslc_conn_error(conn), code);
  assert_phase(sslc_conn_error(conn), SSLC_PHASE_WRITE);
}

static void
test_out_of_place(void **state)
{
  struct link link;
  struct peers p;
  size_t n;

  (void)state;
  assert_int_equal(sslc_conn_key_update(NULL, 0), SSLC_ERR_ARG);
  peers_init(&p, make_client_ctx(), make_server_ctx("good"), "localhost");
  check_refused(p.client, SSLC_CODE_MISUSE);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  peers_free(&p);

  connect_link(&link);
  link.client.tap.room = 5;
  check(link.client.conn, sslc_conn_write(link.client.conn, "data", 4, &n),
        SSLC_WANT_WRITE);
  check_refused(link.client.conn, SSLC_CODE_MISUSE);
  link.client.tap.room = SIZE_MAX;
  check(link.client.conn, sslc_conn_write(link.client.conn, "data", 4, &n),
        SSLC_OK);
  check(link.client.conn, sslc_conn_shutdown(link.client.conn),
        SSLC_WANT_READ);
  check_refused(link.client.conn, SSLC_CODE_CLOSED);
  sslc_conn_close(link.client.conn);
  check_refused(link.client.conn, SSLC_CODE_CLOSED);
  link_free(&link);
}

int
main(void)
{
  static const struct {
    const char *test;
    CMUnitTestFunction function;
  } each[] = {
    { "data goes on in between", test_while_data_flows },
    { "without room it is repeated, and is one", test_want_write },
    { "another step may send it", test_finished_by_another_step },
    { "asked for before, it is the answer too", test_when_asked },
    { "asked for in the middle of a write", test_asked_in_a_write },
    { "many in a row", test_many },
  };
  size_t i, r;

  for (r = 0; r < COUNT(rows); r++)
    add_test(rows[r].test, test_update, &rows[r]);
  for (i = 0; i < COUNT(each); i++)
    for (r = 0; r < COUNT(rows); r++)
      add_test(each[i].test, each[i].function, &rows[r]);
  add_test("TLS 1.2 has none", test_old_version, NULL);
  add_test("out of place it is refused", test_out_of_place, NULL);
  return run_all("key_update");
}
