// Slack's mrkdwn, read into DOM nodes. As trusting as Slack itself: a mention inside a code span still is one, and a bare
// address becomes a link, so text that was not escaped shows here what it would do in a real workspace.

import { el } from "./dom.js";
import { emojiNode, withEmoji } from "./emoji.js";
import { broadcastMention, channelMention, dateNode, groupMention, linkNode, userMention } from "./entities.js";

const STYLES = { "*": "strong", _: "em", "~": "s" };
const CHARACTERS = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const WORD = /[\p{L}\p{N}]/u;
const isWord = (character) => character !== undefined && WORD.test(character);
const isSpace = (character) => character === undefined || /\s/.test(character);

const unescape = (text) => text.replace(/&(?:lt|gt|amp);/g, (entity) => CHARACTERS[entity]);

/** What stands between < and >, or null when it is nothing Slack knows. */
function special(body) {
  const [head, ...rest] = body.split("|");
  const label = rest.length ? unescape(rest.join("|")) : "";
  if (/^@[UW]\w+$/.test(head)) return userMention(head.slice(1), label);
  if (/^#[CGD]\w+$/.test(head)) return channelMention(head.slice(1), label);
  if (head.startsWith("!subteam^")) return groupMention(head.slice(9), label);
  if (/^!(here|channel|everyone|group)$/.test(head)) return broadcastMention(head.slice(1));
  if (head.startsWith("!date^")) {
    const [, seconds, pattern, url] = head.split("^");
    return dateNode(Number(seconds), unescape(pattern ?? ""), url ? unescape(url) : null, label);
  }
  if (/^(https?:\/\/|mailto:)/i.test(head)) return linkNode(unescape(head), label);
  return null;
}

function readSpecial(text, at) {
  if (text[at] !== "<") return null;
  const end = text.indexOf(">", at);
  const node = end > at ? special(text.slice(at + 1, end)) : null;
  return node && { node, end: end + 1 };
}

function readCode(text, at) {
  if (text[at] !== "`") return null;
  const end = text.indexOf("`", at + 1);
  const body = text.slice(at + 1, end);
  if (end <= at + 1 || body.includes("\n")) return null;
  return { node: el("code", {}, literal(body)), end: end + 1 };
}

function closingMark(text, at, mark) {
  for (let i = at + 1; i < text.length && text[i] !== "\n"; i += 1) {
    const inner = readSpecial(text, i) ?? readCode(text, i);
    if (inner) i = inner.end - 1;
    else if (text[i] === mark && i > at + 1 && !isSpace(text[i - 1]) && !isWord(text[i + 1])) return i;
  }
  return -1;
}

function readStyled(text, at, options) {
  const tag = STYLES[text[at]];
  if (!tag || isWord(text[at - 1]) || isSpace(text[at + 1]) || text[at + 1] === text[at]) return null;
  const end = closingMark(text, at, text[at]);
  return end < 0 ? null : { node: el(tag, {}, inline(text.slice(at + 1, end), options)), end: end + 1 };
}

function readEmoji(text, at) {
  const match = text[at] === ":" ? /^:([a-z0-9_+-]+):/.exec(text.slice(at, at + 60)) : null;
  return match && { node: emojiNode(match[1]), end: at + match[0].length };
}

function readBareLink(text, at, { verbatim }) {
  if (verbatim || text[at] !== "h" || isWord(text[at - 1])) return null;
  const match = /^https?:\/\/[^\s<>|*`]*[^\s<>|*`.,;:!?)'"]/.exec(text.slice(at));
  return match && { node: linkNode(unescape(match[0]), ""), end: at + match[0].length };
}

/** Text in which only what stands between < and > is read: code and preformatted text. */
function literal(text) {
  return scan(text, [readSpecial], {}, (plain) => document.createTextNode(plain));
}

function inline(text, options) {
  return scan(text, [readSpecial, readCode, readStyled, readEmoji, readBareLink], options, withEmoji);
}

function scan(text, readers, options, plainNode) {
  const fragment = document.createDocumentFragment();
  let plain = "";
  const flush = () => {
    if (plain) fragment.append(plainNode(unescape(plain)));
    plain = "";
  };
  for (let at = 0; at < text.length; ) {
    let piece = null;
    for (const read of readers) if ((piece = read(text, at, options))) break;
    if (piece) {
      flush();
      fragment.append(piece.node);
      at = piece.end;
    } else plain += text[at++];
  }
  flush();
  return fragment;
}

const QUOTE = /^(?:>|&gt;) ?/;

function paragraphs(text, options) {
  const nodes = [];
  let lines = [];
  let quoted = false;
  const flush = () => {
    if (lines.length) nodes.push(el(quoted ? "blockquote" : "div", { class: "text" }, inline(lines.join("\n"), options)));
    lines = [];
  };
  for (const line of text.split("\n")) {
    // <https://...> at the start of a line is a link, not a quote, so only > counts.
    const isQuote = QUOTE.test(line);
    if (isQuote !== quoted) flush();
    quoted = isQuote;
    lines.push(isQuote ? line.replace(QUOTE, "") : line);
  }
  flush();
  return nodes;
}

/** The nodes of a mrkdwn text. `verbatim`: bare addresses stay text, as Slack's text object has it. */
export function mrkdwn(text, { verbatim = false } = {}) {
  const fragment = document.createDocumentFragment();
  const parts = text.split("```");
  // A fence that is never closed is text.
  if (parts.length % 2 === 0) parts.push(parts.splice(-2).join("```"));
  parts.forEach((part, index) => {
    let body = index > 0 ? part.replace(/^\n/, "") : part;
    if (index < parts.length - 1) body = body.replace(/\n$/, "");
    if (index % 2) fragment.append(el("pre", {}, literal(body)));
    else if (body) fragment.append(...paragraphs(body, { verbatim }));
  });
  return fragment;
}

/** A text object of Block Kit: mrkdwn is read, plain_text never is (its emoji apart). */
export function textObject(object) {
  if (!object) return document.createDocumentFragment();
  if (object.type === "mrkdwn") return mrkdwn(object.text, { verbatim: object.verbatim === true });
  return object.emoji === false ? document.createTextNode(object.text) : withEmoji(object.text);
}
