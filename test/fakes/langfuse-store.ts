import { createHash } from "node:crypto";

/** How the fake's media store behaves; `put-hang` gives a place that never takes the bytes, `put-500` one that fails. */
export type FakeMediaMode = "ok" | "hang" | "500" | "400" | "put-hang" | "put-500";

/** A medium that was announced, uploaded and confirmed, as far as it came. */
export type FakeMedium = {
  readonly mediaId: string;
  readonly sha256: string;
  readonly contentType: string;
  readonly contentLength: number;
  /** Where it belongs, `<traceId>/<observationId>/<field>`. */
  readonly links: readonly string[];
  readonly bytes?: Uint8Array;
  /** How often bytes came for it. */
  readonly uploads: number;
  readonly confirmed: boolean;
};

/** A request, read whole. */
export type FakeRequest = {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
};

/** The media endpoints of the fake, and the storage behind them. */
export type FakeMediaStore = {
  mode: FakeMediaMode;
  readonly all: () => readonly FakeMedium[];
  /** Answers for a media path, `"hang"` where it never will; `undefined` for other paths. */
  readonly answer: (request: FakeRequest, authorized: boolean) => Response | "hang" | undefined;
  readonly reset: () => void;
};

/** Creates Langfuse's media store: ids made of hashes, a place for bytes that it hasn't got, checksums verified. */
export function createFakeMediaStore(): FakeMediaStore {
  const media = new Map<string, FakeMedium>();

  const announce = ({ url, body }: FakeRequest): Response => {
    const { traceId, observationId, field, contentType, contentLength, sha256Hash } = readJson(body);
    if (typeof traceId !== "string" || typeof observationId !== "string") return fault("traceId or observationId");
    if (typeof contentType !== "string" || typeof contentLength !== "number")
      return fault("contentType or contentLength");
    if (field !== "input" && field !== "output" && field !== "metadata") return fault("field");
    if (typeof sha256Hash !== "string" || Buffer.from(sha256Hash, "base64").length !== 32) return fault("sha256Hash");
    const mediaId = sha256Hash.replaceAll("+", "-").replaceAll("/", "_").slice(0, 22);
    const known = media.get(mediaId) ?? { uploads: 0, confirmed: false, links: [] };
    const links = [...new Set([...known.links, `${traceId}/${observationId}/${field}`])];
    media.set(mediaId, { ...known, mediaId, sha256: sha256Hash, contentType, contentLength, links });
    const uploadUrl = known.confirmed ? null : `${url.origin}/storage/${mediaId}?signature=s3cret`;
    return Response.json({ mediaId, uploadUrl }, { status: 201 });
  };

  const take = ({ headers, body }: FakeRequest, mediaId: string): Response => {
    const known = media.get(mediaId);
    const sha256 = createHash("sha256").update(body).digest("base64");
    if (headers.has("authorization")) return storageFault("AuthorizationQueryParametersError");
    if (known?.sha256 !== sha256 || known.contentLength !== body.length) return storageFault("EntityTooLarge");
    if (headers.get("x-amz-checksum-sha256") !== sha256) return storageFault("BadDigest");
    if (headers.get("content-type") !== known.contentType) return storageFault("SignatureDoesNotMatch");
    media.set(mediaId, { ...known, bytes: body, uploads: known.uploads + 1 });
    return new Response(null, { status: 200 });
  };

  const confirm = ({ body }: FakeRequest, mediaId: string): Response => {
    const { uploadedAt, uploadHttpStatus } = readJson(body);
    const known = media.get(mediaId);
    if (known === undefined) return Response.json({ message: "Media asset not found" }, { status: 404 });
    if (typeof uploadedAt !== "string" || Number.isNaN(Date.parse(uploadedAt))) return fault("uploadedAt");
    media.set(mediaId, { ...known, confirmed: uploadHttpStatus === 200 && known.bytes !== undefined });
    return Response.json({});
  };

  const store: FakeMediaStore = {
    mode: "ok",
    all: () => [...media.values()],
    reset: () => media.clear(),
    answer: (request, authorized) => {
      const [, place, id = ""] = /^\/(storage|api\/public\/media)(?:\/([^/]+))?$/.exec(request.url.pathname) ?? [];
      if (place === undefined) return undefined;
      if (place === "storage") {
        if (store.mode === "put-hang") return "hang";
        return store.mode === "put-500" ? storageFault("InternalError", 500) : take(request, id);
      }
      if (!authorized) return Response.json({ message: "Invalid credentials" }, { status: 401 });
      if (store.mode === "hang") return "hang";
      if (store.mode === "500") return Response.json({ message: "Failed to get media upload URL" }, { status: 500 });
      if (store.mode === "400") return fault("contentType");
      return request.method === "PATCH" ? confirm(request, id) : announce(request);
    },
  };
  return store;
}

function readJson(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function fault(field: string): Response {
  return Response.json({ message: "Invalid request data", error: `${field} is missing or wrong` }, { status: 400 });
}

function storageFault(code: string, status = 403): Response {
  return new Response(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`, { status });
}
