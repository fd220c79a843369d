// The everyday path: pick, filter, read the table, focus, search, move through time, take it away.

import { gunzipSync } from "node:zlib";
import { readFile } from "node:fs/promises";
import {
  CPU, FIXTURE, HEAP, TOTAL, address, assert, barOf, settle, stateOf, tableRows, test, waitForState, waitForTotal,
} from "./harness.mjs";

test("picking service and type shows the pushed numbers", async ({ page, url, service }) => {
  await page.goto(`${url}/`);
  await page.getByRole("button", { name: "Service", exact: true }).click();
  await page.getByLabel("Filter: Service").fill(service);
  await page.locator(".picker-list li").filter({ has: page.getByText(service, { exact: true }) }).click();
  await page.getByRole("button", { name: "Profile type", exact: true }).click();
  await page.locator(".picker-list li", { hasText: CPU }).click();
  await waitForTotal(page, TOTAL.all);
  const rows = await tableRows(page);
  const expected = [
    { name: "inner", self: 470e6, total: 470e6 },
    { name: "gc", self: 150e6, total: 150e6 },
    { name: "work", self: 100e6, total: 570e6 },
    { name: "idle", self: 80e6, total: 80e6 },
    { name: "main", self: 0, total: 800e6 },
  ];
  assert.deepEqual(rows, expected);
  assert.equal(rows.reduce((sum, row) => sum + row.self, 0), TOTAL.all);
  const inner = page.locator("tr", { has: page.getByText("inner", { exact: true }) });
  assert.equal(await inner.locator("td.self").innerText(), "470 ms");
  assert.equal(await inner.locator("td.self").getAttribute("title"), "470,000,000 nanoseconds");
});

test("bars are where they belong and have their colour", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await settle(page);
  for (const name of ["main", "work", "inner"]) {
    const bar = await barOf(page, name);
    assert.equal(bar.shown, bar.fill, `pixel of ${name}`);
  }
  const inner = await barOf(page, "inner");
  assert.ok(Math.abs((inner.right - inner.left) / inner.width - 470 / 800) < 0.01, "width of inner");
});

test("the selector is sent as typed, and filters", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  const typed = `{ service_name="${service}",  region="eu" }`;
  const input = page.getByLabel("Label selector");
  await input.fill(typed);
  const sent = page.waitForRequest((r) => r.url().endsWith("SelectMergeStacktraces"));
  await input.press("Enter");
  assert.equal((await sent).postDataJSON().labelSelector, typed);
  await waitForTotal(page, TOTAL.eu);
  assert.equal((await stateOf(page)).q, CPU + typed);
  await page.getByRole("button", { name: "Remove filter region" }).click();
  await waitForTotal(page, TOTAL.all);
});

test("a filter from the form and from suggestions lands in the selector", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await page.getByRole("button", { name: "Add a label filter" }).click();
  await page.getByLabel("Label", { exact: true }).fill("region");
  await page.getByLabel("Value", { exact: true }).fill("us");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await waitForTotal(page, TOTAL.us);
  assert.equal(await page.getByLabel("Label selector").inputValue(), `{service_name="${service}", region="us"}`);
  const input = page.getByLabel("Label selector");
  await input.fill(`{service_name="${service}", reg}`);
  await input.press("ArrowLeft");
  await page.locator(".suggestions li", { hasText: "region" }).click();
  assert.equal(await input.inputValue(), `{service_name="${service}", region}`);
});

test("a selector the server refuses shows its words and keeps the graph", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await page.getByLabel("Label selector").fill("{service_name=");
  await page.getByRole("button", { name: "Run", exact: true }).click();
  const banner = page.locator(".graph-panel .banner");
  await banner.waitFor();
  assert.match(await banner.innerText(), /invalid_argument/);
  assert.match(await banner.innerText(), /request/);
  assert.ok(await page.locator("canvas.flame-canvas").isVisible());
}, { allowErrors: /status of 400/ });

test("search marks matches, sums what runs through them, filters the table", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await page.keyboard.press("/");
  await page.keyboard.type("^(work|inner)$");
  const summary = page.getByTestId("match-summary");
  await summary.waitFor();
  assert.match(await summary.innerText(), /^71\.3 % of total through 2 functions \(570 ms/);
  assert.deepEqual((await tableRows(page)).map((row) => row.name).sort(), ["inner", "work"]);
  await settle(page);
  const [work, idle] = [await barOf(page, "work"), await barOf(page, "idle")];
  assert.equal(work.shown, work.fill);
  assert.notEqual(work.fill, idle.fill);
  assert.equal((await stateOf(page)).s, "^(work|inner)$");
  await page.keyboard.type("(");
  await page.locator(".graph-head .problem").waitFor();
  assert.match(await page.locator(".graph-head .problem").innerText(), /Not a regular expression/);
  await page.keyboard.press("Escape");
  assert.equal((await tableRows(page)).length, 5);
});

test("a click focuses, Reset and Back undo it", async ({ page, url, service }) => {
  await page.goto(address(url, service, { view: "flame" }));
  await waitForTotal(page, TOTAL.all);
  await settle(page);
  const reset = page.getByRole("button", { name: "Reset", exact: true });
  assert.ok(await reset.isDisabled());
  const before = await barOf(page, "inner");
  await page.mouse.click(before.x, before.y);
  await settle(page);
  const focused = await barOf(page, "inner");
  assert.ok(Math.abs(focused.left) < 1 && Math.abs(focused.right - focused.width) < 1, "inner fills the width");
  assert.match(await page.locator(".breadcrumb").innerText(), /main[\s\S]*work[\s\S]*inner/);
  const { f } = await stateOf(page);
  assert.ok(f, "the address names the focus");
  await reset.click();
  await settle(page);
  assert.ok(Math.abs((await barOf(page, "inner")).left - before.left) < 1);
  await page.goBack();
  await waitForState(page, "f", f);
  await settle(page);
  assert.ok(Math.abs((await barOf(page, "inner")).left) < 1, "Back restores the focus");
});

test("the tooltip tells name, self, total and shares", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await settle(page);
  const work = await barOf(page, "work");
  await page.mouse.move(work.x, work.y);
  const text = await page.locator(".tooltip").innerText();
  for (const part of ["work", "570 ms", "100 ms", "71.3 %"]) assert.ok(text.includes(part), `${part} in ${text}`);
});

test("units follow the profile type", async ({ page, url, service }) => {
  await page.goto(address(url, service, { type: HEAP }));
  await waitForTotal(page, 4194304);
  assert.equal(await page.locator("td.self").first().innerText(), "3 MiB");
  assert.match(await page.getByTestId("graph-total").innerText(), /^4 MiB total/);
});

test("the table sorts, and a selected function lights up everywhere", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await page.getByRole("button", { name: "Total", exact: true }).click();
  assert.deepEqual((await tableRows(page)).map((row) => row.name), ["main", "work", "inner", "gc", "idle"]);
  await page.getByRole("button", { name: "Function", exact: true }).click();
  assert.deepEqual((await tableRows(page)).map((row) => row.name), ["gc", "idle", "inner", "main", "work"]);
  await page.locator("td.name button", { hasText: "gc" }).click();
  assert.equal((await stateOf(page)).fn, "gc");
  assert.match(await page.getByTestId("match-summary").innerText(), /^18\.8 % of total through 1 function /);
  assert.equal((await tableRows(page)).length, 5);
});

test("table, both and flame views; root up or down", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await settle(page);
  const top = await barOf(page, "main");
  await page.getByRole("button", { name: /Icicle/ }).click();
  await settle(page);
  const bottom = await barOf(page, "main");
  assert.ok(bottom.top > top.top + 100, "the root moved to the bottom");
  assert.equal(bottom.shown, bottom.fill);
  await page.getByRole("button", { name: "Table", exact: true }).click();
  assert.equal(await page.locator("canvas.flame-canvas").count(), 0);
  await page.getByRole("button", { name: "Flame", exact: true }).click();
  assert.equal(await page.locator("table.functions").count(), 0);
  assert.equal((await stateOf(page)).view, "flame");
});

test("dragging on the timeline selects a range, a double click widens it", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  const over = await page.locator(".u-over").boundingBox();
  const y = over.y + over.height / 2;
  await page.mouse.move(over.x + over.width * 0.25, y);
  await page.mouse.down();
  await page.mouse.move(over.x + over.width * 0.5, y, { steps: 4 });
  await page.mouse.up();
  await page.waitForFunction(() => /^\d{13}$/.test(new URLSearchParams(location.search).get("from") ?? ""));
  const picked = await stateOf(page);
  const span = Number(picked.until) - Number(picked.from);
  assert.ok(Math.abs(span - 225_000) < 30_000, `a quarter of 15 minutes, got ${span} ms`);
  await page.locator(".u-over").dblclick({ position: { x: over.width / 2, y: over.height / 2 } });
  await page.waitForFunction((from) => new URLSearchParams(location.search).get("from") !== from, picked.from);
  const wide = await stateOf(page);
  assert.ok(Math.abs(Number(wide.until) - Number(wide.from) - 2 * span) <= 2, "twice the range");
  await page.goBack();
  await waitForState(page, "from", picked.from);
  await page.goBack();
  await waitForState(page, "from", "now-15m");
  await waitForTotal(page, TOTAL.all);
});

test("the timeline groups by a label", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await page.getByRole("button", { name: "Group by label" }).click();
  await page.locator(".picker-list li", { hasText: /^region$/ }).click();
  const legend = page.locator(".legend");
  await legend.waitFor();
  const text = (await legend.innerText()).replace(/\s+/g, " ");
  assert.match(text, /eu 600 ms · 75\.0 % us 200 ms · 25\.0 %/);
  await page.locator(".legend button", { hasText: "eu" }).click();
  await waitForTotal(page, TOTAL.eu);
});

test("time presets and custom ranges", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await page.getByRole("button", { name: "Time range" }).click();
  await page.getByRole("button", { name: "Last 3 hours" }).click();
  await waitForState(page, "from", "now-3h");
  await page.getByRole("button", { name: "Time range" }).click();
  await page.getByLabel("From").fill("yesterday");
  await page.getByRole("button", { name: "Apply" }).click();
  assert.match(await page.locator(".time-box .problem").innerText(), /"yesterday" is not a time/);
  await page.getByLabel("From").fill("now-40m");
  await page.getByRole("button", { name: "Apply" }).click();
  await waitForState(page, "from", "now-40m");
  await waitForTotal(page, TOTAL.all);
});

test("the address is the whole state", async ({ page, url, service, context }) => {
  const start = address(url, service, { s: "inner", view: "both", g: "region", o: "flame", max: "8192" });
  await page.goto(start);
  await waitForTotal(page, TOTAL.all);
  await settle(page);
  const work = await barOf(page, "work");
  await page.mouse.click(work.x, work.y);
  await page.waitForFunction(() => new URLSearchParams(location.search).has("f"));
  await settle(page);
  const state = await stateOf(page);
  const snapshot = async (p) => ({
    bar: (({ left, right, top, fill }) => ({ left, right, top, fill }))(await barOf(p, "inner")),
    rows: await tableRows(p),
    summary: await p.getByTestId("match-summary").innerText(),
    legend: await p.locator(".legend").innerText(),
  });
  const other = await context.newPage();
  await other.goto(page.url());
  await waitForTotal(other, TOTAL.all);
  await settle(other);
  await other.locator(".legend").waitFor();
  assert.deepEqual(await stateOf(other), state);
  assert.deepEqual(await snapshot(other), await snapshot(page));
});

test("garbage in the address does not break the page", async ({ page, url, service }) => {
  const odd = { view: "zzz", n: "-4", max: "1e99", f: "9.zzz", s: "(((", refresh: "1ms", fn: "\u0000", o: "%%%" };
  await page.goto(address(url, service, odd));
  await waitForTotal(page, TOTAL.all);
  await page.goto(`${url}/explore?q=%7B%7B%7B&from=soon&until=`);
  await page.locator(".banner").waitFor();
  assert.match(await page.locator(".banner").innerText(), /"soon" is not a time/);
});

test("exports hold the same samples", async ({ page, url, service, isMock }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  const take = async (label) => {
    await page.getByRole("button", { name: "Export" }).click();
    const waiting = page.waitForEvent("download");
    await page.getByRole("menuitem", { name: label }).click();
    const download = await waiting;
    return { name: download.suggestedFilename(), content: await readFile(await download.path()) };
  };
  const folded = await take("Download folded");
  assert.match(folded.name, /\.folded$/);
  const wanted = { ...FIXTURE.eu, ...FIXTURE.us, "main;work;inner": 47 };
  const lines = folded.content.toString().trim().split("\n").map((line) => line.split(/ (?=\d+$)/));
  assert.deepEqual(
    Object.fromEntries(lines.map(([stack, value]) => [stack, Number(value) / 1e7])),
    wanted,
  );
  const json = JSON.parse((await take("Download JSON")).content.toString());
  assert.equal(json.flamegraph.total, String(TOTAL.all));
  const pprof = await take("Download pprof");
  assert.match(pprof.name, /\.pb\.gz$/);
  const raw = gunzipSync(pprof.content);
  assert.ok(raw.length > 0);
  if (!isMock) for (const text of ["inner", "work", "nanoseconds"]) assert.ok(raw.includes(text), `${text} in the pprof`);
});

test("copied links: live and frozen", async ({ page, url, service, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin: url });
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  const copy = async (label) => {
    await page.getByRole("button", { name: "Export" }).click();
    await page.getByRole("menuitem", { name: label }).click();
    await page.locator(".notice.on").waitFor();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  assert.equal(await copy("Copy link"), page.url());
  const frozen = new URL(await copy("Copy frozen link"));
  assert.match(frozen.searchParams.get("from"), /^\d{13}$/);
  await page.goto(frozen.href);
  await waitForTotal(page, TOTAL.all);
});
