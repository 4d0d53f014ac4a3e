"""The figures of the link without sockets, from the micro-benchmarks and the guard's program."""
import json
import subprocess

from subjects import Subject, Tree

GIB = 1 << 30


def micro(program, name):
    """The cpu seconds of one iteration of a micro-benchmark, and its counters."""
    run = subprocess.run([program, f"--benchmark_filter=^{name}$", "--benchmark_format=json",
                          "--benchmark_min_time=0.2"], capture_output=True, text=True, check=True)
    found = json.loads(run.stdout)["benchmarks"]
    if not found:
        raise RuntimeError(f"no micro-benchmark {name}")
    return found[0]["cpu_time"] * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1}[found[0]["time_unit"]], found[0]


def bulk(program, name):
    seconds, found = micro(program, name)
    return seconds * GIB / found["bytes"]


def streams(program, name):
    seconds, found = micro(program, name)
    return found["streams"] / seconds


def subjects(folder, say):
    """Those for which this build has the program."""
    link = folder / "micro_link"
    found = []

    def add(label, kind, measure):
        found.append(Subject(label, 0, "", Tree(), kind=kind, extra={"measure": measure}))

    if link.exists():
        add("bare OpenSSL", "openssl", lambda: {"cpu_gib": bulk(link, "bulk_bare_openssl")})
        add("bare nghttp2 over OpenSSL", "nghttp2", lambda: {"cpu_gib": bulk(link, "bulk_bare_nghttp2"),
                                                                    "streams": streams(link, "streams_bare_nghttp2")})
        add("link over TLS", "link", lambda: {"cpu_gib": bulk(link, "bulk_link_tls"),
                                                     "streams": streams(link, "streams_link_tls")})
        add("link, plain", "link-plain", lambda: {"cpu_gib": bulk(link, "bulk_link"),
                                                         "streams": streams(link, "streams_link")})
    else:
        say("without the link in memory: Google Benchmark was not there when this was built")
    return found


def cancelled_subject(folder):
    guard = folder / "guard_core"
    return Subject("1,000,000 cancelled streams", 0, "", Tree(), kind="cancelled",
                   extra={"measure": lambda: {"heap": heap_growth(guard, 1_000_000)}})


def heap_growth(program, count):
    """KiB after so many streams that a visitor cancelled."""
    run = subprocess.run([program, "cancelled", str(count)], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)["heap_growth"] / 1024
