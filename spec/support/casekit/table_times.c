/*
 * table_times.c: is every certificate of the chain in force?
 * RFC 5280 4.1.2.5; X509_cmp_time(3).
 */
#include "casekit.h"

#include <openssl/x509_vfy.h>

#define EXPIRED .code = "certificate_expired", \
  .result = X509_V_ERR_CERT_HAS_EXPIRED
#define NOT_YET .code = "certificate_not_yet_valid", \
  .result = X509_V_ERR_CERT_NOT_YET_VALID
#define BAD_AFTER .code = "invalid_certificate", \
  .result = X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD
#define BAD_BEFORE .code = "invalid_certificate", \
  .result = X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD
#define RULE .rule = "RFC 5280 4.1.2.5"
#define TIMES(ID, FROM, TO) .recipes = { { .id = ID, .from = FROM, .to = TO } }
#define VALID(HEX) .recipes = { { .id = "leaf", \
  .patches = { { VALIDITY, HEX } } } }

static const struct row rows[] = {
  { .name = "time-new", .what = "since a second ago", RULE,
    TIMES("leaf", -1, DAY) },
  { .name = "time-old", .what = "for one more hour", RULE,
    TIMES("leaf", -DAY, 3600) },
  { .name = "time-outlives", .what = "in force for longer than its authority",
    RULE, TIMES("leaf", -400 * DAY, 400 * DAY) },
  { .name = "time-expired", .what = "expired a year ago", RULE,
    TIMES("leaf", -400 * DAY, -365 * DAY), EXPIRED },
  { .name = "time-expired-second", .what = "expired a second ago", RULE,
    TIMES("leaf", -DAY, -1), EXPIRED },
  { .name = "time-not-yet", .what = "in force in a year", RULE,
    TIMES("leaf", 365 * DAY, 400 * DAY), NOT_YET },
  { .name = "time-not-yet-hour", .what = "in force in an hour", RULE,
    TIMES("leaf", 3600, DAY), NOT_YET },
  { .name = "time-backwards", .what = "ends before it begins", RULE,
    TIMES("leaf", -DAY, -2 * DAY), EXPIRED },
  { .name = "time-int-expired", .what = "the intermediate has expired", RULE,
    TIMES("int", -400 * DAY, -DAY), EXPIRED },
  { .name = "time-int-not-yet", .what = "the intermediate is not yet in force",
    RULE, TIMES("int", DAY, 400 * DAY), NOT_YET },
  { .name = "time-root-expired", .what = "the root has expired", RULE,
    TIMES("root", -400 * DAY, -DAY), EXPIRED },
  { .name = "time-root-not-yet", .what = "the root is not yet in force", RULE,
    TIMES("root", DAY, 400 * DAY), NOT_YET },

  { .name = "time-1950", .what = "since 1950, in two digits", RULE,
    VALID("30 1e 17 0d '500101000000Z' 17 0d '491231235959Z'") },
  { .name = "time-1950-expired", .what = "until 1950, in two digits", RULE,
    VALID("30 1e 17 0d '500101000000Z' 17 0d '500102000000Z'"), EXPIRED },
  { .name = "time-2050", .what = "until 2050, in four digits", RULE,
    VALID("30 20 17 0d '200101000000Z' 18 0f '20500101000000Z'") },
  { .name = "time-9999", .what = "without an end", .rule = "RFC 5280 4.1.2.5",
    VALID("30 20 17 0d '200101000000Z' 18 0f '99991231235959Z'") },
  { .name = "time-four-digits", .what = "before 2050 in four digits, which is "
    "not to be, and clear", RULE,
    VALID("30 22 18 0f '20200101000000Z' 18 0f '20490101000000Z'") },
  { .name = "time-four-digits-expired", .what = "expired, in four digits", RULE,
    VALID("30 22 18 0f '20200101000000Z' 18 0f '20210101000000Z'"), EXPIRED },
  { .name = "time-2050-not-yet", .what = "from 2050 on", RULE,
    VALID("30 22 18 0f '20500101000000Z' 18 0f '20600101000000Z'"), NOT_YET },

  { .name = "time-no-seconds", .what = "an end without seconds",
    .rule = "RFC 5280 4.1.2.5.1",
    VALID("30 1c 17 0d '200101000000Z' 17 0b '4901010000Z'"), BAD_AFTER },
  { .name = "time-zone", .what = "an end in another time zone",
    .rule = "RFC 5280 4.1.2.5.1",
    VALID("30 22 17 0d '200101000000Z' 17 11 '490101000000+0100'"),
    BAD_AFTER },
  { .name = "time-no-zone", .what = "an end in no time zone",
    .rule = "RFC 5280 4.1.2.5.1",
    VALID("30 1d 17 0d '200101000000Z' 17 0c '490101000000'"), BAD_AFTER },
  { .name = "time-fraction", .what = "an end with fractions of a second",
    .rule = "RFC 5280 4.1.2.5.2",
    VALID("30 22 17 0d '200101000000Z' 18 11 '20490101000000.5Z'"),
    BAD_AFTER },
  { .name = "time-letters", .what = "an end that is no time", RULE,
    VALID("30 1e 17 0d '200101000000Z' 17 0d '4901010000xxZ'"), BAD_AFTER },
  { .name = "time-month-13", .what = "an end in the thirteenth month", RULE,
    VALID("30 1e 17 0d '200101000000Z' 17 0d '491301000000Z'"), BAD_AFTER },
  { .name = "time-day-32", .what = "an end on the 32nd", RULE,
    VALID("30 1e 17 0d '200101000000Z' 17 0d '490132000000Z'"), BAD_AFTER },
  { .name = "time-empty", .what = "an empty end", RULE,
    VALID("30 11 17 0d '200101000000Z' 17 00"), BAD_AFTER },
  { .name = "time-nul", .what = "a zero octet in the end", RULE,
    VALID("30 1f 17 0d '200101000000Z' 17 0e '490101000000Z' 00"),
    BAD_AFTER },
  { .name = "time-bad-begin", .what = "a beginning that is no time", RULE,
    VALID("30 1e 17 0d '2001010000xxZ' 17 0d '490101000000Z'"), BAD_BEFORE },
  { .name = "time-empty-begin", .what = "an empty beginning", RULE,
    VALID("30 11 17 00 17 0d '490101000000Z'"), BAD_BEFORE },
};

GROUP(times);
