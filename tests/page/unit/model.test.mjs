// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { Model } from "../../../crates/hopline-view/ui/js/model.mjs";

/** @param {number} parent @param {number} depth @param {number} start @param {number} duration @param {object} [more] */
const span = (parent, depth, start, duration, more = {}) => /** @type {any} */ ({ id: `${parent}-${start}`, parent, depth, start, duration, error: false, ...more });

/** @param {any[]} spans @param {object} [more] */
const trace = (spans, more = {}) => /** @type {any} */ ({ spans, criticalPath: [], repeats: [], align: [], services: ["a"], ...more });

test("the time axis covers each span, also one that begins before the root", () => {
  const model = new Model(trace([span(-1, 0, 0, 100), span(0, 1, -20, 10), span(0, 1, 90, 40)]), false);
  assert.deepEqual([model.from, model.to], [-20, 130]);
});

test("a trace without spans or without length has an axis", () => {
  for (const spans of [[], [span(-1, 0, 5, 0)]]) {
    const { from, to } = new Model(trace(spans), false);
    assert.ok(to > from && Number.isFinite(to), `${from} ${to}`);
  }
});

test("aligning shifts a row with all that is below it, for display only", () => {
  const spans = [span(-1, 0, 0, 100), span(0, 1, 200, 20), span(1, 2, 205, 5), span(0, 1, 50, 10)];
  const aligned = new Model(trace(spans, { align: [[1, -170]] }), true);
  assert.deepEqual(spans.map((_, row) => aligned.start(row)), [0, 30, 35, 50]);
  assert.equal(aligned.rows[1].start, 200);
  assert.deepEqual(spans.map((_, row) => new Model(trace(spans, { align: [[1, -170]] }), false).start(row)), [0, 200, 205, 50]);
});

test("shading is full where no child runs", () => {
  const model = new Model(trace([span(-1, 0, 0, 100), span(0, 1, 20, 30), span(1, 2, 20, 30)]), false);
  assert.equal(model.shading(0), "linear-gradient(90deg, var(--covered) 0.00% 0.00%, var(--own) 0.00% 20.00%, var(--covered) 20.00% 50.00%, var(--own) 50.00% 100.00%, var(--covered) 100.00% 100%)");
  assert.equal(model.shading(1), "linear-gradient(90deg, var(--covered) 0.00% 100%, var(--covered) 100%)");
  assert.equal(model.shading(2), "");
});

test("the shading of a span with 50,000 children stays small", () => {
  const children = Array.from({ length: 50_000 }, (_, at) => span(0, 1, at * 10, 5));
  assert.ok(new Model(trace([span(-1, 0, 0, 500_000), ...children]), false).shading(0).length < 20_000);
});

test("failures are counted, and critical parts are kept by row", () => {
  const model = new Model(trace([span(-1, 0, 0, 9), span(0, 1, 1, 2, { error: true })], { criticalPath: [[0, 0, 1], [1, 1, 3], [0, 3, 9]] }), false);
  assert.equal(model.failed, 1);
  assert.deepEqual(model.critical.get(0), [[0, 1], [3, 9]]);
});
