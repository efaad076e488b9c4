/*
 * Memory for the flow tables, as ArrayBuffers: pages of a file, or of this process alone; in address space of their own, or in a
 * place of a memory that the caller owns. A mapping is page-aligned, which a plain ArrayBuffer is not, and a slot that straddles
 * cache lines makes the table 1.5 times slower.
 */
#include "addon.h"
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* One ArrayBuffer of one environment. */
struct mapping {
  struct pages *pages; /* NULL once unmapped */
  napi_ref memory; /* whose place the pages are in, so that it stays as long as they; NULL without one */
  struct instance *instance; /* NULL once the environment ended */
  struct mapping *next;
  struct mapping **link;
};

static void unlink_mapping(struct mapping *mapping) {
  if (mapping->instance == NULL) return;
  *mapping->link = mapping->next;
  if (mapping->next != NULL) mapping->next->link = mapping->link;
  mapping->instance = NULL;
}

static void leave_mapping(napi_env env, struct mapping *mapping) {
  struct page_worker *worker = mapping->instance == NULL ? NULL : mapping->instance->page_worker;
  if (mapping->pages != NULL) leave_pages(mapping->pages, worker);
  mapping->pages = NULL;
  if (mapping->memory != NULL) napi_delete_reference(env, mapping->memory);
  mapping->memory = NULL;
  unlink_mapping(mapping);
}

static void finalize_mapping(napi_env env, void *data, void *hint) {
  (void)data;
  struct mapping *mapping = hint;
  leave_mapping(env, mapping);
  free(mapping);
}

void abandon_mappings(struct instance *instance) {
  end_page_worker(instance->page_worker);
  while (instance->mappings != NULL) unlink_mapping(instance->mappings);
}

/* Left out, it is the beginning of the file. */
static int take_offset(napi_env env, napi_value value, size_t *out) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type == napi_undefined ? 0 : take_size(env, value, "offset", out);
}

napi_value page_bytes(napi_env env, napi_callback_info info) {
  (void)info;
  return number_of(env, (double)sysconf(_SC_PAGESIZE));
}

napi_value reserve_file(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  int32_t fd = -1;
  size_t bytes = 0, offset = 0;
  if (arguments_of(env, info, 3, arguments) == NULL) return NULL;
  if (take_int32(env, arguments[0], "fd", &fd) != 0) return NULL;
  if (take_size(env, arguments[1], "bytes", &bytes) != 0) return NULL;
  if (take_offset(env, arguments[2], &offset) != 0) return NULL;
  int failure;
  do {
    failure = posix_fallocate(fd, (off_t)offset, (off_t)bytes);
  } while (failure == EINTR);
  if (failure != 0) return throw_errno(env, failure, "reserving pages for a table");
  return NULL;
}

/* A page beyond the end of the file would be a SIGBUS at first touch: refused here instead. */
static int file_holds(int fd, size_t end) {
  struct stat status;
  if (fstat(fd, &status) != 0) return errno;
  return (size_t)status.st_size >= end ? 0 : EINVAL;
}

static int take_buffer(napi_env env, napi_value value, const char *name, char **address, size_t *bytes) {
  void *data = NULL;
  if (napi_get_arraybuffer_info(env, value, &data, bytes) == napi_ok) {
    *address = data;
    return 0;
  }
  char message[64];
  snprintf(message, sizeof message, "%s must be an ArrayBuffer", name);
  napi_throw_type_error(env, NULL, message);
  return -1;
}

/* `{ memory, byteOffset }`, with room for so many bytes from there; undefined leaves NULL, which is anywhere. */
static int take_place(napi_env env, napi_value value, size_t bytes, napi_value *memory, void **out) {
  napi_valuetype type = napi_undefined;
  napi_value offset = NULL;
  char *address = NULL;
  size_t room = 0, at = 0;
  napi_typeof(env, value, &type);
  if (type == napi_undefined) return 0;
  if (type != napi_object) {
    napi_throw_type_error(env, NULL, "place must be an object");
    return -1;
  }
  if (napi_get_named_property(env, value, "memory", memory) != napi_ok) return -1;
  if (napi_get_named_property(env, value, "byteOffset", &offset) != napi_ok) return -1;
  if (take_buffer(env, *memory, "memory", &address, &room) != 0) return -1;
  if (take_size(env, offset, "byteOffset", &at) != 0) return -1;
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (bytes > room || at > room - bytes || bytes % page != 0 || (uintptr_t)(address + at) % page != 0) {
    throw_errno(env, EINVAL, "placing a table");
    return -1;
  }
  *out = address + at;
  return 0;
}

static void link_mapping(struct instance *instance, struct mapping *mapping) {
  mapping->instance = instance;
  mapping->next = instance->mappings;
  mapping->link = &instance->mappings;
  if (mapping->next != NULL) mapping->next->link = &mapping->next;
  instance->mappings = mapping;
}

/* An ArrayBuffer over pages of which it becomes a user; on failure they stay the caller's. `memory` is NULL where no place is. */
static napi_value buffer_over(napi_env env, struct instance *instance, struct pages *pages, napi_value memory) {
  napi_value result = NULL;
  struct mapping *mapping = calloc(1, sizeof *mapping);
  if (mapping == NULL) return throw_errno(env, ENOMEM, "mapping a table");
  if (napi_create_external_arraybuffer(env, pages->address, pages->bytes, finalize_mapping, mapping, &result) != napi_ok) {
    free(mapping);
    return throw_coded(env, "ERR_NO_EXTERNAL_BUFFERS", "this Node.js does not take external memory as an ArrayBuffer");
  }
  mapping->pages = pages;
  if (memory != NULL) napi_create_reference(env, memory, 1, &mapping->memory);
  link_mapping(instance, mapping);
  /* By the buffer and not by its address: two buffers of a thread can be over the same pages. */
  napi_wrap(env, result, mapping, NULL, NULL, NULL);
  return result;
}

napi_value map_memory(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  int32_t fd = -1;
  size_t bytes = 0, offset = 0;
  void *place = NULL;
  napi_value memory = NULL;
  struct instance *instance = arguments_of(env, info, 4, arguments);
  if (instance == NULL) return NULL;
  if (take_int32(env, arguments[0], "fd", &fd) != 0) return NULL;
  if (take_size(env, arguments[1], "bytes", &bytes) != 0) return NULL;
  if (take_offset(env, arguments[2], &offset) != 0) return NULL;
  if (take_place(env, arguments[3], bytes, &memory, &place) != 0) return NULL;
  if (bytes == 0) return throw_errno(env, EINVAL, "mapping a table");
  int failure = fd == -1 ? 0 : file_holds(fd, offset + bytes);
  if (failure != 0) return throw_errno(env, failure, "mapping a table");

  struct pages *pages = create_pages(fd, bytes, (off_t)offset, place, &failure);
  if (pages == NULL) return throw_errno(env, failure, "mapping a table");
  napi_value result = buffer_over(env, instance, pages, memory);
  if (result == NULL) leave_pages(pages, NULL);
  return result;
}

/* NULL, with an exception pending unless the buffer is unmapped already, where it is no mapping of this environment. */
static struct mapping *take_mapping(napi_env env, struct instance *instance, napi_value value) {
  char *address = NULL;
  size_t bytes = 0;
  void *wrapped = NULL;
  if (take_buffer(env, value, "buffer", &address, &bytes) != 0 || address == NULL) return NULL;
  napi_unwrap(env, value, &wrapped);
  for (struct mapping *mapping = instance->mappings; mapping != NULL; mapping = mapping->next) {
    if (mapping == wrapped) return mapping;
  }
  napi_throw_type_error(env, NULL, "buffer is not a mapping of this thread");
  return NULL;
}

napi_value unmap_memory(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct instance *instance = arguments_of(env, info, 1, arguments);
  struct mapping *mapping = instance == NULL ? NULL : take_mapping(env, instance, arguments[0]);
  if (mapping == NULL) return NULL;
  /* Detached first: from here on no script can reach the pages. The struct waits for its finalizer. */
  if (napi_detach_arraybuffer(env, arguments[0]) != napi_ok) {
    return throw_coded(env, "ERR_CAPTURE_ADDON", "the mapping cannot be detached from its ArrayBuffer");
  }
  leave_mapping(env, mapping);
  return NULL;
}

napi_value prepare_memory(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct instance *instance = arguments_of(env, info, 1, arguments);
  struct mapping *mapping = instance == NULL ? NULL : take_mapping(env, instance, arguments[0]);
  if (mapping != NULL) prepare_beside(instance->page_worker, mapping->pages->address, mapping->pages->bytes);
  return NULL;
}

napi_value share_memory(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  int failure = 0;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  struct mapping *mapping = instance == NULL ? NULL : take_mapping(env, instance, arguments[0]);
  if (mapping == NULL) return NULL;
  withdraw_work(instance->page_worker, mapping->pages->address);
  uint64_t promise = promise_pages(mapping->pages, &failure);
  if (promise == 0) return throw_errno(env, failure, "sharing a table");
  return number_of(env, (double)promise);
}

napi_value adopt_memory(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  size_t promise = 0;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL || take_size(env, arguments[0], "promise", &promise) != 0) return NULL;
  struct pages *pages = take_promised(promise);
  if (pages == NULL) return throw_errno(env, ENOENT, "adopting a table");
  napi_value result = buffer_over(env, instance, pages, NULL);
  if (result == NULL) leave_pages(pages, NULL);
  return result;
}

napi_value huge_page_offset(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char *address = NULL;
  size_t bytes = 0;
  if (arguments_of(env, info, 1, arguments) == NULL) return NULL;
  if (take_buffer(env, arguments[0], "memory", &address, &bytes) != 0) return NULL;
  return number_of(env, (double)(-(uintptr_t)address & (HUGE_PAGE_BYTES - 1)));
}
