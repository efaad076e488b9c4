/*
 * Reading from a capture: batches, waiting, counters. A batch is filled as agent/model/packet-batch.ts draws it.
 */
#include "batch.h"
#include "capture.h"
#include "ring.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WITHOUT_POLL_MS 10
#define NANOSECONDS_PER_SECOND 1000000000

/* Errors of one socket that may wait before what its ring holds; each is met once. */
#define ATTEMPTS_AFTER_FAILURE 4

enum { READ_END = -1, READ_FAILED = -2 };

/* ---- reading: the hot path ---- */

/* What libpcap hands each packet to. */
struct dispatch {
  const struct capture *capture;
  struct batch *batch;
};

/* Brings an odd fraction (damaged file, unsigned times read as signed) into [0, 1 s). Rare, so out of the way. */
static __attribute__((noinline, cold)) void carry(const struct capture *capture, int64_t *seconds, int64_t *fraction) {
  if (*seconds < 0) *seconds += capture->seconds_wrap;
  if (*fraction < 0) *fraction += capture->fraction_wrap;
  int64_t whole = *fraction / NANOSECONDS_PER_SECOND;
  int64_t rest = *fraction % NANOSECONDS_PER_SECOND;
  if (rest < 0) {
    rest += NANOSECONDS_PER_SECOND;
    whole -= 1;
  }
  if (__builtin_add_overflow(*seconds, whole, seconds)) *seconds = whole < 0 ? INT64_MIN : INT64_MAX;
  *fraction = rest;
}

/* Runs once per packet. The caller of pcap_dispatch asked for no more packets than fit, so no limit is checked here. */
static void copy_packet(u_char *user, const struct pcap_pkthdr *header, const u_char *frame) {
  const struct dispatch *dispatch = (const struct dispatch *)user;
  struct batch *batch = dispatch->batch;
  uint32_t captured = header->caplen < batch->copy_bytes ? header->caplen : batch->copy_bytes;
  uint8_t *record = batch->bytes + batch->offset;
  int64_t seconds = header->ts.tv_sec;
  int64_t fraction = header->ts.tv_usec;
  if (dispatch->capture->microseconds) fraction *= 1000;
  if (__builtin_expect((uint64_t)fraction >= NANOSECONDS_PER_SECOND || seconds < 0, 0)) {
    carry(dispatch->capture, &seconds, &fraction);
  }
  /* Faulty tools write a length below what they captured, 0 too: at least that much was on the wire. */
  uint32_t wire = header->len < header->caplen ? header->caplen : header->len;
  struct record_header written = {(double)seconds, (uint32_t)fraction, captured, wire, 0};
  memcpy(record, &written, sizeof written);
  memcpy(record + RECORD_HEADER_BYTES, frame, captured);
  batch->offset += record_bytes(captured);
  batch->count++;
}

static int wait_readable(const struct capture *capture, int timeout_ms) {
  struct pollfd polled = {.fd = capture->fd, .events = POLLIN};
  return poll(&polled, 1, timeout_ms);
}

/*
 * Dispatches until the batch has no room for one more longest record or nothing is pending. Each dispatch may hand out only as
 * many packets as surely fit: a limit that every libpcap module keeps, where pcap_breakloop leaves flags behind.
 */
static void dispatch_packets(struct capture *capture, struct batch *batch) {
  struct dispatch dispatch = {capture, batch};
  for (;;) {
    size_t room = (batch->size - batch->offset) / record_bytes(batch->copy_bytes);
    if (room == 0) return;
    int wanted = room > INT32_MAX ? INT32_MAX : (int)room;
    if (capture->asks_first && !capture->holds_more && wait_readable(capture, 0) <= 0) return;
    int got = pcap_dispatch(capture->pcap, wanted, copy_packet, (u_char *)&dispatch);
    capture->holds_more = got == wanted;
    if (got == PCAP_ERROR_BREAK) continue;
    if (got < 0) {
      capture->failed = 1;
      snprintf(capture->failure, sizeof capture->failure, "%s", pcap_geterr(capture->pcap));
      return;
    }
    if (got == 0) capture->ended = !capture->live;
    if (got == 0 || (capture->live && got < wanted)) return;
  }
}

/*
 * When its interface vanishes, libpcap fails before it hands out what the ring still holds; asked again, it does. The kernel
 * may hand over its last block later: until then there is nothing, and whoever reads asks again.
 */
static void dispatch_after_failure(struct capture *capture, struct batch *batch) {
  struct dispatch dispatch = {capture, batch};
  size_t room = batch->size / record_bytes(batch->copy_bytes);
  int wanted = room > INT32_MAX ? INT32_MAX : (int)room;
  for (int attempt = 0; attempt < ATTEMPTS_AFTER_FAILURE && batch->count == 0; attempt++) {
    pcap_dispatch(capture->pcap, wanted, copy_packet, (u_char *)&dispatch);
  }
}

static void fill(struct capture *capture, struct batch *batch) {
  if (capture->ring == NULL) {
    dispatch_packets(capture, batch);
    return;
  }
  read_ring(capture->ring, batch);
  if (batch->count > 0) return;
  const char *failure = ring_failure(capture->ring);
  if (failure == NULL) return;
  capture->failed = 1;
  snprintf(capture->failure, sizeof capture->failure, "%s", failure);
}

static void read_after_failure(struct capture *capture, struct batch *batch) {
  if (capture->ring == NULL) dispatch_after_failure(capture, batch);
  else read_ring(capture->ring, batch);
}

static int take_batch(napi_env env, napi_value *arguments, struct batch *batch) {
  void *bytes = NULL;
  size_t size = 0, offset = 0;
  napi_value buffer;
  int32_t copy_bytes = 0;
  if (napi_get_dataview_info(env, arguments[1], &size, &bytes, &buffer, &offset) != napi_ok) {
    napi_throw_type_error(env, NULL, "batch must be a DataView");
    return -1;
  }
  if (take_int32(env, arguments[2], "copyBytes", &copy_bytes) != 0) return -1;
  if (copy_bytes < 1 || copy_bytes > FRAME_BYTES_MAX) {
    napi_throw_range_error(env, NULL, "copyBytes must be 1 to 262144");
    return -1;
  }
  if (bytes == NULL || size < record_bytes((uint32_t)copy_bytes)) {
    napi_throw_range_error(env, NULL, "the batch must hold one record of copyBytes");
    return -1;
  }
  batch->bytes = bytes;
  batch->size = size;
  batch->copy_bytes = (uint32_t)copy_bytes;
  return 0;
}

napi_value read_batch(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  struct batch batch = {0};
  int32_t timeout_ms = 0;
  struct instance *instance = arguments_of(env, info, 4, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = open_handle_of(env, instance, arguments[0]);
  if (capture == NULL || take_batch(env, arguments, &batch) != 0) return NULL;
  if (take_int32(env, arguments[3], "timeoutMs", &timeout_ms) != 0) return NULL;

  if (!capture->failed && !capture->ended) {
    fill(capture, &batch);
    if (batch.count == 0 && capture->live && !capture->failed && timeout_ms > 0) {
      if (wait_readable(capture, timeout_ms) > 0) fill(capture, &batch);
    }
  }
  if (batch.count == 0 && capture->failed && capture->live) read_after_failure(capture, &batch);
  /* What was read before the end or the failure is handed out first; the next call tells. */
  if (batch.count == 0 && capture->failed) return number_of(env, READ_FAILED);
  if (batch.count == 0 && capture->ended) return number_of(env, READ_END);
  return number_of(env, batch.count);
}

/* ---- waiting: any number of captures ---- */

/* Room for so many descriptors, which the instance keeps: waiting again for as many takes no memory. */
static struct pollfd *polled_room(struct instance *instance, uint32_t count) {
  if (count <= instance->polled_room) return instance->polled;
  uint32_t room = count + count / 2;
  struct pollfd *grown = realloc(instance->polled, room * sizeof *grown);
  if (grown == NULL) return NULL;
  instance->polled = grown;
  instance->polled_room = room;
  return grown;
}

/* A byte for each capture, which is set where it is ready. Answers 0, or -1 with an exception pending. */
static int take_ready(napi_env env, napi_value value, uint32_t count, uint8_t **ready) {
  napi_typedarray_type type = napi_int8_array;
  size_t size = 0, offset = 0;
  void *bytes = NULL;
  napi_value buffer;
  if (napi_get_typedarray_info(env, value, &type, &size, &bytes, &buffer, &offset) != napi_ok ||
      type != napi_uint8_array || size < count) {
    napi_throw_type_error(env, NULL, "ready must be an Uint8Array with a byte for each handle");
    return -1;
  }
  *ready = bytes;
  return 0;
}

/*
 * Fills `polled`; answers how many need not be waited for, or -1 with an exception pending. An element may be anything, so
 * each has a scope of its own: a thousand handles would else be alive until the call returns.
 */
static int enlist(napi_env env, struct instance *instance, napi_value handles, uint32_t count, int *timeout_ms) {
  int ready = 0;
  for (uint32_t i = 0; i < count; i++) {
    napi_handle_scope scope;
    napi_value element = NULL;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return -1;
    struct capture *capture = NULL;
    if (napi_get_element(env, handles, i, &element) == napi_ok) capture = open_handle_of(env, instance, element);
    napi_close_handle_scope(env, scope);
    if (capture == NULL) return -1;
    int is_ready = capture->failed || !capture->live;
    ready += is_ready;
    /* A device without a descriptor to poll (D-Bus) is looked at every 10 ms. */
    if (capture->fd < 0 && *timeout_ms > WITHOUT_POLL_MS) *timeout_ms = WITHOUT_POLL_MS;
    instance->polled[i] = (struct pollfd){.fd = capture->fd, .events = POLLIN, .revents = is_ready ? POLLERR : 0};
  }
  return ready;
}

static uint32_t poll_captures(struct pollfd *polled, uint32_t count, int timeout_ms, uint8_t *ready) {
  uint32_t total = 0;
  for (uint32_t i = 0; i < count; i++) ready[i] = polled[i].revents != 0 || polled[i].fd < 0;
  /* POLLERR counts as ready: the dispatch that follows takes the error off the socket, so this cannot spin. */
  int got = poll(polled, count, timeout_ms);
  for (uint32_t i = 0; i < count; i++) {
    /* Where the kernel refuses (more descriptors than RLIMIT_NOFILE) or is interrupted, each has to be looked at. */
    ready[i] = ready[i] || got < 0 || polled[i].revents != 0;
    total += ready[i];
  }
  return total;
}

napi_value wait_any(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  uint32_t count = 0;
  int32_t timeout_ms = 0;
  struct instance *instance = arguments_of(env, info, 3, arguments);
  if (instance == NULL) return NULL;
  if (napi_get_array_length(env, arguments[0], &count) != napi_ok || count > INT32_MAX / sizeof(struct pollfd)) {
    napi_throw_type_error(env, NULL, "handles must be an array");
    return NULL;
  }
  if (take_int32(env, arguments[1], "timeoutMs", &timeout_ms) != 0) return NULL;
  if (timeout_ms < 0) {
    napi_throw_range_error(env, NULL, "timeoutMs must not be negative");
    return NULL;
  }
  uint8_t *ready = NULL;
  if (take_ready(env, arguments[2], count, &ready) != 0) return NULL;
  struct pollfd *polled = polled_room(instance, count);
  if (polled == NULL && count > 0) return throw_errno(env, ENOMEM, "waiting for packets");
  int unpolled = enlist(env, instance, arguments[0], count, &timeout_ms);
  if (unpolled < 0) return NULL;
  return number_of(env, poll_captures(polled, count, unpolled > 0 ? 0 : timeout_ms, ready));
}

/* ---- what a handle knows ---- */

/* libpcap's DLT_ numbers are those of its platform; LINKTYPE_ numbers are those of every savefile (tcpdump.org/linktypes). */
static int link_type_of(int data_link) {
  switch (data_link) {
    case DLT_ATM_RFC1483: return 100;
    case DLT_RAW: return 101;
    case DLT_SLIP_BSDOS: return 102;
    case DLT_PPP_BSDOS: return 103;
    case DLT_ATM_CLIP: return 106;
    case DLT_LOOP: return 108;
    case DLT_ENC: return 109;
    case DLT_HDLC: return 112;
    case DLT_PFSYNC: return 246;
    case DLT_PKTAP: return 258;
    default: return data_link;
  }
}

napi_value describe(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  napi_value result = NULL;
  napi_value nanosecond = NULL;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = open_handle_of(env, instance, arguments[0]);
  if (capture == NULL || napi_create_object(env, &result) != napi_ok) return NULL;
  int data_link = capture->ring != NULL ? capture->ring->link.data_link : pcap_datalink(capture->pcap);
  int snapshot = capture->ring != NULL ? capture->ring->snapshot : pcap_snapshot(capture->pcap);
  const char *name = pcap_datalink_val_to_name(data_link);
  napi_get_boolean(env, !capture->microseconds, &nanosecond);
  set_property(env, result, "linkType", number_of(env, link_type_of(data_link)));
  set_property(env, result, "linkTypeName", string_of(env, name == NULL ? "" : name));
  set_property(env, result, "snapshot", number_of(env, snapshot));
  set_property(env, result, "nanosecond", nanosecond);
  return result;
}

static double advance(struct counter *counter, uint32_t now) {
  counter->total += (uint32_t)(now - counter->last);
  counter->last = now;
  return (double)counter->total;
}

/*
 * libpcap's counters are 32 bits wide: the totals are right as long as this is called once in 2^32 packets. Its interface
 * counter is read from sysfs and falls to zero with the interface; from then on the last total stands.
 */
napi_value statistics(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  napi_value result = NULL;
  struct pcap_stat now;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = open_handle_of(env, instance, arguments[0]);
  if (capture == NULL) return NULL;
  int status = capture->ring != NULL ? ring_statistics(capture->ring, &now) : pcap_stats(capture->pcap, &now);
  if (status != 0) return NULL;
  if (now.ps_ifdrop - capture->interface_dropped.last > INT32_MAX) capture->interface_lost = 1;
  double interface_dropped = (double)capture->interface_dropped.total;
  if (!capture->interface_lost) interface_dropped = advance(&capture->interface_dropped, now.ps_ifdrop);
  double totals[3] = {advance(&capture->received, now.ps_recv), advance(&capture->dropped, now.ps_drop),
                      interface_dropped};
  if (napi_create_array_with_length(env, 3, &result) != napi_ok) return NULL;
  for (uint32_t i = 0; i < 3; i++) napi_set_element(env, result, i, number_of(env, totals[i]));
  return result;
}

napi_value error_text(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL) return NULL;
  struct capture *capture = handle_of(env, instance, arguments[0]);
  return capture == NULL ? NULL : string_of(env, capture->failure);
}
