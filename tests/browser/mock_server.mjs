// A stand-in for brazier while the page is developed: serves web/dist and answers the calls the page makes, from
// stacks pushed to /ingest (folded) or, with --demo, from made-up ones. Not a reference: tests run against the real
// binary, this only has to behave like it where the page looks.
//
//   node tests/browser/mock_server.mjs [--port N] [--demo]

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, join, normalize } from "node:path";
import { replyOf } from "../../web/test/build_reply.mjs";

const DIST = new URL("../../web/dist/", import.meta.url).pathname;
const CONTENT_TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const BODY_BYTES_MAX = 16 << 20;

const TYPES = {
  cpu: ["process_cpu:cpu:nanoseconds:cpu:nanoseconds", 1e7],
  inuse_space: ["memory:inuse_space:bytes::", 1],
  goroutines: ["goroutine:goroutines:count::", 1],
};

const profiles = [];
let requests = 0;

function matchersOf(selector) {
  const text = selector.trim();
  if (!/^\{.*\}$/s.test(text)) {
    throw { status: 400, code: "invalid_argument", message: `parsing label selector: failed to parse label selector "${selector}"` };
  }
  const found = [...text.matchAll(/([A-Za-z_]\w*|"(?:[^"\\]|\\.)*")\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g)];
  const rest = found.reduce((left, m) => left.replace(m[0], ""), text);
  if (!/^\{[\s,]*\}$/.test(rest)) {
    throw { status: 400, code: "invalid_argument", message: `parsing label selector "${selector}": 1:2: parse error: unexpected text` };
  }
  return found.map(([, name, op, value]) => ({ name: name.replace(/"/g, ""), op, value: value.replace(/\\(.)/g, "$1") }));
}

function select(selector, type, start, end) {
  const matchers = matchersOf(selector);
  return profiles.filter(
    (p) =>
      (!type || p.labels.__profile_type__ === type) &&
      p.time >= start &&
      p.time <= end &&
      matchers.every(({ name, op, value }) => {
        const have = p.labels[name] ?? "";
        if (op === "=") return have === value;
        if (op === "!=") return have !== value;
        return new RegExp(`^(?:${value})$`).test(have) === (op === "=~");
      }),
  );
}

function inRange(request) {
  const [start, end] = [Number(request.start), Number(request.end)];
  if (!start || !end) throw { status: 400, code: "invalid_argument", message: "missing time range in the query" };
  if (end - start > 86_400_000) {
    throw { status: 400, code: "invalid_argument", message: "the query time range exceeds the limit (max_query_length, limit: 1d)" };
  }
  return (request.matchers?.length ? request.matchers : ["{}"]).flatMap((m) => select(m, undefined, start, end));
}

function merge(found) {
  const stacks = {};
  for (const p of found) for (const [stack, value] of Object.entries(p.stacks)) stacks[stack] = (stacks[stack] ?? 0) + value;
  return stacks;
}

const METHODS = {
  Series(request) {
    const names = request.labelNames ?? [];
    const sets = new Map();
    for (const p of inRange(request)) {
      const labels = names.filter((n) => n in p.labels).map((name) => ({ name, value: p.labels[name] }));
      sets.set(JSON.stringify(labels), { labels });
    }
    return sets.size > 0 ? { labelsSet: [...sets.values()] } : {};
  },
  LabelNames: (request) => ({ names: [...new Set(inRange(request).flatMap((p) => Object.keys(p.labels)))].sort() }),
  LabelValues: (request) => ({
    names: [...new Set(inRange(request).flatMap((p) => p.labels[request.name] ?? []))].sort(),
  }),
  SelectMergeStacktraces(request) {
    const stacks = merge(select(request.labelSelector, request.profileTypeID, Number(request.start), Number(request.end)));
    return { flamegraph: replyOf(stacks) };
  },
  SelectSeries(request) {
    const step = request.step * 1000;
    const [start, end] = [Number(request.start), Number(request.end)];
    const groups = new Map();
    for (const p of select(request.labelSelector, request.profileTypeID, start - step, end)) {
      const labels = (request.groupBy ?? []).map((name) => ({ name, value: p.labels[name] ?? "" }));
      const group = groups.get(JSON.stringify(labels)) ?? { labels, points: new Map(), total: 0 };
      const at = start + Math.max(0, Math.ceil((p.time - start) / step)) * step;
      const value = Object.values(p.stacks).reduce((a, b) => a + b, 0);
      group.points.set(at, (group.points.get(at) ?? 0) + value);
      group.total += value;
      groups.set(JSON.stringify(labels), group);
    }
    const sorted = [...groups.values()].sort((a, b) => b.total - a.total).slice(0, request.limit || undefined);
    return {
      series: sorted.map(({ labels, points }) => ({
        labels,
        points: [...points].sort(([a], [b]) => a - b).map(([t, value]) => ({ timestamp: String(t), value })),
      })),
    };
  },
};

function ingest(url, body) {
  const name = url.searchParams.get("name") ?? "";
  const parts = /^([\w./-]+)(?:\{(.*)\})?$/.exec(name);
  if (!parts) throw { status: 400, code: "invalid_argument", message: `name: invalid service name: ${name}` };
  const suffix = Object.keys(TYPES).find((t) => parts[1].endsWith(`.${t}`)) ?? "cpu";
  const service = parts[1].replace(new RegExp(`\\.${suffix}$`), "");
  const [type, factor] = TYPES[suffix];
  const until = url.searchParams.get("until") ?? "now";
  const time = /^\d+$/.test(until) ? Number(until) * (until.length <= 10 ? 1000 : 1) : Date.now();
  const labels = { service_name: service, __profile_type__: type };
  for (const pair of (parts[2] ?? "").split(",").filter(Boolean)) {
    const [key, value] = pair.split("=");
    labels[key.trim()] = value.trim();
  }
  const stacks = {};
  for (const line of body.toString("utf8").split("\n")) {
    const space = line.lastIndexOf(" ");
    if (space > 0) stacks[line.slice(0, space)] = (stacks[line.slice(0, space)] ?? 0) + Number(line.slice(space + 1)) * factor;
  }
  profiles.push({ labels, time, stacks });
}

async function serveFile(path, reply) {
  const wanted = path === "/" || path === "/explore" ? "/index.html" : path;
  const file = join(DIST, normalize(wanted));
  try {
    const content = await readFile(file);
    const immutable = wanted.startsWith("/assets/");
    reply.writeHead(200, {
      "Content-Type": CONTENT_TYPES[extname(file)] ?? "application/octet-stream",
      "Content-Security-Policy": CSP,
      "X-Content-Type-Options": "nosniff",
      "Cache-Control": immutable ? "public,max-age=31536000,immutable" : "no-cache",
    });
    reply.end(content);
  } catch {
    reply.writeHead(404, { "Content-Type": "text/plain" }).end("404 page not found\n");
  }
}

async function bodyOf(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) throw { status: 413, code: "invalid_argument", message: "body too large" };
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function handle(request, reply) {
  const url = new URL(request.url, "http://mock");
  const requestId = `mock-${++requests}`;
  try {
    const body = await bodyOf(request);
    if (url.pathname === "/ingest") {
      ingest(url, body);
      return reply.writeHead(200).end();
    }
    const call = /^\/querier\.v1\.QuerierService\/(\w+)$/.exec(url.pathname);
    if (!call) return serveFile(url.pathname, reply);
    if (call[1] === "SelectMergeProfile") {
      // Enough of a pprof message to be told from nothing: an empty string table.
      return reply.writeHead(200, { "Content-Type": "application/proto", "X-Request-Id": requestId }).end(Buffer.from([0x32, 0]));
    }
    const method = METHODS[call[1]];
    if (!method) throw { status: 404, code: "unimplemented", message: `no method ${call[1]}` };
    const text = JSON.stringify(method(JSON.parse(body.toString("utf8"))));
    reply.writeHead(200, { "Content-Type": "application/json", "X-Request-Id": requestId }).end(text);
  } catch (cause) {
    const { status = 500, code = "internal", message = String(cause) } = cause;
    reply.writeHead(status, { "Content-Type": "application/json", "X-Request-Id": requestId });
    reply.end(JSON.stringify({ code, message }));
  }
}

/** Two hours of three services, a profile every 15 seconds per pod. */
function fillDemo() {
  let state = 7;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const branches = {
    checkout: [
      ["runtime.main;main.main;net/http.(*Server).Serve;net/http.(*conn).serve;net/http.HandlerFunc.ServeHTTP", 0],
      ["github.com/shop/checkout/api.(*Handler).PlaceOrder;github.com/shop/checkout/cart.(*Store).Load;encoding/json.Unmarshal;encoding/json.(*decodeState).value;encoding/json.(*decodeState).object", 31],
      ["github.com/shop/checkout/api.(*Handler).PlaceOrder;github.com/shop/checkout/cart.(*Store).Load;encoding/json.Unmarshal;encoding/json.checkValid", 9],
      ["github.com/shop/checkout/api.(*Handler).PlaceOrder;github.com/shop/checkout/pricing.Quote;github.com/shop/checkout/pricing.applyRules;regexp.(*Regexp).MatchString;regexp.(*machine).match", 22],
      ["github.com/shop/checkout/api.(*Handler).PlaceOrder;github.com/shop/checkout/pricing.Quote;github.com/shop/checkout/pricing.applyRules;sort.Slice;sort.insertionSort_func", 7],
      ["github.com/shop/checkout/api.(*Handler).PlaceOrder;github.com/shop/checkout/payment.(*Client).Charge;crypto/tls.(*Conn).Write;crypto/internal/fips140/aes/gcm.Seal", 12],
      ["github.com/shop/checkout/api.(*Handler).PlaceOrder;github.com/shop/checkout/payment.(*Client).Charge;net.(*conn).Write;syscall.write", 8],
      ["github.com/shop/checkout/api.(*Handler).Health;fmt.Fprintf;fmt.(*pp).doPrintf", 3],
      ["compress/gzip.(*Writer).Write;compress/flate.(*compressor).deflate;compress/flate.(*compressor).findMatch", 11],
    ],
  };
  const prefix = branches.checkout[0][0];
  const gc = "runtime.gcBgMarkWorker;runtime.systemstack;runtime.gcDrain;runtime.scanobject";
  const now = Date.now();
  for (let t = now - 7_200_000; t <= now; t += 15_000) {
    const incident = t > now - 1_500_000 && t < now - 900_000 ? 3.2 : 1;
    for (const region of ["eu", "us", "ap"]) {
      const weight = { eu: 1, us: 0.7, ap: 0.35 }[region] * (region === "eu" ? incident : 1);
      const stacks = { [gc]: Math.round((6 + random() * 5) * weight) * 1e7, [`${gc};runtime.greyobject`]: Math.round(5 * weight * random()) * 1e7 };
      for (const [path, base] of branches.checkout.slice(1)) {
        const hot = path.includes("regexp") ? incident : 1;
        stacks[`${prefix};${path}`] = Math.round(base * weight * hot * (0.6 + random() * 0.8)) * 1e7;
        for (let i = 0; i < 3; i++) stacks[`${prefix};${path};runtime.mallocgc;runtime.nextFreeFast_${i}`] = Math.round(random() * 3 * weight) * 1e7;
      }
      const labels = { service_name: "checkout", __profile_type__: TYPES.cpu[0], region, pod: `checkout-${region}-0` };
      profiles.push({ labels, time: t, stacks });
    }
    for (const service of ["cart", "search"]) {
      profiles.push({
        labels: { service_name: service, __profile_type__: TYPES.inuse_space[0], region: "eu" },
        time: t,
        stacks: { "main;load;make_index": 3e8 + random() * 1e7, "main;cache": 1e8 },
      });
    }
  }
}

/** Starts on loopback; port 0 picks a free one. */
export async function startMock({ port = 0, demo = false } = {}) {
  if (demo) fillDemo();
  const server = createServer((request, reply) => void handle(request, reply));
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  return { server, url: `http://127.0.0.1:${server.address().port}` };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const at = process.argv.indexOf("--port");
  const { url } = await startMock({
    port: at > 0 ? Number(process.argv[at + 1]) : 4041,
    demo: process.argv.includes("--demo"),
  });
  console.log(`mock server on ${url}`);
}
