import { readMultipart } from "../../lib/multipart.ts";
import type { Answer } from "../dialect.ts";
import { createShelf } from "../shelf.ts";
import type { AnthropicCall } from "./anthropic-call.ts";
import { failure, jsonAnswer, timeText } from "./anthropic-head.ts";
import { listPage } from "./list-page.ts";

/** What is known of a file; its bytes are let go, since what was uploaded can't be downloaded. */
type FileFacts = { readonly id: string; readonly [member: string]: unknown };

/** Answers `/v1/files` and what lies below: https://platform.claude.com/docs/en/api/files-create */
export function createFiles(): (call: AnthropicCall, rest: string) => Answer {
  const files = createShelf<FileFacts>();

  return (call, rest) => {
    const { method } = call.request;
    if (rest === "") return method === "POST" ? upload(call) : jsonAnswer(listPage(files.list()), call.head);
    const [, id = "", content] = /^\/([^/]+)(\/content)?$/.exec(rest) ?? [];
    const file = files.find(id);
    if (file === undefined) return failure(404, "No file has this id.", call.head);
    if (content !== undefined) return failure(400, "The file is not downloadable.", call.head);
    if (method !== "DELETE") return jsonAnswer(file, call.head);
    files.remove(id);
    return jsonAnswer({ id, type: "file_deleted" }, call.head);
  };

  function upload({ request, context, head }: AnthropicCall): Answer {
    const bytes = request.bytes();
    const form = readMultipart(request.header("content-type") ?? "", { head: bytes, total: bytes.length });
    const [sent] = form?.files ?? [];
    if (sent === undefined) return failure(400, "file: Field required", head);
    const file: FileFacts = {
      id: context.ids.next("file_01", 22),
      type: "file",
      filename: sent.filename,
      mime_type: sent.type ?? "application/octet-stream",
      size_bytes: sent.bytes,
      created_at: timeText(head.now),
      downloadable: false,
    };
    files.put(file.id, file);
    return jsonAnswer(file, head);
  }
}
