// @ts-check
// The page's frame: navigation, theme, pause, help, and the view that the address names. Loaded by `index.html`.

import { About } from "./about.mjs";
import { Compare } from "./compare.mjs";
import { html, Message, render, useEffect } from "./dom.mjs";
import { Services } from "./services.mjs";
import { connected, followLink, go, help, loadInfo, paused, route, theme, turnTheme, useKeys } from "./state.mjs";
import { Trace } from "./trace.mjs";
import { Traces } from "./traces.mjs";

const VIEWS = { traces: Traces, trace: Trace, services: Services, compare: Compare, about: About, missing: Missing };
const TABS = /** @type {const} */ ([["traces", "Traces"], ["services", "Services"], ["compare", "Compare"], ["about", "About"]]);

function App() {
  const { view } = route.value;
  const View = VIEWS[view];
  const tab = view === "trace" ? "traces" : view;
  useEffect(() => { loadInfo(); }, []);
  useKeys({
    "?": () => { help.value = !help.value; },
    "t": turnTheme,
    ".": () => { paused.value = !paused.value; },
    "/": () => /** @type {HTMLInputElement | null} */ (document.querySelector("[data-search]"))?.select(),
    "1": () => go({ view: "traces" }),
    "2": () => go({ view: "services" }),
    "3": () => go({ view: "compare" }),
    "4": () => go({ view: "about" }),
  });
  return html`
    <div class="frame" onClick=${followLink}>
      <header class="top">
        <a class="brand" href="./"><svg viewBox="0 0 20 20" aria-hidden="true"><path d="M2 5h15M6 10h9M9 15h9" /></svg>hopline</a>
        <nav aria-label="Views">
          ${TABS.map(([id, name]) => html`<a key=${id} href=${id === "traces" ? "./" : id} aria-current=${tab === id ? "page" : undefined}>${name}</a>`)}
        </nav>
        <${Live} />
        <button class="icon" onClick=${turnTheme} title="Light or dark (t)" aria-label=${`Colour scheme: ${theme.value}`}>◐</button>
        <button class="icon" onClick=${() => { help.value = true; }} title="Keys (?)" aria-label="Keys">?</button>
      </header>
      <main><${View} key=${view} /></main>
      ${help.value && html`<${Help} />`}
    </div>`;
}

/** The state of the live stream, and the button that holds it. */
function Live() {
  const state = paused.value ? "paused" : connected.value === false ? "lost" : "on";
  const text = { paused: "Paused", lost: "Not connected", on: "Live" }[state];
  return html`
    <button class=${`live ${state}`} aria-pressed=${String(paused.value)} title="Hold or follow new traces (.)"
      onClick=${() => { paused.value = !paused.value; }}><span class="light" aria-hidden="true">${state === "paused" ? "❙❙" : "●"}</span><span class="live-text">${text}</span></button>`;
}

function Missing() {
  return html`<${Message} title="No such page"><p><a href="./">All traces</a></p><//>`;
}

const KEYS = [
  ["Everywhere", [["1 2 3 4", "traces, services, compare, about"], ["/", "search"], [".", "hold or follow new traces"], ["t", "light or dark"], ["?", "this list"], ["Esc", "close"]]],
  ["Rows", [["j k ↓ ↑", "next, previous row"], ["Enter", "open"], ["g G", "first, last row"]]],
  ["Trace", [["h l ← →", "fold, unfold"], ["n p", "next, previous error or match"], ["c", "critical path"], ["f", "flame"], ["m", "map"], ["w", "waterfall"], ["o", "logs"], ["z", "zoom to the span"], ["Z", "whole trace"]]],
];

/** The list of keys. */
function Help() {
  const close = () => { help.value = false; };
  useKeys({ Escape: close });
  return html`
    <div class="veil" onClick=${(/** @type {MouseEvent} */ event) => event.target === event.currentTarget && close()}>
      <div class="dialog" role="dialog" aria-modal="true" aria-label="Keys">
        <header><h2>Keys</h2><button class="icon" aria-label="Close" ref=${(/** @type {HTMLElement | null} */ at) => at?.focus()} onClick=${close}>✕</button></header>
        <div class="keys">${KEYS.map(([title, keys]) => html`
          <section key=${title}><h3>${title}</h3><dl>${/** @type {string[][]} */ (keys).map(([key, what]) => html`
            <dt key=${key}>${key.split(" ").map((one) => html`<kbd>${one}</kbd>`)}</dt><dd>${what}</dd>`)}</dl></section>`)}
        </div>
      </div>
    </div>`;
}

const app = document.getElementById("app");
if (app) render(html`<${App} />`, app);
