#!/usr/bin/env python3
"""Ships profiles to a Brazier distributor over ZeroMQ.

As a library:

    with Shipper("tcp://127.0.0.1:4042") as shipper:
        receipt = shipper.push([profile(data, name="api.cpu{region=eu}", format="folded")])

As a command:

    brazier_shipper.py --name 'api.cpu{region=eu}' stacks.folded
    brazier_shipper.py --label service_name=api --label __name__=process_cpu cpu.pb.gz

The messages are described in docs/format/zeromq-ingest.md. A push is kept until it is acknowledged; one that is not
answered in time is sent again over a new connection, with the same profile ids, so that the server counts it once.
Pushes under way stay within the server's credit. Needs pyzmq and msgpack. A Shipper is used by one thread.
"""

import argparse
import collections
import random
import sys
import time
import uuid

import msgpack
import zmq

VERSION = 1
OVERHEAD_BYTES = 256  # what the server counts beside the bytes of a push
INITIAL_CREDIT_BYTES = 1  # until the server has granted some: one push at a time
INITIAL_MESSAGE_BYTES_MAX = 16 << 20


class ShipperError(Exception):
    """A push that failed for good. `retryable`: sending it again later, with the same ids, may work."""

    def __init__(self, code, reason, message, retryable):
        super().__init__(f"{code}: {message}" + (f" ({reason})" if reason else ""))
        self.code, self.reason, self.message, self.retryable = code, reason, message, retryable


class Receipt:
    """What became of one push. rejections: dicts with index, code, reason, message, retryable."""

    def __init__(self, accepted=0, duplicates=0, rejections=(), segments=()):
        self.accepted, self.duplicates = accepted, duplicates
        self.rejections, self.segments = list(rejections), list(segments)

    def __repr__(self):
        return (f"Receipt(accepted={self.accepted}, duplicates={self.duplicates}, "
                f"rejections={self.rejections}, segments={self.segments})")


def profile(data, *, labels=None, name=None, format="pprof", id=None, from_ns=None, until_ns=None,
            sample_rate_hz=None, spy_name=None):
    """One profile for push(). Without an id the shipper gives it one."""
    fields = {"data": bytes(data), "labels": labels, "name": name, "format": format, "id": id,
              "from_ns": from_ns, "until_ns": until_ns, "sample_rate_hz": sample_rate_hz,
              "spy_name": spy_name}
    return {key: value for key, value in fields.items() if value is not None}


class _Pending:
    """A push that has no final answer yet. `positions`: where its profiles are in the push of the caller."""

    def __init__(self, index, profiles, positions):
        self.index, self.profiles, self.positions = index, profiles, positions
        self.attempts = 0
        self.message_id = None
        self.bytes = 0
        self.answer_by = 0.0
        self.receipt = Receipt()


class Shipper:
    """One connection. timeout_s: to wait for an answer. attempts: sends of one push, the first included."""

    def __init__(self, address, *, tenant=None, timeout_s=10.0, attempts=6, client_id=None,
                 context=None):
        self.address, self.tenant = address, tenant
        self.timeout_s, self.attempts = timeout_s, attempts
        self.client_id = client_id or uuid.uuid4().hex
        self.credit_bytes = INITIAL_CREDIT_BYTES
        self.message_bytes_max = INITIAL_MESSAGE_BYTES_MAX
        self.resends = 0
        self._context = context or zmq.Context.instance()
        self._socket = None
        self._profile_count = 0
        self._message_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self._socket is not None:
            self._socket.close(linger=0)
            self._socket = None

    def push(self, profiles):
        """Ships one push and returns its Receipt. Raises ShipperError."""
        outcome = self.push_all([profiles])[0]
        if isinstance(outcome, ShipperError):
            raise outcome
        return outcome

    def push_all(self, pushes):
        """Ships many pushes (lists of profiles), as many at a time as the credit allows.
        Returns a Receipt or a ShipperError for each, in their order."""
        outcomes = {}
        waiting = collections.deque()  # (not before, pending)
        for index, profiles in enumerate(pushes):
            profiles = [self._with_id(p) for p in profiles]
            waiting.append((0.0, _Pending(index, profiles, list(range(len(profiles))))))
        total = len(waiting)
        under_way = {}  # message id -> pending
        while len(outcomes) < total:
            self._connect()
            self._send_what_fits(waiting, under_way, outcomes)
            message = self._receive(self._wait_s(waiting, under_way))
            if message is not None:
                self._on_message(message, waiting, under_way, outcomes)
            elif any(p.answer_by <= time.monotonic() for p in under_way.values()):
                self._reconnect(waiting, under_way, outcomes)
        return [outcomes[i] for i in range(total)]

    # Connection.

    def _connect(self):
        if self._socket is not None:
            return
        socket = self._context.socket(zmq.DEALER)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.SNDHWM, 1000)
        socket.setsockopt(zmq.HEARTBEAT_IVL, 500)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 1500)
        socket.setsockopt(zmq.RECONNECT_IVL_MAX, 1000)
        socket.connect(self.address)
        self._socket = socket
        self.credit_bytes = INITIAL_CREDIT_BYTES
        self._hello_sent = False

    def _reconnect(self, waiting, under_way, outcomes):
        # What was sent may or may not have been stored: the ids make sending it again harmless.
        self.close()
        for pending in list(under_way.values()):
            self._again(pending, waiting, outcomes,
                        ShipperError("deadline_exceeded", "", f"{self.address} did not answer in "
                                     f"{self.timeout_s:g} s", True))
        under_way.clear()

    # Sending.

    def _with_id(self, fields):
        if "id" in fields:
            return fields
        self._profile_count += 1
        return {**fields, "id": f"{self.client_id}/{self._profile_count}"}

    def _send(self, body, wait_s):
        """False when there is no connection for that long."""
        self._socket.setsockopt(zmq.SNDTIMEO, max(1, int(wait_s * 1000)))
        try:
            self._socket.send(body)
            return True
        except zmq.Again:
            return False

    def _send_what_fits(self, waiting, under_way, outcomes):
        if not self._hello_sent:
            hello = {"v": VERSION, "kind": "hello", "id": 0}
            self._hello_sent = self._send(msgpack.packb(hello), self.timeout_s)
        now = time.monotonic()
        for _ in range(len(waiting)):
            not_before, pending = waiting.popleft()
            if not_before > now:
                waiting.append((not_before, pending))
                continue
            body = self._encode(pending)
            used = sum(p.bytes for p in under_way.values())
            if used > 0 and used + len(body) + OVERHEAD_BYTES > self.credit_bytes:
                waiting.appendleft((not_before, pending))
                return
            if len(body) > self.message_bytes_max:
                outcomes[pending.index] = ShipperError(
                    "invalid_argument", "too_large", f"the push has {len(body)} bytes, the server "
                    f"takes {self.message_bytes_max}", False)
                continue
            pending.attempts += 1
            if not self._hello_sent or not self._send(body, self.timeout_s):
                self._again(pending, waiting, outcomes, ShipperError(
                    "unavailable", "", f"no connection to {self.address}", True))
                continue
            self.resends += pending.attempts > 1
            pending.bytes = len(body) + OVERHEAD_BYTES
            pending.answer_by = time.monotonic() + self.timeout_s
            under_way[pending.message_id] = pending

    def _encode(self, pending):
        self._message_id += 1
        pending.message_id = self._message_id
        message = {"v": VERSION, "kind": "push", "id": pending.message_id,
                   "timeout_ms": max(1, int(self.timeout_s * 1000)), "profiles": pending.profiles}
        if self.tenant is not None:
            message["tenant"] = self.tenant
        return msgpack.packb(message, use_bin_type=True)

    def _again(self, pending, waiting, outcomes, error):
        if not error.retryable or pending.attempts >= self.attempts:
            outcomes[pending.index] = error
            return
        pause_s = min(5.0, 0.1 * 2 ** (pending.attempts - 1)) * random.uniform(0.5, 1.0)
        waiting.append((time.monotonic() + pause_s, pending))

    # Receiving.

    @staticmethod
    def _wait_s(waiting, under_way):
        now = time.monotonic()
        times = [p.answer_by for p in under_way.values()]
        if not under_way:
            times += [not_before for not_before, _ in waiting]
        else:
            times += [not_before for not_before, _ in waiting if not_before > now]
        return max(0.0, min(times, default=now) - now)

    def _receive(self, wait_s):
        if not self._socket.poll(int(wait_s * 1000) + 1, zmq.POLLIN):
            return None
        return msgpack.unpackb(self._socket.recv(), raw=False)

    def _on_message(self, message, waiting, under_way, outcomes):
        kind = message.get("kind")
        if kind == "credit":
            self.credit_bytes = message["bytes"]
            self.message_bytes_max = message["message_bytes_max"]
            return
        pending = under_way.pop(message.get("id"), None)
        if pending is None:
            return  # an answer to a connection that was given up
        if kind == "error":
            self._again(pending, waiting, outcomes, ShipperError(
                message["code"], message["reason"], message["message"], message["retryable"]))
        elif kind == "ack":
            self._on_ack(message, pending, waiting, outcomes)

    def _on_ack(self, message, pending, waiting, outcomes):
        receipt = pending.receipt
        receipt.accepted += message["accepted"]
        receipt.duplicates += message["duplicates"]
        receipt.segments = sorted({*receipt.segments, *message["segments"]})
        last_attempt = pending.attempts >= self.attempts
        again = []
        for rejection in message["rejections"]:
            if rejection["retryable"] and not last_attempt:
                again.append(rejection["index"])
            else:
                position = pending.positions[rejection["index"]]
                receipt.rejections.append({**rejection, "index": position})
        if not again:
            receipt.rejections.sort(key=lambda r: r["index"])
            outcomes[pending.index] = receipt
            return
        pending.positions = [pending.positions[i] for i in again]
        pending.profiles = [pending.profiles[i] for i in again]
        self._again(pending, waiting, outcomes, ShipperError(
            "resource_exhausted", "", "profiles were rejected for now", True))


class FireAndForget:
    """Sends without an answer to the server's PULL socket. What is lost is lost."""

    def __init__(self, address, *, tenant=None, timeout_s=10.0, context=None):
        self._tenant = tenant
        self._socket = (context or zmq.Context.instance()).socket(zmq.PUSH)
        self._socket.setsockopt(zmq.IMMEDIATE, 1)
        self._socket.setsockopt(zmq.LINGER, int(timeout_s * 1000))
        self._socket.setsockopt(zmq.SNDTIMEO, int(timeout_s * 1000))
        self._socket.connect(address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def send(self, profiles):
        """Raises zmq.Again when there is no connection."""
        message = {"v": VERSION, "kind": "push", "profiles": list(profiles)}
        if self._tenant is not None:
            message["tenant"] = self._tenant
        self._socket.send(msgpack.packb(message, use_bin_type=True))


def _format_of(path):
    return "folded" if path.endswith((".folded", ".txt", ".collapsed")) else "pprof"


def _parse_arguments(argv):
    parser = argparse.ArgumentParser(description="Ships profile files to Brazier over ZeroMQ.")
    parser.add_argument("files", nargs="+", help="pprof files (gzip'd or not) or folded stacks")
    parser.add_argument("--address", default="tcp://127.0.0.1:4042", help="ROUTER of the server")
    parser.add_argument("--pull", metavar="ADDRESS", help="send to this PULL socket and do not wait for answers")
    parser.add_argument("--tenant", help="needed by servers with multi-tenancy")
    parser.add_argument("--name", help="application name with tags, api.cpu{region=eu}")
    parser.add_argument("--label", action="append", default=[], metavar="NAME=VALUE",
                        help="label of the series, instead of --name; may be repeated")
    parser.add_argument("--format", default="auto", help="auto (by the file's ending), pprof, folded, lines")
    parser.add_argument("--from-ns", type=int, help="start, ns since 1970; default: now, for folded")
    parser.add_argument("--until-ns", type=int, help="end, ns since 1970")
    parser.add_argument("--client-id", help="makes the ids of the profiles, so that running the same command again "
                        "counts nothing twice; default: random")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds to wait for an answer")
    arguments = parser.parse_args(argv)
    if bool(arguments.name) == bool(arguments.label):
        parser.error("give either --name or --label")
    if any("=" not in label for label in arguments.label):
        parser.error("--label wants NAME=VALUE")
    return arguments


def _load(arguments):
    labels = dict(label.split("=", 1) for label in arguments.label) or None
    for path in arguments.files:
        with open(path, "rb") as file:
            data = file.read()
        format = _format_of(path) if arguments.format == "auto" else arguments.format
        from_ns = arguments.from_ns
        if from_ns is None and format != "pprof":
            from_ns = time.time_ns()
        yield profile(data, labels=labels, name=arguments.name, format=format, from_ns=from_ns,
                      until_ns=arguments.until_ns)


def main(argv=None):
    arguments = _parse_arguments(argv)
    profiles = list(_load(arguments))
    if arguments.pull:
        with FireAndForget(arguments.pull, tenant=arguments.tenant, timeout_s=arguments.timeout) as out:
            for one in profiles:
                out.send([one])
        print(f"sent {len(profiles)} profiles; nobody said whether they arrived")
        return 0
    failures = 0
    with Shipper(arguments.address, tenant=arguments.tenant, timeout_s=arguments.timeout,
                 client_id=arguments.client_id) as shipper:
        for path, outcome in zip(arguments.files, shipper.push_all([[p] for p in profiles])):
            if isinstance(outcome, ShipperError):
                failures += 1
                print(f"{path}: {outcome}", file=sys.stderr)
            elif outcome.rejections:
                failures += 1
                print(f"{path}: rejected: {outcome.rejections[0]['message']}", file=sys.stderr)
            else:
                note = " (known already)" if outcome.duplicates else ""
                print(f"{path}: stored in {', '.join(outcome.segments)}{note}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
