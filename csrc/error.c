/*
 * error.c: what went wrong, kept in the object it went wrong with.
 *
 * An error can be made when memory is short: whatever cannot be allocated is
 * left out, and the code's own sentence stands in for the message.
 */
#include "internal.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------- strings */

char *
sslci_vasprintf(const char *fmt, va_list ap)
{
  va_list again;
  va_copy(again, ap);
  int len = vsnprintf(NULL, 0, fmt, again);
  va_end(again);
  if (len < 0)
    return NULL;
  char *s = OPENSSL_malloc((size_t)len + 1);
  if (s)
    vsnprintf(s, (size_t)len + 1, fmt, ap);
  return s;
}

char *
sslci_asprintf(const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  char *s = sslci_vasprintf(fmt, ap);
  va_end(ap);
  return s;
}

bool
sslci_set_string(char **where, const char *s)
{
  char *copy = s ? OPENSSL_strdup(s) : NULL;
  if (s && !copy)
    return false;
  OPENSSL_free(*where);
  *where = copy;
  return true;
}

void
sslci_text_add(struct sslci_text *t, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  char *more = sslci_vasprintf(fmt, ap);
  va_end(ap);
  if (!more)
    return;
  size_t n = strlen(more);
  char *text = OPENSSL_realloc(t->text, t->len + n + 1);
  if (text) {
    memcpy(text + t->len, more, n + 1);
    t->text = text;
    t->len += n;
  }
  OPENSSL_free(more);
}

/* ------------------------------------------------------------- making */

void
sslci_error_clear(sslc_error *e)
{
  OPENSSL_free(e->message);
  OPENSSL_free(e->hint);
  OPENSSL_free(e->host);
  OPENSSL_free(e->address);
  OPENSSL_free(e->text);
  sslc_cert_free(e->cert);
  for (size_t i = 0; i < e->queue_count; i++)
    OPENSSL_free(e->queue->text[i]);
  OPENSSL_free(e->queue);
  memset(e, 0, sizeof *e);
  e->verify_depth = -1;
  e->alert = -1;
}

sslc_error *
sslci_error_or_null(const sslc_error *e)
{
  return e->code == SSLC_CODE_NONE ? NULL : (sslc_error *)e;
}

static void
error_vbegin(sslc_error *e, int code, int phase, const char *fmt, va_list ap)
{
  /* The message may be made of what the old error holds. */
  char *message = fmt ? sslci_vasprintf(fmt, ap) : NULL;
  sslci_error_clear(e);
  e->code = code;
  e->phase = phase;
  e->message = message;
}

void
sslci_error_begin(sslc_error *e, int code, int phase, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  error_vbegin(e, code, phase, fmt, ap);
  va_end(ap);
}

void
sslci_error_explain(sslc_error *e, int code, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  char *message = sslci_vasprintf(fmt, ap);
  va_end(ap);
  OPENSSL_free(e->message);
  e->message = message;
  e->code = code;
}

/* HOST (ADDRESS): PHASE: MESSAGE; HINT [CODE] */
sslc_status
sslci_error_finish(sslc_error *e)
{
  const char *host = sslc_error_host(e);
  const char *address = sslc_error_address(e);
  const char *phase = sslc_phase_name(e->phase);
  const char *hint = sslc_error_hint(e);
  struct sslci_text t = { NULL, 0 };

  if (*host && *address && strcmp(host, address) != 0)
    sslci_text_add(&t, "%s (%s): ", host, address);
  else if (*host || *address)
    sslci_text_add(&t, "%s: ", *host ? host : address);
  if (*phase)
    sslci_text_add(&t, "%s: ", phase);
  sslci_text_add(&t, "%s", sslc_error_message(e));
  if (*hint)
    sslci_text_add(&t, "; %s", hint);
  sslci_text_add(&t, " [%s]", sslc_error_code_name(e));
  OPENSSL_free(e->text);
  e->text = t.text;
  return sslc_error_status(e);
}

sslc_status
sslci_error_set(sslc_error *e, int code, int phase, const char *fmt, ...)
{
  va_list ap;
  va_start(ap, fmt);
  error_vbegin(e, code, phase, fmt, ap);
  va_end(ap);
  return sslci_error_finish(e);
}

sslc_status
sslci_error_nomem(sslc_error *e, int phase)
{
  ERR_clear_error();
  sslci_error_clear(e);
  e->code = SSLC_CODE_OUT_OF_MEMORY;
  e->phase = phase;
  return sslci_error_finish(e);
}

/* What cannot be noted, because it is too much or memory is short, is left
 * out; the text becomes the error's. */
static void
note_entry(sslc_error *e, unsigned long code, char *text)
{
  if (!e->queue)
    e->queue = sslci_new(struct sslci_queue);
  if (!text || !e->queue || e->queue_count == SSLCI_QUEUE_MAX) {
    OPENSSL_free(text);
    return;
  }
  e->queue->codes[e->queue_count] = code;
  e->queue->text[e->queue_count++] = text;
}

void
sslci_error_clear_queue(void)
{
  if (ERR_peek_error() != 0)
    ERR_clear_error();
}

void
sslci_error_take_queue(sslc_error *e)
{
  const char *data = NULL;
  int flags = 0;
  unsigned long code;

  while ((code = compat_err_get(&data, &flags)) != 0) {
    char line[256];
    ERR_error_string_n(code, line, sizeof line);
    bool more = data && *data && (flags & ERR_TXT_STRING);
    note_entry(e, code, more ? sslci_asprintf("%s:%s", line, data)
                             : OPENSSL_strdup(line));
  }
}

static char *
copy_string(const char *s)
{
  return s ? OPENSSL_strdup(s) : NULL;
}

void
sslci_error_copy(sslc_error *to, const sslc_error *from)
{
  sslci_error_clear(to);
  *to = *from;
  to->message = copy_string(from->message);
  to->hint = copy_string(from->hint);
  to->host = copy_string(from->host);
  to->address = copy_string(from->address);
  to->text = copy_string(from->text);
  to->cert = from->cert ? sslc_cert_up_ref(from->cert) : NULL;
  to->queue = NULL;
  to->queue_count = 0;
  for (size_t i = 0; i < from->queue_count; i++)
    note_entry(to, from->queue->codes[i], copy_string(from->queue->text[i]));
}

sslc_error *
sslc_error_dup(const sslc_error *err)
{
  sslc_error *copy = err ? sslci_new(sslc_error) : NULL;
  if (copy)
    sslci_error_copy(copy, err);
  return copy;
}

sslc_status
sslci_error_give(sslc_error *e, sslc_status status, sslc_error **error)
{
  if (error)
    *error = sslc_error_dup(e);
  sslci_error_clear(e);
  ERR_clear_error();
  return status;
}

void
sslc_error_free(sslc_error *err)
{
  if (err)
    sslci_error_clear(err);
  OPENSSL_free(err);
}

/* ------------------------------------------------------------- asking */

static const char *
or_empty(const char *s)
{
  return s ? s : "";
}

sslc_status
sslc_error_status(const sslc_error *err)
{
  if (!err)
    return SSLC_OK;
  /* One code, two classes: what is wrong with a parameter is an ARG. */
  if (err->code == SSLC_CODE_BAD_OPTION && err->phase != SSLC_PHASE_CONFIG)
    return SSLC_ERR_ARG;
  return sslc_code_status(err->code);
}

int
sslc_error_code(const sslc_error *err)
{
  return err ? err->code : SSLC_CODE_NONE;
}

const char *
sslc_error_code_name(const sslc_error *err)
{
  return or_empty(sslc_code_name(sslc_error_code(err)));
}

int
sslc_error_phase(const sslc_error *err)
{
  return err ? err->phase : SSLC_PHASE_NONE;
}

const char *
sslc_error_message(const sslc_error *err)
{
  if (err && err->message)
    return err->message;
  return or_empty(sslc_code_sentence(sslc_error_code(err)));
}

const char *
sslc_error_hint(const sslc_error *err)
{
  if (err && err->hint)
    return err->hint;
  return or_empty(sslc_code_hint(sslc_error_code(err)));
}

const char *
sslc_error_text(const sslc_error *err)
{
  return err && err->text ? err->text : sslc_error_message(err);
}

int
sslc_error_errno(const sslc_error *err)
{
  return err ? err->sys_errno : 0;
}

int
sslc_error_ssl_error(const sslc_error *err)
{
  return err ? err->ssl_error : 0;
}

int
sslc_error_verify_result(const sslc_error *err)
{
  return err ? err->verify_result : 0;
}

int
sslc_error_verify_depth(const sslc_error *err)
{
  return err ? err->verify_depth : -1;
}

int
sslc_error_alert(const sslc_error *err)
{
  return err ? err->alert : -1;
}

const char *
sslc_error_alert_name(const sslc_error *err)
{
  return sslci_alert_name(sslc_error_alert(err));
}

const char *
sslc_error_host(const sslc_error *err)
{
  return err ? or_empty(err->host) : "";
}

const char *
sslc_error_address(const sslc_error *err)
{
  return err ? or_empty(err->address) : "";
}

size_t
sslc_error_queue_count(const sslc_error *err)
{
  return err ? err->queue_count : 0;
}

const char *
sslc_error_queue(const sslc_error *err, size_t i)
{
  return err && i < err->queue_count ? err->queue->text[i] : NULL;
}

const sslc_cert *
sslc_error_cert(const sslc_error *err)
{
  return err ? err->cert : NULL;
}
