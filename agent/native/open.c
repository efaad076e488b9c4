/*
 * Ending captures, and opening files, literally: what to open and what to do about an error is decided in TypeScript.
 */
#include "capture.h"
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096
#define SAVEFILE_BUFFER_BYTES 262144

/* ---- life of a handle ---- */

int packet_socket_of(const struct capture *capture) {
  int fd = capture->ring != NULL ? capture->ring->fd : pcap_fileno(capture->pcap);
  int domain = 0;
  socklen_t length = sizeof domain;
  int is_packet = fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_PACKET;
  return is_packet ? fd : -1;
}

static void close_now(struct capture *capture) {
  if (capture->pcap != NULL) pcap_close(capture->pcap);
  capture->pcap = NULL;
  if (capture->ring != NULL) close_ring(capture->ring);
  capture->ring = NULL;
  if (capture->file != NULL) fclose(capture->file);
  capture->file = NULL;
  free(capture->file_buffer);
  capture->file_buffer = NULL;
  pcap_freecode(&capture->program);
}

void discard_capture(struct capture *capture) {
  close_now(capture);
  free(capture);
}

static void close_libpcap(void *pcap) {
  pcap_close(pcap);
}

/* What has no packet ring is closed at once: an NFLOG group, say, can be listened to again only then. */
void close_capture(struct instance *instance, struct capture *capture) {
  if (capture->ring != NULL) {
    capture->closing = close_beside(instance->closer, close_ring, capture->ring);
    if (capture->closing != NULL) capture->ring = NULL;
  } else if (capture->pcap != NULL && capture->live && packet_socket_of(capture) >= 0) {
    capture->closing = close_beside(instance->closer, close_libpcap, capture->pcap);
    if (capture->closing != NULL) capture->pcap = NULL;
  }
  close_now(capture);
}

static struct capture **bucket_of(struct instance *instance, const void *address) {
  uint64_t hash = (uint64_t)(uintptr_t)address * UINT64_C(0x9e3779b97f4a7c15);
  return &instance->captures[hash >> 32 & (CAPTURE_BUCKETS - 1)];
}

static void unlink_capture(struct capture *capture) {
  if (capture->instance == NULL) return;
  *capture->link = capture->next;
  if (capture->next != NULL) capture->next->link = capture->link;
  capture->instance = NULL;
}

static void finalize_capture(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct capture *capture = data;
  if (capture->closing != NULL) forget_closing(capture->instance->closer, capture->closing);
  unlink_capture(capture);
  discard_capture(capture);
}

void abandon_captures(struct instance *instance) {
  for (size_t i = 0; i < CAPTURE_BUCKETS; i++) {
    for (struct capture *each = instance->captures[i]; each != NULL; each = each->next) {
      close_capture(instance, each);
    }
  }
  end_closer(instance->closer);
  for (size_t i = 0; i < CAPTURE_BUCKETS; i++) {
    while (instance->captures[i] != NULL) {
      struct capture *capture = instance->captures[i];
      unlink_capture(capture);
      free(capture->closing);
      capture->closing = NULL;
    }
  }
}

napi_value hand_out(napi_env env, struct instance *instance, struct capture *capture) {
  napi_value result = NULL;
  if (napi_create_external(env, capture, finalize_capture, NULL, &result) != napi_ok) {
    discard_capture(capture);
    return throw_coded(env, "ERR_CAPTURE_ADDON", "the handle cannot be wrapped");
  }
  capture->instance = instance;
  struct capture **bucket = bucket_of(instance, capture);
  capture->next = *bucket;
  capture->link = bucket;
  if (capture->next != NULL) capture->next->link = &capture->next;
  *bucket = capture;
  return result;
}

/* Only pointers on this environment's own list are ever followed, whatever external value a script passes. */
struct capture *handle_of(napi_env env, struct instance *instance, napi_value value) {
  void *data = NULL;
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  if (type == napi_external && napi_get_value_external(env, value, &data) == napi_ok) {
    for (struct capture *capture = *bucket_of(instance, data); capture != NULL; capture = capture->next) {
      if (capture == data) return capture;
    }
  }
  napi_throw_type_error(env, NULL, "handle must be a capture opened by this thread");
  return NULL;
}

struct capture *open_handle_of(napi_env env, struct instance *instance, napi_value value) {
  struct capture *capture = handle_of(env, instance, value);
  if (capture != NULL && capture->pcap == NULL && capture->ring == NULL) {
    throw_coded(env, "ERR_CAPTURE_CLOSED", "the capture is closed");
    return NULL;
  }
  return capture;
}

static struct capture *file_handle_of(napi_env env, struct instance *instance, napi_value value) {
  struct capture *capture = handle_of(env, instance, value);
  if (capture != NULL && capture->file == NULL) {
    throw_coded(env, "ERR_CAPTURE_CLOSED", "the handle is not a file whose bytes can be read");
    return NULL;
  }
  return capture;
}

/* ---- files ---- */

int set_filter(struct capture *capture, const char *filter) {
  struct bpf_program program;
  if (pcap_compile(capture->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) return -1;
  int status = pcap_setfilter(capture->pcap, &program);
  pcap_freecode(&program);
  return status;
}

napi_value open_file(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char path[PATH_BYTES_MAX];
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL || take_string(env, arguments[0], "path", path, sizeof path) != 0) return NULL;
  struct capture *capture = calloc(1, sizeof *capture);
  if (capture == NULL) return throw_errno(env, ENOMEM, "opening a savefile");
  capture->fd = -1;
  capture->file = strcmp(path, "-") == 0 ? open_standard_input() : fopen(path, "rbe");
  if (capture->file == NULL) {
    int number = errno;
    free(capture);
    return throw_errno(env, number, "opening a savefile");
  }
  capture->file_buffer = malloc(SAVEFILE_BUFFER_BYTES);
  if (capture->file_buffer != NULL) setvbuf(capture->file, capture->file_buffer, _IOFBF, SAVEFILE_BUFFER_BYTES);
  /* One thread reads this file, and libpcap calls fread twice a packet: its lock would be 40 % of the time. */
  __fsetlocking(capture->file, FSETLOCKING_BYCALLER);
  return hand_out(env, instance, capture);
}

static int first_byte_of(FILE *file) {
  int first = getc(file);
  if (first != EOF) ungetc(first, file);
  return first;
}

napi_value first_byte(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = file_handle_of(env, instance, arguments[0]);
  return capture == NULL ? NULL : number_of(env, first_byte_of(capture->file));
}

napi_value read_bytes(napi_env env, napi_callback_info info) {
  napi_value arguments[2], buffer;
  napi_typedarray_type type = napi_int8_array;
  void *bytes = NULL;
  size_t size = 0, offset = 0;
  struct instance *instance = arguments_of(env, info, 2, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = file_handle_of(env, instance, arguments[0]);
  if (capture == NULL) return NULL;
  if (napi_get_typedarray_info(env, arguments[1], &type, &size, &bytes, &buffer, &offset) != napi_ok ||
      type != napi_uint8_array) {
    napi_throw_type_error(env, NULL, "bytes must be an Uint8Array");
    return NULL;
  }
  size_t got = size == 0 ? 0 : fread(bytes, 1, size, capture->file);
  /* What came before an error is handed out first; the error stays and is met again. */
  if (got == 0 && size > 0 && ferror(capture->file)) return throw_errno(env, errno, "reading a savefile");
  return number_of(env, (double)got);
}

/* The first byte of a file of our byte order says whether it is classic, and what its fractions are counted in. */
static void learn_wraps(struct capture *capture) {
  int first = first_byte_of(capture->file);
  if (first == 0xd4 || first == 0x34) capture->fraction_wrap = (INT64_C(1) << 32) * 1000;
  if (first == 0x4d) capture->fraction_wrap = INT64_C(1) << 32;
  if (capture->fraction_wrap != 0) capture->seconds_wrap = INT64_C(1) << 32;
}

/* On failure the capture is closed; what the error means is the caller's to say. */
static void start_savefile_of(napi_env env, struct capture *capture, const char *filter) {
  char error[PCAP_ERRBUF_SIZE] = "";
  learn_wraps(capture);
  capture->pcap = pcap_fopen_offline_with_tstamp_precision(capture->file, PCAP_TSTAMP_PRECISION_NANO, error);
  if (capture->pcap == NULL) {
    throw_coded(env, "PCAP_FORMAT", error);
    close_now(capture);
    return;
  }
  capture->file = NULL;
  if (filter[0] != '\0' && set_filter(capture, filter) != 0) {
    throw_coded(env, "PCAP_FILTER", pcap_geterr(capture->pcap));
    close_now(capture);
  }
}

napi_value start_savefile(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct instance *instance = arguments_of(env, info, 2, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = file_handle_of(env, instance, arguments[0]);
  if (capture == NULL) return NULL;
  char *filter = malloc(FILTER_BYTES_MAX);
  if (filter == NULL) return throw_errno(env, ENOMEM, "opening a savefile");
  if (take_string(env, arguments[1], "filter", filter, FILTER_BYTES_MAX) == 0) {
    start_savefile_of(env, capture, filter);
  }
  free(filter);
  return NULL;
}

napi_value close_handle(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = handle_of(env, instance, arguments[0]);
  if (capture != NULL) close_capture(instance, capture);
  return NULL;
}

napi_value is_handle_closing(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  napi_value result = NULL;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = handle_of(env, instance, arguments[0]);
  if (capture == NULL) return NULL;
  napi_get_boolean(env, capture->closing != NULL && is_closing(instance->closer, capture->closing), &result);
  return result;
}
