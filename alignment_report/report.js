"use strict";
const find = (id) => document.getElementById(id);
const make = (tag, text = "", attributes = {}) => {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};
const number = (value, digits = 2) => (value === null ? "" : value.toFixed(digits));
// A token that nobody could see, or that would stand on its neighbour.
const visible = (token) =>
  token === "" ? "∅" : token.replace(/ /g, "␣").replace(/^(?=\p{M})/u, "◌");

let rows = [];
let graded = false;
let shown = [];
let row = null;
let token = 0;

async function read() {
  const bytes = Uint8Array.from(atob(find("data").textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const all = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = new DataView(all.buffer).getUint32(0, true);
  const data = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + size)));
  let start = 4 + size;
  data.rows.forEach((one, place) => {
    const cells = one.tokens.length * one.source_tokens.length;
    one.weights = all.subarray(start, start + cells);
    start += cells;
    one.place = place;
    one.length = one.source_tokens.length;
    one.source = one.pieces.map(([text]) => text).join("");
    one.wrong = data.graded && !one.references.includes(one.text);
    one.sought = [one.source, one.text, ...one.references].join("\n").normalize().toLowerCase();
  });
  return data;
}

function entry(one) {
  const line = make("tr");
  line.append(
    make("td", one.source, { dir: "auto" }),
    make("td", one.text, { dir: "auto" }),
    make("td", number(one.error, Number.isInteger(one.error) ? 0 : 2), { class: "number" }),
    make("td", number(one.entropy), { class: "number" }),
  );
  line.classList.toggle("wrong", one.wrong);
  line.addEventListener("click", () => choose(one));
  one.line = line;
  return line;
}

function arrange() {
  const key = find("sort").value;
  const sign = find("descending").checked ? -1 : 1;
  const sought = find("filter").value.normalize().toLowerCase();
  const wrong = find("wrong").checked;
  shown = rows.filter((one) => one.sought.includes(sought) && (one.wrong || !wrong));
  // What has no number comes last, whatever the direction.
  shown.sort((a, b) => (a[key] === null) - (b[key] === null) || sign * (a[key] - b[key]) || a.place - b.place);
  find("rows").replaceChildren(...shown.map((one) => one.line));
  find("none").hidden = shown.length > 0;
  const right = graded ? `, ${shown.filter((one) => !one.wrong).length} right` : "";
  find("summary").textContent = `${shown.length} of ${rows.length} predictions${right}`;
  if (shown.length && !shown.includes(row)) choose(shown[0]);
}

function choose(one) {
  row?.line.removeAttribute("aria-current");
  row = one;
  row.line.setAttribute("aria-current", "true");
  row.line.scrollIntoView({ block: "nearest" });
  find("source").replaceChildren(
    ...row.pieces.map(([text, label]) => make("span", text, label ? { "data-label": label } : {})),
  );
  find("tokens").replaceChildren(
    ...row.tokens.map((text, place) => {
      const button = make("button", visible(text), { type: "button", role: "option", dir: "auto" });
      button.addEventListener("pointerenter", () => look(place));
      button.addEventListener("focus", () => look(place));
      return button;
    }),
  );
  find("tokens").hidden = !row.tokens.length;
  facts();
  look(0);
}

function facts() {
  const lines = [];
  if (graded) lines.push(["expected", row.references.join(" · ")]);
  lines.push(["log-probability", number(row.log_prob, 3)]);
  for (const [text, value] of row.alternatives) lines.push(["or", `${text}  (${number(value, 3)})`]);
  if (row.tokens.length) {
    lines.push(["entropy", `${number(row.entropy, 3)} nats`], ["focus", number(row.focus, 3)]);
    lines.push(["monotonicity", number(row.monotonicity, 3)]);
    lines.push(["coverage deviation", number(row.coverage_deviation, 3)]);
  }
  find("facts").replaceChildren(
    ...lines.flatMap(([name, value]) => [make("dt", name), make("dd", value, { dir: "auto" })]),
  );
}

const weight = (target, source) => row.weights[target * row.length + source] / 255;

function look(place) {
  token = place;
  find("tokens").querySelectorAll("button").forEach((button, target) => {
    button.setAttribute("aria-selected", target === token);
    button.tabIndex = target === token ? 0 : -1;
  });
  const pieces = [...find("source").children];
  const light = pieces.map(() => 0);
  const most = row.tokens.length ? row.most[token] : -1;
  row.spans.forEach(([first, last], source) => {
    if (!row.tokens.length) return;
    for (let piece = first; piece < last; piece++) {
      light[piece] = Math.max(light[piece], weight(token, source));
    }
  });
  const [first, last] = most < 0 ? [0, 0] : row.spans[most];
  pieces.forEach((piece, place) => {
    piece.style.background = light[place] ? `rgba(var(--glow), calc(var(--strength) * ${light[place].toFixed(3)}))` : "";
    piece.classList.toggle("most", place >= first && place < last);
  });
  find("looked").textContent = words(most);
  draw();
}

function words(most) {
  if (!row.tokens.length) return "The model returned no alignment.";
  const target = `“${visible(row.tokens[token])}”`;
  if (most < 0) return `${target} looked at nothing.`;
  const order = row.source_tokens.map((_, source) => source);
  order.sort((a, b) => (b === most) - (a === most) || weight(token, b) - weight(token, a));
  const seen = order.slice(0, 3).filter((source) => source === most || weight(token, source) > 0);
  const parts = seen.map(
    (source) => `“${visible(row.source_tokens[source])}” ${number(weight(token, source) * row.scale)}`,
  );
  return `${target} looked at ${parts.join(", ")}`;
}

function layout() {
  const longest = (labels) => Math.max(1, ...labels.map((label) => [...visible(label)].length));
  const cell = Math.max(row.length, row.tokens.length) > 80 ? 8 : 24;
  return {
    cell,
    left: Math.min(120, 14 + 9 * longest(row.tokens)),
    top: Math.min(120, 14 + 9 * longest(row.source_tokens)),
  };
}

function draw() {
  const canvas = find("map").firstElementChild;
  find("map").hidden = !row.tokens.length;
  if (!row.tokens.length) return;
  const { cell, left, top } = layout();
  const style = getComputedStyle(document.body);
  const [width, height] = [left + cell * row.length + 4, top + cell * row.tokens.length + 4];
  // A canvas has a largest size; 500 tokens at 8 pixels are well within it.
  const ratio = Math.min(window.devicePixelRatio || 1, 8192 / Math.max(width, height));
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  [canvas.style.width, canvas.style.height] = [`${width}px`, `${height}px`];
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const [light, hot] = ["--light", "--hot"].map((name) => style.getPropertyValue(name).split(",").map(Number));
  for (let target = 0; target < row.tokens.length; target++) {
    for (let source = 0; source < row.length; source++) {
      const value = weight(target, source);
      pen.fillStyle = `rgb(${light.map((from, i) => from + (hot[i] - from) * value).join()})`;
      pen.fillRect(left + source * cell, top + target * cell, cell - (cell > 8), cell - (cell > 8));
    }
  }
  pen.fillStyle = style.color;
  pen.font = `${Math.min(14, cell + 4)}px ${style.fontFamily}`;
  pen.textBaseline = "middle";
  const every = cell > 8 ? 1 : 2;
  pen.textAlign = "right";
  row.tokens.forEach((text, place) => {
    if (place % every === 0) pen.fillText(visible(text), left - 6, top + (place + 0.5) * cell, left - 8);
  });
  pen.textAlign = "left";
  row.source_tokens.forEach((text, place) => {
    if (place % every) return;
    pen.save();
    pen.translate(left + (place + 0.5) * cell, top - 6);
    pen.rotate(-Math.PI / 2);
    pen.fillText(visible(text), 0, 0, top - 8);
    pen.restore();
  });
  pen.strokeStyle = style.getPropertyValue("--accent");
  pen.lineWidth = 2;
  pen.strokeRect(left - 1, top + token * cell - 1, cell * row.length + 1, cell + 1);
}

function step(list, current, by) {
  return list[Math.min(list.length - 1, Math.max(0, list.indexOf(current) + by))];
}

const moves = { ArrowUp: ["row", -1], ArrowDown: ["row", 1], ArrowLeft: ["token", -1], ArrowRight: ["token", 1] };

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=search], select");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && !typing) {
    event.preventDefault();
    find("filter").focus();
  } else if (event.key === "Escape" && typing) {
    event.target.blur();
  } else if (moves[event.key] && !typing && row) {
    event.preventDefault();
    const [what, by] = moves[event.key];
    if (what === "row") {
      if (shown.length) choose(step(shown, row, by));
    } else {
      const buttons = [...find("tokens").children];
      const next = step(buttons, buttons[token], by);
      if (next) next.focus({ preventScroll: true });
    }
  }
});
find("map").addEventListener("pointermove", (event) => {
  const { cell, top } = layout();
  const place = Math.floor((event.clientY - find("map").firstElementChild.getBoundingClientRect().top - top) / cell);
  if (place >= 0 && place < row.tokens.length && place !== token) look(place);
});
find("filter").form.addEventListener("submit", (event) => event.preventDefault());
find("filter").form.addEventListener("input", arrange);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => row && draw());

document.querySelector("h1").textContent = document.title;
read().then((data) => {
  ({ rows, graded } = data);
  find("wrong-label").hidden = !graded;
  find("detail").hidden = !rows.length;
  rows.forEach(entry);
  arrange();
  document.body.dataset.ready = "true";
});
