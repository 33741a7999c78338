// Speaks to the local Slack: JSON in, JSON out. A request that cannot be sent is an answer too.

import { store } from "./store.js";

const UNREACHABLE = {
  ok: false,
  error: "unreachable",
  message: "The local Slack does not answer. Is `make demo` still running?",
};

/** POST `body` as the acting person; always resolves to `{ok, ...}`. */
export async function post(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Local-Slack": "page" },
      body: JSON.stringify({ as: store.me, ...body }),
    });
    const answer = await response.json();
    return typeof answer.ok === "boolean" ? answer : { ...answer, ok: response.ok };
  } catch {
    return UNREACHABLE;
  }
}

/** GET as the acting person; throws when there is no good answer. */
export async function get(path, query = {}) {
  const parameters = new URLSearchParams({ as: store.me ?? "", ...query });
  const response = await fetch(`${path}?${parameters}`);
  if (!response.ok) throw new Error(`${path} answered ${response.status}`);
  return response.json();
}
