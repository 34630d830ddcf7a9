/*
 * support_bio.h: what the tests of BIOs share.
 */
#ifndef SSLC_TESTS_SUPPORT_BIO_H
#define SSLC_TESTS_SUPPORT_BIO_H

#include "support.h"

/* One write or read that comes to `want`; how many bytes that were. */
size_t put(sslc_bio *bio, const void *data, size_t len, sslc_status want);
size_t get(sslc_bio *bio, void *buf, size_t len, sslc_status want);

/* All of the text in one write; one read that gives the text. */
void put_text(sslc_bio *bio, const char *text);
void get_text(sslc_bio *bio, const char *text);

/* One line that comes to `want` and is `text`. */
void get_line(sslc_bio *bio, size_t size, const char *text, sslc_status want);

/* A half of a pair and the other one. */
sslc_bio *make_pair(sslc_bio **other);

/* A filter; and how it comes to stand before another, and out of its chain. */
sslc_bio *make_filter(void);
void push(sslc_bio *bio, sslc_bio *append);
void pop(sslc_bio *bio);

/* A call that was misuse, and says this of it. */
void refused(sslc_status status, const sslc_bio *bio, const char *says);

/* Two connections, each with the BIOs it is to read from and write to, which
 * are freed here. */
void peers_init_bios(struct peers *p, sslc_bio *client_r, sslc_bio *client_w,
                     sslc_bio *server_r, sslc_bio *server_w);

/* Data both ways through two that are connected, `len` bytes each way. */
void peers_talk(struct peers *p, size_t len);

#endif
