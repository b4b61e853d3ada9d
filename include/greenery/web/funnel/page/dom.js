// Elements, and the writing of figures. Text from the data only ever becomes a text node, never markup.

export const STEPS = ["page_view", "add_to_cart", "checkout", "package_shipped"];
export const STEP_NAMES = { page_view: "Page view", add_to_cart: "Add to cart", checkout: "Checkout", package_shipped: "Shipped" };
export const COLORS = { page_view: "#7F7F7F", add_to_cart: "#0072B2", checkout: "#D55E00", package_shipped: "#009E73" };
export const NOTHING = "–";
// Of a long table, so many rows are drawn at first.
const SHOWN = 200;

/** Make an element. Properties that begin with `on` are listeners; `class` and others are attributes. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "selected") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function button(label, onclick, properties = {}) {
  return h("button", { type: "button", onclick, ...properties }, label);
}

export function select(label, options, value, onchange, properties = {}) {
  const choices = options.map(([key, text]) => h("option", { value: key, selected: key === value }, text));
  const field = h("select", { onchange: (event) => onchange(event.target.value), ...properties }, choices);
  return h("label", { class: "field" }, h("span", {}, label), field);
}

/** A row of choices of which one holds. */
export function segmented(label, options, value, onchange) {
  const choices = options.map(([key, text]) =>
    button(text, () => onchange(key), { "aria-pressed": key === value ? "true" : "false" }));
  return h("div", { class: "field" }, h("span", { id: `of-${label}` }, label),
    h("div", { class: "segmented", role: "group", "aria-label": label }, choices));
}

/**
 * A table. columns: {name, text(row) or node(row), number: whether it is aligned right, sort(row)}.
 * order: {column, descending} and onsort make its heads sort.
 */
export function table(caption, columns, rows, { order, onsort, empty = "Nothing to show.", rowClass } = {}) {
  const head = columns.map((column, index) => {
    const properties = { scope: "col", class: column.number ? "n" : null, title: column.title };
    if (!onsort || !column.sort) return h("th", properties, column.name);
    const sorted = order && order.column === index ? (order.descending ? "descending" : "ascending") : "none";
    return h("th", { ...properties, "aria-sort": sorted },
      button(column.name, () => onsort({ column: index, descending: sorted === "none" ? Boolean(column.number) : sorted === "ascending" })));
  });
  const line = (row) => h("tr", { class: rowClass ? rowClass(row) : null }, columns.map((column, index) => {
    const content = column.node ? column.node(row) : column.text(row);
    const properties = { class: [column.number ? "n" : "", column.class ?? ""].join(" ").trim() || null };
    return index === 0 ? h("th", { scope: "row", ...properties }, content) : h("td", properties, content);
  }));
  const body = h("tbody", {}, rows.slice(0, SHOWN).map(line));
  const more = rows.length > SHOWN ? button(`Show all ${count(rows.length)} rows`, () => {
    body.append(...rows.slice(SHOWN).map(line));
    more.remove();
  }, { class: "plain" }) : null;
  const nothing = h("tr", {}, h("td", { colspan: columns.length, class: "quiet" }, empty));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "hidden" }, caption), h("thead", {}, h("tr", {}, head)),
      rows.length ? body : h("tbody", {}, nothing)), more);
}

export function sorted(rows, columns, order) {
  if (!order || !columns[order.column]?.sort) return rows;
  const key = columns[order.column].sort;
  const sign = order.descending ? -1 : 1;
  return [...rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    if (a === null || a === undefined) return 1;
    if (b === null || b === undefined) return -1;
    return (a < b ? -1 : a > b ? 1 : 0) * sign;
  });
}

export const capital = (text) => text[0].toUpperCase() + text.slice(1);

const COUNT = new Intl.NumberFormat("en-US");

export const count = (number) => COUNT.format(number).replace("-", "−");
export const signedCount = (number) => (number > 0 ? "+" : "") + count(number);
export const percent = (share) => (share === null || share === undefined ? NOTHING : `${(share * 100).toFixed(1)}%`);
export const points = (value) => {
  if (value === null || value === undefined) return NOTHING;
  const text = Math.abs(value).toFixed(1);
  return `${text === "0.0" ? "" : value < 0 ? "−" : "+"}${text} pp`;
};
export const between = (interval) =>
  interval ? `${points(interval[0]).replace(" pp", "")} to ${points(interval[1])}` : NOTHING;
export const percentBetween = (interval) =>
  interval ? `${percent(interval[0]).replace("%", "")}–${percent(interval[1])}` : NOTHING;

export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NOTHING;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(seconds < 600 ? 1 : 0)} min`;
  if (seconds < 86400) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86400).toFixed(1)} days`;
}

/** A day, or the last day of a period, as people write it. Days are text such as 2025-02-05, always UTC. */
export function day(text, withYear = true) {
  const options = { day: "numeric", month: "short", timeZone: "UTC", ...(withYear ? { year: "numeric" } : {}) };
  return new Date(`${text}T00:00:00Z`).toLocaleDateString("en-GB", options);
}
export const moment = (text) => (text ? text.slice(0, 19).replace("T", " ") : NOTHING);
export const plusDays = (text, days) =>
  new Date(Date.parse(`${text}T00:00:00Z`) + days * 86400000).toISOString().slice(0, 10);
export const days = ({ from, to }) => (Date.parse(to) - Date.parse(from)) / 86400000;
export const period = ({ from, to }) => {
  const last = plusDays(to, -1);
  return last <= from ? day(from) : `${day(from, from.slice(0, 4) !== last.slice(0, 4))} – ${day(last)}`;
};

export const READINGS = {
  more_than_noise: "more than noise",
  within_noise: "within noise",
  too_few_sessions: "too few sessions to judge",
  no_comparison: "nothing to compare with",
};

/** Offer a file for download. */
export function download(name, content) {
  const link = h("a", { href: content instanceof Blob ? URL.createObjectURL(content) : content, download: name });
  link.click();
  if (content instanceof Blob) setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

/** Write rows as CSV. An apostrophe stands before text that a spreadsheet would take for a formula. */
export function csv(columns, rows) {
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    let text = String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [Object.keys(columns), ...rows.map((row) => Object.values(columns).map((value) => value(row)))];
  return new Blob([lines.map((line) => line.map(cell).join(",")).join("\n") + "\n"], { type: "text/csv" });
}
