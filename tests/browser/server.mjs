// Starts the real binary on loopback with a folder of its own, and stops what it started.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const READY_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 20_000;

export const defaultBinary = () =>
  process.env.BRAZIER_BIN ?? fileURLToPath(new URL("../../build/release/brazier", import.meta.url));

async function freePorts(count) {
  const servers = [];
  for (let i = 0; i < count; i++) {
    const server = createServer();
    await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
    servers.push(server);
  }
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** { url, stop() }. Throws with the end of its output when it does not become ready. */
export async function startBrazier(binary = defaultBinary()) {
  if (!existsSync(binary)) throw new Error(`${binary} does not exist: run ./dev build, or set BRAZIER_BIN`);
  const folder = await mkdtemp(join(tmpdir(), "brazier-browser-"));
  const [http, thrift, zeromq, pull] = await freePorts(4);
  const flags = [
    "--target=all", "--multitenancy=false", `--data-dir=${join(folder, "data")}`,
    `--http.listen=127.0.0.1:${http}`, `--thrift.listen=127.0.0.1:${thrift}`,
    `--zeromq.listen=tcp://127.0.0.1:${zeromq}`, `--zeromq.pull-listen=tcp://127.0.0.1:${pull}`,
  ];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("BRAZIER_")));
  const child = spawn(binary, flags, { stdio: ["ignore", "pipe", "pipe"], env });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => (output = (output + chunk).slice(-8_000)));
  }
  const ended = new Promise((resolve) => child.once("exit", (code, signal) => resolve(code ?? signal)));
  const url = `http://127.0.0.1:${http}`;
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_WITHIN_MS);
    await ended;
    clearTimeout(timer);
    await rm(folder, { recursive: true, force: true });
  };
  for (const deadline = Date.now() + READY_WITHIN_MS; Date.now() < deadline; ) {
    if (child.exitCode !== null) break;
    const ready = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(2_000) }).then((r) => r.ok, () => false);
    if (ready) return { url, stop };
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stop();
  throw new Error(`brazier did not become ready\n${output}`);
}
