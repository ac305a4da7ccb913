import { type Command, InvalidArgumentError, Option } from "commander";

/** Options of every list. */
export type ListOptions = { readonly limit?: string; readonly cursor?: string; readonly all?: boolean };

/** What the API is asked for. */
export type PageQuery = { readonly limit: string; readonly cursor?: string };

/** A list, or the part of it that was asked for. */
export type Listed<T> = { readonly items: readonly T[]; readonly next: string | null };

const mostAtOnce = "100";

/** Adds them to a command. */
export function addListOptions(command: Command): Command {
  return command
    .addOption(new Option("--limit <number>", "how many at most, from 1 to 100").argParser(readLimit).default("20"))
    .addOption(new Option("--cursor <cursor>", "go on where an earlier list ended").conflicts("all"))
    .option("--all", "to the end, however many there are");
}

/** Gives what the options ask for: one page, or all of them one after the other. */
export async function listPages<T>(
  { limit = "20", cursor, all = false }: ListOptions,
  readPage: (query: PageQuery) => Promise<Listed<T>>,
): Promise<Listed<T>> {
  if (!all) return readPage({ limit, ...(cursor === undefined ? {} : { cursor }) });
  const items: T[] = [];
  let next: string | null = null;
  do {
    const page: Listed<T> = await readPage({ limit: mostAtOnce, ...(next === null ? {} : { cursor: next }) });
    items.push(...page.items);
    next = page.next;
  } while (next !== null);
  return { items, next };
}

/** How to see what a list leaves out. */
export function describeRest({ next }: Pick<Listed<unknown>, "next">): readonly string[] {
  return next === null ? [] : ["", `There are more: --cursor ${next}, or --all`];
}

function readLimit(written: string): string {
  if (/^[1-9]\d?$|^100$/.test(written)) return written;
  throw new InvalidArgumentError("It must be a number from 1 to 100.");
}
