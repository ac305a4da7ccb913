import { access, constants, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { adviseOnFile, explainFileFault } from "../file-fault.ts";
import { codeOf, type Finding } from "./check.ts";
import { checkFolder } from "./check-folder.ts";

/** Whether a file can be written, or made where there is none; nothing of it changes. */
export async function checkFile(name: string, path: string, setting: string): Promise<Finding> {
  const found = await stat(path).catch(() => undefined);
  if (!found) {
    const { advice, ...folder } = await checkFolder(name, dirname(path), setting);
    if (folder.state === "ok") return { name, state: "ok", message: `${path} can be made` };
    return { ...folder, ...(advice === undefined ? {} : { advice: advice.replace("a folder", "a file in a folder") }) };
  }
  const code = found.isDirectory() ? "EISDIR" : await tryAccess(path);
  if (code === undefined) return { name, state: "ok", message: `${path} can be written` };
  return {
    name,
    state: "fail",
    message: `${path} can't be written: ${explainFileFault(code)}`,
    advice: adviseOnFile(setting, path, code),
  };
}

async function tryAccess(path: string): Promise<string | undefined> {
  try {
    await access(path, constants.W_OK);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}
