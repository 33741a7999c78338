// Mentions, links and dates: the parts of a text that mean something to Slack.

import { el } from "./dom.js";
import { formatTokens, fullMoment } from "./dates.js";
import { displayName, store } from "./store.js";

/** The url when its scheme is one of `schemes`, else null. */
export function safeUrl(url, schemes = ["http:", "https:", "mailto:"]) {
  try {
    const parsed = new URL(url);
    return schemes.includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

/** A link that opens beside the page; its label alone when the url is not one we follow. */
export function linkNode(url, label) {
  const href = safeUrl(url);
  if (!href) return el("span", {}, label || url);
  return el("a", { class: "link", href, target: "_blank", rel: "noopener noreferrer" }, label || url);
}

function pill(kind, id, text, strong = false) {
  return el("span", { class: `mention${strong ? " mention-me" : ""}`, "data-mention": kind, "data-id": id }, text);
}

export function userMention(id, label) {
  const user = store.user(id);
  return pill("user", id, `@${user ? displayName(user) : label || id}`, id === store.me);
}

export function channelMention(id, label) {
  return pill("channel", id, `#${store.channelById(id)?.name ?? (label || id)}`);
}

export function groupMention(id, label) {
  const group = store.state.usergroups?.find((one) => one.id === id);
  return pill("usergroup", id, `@${label?.replace(/^@/, "") || group?.handle || id}`);
}

export function broadcastMention(range) {
  return pill("broadcast", range, `@${range}`, true);
}

/** A moment written with Slack's tokens; the fallback when it cannot be written. */
export function dateNode(seconds, pattern, url, fallback) {
  const isMoment = !Number.isNaN(new Date(seconds * 1000).getTime());
  const text = isMoment ? formatTokens(seconds, pattern) : null;
  if (text === null) return el("span", {}, fallback || "");
  const time = el("time", { datetime: new Date(seconds * 1000).toISOString(), title: fullMoment(seconds) }, text);
  if (!url || !safeUrl(url)) return time;
  const link = linkNode(url, "");
  link.replaceChildren(time);
  return link;
}
