#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The scenes (scenes.py) as an SMTP client of a real Postfix sees them, chrooted and not, and what
only Postfix can be asked."""

import contextlib
import itertools
import os
import time

import daemon
import mta
import scene
from mailkit import Key, dns_txt, message, openssl
from report import Tests, contains, equal, true
from scenes import CASTS, PASSWORD, POLICIES, SCENES
from smtp import Sink, Smtp

OUTSIDER = "203.0.113.9"

tests = Tests()
marks = ("m%d-%d" % (os.getpid(), number) for number in itertools.count())


class Session(Smtp):
    """A client as which the outside world appears: by XCLIENT, then EHLO."""

    def __init__(self, port, client=OUTSIDER, helo="client.example.net", **attributes):
        super().__init__(port)
        self.ehlo("anybody.example.net")
        self.banner = self.xclient(ADDR=client, NAME="[UNAVAILABLE]", PORT="40000", **attributes)
        if helo:
            self.ehlo(helo)


class Player(scene.Player):
    name = "postfix"

    def connect(self, scene, port):
        client = CASTS[scene.client]
        return Session(port, "IPV6:" + client if ":" in client else client, None)

    def submit(self, sender, recipients, text, port):
        self.mta.submit(sender, recipients, text)

    def settle(self):
        true(self.mta.settled(), "the queue gets empty: %s" % self.mta.queued())
        self.on_hold = [self.mta.command("postcat", "-hq", queued["queue_id"])
                        for queued in self.mta.queued()]

    def says(self, reply, wanted, line):
        return str(reply) == wanted


def a_message(mark, fields=(), **more):
    return message(mark, "a@example.net", "b@example.org", fields=fields, **more)


def one(sender, recipient, fields=(), text=None, port=None, **who):
    """One message in one session: (its mark, the reply that decided it)."""
    mark = next(marks)
    with Session(port or PORT, **who) as smtp:
        reply = smtp.message(sender, [recipient], text or a_message(mark, fields))
        smtp.quit()
    return mark, reply


def delivered(mark):
    found = SINK.wait("<%s@" % mark)
    true(found, "%s is delivered; Postfix's log: %s" % (mark, POSTFIX.log()[-1500:]))
    return found


def not_delivered(mark):
    """Only true once what is accepted has been delivered: a later message has to arrive first."""
    later, reply = one("a@example.net", "plain@example.org")
    equal(reply.code, 250, "reply to the later message")
    delivered(later)
    true(POSTFIX.settled(), "the queue gets empty")
    equal(SINK.find("<%s@" % mark), [], "delivered")


def copies(mark):
    """How many copies each recipient got."""
    names = [name for found in SINK.find("<%s@" % mark) for name in found.recipients]
    return {name: names.count(name) for name in names}


def record(**wanted):
    found = POSTERN.wait_record(**wanted)
    true(found, "a log line with %r; the log: %s" % (wanted, POSTERN.log()[-1500:]))
    return found


@tests.test
def an_authenticated_client_relays():
    mark, reply = one("a@example.net", "b@other.example", LOGIN="fred")
    equal(reply.code, 250, "reply")
    delivered(mark)


@tests.test
def a_login_and_a_helo_name_by_xclient():
    mark = next(marks)
    with Session(PORT, helo=None, HELO="said.example.net", LOGIN="fred") as smtp:
        reply = smtp.message("a@example.net", ["seen@example.org"], a_message(mark))
    equal(reply.code, 250, "reply")
    found = delivered(mark)
    # Postfix tells filters of EHLO, and not of a name that XCLIENT gives in its place.
    equal(found.values("X-Client"), [OUTSIDER + " -"], "client")
    equal((found.values("X-Seen"), found.values("X-Login")), (["login"], ["fred XCLIENT"]), "login")


@tests.test
def sasl_lasts_for_its_session_only():
    _, reply = one("a@example.net", "b@other.example")
    equal(reply.code, 550, "reply")


@tests.test
def a_client_without_a_queue_is_never_split():
    mark = next(marks)
    with Session(PORT, LOGIN="fred") as smtp:
        smtp.mail("a@example.net")
        equal(smtp.rcpt("b@example.org").code, 250, "one kind")
        equal(smtp.rcpt("c@shop.example.org").code, 250, "other kind")
        smtp.data()
        equal(smtp.content(a_message(mark)).code, 250, "end of message")
    delivered(mark)


# What each recipient's copy must be like, by the rules of its own kind.
COPIES = {
    "b@example.org": ("Three kinds", []),
    "alice@example.org": ("Three kinds", []),
    "bob@example.org": ("Three kinds", []),
    "c@shop.example.org": ("[shop] Three kinds", []),
    "d@shop.example.org": ("[shop] Three kinds", []),
    "edits@example.org": ("Three kinds", ["bounces.example.net"]),
}


@tests.test
def a_queue_brings_three_kinds_and_each_gets_its_own_outcome():
    mark = next(marks)
    text = a_message(mark, subject="Three kinds").replace(b"\r\n", b"\n")
    names = ["b@example.org", "c@shop.example.org", "nobody@example.org", "edits@example.org",
             "full@example.org", "team@example.org", "d@shop.example.org"]
    with mta.PrivatePostfix(PORT, SENDER) as sender:
        sender.listen("")
        sender.start()
        sender.submit("a@bounces.example.net", names, text)

        def left():
            """Who waits, and why; there is no reason while another attempt is made."""
            return [(each["address"], each.get("delay_reason", ""))
                    for queued in sender.queued() for each in queued["recipients"]]

        def brought():
            sender.command("postqueue", "-f")
            return [name for name, _ in left()] == ["full@example.org"]
        true(mta.wait_until(brought, 60, 1), "all but one leave the queue: %s" % sender.log()[-3000:])
        true(mta.wait_until(lambda: "Mailbox of full@example.org is full" in left()[0][1]),
             "why it waits: %s" % left())
        put_off = sender.log().count("452 4.5.3")
    true(put_off >= 2, "the other kinds were answered 452 4.5.3: %d times" % put_off)
    true(POSTFIX.settled(), "what was taken is delivered")
    equal({name: count for name, count in copies(mark).items() if name != "a@bounces.example.net"},
          {name: 1 for name in COPIES}, "copies")
    for found in SINK.find("<%s@" % mark):
        for name in found.recipients:
            if name == "a@bounces.example.net":
                contains(found.data, b"<nobody@example.org>", "what could not be delivered")
                contains(found.data, b"No such user", "why")
                continue
            subject, bottom = COPIES[name]
            equal(found.values("Subject"), [subject], "subject of " + name)
            equal(found.values("X-Bottom"), bottom, "X-Bottom of " + name)


@tests.test
def local_submission_is_filtered_and_never_refused_a_recipient():
    mark = next(marks)
    text = a_message(mark).replace(b"\r\n", b"\n")
    POSTFIX.submit("root@example.org", ["b@shop.example.org", "b@example.org"], text)
    delivered(mark)
    POSTFIX.submit("root@example.org", ["b@example.org", "nobody@example.org"], text)
    true(POSTFIX.settled(), "nothing sticks in the queue: %s" % POSTFIX.queued())


@tests.test
def many_sessions_at_once():
    count = 20
    sessions = [Session(PORT) for _ in range(count)]
    names = [next(marks) for _ in range(count)]
    for smtp in sessions:
        smtp.mail("a@example.net")
        equal(smtp.rcpt("nobody@example.org").code, 550, "refused recipient")
        smtp.rcpt("b@shop.example.org")
    for smtp, mark in zip(sessions, names):
        equal(smtp.data().code, 354, "DATA")
        equal(smtp.content(a_message(mark)).code, 250, "end of message")
        smtp.close()
    for mark in names:
        equal(delivered(mark).values("Subject"), ["[shop] A test"], "Subject")


@tests.test
def without_the_filter_mail_is_deferred():
    with Smtp(DOWN_PORT) as smtp:
        equal(smtp.ehlo().code, 250, "EHLO")
        equal(smtp.mail("a@example.net").code, 451, "MAIL")


@tests.test
def a_filter_that_dies_and_comes_back():
    with Session(PORT) as smtp:
        equal(smtp.mail("a@example.net").code, 250, "MAIL before")
        POSTERN.kill()
        equal(smtp.rcpt("b@example.org").code, 451, "RCPT after")
    POSTERN.start()
    mark, reply = one("a@example.net", "b@example.org")
    equal(reply.code, 250, "reply after the restart")
    delivered(mark)


@tests.test
def sigterm_ends_it_in_time_while_a_client_is_connected():
    with Session(PORT) as smtp:
        equal(smtp.mail("a@example.net").code, 250, "MAIL before")
        start = time.monotonic()
        POSTERN.stop()
        true(time.monotonic() - start < 12, "it ends within the time it has to drain")
        true(smtp.rcpt("b@example.org").code in (250, 451), "RCPT after")
    POSTERN.start()


why = mta.PrivatePostfix.missing()
if why:
    tests.skip_all("scenes and verdicts through Postfix (%s)" % why)
KEY = Key("example.net", "s1", "rsa-sha256")
DNS = "\n".join([KEY.record, dns_txt("example.net", "v=spf1 ip4:203.0.113.25 ?all"), ""])
# The sending server gives mail for its own senders, the refusals, to the sink.
SENDER = {"smtp_helo_name": "client.example.net"}
with Sink() as SINK, mta.PrivatePostfix(SINK.port, {
        "inet_protocols": "all", "mynetworks": "0.0.0.0/0 [::]/0"}) as POSTFIX:
    SENDER["transport_maps"] = \
        "inline:{ bounces.example.net=smtp:[127.0.0.1]:%d }" % SINK.port
    certificates = scene.Certificates(POSTFIX.config, openssl)
    PLAYER = Player(POSTFIX, SINK, CASTS, KEY, certificates)
    sockets = {name: POSTFIX.socket(name) for name in POLICIES}
    for name in POLICIES:
        PLAYER.ports[name] = POSTFIX.listen(sockets[name][0])
    milter, _ = sockets["verdicts"]
    PORT = PLAYER.ports["verdicts"]
    PLAYER.ports["tls"] = POSTFIX.listen(milter, **POSTFIX.tls(certificates))
    no_login = mta.sasl_missing()
    if not no_login:
        PLAYER.ports["sasl"] = POSTFIX.listen(
            milter, **POSTFIX.tls(certificates), **POSTFIX.log_in({"fred@example.org": PASSWORD}))
    # As contrib/postfix/main.cf has it.
    chrooted = {name: POSTFIX.listen(
        "{ %s, connect_timeout=10s, command_timeout=30s, content_timeout=120s, "
        "default_action=tempfail }" % sockets[name][0], chroot=True) for name in POLICIES}
    DOWN_PORT = POSTFIX.listen(POSTFIX.socket("nobody-listens")[0])
    POSTFIX.parameters["non_smtpd_milters"] = milter
    with contextlib.ExitStack() as stack:
        for name, policy in POLICIES.items():
            PLAYER.daemons[name] = stack.enter_context(daemon.Postern(
                POSTFIX.dir, sockets[name][1], policy, DNS, name=name, group="postfix"))
        POSTERN = PLAYER.daemons["verdicts"]
        POSTFIX.start()
        PLAYER.perform(tests, [s for s in SCENES if s.listener in PLAYER.ports])
        PLAYER.perform(tests, [s for s in SCENES if s.listener in chrooted], chrooted, " (chroot)")
        PLAYER.settle()
        for each in SCENES:
            if each.listener not in PLAYER.ports:
                tests.skip("%s (%s)" % (each.name, no_login))
        tests.run()
tests.finish()
