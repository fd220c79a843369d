"""Compaction of the real binary: answers are the same before and after, whoever dies meanwhile; nothing is lost or doubled."""

import json
import os
import re
import time
import unittest
import urllib.request

import client as api
import pprof_reader
from cluster import Monolith, SeparateProcesses
from load import Load, random_sleep, seeded

SEED = int(os.environ.get("BRAZIER_TEST_SEED", str(int(time.time()))))
FAST = ["--compaction.level0-delay=300ms"]
SLOW = ["--compaction.level0-delay=1h"]  # nothing is compacted before the test has looked


def metrics(process):
    """{name with labels: value} of a process."""
    with urllib.request.urlopen(process.url + "/metrics", timeout=5) as response:
        text = response.read().decode()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines() if line and not line.startswith("#")}


def metastore_of(cluster):
    process, = [p for p in cluster.processes if p.name in ("all", "metastore")]
    return process


def await_metric(process, what, condition, timeout_s=60):
    deadline = time.monotonic() + timeout_s
    while True:
        values = metrics(process)
        if condition(values):
            return values
        assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s: " + json.dumps(
            {k: v for k, v in values.items() if "compaction" in k and v and "bucket" not in k}, indent=1) + process.log()
        time.sleep(0.1)


def waiting(values, level=0):
    return values.get(f'brazier_compaction_waiting_blocks{{level="{level}"}}', 0)


def finished(values, level=1):
    return values.get(f'brazier_compaction_jobs_finished_total{{level="{level}"}}', 0)


def await_compacted(cluster, timeout_s=90):
    """Until no segment waits or is in a job, and figures are newer than this call."""
    time.sleep(2.5)  # the gauges are set every two seconds
    return await_metric(metastore_of(cluster), "all segments compacted", lambda v: finished(v) > 0 and waiting(v) == 0 and
                        v.get('brazier_compaction_leased_jobs{level="1"}', 0) == 0, timeout_s)


def segments(cluster):
    """Objects of level 0 and of compacted blocks in the store."""
    found = {"segments": 0, "blocks": 0}
    for folder, _, names in os.walk(cluster.objects_dir):
        for kind in found:
            if f"/{kind}/" in folder + "/":
                found[kind] += sum(name.endswith(".brz") for name in names)
    return found


def push_some(cluster, profiles=60, tenants=(None,)):
    """Profiles of several services, pods and minutes, some of them twice."""
    now_ms = int(time.time() * 1000)
    for tenant in tenants:
        client = api.Client(cluster, tenant)
        for i in range(profiles):
            pprof = api.cpu_profile({f"main;work_{i % 7};leaf_{i}": i + 1, "main;idle": 1},
                                    time_ns=(now_ms - (i % 40) * 60_000) * 1_000_000)
            client.push(pprof, service=f"service-{i % 4}", identifier=f"id-{i}", pod=f"pod-{i % 3}", region="eu" if i % 2 else "us")
            if i % 10 == 0:
                client.push(pprof, service=f"service-{i % 4}", identifier=f"id-{i}", pod=f"pod-{i % 3}", region="eu" if i % 2 else "us")
    return now_ms


def answers(cluster, now_ms, tenant=None):
    """Every report kind, in forms that do not depend on the order of names."""
    client = api.Client(cluster, tenant)
    start, end = now_ms - 3_600_000, now_ms + 60_000
    out = {}
    for selector in ('{}', '{service_name="service-1"}', '{pod="pod-2", region=~"e."}'):
        out["flame", selector] = api.flame_paths(client.flame_graph(api.CPU_TYPE, selector, maxNodes=1 << 20))
        out["flame, part of the range", selector] = api.flame_paths(
            client.flame_graph(api.CPU_TYPE, selector, now_ms - 1_800_000, end, maxNodes=1 << 20))
        out["series over time", selector] = client.time_series(api.CPU_TYPE, start, end, 60.0, selector, groupBy=["service_name", "pod"])
        out["pprof", selector] = pprof_paths(client.merged_pprof(api.CPU_TYPE, selector))
    out["series"] = sorted(json.dumps(s, sort_keys=True) for s in client.series())
    out["types"] = sorted(client.profile_types())
    names = client.query("LabelNames", {"start": start, "end": end})["names"]
    out["names"] = sorted(names)
    out["values"] = {name: sorted(client.query("LabelValues", {"name": name, "start": start, "end": end}).get("names", []))
                     for name in names}
    return out


def pprof_paths(content):
    """{path root first: value} of a merged pprof."""
    return pprof_reader.stacks(pprof_reader.parse(content))


class SameAnswers(unittest.TestCase):
    def check(self, kind):
        tenants = ("acme", "globex")
        cluster = kind(multitenancy=True, flags=SLOW)
        try:
            cluster.start()
            now_ms = push_some(cluster, tenants=tenants)
            before = {tenant: answers(cluster, now_ms, tenant) for tenant in tenants}
            for process in cluster.processes[::-1]:
                self.assertEqual(process.terminate(), 0, process.log())
            self.assertEqual(segments(cluster)["blocks"], 0)
            for process in cluster.processes:
                process.flags = [f for f in process.flags if f not in SLOW] + FAST
            cluster.start()
            values = await_compacted(cluster)
            self.assertGreater(segments(cluster)["blocks"], 1)
            self.assertGreater(values['brazier_compaction_output_bytes_total{level="1"}'], 0)
            for tenant in tenants:
                after = answers(cluster, now_ms, tenant)
                for what, expected in before[tenant].items():
                    self.assertEqual(after[what], expected, f"{tenant}: {what}")
            cluster.stop()
        finally:
            cluster.discard()

    def test_one_process(self):
        self.check(Monolith)

    def test_separate_processes(self):
        self.check(SeparateProcesses)


class Killed(unittest.TestCase):
    def test_workers_killed_under_load(self):
        """Two workers, killed again and again while segments come in; the metastore too, once."""
        print(f"seed {SEED}", flush=True)
        rng = seeded(SEED)
        cluster = SeparateProcesses(multitenancy=False, flags=FAST)
        first, = [p for p in cluster.processes if p.name == "compaction-worker"]
        second = cluster.make("compaction-worker-2", "compaction-worker")
        cluster.processes.append(second)
        load = Load(threads=3, seed=SEED)
        try:
            cluster.start()

            def kill_workers():
                for i in range(8):
                    random_sleep(rng, 0.4, 1.2)
                    process = (first, second)[i % 2] if i != 5 else metastore_of(cluster)
                    process.kill()
                    random_sleep(rng, 0.1, 0.4)
                    process.start()
                    process.wait_ready()
            load.run(cluster, kill_workers)
            for process in cluster.processes:
                process.wait_ready()
            load.settle(cluster, 60)
            values = await_compacted(cluster)
            load.check(self, cluster)
            print(f"{len(load.acknowledged)} acknowledged, {finished(values):.0f} jobs since the last start, "
                  f"objects {segments(cluster)}", flush=True)
            self.assertGreater(len(load.acknowledged), 20)
            self.assertGreater(segments(cluster)["blocks"], 0)
            self.assertEqual(values.get("brazier_compaction_blocks_quarantined_total", 0), 0)
        finally:
            cluster.discard()

    def test_monolith_killed_under_load(self):
        print(f"seed {SEED}", flush=True)
        rng = seeded(SEED)
        cluster = Monolith(multitenancy=False, flags=["--compaction.level0-delay=50ms"])
        load = Load(threads=3, seed=SEED)
        try:
            for _ in range(10):
                cluster.start()
                load.run(cluster, lambda: (random_sleep(rng, 0.3, 1.5), cluster.process.kill()))
            cluster.start()
            load.settle(cluster)
            values = await_compacted(cluster)
            load.check(self, cluster)
            print(f"{len(load.acknowledged)} acknowledged, {finished(values):.0f} jobs since the last start, "
                  f"objects {segments(cluster)}", flush=True)
            cluster.stop()
        finally:
            cluster.discard()


class Steady(unittest.TestCase):
    def test_the_first_compaction_comes_within_seconds(self):
        cluster = Monolith(multitenancy=False)  # default settings
        load = Load(threads=1)
        try:
            cluster.start()
            load.run(cluster, lambda: time.sleep(15))
            load.settle(cluster)
            values = await_compacted(cluster)
            load.check(self, cluster)
            count = values["brazier_compaction_first_compaction_seconds_count"]
            within = {float(match[1]): value / count for name, value in values.items()
                      if (match := re.match(r'brazier_compaction_first_compaction_seconds_bucket\{le="([0-9.]+)"\}', name))}
            print("share of segments compacted within seconds:", {k: round(v, 2) for k, v in sorted(within.items()) if k <= 20}, flush=True)
            self.assertGreater(count, 10)
            self.assertGreaterEqual(within[15], 0.95)
            cluster.stop()
        finally:
            cluster.discard()


if __name__ == "__main__":
    unittest.main()
