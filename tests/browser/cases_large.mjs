// Graphs larger than a screen. The limits are generous: the machine is shared and has no GPU.

import { address, assert, barOf, settle, test } from "./harness.mjs";
import { bigReply, deepReply } from "../../web/test/build_reply.mjs";

const GRAPH = "**/querier.v1.QuerierService/SelectMergeStacktraces";

const PAINT_MS_MAX = 1000;
const DRAW_P95_MS_MAX = 40;
const FRAME_P50_MS_MAX = 66;
const ATTEMPTS = 3;

/** Opens up to three times and keeps the best: other work on the machine makes it slower, nothing makes it faster. */
async function openWith(page, url, service, flamegraph) {
  let best;
  for (let attempt = 0; attempt < ATTEMPTS && !(best?.paintMs < PAINT_MS_MAX); attempt++) {
    const opened = await openOnce(page, url, service, flamegraph);
    if (!best || opened.paintMs < best.paintMs) best = opened;
  }
  return best;
}

async function openOnce(page, url, service, flamegraph) {
  await page.unroute(GRAPH);
  const body = JSON.stringify({ flamegraph });
  await page.route(GRAPH, (route) => route.fulfill({ status: 200, contentType: "application/json", body }));
  await page.goto(address(url, service));
  const nodes = flamegraph.levels.reduce((sum, level) => sum + level.values.length / 4, 0);
  // From the last byte of the answer to the first frame that shows it.
  const painted = await page.waitForFunction((wanted) => {
    const view = document.querySelector("canvas.flame-canvas")?.flameView;
    if (view?.model?.nodeCount !== wanted || view.drawCount === 0) return false;
    const entries = performance.getEntriesByType("resource").filter((e) => e.name.endsWith("SelectMergeStacktraces"));
    return performance.now() - entries[entries.length - 1].responseEnd;
  }, nodes, { polling: "raf" });
  return { nodes, paintMs: await painted.jsonValue() };
}

/** Zooms in and out at the pointer for 90 frames. */
function zoomFrames(page) {
  return page.evaluate(async () => {
    const canvas = document.querySelector("canvas.flame-canvas");
    const box = canvas.getBoundingClientRect();
    const draws = [];
    const gaps = [];
    let last = performance.now();
    for (let i = 0; i < 90; i++) {
      const zoomIn = i % 60 < 30;
      canvas.dispatchEvent(new WheelEvent("wheel", {
        deltaY: zoomIn ? -40 : 40, ctrlKey: true, cancelable: true, bubbles: true,
        clientX: box.left + box.width * (0.2 + 0.005 * i), clientY: box.top + 200,
      }));
      await new Promise(requestAnimationFrame);
      draws.push(canvas.flameView.lastDrawMs);
      gaps.push(performance.now() - last);
      last = performance.now();
    }
    const at = (list, share) => [...list].sort((a, b) => a - b)[Math.floor(list.length * share)];
    return { drawP50: at(draws, 0.5), drawP95: at(draws, 0.95), frameP50: at(gaps, 0.5), frameP95: at(gaps, 0.95) };
  });
}

test("100,000 nodes paint within a second and zoom smoothly", async ({ page, url, service, report }) => {
  const { nodes, paintMs } = await openWith(page, url, service, bigReply(100_000));
  assert.ok(nodes >= 100_000);
  let frames = await zoomFrames(page);
  for (let attempt = 1; attempt < ATTEMPTS && !(frames.drawP95 < DRAW_P95_MS_MAX && frames.frameP50 < FRAME_P50_MS_MAX); attempt++) {
    frames = await zoomFrames(page);
  }
  const search = await page.evaluate(async () => {
    const input = document.querySelector(".search input");
    const began = performance.now();
    input.value = "mod3\\.function_1";
    input.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    return performance.now() - began;
  });
  const round = Object.fromEntries(Object.entries(frames).map(([k, v]) => [k, Number(v.toFixed(1))]));
  report({ nodes, paintMs: Math.round(paintMs), ...round, searchMs: Math.round(search) });
  assert.ok(paintMs < PAINT_MS_MAX, `painted after ${paintMs} ms`);
  assert.ok(frames.drawP95 < DRAW_P95_MS_MAX, `draw p95 ${frames.drawP95} ms`);
  assert.ok(frames.frameP50 < FRAME_P50_MS_MAX, `frame p50 ${frames.frameP50} ms`);
  assert.match(await page.getByTestId("match-summary").innerText(), /% of total through \d+ functions/);
});

test("a stack of 5000 frames draws, scrolls and focuses", async ({ page, url, service, report }) => {
  const { paintMs } = await openWith(page, url, service, deepReply(5000));
  report({ depth: 5000, paintMs: Math.round(paintMs) });
  assert.ok(paintMs < PAINT_MS_MAX, `painted after ${paintMs} ms`);
  const size = await page.evaluate(() => document.querySelector("canvas.flame-canvas").height);
  assert.ok(size < 4000, `the canvas is ${size} px high`);
  const first = await barOf(page, "f0");
  assert.equal(first.shown, first.fill);
  await page.evaluate(() => document.querySelector(".flame-scroller").scrollTo(0, 1e9));
  await settle(page);
  const last = await barOf(page, "f4999");
  assert.ok(last.top > 0, "the last frame is in view");
  assert.equal(last.shown, last.fill);
  await page.mouse.click(last.x, last.y);
  await settle(page);
  assert.match(await page.locator(".breadcrumb").innerText(), /f4999/);
  assert.match(await page.locator(".breadcrumb").innerText(), /more/);
  // Drawn from the bottom up, the root is at the far end of the same scroll.
  await page.keyboard.press("Escape");
  await page.keyboard.press("f");
  await settle(page);
  await page.evaluate(() => document.querySelector(".flame-scroller").scrollTo(0, 1e9));
  await settle(page);
  const root = await barOf(page, "f0");
  assert.equal(root.shown, root.fill);
});

test("one node, and a name of a megabyte", async ({ page, url, service }) => {
  const name = "n".repeat(1_000_000);
  const levels = [{ values: ["0", "7", "0", "0"] }, { values: ["0", "7", "7", "1"] }];
  await openWith(page, url, service, { names: ["total", name], levels, total: "7", maxSelf: "7" });
  await settle(page);
  const bar = await barOf(page, name);
  assert.equal(bar.shown, bar.fill);
  await page.mouse.move(bar.x, bar.y);
  assert.ok((await page.locator(".tooltip").innerText()).length < 1000);
});
