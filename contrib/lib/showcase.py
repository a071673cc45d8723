#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What contrib/try shows: a private Postfix, Postern as its filter, and mail of every kind.

Each message is sent through SMTP as somebody on the Internet would send it; what the client was
answered, what Postern logged and what was delivered are put side by side and compared with what
they ought to be. tests/mta/try_test.py holds the same expectations.
"""

import argparse
import os
import re
import shutil
import signal
import sys
import textwrap

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tests", "lib"))

import mta  # noqa: E402
from daemon import DaemonError, Postern  # noqa: E402
from mailkit import Key, dns_txt, message  # noqa: E402
from smtp import Sink, Smtp  # noqa: E402

POLICY = os.path.join(HERE, "try.policy")
OUTSIDER, OWN, PERMITTED = "203.0.113.9", "192.0.2.7", "203.0.113.25"


class Case:
    """
    One message. `reply` begins the SMTP reply that decides it; `fields` are parts that added or
    changed fields of the delivered message must hold, each "Name: part"; `gone` must not be in it.
    """

    def __init__(self, title, client, sender, recipient, reply, verdict, rule, login=None,
                 sign=None, spoil=None, forged=(), fields=(), gone=()):
        self.title = title
        self.client = client
        self.sender = sender
        self.recipient = recipient
        self.reply = reply
        self.verdict = verdict
        self.rule = rule
        self.login = login
        self.sign = sign
        self.spoil = spoil
        self.forged = list(forged)
        self.fields = list(fields)
        self.gone = list(gone)
        self.mark = sender.partition("@")[0]

    def message(self, keys):
        text = message(self.mark, self.sender, self.recipient, subject="Hello",
                       body="Your order has been sent.\r\n",
                       fields=[("Authentication-Results", value) for value in self.forged])
        if self.sign:
            text = keys[self.sign].sign(text)
        return text.replace(*self.spoil) if self.spoil else text


CASES = [
    Case("an outsider relays", OUTSIDER, "relay@elsewhere.example", "b@other.example",
         "550 5.7.1 Relaying denied", "reject", "relay"),
    Case("our network relays", OWN, "office@shop.example.org", "b@other.example",
         "250", "accept", "submission"),
    Case("an authenticated user relays", OUTSIDER, "fred@shop.example.org", "b@other.example",
         "250", "accept", "submission", login="fred"),
    Case("SPF: permitted host", PERMITTED, "spf-pass@example.net", "a@shop.example.org",
         "250", "accept", None, fields=["Authentication-Results: spf=pass"]),
    Case("SPF: host not permitted", OUTSIDER, "spf-fail@example.net", "a@shop.example.org",
         "550 5.7.23 SPF: example.net does not permit 203.0.113.9", "reject", "spf-fail"),
    Case("SPF: host not quite permitted", OUTSIDER, "spf-soft@soft.example.net",
         "a@shop.example.org", "250", "accept", None,
         fields=["Authentication-Results: spf=softfail", "Subject: [SPF softfail] Hello"]),
    Case("DKIM: RSA signature", OUTSIDER, "rsa@signed.example", "a@shop.example.org",
         "250", "accept", None, sign="rsa", fields=["Authentication-Results: dkim=pass"]),
    Case("DKIM: Ed25519 signature", OUTSIDER, "ed25519@signed.example", "a@shop.example.org",
         "250", "accept", None, sign="ed25519", fields=["Authentication-Results: dkim=pass"]),
    Case("DKIM: body changed on the way", OUTSIDER, "broken@signed.example", "a@shop.example.org",
         "250", "accept", None, sign="rsa", spoil=(b"order", b"money"),
         fields=["Authentication-Results: dkim=fail", "X-Suspect: the DKIM signature"]),
    Case("DKIM: no key in the DNS", OUTSIDER, "nokey@signed.example", "a@shop.example.org",
         "250", "accept", None, sign="gone", fields=["Authentication-Results: dkim=permerror"]),
    Case("no signature, forged results", OUTSIDER, "forger@signed.example", "a@shop.example.org",
         "250", "accept", None,
         forged=["mx.example.org; spf=pass; dkim=pass header.d=bank.example",
                 "MX.Example.ORG (a comment) 1; dmarc=pass",
                 "mx.elsewhere.example; spf=pass smtp.mailfrom=other.example"],
         fields=["Authentication-Results: dkim=none"],
         gone=["bank.example", "a comment"]),
]


def dns_records(keys):
    rows = [dns_txt("example.net", "v=spf1 ip4:%s -all" % PERMITTED),
            dns_txt("soft.example.net", "v=spf1 ip4:%s ~all" % PERMITTED),
            "signed.example A 203.0.113.80"]
    rows += [key.record for name, key in keys.items() if name != "gone"]
    return "\n".join(rows) + "\n"


def make_keys():
    return {"rsa": Key("signed.example", "rsa2048", "rsa-sha256"),
            "ed25519": Key("signed.example", "ed", "ed25519-sha256"),
            "gone": Key("signed.example", "withdrawn", "ed25519-sha256")}


class Result:
    """What became of a case; `problems` is empty where all was as it ought to be."""

    def __init__(self, case, sent):
        self.case = case
        self.sent = sent
        self.reply = None
        self.record = None
        self.delivered = None
        self.problems = []

    def added(self):
        """The fields of the delivered message that were not sent, the server's own left out."""
        if self.delivered is None:
            return []
        was = self.sent.partition(b"\r\n\r\n")[0].decode("ascii", "replace")
        was = set(re.sub(r"\r\n[ \t]+", " ", was).split("\r\n"))
        found = []
        for name in dict.fromkeys(self.delivered.names()):
            if name.lower() == "received":
                continue
            found += ["%s: %s" % (name, value) for value in self.delivered.values(name)
                      if "%s: %s" % (name, value) not in was]
        return found

    def check(self):
        case = self.case
        if not str(self.reply).startswith(case.reply):
            self.problems.append("replied '%s', expected '%s'" % (self.reply, case.reply))
        if self.record is None:
            self.problems.append("Postern logged no verdict")
        else:
            rule = self.record.get("rule")
            rule = None if rule in (None, "", "-", "none") else rule
            if (self.record["verdict"], rule) != (case.verdict, case.rule):
                self.problems.append("verdict %s by rule %s, expected %s by %s"
                                     % (self.record["verdict"], rule, case.verdict, case.rule))
        if case.verdict == "accept" and self.delivered is None:
            self.problems.append("it was not delivered")
        for wanted in case.fields:
            name, _, part = wanted.partition(": ")
            if not any(row.startswith(name + ":") and part in row for row in self.added()):
                self.problems.append("no field '%s'" % wanted)
        for part in case.gone:
            if self.delivered is not None and part.encode() in self.delivered.head:
                self.problems.append("'%s' was delivered" % part)


def send(case, text, port):
    with Smtp(port) as smtp:
        smtp.ehlo("client.example.net")
        attributes = {"ADDR": case.client, "NAME": "[UNAVAILABLE]", "PORT": "40000"}
        if case.login:
            attributes["LOGIN"] = case.login
        smtp.xclient(**attributes)
        smtp.ehlo("client.example.net")
        reply = smtp.message(case.sender, [case.recipient], text)
        smtp.quit()
    return reply


def record_of(postern, case, seconds=10):
    """
    The last that Postern logged of the case's message, found by its sender; a client that is
    accepted as such is not asked about senders, and found by its address.
    """
    found = []

    def logged():
        found[:] = [record for record in postern.records() if case.mark + "@" in record.line
                    or (record["stage"] == "connect" and record.get("client") == case.client)]
        return found
    mta.wait_until(logged, seconds)
    return found[-1] if found else None


def run_case(case, keys, port, postern, sink):
    result = Result(case, case.message(keys))
    result.reply = send(case, result.sent, port)
    result.record = record_of(postern, case)
    if result.reply.code == 250:
        result.delivered = sink.wait("<%s@client.example.net>" % case.mark)
    result.check()
    return result


def policy_text():
    with open(POLICY, encoding="utf-8") as file:
        return file.read()


def cut(text, width):
    return text if len(text) <= width else text[:width - 3] + "..."


def print_result(result):
    reply = " ".join(str(result.reply).split())
    record = result.record or {}
    print("%-30s %-46s %-10s %s" % (cut(result.case.title, 30), cut(reply, 46),
                                    record.get("verdict", "?"), record.get("rule", "?")))
    for row in result.added():
        # Authentication-Results: a line a result.
        print("    + " + ";\n        ".join(textwrap.shorten(part, 100, placeholder=" ...")
                                           for part in row.split("; ")))
    if result.case.gone and result.delivered is not None and not result.problems:
        print("    - forged Authentication-Results")
    for problem in result.problems:
        print("    NOT AS EXPECTED: " + problem)
    sys.stdout.flush()


SEND_SCRIPT = """#!/usr/bin/python3
# usage: send.py CLIENT-ADDRESS SENDER RECIPIENT [MESSAGE-FILE]
import smtplib, sys
client, sender, recipient = sys.argv[1:4]
text = b"Subject: Hello\\r\\n\\r\\nHello.\\r\\n"
if len(sys.argv) > 4:
    text = open(sys.argv[4], "rb").read()
smtp = smtplib.SMTP("127.0.0.1", {port})
smtp.set_debuglevel(1)
smtp.ehlo()
smtp.docmd("XCLIENT", "ADDR=" + client)
smtp.ehlo()
try:
    smtp.sendmail(sender, [recipient], text)
except smtplib.SMTPException as error:
    sys.exit(str(error))
"""

KEEP_TEXT = """
It is still running. Postfix listens on 127.0.0.1 port {port} and believes XCLIENT (try it with
telnet), so you may be anybody:

  {script} 203.0.113.9 you@example.net a@shop.example.org

  policy      {policy}
  DNS         {dns}
  log         {log}
  delivered   {delivered}
  Postfix     {maillog}

Stop it with Ctrl-C, or: kill {pid}
"""


def keep(port, postern, postfix, sink, directory):
    script = os.path.join(directory, "send.py")
    with open(script, "w", encoding="ascii") as file:
        file.write(SEND_SCRIPT.format(port=port))
    os.chmod(script, 0o755)
    print(KEEP_TEXT.format(port=port, script=script, policy=postern.policy_path,
                           dns=postern.dns_path, log=postern.log_path, delivered=sink.folder,
                           maillog=postfix.log_path, pid=os.getpid()))
    sys.stdout.flush()
    try:
        while True:
            signal.pause()
    except (KeyboardInterrupt, SystemExit):
        print("Stopping.")


def run(options, directory):
    keys = make_keys()
    delivered = os.path.join(directory, "delivered")
    os.mkdir(delivered)
    failed = 0
    with Sink(folder=delivered) as sink, mta.PrivatePostfix(sink.port) as postfix:
        milter, path = postfix.socket("postern")
        port = postfix.listen(milter)
        with Postern(directory, path, policy_text(), dns_records(keys), group="postfix",
                     command=[options.postern]) as postern:
            postfix.start()
            print("%-30s %-46s %-10s %s" % ("message", "SMTP reply", "verdict", "rule"))
            print("-" * 100)
            for case in CASES:
                result = run_case(case, keys, port, postern, sink)
                print_result(result)
                failed += bool(result.problems)
            print("-" * 100)
            if failed:
                shutil.copy(postfix.log_path, os.path.join(directory, "maillog"))
            if options.keep:
                keep(port, postern, postfix, sink, directory)
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--postern", required=True)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    why = mta.PrivatePostfix.missing()
    if why:
        print(why, file=sys.stderr)
        return 2
    # A plain stop, wherever it comes from, unwinds what was started.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    directory = mta.folder("postern-try.")
    try:
        failed = run(options, directory)
    except (DaemonError, mta.MtaError, OSError) as error:
        print("It did not work: %s" % error, file=sys.stderr)
        failed = -1
    if failed:
        if failed > 0:
            print("%d of %d messages were not treated as expected." % (failed, len(CASES)))
        print("Logs, the policy and the DNS records are in %s" % directory)
        return 1
    print("All %d messages were treated as the policy says." % len(CASES))
    shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
