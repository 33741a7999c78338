// The box one types in: commands with hints, plain messages, formatting marks and a history.

import { post } from "./api.js";
import { button, el, uniqueId } from "./dom.js";
import { commandHints, usageOf } from "./hints.js";
import { icon } from "./icons.js";
import { store } from "./store.js";

const HISTORY_LENGTH = 50;
const MARKS = [
  { mark: "*", label: "Bold", face: el("strong", {}, "B") },
  { mark: "_", label: "Italic", face: el("em", {}, "I") },
  { mark: "~", label: "Strikethrough", face: el("s", {}, "S") },
  { mark: "`", label: "Code", face: icon("code") },
];

export class Composer {
  /** `where()`: {channel, thread_ts?} to send to. `testId`: its hook for tests. `onCommand()`: a command was taken; none in a thread, where Slack has no commands. */
  constructor(root, { where, testId, onCommand = null }) {
    Object.assign(this, { where, onCommand });
    this.commands = () => (onCommand ? store.state.commands : []);
    this.pending = 0;
    this.recall = null;
    this.hints = el("ul", { class: "hints", role: "listbox", id: uniqueId("hints"), "aria-label": "Commands", hidden: true });
    this.field = el("textarea", {
      class: "composer-field", rows: 1, "data-testid": testId, "aria-autocomplete": "list", "aria-controls": this.hints.id, spellcheck: "false", autocapitalize: "off",
      oninput: () => this.edited(),
      onkeydown: (event) => this.key(event),
      onblur: () => this.showHints([]),
    });
    this.sendButton = button({ class: "send", "aria-label": "Send", title: "Send", "data-testid": testId === "composer" ? "send" : `${testId}-send`, disabled: true, onclick: () => this.send() }, icon("send"));
    this.status = el("div", { class: "composer-status", role: "status" });
    this.failure = el("div", { class: "failure", role: "alert", "data-testid": "failure", hidden: true });
    const marks = MARKS.map(({ mark, label, face }) => button({ class: "mark", "aria-label": label, title: label, onclick: () => this.wrap(mark) }, face.cloneNode(true)));
    root.replaceChildren(
      this.failure,
      el("div", { class: "composer-box" },
        this.hints,
        el("div", { class: "marks", role: "toolbar", "aria-label": "Formatting" }, marks),
        this.field,
        el("div", { class: "composer-foot" }, this.status, this.sendButton),
        el("div", { class: "progress", "aria-hidden": "true" })),
    );
    this.box = root.querySelector(".composer-box");
    this.showHelp();
  }

  setPlaceholder(text) {
    this.field.placeholder = text;
    this.field.setAttribute("aria-label", text);
  }

  /** Puts `text` in the box, ready to be sent. */
  fill(text) {
    this.field.value = text;
    this.edited();
    this.showHints([]);
    this.field.focus();
  }

  clear() {
    this.field.value = "";
    this.edited();
    this.showFailure(null);
  }

  /** Moves there, except where that would bring up a keyboard on the screen. */
  focus() {
    if (window.matchMedia("(pointer: fine)").matches) this.field.focus();
  }

  edited() {
    this.recall = null;
    this.grow();
    this.showHints(commandHints(this.field.value, this.commands()));
  }

  grow() {
    this.field.style.setProperty("height", "auto");
    this.field.style.setProperty("height", `${Math.min(this.field.scrollHeight, 200)}px`);
    this.sendButton.disabled = !this.field.value.trim();
    this.showHelp();
  }

  showHelp() {
    const usage = usageOf(this.field.value, this.commands());
    let help = [el("strong", {}, "Shift + Enter"), " for a new line"];
    if (usage) help = [el("code", {}, usage)];
    else if (!this.field.value && this.commands().length) help = ["Type ", el("code", {}, "/"), " for commands"];
    this.status.replaceChildren(...(this.pending ? [this.sendingText] : help));
  }

  showHints(choices) {
    this.choices = choices;
    this.active = -1;
    this.hints.hidden = !choices.length;
    this.hints.replaceChildren(...choices.map((choice, index) => this.hintRow(choice, index)));
    this.field.removeAttribute("aria-activedescendant");
  }

  hintRow({ title, usage, description }, index) {
    // pointerdown keeps the focus in the field, whose blur would close the list before the click.
    const take = (event) => {
      event.preventDefault();
      this.choose(index);
    };
    return el("li", { role: "option", class: "hint", id: uniqueId("hint"), "aria-selected": "false", "data-testid": "hint", onpointerdown: take },
      el("span", { class: "hint-title" }, title, usage ? el("span", { class: "hint-usage" }, ` ${usage}`) : null),
      el("span", { class: "hint-description" }, description));
  }

  activate(index) {
    this.active = (index + this.choices.length) % this.choices.length;
    [...this.hints.children].forEach((row, at) => {
      row.setAttribute("aria-selected", String(at === this.active));
      if (at !== this.active) return;
      row.scrollIntoView({ block: "nearest" });
      this.field.setAttribute("aria-activedescendant", row.id);
    });
  }

  choose(index) {
    this.field.value = this.choices[index].insert;
    this.edited();
  }

  key(event) {
    if (event.isComposing) return;
    const { key } = event;
    if (key === "Enter" && !event.shiftKey) this.enter();
    else if (key === "Tab" && !event.shiftKey && this.choices.length) this.choose(Math.max(0, this.active));
    else if (key === "Escape" && this.choices.length) this.showHints([]);
    else if (key === "ArrowDown" && this.choices.length) this.activate(this.active + 1);
    else if (key === "ArrowUp" && this.choices.length && this.active >= 0) this.activate(this.active - 1);
    else if ((key === "ArrowUp" || key === "ArrowDown") && this.browses()) this.browse(key === "ArrowUp" ? 1 : -1);
    else if (key === "ArrowUp" && this.choices.length) this.activate(-1);
    else return;
    event.preventDefault();
  }

  /** Enter takes the marked hint, completes a half-typed command name, and sends everything else. */
  enter() {
    const half = this.choices.length && !/\s/.test(this.field.value) && this.choices[0].insert !== `${this.field.value} `;
    if (this.active >= 0) this.choose(this.active);
    else if (half) this.choose(0);
    else this.send();
  }

  history() {
    return JSON.parse(sessionStorage.getItem(`history ${store.me}`) ?? "[]");
  }

  browses() {
    return this.recall !== null || !this.field.value;
  }

  browse(step) {
    const history = this.history();
    const at = Math.min((this.recall ?? -1) + step, history.length - 1);
    this.field.value = history[at] ?? "";
    this.grow();
    this.showHints([]);
    this.recall = at >= 0 ? at : null;
  }

  wrap(mark) {
    const { selectionStart: from, selectionEnd: to } = this.field;
    this.field.setRangeText(mark + this.field.value.slice(from, to) + mark, from, to, "end");
    if (from === to) this.field.setSelectionRange(from + 1, from + 1);
    this.field.focus();
    this.edited();
  }

  async send() {
    const text = this.field.value.trim();
    if (!text) return;
    // A space before the slash makes it a message, as in Slack.
    const isCommand = this.field.value.startsWith("/");
    const history = [text, ...this.history().filter((one) => one !== text)].slice(0, HISTORY_LENGTH);
    sessionStorage.setItem(`history ${store.me}`, JSON.stringify(history));
    const me = store.me;
    this.clear();
    this.busy(1, text);
    const answer = await post(isCommand ? "/page/command" : "/page/message", { ...this.where(), text });
    this.busy(-1, text);
    if (me !== store.me) return;
    if (answer.ok) {
      if (isCommand) this.onCommand?.();
      return;
    }
    this.showFailure(answer.message || `${text.split(" ")[0]} failed with the error “${answer.error}”`);
    if (!this.field.value) this.fill(text);
  }

  busy(change, text) {
    this.pending += change;
    this.sendingText = `Sending ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`;
    this.box.classList.toggle("is-busy", this.pending > 0);
    this.showHelp();
  }

  showFailure(text) {
    this.failure.hidden = !text;
    this.failure.replaceChildren(...(text ? [icon("warning"), el("span", {}, text), button({ class: "link-button", onclick: () => this.showFailure(null) }, "Dismiss")] : []));
  }
}
