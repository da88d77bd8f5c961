// Requests to the server, over the REST API that any client uses.

/** The server answered, but not with what was asked for. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

/** Tells of `down` and `up`, whenever that changes. */
export const connection = new EventTarget();

const TIMEOUT = 60_000;
const RETRY = 1_000;
let isUp = true;

function reached(up) {
  if (up === isUp) return;
  isUp = up;
  connection.dispatchEvent(new Event(up ? "up" : "down"));
  if (!up) setTimeout(lookAgain, RETRY);
}

async function lookAgain() {
  try {
    await request("/healthz");
  } catch (error) {
    if (error instanceof Unreachable) setTimeout(lookAgain, RETRY);
  }
}

/** The text of an answer. `signal` abandons the request. */
export async function request(path, { body, signal } = {}) {
  const limit = AbortSignal.timeout(TIMEOUT);
  const options = { signal: signal ? AbortSignal.any([signal, limit]) : limit };
  if (body !== undefined) {
    options.method = "POST";
    options.body = JSON.stringify(body);
  }
  let response, text;
  try {
    response = await fetch(path, options);
    text = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    if (limit.aborted) throw new Refused(0, "The server did not answer in time.");
    reached(false);
    throw new Unreachable("The server does not answer.");
  }
  reached(true);
  if (!response.ok) throw new Refused(response.status, reason(text, response.status));
  return text;
}

/** The value of an answer in JSON. */
export async function ask(path, options) {
  return parse(await request(path, options));
}

/** What a signature computes of inputs by name, as outputs by name. */
export async function predict(model, signature, inputs, signal) {
  const body = { signature_name: signature, inputs };
  const { outputs } = await ask(`${modelPath(model)}:predict`, { body, signal });
  return outputs;
}

export const modelPath = (model) => `/v1/models/${encodeURIComponent(model)}`;

function reason(text, status) {
  try {
    return parse(text).error;
  } catch {
    return `The server answered with status ${status}.`;
  }
}

/** JSON in which NaN and Infinity may stand; they become null. */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    const words = /"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g;
    return JSON.parse(text.replace(words, (word) => (word[0] === '"' ? word : "null")));
  }
}
