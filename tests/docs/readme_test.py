#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every example of README.md is run, and what it says of the tree and the program is so. What the log
says is told in policies/postern.8, which manual_test.py holds.

Blocks are told apart by the word behind the fence: `postern` is a policy and must compile, `console`
is run and must print its lines in this order, `sh` must parse and name files that exist, `main.cf`
stands in contrib/postfix/main.cf, `log` is what the daemon writes about such a message.
"""

import glob
import os
import re
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import POSTERN, TOP, Folder, postern  # noqa: E402
from daemon import Postern  # noqa: E402
from milterpeer import Milter  # noqa: E402
from report import Tests, contains, equal, true  # noqa: E402

with open(os.path.join(TOP, "README.md"), encoding="ascii") as file:
    README = file.read()
BLOCKS = re.findall(r"^```(\S*)\n(.*?)^```$", README, re.M | re.S)
KINDS = {"sh", "postern", "console", "main.cf", "log"}
LIMIT_SECONDS = 60

tests = Tests()


def blocks(kind):
    return [text for name, text in BLOCKS if name == kind]


@tests.test
def all_kinds_of_blocks_are_known():
    equal({name for name, text in BLOCKS}, KINDS, "kinds of blocks")
    equal(README.count("```"), 2 * len(BLOCKS), "fences")


def in_tree(folder):
    """A folder that looks like a source tree in which Postern was built."""
    os.symlink(POSTERN, os.path.join(folder.path, "postern"))
    for name in ("policies", "contrib"):
        os.symlink(os.path.join(TOP, name), os.path.join(folder.path, name))


for number, text in enumerate(blocks("postern"), 1):
    def test(text=text):
        with Folder() as folder:
            folder.file("local-domains", "example.org\n")
            ran = postern("check", "-W", "none", folder.file("readme.policy", text))
            equal((ran.status, ran.err), (0, ""), "outcome")
    test.__name__ = "policy %d compiles" % number
    tests.test(test)


@tests.test
def the_first_policy_raises_no_doubt():
    text = next(text for text in blocks("postern") if "spf-fail" in text)
    with Folder() as folder:
        ran = postern("check", "-Werror", folder.file("readme.policy", text))
        equal((ran.status, ran.err), (0, ""), "outcome")


def run_console(text, folder):
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, expected = part.split("\n", 1)
        done = subprocess.run(["sh", "-c", command], cwd=folder.path, timeout=LIMIT_SECONDS,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        said = done.stdout.decode()
        at = 0
        for line in expected.splitlines():
            found = said.find(line, at)
            true(found >= 0, "%r prints, in its place, %r: %s" % (command, line, said))
            at = found + len(line)


@tests.test
def commands_print_what_is_shown():
    with Folder() as folder:
        in_tree(folder)
        for text in blocks("console"):
            run_console(text, folder)


@tests.test
def steps_parse_and_name_files_that_exist():
    for text in blocks("sh"):
        done = subprocess.run(["sh", "-n"], input=text.encode(), stderr=subprocess.PIPE, check=False)
        equal((done.returncode, done.stderr), (0, b""), "outcome of sh -n")
        for line in text.splitlines():
            for word in shlex.split(line, comments=True):
                if re.match(r"(contrib|policies)/", word):
                    true(os.path.exists(os.path.join(TOP, word)), word + " is there")


@tests.test
def promises_name_tests_that_exist():
    with open(os.path.join(TOP, "contrib", "SECURITY.md"), encoding="utf-8") as file:
        text = file.read()
    # A word without a folder is in the one of the word before it.
    folder, found = "", 0
    for name in re.findall(r"`([\w/*.-]+\.(?:py|c|h))`", text):
        folder = os.path.dirname(name) or folder
        true(glob.glob(os.path.join(TOP, folder, os.path.basename(name))), name + " is there")
        found += 1
    true(found >= 12, "it names tests")
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        true(os.path.exists(os.path.join(TOP, "contrib", link)), link + " is there")
    for row in re.findall(r"(?m)^\| \*\*.*$", text):
        true(re.search(r"tests/", row), "a test for: " + row[:60])


@tests.test
def links_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    true(len(links) >= 5, "there are links")
    for link in links:
        true(os.path.exists(os.path.join(TOP, link)), link + " is there")


@tests.test
def what_postfix_needs_is_what_is_shipped():
    with open(os.path.join(TOP, "contrib", "postfix", "main.cf"), encoding="ascii") as main_cf:
        shipped = main_cf.read()
    for text in blocks("main.cf"):
        contains(shipped, text, "contrib/postfix/main.cf")


def fields_of(line):
    """Names and values of a log line, what differs from run to run masked."""
    head, rest = re.fullmatch(r"postern\[\d+\]: (\S+): (.*)", line.strip()).groups()
    pairs = [word.split("=", 1) for word in shlex.split(rest)]
    return head, [(name, "*" if name == "policy" else value) for name, value in pairs]


@tests.test
def the_log_line_is_what_the_daemon_writes():
    shown = blocks("log")[0]
    with open(os.path.join(TOP, "policies", "default.policy"), encoding="ascii") as shipped:
        policy = shipped.read()
    with Folder() as folder:
        folder.file("local-domains", "localhost\n")
        path = os.path.join(folder.path, "postern.sock")
        with Postern(folder.path, path, policy, 'example.net TXT "v=spf1 -all"\n',
                     command=[POSTERN]) as daemon:
            with Milter("unix:" + path) as mta:
                mta.negotiate()
                mta.connect("host.example.net", "203.0.113.9", 4321)
                mta.helo("mail.example.net")
                mta.mail("<news@example.net>")
                mta.rcpt("<you@localhost>")
                mta.data(macros={"i": "4Xk2Lq0Jz9"})
                for field in (("From", " News <news@example.net>"), ("Message-ID", " <1@example.net>")):
                    mta.header(*field)
                mta.eoh()
                mta.body(b"Text.\r\n")
                mta.eom(macros={"i": "4Xk2Lq0Jz9"})
                mta.quit()
            record = daemon.wait_record(verdict="reject")
            true(record is not None, "there is a line: " + daemon.log())
    equal(fields_of(record.line), fields_of(shown), "the line")


def later_words(kind):
    row = re.search(r"^\| %s \| (.*) \|$" % kind, README, re.M).group(1)
    return re.findall(r"`([^`]+)`", row)


def refused(policy):
    with Folder() as folder:
        ran = postern("check", folder.file("later.policy", policy))
        equal(ran.status, 2, "status for " + policy)
        contains(ran.err, "not supported by this version", policy)


@tests.test
def words_of_later_versions_are_refused():
    for fact in later_words("facts"):
        refused("accept when %s is present\n" % fact)
    for action in later_words("actions"):
        refused(action + "\n")
    for word in later_words("tables"):
        refused('table x %s { y }\n' % word if word in ("patterns", "map")
                else 'table x domains %s "y"\n' % word)


@tests.test
def words_of_later_versions_are_all_named():
    with open(os.path.join(TOP, "filter", "policy", "load.c"), encoding="ascii") as source:
        text = source.read()
    facts = re.search(r"later_facts\[\] = \{(.*?)\}", text, re.S).group(1)
    known = postern("facts").out
    for fact in re.findall(r'"([^"]+)"', facts):
        if not re.search(r"^  %s[ (]" % re.escape(fact), known, re.M):
            true(fact in later_words("facts"), fact + " is named")


@tests.test
def folders_are_what_they_are_called():
    rooms = re.search(r"^\| `filter/` \| the program: (.*?);", README, re.M).group(1)
    folders = os.listdir(os.path.join(TOP, "filter"))
    equal(sorted(re.findall(r"`(\w+)`", rooms)), sorted(folders), "folders of filter/")
    for folder in ("include/postern", "filter", "policies", "contrib", "tests"):
        contains(README, "| `%s/` |" % folder, "README.md")
        true(os.path.isdir(os.path.join(TOP, folder)), folder + " is there")


@tests.test
def it_is_read_in_a_few_minutes():
    true(len(README.splitlines()) <= 320, "README.md has at most 320 lines")


tests.finish()
