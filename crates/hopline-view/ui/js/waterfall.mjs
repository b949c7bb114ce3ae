// @ts-check
// The waterfall: overview, time axis, and a tree grid of spans with their bars.

import { hue } from "./colour.mjs";
import { Failed, html, Rows, tint, useEffect, useLayoutEffect, useRef, useState } from "./dom.mjs";
import { axis, duration, plural } from "./format.mjs";
import { bar, ticks } from "./layout.mjs";
import { theme } from "./state.mjs";

/** @typedef {import("./model.mjs").Model} Model */
/**
 * @typedef {object} Props
 * @property {Model} model @property {Int32Array} visible @property {ReadonlySet<number>} collapsed @property {number} active
 * @property {number} at @property {[number, number] | null} zoom @property {(zoom: [number, number] | null) => void} setZoom
 * @property {(row: number) => void} select @property {(row: number, on: boolean) => void} fold
 * @property {Set<number> | null} matches @property {boolean} critical @property {boolean} narrow
 */

/** Indentation stops growing here; the depth is written instead. */
const DEEPEST = 16;

/** @param {Props} props */
export function Waterfall(props) {
  const { model, visible, at, zoom, setZoom, narrow } = props;
  const [from, to] = zoom ?? [model.from, model.to];
  const marks = ticks(from - model.from, to - model.from, narrow ? 3 : 5);
  const grid = marks.at.map((ns) => ({ left: ((ns + model.from - from) / (to - from)) * 100, text: axis(ns, marks.step) }));
  const row = (/** @type {number} */ position) => {
    const span = visible[position];
    return span < 0
      ? html`<${Absent} key=${`absent ${~span}`} id=${model.rows[~span].missingParent ?? ""} at=${position} />`
      : html`<${Span} key=${span} ...${props} row=${span} position=${position} from=${from} to=${to} />`;
  };
  return html`
    <div class="waterfall">
      <${Overview} model=${model} zoom=${zoom} setZoom=${setZoom} />
      <div class="axis" aria-hidden="true"><span>Span</span><span></span>
        <div class="axis-marks">${grid.map(({ left, text }, at) => html`<i key=${at} class=${left > 88 ? "last" : ""} style=${{ left: `${left}%` }}>${text}</i>`)}</div></div>
      <${Rows} id="span" role="treegrid" label="Spans" columns=${3} count=${visible.length} size=${narrow ? 44 : 26} active=${at} row=${row}
        behind=${html`<div class="span guides" role="presentation"><span></span><span></span><span>${grid.map(({ left }, at) => html`<i key=${at} style=${{ left: `${left}%` }}></i>`)}</span></div>`} />
    </div>`;
}

/** The place of a parent that was not received. @param {{ id: string, at: number }} props */
const Absent = ({ id, at }) => html`
  <div class="span absent" role="row" aria-level="1" id=${`span-${at}`} aria-rowindex=${at + 1}>
    <span role="gridcell" class="span-name" title=${`Parent ${id}: sampled out, not traced, or lost on the way`}>⋯ parent not received <code>${id}</code></span>
  </div>`;

/** @param {Props & { row: number, position: number, from: number, to: number }} props */
function Span({ model, row, position, from, to, collapsed, active, select, fold, matches, critical }) {
  const span = model.rows[row];
  const service = model.trace.services[span.service];
  const parent = span.parent >= 0 ? model.rows[span.parent] : null;
  const folds = model.ends[row] > row + 1;
  const folded = collapsed.has(row);
  const repeat = model.repeats.get(row);
  const rest = [span.label.startsWith(span.name) ? span.label.slice(span.name.length).trim() : span.label, span.place].filter(Boolean).join(" ");
  const classes = ["span", row === active && "active", span.error && "bad", matches && !matches.has(row) && "dim"].filter(Boolean).join(" ");
  return html`
    <div class=${classes} role="row" id=${`span-${position}`} data-row=${row} aria-level=${span.depth + 1} aria-rowindex=${position + 1} aria-selected=${String(row === active)}
      aria-expanded=${folds ? String(!folded) : undefined} style=${tint(service)} onClick=${() => select(row)}>
      <span role="gridcell" class="span-name" style=${{ paddingLeft: `calc(${Math.min(span.depth, DEEPEST)} * var(--indent))` }}>
        ${folds
          ? html`<button class="fold" tabindex="-1" title=${`${plural(model.ends[row] - row - 1, "span")} below`} aria-label=${folded ? "Unfold" : "Fold"}
              onClick=${(/** @type {Event} */ event) => { event.stopPropagation(); fold(row, !folded); }}>${folded ? "▸" : "▾"}</button>`
          : html`<i class="fold"></i>`}
        ${span.depth > DEEPEST && html`<small class="deep">${span.depth}</small>`}
        <i class="dot"></i>
        ${(!parent || parent.service !== span.service) && html`<span class="service bare">${service}</span>`}
        <span class="span-label" title=${`${span.name} ${rest}`}>${span.name}${rest && html` <span class="muted">${rest}</span>`}</span>
        ${span.target && html`<span class="muted">▸ ${span.target}</span>`}
        ${span.status !== undefined && html`<span class=${span.status >= 400 ? "code bad" : "code"}>${span.status}</span>`}
        ${span.error && html`<span title=${span.errorText ?? ""}><${Failed} /></span>`}
        ${span.open && html`<span class="running">◌ running</span>`}
        ${repeat && html`<span class="repeat" title=${`${plural(repeat.count, "time")}: ${repeat.statement} (${duration(repeat.duration)})`}>×${repeat.count} repeated</span>`}
        ${span.cycle && html`<span class="partial" title="Its parent is one of its own descendants; the link was cut">cycle cut</span>`}
        ${model.shift[row] !== 0 && html`<span class="partial" title="Shifted for display only">⇄ ${duration(model.shift[row])}</span>`}
        ${folded && html`<span class="muted">+${model.ends[row] - row - 1}</span>`}
        ${span.links && html`<span class="muted" title=${plural(span.links, "link")}>↗ ${span.links}</span>`}
        ${span.logs && html`<span class="muted" title=${plural(span.logs, "log line")}>≡ ${span.logs}</span>`}
      </span>
      <span role="gridcell" class="span-duration">${duration(span.duration)}</span>
      <span role="gridcell" class="span-time"><${Bar} model=${model} row=${row} from=${from} to=${to} critical=${critical} /></span>
    </div>`;
}

/** @param {{ model: Model, row: number, from: number, to: number, critical: boolean }} props */
function Bar({ model, row, from, to, critical }) {
  const span = model.rows[row];
  const [start, end] = [model.start(row), model.end(row)];
  const place = (/** @type {number} */ left, /** @type {number} */ right, least = 0) => {
    const at = bar(left, right, from, to, least);
    return at && { left: `${at.left}%`, width: `${at.width}%` };
  };
  // the whole bar keeps its shading when it is cut by the zoom: it is drawn whole and clipped
  const scale = 100 / (to - from);
  const [left, width] = [(start - from) * scale, Math.max(0.15, (end - start) * scale)];
  const parts = critical ? model.critical.get(row) ?? [] : [];
  const shift = model.shift[row];
  return html`
    <i class=${`bar${span.error ? " error" : ""}${span.open ? " open" : ""}`} data-start=${span.start} data-duration=${span.duration}
      style=${{ left: `${left}%`, width: `${width}%`, backgroundImage: model.shading(row) }}></i>
    ${parts.slice(0, 60).map(([first, last], at) => {
      const where = place(first + shift, last + shift, 0.15);
      return where && html`<i key=${at} class="critical" style=${where}></i>`;
    })}
    ${span.events?.slice(0, 60).map(([offset, name], at) => {
      const where = place(offset + shift, offset + shift);
      return where && html`<i key=${`e${at}`} class="tick" title=${`${name} at ${duration(offset)}`} style=${{ left: where.left }}></i>`;
    })}`;
}

/** The whole trace in a small picture; dragging over it zooms.
 * @param {{ model: Model, zoom: [number, number] | null, setZoom: (zoom: [number, number] | null) => void }} props */
function Overview({ model, zoom, setZoom }) {
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const begun = useRef(-1);
  const [drag, setDrag] = useState(/** @type {[number, number] | null} */ (null));
  const [width, setWidth] = useState(0);
  useEffect(() => {
    const watch = new ResizeObserver(([entry]) => setWidth(entry.contentRect.width));
    if (canvas.current) watch.observe(canvas.current);
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    const element = canvas.current;
    const pen = element?.getContext("2d");
    if (!element || !pen || width === 0) return;
    const height = element.clientHeight;
    [element.width, element.height] = [width * devicePixelRatio, height * devicePixelRatio];
    pen.scale(devicePixelRatio, devicePixelRatio);
    const colours = model.trace.services.map((name) => colour(element, `oklch(var(--bar-l) var(--bar-c) ${hue(name)})`));
    const error = colour(element, "var(--error)");
    const { length } = model.rows;
    // more rows than this would overdraw one another
    const step = Math.ceil(length / 1500);
    const lane = Math.min(5, height / Math.ceil(length / step));
    for (let row = 0; row < length; row += step) {
      const { duration: long, service, error: failed } = model.rows[row];
      pen.fillStyle = failed ? error : colours[service];
      pen.fillRect(((model.start(row) - model.from) / (model.to - model.from)) * width, (row / step) * lane, Math.max(1, (long / (model.to - model.from)) * width), Math.max(0.7, lane * 0.75));
    }
  }, [model, width, theme.value]);
  const share = (/** @type {PointerEvent} */ event) => {
    const box = /** @type {HTMLElement} */ (event.currentTarget).getBoundingClientRect();
    return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width));
  };
  const whole = model.to - model.from;
  const shown = drag ?? (zoom && [(zoom[0] - model.from) / whole, (zoom[1] - model.from) / whole]);
  return html`
    <div class="overview" title="Drag to zoom; double-click for the whole trace" aria-hidden="true" onDblClick=${() => setZoom(null)}
      onPointerDown=${(/** @type {any} */ event) => { begun.current = share(event); event.currentTarget.setPointerCapture(event.pointerId); }}
      onPointerMove=${(/** @type {PointerEvent} */ event) => { if (begun.current >= 0) setDrag(sorted(begun.current, share(event))); }}
      onPointerUp=${() => {
        begun.current = -1;
        if (drag && drag[1] - drag[0] > 0.005) setZoom([model.from + drag[0] * whole, model.from + drag[1] * whole]);
        setDrag(null);
      }}>
      <canvas ref=${canvas}></canvas>
      ${shown && html`<i class="shade" style=${{ left: 0, width: `${shown[0] * 100}%` }}></i><i class="shade" style=${{ left: `${shown[1] * 100}%`, right: 0 }}></i>`}
    </div>`;
}

/** @param {number} a @param {number} b @returns {[number, number]} */
const sorted = (a, b) => (a < b ? [a, b] : [b, a]);

/** A colour of the theme as the canvas takes it. @param {HTMLElement} element @param {string} css */
function colour(element, css) {
  element.style.color = css;
  return getComputedStyle(element).color;
}
