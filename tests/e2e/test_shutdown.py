"""A broker that is told to stop while much runs through it: what can end does, what cannot is ended at the deadline in
the way of its kind, and the program ends with 0."""
import socket

from harness import Agent, Authority, Broker, eventually
from raw_app import RawApp, hello, pause
from visitor import Cut, Visitor
from ways import CLASSIC, MUX, over

SWITCH = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def upgrade(app, connection, _head):
    connection.say(SWITCH)
    app.note(("upgraded", connection.ended()))
    return False


def endless(_app, connection, _head):
    connection.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.say(b"4000\r\n" + b"d" * 0x4000 + b"\r\n")
        pause(0.05)


def events(app, connection, _head):
    connection.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    app.note(("events", connection.ended()))
    return False


SCRIPTS = {"/hello": hello, "/ws": upgrade, "/endless": endless, "/events": events}
UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket")]


@over(MUX, CLASSIC)
class Shutdown:
    """A broker of its own for each test: the test ends it."""

    short = True

    @classmethod
    def apps(cls):
        cls.app = RawApp(SCRIPTS)
        return {}

    def start_broker(self, *flags):
        tls = self.way.tls
        authority = Authority(self.folder / self._testMethodName) if tls else None
        broker = self.start(Broker(*flags, authority=authority))
        agent = self.start(Agent(self.app.port, broker.host(tls), mux="require" if self.way.mux else False, ca=broker.ca))
        return broker, agent

    def visit(self, broker, agent):
        visitor = Visitor(broker.http_port, f"{agent.tunnel}.tunnel.localhost")
        self.addCleanup(visitor.close)
        return visitor

    def upgraded(self, broker, agent):
        visitor = self.visit(broker, agent)
        visitor.send(visitor.head("GET", "/ws", UPGRADE))
        self.assertEqual(visitor.answer_head().status, 101)
        return visitor

    def test_much_that_runs_at_the_deadline_leaves_a_broker_that_ends_in_order(self):
        self.app.notes.clear()
        few = 1 if self.way.mux else 10  # a pool has ten sockets
        broker, agent = self.start_broker("--drain-timeout", "1s")
        sockets = [self.upgraded(broker, agent) for _ in range(100 // few // (1 if self.way.mux else 2))]
        others = []
        for path, count in (("/endless", 20), ("/events", 20)):
            for _ in range(max(count // few, 1)):
                visitor = self.visit(broker, agent)
                visitor.send(visitor.head("GET", path))
                self.assertEqual(visitor.answer_head().status, 200)
                others.append(visitor)
        unread = self.visit(broker, agent)  # never reads what comes
        unread.send(unread.head("GET", "/endless"))
        half = self.visit(broker, agent)
        half.send(b"GET /hel")
        broker.send_signal(15)
        for visitor in sockets:
            self.assertFalse(visitor._more(), "an upgraded connection ends with FIN")
        for visitor in others:
            with self.assertRaises((Cut, ConnectionError)):
                while True:
                    visitor.take(1000)
        self.assertEqual(broker.wait_end(), 0)
        self.assertIsNone(broker.sanitizer_report())
        broker.wait_event("drain-timeout", upgraded_ended=len(sockets))
        eventually(lambda: sum(kind == "upgraded" for kind, _ in self.app.notes) == len(sockets),
                   lambda: f"all told to the app: {self.app.notes}")
        self.assertEqual({how for kind, how in self.app.notes if kind == "upgraded"}, {"fin"})

    def test_a_head_that_is_under_way_is_answered_and_a_download_ends_whole(self):
        broker, agent = self.start_broker()
        half = self.visit(broker, agent)
        request = half.head("GET", "/hello")
        half.send(request[:20])
        running = self.upgraded(broker, agent)  # keeps the broker up meanwhile
        pause(0.2)
        broker.send_signal(15)
        broker.wait_event("draining")
        pause(0.2)
        half.send(request[20:])
        answer = half.answer()
        self.assertEqual((answer.status, answer.text, answer.get("Connection")), (200, "hello\n", "close"))
        running.sock.shutdown(socket.SHUT_RDWR)
        self.assertEqual(broker.wait_end(), 0)
