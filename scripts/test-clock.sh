#!/bin/sh
# The whole machine's clock set forward and back under live traffic, by seconds and by years, and the machine put to sleep: every
# packet must be counted once (test/system/clock-step.test.ts). It is for a virtual machine that nobody else uses.
#
#   FLOWLOGD_SET_CLOCK=yes scripts/test-clock.sh     as root, after npm run build
#
# FLOWLOGD_SUSPEND is the command that puts the machine to sleep and ends when it is awake; `rtcwake -m freeze -s 5` when absent.
set -eu
cd "$(dirname "$0")/.."
[ "${FLOWLOGD_SET_CLOCK:-}" = yes ] || {
  echo "test-clock: this sets the clock of the whole machine and puts it to sleep; where that does no harm, set FLOWLOGD_SET_CLOCK=yes" >&2
  exit 64
}
[ "$(id -u)" = 0 ] || { echo "test-clock: it must be root to set the clock" >&2; exit 77; }
exec npx vitest run --retry 0 test/system/clock-step.test.ts
