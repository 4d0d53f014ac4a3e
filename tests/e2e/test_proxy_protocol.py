"""The PROXY protocol: connections of a balancer that says whose they are, over HTTP and beneath TLS."""
import contextlib
import json
import socket
import ssl
import struct
import threading
import time

from apps import App
from fakes import Server
from harness import BIN, DOMAIN, E2E, Agent, Authority, Broker, Process, eventually
from visitor import Tls, Visitor

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
INET = bytes([203, 0, 113, 9, 192, 0, 2, 1]) + struct.pack(">HH", 40001, 443)
INET6 = socket.inet_pton(socket.AF_INET6, "2001:db8::7") + socket.inet_pton(socket.AF_INET6, "2001:db8::1") + struct.pack(">HH", 40001, 443)
V1 = b"PROXY TCP4 203.0.113.9 192.0.2.1 40001 443\r\n"


def v2(command, family, payload):
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", len(payload)) + payload


class Announced(Visitor):
    """A visitor by a balancer that sends `header` first, in pieces of `chop` bytes."""

    def __init__(self, port, host, header, chop=None, ca=None, source="127.0.0.1"):
        self.host = host
        self.sock = socket.create_connection(("127.0.0.1", port), 30, source_address=(source, 0))
        self.address = "%s:%d" % self.sock.getsockname()
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(header), chop or len(header) or 1):
            self.sock.sendall(header[at:at + (chop or len(header))])
        if ca:
            self.sock = Tls(self.sock, ssl.create_default_context(cafile=str(ca)), host.partition(":")[0])
        self._read = bytearray()


class Adding(Server):
    """A port that passes connections on to the broker, with a header in front."""

    def __init__(self, behind, header):
        self.behind, self.header = behind, header
        super().__init__()

    def serve(self, sock):
        sock.settimeout(None)
        with socket.create_connection(("127.0.0.1", self.behind), 10) as server:
            server.settimeout(None)
            server.sendall(self.header)
            back = threading.Thread(target=self._copy, args=(server, sock), daemon=True)
            back.start()
            self._copy(sock, server)
            back.join(10)

    @staticmethod
    def _copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


class ProxyProtocol(E2E):
    """Balancers have 127.0.0.1, strangers 127.0.0.2."""

    flags = ("--proxy-protocol-from", "127.0.0.1")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.authority = Authority(cls.folder / "ca")
        cls.broker = cls.start(Broker(*cls.flags, "--log-level", "debug", "--connections-per-ip", "3", authority=cls.authority))
        cls.app = App()
        cls.addClassCleanup(cls.app.stop)
        # An agent comes by the balancer, too: this one by a port that adds the header.
        cls.way = Adding(cls.broker.http_port, V1)
        cls.addClassCleanup(cls.way.stop)
        cls.agent = cls.start(Agent(cls.app.port, f"http://127.0.0.1:{cls.way.port}", mux="require"))
        cls.host = f"{cls.agent.tunnel}.{DOMAIN}"

    def visit(self, header, chop=None, tls=False, **options):
        port = self.broker.https_port if tls else self.broker.http_port
        return Announced(port, self.host, header, chop, ca=self.broker.ca if tls else None, **options)

    def forwarded_for(self, header, chop=None, tls=False, fields=()):
        with self.visit(header, chop, tls) as visitor:
            return dict(json.loads(visitor.get("/hash", fields).text)["fields"])["X-Forwarded-For"]

    def refused(self, header, detail, end=False):
        """The connection is closed without a byte, and one line says why."""
        with contextlib.closing(socket.create_connection(("127.0.0.1", self.broker.http_port), 30)) as sock:
            peer = "%s:%d" % sock.getsockname()
            sock.sendall(header)
            if end:
                sock.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(sock.recv(1000), b"")
        self.broker.wait_event("reject", peer=peer)
        lines = [line for line in self.broker.events() if line.get("peer") == peer]
        self.assertEqual([(line["event"], line["reason"], line["detail"]) for line in lines], [("reject", "proxy-header", detail)])

    def test_the_header_s_address_is_the_visitor_s(self):
        for header, ip in ((V1, "203.0.113.9"), (b"PROXY TCP6 2001:db8::7 ::1 40001 443\r\n", "2001:db8::7"),
                           (v2(0x21, 0x11, INET), "203.0.113.9"), (v2(0x21, 0x21, INET6), "2001:db8::7"),
                           (v2(0x21, 0x11, INET + bytes([2, 0, 3]) + b"abc" + bytes(2000)), "203.0.113.9")):
            for chop in (None, 1, 7):
                for tls in (False, True):
                    with self.subTest(header[:30], chop=chop, tls=tls):
                        self.assertEqual(self.forwarded_for(header, chop, tls), ip)

    def test_what_names_no_peer_leaves_the_socket_s_own(self):
        for header in (b"PROXY UNKNOWN\r\n", v2(0x20, 0, b""), v2(0x21, 0x31, bytes(216)), v2(0x21, 0, b"")):
            with self.subTest(header):
                self.assertEqual(self.forwarded_for(header), "127.0.0.1")

    def test_the_visitor_s_own_fields_do_not_count(self):
        self.assertEqual(self.forwarded_for(V1, fields=[("X-Forwarded-For", "7.7.7.7")]), "203.0.113.9")

    def test_the_log_has_the_header_s_address(self):
        with self.visit(V1.replace(b"40001", b"40777")) as visitor:
            visitor.send(b"NONSENSE\r\n\r\n")
            self.assertEqual(visitor.answer().status, 400)
        self.broker.wait_event("reject", peer="203.0.113.9:40777")
        self.assertEqual(self.broker.wait_event("tunnel-up", kind="mux")["from"], "203.0.113.9:40001")

    def test_limits_by_address_go_by_the_header(self):
        """--connections-per-ip counts who is behind the balancer, and not the balancer."""
        other = V1.replace(b"203.0.113.9", b"203.0.113.77")
        with contextlib.ExitStack() as held:
            for _ in range(3):
                visitor = held.enter_context(self.visit(other))
                self.assertEqual(visitor.get("/hello").status, 200)
            with self.visit(other) as fourth:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    fourth.send(b"GET / HTTP/1.1\r\n\r\n")
                self.assertTrue(fourth.at_end())
            self.broker.wait_event("turned-away", peer="203.0.113.77", reason="connections-per-ip")
            with self.visit(V1) as visitor:
                self.assertEqual(visitor.get("/hello").status, 200)

    def test_a_balancer_s_connection_without_a_header(self):
        self.refused(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "missing")
        self.refused(bytes.fromhex("16030100c8010000c40303") + bytes(100), "missing")

    def test_a_header_that_is_cut(self):
        self.refused(V1[:-1], "cut", end=True)
        self.refused(v2(0x21, 0x11, INET)[:-1], "cut", end=True)

    def test_a_header_that_never_ends(self):
        self.refused(b"PROXY TCP4 " + b"1" * 100, "long")
        self.refused(v2(0x21, 0x11, INET + bytes(5000)), "long")
        begin = time.monotonic()
        self.refused(V1[:-1], "time")
        self.assertLess(time.monotonic() - begin, 20)

    def test_a_bad_header(self):
        self.refused(b"PROXY TCP4 203.0.113.9 192.0.2.1 40001 70000\r\n", "port")
        self.refused(v2(0x21, 0x11, INET[:-1]), "short")

    def test_a_balancer_that_only_tries_the_port(self):
        sock = socket.create_connection(("127.0.0.1", self.broker.http_port), 30)
        peer = "%s:%d" % sock.getsockname()
        sock.close()
        self.broker.wait_event("probed", peer=peer)

    def test_a_stranger_s_header_is_no_http(self):
        for header, peer in ((V1, "127.0.0.2"), (v2(0x21, 0x11, INET), "127.0.0.2")):
            with self.visit(header + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", source="127.0.0.2") as visitor:
                self.assertEqual(visitor.answer().status, 400)
                self.broker.wait_event("reject", peer=visitor.address, status=400)

    def test_a_stranger_needs_no_header(self):
        with self.visit(b"", source="127.0.0.2") as visitor:
            fields = dict(json.loads(visitor.get("/hash").text)["fields"])
        self.assertEqual(fields["X-Forwarded-For"], "127.0.0.2")


class Caps(E2E):
    def test_connections_without_their_header_count_as_connections(self):
        broker = self.start(Process("broker", ["prlimit", "--nofile=64:64", BIN / "broker", "--domain", DOMAIN, "--http", "127.0.0.1:0",
                                               "--log-format", "json", "--proxy-protocol-from", "127.0.0.1"]))
        port = int(broker.wait_event("listening")["address"].rpartition(":")[2])
        with contextlib.ExitStack() as held:
            for _ in range(40):  # half of the descriptors are for visitors
                with contextlib.suppress(ConnectionError):
                    held.enter_context(socket.create_connection(("127.0.0.1", port), 30)).sendall(V1[:10])
            broker.wait_event("turned-away", peer="127.0.0.1", reason="connections")
            broker.wait_event("reject", reason="proxy-header", detail="time")
        with socket.create_connection(("127.0.0.1", port), 30) as sock:
            sock.sendall(V1 + f"GET /api/status HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n".encode())
            self.assertTrue(sock.recv(1000).startswith(b"HTTP/1.1 200 "))


class Draining(E2E):
    def test_a_connection_without_its_header_holds_nothing_up(self):
        broker = self.start(Broker("--proxy-protocol-from", "127.0.0.1"))
        with socket.create_connection(("127.0.0.1", broker.http_port), 30) as sock:
            sock.sendall(V1[:10])
            eventually(lambda: broker.fds() and any(self.is_ours(sock, broker)), "the connection is accepted")
            begin = time.monotonic()
            self.assertEqual(broker.stop(), 0)
        self.assertLess(time.monotonic() - begin, 20)
        self.assertTrue(any(e.get("reason") == "proxy-header" and e.get("detail") == "time" for e in broker.events()))

    @staticmethod
    def is_ours(sock, broker):
        """Established sockets of the broker with this peer."""
        port = "%04X" % sock.getsockname()[1]
        with open(f"/proc/{broker.pid}/net/tcp", encoding="ascii") as table:
            for row in table.read().splitlines()[1:]:
                fields = row.split()
                yield fields[2].endswith(":" + port) and fields[3] == "01" and fields[9] != "0"
