/*
 * support_dial.h: what the tests of dialling share: listeners that connect or
 * do not, a nameserver that says what a test wants it to, and the loop round
 * a dial.
 */
#ifndef SSLC_TESTS_SUPPORT_DIAL_H
#define SSLC_TESTS_SUPPORT_DIAL_H

#include "support.h"

/* How many descriptors this process has open. */
int open_fds(void);

/* A listener on a literal address, port 0: any; its port in `*port`.  -1 where
 * this machine has no such address or the port is taken. */
int listen_on(const char *ip, int *port);

/* A listener whose queue is full, so that it answers nobody. */
struct full {
  int listener, port, inside[8];
};

/* False where this machine has no such address, or the port is taken. */
int full_init(struct full *full, const char *ip, int port);
void full_free(struct full *full);

/* ------------------------------------------------------------ a nameserver */

enum { TYPE_A = 1, TYPE_AAAA = 28, TYPE_TLSA = 52 };

/* What is said of a name; the list of them ends with a NULL name. */
struct dns_rule {
  const char *name;
  int type;
  int rcode;             /* -1: nothing is said */
  int after;             /* milliseconds until it is said */
  const char *addresses; /* "127.0.0.1 127.0.0.2"; "AD 030101..." are TLSA
                            records in hexadecimal digits that were checked */
};

struct dns {
  int fd, port;
  const struct dns_rule *rules; /* others get NXDOMAIN */
  int asked;                    /* how many queries came */
  struct dns_reply {
    int64_t at;
    unsigned char packet[1024];
    size_t len;
    unsigned char to[28];
    unsigned to_len;
  } replies[16]; /* that wait for their time */
  size_t count;
};

void dns_init(struct dns *dns, const struct dns_rule *rules);
void dns_free(struct dns *dns);

/* Makes the dial ask it. */
void dns_use(const struct dns *dns, sslc_dial *dial);

/* -------------------------------------------------------------- the loop */

/* A new dial that was started. */
sslc_dial *start(const char *host, int port);

/* The same for `n` addresses; `delay` between attempts in milliseconds, 0: as
 * it is. */
sslc_dial *start_given(const char *const *addresses, size_t n, int port,
                       int delay);

/* Steps and waits as a loop does, with poll(2) alone, and lets the nameserver
 * (or NULL) do its part, until the dial is done or `deadline` passes (then
 * SSLC_WANT_CONNECT). */
sslc_status drive_until(sslc_dial *dial, struct dns *dns, int64_t deadline);

/* The same, as long as it takes. */
sslc_status drive(sslc_dial *dial, struct dns *dns);

#endif
