/* A load tool for gateways that speak the chat completions API: an upstream and its consumers in one epoll process,
 * so that one clock stamps a chunk when it leaves and when it arrives. The files:
 *   main.c      options, the event loop, the result as one line of JSON
 *   upstream.c  answers as a provider would: JSON, or a paced event stream
 *   consumer.c  calls as a program would, and checks every answer
 *   wire.c      what both need: sockets, HTTP/1.1 messages, buffers, histograms
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NEVER UINT64_MAX
#define SECOND 1000000000ull

struct options {
  bool upstream_only, streams;
  int listen_port, target_port; /* 0: no upstream of our own; no consumers */
  const char *path;
  const char *headers; /* whole lines, sent with every request */
  int connections;
  size_t request_bytes, answer_bytes;
  unsigned chunks;
  uint64_t interval;  /* ns between chunks; 0: as fast as they are taken */
  uint64_t rate;      /* requests/s of all connections together; 0: each next one at once */
  uint64_t read_rate; /* bytes/s that a consumer takes; 0: all it gets */
  uint64_t ramp, warm, duration; /* ns */
  bool hang;  /* the upstream never answers */
  bool leave; /* consumers leave at the end instead of waiting for their answers */
};
extern struct options options;

/* wire.c: the clock and sockets */
struct source {
  int fd;
  uint32_t watched;
  void (*ready)(struct source *, uint32_t events);
};
uint64_t now_ns(void);
void loop_open(void);
void loop_wait(uint64_t until);
void source_add(struct source *source, int fd, void (*ready)(struct source *, uint32_t), uint32_t events);
void source_watch(struct source *source, uint32_t events);
void source_close(struct source *source);

/* wire.c: bytes that grow */
struct buffer {
  char *bytes;
  size_t length, capacity;
};
void buffer_add(struct buffer *buffer, const void *bytes, size_t length);
__attribute__((format(printf, 2, 3))) void buffer_print(struct buffer *buffer, const char *format, ...);
/* Prose of this length as it stands inside a JSON string, escapes included. */
void buffer_prose(struct buffer *buffer, size_t length);

/* wire.c: one HTTP/1.1 message, read piece by piece */
enum message_state { IN_HEAD, IN_BODY, IN_CHUNK, CHUNK_SIZE, CHUNK_END, IN_TRAILER, COMPLETE, MALFORMED };
struct message {
  enum message_state state;
  uint64_t left; /* of the body, or of the chunk */
  bool close;    /* the connection ends after it */
  char head[4096];
  size_t head_length;
  char line[64];
  size_t line_length;
};
typedef void body_reader(void *owner, const char *bytes, size_t length);
void message_reset(struct message *message);
/* Gives each piece of the body to `body`; returns how many bytes were used, fewer than given where the message ends. */
size_t message_read(struct message *message, const char *bytes, size_t length, body_reader *body, void *owner);

/* wire.c: a histogram of nanoseconds, true to 0.8 % */
struct histogram {
  uint64_t counts[58 * 128];
  uint64_t total, max;
};
void histogram_add(struct histogram *histogram, uint64_t ns);
double histogram_us(const struct histogram *histogram, double quantile);

/* upstream.c */
void upstream_open(void);
/* Sends what is due and says when something is next. */
uint64_t upstream_tick(uint64_t now);

/* consumer.c */
enum failure { FAILED_CONNECT, FAILED_STATUS, FAILED_BROKEN, FAILED_BODY, FAILED_UNFINISHED, FAILURES };
struct tally {
  uint64_t from, until;                   /* the window that counts */
  uint64_t counted_calls, counted_chunks; /* in the window */
  uint64_t calls, chunks, bytes;          /* from the first to the last */
  uint64_t failures[FAILURES];
  struct histogram latency, chunk_delay, first_byte;
};
extern struct tally tally;
void consumers_open(uint64_t start);
/* Opens, calls and reads what is due and says when something is next; NEVER when nothing is left to do. */
uint64_t consumers_tick(uint64_t now);

#endif
