#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Faults that checkers of other filters let through, said in our language, and what is said of each.

The numbers are those of checkers.md among the outside texts: configurations that were given to the
checkers of the filters in use, most of which called them fine. Numbers 12 to 14 are about signing.
"""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import Folder, postern  # noqa: E402
from report import Tests, contains, equal, true  # noqa: E402

# Number, what is wrong, the policy, and what is reported: line and column, then a part of the text.
CASES = [
    (1, "an unbalanced interpolation",
     'reject "No ${client.ip"  when helo.literal\n',
     ("1:12: error", "'${' is not closed, write '}'")),
    (2, "an unknown name in a text",
     'reject "No ${sender.domian}" when spf is fail\n',
     ("1:14: error", "no fact, table or define 'sender.domian', is 'sender.domain' meant?")),
    (3, "a list that is not defined",
     'table ours networks { 192.0.2.0/24 }\naccept when client.ip in our\n',
     ("2:26: error", "'our', is 'ours' meant?")),
    (4, "a misspelt condition",
     'accept when clinet.ip is 192.0.2.1\n',
     ("1:13: error", "'clinet.ip', is 'client.ip' meant?")),
    (5, "a misspelt setting",
     'set authsrv "mx.example.org"\n',
     ("1:5: error", "no setting 'authsrv', is 'authserv' meant?")),
    (6, "an action that does not exist",
     'rejekt "No" when spf is fail\n',
     ("1:1: error", "'reject'")),
    (7, "a reference to something that is not there",
     'define trusted = auth.user is present\nreject "No" when helo.literal unless trustd\n',
     ("2:38: error", "'trustd', is 'trusted' meant?")),
    (8, "an expression that breaks off",
     'reject "No" when helo.literal and\n',
     ("error", "a condition")),
    (8, "an operator of another language",
     'reject "No" when helo.literal & spf is fail\n',
     ("1:31: error", "'&'")),
    (9, "a file that is never read, because its name is wrong",
     'include "exceptions.polcy"\naccept\n',
     ("1:9: error", "cannot read ")),
    (10, "a bad address",
     'reject "No" when client.ip is 1.2.3.400\n',
     ("1:31: error", "IP address")),
    (11, "a brace that is not closed",
     'if helo.literal {\n  reject "No"\n',
     ("error", "'}'")),
    (15, "networks that are none",
     'table ours networks { 192.0.2.0/99 "not an ip" }\naccept when client.ip in ours\n',
     ("1:23: error", "a number up to 32"), ("1:36: error", "not an IP address")),
    (16, "an unknown option",
     'set frobnicate yes\n',
     ("1:5: error", "no setting 'frobnicate'")),
    (16, "a bad boolean",
     'reject "No" when helo.literal is maybe\n',
     ("1:34: error", "'helo.literal' is true or false, not 'maybe'")),
    (17, "files that are missing",
     'table ours networks file "hosts"\ntable suffixes domains file "suffixes"\n'
     'accept when client.ip in ours or sender.domain in suffixes\n',
     ("1:26: error", "hosts"), ("2:29: error", "suffixes")),
    (18, "an unknown function",
     'reject "No" when not resolvs(sender.domain)\n',
     ("1:22: error", "is 'resolves' meant?")),
    (18, "an unknown constant",
     'reject "No" when spf is failed\n',
     ("1:25: error", "'failed' is no value of 'spf'")),
    (18, "an unknown identifier",
     'reject "No" when frob\n',
     ("1:18: error", "'frob'")),
    (18, "a reply code of no class",
     'reject 950 "No" when helo.literal\n',
     ("1:8: error", "a reply code is a number from 500 to 599")),
    (19, "a network that is too long",
     'reject "No" when client.ip in 192.0.2.0/99\n',
     ("1:31: error", "a number up to 32")),
    (19, "a misspelt macro in a text",
     'reject "No, ${cleint.ip}" when helo.literal\n',
     ("1:15: error", "'cleint.ip', is 'client.ip' meant?")),
    (20, "a table that is not defined",
     'reject "No" when recipient.domain not in local\n',
     ("1:42: error", "'local'")),
    (20, "an action that is not defined",
     'deliver when helo.literal\n',
     ("1:1: error", "deliver")),
]
LATER = {12, 13, 14}

tests = Tests()


def report(policy):
    with Folder() as folder:
        return postern("check", folder.file("fault.policy", policy))


for number, what, policy, *expected in CASES:
    def test(policy=policy, expected=expected):
        ran = report(policy)
        equal(ran.status, 2, "status")
        for place, part in expected:
            lines = [line for line in ran.err.splitlines()
                     if "fault.policy:" in line and place in line and part in line]
            true(lines, "%s ... %s is in: %s" % (place, part, ran.err))
        contains(ran.err, "^", "the text is underlined")
    test.__name__ = "fault %d, %s" % (number, what)
    tests.test(test)


@tests.test
def fault_21_a_rule_above_leaves_nothing():
    ran = report('all: accept\nbad: reject "No" when helo.literal\n')
    equal(ran.status, 0, "status")
    contains(ran.err, "2:1: warning: this rule never applies: what it would is decided above", "report")
    equal(report('bad: reject "No" when helo.literal\nall: accept\n').err, "", "the other order")


def fault_21_two_rules_hold_at_once():
    ran = report('good: accept when sender.domain is "a.example" and client.ip is 192.0.2.1\n'
                 'bad:  reject "No" when sender.domain is "a.example" and client.ip is 192.0.2.1\n')
    contains(ran.err, "2:1: warning: this rule never applies", "report")


@tests.test
def every_fault_has_a_case():
    equal({number for number, *rest in CASES} | LATER | {21}, set(range(1, 22)), "numbers")


# Rules that are shadowed by what they mean, not by how they are written, take a proof.
if "shadowed" in postern("check", "--help").out:
    tests.test(fault_21_two_rules_hold_at_once)
else:
    tests.skip("fault 21, two rules hold at once: no warning 'shadowed' in this version")

tests.finish()
