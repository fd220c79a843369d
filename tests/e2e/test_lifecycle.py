"""The life of data in the real binary: deletion, retention, overrides, scrub, orphans, and what brazierctl says of them."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.request

from client import CPU_TYPE, LONG_AGO_MS, Client, cpu_profile, far_future_ms, flame_paths
from cluster import BINARY, Monolith
from objects import files_with, object_files

CTL = os.path.abspath(os.environ.get("BRAZIERCTL_BIN", os.path.join(os.path.dirname(BINARY), "brazierctl")))
OK, FAILED, FOUND_WRONG = 0, 1, 3
HOUR_NS = 3_600_000_000_000
# Everything soon: objects of removed blocks go after a second.
SOON = ["--compaction.delete-delay=1s", "--compaction.level0-delay=500ms", "--retention.interval=1s", "--scrub.orphan-age=1s"]


def until(check, what, timeout_s=60):
    """Polls until `check` returns something true; what it returned."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}")
        time.sleep(0.1)


class LifecycleTest(unittest.TestCase):
    def start(self, *flags):
        self.cluster = Monolith(flags=[*SOON, *flags])
        self.addCleanup(self.cluster.discard)
        self.cluster.start()
        return Client(self.cluster, "red")

    def ctl(self, *args, expected=OK):
        """What the command printed; JSON when it was asked for."""
        done = subprocess.run([CTL, *args, f"--server=127.0.0.1:{self.cluster.thrift_port}"], capture_output=True, text=True,
                              timeout=120, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, expected, f"{args}: {done.stdout}{done.stderr}{self.cluster.process.log()}")
        return json.loads(done.stdout) if "--json" in args else done.stdout + done.stderr

    def objects_in(self, folder):
        return [path for path in object_files(self.cluster.objects_dir) if folder in path]

    def objects_with(self, text):
        return files_with(self.cluster.objects_dir, text)

    def metric(self, name):
        with urllib.request.urlopen(self.cluster.process.url + "/metrics", timeout=10) as response:
            for line in response.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.split()[1])
        raise AssertionError(f"no metric {name}")

    # ---- deletion

    def delete(self, *what):
        """Deletes; the id."""
        text = self.ctl("delete", "--tenant=red", "--since=1h", *what, "--yes")
        self.assertTrue(text.startswith("deletion "), text)
        return text.split()[1]

    def push_for_deletion(self, client):
        for n in range(5):
            client.push(cpu_profile({"main;gone_service": 10 + n}), service="gone")
            client.push(cpu_profile({"main;secret_of_pod_a": 100 + n}), service="mixed", pod="pod-a")
            client.push(cpu_profile({"main;kept_of_pod_b": 1000 + n}), service="mixed", pod="pod-b")
            client.push(cpu_profile({"main;kept_service": 10_000 + n}), service="kept")

    def test_deleted_data_is_hidden_at_once_then_gone_from_the_objects(self):
        client = self.start()
        self.push_for_deletion(client)
        other = Client(self.cluster, "blue")
        other.push(cpu_profile({"main;blue_service": 7}), service="gone")
        kept = {path: value for path, value in flame_paths(client.flame_graph(CPU_TYPE)).items()
                if path[-1] in ("kept_of_pod_b", "kept_service")}
        for name in ("gone_service", "secret_of_pod_a", "kept_service"):
            self.assertTrue(self.objects_with(name), "else the search finds nothing ever")

        refused = self.ctl("delete", "--tenant=red", "--since=1h", "--service=gone", expected=FAILED)
        self.assertIn("--yes", refused)
        by_service = self.delete("--service=gone")
        by_selector = self.delete("--service=mixed", '--selector={pod="pod-a"}')
        self.assertEqual(flame_paths(client.flame_graph(CPU_TYPE)), kept, "at once, and nothing else")
        self.assertEqual(sorted({s["service_name"] for s in client.series()}), ["kept", "mixed"])
        self.assertEqual(other.total(CPU_TYPE), 7, "another tenant's stays")

        for deletion in (by_service, by_selector):
            text = self.ctl("delete", "status", deletion, "--wait", "--wait-max=60s")
            self.assertIn("no object holds any of it", text)
        listed = self.ctl("delete", "status", "--json")["deletions"]
        self.assertEqual({d["id"] for d in listed if d["confirmed"]}, {by_service, by_selector})
        for text in ("gone_service", "secret_of_pod_a", "pod-a"):
            self.assertEqual(self.objects_with(text), [], text)
        self.assertTrue(self.objects_with("blue_service"))
        self.assertTrue(self.objects_with("kept_of_pod_b"))
        self.assertEqual(flame_paths(client.flame_graph(CPU_TYPE)), kept)
        self.assertEqual(other.total(CPU_TYPE), 7)

        # Data that comes later is not concerned.
        client.push(cpu_profile({"main;gone_service": 3}), service="gone")
        self.assertEqual(client.total(CPU_TYPE, '{service_name="gone"}'), 3)

    def test_a_deletion_survives_a_crash(self):
        client = self.start()
        self.push_for_deletion(client)
        deletion = self.delete("--service=mixed", '--selector={pod="pod-a"}')
        self.cluster.process.kill()
        self.cluster.start()
        self.assertEqual(client.total(CPU_TYPE, '{pod="pod-a"}'), 0)
        self.ctl("delete", "status", deletion, "--wait", "--wait-max=60s")
        self.assertEqual(self.objects_with("secret_of_pod_a"), [])

    # ---- retention

    def test_retention_follows_age_and_overrides(self):
        folder = self.make_folder()
        overrides = os.path.join(folder, "overrides.yaml")
        with open(overrides, "w", encoding="utf-8") as file:
            file.write("tenants: { blue: { retention.age: 0 } }\n")
        red = self.start("--retention.age=1h", f"--overrides.path={overrides}")
        blue, green = Client(self.cluster, "blue"), Client(self.cluster, "green")
        old_ns = time.time_ns() - 3 * HOUR_NS
        for client, text in ((red, "old_of_red"), (blue, "old_of_blue")):
            client.push(cpu_profile({f"main;{text}": 5}, time_ns=old_ns), service="svc")
        green.push(cpu_profile({"main;new_of_green": 5}), service="svc")
        until(lambda: red.total(CPU_TYPE) == 0, "red's data is older than an hour")
        until(lambda: not self.objects_with("old_of_red"), "its objects are deleted")
        self.assertEqual(blue.total(CPU_TYPE), 5)
        self.assertEqual(green.total(CPU_TYPE), 5)

        with open(overrides, "w", encoding="utf-8") as file:
            file.write("tenants: { blue: { retention.age: one hour } }\n")
        until(lambda: self.metric("brazier_overrides_broken") == 1, "the file is broken")
        time.sleep(2.5)
        self.assertEqual(blue.total(CPU_TYPE), 5, "what was read before stays")
        with open(overrides, "w", encoding="utf-8") as file:
            file.write("tenants: { blue: { retention.age: 2h } }\n")
        until(lambda: blue.total(CPU_TYPE) == 0, "blue has a limit now")
        self.assertEqual(self.metric("brazier_overrides_broken"), 0)
        self.assertEqual(green.total(CPU_TYPE), 5)

    def make_folder(self):
        folder = tempfile.TemporaryDirectory(prefix="brazier-e2e-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def test_a_broken_overrides_file_ends_the_start(self):
        folder = self.make_folder()
        path = os.path.join(folder, "overrides.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("tenants:\n  red:\n    retention.agee: 1h\n")
        done = subprocess.run([BINARY, f"--data-dir={folder}/data", "--http.listen=127.0.0.1:0", "--thrift.listen=127.0.0.1:0",
                               f"--overrides.path={path}"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("line 3", done.stderr)
        self.assertIn("retention.agee", done.stderr)

    # ---- scrub

    def test_scrub_quarantines_what_is_damaged_and_releases_it(self):
        client = self.start("--compaction.concurrency=0")  # objects stay as they are
        client.push(cpu_profile({"main;damaged_one": 5}), service="a")
        client.push(cpu_profile({"main;lost_one": 7}), service="b")
        client.push(cpu_profile({"main;kept_one": 9}), service="c")
        self.assertIn("corrupt:     0", self.ctl("scrub", "--wait"))
        damaged, lost = [self.objects_with(name)[0] for name in ("damaged_one", "lost_one")]
        with open(damaged, "rb") as file:
            good = file.read()
        with open(damaged, "r+b") as file:
            file.seek(20)
            file.write(bytes([good[20] ^ 1]))
        os.rename(lost, lost + ".away")
        text = self.ctl("scrub", "--wait", expected=FOUND_WRONG)
        self.assertIn("corrupt:     1", text)
        self.assertIn("missing:     1", text)
        self.assertEqual(self.ctl("quarantine", "list", "--json")["blocks"], [], "it only looked")
        self.ctl("scrub", "--repair", "--wait", expected=FOUND_WRONG)
        blocks = self.ctl("quarantine", "list", "--json")["blocks"]
        self.assertEqual(len(blocks), 2)
        self.assertEqual({os.path.basename(b["object_key"]) for b in blocks}, {os.path.basename(p) for p in (damaged, lost)})
        self.assertEqual(client.total(CPU_TYPE), 9, "answers go without them")

        with open(damaged, "r+b") as file:
            file.write(good)
        os.rename(lost + ".away", lost)
        self.assertIn("released:    2", self.ctl("scrub", "--repair", "--wait"))
        self.assertEqual(client.total(CPU_TYPE), 21)
        self.assertIn("the last scrub ended", self.ctl("scrub", "status"))

    def test_a_block_that_queries_cannot_read_is_quarantined_soon(self):
        client = self.start("--compaction.concurrency=0")
        client.push(cpu_profile({"main;damaged_one": 5}), service="a")
        client.push(cpu_profile({"main;kept_one": 9}), service="b")
        self.assertEqual(client.total(CPU_TYPE), 14)
        damaged = self.objects_with("damaged_one")[0]
        with open(damaged, "r+b") as file:
            data = file.read()
            file.seek(20)
            file.write(bytes([data[20] ^ 1]))

        def total():
            try:
                return client.total(CPU_TYPE)
            except AssertionError:  # the clear error of the first queries
                return None

        # The backend may remember what it read before the damage: a restart does not.
        self.cluster.process.kill()
        self.cluster.start()
        client = Client(self.cluster, "red")
        self.assertIsNone(total(), "the first query says what it cannot read")
        self.assertEqual(until(total, "queries answer without the block", 30), 9)
        blocks = self.ctl("quarantine", "list", "--json")["blocks"]
        self.assertEqual([os.path.basename(b["object_key"]) for b in blocks], [os.path.basename(damaged)])
        self.assertIn("read failed: ", blocks[0]["reason"])
        answer = client.rpc("SelectMergeStacktraces", dict(
            profileTypeID=CPU_TYPE, labelSelector="{}", start=str(LONG_AGO_MS), end=str(far_future_ms())))
        self.assertIn(os.path.basename(damaged), answer.headers.get("x-query-failed-blocks", ""), "the answer names it")

    def test_a_lost_block_is_quarantined_soon_and_a_store_that_is_away_loses_none(self):
        client = self.start("--scrub.interval=0")
        for n in range(6):
            client.push(cpu_profile({f"main;old{n}": 5}), service=f"s{n}")
        self.ctl("compaction", "force")
        # All segments become one block, and their objects go.
        until(lambda: not self.objects_in("/segments/"), "inputs are deleted")
        self.ctl("compaction", "pause")
        for n in range(2):
            client.push(cpu_profile({f"main;new{n}": 7}), service=f"t{n}")
        self.assertEqual(client.total(CPU_TYPE), 44)

        def total():
            try:
                return client.total(CPU_TYPE)
            except AssertionError:
                return None

        def restart():
            # A backend may answer from what it remembers.
            nonlocal client
            self.cluster.process.kill()
            self.cluster.start()
            client = Client(self.cluster, "red")

        folder, away = self.cluster.objects_dir, self.cluster.objects_dir + ".away"
        os.rename(folder, away)
        os.mkdir(folder)
        restart()
        self.assertIsNone(total(), "nothing can be read")
        report = self.ctl("scrub", "--repair", "--wait", "--json", expected=FOUND_WRONG)
        self.assertIn("is this the right bucket, and mounted?", report["findings"][0])
        self.assertGreaterEqual(report["missing"], 3)
        self.assertIsNone(total())
        time.sleep(1)
        self.assertEqual(self.ctl("quarantine", "list", "--json")["blocks"], [])
        shutil.rmtree(folder)
        os.rename(away, folder)
        restart()
        self.assertEqual(until(total, "everything is back", 30), 44)

        compacted, segment = self.objects_in("/blocks/")[0], self.objects_in("/segments/")[0]
        for lost in (compacted, segment):
            os.remove(lost)
        restart()
        self.assertEqual(until(total, "queries answer without both", 30), 7)
        blocks = self.ctl("quarantine", "list", "--json")["blocks"]
        self.assertEqual({os.path.basename(b["object_key"]) for b in blocks}, {os.path.basename(p) for p in (compacted, segment)})

    def test_orphans_go_and_strays_stay(self):
        client = self.start("--compaction.concurrency=0")
        client.push(cpu_profile({"main;work": 5}))
        known = object_files(self.cluster.objects_dir)[0]
        # As an upload whose registration never came; ids are 26 characters.
        orphan = os.path.join(os.path.dirname(known), "01HF7YAT00" + "0123456789ABCDEF" + ".brz")
        stray = os.path.join(os.path.dirname(known), "notes.txt")
        for path in (orphan, stray):
            with open(path, "wb") as file:
                file.write(b"whatever")
        report = self.ctl("scrub", "--wait", "--json")
        self.assertEqual(report["orphans"], 1, report)
        self.assertTrue(any("notes.txt" in finding for finding in report["findings"]), report)
        time.sleep(2)
        self.assertTrue(os.path.exists(orphan), "it only looked")
        self.ctl("scrub", "--repair", "--wait")
        until(lambda: not os.path.exists(orphan), "the orphan is condemned and deleted")
        self.assertTrue(os.path.exists(stray))
        self.assertTrue(os.path.exists(known))
        self.assertEqual(client.total(CPU_TYPE), 5)

    # ---- compaction, and roll-ups

    def test_compaction_is_steered_and_rollups_agree(self):
        client = self.start()
        self.assertIn("paused", self.ctl("compaction", "pause"))
        self.assertTrue(self.ctl("compaction", "status", "--json")["paused"])
        for n in range(8):
            client.push(cpu_profile({f"main;f{n}": 5 + n}), service=f"s{n % 2}")
        time.sleep(1.5)
        segments = [path for path in object_files(self.cluster.objects_dir) if "/segments/" in path]
        self.assertEqual(len(segments), 8, "nothing is compacted meanwhile")
        total = client.total(CPU_TYPE)
        self.ctl("compaction", "resume")
        self.ctl("compaction", "force")
        until(lambda: any("/blocks/" in path for path in object_files(self.cluster.objects_dir)), "segments are compacted")
        for _ in range(4):  # up to the levels with roll-ups
            self.ctl("compaction", "force")
            time.sleep(1)
        self.assertEqual(client.total(CPU_TYPE), total)
        status = self.ctl("compaction", "status", "--json")
        self.assertFalse(status["paused"])
        self.assertGreater(status["jobs_finished"], 0)
        self.ctl("compaction", "retry")
        done = subprocess.run([CTL, "rollup", "verify", f"--from={self.cluster.objects_dir}"], capture_output=True, text=True,
                              timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, OK, done.stdout + done.stderr)
        self.assertIn("different: 0", done.stdout)
        self.assertNotIn("datasets with roll-ups: 0", done.stdout)


if __name__ == "__main__":
    unittest.main()
