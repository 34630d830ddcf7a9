/*
 * test_bio_kinds.c: every operation on every kind of BIO that needs no network,
 * with what it comes to; NULL; and memory that runs short in the making.
 */
#define _GNU_SOURCE 1 /* mkstemp(3) */

#include "support_bio.h"
#include "support_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/bio.h>

/* -------------------------------------------------------------- the kinds */

/* A new one, NULL where memory was short; what is to be freed with it. */
struct made {
  sslc_bio *bio;
  sslc_bio *other; /* what is written to it can be read from `bio` */
  int fd;          /* -1: none */
};

static char path[] = "/tmp/sslconnect-XXXXXX";

static void
make_pair_kind(struct made *m)
{
  sslc_bio_new_pair(&m->bio, 0, &m->other, 0);
}

static void
make_socket(struct made *m)
{
  int fds[2];

  make_sockets(fds);
  m->bio = sslc_bio_new_socket(fds[0], SSLC_CLOSE);
  if (m->bio == NULL)
    close(fds[0]);
  m->fd = fds[1];
}

static void
make_mem(struct made *m)
{
  m->bio = sslc_bio_new_mem();
}

static void
make_mem_buf(struct made *m)
{
  m->bio = sslc_bio_new_mem_buf("ab\n", 3);
}

static void
make_null(struct made *m)
{
  m->bio = sslc_bio_new_null();
}

static void
make_file(struct made *m)
{
  m->bio = sslc_bio_new_file(path, "w+");
}

/* The caller's, over nothing. */
static sslc_status
want_read(void *arg, void *buf, size_t len, size_t *n)
{
  (void)arg;
  (void)buf;
  (void)len;
  (void)n;
  return SSLC_WANT_READ;
}

static sslc_status
take_all(void *arg, const void *buf, size_t len, size_t *n)
{
  (void)arg;
  (void)buf;
  *n = len;
  return SSLC_OK;
}

static void
make_functions(struct made *m)
{
  static const sslc_bio_functions functions = {
    sizeof functions, want_read, take_all, NULL, NULL, NULL, NULL
  };

  m->bio = sslc_bio_new_functions(&functions, NULL);
}

/* Before what `m` has. */
static void
put_buffer_before(struct made *m)
{
  sslc_bio *buffer = sslc_bio_new_buffer(0);

  if (m->bio != NULL && buffer != NULL)
    assert_ok(sslc_bio_push(buffer, m->bio), sslc_bio_error(buffer));
  if (m->bio == NULL || buffer == NULL) {
    sslc_bio_free(buffer);
    buffer = NULL;
  }
  sslc_bio_free(m->bio);
  m->bio = buffer;
}

static void
make_buffer(struct made *m)
{
  m->bio = sslc_bio_new_buffer(5000);
}

static void
make_buffer_pair(struct made *m)
{
  make_pair_kind(m);
  put_buffer_before(m);
}

static void
make_buffer_mem(struct made *m)
{
  make_mem(m);
  put_buffer_before(m);
}

static void
make_buffer_file(struct made *m)
{
  make_file(m);
  put_buffer_before(m);
}

/* A native one's reference stays ours where that fails. */
static sslc_bio *
wrapped(BIO *native)
{
  sslc_bio *bio = sslc_bio_wrap(native);

  if (bio == NULL)
    BIO_free_all(native);
  return bio;
}

static void
make_native_mem(struct made *m)
{
  m->bio = wrapped(BIO_new(BIO_s_mem()));
}

static void
make_native_socket(struct made *m)
{
  int fds[2];
  BIO *native;

  make_sockets(fds);
  native = BIO_new_socket(fds[0], BIO_CLOSE);
  if (native == NULL)
    close(fds[0]);
  m->bio = wrapped(native);
  m->fd = fds[1];
}

static void
make_native_chain(struct made *m)
{
  BIO *filter = BIO_new(BIO_f_buffer()), *mem = BIO_new(BIO_s_mem());

  if (filter == NULL || mem == NULL) {
    BIO_free(filter);
    BIO_free(mem);
    return;
  }
  BIO_push(filter, mem);
  m->bio = wrapped(filter);
}

static void
unmake(struct made *m)
{
  sslc_bio_free(m->bio);
  sslc_bio_free(m->other);
  if (m->fd >= 0)
    close(m->fd);
}

/* --------------------------------------------------------- the operations */

static sslc_status
op_read(sslc_bio *bio)
{
  char buf[8];
  size_t n = 1;
  sslc_status status = sslc_bio_read(bio, buf, sizeof buf, &n);

  assert_int_equal(n > 0, status == SSLC_OK);
  return status;
}

static sslc_status
op_gets(sslc_bio *bio)
{
  char buf[8] = "x";
  size_t n = 1;
  sslc_status status = sslc_bio_gets(bio, buf, sizeof buf, &n);

  assert_int_equal(n > 0, status == SSLC_OK);
  assert_int_equal(strlen(buf), n);
  return status;
}

static sslc_status
op_write(sslc_bio *bio)
{
  size_t n = 1;
  sslc_status status = sslc_bio_write(bio, "ab\n", 3, &n);

  assert_int_equal(n, status == SSLC_OK ? 3 : 0);
  return status;
}

static sslc_status
op_puts(sslc_bio *bio)
{
  size_t n = 1;
  sslc_status status = sslc_bio_puts(bio, "ab\n", &n);

  assert_int_equal(n, status == SSLC_OK ? 3 : 0);
  return status;
}

static sslc_status
op_peek(sslc_bio *bio)
{
  const void *data = "";
  size_t n = 1;
  sslc_status status = sslc_bio_peek(bio, &data, &n);

  assert_int_equal(n > 0, status == SSLC_OK);
  assert_int_equal(data != NULL, status == SSLC_OK);
  return status;
}

static sslc_status
op_consume(sslc_bio *bio)
{
  return sslc_bio_consume(bio, 0);
}

static sslc_status
op_nbio(sslc_bio *bio)
{
  return sslc_bio_set_nbio(bio, 1);
}

static sslc_status
op_nodelay(sslc_bio *bio)
{
  return sslc_bio_set_tcp_nodelay(bio, 1);
}

static sslc_status
op_set_close(sslc_bio *bio)
{
  return sslc_bio_set_close(bio, SSLC_CLOSE);
}

static sslc_status
op_bad_close(sslc_bio *bio)
{
  return sslc_bio_set_close(bio, 2);
}

/* Each on a new BIO. */
struct op {
  const char *name;
  sslc_status (*call)(sslc_bio *bio);
};

static const struct op ops[] = {
  { "read", op_read },           { "gets", op_gets },
  { "write", op_write },         { "puts", op_puts },
  { "flush", sslc_bio_flush },   { "reset", sslc_bio_reset },
  { "peek", op_peek },           { "consume", op_consume },
  { "do_handshake", sslc_bio_do_handshake },
  { "shutdown_wr", sslc_bio_shutdown_wr },
  { "set_nbio", op_nbio },       { "set_tcp_nodelay", op_nodelay },
  { "set_close", op_set_close }, { "set_close to 2", op_bad_close },
};

/* What they come to, a letter for each in the order above: o ok, r want_read,
 * c closed, a arg (bad_option), s sys (with errno), m state (misuse); - not
 * done, because it would block. */
struct kind_row {
  const char *name;
  int kind;
  void (*make)(struct made *m);
  const char *want;
  int eof, get_close; /* of a new one */
  int has_fd;
};

static const struct kind_row kinds[] = {
  { "pair", SSLC_BIO_PAIR, make_pair_kind, "rrooo" "arooo" "aaaa", 0, -1, 0 },
  { "socket", SSLC_BIO_SOCKET, make_socket, "raooo" "aaaoo" "osoa", 0, 1, 1 },
  { "mem", SSLC_BIO_MEM, make_mem, "rrooo" "orooa" "aaaa", 0, -1, 0 },
  { "mem_buf", SSLC_BIO_MEM, make_mem_buf, "ooaao" "ooooa" "aaaa",
    0, -1, 0 },
  { "null", SSLC_BIO_NULL, make_null, "ccooo" "oaaoa" "aaaa", 1, -1, 0 },
  { "file", SSLC_BIO_FILE, make_file, "ccooo" "oaaoa" "aaoa", 0, 1, 0 },
  { "functions", SSLC_BIO_FUNCTIONS, make_functions,
    "raooo" "aaaoa" "aaaa", 0, -1, 0 },
  { "buffer", SSLC_BIO_BUFFER, make_buffer, "mmmmm" "mmmmm" "mmmm", 0, -1, 0 },
  { "buffer and pair", SSLC_BIO_BUFFER, make_buffer_pair,
    "rrooo" "aaaoo" "aaaa", 0, -1, 0 },
  { "buffer and mem", SSLC_BIO_BUFFER, make_buffer_mem,
    "rrooo" "oaaoa" "aaaa", 0, -1, 0 },
  { "buffer and file", SSLC_BIO_BUFFER, make_buffer_file,
    "ccooo" "oaaoa" "aaoa", 0, 1, 0 },
  { "native mem", SSLC_BIO_NATIVE, make_native_mem,
    "rrooo" "oaaoa" "aaoa", 1, 1, 0 },
  { "native socket", SSLC_BIO_NATIVE, make_native_socket,
    "-aooo" "aaaoa" "asoa", 0, 1, 1 },
  { "native chain", SSLC_BIO_NATIVE, make_native_chain,
    "rrooo" "oaaoa" "aaoa", 1, 1, 0 },
};

static void
make(const struct kind_row *row, struct made *m)
{
  memset(m, 0, sizeof *m);
  m->fd = -1;
  row->make(m);
}

static sslc_status
status_of(char letter)
{
  switch (letter) {
  case 'r':
    return SSLC_WANT_READ;
  case 'c':
    return SSLC_CLOSED;
  case 'a':
    return SSLC_ERR_ARG;
  case 's':
    return SSLC_ERR_SYS;
  case 'm':
    return SSLC_ERR_STATE;
  default:
    return SSLC_OK;
  }
}

static void
check_error(const sslc_error *err, char letter)
{
  if (letter == 'a')
    assert_code(err, SSLC_CODE_BAD_OPTION);
  else if (letter == 'm')
    assert_code(err, SSLC_CODE_MISUSE);
  else if (letter == 's')
    assert_true(sslc_error_errno(err) != 0);
  else
    assert_null(err);
}

static void
test_operations(void **state)
{
  const struct kind_row *row = *state;
  struct made m;
  size_t i;

  assert_int_equal(strlen(row->want), COUNT(ops));
  for (i = 0; i < COUNT(ops); i++) {
    sslc_status status, want = status_of(row->want[i]);

    if (row->want[i] == '-')
      continue;
    make(row, &m);
    assert_non_null(m.bio);
    status = ops[i].call(m.bio);
    if (status != want)
      print_error("%s of %s\n", ops[i].name, row->name);
    assert_status(status, want, sslc_bio_error(m.bio));
    check_error(sslc_bio_error(m.bio), row->want[i]);
    assert_int_equal(sslc_bio_should_retry(m.bio),
                     is_want(status) ? status : SSLC_OK);
    unmake(&m);
  }
}

/* Of a new one. */
static void
test_getters(void **state)
{
  const struct kind_row *row = *state;
  struct made m;
  size_t held = row->make == make_mem_buf ? 3 : 0;

  make(row, &m);
  assert_int_equal(sslc_bio_kind(m.bio), row->kind);
  assert_non_null(sslc_bio_kind_name(row->kind));
  assert_int_equal(sslc_bio_pending(m.bio), held);
  assert_int_equal(sslc_bio_wpending(m.bio), 0);
  assert_int_equal(sslc_bio_eof(m.bio), row->eof);
  assert_int_equal(sslc_bio_fd(m.bio) >= 0, row->has_fd);
  assert_int_equal(sslc_bio_timeout(m.bio), -1);
  assert_non_null(sslc_bio_address(m.bio));
  assert_int_equal(sslc_bio_get_close(m.bio), row->get_close);
  assert_int_equal(sslc_bio_should_retry(m.bio), SSLC_OK);
  assert_null(sslc_bio_error(m.bio));
  assert_null(sslc_bio_owner(m.bio));
  assert_non_null(sslc_bio_native(m.bio));
  unmake(&m);
}

/* Buffers of no size, and none. */
static void
test_bad_buffers(void **state)
{
  const struct kind_row *row = *state;
  struct made m;
  const void *data;
  char buf[4];
  size_t n = 1, i;
  sslc_status want = row->make == make_buffer ? SSLC_ERR_STATE : SSLC_ERR_ARG;

  make(row, &m);
  assert_int_equal(sslc_bio_read(m.bio, NULL, 4, &n), want);
  assert_int_equal(n, 0);
  assert_int_equal(sslc_bio_read(m.bio, buf, 0, &n), want);
  assert_int_equal(sslc_bio_write(m.bio, NULL, 4, &n), want);
  assert_int_equal(sslc_bio_write(m.bio, buf, 0, &n), want);
  assert_int_equal(sslc_bio_puts(m.bio, NULL, &n), want);
  assert_int_equal(sslc_bio_puts(m.bio, "", &n), want);
  for (i = 0; i < 2; i++)
    assert_int_equal(sslc_bio_gets(m.bio, buf, i, &n), want);
  assert_int_equal(sslc_bio_gets(m.bio, NULL, 4, &n), want);
  assert_int_equal(sslc_bio_consume(m.bio, 4), want);
  assert_non_null(sslc_bio_error(m.bio));
  assert_int_equal(sslc_bio_read(m.bio, buf, 4, NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_gets(m.bio, buf, 4, NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_write(m.bio, "x", 1, NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_puts(m.bio, "x", NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_peek(m.bio, NULL, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_peek(m.bio, &data, NULL), SSLC_ERR_ARG);
  unmake(&m);
}

static void
test_no_bio(void **state)
{
  const void *data;
  char buf[4];
  size_t n, i;

  (void)state;
  for (i = 0; i < COUNT(ops); i++)
    if (ops[i].call == sslc_bio_flush || ops[i].call == sslc_bio_reset ||
        ops[i].call == sslc_bio_do_handshake || i >= 9)
      assert_int_equal(ops[i].call(NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_read(NULL, buf, 4, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_gets(NULL, buf, 4, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_write(NULL, buf, 4, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_puts(NULL, "x", &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_peek(NULL, &data, &n), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_consume(NULL, 1), SSLC_ERR_ARG);
  assert_int_equal(sslc_bio_kind(NULL), 0);
  assert_int_equal(sslc_bio_should_retry(NULL), SSLC_OK);
  assert_int_equal(sslc_bio_fd(NULL), -1);
  assert_int_equal(sslc_bio_timeout(NULL), -1);
  assert_string_equal(sslc_bio_address(NULL), "");
  assert_int_equal(sslc_bio_pending(NULL), 0);
  assert_int_equal(sslc_bio_wpending(NULL), 0);
  assert_int_equal(sslc_bio_eof(NULL), 0);
  assert_int_equal(sslc_bio_get_close(NULL), -1);
  assert_null(sslc_bio_error(NULL));
  assert_null(sslc_bio_owner(NULL));
  assert_null(sslc_bio_up_ref(NULL));
  sslc_bio_free(NULL);
}

static void
test_kind_names(void **state)
{
  static const char *const names[] = {
    NULL, "socket", "connect", "accept", "pair", "memory", "buffer", "null",
    "file", "functions", "connection", "native", NULL
  };
  int i;

  (void)state;
  for (i = 0; i < (int)COUNT(names); i++)
    if (names[i] != NULL)
      assert_string_equal(sslc_bio_kind_name(i), names[i]);
    else
      assert_null(sslc_bio_kind_name(i));
  assert_null(sslc_bio_kind_name(-1));
}

/* Each allocation of the making fails in turn: there is none, and nothing is
 * left over. */
static void
test_short_memory(void **state)
{
  const struct kind_row *row = *state;
  struct made m;
  long n;

  for (n = 1; n < 100; n++) {
    memset(&m, 0, sizeof m);
    m.fd = -1;
    memory_fail_at(n);
    row->make(&m);
    memory_fail_at(0);
    if (m.bio != NULL)
      break;
    unmake(&m);
  }
  assert_true(n > 1 && n < 100);
  unmake(&m);
}

/* However often memory is short, it can be made once there is some: OpenSSL
 * has 127 numbers for methods, and gives none twice. */
static void
test_often_short(void **state)
{
  const struct kind_row *row = *state;
  struct made m;
  int i;
  long n;

  for (i = 0; i < 300; i++)
    for (n = 1; n < 5; n++) {
      memory_fail_at(n);
      make(row, &m);
      memory_fail_at(0);
      unmake(&m);
    }
  make(row, &m);
  assert_non_null(m.bio);
  unmake(&m);
}

int
main(void)
{
  size_t i;
  int fd, failed;

  memory_install();
  fd = mkstemp(path);
  if (fd < 0)
    return 1;
  close(fd);
  /* First, while the methods are not made yet. */
  for (i = 0; i < COUNT(kinds); i++)
    add_test("short memory, often", test_often_short, &kinds[i]);
  for (i = 0; i < COUNT(kinds); i++) {
    add_test("short memory", test_short_memory, &kinds[i]);
    add_test(kinds[i].name, test_operations, &kinds[i]);
    add_test("what can be asked", test_getters, &kinds[i]);
    add_test("bad buffers", test_bad_buffers, &kinds[i]);
  }
  add_test("no BIO at all", test_no_bio, NULL);
  add_test("the names of the kinds", test_kind_names, NULL);
  failed = run_all("bio_kinds");
  unlink(path);
  return failed;
}
