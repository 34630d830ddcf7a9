/*
 * serve.c: a server of several names: which context serves, by the server name
 * of the ClientHello (RFC 6066, section 3).
 *
 * The handshake is suspended as for the client_hello hook, and answered here,
 * within the same step.
 */
#include "internal.h"

#include <string.h>
#include <strings.h>

/* --------------------------------------------------------------- settings */

/* The name as it is looked for: "*.example" keeps ".example". */
static sslc_status
parse(sslc_ctx *ctx, const char *name, struct sslci_name *parsed, bool *any)
{
  sslc_error e = { 0 };
  *any = name && strncmp(name, "*.", 2) == 0;
  sslc_status status =
    sslci_name_parse(parsed, *any ? name + 2 : name, "server_names", &e);
  if (status == SSLC_OK && parsed->kind == SSLCI_NAME_DNS)
    return SSLC_OK;
  status = status == SSLC_OK
    ? sslci_ctx_bad_option(ctx, "server_names: \"%s\" is an address, which is "
                           "never sent as a server name", name)
    : sslci_ctx_bad_option(ctx, "%s", sslc_error_message(&e));
  sslci_error_clear(&e);
  return status;
}

static const struct sslci_served *
find(const sslc_ctx *ctx, const char *name, bool any)
{
  for (size_t i = 0; i < ctx->served_count; i++)
    if (ctx->served[i].any == any && strcasecmp(ctx->served[i].name, name) == 0)
      return &ctx->served[i];
  return NULL;
}

static sslc_status
check_other(sslc_ctx *ctx, const char *name, sslc_ctx *other)
{
  if (!other || other == ctx)
    return sslci_ctx_bad_option(ctx, "server_names: \"%s\" needs another "
                                "context", name);
  if (sslci_ctx_freeze(other) != SSLC_OK)
    return sslci_ctx_bad_option(ctx, "server_names: the context of \"%s\" has "
                                "a bad setting: %s", name,
                                sslc_error_message(&other->err));
  if (other->psk_count > 0)
    return sslci_ctx_bad_option(ctx, "server_names: the context of \"%s\" has "
                                "a psk, which cannot be chosen so", name);
  if (!sslci_has_identity(other) && !other->x509_lookup)
    return sslci_ctx_bad_option(ctx, "server_names: the context of \"%s\" has "
                                "no certificate and key", name);
  return SSLC_OK;
}

static sslc_status
add(sslc_ctx *ctx, const char *name, bool any, sslc_ctx *other)
{
  size_t n = ctx->served_count;
  struct sslci_served *more =
    OPENSSL_realloc(ctx->served, (n + 1) * sizeof *more);
  if (!more)
    return sslci_ctx_nomem(ctx);
  ctx->served = more;
  more[n].name = OPENSSL_strdup(name);
  more[n].any = any;
  if (!more[n].name)
    return sslci_ctx_nomem(ctx);
  more[n].ctx = sslc_ctx_up_ref(other);
  ctx->served_count = n + 1;
  sslci_hooks_watch_hello(ctx);
  return SSLC_OK;
}

sslc_status
sslc_ctx_add_server_name(sslc_ctx *ctx, const char *name, sslc_ctx *other)
{
  struct sslci_name parsed;
  bool any;
  sslc_status status = sslci_ctx_settable(ctx);
  if (status == SSLC_OK)
    status = parse(ctx, name, &parsed, &any);
  if (status == SSLC_OK)
    status = check_other(ctx, name, other);
  if (status == SSLC_OK && find(ctx, parsed.text, any))
    status = sslci_ctx_bad_option(ctx, "server_names: \"%s\" stands there "
                                  "twice", name);
  return status == SSLC_OK ? add(ctx, parsed.text, any, other) : status;
}

sslc_status
sslc_ctx_set_strict_sni(sslc_ctx *ctx, int on)
{
  sslc_status status = sslci_ctx_settable(ctx);
  return status == SSLC_OK
    ? sslci_ctx_switch(ctx, &ctx->strict_sni, "strict_sni", on) : status;
}

void
sslci_served_free(sslc_ctx *ctx)
{
  for (size_t i = 0; i < ctx->served_count; i++) {
    OPENSSL_free(ctx->served[i].name);
    sslc_ctx_free(ctx->served[i].ctx);
  }
  OPENSSL_free(ctx->served);
}

/* --------------------------------------------------------------- choosing */

/* The name itself comes before a wildcard, which stands for one label. */
static const struct sslci_served *
choose(const sslc_ctx *ctx, const char *name)
{
  const struct sslci_served *served = find(ctx, name, false);
  const char *dot = strchr(name, '.');
  if (served || !dot || dot == name)
    return served;
  return find(ctx, dot + 1, true);
}

sslc_status
sslci_serve_answer(sslc_conn *conn)
{
  const sslc_ctx *ctx = conn->ctx;
  const struct sslci_served *served = choose(ctx, conn->hello_name);
  if (served)
    return sslc_conn_answer_client_hello(conn, served->ctx);
  if (ctx->client_hello)
    return SSLC_WANT_CLIENT_HELLO_CB;
  if (ctx->strict_sni || (!sslci_has_identity(ctx) && !ctx->x509_lookup))
    return sslc_conn_answer_abort(conn, *conn->hello_name
                                  ? "nobody serves the name that the client "
                                    "asks for" : "the client names no server");
  return sslc_conn_answer_client_hello(conn, NULL);
}
