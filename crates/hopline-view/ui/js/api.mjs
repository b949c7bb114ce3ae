// @ts-check
// Requests to the viewer's JSON API and the shapes of its answers. Each address is relative to the mount.

/**
 * @typedef {"internal" | "server" | "client" | "producer" | "consumer"} Kind
 * @typedef {[string, unknown][]} Attributes
 *
 * @typedef {object} Summary one trace as the list shows it; times in ns unless named otherwise
 * @property {string} id @property {number} seq @property {string} name @property {string} service @property {Kind} kind
 * @property {number} [httpStatus] @property {number} startMs @property {string} startNs @property {number} duration
 * @property {number} spans @property {number} errors @property {{ name: string, spans: number }[]} services
 * @property {boolean} incomplete @property {number} open @property {boolean} pinned @property {number} cut @property {number} logs
 * @property {[start: number, duration: number, service: number, depth: number, flags: number][]} bars flags: 1 error, 2 open, 4 critical
 *
 * @typedef {object} Row one span of a trace, in tree order
 * @property {string} id @property {number} parent @property {number} depth @property {number} below @property {string} name
 * @property {string} label @property {number} service @property {Kind} kind @property {number} start @property {number} duration
 * @property {number} self @property {number} critical @property {boolean} error @property {boolean} open @property {string} [target]
 * @property {string} [place] @property {number} [status] @property {string} [missingParent] @property {string} [errorText] @property {number} [links]
 * @property {number} [logs] @property {[offset: number, name: string][]} [events] @property {boolean} [cycle]
 *
 * @typedef {object} Trace
 * @property {Summary} summary @property {string[]} services @property {Row[]} spans
 * @property {[row: number, start: number, end: number][]} criticalPath
 * @property {{ parent: number, statement: string, count: number, duration: number, rows: number[] }[]} repeats
 * @property {[row: number, shift: number][]} align
 *
 * @typedef {object} Log
 * @property {number} offset @property {number} timeMs @property {string} severity @property {number} severityNumber
 * @property {string} body @property {string} [span] @property {number} [row] @property {Attributes} attributes
 *
 * @typedef {object} Detail everything of one span
 * @property {number} row @property {string} id @property {string} traceId @property {string | null} parentId @property {boolean} parentRemote
 * @property {string} name @property {Kind} kind @property {string} service @property {number} startMs @property {string} startNs
 * @property {number} start @property {number} duration @property {boolean} open @property {{ code: string, message: string }} status
 * @property {Attributes} attributes @property {Attributes} resource @property {{ name: string, version: string }} scope
 * @property {{ name: string, offset: number, attributes: Attributes }[]} events
 * @property {{ traceId: string, spanId: string, known: boolean, attributes?: Attributes }[]} links
 * @property {string} [sql] @property {string} tracestate @property {{ attributes: number, events: number, links: number }} dropped
 * @property {Log[]} logs
 *
 * @typedef {object} Counts
 * @property {number} bytes @property {number} traces @property {number} spans @property {number} logs @property {number} openSpans
 * @property {{ spans: number, logs: number, metrics: number, requests: number, rejected: number }} received
 * @property {number} merged @property {{ reason: string, traces: number, spans: number }[]} evicted
 * @property {number} cutValues @property {number} masked @property {number} queueDropped
 *
 * @typedef {object} Info
 * @property {string} version @property {"server" | "app"} mode @property {string[]} receivers @property {Counts} counts
 * @property {{ bytes: number, traces: number, spansPerTrace: number, valueBytes: number, redMinutes: number }} limits
 *
 * @typedef {object} Route
 * @property {string} route @property {Kind} kind @property {number} count @property {number} errors @property {number} rate
 * @property {number} p50 @property {number} p95 @property {number} p99 @property {number} max
 * @property {{ step: number, count: number[], errors: number[], p95: number[] }} spark
 *
 * @typedef {{ now: number, window: number, services: { name: string, routes: Route[] }[] }} Services
 *
 * @typedef {object} Graph
 * @property {{ id: number, kind: "outside" | "service" | "database" | "queue", name: string, spans: number, errors: number }[]} nodes
 * @property {{ from: number, to: number, count: number, errors: number, p50: number, p95: number }[]} edges
 *
 * @typedef {{ row: number, id: string, start: number, duration: number, error: boolean }} Side
 * @typedef {object} Diff
 * @property {Summary} a @property {Summary} b @property {Record<"same" | "slower" | "faster" | "added" | "missing", number>} counts
 * @property {{ depth: number, name: string, service: string, change: "same" | "slower" | "faster" | "added" | "missing",
 *   a: Side | null, b: Side | null, delta: number }[]} rows
 */

/** A refusal of the viewer, or a viewer that does not answer. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status 0 where nothing answered @param {string} code */
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** @param {string} path @param {RequestInit} [options] @returns {Promise<Response>} */
async function request(path, options) {
  const answer = await fetch(path, options).catch((error) => {
    if (error?.name === "AbortError") throw error;
    throw new ApiError("The viewer does not answer. Check that it still runs.", 0, "unreachable");
  });
  if (answer.ok) return answer;
  const { error } = await answer.json().catch(() => ({ error: undefined }));
  throw new ApiError(error?.message ?? `The viewer answered ${answer.status}.`, answer.status, error?.code ?? "");
}

/** @template T @param {string} path @param {AbortSignal} [signal] @returns {Promise<T>} */
export const load = async (path, signal) => (await request(path, { signal })).json();

/** @param {string} path @param {AbortSignal} [signal] */
export const loadText = async (path, signal) => (await request(path, { signal })).text();

/** Changes something in the store. @param {"POST" | "DELETE"} method @param {string} path @param {string} [body] */
export const change = (method, path, body) => request(path, { method, body, headers: { "x-hopline-view": "1" } });

/** Parameters of an address; those without a value are left out. @param {Record<string, string | number>} params */
export function query(params) {
  const given = Object.entries(params).filter(([, value]) => value !== "").map(([key, value]) => [key, String(value)]);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

/**
 * Follows the live stream; the browser connects again by itself and resumes where it was. A hidden page does not follow:
 * a browser has six connections to one host, and each stream holds one.
 * @param {string} q @param {string} last the run and number of the last change that is known, or "" for changes from now on
 * @param {{ trace?: (summary: Summary) => void, gone?: (ids: string[]) => void, stats?: (counts: Counts) => void,
 *   reset?: () => void, state?: (connected: boolean) => void }} on
 * @returns {() => void} ends it
 */
export function follow(q, last, on) {
  /** @type {EventSource | null} */
  let stream = null;
  const open = () => {
    if (document.hidden || stream) return;
    const opened = new EventSource(`api/live${query({ q, last })}`);
    const heard = (/** @type {string} */ name, /** @type {(data: any) => void} */ act) =>
      opened.addEventListener(name, (event) => {
        last = event.lastEventId || last;
        act(JSON.parse(event.data));
      });
    heard("trace", (data) => on.trace?.(data));
    heard("gone", (data) => on.gone?.(data.ids));
    heard("stats", (data) => on.stats?.(data));
    heard("reset", () => on.reset?.());
    opened.onopen = () => on.state?.(true);
    opened.onerror = () => on.state?.(false);
    stream = opened;
  };
  const close = () => {
    stream?.close();
    stream = null;
  };
  const turned = () => (document.hidden ? close() : open());
  document.addEventListener("visibilitychange", turned);
  open();
  return () => {
    document.removeEventListener("visibilitychange", turned);
    close();
  };
}
