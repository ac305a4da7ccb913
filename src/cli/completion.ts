import { Argument } from "commander";
import type { CliCommand } from "./command.ts";
import { writeBash } from "./completion/bash.ts";
import { writeFish } from "./completion/fish.ts";
import { listNodes, type Node } from "./completion/tree.ts";
import { writeZsh } from "./completion/zsh.ts";

const help = `
  $ source <(weir completion bash)
  $ weir completion bash > ~/.local/share/bash-completion/completions/weir
  $ weir completion zsh > "\${fpath[1]}/_weir"
  $ weir completion fish > ~/.config/fish/completions/weir.fish
`;

const writers: Readonly<Record<string, (nodes: readonly Node[]) => string>> = {
  bash: writeBash,
  zsh: writeZsh,
  fish: writeFish,
};

/** `weir completion`. */
export const completionCommand: CliCommand = {
  register(program) {
    program
      .command("completion")
      .description("print what makes a shell complete the commands and options of weir")
      .addArgument(new Argument("<shell>", "for which shell").choices(Object.keys(writers)))
      .addHelpText("after", help)
      .action((shell: string) => {
        console.log(writers[shell]?.(listNodes(program)).trimEnd());
      });
  },
};
