#!/bin/bash
# The unit under a real systemd, in a container that boots: starts at boot, is ready when it captures, ships what comes from
# outside, is not root, survives a kill and a data plane that hangs, reloads, and stops in time. Takes a minute or two; see
# debian-root.sh for what it needs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian-root.sh
need
command -v cc >/dev/null || skip 'there is no cc here'

version=$(node -p 'require("./package.json").version')

# Holds one thread of a process, as a deadlock would, until this program is killed: SIGSTOP would stop all of them.
build_holder() {
  cc -static -O1 -o "$root/usr/bin/hold-thread" test/support/hold-thread.c
}

main_pid() { property MainPID; }

# The thread that waits in poll(2) for packets.
data_plane_thread() {
  inside sh -c 'for task in /proc/$1/task/*; do grep -q "^7 " "$task/syscall" && basename "$task" && exit; done; exit 1' sh "$(main_pid)"
}

status_of() { inside sed -n "s/^$2:[[:space:]]*\([^[:space:]]*\).*/\1/p" "/proc/$1/status"; }

# Read to the end: journalctl would fail where its reader left.
log_has() { inside journalctl --no-pager -o cat -u flowlogd | grep -e "$1" >/dev/null; }

is_active() { [ "$(property ActiveState)" = active ]; }

# has_restarted N: it runs again, for the Nth time.
has_restarted() { [ "$(property NRestarts)" = "$1" ] && is_active; }

status_text() {
  printf '%s\n' "$(property StatusText)"
  property StatusText | grep -q '^capturing host0: [0-9]* packets in closed windows, 0 lost'
}

captured_before_ready() {
  inside journalctl --no-pager -o cat -u flowlogd | tee /dev/stderr |
    awk '/"message":"capturing"/ { capturing = 1 } /^Started flowlogd.service/ { exit !capturing } END { if (!capturing) exit 1 }'
}

hold_data_plane() {
  thread=$(data_plane_thread)
  inside hold-thread "$thread" &
  holder=$!
}

stops_in_time() {
  started=$(date +%s)
  inside systemctl stop flowlogd
  took=$(($(date +%s) - started))
  printf 'stopped after %s s with %s\n' "$took" "$(property Result)"
  [ "$took" -lt 15 ] && [ "$(property Result)" = success ] && [ "$(property ActiveState)" = inactive ]
}

make_root "$version"
in_root dpkg --install "/flowlogd_$version.deb"
configure
in_root systemctl enable flowlogd 2>/dev/null
# The watchdog in a time that a test can wait for; the rest is the unit as it is.
mkdir -p "$root/etc/systemd/system/flowlogd.service.d"
printf '[Service]\nWatchdogSec=3s\n' >"$root/etc/systemd/system/flowlogd.service.d/test.conf"
build_holder
boot

check 'it starts at boot' within 20 is_active
is_active || {
  inside journalctl --no-pager -o cat -u flowlogd | tail -n 30
  exit 1
}
check 'it is ready after every interface captures, not before' captured_before_ready
check 'its status is one useful line' within 20 status_text
pid=$(main_pid)
check 'its user is not root' not same "$(status_of "$pid" Uid)" 0
check 'it has CAP_NET_RAW' same "$(status_of "$pid" CapEff)" 0000000000002000
check 'it can get no other capability' same "$(status_of "$pid" CapBnd)" 0000000000002000
check 'it can get no new privileges' same "$(status_of "$pid" NoNewPrivs)" 1
check 'its system calls are filtered' same "$(status_of "$pid" Seccomp)" 2
service=$(inside pgrep -P "$pid")
check 'the embedded log service runs without capabilities' same "$(status_of "$service" CapEff)" 0000000000000000
check 'its state is for itself alone' same "$(inside stat -c %a /var/lib/private/flowlogd)" 700
check 'its control socket is for its group' same "$(inside stat -c %a /run/flowlogd/control.sock)" 660
check 'flowlogd status finds it' inside flowlogd status

send 500 7001
check 'traffic from outside arrives in the log service' within 20 has_stored 7001 500

inside systemctl reload flowlogd
check 'SIGHUP reads the configuration again' within 5 log_has 'configuration reloaded'
check 'it is the same process after a reload' same "$(main_pid)" "$pid"
check 'it is active after a reload' is_active

send 500 7002
sleep 1 # Counted, and its window mostly open yet: a round of the data plane is half a second.
inside kill -KILL "$pid"
check 'a kill -9 restarts it' within 20 has_restarted 1
check 'the window that the kill left open arrives' within 20 has_stored 7002 500
check 'nothing arrives twice' has_stored 7001 500

send 500 7003
sleep 1
hold_data_plane
check 'the watchdog ends an agent whose data plane hangs' within 20 log_has 'Watchdog timeout'
check 'and it starts again' within 20 has_restarted 2
kill "$holder" 2>/dev/null || true
check 'what was counted before it hung arrives' within 20 has_stored 7003 500

send 500 7004
sleep 1
check 'it stops within its time' stops_in_time
inside systemctl start flowlogd
check 'the window that the stop found open has arrived' within 20 has_stored 7004 500

# The log service as a stranger: keys as credentials of the unit.
inside systemctl stop flowlogd
inside systemd-run --quiet --unit=stranger /usr/bin/flowlogd logservice --store /root/stranger --listen 127.0.0.1:9600 --topic flows
check 'a log service of somebody else runs' within 20 inside test -s /root/stranger/credentials.json
printf 'sinks: { cls: { type: cls, endpoint: "http://127.0.0.1:9600", topicId: flows, secretIdFile: cls-secret-id, secretKeyFile: cls-secret-key } }\n' \
  >>"$root/etc/flowlogd/flowlogd.yaml"
check 'it does not start without the keys' not inside systemctl start flowlogd
check 'and says which is missing' log_has 'sinks.cls.secretIdFile: .*is empty'
for key in Id Key; do
  (umask 077 && inside node -p "require('/root/stranger/credentials.json').secret$key" \
    >"$root/etc/flowlogd/cls-secret-$(printf %s "$key" | tr IK ik)")
done
inside systemctl reset-failed flowlogd
check 'it does not start with another storage for a flow log that has one' not inside systemctl start flowlogd
check 'and says that it is immutable' log_has 'fl-test .*: storage (embedded log service -> topic flows of 127.0.0.1:9600) is immutable'
sed -i 's/id: fl-test/id: fl-shipped/' "$root/etc/flowlogd/flowlogd.yaml"
inside systemctl reset-failed flowlogd
check 'it starts with the keys, which root alone can read' inside systemctl start flowlogd
send 500 7005
stranger() {
  inside flowlogd query --store /root/stranger --format csv 'dstport:7005 | select sum(packets)::BIGINT as packets' | grep "^500"
}
check 'and ships with them' within 20 stranger

report
