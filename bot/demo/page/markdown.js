// The markdown block: headings, lists, quotes, code, rules, emphasis and links of common Markdown.

import { el } from "./dom.js";
import { withEmoji } from "./emoji.js";
import { linkNode } from "./entities.js";

const INLINE = [
  [/^`([^`\n]+)`/, (m) => el("code", {}, m[1])],
  [/^\*\*(?=\S)(.+?)\*\*/s, (m) => el("strong", {}, inline(m[1]))],
  [/^__(?=\S)(.+?)__/s, (m) => el("strong", {}, inline(m[1]))],
  [/^~~(?=\S)(.+?)~~/s, (m) => el("s", {}, inline(m[1]))],
  [/^\*(?=\S)([^*\n]+)\*/, (m) => el("em", {}, inline(m[1]))],
  [/^_(?=\S)([^_\n]+)_(?!\w)/, (m) => el("em", {}, inline(m[1]))],
  [/^!?\[([^\]\n]*)\]\(([^)\s]+)\)/, (m) => linkNode(m[2], m[1])],
  [/^<(https?:\/\/[^>\s]+)>/, (m) => linkNode(m[1], "")],
  [/^https?:\/\/[^\s<>)]*[^\s<>).,;:!?]/, (m) => linkNode(m[0], "")],
  [/^\\([\\`*_{}[\]()#+.!~>-])/, (m) => document.createTextNode(m[1])],
];

function inline(text) {
  const fragment = document.createDocumentFragment();
  let plain = "";
  for (let at = 0; at < text.length; ) {
    const rest = text.slice(at);
    const found = INLINE.map(([pattern, make]) => [pattern.exec(rest), make]).find(([match]) => match);
    if (found) {
      fragment.append(withEmoji(plain), found[1](found[0]));
      plain = "";
      at += found[0][0].length;
    } else plain += text[at++];
  }
  fragment.append(withEmoji(plain));
  return fragment;
}

const KINDS = [
  ["heading", /^(#{1,6})\s+(.*)$/],
  ["rule", /^ {0,3}([-*_])(?: *\1){2,} *$/],
  ["bullet", /^\s*[-*+]\s+(.*)$/],
  ["number", /^\s*\d+[.)]\s+(.*)$/],
  ["quote", /^>\s?(.*)$/],
  ["blank", /^\s*$/],
];

function kindOf(line) {
  for (const [kind, pattern] of KINDS) {
    const match = pattern.exec(line);
    if (match) return [kind, match];
  }
  return ["text", [line, line]];
}

function groupNode(kind, matches) {
  const body = matches.map((match) => match[1]);
  switch (kind) {
    case "heading":
      return matches.map((match) => el("p", { class: `md-heading md-h${match[1].length}`, role: "heading", "aria-level": match[1].length + 2 }, inline(match[2])));
    case "rule":
      return [el("hr")];
    case "bullet":
      return [el("ul", { class: "rich-list indent-0" }, body.map((text) => el("li", {}, inline(text))))];
    case "number":
      return [el("ol", { class: "rich-list indent-0" }, body.map((text) => el("li", {}, inline(text))))];
    case "quote":
      return [el("blockquote", { class: "text" }, inline(body.join("\n")))];
    case "text":
      return [el("p", { class: "text" }, inline(body.join("\n")))];
    default:
      return [];
  }
}

function prose(text) {
  const groups = [];
  for (const line of text.split("\n")) {
    const [kind, match] = kindOf(line);
    const last = groups.at(-1);
    if (last?.kind === kind) last.matches.push(match);
    else groups.push({ kind, matches: [match] });
  }
  return groups.flatMap(({ kind, matches }) => groupNode(kind, matches));
}

/** The nodes of a markdown block. */
export function markdownBlock(block) {
  const parts = block.text.split(/^```.*$/m);
  return el("div", { class: "markdown" }, parts.flatMap((part, index) =>
    index % 2 ? [el("pre", {}, part.replace(/^\n|\n$/g, ""))] : prose(part),
  ));
}
