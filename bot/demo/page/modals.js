// The stack of modals: only the uppermost is on show, in a native dialog that keeps the focus.

import { post } from "./api.js";
import { inputErrors, renderBlocks, showErrors } from "./blocks.js";
import { button, el, uniqueId } from "./dom.js";
import { icon } from "./icons.js";
import { textObject } from "./mrkdwn.js";
import { Surface } from "./surface.js";

const plain = (text) => ({ type: "plain_text", text });

export class Modals {
  constructor() {
    this.stack = [];
    this.titleId = uniqueId("modal");
    this.dialog = el("dialog", {
      class: "dialog dialog-modal", "aria-labelledby": this.titleId, "data-testid": "modal",
      oncancel: (event) => {
        event.preventDefault();
        this.close();
      },
    });
    document.body.append(this.dialog);
  }

  /** One event of the stream; the ones that are not about modals are left alone. */
  apply(event) {
    if (event.type === "view_opened") this.setStack([...this.stack.map((entry) => entry.view).filter((view) => view.id !== event.view.id), event.view]);
    else if (event.type === "view_updated") this.setStack(this.stack.map(({ view }) => (view.id === event.view.id ? event.view : view)));
    else if (event.type === "view_closed") this.setStack(this.stack.map((entry) => entry.view).filter((view) => view.id !== event.view_id));
    else if (event.type === "view_stack") this.setStack(event.views);
  }

  clear() {
    this.setStack([]);
  }

  setStack(views) {
    const before = this.stack.at(-1);
    this.stack = views
      .filter((view) => view.type === "modal")
      .map((view) => ({ view, surface: this.stack.find((entry) => entry.view.id === view.id)?.surface ?? new Surface("modal", { view_id: view.id }) }));
    const top = this.stack.at(-1);
    if (!top) this.dialog.close();
    else if (top.view !== before?.view) this.draw(top, before?.view.id === top.view.id);
  }

  draw({ view, surface }, same) {
    const scroll = same ? this.body.scrollTop : 0;
    const focused = same ? document.activeElement?.dataset.actionId : null;
    this.body = el("div", { class: "dialog-body modal-blocks" }, renderBlocks(view.blocks, surface));
    this.error = el("div", { class: "failure", role: "alert", hidden: true, "data-testid": "modal-error" });
    const submit = view.submit
      ? el("button", { type: "submit", class: "button button-primary", "data-testid": "modal-submit" }, textObject(view.submit))
      : null;
    const form = el("form", {
      class: "modal-form", novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        this.submit();
      },
    },
    el("header", { class: "modal-head" },
      el("h2", { id: this.titleId, class: "dialog-title" }, textObject(view.title)),
      button({ class: "button button-icon button-plain", "aria-label": "Close", "data-testid": "modal-x", onclick: () => this.close() }, icon("close"))),
    this.body, this.error,
    el("footer", { class: "dialog-actions" },
      button({ class: "button", "data-testid": "modal-close", onclick: () => this.close() }, textObject(view.close ?? plain(submit ? "Cancel" : "Close"))), submit));
    this.dialog.replaceChildren(form);
    if (!this.dialog.open) this.dialog.showModal();
    this.body.scrollTop = scroll;
    const first = focused ? form.querySelector(`[data-action-id="${CSS.escape(focused)}"]`) : this.body.querySelector("input, textarea, .select-trigger");
    (first ?? submit ?? form.querySelector("footer button")).focus();
  }

  async close() {
    const top = this.stack.at(-1);
    if (!top) return;
    this.setStack(this.stack.slice(0, -1).map((entry) => entry.view));
    await post("/page/view/close", { view_id: top.view.id });
  }

  async submit() {
    const { view, surface } = this.stack.at(-1);
    const form = this.dialog.firstElementChild;
    if (!view.submit || form.classList.contains("is-busy")) return;
    const errors = inputErrors(view.blocks, surface, this.body);
    showErrors(this.body, errors);
    if (Object.keys(errors).length) return;
    this.error.hidden = true;
    form.classList.add("is-busy");
    const answer = await post("/page/view/submit", { view_id: view.id, state: surface.state() });
    form.classList.remove("is-busy");
    // An answer for a form that is no longer on show has nowhere to go.
    if (answer.ok || form !== this.dialog.firstElementChild) return;
    if (answer.errors) showErrors(this.body, answer.errors);
    else {
      this.error.replaceChildren(icon("warning"), answer.message || "We had some trouble connecting. Try again?");
      this.error.hidden = false;
    }
  }
}
