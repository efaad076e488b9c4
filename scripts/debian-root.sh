# A throw-away Debian to install into and to boot, for test-deb.sh and test-systemd.sh, which source this file. Needs root,
# mmdebstrap, systemd-container and iproute2 (apt-get install mmdebstrap systemd-container iproute2).
#
#     FLOWLOGD_TEST_ROOT   a minimal Debian root with systemd and libpcap0.8; it is read and never written. Without it one is made
#                          by mmdebstrap and kept in the temporary folder for the next time.
#
# What is installed goes into an overlay that ends with the script. The root has no Node.js of the version that flowlogd needs,
# so this machine's goes in as a package of that name.

base=${FLOWLOGD_TEST_ROOT:-${TMPDIR:-/tmp}/flowlogd-test-root-$(id -u)}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/flowlogd-test-XXXXXX")
root=$scratch/root
netns=flowlogd-$$
outside=flowlogd-out-$$
nspawn=
passed=0
failed=0

skip() {
  printf '%s: skipped, %s\n' "$0" "$*" >&2
  exit 0
}

# check NAME COMMAND...: one expectation.
check() {
  name=$1
  shift
  if "$@" >"$scratch/check.log" 2>&1; then
    passed=$((passed + 1))
    printf 'ok      %s\n' "$name"
  else
    failed=$((failed + 1))
    printf 'FAILED  %s\n' "$name"
    tail -n 12 "$scratch/check.log" | sed 's/^/        /'
  fi
}

# within SECONDS COMMAND...: tries until it succeeds.
within() {
  tries=$(($1 * 5))
  shift
  while ! "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.2
  done
}

not() { ! "$@"; }

same() {
  printf 'got      %s\nexpected %s\n' "$1" "$2"
  [ "$1" = "$2" ]
}

report() {
  [ "$failed" -eq 0 ] || inside journalctl --no-pager -o cat -u flowlogd | tail -n 100
  printf '%s passed, %s failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}

clean_up() {
  [ -z "$nspawn" ] || halt
  ip netns delete "$netns" 2>/dev/null || true
  ip netns delete "$outside" 2>/dev/null || true
  umount "$root" 2>/dev/null || true
  umount "$scratch" 2>/dev/null || true
  rm -rf "$scratch"
}

need() {
  [ "$(id -u)" -eq 0 ] || skip 'it needs root'
  for command in mmdebstrap systemd-nspawn ip nsenter dpkg-deb python3; do
    command -v "$command" >/dev/null || skip "there is no $command here"
  done
}

make_base() {
  [ -e "$base/usr/bin/dpkg" ] && return 0
  printf 'making %s\n' "$base"
  packages=systemd,systemd-sysv,dbus,libpcap0.8,libstdc++6,libatomic1,iproute2,procps,netbase
  mmdebstrap --quiet --variant=minbase --include="$packages" bookworm "$scratch/root.tar" || skip 'mmdebstrap failed, see above'
  mkdir -p "$base"
  tar -C "$base" -xpf "$scratch/root.tar"
  rm "$scratch/root.tar"
}

# This machine's node as the package that flowlogd depends on.
node_package() {
  mkdir -p "$scratch/node/DEBIAN" "$scratch/node/usr/bin"
  cp "$(node -p process.execPath)" "$scratch/node/usr/bin/node"
  cat >"$scratch/node/DEBIAN/control" <<CONTROL
Package: nodejs
Version: $(node -p process.versions.node)
Architecture: $(dpkg --print-architecture)
Maintainer: Nobody <nobody@example.org>
Description: the Node.js of the machine that tests
CONTROL
  dpkg-deb --root-owner-group -Znone --build "$scratch/node" "$root/nodejs.deb" >/dev/null
}

# A fresh root at $root, with the packages of this clone in /: $root/flowlogd_VERSION.deb.
make_root() {
  trap clean_up EXIT
  trap 'exit 130' INT TERM
  # In memory: an overlay does not go upon every file system, and nothing of it has to last.
  mount -t tmpfs -o mode=755 tmpfs "$scratch"
  make_base
  mkdir "$scratch/upper" "$scratch/work" "$root"
  mount -t overlay -o "lowerdir=$base,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$root"
  for version in "$@"; do
    FLOWLOGD_DEB_FAST=1 sh scripts/build-deb.sh "$version"
    cp "build/flowlogd_${version}_$(dpkg --print-architecture).deb" "$root/flowlogd_$version.deb"
  done
  node_package
  in_root dpkg --install /nodejs.deb
}

# A command in the root that does not run.
in_root() {
  chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}

# Boots the root with a network of its own: host0 10.77.0.2, the default route, and 10.77.0.1 outside of it.
boot() {
  ip netns add "$netns"
  ip netns add "$outside"
  ip -n "$netns" link add host0 type veth peer name out0 netns "$outside"
  ip -n "$netns" addr add 10.77.0.2/24 dev host0
  ip -n "$outside" addr add 10.77.0.1/24 dev out0
  ip -n "$outside" link set out0 up
  ip -n "$netns" link set host0 up
  ip -n "$netns" link set lo up
  ip -n "$netns" route add default via 10.77.0.1
  systemd-nspawn -q -D "$root" --machine="flowlogd-$$" --register=no --keep-unit --console=pipe --boot \
    --network-namespace-path="/run/netns/$netns" </dev/null >"$scratch/console.log" 2>&1 &
  nspawn=$!
  within 60 is_up || {
    tail "$scratch/console.log"
    return 1
  }
}

leader() {
  awk '{ print $1 }' "/proc/$nspawn/task/$nspawn/children"
}

is_up() {
  first=$(leader)
  [ -n "$first" ] || return 1
  case $(nsenter -t "$first" -a systemctl is-system-running 2>/dev/null) in
  running | degraded) ;;
  *) return 1 ;;
  esac
}

# A command in the booted root.
inside() {
  nsenter -t "$(leader)" -a /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"
}

# Cuts the power: nothing of it is wanted any more, and with its first process all others go.
halt() {
  kill -s KILL "$(leader)" || true
  wait "$nspawn" || true
  nspawn=
}

# send COUNT PORT: UDP datagrams from outside to the booted root.
send() {
  ip netns exec "$outside" python3 -c '
import socket, sys
sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(int(sys.argv[1])): sending.sendto(b"flow", ("10.77.0.2", int(sys.argv[2])))
' "$1" "$2"
}

property() {
  inside systemctl show --value -p "$1" flowlogd
}

# Packets to a port in the embedded log service.
stored() {
  inside flowlogd query --store /var/lib/flowlogd/logservice --format csv \
    "dstport:$1 | select coalesce(sum(packets), 0)::BIGINT as packets" | tr -d '\r' | tail -n 1
}

has_stored() {
  seen=$(stored "$1")
  printf 'stored %s of %s\n' "$seen" "$2"
  [ "$seen" = "$2" ]
}

# A flow log of its own with windows of 2 s, and small rings.
configure() {
  cat >"$root/etc/flowlogd/flowlogd.yaml" <<'YAML'
flowLogs: [{ id: fl-test, interfaces: [default], windowSeconds: 2s }]
capture: { bufferBytes: 8MiB }
YAML
}
