"""Visitors in numbers: so many requests a second, each counted, and long ones of every kind that must come through whole.
For tests of several brokers and for `./dev cluster`."""
import asyncio
import hashlib
import threading
import time

import websockets

from apps import App, data_of, digest
from visitor import Visitor


class LongApp(App):
    """The app behind them: what App does, and what takes its time."""

    def do_drip(self, connection, _request, rest):
        """`/drip/SECONDS/BYTES`: a download that takes so long."""
        seconds, size = (int(part) for part in rest.split("/"))
        data = data_of(size)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        steps = seconds * 10
        for step in range(steps):
            connection.send(data[size * step // steps:size * (step + 1) // steps])
            time.sleep(0.1)

    def do_ticks(self, connection, _request, rest):
        """`/ticks/SECONDS`: an event stream of that length."""
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for tick in range(int(rest) * 10):
            connection.chunk(b"data: %d\n\n" % tick)
            time.sleep(0.1)
        connection.last_chunk()


class Load:
    """`rate` requests a second, spread evenly: half of them on a connection of their own, half on eight that are kept. A
    request on a kept connection that the broker closes without a byte of an answer is sent once more, as every client
    does; `repeated` counts these."""

    PATIENCE = 15.0  # seconds of one request

    def __init__(self, port, host, rate, body=b"hello\n", target="/hello"):
        self.port, self.body = port, body
        self.head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n"
        self.rate = rate
        self.done, self.failures, self.repeated = 0, [], 0  # failures: (began, ended, what)
        self.answered_at = 0.0  # the last good answer
        self.slowest = 0.0
        self.on_good = lambda began, ended: None
        self._stop = False
        self._idle = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    def stop(self):
        self._stop = True
        self._thread.join()
        return self

    def failed_since(self, moment):
        return [failure for failure in self.failures if failure[1] >= moment]

    async def _run(self):
        running, number, begin = set(), 0, time.monotonic()
        while not self._stop:
            await asyncio.sleep(max(0.0, begin + number / self.rate - time.monotonic()))
            task = asyncio.create_task(self._one(number % 2 == 0))
            running.add(task)
            task.add_done_callback(running.discard)
            number += 1
        if running:
            await asyncio.wait(running)
        for _, writer in self._idle:
            writer.close()

    async def _one(self, kept):
        began = time.monotonic()
        try:
            await asyncio.wait_for(self._ask(kept), self.PATIENCE)
        except Exception as fault:  # whatever it is, this visitor has no page
            self.failures.append((began, time.monotonic(), f"{type(fault).__name__}: {fault}"))
        else:
            ended = time.monotonic()
            self.done += 1
            self.answered_at, self.slowest = ended, max(self.slowest, ended - began)
            self.on_good(began, ended)

    async def _ask(self, kept):
        if kept and self._idle:
            connection = self._idle.pop()
            try:
                return await self._exchange(*connection, True)
            except ClosedIdle:
                self.repeated += 1
        connection = await asyncio.open_connection("127.0.0.1", self.port)
        await self._exchange(*connection, kept)

    async def _exchange(self, reader, writer, kept):
        try:
            writer.write((self.head + ("" if kept else "Connection: close\r\n") + "\r\n").encode())
            try:
                first = await reader.read(1)
            except ConnectionError:
                first = b""
            if not first:
                raise ClosedIdle("closed without an answer")
            head = first + await reader.readuntil(b"\r\n\r\n")
            fields = head.lower()
            length = int(fields.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            body = await reader.readexactly(length)
            if not head.startswith(b"HTTP/1.1 200 ") or body != self.body:
                raise Unwelcome(f"{head.partition(b'%c' % 13)[0].decode()} {body[:120]!r}")
            if kept and b"connection: close" not in fields and len(self._idle) < 8:
                self._idle.append((reader, writer))
                return
        except BaseException:
            writer.transport.abort()
            raise
        writer.close()


class ClosedIdle(Exception):
    pass


class Unwelcome(Exception):
    """An answer that is not the app's."""


class LongOnes:
    """One of each kind, of `seconds`: a download and an upload with their digests, a WebSocket that echoes and an event
    stream. Each is on its way when this is made."""

    KINDS = ("download", "upload", "websocket", "events")

    def __init__(self, port, host, echo_host, seconds, size=2_000_000):
        self.port, self.host, self.echo_host, self.seconds, self.size = port, host, echo_host, seconds, size
        self.faults = {}
        self._begun = threading.Barrier(len(self.KINDS) + 1)
        self._threads = [threading.Thread(target=self._run, args=(kind,), daemon=True) for kind in self.KINDS]
        for thread in self._threads:
            thread.start()
        self._begun.wait(30)

    def wait(self):
        """What went wrong, by kind; empty: nothing was lost."""
        for thread in self._threads:
            thread.join()
        return self.faults

    def _run(self, kind):
        try:
            getattr(self, "_" + kind)()
        except Exception as fault:
            self.faults[kind] = f"{type(fault).__name__}: {fault}"
            self._begun.abort()

    def _download(self):
        with Visitor(self.port, self.host) as visitor:
            visitor.send(visitor.head("GET", f"/drip/{self.seconds}/{self.size}"))
            answer = visitor.answer_head()
            self._begun.wait(30)
            for piece in visitor.body(answer):
                answer.add(piece)
            assert (answer.status, answer.sha256) == (200, digest(data_of(self.size))), answer

    def _upload(self):
        data, steps = data_of(self.size), self.seconds * 10
        with Visitor(self.port, self.host) as visitor:
            visitor.send(visitor.head("POST", "/hash", [("Content-Length", str(len(data)))]))
            self._begun.wait(30)
            for step in range(steps):
                visitor.send(data[len(data) * step // steps:len(data) * (step + 1) // steps])
                time.sleep(0.1)
            answer = visitor.answer("POST")
            assert answer.status == 200 and hashlib.sha256(data).hexdigest() in answer.text, answer

    def _events(self):
        with Visitor(self.port, self.host) as visitor:
            visitor.send(visitor.head("GET", f"/ticks/{self.seconds}"))
            answer = visitor.answer_head()
            self._begun.wait(30)
            for piece in visitor.body(answer):
                answer.add(piece)
            assert answer.text == "".join(f"data: {tick}\n\n" for tick in range(self.seconds * 10)), answer

    def _websocket(self):
        async def talk():
            url = f"ws://{self.echo_host}/greet"
            async with websockets.connect(url, host="127.0.0.1", port=self.port, ping_interval=None) as socket_:
                assert await socket_.recv() == "welcome"
                await asyncio.get_running_loop().run_in_executor(None, self._begun.wait, 30)
                for number in range(self.seconds * 10):
                    await socket_.send(f"message {number}")
                    assert await asyncio.wait_for(socket_.recv(), 15) == f"message {number}"
                    await asyncio.sleep(0.1)

        asyncio.run(talk())
