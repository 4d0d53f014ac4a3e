"""WebSockets, and any other protocol after a 101: no byte lost on either side of the change."""
import asyncio
import os
import socket
import threading

import websockets

from apps import App, WebSocketEcho, data_of
from harness import DOMAIN
from ways import ALL, CLASSIC, CLASSIC_HTTPS, MUX, MUX_HTTPS, STOCK_CLIENT, over


def frame(payload, masked=True):
    """One final text frame, of less than 126 bytes. RFC 6455 5.2."""
    mask = os.urandom(4) if masked else b""
    body = bytes(b ^ mask[i % 4] for i, b in enumerate(payload)) if masked else payload
    return bytes((0x81, (0x80 if masked else 0) | len(payload))) + mask + body


UPGRADE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]


class Echo:
    @classmethod
    def apps(cls):
        return {"echo": WebSocketEcho()}


@over(*(way for way in ALL if not way.visitors_tls))
class WebSocket(Echo):
    short = True

    def connect(self, path="/"):
        port = self.server.http_port
        return websockets.connect(f"ws://{self.tunnels['echo']}.{DOMAIN}:{port}{path}", host="127.0.0.1", port=port, max_size=None,
                                  open_timeout=30, close_timeout=30, ping_interval=None)

    def test_messages_of_all_sizes_come_back(self):
        async def talk():
            async with self.connect() as ws:
                for message in ("hello", "", "é" * 1000, data_of(1), data_of(125), data_of(126), data_of(65536), data_of(1 << 20)):
                    await ws.send(message)
                    self.assertEqual(await asyncio.wait_for(ws.recv(), 30), message)
                for number in range(200):
                    await ws.send(str(number))
                for number in range(200):
                    self.assertEqual(await asyncio.wait_for(ws.recv(), 30), str(number))
            self.assertEqual(ws.close_code, 1000)

        asyncio.run(talk())

    def test_eight_sockets_side_by_side(self):
        async def talk(number):
            async with self.connect() as ws:
                for step in range(20):
                    await ws.send(f"{number} {step}")
                    self.assertEqual(await asyncio.wait_for(ws.recv(), 30), f"{number} {step}")

        async def all_of_them():
            await asyncio.gather(*(talk(number) for number in range(8)))

        asyncio.run(all_of_them())


@over(MUX, CLASSIC, MUX_HTTPS, CLASSIC_HTTPS, STOCK_CLIENT)
class EarlyBytes(Echo):
    """The reference loses what comes together with the upgrade; nothing here may."""

    short = True

    def test_a_message_sent_together_with_the_upgrade(self):
        for _ in range(20):
            with self.visitor() as visitor:
                visitor.send(visitor.head("GET", "/", UPGRADE) + frame(b"early") + frame(b"bird"))
                self.assertEqual(visitor.answer().status, 101)
                self.assertEqual(visitor.take(7), frame(b"early", masked=False))
                self.assertEqual(visitor.take(6), frame(b"bird", masked=False))

    def test_a_server_that_speaks_first(self):
        for _ in range(20):
            with self.visitor() as visitor:
                visitor.send(visitor.head("GET", "/greet", UPGRADE))
                answer = visitor.answer()
                self.assertEqual((answer.status, answer.get("Upgrade").lower()), (101, "websocket"))
                self.assertEqual(answer.get("Sec-WebSocket-Accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
                self.assertEqual(visitor.take(9), frame(b"welcome", masked=False))


@over(MUX, CLASSIC)
class OtherUpgrades:
    short = True

    @classmethod
    def apps(cls):
        cls.app = App()
        return {"app": cls.app}

    def test_any_protocol_with_half_close(self):
        data = data_of(1 << 20)
        with self.visitor() as visitor:
            visitor.send(visitor.head("GET", "/upgrade", [("Connection", "Upgrade"), ("Upgrade", "echo/1")]) + data[:1000])
            answer = visitor.answer()
            self.assertEqual((answer.status, answer.get("Upgrade")), (101, "echo/1"))
            sender = threading.Thread(target=visitor.send, args=(data[1000:],))
            sender.start()
            self.assertEqual(visitor.take(len(data)), data)
            sender.join()
            # Our end is no end of theirs.
            visitor.sock.shutdown(socket.SHUT_WR)
            self.assertEqual(visitor.rest(), b"bye")

    def test_an_upgrade_that_the_app_declines(self):
        with self.visitor() as visitor:
            answer = visitor.request("GET", "/no_upgrade", [("Connection", "Upgrade"), ("Upgrade", "echo/1")])
            self.assertEqual((answer.status, answer.text), (400, "not here"))
            self.assertEqual(visitor.get("/hello").status, 200)

    def test_no_raw_byte_reaches_an_app_that_declines(self):
        before = self.app.count()
        with self.visitor() as visitor:
            visitor.send(visitor.head("GET", "/no_upgrade", [("Connection", "Upgrade"), ("Upgrade", "echo/1")])
                         + b"\x81\x85raw bytes that are no request\r\n\r\n")
            self.assertEqual(visitor.answer().status, 400)
            rest = visitor.rest()
            self.assertTrue(rest == b"" or rest.startswith(b"HTTP/1.1 400 "), rest)
        self.assertEqual(self.app.count(), before + 1)

    def test_h2c_is_stripped(self):
        with self.visitor() as visitor:
            answer = visitor.request("GET", "/hash", [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
                                                      ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA")])
            self.assertEqual(answer.status, 200)
            self.assertNotIn("h2c", answer.text)
            self.assertNotIn("http2-settings", answer.text.lower())
