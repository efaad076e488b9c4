/*
 * A netlink(7) socket, which Node.js cannot make: the rest is read(2) and write(2) on its descriptor, which it has. One read
 * is one datagram.
 */
#include "addon.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A group is a bit of a word for all families of old, and a number for newer groups: numbers reach all. */
static int join_groups(napi_env env, napi_value groups, int fd) {
  uint32_t count = 0;
  if (napi_get_array_length(env, groups, &count) != napi_ok) {
    napi_throw_type_error(env, NULL, "groups must be an array");
    return -1;
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value element = NULL;
    int32_t group = 0;
    if (napi_get_element(env, groups, i, &element) != napi_ok) return -1;
    if (take_int32(env, element, "group", &group) != 0) return -1;
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
      throw_errno(env, errno, "joining a netlink group");
      return -1;
    }
  }
  return 0;
}

/* The kernel doubles what is asked for, and counts its own overhead in it; 0 leaves what every socket has. */
static int prepare(napi_env env, int fd, int32_t receive_bytes) {
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  if (receive_bytes > 0 &&
      setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes) != 0) {
    throw_errno(env, errno, "sizing the buffer of a netlink socket");
    return -1;
  }
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    throw_errno(env, errno, "binding a netlink socket");
    return -1;
  }
  return 0;
}

napi_value open_netlink(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t protocol = 0;
  int32_t receive_bytes = 0;
  if (arguments_of(env, info, 3, arguments) == NULL) return NULL;
  if (take_int32(env, arguments[0], "protocol", &protocol) != 0) return NULL;
  if (take_int32(env, arguments[2], "receiveBytes", &receive_bytes) != 0) return NULL;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (fd < 0) return throw_errno(env, errno, "making a netlink socket");
  if (prepare(env, fd, receive_bytes) != 0 || join_groups(env, arguments[1], fd) != 0) {
    close(fd);
    return NULL;
  }
  return number_of(env, fd);
}
