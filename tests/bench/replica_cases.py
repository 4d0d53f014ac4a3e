"""The cases of brokers that are replicas: what a visitor who lands elsewhere costs, what the registry is asked, what names
and idle tunnels cost a broker. They are no part of a run of all cases: `./dev bench --only replicas` runs them."""
import collections
import contextlib
import re
import socket
import subprocess
import threading
import time

import harness
import load
from cases import MIB, Case, Transfer, per_request
from subjects import Subject, Tree, used_cpu
from ways import BIG, PAGE

KIB = 1024


class Crossing(Case):
    """Three replicas with a peer link between each two. An agent is on the first; visitors come to that one, or to the
    second. cpu is that of all three brokers: agent, Redis and nginx do the same either way."""

    note = "Three brokers, an agent on the first; their cpu together, without the agent's."

    @contextlib.contextmanager
    def subjects(self):
        with self.bench.new_ways() as ways:
            cluster = ways.cluster()
            found = []
            for link, secure in (("plain", False), ("TLS", True)):
                agent = ways.start(harness.Agent(ways.site.port, cluster[0].host(secure), mux="require",
                                                 ca=cluster.authority.ca if secure else None))
                for where, what, replica in (("own", "the agent's replica", cluster[0]), ("other", "another", cluster[1])):
                    found.append(Subject(f"{what}, agent's link {link}", replica.http_port, f"{agent.tunnel}.{self.bench.domain}",
                                         self.bench.tree(*cluster.replicas), kind=f"{where}-{link.lower()}"))
            for subject in found:  # the peer link stands, windows have grown
                load.wrk(subject, PAGE, 50, 1)
                load.download(subject, BIG)
            yield found


class CrossingRequests(Crossing):
    name, title = "replicas-requests", "1 KiB, 50 visitors, keep-alive, on the agent's replica and on another"
    columns = ("rps", "cpu_us", "p50", "p99", "peak")
    rounds, quick_rounds, seconds = 7, 2, 3

    def measure(self, subject):
        used = {}
        with used_cpu(subject.tree, used):
            told = load.wrk(subject, PAGE, 50, self.how_long)
        return per_request(told, used)


class CrossingDown(Crossing, Transfer):
    name, title = "replicas-down", "100 MB down, on the agent's replica and on another"
    rounds, quick_rounds = 7, 2

    def transfer(self, subject):
        return load.download(subject, BIG)[:2]


class Monitor:
    """What clients send to Redis, by its MONITOR: commands that scripts make in turn are not among them."""

    LINE = re.compile(rb'^\+[\d.]+ \[\d+ (\S+)\] (.*)$')

    def __init__(self, port):
        self.commands = []  # (time, client, words)
        self._sock = socket.create_connection(("127.0.0.1", port), 5)
        self._sock.settimeout(None)
        self._sock.sendall(b"MONITOR\r\n")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        with contextlib.suppress(OSError), self._sock.makefile("rb") as lines:
            for line in lines:
                found = self.LINE.match(line.strip())
                if found and found[1] != b"lua":
                    self.commands.append((time.monotonic(), found[1], found[2]))

    def close(self):
        self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._thread.join()


def calls_of(redis):
    """Calls so far by INFO commandstats: those that scripts make are among them."""
    with socket.create_connection(("127.0.0.1", redis.port), 5) as sock, sock.makefile("rb") as answer:
        sock.sendall(b"INFO commandstats\r\n")
        text = answer.read(int(answer.readline()[1:]))
    return sum(int(calls) for calls in re.findall(rb"calls=(\d+)", text))


def most_in_a_minute(times):
    return max((sum(1 for each in times if first <= each < first + 60) for first in times), default=0)


class RegistryCommands(Case):
    name, title = "replicas-registry", "10,000 tunnels on one of three replicas while nothing changes: what the registry is asked"
    note = ("Commands that the brokers send, and calls as INFO commandstats counts them, in which each command of a script is one. "
            "Lookups: then 20 tunnels are visited on both other replicas once a second; the most that one replica asked for one "
            "name in any minute.")
    columns = ("sent", "calls", "lookups", "count")
    rounds = quick_rounds = 1

    @contextlib.contextmanager
    def subjects(self):
        with self.bench.new_ways() as ways:
            cluster = ways.cluster()
            links = 10 if self.quick else 100
            self.bench.fleet(ways, links, 100, cluster[0])
            yield [Subject("three replicas", cluster[1].http_port, "", self.bench.tree(cluster.redis), kind="replicas",
                           extra={"cluster": cluster, "count": links * 100})]

    def measure(self, subject):
        cluster = subject.extra["cluster"]
        time.sleep(15)  # what is published late has been
        monitor, begin, before, span = Monitor(cluster.redis.port), time.monotonic(), calls_of(cluster.redis), 10 if self.quick else 30
        try:
            time.sleep(span)
            calls = calls_of(cluster.redis) - before - 1
            sent = sum(1 for _, _, words in monitor.commands if b'"INFO"' not in words.upper())
            found = {"sent": sent / (time.monotonic() - begin), "calls": calls / (time.monotonic() - begin), "count": subject.extra["count"]}
            at = len(monitor.commands)
            self._visit(cluster, 10 if self.quick else 130)
            asked = collections.defaultdict(list)
            for when, client, words in monitor.commands[at:]:
                for name in re.findall(rb'"tenfold:name:([^"]+)"', words):
                    asked[client, name].append(when)
            return found | {"lookups": max(map(most_in_a_minute, asked.values()), default=0)}
        finally:
            monitor.close()

    def _visit(self, cluster, seconds):
        end = time.monotonic() + seconds
        visitors = [Subject("", replica.http_port, f"t0000-{i:02}.{self.bench.domain}", Tree()) for replica in cluster.replicas[1:]
                    for i in range(20)]
        while time.monotonic() < end:
            turn = time.monotonic()
            for each in visitors:
                load.size_of_answer(each, PAGE)
            time.sleep(max(0.0, turn + 1 - time.monotonic()))


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number, value):
    """Of protobuf: a number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


class Names(Case):
    name, title = "replicas-names", "50,000 names of another replica in Redis: a replica's memory"
    note = ("Records and their events as another replica writes them. The first: what reading twice so many events takes "
            "once. Grown: by so many more. Once asked: and a visitor has asked for each of a fifth.")
    columns = ("first", "grown", "asked", "count")
    rounds = quick_rounds = 1

    @contextlib.contextmanager
    def subjects(self):
        with self.bench.new_ways() as ways:
            cluster = ways.cluster()
            yield [Subject("a replica", cluster[1].http_port, "", self.bench.tree(cluster[1]), kind="replica",
                           extra={"cluster": cluster})]

    def measure(self, subject):
        count, port = 5_000 if self.quick else 50_000, subject.extra["cluster"].redis.port
        asked = Subject("", subject.port, "", Tree())
        self._ask(asked, "w", 200)  # what the first requests take is no name's
        sizes = [subject.tree.resident()]
        for prefix in ("l", "m", "n"):
            self._write(port, prefix, count)
            time.sleep(10)
            sizes.append(subject.tree.resident())
        self._ask(asked, "n", count // 5)
        return {"first": (sizes[2] - sizes[0]) / KIB, "grown": (sizes[3] - sizes[2]) / KIB,
                "asked": (subject.tree.resident() - sizes[2]) / KIB, "count": count}

    def _write(self, port, prefix, count):
        """Records of so many names and their events."""
        epoch = bytes(range(8))
        with socket.create_connection(("127.0.0.1", port), 30) as sock, sock.makefile("rb") as answers:
            for first in range(0, count, 500):
                text = b""
                for i in range(first, first + 500):
                    name = f"{prefix}{i:06}".encode()
                    member = field(1, b"far") + b"\x11" + epoch + field(3, i + 1) + field(4, b"i" * 22) + field(5, 7)
                    record = field(1, 1) + field(2, b"team-%d" % (i % 100)) + field(3, member) + field(5, 7)
                    event = field(1, 1) + field(2, name) + field(3, 1) + field(4, b"far") + b"\x29" + epoch + field(6, 7)
                    text += self._command(b"SET", b"tenfold:name:" + name, record)
                    text += self._command(b"XADD", b"tenfold:events", b"MAXLEN", b"~", b"10000", b"*", b"e", event)
                sock.sendall(text)
                for _ in range(500):
                    answers.readline()  # +OK
                    answers.read(int(answers.readline()[1:]) + 2)

    @staticmethod
    def _command(*words):
        return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)

    def _ask(self, subject, prefix, count):
        """An answer that there is no such tunnel, for each."""
        with load.connect(subject) as sock:
            for i in range(count):
                sock.sendall(f"GET / HTTP/1.1\r\nHost: {prefix}{i:06}.{self.bench.domain}\r\n\r\n".encode())
                _, length, rest = load.read_head(sock)
                while len(rest) < length:
                    rest += sock.recv(65536)


class ManyIdle(Case):
    """Each tunnel has a link, a token's name for its owner, and rules for its visitors."""

    name, title = "replicas-idle", "10,000 idle tunnels, a link each, with owner and rules: a broker's memory and cpu"
    columns = ("each", "idle", "count")
    rounds = quick_rounds = 1

    @contextlib.contextmanager
    def subjects(self):
        with self.bench.new_ways() as ways:
            file = ways.folder / "tokens"
            made = subprocess.run([harness.BIN / "broker", "token", "new", "--file", file, "--name", "bench"], check=True,
                                  capture_output=True, text=True)
            alone, cluster = ways.broker("--token-file", file), ways.cluster("--token-file", file)
            yield [Subject(label, broker.http_port, "", self.bench.tree(broker), kind=kind,
                           extra={"ways": ways, "broker": broker, "token": made.stdout.strip()})
                   for label, kind, broker in (("a broker alone", "alone", alone), ("one of three replicas", "replica", cluster[0]))]

    def measure(self, subject):
        count = min(1000 if self.quick else 10_000, self.bench.most_links)
        before, extra = subject.tree.resident(), subject.extra
        _, fleet = self.bench.fleet(extra["ways"], count, 1, extra["broker"], extra["token"])
        time.sleep(10)
        used, span = {}, 10 if self.quick else 30
        with used_cpu(subject.tree, used):
            time.sleep(span)
        found = {"each": (subject.tree.resident() - before) / count / KIB, "idle": used["cpu"] / span * 100, "count": count,
                 "peak": used["peak"] / MIB}
        fleet.stop()
        return found


ALL = (CrossingRequests, CrossingDown, RegistryCommands, Names, ManyIdle)
