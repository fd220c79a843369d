"""Real profiles of several profilers: what the server answers equals what the independent reader computes."""

import glob
import gzip
import os
import shutil
import subprocess
import tempfile
import time
import unittest

import pprof_reader
from cases import REAL_PROFILES, Cases

# Refused on purpose: file -> what the error must name.
MALFORMED = {"invalid_utf8.pb.gz": "utf-8"}
# Has sample type names with '-', which only /ingest with the profiler's name repairs.
DASHES = "dotnet-pprof-3.pb.gz"


def real_files():
    return sorted(glob.glob(os.path.join(REAL_PROFILES, "*"))) if REAL_PROFILES else []


@unittest.skipUnless(REAL_PROFILES, "no real profiles: set BRAZIER_DATA to a folder with pprof/ in it")
class RealProfileCases(Cases):
    def check_totals(self, client, profile, service, repaired_types=False):
        """Every sample type's total over all doors of the query API equals the reader's."""
        selector = f'{{service_name="{service}"}}'
        answered = {}
        for identifier in client.profile_types():
            _, kind, unit, _, _ = identifier.split(":")
            answered.setdefault((kind, unit), []).append(identifier)
        for (kind, unit), expected in zip(pprof_reader.sample_types(profile), pprof_reader.totals(profile)):
            if repaired_types:
                kind = kind.replace("-", "_")
            with self.subTest(service=service, sample_type=kind, unit=unit):
                totals = [client.total(i, selector) for i in answered.get((kind, unit), [])]
                self.assertEqual(sum(totals), expected, f"SelectMergeStacktraces over {answered}")
                merged = 0
                for identifier in answered.get((kind, unit), []):
                    data = client.merged_pprof(identifier, selector)
                    if data:
                        merged_profile = pprof_reader.parse(data)
                        self.assertEqual(pprof_reader.check(merged_profile), [])
                        self.assertEqual(pprof_reader.sample_types(merged_profile), [(kind, unit)])
                        merged += sum(pprof_reader.totals(merged_profile))
                self.assertEqual(merged, expected, "SelectMergeProfile")

    def each_file(self, push):
        """Pushes each file as a service of a tenant of its own, with push(client, data, service) -> answer."""
        checked = 0
        for path in real_files():
            name = os.path.basename(path)
            client = self.new_tenant()
            with open(path, "rb") as file:
                data = file.read()
            service = name.split(".")[0]
            answer = push(client, data, service)
            if name in MALFORMED:
                self.assertIn(answer.status, (400, 422), f"{name}: {answer}")
                self.assertIn(MALFORMED[name], answer.error[1].lower())
                self.assertEqual(client.profile_types(), [], f"{name}: refused, and yet something was stored")
            elif name == DASHES:
                self.assertIn(answer.status, (400, 422), f"{name}: {answer}")
            else:
                self.assertEqual(answer.status, 200, f"{name}: {answer}")
                self.check_totals(client, pprof_reader.parse(data), service)
                checked += 1
        self.assertGreater(checked, 8)

    def test_push_as_json(self):
        self.each_file(lambda client, data, service: client.push_series(
            [({"__name__": "process_cpu", "service_name": service}, [data])]))

    def test_push_as_protobuf(self):
        self.each_file(lambda client, data, service: client.push_proto(
            [({"__name__": "process_cpu", "service_name": service}, [(data, "")])]))

    def test_push_as_gzipped_protobuf_of_plain_pprof(self):
        def push(client, data, service):
            raw = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
            return client.push_proto([({"__name__": "process_cpu", "service_name": service}, [(raw, "")])], compress=True)
        self.each_file(push)

    def test_ingest_raw_body(self):
        now = int(time.time())
        self.each_file(lambda client, data, service: client.ingest(data, name=service, format="pprof", **{"from": now}))

    def test_ingest_from_the_dotnet_profiler_repairs_its_type_names(self):
        with open(os.path.join(REAL_PROFILES, DASHES), "rb") as file:
            data = file.read()
        now = int(time.time())
        answer = self.client.ingest(data, name="dotnet", format="pprof", spyName="dotnetspy", **{"from": now - 10, "until": now})
        self.assertEqual(answer.status, 200, answer)
        self.check_totals(self.client, pprof_reader.parse(data), "dotnet", repaired_types=True)

    def test_all_files_at_once_and_a_malformed_one_between(self):
        """Nothing of the good ones is lost when a bad one stands beside them."""
        series, expected = [], {}
        for path in real_files():
            with open(path, "rb") as file:
                data = file.read()
            name = os.path.basename(path)
            service = name.replace(".", "_")
            series.append(({"__name__": "process_cpu", "service_name": service}, [data]))
            if name not in MALFORMED and name != DASHES:
                expected[service] = pprof_reader.parse(data)
        answer = self.client.push_series(series)
        self.assertIn("utf-8", answer.body.decode().lower() + str(answer.headers).lower(),
                      "the answer must say what was refused")
        for service, profile in expected.items():
            types = pprof_reader.sample_types(profile)
            totals = dict(zip(types, pprof_reader.totals(profile)))
            period = ":".join(pprof_reader.period_type(profile))
            for (kind, unit), total in totals.items():
                identifier = f"process_cpu:{kind}:{unit}:{period}"
                with self.subTest(service=service, sample_type=kind):
                    self.assertEqual(self.client.total(identifier, f'{{service_name="{service}"}}'), total)

    def test_stacks_survive(self):
        """Not only totals: each stack of names has its value."""
        path = os.path.join(REAL_PROFILES, "cpu.pb.gz")
        with open(path, "rb") as file:
            data = file.read()
        self.client.push(data, service="stacks")
        profile = pprof_reader.parse(data)
        graph = self.client.query("SelectMergeStacktraces", {
            "profileTypeID": "process_cpu:cpu:nanoseconds:cpu:nanoseconds", "labelSelector": "{}", "start": 1,
            "end": int(time.time() * 1000), "maxNodes": 1 << 20})["flamegraph"]
        from client import flame_paths
        self.assertEqual(flame_paths(graph), pprof_reader.stacks(profile, 1))

    @unittest.skipUnless(shutil.which("go"), "go is not installed")
    def test_merged_pprof_opens_in_go_tool_pprof(self):
        with open(os.path.join(REAL_PROFILES, "heap.pb.gz"), "rb") as file:
            data = file.read()
        self.client.push(data, service="heap", name="memory")
        with tempfile.NamedTemporaryFile(suffix=".pb.gz") as file:
            file.write(self.client.merged_pprof("memory:inuse_space:bytes:space:bytes"))
            file.flush()
            # Newer releases of Go build the tool when it is first asked for.
            shown = subprocess.run(["go", "tool", "pprof", "-top", "-unit=B", file.name], capture_output=True, text=True,
                                   timeout=240, env={**os.environ, "PPROF_TMPDIR": tempfile.gettempdir()})
        self.assertEqual(shown.returncode, 0, shown.stderr)
        expected = dict(zip(pprof_reader.sample_types(pprof_reader.parse(data)), pprof_reader.totals(pprof_reader.parse(data))))
        self.assertIn(f"of {expected[('inuse_space', 'bytes')]}B total", shown.stdout)
