// @ts-check
// A map of callers, services, databases and queues: placed by dagre, drawn as SVG, with a table of the same calls.

import { html, Service, tint, useEffect, useMedia, useState } from "./dom.mjs";
import { count, duration, percent, plural } from "./format.mjs";
import { go } from "./state.mjs";
import { word } from "./words.mjs";

/** @typedef {import("./api.mjs").Graph} ApiGraph */
/** @typedef {{ width: number, height: number, nodes: any[], edges: any[] }} Placed */

const KINDS = { outside: "outside", service: "service", database: "database", queue: "queue" };

/** @param {{ nodes: (ApiGraph["nodes"][number] & { text: string, more: string })[], edges: ApiGraph["edges"] }} graph @param {boolean} upright @param {any} dagre @returns {Placed} */
function place(graph, upright, dagre) {
  const plan = new dagre.graphlib.Graph({ multigraph: true });
  plan.setGraph({ rankdir: upright ? "TB" : "LR", nodesep: 28, ranksep: upright ? 34 : 26, marginx: 12, marginy: 12 });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const node of graph.nodes) plan.setNode(String(node.id), { width: Math.max(96, node.text.length * 7.6 + 34, node.more.length * 6.2 + 30), height: 46, node });
  graph.edges.forEach((edge, at) => plan.setEdge(String(edge.from), String(edge.to), { width: upright ? 40 : 76, height: 34, labelpos: "c", edge }, String(at)));
  dagre.layout(plan);
  const { width = 0, height = 0 } = plan.graph();
  return { width, height, nodes: plan.nodes().map((/** @type {string} */ id) => plan.node(id)), edges: plan.edges().map((/** @type {any} */ id) => plan.edge(id)) };
}

/** @param {{ graph: ApiGraph }} props */
export function Graph({ graph }) {
  const upright = useMedia("(max-width: 720px)");
  const [dagre, setDagre] = useState(/** @type {any} */ (null));
  useEffect(() => { import("@dagrejs/dagre").then((module) => setDagre({ graphlib: module.graphlib, layout: module.layout })); }, []);
  if (graph.nodes.length === 0) return html`<p class="state">No calls yet.</p>`;
  if (!dagre) return html`<p class="state">Placing…</p>`;
  const named = { ...graph, nodes: graph.nodes.map((node) => ({ ...node, text: short(node.name || "callers"),
    more: `${node.errors ? `✕ ${count(node.errors)} · ` : ""}${node.kind === "service" ? plural(node.spans, "span") : node.kind}` })) };
  const { width, height, nodes, edges } = place(named, upright, dagre);
  const name = (/** @type {number} */ id) => named.nodes.find((node) => node.id === id)?.text ?? "";
  return html`
    <div class="graph">
      <div class="graph-scroll" tabindex="0" role="region" aria-label="Map">
        <svg role="img" aria-label=${`${graph.nodes.length} parts and ${graph.edges.length} kinds of calls; the table below lists them`} width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`}>
          ${edges.map((edge, at) => html`<${Arrow} key=${`e${at}`} ...${edge} />`)}
          ${edges.map((edge, at) => html`<${Label} key=${`l${at}`} ...${edge} />`)}
          ${nodes.map(({ node, x, y, width: wide, height: high }) => html`
            <g key=${node.id} class=${`node ${node.kind}${node.errors ? " bad" : ""}`} style=${tint(node.name)} transform=${`translate(${x - wide / 2} ${y - high / 2})`}
              onClick=${() => node.kind === "service" && go({ view: "traces", params: { q: word("service", node.name) } })}>
              <title>${`${KINDS[/** @type {"service"} */ (node.kind)]} ${node.name}`}</title>
              ${node.kind === "database" ? html`<path d=${`M0 7 a${wide / 2} 6 0 0 1 ${wide} 0 v${high - 13} a${wide / 2} 6 0 0 1 ${-wide} 0 z M0 7 a${wide / 2} 6 0 0 0 ${wide} 0`} />`
                : html`<rect width=${wide} height=${high} rx=${node.kind === "queue" ? high / 2 : 6} />`}
              ${node.kind === "service" && html`<path class="stripe" d=${`M6 0 H4 a4 6 0 0 0 -4 6 v${high - 12} a4 6 0 0 0 4 6 h2 z`} />`}
              <text class="node-name" x=${wide / 2} y=${node.kind === "database" ? 27 : 20}>${node.text}</text>
              <text class="node-more" x=${wide / 2} y=${node.kind === "database" ? 40 : 36}>${node.more}</text>
            </g>`)}
        </svg>
      </div>
      <details class="graph-table"><summary>Calls as a table</summary>
        <table><thead><tr><th>From</th><th>To</th><th class="number">Calls</th><th class="number">Errors</th><th class="number">p50</th><th class="number">p95</th></tr></thead>
          <tbody>${graph.edges.map((edge, at) => html`<tr key=${at}><td><${Service} name=${name(edge.from)} /></td><td><${Service} name=${name(edge.to)} /></td><td class="number">${count(edge.count)}</td>
            <td class="number">${edge.errors ? html`<span class="failed">✕ ${percent(edge.errors / edge.count)}</span>` : "0"}</td><td class="number">${duration(edge.p50)}</td><td class="number">${duration(edge.p95)}</td></tr>`)}</tbody></table>
      </details>
    </div>`;
}

/** @param {string} name */
const short = (name) => (name.length > 30 ? `${name.slice(0, 29)}…` : name);

/** One kind of call. @param {{ points: { x: number, y: number }[], edge: ApiGraph["edges"][number] }} props */
function Arrow({ points, edge }) {
  const [last, before] = [points[points.length - 1], points[points.length - 2]];
  const turn = (Math.atan2(last.y - before.y, last.x - before.x) * 180) / Math.PI;
  // through the middle of each pair of points, so that the line has no corners
  const middle = points.slice(1, -1).map((point, at) => `Q${point.x} ${point.y} ${(point.x + points[at + 2].x) / 2} ${(point.y + points[at + 2].y) / 2}`).join("");
  return html`
    <g class=${edge.errors ? "edge bad" : "edge"}>
      <path d=${`M${points[0].x} ${points[0].y}${middle}L${last.x} ${last.y}`} />
      <path class="head" d="M0 0L-8 -4V4Z" transform=${`translate(${last.x} ${last.y}) rotate(${turn})`} />
    </g>`;
}

/** Its numbers, above the lines of all. @param {{ x: number, y: number, edge: ApiGraph["edges"][number] }} props */
function Label({ x, y, edge }) {
  return html`
    <g class="edge">
      <text x=${x} y=${y - 5}>${count(edge.count)}×${edge.errors ? ` · ✕ ${edge.errors}` : ""}</text>
      <text class="muted" x=${x} y=${y + 14}>${duration(edge.p50)}</text>
    </g>`;
}
