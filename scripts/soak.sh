#!/bin/sh
# Long trials, each compared with the sender's account.
# soak.sh [--sink cls|otlp|file|ipfix] [ROUNDS]: needs root.
#   cls    six trials, some twenty minutes: the agent killed under live traffic, ended by SIGTERM, its interface taken away, all of this
#          at random beside SIGSTOP, a log service that is killed and storms of a thousand interfaces that come and go; agent and log
#          service killed while an hour's backlog drains; a SYN flood. So many kills of each kind at least, as many outages and as many
#          seconds of flood; 60 when absent.
#   otlp   a collector behind a collector: the agent killed under live traffic so many times, 50 when absent, one of the collectors each
#          time; every record of the log service beside them is in the last one's file, with the same sums.
#   file   files in a folder: the agent killed under live traffic so many times, 50 when absent; every record of the log service beside them
#          is in complete files once, with the same sums.
#   ipfix  nfcapd over UDP: the agent killed under live traffic so many times, 50 when absent, and as many times no collector; every record of
#          the log service beside it is in the files of nfcapd, once what was sent again counts once.
set -eu
cd "$(dirname "$0")/.."
sink=cls
if [ "${1:-}" = --sink ]; then
  sink=${2:-}
  shift 2
fi
case $sink in
  cls)
    rounds=${1:-60}
    set -- test/system/durability.test.ts test/system/outages.test.ts test/system/backlog.test.ts test/system/flood.test.ts \
      test/system/stopping.test.ts test/system/chaos.test.ts \
      -t "loses no packet|misses no packet|arrives exactly once|is counted to the last packet|counts every packet until the gap begins|lose no packet that no ledger explains"
    ;;
  otlp)
    rounds=${1:-50}
    set -- test/system/otlp.test.ts -t "brings every record"
    sh scripts/build-collector.sh >/dev/null
    ;;
  file)
    rounds=${1:-50}
    set -- test/system/file.test.ts -t "has every record in complete files once"
    ;;
  ipfix)
    rounds=${1:-50}
    set -- test/system/ipfix.test.ts -t "brings every record"
    ;;
  *)
    echo "soak: unknown sink '$sink'; expected cls, otlp, file or ipfix" >&2
    exit 64
    ;;
esac
sh scripts/setup.sh
FLOWLOGD_SOAK_ROUNDS="$rounds" exec npx vitest run --retry 0 "$@"
