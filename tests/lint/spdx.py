#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every file that can hold one says its licence in its first three lines."""

import sys

import tree

LINE = "SPDX-License-Identifier: BSD-2-Clause"


def main():
    faults = []
    for name in tree.files():
        # Policies that are a test's input begin where their golden files say they do.
        golden = name.startswith(("tests/policy/", "tests/session/"))
        policy = name.endswith(".policy") and not golden
        holds = tree.is_code(name) or policy
        if holds and not any(LINE in row for row in tree.text(name).split("\n")[:3]):
            faults.append("%s: no line '%s'" % (name, LINE))
    return tree.report([("spdx", faults)])


if __name__ == "__main__":
    sys.exit(main())
