/** A name that a model may have in a price list, and whose list to look in where the name said so itself. */
export type ModelName = { readonly name: string; readonly provider?: string };

/**
 * The names under which a model may be listed, the closest first: as it came without a resource path (`models/…`),
 * without a router's prefix (`openai/gpt-4o`), a fine-tuned one by its base, and each of them without its date.
 */
export function modelNames(model: string): readonly ModelName[] {
  const name = model.trim().toLowerCase().replace(resourcePath, "");
  const slash = name.indexOf("/");
  const routed: ModelName[] = slash > 0 ? [{ name: name.slice(slash + 1), provider: name.slice(0, slash) }] : [];
  const exact = [{ name }, ...routed].flatMap(withBase);
  return [...exact, ...exact.flatMap(withoutDate)];
}

const resourcePath = /^.*?(?:^|\/)models\//;

/** OpenAI names its fine-tuned models `ft:<base>:<organisation>::<id>`. */
function withBase(model: ModelName): readonly ModelName[] {
  const base = /^ft:([^:]+)/.exec(model.name)?.[1];
  return base === undefined ? [model] : [model, { ...model, name: base }];
}

function withoutDate(model: ModelName): readonly ModelName[] {
  const name = model.name.replace(/[-@](?:20\d{2}-\d{2}-\d{2}|20\d{6})$/, "");
  return name === model.name ? [] : [{ ...model, name }];
}
