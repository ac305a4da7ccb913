import type { Setting } from "../lib/setting.ts";
import { type ReplacedName, replacedNames } from "./replaced-names.ts";
import type { Topic } from "./topics.ts";

const introduction = `# Configuration

<!-- Made by \`bun scripts/docs.ts\` from the declarations in the code; changes here are overwritten. -->

Everything is checked at the start. What is wrong is told all at once, with its name and what would be right, and the exit code is 2.

- **Order**: options of the command line, over the environment, over \`.env\`, over \`weir.yaml\`, over the defaults.
- **\`.env\`** is read from the working directory, or from the file that \`--env\` names: \`NAME=value\`, with or without \`export\` and quotes, and \`#\` before a comment.
- **\`weir.yaml\`** is read from the working directory, or from the file that \`--config\` names. \`\${NAME}\` in a value is the variable of that name, which must be set. An unknown key is an error.
- **Empty** counts as not set.
- **Whole numbers** are digits alone, or \`1e6\`. **Durations** are milliseconds, or have units: \`500ms\`, \`30s\`, \`1h30m\`, \`7d\`. **Sizes** are bytes, or have units of 1024: \`512KB\`, \`10MB\`, \`2GB\`. **Lists** have commas between; in YAML they may be lists. **true** may be written \`1\`, \`yes\` or \`on\`, **false** \`0\`, \`no\` or \`off\`.

\`\`\`yaml
port: 3000
providers:
  deepseek: { base_url: https://api.deepseek.com, dialect: openai, key: \${DEEPSEEK_API_KEY} }
  kimi: { base_url: https://api.moonshot.ai/anthropic, dialect: anthropic }
sinks:
  langfuse: { bodies: metadata, sample: 0.1 }
\`\`\`
`;

/** The page that lists every setting, as Markdown. */
export function writeReference(topics: readonly Topic[]): string {
  return [introduction, ...topics.map(writeTopic), writeReplaced(topics)].join("\n");
}

function writeTopic({ title, about, settings }: Topic): string {
  const rows = Object.values(settings).map(writeRow);
  const head = "| setting | in `weir.yaml` | default | meaning |\n| --- | --- | --- | --- |";
  return `## ${title}\n\n${about === undefined ? "" : `${about}\n\n`}${head}\n${rows.join("\n")}\n`;
}

function writeRow({ env, aliases = [], flag, yaml, default: unset, help }: Setting): string {
  const also = [...aliases, ...(flag === undefined ? [] : [flag])];
  const names = [...(env === undefined ? [] : [code(env)]), ...also.map((name) => `also ${code(name)}`)].join("<br>");
  return `| ${names} | ${code(yaml)} | ${code(unset)} | ${cell(help)} |`;
}

function writeReplaced(topics: readonly Topic[]): string {
  const rows = replacedNames.map(
    (replaced) =>
      `| ${code(replaced.name)} | ${replaced.systems.join(", ")} | ${describeFate(replaced, topics)} | ${cell(replaced.note ?? "")} |`,
  );
  const head = "| variable | of | here | what is different |\n| --- | --- | --- | --- |";
  return `## Names of the systems that Weir replaces\n\n${head}\n${rows.join("\n")}\n`;
}

function describeFate({ name, fate }: ReplacedName, topics: readonly Topic[]): string {
  if (fate !== "alias") return fate;
  const settings = topics.flatMap((topic): readonly Setting[] => Object.values(topic.settings));
  return `alias of ${code(settings.find(({ aliases }) => aliases?.includes(name))?.env)}`;
}

/** The settings that `.env.example` leaves empty to be filled in; nothing else of it may override what an image sets. */
const toFillIn = new Set(["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"]);

/** A `.env` that changes nothing: each variable is a comment with its default. */
export function writeEnvExample(topics: readonly Topic[]): string {
  const parts = topics.flatMap(({ title, settings }) => {
    const lines = Object.values(settings).flatMap((setting: Setting) => writeVariable(setting));
    return lines.length === 0 ? [] : [`# --- ${title} ---\n${lines.join("\n")}\n`];
  });
  return `# Made by bun scripts/docs.ts. Copy it to .env; docs/configuration.md says more.\n\n${parts.join("\n")}`;
}

function writeVariable({ env, default: unset = "", help }: Setting): readonly string[] {
  if (env === undefined) return [];
  const assignment = `${env}=${unset}`;
  return ["", ...wrap(help.replaceAll("`", "")), toFillIn.has(env) ? assignment : `# ${assignment}`];
}

function wrap(text: string): readonly string[] {
  return text.match(/\S(?:.{0,106}\S)?(?=\s|$)/g)?.map((line) => `# ${line}`) ?? [];
}

function code(text: string | undefined): string {
  return text === undefined || text === "" ? "" : `\`${cell(text)}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
