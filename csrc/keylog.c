/*
 * keylog.c: the secrets of connections, for who looks into what was recorded of
 * them (Wireshark): SSL_CTX_set_keylog_callback(3), RFC 9850.
 *
 * Whoever reads the file reads the connections.  So it is never written unless
 * code asks for it, an environment alone does nothing, and nobody but its owner
 * can read it.
 */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* One call a line, so that processes can share the file.  A line that cannot be
 * written is lost: what is looked at must not change by that. */
static void
write_line(const SSL *ssl, const char *line)
{
  const sslc_conn *conn = SSL_get_app_data(ssl);
  struct iovec parts[] = { { (char *)(uintptr_t)line, strlen(line) },
                           { (char *)(uintptr_t)"\n", 1 } };
  int before = errno;
  ssize_t n;
  do
    n = conn->ctx->keylog_fd < 0 ? 0 : writev(conn->ctx->keylog_fd, parts, 2);
  while (n < 0 && errno == EINTR);
  errno = before;
}

/* NULL, or why secrets do not belong into it. */
static const char *
why_not(int fd)
{
  struct stat st;
  if (fstat(fd, &st) != 0)
    return strerror(errno);
  if (!S_ISREG(st.st_mode))
    return "it is no file";
  if (st.st_uid != geteuid())
    return "it is another user's";
  return st.st_mode & (S_IRWXG | S_IRWXO)
    ? "others may read or write it (its mode must be 0600)" : NULL;
}

/* Not through a link that somebody else may have laid, and without waiting for
 * whoever reads a pipe. */
static int
open_log(const char *path)
{
  return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
                      O_NONBLOCK | O_NOCTTY, S_IRUSR | S_IWUSR);
}

static void
use_log(sslc_ctx *ctx, int fd)
{
  sslci_keylog_close(ctx);
  ctx->keylog_fd = fd;
  SSL_CTX_set_keylog_callback(ctx->ssl_ctx, write_line);
}

sslc_status
sslc_ctx_set_keylog_file(sslc_ctx *ctx, const char *path)
{
  sslc_status status = sslci_ctx_settable(ctx);
  if (status != SSLC_OK)
    return status;
  if (!path || !*path)
    return sslci_ctx_bad_option(ctx, "keylog: the path is empty");
  int fd = open_log(path);
  if (fd < 0)
    return sslci_ctx_bad_file(ctx, errno, "keylog \"%s\": %s", path,
                              errno == ELOOP ? "it is a symbolic link"
                                             : strerror(errno));
  const char *why = why_not(fd);
  if (why) {
    status = sslci_ctx_bad_file(ctx, 0, "keylog \"%s\": %s", path, why);
    close(fd);
    return status;
  }
  use_log(ctx, fd);
  return SSLC_OK;
}

sslc_status
sslc_ctx_set_keylog_env(sslc_ctx *ctx)
{
  sslc_status status = sslci_ctx_settable(ctx);
  const char *path = sslci_safe_getenv("SSLKEYLOGFILE");
  return status == SSLC_OK && path ? sslc_ctx_set_keylog_file(ctx, path)
                                   : status;
}

void
sslci_keylog_close(sslc_ctx *ctx)
{
  if (ctx->keylog_fd >= 0)
    close(ctx->keylog_fd);
  ctx->keylog_fd = -1;
}
