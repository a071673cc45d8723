#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What is made from the registry: manual sections, completion for bash, a syntax file for Vim.

Each is read by the program it is for, where that is installed, and holds every word of the registry.
"""

import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import POSTERN, TOP, Folder, answer, postern  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

LIMIT_SECONDS = 60
BUILD = os.environ.get("BUILD") or os.path.dirname(POSTERN)
REGISTRY = answer("facts", "--json")
WORDS = {kind: [row["name"] for row in REGISTRY[kind]] for kind in ("facts", "actions", "settings")}
KINDS = [row["kind"] for row in REGISTRY["tables"]]

# What says something about who sends. Facts of this list that a version lacks are passed over.
FORGEABLE = ["client.ptr", "origin.helo", "helo.name", "helo.literal", "tls.subject", "sender", "sender.local",
             "sender.domain", "sender.parameter", "from", "from.address", "from.domain", "header",
             "header.count", "subject", "message.id", "list.id", "hops", "attachment.name",
             "attachment.extension", "attachment.type", "spf.domain", "spf.explanation", "dmarc.domain"]
PROVED = ["client.ip", "client.net", "client.name", "origin.ip", "auth.user", "auth.method",
          "tls.verified", "dkim.domain", "arc.sealer", "dnsbl", "country", "asn"]
tests = Tests()


def run(*words, feed=None, cwd=None):
    return subprocess.run(words, input=feed, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          cwd=cwd, timeout=LIMIT_SECONDS, check=False)


# ---- the rows ----

@tests.test
def what_can_be_forged_is_marked():
    trust = {row["name"]: row["trust"] for row in REGISTRY["facts"]}
    for name, of in trust.items():
        wanted = ("forgeable" if name in FORGEABLE else "proved" if name in PROVED else of)
        equal(of, wanted, "trust of " + name)
    equal(sorted(name for name, of in trust.items() if of == "forgeable"),
          sorted(name for name in FORGEABLE if name in trust), "forgeable facts")


@tests.test
def what_asks_the_dns_says_how_often():
    asking = [row for row in REGISTRY["facts"] if row["cost"] == "dns"]
    true(len(asking) > 3, "there are some")
    for row in asking:
        true(any(row["lookups"].values()), row["name"] + " says how many lookups it costs")
    for row in REGISTRY["facts"]:
        if row["cost"] != "dns":
            true(not any(row["lookups"].values()), row["name"] + " costs none")


@tests.test
def options_that_are_not():
    for words, part in ((["--man"], "'--man'"), (["--vim", "--bash"], "'--bash'")):
        ran = postern("facts", *words)
        equal((ran.status, ran.out), (2, ""), "outcome")
        contains(ran.err, part, "report")


# ---- mdoc ----

PROLOGUE = ".Dd $Mdocdate$\n.Dt POSTERN.POLICY 5\n.Os\n.Sh NAME\n.Nm postern.policy\n.Nd policies\n"


@tests.test
def manual_sections_hold_every_word():
    text = postern("facts", "--mdoc").out
    equal(re.findall(r"^\.Sh (.*)$", text, re.M),
          ["FACTS", "ACTIONS", "SETTINGS", "TABLES", "WARNINGS"], "sections")
    shown = re.findall(r"^\.(?:It )?(?:Ic|Cm) (.*?)(?: Ns .*)?$", text, re.M)
    warnings = re.findall(r"^  ([a-z-]+) +\S",
                          postern("check", "--help").out.split("Warnings:")[1], re.M)
    for word in sum(WORDS.values(), []) + KINDS + warnings:
        true(word in shown, word + " is in the manual")
    true(text.isascii(), "it is plain text")


def manual_sections_are_accepted_by_mandoc():
    with Folder() as folder:
        page = folder.file("page.5", PROLOGUE + postern("facts", "--mdoc").out)
        done = run("mandoc", "-Tlint", "-Wwarning", page)
        equal((done.returncode, done.stdout.decode()), (0, ""), "mandoc")
        broken = folder.file("broken.5", PROLOGUE + ".Bl -tag\n.It Ic x\n")
        true(run("mandoc", "-Tlint", "-Wwarning", broken).returncode != 0, "mandoc finds mistakes")
        shown = run("mandoc", "-Tascii", page).stdout.decode()
        shown = re.sub(".\b", "", shown)
        contains(shown, "header(text)", "page")
        contains(shown, '"Name: value"', "page")


if shutil.which("mandoc"):
    tests.test(manual_sections_are_accepted_by_mandoc)
else:
    tests.skip("mandoc is not installed")


# ---- bash ----

def complete(*words, cwd=None):
    """What bash offers for the last of these words."""
    script = (postern("facts", "--bash").out +
              'COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))\n_postern\n'
              'printf "%s\\n" "${COMPREPLY[@]}"\n')
    done = run("bash", "-u", "-c", script, "bash", *words, cwd=cwd)
    equal(done.returncode, 0, "status of bash: " + done.stdout.decode())
    return done.stdout.decode().splitlines()


@tests.test
def bash_completes_commands_and_options():
    commands = re.findall(r"^  (\w+) +\S", postern("--help").out, re.M)
    equal(complete("postern", ""), commands + ["--help", "--version"], "commands")
    equal(complete("postern", "ch"), ["check"], "a command")
    for command in commands:
        shown = postern(command, "--help").out
        options = set(re.findall(r"^  (--?[A-Za-z][\w-]*)", shown, re.M)) | {"--help"}
        equal(set(complete("postern", command, "-")), options, "options of " + command)


@tests.test
def bash_completes_values():
    settings = [name + "=" for name in WORDS["settings"]]
    equal(complete("postern", "explain", "--set", ""), settings, "settings")
    equal(complete("postern", "check", "--dump", "t"), ["tree", "types"], "dumps")
    warned = complete("postern", "check", "-W", "")
    equal(warned[:2], ["error", "none"], "of -W")
    true("no-forgeable" in warned, "warnings by name")
    with Folder() as folder:
        for name in ("a.policy", "b b.eml", "c.txt"):
            folder.file(name, "")
        os.mkdir(os.path.join(folder.path, "d"))
        equal(complete("postern", "check", "", cwd=folder.path), ["d/", "a.policy", "b b.eml"], "files")
        equal(sorted(complete("postern", "explain", "--dns", "", cwd=folder.path)),
              ["a.policy", "b b.eml", "c.txt", "d"], "values that are files")
        equal(complete("postern", "serve", "-c", "a", cwd=folder.path), ["a.policy"], "a policy")


# ---- Vim ----

POLICY = """\
# A comment with accept in it
set authserv "mx.example.org"
table ours networks { 192.0.2.0/24 }
relay: reject 550 5.7.1 "No ${client.ip} accept"
  when recipient.domain not in ours and spf is softfail
add header "X: y" when header("A") is present unless subject matches /accept/i
softfail-mark: accept when sender is <accept@example.org>
"""
# Line, a text in it, and the group that colours its first byte.
COLOURS = [
    (1, "# A", "Comment"), (1, "accept", "Comment"), (2, "set", "Keyword"),
    (2, "authserv", "Setting"), (2, '"mx', "String"), (3, "table", "Keyword"),
    (3, "networks", "Table"), (3, "192", "Number"), (4, "relay", "Label"), (4, "reject", "Action"),
    (4, "550", "Number"), (4, "client.ip", "Fact"), (4, "accept", "String"), (5, "when", "Keyword"),
    (5, "recipient.domain", "Fact"), (5, "not", "Operator"), (5, "spf", "Fact"),
    (5, "softfail", "Value"), (6, "add header", "Action"), (6, "header(", "Fact"),
    (6, "unless", "Keyword"), (6, "matches", "Operator"), (6, "/accept", "Pattern"),
    (6, "accept", "Pattern"), (7, "softfail", "Label"), (7, "accept when", "Action"),
    (7, "<accept", "Address"),
]


@tests.test
def the_syntax_file_holds_every_word():
    text = postern("facts", "--vim").out
    for kind, group in (("facts", "Fact"), ("actions", "Action"), ("settings", "Setting")):
        row = re.search(r'^syn match postern%s ".*?<=\\%%\((.*?)\\\)\\%%\(\$' % group, text, re.M)
        held = row.group(1).replace("\\.", ".").replace("\\_s\\+", " ").split("\\|")
        for word in WORDS[kind]:
            true(word in held, word + " is coloured")
    for group in set(re.findall(r"^syn \w+ (\w+)", text, re.M)) - {"case"}:
        if group != "posternInterpolated" and group != "match":
            contains(text, "hi def link %s " % group, "syntax file")


def vim_colours_a_policy():
    with Folder() as folder:
        os.makedirs(os.path.join(folder.path, "syntax"))
        folder.file("syntax/postern.vim", postern("facts", "--vim").out)
        path = folder.file("colours.policy", POLICY)
        out = os.path.join(folder.path, "out")
        script = ["set nocompatible runtimepath^=%s,%s" % (folder.path, os.path.join(TOP, "contrib", "vim")),
                  "filetype plugin on", "syntax on", "edit " + path,
                  'let lines = ["type " . &filetype, "comments " . &comments, "errors " . v:errmsg]']
        lines = POLICY.splitlines()
        for number, part, group in COLOURS:
            script.append('call add(lines, "%d " . synIDattr(synID(%d, %d, 1), "name"))'
                          % (number, number, lines[number - 1].index(part) + 1))
        script += ['call writefile(lines, "%s")' % out, "quitall!"]
        vimrc = folder.file("script.vim", "\n".join(script) + "\n")
        run("vim", "-N", "-u", "NONE", "-i", "NONE", "-n", "-e", "-s", "-S", vimrc)
        with open(out, encoding="ascii") as file:
            said = file.read().splitlines()
    equal(said[:3], ["type postern", "comments :#", "errors "], "of the file")
    for (number, part, group), line in zip(COLOURS, said[3:]):
        equal(line, "%d postern%s" % (number, group), "group of '%s' in line %d" % (part, number))
    equal(len(said), 3 + len(COLOURS), "lines")


if shutil.which("vim") and b"+syntax" in run("vim", "--version").stdout:
    tests.test(vim_colours_a_policy)
else:
    tests.skip("vim is not installed")


# ---- what make made ----

@tests.test
def what_is_installed_is_up_to_date():
    for path, option in (("contrib/completion/postern.bash", "--bash"),
                         ("contrib/vim/syntax/postern.vim", "--vim")):
        with open(os.path.join(BUILD, path), encoding="ascii") as file:
            equal(file.read(), postern("facts", option).out, path)
        lacks(postern("facts", option).out, BUILD, path)


tests.finish()
