/*
 * test_bio_native.c: OpenSSL's own BIOs that a caller brings along, and ours in
 * OpenSSL's hands.
 */
#include "ossl_compat.h"
#include "support_bio.h"
#include "support_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

/* ------------------------------------------------------------------- wrap */

static sslc_bio *
wrap(BIO *native)
{
  sslc_bio *bio = sslc_bio_wrap(native);

  assert_non_null(bio);
  assert_ptr_equal(sslc_bio_native(bio), native);
  return bio;
}

static void
test_wrap_references(void **state)
{
  BIO *native = BIO_new(BIO_s_mem());
  sslc_bio *bio;

  (void)state;
  assert_null(sslc_bio_wrap(NULL));
  assert_null(sslc_bio_native(NULL));
  BIO_up_ref(native);
  bio = wrap(native);
  put_text(bio, "x");
  sslc_bio_free(bio);
  assert_int_equal(BIO_pending(native), 1);
  memory_fail_at(1);
  bio = sslc_bio_wrap(native); /* it stays ours */
  memory_fail_at(0);
  assert_null(bio);
  assert_int_equal(BIO_pending(native), 1);
  BIO_free(native);
}

/* The ends of two that are joined, by OpenSSL's own BIOs. */
enum how { MEMORY, SOCKET, PAIR };

struct ends {
  BIO *client_r, *client_w, *server_r, *server_w; /* with references */
};

static BIO *
same(BIO *bio)
{
  BIO_up_ref(bio);
  return bio;
}

static BIO *
native_socket(int fd)
{
  assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
  return BIO_new_socket(fd, BIO_CLOSE);
}

static void
ends_init(struct ends *e, enum how how)
{
  int fds[2];

  if (how == MEMORY) {
    e->client_r = BIO_new(BIO_s_mem());
    e->client_w = BIO_new(BIO_s_mem());
    e->server_r = same(e->client_w);
    e->server_w = same(e->client_r);
    return;
  }
  if (how == SOCKET) {
    make_sockets(fds);
    e->client_r = native_socket(fds[0]);
    e->server_r = native_socket(fds[1]);
  } else {
    assert_int_equal(BIO_new_bio_pair(&e->client_r, 0, &e->server_r, 0), 1);
  }
  e->client_w = same(e->client_r);
  e->server_w = same(e->server_r);
}

static void
ends_use(const struct ends *e, struct peers *p)
{
  peers_init_bios(p, wrap(same(e->client_r)), wrap(same(e->client_w)),
                  wrap(same(e->server_r)), wrap(same(e->server_w)));
}

static void
ends_free(struct ends *e)
{
  BIO_free(e->client_r);
  BIO_free(e->client_w);
  BIO_free(e->server_r);
  BIO_free(e->server_w);
}

/* No more comes from the server. */
static void
ends_end(struct ends *e, enum how how)
{
  if (how == MEMORY)
    BIO_set_mem_eof_return(e->client_r, 0);
  else if (how == SOCKET)
    assert_int_equal(shutdown((int)BIO_get_fd(e->server_w, NULL), SHUT_WR),
                     0);
  else
    BIO_shutdown_wr(e->server_w);
}

static const enum how hows[] = { MEMORY, SOCKET, PAIR };

static void
test_tls(void **state)
{
  struct ends e;
  struct peers p;

  ends_init(&e, *(const enum how *)*state);
  ends_use(&e, &p);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  assert_status(p.server_status, SSLC_OK, sslc_conn_error(p.server));
  peers_talk(&p, 40000);
  peers_free(&p);
  ends_free(&e);
}

/* As over our own BIOs: close_notify is a clean end, and an end alone never
 * is, wherever it comes. */
struct end_row {
  int connected, goodbye, lenient;
  sslc_status want;
  int code;
};

static const struct end_row end_rows[] = {
  { 0, 0, 0, SSLC_ERR_EOF, SSLC_CODE_HANDSHAKE_EOF },
  { 1, 0, 0, SSLC_ERR_EOF, SSLC_CODE_TRUNCATED },
  { 1, 1, 0, SSLC_CLOSED, 0 },
  { 0, 0, 1, SSLC_ERR_EOF, SSLC_CODE_HANDSHAKE_EOF },
  { 1, 0, 1, SSLC_CLOSED, 0 },
  { 1, 1, 1, SSLC_CLOSED, 0 },
};

static void
make_lenient(struct peers *p, const struct ends *e)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_bio *r = wrap(same(e->client_r)), *w = wrap(same(e->client_w));

  assert_ok(sslc_ctx_set_lenient_eof(ctx, 1), sslc_ctx_error(ctx));
  sslc_conn_free(p->client);
  p->client = sslc_conn_new(ctx);
  sslc_ctx_free(ctx);
  assert_ok(sslc_conn_set_bio(p->client, r, w), sslc_conn_error(p->client));
  sslc_bio_free(r);
  sslc_bio_free(w);
  sslc_conn_set_server_name(p->client, "localhost");
  sslc_conn_set_connect_state(p->client);
}

static void
check_end(enum how how, const struct end_row *row)
{
  struct ends e;
  struct peers p;
  sslc_status got;
  char buf[16];
  size_t n;

  ends_init(&e, how);
  ends_use(&e, &p);
  if (row->lenient)
    make_lenient(&p, &e);
  if (row->connected) {
    assert_ok(shake(&p), sslc_conn_error(p.client));
    assert_ok(sslc_conn_write(p.server, "last", 4, &n),
              sslc_conn_error(p.server));
  } else {
    assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ,
                  sslc_conn_error(p.client));
  }
  if (row->goodbye)
    sslc_conn_shutdown(p.server);
  ends_end(&e, how);
  if (row->connected)
    assert_ok(sslc_conn_read(p.client, buf, sizeof buf, &n),
              sslc_conn_error(p.client));
  got = row->connected ? sslc_conn_read(p.client, buf, sizeof buf, &n)
                       : sslc_conn_connect(p.client);
  assert_status(got, row->want, sslc_conn_error(p.client));
  if (row->code)
    assert_code(sslc_conn_error(p.client), row->code);
  peers_free(&p);
  ends_free(&e);
}

static void
test_ends(void **state)
{
  size_t i;

  for (i = 0; i < COUNT(hows); i++)
    check_end(hows[i], *state);
}

/* A reset is its errno, read or written, step or connection. */
static void
test_errno(void **state)
{
  struct ends e;
  struct peers p;
  sslc_status status;
  sslc_bio *bio;
  char buf[8];
  size_t n;

  (void)state;
  ends_init(&e, SOCKET);
  ends_use(&e, &p);
  sslc_conn_connect(p.client);
  sslc_conn_free(p.server); /* with bytes that it has not read */
  BIO_free(e.server_r);
  BIO_free(e.server_w);
  assert_status(sslc_conn_connect(p.client), SSLC_ERR_SYS,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CONNECTION_RESET);
  assert_int_equal(sslc_error_errno(sslc_conn_error(p.client)), ECONNRESET);
  bio = wrap(same(e.client_r));
  get(bio, buf, sizeof buf, SSLC_CLOSED);
  put(bio, "x", 1, SSLC_ERR_SYS);
  assert_code(sslc_bio_error(bio), SSLC_CODE_CONNECTION_RESET);
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), EPIPE);
  sslc_bio_free(bio);
  sslc_conn_free(p.client);
  BIO_free(e.client_r);
  BIO_free(e.client_w);
  /* A pair's that was shut down, by its reason. */
  ends_init(&e, PAIR);
  ends_use(&e, &p);
  assert_ok(shake(&p), sslc_conn_error(p.client));
  BIO_shutdown_wr(e.client_w);
  assert_status(sslc_conn_write(p.client, "x", 1, &n), SSLC_ERR_SYS,
                sslc_conn_error(p.client));
  assert_code(sslc_conn_error(p.client), SSLC_CODE_CONNECTION_RESET);
  assert_int_equal(sslc_error_errno(sslc_conn_error(p.client)), EPIPE);
  bio = wrap(same(e.client_w));
  put(bio, "x", 1, SSLC_ERR_SYS);
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), EPIPE);
  sslc_bio_free(bio);
  /* And one whose other half is gone: at its end, from 3.0 on. */
  BIO_destroy_bio_pair(e.server_r);
  status = sslc_conn_read(p.server, buf, sizeof buf, &n);
  if (status != SSLC_ERR_SYS)
    assert_status(status, SSLC_ERR_EOF, sslc_conn_error(p.server));
  peers_free(&p);
  ends_free(&e);
}

/* A file's errno comes by OpenSSL's error queue. */
static void
test_errno_in_queue(void **state)
{
  struct peers p;
  sslc_bio *other, *half = make_pair(&other);

  (void)state;
  peers_init_bios(&p, sslc_bio_new_file("/tmp", "r"), sslc_bio_new_null(),
                  half, half);
  assert_status(sslc_conn_connect(p.client), SSLC_ERR_SYS,
                sslc_conn_error(p.client));
  assert_int_equal(sslc_error_errno(sslc_conn_error(p.client)), EISDIR);
  peers_free(&p);
  sslc_bio_free(other);
}

/* A server of ours on the half; the context is its own. */
static sslc_conn *
make_server(sslc_bio *half)
{
  sslc_ctx *ctx = make_server_ctx("good");
  sslc_conn *conn = sslc_conn_new(ctx);

  sslc_ctx_free(ctx);
  assert_ok(sslc_conn_set_bio(conn, half, half), sslc_conn_error(conn));
  sslc_bio_free(half);
  return conn;
}

/* OpenSSL's own TLS as a BIO: what ends without close_notify is not closed. */
static void
test_native_tls(void **state)
{
  const int *goodbye = *state;
  SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
  BIO *native = BIO_new_ssl(ctx, 1);
  sslc_bio *half, *tls;
  sslc_conn *server = make_server(make_pair(&half));
  char buf[8];
  size_t n;

  BIO_push(native, same(sslc_bio_native(half)));
  tls = wrap(native);
  while (sslc_bio_do_handshake(tls) != SSLC_OK) {
    assert_int_equal(sslc_bio_should_retry(tls), SSLC_WANT_READ);
    sslc_conn_accept(server);
  }
  assert_ok(sslc_conn_accept(server), sslc_conn_error(server));
  get(tls, buf, sizeof buf, SSLC_WANT_READ);
  put_text(tls, "hello");
  assert_ok(sslc_conn_read(server, buf, sizeof buf, &n),
            sslc_conn_error(server));
  assert_ok(sslc_conn_write(server, "bye", 3, &n), sslc_conn_error(server));
  if (*goodbye)
    sslc_conn_shutdown(server);
  sslc_conn_free(server);
  get_text(tls, "bye");
  if (*goodbye)
    get(tls, buf, sizeof buf, SSLC_CLOSED);
  else if (COMPAT_R_UNEXPECTED_EOF < 0) /* 1.1.1 gives no reason */
    get(tls, buf, sizeof buf, SSLC_ERR_SYS);
  else
    get(tls, buf, sizeof buf, SSLC_ERR_EOF);
  if (!*goodbye && COMPAT_R_UNEXPECTED_EOF >= 0)
    assert_code(sslc_bio_error(tls), SSLC_CODE_TRUNCATED);
  sslc_bio_free(tls);
  sslc_bio_free(half);
  SSL_CTX_free(ctx);
}

/* ----------------------------------------------------------------- native */

/* Ours in OpenSSL's hands. */
static void
test_native_use(void **state)
{
  sslc_bio *other, *half = make_pair(&other), *mem = sslc_bio_new_mem();
  BIO *native = sslc_bio_native(half), *filter = BIO_new(BIO_f_base64());
  char buf[64], *data = NULL;

  (void)state;
  assert_int_equal(BIO_write(native, "plain", 5), 5);
  get_text(other, "plain");
  assert_int_equal(BIO_read(native, buf, sizeof buf), -1);
  assert_true(BIO_should_read(native));
  put_text(other, "line\nrest");
  assert_int_equal(BIO_gets(native, buf, sizeof buf), 5);
  assert_int_equal(BIO_puts(native, "puts"), 4);
  assert_int_equal(BIO_pending(native), 4);
  assert_int_equal(BIO_wpending(native), 4);
  drop(other);
  BIO_push(filter, native);
  assert_int_equal(BIO_write(filter, "hello", 5), 5);
  assert_int_equal(BIO_flush(filter), 1);
  get_text(other, "aGVsbG8=\n");
  BIO_pop(filter);
  BIO_free(filter);
  put_text(half, "still");
  get_text(other, "still");
  native = sslc_bio_native(mem);
  assert_int_equal(BIO_write(native, "", 0), 0);
  BIO_set_mem_eof_return(native, 0);
  assert_int_equal(BIO_read(native, buf, sizeof buf), 0);
  assert_true(BIO_eof(native));
  put_text(mem, "data");
  assert_int_equal(BIO_get_mem_data(native, &data), 4);
  assert_memory_equal(data, "data", 4);
  sslc_bio_free(mem);
  sslc_bio_free(half);
  sslc_bio_free(other);
}

/* The bound on the reads of a step is none for who takes no steps. */
static void
test_native_reads_on(void **state)
{
  int fds[2], i, again = 0;
  sslc_bio *bio;
  char byte;

  (void)state;
  make_sockets(fds);
  bio = sslc_bio_new_socket(fds[0], SSLC_CLOSE);
  assert_int_equal(write(fds[1], "0123456789012345678901234567890123456789",
                         40), 40);
  for (i = 0; i < 40;) {
    int n = BIO_read((BIO *)sslc_bio_native(bio), &byte, 1);

    if (n == 1)
      assert_int_equal(byte, '0' + i++ % 10);
    else
      assert_true(++again < 10);
  }
  sslc_bio_free(bio);
  close(fds[1]);
}

int
main(void)
{
  static const int yes = 1, no = 0;
  size_t i;

  memory_install();
  signal(SIGPIPE, SIG_IGN); /* BIO_s_socket's */
  add_test("wrap takes the reference over where it works",
           test_wrap_references, NULL);
  for (i = 0; i < COUNT(hows); i++)
    add_test("TLS over BIOs of OpenSSL's", test_tls, &hows[i]);
  for (i = 0; i < COUNT(end_rows); i++)
    add_test("the end over BIOs of OpenSSL's", test_ends, &end_rows[i]);
  add_test("errno over BIOs of OpenSSL's", test_errno, NULL);
  add_test("errno in OpenSSL's error queue", test_errno_in_queue, NULL);
  add_test("OpenSSL's TLS as a BIO, ended", test_native_tls, &yes);
  add_test("OpenSSL's TLS as a BIO, truncated", test_native_tls, &no);
  add_test("ours as OpenSSL's", test_native_use, NULL);
  add_test("a native reader is not stopped for good", test_native_reads_on,
           NULL);
  return run_all("bio_native");
}
