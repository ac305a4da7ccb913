import type { Dialect } from "../dialects/dialect.ts";
import { opaque } from "../dialects/opaque.ts";
import type { Provider } from "./provider.ts";

/** The dialect of a provider's path, without the provider's prefix and without a query. */
export function findDialect({ dialects }: Pick<Provider, "dialects">, method: string, path: string): Dialect {
  const fits = dialects.find((row) => (row.method === undefined || row.method === method) && row.path.test(path));
  return fits?.dialect ?? opaque;
}
