// The committed web/dist: what the sources build to, within its budget, made of registry packages only.

import assert from "node:assert/strict";
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const WEB = fileURLToPath(new URL("..", import.meta.url));
const DIST = join(WEB, "dist");
const SCRIPT_GZIP_BYTES_MAX = 55 * 1024;

function filesOf(root) {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort();
}

test("a fresh build gives the committed bytes", async () => {
  const { build } = await import("vite");
  const outDir = join(WEB, "node_modules", ".dist-check");
  await build({ root: WEB, logLevel: "error", build: { outDir, emptyOutDir: true } });
  const hint = "run `npm run build` in web/ and commit web/dist";
  assert.deepEqual(filesOf(outDir), filesOf(DIST), hint);
  for (const file of filesOf(DIST)) {
    assert.ok(readFileSync(join(outDir, file)).equals(readFileSync(join(DIST, file))), `${file} differs: ${hint}`);
  }
  rmSync(outDir, { recursive: true });
});

test("scripts stay within their budget", () => {
  const scripts = filesOf(DIST).filter((file) => file.endsWith(".js"));
  const bytes = scripts.reduce((sum, file) => sum + gzipSync(readFileSync(join(DIST, file)), { level: 9 }).length, 0);
  assert.ok(bytes <= SCRIPT_GZIP_BYTES_MAX, `${bytes} bytes of gzip'ed script, the budget is ${SCRIPT_GZIP_BYTES_MAX}`);
});

test("packages come from the registry and are pinned", () => {
  const lock = JSON.parse(readFileSync(join(WEB, "package-lock.json"), "utf8"));
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === "") continue;
    assert.match(entry.version, /^\d+\.\d+\.\d+/, path);
    assert.ok(entry.integrity?.startsWith("sha512-"), `${path} has no hash`);
    assert.equal(entry.resolved, undefined, `${path} names where it comes from`);
  }
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(WEB, "package.json"), "utf8"));
  for (const version of Object.values({ ...dependencies, ...devDependencies })) assert.match(version, /^\d+\.\d+\.\d+$/);
});
