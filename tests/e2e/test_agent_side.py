"""What the agent does between the broker and an app that closes idle connections, serves one at a time, or is slow; and
when it is asked to stop in the middle of an answer."""
import dataclasses
import signal
import socket
import threading

from apps import App
from harness import eventually
from raw_app import RawApp, hello, pause
from ways import EVERY, MUX, OURS, STOCK_SERVER, over


def kept(app, connection, head):
    """An answer on a connection that the test closes."""
    app.note(connection)
    return hello(app, connection, head)


def quiet(app, connection, _head):
    app.note(connection.ended())
    return False


def obedient(app, connection, head):
    app.note(head)
    hello(app, connection, head)
    return b"\r\nConnection: close" not in head


def stubborn(app, connection, head):
    """Does not know `Connection: close`."""
    app.note(head)
    return hello(app, connection, head)


class OneRawApp:
    one_at_a_time = False

    @classmethod
    def apps(cls):
        scripts = {"/hello": hello, "/kept": kept, "/quiet": quiet, "/obedient": obedient, "/stubborn": stubborn}
        cls.app = RawApp(scripts, cls.one_at_a_time)
        return {"app": cls.app}

    def leave_idle(self, visitor):
        """The app's connection on which the visitor was served, idle now."""
        self.app.notes.clear()
        self.assertEqual(visitor.get("/kept").text, "hello\n")
        return self.app.notes[0].sock

    def meet(self, last_words=b""):
        """A POST that comes to the agent in the turn in which it hears that the app has closed its idle connection."""
        agent, posted = self.clients["app"], self.app.seen["/hello"]
        with self.visitor() as visitor:
            idle = self.leave_idle(visitor)
            agent.send_signal(signal.SIGSTOP)
            try:
                idle.sendall(last_words)
                idle.shutdown(socket.SHUT_RDWR)
                visitor.send(visitor.head("POST", "/hello", [("Content-Length", "4")]) + b"body")
                pause(0.005)
            finally:
                agent.send_signal(signal.SIGCONT)
            answer = visitor.answer("POST")
            self.assertEqual((answer.status, answer.text), (200, "hello\n"))
        self.assertEqual(self.app.seen["/hello"], posted + 1)


@over(*EVERY, STOCK_SERVER)
class IdleClose(OneRawApp):
    short = True

    def test_a_post_that_meets_the_apps_idle_close_is_served_once(self):
        for _ in range(100):
            self.meet()

    def test_an_idle_close_costs_the_next_visitor_nothing(self):
        for _ in range(50):
            with self.visitor() as visitor:
                idle = self.leave_idle(visitor)
                idle.shutdown(socket.SHUT_RDWR)
                eventually(lambda: self.app.open == 0, "the connection ended")
                self.assertEqual(visitor.request("POST", "/hello", body=b"body").text, "hello\n")


@over(*(way for way in (*EVERY, STOCK_SERVER) if way != MUX))
class LastWords(OneRawApp):
    """Where the agent reads what passes, which over a link is when a flag asks for it."""

    def test_what_an_app_says_while_it_is_asked_nothing_reaches_no_visitor(self):
        for _ in range(50):
            self.meet(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n")


@over(*OURS)
class StoppedInMidAnswer:
    @classmethod
    def apps(cls):
        cls.app = App()
        return {"app": cls.app}

    def test_an_event_stream_goes_on_after_the_agent_was_asked_to_stop(self):
        agent = self.start(self.client(self.app.port, subdomain="still-speaking"))
        with self.visitor(tunnel="still-speaking") as visitor:
            visitor.send(visitor.head("GET", "/sse"))
            answer = visitor.answer_head()
            pieces = visitor.body(answer)
            self.app.events.put(b"one")
            self.assertEqual(next(pieces), b"data: one\n\n")
            agent.send_signal(signal.SIGTERM)
            agent.wait_event("stopping")
            pause(3)
            self.app.events.put(b"two")
            self.assertEqual(next(pieces), b"data: two\n\n")
            self.app.events.put(None)
            self.assertEqual(list(pieces), [])
        self.assertEqual(agent.wait_end(10), 0)

    def test_idle_sockets_do_not_keep_it(self):
        agent = self.start(self.client(self.app.port, subdomain="not-speaking"))
        with self.visitor(tunnel="not-speaking") as visitor:
            self.assertEqual(visitor.get("/hello").status, 200)
            agent.send_signal(signal.SIGTERM)
            self.assertEqual(agent.wait_end(10), 0)


def with_flags(*flags):
    return over(*(dataclasses.replace(way, flags=flags) for way in OURS))


@with_flags("--no-keep-alive")
class NoKeepAlive(OneRawApp):
    one_at_a_time = True

    def test_a_page_with_its_pictures_from_an_app_that_serves_one_connection_at_a_time(self):
        for path in ("/obedient", "/stubborn"):
            with self.subTest(path), self.visitor() as page:
                self.app.notes.clear()
                answers, faults = [page.get(path).status], []

                def fetch():
                    try:
                        with self.visitor() as visitor:
                            answers.extend(visitor.get(path).status for _ in range(3))
                    except Exception as fault:  # told below, with the others
                        faults.append(repr(fault))

                pictures = [threading.Thread(target=fetch) for _ in range(5)]
                for picture in pictures:
                    picture.start()
                for picture in pictures:
                    picture.join()
                self.assertEqual((answers, faults), ([200] * 16, []))
                self.assertEqual(len(self.app.notes), 16)
                for head in self.app.notes:
                    self.assertIn(b"\r\nConnection: close", head)
                eventually(lambda: self.app.open == 0, "no connection kept")


@with_flags("--first-byte", "1s")
class FirstByte(OneRawApp):
    def test_a_slow_apps_visitor_is_told_by_the_agent_and_the_app_is_left(self):
        for method in ("GET", "HEAD", "POST"):
            with self.subTest(method), self.visitor() as visitor:
                self.app.notes.clear()
                seen = len(self.clients["app"].events())
                answer = visitor.request(method, "/quiet", body=b"body" if method == "POST" else None)
                self.assertEqual((answer.status, answer.get("Content-Type")), (504, "text/plain; charset=utf-8"))
                if method != "HEAD":
                    self.assertEqual(answer.text, "504 No answer came from behind this tunnel in time: the app is slow.\n")
                event = self.clients["app"].wait_event("app_slow", after=seen)
                self.assertEqual((event["method"], event["path"], event["status"]), (method, "/quiet", 504))
                eventually(lambda: self.app.notes, "the app's connection ended")
            with self.visitor() as visitor:
                self.assertEqual(visitor.get("/hello").status, 200)

    def test_an_upload_that_pauses_is_not_the_apps_fault(self):
        with self.visitor() as visitor:
            visitor.send(visitor.head("POST", "/hello", [("Content-Length", "8")]) + b"half")
            pause(2)
            visitor.send(b"rest")
            self.assertEqual(visitor.answer("POST").text, "hello\n")
