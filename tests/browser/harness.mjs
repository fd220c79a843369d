// What the browser tests share: the list of tests, a watched page, fixtures, and small readers of the page.

import { strict as assert } from "node:assert";

export const tests = [];

/** allowErrors: a pattern of console errors that the test provokes on purpose. */
export function test(name, run, { allowErrors } = {}) {
  tests.push({ name, run, allowErrors });
}

/** A page that remembers everything that must not happen. */
export async function openWatchedPage(context, origin) {
  const page = await context.newPage();
  const seen = [];
  page.on("console", (message) => {
    // Chromium's advice to these tests, which read pixels; the page itself never does.
    if (message.text().includes("willReadFrequently")) return;
    if (message.type() === "error" || message.type() === "warning") seen.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => seen.push(`page error: ${error.message}`));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !url.startsWith("blob:")) seen.push(`request to another origin: ${url}`);
  });
  page.setDefaultTimeout(10_000);
  return { page, seen };
}

export async function push(url, name, stacks, until = "now") {
  const body = Object.entries(stacks).map(([stack, value]) => `${stack} ${value}`).join("\n");
  const query = new URLSearchParams({ name, from: "now-10s", until, format: "folded" });
  const reply = await fetch(`${url}/ingest?${query}`, { method: "POST", body: `${body}\n`, signal: AbortSignal.timeout(10_000) });
  assert.equal(reply.status, 200, `push of ${name}: ${reply.status} ${await reply.text()}`);
}

export const CPU = "process_cpu:cpu:nanoseconds:cpu:nanoseconds";
export const HEAP = "memory:inuse_space:bytes::";
const NS_PER_SAMPLE = 1e7;

/** The known profiles. cpu samples count 10 ms each. */
export const FIXTURE = {
  eu: { "main;work;inner": 42, "main;work": 10, "main;idle": 8 },
  us: { "main;work;inner": 5, "main;gc": 15 },
  heap: { "main;cache": 3145728, "main;load": 1048576 },
  odd: { "main;<script>window.pwned=1</script>": 5, "main;<img src=x onerror=window.pwned=2>": 3, "main;\u202egnp.exe": 2 },
};
export const TOTAL = { eu: 60 * NS_PER_SAMPLE, us: 20 * NS_PER_SAMPLE, all: 80 * NS_PER_SAMPLE };

export async function pushFixture(url, service) {
  await push(url, `${service}.cpu{region=eu}`, FIXTURE.eu);
  await push(url, `${service}.cpu{region=us}`, FIXTURE.us);
  await push(url, `${service}.inuse_space{region=eu}`, FIXTURE.heap);
  await push(url, `${service}-odd.cpu`, FIXTURE.odd);
}

export function address(url, service, { type = CPU, selector, ...rest } = {}) {
  const q = type + (selector ?? `{service_name="${service}"}`);
  return `${url}/explore?${new URLSearchParams({ q, from: "now-15m", until: "now", ...rest })}`;
}

/** Waits until the graph shows this total, exactly. */
export async function waitForTotal(page, total) {
  await page.waitForFunction(
    (wanted) => document.querySelector("canvas.flame-canvas")?.flameView?.model?.grandTotal === wanted,
    total,
  );
}

/** The visible rows of the table as the page holds them. */
export function tableRows(page) {
  return page.$$eval("table.functions tbody tr:not(.gap)", (rows) =>
    rows.map((row) => ({
      name: row.querySelector("td.name").textContent,
      self: Number(row.querySelector("td.self").dataset.value),
      total: Number(row.querySelector("td.total").dataset.value),
    })),
  );
}

/** Box and colours of the first bar of a function: what the view says, and the pixel that is there. */
export function barOf(page, name) {
  return page.evaluate((wanted) => {
    const canvas = document.querySelector("canvas.flame-canvas");
    const { model } = canvas.flameView;
    const node = [...model.name].findIndex((n) => model.names[n] === wanted);
    const box = canvas.flameView.boxOf(node);
    const ratio = devicePixelRatio;
    const at = [Math.round((Math.max(box.left, 0) + 1) * ratio), Math.round((box.top + 1) * ratio)];
    const pixel = [...canvas.getContext("2d").getImageData(...at, 1, 1).data.slice(0, 3)];
    const shown = `#${pixel.map((v) => v.toString(16).padStart(2, "0")).join("")}`;
    const frame = canvas.getBoundingClientRect();
    const left = Math.max(box.left, 0);
    const right = Math.min(box.right, frame.width);
    return { ...box, node, shown, x: frame.left + (left + right) / 2, y: frame.top + (box.top + box.bottom) / 2, width: frame.width };
  }, name);
}

/** Until the animation and the frames after it are over. */
export async function settle(page) {
  await page.waitForTimeout(260);
}

export const stateOf = (page) => page.evaluate(() => Object.fromEntries(new URLSearchParams(location.search)));

export async function waitForState(page, name, value) {
  await page.waitForFunction(
    ([n, v]) => (new URLSearchParams(location.search).get(n) ?? "") === v,
    [name, value],
  );
}

export { assert };
