#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Tests that stand in policies: postern test, postern check, what each word of a test does."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import Folder, answer, postern  # noqa: E402
from mailkit import Key, message  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

RULES = """set authserv "mx.example.org"
table local domains { example.org }
define trusted = auth.user is present
relay:  reject 550 5.7.1 "Relaying denied" when recipient.domain not in local unless trusted
user:   accept when trusted
listed: reject "listed" when any dnsbl("bl.example") is 127.0.0.2
spf:    reject 550 5.7.23 "SPF of ${spf.domain}" when spf is fail unless dkim.aligned
later:  defer 451 4.4.3 "SPF later" when spf is temperror
mark:   add header "X-Mark: seen by ${helo.name}" when helo.name is "mark.example"
quiet:  prefix subject "[x] " when subject contains "quiet"
clean:  remove header "X-Bad"
name:   reject "client ${client.name}" when client.name is "bad.example"
held:   hold "odd" when subject is "hold me" or size > 2KB
gone:   discard "gone" when sender is <>
macro:  reject "macro" when tls.version is "TLSv1"
"""
OUTSIDE = "client 192.0.2.1 sender <a@b.example> recipient <c@example.org>"

tests = Tests()


def policy(folder, *bodies, rules=RULES, name="a.policy"):
    """A file with the rules and a test of each body, numbered."""
    text = rules
    for number, body in enumerate(bodies):
        text += 'test "number %d" {\n%s\n}\n' % (number, body)
    return folder.file(name, text)


def run(*bodies, rules=RULES, files=None, words=()):
    """Runs tests of these bodies; what the command printed, as JSON, and its status."""
    with Folder() as folder:
        for name, content in (files or {}).items():
            folder.file(name, content)
        ran = postern("test", "--json", *words, policy(folder, *bodies, rules=rules))
        equal(ran.err, "", "standard error")
        return ran.status, json.loads(ran.out)


def passes(*bodies, **more):
    status, said = run(*bodies, **more)
    wrong = [(each["name"], each["faults"]) for each in said["tests"] if not each["passed"]]
    equal(wrong, [], "faults")
    equal((status, said["passed"], said["failed"]), (0, len(bodies), 0), "outcome")


def fails(body, came, **more):
    """One test that fails in one point; `came` is what is told of it."""
    status, said = run(body, **more)
    equal((status, said["passed"], said["failed"]), (1, 0, 1), "outcome of " + body)
    faults = said["tests"][0]["faults"]
    equal(len(faults), 1, "faults of " + body)
    contains(faults[0]["came"], came, "what came in " + body)
    return said["tests"][0]


# ---- what is given ----


@tests.test
def the_client():
    passes("client 192.0.2.1 bad.example sender <a@b> recipient <c@example.org> expect reject name",
           'client 2001:db8::1 "bad.example" recipient <c@example.org> expect reject name',
           "client 192.0.2.1 recipient <c@example.org> expect discard gone",
           rules=RULES)
    passes("client 192.0.2.7 recipient <c@example.org> expect reject",
           "client ::ffff:192.0.2.7 recipient <c@example.org> expect reject",
           "client 2001:db8::7 recipient <c@example.org> expect accept",
           "recipient <c@example.org> expect accept",
           rules='reject "x" when client.ip is 192.0.2.7\n')


@tests.test
def helo_and_macros_and_users():
    passes(OUTSIDE + ' helo mark.example expect edit add header "X-Mark: seen by mark.example"',
           OUTSIDE + ' helo "other.example" expect no edit add header "X-Mark"',
           OUTSIDE + " macro tls_version TLSv1 expect reject macro",
           OUTSIDE + ' macro tls_version "TLSv1.3" expect accept',
           "sender <a@b.example> recipient <c@other.example> auth fred expect accept user",
           "sender <a@b.example> recipient <c@other.example> auth fred@example.org expect accept user")


@tests.test
def sender_and_recipients():
    passes("sender <> recipient <c@example.org> expect discard gone",
           "expect discard",
           OUTSIDE + " expect accept for <c@example.org>",
           OUTSIDE + " recipient <d@other.example> recipient <e@example.org>"
           " expect accept expect reject relay at rcpt for <d@other.example>"
           " expect accept for <e@example.org> expect accept at message for <c@example.org>",
           "sender <a@b.example> recipient <d@other.example> recipient <e@other.example>"
           " expect reject relay expect reject relay for <e@other.example>")


@tests.test
def header_and_body():
    big = "".join(' body "%s"' % ("x" * 80) for line in range(30))
    passes(OUTSIDE + ' header "Subject: hold me" expect hold held at message',
           OUTSIDE + big + " expect hold held",
           OUTSIDE + ' header "Subject: something quiet"'
           ' expect edit replace header "Subject: [x] something quiet"',
           OUTSIDE + ' header "X-Bad: 1" header "X-Bad: 2" expect edit remove header "X-Bad"',
           OUTSIDE + ' header "X-Good: 1" expect no edits')


@tests.test
def a_message_file():
    key = Key("signed.example", "ed", "ed25519-sha256")
    mail = key.sign(message("m", "a@signed.example", "c@example.org"))
    records = key.record + '\nsigned.example TXT "v=spf1 -all"\n'
    body = ('client 192.0.2.1 sender <a@signed.example> recipient <c@example.org>'
            ' message "m.eml" dns file "records" ')
    files = {"m.eml": mail, "records": records}
    passes(body + "expect accept", files=files)
    passes(body + 'header "X-Bad: 1" expect edit remove header "X-Bad"', files=files)
    passes(body + "expect reject spf", files=dict(files, **{"m.eml": mail.replace(b"Hello", b"Hullo")}))
    # Two years before the signature was made it is not valid yet.
    passes(body + "time %d expect reject spf" % (time.time() - 2 * 365 * 86400), files=files)
    fails(body + "expect accept", "m.eml': No such file", files={"records": records})
    fails(body + "expect accept", "records': No such file", files={"m.eml": mail})


@tests.test
def records():
    passes(OUTSIDE + ' dns "b.example TXT \\"v=spf1 -all\\"" expect reject spf',
           OUTSIDE + ' dns "b.example TXT \\"v=spf1 -all\\""'
           ' dns "1.2.0.192.bl.example A 127.0.0.2" expect reject listed at mail',
           OUTSIDE + ' dns "b.example TIMEOUT" expect defer later expect code 451 4.4.3',
           OUTSIDE + ' dns "b.example SERVFAIL TXT" expect defer later',
           OUTSIDE + " expect accept")
    fails(OUTSIDE + ' dns "b.example FROB x" expect accept', "dns:1:")


@tests.test
def settings():
    mixed = 'held: hold "x" when recipient.local is "c" and subject is present\n'
    two = ("client 192.0.2.1 sender <a@b.example> recipient <c@example.org> recipient <d@example.org>"
           ' header "Subject: x" ')
    passes(two + "expect defer for <d@example.org> expect hold for <c@example.org>",
           two + "set mixed message expect hold for <d@example.org>",
           two + "set mixed first expect hold for <d@example.org>",
           two + 'set mixed "first" expect hold for <d@example.org>', rules=mixed)


@tests.test
def the_time():
    rules = 'reject "x" when time.hour is %d\n'
    hour = time.localtime(1700000000).tm_hour
    passes("time 1700000000 expect reject", "time %d expect accept" % (1700000000 + 3600),
           rules=rules % hour)


@tests.test
def facts():
    passes(OUTSIDE + " given spf fail expect reject spf",
           OUTSIDE + " given spf fail given dkim.aligned true expect accept",
           OUTSIDE + " given spf fail given dkim.aligned failed expect code 451 4.4.3"
           " expect defer spf",
           OUTSIDE + ' given dnsbl("bl.example") 127.0.0.2 expect reject listed at mail',
           OUTSIDE + ' given dnsbl("bl.example") { 127.0.0.3 127.0.0.2 } expect reject listed',
           OUTSIDE + ' given dnsbl("bl.example") {} expect accept',
           OUTSIDE + ' given dnsbl("bl.example") failed expect accept',
           OUTSIDE + ' given dnsbl("other.example") 127.0.0.2 expect accept',
           OUTSIDE + ' given subject "hold me" given size 1KB expect hold',
           OUTSIDE + ' header "Subject: hold me" given subject absent given size 1KB expect accept',
           OUTSIDE + " given size 3KB expect hold held at message",
           OUTSIDE + " given client.name bad.example expect reject name",
           OUTSIDE + " given auth.user fred expect accept user")


# ---- what is expected ----


@tests.test
def verdicts_that_are_others():
    told = 'reject 550 5.7.1 "Relaying denied", at rcpt, by relay'
    outside = "sender <a@b.example> recipient <c@other.example> "
    for expected in ("accept", "defer", "discard", "hold", "reject spf", "reject at mail",
                     "reject relay at message", "rule spf", "no rule", "stage mail", "code 551",
                     "code 550 5.7.2", 'text "Relaying"', 'text contains "x"',
                     "accept for <c@other.example>"):
        said = fails(outside + "expect " + expected, told)
        equal(said["faults"][0]["expected"], "expect " + expected, "what was expected")
    passes(outside + "expect reject expect reject relay expect reject relay at rcpt"
           " expect reject at rcpt expect rule relay expect stage rcpt expect code 550"
           ' expect code 550 5.7.1 expect text "Relaying denied" expect text contains "Relay"'
           " expect reject for <c@other.example> expect rule relay for <c@other.example>"
           " expect stage rcpt for <c@other.example> expect code 550 for <c@other.example>"
           ' expect text "Relaying denied" for <c@other.example>')
    passes(OUTSIDE + " expect accept expect no rule expect stage message"
           " expect no rule for <c@example.org>")
    fails(OUTSIDE + " expect reject", "accept, at message, by no rule")
    fails(OUTSIDE + ' expect text "x"', "accept, at message, by no rule")
    fails(OUTSIDE + ' header "Subject: hold me" expect accept', "hold, at message, by held")


@tests.test
def edits_that_are_others():
    marked = OUTSIDE + ' helo mark.example header "X-Bad: 1" header "Subject: so quiet" '
    for expected in ('edit add header "X-Mark: other"', 'edit add header "X-Mark" contains "other"',
                     'edit insert header "X-Mark"', 'edit add header "X-Other"', "no edits",
                     'edit replace header "Subject: so quiet"', 'no edit remove header "x-bad"',
                     'edit remove header "Subject"', "edit add recipient <c@example.org>",
                     "edit remove recipient <c@example.org>", 'no edit add header "X-Mark"'):
        said = fails(marked + "expect " + expected, 'add header "X-Mark: seen by mark.example"')
        contains(said["faults"][0]["came"], 'remove header "X-Bad', "edits")
    passes(marked + 'expect edit add header "x-mark: seen by mark.example"'
           ' expect edit add header "X-Mark" contains "by mark" expect edit add header "X-Mark"'
           ' expect edit remove header "X-Bad"'
           ' expect edit replace header "Subject: [x] so quiet" expect no edit add header "X-Other"')
    fails(OUTSIDE + ' expect edit add header "X-Mark"', "no edits")


@tests.test
def recipients_that_are_removed():
    rules = 'discard "x" when recipient.local is "d"\n'
    body = OUTSIDE + " recipient <d@example.org> "
    passes(body + "expect accept expect discard for <d@example.org>"
           " expect edit remove recipient <d@example.org>"
           " expect no edit remove recipient <c@example.org>", rules=rules)


@tests.test
def the_same_as_another_policy():
    other = RULES.replace("relay: ", "other: ").replace("set authserv", "set early connect\nset authserv")
    outside = "sender <a@b.example> recipient <c@other.example> recipient <d@example.org> "
    marked = OUTSIDE + ' helo mark.example expect same as "b.policy"'
    same = outside + 'expect same as "b.policy"'
    passes(same, marked, OUTSIDE + ' given spf fail expect same as "b.policy"',
           OUTSIDE + ' set mixed first expect same as "b.policy"', files={"b.policy": other})
    fails(same, 'there, for <c@other.example>: reject 550 5.7.1 "No", at rcpt, by other',
          files={"b.policy": other.replace("Relaying denied", "No")})
    fails(same, "there, for <c@other.example>: accept", files={"b.policy": "accept\n"})
    fails(marked, "there: no edits", files={"b.policy": "accept\n"})
    fails(OUTSIDE + ' given spf fail expect same as "b.policy"', "there: accept, at",
          files={"b.policy": "accept\n"})
    fails(same, "b.policy: No such file")
    fails(same, "unknown action 'acept'", files={"b.policy": "acept\n"})


@tests.test
def scores_and_observed_rules():
    rules = """add: score 2.5 when spf is fail
        score bulk 3 when subject is present
tried:  observe reject "Tried" when spf is fail
much:   reject "Too much" when score >= 5
"""
    passes("given spf fail expect accept expect no rule expect score 2.5",
           'given spf fail header "Subject: x" expect reject much expect score 5.5',
           "expect score 0", rules=rules)
    fails("given spf fail expect score 3", "a score of 2.5", rules=rules)
    with Folder() as folder:
        path = policy(folder, 'given spf fail header "Subject: x" expect reject much', rules=rules)
        equal(postern("check", "--coverage", path).status, 0, "an observed rule that was true is reached")
        ran = postern("check", policy(folder, "expect reject tried", rules=rules))
        equal(ran.status, 2, "status where an observed rule is to decide")
        contains(ran.err, "the rule 'tried' decides nothing", "error")


# ---- the commands ----


@tests.test
def a_test_that_fails_is_shown_with_its_trace():
    with Folder() as folder:
        path = policy(folder, OUTSIDE + "\nexpect accept", OUTSIDE + "\nexpect reject spf\n"
                      "expect code 550\nexpect accept")
        line = RULES.count("\n") + 4 + 1
        ran = postern("test", path)
        equal((ran.status, ran.err), (1, ""), "outcome")
        contains(ran.out, '%s:%d: test "number 1" failed\n' % (path, line), "output")
        contains(ran.out, "expected   reject spf (line %d)\ncame       accept, at message, by no rule\n"
                 "expected   code 550 (line %d)\ncame       accept, at message, by no rule\n"
                 % (line + 2, line + 3), "output")
        contains(ran.out, "verdict    accept, at message, by no rule", "output")
        contains(ran.out, "mail       false    spf: when spf is fail unless dkim.aligned", "trace")
        lacks(ran.out, "number 0", "output")
        true(ran.out.endswith("\n1 passed, 1 failed\n"), "the last line is the sum")


@tests.test
def statuses():
    with Folder() as folder:
        good = policy(folder, OUTSIDE + " expect accept")
        bad = policy(folder, OUTSIDE + " expect reject", name="bad.policy")
        broken = policy(folder, "expect frob", name="broken.policy")
        none = policy(folder, name="none.policy")
        for words, status, summary in (([good], 0, "1 passed, 0 failed"),
                                       ([good, bad], 1, "1 passed, 1 failed"),
                                       ([good, bad, broken], 2, "1 passed, 1 failed"),
                                       ([broken, good], 2, "1 passed, 0 failed"),
                                       ([none], 0, "0 passed, 0 failed"),
                                       (["/no/such/file"], 2, "0 passed, 0 failed"),
                                       (["--run", "number", good], 0, "1 passed, 0 failed")):
            ran = postern("test", *words)
            equal((ran.status, ran.out.splitlines()[-1]), (status, summary), str(words))
        contains(postern("test", broken).err, "'frob' is not what a test can expect", "error")
        contains(postern("test", none).err, "none.policy: no tests", "note")
        for words, part in (([], "which policy?"), (["--frob", good], "no option '--frob'"),
                            (["--run"], "'--run' wants a value"),
                            (["--run", "other", good], "no test is called 'other'")):
            ran = postern("test", *words)
            equal(ran.status, 2, "status of " + str(words))
            contains(ran.err, part, "error")
        contains(postern("test", "--help").out, "--run NAME", "help")


@tests.test
def some_of_the_tests():
    bodies = [OUTSIDE + " expect accept"] * 12
    for pattern, count in (("number 1", 3), ("NUMBER 1", 3), ("number ?", 10), ("*1*", 3), ("1[01]", 0),
                           ("*1[01]", 2)):
        if count:
            status, said = run(*bodies, words=["--run", pattern])
            equal((status, said["passed"]), (0, count), pattern)


@tests.test
def what_json_says():
    with Folder() as folder:
        path = policy(folder, OUTSIDE + "\nexpect accept", OUTSIDE + "\nexpect reject")
        ran = postern("test", "--json", path)
        said = json.loads(ran.out)
        equal(ran.status, 1, "status")
        equal(sorted(said), ["failed", "passed", "tests"], "keys")
        good, bad = said["tests"]
        line = RULES.count("\n") + 1
        equal(good, {"file": path, "line": line, "name": "number 0", "passed": True, "faults": [],
                     "outcome": None}, "a test that passed")
        equal((bad["name"], bad["passed"], bad["line"]), ("number 1", False, line + 4), "one that failed")
        equal(bad["faults"], [{"expected": "expect reject", "line": line + 6,
                               "came": "accept, at message, by no rule"}], "faults")
        equal((bad["outcome"]["verdict"], bad["outcome"]["rule"]), ("accept", None), "outcome")
        true(len(bad["outcome"]["trace"]) > 5, "there is a trace")


@tests.test
def tests_of_included_files():
    with Folder() as folder:
        os.mkdir(os.path.join(folder.path, "parts"))
        folder.file("parts/mail.eml", b"Subject: hold me\n\nText.\n")
        folder.file("parts/part.policy", 'part: hold "x" when subject is "hold me"\n'
                    'test "of the part" { message "mail.eml" expect hold part }\n'
                    'test "that fails" { expect hold }\n')
        path = folder.file("whole.policy", 'include "parts/part.policy"\nother: accept\n'
                           'test "of the whole" { expect accept other }\n')
        ran = postern("test", path)
        equal((ran.status, ran.out.splitlines()[-1]), (1, "2 passed, 1 failed"), "outcome")
        contains(ran.out, 'parts/part.policy:3: test "that fails" failed', "output")
        ran = postern("test", os.path.join(folder.path, "parts", "part.policy"))
        equal(ran.out.splitlines()[-1], "1 passed, 1 failed", "outcome of the part alone")


@tests.test
def check_runs_the_tests():
    with Folder() as folder:
        good = policy(folder, OUTSIDE + " expect accept")
        ran = postern("check", "-W", "none", good)
        equal((ran.status, ran.err), (0, ""), "outcome")
        contains(ran.out, "a.policy: tests: 1 passed, 0 failed", "output")
        bad = policy(folder, OUTSIDE + " expect reject", name="bad.policy")
        ran = postern("check", bad)
        equal(ran.status, 1, "status")
        contains(ran.out, 'test "number 0" failed', "output")
        contains(ran.out, "bad.policy: tests: 0 passed, 1 failed", "output")
        equal(postern("check", bad, good).status, 1, "status of both")
        equal(postern("check", folder.file("broken.policy", "acept\n"), bad).status, 2, "with a broken one")


@tests.test
def others_pass_over_them():
    with Folder() as folder:
        path = policy(folder, 'message "no-such.eml" dns file "no-such" expect same as "no-such"')
        dns = folder.file("dns", "")
        said = answer("explain", "-c", path, "--json", "--dns", dns, "--sender", "a@b.example",
                      "--recipient", "c@example.org")
        equal(said["verdict"], "accept", "verdict")
        ran = postern("explain", "-c", policy(folder, "expect frob", name="b.policy"), "--dns", dns)
        equal(ran.status, 2, "status of explain with a mistake in a test")


@tests.test
def a_test_changes_nothing_of_the_policy():
    """What a test speaks of is not looked up for that: the facts of the policy stay what they are."""
    with Folder() as folder:
        plain = postern("check", policy(folder)).out
        more = postern("check", policy(folder, OUTSIDE + ' given rhsbl("x.example", sender.domain)'
                                       ' 127.0.0.2 given hops 3 expect accept', name="b.policy")).out
        facts = "(12 rules, %s facts," % plain.split(" facts")[0].split()[-1]
        contains(plain, facts, "without tests")
        contains(more, facts, "with tests")


@tests.test
def coverage():
    rules = """relay:  reject "No" when recipient.domain is "other.example"
        add header "X-A: b" when subject is present
never:  accept when spf is fail and sender is <a@never.example>
first:  defer "Later" when subject is "both" and size > 2B
second: hold "odd" when subject is "both"
last:   accept
below:  reject "No" when spf is fail
"""
    bodies = ["sender <a@b.example> recipient <c@other.example> expect reject relay",
              'sender <a@b.example> header "Subject: both" expect defer first',
              'sender <a@b.example> header "Subject: x" expect accept last']
    with Folder() as folder:
        path = policy(folder, *bodies, rules=rules)
        ran = postern("check", "-W", "none", "--coverage", path)
        equal((ran.status, ran.err), (1, ""), "outcome")
        lines = ran.out.splitlines()[2:]
        equal(lines, ["%s: tests: 3 passed, 0 failed" % path, "%s: tests reach 4 of 7 rules" % path,
                      "%s:3: rule 'never' is evaluated in 3 tests, and true in none" % path,
                      "%s:5: rule 'second' is true in 1 test, and decides none" % path,
                      "%s:7: rule 'below' is evaluated in no test" % path], "output")
        complete = policy(folder, bodies[0], bodies[2], name="b.policy", rules="\n".join(
            row for row in rules.split("\n") if row.split(":")[0] in ("relay", "last")) + "\n")
        ran = postern("check", "--coverage", complete)
        equal(ran.status, 0, "status where it is complete")
        contains(ran.out, "tests reach 2 of 2 rules, coverage is complete", "output")
        ran = postern("check", "--coverage", folder.file("c.policy", "a: accept\n"))
        equal(ran.status, 1, "status without tests")
        contains(ran.out, "rule 'a' is evaluated in no test", "output")
        equal(postern("check", folder.file("c.policy", "a: accept\n")).status, 0, "not asked for")
        usage = postern("check", "--coverage")
        equal(usage.status, 2, "status without a policy")


@tests.test
def many_tests_take_no_time():
    body = OUTSIDE + ' dns "b.example TXT \\"v=spf1 -all\\"" expect reject spf'
    begin = time.monotonic()
    passes(*[body] * 1000)
    true(time.monotonic() - begin < 10, "a thousand tests take seconds")
    begin = time.monotonic()
    passes(*[OUTSIDE + " set mixed first expect accept"] * 1000)
    true(time.monotonic() - begin < 10, "so do those with a setting")


@tests.test
def hostile_tests():
    for text in ("test \"x\" {" * 20000, 'test "x" { expect' * 20000, 'test "x" { ' + "given " * 100000,
                 'test "x" { given spf ' + "{ " * 50000, 'test "x" { ' + 'body "' * 30000,
                 'test "x" { client ' + "1" * 100000 + " expect accept }",
                 'test "' + "x" * 100000 + '" { expect accept }\n' * 3,
                 'test "x" { given ' + "dnsbl(" * 50000):
        with Folder() as folder:
            begin = time.monotonic()
            ran = postern("test", folder.file("hostile.policy", text))
            true(ran.status in (0, 1, 2), "status of %r..." % text[:30])
            true(time.monotonic() - begin < 10, "it does not take long: %r..." % text[:30])
            true(len(ran.err) < 400000, "not too much is said of %r..." % text[:30])


tests.finish()
