/*
 * File descriptors that end a wait beside the captures: events between threads, and sockets of others.
 */
#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>

/* A counter that the kernel holds: who writes eight bytes to it wakes who waits for it. */
napi_value open_event(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return throw_errno(env, errno, "making an event");
  return number_of(env, fd);
}

/* A handle that has a descriptor to wait for and no packets; the descriptor stays its owner's. */
napi_value poll_descriptor(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int32_t fd = 0;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL || take_int32(env, arguments[0], "fileDescriptor", &fd) != 0) return NULL;
  struct capture *capture = calloc(1, sizeof *capture);
  if (capture == NULL) return throw_errno(env, ENOMEM, "waiting for a file descriptor");
  capture->pcap = pcap_open_dead(DLT_NULL, 0);
  capture->live = 1;
  capture->fd = fd;
  if (capture->pcap == NULL) {
    free(capture);
    return throw_errno(env, ENOMEM, "waiting for a file descriptor");
  }
  return hand_out(env, instance, capture);
}
