#!/usr/bin/env python3
"""The judge rejects what is false, and takes what is true; and the same seed is the same plan."""
import itertools
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from storm import plan
from storm.judge import Judge, grouped
from storm.records import Act, Closing, Disturbance, Request, Sighting, Storm, Told, answer_body, digest, echo_bytes

GET = Request("a", act=Act(size=10))
POST = Request("p", "POST", upload="length", upload_size=100, act=Act(size=10))


def sighting(request, did="answered", **fields):
    upload = digest(request.body) if request.upload != "none" and request.reads_body else ""
    seen = Sighting(request.id, 1, connection=1, nth=1, at=1.0, did=did, body="whole" if upload else "none", body_digest=upload,
                    began=did in ("answered", "cut"), ended=1.5)
    for name, value in fields.items():
        setattr(seen, name, value)
    return seen


def right(request, attempt=1):
    if request.act.kind == "echo":
        return echo_bytes(request) + b"bye"
    upload = digest(request.body) if request.upload != "none" else ""
    return answer_body(request, attempt, upload if request.reads_body else None)


def told(request, outcome="whole", begun=1.0, ended=2.0, **fields):
    seen = Told(request, begun, outcome=outcome, ended=ended, head_sent=True, whole_sent=True)
    if outcome == "whole" and not fields.get("status"):
        seen.status, seen.ids, seen.body_digest = request.act.status, (request.id, "1"), digest(right(request))
    for name, value in fields.items():
        setattr(seen, name, value)
    return seen


def ours(request, status, code=None, **fields):
    return told(request, status=status, code=code, message="The app or its agent went away.", retry_after=status == 503, **fields)


class JudgeTest(unittest.TestCase):
    def judge(self, told_, *sightings, mux=True, **records):
        storm = Storm(mux, told=[told_], sightings=list(sightings))
        for name, value in records.items():
            setattr(storm, name, value)
        return Judge(storm).findings()

    def good(self, *args, **records):
        self.assertEqual(self.judge(*args, **records), [])

    def bad(self, why, *args, **records):
        findings = self.judge(*args, **records)
        self.assertTrue(any(why in finding for finding in findings), f"{why!r} is not in {findings}")


class Answers(JudgeTest):
    def test_the_right_answer(self):
        self.good(told(GET), sighting(GET))
        self.good(told(POST), sighting(POST))

    def test_a_swapped_body(self):
        self.bad("the wrong bytes", told(GET, body_digest=digest(right(POST))), sighting(GET))

    def test_the_answer_to_another_request(self):
        self.bad("another request", told(GET, ids=("p", "1")), sighting(GET))

    def test_an_answer_that_the_app_never_gave(self):
        self.bad("never gave", told(GET))
        self.bad("never gave", told(GET, ids=("a", "2")), sighting(GET))

    def test_another_status(self):
        self.bad("another status", told(GET, status=404, ids=("a", "1")), sighting(GET))

    def test_a_cut_that_looks_whole(self):
        cut = Request("c", act=Act("break", framing="close", size=100, at="answer-body", by="reset"))
        self.bad("it looks whole", told(cut, body_digest=digest(right(cut)[:50])), sighting(cut, "cut"))
        self.good(told(cut, "cut", status=200), sighting(cut, "cut"))

    def test_an_answer_until_the_end_of_a_killed_agents_socket(self):
        request = Request("c", act=Act(framing="close", size=100))
        part = told(request, body_digest=digest(right(request)[:50]), body_length=50)
        killed = {"disturbances": [Disturbance("agent", "kill", 1.2, 1.2, 2.0)]}
        self.good(part, sighting(request), mux=False, **killed)
        self.bad("the wrong bytes", part, sighting(request), mux=True, **killed)
        self.bad("the wrong bytes", part, sighting(request), mux=False)
        killed = {"disturbances": [Disturbance("broker", "kill", 1.2, 1.2, 2.0)]}
        self.bad("the wrong bytes", part, sighting(request), **killed)
        part.framing = "close"
        self.good(part, sighting(request), **killed)
        part.body_digest = digest(right(GET)[:50])
        self.bad("the wrong bytes", part, sighting(request), mux=False, **killed)

    def test_an_answer_that_is_nobodys(self):
        self.bad("not the app's", told(GET, status=200), sighting(GET))

    def test_the_body_of_a_head(self):
        head = Request("h", "HEAD", act=Act("careless", size=10))
        self.good(told(head, body_digest=digest(b"")), sighting(head))
        self.bad("the wrong bytes", told(head, body_digest=digest(b"X" * 10)), sighting(head))

    def test_an_early_answer(self):
        early = Request("e", "POST", upload="chunked", upload_size=10, act=Act("early", 413))
        self.good(told(early), sighting(early))
        self.bad("app-broke, and the app did not", ours(early, 502, "app-broke"), sighting(early))

    def test_an_echo(self):
        echo = Request("u", upgrade=True, echo_end="quit", act=Act("echo", 101, size=10))
        self.good(told(echo), sighting(echo))
        self.bad("the wrong bytes", told(echo, body_digest=digest(b"other")), sighting(echo))

    def test_odd_bytes_and_a_visitor_who_hangs(self):
        self.bad("an odd outcome", told(GET, "odd"), sighting(GET))
        self.bad("long after", told(GET, "hung"))


class Uploads(JudgeTest):
    def test_another_body_at_the_app(self):
        self.bad("not what was sent", told(POST), sighting(POST, body_digest=digest(b"x")))

    def test_a_doubled_post(self):
        self.bad("more than once", told(POST), sighting(POST), sighting(POST, attempt=2))
        self.bad("more than once", told(POST, ids=("p", "2"), body_digest=digest(right(POST, 2))), sighting(POST, "broke"),
                 sighting(POST, attempt=2))

    def test_a_get_twice_at_most_and_only_on_a_kept_connection(self):
        second = told(GET, ids=("a", "2"), body_digest=digest(right(GET, 2)))
        again = sighting(GET, attempt=2)
        self.good(second, sighting(GET, "broke", nth=2), again)
        self.bad("a fresh one", second, sighting(GET, "broke", nth=1), again)
        self.bad("after a byte", second, sighting(GET, "cut", nth=2), again)
        self.bad("3 times", second, sighting(GET, "broke", nth=2), again, sighting(GET, attempt=3))

    def test_what_was_never_asked(self):
        self.bad("no request of ours", told(GET), sighting(GET), mangled=["GET /other"])
        self.bad("before its head", told(GET, "left", head_sent=False), sighting(GET))
        self.bad("behind an answer", told(GET, "unserved"), sighting(GET))

    def test_a_visitor_who_left(self):
        self.good(told(GET, "left"), sighting(GET, "left"))
        self.bad("never told", told(GET, "left"), sighting(GET, "silent"))


class Causes(JudgeTest):
    def test_agent_away(self):
        self.good(ours(GET, 503, "agent-away"), disturbances=[Disturbance("agent", "stop", 0.5, 1.5, 1.6)])
        self.bad("nothing was done", ours(GET, 503, "agent-away"))
        self.bad("nothing was done", ours(GET, 503, "agent-away", begun=30, ended=31),
                 disturbances=[Disturbance("agent", "kill", 0.5, 0.5, 1.6)])
        self.bad("Retry-After", told(GET, status=503, code="agent-away"), disturbances=[Disturbance("agent", "stop", 0.5, 1.5, 1.6)])

    def test_app_broke(self):
        self.good(ours(GET, 502, "app-broke"), sighting(GET, "broke"))
        self.bad("did not break it", ours(GET, 502, "app-broke"), sighting(GET))
        self.bad("did not break it", ours(GET, 502, "app-broke"), sighting(GET, "left"))
        self.bad("did not break it", ours(GET, 502, "app-broke"))
        self.good(ours(GET, 502, "app-broke"), closings=[Closing(1.2)])
        self.bad("did not break it", ours(GET, 502, "app-broke", begun=9, ended=9.1), closings=[Closing(1.2), Closing(9.2)])
        self.bad("did not break it", ours(GET, 502, "app-broke"), sighting(GET, "left"),
                 disturbances=[Disturbance("agent", "kill", 1.5, 1.5, 1.6)])

    def test_on_the_pool_the_text_names_the_agent_too(self):
        killed = [Disturbance("agent", "kill", 1.5, 1.5, 1.6)]
        self.good(ours(GET, 502, "app-broke"), sighting(GET, "left"), mux=False, disturbances=killed)
        self.bad("names only the app", told(GET, status=502, code="app-broke", message="The app broke."), sighting(GET, "left"),
                 mux=False, disturbances=killed)

    def test_app_bad_answer_and_app_refused(self):
        self.good(ours(GET, 502, "app-bad-answer"), sighting(GET, "garbage"))
        self.bad("the app gave none", ours(GET, 502, "app-bad-answer"), sighting(GET))
        self.good(ours(GET, 502, "app-refused"), downs=[(0.5, 1.5)])
        self.bad("door was open", ours(GET, 502, "app-refused"), downs=[(20, 21)])

    def test_causes_that_cannot_be(self):
        for status, code in ((502, "app-connect-timeout"), (502, "app-dns"), (504, "app-timeout"), (508, "loop"), (400, None), (500, None)):
            with self.subTest(code):
                self.assertNotEqual(self.judge(ours(GET, status, code)), [])
        self.bad("without a code", ours(GET, 502), sighting(GET, "broke"))

    def test_a_head_hides_the_code(self):
        head = Request("h", "HEAD")
        self.good(ours(head, 502), sighting(head, "broke"))
        self.bad("did not break it", ours(head, 502), sighting(head))
        self.bad("nothing was done", ours(head, 503))

    def test_tunnel_busy(self):
        self.good(ours(GET, 503, "tunnel-busy", ended=11.5))
        self.bad("tunnel-busy after", ours(GET, 503, "tunnel-busy"))

    def test_408(self):
        self.good(ours(GET, 408, silence_head=10.0))
        self.good(ours(POST, 408, silence_body=300.0))
        self.bad("was silent for", ours(GET, 408, silence_head=3.0))
        self.bad("was silent for", ours(POST, 408, silence_body=31.0))

    def test_404(self):
        self.good(ours(GET, 404, "no-such-tunnel"), disturbances=[Disturbance("broker", "kill", 0.5, 0.5, 3.0)])
        self.good(ours(GET, 404, "no-such-tunnel"), disturbances=[Disturbance("agent", "drain", 0.3, 0.5, 3.0)])
        self.good(ours(GET, 404, "no-such-tunnel"), disturbances=[Disturbance("agent", "drain", 0.5, 20.0, 21.0)])
        self.bad("404, and", ours(GET, 404, "no-such-tunnel"), disturbances=[Disturbance("agent", "kill", 0.5, 0.5, 3.0)])
        self.bad("404, and", ours(GET, 404, "no-such-tunnel"), disturbances=[Disturbance("broker", "stop", 0.5, 0.8, 3.0)])
        self.bad("404, and", ours(GET, 404, "no-such-tunnel"))


class Cuts(JudgeTest):
    def test_a_cut_answer(self):
        self.bad("the answer was cut", told(GET, "cut", status=200), sighting(GET))
        self.bad("the answer was cut", told(GET, "cut", status=200), sighting(GET), disturbances=[Disturbance("agent", "stop", 1.2, 1.8, 2.0)])
        self.good(told(GET, "cut", status=200), sighting(GET), disturbances=[Disturbance("agent", "kill", 1.2, 1.2, 2.0)])

    def test_a_drain_cuts_nothing_that_may_be_finished(self):
        drain = [Disturbance("agent", "drain", 1.0, 30.0, 31.0)]
        self.bad("the answer was cut", told(GET, "cut", status=200), sighting(GET), disturbances=drain)
        self.good(told(GET, "cut", status=200, ended=12.0), sighting(GET), disturbances=drain)

    def test_an_end_without_an_answer(self):
        self.bad("nothing explains it", told(GET, "closed"))
        self.bad("nothing explains it", told(GET, "closed"), disturbances=[Disturbance("agent", "kill", 1.2, 1.2, 2.0)])
        self.bad("not a byte of it", told(GET, "closed"), sighting(GET, "cut"))
        self.good(told(GET, "closed"), disturbances=[Disturbance("broker", "drain", 1.2, 1.5, 2.0)])

    def test_silence_behind_a_fin(self):
        self.good(told(GET, "closed", half_closed=1.0, ended=6.2), sighting(GET, "left"))
        self.bad("nothing explains it", told(GET, "closed", half_closed=1.0, ended=3.0), sighting(GET, "left"))

    def test_a_connection_that_nobody_took(self):
        self.bad("the broker was there", told(GET, "refused"), disturbances=[Disturbance("agent", "drain", 1.2, 1.5, 2.0)])
        self.good(told(GET, "refused"), disturbances=[Disturbance("broker", "drain", 1.2, 1.5, 2.0)])


class Whole(unittest.TestCase):
    def test_the_same_seed_is_the_same_plan(self):
        def first(seed):
            return [list(itertools.islice(plan.visits(seed, visitor), 30)) for visitor in range(10)]

        self.assertEqual(first(7), first(7))
        self.assertNotEqual(first(7), first(8))

    def test_a_plan_has_all_that_visitors_and_apps_do(self):
        visits = [visit for visitor in range(30) for visit in itertools.islice(plan.visits(1, visitor), 60)]
        requests = [request for visit in visits for request in visit.requests]
        self.assertEqual({r.act.kind for r in requests}, {"answer", "early", "eager", "break", "garbage", "careless", "silent", "echo"})
        self.assertEqual({r.act.framing for r in requests}, {"length", "chunked", "close"})
        self.assertEqual({(v.leave.at, v.leave.how) for v in visits if v.leave},
                         set(itertools.product(("connect", "head", "body", "sent", "answer", "echo"), ("fin", "rst"))))
        for what in ("pipelined", "slow", "half_close"):
            self.assertTrue(any(getattr(visit, what) for visit in visits), what)
        self.assertTrue(any(r.expect for r in requests) and any(r.version == "HTTP/1.0" for r in requests))
        # An app that falls silent is only for a visitor who leaves.
        self.assertTrue(all(v.leave and v.requests[v.leave.index] is r for v in visits for r in v.requests if r.act.kind == "silent"))

    def test_findings_of_a_kind_are_counted(self):
        lines = list(grouped([f"GET {n} | 404 after {n}.5 s" for n in range(9)] + ["left: 3 descriptors"]))
        self.assertEqual(lines, [*(f"GET {n} | 404 after {n}.5 s" for n in range(4)), "left: 3 descriptors", "in all 9 times: N after N s"])


if __name__ == "__main__":
    unittest.main()
