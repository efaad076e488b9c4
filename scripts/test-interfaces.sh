#!/bin/sh
# Flow logs of kinds of interfaces that not every kernel has: 802.1Q and 802.1ad sub-interfaces, GRE, IPIP, VXLAN, WireGuard, dummy.
# For each one that this kernel can make: a running agent gets a flow log of it, 20 datagrams go through, 20 must be counted.
#
#   scripts/test-interfaces.sh      as root, after npm run build; makes two network namespaces and removes them again
set -eu

cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "test-interfaces: it must be root to make interfaces" >&2; exit 77; }

near=flowlogd-near-$$
far=flowlogd-far-$$
work=$(mktemp -d)
failed=0
tried=0

end() {
  [ -z "${sink:-}" ] || kill "$sink" 2>/dev/null || true
  [ -z "${agent:-}" ] || kill "$agent" 2>/dev/null || true
  wait 2>/dev/null || true
  ip netns delete "$near" 2>/dev/null || true
  ip netns delete "$far" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT

flowlogd() { node dist/agent/main.js "$@" --socket "$work/state/control.sock"; }

# Packets to or from the interface in windows that are closed.
counted() {
  flowlogd status --json | node -e '
    const { interfaces } = JSON.parse(require("fs").readFileSync(0));
    console.log(interfaces.find((one) => one.interface === process.argv[1])?.ledger.metered.packets ?? 0)' "$1"
}

# check KIND INTERFACE FAR-ADDRESS: the interface is there, with a route to the address
check() {
  tried=$((tried + 1))
  flowlogd flow-logs create --name "$1" -i "$2" --window 1 >"$work/created" 2>&1 || { cat "$work/created"; failed=1; return 0; }
  ip netns exec "$near" node -e '
    const socket = require("dgram").createSocket("udp4");
    let left = 20;
    const next = () => (left-- > 0 ? socket.send("x", 9999, process.argv[1], next) : socket.close());
    next();' "$3"
  tries=0
  while [ "$(counted "$2")" -lt 20 ] && [ $tries -lt 30 ]; do tries=$((tries + 1)); sleep 0.2; done
  packets=$(counted "$2")
  if [ "$packets" = 20 ]; then echo "$1: 20 of 20"; else echo "$1: $packets of 20"; failed=1; fi
  flowlogd flow-logs delete "$1" >"$work/deleted"
}

# both KIND: makes the same kind at both ends, by the functions below
both() {
  if make "$1" "$near" 1 2 2>"$work/why" && make "$1" "$far" 2 1 2>>"$work/why"; then
    check "$1" t0 "10.77.1.2"
  else
    echo "$1: skipped, this kernel has none ($(head -n 1 "$work/why"))"
  fi
  ip -n "$near" link delete t0 2>/dev/null || true
  ip -n "$far" link delete t0 2>/dev/null || true
}

# make KIND NAMESPACE OWN OTHER
make() {
  case $1 in
    vlan) ip -n "$2" link add link v0 name t0 type vlan id 7 ;;
    qinq) ip -n "$2" link add link v0 name t0 type vlan proto 802.1ad id 9 ;;
    gre) ip -n "$2" link add t0 type gre local "10.77.0.$3" remote "10.77.0.$4" ;;
    ipip) ip -n "$2" link add t0 type ipip local "10.77.0.$3" remote "10.77.0.$4" ;;
    vxlan) ip -n "$2" link add t0 type vxlan id 7 local "10.77.0.$3" remote "10.77.0.$4" dstport 4789 dev v0 ;;
    wireguard) make_wireguard "$2" "$3" "$4" ;;
  esac || return 1
  ip -n "$2" address add "10.77.1.$3/30" dev t0
  ip -n "$2" link set t0 up
}

make_wireguard() {
  ip -n "$1" link add t0 type wireguard || return 1
  for end in 1 2; do [ -f "$work/key$end" ] || { wg genkey >"$work/key$end"; wg pubkey <"$work/key$end" >"$work/public$end"; }; done
  ip netns exec "$1" wg set t0 listen-port 51820 private-key "$work/key$2" \
    peer "$(cat "$work/public$3")" allowed-ips 0.0.0.0/0 endpoint "10.77.0.$3:51820"
}

for name in "$near" "$far"; do
  ip netns add "$name"
  ip netns exec "$name" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6'
  ip -n "$name" link set lo up
done
ip -n "$near" link add v0 type veth peer name v0 netns "$far"
ip -n "$near" address add 10.77.0.1/30 dev v0
ip -n "$far" address add 10.77.0.2/30 dev v0
ip -n "$near" link set v0 up
ip -n "$far" link set v0 up
ip netns exec "$far" node -e 'require("dgram").createSocket("udp4").bind(9999)' &
sink=$!

cat >"$work/flowlogd.yaml" <<YAML
stateDirectory: $work/state
flowLogs: [{ name: loopback, interfaces: [lo], windowSeconds: 600 }]
capture: { bufferBytes: 4MiB }
sinks: { cls: { type: cls, endpoint: 'http://127.0.0.1:1', topicId: nowhere, secretId: none, secretKey: none } }
YAML
chmod 600 "$work/flowlogd.yaml"
ip netns exec "$near" node dist/agent/main.js run --config "$work/flowlogd.yaml" 2>"$work/log" &
agent=$!
tries=0
until flowlogd status >/dev/null 2>&1; do
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { cat "$work/log"; exit 1; }
  sleep 0.1
done

for kind in vlan qinq gre ipip vxlan wireguard; do both $kind; done

if ip -n "$near" link add d0 type dummy 2>"$work/why"; then
  ip -n "$near" address add 10.77.2.1/30 dev d0
  ip -n "$near" link set d0 up
  ip -n "$near" neighbour replace 10.77.2.2 lladdr 02:00:00:00:00:02 dev d0
  check dummy d0 10.77.2.2
else
  echo "dummy: skipped, this kernel has none ($(head -n 1 "$work/why"))"
fi

echo "$tried kinds of interfaces were tried"
exit $failed
