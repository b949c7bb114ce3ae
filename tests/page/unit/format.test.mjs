// @ts-check
import assert from "node:assert/strict";
import test from "node:test";
import { axis, bytes, clock, count, duration, moment, percent, plural, rate, value } from "../../../crates/hopline-view/ui/js/format.mjs";

test("durations have two or three digits and the largest unit that fits", () => {
  const cases = /** @type {const} */ ([
    [0, "0"], [1, "1 ns"], [999, "999 ns"], [1000, "1 µs"], [31_000, "31 µs"], [8_300_000, "8.3 ms"], [8_000_000, "8 ms"], [84_200_000, "84 ms"],
    [999_700, "1 ms"], [999_999_999, "1 s"], [1_500_000_000, "1.5 s"], [59_940_000_000, "1 min"], [90e9, "1.5 min"], [7.2e12, "2 h"], [-1_200_000, "−1.2 ms"], [Number.NaN, "–"],
  ]);
  assert.deepEqual(cases.map(([ns]) => duration(ns)), cases.map(([, text]) => text));
});

test("marks of an axis have the decimals that their step needs", () => {
  assert.equal(axis(0, 5e6), "0");
  assert.equal(axis(15e6, 5e6), "15 ms");
  assert.equal(axis(1.5e9, 5e8), "1.5 s");
  assert.equal(axis(20.25e6, 50_000), "20.25 ms");
});

test("counts, sizes, rates and shares", () => {
  assert.equal(count(1_234_567), "1,234,567");
  assert.equal(plural(1, "span"), "1 span");
  assert.equal(plural(0, "match", "matches"), "0 matches");
  assert.deepEqual([512, 1024, 67_108_864].map(bytes), ["512 B", "1 KiB", "64 MiB"]);
  assert.deepEqual([0, 0.05, 0.4, 120].map(rate), ["0/s", "3/min", "0.4/s", "120/s"]);
  assert.deepEqual([0, 0.0001, 0.0163, 1].map(percent), ["0 %", "<0.1 %", "1.6 %", "100 %"]);
});

test("times of day have milliseconds, and a title its zone", () => {
  const at = new Date(2026, 10, 28, 7, 5, 9, 42).getTime();
  assert.equal(clock(at), "07:05:09.042");
  assert.match(moment(at), /^2026-11-28 07:05:09\.042 UTC([+−]\d\d:\d\d)?$/);
});

test("attribute values are text; lists are JSON", () => {
  assert.deepEqual(["a", 1, false, ["x", 2], "", null].map(value), ["a", "1", "false", '["x",2]', "", "(empty)"]);
});
