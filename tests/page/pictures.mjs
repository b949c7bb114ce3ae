// @ts-check
// A picture of each view, in light, dark and narrow, to be looked at.

import { join } from "node:path";
import { open } from "./browser.mjs";
import { api, round } from "./load.mjs";

/** @typedef {import("./load.mjs").Subject} Subject */

const FORMS = /** @type {const} */ ([["light", { scheme: "light" }], ["dark", { scheme: "dark" }], ["narrow", { scheme: "light", width: 400, height: 800 }]]);

/** Each view with what shows that it is drawn. @param {any} good @param {any} bad @param {any} span @returns {[string, string, string][]} */
const views = (good, bad, span) => [
  ["traces", "", ".line"], ["trace", `t/${good.id}`, ".span .bar"], ["error", `t/${bad.id}?span=${span.id}`, ".panel .failure"],
  ["flame", `t/${good.id}?view=flame`, ".box"], ["map", `t/${good.id}?view=map`, ".node"], ["json", `t/${good.id}?view=json`, ".json pre"],
  ["services", "services", ".red tbody tr"], ["services-map", "services?tab=map", ".node"], ["slow", "services?tab=slow", ".state b"],
  ["pick", `compare?a=${good.id}`, ".pick"], ["compare", `compare?a=${good.id}&b=${bad.id}`, ".pair"], ["about", "about", ".about table"],
];

/** @type {Record<string, (subject: Subject) => Promise<string | void>>} */
export const pictures = Object.fromEntries(FORMS.map(([form, options]) => [`pictures, ${form}`, async ({ browser, view, shop, out }) => {
  for (let at = 0; at < 3; at += 1) await round(shop.gateway);
  const orders = (await api(`${view.page}api/traces?q=${encodeURIComponent('name:"POST /checkout"')}`)).traces;
  const good = orders.find((/** @type {any} */ one) => one.errors === 0 && one.services.length > 3);
  const bad = orders.find((/** @type {any} */ one) => one.errors > 0 && one.services.length > 3);
  const { spans } = await api(`${view.page}api/traces/${bad.id}`);
  const failed = spans.filter((/** @type {any} */ one) => one.error);
  const page = await open(browser, options);
  for (const [name, path, drawn] of views(good, bad, failed[failed.length - 1])) {
    await page.goto(view.page + path);
    await page.waitForSelector(drawn);
    await page.evaluate(() => document.fonts.ready.then(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))));
    await page.screenshot({ path: join(out, `${name}-${form}.png`) });
  }
  if (form === "light") {
    await page.setViewportSize({ width: 1080, height: 670 });
    await page.goto(`${view.page}t/${bad.id}?span=${failed[failed.length - 1].id}`);
    await page.waitForSelector(".panel .failure");
    await page.screenshot({ path: join(out, "readme.png") });
  }
  await page.context().close();
}]));
