/*
 * Opening a ring of our own on an interface. libpcap compiles what it is to filter: on an interface it makes other programs than
 * for a file, because the kernel has taken off what a frame had in front (VLAN tags), and only an open capture makes them.
 */
#include "capture.h"
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A block of the longest frames: a ring of less has no block, and libpcap makes it for ever. */
#define COMPILING_BYTES 524288

/* Compiles on the smallest capture that libpcap opens. Answers 0, or -1 with an exception pending. */
static int compile(napi_env env, struct instance *instance, struct live_options *options, struct bpf_program *program) {
  options->buffer_bytes = COMPILING_BYTES;
  options->immediate = true;
  options->promiscuous = false;
  struct capture *capture = activate(env, options);
  if (capture == NULL) return -1;
  int status = pcap_compile(capture->pcap, program, options->filter, 1, PCAP_NETMASK_UNKNOWN);
  if (status != 0) throw_coded(env, "PCAP_FILTER", pcap_geterr(capture->pcap));
  close_capture(instance, capture);
  if (capture->closing != NULL) forget_closing(instance->closer, capture->closing);
  free(capture);
  return status;
}

/* Answers NULL with an exception pending. */
static struct ring *open_with(napi_env env, struct instance *instance, struct live_options *options, int32_t block_bytes,
                              bool tells_segments) {
  struct bpf_program program = {0};
  struct ring_error error;
  struct ring_options wanted = {
    .device = options->device,
    .snap_bytes = options->snap_bytes,
    .ring_bytes = options->buffer_bytes,
    .block_bytes = block_bytes,
    .timeout_ms = options->timeout_ms,
    .data_link = options->data_link,
    .is_promiscuous = options->promiscuous,
    .tells_segments = tells_segments,
  };
  if (options->filter[0] != '\0') {
    if (compile(env, instance, options, &program) != 0) return NULL;
    wanted.filter = &program;
  }
  struct ring *ring = open_ring(&wanted, &error);
  pcap_freecode(&program);
  if (ring == NULL) throw_coded(env, error.code, error.text);
  return ring;
}

static napi_value hand_out_ring(napi_env env, struct instance *instance, struct ring *ring) {
  struct capture *capture = calloc(1, sizeof *capture);
  if (capture == NULL) {
    close_ring(ring);
    return throw_errno(env, ENOMEM, "opening an interface");
  }
  capture->ring = ring;
  capture->live = 1;
  capture->fd = ring->fd;
  return hand_out(env, instance, capture);
}

napi_value open_ring_capture(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t block_bytes = 0;
  bool tells_segments = false;
  struct instance *instance = arguments_of(env, info, 3, arguments);
  if (instance == NULL || take_int32(env, arguments[1], "blockBytes", &block_bytes) != 0) return NULL;
  if (napi_get_value_bool(env, arguments[2], &tells_segments) != napi_ok) {
    napi_throw_type_error(env, NULL, "tellsSegments must be a boolean");
    return NULL;
  }
  struct live_options *options = take_live_options(env, arguments[0]);
  if (options == NULL) return NULL;
  struct ring *ring = NULL;
  if (block_bytes < 1 || options->buffer_bytes < block_bytes || options->snap_bytes < 1) {
    napi_throw_range_error(env, NULL, "the ring must hold a block, and a block bytes of frames");
  } else {
    ring = open_with(env, instance, options, block_bytes, tells_segments);
  }
  free(options);
  return ring == NULL ? NULL : hand_out_ring(env, instance, ring);
}

napi_value ring_refusal_here(napi_env env, napi_callback_info info) {
  (void)info;
  int number = ring_missing();
  return number == 0 ? NULL : string_of(env, strerror(number));
}
