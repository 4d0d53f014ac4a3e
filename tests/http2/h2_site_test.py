#!/usr/bin/env python3
"""Serves h2_site to nghttp2's own clients, and reads what they say.

    h2_site_test.py PROGRAM

Exit code 77: nghttp or h2load is not here; the reason is printed.
"""
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SKIPPED = 77


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def expect(held, what, told):
    if not held:
        raise SystemExit(f"{what}:\n{told}")
    print(f"ok    {what}", flush=True)


def check_nghttp(url):
    told = run("nghttp", "-v", f"{url}/hello", f"{url}/big?300000").stdout
    expect(told.count(":status: 200") == 2, "nghttp: both answered with 200", told[-3000:])
    expect("GOAWAY" in told and "error_code=NO_ERROR" in told, "nghttp: it ends in order", told[-3000:])
    expect(len(run("nghttp", f"{url}/big?300000").stdout) == 300000, "nghttp: all bytes of an answer", "")
    expect(":status: 204" in run("nghttp", "-v", f"{url}/empty").stdout, "nghttp: 204", "")
    expect("x-sum: 42" in run("nghttp", "-v", f"{url}/trailers").stdout, "nghttp: trailers", "")
    with tempfile.NamedTemporaryFile("w") as body:
        body.write("".join(str(i) for i in range(200000)))
        body.flush()
        with open(body.name, encoding="ascii") as file:
            text = file.read()
        told = run("nghttp", "-d", body.name, f"{url}/echo")
        expect(told.stdout == text, "nghttp: a body of many windows comes back", told.stderr)


def check_h2load(url):
    for path, requests in (("/hello", 2000), ("/big?20000", 2000)):
        told = run("h2load", "-n", str(requests), "-c", "4", "-m", "20", f"{url}{path}").stdout
        found = re.search(r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", told)
        expect(found and int(found[1]) == requests, f"h2load: {requests} answers of 2xx from {path}", told)
        expect(f"{requests} succeeded, 0 failed, 0 errored" in told, "h2load: none failed", told)
        rate = re.search(r"finished in .*", told)
        print(f"      {rate[0] if rate else ''}", flush=True)


def main():
    missing = [name for name in ("nghttp", "h2load") if not shutil.which(name)]
    if missing:
        print(f"skipped: {' and '.join(missing)} of nghttp2-client not on PATH")
        return SKIPPED
    with subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as site:
        try:
            url = f"http://127.0.0.1:{int(site.stdout.readline())}"
            check_nghttp(url)
            check_h2load(url)
            site.send_signal(signal.SIGTERM)
            _, told = site.communicate(timeout=20)
            expect(site.returncode == 0, "the site ends by itself", told)
            expect("h2-fault" not in told, "no client was at fault", told)
        finally:
            site.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
