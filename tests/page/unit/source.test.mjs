// @ts-check
// Rules that the page's own files keep: text is never inserted as HTML, nothing is loaded from elsewhere.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

const UI = new URL("../../../crates/hopline-view/ui/", import.meta.url);
const own = ["index.html", ...["js", "css"].flatMap((folder) => readdirSync(new URL(folder, UI)).map((name) => `${folder}/${name}`))];
const read = (/** @type {string} */ path) => readFileSync(new URL(path, UI), "utf8");

test("no file sets HTML or runs text", () => {
  assert.ok(own.length > 15);
  for (const path of own) assert.doesNotMatch(read(path), /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setHTML|createContextualFragment/i, path);
});

test("no file loads from another host, and the markup has no inline style or handler", () => {
  for (const path of own) assert.doesNotMatch(read(path).replaceAll("http://www.w3.org/", ""), /["'(]https?:\/\//, path);
  assert.doesNotMatch(read("index.html"), /<style|\sstyle=|\son[a-z]+=/i);
});

test("each script asks the compiler to check it", () => {
  for (const path of own.filter((name) => name.endsWith(".mjs"))) assert.ok(read(path).startsWith("// @ts-check\n"), path);
});
