import { listChoices, listPlaces, listSteps } from "./cases.ts";
import type { Flag, Node } from "./tree.ts";

/** A script that teaches fish the program's words, with what they mean. */
export function writeFish(nodes: readonly Node[]): string {
  const valued = [
    ...listPlaces(nodes, "file"),
    ...listChoices(nodes).map(({ place }) => place),
    ...listPlaces(nodes, "text"),
  ];
  return `# The words of weir for fish. For good: weir completion fish > ~/.config/fish/completions/weir.fish
function __weir_node
    set -l node weir
    set -l skip 0
    set -l args (commandline -opc)
    set -e args[1]
    for word in $args
        if test $skip -eq 1
            set skip 0
            continue
        end
        switch "$node $word"
            case '* --'
                # What comes now is another program's.
                echo program
                return
            case ${join(valued)}
                set skip 1
${listSteps(nodes)
  .map((step) => `            case ${join(step.places)}\n                set node ${quote(step.path)}`)
  .join("\n")}
        end
    end
    echo $node
end
function __weir_at
    test (__weir_node) = "$argv"
end
complete -c weir -f
complete -c weir -n '__weir_at program' -F
${nodes.flatMap(writeNode).join("\n")}
`;
}

function writeNode({ path, commands, options, choices }: Node): readonly string[] {
  const at = `complete -c weir -n ${quote(`__weir_at ${path}`)}`;
  return [
    ...commands.flatMap(({ names, about }) => names.map((name) => `${at} -a ${quote(name)} -d ${quote(about)}`)),
    ...(choices.length === 0 ? [] : [`${at} -a ${quote(choices.join(" "))}`]),
    ...options.flatMap((flag) => flag.names.map((name) => `${at} ${writeFlag(name, flag)} -d ${quote(flag.about)}`)),
  ];
}

function writeFlag(name: string, { value }: Flag): string {
  const word = name.startsWith("--") ? `-l ${quote(name.slice(2))}` : `-s ${quote(name.slice(1))}`;
  switch (value.kind) {
    case "none":
      return word;
    case "text":
      return `${word} -x`;
    case "file":
      return `${word} -r -F`;
    case "choice":
      return `${word} -x -a ${quote(value.choices.join(" "))}`;
  }
}

function join(places: readonly string[]): string {
  return places.map(quote).join(" ");
}

/** In fish's single quotes a backslash and a quote are escaped. */
function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
