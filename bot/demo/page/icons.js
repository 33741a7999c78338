// Line icons, drawn for this page on a 20 by 20 grid.

const NAMESPACE = "http://www.w3.org/2000/svg";

const SHAPES = {
  hash: ["M8 3 6 17", "M14 3l-2 14", "M3.5 7.5h14", "M2.5 12.5h14"],
  lock: ["M5 9h10v8H5z", "M7 9V6.5a3 3 0 0 1 6 0V9"],
  menu: ["M3 5.5h14", "M3 10h14", "M3 14.5h14"],
  close: ["M5 5l10 10", "M15 5 5 15"],
  send: ["M3 10 17 3.5 13 17l-3.2-5.2z", "M9.8 11.8 17 3.5"],
  eye: ["M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5z", "M10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z"],
  thread: ["M3 4h14v9H9l-4 3.5V13H3z", "M6.5 7.5h7", "M6.5 10h4.5"],
  chevron: ["M5.5 8l4.5 4.5L14.5 8"],
  down: ["M10 4v12", "M5.5 11.5 10 16l4.5-4.5"],
  check: ["M4 10.5l4 4 8-9"],
  warning: ["M10 3 18 17H2z", "M10 8v4.5", "M10 14.6v.2"],
  bulb: ["M7 12.6a5 5 0 1 1 6 0V15H7z", "M8 17.5h4"],
  download: ["M10 3v9", "M6 8.5l4 4 4-4", "M3.5 16.5h13"],
  file: ["M5 2.5h6.5L15 6v11.5H5z", "M11.5 2.5V6H15", "M7.5 10h5", "M7.5 13h5"],
  dots: ["M5 10v.1", "M10 10v.1", "M15 10v.1"],
  people: ["M7.5 9.5a3 3 0 1 0 0-6 3 3 0 0 0 0 6z", "M2 16.5c0-3 2.3-4.8 5.5-4.8s5.5 1.8 5.5 4.8", "M13 4a2.8 2.8 0 0 1 0 5.4", "M14.5 12c2.2.5 3.5 2 3.5 4.5"],
  shield: ["M10 2.5 16.5 5v4.8c0 3.7-2.6 6.3-6.5 7.7-3.9-1.4-6.5-4-6.5-7.7V5z", "M7 10l2.2 2.2L13.2 8"],
  image: ["M3 4h14v12H3z", "M3 13l4-4 4 4 2-2 4 4"],
  code: ["M7 6l-4 4 4 4", "M13 6l4 4-4 4"],
  quote: ["M4 4v12", "M8 6h8", "M8 10h8", "M8 14h5"],
};

/** A drawn icon, hidden from screen readers: the control that holds it carries the name. */
export function icon(name) {
  const svg = document.createElementNS(NAMESPACE, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 20 20", class: `icon icon-${name}`, "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  for (const d of SHAPES[name]) {
    const path = document.createElementNS(NAMESPACE, "path");
    path.setAttribute("d", d);
    svg.append(path);
  }
  return svg;
}
