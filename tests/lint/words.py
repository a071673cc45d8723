#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""No file says of itself that it is unfinished, or names a folder of one machine."""

import os
import re
import sys

import tree

# In pieces, so that this file does not hold what it looks for.
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK",
                                           "(?:not |un)" + "implemented"]) + r")\b")


def main():
    # The folder above too, unless every machine has one of that name, as /tmp.
    above = os.path.dirname(tree.TOP)
    place = re.compile(r"%s(/|\b)" % re.escape(above if above.count("/") > 1 else tree.TOP))
    unfinished, places = [], []
    for name in tree.files():
        if not tree.is_code(name) and not name.endswith((".md", ".policy")):
            continue
        for number, row in enumerate(tree.text(name).split("\n"), 1):
            if UNFINISHED.search(row):
                unfinished.append("%s:%d: %s" % (name, number, row.strip()))
            if place.search(row):
                places.append("%s:%d: %s" % (name, number, row.strip()))
    return tree.report([("unfinished", unfinished), ("places", places)])


if __name__ == "__main__":
    sys.exit(main())
