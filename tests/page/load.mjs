// @ts-check
// The page under the load of examples/checkout.

import assert from "node:assert/strict";
import { open, until } from "./browser.mjs";
import { order, products } from "./programs.mjs";

/** @typedef {{ browser: import("playwright-core").Browser, view: { page: string, otlp: string, pid: number }, shop: { gateway: string, output: () => string }, out: string, hopline: string, short: boolean }} Subject */

/** @param {string} address @returns {Promise<any>} */
export const api = async (address) => (await fetch(address)).json();

/** Requests of each kind, of which one fails. @param {string} gateway */
export async function round(gateway) {
  const statuses = await Promise.all([products(gateway), order(gateway), order(gateway, { payment: "slow" }), order(gateway, { payment: "fail" })]);
  assert.deepEqual(statuses, [200, 201, 201, 503]);
}

/** The newest whole trace of a failed order. @param {Subject} subject */
const failedTrace = ({ view }) => until(async () => {
  const { traces } = await api(`${view.page}api/traces?q=${encodeURIComponent('name:"POST /checkout" status:error')}`);
  return traces.find((/** @type {any} */ one) => !one.incomplete && one.services.length > 2);
}, "a failed order");

/** @param {import("playwright-core").Page} page @param {string} id */
const showTrace = async (page, id) => {
  await page.click(`.line a[href="t/${id}"]`);
  await page.waitForSelector(".span .bar");
};

/** @type {Record<string, (subject: Subject) => Promise<string | void>>} */
export const checks = {
  "the list fills by itself": async ({ browser, view, shop }) => {
    const page = await open(browser);
    await page.goto(view.page);
    await page.getByText("Waiting for the first trace").waitFor();
    assert.match(await page.innerText(".give"), /OTEL_EXPORTER_OTLP_ENDPOINT=http:\/\/127\.0\.0\.1:\d+/);
    await round(shop.gateway);
    await page.getByRole("link", { name: "POST /checkout" }).first().waitFor();
    await page.getByRole("link", { name: "GET /products" }).first().waitFor();
    await until(async () => (await page.locator(".line").count()) >= 4, "four rows");
    assert.equal(await page.locator(".line.bad .failed").first().innerText().then((text) => /^✕ (\d+ errors|error)$/.test(text)), true);
    assert.ok((await page.locator(".line svg rect").count()) > 10, "rows have small waterfalls");
    assert.ok(await page.locator(".scatter canvas").isVisible());
    await page.context().close();
  },

  "a pause holds the list, and its end shows the traces that arrived": async ({ browser, view, shop }) => {
    const page = await open(browser);
    await page.goto(view.page);
    await page.waitForSelector(".line");
    await page.keyboard.press(".");
    const state = () => page.locator(".state > span").first().innerText();
    const [before, { total }] = [await state(), await api(`${view.page}api/traces?limit=1`)];
    await round(shop.gateway);
    await until(async () => (await api(`${view.page}api/traces?limit=1`)).total >= total + 4, "four more traces in the store");
    await page.getByRole("button", { name: /changes? held/ }).waitFor();
    assert.equal(await state(), before);
    await page.keyboard.press(".");
    await until(async () => (await state()) !== before, "the held traces");
    await page.context().close();
  },

  "a click opens a trace, and its bars match the API": async (subject) => {
    const { browser, view } = subject;
    const failed = await failedTrace(subject);
    const page = await open(browser);
    await page.goto(view.page);
    await showTrace(page, failed.id);
    assert.equal(page.url(), `${view.page}t/${failed.id}`);
    const { spans } = await api(`${view.page}api/traces/${failed.id}`);
    const drawn = await page.$$eval(".span[data-row]", (rows) => rows.map((row) => {
      const [lane, bar] = [row.querySelector(".span-time"), row.querySelector(".bar")].map((one) => /** @type {Element} */ (one).getBoundingClientRect());
      return { row: Number(/** @type {HTMLElement} */ (row).dataset.row), left: (bar.left - lane.left) / lane.width, width: bar.width / lane.width, label: row.querySelector(".span-label")?.textContent, pixel: 1 / lane.width };
    }));
    assert.equal(drawn.length, spans.length);
    const [from, to] = [Math.min(...spans.map((/** @type {any} */ one) => one.start)), Math.max(...spans.map((/** @type {any} */ one) => one.start + one.duration))];
    for (const { row, left, width, label, pixel } of drawn) {
      const { start, duration, name } = spans[row];
      assert.ok(label?.startsWith(name), `${label} is not ${name}`);
      assert.ok(Math.abs(left - (start - from) / (to - from)) <= pixel, `row ${row} begins at ${left}`);
      // a bar is at least two pixels wide
      assert.ok(Math.abs(width - duration / (to - from)) <= 2 * pixel + 0.0015, `row ${row} is ${width} wide`);
    }
    const critical = await page.locator(".span .critical").count();
    assert.ok(critical > 0, "the critical path is drawn");
    await page.keyboard.press("c");
    await until(async () => (await page.locator(".span .critical").count()) === 0, "c hides the critical path");
    await page.goBack();
    await page.waitForSelector(".line");
    await page.context().close();
  },

  "a deep link selects the span": async (subject) => {
    const { browser, view } = subject;
    const { id } = await failedTrace(subject);
    const { spans } = await api(`${view.page}api/traces/${id}`);
    const row = spans.findIndex((/** @type {any} */ one) => one.name === "db.query");
    const detail = await api(`${view.page}api/traces/${id}/spans/${spans[row].id}`);
    const page = await open(browser);
    await page.goto(`${view.page}t/${id}?span=${spans[row].id}`);
    await page.waitForSelector(".panel .sql");
    assert.equal(await page.locator(".span[aria-selected=true]").getAttribute("data-row"), String(row));
    assert.equal(await page.innerText(".panel h2"), "db.query");
    assert.equal(await page.innerText(".panel .sql"), detail.sql);
    const shown = await page.locator(".panel section").filter({ hasText: "Attributes" }).locator("dt").allInnerTexts();
    assert.deepEqual(shown, detail.attributes.map((/** @type {[string, unknown]} */ [key]) => key).sort());
    assert.doesNotMatch(await page.innerText("body"), /s3cr3t|4242424242424242/);
    await page.keyboard.press("Escape");
    await until(async () => !page.url().includes("span="), "Escape closes the panel");
    await page.context().close();
  },

  "n and p go from error to error": async (subject) => {
    const { browser, view } = subject;
    const { id } = await failedTrace(subject);
    const { spans } = await api(`${view.page}api/traces/${id}`);
    const failed = spans.flatMap((/** @type {any} */ one, /** @type {number} */ row) => (one.error ? [row] : []));
    assert.ok(failed.length > 1);
    const page = await open(browser);
    await page.goto(`${view.page}t/${id}`);
    await page.waitForSelector(".span .bar");
    const at = (/** @type {number} */ row) => page.waitForSelector(`.span.bad[data-row="${row}"][aria-selected=true]`);
    await page.keyboard.press("n");
    await at(failed[0]);
    await page.waitForSelector(".panel .failure");
    await page.keyboard.press("n");
    await at(failed[1]);
    await page.keyboard.press("p");
    await at(failed[0]);
    await page.keyboard.press("p");
    await at(failed[failed.length - 1]);
    await page.context().close();
  },

  "keys move, fold, search, and list themselves": async (subject) => {
    const { browser, view } = subject;
    const { id } = await failedTrace(subject);
    const page = await open(browser);
    await page.goto(`${view.page}t/${id}`);
    await page.waitForSelector(".span .bar");
    const rows = await page.locator(".span").count();
    await page.keyboard.press("j");
    const root = page.locator('.span[data-row="0"]');
    assert.equal(await root.getAttribute("aria-selected"), "true");
    await page.keyboard.press("h");
    await until(async () => (await page.locator(".span").count()) < rows, "h folds");
    assert.equal(await root.getAttribute("aria-expanded"), "false");
    await page.keyboard.press("l");
    await until(async () => (await page.locator(".span").count()) === rows, "l unfolds");
    const focus = await page.locator(".rows").getAttribute("aria-activedescendant");
    assert.ok(focus && (await page.locator(`#${focus}`).count()) === 1, "the active row is in the document");
    await page.keyboard.press("/");
    await page.keyboard.type("sqlite");
    await page.waitForSelector(".span.dim");
    const { rows: matches } = await api(`${view.page}api/traces/${id}/search?q=sqlite`);
    assert.ok(matches.length > 0);
    await page.keyboard.press("Escape");
    await page.keyboard.press("n");
    assert.ok(matches.includes(Number(await page.locator(".span[aria-selected=true]").getAttribute("data-row"))));
    await page.keyboard.press("?");
    await page.waitForSelector('[role="dialog"]');
    await page.keyboard.press("Escape");
    await page.waitForSelector('[role="dialog"]', { state: "detached" });
    for (const [key, drawn] of [["f", ".box"], ["m", ".node"], ["w", ".span"]]) {
      await page.keyboard.press(key);
      await page.waitForSelector(drawn);
    }
    await page.context().close();
  },

  "search words are in the URL and survive a reload": async ({ browser, view }) => {
    const page = await open(browser, { expect: /400 \(Bad Request\)/ });
    await page.goto(view.page);
    await page.waitForSelector(".line");
    await page.keyboard.press("/");
    await page.keyboard.type("status:error name:checkout");
    const only = async () => {
      const [lines, bad] = [await page.locator(".line").count(), await page.locator(".line.bad").count()];
      return lines > 0 && lines === bad;
    };
    await until(only, "only failed traces");
    assert.equal(new URL(page.url()).searchParams.get("q"), "status:error name:checkout");
    await page.reload();
    await until(only, "only failed traces after a reload");
    assert.equal(await page.inputValue("input[type=search]"), "status:error name:checkout");
    await page.fill("input[type=search]", ">200 ms");
    await page.waitForSelector('.problem[role="alert"]');
    await page.fill("input[type=search]", "");
    await until(async () => (await page.locator(".line:not(.bad)").count()) > 0, "all traces");
    await page.context().close();
  },

  "light and dark follow the system, and a toggle stays": async ({ browser, view }) => {
    const ground = (/** @type {import("playwright-core").Page} */ page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const pages = await Promise.all(/** @type {const} */ (["light", "dark"]).map((scheme) => open(browser, { scheme })));
    for (const page of pages) await page.goto(view.page);
    for (const page of pages) await page.waitForSelector(".line");
    const [light, dark] = await Promise.all(pages.map(ground));
    assert.notEqual(light, dark);
    await pages[0].keyboard.press("t");
    assert.equal(await ground(pages[0]), dark);
    await pages[0].reload();
    await pages[0].waitForSelector(".line");
    assert.equal(await ground(pages[0]), dark);
    await pages[0].keyboard.press("t");
    assert.equal(await ground(pages[0]), light);
    for (const page of pages) await page.context().close();
  },

  "each view fits a window of 400 pixels": async (subject) => {
    const { browser, view } = subject;
    const { id } = await failedTrace(subject);
    const { spans } = await api(`${view.page}api/traces/${id}`);
    const page = await open(browser, { width: 400, height: 800 });
    for (const path of ["", `t/${id}`, `t/${id}?span=${spans[1].id}`, `t/${id}?view=flame`, `t/${id}?view=map`, `t/${id}?view=json`, "services", "services?tab=map", "services?tab=slow", "compare", `compare?a=${id}&b=${id}`, "about"]) {
      await page.goto(view.page + path);
      await page.waitForSelector(".line, .span .bar, .box, .node, .json pre, .red, .pick, .pair, .about table");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= 400, `${path} is ${wide} wide`);
    }
    await page.context().close();
  },

  "the app serves its own page, to which it prints links": async ({ browser, shop }) => {
    const link = await until(async () => shop.output().match(/http:\S+\/_trace\/t\/([0-9a-f]{32})/), "a link in the example's output");
    const page = await open(browser);
    await page.goto(String(link?.[0]));
    await page.waitForSelector(".span .bar");
    await page.getByRole("link", { name: "Traces", exact: true }).click();
    await page.waitForURL(`${shop.gateway}/_trace/`);
    await page.waitForSelector(".line");
    const { mode, counts } = await api(`${shop.gateway}/_trace/api/info`);
    assert.equal(mode, "app");
    assert.ok(counts.traces >= 4);
    await page.getByRole("link", { name: "About" }).click();
    await page.getByText("Shows the traces of the app that serves this page").waitFor();
    await page.context().close();
  },

  "services have rates and charts, and two traces compare": async (subject) => {
    const { browser, view } = subject;
    const { id } = await failedTrace(subject);
    const page = await open(browser);
    await page.goto(`${view.page}services`);
    const line = page.locator(".red tbody tr", { hasText: "POST /checkout" }).first();
    await line.waitFor();
    assert.match(await line.innerText(), /✕ \d/);
    await line.locator(".fold").click();
    await page.waitForSelector(".series canvas");
    await page.goto(`${view.page}services?tab=map`);
    for (const name of ["gateway", "orders", "payments"]) await page.locator(".node", { hasText: name }).first().waitFor();
    await page.goto(`${view.page}t/${id}`);
    await page.getByRole("link", { name: "compare", exact: true }).click();
    await page.waitForSelector(".pick:not(:has(.failed))");
    await page.click(".pick:not(:has(.failed))");
    await page.waitForSelector(".pair");
    assert.ok((await page.locator(".pair.added, .pair.missing").count()) > 0, "a failed and a good order differ");
    await page.context().close();
  },
};
