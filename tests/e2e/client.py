"""A plain HTTP client of the compatible API, and readers of its answers. Independent of the server's code."""

import base64
import gzip
import http.client
import json
import time
import urllib.parse

import pprof_reader

TIMEOUT_S = 30
LONG_AGO_MS = 1
MINUTE_MS = 60_000


def far_future_ms():
    return int(time.time() * 1000) + 60 * MINUTE_MS


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def error(self):
        """(code, message) of a Connect error."""
        document = self.json()
        return document.get("code"), document.get("message", "")

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"


def request(url, method, path, body=None, headers=None, timeout_s=TIMEOUT_S):
    """One request on a connection of its own."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout_s)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        connection.close()


# ---- protobuf by hand: the few messages the tests send and read in binary form -----------------------------------

def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, content):
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    if isinstance(content, str):
        content = content.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def fields(message):
    """[(number, value)]: ints of varint fields, bytes of length-delimited ones, floats' 8 bytes as they are."""
    found, at = [], 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(message):
        tag = read_varint()
        kind = tag & 7
        if kind == 0:
            found.append((tag >> 3, read_varint()))
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            found.append((tag >> 3, message[at:at + size]))
            at += size
        elif kind == 2:
            size = read_varint()
            if at + size > len(message):
                raise ValueError("length beyond the end")
            found.append((tag >> 3, message[at:at + size]))
            at += size
        else:
            raise ValueError(f"wire type {kind}")
    return found


def push_message(series):
    """push.v1.PushRequest of [(labels dict, [(pprof bytes, id)])]"""
    out = b""
    for labels, samples in series:
        content = b"".join(field(1, field(1, name) + field(2, value)) for name, value in labels.items())
        for pprof, identifier in samples:
            content += field(2, field(1, pprof) + (field(2, identifier) if identifier else b""))
        out += field(1, content)
    return out


def packed(content):
    values, value, shift = [], 0, 0
    for byte in content:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            values.append(value)
            value = shift = 0
    return values


def flame_graph_from_proto(message):
    """The JSON form of a SelectMergeStacktracesResponse in binary form (flame graph only)."""
    (_, graph), = [f for f in fields(message) if f[0] == 1]
    result = {"names": [], "levels": [], "total": 0, "maxSelf": 0}
    for number, value in fields(graph):
        if number == 1:
            result["names"].append(value.decode())
        elif number == 2:
            levels = fields(value)
            result["levels"].append({"values": packed(levels[0][1]) if levels else []})
        elif number == 3:
            result["total"] = value
        elif number == 4:
            result["maxSelf"] = value
    return result


# ---- flame graphs ------------------------------------------------------------------------------------------------

def flame_paths(graph):
    """{(names, root first, without the virtual root): self} of a flame graph answer; nodes without self left out.
    Checks the invariants of the encoding on the way."""
    names = graph.get("names", [])
    paths, previous = {}, []  # previous: [(begin, end, path, children's end)]
    for depth, level in enumerate(graph.get("levels", [])):
        values = [int(v) for v in level["values"]]
        assert len(values) % 4 == 0, f"level {depth} has {len(values)} numbers"
        x, row, parent_index = 0, [], 0
        for i in range(0, len(values), 4):
            delta, total, self_value, name = values[i:i + 4]
            assert delta >= 0 and total >= self_value >= 0, f"level {depth}: {values[i:i + 4]}"
            begin, end = x + delta, x + delta + total
            x = end
            if depth == 0:
                path = ()
            else:
                while parent_index < len(previous) and previous[parent_index][1] <= begin:
                    parent_index += 1
                assert parent_index < len(previous), f"level {depth}: node without parent at {begin}"
                parent = previous[parent_index]
                assert parent[0] <= begin and end <= parent[1], f"level {depth}: node sticks out of its parent"
                path = parent[2] + (names[name],)
            row.append((begin, end, path))
            if self_value:
                paths[path] = paths.get(path, 0) + self_value
        previous = row
    assert sum(paths.values()) == int(graph.get("total", 0)), "sum of selves differs from the total"
    return paths


# ---- the client --------------------------------------------------------------------------------------------------

class Client:
    """Speaks for one tenant (None: without the header)."""

    def __init__(self, cluster, tenant=None):
        self.push_url, self.query_url, self.tenant = cluster.push_url, cluster.query_url, tenant

    def headers(self, **more):
        headers = {"X-Scope-OrgID": self.tenant} if self.tenant is not None else {}
        headers.update({name.replace("_", "-"): value for name, value in more.items()})
        return headers

    # -- push --

    def push_raw(self, body, content_type="application/json", **headers):
        return request(self.push_url, "POST", "/push.v1.PusherService/Push", body,
                       self.headers(Content_Type=content_type, **headers))

    def push_series(self, series):
        """JSON push of [(labels dict, [pprof bytes or (pprof bytes, id)])]"""
        document = {"series": []}
        for labels, samples in series:
            entries = []
            for sample in samples:
                pprof, identifier = sample if isinstance(sample, tuple) else (sample, "")
                entry = {"rawProfile": base64.b64encode(pprof).decode()}
                if identifier:
                    entry["ID"] = identifier
                entries.append(entry)
            document["series"].append({"labels": [{"name": n, "value": v} for n, v in labels.items()], "samples": entries})
        return self.push_raw(json.dumps(document))

    def push(self, pprof, service="svc", name="process_cpu", identifier="", **labels):
        """One profile; the answer must be 200."""
        answer = self.push_series([({"__name__": name, "service_name": service, **labels}, [(pprof, identifier)])])
        assert answer.status == 200, f"push: {answer}"
        return answer

    def push_proto(self, series, compress=False):
        body = push_message(series)
        headers = {}
        if compress:
            body, headers = gzip.compress(body), {"Content_Encoding": "gzip"}
        return self.push_raw(body, "application/proto", **headers)

    def ingest(self, body, headers=None, path="/ingest", **parameters):
        query = urllib.parse.urlencode(parameters)
        return request(self.push_url, "POST", f"{path}?{query}", body, {**self.headers(), **(headers or {})})

    # -- query --

    def rpc(self, method, document=None, **headers):
        return request(self.query_url, "POST", f"/querier.v1.QuerierService/{method}", json.dumps(document or {}),
                       self.headers(Content_Type="application/json", **headers))

    def query(self, method, document=None, **headers):
        answer = self.rpc(method, document, **headers)
        assert answer.status == 200, f"{method} {document}: {answer}"
        return answer.json()

    def profile_types(self, start=LONG_AGO_MS, end=None):
        answer = self.query("ProfileTypes", {"start": start, "end": end or far_future_ms()})
        return [t["ID"] for t in answer.get("profileTypes", [])]

    def flame_graph(self, profile_type, selector="{}", start=LONG_AGO_MS, end=None, **more):
        return self.query("SelectMergeStacktraces", {
            "profileTypeID": profile_type, "labelSelector": selector, "start": start, "end": end or far_future_ms(),
            **more})["flamegraph"]

    def total(self, profile_type, selector="{}", **more):
        return int(self.flame_graph(profile_type, selector, **more).get("total", 0))

    def merged_pprof(self, profile_type, selector="{}", start=LONG_AGO_MS, end=None):
        """SelectMergeProfile in binary form, which is a pprof file. The bytes."""
        body = field(1, profile_type) + field(2, selector) + field(3, start) + field(4, end or far_future_ms())
        answer = request(self.query_url, "POST", "/querier.v1.QuerierService/SelectMergeProfile", body,
                         self.headers(Content_Type="application/proto"))
        assert answer.status == 200, f"SelectMergeProfile: {answer}"
        return answer.body

    def series(self, *matchers, label_names=()):
        answer = self.query("Series", {"matchers": list(matchers), "labelNames": list(label_names),
                                       "start": LONG_AGO_MS, "end": far_future_ms()})
        return [{p["name"]: p["value"] for p in s["labels"]} for s in answer.get("labelsSet", [])]

    def time_series(self, profile_type, start, end, step, selector="{}", **more):
        """{labels as sorted tuple of pairs: [(timestamp ms, value)]} in the order of the answer."""
        answer = self.query("SelectSeries", {"profileTypeID": profile_type, "labelSelector": selector, "start": start,
                                             "end": end, "step": step, **more})
        return {tuple(sorted((p["name"], p["value"]) for p in s.get("labels", []))):
                [(int(p["timestamp"]), p.get("value", 0)) for p in s["points"]] for s in answer.get("series", [])}


CPU_TYPE = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"


def cpu_profile(stacks, time_ns=None, **more):
    """gzip'd pprof with one CPU sample type of {path "a;b": value} at this time (default now)."""
    samples = [(tuple(path.split(";")), [value]) for path, value in stacks.items()]
    return gzip.compress(pprof_reader.build(samples, time_ns=time.time_ns() if time_ns is None else time_ns, **more))
