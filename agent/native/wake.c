/*
 * File descriptors that end a wait beside the captures: events between threads, and sockets of others.
 */
#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* A counter that the kernel holds: who writes eight bytes to it wakes who waits for it. */
napi_value open_event(napi_env env, napi_callback_info info) {
  (void)info;
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return throw_errno(env, errno, "making an event");
  return number_of(env, fd);
}

/*
 * read(2) of a descriptor that never waits: 0 when there is nothing. Node.js throws then, and a thread that looks many times a
 * second spends more on errors than on all else.
 */
napi_value read_now(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  int32_t fd = 0;
  napi_typedarray_type type = napi_int8_array;
  size_t size = 0, offset = 0;
  void *bytes = NULL;
  napi_value buffer;
  if (arguments_of(env, info, 2, arguments) == NULL) return NULL;
  if (take_int32(env, arguments[0], "fileDescriptor", &fd) != 0) return NULL;
  if (napi_get_typedarray_info(env, arguments[1], &type, &size, &bytes, &buffer, &offset) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, NULL, "bytes must be an Uint8Array");
    return NULL;
  }
  ssize_t got;
  do {
    got = read(fd, bytes, size);
  } while (got < 0 && errno == EINTR);
  if (got < 0 && errno != EAGAIN) return throw_errno(env, errno, "reading a descriptor");
  return number_of(env, got < 0 ? 0 : (double)got);
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
