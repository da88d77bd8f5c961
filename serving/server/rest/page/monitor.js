// Models, versions and their states; rates, latencies and batches by the metrics.

import { ask, modelPath, request } from "./api.js";
import { element, find, percent } from "./elements.js";
import { quantile, read, total } from "./prometheus.js";

const EVERY = 2_000;
/** Readings that are kept: two minutes. */
const KEPT = 60;
/** Readings between the two that latencies are taken from. */
const WINDOW = 15;
const SERVING = ":tensorflow:serving:";
const REQUESTS = `${SERVING}request_count`;
const LATENCY = `${SERVING}request_latency`;
const BATCHING = `${SERVING}batching_session:`;

let readings = [];
let timer;

/** Looks at the server again and again, as long as the view is shown. */
export async function show(api) {
  clearTimeout(timer);
  if (find("models").hidden) return;
  try {
    await look(await api());
  } finally {
    timer = setTimeout(() => show(api).catch(() => {}), EVERY);
  }
}

async function look({ models, metricsPath }) {
  const states = await Promise.all(
    models.map(async (name) => (await ask(modelPath(name))).model_version_status),
  );
  if (metricsPath) {
    const samples = read(await request(metricsPath));
    readings = [...readings.slice(1 - KEPT), { at: performance.now(), samples }];
  }
  find("server-figures").replaceChildren(...(metricsPath ? serverTiles() : [
    element("p", { class: "hint" }, "Metrics are off: start the server with --enable_metrics."),
  ]));
  find("model-cards").replaceChildren(
    ...models.map((name, place) => card(name, states[place])),
  );
}

function card(name, versions) {
  const rows = versions.map(({ version, state, status }) =>
    element("li", {},
      element("span", { class: `state ${state.toLowerCase()}` },
        state.toLowerCase().replace("_", " ")),
      ` version ${version}`,
      status.error_message
        ? element("p", { class: "notice bad" }, `${status.error_code}: ${status.error_message}`)
        : ""));
  return element("article", { class: "card model-card", "aria-label": name },
    element("div", {},
      element("h2", {}, name),
      element("ul", { class: "versions" }, ...rows)),
    ...(readings.length
      ? [element("div", { class: "tiles" }, ...modelTiles(name)), history(name)] : []));
}

function modelTiles(name) {
  const [before, after] = ends();
  const labels = { model_name: name };
  const spent = (key) => change(before, after, `${LATENCY}_${key}`, labels);
  const time = (share) =>
    milliseconds(quantile(before.samples, after.samples, LATENCY, share, labels));
  const all = change(before, after, REQUESTS, labels);
  const good = change(before, after, REQUESTS, { ...labels, status: "OK" });
  return [
    tile("requests / s", rate(all, before, after)),
    tile("refused or failed", all ? percent(1 - good / all) : "\u2013"),
    tile("mean", milliseconds(spent("count") ? spent("sum") / spent("count") : null)),
    tile("median", time(0.5)),
    tile("95th percentile", time(0.95)),
  ];
}

function serverTiles() {
  const [before, after] = ends();
  const runs = change(before, after, `${BATCHING}wrapped_run_count`);
  const tasks = change(before, after, `${BATCHING}queuing_latency_count`);
  const batching = total(after.samples, `${BATCHING}wrapped_run_count`) > 0;
  const memory = total(after.samples, "process_resident_memory_bytes");
  const cpu = change(before, after, "process_cpu_seconds_total");
  const waited = quantile(
    before.samples, after.samples, `${BATCHING}queuing_latency`, 0.5);
  const seconds = (after.at - before.at) / 1000;
  return [
    tile("requests / s, all models", rate(change(before, after, REQUESTS), before, after)),
    tile("requests a batch", runs ? (tasks / runs).toFixed(1) : batching ? "\u2013" : "no batching"),
    ...(batching ? [tile("wait for a batch", milliseconds(waited))] : []),
    ...(memory ? [tile("memory", `${(memory / 2 ** 20).toFixed(0)} MiB`)] : []),
    ...(seconds ? [tile("processors busy", (cpu / seconds).toFixed(2))] : []),
  ];
}

/** Requests a second over the last two minutes, as bars. */
function history(name) {
  const rates = readings.slice(1).map((after, place) => {
    const before = readings[place];
    const count = change(before, after, REQUESTS, { model_name: name });
    return Math.max(0, (1000 * count) / (after.at - before.at));
  });
  const most = Math.max(1, ...rates);
  const label = `Requests a second in the last two minutes, at most ${most.toFixed(1)}`;
  const bars = Array.from({ length: KEPT - 1 }, (_, place) => {
    const bar = element("i");
    const value = rates[rates.length - (KEPT - 1) + place] ?? 0;
    bar.style.setProperty("--share", value / most);
    return bar;
  });
  return element("figure", {},
    element("div", { class: "history", role: "img", "aria-label": label }, ...bars),
    element("figcaption", { class: "label" }, label));
}

const ends = () => [readings.at(-1 - WINDOW) ?? readings[0], readings.at(-1)];

const change = (before, after, name, labels) =>
  total(after.samples, name, labels) - total(before.samples, name, labels);

function rate(count, before, after) {
  const seconds = (after.at - before.at) / 1000;
  return seconds ? (count / seconds).toFixed(1) : "\u2013";
}

const milliseconds = (value) =>
  value === null ? "\u2013" : `${(value / 1000).toPrecision(3)} ms`;

function tile(name, value) {
  return element("div", { class: "tile" },
    element("span", { class: "value" }, value), element("span", { class: "label" }, name));
}
