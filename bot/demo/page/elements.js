// The interactive elements of Block Kit. Each draws one control, keeps its value on the surface and sends its action.

import { button, el, uniqueId } from "./dom.js";
import { confirmed } from "./confirm.js";
import { localMinute, secondsOf } from "./dates.js";
import { safeUrl } from "./entities.js";
import { icon } from "./icons.js";
import { textObject } from "./mrkdwn.js";
import { arrowKeys, attachPopup } from "./popup.js";
import { SELECTS, SelectBox } from "./select.js";
import { store } from "./store.js";

/** One element in its place. `sends`: a change is an action at once (it stands in no input block). */
class Slot {
  constructor(element, block, surface, { sends, labelId = null, describedBy = null }) {
    Object.assign(this, { element, block, surface, sends, labelId, describedBy });
    this.host = el("div", { class: `element element-${element.type}` });
  }

  attributes(extra = {}) {
    return {
      "data-action-id": this.element.action_id,
      "aria-labelledby": this.labelId,
      "aria-label": this.labelId ? null : this.element.placeholder?.text,
      "aria-describedby": this.describedBy,
      ...extra,
    };
  }

  /** The value to begin with, in the shape of Slack's state.values: {type, <field>}. */
  begin(field, initial) {
    const value = { type: this.element.type, [field]: initial ?? null };
    return this.surface.register(this.block.block_id, this.element.action_id, value)[field];
  }

  keep(field, chosen) {
    this.surface.set(this.block.block_id, this.element.action_id, { type: this.element.type, [field]: chosen });
  }

  send(payload) {
    return this.surface.act(this.block, this.element, { type: this.element.type, ...payload }, this.host);
  }

  /** Takes a new value; asks first where the element has a confirm, and calls `undo` when the answer is no. */
  async change(field, chosen, undo = () => {}) {
    const before = this.surface.get(this.block.block_id, this.element.action_id)[field];
    if (this.sends && !(await confirmed(this.element.confirm))) {
      undo(before);
      return;
    }
    this.keep(field, chosen);
    if (this.sends) await this.send({ [field]: chosen });
  }
}

function buttonElement(slot) {
  const { element, host } = slot;
  const style = ["primary", "danger"].includes(element.style) ? ` button-${element.style}` : "";
  const label = { "aria-label": element.accessibility_label, "data-action-id": element.action_id, "data-testid": "action", "data-value": element.value };
  const press = async () => {
    if (await confirmed(element.confirm)) await slot.send({ value: element.value });
  };
  if (!element.url) {
    host.append(button({ class: `button${style}`, ...label, onclick: press }, textObject(element.text)));
    return;
  }
  const href = safeUrl(element.url, ["http:", "https:"]);
  if (!href) {
    host.append(button({ class: `button${style}`, ...label, disabled: true, title: "This address is not one that Slack opens." }, textObject(element.text)));
    return;
  }
  host.append(el("a", { class: `button${style}`, ...label, href, target: "_blank", rel: "noopener noreferrer", onclick: press }, textObject(element.text)));
}

function selectElement(slot) {
  const { element } = slot;
  const { field, initial, multi } = SELECTS[element.type];
  const box = new SelectBox({
    element,
    chosen: slot.begin(field, element[initial] ?? (multi ? [] : null)),
    load: (query) => slot.surface.options(slot.block, element, query),
    labelId: slot.labelId,
    onChoose: (raw) => slot.change(field, raw ?? null, (before) => box.reset(before)),
  });
  if (slot.describedBy) box.trigger.setAttribute("aria-describedby", slot.describedBy);
  slot.host.append(box.node);
}

function overflowElement(slot) {
  const trigger = button({ ...slot.attributes(), class: "button button-icon", "aria-haspopup": "menu", "aria-label": "More actions", "data-testid": "overflow" }, icon("dots"));
  const choose = async (option) => {
    panel.hidePopover();
    if (await confirmed(slot.element.confirm)) await slot.send({ selected_option: option });
  };
  const item = (option) => {
    const href = option.url ? safeUrl(option.url, ["http:", "https:"]) : null;
    const shared = { class: "menu-item", role: "menuitem", "data-testid": "option", "data-value": option.value, onclick: () => choose(option) };
    return href ? el("a", { ...shared, href, target: "_blank", rel: "noopener noreferrer" }, textObject(option.text)) : button(shared, textObject(option.text));
  };
  const panel = attachPopup(trigger, (into) => {
    into.setAttribute("role", "menu");
    into.replaceChildren(...slot.element.options.map(item));
    arrowKeys(into);
    return into.firstElementChild;
  }, { kind: "menu" });
  slot.host.append(trigger, panel);
}

function pickerElement(inputType, field, initial) {
  return (slot) => {
    const value = slot.begin(field, slot.element[initial]);
    const input = el("input", {
      ...slot.attributes({ type: inputType, class: "field field-short" }),
      value: value ?? "",
      onchange: () => slot.change(field, input.value || null, (before) => { input.value = before ?? ""; }),
    });
    slot.host.append(input);
  };
}

/** A moment is seconds for the app, and a local date and time for the viewer. */
function momentElement(slot) {
  const field = "selected_date_time";
  const shown = (seconds) => (seconds ? localMinute(seconds) : "");
  const input = el("input", {
    ...slot.attributes({ type: "datetime-local", class: "field" }),
    value: shown(slot.begin(field, slot.element.initial_date_time)),
    onchange: () => slot.change(field, input.value ? secondsOf(input.value) : null, (before) => { input.value = shown(before); }),
  });
  slot.host.append(input);
}

/** Text inputs send on Enter or while typing, as dispatch_action_config says. */
function typedElement(make) {
  return (slot) => {
    const { element } = slot;
    const triggers = element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
    const read = () => input.value || null;
    const input = make(slot);
    input.value = slot.begin("value", element.initial_value) ?? "";
    input.addEventListener("input", () => {
      slot.keep("value", read());
      if (slot.sends && triggers.includes("on_character_entered")) slot.send({ value: read() });
    });
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.isComposing || input.matches("textarea")) return;
      if (!slot.sends) return;
      event.preventDefault();
      if (triggers.includes("on_enter_pressed")) slot.send({ value: read() });
    });
    slot.host.append(input);
  };
}

const textInput = typedElement((slot) => {
  const { element } = slot;
  const shared = slot.attributes({ class: "field", maxlength: element.max_length ?? 3000, minlength: element.min_length, placeholder: element.placeholder?.text });
  return element.multiline ? el("textarea", { ...shared, rows: 4 }) : el("input", { ...shared, type: "text", autocomplete: "off" });
});

const numberInput = typedElement((slot) => {
  const { element } = slot;
  return el("input", slot.attributes({
    class: "field field-short", type: "number", step: element.is_decimal_allowed ? "any" : 1,
    min: element.min_value, max: element.max_value, placeholder: element.placeholder?.text,
  }));
});

const formattedInput = (type) => typedElement((slot) =>
  el("input", slot.attributes({ class: "field", type, placeholder: slot.element.placeholder?.text })));

function choiceRow(slot, type, name, option, checked, onchange) {
  const id = uniqueId("choice");
  const input = el("input", { type, id, name, checked, value: option.value, "data-action-id": slot.element.action_id, onchange });
  const text = el("label", { for: id }, textObject(option.text), option.description ? el("span", { class: "choice-description" }, textObject(option.description)) : null);
  return el("div", { class: "choice" }, input, text);
}

function radioElement(slot) {
  const { element } = slot;
  const name = uniqueId("radio");
  const value = slot.begin("selected_option", element.initial_option);
  const undo = (before) => slot.host.querySelectorAll("input").forEach((input) => { input.checked = input.value === before?.value; });
  const rows = element.options.map((option) =>
    choiceRow(slot, "radio", name, option, option.value === value?.value, () => slot.change("selected_option", option, undo)));
  slot.host.append(el("div", { role: "radiogroup", "aria-labelledby": slot.labelId, "aria-describedby": slot.describedBy }, rows));
}

function checkboxesElement(slot) {
  const { element } = slot;
  const value = slot.begin("selected_options", element.initial_options ?? []);
  const boxes = () => [...slot.host.querySelectorAll("input")];
  const undo = (before) => boxes().forEach((box) => { box.checked = before.some((option) => option.value === box.value); });
  const changed = () => slot.change("selected_options", element.options.filter((_, index) => boxes()[index].checked), undo);
  const rows = element.options.map((option) => choiceRow(slot, "checkbox", null, option, value.some((one) => one.value === option.value), changed));
  slot.host.append(el("div", { role: "group", "aria-labelledby": slot.labelId, "aria-describedby": slot.describedBy }, rows));
}

function imageElement(slot) {
  slot.host.append(imageNode(slot.element, "thumbnail"));
}

/** Where the person one acts as gets the picture of a file. */
export function pictureUrl(path) {
  const url = new URL(path, window.location.href);
  url.searchParams.set("as", store.me);
  return url.pathname + url.search;
}

/** An image of this server; one from elsewhere is only named, because the page loads nothing from the network. */
export function imageNode({ image_url: url, slack_file: file, alt_text: alt }, kind) {
  const source = file ? pictureUrl(`/page/picture/${encodeURIComponent(file.id)}`) : url;
  if (source && new URL(source, document.baseURI).origin === window.location.origin) {
    const image = el("img", { class: `image image-${kind}`, src: source, alt, "data-testid": "image" });
    return file ? el("a", { class: "image-link", href: source, target: "_blank", rel: "noopener" }, image) : image;
  }
  return el("span", { class: `image image-${kind} image-elsewhere`, role: "img", "aria-label": alt, title: alt }, icon("image"), kind === "full" ? alt : null);
}

const ELEMENTS = new Map(Object.entries({
  button: buttonElement,
  overflow: overflowElement,
  datepicker: pickerElement("date", "selected_date", "initial_date"),
  datetimepicker: momentElement,
  timepicker: pickerElement("time", "selected_time", "initial_time"),
  plain_text_input: textInput,
  number_input: numberInput,
  email_text_input: formattedInput("email"),
  url_text_input: formattedInput("url"),
  radio_buttons: radioElement,
  checkboxes: checkboxesElement,
  image: imageElement,
  ...Object.fromEntries(Object.keys(SELECTS).map((type) => [type, selectElement])),
}));

/** The node of an element, or a visible note when the page does not know its type. */
export function renderElement(element, block, surface, options) {
  const slot = new Slot(element, block, surface, options);
  const draw = ELEMENTS.get(element.type);
  if (draw) draw(slot);
  else slot.host.append(el("span", { class: "unsupported" }, `unsupported element: ${element.type}`));
  return slot.host;
}
