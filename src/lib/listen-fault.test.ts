import { expect, test } from "bun:test";
import { explainListenFault } from "./listen-fault.ts";

const place = { port: "PORT 80 on 10.9.9.9", host: "HOST 10.9.9.9", otherPort: "PORT=… or --port" };
const say = (code: string) => explainListenFault(place, Object.assign(new Error(code), { code, syscall: "listen" }));

test("what the system says against a listener names the setting that mends it", () => {
  expect(say("EADDRINUSE")).toBe(
    "PORT 80 on 10.9.9.9 is in use. Stop what listens there, or choose another port (PORT=… or --port).",
  );
  expect(say("EACCES")).toStartWith("PORT 80 on 10.9.9.9 is not for this user");
  expect(say("EADDRNOTAVAIL")).toStartWith("HOST 10.9.9.9 is nowhere to listen on (EADDRNOTAVAIL)");
  expect(say("EINVAL")).toStartWith("HOST 10.9.9.9");
  expect(explainListenFault(place, new Error("Failed to listen at 10.9.9.9"))).toStartWith("HOST 10.9.9.9");
});

test("other faults are none of a listener", () => {
  const open = Object.assign(new Error("no"), { code: "EACCES", syscall: "open" });
  expect([explainListenFault(place, open), explainListenFault(place, new Error("no"))]).toEqual([undefined, undefined]);
});
