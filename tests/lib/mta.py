# SPDX-License-Identifier: BSD-2-Clause
"""Private mail servers for tests: Postfix and Sendmail with their own folders and high ports.

Nothing of the machine's own mail system is read or written. Everything that is accepted goes to a
sink (smtp.py), where the delivered bytes can be looked at. Without a filter these servers relay for
anybody: the filter is what the tests are about. Both need root, as the originals do.
"""

import grp
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

from ports import free_port
from smtp import Smtp

POSTFIX_DAEMONS = "/usr/lib/postfix/sbin"


def folder(prefix):
    """A new folder that other users can pass through, as the mail servers' own users must."""
    path = tempfile.mkdtemp(prefix=prefix)
    os.chmod(path, 0o755)
    return path


def read_text(path):
    try:
        with open(path, encoding="utf-8", errors="backslashreplace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def wait_until(condition, seconds=20, pause=0.05):
    """True as soon as the condition is; False when it is not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def listens(port, address="127.0.0.1"):
    try:
        Smtp(port, address, timeout=2, greet=False).close()
    except OSError:
        return False
    return True


class MtaError(Exception):
    pass


def sasl_folder(path, service, owner, logins):
    """
    A folder for Cyrus SASL: passwords in a database of its own, which Debian's packages sasl2-bin
    and libsasl2-modules make and read. Both servers' greeting goes by `service`.conf.
    """
    os.mkdir(path, 0o755)
    database = os.path.join(path, "sasldb2")
    for login, password in logins.items():
        user, realm = login.split("@")
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", database, "-u", realm, user],
                       input=password.encode(), check=True, timeout=60)
    os.chmod(database, 0o600)
    os.chown(database, owner, -1)
    with open(os.path.join(path, service + ".conf"), "w", encoding="ascii") as file:
        file.write("pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: %s\n"
                   "mech_list: PLAIN LOGIN\n" % database)


def sasl_missing():
    """Why nobody can log in here, or None."""
    return None if shutil.which("saslpasswd2") else "SASL: no saslpasswd2"


class PrivatePostfix:
    """
    with PrivatePostfix(sink.port) as postfix:
        port = postfix.listen("unix:postern/a.sock")      # before start()
        postfix.start()
    """

    @staticmethod
    def missing():
        """Why it cannot be had here, or None."""
        if os.geteuid() != 0:
            return "Postfix: needs root"
        if not os.path.exists(POSTFIX_DAEMONS + "/smtpd"):
            return "Postfix: not installed"
        return None

    def __init__(self, sink_port, parameters=None):
        self.dir = folder("pf")
        self.config = os.path.join(self.dir, "etc")
        self.queue = os.path.join(self.dir, "q")
        self.data = os.path.join(self.dir, "data")
        # Postfix logs only to files below the folders named in maillog_file_prefixes.
        self.log_path = os.path.join(self.dir, "maillog")
        self.sockets = os.path.join(self.queue, "postern")
        self.started = False
        self._listeners = []
        for path in (self.config, self.queue, self.data):
            os.mkdir(path, 0o755)
        os.chown(self.data, pwd.getpwnam("postfix").pw_uid, -1)
        # The place that a socket has on a real server: within reach of smtpd, chrooted or not.
        os.mkdir(self.sockets)
        os.chown(self.sockets, 0, grp.getgrnam("postfix").gr_gid)
        os.chmod(self.sockets, 0o2750)
        self.parameters = {
            "compatibility_level": "3.6",
            "queue_directory": self.queue,
            "data_directory": self.data,
            "command_directory": "/usr/sbin",
            "daemon_directory": POSTFIX_DAEMONS,
            "mail_owner": "postfix",
            "setgid_group": "postdrop",
            "myhostname": "mx.example.org",
            "mydomain": "example.org",
            "myorigin": "example.org",
            "mydestination": "",
            "mynetworks": "0.0.0.0/0",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "default_transport": "smtp:[127.0.0.1]:%d" % sink_port,
            "alias_maps": "",
            "alias_database": "",
            "local_recipient_maps": "",
            "local_header_rewrite_clients": "",
            "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
            "smtpd_authorized_xclient_hosts": "127.0.0.1",
            "smtpd_peername_lookup": "no",
            "smtpd_client_connection_count_limit": "0",
            "smtpd_tls_security_level": "none",
            "disable_dns_lookups": "yes",
            "fast_flush_domains": "",
            "in_flow_delay": "0",
            "smtputf8_autodetect_classes": "all",
            "milter_default_action": "tempfail",
            "milter_protocol": "6",
            "milter_connect_timeout": "10s",
            "milter_command_timeout": "30s",
            "milter_content_timeout": "120s",
            "maillog_file": self.log_path,
            "maillog_file_prefixes": self.dir,
        }
        self.parameters.update(parameters or {})

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def socket(self, name):
        """(the milter's address as main.cf has it, the path at which the filter listens)"""
        return "unix:postern/%s.sock" % name, os.path.join(self.sockets, name + ".sock")

    def listen(self, milters, chroot=False, **options):
        """One more SMTP service with these milters; its port."""
        port = free_port()
        options["smtpd_milters"] = milters
        self._listeners.append((port, chroot, options))
        return port

    def log_in(self, logins):
        """Options of listen(): AUTH is offered, with these logins and passwords."""
        path = os.path.join(self.config, "sasl")
        sasl_folder(path, "smtpd", pwd.getpwnam("postfix").pw_uid, logins)
        self.parameters["cyrus_sasl_config_path"] = path
        return {"smtpd_sasl_auth_enable": "yes", "smtpd_sasl_type": "cyrus",
                "smtpd_sasl_path": "smtpd", "smtpd_sasl_security_options": "noanonymous"}

    @staticmethod
    def tls(certificates):
        """Options of listen(): STARTTLS is offered and a client's certificate asked for."""
        return {"smtpd_tls_security_level": "may", "smtpd_tls_ask_ccert": "yes",
                "smtpd_tls_cert_file": certificates.path("server.pem"),
                "smtpd_tls_key_file": certificates.path("server.key"),
                "smtpd_tls_CAfile": certificates.path("ca.pem"),
                "smtpd_tls_session_cache_database": ""}

    def _write(self):
        services = []
        for port, chroot, options in self._listeners:
            services.append("127.0.0.1:%d inet n - %s - - smtpd" % (port, "y" if chroot else "n"))
            services += ["  -o { %s = %s }" % option for option in sorted(options.items())]
        unix = {"cleanup": ("n", 0), "qmgr": ("n", 1), "rewrite": ("-", "-"), "bounce": ("-", 0),
                "defer": ("-", 0), "trace": ("-", 0), "smtp": ("-", "-"), "error": ("-", "-"),
                "retry": ("-", "-"), "discard": ("-", "-"), "showq": ("n", "-"),
                "anvil": ("-", 1), "scache": ("-", 1), "pickup": ("n", 1),
                "tlsmgr": ("-", 1)}
        for name, (private, limit) in unix.items():
            program = {"rewrite": "trivial-rewrite", "defer": "bounce", "trace": "bounce",
                       "retry": "error"}.get(name, name)
            wake = {"pickup": 1, "qmgr": 300}.get(name, "-")
            services.append("%s unix %s - n %s %s %s" % (name, private, wake, limit, program))
        services.append("postlog unix-dgram n - n - 1 postlogd")
        with open(os.path.join(self.config, "master.cf"), "w", encoding="ascii") as file:
            file.write("\n".join(services) + "\n")
        with open(os.path.join(self.config, "main.cf"), "w", encoding="ascii") as file:
            file.writelines("%s = %s\n" % item for item in self.parameters.items())

    def command(self, *words, check=True, **more):
        """A command of Postfix on this instance: postfix.command("postqueue", "-j")."""
        env = dict(os.environ, MAIL_CONFIG=self.config)
        done = subprocess.run(["/usr/sbin/" + words[0], *words[1:]], env=env, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)
        if check and done.returncode != 0:
            raise MtaError("%s: %s" % (" ".join(words), done.stdout.decode("utf-8", "replace")))
        return done.stdout.decode("utf-8", "backslashreplace")

    def start(self):
        self._write()
        self.command("postfix", "start")
        self.started = True
        for port, _, _ in self._listeners:
            if not wait_until(lambda: listens(port)):
                raise MtaError("Postfix does not listen on %d:\n%s" % (port, self.log()))

    def stop(self):
        if self.started:
            self.command("postfix", "stop", check=False)
            self.started = False

    def set(self, **parameters):
        """Changes main.cf of the running instance."""
        self.parameters.update(parameters)
        self._write()
        self.command("postfix", "reload")

    def submit(self, sender, recipients, message):
        """Local submission, as a program on this host does it."""
        self.command("sendmail", "-i", "-f", sender, "--", *recipients, input=message)

    def queued(self):
        """What lies in the queue, one dictionary a message (see postqueue(1), -j)."""
        return [json.loads(row) for row in self.command("postqueue", "-j").splitlines() if row]

    def settled(self, seconds=20):
        """Waits until nothing but held mail is in the queue."""
        return wait_until(lambda: all(m["queue_name"] == "hold" for m in self.queued()), seconds)

    def log(self):
        return read_text(self.log_path)


class PrivateSendmail:
    """
    As PrivatePostfix, from Debian's packages unpacked (not installed) under SENDMAIL_ROOT or
    BUILD/sendmail: contrib/check puts them there.
    """

    @staticmethod
    def root():
        beside = os.path.join(os.environ.get("BUILD", "."), "sendmail")
        return os.environ.get("SENDMAIL_ROOT") or beside

    @staticmethod
    def missing():
        if os.geteuid() != 0:
            return "Sendmail: needs root"
        if not os.path.exists(PrivateSendmail.root() + "/usr/libexec/sendmail/sendmail"):
            return "Sendmail: not unpacked in %s" % os.path.basename(PrivateSendmail.root())
        if not shutil.which("m4"):
            return "Sendmail: no m4"
        return None

    def __init__(self, sink_port, address6=None):
        """Listens on all addresses of IPv4, and on this one of IPv6."""
        self.dir = folder("sm")
        self.queue = os.path.join(self.dir, "q")
        # Sendmail refuses a socket anywhere below a folder that others can write to.
        self.sockets = tempfile.mkdtemp(prefix="sm", dir="/run")
        self.log_path = os.path.join(self.dir, "log")
        self.sink_port = sink_port
        self.addresses = ["0.0.0.0"] + ([address6] if address6 else [])
        self.process = None
        self._listeners = []
        self._more = []
        self._local = []
        os.mkdir(self.queue, 0o700)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.stop()
        for path in (self.dir, self.sockets):
            shutil.rmtree(path, ignore_errors=True)

    def socket(self, name):
        path = os.path.join(self.sockets, name + ".sock")
        return "local:" + path, path

    def listen(self, milter, flags="F=T", timeouts="S:10s;R:10s;E:1m"):
        """One more SMTP daemon with this milter; its port."""
        port = free_port()
        self._listeners.append((port, milter, flags, timeouts))
        return port

    def tls(self, certificates):
        """STARTTLS is offered, and a client's certificate asked for. Before start()."""
        self._more += ["define(`conf%s', `%s')" % (name, certificates.path(file)) for name, file in
                       (("CACERT", "ca.pem"), ("SERVER_CERT", "server.pem"),
                        ("SERVER_KEY", "server.key"))]
        self._more.append("define(`confCACERT_PATH', `%s')" % certificates.folder)

    def log_in(self, logins):
        """AUTH is offered, with these logins and passwords. Before start()."""
        path = os.path.join(self.sockets, "sasl")
        sasl_folder(path, "Sendmail", 0, logins)
        self._more.append("define(`confAUTH_MECHANISMS', `PLAIN LOGIN')")
        # libsasl2 looks there; Sendmail forgets the environment that it was started with.
        self._local.append("ESASL_CONF_PATH=" + path)

    def _submission(self, port):
        """submit.cf: what a program on this host submits goes to the daemon by SMTP."""
        queue = os.path.join(self.dir, "client")
        os.makedirs(queue, 0o700, exist_ok=True)
        # It refuses to run as root; Debian's package makes a user for it.
        shutil.chown(queue, "nobody", "nogroup")
        cf = os.path.join(self.root(), "usr/share/sendmail/cf")
        self._compile("submit", [
            "divert(-1)", "define(`_CF_DIR_', `%s/')" % cf,
            "include(`%s/m4/cf.m4')" % cf, "divert(0)", "OSTYPE(`linux')",
            "define(`confDOMAIN_NAME', `mx.example.org')",
            "define(`MSP_QUEUE_DIR', `%s')" % queue,
            "define(`confPID_FILE', `%s/client.pid')" % self.dir,
            "define(`STATUS_FILE', `%s/client.statistics')" % self.dir,
            "define(`confRUN_AS_USER', `nobody:nogroup')", "define(`confTRUSTED_USER', `nobody')",
            "define(`confSERVICE_SWITCH_FILE', `%s/switch')" % self.dir,
            "define(`confHOSTS_FILE', `/etc/hosts')", "define(`confBIND_OPTS', `')",
            "define(`confDELIVERY_MODE', `interactive')", "define(`confQUEUE_LA', `1000')",
            "define(`confREFUSE_LA', `1000')", "define(`confDELAY_LA', `0')",
            "define(`RELAY_MAILER_ARGS', `TCP $h %d')" % port,
            "FEATURE(`msp', `[127.0.0.1]')", ""])

    def submit(self, sender, recipients, message, port):
        """
        Local submission, as a program on this host does it: SMTP to the daemon. What was said; who
        was put off waits in a queue of its own for settled().
        """
        self._submission(port)
        return self._client("-i", "-f", sender, "--", *recipients, message=message)

    def _client(self, *words, message=b""):
        return subprocess.run(
            self._named([self.root() + "/usr/libexec/sendmail/sendmail",
                         "-C" + self.dir + "/submit.cf", *words]),
            input=message, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
            env=dict(os.environ, LD_LIBRARY_PATH=self._libraries())
        ).stdout.decode("utf-8", "backslashreplace")

    def _compile(self, name, rows):
        source = os.path.join(self.dir, name + ".mc")
        with open(source, "w", encoding="ascii") as file:
            file.write("\n".join(rows))
        with open(os.path.join(self.dir, name + ".cf"), "wb") as file:
            subprocess.run(["m4", source], stdout=file, check=True, timeout=60)

    def _write(self):
        cf = os.path.join(self.root(), "usr/share/sendmail/cf")
        rows = [
            "divert(-1)", "define(`_CF_DIR_', `%s/')" % cf,
            "include(`%s/m4/cf.m4')" % cf, "divert(0)", "OSTYPE(`linux')",
            "define(`confDOMAIN_NAME', `mx.example.org')",
            "define(`QUEUE_DIR', `%s')" % self.queue,
            "define(`confPID_FILE', `%s/pid')" % self.dir,
            "define(`STATUS_FILE', `%s/statistics')" % self.dir,
            "define(`HELP_FILE', `/dev/null')", "define(`ALIAS_FILE', `')",
            "define(`confCW_FILE', `/dev/null')", "define(`confCT_FILE', `/dev/null')",
            "define(`confHOST_STATUS_DIRECTORY', `')", "define(`confCONTROL_SOCKET_NAME', `')",
            "define(`confSERVICE_SWITCH_FILE', `%s/switch')" % self.dir,
            "define(`confHOSTS_FILE', `/etc/hosts')",
            "define(`confTRUSTED_USER', `root')", "define(`confTO_IDENT', `0')",
            "define(`confQUEUE_LA', `1000')", "define(`confREFUSE_LA', `1000')",
            "define(`confDELAY_LA', `0')", "define(`confPRIVACY_FLAGS', `')",
            "define(`confBAD_RCPT_THROTTLE', `')", "define(`confLOG_LEVEL', `14')",
            "define(`confDELIVERY_MODE', `background')", "define(`confBIND_OPTS', `')",
            "define(`confDONT_PROBE_INTERFACES', `True')",
            "define(`confRELAY_MAILER', `relay')",
            "define(`RELAY_MAILER_ARGS', `TCP $h %d')" % self.sink_port,
            "define(`SMART_HOST', `relay:[127.0.0.1]')",
            "define(`MAIL_HUB', `relay:[127.0.0.1]')", "define(`LOCAL_RELAY', `relay:[127.0.0.1]')",
            "FEATURE(`promiscuous_relay')", "FEATURE(`accept_unresolvable_domains')",
            "FEATURE(`accept_unqualified_senders')", "FEATURE(`nocanonify')",
            "FEATURE(`no_default_msa')",
        ] + self._more
        for number, (port, milter, flags, timeouts) in enumerate(self._listeners):
            name = "filter%d" % number
            if milter:
                rows.append("MAIL_FILTER(`%s', `S=%s, %s, T=%s')" % (name, milter, flags, timeouts))
            for address in self.addresses:
                family = "inet6" if ":" in address else "inet"
                rows.append("DAEMON_OPTIONS(`Name=MTA%d-%s, Family=%s, Addr=%s, Port=%d%s')"
                            % (number, family, family, address, port,
                               ", InputMailFilters=" + name if milter else ""))
        rows += ["MAILER(`local')", "MAILER(`smtp')", "LOCAL_CONFIG", *self._local, ""]
        with open(os.path.join(self.dir, "switch"), "w", encoding="ascii") as file:
            file.write("hosts files\naliases files\n")
        self._compile("sendmail", rows)

    @staticmethod
    def _named(words):
        """Sendmail waits a minute for an unqualified host name to become a better one."""
        if "." in os.uname().nodename:
            return words
        named = ["unshare", "--uts", "sh", "-c", 'hostname mx.example.org && exec "$@"', "sh"]
        if subprocess.run(named + ["true"], stderr=subprocess.DEVNULL).returncode == 0:
            return named + words
        return words

    def start(self):
        self._write()
        words = self._named([self.root() + "/usr/libexec/sendmail/sendmail",
                             "-C" + self.dir + "/sendmail.cf", "-bD", "-q1m"])
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=dict(os.environ, LD_LIBRARY_PATH=self._libraries()), start_new_session=True)
        for port, _, _, _ in self._listeners:
            if not wait_until(lambda: all(listens(port, each) for each in self.addresses)
                              or self.process.poll() is not None, 90):
                raise MtaError("Sendmail does not listen on %d:\n%s" % (port, self.log()))
            if self.process.poll() is not None:
                raise MtaError("Sendmail has ended:\n%s" % self.log())

    def _libraries(self):
        found = []
        for top, _, files in os.walk(self.root()):
            if any(re.search(r"\.so\.\d", name) for name in files):
                found.append(top)
        return ":".join(found)

    def stop(self):
        if self.process is None:
            return
        # Its children, one a connection, are of its session: all end with it.
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, how)
                self.process.wait(5)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.process = None

    def queued(self):
        """The queue's control files: {queue id: its text}; quarantined ones begin with hf."""
        found = {}
        for name in os.listdir(self.queue):
            if name[:2] in ("qf", "hf"):
                found[name] = read_text(os.path.join(self.queue, name))
        return found

    def settled(self, seconds=60):
        """Waits until nothing but quarantined mail is in the queues, and has them run meanwhile."""
        client = os.path.join(self.dir, "client")

        def empty():
            if not os.path.isdir(client) or not os.listdir(client):
                return all(name.startswith("hf") for name in self.queued())
            self._client("-q")
            return False
        return wait_until(empty, seconds, 0.3)

    def log(self):
        return read_text(self.log_path)
