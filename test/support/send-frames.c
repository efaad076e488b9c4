/*
 * Sends frames as they are out of an interface: standard input holds each behind its length (two bytes, high byte first).
 * Ends when all of them have left, and says how many on standard output.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int fail(const char *what) {
  fprintf(stderr, "send-frames: %s: %s\n", what, strerror(errno));
  return 1;
}

int main(int argc, char **argv) {
  static unsigned char frame[65536];
  unsigned char head[2];
  unsigned long sent = 0;
  struct sockaddr_ll to = {.sll_family = AF_PACKET};
  if (argc != 2) return 64;
  to.sll_ifindex = (int)if_nametoindex(argv[1]);
  if (to.sll_ifindex == 0) return fail(argv[1]);
  int out = socket(AF_PACKET, SOCK_RAW, 0);
  if (out < 0) return fail("opening a packet socket");
  while (fread(head, 1, 2, stdin) == 2) {
    size_t length = (size_t)head[0] << 8 | head[1];
    if (fread(frame, 1, length, stdin) != length) return fail("reading a frame");
    while (sendto(out, frame, length, 0, (struct sockaddr *)&to, sizeof to) < 0) {
      if (errno != ENOBUFS && errno != EINTR) return fail("sending a frame");
      usleep(200);
    }
    sent++;
  }
  printf("%lu\n", sent);
  return 0;
}
