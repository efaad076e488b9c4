/*
 * What libpcap leaves open of a capture on `nflog:GROUP`, settled over its own netlink socket: the kernel takes a group's
 * configuration from no other. Requests go without asking for an answer, which would come between the packets.
 */
#include "capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

struct mode_attribute {
  struct nlattr header;
  struct nfulnl_msg_config_mode mode;
  uint16_t padding;
};
struct word_attribute {
  struct nlattr header;
  uint32_t value;
};
struct half_attribute {
  struct nlattr header;
  uint16_t value;
  uint16_t padding;
};

struct request {
  struct nlmsghdr header;
  struct nfgenmsg group;
  struct mode_attribute mode;
  struct word_attribute timeout;
  struct half_attribute flags;
};
_Static_assert(sizeof(struct request) == NLMSG_HDRLEN + 4 + 12 + 8 + 8, "attributes stand on multiples of four bytes");

static int configure(int fd, uint16_t group, uint32_t copy_bytes, uint32_t flush_centiseconds) {
  struct request request = {
    .header = {.nlmsg_len = sizeof request,
               .nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
               .nlmsg_flags = NLM_F_REQUEST},
    .group = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(group)},
    .mode = {.header = {NLA_HDRLEN + sizeof(struct nfulnl_msg_config_mode), NFULA_CFG_MODE},
             .mode = {.copy_range = htonl(copy_bytes), .copy_mode = NFULNL_COPY_PACKET}},
    .timeout = {.header = {NLA_HDRLEN + 4, NFULA_CFG_TIMEOUT}, .value = htonl(flush_centiseconds)},
    .flags = {.header = {NLA_HDRLEN + 2, NFULA_CFG_FLAGS}, .value = htons(NFULNL_CFG_F_SEQ)},
  };
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  ssize_t sent = sendto(fd, &request, sizeof request, 0, (struct sockaddr *)&kernel, sizeof kernel);
  return sent == (ssize_t)sizeof request ? 0 : -1;
}

napi_value tune_nflog(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  int32_t group = 0, copy_bytes = 0, flush_centiseconds = 0, receive_bytes = 0;
  struct instance *instance = arguments_of(env, info, 5, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = open_handle_of(env, instance, arguments[0]);
  if (capture == NULL) return NULL;
  if (take_int32(env, arguments[1], "group", &group) != 0) return NULL;
  if (take_int32(env, arguments[2], "copyBytes", &copy_bytes) != 0) return NULL;
  if (take_int32(env, arguments[3], "flushCentiseconds", &flush_centiseconds) != 0) return NULL;
  if (take_int32(env, arguments[4], "receiveBytes", &receive_bytes) != 0) return NULL;
  int on = 1;
  /* libpcap answers an empty socket with a failure, so it is asked only when something is pending. */
  capture->asks_first = 1;
  /* Any socket that wants times makes the kernel stamp every packet that arrives, once, for the ring and for NFLOG alike. */
  if (setsockopt(capture->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
      setsockopt(capture->fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes) != 0 ||
      configure(capture->fd, (uint16_t)group, (uint32_t)copy_bytes, (uint32_t)flush_centiseconds) != 0) {
    return throw_errno(env, errno, "configuring the NFLOG group");
  }
  return NULL;
}
