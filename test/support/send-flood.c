/*
 * Sends TCP SYNs out of an interface for so many seconds, as fast as it goes, each of a flow that no other has: the source's
 * address and port are a number that steps through all 2^32 values. Ends early when the interface goes. Says on standard output
 * how many the kernel took.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define FRAME_BYTES 60
#define FRAMES 64
/* Odd, so that its multiples meet each number of 32 bits once. */
#define STEP 2654435761u

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static int fail(const char *what) {
  fprintf(stderr, "send-flood: %s: %s\n", what, strerror(errno));
  return 1;
}

int main(int argc, char **argv) {
  /* Ethernet, then IPv4 10.X.X.1 to 198.51.100.2, then TCP to port 443 with SYN alone. */
  static const unsigned char syn[FRAME_BYTES] = {2, 0, 0, 0, 0, 0x99, 2, 0, 0, 0, 0, 11, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0,
                                                 10, 0, 0, 1, 198, 51, 100, 2, 0, 0, 1, 187, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 2};
  static unsigned char frames[FRAMES][FRAME_BYTES];
  static struct mmsghdr messages[FRAMES];
  static struct iovec parts[FRAMES];
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_halen = 6};
  int bypass = 1;
  if (argc != 3) return 64;
  to.sll_ifindex = (int)if_nametoindex(argv[1]);
  if (to.sll_ifindex == 0) return fail(argv[1]);
  int out = socket(AF_PACKET, SOCK_RAW, 0);
  if (out < 0 || setsockopt(out, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof bypass) < 0) return fail("opening a socket");
  for (int i = 0; i < FRAMES; i++) {
    memcpy(frames[i], syn, FRAME_BYTES);
    parts[i] = (struct iovec){.iov_base = frames[i], .iov_len = FRAME_BYTES};
    messages[i].msg_hdr = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[i], .msg_iovlen = 1};
  }
  uint32_t flow = 0;
  unsigned long sent = 0;
  for (double until = now() + atof(argv[2]); now() < until;) {
    for (int i = 0; i < FRAMES; i++, flow += STEP) {
      unsigned char *source = frames[i] + 26, *port = frames[i] + 34;
      source[1] = (unsigned char)(flow >> 24);
      source[2] = (unsigned char)(flow >> 16);
      port[0] = (unsigned char)(flow >> 8);
      port[1] = (unsigned char)flow;
    }
    int taken = sendmmsg(out, messages, FRAMES, 0);
    if (taken < 0 && (errno == ENXIO || errno == ENODEV || errno == ENETDOWN)) break;
    if (taken < 0 && errno != ENOBUFS && errno != EAGAIN && errno != EINTR) return fail("sending");
    if (taken > 0) sent += (unsigned long)taken;
  }
  printf("%lu\n", sent);
  return 0;
}
