// Puts the page together: who acts, what is open, and where each event goes.

import { get } from "./api.js";
import { Conversation } from "./conversation.js";
import { el } from "./dom.js";
import { icon } from "./icons.js";
import { Live } from "./live.js";
import { Modals } from "./modals.js";
import { drawActAs, drawSidebar } from "./sidebar.js";
import { store } from "./store.js";
import { Thread } from "./thread.js";
import { Tips } from "./tips.js";

const byId = (id) => document.getElementById(id);

class Page {
  constructor() {
    this.unread = new Map();
    this.thread = new Thread(byId("thread"));
    this.modals = new Modals();
    const parts = { scroller: byId("messages"), composer: byId("composer"), home: byId("home"), panel: byId("messages-panel"), title: byId("title"), topic: byId("topic"), members: byId("members"), tabs: byId("tabs") };
    this.conversation = new Conversation(parts, {
      onThread: (message) => this.thread.open(message),
      onCommand: () => this.tips.makeRoom(),
    });
    this.tips = new Tips(byId("tips"), byId("tips-toggle"), (command) => this.conversation.compose(command));
    this.live = new Live({
      onEvent: (event) => this.apply(event),
      onOpen: () => this.reload(),
      onState: (connected) => {
        byId("offline").hidden = connected;
        if (!connected) document.body.classList.remove("is-live");
      },
    });
    byId("menu").append(icon("menu"));
    byId("tips-toggle").prepend(icon("bulb"));
    byId("menu").onclick = () => this.drawer(!document.body.classList.contains("has-drawer"));
    byId("scrim").onclick = () => this.drawer(false);
    byId("sidebar").onkeydown = (event) => { if (event.key === "Escape") this.drawer(false); };
  }

  drawer(open) {
    document.body.classList.toggle("has-drawer", open);
    byId("menu").setAttribute("aria-expanded", String(open));
    if (open) byId("sidebar").querySelector(".is-current")?.focus();
  }

  actAs(id) {
    store.me = id;
    sessionStorage.setItem("acting as", id);
    this.unread.clear();
    this.modals.clear();
    this.thread.close();
    drawActAs(byId("act-as"), (other) => this.actAs(other));
    const mine = store.myChannels();
    const wanted = store.channel ?? sessionStorage.getItem("channel");
    this.open((mine.find((channel) => channel.id === wanted) ?? mine[0]).id);
    document.body.classList.remove("is-live");
    this.live.connect();
  }

  open(channelId) {
    store.channel = channelId;
    sessionStorage.setItem("channel", channelId);
    this.unread.delete(channelId);
    this.thread.close();
    this.conversation.open();
    this.drawSidebar();
    this.drawer(false);
  }

  /** Opens the place of a permalink, if the acting person may see it. */
  async visit(place) {
    if (!place || !store.myChannels().some((channel) => channel.id === place.channel)) return;
    this.open(place.channel);
    if (this.conversation.tab === "home") this.conversation.openTab("messages");
    await this.conversation.timeline.load();
    if (place.thread) this.thread.open({ channel: place.channel, ts: place.thread });
    this.conversation.timeline.show(place.thread ?? place.ts);
  }

  drawSidebar() {
    drawSidebar(byId("sidebar"), this.unread, (id) => this.open(id));
  }

  async reload() {
    await Promise.all([this.conversation.reload(), this.thread.reload()]);
    document.body.classList.add("is-live");
  }

  async channels() {
    store.state = await get("/page/state");
    const stillHere = store.myChannels().some((channel) => channel.id === store.channel);
    if (stillHere) this.drawSidebar();
    else this.open(store.myChannels()[0].id);
  }

  apply(event) {
    if (event.type.startsWith("view_")) this.modals.apply(event);
    else if (event.type === "channels") this.channels();
    else {
      this.conversation.apply(event);
      if (event.type !== "home") this.thread.apply(event);
      if (event.type === "message") this.count(event.message);
    }
  }

  count(message) {
    const elsewhere = message.channel !== store.channel && message.user !== store.me && !message.thread_ts;
    if (!elsewhere) return;
    this.unread.set(message.channel, (this.unread.get(message.channel) ?? 0) + 1);
    this.drawSidebar();
  }
}

/** The place a permalink names: #/<channel>/<ts> or #/<channel>/<thread ts>/<ts>. */
function linkedPlace() {
  const [, channel, ...stamps] = window.location.hash.split("/");
  return channel ? { channel, ts: stamps.at(-1), thread: stamps.length > 1 ? stamps[0] : null } : null;
}

async function start() {
  try {
    store.state = await get("/page/state");
  } catch {
    document.body.replaceChildren(el("p", { class: "broken" }, "The local Slack does not answer. Is make demo still running? Start it and reload this page."));
    return;
  }
  const people = store.people();
  const remembered = sessionStorage.getItem("acting as");
  const page = new Page();
  page.tips.draw();
  page.actAs((people.find((user) => user.id === remembered) ?? people[0]).id);
  page.visit(linkedPlace());
  document.body.classList.add("is-ready");
}

start();
