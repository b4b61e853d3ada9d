// The filters: period, products, places, and what to compare with.

import { button, capital, day, h, plusDays, segmented, select } from "./dom.js";
import { PERIODS, change, chosenPeriod, dates, state } from "./state.js";

const VISITORS = { new: "New users", returning: "Returning users", unknown: "Unknown users" };

/** A list of which several can be chosen, with a search. values: [value, name] in order. */
function picker(label, values, name, all) {
  const chosen = new Set(state[name]);
  const names = new Map(values);
  const text = chosen.size === 0 ? all : chosen.size === 1 ? names.get([...chosen][0]) ?? [...chosen][0] : `${chosen.size} chosen`;
  const choice = ([value, shown]) => {
    const box = h("input", {
      type: "checkbox", checked: chosen.has(value),
      onchange: (event) => {
        const now = new Set(state[name]);
        if (event.target.checked) now.add(value);
        else now.delete(value);
        change({ [name]: [...now] });
      },
    });
    return h("label", { class: "choice" }, box, h("span", {}, shown));
  };
  const choices = h("div", { class: "choices", role: "group", "aria-label": label });
  const search = h("input", {
    type: "search", placeholder: "Search", "aria-label": `Search ${label.toLowerCase()}`,
    oninput: (event) => {
      const wanted = event.target.value.toLowerCase();
      values.forEach(([, shown], index) => { choices.children[index].hidden = !shown.toLowerCase().includes(wanted); });
    },
    onkeydown: (event) => { if (event.key === "Enter") event.preventDefault(); },
  });
  const panel = h("div", { class: "panel" }, values.length > 8 ? search : null,
    choices,
    button("Clear", () => change({ [name]: [] }), { class: "plain", disabled: chosen.size === 0 }));
  const summary = h("summary", { "aria-label": `${label}: ${text}`, class: chosen.size ? "set" : null }, text);
  const details = h("details", { class: "picker", "data-picker": name, ontoggle: () => { if (details.open && values.length > 8) search.focus(); } }, summary, panel);
  // A shop can have thousands of products: they are listed when people look at them.
  details.fill = () => { if (!choices.children.length) choices.append(...values.map(choice)); };
  summary.addEventListener("click", details.fill);
  return h("div", { class: "field" }, h("span", { "aria-hidden": "true" }, label), details);
}

function places(options, countries) {
  const chosen = options.countries.filter((country) => !countries.length || countries.includes(country.name));
  return [...new Set(chosen.flatMap((country) => country.states))].sort().map((name) => [name, name]);
}

function dateField(label, value, onchange, limits) {
  return h("label", { class: "field" }, h("span", {}, label),
    h("input", { type: "date", value, ...limits, onchange: (event) => event.target.value && onchange(event.target.value) }));
}

function range(options) {
  const { from, to } = dates(options);
  const limits = { min: options.first_day, max: options.as_of };
  // People name the last day of a period; the API the day after it.
  return [
    dateField("First day", from, (value) => change({ period: "free", from: value, to: value >= to ? plusDays(value, 1) : to }), limits),
    dateField("Last day", plusDays(to, -1), (value) => change({ period: "free", to: plusDays(value, 1), from: value < from ? value : from }), limits),
  ];
}

function chips() {
  const found = state.weekday.map((value) => ["weekday", value, capital(value)]);
  return found.map(([name, value, text]) =>
    button([text, h("span", { "aria-hidden": "true" }, " ×")], () => change({ [name]: state[name].filter((one) => one !== value) }),
      { class: "chip", "aria-label": `Remove the filter ${text}` }));
}

export function renderFilters(form, options) {
  const open = form.querySelector("details[open]")?.dataset.picker;
  const searched = form.querySelector("details[open] input[type=search]")?.value;
  const focused = document.activeElement?.closest("label.choice")?.textContent;
  const products = options.products.map((product) => [product.id, product.name]);
  const countries = options.countries.map((country) => [country.name, country.name]);
  const isFiltered = ["product", "country", "state", "visitor", "weekday"].some((name) => state[name].length);
  const main = h("div", { class: "row" },
    segmented("Sessions that start in", PERIODS, chosenPeriod(options), (period) => change({ period, from: "", to: "" })),
    range(options),
    picker("Product", products, "product", "All products"),
    picker("Country", countries, "country", "All countries"),
    picker("State", places(options, state.country), "state", "All states"),
    select("Visitors", [["", "All visitors"], ...Object.entries(VISITORS)], state.visitor[0] ?? "", (value) => change({ visitor: value ? [value] : [] })),
    select("Compare with", [["none", "Nothing"], ["previous", "Period before"], ["year_ago", "A year ago (52 weeks)"], ["other", "Another selection"]],
      state.compare, (compare) => change({ compare })),
    chips(),
    isFiltered ? button("Clear filters", () => change({ product: [], country: [], state: [], visitor: [], weekday: [] }), { class: "plain end" }) : null);
  form.replaceChildren(main, state.compare === "other" ? other(options, products, countries) : "");
  // Choosing in an open list draws it again: it stays open, with what was searched and the keyboard where it was.
  if (!open) return;
  const again = form.querySelector(`details[data-picker="${open}"]`);
  if (!again) return;
  again.fill();
  again.open = true;
  if (searched) {
    const search = again.querySelector("input[type=search]");
    search.value = searched;
    search.dispatchEvent(new Event("input"));
  }
  const box = [...again.querySelectorAll("label.choice")].find((label) => label.textContent === focused)?.querySelector("input");
  if (box) setTimeout(() => box.focus());
}

function other(options, products, countries) {
  const chosen = dates(options);
  const from = state.other_from || chosen.from;
  const to = state.other_to || chosen.to;
  const limits = { min: options.first_day, max: options.as_of };
  return h("div", { class: "row other", role: "group", "aria-label": "The other selection" },
    h("span", { class: "other-name" }, "Compared with"),
    dateField("First day", from, (value) => change({ other_from: value, other_to: value >= to ? plusDays(value, 1) : to }), limits),
    dateField("Last day", plusDays(to, -1), (value) => change({ other_to: plusDays(value, 1), other_from: value < from ? value : from }), limits),
    picker("Product", products, "other_product", "All products"),
    picker("Country", countries, "other_country", "All countries"),
    picker("State", places(options, state.other_country), "other_state", "All states"),
    select("Visitors", [["", "All visitors"], ...Object.entries(VISITORS)], state.other_visitor[0] ?? "",
      (value) => change({ other_visitor: value ? [value] : [] })));
}

export function renderAsOf(element, options) {
  const choices = options.as_ofs.map((asOf, index) => [index ? asOf : "", index ? day(asOf) : `${day(asOf)} (newest)`]);
  element.replaceChildren(select("As known on", choices, state.as_of === options.as_ofs[0] ? "" : state.as_of, (as_of) => change({ as_of }, { entry: true }),
    { title: "Show what was known on this day. For its week, the figures are those of the report of that day." }));
}

// A list closes when people go on elsewhere, or press Escape.
document.addEventListener("click", (event) => {
  document.querySelectorAll("details.picker[open]").forEach((details) => {
    if (event.target.isConnected && !details.contains(event.target)) details.open = false;
  });
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  document.querySelectorAll("details.picker[open]").forEach((details) => {
    details.open = false;
    details.querySelector("summary").focus();
  });
});
