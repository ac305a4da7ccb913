/** The least that forwards on this runtime: what it costs is the runtime's own, and what Weir costs beyond it is Weir's. */
const { HOST, PORT, UPSTREAM_BASE_URL } = process.env;

Bun.serve({
  hostname: HOST,
  port: PORT,
  idleTimeout: 0,
  async fetch(request) {
    const path = request.url.slice(request.url.indexOf("/", "http://".length));
    if (path === "/live") return new Response();
    const answer = await fetch(`${UPSTREAM_BASE_URL}${path}`, {
      method: request.method,
      headers: request.headers,
      body: await request.arrayBuffer(),
      redirect: "manual",
      decompress: false,
    });
    return new Response(answer.body, { status: answer.status, headers: answer.headers });
  },
});
