#!/usr/bin/env python3
"""The Python shipper and hand-made messages against a running server.

  python_shipper_test.py --zeromq tcp://127.0.0.1:4042 --pull tcp://127.0.0.1:4043 --http http://127.0.0.1:4040

The last line is "N passed, N failed"; leaves with 1 when anything failed. Each run uses service
names of its own, so that it can be repeated against the same server.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
import uuid

import msgpack
import zmq

CLIENT_FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "clients", "python")
sys.path.insert(0, CLIENT_FOLDER)
import brazier_shipper  # noqa: E402
from brazier_shipper import FireAndForget, Shipper, ShipperError, profile  # noqa: E402

ADDRESSES = None
CPU_TYPE = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
NS_PER_SAMPLE = 10_000_000  # folded counts at 100 Hz


def unique(name):
    return f"{name}-{uuid.uuid4().hex[:8]}"


def folded(service, text=b"main;work 3\n", **more):
    now_ns = time.time_ns()
    return profile(text, name=service + ".cpu{region=eu}", format="folded", from_ns=now_ns - 10**10,
                   until_ns=now_ns, **more)


def flame_graph(service):
    """(total, names) of the service's CPU profile of the last hour."""
    now_ms = int(time.time() * 1000)
    body = {"profileTypeID": CPU_TYPE, "labelSelector": '{service_name="%s"}' % service,
            "start": now_ms - 3_600_000, "end": now_ms + 60_000}
    request = urllib.request.Request(
        ADDRESSES.http.rstrip("/") + "/querier.v1.QuerierService/SelectMergeStacktraces",
        json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        graph = json.load(answer).get("flamegraph") or {}
    return int(graph.get("total", 0)), set(graph.get("names", []))


class ShipperTest(unittest.TestCase):
    def setUp(self):
        self.shipper = Shipper(ADDRESSES.zeromq, timeout_s=5)
        self.addCleanup(self.shipper.close)

    def test_ack_says_where_and_the_profile_is_visible(self):
        service = unique("ack")
        receipt = self.shipper.push([folded(service)])
        self.assertEqual((receipt.accepted, receipt.duplicates, receipt.rejections), (1, 0, []))
        self.assertEqual(len(receipt.segments), 1)
        self.assertEqual(len(receipt.segments[0]), 26)
        total, names = flame_graph(service)
        self.assertEqual(total, 3 * NS_PER_SAMPLE)
        self.assertLessEqual({"main", "work"}, names)

    def test_a_repeat_is_a_duplicate_and_counts_once(self):
        service = unique("repeat")
        one = folded(service, id=unique("profile"))
        self.assertEqual(self.shipper.push([one]).duplicates, 0)
        for _ in range(2):
            receipt = self.shipper.push([one])
            self.assertEqual((receipt.accepted, receipt.duplicates), (1, 1))
        self.assertEqual(flame_graph(service)[0], 3 * NS_PER_SAMPLE)

    def test_different_profiles_all_count(self):
        service = unique("many")
        outcomes = self.shipper.push_all([[folded(service), folded(service)] for _ in range(20)])
        self.assertEqual([o.accepted for o in outcomes], [2] * 20)
        self.assertEqual(flame_graph(service)[0], 40 * 3 * NS_PER_SAMPLE)

    def test_what_was_sent_but_not_answered_is_sent_again_and_counts_once(self):
        # The first acknowledgement is thrown away, as if the connection had been cut before it.
        service = unique("cut")
        cuts = []
        receive = self.shipper._receive

        def receive_or_cut(wait_s):
            message = receive(wait_s)
            if message is not None and message.get("kind") == "ack" and not cuts:
                cuts.append(message)
                return None  # as if it had been lost
            return message

        self.shipper._receive = receive_or_cut
        self.shipper.timeout_s = 0.7
        receipt = self.shipper.push([folded(service)])
        self.assertEqual(len(cuts), 1)
        self.assertEqual(self.shipper.resends, 1)
        self.assertEqual((receipt.accepted, receipt.duplicates), (1, 1))
        self.assertEqual(flame_graph(service)[0], 3 * NS_PER_SAMPLE)

    def test_credit_is_granted_and_kept(self):
        self.shipper.push([folded(unique("credit"))])
        self.assertGreater(self.shipper.credit_bytes, 1000)
        self.assertGreater(self.shipper.message_bytes_max, 1000)

    def test_rejections_name_profile_and_reason(self):
        service = unique("reject")
        receipt = self.shipper.push([folded(service), profile(b"no profile at all", name=service + ".cpu"),
                                     profile(b"x", name=service + ".cpu", format="no-such-format")])
        self.assertEqual(receipt.accepted, 1)
        self.assertEqual([r["index"] for r in receipt.rejections], [1, 2])
        for rejection in receipt.rejections:
            self.assertTrue(rejection["message"])
            self.assertTrue(rejection["code"])
            self.assertFalse(rejection["retryable"])

    def test_too_large_is_refused_before_sending(self):
        self.shipper.push([folded(unique("size"))])  # learns the limit
        with self.assertRaises(ShipperError) as raised:
            self.shipper.push([profile(b"x" * (self.shipper.message_bytes_max + 1), name="a.cpu")])
        self.assertEqual(raised.exception.reason, "too_large")

    def test_nobody_there(self):
        with Shipper("tcp://127.0.0.1:9", timeout_s=0.2, attempts=2) as shipper:
            with self.assertRaises(ShipperError) as raised:
                shipper.push([folded("x")])
        self.assertEqual(raised.exception.code, "unavailable")


class MessageTest(unittest.TestCase):
    """Messages made by hand, as another client would."""

    def setUp(self):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(ADDRESSES.zeromq)
        self.addCleanup(self.socket.close)

    def ask(self, *frames):
        self.socket.send_multipart(frames)
        self.assertTrue(self.socket.poll(5000), "no answer")
        return msgpack.unpackb(self.socket.recv(), raw=False)

    def push_message(self, **fields):
        return msgpack.packb({"v": 1, "kind": "push", "id": 5, **fields}, use_bin_type=True)

    def test_garbage_is_answered_and_the_connection_stays(self):
        for garbage, reason in [
                (b"GET / HTTP/1.1\r\n\r\n", "not_msgpack"), (b"\xc1", "not_msgpack"), (b"", "not_msgpack"),
                (b"\xdd\xff\xff\xff\xff", "not_msgpack"), (b"\x91" * 5000, "not_msgpack"),
                (msgpack.packb([1, 2]), "malformed"), (msgpack.packb({}), "unsupported_version"),
                (msgpack.packb({"v": 2, "kind": "push"}), "unsupported_version"),
                (msgpack.packb({"v": 1, "kind": "dance"}), "unknown_kind"),
                (self.push_message(), "malformed"), (self.push_message(profiles=[{}]), "malformed"),
                (self.push_message(profiles=7), "malformed")]:
            with self.subTest(garbage[:20]):
                answer = self.ask(garbage)
                self.assertEqual((answer["kind"], answer["code"], answer["reason"], answer["retryable"]),
                                 ("error", "invalid_argument", reason, False))
                self.assertTrue(answer["message"])
        answer = self.ask(self.push_message(profiles=[folded(unique("after"))]))
        self.assertEqual((answer["kind"], answer["id"], answer["accepted"]), ("ack", 5, 1))

    def test_several_frames_are_refused(self):
        self.assertEqual(self.ask(b"a", b"b", b"c")["reason"], "frames")

    def test_a_message_over_the_limit_is_named(self):
        hello = self.ask(msgpack.packb({"v": 1, "kind": "hello", "id": "h"}))
        self.assertEqual((hello["kind"], hello["id"]), ("credit", "h"))
        answer = self.ask(b"\x00" * (hello["message_bytes_max"] + 1))
        self.assertEqual(answer["reason"], "too_large")

    def test_request_sockets_work(self):
        with zmq.Context.instance().socket(zmq.REQ) as socket:
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(ADDRESSES.zeromq)
            socket.send(self.push_message(profiles=[folded(unique("req"))]))
            self.assertTrue(socket.poll(5000))
            self.assertEqual(msgpack.unpackb(socket.recv(), raw=False)["kind"], "ack")


class PullTest(unittest.TestCase):
    def test_fire_and_forget_arrives(self):
        service = unique("pull")
        with FireAndForget(ADDRESSES.pull) as out:
            out.send([folded(service)])
        deadline = time.monotonic() + 10
        while flame_graph(service)[0] == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        self.assertEqual(flame_graph(service)[0], 3 * NS_PER_SAMPLE)


class CommandTest(unittest.TestCase):
    def run_command(self, *arguments):
        return subprocess.run([sys.executable, os.path.join(CLIENT_FOLDER, "brazier_shipper.py"), "--address",
                               ADDRESSES.zeromq, *arguments], capture_output=True, text=True, timeout=30)

    def test_files_are_shipped_and_a_second_run_counts_nothing(self):
        service = unique("command")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "stacks.folded")
            with open(path, "w") as file:
                file.write("main;work 5\nmain;rest 2\n")
            arguments = ["--name", service + ".cpu", "--client-id", unique("client"), "--from-ns",
                         str(time.time_ns() - 10**9), path]
            first = self.run_command(*arguments)
            self.assertEqual(first.returncode, 0, first.stderr)
            self.assertIn("stored in", first.stdout)
            second = self.run_command(*arguments)
            self.assertEqual(second.returncode, 0, second.stderr)
            self.assertIn("known already", second.stdout)
        self.assertEqual(flame_graph(service)[0], 7 * NS_PER_SAMPLE)

    def test_a_bad_file_fails_the_command(self):
        with tempfile.NamedTemporaryFile(suffix=".pb") as file:
            file.write(b"this is no pprof")
            file.flush()
            done = self.run_command("--name", "x.cpu", file.name)
        self.assertEqual(done.returncode, 1)
        self.assertIn("rejected", done.stderr)


def main():
    global ADDRESSES
    parser = argparse.ArgumentParser()
    parser.add_argument("--zeromq", required=True, help="ROUTER, tcp://host:port")
    parser.add_argument("--pull", required=True, help="PULL, tcp://host:port")
    parser.add_argument("--http", required=True, help="base URL of the query API")
    ADDRESSES = parser.parse_args()
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    # A test with failing sub-tests counts as one.
    failed = len({str(getattr(test, "test_case", test)) for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
