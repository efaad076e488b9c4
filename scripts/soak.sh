#!/bin/sh
# Six long trials, each compared with the sender's account: the agent killed under live traffic, ended by SIGTERM, its interface
# taken away, all of this at random beside SIGSTOP, a log service that is killed and storms of a thousand interfaces that come and
# go; agent and log service killed while an hour's backlog drains; a SYN flood.
# soak.sh [ROUNDS]: so many kills of each kind at least, as many outages and as many seconds of flood; 60 when absent, some twenty
# minutes. Needs root.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
FLOWLOGD_SOAK_ROUNDS="${1:-60}" exec npx vitest run --retry 0 \
  test/system/durability.test.ts test/system/outages.test.ts test/system/backlog.test.ts test/system/flood.test.ts \
  test/system/stopping.test.ts test/system/chaos.test.ts \
  -t "loses no packet|misses no packet|arrives exactly once|is counted to the last packet|counts every packet until the gap begins|lose no packet that no ledger explains"
