/*
 * Users of the host as its databases know them, and what one of them could reach. The question is asked as that user, in a child
 * that ends with its answer: lists of permissions, file systems of other hosts and security modules all count.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENTRY_BYTES 65536
#define PATHS_MAX 256
#define PATH_BYTES 4096

/* The user and the group of a name, or undefined. */
napi_value user_named(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  napi_value result = NULL;
  char name[256];
  char *buffer;
  struct passwd entry, *found = NULL;
  if (arguments_of(env, info, 1, arguments) == NULL) return NULL;
  if (take_string(env, arguments[0], "name", name, sizeof name) != 0) return NULL;
  buffer = malloc(ENTRY_BYTES);
  if (buffer == NULL) return throw_errno(env, ENOMEM, "looking for a user");
  getpwnam_r(name, &entry, buffer, ENTRY_BYTES, &found);
  if (found != NULL && napi_create_object(env, &result) == napi_ok) {
    set_property(env, result, "uid", number_of(env, found->pw_uid));
    set_property(env, result, "gid", number_of(env, found->pw_gid));
  }
  free(buffer);
  return result;
}

/* Whether a user or a group has this number. */
napi_value is_id_taken(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  napi_value result = NULL;
  int32_t id = -1;
  char *buffer;
  struct passwd user, *found_user = NULL;
  struct group group, *found_group = NULL;
  if (arguments_of(env, info, 1, arguments) == NULL) return NULL;
  if (take_int32(env, arguments[0], "id", &id) != 0) return NULL;
  buffer = malloc(ENTRY_BYTES);
  if (buffer == NULL) return throw_errno(env, ENOMEM, "looking for a user");
  getpwuid_r((uid_t)id, &user, buffer, ENTRY_BYTES, &found_user);
  if (found_user == NULL) getgrgid_r((gid_t)id, &group, buffer, ENTRY_BYTES, &found_group);
  free(buffer);
  napi_get_boolean(env, found_user != NULL || found_group != NULL, &result);
  return result;
}

struct question {
  uint32_t count;
  char *paths[PATHS_MAX];
  int modes[PATHS_MAX];
};

static int take_question(napi_env env, napi_value paths, napi_value modes, struct question *question) {
  uint32_t count = 0;
  if (napi_get_array_length(env, paths, &count) != napi_ok || count > PATHS_MAX) {
    napi_throw_type_error(env, NULL, "paths must be an array of at most 256");
    return -1;
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value path = NULL, mode = NULL;
    int32_t bits = 0;
    char text[PATH_BYTES];
    if (napi_get_element(env, paths, i, &path) != napi_ok || napi_get_element(env, modes, i, &mode) != napi_ok) return -1;
    if (take_string(env, path, "path", text, sizeof text) != 0 || take_int32(env, mode, "mode", &bits) != 0) return -1;
    question->paths[i] = strdup(text);
    if (question->paths[i] == NULL) return -1;
    question->modes[i] = bits;
    question->count = i + 1;
  }
  return 0;
}

#define CANNOT_BE_USER UINT32_MAX

/* Another user has none anyway; root is then held to the permissions of files as well. */
static int drop_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  static const struct __user_cap_data_struct none[2];
  return (int)syscall(SYS_capset, &header, none);
}

/* In the child, so with system calls alone. Answers the number of the first path that cannot be reached, or the count of all. */
static uint32_t first_unreachable(const struct question *question, uid_t uid, gid_t gid) {
  if (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, gid, gid, gid) != 0 ||
      syscall(SYS_setresuid, uid, uid, uid) != 0 || drop_capabilities() != 0) {
    return CANNOT_BE_USER;
  }
  for (uint32_t i = 0; i < question->count; i++) {
    if (syscall(SYS_faccessat, AT_FDCWD, question->paths[i], question->modes[i]) != 0) return i;
  }
  return question->count;
}

/* The answer of a child, or an error. */
static int ask(const struct question *question, uid_t uid, gid_t gid, uint32_t *answer) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return errno;
  pid_t child = fork();
  if (child == 0) {
    uint32_t found = first_unreachable(question, uid, gid);
    _exit(write(ends[1], &found, sizeof found) == sizeof found ? 0 : 1);
  }
  int failure = child < 0 ? errno : 0;
  close(ends[1]);
  if (failure == 0 && read(ends[0], answer, sizeof *answer) != sizeof *answer) failure = EIO;
  close(ends[0]);
  if (child > 0) waitpid(child, NULL, 0);
  return failure;
}

/* The number of the first path that the user, without any capability, could not reach in that mode (access(2)), -1 when it reaches all; throws EPERM where this process cannot be that user. */
napi_value first_out_of_reach(napi_env env, napi_callback_info info) {
  napi_value arguments[4];
  napi_value result = NULL;
  int32_t uid = -1, gid = -1;
  uint32_t answer = 0;
  struct question question = {.count = 0};
  if (arguments_of(env, info, 4, arguments) == NULL) return NULL;
  if (take_int32(env, arguments[0], "uid", &uid) != 0 || take_int32(env, arguments[1], "gid", &gid) != 0) return NULL;
  if (take_question(env, arguments[2], arguments[3], &question) == 0) {
    int failure = ask(&question, (uid_t)uid, (gid_t)gid, &answer);
    if (failure == 0 && answer == CANNOT_BE_USER) failure = EPERM;
    if (failure != 0) throw_errno(env, failure, "asking what a user can reach");
    else result = number_of(env, answer == question.count ? -1 : (double)answer);
  }
  for (uint32_t i = 0; i < question.count; i++) free(question.paths[i]);
  return result;
}
