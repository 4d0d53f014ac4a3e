"""Brokers that are replicas of one, the Redis that they share, and HAProxy in front of them by docs/deploy's files: on
ports of 127.0.0.1, for tests and for `./dev cluster`."""
import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import urllib.request

from balancers import DEPLOY, PATH
from harness import Authority, Broker, Process, eventually, free_port

BALANCER = "127.0.0.2"  # where HAProxy comes from, so that whoever else asks a replica needs no PROXY header


def missing(*programs):
    """What of these this machine lacks, in a sentence; None when nothing."""
    lacking = [program for program in programs if not shutil.which(program, path=PATH)]
    return f"no {', '.join(lacking)} here" if lacking else None


class Redis(Process):
    """A redis-server without a file. `port`: of the one before."""

    def __init__(self, folder, port=None, *flags):
        self.port = port or free_port()
        super().__init__("redis", [shutil.which("redis-server", path=PATH), "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                                   "--appendonly", "no", "--dir", folder, *flags])
        eventually(self._answers, "redis-server answers")

    def _answers(self):
        if self.popen.poll() is not None:
            raise AssertionError("redis-server ended\n" + self.tail())
        with contextlib.suppress(OSError):
            return self.command("PING") == b"+PONG"
        return False

    def command(self, *words):
        """The first line of its answer."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as sock:
            data = b"*%d\r\n" % len(words)
            for word in (str(word).encode() for word in words):
                data += b"$%d\r\n%s\r\n" % (len(word), word)
            sock.sendall(data)
            with sock.makefile("rb") as answers:
                return answers.readline().strip()

    def calm(self):
        """As it is one lease after the first replica came: new names are given at once."""
        self.command("SET", "tenfold:epoch", "of-the-test")

    def kill(self):
        Process.running.remove(self)
        self.popen.kill()
        self.wait_end()


class Replica(Broker):
    """One broker of a cluster; `ports` of the one before it, in its place."""

    KINDS = ("http", "https", "peer", "health", "admin")

    def __init__(self, name, cluster, *flags, ports=None):
        self.replica, self.cluster, self.flags = name, cluster, flags
        ports = ports or dict.fromkeys(self.KINDS, 0)
        args = [*cluster.flags, "--replica-id", name, "--registry", f"redis://127.0.0.1:{cluster.redis_port}", "--cluster-secret-file",
                cluster.secret, "--peer-cert", cluster.peer_cert, "--peer-key", cluster.peer_key, "--peer-ca", cluster.peers.ca,
                "--health", f"127.0.0.1:{ports['health']}", "--admin", f"127.0.0.1:{ports['admin']}", *flags]
        if "--peer-listen" not in flags:
            args += ["--peer-listen", f"127.0.0.1:{ports['peer']}"]
        super().__init__(*args, authority=cluster.authority, http_port=ports["http"], https_port=ports["https"])
        self.name = name
        self.ports = {kind: self._port(kind) for kind in self.KINDS}

    def again(self, *flags):
        """The same replica, after this process has ended."""
        return Replica(self.replica, self.cluster, *self.flags, *flags, ports=self.ports)

    def kill(self):
        Process.running.remove(self)
        self.popen.kill()
        self.wait_end()

    def ready(self):
        """What stands in /readyz, or None where it is not 200."""
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports['health']}/readyz", timeout=5) as answer:
                return answer.read().decode()
        return None

    def api(self, path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.ports['admin']}/api/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")

    def tunnels(self):
        """The names of tunnels whose agents are here."""
        return {each["name"] for each in self.api("tunnels")["tunnels"]}


class Haproxy(Process):
    """docs/deploy's FILE, in front of these replicas."""

    def __init__(self, file, folder, replicas, pem=None, ports=None):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.http_port, self.https_port = ports or (free_port(), free_port())
        head, gap, body = (DEPLOY / file).read_text().partition("\n\n")
        changes = [("bind :80\n", f"bind 127.0.0.1:{self.http_port}\n"), ("bind :443", f"bind 127.0.0.1:{self.https_port}"),
                   ("check port 7091", f"source {BALANCER} check")]
        if pem:
            changes.append(("/etc/haproxy/tunnel.pem", pem))
        for at, replica in enumerate(replicas, 1):
            for stands, kind in (("7080", "http"), ("7443", "https")):
                if f":{stands}" in body:
                    changes.append((f"10.0.0.1{at}:{stands}", f"127.0.0.1:{replica.ports[kind]} port {replica.ports['health']}"))
        for old, new in changes:
            assert old in body, f"{file} has no {old!r}"
            body = body.replace(old, str(new))
        (folder / file).write_text(head + gap + body)
        super().__init__("haproxy", [shutil.which("haproxy", path=PATH), "-db", "-f", folder / file])
        eventually(self._listens, "HAProxy listens")

    def _listens(self):
        if self.popen.poll() is not None:
            raise AssertionError("HAProxy ended\n" + self.tail())
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.http_port), 1).close()
            return True
        return False

    def up(self):
        """The servers that it has taken out, or in again, last of all their lines."""
        state = {}
        for line in self.lines():
            if found := re.search(r"Server (\S+) is (UP|DOWN)", line):
                state[found[1]] = found[2]
        return state


class Cluster:
    """Redis and `count` replicas r1, r2, … `flags`: of each replica; `own_flags`: {place from 0: flags} of one; `believed`:
    the flag by which they take HAProxy's word. Everything is started by `start`, which takes a Process and returns it;
    what it started is its to stop."""

    def __init__(self, folder, *flags, count=3, start=lambda process: process, calm=True, own_flags=None,
                 believed="--proxy-protocol-from"):
        self.folder, self.start = pathlib.Path(folder), start
        self.authority = Authority(self.folder / "ca")
        self.peers = Authority(self.folder / "peers", "authority of replicas")
        self.peer_cert, self.peer_key = self.peers.issue("peer", "DNS:tenfold-peer")
        self.secret = self.folder / "cluster-secret"
        self.secret.write_text(secrets.token_urlsafe(48) + "\n")
        self.secret.chmod(0o600)
        self.flags = (believed, BALANCER, *flags)
        self.redis = start(Redis(self.folder))
        self.redis_port = self.redis.port
        if calm:
            self.redis.calm()
        self.replicas = [start(Replica(f"r{n}", self, *((own_flags or {}).get(n - 1, ())))) for n in range(1, count + 1)]
        eventually(lambda: all(len(replica.api("peers")["peers"]) >= count - 1 for replica in self.replicas), "the replicas know each other")

    def __getitem__(self, at):
        return self.replicas[at]

    def balance(self, file="haproxy-tcp.cfg", **options):
        self.front = self.start(Haproxy(file, self.folder / "front", self.replicas, **options))
        return self.front

    def put(self, replica):
        """A replica that took the place of the one with its name."""
        at = next(at for at, each in enumerate(self.replicas) if each.replica == replica.replica)
        self.replicas[at] = self.start(replica)
        return replica

    def owner(self, name):
        """The replica that has this tunnel's agent; None: none has."""
        for replica in self.replicas:
            if replica.popen.poll() is None:
                with contextlib.suppress(OSError):
                    if name in replica.tunnels():
                        return replica
        return None

    def restart(self, replica, seconds=60):
        """SIGTERM, its end, and the same one once more. Its exit code."""
        replica.send_signal(signal.SIGTERM)
        code = replica.wait_end(seconds)
        Process.running.remove(replica)
        again = self.put(replica.again())
        eventually(again.ready, f"{again.replica} is ready")
        return code


class Passage:
    """TCP to PORT through a port of its own, which a test closes and opens: closed, connections are refused and those that
    run are cut."""

    def __init__(self, port=None):
        self.behind, self._lock, self._socks = port, threading.Lock(), set()
        self.port = free_port()
        self._listener = None
        self.open()

    def open(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._socks:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", self.behind), 5)
                far.settimeout(None)
                with self._lock:
                    self._socks |= {sock, far}
                for pair in ((sock, far), (far, sock)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, from_, to):
        with contextlib.suppress(OSError):
            while data := from_.recv(1 << 18):
                to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._socks.discard(from_)
        from_.close()
