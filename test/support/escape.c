/*
 * What foreign code in the agent would try. LD_PRELOAD brings it in: a thread that is there before any line of flowlogd runs waits
 * until system calls are limited, then tries each of these and writes one line for it to standard error:
 *
 *     ESCAPE ptrace EPERM
 *
 * None would do harm if it was allowed: a filter refuses a call whatever its arguments, so they name what does not exist.
 *
 * ESCAPE is the process id of who starts the agent: what the agent starts tries nothing. ESCAPE_READ and ESCAPE_WRITE name a file
 * to be read and one to be made.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_US 5000
#define POLLS_MAX 1000
#define BLUETOOTH 31
#define ALG 38
#define VSOCK 40
#define KEYRING_SESSION (-3)
#define NOWHERE "/no/such/place"

static void say(const char *name, const char *result) {
  char line[256];
  int length = snprintf(line, sizeof line, "ESCAPE %s %s\n", name, result);
  if (write(STDERR_FILENO, line, (size_t)length) < 0) return;
}

/* A call that succeeds answers 0 or more; a descriptor of it is not closed, as nobody asks the intruder to. */
static void tried(const char *name, long answer) { say(name, answer >= 0 ? "done" : strerrorname_np(errno)); }

static long spawned(const char *path) {
  char *words[] = {(char *)path, NULL};
  pid_t child = fork();
  if (child < 0) return -1;
  if (child == 0) {
    execv(path, words);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  errno = WEXITSTATUS(status);
  return errno == 0 ? 0 : -1;
}

static void try_processes(void) {
  char byte = 0;
  struct iovec here = {&byte, 1}, there = {&byte, 1};
  char *words[] = {"/bin/true", NULL};
  tried("ptrace", ptrace(PTRACE_ATTACH, -1, 0, 0));
  tried("process_vm_readv", process_vm_readv(getppid(), &here, 1, &there, 1, 0));
  tried("pidfd_getfd", syscall(SYS_pidfd_getfd, 0, 0, 0));
  /* A call that succeeds does not come back: then the agent is gone, and its test with it. */
  tried("execve", execv(NOWHERE, words));
  tried("spawn", spawned("/bin/true"));
  tried("kill", kill(getppid(), 0));
  tried("setuid", syscall(SYS_setuid, 0));
}

static void try_kernel(void) {
  char attributes[128] = {0};
  tried("mount", mount("none", NOWHERE, "tmpfs", 0, NULL));
  tried("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
  tried("chroot", chroot(NOWHERE));
  tried("unshare", unshare(CLONE_NEWUSER));
  tried("setns", setns(0, CLONE_NEWNET));
  tried("clone-namespace", syscall(SYS_clone, CLONE_NEWUSER | CLONE_FS | SIGCHLD, 0, 0, 0, 0));
  tried("clone3", syscall(SYS_clone3, NULL, 0));
  tried("bpf", syscall(SYS_bpf, 0, attributes, sizeof attributes));
  tried("perf_event_open", syscall(SYS_perf_event_open, attributes, 0, -1, -1, 0));
  tried("init_module", syscall(SYS_init_module, attributes, sizeof attributes, ""));
  tried("keyctl", syscall(SYS_keyctl, 0, KEYRING_SESSION, 1));
  tried("userfaultfd", syscall(SYS_userfaultfd, 1));
  tried("io_uring_setup", syscall(SYS_io_uring_setup, 1, attributes));
  tried("io_uring_enter", syscall(SYS_io_uring_enter, -1, 0, 0, 0, NULL, 0));
  tried("sethostname", syscall(SYS_sethostname, NULL, 65536));
  tried("open_by_handle_at", syscall(SYS_open_by_handle_at, AT_FDCWD, attributes, O_RDONLY));
  tried("terminal", ioctl(-1, TIOCSTI, "x"));
}

static void try_sockets(void) {
  tried("socket-bluetooth", socket(BLUETOOTH, SOCK_RAW, 1));
  tried("socket-alg", socket(ALG, SOCK_SEQPACKET, 0));
  tried("socket-vsock", socket(VSOCK, SOCK_STREAM, 0));
  tried("socket-audit", socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT));
  tried("socket-uevent", socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT));
  tried("socket-inet", socket(AF_INET, SOCK_STREAM, 0));
}

static atomic_bool is_ending;

/* Some runs limit files once theirs are open. */
static void await_limit(const char *path) {
  int fd = -1;
  for (int polls = 0; polls < POLLS_MAX && !is_ending && (fd = open(path, O_RDONLY | O_CLOEXEC)) >= 0; polls++) {
    close(fd);
    usleep(POLL_US);
  }
}

static void try_files(void) {
  const char *read_path = getenv("ESCAPE_READ"), *write_path = getenv("ESCAPE_WRITE");
  if (read_path != NULL) await_limit(read_path);
  if (read_path != NULL) tried("read", open(read_path, O_RDONLY | O_CLOEXEC));
  if (write_path != NULL) tried("write", open(write_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

/* An unshare of nothing is allowed to everybody until it is refused to us. */
static bool is_limited(void) { return unshare(0) != 0 && errno == EPERM; }

static pthread_t thread;

static void *intrude(void *unused) {
  (void)unused;
  while (!is_limited()) {
    if (is_ending) return NULL;
    usleep(POLL_US);
  }
  try_sockets();
  try_kernel();
  try_processes();
  try_files();
  say("end", "");
  return NULL;
}

__attribute__((constructor)) static void begin(void) {
  const char *starter = getenv("ESCAPE");
  if (starter == NULL || getppid() != atoi(starter)) return;
  if (pthread_create(&thread, NULL, intrude, NULL) != 0) thread = 0;
}

/* A run that is over soon lasts until all is tried. */
__attribute__((destructor)) static void end(void) {
  is_ending = true;
  if (thread != 0) pthread_join(thread, NULL);
}
