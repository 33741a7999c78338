// A list of messages kept in step with the server: nothing lost, nothing twice, and the scroll stays where the reader is.

import { dayDivider, dayKey } from "./dates.js";
import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { messageRow } from "./message.js";
import { Surface } from "./surface.js";
import { store } from "./store.js";

const GROUPING_SECONDS = 300;
const BOTTOM_SLACK_PX = 40;

const dismissed = new Set(JSON.parse(sessionStorage.getItem("dismissed") ?? "[]"));

function dismissKey(message) {
  return `${store.me} ${message.channel} ${message.ts}`;
}

export class Timeline {
  /** `root`: what scrolls. `fetchMessages()`: all that is there now. `onThread(message)`: open its thread (none inside a thread). */
  constructor(root, { fetchMessages, onThread = null, emptyNote = null }) {
    Object.assign(this, { root, fetchMessages, onThread, emptyNote });
    this.list = el("div", { class: "messages", role: "log", "aria-live": "polite", "aria-label": "Messages" });
    this.pill = button({ class: "new-messages", hidden: true, "data-testid": "new-messages", onclick: () => this.toBottom() }, icon("down"), "New messages");
    root.replaceChildren(this.list);
    root.after(this.pill);
    root.onscroll = () => this.scrolled();
    this.atBottom = true;
    new ResizeObserver(() => this.follow()).observe(this.list);
    new ResizeObserver(() => this.follow()).observe(root);
    this.clear();
  }

  clear() {
    this.rows = new Map();
    this.queue = null;
    this.turn = Symbol("load");
    this.atBottom = true;
    this.followedTo = 0;
    this.readDown = null;
    this.pill.hidden = true;
    this.list.replaceChildren();
  }

  /** Reads everything again; resolves when the newest reading is on show. */
  load() {
    this.loading = this.read();
    return this.loading;
  }

  /** Events that come meanwhile are kept and applied on top, so the order of the two does not matter. */
  async read() {
    const turn = (this.turn = Symbol("load"));
    const queue = (this.queue ??= []);
    this.list.setAttribute("aria-busy", "true");
    let messages = null;
    try {
      ({ messages } = await this.fetchMessages());
    } catch {
      // The live connection says when the server is back, and loads again.
    }
    if (turn !== this.turn) return this.loading;
    this.queue = null;
    if (messages) {
      const present = new Set(messages.map((message) => message.ts));
      for (const ts of this.rows.keys()) if (!present.has(ts)) this.rows.delete(ts);
      for (const message of messages) this.put(message);
    }
    for (const change of queue) change();
    this.draw();
    this.list.removeAttribute("aria-busy");
    return undefined;
  }

  upsert(message) {
    this.change(() => this.put(message), message);
  }

  remove(ts) {
    this.change(() => this.rows.delete(ts));
  }

  /** Counts a new reply on its parent, once: the parent's own news may have come first. */
  replied(reply) {
    this.change(() => {
      const parent = this.rows.get(reply.thread_ts)?.message;
      if (parent && !(Number(parent.latest_reply ?? 0) >= Number(reply.ts))) {
        this.put({ ...parent, reply_count: (parent.reply_count ?? 0) + 1, latest_reply: reply.ts });
      }
    });
  }

  change(apply, message = null) {
    if (this.queue) {
      this.queue.push(apply);
      return;
    }
    const known = message && this.rows.has(message.ts);
    apply();
    this.draw();
    if (message && !known && !this.atBottom) this.pill.hidden = message.user === store.me;
  }

  put(message) {
    if (message.ephemeral && dismissed.has(dismissKey(message))) return;
    const row = this.rows.get(message.ts) ?? { surface: new Surface("message", { channel: message.channel, message_ts: message.ts }), drawn: null };
    this.rows.set(message.ts, { ...row, message });
  }

  dismiss(message) {
    dismissed.add(dismissKey(message));
    sessionStorage.setItem("dismissed", JSON.stringify([...dismissed]));
    this.rows.delete(message.ts);
    this.draw();
  }

  draw() {
    // A scroll event comes a frame late: whoever went up in this frame must not be pulled down again.
    if (this.root.scrollTop < this.followedTo) this.scrolled();
    const nodes = [];
    let before = null;
    const inOrder = [...this.rows.values()].sort((a, b) => Number(a.message.ts) - Number(b.message.ts));
    for (const row of inOrder) {
      const { message } = row;
      const newDay = !before || dayKey(Number(before.ts)) !== dayKey(Number(message.ts));
      if (newDay) nodes.push(this.divider(message));
      nodes.push(this.node(row, !newDay && follows(before, message)));
      before = message;
    }
    if (!nodes.length && this.emptyNote) nodes.push(this.emptyNote());
    this.replace(nodes);
    this.follow();
  }

  divider(message) {
    return el("div", { class: "day", role: "separator", "aria-label": dayDivider(message.ts), "data-day": dayKey(Number(message.ts)) }, el("span", {}, dayDivider(message.ts)));
  }

  /** The row's node: drawn again only when the message changed, with the focus kept on the same control. */
  node(row, compact) {
    const fingerprint = JSON.stringify([row.message, compact]);
    if (row.drawn?.fingerprint === fingerprint) return row.drawn.node;
    const old = row.drawn?.node;
    const focus = old?.contains(document.activeElement) ? document.activeElement.dataset.actionId : null;
    const { message } = row;
    const node = messageRow(message, row.surface, {
      compact,
      onThread: this.onThread && (() => this.onThread(message)),
      onDismiss: () => this.dismiss(message),
    });
    row.drawn = { fingerprint, node };
    if (focus) queueMicrotask(() => node.querySelector(`[data-action-id="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true }));
    this.rows.set(message.ts, row);
    return node;
  }

  /** Puts `nodes` in the list and leaves those that already stand right untouched, so no one reads them out again. */
  replace(nodes) {
    const keep = new Set(nodes);
    const dividers = new Map([...this.list.querySelectorAll(".day")].map((node) => [node.dataset.day, node]));
    const wanted = nodes.map((node) => (node.dataset.day && dividers.get(node.dataset.day)) || node);
    wanted.forEach((node) => keep.add(node));
    for (const child of [...this.list.children]) if (!keep.has(child)) child.remove();
    wanted.forEach((node, index) => {
      if (this.list.children[index] !== node) this.list.insertBefore(node, this.list.children[index] ?? null);
    });
  }

  /** Scrolls to a message and marks it for a moment. */
  show(ts) {
    const node = this.rows.get(ts)?.drawn?.node;
    if (!node) return;
    this.atBottom = false;
    node.scrollIntoView({ block: "center" });
    node.classList.add("is-linked");
  }

  scrolled() {
    const down = this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < BOTTOM_SLACK_PX;
    if (down) this.readDown = this.list.lastElementChild;
    this.atBottom = down || Math.abs(this.root.scrollTop - this.followedTo) < 1;
    if (this.atBottom) this.pill.hidden = true;
  }

  /** To the end; of a message that is taller than the pane and was not read down yet, to its first line. */
  follow() {
    if (!this.atBottom) return;
    const last = this.list.lastElementChild;
    const tall = last && last !== this.readDown && last.offsetHeight > this.root.clientHeight;
    this.root.scrollTop = tall ? this.root.scrollTop + last.getBoundingClientRect().top - this.root.getBoundingClientRect().top : this.root.scrollHeight;
    this.followedTo = this.root.scrollTop;
  }

  toBottom() {
    this.atBottom = true;
    this.pill.hidden = true;
    this.follow();
  }
}

function follows(before, message) {
  return (
    before.user === message.user &&
    before.kind === message.kind &&
    !before.ephemeral &&
    !message.ephemeral &&
    !before.reply_count &&
    before.author?.name === message.author?.name &&
    Number(message.ts) - Number(before.ts) < GROUPING_SECONDS
  );
}
