/*
 * Memory for the flow tables: pages of a memory file that several threads map, or anonymous pages of one thread. A mapping
 * is page-aligned, which a plain ArrayBuffer is not, and a slot that straddles cache lines makes the table 1.5 times slower.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct mapping {
  void *address; /* NULL once unmapped */
  size_t bytes;
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

static void release_pages(struct mapping *mapping) {
  if (mapping->address != NULL) munmap(mapping->address, mapping->bytes);
  mapping->address = NULL;
}

static void finalize_mapping(napi_env env, void *data, void *hint) {
  (void)env;
  (void)data;
  struct mapping *mapping = hint;
  unlink_mapping(mapping);
  release_pages(mapping);
  free(mapping);
}

void abandon_mappings(struct instance *instance) {
  while (instance->mappings != NULL) unlink_mapping(instance->mappings);
}

napi_value memory_file(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  char name[250];
  if (arguments_of(env, info, 1, arguments) == NULL) return NULL;
  if (take_string(env, arguments[0], "name", name, sizeof name) != 0) return NULL;
  int fd = memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return throw_errno(env, errno, "creating a memory file");
  return number_of(env, fd);
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

napi_value map_memory(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  napi_value result = NULL;
  int32_t fd = -1;
  size_t bytes = 0, offset = 0;
  struct instance *instance = arguments_of(env, info, 3, arguments);
  if (instance == NULL) return NULL;
  if (take_int32(env, arguments[0], "fd", &fd) != 0) return NULL;
  if (take_size(env, arguments[1], "bytes", &bytes) != 0) return NULL;
  if (take_offset(env, arguments[2], &offset) != 0) return NULL;
  if (bytes == 0) return throw_errno(env, EINVAL, "mapping a table");
  int failure = fd == -1 ? 0 : file_holds(fd, offset + bytes);
  if (failure != 0) return throw_errno(env, failure, "mapping a table");

  struct mapping *mapping = calloc(1, sizeof *mapping);
  if (mapping == NULL) return throw_errno(env, ENOMEM, "mapping a table");
  int flags = fd == -1 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);
  if (address == MAP_FAILED) {
    failure = errno;
    free(mapping);
    return throw_errno(env, failure, "mapping a table");
  }
  mapping->address = address;
  mapping->bytes = bytes;
  if (napi_create_external_arraybuffer(env, address, bytes, finalize_mapping, mapping, &result) != napi_ok) {
    release_pages(mapping);
    free(mapping);
    return throw_coded(env, "ERR_NO_EXTERNAL_BUFFERS", "this Node.js does not take external memory as an ArrayBuffer");
  }
  mapping->instance = instance;
  mapping->next = instance->mappings;
  mapping->link = &instance->mappings;
  if (mapping->next != NULL) mapping->next->link = &mapping->next;
  instance->mappings = mapping;
  return result;
}

napi_value unmap_memory(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  void *address = NULL;
  size_t bytes = 0;
  struct instance *instance = arguments_of(env, info, 1, arguments);
  if (instance == NULL) return NULL;
  if (napi_get_arraybuffer_info(env, arguments[0], &address, &bytes) != napi_ok) {
    napi_throw_type_error(env, NULL, "buffer must be an ArrayBuffer");
    return NULL;
  }
  if (address == NULL) return NULL;
  for (struct mapping *mapping = instance->mappings; mapping != NULL; mapping = mapping->next) {
    if (mapping->address != address) continue;
    /* Detached first: from here on no script can reach the pages. The struct waits for its finalizer. */
    if (napi_detach_arraybuffer(env, arguments[0]) != napi_ok) {
      return throw_coded(env, "ERR_CAPTURE_ADDON", "the mapping cannot be detached from its ArrayBuffer");
    }
    release_pages(mapping);
    unlink_mapping(mapping);
    return NULL;
  }
  napi_throw_type_error(env, NULL, "buffer is not a mapping of this thread");
  return NULL;
}
