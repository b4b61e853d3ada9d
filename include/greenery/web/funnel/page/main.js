// The page: asks what can be chosen, then shows the view that the URL names.

import { SignedOut, ask, isAborted } from "./api.js";
import { notice, signedOut } from "./card.js";
import { button, day, h } from "./dom.js";
import { renderAsOf, renderFilters } from "./filters.js";
import { FunnelView } from "./funnel.js";
import { Dialogs, OrdersView, StatusView } from "./lists.js";
import { change, state, watch } from "./state.js";

const VIEWS = { funnel: ["Funnel", FunnelView], orders: ["Order changes", OrdersView], status: ["Data status", StatusView] };
const main = document.getElementById("main");
const form = document.getElementById("filters");
const notices = document.getElementById("notices");
let options;
let view;
let dialogs;

form.addEventListener("submit", (event) => event.preventDefault());

function renderViews() {
  document.getElementById("views").replaceChildren(...Object.entries(VIEWS).map(([name, [title]]) =>
    button(title, () => change({ view: name }, { entry: true }), { "aria-current": state.view === name ? "page" : null })));
}

function show(changed) {
  const name = VIEWS[state.view] ? state.view : "funnel";
  renderViews();
  renderAsOf(document.getElementById("as-of"), options);
  document.getElementById("as-of").hidden = name === "status";
  form.hidden = name !== "funnel";
  if (name === "funnel") renderFilters(form, options);
  const Shown = VIEWS[name][1];
  if (!(view instanceof Shown) || view.options && view.options !== options) {
    view = new Shown(options);
    main.replaceChildren(view.element);
    changed = ["view", ...changed];
  }
  const past = options.as_of !== options.as_ofs[0];
  notices.replaceChildren(past && name !== "status" ? notice("since", h("p", {}, "You see what was known on ", h("strong", {}, day(options.as_of)), ". "),
    button("Show the newest", () => change({ as_of: "" }, { entry: true }))) : "");
  view.update(changed);
  dialogs.update();
}

async function load(changed) {
  try {
    options = await ask("options", "options", state.as_of ? new URLSearchParams({ as_of: state.as_of }) : undefined);
    dialogs = new Dialogs(document.getElementById("dialogs"), options);
    show(changed);
  } catch (error) {
    if (isAborted(error)) return;
    if (error instanceof SignedOut) {
      signedOut();
      return;
    }
    form.replaceChildren();
    renderViews();
    main.replaceChildren(h("div", { class: "notice critical", role: "alert" }, h("p", {}, error.message),
      state.as_of ? button("Show the newest", () => change({ as_of: "" })) : button("Try again", () => load(changed))));
  }
}

watch((changed) => {
  if (!options || (changed.includes("as_of") && (state.as_of || options.as_ofs[0]) !== options.as_of)) load(changed);
  else show(changed);
});
load(["view"]);
