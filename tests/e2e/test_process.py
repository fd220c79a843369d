"""The process itself: settings, start, restart, ports, one owner per data folder, the offline tool."""

import concurrent.futures
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from client import CPU_TYPE, Client, cpu_profile, request
from cluster import BINARY, Monolith

CTL = os.path.abspath(os.environ.get("BRAZIERCTL_BIN", os.path.join(os.path.dirname(BINARY), "brazierctl")))


def run(*arguments, environment=None, binary=BINARY):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BRAZIER_")}
    return subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL,
                          env={**clean, **(environment or {})})


class SettingsTest(unittest.TestCase):
    def test_help_names_the_flags_that_others_rely_on(self):
        shown = run("--help")
        self.assertEqual(shown.returncode, 0)
        for flag in ("target", "data-dir", "http.listen", "thrift.listen", "zeromq.listen", "multitenancy", "limits.unlimited",
                     "segment.linger"):
            self.assertIn(flag, shown.stdout)

    def test_print_config_shows_values_and_where_they_come_from(self):
        shown = run("--print-config", "--http.listen=127.0.0.1:1234", environment={"BRAZIER_SEGMENT_LINGER": "70ms"})
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertRegex(shown.stdout, r"listen: .?127\.0\.0\.1:1234")
        self.assertIn("70ms", shown.stdout)
        self.assertRegex(shown.stdout, r"(?i)flag")
        self.assertRegex(shown.stdout, r"(?i)environment")

    def test_unknown_keys_are_errors(self):
        shown = run("--http.lisen=127.0.0.1:1")
        self.assertEqual(shown.returncode, 2)
        self.assertIn("http.listen", shown.stderr, "the nearest key is named")
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("segment:\n  lingr: 5ms\n")
            file.flush()
            shown = run(f"--config.file={file.name}")
        self.assertEqual(shown.returncode, 2)
        self.assertIn("lingr", shown.stderr)

    def test_wrong_values_are_errors(self):
        for flag in ("--target=nonsense", "--segment.linger=abc", "--http.listen=nowhere", "--multitenancy=perhaps"):
            shown = run(flag)
            self.assertEqual(shown.returncode, 2, flag)
            self.assertIn(flag[2:].split("=")[0], shown.stderr)


class LifeTest(unittest.TestCase):
    def test_single_tenant_restart_and_offline_tool(self):
        cluster = Monolith(multitenancy=False)
        try:
            cluster.start()
            client = Client(cluster)
            client.push(cpu_profile({"main;kept": 6}), service="life")
            self.assertEqual(client.total(CPU_TYPE), 6)
            # Without multi-tenancy the header is ignored.
            self.assertEqual(Client(cluster, "somebody").total(CPU_TYPE), 6)
            self.assertEqual(cluster.process.terminate(), 0)
            cluster.start()
            self.assertEqual(client.total(CPU_TYPE), 6, "after SIGTERM and a new start")
            cluster.process.kill()
            cluster.start()
            self.assertEqual(client.total(CPU_TYPE), 6, "after kill -9 and a new start")

            objects = [os.path.join(folder, name) for folder, _, names in os.walk(cluster.objects_dir) for name in names]
            self.assertEqual(len(objects), 1, objects)
            shown = run("inspect", objects[0], binary=CTL)
            self.assertEqual(shown.returncode, 0, shown.stderr)
            for part in ("anonymous", "life"):
                self.assertIn(part, shown.stdout)
            with open(objects[0], "rb") as file:
                content = bytearray(file.read())
            content[len(content) // 2] ^= 0x01
            broken = os.path.join(cluster.folder, "broken-object")
            with open(broken, "wb") as file:
                file.write(content)
            shown = run("inspect", broken, binary=CTL)
            self.assertIn(shown.returncode, range(1, 100), "a damaged object must not pass")
            self.assertRegex((shown.stdout + shown.stderr).lower(), "crc|checksum|corrupt")
            cluster.stop()
        finally:
            cluster.discard()

    def test_one_process_per_data_folder(self):
        with Monolith(multitenancy=False) as cluster:
            second = run("--target=all", f"--data-dir={cluster.data_dir}", "--http.listen=127.0.0.1:0",
                         "--thrift.listen=127.0.0.1:0", "--zeromq.listen=", "--zeromq.pull-listen=")
            self.assertEqual(second.returncode, 1, second.stdout + second.stderr)
            self.assertRegex(second.stderr, "data|lock")
            Client(cluster).push(cpu_profile({"main": 1}))

    def test_a_port_that_is_taken_is_named(self):
        with Monolith(multitenancy=False) as cluster:
            folder = tempfile.mkdtemp(prefix="brazier-e2e-")
            try:
                second = run("--target=all", f"--data-dir={folder}", f"--http.listen=127.0.0.1:{cluster.process.http_port}",
                             "--thrift.listen=127.0.0.1:0", "--zeromq.listen=", "--zeromq.pull-listen=")
                self.assertEqual(second.returncode, 1)
                self.assertIn(str(cluster.process.http_port), second.stderr)
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def test_start_says_where_the_ui_is_and_how_to_send_a_profile(self):
        with Monolith(multitenancy=False) as cluster:
            log = cluster.process.log(100_000)
            self.assertIn(f"http://127.0.0.1:{cluster.process.http_port}", log)
            commands = [line.strip() for line in log.splitlines() if "curl" in line]
            self.assertTrue(commands, log)
            # The line is meant to be pasted: paste it.
            pasted = subprocess.run(["bash", "-c", commands[0]], capture_output=True, text=True, timeout=30)
            self.assertEqual(pasted.returncode, 0, pasted.stderr)
            self.assertNotEqual(Client(cluster).profile_types(), [])

    def test_limits_apply_by_default(self):
        """Without --limits.unlimited old profiles are refused with the reason."""
        cluster = Monolith(multitenancy=False)
        cluster.process.flags.remove("--limits.unlimited")
        try:
            cluster.start()
            old = cpu_profile({"main": 1}, time_ns=time.time_ns() - 7200 * 10**9)
            answer = Client(cluster).push_series([({"__name__": "process_cpu"}, [old])])
            self.assertEqual(answer.status, 400, answer)
            self.assertRegex(answer.error[1], r"-72\d\d s .*accepted is from -3600 s")
            # Made before the first is sent, and sent by several: the bucket fills again while a slow machine makes them.
            name = os.urandom(30_000).hex()
            bodies = [cpu_profile({f"main;{name}{i};{n}": 1 for i in range(16)}) for n in range(40)]
            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                statuses = set(pool.map(
                    lambda body: Client(cluster).push_series([({"__name__": "process_cpu"}, [body])]).status, bodies))
            self.assertIn(429, statuses, "40 profiles of a megabyte at once exceed the rate limit")
            cluster.stop()
        finally:
            cluster.discard()

    def test_metrics_tell_the_state_of_consensus(self):
        with Monolith(multitenancy=False) as cluster:
            def figures():
                page = request(cluster.process.url, "GET", "/metrics").body.decode()
                return {name: float(value) for name, _, value in
                        (line.rpartition(" ") for line in page.splitlines() if line.startswith("brazier_consensus_"))}
            before = figures()
            self.assertEqual(before["brazier_consensus_leader"], 1, "one node leads its group of one")
            self.assertGreaterEqual(before["brazier_consensus_term"], 1)
            Client(cluster).push(cpu_profile({"main": 1}))
            after = figures()
            for counted in ("proposals_total", "propose_to_apply_seconds_count", "log_fsync_seconds_count", "applied_index",
                            "committed_index", "log_entries", "log_bytes"):
                name = "brazier_consensus_" + counted
                self.assertGreater(after[name], before[name], name)
            self.assertGreater(after["brazier_consensus_log_fsync_seconds_sum"], 0)
            self.assertEqual(after["brazier_consensus_applied_index"], after["brazier_consensus_committed_index"])
            self.assertEqual(after["brazier_consensus_snapshot_index"], before["brazier_consensus_snapshot_index"])
            self.assertEqual(after["brazier_consensus_write_failures_total"], 0)
            self.assertEqual(after["brazier_consensus_queue_bytes"], 0)

    def test_idle_memory(self):
        with Monolith(multitenancy=False) as cluster:
            time.sleep(1)
            self.assertLess(cluster.process.rss_bytes(), 60 << 20)

    def test_sigint_drains_as_well(self):
        cluster = Monolith(multitenancy=False).start()
        try:
            cluster.process.child.send_signal(signal.SIGINT)
            self.assertEqual(cluster.process.child.wait(30), 0)
        finally:
            cluster.discard()

    def test_not_ready_while_draining(self):
        cluster = Monolith(multitenancy=False, flags=["--segment.linger=2s"]).start()
        try:
            import threading
            pusher = threading.Thread(target=lambda: Client(cluster).push(cpu_profile({"main": 1})))
            pusher.start()
            time.sleep(0.3)
            cluster.process.child.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            try:
                self.assertEqual(request(cluster.process.url, "GET", "/ready", timeout_s=3).status, 503)
            except OSError:
                pass  # the listener is closed already: not ready either
            pusher.join(20)
            self.assertEqual(cluster.process.child.wait(30), 0)
        finally:
            cluster.discard()


if __name__ == "__main__":
    unittest.main()
