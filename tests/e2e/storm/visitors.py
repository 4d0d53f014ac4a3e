"""The storm's visitors: each goes through its row of visits, one connection after the other, until the storm is over, and
keeps a record of every request. On one asyncio loop, the app's own."""
import asyncio
import contextlib
import json
import random
import socket
import ssl
import time

from storm import plan
from storm.records import Told, digest, echo_bytes
from storm.wire import LAST_CHUNK, Gone, Odd, SecureWire, Wire, chunk, framing_of, head

now = time.monotonic


class Left(Exception):
    """The visitor went away, as planned."""


class Visitors:
    def __init__(self, seed, storm, requests, world):
        self.seed, self.storm, self.requests = seed, storm, requests
        self.port, self.https_port, self.name = world.http.port, world.https.port, world.name
        self.tls = ssl.create_default_context(cafile=str(world.authority.ca)) if world.authority else None

    async def run(self, count, seconds, patience):
        """All visitors at once; none begins anything after `seconds`, and none waits `patience` seconds longer."""
        until = now() + seconds
        tasks = [asyncio.ensure_future(self.visitor(number, until, until + patience)) for number in range(count)]
        await asyncio.gather(*tasks)

    async def visitor(self, number, until, deadline):
        for visit in plan.visits(self.seed, number):
            if now() >= until:
                return
            connection = Connection(self, visit, deadline)
            await connection.go()
            # Where there is nothing to be had, nobody hurries.
            await asyncio.sleep(visit.rest + (0.2 if connection.turned_away else 0))


class Connection:
    """One visit."""

    def __init__(self, visitors, visit, deadline):
        self.visitors, self.visit, self.storm = visitors, visit, visitors.storm
        self.deadline = deadline
        self.open_told = []  # not yet ended
        self.turned_away = False  # by the broker
        self.wire = None

    async def go(self):
        for request in self.visit.requests:
            self.visitors.requests[request.id] = request
        try:
            async with asyncio.timeout(max(0.0, self.deadline - now())):
                if await self.connect():
                    await (self.pipelined() if self.visit.pipelined else self.in_turn())
        except TimeoutError:
            self.end_all("hung")
        except Left:
            self.end_all("left")
            if self.visit.leave.how == "rst" and self.wire:
                self.wire.abort()
        finally:
            if self.wire:
                self.wire.close()

    async def connect(self):
        sock = socket.socket()
        sock.setblocking(False)
        if self.visit.slow:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        begun, visitors = now(), self.visitors
        self.secure = self.visit.secure and visitors.tls is not None
        self.port = visitors.https_port if self.secure else visitors.port
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        except OSError:
            sock.close()
            return self.nobody(begun, "refused")
        if not self.secure:
            self.wire = Wire(sock, self.visit.slow)
            return True
        self.wire = SecureWire(sock, self.visit.slow, visitors.tls, visitors.name)
        try:
            await self.wire.handshake()
        except Gone:
            return self.nobody(begun, "closed")
        return True

    def nobody(self, begun, outcome):
        """The first request ends before it could be sent."""
        self.end(self.begin(self.visit.requests[0], begun), outcome)
        self.turned_away = True
        return False

    def leaves(self, index, at):
        leave = self.visit.leave
        return leave is not None and (leave.index, leave.at) == (index, at)

    async def leave(self):
        await asyncio.sleep(self.visit.leave.delay)
        raise Left

    # ---- Records

    def begin(self, request, begun=None):
        told = Told(request, begun or now(), first=request is self.visit.requests[0])
        self.storm.told.append(told)
        self.open_told.append(told)
        return told

    def end(self, told, outcome):
        told.outcome, told.ended = outcome, now()
        self.open_told.remove(told)

    def end_all(self, outcome):
        for told in list(self.open_told):
            self.end(told, outcome)

    # ---- Requests

    async def in_turn(self):
        for index, request in enumerate(self.visit.requests):
            if self.leaves(index, "connect"):
                return await self.leave()
            told = self.begin(request)
            if not await self.one(index, request, told):
                return
            await asyncio.sleep(self.visit.gap)

    async def one(self, index, request, told):
        """Whether the connection serves another request."""
        go_on = asyncio.Event()  # a 100, or an answer without it
        sender = asyncio.ensure_future(self.send(index, request, told, go_on))
        reader = asyncio.ensure_future(self.answer(index, request, told, go_on))
        try:
            await asyncio.wait((sender, reader), return_when=asyncio.FIRST_COMPLETED)
            if not reader.done():
                with contextlib.suppress(Gone):
                    sender.result()  # raises Left
            keep = await reader
            if not keep:
                return False
            with contextlib.suppress(Gone):
                await sender
            return told.whole_sent
        finally:
            for task in (sender, reader):
                task.cancel()
            # A descriptor is closed only after the loop has let go of it.
            await asyncio.gather(sender, reader, return_exceptions=True)

    async def pipelined(self):
        told = [self.begin(request) for request in self.visit.requests]
        sender = asyncio.ensure_future(self.send_all(told))
        try:
            for index, each in enumerate(told):
                if self.leaves(index, "sent"):
                    with contextlib.suppress(Gone):
                        await sender
                    return await self.leave()
                keep = await self.answer(index, each.request, each, asyncio.Event())
                if not keep:
                    return self.end_all("unserved")
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def send_all(self, told):
        data = b"".join(self.head(each.request) + self.encoded(each.request) for each in told)
        for each in told:
            each.head_sent = True
        await self.wire.send(data)
        for each in told:
            each.whole_sent = True
        self.after_last(told)

    def after_last(self, told):
        if self.visit.half_close and told[-1].request is self.visit.requests[-1]:
            self.wire.finish_sending()
            for each in told:
                each.half_closed = now()

    # ---- Sending

    def head(self, request):
        fields = [("Host", f"{self.visitors.name}:{self.port}"), ("X-Storm", request.id), ("Accept", "application/json")]
        if request.upload == "length":
            fields.append(("Content-Length", request.upload_size))
        elif request.upload == "chunked":
            fields.append(("Transfer-Encoding", "chunked"))
        if request.expect:
            fields.append(("Expect", "100-continue"))
        if request.upgrade:
            fields += [("Connection", "Upgrade"), ("Upgrade", "storm")]
        elif request.version == "HTTP/1.0":
            fields.append(("Connection", "keep-alive"))
        return head(f"{request.method} {request.target} {request.version}", fields)

    def encoded(self, request):
        return b"".join(self.pieces(request))

    def pieces(self, request):
        """The body as it goes out."""
        body, sizes = memoryview(request.body), random.Random(request.id)
        while body:
            size = sizes.choice((1, 100, 4096, 16384, 100000))
            piece, body = bytes(body[:size]), body[size:]
            yield chunk(piece) if request.upload == "chunked" else piece
        if request.upload == "chunked":
            yield LAST_CHUNK

    async def send(self, index, request, told, go_on):
        data = self.head(request)
        begun = now()
        pauses = dict(request.pauses)
        half = len(data) // 2
        if self.leaves(index, "head"):
            await self.wire.send(data[:half])
            await self.leave()
        if "head" in pauses:
            await self.wire.send(data[:half])
            await asyncio.sleep(pauses["head"])
            data = data[half:]
        told.head_sent = True
        if request.upgrade and request.act.kind == "echo":
            # Some of what follows the 101 comes with the head already.
            data += echo_bytes(request)[:request.act.size // 3]
        await self.wire.send(data)
        told.silence_head = now() - begun
        if request.expect:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await go_on.wait()
            if told.status:
                return
        await self.send_body(index, request, told, pauses)
        told.whole_sent = True
        self.after_last([told])
        if self.leaves(index, "sent"):
            await self.leave()

    async def send_body(self, index, request, told, pauses):
        pieces = list(self.pieces(request))
        last = now()
        for number, piece in enumerate(pieces):
            if number * 2 >= len(pieces) - 1:
                if self.leaves(index, "body"):
                    await self.leave()
                if "body" in pauses:
                    await asyncio.sleep(pauses.pop("body"))
            told.silence_body = max(told.silence_body, now() - last)
            await self.wire.send(piece)
            last = now()

    # ---- Reading

    async def answer(self, index, request, told, go_on):
        """Reads one answer into `told`; whether the connection serves another request after it."""
        wire = self.wire
        try:
            line, fields = await self.final_head(told, go_on)
            told.status = int(line.split(" ")[1])
            self.note(told, fields)
            go_on.set()
            told.heard = now()
            if told.status == 101:
                await self.echo(index, request, told)
                return False
            framing, length = framing_of(fields, "close")
            if request.method == "HEAD" or told.status in (204, 304):
                framing, length = "none", 0
            told.framing = framing
            await self.body(index, told, wire.body(framing, length))
        except Gone:
            self.end(told, "cut" if told.status or wire.read else "closed")
            return False
        except Odd as odd:
            told.message = str(odd)
            self.end(told, "odd")
            return False
        self.end(told, "whole")
        # RFC 9112, 9.3: the version of the answer counts, and what it says.
        said = fields.get("connection", "").lower()
        return framing != "close" and said != "close" and (line.startswith("HTTP/1.1") or said == "keep-alive")

    async def final_head(self, told, go_on):
        while True:
            line = await self.wire.line()
            version, _, rest = line.partition(" ")
            if version not in ("HTTP/1.1", "HTTP/1.0") or not rest[:3].isdigit():
                raise Odd(f"an odd status line: {line!r}")
            fields = await self.wire.fields()
            if rest[0] != "1" or rest[:3] == "101":
                return line, fields
            if told.request.version == "HTTP/1.0":
                raise Odd(f"{line} to HTTP/1.0")
            go_on.set()

    def note(self, told, fields):
        told.ids = tuple(fields.get("x-storm", "").split())
        self.turned_away = self.turned_away or not told.ids
        told.retry_after = "retry-after" in fields

    async def body(self, index, told, pieces):
        content = bytearray()
        leaves = self.leaves(index, "answer")
        async for piece in pieces:
            told.heard = now()
            content += piece
            if leaves:
                await self.leave()
        if leaves:
            await self.leave()
        told.body_digest, told.body_length = digest(content), len(content)
        told.sample = bytes(content[:200]).decode("latin-1")
        if not told.ids:
            with contextlib.suppress(ValueError):
                said = json.loads(content)
                told.code, told.message = said.get("code"), said.get("message", "")

    async def echo(self, index, request, told):
        """After a 101: sends the rest, reads it back, and ends as planned."""
        sender = asyncio.ensure_future(self.send_echo(index, request, told))
        try:
            content = bytearray()
            size = request.act.size
            # What the app says behind the last byte.
            until_end = request.echo_end == "quit" or self.storm.mux
            while len(content) < size or until_end:
                if not self.wire.read and not await self.wire.more():
                    break
                told.heard = now()
                content += self.wire.take_read(1 << 18)
                if self.leaves(index, "echo") and len(content) * 2 > size:
                    await self.leave()
            if len(content) < size + (len(b"bye") if until_end else 0):
                raise Gone("fin")
            told.body_digest, told.body_length = digest(content), len(content)
            told.sample = bytes(content[-100:]).decode("latin-1")
            self.end(told, "whole")
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def send_echo(self, index, request, told):
        data = echo_bytes(request)[request.act.size // 3:]
        for begin in range(0, len(data), 30000):
            await self.wire.send(data[begin:begin + 30000])
            await asyncio.sleep(request.act.gap / 4)
        # A pooled socket ends as one (docs/CLASSIC.md, pool-half-close): there the visitor hears all of it first.
        if request.echo_end == "fin" and self.storm.mux:
            self.wire.finish_sending()
