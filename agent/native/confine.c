/*
 * What a process is refused from now on: system calls (seccomp(2)). Which ones is decided in JavaScript.
 */
#include "addon.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* 0, or the error. A thread that cannot take the filter is answered by its number. */
static int set_filter(struct sock_fprog *program, unsigned int flags) {
  long answer = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | flags, program);
  if (answer == 0) return 0;
  return answer > 0 ? ESRCH : errno;
}

/*
 * All threads of the process, and all that it starts, run this program of classic BPF at each system call from now on, and take no
 * new privileges from what they execute. Without the flag older kernels would have every thread pay for its branch predictions;
 * kernels before 4.17 do not know it.
 */
napi_value filter_system_calls(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  napi_typedarray_type type = napi_int8_array;
  size_t bytes = 0;
  void *data = NULL;
  if (arguments_of(env, info, 1, arguments) == NULL) return NULL;
  if (napi_get_typedarray_info(env, arguments[0], &type, &bytes, &data, NULL, NULL) != napi_ok ||
      type != napi_uint8_array || bytes == 0 || bytes % sizeof(struct sock_filter) != 0 ||
      bytes / sizeof(struct sock_filter) > BPF_MAXINSNS) {
    napi_throw_type_error(env, NULL, "program must be a Uint8Array of at most 4096 instructions");
    return NULL;
  }
  struct sock_fprog program = {.len = (unsigned short)(bytes / sizeof(struct sock_filter)), .filter = data};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return throw_errno(env, errno, "forgoing new privileges");
  int failure = set_filter(&program, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
  if (failure == EINVAL) failure = set_filter(&program, 0);
  return failure == 0 ? NULL : throw_errno(env, failure, "filtering system calls");
}
