/*
 * test_signatures_oom.c: chains whose signatures are known, and chains that
 * look like them, while memory is short: the N-th allocation fails, for N from
 * 1 until none does (see test_oom.c).
 */
#include "internal.h"

#include "support_memory.h"
#include "support_x509.h"

static struct made root, middle, leaf, second;

/* A certificate, in DER. */
struct bytes {
  unsigned char *der;
  int len;
};

static struct bytes
encode(const struct made *made)
{
  struct bytes b = { NULL, 0 };

  b.len = i2d_X509(made->x509, &b.der);
  assert_true(b.len > 0);
  return b;
}

/* The verdict on a leaf below the intermediate, both of them read anew: what is
 * read of a certificate once is kept in it. */
static sslc_status
judge(sslc_ctx *ctx, const struct bytes *own, const struct bytes *next)
{
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  sslc_cert *first = NULL, *other = NULL;
  sslc_status status = SSLC_ERR_NOMEM;

  options.name = "localhost";
  if (sslc_cert_new_der(own->der, (size_t)own->len, &first, NULL) == SSLC_OK &&
      sslc_cert_new_der(next->der, (size_t)next->len, &other, NULL) == SSLC_OK)
    status = sslc_ctx_verify_chain(ctx, first, (const sslc_cert *const *)&other,
                                   1, &options, NULL);
  sslc_cert_free(first);
  sslc_cert_free(other);
  return status;
}

/* Whichever allocation fails: nobody bad is let in, and it is good or bad as
 * before when memory is there again.  (What libcrypto could not read of a good
 * certificate for want of memory it may call bad.) */
static void
fail_each(sslc_ctx *ctx, const struct bytes *own, const struct bytes *next,
          sslc_status want)
{
  long count, n;

  memory_fail_at(0);
  assert_int_equal(judge(ctx, own, next), want);
  count = memory_count();
  assert_true(count > 50);
  for (n = 1; n <= count; n += memory_step(3)) {
    sslc_status status;

    memory_fail_at(n);
    status = judge(ctx, own, next);
    memory_pause(1);
    assert_true(status == want || status == SSLC_ERR_NOMEM ||
                status == SSLC_ERR_VERIFY);
  }
  assert_int_equal(judge(ctx, own, next), want);
}

static void
test_memory(void **state)
{
  sslc_ctx *ctx = ctx_trusting(&root);
  struct bytes next = encode(&middle), own = encode(&leaf);
  struct bytes other = encode(&second);
  unsigned char *last = own.der + own.len - 1; /* of the signature */

  (void)state;
  assert_int_equal(judge(ctx, &other, &next), SSLC_OK); /* reads the root */
  *last ^= 1;
  fail_each(ctx, &own, &next, SSLC_ERR_VERIFY);
  assert_int_equal(atomic_load(&ctx->signatures->used), 0);
  *last ^= 1;
  fail_each(ctx, &own, &next, SSLC_OK);
  assert_true(atomic_load(&ctx->signatures->used) > 0);
  *last ^= 1;
  fail_each(ctx, &own, &next, SSLC_ERR_VERIFY);
  OPENSSL_free(next.der);
  OPENSSL_free(own.der);
  OPENSSL_free(other.der);
  sslc_ctx_free(ctx);
}

int
main(void)
{
  const struct recipe top = { .subject = "signatures CA", .authority = 1 };
  const struct recipe below = { .subject = "signatures middle", .issuer = &root,
                                .authority = 1 };
  const struct recipe own = { .subject = "signatures server",
                              .issuer = &middle,
                              .extensions = { "subjectAltName="
                                              "DNS:localhost" } };
  int ret;

  memory_install();
  memory_pause(1);
  x509_make(&root, &top);
  x509_make(&middle, &below);
  x509_make(&leaf, &own);
  x509_make(&second, &own);
  add_test("memory that is short lets nobody in", test_memory, NULL);
  ret = run_all("signatures_oom");
  x509_free(&root);
  x509_free(&middle);
  x509_free(&leaf);
  x509_free(&second);
  return ret;
}
