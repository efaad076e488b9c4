#!/bin/sh
# Builds the OpenTelemetry collector that test/system/otlp.test.ts runs: its OTLP receiver, file, debug and OTLP exporters, bearer
# tokens, and nothing else. Needs Go and its module proxy; some minutes the first time, nothing while its sources stay the same.
# Prints where it is.
set -eu
cd "$(dirname "$0")/../test/collector"
version=$(cat main.go go.mod go.sum | sha256sum | cut -c 1-16)
collector="${XDG_CACHE_HOME:-$HOME/.cache}/flowlogd/otelcol-$version"
if [ ! -x "$collector" ]; then
  mkdir -p "$(dirname "$collector")"
  CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$collector.$$" . >&2
  mv "$collector.$$" "$collector"
fi
echo "$collector"
