/** What a child of ours is started with. */
export type ChildArguments = { readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> };

/** The variable that says what the option says, whose value nobody may read in a list of processes. */
const hidden: Readonly<Record<string, string>> = { "--key": "ANTHROPIC_API_KEY", "-k": "ANTHROPIC_API_KEY" };

/** Takes keys out of arguments that are passed on to a child, which gets them by its environment. */
export function hideKeys(args: readonly string[]): ChildArguments {
  const kept: string[] = [];
  const env: Record<string, string> = {};
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? "";
    const [option, joined] = split(arg);
    const variable = hidden[option];
    if (variable === undefined) {
      kept.push(arg);
      continue;
    }
    if (joined === undefined) at += 1;
    env[variable] = joined ?? args[at] ?? "";
  }
  return { args: kept, env };
}

/** `--key=value` and `-kvalue` are an option with its value. */
function split(arg: string): readonly [option: string, value?: string] {
  if (arg.startsWith("--")) {
    const at = arg.indexOf("=");
    return at === -1 ? [arg] : [arg.slice(0, at), arg.slice(at + 1)];
  }
  return arg.startsWith("-k") && arg.length > 2 ? ["-k", arg.slice(2).replace(/^=/, "")] : [arg];
}
