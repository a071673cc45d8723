#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The manuals: every example is compiled or run, mandoc likes them, and no word is left out.

A comment above a display says what it is: `example: policy [NAME]` must compile, `example: file
NAME` lies in the folder in which all are tried, `example: console` is run there and must print its
lines in this order, of which those that end in dots are cut. A daemon with a journal of three messages is up meanwhile; commands that ask it
are told its policy.
"""

import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import POSTERN, TOP, Folder, postern  # noqa: E402
from daemon import Postern  # noqa: E402
from milterpeer import deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, true  # noqa: E402

LIMIT_SECONDS = 60
BUILD = os.environ.get("BUILD") or os.path.dirname(POSTERN)
PAGES = ("postern.policy.5", "postern.8")
MADE = re.compile(r'^\.\\" made by postern facts --mdoc\n(.*?)^\.\\" end of what is made\n',
                  re.M | re.S)
MARKED = re.compile(r'^\.\\" example: (\w+)(?: (\S+))?\n\.Bd -literal.*?\n(.*?)^\.Ed$', re.M | re.S)
# What differs from run to run.
CHANGING = [(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME"), (r"\b[0-9a-f]{8}\b", "POLICY"),
            (r"\([0-9a-hjkmnp-z]{11}\)", "(REFERENCE)"), (r"\d+ ms\b", "N ms"),
            (r"up \d\d:\d\d:\d\d", "up"), (r"process \d+", "process N")]
ASKING = ("why", "log", "replay", "status", "stats", "reload")

tests = Tests()


def page(name):
    with open(os.path.join(TOP, "policies", name), encoding="ascii") as file:
        return file.read()


def plain(text):
    """A display as it is read."""
    text = re.sub(r"^\\&", "", text, flags=re.M)
    return text.replace("\\(dq", '"').replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


EXAMPLES = [(name, kind, file, plain(text)) for name in PAGES
            for kind, file, text in MARKED.findall(page(name))]


def examples(kind):
    return [(name, file, text) for name, of, file, text in EXAMPLES if of == kind]


def lay_out(folder):
    """All files and named policies of the manuals, and what their commands run on."""
    for _, file, text in examples("file") + examples("policy"):
        if file:
            folder.file(file, text)


@tests.test
def every_display_is_an_example():
    equal({kind for _, kind, _, _ in EXAMPLES}, {"policy", "file", "console"}, "kinds of examples")
    for name in PAGES:
        equal(page(name).count("\n.Bd -literal"), len(MARKED.findall(page(name))),
              "displays of %s that say what they are" % name)
    for kind, least in (("policy", 15), ("file", 4), ("console", 8)):
        true(len(examples(kind)) >= least, "there are examples: " + kind)


for number, (name, _, text) in enumerate(examples("policy"), 1):
    def test(text=text):
        with Folder() as folder:
            lay_out(folder)
            ran = postern("check", "-W", "none", folder.file("example.policy", text))
            equal((ran.status, ran.err), (0, ""), "outcome")
    test.__name__ = "policy %d of %s compiles" % (number, name)
    tests.test(test)


@tests.test
def a_whole_policy_raises_no_doubt():
    with Folder() as folder:
        lay_out(folder)
        for name in ("short.policy", "proved.policy"):
            ran = postern("check", "-Werror", os.path.join(folder.path, name))
            equal((ran.status, ran.err), (0, ""), "outcome for " + name)


def masked(text):
    for pattern, word in CHANGING:
        text = re.sub(pattern, word, text)
    return re.sub(r"[ \t]+", " ", text)


def run_console(text, folder, environment):
    text = text.replace("\\\n", "")
    for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, expected = part.split("\n", 1)
        command = re.sub(r"^postern (%s)\b" % "|".join(ASKING), r"postern \1 -c daemon.policy",
                         command)
        done = subprocess.run(["sh", "-c", command], cwd=folder.path, timeout=LIMIT_SECONDS,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=environment, check=False)
        said = masked(done.stdout.decode())
        lines = iter(said.splitlines())
        for line in masked(expected).strip().splitlines():
            cut = line.endswith("...")
            line = line.rstrip(". ") if cut else line
            true(any(row.startswith(line) if cut else row == line for row in lines),
                 "%r prints, in its place, %r: %s" % (command, line, said))


MAIL = (("<news@example.net>", "<you@example.org>", b"Subject: Hello\r\nMessage-ID: <1@example.net>\r\n"),
        ("<a@elsewhere.example>", "<you@example.org>", b"Message-ID: <2@elsewhere.example>\r\n"),
        ("<a@elsewhere.example>", "<x@other.example>", b""))


def send_mail(server):
    for sender, recipient, fields in MAIL:
        deliver("unix:" + server.path, sender=sender, recipients=[recipient], client="203.0.113.9",
                message=b"From: %s\r\n%s\r\nText.\r\n" % (sender.encode(), fields))


@tests.test
def commands_print_what_is_shown():
    with Folder() as folder:
        lay_out(folder)
        with open(os.path.join(folder.path, "short.policy"), encoding="ascii") as file:
            policy = file.read()
        os.mkdir(os.path.join(folder.path, "bin"))
        os.symlink(POSTERN, os.path.join(folder.path, "bin", "postern"))
        environment = dict(os.environ, PATH="%s/bin:%s" % (folder.path, os.environ["PATH"]))
        journal = 'set journal.path "%s/journal" set journal on\n' % folder.path
        with open(os.path.join(folder.path, "records"), encoding="ascii") as file:
            dns = file.read()
        with Postern(folder.path, folder.path + "/postern.sock", journal + policy, dns,
                     name="daemon", command=[POSTERN]) as server:
            send_mail(server)
            true(wait_until(lambda: postern("log", "-c", server.policy_path).out.count("\n")
                            >= len(MAIL)), "records are written")
            for _, _, text in examples("console"):
                run_console(text, folder, environment)


# ---- the words ----

@tests.test
def the_vocabulary_is_up_to_date():
    made = MADE.search(page("postern.policy.5"))
    true(made is not None, "there is a place for it")
    true(made.group(1) == postern("facts", "--mdoc").out,
         "what 'postern facts --mdoc' says stands in policies/postern.policy.5: run 'make manual'")


def later_than(text, start, end):
    return text[text.index(start):text.index(end)]


@tests.test
def every_statement_of_a_test_is_told():
    told = later_than(page("postern.policy.5"), "\n.Sh TESTS", "\n.Sh LIMITS")
    usage = postern("test", "--help").out
    given = re.findall(r"^  ([a-z]+(?: file)?) +[A-Z\"<]", usage, re.M)
    true(len(given) >= 12, "statements are found")
    for word in given:
        contains(told, ".It Ic %s " % word, "TESTS")
    for word in re.findall(r"^  expect (?:\[no\] )?([a-z]+)", usage, re.M):
        true(re.search(r"^\.It Ic expect .*\b%s\b" % word, told, re.M), "expect %s is told" % word)


@tests.test
def every_command_and_option_is_told():
    text = page("postern.8")
    commands = re.findall(r"^  ([a-z]+) +\S", postern("--help").out, re.M)
    true(len(commands) >= 12, "commands are found")
    for command in commands:
        true(re.search(r"^\.It (?:Nm Cm|Ic postern) %s\b|^\.Ss postern %s\b" % (command, command), text,
                       re.M), command + " is told")
        for option in re.findall(r"^  -(?:-)?([A-Za-z][a-z-]*)", postern(command, "--help").out, re.M):
            true(re.search(r"Fl -?%s(?![a-z-])" % option, text), "%s: option %s is told" % (command, option))


@tests.test
def every_field_of_the_log_is_explained():
    with open(os.path.join(TOP, "filter", "observe", "logline.c"), encoding="ascii") as source:
        text = source.read()
    names = set(re.findall(r'put(?:_number)?\(&?line, "([a-z-]+)"', text))
    names |= set(re.findall(r'put_fact\(&line, session, "([a-z-]+)"', text))
    names |= set(re.findall(r'[" ]([a-z]+)=%', text))
    names |= set(re.findall(r'put_recipients\(.*"([a-z]+)"', text))
    true(len(names) > 15, "fields are found")
    told = later_than(page("postern.8"), "\n.Sh LOGGING", "\n.Sh JOURNAL")
    shown = set(sum((line.split(" , ") for line in re.findall(r"^\.It Ic (.*)$", told, re.M)), []))
    for name in names:
        true(name in shown, name + " is told in LOGGING")


# ---- as manuals ----

def mandoc_likes_them():
    for name in PAGES:
        done = subprocess.run(["mandoc", "-Tlint", "-Wstyle", os.path.join(TOP, "policies", name)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=LIMIT_SECONDS, check=False)
        said = [line for line in done.stdout.decode().splitlines()
                if not re.search("referenced manual not found|possible typo in section name", line)]
        equal(said, [], "what mandoc says of " + name)


def sections_that_are_referred_to_are_there():
    for name in PAGES:
        sections = set(re.findall(r"^\.S[hs] (.*)$", page(name), re.M))
        for wanted in re.findall(r"^\.Sx (.*?)(?: [.,;])?$", page(name), re.M):
            true(wanted in sections, "%s has the section %s" % (name, wanted))


def they_are_installed():
    with Folder() as folder:
        done = subprocess.run(["make", "-s", "install-man", "DESTDIR=" + folder.path], cwd=BUILD,
                              timeout=LIMIT_SECONDS, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        equal(done.returncode, 0, "status of make install-man: " + done.stdout.decode())
        found = {os.path.basename(where) + "/" + name
                 for where, _, names in os.walk(folder.path) for name in names}
        equal(found, {"man5/postern.policy.5", "man8/postern.8"}, "what is installed")


if os.path.exists(os.path.join(BUILD, "Makefile")):
    tests.test(they_are_installed)
else:
    tests.skip("this is no build folder")
if shutil.which("mandoc"):
    tests.test(mandoc_likes_them)
else:
    tests.skip("mandoc is not installed")
tests.test(sections_that_are_referred_to_are_there)

tests.finish()
