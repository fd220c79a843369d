"""The index is lost: brazierctl makes it again from the bucket, and the answers are those of before."""

import glob
import os
import re
import shutil
import subprocess
import time
import unittest

from client import CPU_TYPE, LONG_AGO_MS, Client, cpu_profile, far_future_ms, flame_paths
from cluster import BINARY, Monolith

CTL = os.path.abspath(os.environ.get("BRAZIERCTL_BIN", os.path.join(os.path.dirname(BINARY), "brazierctl")))
OK, FAILED, FOUND_WRONG = 0, 1, 3
TENANTS = ("red", "blue")


def answers(client):
    """All that a tenant can ask for that depends on the index."""
    window = {"start": LONG_AGO_MS, "end": far_future_ms()}
    now_ms = int(time.time() * 1000)
    asked = {
        "flame graph": flame_paths(client.flame_graph(CPU_TYPE)),
        "of a service": flame_paths(client.flame_graph(CPU_TYPE, '{service_name="service-1"}')),
        "types": client.profile_types(),
        "series": sorted(map(str, client.series())),
        "label names": client.query("LabelNames", window),
        "label values": client.query("LabelValues", {**window, "name": "service_name"}),
        "stats": client.query("GetProfileStats"),
        "timeline": client.time_series(CPU_TYPE, (now_ms // 3_600_000 - 1) * 3_600_000,
                                       (now_ms // 3_600_000 + 1) * 3_600_000, 3600.0, groupBy=["service_name"]),
    }
    for key in ("label names", "label values"):
        asked[key] = sorted(asked[key]["names"])
    return asked


class IndexRebuildTest(unittest.TestCase):
    def setUp(self):
        self.cluster = Monolith()
        self.addCleanup(self.cluster.discard)
        self.metastore = os.path.join(self.cluster.data_dir, "metastore")

    def index(self, command, *more):
        """(exit code, what was printed)"""
        where = [] if any(flag.startswith("--server=") for flag in more) else [f"--data-dir={self.cluster.data_dir}"]
        done = subprocess.run([CTL, "index", command, f"--from={self.cluster.objects_dir}", *where, *more],
                              capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        return done.returncode, done.stdout + done.stderr

    def assert_index(self, expected_code, command, *more, **counts):
        """Runs it; each count is a line of the report, with spaces for the underscores. The text."""
        code, text = self.index(command, *more)
        self.assertEqual(code, expected_code, text)
        for name, count in counts.items():
            found = re.search(rf"^{name.replace('_', ' ')}[^:\n]*: (\d+)$", text, re.M)
            self.assertIsNotNone(found, f"no line {name} in\n{text}")
            self.assertEqual(int(found.group(1)), count, f"{name} in\n{text}")
        return text

    def clients(self):
        return [Client(self.cluster, tenant) for tenant in TENANTS]

    def all_answers(self):
        return [answers(client) for client in self.clients()]

    def objects(self):
        return sorted(glob.glob(os.path.join(self.cluster.objects_dir, "**", "*.brz"), recursive=True))

    def ingest(self):
        """60 profiles of 2 tenants; 20 of them come twice: by their id with other content, or byte for byte."""
        for client in self.clients():
            for n in range(30):
                profile = cpu_profile({f"main;work;f{n % 7}": 10 + n, "main;idle": 1})
                identifier = f"id-{n}" if n % 2 else ""
                more = {"service": f"service-{n % 3}", "env": f"e{n % 2}"}
                client.push(profile, identifier=identifier, **more)
                if n % 3 == 0:
                    again = cpu_profile({"main;again": 1000}) if identifier else profile
                    client.push(again, identifier=identifier, **more)
        expected = sum(10 + n + 1 for n in range(30))
        for client in self.clients():
            self.assertEqual(client.total(CPU_TYPE), expected, "a repeat counts")

    def stop(self):
        self.assertEqual(self.cluster.process.terminate(), 0, self.cluster.process.log())

    def verify_while_it_runs(self):
        count = len(self.objects())
        server = f"--server=127.0.0.1:{self.cluster.thrift_port}"
        time.sleep(0.01)  # without a settle time, blocks of this very millisecond are too new
        self.assert_index(OK, "verify", server, "--settle=0s", objects=count, index_entries=count, matching=count,
                          orphans=0, missing=0, mismatches=0, foreign=0)
        self.assert_index(OK, "verify", server, objects=count, index_entries=0, matching=0, orphans=0, missing=0)
        lost = self.objects()[5]
        os.rename(lost, lost + ".away")
        self.assert_index(FOUND_WRONG, "verify", server, "--settle=0s", index_entries=count, matching=count - 1, missing=1,
                          foreign=1)
        os.rename(lost + ".away", lost)
        self.assertEqual(self.index("verify", "--server=127.0.0.1:1", "--timeout-ms=500")[0], FAILED, "nobody is there")

    def test_the_answers_are_those_of_before(self):
        self.cluster.start()
        self.ingest()
        before = self.all_answers()
        code, text = self.index("verify")
        self.assertEqual(code, FAILED, text)
        self.assertIn("cannot be locked", text)
        code, text = self.index("rebuild", "--resume")
        self.assertEqual(code, FAILED, text)
        self.assertIn("cannot be locked", text)
        self.verify_while_it_runs()
        self.stop()
        count = len(self.objects())
        self.assertGreater(count, 50)
        self.assert_index(OK, "verify", objects=count, index_entries=count, matching=count, orphans=0, missing=0,
                          mismatches=0, foreign=0)

        shutil.rmtree(self.metastore)
        self.assertEqual(self.index("verify")[0], FAILED, "there is no index")
        self.assertFalse(os.path.exists(self.metastore), "verify makes nothing")
        self.assert_index(OK, "rebuild", objects_found=count, objects_read=count, blocks_added=count, blocks_known_already=0,
                          profiles=80, duplicates_hidden=20, left_out=0)
        self.assert_index(OK, "verify", matching=count)
        self.cluster.start()
        self.assertEqual(self.all_answers(), before)
        # The window is there, too: what is sent again now does not count.
        red = Client(self.cluster, "red")
        red.push(cpu_profile({"main;again": 1000}), identifier="id-29", service="service-2", env="e1")
        self.assertEqual(red.total(CPU_TYPE), sum(before[0]["flame graph"].values()))
        self.stop()

        code, text = self.index("rebuild")
        self.assertEqual(code, FAILED, text)
        self.assertIn("--resume", text)
        self.assert_index(OK, "rebuild", "--resume", objects_read=0, blocks_added=0, blocks_known_already=count + 1)

    def test_a_lost_index_begins_again_from_a_copy_in_the_bucket(self):
        self.cluster.start()
        self.ingest()
        server = f"--server=127.0.0.1:{self.cluster.thrift_port}"
        taken = subprocess.run([CTL, "metastore", "snapshot", server], capture_output=True, text=True, timeout=60)
        self.assertEqual(taken.returncode, OK, taken.stdout + taken.stderr)
        self.assertIn("metastore/snapshots/", taken.stdout)
        known = len(self.objects())
        # What comes after the copy is read from its objects.
        red = Client(self.cluster, "red")
        red.push(cpu_profile({"main;later": 7}), identifier="later", service="service-1", env="e1")
        before = self.all_answers()
        self.stop()
        count = len(self.objects())
        self.assertGreater(count, known)
        shutil.rmtree(self.metastore)
        # An empty index would deny what is there: the process does not start with one.
        with self.assertRaises(AssertionError) as refused:
            self.cluster.start()
        self.assertIn("brazierctl index rebuild", str(refused.exception))
        shutil.rmtree(self.metastore, ignore_errors=True)
        text = self.assert_index(OK, "rebuild", "--snapshot=newest", blocks_known_already=known, blocks_added=count - known,
                                 left_out=0)
        self.assertIn("began with: metastore/snapshots/", text)
        self.assert_index(OK, "verify", matching=count)
        self.cluster.start()
        self.assertEqual(self.all_answers(), before)
        self.stop()
        code, text = self.index("rebuild", "--resume", "--snapshot=nonsense")
        self.assertEqual(code, OK, "what began already needs no copy: " + text)

    def test_an_interrupted_rebuild_continues(self):
        self.cluster.start()
        self.ingest()
        before = self.all_answers()
        self.stop()
        objects = sorted(self.objects(), key=os.path.basename)  # as they were made
        count, half = len(objects), len(objects) // 2
        # Killed anywhere, and continued.
        shutil.rmtree(self.metastore)
        for attempt in range(6):
            rebuild = subprocess.Popen([CTL, "index", "rebuild", f"--from={self.cluster.objects_dir}", "--resume",
                                        f"--data-dir={self.cluster.data_dir}"], stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            time.sleep(0.005 + 0.01 * attempt)
            rebuild.kill()
            rebuild.wait(10)
        self.assert_index(OK, "rebuild", "--resume", objects_found=count, left_out=0)
        self.assert_index(OK, "verify", matching=count)
        # Ended after half of the objects: the others are not there yet.
        shutil.rmtree(self.metastore)
        for path in objects[half:]:
            os.rename(path, path + ".hidden")
        self.assert_index(FOUND_WRONG, "rebuild", objects_found=half, blocks_added=half, left_out=count - half)
        for path in objects[half:]:
            os.rename(path + ".hidden", path)
        self.assert_index(OK, "rebuild", "--resume", objects_found=count, objects_read=count - half,
                          blocks_known_already=half, blocks_added=count - half, left_out=0)
        self.assert_index(OK, "verify", matching=count)
        self.cluster.start()
        self.assertEqual(self.all_answers(), before)

    def test_what_is_wrong_is_named(self):
        self.cluster.start()
        self.ingest()
        self.stop()
        objects = self.objects()
        count = len(objects)

        def key(path):
            return os.path.relpath(path, self.cluster.objects_dir)

        damaged, deleted, cut = objects[3], objects[10], objects[20]
        with open(damaged, "r+b") as file:
            file.seek(-40, os.SEEK_END)  # in the footer
            byte = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte[0] ^ 1]))
        with open(deleted, "rb") as file:
            kept = file.read()
        os.unlink(deleted)
        os.truncate(cut, os.path.getsize(cut) // 2)
        foreign = os.path.join(os.path.dirname(damaged), "notes.txt")
        with open(foreign, "w", encoding="utf-8") as file:
            file.write("not an object")

        text = self.assert_index(FOUND_WRONG, "verify", objects=count - 1, index_entries=count, matching=count - 3, orphans=0,
                                 missing=1, mismatches=2, foreign=1)
        for path in (damaged, deleted, cut, foreign):
            self.assertEqual(text.count(f"  {key(path)}: "), 1, text)
        self.assertRegex(text, re.escape(key(damaged)) + ".*checksum")
        self.assertRegex(text, re.escape(key(deleted)) + ".*no such object")

        shutil.rmtree(self.metastore)
        text = self.assert_index(FOUND_WRONG, "rebuild", objects_found=count - 1, blocks_added=count - 3, left_out=3)
        for path in (damaged, cut, foreign):
            self.assertEqual(text.count(f"  {key(path)}: "), 1, text)
        self.assertNotIn(key(deleted), text)
        text = self.assert_index(FOUND_WRONG, "verify", index_entries=count - 3, matching=count - 3, missing=0, mismatches=0,
                                 foreign=3)
        # The deleted object comes back from a backup: an orphan, until a rebuild takes it in.
        with open(deleted, "wb") as file:
            file.write(kept)
        text = self.assert_index(FOUND_WRONG, "verify", orphans=1, matching=count - 3)
        self.assertIn(f"  {key(deleted)}: ", text)
        self.assert_index(FOUND_WRONG, "rebuild", "--resume", blocks_added=1, blocks_known_already=count - 3, left_out=3)
        self.assert_index(FOUND_WRONG, "verify", orphans=0, matching=count - 2)
        self.cluster.start()
        self.assertGreater(Client(self.cluster, "red").total(CPU_TYPE), 0)

    def test_wrong_usage(self):
        code, text = self.index("rebuild")
        self.assertEqual(code, FAILED, text)
        self.assertIn("no folder", text)
        done = subprocess.run([CTL, "index", "rebuild"], capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--from", done.stderr)


if __name__ == "__main__":
    unittest.main()
