"""A visitor: one connection to a public address, HTTP/1.1 by hand, so that a test can send any bytes and sees exactly
which ones come back. Reading is strict: what no careful client would take is an AssertionError."""
import hashlib
import socket
import ssl
import threading

WAITS = object()  # for bytes of the peer
TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class Cut(Exception):
    """The connection ended, or was reset, where more had to come."""


class Answer:
    """One answer: status, fields in their order, the body's digest and, up to a megabyte, the body itself."""

    def __init__(self, version, status, reason, fields):
        self.version, self.status, self.reason, self.fields = version, status, reason, fields
        self.interim, self.trailers = [], []
        self.framing = "none"
        self.length, self.body, self._hash = 0, bytearray(), hashlib.sha256()

    def add(self, data):
        self.length += len(data)
        self._hash.update(data)
        if len(self.body) < 1 << 20:
            self.body += data

    @property
    def sha256(self):
        return self._hash.hexdigest()

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def all(self, name):
        return [value for field, value in self.fields if field.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times"
        return values[0] if values else None

    def __repr__(self):
        return f"<{self.status} {self.framing} {self.length} bytes {self.fields} {bytes(self.body[:200])!r}>"


class Tls:
    """TLS on a socket, for one thread that sends and one that reads. With two threads ssl.SSLSocket may take what one of
    them found for the other's, and then reports an end that never came."""

    def __init__(self, sock, context, name):
        self.sock = sock
        self._inbox, self._outbox = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._inbox, self._outbox, server_hostname=name)
        self._lock, self._sending = threading.Lock(), threading.Lock()
        self.setsockopt, self.close = sock.setsockopt, sock.close
        while self._when_heard(self._session.do_handshake) is WAITS:
            self._flush()
            self._hear()
        self._flush()

    def sendall(self, data):
        for begin in range(0, len(data), 1 << 16):
            with self._lock:
                self._session.write(data[begin:begin + (1 << 16)])
            self._flush()

    def recv(self, count):
        while (data := self._when_heard(lambda: self._session.read(count))) is WAITS:
            self._hear()
        return data

    def _when_heard(self, call):
        with self._lock:
            try:
                return call()
            except ssl.SSLWantReadError:
                return WAITS
            except ssl.SSLZeroReturnError:
                return b""

    def _hear(self):
        data = self.sock.recv(1 << 18)
        with self._lock:
            self._inbox.write(data) if data else self._inbox.write_eof()

    def _flush(self):
        with self._sending:
            with self._lock:
                data = self._outbox.read()
            self.sock.sendall(data)


class Visitor:
    """A connection to PORT of IP that asks for HOST; `source`: the IP that it comes from, unless the system chooses."""

    def __init__(self, port, host, ca=None, timeout=30.0, source=None, ip="127.0.0.1"):
        self.host = host
        self.sock = socket.create_connection((ip, port), timeout, source_address=(source, 0) if source else None)
        self.address = "%s:%d" % self.sock.getsockname()  # as the broker's log has it
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if ca:
            context = ssl.create_default_context(cafile=str(ca))
            context.set_alpn_protocols(["http/1.1"])
            self.sock = Tls(self.sock, context, host.partition(":")[0])
        self._read = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def abort(self):
        """Leaves with a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.sock.close()

    # ---- Sending

    def send(self, data):
        self.sock.sendall(data)

    def head(self, method, target, fields=(), version="HTTP/1.1"):
        lines = [f"{method} {target} {version}"]
        if not any(name.lower() == "host" for name, _ in fields):
            lines.append(f"Host: {self.host}")
        lines += [f"{name}: {value}" for name, value in fields]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def request(self, method, target, fields=(), body=None, chunks=None):
        """Sends a request, with a body of known length or in chunks, and reads its answer."""
        fields = list(fields)
        if body is not None:
            fields.append(("Content-Length", str(len(body))))
        if chunks is not None:
            fields.append(("Transfer-Encoding", "chunked"))
        self.send(self.head(method, target, fields))
        if body:
            self.send(body)
        for chunk in chunks or ():
            self.send(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if chunks is not None:
            self.send(b"0\r\n\r\n")
        return self.answer(method)

    def get(self, target, fields=()):
        return self.request("GET", target, fields)

    # ---- Reading

    def _more(self):
        try:
            data = self.sock.recv(1 << 18)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError) as error:
            raise Cut(f"after {bytes(self._read[-200:])!r}: {error}") from None
        if not data:
            return False
        self._read += data
        return True

    def _need_more(self):
        if not self._more():
            raise Cut(f"after {bytes(self._read[-200:])!r}")

    def take(self, count):
        while len(self._read) < count:
            self._need_more()
        data = bytes(self._read[:count])
        del self._read[:count]
        return data

    def line(self):
        while (end := self._read.find(b"\n")) < 0:
            assert len(self._read) < 65536, "an endless line"
            self._need_more()
        data = bytes(self._read[:end + 1])
        del self._read[:end + 1]
        assert data.endswith(b"\r\n") and b"\r" not in data[:-2] and b"\0" not in data, f"an odd line: {data!r}"
        return data[:-2]

    def fields(self):
        found = []
        while line := self.line():
            name, colon, value = line.partition(b":")
            assert colon and name and TOKEN.issuperset(name), f"an odd field: {line!r}"
            found.append((name.decode(), value.strip(b" \t").decode("latin-1")))
        return found

    def answer_head(self):
        """The next head, an interim one included."""
        line = self.line()
        version, _, rest = line.partition(b" ")
        status, _, reason = rest.partition(b" ")
        assert version in (b"HTTP/1.1", b"HTTP/1.0") and len(status) == 3 and status.isdigit(), f"an odd status line: {line!r}"
        return Answer(version.decode(), int(status), reason.decode("latin-1"), self.fields())

    def answer(self, method="GET"):
        """The next final answer, whole, with the interim ones before it."""
        interim = []
        while True:
            answer = self.answer_head()
            if answer.status == 101 or answer.status >= 200:
                break
            interim.append(answer)
        answer.interim = interim
        for piece in self.body(answer, method):
            answer.add(piece)
        return answer

    def body(self, answer, method="GET"):
        """The body's pieces as they come. RFC 9112 6.3."""
        length, coding = answer.get("Content-Length"), answer.get("Transfer-Encoding")
        assert not (length and coding), "both Content-Length and Transfer-Encoding"
        if method == "HEAD" or answer.status in (101, 204, 304):
            return
        if coding:
            assert coding.lower() == "chunked", coding
            assert answer.version == "HTTP/1.1", "chunked in HTTP/1.0"
            answer.framing = "chunked"
            yield from self._chunks(answer)
        elif length is not None:
            assert length.isdigit(), length
            answer.framing = "length"
            left = int(length)
            while left:
                if not self._read:
                    self._need_more()
                piece = self.take(min(left, len(self._read)))
                left -= len(piece)
                yield piece
        else:
            answer.framing = "close"
            while True:
                if self._read:
                    yield self.take(len(self._read))
                if not self._more():
                    return

    def _chunks(self, answer):
        while True:
            size = self.line().partition(b";")[0]
            assert size and all(c in b"0123456789abcdefABCDEF" for c in size), f"an odd chunk size: {size!r}"
            left = int(size, 16)
            if not left:
                answer.trailers = self.fields()
                return
            while left:
                if not self._read:
                    self._need_more()
                piece = self.take(min(left, len(self._read)))
                left -= len(piece)
                yield piece
            assert self.take(2) == b"\r\n", "no CRLF after a chunk"

    def rest(self):
        """Everything until the other side closes; a reset counts as its end, too."""
        try:
            while self._more():
                pass
        except Cut:
            pass
        return self.take(len(self._read))

    def at_end(self):
        """Whether the other side has closed, without a byte more."""
        return self.rest() == b""
