#!/bin/sh
# Kills the agent under live traffic, again and again, and compares the log service with the sender's account.
# soak.sh [ROUNDS]: 60 rounds when absent, some five minutes. Needs root.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
FLOWLOGD_SOAK_ROUNDS="${1:-60}" exec npx vitest run --project system test/system/durability.test.ts -t "loses no packet" --retry 0
