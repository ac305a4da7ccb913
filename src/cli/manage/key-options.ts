import type { Command } from "commander";
import type { SecretOption } from "../secret-options.ts";
import { ManageFault } from "./fault.ts";

/** Options that give provider keys. */
export type KeyOptions = {
  readonly openaiKey?: string;
  readonly anthropicKey?: string;
  readonly geminiKey?: string;
  /** `provider=key` each. */
  readonly key?: readonly string[];
};

/** A provider's key as the command line gives it. */
export type KeyOption = SecretOption & { readonly provider: string };

/** Adds them to a command. */
export function addKeyOptions(command: Command): Command {
  return command
    .option("--openai-key <key>", "the OpenAI key; - reads it from the standard input")
    .option("--anthropic-key <key>", "the Anthropic key; - reads it from the standard input")
    .option("--gemini-key <key>", "the Gemini key; - reads it from the standard input")
    .option("--key <provider=key>", "the key of any provider; again for another one", collect);
}

/** Gathers the values of an option that may be given again. */
export function collect(written: string, before: readonly string[] = []): readonly string[] {
  return [...before, written];
}

/** Lists those that were given. Throws a `ManageFault`, which shows none of them. */
export function listKeyOptions({ openaiKey, anthropicKey, geminiKey, key = [] }: KeyOptions): readonly KeyOption[] {
  const options = [
    ...fixed("openai", "OpenAI key", openaiKey),
    ...fixed("anthropic", "Anthropic key", anthropicKey),
    ...fixed("gemini", "Gemini key", geminiKey),
    ...key.map(readPair),
  ];
  const twice = options.find(({ provider }, at) => options.findIndex((other) => other.provider === provider) !== at);
  if (twice) throw new ManageFault(2, `There are two keys for ${twice.provider}: give one of them`);
  return options;
}

function fixed(provider: string, what: string, written: string | undefined): readonly KeyOption[] {
  return written === undefined ? [] : [{ provider, flag: `--${provider}-key`, what, written, secret: written }];
}

function readPair(written: string): KeyOption {
  const [, provider = "", secret = ""] = /^([^=]+)=(.+)$/s.exec(written) ?? [];
  if (secret === "") throw new ManageFault(2, "--key must be provider=key, such as groq=-; its value isn't shown");
  return { provider, flag: "--key", what: `key of ${provider}`, written, secret };
}
