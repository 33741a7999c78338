// What to try first: a row of cards above the composer, until somebody has had enough of it.

import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { store } from "./store.js";

const KEY = "tips dismissed";

export class Tips {
  /** `onTry(command)`: the person picked one. `toggle`: the button that brings the row back. */
  constructor(root, toggle, onTry) {
    Object.assign(this, { root, toggle, onTry });
    toggle.onclick = () => this.show(this.root.hidden);
  }

  draw() {
    const { tips } = store.state;
    this.toggle.hidden = !tips.length;
    this.root.replaceChildren(
      el("div", { class: "tips-head" },
        el("h2", {}, icon("bulb"), "What to try first"),
        button({ class: "button button-icon button-plain", "aria-label": "Dismiss the tips", "data-testid": "tips-dismiss", onclick: () => this.show(false) }, icon("close"))),
      el("ul", { class: "tips-list" }, tips.map((tip) => el("li", {}, button(
        { class: "tip", "data-testid": "tip", onclick: () => this.onTry(tip.command) },
        el("strong", {}, tip.title), el("span", {}, tip.text), el("code", {}, tip.command))))),
    );
    this.show(tips.length > 0 && localStorage.getItem(KEY) !== "yes");
  }

  show(visible) {
    this.makeRoom(visible);
    if (visible) localStorage.removeItem(KEY);
    else if (store.state.tips.length) localStorage.setItem(KEY, "yes");
  }

  /** Folds the row away for the answers, until the next visit or the Tips button. */
  makeRoom(visible = false) {
    this.root.hidden = !visible;
    this.toggle.setAttribute("aria-expanded", String(visible));
  }
}
