// @ts-check
// Addresses of the views below the folder where the page is mounted. Pure; the router in `main.mjs` calls it.

/**
 * @typedef {object} Route
 * @property {"traces" | "trace" | "services" | "compare" | "about" | "missing"} view
 * @property {string} trace the trace id of the view `trace`, else ""
 * @property {Record<string, string>} params
 */

/** @param {string} base path of the mount, with a slash at its end @param {string} path @param {string} search @returns {Route} */
export function parse(base, path, search) {
  const params = Object.fromEntries(new URLSearchParams(search));
  const below = path.startsWith(base) ? path.slice(base.length) : path === base.slice(0, -1) ? "" : "?";
  const [head, rest, ...more] = below.replace(/\/$/, "").split("/");
  if (head === "" && rest === undefined) return { view: "traces", trace: "", params };
  if (head === "t" && rest && more.length === 0) return { view: "trace", trace: decode(rest).toLowerCase(), params };
  if (rest === undefined && (head === "services" || head === "compare" || head === "about")) {
    return { view: head, trace: "", params };
  }
  return { view: "missing", trace: "", params };
}

/** An address relative to the base; parameters without a value are left out. @param {Partial<Route> & { view: Route["view"] }} route */
export function format({ view, trace = "", params = {} }) {
  const path = view === "traces" ? "" : view === "trace" ? `t/${encodeURIComponent(trace)}` : view;
  const given = Object.entries(params).filter(([, value]) => value !== "" && value !== undefined);
  const search = new URLSearchParams(given).toString();
  return (path || "./") + (search && `?${search}`);
}

/** @param {string} text */
function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
