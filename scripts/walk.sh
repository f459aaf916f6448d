#!/bin/sh
# Runs the walk-through: every script of sql/ in order, each in a process of its own.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

target=$("${CARGO:-cargo}" metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
sqltorch=$target/release/sqltorch
need_space data/download 500
began=$(date +%s)
for script in sql/*.sql; do
  printf '\n' >&2
  say "$script: $(sed -n '1s/^-- //p' "$script")"
  start=$(date +%s)
  status=0
  "$sqltorch" --no-init --memory-limit "${SQLTORCH_MEMORY_LIMIT:-1400MB}" -f "$script" || status=$?
  case $status in
    0) ;;
    130) exit 130 ;;
    *)
      need_space data/download 50
      die "$script stopped, see the message above"
      ;;
  esac
  say "$(($(date +%s) - start)) s"
done
printf '\n' >&2
say "the walk-through took $(($(date +%s) - began)) s; the result is data/download/top_ten.parquet, and the shell is $sqltorch"
