#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODEL "gpt-4o-mini-2024-07-18"
#define BURST 65536 /* how much of an unpaced stream is prepared at a time */

/* A connection that a gateway opened to us. */
struct upstream {
  struct source source;
  struct message request;
  char tail[128]; /* the last bytes of the request's body, where our consumers say that they want a stream */
  size_t tail_length;
  struct buffer out;
  size_t written; /* of `out` */
  bool streaming;
  unsigned chunk, stream;
  uint64_t received_at, due;
  TAILQ_ENTRY(upstream) queue;
};

/* Every stream has the same interval, so the order of the last chunks is the order of the next ones. */
static TAILQ_HEAD(, upstream) paced = TAILQ_HEAD_INITIALIZER(paced);
static struct source listener;
static struct buffer json_answer;
static unsigned streams_begun;

static void make_json_answer(void) {
  struct buffer start = {0}, end = {0}, body = {0};
  buffer_print(&start, "{\"id\":\"chatcmpl-CfMeasure0000000000000000001\",\"object\":\"chat.completion\",\"created\":1763700000,"
    "\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"");
  buffer_print(&end, "\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
    "\"usage\":{\"prompt_tokens\":212,\"completion_tokens\":%zu,\"total_tokens\":%zu,"
    "\"prompt_tokens_details\":{\"cached_tokens\":128,\"audio_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0,"
    "\"audio_tokens\":0}},\"service_tier\":\"default\",\"system_fingerprint\":\"fp_560af6e559\"}",
    options.answer_bytes / 4, options.answer_bytes / 4 + 212);
  if (options.answer_bytes < start.length + end.length) buffer_print(&body, "{}");
  else {
    buffer_add(&body, start.bytes, start.length);
    buffer_prose(&body, options.answer_bytes - start.length - end.length);
    buffer_add(&body, end.bytes, end.length);
  }
  options.answer_bytes = body.length;
  buffer_print(&json_answer, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_measure\r\n"
    "openai-processing-ms: 1\r\ncontent-length: %zu\r\n\r\n", body.length);
  buffer_add(&json_answer, body.bytes, body.length);
}

static void add_chunk(struct buffer *out, const char *bytes, size_t length) {
  buffer_print(out, "%zx\r\n", length);
  buffer_add(out, bytes, length);
  buffer_add(out, "\r\n", 2);
}

/* A chunk's text is its number, when it left, and how long its request had been here then. */
static void add_content(struct upstream *upstream) {
  char event[512];
  uint64_t now = now_ns();
  int length = snprintf(event, sizeof event, "data: {\"id\":\"chatcmpl-Cf%u\",\"object\":\"chat.completion.chunk\",\"created\":1763700000,"
    "\"model\":\"" MODEL "\",\"choices\":[{\"index\":0,\"delta\":{%s\"content\":\" %u %llu %llu\"},\"finish_reason\":null}]}\n\n",
    upstream->stream, upstream->chunk ? "" : "\"role\":\"assistant\",", upstream->chunk, (unsigned long long)now,
    (unsigned long long)(now - upstream->received_at));
  add_chunk(&upstream->out, event, (size_t)length);
  upstream->chunk++;
}

static void add_ending(struct upstream *upstream) {
  char events[1024];
  int length = snprintf(events, sizeof events,
    "data: {\"id\":\"chatcmpl-Cf%u\",\"object\":\"chat.completion.chunk\",\"created\":1763700000,\"model\":\"" MODEL "\","
    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"id\":\"chatcmpl-Cf%u\",\"object\":\"chat.completion.chunk\",\"created\":1763700000,\"model\":\"" MODEL "\","
    "\"choices\":[],\"usage\":{\"prompt_tokens\":212,\"completion_tokens\":%u,\"total_tokens\":%u}}\n\ndata: [DONE]\n\n",
    upstream->stream, upstream->stream, upstream->chunk, upstream->chunk + 212);
  add_chunk(&upstream->out, events, (size_t)length);
  buffer_add(&upstream->out, "0\r\n\r\n", 5);
  upstream->streaming = false;
}

static void upstream_close(struct upstream *upstream) {
  if (upstream->streaming && options.interval) TAILQ_REMOVE(&paced, upstream, queue);
  source_close(&upstream->source);
  free(upstream->out.bytes);
  free(upstream);
}

/* Writes what the socket takes; false when the connection is gone. */
static bool flush(struct upstream *upstream) {
  while (upstream->written < upstream->out.length) {
    ssize_t written = write(upstream->source.fd, upstream->out.bytes + upstream->written, upstream->out.length - upstream->written);
    if (written < 0 && errno != EAGAIN) return false;
    if (written < 0) {
      source_watch(&upstream->source, EPOLLIN | EPOLLOUT);
      return true;
    }
    upstream->written += (size_t)written;
  }
  upstream->out.length = upstream->written = 0;
  source_watch(&upstream->source, upstream->streaming && !options.interval ? EPOLLIN | EPOLLOUT : EPOLLIN);
  return true;
}

static bool send_burst(struct upstream *upstream) {
  while (upstream->chunk < options.chunks && upstream->out.length < BURST) add_content(upstream);
  if (upstream->chunk == options.chunks) add_ending(upstream);
  return flush(upstream);
}

static bool begin_stream(struct upstream *upstream) {
  buffer_print(&upstream->out, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache\r\n"
    "x-request-id: req_measure\r\ntransfer-encoding: chunked\r\n\r\n");
  upstream->streaming = true;
  upstream->chunk = 0;
  upstream->stream = ++streams_begun;
  upstream->due = upstream->received_at + options.interval;
  if (options.interval) TAILQ_INSERT_TAIL(&paced, upstream, queue);
  return flush(upstream);
}

static bool answer(struct upstream *upstream) {
  if (options.hang) return true;
  if (upstream->streaming) return false; /* pipelined: no gateway should */
  upstream->received_at = now_ns();
  if (memmem(upstream->tail, upstream->tail_length, "\"stream\":true", 13)) return begin_stream(upstream);
  buffer_add(&upstream->out, json_answer.bytes, json_answer.length);
  return flush(upstream);
}

static void keep_tail(void *owner, const char *bytes, size_t length) {
  struct upstream *upstream = owner;
  size_t size = sizeof upstream->tail, added = length < size ? length : size;
  size_t kept = upstream->tail_length < size - added ? upstream->tail_length : size - added;
  memmove(upstream->tail, upstream->tail + upstream->tail_length - kept, kept);
  memcpy(upstream->tail + kept, bytes + length - added, added);
  upstream->tail_length = kept + added;
}

static bool read_requests(struct upstream *upstream) {
  static char bytes[262144];
  ssize_t length = read(upstream->source.fd, bytes, sizeof bytes);
  if (length < 0) return errno == EAGAIN;
  if (length == 0) return false;
  for (size_t used = 0; used < (size_t)length;) {
    used += message_read(&upstream->request, bytes + used, (size_t)length - used, keep_tail, upstream);
    if (upstream->request.state == MALFORMED) return false;
    if (upstream->request.state != COMPLETE) continue;
    if (!answer(upstream)) return false;
    message_reset(&upstream->request);
    upstream->tail_length = 0;
  }
  return true;
}

static void on_ready(struct source *source, uint32_t events) {
  struct upstream *upstream = (struct upstream *)source;
  bool alive = true;
  if (events & EPOLLOUT) alive = upstream->streaming && !options.interval ? send_burst(upstream) : flush(upstream);
  if (alive && events & ~(uint32_t)EPOLLOUT) alive = read_requests(upstream);
  if (!alive) upstream_close(upstream);
}

static void on_connection(struct source *source, uint32_t events) {
  (void)events;
  int one = 1, fd;
  while ((fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct upstream *upstream = calloc(1, sizeof *upstream);
    if (!upstream) abort();
    source_add(&upstream->source, fd, on_ready, EPOLLIN);
  }
}

void upstream_open(void) {
  make_json_answer();
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.listen_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 4096)) {
    fprintf(stderr, "load: cannot listen on 127.0.0.1:%d: %s\n", options.listen_port, strerror(errno));
    exit(2);
  }
  source_add(&listener, fd, on_connection, EPOLLIN);
}

uint64_t upstream_tick(uint64_t now) {
  struct upstream *upstream;
  while ((upstream = TAILQ_FIRST(&paced)) && upstream->due <= now) {
    TAILQ_REMOVE(&paced, upstream, queue);
    if (upstream->chunk < options.chunks) {
      add_content(upstream);
      upstream->due += options.interval;
      TAILQ_INSERT_TAIL(&paced, upstream, queue);
    } else add_ending(upstream);
    if (!flush(upstream)) upstream_close(upstream);
  }
  return upstream ? upstream->due : NEVER;
}
