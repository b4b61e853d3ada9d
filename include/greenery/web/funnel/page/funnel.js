// The view of the funnel: the funnel itself, over time, broken down, and the time between steps.

import { ask } from "./api.js";
import { Card, copy, notice } from "./card.js";
import { draw, saveAsPng } from "./charts.js";
import {
  COLORS, READINGS, STEPS, STEP_NAMES, NOTHING, between, button, capital, count, csv, day, download, duration, h, percent, percentBetween,
  period, points, segmented, select, signedCount, sorted, table,
} from "./dom.js";
import { bucket, change, compared, dates, permanentLink, selection, startOf, state } from "./state.js";

const BY = [["product", "Product"], ["country", "Country"], ["state", "State"], ["visitor", "New or returning"], ["weekday", "Weekday"]];
const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const STEP_CHOICES = STEPS.map((step) => [step, STEP_NAMES[step]]);
const ENOUGH = 30;
const label = (by, group) => (by === "visitor" || by === "weekday" ? capital(group.name) : group.name);

/** The view. It loads each card anew when what it shows has changed. */
export class FunnelView {
  constructor(options) {
    this.options = options;
    this.png = (name, canvas) => [`PNG`, () => saveAsPng(canvas, this.file(name, "png"))];
    this.link = ["Copy link", (event) => copy(permanentLink(this.options), event.target)];
    this.charts = Object.fromEntries(["funnel", "time"].map((name) => [name, h("div", { class: "chart" })]));
    this.cards = {
      funnel: new Card("Funnel", { wide: true, actions: [["CSV", () => this.saveFunnel()], this.png("funnel", this.charts.funnel), this.link] }),
      time: new Card("Over time", { wide: true, actions: [["CSV", () => this.saveTime()], this.png("over-time", this.charts.time), this.link] }),
      breakdown: new Card("Break down", { wide: true, actions: [["CSV", () => this.saveBreakdown()], this.link] }),
      pace: new Card("Time between steps", { wide: true, actions: [["CSV", () => this.savePace()], this.link] }),
    };
    this.element = h("div", { class: "cards" }, Object.values(this.cards).map((card) => card.element));
  }

  file(name, ending) {
    const { from, to } = dates(this.options);
    return `greenery-${name}-${from}-to-${to}-as-of-${this.options.as_of}.${ending}`;
  }

  update(changed) {
    const only = (...names) => changed.every((name) => names.includes(name));
    if (only("sessions", "session", "order", "q", "change", "week")) return;
    if (only("sort") && this.shownBreakdown) return this.showBreakdown(this.shownBreakdown);
    if (only("steps") && this.shownTime) return this.showTime(this.shownTime);
    const { options } = this;
    if (!only("bucket", "by", "step", "sort")) {
      this.cards.funnel.load(() => ask("funnel", "funnel", compared(options)), (answer) => this.showFunnel(answer));
    }
    if (!only("by", "step", "sort", "compare")) {
      const by = bucket(options);
      this.cards.time.load(() => ask("time", "over-time", selection(options, { by })), (answer) => this.showTime(answer));
      this.cards.pace.load(() => ask("pace", "times", selection(options, { by })), (answer) => this.showPace(answer));
    }
    if (!only("bucket", "compare")) {
      this.cards.breakdown.load(() => ask("breakdown", "breakdown", selection(options, { by: state.by, step: state.step })),
        (answer) => this.showBreakdown(answer));
    }
  }

  drill(drill) {
    change({ sessions: drill }, { entry: true });
  }

  async showFunnel(answer) {
    this.shownFunnel = answer;
    const { comparison } = answer;
    const card = this.cards.funnel;
    card.lead.textContent = `${count(answer.funnel.sessions)} sessions that start ${period(answer.period)}`
      + (comparison ? `, compared with ${count(comparison.funnel.sessions)} sessions, ${period(comparison.period)}`
        : state.compare === "previous" ? ". Before them there are none, so there is no comparison." : "");
    if (!answer.funnel.sessions) {
      card.body.replaceChildren(h("p", { class: "empty" }, "No session is in this selection. Choose a longer period, or clear a filter."));
      return false;
    }
    const bars = STEPS.map((step) => {
      const rate = answer.rates[step];
      const provisional = answer.provisional.includes(step);
      const most = answer.largest_drop_off?.to === step;
      const lost = step === "page_view" && !rate.lost ? "" : rate.lost < 0
        ? `${count(-rate.lost)} more than the step before`
        : `${count(rate.lost)} lost (${rate.lost_pp === null ? NOTHING : points(rate.lost_pp).replace("+", "")})${most ? ", the largest drop-off" : ""}`;
      return {
        step, name: STEP_NAMES[step], share: rate.conversion, reached: answer.funnel[step], provisional,
        figures: `${count(answer.funnel[step])} · ${percent(rate.conversion)}`,
        text: lost + (provisional ? `${lost ? ", " : ""}will still rise` : ""),
        other: comparison ? comparison.rates[step].conversion : null,
      };
    });
    const side = h("div", { class: "side" }, this.headline(answer), this.funnelTable(answer), this.remarks(answer));
    card.body.replaceChildren(h("div", { class: "split" }, this.charts.funnel, side));
    await draw(this.charts.funnel, "funnel", { bars }, {
      onclick: (bar) => bar.step && this.drill(`reached:${bar.step}`),
      label: `Funnel: ${bars.map((bar) => `${bar.name} ${bar.figures}`).join(", ")}. The table beside it has all figures.`,
    });
  }

  headline(answer) {
    const difference = answer.comparison?.differences.checkout;
    const drop = answer.largest_drop_off;
    const change = difference && difference.conversion_pp !== null
      ? [": ", h("strong", {}, points(difference.conversion_pp)), ` against the comparison, ${READINGS[difference.reading] ?? difference.reading}`]
      : [];
    return h("div", { class: "headline" },
      h("p", {}, h("strong", { class: "big" }, percent(answer.rates.checkout.conversion)), " of the sessions checked out", change, "."),
      drop ? h("p", {}, "Most sessions are lost from ", h("strong", {}, `${STEP_NAMES[drop.from]} to ${STEP_NAMES[drop.to]}`),
        `: ${count(drop.lost)} (${points(drop.lost_pp).replace("+", "")}).`) : null);
  }

  funnelTable(answer) {
    const { comparison } = answer;
    const columns = [
      { name: "Step", node: (step) => [h("i", { class: `key ${step}` }), STEP_NAMES[step], answer.provisional.includes(step) ? h("span", { class: "under" }, "provisional") : null] },
      { name: "Sessions", number: true, node: (step) => button(count(answer.funnel[step]), () => this.drill(`reached:${step}`), { class: "cell", title: "Show these sessions" }) },
      { name: "% of sessions", number: true, node: (step) => [percent(answer.rates[step].conversion), h("span", { class: "under" }, percentBetween(answer.intervals[step]))] },
      { name: "From step before", number: true, text: (step) => percent(answer.rates[step].step_conversion) },
      { name: "Lost", number: true, node: (step) => (step === "page_view" ? NOTHING : button(count(answer.rates[step].lost), () => this.drill(`lost:${step}`), { class: "cell", title: "Show the sessions that reached the step before and not this one" })) },
    ];
    if (comparison) {
      columns.push(
        { name: "Compared", number: true, node: (step) => [count(comparison.funnel[step]), h("span", { class: "under" }, percent(comparison.rates[step].conversion))] },
        { name: "Difference", number: true, node: (step) => this.difference(comparison.differences[step]) });
    }
    return table("Funnel by step", columns, STEPS);
  }

  difference(one) {
    const sure = one.reading === "more_than_noise";
    return [h("span", { class: sure ? (one.conversion_pp > 0 ? "up" : "down") : "" }, points(one.conversion_pp)),
      h("span", { class: "under" }, between(one.interval_pp)),
      h("span", { class: "under" }, READINGS[one.reading] ?? one.reading),
      one.at_equal_age ? h("span", { class: "under" }, "at equal age") : null];
  }

  remarks(answer) {
    const found = [];
    if (answer.provisional.length) {
      found.push(`Shipping is not finished: its figure will still rise. By the end of their own week ${count(answer.shipped_at_equal_age)} sessions had shipped (${percent(answer.shipped_at_equal_age / answer.funnel.sessions)}).`);
    }
    if (answer.comparison?.shared_sessions) {
      found.push(`${count(answer.comparison.shared_sessions)} sessions are in both selections, so the intervals of the differences are approximate.`);
    }
    const { comparison } = answer;
    if (comparison && this.options.first_day && comparison.period.from < this.options.first_day) {
      found.push(`The first session is of ${day(this.options.first_day)}: the comparison has no earlier ones.`);
    }
    const all = found.map((text) => h("p", { class: "quiet small" }, text));
    if (!answer.since) return all;
    const moved = ["sessions", ...STEPS].filter((name) => answer.since.funnel[name] !== answer.funnel[name]);
    const text = moved.length
      ? `What changed since, as known on ${day(answer.since.as_of)}: ${moved.map((name) => `${STEP_NAMES[name] ?? "sessions"} ${signedCount(answer.since.funnel[name] - answer.funnel[name])}`).join(", ")}.`
      : `Nothing changed since: on ${day(answer.since.as_of)} the same sessions are known.`;
    return [...all, notice("since", h("p", {}, text))];
  }

  async showTime(answer) {
    this.shownTime = answer;
    const card = this.cards.time;
    const steps = state.steps ? state.steps.split(" ") : ["add_to_cart", "checkout", "package_shipped"];
    card.controls.replaceChildren(
      segmented("By", [["day", "Day"], ["week", "Week"], ["month", "Month"]], answer.by, (value) => change({ bucket: value })),
      h("fieldset", { class: "field" }, h("legend", {}, "Steps"), h("div", { class: "checks" }, STEPS.map((step) => h("label", { class: "check" },
        h("input", { type: "checkbox", checked: steps.includes(step), onchange: (event) => {
          const now = STEPS.filter((one) => (one === step ? event.target.checked : steps.includes(one)));
          change({ steps: now.join(" ") });
        } }), STEP_NAMES[step])))));
    card.lead.textContent = answer.points.some((point) => point.provisional.length)
      ? "Band: 95 % interval. Hollow marks: shipping is not finished, the figure will still rise." : "Band: 95 % interval.";
    if (!answer.points.length) {
      card.body.replaceChildren(h("p", { class: "empty" }, "No session is in this selection."));
      return false;
    }
    const rows = answer.points.flatMap((point) => steps.map((step) => ({
      day: startOf(answer.by, point.period.from, this.options), from: point.period.from, to: point.period.to, period: period(point.period), step, name: STEP_NAMES[step], share: point.conversion[step],
      low: point.intervals[step]?.[0], high: point.intervals[step]?.[1], range: percentBetween(point.intervals[step]),
      reached: point.funnel[step], sessions: point.funnel.sessions, provisional: point.provisional.includes(step),
      state: point.provisional.includes(step) ? "will still rise" : "",
    })));
    const { from, to } = dates(this.options);
    const notes = this.options.notes.filter((note) => note.day >= from && note.day < to)
      .map((note) => ({ day: note.day, date: day(note.day), text: note.text }));
    const columns = [
      { name: "Period", text: (point) => period(point.period) },
      { name: "Sessions", number: true, text: (point) => count(point.funnel.sessions) },
      ...steps.map((step) => ({ name: STEP_NAMES[step], number: true, node: (point) => [
        percent(point.conversion[step]) + (point.provisional.includes(step) ? " *" : ""), h("span", { class: "under" }, count(point.funnel[step]))] })),
    ];
    card.body.replaceChildren(h("div", { class: "split time" }, this.charts.time,
      h("div", { class: "side tall" }, table("Conversion over time", columns, [...answer.points].reverse()))),
      notes.length ? h("p", { class: "quiet small" }, "Marks: ", notes.map((note) => `${note.date}: ${note.text}`).join("; ")) : "");
    await draw(this.charts.time, "over_time", { points: rows, notes }, {
      parameters: { steps },
      onclick: (point) => point.to && change({ period: "free", from: point.from, to: point.to, sessions: `reached:${point.step}` }, { entry: true }),
      label: `Conversion by ${answer.by}, from ${period(answer.points[0].period)} on. The table beside it has all figures.`,
    });
  }

  showBreakdown(answer) {
    this.shownBreakdown = answer;
    const card = this.cards.breakdown;
    const { by, step } = answer;
    card.controls.replaceChildren(
      select("By", BY, state.by, (value) => change({ by: value, sort: "" })),
      select("Conversion to", STEP_CHOICES, state.step, (value) => change({ step: value })));
    card.lead.textContent = `${by === "product" ? "A session counts for each product that it met, with the steps that it reached with it. " : ""}`
      + `Each value is compared with all others together${answer.at_equal_age ? ", at equal age" : ""}. The tests are corrected for their number.`;
    const widest = Math.max(...answer.groups.map((group) => group.interval?.[1] ?? 0), 0.0001);
    const columns = [
      { name: BY.find(([name]) => name === by)[1], sort: (group) => (by === "weekday" ? WEEKDAYS.indexOf(group.value) : group.name.toLowerCase()),
        node: (group) => button(label(by, group), () => this.filterBy(by, group.value), { class: "cell left", title: "Show only these sessions" }) },
      { name: "Sessions", number: true, sort: (group) => group.funnel.sessions, node: (group) =>
        button(count(group.funnel.sessions), () => this.drillGroup(by, group.value, "all"), { class: "cell", title: "List these sessions" }) },
      { name: STEP_NAMES[step], number: true, sort: (group) => group.funnel[step], node: (group) =>
        button(count(group.funnel[step]), () => this.drillGroup(by, group.value, `reached:${step}`), { class: "cell", title: "List these sessions" }) },
      { name: "Conversion", class: "bar-cell", sort: (group) => group.conversion[step], node: (group) => bar(group, step, widest) },
      { name: "95 % interval", number: true, text: (group) => percentBetween(group.interval) },
      { name: "Against the rest", number: true, sort: (group) => group.difference_pp, node: (group) =>
        h("span", { class: group.reading === "more_than_noise" ? (group.difference_pp > 0 ? "up" : "down") : "" }, points(group.difference_pp)) },
      { name: "Its interval", number: true, text: (group) => between(group.difference_interval_pp) },
      { name: "Verdict", class: "nowrap", sort: (group) => group.p_adjusted ?? 2, text: (group) => READINGS[group.reading] ?? group.reading },
    ];
    const [index, direction] = state.sort ? state.sort.split(":") : ["1", "down"];
    const order = { column: Number(index), descending: direction === "down" };
    card.body.classList.add("tall", "high");
    card.body.replaceChildren(table(`Funnel by ${by}`, columns, sorted(answer.groups, columns, order), {
      order, onsort: (next) => change({ sort: `${next.column}:${next.descending ? "down" : "up"}` }),
      empty: "No session is in this selection.", rowClass: (group) => (group.funnel.sessions < ENOUGH ? "few" : null),
    }));
  }

  filterBy(by, value) {
    change({ [by]: [value] }, { entry: true });
    document.getElementById("main").focus();
  }

  drillGroup(by, value, drill) {
    change({ [by]: [value], sessions: drill }, { entry: true });
  }

  async showPace(answer) {
    this.shownPace = answer;
    const card = this.cards.pace;
    card.lead.textContent = "Sessions that reached both steps in this order. The median, the middle half, and how the times are distributed.";
    const drawings = [];
    const parts = answer.steps.map((one) => {
      const bins = h("div", { class: "chart" });
      const line = h("div", { class: "chart" });
      if (one.sessions) drawings.push(() => this.drawPace(answer, one, bins, line));
      return h("div", { class: "pace" },
        h("h3", {}, h("i", { class: `key ${one.to}` }), `${STEP_NAMES[one.from]} to ${STEP_NAMES[one.to]}`),
        h("p", {}, h("strong", { class: "big" }, duration(one.median)), one.provisional ? h("span", { class: "tag" }, "will still rise") : null,
          h("span", { class: "under" }, one.sessions ? `Half of ${count(one.sessions)} sessions took between ${duration(one.percentile_25)} and ${duration(one.percentile_75)}; one in ten longer than ${duration(one.percentile_90)}.` : "No session reached both.")),
        one.sessions ? [bins, h("p", { class: "under" }, `Median by ${answer.by}`), line] : null);
    });
    const columns = [
      { name: "Period", text: (row) => period(row.period) },
      { name: "From, to", text: (row) => `${STEP_NAMES[STEPS[STEPS.indexOf(row.step) - 1]]} to ${STEP_NAMES[row.step]}` },
      { name: "Sessions", number: true, text: (row) => count(row.sessions) },
      { name: "Median", number: true, text: (row) => duration(row.median) },
      { name: "Middle half", number: true, text: (row) => `${duration(row.percentile_25)} – ${duration(row.percentile_75)}` },
    ];
    card.body.replaceChildren(h("div", { class: "paces" }, parts),
      h("details", {}, h("summary", {}, "All figures as a table"), h("div", { class: "tall" }, table("Time between steps over time", columns, [...answer.points].reverse()))));
    for (const drawing of drawings) await drawing();
  }

  async drawPace(answer, one, bins, line) {
    const shown = one.distribution.map((bin, index) => ({
      label: binLabel(one.distribution[index - 1]?.under_seconds, bin.under_seconds), sessions: bin.sessions, share: bin.sessions / one.sessions,
    }));
    const first = shown.findIndex((bin) => bin.sessions);
    const last = shown.findLastIndex((bin) => bin.sessions);
    const parameters = { datum_color: COLORS[one.to] };
    await draw(bins, "distribution", { bins: shown.slice(first, last + 1) }, { parameters,
      label: `How long sessions took from ${STEP_NAMES[one.from]} to ${STEP_NAMES[one.to]}: ${shown.slice(first, last + 1).map((bin) => `${bin.label}: ${bin.sessions}`).join(", ")}.` });
    const [unit, size] = one.median < 120 ? ["s", 1] : one.median < 7200 ? ["min", 60] : one.median < 172800 ? ["h", 3600] : ["days", 86400];
    const rows = answer.points.filter((row) => row.step === one.to).map((row) => ({
      day: startOf(answer.by, row.period.from, this.options), period: period(row.period), median: row.median / size, low: row.percentile_25 / size, high: row.percentile_75 / size,
      text: duration(row.median), range: `${duration(row.percentile_25)} – ${duration(row.percentile_75)}`, sessions: row.sessions,
    }));
    await draw(line, "pace", { points: rows }, { parameters, label: `Median in ${unit} by ${answer.by}. The table below has all figures.` });
    line.previousSibling.textContent = `Median in ${unit} by ${answer.by}, with the middle half`;
  }

  saveFunnel() {
    const answer = this.shownFunnel;
    const { comparison } = answer;
    const columns = {
      step: (step) => step, sessions: (step) => answer.funnel[step], of_sessions: (step) => answer.rates[step].conversion,
      low: (step) => answer.intervals[step]?.[0], high: (step) => answer.intervals[step]?.[1],
      from_step_before: (step) => answer.rates[step].step_conversion, lost: (step) => answer.rates[step].lost,
      provisional: (step) => answer.provisional.includes(step),
    };
    if (comparison) {
      Object.assign(columns, {
        compared_sessions: (step) => comparison.funnel[step], compared_of_sessions: (step) => comparison.rates[step].conversion,
        difference_pp: (step) => comparison.differences[step].conversion_pp, reading: (step) => comparison.differences[step].reading,
      });
    }
    download(this.file("funnel", "csv"), csv(columns, STEPS));
  }

  saveTime() {
    const rows = this.shownTime.points.flatMap((point) => STEPS.map((step) => ({ point, step })));
    download(this.file("over-time", "csv"), csv({
      from: ({ point }) => point.period.from, to: ({ point }) => point.period.to, step: ({ step }) => step,
      sessions: ({ point }) => point.funnel.sessions, reached: ({ point, step }) => point.funnel[step],
      conversion: ({ point, step }) => point.conversion[step], low: ({ point, step }) => point.intervals[step]?.[0],
      high: ({ point, step }) => point.intervals[step]?.[1], provisional: ({ point, step }) => point.provisional.includes(step),
    }, rows));
  }

  saveBreakdown() {
    const { by, step, groups } = this.shownBreakdown;
    download(this.file(`by-${by}`, "csv"), csv({
      [by]: (group) => group.value, name: (group) => group.name, sessions: (group) => group.funnel.sessions,
      ...Object.fromEntries(STEPS.map((one) => [one, (group) => group.funnel[one]])),
      [`${step}_conversion`]: (group) => group.conversion[step], low: (group) => group.interval?.[0], high: (group) => group.interval?.[1],
      difference_pp: (group) => group.difference_pp, p_adjusted: (group) => group.p_adjusted, reading: (group) => group.reading,
    }, groups));
  }

  savePace() {
    download(this.file("time-between-steps", "csv"), csv({
      from: (row) => row.period.from, to: (row) => row.period.to, step: (row) => row.step, sessions: (row) => row.sessions,
      percentile_25_seconds: (row) => row.percentile_25, median_seconds: (row) => row.median, percentile_75_seconds: (row) => row.percentile_75,
    }, this.shownPace.points));
  }
}

function bar(group, step, widest) {
  const fill = h("i", { class: `fill ${step}` });
  fill.style.width = `${((group.conversion[step] ?? 0) / widest) * 100}%`;
  const range = h("i", { class: "range" });
  if (group.interval) {
    range.style.left = `${(group.interval[0] / widest) * 100}%`;
    range.style.width = `${((group.interval[1] - group.interval[0]) / widest) * 100}%`;
  }
  return h("span", { class: "bar" }, h("span", { class: "bar-figure" }, percent(group.conversion[step])), h("span", { class: "bar-track", "aria-hidden": "true" }, fill, range));
}

function binLabel(from, to) {
  const name = (seconds) => (seconds < 3600 ? `${seconds / 60} min` : seconds < 86400 ? `${seconds / 3600} h` : `${seconds / 86400} d`);
  if (!from) return `< ${name(to)}`;
  return to === null ? `> ${name(from)}` : `< ${name(to)}`;
}
