/*
 * Filters of files that libpcap does not read: it compiles the expression for such a file, and says which packets match. A batch
 * is as agent/model/packet-batch.ts draws it, its frames in another buffer.
 */
#include "batch.h"
#include "capture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_HEADER_BYTES 24

/* What libpcap makes of a file depends on its header alone. Answers 0, or -1 with an exception pending. */
static int compile(napi_env env, struct capture *capture, void *header, const char *expression) {
  char error[PCAP_ERRBUF_SIZE] = "";
  FILE *file = fmemopen(header, FILE_HEADER_BYTES, "rb");
  if (file == NULL) {
    throw_errno(env, errno, "compiling a filter");
    return -1;
  }
  pcap_t *pcap = pcap_fopen_offline(file, error);
  if (pcap == NULL) {
    fclose(file);
    throw_coded(env, "PCAP_FORMAT", error);
    return -1;
  }
  int status = pcap_compile(pcap, &capture->program, expression, 1, PCAP_NETMASK_UNKNOWN);
  if (status != 0) throw_coded(env, "PCAP_FILTER", pcap_geterr(pcap));
  pcap_close(pcap);
  return status == 0 ? 0 : -1;
}

napi_value open_filter(napi_env env, napi_callback_info info) {
  napi_value arguments[2], buffer, result = NULL;
  napi_typedarray_type type = napi_int8_array;
  void *header = NULL;
  size_t size = 0, offset = 0;
  struct instance *instance = arguments_of(env, info, 2, arguments);
  if (instance == NULL) return NULL;
  if (napi_get_typedarray_info(env, arguments[0], &type, &size, &header, &buffer, &offset) != napi_ok ||
      type != napi_uint8_array || size != FILE_HEADER_BYTES) {
    napi_throw_type_error(env, NULL, "header must be an Uint8Array of 24 bytes");
    return NULL;
  }
  char *expression = malloc(FILTER_BYTES_MAX);
  struct capture *capture = calloc(1, sizeof *capture);
  if (expression == NULL || capture == NULL) {
    throw_errno(env, ENOMEM, "compiling a filter");
  } else if (take_string(env, arguments[1], "filter", expression, FILTER_BYTES_MAX) == 0 &&
             compile(env, capture, header, expression) == 0) {
    capture->fd = -1;
    result = hand_out(env, instance, capture);
    capture = NULL;
  }
  free(capture);
  free(expression);
  return result;
}

/* Moves the headers of the packets that match to the front; answers how many, or -1 where one is not inside `frames`. */
static int64_t keep_matching(const struct bpf_program *program, uint8_t *records, size_t count, const uint8_t *frames,
                             size_t frames_size) {
  int64_t kept = 0;
  for (size_t i = 0; i < count; i++) {
    struct record_header header;
    memcpy(&header, records + i * RECORD_HEADER_BYTES, sizeof header);
    if (header.frame > frames_size || header.captured_length > frames_size - header.frame) return -1;
    struct pcap_pkthdr packet = {.caplen = header.captured_length, .len = header.wire_length};
    if (pcap_offline_filter(program, &packet, frames + header.frame) == 0) continue;
    memcpy(records + (size_t)kept * RECORD_HEADER_BYTES, &header, sizeof header);
    kept++;
  }
  return kept;
}

napi_value filter_batch(napi_env env, napi_callback_info info) {
  napi_value arguments[4], buffer;
  void *records = NULL, *frames = NULL;
  size_t records_size = 0, frames_size = 0, offset = 0, count = 0;
  struct instance *instance = arguments_of(env, info, 4, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = handle_of(env, instance, arguments[0]);
  if (capture == NULL) return NULL;
  if (capture->program.bf_insns == NULL) return throw_coded(env, "ERR_CAPTURE_CLOSED", "the handle is no filter");
  if (napi_get_dataview_info(env, arguments[1], &records_size, &records, &buffer, &offset) != napi_ok ||
      napi_get_dataview_info(env, arguments[2], &frames_size, &frames, &buffer, &offset) != napi_ok) {
    napi_throw_type_error(env, NULL, "records and frames must be DataViews");
    return NULL;
  }
  if (take_size(env, arguments[3], "count", &count) != 0) return NULL;
  int64_t kept = count > records_size / RECORD_HEADER_BYTES
                     ? -1
                     : keep_matching(&capture->program, records, count, frames, frames_size);
  if (kept >= 0) return number_of(env, (double)kept);
  napi_throw_range_error(env, NULL, "the records do not fit their buffers");
  return NULL;
}
