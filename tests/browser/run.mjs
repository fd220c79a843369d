// Runs the page in Chromium against a server and ends with one line: "N passed, N failed".
//
//   node tests/browser/run.mjs [--base-url http://127.0.0.1:PORT | --mock] [--only TEXT] [--screenshots DIR]
//
// Without --base-url it starts the real binary ($BRAZIER_BIN, default build/release/brazier) on loopback; with --mock
// the stand-in of mock_server.mjs. It pushes its own profiles. Without chromium or playwright-core it skips.

import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pushFixture, openWatchedPage, tests } from "./harness.mjs";
import { startMock } from "./mock_server.mjs";
import { startBrazier } from "./server.mjs";
import "./cases_explore.mjs";
import "./cases_states.mjs";
import "./cases_large.mjs";

const TEST_TIMEOUT_MS = 40_000;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

function argument(name) {
  const at = process.argv.indexOf(name);
  return at > 0 ? process.argv[at + 1] : undefined;
}

function skip(reason) {
  console.log(`skipped: ${reason}`);
  console.log("0 passed, 0 failed, 1 skipped");
  process.exit(0);
}

function loadPlaywright() {
  const folders = [process.env.BRAZIER_NODE_MODULES, new URL("../../web/", import.meta.url).pathname];
  for (const folder of folders.filter(Boolean)) {
    try {
      return createRequire(join(folder, "package.json"))("playwright-core");
    } catch {
      // The next place, or a skip.
    }
  }
  return undefined;
}

async function startServer() {
  const given = argument("--base-url");
  if (given) return { url: given.replace(/\/$/, ""), isMock: false, stop: async () => undefined };
  if (!process.argv.includes("--mock")) return { ...(await startBrazier()), isMock: false };
  const { server, url } = await startMock();
  return { url, isMock: true, stop: async () => server.close() };
}

function withDeadline(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${TEST_TIMEOUT_MS} ms`)), TEST_TIMEOUT_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function runOne(browser, server, service, { name, run, allowErrors }) {
  // A context of its own: no storage, no cache of the test before.
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, acceptDownloads: true });
  const figures = [];
  try {
    const { page, seen } = await openWatchedPage(context, server.url);
    const report = (values) => figures.push(JSON.stringify(values));
    try {
      await withDeadline(run({ page, context, service, report, url: server.url, isMock: server.isMock }), name);
      const bad = seen.filter((line) => !allowErrors?.test(line));
      if (bad.length > 0) throw new Error(`the page misbehaved:\n  ${bad.join("\n  ")}`);
    } catch (error) {
      const shots = argument("--screenshots");
      if (shots) await page.screenshot({ path: join(shots, `${name.replace(/\W+/g, "-")}.png`) }).catch(() => undefined);
      throw new Error(`${error.message}${seen.length > 0 ? `\n  seen: ${seen.join("\n        ")}` : ""}`);
    }
  } finally {
    await context.close();
  }
  return figures;
}

async function main() {
  if (!existsSync(CHROMIUM)) skip(`no Chromium at ${CHROMIUM}`);
  const playwright = loadPlaywright();
  if (!playwright) skip("playwright-core is not installed: run npm ci in web/");
  if (argument("--screenshots")) mkdirSync(argument("--screenshots"), { recursive: true });
  const server = await startServer();
  let passed = 0;
  let failed = 0;
  try {
    const service = `ui-${randomBytes(4).toString("hex")}`;
    await pushFixture(server.url, service);
    const browser = await playwright.chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
    try {
      const only = argument("--only") ?? "";
      for (const one of tests.filter((t) => t.name.includes(only))) {
        const began = Date.now();
        try {
          const figures = await runOne(browser, server, service, one);
          passed++;
          console.log(`ok    ${one.name} (${Date.now() - began} ms) ${figures.join(" ")}`);
        } catch (error) {
          failed++;
          console.log(`FAIL  ${one.name}\n  ${error.message}`);
        }
      }
    } finally {
      await browser.close();
    }
  } finally {
    await server.stop();
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed > 0 ? 0 : 1);
}

main().catch((error) => {
  console.log(`FAIL  ${error.message}`);
  console.log("0 passed, 1 failed");
  process.exit(1);
});
