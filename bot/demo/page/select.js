// Select boxes: static, external (asked while typing), of people and of channels; one choice or several.

import { button, el, uniqueId } from "./dom.js";
import { icon } from "./icons.js";
import { textObject } from "./mrkdwn.js";
import { attachPopup } from "./popup.js";
import { displayName, store } from "./store.js";

const TYPING_PAUSE_MS = 200;

const single = (source, field, initial) => ({ source, field, initial, multi: false });
const multi = (source, field, initial) => ({ source, field, initial, multi: true });

export const SELECTS = {
  static_select: single("static", "selected_option", "initial_option"),
  external_select: single("external", "selected_option", "initial_option"),
  users_select: single("users", "selected_user", "initial_user"),
  conversations_select: single("channels", "selected_conversation", "initial_conversation"),
  channels_select: single("channels", "selected_channel", "initial_channel"),
  multi_static_select: multi("static", "selected_options", "initial_options"),
  multi_external_select: multi("external", "selected_options", "initial_options"),
  multi_users_select: multi("users", "selected_users", "initial_users"),
  multi_conversations_select: multi("channels", "selected_conversations", "initial_conversations"),
  multi_channels_select: multi("channels", "selected_channels", "initial_channels"),
};

const plain = (text) => ({ type: "plain_text", text });

/** A choice: `raw` is what Slack's payload carries, an option object or an id. */
const optionChoice = (option) => ({ raw: option, id: option.value, text: option.text, description: option.description });
const userChoice = (id) => ({ raw: id, id, text: plain(displayName(store.user(id))), description: plain(`@${store.user(id)?.name ?? id}`) });
const channelChoice = (id) => ({ raw: id, id, text: plain(`#${store.channelById(id)?.name ?? id}`) });

const asChoice = { static: optionChoice, external: optionChoice, users: userChoice, channels: channelChoice };

function optionGroups({ options, option_groups: groups }) {
  if (groups) return groups.map((group) => ({ label: group.label, choices: group.options.map(optionChoice) }));
  return [{ label: null, choices: (options ?? []).map(optionChoice) }];
}

function matching(groups, query) {
  const wanted = query.trim().toLowerCase();
  return groups
    .map(({ label, choices }) => ({ label, choices: choices.filter((choice) => choice.text.text.toLowerCase().includes(wanted)) }))
    .filter(({ choices }) => choices.length);
}

export class SelectBox {
  /** `chosen`: the raw value or values to begin with. `onChoose(raw)`: called when the choice is made. */
  constructor({ element, chosen, load, labelId, onChoose }) {
    this.kind = SELECTS[element.type];
    this.element = element;
    this.load = load;
    this.onChoose = onChoose;
    this.chosen = (this.kind.multi ? chosen ?? [] : [chosen]).filter((raw) => raw !== null && raw !== undefined).map(asChoice[this.kind.source]);
    this.trigger = button({
      class: "select-trigger", "aria-haspopup": "listbox", "data-action-id": element.action_id, "data-testid": "select",
      "aria-label": labelId ? null : element.placeholder?.text ?? "Choose",
    });
    if (labelId) {
      this.trigger.id = uniqueId("select");
      this.trigger.setAttribute("aria-labelledby", `${labelId} ${this.trigger.id}`);
    }
    this.panel = attachPopup(this.trigger, (panel) => this.fill(panel), { kind: "select", onClose: () => this.closed() });
    this.node = el("div", { class: "select" }, this.trigger, this.panel);
    this.showChosen();
  }

  showChosen() {
    const texts = this.chosen.map((choice) => el("span", { class: this.kind.multi ? "token" : "" }, textObject(choice.text)));
    const placeholder = el("span", { class: "placeholder" }, textObject(this.element.placeholder ?? plain("Choose an option")));
    this.trigger.replaceChildren(el("span", { class: "select-value" }, texts.length ? texts : placeholder), icon("chevron"));
  }

  fill(panel) {
    const list = el("ul", { role: "listbox", id: uniqueId("list"), "aria-label": "Options", "aria-multiselectable": this.kind.multi ? "true" : null });
    this.list = list;
    this.before = JSON.stringify(this.chosen.map((choice) => choice.raw));
    this.input = el("input", {
      class: "select-filter", type: "text", role: "combobox", "aria-expanded": "true", "aria-controls": list.id, autocomplete: "off",
      "aria-label": "Find an option", placeholder: this.kind.source === "external" ? "Type to search" : "Find", "data-testid": "select-filter",
      oninput: () => this.refresh(),
      onkeydown: (event) => this.key(event),
    });
    panel.replaceChildren(this.input, list);
    this.refresh(true);
    return this.input;
  }

  refresh(atOnce = false) {
    const query = this.input.value;
    if (this.kind.source !== "external") {
      this.show(matching(this.localGroups(), query));
      return;
    }
    clearTimeout(this.timer);
    if (query.length < (this.element.min_query_length ?? 3)) {
      this.note(`Type ${this.element.min_query_length ?? 3} or more characters`);
      return;
    }
    this.note("Searching…");
    this.timer = setTimeout(() => this.ask(query), atOnce ? 0 : TYPING_PAUSE_MS);
  }

  localGroups() {
    if (this.kind.source === "users") return [{ label: null, choices: store.people().map((user) => userChoice(user.id)) }];
    if (this.kind.source === "channels") {
      return [{ label: null, choices: store.myChannels().filter((channel) => channel.kind !== "im").map((channel) => channelChoice(channel.id)) }];
    }
    return optionGroups(this.element);
  }

  async ask(query) {
    const list = this.list;
    const answer = await this.load(query);
    // An answer to what is no longer typed is dropped.
    if (list !== this.list || query !== this.input.value) return;
    if (answer.ok) this.show(optionGroups(answer));
    else this.note(answer.message || "The options could not be loaded.");
  }

  note(text) {
    this.choices = [];
    this.list.replaceChildren(el("li", { class: "select-note", role: "presentation" }, text));
  }

  show(groups) {
    this.choices = groups.flatMap((group) => group.choices);
    if (!this.choices.length) return this.note("Nothing found");
    const rows = groups.flatMap((group) => [
      group.label ? el("li", { class: "select-group", role: "presentation" }, textObject(group.label)) : null,
      ...group.choices.map((choice) => this.row(choice)),
    ]);
    this.list.replaceChildren(...rows.filter(Boolean));
    return this.activate(Math.max(0, this.choices.findIndex((choice) => this.isChosen(choice))));
  }

  row(choice) {
    return el(
      "li",
      {
        class: "select-option", role: "option", id: uniqueId("option"), "aria-selected": String(this.isChosen(choice)),
        "data-testid": "option", "data-value": choice.id, onclick: () => this.toggle(choice),
      },
      el("span", { class: "select-option-text" }, textObject(choice.text)),
      choice.description ? el("span", { class: "select-option-description" }, textObject(choice.description)) : null,
    );
  }

  isChosen(choice) {
    return this.chosen.some((other) => other.id === choice.id);
  }

  activate(index) {
    this.active = index;
    const rows = [...this.list.querySelectorAll("[role=option]")];
    rows.forEach((row, at) => row.classList.toggle("is-active", at === index));
    rows[index]?.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", rows[index]?.id ?? "");
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.choices.length) this.activate((this.active + step + this.choices.length) % this.choices.length);
    else if (event.key === "Enter" && this.choices.length) this.toggle(this.choices[this.active]);
    else return;
    event.preventDefault();
  }

  toggle(choice) {
    if (!this.kind.multi) this.chosen = [choice];
    else if (this.isChosen(choice)) this.chosen = this.chosen.filter((other) => other.id !== choice.id);
    else if (this.chosen.length < (this.element.max_selected_items ?? Infinity)) this.chosen = [...this.chosen, choice];
    this.showChosen();
    if (!this.kind.multi) {
      this.panel.hidePopover();
      this.trigger.focus();
      return;
    }
    for (const row of this.list.querySelectorAll("[role=option]")) {
      row.setAttribute("aria-selected", String(this.chosen.some((other) => other.id === row.dataset.value)));
    }
  }

  closed() {
    const raw = this.chosen.map((choice) => choice.raw);
    if (JSON.stringify(raw) !== this.before) this.onChoose(this.kind.multi ? raw : raw[0]);
  }

  /** Goes back to `raw`, when a confirm dialog was declined. */
  reset(raw) {
    this.chosen = (this.kind.multi ? raw ?? [] : [raw]).filter((one) => one !== null && one !== undefined).map(asChoice[this.kind.source]);
    this.showChosen();
  }
}
