"""Queries over HTTP: selectors, time series grid, labels, series, diff, statistics, truncation, errors."""

import gzip
import json
import time

import pprof_reader
from cases import Cases
from client import CPU_TYPE, Client, cpu_profile, far_future_ms, field, flame_graph_from_proto, flame_paths, request

T0_MS = 1_700_000_000_000  # the instant that the grids of these tests start at


def at(ms, value, name="f"):
    return cpu_profile({f"main;{name}": value}, time_ns=(T0_MS + ms) * 1_000_000)


class SelectorCases(Cases):
    def setUp(self):
        super().setUp()
        for service, labels, value in (("a", {"env": "prod", "region": "eu-1"}, 1), ("a", {"env": "dev"}, 2),
                                       ("b", {"env": "prod", "k8s.pod.name": "p0"}, 4), ("b", {"odd": 'q"uo\\te'}, 8)):
            self.client.push(cpu_profile({"main;f": value}), service=service, **labels)

    def test_semantics(self):
        for selector, expected in (
                ("{}", 15), ('{service_name="a"}', 3), ('{service_name!="a"}', 12), ('{env=~"pro.*"}', 5),
                ('{env=~"pro"}', 0), ('{env!~"pro.*"}', 10), ('{nope=""}', 15), ('{nope=~".*"}', 15), ('{nope!=""}', 0),
                ('{nope=~".+"}', 0), ('{env=""}', 8), ('{env=~"|dev"}', 10), ('{env!=""}', 7), ('{region=""}', 14),
                ('{service_name="a", env="prod",}', 1), ('{service_name="a",service_name="b"}', 0),
                ('process_cpu{env="dev"}', 2), ("process_cpu", 15), ("memory{}", 0), ("{env='dev'}", 2), ("{env=`dev`}", 2),
                ('{"k8s.pod.name"="p0"}', 4), ('{odd="q\\"uo\\\\te"}', 8), ('{env="PROD"}', 0), ('{env=~"(?i)PROD"}', 5)):
            with self.subTest(selector):
                self.assertEqual(self.client.total(CPU_TYPE, selector), expected)

    def test_errors(self):
        for selector in ("", "{", "{a}", '{a="b"', '{a=="b"}', '{a=~"("}', '{a="b"} x', '{1a="b"}', "{a=b}"):
            with self.subTest(selector):
                answer = self.client.rpc("SelectMergeStacktraces", {
                    "profileTypeID": CPU_TYPE, "labelSelector": selector, "start": 1, "end": far_future_ms()})
                self.assert_error(answer, 400, "pars")

    def test_profile_type_errors(self):
        for identifier in ("", "bad", "a:b:c", "a:b:c:d:e:f:g", "process_cpu:cpu:nanoseconds:cpu:nanoseconds:gamma"):
            with self.subTest(identifier):
                answer = self.client.rpc("SelectMergeStacktraces", {
                    "profileTypeID": identifier, "labelSelector": "{}", "start": 1, "end": far_future_ms()})
                self.assert_error(answer, 400, "profile")
        self.assertEqual(self.client.total(CPU_TYPE + ":delta"), 15)


class TimeRangeCases(Cases):
    def test_both_ends_are_inclusive(self):
        self.client.push(at(5_000, 3))
        for start, end, expected in ((5_000, 5_000, 3), (4_999, 5_000, 3), (5_000, 5_001, 3), (5_001, 9_000, 0), (0, 4_999, 0)):
            with self.subTest(start=start, end=end):
                self.assertEqual(self.client.total(CPU_TYPE, start=T0_MS + start, end=T0_MS + end), expected)

    def test_missing_and_inverted_ranges(self):
        for method, extra in (("SelectMergeStacktraces", {"profileTypeID": CPU_TYPE, "labelSelector": "{}"}),
                              ("LabelNames", {}), ("Series", {}), ("LabelValues", {"name": "pod"}),
                              ("SelectSeries", {"profileTypeID": CPU_TYPE, "labelSelector": "{}", "step": 1})):
            with self.subTest(method):
                self.assert_error(self.client.rpc(method, extra), 400, "missing time range")
                self.assert_error(self.client.rpc(method, {**extra, "start": 5, "end": 4}), 400, "start time is after end time")

    def test_profile_types_without_a_range_means_the_last_hour(self):
        self.client.push(cpu_profile({"a": 1}))
        self.assertEqual([t["ID"] for t in self.client.query("ProfileTypes", {})["profileTypes"]], [CPU_TYPE])


class TimeSeriesCases(Cases):
    """The grid of the reference: a profile belongs to the smallest grid point at or after it."""

    def values(self, start, end, step, **more):
        series = self.client.time_series(CPU_TYPE, T0_MS + start * 1000, T0_MS + end * 1000, step, **more)
        return {labels: [((t - T0_MS) / 1000, v) for t, v in points] for labels, points in series.items()}

    def push_row(self):
        for seconds, value in ((0, 1), (10, 11), (15, 16), (20, 21), (25, 26), (30, 31)):
            self.client.push(at(seconds * 1000, value))

    def test_the_documented_grids(self):
        self.push_row()
        self.assertEqual(self.values(0, 30, 10), {(): [(0, 1), (10, 11), (20, 37), (30, 57)]})
        self.assertEqual(self.values(5, 30, 10), {(): [(5, 1), (15, 27), (25, 47)]})
        self.assertEqual(self.values(1, 30, 15), {(): [(1, 1), (16, 27)]})

    def test_empty_buckets_are_left_out(self):
        self.push_row()
        self.assertEqual(self.values(0, 9, 3), {(): [(0, 1)]})

    def test_fractional_steps(self):
        self.push_row()
        self.assertEqual(self.values(14, 16, 0.5), {(): [(15, 16)]})

    def test_group_by_order_and_limit(self):
        for pod, value in (("p1", 10), ("p2", 30), ("p3", 20)):
            self.client.push(at(0, value), pod=pod)
            self.client.push(at(1000, value, "g"), pod=pod)
        self.client.push(at(0, 5, "h"))
        def pod(name):
            return (("pod", name),)
        series = self.values(0, 10, 10, groupBy=["pod"])
        self.assertEqual(list(series), [pod("p2"), pod("p3"), pod("p1"), ()], "by total, descending")
        self.assertEqual(series[pod("p2")], [(0, 30), (10, 30)])
        self.assertEqual(list(self.values(0, 10, 10, groupBy=["pod"], limit=2)), [pod("p2"), pod("p3")])
        self.assertEqual(self.values(0, 10, 10), {(): [(0, 65), (10, 60)]})
        self.assertEqual(self.values(0, 10, 10, groupBy=["pod", "service_name"])[(("pod", "p1"), ("service_name", "svc"))],
                         [(0, 10), (10, 10)])

    def test_step_must_be_a_millisecond_at_least(self):
        for step in (0, 0.0005, -1):
            answer = self.client.rpc("SelectSeries", {"profileTypeID": CPU_TYPE, "labelSelector": "{}", "start": T0_MS,
                                                      "end": T0_MS + 1000, "step": step})
            self.assert_error(answer, 400, "step must be >= 1ms")

    def test_nothing_is_an_empty_object(self):
        self.assertEqual(self.client.query("SelectSeries", {"profileTypeID": CPU_TYPE, "labelSelector": "{}", "start": T0_MS,
                                                            "end": T0_MS + 1000, "step": 1}), {})


class LabelCases(Cases):
    def setUp(self):
        super().setUp()
        self.client.push(cpu_profile({"main": 1}), service="a", pod="p0", namespace="n")
        self.client.push(cpu_profile({"main": 2}), service="b", pod="p1")
        memory = pprof_reader.build([(("main",), [3, 4])], types=(("alloc_space", "bytes"), ("inuse_space", "bytes")), period=None,
                                    time_ns=time.time_ns())
        self.client.push(memory, service="b", name="memory", pod="p2")

    def test_profile_types(self):
        answer = self.client.query("ProfileTypes", {"start": 1, "end": far_future_ms()})
        self.assertEqual(answer["profileTypes"], [
            {"ID": "memory:alloc_space:bytes::", "name": "memory", "sampleType": "alloc_space", "sampleUnit": "bytes"},
            {"ID": "memory:inuse_space:bytes::", "name": "memory", "sampleType": "inuse_space", "sampleUnit": "bytes"},
            {"ID": CPU_TYPE, "name": "process_cpu", "sampleType": "cpu", "sampleUnit": "nanoseconds", "periodType": "cpu",
             "periodUnit": "nanoseconds"}])

    def names(self, *matchers):
        return self.client.query("LabelNames", {"matchers": list(matchers), "start": 1, "end": far_future_ms()}).get("names", [])

    def values(self, name, *matchers):
        return self.client.query("LabelValues", {"name": name, "matchers": list(matchers), "start": 1,
                                                 "end": far_future_ms()}).get("names", [])

    def test_label_names(self):
        self.assertEqual(self.names(), ["__name__", "__period_type__", "__period_unit__", "__profile_type__",
                                        "__service_name__", "__type__", "__unit__", "namespace", "pod", "service_name"])
        self.assertNotIn("namespace", self.names('{service_name="b"}'))
        self.assertEqual(self.names('{service_name="nobody"}'), [])

    def test_label_values(self):
        self.assertEqual(self.values("pod"), ["p0", "p1", "p2"])
        self.assertEqual(self.values("pod", '{service_name="b"}'), ["p1", "p2"])
        self.assertEqual(self.values("pod", '{service_name="b"}', '{__name__="memory"}'), ["p2"])
        self.assertEqual(self.values("service_name"), ["a", "b"])
        self.assertEqual(self.values("nope"), [])
        self.assert_error(self.client.rpc("LabelValues", {"start": 1, "end": far_future_ms()}), 400, "name is required")
        self.assert_error(self.client.rpc("LabelValues", {"name": "pod", "matchers": ["{a==}"], "start": 1,
                                                          "end": far_future_ms()}), 400, "pars")

    def test_series(self):
        self.assertEqual(self.client.series(label_names=["service_name", "__profile_type__"]), [
            {"__profile_type__": "memory:alloc_space:bytes::", "service_name": "b"},
            {"__profile_type__": "memory:inuse_space:bytes::", "service_name": "b"},
            {"__profile_type__": CPU_TYPE, "service_name": "a"},
            {"__profile_type__": CPU_TYPE, "service_name": "b"}])
        self.assertEqual(self.client.series('{service_name="a"}', label_names=["pod"]), [{"pod": "p0"}])
        self.assertEqual(self.client.series(label_names=["nope"]), [])
        full, = self.client.series('{pod="p0"}')
        self.assertEqual(full["namespace"], "n")
        self.assertEqual(full["__profile_type__"], CPU_TYPE)

    def test_unusual_label_names_need_the_accept_parameter(self):
        self.client.push(cpu_profile({"main": 5}), service="utf", **{"k8s.pod": "x"})
        self.assertNotIn("k8s.pod", self.names())
        answer = self.client.query("LabelNames", {"start": 1, "end": far_future_ms()},
                                   Accept="application/json; allow-utf8-labelnames=true")
        self.assertIn("k8s.pod", answer["names"])


class FlameGraphCases(Cases):
    def test_the_documented_encoding(self):
        self.client.push(cpu_profile({"main;foo": 260_000_000, "main;foo;bar": 950_000_000, "main;baz": 130_000_000}))
        self.assertEqual(self.client.flame_graph(CPU_TYPE), {
            "names": ["total", "main", "foo", "bar", "baz"],
            "levels": [{"values": ["0", "1340000000", "0", "0"]}, {"values": ["0", "1340000000", "0", "1"]},
                       {"values": ["0", "130000000", "130000000", "4", "0", "1210000000", "260000000", "2"]},
                       {"values": ["390000000", "950000000", "950000000", "3"]}],
            "total": "1340000000", "maxSelf": "950000000"})

    def test_nothing(self):
        self.assertEqual(self.client.flame_graph(CPU_TYPE),
                         {"names": ["total"], "levels": [{"values": ["0", "0", "0", "0"]}]})

    def test_binary_and_json_answers_are_equal(self):
        self.client.push(cpu_profile({"main;foo": 26, "main;foo;bar": 95, "main;baz": 13, "x": 1}))
        end = far_future_ms()
        graph = self.client.flame_graph(CPU_TYPE, end=end)
        body = field(1, CPU_TYPE) + field(2, "{}") + field(3, 1) + field(4, end)
        answer = request(self.client.query_url, "POST", "/querier.v1.QuerierService/SelectMergeStacktraces", body,
                         self.client.headers(Content_Type="application/proto"))
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.headers.get("content-type"), "application/proto")
        binary = flame_graph_from_proto(answer.body)
        self.assertEqual(flame_paths(binary), flame_paths(graph))
        self.assertEqual(binary["names"], graph["names"])
        self.assertEqual([l["values"] for l in binary["levels"]], [[int(v) for v in l["values"]] for l in graph["levels"]])
        self.assertEqual((binary["total"], binary["maxSelf"]), (int(graph["total"]), int(graph["maxSelf"])))

    def test_merging_many_profiles_of_many_services(self):
        expected = {}
        for i in range(30):
            stacks = {f"main;f{i % 7};g{j}": i + j + 1 for j in range(5)}
            for path, value in stacks.items():
                key = tuple(path.split(";"))
                expected[key] = expected.get(key, 0) + value
            self.client.push(cpu_profile(stacks), service=f"s{i % 4}")
        self.assertEqual(flame_paths(self.client.flame_graph(CPU_TYPE)), expected)
        merged = pprof_reader.parse(self.client.merged_pprof(CPU_TYPE))
        self.assertEqual(pprof_reader.stacks(merged), expected)

    def test_truncation_keeps_the_heaviest_and_the_sum(self):
        stacks = {**{f"r;a;f{i}": i for i in range(1, 6)}, **{f"r;b;g{i}": 10 * i for i in range(1, 6)}}
        self.client.push(cpu_profile(stacks))
        for max_nodes in (1, 2, 3, 4, 5, 7, 100):
            with self.subTest(max_nodes=max_nodes):
                paths = flame_paths(self.client.flame_graph(CPU_TYPE, maxNodes=max_nodes))
                self.assertEqual(sum(paths.values()), 165)
                kept = {p: v for p, v in paths.items() if "other" not in p}
                self.assertEqual({p: stacks.get(";".join(p)) for p in kept}, kept, "kept leaves have their exact values")
                if max_nodes == 5:
                    self.assertEqual(kept, {("r", "b", "g5"): 50, ("r", "b", "g4"): 40, ("r", "b", "g3"): 30})
                if max_nodes == 100:
                    self.assertEqual(len(kept), 10)

    def test_max_nodes_limits(self):
        for max_nodes in (2_000_000, -1):
            answer = self.client.rpc("SelectMergeStacktraces", {"profileTypeID": CPU_TYPE, "labelSelector": "{}", "start": 1,
                                                                "end": far_future_ms(), "maxNodes": max_nodes})
            self.assert_error(answer, 400, "flamegraph nodes limit", "1048576")

    def test_call_site(self):
        self.client.push(cpu_profile({"main;a;x": 1, "main;b;x": 2, "main;b;y;z": 4, "other": 8}))
        paths = flame_paths(self.client.flame_graph(
            CPU_TYPE, stackTraceSelector={"callSite": [{"name": "main"}, {"name": "b"}]}))
        self.assertEqual(paths, {("main", "b", "x"): 2, ("main", "b", "y", "z"): 4})

    def test_merged_pprof_as_json(self):
        self.client.push(cpu_profile({"main;a": 3}))
        answer = self.client.query("SelectMergeProfile", {"profileTypeID": CPU_TYPE, "labelSelector": "{}", "start": 1,
                                                          "end": far_future_ms()})
        strings = answer["stringTable"]
        self.assertEqual([strings[int(answer["sampleType"][0][k])] for k in ("type", "unit")], ["cpu", "nanoseconds"])
        self.assertEqual([s["value"] for s in answer["sample"]], [["3"]])
        self.assertEqual(sorted(strings[int(f["name"])] for f in answer["function"]), ["a", "main"])

    def test_merged_pprof_of_nothing(self):
        self.assertEqual(self.client.query("SelectMergeProfile", {"profileTypeID": CPU_TYPE, "labelSelector": "{}", "start": 1,
                                                                  "end": far_future_ms()}), {})


class SampleCases(Cases):
    """Spans, traces, single profiles, heatmaps, call graphs."""
    SPAN, OTHER_SPAN, TRACE = "0001020304050607", "1011121314151617", "000102030405060708090a0b0c0d0e0f"

    def setUp(self):
        super().setUp()
        spanned = [(("main", "a"), [3], {"span_id": self.SPAN, "trace_id": self.TRACE}), (("main", "b"), [5], {"span_id": self.OTHER_SPAN}),
                   (("main", "c"), [7])]
        for ms, samples in ((5_000, spanned), (15_000, [(("main", "a"), [11])])):
            self.client.push(gzip.compress(pprof_reader.build(samples, time_ns=(T0_MS + ms) * 1_000_000)), service="spans", pod="p0")
        self.range = {"start": T0_MS, "end": T0_MS + 60_000}

    def paths(self, method="SelectMergeStacktraces", **more):
        graph = self.client.query(method, {"profileTypeID": CPU_TYPE, "labelSelector": "{}", **self.range, **more})["flamegraph"]
        return {";".join(path): value for path, value in flame_paths(graph).items() if value}

    def test_spans_and_traces(self):
        self.assertEqual(self.paths(spanSelector=[self.SPAN]), {"main;a": 3})
        self.assertEqual(self.paths("SelectMergeSpanProfile", spanSelector=[self.SPAN, self.OTHER_SPAN]), {"main;a": 3, "main;b": 5})
        self.assertEqual(self.paths(traceIdSelector=[self.TRACE]), {"main;a": 3})
        self.assertEqual(self.paths(spanSelector=["ffffffffffffffff"]), {})
        self.assertEqual(self.paths(), {"main;a": 14, "main;b": 5, "main;c": 7})
        for field_name, text in (("spanSelector", "span id"), ("traceIdSelector", "trace id"), ("profileIdSelector", "UUID")):
            answer = self.client.rpc("SelectMergeStacktraces", {
                "profileTypeID": CPU_TYPE, "labelSelector": "{}", **self.range, field_name: ["zz"]})
            self.assert_error(answer, 400, text)

    def test_exemplars_lead_to_their_profiles(self):
        answer = self.client.query("SelectSeries", {
            "profileTypeID": CPU_TYPE, "labelSelector": "{}", **self.range, "step": 10, "groupBy": ["service_name"],
            "exemplarType": "EXEMPLAR_TYPE_INDIVIDUAL"})
        exemplars = [e for point in answer["series"][0]["points"] for e in point["exemplars"]]
        self.assertEqual([int(e["value"]) for e in exemplars], [15, 11])
        self.assertIn({"name": "pod", "value": "p0"}, exemplars[0]["labels"])
        self.assertEqual(self.paths(profileIdSelector=[exemplars[1]["profileId"]]), {"main;a": 11})
        self.assertEqual(sum(self.paths(profileIdSelector=[e["profileId"] for e in exemplars]).values()), 26)

    def test_heatmaps(self):
        def cells(kind):
            answer = self.client.query("SelectHeatmap", {
                "profileTypeID": CPU_TYPE, "labelSelector": "{}", **self.range, "step": 10,
                "queryType": f"HEATMAP_QUERY_TYPE_{kind}", "exemplarType": f"EXEMPLAR_TYPE_{kind}"})
            return answer["series"][0]["slots"]
        slots = cells("INDIVIDUAL")
        self.assertEqual([int(s["timestamp"]) - T0_MS for s in slots], [10_000, 20_000])
        self.assertEqual([(s["counts"][0], s["counts"][19]) for s in slots], [(0, 1), (1, 0)])
        self.assertEqual((slots[0]["yMin"][0], len(slots[0]["yMin"])), (11, 20))
        slots = cells("SPAN")
        self.assertEqual([sum(s["counts"]) for s in slots], [2])
        self.assertEqual({e["spanId"] for e in slots[0]["exemplars"]}, {self.SPAN, self.OTHER_SPAN})

    def test_call_graph(self):
        dot = self.client.query("SelectMergeStacktraces", {
            "profileTypeID": CPU_TYPE, "labelSelector": "{}", **self.range, "format": "PROFILE_FORMAT_DOT"})["dot"]
        self.assertTrue(dot.startswith("digraph"), dot[:100])
        self.assertIn("->", dot)

    def test_time_series_of_a_call_site(self):
        series = self.client.time_series(CPU_TYPE, T0_MS, T0_MS + 60_000, 10, stackTraceSelector={"callSite": [{"name": "main"}, {"name": "b"}]})
        self.assertEqual(series, {(): [(T0_MS + 10_000, 5), (T0_MS + 20_000, 0)]})


class DiffCases(Cases):
    def side(self, selector):
        return {"profileTypeID": CPU_TYPE, "labelSelector": selector, "start": 1, "end": far_future_ms()}

    def test_diff(self):
        self.client.push(cpu_profile({"main;foo;bar": 530, "main;baz": 70}), service="left")
        self.client.push(cpu_profile({"main;foo;bar": 420, "main;foo": 260, "main;baz": 60}), service="right")
        graph = self.client.query("Diff", {"left": self.side('{service_name="left"}'),
                                           "right": self.side('{service_name="right"}')})["flamegraph"]
        self.assertEqual((int(graph["leftTicks"]), int(graph["rightTicks"]), int(graph["total"])), (600, 740, 1340))
        self.assertEqual([int(v) for v in graph["levels"][0]["values"]], [0, 600, 0, 0, 740, 0, 0])
        totals = {}
        for level in graph["levels"]:
            values = [int(v) for v in level["values"]]
            for i in range(0, len(values), 7):
                node = values[i:i + 7]
                totals[graph["names"][node[6]]] = (node[1], node[2], node[4], node[5])
        self.assertEqual(totals, {"total": (600, 0, 740, 0), "main": (600, 0, 740, 0), "foo": (530, 0, 680, 260),
                                  "bar": (530, 530, 420, 420), "baz": (70, 70, 60, 60)})

    def test_one_empty_side(self):
        self.client.push(cpu_profile({"main;foo": 5}), service="left")
        graph = self.client.query("Diff", {"left": self.side('{service_name="left"}'),
                                           "right": self.side('{service_name="none"}')})["flamegraph"]
        self.assertEqual((int(graph["leftTicks"]), int(graph.get("rightTicks", 0))), (5, 0))

    def test_errors_of_a_side(self):
        self.assert_error(self.client.rpc("Diff", {"left": self.side("{}")}), 400)
        self.assert_error(self.client.rpc("Diff", {"left": self.side("{}"), "right": self.side("{a==}")}), 400)


class StatisticsCases(Cases):
    def test_profile_stats_count_fresh_data(self):
        self.assertEqual(self.client.query("GetProfileStats"), {})
        self.client.push(at(1_000, 1))
        self.client.push(at(61_000, 1))
        self.assertEqual(self.client.query("GetProfileStats"), {
            "dataIngested": True, "oldestProfileTime": str(T0_MS + 1_000), "newestProfileTime": str(T0_MS + 61_000)})


class TenancyCases(Cases):
    def test_tenants_see_only_their_own(self):
        other = self.new_tenant()
        self.client.push(cpu_profile({"main;mine": 3}), service="mine", secret="s1")
        other.push(cpu_profile({"main;theirs": 5}), service="theirs")
        self.assertEqual((self.client.total(CPU_TYPE), other.total(CPU_TYPE)), (3, 5))
        self.assertEqual({s["service_name"] for s in other.series()}, {"theirs"})
        everything = json.dumps([other.series(), other.flame_graph(CPU_TYPE), other.query(
            "LabelNames", {"start": 1, "end": far_future_ms()})])
        self.assertNotIn("mine", everything)
        self.assertNotIn("secret", everything)
        self.assertNotIn(b"mine", other.merged_pprof(CPU_TYPE))

    def test_an_unknown_tenant_is_empty(self):
        client = self.new_tenant()
        self.assertEqual(client.series(), [])
        self.assertEqual(client.total(CPU_TYPE), 0)

    def test_several_tenants_at_once_may_read_but_not_write(self):
        other = self.new_tenant()
        self.client.push(cpu_profile({"main;mine": 3}))
        other.push(cpu_profile({"main;theirs": 5}))
        both = Client(self.cluster, f"{self.client.tenant}|{other.tenant}")
        self.assertEqual(both.total(CPU_TYPE), 8)
        self.assert_error(both.push_series([({"__name__": "process_cpu"}, [cpu_profile({"x": 1})])]), 401, "multiple org")

    def test_without_a_tenant(self):
        for tenant in (None, ""):
            client = Client(self.cluster, tenant)
            self.assert_error(client.rpc("LabelNames", {"start": 1, "end": 2}), 401, "no org id")
            self.assert_error(client.push_series([({"__name__": "process_cpu"}, [cpu_profile({"x": 1})])]), 401, "no org id")
            self.assert_error(client.ingest("a 1\n", name="x"), 401, "no org id")

    def test_names_that_are_no_tenants(self):
        for tenant, part in (("bad/tenant", "unsupported character"), ("..", "'..'"), (".", "'.'"), ("x" * 151, "150")):
            with self.subTest(tenant[:20]):
                client = Client(self.cluster, tenant)
                self.assert_error(client.rpc("LabelNames", {"start": 1, "end": 2}), 401, part)
                self.assert_error(client.ingest("a 1\n", name="x"), 401, part)
