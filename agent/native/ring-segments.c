/*
 * What the kernel says of a frame that stands for several: one that the device or the kernel will cut (TSO, USO), or that the kernel
 * put together on its way in (GRO). Its words for that are the header of virtio_net(4) (VIRTIO 1.2, section 5.1.6), in front of the
 * frame. How long the headers are that each piece will have it does not say: its hdr_len is what lies in one piece of memory. They end where
 * the transport header does, which begins where its checksum does.
 */
#include "ring.h"

#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <string.h>

/* Some headers lack the youngest. */
#define GSO_UDP_SEGMENTS 5
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define IPV4_BYTES 20
#define IPV6_BYTES 40
#define EXTENSION_BYTES 8
#define UDP_BYTES 8
#define TCP_BYTES_MIN 20
#define TCP_LENGTH_AT 12
/* Bits of the word in a record. */
#define HEADER_BYTES_MAX 0x7fff
#define HAS_JUMBO_HEADER 0x8000

struct frame {
  const uint8_t *bytes;
  uint32_t captured;
  uint32_t ip; /* where the kernel says that the network header begins */
};

/* ---- where the transport header begins; 0 where that is not to be seen ---- */

static uint32_t behind_ipv4(const struct frame *frame, int protocol) {
  const uint8_t *header = frame->bytes + frame->ip;
  if (frame->captured < frame->ip + IPV4_BYTES || header[9] != protocol) return 0;
  return frame->ip + (header[0] & 15) * 4u;
}

static int is_extension(int protocol) {
  return protocol == 0 || protocol == 43 || protocol == 60;
}

static uint32_t behind_ipv6(const struct frame *frame, int wanted) {
  if (frame->captured < frame->ip + IPV6_BYTES) return 0;
  int protocol = frame->bytes[frame->ip + 6];
  uint32_t next = frame->ip + IPV6_BYTES;
  while (is_extension(protocol)) {
    if (frame->captured < next + EXTENSION_BYTES) return 0;
    protocol = frame->bytes[next];
    next += (frame->bytes[next + 1] + 1u) * EXTENSION_BYTES;
  }
  return protocol == wanted ? next : 0;
}

static uint32_t behind_ip(const struct frame *frame, int protocol) {
  if (frame->captured <= frame->ip) return 0;
  switch (frame->bytes[frame->ip] >> 4) {
    case 4: return behind_ipv4(frame, protocol);
    case 6: return behind_ipv6(frame, protocol);
    default: return 0;
  }
}

/* ---- what a record says ---- */

/* Of a header that was cut off as many bytes as it has at least. */
static uint32_t transport_bytes(const struct frame *frame, uint32_t at, int protocol) {
  if (protocol == PROTOCOL_UDP) return UDP_BYTES;
  if (frame->captured <= at + TCP_LENGTH_AT) return TCP_BYTES_MIN;
  return (frame->bytes[at + TCP_LENGTH_AT] >> 4) * 4u;
}

/* A packet of more than 64 KiB has a Hop-by-Hop header that says how long it is (RFC 2675), and its pieces have none. */
static int has_jumbo_header(const struct frame *frame) {
  const uint8_t *header = frame->bytes + frame->ip;
  if (frame->captured < frame->ip + IPV6_BYTES || header[0] >> 4 != 6) return 0;
  return header[4] == 0 && header[5] == 0 && header[6] == 0;
}

static uint32_t segmentation_by(const struct virtio_net_hdr *header, const struct frame *frame, uint32_t added_bytes) {
  int kind = header->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
  int protocol = kind == GSO_UDP_SEGMENTS ? PROTOCOL_UDP : PROTOCOL_TCP;
  if (kind == VIRTIO_NET_HDR_GSO_NONE || header->gso_size == 0) return 0;
  int knows_transport = (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) != 0;
  uint32_t transport = knows_transport ? header->csum_start : behind_ip(frame, protocol);
  uint32_t headers = transport + transport_bytes(frame, transport, protocol) + added_bytes;
  if (transport == 0 || headers > HEADER_BYTES_MAX) return 0;
  return (uint32_t)header->gso_size << 16 | (has_jumbo_header(frame) ? HAS_JUMBO_HEADER : 0) | headers;
}

uint32_t segmentation_of(const struct tpacket3_hdr *packet, uint32_t added_bytes) {
  const uint8_t *bytes = (const uint8_t *)packet + packet->tp_mac;
  struct virtio_net_hdr header;
  memcpy(&header, bytes - sizeof header, sizeof header);
  struct frame frame = {bytes, packet->tp_snaplen, (uint32_t)(packet->tp_net - packet->tp_mac)};
  return segmentation_by(&header, &frame, added_bytes);
}
