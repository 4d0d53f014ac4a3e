"""Far sides that misbehave: a broker that says what a test wants, one whose certificate nobody vouches for, and a way to
a broker that is cut or silent."""
import contextlib
import json
import socket
import ssl
import struct
import threading
import time


class Server:
    """Accepts, hands each connection to serve(), and keeps what it was sent."""

    def __init__(self, port=0, ip="127.0.0.1"):
        self.heard, self.accepted = [], 0
        self._listener = socket.create_server((ip, port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.accepted += 1
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with contextlib.suppress(OSError), sock:
            sock.settimeout(30)
            self.serve(sock)

    def read_head(self, sock):
        head = b""
        while b"\r\n\r\n" not in head:
            data = sock.recv(65536)
            if not data:
                break
            head += data
        self.heard.append(head)
        return head

    def stop(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class Untrusted(Server):
    """TLS with a certificate from an authority that the agent does not know: whatever it hears, it should not have."""

    def __init__(self, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        super().__init__()

    def serve(self, sock):
        with self.context.wrap_socket(sock, server_side=True) as secure:
            self.read_head(secure)
            secure.sendall(b"HTTP/1.1 401 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


class Scripted(Server):
    """A classic server whose one answer is the test's; it takes the sockets, too, and says nothing on them."""

    def __init__(self, status=200, body=None, fields=(), reason="OK", port=0):
        self.status, self.body, self.fields, self.reason = status, body or {}, fields, reason
        self.pool = socket.create_server(("127.0.0.1", 0))
        super().__init__(port)

    def serve(self, sock):
        self.read_head(sock)
        body = {"id": "name", "port": self.pool.getsockname()[1], "max_conn_count": 1, "url": "http://name.example", **self.body}
        text = json.dumps(body)
        head = [f"HTTP/1.1 {self.status} {self.reason}", "Content-Type: application/json", f"Content-Length: {len(text)}",
                "Connection: close", *self.fields]
        sock.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + text.encode())


class BadWay(Server):
    """TCP on its way to a server. What becomes of each connection once the client has said `after` pieces of data is
    decided by fault(number): None, "reset", "silence" (what the client says is lost), "deaf" (what the server says is, and
    it never learns that the client is gone), or a number of seconds by which answers are late."""

    def __init__(self, behind, fault, after=1):
        self.behind, self.fault, self.after = behind, fault, after
        self.seen = 0
        super().__init__()

    def serve(self, sock):
        number, self.seen = self.seen, self.seen + 1
        fault = self.fault(number)
        with socket.create_connection(("127.0.0.1", self.behind), 10) as server:
            sock.settimeout(None)
            server.settimeout(None)
            answers = threading.Thread(target=self._answers, args=(sock, server, fault), daemon=True)
            answers.start()
            pieces = 0
            while data := sock.recv(65536):
                pieces += 1
                if pieces >= self.after and fault == "reset":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.close()
                    break
                if pieces >= self.after and fault == "silence":
                    continue  # to the client's own end
                server.sendall(data)
            with contextlib.suppress(OSError):
                if fault != "deaf":
                    server.shutdown(socket.SHUT_WR)
            if fault not in ("reset", "silence"):
                answers.join()

    def _answers(self, sock, server, fault):
        late = fault if isinstance(fault, (int, float)) else 0
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                time.sleep(late)
                late = 0
                if fault != "deaf":
                    sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
