"""Four query-backends share queries; one is killed and one frozen in the middle. Every answer is the one that a single backend gave."""

import os
import random
import re
import signal
import subprocess
import threading
import time
import unittest
import urllib.request

import pprof_reader
from client import CPU_TYPE, Client, cpu_profile, flame_paths
from cluster import BINARY, SeparateProcesses

CTL = os.path.abspath(os.environ.get("BRAZIERCTL_BIN", os.path.join(os.path.dirname(BINARY), "brazierctl")))
PROFILES = 60
THREADS = 4
SEED = int(os.environ.get("BRAZIER_TEST_SEED", str(int(time.time()))))
BASE_MS = int(time.time() * 1000) - 600_000


class FanOutCluster(SeparateProcesses):
    """One backend at first; three more to be started. Nothing compacts, so that each push stays a block; each block is worth a part."""

    def __init__(self):
        super().__init__(multitenancy=False, flags=["--query.split-bytes=1", "--query.hedge-percent=50"])

    def make_processes(self):
        processes = [p for p in super().make_processes() if p.name != "compaction-worker"]
        self.backends = [p for p in processes if p.name == "query-backend"]
        self.late = [self.make(f"query-backend-{i}", "query-backend", pipeline=True) for i in (2, 3, 4)]
        return processes

    def start_the_others(self):
        for process in self.late:
            process.start()
            self.processes.append(process)
        for process in self.late:
            process.wait_ready()
        self.backends += self.late

    def metric(self, process, name):
        """Sum over the label sets that begin with `name`."""
        with urllib.request.urlopen(process.url + "/metrics", timeout=5) as response:
            lines = response.read().decode().splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def wait_for_backends(self, count, processes, timeout_s=15):
        """Until every one of these processes knows so many backends."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if all(self.metric(p, 'brazier_peers{role="query-backend"}') == count for p in processes):
                return
            time.sleep(0.05)
        raise AssertionError(f"not all of {[p.name for p in processes]} know {count} query-backends")

    @property
    def frontend(self):
        return next(p for p in self.processes if p.name == "query-frontend")

    def parts_at_peers(self, processes):
        return sum(self.metric(p, 'brazier_query_backend_parts_total{where="peer"}') for p in processes)


def push_all(client):
    for i in range(PROFILES):
        stacks = {f"main;work{i % 7};leaf{i}": 10 + i, "main;idle": 3, f"main;deep;{';'.join(f'f{k}' for k in range(i % 9 + 1))}": 5}
        client.push(cpu_profile(stacks, time_ns=(BASE_MS + i * 1000) * 1_000_000), service=f"svc{i % 5}", pod=f"pod{i % 3}")


def ask_everything(client):
    """The answers, in a form that does not depend on how they were come by."""
    return {
        "flame graph": flame_paths(client.flame_graph(CPU_TYPE, maxNodes=1 << 20)),
        "of one service": flame_paths(client.flame_graph(CPU_TYPE, '{service_name="svc1"}', maxNodes=1 << 20)),
        "time series": client.time_series(CPU_TYPE, BASE_MS - 1000, BASE_MS + PROFILES * 1000, 5, groupBy=["pod"]),
        "pprof": pprof_reader.stacks(pprof_reader.parse(client.merged_pprof(CPU_TYPE))),
    }


class QueryFanOutTest(unittest.TestCase):
    def test_answers_stay_the_same_while_backends_die_and_freeze(self):
        print(f"seed {SEED}", flush=True)
        rng = random.Random(SEED)
        cluster = FanOutCluster()
        frozen = []
        try:
            cluster.start()
            client = Client(cluster)
            push_all(client)
            expected = ask_everything(client)
            self.assertEqual(sum(expected["flame graph"].values()), sum(10 + i + 3 + 5 for i in range(PROFILES)))
            self.assertEqual(cluster.parts_at_peers(cluster.backends), 0, "one backend has nobody to share with")

            cluster.start_the_others()
            cluster.wait_for_backends(4, [cluster.frontend, *cluster.backends])
            self.assertEqual(ask_everything(client), expected)
            self.assertGreater(cluster.parts_at_peers(cluster.backends), 0, "nothing was shared out")
            self.check_explanation(cluster)

            victims = rng.sample(cluster.backends, 2)
            answers, slowest = self.query_while(cluster, expected, lambda: self.kill_and_freeze(cluster, victims, rng, frozen))
            print(f"{answers} rounds of answers, the slowest {slowest:.2f} s; killed {victims[0].name}, froze {victims[1].name}",
                  flush=True)
            self.assertGreater(answers, 10)
            alive = [p for p in cluster.backends if p not in victims]
            failures = sum(cluster.metric(p, "brazier_query_backend_part_failures_total") for p in alive)
            hedges = sum(cluster.metric(p, "brazier_query_backend_part_hedges_total") for p in alive)
            retries = cluster.metric(cluster.frontend, "brazier_query_frontend_retries_total")
            print(f"{failures:.0f} parts failed at peers, {hedges:.0f} hedges, {retries:.0f} plans sent again", flush=True)
            self.assertGreater(failures + hedges + retries, 0, "the faults met no query")

            # They come back, and take part again.
            frozen.pop().child.send_signal(signal.SIGCONT)
            victims[0].start()
            victims[0].wait_ready()
            cluster.wait_for_backends(4, [cluster.frontend, *cluster.backends])
            self.assertEqual(ask_everything(client), expected)
            cluster.stop()
        finally:
            for process in frozen:
                process.child.send_signal(signal.SIGCONT)
            cluster.discard()

    def kill_and_freeze(self, cluster, victims, rng, frozen):
        time.sleep(rng.uniform(0.5, 1.0))
        victims[0].kill()
        time.sleep(rng.uniform(0.3, 1.0))
        victims[1].child.send_signal(signal.SIGSTOP)
        frozen.append(victims[1])
        time.sleep(rng.uniform(4, 5))

    def query_while(self, cluster, expected, work):
        """Rounds of answers while `work` runs, and the longest time of one; all must be right."""
        stop = threading.Event()
        wrong, rounds, slowest = [], [0] * THREADS, [0.0] * THREADS

        def ask(thread):
            client = Client(cluster)
            while not stop.is_set() and not wrong:
                begun = time.monotonic()
                try:
                    answer = ask_everything(client)
                    if answer != expected:
                        wrong.append([name for name in expected if answer[name] != expected[name]])
                except (AssertionError, OSError) as error:
                    wrong.append(error)
                slowest[thread] = max(slowest[thread], time.monotonic() - begun)
                rounds[thread] += 1

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(THREADS)]
        for thread in threads:
            thread.start()
        try:
            work()
        finally:
            stop.set()
            for thread in threads:
                thread.join(60)
        self.assertEqual(wrong, [])
        self.assertFalse(any(thread.is_alive() for thread in threads), "a query hangs")
        return sum(rounds), max(slowest)

    def check_explanation(self, cluster):
        answer = subprocess.run(
            [CTL, "query", "top", "--server", f"127.0.0.1:{cluster.query_thrift_port}", "-t", CPU_TYPE, "--since", "1h", "--explain"],
            capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("executed:\nmerge on query-backend", answer.stderr)
        readers = set(re.findall(r"^ +(?:read|merge|merge alone) on (query-backend\S*): ", answer.stderr, re.M))
        self.assertGreater(len(readers), 1, answer.stderr)
        self.assertLessEqual(readers, {p.name for p in cluster.backends})


if __name__ == "__main__":
    unittest.main()
