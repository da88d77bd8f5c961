// Answers as one types: the best one with its alignment, the others, the search's knobs.

import * as alignment from "./alignment.js";
import { connection, predict, Refused, Unreachable } from "./api.js";
import { element, find, logarithm, notice, percent, say } from "./elements.js";
import { byteLength, wellFormed } from "./offsets.js";
import { columns, withOptions } from "./signatures.js";

const DEBOUNCE = 25;
const SLOW = 1_000;
const BEAM = 5;
/** Bytes up to which alignments are asked for: there is a number for each pair of tokens. */
const ALIGNED = 600;
/** Bytes up to which several answers are asked for. */
const SEARCHED = 2_000;
const NOT_FOUND = -3e38;
const KNOBS = [
  { name: "beam_size", label: "Beam size", low: 1, step: 1 },
  { name: "length_penalty", label: "Length penalty", low: 0, high: 2, step: 0.1 },
  { name: "coverage_penalty", label: "Coverage penalty", low: 0, high: 2, step: 0.1 },
  { name: "repetition_penalty", label: "Repetition penalty", low: 1, high: 3, step: 0.1 },
  { name: "word_bonus", label: "Bonus for each token", low: -2, high: 2, step: 0.1 },
];

let model, signatures;
let running = new AbortController();
let timer, typed, current;

/** Asks this model from now on. */
export function use(name, known) {
  [model, signatures] = [name, known];
  makeKnobs();
  clear();
  later();
}

/** Begins to listen. */
export function start() {
  alignment.start();
  find("text").addEventListener("input", later);
  find("controls").addEventListener("input", later);
  find("controls").addEventListener("submit", (event) => event.preventDefault());
  find("controls").addEventListener("reset", () => setTimeout(() => {
    find("controls").querySelectorAll("input").forEach(showValue);
    later();
  }));
  connection.addEventListener("up", () => model && later());
}

function later() {
  typed = performance.now();
  clearTimeout(timer);
  timer = setTimeout(run, DEBOUNCE);
}

async function run() {
  running.abort();
  const asking = new AbortController();
  running = asking;
  const { signal } = asking;
  const text = wellFormed(find("text").value);
  notice("problem");
  if (!text) return clear();
  const slow = setTimeout(
    () => notice("waiting", "Still waiting for the server\u2026"), SLOW,
  );
  signal.addEventListener("abort", () => clearTimeout(slow));
  try {
    await answer(text, signal);
  } catch (error) {
    if (signal.aborted) return;
    clear();
    if (!(error instanceof Unreachable)) notice("problem", error.message);
    if (!(error instanceof Refused || error instanceof Unreachable)) throw error;
  }
  clearTimeout(slow);
  notice("waiting");
}

async function answer(text, signal) {
  const bytes = byteLength(text);
  current = { text, signal, rows: new Map() };
  const asked = current;
  if (bytes > SEARCHED || !signatures.n_best) {
    const inputs = columns(signatures.serving_default, { text });
    const best = await predict(model, "serving_default", inputs, signal);
    if (signal.aborted) return;
    if (bytes > ALIGNED) alignment.clear();
    showAnswers([{ text: best.text[0], logProb: best.log_prob[0] }]);
    if (bytes > ALIGNED) return;
  }
  const jobs = [];
  if (bytes <= ALIGNED) jobs.push(showAlignment(asked));
  else alignment.clear();
  if (bytes <= SEARCHED && signatures.n_best) jobs.push(showBest(asked));
  await Promise.all(jobs);
}

async function showAlignment(asked) {
  const outputs = await call("align", asked, knobs());
  if (asked.signal.aborted) return;
  const row = alignment.rowOf(outputs);
  asked.rows.set(outputs.text[0], row);
  showAnswer(outputs.text[0], outputs.log_prob[0]);
  alignment.show(asked.text, row);
}

async function showBest(asked) {
  const beam = knobs().beam_size;
  const options = beam ? { ...knobs(), alternatives: beam } : knobs();
  const outputs = await call("n_best", asked, options);
  if (asked.signal.aborted) return;
  const found = outputs.text[0]
    .map((text, place) => ({ text, logProb: outputs.log_prob[0][place] }))
    .filter(({ logProb }) => logProb > NOT_FOUND);
  showAnswers(found);
}

function call(name, { text, signal }, options) {
  const signature = withOptions(signatures, name);
  return predict(model, signature, columns(signatures[signature], { text, ...options }),
    signal);
}

function showAnswer(text, logProb) {
  find("answer").textContent = text;
  find("answer").classList.toggle("nothing", !text);
  find("log-prob").textContent =
    `log-probability ${logarithm(logProb)} (${percent(Math.exp(logProb))})`;
  current.milliseconds ??= Math.round(performance.now() - typed);
  find("latency").textContent = `${current.milliseconds} ms from key to answer`;
  find("latency").dataset.milliseconds = current.milliseconds;
  say(`Best answer: ${text}, ${percent(Math.exp(logProb))} probable`);
}

function showAnswers(found) {
  const asked = current;
  if (found.length) showAnswer(found[0].text, found[0].logProb);
  const all = found.map(({ logProb }) => Math.exp(logProb));
  const largest = Math.max(...all) || 1;
  find("no-answers").hidden = found.length > 0;
  find("answers").replaceChildren(
    ...found.map(({ text, logProb }, place) => {
      const bar = element("span", { class: "bar-of", "aria-hidden": "true" });
      bar.style.setProperty("--share", all[place] / largest);
      const pick = () => choose(asked, found, place);
      return element(
        "li",
        {},
        element(
          "button",
          { type: "button", class: "hypothesis", "aria-pressed": `${place === 0}`,
            onpointerenter: pick, onfocus: pick, onclick: pick },
          element("span", { class: "said", dir: "auto" }, text || "\u2205"),
          element("span", { class: "number" }, logarithm(logProb)),
          bar,
        ),
      );
    }),
  );
}

/** Shows the alignment of one of the answers, as the model reads it if it is given. */
async function choose(asked, found, place) {
  if (asked !== current) return;
  asked.place = place;
  [...find("answers").children].forEach(({ firstChild }, at) =>
    firstChild.setAttribute("aria-pressed", at === place));
  const { text } = found[place];
  if (byteLength(asked.text) > ALIGNED) return;
  if (!asked.rows.has(text) && signatures.score) {
    asked.scored ??= score(asked, found);
    try {
      await asked.scored;
    } catch (error) {
      if (error instanceof Refused) notice("problem", error.message);
      return;
    }
  }
  const row = asked.rows.get(text);
  if (row && asked === current && asked.place === place) alignment.show(asked.text, row);
}

async function score(asked, found) {
  const inputs = {
    text: found.map(() => asked.text),
    target_text: found.map(({ text }) => text),
  };
  const outputs = await predict(model, "score", inputs, asked.signal);
  found.forEach(({ text }, place) => {
    if (!asked.rows.has(text)) asked.rows.set(text, alignment.rowOf(outputs, place));
  });
}

/** Shows no answer, and none of what was asked until now. */
function clear() {
  running.abort();
  alignment.clear();
  notice("waiting");
  current = null;
  for (const id of ["answer", "log-prob", "latency"]) find(id).textContent = "";
  find("answer").classList.remove("nothing");
  find("answers").replaceChildren();
  find("no-answers").hidden = false;
}

/** The knobs that were turned, and the beam, by name. */
function knobs() {
  const turned = [...find("controls").querySelectorAll("input")].filter(
    ({ name, value, defaultValue }) => name === "beam_size" || value !== defaultValue,
  );
  return Object.fromEntries(turned.map(({ name, value }) => [name, Number(value)]));
}

function makeKnobs() {
  const form = find("controls");
  form.querySelectorAll(".knob").forEach((old) => old.remove());
  const { inputs, defaults } = signatures[withOptions(signatures, "align")];
  const largest = signatures[withOptions(signatures, "n_best")]?.defaults.beam_size?.[0];
  for (const { name, label, low, high = largest ?? 1, step } of KNOBS) {
    if (!(name in inputs)) continue;
    const value = name === "beam_size" ? Math.min(BEAM, high) : defaults[name]?.[0] ?? low;
    const input = element("input", { id: `knob-${name}`, name, type: "range", min: low,
      max: high, step, value: Number(value.toFixed(4)), oninput: (e) => showValue(e.target) });
    form.append(
      element(
        "div",
        { class: "knob" },
        element("label", { for: input.id }, label),
        element("output", { for: input.id }),
        input,
      ),
    );
    showValue(input);
  }
  form.hidden = !form.querySelector(".knob");
}

function showValue(input) {
  input.previousSibling.textContent = input.value.replace("-", "\u2212");
}
