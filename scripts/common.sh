# Read by the other scripts: short remarks, errors of one sentence, and checks of what a machine has.
# shellcheck shell=sh

say() { printf '==> %s\n' "$*" >&2; }

die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# need_python: python3 with pip, for what PyPI carries.
need_python() {
  command -v python3 >/dev/null || die "python3 is missing: install it (Debian: apt-get install python3 python3-pip)"
  python3 -m pip --version >/dev/null 2>&1 || die "pip is missing: install it (Debian: apt-get install python3-pip)"
}

# need_space DIR MEGABYTES: DIR or the first parent that exists has this much space.
need_space() {
  at=$1
  while [ ! -d "$at" ]; do at=$(dirname "$at"); done
  free=$(df -Pm "$at" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$2" ] || die "the disk of $1 is too full ($free MB free, $2 MB needed): make room, or name a folder on a larger disk with SQLTORCH_CACHE=DIR"
}

# is_about_network TEXT, is_about_space TEXT: what a tool's messages complain of.
is_about_network() {
  printf '%s' "$1" | grep -qiE 'from versions: none|connect|network|resolve|resolution|timed out|timeout|proxy|ssl|download|could not fetch|http error|status code'
}
is_about_space() { printf '%s' "$1" | grep -qiE 'no space left|disk quota'; }

# run_pip DIR ARGUMENTS...: pip writing into DIR; a failure ends the script with one sentence.
run_pip() {
  at=$1
  shift
  [ -t 1 ] || set -- "$@" --quiet
  # Its messages are kept in a variable, since a full disk would take no file. What shows progress goes to fd 3.
  messages=$(PIP_BREAK_SYSTEM_PACKAGES=1 PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip "$@" 2>&1 >&3) 3>&1 && return
  if is_about_space "$messages"; then
    die "the disk of $at is full: make room and run make again"
  elif printf '%s' "$messages" | grep -qi 'permission denied'; then
    die "$at can't be written to: change its rights, or name another folder with SQLTORCH_CACHE=DIR"
  elif printf '%s' "$messages" | grep -qiE 'requires? a different python|from versions: [^n]'; then
    die "PyPI has not what is needed for $(python3 --version) on $(uname -sm): use Python 3.10 to 3.14 on 64-bit Linux, or set LIBTORCH to a libtorch 2.11.0 of your own"
  elif is_about_network "$messages"; then
    die "PyPI could not be reached: check the network (PIP_INDEX_URL and the proxy settings, where there are any) and run make again"
  fi
  printf '%s\n' "$messages" | tail -n 5 >&2
  die "pip failed, see its messages above"
}
