import type { RequestPlace } from "./dialect.ts";

/** The model that a path names: `/v1beta/models/gemini-2.5-pro:generateContent`. */
export function modelOf({ path }: RequestPlace): string | undefined {
  const [, tuned, name] = /\/(?:models|(tunedModels))\/([^/:]+)/.exec(path) ?? [];
  if (name === undefined) return undefined;
  const model = decode(name);
  return tuned === undefined ? model : `${tuned}/${model}`;
}

/** The model's name without the resource path before it. */
export function withoutPrefix(model: string | undefined): string | undefined {
  return model?.replace(/^(?:.*\/)?models\//, "");
}

/** What is done to a model: `generateContent`. */
export function verbOf({ path }: RequestPlace): string | undefined {
  return /:(\w+)\/?$/.exec(path)?.[1];
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
