import { expect, test } from "bun:test";
import { createClientAddress, networkOf } from "./client-address.ts";

const find = createClientAddress(["10.0.0.0/8", "192.0.2.7", "fd00::/8"]);

test("without a trusted proxy the client is who is connected, whatever it says", () => {
  expect(find("203.0.113.9", "198.51.100.1")).toBe("203.0.113.9");
  expect(createClientAddress([])("127.0.0.1", "198.51.100.1")).toBe("127.0.0.1");
});

test("a trusted proxy that names nobody is the client itself", () => {
  expect(find("10.1.2.3", null)).toBe("10.1.2.3");
  expect(find("10.1.2.3", "")).toBe("10.1.2.3");
});

test("the client is the last address that no trusted proxy has", () => {
  expect(find("10.1.2.3", "198.51.100.1")).toBe("198.51.100.1");
  expect(find("10.1.2.3", "198.51.100.1, 192.0.2.7, 10.9.9.9")).toBe("198.51.100.1");
  expect(find("fd00::1", "2001:db8::5, fd12::1")).toBe("2001:db8::5");
});

test("what a client wrote itself, left of its own address, counts for nothing", () => {
  expect(find("10.1.2.3", "127.0.0.1, 10.0.0.1, 198.51.100.1, 10.9.9.9")).toBe("198.51.100.1");
});

test("where all are trusted, the first is the client", () => {
  expect(find("10.1.2.3", "10.0.0.5, 10.9.9.9")).toBe("10.0.0.5");
});

test("an entry that is no address ends the search at the hop before it", () => {
  for (const written of ["unknown", "_hidden", "198.51.100.1.2", "<script>", "198.51.100.1 evil", ""])
    expect(find("10.1.2.3", `${written}, 10.9.9.9`)).toBe("10.9.9.9");
});

test("ports and brackets are left out", () => {
  expect(find("10.1.2.3", "198.51.100.1:4711")).toBe("198.51.100.1");
  expect(find("10.1.2.3", "[2001:db8::5]:4711")).toBe("2001:db8::5");
  expect(find("10.1.2.3", "[2001:db8::5]")).toBe("2001:db8::5");
});

test("an IPv4 address in the clothes of IPv6 is the IPv4 address", () => {
  expect(find("::ffff:10.1.2.3", "198.51.100.1")).toBe("198.51.100.1");
  expect(find("::ffff:203.0.113.9", "198.51.100.1")).toBe("203.0.113.9");
  expect(find("10.1.2.3", "::FFFF:198.51.100.1")).toBe("198.51.100.1");
});

test("a peer without an address is told as it is", () => {
  expect(find("", "198.51.100.1")).toBe("");
});

test("a long list is read from its right end alone", () => {
  const proxies = Array.from({ length: 100_000 }, () => "10.0.0.1").join(",");
  expect(find("10.1.2.3", `198.51.100.1,${proxies}`)).toBe("10.0.0.1");
});

test("an IPv6 client has a network of 64 bits to itself, an IPv4 one an address", () => {
  expect(networkOf("198.51.100.1")).toBe("198.51.100.1");
  expect(networkOf("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
  expect(networkOf("2001:DB8:1:2::9")).toBe("2001:db8:1:2::/64");
  expect(networkOf("2001:db8::9")).toBe("2001:db8:0:0::/64");
  expect(networkOf("2001:0db8:0000:0000::9")).toBe("2001:db8:0:0::/64");
  expect(networkOf("::1")).toBe("0:0:0:0::/64");
  expect(networkOf("64:ff9b::198.51.100.1")).toBe("64:ff9b:0:0::/64");
  expect(networkOf("fe80::1%eth0")).toBe("fe80:0:0:0::/64");
  expect(networkOf("")).toBe("");
});
