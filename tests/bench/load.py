"""What visitors do: many small requests (wrk), one large transfer, a thousand slow downloads, connections that wait."""
import json
import pathlib
import re
import selectors
import socket
import ssl
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PIECE = 1 << 18


def wrk(subject, path, visitors, seconds, close=False):
    """wrk for so long, one thread: requests, seconds, p50 and p99 in ms, failed."""
    fields = ["-H", "Connection: close"] if close else []
    run = subprocess.run(["wrk", "-t1", f"-c{visitors}", f"-d{max(1, round(seconds))}s", "--timeout", "20s", *fields,
                          "-s", HERE / "wrk.lua", f"http://127.0.0.1:{subject.port}{path}", "--", path,
                          *(subject.hosts or [subject.host])], capture_output=True, text=True, check=True)
    told = json.loads(run.stdout.strip().splitlines()[-1])
    if not told["requests"]:
        raise RuntimeError(f"{subject.label}: not one answer\n{run.stdout}")
    return told


def h2load(subject, path, visitors, seconds):
    """The same over TLS, from h2load, which speaks HTTP/1.1 as well: wrk's TLS takes as much cpu as all the rest."""
    with tempfile.NamedTemporaryFile("r") as log:
        run = subprocess.run(["h2load", "--h1", "-t1", f"-c{visitors}", f"-D{max(1, round(seconds))}", f"--log-file={log.name}",
                              f"--connect-to=127.0.0.1:{subject.https_port}", f"https://{subject.host.partition(':')[0]}{path}"],
                             capture_output=True, text=True, check=True)
        took = sorted(int(line.split()[2]) / 1e3 for line in log)
    done = re.search(r"^requests: .* (\d+) done,.* (\d+) errored, (\d+) timeout", run.stdout, re.MULTILINE)
    # It calls an answer without a reason phrase failed, and its status none.
    refused = re.search(r"^status codes: .* (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", run.stdout, re.MULTILINE)
    if not done or not refused or not took:
        raise RuntimeError(f"{subject.label}: not one answer\n{run.stdout}")
    return {"requests": int(done[1]), "seconds": seconds, "failed": sum(map(int, (done[2], done[3], *refused.groups()))),
            "p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100]}


def connect(subject):
    sock = socket.create_connection(("127.0.0.1", subject.port), 20)
    sock.settimeout(60)
    return sock


def read_head_itself(sock):
    """(head, status, Content-Length, the bytes behind the head)."""
    text = b""
    while b"\r\n\r\n" not in text:
        piece = sock.recv(65536)
        if not piece:
            raise RuntimeError("closed before an answer")
        text += piece
    head, _, rest = text.partition(b"\r\n\r\n")
    length = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return head, int(head.split(b" ")[1]), int(length[0]) if length else 0, rest


def read_head(sock):
    """(status, Content-Length, the bytes behind the head)."""
    return read_head_itself(sock)[1:]


def size_of_answer(subject, path):
    """In bytes, head and body."""
    with connect(subject) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {subject.host}\r\n\r\n".encode())
        head, status, length, _ = read_head_itself(sock)
        if status != 200:
            raise RuntimeError(f"{subject.label}: {status}")
        return len(head) + 4 + length


def download(subject, path, patience=60, on_bytes=None):
    """One GET on a connection of its own: (bytes, seconds, bytes a second over the later half of the body). It is given up
    when `patience` seconds are over; `on_bytes` hears of each piece and ends it by True."""
    with connect(subject) as sock:
        room, begin = memoryview(bytearray(PIECE)), time.perf_counter()
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {subject.host}\r\n\r\n".encode())
        status, length, rest = read_head(sock)
        if status != 200:
            raise RuntimeError(f"{subject.label}: {status}")
        got, middle = len(rest), None
        while got < length:
            n = sock.recv_into(room)
            if n == 0:
                raise RuntimeError(f"{subject.label}: cut after {got} of {length} bytes")
            got += n
            if middle is None and got >= length / 2:
                middle = (got, time.perf_counter())
            if (on_bytes and on_bytes(n)) or time.perf_counter() - begin > patience:
                break
        end = time.perf_counter()
        later = (got - middle[0]) / (end - middle[1]) if middle and end > middle[1] else got / (end - begin)
        return got, end - begin, later


def upload(subject, path, size):
    """One PUT: (bytes, seconds until its answer)."""
    with connect(subject) as sock:
        piece, begin = bytes(PIECE), time.perf_counter()
        sock.sendall(f"PUT {path} HTTP/1.1\r\nHost: {subject.host}\r\nContent-Length: {size}\r\n\r\n".encode())
        left = size
        while left:
            sock.sendall(piece if left >= PIECE else piece[:left])
            left -= min(left, PIECE)
        status, _, _ = read_head(sock)
        if status not in (200, 201, 204):
            raise RuntimeError(f"{subject.label}: {status}")
        return size, time.perf_counter() - begin


class Bulk:
    """One download after the other, as fast as they come, while the block runs."""

    def __init__(self, subject, path):
        self._subject, self._path = subject, path
        self._stop, self.moved, self.failed = False, 0, None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self._stop:
                download(self._subject, self._path, on_bytes=self._on_bytes)
        except (OSError, RuntimeError) as error:
            self.failed = error

    def _on_bytes(self, n):
        self.moved += n
        return self._stop

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop = True
        self._thread.join()
        if self.failed:
            raise RuntimeError(f"the bulk download beside it: {self.failed}")


def slow_downloads(subject, path, count, patience):
    """So many at once: (how many came whole, seconds of each, sorted)."""
    selector, took, begin = selectors.DefaultSelector(), [], time.perf_counter()
    request = f"GET {path} HTTP/1.1\r\nHost: {subject.host}\r\nConnection: close\r\n\r\n".encode()
    room = memoryview(bytearray(PIECE))
    for _ in range(count):
        sock = connect(subject)
        sock.sendall(request)
        sock.setblocking(False)
        selector.register(sock, selectors.EVENT_READ, [0])
    while selector.get_map() and time.perf_counter() - begin < patience:
        for key, _ in selector.select(1):
            try:
                n = key.fileobj.recv_into(room)
            except ConnectionError:
                n = 0
            if n:
                key.data[0] += n
                continue
            if key.data[0] > 65536:  # head and body
                took.append(time.perf_counter() - begin)
            selector.unregister(key.fileobj)
            key.fileobj.close()
    for key in list(selector.get_map().values()):
        key.fileobj.close()
    return len(took), sorted(took)


def waiting_visitors(subject, count, ca=None, name=None):
    """So many keep-alive connections, each after one answered request: their sockets. With `ca`: over TLS."""
    request = f"GET /1k HTTP/1.1\r\nHost: {subject.host}\r\n\r\n".encode()
    context = ssl.create_default_context(cafile=ca) if ca else None
    socks = []
    for _ in range(count):
        sock = connect(subject)
        if context:
            sock = context.wrap_socket(sock, server_hostname=name)
        sock.sendall(request)
        status, length, rest = read_head(sock)
        while len(rest) < length:
            rest += sock.recv(65536)
        if status != 200:
            raise RuntimeError(f"{subject.label}: {status} after {len(socks)} visitors")
        socks.append(sock)
    return socks
