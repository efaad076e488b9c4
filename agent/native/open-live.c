/*
 * Opening interfaces through libpcap, literally: what to open and what to do about an error is decided in TypeScript.
 */
#include "capture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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

/* Throws what libpcap says about `status`, then closes the half-opened capture. */
static napi_value refuse_status(napi_env env, struct capture *capture, int status) {
  char message[PCAP_ERRBUF_SIZE + 128];
  const char *detail = pcap_geterr(capture->pcap);
  if (status == PCAP_ERROR || detail[0] == '\0') {
    snprintf(message, sizeof message, "%s", status == PCAP_ERROR ? detail : pcap_statustostr(status));
  } else {
    snprintf(message, sizeof message, "%s (%s)", pcap_statustostr(status), detail);
  }
  throw_coded(env, status_code(status), message);
  discard_capture(capture);
  return NULL;
}

napi_value refuse_text(napi_env env, struct capture *capture, const char *code, const char *message) {
  throw_coded(env, code, message);
  discard_capture(capture);
  return NULL;
}

static void prefer_data_link(pcap_t *pcap, int data_link) {
  int *offered = NULL;
  int count = pcap_list_datalinks(pcap, &offered);
  for (int i = 0; i < count; i++) {
    if (offered[i] == data_link) pcap_set_datalink(pcap, data_link);
  }
  if (count >= 0) pcap_free_datalinks(offered);
}

static int take_all(napi_env env, napi_value object, struct live_options *options) {
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

struct live_options *take_live_options(napi_env env, napi_value object) {
  struct live_options *options = malloc(sizeof *options);
  if (options == NULL) {
    throw_errno(env, ENOMEM, "opening an interface");
    return NULL;
  }
  if (take_all(env, object, options) == 0) return options;
  free(options);
  return NULL;
}

static struct capture *refuse(napi_value thrown) {
  (void)thrown;
  return NULL;
}

struct capture *activate(napi_env env, const struct live_options *options) {
  char error[PCAP_ERRBUF_SIZE] = "";
  struct capture *capture = calloc(1, sizeof *capture);
  if (capture == NULL) return refuse(throw_errno(env, ENOMEM, "opening an interface"));
  capture->live = 1;
  capture->fd = -1;
  capture->pcap = pcap_create(options->device, error);
  if (capture->pcap == NULL) return refuse(refuse_text(env, capture, "PCAP_ERROR", error));
  pcap_set_snaplen(capture->pcap, options->snap_bytes);
  pcap_set_buffer_size(capture->pcap, options->buffer_bytes);
  pcap_set_timeout(capture->pcap, options->timeout_ms);
  pcap_set_immediate_mode(capture->pcap, options->immediate);
  pcap_set_promisc(capture->pcap, options->promiscuous);
  if (pcap_set_tstamp_precision(capture->pcap, PCAP_TSTAMP_PRECISION_NANO) != 0) capture->microseconds = 1;
  int status = pcap_activate(capture->pcap);
  if (status < 0) return refuse(refuse_status(env, capture, status));
  capture->microseconds = pcap_get_tstamp_precision(capture->pcap) != PCAP_TSTAMP_PRECISION_NANO;
  /* A blocking dispatch on the kernel's ring never comes back from a silent link, so `wait` does the waiting. */
  if (pcap_setnonblock(capture->pcap, 1, error) != 0) return refuse(refuse_text(env, capture, "PCAP_ERROR", error));
  if (options->data_link >= 0) prefer_data_link(capture->pcap, options->data_link);
  return capture;
}

napi_value open_live(napi_env env, napi_callback_info info) {
  napi_value arguments[1], result = NULL;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL) return NULL;
  struct live_options *options = take_live_options(env, arguments[0]);
  if (options == NULL) return NULL;
  struct capture *capture = activate(env, options);
  /* Also when empty: without a filter the kernel ignores the snapshot length and copies whole frames into its ring. */
  if (capture != NULL && set_filter(capture, options->filter) != 0) {
    refuse_text(env, capture, "PCAP_FILTER", pcap_geterr(capture->pcap));
  } else if (capture != NULL) {
    capture->fd = pcap_get_selectable_fd(capture->pcap);
    result = hand_out(env, instance, capture);
  }
  free(options);
  return result;
}
