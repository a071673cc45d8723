#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""200 reloads, good and bad in turn, under 50 busy SMTP sessions of a real Postfix: no session
fails, and every message bears the marks of one policy."""

import os
import re
import threading

import mta
from commandkit import postern
from daemon import Postern
from report import Tests, equal, true
from smtp import Sink, Smtp

SESSIONS, RELOADS, MESSAGES = 50, 200, 2
BROKEN = "this is no policy\n"

tests = Tests()


def policy(number):
    """A refusal at RCPT and two edits at the end, all of which say which policy they come from."""
    return ('no: reject 550 5.7.1 "policy %d" when recipient is <no@example.org>\n'
            'insert header "X-First: %d"\nadd header "X-Last: %d"\n' % (number, number, number))


class Client(threading.Thread):
    """Sessions one after the other; what was not as it should be stands in `faults`."""

    def __init__(self, port, number, over):
        super().__init__()
        self.port, self.number, self.over = port, number, over
        self.faults, self.sent = [], 0

    def run(self):
        try:
            while not self.over.is_set():
                self.session()
        except Exception as error:
            self.faults.append(repr(error))

    def session(self):
        with Smtp(self.port) as smtp:
            if smtp.ehlo().code != 250:
                self.faults.append("EHLO was refused")
            for _ in range(MESSAGES):
                self.message(smtp)
            smtp.quit()

    def message(self, smtp):
        smtp.mail("a@example.net")
        refusal = smtp.rcpt("no@example.org")
        found = re.fullmatch(r"550 5\.7\.1 policy (\d+)", str(refusal))
        taken = smtp.rcpt("b@example.org")
        data = smtp.data()
        if not found or (taken.code, data.code) != (250, 354):
            self.faults.append("%s; %s; %s" % (refusal, taken, data))
            return
        self.sent += 1
        reply = smtp.content(b"Message-ID: <%s.%d.%d@test>\r\n\r\nText.\r\n" % (
            found.group(1).encode(), self.number, self.sent))
        if reply.code != 250:
            self.faults.append("end: %s" % reply)


def marks(delivered):
    """What the refusal, the first and the last field say; a field that is missing says nothing."""
    said = re.match(r"<(\d+)\.", delivered.values("Message-ID")[0]).group(1)
    return [said] + delivered.values("X-First") + delivered.values("X-Last")


@tests.test
def nothing_fails_and_nothing_is_mixed():
    over = threading.Event()
    clients = [Client(PORT, number, over) for number in range(SESSIONS)]
    for client in clients:
        client.start()
    for number in range(1, RELOADS + 1):
        good = number % 2 == 0
        POSTERN.write_policy(policy(number) if good else BROKEN)
        ran = postern("reload", "--control", POSTERN.control)
        equal(ran.status, 0 if good else 2, "status of reload %d: %s" % (number, ran.err))
    over.set()
    for client in clients:
        client.join()
    equal([fault for client in clients for fault in client.faults], [], "faults")
    sent = sum(client.sent for client in clients)
    true(sent > SESSIONS * MESSAGES, "%d messages were sent meanwhile" % sent)
    true(POSTFIX.settled(60), "the queue gets empty")
    mta.wait_until(lambda: len(SINK.messages()) == sent, 30)
    seen = [marks(delivered) for delivered in SINK.messages()]
    equal(len(seen), sent, "messages that arrived")
    equal([each for each in seen if each != 3 * each[:1]], [], "messages judged by a mixture")
    true(len({each[0] for each in seen}) > 5, "several policies were in force")


if mta.PrivatePostfix.missing():
    tests.skip_all(mta.PrivatePostfix.missing())
limits = {"smtpd_client_connection_rate_limit": "0", "default_process_limit": "120"}
with Sink() as SINK, mta.PrivatePostfix(SINK.port, limits) as POSTFIX:
    name, path = POSTFIX.socket("reload")
    PORT = POSTFIX.listen(name)
    with Postern(POSTFIX.dir, path, policy(0), "", group="postfix") as POSTERN:
        POSTFIX.start()
        tests.run()
tests.finish()
