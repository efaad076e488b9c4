#!/bin/bash
# The Debian package under a real dpkg and systemd: installs and starts nothing, upgrades over an agent that runs without losing a
# counted packet, removes without taking the state, purges with it. Takes about a minute; see debian-root.sh for what it needs.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/debian-root.sh
need

old=$(node -p 'require("./package.json").version')
new=$old+next

is() { [ "$(property ActiveState)" = "$1" ]; }
enabled() { same "$(inside systemctl is-enabled flowlogd)" "$1"; }
package_is() { same "$(inside dpkg-query -f '${db:Status-Status}' -W flowlogd 2>/dev/null)" "$1"; }
manual() { gzip -dc "$root/usr/share/man/man8/flowlogd.8.gz" | grep -q '^.SH EXIT STATUS'; }

without_nodejs() {
  in_root dpkg --remove nodejs
  not in_root dpkg --install "/flowlogd_$old.deb"
  in_root dpkg --purge flowlogd
  in_root dpkg --install /nodejs.deb
}

keeps_sending() {
  for _ in $(seq 40); do
    send 50 7002
    sleep 0.1
  done
}

make_root "$old" "$new"
check 'it is not configured without Node.js' without_nodejs
boot

check 'it installs' inside dpkg --install "/flowlogd_$old.deb"
check 'installing starts nothing' is inactive
check 'installing enables nothing' enabled disabled
check 'the command says its version' same "$(inside flowlogd --version)" "flowlogd $old"
check 'the manual is there' manual
check 'its configuration is right' inside flowlogd check --config /etc/flowlogd/flowlogd.yaml
check 'its configuration starts as it is' inside systemctl start flowlogd
inside systemctl stop flowlogd

configure
inside systemctl enable --now --quiet flowlogd || inside journalctl --no-pager -o cat -u flowlogd
send 500 7001
sleep 1 # Counted: a round of the data plane is half a second.
before=$(property MainPID)
keeps_sending &
sending=$!
check 'it upgrades over an agent that runs, and keeps the configuration' inside dpkg --install "/flowlogd_$new.deb"
check 'the new agent runs' is active
check 'it is another process' not same "$(property MainPID)" "$before"
check 'it is the new version' inside sh -c "flowlogd status | grep -F 'flowlogd $new '"
wait "$sending"
check 'what the old agent had counted arrives' within 20 has_stored 7001 500
# 2000 were sent over the upgrade; what neither agent counted, nobody did: the ledger of each agent says what it has offered.
send 500 7003
check 'and what the new one counts' within 20 has_stored 7003 500
printf '        of 2000 packets sent during the upgrade %s are in the records\n' "$(stored 7002)"

check 'an upgrade of an agent that is stopped does not start it' inside sh -c "systemctl stop flowlogd && dpkg --install /flowlogd_$old.deb && ! systemctl is-active flowlogd"
inside systemctl start flowlogd

check 'it removes' inside dpkg --remove flowlogd
check 'removing stops the agent' not is active
check 'removing keeps the configuration' package_is config-files
check 'removing keeps the state' inside test -s /var/lib/private/flowlogd/logservice/credentials.json
check 'it installs again, with the state of before' inside sh -c "dpkg --install /flowlogd_$old.deb && systemctl start flowlogd"
check 'the records of before are there' within 20 has_stored 7001 500
check 'it purges' inside dpkg --purge flowlogd
check 'purging takes the state' not inside ls -d /var/lib/private/flowlogd
check 'purging takes the configuration' not inside ls -d /etc/flowlogd
no_links() { [ -z "$(inside find /etc/systemd /var/lib/systemd -name "*flowlogd*")" ]; }
check 'purging leaves no link' no_links
check 'purging leaves no program' not inside ls -d /usr/lib/flowlogd /usr/bin/flowlogd

report
