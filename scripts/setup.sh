#!/bin/sh
# Makes a clone ready to run and to test: system packages, npm packages, the native addon, the build. Says in one line what it
# does and nothing when all is done; may be repeated, interrupted, and run twice at once. Exit codes after sysexits(3).
set -eu
cd "$(dirname "$0")/.."

addon=agent/native/build/Release/capture.node

say() { printf 'setup: %s\n' "$*" >&2; }

# refuse EXIT_CODE SENTENCE
refuse() {
  say "$2"
  exit "$1"
}

# Only one of several runs at once does the work; the others wait for it and find nothing to do.
lock() {
  mkdir -p dist
  if command -v flock >/dev/null 2>&1; then
    exec 9>dist/.setup-lock
    flock -w 900 9 || refuse 69 'another setup has been running here for 15 minutes; look for it with: ps aux | grep setup.sh'
  fi
}

check_node() {
  command -v node >/dev/null 2>&1 || refuse 69 'flowlogd needs Node.js 20 or newer, and there is no node on the PATH.'
  version=$(node -p 'process.versions.node')
  [ "${version%%.*}" -ge 20 ] || refuse 69 "flowlogd needs Node.js 20 or newer, and this is $version."
  command -v npm >/dev/null 2>&1 || refuse 69 'flowlogd needs npm, and there is no npm on the PATH.'
}

# Prints the Debian packages that are missing for building the addon.
missing_packages() {
  command -v make >/dev/null 2>&1 || printf ' make'
  command -v g++ >/dev/null 2>&1 || command -v c++ >/dev/null 2>&1 || printf ' g++'
  command -v python3 >/dev/null 2>&1 || printf ' python3'
  has_pcap_headers || printf ' libpcap-dev'
}

# Asks the compiler, because the headers may be in a folder of its own choice; without one, looks where Debian has them.
has_pcap_headers() {
  if command -v cc >/dev/null 2>&1; then
    printf '#include <pcap/pcap.h>\n' | cc -E -x c - >/dev/null 2>&1
  else
    [ -e /usr/include/pcap/pcap.h ]
  fi
}

install_packages() {
  packages=$(missing_packages)
  [ -n "$packages" ] || return 0
  command="apt-get install -y --no-install-recommends$packages"
  command -v apt-get >/dev/null 2>&1 ||
    refuse 69 "flowlogd needs these to be built (by their names in Debian):$packages. Install them and run this again."
  [ "$(id -u)" -eq 0 ] || refuse 77 "flowlogd needs packages that only root can install. Run: sudo $command"
  say "installing$packages"
  export DEBIAN_FRONTEND=noninteractive
  set -- -o DPkg::Lock::Timeout=300
  log=dist/.setup-apt.log
  # shellcheck disable=SC2086 # a list of words
  { apt-get "$@" update && apt-get "$@" install -y --no-install-recommends $packages; } >"$log" 2>&1 9>&- || {
    tail -n 20 "$log" >&2
    refuse 69 "installing$packages failed, see above; all of it is in $log."
  }
}

# Where node came with its headers, native parts are built with those and nothing is downloaded.
use_own_headers() {
  prefix=$(node -p 'require("node:path").resolve(process.execPath, "../..")')
  if [ -e "$prefix/include/node/node_api.h" ]; then
    export npm_config_nodedir="$prefix"
  fi
}

# npm installs what the lock file says, whenever that has changed.
install_modules() {
  stamp=node_modules/.flowlogd-lock
  sum=$(cksum <package-lock.json)
  if [ -f "$stamp" ]; then
    [ "$(cat "$stamp")" = "$sum" ] && return 0
  elif [ node_modules/.package-lock.json -nt package-lock.json ]; then
    printf '%s\n' "$sum" >"$stamp"
    return 0
  fi
  say 'installing npm packages'
  npm ci --include=dev --no-audit --no-fund --loglevel=error 9>&- >&2 ||
    refuse 69 'npm ci failed, see above.'
  printf '%s\n' "$sum" >"$stamp"
}

# Node-API is the same for every Node, so only the sources and the machine count.
build_addon() {
  machine=$(node -p 'process.arch + process.platform')
  stamp=agent/native/build/.flowlogd-machine
  if [ -f "$addon" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$machine" ] &&
    [ -z "$(find agent/native -maxdepth 1 -type f -newer "$addon" -print -quit)" ]; then
    return 0
  fi
  say 'building the libpcap addon'
  log=dist/.setup-addon.log
  npm run --silent build:native >"$log" 2>&1 9>&- || {
    tail -n 30 "$log" >&2
    refuse 69 "building the libpcap addon failed, see above; all of it is in $log."
  }
  [ -f "$addon" ] || refuse 70 "building the libpcap addon left no $addon; see $log."
  printf '%s\n' "$machine" >"$stamp"
}

build_typescript() {
  if [ -f dist/.built ] && [ -f dist/agent/main.js ] && [ -z "$(newer_sources)" ]; then
    return 0
  fi
  say 'compiling'
  # Dated before the compiler reads, so that an edit meanwhile is seen by the next run.
  touch dist/.building
  npm run --silent build:ts 9>&- >&2 || refuse 70 'compiling failed, see above.'
  mv dist/.building dist/.built
}

# WebAssembly has a compiler of its own, which runs only when the sources, or the numbers that they share with others, have changed.
build_module() {
  name=$1
  shift
  module=dist/agent/$name/$name.wasm
  if [ -f "$module" ] && [ -z "$(find agent/"$name"/assembly agent/"$name"/layout.ts agent/"$name"/asconfig.json "$@" \
    node_modules/.flowlogd-lock -newer "$module" -print -quit)" ]; then
    return 0
  fi
  say "compiling the $name"
  npm run --silent build:"$name" 9>&- >&2 || refuse 70 "compiling the $name failed, see above."
}

newer_sources() {
  for folder in agent analyses detect logservice schema bench scripts/bundle; do
    [ -d "$folder" ] && find "$folder" -path '*/native/build' -prune -o \
      \( -name '*.ts' -o -name '*.[cm]js' -o -type d \) -newer dist/.built -print -quit
  done
  find tsconfig.json tsconfig.build.json package.json node_modules/.flowlogd-lock -newer dist/.built -print -quit
}

check_node
lock
# With the addon built, nothing of the tool chain is needed; its runtime library came with the headers.
[ -f "$addon" ] || install_packages
use_own_headers
install_modules
build_addon
build_module kernel agent/flow/slot-layout.ts agent/model/packet-batch-layout.ts agent/packet/key-row.ts
build_module encoder
build_typescript
