#!/usr/bin/env python3
"""An agent of tenfold/1 on python3-h2, written from docs/PROTOCOL.md alone: a second HTTP/2 implementation for the wire format.

    agent.py PORT --host http://BROKER [--subdomain NAME] [--token TOKEN] [--ca FILE]

It has no classic pool: it exits 3 where it is refused, and dials again after a lost link.
"""
import argparse
import base64
import json
import random
import selectors
import signal
import socket
import ssl
import sys
import threading
import time
from urllib.parse import urlsplit

from h2 import events
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


# ---- Control messages: "a length as a protobuf varint, then so many bytes of ControlMessage".

def varint(value):
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])


def read_varint(data, at, most=10):
    value = 0
    for i in range(most):
        if at + i >= len(data):
            return None, at
        value |= (data[at + i] & 0x7F) << 7 * i
        if data[at + i] < 0x80:
            return value, at + i + 1
    raise ProtocolError("a varint too long")


def fields(data):
    """The (number, value) pairs of a protobuf message."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        if key is None:
            raise ProtocolError("a cut message")
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = read_varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = data[at:at + size], at + size
        elif kind == 2:
            size, at = read_varint(data, at)
            value, at = (data[at:at + size], at + size) if size is not None else (None, at)
        else:
            raise ProtocolError("no protobuf")
        if value is None or at > len(data):
            raise ProtocolError("a cut message")
        yield number, value


def message(kind, body):
    body = varint(kind << 3 | 2) + varint(len(body)) + body
    return varint(len(body)) + body


class Refused(Exception):
    pass


class Stream:
    """One stream and its connection to the application."""

    def __init__(self, number):
        self.number = number
        self.local = None
        self.connected = False
        self.outgoing = b""    # from the broker, for the application
        self.from_app = b""    # from the application, waiting for a window
        self.broker_ended = self.app_ended = self.fin_sent = self.end_sent = False


class Agent:
    def __init__(self, options):
        self.options = options
        self.name = options.subdomain
        self.token = None  # the resume token
        self.stopping = False

    # ---- Handshake

    def dial(self):
        url = urlsplit(self.options.host)
        port = url.port or (443 if url.scheme == "https" else 80)
        link = socket.create_connection((url.hostname, port), timeout=10)
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=self.options.ca)
            context.set_alpn_protocols(["http/1.1"])
            link = context.wrap_socket(link, server_hostname=url.hostname)
        lines = [f"GET /{self.name or '?new'} HTTP/1.1", f"Host: {url.netloc}", "Connection: Upgrade", "Upgrade: tenfold/1"]
        if self.options.token:
            lines.append(f"Authorization: Bearer {self.options.token}")
        if self.token:
            lines.append("Tenfold-Resume: " + base64.urlsafe_b64encode(self.token).decode().rstrip("="))
        link.sendall("\r\n".join(lines + ["", ""]).encode())
        data = b""
        while b"\r\n\r\n" not in data:
            some = link.recv(65536)
            if not some or len(data) > 65536:
                raise OSError("no answer to the handshake")
            data += some
        head, rest = data.split(b"\r\n\r\n", 1)
        self.judge(link, head.decode("latin-1"), rest)
        return link, rest

    def judge(self, link, head, rest):
        """Returns for a 101; "retries only what can heal"."""
        status = int(head.split()[1])
        answer = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head.split("\r\n")[1:])}
        if status == 101 and "tenfold/1" in answer.get("upgrade", "").lower():
            return
        length = int(answer.get("content-length", 0))
        while len(rest) < length:
            some = link.recv(65536)
            if not some:
                break
            rest += some
        try:
            body = json.loads(rest)
            print("refused:", "".join(c for c in str(body["message"]) if c.isprintable()), flush=True)
            code = body["code"]
        except (ValueError, KeyError, TypeError):
            raise OSError(f"not a server of tenfold/1: {status}")
        if status == 429 or status >= 500:
            time.sleep(min(30, int(answer.get("retry-after", 0))))
            raise OSError(code)
        raise Refused(code)

    def run(self):
        wait = 0.2
        while not self.stopping:
            started = time.monotonic()
            try:
                connection, first = self.dial()
                link = Link(self, connection)
                threading.Thread(target=link.run, args=(first,)).start()
                link.free.wait()
                if link.draining:
                    continue
            except Refused:
                return 3
            except OSError as error:
                print("away:", error, file=sys.stderr, flush=True)
            wait = 0.2 if time.monotonic() - started > 10 else min(15, wait * 2)
            time.sleep(random.uniform(0.1, wait))
        return 0


class Link:
    """One link, on its own thread: after a Drain the next one is dialled while the streams of this one continue."""

    def __init__(self, agent, link):
        self.agent, self.options, self.link = agent, agent.options, link
        self.free = threading.Event()  # the agent may dial again
        self.streams, self.control, self.output, self.draining = {}, b"", b"", False
        link.setblocking(False)

    def run(self, first):
        try:
            self.serve(first)
        except (OSError, ProtocolError) as error:
            print("away:", error, file=sys.stderr, flush=True)
        finally:
            self.free.set()

    def drain(self):
        self.draining = True
        self.free.set()

    def serve(self, first):
        self.h2 = H2Connection(H2Configuration(client_side=False, validate_inbound_headers=False, header_encoding="utf-8"))
        self.h2.local_settings = Settings(client=False, initial_values={
            SettingCodes.MAX_CONCURRENT_STREAMS: 1001, SettingCodes.INITIAL_WINDOW_SIZE: 262144,
            SettingCodes.MAX_HEADER_LIST_SIZE: 65536})
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(16 * 1024 * 1024 - 65535)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.link, READ, None)
        self.alive, next_ping = time.monotonic(), time.monotonic() + 5
        try:
            self.take(first)
            while not (self.draining and not self.streams):
                self.flush()
                for key, mask in self.selector.select(0.5):
                    if key.data is None:
                        self.on_link(mask)
                    elif key.data.number in self.streams:
                        self.on_app(key.data, mask)
                now = time.monotonic()
                if self.agent.stopping:
                    self.h2.send_data(1, message(19, b""))
                    self.h2.close_connection()
                    self.flush()
                    return
                if now > next_ping:
                    self.h2.ping(b"tenfold!")
                    next_ping = now + 5
                # "No byte for two of them in a row: the link is lost."
                if now - self.alive > 11:
                    raise OSError("the broker is silent")
        except ProtocolError:
            self.flush()  # h2's own GOAWAY, if h2 found the fault
            raise
        finally:
            for stream in list(self.streams.values()):
                self.forget(stream)
            self.selector.close()
            self.link.close()

    def flush(self):
        self.output += self.h2.data_to_send()
        while self.output:
            try:
                self.output = self.output[self.link.send(self.output[:262144]):]
            except (BlockingIOError, ssl.SSLWantWriteError):
                break
        self.selector.modify(self.link, READ | WRITE if self.output else READ, None)

    def on_link(self, mask):
        if mask & READ:
            try:
                data = self.link.recv(262144)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            if not data:
                raise OSError("the link ended")
            self.take(data)

    def take(self, data):
        self.alive = time.monotonic()
        for event in self.h2.receive_data(data):
            number = getattr(event, "stream_id", None)
            stream = self.streams.get(number)
            if isinstance(event, events.RequestReceived):
                self.on_request(number, dict(event.headers))
            elif isinstance(event, events.DataReceived):
                # "A byte's connection credit is returned when it arrives, whatever becomes of its stream."
                self.credit(event.flow_controlled_length, None)
                if number == 1:
                    self.credit(event.flow_controlled_length, 1)
                    self.on_control(event.data)
                elif stream:
                    stream.outgoing += event.data
                    self.pump_out(stream, event.flow_controlled_length - len(event.data))
            elif isinstance(event, events.StreamEnded) and (number == 1 or stream):
                if number == 1:
                    raise ProtocolError("the control stream ended")
                stream.broker_ended = True
                self.pump_out(stream)
            elif isinstance(event, events.StreamReset):
                if number == 1:
                    raise ProtocolError("the control stream was reset")
                if stream:
                    self.forget(stream)
            elif isinstance(event, (events.WindowUpdated, events.RemoteSettingsChanged)):
                for each in [stream] if stream else list(self.streams.values()):
                    self.pump_in(each)
            elif isinstance(event, events.ConnectionTerminated):
                if event.error_code != ErrorCodes.NO_ERROR:
                    raise OSError("GOAWAY")
                # h2 ends the connection at any GOAWAY; RFC 9113 6.8 lets current streams continue.
                self.h2.state_machine.state = ConnectionState.SERVER_OPEN
                self.drain()

    def abort(self, stream, code):
        try:
            self.h2.reset_stream(stream.number, code)
        except ProtocolError:
            pass  # the broker's own reset is among the unread events
        self.forget(stream)

    def credit(self, size, number):
        if size:
            try:
                self.h2.increment_flow_control_window(size, number)
            except (ProtocolError, KeyError):
                pass  # the stream is closed and may be unknown to h2: nothing to credit

    # ---- Control

    def on_control(self, data):
        self.control += data
        while self.control:
            size, at = read_varint(self.control, 0, 5)
            if size is not None and size > 65536:
                raise ProtocolError("a control message too long")
            if size is None or len(self.control) < at + size:
                return
            body, self.control = self.control[at:at + size], self.control[at + size:]
            for kind, value in fields(body):
                if kind == 2:
                    registered = dict(reversed(list(fields(value))))  # of repeated fields, the first
                    if not registered.get(1):
                        self.agent.name, self.agent.token = registered[2].decode(), registered.get(4)
                        print("your url is:", registered[3].decode(), flush=True)
                elif kind == 4:
                    self.drain()
                elif kind == 5:
                    text = dict(fields(value)).get(1, b"").decode("utf-8", "replace")
                    print("notice:", "".join(c for c in text if c.isprintable()), flush=True)

    # ---- Streams

    def on_request(self, number, head):
        if head.get(":method") != "CONNECT" or ":path" in head or ":scheme" in head:
            self.h2.reset_stream(number, ErrorCodes.PROTOCOL_ERROR)
        elif number == 1 and head.get(":authority") == "control":
            self.h2.send_headers(1, [(":status", "200")])
            self.h2.send_data(1, message(16, b"\x08\x01\x1a\x08py-agent"))
        elif head.get(":authority") != self.agent.name:
            self.h2.reset_stream(number, ErrorCodes.REFUSED_STREAM)
        else:
            stream = self.streams[number] = Stream(number)
            stream.local = socket.socket()
            stream.local.setblocking(False)
            stream.local.connect_ex(("127.0.0.1", self.options.port))
            self.selector.register(stream.local, WRITE, stream)

    def on_app(self, stream, mask):
        if not stream.connected:
            if stream.local.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.h2.send_headers(stream.number, [(":status", "502"), ("tenfold-cause", "refused")], end_stream=True)
                if not stream.broker_ended:
                    self.h2.reset_stream(stream.number, ErrorCodes.NO_ERROR)
                return self.forget(stream)
            stream.connected = True
            self.h2.send_headers(stream.number, [(":status", "200")])
        try:
            if mask & READ and not stream.from_app:
                stream.from_app = stream.local.recv(65536)
                stream.app_ended = not stream.from_app
        except BlockingIOError:
            pass
        except OSError:
            return self.abort(stream, ErrorCodes.CONNECT_ERROR)
        self.pump_in(stream)
        self.pump_out(stream)

    def pump_out(self, stream, padding=0):
        """From the broker to the application; "stream credit only when the byte has left for the application"."""
        sent = 0
        try:
            while stream.connected and stream.outgoing:
                n = stream.local.send(stream.outgoing)
                stream.outgoing, sent = stream.outgoing[n:], sent + n
            if stream.connected and stream.broker_ended and not stream.outgoing and not stream.fin_sent:
                stream.fin_sent = True
                stream.local.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            return self.abort(stream, ErrorCodes.CONNECT_ERROR)
        if not stream.broker_ended:
            self.credit(sent + padding, stream.number)
        self.settle(stream)

    def pump_in(self, stream):
        """From the application to the broker, as far as the windows allow."""
        try:
            while stream.connected and stream.from_app:
                n = min(self.h2.local_flow_control_window(stream.number), self.h2.max_outbound_frame_size, len(stream.from_app))
                if n <= 0:
                    break
                self.h2.send_data(stream.number, stream.from_app[:n])
                stream.from_app = stream.from_app[n:]
            if stream.connected and stream.app_ended and not stream.from_app and not stream.end_sent:
                stream.end_sent = True
                self.h2.end_stream(stream.number)
        except StreamClosedError:
            return self.forget(stream)
        self.settle(stream)

    def settle(self, stream):
        if stream.number not in self.streams:
            return
        if stream.fin_sent and stream.end_sent:
            return self.forget(stream)
        reads = READ if stream.connected and not stream.from_app and not stream.app_ended else 0
        writes = WRITE if not stream.connected or stream.outgoing else 0
        if reads | writes:
            try:
                self.selector.modify(stream.local, reads | writes, stream)
            except KeyError:
                self.selector.register(stream.local, reads | writes, stream)
        elif stream.local in self.selector.get_map():
            self.selector.unregister(stream.local)

    def forget(self, stream):
        if self.streams.pop(stream.number, None):
            if stream.local in self.selector.get_map():
                self.selector.unregister(stream.local)
            stream.local.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--host", required=True)
    parser.add_argument("--subdomain")
    parser.add_argument("--token")
    parser.add_argument("--ca")
    agent = Agent(parser.parse_args())
    signal.signal(signal.SIGTERM, lambda *_: setattr(agent, "stopping", True))
    sys.exit(agent.run())


if __name__ == "__main__":
    main()
