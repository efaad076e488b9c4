/*
 * One open capture: a libpcap handle, or a ring of our own. It belongs to the environment that opened it and is used by its
 * thread alone. open-live.c and open-ring.c make it, open.c ends it, capture.c reads from it.
 */
#ifndef FLOWLOGD_CAPTURE_H
#define FLOWLOGD_CAPTURE_H

#include "addon.h"

#include <pcap/pcap.h>
#include <stdio.h>

struct closer;
struct closing;
struct ring;

struct counter {
  uint64_t total;
  uint32_t last;
};

struct capture {
  pcap_t *pcap; /* NULL once closed, of a file that libpcap does not read, and of a ring */
  struct ring *ring; /* NULL once closed, and of what libpcap captures */
  FILE *file;   /* an opened file until libpcap takes it over */
  struct bpf_program program; /* of a filter alone, which has neither */
  struct closing *closing; /* after its end, of a capture that is closed beside */
  struct instance *instance;
  struct capture *next;
  struct capture **link;
  char *file_buffer;
  int fd;           /* what wait polls; -1 when there is nothing to poll */
  int live;
  int microseconds; /* the device has no finer clock */
  int ended;
  int failed;
  int asks_first; /* dispatches only what waits: its device fails where nothing does */
  int holds_more; /* the last dispatch was full, so libpcap may hold packets of its last read */
  /* A classic savefile's times are unsigned, but libpcap reads those in our byte order as signed. 0 for other sources. */
  int64_t seconds_wrap;
  int64_t fraction_wrap;
  struct counter received, dropped, interface_dropped;
  int interface_lost;
  char failure[PCAP_ERRBUF_SIZE];
};

/* The longest filter expression. */
#define FILTER_BYTES_MAX 65536

/* Standard input as a file, which ends when the process is asked to end; NULL with errno set. */
FILE *open_standard_input(void);

/* Closes, where the kernel has a ring beside this thread. */
void close_capture(struct instance *instance, struct capture *capture);

/* Closes and frees a capture that was not handed out. */
void discard_capture(struct capture *capture);

/* Compiles and sets the filter. Answers 0, or -1 with pcap_geterr telling why. */
int set_filter(struct capture *capture, const char *filter);

#define DEVICE_BYTES_MAX 256

struct live_options {
  char device[DEVICE_BYTES_MAX];
  char filter[FILTER_BYTES_MAX];
  int32_t snap_bytes, buffer_bytes, timeout_ms, data_link;
  bool immediate, promiscuous;
};

/* What JavaScript asks for; to be freed. NULL with an exception pending. */
struct live_options *take_live_options(napi_env env, napi_value object);

/* A capture through libpcap that takes every packet as yet; NULL with an exception pending. */
struct capture *activate(napi_env env, const struct live_options *options);

/* Leaves an Error with that code pending and closes the capture. */
napi_value refuse_text(napi_env env, struct capture *capture, const char *code, const char *message);

/* Wraps an opened capture for JavaScript; on failure closes and frees it. */
napi_value hand_out(napi_env env, struct instance *instance, struct capture *capture);

/* The capture behind a JavaScript value, or NULL with an exception pending; `open_` refuses a closed one too. */
struct capture *handle_of(napi_env env, struct instance *instance, napi_value value);
struct capture *open_handle_of(napi_env env, struct instance *instance, napi_value value);

/* The packet socket of a capture that has one, else -1. */
int packet_socket_of(const struct capture *capture);

/* Closes beside this thread by `close_it(what)`; NULL where there is no room to, and then nothing was done. */
struct closing *close_beside(struct closer *closer, void (*close_it)(void *what), void *what);
int is_closing(struct closer *closer, const struct closing *closing);
void forget_closing(struct closer *closer, struct closing *closing);

#endif
