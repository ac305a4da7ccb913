import { fieldOf, fileOf, readForm } from "../read-form.ts";
import { createShelf } from "../shelf.ts";
import { answer, jsonAnswer, refuse } from "./call.ts";
import type { Handler, OpenaiCall } from "./call.ts";
import { missing } from "./fault.ts";
import type { Fault } from "./fault.ts";

/** What is kept of a file; nothing of one that is larger than `largestKept`. */
type Stored = { readonly about: object & { readonly purpose: string }; readonly content: Uint8Array | undefined };

const mostFiles = 100;
const largestKept = 4_194_304;

/** `/files`, with a memory for the newest hundred. */
export function createFiles(): Readonly<Record<"upload" | "list" | "get" | "content" | "remove", Handler>> {
  const files = createShelf<Stored>(mostFiles);
  const onFile = (call: OpenaiCall, handle: (file: Stored) => ReturnType<Handler>): ReturnType<Handler> => {
    const file = files.find(call.id);
    return file === undefined ? refuse(call, noSuchFile(call.id)) : handle(file);
  };

  return {
    async upload(call) {
      const form = await readForm(call.request);
      const file = fileOf(form, "file");
      if (file === undefined) return refuse(call, missing("file"));
      const id = call.context.ids.next("file-");
      const purpose = fieldOf(form, "purpose") ?? "user_data";
      const about = {
        object: "file",
        id,
        purpose,
        filename: file.name,
        bytes: file.size,
        created_at: call.context.now(),
        expires_at: null,
        status: "processed",
        status_details: null,
      };
      files.put(id, { about, content: file.size > largestKept ? undefined : await file.bytes() });
      return jsonAnswer(call, about);
    },
    list(call) {
      const purpose = call.request.query.get("purpose");
      const data = files.list().flatMap(({ about }) => (purpose === null || about.purpose === purpose ? [about] : []));
      return jsonAnswer(call, { object: "list", data, has_more: false });
    },
    get: (call) => onFile(call, ({ about }) => jsonAnswer(call, about)),
    content: (call) =>
      onFile(call, ({ content }) =>
        content === undefined ? refuse(call, notKept) : answer(call, content, { type: "application/octet-stream" }),
      ),
    remove: (call) =>
      onFile(call, () => jsonAnswer(call, { object: "file", deleted: files.remove(call.id), id: call.id })),
  };
}

const notKept: Fault = {
  status: 400,
  message: "The mock keeps the content of files of up to 4 MB, and this one is larger.",
};

function noSuchFile(id: string): Fault {
  return { status: 404, message: `No such File object: ${id}`, param: "id" };
}
