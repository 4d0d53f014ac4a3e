"""An agent by hand: one `tenfold/1` link by python3-h2, with what `agent` does not offer yet (rules for visitors). Every
stream of a visitor is answered with `hand\\n`."""
import base64
import contextlib
import hashlib
import os
import socket
import threading

import h2.config
import h2.connection
import h2.events

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhand\n"


def field(number, value):
    """One field of a protobuf message: bytes, a text, or a number."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value):
    data = b""
    while value > 127:
        data += bytes([value & 127 | 128])
        value >>= 7
    return data + bytes([value])


def login(user, password):
    """control.Login"""
    salt = os.urandom(16)
    hash_ = hashlib.scrypt(password.encode(), salt=salt, n=16384, r=8, p=1, maxmem=1 << 26, dklen=32)
    return field(1, user) + field(2, salt) + field(3, hash_)


def policy(allow=(), deny=(), logins=()):
    """control.VisitorPolicy"""
    return b"".join([*(field(1, each) for each in allow), *(field(2, each) for each in deny),
                     *(field(3, login(*each)) for each in logins)])


class LinkAgent:
    """Has NAME of the broker at PORT, with these rules."""

    def __init__(self, port, host, name, rules, token=None):
        register = field(1, 1) + field(2, name) + field(3, "http") + field(5, rules) + field(6, os.urandom(12).hex())
        self.sock = socket.create_connection(("127.0.0.1", port), 10)
        lines = [f"GET /{name} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: tenfold/1", "Tenfold-Offer: tenfold/1",
                 "Tenfold-Register: " + base64.urlsafe_b64encode(register).decode().rstrip("=")]
        if token:
            lines.append(f"Authorization: Bearer {token}")
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.sock.recv(1)
            assert byte, head
            head += byte
        assert head.startswith(b"HTTP/1.1 101 "), head
        self.sock.settimeout(None)
        config = h2.config.H2Configuration(client_side=False, validate_inbound_headers=False, validate_outbound_headers=False)
        self._link = h2.connection.H2Connection(config)
        self._link.initiate_connection()
        self._flush()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self):
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def _flush(self):
        self.sock.sendall(self._link.data_to_send())

    def _run(self):
        asked = {}
        with contextlib.suppress(OSError):
            while data := self.sock.recv(65536):
                for event in self._link.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        asked[event.stream_id] = b""
                        self._link.send_headers(event.stream_id, [(":status", "200")])
                        if event.stream_id == 1:
                            hello = field(16, field(1, 1) + field(3, "by-hand/1"))
                            self._link.send_data(1, varint(len(hello)) + hello)
                    elif isinstance(event, h2.events.DataReceived):
                        self._link.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                        asked[event.stream_id] += event.data
                        if event.stream_id != 1 and asked[event.stream_id].endswith(b"\r\n\r\n"):
                            asked[event.stream_id] = b""
                            self._link.send_data(event.stream_id, ANSWER)
                self._flush()
