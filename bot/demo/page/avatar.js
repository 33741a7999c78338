// Square pictures of people and apps, drawn from their initials and colour.

import { el } from "./dom.js";
import { icon } from "./icons.js";
import { displayName } from "./store.js";

const COLOUR = /^#?[0-9a-f]{6}$/i;

function initials(name) {
  const words = name.split(/\s+/).filter(Boolean);
  return (words.length > 1 ? words[0][0] + words.at(-1)[0] : name.slice(0, 1)).toUpperCase();
}

/** The picture of `user`; apps get a drawn sign. `size`: small, medium or large. */
export function avatar(user, { size = "large", app = false } = {}) {
  const isApp = app || user?.kind === "bot";
  const node = el("span", { class: `avatar avatar-${size}${isApp ? " avatar-app" : ""}`, "aria-hidden": "true" }, isApp ? icon("shield") : initials(displayName(user)));
  if (!isApp && COLOUR.test(user?.color ?? "")) node.style.setProperty("--avatar", `#${user.color.replace("#", "")}`);
  return node;
}
