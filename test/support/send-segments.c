/*
 * Sends and receives in segments, and says what the kernel counted of them:
 *
 *     send-segments tcp-receive ADDRESS PORT           one connection, until its end
 *     send-segments tcp-send ADDRESS PORT BYTES        and closes it
 *     send-segments udp-send ADDRESS PORT BYTES SEGMENT   one datagram that UDP_SEGMENT cuts
 *     send-segments offload DEVICE off                 sends nothing that it would have to cut
 *     send-segments offload DEVICE gro                 and puts together what it receives
 *
 * On standard output `ready` where it listens, and at the end the counters of TCP_INFO by their names, one a line.
 */
#include <arpa/inet.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* netinet/tcp.h has the states, and an older tcp_info. */
#define STATE_LAST_ACK 9
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

static char piece[65536];

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct addrinfo *resolve(const char *address, const char *port, int type) {
  struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found = NULL;
  if (getaddrinfo(address, port, &hints, &found) != 0) fail("getaddrinfo");
  return found;
}

static int open_socket(const struct addrinfo *to) {
  int fd = socket(to->ai_family, to->ai_socktype, 0);
  if (fd < 0) fail("socket");
  return fd;
}

static void print_counters(int fd) {
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) fail("TCP_INFO");
  printf("segs_out %u\nsegs_in %u\ndata_segs_out %u\ndata_segs_in %u\nbytes_sent %llu\nbytes_received %llu\n", info.tcpi_segs_out,
         info.tcpi_segs_in, info.tcpi_data_segs_out, info.tcpi_data_segs_in, (unsigned long long)info.tcpi_bytes_sent,
         (unsigned long long)info.tcpi_bytes_received);
}

/* Both ends have closed then, so all segments but the last acknowledgement are counted. */
static void read_to_end(int fd) {
  ssize_t got;
  while ((got = read(fd, piece, sizeof piece)) > 0) continue;
  if (got < 0) fail("read");
}

static void tcp_receive(const struct addrinfo *at) {
  int listening = open_socket(at), on = 1;
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listening, at->ai_addr, at->ai_addrlen) != 0 || listen(listening, 1) != 0) fail("listen");
  printf("ready\n");
  fflush(stdout);
  int fd = accept(listening, NULL, NULL);
  if (fd < 0) fail("accept");
  read_to_end(fd);
  shutdown(fd, SHUT_WR);
  struct tcp_info info;
  socklen_t length = sizeof info;
  do {
    usleep(1000);
    length = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) fail("TCP_INFO");
  } while (info.tcpi_state == STATE_LAST_ACK);
  print_counters(fd);
}

static void tcp_send(const struct addrinfo *to, size_t bytes) {
  int fd = open_socket(to);
  if (connect(fd, to->ai_addr, to->ai_addrlen) != 0) fail("connect");
  while (bytes > 0) {
    ssize_t sent = write(fd, piece, bytes < sizeof piece ? bytes : sizeof piece);
    if (sent < 0) fail("write");
    bytes -= (size_t)sent;
  }
  shutdown(fd, SHUT_WR);
  read_to_end(fd);
  print_counters(fd);
}

static void udp_send(const struct addrinfo *to, size_t bytes, int segment) {
  int fd = open_socket(to);
  if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof segment) != 0) fail("UDP_SEGMENT");
  if (sendto(fd, piece, bytes, 0, to->ai_addr, to->ai_addrlen) != (ssize_t)bytes) fail("sendto");
}

static void set_feature(const char *device, unsigned command, unsigned value) {
  struct ethtool_value asked = {command, value};
  struct ifreq request = {.ifr_data = (void *)&asked};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  strncpy(request.ifr_name, device, IFNAMSIZ - 1);
  if (fd < 0 || ioctl(fd, SIOCETHTOOL, &request) != 0) fail("SIOCETHTOOL");
  close(fd);
}

static void set_offload(const char *device, int joins) {
  set_feature(device, ETHTOOL_STSO, 0);
  set_feature(device, ETHTOOL_SGSO, 0);
  set_feature(device, ETHTOOL_SGRO, joins);
}

int main(int count, char **words) {
  if (count < 4) return 64;
  if (strcmp(words[1], "offload") == 0) {
    set_offload(words[2], strcmp(words[3], "gro") == 0);
    return 0;
  }
  int is_udp = strcmp(words[1], "udp-send") == 0;
  const struct addrinfo *address = resolve(words[2], words[3], is_udp ? SOCK_DGRAM : SOCK_STREAM);
  if (strcmp(words[1], "tcp-receive") == 0) tcp_receive(address);
  else if (count == 5 && !is_udp) tcp_send(address, strtoul(words[4], NULL, 10));
  else if (count == 6 && is_udp) udp_send(address, strtoul(words[4], NULL, 10), atoi(words[5]));
  else return 64;
  return 0;
}
