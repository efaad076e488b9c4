/*
 * A packet ring of our own: a socket of packet(7) whose TPACKET_V3 blocks this process maps. The kernel fills one block after
 * the other and hands each over when it is full, or when its time is over. ring.c makes and ends it, ring-read.c copies what it
 * holds into batches, ring-filter.c has the kernel filter.
 *
 *     | block 0                        | block 1 ...
 *     | status, count, first | packet  | packet ... |
 *                             \ tpacket3_hdr, sockaddr_ll, frame from the link layer's header on, less a VLAN tag
 *
 * A cooked ring is for links whose own header says nothing or varies: the kernel leaves it away, and ring-read.c writes the
 * header of LINKTYPE_LINUX_SLL or LINKTYPE_LINUX_SLL2 from the address.
 */
#ifndef FLOWLOGD_RING_H
#define FLOWLOGD_RING_H

#include <net/if.h>
#include <pcap/pcap.h>
#include <stddef.h>
#include <stdint.h>

struct batch;
struct tpacket3_hdr;

/* An interface's link as libpcap would capture it. */
struct link {
  int data_link; /* DLT_ value */
  int is_cooked;
  int vlan_offset; /* where in the frame libpcap puts a VLAN tag back; -1 where it does not */
};

struct ring {
  int fd;
  uint8_t *memory;
  size_t bytes;
  uint32_t block_bytes;
  uint32_t block_count;
  uint32_t block;        /* the next to be read */
  const uint8_t *packet; /* the next in it; NULL where the block was not begun */
  uint32_t packets_left; /* in it, from there on */
  struct link link;
  int snapshot;
  int loopback_index;
  int is_any;
  int tells_segments; /* a header of virtio_net(4) stands in front of each frame */
  int is_down; /* since the socket said so */
  int counts_interface_drops;
  uint32_t interface_drops; /* when last asked */
  struct pcap_stat totals;
  char device[IFNAMSIZ];
  char failure[128];
};

struct ring_options {
  const char *device;
  int32_t snap_bytes, ring_bytes, block_bytes, timeout_ms, data_link;
  int is_promiscuous;
  int tells_segments;
  const struct bpf_program *filter; /* NULL takes every packet */
};

/* What of opening failed: a code for JavaScript, and words. */
struct ring_error {
  const char *code;
  char text[160];
};

/* Where libpcap is the better one to ask: a kind of link, filter or kernel that no ring of ours is for. */
#define RING_UNSUPPORTED "RING_UNSUPPORTED"

/* Answers NULL with `error` filled. */
struct ring *open_ring(const struct ring_options *options, struct ring_error *error);
void close_ring(void *ring);

/* Why the kernel makes none, as an errno; 0 where it does, or this process may not ask. */
int ring_missing(void);

/*
 * How a frame that stands for several is cut on the wire, as model/packet-batch.ts draws it; 0 for one that stands for itself. Of a ring
 * that tells. `added_bytes` will stand in front of the frame's own.
 */
uint32_t segmentation_of(const struct tpacket3_hdr *packet, uint32_t added_bytes);
/* Copies what is there and fits; never waits. */
void read_ring(struct ring *ring, struct batch *batch);
/* Why no more comes, in libpcap's words, or NULL. An interface that is down may come up again. */
const char *ring_failure(struct ring *ring);
/* libpcap's counters, which wrap at 32 bits. Answers 0, or -1. */
int ring_statistics(struct ring *ring, struct pcap_stat *now);

/* Leaves `error` filled and answers NULL, for who has more to say. */
void *ring_refusal(struct ring_error *error, const char *code, const char *doing, int number);
/* Has the kernel take the packets of the program alone, each cut at the snapshot length. Answers 0, or -1 with `error` filled. */
int attach_filter(int fd, const struct link *link, int snapshot, const struct bpf_program *program, struct ring_error *error);

#endif
