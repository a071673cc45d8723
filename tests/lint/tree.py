# SPDX-License-Identifier: BSD-2-Clause
"""The files of the source tree, for the lints: what git knows or would take; else what is there."""

import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def files():
    """Paths relative to the top, sorted."""
    words = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"]
    listed = subprocess.run(words, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listed.returncode == 0:
        found = [name.decode() for name in listed.stdout.split(b"\0") if name]
    else:
        found = []
        for folder, folders, names in os.walk(TOP):
            folders[:] = [name for name in folders
                          if not name.startswith(("build", "autom4te", "__pycache__", ".git"))]
            found += [os.path.relpath(os.path.join(folder, name), TOP) for name in names]
    return sorted(name for name in set(found) if os.path.isfile(os.path.join(TOP, name)))


def text(name):
    with open(os.path.join(TOP, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def is_code(name):
    """Ours to read and change by hand: programs, scripts, build files."""
    base = os.path.basename(name)
    return (name.endswith((".c", ".h", ".py", ".sh", ".ac", ".am", ".mc", ".cf", ".supp"))
            or "." not in base and text(name).startswith("#!"))


def report(checks):
    """Prints what is wrong and the summary of [(name of the check, faults)]; the exit status."""
    failed = 0
    for name, faults in checks:
        for fault in faults:
            print("%s: %s" % (name, fault))
        failed += bool(faults)
    print("%d passed, %d failed" % (len(checks) - failed, failed))
    return 1 if failed else 0
