#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The verdicts as an SMTP client of a real Sendmail sees them (verdicts.policy).

Sendmail knows no XCLIENT: clients differ by their address on loopback.
"""

import itertools
import os

import daemon
import mta
from mailkit import Key, message
from report import Tests, contains, equal, lacks, true
from smtp import Sink, Smtp

HERE = os.path.dirname(os.path.realpath(__file__))
OUTSIDER, OWN, BANNED = "127.0.0.9", "127.0.0.7", "127.0.0.66"
MX = "mx.example.org"

tests = Tests()
marks = ("s%d-%d" % (os.getpid(), number) for number in itertools.count())


def session(client=OUTSIDER, helo="client.example.net", port=None):
    smtp = Smtp(port or PORT, source=client)
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


def copies(mark):
    """How many copies each recipient got."""
    names = [name for found in SINK.find("<%s@" % mark) for name in found.recipients]
    return {name: names.count(name) for name in names}


def not_delivered(mark):
    later, reply = one("a@example.net", "plain@example.org")
    equal(reply.code, 250, "reply to the later message")
    delivered(later)
    equal(SINK.find("<%s@" % mark), [], "delivered")


def refusal(reply, code, enhanced, text):
    """Sendmail may put the address in front of a filter's text."""
    equal((reply.code, reply.enhanced), (code, enhanced), "codes of '%s'" % reply)
    contains(reply.text, text, "reply")


@tests.test
def an_outsider_cannot_relay():
    refusal(one("a@example.net", "b@other.example")[1], 550, "5.7.1", "Relaying denied")


@tests.test
def our_network_relays():
    mark, reply = one("a@example.net", "b@other.example", client=OWN)
    equal(reply.code, 250, "reply")
    equal(delivered(mark).recipients, ["b@other.example"], "recipients")


@tests.test
def a_verdict_at_connect_is_told_at_mail():
    with session(client=BANNED) as smtp:
        refusal(smtp.mail("a@example.net"), 554, "5.7.1", "127.0.0.66 is banned")


@tests.test
def a_verdict_at_helo_is_told_at_mail():
    with session(helo=MX) as smtp:
        refusal(smtp.mail("a@example.net"), 550, "5.7.1", "You are not mx.example.org")
    with session() as smtp:
        equal(smtp.mail("a@example.net").code, 250, "another client")


@tests.test
def a_sender_is_rejected_deferred_discarded_accepted():
    refusal(one("mallory@example.net", "b@example.org")[1], 553, "5.1.8",
            "mallory@example.net is not welcome, 100% sure")
    refusal(one("early@example.net", "b@example.org")[1], 450, "4.7.1",
            "Come back later, example.net")
    mark, reply = one("friend@example.net", "b@other.example")
    equal(reply.code, 250, "reply to a friend")
    delivered(mark)
    mark, reply = one("junk@example.net", "b@example.org")
    equal(reply.code, 250, "reply to junk")
    not_delivered(mark)


@tests.test
def the_null_sender_is_a_sender():
    mark, reply = one("", "b@example.org")
    equal(reply.code, 250, "reply")
    delivered(mark)
    equal(one("", "b@other.example")[1].code, 550, "reply to relaying")


@tests.test
def one_recipient_of_several_is_refused():
    mark = next(marks)
    with session() as smtp:
        smtp.mail("a@example.net")
        equal(smtp.rcpt("b@example.org").code, 250, "first")
        refusal(smtp.rcpt("nobody@example.org"), 550, "5.7.1", "No such user")
        refusal(smtp.rcpt("full@example.org"), 452, "4.2.2", "Mailbox of full@example.org is full")
        refusal(smtp.rcpt("c@other.example"), 550, "5.7.1", "Relaying denied")
        equal(smtp.rcpt("d@example.org").code, 250, "fifth")
        smtp.data()
        equal(smtp.content(a_message(mark)).code, 250, "end of message")
    # Sendmail may deliver to each in a transaction of its own.
    true(mta.wait_until(lambda: sorted(r for d in SINK.find("<%s@" % mark) for r in d.recipients)
                        == ["b@example.org", "d@example.org"]), "both get it, and nobody else")


@tests.test
def recipients_of_two_kinds_are_split():
    mark = next(marks)
    with session() as smtp:
        smtp.mail("a@example.net")
        equal(smtp.rcpt("b@example.org").code, 250, "first kind")
        refusal(smtp.rcpt("c@shop.example.org"), 452, "4.5.3", "")
        smtp.data()
        equal(smtp.content(a_message(mark)).code, 250, "end of message")
    equal(delivered(mark).recipients, ["b@example.org"], "recipients")


@tests.test
def a_recipient_is_discarded():
    mark, reply = one("a@example.net", "void@example.org")
    equal(reply.code, 250, "reply")
    not_delivered(mark)


@tests.test
def the_header_is_edited():
    mark, reply = one("a@example.net", "edits@example.org",
                      [("X-Secret", "one"), ("X-Old", "old"), ("x-secret", "two")])
    equal(reply.code, 250, "reply")
    found = delivered(mark)
    equal(found.values("X-Bottom"), ["example.net"], "X-Bottom")
    equal(found.values("X-Top"), ["edits"], "X-Top")
    equal(found.values("X-Old"), ["new"], "X-Old")
    equal(found.values("X-Secret"), [], "X-Secret")
    true(found.names().index("X-Top") < found.names().index("Received"), "X-Top is above Received")


@tests.test
def recipients_are_redirected_added_and_removed():
    mark = next(marks)
    with session() as smtp:
        smtp.mail("a@example.net")
        for name in ("team", "audited", "gone", "broken"):
            equal(smtp.rcpt(name + "@example.org").code, 250, name)
        smtp.data()
        equal(smtp.content(a_message(mark)).code, 250, "end of message")
    delivered(mark)
    true(mta.wait_until(lambda: len(copies(mark)) >= 5), "all are delivered")
    equal(copies(mark), {name + "@example.org": 1 for name in (
        "alice", "bob", "audited", "archive", "broken")}, "copies")


@tests.test
def an_alias_of_an_alias_reaches_everybody_once():
    mark = next(marks)
    with session() as smtp:
        smtp.mail("a@example.net")
        for name in ("team", "twin", "bob"):
            equal(smtp.rcpt(name + "@example.org").code, 250, name)
        smtp.data()
        equal(smtp.content(a_message(mark)).code, 250, "end of message")
    delivered(mark)
    true(mta.wait_until(lambda: len(copies(mark)) >= 3), "all are delivered")
    # Who is added does not pass the policy: team, by way of twin, is delivered as it is.
    equal(copies(mark), {name + "@example.org": 1 for name in ("alice", "bob", "team")}, "copies")


@tests.test
def without_its_last_recipient_a_message_is_discarded():
    mark, reply = one("a@example.net", "gone@example.org")
    equal(reply.code, 250, "reply")
    not_delivered(mark)
    equal(POSTERN.wait_record(rule="gone")["verdict"], "discard", "verdict")


@tests.test
def the_subject_is_tagged():
    mark, _ = one("a@example.net", "b@shop.example.org")
    equal(delivered(mark).values("Subject"), ["[shop] A test"], "Subject")


@tests.test
def authentication_results_stand_on_top_and_forged_ones_go():
    forged = [("Authentication-Results", value) for value in (
        MX + "; spf=pass smtp.mailfrom=bank.example",
        "mx.elsewhere.example; spf=pass",
        "MX.EXAMPLE.ORG.; dkim=pass header.d=bank.example",
        "mx.other.example; dkim=fail")]
    mark, _ = one("a@example.net", "b@example.org", forged)
    found = delivered(mark)
    values = found.values("Authentication-Results")
    equal(values[1:], ["mx.elsewhere.example; spf=pass", "mx.other.example; dkim=fail"], "foreign")
    true(values[0].startswith(MX + ";"), "ours is the first")
    equal(found.names()[0], "Authentication-Results", "first field")
    lacks(found.data, b"bank.example", "message")


@tests.test
def a_message_is_held():
    mark, reply = one("a@example.net", "careful@example.org")
    equal(reply.code, 250, "reply")
    held = [text for name, text in SENDMAIL.queued().items() if name.startswith("hf")]
    true(any(mark in text and "to be looked at" in text for text in held), "it is quarantined")
    equal(SINK.find("<%s@" % mark), [], "delivered")


@tests.test
def a_message_is_judged_at_its_end():
    refusal(one("a@example.net", "strict@example.org")[1], 550, "5.7.20",
            "No valid DKIM signature")
    mark = next(marks)
    signed = KEY.sign(a_message(mark))
    equal(one("a@example.net", "strict@example.org", text=signed)[1].code, 250, "signed")
    contains(delivered(mark).values("Authentication-Results")[0], "dkim=pass", "results")
    refusal(one("a@example.net", "patient@example.org",
                text=signed.replace(b"Hello.", b"Hallo."))[1], 451, "4.7.5",
            "Broken DKIM signature")
    mark, reply = one("a@example.net", "choosy@example.org")
    equal(reply.code, 250, "reply to the discarded")
    not_delivered(mark)


@tests.test
def several_messages_and_rset_in_one_connection():
    first, last = next(marks), next(marks)
    with session() as smtp:
        equal(smtp.message("a@example.net", ["b@example.org"], a_message(first)).code, 250, "first")
        smtp.mail("a@example.net")
        smtp.rcpt("c@shop.example.org")
        equal(smtp.rset().code, 250, "RSET")
        equal(smtp.mail("mallory@example.net").code, 553, "another sender")
        equal(smtp.message("a@example.net", ["b@shop.example.org"], a_message(last)).code, 250,
              "last")
    equal(delivered(first).values("Subject"), ["A test"], "first")
    equal(delivered(last).values("Subject"), ["[shop] A test"], "last")


@tests.test
def a_client_that_hangs_up_in_data_leaves_nothing():
    mark = next(marks)
    smtp = session()
    smtp.mail("a@example.net")
    smtp.rcpt("b@example.org")
    smtp.data()
    smtp.send(a_message(mark)[:200])
    smtp.close()
    not_delivered(mark)


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


why = mta.PrivateSendmail.missing()
if why:
    tests.skip_all("verdicts through Sendmail (%s)" % why)
KEY = Key("example.net", "s1", "rsa-sha256")
with open(os.path.join(HERE, "verdicts.policy"), encoding="utf-8") as file:
    POLICY = file.read()
with Sink() as SINK, mta.PrivateSendmail(SINK.port) as SENDMAIL:
    milter, path = SENDMAIL.socket("postern")
    PORT = SENDMAIL.listen(milter)
    DOWN_PORT = SENDMAIL.listen(SENDMAIL.socket("nobody-listens")[0])
    with daemon.Postern(SENDMAIL.dir, path, POLICY, KEY.record + "\n") as POSTERN:
        SENDMAIL.start()
        tests.run()
tests.finish()
