// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { ancestors, bar, flame, next, positionOf, scrollFor, selfParts, spark, subtreeEnds, ticks, visibleRows, windowOf } from "../../../crates/hopline-view/ui/js/layout.mjs";

// a tree in order:  0 ─ 1 ─ 2, 1 ─ 3, 0 ─ 4; and a second root 5
const DEPTHS = [0, 1, 2, 2, 1, 0];
const PARENTS = [-1, 0, 1, 1, 0, -1];
const ENDS = subtreeEnds(DEPTHS);

test("the end of each subtree is the row behind its last descendant", () => {
  assert.deepEqual([...ENDS], [5, 4, 3, 4, 5, 6]);
});

test("a chain of 100,000 spans overflows no stack", () => {
  const depths = Array.from({ length: 100_000 }, (_, depth) => depth);
  const ends = subtreeEnds(depths);
  assert.ok(ends.every((end) => end === 100_000));
  const parents = depths.map((depth) => depth - 1);
  assert.equal(ancestors(parents, 99_999).length, 99_999);
  const ones = depths.map(() => 1);
  const boxes = flame({ parent: parents, depth: depths, self: ones, length: ones, key: () => "a", error: () => false });
  assert.equal(boxes.length, 100_000);
  assert.equal(boxes[0].total, 100_000);
});

test("folding a row hides what is below it", () => {
  assert.deepEqual([...visibleRows(ENDS, new Set())], [0, 1, 2, 3, 4, 5]);
  assert.deepEqual([...visibleRows(ENDS, new Set([1]))], [0, 1, 4, 5]);
  assert.deepEqual([...visibleRows(ENDS, new Set([0, 1]))], [0, 5]);
});

test("a row without its parent has a placeholder before it", () => {
  const visible = visibleRows(ENDS, new Set(), (row) => row === 5);
  assert.deepEqual([...visible], [0, 1, 2, 3, 4, ~5, 5]);
  assert.equal(positionOf(visible, 5), 6);
  assert.equal(positionOf(visible, 4), 4);
});

test("a hidden row is found at its nearest visible ancestor", () => {
  assert.equal(positionOf(visibleRows(ENDS, new Set([1])), 3), 1);
  assert.equal(positionOf(visibleRows(ENDS, new Set([0])), 4), 0);
});

test("only rows on screen are drawn, with a few to spare", () => {
  assert.deepEqual(windowOf(0, 860, 26, 50_000), { from: 0, to: 40 });
  assert.deepEqual(windowOf(26_000, 860, 26, 50_000), { from: 994, to: 1040 });
  assert.deepEqual(windowOf(1_299_140, 860, 26, 50_000), { from: 49_960, to: 50_000 });
  // a list that became shorter than the scroll position
  assert.deepEqual(windowOf(90_000, 860, 26, 10), { from: 10, to: 10 });
});

test("scrolling moves as little as possible", () => {
  assert.equal(scrollFor(100, 260, 26, 6), 100);
  assert.equal(scrollFor(100, 260, 26, 2), 26);
  assert.equal(scrollFor(0, 260, 26, 20), 22 * 26 - 260);
  assert.equal(scrollFor(500, 260, 26, 0), 0);
});

test("the next failure is found in both directions and round the end", () => {
  const failed = (/** @type {number} */ row) => row === 2 || row === 4;
  assert.equal(next(6, -1, 1, failed), 2);
  assert.equal(next(6, 2, 1, failed), 4);
  assert.equal(next(6, 4, 1, failed), 2);
  assert.equal(next(6, 2, -1, failed), 4);
  assert.equal(next(6, -1, -1, failed), 4);
  assert.equal(next(6, -1, -1, (row) => row === 5), 5);
  assert.equal(next(6, 2, 1, (row) => row === 2), 2);
  assert.equal(next(6, 0, 1, () => false), -1);
  assert.equal(next(0, -1, 1, () => true), -1);
});

test("marks of an axis are at round steps", () => {
  assert.deepEqual(ticks(0, 84e6, 6), { step: 2e7, at: [0, 2e7, 4e7, 6e7, 8e7] });
  assert.deepEqual(ticks(0, 10, 5), { step: 2, at: [0, 2, 4, 6, 8, 10] });
  assert.deepEqual(ticks(31, 39, 4).at, [32, 34, 36, 38]);
  assert.deepEqual(ticks(7, 7, 4), { step: 1, at: [7] });
});

test("own time is what no child covers", () => {
  assert.deepEqual(selfParts(0, 10, [[2, 4], [3, 6]]), [[0, 2], [6, 10]]);
  assert.deepEqual(selfParts(0, 10, [[-5, 3], [8, 20]]), [[3, 8]]);
  assert.deepEqual(selfParts(0, 10, [[0, 10], [2, 3]]), []);
  assert.deepEqual(selfParts(0, 10, [[4, 4]]), [[0, 10]]);
  assert.deepEqual(selfParts(5, 10, [[20, 30], [0, 1]]), [[5, 10]]);
});

test("bars stay inside of the shown range", () => {
  assert.deepEqual(bar(25, 75, 0, 100), { left: 25, width: 50 });
  assert.deepEqual(bar(0, 200, 50, 100), { left: 0, width: 100 });
  assert.deepEqual(bar(50, 50, 0, 100, 0.5), { left: 50, width: 0.5 });
  assert.equal(bar(0, 10, 50, 100), null);
  assert.equal(bar(110, 120, 50, 100), null);
});

test("flame boxes merge siblings of one name and never exceed their parent", () => {
  const names = ["a", "b", "q", "q", "b", "a"];
  const boxes = flame({ parent: PARENTS, depth: DEPTHS, self: [10, 5, 20, 30, 15, 20], length: [100, 60, 20, 30, 15, 20], key: (row) => names[row], error: (row) => row === 3 });
  assert.deepEqual(boxes.map(({ depth, spans, self, total, row, error }) => [depth, spans, self, total, row, error]), [
    [0, 2, 30, 100, 0, false], [1, 2, 20, 70, 1, false], [2, 2, 50, 50, 3, true],
  ]);
  assert.deepEqual(boxes.map(({ left, width }) => [left, width]), [[0, 1], [0, 0.7], [0, 0.5]]);
});

test("a small curve fills its box, and an empty one is a line", () => {
  assert.equal(spark([0, 2, 1], 20, 10), "M0 10L10 0L20 5");
  assert.equal(spark([0, 0, 0], 20, 10), "M0 10H20");
  assert.equal(spark([], 20, 10), "M0 10H20");
});
