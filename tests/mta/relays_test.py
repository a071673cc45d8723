#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Mail that comes through relays of ours: a real Postfix and a real Sendmail write the Received
fields from which Postern reads whom it comes from."""

import itertools
import os
import socket

import daemon
import mta
from mailkit import dns_txt, message
from report import Tests, contains, equal, true
from smtp import Sink, Smtp

POLICY = """
set relays ours
table ours networks { 127.0.0.1 }
add authentication-results
add header "X-Origin: ${origin.ip} ${origin.helo}"
spf: reject 550 5.7.23 "SPF does not permit ${origin.ip}" when spf is fail
"""

tests = Tests()
marks = ("r%d-%d" % (os.getpid(), number) for number in itertools.count())


def own_address():
    """An IPv4 address of this host that is not loopback, or None. Nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.254", 9))
        except OSError:
            return None
        address = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def through(port, helo, sender="a@example.net", source=None, **xclient):
    """One message in at a relay; its mark."""
    mark = next(marks)
    with Smtp(port, source=source) as smtp:
        smtp.ehlo(helo)
        if xclient:
            smtp.xclient(**xclient)
            smtp.ehlo(helo)
        reply = smtp.message(sender, ["b@example.org"], message(mark, "a@example.net",
                                                                "b@example.org"))
        equal(reply.code, 250, "the relay's reply '%s'" % reply)
        smtp.quit()
    return mark


def delivered(mark):
    found = SINK.wait("<%s@" % mark)
    true(found, "%s is delivered; Postfix's log: %s" % (mark, POSTFIX.log()[-1500:]))
    return found


def from_whom(mark, origin, results):
    found = delivered(mark)
    equal(found.values("X-Origin"), [origin], "X-Origin by %r" % found.values("Received"))
    contains(found.values("Authentication-Results")[0], results, "results")


@tests.test
def through_postfix():
    from_whom(through(RELAY, "Mail.example.net", ADDR="203.0.113.25", NAME="mail.example.net"),
              "203.0.113.25 mail.example.net", "spf=pass smtp.mailfrom=a@example.net")


@tests.test
def through_postfix_from_ipv6():
    from_whom(through(RELAY, "mail.example.net", ADDR="IPV6:2001:db8::25", NAME="[UNAVAILABLE]"),
              "2001:db8::25 mail.example.net", "spf=pass smtp.mailfrom=a@example.net")


@tests.test
def through_postfix_with_a_literal_and_a_login():
    from_whom(through(RELAY, "[192.168.1.7]", ADDR="203.0.113.25", NAME="[TEMPUNAVAIL]",
                      LOGIN="fred (the_[198.51.100.1]"),
              "203.0.113.25 [192.168.1.7]", "spf=pass smtp.mailfrom=a@example.net")


@tests.test
def the_null_sender_through_postfix():
    from_whom(through(RELAY, "mail.example.net", sender="", ADDR="203.0.113.25",
                      NAME="mail.example.net"),
              "203.0.113.25 mail.example.net", "spf=pass smtp.helo=mail.example.net")


@tests.test
def a_helo_that_looks_like_a_field():
    for helo in ("x([198.51.100.1])by", "[198.51.100.1](helo=x)", "x,\"(y", "a;b@c\\",
                 "x ([198.51.100.1]) by y ;", "[198.51.100.1] (helo=x) by y ;",
                 "x ([198.51.100.1]) by y ("):
        found = delivered(through(RELAY, helo, ADDR="203.0.113.25", NAME="[UNAVAILABLE]"))
        contains(found.values("X-Origin")[0], "203.0.113.25 ", "X-Origin with " + helo)


@tests.test
def through_two_relays():
    from_whom(through(FIRST, "mail.example.net", ADDR="203.0.113.25", NAME="mail.example.net"),
              "203.0.113.25 mail.example.net", "spf=pass smtp.mailfrom=a@example.net")


@tests.test
def a_fail_behind_a_relay_is_a_fail():
    mark = through(RELAY, "bad.example", ADDR="198.51.100.1", NAME="[UNAVAILABLE]")
    true(mta.wait_until(lambda: POSTERN.wait_record(rule="spf", verdict="reject",
                                                    origin="198.51.100.1")),
         "a log line of the refusal: %s" % POSTERN.log()[-1500:])
    true(not SINK.find("<%s@client" % mark) or
         SINK.find("<%s@client" % mark)[0].sender == "", "only a bounce is delivered")


@tests.test
def a_direct_client_is_judged_at_mail():
    with Smtp(PORT) as smtp:
        smtp.ehlo("bad.example")
        smtp.xclient(ADDR="198.51.100.1", NAME="[UNAVAILABLE]")
        smtp.ehlo("bad.example")
        equal(str(smtp.mail("a@example.net")), "550 5.7.23 SPF does not permit 198.51.100.1",
              "reply")


@tests.test
def what_a_relay_says_of_itself():
    """Its own submission names nobody."""
    with Smtp(PORT) as smtp:
        smtp.ehlo("mx.example.org")
        mark = next(marks)
        smtp.message("a@example.net", ["b@example.org"],
                     message(mark, "a@example.net", "b@example.org",
                             fields=[("Received", "by mx.example.org (Postfix, from userid 0)\r\n"
                                                  "\tid 1; Mon, 5 Feb 2024 10:11:12 +0000")]))
        smtp.quit()
    from_whom(mark, "- -", "spf=none")


def through_sendmail():
    with mta.PrivateSendmail(PORT) as sendmail:
        port = sendmail.listen(None)
        sendmail.start()
        from_whom(through(port, "mail.example.net", source=OWN), OWN + " mail.example.net",
                  "spf=pass smtp.mailfrom=a@example.net")
        from_whom(through(port, "[%s]" % OWN, source=OWN), "%s [%s]" % (OWN, OWN), "spf=pass")


why = mta.PrivatePostfix.missing()
if why:
    tests.skip_all("mail through relays (%s)" % why)
OWN = own_address()
why = mta.PrivateSendmail.missing() or (None if OWN else "no address but loopback")
if why:
    tests.skip("mail through Sendmail as a relay (%s)" % why)
else:
    tests.test(through_sendmail)
RECORD = "v=spf1 ip4:203.0.113.25 ip6:2001:db8::25 %s-all" % ("ip4:%s " % OWN if OWN else "")
DNS = "\n".join([dns_txt("example.net", RECORD), dns_txt("mail.example.net", RECORD), ""])
# Another name than Sendmail's, which would see a loop.
PARAMETERS = {"inet_protocols": "all", "myhostname": "inner.example.org",
              "mynetworks": "0.0.0.0/0 [::]/0"}
with Sink() as SINK, mta.PrivatePostfix(SINK.port, PARAMETERS) as POSTFIX:
    milter, path = POSTFIX.socket("postern")
    PORT = POSTFIX.listen(milter)
    RELAY = POSTFIX.listen("", content_filter="smtp:[127.0.0.1]:%d" % PORT)
    FIRST = POSTFIX.listen("", content_filter="smtp:[127.0.0.1]:%d" % RELAY)
    with daemon.Postern(POSTFIX.dir, path, POLICY, DNS, group="postfix") as POSTERN:
        POSTFIX.start()
        tests.run()
tests.finish()
