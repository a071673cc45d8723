#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The attack messages through a real Postfix and a real Sendmail, as far as those pass the bytes:
nothing may pass for the forged domain, whatever a mail server makes of it on the way.

Messages whose DNS records agree share a daemon.
"""

import concurrent.futures
import contextlib
import re
import threading

import attacks
import daemon
import mta
from report import Tests, equal, true
from smtp import Sink, Smtp

POLICY = """
set authserv "%s"
add authentication-results
add header "X-From: ${from.domain}|${from.trouble}"
add header "X-Spf: ${spf}"
add header "X-Dkim: ${dkim}"
add header "X-Dmarc: ${dmarc}"
add header "X-Disposition: ${dmarc.disposition}"
several: add header "X-Several: yes" when from.trouble is absent
           and (from.domain is absent or every from.address in pair)
table pair addresses { admin@example.com attacker@example.com }
add header "X-Arc: ${arc}"
later: defer 451 4.7.5 "DMARC cannot be checked" when dmarc is temperror
""" % attacks.AUTHSERV
SECONDS = 90

tests = Tests()


# Both end the value at a NUL, and deliver it so: what stands before it is an address like another.
CUT = {"from_bad_25": "ok"}
# The only one whose records cannot be looked up.
DEFERRED = {"dmarc_15": "451 4.7.5 DMARC cannot be checked"}


class Server:
    """What a mail server does with some of the messages before anybody can judge them."""

    def __init__(self, name, client, private, refused, changed, group=None, **options):
        self.name = name
        self.client = client
        self.private = private
        # What it does not take: how the reply begins, by the case's name, and the reason.
        self.refused = refused
        # What the author must be where it changes the bytes: `expect`, and the reason.
        self.changed = changed
        self.group = group
        self.options = options

    def connect(self, port, helo):
        smtp = Smtp(port, source=None if self.name == "postfix" else self.client)
        if self.name == "postfix":
            smtp.ehlo("anybody.example.net")
            smtp.xclient(ADDR=self.client, NAME="[UNAVAILABLE]", PORT="40000")
        return smtp, smtp.command(b"EHLO " + helo)


# Both write a line of its own after a line end in HELO: that is a command, and none they know.
POSTFIX = Server("postfix", attacks.CLIENT, mta.PrivatePostfix, {
    "ar_inject_env_04": "500 5.5.2 ",
}, CUT, group="postfix")
SENDMAIL = Server("sendmail", "127.0.0.66", mta.PrivateSendmail, {
    # Addresses that are none by its own grammar.
    "espoofer_server_a2": "553 5.0.0 ", "espoofer_server_a5": "553 5.0.0 ",
    "espoofer_server_a6": "553 5.1.3 ",
    # A carriage return alone; a header of over 32768 bytes.
    "from_bad_15": "421 4.5.0 Bare carriage return", "from_60k": "552 5.6.0 Headers too large",
    # HELO names that are no domain, or have a line end in them.
    "ar_inject_env_01": "501 5.0.0 Invalid domain name", "ar_inject_env_04": "554 5.5.0 ",
    "ar_inject_env_05": "501 5.0.0 Invalid domain name",
    "ar_inject_env_06": "501 5.0.0 Invalid domain name",
    "ar_inject_env_13": "501 5.0.0 Invalid domain name",
}, CUT)


def grouped(cases):
    """[(records, cases)]: a name has the same records for all cases of a group."""
    groups = []
    for case in cases:
        found = attacks.records(case)
        names = {}
        for key, values in found.items():
            names.setdefault(key.split(" ")[0].lower(), {})[key] = values
        for known, members in groups:
            if all(known.get(name, rows) == rows for name, rows in names.items()):
                known.update(names)
                members.append(case)
                break
        else:
            groups.append((names, [case]))
    return [({key: values for rows in known.values() for key, values in rows.items()}, members)
            for known, members in groups]


def send(server, port, case):
    """The reply that decided it."""
    smtp, reply = server.connect(port, case["helo"].encode("latin-1"))
    with smtp:
        if reply.code != 250:
            return reply
        reply = smtp.command(b"MAIL FROM:" + case["mailfrom"].encode("latin-1"))
        for line in "RCPT TO:<%s@example.org>" % case["id"], "DATA":
            if reply.code == 250:
                reply = smtp.command(line)
        return smtp.content(attacks.message(case)) if reply.code == 354 else reply


def answer(copy):
    """What the delivered message tells, shaped as the JSON of `postern auth`."""
    domain, _, trouble = copy.values("X-From")[-1].partition("|")
    spf, dkim, dmarc, disposition = (
        # What could not be found out is not told either.
        (copy.values(name) or ["failed"])[-1] for name in ("X-Spf", "X-Dkim", "X-Dmarc",
                                                           "X-Disposition"))
    field = copy.values("Authentication-Results")[0]
    reason = re.search(r'; dmarc=\w+ reason="?([^";]*)', field)
    domain, trouble = (None if text == "-" else text for text in (domain, trouble))
    addresses = ["", ""] if copy.values("X-Several") else [domain] if domain else []
    return {"from": {"domain": domain, "trouble": trouble, "addresses": addresses},
            "dkim": [{"result": dkim}], "spf": {"result": spf},
            "dmarc": {"result": dmarc, "disposition": disposition,
                      "reason": reason and reason.group(1)}, "authentication_results": field}


def judge(server, case, reply, copies):
    refused = {**server.refused, **DEFERRED}
    if case["id"] in refused:
        begins = refused[case["id"]]
        true(str(reply).startswith(begins), "the reply is %r: it is %r" % (begins, str(reply)))
        equal(copies, [], "what arrived")
        return
    equal(reply.code, 250, "the reply '%s'" % reply)
    equal(len(copies), 1, "copies that arrived")
    values = copies[0].values("Authentication-Results")
    equal([value.partition(";")[0] for value in values], [attacks.AUTHSERV], "whose results")
    wrong = attacks.wrong(case, answer(copies[0]), server.changed.get(case["id"]))
    if any(must.startswith("arc=fail") for must in case["must"]):
        true(copies[0].values("X-Arc") in (["fail"], ["none"]), "the chain is no good")
    true(not wrong, "%s; %r" % (wrong, copies[0].head[:600]))


def add_test(server, case, reply, copies):
    def test():
        judge(server, case, reply, copies)

    test.__name__ = "%s (%s)" % (case["id"], server.name)
    tests.test(test)


def through(server):
    """
    Everything through one server, a daemon and a connection at a time for each group: the replies
    by case, and the messages that arrived.
    """
    replies = {}
    with Sink() as sink, server.private(sink.port, **server.options) as running:
        groups = grouped(attacks.cases())
        daemons = []
        with contextlib.ExitStack() as stack:
            for number, (records, members) in enumerate(groups):
                milter, path = running.socket("g%d" % number)
                text = attacks.zone(records).replace(attacks.CLIENT, server.client)
                stack.enter_context(daemon.Postern(running.dir, path, POLICY, text,
                                                   name="g%d" % number, group=server.group))
                daemons.append((running.listen(milter), members))
            running.start()

            def all_of(port, members):
                for case in members:
                    replies[case["id"]] = send(server, port, case)
            threads = [threading.Thread(target=all_of, args=pair) for pair in daemons]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(SECONDS)
            true(running.settled(), "the queue of %s gets empty" % server.name)
    return replies, sink.messages()


if attacks.missing():
    tests.skip_all("attacks through mail servers (%s)" % attacks.missing())
SERVERS = []
for each in POSTFIX, SENDMAIL:
    if each.private.missing():
        tests.skip("attacks through " + each.private.missing())
    else:
        SERVERS.append(each)
# Some messages wait for name servers that do not answer: better for both at once.
with concurrent.futures.ThreadPoolExecutor() as pool:
    for each, (REPLIES, ARRIVED) in zip(SERVERS, pool.map(through, SERVERS)):
        for row in attacks.cases():
            add_test(each, row, REPLIES[row["id"]],
                     [copy for copy in ARRIVED if row["id"] + "@example.org" in copy.recipients])
tests.finish()
