// The confirm object of an element: nothing is sent before the person says yes.

import { button, el, uniqueId } from "./dom.js";
import { textObject } from "./mrkdwn.js";

/** Resolves to true when the person confirms, to false when they decline or close. No `confirm`: true at once. */
export function confirmed(confirm) {
  if (!confirm) return Promise.resolve(true);
  return new Promise((resolve) => {
    const title = uniqueId("confirm");
    const dialog = el("dialog", { class: "dialog dialog-confirm", "aria-labelledby": title, "data-testid": "confirm" });
    const style = confirm.style === "danger" ? "danger" : "primary";
    const deny = button({ class: "button", "data-testid": "confirm-deny", onclick: () => dialog.close("no") }, textObject(confirm.deny));
    const accept = button({ class: `button button-${style}`, "data-testid": "confirm-accept", onclick: () => dialog.close("yes") }, textObject(confirm.confirm));
    dialog.append(
      el("h2", { id: title, class: "dialog-title" }, textObject(confirm.title)),
      el("div", { class: "dialog-body" }, textObject(confirm.text)),
      el("div", { class: "dialog-actions" }, deny, accept),
    );
    const before = document.activeElement;
    dialog.addEventListener("close", () => {
      dialog.remove();
      before?.focus?.();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    deny.focus();
  });
}
