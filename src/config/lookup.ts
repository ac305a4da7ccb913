import type { Setting } from "../lib/setting.ts";

/** A value that an operator gave, under the name that they gave it. */
export type Given = { readonly name: string; readonly value: unknown };

/** The names by which a setting may be given. */
export type SettingNames = Pick<Setting, "env" | "aliases" | "flag" | "yaml">;

/** Finds what was given for a setting: flags over environment over `.env` over YAML over a command's own defaults; empty counts as not given. */
export type Lookup = {
  readonly find: (names: SettingNames) => Given | undefined;
  /** What each of a setting's variables says, for those that say different things. */
  readonly findVariables: (names: SettingNames) => readonly Given[];
  /** A variable of the environment or of `.env`. */
  readonly findVariable: (name: string) => string | undefined;
};

/** Texts by name. */
export type Texts = Readonly<Record<string, string | undefined>>;

/** Looks things up in what was read; `yaml` is the file's tree. */
export function createLookup({
  flags = {},
  env = {},
  dotenv = {},
  yaml = {},
  defaults = {},
}: {
  flags?: Texts;
  env?: Texts;
  dotenv?: Texts;
  yaml?: Readonly<Record<string, unknown>>;
  defaults?: Texts;
}): Lookup {
  const findVariable = (name: string) => present(env[name]) ?? present(dotenv[name]);
  return {
    find({ env: variable, aliases = [], flag, yaml: path }) {
      const variables = variable === undefined ? aliases : [variable, ...aliases];
      return (
        (flag === undefined ? undefined : given(flag, flags[flag])) ??
        firstOf(variables, env) ??
        firstOf(variables, dotenv) ??
        (path === undefined ? undefined : given(path, valueAt(yaml, path))) ??
        firstOf(variables, defaults)
      );
    },
    findVariables({ env: variable, aliases = [] }) {
      const variables = variable === undefined ? aliases : [variable, ...aliases];
      return variables.flatMap((name) => given(name, findVariable(name)) ?? []);
    },
    findVariable,
  };
}

function firstOf(names: readonly string[], texts: Texts): Given | undefined {
  const name = names.find((candidate) => present(texts[candidate]) !== undefined);
  return name === undefined ? undefined : { name, value: texts[name] };
}

function given(name: string, value: unknown): Given | undefined {
  const there = typeof value === "string" ? present(value) : (value ?? undefined);
  return there === undefined ? undefined : { name, value: there };
}

function present(written: string | undefined): string | undefined {
  return written === undefined || written.trim() === "" ? undefined : written;
}

function valueAt(tree: unknown, path: string): unknown {
  let at = tree;
  for (const key of path.split(".")) {
    if (!isTree(at) || !Object.hasOwn(at, key)) return undefined;
    at = at[key];
  }
  return at;
}

/** A YAML map. */
export function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
