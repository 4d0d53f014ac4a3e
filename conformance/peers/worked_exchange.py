#!/usr/bin/env python3
"""The worked exchange of docs/PROTOCOL.md, made by python3-hyperframe and python3-hpack.

    worked_exchange.py                  prints it
    worked_exchange.py --check FILE     exits 1 when FILE does not contain it as it is

The bytes on the page are never written by hand: a test runs --check, so that page and frames cannot part.
"""
import sys

from hpack import Encoder
from hyperframe.frame import DataFrame, HeadersFrame, RstStreamFrame, SettingsFrame, WindowUpdateFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
BROKER, AGENT = Encoder(), Encoder()


def varint(value):
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def field(number, value):
    """One protobuf field: a varint for an int, else bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def control(kind, *fields):
    """A ControlMessage of one kind behind its length."""
    message = field(kind, b"".join(fields))
    return varint(len(message)) + message


def settings(values):
    return SettingsFrame(0, settings=values).serialize()


def window(stream, increment):
    frame = WindowUpdateFrame(stream)
    frame.window_increment = increment
    return frame.serialize()


def headers(encoder, stream, fields, *flags):
    return HeadersFrame(stream, encoder.encode(fields), flags=["END_HEADERS", *flags]).serialize()


def data(stream, payload, *flags):
    return DataFrame(stream, payload, flags=list(flags)).serialize()


STEPS = [
    ("agent", "the handshake's request", 
     b"GET /blue-fox HTTP/1.1\r\nHost: broker.example\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n"
     b"Tenfold-Offer: tenfold/1\r\n\r\n"),
    ("broker", "its answer; everything after it is HTTP/2", 
     b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tenfold/1\r\n\r\n"),
    ("broker", "preface", PREFACE),
    ("broker", "SETTINGS: ENABLE_PUSH 0, INITIAL_WINDOW_SIZE 262,144, MAX_HEADER_LIST_SIZE 65,536", 
     settings({2: 0, 4: 262144, 6: 65536})),
    ("broker", "WINDOW_UPDATE, connection: 65,535 + 16,711,681 = 16 MiB", window(0, 16711681)),
    ("broker", "HEADERS, stream 1: CONNECT control", 
     headers(BROKER, 1, [(":method", "CONNECT"), (":authority", "control")])),
    ("broker", "DATA, stream 1: Registered{name, urls, resume_token}", 
     data(1, control(2, field(2, "blue-fox"), field(3, "https://blue-fox.broker.example"),
                     field(4, bytes.fromhex("00010203fdfeff"))))),
    ("broker", "DATA, stream 1: Welcome{version 1, server_id, max_streams 1000, max_control_bytes 65536}", 
     data(1, control(1, field(1, 1), field(2, "b1"), field(3, 1000), field(4, 65536)))),
    ("agent", "SETTINGS: MAX_CONCURRENT_STREAMS 1,001, INITIAL_WINDOW_SIZE 262,144, MAX_HEADER_LIST_SIZE 65,536", 
     settings({3: 1001, 4: 262144, 6: 65536})),
    ("agent", "SETTINGS, ACK", SettingsFrame(0, flags=["ACK"]).serialize()),
    ("agent", "WINDOW_UPDATE, connection", window(0, 16711681)),
    ("agent", "HEADERS, stream 1: :status 200", headers(AGENT, 1, [(":status", "200")])),
    ("agent", "DATA, stream 1: Hello{version 1, agent_id}", 
     data(1, control(16, field(1, 1), field(3, "example/1.0")))),
    ("broker", "SETTINGS, ACK", SettingsFrame(0, flags=["ACK"]).serialize()),
    ("broker", "HEADERS, stream 3: a visitor came to blue-fox", 
     headers(BROKER, 3, [(":method", "CONNECT"), (":authority", "blue-fox"),
                         ("tenfold-peer", "198.51.100.7:40312")])),
    ("broker", "DATA, stream 3: bytes for the local app, before any answer", 
     data(3, b"GET / HTTP/1.1\r\nHost: blue-fox.broker.example\r\n\r\n")),
    ("agent", "HEADERS, stream 3: :status 200, the local dial worked", headers(AGENT, 3, [(":status", "200")])),
    ("agent", "DATA, stream 3: the local app's bytes", 
     data(3, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")),
    ("agent", "DATA, stream 3, END_STREAM: the local app closed its side", data(3, b"", "END_STREAM")),
    ("broker", "DATA, stream 3, END_STREAM: the broker closes its own", data(3, b"", "END_STREAM")),
    ("broker", "HEADERS, stream 5: another visitor, while the local app is down", 
     headers(BROKER, 5, [(":method", "CONNECT"), (":authority", "blue-fox"),
                         ("tenfold-peer", "198.51.100.8:51776")])),
    ("agent", "HEADERS, stream 5, END_STREAM: :status 502, tenfold-cause refused", 
     headers(AGENT, 5, [(":status", "502"), ("tenfold-cause", "refused")], "END_STREAM")),
    ("agent", "RST_STREAM, stream 5: NO_ERROR, it wants no more of the broker's half", 
     RstStreamFrame(5).serialize()),
]


def frames(octets):
    """The preface, or each frame as its header (length, type, flags, stream) and its payload in fours."""
    if octets == PREFACE:
        return ["        " + octets.hex(" ", -4)]
    head, payload = octets[:9], octets[9:]
    lines = [f"        {head[:3].hex()} {head[3:4].hex()} {head[4:5].hex()} {head[5:].hex()}"]
    return lines + ["          " + payload[i:i + 32].hex(" ", -4) for i in range(0, len(payload), 32)]


def page():
    lines = []
    for sender, what, octets in STEPS:
        lines.append(f"{sender:6}  {what}")
        if octets[:4] in (b"GET ", b"HTTP"):
            lines += ["        " + line for line in octets.decode().replace("\r\n", "\\r\\n\n").splitlines()]
        else:
            lines += frames(octets)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], encoding="utf-8") as file:
            sys.exit(0 if page() in file.read() else "the worked exchange on the page is not the generated one")
    sys.stdout.write(page())
