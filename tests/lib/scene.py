# SPDX-License-Identifier: BSD-2-Clause
"""Scenes: what an SMTP client says, what it must hear, and what must arrive of its mail.

A scene is data, the same for every mail server; where servers differ, Differs says how and why. A
Player speaks the lines through one server. All of its scenes are played first and their mail looked
at afterwards, when nothing is under way any more: only then is what did not arrive known not to.
"""

import ssl

from mailkit import message
from report import equal, true


class Differs:
    """A value that is another one with each server: Differs("why", postfix=..., sendmail=...)."""

    def __init__(self, why, **values):
        self.why = why
        self.values = values


class Say:
    """One line; `reply` is a code, or a whole reply, or several to choose from."""

    def __init__(self, line, reply="250"):
        self.line = line
        self.reply = reply


class Send:
    """What follows DATA. `arrives`: Arrives, HELD, or None where nothing may arrive."""

    def __init__(self, reply="250", arrives=None, text=None, fields=(), **more):
        self.reply = reply
        self.arrives = arrives
        self.text = text
        self.fields = fields
        self.more = more


class Submit:
    """Local submission by the server's own program."""

    def __init__(self, sender, recipients, arrives=None, **more):
        self.sender = sender
        self.recipients = recipients
        self.arrives = arrives
        self.fields = ()
        self.text = None
        self.more = more


class Ehlo:
    """EHLO once more; `offers` maps keywords to whether the server has them."""

    def __init__(self, name, offers):
        self.name = name
        self.offers = offers


class StartTls:
    """STARTTLS and the handshake, with the client's certificate or without; EHLO comes after it."""

    def __init__(self, certificate=False):
        self.certificate = certificate


class HangUp:
    """The client goes away in the middle of the message."""


class Arrives:
    """
    Who gets a copy, and how it looks: `fields` maps names to the values that must be there, top to
    bottom; `has` to a part of the first; `first` is the topmost field, `last` the lowest, `above`
    one that stands above another; `lacks` are bytes that are nowhere.
    """

    def __init__(self, *recipients, sender=None, fields=None, has=None, first=None, last=None,
                 above=None, lacks=(), body=None):
        self.recipients = recipients
        self.sender = sender
        self.fields = fields or {}
        self.has = has or {}
        self.first = first
        self.last = last
        self.above = above
        self.lacks = lacks
        self.body = body


HELD = "held"


class Scene:
    """
    `rules` are the policy's rules that it shows; `records` what the log must say of it. `banner`
    is the greeting heard, `greets` the name after EHLO, None for none. `listener` is the kind of
    service it speaks to. `unlogged` is what no record of the log may say.
    """

    def __init__(self, name, steps, rules=(), client="outsider", greets="client.example.net",
                 policy="verdicts", listener=None, records=(), logs=(), unlogged=(), banner="220"):
        self.name = name
        self.steps = steps
        self.rules = rules
        self.client = client
        self.greets = greets
        self.policy = policy
        self.listener = listener or policy
        self.records = records
        self.logs = logs
        self.unlogged = unlogged
        self.banner = banner


def mail(sender, reply="250", parameters=""):
    return Say("MAIL FROM:<%s>%s" % (sender, " " + parameters if parameters else ""), reply)


def rcpt(recipient, reply="250"):
    return Say("RCPT TO:<%s>" % recipient, reply)


def data(reply="354"):
    return Say("DATA", reply)


def letter(sender, *recipients, **send):
    """A transaction in which nothing is refused before the end of the message."""
    return [mail(sender), *map(rcpt, recipients), data(), Send(**send)]


class Player:
    """
    What all servers have in common. A server's own player gives `name`, `mta` (its private server),
    `ports` by listener, `daemons` by policy, and the methods that raise NotImplementedError here.
    """

    name = None

    def __init__(self, mta, sink, casts, keys, tls):
        self.mta = mta
        self.sink = sink
        self.casts = casts
        self.keys = keys
        self.tls = tls
        self.ports = {}
        self.daemons = {}
        self.sent = {}
        self.on_hold = []
        self.records = {}
        self._count = 0

    def connect(self, scene, port):
        """A client that looks like the scene's; its banner is what greeted it as that."""
        raise NotImplementedError

    def submit(self, sender, recipients, text, port):
        raise NotImplementedError

    def settle(self):
        """Waits until nothing but held mail is under way; `on_hold` is the text of that."""
        raise NotImplementedError

    def says(self, reply, wanted, line):
        """Whether a whole reply is the wanted one."""
        raise NotImplementedError

    def told(self, value):
        return value.values[self.name] if isinstance(value, Differs) else value

    def _text(self, step):
        self._count += 1
        mark = "%s%d" % (self.name, self._count)
        text = message(mark, "a@example.net", "b@example.org", fields=step.fields, **step.more)
        if step.text:
            text = step.text(text, self.keys)
        return mark, text

    def _hears(self, reply, wanted, line):
        wanted = self.told(wanted)
        choice = wanted if isinstance(wanted, tuple) else (wanted,)
        true(any(str(reply.code) == one or self.says(reply, one, line) for one in choice),
             "after %r the reply is %r: it is %r" % (line, wanted, str(reply)))

    def _step(self, scene, smtp, step, sent):
        if isinstance(step, Say):
            # What is no UTF-8 stands in the line as Python has it of bytes.
            line = step.line.encode("utf-8", "surrogateescape")
            self._hears(smtp.command(line), step.reply, line)
        elif isinstance(step, Ehlo):
            reply = smtp.ehlo(step.name)
            for keyword, offered in step.offers.items():
                equal(keyword in reply.lines, self.told(offered), "EHLO offers " + keyword)
        elif isinstance(step, Send):
            mark, text = self._text(step)
            reply = smtp.content(text)
            sent.append((mark, step))
            self._hears(reply, step.reply, b"the message")
        elif isinstance(step, StartTls):
            self._hears(smtp.command("STARTTLS"), "220", b"STARTTLS")
            smtp.wrap(self.tls.client(step.certificate))
            equal(smtp.ehlo(scene.greets).code, 250, "EHLO within TLS")
        elif isinstance(step, HangUp):
            mark, text = self._text(Send())
            sent.append((mark, Send()))
            smtp.send(text[:200])
            smtp.close()

    def play(self, scene, suffix, port):
        """AssertionError on a reply that is not the scene's. What was sent is kept for judge()."""
        sent = self.sent.setdefault(scene.name + suffix, [])
        steps = self.told(scene.steps)
        if any(isinstance(step, Submit) for step in steps):
            for step in steps:
                mark, text = self._text(step)
                sent.append((mark, step))
                self.submit(step.sender, step.recipients, text.replace(b"\r\n", b"\n"), port)
            return
        smtp = self.connect(scene, port)
        try:
            self._hears(smtp.banner, scene.banner, b"the connection")
            if scene.greets:
                equal(smtp.ehlo(scene.greets).code, 250, "EHLO")
            for step in steps:
                self._step(scene, smtp, step, sent)
        finally:
            smtp.close()

    def perform(self, tests, scenes, ports=None, suffix=""):
        """
        Plays them all; after settle() judge each as a test of its own. `ports`: by listener, where
        they are to be played elsewhere.
        """
        for scene in scenes:
            try:
                self.play(scene, suffix, (ports or self.ports)[scene.listener])
                wrong = None
            except AssertionError as error:
                wrong = error
            tests.test(self._test(scene, suffix, wrong))

    def _test(self, scene, suffix, wrong):
        def test():
            if wrong:
                raise wrong
            self.judge(scene, suffix)

        test.__name__ = scene.name + suffix
        return test

    def copies(self, mark):
        """What arrived of a message, one (recipient, copy) for each."""
        return [(name, each) for each in self.sink.find("Message-ID: <%s@" % mark)
                for name in each.recipients]

    def judge(self, scene, suffix=""):
        """Whether the scene's mail became what it says. After settle()."""
        for mark, step in self.sent[scene.name + suffix]:
            wanted = self.told(step.arrives)
            copies = self.copies(mark)
            equal(any("<%s@" % mark in text for text in self.on_hold), wanted is HELD,
                  "it is on hold")
            if wanted is None or wanted is HELD:
                equal([name for name, _ in copies], [], "who got it")
            else:
                equal(sorted(name for name, _ in copies),
                      sorted(self.told(name) for name in wanted.recipients), "who got it")
                for _, copy in copies:
                    self._looks(copy, wanted)
        log = self.daemons[scene.policy]
        for record in self.told(scene.records):
            wanted = {key: self.told(value) for key, value in record.items()}
            true(self._logged(scene.policy, wanted), "the log has a record with %r" % wanted)
        for fields in self.told(scene.unlogged):
            found = [each.line for each in log.records()
                     if all(each.get(key) == value for key, value in fields.items())]
            equal(found, [], "what the log says of it")
        for line in scene.logs:
            true(self.told(line) in log.log(), "the log has %r" % self.told(line))

    def _logged(self, policy, wanted):
        """The log is long: it is read again only for what was not there the last time."""
        known = self.records.get(policy, ())
        if any(all(each.get(key) == value for key, value in wanted.items()) for each in known):
            return True
        found = self.daemons[policy].wait_record(**wanted)
        self.records[policy] = self.daemons[policy].records()
        return found

    def _looks(self, copy, wanted):
        if wanted.sender is not None:
            equal(copy.sender, wanted.sender, "sender")
        for name, values in wanted.fields.items():
            equal(copy.values(name), self.told(values), name)
        for name, part in wanted.has.items():
            true(copy.values(name) and self.told(part) in copy.values(name)[0],
                 "%s has %r: %r" % (name, self.told(part), copy.values(name)))
        names = copy.names()
        if wanted.first:
            equal(names[0], wanted.first, "the first field")
        if self.told(wanted.last):
            equal(names[-1], self.told(wanted.last), "the last field")
        if wanted.above:
            true(names.index(wanted.above[0]) < names.index(wanted.above[1]),
                 "%s is above %s: %r" % (*wanted.above, names))
        for part in wanted.lacks:
            true(part not in copy.data, "%r is gone" % part)
        if wanted.body is not None:
            equal(copy.body.decode("utf-8", "replace"), wanted.body, "body")


class Certificates:
    """A throw-away authority, the server's certificate and a client's, made in `folder`."""

    def __init__(self, folder, openssl):
        self.folder = folder
        subject = {"ca": "/CN=Throw-away CA", "server": "/CN=mx.example.org",
                   "client": "/O=Example/CN=client.example.net"}
        for name in ("ca", "server", "client"):
            words = ["req", "-x509" if name == "ca" else "-new", "-newkey", "rsa:2048", "-nodes",
                     "-keyout", self.path(name + ".key"), "-subj", subject[name],
                     "-out", self.path(name + (".pem" if name == "ca" else ".csr"))]
            openssl(*words)
            if name != "ca":
                openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path("ca.pem"),
                        "-CAkey", self.path("ca.key"), "-CAcreateserial", "-days", "2",
                        "-out", self.path(name + ".pem"))

    def path(self, name):
        return "%s/%s" % (self.folder, name)

    def client(self, certificate):
        context = ssl.create_default_context(cafile=self.path("ca.pem"))
        context.check_hostname = False
        if certificate:
            context.load_cert_chain(self.path("client.pem"), self.path("client.key"))
        return context
