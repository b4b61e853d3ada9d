// A card: a part of the page with a title, what can be done with it, and a body that loads by itself.

import { SignedOut, isAborted } from "./api.js";
import { button, capital, h } from "./dom.js";

export class Card {
  /** actions: [label, function] each. */
  constructor(title, { lead, actions = [], wide = false } = {}) {
    this.body = h("div", { class: "body" });
    this.controls = h("div", { class: "controls" });
    this.lead = h("p", { class: "quiet lead-in" }, lead ?? "");
    this.actions = h("div", { class: "actions" }, actions.map(([label, run]) => button(label, (event) => run(event), { class: "plain", disabled: true })));
    const id = `card-${title.toLowerCase().replaceAll(" ", "-")}`;
    this.element = h("section", { class: `card${wide ? " wide" : ""}`, "aria-labelledby": id },
      h("div", { class: "card-head" }, h("h2", { id }, title), this.controls, this.actions), this.lead, this.body);
  }

  /** Load the card: `fetch` asks, `show` draws the answer. What was shown before stays until then. `show` returns false
   * where there is nothing to export. */
  async load(fetch, show) {
    this.element.setAttribute("aria-busy", "true");
    if (!this.body.childNodes.length) this.body.replaceChildren(h("div", { class: "skeleton" }, h("i"), h("i"), h("i"), h("i")));
    try {
      const answer = await fetch();
      this.ready(await show(answer) !== false);
    } catch (error) {
      if (isAborted(error)) return;
      if (error instanceof SignedOut) {
        signedOut();
        return;
      }
      this.ready(false);
      // What is allowed stands in the lists of the filters.
      this.body.replaceChildren(h("div", { class: "notice critical", role: "alert" },
        h("p", {}, capital(error.message.replace(/ Use one of: .*/s, " Choose another, or clear the filters."))), button("Try again", () => this.load(fetch, show))));
    }
    this.element.removeAttribute("aria-busy");
  }

  /** There is something to export, or not. */
  ready(yes) {
    this.actions.querySelectorAll("button").forEach((action) => { action.disabled = !yes; });
  }
}

export function notice(kind, ...content) {
  return h("div", { class: `notice ${kind}` }, ...content);
}

/** Say that the session has ended, once, with the way back to this same view. */
export function signedOut() {
  const place = document.getElementById("notices");
  place.replaceChildren(notice("critical", h("p", {}, "Your session has ended. Sign in again, and you come back to this view."),
    button("Sign in", () => location.reload())));
}

/** Copy a text; where the browser does not let the page, show it for copying by hand. */
export async function copy(text, target) {
  const label = target.textContent;
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    target.textContent = "Copied";
    setTimeout(() => { target.textContent = label; }, 1500);
    return;
  }
  const field = h("input", { type: "text", value: text, readonly: true, "aria-label": "The link, to copy" });
  document.getElementById("notices").replaceChildren(notice("", field));
  field.select();
}
