/*
 * Ending what comes into a capture while its ring stays to be read. A filter that takes nothing is put on the socket beside
 * libpcap, whose own pcap_setfilter would apply it to what the ring holds, too.
 */
#include "capture.h"

#include <linux/filter.h>
#include <sys/socket.h>

napi_value stop_intake(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  napi_value result = NULL;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = open_handle_of(env, instance, arguments[0]);
  if (capture == NULL) return NULL;
  struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
  struct sock_fprog program = {.len = 1, .filter = &nothing};
  int fd = packet_socket_of(capture);
  bool stopped = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
  napi_get_boolean(env, stopped, &result);
  return result;
}
