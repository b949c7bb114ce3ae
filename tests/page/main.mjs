// @ts-check
// Drives headless Chromium over the page of `hopline view`: under the load of examples/checkout, and over files.
//
// node main.mjs --hopline PROGRAM --checkout PROGRAM --chromium PROGRAM --out FOLDER [--short] [--only TEXT]
// `cargo xtask page` builds the programs and calls this with NODE_PATH set to the modules of `package.json`.

import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { faults, launch } from "./browser.mjs";
import * as bounds from "./bounds.mjs";
import * as load from "./load.mjs";
import { pictures } from "./pictures.mjs";
import { checkout, stopAll, viewer } from "./programs.mjs";

const text = /** @type {const} */ ({ type: "string", default: "" });
const { values: options } = parseArgs({ options: { hopline: text, checkout: text, chromium: text, out: text, only: text, short: { type: "boolean", default: false } } });
for (const name of /** @type {const} */ (["hopline", "checkout", "chromium", "out"])) if (!options[name]) throw new Error(`--${name} is missing`);

let failed = 0;

/** Runs one check; the others run also when it fails. @param {string} name @param {() => Promise<string | void>} work */
async function check(name, work) {
  if (!name.includes(options.only)) return;
  const begun = Date.now();
  const before = faults.length;
  try {
    const note = await work();
    if (faults.length > before) throw new Error(faults.slice(before).join("\n"));
    console.log(`ok    ${name}${note ? `: ${note}` : ""} (${Date.now() - begun} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n      ${(error instanceof Error ? (error.stack ?? error.message) : String(error)).replaceAll("\n", "\n      ")}`);
  }
}

mkdirSync(options.out, { recursive: true });
const browser = await launch(options.chromium);
try {
  const view = await viewer(options.hopline);
  const shop = await checkout(options.checkout, view.otlp);
  if (options.only) await load.round(shop.gateway);
  const subject = { browser, view, shop, out: options.out, hopline: options.hopline, short: options.short };
  for (const [name, work] of Object.entries(load.checks)) await check(name, () => work(subject));
  for (const [name, work] of Object.entries(bounds.checks)) await check(name, () => work(subject));
  if (!options.short) {
    await check(bounds.MANY, () => bounds.many(subject));
    for (const [name, work] of Object.entries(pictures)) await check(name, () => work(subject));
  }
  await shop.stop();
  await view.stop();
} finally {
  await browser.close();
  stopAll();
}
if (failed > 0) {
  console.log(`${failed} failed`);
  process.exitCode = 1;
}
