#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Where log lines go and what they look like; and that a log which hangs holds no mail up."""

import fcntl
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib"))

from commandkit import POSTERN, Folder, answer  # noqa: E402
from daemon import Postern  # noqa: E402
from milterpeer import Milter, deliver  # noqa: E402
from mta import wait_until  # noqa: E402
from report import Tests, contains, equal, lacks, true  # noqa: E402

tests = Tests()
POLICY = """table local domains { example.org }
relay:    reject 550 5.7.1 "Relaying denied" when recipient.domain not in local
odd:      reject "What is \\"this\\"?" when sender is <odd@example.com>
          log "seen ${subject}"
          add header "X-Subject: ${subject}"
"""
# More than the queue and a pipe hold: enough lines to have some dropped.
FLOOD = 12000


class Piped(Postern):
    """Its standard error is a pipe that nobody reads unless read() is called."""

    def __init__(self, folder, policy=POLICY, env=None):
        self.environment = dict(os.environ, **(env or {}))
        super().__init__(folder.path, os.path.join(folder.path, "postern.sock"), policy, "",
                         command=[POSTERN])
        self.reader = -1

    def start(self, seconds=30):
        self.reader, writer = os.pipe()
        fcntl.fcntl(self.reader, fcntl.F_SETPIPE_SZ, 4096)
        words = self.command + ["serve", "-c", self.policy_path, "--dns", self.dns_path]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=writer,
                                        stderr=writer, env=self.environment,
                                        start_new_session=True)
        os.close(writer)
        true(wait_until(self.answers, seconds), "the daemon listens")

    def stop(self, seconds=20):
        try:
            super().stop(seconds)
        finally:
            os.close(self.reader)

    def read(self, seconds, until=None):
        """What comes within that time, or until a text is in it."""
        text, deadline = "", time.monotonic() + seconds
        while time.monotonic() < deadline and (until is None or until not in text):
            if select.select([self.reader], [], [], 0.05)[0]:
                text += os.read(self.reader, 65536).decode("ascii")
        return text

    def log(self):
        return ""


def send(server, sender="<a@example.com>", recipients=("<b@example.org>",), subject="Hi"):
    return deliver("unix:" + server.path, sender=sender, recipients=list(recipients),
                   message=b"Subject: %s\r\n\r\nText.\r\n" % subject.encode("latin-1"),
                   client="203.0.113.9")


def dropped(server):
    return answer("stats", "-c", server.policy_path, "--json")["log"]["dropped"]


@tests.test
def a_log_that_hangs_holds_nobody_up():
    with Folder() as folder, Piped(folder) as server:
        slowest = 0
        with Milter("unix:" + server.path) as mta:
            mta.negotiate()
            mta.connect()
            mta.helo()
            for number in range(FLOOD):
                if number % 4000 == 0:
                    mta.mail("<a@example.com>")
                began = time.monotonic()
                equal(mta.rcpt("<x@other.example>", macros={"rcpt_addr": "x@other.example"}).kind,
                      "reject", "answer %d" % number)
                slowest = max(slowest, time.monotonic() - began)
        # Of 12,000 answers one may be late for another reason than the log: this machine's load.
        true(slowest < 1, "the slowest answer took %.3f s" % slowest)
        true(dropped(server) > 0, "lines were dropped")
        text = server.read(20, "log lines were dropped: the log did not take them")
        contains(text, "log lines were dropped", "said once it is read again")
        send(server, subject="after")
        contains(server.read(10, "log: seen after"), "log: seen after", "later lines")


@tests.test
def it_ends_though_the_log_hangs():
    with Folder() as folder, Piped(folder) as server:
        for _ in range(60):
            send(server)
        began = time.monotonic()
        server.stop()
        true(time.monotonic() - began < 5, "it ended in %.1f s" % (time.monotonic() - began))
        server.reader = os.open("/dev/null", os.O_RDONLY)


@tests.test
def first_and_last_lines_come():
    with Folder() as folder:
        path = os.path.join(folder.path, "postern.sock")
        with Postern(folder.path, path, POLICY, "", command=[POSTERN]) as server:
            send(server)
            os.kill(answer("status", "-c", server.policy_path, "--json")["pid"], signal.SIGKILL)
            true(wait_until(lambda: server.log().count("serving at") == 2, 20), "it goes on")
            server.stop()
            for line in ("serving policy", "serving at", "verdict=accept", "seen Hi",
                         "was ended by signal 9", "stopping"):
                contains(server.log(), line, "the log")


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


@tests.test
def a_line_is_an_object():
    with Folder() as folder, Piped(folder, 'set log.format json\n' + POLICY) as server:
        send(server, sender="<odd@example.com>")
        send(server, subject='\x1b[2J"\\\xe9')
        send(server, recipients=("<x@other.example>", "<b@example.org>"), subject="last")
        text = server.read(10, "seen last")
        lacks(text, "\x1b", "the log")
        found = objects(text)
        for one in found:
            true(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"]), "time")
            true(one["level"] in ("info", "warning", "error") and one["pid"] > 1, "head")
        told = [one for one in found if "verdict" in one]
        equal([(one["verdict"], one.get("rule"), one.get("code")) for one in told],
              [("reject", "odd", 550), ("accept", None, None), ("reject", "relay", 550),
               ("accept", None, None)], "what was decided")
        equal(told[0]["text"], 'What is "this"?', "text")
        equal((told[2]["recipients"], told[3]["recipients"]),
              (["x@other.example"], ["b@example.org"]), "recipients")
        equal((told[3]["edits"], told[3]["id"], len(told[3]["policy"])), (1, "4QUEUEID", 8), "rest")
        logs = [one["log"] for one in found if "log" in one]
        true(logs[0].startswith("seen \\x") and '"' in logs[0], "escaped: %r" % logs[0])
        true(any("serving policy" in one.get("message", "") for one in found), "other lines")


class Collector:
    """A datagram socket in the place of syslog's or journald's."""

    def __init__(self, folder):
        self.path = os.path.join(folder.path, "log.sock")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(10)

    def lines(self, until):
        found = []
        while not found or until not in found[-1]:
            found.append(self.socket.recv(70000).decode("ascii"))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.socket.close()


def collected(kind):
    with Folder() as folder, Collector(folder) as collector:
        head = 'set log %s set log.socket "%s"\n' % (kind, collector.path)
        with Piped(folder, head + POLICY) as server:
            send(server)
            return collector.lines("log: seen Hi")


@tests.test
def syslog_gets_lines():
    for line in collected("syslog"):
        true(re.match(r"<2[0-2]>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d postern\[\d+\]: \S", line),
             line)


@tests.test
def journald_gets_fields():
    for datagram in collected("journald"):
        true(datagram.endswith("\n"), "its end: %r" % datagram)
        fields = dict(line.split("=", 1) for line in datagram.splitlines())
        equal((fields["SYSLOG_IDENTIFIER"], fields["SYSLOG_FACILITY"]), ("postern", "2"), "fields")
        equal(fields["PRIORITY"], "4" if "warning: " in fields["MESSAGE"] else "6", "priority")


@tests.test
def a_syslog_that_hangs_or_goes_holds_nobody_up():
    with Folder() as folder, Collector(folder) as collector:
        head = 'set log syslog set log.socket "%s"\n' % collector.path
        with Piped(folder, head + POLICY) as server:
            for _ in range(30):
                began = time.monotonic()
                equal(send(server).verdict, "accept", "verdict")
                true(time.monotonic() - began < 2, "in time")
            first = collector.lines("log: seen Hi")
            contains("".join(first), "verdict=accept", "the first lines")
            os.unlink(collector.path)
            equal(send(server).verdict, "accept", "without a reader")
            true(wait_until(lambda: dropped(server) > 0, 10), "lines are dropped")
            collector.socket.close()
            collector.__init__(folder)
            send(server, subject="again")
            contains("".join(collector.lines("log: seen again")), "lines were dropped", "told")


@tests.test
def under_systemd_lines_have_a_level():
    with Folder() as folder:
        # The pipe's own device and inode are known once it is there.
        class Journal(Piped):
            def start(self, seconds=30):
                reader, writer = os.pipe()
                at = os.fstat(writer)
                os.environ["JOURNAL_STREAM"] = "%d:%d" % (at.st_dev, at.st_ino)
                try:
                    words = self.command + ["serve", "-c", self.policy_path]
                    self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=writer,
                                                    stderr=writer, start_new_session=True)
                finally:
                    del os.environ["JOURNAL_STREAM"]
                os.close(writer)
                self.reader = reader
                true(wait_until(self.answers, seconds), "the daemon listens")

        with Journal(folder) as server:
            send(server)
            text = server.read(10, "seen Hi")
            for line in text.splitlines():
                true(re.match(r"<[346]>\S", line) and "postern[" not in line, line)


tests.finish()
