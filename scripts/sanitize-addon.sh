#!/bin/sh
# Builds the capture addon with the address and undefined-behaviour sanitizers and drives it over the savefiles of a folder
# (the kept seeds of the fuzzers when none is given) and over damaged copies of them; then, as root, over hostile frames that
# arrive at an interface in a network namespace of its own. Needs gcc with its sanitizer libraries and libpcap's headers.
#
#   sh scripts/sanitize-addon.sh [FOLDER] [MUTATIONS_PER_FILE] [LIVE_FRAMES]
set -eu
cd "$(dirname "$0")/.."
captures=${1:-test/fuzz/seeds/savefile}
mutations=${2:-200}
frames=${3:-5000}
include=$(node -p 'require("node:path").join(process.execPath, "../../include/node")')
if [ ! -f "$include/node_api.h" ]; then
  echo "sanitize-addon: no Node.js headers in $include" >&2
  exit 69
fi
out=$(mktemp -d)
space=flowlogd-sanitize-$$
cleanup() {
  ip netns delete "$space" 2>/dev/null || true
  rm -rf "$out"
}
trap cleanup EXIT
gcc -std=gnu11 -g -O1 -Wall -Wextra -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
  -fPIC -shared -fvisibility=hidden -DNAPI_VERSION=9 -D_GNU_SOURCE -DNODE_GYP_MODULE_NAME=capture -I"$include" \
  -o "$out/capture.node" agent/native/*.c -lpcap

# sanitized COMMAND...: the addon is loaded by a node that knows nothing of sanitizers, so their libraries come first.
sanitized() {
  LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
    "$@"
}

sanitized node --expose-gc scripts/sanitize-addon.mjs "$out/capture.node" "$captures" "$mutations" "$out"

if [ "$(id -u)" -ne 0 ] || ! ip netns add "$space" 2>/dev/null; then
  echo 'sanitize-live: skipped: making network namespaces needs root and the ip command'
  exit 0
fi
gcc -O1 -o "$out/send-frames" test/support/send-frames.c
ip -n "$space" link add near0 type veth peer name far0
ip -n "$space" link set near0 up
ip -n "$space" link set far0 up
sanitized ip netns exec "$space" node --expose-gc scripts/sanitize-live.mjs "$out/capture.node" test/fuzz/seeds/frame \
  "$out/send-frames" near0 far0 "$frames"
