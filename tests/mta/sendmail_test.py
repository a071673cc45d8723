#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The scenes (scenes.py) as an SMTP client of a real Sendmail sees them, and what only Sendmail can
be asked. It knows no XCLIENT: in a network of the test's own each client truly comes from its
address. Where there can be none, an outsider comes from loopback, and the others are left out."""

import contextlib
import itertools
import json
import os
import subprocess

import daemon
import mta
import netns
import scene
from mailkit import Key, message, openssl
from report import Tests, equal, true
from scenes import CASTS, NO_UTF8, PASSWORD, POLICIES, SCENES
from smtp import Sink, Smtp

SERVER, SERVER6 = "198.51.100.25", "2001:db8::25"

tests = Tests()
marks = ("s%d-%d" % (os.getpid(), number) for number in itertools.count())


class Player(scene.Player):
    name = "sendmail"

    def connect(self, scene, port):
        return connection(port, scene.client)

    def submit(self, sender, recipients, text, port):
        said = self.mta.submit(sender, recipients, text, port)
        equal(said, "", "what the submitting program said")

    def settle(self):
        true(self.mta.settled(), "the queues get empty: %s" % sorted(self.mta.queued()))
        self.on_hold = list(self.mta.queued().values())

    def says(self, reply, wanted, line):
        """
        The address stands in front of a filter's text, without the eighth bits, but not with 452
        and 554; nor in front of Sendmail's own words about the command, 503 and 555.
        """
        if (line.startswith((b"MAIL", b"RCPT"))
                and not wanted.startswith(("452", "503", "554", "555"))):
            codes, text = wanted[:9], wanted[10:]
            address = bytes(byte & 0x7f for byte in line.partition(b":")[2]).decode("ascii")
            wanted = "%s %s... %s" % (codes, address, text)
        return str(reply) == wanted


def connection(port, client):
    if NOWHERE:
        return Smtp(port, source="127.0.0.9")
    return Smtp(port, SERVER6 if ":" in CASTS[client] else SERVER, CASTS[client])


def session(client="outsider", helo="client.example.net", port=None):
    smtp = connection(port or PORT, client)
    smtp.ehlo(helo)
    return smtp


def a_message(mark, fields=(), **more):
    return message(mark, "a@example.net", "b@example.org", fields=fields, **more)


def one(sender, recipient, fields=(), text=None, **who):
    mark = next(marks)
    with session(**who) as smtp:
        reply = smtp.message(sender, [recipient], text or a_message(mark, fields))
        smtp.quit()
    return mark, reply


def delivered(mark):
    found = SINK.wait("<%s@" % mark)
    true(found, "%s is delivered; the log: %s" % (mark, POSTERN.log()[-1500:]))
    return found


@tests.test
def without_the_filter_mail_is_deferred():
    with session(port=DOWN_PORT) as smtp:
        equal(smtp.mail("a@example.net").code, 451, "MAIL")


@tests.test
def a_filter_that_dies_and_comes_back():
    with session() as smtp:
        equal(smtp.mail("a@example.net").code, 250, "MAIL before")
        POSTERN.kill()
        equal(smtp.rcpt("b@example.org").code, 451, "RCPT after")
    POSTERN.start()
    mark, reply = one("a@example.net", "b@example.org")
    equal(reply.code, 250, "reply after the restart")
    delivered(mark)


@tests.test
def the_reason_stands_with_what_is_quarantined():
    for reason in "to be looked at", "a dubious sender":
        true(any("\nq" + reason in text for text in PLAYER.on_hold), "why: " + reason)


def journal():
    """What it has of each message: sender, recipients, verdict."""
    done = subprocess.run([daemon.program(), "log", "--json", "--journal", JOURNAL],
                          stdout=subprocess.PIPE, check=True, timeout=60)
    return [(record["sender"], [each["address"] for each in record["recipients"]],
             record["verdict"]) for record in map(json.loads, done.stdout.splitlines())]


@tests.test
def of_smtputf8_nothing_is_in_the_journal_and_of_8_bit_all_is():
    mark = next(marks)
    with session(port=JOURNAL_PORT) as smtp:
        equal(str(smtp.mail("jörg@exämple.net", "SMTPUTF8")), NO_UTF8, "MAIL with SMTPUTF8")
        equal(smtp.rcpt("bär@example.org").code, 503, "RCPT after it")
        equal(smtp.data().code, 503, "DATA after it")
        equal(smtp.message("jürgen@exämple.net", ["bär@example.org"],
                           a_message(mark, subject="Grüße")).code, 250, "8-bit")
        smtp.quit()
    equal(delivered(mark).values("Subject"), ["Grüße"], "Subject")
    true(mta.wait_until(journal), "the journal has a record")
    equal(journal(), [(r"<j\xC3\xBCrgen@xn--exmple-cua.net>", [r"b\xC3\xA4r@example.org"],
                       "accept")], "journal")


why = mta.PrivateSendmail.missing()
if why:
    tests.skip_all("scenes and verdicts through Sendmail (%s)" % why)
NOWHERE = netns.enter([SERVER, SERVER6, *CASTS.values()])
KEY = Key("example.net", "s1", "rsa-sha256")
with Sink() as SINK, mta.PrivateSendmail(SINK.port, None if NOWHERE else SERVER6) as SENDMAIL:
    certificates = scene.Certificates(SENDMAIL.sockets, openssl)
    PLAYER = Player(SENDMAIL, SINK, CASTS, KEY, certificates)
    SENDMAIL.tls(certificates)
    sockets = {name: SENDMAIL.socket(name) for name in POLICIES}
    for name in POLICIES:
        PLAYER.ports[name] = SENDMAIL.listen(sockets[name][0])
    PORT = PLAYER.ports["tls"] = PLAYER.ports["verdicts"]
    no_login = mta.sasl_missing()
    if not no_login:
        SENDMAIL.log_in({"fred@example.org": PASSWORD})
        PLAYER.ports["sasl"] = PORT
    journal_socket, journal_path = SENDMAIL.socket("journal")
    JOURNAL_PORT = SENDMAIL.listen(journal_socket)
    JOURNAL = os.path.join(SENDMAIL.dir, "journal")
    DOWN_PORT = SENDMAIL.listen(SENDMAIL.socket("nobody-listens")[0])
    with contextlib.ExitStack() as stack:
        for name, policy in POLICIES.items():
            PLAYER.daemons[name] = stack.enter_context(daemon.Postern(
                SENDMAIL.dir, sockets[name][1], policy, KEY.record + "\n", name=name))
        POSTERN = PLAYER.daemons["verdicts"]
        stack.enter_context(daemon.Postern(
            SENDMAIL.dir, journal_path, 'set journal on set journal.path "%s"\n%s' % (
                JOURNAL, POLICIES["verdicts"]), KEY.record + "\n", name="journal"))
        SENDMAIL.start()
        left_out = {}
        for each in SCENES:
            if each.listener not in PLAYER.ports:
                left_out[each.name] = no_login
            elif NOWHERE and each.client != "outsider":
                left_out[each.name] = NOWHERE
        PLAYER.perform(tests, [s for s in SCENES if s.name not in left_out])
        PLAYER.settle()
        for each in left_out.items():
            tests.skip("%s (%s)" % each)
        tests.run()
tests.finish()
