/*
 * Sets the machine's clock, by seconds that may have a fraction and a sign:
 *
 *     set-clock step SECONDS    at once
 *     set-clock slew SECONDS    slowly, as adjtime(3) does: half a millisecond a second
 */
#define _DEFAULT_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static int step(double seconds) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  double whole = floor(seconds);
  at.tv_sec += (time_t)whole;
  at.tv_nsec += (long)((seconds - whole) * 1e9);
  if (at.tv_nsec >= 1000000000L) {
    at.tv_nsec -= 1000000000L;
    at.tv_sec++;
  }
  return clock_settime(CLOCK_REALTIME, &at);
}

static int slew(double seconds) {
  double whole = floor(seconds);
  struct timeval by = {.tv_sec = (time_t)whole, .tv_usec = (suseconds_t)((seconds - whole) * 1e6)};
  return adjtime(&by, NULL);
}

int main(int argc, char **argv) {
  if (argc != 3) return 64;
  int failed = strcmp(argv[1], "slew") == 0 ? slew(atof(argv[2])) : step(atof(argv[2]));
  if (failed) perror("set-clock");
  return failed ? 1 : 0;
}
