#define _GNU_SOURCE
#include "load.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static int epoll;

uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

void loop_open(void) {
  epoll = epoll_create1(0);
  prctl(PR_SET_TIMERSLACK, 1ul); /* chunks leave when they are due, not in bundles of what 50 us hold */
}

void loop_wait(uint64_t until) {
  struct epoll_event events[256];
  uint64_t now = now_ns(), left = until <= now ? 0 : until - now;
  struct timespec timeout = {.tv_sec = (time_t)(left / SECOND), .tv_nsec = (long)(left % SECOND)};
  int count = epoll_pwait2(epoll, events, 256, until == NEVER ? NULL : &timeout, NULL);
  for (int i = 0; i < count; i++) {
    struct source *source = events[i].data.ptr;
    source->ready(source, events[i].events);
  }
}

void source_add(struct source *source, int fd, void (*ready)(struct source *, uint32_t), uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = source};
  *source = (struct source){.fd = fd, .watched = events, .ready = ready};
  epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

void source_watch(struct source *source, uint32_t events) {
  if (source->watched == events) return;
  struct epoll_event event = {.events = events, .data.ptr = source};
  source->watched = events;
  epoll_ctl(epoll, EPOLL_CTL_MOD, source->fd, &event);
}

void source_close(struct source *source) {
  close(source->fd);
  source->fd = -1;
}

static void buffer_reserve(struct buffer *buffer, size_t more) {
  if (buffer->length + more <= buffer->capacity) return;
  buffer->capacity = (buffer->length + more) * 2;
  buffer->bytes = realloc(buffer->bytes, buffer->capacity);
  if (!buffer->bytes) abort();
}

void buffer_add(struct buffer *buffer, const void *bytes, size_t length) {
  buffer_reserve(buffer, length);
  memcpy(buffer->bytes + buffer->length, bytes, length);
  buffer->length += length;
}

void buffer_print(struct buffer *buffer, const char *format, ...) {
  va_list arguments;
  buffer_reserve(buffer, 2048);
  va_start(arguments, format);
  int length = vsnprintf(buffer->bytes + buffer->length, 2048, format, arguments);
  va_end(arguments);
  if (length < 0 || length >= 2048) abort();
  buffer->length += (size_t)length;
}

void buffer_prose(struct buffer *buffer, size_t length) {
  static const char phrase[] = "Open \\\"src/river.c\\\", find where the water is measured, and say what each line does.\\n";
  buffer_reserve(buffer, length);
  char *out = buffer->bytes + buffer->length;
  for (size_t i = 0; i < length; i++) out[i] = phrase[i % (sizeof phrase - 1)];
  if (length && out[length - 1] == '\\') out[length - 1] = '.'; /* an escape cut in two */
  buffer->length += length;
}

void message_reset(struct message *message) {
  message->state = IN_HEAD;
  message->head_length = message->line_length = 0;
  message->left = 0;
  message->close = false;
}

static void read_framing(struct message *message) {
  message->head[message->head_length] = 0;
  const char *length = strcasestr(message->head, "\r\ncontent-length:");
  message->close = strcasestr(message->head, "\r\nconnection: close") != NULL;
  message->left = length ? strtoull(length + 17, NULL, 10) : 0;
  if (strcasestr(message->head, "\r\ntransfer-encoding:")) message->state = CHUNK_SIZE;
  else message->state = message->left ? IN_BODY : COMPLETE;
}

static size_t read_head(struct message *message, const char *bytes, size_t length) {
  size_t before = message->head_length, room = sizeof message->head - 1 - before;
  size_t taken = length < room ? length : room, from = before < 3 ? 0 : before - 3;
  memcpy(message->head + before, bytes, taken);
  const char *end = memmem(message->head + from, before + taken - from, "\r\n\r\n", 4);
  if (!end) {
    message->head_length += taken;
    if (taken == room) message->state = MALFORMED;
    return taken;
  }
  message->head_length = (size_t)(end - message->head) + 4;
  read_framing(message);
  return message->head_length - before;
}

static void read_line(struct message *message) {
  message->line[message->line_length] = 0;
  bool empty = message->line_length == 0;
  message->line_length = 0;
  if (message->state == CHUNK_SIZE) {
    message->left = strtoull(message->line, NULL, 16);
    message->state = empty ? MALFORMED : message->left ? IN_CHUNK : IN_TRAILER;
  } else if (message->state == CHUNK_END) message->state = empty ? CHUNK_SIZE : MALFORMED;
  else if (empty) message->state = COMPLETE;
}

static void read_line_byte(struct message *message, char byte) {
  if (byte == '\n') read_line(message);
  else if (byte != '\r' && message->line_length < sizeof message->line - 1) message->line[message->line_length++] = byte;
}

size_t message_read(struct message *message, const char *bytes, size_t length, body_reader *body, void *owner) {
  size_t used = 0;
  while (used < length && message->state < COMPLETE) {
    if (message->state == IN_HEAD) used += read_head(message, bytes + used, length - used);
    else if (message->state == IN_BODY || message->state == IN_CHUNK) {
      size_t taken = message->left < length - used ? message->left : length - used;
      body(owner, bytes + used, taken);
      used += taken;
      message->left -= taken;
      if (!message->left) message->state = message->state == IN_CHUNK ? CHUNK_END : COMPLETE;
    } else read_line_byte(message, bytes[used++]);
  }
  return used;
}

/* 128 buckets for each power of two; below 128 one for each value. */
void histogram_add(struct histogram *histogram, uint64_t ns) {
  unsigned power = ns < 128 ? 6 : 63 - (unsigned)__builtin_clzll(ns);
  histogram->counts[ns < 128 ? ns : (power - 6) * 128 + ((ns >> (power - 7)) & 127)]++;
  histogram->total++;
  if (ns > histogram->max) histogram->max = ns;
}

static double bucket_middle(size_t bucket) {
  if (bucket < 128) return (double)bucket;
  double width = (double)(1ull << (bucket / 128 - 1));
  return (128 + (double)(bucket % 128) + 0.5) * width;
}

double histogram_us(const struct histogram *histogram, double quantile) {
  uint64_t rank = (uint64_t)(quantile * (double)histogram->total), seen = 0;
  if (quantile >= 1 || !histogram->total) return (double)histogram->max / 1000;
  for (size_t bucket = 0; bucket < sizeof histogram->counts / sizeof *histogram->counts; bucket++) {
    seen += histogram->counts[bucket];
    double middle = bucket_middle(bucket);
    if (seen > rank) return (middle < (double)histogram->max ? middle : (double)histogram->max) / 1000;
  }
  return (double)histogram->max / 1000;
}
