#!/usr/bin/env python3
"""Pushes profiles to Brazier over Thrift: a command, and a module to import.

    python3 brazier_push.py --server 127.0.0.1:4041 --service checkout --label region=eu cpu.pb.gz

    from brazier_push import Client
    with Client("127.0.0.1:4041") as client:
        receipt = client.push(open("cpu.pb.gz", "rb").read(), service="checkout", labels={"region": "eu"})

Needs Apache Thrift's Python library (Debian: python3-thrift; PyPI: thrift==0.17.0) and the code that the Thrift compiler
makes of idl/*.thrift. That code is looked for in this order: a package `brazier_idl` that can be imported already;
the folder named by --generated or BRAZIER_IDL_PYTHON; else it is generated now, into a temporary folder, which needs
the compiler (Debian: thrift-compiler) and the idl folder (--idl, default ../../idl seen from this file).

A client holds one connection and is for one thread at a time.
"""

import argparse
import atexit
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from thrift.protocol.TCompactProtocol import TCompactProtocol
from thrift.protocol.TMultiplexedProtocol import TMultiplexedProtocol
from thrift.transport.TSocket import TSocket
from thrift.transport.TTransport import TFramedTransport, TTransportException

IDL_FILES = ("types", "push", "query", "metastore", "admin")
DEFAULT_IDL = os.path.normpath(
    os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "idl"))


def generate(idl_folder, out_folder):
    """Runs the Thrift compiler over the contracts; `out_folder` then holds the package brazier_idl."""
    for name in IDL_FILES:
        subprocess.run(
            ["thrift", "-I", idl_folder, "--gen", "py", "-out", out_folder,
             os.path.join(idl_folder, name + ".thrift")],
            check=True)


def load_idl(generated=None, idl_folder=DEFAULT_IDL):
    """Makes `brazier_idl` importable and returns the modules (types, push, PushService, query, QueryService)."""
    folder = generated or os.environ.get("BRAZIER_IDL_PYTHON")
    if folder and folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        importlib.import_module("brazier_idl.push")
    except ImportError:
        made = tempfile.mkdtemp(prefix="brazier_idl_")
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        generate(idl_folder, made)
        sys.path.insert(0, made)
        importlib.invalidate_caches()
    return tuple(
        importlib.import_module("brazier_idl." + name)
        for name in ("types.ttypes", "push.ttypes", "push.PushService", "query.ttypes",
                     "query.QueryService"))


class Client:
    """One connection to a Brazier server. Methods raise brazier_idl's BrazierError for what the server refuses."""

    def __init__(self, server, tenant="", timeout_s=30.0, generated=None, idl_folder=DEFAULT_IDL):
        host, _, port = server.rpartition(":")
        if not host or not port.isdigit():
            raise ValueError("server %r is not host:port" % server)
        (self.types, self.push_types, self._push_service, self.query_types,
         self._query_service) = load_idl(generated, idl_folder)
        self.tenant = tenant
        self.timeout_s = timeout_s
        self._socket = TSocket(host.strip("[]"), int(port))
        self._transport = TFramedTransport(self._socket)
        compact = TCompactProtocol(self._transport)
        self.push_service = self._push_service.Client(TMultiplexedProtocol(compact, "PushService"))
        self.query_service = self._query_service.Client(TMultiplexedProtocol(compact, "QueryService"))

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_):
        self.close()

    def open(self):
        # A little more than the server is given, so that its own "deadline exceeded" arrives.
        self._socket.setTimeout((self.timeout_s + 1.0) * 1000)
        self._transport.open()

    def close(self):
        self._transport.close()

    def header(self, request_id=""):
        return self.types.RequestHeader(request_id=request_id, tenant=self.tenant,
                                        deadline_ms=int(self.timeout_s * 1000))

    def raw_profile(self, data, service, labels=None, profile_name="process_cpu", profile_format="pprof",
                    client_id=b""):
        """One profile of a push. `profile_name` becomes __name__: process_cpu, memory, mutex, block, ..."""
        all_labels = {"service_name": service, "__name__": profile_name}
        all_labels.update(labels or {})
        return self.push_types.RawProfile(labels=all_labels, format=profile_format, data=data,
                                          client_id=client_id)

    def push_all(self, profiles):
        """Sends profiles made by raw_profile(); returns the PushReceipt once they are durable and queryable.

        Safe to repeat after any failure: a profile that arrived already counts once.
        """
        return self.push_service.push(
            self.push_types.PushRequest(header=self.header(), profiles=profiles))

    def push(self, data, service, **keywords):
        return self.push_all([self.raw_profile(data, service, **keywords)])

    def query(self, start_ns, end_ns, reports, selectors=("{}",), profile_type=""):
        """Asks for a list of ReportRequest (see idl/query.thrift); returns the QueryResponse."""
        return self.query_service.query(self.query_types.QueryRequest(
            header=self.header(), start_ns=start_ns, end_ns=end_ns, selectors=list(selectors),
            profile_type=profile_type, reports=reports))


def parse_label(text):
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise argparse.ArgumentTypeError("%r is not name=value" % text)
    return name, value


def receipt_as_dict(receipt, error_codes):
    return {
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "segment_ids": receipt.segment_ids,
        "rejections": [
            {"index": r.index, "code": error_codes.get(r.code, str(r.code)), "reason": r.reason,
             "message": r.message, "retryable": r.retryable}
            for r in receipt.rejections],
    }


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Push profiles to Brazier over Thrift.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="profiles; all go in one push")
    parser.add_argument("--server", default="127.0.0.1:4041", help="host:port (default %(default)s)")
    parser.add_argument("--service", required=True, help="value of the label service_name")
    parser.add_argument("--label", action="append", type=parse_label, default=[],
                        metavar="NAME=VALUE", help="further label; repeatable")
    parser.add_argument("--profile-name", default="process_cpu",
                        help="the label __name__: process_cpu, memory, ... (default %(default)s)")
    parser.add_argument("--format", default="pprof", help="format of the files (default %(default)s)")
    parser.add_argument("--tenant", default="", help="needed only where multi-tenancy is on")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS")
    parser.add_argument("--generated", help="folder that holds the package brazier_idl")
    parser.add_argument("--idl", default=DEFAULT_IDL, help="folder of the .thrift files")
    options = parser.parse_args(arguments)

    client = Client(options.server, tenant=options.tenant, timeout_s=options.timeout,
                    generated=options.generated, idl_folder=options.idl)
    profiles = []
    for path in options.files:
        with open(path, "rb") as file:
            profiles.append(client.raw_profile(file.read(), options.service, labels=dict(options.label),
                                               profile_name=options.profile_name,
                                               profile_format=options.format))
    error_codes = client.types.ErrorCode._VALUES_TO_NAMES
    try:
        with client:
            receipt = client.push_all(profiles)
    except client.types.BrazierError as error:
        print("%s: %s%s" % (error_codes.get(error.code, error.code), error.message,
                            " (may be retried)" if error.retryable else ""), file=sys.stderr)
        return 1
    except (TTransportException, OSError) as error:
        print("%s: %s" % (options.server, error), file=sys.stderr)
        return 1
    print(json.dumps(receipt_as_dict(receipt, error_codes), indent=2))
    return 1 if receipt.rejections else 0


if __name__ == "__main__":
    sys.exit(main())
