// @ts-check
// Templates and small parts that every view draws with. Text is only ever set as text: no view inserts HTML.

import { h, render } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import htm from "htm";
import { hue } from "./colour.mjs";
import { scrollFor, windowOf } from "./layout.mjs";

export { render, useEffect, useLayoutEffect, useMemo, useRef, useState };

/** A template with components: `<${Name} prop=${value} />`. @type {(strings: TemplateStringsArray, ...values: unknown[]) => any} */
export const html = htm.bind(/** @type {any} */ (h));

/** The custom property that gives an element its service's hue. @param {string} service */
export const tint = (service) => ({ "--hue": String(hue(service)) });

/** A service's name behind its dot. @param {{ name: string }} props */
export const Service = ({ name }) => html`<span class="service" style=${tint(name)}>${name}</span>`;

/** The sign and word of a failure. @param {{ count?: number }} props */
export const Failed = ({ count = 1 }) => html`<span class="failed">✕ ${count > 1 ? `${count} errors` : "error"}</span>`;

/** A message where there is nothing else to show. @param {{ title: string, children?: unknown }} props */
export const Message = ({ title, children }) => html`<div class="message"><h2>${title}</h2>${children}</div>`;

/** A row of buttons of which one is pressed.
 * @param {{ label: string, options: Array<[string, unknown]>, value: string, choose: (value: string) => void }} props */
export const Choice = ({ label, options, value, choose }) => html`
  <div class="choice" role="group" aria-label=${label}>
    ${options.map(([id, text]) => html`<button key=${id} aria-pressed=${String(id === value)} onClick=${() => choose(id)}>${text}</button>`)}
  </div>`;

/** Copies a text and shows that it did. @param {{ text: string, children?: unknown, title?: string }} props */
export function Copy({ text, children, title = "Copy" }) {
  const [done, setDone] = useState(false);
  const copy = () => navigator.clipboard.writeText(text).then(() => {
    setDone(true);
    setTimeout(() => setDone(false), 1200);
  }, () => setDone(false));
  return html`<button class="copy" title=${title} onClick=${copy}>${done ? "copied" : children ?? "copy"}</button>`;
}

/** Loads when `key` or `version` changes; gives the newest answer for the key, or its error. An older load is stopped.
 * @template T @param {string} key @param {(signal: AbortSignal) => Promise<T>} load @param {number} [version]
 * @returns {{ data?: T, error?: Error, again: () => void }} */
export function useLoad(key, load, version = 0) {
  const [state, setState] = useState(/** @type {{ key: string, data?: T, error?: Error }} */ ({ key: "" }));
  const [round, setRound] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    load(stop.signal).then(
      (data) => setState({ key, data }),
      (error) => stop.signal.aborted || setState({ key, error }),
    );
    return () => stop.abort();
  }, [key, version, round]);
  const again = () => setRound((at) => at + 1);
  return state.key === key ? { ...state, again } : { again };
}

/** Calls `work` every `ms` while the page is visible. @param {() => void} work @param {number} ms @param {boolean} on */
export function useEvery(work, ms, on) {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    if (!on) return undefined;
    const timer = setInterval(() => document.hidden || latest.current(), ms);
    return () => clearInterval(timer);
  }, [ms, on]);
}

/** Whether a media query matches. @param {string} query */
export function useMedia(query) {
  const list = useMemo(() => matchMedia(query), [query]);
  const [matches, setMatches] = useState(list.matches);
  useEffect(() => {
    const changed = () => setMatches(list.matches);
    list.addEventListener("change", changed);
    return () => list.removeEventListener("change", changed);
  }, [list]);
  return matches;
}

/**
 * Rows of one height of which only those on screen are in the document. The active row scrolls into view when `moved` changes.
 * @param {{ count: number, size: number, active: number, id: string, role: string, label: string, columns: number, behind?: unknown,
 *   moved?: number, scrolled?: (top: number) => void, row: (at: number) => unknown }} props
 */
export function Rows({ count, size, active, id, role, label, columns, behind, row, moved = active, scrolled }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const [view, setView] = useState({ top: 0, height: 800 });
  const measure = () => {
    if (!box.current) return;
    setView({ top: box.current.scrollTop, height: box.current.clientHeight });
    scrolled?.(box.current.scrollTop);
  };
  useLayoutEffect(() => {
    const watch = new ResizeObserver(measure);
    if (box.current) watch.observe(box.current);
    // keys of assistive programs reach the rows at once; a reader who types elsewhere stays there
    if (document.activeElement === document.body) box.current?.focus({ preventScroll: true });
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element || active < 0) return;
    element.scrollTop = scrollFor(element.scrollTop, element.clientHeight, size, active);
    measure();
  }, [moved, size]);
  const { from, to } = windowOf(view.top, view.height, size, count);
  const shown = [];
  for (let at = from; at < to; at += 1) shown.push(row(at));
  return html`
    <div class="rows" ref=${box} role=${role} aria-label=${label} aria-rowcount=${count} aria-colcount=${columns} tabindex="0"
      aria-activedescendant=${active >= from && active < to ? `${id}-${active}` : undefined} onScroll=${measure}>
      <div role="presentation" class="rows-space" style=${{ height: `${count * size}px` }}>
        ${behind}
        <div role="rowgroup" class="rows-shown" style=${{ transform: `translateY(${from * size}px)` }}>${shown}</div>
      </div>
    </div>`;
}
