"""The metastore as a group of three processes: founded once, led by one, read through each, changed while it works."""

import os
import signal
import time
import unittest

from client import Client, cpu_profile
from load import Load
from metastore_group import MemberClient, MetastoreMembers, SevenProcesses, finish_ctl, members_at, roles_of, start_ctl

# A hundred by hand (docs/benchmark.md); a few in the suite.
FREEZES = int(os.environ.get("BRAZIER_TEST_FREEZES", "3"))
SEED = int(os.environ.get("BRAZIER_TEST_SEED", str(int(time.time()))))


class FoundingTest(unittest.TestCase):
    def test_two_operators_at_once_found_one_group(self):
        cluster = MetastoreMembers(configured=False)
        try:
            for process in cluster.members:
                process.start()
            a, b, c, stranger = cluster.addresses
            for address in cluster.addresses:
                self.await_answer(address)
            self.assertFalse(cluster.members[0].is_ready(), "nothing can be committed yet")
            both = [start_ctl("found", a, b, c), start_ctl("found", c, a, b)]
            said = [finish_ctl(child) for child in both]
            for result in said:
                self.assertEqual(result.code, 0, result)
            founded = {result.out.split("\n")[0] for result in said}
            self.assertEqual(len(founded), 1, said)
            status = cluster.await_well()
            self.assertIn(status["group_id"], founded.pop())
            for process in cluster.members[:3]:
                process.wait_ready()
            # Again: the same. With a member of another group, or with one that is nobody: nothing happens.
            again = finish_ctl(start_ctl("found", b, c, a))
            self.assertEqual(again.code, 0, again)
            self.assertIn(status["group_id"], again.out)
            mixed = finish_ctl(start_ctl("found", stranger, a, "--timeout-ms=5000"))
            self.assertEqual(mixed.code, 1, mixed)
            self.assertEqual(cluster.await_well()["group_id"], status["group_id"])
            alone = finish_ctl(start_ctl("status", f"--server={stranger}"))
            self.assertEqual(alone.code, 3, alone)
            self.assertIn("belongs to no group yet", alone.out)
            for process in cluster.members:
                self.assertEqual(process.terminate(), 0, process.log())
        finally:
            cluster.discard()

    def await_answer(self, address, timeout_s=20):
        deadline = time.monotonic() + timeout_s
        while True:
            result = finish_ctl(start_ctl("status", f"--server={address}"))
            if result.code == 3:
                return
            self.assertLess(time.monotonic(), deadline, result)
            time.sleep(0.1)


class PauseMeter:
    """The longest time without an acknowledged push, from the outside."""

    def __init__(self, load):
        self.load, self.longest_s = load, 0.0

    def run_for(self, seconds):
        count, since = len(self.load.acknowledged), time.monotonic()
        end = since + seconds
        while time.monotonic() < end:
            time.sleep(0.02)
            now = len(self.load.acknowledged)
            self.longest_s = max(self.longest_s, time.monotonic() - since)
            if now != count:
                count, since = now, time.monotonic()


class FailoverTest(unittest.TestCase):
    """Under load, whatever happens to the leader: pushes go on within seconds, nothing acknowledged is lost or doubled."""

    def setUp(self):
        print(f"seed {SEED}", flush=True)
        self.cluster = SevenProcesses().start()
        self.addCleanup(self.cluster.discard)
        self.load = Load(threads=3, seed=SEED)

    def finish(self):
        self.cluster.await_well()
        self.load.settle(self.cluster, 60)
        self.load.check(self, self.cluster)
        print(f"{len(self.load.acknowledged)} acknowledged, {self.load.retried} sent again, answers {self.load.statuses}",
              flush=True)
        self.cluster.stop()

    def test_kill_9_of_leaders(self):
        meter = PauseMeter(self.load)

        def kill_leaders():
            meter.run_for(1)
            for _ in range(3):
                process = self.cluster.members[self.cluster.leader_index()]
                process.kill()
                meter.run_for(3)
                process.start()
                process.wait_ready()
                self.cluster.await_well()
        self.load.run(self.cluster, kill_leaders)
        print(f"longest pause {meter.longest_s:.2f} s", flush=True)
        self.assertLess(meter.longest_s, 10)
        self.finish()

    def test_a_leader_that_hangs_is_replaced(self):
        meter = PauseMeter(self.load)

        def stop_leader():
            meter.run_for(1)
            process = self.cluster.members[self.cluster.leader_index()]
            process.child.send_signal(signal.SIGSTOP)
            try:
                meter.run_for(8)
                before = len(self.load.acknowledged)
                meter.run_for(1)
                self.assertGreater(len(self.load.acknowledged), before, "nothing is acknowledged while one hangs")
            finally:
                process.child.send_signal(signal.SIGCONT)
            self.cluster.await_well()
        self.load.run(self.cluster, stop_leader)
        print(f"longest pause {meter.longest_s:.2f} s", flush=True)
        self.assertLess(meter.longest_s, 10)
        self.finish()

    def test_leaders_that_hang_come_back_without_hands(self):
        """Every time another one leads, and who hung has caught up within 10 s of its release."""
        stalled_s, back_s = [], []

        def await_more(count, what):
            deadline = time.monotonic() + 10
            while len(self.load.acknowledged) < count:
                self.assertLess(time.monotonic(), deadline, what)
                time.sleep(0.02)

        def freeze_leaders():
            for i in range(FREEZES):
                await_more(len(self.load.acknowledged) + 4, f"round {i}: nothing is acknowledged")
                index = self.cluster.leader_index()
                process, address = self.cluster.members[index], self.cluster.addresses[index]
                frozen = time.monotonic()
                process.child.send_signal(signal.SIGSTOP)
                try:
                    # More than what may have been under way.
                    await_more(len(self.load.acknowledged) + 8, f"round {i}: nobody else leads")
                    stalled_s.append(time.monotonic() - frozen)
                    time.sleep(i % 3)  # falls behind
                finally:
                    process.child.send_signal(signal.SIGCONT)
                released = time.monotonic()
                self.cluster.await_well(timeout_s=10, also=lambda status: status["leader_id"] and all(
                    m["lag"] is not None and m["lag"] < 50 for m in members_at(status, address) if m["role"] != "leader"))
                back_s.append(time.monotonic() - released)
        self.load.run(self.cluster, freeze_leaders)
        print(f"{FREEZES} times: pushes went on within {max(stalled_s):.2f} s, who hung had caught up within {max(back_s):.2f} s", flush=True)
        self.finish()

    def test_a_leader_that_is_stopped_hands_over(self):
        """SIGTERM: the others go on at once, as in a rolling restart."""
        meter = PauseMeter(self.load)

        def restart_all():
            meter.run_for(1)
            for process in self.cluster.members[:3]:
                self.assertEqual(process.terminate(), 0, process.log())
                meter.run_for(1)
                process.start()
                process.wait_ready()
                self.cluster.await_well()
        self.load.run(self.cluster, restart_all)
        print(f"longest pause {meter.longest_s:.2f} s", flush=True)
        self.assertLess(meter.longest_s, 5)
        self.assertEqual(set(self.load.statuses), {200}, "a client noticed the restarts")
        self.finish()


class ReadYourWritesTest(unittest.TestCase):
    def test_every_member_knows_what_was_acknowledged(self):
        cluster = SevenProcesses().start()
        self.addCleanup(cluster.discard)
        cluster.await_well()
        members = [MemberClient(address) for address in cluster.addresses[:3]]
        client = Client(cluster)
        pushes = 60
        for i in range(pushes):
            if i % 15 == 14:
                cluster.ctl_ok("step-down")
            client.push(cpu_profile({f"main;push_{i}": 1}))
            for address, member in zip(cluster.addresses, members):
                self.assertEqual(len(member.blocks()), i + 1, f"{address} after push {i}")
                self.assertEqual(member.stats().blocks, i + 1, f"{address} after push {i}")
        everything = [sorted(member.blocks()) for member in members]
        self.assertEqual(everything[1:], [everything[0]] * 2)
        for member in members:
            member.close()
        cluster.stop()


class ChangesTest(unittest.TestCase):
    """The group changes under load, by an operator's hand and by its own."""

    def setUp(self):
        print(f"seed {SEED}", flush=True)
        self.cluster = SevenProcesses().start()
        self.addCleanup(self.cluster.discard)
        self.load = Load(threads=2, seed=SEED)

    def finish(self, voters=3):
        self.cluster.await_well(voters)
        self.load.settle(self.cluster, 60)
        self.load.check(self, self.cluster)
        print(f"{len(self.load.acknowledged)} acknowledged, {self.load.retried} sent again, answers {self.load.statuses}",
              flush=True)

    def test_leadership_moves_where_it_is_told(self):
        def move():
            for target in (0, 1, 2):
                said = self.cluster.ctl_ok("transfer", f"metastore-{target + 1}")
                self.assertIn(f"metastore-{target + 1} (", said.out)
                self.assertIn(" leads", said.out)
                self.assertEqual(self.cluster.leader_index(), target)
                time.sleep(0.5)
            self.cluster.ctl_ok("step-down")
            self.assertNotEqual(self.cluster.leader_index(), 2)
        self.load.run(self.cluster, move)
        self.finish()
        self.cluster.stop()

    def test_members_are_removed_and_added(self):
        cluster = self.cluster
        spare = cluster.members[3]

        def change():
            cluster.await_well(3)
            leader = cluster.leader_index()
            follower = (leader + 1) % 3
            refused = cluster.ctl("remove", f"metastore-{follower + 1}")
            self.assertEqual(refused.code, 1, refused)
            self.assertIn("leaves 2 voters, of which none may fail", refused.err)
            cluster.await_status("as before", lambda s: roles_of(s) == ["leader", "voter", "voter"])
            # One more, then the leader away: three again.
            spare.start()
            time.sleep(1)
            added = cluster.ctl_ok("add", cluster.addresses[3])
            self.assertIn("is a voter; the group has 4 voters", added.out)
            cluster.await_well(4)
            cluster.ctl_ok("add", cluster.addresses[3])
            cluster.ctl_ok("remove", f"metastore-{leader + 1}")
            status = cluster.await_status("three voters", lambda s: roles_of(s) == ["leader", "voter", "voter"])
            self.assertEqual(members_at(status, cluster.addresses[leader]), [])
            # The removed one comes back as somebody new.
            removed = cluster.members[leader]
            self.assertEqual(removed.terminate(), 0, removed.log())
            cluster.lose_disk(leader)
            removed.start()
            time.sleep(1)
            cluster.ctl_ok("add", cluster.addresses[leader], "--learner")
            # Not at once where leadership moved meanwhile: the next leader takes its members from entries as it applies them.
            cluster.await_status("a learner", lambda s: [
                m["role"] for m in members_at(s, cluster.addresses[leader])] == ["learner"])
            cluster.ctl_ok("promote", cluster.addresses[leader])
            cluster.await_well(4)
            cluster.ctl_ok("remove", "metastore-4")
            cluster.await_well(3)
        self.load.run(cluster, change)
        self.finish()
        spare.kill()
        cluster.stop()

    def test_a_lost_disk_comes_back_by_itself(self):
        cluster = self.cluster

        def lose():
            time.sleep(1)
            for role in ("follower", "leader"):
                leader = cluster.leader_index()
                lost = leader if role == "leader" else (leader + 1) % 3
                before, = members_at(cluster.status(), cluster.addresses[lost])
                cluster.members[lost].kill()
                cluster.lose_disk(lost)
                cluster.members[lost].start()
                cluster.await_well(timeout_s=60, also=lambda status: [
                    m["node_id"] for m in members_at(status, cluster.addresses[lost])] != [before["node_id"]])
        self.load.run(cluster, lose)
        self.finish()
        cluster.stop()

    def test_every_member_writes_snapshots(self):
        self.load.run(self.cluster, lambda: time.sleep(1))
        for address in self.cluster.addresses[:3]:
            said = finish_ctl(start_ctl("snapshot", f"--server={address}"))
            self.assertEqual(said.code, 0, said)
            folder = os.path.join(self.cluster.objects_dir, said.out.split("\n")[0])
            self.assertGreater(sum(entry.stat().st_size for entry in os.scandir(folder)), 1000, said)
        self.finish()
        self.cluster.stop()


if __name__ == "__main__":
    unittest.main()
