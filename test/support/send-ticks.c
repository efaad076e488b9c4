/*
 * Sends UDP in ticks of ten milliseconds until standard input ends: `packets` over IPv4 and one over IPv6 in each, all of a tick
 * in flows that only it has (source port 1024 + tick % 4000, destination port 5000 + tick / 4000). For each tick it says on
 * standard output how many packets have left, and between which two moments of the wall clock:
 *
 *     TICK IPV4 IPV6 FROM TO
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

static void send_frame(const unsigned char *frame, size_t length) {
  while (sendto(out, frame, length, 0, (struct sockaddr *)&to, sizeof to) < 0) {
    if (errno == ENOBUFS || errno == EINTR) continue;
    perror("send-ticks");
    exit(1);
  }
}

int main(int argc, char **argv) {
  /* Ethernet, then IPv4 192.0.2.1 to 198.51.100.2, or IPv6 2001:db8::1 to 2001:db8::2, then UDP without content. */
  unsigned char v4[60] = {2, 0, 0, 0, 0, 10, 2, 0, 0, 0, 0, 11, 8, 0, 0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2};
  unsigned char v6[62] = {2, 0, 0, 0, 0, 10, 2, 0, 0, 0, 0, 11, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8, 17, 64, 0x20, 1, 0xd, 0xb8};
  v6[37] = 1;
  memcpy(v6 + 38, v6 + 22, 4);
  v6[53] = 2;
  if (argc != 3) return 64;
  int packets = atoi(argv[2]);
  to.sll_ifindex = (int)if_nametoindex(argv[1]);
  out = socket(AF_PACKET, SOCK_RAW, 0);
  if (to.sll_ifindex == 0 || out < 0) {
    perror("send-ticks");
    return 1;
  }
  struct pollfd input = {.fd = 0, .events = POLLIN};
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (unsigned long tick = 0; poll(&input, 1, 0) == 0; tick++) {
    ports(v4 + 34, tick);
    ports(v6 + 54, tick);
    double from = now();
    for (int packet = 0; packet < packets; packet++) send_frame(v4, sizeof v4);
    send_frame(v6, sizeof v6);
    printf("%lu %d 1 %.6f %.6f\n", tick, packets, from, now());
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
