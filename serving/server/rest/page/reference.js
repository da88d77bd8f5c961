// The OpenAPI document, to be read and tried.

import { request } from "./api.js";
import { element, find } from "./elements.js";

/** Shows all operations of a document. */
export function show(document) {
  find("operations").replaceChildren(
    ...Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => card(path, method, operation))),
  );
}

function card(path, method, operation) {
  const content = operation.requestBody?.content["application/json"];
  return element("details", { class: "card operation" },
    element("summary", {},
      element("span", { class: `method ${method}` }, method.toUpperCase()),
      element("code", {}, path),
      element("span", { class: "hint" }, operation.summary)),
    trial(path, content),
    ...(content ? [shapes(content.schema)] : []),
    element("h3", {}, "Statuses"),
    element("dl", { class: "statuses" },
      ...Object.entries(operation.responses).flatMap(([status, { description }]) =>
        [element("dt", {}, status), element("dd", {}, description)])));
}

/** A request to edit and send, and how curl sends it. */
function trial(path, content) {
  const examples = Object.entries(content?.examples ?? {});
  const command = element("pre", { class: "command", tabindex: "0" });
  const result = element("pre", { class: "result", "aria-live": "polite", tabindex: "0",
    hidden: true });
  const body = element("textarea", { rows: "8", "aria-label": "Body", spellcheck: "false" });
  const tell = () => {
    command.textContent = curl(path, content && body.value);
  };
  const fill = (name) => {
    body.value = JSON.stringify(content.examples[name].value, null, 1);
    tell();
  };
  const choice = element("select",
    { "aria-label": "Example", onchange: () => fill(choice.value) },
    ...examples.map(([name]) => element("option", {}, name)));
  body.addEventListener("input", tell);
  const send = async () => {
    result.hidden = false;
    try {
      const sent = content ? { body: JSON.parse(body.value) } : {};
      result.textContent = await request(path, sent);
    } catch (error) {
      result.textContent = error.message;
    }
  };
  const wanted = examples.find(([name]) => name === "serving_default") ?? examples[0];
  if (wanted) {
    choice.value = wanted[0];
    fill(wanted[0]);
  }
  tell();
  return element("div", { class: "trial" },
    ...(examples.length ? [element("div", { class: "title-line" },
      element("h3", {}, "Example"), choice)] : []),
    ...(content ? [body] : []), command,
    element("button", { type: "button", class: "primary", onclick: send }, "Send"),
    result);
}

function curl(path, body) {
  if (!body) return `curl ${location.origin}${path}`;
  let compact = body;
  try {
    compact = JSON.stringify(JSON.parse(body));
  } catch {
    // It is being written.
  }
  return `curl ${location.origin}${path} -d '${compact.replaceAll("'", "'\\''")}'`;
}

/** What each signature takes, by columns. */
function shapes(schema) {
  const forms = schema.anyOf.filter(({ properties }) => properties.inputs);
  return element("div", {}, element("h3", {}, "Signatures"), ...forms.map(({ title, properties }) =>
    element("details", {},
      element("summary", {}, title.replace(", inputs", "")),
      element("table", {},
        element("thead", {}, element("tr", {},
          ...["input", "type", "default"].map((name) => element("th", { scope: "col" }, name)))),
        element("tbody", {},
          ...Object.entries(properties.inputs.properties).map(([name, found]) =>
            element("tr", {},
              element("th", { scope: "row" }, name),
              element("td", {}, found.description ?? ""),
              element("td", {}, short(found.default)))))))));
}

function short(value) {
  const text = value === undefined ? "\u2013" : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}\u2026` : text;
}
