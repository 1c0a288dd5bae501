#!/bin/sh
# Runs the whole project once, from nothing: raw data, a worker with the embedded NATS server, submit --follow, the
# result from the reply subject, the reports; then it stops what it started. `make run` builds the programs first.
set -eu
cd "$(dirname "$0")"
bin=../../bin
scratch=$(mktemp -d)
worker=

stop() {
	trap - EXIT INT TERM
	[ -z "$worker" ] || { kill "$worker" 2>/dev/null || true; wait "$worker" 2>/dev/null || true; }
	rm -rf "$scratch"
}
trap 'code=$?; stop; exit $code' EXIT
trap 'exit 130' INT TERM

[ -f data/01_raw/shuttles.xlsx ] || "$bin/rawdata" -dir data/01_raw

# The worker says on its standard output when it takes runs, and where.
mkfifo "$scratch/ready"
"$bin/spaceflights" --project . --embedded --listen 127.0.0.1:0 --store "$scratch/nats" --log-level warn >"$scratch/ready" &
worker=$!
exec 3<"$scratch/ready"
read -r line <&3 || { echo "the worker did not start" >&2; exit 1; }
echo "$line"
read -r line <&3
url=$(echo "$line" | sed -n 's/.*--nats \([^ ]*\).*/\1/p')

started=$(date +%s)
"$bin/submit" run --nats "$url" --queue spaceflights --follow
echo
echo "reports:"
find data/08_reporting -type f -newermt "@$started" | sort | sed "s|^|  examples/spaceflights/|"
