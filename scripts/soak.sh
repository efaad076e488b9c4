#!/bin/sh
# Four long trials, each compared with the sender's account: the agent killed under live traffic, its interface taken away under live
# traffic, agent and log service killed while an hour's backlog drains, a SYN flood.
# soak.sh [ROUNDS]: so many kills of each kind at least, as many outages and as many seconds of flood; 60 when absent, some eleven
# minutes. Needs root.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
FLOWLOGD_SOAK_ROUNDS="${1:-60}" exec npx vitest run --project system --retry 0 \
  test/system/durability.test.ts test/system/outages.test.ts test/system/backlog.test.ts test/system/flood.test.ts \
  -t "loses no packet|misses no packet|arrives exactly once|is counted to the last packet"
