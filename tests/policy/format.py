#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""postern fmt: the canonical form, against golden files and against policies mutated at random.

tests/policy/format/NAME.policy formats to NAME.fmt. Every other policy of the tree that parses, and
every one of README.md, formats to the same tree with all its comments, and the result is a fixed
point. Policies whose white space was changed at random format to the same text; those that got
comments in random places keep them all, in their order, and are the same without them.

    format.py [--bless] [--seed N]

--bless writes the golden files instead of comparing: read the difference before it is committed.
"""

import argparse
import os
import random
import re
import resource
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import TOP, Folder, postern  # noqa: E402
from report import Tests, contains, equal, true  # noqa: E402

FOLDER = os.path.join(HERE, "format")
BUILD = os.environ.get("BUILD", TOP)
PARSETOOL = os.path.abspath(os.environ.get(
    "PARSETOOL", os.path.join(BUILD, "tests", "policy", "parsetool")))
MUTATIONS = 1000  # of each sort
BATCH = 100
COLUMNS = 100
UGLY = "a:accept\n  when  spf is   pass\n"
PRETTY = "a:          accept when spf is pass\n"
BROKEN = "accept when\n"

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--bless", action="store_true")
parser.add_argument("--seed", type=int, default=1)
options = parser.parse_args()
tests = Tests()


def read(path):
    with open(path, "rb") as file:
        return file.read().decode()


def trees(paths):
    """The trees of policies without their places, from one process; None where there are mistakes."""
    done = subprocess.run([PARSETOOL, *paths, os.devnull], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL)
    found = re.findall(r"(.*?)\f(\d)\n", done.stdout.decode(), re.S)
    equal((done.returncode in (0, 1), len(found)), (True, len(paths) + 1), "outcome of parsetool")
    return [None if status == "1" else re.sub(r"  @\d+:\d+-\d+:\d+", "", text)
            for text, status in found[:-1]]


def tree(path):
    return trees([path])[0]


def formatted(text):
    ran = postern("fmt", "-", feed=text.encode())
    equal((ran.status, ran.err), (0, ""), "outcome of %r" % text)
    return ran.out


def policies():
    """The policies of the source tree that parse, and those of README.md: name and text."""
    found = []
    for folder in ("policies", "contrib", "tests"):
        for path, _, names in os.walk(os.path.join(TOP, folder)):
            found += [os.path.join(path, name) for name in names if name.endswith(".policy")]
    found = sorted(path for path in found if not os.path.basename(path).startswith("bad-"))
    for path, parsed in zip(found, trees(found)):
        if parsed is not None:
            yield os.path.relpath(path, TOP), read(path)
    for number, text in enumerate(re.findall(r"^```postern\n(.*?)^```$",
                                             read(os.path.join(TOP, "README.md")),
                                             re.M | re.S), 1):
        yield "README.md, policy %d" % number, text


# ---- what a text consists of, without the program's own lexer ----


def string_end(text, at):
    """Behind the string that begins at `at`: "..." with ${fact("...")} inside."""
    at += 1
    while text[at] != '"':
        if text[at] == "\\" or text.startswith("$$", at):
            at += 2
        elif text.startswith("${", at):
            while text[at] != "}":
                at = string_end(text, at) if text[at] == '"' else at + 1
        else:
            at += 1
    return at + 1


def cut(text):
    """Words and the gaps before them, as (gap, word); the last word is empty."""
    parts, at, start = [], 0, 0
    if text.startswith("\ufeff"):
        text = text[1:]
    while True:
        found = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*").match(text, at)
        gap, at = found.group(), found.end()
        start = at
        while at < len(text) and text[at] not in " \t\r\n#":
            address = re.compile(r'<(?:"[^"]*"[^<> \n]*|[^\s<>="][^<> \n]*)?>').match(text, at)
            pattern = re.compile(r"/(?:\\.|[^/\\\n])+/").match(text, at)
            if text[at] == '"':
                at = string_end(text, at)
            elif address:
                at = address.end()
            elif pattern and at == start:
                at = pattern.end()
            else:
                at += 1
        parts.append((gap, text[start:at]))
        if at >= len(text) and start == at:
            return parts


def comments(text):
    """All comments, in order; what is left of a line with nothing else goes with its comment."""
    found, left = [], []
    for gap, word in cut(text):
        found += [c.strip() for c in re.findall(r"#[^\n]*", gap)]
        left.append(re.sub(r"[ \t]*#[^\n]*", "", re.sub(r"(?m)(?<=\n)[ \t]*#[^\n]*(\n|\Z)", "",
                                                        gap)) + word)
    return found, "".join(left)


# ---- golden files ----


for name in sorted(os.listdir(FOLDER)):
    if not name.endswith(".policy"):
        continue

    def golden(path=os.path.join(FOLDER, name)):
        expected = path[:-len(".policy")] + ".fmt"
        ran = postern("fmt", path)
        equal((ran.status, ran.err), (0, ""), "outcome")
        if options.bless:
            with open(expected, "w") as file:
                file.write(ran.out)
        equal(ran.out.splitlines(), read(expected).splitlines(), "result")
        equal(ran.out, read(expected), "result")
    golden.__name__ = "format/" + name
    tests.test(golden)


# ---- every policy there is ----


POLICIES = list(policies())
for name, text in POLICIES:
    def whole(text=text):
        with Folder() as folder:
            out = formatted(text)
            equal(formatted(out), out, "second time")
            equal(tree(folder.file("out", out)), tree(folder.file("in", text)), "tree")
            equal(comments(out)[0], comments(text)[0], "comments")
            for line in out.splitlines():
                true(line == line.rstrip(), "no blanks at the end of %r" % line)
            true("\n\n\n" not in out and not out.startswith("\n"), "one blank line at most")
            true(out.endswith("\n") or not out, "the last line ends")
    whole.__name__ = name
    tests.test(whole)


def plan(path):
    """What `check` says of a policy without its name and its hash; None if it does not compile."""
    ran = postern("check", path)
    return re.sub(r".*: (?=ok|tests)|, policy \w+|:\d+:\d+:|^\S+: ", "", ran.out,
                  flags=re.M) if ran.status == 0 else None


@tests.test
def what_compiles_compiles_to_the_same():
    count = 0
    for name, text in POLICIES:
        path = os.path.join(TOP, name)
        if not os.path.exists(path) or plan(path) is None:
            continue
        with Folder() as folder:
            for other in os.listdir(os.path.dirname(path)):
                if other != os.path.basename(path):
                    os.symlink(os.path.join(os.path.dirname(path), other),
                               os.path.join(folder.path, other))
            out = folder.file(os.path.basename(path), formatted(text))
            equal(plan(out), plan(path), "plan of " + name)
        count += 1
    true(count > 10, "policies were compiled, %d" % count)


# ---- mutations ----


def bases():
    """Policies without comments and without tests, whose lines are theirs."""
    for name, text in POLICIES:
        bare = comments(text)[1].replace("\r\n", "\n")
        bare = re.sub(r'(?ms)^test "[^\n]*(\}\n|\{\n.*?^\}\n)', "", bare)
        if not bare.startswith("test ") and len(cut(bare)) > 3:
            yield name, bare


def mutate(random_source, text, adding):
    """Other white space, where there is some; `adding`: comments too. Which, and the text."""
    out, added = [], []
    for gap, word in cut(text):
        blank = gap.count("\n") > 1
        if gap and not blank:
            gap = random_source.choice([gap, " ", "   ", "\t", "\n", "\n      ", " \r\n\t"])
            if out and (out[-1][-1:] in "{(" or word[:1] in ")}") and random_source.random() < 0.3:
                gap = ""
        if gap and adding and random_source.random() < 0.1:
            for _ in range(random_source.randint(1, 2)):
                added.append("# %d: no { or \" counts" % len(added))
                gap = gap.rstrip(" \t") + random_source.choice(["", " ", "        "]) + added[-1]
                gap += "\n\n" if blank else "\n"
        out.append(gap + word)
    return added, "".join(out)


def check_batch(folder, batch):
    """Formats all files with one process."""
    ran = postern("fmt", "-w", *[path for path, *_ in batch])
    equal((ran.status, ran.err), (0, ""), "outcome")
    ran = postern("fmt", "--check", *[path for path, *_ in batch])
    equal((ran.status, ran.err), (0, ""), "fixed points")
    bare = []
    for path, name, mutated, added, expected in batch:
        found, text = comments(read(path))
        equal(found, added, "comments of %s: %s" % (name, mutated))
        bare.append((folder.file(os.path.basename(path) + ".bare", text), name, mutated, expected))
    ran = postern("fmt", "-w", *[path for path, *_ in bare])
    equal((ran.status, ran.err), (0, ""), "outcome without comments")
    for path, name, mutated, expected in bare:
        equal(read(path).splitlines(), expected.splitlines(), "result of %s: %s" % (name, mutated))


def mutations(adding):
    source = random.Random("%d %s" % (options.seed, adding))
    plain = [(name, text, formatted(text)) for name, text in bases()]
    sound = 0
    with Folder() as folder:
        wanted = trees([folder.file("base%d" % n, row[1]) for n, row in enumerate(plain)])
        for first in range(0, MUTATIONS, BATCH):
            batch, expectations = [], []
            for number in range(first, first + BATCH):
                which = source.randrange(len(plain))
                name, text, expected = plain[which]
                added, mutated = mutate(source, text, adding)
                path = folder.file("%d.policy" % number, mutated)
                batch.append((path, name, mutated, added, expected))
                expectations.append(wanted[which])
            # "set mode" and "observe" on the next line look like two things begun.
            read_as = trees([path for path, *_ in batch])
            batch = [row for row, got, want in zip(batch, read_as, expectations) if got == want]
            sound += len(batch)
            check_batch(folder, batch)
    true(sound > MUTATIONS * 0.9, "most mutations are read as the base, %d" % sound)


@tests.test
def white_space_does_not_matter():
    mutations(False)


@tests.test
def no_comment_is_lost():
    mutations(True)


@tests.test
def tests_keep_their_comments_and_words():
    """Lines of a test are its author's, so what comes out depends on white space; what is said not."""
    source = random.Random("%d tests" % options.seed)
    same = 0
    with Folder() as folder:
        for name in ("format/tests.policy", "parse/tests.policy", "format/design.policy"):
            # The text without its comments.
            base = comments(read(os.path.join(HERE, name)))[1].replace("\r\n", "\n")
            expected = tree(folder.file("base", base))
            batch = []
            for number in range(60):
                added, mutated = mutate(source, base, True)
                batch.append((folder.file("%d.policy" % number, mutated), mutated, added))
            read_as = trees([path for path, *_ in batch])
            batch = [row for row, got in zip(batch, read_as) if got == expected]
            same += len(batch)
            paths = [path for path, *_ in batch]
            ran = postern("fmt", "-w", *paths)
            equal((ran.status, ran.err), (0, ""), "outcome")
            ran = postern("fmt", "--check", *paths)
            equal((ran.status, ran.err), (0, ""), "fixed points")
            for (path, mutated, added), got in zip(batch, trees(paths)):
                equal(comments(read(path))[0], added, "comments of " + mutated)
                equal(got, expected, "tree of " + mutated)
    true(same > 90, "most mutations are read as the base, %d" % same)


# ---- the command ----


@tests.test
def mistakes_are_told_and_nothing_is_written():
    with Folder() as folder:
        path = folder.file("broken.policy", BROKEN)
        for words in (["fmt", path], ["fmt", "-w", path], ["fmt", "--check", path]):
            ran = postern(*words)
            equal((ran.status, ran.out), (2, ""), "outcome")
            contains(ran.err, "broken.policy:1:8: error: ", "error")
        equal(read(path), BROKEN, "file")
        equal(os.listdir(folder.path), ["broken.policy"], "files")


@tests.test
def check_only_says():
    with Folder() as folder:
        ugly, pretty = folder.file("ugly", UGLY), folder.file("pretty", PRETTY)
        ran = postern("fmt", "--check", pretty, ugly)
        equal((ran.status, ran.out), (1, ""), "outcome")
        equal(ran.err, ugly + ": not in canonical form\n", "error")
        equal(postern("fmt", "--check", pretty).status, 0, "status")
        equal(postern("fmt", "--check", ugly, folder.file("broken", BROKEN)).status, 2, "status")
        equal(read(ugly), UGLY, "file")


@tests.test
def a_file_is_replaced_only_where_it_differs():
    with Folder() as folder:
        ugly, pretty = folder.file("ugly", UGLY), folder.file("pretty", PRETTY)
        os.symlink("ugly", os.path.join(folder.path, "link"))
        os.chmod(ugly, 0o640)
        before = os.stat(pretty)
        equal(postern("fmt", "-w", pretty, os.path.join(folder.path, "link")).status, 0, "status")
        after = os.stat(pretty)
        equal((after.st_ino, after.st_mtime_ns), (before.st_ino, before.st_mtime_ns), "pretty one")
        equal(read(ugly), PRETTY, "text")
        equal(stat.S_IMODE(os.stat(ugly).st_mode), 0o640, "mode")
        true(os.path.islink(os.path.join(folder.path, "link")), "the link is one still")
        equal(sorted(os.listdir(folder.path)), ["link", "pretty", "ugly"], "files")


def a_file_that_cannot_be_replaced_stays():
    with Folder() as folder:
        ugly = folder.file("ugly", UGLY)
        os.chmod(folder.path, 0o500)
        ran = postern("fmt", "-w", ugly)
        os.chmod(folder.path, 0o700)
        equal((ran.status, ran.out), (2, ""), "outcome")
        contains(ran.err, "Permission denied", "error")
        equal(read(ugly), UGLY, "file")


if os.geteuid() == 0:
    tests.skip("a file that cannot be replaced (root may)")
else:
    tests.test(a_file_that_cannot_be_replaced_stays)


@tests.test
def what_would_mean_something_else_stays():
    # Behind a number, on its line, 'm' would be a unit that does not touch it.
    ran = postern("fmt", "-", feed=b'score 550 # why\nm when spf is fail\n')
    equal((ran.status, ran.out), (2, ""), "outcome")
    contains(ran.err, "error: this cannot be laid out", "error")


@tests.test
def usage():
    for words, part in [([], "which policy?"), (["--frob"], "no option '--frob'"),
                        (["-w", "--check", "x"], "exclude each other"),
                        (["x", "y"], "one policy at a time"), (["-w", "-"], "not standard input"),
                        (["/nonexistent"], "No such file"), (["-w", "/"], "Is a directory")]:
        ran = postern("fmt", *words)
        equal((ran.status, ran.out), (2, ""), "outcome of %s" % words)
        contains(ran.err, part, "error")
    with Folder() as folder:
        folder.file("-w", UGLY)
        equal(postern("fmt", "--", "-w", cwd=folder.path).out, PRETTY, "what a file called -w has")


def children_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@tests.test
def long_policies_take_no_longer_than_they_must():
    deep = "define a = %sb%s\n" % ("not (" * 60, ")" * 60)
    wide = "accept when any helo.name in { %s }\n" % " ".join("w%d" % i for i in range(100000))
    long = "accept when %s\n" % " and ".join("(a%d # why\n or b)" % i for i in range(30000))
    line = "accept # %s\n" % ("x" * 1000000)
    for text in (deep, wide, long, line, "accept # c\n" * 50000):
        before = children_seconds()
        out = formatted(text)
        true(children_seconds() - before < 10, "%d bytes in 10 s of CPU time" % len(text))
        equal(formatted(out), out, "second time")
    true(max(len(row) for row in formatted(wide).splitlines()) <= COLUMNS, "sets are wrapped")


tests.finish()
