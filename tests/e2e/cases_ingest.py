"""The doors for profiles over HTTP: formats, names, receipts, identity, read-your-write."""

import gzip
import json
import re
import time
import uuid

import pprof_reader
from cases import Cases
from client import CPU_TYPE, cpu_profile, flame_paths

ULID = r"[0-7][0-9A-HJKMNP-TV-Z]{25}"


def multipart(parts):
    """(body, content type) of {name: bytes}"""
    boundary = uuid.uuid4().hex
    body = b"".join(f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
                    "Content-Type: application/octet-stream\r\n\r\n".encode() + content + b"\r\n"
                    for name, content in parts.items())
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


class PushCases(Cases):
    def test_answer_is_an_empty_message_and_a_receipt_in_the_headers(self):
        answer = self.client.push(cpu_profile({"main;work": 5}))
        self.assertEqual(answer.json(), {})
        segments = [value for name, value in answer.headers.items() if "segment" in name]
        self.assertEqual(len(segments), 1, answer.headers)
        self.assertRegex(segments[0], f"^{ULID}(, ?{ULID})*$")

    def test_what_was_answered_can_be_read_at_once(self):
        for i in range(1, 21):
            self.client.push(cpu_profile({f"main;turn_{i}": i}), service="mine")
            self.assertEqual(self.client.total(CPU_TYPE, '{service_name="mine"}'), i * (i + 1) // 2)

    def test_several_series_and_several_samples_in_one_request(self):
        answer = self.client.push_series([
            ({"__name__": "process_cpu", "service_name": "a", "pod": "1"}, [cpu_profile({"x": 1}), cpu_profile({"y": 2})]),
            ({"__name__": "process_cpu", "service_name": "b"}, [cpu_profile({"x": 4})]),
            ({"__name__": "process_cpu", "service_name": "a", "pod": "2"}, [cpu_profile({"z": 8})])])
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.client.total(CPU_TYPE, '{service_name="a"}'), 11)
        self.assertEqual(self.client.total(CPU_TYPE, '{service_name="b"}'), 4)
        self.assertEqual(self.client.total(CPU_TYPE, '{pod="1"}'), 3)

    def test_without_service_name_it_is_unknown_service(self):
        answer = self.client.push_series([({"__name__": "process_cpu"}, [cpu_profile({"x": 3})])])
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.client.total(CPU_TYPE, '{service_name="unknown_service"}'), 3)

    def test_series_without_name_is_refused(self):
        answer = self.client.push_series([({"service_name": "x"}, [cpu_profile({"x": 3})])])
        self.assert_error(answer, 400, "__name__")

    def test_no_series_at_all_is_refused(self):
        self.assert_error(self.client.push_series([]), 400)

    def test_snake_case_json_is_understood(self):
        import base64
        body = {"series": [{"labels": [{"name": "__name__", "value": "process_cpu"}, {"name": "service_name", "value": "s"}],
                            "samples": [{"raw_profile": base64.b64encode(cpu_profile({"x": 9})).decode()}]}], "unknown": 1}
        self.assertEqual(self.client.push_raw(json.dumps(body)).status, 200)
        self.assertEqual(self.client.total(CPU_TYPE), 9)

    def test_good_profiles_beside_a_bad_one_are_stored(self):
        answer = self.client.push_series([
            ({"__name__": "process_cpu", "service_name": "good-1"}, [cpu_profile({"x": 1})]),
            ({"__name__": "process_cpu", "service_name": "bad"}, [b"\x1f\x8b not gzip"]),
            ({"__name__": "process_cpu", "service_name": "good-2"}, [cpu_profile({"x": 2})])])
        self.assertIn("gzip", (answer.body.decode() + str(answer.headers)).lower(), "the answer must say what was refused")
        self.assertEqual(self.client.total(CPU_TYPE, '{service_name="good-1"}'), 1)
        self.assertEqual(self.client.total(CPU_TYPE, '{service_name="good-2"}'), 2)

    def test_negative_and_zero_samples_are_dropped(self):
        types = (("samples", "count"), ("cpu", "nanoseconds"))
        pprof = pprof_reader.build([(("a",), [1, 10]), (("b",), [0, 0]), (("c",), [5, -1]), (("d",), [0, 7])], types=types,
                                   time_ns=time.time_ns())
        self.client.push(pprof)
        self.assertEqual(self.client.total(CPU_TYPE), 17)
        self.assertEqual(self.client.total("process_cpu:samples:count:cpu:nanoseconds"), 1)

    def test_sample_labels_make_series_of_their_own(self):
        pprof = pprof_reader.build([(("a",), [1]), (("b",), [2], {"endpoint": "/in"}), (("b",), [4], {"endpoint": "/out"}),
                                    (("b",), [8], {"span_id": "0011223344556677", "endpoint": "/in"})], time_ns=time.time_ns())
        self.client.push(pprof)
        self.assertEqual(self.client.total(CPU_TYPE), 15)
        self.assertEqual(self.client.total(CPU_TYPE, '{endpoint="/in"}'), 10)
        self.assertEqual(self.client.total(CPU_TYPE, '{endpoint=""}'), 1)
        values = self.client.query("LabelValues", {"name": "endpoint", "start": 1, "end": int(time.time() * 1000) + 1000})
        self.assertEqual(values["names"], ["/in", "/out"])


class IdentityCases(Cases):
    def test_the_same_bytes_again_count_once(self):
        pprof = cpu_profile({"main;once": 7})
        for _ in range(5):
            self.client.push(pprof)
        self.assertEqual(self.client.total(CPU_TYPE), 7)
        now = int(time.time() * 1000)
        points = self.client.time_series(CPU_TYPE, now - 60_000, now + 60_000, 10)
        self.assertEqual(sum(v for series in points.values() for _, v in series), 7)

    def test_the_same_bytes_twice_in_one_request_count_once(self):
        pprof = cpu_profile({"main;once": 7})
        labels = {"__name__": "process_cpu", "service_name": "s"}
        self.assertEqual(self.client.push_series([(labels, [pprof, pprof]), (labels, [pprof])]).status, 200)
        self.assertEqual(self.client.total(CPU_TYPE), 7)

    def test_different_profiles_of_one_instant_both_count(self):
        now = time.time_ns()
        self.client.push(cpu_profile({"main;a": 7}, time_ns=now))
        self.client.push(cpu_profile({"main;b": 5}, time_ns=now))
        self.client.push(cpu_profile({"main;a": 8}, time_ns=now))
        self.assertEqual(self.client.total(CPU_TYPE), 20)

    def test_the_same_bytes_under_other_labels_both_count(self):
        pprof = cpu_profile({"main;a": 7})
        self.client.push(pprof, pod="1")
        self.client.push(pprof, pod="2")
        self.assertEqual(self.client.total(CPU_TYPE), 14)

    def test_a_client_id_sent_again_counts_once(self):
        identifier = str(uuid.uuid4())
        pprof = cpu_profile({"main;a": 7})
        self.client.push(pprof, identifier=identifier)
        self.client.push(pprof, identifier=identifier)
        self.assertEqual(self.client.total(CPU_TYPE), 7)
        self.client.push(pprof, identifier=str(uuid.uuid4()))
        self.assertEqual(self.client.total(CPU_TYPE), 14)

    def test_one_tenant_does_not_hide_anothers_profile(self):
        other, pprof = self.new_tenant(), cpu_profile({"main;a": 7})
        self.client.push(pprof)
        other.push(pprof)
        self.assertEqual((self.client.total(CPU_TYPE), other.total(CPU_TYPE)), (7, 7))

    def test_ingest_sent_again_counts_once(self):
        now = int(time.time())
        for _ in range(3):
            answer = self.client.ingest("main;a 4\n", name="text.cpu", format="folded", sampleRate=100, **{"from": now})
            self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.client.total(CPU_TYPE), 4 * 10_000_000)


class IngestCases(Cases):
    def paths(self, profile_type=CPU_TYPE, selector="{}"):
        return flame_paths(self.client.flame_graph(profile_type, selector))

    def test_folded(self):
        text = "main;serve;query 7\nmain;serve 3\n\nmain;with space;x 1\n"
        answer = self.client.ingest(text, name="folded.cpu{env=test,zone=z1}", format="folded", sampleRate=100)
        self.assertEqual((answer.status, answer.body), (200, b""), answer)
        self.assertEqual(self.paths(selector='{service_name="folded",env="test",zone="z1"}'), {
            ("main", "serve", "query"): 70_000_000, ("main", "serve"): 30_000_000, ("main", "with space", "x"): 10_000_000})

    def test_groups_is_what_unknown_formats_mean(self):
        self.assertEqual(self.client.ingest("a;b 1\n", name="g", format="groups").status, 200)
        self.assertEqual(self.client.ingest("a;c 2\n", name="g").status, 200)
        self.assertEqual(self.paths(), {("a", "b"): 10_000_000, ("a", "c"): 20_000_000})

    def test_lines(self):
        self.assertEqual(self.client.ingest("a;b\na;c\na;b\n", name="l.cpu", format="lines", sampleRate=1000).status, 200)
        self.assertEqual(self.paths(), {("a", "b"): 2_000_000, ("a", "c"): 1_000_000})

    def test_the_last_part_of_the_name_is_the_profile_type(self):
        for suffix, profile_type, factor in (("wall", "wall:wall:nanoseconds:cpu:nanoseconds", 10_000_000),
                                             ("inuse_space", "memory:inuse_space:bytes::", 1),
                                             ("alloc_objects", "memory:alloc_objects:count::", 1),
                                             ("goroutines", "goroutine:goroutines:count::", 1),
                                             ("mutex_count", "mutex:contentions:count::", 1),
                                             ("block_duration", "block:delay:nanoseconds::", 1)):
            with self.subTest(suffix):
                self.assertEqual(self.client.ingest("a;b 3\n", name=f"app.x.{suffix}", format="folded").status, 200)
                self.assertEqual(self.client.total(profile_type, '{service_name="app.x"}'), 3 * factor)

    def test_service_name_tag_wins_over_the_application(self):
        self.assertEqual(self.client.ingest("a 1\n", name="app.cpu{service_name=svc}", format="folded").status, 200)
        self.assertEqual(self.client.total(CPU_TYPE, '{service_name="svc",app_name="app"}'), 10_000_000)

    def test_spy_name_is_a_label_and_private_tags_are_dropped(self):
        self.assertEqual(self.client.ingest("a 1\n", name="app.cpu{__secret__=1,ok=2}", format="folded",
                                            spyName="pyspy").status, 200)
        labels, = self.client.series('{service_name="app"}')
        self.assertEqual(labels.get("pyroscope_spy"), "pyspy")
        self.assertEqual(labels.get("ok"), "2")
        self.assertNotIn("__secret__", labels)

    def test_the_alias_under_pyroscope(self):
        self.assertEqual(self.client.ingest("a 1\n", path="/pyroscope/ingest", name="app.cpu", format="folded").status, 200)
        self.assertEqual(self.client.total(CPU_TYPE), 10_000_000)

    def test_from_is_the_time_of_text_profiles(self):
        self.assertEqual(self.client.ingest("a 1\n", name="app.cpu", format="folded", **{"from": 1_700_000_000}).status, 200)
        self.assertEqual(self.client.total(CPU_TYPE, start=1_700_000_000_000, end=1_700_000_000_000), 10_000_000)
        self.assertEqual(self.client.total(CPU_TYPE, start=1_700_000_000_001), 0)

    def test_multipart_pprof_with_sample_type_config(self):
        types = (("samples", "count"), ("cpu", "nanoseconds"))
        pprof = pprof_reader.build([(("a", "b"), [1, 10]), (("a",), [2, 20])], types=types, time_ns=time.time_ns())
        config = {"samples": {"units": "samples", "display-name": "samples"}, "cpu": {"units": "nanoseconds"}}
        for number, content in enumerate((pprof, gzip.compress(pprof))):
            body, content_type = multipart({"profile": content, "sample_type_config": json.dumps(config).encode()})
            answer = self.client.ingest(body, {"Content-Type": content_type}, name=f"multi-{number}{{k=v}}")
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(self.client.total(CPU_TYPE, f'{{service_name="multi-{number}",k="v"}}'), 30)

    def test_pprof_metric_names(self):
        for kind, unit, metric in (("inuse_space", "bytes", "memory"), ("contentions", "count", "mutex"),
                                   ("goroutine", "count", "goroutines"), ("wall", "nanoseconds", "wall")):
            with self.subTest(kind):
                pprof = pprof_reader.build([(("a",), [6])], types=((kind, unit),), period=None, time_ns=time.time_ns())
                self.assertEqual(self.client.ingest(pprof, name="metric", format="pprof").status, 200)
                self.assertEqual(self.client.total(f"{metric}:{kind}:{unit}::"), 6)

    def test_script_languages_get_file_names(self):
        pprof = pprof_reader.build([(("outer", "inner"), [6])], time_ns=time.time_ns())
        self.assertEqual(self.client.ingest(pprof, name="py", format="pprof", spyName="pyspy").status, 200)
        self.assertEqual(self.paths(), {("main.go outer", "main.go inner"): 6})

    def test_name_errors(self):
        self.assert_error(self.client.ingest("a 1\n", format="folded"), 400, "name", "required")
        self.assert_error(self.client.ingest("a 1\n", name="a b", format="folded"), 400, "name", "not allowed")
        self.assert_error(self.client.ingest("a 1\n", name="a{bad-label=1}", format="folded"), 400, "bad-label", "not allowed")
        self.assert_error(self.client.ingest("a 1\n", name="a{__name__=1}", format="folded"), 400, "__name__")
        self.assert_error(self.client.ingest("a 1\n", name="a.xyz", format="folded"), 400, "unknown profile type", "xyz")
        self.assertEqual(self.client.profile_types(), [])

    def test_a_missing_brace_is_tolerated(self):
        self.assertEqual(self.client.ingest("a 1\n", name="app.cpu{k=v", format="folded").status, 200)
        self.assertEqual(self.client.total(CPU_TYPE, '{k="v"}'), 10_000_000)

    def test_bodies_that_do_not_parse(self):
        self.assert_error(self.client.ingest(b"\x1f\x8b\x08broken", name="x", format="pprof"), 422, "gzip")
        self.assert_error(self.client.ingest(b"\xff" * 40, name="x", format="pprof"), 422)
        self.assert_error(self.client.ingest("main;a x\n", name="x", format="folded"), 422)

    def test_get_is_not_allowed(self):
        from client import request
        answer = request(self.client.push_url, "GET", "/ingest?name=x", headers=self.client.headers())
        self.assertEqual(answer.status, 405)

    def test_answers_name_the_segment(self):
        answer = self.client.ingest("a 1\n", name="x", format="folded")
        segments = [value for name, value in answer.headers.items() if "segment" in name]
        self.assertTrue(segments and re.fullmatch(ULID, segments[0]), answer.headers)
