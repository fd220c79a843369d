import assert from "node:assert/strict";
import { test } from "node:test";
import { toFlameGraphJson, toFolded } from "../node_modules/.test-build/export/folded.js";
import { sortedFunctions, sumFunctions, truncatedWeight } from "../node_modules/.test-build/flame/functions.js";
import { FlameModel } from "../node_modules/.test-build/flame/model.js";
import { siblingPlace, toChild, toMatch, toParent, toSibling } from "../node_modules/.test-build/flame/navigation.js";
import { compileSearch, escapeRegex, findMatches } from "../node_modules/.test-build/flame/search.js";
import { deepReply, replyOf } from "./build_reply.mjs";

const sample = () => new FlameModel(replyOf({ "main;work;inner": 42, "main;work": 10, "main;idle": 8 }));

test("columns follow the layout of the wire", () => {
  // The documented example of the API: self stands before the first child, children ascend by name.
  const model = new FlameModel({
    names: ["total", "main", "foo", "bar", "baz"],
    levels: [
      { values: ["0", "1340000000", "0", "0"] },
      { values: ["0", "1340000000", "0", "1"] },
      { values: ["0", "130000000", "130000000", "4", "0", "1210000000", "260000000", "2"] },
      { values: ["390000000", "950000000", "950000000", "3"] },
    ],
    total: "1340000000",
  });
  assert.equal(model.nodeCount, 5);
  assert.deepEqual([...model.parent], [-1, 0, 1, 1, 3]);
  assert.deepEqual([...model.x], [0, 0, 0, 130e6, 390e6]);
  assert.deepEqual([model.childStart[1], model.childEnd[1]], [2, 4]);
  assert.equal(model.nameOf(4), "bar");
  assert.deepEqual(model.ancestors(4), [0, 1, 3, 4]);
});

test("selves add up to the total and rows are exact", () => {
  const model = sample();
  const sums = sumFunctions(model);
  const row = (name) => {
    const i = model.names.indexOf(name);
    return [sums.self[i], sums.total[i], sums.nodes[i]];
  };
  assert.deepEqual(row("main"), [0, 60, 1]);
  assert.deepEqual(row("work"), [10, 52, 1]);
  assert.deepEqual(row("inner"), [42, 42, 1]);
  assert.deepEqual(row("idle"), [8, 8, 1]);
  assert.equal(sums.self.reduce((a, b) => a + b), model.grandTotal);
});

test("recursion counts once", () => {
  const model = new FlameModel(replyOf({ "a;b;a;b": 5, "a;b": 3, "b;a": 2 }));
  const sums = sumFunctions(model);
  const total = (name) => sums.total[model.names.indexOf(name)];
  assert.equal(total("a"), 10);
  assert.equal(total("b"), 10);
});

test("empty and single-node graphs", () => {
  const empty = new FlameModel({ names: ["total"], levels: [{ values: ["0", "0", "0", "0"] }] });
  assert.equal(empty.grandTotal, 0);
  assert.equal(sortedFunctions(empty, sumFunctions(empty), undefined, "self", true).length, 0);
  assert.equal(new FlameModel({}).nodeCount, 0);
  assert.equal(sumFunctions(new FlameModel({})).self.length, 0);
});

test("broken answers are refused, not drawn", () => {
  assert.throws(() => new FlameModel({ names: ["total"], levels: [{ values: ["0", "1", "1"] }] }), /multiple of 4/);
  assert.throws(() => new FlameModel({ names: ["total"], levels: [{ values: ["0", "1", "1", "7"] }] }), /no function 7/);
});

test("values above 2^53 are marked as rounded", () => {
  const big = new FlameModel({ names: ["total"], levels: [{ values: ["0", "9223372036854775807", "0", "0"] }] });
  assert.equal(big.rounded, true);
  assert.equal(sample().rounded, false);
});

test("a 5000-deep stack builds without recursion", () => {
  const model = new FlameModel(deepReply(5000));
  assert.equal(model.levelCount, 5001);
  assert.equal(sumFunctions(model).total[model.names.indexOf("f0")], model.grandTotal);
  assert.equal(model.ancestors(5000).length, 5001);
});

test("path ids survive new data and reject garbage", () => {
  const before = sample();
  const after = new FlameModel(replyOf({ "main;aaa": 5, "main;work;inner": 1, "main;idle": 8 }));
  const node = before.findPath(before.pathId(3 + 1));
  assert.equal(node, 4);
  const inner = [...before.name].findIndex((n) => before.names[n] === "inner");
  assert.equal(after.nameOf(after.findPath(before.pathId(inner))), "inner");
  for (const id of ["", "x", "1", "1.", "999999.abc", "-1.a", "1.zzzzzzz", "__proto__"]) assert.equal(before.findPath(id), -1);
});

test("binary search finds the node at a value", () => {
  const model = sample();
  const level = 2;
  const first = model.levelStart[level];
  assert.equal(model.firstEndingAfter(level, 0), first);
  assert.equal(model.firstEndingAfter(level, model.total[first]), first + 1);
  assert.equal(model.firstEndingAfter(level, 1e9), model.levelStart[level + 1]);
});

test("search counts a stack once", () => {
  const model = sample();
  const matches = findMatches(model, (name) => /work|inner/.test(name));
  assert.equal(matches.through, 52);
  assert.equal(matches.self, 52);
  assert.equal(matches.nodeCount, 2);
  assert.equal(matches.prefix[model.nodeCount], 2);
  assert.equal(findMatches(model, (n) => n === "total").nodeCount, 0);
});

test("search is smart about case and says what is wrong", () => {
  assert.ok(compileSearch("abc").regex.test("xABCx"));
  assert.ok(!compileSearch("Abc").regex.test("abc"));
  assert.ok(compileSearch("\\Sbc").regex.test("ABC"));
  assert.match(compileSearch("a(").error, /Not a regular expression/);
  assert.deepEqual(compileSearch(""), {});
  const odd = "java/util/(x).[y]$1{2}";
  assert.ok(compileSearch(`^${escapeRegex(odd)}$`).regex.test(odd));
});

test("keyboard steps", () => {
  const model = sample();
  const find = (name) => [...model.name].findIndex((n) => model.names[n] === name);
  assert.equal(toChild(model, find("main")), find("work"));
  assert.equal(toParent(model, find("work")), find("main"));
  assert.equal(toParent(model, 0), 0);
  assert.equal(toSibling(model, find("idle"), 1), find("work"));
  assert.equal(toSibling(model, find("work"), 1), find("work"));
  assert.deepEqual(siblingPlace(model, find("work")), { place: 2, count: 2 });
  const matches = findMatches(model, (n) => n === "idle" || n === "inner");
  assert.equal(toMatch(model, matches, -1, 1), find("idle"));
  assert.equal(toMatch(model, matches, find("inner"), 1), find("idle"));
  assert.equal(toMatch(model, matches, find("idle"), -1), find("inner"));
});

test("exports read back to the same graph", () => {
  const model = sample();
  assert.equal(toFolded(model).split("\n").sort().join("|"), "|main;idle 8|main;work 10|main;work;inner 42");
  const again = new FlameModel(toFlameGraphJson(model).flamegraph);
  assert.deepEqual([...again.x], [...model.x]);
  assert.deepEqual([...again.total], [...model.total]);
  assert.deepEqual([...again.name], [...model.name]);
});

test("rows sort by each column and leave the root out", () => {
  const model = sample();
  const sums = sumFunctions(model);
  const order = (key, down) => [...sortedFunctions(model, sums, undefined, key, down)].map((i) => model.names[i]);
  assert.deepEqual(order("self", true), ["inner", "work", "idle", "main"]);
  assert.deepEqual(order("total", true), ["main", "work", "inner", "idle"]);
  assert.deepEqual(order("name", false), ["idle", "inner", "main", "work"]);
  assert.equal(truncatedWeight(new FlameModel(replyOf({ "main;other": 4, "main;x": 6 }))), 4);
});
