// @ts-check
// Two traces side by side: spans that were added, are missing, or took longer.

import { load, query } from "./api.mjs";
import { Failed, html, Message, Rows, Service, tint, useEffect, useLoad, useMedia, useState } from "./dom.mjs";
import { clock, duration, plural } from "./format.mjs";
import { bar } from "./layout.mjs";
import { format } from "./route.mjs";
import { go, route, set, useKeys } from "./state.mjs";
import { word } from "./words.mjs";

/** @typedef {import("./api.mjs").Diff} Diff */
/** @typedef {import("./api.mjs").Summary} Summary */

const SIGNS = { same: "", slower: "▲ slower", faster: "▼ faster", added: "+ added", missing: "− missing" };

export function Compare() {
  const { a = "", b = "" } = route.value.params;
  useEffect(() => { document.title = "Compare · hopline"; }, []);
  if (!a) return html`<section class="compare"><${Pick} title="Choose the first trace" q="" choose=${(/** @type {string} */ id) => set({ a: id }, { replace: false })} not="" /></section>`;
  return html`<section class="compare">${b ? html`<${Both} a=${a} b=${b} />` : html`<${Second} a=${a} />`}</section>`;
}

/** Offers the traces that look alike. @param {{ a: string }} props */
function Second({ a }) {
  const { data, error } = useLoad(a, (signal) => load(`api/traces/${a}`, signal));
  if (error) return html`<${Message} title="The first trace is not here"><p>${error.message}</p><p><a href="compare">Choose another</a></p><//>`;
  const first = /** @type {import("./api.mjs").Trace | undefined} */ (data)?.summary;
  return first ? html`<${Pick} title="Choose the second trace" first=${first} q=${`${word("service", first.service)} ${word("name", first.name)}`} not=${a} choose=${(/** @type {string} */ id) => set({ b: id }, { replace: false })} />` : null;
}

/** @param {{ title: string, q: string, not: string, first?: Summary, choose: (id: string) => void }} props */
function Pick({ title, q, not, first, choose }) {
  const [active, setActive] = useState(0);
  const { data, error } = useLoad(q, (signal) => load(`api/traces${query({ q, limit: 200 })}`, signal));
  const traces = /** @type {Summary[]} */ (/** @type {any} */ (data)?.traces ?? []).filter(({ id }) => id !== not);
  const move = (/** @type {number} */ to) => setActive(Math.max(0, Math.min(traces.length - 1, to)));
  useKeys({ j: () => move(active + 1), ArrowDown: () => move(active + 1), k: () => move(active - 1), ArrowUp: () => move(active - 1), Enter: () => traces[active] && choose(traces[active].id) });
  return html`
    <h1>${title}</h1>
    ${first && html`<p class="state"><span>A: <a href=${`t/${first.id}`}>${first.name}</a> of ${clock(first.startMs)}, ${duration(first.duration)}</span><span>Traces of the same kind:</span></p>`}
    ${error && html`<p class="problem">✕ ${error.message}</p>`}
    ${data && traces.length === 0 && html`<${Message} title="There is no other trace yet" />`}
    ${traces.length > 0 && html`<${Rows} id="pick" role="grid" label="Traces" columns=${4} count=${traces.length} size=${36} active=${active}
      row=${(/** @type {number} */ at) => {
        const trace = traces[at];
        return html`<div key=${trace.id} class=${`pick${at === active ? " active" : ""}`} role="row" id=${`pick-${at}`} aria-rowindex=${at + 1} aria-selected=${String(at === active)} onClick=${() => choose(trace.id)}>
          <span role="gridcell" class="muted number">${clock(trace.startMs)}</span><span role="gridcell"><${Service} name=${trace.service} /> ${trace.name} ${trace.errors > 0 && html`<${Failed} count=${trace.errors} />`}</span>
          <span role="gridcell" class="muted">${plural(trace.spans, "span")}</span><span role="gridcell" class="number">${duration(trace.duration)}</span></div>`;
      }} />`}`;
}

/** @param {{ a: string, b: string }} props */
function Both({ a, b }) {
  const [active, setActive] = useState(-1);
  const [changed, setChanged] = useState(false);
  const narrow = useMedia("(max-width: 720px)");
  const { data, error } = useLoad(`${a} ${b}`, (signal) => load(`api/diff${query({ a, b })}`, signal));
  const diff = /** @type {Diff | undefined} */ (data);
  const rows = diff?.rows.filter(({ change }) => !changed || change !== "same") ?? [];
  const move = (/** @type {number} */ to) => setActive(Math.max(0, Math.min(rows.length - 1, to)));
  const step = (/** @type {1 | -1} */ by) => {
    for (let at = active + by; at >= 0 && at < rows.length; at += by) if (rows[at].change !== "same") return setActive(at);
    return undefined;
  };
  useKeys({
    j: () => move(active + 1), ArrowDown: () => move(active + 1), k: () => move(active - 1), ArrowUp: () => move(active - 1), n: () => step(1), p: () => step(-1),
    Enter: () => { const row = rows[active]; if (row) go({ view: "trace", trace: row.b ? b : a, params: { span: (row.b ?? row.a)?.id ?? "" } }); },
  });
  if (error) return html`<${Message} title="The traces were not compared"><p>${error.message}</p><p><a href="compare">Choose others</a></p><//>`;
  if (!diff) return html`<p class="state">Loading…</p>`;
  const whole = Math.max(diff.a.duration, diff.b.duration, 1);
  const { counts } = diff;
  return html`
    <h1 class="hidden">Compare</h1>
    <div class="sides">${/** @type {const} */ ([["A", diff.a, ""], ["B", diff.b, "b"]]).map(([name, one]) => html`
      <div key=${name}><b>${name}</b> <${Service} name=${one.service} /> <a href=${`t/${one.id}`}>${one.name}</a> <span class="muted">${clock(one.startMs)}</span> <b>${duration(one.duration)}</b> ${one.errors > 0 && html`<${Failed} count=${one.errors} />`}</div>`)}
    </div>
    <div class="tools">
      <span class="state">${/** @type {const} */ (["added", "missing", "slower", "faster", "same"]).map((name) => html`<span key=${name} class=${`change ${name}`}>${SIGNS[name] || "= same"}: ${counts[name] ?? 0}</span>`)}</span>
      <button class="chip" aria-pressed=${String(changed)} onClick=${() => setChanged(!changed)}>changes only</button>
      <a class="button" href=${format({ view: "compare", params: { a: b, b: a } })}>swap</a><a class="button" href=${format({ view: "compare", params: { a } })}>other B</a>
    </div>
    ${rows.length === 0 ? html`<${Message} title="No difference" />` : html`<${Rows} id="diff" role="treegrid" label="Differences" columns=${4} count=${rows.length} size=${narrow ? 52 : 28} active=${active}
      row=${(/** @type {number} */ at) => html`<${Pair} key=${at} row=${rows[at]} at=${at} active=${at === active} whole=${whole} choose=${() => setActive(at)} />`} />`}`;
}

/** @param {{ row: Diff["rows"][number], at: number, active: boolean, whole: number, choose: () => void }} props */
function Pair({ row, at, active, whole, choose }) {
  const { a, b, change, delta } = row;
  return html`
    <div class=${`pair ${change}${active ? " active" : ""}`} role="row" id=${`diff-${at}`} aria-level=${row.depth + 1} aria-rowindex=${at + 1} aria-selected=${String(active)} style=${tint(row.service)} onClick=${choose}>
      <span role="gridcell" class="span-name" style=${{ paddingLeft: `calc(${Math.min(row.depth, 16)} * var(--indent) + 8px)` }}><i class="dot"></i><span class="span-label">${row.name}</span>
        ${(a?.error || b?.error) && html`<span class="failed">✕ ${a?.error && b?.error ? "A and B" : a?.error ? "A" : "B"}</span>`}</span>
      <span role="gridcell" class="pair-sides"><${Side} side=${a} whole=${whole} name="A" /><${Side} side=${b} whole=${whole} name="B" /></span>
      <span role="gridcell" class="number pair-times">${a ? duration(a.duration) : "–"} → ${b ? duration(b.duration) : "–"}</span>
      <span role="gridcell" class=${`change ${change}`}>${SIGNS[change]}${change === "slower" || change === "faster" ? ` ${delta > 0 ? "+" : ""}${duration(delta)}` : ""}</span>
    </div>`;
}

/** @param {{ side: import("./api.mjs").Side | null, whole: number, name: string }} props */
function Side({ side, whole, name }) {
  const place = side && bar(side.start, side.start + side.duration, 0, whole, 0.3);
  return html`<span class=${`side side-${name}`}>${place && html`<i class=${side?.error ? "bar error" : "bar"} style=${{ left: `${place.left}%`, width: `${place.width}%` }}></i>`}</span>`;
}
