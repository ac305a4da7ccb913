import { isObject, listOf, objectOf, textOf } from "./json.ts";
import type { Json } from "./json.ts";

const deepest = 12;

/** A value that fits a JSON Schema (Google's upper-case types too), always the same, and harmless where a program acts on it. */
export function sampleOf(schema: unknown): unknown {
  return sample(objectOf(schema), "", { root: objectOf(schema), depth: 0 });
}

type Place = { readonly root: Json; readonly depth: number };

function sample(schema: Json, name: string, { root, depth }: Place): unknown {
  if (depth > deepest) return null;
  const below = { root, depth: depth + 1 };
  const reference = textOf(schema["$ref"]);
  if (reference !== undefined) return sample(resolve(root, reference), name, below);
  for (const keyword of ["const", "default"]) if (keyword in schema) return schema[keyword];
  const [chosen] = [...listOf(schema["enum"]), ...listOf(schema["examples"])];
  if (chosen !== undefined) return chosen;
  const [variant] = ["anyOf", "oneOf", "allOf"].flatMap((keyword) => listOf(schema[keyword]));
  if (variant !== undefined) return sample(objectOf(variant), name, below);

  switch (typeOf(schema)) {
    case "object":
      return sampleObject(schema, below);
    case "array":
      return "items" in schema ? [sample(objectOf(schema["items"]), name, below)] : [];
    case "integer":
    case "number":
      return typeof schema["minimum"] === "number" ? schema["minimum"] : 1;
    case "boolean":
      return false;
    case "null":
      return null;
    default:
      return sampleText(schema, name);
  }
}

function sampleObject(schema: Json, place: Place): Json {
  const properties = objectOf(schema["properties"]);
  const names = listOf(schema["required"]).flatMap((name) => textOf(name) ?? []);
  return Object.fromEntries(names.map((name) => [name, sample(objectOf(properties[name]), name, place)]));
}

/** What an agent would run as a command is one that does nothing. */
function sampleText(schema: Json, name: string): string {
  if (/command|cmd|script|code/i.test(name)) return "true";
  switch (schema["format"]) {
    case "date":
      return "2026-01-01";
    case "date-time":
      return "2026-01-01T00:00:00Z";
    case "uri":
      return "https://example.com/";
    case "email":
      return "mock@example.com";
    default:
      return "mock";
  }
}

function typeOf(schema: Json): string | undefined {
  const { type } = schema;
  const named: unknown = Array.isArray(type) ? type.find((one) => one !== "null") : type;
  return textOf(named)?.toLowerCase() ?? ("properties" in schema ? "object" : undefined);
}

function resolve(root: Json, reference: string): Json {
  let at: unknown = root;
  for (const key of reference.replace(/^#\/?/, "").split("/")) at = isObject(at) ? at[key] : undefined;
  return objectOf(at);
}
