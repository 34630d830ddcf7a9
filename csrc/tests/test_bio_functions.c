/*
 * test_bio_functions.c: a BIO of the caller's functions, BIO_meth_new(3).
 *
 * The functions here work on one half of a pair and do what a test tells them
 * to do instead.
 */
#include "support_bio.h"
#include "support_memory.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/err.h>

struct source {
  sslc_bio *half;
  int closed; /* how often close was called */
  int reads, writes, flushes;
  size_t most; /* bytes in one call; 0: as many as there are */
  int stutter; /* every second call wants to be repeated */
  int turn;
  /* instead of the half's */
  int forced;
  sslc_status status;
  size_t n;
  int err;
  sslc_status flush_status;
  int flush_stutter;
  int litter; /* leave errors of OpenSSL's behind */
  int fd;
};

static int
stutters(struct source *s)
{
  return s->stutter && s->turn++ % 2 == 0;
}

static void
litter(const struct source *s)
{
  if (s->litter)
    BIO_free(BIO_new_file("", "r")); /* fails, and says so there */
  if (s->litter > 1)
    ERR_clear_error();
}

static sslc_status
source_read(void *arg, void *buf, size_t len, size_t *n)
{
  struct source *s = arg;

  s->reads++;
  litter(s);
  if (s->forced) {
    *n = s->n;
    errno = s->err;
    return s->status;
  }
  if (stutters(s))
    return SSLC_WANT_READ;
  if (s->most > 0 && len > s->most)
    len = s->most;
  return sslc_bio_read(s->half, buf, len, n);
}

static sslc_status
source_write(void *arg, const void *buf, size_t len, size_t *n)
{
  struct source *s = arg;

  s->writes++;
  litter(s);
  if (s->forced) {
    *n = s->n;
    errno = s->err;
    return s->status;
  }
  if (stutters(s))
    return SSLC_WANT_WRITE;
  if (s->most > 0 && len > s->most)
    len = s->most;
  return sslc_bio_write(s->half, buf, len, n);
}

static sslc_status
source_flush(void *arg)
{
  struct source *s = arg;

  litter(s);
  if (s->flush_stutter && s->flushes++ % 2 == 0)
    return SSLC_WANT_WRITE;
  errno = s->err;
  return s->flush_status;
}

static size_t
source_pending(void *arg)
{
  struct source *s = arg;

  return sslc_bio_pending(s->half);
}

static void
source_close(void *arg)
{
  struct source *s = arg;

  s->closed++;
}

static int
source_fd(void *arg)
{
  struct source *s = arg;

  return s->fd;
}

static const sslc_bio_functions all_functions = {
  sizeof(sslc_bio_functions), source_read, source_write, source_flush,
  source_pending, source_close, source_fd
};

static void
source_init(struct source *s, sslc_bio **other)
{
  memset(s, 0, sizeof *s);
  s->fd = -1;
  s->half = make_pair(other);
}

static sslc_bio *
new_functions(struct source *s)
{
  sslc_bio *bio = sslc_bio_new_functions(&all_functions, s);

  assert_non_null(bio);
  assert_int_equal(sslc_bio_kind(bio), SSLC_BIO_FUNCTIONS);
  return bio;
}

static void
source_free(struct source *s, sslc_bio *other)
{
  assert_int_equal(s->closed, 1);
  sslc_bio_free(s->half);
  sslc_bio_free(other);
}

/* ------------------------------------------------------------ on its own */

static void
test_passed_on(void **state)
{
  struct source s;
  sslc_bio *other, *bio;
  char buf[8];

  (void)state;
  source_init(&s, &other);
  bio = new_functions(&s);
  put_text(bio, "there");
  get_text(other, "there");
  get(bio, buf, sizeof buf, SSLC_WANT_READ);
  assert_int_equal(sslc_bio_should_retry(bio), SSLC_WANT_READ);
  put_text(other, "back");
  assert_int_equal(sslc_bio_pending(bio), 4);
  get_text(bio, "back");
  assert_int_equal(sslc_bio_pending(bio), 0);
  assert_int_equal(sslc_bio_fd(bio), -1);
  s.fd = 42;
  assert_int_equal(sslc_bio_fd(bio), 42);
  s.fd = -7;
  assert_int_equal(sslc_bio_fd(bio), -1);
  assert_int_equal(s.closed, 0);
  sslc_bio_free(bio);
  source_free(&s, other);
}

/* The end was told: they are not asked again. */
static void
test_end(void **state)
{
  struct source s;
  sslc_bio *other, *bio;
  char buf[8];

  (void)state;
  source_init(&s, &other);
  bio = new_functions(&s);
  assert_ok(sslc_bio_shutdown_wr(other), sslc_bio_error(other));
  assert_int_equal(sslc_bio_eof(bio), 0);
  get(bio, buf, sizeof buf, SSLC_CLOSED);
  assert_int_equal(sslc_bio_eof(bio), 1);
  get(bio, buf, sizeof buf, SSLC_CLOSED);
  assert_int_equal(s.reads, 1);
  sslc_bio_free(bio);
  source_free(&s, other);
}

/* What they give, and what that comes to. */
struct result_row {
  int write;
  sslc_status status;
  size_t n;
  int err;
  sslc_status want;
  int code;
  const char *says;
};

static const struct result_row result_rows[] = {
  { 0, SSLC_WANT_READ, 0, 0, SSLC_WANT_READ, 0, NULL },
  { 0, SSLC_WANT_WRITE, 0, 0, SSLC_WANT_WRITE, 0, NULL },
  { 0, SSLC_WANT_READ, 3, 5, SSLC_WANT_READ, 0, NULL },
  { 0, SSLC_CLOSED, 0, 0, SSLC_CLOSED, 0, NULL },
  { 0, SSLC_ERR_SYS, 0, ECONNRESET, SSLC_ERR_SYS, SSLC_CODE_CONNECTION_RESET,
    NULL },
  { 0, SSLC_ERR_SYS, 0, EIO, SSLC_ERR_SYS, SSLC_CODE_SYSTEM_ERROR, NULL },
  { 0, SSLC_ERR_SYS, 0, ENOMEM, SSLC_ERR_NOMEM, SSLC_CODE_OUT_OF_MEMORY,
    NULL },
  { 0, SSLC_ERR_SYS, 0, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL, "errno" },
  { 0, SSLC_OK, 0, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL,
    "read gave 0 bytes" },
  { 0, SSLC_OK, 9, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL,
    "read gave 9 bytes where 1 to 8" },
  { 0, SSLC_OK, SIZE_MAX, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL, "bytes" },
  { 0, SSLC_WANT_CONNECT, 0, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL,
    "want_connect" },
  { 0, SSLC_ERR_PROTO, 0, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL,
    "read gave the status -10 (proto)" },
  { 0, 12345, 0, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL, "12345" },
  { 1, SSLC_WANT_WRITE, 0, 0, SSLC_WANT_WRITE, 0, NULL },
  { 1, SSLC_WANT_READ, 0, 0, SSLC_WANT_READ, 0, NULL },
  { 1, SSLC_CLOSED, 0, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL,
    "write gave the status 32 (closed)" },
  { 1, SSLC_ERR_SYS, 0, EPIPE, SSLC_ERR_SYS, SSLC_CODE_CONNECTION_RESET,
    NULL },
  { 1, SSLC_ERR_SYS, 0, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL, "errno" },
  { 1, SSLC_OK, 0, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL,
    "write gave 0 bytes" },
  { 1, SSLC_OK, 9, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL,
    "write gave 9 bytes where 1 to 8" },
  { 1, SSLC_ERR_STATE, 0, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL,
    "state" },
};

static void
check_outcome(const sslc_error *err, const struct result_row *row)
{
  if (row->code == 0) {
    assert_null(err);
    return;
  }
  assert_code(err, row->code);
  assert_int_equal(sslc_error_errno(err), row->err);
  assert_phase(err, row->write ? SSLC_PHASE_WRITE : SSLC_PHASE_READ);
  if (row->says != NULL)
    assert_has(sslc_error_message(err), row->says);
}

static void
test_result(void **state)
{
  const struct result_row *row = *state;
  struct source s;
  sslc_bio *other, *bio;
  char buf[8] = { 0 };
  int twice;

  source_init(&s, &other);
  bio = new_functions(&s);
  s.status = row->status;
  s.n = row->n;
  s.err = row->err;
  for (twice = 0; twice < 2; twice++) {
    s.forced = 1;
    if (row->write)
      assert_int_equal(put(bio, buf, 8, row->want), 0);
    else
      assert_int_equal(get(bio, buf, 8, row->want), 0);
    check_outcome(sslc_bio_error(bio), row);
    assert_int_equal(sslc_bio_should_retry(bio),
                     is_want(row->want) ? row->want : SSLC_OK);
    s.forced = 0; /* and it goes on as if nothing had been */
    put_text(bio, "on");
    get_text(other, "on");
  }
  sslc_bio_free(bio);
  source_free(&s, other);
}

/* The same under a connection. */
static void
test_result_below(void **state)
{
  const struct result_row *row = *state;
  struct source s;
  struct peers p;
  sslc_bio *other, *bio, *half, *silent, *r, *w;
  sslc_status want = row->want == SSLC_CLOSED ? SSLC_ERR_EOF : row->want;

  source_init(&s, &other);
  bio = new_functions(&s);
  half = make_pair(&silent);
  r = row->write ? silent : bio;
  w = row->write ? bio : silent;
  peers_init_bios(&p, r, w, half, half);
  s.forced = 1;
  s.status = row->status;
  s.n = row->n == 9 ? 1 << 20 : row->n; /* libssl has more room than 8 */
  s.err = row->err;
  assert_status(sslc_conn_do_handshake(p.client), want,
                sslc_conn_error(p.client));
  if (row->code != 0)
    assert_code(sslc_conn_error(p.client), row->code);
  if (want == SSLC_ERR_EOF)
    assert_code(sslc_conn_error(p.client), SSLC_CODE_HANDSHAKE_EOF);
  peers_free(&p);
  source_free(&s, other);
}

struct flush_row {
  sslc_status status;
  int err;
  sslc_status want;
  int code;
};

static const struct flush_row flush_rows[] = {
  { SSLC_OK, 0, SSLC_OK, 0 },
  { SSLC_WANT_WRITE, 0, SSLC_WANT_WRITE, 0 },
  { SSLC_ERR_SYS, EIO, SSLC_ERR_SYS, SSLC_CODE_SYSTEM_ERROR },
  { SSLC_ERR_SYS, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL },
  { SSLC_WANT_READ, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL },
  { SSLC_CLOSED, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL },
  { 77, 0, SSLC_ERR_INTERNAL, SSLC_CODE_INTERNAL },
};

/* On it, and on a buffer before it. */
static void
test_flush(void **state)
{
  const struct flush_row *row = *state;
  struct source s;
  sslc_bio *other, *bio, *buffer = sslc_bio_new_buffer(0), *on;
  int filtered;

  source_init(&s, &other);
  bio = new_functions(&s);
  assert_ok(sslc_bio_push(buffer, bio), sslc_bio_error(buffer));
  for (filtered = 0; filtered < 3; filtered++) {
    on = filtered ? buffer : bio;
    s.flush_status = row->status;
    s.err = row->err;
    if (filtered == 2)
      put_text(buffer, "held");
    assert_status(sslc_bio_flush(on), row->want, sslc_bio_error(on));
    if (row->code)
      assert_code(sslc_bio_error(on), row->code);
    else
      assert_null(sslc_bio_error(on));
    assert_int_equal(sslc_bio_should_retry(on),
                     is_want(row->want) ? row->want : SSLC_OK);
  }
  get_text(other, "held");
  sslc_bio_free(buffer);
  sslc_bio_free(bio);
  source_free(&s, other);
}

/* Each that is missing is said to be, or is nothing to do. */
static void
test_missing(void **state)
{
  static const sslc_bio_functions none = {
    sizeof none, NULL, NULL, NULL, NULL, NULL, NULL
  };
  sslc_bio *bio = sslc_bio_new_functions(&none, NULL);
  char buf[8] = { 0 };

  (void)state;
  assert_non_null(bio);
  get(bio, buf, sizeof buf, SSLC_ERR_ARG);
  assert_code(sslc_bio_error(bio), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_bio_error(bio)), "read");
  put(bio, buf, sizeof buf, SSLC_ERR_ARG);
  assert_code(sslc_bio_error(bio), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_bio_error(bio)), "write");
  assert_ok(sslc_bio_flush(bio), sslc_bio_error(bio));
  assert_int_equal(sslc_bio_pending(bio), 0);
  assert_int_equal(sslc_bio_fd(bio), -1);
  sslc_bio_free(bio);
}

/* The structure is copied; one of a size that there never was is not looked
 * at. */
static void
test_size(void **state)
{
  static const size_t wrong[] = {
    0, 1, sizeof(size_t), sizeof(sslc_bio_functions) - 1,
    sizeof(sslc_bio_functions) - sizeof(void *),
    sizeof(sslc_bio_functions) + sizeof(void *), SIZE_MAX
  };
  sslc_bio_functions functions = all_functions;
  struct source s;
  sslc_bio *other, *bio;
  size_t i;

  (void)state;
  source_init(&s, &other);
  assert_null(sslc_bio_new_functions(NULL, &s));
  for (i = 0; i < COUNT(wrong); i++) {
    functions.size = wrong[i];
    assert_null(sslc_bio_new_functions(&functions, &s));
  }
  assert_int_equal(s.closed, 0);
  functions.size = sizeof functions;
  bio = sslc_bio_new_functions(&functions, &s);
  memset(&functions, 0, sizeof functions);
  put_text(bio, "copied");
  get_text(other, "copied");
  sslc_bio_free(bio);
  source_free(&s, other);
}

static void
test_closed_once(void **state)
{
  struct source s;
  sslc_bio *other, *bio, *buffer = sslc_bio_new_buffer(0);

  (void)state;
  source_init(&s, &other);
  bio = new_functions(&s);
  sslc_bio_up_ref(bio);
  assert_ok(sslc_bio_push(buffer, bio), sslc_bio_error(buffer));
  sslc_bio_free(bio);
  sslc_bio_free(bio);
  assert_int_equal(s.closed, 0);
  put_text(buffer, "x");
  assert_ok(sslc_bio_flush(buffer), sslc_bio_error(buffer));
  sslc_bio_free(buffer);
  source_free(&s, other);
}

/* Also where there is no memory for the BIO. */
static void
test_closed_on_failure(void **state)
{
  struct source s;
  sslc_bio *other, *bio = NULL;
  long n;

  (void)state;
  source_init(&s, &other);
  for (n = 1; bio == NULL; n++) {
    s.closed = 0;
    memory_fail_at(n);
    bio = sslc_bio_new_functions(&all_functions, &s);
    memory_fail_at(0);
    if (bio == NULL)
      assert_int_equal(s.closed, 1);
  }
  assert_true(n > 3);
  assert_int_equal(s.closed, 0);
  sslc_bio_free(bio);
  source_free(&s, other);
}

/* ------------------------------------------------------------- under TLS */

/* How both sides' functions behave. */
struct tls_row {
  size_t most;
  int stutter, flush_stutter, litter, buffered;
};

static const struct tls_row tls_rows[] = {
  { 0, 0, 0, 0, 0 }, { 1, 0, 0, 0, 0 }, { 100, 1, 0, 0, 0 },
  { 0, 1, 1, 1, 0 }, { 7, 1, 1, 2, 0 }, { 0, 0, 1, 0, 1 },
  { 50, 1, 1, 1, 1 }, { 0, 0, 0, 2, 0 },
};

static sslc_bio *
make_end(struct source *s, const struct tls_row *row)
{
  sslc_bio *bio = new_functions(s), *buffer;

  s->most = row->most;
  s->stutter = row->stutter;
  s->flush_stutter = row->flush_stutter;
  s->litter = row->litter;
  if (!row->buffered)
    return bio;
  buffer = sslc_bio_new_buffer(0);
  assert_ok(sslc_bio_push(buffer, bio), sslc_bio_error(buffer));
  sslc_bio_free(bio);
  return buffer;
}

static void
shake_long(struct peers *p)
{
  int rounds = 100000;

  do {
    p->client_status = sslc_conn_do_handshake(p->client);
    p->server_status = sslc_conn_do_handshake(p->server);
  } while ((is_want(p->client_status) || is_want(p->server_status)) &&
           --rounds > 0);
  assert_status(p->client_status, SSLC_OK, sslc_conn_error(p->client));
  assert_status(p->server_status, SSLC_OK, sslc_conn_error(p->server));
}

static void
test_tls(void **state)
{
  const struct tls_row *row = *state;
  struct source c, s;
  struct peers p;
  sslc_bio *cbio, *sbio;

  source_init(&c, &s.half);
  cbio = s.half;
  memset(&s, 0, sizeof s);
  s.half = cbio;
  s.fd = -1;
  cbio = make_end(&c, row);
  sbio = make_end(&s, row);
  peers_init_bios(&p, cbio, cbio, sbio, sbio);
  shake_long(&p);
  peers_talk(&p, 40000);
  peers_free(&p);
  assert_int_equal(c.closed, 1);
  assert_int_equal(s.closed, 1);
  sslc_bio_free(c.half);
  sslc_bio_free(s.half);
}

/* One byte at a time of a record that is long in coming. */
static sslc_status
read_byte(void *arg, void *buf, size_t len, size_t *n)
{
  static const char header[] = { 22, 3, 3, 0x40, 0 };
  size_t *at = arg;

  assert_true(len > 0);
  *(char *)buf = *at < sizeof header ? header[*at] : 0;
  ++*at;
  *n = 1;
  return SSLC_OK;
}

static sslc_status
swallow(void *arg, const void *buf, size_t len, size_t *n)
{
  (void)arg;
  (void)buf;
  *n = len;
  return SSLC_OK;
}

/* One that always has something to give does not hold a step for ever. */
static void
test_bound(void **state)
{
  static const sslc_bio_functions endless = {
    sizeof endless, read_byte, swallow, NULL, NULL, NULL, NULL
  };
  size_t at = 0, steps;
  sslc_bio *bio = sslc_bio_new_functions(&endless, &at), *other, *half;
  struct peers p;

  (void)state;
  half = make_pair(&other);
  sslc_bio_free(other);
  peers_init_bios(&p, bio, bio, half, half);
  for (steps = 1; steps < 20; steps++) {
    assert_status(sslc_conn_do_handshake(p.client), SSLC_WANT_READ,
                  sslc_conn_error(p.client));
    assert_int_equal(at, steps * 16);
  }
  peers_free(&p);
}

/* What stopped at the bound is gone on with, not waited for: the functions have
 * the bytes, and their descriptor will never be ready. */
static void
test_wait(void **state)
{
  struct source s;
  struct peers p;
  sslc_bio *other, *bio;
  int fds[2];

  (void)state;
  source_init(&s, &other);
  make_sockets(fds);
  s.fd = fds[0];
  s.most = 1;
  bio = new_functions(&s);
  peers_init_bios(&p, bio, bio, other, other);
  assert_status(sslc_conn_connect(p.client), SSLC_WANT_READ,
                sslc_conn_error(p.client));
  assert_status(sslc_conn_accept(p.server), SSLC_WANT_READ,
                sslc_conn_error(p.server));
  assert_ok(sslc_conn_do_handshake_wait(p.client, sslc_deadline(PATIENCE)),
            sslc_conn_error(p.client));
  peers_free(&p);
  sslc_bio_free(s.half);
  close(fds[0]);
  close(fds[1]);
}

int
main(void)
{
  size_t i;

  memory_install();
  add_test("reads, writes, pending and fd are passed on", test_passed_on,
           NULL);
  add_test("the end is asked for once", test_end, NULL);
  for (i = 0; i < COUNT(result_rows); i++) {
    add_test("what a function gives", test_result, &result_rows[i]);
    add_test("what a function gives to TLS", test_result_below,
             &result_rows[i]);
  }
  for (i = 0; i < COUNT(flush_rows); i++)
    add_test("what flush gives", test_flush, &flush_rows[i]);
  add_test("functions that are missing", test_missing, NULL);
  add_test("the size of the structure", test_size, NULL);
  add_test("close is called once", test_closed_once, NULL);
  add_test("close is called where the making fails", test_closed_on_failure,
           NULL);
  for (i = 0; i < COUNT(tls_rows); i++)
    add_test("TLS over functions", test_tls, &tls_rows[i]);
  add_test("reading has a bound in a step", test_bound, NULL);
  add_test("bytes that are there are not waited for", test_wait, NULL);
  return run_all("bio_functions");
}
