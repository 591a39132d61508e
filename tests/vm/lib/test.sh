# SPDX-License-Identifier: GPL-2.0-only
# Words of a guest suite: `. /vigil/lib/test.sh`. Each case is one line that the harness counts.

failures=0

ok() { echo "ok $*"; }

not_ok() { # not_ok NAME WHY
  failures=$((failures + 1))
  echo "not ok $1 - ${2:-it did not hold}"
}

skip() { echo "skip $1 - $2"; } # skip NAME WHY

# check NAME COMMAND...: the command's success is the case; what it printed is shown when it fails.
check() {
  local name=$1 said
  shift
  if said=$("$@" 2>&1); then
    ok "$name"
  else
    not_ok "$name" "'$*' failed with status $?${said:+: $(printf %s "$said" | tail -n 1)}"
    [ -z "$said" ] || printf '%s\n' "$said" | sed 's/^/    /'
  fi
}

# equal NAME EXPECTED ACTUAL
equal() {
  if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "expected '$2', found '$3'"; fi
}

# wait_for SECONDS COMMAND...: until the command succeeds; fails when the time is over.
wait_for() {
  local tries=$(($1 * 10))
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || return 1
    usleep 100000
  done
}

# The last line of a suite: its status says whether a case failed.
finish() { [ "$failures" = 0 ]; exit $?; }
