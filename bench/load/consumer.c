#define _GNU_SOURCE
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define GRACE (10 * SECOND)              /* how long answers may take after the end */
#define SLOW_TICK (SECOND / 100)         /* how often a slow reader reads */
#define REOPENINGS (options.connections + 100) /* a gateway that refuses everything is not called for ever */

/* A connection of ours to the gateway, and the call on it. */
struct consumer {
  struct source source;
  struct message answer;
  bool connected, busy, queued;
  size_t sent;  /* of the request */
  uint64_t due; /* when the call was made, or should have been */
  uint64_t first_byte_at, body_bytes;
  unsigned chunks;
  bool done, wrong; /* [DONE] was seen; something was out of order */
  char event[1024];
  size_t event_length;
  TAILQ_ENTRY(consumer) queue, all;
};
TAILQ_HEAD(consumers, consumer);

struct tally tally;
static struct consumers all = TAILQ_HEAD_INITIALIZER(all), idle = TAILQ_HEAD_INITIALIZER(idle);
static struct buffer request;
static uint64_t started_at, read_at, slow_tick_at;
static int opened, reopened;

static void make_messages(struct buffer *body, size_t left) {
  for (unsigned i = 0; left; i++) {
    size_t size = left > 4096 ? 2048 : left, before = body->length;
    buffer_print(body, "%s{\"role\":\"%s\",\"content\":\"", i ? "," : "", i % 2 ? "assistant" : "user");
    size_t overhead = body->length - before + 2;
    buffer_prose(body, size > overhead ? size - overhead : 0);
    buffer_add(body, "\"}", 2);
    left -= size;
  }
}

static void make_request(void) {
  static const char start[] = "{\"model\":\"gpt-4o-mini\",\"temperature\":0.7,\"messages\":[";
  const char *end = options.streams ? "],\"stream\":true,\"stream_options\":{\"include_usage\":true}}" : "],\"stream\":false}";
  size_t overhead = sizeof start - 1 + strlen(end);
  struct buffer body = {0};
  buffer_add(&body, start, sizeof start - 1);
  make_messages(&body, options.request_bytes > overhead + 64 ? options.request_bytes - overhead : 64);
  buffer_add(&body, end, strlen(end));
  buffer_print(&request, "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%d\r\n", options.path, options.target_port);
  buffer_add(&request, options.headers, strlen(options.headers));
  buffer_print(&request, "content-type: application/json\r\ncontent-length: %zu\r\n\r\n", body.length);
  buffer_add(&request, body.bytes, body.length);
  free(body.bytes);
}

static bool counts(uint64_t at) { return at >= tally.from && at < tally.until; }

static void read_event(struct consumer *consumer) {
  static const char mark[] = "\"content\":\" ";
  consumer->event[consumer->event_length] = 0;
  if (consumer->done) consumer->wrong = true;
  if (!strncmp(consumer->event, "data: [DONE]", 12)) consumer->done = true;
  char *text = strstr(consumer->event, mark);
  if (!text) return;
  unsigned long number = strtoul(text + sizeof mark - 1, &text, 10);
  uint64_t left_at = strtoull(text, &text, 10), waited = strtoull(text, &text, 10);
  if (number != consumer->chunks++ || *text != '"') consumer->wrong = true;
  tally.chunks++;
  if (!counts(left_at) || consumer->wrong) return;
  tally.counted_chunks++;
  histogram_add(&tally.chunk_delay, read_at - left_at);
  uint64_t whole = consumer->first_byte_at - consumer->due;
  if (number == 0) histogram_add(&tally.first_byte, whole > waited ? whole - waited : 0);
}

static void read_body(void *owner, const char *bytes, size_t length) {
  struct consumer *consumer = owner;
  if (!consumer->body_bytes) consumer->first_byte_at = read_at;
  consumer->body_bytes += length;
  for (size_t i = 0; options.streams && i < length; i++) {
    if (consumer->event_length == sizeof consumer->event - 1) consumer->wrong = true, consumer->event_length = 0;
    consumer->event[consumer->event_length++] = bytes[i];
    if (bytes[i] != '\n' || consumer->event_length < 2 || consumer->event[consumer->event_length - 2] != '\n') continue;
    read_event(consumer);
    consumer->event_length = 0;
  }
}

static void consumer_close(struct consumer *consumer) {
  if (consumer->queued) TAILQ_REMOVE(&idle, consumer, queue);
  TAILQ_REMOVE(&all, consumer, all);
  source_close(&consumer->source);
  free(consumer);
}

static void consumer_open(void);

static void consumer_replace(struct consumer *consumer) {
  consumer_close(consumer);
  if (read_at < tally.until && reopened++ < REOPENINGS) consumer_open();
}

static void fail(struct consumer *consumer, enum failure failure) {
  tally.failures[failure]++;
  consumer_replace(consumer);
}

static bool send_request(struct consumer *consumer) {
  while (consumer->sent < request.length) {
    ssize_t sent = write(consumer->source.fd, request.bytes + consumer->sent, request.length - consumer->sent);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent < 0) {
      source_watch(&consumer->source, EPOLLIN | EPOLLOUT);
      return true;
    }
    consumer->sent += (size_t)sent;
  }
  source_watch(&consumer->source, options.read_rate ? 0 : EPOLLIN);
  return true;
}

static bool call(struct consumer *consumer, uint64_t due) {
  message_reset(&consumer->answer);
  consumer->busy = true;
  consumer->due = due;
  consumer->sent = consumer->body_bytes = consumer->event_length = 0;
  consumer->chunks = 0;
  consumer->done = consumer->wrong = false;
  return send_request(consumer);
}

/* With a rate, each connection has its own times, and a call that begins late is measured from its time. */
static bool call_next(struct consumer *consumer) {
  if (!options.rate) return call(consumer, now_ns());
  consumer->due += (uint64_t)options.connections * SECOND / options.rate;
  if (consumer->due <= read_at) return call(consumer, consumer->due);
  consumer->queued = true;
  TAILQ_INSERT_TAIL(&idle, consumer, queue);
  return true;
}

static bool is_right(const struct consumer *consumer) {
  if (options.streams) return consumer->done && !consumer->wrong && !consumer->event_length && consumer->chunks == options.chunks;
  return consumer->body_bytes == options.answer_bytes;
}

static void finish(struct consumer *consumer) {
  consumer->busy = false;
  if (strncmp(consumer->answer.head, "HTTP/1.1 200", 12)) return fail(consumer, FAILED_STATUS);
  if (!is_right(consumer)) return fail(consumer, FAILED_BODY);
  tally.calls++;
  if (counts(read_at)) tally.counted_calls++;
  if (counts(consumer->due)) histogram_add(&tally.latency, read_at - consumer->due);
  if (read_at >= tally.until) return consumer_close(consumer);
  if (consumer->answer.close) return consumer_replace(consumer);
  if (!call_next(consumer)) fail(consumer, FAILED_BROKEN);
}

static void read_answer(struct consumer *consumer, size_t most) {
  static char bytes[262144];
  ssize_t length = read(consumer->source.fd, bytes, most < sizeof bytes ? most : sizeof bytes);
  read_at = now_ns();
  if (length < 0 && errno == EAGAIN) return;
  if (length <= 0) return consumer->busy ? fail(consumer, FAILED_BROKEN) : consumer_replace(consumer);
  if (!consumer->busy) return fail(consumer, FAILED_BROKEN);
  size_t used = message_read(&consumer->answer, bytes, (size_t)length, read_body, consumer);
  tally.bytes += (uint64_t)length;
  if (consumer->answer.state == MALFORMED || used < (size_t)length) return fail(consumer, FAILED_BROKEN);
  if (consumer->answer.state == COMPLETE) finish(consumer);
}

static void on_ready(struct source *source, uint32_t events) {
  struct consumer *consumer = (struct consumer *)source;
  if (events & EPOLLERR && !consumer->connected) return fail(consumer, FAILED_CONNECT);
  if (events & EPOLLOUT) {
    bool first = !consumer->connected;
    consumer->connected = true;
    if (!(first ? call(consumer, consumer->due ? consumer->due : now_ns()) : send_request(consumer))) return fail(consumer, FAILED_BROKEN);
  }
  if (events & ~(uint32_t)EPOLLOUT) read_answer(consumer, SIZE_MAX);
}

static void consumer_open(void) {
  int one = 1, small = 65536, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.target_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (options.read_rate) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  if (fd < 0 || (connect(fd, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)) {
    tally.failures[FAILED_CONNECT]++;
    if (fd >= 0) close(fd);
    return;
  }
  struct consumer *consumer = calloc(1, sizeof *consumer);
  if (!consumer) abort();
  source_add(&consumer->source, fd, on_ready, EPOLLIN | EPOLLOUT);
  TAILQ_INSERT_TAIL(&all, consumer, all);
}

void consumers_open(uint64_t start) {
  make_request();
  srandom(1);
  started_at = slow_tick_at = start;
}

/* Each in a random place of its share of the ramp, or streams would beat in step. */
static uint64_t opening_time(int number) {
  double place = ((double)number + (double)random() / (double)RAND_MAX) / options.connections;
  return started_at + (uint64_t)(place * (double)options.ramp);
}

static uint64_t open_due(uint64_t now) {
  static uint64_t next;
  while (opened < options.connections) {
    if (!next) next = opening_time(opened);
    if (next > now) return next;
    consumer_open();
    opened++;
    next = 0;
  }
  return NEVER;
}

static uint64_t call_due(uint64_t now) {
  struct consumer *consumer;
  while ((consumer = TAILQ_FIRST(&idle)) && consumer->due <= now) {
    TAILQ_REMOVE(&idle, consumer, queue);
    consumer->queued = false;
    if (!call(consumer, consumer->due)) fail(consumer, FAILED_BROKEN);
  }
  return consumer ? consumer->due : NEVER;
}

static uint64_t read_slowly(uint64_t now) {
  if (!options.read_rate) return NEVER;
  if (now < slow_tick_at) return slow_tick_at;
  slow_tick_at = now + SLOW_TICK;
  struct consumer *consumer, *next;
  for (consumer = TAILQ_FIRST(&all); consumer; consumer = next) {
    next = TAILQ_NEXT(consumer, all);
    if (consumer->busy && consumer->sent == request.length) read_answer(consumer, options.read_rate / (SECOND / SLOW_TICK));
  }
  return slow_tick_at;
}

static void close_all(void) {
  struct consumer *consumer;
  while ((consumer = TAILQ_FIRST(&all))) {
    if (consumer->busy && !options.leave) tally.failures[FAILED_UNFINISHED]++;
    consumer_close(consumer);
  }
}

static void close_idle(void) {
  struct consumer *consumer;
  while ((consumer = TAILQ_FIRST(&idle))) consumer_close(consumer);
}

uint64_t consumers_tick(uint64_t now) {
  if (now < tally.until) {
    uint64_t opening = open_due(now), calling = call_due(now), reading = read_slowly(now);
    uint64_t soonest = opening < calling ? opening : calling;
    soonest = soonest < reading ? soonest : reading;
    return soonest < tally.until ? soonest : tally.until;
  }
  close_idle();
  if (options.leave || now >= tally.until + GRACE) close_all();
  return TAILQ_EMPTY(&all) ? NEVER : tally.until + GRACE;
}
