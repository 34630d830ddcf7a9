/*
 * support_tap.h: a filter before a BIO that counts the calls, and has writes
 * find no room when the test says so.
 */
#ifndef SSLC_TESTS_SUPPORT_TAP_H
#define SSLC_TESTS_SUPPORT_TAP_H

#include "support.h"

struct tap {
  unsigned writes; /* that went through, in whole or in part */
  unsigned reads;
  size_t bytes;    /* written */
  size_t room;     /* for so many more there is room */
};

/* The BIO, whose reference is taken, with a tap before it.  `tap` is set to let
 * everything through, and outlives the BIO. */
sslc_bio *tap_new(struct tap *tap, sslc_bio *bio);

/* ------------------------------------------------ two ends, each with a tap */

struct end {
  sslc_conn *conn;
  struct tap tap;
  int fd;
  const char *script; /* the test's */
};

struct link {
  struct end client, server;
};

/* A client, for localhost, and a server, each on its BIO, whose reference is
 * taken.  `hold`: sslc_conn_set_hold_flight of both. */
void link_init(struct link *link, sslc_ctx *client, sslc_ctx *server,
               sslc_bio *bios[2], int hold);
void link_free(struct link *link);

#endif
