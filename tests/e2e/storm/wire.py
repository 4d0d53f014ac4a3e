"""One connection with HTTP/1.1 by hand, plain or over TLS, for app and visitors alike: exact bytes out, strict reading, an
end that is told apart from a reset. On one asyncio loop; nothing here knows what a storm is."""
import asyncio
import contextlib
import socket
import ssl
import struct

RESET = (ConnectionResetError, BrokenPipeError, ConnectionAbortedError)


class Gone(Exception):
    """The connection ended where more had to come."""

    def __init__(self, how):
        super().__init__(how)
        self.how = how  # fin or rst


class Odd(Exception):
    """Bytes that no careful reader would take."""


class Wire:
    def __init__(self, sock, slow=False):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock, self.slow = sock, slow
        self.loop = asyncio.get_running_loop()
        self.read = bytearray()
        self.open = True

    async def send(self, data):
        try:
            await self.loop.sock_sendall(self.sock, data)
        except RESET:
            raise Gone("rst") from None

    async def more(self):
        """Whether a byte came; False at the other side's FIN."""
        data = await self.receive()
        self.read += data
        return bool(data)

    async def receive(self):
        if self.slow:
            await asyncio.sleep(0.02)
        try:
            return await self.loop.sock_recv(self.sock, 1 << 13 if self.slow else 1 << 18)
        except (*RESET, TimeoutError):
            raise Gone("rst") from None

    async def need_more(self):
        if not await self.more():
            raise Gone("fin")

    def finish_sending(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        """As close(2): a FIN, or a reset by the kernel where unread bytes wait."""
        if self.open:
            self.open = False
            self.sock.close()

    def abort(self):
        if self.open:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close()

    # ---- Reading

    async def some(self, most):
        if not self.read:
            await self.need_more()
        return self.take_read(most)

    def take_read(self, most):
        data = bytes(self.read[:most])
        del self.read[:most]
        return data

    async def line(self):
        while (end := self.read.find(b"\n")) < 0:
            if len(self.read) > 65536:
                raise Odd("an endless line")
            await self.need_more()
        data = self.take_read(end + 1)
        if not data.endswith(b"\r\n") or b"\r" in data[:-2] or b"\0" in data:
            raise Odd(f"an odd line: {data!r}")
        return data[:-2].decode("latin-1")

    async def fields(self):
        """The fields of a head, or the trailers, by lower-case name."""
        found = {}
        while line := await self.line():
            name, colon, value = line.partition(":")
            if not colon or not name or " " in name:
                raise Odd(f"an odd field: {line!r}")
            name = name.lower()
            if name in found and name in ("content-length", "transfer-encoding", "host", "x-storm"):
                raise Odd(f"{name} came twice")
            found[name] = value.strip(" \t")
        return found

    async def body(self, framing, length=0):
        """The pieces of a body: `length`, `chunked`, or `close`, which only a FIN ends."""
        if framing == "chunked":
            while True:
                size = (await self.line()).partition(";")[0]
                if not size or any(c not in "0123456789abcdefABCDEF" for c in size):
                    raise Odd(f"an odd chunk size: {size!r}")
                left = int(size, 16)
                if not left:
                    await self.fields()
                    return
                while left:
                    piece = await self.some(left)
                    left -= len(piece)
                    yield piece
                if await self.line():
                    raise Odd("no CRLF after a chunk")
        elif framing == "close":
            while self.read or await self.more():
                yield self.take_read(1 << 18)
        else:
            while length:
                piece = await self.some(length)
                length -= len(piece)
                yield piece


class SecureWire(Wire):
    """The client's side of TLS. Only close_notify is an end: a bare FIN is a cut."""

    def __init__(self, sock, slow, context, name):
        super().__init__(sock, slow)
        self.inbox, self.outbox = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.session = context.wrap_bio(self.inbox, self.outbox, server_hostname=name)
        self.flushing = asyncio.Lock()

    async def handshake(self):
        while await self.when_heard(self.session.do_handshake) is False:
            pass
        await self.flush()

    async def send(self, data):
        for begin in range(0, len(data), 1 << 16):
            self.session.write(data[begin:begin + (1 << 16)])
            await self.flush()

    async def more(self):
        while (data := await self.when_heard(lambda: self.session.read(1 << 18))) is False:
            pass
        self.read += data
        return bool(data)

    async def when_heard(self, call):
        """What it gives, b"" at the end; False when some bytes of the peer have come and it is to be called again."""
        try:
            return call()
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLWantReadError:
            await self.flush()
        except ssl.SSLError:
            raise Gone("rst") from None
        data = await self.receive()
        if not data:
            raise Gone("rst")
        self.inbox.write(data)
        return False

    async def flush(self):
        async with self.flushing:
            if self.outbox.pending:
                await super().send(self.outbox.read())

    def finish_sending(self):
        with contextlib.suppress(ssl.SSLError, OSError):
            self.session.unwrap()
        with contextlib.suppress(OSError):
            self.sock.send(self.outbox.read())
        super().finish_sending()


def framing_of(fields, without="none"):
    """(framing, length) as a head's fields say; `without`: where they say nothing."""
    coding, length = fields.get("transfer-encoding"), fields.get("content-length")
    if coding is not None and length is not None:
        raise Odd("both Content-Length and Transfer-Encoding")
    if coding is not None:
        if coding.lower() != "chunked":
            raise Odd(f"an odd coding: {coding}")
        return "chunked", 0
    if length is not None:
        if not length.isdigit():
            raise Odd(f"an odd length: {length}")
        return "length", int(length)
    return without, 0


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def head(first, fields):
    return ("\r\n".join([first, *(f"{name}: {value}" for name, value in fields)]) + "\r\n\r\n").encode("latin-1")
