import type { Management } from "./management.ts";
import type { ManagementParts } from "./parts.ts";

/** The management, whose libraries are loaded with its first request: a gateway that nobody manages does without them. */
export type LazyManagement = {
  readonly answer: (request: Request, peer: () => string) => Promise<Response>;
  readonly close: () => Promise<void>;
};

/** Creates it; the store is `undefined` as long as there is none, and `createParts` is called once. */
export function createLazyManagement<Store>(
  findStore: () => Store | undefined,
  createParts: (store: Store) => ManagementParts,
): LazyManagement {
  let loading: Promise<Management> | undefined;
  return {
    async answer(request, peer) {
      // The connection may be gone by the time that it is loaded.
      const address = peer();
      const store = findStore();
      if (store === undefined) return answerUnavailable();
      loading ??= import("./management.ts").then(({ createManagement }) => createManagement(createParts(store)));
      return (await loading).fetch(request, address);
    },
    close: async () => (await loading)?.close(),
  };
}

function answerUnavailable(): Response {
  const error = {
    message: "The database has not been reached yet. Send the request again in a moment.",
    code: "dependency_unavailable",
  };
  return Response.json(
    { error },
    {
      status: 503,
      headers: { "retry-after": "1", "x-weir-error": "dependency_unavailable", "cache-control": "no-store" },
    },
  );
}
