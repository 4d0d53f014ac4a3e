"""A local app that misbehaves on purpose: raw sockets, one script for each path, and a note of every request it saw."""
import collections
import socket
import struct
import threading
import time


class Connection:
    """One connection from the agent, read by lines and counts."""

    def __init__(self, sock):
        self.sock, self.data = sock, b""

    def head(self):
        """The next request's head, without the empty line; b"" at the end."""
        while b"\r\n\r\n" not in self.data:
            chunk = self.sock.recv(65536)
            if not chunk:
                return b""
            self.data += chunk
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        return head

    def body(self, head):
        """A body of known length, as announced in `head`."""
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                return self.take(int(line.partition(b":")[2]))
        return b""

    def take(self, count):
        while len(self.data) < count:
            chunk = self.sock.recv(65536)
            if not chunk:
                break
            self.data += chunk
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def say(self, text):
        self.sock.sendall(text if isinstance(text, bytes) else text.encode())

    def answer(self, body, *fields):
        lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *fields]
        self.say("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def ended(self, seconds=30.0):
        """Waits for the other side's end: "fin" or "reset", or "open" after so long."""
        self.sock.settimeout(seconds)
        try:
            while chunk := self.sock.recv(65536):
                self.data += chunk
            return "fin"
        except ConnectionResetError:
            return "reset"
        except TimeoutError:
            return "open"
        finally:
            self.sock.settimeout(None)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class RawApp:
    """`scripts`: {path: function(app, connection, head)}, which returns whether the connection serves another request.
    `one_at_a_time`: a connection is accepted when the one before it has ended."""

    def __init__(self, scripts, one_at_a_time=False):
        self.scripts, self.one_at_a_time = scripts, one_at_a_time
        self.seen = collections.Counter()  # by path
        self.notes = []  # whatever a script wants to tell the test
        self.lock = threading.Lock()
        self.open = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self):
        self.listener.close()

    def note(self, value):
        with self.lock:
            self.notes.append(value)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.one_at_a_time:
                self._serve(sock)
            else:
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock)
        with self.lock:
            self.open += 1
        try:
            while head := connection.head():
                path = head.split(b" ")[1].decode()
                with self.lock:
                    self.seen[path] += 1
                if not self.scripts[path.partition("?")[0]](self, connection, head):
                    break
        except OSError:
            pass
        finally:
            sock.close()
            with self.lock:
                self.open -= 1


def hello(_app, connection, head):
    connection.body(head)
    connection.answer(b"hello\n")
    return True


def pause(seconds):
    time.sleep(seconds)
