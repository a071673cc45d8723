#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The outside DKIM vectors as mail through a real Postfix: what Postern writes into
Authentication-Results must be what is expected, wherever Postfix passes the bytes on unchanged.

One Postfix serves all; messages that want the same settings, clock and records share a daemon.
"""

import json
import os
import re
import subprocess

import daemon
import mta
from report import Tests, equal, true
from smtp import Sink, Smtp

HERE = os.path.dirname(os.path.realpath(__file__))
VECTORS = os.path.join(os.environ.get(
    "POSTERN_SHARED", os.path.join(HERE, "..", "..", "..", "shared")), "vectors", "dkim")
MODES = {"strict": "", "lax": "set dkim.minimum-bits 512\nset dkim.sha1 allow\n"}
SECONDS = 60

tests = Tests()


def as_sent(path):
    """The bytes that go over the wire: CR LF throughout and at the end."""
    with open(path, "rb") as file:
        data = file.read()
    if b"\r\n" not in data:
        data = data.replace(b"\n", b"\r\n")
    return data if data.endswith(b"\r\n") else data + b"\r\n"


def records(path):
    """{name and type: lines} of a file of DNS records."""
    found = {}
    with open(path, encoding="ascii") as file:
        for row in file:
            words = row.split(None, 2)
            if words and not row.startswith("#"):
                key = words[0].lower().rstrip("."), words[1]
                found.setdefault(key, []).append(row.strip())
    return found


class Group:
    """Messages for one daemon."""

    def __init__(self, mode, time):
        self.mode, self.time = mode, time
        self.zones, self.records, self.cases = set(), {}, []

    def takes(self, case, zone):
        return (case["mode"], case["time"]) == (self.mode, self.time) and \
            all(self.records.get(key, rows) == rows for key, rows in zone.items()) and \
            (case["dns"] in self.zones or
             not {key[0] for key in zone} & {key[0] for key in self.records})

    def add(self, case, zone):
        self.cases.append(case)
        self.zones.add(case["dns"])
        self.records.update(zone)

    def dns(self):
        return "".join(row + "\n" for rows in self.records.values() for row in rows)

    def command(self, folder):
        """The daemon's command line, with a clock of its own where the messages want one."""
        if self.time == 0:
            return None
        shim = os.path.join(folder, "clock.so")
        if not os.path.exists(shim):
            subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, os.path.join(HERE, "clock.c")],
                           check=True, timeout=60)
        return ["env", "LD_PRELOAD=" + shim, "TEST_TIME=%d" % self.time, daemon.program()]


def grouped(cases):
    groups = []
    for case in cases:
        zone = records(os.path.join(VECTORS, case["dns"]))
        group = next((g for g in groups if g.takes(case, zone)), None)
        if group is None:
            group = Group(case["mode"], case["time"])
            groups.append(group)
        group.add(case, zone)
    return groups


def matches(result, expected):
    return expected == "?" or result == expected or (expected == "notpass" and result != "pass")


def meets(results, expect):
    """As dkim_suite.py has it, of the results alone."""
    expect = list(expect)
    if expect and expect[0].startswith("*"):
        wanted = expect[0][1:]
        return wanted == "?" or ("pass" in results) == (wanted == "pass")
    if expect and expect[-1].startswith("~"):
        expect[-1] = expect[-1][1:]
        if len(results) == len(expect) - 1:
            expect.pop()
    return len(results) == len(expect) and all(map(matches, results, expect))


def ours(field):
    """The dkim results of an Authentication-Results field of ours; None: it is not ours."""
    if not field.startswith("mx.example.org;"):
        return None
    return [r for r in re.findall(r";\s*dkim=(\w+)", field) if r != "none"]


def without_additions(data):
    """The delivered bytes without the two fields that this server put on top."""
    for name in (b"Authentication-Results:", b"Received:"):
        if not data.startswith(name):
            return None
        data = re.sub(rb"\A[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*", b"", data, count=1)
    return data


def send(case, port):
    with Smtp(port) as smtp:
        smtp.ehlo()
        reply = smtp.message("a@example.net", ["%s@example.org" % case["id"]],
                             as_sent(os.path.join(VECTORS, case["message"])))
        smtp.quit()
    return reply


def judge(case, reply, delivered):
    """None, or why nothing can be said of this message."""
    if reply.code != 250:
        return "Postfix does not take it: %s" % reply
    true(delivered is not None, "it is delivered")
    sent = as_sent(os.path.join(VECTORS, case["message"]))
    if without_additions(delivered.data) != sent:
        return "Postfix changes it"
    field = delivered.values("Authentication-Results")[0]
    true(meets(ours(field), case["expect"]), "%s is %s" % (field, case["expect"]))
    return None


def add_test(case, reply):
    def test():
        why = judge(case, reply, DELIVERED.get(case["id"]))
        if why:
            UNTOLD.append("%s (%s)" % (case["id"], why))

    test.__name__ = case["id"]
    tests.test(test)


def run(groups):
    """Starts a daemon a group, all beside each other; sends everything, then looks at it."""
    with Sink() as sink, mta.PrivatePostfix(sink.port, {
            "message_drop_headers": "", "smtp_line_length_limit": "0",
            "smtp_send_xforward_command": "no"}) as postfix:
        daemons, replies = [], []
        try:
            for number, group in enumerate(groups):
                milter, path = postfix.socket("g%d" % number)
                group.port = postfix.listen(milter)
                daemons.append(daemon.Postern(
                    postfix.dir, path, MODES[group.mode] + "add authentication-results\n",
                    group.dns(), name="g%d" % number, group="postfix",
                    command=group.command(postfix.dir)))
                daemons[-1].start()
            postfix.start()
            for group in groups:
                replies += [(case, send(case, group.port)) for case in group.cases]
            taken = sum(reply.code == 250 for _, reply in replies)
            mta.wait_until(lambda: len(sink.messages()) >= taken, SECONDS)
        finally:
            for each in daemons:
                each.stop()
        for message in sink.messages():
            DELIVERED[message.recipients[0].partition("@")[0]] = message
    for case, reply in replies:
        add_test(case, reply)


DELIVERED, UNTOLD = {}, []
why = mta.PrivatePostfix.missing()
if why:
    tests.skip_all("DKIM vectors through Postfix (%s)" % why)
if not os.path.exists(os.path.join(VECTORS, "cases.json")):
    tests.skip_all("DKIM vectors through Postfix (not at %s)" % VECTORS)
with open(os.path.join(VECTORS, "cases.json"), encoding="utf-8") as file:
    CASES = json.load(file)
run(grouped(CASES))
tests.run()


@tests.test
def most_of_them_pass_through_unchanged():
    equal(tests.passed + tests.failed, len(CASES), "messages")
    true(len(UNTOLD) <= len(CASES) // 5, "of %s nothing can be said" % UNTOLD)


tests.run()
tests.passed -= len(UNTOLD)
for untold in UNTOLD:
    tests.skip("through Postfix: " + untold)
tests.finish()
