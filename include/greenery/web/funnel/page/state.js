// The state of the page, which its URL holds whole: the same URL shows the same view.

import { plusDays } from "./dom.js";

const LISTS = ["product", "country", "state", "visitor", "weekday"];
const OTHER_LISTS = LISTS.map((name) => `other_${name}`);
const DEFAULTS = {
  view: "funnel", period: "", from: "", to: "", as_of: "", compare: "previous", other_from: "", other_to: "",
  bucket: "", by: "product", step: "checkout", steps: "", sessions: "", session: "", order: "", week: "", change: "", q: "", sort: "",
};
export const PERIODS = [["1w", "Last week"], ["4w", "4 weeks"], ["12w", "12 weeks"], ["52w", "52 weeks"], ["all", "All"]];

export let state = read(new URLSearchParams(location.search));
const watchers = [];

function read(parameters) {
  const found = {};
  for (const [name, value] of Object.entries(DEFAULTS)) found[name] = parameters.get(name) ?? value;
  for (const name of [...LISTS, ...OTHER_LISTS]) found[name] = parameters.getAll(name);
  if ((found.from || found.to) && !parameters.has("period")) found.period = "free";
  return found;
}

function write(from) {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(DEFAULTS)) if (from[name] !== value) parameters.set(name, from[name]);
  for (const name of [...LISTS, ...OTHER_LISTS]) from[name].forEach((value) => parameters.append(name, value));
  return parameters.toString();
}

export function watch(watcher) {
  watchers.push(watcher);
}

/** Change the state. A step that people would go back from gets an entry in the history. */
export function change(changes, { entry = false } = {}) {
  state = { ...state, ...changes };
  const query = write(state);
  const url = location.pathname + (query ? `?${query}` : "");
  if (entry) history.pushState(null, "", url);
  else history.replaceState(null, "", url);
  showInAirflow(query);
  watchers.forEach((watcher) => watcher(Object.keys(changes)));
}

window.addEventListener("popstate", () => {
  state = read(new URLSearchParams(location.search));
  showInAirflow(location.search.slice(1));
  watchers.forEach((watcher) => watcher(Object.keys(state)));
});

// In Airflow's page, its address names this view too, so that a reload or a copied address comes back to it.
function showInAirflow(query) {
  if (parent === window) return;
  const [start, rest] = parent.location.pathname.split("/plugin/greenery_funnel");
  if (rest === undefined) return;
  parent.history.replaceState(parent.history.state, "", `${start}/plugin/greenery_funnel${location.pathname}${query ? `?${query}` : ""}`);
}

/** Return the period that is chosen. At first it is 12 weeks; if they have no session, it is all. */
export function chosenPeriod(options) {
  return state.period || (options.last_day >= plusDays(options.as_of, -84) ? "12w" : "all");
}

/** Return the same as days. */
export function dates(options) {
  const period = chosenPeriod(options);
  if (period === "free") return { from: state.from || options.first_day || options.as_of, to: state.to || options.as_of };
  if (period === "all") return { from: options.first_day || options.as_of, to: options.as_of };
  return { from: plusDays(options.as_of, -7 * Number.parseInt(period, 10)), to: options.as_of };
}

/** Return the parameters of the API for what is selected. */
export function selection(options, more = {}) {
  const parameters = new URLSearchParams({ as_of: options.as_of, ...dates(options), ...more });
  for (const name of LISTS) state[name].forEach((value) => parameters.append(name, value));
  return parameters;
}

/** The same, with what it is compared with. */
export function compared(options) {
  // Nothing is before all.
  const compare = state.compare === "previous" && chosenPeriod(options) === "all" ? "none" : state.compare;
  const parameters = selection(options, { compare });
  if (state.compare !== "other") return parameters;
  for (const name of ["other_from", "other_to"]) if (state[name]) parameters.set(name, state[name]);
  for (const name of OTHER_LISTS) state[name].forEach((value) => parameters.append(name, value));
  return parameters;
}

/** Return the length of the periods over time: chosen, or fitting the days that have sessions. */
export function bucket(options) {
  const { from, to } = dates(options);
  const first = from > options.first_day ? from : options.first_day;
  const last = to < options.last_day ? to : options.last_day;
  const length = (Date.parse(last) - Date.parse(first)) / 86400000;
  return state.bucket || (length <= 35 ? "day" : length <= 800 ? "week" : "month");
}

/** Return the day on which the whole period starts that a day is in; weeks are those that end on an as_of. */
export function startOf(by, day, options) {
  if (by === "month") return `${day.slice(0, 7)}-01`;
  if (by === "day") return day;
  const weeks = Math.ceil((Date.parse(options.as_of) - Date.parse(day)) / 604800000);
  return plusDays(options.as_of, -7 * weeks);
}

/** Return the address of this view that will always show the same figures. */
export function permanentLink(options) {
  const fixed = { ...state, as_of: options.as_of, period: "free", ...dates(options) };
  return `${location.origin}${location.pathname}?${write(fixed)}`;
}
