/*
 * Executes a program as on a kernel without Landlock, whose three system calls then do not exist: without-landlock PROGRAM WORDS...
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#define FIRST 444
#define LAST 446

int main(int argc, char **argv) {
  struct sock_filter instructions[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, FIRST, 0, 2),
    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, LAST, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof instructions / sizeof instructions[0], instructions};
  if (argc < 2) return 64;
  /* Without no_new_privs, which a kernel without Landlock would not set either: that takes root. */
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    perror("without-landlock");
    return 77;
  }
  execvp(argv[1], argv + 1);
  perror(argv[1]);
  return 69;
}
