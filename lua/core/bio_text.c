/*
 * bio_text.c: a BIO in words: its kind, what it stands on, what is in it, and
 * the chain behind it:
 *
 *   sslconnect.bio: buffer, 5 to be sent -> socket fd 7 (192.0.2.1:443)
 */
#include "lcore.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A chain may be longer than there is room. */
struct text {
  char bytes[1024];
  size_t len;
};

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
add(struct text *t, const char *format, ...)
{
  va_list ap;
  size_t room = sizeof t->bytes - t->len;
  va_start(ap, format);
  int n = vsnprintf(t->bytes + t->len, room, format, ap);
  va_end(ap);
  if (n < 0)
    return;
  t->len += (size_t)n < room ? (size_t)n : room - 1;
}

static int is_full(const struct text *t)
{
  return t->len == sizeof t->bytes - 1;
}

/* What a filter answers may be that of the one behind it. */
static size_t own(const sslc_bio *bio, size_t (*count)(const sslc_bio *bio))
{
  size_t all = count(bio);
  size_t behind = count(sslc_bio_next(bio));
  return all > behind ? all - behind : 0;
}

static void add_count(struct text *t, size_t count, const char *what)
{
  if (count > 0)
    add(t, ", %lu %s", (unsigned long)count, what);
}

/* The bytes in it, and those on their way; a pair tells also that there are
 * none, for it is the pump that looks at it. */
static void add_counts(struct text *t, const sslc_bio *bio)
{
  if (sslc_bio_kind(bio) == SSLC_BIO_PAIR) {
    add(t, ", %lu to read, %lu to be read",
        (unsigned long)sslc_bio_pending(bio),
        (unsigned long)sslc_bio_wpending(bio));
    return;
  }
  add_count(t, own(bio, sslc_bio_pending), "to read");
  add_count(t, own(bio, sslc_bio_wpending), "to be sent");
}

/* What it stands on.  One with another behind it would answer for that, but for
 * the address of one that listens. */
static void add_place(struct text *t, const sslc_bio *bio, int is_last)
{
  int fd = is_last ? sslc_bio_fd(bio) : -1;
  int has_address = is_last || sslc_bio_kind(bio) == SSLC_BIO_ACCEPT;
  const char *address = has_address ? sslc_bio_address(bio) : "";
  if (fd >= 0)
    add(t, " fd %d", fd);
  if (*address != '\0')
    add(t, " (%s)", address);
}

/* Of what is empty by nature it says nothing that it is. */
static int has_ended(const sslc_bio *bio)
{
  int kind = sslc_bio_kind(bio);
  return kind != SSLC_BIO_NULL && kind != SSLC_BIO_BUFFER &&
         sslc_bio_eof(bio) == 1;
}

static void add_one(struct text *t, const sslc_bio *bio)
{
  int is_last = sslc_bio_next(bio) == NULL;
  add(t, "%s", sslc_bio_kind_name(sslc_bio_kind(bio)));
  add_place(t, bio, is_last);
  add_counts(t, bio);
  if (is_last && has_ended(bio))
    add(t, ", at its end");
}

int lcore_bio_tostring(lua_State *L)
{
  const sslc_bio *bio = lcore_check(L, 1, &lcore_bio)->handle;
  struct text t = {"sslconnect.bio: ", 0};
  t.len = strlen(t.bytes);
  if (bio == NULL)
    add(&t, "(closed)");
  while (bio != NULL && !is_full(&t)) {
    add_one(&t, bio);
    bio = sslc_bio_next(bio);
    if (bio != NULL)
      add(&t, " -> ");
  }
  if (is_full(&t))
    memcpy(t.bytes + t.len - 3, "...", 3);
  lua_pushlstring(L, t.bytes, t.len);
  return 1;
}
