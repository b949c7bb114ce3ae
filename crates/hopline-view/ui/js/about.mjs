// @ts-check
// Limits, counts, what the store let go, and the licences of the libraries in the page.

import { change, load } from "./api.mjs";
import { html, useEffect, useEvery, useLoad } from "./dom.mjs";
import { bytes, count } from "./format.mjs";
import { info, loadInfo, paused } from "./state.mjs";

/** @type {Record<string, string>} */
const REASONS = {
  bytes: "the limit of bytes was reached", traces: "the limit of traces was reached", spans_per_trace: "a trace had more spans than its limit",
  logs: "log lines: no trace, or over its limit", cleared: "cleared by hand",
};

export function About() {
  const { data: licences } = useLoad("licences", (signal) => load("vendor/licences.json", signal));
  useEffect(() => { document.title = "About · hopline"; loadInfo(); }, []);
  useEvery(loadInfo, 2000, !paused.value);
  if (!info.value) return html`<p class="state">Loading…</p>`;
  const { version, mode, receivers, limits, counts } = info.value;
  const clear = () => confirm("Let go of all traces that are not pinned?") && change("DELETE", "api/traces").then(loadInfo, () => undefined);
  /** @type {[string, string, string][]} */
  const held = [
    ["Bytes", bytes(counts.bytes), bytes(limits.bytes)], ["Traces", count(counts.traces), count(limits.traces)], ["Spans", count(counts.spans), `${count(limits.spansPerTrace)} in a trace`],
    ["Running spans", count(counts.openSpans), ""], ["Log lines", count(counts.logs), ""], ["One value", "", bytes(limits.valueBytes)], ["Rates of routes", "", `${limits.redMinutes} minutes`],
  ];
  /** @type {[string, number][]} */
  const flow = [
    ["Requests", counts.received.requests], ["Spans", counts.received.spans], ["Log lines", counts.received.logs], ["Metrics, not shown", counts.received.metrics], ["Requests refused", counts.received.rejected],
    ["Spans merged with an earlier record", counts.merged], ["Values cut to their limit", counts.cutValues], ["Values masked", counts.masked], ["Spans dropped before the store", counts.queueDropped],
  ];
  return html`
    <section class="about scroll" tabindex="0" role="region" aria-label="About">
      <h1>hopline view <small>${version}</small></h1>
      <p>${mode === "app" ? "Shows the traces of the app that serves this page, while they run." : html`Receives OTLP at ${receivers.map((to, at) => html`${at ? " and " : ""}<code>${to}</code>`)}.`}${" "}
        Everything is held in memory and leaves this machine only by a download.</p>
      <div class="about-parts">
        <div><h2>Held</h2><table><thead><tr><th>Of</th><th class="number">Now</th><th class="number">Limit</th></tr></thead>
          <tbody>${held.map(([name, now, limit]) => html`<tr key=${name}><th scope="row">${name}</th><td class="number">${now}</td><td class="number">${limit}</td></tr>`)}</tbody></table>
          <p><button onClick=${clear}>Clear…</button></p></div>
        <div><h2>Received</h2><table><tbody>${flow.map(([name, number]) => html`<tr key=${name}><th scope="row">${name}</th><td class="number">${count(number)}</td></tr>`)}</tbody></table></div>
        <div><h2>Let go</h2><table><thead><tr><th>Because</th><th class="number">Traces</th><th class="number">Spans, lines</th></tr></thead>
          <tbody>${counts.evicted.map(({ reason, traces, spans }) => html`<tr key=${reason}><th scope="row">${REASONS[reason] ?? reason}</th><td class="number">${count(traces)}</td><td class="number">${count(spans)}</td></tr>`)}</tbody></table>
          <p class="muted">The oldest traces leave first; failed and pinned ones leave last.</p></div>
        <div><h2>Libraries in the page</h2><table><tbody>${/** @type {any[]} */ (licences ?? []).map(({ name, version: of, licence, file }) => html`<tr key=${name}><th scope="row">${name} ${of}</th><td><a href=${`vendor/${file}`} target="_blank" rel="noreferrer">${licence}</a></td></tr>`)}</tbody></table></div>
      </div>
    </section>`;
}
