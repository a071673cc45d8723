#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Assertions: relay holes are found and shown by a dialogue that is played, right policies proved."""

import json
import os
import re
import resource
import shlex
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import TOP, Folder, postern  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

tests = Tests()
HEAD = """
table ours networks { 127.0.0.0/8 ::1 192.0.2.0/24 }
table local domains { example.org .example.net }
define trusted = client.ip in ours or auth.user is present
"""
RELAY = 'relay: reject "Relaying denied" when recipient.domain not in local unless trusted\n'
ASSERT = "assert not delivered when recipient.domain not in local unless trusted\n"
OUTSIDE = "assert not delivered when recipient.domain not in local unless client.ip in ours\n"


def check(text, *files):
    """What check says of a policy, and each command that it shows, as it was run."""
    with Folder() as folder:
        for name, content in files:
            folder.file(name, content)
        path = folder.file("made.policy", text)
        ran = postern("check", path)
        shown = []
        # What is shown of errors comes before what is shown of warnings.
        parts = re.split(r"(?m)^(?=\S+: (?:error|warning): |(?:error|warning): )", ran.err)
        parts.sort(key=lambda part: " warning: " in part.split("\n")[0])
        for line in re.findall(r"(?m)^note: shown by: postern (.*)$", "".join(parts)):
            played = postern(*shlex.split(line), "--json")
            equal(played.status, 0, "status of " + line + played.err)
            shown.append(json.loads(played.out))
    return ran, shown


def last(said):
    """What comes out for the recipient that is spoken of, who is named last."""
    return said["recipients"][-1] if said["recipients"] else said


def refuted(text, outcomes, *files, rule=None):
    ran, shown = check(text, *files)
    equal(ran.status, 2, "status: " + ran.out)
    contains(ran.err, "this does not hold", "what is said")
    lacks(ran.err, "not confirmed", "what is said")
    true(shown, "a dialogue is shown")
    for said in shown[:1]:
        true(last(said)["verdict"] in outcomes, "%s comes out, by %s" % (
            last(said)["verdict"], last(said)["rule"]))
        if rule:
            equal(last(said)["rule"], rule, "rule")
    return ran, shown


def proved(text, *files):
    ran, _ = check(text, *files)
    equal(ran.status, 0, "status: " + ran.err)
    lacks(ran.err, "error", "what is said")


# Each is a policy that looks safe, with the assertion that says what is meant.
HOLES = {
    "an accept above the relay rule":
        'vip: accept when recipient.local is "postmaster"\n' + RELAY + ASSERT,
    "a whitelist of senders above it":
        "friends: accept when sender.domain is \"friend.example\"\n" + RELAY + ASSERT,
    "a whitelist of a sender's address":
        "accept when sender is <boss@example.org>\n" + RELAY + ASSERT,
    "bounces accepted above it": "accept when sender is <>\n" + RELAY + ASSERT,
    "all networks in a table":
        "table all networks { 0.0.0.0/0 }\n"
        'reject "No" when recipient.domain not in local unless client.ip in all or trusted\n' + ASSERT,
    "all IPv6 networks in a table":
        "table all networks { ::/0 }\n"
        'reject "No" when recipient.domain not in local unless client.ip in all or trusted\n' + ASSERT,
    "half of all networks":
        "table half networks { 128.0.0.0/1 }\n"
        'reject "No" when recipient.domain not in local unless client.ip in half or trusted\n' + ASSERT,
    "a network with one bit too few":
        "table near networks { 192.0.2.0/23 }\n"
        .replace("192.0.2.0/23", "192.0.2.0/23") +
        'reject "No" when recipient.domain not in local unless client.ip in near or auth.user is '
        "present\n" + ASSERT,
    "or in place of and":
        'reject "No" when recipient.domain not in local and (client.ip not in ours or '
        'auth.user is absent) and client.name is present\n' + ASSERT,
    "and in place of or":
        'reject "No" when recipient.domain not in local and client.ip not in ours and '
        'helo.name is present\n' + OUTSIDE,
    "an exception by HELO":
        RELAY.replace("trusted", 'trusted unless helo.name is "mail.example.org"', 1) + ASSERT,
    "an exception by a part of HELO":
        RELAY.replace("trusted", 'trusted unless helo.name ends with ".example.org"', 1) + ASSERT,
    "an exception by a pattern of HELO":
        RELAY.replace("trusted", "trusted unless helo.name matches /^mx\\d+\\.example\\.org$/", 1)
        + ASSERT,
    "an exception by From":
        RELAY.replace("trusted", 'trusted unless from.domain is "example.org"', 1) + ASSERT,
    "an exception by a field":
        RELAY.replace("trusted", 'trusted unless any header("X-Relay") is "yes"', 1) + ASSERT,
    "an exception by the sender":
        RELAY.replace("trusted", "trusted unless sender.domain in local", 1) + ASSERT,
    "an exception by SPF":
        RELAY.replace("trusted", "trusted unless spf is pass", 1) + ASSERT,
    "an exception by DKIM":
        RELAY.replace("trusted", "trusted unless any dkim.domain in local", 1) + ASSERT,
    "the client's name that could not be found out":
        'reject "No" when recipient.domain not in local unless any dnsbl("white.example") is '
        "127.0.0.2 or trusted\n" + ASSERT,
    "a failed lookup that is skipped":
        'reject "No" when recipient.domain not in local and dnsbl("black.example") is absent '
        "unless trusted\n" + ASSERT,
    "addresses in place of domains":
        "table people addresses { info@example.org @shop.example }\n"
        'reject "No" when recipient not in people and recipient.domain not in local and '
        "recipient.tag is absent unless trusted\n" + ASSERT,
    "a routed recipient":
        RELAY + "assert not delivered when recipient.routed unless trusted\n",
    "a routed recipient that only looks refused":
        'detour: reject "No" when recipient.routed and recipient.domain not in local\n' + RELAY
        + "assert not delivered when recipient.routed unless trusted\n",
    "routes by a sign only":
        'detour: reject "No" when recipient.local contains "%"\n' + RELAY
        + "assert not delivered when recipient.routed unless trusted\n",
    "a hold above the relay rule":
        'look: hold "executable" when any attachment.extension is "exe"\n' + RELAY + ASSERT,
    "the relay rule observed": RELAY.replace("reject", "observe reject", 1) + ASSERT,
    "the relay rule in a group":
        'if sender.domain is present {\n' + RELAY + "}\n" + ASSERT,
    "an accept in a group":
        'if recipient.domain ends with "example.org" {\n accept\n}\n' + RELAY + ASSERT,
    "a group's exception":
        "if spf is fail unless sender is <> {\n" + RELAY + "}\n" + ASSERT,
    "any recipient in place of this one":
        "accept when any recipient.domain in local\n" + RELAY + ASSERT,
    "no recipient in place of this one":
        'reject "No" when no recipient.domain in local unless trusted\n' + ASSERT,
    "every recipient in place of this one":
        'reject "No" when every recipient.domain not in local unless trusted\n' + ASSERT,
    "many recipients":
        "accept when recipient.count > 2\n" + RELAY + ASSERT,
    "the first recipient's policy for all":
        "set mixed first\n"
        'gone: discard "executable" when any attachment.extension is "exe"\n' + RELAY + ASSERT,
    "a score that is reached without it":
        'score 5 when recipient.domain not in local\nscore 5 when client.ip not in ours\n'
        'score -3 when spf is pass\nreject "No" when score >= 10 unless auth.user is present\n'
        + ASSERT,
    "loopback in IPv6 only":
        "table mine networks { ::ffff:0:0/96 }\n".replace("::ffff:0:0/96", "::/1") +
        'reject "No" when recipient.domain not in local unless client.ip in mine or trusted\n'
        + ASSERT,
    "submitters are no proof":
        "table clerks networks { 198.51.100.0/24 }\nset submitters clerks\n"
        'reject "No" when recipient.domain not in local unless client.ip in clerks or trusted\n'
        + ASSERT,
    "a subdomain that is not ours":
        'reject "No" when recipient.domain not in { example.org .example.org .example.net } '
        "unless trusted\n" + ASSERT,
    "a domain that only ends like ours":
        'accept when recipient.domain ends with "example.org"\n' + RELAY + ASSERT,
    "a name that resolves":
        'reject "No" when recipient.domain not in local unless client.name ends with '
        '".example.org" or trusted\n' + ASSERT,
    "a certificate that nobody signed":
        RELAY.replace("trusted", "trusted unless tls.subject is present", 1) + ASSERT,
    "working hours":
        RELAY.replace("trusted", "trusted unless time.hour >= 8 and time.hour < 9", 1) + ASSERT,
    "a small message":
        "accept when size < 1KB\n" + RELAY + ASSERT,
    "a parameter of MAIL":
        'accept when sender.parameter("BODY") is "8BITMIME"\n' + RELAY + ASSERT,
    "the relay rule below an accept for all":
        "accept unless spf is fail\n" + RELAY + ASSERT,
    "recipients of senders":
        "accept when recipient.domain is sender.domain\n" + RELAY + ASSERT,
    "a list that nobody is on":
        'reject "No" when recipient.domain not in local and any dkim.domain is "example.org" '
        "unless trusted\n" + ASSERT,
}


def hole(text):
    def test():
        ran, _ = refuted(HEAD + text, ("accept", "quarantine"))
        contains(ran.err, "assert not delivered", "the assertion is shown")
    return test


for name, text in HOLES.items():
    found = hole(text)
    found.__name__ = "hole: " + name
    tests.test(found)


@tests.test
def there_are_holes_enough():
    true(len(HOLES) >= 30, "%d holes" % len(HOLES))


@tests.test
def a_table_in_a_file_is_looked_through():
    text = HEAD.replace("{ 127.0.0.0/8 ::1 192.0.2.0/24 }", 'file "nets"') + RELAY
    other = "assert not delivered when recipient.domain not in local unless client.ip in " \
            "{ 192.0.2.0/24 } or auth.user is present\n"
    refuted(text + other, ("accept",), ("nets", "192.0.2.0/24\n198.51.0.0/16 # a mistake\n"))
    proved(text + other, ("nets", "192.0.2.0/25\n192.0.2.128/25\n"))


PROVED = {
    "the relay rule": RELAY + ASSERT,
    "relay and detour":
        'detour: reject "No" when recipient.routed unless trusted\n' + RELAY + ASSERT +
        "assert not delivered when recipient.routed unless trusted\n",
    "an accept below it": RELAY + "accept when trusted\naccept when spf is pass\n" + ASSERT,
    "an accept for ours above it": "accept when recipient.domain in local\n" + RELAY + ASSERT,
    "a network in a larger one":
        'reject "No" when client.ip not in { 192.0.0.0/16 }\n'
        "assert refused when client.ip is 203.0.113.1\n"
        "assert not refused when client.ip in { 192.0.2.0/24 }\n",
    "networks that are disjoint":
        'accept when client.ip in { 198.51.100.0/24 }\nreject "No" unless client.ip in ours\n'
        "assert not reject when client.ip in ours or client.ip in { 198.51.100.0/25 }\n",
    "a domain below another":
        'reject "No" when recipient.domain in local\n'
        'assert reject when recipient.domain is "www.example.net"\n'
        'assert accept when recipient.domain is "example.net" and auth.user is present\n',
    "an address and its domain":
        RELAY + "assert not delivered when recipient is <a@elsewhere.example> unless trusted\n",
    "one value of an enumeration":
        'reject "No" when spf is fail\ndefer "Later" when spf is temperror\n'
        "assert reject when spf in { fail } unless spf is temperror\n"
        "assert not reject when spf in { pass none neutral softfail permerror temperror }\n",
    "presence": 'reject "No" when auth.user is "a"\n'
                'assert not refused when auth.user is absent\n',
    "numbers": 'reject "No" when size > 10MB\nassert reject when size >= 11MB\n'
               "assert not refused when size < 1MB\n",
    "whole numbers": 'reject "No" when header.count("From") is not 1\n'
                     'assert reject when header.count("From") is 0 or header.count("From") > 1\n'
                     'assert not refused when header.count("From") < 2 and '
                     'header.count("From") > 0\n',
    "lists": 'reject "No" when any attachment.extension in { exe scr }\n'
             'assert not reject when no attachment.extension in { exe scr bat }\n'
             'assert refused when every attachment.extension is "exe"\n',
    "what cannot be found out is put off":
        'reject "No" when client.name is absent\n'
        "assert refused unless client.name is present\n".replace(
            "refused unless", "refused when client.name is absent unless") +
        "assert not accept when client.name is absent\n",
    "told at RCPT": RELAY + ASSERT.replace("not delivered", "refused by rcpt"),
    "told at MAIL": 'reject "No" when sender.domain is "bad.example"\n'
                    'assert reject by mail when sender.domain is "bad.example"\n',
    "observed accepts do nothing": "observe accept\n" + RELAY + ASSERT,
    "scores": 'score 6 when spf is fail\nscore 6 when spf is softfail\n'
              'reject "No" when score >= 10\nassert not refused when client.ip is present\n',
    "a rule for all": 'reject "No"\nassert refused when client.ip in ours or spf is pass\n'
                      "assert not delivered when recipient.routed\n",
    "discarded is not delivered":
        'discard "x" when recipient.domain not in local unless trusted\n' + ASSERT,
    "a name that is compared twice":
        'reject "No" when helo.name matches /^dyn-/ unless trusted\n'
        "assert reject when helo.name matches /^dyn-/ unless trusted\n"
        .replace("assert reject", "assert refused"),
}


def right(text):
    return lambda: proved(HEAD + text)


for name, text in PROVED.items():
    found = right(text)
    found.__name__ = "proved: " + name
    tests.test(found)


@tests.test
def the_shipped_policy_holds_what_it_promises():
    ran = postern("check", os.path.join(TOP, "policies", "default.policy"))
    equal((ran.status, ran.err), (0, ""), "check")
    with open(os.path.join(TOP, "policies", "default.policy"), encoding="ascii") as file:
        text = file.read()
    contains(text, "assert not delivered when recipient.domain not in local unless trusted", "text")
    # Whoever takes a rule away hears of it.
    for rule, broken in (("relay", "unless trusted"), ("detour", "unless trusted"),
                         ("postmaster", "")):
        less = re.sub(r"(?ms)^%s:.*?\n\n|^test \".*?^\}\n" % rule, "", text)
        true(less != text, rule + " is taken away")
        refuted(less, ("accept", "quarantine", "reject", "defer"), ("local-domains", "example.org\n"))


# ---- outcomes, stages, failures ----

@tests.test
def told_too_late():
    late = 'hold "x" when size > 1MB\n' + RELAY
    ran, shown = refuted(HEAD + late + "assert refused by rcpt when recipient.domain not in local "
                         "and size < 1KB unless trusted\n", ("reject",))
    contains(ran.err, "is told later than at rcpt", "what is said")
    equal(shown[0]["recipients"][-1]["stage"], "message", "stage")
    refuted(HEAD + 'hold "x"\nassert hold by data when spf is pass\n', ("quarantine",))


@tests.test
def a_failure_is_no_accept():
    text = 'reject "No" when client.name is absent\n'
    refuted(HEAD + text + 'assert accept when client.ip in ours\n', ("reject", "defer"))
    refuted(HEAD + 'log "x" when spf is pass\naccept when client.name is present\n'
            "assert accept when client.ip in ours\n", ("defer",))
    proved(HEAD + 'accept when client.name is present\nassert delivered when client.ip in ours\n')


@tests.test
def a_split_is_no_accept():
    text = 'reject "No" when recipient.local is "a" and size > 1MB\n'
    ran, _ = check(HEAD + text + 'assert accept when recipient.local is "b" and client.ip in '
                   "{ 203.0.113.0/24 } and auth.user is absent\n")
    equal(ran.status, 2, "status")
    contains(ran.err, "put off with 452, write 'delivered' or 'set mixed message'", "what is said")
    proved(HEAD + text + 'assert delivered when recipient.local is "b" unless auth.user is present '
           "unless client.ip is absent or client.ip in ours\n")


@tests.test
def recipients_of_a_login_share_a_fate():
    text = 'reject "No" when recipient.local is "a" and size > 1MB\n'
    ran, shown = refuted(HEAD + text + 'assert delivered when recipient.local is "b"\n', ("reject",))
    contains(ran.err, "for another recipient", "what is said")
    equal(len(shown[0]["recipients"]), 2, "recipients")


# Each looks as if it held for every message.
BROKEN = {
    "a name that a table's top-level domain does not hold": (
        "table all domains { .example }\naccept when recipient.domain not in all\n"
        'reject "No"\nassert not delivered when recipient.domain not in all\n', ("accept",)),
    "an author whom a table of outsiders does not hold": (
        "table out addresses { @outside.example }\naccept when every from.address not in out\n"
        'reject "No"\nassert not delivered when recipient.local is "a"\n', ("accept",)),
    "a text in another spelling": (
        'accept when recipient.local is "admin" and recipient.local matches /^A[A-Z]MIN$/\n'
        'reject "No"\nassert refused when recipient.local is "admin"\n', ("accept",)),
    "a field in another spelling": (
        'accept when any header("X") is "Admin" and no header("X") matches /Admin/\n'
        'reject "No"\nassert refused when size > 0B\n', ("accept",)),
    "a local part that needs quotes": (
        'accept when recipient.local is "a b" and recipient matches /^"/\n'
        'reject "No"\nassert refused when recipient.local is "a b"\n', ("accept",)),
    "a recipient who is removed": (
        'remove recipient when recipient.local is "trap"\n'
        'assert delivered when recipient.local is "trap"\n', ("discard",)),
    "a recipient who is removed, though held": (
        'remove recipient when recipient.local is "trap"\nhold "x"\n'
        "assert not discard when spf is pass\n", ("discard",)),
    "submitters whom no rule names": (
        "table clerks networks { 198.51.100.0/24 }\nset submitters clerks\n"
        'reject "No" when recipient.domain is "b.example" and size > 1MB\n'
        'assert not reject when recipient.domain is "a.example" and auth.user is absent\n'
        "  and client.ip is present unless client.ip in { 127.0.0.0/8 ::1 }\n", ("reject",)),
    "mail of this host itself, of which no recipient is refused alone": (
        'reject "No" when recipient.domain is "b.example"\n'
        'assert not refused when recipient.domain is "a.example"\n', ("reject",)),
}


def broken(text, outcomes):
    return lambda: refuted(text, outcomes)


for name, case in BROKEN.items():
    found = broken(*case)
    found.__name__ = "broken: " + name
    tests.test(found)


@tests.test
def mail_of_this_host_itself_is_explained():
    ran, _ = refuted(*BROKEN["mail of this host itself, of which no recipient is refused alone"])
    contains(ran.err, "no recipient can be refused alone", "what is said")
    contains(ran.err, "--given client.port=absent", "the command")


@tests.test
def a_removed_recipient_is_explained():
    ran, _ = refuted(*BROKEN["a recipient who is removed"])
    contains(ran.err, "'remove recipient' leaves the recipient out", "what is said")


@tests.test
def what_cannot_be_given_is_not_played():
    ran, _ = check("table spam patterns { /l.ttery/ }\naccept when subject in spam\n"
                   'reject "No"\nassert refused when size > 0B\n')
    contains(ran.err, "not confirmed: no value is known for 'subject in spam'", "what is said")
    lacks(ran.err, "subject in spam=", "what is said")


@tests.test
def mail_of_this_host_itself_has_no_stages():
    proved('reject "No" when recipient.domain is "b.example"\n'
           'assert refused by rcpt when recipient.domain is "b.example"\n')


@tests.test
def removed_is_not_delivered():
    proved('remove recipient when recipient.local is "trap"\n'
           'assert not delivered when recipient.local is "trap"\n')


@tests.test
def what_a_mode_leaves_undone_is_judged_as_if_done():
    proved("set mode observe\n" + HEAD + RELAY + ASSERT)
    ran, _ = check("set mode observe\n" + HEAD + RELAY + ASSERT)
    lacks(ran.err, "nothing of it", "what is warned of")
    contains(ran.out, "'set mode observe': nothing of it is done, only told", "what is said")
    ran, _ = check("set mode observe\n" + HEAD + "accept\n" + RELAY + ASSERT)
    contains(ran.err, "this does not hold", "what is said")


@tests.test
def a_score_stands_at_no_assertion():
    ran, _ = check('score 1\nassert reject when score > 3\n')
    equal(ran.status, 2, "status")
    contains(ran.err, "a score is that of the rules above one", "what is said")


@tests.test
def the_place_and_the_rule_are_shown():
    ran, _ = check(HEAD + 'vip: accept when recipient.local is "x"\n' + RELAY + ASSERT)
    contains(ran.err, "made.policy:7:1: error: this does not hold: 'accept' is possible, "
             "not 'not delivered'", "the assertion's place")
    contains(ran.err, "^~~~", "carets")
    contains(ran.err, "made.policy:5:1: note: 'vip' decides so", "the rule's place")
    contains(ran.err, "--recipient '<x@outside.example>'", "the dialogue")


@tests.test
def served_is_only_what_holds():
    with Folder() as folder:
        path = folder.file("made.policy", HEAD + "accept when sender is <>\n" + RELAY + ASSERT)
        ran = postern("serve", "-c", path, "--dns", "/dev/null")
        equal(ran.status, 2, "status")
        contains(ran.err, "this does not hold", "what is said")
        contains(ran.err, "not loaded, nothing is served", "what is said")


# ---- warnings ----

@tests.test
def rules_that_never_apply():
    ran, _ = check(HEAD + """
wide: accept when client.ip in { 198.51.0.0/16 }
near: reject "No" when client.ip in { 198.51.100.0/24 }
both: reject "No" when spf is pass and spf is fail
one:  reject "No" when spf is fail
two:  reject "No" when spf is softfail
all:  add header "X: y" when spf in { fail softfail }
""")
    equal(ran.status, 0, "status")
    for line, what in ((7, "what it would is decided above"), (8, "its condition cannot be true"),
                       (11, "what it would is decided above")):
        contains(ran.err, "made.policy:%d:1: warning: this rule never applies: %s" % (line, what),
                 "line %d" % line)
    equal(len(re.findall(r"\[(?:shadowed|impossible)\]", ran.err)), 3, "warnings")
    contains(ran.err, "made.policy:6:1: note: by this", "who shadows")
    contains(ran.err, "made.policy:9:1: note: by this", "the first who shadows")
    contains(ran.err, "made.policy:10:1: note: and by this", "the second who shadows")


@tests.test
def an_outsider_who_can_relay():
    ran, shown = check(HEAD + "accept when spf is pass\n" + RELAY)
    contains(ran.err, "an outsider can relay to a domain that is not named here", "what is said")
    equal(shown[0]["verdict"], "accept", "verdict")
    ran, shown = check(HEAD + RELAY)
    contains(ran.err, "an outsider can relay to a routed recipient", "what is said")
    equal((ran.status, shown[0]["verdict"]), (0, "accept"), "status, verdict")
    detour = 'detour: reject "No" when recipient.routed unless trusted\n'
    lacks(check(HEAD + detour + RELAY)[0].err, "outsider", "all is covered")
    # Who looks at no recipient leaves it to the mail server.
    lacks(check('reject "No" when spf is fail\n')[0].err, "outsider", "no recipient is looked at")


@tests.test
def a_message_for_one_recipient_has_no_other():
    rules = """set mixed message
help: accept when recipient.local is "postmaster"
long: reject "Too many hops" when hops > 20
assert not refused when recipient.local is "postmaster"%s
"""
    for one in (" and recipient.count is 1", " and (hops > 3 and recipient.count <= 1)"):
        proved(rules % one)
    for more in ("", " and recipient.count is not 1", " and recipient.count <= 2",
                 " and (recipient.count is 1 or hops > 3)"):
        refuted(rules % more, ["reject"], rule="long")


# ---- size ----

def made_up(rules, conditions, seed):
    """Rules over so many different conditions, every third an accept."""
    state = seed
    lines = ["set mixed message"]

    def below(n):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
        return (state >> 33) % n

    kinds = ['helo.name is "h%d"', 'sender.domain is "s%d.example"', 'client.ip in {{ 10.%d.0.0/16 }}',
             'any header("X%d") is "a"', 'sender.parameter("P%d") is "1"', 'recipient.local is "r%d"']
    pool = [kinds[i % len(kinds)].replace("{{", "{").replace("}}", "}") % i for i in range(conditions)]
    for i in range(rules):
        parts = [("not " if below(2) else "") + "(" + pool[below(conditions)] + ")"
                 for _ in range(2 + below(3))]
        action = ('accept', 'reject "No"', 'defer "Later"')[below(3)]
        lines.append("%s when %s" % (action, (" and ", " or ")[below(8) == 0].join(parts)))
    return "\n".join(lines)


@tests.test
def a_very_large_policy_is_checked_in_time():
    conditions = ('sender.domain is "d%d.example" and recipient.local is "u%d"',
                  'client.ip is 10.1.%d.%d')
    lines = []
    for i in range(10000):
        numbers = (i, i % 100) if i % 2 == 0 else (i // 256, i % 256)
        lines.append('reject "No" when ' + conditions[i % 2] % numbers)
    begun = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    with Folder() as folder:
        ran = postern("check", folder.file("large.policy", "\n".join(lines) + "\n"))
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - begun
    equal(ran.status, 0, "status: " + ran.err[:500])
    print("10,000 rules: %.1f s" % spent)
    true(spent < 20, "%.1f s are too long" % spent)


@tests.test
def large_policies_are_decided_in_time():
    relay = 'reject "No" when recipient.domain is "far.example" unless auth.user is present\n'
    wanted = 'assert not delivered when recipient.domain is "far.example" unless auth.user is present\n'
    for seed in range(4):
        text = made_up(200, 60, seed)
        begin = time.monotonic()
        ran, _ = check(relay + text + "\n" + wanted)
        equal(ran.status, 0, "the relay rule above %d: %s" % (seed, ran.err[-300:]))
        ran, _ = check(text + "\n" + relay + wanted)
        equal(ran.status, 2, "the relay rule below %d" % seed)
        contains(ran.err, "this does not hold", "it is refuted")
        print("200 rules, 60 conditions: %.2f s for both" % (time.monotonic() - begin))


tests.finish()
