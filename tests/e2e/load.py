"""Load for the tests that break things: every profile has a function of its own, so that what is missing or double shows."""

import http.client
import random
import threading
import time

import client as api

SERVICES = 6


class Load:
    """Threads that push numbered profiles through both HTTP doors until told to stop, and remember what was answered.

    A profile whose push failed or was cut off is sent again, byte for byte, in the next round.
    """

    def __init__(self, threads=4, seed=1):
        self.threads, self.seed = threads, seed
        self.mutex = threading.Lock()
        self.next_number = 0
        self.acknowledged = set()
        self.unanswered = []  # (number, bytes)
        self.statuses = {}
        self.retried = 0
        self.sent = 0

    def name(self, number):
        return f"profile_{number:07d}"

    def take(self):
        with self.mutex:
            if self.unanswered:
                self.retried += 1
                return self.unanswered.pop(0)
            number, self.next_number = self.next_number, self.next_number + 1
        pprof = api.cpu_profile({f"main;work;{self.name(number)}": 1, f"main;shared_{number % 50}": 1})
        return number, pprof

    def push(self, client, number, pprof):
        service = f"service-{number % SERVICES}"
        if number % 2:
            answer = client.push_series([({"__name__": "process_cpu", "service_name": service}, [pprof])])
        else:
            answer = client.ingest(pprof, name=service, format="pprof")
        return answer.status

    def work(self, client, stop):
        while not stop.is_set():
            number, pprof = self.take()
            try:
                status = self.push(client, number, pprof)
            except OSError:
                status = 0  # cut off: may or may not be stored
            except Exception as error:  # http.client's own: a half answer
                status = type(error).__name__
            with self.mutex:
                self.sent += 1
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if status == 200:
                    self.acknowledged.add(number)
                else:
                    self.unanswered.append((number, pprof))
            if status != 200:
                time.sleep(0.02)

    def run(self, cluster, until):
        """Pushes until `until()` returns, which runs in the calling thread."""
        stop = threading.Event()
        workers = [threading.Thread(target=self.work, args=(api.Client(cluster), stop)) for _ in range(self.threads)]
        for worker in workers:
            worker.start()
        try:
            until()
        finally:
            stop.set()
            for worker in workers:
                worker.join(40)

    def settle(self, cluster, deadline_s=30):
        """Sends again, one by one, what was never answered, until all is."""
        client = api.Client(cluster)
        deadline = time.monotonic() + deadline_s
        while self.unanswered and time.monotonic() < deadline:
            number, pprof = self.unanswered.pop(0)
            try:
                status = self.push(client, number, pprof)
            except (OSError, http.client.HTTPException):
                status = 0
            if status == 200:
                self.acknowledged.add(number)
            else:
                self.unanswered.append((number, pprof))
                time.sleep(0.05)
        assert not self.unanswered, f"{len(self.unanswered)} profiles are still refused"

    def check(self, case, cluster):
        """Every acknowledged profile is there, none twice, and nothing that was never sent."""
        client = api.Client(cluster)
        paths = api.flame_paths(client.flame_graph(api.CPU_TYPE, maxNodes=1 << 20))
        found = {path[-1]: value for path, value in paths.items() if path[-1].startswith("profile_")}
        expected = {self.name(number) for number in self.acknowledged}
        pending = {self.name(number) for number, _ in self.unanswered}
        missing, twice = sorted(expected - set(found)), sorted(n for n, v in found.items() if v != 1)
        case.assertEqual(missing[:10], [], f"{len(missing)} of {len(expected)} acknowledged profiles are missing")
        case.assertEqual(twice[:10], [], f"{len(twice)} profiles count more than once")
        case.assertEqual(sorted(set(found) - expected - pending)[:10], [], "profiles that were never sent")
        shared = sum(value for path, value in paths.items() if path[-1].startswith("shared_"))
        case.assertEqual(shared, len(found))


def random_sleep(rng, least_s, most_s):
    time.sleep(rng.uniform(least_s, most_s))


def seeded(seed):
    return random.Random(seed)
