// @ts-check
// What all views share: the address, the theme, the pause, the viewer's counts, and the keys of the view on screen.

import { effect, signal } from "@preact/signals";
import { load } from "./api.mjs";
import { remember } from "./colour.mjs";
import { format, parse } from "./route.mjs";
import { useEffect, useRef } from "./dom.mjs";

/** @typedef {import("./route.mjs").Route} Route */

/** The path of the mount, with a slash at its end. */
const base = new URL(document.baseURI).pathname;
const here = () => parse(base, location.pathname, location.search);

/** The view on screen with its parameters. */
export const route = signal(here());
addEventListener("popstate", () => { route.value = here(); });

/** Shows another view. @param {Partial<Route> & { view: Route["view"] }} to @param {{ replace?: boolean }} [how] */
export function go(to, { replace = false } = {}) {
  const address = new URL(format(to), document.baseURI);
  if (address.href === location.href) return;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  route.value = here();
}

/** Changes parameters of the view on screen. @param {Record<string, string>} params @param {{ replace?: boolean }} [how] */
export function set(params, { replace = true } = {}) {
  go({ ...route.value, params: { ...route.value.params, ...params } }, { replace });
}

/** Follows links inside the page without loading it again. @param {MouseEvent} event */
export function followLink(event) {
  const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
  if (!(link instanceof HTMLAnchorElement) || link.hasAttribute("download") || link.target) return;
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const to = new URL(link.href);
  const next = parse(base, to.pathname, to.search);
  if (to.origin !== location.origin || next.view === "missing") return;
  event.preventDefault();
  go(next);
}

/** What an earlier page kept; null also where the reader's browser keeps nothing. @param {string} key */
function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @param {string} key @param {string} value */
function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // the next page starts without it
  }
}

/** @returns {"system" | "light" | "dark"} */
function storedTheme() {
  const stored = kept("hopline.theme");
  return stored === "light" || stored === "dark" ? stored : "system";
}

/** The colour scheme, "system" where the reader chose none. */
export const theme = signal(storedTheme());
effect(() => {
  document.documentElement.dataset.theme = theme.value;
  keep("hopline.theme", theme.value);
});

/** From what is seen to the other one, and from there back to the system's. */
export function turnTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const other = system === "dark" ? "light" : "dark";
  theme.value = theme.value === other ? "system" : other;
}

/** @returns {unknown} */
function storedHues() {
  try {
    return JSON.parse(kept("hopline.hues") ?? "[]");
  } catch {
    return [];
  }
}
remember(storedHues(), (given) => keep("hopline.hues", JSON.stringify(given)));

/** Whether live changes are held back. */
export const paused = signal(false);

/** Whether the live stream is connected; null before its first answer. */
export const connected = signal(/** @type {boolean | null} */ (null));

/** The viewer's limits and counts; the live stream keeps the counts new. */
export const info = signal(/** @type {import("./api.mjs").Info | null} */ (null));

/** @param {import("./api.mjs").Counts} counts */
export function counted(counts) {
  if (info.value) info.value = { ...info.value, counts };
}

/** Asks for limits and counts anew. */
export const loadInfo = () => load("api/info").then((answer) => { info.value = answer; }, () => undefined);

/** Whether the list of keys is open. */
export const help = signal(false);

/** @typedef {Record<string, (event: KeyboardEvent) => void>} Keys */

/** @type {{ current: Keys }[]} */
const bound = [];

/** Binds keys while a view is on screen; the newest binding of a key wins. @param {Keys} keys */
export function useKeys(keys) {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    bound.push(latest);
    return () => { bound.splice(bound.indexOf(latest), 1); };
  }, []);
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const target = event.target instanceof HTMLElement ? event.target : document.body;
  const typing = target.matches("input, textarea, select");
  if (typing && event.key !== "Escape") return;
  // a button and a link act on Enter and on the space bar by themselves
  if (target.matches("button, a, summary") && (event.key === "Enter" || event.key === " ")) return;
  if (typing) {
    target.blur();
    return;
  }
  for (let at = bound.length - 1; at >= 0; at -= 1) {
    const act = bound[at].current[event.key];
    if (!act) continue;
    event.preventDefault();
    act(event);
    return;
  }
});
