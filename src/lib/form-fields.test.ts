import { expect, test } from "bun:test";
import fc from "fast-check";
import { listFormFields } from "./form-fields.ts";

const type = "multipart/form-data; boundary=b0undary";

function form(...lines: readonly string[]): Buffer {
  return Buffer.from(lines.join("\r\n"));
}

const model = ['Content-Disposition: form-data; name="model"', "", "whisper-1"];
const plain = form("--b0undary", ...model, "--b0undary--", "");

test("a form that a client made is listed: texts, and files without theirs", async () => {
  const names = fc.string({ unit: fc.constantFrom(..."abé[]_ 1".split("")), minLength: 1, maxLength: 8 });
  const entries = fc.array(fc.tuple(names, fc.string({ unit: "binary" }), fc.boolean()), { maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(entries, async (wanted) => {
      const data = new FormData();
      // A form's texts are scalar values with network line ends.
      const values = wanted.map(([name, text, isFile]) => ({ name, text: text.replaceAll(/[\r\n]/g, ""), isFile }));
      for (const { name, text, isFile } of values) {
        if (isFile) data.append(name, new File([text], 'a";b.wav'));
        else data.append(name, text);
      }
      const response = new Response(data);
      const bytes = Buffer.from(await response.clone().arrayBuffer());
      expect(listFormFields(response.headers.get("content-type") ?? "", bytes)).toEqual(
        values.map(({ name, text, isFile }) => ({
          name,
          text: isFile ? undefined : Buffer.from(text).toString(),
        })),
      );
    }),
  );
});

test("what comes in a usual form of another client is listed too", () => {
  expect(listFormFields(type, plain)).toEqual([{ name: "model", text: "whisper-1" }]);
  expect(listFormFields('Multipart/Form-Data; charset=utf-8; Boundary="b0undary"', plain)).toHaveLength(1);
  expect(listFormFields(type, plain.subarray(0, -2))).toHaveLength(1);
  expect(listFormFields(type, Buffer.concat([Buffer.from("\r\n"), plain]))).toHaveLength(1);
  expect(listFormFields(type, form("--b0undary--", ""))).toEqual([]);
  const bare = ["content-type: text/plain; charset=utf-8", "content-disposition: form-data; name=model", "", ""];
  expect(listFormFields(type, form("--b0undary", ...bare, "--b0undary--"))).toEqual([{ name: "model", text: "" }]);
});

/** The same form, as some readers would take it and others wouldn't. */
const unclear: Readonly<Record<string, Buffer>> = {
  "bare line feeds": Buffer.from(plain.toString().replaceAll("\r", "")),
  "one bare line feed before a delimiter": form("--b0undary", `${model.join("\r\n")}\n--b0undary--`, ""),
  "a delimiter within a text": form("--b0undary", ...model, "x--b0undary", ...model, "--b0undary--", ""),
  "a delimiter with space after it": form("--b0undary ", ...model, "--b0undary--", ""),
  "a preamble": form("preamble", "--b0undary", ...model, "--b0undary--", ""),
  "an epilogue": Buffer.concat([plain, form("--b0undary", ...model, "--b0undary--", "")]),
  "no end": form("--b0undary", ...model),
  "an end that is cut": form("--b0undary", ...model, "--b0undary-"),
  "a part without headers": form("--b0undary", "", "whisper-1", "--b0undary--", ""),
  "a part without a name": form("--b0undary", "Content-Disposition: form-data", "", "x", "--b0undary--", ""),
  "another disposition": form("--b0undary", 'Content-Disposition: attachment; name="model"', "", "x", "--b0undary--"),
  "two dispositions": form("--b0undary", 'Content-Disposition: form-data; name="a"', ...model, "--b0undary--", ""),
  "a folded header": form("--b0undary", "Content-Disposition: form-data;", ' name="model"', "", "x", "--b0undary--"),
  "two names": form("--b0undary", 'Content-Disposition: form-data; name="a"; name="model"', "", "x", "--b0undary--"),
  "a name in another charset": form(
    "--b0undary",
    "Content-Disposition: form-data; name*=utf-8''model",
    "",
    "x",
    "--b0undary--",
  ),
  "a name in pieces": form("--b0undary", 'Content-Disposition: form-data; name*0="model"', "", "x", "--b0undary--"),
  "a name with an escape": form(
    "--b0undary",
    'Content-Disposition: form-data; name="mo\\del"',
    "",
    "x",
    "--b0undary--",
  ),
  "a name in percent": form("--b0undary", 'Content-Disposition: form-data; name="%6dodel"', "", "x", "--b0undary--"),
  "a header with a bare line feed": form("--b0undary", `X: 1\n${model[0]}`, ...model, "--b0undary--", ""),
  "a text in an encoding": form("--b0undary", "Content-Transfer-Encoding: base64", ...model, "--b0undary--", ""),
  "no form": Buffer.from('{"model":"whisper-1"}'),
  nothing: Buffer.alloc(0),
};

for (const [what, bytes] of Object.entries(unclear))
  test(`with ${what} it is no form that anybody can be sure of`, () => {
    expect(listFormFields(type, bytes)).toBeUndefined();
  });

test.each([
  "multipart/form-data",
  "multipart/form-data; boundary=",
  "multipart/form-data; boundary=other; boundary=b0undary",
  "multipart/form-data; boundary*=b0undary",
  'multipart/form-data; boundary="b0\\undary"',
  "multipart/form-data; boundary=b0undary, text/plain",
  "multipart/mixed; boundary=b0undary",
])("with the type %s it is none either", (contentType) => {
  expect(listFormFields(contentType, plain)).toBeUndefined();
});

test("a filename makes a file, an empty one too", () => {
  for (const filename of ['filename=""', 'filename="C:\\\\a;b.wav"', "filename*=utf-8''h%C3%B6re.wav"]) {
    const bytes = form(
      "--b0undary",
      `Content-Disposition: form-data; name="model"; ${filename}`,
      "",
      "x",
      "--b0undary--",
    );
    expect(listFormFields(type, bytes)).toEqual([{ name: "model", text: undefined }]);
  }
});

test("a form cut anywhere is none", () => {
  for (let length = 0; length < plain.length - 2; length += 1) {
    expect(listFormFields(type, plain.subarray(0, length))).toBeUndefined();
  }
});

test("headers of more than 8000 bytes are not read", () => {
  const part = (name: string) =>
    form("--b0undary", `Content-Disposition: form-data; name="${name}"`, "", "", "--b0undary--", "");
  const length = 8_000 - Buffer.byteLength('Content-Disposition: form-data; name=""\r\n\r\n');
  expect(listFormFields(type, part("a".repeat(length)))).toHaveLength(1);
  expect(listFormFields(type, part("a".repeat(length + 1)))).toBeUndefined();
});
