#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# The daemon of a build tree in the foreground, its live verdicts below its log lines, until Ctrl-C or for some seconds.
# usage: run_daemon.sh BUILD SECONDS|'' [scx_vigil option]...
set -euo pipefail
build=$1 seconds=$2
shift 2

if [ ! -e /sys/kernel/sched_ext ]; then
  echo "tools/dev: this kernel ($(uname -r)) has no sched_ext, so Vigil only observes here;" \
    "to see the scheduler at work in a guest: sudo tools/dev vm" >&2
fi
[ -x "$build/scx_vigil" ] || { echo "tools/dev: $build/scx_vigil was not built" >&2; exit 1; }

private=$(mktemp -d "${TMPDIR:-/tmp}/vigil-run-XXXXXX")
socket=$private/control.sock
options=("$@")
for ((i = 0; i < ${#options[@]}; i++)); do
  case ${options[i]} in
    --socket) socket=${options[i + 1]:-} ;;
    --socket=*) socket=${options[i]#--socket=} ;;
    --check | --version | --help | -h) rm -rf "$private"; exec "$build/scx_vigil" "${options[@]}" ;;
  esac
done
[[ " ${options[*]-} " == *" --socket"* ]] || options=(--socket "$socket" "${options[@]}")

daemon="" watcher="" timer=""
end() {
  trap '' INT TERM
  for pid in $timer $watcher; do kill "$pid" 2>/dev/null || true; done
  if [ -n "$daemon" ] && kill -TERM "$daemon" 2>/dev/null; then :; fi
}
trap end INT TERM
trap 'rm -rf "$private"' EXIT

# Not in the terminal's foreground group: Ctrl-C reaches this script, which ends the two in order.
setsid "$build/scx_vigil" "${options[@]}" &
daemon=$!
for ((tries = 0; tries < 100; tries++)); do
  [ -S "$socket" ] && break
  kill -0 "$daemon" 2>/dev/null || break
  sleep 0.1
done
if [ -S "$socket" ] && [ -x "$build/vigilctl" ]; then
  setsid "$build/vigilctl" watch --socket "$socket" &
  watcher=$!
fi
if [ -n "$seconds" ]; then
  (sleep "$seconds"; kill -TERM $$ 2>/dev/null) &
  timer=$!
fi
status=0
while kill -0 "$daemon" 2>/dev/null; do
  wait "$daemon" && status=0 || status=$?
done
end
wait "$watcher" 2>/dev/null || true
exit "$status"
