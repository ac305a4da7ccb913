export { langfuse } from "./langfuse.ts";
export { otlp } from "./otlp.ts";
