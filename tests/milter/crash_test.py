#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A library that crashes over a message: twice, and then no library is called for it any more."""

import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))

from commandkit import POSTERN, Folder  # noqa: E402
from daemon import Postern  # noqa: E402
from milterpeer import Closed, Milter, deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, equal, true  # noqa: E402

POLICY = """
spf:    reject "forged" when spf is fail
no:     reject 550 "no such user" when recipient.local is "nobody"
marked: reject "marked" when any header("X-Mark") is "bad"
broken: reject "broken" when dkim is fail
insert header "X-Spf: ${spf}"
"""
DNS = """
example.net. TXT "v=spf1 ip4:192.0.2.1 -all"
"""
SIGNATURE = ("DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=s1; h=from;\r\n"
             "\tbh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=dGVzdA==\r\n")
SENDER, RECIPIENT = "<a@example.net>", "<b@example.org>"

tests = Tests()
shims = tempfile.TemporaryDirectory()
SHIM = os.path.join(shims.name, "crash.so")
subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", SHIM,
                os.path.join(HERE, "crash.c")], check=True, timeout=60)


def message(number, signed=True, mark=""):
    text = "%sFrom: a@example.net\r\nMessage-ID: <%d@example.net>\r\n%s\r\nText.\r\n"
    return (text % (SIGNATURE if signed else "", number, mark)).encode()


class Crashing(Postern):
    """A daemon one of whose libraries' functions crashes."""

    def __init__(self, folder, function, policy=POLICY):
        self.calls_path = os.path.join(folder.path, "calls")
        super().__init__(folder.path, os.path.join(folder.path, "s"), policy, DNS, command=[
            "env", "LD_PRELOAD=" + SHIM, "CRASH_CALLS=" + self.calls_path, "CRASH_AT=" + function,
            POSTERN])

    def calls(self):
        """The calls since the last time, a letter each."""
        try:
            with open(self.calls_path, encoding="ascii") as file:
                calls = file.read()
            os.truncate(self.calls_path, 0)
            return calls
        except FileNotFoundError:
            return ""

    def send(self, text, recipients=(RECIPIENT,), **more):
        """The outcome, or None if it has cost the filter process its life."""
        try:
            return deliver("unix:" + self.path, SENDER, list(recipients), text, **more)
        except Closed:
            return None


def crash_twice(server, text, calls):
    """And then it is deferred, without a call, and logged with one fingerprint."""
    equal([server.send(text) for _ in range(2)], [None, None], "two tries")
    equal(server.calls(), 2 * calls, "calls in the crashes")
    for _ in range(3):
        outcome = server.send(text)
        equal((outcome.verdict, outcome.reply.code, outcome.reply.enhanced),
              ("tempfail", 451, "4.3.0"), "another")
    equal(server.calls(), "", "calls for the message that is deferred")
    true(wait_until(lambda: "was being judged in 2 crashes: deferred" in server.log()), "the log")
    found = re.findall(r"message ([0-9a-f]{16}) was being judged", server.log())
    equal((len(found), len(set(found))), (3, 1), "lines with its fingerprint")


@tests.test
def a_crash_at_the_end_of_the_message():
    with Folder() as folder, Crashing(folder, "dkim_eom") as server:
        crash_twice(server, message(1), "she")
        equal(server.send(message(2)), None, "another message that crashes")
        equal(server.calls(), "hse", "its calls")


@tests.test
def a_crash_at_the_end_of_the_header():
    with Folder() as folder, Crashing(folder, "dkim_eoh") as server:
        crash_twice(server, message(1), "sh")


@tests.test
def a_crash_at_mail():
    with Folder() as folder, Crashing(folder, "SPF_record_interpret") as server:
        crash_twice(server, message(1), "s")
        # Nothing is known of it but its sender.
        equal(server.send(message(2)).reply.code, 451, "another message of this sender")
        equal(server.calls(), "", "its calls")
        other = deliver("unix:" + server.path, "<b@example.com>", [RECIPIENT], message(3, False))
        equal(other.verdict, "accept", "a message of another sender")


def begun_like_it(server, recipients, text):
    """A message from the same client and sender, to the same first recipient."""
    with Milter("unix:" + server.path) as mta:
        mta.negotiate()
        mta.connect()
        mta.helo()
        replies = [mta.mail(SENDER)] + [mta.rcpt(each) for each in recipients]
        equal(server.calls(), "", "calls before the header is known")
        head, body = text.decode().split("\r\n\r\n", 1)
        replies.append(mta.data())
        for name, value in re.findall(r"(?m)^([\w-]+):(.*(?:\n[ \t].*)*)", head.replace("\r", "")):
            mta.header(name, value)
        replies.append(mta.eoh())
        if replies[-1].kind == "continue":
            mta.body(body.encode())
            replies.append(mta.eom())
        return replies


@tests.test
def a_message_that_begins_like_it_is_judged_late_but_whole():
    with Folder() as folder, Crashing(folder, "dkim_eom") as server:
        crash_twice(server, message(1), "she")
        replies = begun_like_it(server, [RECIPIENT, "<nobody@example.org>"], message(2, False))
        equal([reply.code for reply in replies[:3]], [None, None, 550], "MAIL and recipients")
        equal([(edit.name, edit.value.strip()) for edit in replies[-1].edits],
              [("X-Spf", "pass")], "its edits")
        equal(server.calls(), "s", "calls after the header is known")
        replies = begun_like_it(server, [RECIPIENT], message(3, False, "X-Mark: bad\r\n"))
        equal((replies[-1].code, replies[-1].text), (550, "marked"), "refused by its header")
        true(len(server.send(message(1)).reply.text) > 0, "the message itself is deferred yet")
        server.calls()
        equal(deliver("unix:" + server.path, SENDER, ["<c@example.org>"],
                      message(4, False)).verdict, "accept", "to another recipient")
        equal(server.calls(), "s", "its calls")


@tests.test
def a_header_that_is_too_long_to_wait_is_deferred():
    with Folder() as folder, Crashing(folder, "dkim_eom") as server:
        crash_twice(server, message(1), "she")
        long = "".join("X-Long: %s\r\n" % ("x" * 60000) for _ in range(20))
        equal(server.send(message(2, False, long)).reply.code, 451, "more than a megabyte")
        equal(server.calls(), "", "its calls")
        equal(server.send(message(2, False, long[:600000])).verdict, "accept", "less")


tests.finish()
