// @ts-check
// Charts by uPlot: the latency scatter of the list and the time series of a route. Colours are the theme's tokens.

import uPlot from "uplot";
import { duration } from "./format.mjs";
import { html, useEffect, useMedia, useRef, useState } from "./dom.mjs";
import { theme } from "./state.mjs";

/** @typedef {{ x: number, y: number, error: boolean, id: string, text: string }} Point x in Unix seconds, y in ns */

/** The colours of tokens as the canvas takes them. @param {string[]} names */
function colours(...names) {
  const probe = document.body.appendChild(document.createElement("i"));
  const found = names.map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  });
  probe.remove();
  return found;
}

/** Makes a chart again when its options, the theme or the width change; gives the chart to `fill`.
 * @param {{ height: number, label: string, options: () => Omit<uPlot.Options, "width" | "height">, data: uPlot.AlignedData, shape: string, onClick?: (event: MouseEvent) => void, onMove?: (event: MouseEvent) => void, onLeave?: () => void, chart?: { current: uPlot | null } }} props */
function Chart({ height, label, options, data, shape, onClick, onMove, onLeave, chart }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const dark = useMedia("(prefers-color-scheme: dark)");
  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const made = new uPlot({ ...options(), width: element.clientWidth, height }, data, element);
    plot.current = made;
    if (chart) chart.current = made;
    const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    watch.observe(element);
    return () => {
      watch.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, height, theme.value, dark]);
  useEffect(() => { plot.current?.setData(data); }, [data]);
  return html`<div class="chart" role="img" aria-label=${label} ref=${box} onClick=${onClick} onMouseMove=${onMove} onMouseLeave=${onLeave} style=${{ height: `${height}px` }}></div>`;
}

/** @param {string} muted @param {string} line */
const axes = (muted, line) => ({ stroke: muted, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" });

const TIME = [
  [3600, "{HH}:{mm}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1], [0.001, "{HH}:{mm}:{ss}.{fff}", null, null, null, null, null, null, 1],
];

/** Latency over time, a point for each trace; a click opens the nearest one.
 * @param {{ points: Point[], height: number, open: (id: string) => void }} props */
export function Scatter({ points, height, open }) {
  const latest = useRef(points);
  latest.current = points;
  const chart = useRef(/** @type {uPlot | null} */ (null));
  const [near, setNear] = useState(/** @type {(Point & { left: number, top: number }) | null} */ (null));
  const data = /** @type {uPlot.AlignedData} */ ([points.map(({ x }) => x), points.map(({ y }) => Math.max(1000, y))]);

  /** @param {MouseEvent} event */
  const nearest = (event) => {
    const plot = chart.current;
    if (!plot) return null;
    const box = plot.over.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, distance] = [/** @type {(Point & { left: number, top: number }) | null} */ (null), 20 ** 2];
    for (const point of latest.current) {
      const [left, top] = [plot.valToPos(point.x, "x"), plot.valToPos(Math.max(1000, point.y), "y")];
      const away = (left - x) ** 2 + (top - y) ** 2;
      if (away < distance) [best, distance] = [{ ...point, left: left + plot.over.offsetLeft, top: top + plot.over.offsetTop }, away];
    }
    return best;
  };

  const options = () => {
    const [muted, line, accent, error] = colours("muted", "line", "accent", "error");
    /** @param {uPlot} plot */
    const draw = (plot) => {
      const { ctx } = plot;
      const size = 3 * devicePixelRatio;
      ctx.save();
      ctx.lineWidth = 1.6 * devicePixelRatio;
      for (const point of latest.current) {
        const [x, y] = [plot.valToPos(point.x, "x", true), plot.valToPos(Math.max(1000, point.y), "y", true)];
        ctx.beginPath();
        if (point.error) {
          ctx.strokeStyle = error;
          ctx.moveTo(x - size, y - size);
          ctx.lineTo(x + size, y + size);
          ctx.moveTo(x - size, y + size);
          ctx.lineTo(x + size, y - size);
          ctx.stroke();
        } else {
          ctx.globalAlpha = 0.6;
          ctx.fillStyle = accent;
          ctx.arc(x, y, size * 0.9, 0, 7);
          ctx.fill();
          ctx.globalAlpha = 1;
        }
      }
      ctx.restore();
    };
    return {
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: true, range: (/** @type {uPlot} */ _plot, /** @type {number} */ low, /** @type {number} */ high) => /** @type {[number, number]} */ (span(low, high)) },
        y: { distr: /** @type {3} */ (3), range: (/** @type {uPlot} */ _plot, /** @type {number} */ low, /** @type {number} */ high) => /** @type {[number, number]} */ ([(low || 1e6) / 1.6, (high || 1e6) * 1.6]) },
      },
      axes: [
        { ...axes(muted, line), size: 24, space: 90, values: /** @type {any} */ (TIME) },
        { ...axes(muted, line), size: 56, space: 24, filter: (/** @type {uPlot} */ _plot, /** @type {number[]} */ marks) => marks, splits: decades, values: (/** @type {uPlot} */ _plot, /** @type {number[]} */ marks) => marks.map((mark) => (mark ? duration(mark) : "")) },
      ],
      padding: /** @type {[number, number, number, number]} */ ([6, 10, 0, 0]),
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: { draw: [draw] },
    };
  };
  return html`
    <div class="scatter">
      <${Chart} chart=${chart} height=${height} options=${options} data=${data} shape="scatter"
        label=${`Durations of ${points.length} traces over time; the list below has the same traces`}
        onMove=${(/** @type {MouseEvent} */ event) => setNear(nearest(event))} onLeave=${() => setNear(null)}
        onClick=${(/** @type {MouseEvent} */ event) => { const point = nearest(event); if (point) open(point.id); }} />
      ${near && html`<div class=${`tip${near.left > 500 ? " before" : ""}`} style=${{ left: `${near.left}px`, top: `${near.top}px` }}>
        ${near.error && "✕ error · "}${near.text} · <b>${duration(near.y)}</b></div>`}
    </div>`;
}

/** Marks of a logarithmic axis: 1, 2 and 5 of each decade, or 1 alone where there are many decades.
 * @param {uPlot} _plot @param {number} _axis @param {number} low @param {number} high */
function decades(_plot, _axis, low, high) {
  const marks = [];
  const factors = high / low > 300 ? [1] : [1, 2, 5];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    for (const factor of factors) if (factor * power >= low && factor * power <= high) marks.push(factor * power);
  }
  return marks;
}

/** A range of at least ten seconds with a little room. @param {number | null} low @param {number | null} high */
function span(low, high) {
  const end = high ?? Date.now() / 1000;
  const start = low ?? end;
  const room = Math.max(1, (end - start) * 0.02, (10 - (end - start)) / 2);
  return [start - room, end + room];
}

/** A time series of one route.
 * @param {{ label: string, at: number[], values: number[], colour: string, format: (value: number) => string }} props */
export function Series({ label, at, values, colour, format }) {
  const options = () => {
    const [muted, line, stroke] = colours("muted", "line", colour);
    return {
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (/** @type {uPlot} */ _plot, /** @type {number} */ _low, /** @type {number} */ high) => /** @type {[number, number]} */ ([0, high || 1]) } },
      axes: [
        { ...axes(muted, line), size: 24, space: 90, values: /** @type {any} */ (TIME) },
        { ...axes(muted, line), size: 56, space: 24, values: (/** @type {uPlot} */ _plot, /** @type {number[]} */ marks) => marks.map((mark) => format(mark)) },
      ],
      series: [{}, { stroke, width: 1.5, fill: stroke.replace(/\)$/, " / 0.12)"), points: { show: false } }],
    };
  };
  const data = /** @type {uPlot.AlignedData} */ ([at, values]);
  return html`<figure class="series"><figcaption>${label}</figcaption><${Chart} height=${120} label=${label} options=${options} data=${data} shape=${label} /></figure>`;
}
