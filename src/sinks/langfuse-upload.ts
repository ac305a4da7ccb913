import { describeAnswer, type HttpAnswer, type HttpService, requestHttp } from "./http-delivery.ts";

/** A medium, with the observation in whose input it first was. */
export type MediaPiece = {
  readonly traceId: string;
  readonly observationId: string;
  readonly type: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of its bytes, in base64. */
  readonly sha256: string;
};

/**
 * Uploads a piece by Langfuse's protocol (POST for a place, PUT to it, PATCH to confirm) and gives the reference to it;
 * `undefined` where Langfuse will never take it; throws where it can't now.
 */
export async function uploadMedia(
  service: HttpService,
  baseUrl: string,
  piece: MediaPiece,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { traceId, observationId, type, bytes, sha256 } = piece;
  const url = `${baseUrl}/api/public/media`;
  const place = await requestHttp(service, url, {
    ...jsonBody("POST", {
      traceId,
      observationId,
      field: "input",
      contentType: type,
      contentLength: bytes.byteLength,
      sha256Hash: sha256,
    }),
    signal,
  });
  if ([400, 413, 422].includes(place.status)) return undefined;
  const { mediaId, uploadUrl } = readPlace(service, place);
  if (uploadUrl !== undefined) {
    const uploaded = await put(service, uploadUrl, piece, signal);
    const confirmation = { ...jsonBody("PATCH", uploaded), signal };
    expectTaken(service, await requestHttp(service, `${url}/${encodeURIComponent(mediaId)}`, confirmation));
  }
  return `@@@langfuseMedia:type=${type}|id=${mediaId}|source=base64_data_uri@@@`;
}

/** Puts the bytes where Langfuse said, which is another service: it gets none of our credentials. */
async function put(
  service: HttpService,
  url: string,
  { type, bytes, sha256 }: MediaPiece,
  signal: AbortSignal,
): Promise<object> {
  if (!/^https?:\/\//i.test(url)) throw new Error(`${service.name} named no place for media on the web`);
  const storage = { ...service, name: "Langfuse's media storage", headers: {}, advice: {} };
  const startedAt = service.now();
  const answer = await requestHttp(storage, url, {
    method: "PUT",
    headers: { "content-type": type, ...storageHeaders(url, sha256) },
    body: bytes,
    signal,
  });
  expectTaken(storage, answer);
  const endedAt = service.now();
  return {
    uploadedAt: new Date(endedAt).toISOString(),
    uploadHttpStatus: answer.status,
    uploadHttpError: null,
    uploadTimeMs: endedAt - startedAt,
  };
}

/** What S3 and Azure want to be told; Google's storage refuses headers that it did not sign. */
function storageHeaders(url: string, sha256: string): Record<string, string> {
  const host = URL.canParse(url) ? new URL(url).hostname : "";
  if (host === "storage.googleapis.com" || host.endsWith(".storage.googleapis.com")) return {};
  return { "x-amz-checksum-sha256": sha256, "x-ms-blob-type": "BlockBlob" };
}

function readPlace(
  service: HttpService,
  answer: HttpAnswer,
): { readonly mediaId: string; readonly uploadUrl?: string } {
  expectTaken(service, answer);
  const body: unknown = JSON.parse(answer.text);
  if (typeof body !== "object" || body === null || !("mediaId" in body) || typeof body.mediaId !== "string") {
    throw new Error(`${service.name} named no media id`);
  }
  if (!("uploadUrl" in body) || typeof body.uploadUrl !== "string") return { mediaId: body.mediaId };
  return { mediaId: body.mediaId, uploadUrl: body.uploadUrl };
}

function expectTaken(service: HttpService, answer: HttpAnswer): void {
  if (answer.status < 200 || answer.status >= 300) throw new Error(describeAnswer(service, answer));
}

function jsonBody(method: string, body: object): RequestInit {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
