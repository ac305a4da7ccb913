import { isDatabaseFailure } from "../storage/database-failure.ts";

/** Whether the database answers, and takes what is written. */
export type DatabaseState = "ok" | "unreachable" | "not_writable";

/** Knows how the database is. */
export type DatabaseLife = {
  /** Asks it for a sign of life, at most every other second; never rejects. */
  readonly check: () => Promise<DatabaseState>;
  /** Gives what a write gives. Once one has failed, `check` writes something itself until that is possible again. */
  readonly watch: <T>(write: Promise<T>) => Promise<T>;
};

/** What it is made of. Milliseconds. */
export type DatabaseLifeParts = {
  /** The monotonic clock. */
  readonly elapsed: () => number;
  /** Reads something, and writes something that changes nothing; both reject where it isn't possible. */
  readonly read: () => Promise<unknown>;
  readonly write: () => Promise<unknown>;
  /** How long an answer holds. */
  readonly freshMs?: number;
};

/** How long a sign of life is waited for. Milliseconds. */
const withinMs = 1_000;

/** Creates it. */
export function createDatabaseLife({ elapsed, read, write, freshMs = 2_000 }: DatabaseLifeParts): DatabaseLife {
  let asked = { at: Number.NEGATIVE_INFINITY, answer: Promise.resolve<DatabaseState>("unreachable") };
  let writable = true;

  return {
    check() {
      const at = elapsed();
      if (at - asked.at >= freshMs) asked = { at, answer: look() };
      return asked.answer;
    },
    async watch(writing) {
      try {
        return await writing;
      } catch (error) {
        if (isDatabaseFailure(error)) writable = false;
        throw error;
      }
    },
  };

  async function look(): Promise<DatabaseState> {
    if (!(await succeeds(read))) return "unreachable";
    if (!writable) writable = await succeeds(write);
    return writable ? "ok" : "not_writable";
  }
}

function succeeds(work: () => Promise<unknown>): Promise<boolean> {
  const answer = work().then(
    () => true,
    () => false,
  );
  return Promise.race([answer, Bun.sleep(withinMs).then(() => false)]);
}
