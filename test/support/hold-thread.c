/* Stops one thread of a process, and it alone, for as long as this runs: hold-thread TID */
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  pid_t thread = argc == 2 ? (pid_t)atoi(argv[1]) : 0;
  if (thread <= 0) return 64;
  if (ptrace(PTRACE_SEIZE, thread, 0, 0) != 0 || ptrace(PTRACE_INTERRUPT, thread, 0, 0) != 0) {
    perror("hold-thread");
    return 69;
  }
  /* Answers at its stop and at its death; nothing lets it continue. */
  while (waitpid(thread, NULL, __WALL) == thread) {
  }
  pause();
  return 0;
}
