import { complain } from "./command.ts";
import type { LineInput } from "./line-input.ts";

/** An option whose value is a secret, as it stands on the command line. */
export type SecretOption = {
  readonly flag: string;
  /** What a person is asked for. */
  readonly what: string;
  /** The option's whole value: `-`, `groq=-`. */
  readonly written: string;
  /** The part of it that is the secret; `-` where it comes from the standard input. */
  readonly secret: string;
};

/** A secret that was announced and didn't come. */
export class SecretMissing extends Error {
  override readonly name = "SecretMissing";
}

/**
 * Gives the secrets, one for each option: those that are `-` are lines of the standard input, in the order in which they
 * stand in `args`. Warns once of those that stand in the arguments themselves. Throws `SecretMissing`.
 */
export async function readSecrets(
  options: readonly SecretOption[],
  openInput: () => LineInput,
  args: readonly string[] = process.argv,
): Promise<readonly string[]> {
  const open = options.filter(({ secret }) => secret !== "-").map(({ flag }) => flag);
  if (open.length > 0) complain([describeOpen([...new Set(open)])]);
  const wanted = options
    .filter(({ secret }) => secret === "-")
    .toSorted((one, other) => placeOf(one, args) - placeOf(other, args));
  const read = new Map<SecretOption, string>();
  if (wanted.length > 0) {
    using input = openInput();
    for (const option of wanted) read.set(option, await readOne(option, input));
  }
  return options.map((option) => read.get(option) ?? option.secret);
}

async function readOne({ flag, what, written }: SecretOption, input: LineInput): Promise<string> {
  const line = (await input.ask(`${what}: `, { hidden: true }))?.trim();
  if (line) return line;
  throw new SecretMissing(`${flag} ${written} takes a line of the standard input, and there is none for it`);
}

/** Whether a text can stand in a header, as a token or a key has to. */
export function isCredential(text: string): boolean {
  return /^[!-~]+$/.test(text);
}

function placeOf({ flag, written }: SecretOption, args: readonly string[]): number {
  const apart = args.findIndex((arg, at) => arg === flag && args[at + 1] === written);
  return apart === -1 ? args.indexOf(`${flag}=${written}`) : apart;
}

function describeOpen(flags: readonly string[]): string {
  const stand = flags.length === 1 ? "stands" : "stand";
  return `warning: the value of ${flags.join(" and ")} ${stand} in the arguments, which every user of this machine can read; - reads it from the standard input`;
}
