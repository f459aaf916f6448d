#!/bin/sh
# Runs one cargo command after looking for the tools that it needs: cargo.sh tools | test | build | clippy | bench ...
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

cargo=${CARGO:-cargo}
command -v "$cargo" >/dev/null || die "cargo is missing: install Rust 1.95 or newer from https://rustup.rs"
version=$("$cargo" --version | awk '{ print $2 }')
major=${version%%.*} minor=${version#*.} minor=${minor%%.*}
[ "$major" -gt 1 ] || [ "$minor" -ge 95 ] || die "cargo $version is too old: run \`rustup update stable\` to get 1.95 or newer"
command -v "${CXX:-c++}" >/dev/null || die "a C++ compiler is missing: install one (Debian: apt-get install g++)"
target=${CARGO_TARGET_DIR:-$PWD/target}

# Before anything large is fetched: the tools, and the Rust packages.
if [ "$1" = tools ]; then
  # Only what this machine builds; without a word and without the network where all is there.
  set -- fetch --locked --target "$(rustc -vV | sed -n 's/^host: //p')" --quiet
  "$cargo" "$@" --offline >/dev/null 2>&1 && exit 0
  say "fetching the Rust packages"
  messages=$("$cargo" "$@" 2>&1) && exit 0
  if is_about_space "$messages"; then
    die "the disk of ${CARGO_HOME:-$HOME/.cargo} is full: make room and run make again"
  elif is_about_network "$messages"; then
    die "the Rust packages could not be fetched: check the network and run make again"
  fi
  printf '%s\n' "$messages" >&2
  die "cargo fetch failed, see its messages above"
fi

command=$1
shift
# A folder that has been built in needs little more.
space=500
if [ "$command" = build ] && [ ! -d "$target/release" ]; then
  say "building sqltorch in $target (20 minutes on two cores, once)"
  space=3000
elif [ "$command" != build ]; then
  say "cargo $command in $target"
  [ -d "$target/debug" ] || space=6000
fi
need_space "$target" "$space"
status=0
"$cargo" "$command" --locked "$@" || status=$?
if [ "$status" -ne 0 ]; then
  need_space "$target" 200
  die "cargo $command failed, see its messages above"
fi
