#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every verdict at every stage as an SMTP client of a real Postfix sees it (verdicts.policy)."""

import itertools
import os
import time

import daemon
import mta
from mailkit import Key, dns_txt, message
from report import Tests, contains, equal, lacks, true
from smtp import Sink, Smtp

HERE = os.path.dirname(os.path.realpath(__file__))
OUTSIDER, OWN = "203.0.113.9", "192.0.2.7"
MX = "mx.example.org"

tests = Tests()
marks = ("m%d-%d" % (os.getpid(), number) for number in itertools.count())


class Session(Smtp):
    """A client as which the outside world appears: by XCLIENT, then EHLO."""

    def __init__(self, port, client=OUTSIDER, helo="client.example.net", **attributes):
        super().__init__(port)
        self.ehlo(helo)
        self.xclient(ADDR=client, NAME="[UNAVAILABLE]", PORT="40000", **attributes)
        self.ehlo(helo)


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
def an_outsider_cannot_relay():
    _, reply = one("a@example.net", "b@other.example")
    equal(str(reply), "550 5.7.1 Relaying denied", "reply")
    equal(record(rule="relay")["verdict"], "reject", "verdict")


@tests.test
def our_network_relays():
    mark, reply = one("a@example.net", "b@other.example", client=OWN)
    equal(reply.code, 250, "reply")
    equal(delivered(mark).recipients, ["b@other.example"], "recipients")


@tests.test
def an_authenticated_client_relays():
    mark, reply = one("a@example.net", "b@other.example", LOGIN="fred")
    equal(reply.code, 250, "reply")
    delivered(mark)


@tests.test
def sasl_lasts_for_its_session_only():
    _, reply = one("a@example.net", "b@other.example")
    equal(reply.code, 550, "reply")


@tests.test
def a_verdict_at_connect_is_told_at_mail():
    with Session(PORT, client="198.51.100.66") as smtp:
        reply = smtp.mail("a@example.net")
        equal(str(reply), "554 5.7.1 198.51.100.66 is banned", "reply")
        equal(smtp.mail("b@example.net").code, 554, "second reply")


@tests.test
def a_verdict_at_helo_is_told_at_mail():
    with Session(PORT, helo=MX) as smtp:
        equal(str(smtp.mail("a@example.net")), "550 5.7.1 You are not mx.example.org", "reply")
        smtp.ehlo("client.example.net")
        equal(smtp.mail("a@example.net").code, 250, "reply after another EHLO")


@tests.test
def without_helo_there_is_no_helo_name():
    with Smtp(PORT) as smtp:
        equal(smtp.mail("a@example.net").code, 250, "MAIL")
        equal(smtp.rcpt("plain@example.org").code, 250, "RCPT")


@tests.test
def a_sender_is_rejected():
    _, reply = one("mallory@example.net", "b@example.org")
    equal(str(reply), "553 5.1.8 mallory@example.net is not welcome, 100% sure", "reply")


@tests.test
def a_sender_is_deferred():
    _, reply = one("early@example.net", "b@example.org")
    equal(str(reply), "450 4.7.1 Come back later, example.net", "reply")


@tests.test
def a_sender_is_discarded():
    mark, reply = one("junk@example.net", "b@example.org")
    equal(reply.code, 250, "reply")
    not_delivered(mark)


@tests.test
def a_sender_is_accepted_before_any_recipient():
    mark, reply = one("friend@example.net", "b@other.example")
    equal(reply.code, 250, "reply")
    equal(delivered(mark).values("Authentication-Results"), [], "Authentication-Results")


@tests.test
def the_null_sender_is_a_sender():
    mark, reply = one("", "b@example.org")
    equal(reply.code, 250, "reply")
    equal(delivered(mark).sender, "", "sender")
    equal(one("", "b@other.example")[1].code, 550, "reply to relaying")


@tests.test
def one_recipient_of_several_is_refused():
    mark = next(marks)
    with Session(PORT) as smtp:
        smtp.mail("a@example.net")
        equal(smtp.rcpt("b@example.org").code, 250, "first")
        equal(str(smtp.rcpt("nobody@example.org")), "550 5.7.1 No such user", "second")
        equal(str(smtp.rcpt("full@example.org")),
              "452 4.2.2 Mailbox of full@example.org is full", "third")
        equal(str(smtp.rcpt("c@other.example")), "550 5.7.1 Relaying denied", "fourth")
        equal(smtp.rcpt("d@example.org").code, 250, "fifth")
        equal(smtp.data().code, 354, "DATA")
        equal(smtp.content(a_message(mark)).code, 250, "end of message")
    first = delivered(mark)
    equal(sorted(first.recipients), ["b@example.org", "d@example.org"], "recipients")


@tests.test
def a_recipient_is_discarded():
    mark, reply = one("a@example.net", "void@example.org")
    equal(reply.code, 250, "reply")
    not_delivered(mark)


@tests.test
def a_recipient_is_accepted_without_edits():
    mark, reply = one("a@example.net", "plain@example.org",
                      [("Authentication-Results", MX + "; spf=pass")])
    equal(reply.code, 250, "reply")
    equal(delivered(mark).values("Authentication-Results"), [MX + "; spf=pass"], "untouched")


@tests.test
def recipients_of_two_kinds_are_split():
    mark = next(marks)
    with Session(PORT) as smtp:
        smtp.mail("a@example.net")
        equal(smtp.rcpt("b@example.org").code, 250, "first kind")
        other = smtp.rcpt("c@shop.example.org")
        equal((other.code, other.enhanced), (452, "4.5.3"), "other kind")
        equal(smtp.rcpt("d@example.org").code, 250, "first kind again")
        smtp.data()
        equal(smtp.content(a_message(mark, subject="Hello")).code, 250, "end of message")
        again = next(marks)
        retried = smtp.message("a@example.net", ["c@shop.example.org"],
                               a_message(again, subject="Hello"))
        equal(retried.code, 250, "the retry")
    equal(sorted(delivered(mark).recipients), ["b@example.org", "d@example.org"], "recipients")
    equal(delivered(mark).values("Subject"), ["Hello"], "subject of the first kind")
    equal(delivered(again).values("Subject"), ["[shop] Hello"], "subject of the other")


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
    equal(found.names()[-1], "X-Bottom", "last field")
    true(found.names().index("X-Top") < found.names().index("Received"), "X-Top is above Received")


@tests.test
def recipients_are_redirected_added_and_removed():
    mark = next(marks)
    with Session(PORT) as smtp:
        smtp.mail("a@example.net")
        for name in ("team", "audited", "gone", "broken"):
            equal(smtp.rcpt(name + "@example.org").code, 250, name)
        smtp.data()
        equal(smtp.content(a_message(mark)).code, 250, "end of message")
    delivered(mark)
    true(POSTFIX.settled(), "the queue gets empty")
    equal(copies(mark), {name + "@example.org": 1 for name in (
        "alice", "bob", "audited", "archive", "broken")}, "copies")
    found = record(rule="-", recipients="<team@example.org>,<audited@example.org>,"
                   "<broken@example.org>")
    equal(found["discarded"], "<gone@example.org>", "discarded")
    contains(found["problem"], "'nonsense' is no address", "problem")


@tests.test
def an_alias_of_an_alias_reaches_everybody_once():
    mark = next(marks)
    with Session(PORT) as smtp:
        smtp.mail("a@example.net")
        for name in ("team", "twin", "bob"):
            equal(smtp.rcpt(name + "@example.org").code, 250, name)
        smtp.data()
        equal(smtp.content(a_message(mark)).code, 250, "end of message")
    delivered(mark)
    true(POSTFIX.settled(), "the queue gets empty")
    # Who is added does not pass the policy: team, by way of twin, is delivered as it is.
    equal(copies(mark), {name + "@example.org": 1 for name in ("alice", "bob", "team")}, "copies")


@tests.test
def without_its_last_recipient_a_message_is_discarded():
    mark, reply = one("a@example.net", "gone@example.org")
    equal(reply.code, 250, "reply")
    not_delivered(mark)
    equal(POSTERN.wait_record(rule="gone")["verdict"], "discard", "verdict")


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
def the_subject_is_tagged():
    mark, _ = one("a@example.net", "b@shop.example.org")
    equal(delivered(mark).values("Subject"), ["[shop] A test"], "Subject")


@tests.test
def authentication_results_stand_on_top_and_forged_ones_go():
    forged = [("Authentication-Results", value) for value in (
        MX + "; spf=pass smtp.mailfrom=bank.example",
        "mx.elsewhere.example; spf=pass",
        "MX.EXAMPLE.ORG.; dkim=pass header.d=bank.example",
        "(x) \"mx.example.org\" 1; dmarc=pass header.from=bank.example",
        "sub.mx.example.org; dmarc=pass header.from=bank.example",
        "mx.other.example; dkim=fail")]
    mark, _ = one("a@example.net", "b@example.org", forged)
    found = delivered(mark)
    values = found.values("Authentication-Results")
    equal(values[1:], ["mx.elsewhere.example; spf=pass", "mx.other.example; dkim=fail"], "foreign")
    true(values[0].startswith(MX + ";"), "ours is the first")
    contains(values[0], "spf=", "ours")
    equal(found.names()[0], "Authentication-Results", "first field")
    lacks(found.data, b"bank.example", "message")


@tests.test
def a_message_is_held():
    mark, reply = one("a@example.net", "careful@example.org")
    equal(reply.code, 250, "reply")
    true(mta.wait_until(lambda: any(m["queue_name"] == "hold" for m in POSTFIX.queued())),
         "a message is on hold")
    equal(record(verdict="quarantine")["rule"], "careful", "rule")
    equal(SINK.find("<%s@" % mark), [], "delivered")
    POSTFIX.command("postsuper", "-d", "ALL", "hold")


@tests.test
def a_message_is_rejected_at_its_end():
    mark, reply = one("a@example.net", "strict@example.org")
    equal(str(reply), "550 5.7.20 No valid DKIM signature", "reply")
    equal(record(rule="unsigned")["stage"], "message", "stage")
    not_delivered(mark)


@tests.test
def a_signed_message_passes_the_same_rule():
    mark = next(marks)
    _, reply = one("a@example.net", "strict@example.org", text=KEY.sign(a_message(mark)))
    equal(reply.code, 250, "reply")
    contains(delivered(mark).values("Authentication-Results")[0], "dkim=pass", "results")


@tests.test
def a_message_is_deferred_at_its_end():
    text = KEY.sign(a_message(next(marks))).replace(b"Hello.", b"Hallo.")
    _, reply = one("a@example.net", "patient@example.org", text=text)
    equal(str(reply), "451 4.7.5 Broken DKIM signature", "reply")


@tests.test
def a_message_is_discarded_at_its_end():
    mark, reply = one("a@example.net", "choosy@example.org")
    equal(reply.code, 250, "reply")
    not_delivered(mark)


@tests.test
def a_large_signed_message_in_pieces():
    mark = next(marks)
    body = "".join("%06d %s\r\n" % (number, "x" * 60) for number in range(5000))
    text = KEY.sign(a_message(mark, body=body))
    _, reply = one("a@example.net", "strict@example.org", text=text)
    equal(reply.code, 250, "reply")
    equal(delivered(mark).body.decode(), body, "body")


@tests.test
def several_messages_in_one_connection():
    names = [next(marks) for _ in range(4)]
    with Session(PORT) as smtp:
        replies = [smtp.message("a@example.net", [to], a_message(mark)) for mark, to in
                   zip(names, ["b@example.org", "strict@example.org", "b@shop.example.org",
                               "b@other.example"])]
        last = smtp.message("a@example.net", ["b@example.org"], a_message(names[3]))
    equal([reply.code for reply in replies], [250, 550, 250, 550], "replies")
    equal(last.code, 250, "last reply")
    equal(delivered(names[0]).values("Subject"), ["A test"], "first")
    equal(delivered(names[2]).values("Subject"), ["[shop] A test"], "third")
    equal(delivered(names[3]).recipients, ["b@example.org"], "last")


@tests.test
def rset_forgets_the_message_only():
    mark = next(marks)
    with Session(PORT) as smtp:
        smtp.mail("a@example.net")
        smtp.rcpt("c@shop.example.org")
        equal(smtp.rset().code, 250, "RSET")
        equal(smtp.mail("mallory@example.net").code, 553, "another sender")
        smtp.mail("a@example.net")
        equal(smtp.rcpt("b@example.org").code, 250, "another kind after RSET")
        smtp.data()
        equal(smtp.content(a_message(mark)).code, 250, "end of message")
    equal(delivered(mark).recipients, ["b@example.org"], "recipients")


@tests.test
def a_client_that_hangs_up_in_data_leaves_nothing():
    mark = next(marks)
    smtp = Session(PORT)
    smtp.mail("a@example.net")
    smtp.rcpt("b@example.org")
    smtp.data()
    smtp.send(a_message(mark)[:200])
    smtp.close()
    not_delivered(mark)


@tests.test
def an_unknown_command_and_no_recipients():
    mark = next(marks)
    with Session(PORT) as smtp:
        equal(smtp.command("FROBNICATE").code // 100, 5, "unknown command")
        smtp.mail("a@example.net")
        smtp.rcpt("nobody@example.org")
        true(smtp.data().code in (503, 554), "DATA without recipients is refused")
        smtp.rset()
        reply = smtp.message("a@example.net", ["b@example.org"], a_message(mark))
    equal(reply.code, 250, "reply")
    delivered(mark)


@tests.test
def a_chrooted_smtpd_reaches_the_same_socket():
    mark, reply = one("a@example.net", "b@shop.example.org", port=CHROOT_PORT)
    equal(reply.code, 250, "reply")
    equal(delivered(mark).values("Subject"), ["[shop] A test"], "Subject")
    equal(one("a@example.net", "b@other.example", port=CHROOT_PORT)[1].code, 550, "relaying")


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
    tests.skip_all("verdicts through Postfix (%s)" % why)
KEY = Key("example.net", "s1", "rsa-sha256")
DNS = "\n".join([KEY.record, dns_txt("example.net", "v=spf1 ip4:203.0.113.25 ?all"), ""])
with open(os.path.join(HERE, "verdicts.policy"), encoding="utf-8") as file:
    POLICY = file.read()
# The sending server gives mail for its own senders, the refusals, to the sink.
SENDER = {"smtp_helo_name": "client.example.net"}
with Sink() as SINK, mta.PrivatePostfix(SINK.port) as POSTFIX:
    SENDER["transport_maps"] = \
        "inline:{ bounces.example.net=smtp:[127.0.0.1]:%d }" % SINK.port
    milter, path = POSTFIX.socket("postern")
    PORT = POSTFIX.listen(milter)
    # As contrib/postfix/main.cf has it.
    CHROOT_PORT = POSTFIX.listen("{ %s, connect_timeout=10s, command_timeout=30s, "
                                 "content_timeout=120s, default_action=tempfail }" % milter,
                                 chroot=True)
    DOWN_PORT = POSTFIX.listen(POSTFIX.socket("nobody-listens")[0])
    POSTFIX.parameters["non_smtpd_milters"] = milter
    with daemon.Postern(POSTFIX.dir, path, POLICY, DNS, group="postfix") as POSTERN:
        POSTFIX.start()
        tests.run()
tests.finish()
