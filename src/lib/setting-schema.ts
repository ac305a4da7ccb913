import { isIP } from "node:net";
import { z } from "zod";
import { readWholeNumber } from "./whole-number.ts";

/**
 * Schemas for what an operator writes, as text (environment, flag) or as a YAML value. Each message completes the
 * sentence `NAME must be …`. All of them take `.default(…)` and `.optional()`.
 */

/** What a schema of this file is: it takes anything, and gives a `T` or a message. */
export type Reading<T> = z.ZodPipe<z.ZodUnknown, z.ZodTransform<T>>;

/** The longest time that a timer can count, in milliseconds; a longer one would end at once. */
const longestTimerMs = 2_147_483_647;

/** A schema and the default as docs print it, for a setting to spread: the default is read as an operator's own text would be. */
export function withDefault<T>(
  schema: Reading<T>,
  written: string,
): { readonly schema: z.ZodType<T>; readonly default: string } {
  return { schema: schema.prefault(written), default: written };
}

/** A schema that reads text, trimmed, and gives `undefined` for what is wrong; `expected` completes the sentence. */
export function reading<T>(expected: string, read: (value: string) => T | undefined): Reading<T> {
  return z.unknown().transform((value, context): T => {
    const written = asText(value);
    const result = written === undefined ? undefined : read(written.trim());
    return result ?? refuse(context, expected);
  });
}

/** Any text; a YAML number or boolean as it is written. */
export function text(): Reading<string> {
  return reading("text", (value) => value);
}

/** A key, token or password that travels in a header. */
export function credential(): Reading<string> {
  return reading("printable ASCII characters without spaces", (value) => (/^[!-~]+$/.test(value) ? value : undefined));
}

/** One of `values`, in any case; `synonyms` are other spellings of them. */
export function oneOf<const T extends string>(
  values: readonly T[],
  synonyms: Readonly<Record<string, NoInfer<T>>> = {},
): Reading<T> {
  const meanings = new Map<string, T>(Object.entries(synonyms));
  for (const value of values) meanings.set(value, value);
  return reading(`one of ${values.join(", ")}`, (value) => meanings.get(value.toLowerCase()));
}

/** `true` or `false`, also as 1, yes, on, 0, no, off. */
export function flag(): Reading<boolean> {
  return reading("true or false", (value) => {
    if (/^(?:true|1|yes|on)$/i.test(value)) return true;
    return /^(?:false|0|no|off)$/i.test(value) ? false : undefined;
  });
}

/** A whole number, `1000` or `1e3`. */
export function count({
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
}: { min?: number; max?: number } = {}): Reading<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return z.unknown().transform((value, context): number => {
    const written = asText(value)?.trim() ?? "";
    const number = readWholeNumber(written);
    if (number !== undefined && number >= min && number <= max) return number;
    const [mark] = /(?<=\d)[_,' ](?=\d)/.exec(written) ?? [];
    const unmarked = mark === undefined ? "" : `, without "${mark}" between its digits`;
    return refuse(context, `a whole number ${range}${unmarked}`);
  });
}

/** A TCP port; 0 lets the system choose. */
export function port(): Reading<number> {
  return reading("a number from 1 to 65535, or 0 for any that is free", (value) => {
    const number = /^\d{1,5}$/.test(value) ? Number(value) : Number.NaN;
    return number <= 65_535 ? number : undefined;
  });
}

/** A part of a whole, from 0 to 1. */
export function share(): Reading<number> {
  return reading("a number from 0 to 1", (value) => {
    const number = /^\d*\.?\d+$/.test(value) ? Number(value) : Number.NaN;
    return number >= 0 && number <= 1 ? number : undefined;
  });
}

const sizeUnits: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** Bytes: a plain number, or with a unit of 1024 bytes, `512 KB`, `10MB`, `2GiB`. */
export function size({ min = 0 }: { min?: number } = {}): Reading<number> {
  const least = min === 0 ? "" : ` of at least ${min} bytes`;
  return reading(`a size${least} such as 512KB, 10MB or a number of bytes`, (value) => {
    const match = /^(\d+(?:\.\d+)?)\s*(?:(b)|([kmgt])(?:i?b)?)?$/i.exec(value);
    if (match === null) return undefined;
    const unit = sizeUnits[(match[2] ?? match[3] ?? "").toLowerCase()];
    const bytes = Math.round(Number(match[1]) * (unit ?? Number.NaN));
    return Number.isSafeInteger(bytes) && bytes >= min ? bytes : undefined;
  });
}

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds: a plain number, or a duration as Go writes it and with days, `500ms`, `1h30m`, `7d`; by default at most what a timer can count. */
export function duration({ min = 0, max = longestTimerMs }: { min?: number; max?: number } = {}): Reading<number> {
  const least = min === 0 ? "" : `, at least ${min},`;
  return reading(
    `milliseconds${least} or a duration such as 30s or 1h, and at most ${Math.floor(max / 86_400_000)} days`,
    (value) => {
      const milliseconds = readDuration(value);
      if (milliseconds === undefined) return undefined;
      return milliseconds >= min && milliseconds <= max ? milliseconds : undefined;
    },
  );
}

/** An http or https URL without credentials, query and fragment; gives it without a trailing slash. */
export function url(): Reading<string> {
  return reading("an http:// or https:// URL without credentials, query and fragment", (value) => {
    if (!/^https?:\/\/[^/]/i.test(value) || !URL.canParse(value)) return undefined;
    const { origin, pathname, username, password } = new URL(value);
    if (username !== "" || password !== "" || /[?#]/.test(value)) return undefined;
    return (origin + pathname).replace(/\/+$/, "");
  });
}

/** A web origin as browsers send it, lower case, without a path and without a default port; or `*`. */
export function webOrigin(): Reading<string> {
  return reading("* or an origin such as https://app.example.com", (value) => {
    if (value === "*") return value;
    if (!/^[a-z][a-z0-9+.-]*:\/\/[^/?#@]+\/?$/i.test(value) || !URL.canParse(value)) return undefined;
    const parsed = new URL(value);
    return parsed.origin === "null" ? `${parsed.protocol}//${parsed.host}` : parsed.origin;
  });
}

/** A network, `10.0.0.0/8` or `fd00::/8`; a single address is a network of one. */
export function cidr(): Reading<string> {
  return reading("an address or a network such as 10.0.0.0/8", (value) => {
    const [address = "", bits, more] = value.split("/");
    const longest = { 4: 32, 6: 128 }[isIP(address)];
    if (longest === undefined || more !== undefined) return undefined;
    if (bits === undefined) return `${address}/${longest}`;
    return /^\d{1,3}$/.test(bits) && Number(bits) <= longest ? value : undefined;
  });
}

/** Values with commas between, or a YAML list; spaces around each and empty ones don't count. */
export function list(): Reading<readonly string[]>;
export function list<T>(item: Reading<T>): Reading<readonly T[]>;
export function list(item: Reading<unknown> = text()): Reading<readonly unknown[]> {
  return z.unknown().transform((value, context): readonly unknown[] => {
    const parts = Array.isArray(value)
      ? value
      : asText(value)
          ?.split(",")
          .map((part) => part.trim());
    if (parts === undefined) return refuse(context, "a list with commas between its values");
    return parts
      .filter((part) => part !== "")
      .map((part) => {
        const result = item.safeParse(part);
        return result.success
          ? result.data
          : refuse(context, `a list with commas between, each ${result.error.issues[0]?.message}`);
      });
  });
}

/** Names and values, `name=value,name=value` with values percent-encoded where they need it, or a YAML map. */
export function pairs(): Reading<Readonly<Record<string, string>>> {
  return z.unknown().transform((value, context): Readonly<Record<string, string>> => {
    const read = isMap(value) ? readMap(value) : readPairs(asText(value));
    return read ?? refuse(context, "a list such as name=value,name=value");
  });
}

function refuse(context: z.RefinementCtx, message: string): never {
  context.addIssue({ code: "custom", message });
  return z.NEVER;
}

function asText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? String(value)
    : undefined;
}

function readDuration(value: string): number | undefined {
  if (/^\d+$/.test(value)) return Number(value);
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(value)) return undefined;
  const parts = [...value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  return Math.round(parts.reduce((sum, [, amount, unit = ""]) => sum + Number(amount) * (durationUnits[unit] ?? 0), 0));
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readMap(value: Readonly<Record<string, unknown>>): Record<string, string> | undefined {
  const read: [string, string][] = [];
  for (const [name, part] of Object.entries(value)) {
    const written = asText(part);
    if (written === undefined) return undefined;
    read.push([name, written]);
  }
  return Object.fromEntries(read);
}

function readPairs(value: string | undefined): Record<string, string> | undefined {
  const read: [string, string][] = [];
  for (const part of value?.split(",") ?? [""]) {
    const [name, written] = /^\s*([^=\s]+)\s*=(.*)$/.exec(part)?.slice(1) ?? [];
    if (name === undefined || written === undefined) return undefined;
    read.push([name, decode(written.trim())]);
  }
  return Object.fromEntries(read);
}

/** The text itself where it isn't percent-encoded rightly. */
function decode(written: string): string {
  try {
    return decodeURIComponent(written);
  } catch {
    return written;
  }
}
