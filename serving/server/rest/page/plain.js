// Any other model: its signatures, asked by their inputs.

import { predict, Unreachable } from "./api.js";
import { element, find } from "./elements.js";

/** Offers the signatures of a model. */
export function use(model, signatures) {
  const names = Object.keys(signatures);
  const first = names.includes("serving_default") ? "serving_default" : names[0];
  const choice = element(
    "select",
    { id: "signature", onchange: () => form(model, choice.value, signatures) },
    ...names.map((name) => element("option", { selected: name === first }, name)),
  );
  find("plain").replaceChildren(
    element("p", { class: "hint" },
      "This model returns no alignments. Its signatures can be asked by their inputs."),
    element("label", { class: "label", for: "signature" }, "Signature"),
    choice,
    element("div", { id: "signature-form" }),
  );
  form(model, first, signatures);
}

function form(model, name, signatures) {
  const { inputs, defaults } = signatures[name];
  const fields = Object.entries(inputs).map(([input, { dtype, shape }]) => {
    const kind = `${dtype.replace("DT_", "").toLowerCase()} ${
      shape ? `[${shape.map((size) => (size < 0 ? "?" : size)).join(", ")}]` : "of any shape"}`;
    const id = `input-${input}`;
    const value = JSON.stringify(defaults[input] ?? example(dtype, shape ?? []));
    const area = element("textarea", { id, name: input, rows: "2", dir: "auto" }, value);
    return element("div", { class: "field" },
      element("label", { for: id }, `${input} `, element("small", {}, kind)), area);
  });
  const result = element("pre", { class: "result", "aria-live": "polite", tabindex: "0" });
  const ask = async (event) => {
    event.preventDefault();
    result.classList.remove("bad");
    result.textContent = "\u2026";
    try {
      const areas = [...made.querySelectorAll("textarea")];
      const values = areas.map(({ name: input, value }) => [input, read(input, value)]);
      const outputs = await predict(model, name, Object.fromEntries(values));
      result.textContent = written(outputs);
    } catch (error) {
      result.classList.add("bad");
      result.textContent = error.message;
      if (error instanceof Unreachable) result.textContent += " Ask again later.";
    }
  };
  const made = element("form", { onsubmit: ask }, ...fields,
    element("button", { type: "submit", class: "primary" }, "Predict"));
  find("signature-form").replaceChildren(made, result);
}

function example(dtype, [size, ...inner]) {
  if (size !== undefined) return Array(size < 0 ? 1 : size).fill(example(dtype, inner));
  if (dtype === "DT_STRING") return "hello";
  return dtype === "DT_BOOL" ? false : 0;
}

/** JSON, a line for each output. */
function written(outputs) {
  if (Array.isArray(outputs) || outputs !== Object(outputs)) return JSON.stringify(outputs);
  const lines = Object.entries(outputs).map(
    ([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`,
  );
  return `{\n ${lines.join(",\n ")}\n}`;
}

function read(input, value) {
  try {
    return JSON.parse(value);
  } catch {
    throw new Error(`${input} must be JSON, such as ["hello"]. Received: ${value}`);
  }
}
