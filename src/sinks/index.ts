export { file } from "./file.ts";
export { langfuse } from "./langfuse.ts";
export { otlp } from "./otlp.ts";
