"""What an operator sees: health, readiness and metrics at one door, the page and the API at another, the access log."""
import contextlib
import http.client
import json
import signal

from apps import App
from harness import BIN, DOMAIN, E2E, Agent, Broker, Process, eventually
from visitor import Visitor


def ask(port, target, method="GET", headers=(), body=None):
    """(status, headers, text) of one request to a door of the operator."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()


class Operated(E2E):
    """A broker with an agent, and its doors."""

    short = True
    flags = ()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.app = App()
        cls.addClassCleanup(cls.app.stop)
        cls.broker = cls.start(Broker("--health", "127.0.0.1:0", *cls.flags))
        cls.health = cls.broker._port("health")

    def visit(self, agent, target="/hello"):
        with Visitor(self.broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            return visitor.get(target)


class Health(Operated):
    def test_1_a_broker_that_runs_is_healthy_and_ready(self):
        self.assertEqual(ask(self.health, "/healthz")[::2], (200, "ok\n"))
        status, _, text = ask(self.health, "/readyz")
        self.assertEqual((status, text.splitlines()[0]), (200, "ready"))
        status, headers, text = ask(self.health, "/readyz", headers={"Accept": "application/json"})
        self.assertEqual(json.loads(text)["ready"], True)
        self.assertEqual(headers["Cache-Control"], "no-store")

    def test_2_head_405_404_and_a_body(self):
        self.assertEqual(ask(self.health, "/healthz", "HEAD")[::2], (200, ""))
        status, headers, _ = ask(self.health, "/healthz", "DELETE")
        self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"))
        self.assertEqual(ask(self.health, "/api/tunnels")[0], 404)
        self.assertEqual(ask(self.health, "/healthz", body="x" * 5000)[0], 413)

    def test_3_connections_beyond_the_cap_are_closed_and_the_door_goes_on(self):
        held = []
        with contextlib.ExitStack() as stack:
            for _ in range(64):
                held.append(stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.health, timeout=20))))
                held[-1].request("GET", "/healthz")
                self.assertEqual(held[-1].getresponse().read(), b"ok\n")
            with self.assertRaises((ConnectionError, http.client.HTTPException)):
                ask(self.health, "/healthz")

        def answers():
            with contextlib.suppress(ConnectionError, http.client.HTTPException):
                return ask(self.health, "/healthz")[0] == 200

        eventually(answers, "the door takes connections again")

    def test_9_who_drains_is_healthy_and_not_ready(self):
        agent = self.start(Agent(self.app.port, self.broker.host(False), mux="require"))
        with Visitor(self.broker.http_port, f"{agent.tunnel}.{DOMAIN}") as visitor:
            visitor.send(f"GET /sse HTTP/1.1\r\nHost: {agent.tunnel}.{DOMAIN}\r\n\r\n".encode())
            eventually(lambda: self.app.seen("/sse"), "the request at the app")
            self.broker.send_signal(signal.SIGTERM)
            self.broker.wait_event("draining")
            status, _, text = ask(self.health, "/readyz")
            self.assertEqual(status, 503)
            self.assertIn("draining: failing: ", text)
            self.assertEqual(ask(self.health, "/healthz")[0], 200)
            self.app.events.put(None)
        self.assertEqual(self.broker.wait_end(), 0)


class Flags(E2E):
    """What is refused at the start."""

    short = True

    def refused(self, *flags):
        process = self.start(Process("broker", [BIN / "broker", "--http", "127.0.0.1:0", *flags]))
        self.assertEqual(process.wait_end(), 2)
        return process.lines()[-1]

    def test_a_port_that_cannot_be_had_is_named(self):
        taken = self.start(Broker("--health", "127.0.0.1:0"))
        port = taken._port("health")
        self.assertIn(f"--health: 127.0.0.1:{port}: ", self.refused("--health", f"127.0.0.1:{port}"))

    def test_an_admin_door_beyond_loopback_needs_a_token(self):
        self.assertIn("beyond loopback it needs --admin-token-file", self.refused("--admin", "0.0.0.0:0"))
