#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Memory ends at each allocation that a running daemon makes, one after the other: for messages
whose names are looked up in the DNS and that go to the journal, for reloads, for what commands and
metrics are answered. No process ends, no message passes unjudged, and a reload that ran out of
memory leaves the policy as it was.

Once for each of them memory is back at once, once not before they are over. STARVINGS says of how
many allocations it is tried at least; then all begins again.
"""

import mmap
import os
import struct
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "dns"))

import httpunix  # noqa: E402
from commandkit import Folder  # noqa: E402
from daemon import Postern, filter_process  # noqa: E402
from faulty import Server  # noqa: E402
from milterpeer import Closed, deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, equal, lacks, true  # noqa: E402

PROGRAM = os.path.join(os.environ.get("BUILD", "."), "tests", "milter", "starving")
WANTED = int(os.environ.get("STARVINGS", "1"))
FOREVER = 1 << 60
TRIES = 5
POLICY = """
set resolver "127.0.0.1@%d"
set journal.path "%s"
set metrics "unix:%s"
table friends addresses { a@friends.example @friends.example.net }
table words patterns { /lottery/ /prince/i }
unknown: reject "no such domain" when not resolves(sender.domain)
spf:     reject "forged" when spf is fail
words:   reject "bad words" when subject in words and sender not in friends
broken:  reject "broken" when dkim is fail
parts:   reject "no programs" when any attachment.extension in { exe scr }
insert header "X-Policy: %d"
assert not delivered when subject in words and sender not in friends
test "no lottery" {
    client 203.0.113.9   sender <a@elsewhere.example>   recipient <b@example.org>
    dns "elsewhere.example A 192.0.2.1"
    header "Subject: The lottery"
    expect reject words
}
"""
MESSAGE = (b"DKIM-Signature: v=1; a=rsa-sha256; d=%s; s=s1; h=from;\r\n"
           b"\tbh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=; b=dGVzdA==\r\n"
           b"From: a@example.net\r\nSubject: hello\r\nContent-Type: multipart/mixed; boundary=b\r\n"
           b"\r\n--b\r\nContent-Type: text/plain; name=a.txt\r\n\r\nText.\r\n--b--\r\n")

tests = Tests()


class Starving(Postern):
    def __init__(self, folder, port):
        path = os.path.join(folder.path, "allocations")
        with open(path, "wb") as file:
            file.write(bytes(24))
        with open(path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), 24)
        self.folder, self.port = folder.path, port
        self.metrics = os.path.join(folder.path, "metrics")
        self.in_force, self.number, self.names = 0, 0, 0
        super().__init__(folder.path, os.path.join(folder.path, "s"), self.policy(0),
                         command=["env", "STARVING=" + path, PROGRAM])

    def policy(self, number):
        return POLICY % (self.port, os.path.join(self.folder, "journal"), self.metrics, number)

    def count(self):
        return struct.unpack("Q", self.shared[:8])[0]

    def fail(self, first, last):
        self.shared[8:24] = struct.pack("QQ", first, last)

    def filter_pid(self):
        return filter_process(self.process.pid)

    def quiet(self):
        """Waits until nobody allocates any more."""
        before = None
        while before != self.count():
            before = self.count()
            time.sleep(0.01)

    def send(self, known=True):
        """The outcome of a message from a domain that nobody has asked for, or None: hung up."""
        self.names += 1
        domain = "%s.n%d.test" % ("ok" if known else "nxdomain", self.names)
        try:
            return deliver("unix:" + self.path, "<a@%s>" % domain, ["<b@example.org>"],
                           MESSAGE % domain.encode())
        except Closed:
            return None


def starve(server, play, lasting):
    """All allocations of that, one by one; how many there were."""
    pid = server.filter_pid()
    for number in range(1, 1000):
        server.quiet()
        first = server.count() + number
        server.fail(first, FOREVER if lasting else first)
        play(server)
        server.quiet()
        server.fail(0, 0)
        equal(server.filter_pid(), pid, "the filter process when memory ends at %d" % number)
        equal(server.process.poll(), None, "the parent when memory ends at %d" % number)
        if server.count() < first:
            return number - 1
    raise AssertionError("there is no end of allocations")


def judged(outcome, number):
    """The number of the policy if it was judged with that policy; deferred and hung up is fine."""
    if outcome is None or outcome.verdict == "tempfail":
        return
    equal((outcome.verdict, [edit.value.strip() for edit in outcome.edits]),
          ("accept", [str(number)]), "the outcome")


def play_message(server):
    judged(server.send(), server.in_force)


def play_refused(server):
    outcome = server.send(known=False)
    if outcome is not None and outcome.verdict != "tempfail":
        equal((outcome.verdict, outcome.reply.text[:14]), ("reject", "no such domain"), "outcome")


def play_reload(server):
    """It is in force, or it is not, and the answer is true."""
    server.number += 1
    server.write_policy(server.policy(server.number))
    said = server.ask("reload")
    server.quiet()
    server.fail(0, 0)
    # A busy machine's name server may be late once.
    outcome = next(each for each in (server.send() for _ in range(TRIES))
                   if each is not None and each.verdict == "accept")
    marked = int(outcome.edits[0].value)
    true(marked in (server.in_force, server.number), "one of both policies is in force")
    if said is not None and said.get("ok") is not None:
        equal(marked, server.number if said["ok"] else server.in_force, "what was said of it")
    server.in_force = marked


def play_command(request):
    def play(server):
        said = server.ask(request)
        true(said is None or isinstance(said, dict), "an answer, or none")
    return play


def play_metrics(server):
    try:
        status, _, text = httpunix.ask(server.metrics)
        equal((status, text[-1]), (200, "\n"), "metrics")
    except (OSError, ValueError, httpunix.http.client.HTTPException):
        pass


PLAYS = {
    "a message": play_message, "a refused message": play_refused,
    "status": play_command("status"), "stats": play_command("stats"), "metrics": play_metrics,
    "a reload": play_reload}


@tests.test
def a_running_daemon_survives():
    with Folder() as folder, Starving(folder, Server().port) as server:
        wait_until(lambda: server.ask("status") is not None)
        play_message(server)
        total = 0
        while total < WANTED:
            for name, play in PLAYS.items():
                tried = [starve(server, play, lasting) for lasting in (False, True)]
                true(min(tried) > 0, "%s allocates" % name)
                print("%s: %d and %d allocations" % (name, *tried))
                total += sum(tried)
        print("memory ended at each of %d allocations" % total)
        play_reload(server)
        equal(server.in_force, server.number, "a reload with memory")
        journal = server.ask("status")["journal"]
        true(journal["written"] > 0, "the journal is written")
        lacks(server.log(), "was ended by", "log")
        lacks(server.log(), "ended with status", "log")


tests.finish()
