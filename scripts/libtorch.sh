#!/bin/sh
# Installs libtorch 2.11.0 from PyPI's torch wheel into $LIBTORCH_DIR, unless it is there or the user brings one.
# The lean kind "cpu" leaves out the CUDA libraries that the wheel asks for; "cuda" brings them.
set -eu
cd "$(dirname "$0")/.."
. scripts/common.sh

if [ -n "${LIBTORCH:-}" ]; then
  [ -e "${LIBTORCH_LIB:-$LIBTORCH}/lib/libtorch_cpu.so" ] || [ "$(uname -s)" != Linux ] \
    || die "LIBTORCH=$LIBTORCH has no lib/libtorch_cpu.so: let it name a libtorch 2.11.0, or unset it"
  exit 0
fi
if [ -n "${LIBTORCH_USE_PYTORCH:-}" ]; then
  exit 0
fi

versions='torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85'
dir=${LIBTORCH_DIR:-$PWD/.libtorch}

# The CUDA 13 libraries need driver 580 or newer; /proc knows it where nvidia-smi is not installed.
driver() {
  nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1 | grep '^[0-9]' \
    || sed -n 's/^NVRM version:.* \([0-9][0-9]*\)\.[0-9.]* .*/\1/p' /proc/driver/nvidia/version 2>/dev/null || true
}
kind=${KIND:-}
if [ -z "$kind" ]; then
  kind=cpu
  driver=$(driver)
  if [ -n "$driver" ]; then
    if [ "${driver%%.*}" -ge 580 ]; then
      kind=cuda
    else
      old_driver=$driver
    fi
  fi
fi
case $kind in cpu | cuda) ;; *) die "unknown KIND=$kind: it is cpu or cuda" ;; esac

# True where this kind is installed; the CUDA kind serves a machine without a GPU as well.
installed() {
  [ -f "$dir/stamp" ] || return 1
  read -r stamp <"$dir/stamp"
  [ "$stamp" = "$versions $kind" ] || [ "$stamp" = "$versions cuda" ]
}

link_clone() {
  # Plain cargo in this clone finds a shared libtorch through this link.
  [ "$dir" = "$PWD/.libtorch" ] || [ -e .libtorch ] || ln -sfn "$dir" .libtorch
}

if installed; then
  link_clone
  exit 0
fi

[ "$(uname -s)" = Linux ] || die "libtorch is installed by itself on Linux only: install PyTorch 2.11.0 and run make with LIBTORCH_USE_PYTORCH=1"
need_python
[ -z "${old_driver:-}" ] || say "the NVIDIA driver $old_driver is older than 580: installing libtorch for the CPU; update the driver and run make again for the GPU"
mkdir -p "$(dirname "$dir")" || die "$(dirname "$dir") can't be made: name another folder with SQLTORCH_CACHE=DIR"

# One install at a time: a second make waits here and then finds the stamp.
if command -v flock >/dev/null; then
  exec 9<"$(dirname "$dir")"
  flock 9
  if installed; then
    link_clone
    exit 0
  fi
fi

new=$dir.new
trap 'rm -rf "$new"' EXIT
trap 'exit 130' INT TERM
rm -rf "$new" "$dir.old"
if [ "$kind" = cuda ]; then
  say "installing libtorch 2.11.0 with CUDA into $dir (about 3 GB to load)"
  need_space "$dir" 12000
  deps=
else
  say "installing libtorch 2.11.0 into $dir (about 545 MB to load)"
  need_space "$dir" 3000
  deps=--no-deps
fi
# pip unpacks in TMPDIR first; on the same disk that costs no second copy.
mkdir -p "$new/tmp" || die "$new can't be made: change the rights of its folder, or name another with SQLTORCH_CACHE=DIR"
# shellcheck disable=SC2086
TMPDIR=$new/tmp run_pip "$new" install $deps --target "$new/libtorch" $versions
printf '%s\n' "$versions $kind" >"$new/libtorch/stamp"
if [ -e "$dir" ]; then
  mv "$dir" "$dir.old"
fi
mv "$new/libtorch" "$dir"
rm -rf "$dir.old"
link_clone
say "libtorch is ready"
