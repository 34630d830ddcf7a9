/*
 * delay: a link with a delay, for kernels without netem.
 *
 *   delay MILLISECONDS SERVER CLIENT
 *
 * Makes two networks, network_namespaces(7), with a TUN device in each.  SERVER,
 * a command for sh, runs in the one, at 10.99.0.2; CLIENT in the other, at
 * 10.99.0.1, as soon as SERVER has printed "ready".  Whatever packet comes into
 * one device goes out of the other MILLISECONDS later.  Ends with CLIENT, and
 * with its status; 77 where such networks are not allowed here.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MTU = 1500, QUEUE = 4096, CANNOT = 77 };

struct packet {
  long long due; /* nanoseconds */
  size_t len;
  unsigned char bytes[MTU + 4];
};

/* What came out of one device and is to go into the other. */
struct queue {
  int to;
  size_t first, count;
  struct packet packets[QUEUE];
};

static struct queue queues[2];

static void
cannot(const char *what)
{
  fprintf(stderr, "delay: %s: %s\n", what, strerror(errno));
  exit(CANNOT);
}

/* --------------------------------------------------------------- networks */

static void
set_address(int sock, struct ifreq *request, unsigned long what,
            const char *address)
{
  struct sockaddr_in at = { 0 };

  at.sin_family = AF_INET;
  if (inet_pton(AF_INET, address, &at.sin_addr) != 1)
    cannot(address);
  memcpy(&request->ifr_addr, &at, sizeof at);
  if (ioctl(sock, what, request) != 0)
    cannot("the address");
}

static void
bring_up(int sock, struct ifreq *request)
{
  request->ifr_flags = IFF_UP | IFF_RUNNING;
  if (ioctl(sock, SIOCSIFFLAGS, request) != 0)
    cannot("the device");
}

/* TCP Fast Open for clients that ask for it, and for all servers, tcp(7). */
static void
allow_fastopen(void)
{
  FILE *file = fopen("/proc/sys/net/ipv4/tcp_fastopen", "w");

  if (file == NULL || fputs("1027", file) == EOF || fclose(file) != 0)
    perror("delay: no TCP Fast Open");
}

/* A TUN device with an address, in the network that this process is in. */
static int
make_device(const char *address)
{
  struct ifreq tun = { 0 }, lo = { 0 };
  int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  if (fd < 0 || sock < 0)
    cannot("/dev/net/tun");
  allow_fastopen();
  strcpy(tun.ifr_name, "delay0");
  strcpy(lo.ifr_name, "lo");
  tun.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (ioctl(fd, TUNSETIFF, &tun) != 0)
    cannot("TUNSETIFF");
  set_address(sock, &tun, SIOCSIFADDR, address);
  set_address(sock, &tun, SIOCSIFNETMASK, "255.255.255.0");
  bring_up(sock, &tun);
  bring_up(sock, &lo);
  close(sock);
  return fd;
}

static void
own_network(void)
{
  if (unshare(CLONE_NEWNET) == 0)
    return;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
    cannot("a network of its own");
}

/* --------------------------------------------------------------- commands */

static pid_t
start(const char *command, int output)
{
  pid_t pid = fork();

  if (pid < 0)
    cannot("fork");
  if (pid > 0)
    return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (output >= 0)
    dup2(output, STDOUT_FILENO);
  execl("/bin/sh", "sh", "-c", command, (char *)NULL);
  _exit(127);
}

/* Starts the server; returns when it is ready. */
static pid_t
start_server(const char *command)
{
  char line[256];
  int ends[2];
  FILE *output;
  pid_t pid;

  if (pipe2(ends, O_CLOEXEC) != 0)
    cannot("pipe");
  pid = start(command, ends[1]);
  close(ends[1]);
  output = fdopen(ends[0], "r"); /* never closed: the server would end */
  do {
    if (output == NULL || fgets(line, sizeof line, output) == NULL)
      cannot("the server did not get ready");
  } while (strcmp(line, "ready\n") != 0);
  return pid;
}

/* -------------------------------------------------------------- the delay */

static long long
now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long long)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
take(int from, struct queue *queue, long long delay)
{
  struct packet *packet;
  ssize_t n = 1;

  while (queue->count < QUEUE) {
    packet = &queue->packets[(queue->first + queue->count) % QUEUE];
    n = read(from, packet->bytes, sizeof packet->bytes);
    if (n <= 0)
      return;
    packet->len = (size_t)n;
    packet->due = now() + delay;
    queue->count++;
  }
}

/* Sends what is due; returns when the next one is, or -1. */
static long long
give(struct queue *queue)
{
  struct packet *packet;

  while (queue->count > 0) {
    packet = &queue->packets[queue->first];
    if (packet->due > now())
      return packet->due;
    if (write(queue->to, packet->bytes, packet->len) < 0 && errno == EAGAIN)
      return now() + 1000000;
    queue->first = (queue->first + 1) % QUEUE;
    queue->count--;
  }
  return -1;
}

static void
wait_for_packets(struct pollfd *fds, long long due)
{
  struct timespec left = { 0, 0 };
  long long ns = due - now();

  if (due >= 0 && ns > 0) {
    left.tv_sec = (time_t)(ns / 1000000000);
    left.tv_nsec = (long)(ns % 1000000000);
  }
  ppoll(fds, 3, due >= 0 ? &left : NULL, NULL);
}

/* Until the client has ended. */
static void
carry(const int *devices, int client, long long delay)
{
  struct pollfd fds[3] = { { devices[0], POLLIN, 0 }, { devices[1], POLLIN, 0 },
                           { client, POLLIN, 0 } };
  long long due[2];

  do {
    take(devices[0], &queues[0], delay);
    take(devices[1], &queues[1], delay);
    due[0] = give(&queues[0]);
    due[1] = give(&queues[1]);
    if (due[0] < 0 || (due[1] >= 0 && due[1] < due[0]))
      due[0] = due[1];
    wait_for_packets(fds, due[0]);
  } while ((fds[2].revents & POLLIN) == 0);
}

int
main(int argc, char **argv)
{
  int devices[2], first_network, status, client_fd;
  pid_t server, client;

  if (argc != 4) {
    fputs("usage: delay MILLISECONDS SERVER CLIENT\n", stderr);
    return EXIT_FAILURE;
  }
  own_network();
  devices[0] = make_device("10.99.0.1");
  first_network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (first_network < 0 || unshare(CLONE_NEWNET) != 0)
    cannot("the second network");
  devices[1] = make_device("10.99.0.2");
  queues[0].to = devices[1];
  queues[1].to = devices[0];
  server = start_server(argv[2]);
  if (setns(first_network, CLONE_NEWNET) != 0)
    cannot("setns");
  client = start(argv[3], -1);
  client_fd = (int)syscall(SYS_pidfd_open, client, 0);
  if (client_fd < 0)
    cannot("pidfd_open");
  carry(devices, client_fd, atoll(argv[1]) * 1000000);
  if (waitpid(client, &status, 0) != client)
    cannot("waitpid");
  kill(server, SIGKILL);
  return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
