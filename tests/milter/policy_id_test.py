#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Which policy it was: the same id in the log line and, where that is asked for, in the
Authentication-Results field, which readers of such fields take as before."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

try:
    import authres
except ImportError:
    authres = None

from commandkit import POSTERN, Folder  # noqa: E402
from daemon import Postern  # noqa: E402
from milterpeer import deliver  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

tests = Tests()
DNS = 'example.net TXT "v=spf1 ip4:203.0.113.9 -all"\n'
WITH_SPF = "add authentication-results\nhold \"x\" when spf is permerror\n"
# No rule asks about anything that a field could tell.
WITHOUT = "add authentication-results\n"


def results(policy):
    """The field that a message gets, unfolded, and the policy's id as the log has it."""
    with Folder() as folder:
        path = os.path.join(folder.path, "postern.sock")
        with Postern(folder.path, path, 'set authserv "mx.example.org"\n' + policy, DNS, command=[POSTERN]) as server:
            outcome = deliver("unix:" + path, "<a@example.net>", ["<b@example.org>"],
                              client="203.0.113.9")
            record = server.wait_record(verdict="accept")
            field = [edit.value for edit in outcome.edits if edit.name == "Authentication-Results"]
            equal(len(field), 1, "fields")
            return re.sub(r"\n[ \t]", " ", field[0]).strip(), record["policy"]


@tests.test
def nothing_is_said_unasked():
    field, ident = results(WITH_SPF)
    lacks(field, ident, "field")
    lacks(field, "(", "field")


@tests.test
def a_comment_names_the_policy():
    field, ident = results("set authserv.policy yes\n" + WITH_SPF)
    true(re.fullmatch("[0-9a-f]{8}", ident), "id %s" % ident)
    true(re.match(r"mx\.example\.org; +spf=pass \(policy %s\) smtp\.mailfrom=" % ident, field), field)
    equal(field.count("(policy"), 1, "comments")


@tests.test
def readers_take_it():
    fields = [results(word + policy)[0] for word in ("set authserv.policy yes\n", "")
              for policy in (WITH_SPF, WITHOUT)]
    for field in fields:
        contains(field, "mx.example.org;", "field")
    if not authres:
        tests.skip("python3-authres is not here")
        return
    read = [authres.AuthenticationResultsHeader.parse("Authentication-Results: " + field)
            for field in fields]
    for header in read:
        equal(header.authserv_id, "mx.example.org", "authserv-id")
    for commented, bare in zip(read[:2], read[2:]):
        equal([(r.method, r.result, [(p.type, p.name, p.value) for p in r.properties])
               for r in commented.results],
              [(r.method, r.result, [(p.type, p.name, p.value) for p in r.properties])
               for r in bare.results], "results")


tests.finish()
