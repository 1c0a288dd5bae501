#!/bin/sh
# Runs every fuzz target of the module for the time given (30s by default).
set -eu
time=${1:-30s}
go list -f '{{.Dir}}' ./... | while read -r dir; do
	grep -ho '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go 2>/dev/null | sed 's/^func //' | while read -r target; do
		echo "== $dir $target"
		# Minimizing a large file takes all the time there is.
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 5x "$dir"
	done
done
