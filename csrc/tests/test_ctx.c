/*
 * test_ctx.c: settings: that a good one counts, that a bad one is told by its
 * name and makes the context of no use, and that none changes later.
 */
#include "support.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------ files */

typedef sslc_status file_setter(sslc_ctx *ctx, const char *path);
typedef sslc_status pem_setter(sslc_ctx *ctx, const void *pem, size_t len);

static const struct setter {
  const char *name; /* of the setting, in errors */
  const char *pem_name;
  file_setter *from_file;
  pem_setter *from_pem;
} setters[] = {
  { "ca_file", "ca_pem", sslc_ctx_load_verify_file, sslc_ctx_load_verify_pem },
  { "crl_file", "crl_pem", sslc_ctx_load_crl_file, sslc_ctx_load_crl_pem },
  { "cert", "cert", sslc_ctx_use_certificate_file,
    sslc_ctx_use_certificate_pem },
  { "key", "key", sslc_ctx_use_private_key_file, sslc_ctx_use_private_key_pem },
};

static const struct bad_file {
  const char *file;
  int code;
  int err; /* the errno; 0: none */
} bad_files[] = {
  { "no-such-file.pem", SSLC_CODE_BAD_FILE, ENOENT },
  { "ca.pem/below-a-file", SSLC_CODE_BAD_FILE, ENOTDIR },
  { "cadir", SSLC_CODE_BAD_FILE, EISDIR },
  { "empty.pem", SSLC_CODE_BAD_FILE, 0 },
  { "garbage.pem", SSLC_CODE_BAD_FILE, 0 },
};

/* The setting failed, and the context with it. */
static void
check_broken(sslc_ctx *ctx, int code, const char *setting)
{
  sslc_conn *conn;
  char buf[4];
  size_t n;

  assert_code(sslc_ctx_error(ctx), code);
  assert_phase(sslc_ctx_error(ctx), SSLC_PHASE_CONFIG);
  assert_has(sslc_error_message(sslc_ctx_error(ctx)), setting);
  assert_status(sslc_ctx_check(ctx), SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  conn = sslc_conn_new(ctx);
  assert_non_null(conn);
  assert_status(sslc_conn_connect(conn), SSLC_ERR_CONFIG,
                sslc_conn_error(conn));
  assert_code(sslc_conn_error(conn), code);
  assert_has(sslc_error_message(sslc_conn_error(conn)), setting);
  assert_status(sslc_conn_read(conn, buf, 1, &n), SSLC_ERR_CONFIG,
                sslc_conn_error(conn));
  sslc_conn_free(conn);
}

static void
test_bad_file(void **state)
{
  const struct setter *setter = *state;
  size_t i;

  for (i = 0; i < COUNT(bad_files); i++) {
    const struct bad_file *bad = &bad_files[i];
    sslc_ctx *ctx = sslc_ctx_new();

    assert_status(setter->from_file(ctx, cert_path(bad->file)),
                  SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
    assert_int_equal(sslc_error_errno(sslc_ctx_error(ctx)), bad->err);
    assert_has(sslc_error_message(sslc_ctx_error(ctx)), bad->file);
    if (bad->err != 0)
      assert_has(sslc_error_message(sslc_ctx_error(ctx)), strerror(bad->err));
    check_broken(ctx, bad->code, setter->name);
    sslc_ctx_free(ctx);
  }
}

static void
test_no_path(void **state)
{
  const struct setter *setter = *state;
  const char *const paths[] = { NULL, "" };
  size_t i;

  for (i = 0; i < COUNT(paths); i++) {
    sslc_ctx *ctx = sslc_ctx_new();

    assert_status(setter->from_file(ctx, paths[i]), SSLC_ERR_CONFIG,
                  sslc_ctx_error(ctx));
    check_broken(ctx, SSLC_CODE_BAD_OPTION, setter->name);
    sslc_ctx_free(ctx);
  }
}

static void
test_bad_pem(void **state)
{
  static const char broken[] = "-----BEGIN CERTIFICATE-----\n"
                               "Tm8gREVSIGhlcmU=\n";
  const struct setter *setter = *state;
  const char *const texts[] = { "", "not PEM at all\n", broken };
  size_t i;

  for (i = 0; i < COUNT(texts); i++) {
    sslc_ctx *ctx = sslc_ctx_new();

    assert_status(setter->from_pem(ctx, texts[i], strlen(texts[i])),
                  SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
    check_broken(ctx, SSLC_CODE_BAD_FILE, setter->pem_name);
    sslc_ctx_free(ctx);
  }
}

static void
test_null_pem(void **state)
{
  const struct setter *setter = *state;
  sslc_ctx *ctx = sslc_ctx_new();

  assert_status(setter->from_pem(ctx, NULL, 0), SSLC_ERR_CONFIG,
                sslc_ctx_error(ctx));
  check_broken(ctx, SSLC_CODE_BAD_OPTION, setter->pem_name);
  sslc_ctx_free(ctx);
  assert_int_equal(setter->from_pem(NULL, "x", 1), SSLC_ERR_ARG);
  assert_int_equal(setter->from_file(NULL, "x"), SSLC_ERR_ARG);
}

static void
test_broken_der(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  assert_status(sslc_ctx_load_verify_file(ctx, cert_path("broken.pem")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_true(sslc_error_queue_count(sslc_ctx_error(ctx)) > 0);
  check_broken(ctx, SSLC_CODE_BAD_FILE, "broken.pem");
  sslc_ctx_free(ctx);
}

/* ------------------------------------------------------------------ trust */

static void
check_server(sslc_ctx *client, const char *leaf, int code)
{
  struct peers p;

  peers_init(&p, client, make_server_ctx(leaf), "localhost");
  shake(&p);
  if (code == SSLC_CODE_NONE)
    assert_ok(p.client_status, sslc_conn_error(p.client));
  else
    assert_code(sslc_conn_error(p.client), code);
  peers_free(&p);
}

static sslc_ctx *
pem_ctx(void)
{
  sslc_ctx *ctx = sslc_ctx_new();
  size_t len;
  char *pem = read_file(cert_path("ca.pem"), &len);

  assert_ok(sslc_ctx_load_verify_pem(ctx, pem, len), sslc_ctx_error(ctx));
  /* It was copied. */
  memset(pem, 'x', len);
  free(pem);
  return ctx;
}

static sslc_ctx *
dir_ctx(void)
{
  sslc_ctx *ctx = sslc_ctx_new();

  assert_ok(sslc_ctx_load_verify_dir(ctx, cert_path("cadir")),
            sslc_ctx_error(ctx));
  return ctx;
}

static void
test_trust_sources(void **state)
{
  (void)state;
  check_server(pem_ctx(), "good", SSLC_CODE_NONE);
  check_server(pem_ctx(), "unknown", SSLC_CODE_UNKNOWN_AUTHORITY);
  check_server(dir_ctx(), "good", SSLC_CODE_NONE);
  check_server(dir_ctx(), "unknown", SSLC_CODE_UNKNOWN_AUTHORITY);
}

static void
test_trust_adds_up(void **state)
{
  int i;

  (void)state;
  for (i = 0; i < 2; i++) {
    sslc_ctx *ctx = dir_ctx();

    assert_ok(sslc_ctx_load_verify_file(ctx, cert_path("otherca.pem")),
              sslc_ctx_error(ctx));
    check_server(ctx, i ? "unknown" : "good", SSLC_CODE_NONE);
  }
}

static void
test_bad_dir(void **state)
{
  static const struct {
    const char *dir;
    int err;
  } dirs[] = { { "no-such-dir", ENOENT }, { "ca.pem", ENOTDIR } };
  size_t i;

  (void)state;
  for (i = 0; i < COUNT(dirs); i++) {
    sslc_ctx *ctx = sslc_ctx_new();

    assert_status(sslc_ctx_load_verify_dir(ctx, cert_path(dirs[i].dir)),
                  SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
    assert_int_equal(sslc_error_errno(sslc_ctx_error(ctx)), dirs[i].err);
    check_broken(ctx, SSLC_CODE_BAD_FILE, "ca_dir");
    sslc_ctx_free(ctx);
  }
}

/* --------------------------------------------------------------- versions */

static const struct version_row {
  const char *test;
  int min, max;
  const char *says; /* NULL: it is good */
  int when_set;     /* it is refused when it is set, not by check */
} version_rows[] = {
  { "the default versions are good", 0, 0, NULL, 0 },
  { "TLS 1.2 alone is good", SSLC_TLS1_2, SSLC_TLS1_2, NULL, 0 },
  { "TLS 1.3 alone is good", SSLC_TLS1_3, SSLC_TLS1_3, NULL, 0 },
  { "a minimum above the maximum is refused", SSLC_TLS1_3, SSLC_TLS1_2,
    "min_version", 0 },
  { "TLS 1.1 needs the insecure setting", SSLC_TLS1_1, 0, "insecure", 1 },
  { "TLS 1.0 needs the insecure setting", SSLC_TLS1, 0, "insecure", 1 },
  { "a minimum that is no version is refused", 0x0305, 0, "min_version", 1 },
  { "a negative minimum is refused", -1, 0, "min_version", 1 },
  { "a maximum that is no version is refused", 0, 12, "max_version", 1 },
};

static void
test_version(void **state)
{
  const struct version_row *row = *state;
  sslc_ctx *ctx = make_client_ctx();
  sslc_status status = sslc_ctx_set_min_version(ctx, row->min);

  if (status == SSLC_OK)
    status = sslc_ctx_set_max_version(ctx, row->max);
  assert_int_equal(status, row->when_set ? SSLC_ERR_CONFIG : SSLC_OK);
  if (row->says == NULL) {
    assert_ok(sslc_ctx_check(ctx), sslc_ctx_error(ctx));
  } else {
    assert_status(sslc_ctx_check(ctx), SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
    check_broken(ctx, SSLC_CODE_BAD_OPTION, row->says);
  }
  sslc_ctx_free(ctx);
}

static void
test_insecure_version(void **state)
{
  sslc_ctx *ctx = make_client_ctx();

  (void)state;
  assert_status(sslc_ctx_set_insecure_min_version(ctx, SSLC_TLS1_2),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_broken(ctx, SSLC_CODE_BAD_OPTION, "insecure_min_version");
  sslc_ctx_free(ctx);
}

/* ------------------------------------------------------------------- ALPN */

static void
test_bad_alpn(void **state)
{
  static char longest[256], too_long[257];
  const char *const bad[] = { "", NULL, too_long };
  const char *names[] = { "h2", NULL };
  size_t i;

  (void)state;
  memset(longest, 'a', sizeof longest - 1);
  memset(too_long, 'a', sizeof too_long - 1);
  for (i = 0; i < COUNT(bad); i++) {
    sslc_ctx *ctx = make_client_ctx();

    names[1] = bad[i];
    assert_status(sslc_ctx_set_alpn(ctx, names, 2), SSLC_ERR_CONFIG,
                  sslc_ctx_error(ctx));
    check_broken(ctx, SSLC_CODE_BAD_OPTION, "alpn");
    sslc_ctx_free(ctx);
  }
  names[1] = longest;
  {
    sslc_ctx *ctx = make_client_ctx();

    assert_ok(sslc_ctx_set_alpn(ctx, names, 2), sslc_ctx_error(ctx));
    assert_ok(sslc_ctx_set_alpn(ctx, NULL, 0), sslc_ctx_error(ctx));
    check_server(ctx, "good", SSLC_CODE_NONE);
  }
}

/* --------------------------------------------------------------- lifetime */

/* Each setter is refused and changes nothing. */
static void
check_frozen(sslc_ctx *ctx)
{
  static const char *const names[] = { "h2" };
  const sslc_status refused[] = {
    sslc_ctx_load_verify_system(ctx),
    sslc_ctx_load_verify_file(ctx, cert_path("otherca.pem")),
    sslc_ctx_load_verify_dir(ctx, cert_path("cadir")),
    sslc_ctx_load_verify_pem(ctx, "x", 1),
    sslc_ctx_load_crl_file(ctx, cert_path("crl.pem")),
    sslc_ctx_load_crl_pem(ctx, "x", 1),
    sslc_ctx_use_certificate_file(ctx, cert_path("good.pem")),
    sslc_ctx_use_certificate_pem(ctx, "x", 1),
    sslc_ctx_use_private_key_file(ctx, cert_path("good.key")),
    sslc_ctx_use_private_key_pem(ctx, "x", 1),
    sslc_ctx_set_key_password(ctx, "secret"),
    sslc_ctx_set_min_version(ctx, SSLC_TLS1_3),
    sslc_ctx_set_max_version(ctx, SSLC_TLS1_2),
    sslc_ctx_set_alpn(ctx, names, 1),
    sslc_ctx_set_verify_client(ctx, SSLC_VERIFY_CLIENT_REQUIRED),
    sslc_ctx_set_lenient_eof(ctx, 1),
    sslc_ctx_set_insecure_no_verify(ctx, 1),
    sslc_ctx_set_insecure_no_name_check(ctx, 1),
    sslc_ctx_set_insecure_min_version(ctx, SSLC_TLS1),
  };
  size_t i;

  for (i = 0; i < COUNT(refused); i++)
    assert_int_equal(refused[i], SSLC_ERR_STATE);
  assert_code(sslc_ctx_error(ctx), SSLC_CODE_MISUSE);
}

static void
test_frozen(void **state)
{
  sslc_ctx *ctx = make_client_ctx();
  sslc_conn *conn = sslc_conn_new(ctx);

  (void)state;
  check_frozen(ctx);
  sslc_conn_free(conn);
  check_frozen(ctx);
  assert_ok(sslc_ctx_check(ctx), sslc_ctx_error(ctx));
  check_server(sslc_ctx_up_ref(ctx), "good", SSLC_CODE_NONE);
  check_server(sslc_ctx_up_ref(ctx), "unknown", SSLC_CODE_UNKNOWN_AUTHORITY);
  check_server(ctx, "wronghost", SSLC_CODE_HOSTNAME_MISMATCH);
}

/* A failed setting is not made good by a later one. */
static void
test_broken_stays(void **state)
{
  sslc_ctx *ctx = make_client_ctx();

  (void)state;
  assert_status(sslc_ctx_load_verify_file(ctx, cert_path("no-such-file.pem")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  assert_status(sslc_ctx_load_verify_file(ctx, cert_path("ca.pem")),
                SSLC_ERR_CONFIG, sslc_ctx_error(ctx));
  check_broken(ctx, SSLC_CODE_BAD_FILE, "no-such-file.pem");
  sslc_ctx_free(ctx);
}

static void
test_references(void **state)
{
  sslc_ctx *ctx = make_client_ctx();

  (void)state;
  assert_ptr_equal(sslc_ctx_up_ref(ctx), ctx);
  sslc_ctx_free(ctx);
  assert_ok(sslc_ctx_check(ctx), sslc_ctx_error(ctx));
  sslc_ctx_free(ctx);
  sslc_ctx_free(NULL);
  assert_null(sslc_ctx_up_ref(NULL));
  assert_null(sslc_ctx_error(NULL));
  assert_int_equal(sslc_ctx_check(NULL), SSLC_ERR_ARG);
  assert_int_equal(sslc_ctx_files_changed(NULL), 0);
}

static void
write_file(const char *path, const char *text)
{
  FILE *file = fopen(path, "w");

  assert_non_null(file);
  fputs(text, file);
  assert_int_equal(fclose(file), 0);
}

static void
test_files_changed(void **state)
{
  const char *path = cert_path("test_ctx_changing.pem");
  sslc_ctx *ctx = sslc_ctx_new();
  size_t len;
  char *pem = read_file(cert_path("ca.pem"), &len);

  (void)state;
  write_file(path, pem);
  assert_int_equal(sslc_ctx_files_changed(ctx), 0);
  assert_ok(sslc_ctx_load_verify_file(ctx, path), sslc_ctx_error(ctx));
  assert_int_equal(sslc_ctx_files_changed(ctx), 0);
  pem[len - 1] = '\0'; /* one byte less: another size */
  write_file(path, pem);
  assert_int_equal(sslc_ctx_files_changed(ctx), 1);
  assert_int_equal(unlink(path), 0);
  assert_int_equal(sslc_ctx_files_changed(ctx), 1);
  sslc_ctx_free(ctx);
  free(pem);
}

static sslc_status
add_identity(sslc_ctx *ctx, sslc_ctx *within)
{
  return sslc_ctx_add_identity(ctx, within);
}

static sslc_status
add_server_name(sslc_ctx *ctx, sslc_ctx *within)
{
  return sslc_ctx_add_server_name(ctx, "a.example", within);
}

/* A server's with this certificate, a file that can be changed. */
static sslc_ctx *
make_changing(const char *path)
{
  sslc_ctx *ctx = sslc_ctx_new();
  size_t len;
  char *pem = read_file(cert_path("good.pem"), &len);

  write_file(path, pem);
  free(pem);
  assert_ok(sslc_ctx_use_certificate_file(ctx, path), sslc_ctx_error(ctx));
  assert_ok(sslc_ctx_use_private_key_file(ctx, cert_path("good.key")),
            sslc_ctx_error(ctx));
  return ctx;
}

/* In a context that was added, and in one that was added to that. */
static void
test_files_changed_within(void **state)
{
  static sslc_status (*const adders[])(sslc_ctx *, sslc_ctx *) = {
    add_identity, add_server_name };
  char path[1024]; /* of our own: cert_path uses its strings again */
  size_t i;

  (void)state;
  snprintf(path, sizeof path, "%s", cert_path("test_ctx_within.pem"));
  for (i = 0; i < COUNT(adders); i++) {
    sslc_ctx *within = make_changing(path), *other = make_server_ctx("direct");
    sslc_ctx *ctx = sslc_ctx_new();
    assert_ok(adders[i](other, within), sslc_ctx_error(other));
    assert_ok(add_server_name(ctx, other), sslc_ctx_error(ctx));
    assert_int_equal(sslc_ctx_files_changed(other), 0);
    assert_int_equal(sslc_ctx_files_changed(ctx), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sslc_ctx_files_changed(other), 1);
    assert_int_equal(sslc_ctx_files_changed(ctx), 1);
    sslc_ctx_free(within);
    sslc_ctx_free(other);
    sslc_ctx_free(ctx);
  }
}

static void
add_file_tests(void)
{
  static char texts[COUNT(setters)][3][64];
  size_t i;

  for (i = 0; i < COUNT(setters); i++) {
    const char *name = setters[i].name;

    snprintf(texts[i][0], sizeof texts[i][0], "a bad file for %s", name);
    add_test(texts[i][0], test_bad_file, &setters[i]);
    snprintf(texts[i][1], sizeof texts[i][1], "no path for %s", name);
    add_test(texts[i][1], test_no_path, &setters[i]);
    snprintf(texts[i][2], sizeof texts[i][2], "bad PEM for %s",
             setters[i].pem_name);
    add_test(texts[i][2], test_bad_pem, &setters[i]);
    add_test("... and none", test_null_pem, &setters[i]);
  }
}

int
main(void)
{
  size_t i;

  add_file_tests();
  add_test("PEM without a certificate in it is told", test_broken_der, NULL);
  add_test("trust comes from a directory and from memory too",
           test_trust_sources, NULL);
  add_test("what is trusted adds up", test_trust_adds_up, NULL);
  add_test("a bad directory is told", test_bad_dir, NULL);
  for (i = 0; i < COUNT(version_rows); i++)
    add_test(version_rows[i].test, test_version, &version_rows[i]);
  add_test("the insecure setting is for old versions only",
           test_insecure_version, NULL);
  add_test("names of protocols have 1 to 255 bytes", test_bad_alpn, NULL);
  add_test("a context in use does not change", test_frozen, NULL);
  add_test("a bad setting is not made good by another", test_broken_stays,
           NULL);
  add_test("references are counted", test_references, NULL);
  add_test("a changed file is noticed", test_files_changed, NULL);
  add_test("a changed file of a context within is noticed",
           test_files_changed_within, NULL);
  return run_all("ctx");
}
