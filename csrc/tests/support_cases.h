/*
 * support_cases.h: the cases of chain and name that spec/support/casekit makes,
 * read from its output: see casekit.h there for what the fields are.
 */
#ifndef SSLC_TESTS_SUPPORT_CASES_H
#define SSLC_TESTS_SUPPORT_CASES_H

#include "support.h"

enum case_field {
  CASE_NAME, CASE_GROUP, CASE_WHAT, CASE_RULE, CASE_ROLE, CASE_HOST,
  CASE_VERDICT, CASE_CODE, CASE_RESULT, CASE_SET, CASE_SERVED, CASE_SENT,
  CASE_DER, CASE_FLIGHT, CASE_KEY, CASE_TRUST, CASE_EXTRA, CASE_CRL, CASE_FIELDS
};

struct case_text {
  char *at; /* ended by a NUL, which is not counted */
  size_t len;
};

struct test_case {
  struct case_text fields[CASE_FIELDS];
};

/* Runs casekit the first time; how many cases there are.  For the process's
 * life. */
size_t read_cases(struct test_case **cases);

/* The one of this name, which there must be. */
const struct test_case *find_case(const char *name);

const char *case_text(const struct test_case *c, enum case_field field);

/* 1 where the field is not empty. */
int case_has(const struct test_case *c, enum case_field field);

/* The code that is expected; SSLC_CODE_NONE where it is accepted. */
int case_code(const struct test_case *c);

/* Whose chain it is. */
int case_is_client(const struct test_case *c);

/* 1 where a library serves it with TLS 1.3; with 1.2, where there is no
 * flight. */
int case_is_served(const struct test_case *c);

/* Takes the certificates apart that are sent, up to `most`: how many there are;
 * 0 where one of them cannot be read.  The caller's to free. */
size_t case_certs(const struct test_case *c, sslc_cert **certs, size_t most);

/* The context of whoever judges, and that of whoever shows the chain. */
sslc_ctx *case_judge_ctx(const struct test_case *c);
sslc_ctx *case_shower_ctx(const struct test_case *c);

#endif
