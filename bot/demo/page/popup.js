// Small panels that open beside a button: menus, lists, select boxes. Native popovers, so Escape and a click elsewhere close them.

import { el } from "./dom.js";

const GAP = 4;
const MARGIN = 8;

function place(popup, trigger) {
  const anchor = trigger.getBoundingClientRect();
  popup.style.setProperty("min-width", `${Math.min(Math.max(anchor.width, 200), 320)}px`);
  const { width, height } = popup.getBoundingClientRect();
  const below = window.innerHeight - anchor.bottom;
  const above = below < height + GAP + MARGIN && anchor.top > below;
  const top = above ? anchor.top - height - GAP : anchor.bottom + GAP;
  const left = Math.min(anchor.left, window.innerWidth - width - MARGIN);
  popup.style.setProperty("top", `${Math.max(MARGIN, Math.min(top, window.innerHeight - height - MARGIN))}px`);
  popup.style.setProperty("left", `${Math.max(MARGIN, left)}px`);
}

/**
 * Gives `trigger` a panel. `fill(panel)` is called each time it opens and returns what gets the focus.
 * The panel must stand beside its trigger: inside a modal dialog everything outside is inert.
 */
export function attachPopup(trigger, fill, { kind, onClose = () => {} }) {
  const panel = el("div", { class: `popup popup-${kind}`, popover: "auto" });
  trigger.setAttribute("aria-expanded", "false");
  trigger.popoverTargetElement = panel;
  let focus = null;
  panel.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "open") return;
    panel.classList.add("is-placing");
    focus = fill(panel) ?? null;
  });
  panel.addEventListener("toggle", (event) => {
    const open = event.newState === "open";
    trigger.setAttribute("aria-expanded", String(open));
    if (open) {
      place(panel, trigger);
      panel.classList.remove("is-placing");
      focus?.focus();
    } else onClose();
  });
  // A dialog around it would take this Escape for its own.
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    event.preventDefault();
    panel.hidePopover();
    trigger.focus();
  });
  return panel;
}

/** Moves the focus up and down between the `[role=menuitem...]` children of a panel. */
export function arrowKeys(panel) {
  panel.onkeydown = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const items = [...panel.querySelectorAll("[role^=menuitem]")];
    const next = items[(items.indexOf(document.activeElement) + step + items.length) % items.length];
    next?.focus();
    event.preventDefault();
  };
}
