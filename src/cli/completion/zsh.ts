import { listChoices, listPlaces, listSteps } from "./cases.ts";
import { quote, quoteAll } from "./quote.ts";
import type { Node } from "./tree.ts";

/** A script that teaches zsh the program's words, with what they mean. */
export function writeZsh(nodes: readonly Node[]): string {
  const files = listPlaces(nodes, "file");
  const choices = listChoices(nodes);
  const texts = listPlaces(nodes, "text");
  const valued = [...files, ...choices.map(({ place }) => place), ...texts];
  return `#compdef weir
# The words of weir for zsh. For good: weir completion zsh > a folder of $fpath/_weir
_weir() {
  local node=weir
  local -a candidates
  local -i at
  for ((at = 2; at < CURRENT; at++)); do
    if [[ \${words[at]} == -- ]]; then
      # What comes now is another program's.
      if ((at == CURRENT - 1)); then _command_names; else _files; fi
      return
    fi
    case "$node \${words[at]}" in
      (${quoteAll(valued)}) ((at += 1)) ;;
${listSteps(nodes)
  .map((step) => `      (${quoteAll(step.places)}) node=${quote(step.path)} ;;`)
  .join("\n")}
    esac
  done
  case "$node \${words[CURRENT - 1]}" in
    (${quoteAll(files)}) _files; return ;;
${choices.map((choice) => `    (${quote(choice.place)}) compadd -- ${choice.choices.map(quote).join(" ")}; return ;;`).join("\n")}
    (${quoteAll(texts)}) return ;;
  esac
  case "$node" in
${nodes.map((node) => `    (${quote(node.path)}) candidates=(${listCandidates(node).join(" ")}) ;;`).join("\n")}
  esac
  _describe weir candidates
}
if [[ \${funcstack[1]} == _weir ]]; then _weir "$@"; else compdef _weir weir; fi
`;
}

/** Each a word, and behind a colon what it means. */
function listCandidates({ commands, options, choices }: Node): readonly string[] {
  const described = [...commands, ...options].flatMap(({ names, about }) => names.map((name) => ({ name, about })));
  const plain = choices.map((name) => ({ name, about: "" }));
  return [...described, ...plain].map(({ name, about }) => quote(`${name.replaceAll(":", "\\:")}:${about}`));
}
