// @ts-check
// Edits the search words of the list: `service:orders status:error >200ms http.route:/orders/{id} "text" -hidden`.
// The server reads and checks them; the search box and its buttons call this module. Pure.

/** Splits at blanks outside of double quotes. @param {string} text @returns {string[]} */
export function split(text) {
  return text.match(/(?:"(?:[^"\\]|\\.)*"?|[^\s"])+/g) ?? [];
}

/** Quotes a value where it needs quotes. @param {string} value */
export function quote(value) {
  return /^[^\s"\\]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;
}

/** The word that finds a key with a value. @param {string} key @param {string} value */
export function word(key, value) {
  return `${key}:${quote(value)}`;
}

/** @param {string} text @param {string} raw */
export function has(text, raw) {
  return split(text).includes(raw);
}

/** Adds the word at the end, or removes it where it is there. @param {string} text @param {string} raw */
export function toggle(text, raw) {
  const words = split(text);
  const left = words.filter((one) => one !== raw);
  return (left.length === words.length ? [...words, raw] : left).join(" ");
}
