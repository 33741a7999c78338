// The stream of events for the acting person. Connects again by itself, and says when everything should be read anew.

import { afterPress } from "./press.js";
import { store } from "./store.js";

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

export class Live {
  /** `onEvent(event)`; `onOpen()`: connected (again): whatever came before may have been missed; `onState(connected)`. */
  constructor({ onEvent, onOpen, onState }) {
    Object.assign(this, { onEvent, onOpen, onState });
    this.pause = FIRST_PAUSE_MS;
  }

  /** Listens for `store.me`, and no longer for whoever it was before. */
  connect() {
    clearTimeout(this.timer);
    this.source?.close();
    const source = (this.source = new EventSource(`/page/events?as=${encodeURIComponent(store.me)}`));
    source.onopen = () => {
      this.pause = FIRST_PAUSE_MS;
      this.onState(true);
      this.onOpen();
    };
    source.onmessage = (message) => afterPress(() => {
      if (source === this.source) this.onEvent(JSON.parse(message.data));
    });
    source.onerror = () => {
      // The browser's own way of reconnecting gives up on the first answer that is not a stream, so this is ours.
      source.close();
      this.onState(false);
      this.timer = setTimeout(() => this.connect(), this.pause);
      this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
    };
  }
}
