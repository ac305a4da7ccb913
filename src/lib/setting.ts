import type { z } from "zod";

/** One thing that an operator can set: its names, what is right, what holds without it, and the sentence that docs and errors print. */
export type Setting<T = unknown> = {
  /** The environment variable, `LANGFUSE_BASE_URL`; absent where only the file can say it. */
  readonly env?: string;
  /** Other variables that mean exactly the same. */
  readonly aliases?: readonly string[];
  /** Its dotted place in `weir.yaml`; by default none. */
  readonly yaml?: string;
  /** Its command-line option, `--port`. */
  readonly flag?: string;
  /** Reads text (from the environment, a flag) or a YAML value; its message says what would be right. */
  readonly schema: z.ZodType<T>;
  /** How the default is written in docs; absent where unset means off. */
  readonly default?: string;
  /** One sentence. */
  readonly help: string;
  /** Its value is never shown. */
  readonly secret?: true;
};

/** Settings by the name that code knows them by. */
export type Settings = Readonly<Record<string, Setting>>;

/** What the settings read as; a setting without a default may be `undefined`. */
export type SettingValues<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};
