// What the page knows of the workspace, who acts, and where they are.

export const store = {
  state: null, // the answer of GET /page/state
  me: null, // the id of the person one acts as
  channel: null, // the id of the open channel

  user(id) {
    return this.state.users.find((user) => user.id === id) ?? null;
  },
  channelById(id) {
    return this.state.channels.find((channel) => channel.id === id) ?? null;
  },
  people() {
    return this.state.users.filter((user) => user.kind !== "bot");
  },
  myChannels() {
    return this.state.channels.filter((channel) =>
      channel.kind === "im" ? channel.user === this.me : channel.members.includes(this.me),
    );
  },
  zone() {
    return this.state?.tz || Intl.DateTimeFormat().resolvedOptions().timeZone;
  },
};

/** The name shown for a person, as Slack does: the real name where there is one. */
export function displayName(user) {
  return user ? user.real_name || user.name : "Unknown";
}

/** What sets a person apart, or null for a full member of the workspace. */
export function kindLabel(user) {
  if (user?.external) return "External";
  return { guest: "Guest", bot: "App" }[user?.kind] ?? null;
}
