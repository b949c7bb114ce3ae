// @ts-check
// Everything of one span, beside the drawing: error, statement, attributes, events, links, log lines.

import { load } from "./api.mjs";
import { Copy, Failed, html, Service, useLoad } from "./dom.mjs";
import { duration, moment, percent, value } from "./format.mjs";
import { format } from "./route.mjs";
import { word } from "./words.mjs";

/** @typedef {import("./api.mjs").Detail} Detail */
/** @typedef {import("./api.mjs").Attributes} Attributes */

/** @param {{ trace: import("./api.mjs").Trace, model: import("./model.mjs").Model, row: number, close: () => void, select: (row: number) => void }} props */
export function Panel({ trace, model, row, close, select }) {
  const { id: traceId, seq } = trace.summary;
  const span = model.rows[row];
  const { data, error } = useLoad(`${traceId} ${span.id}`, (signal) => load(`api/traces/${traceId}/spans/${span.id}`, signal), seq);
  const detail = /** @type {Detail | undefined} */ (data);
  const parent = span.parent >= 0 ? model.rows[span.parent] : null;
  const exceptions = detail?.events.filter(({ name }) => name === "exception") ?? [];
  const facts = /** @type {[string, unknown][]} */ ([
    ["Kind", span.kind],
    ["Duration", html`<b>${duration(span.duration)}</b>${span.open ? " so far" : ""}`],
    ["Own time", `${duration(span.self)}${span.duration > 0 ? ` (${percent(span.self / span.duration)})` : ""}`],
    span.critical > 0 && ["Critical path", `${duration(span.critical)} (${percent(span.critical / Math.max(1, trace.summary.duration))} of the trace)`],
    ["Starts at", html`${duration(span.start)}${detail ? html` <span class="muted">${moment(detail.startMs)}</span>` : ""}`],
    parent && ["Parent", html`<button class="link" onClick=${() => select(span.parent)}>${parent.name}</button>`],
    span.missingParent && ["Parent", html`<span class="partial">⋯ not received</span> <code>${span.missingParent}</code>`],
    model.ends[row] > row + 1 && ["Spans below", String(model.ends[row] - row - 1)],
    ["Span id", html`<${Copy} text=${span.id} title="Copy the span id"><code>${span.id}</code><//>`],
  ].filter(Boolean));
  return html`
    <aside class="panel" aria-label="Span">
      <header><${Service} name=${trace.services[span.service]} /><h2>${span.name}</h2>
        <button class="icon" aria-label="Close" title="Close (Esc)" onClick=${close}>✕</button></header>
      <div class="panel-body" tabindex="0" role="region" aria-label="Details of the span">
        ${span.error && html`<section class="failure"><h3><${Failed} /></h3>
          <p>${detail?.status.message || span.errorText || "The span failed without a message."}</p>
          ${exceptions.map((event, at) => html`<${Exception} key=${at} attributes=${event.attributes} />`)}</section>`}
        ${detail?.sql && html`<section><h3>Statement <${Copy} text=${detail.sql} /></h3><pre class="sql">${detail.sql}</pre></section>`}
        <dl class="table">${facts.map(([name, what], at) => html`<dt key=${at}>${name}</dt><dd>${what}</dd>`)}</dl>
        ${error && html`<p class="problem">✕ ${error.message}</p>`}
        ${detail && html`<${More} detail=${detail} model=${model} select=${select} />`}
      </div>
    </aside>`;
}

/** @param {{ detail: Detail, model: import("./model.mjs").Model, select: (row: number) => void }} props */
function More({ detail, model, select }) {
  const { attributes, events, links, logs, resource, scope, dropped, tracestate } = detail;
  const lost = Object.entries(dropped).filter(([, count]) => count > 0).map(([what, count]) => `${count} ${what}`);
  return html`
    <${Table} title="Attributes" attributes=${attributes} filters=${true} />
    ${lost.length > 0 && html`<p class="partial">Dropped by the service's limits: ${lost.join(", ")}</p>`}
    ${events.length > 0 && html`<section><h3>Events <small>${events.length}</small></h3>
      ${events.map((event, at) => html`<details key=${at} open=${events.length < 4}><summary><span class="number">${duration(event.offset)}</span> ${event.name}</summary>
        <${Table} attributes=${event.attributes} /></details>`)}</section>`}
    ${links.length > 0 && html`<section><h3>Links <small>${links.length}</small></h3><ul class="plain">
      ${links.map(({ traceId, spanId, known }, at) => {
        const near = traceId === detail.traceId ? model.rowOf.get(spanId) : undefined;
        return html`<li key=${at}>${near !== undefined ? html`<button class="link" onClick=${() => select(near)}>${model.rows[near].name}</button>`
          : known ? html`<a href=${format({ view: "trace", trace: traceId, params: { span: spanId } })}><code>${traceId.slice(0, 8)}… / ${spanId}</code></a>`
          : html`<code>${traceId.slice(0, 8)}… / ${spanId}</code> <span class="partial">not received</span>`}</li>`;
      })}</ul></section>`}
    ${logs.length > 0 && html`<section><h3>Log lines <small>${logs.length}</small></h3>
      ${logs.map(({ offset, severity, severityNumber, body, attributes: more }, at) => html`<details key=${at}><summary><span class="number">${duration(offset)}</span>
        <span class=${severityNumber >= 17 ? "failed" : severityNumber >= 13 ? "warned" : "muted"}>${severity}</span> ${body}</summary><${Table} attributes=${more} /></details>`)}</section>`}
    <details><summary>Resource and scope</summary>
      <${Table} attributes=${[["scope", [scope.name, scope.version].filter(Boolean).join(" ")], ...(tracestate ? [["tracestate", tracestate]] : []), ...resource]} /></details>`;
}

/** @param {{ attributes: Attributes }} props */
function Exception({ attributes }) {
  const { "exception.type": type, "exception.message": message, "exception.stacktrace": trace } = Object.fromEntries(attributes);
  return html`<p>${type ? html`<b>${value(type)}</b>` : ""}${type && message ? ": " : ""}${message ? value(message) : ""}</p>
    ${trace && html`<details><summary>Stack trace</summary><pre>${value(trace)}</pre></details>`}`;
}

/** @param {{ title?: string, attributes: Attributes, filters?: boolean }} props */
function Table({ title = "", attributes, filters = false }) {
  if (attributes.length === 0) return null;
  const sorted = [...attributes].sort(([a], [b]) => (a < b ? -1 : 1));
  return html`<section>${title && html`<h3>${title} <small>${attributes.length}</small></h3>`}
    <dl class="table">${sorted.map(([key, one]) => {
      const text = value(one);
      const short = text.length < 120 && typeof one !== "object";
      return html`<dt key=${key}>${key}</dt><dd class=${text === "REDACTED" ? "muted" : ""}>
        ${filters && short && text ? html`<a class="quiet" title="Traces with this value" href=${format({ view: "traces", params: { q: word(key, text) } })}>${text}</a>` : text}</dd>`;
    })}</dl></section>`;
}
