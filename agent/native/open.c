/*
 * Opening and ending captures, literally: what to open and what to do about an error is decided in TypeScript.
 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096
#define DEVICE_BYTES_MAX 256
#define SAVEFILE_BUFFER_BYTES 262144

/* ---- life of a handle ---- */

int is_packet_capture(const struct capture *capture) {
  int fd = pcap_fileno(capture->pcap);
  int domain = 0;
  socklen_t length = sizeof domain;
  return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_PACKET;
}

static void close_capture(struct capture *capture) {
  if (capture->pcap != NULL) pcap_close(capture->pcap);
  capture->pcap = NULL;
  if (capture->file != NULL) fclose(capture->file);
  capture->file = NULL;
  free(capture->file_buffer);
  capture->file_buffer = NULL;
  pcap_freecode(&capture->program);
}

/* What has no packet ring is closed at once: an NFLOG group, say, can be listened to again only then. */
static void close_beside_if_ring(struct instance *instance, struct capture *capture) {
  if (capture->pcap != NULL && capture->live && is_packet_capture(capture)) {
    capture->closing = close_beside(instance->closer, capture->pcap);
    if (capture->closing != NULL) capture->pcap = NULL;
  }
  close_capture(capture);
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
  close_capture(capture);
  free(capture);
}

void abandon_captures(struct instance *instance) {
  for (size_t i = 0; i < CAPTURE_BUCKETS; i++) {
    for (struct capture *each = instance->captures[i]; each != NULL; each = each->next) {
      close_beside_if_ring(instance, each);
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

/* Wraps an opened capture for JavaScript; on failure closes and frees it. */
napi_value hand_out(napi_env env, struct instance *instance, struct capture *capture) {
  napi_value result = NULL;
  if (napi_create_external(env, capture, finalize_capture, NULL, &result) != napi_ok) {
    close_capture(capture);
    free(capture);
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
  if (capture != NULL && capture->pcap == NULL) {
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

/* ---- opening ---- */

static const char *status_code(int status) {
  switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE: return "PCAP_ERROR_NO_SUCH_DEVICE";
    case PCAP_ERROR_IFACE_NOT_UP: return "PCAP_ERROR_IFACE_NOT_UP";
    case PCAP_ERROR_PERM_DENIED: return "PCAP_ERROR_PERM_DENIED";
    case PCAP_ERROR_PROMISC_PERM_DENIED: return "PCAP_ERROR_PROMISC_PERM_DENIED";
    case PCAP_ERROR_RFMON_NOTSUP: return "PCAP_ERROR_RFMON_NOTSUP";
    default: return "PCAP_ERROR";
  }
}

/* Throws what libpcap says about `status`, then lets go of the half-opened capture. */
static napi_value refuse_status(napi_env env, struct capture *capture, int status) {
  char message[PCAP_ERRBUF_SIZE + 128];
  const char *detail = pcap_geterr(capture->pcap);
  if (status == PCAP_ERROR || detail[0] == '\0') {
    snprintf(message, sizeof message, "%s", status == PCAP_ERROR ? detail : pcap_statustostr(status));
  } else {
    snprintf(message, sizeof message, "%s (%s)", pcap_statustostr(status), detail);
  }
  throw_coded(env, status_code(status), message);
  close_capture(capture);
  free(capture);
  return NULL;
}

static napi_value refuse_text(napi_env env, struct capture *capture, const char *code, const char *message) {
  throw_coded(env, code, message);
  close_capture(capture);
  free(capture);
  return NULL;
}

/* Compiles and sets the filter. Answers 0, or -1 with pcap_geterr telling why. */
static int set_filter(struct capture *capture, const char *filter) {
  struct bpf_program program;
  if (pcap_compile(capture->pcap, &program, filter, 1, PCAP_NETMASK_UNKNOWN) != 0) return -1;
  int status = pcap_setfilter(capture->pcap, &program);
  pcap_freecode(&program);
  return status;
}

static void prefer_data_link(pcap_t *pcap, int data_link) {
  int *offered = NULL;
  int count = pcap_list_datalinks(pcap, &offered);
  for (int i = 0; i < count; i++) {
    if (offered[i] == data_link) pcap_set_datalink(pcap, data_link);
  }
  if (count >= 0) pcap_free_datalinks(offered);
}

struct live_options {
  char device[DEVICE_BYTES_MAX];
  char filter[FILTER_BYTES_MAX];
  int32_t snap_bytes, buffer_bytes, timeout_ms, data_link;
  bool immediate, promiscuous;
};

static int take_live_options(napi_env env, napi_value object, struct live_options *options) {
  static const char *const names[] = {"device",    "snapBytes", "bufferBytes", "timeoutMs",
                                      "immediate", "promiscuous", "filter",    "dataLink"};
  napi_value values[8];
  for (size_t i = 0; i < 8; i++) {
    if (napi_get_named_property(env, object, names[i], &values[i]) != napi_ok) {
      napi_throw_type_error(env, NULL, "options must be an object");
      return -1;
    }
  }
  if (take_string(env, values[0], names[0], options->device, sizeof options->device) != 0) return -1;
  if (take_int32(env, values[1], names[1], &options->snap_bytes) != 0) return -1;
  if (take_int32(env, values[2], names[2], &options->buffer_bytes) != 0) return -1;
  if (take_int32(env, values[3], names[3], &options->timeout_ms) != 0) return -1;
  if (napi_get_value_bool(env, values[4], &options->immediate) != napi_ok ||
      napi_get_value_bool(env, values[5], &options->promiscuous) != napi_ok) {
    napi_throw_type_error(env, NULL, "immediate and promiscuous must be booleans");
    return -1;
  }
  if (take_string(env, values[6], names[6], options->filter, sizeof options->filter) != 0) return -1;
  return take_int32(env, values[7], names[7], &options->data_link);
}

static napi_value activate(napi_env env, struct instance *instance, const struct live_options *options) {
  char error[PCAP_ERRBUF_SIZE] = "";
  struct capture *capture = calloc(1, sizeof *capture);
  if (capture == NULL) return throw_errno(env, ENOMEM, "opening an interface");
  capture->live = 1;
  capture->fd = -1;
  capture->pcap = pcap_create(options->device, error);
  if (capture->pcap == NULL) return refuse_text(env, capture, "PCAP_ERROR", error);
  pcap_set_snaplen(capture->pcap, options->snap_bytes);
  pcap_set_buffer_size(capture->pcap, options->buffer_bytes);
  pcap_set_timeout(capture->pcap, options->timeout_ms);
  pcap_set_immediate_mode(capture->pcap, options->immediate);
  pcap_set_promisc(capture->pcap, options->promiscuous);
  if (pcap_set_tstamp_precision(capture->pcap, PCAP_TSTAMP_PRECISION_NANO) != 0) capture->microseconds = 1;
  int status = pcap_activate(capture->pcap);
  if (status < 0) return refuse_status(env, capture, status);
  capture->microseconds = pcap_get_tstamp_precision(capture->pcap) != PCAP_TSTAMP_PRECISION_NANO;
  /* A blocking dispatch on the kernel's ring never comes back from a silent link, so `wait` does the waiting. */
  if (pcap_setnonblock(capture->pcap, 1, error) != 0) return refuse_text(env, capture, "PCAP_ERROR", error);
  if (options->data_link >= 0) prefer_data_link(capture->pcap, options->data_link);
  /* Also when empty: without a filter the kernel ignores the snapshot length and copies whole frames into its ring. */
  if (set_filter(capture, options->filter) != 0) {
    return refuse_text(env, capture, "PCAP_FILTER", pcap_geterr(capture->pcap));
  }
  capture->fd = pcap_get_selectable_fd(capture->pcap);
  return hand_out(env, instance, capture);
}

napi_value open_live(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL) return NULL;
  struct live_options *options = malloc(sizeof *options);
  if (options == NULL) return throw_errno(env, ENOMEM, "opening an interface");
  napi_value result = NULL;
  if (take_live_options(env, arguments[0], options) == 0) result = activate(env, instance, options);
  free(options);
  return result;
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
    close_capture(capture);
    return;
  }
  capture->file = NULL;
  if (filter[0] != '\0' && set_filter(capture, filter) != 0) {
    throw_coded(env, "PCAP_FILTER", pcap_geterr(capture->pcap));
    close_capture(capture);
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
  if (capture != NULL) close_beside_if_ring(instance, capture);
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
