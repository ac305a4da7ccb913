import type { MockRequest } from "./mock-request.ts";

/** A form that was sent; `undefined` where what came was none. */
export type SentForm = Awaited<ReturnType<Response["formData"]>> | undefined;

/** Reads a `multipart/form-data` body. */
export async function readForm(request: MockRequest): Promise<SentForm> {
  const headers = { "content-type": request.header("content-type") ?? "" };
  try {
    // oxlint-disable-next-line typescript/no-deprecated -- the warning is about bodies without a bound, and this one has one
    return await new Response(Uint8Array.from(request.bytes()), { headers }).formData();
  } catch {
    return undefined;
  }
}

/** A text field of a form. */
export function fieldOf(form: SentForm, name: string): string | undefined {
  const value = form?.get(name);
  return typeof value === "string" ? value : undefined;
}

/** A file of a form. */
export function fileOf(form: SentForm, name: string): File | undefined {
  const value = form?.get(name);
  return value instanceof File ? value : undefined;
}
