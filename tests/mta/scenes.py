# SPDX-License-Identifier: BSD-2-Clause
"""The scenes that postfix_test.py and sendmail_test.py both play: every verdict at every stage,
every edit, and what an SMTP client sees of them (verdicts.policy).

What a server does otherwise than the other stands here, with the reason: Differs.
"""

import os

from scene import HELD, Arrives, Differs, Ehlo, HangUp, Say, Scene, Send, StartTls, Submit
from scene import data, letter, mail, rcpt

HERE = os.path.dirname(os.path.realpath(__file__))
MX = "mx.example.org"
LONG = " ".join("word%03d" % number for number in range(110))
PASSWORD = "fred's secret"

# Where a scene's client comes from. Postfix is told so by XCLIENT; Sendmail sees it for itself, in a
# network of the test's own.
CASTS = {"outsider": "203.0.113.9", "elsewhere": "203.0.113.44", "own": "192.0.2.7",
         "outsider6": "2001:db8::9", "own6": "2001:db8:7::7"}
for _number, _verdict in enumerate(("accept", "reject", "defer", "discard", "hold"), 61):
    CASTS["connect-" + _verdict] = "198.51.100.%d" % _number

with open(os.path.join(HERE, "verdicts.policy"), encoding="utf-8") as _file:
    _verdicts = _file.read().replace("@LONG@", LONG)
POLICIES = {
    "verdicts": _verdicts,
    "early": "set early connect\n" + _verdicts,
    "observe": "set mode observe\n" + _verdicts,
    "first": "set mixed first\n" + _verdicts,
    "message": "set mixed message\n" + _verdicts,
}

OTHER_KIND = "452 4.5.3 This recipient is handled differently, please send it separately"
NO_EAI = "Debian's Sendmail is built without USE_EAI: it has no SMTPUTF8, and lets 8-bit through"
NO_UTF8 = "555 5.5.4 SMTPUTF8 parameter unrecognized"
FULL = "452 4.2.2 Mailbox of full@example.org is full"
OURS = "mx.example.org;"


def by_client(verdict, steps, record, **more):
    return Scene("connect: " + verdict, steps, ["connect-" + verdict], "connect-" + verdict,
                 records=[dict(record, rule="connect-" + verdict)] if record else (), **more)


def by_helo(verdict, greets, steps, record, **more):
    return Scene("helo: " + verdict, steps, ["helo-" + verdict], greets=greets,
                 records=[dict(record, rule="helo-" + verdict)] if record else (), **more)


def by_rule(rule, steps, verdict, stage, **more):
    """What the log says of it: the verdict as JSON has it, the stage at which it was told."""
    return Scene(rule.replace("-", ": ", 1), steps, [rule],
                 records=[{"rule": rule, "verdict": verdict, "stage": stage}], **more)


CLEAN = Arrives("b@example.org", sender="a@example.net")
TO_B = letter("a@example.net", "b@example.org", arrives=CLEAN)


def two(sender, reply, arrives=None, content=True):
    """Two recipients: what rests on their number is certain at DATA."""
    steps = [mail(sender), rcpt("b@example.org"), rcpt("c@example.org"), data(reply)]
    return steps + ([Send(arrives=arrives)] if content else [])


VERDICTS = [
    by_client("accept", letter("a@example.net", "b@other.example",
                               arrives=Arrives("b@other.example",
                                               fields={"Authentication-Results": []})), None),
    by_client("reject", [mail("a@example.net", "554 5.7.1 198.51.100.62 is banned"),
                         mail("b@example.net", "554")], {"verdict": "reject", "stage": "mail"}),
    by_client("defer", [mail("a@example.net", "450 4.7.1 198.51.100.63 is put off")],
              {"verdict": "defer", "stage": "mail"}),
    by_client("discard", letter("a@example.net", "b@example.org"),
              {"verdict": "discard", "stage": "mail"}),
    by_client("hold", letter("a@example.net", "b@example.org", arrives=HELD),
              {"verdict": "quarantine", "stage": "message"}),

    by_helo("accept", "accept.example", letter("a@example.net", "b@other.example", arrives=Arrives(
        "b@other.example", fields={"Authentication-Results": []})), None),
    by_helo("reject", "reject.example", [mail("a@example.net",
                                             "550 5.7.1 You are not reject.example"),
                           Say("EHLO client.example.net"), *TO_B],
            {"verdict": "reject", "stage": "mail"}),
    by_helo("defer", "defer.example", [mail("a@example.net", "450 4.7.1 Not as defer.example")],
            {"verdict": "defer", "stage": "mail"}),
    by_helo("discard", "discard.example", letter("a@example.net", "b@example.org"),
            {"verdict": "discard", "stage": "mail"}),
    by_helo("hold", "hold.example", letter("a@example.net", "b@example.org", arrives=HELD),
            {"verdict": "quarantine", "stage": "message"}),

    Scene("mail: accept", letter("friend@example.net", "b@other.example", arrives=Arrives(
        "b@other.example", fields={"Authentication-Results": []})), ["mail-accept"]),
    by_rule("mail-reject", [mail("mallory@example.net", "553 5.1.8 mallory@example.net is not "
                                 "welcome, 100% sure"), *TO_B], "reject", "mail"),
    by_rule("mail-defer", [mail("early@example.net", "450 4.7.1 Come back later, example.net")],
            "defer", "mail"),
    by_rule("mail-discard", letter("junk@example.net", "b@example.org"), "discard", "mail"),
    by_rule("mail-hold", letter("dubious@example.net", "b@example.org", arrives=HELD),
            "quarantine", "message"),

    by_rule("rcpt-accept", letter("a@example.net", "plain@example.org", fields=[
        ("Authentication-Results", MX + "; spf=pass")], arrives=Arrives(
            "plain@example.org", fields={"Authentication-Results": [MX + "; spf=pass"]})),
            "accept", "data"),
    by_rule("rcpt-reject", [mail("a@example.net"),
                            rcpt("nobody@example.org", "550 5.7.1 No such user"),
                            Say("DATA", ("503", "554")), Say("RSET"), *TO_B], "reject", "rcpt"),
    by_rule("rcpt-defer", [mail("a@example.net"), rcpt("full@example.org", FULL)],
            "defer", "rcpt"),
    by_rule("rcpt-discard", letter("a@example.net", "void@example.org"), "discard", "message"),
    by_rule("rcpt-hold", letter("a@example.net", "careful@example.org", arrives=HELD),
            "quarantine", "message"),
    by_rule("latch-reject", [mail("crowd@example.net"), rcpt("b@example.org"),
                             rcpt("c@example.org"),
                             rcpt("d@example.org", "550 5.5.3 Too many recipients")],
            "reject", "rcpt"),
    by_rule("latch-discard", letter("a@example.net", "b@example.org", "trap@example.org"),
            "discard", "data"),

    by_rule("data-accept", two("data-accept@example.net", "354", Arrives(
        "b@example.org", "c@example.org", fields={"Authentication-Results": []})),
            "accept", "data"),
    by_rule("data-reject", two("data-reject@example.net", "550 5.5.3 Two are too few",
                               content=False), "reject", "data"),
    by_rule("data-defer", two("data-defer@example.net", "451 4.5.3 Two are too many",
                              content=False), "defer", "data"),
    by_rule("data-discard", two("data-discard@example.net", "354"), "discard", "data"),
    by_rule("data-hold", two("data-hold@example.net", "354", HELD), "quarantine", "message"),

    by_rule("headers-accept", letter("a@example.net", "b@example.org", subject="headers-accept",
                                     arrives=Arrives("b@example.org", fields={
                                         "Authentication-Results": []})), "accept", "headers"),
    by_rule("headers-reject", letter("a@example.net", "b@example.org", subject="headers-reject",
                                     reply="550 5.6.0 Not with 'headers-reject'"),
            "reject", "headers"),
    by_rule("headers-defer", letter("a@example.net", "b@example.org", subject="headers-defer",
                                    reply="451 4.6.0 Not yet with 'headers-defer'"),
            "defer", "headers"),
    by_rule("headers-discard", letter("a@example.net", "b@example.org",
                                      subject="headers-discard"), "discard", "headers"),
    by_rule("headers-hold", letter("a@example.net", "b@example.org", subject="headers-hold",
                                   arrives=HELD), "quarantine", "message"),

    by_rule("message-accept", letter("a@example.net", "b@example.org", subject="message-accept",
                                     arrives=Arrives("b@example.org", fields={"X-After": []},
                                                     first="Authentication-Results")),
            "accept", "message"),
    by_rule("message-reject", letter("a@example.net", "strict@example.org",
                                     reply="550 5.7.20 No valid DKIM signature"),
            "reject", "message"),
    by_rule("message-defer", letter(
        "a@example.net", "patient@example.org", reply="451 4.7.5 Broken DKIM signature",
        text=lambda text, key: key.sign(text).replace(b"Hello.", b"Hallo.")), "defer", "message"),
    by_rule("message-discard", letter("a@example.net", "choosy@example.org"), "discard", "message"),
    by_rule("message-hold", letter("a@example.net", "b@example.org", subject="message-hold",
                                   body="x" * 80 + "\r\n", arrives=HELD), "quarantine", "message"),
]

RECIPIENTS = [
    Scene("an outsider cannot relay", [mail("a@example.net"), rcpt(
        "b@other.example", "550 5.7.1 Relaying denied")], ["relay"],
          records=[{"rule": "relay", "verdict": "reject", "stage": "rcpt"}]),
    Scene("our network relays", letter("a@example.net", "b@other.example",
                                       arrives=Arrives("b@other.example")), client="own"),
    Scene("our network relays by IPv6", letter("a@example.net", "b@other.example", arrives=Arrives(
        "b@other.example")), client="own6"),
    Scene("an outsider cannot relay by IPv6", [mail("a@example.net"), rcpt(
        "b@other.example", "550 5.7.1 Relaying denied")], client="outsider6"),
    Scene("the null sender is a sender", [*letter("", "b@example.org", arrives=Arrives(
        "b@example.org", sender="")), mail(""), rcpt("b@other.example", "550")]),
    Scene("some of several recipients are refused", [
        mail("a@example.net"), rcpt("b@example.org"),
        rcpt("nobody@example.org", "550 5.7.1 No such user"),
        rcpt("full@example.org", FULL),
        rcpt("c@other.example", "550 5.7.1 Relaying denied"), rcpt("d@example.org"), data(),
        Send(arrives=Arrives("b@example.org", "d@example.org"))]),
    Scene("one of several recipients is discarded", [
        *letter("a@example.net", "b@example.org", "void@example.org", "d@example.org",
                arrives=Arrives("b@example.org", "d@example.org"))]),
    Scene("recipients of two kinds are split", [
        mail("a@example.net"), rcpt("b@example.org"), rcpt("c@shop.example.org", OTHER_KIND),
        rcpt("d@example.org"), data(),
        Send(arrives=Arrives("b@example.org", "d@example.org", fields={"Subject": ["A test"]})),
        *letter("a@example.net", "c@shop.example.org", arrives=Arrives(
            "c@shop.example.org", fields={"Subject": ["[shop] A test"]}))], ["tag"]),
    Scene("mixed first: the first one's policy is for all", letter(
        "a@example.net", "c@shop.example.org", "b@example.org", arrives=Arrives(
            "b@example.org", "c@shop.example.org", fields={"Subject": ["[shop] A test"]})),
          policy="first"),
    Scene("mixed message: the strictest verdict is for all", [
        mail("a@example.net"), rcpt("b@example.org"), rcpt("careful@example.org"), data(),
        Send(arrives=HELD), mail("a@example.net"), rcpt("nobody@example.org", "550"),
        rcpt("b@example.org"), rcpt("strict@example.org"), data(),
        Send("550 5.7.20 No valid DKIM signature")], policy="message"),
    Scene("without HELO there is no HELO name", letter("a@example.net", "plain@example.org",
                                                       arrives=Arrives("plain@example.org")),
          greets=None),
    Scene("a reply of 900 bytes", [mail("a@example.net"),
                                   rcpt("long@example.org", "550 5.7.1 " + LONG)], ["long"]),
]

FORGED = [("Authentication-Results", _value) for _value in (
    MX + "; spf=pass smtp.mailfrom=bank.example", "mx.elsewhere.example; spf=pass",
    "MX.EXAMPLE.ORG.; dkim=pass header.d=bank.example",
    "(x) \"mx.example.org\" 1; dmarc=pass header.from=bank.example",
    "sub.mx.example.org; dmarc=pass header.from=bank.example", "mx.other.example; dkim=fail")]
FOREIGN = ["mx.elsewhere.example; spf=pass", "mx.other.example; dkim=fail"]

EDITS = [
    Scene("results are added on top, forged ones go", letter(
        "a@example.net", "b@example.org", fields=FORGED, arrives=Arrives(
            "b@example.org", has={"Authentication-Results": OURS}, first="Authentication-Results",
            lacks=[b"bank.example"])), ["results"]),
    Scene("results are removed", letter(
        "a@example.net", "strip@example.org", fields=FORGED, arrives=Arrives(
            "strip@example.org", fields={"Authentication-Results": FOREIGN})), ["strip"]),
    Scene("a signature is told", letter(
        "a@example.net", "strict@example.org", text=lambda text, key: key.sign(text),
        arrives=Arrives("strict@example.org", has={"Authentication-Results": "dkim=pass"}))),
    Scene("a large signed message in pieces", letter(
        "a@example.net", "strict@example.org", text=lambda text, key: key.sign(text),
        body="".join("%06d %s\r\n" % (number, "x" * 60) for number in range(5000)),
        arrives=Arrives("strict@example.org", has={"Authentication-Results": "dkim=pass"},
                        body="".join("%06d %s\r\n" % (n, "x" * 60) for n in range(5000))))),
    Scene("fields are added, inserted, replaced, removed", letter(
        "a@example.net", "edits@example.org",
        fields=[("X-Secret", "one"), ("X-Old", "old"), ("x-secret", "two"), ("X-Old", "older")],
        arrives=Arrives("edits@example.org", above=("X-Top", "Received"), last="X-Bottom", fields={
            "X-Bottom": ["example.net"], "X-Top": ["edits"], "X-Old": ["new"], "X-Secret": []})),
          ["edits"]),
    Scene("what is to be replaced is not there", letter(
        "a@example.net", "edits@example.org", arrives=Arrives("edits@example.org", fields={
            "X-Old": ["new"], "X-Secret": [], "X-Top": ["edits"]}))),
    Scene("the Subject is tagged", letter(
        "a@example.net", "b@shop.example.org", subject="=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        arrives=Arrives("b@shop.example.org", fields={
            "Subject": ["[shop] =?utf-8?q?Gr=C3=BC=C3=9Fe?="]})), ["tag"]),
    Scene("recipients are redirected, added, removed", letter(
        "a@example.net", *(name + "@example.org" for name in ("team", "audited", "gone", "broken")),
        arrives=Arrives(*(name + "@example.org" for name in (
            "alice", "bob", "audited", "archive", "broken")))), ["alias", "copy", "gone"],
          records=[{"rule": "-", "discarded": "<gone@example.org>", "recipients":
                    "<team@example.org>,<audited@example.org>,<broken@example.org>"}],
          logs=["'nonsense' is no address"]),
    # Who is added does not pass the policy: team, by way of twin, is delivered as it is.
    Scene("an alias of an alias reaches everybody once", letter(
        "a@example.net", *(name + "@example.org" for name in ("team", "twin", "bob")),
        arrives=Arrives(*(name + "@example.org" for name in ("alice", "bob", "team"))))),
    Scene("without its last recipient a message is discarded",
          letter("a@example.net", "gone@example.org"),
          records=[{"rule": "gone", "verdict": "discard"}]),
    Scene("an edit that only the body decides", letter(
        "a@example.net", "b@example.org", subject="after", arrives=Arrives(
            "b@example.org", fields={"X-After": ["6"]})), ["after"]),
    Scene("scores add up", letter(
        "a@example.net", "b@example.org", subject="pills", body="x" * 80 + "\r\n",
        reply="550 5.7.1 Scored 7, 4 for spam"), ["score", "score-spam", "scores"],
          records=[{"rule": "scores", "verdict": "reject", "stage": "message"}]),
    Scene("a score below the limit", letter("a@example.net", "b@example.org", subject="pills",
                                            arrives=CLEAN)),
    Scene("a rule is only observed", letter("a@example.net", "b@example.org", subject="observed",
                                            arrives=CLEAN), ["would"],
          records=[{"rule": "-", "observed": "would:reject"}]),
    Scene("a line is logged", letter("a@example.net", "b@example.org", subject="logged",
                                     arrives=CLEAN), ["note"],
          logs=["seen logged from a@example.net"]),
    Scene("mode observe does nothing", [
        mail("mallory@example.net"), rcpt("nobody@example.org"), rcpt("edits@example.org"), data(),
        Send(fields=FORGED, subject="headers-reject", arrives=Arrives(
            "nobody@example.org", "edits@example.org", fields={
                "Authentication-Results": [value for _, value in FORGED], "X-Top": []}))],
          client="connect-reject", policy="observe"),
]

SESSIONS = [
    Scene("several messages in one connection", [
        *TO_B, *letter("a@example.net", "strict@example.org", reply="550"),
        *letter("a@example.net", "b@shop.example.org", arrives=Arrives(
            "b@shop.example.org", fields={"Subject": ["[shop] A test"]})),
        mail("a@example.net"), rcpt("b@other.example", "550"), Say("RSET"),
        *letter("a@example.net", "void@example.org"),
        *letter("junk@example.net", "b@example.org"), *TO_B]),
    Scene("RSET forgets the message only", [
        mail("a@example.net"), rcpt("c@shop.example.org"), Say("RSET"),
        mail("mallory@example.net", "553"), *TO_B]),
    Scene("an unknown command", [Say("FROBNICATE", ("500", "502")), *TO_B]),
    Scene("a client that hangs up in the message leaves nothing", [
        mail("a@example.net"), rcpt("b@example.org"), data(), HangUp()]),
    Scene("an IPv4 client", letter("a@example.net", "seen@example.org", arrives=Arrives(
        "seen@example.org", fields={"X-Client": ["203.0.113.44 client.example.net"]})),
          client="elsewhere"),
    Scene("an IPv6 client", letter("a@example.net", "seen@example.org", arrives=Arrives(
        "seen@example.org", fields={"X-Client": ["2001:db8::9 client.example.net"]})),
          client="outsider6"),
    Scene("early connect: a refusal at connect has no text of its own", [
        mail("a@example.net", Differs(
            "each server's own words", postfix="550 5.7.1 Command rejected",
            sendmail="550"))], policy="early", client="connect-reject",
          greets=None, banner=Differs(
              "each server's own words", sendmail="554 mx.example.org ESMTP not accepting messages",
              postfix="554 mx.example.org ESMTP not accepting connections"),
          records=[{"rule": "connect-reject", "verdict": "reject", "stage": "connect"}]),
    Scene("early connect: a deferral at connect has no text of its own", [
        mail("a@example.net", Differs("the server's own words", postfix="451 4.7.1 Service "
                                      "unavailable - try again later", sendmail="451"))],
          policy="early", client="connect-defer", greets=None,
          records=[{"rule": "connect-defer", "verdict": "defer", "stage": "connect"}]),
    Scene("early connect: who is not refused", TO_B, policy="early"),
]

def in_utf8(sender, parameters, domain):
    """What becomes of UTF-8 where it is taken: judged, edited and delivered as it is."""
    return [
        mail(sender, parameters=parameters), rcpt("bär@example.org"), data(),
        Send(subject="Grüße", arrives=Arrives(
            "bär@example.org", sender=sender, fields={"Subject": ["Grüße"]},
            first="Authentication-Results")),
        mail(sender, parameters=parameters), rcpt("bär@shop.example.org"), data(),
        Send(subject="Grüße", arrives=Arrives("bär@shop.example.org", fields={
            "Subject": ["[shop] Grüße"]})),
        mail(sender, parameters=parameters), rcpt("edits@example.org"), data(),
        Send(fields=[("X-Old", "älter"), ("X-Secret", "ß")], body="Schöne Grüße\r\n",
             arrives=Arrives("edits@example.org", fields={
                 "X-Old": ["new"], "X-Secret": [], "X-Top": ["edits"], "X-Bottom": [domain]},
                             body="Schöne Grüße\r\n"))]


def refused_in_ascii(parameters=""):
    return [mail("mallory@exämple.net", "553 5.1.8 mallory@xn--exmple-cua.net is not welcome, "
                 "100% sure", parameters),
            mail("a@example.net", parameters=parameters),
            rcpt("b@exämple.net", "550 5.7.1 Relaying denied")]


def accepted(sender, recipient):
    """Of addresses the log has domains as DNS has them, and of the rest no byte beyond ASCII."""
    return {"sender": "<%s>" % sender, "recipients": "<%s>" % recipient, "verdict": "accept"}


INTERNATIONAL = [
    Scene("SMTPUTF8", Differs(
        NO_EAI, postfix=[Ehlo("client.example.net", {"SMTPUTF8": True}),
                         *in_utf8("jörg@exämple.net", "SMTPUTF8 BODY=8BITMIME",
                                  "xn--exmple-cua.net")],
        sendmail=[Ehlo("client.example.net", {"SMTPUTF8": False}),
                  mail("jörg@exämple.net", NO_UTF8, "SMTPUTF8 BODY=8BITMIME"),
                  rcpt("bär@example.org", "503 5.0.0 Need MAIL before RCPT"),
                  data("503 5.0.0 Need MAIL command"),
                  mail("utf8@example.net", NO_UTF8, "SMTPUTF8"), *TO_B]),
          records=Differs(NO_EAI, sendmail=[], postfix=[
              accepted(r"j\xC3\xB6rg@xn--exmple-cua.net", r"b\xC3\xA4r@shop.example.org")]),
          unlogged=Differs(NO_EAI, postfix=[], sendmail=[
              {"sender": r"<j\xC3\xB6rg@xn--exmple-cua.net>"}, {"sender": "<utf8@example.net>"}])),
    Scene("a refusal that names a UTF-8 address is ASCII", Differs(
        NO_EAI, postfix=refused_in_ascii("SMTPUTF8"),
        sendmail=[mail("mallory@exämple.net", NO_UTF8, "SMTPUTF8"), *refused_in_ascii()]),
          records=[{"sender": "<mallory@xn--exmple-cua.net>", "verdict": "reject",
                    "rule": "mail-reject"},
                   {"recipients": "<b@xn--exmple-cua.net>", "verdict": "reject", "rule": "relay"}]),
    Scene("UTF-8 before the @, without SMTPUTF8", in_utf8(
        "jens-jürgen@example.net", "BODY=8BITMIME", "example.net"),
          records=[accepted(r"jens-j\xC3\xBCrgen@example.net", r"b\xC3\xA4r@shop.example.org")]),
    Scene("UTF-8 domains without SMTPUTF8", Differs(
        NO_EAI, postfix=[mail("jürgen@exämple.net", "501 5.1.7 Bad sender address syntax"),
                         mail("a@example.net"),
                         rcpt("b@exämple.net", "501 5.1.3 Bad recipient address syntax")],
        sendmail=in_utf8("jürgen@exämple.net", "BODY=8BITMIME", "xn--exmple-cua.net")),
          records=Differs(NO_EAI, postfix=[], sendmail=[
              accepted(r"j\xC3\xBCrgen@xn--exmple-cua.net", r"b\xC3\xA4r@shop.example.org")]),
          unlogged=Differs(NO_EAI, sendmail=[], postfix=[
              {"sender": r"<j\xC3\xBCrgen@xn--exmple-cua.net>"}])),
    Scene("addresses that are no UTF-8", Differs(
        NO_EAI, postfix=[mail("j\udcf6rg@example.net", "500 5.5.2 Error: bad UTF-8 syntax"),
                         mail("a@example.net"),
                         rcpt("b\udce4r@example.org", "500 5.5.2 Error: bad UTF-8 syntax")],
        sendmail=[mail("j\udcf6rg@example.net"),
                  rcpt("b\udce4r@example.org", "553 5.1.3 Bad recipient address: bad UTF-8"),
                  rcpt("b@shop.example.org"), data(), Send(arrives=Arrives(
                      "b@shop.example.org", sender=r"j\xf6rg@example.net",
                      fields={"Subject": ["[shop] A test"]}))]),
          records=Differs(NO_EAI, postfix=[], sendmail=[
              accepted(r"j\xF6rg@example.net", "b@shop.example.org"),
              {"verdict": "reject", "sender": r"<j\xF6rg@example.net>", "stage": "rcpt"}]),
          unlogged=Differs(NO_EAI, sendmail=[], postfix=[{"sender": r"<j\xF6rg@example.net>"}])),
]


def seen(**fields):
    return Arrives("seen@example.org", fields={name.replace("_", "-"): value
                                               for name, value in fields.items()})


def plain(user, password):
    import base64
    return base64.b64encode(("\0%s\0%s" % (user, password)).encode()).decode()


NOTHING_SEEN = {"X_Seen": [], "X_Tls": ["- - -"], "X_Certificate": ["false -"], "X_Login": ["- -"]}
PROTECTED = [
    Scene("without TLS and login nothing is seen of them", letter(
        "a@example.net", "seen@example.org", fields=[("X-Seen-By-Nobody", "tls login")],
        arrives=seen(**NOTHING_SEEN)), ["seen"]),
    Scene("TLS is seen", [StartTls(), *letter("a@example.net", "seen@example.org", arrives=seen(
        X_Seen=["tls"], X_Tls=["TLSv1.3 TLS_AES_256_GCM_SHA384 256"],
        X_Certificate=["false -"]))], ["seen-tls"], listener="tls"),
    Scene("a client's certificate is seen, and is no login", [
        StartTls(certificate=True), *letter("a@example.net", "seen@example.org", arrives=seen(
            X_Seen=["tls"], X_Login=["- -"], X_Certificate=Differs(
                "Postfix gives the CN, Sendmail the DN", postfix=["true client.example.net"],
                sendmail=["true /O=Example/CN=client.example.net"]))),
        mail("a@example.net"), rcpt("b@other.example", "550 5.7.1 Relaying denied")],
          listener="tls"),
    Scene("a verdict at HELO after STARTTLS", [
        StartTls(), Say("EHLO reject.example"),
        mail("a@example.net", "550 5.7.1 You are not reject.example")],
          listener="tls"),
    Scene("a login is seen and may relay", [
        Say("AUTH PLAIN " + plain("fred@example.org", PASSWORD), "235"),
        *letter("a@example.net", "seen@example.org", arrives=seen(
            X_Seen=["login"], X_Login=["fred@example.org PLAIN"])),
        *letter("a@example.net", "b@other.example", arrives=Arrives("b@other.example"))],
          ["seen-login"], listener="sasl"),
    Scene("a login within TLS", [
        StartTls(), Say("AUTH PLAIN " + plain("fred@example.org", PASSWORD), "235"),
        # What is added stands below what the sender wrote under that name.
        *letter("a@example.net", "seen@example.org", fields=[("X-Seen", "forged")], arrives=seen(
            X_Seen=["forged", "tls", "login"], X_Login=["fred@example.org PLAIN"]))],
          listener="sasl"),
    Scene("a login and a HELO name of a client from elsewhere", [
        Say("EHLO said.example.net"), Say("AUTH PLAIN " + plain("fred@example.org", PASSWORD), "235"),
        *letter("a@example.net", "seen@example.org", arrives=seen(
            X_Seen=["login"], X_Login=["fred@example.org PLAIN"],
            X_Client=["2001:db8::9 said.example.net"])),
        *letter("a@example.net", "b@other.example", arrives=Arrives("b@other.example"))],
          listener="sasl", client="outsider6"),
    Scene("a login that fails is none", [
        Say("AUTH PLAIN " + plain("fred@example.org", "guessed"), "535"),
        *letter("a@example.net", "seen@example.org", arrives=seen(**NOTHING_SEEN)),
        mail("a@example.net"), rcpt("b@other.example", "550 5.7.1 Relaying denied")],
          listener="sasl"),
    Scene("AUTH= in MAIL is no login", [
        mail("a@example.net", parameters="AUTH=fred@example.org"),
        rcpt("b@other.example", "550 5.7.1 Relaying denied"),
        rcpt("seen@example.org"), data(), Send(arrives=seen(**NOTHING_SEEN))], listener="sasl"),
    Scene("a client without a queue is never split", [
        Say("AUTH PLAIN " + plain("fred@example.org", PASSWORD), "235"),
        *letter("a@example.net", "b@example.org", "c@shop.example.org", arrives=Arrives(
            "b@example.org", "c@shop.example.org"))], listener="sasl"),
]

# What a program on this host submits: Postfix shows it to non_smtpd_milters, Sendmail's submission
# program gives it to the daemon by SMTP, from 127.0.0.1, with the host's own name in HELO.
LOCAL = [
    Scene("local submission is filtered", [
        Submit("root@example.org", ["b@shop.example.org"], Arrives(
            "b@shop.example.org", fields={"Subject": ["[shop] A test"]})),
        Submit("root@example.org", ["careful@example.org"], HELD),
        Submit("root@example.org", ["void@example.org"])]),
    # The refusal comes back to root, with the message in it.
    Scene("local submission with a recipient that is refused", [
        Submit("root@example.org", ["b@example.org", "nobody@example.org"], Differs(
            "with Postfix no recipient of it can be refused, only the message; to Sendmail's "
            "daemon it is mail by SMTP", postfix=Arrives("root@example.org"),
            sendmail=Arrives("b@example.org", "root@example.org")))],
          records=[{"verdict": "reject", "rule": "rcpt-reject", "stage": Differs(
              "the same", postfix="data", sendmail="rcpt")}]),
    Scene("local submission for recipients of two kinds", [
        Submit("root@example.org", ["b@example.org", "c@shop.example.org"], Arrives(
            "b@example.org", "c@shop.example.org"))]),
]

SCENES = VERDICTS + RECIPIENTS + EDITS + SESSIONS + INTERNATIONAL + PROTECTED + LOCAL
