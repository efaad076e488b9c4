/*
 * What the parts of the addon share. One `struct instance` belongs to one JavaScript environment (the main thread or a
 * worker); there are no globals, so the addon may be loaded by any number of them at once.
 */
#ifndef FLOWLOGD_ADDON_H
#define FLOWLOGD_ADDON_H

#include <node_api.h>
#include <stddef.h>
#include <stdint.h>

struct capture;
struct closer;
struct mapping;
struct page_worker;
struct pollfd;

/* A power of two: a lookup among a thousand captures looks at two or three. */
#define CAPTURE_BUCKETS 512

/* Open captures (by address) and live mappings of one environment. */
struct instance {
  struct capture *captures[CAPTURE_BUCKETS];
  struct mapping *mappings;
  struct page_worker *page_worker;
  /* What `wait` hands to the kernel, and how many have room in it. */
  struct pollfd *polled;
  uint32_t polled_room;
  struct closer *closer;
  int question_socket; /* for questions about interfaces by name; -1 until the first */
};

/* The callback's arguments; absent ones are undefined. Answers the instance, or NULL with an exception pending. */
struct instance *arguments_of(napi_env env, napi_callback_info info, size_t count, napi_value *arguments);

/* Each answers 0, or -1 with a TypeError pending that names the argument. */
int take_int32(napi_env env, napi_value value, const char *name, int32_t *out);
int take_size(napi_env env, napi_value value, const char *name, size_t *out);
int take_string(napi_env env, napi_value value, const char *name, char *out, size_t out_bytes);

napi_value number_of(napi_env env, double value);
napi_value string_of(napi_env env, const char *text);
void set_property(napi_env env, napi_value object, const char *name, napi_value value);

/* Both leave an Error with that `code` pending and answer NULL. */
napi_value throw_coded(napi_env env, const char *code, const char *message);
napi_value throw_errno(napi_env env, int number, const char *doing);

napi_value library_version(napi_env env, napi_callback_info info);
napi_value list_interfaces(napi_env env, napi_callback_info info);
napi_value interface_index(napi_env env, napi_callback_info info);
napi_value is_interface_up(napi_env env, napi_callback_info info);
napi_value open_live(napi_env env, napi_callback_info info);
napi_value open_ring_capture(napi_env env, napi_callback_info info);
napi_value ring_refusal_here(napi_env env, napi_callback_info info);
napi_value open_file(napi_env env, napi_callback_info info);
napi_value first_byte(napi_env env, napi_callback_info info);
napi_value read_bytes(napi_env env, napi_callback_info info);
napi_value start_savefile(napi_env env, napi_callback_info info);
napi_value open_filter(napi_env env, napi_callback_info info);
napi_value filter_batch(napi_env env, napi_callback_info info);
napi_value describe(napi_env env, napi_callback_info info);
napi_value read_batch(napi_env env, napi_callback_info info);
napi_value wait_any(napi_env env, napi_callback_info info);
napi_value stop_intake(napi_env env, napi_callback_info info);
napi_value statistics(napi_env env, napi_callback_info info);
napi_value error_text(napi_env env, napi_callback_info info);
napi_value close_handle(napi_env env, napi_callback_info info);
napi_value is_handle_closing(napi_env env, napi_callback_info info);
napi_value tune_nflog(napi_env env, napi_callback_info info);

napi_value page_bytes(napi_env env, napi_callback_info info);
napi_value reserve_file(napi_env env, napi_callback_info info);
napi_value map_memory(napi_env env, napi_callback_info info);
napi_value unmap_memory(napi_env env, napi_callback_info info);
napi_value prepare_memory(napi_env env, napi_callback_info info);
napi_value share_memory(napi_env env, napi_callback_info info);
napi_value adopt_memory(napi_env env, napi_callback_info info);
napi_value huge_page_offset(napi_env env, napi_callback_info info);

napi_value open_netlink(napi_env env, napi_callback_info info);
napi_value open_event(napi_env env, napi_callback_info info);
napi_value read_now(napi_env env, napi_callback_info info);
napi_value poll_descriptor(napi_env env, napi_callback_info info);

napi_value send_datagram(napi_env env, napi_callback_info info);
napi_value limit_capabilities(napi_env env, napi_callback_info info);
napi_value keep_capabilities(napi_env env, napi_callback_info info);
napi_value execute(napi_env env, napi_callback_info info);
napi_value landlock_version(napi_env env, napi_callback_info info);
napi_value limit_files(napi_env env, napi_callback_info info);
int on_all_threads(int (*action)(int), int argument);
napi_value pass_capabilities(napi_env env, napi_callback_info info);
napi_value user_named(napi_env env, napi_callback_info info);
napi_value is_id_taken(napi_env env, napi_callback_info info);
napi_value first_out_of_reach(napi_env env, napi_callback_info info);
napi_value filter_system_calls(napi_env env, napi_callback_info info);
napi_value lock_file(napi_env env, napi_callback_info info);

/* Close what is open and forget it; the finalizers still free the structs. Called when the environment ends. */
void abandon_captures(struct instance *instance);
void abandon_mappings(struct instance *instance);

/* Makes what closes captures (closing.c), or answers NULL; its end waits until all are closed. */
struct closer *create_closer(void);
void end_closer(struct closer *closer);

#endif
