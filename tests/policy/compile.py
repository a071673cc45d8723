#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks every tests/policy/compile/*.policy and compares what `postern check` reports, to the caret.

The reports are expected in NAME.err; where there is no NAME.err, none are. A policy called good-*
is accepted, every other is refused, and twenty-mistakes has twenty errors. Besides, every
diagnostic of the compiler's source is in some NAME.err.

    compile.py [--bless] [NAME...]

--bless writes what is there instead of comparing: read the difference before it is committed.
"""

import argparse
import difflib
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FOLDER = os.path.join(HERE, "compile")
POSTERN = os.path.abspath(os.environ.get("POSTERN") or os.path.join(TOP, "postern"))
SOURCES = ["actions", "comparison", "expectations", "expression", "given", "include", "load", "rules",
           "settings", "slots", "tabledef", "tests"]
LIMIT_SECONDS = 20
# A file that cannot be read, and many that include each other: tested with the commands.
ELSEWHERE = {"%s: %s", "includes nest at most %d deep"}


def read(name):
    try:
        with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def bless(name, content):
    path = os.path.join(FOLDER, name)
    if content:
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
    elif os.path.exists(path):
        os.unlink(path)


def golden(name, blessing):
    """One policy; what is wrong with it, or None."""
    done = subprocess.run([POSTERN, "check", name + ".policy"], cwd=FOLDER, timeout=LIMIT_SECONDS,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said = done.stderr.decode("utf-8", "backslashreplace")
    good = name.startswith("good-")
    errors = len(re.findall(r"^(?:\S+:\d+:\d+: )?error: ", said, re.M))
    if done.returncode != (0 if good else 2):
        return "status %d\n%s" % (done.returncode, said)
    if bool(errors) == good:
        return "%d errors\n%s" % (errors, said)
    if errors and not said.endswith("%s.policy: %d error%s\n" % (name, errors,
                                                                 "" if errors == 1 else "s")):
        return "the sum is not %d\n%s" % (errors, said)
    if name == "twenty-mistakes" and errors != 20:
        return "%d errors, not twenty" % errors
    if blessing:
        bless(name + ".err", said)
    expected = read(name + ".err")
    if said != expected:
        return "not as expected\n" + "\n".join(difflib.unified_diff(
            expected.splitlines(), said.splitlines(), "expected", "actual", lineterm=""))
    return None


def formats(source):
    """The format strings of all reports in a C file."""
    with open(os.path.join(TOP, "filter", "policy", source + ".c"), encoding="utf-8") as file:
        text = file.read()
    literal = r'(?:"(?:[^"\\]|\\.)*"|STR_FMT)'
    call = r"\b(?:loader|diag)_(?:error|warning|note)\((?:[^\"();]|\([^()]*\))*?(%s(?:\s*%s)*)"
    for match in re.finditer(call % (literal, literal), text):
        pieces = re.findall(literal, match.group(1))
        yield "".join("%s" if piece == "STR_FMT" else
                      piece[1:-1].replace('\\"', '"').replace("\\\\", "\\") for piece in pieces)


def pattern(text):
    parts = re.split(r"%(?:\.\*s|zu|lld|d|s|%)", text)
    return re.compile("(?:error|warning|note): " + ".*".join(re.escape(part) for part in parts) + "$",
                      re.M)


def missing():
    """The formats that no expected report shows."""
    reports = "".join(read(name) for name in sorted(os.listdir(FOLDER)) if name.endswith(".err"))
    found = [(source, text) for source in SOURCES for text in formats(source)]
    if len(found) < 50:
        return ["only %d reports found in the source" % len(found)]
    return ["%s.c: \"%s\"" % (source, text) for source, text in found
            if text not in ELSEWHERE and text != "%s" and not pattern(text).search(reports)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bless", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    names = options.names or sorted(file[:-len(".policy")] for file in os.listdir(FOLDER)
                                    if file.endswith(".policy"))
    passed = failed = 0
    for name in names:
        wrong = golden(name, options.bless)
        failed += bool(wrong)
        passed += not wrong
        if wrong:
            print("FAILED: %s: %s" % (name, wrong))
    if not options.names:
        untested = missing()
        failed += bool(untested)
        passed += not untested
        for text in untested:
            print("FAILED: no policy brings about " + text)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
