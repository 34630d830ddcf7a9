/*
 * test_records.c: records and alerts that come between the data: those that
 * are passed over, how many of them, and those that end the connection.
 * RFC 8446, 5 and 6; RFC 5246, 6 and 7.2.
 */
#include "support_forge.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

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

/* ----------------------------------------------------- bytes of no record */

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
    "" /* a wrong version, or from 3.2 on a length that is too long */ },
};

/* OpenSSL up to 3.0.19 takes a record of TLS 1.2 that is too short to be a
 * sealed one for a fault of its own. */
static int
is_about_protocol(const sslc_error *err, int version)
{
  int code = sslc_error_code(err);
  return code == SSLC_CODE_PROTOCOL_ERROR ||
         code == SSLC_CODE_PROTOCOL_VERSION ||
         (code == SSLC_CODE_INTERNAL && version == SSLC_TLS1_2);
}

/* OpenSSL from 3.2 on passes over it, older ones do not; it gives nothing. */
static void
test_change_cipher_spec(void **state)
{
  static const unsigned char bytes[] = { 20, 3, 3, 0, 1, 1 };
  struct forge f;
  char buf[8];
  size_t n;
  sslc_status status;

  (void)state;
  forge_init(&f, SSLC_TLS1_3, 0, 0);
  inject(f.half, bytes, sizeof bytes);
  status = sslc_conn_read(f.victim, buf, sizeof buf, &n);
  assert_int_equal(n, 0);
  if (status != SSLC_WANT_READ)
    assert_true(is_about_protocol(sslc_conn_error(f.victim), SSLC_TLS1_3));
  forge_free(&f);
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
  assert_true(sslc_conn_read(f.victim, buf, sizeof buf, &n) < 0);
  assert_int_equal(n, 0);
  assert_true(is_about_protocol(sslc_conn_error(f.victim), j->version));
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

/* --------------------------------------------------- a peer without an end */

enum { FLOOD = 24000 }; /* KeyUpdates: more bytes than a step may read */

struct flood {
  int fd;
  const char *bytes;
  size_t len;
};

static void *
pour(void *arg)
{
  struct flood *flood = arg;

  while (flood->len > 0) {
    ssize_t n = write(flood->fd, flood->bytes, flood->len);

    if (n <= 0)
      break;
    flood->bytes += n;
    flood->len -= (size_t)n;
  }
  return NULL;
}

/* What the BIO has read, in all. */
static long
count_bytes(BIO *bio, int oper, const char *buf, size_t len, int argi,
            long argl, int ret, size_t *processed)
{
  (void)buf;
  (void)len;
  (void)argi;
  (void)argl;
  if (oper == (BIO_CB_READ | BIO_CB_RETURN) && ret > 0 && processed != NULL)
    *(size_t *)BIO_get_callback_arg(bio) += *processed;
  return ret;
}

/* Seals the flood into memory, where it can be had whole. */
static BIO *
prepare(struct forge *f)
{
  BIO *memory = BIO_new(BIO_s_mem());
  sslc_bio *half = f->half;
  int i;

  assert_non_null(memory);
  BIO_up_ref(memory);
  f->half = sslc_bio_wrap(memory);
  for (i = 0; i < FLOOD; i++)
    forge_key_update(f, 0);
  forge_text(f, "after");
  sslc_bio_free(f->half);
  f->half = half;
  return memory;
}

/* No peer can keep a step from coming back. */
static void
test_bound(void **state)
{
  const size_t most = SSLCI_READS_PER_STEP * (16 * 1024 + 512);
  struct forge f;
  struct flood flood;
  pthread_t thread;
  sslc_status status;
  sslc_bio *bio;
  BIO *memory;
  char *bytes, buf[8];
  size_t sum = 0, before, n = 0;
  int fds[2], steps = 0, ready;

  (void)state;
  forge_init(&f, SSLC_TLS1_3, 0, 0);
  memory = prepare(&f);
  make_sockets(fds);
  flood.fd = fds[1];
  flood.len = (size_t)BIO_get_mem_data(memory, &bytes);
  flood.bytes = bytes;
  assert_true(flood.len > 2 * most);
  bio = sslc_bio_new_socket(fds[0], SSLC_CLOSE);
  assert_ok(sslc_conn_set_bio(f.victim, bio, bio), sslc_conn_error(f.victim));
  BIO_set_callback_ex(sslc_bio_native(bio), count_bytes);
  BIO_set_callback_arg((BIO *)sslc_bio_native(bio), (char *)&sum);
  assert_int_equal(pthread_create(&thread, NULL, pour, &flood), 0);
  do {
    assert_int_equal(sslc_fd_wait(fds[0], SSLC_READABLE,
                                  sslc_deadline(PATIENCE), &ready), SSLC_OK);
    before = sum;
    status = sslc_conn_read(f.victim, buf, sizeof buf, &n);
    assert_true(sum - before <= most);
    steps++;
  } while (status == SSLC_WANT_READ);
  assert_ok(status, sslc_conn_error(f.victim));
  assert_int_equal(n, 5);
  assert_true(steps > 2);
  pthread_join(thread, NULL);
  sslc_bio_free(bio);
  forge_free(&f);
  close(fds[1]);
  BIO_free(memory);
}

int
main(void)
{
  static const int old = SSLC_TLS1_2, new = SSLC_TLS1_3;
  size_t i;

  for (i = 0; i < COUNT(betweens); i++)
    add_test(betweens[i].test, test_between, &betweens[i]);
  for (i = 0; i < COUNT(junks); i++)
    add_test(junks[i].test, test_junk, &junks[i]);
  add_test("a plaintext ChangeCipherSpec gives nothing",
           test_change_cipher_spec, NULL);
  add_test("a record that is too large is an error", test_too_large, &new);
  add_test("... with TLS 1.2", test_too_large, &old);
  add_test("a step comes back from KeyUpdates without end", test_bound, NULL);
  return run_all("records");
}
