// @ts-check
// Contrast of the tokens, by the formula of WCAG 2: text at least 4.5, marks at least 3.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { HUES, hue, remember } from "../../../crates/hopline-view/ui/js/colour.mjs";

const CSS = readFileSync(new URL("../../../crates/hopline-view/ui/css/tokens.css", import.meta.url), "utf8");

/** Relative luminance of an OKLCH colour. @param {number} l @param {number} c @param {number} h */
function luminance(l, c, h) {
  const [a, b] = [c * Math.cos((h * Math.PI) / 180), c * Math.sin((h * Math.PI) / 180)];
  const [x, y, z] = [l + 0.3963377774 * a + 0.2158037573 * b, l - 0.1055613458 * a - 0.0638541728 * b, l - 0.0894841775 * a - 1.291485548 * b].map((part) => part ** 3);
  const rgb = [4.0767416621 * x - 3.3077115913 * y + 0.2309699292 * z, -1.2684380046 * x + 2.6097574011 * y - 0.3413193965 * z, -0.0041960863 * x - 0.7034186147 * y + 1.707614701 * z];
  const [red, green, blue] = rgb.map((part) => Math.max(0, Math.min(1, part)));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** @param {number} one @param {number} other */
const contrast = (one, other) => (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);

/** The luminance of a token in a scheme. @param {string} name @param {"light" | "dark"} scheme */
function token(name, scheme) {
  const found = CSS.match(new RegExp(`--${name}: light-dark\\(oklch\\(([^)]*)\\), oklch\\(([^)]*)\\)\\)`));
  assert.ok(found, `no token ${name}`);
  const [l, c, h] = found[scheme === "light" ? 1 : 2].split(" ").map(Number);
  return luminance(l, c, h);
}

/** @param {string} name @param {"light" | "dark"} scheme */
function number(name, scheme) {
  const all = [...CSS.matchAll(new RegExp(`--${name}: ([\\d.]+);`, "g"))].map((found) => Number(found[1]));
  return scheme === "light" ? all[0] : all[1];
}

const BACKGROUNDS = ["bg", "surface", "raised", "hover", "chosen", "error-soft"];

for (const scheme of /** @type {const} */ (["light", "dark"])) {
  test(`text is readable on each background, ${scheme}`, () => {
    for (const back of BACKGROUNDS) {
      for (const text of ["text", "muted", "error", "warn", "accent"]) {
        const found = contrast(token(text, scheme), token(back, scheme));
        assert.ok(found >= 4.5, `${text} on ${back}: ${found.toFixed(2)}`);
      }
    }
  });

  test(`marks and borders of controls are seen, ${scheme}`, () => {
    for (const back of ["bg", "surface"]) {
      for (const mark of ["critical", "edge", "error", "accent"]) {
        const found = contrast(token(mark, scheme), token(back, scheme));
        assert.ok(found >= 3, `${mark} on ${back}: ${found.toFixed(2)}`);
      }
    }
  });

  test(`each service's bar and name are seen, ${scheme}`, () => {
    for (const of of HUES) {
      for (const back of ["surface", "hover"]) {
        const bar = contrast(luminance(number("bar-l", scheme), number("bar-c", scheme), of), token(back, scheme));
        assert.ok(bar >= 3, `bar of hue ${of} on ${back}: ${bar.toFixed(2)}`);
        const name = contrast(luminance(number("name-l", scheme), number("name-c", scheme), of), token(back, scheme));
        assert.ok(name >= 4.5, `name of hue ${of} on ${back}: ${name.toFixed(2)}`);
      }
    }
  });
}

test("both ways to a dark page have the same numbers", () => {
  for (const name of ["bar-l", "bar-c", "name-l", "name-c"]) {
    const all = [...CSS.matchAll(new RegExp(`--${name}: ([\\d.]+);`, "g"))].map((found) => found[1]);
    assert.equal(all.length, 3, name);
    assert.equal(all[1], all[2], name);
  }
});

test("a page continues with the hues of an earlier one, and ignores what it cannot read", () => {
  /** @type {unknown[]} */
  const saved = [];
  remember([["first", 3], ["wrong", 99], ["also wrong", "x"]], (given) => saved.push(given.length));
  assert.equal(hue("first"), HUES[3]);
  hue("second");
  hue("second");
  assert.deepEqual(saved, [2]);
  remember("not a list", () => {});
});

test("the first services of a page have hues that are far apart", async () => {
  // a module of its own, to which no service was given
  const fresh = new URL("../../../crates/hopline-view/ui/js/colour.mjs?fresh", import.meta.url);
  const { hue } = await import(String(fresh));
  const hues = ["gateway", "inventory", "payments", "orders", "worker"].map(hue);
  for (const [at, one] of hues.entries()) for (const other of hues.slice(0, at)) assert.ok(Math.abs(one - other) >= 30, `${hues}`);
});

test("a service keeps its hue, and twelve services have twelve", () => {
  const services = ["gateway", "orders", "inventory", "payments", "worker", "mail", "search", "users", "carts", "prices", "stock", "audit"];
  const hues = services.map(hue);
  // two were given above
  assert.equal(new Set([hue("first"), hue("second"), ...hues.slice(0, HUES.length - 2)]).size, HUES.length);
  assert.deepEqual(services.map(hue), hues);
  assert.ok(HUES.includes(hue("a thirteenth")));
});
