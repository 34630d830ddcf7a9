/*
 * support_layers.c: TLS in TLS, two sides in one thread.
 */
#include "support_layers.h"

sslc_conn *
layer_conn(sslc_ctx *ctx, sslc_bio *bio, const char *server_name)
{
  sslc_conn *conn = sslc_conn_new(ctx);

  assert_non_null(conn);
  assert_non_null(bio);
  assert_ok(sslc_conn_set_bio(conn, bio, bio), sslc_conn_error(conn));
  if (server_name == NULL) {
    assert_ok(sslc_conn_set_accept_state(conn), sslc_conn_error(conn));
  } else {
    assert_ok(sslc_conn_set_connect_state(conn), sslc_conn_error(conn));
    assert_ok(sslc_conn_set_server_name(conn, server_name),
              sslc_conn_error(conn));
  }
  sslc_bio_free(bio);
  sslc_ctx_free(ctx);
  return conn;
}

void
layers_init(struct layers *l, sslc_ctx *client, sslc_ctx *server, int sockets)
{
  l->count = 1;
  if (sockets)
    peers_init_sockets(&l->at[0], client, server, "localhost");
  else
    peers_init(&l->at[0], client, server, "localhost");
}

void
layers_add(struct layers *l, sslc_ctx *client, sslc_ctx *server,
           int close_flag)
{
  struct peers *below = layers_top(l), *p = &l->at[l->count++];

  p->client = layer_conn(client, sslc_bio_new_conn(below->client, close_flag),
                         "localhost");
  p->server = layer_conn(server, sslc_bio_new_conn(below->server, close_flag),
                         NULL);
}

void
layers_make(struct layers *l, size_t count, int sockets)
{
  static const char *const leaves[MAX_LAYERS] = { "direct", "good", "rsa" };
  size_t i;

  layers_init(l, make_client_ctx(), make_server_ctx(leaves[0]), sockets);
  for (i = 1; i < count; i++)
    layers_add(l, make_client_ctx(), make_server_ctx(leaves[i]), SSLC_CLOSE);
}

struct peers *
layers_top(struct layers *l)
{
  return &l->at[l->count - 1];
}

void
layers_shake(struct layers *l)
{
  struct peers *top = layers_top(l);

  assert_ok(shake(top), sslc_conn_error(top->client));
  assert_status(top->server_status, SSLC_OK, sslc_conn_error(top->server));
}

void
layers_free(struct layers *l)
{
  while (l->count > 0)
    peers_free(&l->at[--l->count]);
}
