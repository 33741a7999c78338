// The table block: the first row is the header; wide tables scroll in their own frame.

import { el } from "./dom.js";
import { richText } from "./richtext.js";

function content(cell) {
  if (cell.type === "rich_text") return richText(cell);
  if (cell.type === "raw_number") return [cell.text || String(cell.value)];
  if (cell.type === "raw_text") return [cell.text];
  return [el("span", { class: "unsupported" }, `unsupported cell: ${cell.type}`)];
}

function cellNode(tag, cell, settings) {
  const align = ["left", "center", "right"].includes(settings?.align) ? settings.align : "left";
  const classes = `align-${align}${settings?.is_wrapped ? " is-wrapped" : ""}`;
  return el(tag, { class: classes, scope: tag === "th" ? "col" : null }, el("div", { class: "cell" }, content(cell)));
}

/** The scrolling table of a table block. */
export function tableBlock(block) {
  const settings = block.column_settings ?? [];
  const [head, ...rows] = block.rows;
  const row = (tag) => (cells) => el("tr", {}, cells.map((cell, column) => cellNode(tag, cell, settings[column])));
  const table = el("table", {}, el("thead", {}, row("th")(head)), el("tbody", {}, rows.map(row("td"))));
  // Focusable, so that the keyboard can scroll it.
  return el("div", { class: "table-frame", tabindex: 0, role: "region", "aria-label": "Table" }, table);
}
