/*
 * support_layers.h: TLS in TLS for tests: two sides in one thread, whose
 * connections run over those of a layer below.
 */
#ifndef SSLC_TESTS_SUPPORT_LAYERS_H
#define SSLC_TESTS_SUPPORT_LAYERS_H

#include "support.h"

enum { MAX_LAYERS = 3 };

struct layers {
  struct peers at[MAX_LAYERS]; /* 0 is the lowest */
  size_t count;
};

/* A connection with its own reference to `bio`, which it takes over, as well
 * as `ctx`; a client for `server_name`, or a server where that is NULL. */
sslc_conn *layer_conn(sslc_ctx *ctx, sslc_bio *bio, const char *server_name);

/* The lowest layer, over a pair or over sockets. */
void layers_init(struct layers *l, sslc_ctx *client, sslc_ctx *server,
                 int sockets);

/* One more over that, by sslc_bio_new_conn with the close flag. */
void layers_add(struct layers *l, sslc_ctx *client, sslc_ctx *server,
                int close_flag);

/* `count` layers over a pair or sockets, each server with another certificate,
 * and close flags set. */
void layers_make(struct layers *l, size_t count, int sockets);

/* The highest. */
struct peers *layers_top(struct layers *l);

/* Its handshake, which has to succeed, and does those below as well. */
void layers_shake(struct layers *l);

void layers_free(struct layers *l);

#endif
