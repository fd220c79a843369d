"""What was acknowledged survives: kill -9 under load, SIGTERM under load, a full disk, a dead peer."""

import os
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from client import CPU_TYPE, Client, cpu_profile
from cluster import Monolith, SeparateProcesses
from load import Load, random_sleep, seeded

KILLS = int(os.environ.get("BRAZIER_TEST_KILLS", "50"))
SEED = int(os.environ.get("BRAZIER_TEST_SEED", str(int(time.time()))))


class KillTest(unittest.TestCase):
    def test_kill_9_under_load(self):
        print(f"seed {SEED}, {KILLS} kills", flush=True)
        rng = seeded(SEED)
        cluster = Monolith(multitenancy=False)
        load = Load(threads=4, seed=SEED)
        try:
            for _ in range(KILLS):
                cluster.start()
                load.run(cluster, lambda: (random_sleep(rng, 0.05, 0.5), cluster.process.kill()))
            cluster.start()
            load.settle(cluster)
            load.check(self, cluster)
            print(f"{len(load.acknowledged)} acknowledged, {load.retried} sent again, answers {load.statuses}", flush=True)
            self.assertGreater(len(load.acknowledged), 5 * KILLS)
            self.assertGreater(load.retried, 0, "no kill met a push in flight")
            cluster.stop()
        finally:
            cluster.discard()

    def test_kill_9_of_single_processes(self):
        """Whichever process dies and comes back, the others go on, and nothing acknowledged is lost or doubled."""
        print(f"seed {SEED}", flush=True)
        rng = seeded(SEED)
        cluster = SeparateProcesses(multitenancy=False).start()
        load = Load(threads=3, seed=SEED)
        try:
            def kill_one_after_another():
                for name in ("segment-writer-1", "metastore", "query-backend", "compaction-worker", "segment-writer-2", "distributor",
                             "metastore"):
                    random_sleep(rng, 0.3, 0.8)
                    process, = [p for p in cluster.processes if p.name == name]
                    process.kill()
                    random_sleep(rng, 0.1, 0.5)
                    process.start()
                    process.wait_ready()
            load.run(cluster, kill_one_after_another)
            for process in cluster.processes:
                process.wait_ready()
            load.settle(cluster, 60)
            load.check(self, cluster)
            print(f"{len(load.acknowledged)} acknowledged, {load.retried} sent again, answers {load.statuses}", flush=True)
            self.assertGreater(len(load.acknowledged), 20)
        finally:
            cluster.discard()


class DrainTest(unittest.TestCase):
    def drain_under_load(self, kind):
        cluster = kind(multitenancy=False)
        load = Load(threads=4)
        try:
            for _ in range(5):
                cluster.start()
                def sleep_then_stop():
                    time.sleep(0.4)
                    for process in cluster.processes[::-1]:
                        self.assertEqual(process.terminate(), 0, process.log())
                load.run(cluster, sleep_then_stop)
            cluster.start()
            load.settle(cluster)
            load.check(self, cluster)
            self.assertGreater(len(load.acknowledged), 20)
            cluster.stop()
        finally:
            cluster.discard()

    def test_sigterm_under_load_one_process(self):
        self.drain_under_load(Monolith)

    def test_sigterm_under_load_separate_processes(self):
        self.drain_under_load(SeparateProcesses)

    def test_a_push_in_flight_is_answered_before_the_end(self):
        """A long linger holds the push; SIGTERM comes meanwhile; the push must still be answered, and be true."""
        cluster = Monolith(multitenancy=False, flags=["--segment.linger=1500ms"])
        try:
            cluster.start()
            answers = []
            def push():
                answers.append(Client(cluster).push_series([({"__name__": "process_cpu"}, [cpu_profile({"main;held": 4})])]))
            pusher = threading.Thread(target=push)
            pusher.start()
            time.sleep(0.4)
            self.assertEqual(cluster.process.terminate(), 0)
            pusher.join(20)
            self.assertEqual([a.status for a in answers], [200])
            cluster.start()
            self.assertEqual(Client(cluster).total(CPU_TYPE), 4)
            cluster.stop()
        finally:
            cluster.discard()


class FullDiskTest(unittest.TestCase):
    def test_full_disk_refuses_and_recovers(self):
        if os.geteuid() != 0:
            self.skipTest("mounting a small file system needs root")
        folder = tempfile.mkdtemp(prefix="brazier-full-")
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], capture_output=True, text=True)
        if mounted.returncode != 0:
            os.rmdir(folder)
            self.skipTest(f"no tmpfs here: {mounted.stderr.strip()}")
        cluster = None
        try:
            cluster = Monolith(multitenancy=False, folder=folder).start()
            load = Load(threads=2)
            load.run(cluster, lambda: time.sleep(0.5))
            self.assertGreater(len(load.acknowledged), 0)
            filler = os.path.join(folder, "filler")
            with open(filler, "wb") as file:
                try:
                    while True:
                        file.write(bytes(1 << 16))
                        file.flush()
                except OSError:
                    pass
            before = len(load.acknowledged)
            load.run(cluster, lambda: time.sleep(1.0))
            self.assertIsNone(cluster.process.child.poll(), "the server died of a full disk\n" + cluster.process.log())
            refused = {s: n for s, n in load.statuses.items() if s not in (200, 0)}
            self.assertTrue(refused, f"nothing was refused on a full disk: {load.statuses}")
            for status in refused:
                self.assertIn(status, (429, 500, 503, 507), "a full disk is not the client's fault")
            # Small objects may still fit into what is left of a page; what was acknowledged must be there, whatever it was.
            print(f"acknowledged {before} before, {len(load.acknowledged) - before} on the full disk, answers {load.statuses}")
            os.unlink(filler)
            try:
                load.settle(cluster, 15)
            except AssertionError:
                # A store that wants a restart after it met a full disk must at least say so by not being ready.
                self.assertFalse(cluster.process.is_ready(), "ready, and yet every push is refused")
                cluster.process.kill()
                cluster.start()
                load.settle(cluster)
            load.check(self, cluster)
            cluster.process.kill()
            cluster.start()
            load.check(self, cluster)
        finally:
            if cluster:
                cluster.discard()
            subprocess.run(["umount", folder], check=False)
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
