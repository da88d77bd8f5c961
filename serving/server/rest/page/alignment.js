// Which part of the text each token of an answer looked at.

import { element, find, percent } from "./elements.js";
import { draw } from "./heatmap.js";
import { byteRanges, peak } from "./offsets.js";

const LEVELS = [0.02, 0.1, 0.3];
const END = "</s>";
const NAMES = ["faint", "light", "strong", "peak"];

let shown = null;
let chosen = null;
let cellAt = () => null;

/** Shows one row of what `align` or `score` returned, over the text that was sent. */
export function show(text, row) {
  shown = { text, range: byteRanges(text), ...row };
  find("alignment").hidden = false;
  find("source").textContent = text;
  find("tokens").replaceChildren(
    ...row.tokens.map((token, t) =>
      element(
        "button",
        { type: "button", class: "token", onpointerenter: () => choose(t),
          onfocus: () => choose(t), onclick: () => choose(t) },
        token,
      ),
    ),
  );
  choose(Math.min(chosen ?? 0, row.tokens.length - 1));
}

/** Shows nothing. */
export function clear() {
  shown = null;
  find("alignment").hidden = true;
}

/** One row of outputs as the arguments of `show`, without padding. */
export function rowOf(outputs, row = 0) {
  const length = outputs.length[row];
  const sources = outputs.source_length[row];
  return {
    tokens: outputs.tokens[row].slice(0, length),
    sources: outputs.source_tokens[row].slice(0, sources),
    start: outputs.source_start[row].slice(0, sources),
    end: outputs.source_end[row].slice(0, sources),
    weights: outputs.alignment[row]
      .slice(0, length)
      .map((line) => line.slice(0, sources).map((weight) => weight ?? 0)),
    logProbs: outputs.token_log_prob?.[row].slice(0, length),
  };
}

function choose(t) {
  if (!shown?.tokens.length) return;
  chosen = t;
  const { tokens, sources, weights, logProbs } = shown;
  [...find("tokens").children].forEach((button, place) => {
    button.setAttribute("aria-pressed", place === t);
    button.tabIndex = place === t ? 0 : -1;
  });
  highlight(weights[t]);
  const best = peak(weights[t]);
  const others = weights[t]
    .map((weight, s) => [weight, s])
    .filter(([weight, s]) => s !== best && weight >= 0.05)
    .sort(([one], [other]) => other - one)
    .slice(0, 2);
  const words = [[weights[t][best], best], ...others].map(
    ([weight, s]) => `${named(sources[s])} ${percent(weight)}`,
  );
  const sure = logProbs ? `, itself ${percent(Math.exp(logProbs[t]))} sure` : "";
  find("look").textContent = `${named(tokens[t])} looked at ${words.join(", ")}${sure}`;
  redraw();
}

const named = (token) =>
  token === END ? "the end" : `\u201c\u2068${token}\u2069\u201d`;

/** Marks the text without taking it apart: letters stay joined, accents in place. */
function highlight(weights) {
  const node = find("source").firstChild;
  const best = peak(weights);
  const ranges = NAMES.map(() => []);
  weights.forEach((weight, s) => {
    const level = s === best ? 3 : LEVELS.filter((least) => weight >= least).length - 1;
    const place = shown.range(shown.start[s], shown.end[s]);
    if (level >= 0 && place) ranges[level].push(place);
  });
  find("end").classList.toggle("peak", shown.start[best] >= shown.end[best]);
  if (!globalThis.CSS?.highlights) return mark(ranges[3][0]);
  NAMES.forEach((name, level) => {
    const made = ranges[level].map(([start, end]) => {
      const range = new Range();
      range.setStart(node, start);
      range.setEnd(node, end);
      return range;
    });
    CSS.highlights.set(name, new Highlight(...made));
  });
}

/** For browsers without highlights: the largest weight alone. */
function mark(place) {
  const [start, end] = place ?? [0, 0];
  const { text } = shown;
  const marked = element("mark", {}, text.slice(start, end));
  find("source").replaceChildren(text.slice(0, start), marked, text.slice(end));
}

function redraw() {
  if (!shown?.tokens.length) return;
  const { tokens, sources, weights } = shown;
  const canvas = find("heatmap");
  const labels = sources.map((source) => (source === END ? "\u220e" : source));
  cellAt = draw(canvas, tokens, labels, weights, chosen);
  const label = `Weights of ${tokens.length} tokens over ${sources.length} of the text`;
  canvas.setAttribute("aria-label", label);
}

/** Moves through the tokens with the arrow keys, as in any toolbar. */
function move(event) {
  const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
  const last = shown.tokens.length - 1;
  const ends = { Home: 0, End: last };
  const step = steps[event.key];
  const to = ends[event.key] ?? (step && Math.min(last, Math.max(0, chosen + step)));
  if (to === undefined) return;
  event.preventDefault();
  find("tokens").children[to].focus();
}

/** Begins to listen. */
export function start() {
  find("tokens").addEventListener("keydown", move);
  find("heatmap").addEventListener("pointermove", (event) => {
    const cell = cellAt(event.offsetX, event.offsetY);
    if (cell && cell[0] !== chosen) choose(cell[0]);
  });
  new ResizeObserver(redraw).observe(find("heatmap").parentElement);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
}
