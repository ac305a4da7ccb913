export { doctorCommand } from "./doctor.ts";
export { mockCommand } from "./mock.ts";
export { outboxCommand } from "./outbox.ts";
export { reloadCommand } from "./reload.ts";
export { runCommand } from "./run.ts";
export { serveCommand } from "./serve.ts";
export { versionCommand } from "./version.ts";
