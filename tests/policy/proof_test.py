#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Assertions that are broken by a message that a test of the policy plays: none may be proved."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import Folder, postern  # noqa: E402
from report import Tests, contains, equal, lacks  # noqa: E402

tests = Tests()
PEOPLE = " ".join("u%d" % i for i in range(70))
PLACES = " ".join("d%d.example" % i for i in range(70))


def dialogue(recipient, given="", outcome="accept"):
    return ('test "it is broken" {\n    client 203.0.113.9   sender <a@elsewhere.example>\n'
            "    recipient <%s>   %s\n    expect %s\n}\n" % (recipient, given, outcome))


# Each breaks its assertion, as the test in it shows.
BROKEN = {
    "others of a set than the one that is named":
        'reject "No" when recipient.local not in { bob alice }\n'
        'reject "No" when recipient is <bob@other.example>\n'
        'assert not delivered when recipient.domain is "other.example"\n'
        + dialogue("alice@other.example"),
    "one of a set, by a part of the whole address":
        'reject "No" unless recipient.local in { bob alice carol } and recipient contains "lic"\n'
        'assert not delivered when recipient.domain is "other.example"\n'
        + dialogue("alice@other.example"),
    "one of a set of domains, by the end of the whole address":
        'reject "No" unless recipient.domain in { a.example bb.example } '
        'and recipient ends with "b.example"\n'
        'assert not delivered when recipient.local is "bob"\n' + dialogue("bob@bb.example"),
    "one beside a routed one":
        'reject "No" when recipient.local not in { "a%b" c } or recipient.routed\n'
        'assert not delivered when recipient.domain is "other.example"\n'
        + dialogue("c@other.example"),
    "one of many, by a part of the whole address":
        'reject "No" when recipient.local not in { %s }\n' % PEOPLE
        + 'reject "No" unless recipient contains "9@d5"\n'
        'reject "No" when recipient.domain not in { %s }\n' % PLACES
        + 'assert not delivered when recipient.domain is "d51.example"\n'
        + dialogue("u29@d51.example"),
    "a source route has no sign":
        'reject "No" when recipient contains "%"\nassert not delivered when recipient.routed\n'
        + dialogue("@a.example:b@other.example"),
    "words that are known later than the score that they answer":
        'score 2 when header.count("X") > 1\ndefer "${subject}" when score < 3\n'
        "assert defer by rcpt when client.ip is present\n"
        + dialogue("a@other.example", 'header "Subject: a"', "defer at headers"),
}


def broken(text):
    def test():
        with Folder() as folder:
            path = folder.file("made.policy", text)
            played = postern("test", path)
            equal(played.status, 0, "status of its test: " + played.out + played.err)
            ran = postern("check", path)
        equal(ran.status, 2, "status: " + ran.out + ran.err)
        contains(ran.err, "this does not hold", "what is said")
    return test


def held(text):
    def test():
        with Folder() as folder:
            ran = postern("check", folder.file("made.policy", text))
        equal(ran.status, 0, "status: " + ran.out + ran.err)
        lacks(ran.err, "error", "what is said")
    return test


# No false alarms.
HELD = {
    "addresses of many parts":
        'reject "No" when recipient.local not in { %s }\n' % " ".join(PEOPLE.split()[:30])
        + 'reject "No" when recipient.domain not in { %s }\n' % " ".join(PLACES.split()[:30])
        + 'assert not delivered when recipient contains "@elsewhere.example"\n'
        'assert not delivered when recipient.local is "mary"\n',
    "a detour by its sign":
        'reject "No" when recipient.routed\n'
        'assert not delivered when recipient.local contains "%"\n'
        'assert not delivered when recipient.local starts with "b!"\n'
        'assert not delivered when recipient.local ends with "@"\n',
}

for cases, made in ((BROKEN, broken), (HELD, held)):
    for name, policy in cases.items():
        found = made(policy)
        found.__name__ = name
        tests.test(found)

tests.finish()
