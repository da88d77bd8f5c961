// Which view is shown, of which model, and whether the server answers.

import { ask, connection } from "./api.js";
import { element, find, notice } from "./elements.js";
import * as monitor from "./monitor.js";
import * as plain from "./plain.js";
import * as playground from "./playground.js";
import * as reference from "./reference.js";
import { aligns, describe } from "./signatures.js";

const VIEWS = ["try", "models", "api"];
let shown;

/** What the server says of itself: names of models, where metrics are, all paths. */
async function api() {
  const document = await ask("/openapi.json");
  const operations = Object.entries(document.paths);
  const metrics = operations.find(([, { get }]) => get?.operationId === "metrics");
  return { document, models: document.tags.map(({ name }) => name),
    metricsPath: metrics?.[0] };
}

async function showView() {
  const view = VIEWS.find((name) => location.hash === `#${name}`) ?? VIEWS[0];
  for (const name of VIEWS) find(name).hidden = name !== view;
  for (const link of document.querySelectorAll("[data-view]")) {
    if (link.dataset.view === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === "models") await monitor.show(api);
  if (view === "api") reference.show((await api()).document);
}

async function showModel() {
  const name = find("model").value;
  shown = null;
  const signatures = await describe(name);
  if (name !== find("model").value) return;
  shown = name;
  find("playground").hidden = !aligns(signatures);
  find("plain").hidden = aligns(signatures);
  (aligns(signatures) ? playground : plain).use(name, signatures);
}

async function begin() {
  const { models } = await api();
  const before = find("model").value;
  find("model").replaceChildren(...models.map((name) => element("option", {}, name)));
  if (models.includes(before)) find("model").value = before;
  if (models.length && shown !== find("model").value) await showModel();
  if (!models.length) notice("connection", "The server has no model that can be asked.");
}

/** Runs what needs the server; whatever goes wrong is said. */
async function guarded(task) {
  try {
    await task();
  } catch (error) {
    if (find("connection").hidden) notice("connection", error.message);
  }
}

connection.addEventListener("down", () => {
  notice("connection", "The server does not answer. Trying again\u2026");
});
connection.addEventListener("up", () => {
  notice("connection");
  guarded(begin);
  guarded(showView);
});
addEventListener("hashchange", () => {
  if (location.hash === "#main") return;
  guarded(showView);
});
find("model").addEventListener("change", () => {
  notice("connection");
  guarded(showModel);
});
playground.start();
guarded(showView);
guarded(begin);
