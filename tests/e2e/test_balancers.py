"""HAProxy and nginx in front of the broker, by the files of docs/deploy: what comes through, and whose it is."""
import asyncio
import json
import signal
import ssl
import unittest

import websockets

from apps import App, WebSocketEcho, data_of, digest
from balancers import Balancer, Health, missing
from harness import DOMAIN, E2E, Agent, Authority, Broker, eventually
from visitor import Visitor

VISITOR = "127.0.0.3"  # the balancer reaches the broker from 127.0.0.1


class Cases:
    """A mux agent and visitors, all through the balancer. Two of the three brokers are away."""

    file = None
    tcp = False  # TLS goes through
    replace = ()

    @classmethod
    def setUpClass(cls):
        if why := missing(cls.file):
            raise unittest.SkipTest(why)
        super().setUpClass()
        cls.authority = Authority(cls.folder / "ca")
        flags = ["--proxy-protocol-from" if cls.tcp else "--proxy", "127.0.0.1", "--log-level", "debug"]
        cls.broker = cls.start(Broker(*flags, authority=cls.authority))
        cls.health = Health()
        cls.addClassCleanup(cls.health.stop)
        certificate, key = cls.authority.folder / "broker.pem", cls.authority.folder / "broker.key"
        tls = {}
        if not cls.tcp:
            pem = cls.folder / "tunnel.pem"
            pem.write_bytes(certificate.read_bytes() + key.read_bytes())
            tls = {"pem": pem} if cls.file.startswith("haproxy") else {"certificate": certificate, "key": key}
        cls.front = cls.start(Balancer(cls.file, cls.folder / "front", cls.broker.http_port, cls.broker.https_port,
                                       cls.health.port, replace=cls.replace, **tls))
        cls.app, cls.echo = App(), WebSocketEcho()
        cls.tunnels = {}
        for name, app in (("app", cls.app), ("echo", cls.echo)):
            cls.addClassCleanup(app.stop)
            agent = cls.start(Agent(app.port, f"https://127.0.0.1:{cls.front.https_port}", mux="require", ca=cls.broker.ca))
            cls.tunnels[name] = f"{agent.tunnel}.{DOMAIN}"

    def visitor(self, tls=False):
        port = self.front.https_port if tls else self.front.http_port
        return Visitor(port, self.tunnels["app"], ca=self.broker.ca if tls else None, source=VISITOR)

    def fields_at_app(self, tls, *fields):
        with self.visitor(tls) as visitor:
            found = json.loads(visitor.get("/hash", fields).text)["fields"]
        return {name.lower(): value for name, value in found}

    def test_the_app_hears_who_asks(self):
        for tls in (False, True):
            with self.subTest(tls=tls):
                fields = self.fields_at_app(tls)
                self.assertEqual(fields["x-forwarded-for"], VISITOR if self.tcp else f"{VISITOR}, 127.0.0.1")
                self.assertEqual(fields["x-forwarded-proto"], "https" if tls else "http")
                self.assertEqual(fields["host"], self.tunnels["app"])

    def test_a_visitor_s_own_word_does_not_count(self):
        said = [("X-Forwarded-For", "7.7.7.7"), ("X-Forwarded-Proto", "ftp"), ("X-Forwarded-Host", "other.example"),
                ("Forwarded", "for=7.7.7.7"), ("X-Real-IP", "7.7.7.7"), ("X_Forwarded_For", "7.7.7.7")]
        for tls in (False, True):
            with self.subTest(tls=tls):
                fields = self.fields_at_app(tls, *said)
                self.assertNotIn("7.7.7.7", str(fields))
                self.assertNotIn("other.example", str(fields))
                self.assertEqual(fields["x-forwarded-proto"], "https" if tls else "http")

    def test_the_broker_s_log_has_the_visitor_s_address(self):
        with self.visitor() as visitor:
            self.assertEqual(visitor.get("/hello").text, "hello\n")
        if self.tcp:
            self.broker.wait_event("request", peer=visitor.address)

    def test_bodies_in_both_directions(self):
        for tls in (False, True):
            with self.visitor(tls) as visitor:
                for size in (0, 1, 70_000, 3_000_000):
                    self.assertEqual(visitor.get(f"/bytes/{size}").sha256, digest(data_of(size)))
                    seen = json.loads(visitor.request("POST", "/hash", body=data_of(size)).text)
                    self.assertEqual(seen["sha256"], digest(data_of(size)))

    def test_a_websocket(self):
        async def talk(scheme, port, **options):
            url = f"{scheme}://{self.tunnels['echo']}:{port}/greet"
            async with websockets.connect(url, host="127.0.0.1", port=port, max_size=None, **options) as socket_:
                self.assertEqual(await socket_.recv(), "welcome")
                for message in ("text", b"bytes", bytes(500_000)):
                    await socket_.send(message)
                    self.assertEqual(await socket_.recv(), message)

        asyncio.run(talk("ws", self.front.http_port))
        asyncio.run(talk("wss", self.front.https_port, ssl=ssl.create_default_context(cafile=str(self.broker.ca))))

    def test_events_come_as_they_are_sent(self):
        with self.visitor() as visitor:
            visitor.send(visitor.head("GET", "/sse"))
            pieces = visitor.body(visitor.answer_head())
            for event in (b"one", b"two"):
                self.app.events.put(event)
                heard = b""
                while b"\n\n" not in heard:
                    heard += next(pieces)
                self.assertEqual(heard, b"data: " + event + b"\n\n")
            self.app.events.put(None)
            self.assertEqual(b"".join(pieces), b"")

    def test_brokers_that_are_away_cost_no_request(self):
        for number in range(12):
            with self.visitor() as visitor:
                self.assertEqual((number, visitor.get("/hello").status), (number, 200))


class HaproxyCases(Cases):
    def test_a_broker_that_is_not_ready_gets_no_new_connection(self):
        with self.visitor() as kept:
            self.assertEqual(kept.get("/hello").status, 200)
            self.health.status = 503
            try:
                eventually(lambda: not self.is_served(), "the broker is left out")
                if self.tcp:
                    self.assertEqual(kept.get("/hello").status, 200)
            finally:
                self.health.status = 200
            eventually(self.is_served, "the broker is back")

    def test_a_broker_that_refuses_though_its_check_passes_costs_no_request(self):
        """As for two seconds after it was killed."""
        before = len(self.front.lines())
        health = Health(self.health.port, Balancer.ABSENT[0])
        try:
            self.front.wait_for(lambda front: any("broker-1 is UP" in line for line in front.lines()[before:]), "broker-1 up")
            for number in range(10):
                with self.visitor() as visitor:
                    self.assertEqual((number, visitor.get("/hello").status), (number, 200))
        finally:
            health.stop()

    def is_served(self):
        try:
            with self.visitor() as visitor:
                return visitor.get("/hello").status == 200
        except Exception:  # the connection is closed without a word
            return False


class HaproxyTcp(HaproxyCases, E2E):
    file, tcp = "haproxy-tcp.cfg", True


class HaproxyTcpVersion1(HaproxyCases, E2E):
    """The same file with the older header."""

    file, tcp, replace = "haproxy-tcp.cfg", True, (("send-proxy-v2", "send-proxy"),)


class HaproxyHttp(HaproxyCases, E2E):
    file = "haproxy-http.cfg"


class NginxStream(Cases, E2E):
    file, tcp = "nginx-stream.conf", True


class NginxHttp(Cases, E2E):
    file = "nginx-http.conf"


class HaproxyAndReadiness(E2E):
    """HAProxy and the broker's own --health."""

    def test_a_broker_that_drains_is_left_out_and_ends_what_runs(self):
        if why := missing("haproxy-tcp.cfg"):
            self.skipTest(why)
        authority = Authority(self.folder / "ca")
        broker = self.start(Broker("--proxy-protocol-from", "127.0.0.1", "--health", "127.0.0.1:0", authority=authority))
        health = int(broker.wait_event("listening", kind="health")["address"].rpartition(":")[2])
        front = self.start(Balancer("haproxy-tcp.cfg", self.folder / "front", broker.http_port, broker.https_port, health))
        app = App()
        self.addCleanup(app.stop)
        agent = self.start(Agent(app.port, f"https://127.0.0.1:{front.https_port}", mux="require", ca=broker.ca))
        with Visitor(front.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            visitor.send(visitor.head("GET", "/wait"))
            pieces = visitor.body(visitor.answer_head())
            self.assertEqual(next(pieces), b"half")
            broker.send_signal(signal.SIGTERM)
            for backend in ("brokers-http", "brokers-https"):
                line = front.wait_line(f"Server {backend}/broker-2 is DOWN")
                self.assertIn("code: 503", line)
            app.events.put(b"rest")
            self.assertEqual(b"".join(pieces), b"rest")
        self.assertEqual(broker.wait_end(), 0)
