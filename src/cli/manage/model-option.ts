import { ManageFault } from "./fault.ts";

/** Reads the models that a token may use, of which one text may name several with commas between: `undefined` where nothing is said, null where all are allowed, which takes an empty text alone, and only where there is something to take away. Throws a `ManageFault`. */
export function readAllowedModels(
  written: readonly string[] | undefined,
  { isNew }: { readonly isNew: boolean },
): readonly string[] | null | undefined {
  if (written === undefined) return undefined;
  const models = written.flatMap((text) => text.split(",")).map((model) => model.trim());
  if (!models.includes("")) return models;
  if (!isNew && models.length === 1) return null;
  const all = isNew ? "leave the option out" : "give nothing but --allowed-model ''";
  throw new ManageFault(
    2,
    `--allowed-model must not be empty: name a model or a glob such as 'gpt-4o*', or ${all}, which allows every model`,
  );
}
