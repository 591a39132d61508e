#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# A machine with two dies, one with twice the L3: it is told as an X3D, and games run there.
# kernels: 7.3 6.12
# shape: x3d
# programs: scx_vigil vigilctl
# files: /usr/share/vigil/rules.d=tools/rules.d
# time_limit: 90
. /vigil/lib/test.sh
. /vigil/lib/machine.sh

vigilctl topology
check "the die with the larger L3 is CPUs 0-3, and stacked" topology_has '"cpus":"0-3","size_kib":32768,"vcache":true'
check "the other one is not" topology_has '"cpus":"4-7","size_kib":16384,"vcache":false'
start_daemon x3d
check "the scheduler is told which CPUs those are" said 'V-Cache.*CPUs 0-3'

# As a game: short runs, many of them, each a chance to be put elsewhere.
env STEAM_COMPAT_DATA_PATH=/x SteamAppId=1091500 sh -c 'while :; do i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done; usleep 5000; done' &
game=$!
check "a game is known" wait_for 10 sh -c "vigilctl explain $game --json | grep -q '\"class\":\"gaming\"'"
here=0 elsewhere=0 i=0
while [ $i -lt 100 ]; do
  case $(cut -d ' ' -f 39 /proc/$game/stat) in [0-3]) here=$((here + 1)) ;; *) elsewhere=$((elsewhere + 1)) ;; esac
  usleep 20000
  i=$((i + 1))
done
echo "the game was seen $here times on CPUs 0-3, $elsewhere times elsewhere"
check "it runs there" [ $here -ge 90 ]
kill $game
stop_daemon x3d
finish
