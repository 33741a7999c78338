// One message: its author, its blocks or text, its files and its replies.

import { avatar } from "./avatar.js";
import { renderBlocks } from "./blocks.js";
import { clock, fullMoment, since } from "./dates.js";
import { button, el } from "./dom.js";
import { pictureUrl } from "./elements.js";
import { icon } from "./icons.js";
import { mrkdwn } from "./mrkdwn.js";
import { displayName, kindLabel, store } from "./store.js";

function sizeLabel(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  return bytes < 1024 ** 2 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}

function fileCard(file) {
  const url = new URL(file.url, window.location.href);
  url.searchParams.set("as", store.me);
  const preview = Array.isArray(file.preview) ? file.preview.join("\n") : file.preview;
  return el(
    "div",
    { class: "file", "data-testid": "file" },
    el(
      "div",
      { class: "file-head" },
      el("span", { class: "file-icon" }, icon("file")),
      el("span", { class: "file-name" }, el("strong", {}, file.name), el("span", {}, `${(file.name.split(".").pop() || "file").toUpperCase()} · ${sizeLabel(file.size)}`)),
      el("a", { class: "button button-icon", href: url.pathname + url.search, download: file.name, "aria-label": `Download ${file.name}`, "data-testid": "download" }, icon("download")),
    ),
    file.picture
      ? el("a", { class: "image-link file-picture", href: pictureUrl(file.picture), target: "_blank", rel: "noopener" },
        el("img", { class: "image image-full", src: pictureUrl(file.picture), alt: file.title || file.name, "data-testid": "file-picture" }))
      : null,
    preview ? el("pre", { class: "file-preview", tabindex: 0, "aria-label": `First lines of ${file.name}` }, preview) : null,
  );
}

function replyBar(message, onThread) {
  if (!message.reply_count) return null;
  const count = message.reply_count === 1 ? "1 reply" : `${message.reply_count} replies`;
  return button(
    { class: "reply-bar", "data-testid": "replies", onclick: onThread },
    el("strong", {}, count),
    message.latest_reply ? el("span", {}, `Last reply ${since(message.latest_reply)}`) : null,
  );
}

function heading(message, user) {
  const label = message.author?.is_app ? "App" : kindLabel(user);
  return el(
    "div",
    { class: "message-head" },
    el("strong", { class: "author" }, message.author?.name ?? displayName(user)),
    label ? el("span", { class: "badge" }, label) : null,
    el("time", { class: "message-time", title: fullMoment(message.ts) }, clock(message.ts)),
  );
}

function content(message, surface) {
  const body = el("div", { class: "message-content" });
  if (message.blocks?.length) body.append(...renderBlocks(message.blocks, surface));
  else if (message.text) body.append(el("div", { class: "plain-message" }, mrkdwn(message.text)));
  if (message.edited) body.append(el("span", { class: "edited" }, "(edited)"));
  return body;
}

/** The row of a message. `compact`: right after another one of the same author. */
export function messageRow(message, surface, { compact, onThread, onDismiss }) {
  const user = store.user(message.user);
  const isApp = message.author?.is_app === true;
  const classes = ["message", compact && "is-compact", message.ephemeral && "is-ephemeral", message.kind === "system" && "is-system"];
  const attributes = { class: classes.filter(Boolean).join(" "), "data-testid": "message", "data-ts": message.ts, "data-ephemeral": message.ephemeral ? "true" : null };
  const gutter = compact ? el("time", { class: "gutter-time", title: fullMoment(message.ts) }, clock(message.ts)) : avatar(user, { app: isApp });
  const note = message.ephemeral ? el("div", { class: "only-you", "data-testid": "ephemeral" }, icon("eye"), "Only visible to you") : null;
  const dismiss = message.ephemeral
    ? button({ class: "link-button dismiss", "data-testid": "dismiss", onclick: onDismiss }, "Dismiss message")
    : null;
  const toolbar = onThread && !message.ephemeral && message.kind !== "system"
    ? el("div", { class: "toolbar" }, button({ class: "button button-icon", "aria-label": "Reply in thread", title: "Reply in thread", "data-testid": "reply", onclick: onThread }, icon("thread")))
    : null;
  const body = el("div", { class: "message-body" }, note, compact ? null : heading(message, user), content(message, surface), (message.files ?? []).map(fileCard), onThread ? replyBar(message, onThread) : null, dismiss);
  return el("article", attributes, el("div", { class: "gutter" }, gutter), body, toolbar);
}
