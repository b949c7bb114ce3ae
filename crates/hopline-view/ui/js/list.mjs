// @ts-check
// The traces that match the search words, kept new by the live stream. Pure but for `useTraces`; called by the list.

import { follow, load, query } from "./api.mjs";
import { useEffect, useEvery, useRef, useState } from "./dom.mjs";
import { connected, counted } from "./state.mjs";

/** @typedef {import("./api.mjs").Summary} Summary */
/** @typedef {{ rows: Summary[], total: number, matched: number }} Found */

/** How many rows the page holds at most. */
export const MOST = 1000;

/** The orders of the list. */
export const SORTS = /** @type {const} */ ([["recent", "Newest"], ["slowest", "Slowest"], ["spans", "Most spans"], ["errors", "Most errors"]]);

/** @type {Record<string, (trace: Summary) => number>} */
const WEIGHT = { recent: (trace) => trace.seq, slowest: (trace) => trace.duration, spans: (trace) => trace.spans, errors: (trace) => trace.errors };

/**
 * The list after some changes: new and changed traces replace older forms of themselves, gone ones leave.
 * @param {Found} found @param {Map<string, Summary>} changed @param {Set<string>} gone @param {string} sort
 * @returns {Found}
 */
export function merged(found, changed, gone, sort) {
  const known = new Set(found.rows.map((row) => row.id));
  const left = found.rows.filter((row) => !changed.has(row.id) && !gone.has(row.id));
  const fresh = [...changed.values()].filter((row) => !gone.has(row.id));
  const added = fresh.filter((row) => !known.has(row.id)).length;
  const lost = [...gone].filter((id) => known.has(id)).length;
  const weight = WEIGHT[sort] ?? WEIGHT.recent;
  const rows = [...left, ...fresh].sort((a, b) => weight(b) - weight(a) || b.seq - a.seq).slice(0, MOST);
  return { rows, total: Math.max(rows.length, found.total + added - lost), matched: Math.max(rows.length, found.matched + added - lost) };
}

/** @param {string} q @param {string} sort @param {AbortSignal} [signal] @returns {Promise<{ found: Found, last: string }>} */
async function fetchList(q, sort, signal) {
  const { traces, total, matched, run, seq } = /** @type {any} */ (await load(`api/traces${query({ q, sort, limit: MOST })}`, signal));
  return { found: { rows: traces, total, matched }, last: `${run}-${seq}` };
}

/**
 * Loads the list and follows it. While `held`, changes wait; `waiting` is their number.
 * @param {string} q @param {string} sort @param {boolean} held
 */
export function useTraces(q, sort, held) {
  const [state, setState] = useState(/** @type {{ key: string, found: Found | null, error: Error | null }} */ ({ key: "", found: null, error: null }));
  const [waiting, setWaiting] = useState(0);
  const [round, setRound] = useState(0);
  const pending = useRef({ changed: /** @type {Map<string, Summary>} */ (new Map()), gone: /** @type {Set<string>} */ (new Set()), timer: 0 });
  const key = `${sort} ${q}`;
  const holding = useRef(held);
  holding.current = held;

  /** Applies what has arrived, at most four times a second. */
  const apply = () => {
    const batch = pending.current;
    batch.timer = 0;
    if (holding.current) {
      setWaiting(batch.changed.size);
      return;
    }
    const { changed, gone } = batch;
    batch.changed = new Map();
    batch.gone = new Set();
    setWaiting(0);
    setState((old) => (old.found ? { ...old, found: merged(old.found, changed, gone, sort) } : old));
  };
  const soon = () => {
    const batch = pending.current;
    // held back for long: the list is loaded anew instead
    if (batch.changed.size > MOST) batch.changed.clear();
    batch.timer ||= window.setTimeout(apply, 250);
  };

  useEffect(() => {
    const stop = new AbortController();
    const batch = pending.current;
    batch.changed.clear();
    batch.gone.clear();
    let end = () => {};
    fetchList(q, sort, stop.signal).then(({ found, last }) => {
      setState({ key, found, error: null });
      setWaiting(0);
      end = follow(q, last, {
        trace: (summary) => { batch.gone.delete(summary.id); batch.changed.set(summary.id, summary); soon(); },
        gone: (ids) => { for (const id of ids) { batch.changed.delete(id); batch.gone.add(id); } soon(); },
        stats: counted,
        reset: () => setRound((at) => at + 1),
        state: (on) => { connected.value = on; },
      });
      if (stop.signal.aborted) end();
    }, (error) => {
      if (stop.signal.aborted) return;
      if (error.status === 0) connected.value = false;
      setState({ key, found: null, error });
    });
    return () => {
      stop.abort();
      end();
      clearTimeout(batch.timer);
      batch.timer = 0;
      connected.value = null;
    };
  }, [key, round]);

  // a trace that matches no longer is not announced by the stream
  const again = () => fetchList(q, sort).then(({ found }) => setState((old) => (old.key === key && !holding.current ? { ...old, found } : old)), () => undefined);
  useEvery(again, 5000, q !== "" && !held);
  useEffect(() => {
    if (!held) apply();
  }, [held]);
  return { found: state.found, error: state.key === key ? state.error : null, waiting };
}
