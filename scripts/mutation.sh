#!/bin/sh
# Mutation tests of the rooms without I/O: changes their code in small ways, and counts how many changes a test notices. Prints the
# score of each room, and exits 1 if one is below 85 %. For the night: several hours on one core.
#
#     scripts/mutation.sh [ROOM...]        all rooms of scripts/mutation/rooms.json, unless some are named
#
# A mutant of the files of a room counts as noticed by the tests of that room alone, not by an end-to-end test that passes through.
# Survivors are in dist/mutation/ROOM.log, all mutants in dist/mutation/ROOM.json. Stryker is installed into dist/mutation at the first
# run: `npm install` brings nothing of it. From the environment:
#
#     MUTATION_FILES='FILE...'    of the one room that is named, only these files
#     MUTATION_SECONDS=N          a mutant that takes N seconds longer than the code itself hangs (15 when not given). It counts as
#                                 noticed, and is reported apart: on a busy machine one that is only slow is taken for it
#     MUTATION_WORKERS=N          N at once (1 when not given)
set -eu
cd "$(dirname "$0")/.."

STRYKER=9.6.1 # The last version that runs on Node.js 20.
SCORE_MIN=85

folder=dist/mutation
stryker=$folder/node_modules/@stryker-mutator
say() { printf 'mutation: %s\n' "$*" >&2; }

rooms() { node -p 'Object.keys(require("./scripts/mutation/rooms.json")).join(" ")'; }

check_names() {
  for room in "$@"; do
    case " $(rooms) " in
    *" $room "*) ;;
    *)
      say "unknown room '$room', expected one of: $(rooms)"
      exit 64
      ;;
    esac
  done
}

# They are of one room, because a score is of one.
check_files() {
  [ -n "${MUTATION_FILES:-}" ] || return 0
  if [ $# -ne 1 ]; then
    say 'MUTATION_FILES requires the name of one room'
    exit 64
  fi
  for file in $MUTATION_FILES; do
    [ -f "$file" ] && continue
    say "MUTATION_FILES names '$file', which does not exist"
    exit 64
  done
}

check_seconds() {
  case ${MUTATION_SECONDS:-15} in
  0 | 0* | *[!0-9]*)
    say "invalid MUTATION_SECONDS '$MUTATION_SECONDS': expected a number of seconds"
    exit 64
    ;;
  esac
}

install_stryker() {
  [ "$(node -p "require('./$stryker/core/package.json').version" 2>/dev/null)" = "$STRYKER" ] && return 0
  say "installing Stryker $STRYKER into $folder"
  mkdir -p "$folder"
  echo '{ "private": true }' >"$folder/package.json"
  # Without its peers: the runner takes the vitest of this clone.
  npm install --prefix "$folder" --legacy-peer-deps --no-audit --no-fund --loglevel=error \
    "@stryker-mutator/core@$STRYKER" "@stryker-mutator/vitest-runner@$STRYKER" >&2
}

mutate() {
  rm -f "$folder/$1.json"
  MUTATION_ROOM=$1 node "$stryker/core/bin/stryker.js" run scripts/mutation/stryker.config.mjs >"$folder/$1.log" 2>&1 || {
    tail -n 20 "$folder/$1.log" >&2
    say "the mutation test of $1 failed, see above; all of it is in $folder/$1.log"
    exit 70
  }
}

check_names "$@"
check_files "$@"
check_seconds
sh scripts/setup.sh
install_stryker
# shellcheck disable=SC2046 # a list of words
[ $# -gt 0 ] || set -- $(rooms)
status=0
for room in "$@"; do
  mutate "$room"
  node scripts/mutation/score.mjs "$room" "$SCORE_MIN" || status=1
done
exit $status
