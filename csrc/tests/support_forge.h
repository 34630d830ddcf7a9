/*
 * support_forge.h: a peer that sends what libssl would never send.  After a
 * proper handshake the test has the keys of one side and seals records of its
 * own with them; that side's own sending is over then.
 */
#ifndef SSLC_TESTS_SUPPORT_FORGE_H
#define SSLC_TESTS_SUPPORT_FORGE_H

#include "internal.h"

#include "support.h"

struct forge {
  struct wire w;
  sslc_conn *victim; /* whom the forged records are for */
  sslc_bio *half;    /* where they are put */
  int version;
  uint64_t sequence;
  unsigned char secret[32]; /* TLS 1.3: of the traffic */
  unsigned char key[16];
  unsigned char iv[12];
};

/* SSLC_TLS1_2 or SSLC_TLS1_3; the records come from the server, or (1) the
 * client. */
void forge_init(struct forge *f, int version, int from_client, int lenient);
void forge_free(struct forge *f);

/* One record of this type (RFC 8446, 5.1), sealed. */
void forge_record(struct forge *f, int type, const void *bytes, size_t len);

/* The same of application data, of a warning or other alert. */
void forge_text(struct forge *f, const char *text);
void forge_alert(struct forge *f, int level, int description);

/* TLS 1.3: KeyUpdate, and from then on the keys that come after. */
void forge_key_update(struct forge *f, int request);

/* The victim's read gives this text. */
void forge_expect(struct forge *f, const char *text);

/* The victim's read has nothing to give yet. */
void forge_expect_nothing(struct forge *f);

/* The victim's read fails with this code and part of a message, and again. */
void forge_expect_error(struct forge *f, int code, const char *part);

#endif
