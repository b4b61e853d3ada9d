// Draws the charts. Their specs come from the server; here they get their data.

import { ask } from "./api.js";
import { download, h } from "./dom.js";

let specs;
const views = new WeakMap();

async function spec(name) {
  specs ??= ask("charts", "charts").catch((error) => {
    specs = undefined;
    throw error;
  });
  return structuredClone((await specs)[name]);
}

function tooltip(_handler, event, _item, value) {
  const box = document.getElementById("tooltip");
  box.hidden = value === null || value === undefined || value === "";
  if (box.hidden) return;
  const rows = Object.entries(value).filter(([, text]) => text !== "" && text !== "undefined" && text !== "null");
  box.replaceChildren(h("dl", {}, rows.map(([name, text]) => [h("dt", {}, name), h("dd", {}, String(text))])));
  const { clientX, clientY } = event;
  const width = box.offsetWidth;
  box.style.left = `${Math.max(8, Math.min(clientX + 14, document.documentElement.clientWidth - width - 8))}px`;
  box.style.top = `${clientY + 14 + box.offsetHeight > window.innerHeight ? clientY - box.offsetHeight - 10 : clientY + 14}px`;
}

/** Draw a chart into an element. data: name to rows; parameters: name to value; onclick gets the row of a mark. */
export async function draw(element, name, data, { parameters = {}, onclick, label } = {}) {
  const body = await spec(name);
  // A layer without data would have no axis to stand on.
  body.layer = body.layer?.filter((layer) => !layer.data?.name || data[layer.data.name].length);
  if (!body.layer) delete body.layer;
  body.datasets = data;
  for (const parameter of body.params ?? []) if (parameter.name in parameters) parameter.value = parameters[parameter.name];
  // The element has the name; the marks inside have none, and the table beside it has their figures.
  const target = h("div", { class: "canvas", "aria-hidden": "true" });
  element.replaceChildren(target);
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", label);
  const { view } = await window.vegaEmbed(target, body, {
    ast: true, renderer: "svg", actions: false, defaultStyle: false, tooltip, mode: "vega-lite",
  });
  if (onclick) view.addEventListener("click", (_event, item) => item?.datum && onclick(item.datum));
  views.get(element)?.finalize();
  views.set(element, view);
}

/** Offer the chart that is drawn in an element as a picture, on white. */
export async function saveAsPng(element, name) {
  const chart = await views.get(element).toCanvas(2);
  const picture = h("canvas", { width: chart.width + 64, height: chart.height + 64 });
  const context = picture.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, picture.width, picture.height);
  context.drawImage(chart, 32, 32);
  picture.toBlob((blob) => download(name, blob), "image/png");
}
