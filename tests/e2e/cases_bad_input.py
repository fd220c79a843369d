"""Hostile and broken input: a clear error that names what is wrong, bounded memory, and a server that goes on."""

import gzip
import os
import socket
import time
import urllib.parse
import zlib

import pprof_reader
from cases import Cases
from client import CPU_TYPE, cpu_profile, field, request, varint

MIB = 1 << 20
# What the answers to bad input may cost at most beyond what the process used before.
GROWTH_MAX = 200 * MIB


def gzip_bomb(megabytes):
    """A gzip member that inflates to this many MiB of zeros: about a thousandth of that."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    out = b"".join(compressor.compress(bytes(MIB)) for _ in range(megabytes))
    return out + compressor.flush()


class BadInputCases(Cases):
    def setUp(self):
        super().setUp()
        self.before = {p.name: p.rss_bytes() for p in self.cluster.processes}

    def tearDown(self):
        """After each case every process lives, its memory is bounded, and good profiles still come through."""
        for process in self.cluster.processes:
            self.assertIsNone(process.child.poll(), f"{process.name} died\n{process.log()}")
            self.assertLess(process.rss_bytes() - self.before[process.name], GROWTH_MAX, process.name)
        fresh = self.new_tenant()
        fresh.push(cpu_profile({"main;alive": 3}))
        self.assertEqual(fresh.total(CPU_TYPE), 3)

    def refuse(self, data, *parts, statuses=(400, 422)):
        """Both doors refuse these bytes with a message that has one of the parts, and nothing is stored."""
        for answer in (self.client.push_series([({"__name__": "process_cpu", "service_name": "bad"}, [data])]),
                       self.client.ingest(data, name="bad", format="pprof")):
            self.assertIn(answer.status, statuses, answer)
            message = answer.error[1].lower()
            self.assertTrue(any(part in message for part in parts), f"none of {parts} in: {message}")
            self.assertLess(len(message), 2000)
        self.assertEqual(self.client.profile_types(), [])

    def profile(self):
        return pprof_reader.parse(pprof_reader.build([(("main", "a"), [5])], time_ns=time.time_ns()))

    def test_garbage_gzip(self):
        good = cpu_profile({"main;a": 5})
        self.refuse(b"\x1f\x8b\x08\x00garbage that is no deflate stream", "gzip", "deflate")
        self.refuse(good[:len(good) // 2], "gzip", "deflate", "truncated")
        damaged = bytearray(good)
        damaged[len(good) // 2] ^= 0xFF
        self.refuse(bytes(damaged), "gzip", "deflate", "crc", "pprof", "malformed")

    def test_garbage_bytes(self):
        self.refuse(b"\xff" * 100, "pprof", "malformed", "varint", "profile", "wire")
        self.refuse(b"hello, this is no profile", "pprof", "malformed", "profile", "wire", "field")

    def test_truncated_pprof(self):
        raw = pprof_reader.build([((f"main", f"function_{i}"), [i + 1]) for i in range(50)], time_ns=time.time_ns())
        refused = 0
        for cut in (len(raw) // 4, len(raw) // 2, len(raw) - 1, len(raw) - 10):
            answer = self.client.push_series([({"__name__": "process_cpu", "service_name": "cut"}, [raw[:cut]])])
            refused += answer.status == 400
            self.assertIn(answer.status, (200, 400), answer)  # a cut between two fields may still be a profile
        self.assertGreaterEqual(refused, 2)

    def test_gzip_bomb(self):
        for megabytes in (16, 512):
            self.refuse(gzip_bomb(megabytes), "size", "limit", "large", statuses=(400, 413, 422))

    def test_gzip_bomb_as_request_body(self):
        answer = self.client.push_raw(gzip_bomb(1024), "application/proto", Content_Encoding="gzip")
        self.assertIn(answer.status, (400, 413), answer)
        self.assertTrue(any(p in answer.body.decode().lower() for p in ("limit", "large", "size")), answer)

    def test_string_index_out_of_range(self):
        for change in ("function", "sample_type", "negative"):
            with self.subTest(change):
                profile = self.profile()
                if change == "function":
                    profile.function[0].name = 1_000_000
                elif change == "sample_type":
                    profile.sample_type[0].type = 99
                else:
                    profile.function[0].name = -1
                self.refuse(profile.SerializeToString(), "string")

    def test_unknown_locations_and_functions(self):
        profile = self.profile()
        profile.sample[0].location_id[0] = 77
        self.refuse(profile.SerializeToString(), "location")

    def test_wrong_number_of_values(self):
        profile = self.profile()
        profile.sample[0].value.append(1)
        self.refuse(profile.SerializeToString(), "value")

    def test_huge_ids_cost_nothing(self):
        profile = self.profile()
        for number, location in enumerate(profile.location):
            location.id = (1 << 62) + number
        for index, location in enumerate(profile.sample[0].location_id):
            profile.sample[0].location_id[index] = (1 << 62) + location - 1
        answer = self.client.push_series([({"__name__": "process_cpu", "service_name": "huge"}, [profile.SerializeToString()])])
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.client.total(CPU_TYPE), 5)

    def test_a_million_labels_on_a_series(self):
        labels = b"".join(field(1, field(1, f"l{i}") + field(2, "v")) for i in range(1_000_000))
        body = field(1, labels + field(2, field(1, cpu_profile({"main": 1}))))
        answer = self.client.push_raw(body, "application/proto")
        self.assertIn(answer.status, (400, 413), answer)
        self.assertIn("label", answer.body.decode().lower())

    def test_a_million_labels_on_a_sample(self):
        profile = self.profile()
        label = profile.sample[0].label.add(key=1, str=2).SerializeToString()
        del profile.sample[0].label[:]
        sample = profile.sample[0].SerializeToString() + (varint(3 << 3 | 2) + varint(len(label)) + label) * 400_000
        del profile.sample[:]
        self.refuse(profile.SerializeToString() + field(2, sample), "label")

    def test_label_errors_have_reasons(self):
        for labels, part in (({"": "x"}, "label"), ({"ok": "v" * 3000}, "2048"), ({"n" * 1100: "v"}, "1024"),
                             ({f"l{i}": "v" for i in range(40)}, "30")):
            answer = self.client.push_series([({"__name__": "process_cpu", "service_name": "s", **labels},
                                               [cpu_profile({"main": 1})])])
            self.assertEqual(answer.status, 400, answer)
            self.assertIn(part, answer.error[1].lower())

    def test_deep_stacks_are_cut_not_refused(self):
        path = ";".join(f"f{i}" for i in range(5000))
        self.client.push(cpu_profile({path: 9}))
        self.assertEqual(self.client.total(CPU_TYPE), 9)

    def test_body_larger_than_the_limit(self):
        """Announced only: refused before it is sent."""
        parts = urllib.parse.urlsplit(self.client.push_url)
        with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
            connection.sendall(b"POST /push.v1.PusherService/Push HTTP/1.1\r\nHost: x\r\nContent-Type: application/proto\r\n"
                               b"X-Scope-OrgID: t\r\nContent-Length: 3000000000\r\n\r\nabc")
            answer = connection.recv(4096)
        self.assertIn(b" 413 ", answer.split(b"\r\n")[0] + b" ")

    def test_half_a_request_and_slow_clients_do_not_hold_the_others(self):
        parts = urllib.parse.urlsplit(self.client.push_url)
        idle = [socket.create_connection((parts.hostname, parts.port), timeout=20) for _ in range(50)]
        try:
            for connection in idle:
                connection.sendall(b"POST /ingest?name=x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nab")
            started = time.monotonic()
            self.client.push(cpu_profile({"main": 1}))
            self.assertLess(time.monotonic() - started, 5)
        finally:
            for connection in idle:
                connection.close()

    def test_http_garbage(self):
        parts = urllib.parse.urlsplit(self.client.push_url)
        for data in (b"\x00" * 200, b"GET " + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", os.urandom(4096),
                     b"POST /ingest HTTP/1.1\r\n" + b"X-Header: y\r\n" * 20_000 + b"\r\n"):
            with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
                try:
                    connection.sendall(data)
                    connection.shutdown(socket.SHUT_WR)
                    answer = connection.recv(4096)
                    self.assertTrue(not answer or answer.startswith(b"HTTP/1.1 4"), answer[:80])
                except (ConnectionResetError, BrokenPipeError):
                    pass  # closing at once is an answer too

    def test_hostile_queries(self):
        for selector in ('{a=~"' + "(" * 500 + ")" * 500 + '"}', '{a=~"(x{1000}){1000}"}', "{" + 'a="b",' * 20_000 + "}",
                         '{a="' + "x" * 1_000_000 + '"}'):
            started = time.monotonic()
            answer = self.client.rpc("SelectMergeStacktraces", {"profileTypeID": CPU_TYPE, "labelSelector": selector,
                                                                "start": 1, "end": int(time.time() * 1000)})
            self.assertIn(answer.status, (200, 400), answer)
            self.assertLess(time.monotonic() - started, 5)

    def test_too_many_buckets(self):
        self.client.push(cpu_profile({"main": 1}))
        answer = self.client.rpc("SelectSeries", {"profileTypeID": CPU_TYPE, "labelSelector": "{}", "start": 1,
                                                  "end": int(time.time() * 1000) + 1000, "step": 0.001})
        self.assertIn(answer.status, (200, 400), answer)

    def test_deeply_nested_json(self):
        answer = request(self.client.query_url, "POST", "/querier.v1.QuerierService/LabelNames", b"[" * 200_000,
                         self.client.headers(Content_Type="application/json"))
        self.assert_error(answer, 400)

    def test_thrift_frame_of_a_gigabyte(self):
        for size in (b"\x3f\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff"):
            with socket.create_connection(("127.0.0.1", self.cluster.thrift_port), timeout=20) as connection:
                connection.sendall(size + b"\x82\x21\x01")
                connection.settimeout(20)
                try:
                    self.assertEqual(connection.recv(100), b"", "the connection must be closed")
                except ConnectionResetError:
                    pass

    def test_zeromq_message_that_is_no_msgpack(self):
        import msgpack
        import zmq
        context = zmq.Context()
        socket_ = context.socket(zmq.DEALER)
        try:
            for option, value in ((zmq.LINGER, 0), (zmq.IMMEDIATE, 1), (zmq.RCVTIMEO, 10_000), (zmq.SNDTIMEO, 10_000)):
                socket_.setsockopt(option, value)
            socket_.connect(f"tcp://127.0.0.1:{self.cluster.zeromq_port}")
            for message, reason in ((b"hello", "not_msgpack"), (b"", "not_msgpack"), (b"\xc1" * 100, "not_msgpack"),
                                    (b"\xdf\xff\xff\xff\xff", "not_msgpack"), (msgpack.packb([1, 2]), "malformed"),
                                    (msgpack.packb({"v": 9, "kind": "push"}), "unsupported_version"),
                                    (msgpack.packb({"v": 1, "kind": "dance", "id": 3}), "unknown_kind")):
                socket_.send(message)
                answer = msgpack.unpackb(socket_.recv())
                self.assertEqual((answer["kind"], answer["code"]), ("error", "invalid_argument"), answer)
                self.assertEqual(answer["reason"], reason, message[:20])
                self.assertTrue(answer["message"])
            socket_.send(msgpack.packb({"v": 1, "kind": "push", "id": 5, "tenant": self.client.tenant, "profiles": [
                {"data": b"\xff" * 50, "labels": {"__name__": "process_cpu", "service_name": "bad"}},
                {"data": cpu_profile({"main": 4}), "labels": {"__name__": "process_cpu", "service_name": "good"}}]}))
            answer = msgpack.unpackb(socket_.recv())
            self.assertEqual((answer["kind"], answer["accepted"], [r["index"] for r in answer["rejections"]]), ("ack", 1, [0]))
            self.assertEqual(self.client.total(CPU_TYPE), 4)
        finally:
            socket_.close()
            context.term()
