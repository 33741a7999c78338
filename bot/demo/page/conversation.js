// The middle of the page: the open channel, or the app's Home and Messages tabs.

import { avatar } from "./avatar.js";
import { get } from "./api.js";
import { Composer } from "./composer.js";
import { button, el } from "./dom.js";
import { Home } from "./home.js";
import { icon } from "./icons.js";
import { mrkdwn } from "./mrkdwn.js";
import { attachPopup } from "./popup.js";
import { displayName, kindLabel, store } from "./store.js";
import { Timeline } from "./timeline.js";

function memberRow(user) {
  const label = kindLabel(user);
  return el("div", { class: "person" }, avatar(user, { size: "medium" }),
    el("span", { class: "person-text" },
      el("span", { class: "person-name" }, displayName(user), label ? el("span", { class: "badge" }, label) : null),
      el("span", { class: "person-title" }, user.title || `@${user.name}`)));
}

function membersButton(channel) {
  const known = channel.members.map((id) => store.user(id)).filter(Boolean);
  const members = [...known.filter((user) => user.kind !== "bot"), ...known.filter((user) => user.kind === "bot")];
  const trigger = button({ class: "members", "aria-label": `${members.length} members` },
    el("span", { class: "faces" }, members.slice(0, 3).map((user) => avatar(user, { size: "small" }))), String(members.length));
  const panel = attachPopup(trigger, (into) => {
    into.replaceChildren(el("div", { class: "menu-title" }, "Members"), ...members.map(memberRow));
  }, { kind: "menu popup-people" });
  return [trigger, panel];
}

function emptyNote() {
  const channel = store.channelById(store.channel);
  return el("div", { class: "beginning" },
    el("h2", {}, channel.kind === "im" ? `This is your direct message with ${channel.name}` : `Welcome to #${channel.name}`),
    el("p", {}, "Nothing here yet. Type ", el("code", {}, "/"), " in the box below to see what you can ask."));
}

export class Conversation {
  /** `parts`: the elements of index.html. `onThread(message)`: open a thread. `onCommand()`: a command was taken. */
  constructor(parts, { onThread, onCommand }) {
    this.parts = parts;
    this.tab = "messages";
    this.timeline = new Timeline(parts.scroller, { fetchMessages: () => get("/page/messages", { channel: store.channel }), onThread, emptyNote });
    this.composer = new Composer(parts.composer, { where: () => ({ channel: store.channel }), testId: "composer", onCommand });
    this.home = new Home(parts.home);
  }

  /** Shows the channel `store.channel` names. */
  open() {
    const channel = store.channelById(store.channel);
    this.drawHead(channel);
    this.timeline.clear();
    this.timeline.load();
    this.composer.clear();
    this.composer.setPlaceholder(channel.kind === "im" ? `Message ${channel.name}` : `Message #${channel.name}`);
    this.openTab(channel.kind === "im" ? "home" : "messages");
  }

  /** Reads everything on show anew: events may have been missed. */
  reload() {
    return Promise.all([this.timeline.load(), this.tab === "home" ? this.home.load() : null]);
  }

  drawHead(channel) {
    const isApp = channel.kind === "im";
    const sign = isApp ? avatar(null, { size: "medium", app: true }) : icon(channel.kind === "private" ? "lock" : "hash");
    this.parts.title.replaceChildren(sign, el("span", {}, channel.name), isApp ? el("span", { class: "badge" }, "App") : "");
    this.parts.topic.replaceChildren(isApp ? "" : mrkdwn(channel.topic ?? ""));
    this.parts.members.replaceChildren(...(isApp ? [] : membersButton(channel)));
    this.parts.tabs.hidden = !isApp;
    const tab = (id, label) => button({ class: "tab", role: "tab", id: `tab-${id}`, "aria-controls": id === "home" ? "home" : "messages-panel", "data-testid": `tab-${id}`, onclick: () => this.openTab(id) }, label);
    this.parts.tabs.replaceChildren(tab("home", "Home"), tab("messages", "Messages"));
    this.parts.tabs.onkeydown = (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      this.openTab(this.tab === "home" ? "messages" : "home");
      document.getElementById(`tab-${this.tab}`).focus();
    };
    document.title = `${isApp ? "" : "#"}${channel.name} · ${store.state.team.name}`;
  }

  openTab(id) {
    this.tab = id;
    this.parts.home.hidden = id !== "home";
    this.parts.panel.hidden = id === "home";
    for (const tab of this.parts.tabs.children) {
      const current = tab.id === `tab-${id}`;
      tab.setAttribute("aria-selected", String(current));
      tab.tabIndex = current ? 0 : -1;
    }
    if (id === "home") this.home.open();
    else {
      this.timeline.toBottom();
      this.composer.focus();
    }
  }

  /** Goes to where one can type, with `text` in the box. */
  compose(text) {
    if (this.tab === "home") this.openTab("messages");
    this.composer.fill(text);
  }

  apply(event) {
    if (event.type === "home") {
      if (this.tab === "home") this.home.show(event.view);
    } else if (event.type === "message_deleted") {
      if (event.channel === store.channel) this.timeline.remove(event.ts);
    } else if (event.message.channel === store.channel) {
      const { message } = event;
      const isReply = message.thread_ts && message.thread_ts !== message.ts;
      if (!isReply || message.broadcast) this.timeline.upsert(message);
      if (isReply && event.type === "message" && !message.ephemeral) this.timeline.replied(message);
    }
  }
}
