#!/usr/bin/python3
"""The Python example client against a running Brazier: pushes, receipts, and the same data through QueryService.

    /usr/bin/python3 tests/clients/python_thrift_client_test.py --thrift 127.0.0.1:PORT [--data DIR]

Generates the Thrift code into a temporary folder. --data names a folder with pprof/*.pb.gz to push as well; those
tests are skipped without it. The last line says "N passed, N failed"; the exit status is 0 when none failed.
"""

import argparse
import glob
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
CLIENTS = os.path.join(ROOT, "clients", "python")
sys.path.insert(0, CLIENTS)
sys.dont_write_bytecode = True

import brazier_push  # noqa: E402

CPU_TYPE = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
# Malformed on purpose: accepted or rejected with a reason, nothing else is promised.
MALFORMED = {"invalid_utf8.pb.gz", "no_addr_no_line.pb.gz"}
# A push refuses sample types with '-' in their names, as this one's "alloc-samples"; only /ingest rewrites them.
REFUSED = {"dotnet-pprof-3.pb.gz"}
OPTIONS = None
GENERATED = None


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def nested(field, payload):
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def make_pprof(stacks, time_ns):
    """A gzip'd CPU profile. stacks: {("main", "work"): ns}, root first."""
    strings = ["", "cpu", "nanoseconds"]
    functions = {}
    body = nested(1, number(1, 1) + number(2, 2))  # sample type
    for stack, value in stacks.items():
        ids = []
        for name in reversed(stack):  # leaf first
            if name not in functions:
                strings.append(name)
                functions[name] = (len(functions) + 1, len(strings) - 1)
            ids.append(functions[name][0])
        body += nested(2, nested(1, b"".join(map(varint, ids))) + nested(2, varint(value)))
    for identifier, string in functions.values():
        body += nested(4, number(1, identifier) + number(3, 0x1000 + identifier) +
                       nested(4, number(1, identifier) + number(2, 1)))
        body += nested(5, number(1, identifier) + number(2, string))
    body += b"".join(nested(6, text.encode()) for text in strings)
    body += number(9, time_ns) + number(10, 10_000_000_000)
    body += nested(11, number(1, 1) + number(2, 2)) + number(12, 10_000_000)
    return gzip.compress(body)


def new_service():
    return "python-client-" + uuid.uuid4().hex[:12]


class PythonThriftClient(unittest.TestCase):
    STACKS = {("main", "work"): 700, ("main", "work", "hash"): 200, ("main", "idle"): 100}

    def setUp(self):
        self.client = brazier_push.Client(OPTIONS.thrift, tenant=OPTIONS.tenant, generated=GENERATED)
        self.client.open()
        self.addCleanup(self.client.close)
        self.now_ns = time.time_ns()

    def ask(self, service, *reports, profile_type=CPU_TYPE):
        response = self.client.query(
            self.now_ns - 3600 * 10**9, self.now_ns + 3600 * 10**9, list(reports),
            selectors=['{service_name="%s"}' % service], profile_type=profile_type)
        self.assertEqual(len(response.reports), len(reports))
        self.assertEqual(response.stats.blocks_failed, 0)
        return response.reports

    def report(self, kind, **fields):
        types = self.client.query_types
        return types.ReportRequest(kind=getattr(types.ReportKind, kind), **fields)

    def selves(self, tree):
        """{path: self} of a flame tree in columns."""
        self.assertEqual(len({len(tree.parent), len(tree.name), len(tree.self_value)}), 1)
        paths = [()]
        for parent, name in zip(tree.parent[1:], tree.name[1:]):
            paths.append(paths[parent] + (tree.names[name],))
        return {path: value for path, value in zip(paths, tree.self_value) if value}

    def test_ready(self):
        self.client.push_service.ready(self.client.header())
        self.client.query_service.ready(self.client.header())

    def test_pushed_profile_is_queryable_at_once(self):
        service = new_service()
        receipt = self.client.push(make_pprof(self.STACKS, self.now_ns), service,
                                   labels={"region": "eu"})
        self.assertEqual((receipt.accepted, receipt.duplicates, receipt.rejections), (1, 0, []))
        self.assertEqual([len(segment) for segment in receipt.segment_ids], [26])
        flame, types, regions, series, names = self.ask(
            service, self.report("FLAME_GRAPH"), self.report("PROFILE_TYPES"),
            self.report("LABEL_VALUES", label_name="region"),
            self.report("SERIES", label_names=["service_name", "region"]), self.report("LABEL_NAMES"))
        self.assertEqual(self.selves(flame.flame_tree), self.STACKS)
        self.assertEqual(types.strings, [CPU_TYPE])
        self.assertEqual(regions.strings, ["eu"])
        self.assertEqual(series.series, [{"service_name": service, "region": "eu"}])
        self.assertIn("region", names.strings)

    def test_levels_and_pprof_have_the_same_total(self):
        service = new_service()
        self.client.push(make_pprof(self.STACKS, self.now_ns), service)
        levels_form = self.client.query_types.FlameGraphForm.LEVELS
        levels, pprof = self.ask(service, self.report("FLAME_GRAPH", form=levels_form),
                                 self.report("PPROF"))
        self.assertEqual(levels.flame_levels.total, sum(self.STACKS.values()))
        self.assertEqual(levels.flame_levels.names[0], "total")
        for function in (b"main", b"work", b"hash", b"idle"):
            self.assertIn(function, pprof.pprof)

    def test_time_series_sum_up_to_the_total(self):
        service = new_service()
        for minute in range(3):
            self.client.push(make_pprof(self.STACKS, self.now_ns - minute * 60 * 10**9), service)
        (report,) = self.ask(service, self.report("TIME_SERIES", step_ns=60 * 10**9))
        self.assertEqual(len(report.time_series), 1)
        series = report.time_series[0]
        self.assertEqual(sum(series.counts), 3)
        self.assertEqual(sum(series.sums), 3 * sum(self.STACKS.values()))
        self.assertEqual(series.times_ns, sorted(series.times_ns))

    def test_repeated_push_counts_once(self):
        service = new_service()
        data = make_pprof(self.STACKS, self.now_ns)
        client_id = uuid.uuid4().bytes
        first = self.client.push(data, service, client_id=client_id)
        second = self.client.push(data, service, client_id=client_id)
        self.assertEqual((first.accepted, first.duplicates), (1, 0))
        self.assertEqual((second.accepted, second.duplicates), (1, 1))
        (report,) = self.ask(service, self.report("FLAME_GRAPH"))
        self.assertEqual(self.selves(report.flame_tree), self.STACKS)

    def test_bad_profile_is_rejected_alone(self):
        service = new_service()
        receipt = self.client.push_all([
            self.client.raw_profile(b"not a profile", service),
            self.client.raw_profile(make_pprof(self.STACKS, self.now_ns), service)])
        self.assertEqual(receipt.accepted, 1)
        self.assertEqual([r.index for r in receipt.rejections], [0])
        self.assertNotEqual(receipt.rejections[0].message, "")
        self.assertFalse(receipt.rejections[0].retryable)
        (report,) = self.ask(service, self.report("FLAME_GRAPH"))
        self.assertEqual(self.selves(report.flame_tree), self.STACKS)

    def test_bad_query_is_a_typed_error_and_the_connection_stays(self):
        error_type = self.client.types.BrazierError
        with self.assertRaises(error_type) as caught:
            self.client.query(1, 2, [self.report("LABEL_NAMES")], selectors=["{not a selector"])
        self.assertEqual(caught.exception.code, self.client.types.ErrorCode.INVALID_ARGUMENT)
        self.assertFalse(caught.exception.retryable)
        self.client.query_service.ready(self.client.header())

    def test_command_prints_the_receipt(self):
        service = new_service()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "cpu.pb.gz")
            with open(path, "wb") as file:
                file.write(make_pprof(self.STACKS, self.now_ns))
            command = [sys.executable, os.path.join(CLIENTS, "brazier_push.py"), "--server",
                       OPTIONS.thrift, "--generated", GENERATED, "--service", service, "--label",
                       "region=us", path]
            if OPTIONS.tenant:
                command[2:2] = ["--tenant", OPTIONS.tenant]
            done = subprocess.run(command, stdout=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(json.loads(done.stdout)["accepted"], 1)
        (report,) = self.ask(service, self.report("LABEL_VALUES", label_name="region"))
        self.assertEqual(report.strings, ["us"])

    def test_real_profiles(self):
        folder = os.path.join(OPTIONS.data or "", "pprof")
        paths = sorted(glob.glob(os.path.join(folder, "*.pb.gz")))
        if not OPTIONS.data or not paths:
            self.skipTest("no --data folder with pprof/*.pb.gz")
        for path in paths:
            name = os.path.basename(path)
            with self.subTest(name), open(path, "rb") as file:
                receipt = self.client.push(file.read(), new_service(), labels={"file": name},
                                           profile_name="memory" if "heap" in name else "process_cpu")
                self.assertEqual(receipt.accepted + len(receipt.rejections), 1)
                if name in REFUSED:
                    self.assertEqual([r.reason for r in receipt.rejections], ["malformed_profile"])
                    continue
                for rejection in receipt.rejections:
                    self.assertNotEqual(rejection.reason, "")
                    # Recorded years ago: refused by age where the server has such a limit, never as malformed.
                    if name not in MALFORMED:
                        self.assertNotIn("malformed", rejection.reason, rejection.message)


def main():
    global OPTIONS, GENERATED
    parser = argparse.ArgumentParser()
    parser.add_argument("--thrift", required=True, metavar="HOST:PORT")
    parser.add_argument("--data", help="folder of real profiles")
    parser.add_argument("--tenant", default="")
    OPTIONS = parser.parse_args()
    with tempfile.TemporaryDirectory() as GENERATED:
        brazier_push.generate(os.path.join(ROOT, "idl"), GENERATED)
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(PythonThriftClient)
        result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    # A test with several failing sub-tests is one failed test.
    broken = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
    passed = result.testsRun - len(broken) - len(result.skipped)
    print("%d passed, %d failed" % (passed, len(broken)), flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
