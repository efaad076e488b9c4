/* Making and ending a ring: what kind of link it is for, the socket and its memory. */
#include "ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* Some headers lack the youngest. */
#define ARPHRD_OF_RAW_IP 519
#define ARPHRD_OF_GRE_OVER_IPV6 823
#define ARPHRD_OF_NO_HEADER 0xfffe
#define VLAN_OFFSET_ETHERNET 12
#define VLAN_OFFSET_SLL 14
/* libpcap keeps a byte behind the longest cooked header. */
#define COOKED_SNAPSHOT_MIN 21
/* The kernel asks for a multiple of it and never looks: blocks hold packets of any length. */
#define NOMINAL_FRAME_BYTES 2048

void *ring_refusal(struct ring_error *error, const char *code, const char *doing, int number) {
  error->code = code;
  snprintf(error->text, sizeof error->text, "%s: %s", doing, strerror(number));
  return NULL;
}

static const char *code_of(int number) {
  switch (number) {
    case EPERM:
    case EACCES: return "PCAP_ERROR_PERM_DENIED";
    case ENODEV:
    case ENXIO: return "PCAP_ERROR_NO_SUCH_DEVICE";
    case ENETDOWN: return "PCAP_ERROR_IFACE_NOT_UP";
    case EAFNOSUPPORT:
    case ENOPROTOOPT:
    case EINVAL: return RING_UNSUPPORTED;
    default: return "PCAP_ERROR";
  }
}

static int refuse(struct ring_error *error, const char *doing) {
  int number = errno;
  ring_refusal(error, code_of(number), doing, number);
  return -1;
}

/* ---- the link ---- */

/* A switch's own port carries tags of the switch in front of the Ethernet type, which libpcap knows by kind. */
static int is_switch_port(const char *device) {
  char path[64];
  snprintf(path, sizeof path, "/sys/class/net/%s/dsa/tagging", device);
  return access(path, F_OK) == 0;
}

/* Names by which libpcap knows devices that claim to be Ethernet and are not. */
static int is_disguised(const char *device) {
  return strncmp(device, "cdma_rmnet", 10) == 0 || strncmp(device, "isdn", 4) == 0 || strncmp(device, "isdY", 4) == 0;
}

/* The kinds of links of ARPHRD_ numbers (net/if_arp.h) that a ring is for; 0, or -1 for those that are left to libpcap. */
static int link_of(int hardware, const char *device, struct link *link) {
  *link = (struct link){.vlan_offset = -1};
  switch (hardware) {
    case ARPHRD_ETHER:
      if (is_disguised(device) || is_switch_port(device)) return -1;
      /* fall through */
    case ARPHRD_LOOPBACK:
      link->data_link = DLT_EN10MB;
      link->vlan_offset = VLAN_OFFSET_ETHERNET;
      return 0;
    case ARPHRD_OF_NO_HEADER:
    case ARPHRD_TUNNEL:
    case ARPHRD_SIT:
      link->data_link = DLT_RAW;
      return 0;
    case ARPHRD_PPP:
    case ARPHRD_TUNNEL6:
    case ARPHRD_IPGRE:
    case ARPHRD_OF_GRE_OVER_IPV6:
    case ARPHRD_OF_RAW_IP:
      link->data_link = DLT_LINUX_SLL;
      link->is_cooked = 1;
      link->vlan_offset = VLAN_OFFSET_SLL;
      return 0;
    case ARPHRD_IEEE80211: link->data_link = DLT_IEEE802_11; return 0;
    case ARPHRD_IEEE80211_PRISM: link->data_link = DLT_PRISM_HEADER; return 0;
    case ARPHRD_IEEE80211_RADIOTAP: link->data_link = DLT_IEEE802_11_RADIO; return 0;
    default: return -1;
  }
}

/* Answers the interface's number, 0 for `any`, or -1 with `error` filled. */
static int find_interface(int fd, const struct ring_options *options, struct ring *ring, struct ring_error *error) {
  struct ifreq request = {0};
  strcpy(request.ifr_name, "lo");
  ring->loopback_index = ioctl(fd, SIOCGIFINDEX, &request) == 0 ? request.ifr_ifindex : -1;
  if (ring->is_any) {
    int is_second = options->data_link == DLT_LINUX_SLL2;
    ring->link = (struct link){is_second ? DLT_LINUX_SLL2 : DLT_LINUX_SLL, 1, is_second ? -1 : VLAN_OFFSET_SLL};
    return 0;
  }
  strcpy(request.ifr_name, ring->device);
  if (ioctl(fd, SIOCGIFHWADDR, &request) != 0) return refuse(error, "asking for the kind of link");
  if (link_of(request.ifr_hwaddr.sa_family, ring->device, &ring->link) != 0) {
    ring_refusal(error, RING_UNSUPPORTED, "looking at the kind of link", EPROTONOSUPPORT);
    return -1;
  }
  if (ioctl(fd, SIOCGIFINDEX, &request) != 0) return refuse(error, "asking for the interface's number");
  return request.ifr_ifindex;
}

/* ---- the socket ---- */

/* A socket that nothing comes into before it is bound; for a cooked link, one that leaves the header away. */
static int open_socket(const struct ring_options *options, struct ring *ring, struct ring_error *error) {
  int fd = socket(AF_PACKET, (ring->is_any ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC, 0);
  if (fd < 0) return refuse(error, "socket");
  ring->fd = fd;
  int index = find_interface(fd, options, ring, error);
  if (ring->link.is_cooked && ring->snapshot < COOKED_SNAPSHOT_MIN) ring->snapshot = COOKED_SNAPSHOT_MIN;
  if (index < 0 || ring->is_any || !ring->link.is_cooked) return index;
  close(fd);
  ring->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return ring->fd < 0 ? refuse(error, "socket") : index;
}

/* The kernel puts it in front of a frame from its link layer's header on, so never of a cooked one. */
static int ask_for_segments(struct ring *ring, struct ring_error *error) {
  int on = 1;
  if (setsockopt(ring->fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0) return refuse(error, "setsockopt (PACKET_VNET_HDR)");
  ring->tells_segments = 1;
  return 0;
}

static int prepare_socket(const struct ring_options *options, struct ring *ring, int index, struct ring_error *error) {
  int version = TPACKET_V3;
  int on = 1;
  struct packet_mreq membership = {.mr_ifindex = index, .mr_type = PACKET_MR_PROMISC};
  if (setsockopt(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0) {
    return refuse(error, "choosing the version of the packet ring");
  }
  if (options->tells_segments && ask_for_segments(ring, error) != 0) return -1;
  /* The time of a packet is that of its arrival, not of its turn in the ring. */
  if (setsockopt(ring->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0) return refuse(error, "asking for times");
  if (options->is_promiscuous && !ring->is_any &&
      setsockopt(ring->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) != 0) {
    return refuse(error, "setsockopt (PACKET_ADD_MEMBERSHIP)");
  }
  return attach_filter(ring->fd, &ring->link, ring->snapshot, options->filter, error);
}

/* A kernel without that much memory in blocks gives a smaller ring. */
static int make_memory(const struct ring_options *options, struct ring *ring, struct ring_error *error) {
  struct tpacket_req3 request = {
    .tp_block_size = (unsigned)options->block_bytes,
    .tp_block_nr = (unsigned)(options->ring_bytes / options->block_bytes),
    .tp_frame_size = NOMINAL_FRAME_BYTES,
    .tp_retire_blk_tov = (unsigned)options->timeout_ms,
  };
  for (;; request.tp_block_nr /= 2) {
    request.tp_frame_nr = request.tp_block_size / NOMINAL_FRAME_BYTES * request.tp_block_nr;
    if (setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) == 0) break;
    if (errno != ENOMEM || request.tp_block_nr < 4) return refuse(error, "can't create rx ring on packet socket");
  }
  ring->block_bytes = request.tp_block_size;
  ring->block_count = request.tp_block_nr;
  ring->bytes = (size_t)request.tp_block_size * request.tp_block_nr;
  ring->memory = mmap(NULL, ring->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
  if (ring->memory != MAP_FAILED) return 0;
  ring->memory = NULL;
  return refuse(error, "can't mmap rx ring");
}

/* From here on packets come. An interface that is down is bound to all the same, and only the socket's error says so. */
static int bind_socket(const struct ring *ring, int index, struct ring_error *error) {
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = index};
  int pending = 0;
  socklen_t length = sizeof pending;
  if (bind(ring->fd, (struct sockaddr *)&address, sizeof address) != 0) return refuse(error, "bind");
  if (getsockopt(ring->fd, SOL_SOCKET, SO_ERROR, &pending, &length) != 0) return refuse(error, "bind");
  errno = pending;
  return pending == 0 ? 0 : refuse(error, "bind");
}

static int open_parts(const struct ring_options *options, struct ring *ring, struct ring_error *error) {
  int index = open_socket(options, ring, error);
  if (index < 0 || prepare_socket(options, ring, index, error) != 0) return -1;
  if (make_memory(options, ring, error) != 0 || bind_socket(ring, index, error) != 0) return -1;
  ring->counts_interface_drops = options->is_promiscuous && !ring->is_any;
  struct pcap_stat first;
  ring_statistics(ring, &first);
  ring->totals.ps_ifdrop = 0;
  return 0;
}

struct ring *open_ring(const struct ring_options *options, struct ring_error *error) {
  if (strlen(options->device) >= IFNAMSIZ) return ring_refusal(error, "PCAP_ERROR_NO_SUCH_DEVICE", "open", ENODEV);
  struct ring *ring = calloc(1, sizeof *ring);
  if (ring == NULL) return ring_refusal(error, "PCAP_ERROR", "opening an interface", ENOMEM);
  ring->fd = -1;
  ring->snapshot = options->snap_bytes;
  ring->is_any = strcmp(options->device, "any") == 0;
  strcpy(ring->device, options->device);
  if (open_parts(options, ring, error) == 0) return ring;
  close_ring(ring);
  return NULL;
}

void close_ring(void *what) {
  struct ring *ring = what;
  if (ring->memory != NULL) munmap(ring->memory, ring->bytes);
  if (ring->fd >= 0) close(ring->fd);
  free(ring);
}

int ring_missing(void) {
  int version = TPACKET_V3;
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno == EPERM || errno == EACCES ? 0 : errno;
  int number = setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) == 0 ? 0 : errno;
  close(fd);
  return number;
}

/* ---- what it counts ---- */

static uint32_t interface_counter(const char *device, const char *name) {
  char path[96], text[32] = "";
  snprintf(path, sizeof path, "/sys/class/net/%s/statistics/%s", device, name);
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  if (fgets(text, sizeof text, file) == NULL) text[0] = '\0';
  fclose(file);
  return (uint32_t)strtoull(text, NULL, 10);
}

int ring_statistics(struct ring *ring, struct pcap_stat *now) {
  struct tpacket_stats_v3 since_last;
  socklen_t length = sizeof since_last;
  if (getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &since_last, &length) != 0) return -1;
  /* Reading them sets them to zero; the packets are those that were dropped, too. */
  ring->totals.ps_recv += since_last.tp_packets;
  ring->totals.ps_drop += since_last.tp_drops;
  if (ring->counts_interface_drops) {
    uint32_t drops = interface_counter(ring->device, "rx_missed_errors") + interface_counter(ring->device, "rx_fifo_errors");
    ring->totals.ps_ifdrop += drops - ring->interface_drops;
    ring->interface_drops = drops;
  }
  *now = ring->totals;
  return 0;
}
