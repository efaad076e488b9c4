#!/bin/sh
# Runs the tests on other versions of Node.js: in a copy of this clone's files, set up anew by each version, all unit tests and those
# system tests that start the built agent. Prints one line for each version, and exits 1 if a test fails on one.
#
#     scripts/test-node.sh VERSION...      for example 22 24 26: the newest of each line; or 24.21.0
#
# Node.js comes from the npm package `node`, which has no C headers: the addon is that of this clone, because Node-API is the same in
# all versions, and the optional engine `cap` is built only where node-gyp can download headers. Logs are in dist/node/VERSION. Takes
# about five minutes for each version; the system tests need what they need here.
set -eu
cd "$(dirname "$0")/.."

SYSTEM_TESTS='capture-live delivery embedded-service replay run sandbox signals upgrade'

say() { printf 'test-node: %s\n' "$*" >&2; }

# Prints the folder of the program.
install_node() {
  folder=$PWD/dist/node/$1
  mkdir -p "$folder"
  echo '{ "private": true }' >"$folder/package.json"
  npm install --prefix "$folder" --no-audit --no-fund --loglevel=error "node@$1" >&2 || {
    say "Node.js $1 could not be installed, see above"
    exit 69
  }
  printf '%s/node_modules/node/bin' "$folder"
}

copy_clone() {
  git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=- --ignore-failed-read | tar --extract --directory "$1"
  mkdir -p "$1/agent/native/build/Release"
  cp -p agent/native/build/.flowlogd-machine "$1/agent/native/build/"
  cp agent/native/build/Release/capture.node "$1/agent/native/build/Release/"
}

# run_project LOG PROJECT FILE...: prints how many tests passed and failed. The log names those that failed or were skipped.
run_project() {
  log=$1
  project=$2
  shift 2
  rm -f "$log.json"
  TEST_COUNTS=$log.json npx vitest run --project "$project" --reporter=default --reporter=./.ci/test-summary.mjs "$@" \
    >"$log.log" 2>&1 || true
  node -p "const { passed, failed } = require('$log.json'); \`\${passed} passed, \${failed} failed\`" 2>/dev/null || printf '0 passed, 1 failed'
}

# Everything below runs in the copy, with the Node.js under test first on the PATH.
test_version() (
  logs=$PWD/dist/node/$1
  PATH=$(install_node "$1"):$PATH
  export PATH
  version=$(node --version)
  copy=$(mktemp -d)
  trap 'rm -rf "$copy"' EXIT
  trap 'exit 130' INT TERM
  copy_clone "$copy"
  cd "$copy"
  say "setting up with Node.js $version"
  sh scripts/setup.sh || exit 69
  say "running the tests on Node.js $version"
  unit=$(run_project "$logs/unit" unit)
  # shellcheck disable=SC2046 # a list of words
  system=$(run_project "$logs/system" system $(printf 'test/system/%s.test.ts ' $SYSTEM_TESTS))
  printf 'Node.js %s: unit tests %s; system tests %s\n' "$version" "$unit" "$system"
  case "$unit; $system" in *', 0 failed; '*', 0 failed') ;; *) exit 1 ;; esac
)

[ $# -gt 0 ] || {
  sed -n '2,9s/^# \{0,1\}//p' "$0"
  exit 64
}
sh scripts/setup.sh
status=0
for version in "$@"; do
  test_version "$version" || status=1
done
exit $status
