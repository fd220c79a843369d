"""Starts the real binary on loopback, as one process or as one for each role, and stops what it started.

    with Monolith() as cluster: Client(cluster).push(...)

The binary is $BRAZIER_BIN (default build/release/brazier). Each cluster has a folder of its own, removed at the end unless a
process ended badly; then its path and the tail of the logs are printed. Everything waits with a deadline.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BINARY = os.path.abspath(os.environ.get("BRAZIER_BIN", os.path.join(ROOT, "build", "release", "brazier")))
DATA = os.environ.get("BRAZIER_DATA", os.path.join(ROOT, "..", "shared", "data"))
READY_TIMEOUT_S = 30
STOP_TIMEOUT_S = 40

# Queries of the tests reach back to profiles of any year, which retention would remove; and so would a disk that is nearly full.
COMMON_FLAGS = ["--limits.unlimited", "--limits.max-query-lookback=0", "--limits.max-query-length=0", "--retention.age=0",
                "--retention.free-disk-bytes-min=0"]


def free_ports(count):
    """Ports that nobody listens on now. All are held open until the last is found, so that they differ."""
    sockets = []
    try:
        for _ in range(count):
            s = socket.socket()
            s.bind(("127.0.0.1", 0))
            sockets.append(s)
        return [s.getsockname()[1] for s in sockets]
    finally:
        for s in sockets:
            s.close()


class Process:
    """One brazier process: its flags, log, and life."""

    def __init__(self, name, http_port, flags, folder):
        self.name, self.http_port, self.flags = name, http_port, flags
        self.log_path = os.path.join(folder, name + ".log")
        self.child = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def pid(self):
        return self.child.pid

    def start(self):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BRAZIER_")}
        with open(self.log_path, "ab") as log:
            self.child = subprocess.Popen([BINARY, *self.flags], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                          env=environment, start_new_session=True)

    def is_ready(self):
        try:
            with urllib.request.urlopen(self.url + "/ready", timeout=2) as response:
                return response.status == 200
        except OSError:
            return False

    def wait_ready(self, timeout_s=READY_TIMEOUT_S):
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.child.poll() is not None:
                raise AssertionError(f"{self.name} ended with {self.child.returncode} before it was ready\n{self.log()}")
            if self.is_ready():
                return
            time.sleep(0.02)
        raise AssertionError(f"{self.name} was not ready within {timeout_s} s\n{self.log()}")

    def kill(self):
        """kill -9, and wait until it is gone."""
        if self.child and self.child.poll() is None:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait(10)

    def terminate(self, timeout_s=STOP_TIMEOUT_S):
        """SIGTERM; returns the exit code after the drain."""
        if self.child is None:
            return 0
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not stop within {timeout_s} s of SIGTERM\n{self.log()}") from None

    def rss_bytes(self, field="VmRSS"):
        with open(f"/proc/{self.pid}/status") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"no {field} of {self.name}")

    def log(self, tail_bytes=4000):
        try:
            with open(self.log_path, errors="replace") as file:
                return file.read()[-tail_bytes:]
        except OSError:
            return ""


class Cluster:
    """Processes in start order. Client talks to `push_url` and `query_url`."""

    kind = ""

    def __init__(self, multitenancy=True, flags=(), folder=None):
        if not os.path.exists(BINARY):
            raise AssertionError(f"{BINARY} does not exist: run ./dev build, or set BRAZIER_BIN")
        self.own_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="brazier-e2e-")
        self.flags = [*COMMON_FLAGS, f"--multitenancy={'true' if multitenancy else 'false'}", *flags]
        self.processes = self.make_processes()

    def make_processes(self):
        raise NotImplementedError

    def __enter__(self):
        return self.start()

    def __exit__(self, *exception):
        self.stop()

    def start(self):
        try:
            for process in self.processes:
                process.start()
            for process in self.processes:
                process.wait_ready()
        except BaseException:
            for process in self.processes:
                process.kill()
            raise
        return self

    def stop(self):
        """Drains all, last started first; every one must end with 0."""
        codes = {}
        for process in reversed(self.processes):
            codes[process.name] = process.terminate()
        bad = {name: code for name, code in codes.items() if code != 0}
        if bad:
            logs = "\n".join(f"--- {p.name}\n{p.log()}" for p in self.processes if p.name in bad)
            print(f"kept: {self.folder}\n{logs}", file=sys.stderr)
            raise AssertionError(f"exit codes after SIGTERM: {bad}")
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def discard(self):
        """kill -9 and remove everything; for tests that broke the process on purpose."""
        for process in self.processes:
            process.kill()
        if self.own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)


class Monolith(Cluster):
    kind = "one process"

    def make_processes(self):
        http, thrift, zeromq, pull = free_ports(4)
        self.thrift_port, self.zeromq_port, self.pull_port = thrift, zeromq, pull
        self.push_url = self.query_url = f"http://127.0.0.1:{http}"
        self.data_dir = os.path.join(self.folder, "data")
        self.objects_dir = os.path.join(self.data_dir, "objects")
        return [Process("all", http, [
            "--target=all", f"--data-dir={self.data_dir}", f"--http.listen=127.0.0.1:{http}",
            f"--thrift.listen=127.0.0.1:{thrift}", f"--zeromq.listen=tcp://127.0.0.1:{zeromq}",
            f"--zeromq.pull-listen=tcp://127.0.0.1:{pull}", *self.flags], self.folder)]

    @property
    def process(self):
        return self.processes[0]


class SeparateProcesses(Cluster):
    """A process for each role, two segment-writers among them."""

    kind = "separate processes"

    def make_processes(self):
        ports = self.ports = iter(free_ports(30))
        metastore_thrift = next(ports)
        self.objects_dir = os.path.join(self.folder, "objects")
        processes = []

        def make(name, target, thrift_port=None, pipeline=False, extra=()):
            http = next(ports)
            flags = [f"--target={target}", f"--member.id={name}", f"--data-dir={os.path.join(self.folder, name)}",
                     f"--object-store.path={self.objects_dir}", f"--http.listen=127.0.0.1:{http}",
                     f"--metastore.address=127.0.0.1:{metastore_thrift}",
                     f"--thrift.listen={f'127.0.0.1:{thrift_port}' if thrift_port else ''}"]
            if pipeline:
                flags.append(f"--pipeline.listen=tcp://127.0.0.1:{next(ports)}")
            return Process(name, http, [*flags, *extra, *self.flags], self.folder)

        def add(*arguments, **more):
            processes.append(make(*arguments, **more))
            return processes[-1]

        self.make = make  # for tests that want more of them

        add("metastore", "metastore", thrift_port=metastore_thrift, extra=[
            f"--metastore.members=127.0.0.1:{metastore_thrift}", f"--metastore.raft-listen=tcp://127.0.0.1:{next(ports)}",
            f"--compaction.listen=tcp://127.0.0.1:{next(ports)}"])
        add("segment-writer-1", "segment-writer", pipeline=True)
        add("segment-writer-2", "segment-writer", pipeline=True)
        add("query-backend", "query-backend", pipeline=True)
        add("compaction-worker", "compaction-worker")
        self.query_thrift_port = next(ports)
        frontend = add("query-frontend", "query-frontend", thrift_port=self.query_thrift_port)
        self.thrift_port, self.zeromq_port, self.pull_port = next(ports), next(ports), next(ports)
        distributor = add("distributor", "distributor", thrift_port=self.thrift_port, extra=[
            f"--zeromq.listen=tcp://127.0.0.1:{self.zeromq_port}", f"--zeromq.pull-listen=tcp://127.0.0.1:{self.pull_port}"])
        self.push_url, self.query_url = distributor.url, frontend.url
        return processes
