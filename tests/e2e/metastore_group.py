"""Three metastore members on loopback, alone or with the roles that push and query; brazierctl, and calls to one member."""

import json
import os
import shutil
import subprocess
import sys
import time

from cluster import BINARY, ROOT, Cluster, Process, free_ports

CTL = os.path.abspath(os.environ.get("BRAZIERCTL_BIN", os.path.join(os.path.dirname(BINARY), "brazierctl")))
CTL_TIMEOUT_S = 60


class Ctl:
    """What one run of brazierctl said."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def __repr__(self):
        return f"exit code {self.code}\n{self.out}{self.err}"


def start_ctl(*arguments):
    return subprocess.Popen([CTL, "metastore", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish_ctl(child):
    try:
        out, err = child.communicate(timeout=CTL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        out, err = child.communicate()
        raise AssertionError(f"brazierctl did not end within {CTL_TIMEOUT_S} s\n{out}{err}") from None
    return Ctl(child.returncode, out, err)


class MetastoreMembers(Cluster):
    """Three metastore processes, and a fourth that is not started. `configured`: they know each other by their settings."""

    kind = "three metastore members"
    count = 4

    def __init__(self, configured=True, **more):
        self.configured = configured
        super().__init__(multitenancy=False, **more)

    def make_processes(self):
        self.ports = iter(free_ports(4 * self.count + 6))  # the last ones for other roles
        self.addresses = [f"127.0.0.1:{next(self.ports)}" for _ in range(self.count)]
        self.objects_dir = os.path.join(self.folder, "objects")
        self.members = [self.make_member(i) for i in range(self.count)]
        return self.members[:3]

    def make_member(self, i):
        flags = [f"--data-dir={self.data_dir(i)}", f"--thrift.listen={self.addresses[i]}",
                 f"--metastore.raft-listen=tcp://127.0.0.1:{next(self.ports)}",
                 f"--compaction.listen=tcp://127.0.0.1:{next(self.ports)}"]
        if self.configured:
            flags.append(f"--metastore.members={','.join(self.addresses[:3])}")
        return self.make(f"metastore-{i + 1}", "metastore", flags)

    def make(self, name, target, flags):
        http = next(self.ports)
        return Process(name, http, [f"--target={target}", f"--member.id={name}", f"--object-store.path={self.objects_dir}",
                                    f"--http.listen=127.0.0.1:{http}", *flags, *self.flags], self.folder)

    def data_dir(self, i):
        return os.path.join(self.folder, f"metastore-{i + 1}")

    def lose_disk(self, i):
        """REQUIRES: the process is dead."""
        shutil.rmtree(self.data_dir(i))

    def discard(self):
        """Also the fourth member, which may run while a test fails."""
        for process in self.members:
            process.kill()
        super().discard()

    # -- brazierctl --

    def ctl(self, *arguments):
        return finish_ctl(start_ctl(*arguments, f"--server={','.join(self.addresses[:3])}"))

    def ctl_ok(self, *arguments):
        result = self.ctl(*arguments)
        assert result.code == 0, f"metastore {' '.join(arguments)}: {result}"
        return result

    def status(self):
        """The JSON of `status`."""
        result = self.ctl("status", "--json")
        assert result.code in (0, 3), result
        return json.loads(result.out)

    def await_status(self, what, condition, timeout_s=30):
        """The first status that fulfils the condition."""
        deadline = time.monotonic() + timeout_s
        while True:
            status = self.status()
            if condition(status):
                return status
            assert time.monotonic() < deadline, f"{what}: not within {timeout_s} s\n{json.dumps(status, indent=1)}"
            time.sleep(0.1)

    def await_well(self, voters=3, timeout_s=30, also=lambda status: True):
        def is_well(status):
            return status["trouble"] == "" and roles_of(status) == ["leader"] + ["voter"] * (voters - 1) and also(status)
        return self.await_status(f"{voters} voters, all well", is_well, timeout_s)

    def leader_index(self):
        """Of the process that leads; waits until one does."""
        def leads(status):
            return [m["rpc_address"] for m in status["members"] if m["node_id"] == status["leader_id"]]
        status = self.await_status("a leader", lambda s: s["can_commit"] and s["trouble"] != "the leader does not answer"
                                   and len(leads(s)) == 1)
        return self.addresses.index(leads(status)[0])


def roles_of(status):
    return sorted(member["role"] for member in status["members"])


def members_at(status, address):
    return [member for member in status["members"] if member["rpc_address"] == address]


class SevenProcesses(MetastoreMembers):
    """The members, and one process of each other role."""

    kind = "three metastore members and four other processes"

    def make_processes(self):
        members = super().make_processes()
        metastore = f"--metastore.address={','.join(self.addresses[:3])}"
        no_thrift = "--thrift.listen="
        others = [self.make("segment-writer", "segment-writer",
                            [metastore, no_thrift, f"--pipeline.listen=tcp://127.0.0.1:{next(self.ports)}"]),
                  self.make("query-backend", "query-backend",
                            [metastore, no_thrift, f"--pipeline.listen=tcp://127.0.0.1:{next(self.ports)}"]),
                  self.make("query-frontend", "query-frontend", [metastore, no_thrift]),
                  self.make("distributor", "distributor",
                            [metastore, no_thrift, "--zeromq.listen=", "--zeromq.pull-listen="])]
        self.push_url, self.query_url = others[3].url, others[2].url
        return members + others


class MemberClient:
    """Calls to the metastore service of exactly one member, which nobody redirects."""

    def __init__(self, address):
        sys.path.append(os.path.join(ROOT, "clients", "python"))
        import brazier_push
        brazier_push.load_idl()
        from brazier_idl.metastore import MetastoreService, ttypes
        from brazier_idl.types.ttypes import RequestHeader
        from thrift.protocol.TCompactProtocol import TCompactProtocol
        from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
        from thrift.transport.TSocket import TSocket
        from thrift.transport.TTransport import TFramedTransport
        host, port = address.split(":")
        socket = TSocket(host, int(port))
        socket.setTimeout(20_000)
        self.transport = TFramedTransport(socket)
        self.transport.open()
        self.client = MetastoreService.Client(TMultiplexedProtocol(TCompactProtocol(self.transport), "MetastoreService"))
        self.types, self.make_header = ttypes, RequestHeader

    def blocks(self, tenant="anonymous"):
        """Ids of nothing, but as many entries as blocks are found: their bytes."""
        request = self.types.FindBlocksRequest(header=self.make_header(deadline_ms=10_000), tenants=[tenant],
                                               start_ns=0, end_ns=(1 << 62))
        return [block.data for block in self.client.findBlocks(request).blocks]

    def stats(self, tenant="anonymous"):
        request = self.types.TenantStatsRequest(header=self.make_header(deadline_ms=10_000), tenant=tenant)
        return self.client.tenantStats(request)

    def close(self):
        self.transport.close()
