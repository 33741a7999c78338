// Block Kit: draws a list of blocks on a surface. What it does not know it says.

import { el, uniqueId } from "./dom.js";
import { imageNode, renderElement } from "./elements.js";
import { icon } from "./icons.js";
import { markdownBlock } from "./markdown.js";
import { textObject } from "./mrkdwn.js";
import { richText } from "./richtext.js";
import { tableBlock } from "./table.js";

const ACTS = { sends: true };

function section(block, surface) {
  const main = el("div", { class: "section-main" });
  if (block.text) main.append(el("div", { class: "section-text" }, textObject(block.text)));
  if (block.fields) main.append(el("div", { class: "fields" }, block.fields.map((field) => el("div", { class: "field-cell" }, textObject(field)))));
  const accessory = block.accessory && el("div", { class: "accessory" }, renderElement(block.accessory, block, surface, ACTS));
  return [main, accessory].filter(Boolean);
}

function context(block) {
  return block.elements.map((element) =>
    element.type === "image" ? imageNode(element, "tiny") : el("div", { class: "context-text" }, textObject(element)));
}

function actions(block, surface) {
  return block.elements.map((element) => renderElement(element, block, surface, ACTS));
}

function image(block) {
  return [block.title ? el("div", { class: "image-title" }, textObject(block.title)) : null, imageNode(block, "full")].filter(Boolean);
}

function input(block, surface) {
  const ids = { label: uniqueId("label"), hint: uniqueId("hint"), error: uniqueId("error") };
  const described = block.hint ? `${ids.error} ${ids.hint}` : ids.error;
  const optional = block.optional ? el("span", { class: "optional" }, " (optional)") : null;
  return [
    el("div", { class: "input-label", id: ids.label }, textObject(block.label), optional),
    renderElement(block.element, block, surface, { sends: block.dispatch_action === true, labelId: ids.label, describedBy: described }),
    el("div", { class: "input-error", id: ids.error, role: "alert", "data-testid": "input-error" }),
    block.hint ? el("div", { class: "input-hint", id: ids.hint }, textObject(block.hint)) : null,
  ].filter(Boolean);
}

const BLOCKS = new Map(Object.entries({
  header: (block) => [el("h3", { class: "header-text" }, textObject(block.text))],
  section,
  context,
  actions,
  divider: () => [el("hr")],
  image,
  rich_text: richText,
  table: (block) => [tableBlock(block)],
  markdown: (block) => [markdownBlock(block)],
  input,
}));

/** The nodes of `blocks`; their values live on `surface`. */
export function renderBlocks(blocks, surface) {
  surface.begin();
  return blocks.map((block) => {
    const draw = BLOCKS.get(block.type);
    const parts = draw ? draw(block, surface) : [el("span", { class: "unsupported" }, `unsupported block: ${block.type}`)];
    return el("div", { class: `block block-${block.type}`, "data-block-id": block.block_id, "data-testid": `block-${block.type}` }, parts);
  });
}

/** Writes `errors` ({block_id: text}) under the inputs in `root`, takes the others away, and goes to the first one. */
export function showErrors(root, errors) {
  let first = null;
  for (const block of root.querySelectorAll(".block-input")) {
    const text = errors[block.dataset.blockId];
    const control = block.querySelector("input, textarea, .select-trigger");
    block.classList.toggle("has-error", Boolean(text));
    control?.toggleAttribute("aria-invalid", Boolean(text));
    block.querySelector(".input-error").replaceChildren(...(text ? [icon("warning"), text] : []));
    if (text) first ??= control;
  }
  first?.focus();
}

const isEmpty = (value) => value === null || value === undefined || value === "" || (Array.isArray(value) && value.length === 0);

function fault(block, answer, control) {
  const { type: _, ...fields } = answer ?? {};
  if (Object.values(fields).every(isEmpty)) {
    // A number field says null for "1e" too.
    if (control?.validity?.badInput) return "Please enter a number.";
    return block.optional ? null : "Please complete this required field.";
  }
  return control?.validity && !control.validity.valid ? control.validationMessage : null;
}

/** The faults that Slack's client finds before it submits: {block_id: text}. */
export function inputErrors(blocks, surface, root) {
  const errors = {};
  for (const block of blocks.filter((one) => one.type === "input")) {
    const control = root.querySelector(`[data-block-id="${CSS.escape(block.block_id)}"] :is(input, textarea)`);
    const text = fault(block, surface.get(block.block_id, block.element.action_id), control);
    if (text) errors[block.block_id] = text;
  }
  return errors;
}
