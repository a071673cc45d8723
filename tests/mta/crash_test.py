#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The filter process is killed at random, under the load of a real Postfix: what was acknowledged
arrives once, nothing else arrives, nothing arrives that was not judged, and service is back soon.

CRASH_KILLS says how many times (5). Several daemons are killed in turn, each only as often as it
is replaced at once; the figures are printed.
"""

import os
import random
import re
import signal
import statistics
import threading
import time

import milterpeer
import mta
from daemon import Postern, filter_process
from report import Tests, contains, equal, true
from smtp import Sink, Smtp

KILLS = int(os.environ.get("CRASH_KILLS", "5"))
DAEMONS, CLIENTS, MESSAGES = 3, 4, 5
# The first crashes within that time are answered at once.
FREE, WINDOW = 5, 10.5
BACK = 0.25
POLICY = """
table aliases map { "team@example.org alice@example.org bob@example.org" }
no:     reject 550 5.7.1 "No such user" when recipient.local is "nobody"
forged: reject 550 5.7.1 "Forged" when spf is fail or dkim is fail
        add authentication-results
        insert header "X-Judged: ${sender.local}"
        redirect "${aliases(recipient)}"
"""
DNS = 'example.net. TXT "v=spf1 ip4:127.0.0.1 -all"\n'

tests = Tests()


class Client(threading.Thread):
    """Sessions one after the other. A message that is acknowledged is in `acknowledged`."""

    def __init__(self, port, name, over):
        super().__init__()
        self.port, self.name, self.over = port, name, over
        self.acknowledged, self.faults = [], []
        self.number = self.deferred = 0

    def run(self):
        try:
            while not self.over.is_set():
                self.session()
        except Exception as error:
            self.faults.append(repr(error))

    def session(self):
        with Smtp(self.port) as smtp:
            smtp.ehlo()
            for _ in range(MESSAGES):
                # A session whose filter is gone is deferred to its end.
                if not self.message(smtp):
                    self.deferred += 1
                    return
            smtp.quit()

    def message(self, smtp):
        self.number += 1
        mark = "%s-%d" % (self.name, self.number)
        if not self.said(smtp.mail(mark + "@example.net"), 250):
            return False
        if not self.said(smtp.rcpt("nobody@example.org"), 550):
            return False
        if not self.said(smtp.rcpt("team@example.org"), 250):
            return False
        if not self.said(smtp.data(), 354):
            return False
        text = "Message-ID: <%s@test>\r\nSubject: a test\r\n\r\n%s" % (mark, "Text.\r\n" * 2000)
        if not self.said(smtp.content(text.encode()), 250):
            return False
        self.acknowledged.append(mark)
        return True

    def said(self, reply, wanted):
        """Was the reply that one? Beside it there is only a deferral."""
        if reply.code not in (wanted, 451):
            self.faults.append("%s, not %d" % (reply, wanted))
        return reply.code == wanted


class Killer(threading.Thread):
    """Kills the filter process of one daemon; `back` are the times until another one serves."""

    def __init__(self, daemon, count):
        super().__init__()
        self.daemon_process, self.count = daemon, count
        self.back, self.faults = [], []

    def run(self):
        kills = []
        try:
            while len(kills) < self.count:
                time.sleep(random.uniform(0.02, 0.6))
                if len(kills) >= FREE:
                    time.sleep(max(0, kills[-FREE] + WINDOW - time.monotonic()))
                kills.append(time.monotonic())
                os.kill(self.filter_pid(), signal.SIGKILL)
                self.back.append(self.served(kills[-1]))
        except Exception as error:
            self.faults.append(repr(error))

    def filter_pid(self):
        return filter_process(self.daemon_process.process.pid)

    def served(self, since):
        """The time until an MTA that came at once has an answer; who met the old one comes again."""
        while True:
            try:
                with milterpeer.Milter("unix:" + self.daemon_process.path) as peer:
                    peer.negotiate()
                return time.monotonic() - since
            except (milterpeer.Closed, OSError):
                if time.monotonic() - since > 10:
                    raise


def copies():
    """Recipients and marks of what has arrived: {mark: [(recipients, X-Judged)]}."""
    found = {}
    for each in SINK.messages():
        mark = re.match(r"<(.*)@", each.values("Message-ID")[0]).group(1)
        for name in each.recipients:
            found.setdefault(mark, []).append((name, each.values("X-Judged")))
    return found


def slice_of(number):
    """How many of the kills fall to that daemon."""
    return KILLS // DAEMONS + (number < KILLS % DAEMONS)


@tests.test
def crashes_lose_nothing():
    over = threading.Event()
    clients = [Client(port, "m%d-%d" % (number, client), over)
               for number, port in enumerate(PORTS) for client in range(CLIENTS)]
    killers = [Killer(daemon, slice_of(number)) for number, daemon in enumerate(DAEMONS_UP)]
    for thread in clients + killers:
        thread.start()
    for killer in killers:
        killer.join()
    over.set()
    for client in clients:
        client.join()
    back = sorted(time for killer in killers for time in killer.back)
    acknowledged = {mark for client in clients for mark in client.acknowledged}
    deferred = sum(client.deferred for client in clients)
    print("%d kills, %d messages acknowledged, %d deferred" % (
        len(back), len(acknowledged), deferred))
    if back:
        print("back after %.0f ms in the median, %.0f ms at most" % (
            1000 * statistics.median(back), 1000 * back[-1]))
    equal([fault for thread in clients + killers for fault in thread.faults], [], "faults")
    equal(len(back), KILLS, "kills")
    for number, daemon in enumerate(DAEMONS_UP):
        equal(daemon.log().count("was ended by signal"), slice_of(number), "crashes in the log")
    true(len(acknowledged) > KILLS, "%d messages were acknowledged" % len(acknowledged))
    true(POSTFIX.settled(120), "the queue gets empty")
    mta.wait_until(lambda: len(copies()) >= len(acknowledged), 30)
    found = copies()
    equal(sorted(acknowledged - found.keys()), [], "acknowledged and lost")
    equal(sorted(found.keys() - acknowledged), [], "delivered and not acknowledged")
    wrong = {mark: each for mark, each in found.items() if sorted(each) != [
        (name + "@example.org", [mark]) for name in ("alice", "bob")]}
    equal(wrong, {}, "not delivered once to each, and judged")
    # A sanitizer's process takes its time to start, and a busy machine may be late now and then.
    if not is_sanitized(DAEMONS_UP[0].command[0]):
        late = [time for time in back if time > BACK]
        true(len(late) <= max(1, KILLS // 50), "service is back in time: %r" % late)


def is_sanitized(path):
    with open(path, "rb") as file:
        return re.search(b"__[at]san_init", file.read()) is not None


why = mta.PrivatePostfix.missing()
if why:
    tests.skip_all("crashes under load (%s)" % why)
limits = {"smtpd_client_connection_rate_limit": "0", "default_process_limit": "100"}
with Sink() as SINK, mta.PrivatePostfix(SINK.port, limits) as POSTFIX:
    DAEMONS_UP, PORTS = [], []
    try:
        for number in range(DAEMONS):
            name, path = POSTFIX.socket("crash%d" % number)
            PORTS.append(POSTFIX.listen(name))
            DAEMONS_UP.append(Postern(POSTFIX.dir, path, POLICY, DNS, name="crash%d" % number,
                                      group="postfix"))
            DAEMONS_UP[-1].start()
        POSTFIX.start()
        tests.run()
    finally:
        for daemon in DAEMONS_UP:
            daemon.stop()
tests.finish()
