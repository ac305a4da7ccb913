import { listChoices, listPlaces, listSteps } from "./cases.ts";
import { quote, quoteAll } from "./quote.ts";
import type { Node } from "./tree.ts";

/** A script that teaches bash the program's words. */
export function writeBash(nodes: readonly Node[]): string {
  const files = listPlaces(nodes, "file");
  const choices = listChoices(nodes);
  const valued = [...files, ...choices.map(({ place }) => place), ...listPlaces(nodes, "text")];
  return `# The words of weir for bash. For good: weir completion bash > ~/.local/share/bash-completion/completions/weir
_weir() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" path=weir words= at
  COMPREPLY=()
  # Bash takes an = for a word of its own.
  if [[ $current == = ]]; then current=; elif [[ $previous == = ]]; then previous="\${COMP_WORDS[COMP_CWORD - 2]}"; fi
  for ((at = 1; at < COMP_CWORD; at++)); do
    if [[ \${COMP_WORDS[at]} == -- ]]; then
      # What comes now is another program's.
      if ((at == COMP_CWORD - 1)); then COMPREPLY=($(compgen -c -- "$current")); else compopt -o default; fi
      return
    fi
    case "$path \${COMP_WORDS[at]}" in
      ${quoteAll(valued)}) if [[ \${COMP_WORDS[at + 1]} == = ]]; then ((at += 2)); else ((at += 1)); fi ;;
${listSteps(nodes)
  .map((step) => `      ${quoteAll(step.places)}) path=${quote(step.path)} ;;`)
  .join("\n")}
    esac
  done
  case "$path $previous" in
    ${quoteAll(files)}) compopt -o default; return ;;
${choices.map((choice) => `    ${quote(choice.place)}) COMPREPLY=($(compgen -W ${quote(choice.choices.join(" "))} -- "$current")); return ;;`).join("\n")}
    ${quoteAll(listPlaces(nodes, "text"))}) return ;;
  esac
  case "$path" in
${nodes.map((node) => `    ${quote(node.path)}) words=${quote(listWords(node).join(" "))} ;;`).join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _weir weir
`;
}

function listWords({ commands, options, choices }: Node): readonly string[] {
  return [...commands.flatMap(({ names }) => names), ...choices, ...options.flatMap(({ names }) => names)];
}
