"""A visitor who leaves in mid-download leaves nothing behind: no connection at the app, no descriptor and no memory in
broker or agent."""
import json
import signal
import socket
import threading

from apps import App
from harness import DOMAIN, E2E, SANITIZED, Broker, eventually
from visitor import Cut, Visitor
from ways import CLASSIC, MUX, MUX_HTTPS, over

KiB = 1 << 10


@over(MUX, CLASSIC, MUX_HTTPS)
class Leavers:
    weight = 5

    @classmethod
    def apps(cls):
        cls.app = App()
        return {"app": cls.app}

    def leave(self, count, at_once=20):
        """`count` downloads, each left after its first bytes: every second with a reset."""
        numbers, faults = iter(range(count)), []
        lock = threading.Lock()

        def work():
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                try:
                    visitor = self.visitor()
                    visitor.send(visitor.head("GET", "/endless"))
                    assert visitor.answer_head().status == 200
                    visitor.take(1 + number % 7 * 20000)
                    if number % 2:
                        visitor.abort()
                    else:
                        visitor.close()
                except (Cut, OSError, AssertionError) as error:
                    faults.append(f"{number}: {error!r}")

        threads = [threading.Thread(target=work) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(faults[:3], [])

    def settle(self):
        eventually(lambda: self.app.open_connections() == 0, "every connection at the app closed")
        with self.visitor() as visitor:
            self.assertEqual(visitor.get("/hello").status, 200)

    def test_1000_aborted_downloads_leave_nothing(self):
        ours = [p for p in (self.server, self.clients["app"]) if p.name in ("broker", "agent")]
        self.leave(200)
        self.settle()
        self.assertEqual([p.name for p in ours], ["broker", "agent"])
        fds = {p.name: p.fds() for p in ours}
        memory = {p.name: p.memory() for p in ours}
        self.leave(1000)
        self.settle()
        for process in ours:
            eventually(lambda: process.fds() <= fds[process.name] + 2,
                       lambda: f"{process.name}: {fds[process.name]} descriptors before, {process.fds()} after")
            if not SANITIZED:
                eventually(lambda: process.memory() < memory[process.name] + 512 * KiB,
                           lambda: f"{process.name}: {memory[process.name]} bytes before, {process.memory()} after")


@over(MUX, CLASSIC)
class UploadLeavers:
    """The same for who leaves in mid-upload: the app sees a cut, never an end."""

    @classmethod
    def apps(cls):
        cls.app = App()
        return {"app": cls.app}

    def test_an_upload_that_breaks_off_never_ends_well_at_the_app(self):
        for number in range(100):
            with self.visitor() as visitor:
                visitor.send(visitor.head("POST", "/hash", [("Content-Length", "1000000")]) + b"x" * (number * 1000))
                if number % 2:
                    visitor.abort()
        eventually(lambda: self.app.open_connections() == 0, "every connection at the app closed")
        self.assertTrue(all(r.body_length < 1000000 for r in self.app.seen("/hash")))
        with self.visitor() as visitor:
            self.assertEqual(visitor.get("/hello").status, 200)


class PooledSocket(E2E):
    """What a classic client's socket sees of a visitor who leaves."""

    short = True

    def test_an_upload_that_breaks_off_comes_as_far_as_it_came_and_then_an_end(self):
        broker = self.start(Broker())
        with Visitor(broker.http_port, f"127.0.0.1:{broker.http_port}") as visitor:
            grant = json.loads(visitor.get("/broken-off").text)
        for number in range(20):
            with socket.create_connection(("127.0.0.1", grant["port"]), 10) as pooled:
                # Its request and its reset come to the broker in one turn.
                broker.send_signal(signal.SIGSTOP)
                visitor = Visitor(broker.http_port, f"{grant['id']}.{DOMAIN}")
                visitor.send(visitor.head("POST", "/", [("Content-Length", "1000")]) + b"x" * number)
                visitor.abort()
                broker.send_signal(signal.SIGCONT)
                heard = b""
                while data := pooled.recv(65536):  # a reset would raise
                    heard += data
                self.assertTrue(heard.startswith(b"POST / HTTP/1.1\r\n"), heard)
                self.assertTrue(heard.endswith(b"\r\n\r\n" + b"x" * number), heard)
