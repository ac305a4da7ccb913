import { parseArgs } from "node:util";
import { cases, findCase } from "./cases.ts";
import type { Case } from "./cases.ts";
import { findVariant, variants } from "./variants.ts";
import type { Variant } from "./variants.ts";

/** What one run of the benchmark does. */
export type Options = {
  readonly cases: readonly Case[];
  /** Those that a case with variants of its own doesn't replace. */
  readonly variants: readonly Variant[];
  readonly short: boolean;
  /** Measurements of each variant; where it isn't said, what the form has for the case. */
  readonly repeats?: number;
  readonly seconds: number;
  readonly resultFile: string;
  /** Missed floors make the run fail. */
  readonly enforce: boolean;
};

/** An option that can't be understood; its message says what would be right. */
export class OptionError extends Error {}

export const help = `npm run bench -- [options]

  --short             the cases that CI runs, in about three minutes
  --cases A,B         of ${cases.map((each) => each.name).join(", ")}
  --variants A,B      of ${variants.map((each) => each.name).join(", ")}
  --repeats N         measurements of each variant; the medians are reported (5; short: 1 to 3)
  --seconds N         how long each one lasts (4; short: 1)
  --json FILE         where the result goes (bench/results/latest.json)
  --enforce           exit with 1 where a floor for continuous integration is missed
`;

/** Reads the command line; `undefined` where it asks for help. Throws `OptionError`. */
export function readOptions(argv: readonly string[]): Options | undefined {
  const given = parse(argv);
  if (given.help) return undefined;
  const short = given.short ?? false;
  return {
    cases: pick(given.cases, findCase, () =>
      cases.filter((each) => (short ? each.short !== undefined : !each.onRequest)),
    ),
    variants: pick(given.variants, findVariant, () => variants.filter((each) => !each.onRequest)),
    short,
    ...(given.repeats === undefined ? {} : { repeats: readNumber("--repeats", given.repeats) }),
    seconds: given.seconds === undefined ? (short ? 1 : 4) : readNumber("--seconds", given.seconds),
    resultFile: given.json ?? new URL("results/latest.json", import.meta.url).pathname,
    enforce: given.enforce ?? false,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        short: { type: "boolean" },
        cases: { type: "string" },
        variants: { type: "string" },
        repeats: { type: "string" },
        seconds: { type: "string" },
        json: { type: "string" },
        enforce: { type: "boolean" },
        help: { type: "boolean" },
      },
    }).values;
  } catch (error) {
    throw new OptionError(error instanceof Error ? error.message : String(error));
  }
}

function pick<T>(
  list: string | undefined,
  find: (name: string) => T | undefined,
  otherwise: () => readonly T[],
): readonly T[] {
  if (list === undefined) return otherwise();
  return list.split(",").map((name) => {
    const found = find(name.trim());
    if (found === undefined) throw new OptionError(`There is no "${name}".`);
    return found;
  });
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (!(value >= 1 && value <= 600)) throw new OptionError(`${name} must be a number from 1 to 600, not "${text}".`);
  return value;
}
