// @ts-check
// Services: rate, errors and duration of each route, the map of all calls, and where slow traces spend their time.

import { load, query } from "./api.mjs";
import { Series } from "./chart.mjs";
import { Choice, html, Message, Service, useEffect, useEvery, useLoad, useState } from "./dom.mjs";
import { count, duration, percent, plural, rate } from "./format.mjs";
import { Graph } from "./graph.mjs";
import { spark } from "./layout.mjs";
import { format } from "./route.mjs";
import { paused, route, set, useKeys } from "./state.mjs";
import { word } from "./words.mjs";

/** @typedef {import("./api.mjs").Route} Route */
/** @typedef {Route & { service: string }} Line */

const VIEWS = /** @type {Array<[string, string]>} */ ([["routes", "Routes"], ["map", "Map"], ["slow", "Slow traces"]]);
const WINDOWS = /** @type {Array<[string, string]>} */ ([["60", "1 min"], ["300", "5 min"], ["900", "15 min"]]);
const COLUMNS = /** @type {Array<[string, string, (line: Line) => number]>} */ ([
  ["rate", "Rate", (line) => line.rate], ["errors", "Errors", (line) => line.errors / Math.max(1, line.count)],
  ["p50", "p50", (line) => line.p50], ["p95", "p95", (line) => line.p95], ["p99", "p99", (line) => line.p99], ["max", "max", (line) => line.max],
]);

export function Services() {
  const { tab = "routes", window: shown = "300" } = route.value.params;
  useEffect(() => { document.title = "Services · hopline"; }, []);
  useKeys({ m: () => set({ tab: tab === "map" ? "" : "map" }) });
  return html`
    <section class="services">
      <h1 class="hidden">Services</h1>
      <div class="tools">
        <${Choice} label="View" options=${VIEWS} value=${tab} choose=${(/** @type {string} */ id) => set({ tab: id === "routes" ? "" : id }, { replace: false })} />
        ${tab === "routes" && html`<${Choice} label="Window" options=${WINDOWS} value=${shown} choose=${(/** @type {string} */ id) => set({ window: id === "300" ? "" : id })} />`}
      </div>
      ${tab === "map" ? html`<${Map} />` : tab === "slow" ? html`<${Slow} />` : html`<${Routes} window=${shown} />`}
    </section>`;
}

/** @param {{ window: string }} props */
function Routes({ window: shown }) {
  const { data, error, again } = useLoad(shown, (signal) => load(`api/services${query({ window: shown })}`, signal));
  useEvery(again, 2000, !paused.value);
  const { by = "", open = "" } = route.value.params;
  if (error) return html`<p class="problem">✕ ${error.message}</p>`;
  if (!data) return html`<p class="state">Loading…</p>`;
  const answer = /** @type {import("./api.mjs").Services} */ (data);
  const lines = answer.services.flatMap((service) => service.routes.map((line) => /** @type {Line} */ ({ ...line, service: service.name })));
  const weight = COLUMNS.find(([id]) => id === by)?.[2];
  if (weight) lines.sort((a, b) => weight(b) - weight(a));
  if (lines.length === 0) return html`<${Message} title="No requests in this window"><p>A row appears for each route of each service. Traces that the store let go still count.</p><//>`;
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Routes">
      <table class="red">
        <thead><tr><th aria-sort=${by ? "none" : "ascending"}><button onClick=${() => set({ by: "" })}>Service and route</button></th>
          ${COLUMNS.map(([id, name]) => html`<th key=${id} class="number" aria-sort=${by === id ? "descending" : "none"}><button onClick=${() => set({ by: id })}>${name}${by === id ? " ▾" : ""}</button></th>`)}</tr></thead>
        <tbody>${lines.map((line) => {
          const id = `${line.service} ${line.route}`;
          const failing = line.errors / Math.max(1, line.count);
          return html`
            <tr key=${id} class=${open === id ? "active" : ""}>
              <th scope="row"><button class="fold" aria-expanded=${String(open === id)} aria-label="Charts" onClick=${() => set({ open: open === id ? "" : id })}>${open === id ? "▾" : "▸"}</button>
                <${Service} name=${line.service} /> <a class="quiet" href=${format({ view: "traces", params: { q: `${word("service", line.service)} ${word("name", line.route)}` } })}>${line.route}</a></th>
              <td class="number"><${Spark} values=${line.spark.count} name="accent" />${rate(line.rate)}</td>
              <td class="number"><${Spark} values=${line.spark.errors} name="error" />${line.errors ? html`<span class="failed">✕ ${percent(failing)}</span>` : "0 %"}</td>
              <td class="number">${duration(line.p50)}</td>
              <td class="number"><${Spark} values=${line.spark.p95} name="critical" />${duration(line.p95)}</td>
              <td class="number">${duration(line.p99)}</td><td class="number">${duration(line.max)}</td>
            </tr>
            ${open === id && html`<tr key=${`${id} more`}><td colspan="7"><${Charts} line=${line} now=${answer.now} /></td></tr>`}`;
        })}</tbody>
      </table>
    </div>`;
}

/** @param {{ values: number[], name: string }} props */
const Spark = ({ values, name }) => html`<svg class=${`spark ${name}`} viewBox="0 0 72 18" preserveAspectRatio="none" aria-hidden="true"><path d=${spark(values, 72, 17)} /></svg>`;

/** The same numbers over time, larger. @param {{ line: Line, now: number }} props */
function Charts({ line, now }) {
  const { step, count: counts, errors, p95 } = line.spark;
  const at = counts.map((_, slot) => now - (counts.length - 1 - slot) * step);
  return html`<div class="charts">
    <${Series} label="Requests per second" at=${at} values=${counts.map((value) => value / step)} colour="accent" format=${(/** @type {number} */ value) => String(+value.toFixed(2))} />
    <${Series} label="Errors per second" at=${at} values=${errors.map((value) => value / step)} colour="error" format=${(/** @type {number} */ value) => String(+value.toFixed(2))} />
    <${Series} label="Duration, p95" at=${at} values=${p95} colour="critical" format=${duration} /></div>`;
}

function Map() {
  const { data, error, again } = useLoad("map", (signal) => load("api/map", signal));
  useEvery(again, 5000, !paused.value);
  if (error) return html`<p class="problem">✕ ${error.message}</p>`;
  return data ? html`<${Graph} graph=${data} />` : html`<p class="state">Loading…</p>`;
}

/** Where slow traces spend more time than typical ones. */
function Slow() {
  const [q, setQ] = useState(route.value.params.q ?? "");
  const asked = route.value.params.q ?? "";
  const { service = "", name = "" } = route.value.params;
  const { data, error } = useLoad(`${asked} ${service} ${name}`, (signal) => load(`api/why${query({ q: asked, service, name })}`, signal));
  const answer = /** @type {any} */ (data);
  const roots = /** @type {{ service: string, name: string, traces: number }[]} */ (answer?.roots ?? []);
  const choose = (/** @type {any} */ event) => { const root = roots[event.target.selectedIndex]; set({ service: root.service, name: root.name }); };
  const most = Math.max(1, ...(answer?.operations ?? []).map((/** @type {any} */ one) => Math.max(one.slow, one.typical)));
  return html`
    <form class="search" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); set({ q: q.trim() }); }}>
      <input type="search" data-search placeholder="Search words, such as name:checkout; then Enter" aria-label="Search words" value=${q} onInput=${(/** @type {any} */ event) => setQ(event.target.value)} /></form>
    ${roots.length > 1 && html`<p class="state"><label>Traces of <select onChange=${choose}>${roots.map((root, at) =>
      html`<option key=${at} selected=${root.service === answer.service && root.name === answer.name}>${root.service} ${root.name} (${count(root.traces)})</option>`)}</select></label></p>`}
    ${error && html`<p class="problem" role="alert">✕ ${error.message}</p>`}
    ${answer && html`<p class="state">${answer.traces === 0 ? "No trace matches." : html`<span>The slowest ${plural(answer.slow.traces, "trace")} of ${count(answer.traces)} took <b>${duration(answer.slow.duration)}</b>,
      typical ones <b>${duration(answer.typical.duration)}</b>. Time on the critical path, mean per trace:</span>`}</p>`}
    ${answer?.operations.length > 0 && html`
      <div class="scroll" tabindex="0" role="region" aria-label="Operations"><table class="red why">
        <thead><tr><th>Operation</th><th class="number">Typical</th><th class="number">Slow</th><th class="number">Difference</th><th>Share of the difference</th></tr></thead>
        <tbody>${answer.operations.slice(0, 200).map((/** @type {any} */ one, /** @type {number} */ at) => html`<tr key=${at}><th scope="row"><${Service} name=${one.service} /> ${one.name}</th>
          <td class="number">${duration(one.typical)}</td><td class="number">${duration(one.slow)}</td><td class="number">${one.delta > 0 ? "+" : ""}${duration(one.delta)}</td>
          <td><span class="meter"><i class="typical" style=${{ width: `${(one.typical / most) * 100}%` }}></i><i class="slow" style=${{ width: `${(one.slow / most) * 100}%` }}></i></span> ${one.share > 0 ? percent(one.share) : ""}</td></tr>`)}</tbody>
      </table></div>`}`;
}
