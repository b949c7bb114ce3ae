// @ts-check
// One trace as the trace view draws it: tree ends, display shifts, critical parts, failures. Pure.

import { selfParts, subtreeEnds } from "./layout.mjs";

/** @typedef {import("./api.mjs").Trace} ApiTrace */

export class Model {
  /** @param {ApiTrace} trace @param {boolean} aligned whether remote children are shifted into their parents */
  constructor(trace, aligned) {
    const { spans } = trace;
    this.trace = trace;
    this.rows = spans;
    this.parents = spans.map(({ parent }) => parent);
    this.ends = subtreeEnds(spans.map(({ depth }) => depth));
    /** Added to the start of each row for display. */
    this.shift = new Float64Array(spans.length);
    if (aligned) for (const [row, shift] of trace.align) for (let at = row; at < this.ends[row]; at += 1) this.shift[at] += shift;
    let [from, to] = [Infinity, -Infinity];
    spans.forEach(({ start, duration }, row) => {
      from = Math.min(from, start + this.shift[row]);
      to = Math.max(to, start + this.shift[row] + duration);
    });
    /** Bounds of the time axis, never equal. */
    this.from = Number.isFinite(from) ? from : 0;
    this.to = to > this.from ? to : this.from + 1;
    /** The parts of each row on the critical path. @type {Map<number, [number, number][]>} */
    this.critical = new Map();
    for (const [row, start, end] of trace.criticalPath) {
      const parts = this.critical.get(row);
      if (parts) parts.push([start, end]);
      else this.critical.set(row, [[start, end]]);
    }
    /** Repeated statements by their parent's row. @type {Map<number, ApiTrace["repeats"][number]>} */
    this.repeats = new Map(trace.repeats.map((repeat) => [repeat.parent, repeat]));
    this.failed = spans.reduce((sum, { error }) => sum + Number(error), 0);
    /** @type {Map<string, number>} */
    this.rowOf = new Map(spans.map(({ id }, row) => [id, row]));
    /** @type {Map<number, [number, number][]>} */
    this.parts = new Map();
  }

  /** @param {number} row */
  start(row) {
    return this.rows[row].start + this.shift[row];
  }

  /** @param {number} row */
  end(row) {
    return this.start(row) + this.rows[row].duration;
  }

  /** The parts of a row that no child covers, computed once. @param {number} row */
  own(row) {
    let parts = this.parts.get(row);
    if (!parts) {
      /** @type {[number, number][]} */
      const children = [];
      for (let child = row + 1; child < this.ends[row]; child = this.ends[child]) children.push([this.start(child), this.end(child)]);
      parts = selfParts(this.start(row), this.end(row), children);
      this.parts.set(row, parts);
    }
    return parts;
  }

  /** The background of a bar: full colour in its own time, light where children run. @param {number} row */
  shading(row) {
    const [from, length] = [this.start(row), this.rows[row].duration];
    if (this.ends[row] === row + 1 || length <= 0) return "";
    const stops = [];
    let at = 0;
    for (const [start, end] of this.own(row)) {
      const [left, right] = [((start - from) / length) * 100, ((end - from) / length) * 100];
      // what is narrower than a pixel of a wide screen is not seen, and thousands of stops are slow
      if (right - left < 0.05 || stops.length > 200) continue;
      stops.push(`var(--covered) ${at.toFixed(2)}% ${left.toFixed(2)}%`, `var(--own) ${left.toFixed(2)}% ${right.toFixed(2)}%`);
      at = right;
    }
    return `linear-gradient(90deg, ${stops.join(", ")}${stops.length ? ", " : ""}var(--covered) ${at.toFixed(2)}% 100%${stops.length ? "" : ", var(--covered) 100%"})`;
  }
}
