// The left side: the workspace, its channels and apps; and who one acts as.

import { avatar } from "./avatar.js";
import { button, el } from "./dom.js";
import { icon } from "./icons.js";
import { arrowKeys, attachPopup } from "./popup.js";
import { displayName, kindLabel, store } from "./store.js";

function channelRow(channel, unread, onOpen) {
  const sign = channel.kind === "im" ? avatar(null, { size: "small", app: true }) : icon(channel.kind === "private" ? "lock" : "hash");
  const current = channel.id === store.channel;
  const count = unread.get(channel.id) ?? 0;
  return el("li", {}, button(
    {
      class: `channel${current ? " is-current" : ""}${count ? " is-unread" : ""}`, "data-testid": `channel-${channel.name}`,
      "aria-current": current ? "page" : null, onclick: () => onOpen(channel.id),
    },
    sign,
    el("span", { class: "channel-name" }, channel.name),
    count ? el("span", { class: "count", "aria-label": `${count} unread` }, String(count)) : null,
  ));
}

/** Draws the list of what the acting person may open. `unread`: how many messages by channel id. */
export function drawSidebar(root, unread, onOpen) {
  const { team } = store.state;
  const mine = store.myChannels();
  const group = (title, channels) => [
    el("h2", { class: "sidebar-group" }, title),
    el("ul", {}, channels.map((channel) => channelRow(channel, unread, onOpen))),
  ];
  root.replaceChildren(
    el("div", { class: "workspace" }, el("span", { class: "workspace-sign", "aria-hidden": "true" }, team.name.slice(0, 1).toUpperCase()), el("strong", {}, team.name)),
    el("div", { class: "sidebar-list" },
      ...group("Channels", mine.filter((channel) => channel.kind !== "im")),
      ...group("Apps", mine.filter((channel) => channel.kind === "im"))),
  );
}

function personRow(user, onChoose) {
  const label = kindLabel(user);
  return button(
    { class: "menu-item person", role: "menuitemradio", "aria-checked": String(user.id === store.me), "data-testid": "act-as-option", "data-user": user.id, onclick: () => onChoose(user.id) },
    avatar(user, { size: "medium" }),
    el("span", { class: "person-text" },
      el("span", { class: "person-name" }, displayName(user), label ? el("span", { class: "badge" }, label) : null),
      el("span", { class: "person-title" }, user.title || `@${user.name}`)),
    user.id === store.me ? icon("check") : null,
  );
}

/** Draws the switch that says who acts, and lets one be somebody else. */
export function drawActAs(root, onChoose) {
  const me = store.user(store.me);
  const label = kindLabel(me);
  const trigger = button(
    { class: "act-as", "aria-haspopup": "menu", "data-testid": "act-as", "data-user": me.id },
    avatar(me, { size: "small" }),
    el("span", { class: "act-as-text" }, el("span", { class: "act-as-label" }, "Acting as "), el("strong", {}, displayName(me))),
    label ? el("span", { class: "badge" }, label) : null,
    icon("chevron"),
  );
  const panel = attachPopup(trigger, (into) => {
    into.setAttribute("role", "menu");
    into.setAttribute("aria-label", "Act as");
    into.replaceChildren(el("div", { class: "menu-title", role: "presentation" }, "See this workspace as"), ...store.people().map((user) => personRow(user, (id) => {
      panel.hidePopover();
      onChoose(id);
    })));
    arrowKeys(into);
    return into.querySelector("[aria-checked=true]");
  }, { kind: "menu popup-people" });
  root.replaceChildren(trigger, panel);
}
