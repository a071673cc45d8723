#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""postern check: its options, its JSON, and that its table is what the engine does."""

import json
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import TOP, Folder, answer, postern  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

DOUBTFUL = ('table nobody domains { }\n'
            'define trusted = auth.user is present\n'
            'hello: reject "No" when helo.literal unless sender.domain in nobody\n')
NAMES = ["empty", "unused", "forgeable"]

tests = Tests()
files = Folder()
doubtful = files.file("doubtful.policy", DOUBTFUL)


def names_of(text):
    return re.findall(r"(?:warning|error): .* \[([a-z-]+)\]$", text, re.M)


@tests.test
def warnings_do_not_change_the_status():
    ran = postern("check", doubtful)
    equal(ran.status, 0, "status")
    equal(sorted(names_of(ran.err)), sorted(NAMES), "warnings")
    contains(ran.err, "%s: 3 warnings" % doubtful, "sum")
    contains(ran.out, "%s: ok (" % doubtful, "output")


@tests.test
def warnings_can_be_errors():
    for words in (["-W", "error"], ["-Werror"]):
        ran = postern("check", *words, doubtful)
        equal(ran.status, 2, "status")
        equal(len(re.findall(r": error: ", ran.err)), 3, "errors")
        contains(ran.err, "%s: 3 errors" % doubtful, "sum")
        lacks(ran.out, "ok", "output")


@tests.test
def warnings_can_be_left_out():
    for name in NAMES:
        ran = postern("check", "-W", "no-" + name, doubtful)
        equal(sorted(names_of(ran.err)), sorted(set(NAMES) - {name}), "without " + name)
    every = [word for name in NAMES for word in ("-W", "no-" + name)]
    for words in (["-W", "none"], every):
        ran = postern("check", "-W", "error", *words, doubtful)
        equal((ran.status, ran.err), (0, ""), "without any")


@tests.test
def a_silenced_warning_takes_its_notes_along():
    ran = postern("check", "-W", "no-forgeable", doubtful)
    lacks(ran.err, "note:", "report")


@tests.test
def words_that_are_wrong():
    for words, part in ((["-W", "no-unusd"], "is 'no-unused' meant?"),
                        (["-W", "late"], "is 'no-late' meant?"),
                        (["-W", "frobnicated"], "write 'error', 'none' or 'no-NAME'"),
                        (["-W"], "'-W' wants a value"), (["--dump"], "'--dump' wants a value"),
                        (["--dump", "all"], "write 'tree', 'types' or 'plan'"),
                        (["--dump", "plan", "--json"], "exclude each other")):
        ran = postern("check", *words, *([] if len(words) == 1 else [doubtful]))
        equal((ran.status, ran.out), (2, ""), "outcome of %s" % words)
        contains(ran.err, part, "report of %s" % words)


@tests.test
def a_policy_may_begin_with_a_dash():
    with Folder() as folder:
        folder.file("-W", "accept\n")
        equal(postern("check", "--", "-W", cwd=folder.path).status, 0, "status")


@tests.test
def every_warning_is_named_in_the_help():
    shown = re.findall(r"^  ([a-z-]+) +\S", postern("check", "--help").out.split("Warnings:")[1], re.M)
    folders = [os.path.join(TOP, "filter", room) for room in ("policy", "command", "table")]
    used = set()
    for folder in folders:
        for name in os.listdir(folder):
            if name.endswith(".c"):
                with open(os.path.join(folder, name), encoding="ascii") as source:
                    used |= set(re.findall(
                        r'\b(?:diag_warn|warn_at)\((?:[^"();]|\([^()]*\))*?"([a-z-]+)",',
                        source.read()))
    true(len(used) > 10, "names are found in the source")
    equal(sorted(shown), sorted(used), "names")
    equal(shown, sorted(shown), "their order")


@tests.test
def findings_as_json():
    ran = postern("check", "--json", doubtful)
    equal((ran.status, ran.err), (0, ""), "outcome")
    policy, = json.loads(ran.out)["policies"]
    equal((policy["path"], policy["ok"], policy["rules"]), (doubtful, True, 1), "policy")
    equal(policy["observe"], False, "mode")
    found = {finding["name"]: finding for finding in policy["findings"]}
    equal(sorted(found), sorted(NAMES), "names")
    forged = found["forgeable"]
    equal((forged["level"], forged["file"], forged["line"], forged["column"], forged["length"]),
          ("warning", doubtful, 3, 45, len("sender.domain in nobody")), "place")
    contains(forged["text"], "sender.domain", "text")
    equal([(note["line"], note["column"]) for note in forged["notes"]], [(3, 8)], "notes")
    equal(policy["table"], [{"rule": "hello", "line": 3, "does": "reject", "could": "mail",
                             "answers": "mail", "held_back_by": None}], "table")


@tests.test
def mistakes_as_json():
    bad = files.file("bad.policy", "accept when spf is flail\n")
    ran = postern("check", "--json", bad, doubtful, "/no/such/file")
    equal((ran.status, ran.err), (2, ""), "outcome")
    first, second, third = json.loads(ran.out)["policies"]
    equal((first["ok"], first["table"], first["policy"]), (False, None, None), "bad")
    equal([(f["level"], f["name"], f["line"], f["column"]) for f in first["findings"]],
          [("error", None, 1, 20)], "findings")
    equal(second["ok"], True, "the next one")
    equal([(f["file"], f["line"]) for f in third["findings"]], [(None, None)], "no place")
    strict = json.loads(postern("check", "--json", "-Werror", doubtful).out)["policies"][0]
    equal((strict["ok"], {f["level"] for f in strict["findings"]}), (False, {"error"}), "strict")


def lookups(policy):
    path = files.file("cost.policy", policy)
    return answer("check", "--json", path)["policies"][0]["lookups"]


@tests.test
def lookups_are_counted():
    none = lookups('reject "No" when helo.literal\n')
    equal((none["shared"], none["spf"], none["signatures"], none["limit"]), (0, 0, 0, 60), "none")
    lacks(postern("check", files.file("free.policy", "accept\n")).out, "lookups", "output")
    equal(lookups('define x = spf is fail\naccept when helo.literal\n')["spf"], 0, "unused define")
    two = lookups('accept when dnsbl("a.example") is present or dnsbl("b.example") is present '
                  'or dnsbl("a.example") is absent\n')
    equal((two["shared"], two["each_recipient"]), (2, False), "two lists")
    each = lookups('accept when resolves(recipient.domain)\n')
    equal((each["shared"], each["each_recipient"]), (3, True), "each recipient")
    signed = lookups('set dkim.signatures 7\naccept when dkim is pass\n')
    equal((signed["each_signature"], signed["signatures"]), (1, 7), "signatures")
    spf = lookups('accept when spf is pass or spf.domain is "x.example"\n')["spf"]
    equal(lookups('accept when spf is pass or spf.helo is pass\n')["spf"], 2 * spf, "HELO as well")
    equal(lookups("add authentication-results\n")["each_signature"], 9,
          "what an action needs: the key, and the walk from its domain")


# ---- the table is what the engine does ----

DIALOGUE = ["--client", "192.0.2.1,mx.example.net", "--helo", "[192.0.2.1]",
            "--sender", "a@later.example", "--recipient", "u%x@example.org"]
RECORDS = "later.example TXT \"v=spf1 -all\"\n"
MAIL = "From: a@later.example\nSubject: a word\n\ntext\n"

# Each rule applies to the dialogue, those above it do not. What is last keeps the policy from saying
# the same whatever happens.
LAST = 'last: defer "x"\n'
ABOVE = {
    "nothing": "",
    "signer": 'above: accept when any dkim.domain is "x.example"\n',
    "header": 'above: accept when subject contains "another"\n',
    "recipient": 'above: accept when recipient.tag is "x"\n',
    "sender": 'above: accept when sender.domain is "x.example"\n',
    "client": 'above: accept when client.ip is 203.0.113.1\n',
    "early and late": 'above: accept when client.ip is 203.0.113.1 and dkim is pass\n',
    "same, may fail": 'above: reject "x" when any dkim.domain is "x.example"\n',
    "same, cannot fail": 'above: reject "x" when dkim is pass\n',
    "deferral": 'above: defer "x" when subject contains "another"\n',
    "edit": 'above: add header "X-A: b" when subject contains "word"\n',
}
RULES = {
    "helo": 'rule: reject "No" when helo.literal\n',
    "sender": 'rule: reject "No" when sender.domain is "later.example"\n',
    "recipient": 'rule: reject "No" when recipient.routed\n',
    "header": 'rule: reject "No" when subject contains "word"\n',
    "message": 'rule: reject "No" when spf is fail unless dkim.aligned\n',
    "accept": 'rule: accept when sender.domain is "later.example"\n',
    "accept, recipient": 'rule: accept when recipient.routed\n',
    "hold": 'rule: hold "No" when helo.literal\n',
    "discard": 'rule: discard "No" when sender.domain is "later.example"\n',
}


@tests.test
def the_table_is_what_the_engine_does():
    dns, mail = files.file("dns", RECORDS), files.file("mail.eml", MAIL)
    for above, first in ABOVE.items():
        for kind, second in RULES.items():
            what = "%s below %s" % (kind, above)
            path = files.file("pair.policy", first + second + LAST)
            row = answer("check", "--json", path)["policies"][0]["table"][-2]
            said = answer("explain", "-c", path, "--json", "--dns", dns, *DIALOGUE, mail)
            equal(said["rule"], "rule", "rule, " + what)
            equal(row["answers"], said["stage"], "stage, " + what)
            true((row["held_back_by"] == "above") == (row["answers"] != row["could"]) or
                 kind.startswith("accept"), "who holds it back, " + what)


# ---- dumps ----

@tests.test
def dump_of_the_tree():
    ran = postern("check", "--dump", "tree", doubtful)
    equal((ran.status, ran.err), (0, ""), "outcome")
    true(re.search(r"^\s*table .*nobody", ran.out, re.M), "the table is there: " + ran.out)
    bad = files.file("broken.policy", "accept when (spf is fail\n")
    ran = postern("check", "--dump", "tree", bad)
    equal(ran.status, 2, "status of a broken policy")
    contains(ran.err, bad + ":1:", "report")
    equal(postern("check", "--dump", "tree", "/no/such/file").status, 2, "status without a file")


@tests.test
def dump_of_a_policy_with_mistakes():
    bad = files.file("mistaken.policy", "accept when spf is flail\n")
    for what in ("types", "plan"):
        ran = postern("check", "--dump", what, bad)
        equal((ran.status, ran.out), (2, ""), "outcome of " + what)
        contains(ran.err, "'flail'", "report")


@tests.test
def the_shipped_policy_raises_no_doubt():
    ran = postern("check", "-Werror", os.path.join(TOP, "policies", "default.policy"))
    equal((ran.status, ran.err), (0, ""), "outcome")


tests.finish()
