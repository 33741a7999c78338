// The thread pane: a message and its replies, with a composer of its own.

import { get } from "./api.js";
import { Composer } from "./composer.js";
import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { store } from "./store.js";
import { Timeline } from "./timeline.js";

export class Thread {
  constructor(root) {
    this.root = root;
    this.place = null;
    this.opener = null;
    this.where = el("span", { class: "thread-where" });
    const scroller = el("div", { class: "scroller" });
    const box = el("div", { class: "composer" });
    root.replaceChildren(
      el("header", { class: "thread-head" },
        el("h2", {}, "Thread ", this.where),
        button({ class: "button button-icon button-plain", "aria-label": "Close thread", "data-testid": "thread-close", onclick: () => this.close() }, icon("close"))),
      el("div", { class: "scroller-frame" }, scroller), box,
    );
    root.onkeydown = (event) => {
      if (event.key === "Escape" && !event.defaultPrevented) this.close();
    };
    this.timeline = new Timeline(scroller, { fetchMessages: () => get("/page/thread", this.place) });
    this.composer = new Composer(box, { where: () => ({ channel: this.place.channel, thread_ts: this.place.ts }), testId: "thread-composer" });
    this.composer.setPlaceholder("Reply…");
  }

  /** Opens the thread of `message` and moves there. */
  open(message) {
    this.opener = document.activeElement;
    this.place = { channel: message.channel, ts: message.thread_ts ?? message.ts };
    const channel = store.channelById(message.channel);
    this.where.textContent = channel.kind === "im" ? channel.name : `# ${channel.name}`;
    this.root.hidden = false;
    document.body.classList.add("has-thread");
    this.timeline.clear();
    this.timeline.load();
    this.composer.clear();
    this.composer.focus();
  }

  close() {
    if (this.root.hidden) return;
    this.root.hidden = true;
    this.place = null;
    document.body.classList.remove("has-thread");
    this.timeline.clear();
    this.opener?.focus?.();
  }

  /** Reads the open thread again, if one is open. */
  reload() {
    return this.place ? this.timeline.load() : undefined;
  }

  apply(event) {
    if (!this.place) return;
    if (event.type === "message_deleted") {
      if (event.channel === this.place.channel) this.timeline.remove(event.ts);
      return;
    }
    const { message } = event;
    const mine = message.ts === this.place.ts || message.thread_ts === this.place.ts;
    if (mine && message.channel === this.place.channel) this.timeline.upsert(message);
  }
}
