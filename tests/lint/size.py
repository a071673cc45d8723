#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""No code file is over 600 lines (of the filter 420) without a reason in its head, no line of C
over 100 columns."""

import sys

import tree

LINES = 600
FILTER_LINES = 420
COLUMNS = 100
REASON = "Over %d lines because"


def main():
    long_files, wide_lines = [], []
    for name in tree.files():
        if not tree.is_code(name):
            continue
        rows = tree.text(name).rstrip("\n").split("\n")
        limit = FILTER_LINES if name.startswith("filter/") else LINES
        reason = REASON % limit
        if len(rows) > limit and reason not in " ".join("\n".join(rows[:15]).split()):
            long_files.append("%s: %d lines, no '%s ...'" % (name, len(rows), reason))
        for number, row in enumerate(rows if name.endswith((".c", ".h")) else [], 1):
            width = len(row.expandtabs(8))
            if width > COLUMNS:
                wide_lines.append("%s:%d: %d columns" % (name, number, width))
    return tree.report([("lines", long_files), ("columns", wide_lines)])


if __name__ == "__main__":
    sys.exit(main())
