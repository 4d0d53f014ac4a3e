#!/usr/bin/env python3
"""A small classic server with one fault of choice: proof that the suite can fail.

    toy_server.py PORT [--fault NAME]

Without a fault it passes the cases that run.py names. It is a toy: a thread a connection, no limits.
"""
import argparse
import itertools
import json
import queue
import re
import socket
import threading

FAULT = ""
TUNNELS = {}
NUMBERS = itertools.count(1000)
NAME = re.compile(r"^(?:[a-z0-9][a-z0-9-]{4,61}[a-z0-9]|[a-z0-9]{4,63})$")


class Conn:
    """A socket with a buffer, read by heads and by counted bytes."""

    def __init__(self, sock):
        self.sock, self.held = sock, b""

    def fill(self):
        data = self.sock.recv(65536)
        self.held += data
        return bool(data)

    def head(self):
        while b"\r\n\r\n" not in self.held:
            if not self.fill():
                raise EOFError
        head, self.held = self.held.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        return lines[0], {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}, head

    def exactly(self, size):
        while len(self.held) < size:
            if not self.fill():
                raise EOFError
        out, self.held = self.held[:size], self.held[size:]
        return out

    def line(self):
        while b"\r\n" not in self.held:
            if not self.fill():
                raise EOFError
        out, self.held = self.held.split(b"\r\n", 1)
        return out

    def chunks(self):
        """Each chunk as it stands on the wire."""
        while True:
            size = self.line()
            data = self.exactly(int(size, 16) + 2)
            yield size + b"\r\n" + data
            if int(size, 16) == 0:
                return


class Tunnel:
    def __init__(self, name):
        self.name, self.free = name, queue.Queue()
        self.count = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, _ = self.listener.accept()
            self.count += 1
            if self.count > 10 and FAULT == "storm":
                sock.close()
                continue
            self.free.put(Conn(sock))


def reply(status, body, kind="text/plain", extra=""):
    body = body.encode()
    return f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


def own(target):
    path, _, query = target.partition("?")
    if path == "/" and not query:
        return reply(302, "", extra="Location: http://landing.example/\r\n")
    name = path[1:]
    if path == "/":
        name = f"toy{next(NUMBERS)}"
    elif "/" in name:
        return reply(404, "no")
    elif not NAME.match(name.lower() if FAULT == "upper-case" else name):
        message = "Invalid subdomain. Subdomains must be lowercase and between 4 and 63 alphanumeric characters."
        return reply(403, json.dumps({"message": message}), "application/json")
    elif name in TUNNELS and FAULT != "taken":
        name = f"toy{next(NUMBERS)}"
    tunnel = TUNNELS[name] = Tunnel(name)
    info = {"id": name, "port": tunnel.listener.getsockname()[1], "max_conn_count": 10, "url": f"http://{name}.localhost"}
    if FAULT == "port-text":
        info["port"] = str(info["port"])
    return reply(200, json.dumps(info), "text/html" if FAULT == "content-type" else "application/json")


def body_to(source, target, fields, to_end=False):
    if "chunked" in fields.get("transfer-encoding", ""):
        for chunk in source.chunks():
            if FAULT == "lost-chunk" and chunk.startswith(b"7\r\n") and target.sent % 50 == 49:
                target.sent += 1
                continue
            target.sent = getattr(target, "sent", 0) + 1
            target.sock.sendall(chunk)
    elif "content-length" in fields:
        left = int(fields["content-length"])
        while left:
            if not source.held and not source.fill():
                raise EOFError
            piece = source.held[:left]
            source.held, left = source.held[len(piece):], left - len(piece)
            target.sock.sendall(piece)
    elif to_end:
        while source.held or source.fill():
            target.sock.sendall(source.held)
            source.held = b""
        return False
    return True


def pump(source, target):
    try:
        while source.held or source.fill():
            target.sock.sendall(source.held)
            source.held = b""
    except OSError:
        pass
    finally:
        for each in (source, target):
            try:
                each.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def serve(visitor, line, fields, head, tunnel):
    """One request; False when the visitor's connection is over."""
    method, target, _ = line.split(" ", 2)
    if FAULT == "path":
        head = head.replace(b"//", b"/", 1)
    try:
        pooled = tunnel.free.get(timeout=60 if FAULT == "waits-for-ever" else 3)
    except queue.Empty:
        visitor.sock.sendall(reply(503, "busy", extra="Retry-After: 1\r\n"))
        return True
    pooled.sent = visitor.sent = 0
    upgrade = "upgrade" in fields
    try:
        pooled.sock.sendall(head + b"\r\n\r\n")
        if upgrade and FAULT == "early-pipe":
            threading.Thread(target=pump, args=(visitor, pooled), daemon=True).start()
        body_to(visitor, pooled, fields)
        first, answer, raw = pooled.head()
    except (EOFError, OSError):
        if FAULT != "silent-death":
            visitor.sock.sendall(reply(502, "the app went away"))
            return True
        threading.Event().wait(60)
    status = int(first.split()[1])
    if FAULT == "status":
        raw = raw.replace(b" 418 ", b" 200 ", 1)
    if FAULT == "one-cookie" and raw.count(b"Set-Cookie") > 1:
        raw = raw.replace(b"Set-Cookie: b=2\r\n", b"")
    visitor.sock.sendall(raw + b"\r\n\r\n")
    if status == 101 and upgrade:
        if FAULT == "early-lost":
            visitor.held = b""
        threading.Thread(target=pump, args=(visitor, pooled), daemon=True).start()
        pump(pooled, visitor)
        return False
    if method != "HEAD" and status not in (204, 304):
        body_to(pooled, visitor, answer, to_end=True)
    if "close" not in answer.get("connection", ""):
        tunnel.free.put(pooled)
    return "content-length" in answer or "transfer-encoding" in answer or method == "HEAD"


def talk(sock):
    visitor = Conn(sock)
    try:
        going = True
        while going:
            line, fields, head = visitor.head()
            host = fields.get("host", "").split(":")[0].lower()
            if not host and FAULT != "no-host":
                sock.sendall(reply(400, "Host header is required"))
            elif host in ("localhost", "127.0.0.1", ""):
                sock.sendall(own(line.split(" ")[1]))
            elif host.split(".")[0] in TUNNELS:
                going = serve(visitor, line, fields, head, TUNNELS[host.split(".")[0]])
            else:
                sock.sendall(reply(200 if FAULT == "unknown-host" else 404, "404"))
    except (EOFError, OSError, ValueError):
        pass
    finally:
        sock.close()


def main():
    global FAULT
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--fault", default="")
    options = parser.parse_args()
    FAULT = options.fault
    server = socket.create_server(("127.0.0.1", options.port), backlog=500)
    print("listening on", server.getsockname()[1], flush=True)
    while True:
        threading.Thread(target=talk, args=(server.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main()
