import { restartWithRuntimeSettings } from "./runtime-settings.ts";

restartWithRuntimeSettings();

// Only now: a process that is about to start anew would load it for nothing.
const { runProgram } = await import("./program.ts");
await runProgram();
