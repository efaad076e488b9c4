/*
 * Landlock (landlock(7)): files that a thread, or all of them, and whatever they execute, may use from now on. Called by their numbers, because the C
 * library has no functions for them; which files and rights is decided in JavaScript.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of all architectures, and of headers older than the kernel. */
#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446
#define VERSION_FLAG 1
#define RULE_PATH_BENEATH 1
/* Rights that a rule on a file may have: executing, writing, reading, truncating, and the requests of a device. */
#define RIGHTS_OF_FILES (1u << 0 | 1u << 1 | 1u << 2 | 1u << 14 | 1u << 15)

/* As linux/landlock.h has them; a kernel that knows less takes the longer one while the rest is zero. */
struct ruleset_attributes {
  uint64_t handled_files;
  uint64_t handled_network;
  uint64_t scoped;
};

struct path_rule {
  uint64_t rights;
  int32_t parent_fd;
} __attribute__((packed));

/* Of the kernel, 0 where it has none. */
napi_value landlock_version(napi_env env, napi_callback_info info) {
  if (arguments_of(env, info, 0, NULL) == NULL) return NULL;
  long version = syscall(CREATE_RULESET, NULL, 0, VERSION_FLAG);
  return number_of(env, version < 0 ? 0 : (double)version);
}

/* 0, or the error; a path that is not there, or out of reach, needs no rule. */
static int allow(int ruleset, const char *path, uint64_t rights) {
  struct stat status;
  struct path_rule rule = {.rights = rights, .parent_fd = open(path, O_PATH | O_CLOEXEC)};
  if (rule.parent_fd < 0) return 0;
  if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode)) rule.rights &= RIGHTS_OF_FILES;
  int failure = rule.rights == 0 || syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : errno;
  close(rule.parent_fd);
  /* A pipe, as /dev/stdin may be one: the kernel limits none of them. */
  return failure == EBADFD ? 0 : failure;
}

static int allow_all(napi_env env, int ruleset, napi_value paths, napi_value rights) {
  uint32_t count = 0;
  if (napi_get_array_length(env, paths, &count) != napi_ok) {
    napi_throw_type_error(env, NULL, "paths must be an array");
    return -1;
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value element = NULL, bits = NULL;
    char path[4096];
    int32_t right = 0;
    if (napi_get_element(env, paths, i, &element) != napi_ok || napi_get_element(env, rights, i, &bits) != napi_ok) return -1;
    if (take_string(env, element, "path", path, sizeof path) != 0 || take_int32(env, bits, "rights", &right) != 0) return -1;
    int failure = allow(ruleset, path, (uint32_t)right);
    if (failure == 0) continue;
    throw_errno(env, failure, path);
    return -1;
  }
  return 0;
}

static int restrict_thread(int ruleset) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return syscall(RESTRICT_SELF, ruleset, 0) == 0 ? 0 : errno;
}

/* limitFiles(handled, scoped, paths, rights, ofAll): of the handled rights this thread, or all, have those of the rules alone. */
napi_value limit_files(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  int32_t handled = 0, scoped = 0;
  bool is_of_all = false;
  if (arguments_of(env, info, 5, arguments) == NULL) return NULL;
  if (napi_get_value_bool(env, arguments[4], &is_of_all) != napi_ok) {
    napi_throw_type_error(env, NULL, "ofAll must be a boolean");
    return NULL;
  }
  if (take_int32(env, arguments[0], "handled", &handled) != 0 || take_int32(env, arguments[1], "scoped", &scoped) != 0) return NULL;
  struct ruleset_attributes attributes = {.handled_files = (uint32_t)handled, .scoped = (uint32_t)scoped};
  int ruleset = (int)syscall(CREATE_RULESET, &attributes, sizeof attributes, 0);
  if (ruleset < 0) return throw_errno(env, errno, "limiting files");
  if (allow_all(env, ruleset, arguments[2], arguments[3]) == 0) {
    int failure = is_of_all ? on_all_threads(restrict_thread, ruleset) : restrict_thread(ruleset);
    if (failure != 0) throw_errno(env, failure, "limiting files");
  }
  close(ruleset);
  return NULL;
}
