/*
 * Sends UDP in ticks of ten milliseconds until standard input ends: `packets` over IPv4 and one over IPv6 in each, all of a tick
 * in flows that only it has (source port 1024 + tick % 4000, destination port 5000 + tick / 4000). For each tick it says on
 * standard output how many packets have left, through which interface, and between which two moments of the wall clock:
 *
 *     TICK IPV4 IPV6 FROM TO INDEX
 *
 * The interface may go and come back, under another index. What the kernel takes for one that is down goes nowhere, so no more
 * has left than the interface itself counted. That counter goes with the interface: of the tick in which it does, what the
 * kernel took is said, which is the most that can have left.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS 10000000L

static int out;
static const char *name;
static struct sockaddr_ll to = {.sll_family = AF_PACKET};

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static void ports(unsigned char *udp, unsigned long tick) {
  unsigned source = 1024 + (unsigned)(tick % 4000);
  unsigned destination = 5000 + (unsigned)(tick / 4000);
  udp[0] = (unsigned char)(source >> 8);
  udp[1] = (unsigned char)source;
  udp[2] = (unsigned char)(destination >> 8);
  udp[3] = (unsigned char)destination;
  udp[5] = 8;
}

/* What the interface has sent since it was made; -1 when it is not there. */
static long counted(void) {
  char path[128];
  long packets = -1;
  snprintf(path, sizeof path, "/sys/class/net/%s/statistics/tx_packets", name);
  FILE *file = fopen(path, "re");
  if (file == NULL) return -1;
  if (fscanf(file, "%ld", &packets) != 1) packets = -1;
  fclose(file);
  return packets;
}

/* How many the kernel took; an interface that is away, down or without its other end takes none. */
static int taken(const unsigned char *frame, size_t length, int frames) {
  int sent = 0;
  for (int i = 0; i < frames; i++) {
    if (sendto(out, frame, length, 0, (struct sockaddr *)&to, sizeof to) >= 0) sent++;
    else if (errno == EINTR) i--;
    else if (errno == ENXIO || errno == ENODEV || errno == ENETDOWN) break;
    else if (errno != ENOBUFS) {
      perror("send-ticks");
      exit(1);
    }
  }
  return sent;
}

/* How many have left. */
static long send_frames(const unsigned char *frame, size_t length, int frames) {
  long before = counted();
  int sent = taken(frame, length, frames);
  long after = counted();
  int is_same = before >= 0 && after >= 0 && (int)if_nametoindex(name) == to.sll_ifindex;
  return is_same && after - before < sent ? after - before : sent;
}

int main(int argc, char **argv) {
  /* Ethernet, then IPv4 192.0.2.1 to 198.51.100.2, or IPv6 2001:db8::1 to 2001:db8::2, then UDP without content. */
  unsigned char v4[60] = {2, 0, 0, 0, 0, 10, 2, 0, 0, 0, 0, 11, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2};
  unsigned char v6[62] = {2, 0, 0, 0, 0, 10, 2, 0, 0, 0, 0, 11, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 64, 0x20, 1, 0xd, 0xb8};
  v6[37] = 1;
  memcpy(v6 + 38, v6 + 22, 4);
  v6[53] = 2;
  if (argc != 3) return 64;
  name = argv[1];
  int packets = atoi(argv[2]);
  out = socket(AF_PACKET, SOCK_RAW, 0);
  if (if_nametoindex(name) == 0 || out < 0) {
    perror("send-ticks");
    return 1;
  }
  struct pollfd input = {.fd = 0, .events = POLLIN};
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (unsigned long tick = 0; poll(&input, 1, 0) == 0; tick++) {
    ports(v4 + 34, tick);
    ports(v6 + 54, tick);
    to.sll_ifindex = (int)if_nametoindex(name);
    double from = now();
    long sent_v4 = to.sll_ifindex == 0 ? 0 : send_frames(v4, sizeof v4, packets);
    long sent_v6 = to.sll_ifindex == 0 ? 0 : send_frames(v6, sizeof v6, 1);
    printf("%lu %ld %ld %.6f %.6f %d\n", tick, sent_v4, sent_v6, from, now(), to.sll_ifindex);
    fflush(stdout);
    next.tv_nsec += TICK_NS;
    if (next.tv_nsec >= 1000000000L) {
      next.tv_nsec -= 1000000000L;
      next.tv_sec++;
    }
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
  }
  return 0;
}
