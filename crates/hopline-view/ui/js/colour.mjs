// @ts-check
// The hue of a service, from its name. Lightness and chroma are tokens of the theme (`css/tokens.css`). Pure.

/** Hues in OKLCH degrees, away from the red of errors and the amber of the critical path. */
export const HUES = [250, 155, 310, 195, 115, 280, 340, 220, 135, 265, 175, 325];

/** How many services keep a hue of their own choice; further ones have the one of their name's hash. */
const MOST = 200;

/** @type {Map<string, number>} */
const given = new Map();
/** @type {(given: [string, number][]) => void} */
let keep = () => {};

/** Continues with the hues of an earlier page, and calls `save` when a service is new.
 * @param {unknown} earlier @param {(given: [string, number][]) => void} save */
export function remember(earlier, save) {
  if (Array.isArray(earlier)) for (const [service, slot] of earlier) if (slot in HUES && given.size < MOST) given.set(String(service), slot);
  keep = save;
}

/** The hue of a service: that of its name's hash for the first one, else the one farthest from those that are taken. Two services
 * share one only where all are taken. @param {string} service */
export function hue(service) {
  const known = given.get(service);
  if (known !== undefined) return HUES[known];
  const first = hash(service) % HUES.length;
  if (given.size >= MOST) return HUES[first];
  const taken = [...new Set(given.values())];
  const distance = (/** @type {number} */ slot) => Math.min(...taken.map((other) => Math.abs(HUES[slot] - HUES[other])));
  let slot = first;
  if (taken.length < HUES.length) for (let at = 1; at < HUES.length; at += 1) {
    const next = (first + at) % HUES.length;
    if (distance(next) > distance(slot)) slot = next;
  }
  given.set(service, slot);
  keep([...given]);
  return HUES[slot];
}

/** FNV-1a. @param {string} text */
function hash(text) {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return state >>> 0;
}
