// What to offer while a slash command is being typed.

const MOST = 8;

/** The choices for `text`: [{insert, title, description}]. Empty when it is no command, or one that is written out. */
export function commandHints(text, commands) {
  if (!text.startsWith("/") || text.includes("\n")) return [];
  const typed = text.toLowerCase();
  if (!/\s/.test(text)) {
    const starts = commands.filter((one) => one.command.toLowerCase().startsWith(typed));
    if (!starts.some((one) => one.command.toLowerCase() === typed) || typed === "/") return starts.map(commandHint);
  }
  const command = commands.find((one) => typed === one.command || typed.startsWith(`${one.command} `));
  return (command?.suggestions ?? [])
    .filter((one) => one.text.toLowerCase().startsWith(typed) && one.text.toLowerCase() !== typed.trimEnd())
    .slice(0, MOST)
    .map((one) => ({ insert: one.text, title: one.text, description: one.description }));
}

function commandHint({ command, usage_hint: usage, description }) {
  return { insert: `${command} `, title: command, usage, description };
}

/** The usage hint of the command that `text` begins with, or null. */
export function usageOf(text, commands) {
  const command = commands.find((one) => text === one.command || text.startsWith(`${one.command} `));
  return command?.usage_hint ? `${command.command} ${command.usage_hint}` : null;
}
