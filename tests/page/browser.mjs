// @ts-check
// Headless Chromium, and what must hold on each of its pages: no message in the console, no request beyond loopback.

import { createRequire } from "node:module";

// `require` finds modules by NODE_PATH, which `import` does not
const { chromium } = /** @type {typeof import("playwright-core")} */ (createRequire(import.meta.url)("playwright-core"));

/** @typedef {import("playwright-core").Page} Page */

/** Messages and requests that no page may have. @type {string[]} */
export const faults = [];

/** @param {string} path */
export function launch(path) {
  return chromium.launch({
    executablePath: path,
    // root has no sandbox; names resolve to nothing, so that a request beyond loopback cannot succeed
    args: [...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
}

/**
 * A page of its own profile.
 * @param {import("playwright-core").Browser} browser
 * @param {{ scheme?: "light" | "dark", width?: number, height?: number, expect?: RegExp }} [options] `expect`: messages that this page may have
 * @returns {Promise<Page>}
 */
export async function open(browser, { scheme = "light", width = 1360, height = 860, expect } = {}) {
  const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height } });
  context.setDefaultTimeout(15_000);
  const page = await context.newPage();
  const fault = (/** @type {string} */ text) => { if (!expect?.test(text)) faults.push(`${page.url()}: ${text}`); };
  page.on("console", (message) => { if (message.type() === "error" || message.type() === "warning") fault(`console ${message.type()}: ${message.text()}`); });
  page.on("pageerror", (error) => fault(`uncaught: ${error.message}`));
  context.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol !== "data:" && hostname !== "127.0.0.1") fault(`request to ${request.url()}`);
  });
  return page;
}

/** Waits until `ask` gives something true, by the page's own frames. @template T @param {() => Promise<T>} ask @param {string} what @returns {Promise<T>} */
export async function until(ask, what) {
  const end = Date.now() + 15_000;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`waited 15 s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
