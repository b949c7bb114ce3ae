// @ts-check
// One trace: its facts, the choice of drawing, search, and the panel of the selected span.

import { change, follow, load, loadText, query } from "./api.mjs";
import { Choice, Copy, Failed, html, Message, Rows, Service, useEffect, useLoad, useMedia, useMemo, useRef, useState } from "./dom.mjs";
import { Flame } from "./flame.mjs";
import { bytes, clock, count, duration, moment, plural } from "./format.mjs";
import { Graph } from "./graph.mjs";
import { ancestors, next, positionOf, visibleRows } from "./layout.mjs";
import { Model } from "./model.mjs";
import { Panel } from "./panel.mjs";
import { connected, paused, route, set, useKeys } from "./state.mjs";
import { Waterfall } from "./waterfall.mjs";

/** @typedef {import("./api.mjs").Trace} ApiTrace */

/** A trace larger than this is loaded again only when asked. */
const LARGE = 5000;
/** How much JSON text is shown; the download has all of it. */
const MOST_TEXT = 500_000;

const DRAWINGS = /** @type {Array<[string, string]>} */ ([["waterfall", "Waterfall"], ["flame", "Flame"], ["map", "Map"], ["logs", "Logs"], ["json", "JSON"]]);

export function Trace() {
  const id = route.value.trace;
  const { data, error, again } = useLoad(id, (signal) => load(`api/traces/${encodeURIComponent(id)}`, signal));
  const newest = useRef(/** @type {ApiTrace | undefined} */ (undefined));
  if (data) newest.current = /** @type {ApiTrace} */ (data);
  const trace = newest.current?.summary.id === id ? newest.current : undefined;
  const [stale, setStale] = useState(false);

  // spans that arrive late, and those that end, change a trace on screen
  useEffect(() => {
    let timer = 0;
    const changed = (/** @type {import("./api.mjs").Summary} */ summary) => {
      if (summary.id !== id || !newest.current || summary.seq === newest.current.summary.seq) return;
      if (paused.value || summary.spans > LARGE) setStale(true);
      else timer ||= window.setTimeout(() => { timer = 0; again(); }, 500);
    };
    const end = follow(id, "", {
      trace: changed,
      reset: again,
      state: (on) => {
        connected.value = on;
        // what changed between the answer and the start of the stream
        if (on) load(`api/traces${query({ q: id, limit: 1 })}`).then((/** @type {any} */ { traces }) => traces.forEach(changed), () => undefined);
      },
    });
    return () => {
      end();
      clearTimeout(timer);
      connected.value = null;
    };
  }, [id]);

  if (error && !trace) {
    const gone = /** @type {import("./api.mjs").ApiError} */ (error).status === 404;
    return html`<${Message} title=${gone ? "This trace is not here" : "The trace was not loaded"}>
      <p>${gone ? "It was let go to keep the store within its limit, it was sampled out, or it has not arrived yet." : error.message}</p>
      <p><code>${id}</code></p><p><button onClick=${again}>Try again</button> <a href="./">All traces</a></p><//>`;
  }
  if (!trace) return html`<p class="state" role="status">Loading…</p>`;
  return html`<${Loaded} key=${id} trace=${trace} stale=${stale} again=${() => { setStale(false); again(); }} />`;
}

/** @param {{ trace: ApiTrace, stale: boolean, again: () => void }} props */
function Loaded({ trace, stale, again }) {
  const { summary } = trace;
  const { view = "waterfall", span = "", find = "", critical = "", align = "" } = route.value.params;
  const model = useMemo(() => new Model(trace, align === "1"), [trace, align]);
  // by span id: a row moves when a late span arrives
  const [folded, setFolded] = useState(/** @type {ReadonlySet<string>} */ (new Set()));
  const collapsed = useMemo(() => new Set([...folded].map((one) => model.rowOf.get(one) ?? -1)), [model, folded]);
  const [zoom, setZoom] = useState(/** @type {[number, number] | null} */ (null));
  const visible = useMemo(() => visibleRows(model.ends, collapsed, (row) => model.rows[row].missingParent !== undefined), [model, collapsed]);
  const opened = span === "" ? -1 : model.rowOf.get(span) ?? -1;
  const [marked, setMarked] = useState(span);
  const active = marked === "" ? -1 : model.rowOf.get(marked) ?? -1;
  const setActive = (/** @type {number} */ row) => setMarked(model.rows[row]?.id ?? "");
  const narrow = useMedia("(max-width: 720px)");
  const matches = useFind(summary.id, find, summary.seq);
  useEffect(() => { if (opened >= 0) reveal(opened); }, [opened]);
  useEffect(() => { document.title = `${summary.name} ${duration(summary.duration)} · hopline`; }, [summary]);

  /** Unfolds what hides a row and makes it the active one. @param {number} row */
  const reveal = (row) => {
    const hiding = ancestors(model.parents, row).filter((above) => collapsed.has(above));
    if (hiding.length > 0) setFolded(new Set([...folded].filter((one) => !hiding.some((above) => model.rows[above].id === one))));
    setActive(row);
  };
  const select = (/** @type {number} */ row) => {
    reveal(row);
    set({ span: model.rows[row].id });
  };
  const fold = (/** @type {number} */ row, /** @type {boolean} */ on) => {
    const changed = new Set(folded);
    if (on) changed.add(model.rows[row].id);
    else changed.delete(model.rows[row].id);
    setFolded(changed);
  };
  /** @param {number} to position among the visible rows @param {number} step */
  const move = (to, step) => {
    let at = Math.max(0, Math.min(visible.length - 1, to));
    if (visible[at] < 0) at += step < 0 && at > 0 ? -1 : 1;
    const row = visible[at];
    if (opened >= 0) select(row);
    else setActive(row);
  };
  const at = active < 0 ? -1 : positionOf(visible, active);
  const seek = (/** @type {1 | -1} */ step) => {
    const wanted = matches ?? null;
    const row = next(model.rows.length, active, step, (row) => (wanted ? wanted.has(row) : model.rows[row].error));
    if (row >= 0) select(row);
  };
  const draw = (/** @type {string} */ name) => set({ view: view === name || name === "waterfall" ? "" : name }, { replace: false });
  const zoomTo = (/** @type {number} */ row) => row >= 0 && setZoom([model.start(row), Math.max(model.end(row), model.start(row) + 1)]);
  const left = () => {
    if (active < 0) return;
    if (model.ends[active] > active + 1 && !collapsed.has(active)) fold(active, true);
    else if (model.parents[active] >= 0) opened >= 0 ? select(model.parents[active]) : setActive(model.parents[active]);
  };
  const right = () => {
    if (active < 0) return;
    if (collapsed.has(active)) fold(active, false);
    else if (model.ends[active] > active + 1) move(at + 1, 1);
  };
  useKeys({
    j: () => move(at + 1, 1), ArrowDown: () => move(at + 1, 1), k: () => move(at - 1, -1), ArrowUp: () => move(at - 1, -1),
    h: left, ArrowLeft: left, l: right, ArrowRight: right, g: () => move(0, 1), G: () => move(visible.length - 1, -1),
    Enter: () => active >= 0 && select(active), n: () => seek(1), p: () => seek(-1),
    c: () => set({ critical: critical === "0" ? "" : "0" }), f: () => draw("flame"), m: () => draw("map"), o: () => draw("logs"), w: () => draw("waterfall"),
    z: () => zoomTo(active), Z: () => setZoom(null),
    Escape: () => (opened >= 0 ? set({ span: "" }) : zoom ? setZoom(null) : setActive(-1)),
  });

  const props = { model, visible, collapsed, active, at, zoom, setZoom, select, fold, matches, critical: critical !== "0", narrow };
  return html`
    <section class="trace">
      <${Facts} trace=${trace} model=${model} stale=${stale} again=${again} />
      <div class="tools">
        <${Choice} label="Drawing" options=${DRAWINGS.filter(([id]) => id !== "logs" || summary.logs > 0)} value=${view} choose=${draw} />
        <div class="search"><input type="search" data-search placeholder="Search in this trace" aria-label="Search in this trace" defaultValue=${find}
          onInput=${(/** @type {any} */ event) => set({ find: event.target.value.trim() })} onKeyDown=${(/** @type {KeyboardEvent} */ event) => event.key === "Enter" && seek(1)} spellcheck=${false} /></div>
        ${(model.failed > 0 || matches) && html`<span class="steps" role="group" aria-label=${matches ? "Matches" : "Errors"}>
          <button title="Previous (p)" aria-label="Previous" onClick=${() => seek(-1)}>‹</button>
          <span aria-live="polite">${matches ? plural(matches.size, "match", "matches") : html`<${Failed} count=${model.failed} />`}</span>
          <button title="Next (n)" aria-label="Next" onClick=${() => seek(1)}>›</button></span>`}
        ${view === "waterfall" && html`<button class="chip" title="c" aria-pressed=${String(critical !== "0")} onClick=${() => set({ critical: critical === "0" ? "" : "0" })}><i class="swatch"></i>critical path</button>`}
        ${trace.align.length > 0 && html`<button class="chip" title="Clocks of these services differ. Shifts each remote span into its parent, for display only." aria-pressed=${String(align === "1")} onClick=${() => set({ align: align === "1" ? "" : "1" })}>⇄ align clocks</button>`}
        ${zoom && html`<button class="chip" title="Z" onClick=${() => setZoom(null)}>whole trace</button>`}
      </div>
      <div class=${opened >= 0 ? "split with-panel" : "split"}>
        <div class="drawing">
          ${view === "flame" ? html`<${Flame} ...${props} />`
            : view === "map" ? html`<${TraceMap} id=${summary.id} seq=${summary.seq} />`
            : view === "logs" ? html`<${Logs} id=${summary.id} model=${model} select=${select} active=${active} />`
            : view === "json" ? html`<${Json} id=${summary.id} seq=${summary.seq} />`
            : html`<${Waterfall} ...${props} />`}
        </div>
        ${opened >= 0 && html`<${Panel} trace=${trace} model=${model} row=${opened} close=${() => set({ span: "" })} select=${select} />`}
      </div>
    </section>`;
}

/** The trace's head line. @param {{ trace: ApiTrace, model: Model, stale: boolean, again: () => void }} props */
function Facts({ trace, model, stale, again }) {
  const { summary } = trace;
  const [pinned, setPinned] = useState(summary.pinned);
  const pin = () => change(pinned ? "DELETE" : "POST", `api/traces/${summary.id}/pin`).then(() => setPinned(!pinned), () => undefined);
  const deepest = model.rows.reduce((most, { depth }) => Math.max(most, depth + 1), 0);
  const parts = [
    html`<span title=${moment(summary.startMs)}>${clock(summary.startMs)}</span>`,
    plural(summary.spans, "span"), plural(summary.services.length, "service"), `depth ${deepest}`,
    summary.logs > 0 && plural(summary.logs, "log line"),
  ].filter(Boolean);
  return html`
    <header class="facts">
      <div class="facts-name">
        <a href="./" class="back" aria-label="All traces" title="All traces">‹</a>
        <${Service} name=${summary.service} /><h1>${summary.name || "(no name)"}</h1>
        ${summary.httpStatus !== undefined && html`<span class="code">${summary.httpStatus}</span>`}
        ${summary.errors > 0 && html`<${Failed} count=${summary.errors} />`}
        <b class="facts-duration">${duration(summary.duration)}</b>
      </div>
      <div class="facts-more">
        ${parts.map((part, at) => html`<span key=${at}>${part}</span>`)}
        ${summary.open > 0 && html`<span class="running">◌ ${plural(summary.open, "span")} running</span>`}
        ${summary.incomplete && html`<span class="partial" title="At least one parent span was not received: sampled out, not traced, or lost">⋯ incomplete</span>`}
        ${summary.cut > 0 && html`<span class="partial">${plural(summary.cut, "span")} beyond the limit of a trace</span>`}
        ${stale && html`<button class="chip" onClick=${again}>↻ newer spans</button>`}
        <span class="facts-actions">
          <${Copy} text=${summary.id} title="Copy the trace id"><code>${summary.id.slice(0, 8)}…</code> copy id<//>
          <button aria-pressed=${String(pinned)} title="A pinned trace is let go last" onClick=${pin}>${pinned ? "▲ pinned" : "pin"}</button>
          <a class="button" href=${`compare?a=${summary.id}`}>compare</a>
          <a class="button" href=${`api/traces/${summary.id}/otlp.json`} download>OTLP</a>
          <a class="button" href=${`api/traces/${summary.id}/perfetto.json`} download>Perfetto</a>
        </span>
      </div>
    </header>`;
}

/** The rows that a text matches, null while there is no text. @param {string} id @param {string} find @param {number} seq */
function useFind(id, find, seq) {
  const [late, setLate] = useState(find);
  useEffect(() => {
    const timer = setTimeout(() => setLate(find), 150);
    return () => clearTimeout(timer);
  }, [find]);
  const { data } = useLoad(`${id} ${late}`, (signal) =>
    late === "" ? Promise.resolve({ rows: [] }) : load(`api/traces/${id}/search${query({ q: late })}`, signal), seq);
  return useMemo(() => (late === "" || !data ? null : new Set(/** @type {{ rows: number[] }} */ (data).rows)), [data, late]);
}

/** @param {{ id: string, seq: number }} props */
function TraceMap({ id, seq }) {
  const { data, error } = useLoad(id, (signal) => load(`api/traces/${id}/map`, signal), seq);
  if (error) return html`<p class="problem">✕ ${error.message}</p>`;
  return data ? html`<${Graph} graph=${data} />` : html`<p class="state">Loading…</p>`;
}

/** @param {{ id: string, model: Model, active: number, select: (row: number) => void }} props */
function Logs({ id, model, active, select }) {
  const { data, error } = useLoad(id, (signal) => load(`api/traces/${id}/logs`, signal), model.trace.summary.seq);
  if (error) return html`<p class="problem">✕ ${error.message}</p>`;
  const logs = /** @type {import("./api.mjs").Log[]} */ (/** @type {any} */ (data)?.logs ?? []);
  return html`<${Rows} id="log" role="table" label="Log lines" columns=${4} count=${logs.length} size=${28} active=${-1}
    row=${(/** @type {number} */ at) => {
      const { offset, severity, severityNumber, body, row } = logs[at];
      return html`<div key=${at} role="row" aria-rowindex=${at + 1} class=${`log${row === active && row !== undefined ? " active" : ""}`} onClick=${() => row !== undefined && select(row)}>
        <span role="cell" class="number">${duration(offset)}</span><span role="cell" class=${severityNumber >= 17 ? "failed" : severityNumber >= 13 ? "warned" : "muted"}>${severityNumber >= 17 ? "✕ " : ""}${severity}</span>
        <span role="cell" class="log-body">${body}</span>
        <span role="cell" class="muted">${row !== undefined ? html`<${Service} name=${model.trace.services[model.rows[row].service]} /> ${model.rows[row].name}` : ""}</span></div>`;
    }} />`;
}

/** @param {{ id: string, seq: number }} props */
function Json({ id, seq }) {
  const path = `api/traces/${id}/otlp.json`;
  const { data, error } = useLoad(id, (signal) => loadText(path, signal), seq);
  if (error) return html`<p class="problem">✕ ${error.message}</p>`;
  if (data === undefined) return html`<p class="state">Loading…</p>`;
  const whole = String(data);
  const text = whole.length <= MOST_TEXT ? JSON.stringify(JSON.parse(whole), null, 2) : whole.slice(0, MOST_TEXT);
  return html`<div class="json">
    <p class="state"><a class="button" href=${path} download>Download</a> <${Copy} text=${whole} /> ${bytes(whole.length)}${text.length < whole.length ? `, of which the first ${count(MOST_TEXT)} characters are shown` : ""}</p>
    <pre tabindex="0">${text}</pre></div>`;
}
