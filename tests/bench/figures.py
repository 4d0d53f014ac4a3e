"""What a run comes to: medians and spreads, what is asked of them, and the same as JSON."""
import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Column:
    heading: str
    form: str  # for format()

    def text(self, value):
        return "-" if value is None else format(value, self.form)


COLUMNS = {
    "rps": Column("req/s", ",.0f"),
    "cpu_us": Column("cpu µs/req", ".1f"),
    "p50": Column("p50 ms", ".2f"),
    "p99": Column("p99 ms", ".2f"),
    "peak": Column("peak MiB", ".1f"),
    "mbps": Column("MB/s", ",.0f"),
    "cpu_gb": Column("cpu s/GB", ".2f"),
    "mbps_grown": Column("MB/s grown", ",.0f"),
    "whole": Column("came whole %", ".1f"),
    "p50s": Column("p50 s", ".2f"),
    "p99s": Column("p99 s", ".2f"),
    "cpu_ms": Column("cpu ms/stream", ".2f"),
    "p50_beside": Column("p50 beside", ".2f"),
    "p99_beside": Column("p99 beside", ".2f"),
    "factor": Column("p99 times", ".1f"),
    "rps_beside": Column("req/s beside", ",.0f"),
    "mbps_beside": Column("bulk MB/s", ",.0f"),
    "each": Column("KiB each", ".1f"),
    "count": Column("count", ",.0f"),
    "cpu_gib": Column("cpu s/GiB", ".3f"),
    "streams": Column("short streams/s", ",.0f"),
    "sent": Column("commands/s", ".1f"),
    "calls": Column("calls/s", ".1f"),
    "lookups": Column("lookups", ",.0f"),
    "first": Column("KiB the first", ",.0f"),
    "grown": Column("KiB grown", ",.0f"),
    "asked": Column("KiB once asked", ",.0f"),
    "idle": Column("idle cpu %", ".2f"),
    "heap": Column("heap growth KiB", ",.1f"),
}


class Row:
    """All measurements of one subject in one case."""

    def __init__(self, subject):
        self.label, self.kind = subject.label, subject.kind
        self.rounds, self.failed = [], None

    def values(self, key):
        return [found[key] for found in self.rounds if found.get(key) is not None]

    def median(self, key):
        values = self.values(key)
        return statistics.median(values) if values else None

    def spread(self, key):
        values = self.values(key)
        return (min(values), max(values)) if values else None

    def as_json(self):
        keys = {key for found in self.rounds for key in found}
        return {"label": self.label, "kind": self.kind, "failed": self.failed, "rounds": self.rounds,
                "median": {key: self.median(key) for key in sorted(keys)}}


class Table:
    """One case's rows."""

    def __init__(self, case):
        self.name, self.title, self.note, self.columns = case.name, case.title, case.note, case.columns
        self.rows = []

    def row(self, kind):
        return next((row for row in self.rows if row.kind == kind), None)

    def of(self, kind, key):
        row = self.row(kind)
        return row.median(key) if row else None

    def ratio(self, ours, theirs):
        """The median of the rounds' ratios, of (kind, metric) to another: what was measured within seconds of each other is
        compared, as a machine's speed drifts."""
        rows = [self.row(kind) for kind, _ in (ours, theirs)]
        if not all(rows):
            return None
        rounds = [(one.get(ours[1]), other.get(theirs[1])) for one, other in zip(*(row.rounds for row in rows))]
        ratios = [one / other for one, other in rounds if one is not None and other]
        return statistics.median(ratios) if ratios else None

    def as_json(self):
        return {"name": self.name, "title": self.title, "rows": [row.as_json() for row in self.rows]}


@dataclasses.dataclass(frozen=True)
class Target:
    """A figure to reach: `ours` against `theirs`, which may be left out."""

    what: str
    case: str
    ours: tuple  # kind, metric
    theirs: tuple = None  # kind, metric
    least: float = None
    most: float = None

    def measured(self, tables):
        table = tables.get(self.case)
        if table is None or self.theirs is None:
            return table and table.of(*self.ours)
        return table.ratio(self.ours, self.theirs)

    @property
    def wanted(self):
        return f"at least {self.least:,g}" if self.least is not None else f"at most {self.most:,g}"

    def reached(self, measured):
        return measured >= self.least if self.least is not None else measured <= self.most


TARGETS = [
    *(Target(f"mux against the haproxy pair, req/s at {n} visitors", f"requests-{n}", ("mux", "rps"), ("haproxy", "rps"), 1.3)
      for n in (10, 50, 200)),
    Target("… cpu per request at 50", "requests-50", ("mux", "cpu_us"), ("haproxy", "cpu_us"), most=0.7),
    Target("… p99 at 50", "requests-50", ("mux", "p99"), ("haproxy", "p99"), most=1.0),
    Target("… 100 MB down", "down", ("mux", "mbps"), ("haproxy", "mbps"), 1.2),
    Target("… 100 MB up", "up", ("mux", "mbps"), ("haproxy", "mbps"), 1.2),
    Target("classic against the localtunnel pair, req/s at 50", "requests-50", ("classic", "rps"), ("localtunnel", "rps"), 15),
    Target("p99 of small requests beside a bulk download, against alone", "beside", ("mux", "factor"), most=3),
    Target("bulk at 100 ms against plain TCP on the same path", "delay-100", ("mux", "mbps_grown"), ("direct", "mbps_grown"), 0.9),
    Target("5,000 tunnels against 1, req/s", "tunnels", ("5000", "rps"), ("1", "rps"), 0.9),
    Target("link in memory over TLS against bare OpenSSL, cpu for 1 GiB", "link", ("link", "cpu_gib"), ("openssl", "cpu_gib"), most=1.15),
    Target("short streams a second and core over TLS", "link", ("link", "streams"), least=400_000),
    Target("heap growth by a million cancelled streams, KiB", "cancelled", ("cancelled", "heap"), most=64),
    Target("an idle visitor, plain, KiB", "idle-visitors", ("plain", "each"), most=4),
    Target("an idle visitor, TLS, KiB", "idle-visitors", ("tls", "each"), most=24),
    Target("an idle mux tunnel, KiB", "idle-tunnels", ("mux", "each"), most=48),
    *(Target(f"a request that crosses replicas against a local one, cpu, agent's link {link}", "replicas-requests",
             (f"other-{link}", "cpu_us"), (f"own-{link}", "cpu_us"), most=1.6) for link in ("plain", "tls")),
    *(Target(f"… 100 MB down, agent's link {link}", "replicas-down", (f"other-{link}", "mbps"), (f"own-{link}", "mbps"), 0.6)
      for link in ("plain", "tls")),
    Target("commands a second to the registry, 10,000 tunnels", "replicas-registry", ("replicas", "sent"), most=10),
    Target("lookups of a replica by name and minute", "replicas-registry", ("replicas", "lookups"), most=1),
    Target("50,000 names in the registry, a replica's KiB", "replicas-names", ("replica", "grown"), most=256),
    *(Target(f"{what}, {label}", "replicas-idle", (kind, key), most=most)
      for kind, label in (("alone", "a broker alone"), ("replica", "a replica"))
      for key, what, most in (("each", "an idle tunnel of 10,000 with owner and rules, KiB", 46), ("idle", "idle cpu with 10,000 tunnels, %", 3))),
]


def judged(tables):
    """(target, what was measured) of all targets that this run has the figures for."""
    for target in TARGETS:
        measured = target.measured(tables)
        if measured is not None:
            yield target, measured


def as_json(tables, about):
    return {**about, "cases": [table.as_json() for table in tables.values()],
            "targets": [{"what": t.what, "wanted": t.wanted, "measured": m, "reached": t.reached(m)} for t, m in judged(tables)]}
