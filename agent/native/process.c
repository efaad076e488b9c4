/*
 * What a daemon needs of Linux and Node.js does not offer: a datagram to systemd's socket, capabilities, and execve. Each
 * function is one system call or one set of them, for the calling thread; what is asked for and why is decided in JavaScript.
 */
#include "addon.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_BYTES_MAX 4096
#define ARGUMENTS_MAX 256
/* The newest kernel's capabilities fit the two words of the call. */
#define CAPABILITIES_MAX 64

extern char **environ;

/* unix(7): a name that begins with '@', as sd_notify(3) writes it, is in the abstract namespace, where that octet is zero. */
static socklen_t address_of(const char *path, struct sockaddr_un *address) {
  size_t length = strlen(path);
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy(address->sun_path, path, length);
  if (path[0] != '@') return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
  address->sun_path[0] = '\0';
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/* Never waits: a service manager that does not read must not stop a capture. */
napi_value send_datagram(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct sockaddr_un address;
  char path[sizeof address.sun_path];
  char text[MESSAGE_BYTES_MAX];
  if (arguments_of(env, info, 2, arguments) == NULL) return NULL;
  if (take_string(env, arguments[0], "path", path, sizeof path) != 0) return NULL;
  if (take_string(env, arguments[1], "text", text, sizeof text) != 0) return NULL;
  int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return throw_errno(env, errno, "making a socket for datagrams");
  socklen_t length = address_of(path, &address);
  ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address, length);
  int failure = errno;
  close(fd);
  if (sent < 0) return throw_errno(env, failure, "sending a datagram");
  return NULL;
}

static int take_capabilities(napi_env env, napi_value value, uint64_t *out) {
  uint32_t count = 0;
  *out = 0;
  if (napi_get_array_length(env, value, &count) != napi_ok) {
    napi_throw_type_error(env, NULL, "capabilities must be an array");
    return -1;
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value element = NULL;
    int32_t number = -1;
    if (napi_get_element(env, value, i, &element) != napi_ok) return -1;
    if (take_int32(env, element, "capability", &number) != 0) return -1;
    if (number < 0 || number >= CAPABILITIES_MAX) {
      napi_throw_range_error(env, NULL, "there is no capability of that number");
      return -1;
    }
    *out |= (uint64_t)1 << number;
  }
  return 0;
}

/* EINVAL says that the kernel has no capability of that number, nor any later one. */
static int limit_bounding_set(uint64_t kept) {
  for (int number = 0; number < CAPABILITIES_MAX; number++) {
    if ((kept >> number & 1) != 0) continue;
    if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0) return errno == EINVAL ? 0 : errno;
  }
  return 0;
}

/* Takes all others, and makes these inheritable, which ambient ones must be and which alone grants nothing. */
static int set_capabilities(uint64_t kept) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  struct __user_cap_data_struct data[2];
  bool changes = false;
  if (syscall(SYS_capget, &header, data) != 0) return errno;
  for (int word = 0; word < 2; word++) {
    uint32_t left = data[word].permitted & (uint32_t)(kept >> (32 * word));
    if (data[word].permitted != left || data[word].effective != left || data[word].inheritable != left) changes = true;
    data[word].permitted = data[word].effective = data[word].inheritable = left;
  }
  /* A sandbox that gave us these and no others may forbid the call. */
  return changes && syscall(SYS_capset, &header, data) != 0 ? errno : 0;
}

/* Ambient ones are what a program that root has executed starts with, once root stands for nothing. */
static int raise_ambient(uint64_t kept) {
  for (int number = 0; number < CAPABILITIES_MAX; number++) {
    if ((kept >> number & 1) == 0) continue;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) != 0 && errno != EPERM) return errno;
  }
  return 0;
}

/* Of this thread alone: the C library would ask all others, which the program that is executed does not have. */
static int become_user(uid_t uid, gid_t gid) {
  if (syscall(SYS_setgroups, 0, NULL) != 0) return errno;
  if (syscall(SYS_setresgid, gid, gid, gid) != 0) return errno;
  return syscall(SYS_setresuid, uid, uid, uid) == 0 ? 0 : errno;
}

/*
 * Leaves this thread, and whatever it executes, with no more than these capabilities for ever, as another user where uid is not -1.
 * Needs CAP_SETPCAP. The order matters: the bounding set and the bits go while the capability to change them is still there, and
 * another user would have none without the bit that keeps them until the program is executed.
 */
napi_value limit_capabilities(napi_env env, napi_callback_info info) {
  static const unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_KEEP_CAPS;
  napi_value arguments[3];
  uint64_t kept = 0;
  int32_t uid = -1, gid = -1;
  if (arguments_of(env, info, 3, arguments) == NULL) return NULL;
  if (take_capabilities(env, arguments[0], &kept) != 0) return NULL;
  if (take_int32(env, arguments[1], "uid", &uid) != 0 || take_int32(env, arguments[2], "gid", &gid) != 0) return NULL;
  int failure = limit_bounding_set(kept);
  if (failure == 0 && prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) != 0) failure = errno;
  if (failure == 0 && uid != -1) failure = become_user((uid_t)uid, (gid_t)gid);
  if (failure == 0) failure = set_capabilities(kept);
  if (failure == 0) failure = raise_ambient(kept);
  return failure == 0 ? NULL : throw_errno(env, failure, "giving up capabilities");
}

/* Takes from this thread what is not to be kept, and gives the rest to what it executes. */
napi_value pass_capabilities(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  uint64_t kept = 0;
  if (arguments_of(env, info, 1, arguments) == NULL) return NULL;
  if (take_capabilities(env, arguments[0], &kept) != 0) return NULL;
  int failure = set_capabilities(kept);
  if (failure == 0) failure = raise_ambient(kept);
  return failure == 0 ? NULL : throw_errno(env, failure, "passing capabilities on");
}

/* keepCapabilities(kept, passed): takes from this thread what is not to be kept, and from what it executes what is not passed on. */
napi_value keep_capabilities(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  uint64_t kept = 0, passed = 0;
  if (arguments_of(env, info, 2, arguments) == NULL) return NULL;
  if (take_capabilities(env, arguments[0], &kept) != 0 || take_capabilities(env, arguments[1], &passed) != 0) return NULL;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return throw_errno(env, errno, "forgoing new privileges");
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0) {
    return throw_errno(env, errno, "giving up ambient capabilities");
  }
  int failure = set_capabilities(kept);
  if (failure == 0) failure = raise_ambient(passed);
  return failure == 0 ? NULL : throw_errno(env, failure, "giving up capabilities");
}

/* Takes the words of `value` into `words`, ended by NULL. */
static int take_words(napi_env env, napi_value value, char *words[ARGUMENTS_MAX + 1]) {
  uint32_t count = 0;
  if (napi_get_array_length(env, value, &count) != napi_ok || count > ARGUMENTS_MAX) {
    napi_throw_type_error(env, NULL, "words must be an array of at most 256");
    return -1;
  }
  for (uint32_t i = 0; i < count; i++) {
    napi_value element = NULL;
    size_t length = 0;
    if (napi_get_element(env, value, i, &element) != napi_ok) return -1;
    if (napi_get_value_string_utf8(env, element, NULL, 0, &length) != napi_ok) {
      napi_throw_type_error(env, NULL, "a word must be a string");
      return -1;
    }
    words[i] = malloc(length + 1);
    if (words[i] == NULL) return -1;
    napi_get_value_string_utf8(env, element, words[i], length + 1, &length);
  }
  return 0;
}

/*
 * execve(2) with the present environment: the process continues as another program, with its id and its standard streams, and
 * all threads but this one are gone. Answers only when it fails.
 */
napi_value execute(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  char path[4096];
  char *words[ARGUMENTS_MAX + 1] = {NULL};
  if (arguments_of(env, info, 2, arguments) == NULL) return NULL;
  if (take_string(env, arguments[0], "path", path, sizeof path) != 0) return NULL;
  int taken = take_words(env, arguments[1], words);
  if (taken == 0) {
    /* Node.js marks them to be closed, because it hands them to its children in another way. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) fcntl(fd, F_SETFD, 0);
    execve(path, words, environ);
    throw_errno(env, errno, "executing");
  }
  for (size_t i = 0; words[i] != NULL; i++) free(words[i]);
  return NULL;
}

/* flock(2), without waiting: false where another open of the file has it. The kernel drops it with the last descriptor. */
napi_value lock_file(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  napi_value result = NULL;
  int32_t fd = -1;
  if (arguments_of(env, info, 1, arguments) == NULL) return NULL;
  if (take_int32(env, arguments[0], "fd", &fd) != 0) return NULL;
  int failure;
  do {
    failure = flock(fd, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  } while (failure == EINTR);
  if (failure != 0 && failure != EWOULDBLOCK) return throw_errno(env, failure, "locking a file");
  napi_get_boolean(env, failure == 0, &result);
  return result;
}
