// What a model can be asked, by its metadata.

import { ask, modelPath } from "./api.js";

/** Signatures of a model by name. */
export async function describe(model) {
  const { metadata } = await ask(`${modelPath(model)}/metadata`);
  const found = Object.entries(metadata.signature_def.signature_def)
    .map(([name, definition]) => [name, signature(definition)])
    // One without inputs, such as what initialises the model, cannot be asked.
    .filter(([, { inputs }]) => Object.keys(inputs).length);
  return Object.fromEntries(found);
}

function signature({ inputs, outputs, defaults }) {
  return {
    inputs: mapped(inputs, tensor),
    outputs: mapped(outputs, tensor),
    defaults: mapped(defaults ?? {}, values),
  };
}

function mapped(object, change) {
  return Object.fromEntries(
    Object.keys(object).sort().map((name) => [name, change(object[name])]),
  );
}

function tensor({ dtype, tensor_shape }) {
  const sizes = tensor_shape.dim?.map((dim) => Number(dim.size)) ?? [];
  return { dtype, shape: tensor_shape.unknown_rank ? null : sizes };
}

/** The values of a TensorProto of one row, as inputs take them. */
function values(proto) {
  const numbers = ["int_val", "int64_val", "float_val", "double_val"];
  for (const field of numbers) if (proto[field]?.length) return proto[field].map(Number);
  if (proto.string_val?.length) return proto.string_val.map((b64) => ({ b64 }));
  return proto.bool_val ?? [];
}

/** The signature that takes options instead of `name`; older exports have one for both. */
export function withOptions(signatures, name) {
  const longer = `${name}_with_options`;
  return longer in signatures ? longer : name;
}

/** Inputs of one row: what is given, and the defaults of the rest. */
export function columns({ inputs, defaults }, given) {
  const found = {};
  for (const name of Object.keys(inputs)) {
    if (name in given) found[name] = [given[name]];
    else if (name in defaults) found[name] = defaults[name];
    else throw new Error(`The model tells no default for its input ${name}.`);
  }
  return found;
}

/** Whether a model answers texts with texts and alignments. */
export function aligns({ align }) {
  const wanted = ["alignment", "tokens", "source_start", "source_end"];
  return Boolean(align?.inputs.text) && wanted.every((name) => name in align.outputs);
}
