"""Local apps behind the tunnel, run by the test itself in threads, so that a test holds both ends: it decides when the
app goes on, and sees what reached it, byte for byte."""
import asyncio
import contextlib
import hashlib
import json
import queue
import random
import socket
import threading

import websockets


def data_of(size, seed=7):
    """The same bytes for the same size, everywhere."""
    return random.Random(f"{seed}/{size}").randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()


class Gone(Exception):
    """The other side closed."""


class Request:
    """One request as it reached the app."""

    def __init__(self, line, fields):
        self.line, self.fields = line, fields
        self.method, self.target, self.version = (line.split(" ") + ["", ""])[:3]
        self.trailers, self.framing = [], "none"
        self.body_length, self.body_hash = 0, hashlib.sha256()

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def get(self, name):
        return ", ".join(self.all(name)) or None


class Connection:
    """One accepted connection, read by lines and counts."""

    def __init__(self, sock):
        self.sock, self._read = sock, bytearray()

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise Gone
        self._read += data

    def take(self, count):
        while len(self._read) < count:
            self.more()
        data = bytes(self._read[:count])
        del self._read[:count]
        return data

    def some(self, most):
        if not self._read:
            self.more()
        return self.take(min(most, len(self._read)))

    def line(self):
        while (end := self._read.find(b"\r\n")) < 0:
            self.more()
        data = bytes(self._read[:end])
        del self._read[:end + 2]
        return data.decode("latin-1")

    def fields(self):
        found = []
        while line := self.line():
            name, _, value = line.partition(":")
            found.append((name, value.strip(" \t")))
        return found

    def request(self):
        line = self.line()
        return Request(line, self.fields())

    def body(self, request):
        """The body's pieces, counted and hashed into the request."""
        if "chunked" in (request.get("Transfer-Encoding") or "").lower():
            request.framing = "chunked"
            while size := int(self.line().partition(";")[0], 16):
                yield self._note(request, self.take(size))
                assert self.take(2) == b"\r\n"
            request.trailers = self.fields()
        elif length := int(request.get("Content-Length") or 0):
            request.framing = "length"
            while length:
                piece = self.some(length)
                length -= len(piece)
                yield self._note(request, piece)

    @staticmethod
    def _note(request, piece):
        request.body_length += len(piece)
        request.body_hash.update(piece)
        return piece

    def answer(self, status, body=b"", fields=()):
        head = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *(f"{n}: {v}" for n, v in fields)]
        self.send("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)

    def chunk(self, data):
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def last_chunk(self, trailers=""):
        self.send(b"0\r\n" + trailers.encode() + b"\r\n")


class App:
    """The app with one behaviour a path: `/hash` is do_hash, `/bytes/9` is do_bytes with "9". Connections persist
    unless a behaviour returns False."""

    def __init__(self, port=0):
        self.requests, self.events = [], queue.Queue()
        self._lock, self._open = threading.Lock(), set()
        self._listener = self._listen(port)
        threading.Thread(target=self._accept, daemon=True).start()

    def _listen(self, port):
        listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port = listener.getsockname()[1]
        return listener

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                if sock.family != socket.AF_UNIX:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._open.add(sock)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        connection = Connection(sock)
        with contextlib.suppress(Gone, OSError):
            while True:
                request = connection.request()
                with self._lock:
                    self.requests.append(request)
                name, _, rest = request.target.partition("?")[0].strip("/").partition("/")
                behaviour = getattr(self, f"do_{name}", self.do_hello)
                if behaviour(connection, request, rest) is False:
                    break
        with self._lock:
            self._open.discard(sock)
        sock.close()

    def open_connections(self):
        with self._lock:
            return len(self._open)

    def seen(self, target):
        with self._lock:
            return [r for r in self.requests if r.target == target]

    def count(self):
        with self._lock:
            return len(self.requests)

    def stop(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for sock in self._open:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    # ---- What there is

    def do_hello(self, connection, request, _rest):
        for _ in connection.body(request):
            pass
        connection.answer(200, b"" if request.method == "HEAD" else b"hello\n")

    def do_hash(self, connection, request, _rest):
        """Tells how the request looked from here."""
        for _ in connection.body(request):
            pass
        body = json.dumps({"line": request.line, "fields": request.fields, "trailers": request.trailers, "framing": request.framing,
                           "length": request.body_length, "sha256": request.body_hash.hexdigest()}).encode()
        connection.answer(200, body, [("Content-Type", "application/json")])

    def do_bytes(self, connection, _request, rest):
        connection.answer(200, data_of(int(rest)))

    def do_chunked(self, connection, _request, rest):
        """`/chunked/LENGTH` in chunks of uneven length."""
        data, sizes = memoryview(data_of(int(rest))), random.Random(rest)
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while data:
            size = sizes.choice((1, 2, 15, 16, 1000, 16384, 16385, 100000))
            connection.chunk(bytes(data[:size]))
            data = data[size:]
        connection.last_chunk()

    def do_until_close(self, connection, _request, rest):
        connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + data_of(int(rest)))
        return False

    def do_echo(self, connection, request, _rest):
        """Sends the body back while it still comes."""
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in connection.body(request):
            connection.chunk(piece)
        connection.last_chunk()

    def do_status(self, connection, request, rest):
        """`/status/204`: an answer without a body."""
        fields = [("ETag", '"tag"')]
        if rest in ("204", "304"):
            connection.send(f"HTTP/1.1 {rest} X\r\nETag: \"tag\"\r\n\r\n".encode())
        else:
            connection.answer(int(rest), b"", fields)

    def do_head(self, connection, _request, _rest):
        """To a HEAD: the length of what a GET would get."""
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")

    def do_hints(self, connection, _request, _rest):
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n")
        connection.answer(200, b"after hints")

    def do_continue(self, connection, request, _rest):
        """Asks for the body only after its own 100."""
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.do_hash(connection, request, "")

    def do_refuse(self, connection, _request, _rest):
        """Answers before the body, and reads none of it."""
        connection.send(b"HTTP/1.1 413 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return False

    def do_trailers(self, connection, _request, _rest):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
        connection.chunk(b"body")
        connection.last_chunk("X-Sum: 42\r\nContent-Length: 9\r\n")

    def do_cut_length(self, connection, _request, _rest):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")
        return False

    def do_cut_chunked(self, connection, _request, _rest):
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.chunk(b"short")
        return False

    def do_garbage(self, connection, _request, _rest):
        connection.send(b"\x16\x03\x01 this is no HTTP\r\n\r\n")
        return False

    def do_unasked_101(self, connection, _request, _rest):
        connection.send(b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n")
        return False

    def do_hop(self, connection, _request, _rest):
        connection.send(b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Private\r\nX-Private: 1\r\nKeep-Alive: timeout=5\r\n"
                        b"X-Public: 1\r\nContent-Length: 2\r\n\r\nok")

    def do_wait(self, connection, _request, _rest):
        """Half an answer; the other half when the test puts an event."""
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        connection.send(self.events.get())

    def do_sse(self, connection, _request, _rest):
        """One event for each that the test puts; None ends."""
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while (event := self.events.get()) is not None:
            connection.chunk(b"data: " + event + b"\n\n")
        connection.last_chunk()

    def do_browser(self, connection, _request, _rest):
        """A page that says, by another request, which events have reached it."""
        page = b"""<!doctype html><title>events</title><script>
            new EventSource("/sse").onmessage = (event) => fetch("/heard/" + event.data, {method: "POST", body: "x".repeat(100000)});
            </script>"""
        connection.answer(200, page, [("Content-Type", "text/html")])

    def do_endless(self, connection, _request, _rest):
        """Sends until the visitor leaves."""
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        piece = data_of(65536)
        while True:
            connection.chunk(piece)

    def do_upgrade(self, connection, request, _rest):
        """Another protocol after a 101: every byte comes back, until the visitor's end, and then `bye`."""
        connection.send(f"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: {request.get('Upgrade')}\r\n\r\n".encode())
        with contextlib.suppress(Gone):
            while True:
                connection.send(connection.some(1 << 18))
        connection.send(b"bye")
        return False

    def do_no_upgrade(self, connection, _request, _rest):
        connection.answer(400, b"not here")


class WebSocketEcho:
    """python3-websockets as the local app: each message comes back, /greet greets first."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait()

    def _run(self, ready):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve(ready))
        self._loop.run_forever()

    async def _serve(self, ready):
        server = await websockets.serve(self._echo, "127.0.0.1", 0, max_size=None, ping_interval=None)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()

    @staticmethod
    async def _echo(socket_):
        with contextlib.suppress(websockets.ConnectionClosedError):  # who leaves without a word
            if socket_.path == "/greet":
                await socket_.send("welcome")
            async for message in socket_:
                await socket_.send(message)

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
