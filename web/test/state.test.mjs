import assert from "node:assert/strict";
import { test } from "node:test";
import { adviceFor, errorFromReply } from "../node_modules/.test-build/api/errors.js";
import { encodeSelectMergeProfile } from "../node_modules/.test-build/api/protobuf.js";
import { displayName, packageOf, shortName } from "../node_modules/.test-build/format/display_name.js";
import { parseProfileType, preferredType, profileTypeTitle } from "../node_modules/.test-build/format/profile_type.js";
import { exactValue, formatCount, formatDuration, formatPercent, formatValue } from "../node_modules/.test-build/format/value.js";
import * as selector from "../node_modules/.test-build/state/selector.js";
import * as time from "../node_modules/.test-build/state/time.js";
import { DEFAULT_STATE, formatState, parseState } from "../node_modules/.test-build/state/url_state.js";
import { alignRange, buildTimeline, stack, stepFor } from "../node_modules/.test-build/timeline/series.js";
import { clampViewport, panBy, tween, zoomAt } from "../node_modules/.test-build/flame/viewport.js";

test("values carry their unit", () => {
  const cases = [
    [0, "nanoseconds", "0"],
    [999, "nanoseconds", "999 ns"],
    [420e6, "nanoseconds", "420 ms"],
    [1.5e9, "nanoseconds", "1.50 s"],
    [90e9, "nanoseconds", "1.50 min"],
    [7200e9, "nanoseconds", "2 h"],
    [2500, "microseconds", "2.50 ms"],
    [512, "bytes", "512 B"],
    [3 * 2 ** 20, "bytes", "3 MiB"],
    [1.25 * 2 ** 30, "bytes", "1.25 GiB"],
    [1234, "count", "1,234"],
    [2.5e6, "count", "2.50 M"],
    [12, "goroutines", "12 goroutines"],
  ];
  for (const [value, unit, text] of cases) assert.equal(formatValue(value, unit), text);
  assert.equal(exactValue(420000000, "nanoseconds"), "420,000,000 nanoseconds");
  assert.equal(formatCount(99999), "99,999");
  assert.equal(formatPercent(1, 3), "33.3 %");
  assert.equal(formatPercent(1, 1), "100 %");
  assert.equal(formatPercent(1, 1e6), "<0.01 %");
  assert.equal(formatPercent(1, 0), "0 %");
  assert.equal(formatDuration(5_400_000), "1 h 30 min");
});

test("profile types", () => {
  assert.equal(parseProfileType("memory:inuse_space:bytes::").sampleUnit, "bytes");
  assert.equal(profileTypeTitle("process_cpu:cpu:nanoseconds:cpu:nanoseconds"), "CPU time");
  assert.equal(profileTypeTitle("x:y:z::"), "x · y");
  assert.equal(preferredType(["memory:inuse_space:bytes::", "process_cpu:cpu:nanoseconds:cpu:nanoseconds"]).slice(0, 7), "process");
  assert.equal(preferredType([]), "");
});

test("hostile names become harmless text", () => {
  assert.equal(displayName("a\u202eb"), "a\\u202eb");
  assert.equal(displayName("line\nfeed"), "line\\u000afeed");
  assert.equal(displayName(""), "(no name)");
  assert.equal(displayName("x".repeat(10_000)).length, 401);
  assert.equal(shortName("github.com/foo/bar.(*T).Run"), "bar.(*T).Run");
  assert.equal(shortName("main"), "main");
  assert.equal(shortName("operator/"), "operator/");
  assert.equal(packageOf("github.com/foo/bar.(*T).Run"), "github.com/foo/bar");
  assert.equal(packageOf("std::vector<int>::push_back"), "std");
  assert.equal(packageOf("java/util/HashMap.get"), "java/util/HashMap");
});

test("times", () => {
  const now = 1_767_225_600_000;
  assert.equal(time.parseTime("now", now), now);
  assert.equal(time.parseTime("now-1h30m", now), now - 5_400_000);
  assert.equal(time.parseTime("1767225600", 0), now);
  assert.equal(time.parseTime("1767225600000", 0), now);
  assert.equal(time.parseTime("1767225600000000", 0), now);
  assert.equal(time.parseTime("1767225600000000000", 0), now);
  assert.equal(time.parseTime("2026-01-01T00:00:00Z", 0), now);
  assert.equal(time.parseTime(time.formatTime(now), 0), now);
  for (const bad of ["", "soon", "now-", "now-1y", "-5", "12.5", "Jan 1"]) assert.equal(time.parseTime(bad, now), undefined);
  assert.match(time.resolveRange("now", "now-1h", now), /ends before/);
  assert.match(time.resolveRange("x", "now", now), /"x" is not a time/);
  assert.deepEqual(time.zoomOut({ start: 0, end: 100 }, 1000), { start: -50, end: 150 });
  assert.deepEqual(time.zoomOut({ start: 0, end: 100 }, 100), { start: -100, end: 100 });
  const noon = new Date(2026, 0, 2, 12, 0, 0).getTime();
  assert.deepEqual(time.axisLabels([noon, noon + 60_000], 60_000), ["12:00", "12:01"]);
  assert.deepEqual(time.axisLabels([noon, noon + 43_200_000], 43_200_000), ["12:00", "01-03 00:00"]);
  assert.deepEqual(time.axisLabels([noon], 1_000), ["12:00:00"]);
  assert.equal(time.rangeLabel("now-1h", "now", now), "Last hour");
});

test("the selector is edited in place and never reworded", () => {
  const text = '{service_name="a", region=~"eu|us",}';
  const { matchers, ok } = selector.parseSelector(text);
  assert.equal(ok, true);
  assert.deepEqual(matchers.map((m) => [m.name, m.op, m.value]), [["service_name", "=", "a"], ["region", "=~", "eu|us"]]);
  assert.equal(selector.setEqual(text, "service_name", "b"), '{service_name="b", region=~"eu|us",}');
  assert.equal(selector.setEqual('{x="1"}', "service_name", 'q"uote'), '{service_name="q\\"uote", x="1"}');
  assert.equal(selector.addMatcher("{}", "a", "!=", "b"), '{a!="b"}');
  assert.equal(selector.addMatcher(text, "a", "=", "b"), '{service_name="a", region=~"eu|us",a="b"}');
  assert.equal(selector.removeMatcher(text, 0), '{region=~"eu|us"}');
  assert.equal(selector.addMatcher("{broken", "a", "=", "b"), "{broken");
  assert.equal(selector.parseSelector('{"k8s.pod.name"="x"}').matchers[0].name, "k8s.pod.name");
  assert.equal(selector.addMatcher("{}", "k8s.pod", "=", "x"), '{"k8s.pod"="x"}');
  assert.equal(selector.equalTo('{a!="1", a="2"}', "a"), "2");
  for (const bad of ["", "{", "{a}", '{a="b"', "{a=b}", '{a="b"} x', '{a=="b"}']) assert.equal(selector.parseSelector(bad).ok, false);
});

test("suggestions know what the cursor stands in", () => {
  const at = (text) => selector.contextAt(text.replace("|", ""), text.indexOf("|"));
  assert.deepEqual(at("{re|}"), { kind: "name", label: "", prefix: "re", start: 1, end: 3 });
  assert.equal(at('{a="b", |}').kind, "name");
  assert.deepEqual(at('{region="e|u"}'), { kind: "value", label: "region", prefix: "e", start: 8, end: 12 });
  assert.equal(at("{region=|}").kind, "value");
  assert.equal(at('{a="b"|}'), undefined);
  assert.equal(at("|{}"), undefined);
});

test("the address keeps the whole state", () => {
  const state = {
    ...DEFAULT_STATE,
    tenant: "team-1",
    type: "process_cpu:cpu:nanoseconds:cpu:nanoseconds",
    selector: '{service_name="a&b", x=~"ü+|#"}',
    from: "now-6h",
    until: "1767225600000",
    groupBy: "region",
    topN: 7,
    view: "flame",
    search: "^a+$ & <b>",
    focus: "3.abc",
    fn: "f;g",
    icicle: false,
    maxNodes: 8192,
    refresh: "30s",
  };
  assert.deepEqual(parseState(formatState(state)), state);
  assert.deepEqual(parseState(formatState(DEFAULT_STATE)), DEFAULT_STATE);
  const odd = { ...state, selector: 'foo{x="1"}' };
  assert.deepEqual(parseState(formatState(odd)), odd);
  assert.ok(formatState(DEFAULT_STATE).includes("from=now-1h"));
  const garbage = parseState("?view=zzz&n=-4&max=1e99&refresh=1ms&o=%F0%9F&q=%7B%7B%7B&from=");
  assert.deepEqual({ ...garbage, selector: "" }, DEFAULT_STATE);
  assert.equal(parseState("?query=t%7Ba%3D%22b%22%7D&groupBy=r").groupBy, "r");
});

test("timeline steps, alignment, rest and stacking", () => {
  assert.equal(stepFor(3_600_000), 30_000);
  assert.equal(stepFor(86_400_000), 600_000);
  assert.equal(stepFor(300_000), 10_000);
  assert.equal(stepFor(60_000), 1_000);
  const day = alignRange(1_700_000_000_123, 1_700_000_000_123 + 86_400_000, 600_000);
  assert.equal(day.end - day.start, 86_400_000);
  const range = { start: 0, end: 3000 };
  const point = (timestamp, value) => ({ timestamp: String(timestamp), value });
  const all = [{ points: [point(0, 5), point(2000, 10)] }];
  const plain = buildTimeline(range, 1000, all, undefined, "");
  assert.deepEqual([...plain.groups[0].points], [5, 0, 10, 0]);
  const grouped = [{ labels: [{ name: "r", value: "eu" }], points: [point(2000, 7)] }];
  const data = buildTimeline(range, 1000, all, grouped, "r");
  assert.deepEqual(data.groups.map((g) => [g.kind, g.value, g.total]), [["value", "eu", 7], ["rest", undefined, 8]]);
  assert.deepEqual([...stack(data.groups)[1]], [5, 0, 10, 0]);
  assert.equal(buildTimeline(range, 1000, [], undefined, "").groups[0].total, 0);
});

test("viewport moves stay inside", () => {
  assert.deepEqual(clampViewport({ from: -5, to: 5 }, 100), { from: 0, to: 10 });
  const zoomed = zoomAt({ from: 0, to: 100 }, 100, 0.25, 2);
  assert.deepEqual(zoomed, { from: 12.5, to: 62.5 });
  assert.deepEqual(zoomAt(zoomed, 100, 0.25, 0.01), { from: 0, to: 100 });
  assert.deepEqual(panBy({ from: 0, to: 10 }, 100, 5), { from: 50, to: 60 });
  assert.deepEqual(tween({ from: 0, to: 100 }, { from: 40, to: 50 }, 1), { from: 40, to: 50 });
  const middle = tween({ from: 0, to: 100 }, { from: 40, to: 50 }, 0.3);
  assert.ok(middle.from > 0 && middle.from < 40 && middle.to > 50 && middle.to < 100);
});

test("errors keep code, message and request id", () => {
  const error = errorFromReply(429, "r-1", '{"code":"resource_exhausted","message":"limit x"}');
  assert.deepEqual([error.code, error.message, error.requestId], ["resource_exhausted", "limit x", "r-1"]);
  assert.match(adviceFor(error), /limit/);
  const page = errorFromReply(502, "", "<html><body><h1>Bad gateway</h1></body></html>");
  assert.deepEqual([page.code, page.message], ["unknown", "Bad gateway"]);
});

test("the pprof request is protobuf", () => {
  const bytes = encodeSelectMergeProfile({ profileTypeID: "ab", labelSelector: "{}", start: 300, end: 1 });
  assert.deepEqual([...bytes], [10, 2, 97, 98, 18, 2, 123, 125, 24, 172, 2, 32, 1]);
});
