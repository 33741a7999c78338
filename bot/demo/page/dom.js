// Makes DOM nodes. Text only ever becomes a text node, so nothing a message says can become markup.

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "inert", "selected", "open"]);

/** An element. `props`: attributes; `on*` functions become listeners; null and false are left out. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A button that does nothing but what its listener does. */
export function button(props, ...children) {
  return el("button", { type: "button", ...props }, ...children);
}

let serial = 0;

/** An id that is unique in this page, to tie a label to its control. */
export function uniqueId(prefix) {
  serial += 1;
  return `${prefix}-${serial}`;
}

/** Shown to screen readers only. */
export function hiddenText(text) {
  return el("span", { class: "visually-hidden" }, text);
}
