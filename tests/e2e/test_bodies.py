"""Bodies of every size and framing come through unharmed, both ways, over every pair of client and server; nginx is the
local app, as it would be."""
import socket
import threading
import time

from apps import App, data_of, digest
from fakes import Scripted
from harness import E2E, Agent, Nginx
from ways import ALL, over

KiB, MiB = 1 << 10, 1 << 20
SIZES = {"one": 1, "page": 1024, "large": 16 * MiB}


@over(*ALL)
class Bodies:
    short = True

    @classmethod
    def apps(cls):
        cls.nginx = cls.start(Nginx(cls.folder / "nginx"))
        for name, size in SIZES.items():
            (cls.nginx.www / name).write_bytes(data_of(size))
        return {"nginx": cls.nginx}

    def test_downloads_of_known_length(self):
        with self.visitor() as visitor:
            for name, size in SIZES.items():
                answer = visitor.get(f"/{name}")
                self.assertEqual((answer.status, answer.framing, answer.length), (200, "length", size))
                self.assertEqual(answer.sha256, digest(data_of(size)))

    def test_downloads_in_chunks(self):
        with self.visitor() as visitor:
            for name, size in SIZES.items():
                answer = visitor.get(f"/chunked/{name}")
                self.assertEqual((answer.status, answer.framing, answer.length), (200, "chunked", size))
                self.assertEqual(answer.sha256, digest(data_of(size)))

    def test_uploads_of_known_length(self):
        with self.visitor() as visitor:
            for name, size in SIZES.items():
                self.assertEqual(visitor.request("PUT", f"/uploads/length-{name}", body=data_of(size)).status, 201)
                self.assertEqual(digest((self.nginx.uploads / f"length-{name}").read_bytes()), digest(data_of(size)))

    def test_uploads_in_chunks(self):
        with self.visitor() as visitor:
            for name, size in SIZES.items():
                data = data_of(size)
                step = max(1, size // 100)
                pieces = [data[at:at + step] for at in range(0, size, step)]
                self.assertEqual(visitor.request("PUT", f"/uploads/chunks-{name}", chunks=pieces).status, 201)
                self.assertEqual(digest((self.nginx.uploads / f"chunks-{name}").read_bytes()), digest(data))

    def test_head_ranges_and_not_modified(self):
        with self.visitor() as visitor:
            whole = visitor.request("HEAD", "/page")
            self.assertEqual((whole.status, whole.get("Content-Length"), whole.length), (200, "1024", 0))
            part = visitor.get("/page", [("Range", "bytes=100-199")])
            self.assertEqual((part.status, bytes(part.body)), (206, data_of(1024)[100:200]))
            same = visitor.get("/page", [("If-None-Match", whole.get("ETag"))])
            self.assertEqual((same.status, same.length), (304, 0))
            self.assertEqual(visitor.get("/none").status, 404)
            # An overwriting PUT gets 204 and no body; the connection goes on.
            self.assertEqual(visitor.request("PUT", "/uploads/twice", body=b"1").status, 201)
            self.assertEqual(visitor.request("PUT", "/uploads/twice", body=b"2").status, 204)
            self.assertEqual(visitor.get("/one").status, 200)


@over(*ALL)
class Crowd:
    short = True

    @classmethod
    def apps(cls):
        nginx = cls.start(Nginx(cls.folder / "nginx"))
        for number in range(200):
            (nginx.www / str(number)).write_bytes(data_of(1024, seed=number))
        return {"nginx": nginx}

    def test_200_visitors_at_once_each_get_their_own_page(self):
        self.crowd(200, rounds=3)

    def crowd(self, count, rounds):
        wrong, together = [], threading.Barrier(count)

        def visit(number):
            try:
                with self.visitor() as visitor:
                    together.wait(30)
                    for _ in range(rounds):
                        answer = visitor.get(f"/{number}")
                        if answer.sha256 != digest(data_of(1024, seed=number)):
                            wrong.append(f"{number}: {answer}")
            except Exception as error:  # noqa: each thread reports, none dies alone
                wrong.append(f"{number}: {error!r}")

        threads = [threading.Thread(target=visit, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class SlowServer(E2E):
    """An app that has said all ends its connection; a server that reads slowly gets all of it from its pooled socket."""

    def test_a_server_that_pauses_while_the_app_has_ended(self):
        app, server = App(), Scripted(body={"max_conn_count": 16})
        self.addCleanup(app.stop)
        self.addCleanup(server.stop)
        server.pool.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        agent = self.start(Agent(app.port, f"http://127.0.0.1:{server.port}"))
        # Of some of these sizes the end lies in the agent when the app's FIN comes, whatever the kernel's buffers take.
        waiting = {}
        for size in range(200 * KiB, 17 * 200 * KiB, 200 * KiB):
            waiting[size] = server.pool.accept()[0]
            waiting[size].settimeout(30)
            waiting[size].sendall(b"GET /until_close/%d HTTP/1.1\r\nHost: a\r\n\r\n" % size)
        time.sleep(2.5)  # longer than a pooled socket waits for a word when one side has ended
        for size, pooled in waiting.items():
            with pooled:
                heard = b""
                while data := pooled.recv(1 << 16):
                    heard += data
                self.assertEqual(digest(heard.partition(b"\r\n\r\n")[2]), digest(data_of(size)), f"of {size} bytes")
        agent.stop()
