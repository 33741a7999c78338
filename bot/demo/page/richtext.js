// The rich_text block: sections, lists, preformatted text and quotes.

import { el } from "./dom.js";
import { emojiNode } from "./emoji.js";
import { broadcastMention, channelMention, dateNode, groupMention, linkNode, userMention } from "./entities.js";

const STYLE_TAGS = [["code", "code"], ["strike", "s"], ["italic", "em"], ["bold", "strong"], ["underline", "u"]];

const LEAVES = {
  text: (leaf) => document.createTextNode(leaf.text),
  link: (leaf) => linkNode(leaf.url, leaf.text),
  user: (leaf) => userMention(leaf.user_id),
  channel: (leaf) => channelMention(leaf.channel_id),
  usergroup: (leaf) => groupMention(leaf.usergroup_id),
  broadcast: (leaf) => broadcastMention(leaf.range),
  emoji: (leaf) => emojiNode(leaf.name),
  date: (leaf) => dateNode(leaf.timestamp, leaf.format, leaf.url, leaf.fallback),
  color: (leaf) => document.createTextNode(leaf.value),
};

function leafNode(leaf) {
  if (!Object.hasOwn(LEAVES, leaf.type)) return el("span", { class: "unsupported" }, `unsupported element: ${leaf.type}`);
  const node = LEAVES[leaf.type](leaf);
  return STYLE_TAGS.reduce((inner, [style, tag]) => (leaf.style?.[style] ? el(tag, {}, inner) : inner), node);
}

const leaves = (part) => part.elements.map(leafNode);

function list(part) {
  const ordered = part.style === "ordered";
  const items = part.elements.map((item) => el("li", {}, leaves(item)));
  const indent = `indent-${Math.min(part.indent ?? 0, 8)}`;
  return el(ordered ? "ol" : "ul", { class: `rich-list ${indent}`, start: ordered && part.offset ? part.offset + 1 : null }, items);
}

const PARTS = {
  rich_text_section: (part) => el("div", { class: "text" }, leaves(part)),
  rich_text_list: list,
  rich_text_preformatted: (part) => el("pre", {}, leaves(part)),
  rich_text_quote: (part) => el("blockquote", { class: "text" }, leaves(part)),
};

/** The nodes of a rich_text block (or of such a cell of a table). */
export function richText(block) {
  return block.elements.map((part) =>
    Object.hasOwn(PARTS, part.type) ? PARTS[part.type](part) : el("span", { class: "unsupported" }, `unsupported element: ${part.type}`),
  );
}
