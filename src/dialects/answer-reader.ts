import { decode } from "../lib/decode.ts";
import { createHeldBytes } from "../lib/held-bytes.ts";
import { type AnswerReader, type FormParts, openForm } from "./answer-forms.ts";
import { actualForm, declaredForm, isTelling, mediaType } from "./body-form.ts";
import type { Dialect, RequestPlace } from "./dialect.ts";

/** What an answer's headers say of its body. */
export type BodyHeaders = { readonly contentType?: string; readonly contentEncoding?: string };

/** An encoded body is held up to this many bytes. */
const maxEncodedBytes = 16_777_216;
/** A BOM and white space may come in so many pieces before a body says anything; more of them are left out. */
const maxLeading = 16;
const openBracket = 0x5b;

/** Opens the reader of one answer, by what its headers say and, where they lie, by how it begins. */
export function openAnswer(dialect: Dialect, place: RequestPlace, headers: BodyHeaders): AnswerReader {
  const parts: FormParts = { dialect, place, type: mediaType(headers.contentType) };
  return headers.contentEncoding ? openEncoded(parts, headers.contentEncoding) : openPlain(parts);
}

/** Which reader it takes is known with the first byte that says something. */
function openPlain(parts: FormParts): AnswerReader {
  const declared = declaredForm(parts.type);
  const leading: Uint8Array[] = [];
  let reader = declared === "binary" ? openForm.binary(parts) : undefined;
  return {
    push(bytes) {
      if (!reader) {
        const first = bytes.find(isTelling);
        if (first === undefined) {
          if (leading.length < maxLeading) leading.push(bytes);
          return;
        }
        const form = actualForm(declared, first);
        const isArray = form === "json" && first === openBracket && parts.dialect.family === "gemini";
        reader = openForm[isArray ? "array" : form](parts);
        for (const piece of leading) reader.push(piece);
      }
      reader.push(bytes);
    },
    skip(count) {
      // Of a body whose beginning is missing, its type alone can tell what it is.
      reader ??= openForm[declared ?? "binary"](parts);
      reader.skip(count);
    },
    end: () => reader?.end() ?? {},
  };
}

/** Nothing after a gap can be decoded, so only what came before it counts; it is decoded at once, at the end. */
function openEncoded(parts: FormParts, contentEncoding: string): AnswerReader {
  const held = createHeldBytes(maxEncodedBytes);
  let missing = 0;
  return {
    push(bytes) {
      if (missing > 0) missing += bytes.length;
      else held.push(bytes);
    },
    skip(count) {
      missing += count;
    },
    end() {
      const bytes = held.bytes();
      if (bytes.length === 0) return {};
      const decoded = decode(bytes, contentEncoding);
      const reader = decoded ? openPlain(parts) : openForm.binary(parts);
      reader.push(decoded ? decoded.bytes : bytes);
      if (missing > 0 || held.missing() > 0 || decoded?.whole === false) reader.skip(missing + held.missing());
      return reader.end();
    },
  };
}
