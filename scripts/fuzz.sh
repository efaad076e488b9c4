#!/bin/sh
# A long run of the fuzzers: every reader of others' bytes for SECONDS (300 when not given), from a start of its own, then the
# native addon under its sanitizers. An input that is a finding is kept in test/fuzz/seeds, where every later run meets it.
# FUZZ_START=N repeats the run that began with N.
#
#   sh scripts/fuzz.sh [SECONDS]
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-300}
FUZZ_SECONDS=$seconds npx vitest run --project unit test/fuzz
sh scripts/sanitize-addon.sh test/fuzz/seeds/savefile "$((seconds * 10))" "$((seconds * 100))"
