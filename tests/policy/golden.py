#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Parses every tests/policy/parse/*.policy and compares the tree and the reports, to the caret.

The tree is expected in NAME.ast, the reports in NAME.err; where there is no NAME.err, none are.
A policy called bad-* has reports, every other has none; bad-twenty has twenty errors.

    golden.py [--tool PARSETOOL] [--bless] [NAME...]

--bless writes what is there instead of comparing: read the difference before it is committed.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
FOLDER = os.path.join(HERE, "parse")
BUILD = os.environ.get("BUILD", os.path.join(HERE, "..", ".."))
LIMIT_SECONDS = 20


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def bless(path, content, always):
    if content or always:
        with open(path, "wb") as file:
            file.write(content)
    elif os.path.exists(path):
        os.unlink(path)


def difference(name, expected, actual):
    lines = difflib.unified_diff(
        expected.decode(errors="backslashreplace").splitlines(),
        actual.decode(errors="backslashreplace").splitlines(),
        name + " (expected)", name + " (actual)", lineterm="")
    print("\n".join(lines))


def check(tool, name, blessing):
    """One policy; what is wrong with it, or None."""
    done = subprocess.run([tool, name + ".policy"], cwd=FOLDER, timeout=LIMIT_SECONDS,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    errors = len(re.findall(rb"^%s\.policy:\d+:\d+: error: " % re.escape(name.encode()),
                            done.stderr, re.M))
    if done.returncode not in (0, 1):
        sys.stdout.write(done.stderr.decode(errors="backslashreplace"))
        return "status %d" % done.returncode
    if done.returncode != (1 if errors else 0) or bool(errors) != name.startswith("bad-"):
        sys.stdout.write(done.stderr.decode(errors="backslashreplace"))
        return "%d errors, status %d" % (errors, done.returncode)
    if name == "bad-twenty" and errors != 20:
        return "%d errors for twenty mistakes" % errors
    wrong = None
    for ending, actual in (".ast", done.stdout), (".err", done.stderr):
        path = os.path.join(FOLDER, name + ending)
        if blessing:
            bless(path, actual, ending == ".ast")
        elif read(path) != actual:
            difference(name + ending, read(path), actual)
            wrong = "not as expected"
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tool", default=os.environ.get(
        "PARSETOOL", os.path.join(BUILD, "tests", "policy", "parsetool")))
    parser.add_argument("--bless", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    names = options.names or sorted(file[:-len(".policy")] for file in os.listdir(FOLDER)
                                    if file.endswith(".policy"))
    tool = os.path.abspath(options.tool)
    passed = failed = 0
    for name in names:
        try:
            wrong = check(tool, name, options.bless)
        except (OSError, subprocess.TimeoutExpired) as error:
            wrong = str(error)
        if wrong:
            failed += 1
            print("FAILED: %s: %s" % (name, wrong))
        else:
            passed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
