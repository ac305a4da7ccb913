import { createApi } from "./api.ts";
import type { ManagementParts } from "./parts.ts";
import { createRefusalLog } from "./refusal-log.ts";

/** The routes with the types of what they take and answer, for `hc<ManagementApi>`. */
export type ManagementApi = ReturnType<typeof createApi>;

/** Answers what is under `/manage` and `/api/docs`. */
export type Management = {
  /** `peerAddress` is that of the connection. */
  readonly fetch: (request: Request, peerAddress: string) => Promise<Response>;
  /** Writes to the audit what was only counted so far. */
  readonly close: () => Promise<void>;
};

/** Creates the management API. */
export function createManagement(parts: ManagementParts): Management {
  const { changes, now, onFault } = parts;
  const refusals = createRefusalLog({
    changes,
    now,
    onFault: (error, { requestId = "" }) => onFault(error, requestId),
  });
  const api = createApi(parts, refusals);
  return {
    fetch: async (request, peerAddress) => api.fetch(request, { peerAddress }),
    close: () => refusals.close(),
  };
}
