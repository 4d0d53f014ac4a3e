"""The storm's local app: does with each request what the request's plan says, misbehaves by itself at times (nobody at
the door, one connection at a time, idle connections closed), and keeps a record of all of it. On one asyncio loop."""
import asyncio
import contextlib
import socket
import time

from storm.records import Closing, Sighting, answer_body, digest
from storm.wire import LAST_CHUNK, Gone, Odd, Wire, chunk, framing_of, head

PROBE = "/probe"


class Ended(Exception):
    """The app has ended this connection."""


class App:
    def __init__(self, storm, requests, local_host=None):
        self.storm, self.requests, self.local_host = storm, requests, local_host  # requests: by id
        self.attempts, self.serving = {}, set()
        self.connections = 0
        self.single, self.busy = False, 0  # one connection at a time; how many are being served
        self.turn = asyncio.Condition()
        # Holds the port while nobody listens there.
        self.holder = socket.socket()
        self.holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.holder.bind(("127.0.0.1", 0))
        self.port = self.holder.getsockname()[1]
        self.open_door()

    # ---- The door

    def open_door(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", self.port))
        self.listener.listen(1024)
        self.listener.setblocking(False)
        self.accepting = asyncio.ensure_future(self.accept())

    async def shut_door(self):
        self.accepting.cancel()
        await asyncio.gather(self.accepting, return_exceptions=True)
        self.storm.closings.append(Closing(time.monotonic()))
        self.listener.close()

    async def accept(self):
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self.listener)
            self.connections += 1
            task = asyncio.ensure_future(self.connection(Wire(sock), self.connections))
            self.serving.add(task)
            task.add_done_callback(self.serving.discard)

    async def down(self, seconds):
        begun = time.monotonic()
        await self.shut_door()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.open_door()
            self.storm.downs.append((begun, time.monotonic()))

    async def one_at_a_time(self, seconds):
        self.single = True
        self.end_idle()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.single = False
            async with self.turn:
                self.turn.notify_all()

    def end_idle(self):
        """Ends all connections on which no request is."""
        for task in list(self.serving):
            if getattr(task, "idle", False):
                task.cancel()

    async def stop(self):
        await self.shut_door()
        for task in list(self.serving):
            task.cancel()
        await asyncio.gather(*self.serving, return_exceptions=True)
        self.holder.close()

    # ---- A connection

    async def connection(self, wire, number):
        try:
            async with self.turn:
                await self.turn.wait_for(lambda: not (self.single and self.busy))
            self.busy += 1
            try:
                await self.serve(wire, number)
            finally:
                self.busy -= 1
        except (Ended, Gone):
            pass
        except asyncio.CancelledError:  # by end_idle() and stop()
            self.storm.closings.append(Closing(time.monotonic()))
        except Odd as odd:
            self.storm.mangled.append(f"connection {number}: {odd}")
        except Exception as error:  # a fault of the app itself must not pass for a quiet one
            self.storm.mangled.append(f"connection {number}: {error!r}")
        finally:
            wire.close()
        async with self.turn:
            self.turn.notify_all()

    async def serve(self, wire, number):
        nth, after, idle = 0, "keep", 0.0
        while True:
            await self.wait_idle(wire, after, idle)
            nth += 1
            line, fields = await wire.line(), await wire.fields()
            method, _, rest = line.partition(" ")
            target, _, version = rest.partition(" ")
            if target == PROBE:
                await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                continue
            request = self.requests.get(fields.get("x-storm"))
            wrong = self.what_is_wrong(request, method, target, version, fields)
            if wrong:
                self.storm.mangled.append(f"connection {number}, request {nth}: {wrong}: {line!r} {fields}")
                raise Ended
            attempt = self.attempts[request.id] = self.attempts.get(request.id, 0) + 1
            sighting = Sighting(request.id, attempt, number, nth, time.monotonic())
            self.storm.sightings.append(sighting)
            try:
                await Answer(wire, request, sighting, fields).give()
            except Gone:
                if sighting.did in ("reading", "silent"):
                    sighting.did = "left"
                raise
            finally:
                sighting.ended = time.monotonic()
            after, idle = request.act.after, request.act.idle
            if after == "announce" or fields.get("connection", "").lower() == "close":
                raise Ended

    async def wait_idle(self, wire, after, idle):
        """Until the next request begins; or the end, where the plan has the idle connection closed."""
        task = asyncio.current_task()
        task.idle = True
        try:
            if wire.read:
                return
            if after in ("fin", "rst"):
                try:
                    async with asyncio.timeout(idle):
                        await wire.need_more()
                except TimeoutError:
                    self.storm.closings.append(Closing(time.monotonic()))
                    wire.close() if after == "fin" else wire.abort()
                    raise Ended from None
            else:
                await wire.need_more()
        finally:
            task.idle = False

    def what_is_wrong(self, request, method, target, version, fields):
        if request is None:
            return "nobody asked that"
        if (method, target, version) != (request.method, request.target, "HTTP/1.1"):
            return f"asked was {request.method} {request.target}"
        if self.local_host and fields.get("host") != self.local_host:
            return f"its Host is {fields.get('host')}"
        if (framing_of(fields)[0] == "none") != (request.upload == "none"):
            return "another framing"
        return None


# ---- One request -----------------------------------------------------------------------


class Answer:
    """What the plan says, on one connection."""

    def __init__(self, wire, request, sighting, fields):
        self.wire, self.request, self.act, self.sighting = wire, request, request.act, sighting
        self.framing, self.length = framing_of(fields)
        self.expects = fields.get("expect", "").lower() == "100-continue"
        self.upload = b""

    async def give(self):
        kind, at = self.act.kind, self.act.at
        if kind == "break" and at == "head":
            return self.break_off("broke")
        if kind == "break" and at == "body":
            await self.read_some()
            return self.break_off("broke")
        if kind == "early":
            await self.answer()
            self.wire.close()
            raise Ended
        if kind == "eager":
            await self.answer()
            return await self.read_body()
        await self.read_body()
        await asyncio.sleep(self.act.pause)
        if kind == "garbage":
            await self.write(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
            self.end("garbage")
        if kind == "echo":
            return await self.echo()
        if kind == "careless":
            return await self.careless()
        if kind == "silent" and at == "request":
            return await self.silent()
        if kind == "break" and at == "request":
            return self.break_off("broke")
        if kind == "break" and at == "answer-head":
            await self.write(b"HTTP/1.1 200 OK\r\nContent-")
            return self.break_off("broke")
        await self.answer()

    # ---- Reading

    async def read_body(self):
        if self.framing == "none":
            return
        if self.expects:
            await self.write(b"HTTP/1.1 100 Continue\r\n\r\n", interim=True)
        self.sighting.body = "reading"
        pieces = [piece async for piece in self.wire.body(self.framing, self.length)]
        self.upload = b"".join(pieces)
        self.sighting.body, self.sighting.body_digest = "whole", digest(self.upload)

    async def read_some(self):
        """A part of the body, or all of a small one."""
        async for piece in self.wire.body(self.framing, self.length):
            if len(piece) > 100:
                return

    # ---- Writing

    async def write(self, data, interim=False):
        self.sighting.began = self.sighting.began or not interim
        await self.wire.send(data)

    def break_off(self, did):
        self.sighting.did = did
        self.wire.abort() if self.act.by == "reset" else self.wire.close()
        raise Ended

    def end(self, did):
        self.sighting.did = did
        self.wire.close()
        raise Ended

    def answer_head(self, framing, length, status=None):
        fields = [("X-Storm", f"{self.request.id} {self.sighting.attempt}")]
        if framing == "chunked":
            fields.append(("Transfer-Encoding", "chunked"))
        elif framing == "length":
            fields.append(("Content-Length", length))
        if self.act.after == "announce" or framing == "close":
            fields.append(("Connection", "close"))
        return head(f"HTTP/1.1 {status or self.act.status} As-Planned", fields)

    async def answer(self):
        """The whole answer, or the part before it breaks off or falls silent."""
        upload = self.sighting.body_digest if self.request.reads_body else None
        body = answer_body(self.request, self.sighting.attempt, upload)
        framing = self.act.framing
        to_send = self.answer_head(framing, len(body))
        if self.request.method == "HEAD":
            await self.write(to_send)
            self.sighting.did = "answered"
            return
        breaks = self.act.at == "answer-body"
        first = body[:max(1, len(body) * 2 // 3)]
        await self.write(to_send + (chunk(first) if framing == "chunked" else first))
        if breaks and self.act.kind == "silent":
            return await self.silent()
        await asyncio.sleep(self.act.gap)
        if breaks:
            return self.break_off("cut")
        rest = body[len(first):]
        if framing == "chunked":
            rest = (chunk(rest) if rest else b"") + LAST_CHUNK
        await self.write(rest)
        self.sighting.did = "answered"
        if framing == "close":
            self.wire.close()
            raise Ended

    async def careless(self):
        """An answer that has no body but announces one, and then a body all the same."""
        await self.write(self.answer_head("length", self.act.size))
        self.sighting.did = "answered"
        await asyncio.sleep(0.01)
        with contextlib.suppress(Gone):
            await self.write(b"X" * self.act.size)

    async def silent(self):
        """Until the other side leaves; what it sends meanwhile is nobody's."""
        self.sighting.did = "silent"
        while await self.wire.more():
            self.wire.read.clear()
        raise Gone("fin")

    async def echo(self):
        await self.write(head("HTTP/1.1 101 As-Planned", [("Connection", "Upgrade"), ("Upgrade", "storm"),
                                                          ("X-Storm", f"{self.request.id} {self.sighting.attempt}")]))
        breaks, count = self.act.at == "echo", 0
        while count < self.act.size or self.request.echo_end == "fin":
            if not self.wire.read and not await self.wire.more():
                if self.request.echo_end != "fin":
                    raise Gone("fin")
                break
            piece = self.wire.take_read(1 << 16)
            if breaks and (count + len(piece)) * 2 > self.act.size:
                self.break_off("cut")
            await self.write(piece)
            count += len(piece)
        await self.write(b"bye")
        self.end("answered")
