#!/bin/bash
# Usage: make.sh COMMIT FOLDER [store]
# Leaves in FOLDER what the agent of that commit leaves when it is killed (README.md), or with `store` what its log service keeps.
set -eu
commit=$1 out=$(realpath -m "$2") what=${3:-state}
here=$(cd "$(dirname "$0")" && pwd)
source=$(mktemp -d)
trap 'rm -rf "$source"' EXIT
git -C "$here/../.." archive "$commit" | tar x -C "$source"
(cd "$source" && npm ci --silent && npm run --silent build)
mkdir -p "$out/state"
chmod 700 "$out/state"
export out source here what
unshare --net --mount bash -eu <<'RUN'
mount -t tmpfs tmpfs /var/lib
mkdir /var/lib/flowlogd
mount --bind "$out/state" /var/lib/flowlogd
ip link set lo up
cd "$source"
flowlogd() { node dist/agent/main.js "$@"; }
send() {
  python3 -c "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', $1))
for size in sys.argv[1:]: s.sendto(b'x' * int(size), ('127.0.0.1', $2))" "${@:3}"
}
window() { sleep "$(python3 -c 'import time; print(5.3 - time.time() % 5)')"; }
id=AKIDgolden key=golden
if [ "$what" = store ]; then
  mkdir -p "$out/store"
  node dist/logservice/main.js --store "$out/store" --listen 127.0.0.1:9514 --topic flowlog & service=$!
  until [ -s "$out/store/service.json" ]; do sleep 0.2; done
  id=$(python3 -c "import json; print(json.load(open('$out/store/credentials.json'))['secretId'])")
  key=$(python3 -c "import json; print(json.load(open('$out/store/credentials.json'))['secretKey'])")
else
  python3 "$here/refuse.py" & service=$!
fi
configuration=$(mktemp)
cat > "$configuration" <<YAML
stateDirectory: /var/lib/flowlogd
hostId: golden-host
flowLogs: [{ interfaces: [lo], interfaceId: eni-golden, windowSeconds: 5 }]
capture: { bufferBytes: 2MiB }
table: { flowsMax: 1024 }
cls: { endpoint: 'http://127.0.0.1:9514', topicId: flowlog, secretId: $id, secretKey: $key }
YAML
node dist/agent/main.js run --config "$configuration" 2> "$out/log" & agent=$!
until grep -q capturing "$out/log"; do sleep 0.2; done
window
send 40001 9999 100 200 300
sleep 7.5
window
if [ "$what" = store ]; then
  kill "$agent"; wait "$agent" || true
  kill "$service"; wait "$service" || true
  gzip -9 "$out/store/logs.duckdb"
  exit
fi
send 40002 9998 50 50 50 50
sleep 2
flowlogd status --json --state-directory /var/lib/flowlogd > "$out/status.json"
kill -9 "$agent"; kill "$service"
RUN
rm -f "$out/log" "$out"/state/spool/lock "$out"/state/spool/spool.lock "$out/state/control.sock" "$out"/store/{credentials,service}.json
