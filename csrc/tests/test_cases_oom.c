/*
 * test_cases_oom.c: wrong chains while memory is short: whichever allocation
 * fails, none of them is accepted.  SSLC_TEST_OOM_STEP=1 fails them all.
 */
#include "support_cases.h"
#include "support_memory.h"

#define MAX_CERTS 16

static const char *const wrong[] = {
  "nc-wild-over", "nc-other", "dns-other", "ip4-other", "path-unknown",
  "ca-false", "use-client", "crl-revoked", "set-lists-int", "time-expired",
};

/* The certificates anew, as what was read of them once is kept in them. */
static sslc_status
verify(const struct test_case *c, sslc_ctx *judge, long failing)
{
  sslc_verify_options options = SSLC_VERIFY_OPTIONS_INIT;
  const sslc_cert *rest[MAX_CERTS];
  sslc_cert *certs[MAX_CERTS];
  size_t n = case_certs(c, certs, MAX_CERTS), i;
  sslc_error *error;
  sslc_status status;

  for (i = 1; i < n; i++)
    rest[i - 1] = certs[i];
  options.name = case_text(c, CASE_HOST);
  memory_fail_at(failing);
  status = sslc_ctx_verify_chain(judge, certs[0], rest, n - 1, &options,
                                 &error);
  memory_pause(1);
  sslc_error_free(error);
  for (i = 0; i < n; i++)
    sslc_cert_free(certs[i]);
  return status;
}

static void
test_wrong(void **state)
{
  const struct test_case *c = *state;
  sslc_ctx *judge = case_judge_ctx(c);
  long count, n;

  assert_int_equal(verify(c, judge, 0), SSLC_ERR_VERIFY);
  count = memory_count();
  assert_true(count > 50);
  for (n = 1; n <= count; n += memory_step(7)) {
    sslc_status status = verify(c, judge, n);

    if (status != SSLC_ERR_NOMEM)
      assert_int_equal(status, SSLC_ERR_VERIFY);
  }
  assert_int_equal(verify(c, judge, 0), SSLC_ERR_VERIFY);
  sslc_ctx_free(judge);
}

int
main(void)
{
  size_t i;

  memory_install();
  memory_pause(1);
  for (i = 0; i < COUNT(wrong); i++)
    add_test(wrong[i], test_wrong, find_case(wrong[i]));
  return run_all("cases without memory");
}
