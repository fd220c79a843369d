// Everything that is not the good day: empty, slow, failing, refused, hostile; and what must hold on all days.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { TOTAL, address, assert, barOf, settle, stateOf, tableRows, test, waitForTotal } from "./harness.mjs";
import { replyOf } from "../../web/test/build_reply.mjs";

const GRAPH = "**/querier.v1.QuerierService/SelectMergeStacktraces";
const SERIES = "**/querier.v1.QuerierService/Series";

const json = (value, status = 200, headers = {}) => ({
  status,
  headers: { "Content-Type": "application/json", ...headers },
  body: JSON.stringify(value),
});

test("an empty server shows a push that works as pasted", async ({ page, url }) => {
  let empty = true;
  await page.route(SERIES, (route) => (empty ? route.fulfill(json({})) : route.fallback()));
  await page.goto(`${url}/`);
  await page.getByRole("heading", { name: "No profiles yet" }).waitFor();
  const example = await page.getByTestId("push-example").innerText();
  assert.ok(example.includes(`"${url}/ingest?name=hello.cpu`), example);
  // As a reader would run it, plus a deadline and an exit code.
  await promisify(execFile)("sh", ["-c", example.replace("curl ", "curl -sS -m 10 -f ")]);
  empty = false;
  // Polls every 5 s; then it opens a service by itself.
  await page.locator("canvas.flame-canvas").waitFor({ timeout: 9_000 });
  assert.match((await stateOf(page)).q, /service_name=/);
  await page.goto(address(url, "hello"));
  await page.waitForFunction(() => document.querySelector("canvas.flame-canvas")?.flameView?.model?.names.includes("inner"));
});

test("an empty range offers the last day", async ({ page, url }) => {
  await page.route(SERIES, (route) => {
    const { start, end } = route.request().postDataJSON();
    return end - start < 7_200_000 ? route.fulfill(json({})) : route.fallback();
  });
  await page.goto(`${url}/`);
  await page.getByRole("heading", { name: "Nothing in this range" }).waitFor();
  await page.getByRole("button", { name: "Look at the last 24 hours" }).click();
  await page.locator("canvas.flame-canvas").waitFor();
  assert.equal((await stateOf(page)).from, "now-24h");
});

test("more than a day of every service waits for a word", async ({ page, url, service }) => {
  let asked = 0;
  await page.route(GRAPH, (route) => route.fulfill(json({ flamegraph: replyOf({ [`call${++asked}`]: 1 }) })));
  await page.goto(address(url, service, { selector: '{region="eu"}', from: "now-2d" }));
  await page.getByRole("heading", { name: "More than a day of every service" }).waitFor();
  assert.equal(asked, 0);
  await page.getByRole("button", { name: "Run anyway" }).click();
  await waitForTotal(page, 1);
}, { allowErrors: /status of 400/ });

test("no match: the page says for what it looked", async ({ page, url, service }) => {
  await page.goto(address(url, service, { selector: `{service_name="${service}", region="mars"}` }));
  const empty = page.getByRole("region", { name: "No samples" });
  await empty.waitFor();
  assert.match(await empty.innerText(), /region="mars"/);
  await page.getByRole("button", { name: "Keep only the service" }).click();
  await waitForTotal(page, TOTAL.all);
});

test("a failed panel keeps its data, names the request, and recovers", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  const broken = json({ code: "unavailable", message: "query backend is gone" }, 503, { "X-Request-Id": "req-4711" });
  await page.route(GRAPH, (route) => route.fulfill(broken));
  await page.keyboard.press("r");
  const banner = page.locator(".graph-panel .banner");
  await banner.waitFor();
  for (const part of ["query backend is gone", "unavailable", "req-4711"]) assert.ok((await banner.innerText()).includes(part));
  assert.equal((await tableRows(page)).length, 5, "old data stays");
  assert.equal(await page.locator(".timeline-panel .banner").count(), 0, "other panels are not concerned");
  await page.unroute(GRAPH);
  await banner.getByRole("button", { name: "Retry" }).click();
  await banner.waitFor({ state: "detached" });
}, { allowErrors: /status of 503/ });

test("an unreachable server is asked again by itself", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await page.route(GRAPH, (route) => route.abort("connectionrefused"));
  await page.keyboard.press("r");
  const banner = page.locator(".graph-panel .banner");
  await banner.waitFor();
  assert.match(await banner.innerText(), /does not answer/);
  await page.unroute(GRAPH);
  await banner.waitFor({ state: "detached", timeout: 8_000 });
}, { allowErrors: /ERR_CONNECTION_REFUSED/ });

test("a slow answer dims the old data and can be cancelled", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  await page.route(GRAPH, () => undefined);
  const aborted = page.waitForEvent("requestfailed", (r) => r.url().includes("SelectMergeStacktraces"));
  await page.keyboard.press("r");
  await page.locator(".graph-panel .progress").waitFor();
  assert.equal(await page.locator(".graph-body.dimmed").count(), 1);
  await page.locator(".graph-panel .progress button").click();
  assert.match((await aborted).failure().errorText, /ERR_ABORTED/);
  await page.locator(".graph-panel .progress").waitFor({ state: "detached" });
  assert.equal((await tableRows(page)).length, 5);
});

test("the newest question wins over a late answer", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  let calls = 0;
  await page.route(GRAPH, async (route) => {
    const first = ++calls === 1;
    if (first) await new Promise((resolve) => setTimeout(resolve, 700));
    const flamegraph = replyOf(first ? { "old;old": 1 } : { "new;new": 2 });
    await route.fulfill(json({ flamegraph })).catch(() => undefined);
  });
  await page.keyboard.press("r");
  await page.waitForTimeout(60);
  await page.keyboard.press("r");
  await waitForTotal(page, 2);
  await page.waitForTimeout(900);
  assert.deepEqual((await tableRows(page)).map((row) => row.name), ["new"]);
});

test("a server with tenants asks for one and gets it", async ({ page, url, service }) => {
  const refused = json({ code: "unauthenticated", message: "no org id" }, 401);
  await page.route("**/querier.v1.QuerierService/*", (route) =>
    route.request().headers()["x-scope-orgid"] === "team-a" ? route.fallback() : route.fulfill(refused),
  );
  await page.goto(address(url, service));
  const dialog = page.getByRole("dialog", { name: "Tenant" });
  await dialog.waitFor();
  await dialog.getByLabel("Tenant id").fill("team-a");
  const sent = page.waitForRequest((r) => r.headers()["x-scope-orgid"] === "team-a");
  await dialog.getByRole("button", { name: "Use this tenant" }).click();
  await sent;
  await dialog.waitFor({ state: "detached" });
  assert.equal((await stateOf(page)).tenant, "team-a");
  assert.equal(await page.evaluate(() => localStorage.getItem("brazier.tenant")), "team-a");
}, { allowErrors: /status of 401/ });

test("an answer that makes no sense is an error, not a blank page", async ({ page, url, service }) => {
  await page.route(GRAPH, (route) => route.fulfill(json({ flamegraph: { names: ["total"], levels: [{ values: ["0", "1"] }] } })));
  await page.goto(address(url, service));
  await page.locator(".graph-panel .banner").waitFor();
  assert.match(await page.locator(".graph-panel .banner").innerText(), /multiple of 4/);
});

test("names with markup and direction marks stay text", async ({ page, url, service }) => {
  await page.goto(address(url, `${service}-odd`));
  await waitForTotal(page, 100e6);
  const names = (await tableRows(page)).map((row) => row.name);
  assert.ok(names.includes("<script>window.pwned=1</script>"), names.join());
  assert.ok(names.includes("<img src=x onerror=window.pwned=2>"), names.join());
  assert.ok(names.includes("\\u202egnp.exe"), names.join());
  await settle(page);
  const bar = await barOf(page, "<img src=x onerror=window.pwned=2>");
  await page.mouse.move(bar.x, bar.y);
  assert.match(await page.locator(".tooltip").innerText(), /<img src=x/);
  await page.mouse.click(bar.x, bar.y);
  await settle(page);
  assert.equal(await page.evaluate(() => globalThis.pwned), undefined);
});

test("the theme is remembered and readable", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  const contrast = () =>
    page.evaluate(() => {
      const css = getComputedStyle(document.documentElement);
      const luminance = (name) => {
        const digits = css.getPropertyValue(name).trim().slice(1);
        const hex = digits.length === 3 ? digits.replace(/./g, "$&$&") : digits;
        const [r, g, b] = [0, 2, 4].map((i) => Number.parseInt(hex.slice(i, i + 2), 16) / 255).map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const pairs = [["--text", "--bg"], ["--text", "--surface"], ["--text", "--selected"], ["--text", "--meter"], ["--muted", "--bg"], ["--muted", "--surface"], ["--muted", "--hover"], ["--muted", "--sunken"], ["--on-accent", "--accent"], ["--error-text", "--error-bg"], ["--warn", "--sunken"], ["--accent", "--sunken"]];
      return pairs.map(([a, b]) => {
        const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m);
        return { pair: `${a} on ${b}`, ratio: (x + 0.05) / (y + 0.05) };
      });
    });
  const themes = [];
  for (let i = 0; i < 2; i++) {
    themes.push(await page.evaluate(() => document.documentElement.dataset.theme));
    for (const { pair, ratio } of await contrast()) assert.ok(ratio >= 4.5, `${themes[i]}: ${pair} is ${ratio.toFixed(2)}`);
    await page.getByRole("button", { name: /theme$/ }).click();
  }
  assert.deepEqual([...themes].sort(), ["dark", "light"]);
  await page.getByRole("button", { name: /theme$/ }).click();
  await page.reload();
  await waitForTotal(page, TOTAL.all);
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), themes[1]);
});

test("the keyboard alone reaches everything in the graph, and is spoken to", async ({ page, url, service }) => {
  await page.goto(address(url, service));
  await waitForTotal(page, TOTAL.all);
  const inGraph = () => page.evaluate(() => document.activeElement?.classList.contains("flame-scroller"));
  let tabs = 0;
  while (!(await inGraph()) && tabs++ < 60) await page.keyboard.press("Tab");
  assert.ok(await inGraph(), "Tab reaches the graph");
  const live = page.getByTestId("flame-live");
  const hears = async (text) => {
    await page.waitForFunction((t) => document.querySelector('[data-testid="flame-live"]').textContent.includes(t), text);
  };
  await hears("total, 100 % of total, self 0 %, depth 0, 1 of 1 siblings");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await hears("main, 100 % of total, self 0 %, depth 1, 1 of 1 siblings");
  await page.keyboard.press("ArrowDown");
  await hears("work, 71.3 % of total, self 12.5 %, depth 2, 3 of 3 siblings");
  await page.keyboard.press("ArrowLeft");
  await hears("idle, 10.0 % of total, self 10.0 %, depth 2, 2 of 3 siblings");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await hears("Focused on work");
  assert.ok((await stateOf(page)).f);
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => !new URLSearchParams(location.search).has("f"));
  await page.keyboard.press("/");
  await page.keyboard.type("idle");
  await page.keyboard.press("Enter");
  await hears("idle, 10.0 %");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog", { name: "Keys and gestures" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await page.keyboard.press("t");
  await page.waitForFunction(() => new URLSearchParams(location.search).get("view") === "flame");
  assert.ok(await live.count());
});

test("refresh by itself asks again", async ({ page, url, service }) => {
  await page.clock.install();
  await page.goto(address(url, service, { refresh: "10s" }));
  await waitForTotal(page, TOTAL.all);
  const again = page.waitForRequest((r) => r.url().endsWith("SelectMergeStacktraces"));
  await page.clock.runFor(10_500);
  await again;
});

test("the server sends the page with its policy and caching", async ({ url, isMock }) => {
  const get = (path, headers = {}) => fetch(url + path, { headers, signal: AbortSignal.timeout(10_000) });
  const page = await get("/", { Accept: "text/html" });
  assert.equal(page.status, 200);
  const policy = page.headers.get("Content-Security-Policy") ?? "";
  assert.match(policy, /script-src 'self'/);
  assert.match(policy, /style-src 'self'/);
  assert.ok(!policy.includes("unsafe"), policy);
  assert.equal(page.headers.get("X-Content-Type-Options"), "nosniff");
  const html = await page.text();
  assert.equal(await (await get("/explore?q=x", { Accept: "text/html" })).text(), html, "/explore is the same page");
  const script = /src="\.(\/assets\/[^"]+\.js)"/.exec(html)[1];
  const asset = await get(script, { "Accept-Encoding": "gzip" });
  assert.match(asset.headers.get("Cache-Control") ?? "", /immutable/);
  assert.match(asset.headers.get("Content-Type") ?? "", /javascript/);
  if (!isMock) assert.equal(asset.headers.get("Content-Encoding"), "gzip");
  const missing = await get("/assets/missing.js");
  assert.equal(missing.status, 404);
  assert.doesNotMatch(missing.headers.get("Content-Type") ?? "", /html/);
});
