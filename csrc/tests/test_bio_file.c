/*
 * test_bio_file.c: OpenSSL's own BIOs that can be made here: BIO_s_file(3),
 * BIO_s_null(3), BIO_f_buffer(3).
 */
#define _GNU_SOURCE 1 /* mkstemp(3) */

#include "support_bio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ files */

static char path[] = "/tmp/sslconnect-XXXXXX";

static sslc_bio *
open_file(const char *mode)
{
  sslc_bio *bio = sslc_bio_new_file(path, mode);

  assert_non_null(bio);
  assert_int_equal(sslc_bio_kind(bio), SSLC_BIO_FILE);
  return bio;
}

static void
test_file(void **state)
{
  sslc_bio *bio = open_file("w+");
  char buf[8];

  (void)state;
  put_text(bio, "one\ntwo\nthree");
  assert_ok(sslc_bio_reset(bio), sslc_bio_error(bio));
  assert_int_equal(sslc_bio_eof(bio), 0);
  get_line(bio, 100, "one\n", SSLC_OK);
  get_line(bio, 3, "tw", SSLC_OK);
  get_line(bio, 100, "o\n", SSLC_OK);
  assert_int_equal(get(bio, buf, 2, SSLC_OK), 2);
  get_line(bio, 100, "ree", SSLC_OK);
  get_line(bio, 100, "", SSLC_CLOSED);
  get(bio, buf, sizeof buf, SSLC_CLOSED);
  assert_int_equal(sslc_bio_eof(bio), 1);
  assert_ok(sslc_bio_reset(bio), sslc_bio_error(bio));
  assert_int_equal(sslc_bio_eof(bio), 0);
  assert_int_equal(get(bio, buf, 3, SSLC_OK), 3);
  assert_memory_equal(buf, "one", 3);
  sslc_bio_free(bio);
  bio = open_file("a");
  put_text(bio, "+");
  assert_ok(sslc_bio_flush(bio), sslc_bio_error(bio));
  sslc_bio_free(bio);
  bio = open_file("r");
  get_text(bio, "one\ntwo\nthree+");
  sslc_bio_free(bio);
}

/* A line's NULs are bytes like others. */
static void
test_file_nul(void **state)
{
  sslc_bio *bio = open_file("w+");
  char buf[16];
  size_t n;

  (void)state;
  put(bio, "\0a\0b\nrest", 9, SSLC_OK);
  assert_ok(sslc_bio_reset(bio), sslc_bio_error(bio));
  assert_ok(sslc_bio_gets(bio, buf, sizeof buf, &n), sslc_bio_error(bio));
  assert_int_equal(n, 5);
  assert_memory_equal(buf, "\0a\0b\n", 6);
  get_line(bio, 100, "rest", SSLC_OK);
  sslc_bio_free(bio);
}

struct open_row {
  const char *path, *mode;
  int err;
};

static const struct open_row open_rows[] = {
  { "/tmp/sslconnect/is/not/there", "r", ENOENT },
  { "/tmp", "w", EISDIR },
  { "", "r", ENOENT },
  { NULL, "r", EINVAL },
  { path, NULL, EINVAL },
  { path, "?", EINVAL },
};

static void
test_file_errno(void **state)
{
  const struct open_row *row = *state;

  errno = 0;
  assert_null(sslc_bio_new_file(row->path, row->mode));
  assert_int_equal(errno, row->err);
}

/* A failure is never taken for the end. */
static void
test_file_failures(void **state)
{
  sslc_bio *bio = sslc_bio_new_file("/tmp", "r");
  char buf[8];
  size_t n;

  (void)state;
  get(bio, buf, sizeof buf, SSLC_ERR_SYS);
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), EISDIR);
  assert_phase(sslc_bio_error(bio), SSLC_PHASE_READ);
  assert_status(sslc_bio_gets(bio, buf, sizeof buf, &n), SSLC_ERR_SYS,
                sslc_bio_error(bio));
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), EISDIR);
  sslc_bio_free(bio);
  bio = open_file("r");
  put(bio, "x", 1, SSLC_ERR_SYS);
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), EBADF);
  sslc_bio_free(bio);
  bio = open_file("w");
  get(bio, buf, sizeof buf, SSLC_ERR_SYS);
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), EBADF);
  sslc_bio_free(bio);
}

/* What the file takes only when it is flushed. */
static void
test_file_full(void **state)
{
  sslc_bio *bio = sslc_bio_new_file("/dev/full", "w"), *buffer;

  (void)state;
  if (bio == NULL)
    skip();
  put_text(bio, "much");
  assert_status(sslc_bio_flush(bio), SSLC_ERR_SYS, sslc_bio_error(bio));
  assert_int_equal(sslc_error_errno(sslc_bio_error(bio)), ENOSPC);
  buffer = sslc_bio_new_buffer(0);
  assert_ok(sslc_bio_push(buffer, bio), sslc_bio_error(buffer));
  put_text(buffer, "more");
  assert_status(sslc_bio_flush(buffer), SSLC_ERR_SYS,
                sslc_bio_error(buffer));
  sslc_bio_free(buffer);
  sslc_bio_free(bio);
}

static void
test_file_behind_buffer(void **state)
{
  sslc_bio *file = open_file("w+"), *buffer = sslc_bio_new_buffer(0);

  (void)state;
  assert_ok(sslc_bio_push(buffer, file), sslc_bio_error(buffer));
  put_text(buffer, "a\nb\n");
  assert_ok(sslc_bio_flush(buffer), sslc_bio_error(buffer));
  assert_ok(sslc_bio_reset(buffer), sslc_bio_error(buffer));
  get_line(buffer, 10, "a\n", SSLC_OK);
  assert_int_equal(sslc_bio_eof(buffer), 0);
  assert_ok(sslc_bio_reset(buffer), sslc_bio_error(buffer));
  get_line(buffer, 10, "a\n", SSLC_OK);
  get_line(buffer, 10, "b\n", SSLC_OK);
  get_line(buffer, 10, "", SSLC_CLOSED);
  sslc_bio_free(buffer);
  sslc_bio_free(file);
}

/* ---------------------------------------------------------- null, buffer */

static void
test_null(void **state)
{
  sslc_bio *bio = sslc_bio_new_null();
  char buf[8];

  (void)state;
  assert_int_equal(sslc_bio_kind(bio), SSLC_BIO_NULL);
  put_text(bio, "swallowed");
  get(bio, buf, sizeof buf, SSLC_CLOSED);
  get_line(bio, sizeof buf, "", SSLC_CLOSED);
  assert_int_equal(sslc_bio_eof(bio), 1);
  assert_ok(sslc_bio_reset(bio), sslc_bio_error(bio));
  assert_ok(sslc_bio_flush(bio), sslc_bio_error(bio));
  sslc_bio_free(bio);
}

/* So many bytes are held, and the next one sends them on. */
struct buffer_row {
  size_t size, holds;
};

static const struct buffer_row buffer_rows[] = {
  { 0, 4096 }, { 4096, 4096 }, { 1, 4096 }, { 5000, 5000 }, { 16384, 16384 },
};

static void
test_buffer_size(void **state)
{
  const struct buffer_row *row = *state;
  sslc_bio *bio = sslc_bio_new_buffer(row->size), *other;
  sslc_bio *half = make_pair(&other);
  size_t i;

  assert_int_equal(sslc_bio_kind(bio), SSLC_BIO_BUFFER);
  assert_ok(sslc_bio_push(bio, half), sslc_bio_error(bio));
  for (i = 0; i < row->holds; i++)
    put(bio, "x", 1, SSLC_OK);
  assert_int_equal(sslc_bio_pending(other), 0);
  assert_int_equal(sslc_bio_wpending(bio), row->holds);
  put(bio, "x", 1, SSLC_OK);
  assert_int_equal(sslc_bio_pending(other), row->holds);
  assert_int_equal(sslc_bio_wpending(bio), row->holds + 1);
  assert_null(sslc_bio_new_buffer((size_t)1 << 40));
  sslc_bio_free(bio);
  sslc_bio_free(half);
  sslc_bio_free(other);
}

/* What waits before shutdown_wr goes first. */
static void
test_buffer_shutdown(void **state)
{
  sslc_bio *bio = sslc_bio_new_buffer(0), *other, *half;
  char buf[8];

  (void)state;
  assert_int_equal(sslc_bio_new_pair(&half, 4, &other, 4), SSLC_OK);
  assert_ok(sslc_bio_push(bio, half), sslc_bio_error(bio));
  put_text(bio, "held back");
  assert_status(sslc_bio_shutdown_wr(bio), SSLC_WANT_WRITE,
                sslc_bio_error(bio));
  get_text(other, "held");
  assert_status(sslc_bio_shutdown_wr(bio), SSLC_WANT_WRITE,
                sslc_bio_error(bio));
  get_text(other, " bac");
  assert_ok(sslc_bio_shutdown_wr(bio), sslc_bio_error(bio));
  get_text(other, "k");
  get(other, buf, sizeof buf, SSLC_CLOSED);
  put(bio, "x", 1, SSLC_CLOSED);
  put(half, "x", 1, SSLC_CLOSED);
  sslc_bio_free(bio);
  sslc_bio_free(half);
  sslc_bio_free(other);
}

/* What cannot be reset loses nothing before it says so. */
static void
test_buffer_reset(void **state)
{
  sslc_bio *bio = sslc_bio_new_buffer(0), *other, *half = make_pair(&other);

  (void)state;
  assert_ok(sslc_bio_push(bio, half), sslc_bio_error(bio));
  put_text(bio, "kept");
  assert_status(sslc_bio_reset(bio), SSLC_ERR_ARG, sslc_bio_error(bio));
  assert_code(sslc_bio_error(bio), SSLC_CODE_BAD_OPTION);
  assert_has(sslc_error_message(sslc_bio_error(bio)), "pair");
  assert_ok(sslc_bio_flush(bio), sslc_bio_error(bio));
  get_text(other, "kept");
  sslc_bio_free(bio);
  sslc_bio_free(half);
  bio = sslc_bio_new_buffer(0);
  half = sslc_bio_new_mem();
  assert_ok(sslc_bio_push(bio, half), sslc_bio_error(bio));
  put_text(half, "behind");
  put_text(bio, "before");
  assert_ok(sslc_bio_reset(bio), sslc_bio_error(bio));
  assert_int_equal(sslc_bio_wpending(bio), 0);
  assert_int_equal(sslc_bio_pending(bio), 0);
  sslc_bio_free(bio);
  sslc_bio_free(half);
  sslc_bio_free(other);
}

int
main(void)
{
  size_t i;
  int fd, failed;

  fd = mkstemp(path);
  if (fd < 0)
    return 1;
  close(fd);
  add_test("a file is written, read, and read anew", test_file, NULL);
  add_test("a file's lines have NULs", test_file_nul, NULL);
  for (i = 0; i < COUNT(open_rows); i++)
    add_test("a file that cannot be opened", test_file_errno, &open_rows[i]);
  add_test("a file that fails has not ended", test_file_failures, NULL);
  add_test("a full disk shows when it is flushed", test_file_full, NULL);
  add_test("a buffer before a file", test_file_behind_buffer, NULL);
  add_test("null", test_null, NULL);
  for (i = 0; i < COUNT(buffer_rows); i++)
    add_test("what a buffer holds", test_buffer_size, &buffer_rows[i]);
  add_test("shutdown_wr flushes a buffer", test_buffer_shutdown, NULL);
  add_test("reset of a buffer", test_buffer_reset, NULL);
  failed = run_all("bio_file");
  unlink(path);
  return failed;
}
