# SPDX-License-Identifier: BSD-2-Clause
"""The MTA's side of the milter protocol, version 2 to 6, to talk to a filter without an MTA.

Step by step:

    with Milter("unix:/tmp/x.sock") as m:
        m.negotiate()                       # m.actions, m.steps: what the filter asked for
        m.connect("host.example", "192.0.2.1", 4321, macros={"j": "mx.example"})
        m.helo("host.example")
        reply = m.mail("<a@example.org>", "SIZE=100")
        m.rcpt("<b@example.net>")
        m.data()
        m.header("From", " a@example.org")  # the value: all after the colon
        m.eoh()
        m.body(b"Hello\\r\\n")
        reply = m.eom()                     # reply.edits, reply.progress
        m.quit()

Every step returns a Reply, or None where none is due: the filter asked not to be sent the step
(nothing is sent then) or said that it would not answer it. Like an MTA, this sends only the macros
that the filter listed for a stage, where it listed any.

Or a whole message, as an MTA would go through it:

    outcome = deliver("unix:/tmp/x.sock", sender="<a@example.org>", recipients=["<b@example.net>"],
                      message=b"From: a@example.org\\r\\n\\r\\nHello\\r\\n", client="192.0.2.1")
    outcome.verdict   # "accept", "reject", "tempfail" or "discard"
    outcome.stage     # where it was told: connect helo mail rcpt data header eoh body eom
    outcome.reply     # the Reply that decided; outcome.recipients: the Reply to each RCPT
    outcome.edits     # [Edit]; outcome.headers: [(name, value)] once they are made

What the filter does against the protocol raises ProtocolError; a filter that hangs up, Closed.
"""

import socket
import struct

# SMFIF_*: what a filter may do.
# An insertion this far down adds at the end.
PAST_THE_END = 1 << 16
ADDHDRS, CHGBODY, ADDRCPT, DELRCPT, CHGHDRS = 0x01, 0x02, 0x04, 0x08, 0x10
QUARANTINE, CHGFROM, ADDRCPT_PAR, SETSYMLIST = 0x20, 0x40, 0x80, 0x100
ACTIONS = 0x1FF

# SMFIP_*: steps not sent, replies not awaited, and the rest.
NOCONNECT, NOHELO, NOMAIL, NORCPT, NOBODY, NOHDRS, NOEOH = (1 << n for n in range(7))
NR_HDR, NOUNKNOWN, NODATA, SKIP, RCPT_REJ = (1 << n for n in range(7, 12))
NR_CONN, NR_HELO, NR_MAIL, NR_RCPT = (1 << n for n in range(12, 16))
NR_DATA, NR_UNKN, NR_EOH, NR_BODY = (1 << n for n in range(16, 20))
HDR_LEADSPC = 1 << 20
STEPS = 0x1FFFFF
STEPS_V2 = 0x7F  # what a version 2 MTA offers

# Stages of macro lists, SMFIM_*.
STAGES = {0: "connect", 1: "helo", 2: "mail", 3: "rcpt", 4: "data", 5: "eom", 6: "eoh"}

CHUNK = 65535

REPLIES = {b"a": "accept", b"c": "continue", b"d": "discard", b"r": "reject", b"t": "tempfail",
           b"s": "skip", b"4": "shutdown", b"f": "connfail"}


class ProtocolError(Exception):
    pass


class Closed(Exception):
    """The filter has closed the connection."""


class Reply:
    """What the filter answered. A reply with a text has code, enhanced and text; kind is then
    "reject" or "tempfail" by its code."""

    def __init__(self, kind, line=None):
        self.kind = kind
        self.line = line
        self.code = self.enhanced = self.text = None
        self.edits = []
        self.progress = 0
        if line is not None:
            self.code = int(line[:3])
            words = line[4:].split(" ", 1)
            if words[0][:2] in ("4.", "5.") and words[0].count(".") == 2:
                self.enhanced = words[0]
                self.text = words[1] if len(words) > 1 else ""
            else:
                self.text = line[4:]
            # The MTA undoes the doubling.
            self.text = self.text.replace("%%", "%")

    def __repr__(self):
        return "Reply(%s%s)" % (self.kind, "" if self.line is None else ", %r" % self.line)


class Edit:
    """kind: add, insert, change (an empty value deletes), addrcpt, delrcpt, quarantine, body,
    chgfrom. `value` of a header is as the filter sent it, `index` that of insert or change."""

    def __init__(self, kind, name=None, value=None, index=None):
        self.kind, self.name, self.value, self.index = kind, name, value, index

    def __eq__(self, other):
        return vars(self) == vars(other)

    def __repr__(self):
        parts = (self.kind, self.name, self.value, self.index)
        return "Edit(%s)" % ", ".join(repr(part) for part in parts if part is not None)


def open_socket(where, timeout=10):
    """A connected socket to unix:PATH, local:PATH, inet:PORT@HOST or inet6:PORT@HOST."""
    kind, rest = where.split(":", 1)
    if kind in ("unix", "local"):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        s.settimeout(timeout)
        s.connect(rest)
        return s
    port, host = rest.split("@", 1)
    return socket.create_connection((host.strip("[]"), int(port)), timeout)


def _text(data):
    return data.decode("utf-8", "surrogateescape")


def _bytes(value):
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


class Milter:
    def __init__(self, where, version=6, actions=ACTIONS, steps=STEPS, timeout=10):
        """Connects. `actions` and `steps` are what negotiate() offers."""
        self.version, self.offered_actions, self.offered_steps = version, actions, steps
        self.actions = self.steps = 0
        self.lists = {}  # stage: names of macros that the filter wants, with their braces
        self.socket = open_socket(where, timeout)
        self._buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        """Hangs up, without a word."""
        self.socket.close()

    # ---- packets ----

    def raw(self, data):
        """Bytes as they are."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed("while sending") from None

    def packet(self, command, payload=b""):
        self.raw(struct.pack("!I", len(payload) + 1) + command + payload)

    def _exactly(self, n):
        while len(self._buffer) < n:
            try:
                more = self.socket.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                raise Closed("%d bytes of a packet were there" % len(self._buffer))
            self._buffer += more
        data, self._buffer = self._buffer[:n], self._buffer[n:]
        return data

    def receive(self):
        """The next packet of the filter: (command, payload)."""
        size = struct.unpack("!I", self._exactly(4))[0]
        if size == 0 or size > 16 * 1024 * 1024:
            raise ProtocolError("packet of %d bytes" % size)
        data = self._exactly(size)
        return data[:1], data[1:]

    def pending(self):
        """True if more than what was asked for has been read."""
        return bool(self._buffer)

    def quiet(self, seconds=0.2):
        """True if the filter says nothing for that long, and does not hang up."""
        if self._buffer:
            return False
        self.socket.settimeout(seconds)
        try:
            self._buffer += self.socket.recv(65536)
            return False
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(10)

    def closed(self, seconds=5):
        """True if the filter hangs up within that time and says nothing before."""
        self.socket.settimeout(seconds)
        try:
            return not self._buffer and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        finally:
            self.socket.settimeout(10)

    # ---- negotiation ----

    def negotiate(self):
        self.packet(b"O", struct.pack("!III", self.version, self.offered_actions,
                                      self.offered_steps))
        command, payload = self.receive()
        if command != b"O" or len(payload) < 12:
            raise ProtocolError("answer to the negotiation: %r %r" % (command, payload))
        version, self.actions, self.steps = struct.unpack("!III", payload[:12])
        rest = payload[12:]
        while len(rest) > 4:
            stage = struct.unpack("!I", rest[:4])[0]
            end = rest.index(b"\0", 4)
            self.lists[STAGES[stage]] = _text(rest[4:end]).split()
            rest = rest[end + 1:]
        if version > self.version:
            raise ProtocolError("version %d was chosen of %d" % (version, self.version))
        if self.actions & ~self.offered_actions:
            raise ProtocolError("actions 0x%x of 0x%x" % (self.actions, self.offered_actions))
        if self.steps & ~self.offered_steps:
            raise ProtocolError("steps 0x%x of 0x%x" % (self.steps, self.offered_steps))
        return self

    # ---- steps ----

    def macros(self, command, stage, macros):
        """Sends macros for a command; names with or without their braces."""
        if macros is None:
            return
        named = {name if len(name) == 1 or name[0] == "{" else "{%s}" % name: value
                 for name, value in macros.items()}
        if stage in self.lists:
            named = {name: value for name, value in named.items() if name in self.lists[stage]}
        payload = b"".join(_bytes(word) + b"\0" for pair in named.items() for word in pair)
        if payload:
            self.packet(b"D", command + payload)

    def reply(self):
        """Waits for the answer to a step; edits and signs of life come before it."""
        edits, progress = [], 0
        while True:
            command, payload = self.receive()
            if command == b"p":
                progress += 1
                continue
            if command == b"y":
                line = _text(payload.rstrip(b"\0"))
                if len(line) < 4 or line[0] not in "45":
                    raise ProtocolError("reply %r" % line)
                answer = Reply("tempfail" if line[0] == "4" else "reject", line)
            elif command in REPLIES:
                answer = Reply(REPLIES[command])
            else:
                edits.append(self._edit(command, payload))
                continue
            answer.edits, answer.progress = edits, progress
            return answer

    def _edit(self, command, payload):
        needed = {b"h": ADDHDRS, b"i": ADDHDRS, b"m": CHGHDRS, b"+": ADDRCPT, b"2": ADDRCPT_PAR,
                  b"-": DELRCPT, b"q": QUARANTINE, b"b": CHGBODY, b"e": CHGFROM}
        if command not in needed:
            raise ProtocolError("packet %r %r" % (command, payload))
        if not self.actions & needed[command]:
            raise ProtocolError("edit %r was not negotiated" % command)
        if command in (b"i", b"m"):
            index = struct.unpack("!I", payload[:4])[0]
            name, value = (_text(x) for x in payload[4:].split(b"\0")[:2])
            if command == b"i" and index >= PAST_THE_END:
                return Edit("add", name, value)
            return Edit("insert" if command == b"i" else "change", name, value, index)
        if command == b"h":
            name, value = (_text(x) for x in payload.split(b"\0")[:2])
            return Edit("add", name, value)
        kind = {b"+": "addrcpt", b"2": "addrcpt", b"-": "delrcpt", b"q": "quarantine",
                b"b": "body",
                b"e": "chgfrom"}[command]
        return Edit(kind, value=_text(payload if command == b"b" else payload.split(b"\0")[0]))

    def _step(self, command, payload, unwanted, unanswered, stage=None, macros=None):
        if self.steps & unwanted:
            return None
        self.macros(command, stage, macros)
        self.packet(command, payload)
        if self.steps & unanswered:
            return None
        return self.reply()

    def connect(self, name="[192.0.2.1]", address="192.0.2.1", port=25000, macros=None):
        """An address with a colon is IPv6, one with a slash a unix socket, None unknown."""
        if address is None:
            where = b"U"
        else:
            family = b"6" if ":" in address else b"L" if "/" in address else b"4"
            where = family + struct.pack("!H", port) + _bytes(address) + b"\0"
        return self._step(b"C", _bytes(name) + b"\0" + where, NOCONNECT, NR_CONN, "connect",
                          macros)

    def helo(self, name="client.example", macros=None):
        return self._step(b"H", _bytes(name) + b"\0", NOHELO, NR_HELO, "helo", macros)

    def mail(self, path, *parameters, macros=None):
        payload = b"".join(_bytes(x) + b"\0" for x in (path,) + parameters)
        return self._step(b"M", payload, NOMAIL, NR_MAIL, "mail", macros)

    def rcpt(self, path, *parameters, macros=None):
        payload = b"".join(_bytes(x) + b"\0" for x in (path,) + parameters)
        return self._step(b"R", payload, NORCPT, NR_RCPT, "rcpt", macros)

    def data(self, macros=None):
        return self._step(b"T", b"", NODATA, NR_DATA, "data", macros)

    def header(self, name, value):
        """`value` is all that follows the colon, folds as LF and white space."""
        value = _bytes(value)
        if not self.steps & HDR_LEADSPC and value[:1] == b" ":
            value = value[1:]
        return self._step(b"L", _bytes(name) + b"\0" + value + b"\0", NOHDRS, NR_HDR)

    def eoh(self, macros=None):
        return self._step(b"N", b"", NOEOH, NR_EOH, "eoh", macros)

    def body(self, data):
        """One chunk of at most CHUNK bytes."""
        return self._step(b"B", data, NOBODY, NR_BODY)

    def eom(self, macros=None):
        return self._step(b"E", b"", 0, 0, "eom", macros)

    def unknown(self, command):
        return self._step(b"U", _bytes(command) + b"\0", NOUNKNOWN, NR_UNKN)

    def abort(self):
        self.packet(b"A")

    def quit(self):
        """Says goodbye and sees that the filter hangs up."""
        self.packet(b"Q")
        if not self.closed():
            raise ProtocolError("the filter does not hang up at QUIT")
        self.close()


class Outcome:
    def __init__(self):
        self.verdict = "accept"
        self.stage = "eom"
        self.reply = None
        self.recipients = []
        self.edits = []
        self.held = None
        self.headers = []


def split_message(message):
    """([(name, value)], body): values are all after the colon, folds as LF and white space."""
    head, _, body = message.replace(b"\r\n", b"\n").partition(b"\n\n")
    headers = []
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t") and headers:
            headers[-1] = (headers[-1][0], headers[-1][1] + "\n" + _text(line))
        elif line:
            name, _, value = line.partition(b":")
            headers.append((_text(name), _text(value)))
    return headers, body.replace(b"\n", b"\r\n")


def apply_edits(headers, edits, leadspc=True):
    """The fields after the edits, by Postfix's rules: deleting one renumbers those behind it."""
    headers = list(headers)
    blank = "" if leadspc else " "
    for edit in edits:
        if edit.kind == "add":
            headers.append((edit.name, blank + edit.value))
        elif edit.kind == "insert":
            headers.insert(edit.index, (edit.name, blank + edit.value))
        elif edit.kind == "change":
            places = [n for n, (name,
                                _) in enumerate(headers) if name.lower() == edit.name.lower()]
            found = places[edit.index - 1:edit.index] if edit.index > 0 else []
            if found and edit.value == "":
                del headers[found[0]]
            elif found:
                headers[found[0]] = (edit.name, blank + edit.value)
            elif edit.value != "":
                headers.append((edit.name, blank + edit.value))
    return headers


def _decides(outcome, stage, reply):
    """Does this reply end the message?"""
    if reply is None or reply.kind in ("continue", "skip"):
        return False
    outcome.verdict, outcome.stage, outcome.reply = reply.kind, stage, reply
    return True


def deliver(where, sender, recipients, message=b"Subject: test\r\n\r\ntest\r\n",
            client="192.0.2.1",
            name=None, helo="client.example", macros=None, parameters=(), milter=None, **options):
    """
    One message in a connection of its own, or, with `milter`, on one that has had its HELO.
    `macros` are sent with each stage at which MTAs know them: {"mail": {...}, "rcpt": {...}}; of
    rcpt also a function of the path. Options go to Milter().
    """
    macros = dict(macros or {})
    outcome = Outcome()
    m = milter or Milter(where, **options)
    try:
        if milter is None:
            m.negotiate()
            if _decides(outcome, "connect", m.connect(name or "[%s]" % client, client,
                                                      macros=macros.get("connect"))):
                return outcome
            if _decides(outcome, "helo", m.helo(helo, macros=macros.get("helo"))):
                return outcome
        _message(m, outcome, sender, recipients, message, macros, parameters)
        if milter is None:
            m.quit()
        return outcome
    finally:
        if milter is None:
            m.close()


def _message(m, outcome, sender, recipients, message, macros, parameters):
    if _decides(outcome, "mail", m.mail(sender, *parameters, macros=macros.get("mail"))):
        return
    taken = 0
    for path in recipients:
        about = macros.get("rcpt")
        if about is None or callable(about):
            about = about(path) if about else {"rcpt_addr": path.strip("<>"),
                                               "rcpt_mailer": "local"}
        reply = m.rcpt(path, macros=about)
        outcome.recipients.append(reply)
        if reply is not None and reply.kind in ("accept", "discard"):
            _decides(outcome, "rcpt", reply)
            return
        taken += reply is None or reply.kind == "continue"
    if taken == 0:
        m.abort()
        outcome.verdict, outcome.stage = outcome.recipients[-1].kind, "rcpt"
        outcome.reply = outcome.recipients[-1]
        return
    if _decides(outcome, "data", m.data(macros=macros.get("data", {"i": "4QUEUEID"}))):
        return
    headers, body = split_message(message)
    for field in headers:
        if _decides(outcome, "header", m.header(*field)):
            return
    if _decides(outcome, "eoh", m.eoh(macros=macros.get("eoh", {"i": "4QUEUEID"}))):
        return
    for start in range(0, len(body), CHUNK):
        reply = m.body(body[start:start + CHUNK])
        if _decides(outcome, "body", reply):
            return
        if reply is not None and reply.kind == "skip":
            break
    reply = m.eom(macros=macros.get("eom", {"i": "4QUEUEID"}))
    outcome.reply = reply
    if not _decides(outcome, "eom", reply):
        outcome.verdict = "accept"
    if outcome.verdict == "accept":
        outcome.edits = reply.edits
        outcome.held = next((e.value for e in reply.edits if e.kind == "quarantine"), None)
        outcome.headers = apply_edits(headers, reply.edits, bool(m.steps & HDR_LEADSPC))
