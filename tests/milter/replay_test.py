#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""postern replay: messages that a daemon has judged, decided again from its journal."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import POSTERN, Folder, postern  # noqa: E402
from daemon import Postern  # noqa: E402
from milterpeer import deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, true  # noqa: E402

tests = Tests()
OLD = """set journal on set journal.path "%s"
table local domains { example.org }
relay:    reject 550 5.7.1 "Relaying denied" when recipient.domain not in local
spf-fail: reject 550 5.7.23 "SPF says no" when spf is fail
"""
DNS = 'fail.example TXT "v=spf1 -all"\nsoft.example TXT "v=spf1 ~all"\n'
MAIL = (("a@fail.example", "b@example.org"), ("a@soft.example", "b@example.org"),
        ("a@soft.example", "b@other.example"), ("", "postmaster@example.org"))


def play(folder, old=OLD):
    """A journal of the four messages; its folder."""
    journal = os.path.join(folder.path, "journal")
    path = os.path.join(folder.path, "postern.sock")
    with Postern(folder.path, path, old % journal, DNS, command=[POSTERN]) as server:
        for sender, recipient in MAIL:
            deliver("unix:" + path, sender="<%s>" % sender, recipients=["<%s>" % recipient],
                    message=b"From: a@soft.example\r\nSubject: Sale\r\n\r\nText.\r\n",
                    client="203.0.113.9")
        true(wait_until(lambda: len(postern("log", "--journal", journal).out.splitlines()) == 4),
             "four records: " + server.log())
    return journal


def replay(folder, journal, new, *words):
    return postern("replay", "--journal", journal, *words, folder.file("new.policy", new))


def counts(folder, journal, new):
    ran = replay(folder, journal, new, "--json")
    equal((ran.status, ran.err), (0, ""), "outcome")
    said = json.loads(ran.out)
    return said["same"], said["changed"], said["undecided"], said["groups"]


@tests.test
def the_same_policy_changes_nothing():
    with Folder() as folder:
        journal = play(folder)
        equal(counts(folder, journal, OLD % "unused"), (4, 0, 0, []), "counts")


@tests.test
def changes_are_grouped_by_rule_with_examples():
    with Folder() as folder:
        journal = play(folder)
        new = OLD % "unused" + 'soft: hold "softfail" when spf is softfail\n'
        same, changed, undecided, groups = counts(folder, journal, new)
        equal((same, changed, undecided), (3, 1, 0), "counts")
        equal((groups[0]["before"], groups[0]["after"], groups[0]["count"]),
              ("accept by no rule", "quarantine by soft", 1), "group")
        contains(groups[0]["examples"][0], "<a@soft.example> to <b@example.org>", "example")
        text = replay(folder, journal, new).out
        contains(text, "accept by no rule becomes quarantine by soft", "text")
        contains(text, "the same:      3", "text")


@tests.test
def the_journal_says_more_than_the_old_policy_asked():
    with Folder() as folder:
        journal = play(folder)
        # No rule of the old policy spoke of these; every record has them.
        new = ('reject "no" when sender.domain is "soft.example"\n'
               'hold "who" when recipient.local is "postmaster"\n')
        # One was refused at MAIL, before it had a recipient.
        equal(counts(folder, journal, new)[:3], (1, 2, 1), "counts")
        examples = [text for group in counts(folder, journal, new)[3] for text in group["examples"]]
        true(any(text.endswith(" to -") for text in examples), "a message without a recipient")


@tests.test
def what_was_never_looked_at_is_not_guessed():
    with Folder() as folder:
        journal = play(folder)
        new = OLD % "unused" + 'sale: reject "no" when subject contains "sale"\n'
        same, changed, undecided, groups = counts(folder, journal, new)
        equal((same, changed, undecided), (2, 0, 2), "counts")
        equal({(group["after"], group["missing"]) for group in groups}, {(None, "subject")}, "groups")
        contains(replay(folder, journal, new).out, "'subject' was never looked at", "text")


@tests.test
def since_and_usage():
    with Folder() as folder:
        journal = play(folder)
        new, later = OLD % "unused", str(int(time.time()) + 60)
        equal(json.loads(replay(folder, journal, new, "--since", "1h", "--json").out)["messages"], 4,
              "messages of the last hour")
        equal(json.loads(replay(folder, journal, new, "--since", later, "--json").out)["messages"], 0,
              "messages from now on")
        ran = replay(folder, journal, "nonsense\n")
        equal(ran.status, 2, "status of a broken policy")
        contains(ran.err, "new.policy:1:1: error:", "message")
        equal(replay(folder, "/nonexistent", new).status, 1, "status without a journal")
        equal(postern("replay").status, 2, "status without a policy")
        equal(postern("replay", "--since", "soon", "x").status, 2, "status of a bad time")


tests.run()
tests.finish()
