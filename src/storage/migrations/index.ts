export { controlPlane } from "./0001-control-plane.ts";
