// Where blocks stand: one message, modal or App Home. Holds what people entered there and sends what they do.

import { post } from "./api.js";
import { el } from "./dom.js";
import { icon } from "./icons.js";

const key = (blockId, actionId) => JSON.stringify([blockId, actionId]);

export class Surface {
  /** `kind`: message, modal or home. `ref`: what names it to the server: {channel, message_ts} or {view_id}. */
  constructor(kind, ref) {
    this.kind = kind;
    this.ref = ref;
    this.entries = new Map();
    this.shown = new Set();
  }

  /** Before the blocks are drawn (again): only what is drawn now counts as state. */
  begin() {
    this.shown.clear();
  }

  /**
   * Makes an element part of the state and returns its value: what the person entered, or `initial`.
   * A view keeps what was entered under the same ids, as Slack does; a message takes a changed initial value.
   */
  register(blockId, actionId, initial) {
    const id = key(blockId, actionId);
    const origin = JSON.stringify(initial);
    const known = this.entries.get(id);
    if (!known || (this.kind === "message" && known.origin !== origin)) {
      this.entries.set(id, { blockId, actionId, origin, value: initial });
    }
    this.shown.add(id);
    return this.entries.get(id).value;
  }

  set(blockId, actionId, value) {
    this.entries.get(key(blockId, actionId)).value = value;
  }

  get(blockId, actionId) {
    return this.entries.get(key(blockId, actionId))?.value;
  }

  /** Slack's `state`: values by block_id and action_id of what is on show. */
  state() {
    const values = {};
    for (const id of this.shown) {
      const { blockId, actionId, value } = this.entries.get(id);
      (values[blockId] ??= {})[actionId] = value;
    }
    return { values };
  }

  /** Sends an action; `host` shows that it is under way; its block says why it failed. */
  async act(block, element, payload, host) {
    if (host.classList.contains("is-busy")) return;
    host.fault?.remove();
    host.classList.add("is-busy");
    host.setAttribute("aria-busy", "true");
    const answer = await post("/page/action", {
      ...this.ref,
      block_id: block.block_id,
      action_id: element.action_id,
      payload,
      state: this.state(),
    });
    host.classList.remove("is-busy");
    host.removeAttribute("aria-busy");
    if (!answer.ok) {
      const text = answer.message || `This did not work (${answer.error}).`;
      host.fault = el("div", { class: "action-error", role: "alert", "data-testid": "action-error" }, icon("warning"), text);
      (host.closest(".block") ?? host).append(host.fault);
    }
  }

  /** The options of an external select for what was typed: `{ok, options | option_groups}`. */
  options(block, element, value) {
    return post("/page/options", { ...this.ref, block_id: block.block_id, action_id: element.action_id, value });
  }
}
