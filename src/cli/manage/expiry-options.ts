import { type Command, InvalidArgumentError, Option } from "commander";

/** Options that say how long a token lives. */
export type ExpiryOptions = {
  readonly duration?: string;
  readonly durationMinutes?: number;
  readonly expiresAt?: string;
  readonly neverExpires?: boolean;
};

/** The same as the API takes it. */
export type ExpiryFields = {
  readonly duration?: string;
  readonly duration_minutes?: number;
  readonly expires_at?: string;
  readonly never_expires?: boolean;
};

/** Adds them to a command; one of them can be given. */
export function addExpiryOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--duration <time>", "how long it lives: 24h, 30m, 7d, 1h30m; a bare number is hours")
        .argParser(readDuration)
        .conflicts(["durationMinutes", "expiresAt", "neverExpires"]),
    )
    .addOption(
      new Option("--duration-minutes <number>", "the same in minutes")
        .argParser(readMinutes)
        .conflicts(["expiresAt", "neverExpires"]),
    )
    .addOption(
      new Option(
        "--expires-at <time>",
        "until when it lives: 2026-12-31T23:59:59Z, or a day, whose beginning in UTC it is",
      )
        .argParser(readTime)
        .conflicts(["neverExpires"]),
    )
    .option("--never-expires", "it lives until it is revoked");
}

/** What the options say; nothing where none was given. */
export function readExpiry({ duration, durationMinutes, expiresAt, neverExpires }: ExpiryOptions): ExpiryFields {
  return {
    ...(duration === undefined ? {} : { duration }),
    ...(durationMinutes === undefined ? {} : { duration_minutes: durationMinutes }),
    ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
    ...(neverExpires === undefined ? {} : { never_expires: neverExpires }),
  };
}

/** A duration with units; a bare number is hours, as the commands of old had it in their docs. */
export function readDuration(written: string): string {
  if (/^[1-9]\d{0,8}$/.test(written)) return `${written}h`;
  if (/^(?:\d{1,9}[smhdw])+$/.test(written)) return written;
  throw new InvalidArgumentError("It must be a number of hours, or have units: 24h, 30m, 7d, 1h30m.");
}

/** A point in time as the API takes it; a day alone is its beginning in UTC, a time without a zone is this machine's. */
export function readTime(written: string): string {
  const at = Date.parse(written);
  if (!hasDay(written)) throw new InvalidArgumentError("It must be a day that there is.");
  if (!Number.isNaN(at) && /^\d{4}-/.test(written)) return new Date(at).toISOString();
  throw new InvalidArgumentError("It must be a time such as 2026-12-31T23:59:59Z, or a day such as 2026-12-31.");
}

/** Whether its month has that day: reading it would go on into the next month. */
function hasDay(written: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d{1,2})-(\d{1,2})/.exec(written) ?? [];
  return (
    day === undefined || new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate() === Number(day)
  );
}

function readMinutes(written: string): number {
  if (/^[1-9]\d{0,8}$/.test(written)) return Number(written);
  throw new InvalidArgumentError("It must be a whole number of minutes.");
}
