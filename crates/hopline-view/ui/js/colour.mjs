// @ts-check
// The hue of a service, from its name. Lightness and chroma are tokens of the theme (`css/tokens.css`). Pure.

/** Hues in OKLCH degrees, away from the red of errors and the amber of the critical path. */
export const HUES = [250, 155, 310, 195, 115, 280, 340, 220, 135, 265, 175, 325];

/** @type {Map<string, number>} */
const given = new Map();

/** The hue of a service; two services share one only where all are taken. @param {string} service */
export function hue(service) {
  let slot = given.get(service);
  if (slot === undefined) {
    const taken = new Set(given.values());
    const first = hash(service) % HUES.length;
    slot = first;
    for (let moved = 0; moved < HUES.length && taken.has(slot); moved += 1) slot = (slot + 1) % HUES.length;
    if (taken.has(slot)) slot = first;
    given.set(service, slot);
  }
  return HUES[slot];
}

/** FNV-1a. @param {string} text */
function hash(text) {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return state >>> 0;
}
