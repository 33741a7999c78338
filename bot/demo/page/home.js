// The Home tab of the app.

import { get, post } from "./api.js";
import { renderBlocks } from "./blocks.js";
import { el } from "./dom.js";
import { store } from "./store.js";
import { Surface } from "./surface.js";

export class Home {
  constructor(root) {
    this.root = root;
    this.surface = null;
    this.draws = 0;
  }

  /** The person opened the tab: shows what is there, and tells the app, which may publish something newer. */
  async open() {
    this.surface = null;
    this.root.replaceChildren(el("p", { class: "empty" }, "Loading…"));
    const opening = ++this.draws;
    await post("/page/home", {});
    await this.load(opening);
  }

  /**
   * Reads the tab and shows it, unless something was published since `draw`: what was read is older then, and drawing
   * over it would also take a button away under the person's finger.
   */
  async load(draw = this.draws) {
    const me = store.me;
    const isWanted = () => me === store.me && draw === this.draws;
    try {
      const { view } = await get("/page/home");
      if (isWanted()) this.show(view);
    } catch {
      if (isWanted()) this.root.replaceChildren(el("p", { class: "empty" }, "The Home tab could not be loaded. Is the demo still running?"));
    }
  }

  show(view) {
    this.draws += 1;
    if (!view) {
      this.root.replaceChildren(el("p", { class: "empty" }, `${store.state.app.name} has not published a Home tab yet. Try the Messages tab, or type a command.`));
      return;
    }
    if (this.surface?.ref.view_id !== view.id) this.surface = new Surface("home", { view_id: view.id });
    this.root.replaceChildren(el("div", { class: "home-blocks" }, renderBlocks(view.blocks, this.surface)));
  }
}
