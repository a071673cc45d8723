#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every C file is laid out as .clang-format says; `clang-format -i FILE` mends one."""

import shutil
import subprocess
import sys

import tree


def main():
    if not shutil.which("clang-format"):
        print("SKIPPED: layout (clang-format is not installed)")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    files = [name for name in tree.files() if name.endswith((".c", ".h"))]
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *files], cwd=tree.TOP,
                          stderr=subprocess.PIPE, text=True)
    faults = sorted({row.split(":")[0] for row in done.stderr.split("\n") if ": error:" in row})
    return tree.report([("layout", faults)])


if __name__ == "__main__":
    sys.exit(main())
