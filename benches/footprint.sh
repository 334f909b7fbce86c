#!/usr/bin/env bash
# Peak memory and processor time of one minute of `floorcast run`: 200 agents, one call a second,
# 10 requests a second, against the simulator and a real Kafka.
#
#   cargo build --release && benches/footprint.sh localhost:9092
set -euo pipefail
kafka=${1:?usage: benches/footprint.sh HOST:PORT [SECONDS]}
seconds=${2:-60}
program=$(dirname "$0")/../target/release/floorcast
scratch=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$scratch"' EXIT

"$program" simulate --listen 127.0.0.1:18900 --agents 200 --calls-per-second 1 --no-faults \
    > "$scratch/simulate.log" 2>&1 &
cat > "$scratch/floorcast.toml" <<TOML
[kafka]
bootstrap_servers = "$kafka"
deployment = "footprint"
topic_prefix = "footprint-$$"
[state]
dir = "$scratch/state"
[admin]
listen = "127.0.0.1:18901"
[[account]]
name = "acme"
vendor = "ccai"
base_url = "http://127.0.0.1:18900"
username = "simulated"
password = { env = "ACME_TOKEN" }
requests_per_second = 10
TOML
ACME_TOKEN=simulated-token "$program" run --config "$scratch/floorcast.toml" \
    > "$scratch/run.log" 2>&1 &
bridge=$!
sleep "$seconds"
memory=$(awk '/VmHWM/ { printf "%.1f", $2 / 1024 }' "/proc/$bridge/status")
ticks=$(awk '{ print $14 + $15 }' "/proc/$bridge/stat")
events=$(curl -s http://127.0.0.1:18901/metrics 2>/dev/null |
    awk '/^floorcast_events_total/ { sum += $2 } END { print sum + 0 }')
awk -v ticks="$ticks" -v hertz="$(getconf CLK_TCK)" -v memory="$memory" -v events="$events" \
    -v seconds="$seconds" 'BEGIN {
    printf "%d s: %.1f MiB peak resident memory, %.1f s of processor time, %d events\n",
        seconds, memory, ticks / hertz, events }'
