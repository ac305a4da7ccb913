// "node scripts/run.mjs <arguments of Bun>": Bun with this project's settings, its dependencies installed where they are missing.
import { launch } from "./launcher.mjs";

const args = process.argv.slice(2);
// The program itself needs no development tools.
launch(args, { dev: args[0] !== "src/cli/main.ts" });
