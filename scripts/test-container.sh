#!/bin/sh
# Builds the images and runs the pair of containers that docs/container.md describes, for real: a workload, flowlogd in its
# network with nothing but CAP_NET_RAW, not root, on a read-only root, and a log service; then looks for the workload's
# flows in the log service. Needs a Docker engine with BuildKit, and root for the keys' owner.
#
#     scripts/test-container.sh [--base IMAGE] [--npmrc FILE] [--no-new-privileges]
#
# --base is the image with node that the build starts from, where the usual one cannot be pulled; --no-new-privileges runs the
# agent under it, which takes runc 1.3.
set -eu
cd "$(dirname "$0")/.."
base='' npmrc='' confinement=''
while [ $# -gt 0 ]; do
  case $1 in
    --base) base=$2; shift 2 ;;
    --npmrc) npmrc=$2; shift 2 ;;
    --no-new-privileges) confinement='--security-opt no-new-privileges'; shift ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 64 ;;
  esac
done
network=${DOCKER_BUILD_NETWORK:-default}
name=flowlogd-test
node=/usr/bin/node
main=/usr/lib/flowlogd/dist/agent/main.js

say() { printf 'container: %s\n' "$*"; }
fail() { say "FAILED: $*"; docker logs "$name-agent" 2>&1 | tail -20; exit 1; }

clean_up() {
  docker rm -f "$name-agent" "$name-workload" "$name-logservice" >/dev/null 2>&1 || true
  docker network rm "$name" >/dev/null 2>&1 || true
  docker volume rm "$name-state" "$name-logs" >/dev/null 2>&1 || true
  rm -rf "$work"
}
work=$(mktemp -d)
trap clean_up EXIT

build() {
  set -- --network "$network" -f container/Dockerfile --target "$1" -t "$name:$1" .
  [ -z "$npmrc" ] || set -- --secret "id=npmrc,src=$npmrc" "$@"
  [ -z "$base" ] || set -- --build-arg "NODE_IMAGE=$base" "$@"
  docker build --progress=plain "$@" >"$work/build" 2>&1 || { tail -40 "$work/build"; exit 1; }
}

say 'lint'
docker build --check ${base:+--build-arg "NODE_IMAGE=$base"} -f container/Dockerfile . >"$work/check" 2>&1 || { cat "$work/check"; exit 1; }
say 'build'
build agent
build logservice
for target in agent logservice; do
  say "image $target: $(docker image inspect -f '{{.Size}}' "$name:$target" | awk '{ printf "%d MB", $1 / 1000000 }')"
done

mkdir -m 755 "$work/secrets"
printf 'AKIDtestcontainer' >"$work/secrets/cls-secret-id"
printf 'testcontainerkey' >"$work/secrets/cls-secret-key"
printf '{"secretId": "AKIDtestcontainer", "secretKey": "testcontainerkey"}\n' >"$work/secrets/credentials.json"
chown 10001:10001 "$work"/secrets/*
chmod 600 "$work"/secrets/*
sed 's/windowSeconds: 60/windowSeconds: 2/' container/flowlogd.yaml >"$work/flowlogd.yaml"
chmod 755 "$work"

# Exactly what compose.yaml and kubernetes/sidecar.yaml ask for.
start() {
  docker network create "$name" >/dev/null
  docker run -d --name "$name-logservice" --network "$name" --network-alias logservice --cap-drop ALL \
    --security-opt no-new-privileges --read-only --tmpfs /tmp:mode=1777 --memory 512m --pids-limit 64 \
    -v "$name-logs:/var/lib/flowlogd" -v "$work/secrets/credentials.json:/var/lib/flowlogd/credentials.json:ro" \
    "$name:logservice" >/dev/null
  docker run -d --name "$name-workload" --network "$name" --entrypoint "$node" "$name:logservice" -e '
    require("node:http").createServer((request, response) => response.end("hello")).listen(8080)' >/dev/null
  docker run -d --name "$name-agent" --network "container:$name-workload" --cap-drop ALL --cap-add NET_RAW --read-only \
    --tmpfs /tmp:mode=1777 --tmpfs /run/flowlogd:uid=10001,gid=10001,mode=0750 --memory 256m --pids-limit 64 $confinement \
    -e FLOWLOGD_SINKS_CLS_TYPE=cls -e FLOWLOGD_SINKS_CLS_ENDPOINT=http://logservice:9514 -e FLOWLOGD_SINKS_CLS_TOPIC_ID=flowlog \
    -e FLOWLOGD_SINKS_CLS_SECRET_ID_FILE=/run/secrets/cls-secret-id -e FLOWLOGD_SINKS_CLS_SECRET_KEY_FILE=/run/secrets/cls-secret-key \
    -v "$work/secrets:/run/secrets:ro" -v "$work/flowlogd.yaml:/etc/flowlogd/flowlogd.yaml:ro" \
    -v "$name-state:/var/lib/flowlogd" "$name:agent" >/dev/null
}

# until COMMAND: tries for a minute.
until_true() {
  tries=120
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    sleep 0.5
  done
}

healthy() { docker exec "$name-agent" "$node" "$main" status --json; }
ask_workload() {
  docker exec "$name-logservice" "$node" -e "fetch('http://$1:8080').then((r) => r.text()).then(console.log)"
}
stored() {
  docker exec "$name-logservice" "$node" "$main" query --store /var/lib/flowlogd --format ndjson \
    "dstport:8080 | select sum(packets) as packets, count(*) as records where dstaddr = '$1' group by dstaddr" |
    grep -q '"packets"'
}

start
until_true healthy || fail 'flowlogd does not capture'
say "agent is uid $(docker exec "$name-agent" "$node" -e 'console.log(process.getuid())')," \
  "capabilities $(docker exec "$name-agent" "$node" -e '
    console.log(require("node:fs").readFileSync("/proc/1/status", "utf8").match(/CapEff:\s*(\w+)/)[1])')"
address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$name-workload")
until_true ask_workload "$address" || fail 'the workload does not answer'
until_true stored "$address" || fail "the log service has no flow to $address:8080"
say "the workload's flows are in the log service"

docker kill -s KILL "$name-agent" >/dev/null
docker start "$name-agent" >/dev/null
until_true healthy || fail 'flowlogd does not come back after a kill'
docker stop -t 20 "$name-agent" >/dev/null
[ "$(docker inspect -f '{{.State.ExitCode}}' "$name-agent")" = 0 ] || fail 'flowlogd does not stop in good order'
say 'ok'
