import { createHash } from "node:crypto";

import { type Base64Media, mediaPlaceholder } from "./base64-media.ts";
import type { HttpService } from "./http-delivery.ts";
import { type MediaPiece, uploadMedia } from "./langfuse-upload.ts";

/** An observation and the media in its input. */
export type MediaOwner = {
  readonly traceId: string;
  readonly observationId: string;
  readonly media: readonly Base64Media[];
};

/** What became of media. */
type StoredMedia = {
  /** What stands for a piece: a reference that Langfuse resolves, else what it was. */
  readonly textOf: (media: Base64Media) => string;
  /** Whether the store did its work; it may still have refused single pieces. */
  readonly healthy: boolean;
};

/** Langfuse's store of images, sounds and files; it never throws. */
export type LangfuseMedia = {
  /** Puts each piece there once, all of them within one deadline. */
  readonly store: (owners: readonly MediaOwner[], signal: AbortSignal) => Promise<StoredMedia>;
  /** Asks nothing of the store for a while. */
  readonly rest: () => void;
};

/** What the store is reached with; times in milliseconds. */
export type LangfuseMediaParts = {
  readonly service: HttpService;
  readonly baseUrl: string;
  /** For all media of one delivery together. */
  readonly timeoutMs?: number;
  readonly restMs?: number;
};

/** A piece on its way, and what stands for it where Langfuse won't take it. */
type Piece = MediaPiece & { readonly placeholder: string };

const atOnce = 4;
const rememberedPieces = 1000;
/** Langfuse deletes media with their trace or for their age, so that an old memory may be wrong. */
const rememberedMs = 3_600_000;

/** Uploads base64 media, and remembers what is there. */
export function createLangfuseMedia(parts: LangfuseMediaParts): LangfuseMedia {
  const { service, baseUrl, timeoutMs = 5_000, restMs = 30_000 } = parts;
  const remembered = new Map<string, { readonly text: string; readonly until: number }>();
  let restsUntil = 0;

  const recall = (key: string): string | undefined => {
    const found = remembered.get(key);
    return found !== undefined && service.now() < found.until ? found.text : undefined;
  };

  const remember = (key: string, text: string): void => {
    remembered.delete(key);
    remembered.set(key, { text, until: service.now() + rememberedMs });
    const [oldest] = remembered.keys();
    if (remembered.size > rememberedPieces && oldest !== undefined) remembered.delete(oldest);
  };

  /** Whether the piece is settled: stored, or refused for good. */
  const settle = async (piece: Piece, signal: AbortSignal): Promise<boolean> => {
    const key = keyOf(piece);
    if (recall(key) !== undefined) return true;
    try {
      remember(key, (await uploadMedia(service, baseUrl, piece, signal)) ?? piece.placeholder);
      return true;
    } catch {
      return false;
    }
  };

  return {
    store: async (owners, signal) => {
      const pieces = readPieces(owners);
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
      const resting = service.now() < restsUntil;
      const healthy = resting || (await everyOne(pieces.values(), (piece) => settle(piece, deadline)));
      return { healthy, textOf: (media) => recall(keyOf(pieces.get(media.data))) ?? mediaPlaceholder(media) };
    },
    rest: () => {
      restsUntil = service.now() + restMs;
    },
  };
}

/** Pieces by their base64 text; what stands in several places is one piece. */
function readPieces(owners: readonly MediaOwner[]): ReadonlyMap<string, Piece> {
  const pieces = new Map<string, Piece>();
  for (const owner of owners) {
    for (const media of owner.media) {
      if (pieces.has(media.data)) continue;
      const bytes = Buffer.from(media.data, "base64");
      const sha256 = createHash("sha256").update(bytes).digest("base64");
      const { traceId, observationId } = owner;
      pieces.set(media.data, {
        traceId,
        observationId,
        type: media.type,
        bytes,
        sha256,
        placeholder: mediaPlaceholder(media),
      });
    }
  }
  return pieces;
}

function keyOf(piece: Piece | undefined): string {
  return piece === undefined ? "" : `${piece.type} ${piece.sha256}`;
}

/** Does the work a few at a time; true where all of it went well. */
async function everyOne(pieces: Iterable<Piece>, work: (piece: Piece) => Promise<boolean>): Promise<boolean> {
  const waiting = pieces[Symbol.iterator]();
  let all = true;
  const takeNext = async (): Promise<void> => {
    for (let next = waiting.next(); next.done !== true; next = waiting.next()) {
      all = (await work(next.value)) && all;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, takeNext));
  return all;
}
