#!/usr/bin/python3
"""Feeds a running Brazier with lively generated services, so that there is something to look at.

    tools/demo_feeder.py [--url http://127.0.0.1:4040] [--interval-seconds 5] [--backfill-minutes 55] [--once]

Four services with a few pods each push CPU profiles (two sample types) and memory profiles over HTTP, first for the last hour,
then every few seconds. Load follows slow waves; one service has a release that makes one function slower, so that a diff shows
something. Only the standard library; profiles are written by the small protobuf writer below. Stops on SIGTERM or Ctrl-C.
"""

import argparse
import base64
import gzip
import json
import math
import random
import signal
import sys
import time
import urllib.error
import urllib.request

# Service -> (weight, [(call path, share)]). "!" marks the path that a release makes slower.
SERVICES = {
    "storefront": (1.0, [
        ("net/http.(*conn).serve;shop/web.(*Router).ServeHTTP;shop/web.RenderHome;html/template.(*Template).Execute", 22),
        ("net/http.(*conn).serve;shop/web.(*Router).ServeHTTP;shop/web.RenderProduct;shop/catalog.(*Client).Get;encoding/json.Unmarshal", 18),
        ("net/http.(*conn).serve;shop/web.(*Router).ServeHTTP;shop/web.RenderCart;shop/pricing.(*Engine).Total!", 12),
        ("net/http.(*conn).serve;crypto/tls.(*Conn).Handshake;crypto/elliptic.p256Mul", 7),
        ("runtime.gcBgMarkWorker;runtime.gcDrain;runtime.scanobject", 9)]),
    "checkout": (0.6, [
        ("grpc.(*Server).handleStream;checkout.(*Service).Place;checkout.(*Stock).Reserve;database/sql.(*DB).QueryContext", 20),
        ("grpc.(*Server).handleStream;checkout.(*Service).Place;checkout.(*Payment).Charge;crypto/rsa.SignPSS", 16),
        ("grpc.(*Server).handleStream;checkout.(*Service).Quote;checkout.applyDiscounts;regexp.(*Regexp).FindString!", 14),
        ("runtime.gcBgMarkWorker;runtime.gcDrain", 6)]),
    "search": (1.4, [
        ("search.(*Server).Query;search.(*Index).Scan;search.(*Postings).Intersect", 34),
        ("search.(*Server).Query;search.(*Index).Scan;search.(*Postings).Decode;encoding/binary.Uvarint", 21),
        ("search.(*Server).Query;search.rank;sort.Slice;search.rank.func1", 17),
        ("search.(*Indexer).Run;search.(*Indexer).Tokenize;unicode.IsLetter", 11)]),
    "mailer": (0.2, [
        ("mailer.(*Worker).Run;mailer.render;text/template.(*Template).Execute", 8),
        ("mailer.(*Worker).Run;mailer.send;net/smtp.(*Client).Data;net.(*conn).Write", 6),
        ("runtime.mcall;runtime.schedule;runtime.findRunnable", 5)]),
}
REGIONS = ("eu-west", "us-east", "ap-south")
PODS_PER_SERVICE = 3
CPU = [("samples", "count"), ("cpu", "nanoseconds")]
MEMORY = [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes")]
RELEASE_PERIOD_SECONDS = 1800  # half of it runs the old version, half the new


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def message(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def encode_pprof(sample_types, period_type, period, stacks, time_ns, duration_ns):
    """pprof bytes of {path of function names, root first: values}."""
    strings, functions = {"": 0}, {}

    def string(text):
        return strings.setdefault(text, len(strings))

    samples = []
    for path, values in stacks.items():
        ids = b"".join(varint(functions.setdefault(name, len(functions) + 1)) for name in reversed(path))
        samples.append(message(2, message(1, ids) + message(2, b"".join(varint(v) for v in values))))
    out = [message(1, number(1, string(t)) + number(2, string(u))) for t, u in sample_types] + samples
    for name, identifier in functions.items():
        out.append(message(4, number(1, identifier) + message(4, number(1, identifier) + number(2, 10 + identifier))))
        out.append(message(5, number(1, identifier) + number(2, string(name)) + number(4, string(name.split(".")[0] + ".go"))))
    kind = message(11, number(1, string(period_type[0])) + number(2, string(period_type[1])))
    out += [message(6, text.encode()) for text in strings]
    out += [number(9, time_ns), number(10, duration_ns), kind, number(12, period)]
    return gzip.compress(b"".join(out), 1, mtime=0)


def load_at(service, pod, when):
    """Relative load: a slow wave per service, a fast one per pod, never zero."""
    phase = sum(map(ord, service)) % 7
    wave = 1 + 0.5 * math.sin(when / 600 + phase) + 0.2 * math.sin(when / 47 + pod * 2)
    burst = 2.2 if service == "search" and int(when / 300) % 4 == 1 else 1.0
    return max(0.1, wave * burst)


def profiles_at(service, pod, when, interval, rng):
    """[(metric name, pprof bytes)] that this pod would have taken at that time."""
    weight, paths = SERVICES[service]
    released = when % RELEASE_PERIOD_SECONDS > RELEASE_PERIOD_SECONDS / 2
    cpu, memory = {}, {}
    for path, share in paths:
        slow = path.endswith("!") and released
        names = tuple(path.rstrip("!").split(";"))
        expected = share * weight * load_at(service, pod, when) * interval / 5 * (2.4 if slow else 1)
        for depth in range(2, len(names) + 1):
            part = expected * (0.75 if depth == len(names) else 0.25 / max(1, len(names) - 2))
            count = int(part * rng.uniform(0.6, 1.4) + rng.random())
            if count:
                cpu[names[:depth]] = [count, count * 10_000_000]
        objects = int(expected * rng.uniform(200, 400)) + 1
        size = 64 * (1 + len(names[-1]) % 9)
        memory[names] = [objects, objects * size, objects // 20, objects // 20 * size]
    time_ns, duration_ns = int(when * 1e9), int(interval * 1e9)
    return [("process_cpu", encode_pprof(CPU, ("cpu", "nanoseconds"), 10_000_000, cpu, time_ns, duration_ns)),
            ("memory", encode_pprof(MEMORY, ("space", "bytes"), 524_288, memory, time_ns, duration_ns))]


def series_at(when, interval, rng):
    series = []
    for service in SERVICES:
        for pod in range(PODS_PER_SERVICE):
            version = "v2" if when % RELEASE_PERIOD_SECONDS > RELEASE_PERIOD_SECONDS / 2 else "v1"
            for metric, pprof in profiles_at(service, pod, when, interval, rng):
                labels = {"__name__": metric, "service_name": service, "pod": f"{service}-{pod}",
                          "region": REGIONS[pod % len(REGIONS)], "version": version}
                series.append({"labels": [{"name": n, "value": v} for n, v in labels.items()],
                               "samples": [{"rawProfile": base64.b64encode(pprof).decode()}]})
    return series


def push(url, tenant, series):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    if tenant:
        headers["X-Scope-OrgID"] = tenant
    body = gzip.compress(json.dumps({"series": series}).encode(), 1)
    request = urllib.request.Request(url + "/push.v1.PusherService/Push", body, headers)
    with urllib.request.urlopen(request, timeout=20) as response:
        response.read()


def wait_until_ready(url, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url + "/ready", timeout=2) as response:
                if response.status == 200:
                    return True
        except OSError:
            pass
        time.sleep(0.2)
    return False


def main():
    parser = argparse.ArgumentParser(description="Feeds a running Brazier with generated services.")
    parser.add_argument("--url", default="http://127.0.0.1:4040")
    parser.add_argument("--tenant", default="")
    parser.add_argument("--interval-seconds", type=float, default=5)
    # An hour is the oldest that the default limits accept; a little less leaves room for a slow start.
    parser.add_argument("--backfill-minutes", type=float, default=55)
    parser.add_argument("--wait-seconds", type=float, default=10)
    parser.add_argument("--once", action="store_true", help="backfill, then stop")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))

    if not wait_until_ready(options.url, options.wait_seconds):
        print(f"demo: {options.url}/ready did not answer within {options.wait_seconds:.0f} s", file=sys.stderr)
        return 1
    rng = random.Random(4040)
    now = time.time()
    backfill_step = 30.0
    when = now - options.backfill_minutes * 60
    failures = 0
    while when < now - backfill_step:
        try:
            push(options.url, options.tenant, series_at(when, backfill_step, rng))
        except OSError as error:
            failures += 1
            if failures == 1:
                print(f"demo: backfill: {error}", file=sys.stderr)
        when += backfill_step
    print(f"demo: {', '.join(SERVICES)} are being fed every {options.interval_seconds:g} s", flush=True)
    while not options.once:
        try:
            push(options.url, options.tenant, series_at(time.time(), options.interval_seconds, rng))
        except OSError as error:  # the server restarts or refuses: tell, and go on
            print(f"demo: {error}", file=sys.stderr)
        time.sleep(options.interval_seconds)
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
