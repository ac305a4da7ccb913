import { families, noFamilyRefusal } from "../dialects/family.ts";
import { Refusal } from "../domain/refusal.ts";
import type { Arrival } from "./arrival.ts";
import { addIds } from "./respond.ts";
import type { Route } from "./route.ts";

/** Answers with an error of ours, in the shape that the route's dialect has for errors. */
export function createRefusalResponse(
  error: unknown,
  arrival: Pick<Arrival, "id" | "traceId" | "method">,
  route: Route | undefined,
): Response {
  const refusal = error instanceof Refusal ? error : new Refusal("internal_error", { cause: error });
  const headers = new Headers({ "content-type": "application/json", "x-weir-error": refusal.code, ...refusal.headers });
  addIds(headers, arrival);
  const body = route ? families[route.dialect.family].refusal(refusal, arrival.id) : noFamilyRefusal(refusal);
  return new Response(arrival.method === "HEAD" ? null : body, { status: refusal.status, headers });
}
