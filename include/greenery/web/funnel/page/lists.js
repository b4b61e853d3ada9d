// Single sessions and orders: the list behind a bar, a session, an order, the changes of a week, and the state of the data.

import { SignedOut, ask, isAborted } from "./api.js";
import { Card, copy, notice, signedOut } from "./card.js";
import { NOTHING, STEPS, STEP_NAMES, button, capital, count, csv, day, download, h, moment, select, table } from "./dom.js";
import { change, permanentLink, selection, state } from "./state.js";

// In the order of the report.
const CHANGES = { status_changed: "Status changed", removed: "Removed", returned: "Returned", details_changed: "Details changed", new: "New" };
const VERSION_COLUMNS = ["status", "order_total", "order_cost", "shipping_cost", "promo_id", "shipping_service", "tracking_id", "estimated_delivery_at", "delivered_at", "address_id", "user_id"];

const money = (amount) => (amount === null ? NOTHING : Number(amount).toLocaleString("en-US", { minimumFractionDigits: 2 }));
/** Sort changed orders as the report does: by kind of change, and the rarest change of a status first. */
const sorted = ({ orders, status_transitions: moves }) => {
  const kinds = Object.keys(CHANGES);
  const move = (order) => moves.findIndex((one) => one.from === order.status_from && one.to === order.status_to);
  const rarity = (order) => (order.change === "status_changed" ? moves[move(order)].orders : 0);
  return [...orders].sort((one, other) => kinds.indexOf(one.change) - kinds.indexOf(other.change)
    || rarity(one) - rarity(other) || move(one) - move(other));
};
const names = (options) => {
  const byId = new Map(options.products.map((product) => [product.id, product.name]));
  return (ids) => ids.map((id) => byId.get(id) ?? id);
};

/** The dialogs: the sessions behind a bar, one session, one order. The URL says which is open. */
export class Dialogs {
  constructor(element, options) {
    this.element = element;
    this.options = options;
    this.shown = "";
  }

  async update() {
    const kind = ["order", "session", "sessions"].find((name) => state[name]);
    const key = kind && `${kind} ${state[kind]} ${kind === "sessions" ? selection(this.options) : ""}`;
    if (key === this.shown) return;
    this.shown = key;
    if (!kind) {
      this.dialog?.close();
      return;
    }
    this.open(kind);
    try {
      await this[kind]();
    } catch (error) {
      if (isAborted(error)) return;
      if (error instanceof SignedOut) signedOut();
      this.body.replaceChildren(notice("critical", h("p", {}, error.message)));
    }
  }

  open(kind) {
    const titles = { sessions: "Sessions", session: "Session", order: "Order" };
    this.title = h("h2", { id: "dialog-title" }, titles[kind]);
    this.actions = h("div", { class: "actions" });
    this.body = h("div", { class: "body" }, h("p", { class: "quiet" }, "Loading"));
    const back = kind !== "sessions" && state[kind === "order" && state.session ? "session" : "sessions"]
      ? button("Back", () => change({ [kind]: "" }), { class: "plain" }) : null;
    const content = [h("div", { class: "card-head" }, back, this.title, this.actions, button("Close", () => this.close(), { class: "plain" })), this.body];
    if (!this.dialog?.open) {
      this.dialog = h("dialog", { "aria-labelledby": "dialog-title", onclose: () => this.close() }, content);
      this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.close());
      this.element.replaceChildren(this.dialog);
      this.dialog.showModal();
    } else {
      this.dialog.replaceChildren(...content);
      this.dialog.scrollTop = 0;
    }
  }

  close() {
    if (state.sessions || state.session || state.order) change({ sessions: "", session: "", order: "" });
    else this.element.replaceChildren();
  }

  async sessions() {
    const [kind, step] = state.sessions.split(":");
    const parameters = selection(this.options, kind === "all" ? {} : { [kind]: step });
    const answer = await ask("dialog", "sessions", parameters);
    const named = names(this.options);
    const what = { all: "All sessions of the selection", reached: `Sessions that reached ${STEP_NAMES[step]}`, lost: `Sessions that reached the step before ${STEP_NAMES[step]}, but not ${STEP_NAMES[step]}` }[kind];
    const columns = [
      { name: "Session", node: (row) => button(row.session_id, () => change({ session: row.session_id }), { class: "cell left id" }) },
      { name: "Start, UTC", text: (row) => moment(row.started_at), class: "nowrap" },
      ...STEPS.map((one) => ({ name: STEP_NAMES[one], node: (row) => after(row.started_at, row[`${one}_at`]), number: true })),
      { name: "Place", text: (row) => `${row.state}, ${row.country}` },
      { name: "Visitor", text: (row) => row.visitor },
      { name: "Products", text: (row) => named(row.products).join(", ") || NOTHING },
    ];
    this.title.textContent = what;
    this.actions.replaceChildren(
      button("CSV", () => download(`greenery-sessions-as-of-${answer.as_of}.csv`, csv({
        session_id: (row) => row.session_id, started_at: (row) => row.started_at, ended_at: (row) => row.ended_at,
        ...Object.fromEntries(STEPS.map((one) => [`${one}_at`, (row) => row[`${one}_at`]])),
        country: (row) => row.country, state: (row) => row.state, visitor: (row) => row.visitor, products: (row) => named(row.products).join("; "),
      }, answer.sessions)), { class: "plain" }),
      button("Copy link", (event) => copy(permanentLink(this.options), event.target), { class: "plain" }));
    this.body.replaceChildren(
      h("p", { class: "quiet" }, answer.total > answer.sessions.length
        ? `The newest ${count(answer.sessions.length)} of ${count(answer.total)} sessions.` : `${count(answer.total)} sessions, the newest first.`,
      " Times after the start.", kind === "lost" ? " Steps need not be reached in order, so these can be more than the drop-off says." : ""),
      table(what, columns, answer.sessions, { empty: "No session." }));
  }

  async session() {
    const answer = await ask("dialog", `sessions/${encodeURIComponent(state.session)}`, new URLSearchParams({ as_of: this.options.as_of }));
    const named = names(this.options);
    const columns = [
      { name: "Time, UTC", text: (row) => moment(row.first_at), class: "nowrap" },
      { name: "Event", text: (row) => (STEP_NAMES[row.event_type] ?? row.event_type ?? NOTHING) + (row.events > 1 ? ` (${row.events} times)` : "") },
      { name: "Product", text: (row) => (row.product_id ? named([row.product_id])[0] : NOTHING) },
      { name: "Order", node: (row) => (row.order_id ? button(row.order_id, () => change({ order: row.order_id }), { class: "cell left id" }) : NOTHING) },
      { name: "Known since", text: (row) => day(row.known_as_of) },
    ];
    this.title.textContent = `Session ${answer.session_id}`;
    this.body.replaceChildren(table("What the session did", columns, answer.happenings));
    this.body.append(...answer.orders.flatMap((order) => this.orderPart(order)));
  }

  async order() {
    const answer = await ask("dialog", `orders/${encodeURIComponent(state.order)}`, new URLSearchParams({ as_of: this.options.as_of }));
    this.title.textContent = `Order ${answer.order.order_id}`;
    this.actions.replaceChildren(button("CSV", () => download(`greenery-order-${answer.order.order_id}.csv`, csv(
      Object.fromEntries(["valid_from", "valid_to", "created_at", ...VERSION_COLUMNS].map((name) => [name, (row) => row[name]])), answer.order.versions)), { class: "plain" }));
    this.body.replaceChildren(...this.orderPart(answer.order, true));
  }

  orderPart(order, alone = false) {
    const named = names(this.options);
    const columns = [
      { name: "From", text: (row) => day(row.valid_from), class: "nowrap" },
      { name: "To", text: (row) => (row.valid_to ? day(row.valid_to) : "now"), class: "nowrap" },
      ...VERSION_COLUMNS.map((name) => ({
        name: capital(name.replaceAll("_", " ")), number: name.includes("cost") || name.includes("total"), class: name.endsWith("_id") ? "id" : name.endsWith("_at") ? "moment" : "",
        node: (row) => {
          const before = order.versions[order.versions.indexOf(row) - 1];
          const text = row[name] === null ? NOTHING : name.endsWith("_at") ? moment(row[name]) : /cost|total/.test(name) ? money(row[name]) : row[name];
          return before && before[name] !== row[name] ? h("mark", {}, text) : text;
        },
      })),
    ];
    const items = order.items.map((item) => `${item.quantity ?? "?"} × ${named([item.product_id])[0]}`).join(", ");
    return [
      alone ? null : h("h3", {}, "Order ", button(order.order_id, () => change({ order: order.order_id }), { class: "cell left id" })),
      h("p", { class: "quiet" }, items || "No items are known."),
      h("div", { class: "versions" }, table(`Versions of order ${order.order_id}`, columns, order.versions, { empty: "No extract shows this order." })),
    ].filter(Boolean);
  }
}

function after(start, at) {
  if (!at) return h("span", { class: "quiet" }, NOTHING);
  const seconds = (Date.parse(at) - Date.parse(start)) / 1000;
  const text = seconds < 60 ? `${Math.round(seconds)} s` : seconds < 3600 ? `${Math.round(seconds / 60)} min` : seconds < 172800 ? `${(seconds / 3600).toFixed(1)} h` : `${(seconds / 86400).toFixed(1)} d`;
  return h("span", { title: moment(at) }, text);
}

/** The view of the orders that changed in a week. */
export class OrdersView {
  constructor(options) {
    this.options = options;
    this.card = new Card("Orders that changed", { wide: true, actions: [
      ["CSV", () => this.save()], ["Copy link", (event) => copy(permanentLink(this.options), event.target)]] });
    this.element = h("div", { class: "cards" }, this.card.element);
  }

  update(changed) {
    const only = (...names) => changed.every((name) => names.includes(name));
    if (only("order", "session", "sessions")) return;
    if (only("q", "change") && this.shown) {
      this.showTable();
      return;
    }
    const week = state.week || this.options.as_of;
    this.card.load(() => ask("orders", "order-changes", new URLSearchParams({ as_of: week })), (answer) => this.show(answer));
  }

  show(answer) {
    this.shown = { ...answer, orders: sorted(answer) };
    const { card, options } = this;
    const weeks = options.as_ofs.filter((asOf) => asOf <= options.as_of).map((asOf) => [asOf, `to ${day(asOf)}`]);
    card.controls.replaceChildren(select("Week", weeks, answer.as_of, (week) => change({ week }, { entry: true })));
    card.lead.textContent = answer.previous_as_of
      ? `What differs between the extract of ${day(answer.previous_as_of)} and that of ${day(answer.as_of)}.`
      : "This is the first extract. It shows orders, but no changes.";
    const tiles = Object.entries(CHANGES).map(([name, text]) => h("li", {}, button([h("b", {}, count(answer.changes[name] ?? 0)), text],
      () => change({ change: state.change === name ? "" : name }), { "data-change": name })));
    this.tableBody = h("div", { class: "tall high" });
    const search = h("input", { type: "search", value: state.q, placeholder: "Order, product, status", oninput: (event) => change({ q: event.target.value }) });
    card.body.replaceChildren(h("ul", { class: "tiles" }, tiles), this.matrix(answer),
      h("div", { class: "controls" }, h("label", { class: "field" }, h("span", {}, "Search"), search)), this.tableBody);
    this.showTable();
  }

  matrix(answer) {
    const moves = answer.status_transitions;
    if (!moves.length) return h("p", { class: "quiet" }, "No order changed its status.");
    const known = ["preparing", "shipped", "delivered"];
    const of = (name) => [...new Set([...known, ...moves.map((move) => move[name])])].filter((status) => moves.some((move) => move.from === status || move.to === status));
    const statuses = of("from").concat(of("to")).filter((status, index, all) => all.indexOf(status) === index);
    const most = Math.max(...moves.map((move) => move.orders));
    const columns = [{ name: "From", text: (from) => from ?? "empty" }, ...statuses.map((to) => ({
      name: `To ${to ?? "empty"}`, number: true, node: (from) => {
        const found = moves.find((move) => move.from === from && move.to === to);
        if (!found) return h("span", { class: "quiet" }, NOTHING);
        const cell = h("span", { class: "heat" }, count(found.orders));
        cell.style.setProperty("--heat", `${Math.round((found.orders / most) * 60)}%`);
        return cell;
      },
    }))];
    return h("div", { class: "narrow" }, h("h3", {}, "Status changes"), table("Status changes, from and to", columns, statuses));
  }

  found() {
    const named = names(this.options);
    const wanted = state.q.trim().toLowerCase();
    return this.shown.orders.filter((order) => (!state.change || order.change === state.change) && (!wanted
      || [order.order_id, order.status_from, order.status_to, order.changed_columns, ...named(order.products)].some((text) => text?.toLowerCase().includes(wanted))));
  }

  showTable() {
    const named = names(this.options);
    this.card.body.querySelectorAll("[data-change]").forEach((tile) => tile.setAttribute("aria-pressed", String(tile.dataset.change === state.change)));
    const found = this.found();
    const columns = [
      { name: "Order", node: (row) => button(row.order_id, () => change({ order: row.order_id }, { entry: true }), { class: "cell left id", title: "Show all versions" }) },
      { name: "Change", text: (row) => CHANGES[row.change] ?? row.change, class: "nowrap" },
      { name: "Status", text: (row) => (row.status_from === row.status_to ? row.status_to ?? NOTHING : `${row.status_from ?? NOTHING} → ${row.status_to ?? NOTHING}`), class: "nowrap" },
      { name: "Other columns", text: (row) => (row.changed_columns ?? "").split(", ").filter((name) => name && name !== "status").join(", ") || NOTHING },
      { name: "Total", number: true, text: (row) => money(row.order_total) },
      { name: "Created, UTC", text: (row) => moment(row.created_at), class: "nowrap" },
      { name: "Products", text: (row) => named(row.products).join(", ") || NOTHING },
    ];
    this.tableBody.replaceChildren(
      h("p", { class: "quiet", role: "status" }, `${count(found.length)} of ${count(this.shown.orders.length)} changed orders.`),
      table("List of changed orders", columns, found, { empty: "No order fits." }));
  }

  save() {
    const named = names(this.options);
    download(`greenery-order-changes-${this.shown.as_of}.csv`, csv({
      order_id: (row) => row.order_id, change: (row) => row.change, status_from: (row) => row.status_from, status_to: (row) => row.status_to,
      changed_columns: (row) => row.changed_columns, order_total: (row) => row.order_total, created_at: (row) => row.created_at,
      products: (row) => named(row.products).join("; "),
    }, this.found()));
  }
}

/** The view of the state of the data. */
export class StatusView {
  constructor() {
    this.card = new Card("Data status", { wide: true });
    this.element = h("div", { class: "cards" }, this.card.element);
  }

  update(changed) {
    if (changed.includes("view") || !this.loaded) this.card.load(() => ask("status", "status"), (answer) => this.show(answer));
    this.loaded = true;
  }

  show(answer) {
    const waiting = answer.weeks.filter((week) => !week.published || week.outdated);
    this.card.lead.textContent = `The newest published week ends ${day(answer.as_of)} (version ${answer.version} of the published data).`;
    const columns = [
      { name: "Week to", text: (week) => day(week.as_of), class: "nowrap" },
      { name: "State", node: (week) => [h("span", { class: `tag ${{ admitted: "good", held: "critical", missing: "warning" }[week.state] ?? ""}` }, week.published ? "published" : week.state),
        week.restated ? h("span", { class: "tag" }, "restated") : null, week.outdated ? h("span", { class: "tag warning" }, "outdated") : null] },
      { name: "Checks", node: (week) => checks(week), class: "checks-cell" },
      { name: "Why, and what next", node: (week) => [week.reason ? h("span", {}, week.reason) : null, week.next_command ? h("code", {}, week.next_command) : null].filter(Boolean) },
      { name: "More", node: (week) => [
        week.has_report ? h("a", { href: `../reports/${week.as_of}/index.html` }, "Report") : null,
        week.run ? h("a", { href: week.run, onclick: openInAirflow }, "Run") : null] },
    ];
    this.card.body.replaceChildren(
      waiting.length ? notice("warning", h("p", {}, `${count(waiting.length)} of ${count(answer.weeks.length)} weeks wait for something: see below.`)) : notice("good", h("p", {}, "All weeks are published, and no report is outdated.")),
      table("Weeks, newest first", columns, answer.weeks));
  }
}

function checks(week) {
  if (!week.verdict) return h("span", { class: "quiet" }, "not judged");
  const number = (severity) => week.failed.filter((one) => !one.accepted && one.severity === severity).length;
  const found = [[number("critical") || "none", "failed"], [week.failed.filter((one) => one.accepted).length, "accepted"],
    [number("warning"), "with a warning"], [number("info"), "for information"]];
  const title = [`${week.checks} checks`, ...found.filter(([many]) => many).map(([many, text]) => `${many} ${text}`)].join(", ");
  if (!week.failed.length) return title;
  const listed = h("ul", { class: "plain-list" }, week.failed.map((one) => h("li", {}, h("code", {}, one.check), ` (${one.severity === "info" ? "for information" : one.severity}${one.accepted ? ", accepted" : ""}): ${one.observed}`)));
  return h("details", {}, h("summary", {}, title), listed);
}

// A page in Airflow's frame may not lead Airflow elsewhere; a link in Airflow's own document may.
function openInAirflow(event) {
  if (parent === window) return;
  event.preventDefault();
  const link = parent.document.createElement("a");
  link.href = event.currentTarget.href;
  link.click();
}
