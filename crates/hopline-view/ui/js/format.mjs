// @ts-check
// Text of durations, times, counts and sizes. Pure; called by every view.

/** Steps from nanoseconds upwards: the unit, and how many nanoseconds one of it has. */
const UNITS = /** @type {const} */ ([["h", 3.6e12], ["min", 6e10], ["s", 1e9], ["ms", 1e6], ["µs", 1e3], ["ns", 1]]);

/** A duration with two or three significant digits, as the terminal tree prints it. @param {number} ns @returns {string} */
export function duration(ns) {
  if (!Number.isFinite(ns)) return "–";
  if (ns < 0) return `−${duration(-ns)}`;
  if (ns === 0) return "0";
  for (let at = UNITS.length - 1; at >= 0; at -= 1) {
    const [unit, size] = UNITS[at];
    const next = at > 0 ? UNITS[at - 1][1] / size : Infinity;
    const text = digits(ns / size);
    // 999.7 µs rounds to 1000 µs, which is 1 ms
    if (Number(text) < next) return `${text} ${unit}`;
  }
  return "–";
}

/** One decimal below 10, none above. @param {number} value */
function digits(value) {
  return value < 9.95 && value % 1 !== 0 ? value.toFixed(1).replace(/\.0$/, "") : String(Math.round(value));
}

/** The position on a time axis: as many decimals as `step` needs. @param {number} ns @param {number} step */
export function axis(ns, step) {
  if (ns === 0) return "0";
  const at = UNITS.findIndex(([, size]) => ns >= size);
  const [unit, size] = UNITS[at === -1 ? UNITS.length - 1 : at];
  const decimals = Math.max(0, Math.min(3, Math.ceil(-Math.log10(step / size) - 1e-9)));
  return `${(ns / size).toFixed(decimals)} ${unit}`;
}

/** 12,345 as people read it. @param {number} value */
export function count(value) {
  return Math.round(value).toLocaleString("en-US");
}

/** A number of things with its noun. @param {number} value @param {string} noun @param {string} [many] */
export function plural(value, noun, many = `${noun}s`) {
  return `${count(value)} ${value === 1 ? noun : many}`;
}

/** Sizes in binary units. @param {number} value */
export function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at === 0 ? value : digits(value)} ${units[at]}`;
}

/** Requests per second. @param {number} value */
export function rate(value) {
  if (value === 0) return "0/s";
  return value < 0.1 ? `${digits(value * 60)}/min` : `${digits(value)}/s`;
}

/** A share as a percentage; a small one is never shown as zero. @param {number} share */
export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 0.1) return "<0.1 %";
  return `${digits(value)} %`;
}

/** The time of day with milliseconds, in the reader's zone. @param {number} ms Unix time in milliseconds */
export function clock(ms) {
  const date = new Date(ms);
  const two = (/** @type {number} */ part) => String(part).padStart(2, "0");
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Date and time with its offset from UTC, for a title. @param {number} ms Unix time in milliseconds */
export function moment(ms) {
  const date = new Date(ms);
  const offset = -date.getTimezoneOffset();
  const two = (/** @type {number} */ part) => String(Math.floor(Math.abs(part))).padStart(2, "0");
  const zone = offset === 0 ? "UTC" : `UTC${offset < 0 ? "−" : "+"}${two(offset / 60)}:${two(offset % 60)}`;
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${clock(ms)} ${zone}`;
}

/** An attribute value as text; a list and a map as JSON. @param {unknown} value */
export function value(value) {
  if (value === null || value === undefined) return "(empty)";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
