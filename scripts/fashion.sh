#!/bin/sh
# Fetches Fashion-MNIST (Zalando, MIT licence) as Debian packages it, and makes train.parquet and test.parquet of it
# in data/download/fashion: fashion.sh [SQLTORCH_BINARY]
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

package=dataset-fashion-mnist
url=https://deb.debian.org/debian/pool/main/d/$package/${package}_0.0~git20200523.55506a9-1_all.deb
sqltorch=${1:-${CARGO_TARGET_DIR:-target}/release/sqltorch}
dir=data/download/fashion
# Of the four files, in the order in which they are checked.
sums="cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa  t10k-images-idx3-ubyte.gz
8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05  t10k-labels-idx1-ubyte.gz
b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7  train-images-idx3-ubyte.gz
0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056  train-labels-idx1-ubyte.gz"

if [ -d "$dir" ]; then
  exit 0
fi
command -v "$sqltorch" >/dev/null || die "$sqltorch is missing: run make build first"
command -v dpkg-deb >/dev/null || die "dpkg-deb is missing: install it (Debian: apt-get install dpkg)"
need_space data/download 150

new=data/download/new-fashion
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT TERM
rm -rf "$new"
mkdir -p "$new/made" || die "data/download can't be made: change the rights of its folder"
say "fetching Fashion-MNIST (31 MB) into $dir"
# apt knows the mirror and the proxy of a Debian machine; elsewhere the file is fetched by its address.
(cd "$new" && apt-get download --quiet=2 "$package") >/dev/null 2>&1 ||
  curl --fail --silent --show-error --location --output "$new/$package.deb" "$url" ||
  die "$package could not be fetched: check the network and run again"
dpkg-deb -x "$new/$package"*.deb "$new/unpacked"
from=$new/unpacked/usr/share/datasets/fashion-mnist
(cd "$from" && printf '%s\n' "$sums" | sha256sum --check --status) ||
  die "the files of $package have other checksums than expected: check the mirror"
for part in train:train t10k:test; do
  idx=$from/${part%%:*}
  "$sqltorch" idx --quiet --images "$idx-images-idx3-ubyte.gz" --labels "$idx-labels-idx1-ubyte.gz" \
    --output "$new/made/${part#*:}.parquet"
done
mv "$new/made" "$dir"
