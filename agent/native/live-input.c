/*
 * Standard input that may be silent for long: a pipe, a socket or a terminal. A capture is read by the main thread, where no
 * signal reaches JavaScript while a read waits. So a read looks every tenth of a second whether a signal that ends the process
 * has come, and then the input ends: what was read before counts, and JavaScript gets its signal.
 */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOOK_MS 100

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP};
static volatile sig_atomic_t is_end_asked = 0;
static void (*volatile next_handlers[NSIG])(int);

static void note_end(int number) {
  is_end_asked = 1;
  next_handlers[number](number);
}

/* In front of the handlers of Node; a signal without one ends the process by itself. */
static void watch_signals(void) {
  for (size_t i = 0; i < sizeof ending_signals / sizeof *ending_signals; i++) {
    int number = ending_signals[i];
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0 || (action.sa_flags & SA_SIGINFO) != 0) continue;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN || action.sa_handler == note_end) continue;
    next_handlers[number] = action.sa_handler;
    action.sa_handler = note_end;
    sigaction(number, &action, NULL);
  }
}

static ssize_t read_input(void *cookie, char *bytes, size_t size) {
  struct pollfd input = {.fd = *(int *)cookie, .events = POLLIN};
  while (!is_end_asked) {
    int ready = poll(&input, 1, LOOK_MS);
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    if (ready < 0) return -1;
    ssize_t got = read(input.fd, bytes, size);
    if (got >= 0 || (errno != EINTR && errno != EAGAIN)) return got;
  }
  return 0;
}

static int close_input(void *cookie) {
  int fd = *(int *)cookie;
  free(cookie);
  return close(fd);
}

/* A duplicate, so that closing the capture leaves descriptor 0 alone; blocking, as fread must have it. */
static int open_input(void) {
  int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) != 0) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  return fd;
}

FILE *open_standard_input(void) {
  struct stat status;
  int fd = open_input();
  if (fd < 0) return NULL;
  FILE *file = NULL;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
    file = fdopen(fd, "rb");
  } else {
    int *cookie = malloc(sizeof *cookie);
    if (cookie != NULL) {
      *cookie = fd;
      watch_signals();
      file = fopencookie(cookie, "rb", (cookie_io_functions_t){.read = read_input, .close = close_input});
      if (file == NULL) free(cookie);
    }
  }
  if (file == NULL) close(fd);
  return file;
}
