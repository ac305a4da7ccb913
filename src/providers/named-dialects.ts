import type { Dialect } from "../dialects/dialect.ts";
import { opaque } from "../dialects/opaque.ts";
import * as providers from "./index.ts";

const rows = Object.values(providers).flatMap(({ dialects }) => dialects);
const byName: ReadonlyMap<string, Dialect> = new Map(
  [opaque, ...rows.map(({ dialect }) => dialect)].map((dialect) => [dialect.name, dialect]),
);

/** The dialect of that name, of those that any built-in provider speaks. */
export function findDialectNamed(name: string): Dialect | undefined {
  return byName.get(name);
}
