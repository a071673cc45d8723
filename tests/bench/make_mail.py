#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the mail that the bench sends and the DNS that it is checked against.

Every message has a domain and a client of its own, so that a cache has as many names to keep as
there are messages. A domain's SPF record passes at its last term, after two includes, `a` and
`mx` (see --spf); its DKIM key is RSA-2048 (or Ed25519); its DMARC policy is reject.

In the output folder:
  messages/NNNN.eml   relaxed/relaxed signed messages
  list                one line a message, as `load -l` reads it
  records.dns         all records, as `postern --dns` reads them
  unbound.conf        the same, to be included by an unbound that knows nothing else
"""

import argparse
import base64
import os
import random
import subprocess

import dkim
import nacl.signing

TTL = 3600
SELECTOR = "s1"
SIGNED = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type"]
RECIPIENT_DOMAIN = "mx.example.net"
# Words of no meaning, so that no message is like another.
SYLLABLES = "ba be bi bo bu da de di do du ka ke ki ko ku la le li lo lu ma me mi mo mu".split()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=200, help="messages, at most 60000 (200)")
    parser.add_argument("--first", type=int, default=0, help="number of the first domain (0)")
    parser.add_argument("--size", type=int, default=4096, help="bytes a message (4096)")
    parser.add_argument("--keys", type=int, default=20, help="RSA keys, shared by domains (20)")
    parser.add_argument("--spf", choices=list(SPF), default="mixed",
                        help="shape of the SPF records: %s (mixed)" % ", ".join(
                            "%s, %s" % (name, what) for name, (what, _) in SPF.items()))
    parser.add_argument("--ed25519", action="store_true", help="Ed25519 signatures instead")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not 0 <= arguments.first <= arguments.first + arguments.count <= 60000 or \
            arguments.count < 1 or arguments.keys < 1:
        parser.error("--count and --keys are at least 1, --first and --count together 60000")
    if not 2048 <= arguments.size <= 64 << 20:
        parser.error("--size is from 2048 bytes to 64 MB")
    return arguments


def rsa_key():
    """A private key as dkimpy wants it, and the public half for the record."""
    private = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], check=True,
                             capture_output=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout", "-outform", "DER"], input=private,
                            check=True, capture_output=True).stdout
    return private, "v=DKIM1; k=rsa; p=" + base64.b64encode(public).decode()


def ed25519_key(rng):
    key = nacl.signing.SigningKey(rng.randbytes(32))
    public = base64.b64encode(key.verify_key.encode()).decode()
    return base64.b64encode(key.encode()), "v=DKIM1; k=ed25519; p=" + public


def strings(text):
    """A TXT record's character strings, each within 255 bytes."""
    return " ".join('"%s"' % text[i:i + 200] for i in range(0, len(text), 200))


def networks(block):
    return " ".join("ip4:10.%d.%d.0/24" % (block, i) for i in range(12))


def spf_mixed(domain, _):
    """Six look-ups: three TXT, A, MX, and the A of the MX, which is the client."""
    return [(domain, "v=spf1 include:_a.%s include:_b.%s a mx -all" % (domain, domain)),
            ("_a." + domain, "v=spf1 %s ?all" % networks(1)),
            ("_b." + domain, "v=spf1 %s ?all" % networks(2))]


def spf_wide(domain, address):
    return [(domain, "v=spf1 include:_a.%s include:_b.%s include:_c.%s -all"
             % (domain, domain, domain)),
            ("_a." + domain, "v=spf1 %s ~all" % networks(1)),
            ("_b." + domain, "v=spf1 %s ~all" % networks(2)),
            ("_c." + domain, "v=spf1 %s ip4:%s ~all" % (networks(3), address))]


def spf_nested(domain, address):
    return [(domain, "v=spf1 include:_spf.%s -all" % domain),
            ("_spf." + domain, "v=spf1 include:_a.%s include:_b.%s ~all" % (domain, domain)),
            ("_a." + domain, "v=spf1 %s ~all" % networks(1)),
            ("_b." + domain, "v=spf1 %s ip4:%s ~all" % (networks(2), address))]


SPF = {
    "mixed": ("two includes, a and mx", spf_mixed),
    "wide": ("three includes side by side", spf_wide),
    "nested": ("two includes within one", spf_nested),
}


def records_of(domain, address, key, spf):
    reverse = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
    return [
        (domain, "A", "198.18.255.80"),
        (domain, "MX", "10 mail.%s." % domain),
        *((name, "TXT", strings(text)) for name, text in spf(domain, address)),
        ("mail." + domain, "A", address),
        ("mail." + domain, "TXT", strings("v=spf1 a -all")),
        ("%s._domainkey.%s" % (SELECTOR, domain), "TXT", strings(key)),
        ("_dmarc." + domain, "TXT", strings("v=DMARC1; p=reject")),
        (reverse, "PTR", "mail.%s." % domain),
    ]


def lines_of_words(rng, size):
    lines = []
    while size > 0:
        line = ""
        while len(line) < 66:
            line += "".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) + " "
        lines.append(line.rstrip() + ".")
        size -= len(lines[-1]) + 2
    return "\r\n".join(lines) + "\r\n"


def attachment(rng, size, boundary):
    data = base64.encodebytes(rng.randbytes(size * 57 // 78)).decode().replace("\n", "\r\n")
    return ("--%s\r\nContent-Type: application/octet-stream\r\n"
            "Content-Transfer-Encoding: base64\r\n"
            "Content-Disposition: attachment; filename=\"data.bin\"\r\n\r\n%s--%s--\r\n"
            % (boundary, data, boundary))


def message_text(rng, number, domain, size):
    boundary = "part-%016x" % rng.getrandbits(64)
    large = size > 16384
    minute, second = number // 60 % 60, number % 60
    header = [
        "Received: from desk.%s (desk.%s [10.9.8.%d])\r\n\tby mail.%s with ESMTPSA id %016x;\r\n"
        "\tMon, 2 Nov 2026 09:%02d:%02d +0000"
        % (domain, domain, number % 250 + 1, domain, rng.getrandbits(64), minute, second),
        "Received: from localhost by desk.%s with ESMTP id %016x;\r\n"
        "\tMon, 2 Nov 2026 09:%02d:%02d +0000"
        % (domain, rng.getrandbits(64), minute, second),
        "Date: Mon, 2 Nov 2026 09:%02d:%02d +0000" % (minute, second),
        'From: "Author %d" <author@%s>' % (number, domain),
        "To: reader%d@%s" % (number, RECIPIENT_DOMAIN),
        "Subject: " + lines_of_words(rng, 1)[:40],
        "Message-ID: <%016x.%d@%s>" % (rng.getrandbits(64), number, domain),
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed;\r\n\tboundary="%s"' % boundary if large else
        "Content-Type: text/plain; charset=us-ascii",
        "Content-Transfer-Encoding: 7bit",
        "Content-Language: en",
        "User-Agent: bench",
        "List-Unsubscribe: <mailto:leave@%s>,\r\n\t<https://www.%s/leave/%016x>"
        % (domain, domain, rng.getrandbits(64)),
        "Auto-Submitted: auto-generated",
        "Precedence: bulk",
    ]
    text = "\r\n".join(header) + "\r\n\r\n"
    room = size - len(text) - 600       # the signature takes about that
    if not large:
        return text + lines_of_words(rng, max(room, 100))
    return (text + "--%s\r\nContent-Type: text/plain\r\n\r\n%s" %
            (boundary, lines_of_words(rng, 2000)) + attachment(rng, room - 2300, boundary))


def sign(text, domain, private, algorithm):
    signature = dkim.sign(text.encode(), SELECTOR.encode(), domain.encode(), private,
                          canonicalize=(b"relaxed", b"relaxed"), include_headers=SIGNED,
                          signature_algorithm=algorithm)
    return signature + text.encode()


def write_records(folder, records):
    with open(os.path.join(folder, "records.dns"), "w", encoding="ascii") as plain:
        for name, kind, value in records:
            plain.write("%s %s %s\n" % (name, kind, value))
    with open(os.path.join(folder, "unbound.conf"), "w", encoding="ascii") as conf:
        # Without an SOA record nobody could keep for any time that a name is not there.
        conf.write('server:\n\tlocal-zone: "." static\n'
                   "\tlocal-data: '. %d IN SOA ns.invalid. root.invalid. 1 3600 600 86400 %d'\n"
                   % (TTL, TTL))
        for name, kind, value in records:
            conf.write("\tlocal-data: '%s. %d IN %s %s'\n" % (name, TTL, kind, value))


def main():
    arguments = parse_arguments()
    rng = random.Random(arguments.seed)
    os.makedirs(os.path.join(arguments.folder, "messages"), exist_ok=True)
    algorithm = b"ed25519-sha256" if arguments.ed25519 else b"rsa-sha256"
    rsa_keys = [] if arguments.ed25519 else [rsa_key() for _ in range(arguments.keys)]
    records, lines = [], []
    for number in range(arguments.first, arguments.first + arguments.count):
        domain = "d%05d.example" % number
        address = "198.18.%d.%d" % (number // 250, number % 250 + 1)
        private, public = ed25519_key(rng) if arguments.ed25519 else \
            rsa_keys[number % len(rsa_keys)]
        records += records_of(domain, address, public, SPF[arguments.spf][1])
        name = "messages/%04d.eml" % number
        text = message_text(rng, number, domain, arguments.size)
        with open(os.path.join(arguments.folder, name), "wb") as file:
            file.write(sign(text, domain, private, algorithm))
        lines.append("\t".join((name, address, "mail." + domain, "mail." + domain,
                                "bounce@" + domain,
                                "reader%d@%s" % (number, RECIPIENT_DOMAIN))))
    write_records(arguments.folder, records)
    with open(os.path.join(arguments.folder, "list"), "w", encoding="ascii") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
