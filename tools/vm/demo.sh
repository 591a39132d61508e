# SPDX-License-Identifier: GPL-2.0-only
# Shown by `tools/dev vm`: the scheduler attached to a guest under a small mixed load. Run by demo.py in the guest, behind
# start.sh; $SECONDS_OF_LOAD says how long.
title() { printf '\n\033[1m# %s\033[0m\n' "$*"; }
run() { title "$*"; "$@"; }

vigilctl watch >/tmp/watch 2>/dev/null &
sleep 2  # so that it listens when the load begins
title "the load: a hog on every CPU, two pipes, a fork loop, and what says it is a game started by Proton"
for cpu in $(seq "$(nproc)"); do (while :; do :; done) & done
for pipe in 1 2; do yes | cat >/dev/null & done
(while :; do /bin/true; done) &
STEAM_COMPAT_DATA_PATH=/steam/compatdata/1091500 SteamAppId=1091500 Game.exe 600 &
game=$!
sleep "$SECONDS_OF_LOAD"
title "vigilctl watch"
cat /tmp/watch
run vigilctl status
run vigilctl explain $game
title "sched_ext: $(cat /sys/kernel/sched_ext/state), ops $(cat /sys/kernel/sched_ext/root/ops)"
[ ! -r /sys/kernel/sched_ext/root/events ] || cat /sys/kernel/sched_ext/root/events
title "after the daemon has ended: the kernel's own scheduler"
kill -TERM "$(cat /run/vigil.pid)"
wait_for 20 grep -q disabled /sys/kernel/sched_ext/state
echo "sched_ext: $(cat /sys/kernel/sched_ext/state)"
