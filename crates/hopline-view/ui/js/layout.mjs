// @ts-check
// Geometry of a trace: rows in tree order, the part on screen, bars, self time, flame boxes. Pure: no DOM.
// Each loop is iterative, so the depth of a trace has no limit.

/** The row after the last descendant of each row, from depths in tree order. @param {ArrayLike<number>} depths */
export function subtreeEnds(depths) {
  const ends = new Int32Array(depths.length);
  /** @type {number[]} */
  const open = [];
  for (let row = 0; row < depths.length; row += 1) {
    while (open.length > 0 && depths[open[open.length - 1]] >= depths[row]) ends[/** @type {number} */ (open.pop())] = row;
    open.push(row);
  }
  for (const row of open) ends[row] = depths.length;
  return ends;
}

/** The rows that no collapsed row hides; `~row` precedes a row whose parent was not received.
 * @param {Int32Array} ends @param {ReadonlySet<number>} collapsed @param {(row: number) => boolean} [orphan] */
export function visibleRows(ends, collapsed, orphan = () => false) {
  const rows = [];
  for (let row = 0; row < ends.length; row = collapsed.has(row) ? ends[row] : row + 1) {
    if (orphan(row)) rows.push(~row);
    rows.push(row);
  }
  return Int32Array.from(rows);
}

/** Where a row is, or its nearest visible ancestor. @param {Int32Array} visible as `visibleRows` gives it @param {number} row */
export function positionOf(visible, row) {
  let [low, high] = [0, visible.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((visible[middle] < 0 ? ~visible[middle] : visible[middle]) <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The half-open range of rows to draw. @param {number} top @param {number} height @param {number} size @param {number} count */
export function windowOf(top, height, size, count, spare = 6) {
  const from = Math.max(0, Math.min(count, Math.floor(top / size) - spare));
  return { from, to: Math.min(count, Math.ceil((top + height) / size) + spare) };
}

/** The scroll position that shows row `at`, moving as little as possible. @param {number} top @param {number} height @param {number} size @param {number} at */
export function scrollFor(top, height, size, at, margin = 1) {
  const [first, last] = [(at - margin) * size, (at + 1 + margin) * size];
  if (first < top) return Math.max(0, first);
  return last > top + height ? last - height : top;
}

/** The ancestors of a row. @param {ArrayLike<number>} parents @param {number} row */
export function ancestors(parents, row) {
  const found = [];
  for (let at = parents[row]; at >= 0; at = parents[at]) found.push(at);
  return found;
}

/** The next row behind (or before) `from` that `wanted` accepts, round the end; -1 where none does.
 * @param {number} count @param {number} from @param {1 | -1} step @param {(row: number) => boolean} wanted */
export function next(count, from, step, wanted) {
  for (let moved = 1, row = from; moved <= count; moved += 1) {
    row = row < 0 && step < 0 ? count - 1 : (row + step + count) % count;
    if (wanted(row)) return row;
  }
  return -1;
}

/** Positions of about `wanted` marks on a time axis at steps of 1, 2 or 5. @param {number} from @param {number} to @param {number} wanted */
export function ticks(from, to, wanted) {
  const raw = (to - from) / Math.max(1, wanted);
  if (!(raw > 0)) return { step: 1, at: [from] };
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10);
  const at = [];
  for (let mark = Math.ceil(from / step); mark * step <= to * (1 + 1e-12); mark += 1) at.push(mark * step);
  return { step, at };
}

/** The parts of [from, to] that no child covers. @param {number} from @param {number} to @param {Array<[number, number]>} children */
export function selfParts(from, to, children) {
  const sorted = children.filter(([start, end]) => end > from && end > start).sort((a, b) => a[0] - b[0]);
  /** @type {Array<[number, number]>} */
  const parts = [];
  let at = from;
  for (const [start, end] of sorted) {
    if (start >= to) break;
    if (start > at) parts.push([at, start]);
    at = Math.max(at, end);
  }
  if (at < to) parts.push([at, to]);
  return parts;
}

/** A bar in percent of the shown range; at least `least` wide, null where it is outside.
 * @param {number} start @param {number} end @param {number} from @param {number} to */
export function bar(start, end, from, to, least = 0.15) {
  if (end < from || start > to || to <= from) return null;
  const scale = 100 / (to - from);
  const left = Math.max(0, (start - from) * scale);
  const width = Math.max(least, Math.min(100, (end - from) * scale) - left);
  return { left: Math.min(left, 100 - least), width };
}

/**
 * @typedef {object} Box one box of the flame view: sibling spans of one service and name, merged
 * @property {number} row the longest span of it
 * @property {number} depth
 * @property {number} left share of the width, 0 to 1
 * @property {number} width
 * @property {number} spans
 * @property {number} self in nanoseconds, of the spans themselves
 * @property {number} total `self` with all that is below
 * @property {boolean} error whether a span of it failed
 */

/** Merges siblings of one key; the width is self time, so parallel children never exceed their parent.
 * @param {{ parent: ArrayLike<number>, depth: ArrayLike<number>, self: ArrayLike<number>, length: ArrayLike<number>, key: (row: number) => string, error: (row: number) => boolean }} trace
 * @returns {Box[]} parents before children */
export function flame({ parent, depth, self, length, key, error }) {
  /** @type {Box[]} */
  const boxes = [];
  /** @type {Map<string, number>} */
  const known = new Map();
  const boxOf = new Int32Array(depth.length);
  /** @type {number[]} */
  const parents = [];
  for (let row = 0; row < depth.length; row += 1) {
    const above = parent[row] < 0 ? -1 : boxOf[parent[row]];
    const name = `${above} ${key(row)}`;
    let at = known.get(name);
    if (at === undefined) {
      at = boxes.length;
      known.set(name, at);
      parents.push(above);
      boxes.push({ row, depth: depth[row], left: 0, width: 0, spans: 0, self: 0, total: 0, error: false });
    }
    boxOf[row] = at;
    const box = boxes[at];
    box.spans += 1;
    box.self += self[row];
    box.error ||= error(row);
    if (length[row] > length[box.row]) box.row = row;
  }
  // a parent's box is always made before its children's
  for (let at = boxes.length - 1; at >= 0; at -= 1) {
    boxes[at].total += boxes[at].self;
    if (parents[at] >= 0) boxes[parents[at]].total += boxes[at].total;
  }
  const whole = boxes.reduce((sum, box, at) => (parents[at] < 0 ? sum + box.total : sum), 0) || 1;
  const used = new Float64Array(boxes.length);
  let roots = 0;
  boxes.forEach((box, at) => {
    const above = parents[at];
    box.width = box.total / whole;
    box.left = above < 0 ? roots : boxes[above].left + used[above];
    if (above < 0) roots += box.width;
    else used[above] += box.width;
  });
  return boxes;
}

/** The path of a small curve, scaled to its own highest value. @param {number[]} values @param {number} width @param {number} height */
export function spark(values, width, height) {
  const top = Math.max(...values, 0);
  if (values.length < 2 || top === 0) return `M0 ${height}H${width}`;
  const step = width / (values.length - 1);
  return values.map((value, at) => `${at ? "L" : "M"}${+(at * step).toFixed(1)} ${+(height - (value / top) * height).toFixed(1)}`).join("");
}
