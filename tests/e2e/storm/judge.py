"""The judge: whether what visitors were told is true. Pure: from the records of a storm to a list of findings, each one
line that names the request. What holds:

  - an answer that is whole belongs to its request, byte for byte; one that was cut never looks whole
  - every failure has a cause that is true: what the app did with that very request, what was done to broker and agent
    at that time, or what the visitor did himself
  - a request that may change something reaches the app once at most, any other twice at most
  - an upload that is whole to the app is the one that was sent
"""
import bisect
import collections
import re

from storm.records import answer_body, digest, echo_bytes

MARGIN = 3.0  # seconds around what was done to a process
RACE = 3.0  # seconds before a request within which an idle connection that the app closed may be the one it met
HALF_CLOSE = 4.0  # of the 5 s that an answer has behind a visitor's FIN
LONG_STOP = 9.0  # a process that stands still for longer may be given up by its peer
WAITED = 9.0  # of the 10 s that a visitor waits for a pipe
HEAD_SECONDS, BODY_SECONDS = 9.5, 299.0  # of 10 and 300: the visitor's own silence
QUIET_UPGRADED, DRAIN_REQUESTS = 2.0, 9.5  # seconds after SIGTERM, sooner than which an agent cuts nothing

APP_BROKE = {"app-broke", "app-bad-answer"}
NEVER = {"app-dns", "app-tls", "app-connect-timeout", "app-timeout", "loop"}


def grouped(findings, most=4):
    """As lines, a few of each kind."""
    kinds = collections.Counter()
    for finding in findings:
        kind = re.sub(r"\d+(\.\d+)?|'.*'", "N", finding.rpartition(" | ")[2])
        kinds[kind] += 1
        if kinds[kind] <= most:
            yield finding
    for kind, count in kinds.items():
        if count > most:
            yield f"in all {count} times: {kind.splitlines()[0]}"


class Judge:
    def __init__(self, storm):
        self.storm = storm
        self.sightings, self.on_connection = {}, {}
        for sighting in storm.sightings:
            self.sightings.setdefault(sighting.id, []).append(sighting)
            self.on_connection[sighting.connection, sighting.nth] = sighting
        self.told = {told.request.id: told for told in storm.told}
        self.closings = sorted(closing.at for closing in storm.closings)

    def findings(self):
        found = [f"what reached the app is no request of ours: {text}" for text in self.storm.mangled]
        for told in self.storm.told:
            found += [f"{self.describe(told)} | {text}" for text in self.of_outcome(told)]
        for name, sightings in self.sightings.items():
            found += [f"{self.describe(self.told[name])} | {text}" for text in self.of_sightings(self.told[name], sightings)]
        return found

    def describe(self, told):
        """The request, what its visitor was told, and what the app did; times from the storm's beginning."""
        act, begun = told.request.act, self.storm.begun
        sightings = self.sightings.get(told.request.id, ())
        seen = "; ".join(f"{s.did} at {s.at - begun:.2f}, request {s.nth} of connection {s.connection}{self.behind(s)}" for s in sightings)
        said = f" {told.status} {told.code or ''}".rstrip() if told.status else ""
        how = " ".join(filter(None, (act.kind, act.at, act.by if act.at else "", act.framing if act.kind != "echo" else "")))
        return (f"{told.request.method} {told.request.id} ({how}) from {told.begun - begun:.2f} to {told.ended - begun:.2f}: "
                f"{told.outcome}{said}; app: {seen or 'never seen'}")

    def behind(self, sighting):
        """What the app did before it on that connection."""
        before = self.on_connection.get((sighting.connection, sighting.nth - 1))
        if before is None:
            return ""
        request = self.told[before.id].request
        return f" behind {request.method} {request.id} ({request.act.kind})"

    def weather(self):
        """What was done to broker and agent, one line each."""
        begun = self.storm.begun
        for each in self.storm.disturbances:
            yield (f"{each.kind} {each.who} at {each.begun - begun:.2f}, over at {each.gone - begun:.2f}, "
                   f"served again at {each.ended - begun:.2f}")

    # ---- What a visitor was told

    def of_outcome(self, told):
        look = getattr(self, f"of_{told.outcome}", None)
        return list(look(told)) if look else [f"an odd outcome: {told.message or told.sample}"]

    def of_left(self, told):
        return ()

    def of_hung(self, told):
        yield "no answer and no end, long after the storm"

    def of_refused(self, told):
        if not self.near(told, "broker", ("drain", "kill")):
            yield "nobody took the connection, and the broker was there"

    def of_unserved(self, told):
        if told.request.id in self.sightings:
            yield "it reached the app behind an answer that ended its connection"

    def of_closed(self, told):
        """The connection ended before an answer."""
        if self.near(told, "broker", ("drain", "kill")) or self.left_by_silence(told):
            return
        if any(s.did == "cut" for s in self.seen(told)):
            # What was read from one side goes out before its end is passed on.
            yield "the app's answer began before it was cut, and the visitor got not a byte of it"
        else:
            yield "the connection ended without an answer, and nothing explains it"

    def of_cut(self, told):
        if self.left_by_silence(told) or self.near(told, "broker", ("kill",)) or self.near(told, "agent", ("kill",)):
            return
        if any(s.did in ("cut", "broke", "garbage") for s in self.seen(told)):
            return
        if not self.cut_by_drain(told) and not self.near(told, None, ("stop",), least=LONG_STOP):
            yield "the answer was cut, and neither did the app cut it nor anything that was done to broker and agent"

    def of_whole(self, told):
        if told.ids:
            return self.of_app_answer(told)
        if told.status == 100 or told.status < 400:
            return [f"{told.status} that is not the app's: {told.sample!r}"]
        return self.of_our_answer(told)

    # ---- The app's answers

    def of_app_answer(self, told):
        request, name = told.request, told.ids[0]
        if name != request.id:
            return [f"the answer to another request: {name}"]
        answered = [s for s in self.seen(told) if str(s.attempt) == told.ids[1]]
        if not answered:
            return ["an answer that the app never gave"]
        if told.status != request.act.status:
            return [f"another status than the app's {request.act.status}"]
        right = self.right_body(request, answered[0])
        if self.ended_by_a_kill(told, right):
            return []
        if answered[0].did != "answered":
            return [f"it looks whole with {told.body_length} bytes of {len(right)}, but the app did: {answered[0].did}"]
        if told.body_digest != digest(right):
            return [f"the wrong bytes, {told.body_length} of {len(right)}: {told.sample!r}"]
        return []

    def ended_by_a_kill(self, told, right):
        """The kernel ends a killed process's sockets with a FIN. Where that is all that ends an answer, to an HTTP/1.0
        visitor, or on a pooled socket an answer without a length, a part of it looks whole."""
        killed = told.framing == "close" and self.near(told, "broker", ("kill",))
        if not self.storm.mux and told.request.act.framing == "close":
            killed = killed or self.near(told, "agent", ("kill",))
        return killed and told.body_digest == digest(right[:told.body_length])

    def right_body(self, request, sighting):
        act = request.act
        if act.kind == "echo":
            return echo_bytes(request) + (b"bye" if self.storm.mux or request.echo_end == "quit" else b"")
        if request.method == "HEAD" or act.kind == "careless":
            return b""
        upload = digest(request.body) if request.upload != "none" else ""
        return answer_body(request, sighting.attempt, upload if request.reads_body else None)

    # ---- Ours

    def of_our_answer(self, told):
        if told.status == 503 and not told.retry_after:
            yield "503 without Retry-After"
        if told.status not in (404, 408, 502, 503):
            yield f"{told.status}: {told.message or told.sample!r}"
        elif told.code is None and told.request.method != "HEAD" and told.status in (502, 503):
            yield f"{told.status} without a code: {told.sample!r}"
        else:
            yield from self.of_code(told)

    def of_code(self, told):
        """A failure's cause: by its code, or, where a HEAD hides that, by the status."""
        if told.status == 404:
            if not self.name_unknown(told):
                yield "404, and no broker had just been started"
        elif told.status == 408:
            if told.silence_head < HEAD_SECONDS and told.silence_body < BODY_SECONDS:
                yield f"408, and the visitor was silent for {told.silence_head:.1f} and {told.silence_body:.1f} s"
        elif told.status == 502:
            yield from self.of_502(told)
        elif told.code in (None, "tunnel-busy") and told.ended - told.begun >= WAITED:
            return
        elif told.code == "tunnel-busy":
            yield f"tunnel-busy after {told.ended - told.begun:.1f} s"
        elif not self.near(told):
            yield "503, and nothing was done to broker or agent"

    def of_502(self, told):
        code = told.code
        if code in NEVER:
            yield f"502 {code}, which cannot be"
            return
        refused = self.app_was_down(told)
        if code == "app-refused":
            if not refused:
                yield "app-refused, and the app's door was open"
            return
        if code not in APP_BROKE | {None}:
            yield f"502 with the code {code}"
            return
        seen = self.seen(told)
        if any(s.did in ("broke", "garbage", "cut") for s in seen) or (code is None and refused):
            return
        if code == "app-bad-answer":
            yield "app-bad-answer, and the app gave none"
        elif not seen and self.app_closed_one(told):
            return
        elif not self.storm.mux and self.near(told, "agent", ("drain", "kill")):
            # A pooled socket that ends may be the app's end or the agent's, and the text has to say so.
            if code is not None and "agent" not in told.message:
                yield f"the agent was ended, and the text names only the app: {told.message!r}"
        else:
            yield f"{code or 502}, and the app did not break it"

    # ---- What explains a failure

    def seen(self, told):
        return self.sightings.get(told.request.id, ())

    def near(self, told, who=None, kinds=("stop", "drain", "kill"), least=0.0):
        """Whether any of this was done to `who` during the request, or shortly before its end."""
        for each in self.storm.disturbances:
            if each.kind in kinds and (who is None or each.who == who):
                over = (each.ended or float("inf")) + MARGIN
                long_enough = each.kind != "stop" or (each.gone or float("inf")) - each.begun >= least
                if each.begun - MARGIN <= told.ended and told.begun <= over and long_enough:
                    return True
        return False

    def name_unknown(self, told):
        """A new broker whose agent is not back; or no agent, after one that said goodbye (PROTOCOL.md, Life)."""
        for each in self.storm.disturbances:
            since = each.gone if each.kind == "drain" or each.who == "broker" else None
            if self.storm.mux and each.kind == "drain" and each.who == "agent":
                since = each.begun  # its Goodbye frees the name while what runs is finished
            if each.kind != "stop" and since and since <= told.ended and told.begun <= (each.ended or float("inf")) + MARGIN:
                return True
        return False

    def cut_by_drain(self, told):
        """What runs may be finished for so long; then it is cut."""
        for each in self.storm.disturbances:
            least = QUIET_UPGRADED if told.status == 101 and each.who == "agent" else DRAIN_REQUESTS
            if each.kind == "drain" and each.begun + least <= told.ended <= (each.ended or float("inf")) + MARGIN:
                return True
        return False

    def left_by_silence(self, told):
        """Behind a visitor's FIN an answer has 5 s to begin or to go on."""
        return told.half_closed and told.ended - max(told.half_closed, told.heard) >= HALF_CLOSE

    def app_was_down(self, told):
        return any(begun <= told.ended and told.begun <= ended + RACE for begun, ended in self.storm.downs)

    def app_closed_one(self, told):
        """Whether the app closed a connection, with no request on it, that this one may have met."""
        since = told.begun - RACE
        for each in self.storm.disturbances:
            if each.kind == "stop" and each.begun <= since <= (each.gone or float("inf")):
                since = each.begun - RACE  # nothing is noticed meanwhile
        first = bisect.bisect_left(self.closings, since)
        return first < len(self.closings) and self.closings[first] <= told.ended

    # ---- What the app saw

    def of_sightings(self, told, sightings):
        request = told.request
        if not told.head_sent:
            yield "it reached the app before its head was sent"
        if not request.safe and len(sightings) > 1:
            yield "it reached the app more than once, and may not be sent again"
        if len(sightings) > 2:
            yield f"it reached the app {len(sightings)} times"
        if self.storm.mux and request.safe and len(sightings) == 2:
            first = sightings[0]
            if first.began:
                yield "it was sent again after a byte of an answer"
            elif first.nth == 1 and not self.near(told):
                yield "it was sent again, and the connection that broke was a fresh one"
        for sighting in sightings:
            if sighting.body == "whole" and sighting.body_digest != digest(request.body):
                yield "its body is whole to the app, and is not what was sent"
            if sighting.did == "silent":
                yield "the app was never told that its visitor left"
            answered = told.outcome == "whole" and told.ids and sighting.attempt == len(sightings)
            if sighting.did == "left" and answered and not self.near(told, kinds=("kill",)):
                yield "the app saw its peer leave, and its visitor an answer"
