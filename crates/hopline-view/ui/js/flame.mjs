// @ts-check
// The flame view: sibling spans of one name merged, as wide as their own time and that of all below.

import { html, tint, useMemo, useState } from "./dom.mjs";
import { duration, percent, plural } from "./format.mjs";
import { flame } from "./layout.mjs";

const HEIGHT = 24;
/** Boxes narrower than this share of the width are not drawn. */
const LEAST = 0.001;
const MOST = 3000;

/** @param {{ model: import("./model.mjs").Model, active: number, select: (row: number) => void }} props */
export function Flame({ model, active, select }) {
  const { rows, parents, trace } = model;
  const boxes = useMemo(() => flame({
    parent: parents,
    depth: rows.map(({ depth }) => depth),
    self: rows.map(({ self }) => self),
    length: rows.map(({ duration }) => duration),
    key: (row) => `${rows[row].service} ${rows[row].label}`,
    error: (row) => rows[row].error,
  }), [model]);
  const [focus, setFocus] = useState(-1);
  const { left, width } = focus >= 0 && boxes[focus] ? boxes[focus] : { left: 0, width: 1 };
  const seen = boxes.map((box, at) => ({ box, at })).filter(({ box }) => box.width / width >= LEAST && box.left < left + width - 1e-9 && box.left + box.width > left + 1e-9);
  const deepest = seen.reduce((most, { box }) => Math.max(most, box.depth), 0);
  return html`
    <div class="flame">
      <p class="state"><span>Width is own time; siblings of one name are merged. A click zooms.</span>
        ${focus >= 0 && html`<button class="chip" onClick=${() => setFocus(-1)}>whole trace</button>`}
        ${seen.length < boxes.length && html`<span>${plural(boxes.length - seen.length, "narrow box", "narrow boxes")} not drawn</span>`}</p>
      <div class="flame-scroll" tabindex="0" role="region" aria-label="Flame view">
        <div class="flame-boxes" style=${{ height: `${(deepest + 1) * HEIGHT}px` }}>
          ${seen.slice(0, MOST).map(({ box, at }) => {
            const { label, service } = rows[box.row];
            const [from, to] = [Math.max(0, (box.left - left) / width), Math.min(1, (box.left + box.width - left) / width)];
            const text = `${label}${box.spans > 1 ? ` ×${box.spans}` : ""}`;
            return html`<button key=${at} class=${`box${box.error ? " error" : ""}${box.row === active ? " active" : ""}`} tabindex="-1"
              style=${{ ...tint(trace.services[service]), left: `${from * 100}%`, width: `calc(${(to - from) * 100}% - 1px)`, top: `${box.depth * HEIGHT}px` }}
              title=${`${trace.services[service]} · ${text}\nown time ${duration(box.self)}, with all below ${duration(box.total)} (${percent(box.width)})`}
              onClick=${() => { setFocus(box.width >= 1 ? -1 : at); select(box.row); }}>${to - from > 0.02 ? `${box.error ? "✕ " : ""}${text}` : ""}</button>`;
          })}
        </div>
      </div>
    </div>`;
}
