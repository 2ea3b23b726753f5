// What a Linux guest does and watches while it is upgraded; a static program without needs, built by
// test/guests/linux-workload.ts. Each part prints whole lines, one write each, and never ends by itself.
//
//   workload ticker              wakes each millisecond, checks 16 MiB of a pattern; lines as linux-ticker.ts
//   workload disk FILE PERIOD_US writes numbered blocks with checksums and fsync, reads them back past the page
//                                cache, and keeps replacing files beside it, until SIGTERM:
//                                `disk: writes=N verified=N gap_us=N max_gap_us=N ok|BAD`
//   workload echo PORT           returns what comes over TCP, to one client after the other

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

namespace {

constexpr uint64_t STEP = 0x9e3779b97f4a7c15;
constexpr int64_t US = 1000;
constexpr int64_t MS = 1000 * US;

int64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000 * MS + time.tv_nsec;
}

void sleep_until(int64_t deadline) {
  const timespec time{deadline / (1000 * MS), deadline % (1000 * MS)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) != 0) {
  }
}

[[noreturn]] void fail(const char* what) {
  perror(what);
  exit(1);
}

template <typename... Values>
void print(const char* format, Values... values) {
  char line[160];
  const int length = snprintf(line, sizeof line, format, values...);
  if (write(STDOUT_FILENO, line, static_cast<size_t>(length)) != length) fail("workload: write to the console");
}

// The longest time between two events: since the last line, and ever.
class Gap {
 public:
  void event() {
    const int64_t time = now();
    if (last_ != 0 && time - last_ > window_) window_ = time - last_;
    if (window_ > max_) max_ = window_;
    last_ = time;
  }

  long long take_us() {
    const int64_t window = window_;
    window_ = 0;
    return window / US;
  }

  long long max_us() const { return max_ / US; }

 private:
  int64_t last_ = 0;
  int64_t window_ = 0;
  int64_t max_ = 0;
};

// The same words in the same order each pass, each STEP more than in the pass before.
class Pattern {
 public:
  Pattern() {
    void* memory = mmap(nullptr, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("ticker: no memory for the pattern");
    words_ = static_cast<uint64_t*>(memory);
    for (size_t at = 0; at < COUNT; at++) words_[at] = at;
  }

  void check_chunk() {
    for (const size_t end = at_ + CHUNK; at_ < end; at_++) {
      if (words_[at_] != at_ + pass_ * STEP) intact_ = false;
      words_[at_] = at_ + (pass_ + 1) * STEP;
    }
    if (at_ < COUNT) return;
    at_ = 0;
    pass_++;
  }

  bool intact() const { return intact_; }

 private:
  static constexpr size_t BYTES = 16 << 20;
  static constexpr size_t COUNT = BYTES / sizeof(uint64_t);
  static constexpr size_t CHUNK = 8192 / sizeof(uint64_t);
  uint64_t* words_;
  size_t at_ = 0;
  uint64_t pass_ = 0;
  bool intact_ = true;
};

[[noreturn]] void ticker() {
  Pattern pattern;
  Gap gap;
  print("ticker: start\n");
  int64_t deadline = now();
  for (long long ticks = 1;; ticks++) {
    deadline += MS;
    sleep_until(deadline);
    gap.event();
    const int64_t time = now();
    if (time - deadline > MS) deadline = time;  // what was missed is given up
    pattern.check_chunk();
    if (ticks % 100 != 0) continue;
    const long long gap_us = gap.take_us();
    print("ticker: ticks=%lld gap_us=%lld max_gap_us=%lld pattern=%s\n", ticks, gap_us, gap.max_us(),
          pattern.intact() ? "ok" : "BAD");
  }
}

constexpr size_t BLOCK = 4096;
constexpr uint64_t BLOCKS = 512;
constexpr uint64_t MAGIC = 0x6b6c626e6f746162;  // "batonblk"
constexpr uint64_t FILES = 8;
constexpr uint64_t WRITES_PER_FILE = 16;

// Word 0 the magic, word 1 the number of the write, the rest follows from the number.
void fill(uint64_t* block, uint64_t number) {
  block[0] = MAGIC;
  block[1] = number;
  for (size_t at = 2; at < BLOCK / sizeof *block; at++) block[at] = (number + at) * STEP ^ (number << 32);
}

volatile sig_atomic_t must_end = 0;

// A file that is written beside and put in place of the old one: work for the filesystem's journal.
void replace_file(const char* path, uint64_t number, const uint64_t* block) {
  char name[256];
  char temporary[256];
  snprintf(name, sizeof name, "%s.%llu", path, static_cast<unsigned long long>(number % FILES));
  snprintf(temporary, sizeof temporary, "%s.new", path);
  const int file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0 || write(file, block, BLOCK) != BLOCK || fsync(file) != 0 || close(file) != 0) fail(temporary);
  if (rename(temporary, name) != 0) fail(name);
}

void disk(const char* path, int64_t period_us) {
  signal(SIGTERM, [](int) { must_end = 1; });
  const int out = open(path, O_RDWR | O_CREAT, 0644);
  const int back = open(path, O_RDONLY | O_DIRECT);
  if (out < 0 || back < 0) fail(path);
  auto* written = static_cast<uint64_t*>(aligned_alloc(BLOCK, BLOCK));
  auto* expected = static_cast<uint64_t*>(aligned_alloc(BLOCK, BLOCK));
  auto* found = static_cast<uint64_t*>(aligned_alloc(BLOCK, BLOCK));
  Gap gap;
  bool ok = true;
  unsigned long long writes = 0;
  unsigned long long verified = 0;
  int64_t line_at = now() + 250 * MS;
  while (must_end == 0) {
    fill(written, writes);
    const auto place = static_cast<off_t>(writes % BLOCKS * BLOCK);
    if (pwrite(out, written, BLOCK, place) != BLOCK || fdatasync(out) != 0) fail("disk: write");
    gap.event();
    writes++;
    if (writes % WRITES_PER_FILE == 0) replace_file(path, writes / WRITES_PER_FILE, written);
    // One of the blocks that are not overwritten yet, far back and near in turns.
    const uint64_t kept = writes < BLOCKS ? writes : BLOCKS;
    const uint64_t number = writes - 1 - writes * STEP % kept;
    fill(expected, number);
    if (pread(back, found, BLOCK, static_cast<off_t>(number % BLOCKS * BLOCK)) != BLOCK) fail("disk: read");
    if (memcmp(found, expected, BLOCK) == 0) {
      verified++;
    } else {
      ok = false;
    }
    const int64_t time = now();
    if (time >= line_at) {
      const long long gap_us = gap.take_us();
      print("disk: writes=%llu verified=%llu gap_us=%lld max_gap_us=%lld %s\n", writes, verified, gap_us,
            gap.max_us(), ok ? "ok" : "BAD");
      line_at = time + 250 * MS;
    }
    sleep_until(time + period_us * US);
  }
  print("disk: ended writes=%llu verified=%llu max_gap_us=%lld %s\n", writes, verified, gap.max_us(), ok ? "ok" : "BAD");
}

[[noreturn]] void echo(uint16_t port) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, 4) != 0) {
    fail("echo: listen");
  }
  print("echo: listening\n");
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    const int client = accept(listener, nullptr, nullptr);
    if (client < 0) fail("echo: accept");
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char bytes[16384];
    for (;;) {
      const ssize_t length = read(client, bytes, sizeof bytes);
      if (length <= 0) break;
      ssize_t sent = 0;
      while (sent < length) {
        const ssize_t part = write(client, bytes + sent, static_cast<size_t>(length - sent));
        if (part <= 0) break;
        sent += part;
      }
      if (sent < length) break;
    }
    close(client);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const char* part = argc > 1 ? argv[1] : "";
  if (strcmp(part, "ticker") == 0) ticker();
  if (strcmp(part, "echo") == 0 && argc > 2) echo(static_cast<uint16_t>(atoi(argv[2])));
  if (strcmp(part, "disk") != 0 || argc < 4) {
    fprintf(stderr, "usage: workload ticker | disk FILE PERIOD_US | echo PORT\n");
    return 2;
  }
  disk(argv[2], atoll(argv[3]));
  return 0;
}
