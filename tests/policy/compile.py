#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks every tests/policy/compile/*.policy and compares what `postern check` reports, to the caret.

The reports are expected in NAME.err; where there is no NAME.err, none are. A policy called good-*
is accepted, whatever warnings there are; warn-* is accepted with warnings, every other is refused,
and twenty-mistakes has twenty errors. What is printed besides by --dump types and --dump plan, or
with --table, is expected in NAME.types, NAME.plan and NAME.table, where they exist. Besides, every
diagnostic of the language's source is in some report here or among those of the parser.

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
PARSED = os.path.join(HERE, "parse")
FOLDERS = [os.path.join("filter", room) for room in ("policy", "table")]
FILES = [os.path.join("filter", "command", "servecheck.c")]
LIMIT_SECONDS = 20
# A file that cannot be read, many that include each other, --given: tested with the commands. Values
# that no policy can ask for: tests/unit/value_test. What only a fault of ours would bring about.
ELSEWHERE = {"'%s' is what the rules add up, it cannot be given", "the setting '%s' is not supported by this version",
             "this is not FACT=VALUE", "a fact is wanted before the '='", "%s: %s", "includes nest at most %d deep", "not 'true' or 'false'",
             "patterns stay interpreted: %s",
             "of some, PCRE2 makes no machine code, or finds no memory for it", "not one of its values", "not a value of this type", "out of memory",
             "a pattern's flags are 'i' (no case) and 'x' (extended)",
             "this cannot be laid out without a change of what it means"}
# Policies with a word that is not there in every version, and the word.
WANTED = {"warn-observe": "mode", "warn-relays": "relays", "warn-score": "score", "warn-score-part": "score"}
DUMPS = {".types": ["--dump", "types"], ".plan": ["--dump", "plan"], ".table": ["--table", "-W", "none"]}


def read(name, folder=FOLDER):
    try:
        with open(os.path.join(folder, name), encoding="utf-8") as file:
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


def check(name, *options):
    return subprocess.run([POSTERN, "check", *options, name + ".policy"], cwd=FOLDER,
                          timeout=LIMIT_SECONDS, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def compare(name, said, blessing):
    if blessing:
        bless(name, said)
    expected = read(name)
    if said == expected:
        return None
    return name + " is not as expected\n" + "\n".join(difflib.unified_diff(
        expected.splitlines(), said.splitlines(), "expected", "actual", lineterm=""))


def count(said, level):
    return len(re.findall(r"^(?:\S+:\d+:\d+: )?%s: " % level, said, re.M))


def golden(name, blessing):
    """One policy; what is wrong with it, or None."""
    good, warned = name.startswith("good-"), name.startswith("warn-")
    done = check(name, *(["-W", "none"] if good else []))
    said = done.stderr.decode("utf-8", "backslashreplace")
    errors, warnings = count(said, "error"), count(said, "warning")
    if done.returncode != (0 if good or warned else 2):
        return "status %d\n%s" % (done.returncode, said)
    if bool(errors) == (good or warned) or (warned and not warnings):
        return "%d errors, %d warnings\n%s" % (errors, warnings, said)
    for number, what in (errors, "error"), (warnings, "warning"):
        line = "%s.policy: %d %s%s\n" % (name, number, what, "" if number == 1 else "s")
        if number and line not in said:
            return "the sum is not %d\n%s" % (number, said)
    if name == "twenty-mistakes" and errors != 20:
        return "%d errors, not twenty" % errors
    return compare(name + ".err", said, blessing)


def dumped(name, blessing):
    """What is printed of one policy; what is wrong with it, or None."""
    for ending, options in DUMPS.items():
        if not os.path.exists(os.path.join(FOLDER, name + ending)):
            continue
        done = check(name, *options)
        if done.returncode != 0:
            return "status %d of %s" % (done.returncode, options)
        # The sums name the version of the policy.
        said = re.sub(r"^\S+\.policy: .*\n", "", done.stdout.decode(), flags=re.M)
        wrong = compare(name + ending, said, blessing)
        if wrong:
            return wrong
    return None


def joined(literals):
    pieces = re.findall(r'"(?:[^"\\]|\\.)*"|STR_FMT|PRI\w+', literals)
    return "".join("%s" if piece[0] != '"' else
                   piece[1:-1].replace('\\"', '"').replace("\\\\", "\\") for piece in pieces)


def formats(path):
    """The format strings of all reports in a C file, and the texts that say why in them."""
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        text = file.read()
    literal = r'(?:"(?:[^"\\]|\\.)*"|STR_FMT)'
    several = r"(%s(?:\s*%s)*)" % (literal, literal)
    plain = r'(?:[^"\();]|\([^()]*\))*?'
    for call in (r"\b(?:loader|diag)_(?:error|warning|note)\(%s%s" % (plain, several),
                 r'\b(?:diag_warn|warn_at)\(%s"[a-z-]+",%s%s' % (plain, plain, several),
                 r"\bwhy(?:_r)? = %s;" % several):
        for match in re.finditer(call, text):
            yield joined(match.group(1))


def pattern(text):
    parts = re.split(r"%(?:\.\*s|zu|lld|02x|[udsc%])", text)
    return re.compile(".*".join(re.escape(part) for part in parts))


def sources():
    for folder in FOLDERS:
        for name in sorted(os.listdir(os.path.join(TOP, folder))):
            if name.endswith(".c"):
                yield os.path.join(folder, name)
    yield from FILES


def missing():
    """The formats that no expected report shows."""
    reports = "".join(read(name, folder) for folder in (FOLDER, PARSED)
                      for name in sorted(os.listdir(folder)) if name.endswith(".err"))
    found = [(source, text) for source in sources() for text in formats(source)]
    if len(found) < 200:
        return ["only %d reports found in the source" % len(found)]
    return ["%s: \"%s\"" % (source, text) for source, text in found
            if text not in ELSEWHERE and text != "%s" and not pattern(text).search(reports)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bless", action="store_true")
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    names = options.names or sorted(file[:-len(".policy")] for file in os.listdir(FOLDER)
                                    if file.endswith(".policy"))
    known = subprocess.run([POSTERN, "facts"], stdout=subprocess.PIPE, check=True).stdout.decode()
    absent = {name for name, word in WANTED.items()
              if not re.search(r"^  %s " % word, known, re.M)}
    passed = failed = 0
    for name in sorted(absent & set(names)):
        print("SKIPPED: %s: no word '%s'" % (name, WANTED[name]))
    names = [name for name in names if name not in absent]
    for name in names:
        wrong = golden(name, options.bless) or dumped(name, options.bless)
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
    print("%d passed, %d failed" % (passed, failed) +
          (", %d skipped" % len(absent) if absent else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
