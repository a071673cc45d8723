#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""tests/run itself: what counts as a failure is counted as one, and nothing is left running."""

import os
import re
import subprocess
import sys
import tempfile
import time

import tree

# name: (script, passed, failed, skipped)
CASES = {
    "good.sh": ("echo '3 passed, 0 failed, 2 skipped'", 3, 0, 2),
    "bad.sh": ("echo 'wrong'; echo '1 passed, 2 failed'; exit 1", 1, 2, 0),
    "silent.sh": ("true", 0, 1, 0),
    "died.sh": ("echo '5 passed, 0 failed'; kill -SEGV $$", 5, 1, 0),
    "status.sh": ("echo '5 passed, 0 failed'; exit 3", 5, 1, 0),
    "late.sh": ("sleep 100 & echo $! >\"$PIDS\"; echo '5 passed, 0 failed'; wait", 5, 1, 0),
    "orphan.sh": ("sleep 100 & echo $! >>\"$PIDS\"; echo '1 passed, 0 failed'", 1, 0, 0),
}


def alive(pid):
    """Running still; one that only waits to be reaped is not."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def faults_of(name, folder):
    script, passed, failed, skipped = CASES[name]
    path = os.path.join(folder, name)
    pids = os.path.join(folder, "pids")
    with open(path, "w", encoding="ascii") as file:
        file.write(script + "\n")
    open(pids, "w").close()
    env = {key: value for key, value in os.environ.items() if not key.startswith("TEST_")}
    env.update(TEST_TIMEOUT="2", PIDS=pids, BUILD=folder)
    done = subprocess.run([os.path.join(tree.TOP, "tests", "run"), path], env=env, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    last = done.stdout.decode().rstrip("\n").split("\n")[-1]
    wanted = "%d passed, %d failed" % (passed, failed)
    wanted += ", %d skipped" % skipped if skipped else ""
    faults = []
    if last != wanted:
        faults.append("'%s', not '%s'" % (last, wanted))
    if done.returncode != (1 if failed else 0):
        faults.append("exit status %d" % done.returncode)
    if "wrong" in script and not re.search(rb"\| wrong", done.stdout):
        faults.append("the output of a failed test is not shown")
    with open(pids, encoding="ascii") as file:
        left = [int(row) for row in file]
    time.sleep(0.1 if left else 0)
    faults += ["process %d is left" % pid for pid in left if alive(pid)]
    return faults


def main():
    with tempfile.TemporaryDirectory() as folder:
        return tree.report([(name, faults_of(name, folder)) for name in CASES])


if __name__ == "__main__":
    sys.exit(main())
