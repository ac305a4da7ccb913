export { doctorCommand } from "./doctor.ts";
export { outboxCommand } from "./outbox.ts";
export { runCommand } from "./run.ts";
export { serveCommand } from "./serve.ts";
export { versionCommand } from "./version.ts";
