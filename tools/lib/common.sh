# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Words the scripts of tools/ share. Sourced with $root set.

die() {
  echo "tools/dev: $*" >&2
  exit 1
}

note() { echo "tools/dev: $*" >&2; }

need_root() { # need_root REASON COMMAND
  [ "$(id -u)" = 0 ] || die "'$2' $1, which needs root: sudo tools/dev $2"
}

# What makes files in the checkout runs as its owner, so that `sudo tools/dev` leaves nothing of root's behind.
as_owner() {
  local owner
  owner=$(stat -c %U "$root")
  if [ "$(id -u)" = 0 ] && [ "$owner" != root ] && [ "$owner" != UNKNOWN ]; then
    runuser -u "$owner" -- "$@"
  else
    "$@"
  fi
}

give_to_owner() {
  [ "$(id -u)" != 0 ] || chown -R --reference="$root" "$1"
}

# with_progress WHAT COMMAND...: its output goes to a log; what it is at is shown every 3 s, the log's end when it fails.
with_progress() {
  local what=$1 log began=$SECONDS told=$SECONDS pid
  shift
  log=$(log_file "${what// /-}")
  "$@" >"$log" 2>&1 </dev/null &
  pid=$!
  trap 'kill "$pid" 2>/dev/null; exit 130' INT TERM
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.1
    if [ $((SECONDS - told)) -ge 3 ]; then
      told=$SECONDS
      note "$what: $((SECONDS - began)) s, $(tail -n 1 "$log" | tr -d '\r' | cut -c 1-90)"
    fi
  done
  trap - INT TERM
  wait "$pid" || { tail -n 15 "$log" >&2; note "$what failed; all it said is in $log"; return 1; }
}

log_file() { echo "${TMPDIR:-/tmp}/vigil-$1-$(id -u).log"; }

# The newest installed version of a clang tool: `newest clang-tidy` → clang-tidy-19. 14 and older format differently.
newest() {
  local version
  for version in 22 21 20 19; do
    command -v "$1-$version" && return
  done
  command -v "$1" || die "$1 is missing; tools/dev lint installs it with sudo"
}
