// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { format, parse } from "../../../crates/hopline-view/ui/js/route.mjs";
import { has, quote, split, toggle, word } from "../../../crates/hopline-view/ui/js/words.mjs";

test("each view has an address below the mount, and comes back from it", () => {
  for (const base of ["/", "/_trace/"]) {
    for (const route of /** @type {import("../../../crates/hopline-view/ui/js/route.mjs").Route[]} */ ([
      { view: "traces", trace: "", params: {} }, { view: "traces", trace: "", params: { q: 'service:orders "two words" >200ms', sort: "slowest" } },
      { view: "trace", trace: "4bf92f3577b34da6a3ce929d0e0e4736", params: { span: "00f067aa0ba902b7", view: "flame" } },
      { view: "services", trace: "", params: { tab: "map" } }, { view: "compare", trace: "", params: { a: "1", b: "2" } }, { view: "about", trace: "", params: {} },
    ])) {
      const address = new URL(format(route), `http://localhost${base}`);
      assert.deepEqual(parse(base, address.pathname, address.search), route, address.href);
    }
  }
});

test("an address that is no view is missing", () => {
  for (const path of ["/_trace/nothing", "/other", "/_trace/t/", "/_trace/t/a/b", "/_trace/about/x"]) assert.equal(parse("/_trace/", path, "").view, "missing", path);
  assert.equal(parse("/_trace/", "/_trace", "").view, "traces");
  assert.equal(parse("/", "/t/%E0%A4%A", "").trace, "%e0%a4%a");
});

test("parameters without a value are left out", () => {
  assert.equal(format({ view: "traces", params: { q: "", sort: "" } }), "./");
  assert.equal(format({ view: "trace", trace: "ab", params: { span: "" } }), "t/ab");
});

test("words are split at blanks outside of quotes", () => {
  assert.deepEqual(split('  service:orders  -health "two words" key:"a b" >200ms '), ["service:orders", "-health", '"two words"', 'key:"a b"', ">200ms"]);
  assert.deepEqual(split('"a \\" b" c'), ['"a \\" b"', "c"]);
  assert.deepEqual(split('"not closed'), ['"not closed']);
  assert.deepEqual(split(""), []);
});

test("values are quoted where they need it, so that splitting gives them back as one word", () => {
  assert.equal(quote("/orders/{id}"), "/orders/{id}");
  assert.equal(quote("two words"), '"two words"');
  for (const value of ["", "a b", 'say "x"', "back\\slash", "tab\there"]) assert.equal(split(word("key", value)).length, 1, value);
});

test("a button adds its word once and removes it again", () => {
  assert.equal(toggle("", "status:error"), "status:error");
  assert.equal(toggle("service:a", "status:error"), "service:a status:error");
  assert.equal(toggle("status:error service:a", "status:error"), "service:a");
  assert.ok(has("a  status:error", "status:error"));
  assert.ok(!has('"status:error x"', "status:error"));
});
