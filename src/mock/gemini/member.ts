import { isObject } from "../json.ts";
import type { Json } from "../json.ts";

/** A member by its camel-case name, or by the same in snake case: Google takes both. */
export function member(object: Json, name: string): unknown {
  return object[name] ?? object[name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)];
}

/** The same, where it is an object; else an empty one. */
export function memberObject(object: Json, name: string): Json {
  const value = member(object, name);
  return isObject(value) ? value : {};
}

/** A model's name without its folder, and without Vertex AI's. */
export function withoutFolder(model: string): string {
  return model.replace(/^(?:.*\/)?models\//, "");
}
