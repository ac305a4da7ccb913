export { serveCommand } from "./serve.ts";
export { versionCommand } from "./version.ts";
