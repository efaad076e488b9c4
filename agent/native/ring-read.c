/* Reading a ring: the hot path, and what its socket says when there is nothing to read. */
#include "batch.h"
#include "ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define VLAN_TAG_BYTES 4
#define ADDRESS_OFFSET TPACKET_ALIGN(sizeof(struct tpacket3_hdr))

/* LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2, https://www.tcpdump.org/linktypes.html, in the network's byte order. */
struct cooked_header {
  uint16_t packet_type, hardware, address_length;
  uint8_t address[8];
  uint16_t protocol;
};
struct cooked_header_2 {
  uint16_t protocol, reserved;
  uint32_t interface_index;
  uint16_t hardware;
  uint8_t packet_type, address_length, address[8];
};
_Static_assert(sizeof(struct cooked_header) == 16 && sizeof(struct cooked_header_2) == 20, "as in a savefile");

/* ---- a packet: the hot path ---- */

/* A frame in three parts: what goes before a VLAN tag, the tag, the rest. */
struct parts {
  uint32_t first, tag, rest;
};

static uint32_t write_cooked(uint8_t *to, const struct ring *ring, const struct sockaddr_ll *address) {
  if (ring->link.data_link == DLT_LINUX_SLL2) {
    struct cooked_header_2 header = {address->sll_protocol, 0, htonl((uint32_t)address->sll_ifindex),
                                     htons(address->sll_hatype), address->sll_pkttype, address->sll_halen, {0}};
    memcpy(header.address, address->sll_addr, sizeof header.address);
    memcpy(to, &header, sizeof header);
    return sizeof header;
  }
  struct cooked_header header = {htons(address->sll_pkttype), htons(address->sll_hatype), htons(address->sll_halen), {0},
                                 address->sll_protocol};
  memcpy(header.address, address->sll_addr, sizeof header.address);
  memcpy(to, &header, sizeof header);
  return sizeof header;
}

static uint32_t write_tag(uint8_t *to, const struct tpacket3_hdr *packet) {
  int has_protocol = packet->hv1.tp_vlan_tpid != 0 && (packet->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
  uint16_t tag[2] = {htons(has_protocol ? packet->hv1.tp_vlan_tpid : ETHERTYPE_VLAN), htons((uint16_t)packet->hv1.tp_vlan_tci)};
  memcpy(to, tag, sizeof tag);
  return sizeof tag;
}

/* The frame as libpcap would hand it out: its cooked header written, its VLAN tag put back. Rare, so out of the way. */
static __attribute__((noinline)) uint32_t rebuild(const struct ring *ring, const struct tpacket3_hdr *packet, int has_tag,
                                                  uint32_t copy_bytes, uint8_t *to) {
  const uint8_t *frame = (const uint8_t *)packet + packet->tp_mac;
  const struct sockaddr_ll *address = (const void *)((const uint8_t *)packet + ADDRESS_OFFSET);
  uint8_t head[64];
  uint32_t head_bytes = 0, taken = 0;
  if (ring->link.is_cooked) head_bytes = write_cooked(head, ring, address);
  if (has_tag) {
    uint32_t offset = (uint32_t)ring->link.vlan_offset;
    /* Of an Ethernet frame the addresses go first; of a cooked one all but the protocol, which then stands behind the tag. */
    if (head_bytes == 0) {
      memcpy(head, frame, taken = offset);
      head_bytes = offset + write_tag(head + offset, packet);
    } else {
      memmove(head + offset + VLAN_TAG_BYTES, head + offset, head_bytes - offset);
      head_bytes += write_tag(head + offset, packet);
    }
  }
  uint32_t first = head_bytes < copy_bytes ? head_bytes : copy_bytes;
  uint32_t rest = packet->tp_snaplen - taken;
  if (rest > copy_bytes - first) rest = copy_bytes - first;
  memcpy(to, head, first);
  memcpy(to + first, frame + taken, rest);
  return first + rest;
}

/* What goes in front of the bytes of the ring. */
static uint32_t added_bytes(const struct ring *ring, int has_tag) {
  uint32_t cooked = 0;
  if (ring->link.is_cooked) {
    cooked = ring->link.data_link == DLT_LINUX_SLL2 ? sizeof(struct cooked_header_2) : sizeof(struct cooked_header);
  }
  return cooked + (has_tag ? VLAN_TAG_BYTES : 0);
}

/*
 * What the host sends over its loopback comes in again, and what it sends to a CAN bus, too: such a packet is taken when it
 * comes in.
 */
static int is_seen_twice(const struct ring *ring, const struct tpacket3_hdr *packet) {
  const struct sockaddr_ll *address = (const void *)((const uint8_t *)packet + ADDRESS_OFFSET);
  if (address->sll_pkttype != PACKET_OUTGOING) return 0;
  return address->sll_ifindex == ring->loopback_index || address->sll_hatype == ARPHRD_CAN;
}

/* Runs once per packet. The caller has made sure that the longest record fits. */
static inline void copy_packet(const struct ring *ring, const struct tpacket3_hdr *packet, struct batch *batch) {
  if (is_seen_twice(ring, packet)) return;
  int has_tag = ring->link.vlan_offset >= 0 &&
                (packet->hv1.tp_vlan_tci != 0 || (packet->tp_status & TP_STATUS_VLAN_VALID) != 0) &&
                packet->tp_snaplen >= (uint32_t)ring->link.vlan_offset;
  uint8_t *record = batch->bytes + batch->offset;
  uint32_t captured, wire = packet->tp_len, segmentation = 0;
  if (__builtin_expect(ring->link.is_cooked || has_tag, 0)) {
    captured = rebuild(ring, packet, has_tag, batch->copy_bytes, record + RECORD_HEADER_BYTES);
    wire += added_bytes(ring, has_tag);
  } else {
    captured = packet->tp_snaplen < batch->copy_bytes ? packet->tp_snaplen : batch->copy_bytes;
    memcpy(record + RECORD_HEADER_BYTES, (const uint8_t *)packet + packet->tp_mac, captured);
  }
  if (wire < captured) wire = captured;
  if (__builtin_expect(ring->tells_segments, 0)) segmentation = segmentation_of(packet, added_bytes(ring, has_tag));
  struct record_header header = {(double)packet->tp_sec, packet->tp_nsec, captured, wire, segmentation};
  memcpy(record, &header, sizeof header);
  batch->offset += record_bytes(captured);
  batch->count++;
}

/* ---- blocks ---- */

static struct tpacket_hdr_v1 *block_at(const struct ring *ring, uint32_t block) {
  return &((struct tpacket_block_desc *)(void *)(ring->memory + (size_t)block * ring->block_bytes))->hdr.bh1;
}

/* Answers 0 where the next block is still the kernel's. */
static int begin_block(struct ring *ring) {
  struct tpacket_hdr_v1 *block = block_at(ring, ring->block);
  if ((__atomic_load_n(&block->block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return 0;
  ring->packet = ring->memory + (size_t)ring->block * ring->block_bytes + block->offset_to_first_pkt;
  ring->packets_left = block->num_pkts;
  return 1;
}

static void end_block(struct ring *ring) {
  __atomic_store_n(&block_at(ring, ring->block)->block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
  ring->block = ring->block + 1 == ring->block_count ? 0 : ring->block + 1;
  ring->packet = NULL;
}

void read_ring(struct ring *ring, struct batch *batch) {
  size_t longest = record_bytes(batch->copy_bytes);
  for (;;) {
    if (ring->packet == NULL && !begin_block(ring)) return;
    for (; ring->packets_left > 0; ring->packets_left--) {
      if (batch->size - batch->offset < longest) return;
      const struct tpacket3_hdr *packet = (const void *)ring->packet;
      copy_packet(ring, packet, batch);
      ring->packet += packet->tp_next_offset;
    }
    end_block(ring);
  }
}

/* ---- when there is nothing to read ---- */

static const char *fail(struct ring *ring, const char *what, int number) {
  if (number == 0) snprintf(ring->failure, sizeof ring->failure, "%s", what);
  else snprintf(ring->failure, sizeof ring->failure, "%s: %s", what, strerror(number));
  return ring->failure;
}

/* The socket's error is taken off it, so that waiting does not spin. A link that went down says so once. */
static const char *socket_failure(struct ring *ring) {
  struct pollfd polled = {.fd = ring->fd, .events = POLLIN};
  int number = 0;
  socklen_t length = sizeof number;
  if (poll(&polled, 1, 0) <= 0) return NULL;
  if ((polled.revents & (POLLHUP | POLLNVAL)) != 0) return fail(ring, "Hangup on packet socket", 0);
  if ((polled.revents & POLLERR) == 0) return NULL;
  if (getsockopt(ring->fd, SOL_SOCKET, SO_ERROR, &number, &length) != 0) return fail(ring, "getsockopt failed", errno);
  if (number == ENETDOWN) ring->is_down = 1;
  return number == 0 || number == ENETDOWN ? NULL : fail(ring, "Error condition on packet socket", number);
}

const char *ring_failure(struct ring *ring) {
  const char *failure = socket_failure(ring);
  if (failure != NULL || !ring->is_down) return failure;
  struct sockaddr_ll address = {0};
  socklen_t length = sizeof address;
  struct ifreq request = {0};
  if (getsockname(ring->fd, (struct sockaddr *)&address, &length) != 0) return fail(ring, "getsockname failed", errno);
  if (address.sll_ifindex == -1) return fail(ring, "The interface disappeared", 0);
  strcpy(request.ifr_name, ring->device);
  if (ioctl(ring->fd, SIOCGIFFLAGS, &request) == 0) {
    ring->is_down = (request.ifr_flags & IFF_UP) == 0;
    return NULL;
  }
  return errno == ENODEV || errno == ENXIO ? fail(ring, "The interface disappeared", 0) : fail(ring, "Can't get flags", errno);
}
