/*
 * One act of every thread of the process, as setuid(2) of the C library is: each of the others does it in the handler of a signal. It
 * is the signal of setuid(2), because the C library lets no thread block it.
 */
#include "addon.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIGNAL 33
#define POLL_US 100
#define POLLS_MAX 10000

/* As the kernel has it, of x86_64 and of aarch64. */
struct kernel_action {
  void (*handler)(int);
  unsigned long flags;
  void (*restorer)(void);
  uint64_t mask;
};

static int (*act)(int);
static int operand;
static atomic_int acted, act_failure;

static void on_signal(int number) {
  (void)number;
  int errno_before = errno;
  int failure = act(operand);
  if (failure != 0) act_failure = failure;
  acted++;
  errno = errno_before;
}

static int set_action(int number, const struct kernel_action *action, struct kernel_action *before) {
  return syscall(SYS_rt_sigaction, number, action, before, sizeof action->mask) == 0 ? 0 : errno;
}

/* The C library refuses its own signal, but makes what the kernel needs to come back from the handler of another one. */
static int take_signal(struct kernel_action *before) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, other;
  struct kernel_action made;
  if (sigaction(SIGRTMIN, &action, &other) != 0) return errno;
  int failure = set_action(SIGRTMIN, NULL, &made);
  sigaction(SIGRTMIN, &other, NULL);
  return failure != 0 ? failure : set_action(SIGNAL, &made, before);
}

/* Until it has acted, or is over. */
static int have_act(pid_t thread) {
  int before = acted;
  if (syscall(SYS_tgkill, getpid(), thread, SIGNAL) != 0) return errno == ESRCH ? 0 : errno;
  for (int polls = 0; acted == before; polls++) {
    if (polls == POLLS_MAX) return ETIMEDOUT;
    if (syscall(SYS_tgkill, getpid(), thread, 0) != 0) return 0;
    usleep(POLL_US);
  }
  return act_failure;
}

struct threads {
  pid_t *ids;
  size_t count;
};

static bool has(const struct threads *threads, pid_t id) {
  for (size_t i = 0; i < threads->count; i++) {
    if (threads->ids[i] == id) return true;
  }
  return false;
}

static int add(struct threads *threads, pid_t id) {
  pid_t *ids = realloc(threads->ids, (threads->count + 1) * sizeof *ids);
  if (ids == NULL) return ENOMEM;
  ids[threads->count++] = id;
  threads->ids = ids;
  return 0;
}

/* Of all threads that are not among these, which it adds. */
static int have_others_act(struct threads *threads) {
  DIR *folder = opendir("/proc/self/task");
  int failure = folder == NULL ? errno : 0;
  for (struct dirent *entry; failure == 0 && (entry = readdir(folder)) != NULL;) {
    pid_t id = (pid_t)atoi(entry->d_name);
    if (!isdigit((unsigned char)entry->d_name[0]) || has(threads, id)) continue;
    failure = add(threads, id);
    if (failure == 0) failure = have_act(id);
  }
  if (folder != NULL) closedir(folder);
  return failure;
}

/* 0, or an error; what a thread starts that has acted begins as it is. To be called by one thread at a time. */
int on_all_threads(int (*action)(int), int argument) {
  struct kernel_action before;
  struct threads threads = {.ids = NULL, .count = 0};
  act = action;
  operand = argument;
  act_failure = 0;
  int failure = take_signal(&before);
  if (failure != 0) return failure;
  failure = add(&threads, (pid_t)syscall(SYS_gettid));
  /* One that had not acted yet may have started another meanwhile. */
  for (size_t known = 0; failure == 0 && known < threads.count;) {
    known = threads.count;
    failure = have_others_act(&threads);
  }
  free(threads.ids);
  set_action(SIGNAL, &before, NULL);
  return failure != 0 ? failure : action(argument);
}
