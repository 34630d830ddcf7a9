/*
 * resolve.c: a name to addresses, and addresses to text.  The seam behind
 * which a resolver that does not block is to stand; this one is getaddrinfo(3).
 */
#include "internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static sslc_status
dns_failure(sslc_error *e, const struct sslci_name *name, int rc, int err)
{
  if (rc == EAI_MEMORY)
    return sslci_error_nomem(e, SSLC_PHASE_DNS);
  sslci_error_begin(e, SSLC_CODE_DNS_FAILED, SSLC_PHASE_DNS,
                    "\"%s\" could not be resolved: %s", name->text,
                    rc == EAI_SYSTEM ? strerror(err) : gai_strerror(rc));
  e->sys_errno = rc == EAI_SYSTEM ? err : 0;
  return sslci_error_finish(e);
}

sslc_status
sslci_resolve(struct sslci_addrs *addrs, const struct sslci_name *name,
              int port, sslc_error *e)
{
  char host[sizeof name->text + sizeof name->zone + 1];
  char service[8];
  struct addrinfo hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  if (name->kind != SSLCI_NAME_DNS)
    hints.ai_flags |= AI_NUMERICHOST;
  snprintf(host, sizeof host, "%s%s%s", name->text, *name->zone ? "%" : "",
           name->zone);
  snprintf(service, sizeof service, "%d", port);
  addrs->list = NULL;
  int rc = getaddrinfo(host, service, &hints, &addrs->list);
  return rc == 0 ? SSLC_OK : dns_failure(e, name, rc, errno);
}

void
sslci_addrs_free(struct sslci_addrs *addrs)
{
  if (addrs->list)
    freeaddrinfo(addrs->list);
  addrs->list = NULL;
}

void
sslci_address_text(const struct sockaddr *sa, char *buf, size_t size)
{
  char text[INET6_ADDRSTRLEN] = "";
  buf[0] = '\0';
  if (sa->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)sa;
    inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    snprintf(buf, size, "%s:%d", text, ntohs(in->sin_port));
  } else if (sa->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 =
      (const struct sockaddr_in6 *)(const void *)sa;
    inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    snprintf(buf, size, "[%s]:%d", text, ntohs(in6->sin6_port));
  }
}

void
sslci_peer_address(int fd, char *buf, size_t size)
{
  struct sockaddr_storage ss = { 0 };
  socklen_t len = sizeof ss;
  buf[0] = '\0';
  if (fd >= 0 && getpeername(fd, (struct sockaddr *)&ss, &len) == 0)
    sslci_address_text((struct sockaddr *)&ss, buf, size);
}
