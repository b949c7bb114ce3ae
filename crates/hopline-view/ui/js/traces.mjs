// @ts-check
// The list of traces: search words, latency scatter, rows with a small waterfall.

import { change, load, query } from "./api.mjs";
import { Scatter } from "./chart.mjs";
import { Copy, Failed, html, Message, Rows, tint, useEffect, useEvery, useLoad, useMedia, useRef, useState } from "./dom.mjs";
import { bytes, clock, count, duration, moment, plural } from "./format.mjs";
import { SORTS, useTraces } from "./list.mjs";
import { connected, go, info, paused, route, set, useKeys } from "./state.mjs";
import { has, toggle } from "./words.mjs";

/** @typedef {import("./api.mjs").Summary} Summary */

const HINT = 'service:orders  status:error  >200ms  http.route:/orders/{id}  "text"  -hidden';
const FILTERS = [["status:error", "✕ errors"], [">100ms", "slower than 100 ms"], ["is:incomplete", "incomplete"], ["is:pinned", "pinned"], ["-health", "without health"]];

export function Traces() {
  const { q = "", sort = "recent" } = route.value.params;
  // who scrolls down reads: rows do not move then
  const [away, setAway] = useState(false);
  const { found, error, waiting } = useTraces(q, sort, paused.value || away);
  const [chosen, setChosen] = useState({ id: "", moved: 0 });
  const narrow = useMedia("(max-width: 720px)");
  const search = useRef(/** @type {HTMLInputElement | null} */ (null));
  const rows = found?.rows ?? [];
  const open = (/** @type {string} */ id) => go({ view: "trace", trace: id });
  const active = chosen.id === "" ? -1 : rows.findIndex(({ id }) => id === chosen.id);
  const move = (/** @type {number} */ to) => setChosen({ id: rows[Math.max(0, Math.min(rows.length - 1, to))]?.id ?? "", moved: chosen.moved + 1 });
  const none = () => setChosen({ id: "", moved: 0 });
  const top = () => { paused.value = false; document.querySelector(".rows")?.scrollTo(0, 0); };
  useKeys({
    j: () => move(active + 1), ArrowDown: () => move(active + 1), k: () => move(active - 1), ArrowUp: () => move(active - 1),
    g: () => move(0), G: () => move(rows.length - 1),
    Enter: () => rows[active] && open(rows[active].id), l: () => rows[active] && open(rows[active].id),
    Escape: none,
  });
  useEffect(() => { none(); setAway(false); }, [q, sort, rows.length === 0]);
  useEffect(() => { document.title = q ? `${q} · hopline` : "Traces · hopline"; }, [q]);
  useEffect(() => { if (search.current && search.current !== document.activeElement) search.current.value = q; }, [q]);

  /** Typing filters after a short pause and makes no new entry in the history. */
  const typed = useRef(0);
  useEffect(() => () => clearTimeout(typed.current), []);
  const typing = (/** @type {InputEvent} */ event) => {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    clearTimeout(typed.current);
    typed.current = window.setTimeout(() => set({ q: value.trim() }), 200);
  };

  return html`
    <section class="traces" onDragOver=${(/** @type {Event} */ event) => event.preventDefault()} onDrop=${dropped}>
      <h1 class="hidden">Traces</h1>
      <div class="tools">
        <div class="search">
          <input type="search" data-search ref=${search} defaultValue=${q} placeholder=${narrow ? "Search" : `Search: ${HINT}`} aria-label="Search words"
            aria-invalid=${error ? "true" : undefined} title=${HINT} onInput=${typing} spellcheck=${false} autocomplete="off" />
        </div>
        <div class="chips" role="group" aria-label="Filters">
          ${FILTERS.map(([word, name]) => html`<button key=${word} class="chip" title=${word} aria-pressed=${String(has(q, word))} onClick=${() => set({ q: toggle(q, word) }, { replace: false })}>${name}</button>`)}
        </div>
        <label class="sort"><span class="hidden">Order</span><select value=${sort} onChange=${(/** @type {any} */ event) => set({ sort: event.target.value === "recent" ? "" : event.target.value })}>
          ${SORTS.map(([id, name]) => html`<option key=${id} value=${id} selected=${id === sort}>${name}</option>`)}</select></label>
        <${OpenFile} />
      </div>
      <${Points} q=${q} rows=${rows} open=${open} height=${narrow ? 96 : 132} />
      ${error && html`<p class="problem" role="alert">✕ ${error.message}</p>`}
      <${State} found=${found} waiting=${waiting} resume=${top} />
      ${rows.length > 0
        ? html`<${Rows} key=${`${sort} ${q}`} id="trace" role="grid" label="Traces" columns=${narrow ? 3 : 5} count=${rows.length} size=${narrow ? 62 : 40} active=${active} moved=${chosen.moved} scrolled=${(/** @type {number} */ at) => setAway(at > 40)}
            row=${(/** @type {number} */ at) => html`<${Line} key=${rows[at].id} trace=${rows[at]} at=${at} active=${at === active} />`} />`
        : found && !error && html`<${Nothing} q=${q} />`}
    </section>`;
}

/** What the list shows of what there is, what waits, and what the store let go.
 * @param {{ found: import("./list.mjs").Found | null, waiting: number, resume: () => void }} props */
function State({ found, waiting, resume }) {
  const counts = info.value?.counts;
  const limit = info.value?.limits.bytes ?? 0;
  const gone = counts?.evicted.filter(({ reason }) => reason !== "cleared").reduce((sum, one) => sum + one.traces, 0) ?? 0;
  const shown = found ? found.rows.length : 0;
  return html`
    <p class="state" aria-live="polite">
      ${found && html`<span>${shown < found.matched ? `${count(shown)} of ${plural(found.matched, "trace")}` : plural(found.matched, "trace")}${found.matched < found.total ? ` match, of ${count(found.total)}` : ""}</span>`}
      ${counts && html`<span title="Bytes that the store holds, of its limit">${bytes(counts.bytes)} of ${bytes(limit)}</span>`}
      ${gone > 0 && html`<a href="about" title="The oldest traces leave when a limit of the store is reached">${plural(gone, "trace")} let go</a>`}
      ${waiting > 0 && html`<button class="chip" onClick=${resume}>▶ ${plural(waiting, "change")} held</button>`}
    </p>`;
}

/** One trace. @param {{ trace: Summary, at: number, active: boolean }} props */
function Line({ trace, at, active }) {
  const { id, name, service, errors, open, incomplete, pinned, services, httpStatus } = trace;
  return html`
    <div class=${`line${active ? " active" : ""}${errors ? " bad" : ""}`} role="row" id=${`trace-${at}`} aria-rowindex=${at + 1} aria-selected=${String(active)}>
      <span role="gridcell" class="line-time" title=${moment(trace.startMs)}>${clock(trace.startMs).slice(0, -4)}<small>${clock(trace.startMs).slice(-4)}</small></span>
      <span role="gridcell" class="line-name">
        <a href=${`t/${id}`} tabindex="-1">${name || "(no name)"}</a>
        ${httpStatus !== undefined && html`<span class="code">${httpStatus}</span>`}
        ${errors > 0 && html`<${Failed} count=${errors} />`}
        ${open > 0 && html`<span class="running">◌ running</span>`}
        ${incomplete && html`<span class="partial" title="A parent span was not received">⋯ incomplete</span>`}
        ${pinned && html`<span title="Pinned: let go last">▲ pinned</span>`}
      </span>
      <span role="gridcell" class="line-services" title=${services.map((one) => `${one.name}: ${plural(one.spans, "span")}`).join("\n")}>
        <span class="service" style=${tint(service)}>${service}</span>${services.filter((one) => one.name !== service).slice(0, 6).map((one) => html`<i key=${one.name} class="dot" style=${tint(one.name)}></i>`)}
        <small>${plural(trace.spans, "span")}</small>
      </span>
      <span role="gridcell" class="line-bars" aria-label=${plural(trace.spans, "span")}><${Bars} trace=${trace} /></span>
      <span role="gridcell" class="line-duration">${duration(trace.duration)}</span>
    </div>`;
}

/** The small waterfall of a row. @param {{ trace: Summary }} props */
function Bars({ trace: { bars, duration: whole, services } }) {
  const lane = 24 / Math.max(bars.length, 5);
  const scale = 1000 / Math.max(1, whole);
  return html`<svg viewBox="0 0 1000 24" preserveAspectRatio="none" aria-hidden="true">
    ${bars.map(([start, length, service, , flags], at) => html`<rect key=${at} class=${flags & 1 ? "bar error" : flags & 2 ? "bar open" : "bar"}
      style=${tint(services[service]?.name ?? "")} x=${Math.min(995, start * scale)} width=${Math.max(5, length * scale)} y=${at * lane} height=${lane * 0.8} />`)}
  </svg>`;
}

/** The scatter: loaded for the search words, then moved on by the rows that change.
 * @param {{ q: string, rows: Summary[], height: number, open: (id: string) => void }} props */
function Points({ q, rows, height, open }) {
  const { data, again } = useLoad(`scatter ${q}`, (signal) => load(`api/scatter${query({ q, limit: 2000 })}`, signal));
  useEvery(again, 10_000, !paused.value && connected.value === true);
  /** @type {Map<string, import("./chart.mjs").Point>} */
  const all = new Map();
  for (const [ms, ns, errors, id, name, service] of /** @type {any} */ (data)?.points ?? []) {
    all.set(id, { x: ms / 1000, y: ns, error: errors > 0, id, text: `${service} ${name}` });
  }
  for (const row of rows) all.set(row.id, { x: row.startMs / 1000, y: row.duration, error: row.errors > 0, id: row.id, text: `${row.service} ${row.name}` });
  const points = [...all.values()].sort((a, b) => a.x - b.x);
  return points.length === 0 ? null : html`<${Scatter} points=${points} height=${height} open=${open} />`;
}

/** An empty list names the next step. @param {{ q: string }} props */
function Nothing({ q }) {
  if (q) return html`<${Message} title="No trace matches"><p><code>${q}</code></p><p><button onClick=${() => set({ q: "" })}>Show all traces</button></p><//>`;
  const to = info.value?.receivers[0];
  return html`
    <${Message} title="Waiting for the first trace">
      ${to ? html`<p>Start a service with this variable; each OpenTelemetry SDK knows it.</p>
          <pre class="give">OTEL_EXPORTER_OTLP_ENDPOINT=${to} <${Copy} text=${`OTEL_EXPORTER_OTLP_ENDPOINT=${to}`} /></pre>`
        : html`<p>Send a request to the app. Its trace appears here while it runs.</p>`}
      <p>Or drop a file with OTLP JSON here.</p>
    <//>`;
}

/** The button that opens OTLP JSON files. */
function OpenFile() {
  return html`<label class="button file" title="Open a file with OTLP JSON or JSON lines; it can also be dropped here">Open…<input type="file" class="hidden" multiple accept=".json,.jsonl,.ndjson"
    onChange=${(/** @type {any} */ event) => take([...event.target.files])} /></label>`;
}

/** @param {DragEvent} event */
function dropped(event) {
  event.preventDefault();
  take([...(event.dataTransfer?.files ?? [])]);
}

/** Imports files; one trace is opened at once. @param {File[]} files */
async function take(files) {
  try {
    /** @type {string[]} */
    const traces = [];
    for (const file of files) traces.push(...(await (await change("POST", "api/import", await file.text())).json()).traces);
    if (traces.length === 1) go({ view: "trace", trace: traces[0] });
  } catch (error) {
    alert(`The file was not opened: ${error instanceof Error ? error.message : error}`);
  }
}

