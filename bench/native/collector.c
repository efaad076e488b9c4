/*
 * collector PORT: a NetFlow v9 collector (RFC 3954) that keeps nothing but sums. At SIGTERM it takes what still waits in its
 * socket and prints one line of JSON: packets, bytes and records of all data records.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define IN_BYTES 1
#define IN_PKTS 2
#define TEMPLATES 64
#define BUFFER_BYTES (512 << 20)

/* Where the two counters stand in the records of a template; a width of 0 is "not there". */
struct template {
  unsigned id, record_bytes;
  unsigned bytes_at, bytes_width, packets_at, packets_width;
};

static struct template templates[TEMPLATES];
static unsigned known;
static uint64_t packets, bytes, records;
static volatile sig_atomic_t over;

static void stop(int signal_number) {
  (void)signal_number;
  over = 1;
}

static unsigned word(const uint8_t *at) { return (unsigned)at[0] << 8 | at[1]; }

static uint64_t number(const uint8_t *at, unsigned width) {
  uint64_t value = 0;
  while (width-- > 0) value = value << 8 | *at++;
  return value;
}

static struct template *find(unsigned id) {
  for (unsigned i = 0; i < known; i++)
    if (templates[i].id == id) return &templates[i];
  return NULL;
}

static void read_templates(const uint8_t *at, const uint8_t *end) {
  while (at + 4 <= end) {
    unsigned fields = word(at + 2);
    struct template read = {.id = word(at)};
    at += 4;
    for (; fields > 0 && at + 4 <= end; fields--, at += 4) {
      unsigned type = word(at), width = word(at + 2);
      if (type == IN_BYTES) read.bytes_at = read.record_bytes, read.bytes_width = width;
      if (type == IN_PKTS) read.packets_at = read.record_bytes, read.packets_width = width;
      read.record_bytes += width;
    }
    struct template *slot = find(read.id);
    if (slot == NULL && known < TEMPLATES) slot = &templates[known++];
    if (slot != NULL) *slot = read;
  }
}

static void read_data(const struct template *template, const uint8_t *at, const uint8_t *end) {
  if (template->record_bytes == 0 || template->packets_width == 0) return;
  for (; at + template->record_bytes <= end; at += template->record_bytes) {
    packets += number(at + template->packets_at, template->packets_width);
    bytes += number(at + template->bytes_at, template->bytes_width);
    records++;
  }
}

static void read_message(const uint8_t *message, size_t length) {
  if (length < 20 || word(message) != 9) return;
  const uint8_t *end = message + length;
  for (const uint8_t *set = message + 20; set + 4 <= end;) {
    unsigned id = word(set), set_bytes = word(set + 2);
    if (set_bytes < 4 || set + set_bytes > end) return;
    const struct template *template = id > 255 ? find(id) : NULL;
    if (id == 0) read_templates(set + 4, set + set_bytes);
    else if (template != NULL) read_data(template, set + 4, set + set_bytes);
    set += set_bytes;
  }
}

int main(int argc, char **argv) {
  if (argc != 2) return 64;
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  int sock = socket(AF_INET, SOCK_DGRAM, 0);
  int room = BUFFER_BYTES;
  if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0)
    setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  struct timeval patience = {.tv_usec = 100000};
  setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(sock, (struct sockaddr *)&address, sizeof address) != 0) {
    perror("collector");
    return 69;
  }
  printf("ready\n");
  fflush(stdout);
  static uint8_t message[65536];
  for (;;) {
    ssize_t length = recv(sock, message, sizeof message, 0);
    if (length > 0) read_message(message, (size_t)length);
    else if (over) break;
  }
  printf("{\"packets\":%lu,\"bytes\":%lu,\"records\":%lu}\n", packets, bytes, records);
  return 0;
}
