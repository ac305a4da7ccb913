import type { Answer } from "../dialect.ts";
import { objectOf, textOf } from "../json.ts";
import type { Json } from "../json.ts";
import { createShelf } from "../shelf.ts";
import type { GeminiCall } from "./gemini-call.ts";
import { failure, jsonAnswer } from "./gemini-head.ts";
import { readRelatedUpload } from "./related-upload.ts";

/** Of a file's bytes only their number is kept: what was uploaded can't be downloaded. */
type Upload = { readonly about: Json; readonly type: string; readonly received: number };
type Call = Omit<GeminiCall, "cachedTokens">;

/** The files of one mock: https://ai.google.dev/api/files */
export type Files = {
  /** Answers `files` and what lies below. */
  readonly answer: (call: Call, rest: string) => Answer;
  /** Answers uploads, in one piece or resumable. */
  readonly upload: (call: Call) => Answer;
};

const twoDays = 172_800;

/** Creates a store without files. */
export function createFiles(): Files {
  const files = createShelf<object>();
  const uploads = createShelf<Upload>();

  return { answer, upload };

  function answer({ request }: Call, rest: string): Answer {
    if (rest === "") return jsonAnswer({ files: files.list() });
    const name = `files${rest}`;
    const file = files.find(name);
    if (file === undefined) return failure(403, "You do not have permission to access the File, or it may not exist.");
    if (request.method !== "DELETE") return jsonAnswer(file);
    files.remove(name);
    return jsonAnswer({});
  }

  function upload(call: Call): Answer {
    const { request } = call;
    const id = request.query.get("upload_id");
    if (id !== null) return resume(call, id);
    if (request.header("x-goog-upload-command") === "start") return start(call);
    const related = readRelatedUpload(request.header("content-type") ?? "", request.bytes());
    if (related === undefined)
      return failure(400, "Upload has to start with X-Goog-Upload-Command, or to be multipart/related.");
    return jsonAnswer({ file: finish(call, { about: related.about, type: related.type, received: related.size }) });
  }

  function start({ request, context }: Call): Answer {
    const id = context.ids.next("mock-", 32);
    const type = request.header("x-goog-upload-header-content-type") ?? "application/octet-stream";
    uploads.put(id, { about: request.json() ?? {}, type, received: 0 });
    const url = `http://${request.header("host") ?? "localhost"}${request.path}?upload_id=${id}&upload_protocol=resumable`;
    return {
      ...jsonAnswer({}, [
        ["x-goog-upload-url", url],
        ["x-goog-upload-control-url", url],
        ["x-goog-upload-status", "active"],
        ["x-goog-upload-chunk-granularity", "262144"],
        ["x-guploader-uploadid", id],
      ]),
      body: "",
    };
  }

  function resume(call: Call, id: string): Answer {
    const before = uploads.find(id);
    if (before === undefined) return failure(404, "No upload has this id.");
    const { request } = call;
    const command = request.header("x-goog-upload-command") ?? "";
    const offset = Number(request.header("x-goog-upload-offset") ?? before.received);
    if (command.includes("upload") && offset !== before.received)
      return failure(400, "The offset isn't where the upload stands.");
    const after = { ...before, received: before.received + request.bytes().length };
    const received = ["x-goog-upload-size-received", String(after.received)] as const;
    if (!command.includes("finalize")) {
      uploads.put(id, after);
      return { ...jsonAnswer({}, [["x-goog-upload-status", "active"], received]), body: "" };
    }
    uploads.remove(id);
    return jsonAnswer({ file: finish(call, after) }, [["x-goog-upload-status", "final"], received]);
  }

  function finish({ request, context }: Call, { about, type, received }: Upload): object {
    const asked = objectOf(about["file"]);
    const name = textOf(asked["name"]) ?? `files/${context.ids.next("", 12).toLowerCase()}`;
    const now = context.now();
    const text = (at: number): string => new Date(at * 1_000).toISOString();
    const version = request.path.split("/")[2] ?? "v1beta";
    const file = {
      name,
      displayName: textOf(asked["displayName"]) ?? textOf(asked["display_name"]),
      mimeType: type,
      sizeBytes: String(received),
      createTime: text(now),
      updateTime: text(now),
      expirationTime: text(now + twoDays),
      uri: `https://generativelanguage.googleapis.com/${version}/${name}`,
      state: "ACTIVE",
      source: "UPLOADED",
    };
    files.put(name, file);
    return file;
  }
}
