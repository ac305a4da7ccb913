import { expect, test } from "bun:test";
import type { Setting } from "../lib/setting.ts";
import { readDotenv } from "./dotenv.ts";
import { readConfig } from "./read-config.ts";
import { writeEnvExample, writeReference } from "./reference.ts";
import { registry } from "./registry.ts";
import { replacedNames } from "./replaced-names.ts";
import { listTopics } from "./topics.ts";

const topics = listTopics(registry);
const settings = topics.flatMap((topic): readonly Setting[] => Object.values(topic.settings));
const page = writeReference(topics);
const example = writeEnvExample(topics);

test("every name of every setting is on the page", () => {
  for (const { env, aliases = [], flag, yaml } of settings) {
    for (const name of [env, flag, yaml, ...aliases]) {
      if (name !== undefined) expect(page).toContain(`\`${name}\``);
    }
  }
});

test("no two settings share a name", () => {
  const names = settings.flatMap(({ env, aliases = [], flag, yaml }) =>
    [env, flag, yaml, ...aliases].filter((name) => name !== undefined),
  );
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
});

test.each(
  settings
    .filter(({ default: written }) => written !== undefined)
    .map((setting) => [setting.env ?? setting.yaml ?? "", setting] as const),
)("the default of %s is what holds without it", (_, { schema, default: written }) => {
  expect(schema.parse(written)).toEqual(schema.parse(undefined));
});

test("every setting is a sentence for people, and none is required", () => {
  for (const { env, yaml, help, schema } of settings) {
    expect(`${env ?? yaml}: ${help}`).toMatch(/^\S+: \S.*[.)]$/);
    expect(schema.safeParse(undefined).success).toBe(true);
  }
});

test("the example sets nothing but the names that wait to be filled in", () => {
  expect(readDotenv(example)).toEqual({
    variables: { LANGFUSE_PUBLIC_KEY: "", LANGFUSE_SECRET_KEY: "" },
    badLines: [],
  });
});

test("the example says what holds anyway, each line uncommented too", () => {
  const uncommented = example.replaceAll(/^# (?=[A-Z_]+=)/gm, "");
  expect(Object.keys(readDotenv(uncommented).variables)).toEqual(settings.flatMap(({ env }) => env ?? []));
  const read = (text: string) => ({ ...readConfig({ files: { dotenv: { path: ".env", text } } }), sources: {} });
  expect(read(uncommented)).toEqual({ ...readConfig({}), sources: {} });
  expect(read(example)).toEqual({ ...readConfig({}), sources: {} });
});

test("what became of each name of old is what its setting says", () => {
  for (const { name, fate, note } of replacedNames) {
    const works = settings.some(({ env }) => env === name);
    const isAlias = settings.some(({ aliases }) => aliases?.includes(name));
    expect([name, fate]).toEqual([name, works ? "works" : isAlias ? "alias" : "no effect"]);
    if (fate === "no effect") expect(note).toBeDefined();
    expect(page).toContain(`| \`${name}\` |`);
  }
});

test("every row of a table has as many cells as its head", () => {
  const widths = page
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split(/(?<!\\)\|/).length);
  expect(new Set(widths)).toEqual(new Set([6]));
});
