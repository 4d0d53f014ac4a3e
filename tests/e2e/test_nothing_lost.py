"""What one side sent arrives, whatever comes behind it: early answers and resets, pauses, careless bodies, apps that
serve one connection at a time, visitors who leave without a word. Over every way, as a table."""
import socket
import threading

from harness import Broker, eventually
from raw_app import RawApp, hello, pause
from visitor import Cut
from ways import EVERY, over

MiB = 1 << 20


def too_large(_app, connection, _head):
    """A whole 413 with most of the upload unread, so that the kernel resets."""
    connection.say("HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large")
    return False


def cut_in_mid_answer(_app, connection, head):
    framing = {"/cut/length": "Content-Length: 1000000\r\n", "/cut/close": ""}[head.split(b" ")[1].decode()]
    connection.say("HTTP/1.1 200 OK\r\n" + framing + "\r\n")
    connection.say(b"x" * 300_000)
    pause(0.2)  # the client's kernel has it
    connection.reset()
    return False


def careless_head(_app, connection, head):
    connection.body(head)
    connection.say("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n")
    pause(0.02)
    connection.say("careless")
    return True


def careless_204(_app, connection, head):
    connection.body(head)
    connection.say("HTTP/1.1 204 No Content\r\nContent-Length: 8\r\n\r\n")
    pause(0.02)
    connection.say("careless")
    return True


def slow_reader(_app, connection, head):
    pause(2.5)
    connection.answer(str(len(connection.body(head))).encode())
    return True


def large(_app, connection, _head):
    connection.answer(b"y" * (8 * MiB))
    return True


def pausing(_app, connection, _head):
    connection.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n")
    pause(2.5)
    connection.say("4\r\nmore\r\n0\r\n\r\n")
    return True


def expecting(_app, connection, head):
    pause(2.5)
    connection.say("HTTP/1.1 100 Continue\r\n\r\n")
    connection.answer(connection.body(head))
    return True


def quiet(app, connection, _head):
    app.note(connection.ended())
    return False


def events(app, connection, _head):
    connection.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    app.note(connection.ended())
    return False


def reset_unread(_app, connection, _head):
    connection.reset()
    return False


SCRIPTS = {"/hello": hello, "/too-large": too_large, "/cut/length": cut_in_mid_answer, "/cut/close": cut_in_mid_answer,
           "/careless": careless_head, "/careless-204": careless_204, "/slow-reader": slow_reader, "/large": large,
           "/pausing": pausing, "/expecting": expecting, "/quiet": quiet, "/events": events, "/reset": reset_unread}

# Short waits, so that what is never to be timed out would be by far.
FLAGS = ("--body-idle", "1s", "--half-close", "1s")


class OneRawApp:
    one_at_a_time = False
    broker_flags = FLAGS

    @classmethod
    def apps(cls):
        cls.app = RawApp(SCRIPTS, cls.one_at_a_time)
        return {"app": cls.app}


@over(*EVERY)
class NothingIsLost(OneRawApp):
    short = True
    weight = 3

    def test_an_early_answer_arrives_though_the_app_resets_behind_it(self):
        upload = b"u" * (5 * MiB)
        for _ in range(12):
            with self.visitor() as visitor:
                def send():
                    try:
                        visitor.send(upload)
                    except OSError:
                        pass  # the broker has answered, and reads no more of it

                visitor.send(visitor.head("POST", "/too-large", [("Content-Length", str(len(upload)))]))
                sender = threading.Thread(target=send)
                sender.start()
                answer = visitor.answer("POST")
                self.assertEqual((answer.status, answer.text), (413, "too large"))
                visitor.sock.shutdown(socket.SHUT_RDWR)
                sender.join()

    def test_what_came_of_an_answer_arrives_before_its_cut_and_the_cut_is_seen(self):
        for path in ("/cut/length", "/cut/close"):
            with self.subTest(path), self.visitor() as visitor:
                visitor.send(visitor.head("GET", path))
                self.assertEqual(visitor.answer_head().status, 200)
                visitor.take(300_000)
                with self.assertRaises(Cut):
                    visitor.take(700_000)

    def test_a_careless_body_reaches_nobody(self):
        for method, path in (("HEAD", "/careless"), ("GET", "/careless-204")):
            for _ in range(10):
                with self.subTest(path), self.visitor() as first, self.visitor() as second:
                    first.request(method, path)
                    for visitor in (first, second):
                        answer = visitor.get("/hello")
                        self.assertEqual((answer.status, answer.text), (200, "hello\n"))

    def test_a_visitor_who_pauses_his_download_gets_the_rest(self):
        with self.visitor() as visitor:
            visitor.send(visitor.head("GET", "/large"))
            self.assertEqual(visitor.answer_head().status, 200)
            got = len(visitor.take(1000))
            pause(2.5)
            got += len(visitor.take(8 * MiB - 1000))
            self.assertEqual(got, 8 * MiB)

    def test_an_app_that_reads_late_is_waited_for(self):
        with self.visitor() as visitor:
            self.assertEqual(visitor.request("POST", "/slow-reader", body=b"z" * (3 * MiB)).text, str(3 * MiB))

    def test_a_stream_of_unknown_length_may_pause(self):
        with self.visitor() as visitor:
            self.assertEqual(visitor.get("/pausing").text, "somemore")

    def test_a_visitor_waits_for_a_late_100_continue(self):
        with self.visitor() as visitor:
            visitor.send(visitor.head("POST", "/expecting", [("Expect", "100-continue"), ("Content-Length", "4")]))
            self.assertEqual(visitor.answer_head().status, 100)
            visitor.send(b"body")
            self.assertEqual(visitor.answer("POST").text, "body")

    def test_a_visitor_who_leaves_by_fin_is_noticed_and_makes_room(self):
        for path in ("/quiet", "/events"):
            with self.subTest(path):
                self.app.notes.clear()
                for _ in range(10):
                    visitor = self.visitor()
                    visitor.send(visitor.head("GET", path))
                    if path == "/events":
                        visitor.answer_head()
                        visitor.take(1)
                    else:
                        eventually(lambda: self.app.seen[path] > len(self.app.notes), "the request at the app")
                    visitor.close()
                eventually(lambda: len(self.app.notes) == 10, "every leaver told to the app")
                with self.visitor() as visitor:
                    self.assertEqual(visitor.get("/hello").status, 200)


@over(*EVERY)
class OneAtATime(OneRawApp):
    one_at_a_time = True

    def test_a_page_with_its_pictures_comes_from_an_app_that_serves_one_connection_at_a_time(self):
        answers, faults = [], []

        def fetch():
            try:
                with self.visitor() as visitor:
                    answers.append(visitor.get("/hello").status)
            except Exception as fault:  # told below, with the others
                faults.append(repr(fault))

        with self.visitor() as page:
            self.assertEqual(page.get("/hello").status, 200)
            pictures = [threading.Thread(target=fetch) for _ in range(5)]
            for picture in pictures:
                picture.start()
            for picture in pictures:
                picture.join()
        self.assertEqual((answers, faults), ([200] * 5, []))


@over(*EVERY)
class FreshConnection(OneRawApp):
    def test_a_request_whose_app_resets_it_is_sent_once(self):
        with self.visitor() as visitor:
            self.assertEqual(visitor.get("/reset").status, 502)
        self.assertEqual(self.app.seen["/reset"], 1)


@over(*EVERY)
class SlowApp(OneRawApp):
    broker_flags = ("--first-byte", "1s")

    def test_an_app_that_does_not_begin_its_answer_is_a_504_and_the_log_names_the_limit(self):
        with self.visitor() as visitor:
            self.assertEqual(visitor.get("/quiet").status, 504)
        if isinstance(self.server, Broker):
            self.server.wait_event("failed", limit="first-byte")
