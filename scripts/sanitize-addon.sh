#!/bin/sh
# Builds the capture addon with the address and undefined-behaviour sanitizers and drives it over the savefiles of a folder
# (the shared captures when none is given) and over damaged copies of them. Needs gcc with its sanitizer libraries.
#
#   sh scripts/sanitize-addon.sh [FOLDER] [MUTATIONS_PER_FILE]
set -eu
cd "$(dirname "$0")/.."
captures=${1:-../shared/corpus/captures}
mutations=${2:-20}
include=$(node -p 'require("node:path").join(process.execPath, "../../include/node")')
if [ ! -f "$include/node_api.h" ]; then
  echo "sanitize-addon: no Node.js headers in $include" >&2
  exit 69
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
gcc -std=gnu11 -g -O1 -Wall -Wextra -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
  -fPIC -shared -fvisibility=hidden -DNAPI_VERSION=9 -D_GNU_SOURCE -DNODE_GYP_MODULE_NAME=capture -I"$include" \
  -o "$out/capture.node" agent/capture/native/*.c -lpcap
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 \
  node --expose-gc scripts/sanitize-addon.mjs "$out/capture.node" "$captures" "$mutations" "$out"
