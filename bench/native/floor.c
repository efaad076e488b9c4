/*
 * floor: what a capture tool costs at the very least.
 *
 *   floor count     (-r FILE | -i INTERFACE)   libpcap with a callback that only counts
 *   floor aggregate (-r FILE | -i INTERFACE)   the same, and every 5-tuple in one hash table, in one pass
 *
 * At the end of the file, or at SIGINT or SIGTERM, it prints one line of JSON: packets and, of `aggregate`, what the flows
 * of its table add up to. It keeps no windows, no times and no flags, and writes no records.
 */
#include <pcap/pcap.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_BYTES (64 << 20)
#define SNAP_BYTES 128
#define RETIRE_MS 100

/* One cache line. A slot is free while it has no packets. */
struct slot {
  uint32_t source[4];
  uint32_t destination[4];
  uint32_t ports;
  uint32_t protocol_and_family;
  uint64_t packets;
  uint64_t bytes;
  uint64_t hash;
};

static struct slot *table;
static uint64_t slots, flows, packets;
static volatile sig_atomic_t over;
static pcap_t *capture;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "floor: %s: %s\n", what, why);
  exit(1);
}

static void allocate(uint64_t count) {
  slots = count;
  table = mmap(NULL, count * sizeof *table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (table == MAP_FAILED) fail("table", "out of memory");
}

static void grow(void) {
  struct slot *old = table;
  uint64_t count = slots;
  allocate(2 * count);
  for (uint64_t i = 0; i < count; i++) {
    if (old[i].packets == 0) continue;
    uint64_t at = old[i].hash & (slots - 1);
    while (table[at].packets != 0) at = (at + 1) & (slots - 1);
    table[at] = old[i];
  }
  munmap(old, count * sizeof *old);
}

static uint64_t fold(uint64_t a, uint64_t b) {
  __uint128_t product = (__uint128_t)(a ^ 0x2d358dccaa6c78a5ULL) * (b ^ 0x8bb84b93962eacc9ULL);
  return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_of(const struct slot *key) {
  uint64_t words[5];
  memcpy(words, key, sizeof words);
  return fold(fold(words[0], words[1]) ^ words[4], fold(words[2], words[3]));
}

static void add(const struct slot *key, uint32_t bytes) {
  uint64_t hash = hash_of(key);
  uint64_t at = hash & (slots - 1);
  while (table[at].packets != 0) {
    if (table[at].hash == hash && memcmp(&table[at], key, 40) == 0) {
      table[at].packets += 1;
      table[at].bytes += bytes;
      return;
    }
    at = (at + 1) & (slots - 1);
  }
  memcpy(&table[at], key, 40);
  table[at].hash = hash;
  table[at].packets = 1;
  table[at].bytes = bytes;
  if (++flows > slots / 2) grow();
}

static void count_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *frame) {
  (void)user, (void)header, (void)frame;
  packets++;
}

/* Ethernet with IPv4 or IPv6 right behind it, which is all that the benchmarks send. */
static void aggregate_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *frame) {
  (void)user;
  packets++;
  struct slot key = {0};
  uint32_t at, bytes;
  uint8_t protocol;
  if (header->caplen >= 34 && frame[12] == 0x08 && frame[13] == 0x00) {
    protocol = frame[23];
    memcpy(key.source, frame + 26, 4);
    memcpy(key.destination, frame + 30, 4);
    bytes = (uint32_t)frame[16] << 8 | frame[17];
    at = 14 + (frame[14] & 15) * 4;
    key.protocol_and_family = protocol;
  } else if (header->caplen >= 54 && frame[12] == 0x86 && frame[13] == 0xdd) {
    protocol = frame[20];
    memcpy(key.source, frame + 22, 16);
    memcpy(key.destination, frame + 38, 16);
    bytes = 40 + ((uint32_t)frame[18] << 8 | frame[19]);
    at = 54;
    key.protocol_and_family = 0x100 | protocol;
  } else {
    return;
  }
  if ((protocol == 6 || protocol == 17) && header->caplen >= at + 4) memcpy(&key.ports, frame + at, 4);
  add(&key, bytes);
}

static void stop(int signal_number) {
  (void)signal_number;
  over = 1;
  if (capture != NULL) pcap_breakloop(capture);
}

static pcap_t *open_live(const char *interface_name) {
  char error[PCAP_ERRBUF_SIZE];
  struct bpf_program everything;
  pcap_t *live = pcap_create(interface_name, error);
  if (live == NULL) fail(interface_name, error);
  pcap_set_snaplen(live, SNAP_BYTES);
  pcap_set_timeout(live, RETIRE_MS);
  pcap_set_buffer_size(live, RING_BYTES);
  if (pcap_activate(live) < 0) fail(interface_name, pcap_geterr(live));
  /* Without any filter the kernel copies whole frames, whatever the snapshot length. */
  if (pcap_compile(live, &everything, "", 1, PCAP_NETMASK_UNKNOWN) < 0 || pcap_setfilter(live, &everything) < 0)
    fail(interface_name, pcap_geterr(live));
  return live;
}

int main(int argc, char **argv) {
  if (argc != 4 || (strcmp(argv[2], "-r") != 0 && strcmp(argv[2], "-i") != 0)) {
    fprintf(stderr, "usage: floor count|aggregate (-r FILE | -i INTERFACE)\n");
    return 64;
  }
  char error[PCAP_ERRBUF_SIZE];
  int is_live = strcmp(argv[2], "-i") == 0;
  pcap_handler handler = strcmp(argv[1], "aggregate") == 0 ? aggregate_packet : count_packet;
  struct sigaction action = {.sa_handler = stop};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  allocate(1 << 16);
  capture = is_live ? open_live(argv[3]) : pcap_open_offline(argv[3], error);
  if (capture == NULL) fail(argv[3], error);
  if (!is_live) pcap_loop(capture, -1, handler, NULL);
  while (is_live && !over && pcap_dispatch(capture, -1, handler, NULL) != PCAP_ERROR)
    ;
  if (is_live) {
    /* What waits in the ring is drained; a quiet ring gives its last block after the timeout. */
    pcap_setnonblock(capture, 1, error);
    for (int quiet = 0; quiet < 20;) {
      if (pcap_dispatch(capture, -1, handler, NULL) > 0) quiet = 0;
      else quiet++, usleep(10000);
    }
  }
  uint64_t metered = 0, bytes = 0;
  for (uint64_t i = 0; i < slots; i++) metered += table[i].packets, bytes += table[i].bytes;
  printf("{\"offered\":%lu,\"packets\":%lu,\"bytes\":%lu,\"records\":%lu}\n", packets,
         handler == count_packet ? packets : metered, bytes, flows);
  return 0;
}
