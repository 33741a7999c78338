// Times in the viewer's zone: message times, day dividers and Slack's <!date^...> tokens.

import { store } from "./store.js";

const LANGUAGE = "en-US";
const DAY_SECONDS = 86_400;
const TWELVE_HOURS = new Intl.DateTimeFormat(undefined, { hour: "numeric" }).resolvedOptions().hour12;

function format(seconds, options) {
  return new Intl.DateTimeFormat(LANGUAGE, { timeZone: store.zone(), ...options }).format(seconds * 1000);
}

/** 2026-11-23 in the viewer's zone: equal for two moments of the same day. */
export function dayKey(seconds) {
  return new Intl.DateTimeFormat("en-CA", { timeZone: store.zone() }).format(seconds * 1000);
}

/** 2026-11-23T18:05 in the viewer's zone, as a datetime-local field has it. */
export function localMinute(seconds) {
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone: store.zone(), hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  return `${dayKey(seconds)}T${clock.format(seconds * 1000)}`;
}

/** The seconds of such a moment. Looked at twice: the offset of the zone may change between guess and moment. */
export function secondsOf(minute) {
  const asUtc = (text) => Date.parse(`${text}:00Z`) / 1000;
  const wanted = asUtc(minute);
  let seconds = wanted;
  for (let turn = 0; turn < 2; turn += 1) seconds += wanted - asUtc(localMinute(seconds));
  return seconds;
}

function time(seconds, extra = {}) {
  return format(seconds, { hour: "numeric", minute: "2-digit", hour12: TWELVE_HOURS, ...extra });
}

function ordinal(day) {
  const tens = day % 100;
  if (tens >= 11 && tens <= 13) return `${day}th`;
  return `${day}${["th", "st", "nd", "rd"][day % 10] ?? "th"}`;
}

function long(seconds, { weekday = false, year = true } = {}) {
  const day = ordinal(Number(format(seconds, { day: "numeric" })));
  const month = format(seconds, { month: "long" });
  return `${weekday ? `${format(seconds, { weekday: "long" })}, ` : ""}${month} ${day}${year ? `, ${format(seconds, { year: "numeric" })}` : ""}`;
}

function relativeDay(seconds) {
  const now = Date.now() / 1000;
  const names = { [-1]: "yesterday", 0: "today", 1: "tomorrow" };
  for (const offset of [-1, 0, 1]) {
    if (dayKey(now + offset * DAY_SECONDS) === dayKey(seconds)) return names[offset];
  }
  return null;
}

function ago(seconds) {
  const passed = seconds - Date.now() / 1000;
  const units = [["year", 31_536_000], ["month", 2_592_000], ["day", DAY_SECONDS], ["hour", 3600], ["minute", 60]];
  const [unit, size] = units.find(([, length]) => Math.abs(passed) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" }).format(Math.trunc(passed / size), unit);
}

const TOKENS = new Map(Object.entries({
  date_num: dayKey,
  date_slash: (s) => format(s, { year: "numeric", month: "2-digit", day: "2-digit" }),
  date: long,
  date_long: (s) => long(s, { weekday: true }),
  date_long_full: (s) => long(s, { weekday: true }),
  date_short: (s) => format(s, { month: "short", day: "numeric", year: "numeric" }),
  time,
  time_secs: (s) => time(s, { second: "2-digit" }),
  ago,
  day_divider_pretty: (s) => dayDivider(s),
}));

/** Slack's date format with its {tokens} filled in, or null when it has an unknown token. */
export function formatTokens(seconds, pattern) {
  let known = true;
  const text = pattern.replace(/\{(\w+)\}/g, (whole, name, at) => {
    const base = name.endsWith("_pretty") && name !== "day_divider_pretty" ? name.slice(0, -7) : name;
    if (!TOKENS.has(base)) known = false;
    else if (base !== name) {
      const word = relativeDay(seconds);
      if (word) return at === 0 ? word[0].toUpperCase() + word.slice(1) : word;
    }
    return known ? TOKENS.get(base)(seconds) : whole;
  });
  return known ? text : null;
}

/** The time of a message: 10:32. */
export const clock = (ts) => time(Number(ts));

/** The whole moment, for a tooltip. */
export const fullMoment = (ts) => `${long(Number(ts), { weekday: true })} at ${time(Number(ts), { second: "2-digit" })}`;

/** The text of a day divider: Today, Yesterday, or Monday, November 23rd. */
export function dayDivider(ts) {
  const word = relativeDay(Number(ts));
  if (word) return word[0].toUpperCase() + word.slice(1);
  const sameYear = dayKey(Number(ts)).slice(0, 4) === dayKey(Date.now() / 1000).slice(0, 4);
  return long(Number(ts), { weekday: true, year: !sameYear });
}

/** How long ago, in words. */
export const since = (ts) => ago(Number(ts));
