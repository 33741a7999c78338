// The short names of the emoji that an operations bot is likely to use.

import { el } from "./dom.js";

const PICTURES = new Map(Object.entries({
  white_check_mark: "✅", heavy_check_mark: "✔️", ballot_box_with_check: "☑️", x: "❌", heavy_multiplication_x: "✖️",
  negative_squared_cross_mark: "❎", warning: "⚠️", rotating_light: "🚨", no_entry: "⛔", no_entry_sign: "🚫", octagonal_sign: "🛑",
  exclamation: "❗", heavy_exclamation_mark: "❗", grey_exclamation: "❕", question: "❓", grey_question: "❔", bangbang: "‼️",
  information_source: "ℹ️", red_circle: "🔴", large_orange_circle: "🟠", large_yellow_circle: "🟡", large_green_circle: "🟢",
  large_blue_circle: "🔵", large_purple_circle: "🟣", large_brown_circle: "🟤", white_circle: "⚪", black_circle: "⚫",
  large_red_square: "🟥", large_orange_square: "🟧", large_yellow_square: "🟨", large_green_square: "🟩", large_blue_square: "🟦",
  white_large_square: "⬜", black_large_square: "⬛", small_red_triangle: "🔺", small_red_triangle_down: "🔻",
  small_blue_diamond: "🔹", small_orange_diamond: "🔸", hourglass: "⌛", hourglass_flowing_sand: "⏳", stopwatch: "⏱️", timer_clock: "⏲️",
  alarm_clock: "⏰", clock1: "🕐", clock3: "🕒", clock9: "🕘", calendar: "📆", date: "📅", spiral_calendar_pad: "🗓️", lock: "🔒", unlock: "🔓",
  key: "🔑", shield: "🛡️", bell: "🔔", no_bell: "🔕", mega: "📣", loudspeaker: "📢", mag: "🔍", mag_right: "🔎", link: "🔗",
  chart_with_upwards_trend: "📈", chart_with_downwards_trend: "📉", bar_chart: "📊", clipboard: "📋", page_facing_up: "📄", memo: "📝",
  pencil2: "✏️", file_folder: "📁", open_file_folder: "📂", package: "📦", inbox_tray: "📥", outbox_tray: "📤", paperclip: "📎",
  pushpin: "📌", round_pushpin: "📍", label: "🏷️", bookmark: "🔖", wastebasket: "🗑️", gear: "⚙️", wrench: "🔧", hammer: "🔨",
  hammer_and_wrench: "🛠️", tools: "🛠️", nut_and_bolt: "🔩", adhesive_bandage: "🩹", pill: "💊", syringe: "💉", stethoscope: "🩺", bug: "🐛",
  fire: "🔥", boom: "💥", zap: "⚡", rocket: "🚀", satellite: "🛰️", computer: "💻", desktop_computer: "🖥️", cloud: "☁️", penguin: "🐧",
  window: "🪟", globe_with_meridians: "🌐", earth_africa: "🌍", earth_americas: "🌎", electric_plug: "🔌", battery: "🔋",
  arrows_counterclockwise: "🔄", repeat: "🔁", arrow_forward: "▶️", arrow_up: "⬆️", arrow_down: "⬇️", arrow_right: "➡️", arrow_left: "⬅️",
  arrow_upper_right: "↗️", arrow_lower_right: "↘️", double_vertical_bar: "⏸️", black_square_for_stop: "⏹️", heavy_plus_sign: "➕",
  heavy_minus_sign: "➖", new: "🆕", ok: "🆗", sos: "🆘", recycle: "♻️", snowflake: "❄️", sunny: "☀️", zzz: "💤", sleeping: "😴", bulb: "💡",
  tada: "🎉", sparkles: "✨", star: "⭐", trophy: "🏆", medal: "🏅", eyes: "👀", wave: "👋", raised_hand: "✋", thumbsup: "👍", "+1": "👍",
  thumbsdown: "👎", "-1": "👎", ok_hand: "👌", clap: "👏", pray: "🙏", point_right: "👉", muscle: "💪", robot_face: "🤖",
  bust_in_silhouette: "👤", busts_in_silhouette: "👥", cop: "👮", construction: "🚧", traffic_light: "🚥", smile: "😄", smiley: "😃",
  slightly_smiling_face: "🙂", thinking_face: "🤔", sweat_smile: "😅", scream: "😱", heart: "❤️", "100": "💯", one: "1️⃣", two: "2️⃣", three: "3️⃣",
  snail: "🐌", ghost: "👻", skull: "💀", coffin: "⚰️", cherry_blossom: "🌸", checkered_flag: "🏁", triangular_flag_on_post: "🚩",
}));

export const SHORT_NAME = /:([a-z0-9_+-]+):/g;

/** The picture of a short name, or the name itself when it is not on the list. */
export function emojiNode(name) {
  const picture = PICTURES.get(name);
  if (!picture) return document.createTextNode(`:${name}:`);
  return el("span", { class: "emoji", role: "img", "aria-label": name.replaceAll("_", " "), title: `:${name}:` }, picture);
}

/** Plain text with its :short_names: drawn; everything else stays text. */
export function withEmoji(text) {
  const fragment = document.createDocumentFragment();
  let from = 0;
  for (const match of text.matchAll(SHORT_NAME)) {
    if (!PICTURES.has(match[1])) continue;
    fragment.append(text.slice(from, match.index), emojiNode(match[1]));
    from = match.index + match[0].length;
  }
  fragment.append(text.slice(from));
  return fragment;
}
