export { file } from "./file.ts";
export { langfuse } from "./langfuse.ts";
export { otlp } from "./otlp.ts";
export { store } from "./store.ts";
