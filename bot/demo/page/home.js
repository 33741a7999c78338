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
  }

  /** The person opened the tab: shows what is there, and tells the app, which may publish something newer. */
  async open() {
    const me = store.me;
    this.surface = null;
    this.root.replaceChildren(el("p", { class: "empty" }, "Loading…"));
    await post("/page/home", {});
    try {
      const { view } = await get("/page/home");
      if (me === store.me && !(this.surface && !view)) this.show(view);
    } catch {
      this.root.replaceChildren(el("p", { class: "empty" }, "The Home tab could not be loaded. Is the demo still running?"));
    }
  }

  show(view) {
    if (!view) {
      this.root.replaceChildren(el("p", { class: "empty" }, `${store.state.app.name} has not published a Home tab yet. Try the Messages tab, or type a command.`));
      return;
    }
    if (this.surface?.ref.view_id !== view.id) this.surface = new Surface("home", { view_id: view.id });
    this.root.replaceChildren(el("div", { class: "home-blocks" }, renderBlocks(view.blocks, this.surface)));
  }
}
