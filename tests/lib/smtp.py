# SPDX-License-Identifier: BSD-2-Clause
"""Both ends of an SMTP dialogue: a client that says exactly what it is told, and a sink.

Neither knows anything of filters. The client never raises on a refusal: a reply is a value. The
sink takes every message and keeps its bytes, for a mail server to deliver to.
"""

import os
import re
import socket
import socketserver
import threading
import time


class Reply:
    """A reply of an SMTP server. `lines` are the texts without their codes."""

    def __init__(self, code, lines):
        self.code = code
        self.lines = lines

    @property
    def text(self):
        return "\n".join(self.lines)

    @property
    def enhanced(self):
        found = re.match(r"([245]\.\d{1,3}\.\d{1,3})(?: |$)", self.lines[0])
        return found.group(1) if found else None

    def __str__(self):
        return "\n".join("%d %s" % (self.code, line) for line in self.lines)

    __repr__ = __str__


class Smtp:
    """A client. A connection that the server closes gives replies with the code 0."""

    def __init__(self, port, address="127.0.0.1", source=None, timeout=40, greet=True):
        self.socket = socket.create_connection((address, port), timeout,
                                               (source, 0) if source else None)
        self.file = self.socket.makefile("rb")
        self.banner = self.reply() if greet else None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

    def wrap(self, context):
        """TLS from here on: after 220 to STARTTLS."""
        self.file.close()
        self.socket = context.wrap_socket(self.socket)
        self.file = self.socket.makefile("rb")

    def reply(self):
        lines = []
        while True:
            try:
                row = self.file.readline()
            except ConnectionError:
                row = b""
            found = re.match(rb"(\d{3})([ -]?)(.*?)\r?\n$", row, re.S)
            if not found:
                return Reply(0, ["connection closed"])
            lines.append(found.group(3).decode("ascii", "backslashreplace"))
            if found.group(2) != b"-":
                return Reply(int(found.group(1)), lines)

    def send(self, data):
        try:
            self.socket.sendall(data.encode() if isinstance(data, str) else data)
        except ConnectionError:
            pass

    def command(self, text):
        self.send((text.encode() if isinstance(text, str) else text) + b"\r\n")
        return self.reply()

    def ehlo(self, name="client.example.net"):
        return self.command("EHLO " + name)

    def xclient(self, **attributes):
        """Postfix only. Gives the new greeting; say EHLO again after it."""
        return self.command("XCLIENT " + " ".join("%s=%s" % (k, v) for k, v in attributes.items()))

    def mail(self, sender, parameters=""):
        return self.command("MAIL FROM:<%s>%s" % (sender, " " + parameters if parameters else ""))

    def rcpt(self, recipient, parameters=""):
        return self.command("RCPT TO:<%s>%s" % (recipient, " " + parameters if parameters else ""))

    def rset(self):
        return self.command("RSET")

    def data(self):
        return self.command("DATA")

    def content(self, message):
        """The message after DATA: dots are doubled, line ends are CR LF already."""
        body = re.sub(rb"(?m)^\.", b"..", message)
        self.send(body + (b"" if body.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        return self.reply()

    def message(self, sender, recipients, message):
        """
        A whole transaction, and RSET where it ends early; the reply that decided it: of MAIL, of
        the last recipient if all were refused, of DATA or of the message.
        """
        reply = self.mail(sender)
        if reply.code != 250:
            return reply
        replies = [self.rcpt(recipient) for recipient in recipients]
        if not any(each.code in (250, 251) for each in replies):
            self.rset()
            return replies[-1]
        reply = self.data()
        if reply.code != 354:
            self.rset()
            return reply
        return self.content(message)

    def quit(self):
        reply = self.command("QUIT")
        self.close()
        return reply

    def close(self):
        self.file.close()
        self.socket.close()


class Delivered:
    """A message as it reached the sink: the envelope and the bytes."""

    def __init__(self, sender, recipients, data):
        self.sender = sender
        self.recipients = recipients
        self.data = data
        self.head, _, self.body = data.partition(b"\r\n\r\n")
        self.fields = []
        for row in self.head.split(b"\r\n"):
            if row[:1] in (b" ", b"\t") and self.fields:
                name, value = self.fields[-1]
                self.fields[-1] = (name, value + "\r\n" + row.decode("utf-8", "backslashreplace"))
            else:
                name, _, value = row.partition(b":")
                self.fields.append((name.decode("utf-8", "backslashreplace"),
                                    value.decode("utf-8", "backslashreplace")))

    def values(self, name):
        """The values of the fields of that name, unfolded, top to bottom."""
        return [re.sub(r"\r\n[ \t]+", " ", value).strip()
                for field, value in self.fields if field.lower() == name.lower()]

    def names(self):
        return [name for name, value in self.fields]


class _Session(socketserver.StreamRequestHandler):
    timeout = 60

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        try:
            self.talk()
        except (OSError, ValueError):
            pass

    def talk(self):
        sender, recipients = None, []
        self.say("220 sink.invalid ESMTP")
        for row in self.rfile:
            verb = row[:4].upper()
            if verb in (b"EHLO", b"LHLO"):
                self.say("250-sink.invalid")
                self.say("250-8BITMIME")
                self.say("250 SMTPUTF8")
            elif verb == b"MAIL":
                sender, recipients = self.path(row), []
                self.say("250 2.1.0 Ok")
            elif verb == b"RCPT":
                recipients.append(self.path(row))
                self.say("250 2.1.5 Ok")
            elif verb == b"DATA":
                self.say("354 Go ahead")
                self.server.sink.store(Delivered(sender, recipients, self.message()))
                self.say("250 2.0.0 Ok")
            elif verb == b"QUIT":
                self.say("221 2.0.0 Bye")
                return
            else:
                self.say("250 2.0.0 Ok")

    @staticmethod
    def path(row):
        found = re.search(rb"<(.*?)>", row)
        return found.group(1).decode("utf-8", "backslashreplace") if found else ""

    def message(self):
        rows = []
        for row in self.rfile:
            if row == b".\r\n":
                break
            rows.append(row[1:] if row.startswith(b".") else row)
        return b"".join(rows)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Sink:
    """An SMTP server on a free loopback port that keeps what it is given, in `folder` too."""

    def __init__(self, folder=None):
        self.folder = folder
        self._messages = []
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _Session)
        self._server.sink = self
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()

    def store(self, delivered):
        with self._changed:
            self._messages.append(delivered)
            if self.folder:
                name = "%04d.eml" % len(self._messages)
                with open(os.path.join(self.folder, name), "wb") as file:
                    file.write(delivered.data)
            self._changed.notify_all()

    def messages(self):
        with self._changed:
            return list(self._messages)

    def find(self, mark):
        """Delivered messages that hold these bytes (or this text)."""
        mark = mark.encode() if isinstance(mark, str) else mark
        return [delivered for delivered in self.messages() if mark in delivered.data]

    def wait(self, mark, count=1, seconds=20):
        """The first message that holds `mark`, once `count` of them have come; None: too late."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                mark_bytes = mark.encode() if isinstance(mark, str) else mark
                found = [d for d in self._messages if mark_bytes in d.data]
                if len(found) >= count:
                    return found[0]
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
