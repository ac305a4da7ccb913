import { ManageFault } from "./fault.ts";

/** Keeps a token's text, or a key, that was taken for a name or an id from being sent anywhere. Throws a `ManageFault`. */
export function refuseSecret(called: string): void {
  if (/^(?:sk-|AIza)/.test(called))
    throw new ManageFault(
      2,
      "This looks like a secret, and tokens are named by their ids: weir manage token list shows them",
    );
}

/** An id as a part of a path. Throws a `ManageFault`. */
export function toPathPart(id: string): string {
  refuseSecret(id);
  if (/^[\w-]+$/.test(id)) return id;
  throw new ManageFault(
    2,
    "An id consists of letters, digits and -; weir manage token list shows those that there are",
  );
}
