// @ts-check
// Invented traces as OTLP JSON: a large one, many small ones, an incomplete one, and one whose text is markup.

import { randomBytes } from "node:crypto";

const hex = (/** @type {number} */ bytes) => randomBytes(bytes).toString("hex");
const now = () => BigInt(Date.now()) * 1_000_000n;

/** @param {string} key @param {string} value */
const text = (key, value) => ({ key, value: { stringValue: value } });

/**
 * @param {string} traceId @param {string} parentSpanId @param {string} name @param {bigint} start @param {number} duration
 * @param {object} [more]
 */
export const span = (traceId, parentSpanId, name, start, duration, more = {}) =>
  ({ traceId, spanId: hex(8), parentSpanId, name, kind: 1, startTimeUnixNano: String(start), endTimeUnixNano: String(start + BigInt(duration)), ...more });

/** One request of spans from one service. @param {string} service @param {object[]} spans */
export const batch = (service, spans) =>
  ({ resourceSpans: [{ resource: { attributes: [text("service.name", service)] }, scopeSpans: [{ scope: { name: "test" }, spans }] }] });

/** A trace of `count` spans: pages of queries below one job; each thousandth query fails. @param {number} count */
export function large(count) {
  const id = hex(16);
  const begin = now();
  const root = span(id, "", "export catalogue", begin, count * 1000);
  const spans = [root];
  let page = root;
  for (let at = 1; at < count; at += 1) {
    const start = begin + BigInt(at * 1000);
    if (at % 50 === 1) {
      page = span(id, root.spanId, `page ${(at - 1) / 50}`, start, 49_000);
      spans.push(page);
    } else {
      const failed = at % 1000 === 0 ? { status: { code: 2, message: "deadlock detected" } } : {};
      spans.push(span(id, page.spanId, "db.query", start, 900, { kind: 3, attributes: [text("db.query.text", "SELECT name FROM product WHERE id = $1"), text("db.system.name", "postgresql")], ...failed }));
    }
  }
  return { id, root: root.spanId, json: batch("catalogue", spans) };
}

/** `count` traces of four spans each. @param {number} count */
export function many(count) {
  const spans = [];
  for (let at = 0; at < count; at += 1) {
    const id = hex(16);
    const begin = now();
    const root = span(id, "", `GET /item/${at % 7}`, begin, 4_000_000, { kind: 2, attributes: [text("http.request.method", "GET"), text("user.id", hex(40))] });
    spans.push(root, ...[0, 1, 2].map((step) => span(id, root.spanId, "db.query", begin + BigInt(step * 1_000_000), 900_000, { kind: 3, attributes: [text("db.query.text", `SELECT ${hex(100)}`)] })));
  }
  return batch("shop", spans);
}

/** A child and, apart, its parent. */
export function late() {
  const id = hex(16);
  const begin = now();
  const parent = span(id, "", "POST /late", begin, 9_000_000, { kind: 2 });
  const child = span(id, parent.spanId, "late.child", begin + 1_000_000n, 5_000_000);
  return { id, child: batch("late", [child]), parent: batch("late", [parent]) };
}

/** What would run or load something if it were markup. */
export const MARKUP = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>';

/** A trace whose every text is markup. */
export function hostile() {
  const id = hex(16);
  const one = span(id, "", MARKUP, now(), 5_000_000, {
    attributes: [text(MARKUP, MARKUP), text("db.query.text", MARKUP)],
    events: [{ timeUnixNano: String(now()), name: "exception", attributes: [text("exception.message", MARKUP), text("exception.stacktrace", MARKUP)] }],
    status: { code: 2, message: MARKUP },
  });
  return { id, span: one.spanId, json: batch(MARKUP, [one]) };
}

/** Sends spans as an exporter does. @param {string} otlp @param {object} json */
export async function send(otlp, json) {
  const answer = await fetch(`${otlp}/v1/traces`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(json) });
  if (!answer.ok) throw new Error(`the viewer answered ${answer.status}: ${await answer.text()}`);
}
