// Elements of the document. Whatever comes from a server or a person is only ever text.

export const find = (id) => document.getElementById(id);

/** An element with attributes and children; strings become text, never markup. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") made.toggleAttribute(name, value);
    else if (value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Shows a message in a notice, or hides it where there is none. */
export function notice(id, message = "") {
  const place = find(id);
  if (place.textContent !== message) place.textContent = message;
  place.hidden = !message;
}

let saying;

/** Has screen readers say something, once nothing new has come for a moment. */
export function say(message) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    find("said").textContent = message;
  }, 600);
}

export const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}\u00a0%`;

/** A logarithm with a proper minus sign. */
export const logarithm = (value) => value.toFixed(2).replace("-", "\u2212");
