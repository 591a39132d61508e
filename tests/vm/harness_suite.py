# SPDX-License-Identifier: GPL-2.0-only
"""The channels between a guest and the harness: files back, exit status, the time limit, a death noticed.

Here the checks run on the host, after the guest has ended.
"""

from run_guests import Suite

CONTENT = "".join(f"line {n}\n" for n in range(20000))


def check_files(result, say_case):
    say_case("a file of some size comes back whole", result.files.get("deep/numbers") == CONTENT.encode())
    say_case("the exit status comes back", result.status == 0, f"status {result.status}")
    say_case("text in UTF-8 comes back whole", "§ ä € 🦉" in result.output)
    say_case("the kernel's own messages are kept", "vigil was here" in result.console, result.console[-200:])


SUITES = [Suite(
    name="harness",
    kernels=("7.3",),
    shape=1,
    script="""
. /vigil/lib/test.sh
mkdir -p /out/deep
i=0; seq 0 19999 | sed 's/^/line /' >/out/deep/numbers
equal "a file of the host is there" "a b" "$(cat /etc/from_host)"
equal "the environment is there" "two words" "$WORDS"
echo "§ ä € 🦉"
echo "<2>vigil was here" >/dev/kmsg
finish
""",
    files={"/etc/from_host": b"a b\n"},
    environment={"WORDS": "two words"},
    time_limit=30,
    after=check_files,
)]
