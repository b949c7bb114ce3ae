// @ts-check
// The programs that the test starts: the viewer and the example. Each is stopped when the test ends.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/**
 * Starts a program and waits for a line of its output.
 * @param {string} path @param {string[]} args @param {RegExp} line @param {Record<string, string>} [variables]
 * @returns {Promise<{ found: RegExpMatchArray, output: () => string, pid: number, stop: () => Promise<void> }>}
 */
export async function start(path, args, line, variables = {}) {
  const child = spawn(path, args, { env: { ...process.env, ...variables }, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let output = "";
  const found = await new Promise((resolve, reject) => {
    const heard = (/** @type {Buffer} */ text) => {
      output = (output + text).slice(-1_000_000);
      const match = output.match(line);
      if (match) resolve(match);
    };
    child.stdout.on("data", heard);
    child.stderr.on("data", heard);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${path} ended with ${code} before ${line}:\n${output}`)));
  });
  const stop = async () => {
    running.delete(child);
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGINT");
    await once(child, "exit");
  };
  return { found, output: () => output, pid: child.pid ?? 0, stop };
}

/** Stops what still runs. */
export function stopAll() {
  for (const child of running) child.kill("SIGKILL");
}

/**
 * The viewer on free ports.
 * @param {string} program @param {string[]} [args]
 */
export async function viewer(program, args = []) {
  const line = /page +(http:\S+)\nOTLP\/HTTP +(http:\S+)\n/;
  const started = await start(program, ["view", "--port", "0", "--http-port", "0", "--no-grpc", ...args], line);
  return { ...started, page: `${started.found[1].replace(/\/$/, "")}/`, otlp: started.found[2] };
}

/** The first of `count` free ports in a row. @param {number} count */
export async function freePorts(count) {
  for (let tried = 0; tried < 50; tried += 1) {
    const base = 20_000 + Math.floor(Math.random() * 12_000);
    const free = await Promise.all(Array.from({ length: count }, (_, at) => isFree(base + at)));
    if (free.every(Boolean)) return base;
  }
  throw new Error(`found no ${count} free ports in a row`);
}

/** @param {number} port @returns {Promise<boolean>} */
function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/**
 * The example, which sends its spans to a collector.
 * @param {string} program @param {string} otlp
 */
export async function checkout(program, otlp) {
  const base = await freePorts(6);
  const started = await start(program, ["--base-port", String(base)], /The gateway is at (http:\/\/\S+?)\.\s/, {
    OTEL_EXPORTER_OTLP_ENDPOINT: otlp,
    OTEL_BSP_SCHEDULE_DELAY: "200",
  });
  return { ...started, gateway: started.found[1] };
}

/** Sends an order to the example. @param {string} gateway @param {object} [more] @returns {Promise<number>} the status */
export async function order(gateway, more = {}) {
  const answer = await fetch(`${gateway}/checkout`, {
    method: "POST",
    headers: { "x-tenant-id": "acme", "authorization": "Bearer s3cr3t-bearer-token", "content-type": "application/json" },
    body: JSON.stringify({ card: "4242424242424242", lines: [{ product: "teapot", quantity: 1 }, { product: "cup", quantity: 4 }], ...more }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** Asks the example for its products. @param {string} gateway */
export async function products(gateway) {
  const answer = await fetch(`${gateway}/products`, { headers: { "x-tenant-id": "acme" } });
  await answer.arrayBuffer();
  return answer.status;
}
