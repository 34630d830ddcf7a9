/*
 * test_trust_system.c: the system's trust as it changes under a process.  Each
 * test goes on from where the one before has left file and directory, which
 * SSL_CERT_FILE and SSL_CERT_DIR name.
 */
#include "internal.h"

#include "support.h"
#include "support_pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct pair one, two, server_one, server_two;
static char *file, *dir, *hashed;

static void
write_cert(const char *path, const struct pair *pair)
{
  char *temporary = sslci_asprintf("%s.new", path);
  BIO *out = BIO_new_file(temporary, "w");

  assert_non_null(out);
  assert_true(pair ? PEM_write_bio_X509(out, pair->cert)
                   : BIO_puts(out, "-----BEGIN CERTIFICATE-----\nMI\n"));
  BIO_free(out);
  assert_int_equal(rename(temporary, path), 0);
  OPENSSL_free(temporary);
}

static int
connect_code(sslc_ctx *ctx, const struct pair *server)
{
  struct peers p;

  peers_init(&p, sslc_ctx_up_ref(ctx), pair_server_ctx(server, NULL),
             "localhost");
  shake(&p);
  int code = p.client_status == SSLC_OK
    ? SSLC_CODE_NONE : sslc_error_code(sslc_conn_error(p.client));
  peers_free(&p);
  return code;
}

static int
code_of(int trusted)
{
  return trusted ? SSLC_CODE_NONE : SSLC_CODE_UNKNOWN_AUTHORITY;
}

static void
check_trusts(sslc_ctx *ctx, int trusts_one, int trusts_two)
{
  assert_int_equal(connect_code(ctx, &server_one), code_of(trusts_one));
  assert_int_equal(connect_code(ctx, &server_two), code_of(trusts_two));
}

/* One context for all tests, so that it is in use as things change; and what
 * else there may be with the system. */
static sslc_ctx *plain, *joined;

static void
check_both(int trusts_one, int trusts_two)
{
  check_trusts(plain, trusts_one, trusts_two);
  check_trusts(joined, trusts_one, trusts_two);
}

/* There is nothing that could be loaded. */
static void
test_no_trust_at_all(void **state)
{
  sslc_ctx *ctx = sslc_ctx_new();

  (void)state;
  assert_ok(sslc_ctx_set_insecure_no_verify(ctx, 1), sslc_ctx_error(ctx));
  assert_int_equal(connect_code(ctx, &server_one), SSLC_CODE_NONE);
  sslc_ctx_free(ctx);
}

/* Failed once, it is tried again. */
static void
test_nothing(void **state)
{
  (void)state;
  assert_int_equal(connect_code(plain, &server_one), SSLC_CODE_BAD_FILE);
  write_cert(file, &one);
  assert_int_equal(connect_code(plain, &server_one), SSLC_CODE_NONE);
}

static void
test_file(void **state)
{
  (void)state;
  assert_ok(sslc_ctx_load_verify_system(joined), sslc_ctx_error(joined));
  assert_ok(sslc_ctx_load_verify_file(joined, cert_path("ca.pem")),
            sslc_ctx_error(joined));
  check_both(1, 0);
  write_cert(file, &two);
  check_both(0, 1);
  write_cert(file, NULL);
  check_both(0, 1);
  assert_int_equal(unlink(file), 0);
  check_both(0, 1);
  write_cert(file, &one);
  check_both(1, 0);
}

static X509 *
root_of(sslc_ctx *ctx)
{
  sslc_error err = { 0 };
  X509_STORE *store = sslci_trust_store(ctx, &err);
  X509_STORE_CTX *c = X509_STORE_CTX_new();

  assert_non_null(store);
  assert_true(X509_STORE_CTX_init(c, store, server_one.cert, NULL));
  assert_int_equal(X509_verify_cert(c), 1);
  X509 *root = sk_X509_value(X509_STORE_CTX_get0_chain(c), 1);
  X509_STORE_CTX_free(c);
  X509_STORE_free(store);
  return root;
}

/* A store of its own has the very certificate that others have. */
static void
test_parsed_once(void **state)
{
  (void)state;
  assert_ptr_equal(root_of(plain), root_of(joined));
}

/* What the directory has not is looked for in the file. */
static void
test_dir(void **state)
{
  (void)state;
  write_cert(hashed, &two);
  check_both(1, 1);
  assert_int_equal(unlink(file), 0);
  check_both(1, 1); /* what is gone is in force still */
  assert_int_equal(unlink(hashed), 0);
  write_cert(file, &one);
  check_both(1, 0);
}

static void
test_generation(void **state)
{
  uint64_t plain_was = sslci_trust_generation(plain);
  uint64_t joined_was = sslci_trust_generation(joined);

  (void)state;
  assert_int_equal(sslci_trust_generation(plain), plain_was);
  write_cert(file, &two);
  assert_true(sslci_trust_generation(plain) != plain_was);
  assert_true(sslci_trust_generation(joined) != joined_was);
}

static void
set_up(void)
{
  file = sslci_asprintf("%s_%ld", cert_path("test_trust_system"),
                        (long)getpid());
  dir = sslci_asprintf("%s.d", file);
  one = pair_authority("One", NULL);
  two = pair_authority("Two", NULL);
  server_one = pair_server("server one", &one, NULL);
  server_two = pair_server("server two", &two, NULL);
  hashed = sslci_asprintf("%s/%08lx.0", dir,
                          X509_NAME_hash(X509_get_subject_name(two.cert)));
  plain = sslc_ctx_new();
  joined = sslc_ctx_new();
}

static void
clean_up(void)
{
  unlink(file);
  unlink(hashed);
  rmdir(dir);
  sslc_ctx_free(plain);
  sslc_ctx_free(joined);
  pair_free(&server_two);
  pair_free(&server_one);
  pair_free(&two);
  pair_free(&one);
  OPENSSL_free(hashed);
  OPENSSL_free(dir);
  OPENSSL_free(file);
}

int
main(void)
{
  sslci_trust_interval = 0;
  set_up();
  if (mkdir(dir, 0700) != 0 || setenv("SSL_CERT_FILE", file, 1) != 0 ||
      setenv("SSL_CERT_DIR", dir, 1) != 0)
    return EXIT_FAILURE;
  add_test("who does not verify needs none", test_no_trust_at_all, NULL);
  add_test("where nothing is there, it is looked for again", test_nothing,
           NULL);
  add_test("the bundle changes", test_file, NULL);
  add_test("stores share what is parsed", test_parsed_once, NULL);
  add_test("the directory goes before the bundle", test_dir, NULL);
  add_test("the generation changes with the system", test_generation, NULL);
  int failed = run_all("trust_system");
  clean_up();
  return failed;
}
